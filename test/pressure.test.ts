/**
 * Goal: the pressure of a heap is what its two words say, and whoever listens hears of every level that lasts, once,
 * not too often, and never of one that merely sways around a threshold (row G2).
 * Method: the scale against a second formulation of the rule at every byte of small limits; heaps filled and emptied
 * through every level and back, with a clock that the test moves; automatic collections seen in events.
 * A failure means listeners that are told wrong, too often or too late, or a heap that collects when it must not.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  array,
  Heap,
  type HeapOptions,
  type PressureEvent,
  type PressureLevel,
  struct,
  type TenantCollection,
  u8,
} from '../src/index.js'
import { checkPressure, PRESSURE_LEVELS, PressureScale } from '../src/pressure.js'
import { ManualClock } from './support/manual-clock.js'
import { random } from './support/random.js'
import { expectSound, thrownBy } from './support/refusal.js'

const MIB = 2 ** 20
const Blob = struct('Blob', { bytes: array(u8) })

/** A heap whose usage the test sets, by blocks of 16 KiB, to within one of them. */
class Gauge {
  readonly clock = new ManualClock()
  readonly heap: Heap
  readonly told: PressureEvent[] = []
  readonly collected: TenantCollection[] = []
  readonly #blocks: number[] = []

  constructor(options: HeapOptions = {}) {
    this.heap = Heap.create({ limit: '8MiB', ...options, testing: { clock: this.clock } })
    this.heap.on('collectTenants', (event) => void this.collected.push(event))
  }

  listen(): () => void {
    return this.heap.on('pressure', (event) => void this.told.push(event))
  }

  get usage(): number {
    return this.heap.pressure().usage
  }

  /** By allocating and freeing, as a program does. */
  set usage(share: number) {
    while (this.usage < share) this.#blocks.push(this.heap.alloc(16_000))
    while (this.usage > share) this.heap.free(this.#blocks.pop() as number)
  }

  get levels(): PressureLevel[] {
    return this.told.map(({ level }) => level)
  }
}

describe('the scale', () => {
  it.each([
    [{}],
    [{ hysteresis: 0 }],
    [{ medium: 0.1, high: 0.11, critical: 1, hysteresis: 0.09 }],
    [{ medium: 0.5, high: 0.55, critical: 0.6, hysteresis: 0.2 }],
  ])('%j: goes up at a threshold and down below it by the hysteresis, at every byte', (options) => {
    const plan = checkPressure(options)
    const limit = 1000
    for (const seed of [1, 2, 3]) {
      const next = random(seed)
      const scale = new PressureScale(plan)
      let level = 0
      for (let step = 0; step < 2000; step++) {
        const used =
          next(2) === 0 ? next(limit + 1) : Math.min(limit, Math.max(0, Math.round(level * 250 + next(200) - 100)))
        // The rule in thousandths, which are whole numbers.
        const thresholds = plan.thresholds.map((share) => Math.round(share * 1000))
        const hysteresis = Math.round(plan.hysteresis * 1000)
        const highest = thresholds.findLastIndex((threshold) => used >= threshold)
        while (level > highest && used <= (thresholds[level] as number) - hysteresis) level--
        level = Math.max(level, highest)
        const before = scale.level
        expect(scale.update(used, limit), `seed ${seed}, step ${step}`).toBe(PRESSURE_LEVELS[level] !== before)
        expect(scale.level, `seed ${seed}, step ${step}: ${used}`).toBe(PRESSURE_LEVELS[level])
        expect(used < scale.riseAt && used > scale.fallAt).toBe(true)
      }
    }
  })

  it.each([
    ['pressure', { pressure: 5 }],
    ['pressure', { pressure: { mediums: 0.5 } }],
    ['pressure.medium', { pressure: { medium: 0 } }],
    ['pressure.medium', { pressure: { medium: '60%' } }],
    ['pressure.high', { pressure: { high: 0.5 } }],
    ['pressure.critical', { pressure: { critical: 1.01 } }],
    ['pressure.critical', { pressure: { high: 0.96 } }],
    ['pressure.hysteresis', { pressure: { hysteresis: -0.1 } }],
    ['pressure.hysteresis', { pressure: { hysteresis: 0.6 } }],
    ['pressure.minIntervalMs', { pressure: { minIntervalMs: -1 } }],
    ['pressure.collects', { pressure: { collects: 1 } }],
    ['collectAfterFrees', { collectAfterFrees: 0 }],
    ['testing.clock', { testing: { clock: {} } }],
  ])('%s is refused where it is none: %j', (argument, options) => {
    const error = thrownBy(() => Heap.create(options as HeapOptions))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toMatchObject({ argument })
  })
})

describe('a reading', () => {
  it.each(['manual', 'compiler', 'runtime', 'vm', 'server'] as const)('%s: is the two words', (mode) => {
    const heap = Heap.create({ mode, limit: '8MiB' })
    for (let i = 0; i < 20; i++) {
      heap.alloc(Math.floor(heap.limitBytes / 40))
      const { committedBytes, freeBytes, limitBytes } = heap.stats()
      const usedBytes = committedBytes - freeBytes
      expect(heap.pressure()).toMatchObject({ usedBytes, limitBytes, usage: usedBytes / limitBytes })
    }
    expect(heap.pressure().level).not.toBe('critical')
    heap.close()
    expect(() => heap.pressure()).toThrow('closed')
  })
})

it('a reading of an embedded heap leaves out the gap between objects and blocks', () => {
  const heap = Heap.create({ mode: 'embedded', limit: '64KiB' })
  const empty = heap.pressure()
  expect(empty).toMatchObject({ level: 'low', limitBytes: 65536 })
  expect(empty.usedBytes).toBeLessThan(2000)
  const block = heap.alloc(20_000)
  {
    using _ = heap.scope()
    heap.new(Blob, {}, 20_000)
  }
  expect(heap.pressure().usedBytes - empty.usedBytes).toBeGreaterThanOrEqual(40_000)
  expect(heap.pressure().usedBytes - empty.usedBytes).toBeLessThan(41_000)
  expect(heap.pressure().level).toBe('medium')
  heap.free(block)
  heap.collect()
  expect(heap.pressure().level).toBe('low')
  expect(heap.pressure().usedBytes - empty.usedBytes).toBeLessThan(1000)
})

describe('the sweep', () => {
  it('tells of every level on the way up and down', () => {
    const gauge = new Gauge({ pressure: { collects: false } })
    gauge.listen()
    for (const share of [0.3, 0.59, 0.61, 0.79, 0.81, 0.94, 0.97]) {
      gauge.usage = share
      gauge.clock.advance(2000)
    }
    expect(gauge.levels).toEqual(['medium', 'high', 'critical'])
    // A threshold is left only five points below it.
    for (const share of [0.93, 0.91]) gauge.usage = share
    expect(gauge.levels.length).toBe(3)
    for (const share of [0.89, 0.76, 0.74, 0.56, 0.54, 0.1]) {
      gauge.usage = share
      gauge.clock.advance(2000)
    }
    expect(gauge.levels).toEqual(['medium', 'high', 'critical', 'high', 'medium', 'low'])
    for (const { usage, usedBytes, limitBytes } of gauge.told) expect(usage).toBe(usedBytes / limitBytes)
    expect(gauge.told.map(({ previousLevel }) => previousLevel)).toEqual(['low', ...gauge.levels.slice(0, -1)])
    expect(gauge.told[0]?.usage).toBeCloseTo(0.6, 2)
    expect(gauge.told[3]?.usage).toBeCloseTo(0.9, 2)
    expectSound(gauge.heap)
  })

  it('is quiet while usage sways around a threshold', () => {
    const gauge = new Gauge()
    gauge.listen()
    for (let turn = 0; turn < 50; turn++) {
      gauge.usage = turn % 2 === 0 ? 0.62 : 0.57
      gauge.clock.advance(2000)
    }
    expect(gauge.levels).toEqual(['medium'])
  })

  it('tells at most once in an interval, and at its end the level that holds then', () => {
    const gauge = new Gauge({ pressure: { minIntervalMs: 500, collects: false } })
    gauge.listen()
    gauge.usage = 0.61
    gauge.usage = 0.81
    gauge.usage = 0.97
    gauge.usage = 0.7
    expect(gauge.levels).toEqual(['medium'])
    gauge.usage = 0.85
    gauge.clock.advance(499)
    expect(gauge.levels).toEqual(['medium'])
    gauge.clock.advance(1)
    expect(gauge.levels).toEqual(['medium', 'high'])
    expect(gauge.clock.waiting).toBe(0)
  })

  it('does not tell a level twice in a row when it was another one only in between', () => {
    const gauge = new Gauge({ pressure: { collects: false } })
    gauge.listen()
    gauge.usage = 0.61
    gauge.usage = 0.85
    gauge.usage = 0.7
    gauge.clock.advance(5000)
    expect(gauge.levels).toEqual(['medium'])
    gauge.usage = 0.82
    expect(gauge.levels).toEqual(['medium', 'high'])
  })

  it('tells in the middle of a long loop, too, in which no timer runs', () => {
    const gauge = new Gauge({ pressure: { collects: false } })
    gauge.listen()
    gauge.usage = 0.61
    gauge.usage = 0.81
    gauge.clock.block(1500)
    expect(gauge.levels).toEqual(['medium'])
    gauge.usage = 0.84
    expect(gauge.levels).toEqual(['medium', 'high'])
  })

  it('at random: never the same twice, never too soon, and after a quiet interval the level that holds', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const next = random(seed)
      const minIntervalMs = 100 + next(900)
      const gauge = new Gauge({ pressure: { minIntervalMs, collects: next(2) === 0 } })
      const toldMs: number[] = []
      gauge.listen()
      gauge.heap.on('pressure', () => void toldMs.push(gauge.clock.nowMs()))
      for (let step = 0; step < 60; step++) {
        gauge.usage = (15 + next(82)) / 100
        if (next(3) === 0) gauge.clock.block(next(minIntervalMs))
        else gauge.clock.advance(next(2 * minIntervalMs))
      }
      gauge.clock.advance(minIntervalMs)
      expect(gauge.levels.length, `seed ${seed}`).toBeGreaterThan(10)
      expect(gauge.levels.at(-1), `seed ${seed}`).toBe(gauge.heap.pressure().level)
      for (let i = 1; i < toldMs.length; i++) {
        expect(gauge.levels[i], `seed ${seed}, event ${i}`).not.toBe(gauge.levels[i - 1])
        expect((toldMs[i] ?? 0) - (toldMs[i - 1] ?? 0), `seed ${seed}, event ${i}`).toBeGreaterThanOrEqual(
          minIntervalMs,
        )
      }
      expectSound(gauge.heap)
    }
  })

  it('tells a new listener with the next call, and nobody once the last has gone', () => {
    const gauge = new Gauge()
    gauge.usage = 0.85
    const off = gauge.listen()
    gauge.heap.free(gauge.heap.alloc(100))
    expect(gauge.levels).toEqual(['high'])
    off()
    expect(gauge.clock.waiting).toBe(0)
    gauge.usage = 0.2
    gauge.clock.advance(10_000)
    expect(gauge.levels).toEqual(['high'])
  })

  it('goes through every call that takes or gives', () => {
    const freed = (heap: Heap, block: number) => () => heap.free(block)
    const arena = (heap: Heap) => {
      const made = heap.arena({ chunk: '8MiB' })
      made.alloc(5 * MIB)
      return () => made.dispose()
    }
    const pool = (heap: Heap) => {
      const made = heap.pool({ size: 4096, count: 1280 })
      return () => made.dispose()
    }
    const counted = (heap: Heap) => {
      const object = heap.allocRefcounted(5 * MIB)
      return () => {
        // Seen with the next call.
        heap.decref(object)
        heap.free(heap.alloc(1))
      }
    }
    const calls: [string, (heap: Heap) => () => void][] = [
      ['calloc', (heap) => freed(heap, heap.calloc(1, 5 * MIB))],
      ['allocAligned', (heap) => freed(heap, heap.allocAligned(5 * MIB, 4096))],
      ['realloc', (heap) => freed(heap, heap.realloc(heap.alloc(10), 5 * MIB))],
      ['arena', arena],
      ['pool', pool],
      ['counted', counted],
    ]
    for (const [name, take] of calls) {
      const gauge = new Gauge()
      gauge.listen()
      const give = take(gauge.heap)
      gauge.clock.advance(2000)
      expect(gauge.levels, name).toEqual(['medium'])
      give()
      expect(gauge.levels, name).toEqual(['medium', 'low'])
    }
  })

  it('of objects: garbage counts until it is collected', () => {
    const gauge = new Gauge({ mode: 'vm' })
    gauge.listen()
    const scope = gauge.heap.scope()
    while (gauge.usage < 0.7) gauge.heap.new(Blob, {}, 60_000)
    gauge.clock.advance(2000)
    scope.close()
    expect(gauge.levels).toEqual(['medium'])
    gauge.heap.collect()
    expect(gauge.levels).toEqual(['medium', 'low'])
    expectSound(gauge.heap)
  })

  it('is told to those who have subscribed before there was a heap, wherever that lies', () => {
    const levels: PressureLevel[] = []
    const listener = (message: unknown) => void levels.push((message as PressureEvent).level)
    subscribe('heapwright:pressure', listener)
    try {
      const memory = new WebAssembly.Memory({ initial: 64 })
      const common = { limit: '2MiB', pressure: { minIntervalMs: 0 } } as const
      const heap = Heap.create({ memory, base: 2 * MIB, ...common })
      heap.alloc(100)
      expect(levels).toEqual([])
      heap.alloc(1.5 * MIB)
      expect(levels).toEqual(['medium'])
      heap.alloc(400_000)
      expect(levels).toEqual(['medium', 'critical'])
    } finally {
      unsubscribe('heapwright:pressure', listener)
    }
  })

  it('of a tenant is its own, and follows its limit', () => {
    const clock = new ManualClock()
    const heap = Heap.create({ limit: '64MiB', testing: { clock } })
    const tenant = heap.tenant('guest', { max: '4MiB' })
    const levels: PressureLevel[] = []
    tenant.on('pressure', ({ level }) => void levels.push(level))
    tenant.alloc(3 * MIB)
    expect(levels).toEqual(['medium'])
    expect(heap.pressure().level).toBe('low')
    clock.advance(2000)
    tenant.setLimits({ max: '8MiB' })
    expect(tenant.pressure()).toMatchObject({ level: 'low', limitBytes: 8 * MIB })
    expect(levels).toEqual(['medium', 'low'])
    expectSound(tenant)
  })

  it('hears of what tenants borrow and give back, when the job is over', async () => {
    const gauge = new Gauge({ limit: '64MiB' })
    gauge.listen()
    const tenant = gauge.heap.tenant('outer', { max: '60MiB' }).tenant('guest', { max: '55MiB' })
    const block = tenant.alloc(42 * MIB)
    await Promise.resolve()
    expect(gauge.levels).toEqual(['medium'])
    gauge.clock.advance(1000)
    tenant.free(block)
    tenant.giveBack()
    gauge.heap.findTenant('outer')?.free()
    await Promise.resolve()
    expect(gauge.levels).toEqual(['medium', 'low'])
    gauge.heap.tenant('late', { max: '60MiB' }).alloc(42 * MIB)
    gauge.heap.close()
    await Promise.resolve()
    expect(gauge.levels).toEqual(['medium', 'low'])
  })

  it('ends with the heap, timers included', () => {
    const gauge = new Gauge()
    gauge.listen()
    gauge.usage = 0.61
    gauge.usage = 0.81
    expect(gauge.clock.waiting).toBe(1)
    gauge.heap.close()
    expect(gauge.clock.waiting).toBe(0)
    gauge.clock.advance(5000)
    expect(gauge.levels).toEqual(['medium'])
  })

  it('survives listeners that allocate, throw away, reset or close', () => {
    for (const end of ['reset', 'close'] as const) {
      const gauge = new Gauge()
      gauge.heap.on('pressure', ({ level }) => {
        gauge.heap.free(gauge.heap.alloc(50_000))
        if (level === 'high') gauge.heap[end]()
      })
      gauge.usage = 0.61
      gauge.clock.advance(2000)
      const block = gauge.heap.alloc(2 * MIB)
      expect(block).toBeGreaterThan(0)
      if (end === 'reset') expectSound(gauge.heap)
      else expect(() => gauge.heap.alloc(1)).toThrow('closed')
    }
  })
})

describe('automatic collections', () => {
  /** Objects that nothing refers to, to a share of the limit. */
  function fillWithGarbage(gauge: Gauge, share: number): void {
    using _ = gauge.heap.scope()
    while (gauge.usage < share && gauge.collected.length === 0) gauge.heap.new(Blob, {}, 50_000)
  }

  it('come at the critical level, after it was told, and are announced', () => {
    const gauge = new Gauge({ mode: 'vm' })
    const order: string[] = []
    gauge.heap.on('pressure', ({ level }) => void order.push(level))
    gauge.heap.on('collectTenants', ({ cause }) => void order.push(cause))
    const kept = gauge.heap.alloc(3 * MIB)
    gauge.usage = 0.7
    gauge.clock.advance(2000)
    for (let i = 0; i < 200 && gauge.collected.length === 0; i++) {
      using _ = gauge.heap.scope()
      gauge.heap.new(Blob, {}, 16_000)
      gauge.usage = Math.min(0.96, gauge.usage + 0.01)
      gauge.clock.advance(1000)
    }
    expect(order.slice(0, 4)).toEqual(['medium', 'high', 'critical', 'pressure'])
    expect(gauge.collected[0]).toMatchObject({ policy: 'global', cause: 'pressure', hasRun: true })
    expect(gauge.heap.isBlock(kept)).toBe(true)
    expectSound(gauge.heap)
  })

  it('are no more than one in five seconds', () => {
    const gauge = new Gauge({ mode: 'vm' })
    gauge.listen()
    gauge.usage = 0.96
    expect(gauge.collected.length).toBe(1)
    gauge.clock.advance(4999)
    gauge.usage = 0.98
    expect(gauge.collected.length).toBe(1)
    gauge.clock.advance(1)
    expect(gauge.collected.length).toBe(2)
    gauge.usage = 0.5
    gauge.clock.advance(60_000)
    expect(gauge.collected.length).toBe(2)
    expect(gauge.clock.waiting).toBe(0)
  })

  it('do not come where they were not wanted, nor while nobody watches', () => {
    const unwanted = new Gauge({ mode: 'vm', pressure: { collects: false } })
    unwanted.listen()
    unwanted.usage = 0.97
    expect(unwanted.collected).toEqual([])
    const unwatched = new Gauge({ mode: 'vm' })
    unwatched.usage = 0.97
    unwatched.clock.advance(60_000)
    expect(unwatched.collected).toEqual([])
    expect(unwatched.clock.waiting).toBe(0)
  })

  it('of autoCollect come from 80 % on, when enough was taken, until it is ended', () => {
    const gauge = new Gauge({ mode: 'vm', gcShare: 1 })
    const off = gauge.heap.autoCollect()
    gauge.usage = 0.6
    expect(gauge.collected).toEqual([])
    fillWithGarbage(gauge, 0.85)
    expect(gauge.collected.length).toBe(1)
    expect(gauge.collected[0]).toMatchObject({ cause: 'usage', policy: 'global', hasRun: true })
    expect(gauge.usage).toBeLessThan(0.83)
    off()
    gauge.collected.length = 0
    gauge.clock.advance(60_000)
    gauge.usage = 0.97
    expect(gauge.collected).toEqual([])
    expect(gauge.clock.waiting).toBe(0)
  })

  it.each(['heap', 'tenant'] as const)('of autoCollect come when enough blocks of the %s were freed', async (whose) => {
    const gauge = new Gauge({ collectAfterFrees: 100 })
    gauge.heap.autoCollect({ everyMs: 1000 })
    const tenant = gauge.heap.tenant('guest')
    const one = whose === 'heap' ? gauge.heap : tenant
    one.free(one.alloc(64))
    gauge.usage = 0.84
    await Promise.resolve()
    gauge.clock.advance(1000)
    gauge.heap.forceCollect()
    gauge.collected.length = 0
    // As much is in use all the time.
    const churn = (times: number) => {
      for (let i = 0; i < times; i++) one.free(one.alloc(64))
    }
    churn(90)
    await Promise.resolve()
    expect(gauge.collected).toEqual([])
    churn(20)
    await Promise.resolve()
    expect(gauge.collected.map(({ cause }) => cause)).toEqual(['usage'])
    churn(110)
    await Promise.resolve()
    expect(gauge.collected).toHaveLength(1)
    gauge.clock.advance(1000)
    expect(gauge.collected).toHaveLength(2)
    expectSound(gauge.heap)
  })

  it('of autoCollect keep to what they were told, the last time', () => {
    const gauge = new Gauge({ mode: 'vm', gcShare: 1 })
    gauge.heap.autoCollect()
    const off = gauge.heap.autoCollect({ everyMs: 100, fromUsage: 0.3, policy: 'unreferenced' })
    gauge.usage = 0.4
    expect(gauge.collected[0]).toMatchObject({ cause: 'usage', policy: 'unreferenced' })
    gauge.clock.advance(100)
    gauge.usage = 0.6
    expect(gauge.collected.length).toBe(2)
    off()
    for (const options of [
      { everyMs: -1 },
      { fromUsage: 2 },
      { policy: 'targeted' },
      { policy: 'threshold' },
      { thresholdBytes: 5 },
      { every: 5 },
    ]) {
      expect(() => gauge.heap.autoCollect(options as never), JSON.stringify(options)).toThrow(ArgumentError)
    }
  })

  it('never begin inside a reclaimer, nor inside what a collection tells', () => {
    const gauge = new Gauge({ mode: 'vm', gcShare: 1 })
    gauge.heap.autoCollect({ everyMs: 0, fromUsage: 0 })
    let inside = 0
    const seen: number[] = []
    const watch = (act: () => void) => () => {
      inside++
      const before = gauge.collected.length
      act()
      seen.push(gauge.collected.length - before)
      inside--
    }
    gauge.heap.addReclaimer(watch(() => gauge.heap.free(gauge.heap.alloc(3000))))
    gauge.heap.on(
      'collectEnd',
      watch(() => gauge.heap.free(gauge.heap.alloc(3000))),
    )
    gauge.heap.on('collectTenants', () => expect(inside).toBe(0))
    gauge.usage = 0.9
    expect(gauge.heap.tryAlloc(5 * MIB)).toBe(0)
    gauge.heap.collect()
    expect(seen.length).toBeGreaterThan(2)
    expect(new Set(seen)).toEqual(new Set([0]))
    expect(gauge.collected.length).toBeGreaterThan(0)
    expectSound(gauge.heap)
  })

  it('take the reserve again as soon as blocks are freed', () => {
    const heap = Heap.create({ limit: '2MiB', outOfMemoryReserve: '256KiB' })
    const blocks: number[] = []
    for (let block = heap.tryAlloc(30_000); block !== 0; block = heap.tryAlloc(30_000)) blocks.push(block)
    const freed = () => heap.stats().unusedBytes > 256 * 1024
    let count = 0
    for (; !freed(); count++) heap.free(blocks.pop() as number)
    expect(count).toBeGreaterThanOrEqual(8)
    expect(count).toBeLessThan(20)
    expectSound(heap)
  })
})

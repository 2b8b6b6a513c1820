/**
 * Goal: each collection policy does what its name says, to the byte, and says what it did (row G3).
 * Method: heaps and tenants whose content is known: so many live objects, so many dead ones, pages kept at hand,
 * pieces wholly free. What must be touched and what must not is compared with the figures of each heap before and
 * after; what a policy reports, with what the statistics of all of them say.
 * A failure means memory that a policy promised and did not give, or a protected tenant that was disturbed.
 */
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  array,
  Heap,
  type HeapOptions,
  ref,
  struct,
  type Tenant,
  type TenantCollection,
  u8,
} from '../src/index.js'
import { ManualClock } from './support/manual-clock.js'
import { random } from './support/random.js'
import { expectSound, thrownBy } from './support/refusal.js'

const MIB = 2 ** 20
const KIB = 2 ** 10
const Blob = struct('Blob', { bytes: array(u8) })
const Pair = struct('Pair', { head: ref(), tail: ref() })
/** A large object: its piece is its own, and wholly free when it dies. */
const LARGE_BYTES = 40_000

/** Roots of `live` large objects, and `dead` that nothing refers to. */
function objects(heap: Heap, live: number, dead: number): void {
  for (let i = 0; i < live + dead; i++) {
    using _ = heap.scope()
    const made = heap.new(Blob, {}, LARGE_BYTES)
    if (i < live) heap.root(made)
  }
}

/** A counted pair of objects that refer to each other, which nobody else refers to. */
function garbageCycle(heap: Heap): void {
  using _ = heap.scope()
  const one = heap.new(Pair)
  const other = heap.new(Pair, { head: one })
  one.head = other
}

/** Pages kept for one class each, in which no block lives. */
function keptPages(heap: Heap, classes: number): void {
  for (let i = 1; i <= classes; i++) heap.free(heap.alloc(16 * i))
}

/** Held and not free, of each heap by its name. */
function usedOf(heaps: readonly Heap[]): number[] {
  return heaps.map((heap) => heap.pressure().usedBytes)
}

/** What can be had by nobody, of a heap and of those within it, by their statistics. */
function occupied(heap: Heap): number {
  const { committedBytes, freeBytes } = heap.stats()
  let bytes = committedBytes - freeBytes
  for (const tenant of heap.tenants()) bytes += occupied(tenant) - tenant.stats().committedBytes
  return bytes
}

/** Collect whatever `shouldCollect` says, and check what is reported against the statistics. */
function collected(heap: Heap, collect: () => TenantCollection): TenantCollection {
  const told: TenantCollection[] = []
  const off = heap.on('collectTenants', (event) => void told.push(event))
  const before = occupied(heap)
  const made = collect()
  expect(made.freedBytes).toBe(Math.max(before - occupied(heap), 0))
  expect(told).toEqual([made])
  expect(made.hasRun).toBe(true)
  off()
  expectSound(heap)
  for (const tenant of heap.tenants()) expectSound(tenant)
  return made
}

/** A heap of 64 MiB with tenants a, b, c: all of the mode, all with 10 live and 20 dead objects and 8 kept pages. */
function household(mode: 'vm' | 'runtime' | 'server' = 'vm', options: HeapOptions = {}) {
  const heap = Heap.create({ mode, limit: '64MiB', gcShare: 1, ...options })
  const tenants = ['a', 'b', 'c'].map((id) => heap.tenant(id, { max: '16MiB' })) as [Tenant, Tenant, Tenant]
  for (const one of [heap, ...tenants]) {
    objects(one, 10, 20)
    keptPages(one, 8)
  }
  return { heap, tenants, all: [heap, ...tenants] as const }
}

const DEAD_BYTES = 20 * LARGE_BYTES
/** A large object with its header, in whole granules. */
const OBJECT_BYTES = Math.ceil((LARGE_BYTES + 8) / 16) * 16

describe('unreferenced', () => {
  it.each(['vm', 'runtime', 'server'] as const)('%s: frees the dead of heap and tenants, and nothing else', (mode) => {
    const { heap, all } = household(mode)
    const live = all.map((one) => one.stats().liveBlocks)
    const reclaimer = () => expect.fail('no reclaimer runs')
    for (const one of all) one.addReclaimer(reclaimer)
    const made = collected(heap, () => heap.forceCollect({ policy: 'unreferenced' }))
    expect(made.tenantsCleaned).toBe(3)
    expect(made.objectBytes).toBe(4 * 20 * OBJECT_BYTES)
    expect(made.givenBackBytes).toBe(0)
    // Each heap keeps its pages at hand: as many as that of another household, which nobody has collected.
    const caches = all.map((one) => one.releaseCaches())
    expect(caches).toEqual(household(mode).all.map((one) => one.releaseCaches()))
    expect(Math.max(...caches)).toBeGreaterThan(0)
    for (const [i, one] of all.entries()) {
      expect(one.stats().liveObjects).toBe(10)
      expect(one.stats().liveBlocks).toBe(live[i])
    }
  })

  it('moves nothing, where a collection on request would', () => {
    const fragmented = () => {
      const heap = Heap.create({ mode: 'vm', limit: '16MiB', gcShare: 1 })
      const next = random(7)
      const roots = Array.from({ length: 6000 }, (_, i) => {
        using scope = heap.scope()
        void scope
        const made = heap.new(Blob, {}, 100)
        return i % 12 === next(12) ? heap.root(made) : undefined
      }).filter((root) => root !== undefined)
      const places = () => roots.map(({ value }) => value.reference)
      return { heap, places }
    }
    const moved = fragmented()
    const before = moved.places()
    // What the last sweep found thinly filled is moved.
    for (let i = 0; i < 2; i++) moved.heap.collect()
    expect(moved.places()).not.toEqual(before)
    const kept = fragmented()
    const places = kept.places()
    const made = collected(kept.heap, () => kept.heap.forceCollect({ policy: 'unreferenced' }))
    expect(made.objectBytes).toBeGreaterThan(5000 * 100)
    for (let i = 0; i < 3; i++) kept.heap.forceCollect({ policy: 'unreferenced' })
    expect(kept.places()).toEqual(places)
    // And evacuation is on again.
    kept.heap.collect()
    expect(kept.places()).not.toEqual(places)
  })

  it('manual: releases cycles of counted garbage, of heap and tenants, to the object', () => {
    const heap = Heap.create({ limit: '32MiB' })
    const tenant = heap.tenant('guest', { max: '4MiB' })
    for (let i = 0; i < 100; i++) for (const one of [heap, tenant]) garbageCycle(one)
    const kept = tenant.allocRefcounted(1000)
    const live = [heap, tenant].map((one) => one.stats().liveObjectBytes)
    const made = collected(heap, () => heap.forceCollect({ policy: 'unreferenced' }))
    const left = [heap, tenant].map((one) => one.stats().liveObjectBytes)
    expect(made.objectBytes).toBe((live[0] ?? 0) + (live[1] ?? 0) - (left[0] ?? 0) - (left[1] ?? 0))
    expect(heap.stats().liveObjects).toBe(0)
    expect(tenant.stats().liveObjects).toBe(1)
    expect(tenant.refcount(kept)).toBe(1)
    expect(made.tenantsCleaned).toBe(1)
  })
})

describe('global', () => {
  it.each(['vm', 'runtime', 'server'] as const)(
    '%s: cleans heap and tenants, drops what is kept, gives back',
    (mode) => {
      const { heap, tenants, all } = household(mode)
      const held = tenants.map((tenant) => tenant.stats().tenant.heldBytes)
      const made = collected(heap, () => heap.forceCollect())
      expect(made).toMatchObject({ policy: 'global', cause: 'force', tenantsCleaned: 3, tenantsSpared: 0 })
      expect(made.objectBytes).toBe(4 * 20 * OBJECT_BYTES)
      expect(made.freedBytes).toBeGreaterThanOrEqual(mode === 'vm' ? 4 * DEAD_BYTES : DEAD_BYTES)
      const heldNow = tenants.map((tenant) => tenant.stats().tenant.heldBytes)
      const sum = (list: number[]) => list.reduce((a, b) => a + b, 0)
      expect(made.givenBackBytes).toBe(sum(held) - sum(heldNow))
      expect(made.givenBackBytes).toBeGreaterThan(0)
      for (const one of all) expect(one.stats().liveObjects).toBe(10)
      for (const one of all) expect(one.releaseCaches()).toBe(0)
    },
  )

  it('manual, without objects: pages kept at hand are the only garbage there is', () => {
    const heap = Heap.create({ limit: '32MiB' })
    const tenant = heap.tenant('guest', { max: '4MiB' })
    const block = tenant.alloc(1000)
    tenant.free(tenant.alloc(MIB))
    for (const one of [heap, tenant]) keptPages(one, 20)
    // What two other heaps of the same content say that it is.
    const twin = Heap.create({ limit: '32MiB' })
    keptPages(twin, 20)
    const caches = twin.releaseCaches()
    const made = collected(heap, () => heap.forceCollect())
    expect(made.freedBytes).toBeGreaterThanOrEqual(2 * caches)
    expect(made.objectBytes).toBe(0)
    expect(made.givenBackBytes).toBe(MIB + (tenant.isBlock(block) ? 0 : 1))
    expect(tenant.isBlock(block)).toBe(true)
  })

  it('forced, runs the reclaimers of all of them by priority and compacts', () => {
    const { heap, all } = household()
    const called: string[] = []
    for (const [i, one] of all.entries()) {
      one.addReclaimer((bytes) => void called.push(`${i} low ${bytes > 0}`))
      one.addReclaimer(() => void called.push(`${i} high`), { priority: 1 })
    }
    collected(heap, () => heap.forceCollect())
    expect(called).toEqual([1, 2, 3, 0].flatMap((i) => [`${i} high`, `${i} low true`]))
    for (const one of all) expect(one.stats().compactions).toBeGreaterThan(0)
  })

  it('on request does neither', () => {
    const { heap, all } = household()
    for (const one of all) one.addReclaimer(() => expect.fail('no reclaimer runs'))
    const made = collected(heap, () => heap.collectTenants())
    expect(made).toMatchObject({ cause: 'request', tenantsCleaned: 3 })
    for (const one of all) expect(one.stats().compactions).toBe(0)
  })

  it('reaches tenants of tenants', () => {
    const heap = Heap.create({ mode: 'vm', limit: '64MiB' })
    const outer = heap.tenant('outer', { max: '32MiB' })
    const inner = outer.tenant('inner', { max: '8MiB' })
    objects(inner, 0, 20)
    keptPages(inner, 8)
    const made = collected(heap, () => heap.forceCollect({ policy: 'targeted', tenant: outer }))
    expect(made.freedBytes).toBeGreaterThan(0)
    expect(inner.releaseCaches()).toBe(0)
  })
})

describe('threshold', () => {
  it('cleans the tenants that hold more, and neither the others nor the heap', () => {
    const { heap, tenants, all } = household()
    const [big, ...small] = tenants
    big.alloc(5 * MIB)
    const before = usedOf(all)
    const made = collected(heap, () => heap.forceCollect({ policy: 'threshold', thresholdBytes: '4MiB' }))
    expect(made).toMatchObject({ tenantsCleaned: 1, tenantsSpared: 0, policy: 'threshold' })
    const after = usedOf(all)
    expect((before[1] ?? 0) - (after[1] ?? 0)).toBeGreaterThanOrEqual(DEAD_BYTES)
    expect([after[2], after[3]]).toEqual([before[2], before[3]])
    for (const one of [heap, ...small]) expect(one.stats().collections).toBe(0)
    expect(big.stats().liveObjects).toBe(10)
  })

  it('takes the bytes as the most that is left alone', () => {
    const { heap, tenants } = household()
    const held = tenants[0].stats().tenant.heldBytes
    const call = (thresholdBytes: number) => heap.forceCollect({ policy: 'threshold', thresholdBytes })
    expect(call(held).tenantsCleaned).toBe(0)
    expect(call(held - 1).tenantsCleaned).toBe(3)
  })

  it('of a heap without tenants is for the heap itself', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    objects(heap, 0, 20)
    const call = (thresholdBytes: number) => heap.forceCollect({ policy: 'threshold', thresholdBytes })
    expect(call(heap.stats().committedBytes)).toMatchObject({ freedBytes: 0, objectBytes: 0 })
    expect(collected(heap, () => call(1)).freedBytes).toBeGreaterThanOrEqual(DEAD_BYTES)
  })
})

describe('targeted', () => {
  it('cleans one tenant, by id or itself, and nobody else', () => {
    const { heap, tenants, all } = household()
    const before = usedOf(all)
    const made = collected(heap, () => heap.forceCollect({ policy: 'targeted', tenant: 'b' }))
    expect(made).toMatchObject({ tenantsCleaned: 1, policy: 'targeted' })
    expect(made.objectBytes).toBe(20 * OBJECT_BYTES)
    expect(made.freedBytes).toBeGreaterThanOrEqual(DEAD_BYTES)
    expect([heap, tenants[0], tenants[2]].map((one) => one.stats().collections)).toEqual([0, 0, 0])
    expect(usedOf([tenants[0], tenants[2]])).toEqual([before[1], before[3]])
    const again = collected(heap, () => heap.forceCollect({ policy: 'targeted', tenant: tenants[1] }))
    expect(again).toMatchObject({ freedBytes: 0, objectBytes: 0, tenantsCleaned: 0 })
  })
})

describe('protected tenants', () => {
  it('that hold no more than `min` are never touched by global and threshold', () => {
    const heap = Heap.create({ mode: 'vm', limit: '64MiB' })
    const tenant = heap.tenant('kept', { max: '16MiB', min: '4MiB' })
    objects(tenant, 0, 20)
    for (const options of [{}, { policy: 'threshold', thresholdBytes: 0 }] as const) {
      const made = collected(heap, () => heap.forceCollect(options))
      expect(made).toMatchObject({ tenantsCleaned: 0, tenantsSpared: 1 })
    }
    expect(tenant.stats().collections).toBe(0)
    expect(tenant.stats().tenant.events.low).toBe(0)
  })

  it('that hold less than `low` are touched only when nothing else helps, which is counted and told', () => {
    const { heap, tenants } = household()
    const [poor, ...rich] = tenants
    poor.setLimits({ low: '8MiB' })
    const limits: string[] = []
    heap.on('limit', ({ kind, tenant }) => void limits.push(`${kind} ${tenant}`))
    const first = collected(heap, () => heap.forceCollect())
    expect(first).toMatchObject({ tenantsCleaned: 2, tenantsSpared: 1 })
    expect(poor.stats().collections).toBe(0)
    expect(limits).toEqual([])
    const second = collected(heap, () => heap.forceCollect())
    expect(second).toMatchObject({ tenantsCleaned: 1, tenantsSpared: 0 })
    expect(second.freedBytes).toBeGreaterThanOrEqual(DEAD_BYTES)
    expect(limits).toEqual(['low a'])
    expect(poor.stats().tenant.events.low).toBe(1)
    for (const tenant of rich) expect(tenant.stats().tenant.events.low).toBe(0)
  })
})

describe('when one is due', () => {
  it('after 1,000 freed blocks, of heap and tenants together', () => {
    const heap = Heap.create({ limit: '256MiB' })
    const tenant = heap.tenant('guest', { max: '16MiB' })
    expect(heap.shouldCollect()).toBe(false)
    for (let i = 0; i < 600; i++) heap.free(heap.alloc(100))
    for (let i = 0; i < 399; i++) tenant.free(tenant.alloc(100))
    expect(heap.shouldCollect()).toBe(false)
    expect(heap.collectTenants()).toMatchObject({ hasRun: false, freedBytes: 0, tenantsCleaned: 0 })
    tenant.free(tenant.alloc(100))
    expect(heap.shouldCollect()).toBe(true)
    expect(heap.collectTenants().hasRun).toBe(true)
    expect(heap.shouldCollect()).toBe(false)
  })

  it('counts each kind of freed block, and nothing that failed', () => {
    const heap = Heap.create({ limit: '256MiB', collectAfterFrees: 6 })
    const pool = heap.pool({ size: 100, count: 10 })
    const shared = heap.allocRefcounted(10)
    heap.incref(shared)
    heap.decref(shared)
    heap.free(0)
    expect(() => heap.free(123456)).toThrow()
    const due = () => heap.shouldCollect()
    const frees = [
      () => heap.free(heap.alloc(10)),
      () => heap.free(heap.alloc(10), 10),
      () => pool.release(pool.acquire()),
      () => heap.decref(shared),
      () => heap.guard(10)[Symbol.dispose](),
    ]
    for (const free of frees) {
      free()
      expect(due(), String(free)).toBe(false)
    }
    heap.free(heap.alloc(10))
    expect(due()).toBe(true)
  })

  it('counts from the start with the option, of tenants too, else from the first question', () => {
    for (const options of [{ collectAfterFrees: 10 }, {}] as const) {
      const heap = Heap.create({ limit: '64MiB', ...options })
      const tenant = heap.tenant('guest', { max: '1MiB' })
      for (let i = 0; i < 1000; i++) tenant.free(tenant.alloc(10))
      expect(heap.shouldCollect()).toBe('collectAfterFrees' in options)
      for (let i = 0; i < 1000; i++) tenant.free(tenant.alloc(10))
      expect(heap.shouldCollect()).toBe(true)
    }
  })

  it('after a sixteenth of the limit was taken', () => {
    const heap = Heap.create({ limit: '16MiB' })
    heap.alloc(900 * KIB)
    expect(heap.shouldCollect()).toBe(false)
    heap.alloc(200 * KIB)
    expect(heap.shouldCollect()).toBe(true)
    heap.forceCollect()
    expect(heap.shouldCollect()).toBe(false)
  })
})

describe('the calls', () => {
  it('refuse what makes no sense, and have changed nothing', () => {
    const { heap, tenants } = household()
    const ended = heap.tenant('ended', { max: '1MiB' })
    ended.free()
    const other = Heap.create({ limit: '16MiB' }).tenant('a')
    const refused: [string, unknown][] = [
      ['options', null],
      ['options', { police: 'global' }],
      ['policy', { policy: 'all' }],
      ['thresholdBytes', { policy: 'threshold' }],
      ['thresholdBytes', { policy: 'threshold', thresholdBytes: -1 }],
      ['thresholdBytes', { thresholdBytes: 5 }],
      ['tenant', { policy: 'targeted' }],
      ['tenant', { policy: 'global', tenant: 'a' }],
      ['tenant', { policy: 'targeted', tenant: 'nobody' }],
      ['tenant', { policy: 'targeted', tenant: ended }],
      ['tenant', { policy: 'targeted', tenant: other }],
      ['tenant', { policy: 'targeted', tenant: heap }],
      ['tenant', { policy: 'targeted', tenant: null }],
      ['id', { policy: 'targeted', tenant: 5 }],
    ]
    for (const [argument, options] of refused) {
      for (const call of [() => heap.collectTenants(options as never), () => heap.forceCollect(options as never)]) {
        const error = thrownBy(call)
        expect(error, JSON.stringify(argument)).toBeInstanceOf(ArgumentError)
        expect(error).toMatchObject({ argument })
      }
    }
    for (const one of [heap, ...tenants]) expect(one.stats().collections).toBe(0)
    heap.close()
    for (const call of [
      () => heap.shouldCollect(),
      () => heap.collectTenants(),
      () => heap.forceCollect(),
      () => heap.autoCollect(),
    ]) {
      expect(call).toThrow('closed')
    }
  })

  it('work in every mode, and where there is nothing to do', () => {
    for (const mode of ['manual', 'compiler', 'runtime', 'vm', 'server', 'embedded'] as const) {
      const heap = Heap.create({ mode })
      for (const policy of ['global', 'unreferenced'] as const) {
        const made = heap.forceCollect({ policy })
        expect(made, mode).toMatchObject({ hasRun: true, tenantsCleaned: 0 })
      }
      expectSound(heap)
    }
  })

  it('finalizers have run when they return, and listeners that end tenants do no harm', () => {
    const { heap, tenants } = household()
    const died: string[] = []
    for (const [i, tenant] of tenants.entries()) {
      const finalizers = tenant.finalizer((name: string) => void died.push(name))
      using _ = tenant.scope()
      finalizers.register(tenant.new(Blob, {}, 10), `of ${i}`)
    }
    tenants[1].on('collectEnd', () => tenants[2].isEnded || tenants[2].free())
    tenants[0].on('trim', () => tenants[1].isEnded || void 0)
    expect(heap.forceCollect().tenantsCleaned).toBe(3)
    expect(died).toEqual(['of 0', 'of 1'])
    expect(tenants[2].isEnded).toBe(true)
    expect(heap.forceCollect().hasRun).toBe(true)
    expectSound(heap)
  })

  /** Two tenants, one with a tenant of its own, all with what can be given back. */
  function family() {
    const { heap, tenants } = household('vm')
    const inner = tenants[0].tenant('inner')
    objects(inner, 1, 20)
    keptPages(inner, 8)
    inner.free(inner.alloc(3 * MIB))
    return { heap, outer: tenants[0], inner, other: tenants[2] }
  }
  const END = {
    'a reclaimer ends its tenant': ({ outer }) => outer.addReclaimer(() => void (outer.isEnded || outer.free())),
    'one within ends that around it': ({ outer, inner }) =>
      inner.addReclaimer(() => void (outer.isEnded || outer.free())),
    'a listener of trim ends its tenant': ({ outer }) => outer.on('trim', () => void (outer.isEnded || outer.free())),
    'one within of trim ends that around it': ({ outer, inner }) =>
      inner.on('trim', () => void (outer.isEnded || outer.free())),
    'a reclaimer closes the heap': ({ heap }) => heap.addReclaimer(() => heap.close()),
    'a listener of trim closes the heap': ({ heap }) => heap.on('trim', () => heap.close()),
    "a tenant's reclaimer closes the heap": ({ heap, inner }) => inner.addReclaimer(() => heap.close()),
    "a tenant's listener closes the heap": ({ heap, other }) => other.on('trim', () => heap.close()),
  } as const satisfies Record<string, (of: ReturnType<typeof family>) => unknown>

  it.each(Object.entries(END))('go on with what is left when %s', (name, arrange) => {
    const all = family()
    arrange(all)
    const { heap, outer, other } = all
    const { collections } = other.stats()
    expect(heap.forceCollect().hasRun).toBe(true)
    expect(heap.isClosed).toBe(name.includes('the heap'))
    expect(outer.isEnded).toBe(true)
    if (heap.isClosed) return
    expect(other.stats().collections).toBeGreaterThan(collections)
    expect(heap.forceCollect().hasRun).toBe(true)
    expectSound(heap)
  })

  it('that come by themselves leave the call that they follow alone when a listener closes the heap', () => {
    const heap = Heap.create({ limit: '4MiB' })
    keptPages(heap, 8)
    heap.autoCollect({ everyMs: 0, fromUsage: 0 })
    heap.on('trim', () => heap.close())
    expect(heap.alloc(3 * MIB)).toBeGreaterThan(0)
    expect(heap.isClosed).toBe(true)
  })

  it('do not nest', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    const inner: TenantCollection[] = []
    heap.addReclaimer(() => void inner.push(heap.forceCollect()))
    expect(heap.forceCollect().hasRun).toBe(true)
    expect(inner.map(({ hasRun }) => hasRun)).toEqual([false])
  })

  it('come by themselves for tenants, too, when the heap gets full', () => {
    const clock = new ManualClock()
    const heap = Heap.create({ mode: 'vm', limit: '32MiB', gcShare: 1, testing: { clock } })
    const made: TenantCollection[] = []
    heap.on('collectTenants', (event) => void made.push(event))
    heap.autoCollect({ fromUsage: 0.5 })
    const tenant = heap.tenant('guest', { max: '16MiB' })
    objects(tenant, 0, 250)
    const { collections } = tenant.stats()
    while (made.length === 0) heap.alloc(50_000)
    expect(made[0]).toMatchObject({ cause: 'usage', tenantsCleaned: 1 })
    expect(tenant.stats().collections).toBeGreaterThan(collections)
    expect(made[0]?.freedBytes).toBeGreaterThan(0)
  })
})

it('random households: what is reported is what was freed, and the living stay', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const next = random(seed)
    const heap = Heap.create({ mode: 'vm', limit: '128MiB', gcShare: 1 })
    const all: Heap[] = [heap]
    for (let i = 0; i < 6; i++) {
      const mode = (['vm', 'manual', 'runtime', 'server'] as const)[next(4)] as 'vm'
      all.push(heap.tenant(`t${i}`, { mode, max: '16MiB', ...(next(3) === 0 && { low: '8MiB' }) }))
    }
    for (let round = 0; round < 6; round++) {
      const live = all.map((one) => {
        if (one.mode !== 'manual') objects(one, next(5), next(20))
        keptPages(one, next(30))
        for (let i = next(200); i > 0; i--) one.alloc(next(2000))
        return [...one.blocks()].length
      })
      const policy = (['global', 'unreferenced', 'threshold', 'targeted'] as const)[next(4)] ?? 'global'
      const more = policy === 'threshold' ? { thresholdBytes: next(4 * MIB) } : {}
      const target = policy === 'targeted' ? { tenant: `t${next(6)}` } : {}
      collected(heap, () => heap.forceCollect({ policy, ...more, ...target }))
      expect(
        all.map((one) => [...one.blocks()].length),
        `seed ${seed}, round ${round}`,
      ).toEqual(live)
    }
  }
})

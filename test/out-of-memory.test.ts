/**
 * Goal: a request that fails has had what was promised, in order: pages kept at hand, reclaimers by priority, a
 * collection; then the reserve is given back, the event told, and the error thrown. Nothing is torn on the way.
 * Method: heaps whose content is known, in every mode; what runs when is written down by reclaimers and listeners. The
 * fault injection refuses the 1st, 2nd, … nth growth of a program of all kinds of calls, with reclaimers, with
 * listeners that allocate, with the reserve on and off, and verifies after each call in which one was refused.
 * A failure means that memory was refused that could be had, or that a failure left something behind.
 */
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  array,
  Heap,
  type HeapOptions,
  type HeapStats,
  type ModeName,
  OutOfMemoryError,
  type OutOfMemoryFigures,
  ref,
  struct,
  TenantLimitError,
  u8,
} from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const MIB = 2 ** 20
const KIB = 2 ** 10
const Blob = struct('Blob', { bytes: array(u8) })
const TRACED = ['runtime', 'vm', 'server'] as const

function garbage(heap: Heap, count: number, bytes: number): void {
  using _ = heap.scope()
  for (let i = 0; i < count; i++) heap.new(Blob, {}, bytes)
}

/** Roots of `count` objects. */
function rooted(heap: Heap, count: number, bytes: number): { dispose(): void }[] {
  return Array.from({ length: count }, () => {
    using _ = heap.scope()
    return heap.root(heap.new(Blob, {}, bytes))
  })
}

describe('the order, for a block', () => {
  it.each(TRACED)('%s: reclaimers by priority, then one collection, then the event and the error', (mode) => {
    const heap = Heap.create({ mode, limit: '4MiB', gcShare: 1 })
    const told: string[] = []
    heap.addReclaimer(() => void told.push('low'), { priority: -1 })
    heap.addReclaimer(() => void told.push('high'), { priority: 5 })
    heap.on('collectBegin', ({ kind }) => void told.push(kind === 'minor' ? 'minor' : 'collection'))
    heap.on('outOfMemory', () => void told.push('event'))
    expect(thrownBy(() => heap.alloc(5 * MIB))).toBeInstanceOf(OutOfMemoryError)
    const order = told.filter((one) => one !== 'minor')
    expect(order.slice(0, 3)).toEqual(['high', 'low', 'collection'])
    expect(order.at(-1)).toBe('event')
    expectSound(heap)
  })

  it.each(TRACED)('%s: no collection while reclaimers run, nor when one has helped', (mode) => {
    const heap = Heap.create({ mode, limit: '4MiB', gcShare: 1 })
    garbage(heap, 4, 60_000)
    const kept = heap.alloc(2_500_000)
    const { collections } = heap.stats()
    const seen: number[] = []
    heap.addReclaimer(() => void seen.push(heap.stats().collections), { priority: 2 })
    heap.addReclaimer(() => {
      seen.push(heap.stats().collections)
      heap.free(kept)
    })
    heap.addReclaimer(() => expect.fail('the request was met before'), { priority: -1 })
    expect(heap.alloc(2_500_000)).toBeGreaterThan(0)
    expect(seen).toEqual([collections, collections])
    expect(heap.stats().collections).toBe(collections)
    expectSound(heap)
  })

  // In `server` it is the next cycle's: a request does not wait for a long collection.
  it.each(['runtime', 'vm'] as const)('%s: garbage that reclaimers leave is collected for the request', (mode) => {
    const heap = Heap.create({ mode, limit: '4MiB', gcShare: 1 })
    const roots = rooted(heap, 30, 90_000)
    const calls: number[] = []
    for (let i = 0; i < 3; i++) {
      heap.addReclaimer(() => {
        calls.push(i)
        for (const root of roots.splice(0, 10)) root.dispose()
      })
    }
    expect(heap.alloc(2_400_000)).toBeGreaterThan(0)
    expect(calls).toEqual([0, 1, 2])
    expectSound(heap)
  })

  it('takes back kept pages before anybody is asked', () => {
    const heap = Heap.create({ mode: 'vm', limit: 400_000 })
    for (let bytes = 16; bytes <= 1024; bytes += 16) heap.free(heap.alloc(bytes))
    heap.addReclaimer(() => expect.fail('nobody need be asked'))
    heap.on('collectBegin', () => expect.fail('nothing need be collected'))
    const { freeBytes, committedBytes } = heap.stats()
    expect(heap.alloc(400_000 - committedBytes + freeBytes + 4096)).toBeGreaterThan(0)
    expectSound(heap)
  })
})

describe('the order, for an object', () => {
  it.each([...TRACED, 'embedded'] as const)('%s: roots that reclaimers drop make room', (mode) => {
    const heap = Heap.create({ mode, limit: mode === 'embedded' ? '256KiB' : '4MiB' })
    const bytes = Math.floor(heap.limitBytes / 40)
    const roots: { dispose(): void }[] = []
    const fill = () => roots.push(...rooted(heap, 1, bytes))
    expect(
      thrownBy(() => {
        for (;;) fill()
      }),
    ).toBeInstanceOf(OutOfMemoryError)
    const count = roots.length
    heap.addReclaimer(() => roots.splice(0, 5).forEach((root) => void root.dispose()))
    heap.addReclaimer(() => roots.splice(0, 5).forEach((root) => void root.dispose()))
    fill()
    expect(roots.length).toBeLessThan(count)
    fill()
    expectSound(heap)
  })

  it('vm: tries between reclaimers do not collect; one collection comes after the last', () => {
    const heap = Heap.create({ mode: 'vm', limit: '4MiB', gcShare: 1 })
    const roots = rooted(heap, 35, 100_000)
    const seen: number[] = []
    for (let i = 0; i < 4; i++) {
      heap.addReclaimer(() => {
        seen.push(heap.stats().collections)
        roots.pop()?.dispose()
      })
    }
    const more = rooted(heap, 4, 100_000)
    expect(new Set(seen).size).toBe(1)
    expect(seen.length).toBe(4)
    expect(heap.stats().collections).toBeGreaterThan(seen[0] as number)
    expect(more.length).toBe(4)
    expectSound(heap)
  })

  it('manual: counted objects that reclaimers release make room, cycles among them', () => {
    const heap = Heap.create({ limit: '1MiB' })
    const shared: number[] = []
    for (let one = heap.tryAllocRefcounted(10_000); one !== 0; one = heap.tryAllocRefcounted(10_000)) shared.push(one)
    heap.addReclaimer(() => heap.decref(shared.pop() as number))
    expect(heap.allocRefcounted(10_000)).toBeGreaterThan(0)
    expect(heap.allocRefcounted(10_000)).toBeGreaterThan(0)
    expectSound(heap)
  })
})

describe('what reclaimers threw', () => {
  it('is not the cause of a later failure when the collection helped', () => {
    const heap = Heap.create({ mode: 'vm', limit: '4MiB', gcShare: 1 })
    garbage(heap, 30, 100_000)
    const off = heap.addReclaimer(() => {
      throw new Error('cannot')
    })
    expect(heap.alloc(3_000_000)).toBeGreaterThan(0)
    off()
    expect(thrownBy(() => heap.alloc(3_500_000))).not.toHaveProperty('cause')
  })
})

describe('the reserve', () => {
  const MODES: readonly ModeName[] = ['manual', 'compiler', 'runtime', 'vm', 'server']

  it.each(MODES)('%s: is unused from the start, and in no block', (mode) => {
    const plain = Heap.create({ mode, limit: '8MiB', initial: 0 })
    const heap = Heap.create({ mode, limit: '8MiB', initial: 0, outOfMemoryReserve: '64KiB' })
    const [without, held] = [plain.stats(), heap.stats()]
    expect(held.inUseBytes).toBe(without.inUseBytes)
    // The peak is sampled, with the arena's record at times.
    expect(held.inUsePeakBytes - without.inUsePeakBytes).toBeLessThan(64)
    expect(held.liveBlocks).toBe(without.liveBlocks)
    expect(held.unusedBytes - without.unusedBytes).toBeGreaterThanOrEqual(64 * KIB)
    expect(held.unusedBytes - without.unusedBytes).toBeLessThan(64 * KIB + 4096 + 64)
    expect([...heap.blocks()]).toEqual([])
    expectSound(heap)
  })

  /** Blocks until there is no room, the first failure included. */
  const fill = (heap: Heap, bytes: number) => {
    const blocks: number[] = []
    for (let block = heap.tryAlloc(bytes); block !== 0; block = heap.tryAlloc(bytes)) blocks.push(block)
    return blocks
  }

  it.each(MODES)('%s: lets the listener and the handler allocate, which else they could not', (mode) => {
    for (const bytes of [8 * KIB, 100 * KIB, 1.5 * MIB]) {
      const attempts = (outOfMemoryReserve: number) => {
        const heap = Heap.create({ mode, limit: '6MiB', outOfMemoryReserve })
        const handled: boolean[] = []
        const handle = () => handled.push(heap.tryAlloc(bytes / 4) !== 0)
        const off = heap.on('outOfMemory', handle)
        fill(heap, 2000)
        off()
        handle()
        expectSound(heap)
        return handled
      }
      expect(attempts(bytes), `${bytes} bytes`).toEqual([true, true])
      expect(attempts(0), `${bytes} bytes`).toEqual([false, false])
    }
  })

  it('is given back before the event, also when the call throws, and the figures are those of the failure', () => {
    const heap = Heap.create({ limit: '2MiB', outOfMemoryReserve: '256KiB' })
    heap.alloc(MIB)
    const before = heap.stats()
    const seen: [OutOfMemoryFigures, number][] = []
    heap.on('outOfMemory', (figures) => void seen.push([figures, heap.stats().freeBytes]))
    const error = thrownBy(() => heap.alloc(1.5 * MIB)) as OutOfMemoryError
    expect(seen[0]?.[0]).toEqual({
      requestedBytes: 1.5 * MIB,
      availableBytes: 2 * MIB - before.committedBytes + before.freeBytes,
      largestFreeBytes: expect.any(Number),
      usedBytes: before.inUseBytes,
      totalBytes: 2 * MIB,
    })
    expect(error).toMatchObject({ ...seen[0]?.[0] })
    expect((seen[0]?.[1] ?? 0) - before.freeBytes).toBeGreaterThanOrEqual(256 * KIB)
    expect(heap.stats()).toMatchObject({ inUseBytes: before.inUseBytes, liveBlocks: 1 })
    expectSound(heap)
  })

  it('is not for the requests of reclaimers, which are to make room', () => {
    const heap = Heap.create({ limit: '2MiB', outOfMemoryReserve: '256KiB' })
    const blocks = fill(heap, 50_000)
    for (const block of blocks.splice(0, 20)) heap.free(block)
    expect(heap.refillReserve()).toBe(true)
    const { unusedBytes } = heap.stats()
    heap.addReclaimer(() => {
      expect(heap.tryAlloc(MIB)).toBe(0)
      expect(heap.stats().unusedBytes).toBe(unusedBytes)
    })
    expect(heap.tryAlloc(1.5 * MIB)).toBe(0)
    expect(heap.stats().unusedBytes).toBeLessThan(unusedBytes - 200 * KIB)
  })

  it('is taken again by a later request that leaves room, or when asked for', () => {
    const heap = Heap.create({ limit: '2MiB', outOfMemoryReserve: '256KiB' })
    const blocks = fill(heap, 30_000)
    const held = () => heap.stats().unusedBytes > 256 * KIB
    expect(held()).toBe(false)
    while (heap.tryAlloc(30_000) !== 0) {}
    expect(heap.refillReserve()).toBe(false)
    heap.addReclaimer(() => {
      for (const block of blocks.splice(0, 40)) heap.free(block)
    })
    heap.alloc(30_000)
    expect(held()).toBe(true)
    expect(heap.tryAlloc(2 * MIB)).toBe(0)
    expect(held()).toBe(false)
    expect(heap.refillReserve()).toBe(true)
    expect(held()).toBe(true)
    expectSound(heap)
  })

  it('is taken again by a collection that leaves room', () => {
    const heap = Heap.create({ mode: 'vm', limit: '2MiB', outOfMemoryReserve: '128KiB' })
    const roots: { dispose(): void }[] = []
    expect(
      thrownBy(() => {
        for (;;) roots.push(...rooted(heap, 1, 40_000))
      }),
    ).toBeInstanceOf(OutOfMemoryError)
    const { unusedBytes } = heap.stats()
    for (const root of roots) root.dispose()
    heap.collect()
    expect(heap.stats().unusedBytes).toBeGreaterThan(unusedBytes + 100 * KIB)
    expect(heap.stats().freeBytes).toBeGreaterThan(MIB)
    expectSound(heap)
  })

  it('is there again after a reset, and taken where there was none before in a given memory', () => {
    const memory = new WebAssembly.Memory({ initial: 32 })
    const heap = Heap.create({ memory, base: 65536, outOfMemoryReserve: '64KiB' })
    for (let i = 0; i < 3; i++) {
      fill(heap, 10_000)
      heap.reset()
      expect(heap.stats().unusedBytes).toBeGreaterThanOrEqual(64 * KIB)
      expectSound(heap)
    }
    expect(heap.refillReserve()).toBe(true)
    expect(Heap.create().refillReserve()).toBe(false)
    heap.close()
    expect(() => heap.refillReserve()).toThrow('closed')
  })

  it.each([
    [{ outOfMemoryReserve: 1023 }],
    [{ outOfMemoryReserve: -1 }],
    [{ outOfMemoryReserve: '1 kilobyte' }],
    [{ limit: '1MiB', outOfMemoryReserve: MIB / 2 + 1 }],
    [{ mode: 'embedded', outOfMemoryReserve: 2048 }],
  ] as [HeapOptions][])('refuses %j', (options) => {
    const error = thrownBy(() => Heap.create(options))
    expect(error).toBeInstanceOf(ArgumentError)
    expect((error as Error).message).toContain('outOfMemoryReserve')
  })

  it('that finds no room at the start is out of memory', () => {
    let growths = 0
    const growth = () => ++growths < 2
    const create = () => Heap.create({ initial: 0, outOfMemoryReserve: '8MiB', limit: '64MiB', testing: { growth } })
    expect(thrownBy(create)).toMatchObject({ code: 'HW_OUT_OF_MEMORY', requestedBytes: 8 * MIB })
  })
})

describe('a tenant', () => {
  const watched = (parent: Heap, tenant: Heap) => {
    const told: string[] = []
    for (const [name, heap] of [
      ['parent', parent],
      ['tenant', tenant],
    ] as const) {
      heap.addReclaimer(() => void told.push(`${name} reclaims`))
      heap.on('collectBegin', ({ kind }) => kind === 'full' && told.push(`${name} collects`))
      heap.on('outOfMemory', () => void told.push(`${name} fails`))
    }
    return told
  }

  it('at its own limit asks its own reclaimers and collector, and nobody else', () => {
    const parent = Heap.create({ mode: 'vm', limit: '64MiB', gcShare: 1 })
    const tenant = parent.tenant('guest', { max: '4MiB' })
    tenant.alloc(MIB)
    const before = tenant.stats()
    const told = watched(parent, tenant)
    const error = thrownBy(() => tenant.alloc(4 * MIB))
    expect(error).toBeInstanceOf(TenantLimitError)
    expect(error).toMatchObject({ tenant: 'guest', requestedBytes: 4 * MIB, totalBytes: 4 * MIB, maxBytes: 4 * MIB })
    expect((error as TenantLimitError).usedBytes).toBe(before.inUseBytes)
    expect(new Set(told)).toEqual(new Set(['tenant reclaims', 'tenant collects', 'tenant fails']))
    expect(told[0]).toBe('tenant reclaims')
    expect(told.at(-1)).toBe('tenant fails')
    expectSound(parent)
  })

  it('whose parent has no more asks its own first, then the parent in the same order', () => {
    const parent = Heap.create({ mode: 'vm', limit: '8MiB', gcShare: 1 })
    const tenant = parent.tenant('guest', { max: '8MiB' })
    const cache = parent.alloc(5 * MIB)
    const told = watched(parent, tenant)
    const seen: number[] = []
    const off = parent.addReclaimer(() => void seen.push(Math.min(tenant.stats().collections, 1)))
    expect(thrownBy(() => tenant.alloc(4 * MIB))).toBeInstanceOf(OutOfMemoryError)
    off()
    // Collections are told when the request has ended, so those of the tenant come late.
    const steps = told.filter((text) => text !== 'tenant collects')
    expect(steps[0]).toBe('tenant reclaims')
    expect(steps[1]).toBe('parent reclaims')
    expect(steps[2]).toBe('parent collects')
    expect(steps.at(-1)).toBe('tenant fails')
    expect(seen).toEqual([1])
    parent.addReclaimer(() => parent.isBlock(cache) && parent.free(cache))
    expect(tenant.alloc(4 * MIB)).toBeGreaterThan(0)
    expect(tenant.tryAlloc(4 * MIB)).toBe(0)
    expectSound(parent)
  })

  it('has a reserve of its own, in its own memory', () => {
    const parent = Heap.create({ limit: '64MiB' })
    const tenant = parent.tenant('guest', { max: '2MiB', outOfMemoryReserve: '256KiB' })
    expect(tenant.stats().unusedBytes).toBeGreaterThanOrEqual(256 * KIB)
    const handled: number[] = []
    tenant.on('outOfMemory', () => void handled.push(tenant.tryAlloc(100_000)))
    const blocks: number[] = []
    for (let block = tenant.tryAlloc(20_000); block !== 0; block = tenant.tryAlloc(20_000)) blocks.push(block)
    expect(handled[0]).toBeGreaterThan(0)
    for (const block of blocks.splice(0, 60)) tenant.free(block)
    expect(tenant.refillReserve()).toBe(true)
    expectSound(tenant)
    expectSound(parent)
    expect(() => parent.tenant('greedy', { max: '1MiB', outOfMemoryReserve: '1MiB' })).toThrow(ArgumentError)
    const narrow = Heap.create({ limit: '1MiB' })
    narrow.alloc(600 * KIB)
    const refused = thrownBy(() => narrow.tenant('late', { max: '1MiB', outOfMemoryReserve: '500KiB' }))
    expect(refused).toBeInstanceOf(OutOfMemoryError)
    expect([...narrow.tenants()]).toEqual([])
    expectSound(narrow)
  })
})

// ---- fault injection ------------------------------------------------------------------------------------------------

const Pair = struct('Pair', { head: ref(), tail: ref() })

interface Setting {
  readonly mode: ModeName
  readonly reserve: boolean
}

/** Calls of all kinds, each of which may need to grow. */
function callsOf(heap: Heap, mode: ModeName): (() => unknown)[] {
  const blocks: number[] = []
  const calls: (() => unknown)[] = [
    () => blocks.push(heap.alloc(70_000)),
    ...Array.from({ length: 12 }, (_, i) => () => blocks.push(heap.alloc(1 + i * 170))),
    () => blocks.push(heap.calloc(7, 30_000)),
    () => heap.alloc(1_500_000),
    () => heap.tryAlloc(900_000),
    () => heap.pool({ size: 1000, count: 300 }),
    () => heap.arena({ chunk: '256KiB' }).alloc(200_000),
  ]
  if (mode === 'compiler') return calls
  calls.push(() => {
    const block = blocks.pop() ?? heap.alloc(100)
    blocks.push(heap.realloc(block, 600_000))
  })
  const object = () => {
    using _ = heap.scope()
    heap.root(heap.new(Pair, { head: heap.new(Blob, {}, 90_000), tail: heap.new(Blob, {}, 300) }))
  }
  return [...calls, ...Array.from({ length: 6 }, () => object), () => heap.values.string('x'.repeat(70_000))]
}

/** Run the program with the growths `from` to `to` refused; how many were. */
function runRefused({ mode, reserve }: Setting, from: number, to: number): number {
  let [asked, refused, isOver] = [0, 0, false]
  const growth = () => {
    const no = !isOver && ++asked >= from && asked <= to
    if (no) refused++
    return !no
  }
  const options = { mode, limit: '24MiB', initial: 0, debug: reserve, ...(mode === 'vm' && { gcShare: 1 }) } as const
  let heap: Heap
  try {
    heap = Heap.create({ ...options, outOfMemoryReserve: reserve ? '64KiB' : 0, testing: { growth } })
  } catch (error) {
    expect(error).toBeInstanceOf(OutOfMemoryError)
    return refused
  }
  useHeapMeanwhile(heap, mode)
  using _ = mode === 'compiler' ? undefined : heap.scope()
  for (const call of callsOf(heap, mode)) {
    if (asked < to) tryCall(heap, call, () => refused)
    else call()
  }
  isOver = true
  for (const call of callsOf(heap, mode)) call()
  expectSound(heap)
  heap.close()
  return refused
}

/** A cache that is dropped piece by piece, one that throws, and listeners that allocate and free. */
function useHeapMeanwhile(heap: Heap, mode: ModeName): void {
  const cache = [1, 2, 3].map(() => heap.tryAlloc(5000)).filter((block) => block !== 0)
  heap.addReclaimer(() => {
    const block = cache.pop()
    if (block !== undefined) heap.free(block)
  })
  heap.addReclaimer(() => {
    if (mode !== 'compiler') heap.free(heap.tryAlloc(40))
    throw new Error('this one cannot')
  })
  const use = () => {
    const block = heap.tryAlloc(200)
    if (block !== 0) heap.free(block)
  }
  for (const event of ['grow', 'outOfMemory', 'collectBegin', 'collectEnd'] as const) heap.on(event, use)
}

/**
 * A failed call has reported its four figures and left the blocks that there were, but for those of reclaimers. After
 * one in which a growth was refused, failed or not, the heap is whole.
 */
function tryCall(heap: Heap, call: () => unknown, refusals: () => number): void {
  const refusalsBefore = refusals()
  const before = heap.stats()
  try {
    call()
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error
    expectReported(error, before, heap.stats())
    expectSound(heap)
    return
  }
  if (refusals() !== refusalsBefore) expectSound(heap)
}

function expectReported(error: OutOfMemoryError, before: HeapStats, after: HeapStats): void {
  expect(error.totalBytes).toBe(24 * MIB)
  expect(Math.min(error.requestedBytes, error.availableBytes, error.usedBytes)).toBeGreaterThanOrEqual(0)
  expect(after.liveBlocks).toBeLessThanOrEqual(before.liveBlocks)
  // Of objects in collecting modes the figure is that of the last collection.
  const blockBytes = ({ inUseBytes, liveObjectBytes, mode }: HeapStats) =>
    mode === 'manual' || mode === 'compiler' ? inUseBytes : inUseBytes - liveObjectBytes
  expect(blockBytes(after)).toBeLessThanOrEqual(blockBytes(before))
}

describe.each(['manual', 'compiler', 'runtime', 'vm', 'server'] as const)('growth refused, %s', (mode) => {
  it.each([false, true])('at each growth in turn, reserve: %s', (reserve) => {
    const setting = { mode, reserve }
    let n = 1
    for (; ; n++) {
      const once = runRefused(setting, n, n)
      const fromThere = runRefused(setting, n, Number.POSITIVE_INFINITY)
      if (once + fromThere === 0) break
      expect(n).toBeLessThan(200)
    }
    expect(n, 'many growths were met').toBeGreaterThan(5)
  })
})

/**
 * Goal: a listener of `allocated` and `freed` knows at every moment what is in use, without asking the heap; `trim` tells
 * what was given back; and listeners may do to the heap whatever they like.
 * Method: a list kept from the events alone is compared with the heap's own walk and figures after random operations;
 * named cases for each kind of request, for objects of each mode, and for listeners that allocate, reset or close.
 * Random runs print their seed: HEAPWRIGHT_SEED=<seed> npx vitest run --project all test/events.test.ts
 * A failure means: events that are missing, told twice or told of something else; a listener that never ends.
 */
import { describe, expect, it } from 'vitest'
import {
  type AllocatedEvent,
  type Arena,
  ArgumentError,
  type FreedEvent,
  Heap,
  type HeapEventName,
  HeapwrightError,
  type ModeName,
  OutOfMemoryError,
  type Pool,
  struct,
  u32,
} from '../src/index.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)

/** All events of some names, as they come. */
function record(heap: Heap, ...names: HeapEventName[]): [HeapEventName, unknown][] {
  const seen: [HeapEventName, unknown][] = []
  for (const name of names) heap.on(name, (event) => seen.push([name, event]))
  return seen
}

/** What is in use, by the events alone. */
class Ledger {
  readonly blocks = new Map<number, number>()
  pooledBytes = 0
  arenaBytes = 0
  /** What a listener throws surfaces elsewhere, so it is kept here. */
  readonly wrong: unknown[] = []

  constructor(heap: Heap) {
    heap.on('allocated', (event) => this.#allocated(event))
    heap.on('freed', (event) => this.#freed(event))
  }

  #allocated(event: AllocatedEvent): void {
    const { address, bytes, requestedBytes, kind } = event
    if (bytes < requestedBytes) this.wrong.push(event)
    if (kind === 'arena') this.arenaBytes += bytes
    if (kind === 'pool') this.pooledBytes += bytes
    if (kind !== 'block') return
    if (this.blocks.has(address)) this.wrong.push(event)
    this.blocks.set(address, bytes)
  }

  #freed(event: FreedEvent): void {
    const { address, bytes, kind } = event
    if (kind === 'arena') this.arenaBytes -= bytes
    if (kind === 'pool') this.pooledBytes -= bytes
    if (kind !== 'block') return
    if (this.blocks.get(address) !== bytes) this.wrong.push(event)
    this.blocks.delete(address)
  }
}

describe('allocated and freed', () => {
  it.each(['manual', 'compiler', 'runtime'] as const)(
    'are all there is to know of what is in use, in mode %s',
    (mode) => {
      const heap = Heap.create({ mode, limit: '64MiB' })
      const ledger = new Ledger(heap)
      const below = random(SEED)
      const blocks: number[] = []
      const pools: { pool: Pool; taken: number[] }[] = []
      const arenas: Arena[] = []
      const take = <T>(list: T[]) => list.splice(below(list.length), 1)[0] as T
      const some = <T>(list: T[]) => list[below(list.length)] as T
      const size = () => below(below(10) === 0 ? 300_000 : 600)
      const steps: (() => void)[] = [
        () => void blocks.push(heap.alloc(size())),
        () => void blocks.push(heap.tryAlloc(size())),
        () => void blocks.push(heap.calloc(1 + below(5), size())),
        () => void blocks.push(heap.allocAligned(size(), 2 ** below(13))),
        () => blocks.length > 0 && heap.free(take(blocks)),
        () => blocks.length > 0 && heap.free(take(blocks)),
        () => blocks.length > 0 && blocks.push(heap.realloc(take(blocks), size())),
        () =>
          pools.length < 3 &&
          pools.push({ pool: heap.pool({ size: 1 + below(200), count: 4, grow: true }), taken: [] }),
        () => pools.length > 0 && ((p) => void p.taken.push(p.pool.acquire()))(some(pools)),
        () => pools.length > 0 && ((p) => p.taken.length > 0 && p.pool.release(take(p.taken)))(some(pools)),
        () => pools.length > 0 && below(20) === 0 && take(pools).pool.dispose(),
        () => arenas.length < 3 && arenas.push(heap.arena({ chunk: '64KiB' })),
        () => arenas.length > 0 && void some(arenas).alloc(size(), 2 ** (3 + below(4))),
        () => arenas.length > 0 && ((arena) => arena.shrinkLast(arena.alloc(size() + 50), below(50)))(some(arenas)),
        () => arenas.length > 0 && ((arena) => arena.freeLast(arena.alloc(size())))(some(arenas)),
        () => arenas.length > 0 && below(9) === 0 && some(arenas).reset(),
        () => arenas.length > 0 && below(9) === 0 && take(arenas).dispose(),
      ]
      for (let i = 0; i < 3000; i++) {
        some(steps)()
        if (i % 100 !== 0) continue
        const found = [...heap.blocks()]
        const bytesOf = (isPool: boolean) =>
          new Map(
            found.filter(({ kind }) => (kind === 'pool') === isPool).map((b) => [b.address as number, b.usableBytes]),
          )
        const sum = (map: Map<number, number>) => [...map.values()].reduce((total, bytes) => total + bytes, 0)
        expect(ledger.blocks, `seed ${SEED}`).toEqual(bytesOf(false))
        expect(ledger.wrong, `seed ${SEED}`).toEqual([])
        expect(ledger.pooledBytes, `seed ${SEED}`).toBe(sum(bytesOf(true)))
        expect(ledger.arenaBytes, `seed ${SEED}`).toBe(arenas.reduce((total, arena) => total + arena.usedBytes, 0))
      }
      expect(heap.verify()).toEqual({ ok: true })
    },
  )

  it('tell a block by its usable size and by what was asked for', () => {
    const heap = Heap.create()
    const seen = record(heap, 'allocated', 'freed')
    const a = heap.alloc(50)
    heap.free(a)
    heap.free(0)
    const b = heap.alloc(0)
    heap.free(b, 0)
    expect(seen).toEqual([
      ['allocated', { address: a, bytes: 64, requestedBytes: 50, kind: 'block' }],
      ['freed', { address: a, bytes: 64, kind: 'block' }],
      ['allocated', { address: b, bytes: 16, requestedBytes: 0, kind: 'block' }],
      ['freed', { address: b, bytes: 16, kind: 'block' }],
    ])
  })

  it('tell what realloc did: nothing, a new place, a new size, a first block', () => {
    const heap = Heap.create()
    const seen = record(heap, 'allocated', 'freed')
    const a = heap.realloc(0, 50)
    expect(seen.splice(0)).toEqual([['allocated', { address: a, bytes: 64, requestedBytes: 50, kind: 'block' }]])
    expect(heap.realloc(a, 60)).toBe(a)
    expect(seen.splice(0)).toEqual([])
    const b = heap.realloc(a, 500_000)
    expect(seen.splice(0)).toEqual([
      ['freed', { address: a, bytes: 64, kind: 'block' }],
      ['allocated', { address: b, bytes: heap.usableSize(b), requestedBytes: 500_000, kind: 'block' }],
    ])
    const before = heap.usableSize(b)
    expect(heap.realloc(b, 300_000)).toBe(b)
    expect(seen.splice(0)).toEqual([
      ['freed', { address: b, bytes: before, kind: 'block' }],
      ['allocated', { address: b, bytes: heap.usableSize(b), requestedBytes: 300_000, kind: 'block' }],
    ])
  })

  it('tell nothing of what was refused', () => {
    const heap = Heap.create({ limit: '2MiB' })
    const seen = record(heap, 'allocated', 'freed')
    const pool = heap.pool({ size: 32, count: 1 })
    const block = heap.alloc(10)
    pool.acquire()
    seen.length = 0
    expect(() => heap.alloc(4 * 2 ** 20)).toThrow(OutOfMemoryError)
    expect(() => heap.realloc(block, 4 * 2 ** 20)).toThrow(OutOfMemoryError)
    expect(() => heap.free(block + 16)).toThrow()
    expect(() => heap.free(block, 5000)).toThrow()
    expect(() => pool.acquire()).toThrow()
    expect(() => pool.release(block)).toThrow()
    expect(seen).toEqual([])
  })

  it('tell of fixed arenas: what is pushed and popped, and cut back', () => {
    const heap = Heap.create()
    const base = heap.alloc(1024)
    const arena = heap.fixedArena({ base, limit: base + 1024 })
    const seen = record(heap, 'allocated', 'freed')
    const low = arena.alloc(10)
    const mark = arena.mark()
    const high = arena.push(24)
    arena.pop()
    arena.push(40)
    arena.release(mark)
    const [first, second, third, fourth, fifth] = seen
    expect(first).toEqual(['allocated', { address: low, bytes: arena.usedBytes, requestedBytes: 10, kind: 'arena' }])
    expect(second).toEqual(['allocated', { address: high, bytes: 24, requestedBytes: 24, kind: 'arena' }])
    expect(third).toEqual(['freed', { address: high, bytes: 24, kind: 'arena' }])
    expect(fourth).toMatchObject(['allocated', { requestedBytes: 40 }])
    expect(fifth).toEqual(['freed', { address: 0, bytes: 40, kind: 'arena' }])
    expect(seen.length).toBe(5)
  })

  it('come for a request that reclaimers made room for, theirs first', () => {
    const heap = Heap.create({ limit: '2MiB', initial: 0 })
    const cache = heap.alloc(1_200_000)
    const seen = record(heap, 'allocated', 'freed')
    heap.addReclaimer(() => heap.free(cache))
    const block = heap.alloc(1_100_000)
    expect(seen.map(([name, event]) => [name, (event as AllocatedEvent).address])).toEqual([
      ['freed', cache],
      ['allocated', block],
    ])
  })

  it('are not told of heap.raw', () => {
    const heap = Heap.create()
    const seen = record(heap, 'allocated', 'freed')
    heap.raw.free(heap.raw.alloc(10))
    expect(seen).toEqual([])
  })

  it('are told to nobody when nobody listens any more', () => {
    const heap = Heap.create()
    let count = 0
    const offs = [heap.on('allocated', () => count++), heap.on('freed', () => count++)]
    heap.free(heap.alloc(1))
    expect(count).toBe(2)
    offs[0]?.()
    heap.free(heap.alloc(1))
    expect(count).toBe(3)
    offs[1]?.()
    heap.free(heap.alloc(1))
    expect(count).toBe(3)
  })
})

const Pair = struct('Pair', { left: u32, right: u32 })

describe('objects', () => {
  const modes: readonly ModeName[] = ['manual', 'runtime', 'vm', 'server', 'embedded']

  it.each(modes)('of heap.new are told one by one while somebody listens, in mode %s', (mode) => {
    const heap = Heap.create({ mode })
    using _scope = heap.scope()
    heap.new(Pair)
    const seen: AllocatedEvent[] = []
    const off = heap.on('allocated', (event) => seen.push(event))
    for (let i = 0; i < 100; i++) {
      const made = heap.new(Pair, { left: i })
      expect(seen.length).toBe(i + 1)
      const event = seen[i] as AllocatedEvent
      expect(event).toMatchObject({ requestedBytes: 8, kind: 'object' })
      expect(event.bytes).toBeGreaterThanOrEqual(16)
      expect(heap.same(heap.view(Pair, event.address), made)).toBe(true)
    }
    off()
    heap.new(Pair)
    expect(seen.length).toBe(100)
    // The objects are where they are, and the ones before and after them, too.
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('are told after a reset as before', () => {
    const heap = Heap.create({ mode: 'runtime' })
    let count = 0
    heap.on('allocated', () => count++)
    heap.reset()
    using _scope = heap.scope()
    heap.new(Pair)
    expect(count).toBe(1)
  })

  it('with counts are told by their addresses', () => {
    const heap = Heap.create()
    const seen: unknown[] = []
    heap.on('allocated', (event) => seen.push(event))
    const shared = heap.allocRefcounted(40)
    expect(seen).toEqual([{ address: shared, bytes: 64, requestedBytes: 40, kind: 'object' }])
  })

  it('that die are told by collections alone', () => {
    const heap = Heap.create({ mode: 'runtime' })
    const seen = record(heap, 'freed', 'collectEnd')
    {
      using _scope = heap.scope()
      heap.new(Pair)
    }
    heap.collect()
    expect(seen.map(([name]) => name)).not.toContain('freed')
    expect(seen.map(([name]) => name)).toContain('collectEnd')
  })
})

describe('listeners', () => {
  it('may allocate and free: that is not told, and it ends', () => {
    const heap = Heap.create()
    const told: number[] = []
    heap.on('allocated', ({ address }) => {
      told.push(address)
      heap.free(heap.alloc(100))
    })
    heap.on('freed', () => void heap.alloc(8))
    const a = heap.alloc(1)
    const b = heap.alloc(1)
    heap.free(a)
    expect(told).toEqual([a, b])
    expect(heap.stats().liveBlocks).toBe(2)
  })

  it('of allocated see growth of their own', () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    const seen: string[] = []
    heap.on('grow', () => seen.push('grow'))
    const off = heap.on('allocated', () => {
      off()
      heap.alloc(9_000_000)
      seen.push('allocated')
    })
    heap.alloc(8)
    expect(seen).toEqual(['grow', 'allocated'])
  })

  it.each(['allocated', 'freed'] as const)('of %s may close the heap', (name) => {
    const heap = Heap.create()
    const block = heap.alloc(100)
    const seen = record(heap, 'allocated', 'freed')
    heap.on(name, () => heap.close())
    heap.realloc(block, 100_000)
    expect(seen.length).toBe(name === 'freed' ? 1 : 2)
    expect(() => heap.alloc(1)).toThrow('closed')
  })

  it('of freed may reset the heap: what was made is not told then', () => {
    const heap = Heap.create()
    const block = heap.alloc(100)
    const seen = record(heap, 'allocated', 'freed')
    heap.on('freed', () => heap.reset())
    heap.realloc(block, 100_000)
    expect(seen.map(([name]) => name)).toEqual(['freed'])
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('of allocated may end the scope of a new object, reset or close its heap', () => {
    for (const mode of ['manual', 'runtime', 'vm', 'server', 'embedded'] as const) {
      for (const end of ['reset', 'close', 'collect'] as const) {
        const heap = Heap.create({ mode })
        const scope = heap.scope()
        const off = heap.on('allocated', () => {
          off()
          heap[end]()
        })
        const made = end === 'collect' ? heap.new(Pair, { left: 7 }) : undefined
        if (made) expect(made.left).toBe(7)
        else expect(() => heap.new(Pair, { left: 7 }).left, `${mode} ${end}`).toThrow(HeapwrightError)
        scope[Symbol.dispose]()
        if (end !== 'close') expect(heap.verify()).toEqual({ ok: true })
      }
    }
  })

  it('of unknown events are refused with the names that there are', () => {
    const heap = Heap.create()
    expect(() => heap.on('alocated' as never, () => {})).toThrow(ArgumentError)
    expect(() => heap.on('alocated' as never, () => {})).toThrow('tenantBegin')
  })
})

describe('trim', () => {
  it('tells the bytes that caches gave back, and nothing when there are none', () => {
    const heap = Heap.create()
    const seen: unknown[] = []
    heap.on('trim', (event) => seen.push(event))
    heap.free(heap.alloc(100))
    const bytes = heap.releaseCaches()
    expect(bytes).toBeGreaterThan(0)
    expect(heap.releaseCaches()).toBe(0)
    expect(seen).toEqual([{ bytes, cause: 'caches' }])
  })

  it('tells what a compaction gave back of the memory that was held', () => {
    const heap = Heap.create({ mode: 'vm', limit: '64MiB' })
    {
      using _scope = heap.scope()
      for (let i = 0; i < 100_000; i++) heap.new(Pair)
    }
    const seen: unknown[] = []
    heap.on('trim', (event) => seen.push(event))
    const { committedBefore, committedAfter } = heap.compact()
    expect(committedBefore).toBeGreaterThan(committedAfter)
    expect(seen).toEqual([{ bytes: committedBefore - committedAfter, cause: 'compact' }])
  })
})

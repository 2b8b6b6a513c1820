/**
 * Goal: collections say what they did, memory that is full is made room in or refused cleanly, and modes and options
 * are what their tables say.
 * Method: figures against what was made; heaps filled until they refuse and emptied again; every option that a mode
 * does not have.
 * A failure means: a heap that dies of garbage, or figures that nobody can trust.
 */
import { describe, expect, it } from 'vitest'
import { FLAG_OBJECTS, HEAP_FLAGS_AT } from '../kernel/layout.js'
import {
  ArgumentError,
  array,
  type Collection,
  Heap,
  type HeapOptions,
  i32,
  OPTIONS,
  OutOfMemoryError,
  ref,
  struct,
  UnsupportedError,
  u8,
} from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node') })
const Blob = struct('Blob', { bytes: array(u8) })

const vm = (options: HeapOptions = {}) => Heap.create({ mode: 'vm', limit: '64MiB', debug: true, ...options })

describe('collections', () => {
  it('say what they did, to the caller, to listeners and in the figures', () => {
    const heap = vm()
    const told: [string, unknown][] = []
    heap.on('collectBegin', (event) => told.push(['begin', event]))
    heap.on('collectEnd', (event) => told.push(['end', event]))
    using _ = heap.scope()
    const kept = heap.new(Node)
    {
      using _inner = heap.scope()
      for (let i = 0; i < 1000; i++) heap.new(Node)
    }
    const first = heap.collect()
    expect(first).toMatchObject({ kind: 'full', cause: 'request', liveObjects: 1, movedObjects: 0 })
    // A node takes 16 bytes; the room between them and a hole's end may be counted along.
    expect(first.freedBytes).toBeGreaterThanOrEqual(16_000)
    expect(first.ms).toBeGreaterThanOrEqual(0)
    const second = heap.compact()
    expect(second).toMatchObject({ kind: 'compact', cause: 'request', liveObjects: 1 })
    expect(second.committedAfter).toBeLessThanOrEqual(second.committedBefore)
    expect(told).toEqual([
      ['begin', { kind: 'full', cause: 'request' }],
      ['end', first],
      ['begin', { kind: 'compact', cause: 'request' }],
      ['end', second],
    ])
    expect(heap.pauses).toMatchObject({ count: 2, totalMs: first.ms + second.ms, recent: [first, second] })
    const stats = heap.stats()
    expect(stats).toMatchObject({ collections: 2, compactions: 1, liveObjects: 1, liveObjectBytes: second.liveBytes })
    expect(stats.pauseMaxMs).toBe(Math.max(first.ms, second.ms))
    expect(heap.report()).toContain('liveObjects')
    expect(Heap.create().report()).not.toContain('liveObjects')
    expect(heap.describe(kept)).toMatchObject({ marked: true, type: 'Node', bytes: 8 })
    expectSound(heap)
  })

  it('run by themselves, so that garbage takes no memory', () => {
    const heap = vm({ limit: '8MiB' })
    const causes = new Set<Collection['cause']>()
    heap.on('collectEnd', ({ cause }) => causes.add(cause))
    using _ = heap.scope()
    for (let i = 0; i < 200; i++) {
      using _inner = heap.scope()
      for (let j = 0; j < 100; j++) heap.new(Blob, {}, 2000)
      heap.new(Blob, {}, 300_000)
    }
    expect([...causes]).toContain('budget')
    expect(heap.stats().committedPeakBytes).toBeLessThanOrEqual(8 * 2 ** 20)
    expectSound(heap)
  })

  it('keep a row for a type whose objects have all died, when types are counted', () => {
    for (const countTypes of [true, false]) {
      const heap = vm({ countTypes })
      using _ = heap.scope()
      heap.new(Node)
      const scope = heap.scope()
      for (let i = 0; i < 5; i++) heap.new(Blob, {}, 100)
      scope.close()
      heap.collect()
      const node = { type: 'Node', live: 1, bytes: 16, allocated: countTypes ? 1 : 0 }
      const blob = { type: 'Blob', live: 0, bytes: 0, allocated: 5 }
      expect(heap.census()).toMatchObject(countTypes ? [node, blob] : [node])
      expect(heap.collectionStats({ types: true }).types).toEqual(heap.census())
    }
  })

  it('count and list objects', () => {
    const heap = vm({ countTypes: true })
    using _ = heap.scope()
    for (let i = 0; i < 10; i++) heap.new(Node)
    const blob = heap.new(Blob, {}, 100)
    expect(heap.census()).toMatchObject([
      { type: 'Node', live: 10, bytes: 160 },
      { type: 'Blob', live: 1, bytes: 108 },
    ])
    heap.collect()
    expect(heap.census().map(({ allocated }) => allocated)).toEqual([10, 1])
    const all = [...heap.objects()]
    expect(all.length).toBe(11)
    expect(all.map(({ reference }) => reference)).toEqual(all.map((one) => one.reference).sort((a, b) => a - b))
    expect(all).toContainEqual(heap.describe(blob))
    const walk = heap.objects()
    walk.next()
    heap.collect()
    expect(thrownBy(() => [...walk])).toMatchObject({ code: 'HW_STALE_HANDLE', reason: 'collected' })
  })
})

describe('out of memory', () => {
  it('is an error, after which everything works once roots are dropped', () => {
    for (const bytes of [16, 1000, 100_000]) {
      const heap = vm({ limit: '4MiB' })
      for (let round = 0; round < 3; round++) {
        const scope = heap.scope()
        let made = 0
        const error = thrownBy(() => {
          for (;;) {
            heap.new(Blob, {}, bytes)
            made++
          }
        })
        expect(error).toBeInstanceOf(OutOfMemoryError)
        expect(error).toMatchObject({ totalBytes: 4 * 2 ** 20 })
        expect(made * bytes).toBeGreaterThan(bytes === 16 ? 2 ** 20 : 2.5 * 2 ** 20)
        expectSound(heap)
        scope.close()
      }
      using _ = heap.scope()
      // The handle stack's own memory lies somewhere in between and stays, so no more than this need be in one piece.
      const most = bytes === 16 ? 300_000 : 900_000
      expect(heap.new(Blob, {}, most).bytes.length).toBe(most)
    }
  })

  it('calls reclaimers, which may drop roots', () => {
    const heap = vm({ limit: '4MiB' })
    const roots = Array.from({ length: 20 }, () => {
      using _ = heap.scope()
      return heap.root(heap.new(Blob, {}, 100_000))
    })
    heap.addReclaimer(() => roots.pop()?.dispose())
    heap.addReclaimer(() => roots.pop()?.dispose())
    using _ = heap.scope()
    for (let i = 0; i < 25; i++) heap.new(Blob, {}, 100_000)
    expect(roots.length).toBeLessThan(20)
    expectSound(heap)
  })

  it('of blocks collects objects first', () => {
    const heap = vm({ limit: '4MiB' })
    {
      using _ = heap.scope()
      for (let i = 0; i < 30; i++) heap.new(Blob, {}, 100_000)
    }
    const before = heap.stats().collections
    expect(heap.alloc(3_000_000)).toBeGreaterThan(0)
    expect(heap.stats().collections).toBeGreaterThan(before)
    expect(thrownBy(() => heap.alloc(3_000_000))).toBeInstanceOf(OutOfMemoryError)
    expectSound(heap)
  })
})

describe('modes and options', () => {
  const stress: HeapOptions['stress'] = { collect: 'always' }
  const refused: [string, HeapOptions][] = [
    ...(['manual', 'compiler'] as const).flatMap((mode): [string, HeapOptions][] => [
      ['evacuate', { mode, evacuate: true }],
      ['lazySweep', { mode, lazySweep: false }],
      ['countTypes', { mode, countTypes: true }],
      ['shadowStack', { mode, shadowStack: 10 }],
      ['stress', { mode, stress }],
    ]),
    ['evacuate', { mode: 'vm', evacuate: 1 as never }],
    ['shadowStack', { mode: 'vm', shadowStack: -1 }],
    ['stress', { mode: 'vm', stress: 'always' as never }],
    ['stress', { mode: 'vm', stress: { collects: 1 } as never }],
    ['stress.move', { mode: 'vm', stress: { move: 1 as never } }],
    ['stress.collect', { mode: 'vm', stress: { collect: 'never' as never } }],
    ['stress.collect.allocations', { mode: 'vm', stress: { collect: { allocations: 0 } } }],
    ['stress.collect.bytes', { mode: 'vm', stress: { collect: { bytes: 1.5 } } }],
    ['stress.collect.oneIn', { mode: 'vm', stress: { collect: { random: 1 } as never } }],
    ['initial', { mode: 'embedded', initial: 0 }],
    ['reserve', { mode: 'embedded', reserve: true }],
    ['sizeClasses', { mode: 'embedded', sizeClasses: 'pow2' }],
    ['evacuate', { mode: 'embedded', evacuate: true }],
    ['limit', { mode: 'embedded', limit: 2047 }],
    ['base', { mode: 'embedded', memory: new WebAssembly.Memory({ initial: 1 }) }],
  ]
  it.each(refused.map(([argument, options]) => [argument, JSON.stringify(options), options] as const))(
    '%s of %s is refused',
    (argument, _, options) => {
      const error = thrownBy(() => Heap.create(options))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ argument })
      if (options.mode && options.mode !== 'vm' && argument !== 'base' && argument !== 'limit') {
        expect(String(error)).toContain(`'${options.mode}'`)
      }
    },
  )

  it('without objects say so', () => {
    const heap = Heap.create({ mode: 'compiler' })
    for (const use of [() => heap.new(Node), () => heap.scope(), () => heap.collect(), () => heap.globalObject]) {
      const error = thrownBy(use)
      expect(error).toBeInstanceOf(UnsupportedError)
      expect(error).toMatchObject({ code: 'HW_UNSUPPORTED', mode: 'compiler' })
      expect(String(error)).toContain("mode 'compiler' has no objects")
    }
  })

  it('stress collects as often as is said', () => {
    const collections = (options: HeapOptions['stress']) => {
      const heap = vm({ stress: options ?? {} })
      using _ = heap.scope()
      for (let i = 0; i < 400; i++) heap.new(Node)
      expectSound(heap)
      return heap.stats().collections
    }
    expect(collections({})).toBe(0)
    expect(collections({ collect: 'always' })).toBeGreaterThanOrEqual(399)
    expect(collections({ collect: { allocations: 10 } })).toBeGreaterThanOrEqual(39)
    expect(collections({ collect: { bytes: 1000 } })).toBeGreaterThanOrEqual(5)
    const random = collections({ collect: { random: 7, oneIn: 10 } })
    expect(random).toBeGreaterThan(15)
    expect(random).toBeLessThan(90)
    expect(collections({ collect: { random: 7, oneIn: 10 } })).toBe(random)
  })

  it('stay with the heap when another program attaches to it', () => {
    const memory = new WebAssembly.Memory({ initial: 100 })
    const first = Heap.create({ mode: 'vm', memory, base: 65536 })
    expect(first.readU32(first.base + HEAP_FLAGS_AT) & FLAG_OBJECTS).toBe(FLAG_OBJECTS)
    using _ = first.scope()
    first.globalObject = first.new(Node, { value: 42 })
    const second = Heap.attach(memory, 65536)
    expect(second.mode).toBe('vm')
    using _scope = second.scope()
    expect(second.globalObject?.struct).toBeUndefined()
    expect(second.describe(second.globalObject as never).type).toBe('Node')
    const Other = struct('Node', { value: i32, other: ref() })
    expect(thrownBy(() => second.new(Other))).toMatchObject({ argument: 'struct' })
    const again = struct('Node', { value: i32, next: ref('Node') })
    second.new(again)
    expect(second.globalObject?.is(again) && second.globalObject.value).toBe(42)
  })

  it('and every option that a mode has is in the option table', () => {
    const names = OPTIONS.map(({ name }) => name)
    for (const name of ['evacuate', 'lazySweep', 'countTypes', 'shadowStack', 'stress']) expect(names).toContain(name)
  })
})

describe('calls that do not collect by themselves', () => {
  const full = () => {
    const heap = Heap.create({ mode: 'vm', limit: '256KiB', debug: true })
    const scope = heap.scope()
    const kept = heap.root(heap.new(Node))
    scope.close()
    return { heap, kept }
  }

  it.each(['finalizers', 'roots'])('find the room that garbage takes: %s', (what) => {
    const garbage = (heap: Heap, most: number) => {
      for (let count = 1; ; count++) {
        using _ = heap.scope()
        heap.new(Blob, undefined, 1000)
        if (count === most || heap.stats().collections > 0) return count
      }
    }
    // As much of it as there may be before an object's making collects.
    const most = garbage(full().heap, 1e6) - 1
    const { heap, kept } = full()
    garbage(heap, most)
    using _ = heap.scope()
    const finalizers = heap.finalizer(() => {})
    for (let i = 0; i < 4000; i++) {
      if (what === 'finalizers') finalizers.register(kept, i)
      else heap.root(kept)
    }
    expectSound(heap)
  })

  it('leave nothing behind when a finalizer is taken back', () => {
    const { heap, kept } = full()
    const finalizers = heap.finalizer(() => {})
    for (let i = 0; i < 200_000; i++) expect(finalizers.unregister(finalizers.register(kept, i))).toBe(true)
    expectSound(heap)
  })

  it('leave nothing behind when a type cannot be registered', () => {
    const heap = Heap.create({ mode: 'vm', limit: '256KiB', debug: true })
    const { collections } = heap.stats()
    expect(thrownBy(() => heap.new(struct('Unscoped', { value: i32 })))).toMatchObject({ code: 'HW_SCOPE' })
    using _ = heap.scope()
    const types: unknown[] = []
    const error = thrownBy(() => {
      for (let i = 0; ; i++) types.push(heap.new(struct(`Type${i}`, { value: i32 })))
    })
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(collections).toBe(0)
    const more = struct('More', { value: i32 })
    thrownBy(() => heap.new(more))
    const { inUseBytes } = heap.stats()
    for (let i = 0; i < 1000; i++) expect(thrownBy(() => heap.new(more))).toBeInstanceOf(OutOfMemoryError)
    expect(heap.stats().inUseBytes).toBe(inUseBytes)
    expectSound(heap)
  })
})

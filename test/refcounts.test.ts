/**
 * Goal: an object in mode `manual` has as many references as it is referred to, goes with the last one, and takes with
 * it what it alone referred to; whatever else is asked is refused and has changed nothing.
 * Method: counts worked out by hand for every way to refer to an object; live objects and blocks counted at the end of
 * every test; the memory compared byte for byte around refused calls; heaps with both kernels.
 * A failure means: memory that is never given back, or given back while somebody uses it.
 */
import { describe, expect, it } from 'vitest'
import { COUNT_MAX, COUNT_SHIFT, COUNTED_COUNT_BELOW, COUNTED_HEADER_BYTES } from '../kernel/value-layout.js'
import {
  type Address,
  ArgumentError,
  array,
  ClosedError,
  CountError,
  Heap,
  HeapwrightError,
  InvalidAddressError,
  i32,
  MisalignmentError,
  OutOfMemoryError,
  type ReferenceElements,
  ref,
  StaleHandleError,
  struct,
  UnsupportedError,
} from '../src/index.js'
import { expectRefused, expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { next: ref('Node'), value: i32 })
const List = struct('List', { head: ref('Node'), items: array(ref('Node')) })
const Wide = struct('Wide', { self: ref('Wide'), items: array(ref('Node')) })
const Entry = struct('Entry', { entries: array({ key: ref('Node'), number: i32 }) })

const bothKernels = (run: (debug: boolean) => void) => {
  for (const debug of [false, true]) run(debug)
}
const manual = (debug = true) => Heap.create({ limit: '64MiB', initial: 0, debug })

/** Everything was released: no object, no block, a sound heap. */
function expectEmpty(heap: Heap): void {
  expectSound(heap)
  expect(heap.stats()).toMatchObject({ liveBlocks: 0, inUseBytes: 0, liveObjects: 0, liveObjectBytes: 0 })
  expect([...heap.blocks()]).toEqual([])
  expect([...heap.objects()]).toEqual([])
}

/** Set the count of the object at `reference`, as no program can. */
function setCount(heap: Heap, reference: number, count: number): void {
  const { u32 } = heap.raw
  const at = (reference - COUNTED_COUNT_BELOW) >>> 2
  const states = (u32[at] as number) & ((1 << COUNT_SHIFT) - 1)
  u32[at] = ((count << COUNT_SHIFT) | states) >>> 0
}

describe('blocks with a count', () => {
  it('are zeroed, aligned, and go with the last reference', () => {
    bothKernels((debug) => {
      const heap = manual(debug)
      for (const size of [0, 1, 8, 40, 41, 128, 129, 5000, 100_000, 3_000_000]) {
        // What lay there before was no zeros.
        const dirty = heap.alloc(size + 24)
        heap.raw.u8.fill(0xa5, dirty, dirty + size + 24)
        heap.free(dirty)
        const at = heap.allocRefcounted(size)
        expect(at % 16).toBe(8)
        expect(heap.raw.u8.subarray(at, at + size).every((byte) => byte === 0)).toBe(true)
        expect(heap.refcount(at)).toBe(1)
        heap.incref(at)
        heap.incref(at)
        expect(heap.refcount(at)).toBe(3)
        for (let count = 2; count > 0; count--) {
          heap.decref(at)
          expect(heap.refcount(at)).toBe(count)
        }
        expect(heap.stats()).toMatchObject({ liveBlocks: 1, liveObjects: 1 })
        heap.decref(at)
        expectEmpty(heap)
      }
    })
  })

  it('lie beside plain blocks, which stay as they are', () => {
    const heap = manual()
    const plain = heap.alloc(100)
    heap.raw.u8.fill(7, plain, plain + 100)
    const counted = Array.from({ length: 100 }, (_, i) => heap.allocRefcounted(i * 10))
    expect(heap.stats()).toMatchObject({ liveBlocks: 101, liveObjects: 100 })
    expect(heap.census()).toMatchObject([{ type: 'bytes', live: 100 }])
    for (const one of counted) heap.decref(one)
    expect(heap.raw.u8.subarray(plain, plain + 100).every((byte) => byte === 7)).toBe(true)
    heap.free(plain)
    expectEmpty(heap)
  })

  it('are refused without room, or as 0, after reclaimers were asked', () => {
    const heap = Heap.create({ limit: '1MiB' })
    const spare = heap.allocRefcounted(900_000)
    expect(heap.tryAllocRefcounted(500_000)).toBe(0)
    expect(thrownBy(() => heap.allocRefcounted(500_000))).toBeInstanceOf(OutOfMemoryError)
    expect(thrownBy(() => heap.allocRefcounted(2 ** 31))).toBeInstanceOf(OutOfMemoryError)
    expect(heap.tryAllocRefcounted(4_294_967_294)).toBe(0)
    heap.addReclaimer(() => heap.decref(spare))
    const at = heap.allocRefcounted(500_000)
    heap.decref(at)
    expectEmpty(heap)
  })

  it('make room for themselves out of garbage in cycles', () => {
    const heap = Heap.create({ limit: '1MiB', cycleThreshold: 0 })
    for (let round = 0; round < 20; round++) {
      using _ = heap.scope()
      const wide = heap.new(Wide, {}, 50_000)
      wide.self = wide
    }
    expect(heap.stats().liveObjects).toBeLessThan(5)
    expect(heap.stats().collections).toBeGreaterThan(3)
    for (let round = 0; round < 3; round++) heap.decref(heap.allocRefcounted(300_000))
    heap.collectCycles()
    expectEmpty(heap)
  })
})

describe('counts of objects', () => {
  it('are those of scopes, fields, roots and the program', () => {
    bothKernels((debug) => {
      const heap = manual(debug)
      const scope = heap.scope()
      const a = heap.new(Node, { value: 1 })
      expect(heap.refcount(a)).toBe(1)
      const b = heap.new(Node, { value: 2, next: a })
      expect(heap.refcount(a)).toBe(2)
      expect(heap.refcount(b)).toBe(1)
      // Reading a field makes a view, which the scope holds.
      expect(heap.same(b.next, a)).toBe(true)
      expect(heap.refcount(a)).toBe(3)
      b.next = b
      expect([heap.refcount(a), heap.refcount(b)]).toEqual([2, 2])
      b.next = b
      expect(heap.refcount(b)).toBe(2)
      b.next = null
      expect(heap.refcount(b)).toBe(1)
      const root = heap.root(a)
      const pin = heap.pin(root)
      expect(heap.refcount(root)).toBe(4)
      expect(pin.address).toBe(a.reference)
      heap.globalObject = a
      heap.pendingException = root
      expect(heap.refcount(a)).toBe(6)
      heap.globalObject = null
      heap.pendingException = b
      expect([heap.refcount(a), heap.refcount(b)]).toEqual([4, 2])
      heap.pendingException = null
      const { reference } = a
      heap.incref(a)
      expect(heap.describe(a)).toMatchObject({ type: 'Node', refcount: 5 })
      scope.close()
      expect(heap.refcount(reference)).toBe(3)
      expect(root.value.value).toBe(1)
      root.dispose()
      root.dispose()
      pin.dispose()
      expect(heap.refcount(reference)).toBe(1)
      heap.decref(reference)
      expectEmpty(heap)
    })
  })

  it('are those of arrays and records, by every way to write them', () => {
    bothKernels((debug) => {
      const heap = manual(debug)
      const scope = heap.scope()
      const a = heap.new(Node)
      const b = heap.new(Node)
      const counts = () => [heap.refcount(a), heap.refcount(b)]
      const list = heap.new(List, { head: a, items: [a, b, null, a] })
      expect(counts()).toEqual([4, 2])
      const items = list.items as ReferenceElements
      items.set(1, a)
      expect(counts()).toEqual([5, 1])
      items.fill(b)
      expect(counts()).toEqual([2, 5])
      items.fill(a, 1, 3)
      expect(counts()).toEqual([4, 3])
      items.write([null, b, a], 1)
      expect(counts()).toEqual([3, 3])
      // One of them does not fit: none is written.
      expect(thrownBy(() => items.write([b, list, b]))).toBeInstanceOf(ArgumentError)
      expect(counts()).toEqual([3, 3])
      const table = heap.new(Entry, { entries: [{ key: a, number: 1 }, { key: null }] })
      expect(counts()).toEqual([4, 3])
      table.entries.set(1, { key: b, number: 2 })
      table.entries.set(0, { number: 5 })
      expect(counts()).toEqual([4, 4])
      const first = table.entries.get(0)
      first.key = b
      expect(counts()).toEqual([3, 5])
      table.entries.fill({ key: a })
      expect(counts()).toEqual([5, 3])
      expectSound(heap)
      scope.close()
      expectEmpty(heap)
    })
  })

  it('follow objects that escape their scope', () => {
    const heap = manual()
    const outer = heap.scope()
    const kept = (() => {
      using inner = heap.scope()
      const node = inner.escape(heap.new(Node, { value: 7 }))
      heap.new(Node, { next: node })
      expect(heap.refcount(node)).toBe(2)
      return node
    })()
    expect(kept.value).toBe(7)
    expect(heap.refcount(kept)).toBe(1)
    expect(heap.stats().liveObjects).toBe(1)
    outer.close()
    expectEmpty(heap)
  })

  it('of references handed over by number stay with who has taken them', () => {
    const heap = manual()
    const reference = (() => {
      using _ = heap.scope()
      const node = heap.new(Node, { value: 3, next: heap.new(Node, { value: 4 }) })
      heap.incref(node)
      return node.reference
    })()
    expect(heap.stats().liveObjects).toBe(2)
    {
      using _ = heap.scope()
      const node = heap.view(Node, reference)
      expect(node.next?.value).toBe(4)
      expect(heap.refcount(node)).toBe(2)
    }
    heap.decref(reference)
    expectEmpty(heap)
  })

  it('keep what a view of a scope shows although the program gives its own up', () => {
    const heap = manual()
    const reference = heap.allocRefcounted(16)
    using scope = heap.scope()
    const node = heap.new(Node, { value: 1 })
    heap.incref(node)
    heap.decref(node)
    expect(node.value).toBe(1)
    heap.decref(reference)
    scope.close()
    expectEmpty(heap)
  })
})

describe('a release', () => {
  it('of a list of a million nodes goes without recursion', { timeout: 60_000 }, () => {
    const heap = Heap.create({ limit: '256MiB', name: 'long list' })
    const nodes = 1_000_000
    const reference = buildList(heap, nodes)
    expect(heap.stats().liveObjects).toBe(nodes)
    heap.decref(reference)
    expectEmpty(heap)
  })

  it('of a wide object takes what it alone refers to, and leaves the rest', () => {
    const heap = manual()
    const shared = inScope(heap, () => heap.root(heap.new(Node, { value: 9 })))
    {
      using _ = heap.scope()
      const list = heap.new(List, {}, 20_000)
      for (let i = 0; i < 20_000; i++) {
        using _ = heap.scope()
        list.items.set(i, i % 2 === 0 ? shared : heap.new(Node, { value: i, next: shared.value }))
      }
      expect(heap.refcount(shared)).toBe(20_001)
      expect(heap.stats().liveObjects).toBe(10_002)
    }
    expect(heap.refcount(shared)).toBe(1)
    expect(heap.stats().liveObjects).toBe(1)
    shared.dispose()
    expectEmpty(heap)
  })

  it('of a field through itself keeps what is stored there', () => {
    const heap = manual()
    using scope = heap.scope()
    const root = heap.root(heap.new(Node, { value: 1, next: null }))
    {
      using _ = heap.scope()
      root.value.next = heap.new(Node, { value: 2, next: heap.new(Node, { value: 3 }) })
    }
    {
      using _ = heap.scope()
      root.value.next = root.value.next?.next ?? null
      expect(root.value.next?.value).toBe(3)
    }
    expect(heap.stats().liveObjects).toBe(2)
    root.dispose()
    scope.close()
    expectEmpty(heap)
  })
})

/** A list of so many nodes: the reference of its first one, which is the caller's. */
function buildList(heap: Heap, nodes: number): number {
  using _ = heap.scope()
  const kernel = heap.raw
  const { typeId } = heap.describe(heap.new(Node))
  let head = 0
  for (let i = 0; i < nodes; i++) {
    const node = kernel.objectNew(typeId, Node.fixedBytes) >>> 0
    kernel.storeReference(node, node, head)
    if (head !== 0) kernel.decref(head)
    head = node
  }
  return head
}

/** What `make` gives, made in a scope of its own. */
function inScope<V>(heap: Heap, make: () => V): V {
  using _ = heap.scope()
  return make()
}

describe('a count at its most', () => {
  it('is not passed by any call, and nothing has changed', () => {
    bothKernels((debug) => {
      const heap = manual(debug)
      const scope = heap.scope()
      const full = heap.new(Node, { value: 1 })
      const other = heap.new(Node)
      const list = heap.new(List, { items: [null, null, other] })
      const table = heap.new(Entry, {}, 2)
      const { reference } = full
      setCount(heap, reference, COUNT_MAX)
      const fields = { code: 'HW_COUNT', reference, mostReferences: COUNT_MAX, name: 'CountError' }
      const calls = {
        incref: () => heap.incref(full),
        'by number': () => heap.incref(reference),
        field: () => Object.assign(other, { next: full }),
        element: () => list.items.set(0, full),
        fill: () => list.items.fill(full),
        write: () => list.items.write([other, full]),
        record: () => table.entries.set(0, { key: full }),
        'field of a record': () => Object.assign(table.entries.get(0), { key: full }),
        new: () => heap.new(Node, { next: full }),
        root: () => heap.root(full),
        pin: () => heap.pin(full),
        view: () => heap.view(Node, reference),
        globalObject: () => Object.assign(heap, { globalObject: full }),
      }
      for (const [name, call] of Object.entries(calls)) {
        const error = thrownBy(call)
        expect(error, name).toBeInstanceOf(CountError)
        expectRefused(heap, call, fields)
      }
      expect(String(thrownBy(calls.incref))).toMatch(/cannot have more than 268435455 references/)
      // Several references at once: there is room for one.
      setCount(heap, reference, COUNT_MAX - 1)
      expectRefused(heap, () => list.items.fill(full), fields)
      expectRefused(heap, () => list.items.write([full, full]), fields)
      expectRefused(heap, () => heap.new(List, { head: full, items: [full] }), fields)
      list.items.set(0, full)
      expect(heap.refcount(reference)).toBe(COUNT_MAX)
      expect(heap.refcount(full)).toBe(COUNT_MAX)
      setCount(heap, reference, 2)
      scope.close()
      expectEmpty(heap)
    })
  })

  it('lets an object leave its scope', () => {
    const heap = manual()
    const outer = heap.scope()
    const inner = heap.scope()
    const node = inner.escape(heap.new(Node, { value: 5 }))
    setCount(heap, node.reference, COUNT_MAX)
    inner.close()
    expect(node.value).toBe(5)
    expect(heap.refcount(node)).toBe(COUNT_MAX)
    setCount(heap, node.reference, 1)
    outer.close()
    expectEmpty(heap)
  })
})

describe('a wrong reference', () => {
  const heap = manual(false)
  const other = manual(false)
  const live = heap.allocRefcounted(40)
  const plain = heap.alloc(100)
  const plainLong = heap.alloc(70_000)
  const pool = heap.pool({ size: 48, count: 10 })
  const pooled = pool.acquire()
  const gone = heap.allocRefcounted(40)
  const goneLong = heap.allocRefcounted(200_000)
  const goneHuge = heap.allocRefcounted(3_000_000)
  for (const one of [gone, goneLong, goneHuge]) heap.decref(one)
  const scope = other.scope()
  const view = other.new(Node)

  const wrong: Record<
    string,
    readonly [object: unknown, kind: unknown, fields: Record<string, unknown>, text: RegExp]
  > = {
    'a released block': [gone, InvalidAddressError, { reason: 'double-free' }, /released before/],
    'a released long block': [goneLong, InvalidAddressError, { reason: 'double-free' }, /free memory/],
    'a released huge block': [goneHuge, InvalidAddressError, {}, /released before|not in any block/],
    'an address that was never allocated': [0x1000008, InvalidAddressError, { reason: 'foreign' }, /not in any block/],
    'the last reference there could be': [0xfffffff8, InvalidAddressError, { reason: 'foreign' }, /not in any block/],
    null: [0, MisalignmentError, {}, /is no reference/],
    '8': [8, InvalidAddressError, { reason: 'foreign' }, /not in any block/],
    'the inside of an object': [live + 16, InvalidAddressError, { reason: 'interior' }, /no.*reference of a counted/],
    'a misaligned address': [live + 4, MisalignmentError, {}, /is no reference; .* 8 past a multiple of 16/],
    'a plain block': [plain, MisalignmentError, {}, /block without a count: heap\.free/],
    'the inside of a plain block': [plain + 24, InvalidAddressError, { reason: 'interior' }, /inside the block/],
    'a long plain block': [plainLong + 24, InvalidAddressError, { reason: 'interior' }, /inside the block/],
    'a block of a pool': [pooled + 24, InvalidAddressError, {}, /pool|inside|free memory/],
    "another heap's view": [view, ArgumentError, {}, /not of another heap/],
    'no object': [{}, ArgumentError, {}, /an address, a view or a root of this heap/],
    nothing: [undefined, ArgumentError, {}, /an address, a view or a root of this heap/],
    'a fraction': [live + 0.5, ArgumentError, {}, /object/],
    'a negative number': [-8, ArgumentError, {}, /object/],
    NaN: [Number.NaN, ArgumentError, {}, /object/],
    'an address beyond 32 bits': [2 ** 32 + live, ArgumentError, {}, /object/],
  }
  for (const [name, [object, kind, fields, text]] of Object.entries(wrong)) {
    it(`is refused: ${name}`, () => {
      for (const call of ['incref', 'decref', 'refcount'] as const) {
        const use = () => heap[call](object as number)
        const error = thrownBy(use)
        expect(error, call).toBeInstanceOf(kind)
        expect(String(error)).toMatch(text)
        expectRefused(heap, use, fields)
      }
      expectSound(heap)
    })
  }

  it('is told from what is right', () => {
    expect(heap.refcount(live)).toBe(1)
    expect(other.refcount(view)).toBe(1)
    scope.close()
    expectEmpty(other)
  })

  it('is refused where a plain block is wanted', () => {
    expectRefused(heap, () => heap.free(live), { code: 'HW_MISALIGNED' })
    expect(String(thrownBy(() => heap.free(live)))).toContain('heap.decref gives that up')
    // Its block, as `heap.blocks()` gives it, is not the program's to free either.
    const block = [...heap.blocks()].find(({ address }) => address === live - COUNTED_HEADER_BYTES)?.address as Address
    expect(block).toBe(live - COUNTED_HEADER_BYTES)
    for (const call of [() => heap.free(block), () => heap.free(block, 40), () => heap.realloc(block, 100)]) {
      expectRefused(heap, call, { code: 'HW_INVALID_ADDRESS', reason: 'owned' })
      expect(String(thrownBy(call))).toContain('heap.decref gives a reference to that up')
    }
    expectRefused(heap, () => heap.realloc(live, 100), { code: 'HW_MISALIGNED' })
    expect(heap.refcount(live)).toBe(1)
  })

  it('is refused as a size', () => {
    for (const size of [-1, 1.5, Number.NaN, 2 ** 32, '8' as unknown as number]) {
      expectRefused(heap, () => heap.allocRefcounted(size), { code: 'HW_ARGUMENT' })
      expectRefused(heap, () => heap.tryAllocRefcounted(size), { code: 'HW_ARGUMENT' })
    }
  })
})

describe('an object that was released while something refers to it', () => {
  it('is refused where it would be referred to again, and leaves the heap as it is', () => {
    const heap = manual(false)
    const scope = heap.scope()
    const keeper = heap.new(Node, { value: 1 })
    const gone = heap.new(Node, { value: 2 })
    keeper.next = gone
    heap.decref(gone)
    heap.decref(gone)
    expect(heap.verify()).toMatchObject({ ok: false })
    const fields = { code: 'HW_INVALID_ADDRESS', reason: 'double-free' }
    expectRefused(heap, () => heap.incref(gone), fields)
    expectRefused(heap, () => heap.root(gone), fields)
    expectRefused(heap, () => heap.describe(gone), fields)
    expectRefused(heap, () => heap.setFlags(gone, 1), fields)
    expectRefused(heap, () => heap.new(Node, { next: gone }), fields)
    expectRefused(heap, () => Object.assign(keeper, { next: gone }), fields)
    expectRefused(heap, () => keeper.next, fields)
    heap.collectCycles()
    keeper.next = null
    scope.close()
    expectEmpty(heap)
  })

  it('in a circle is released once', () => {
    bothKernels((debug) => {
      const heap = manual(debug)
      const scope = heap.scope()
      const a = heap.new(Node)
      const b = heap.new(Node, { next: a })
      a.next = b
      heap.decref(a)
      heap.decref(a)
      scope.close()
      heap.collectCycles()
      expectEmpty(heap)
    })
  })

  it('is gone for its view when the scope is closed', () => {
    const heap = manual()
    const scope = heap.scope()
    const node = heap.new(Node)
    scope.close()
    for (const use of [
      () => node.value,
      () => heap.refcount(node),
      () => heap.decref(node),
      () => heap.incref(node),
      () => heap.root(node),
    ]) {
      expectRefused(heap, use, { code: 'HW_STALE_HANDLE', reason: 'scope-closed' })
    }
    expectEmpty(heap)
  })
})

describe('what a manual heap has not', () => {
  const heap = manual()
  const scope = heap.scope()
  const node = heap.new(Node)
  const calls = {
    'weak roots': () => heap.weak(node),
    'weak references': () => heap.weakRef(node),
    'weak maps': () => heap.weakMap(),
    finalizers: () => heap.finalizer(() => {}),
    'identity hashes': () => heap.identityHash(node),
    images: () => heap.freeze({ node }),
    'images, to load': () => heap.loadImage(new Uint8Array(8)),
    compaction: () => heap.compact(),
    'root slots': () => heap.rootSlot(1024),
    'collection in steps': () => heap.step(),
  }
  for (const [feature, call] of Object.entries(calls)) {
    it(`says so: ${feature}`, () => {
      const error = thrownBy(call)
      expect(error).toBeInstanceOf(UnsupportedError)
      expect(error).toMatchObject({ code: 'HW_UNSUPPORTED', mode: 'manual' })
      expect(String(error)).toContain(`mode 'manual' has no ${feature.replace(/,.*/, '')}; `)
      expectRefused(heap, call, {})
    })
  }

  it('is nothing that its objects need', () => {
    expect(thrownBy(() => heap.collect({ kind: 'minor' }))).toBeInstanceOf(ArgumentError)
    expect(heap.refcount(node)).toBe(1)
    scope.close()
    expectEmpty(heap)
  })

  it('is what the other modes have in place of counts', () => {
    for (const mode of ['runtime', 'vm', 'server', 'embedded'] as const) {
      const traced = Heap.create({ mode, limit: mode === 'embedded' ? '64KiB' : '1MiB' })
      for (const call of [
        () => traced.allocRefcounted(8),
        () => traced.tryAllocRefcounted(8),
        () => traced.incref(8),
        () => traced.decref(8),
        () => traced.refcount(8),
        () => traced.collectCycles(),
      ]) {
        expectRefused(traced, call, { code: 'HW_UNSUPPORTED', mode })
        expect(String(thrownBy(call))).toContain(`mode '${mode}' has no reference counts`)
      }
      expect(thrownBy(() => Heap.create({ mode, cycleThreshold: 5 }))).toBeInstanceOf(ArgumentError)
    }
    const arena = Heap.create({ mode: 'compiler', limit: '1MiB' })
    expectRefused(arena, () => arena.allocRefcounted(8), { code: 'HW_UNSUPPORTED', mode: 'compiler' })
  })
})

describe('reset and close', () => {
  it('take all objects, and what was handed out is refused', () => {
    const heap = manual()
    const scope = heap.scope()
    const node = heap.new(Node)
    const root = heap.root(node)
    const block = heap.allocRefcounted(100)
    node.next = node
    heap.reset()
    expect(heap.stats()).toMatchObject({ liveObjects: 0, liveBlocks: 0 })
    expect(thrownBy(() => heap.decref(node))).toBeInstanceOf(StaleHandleError)
    expect(thrownBy(() => root.value)).toBeInstanceOf(StaleHandleError)
    expect(thrownBy(() => heap.decref(block))).toBeInstanceOf(HeapwrightError)
    scope.close()
    root.dispose()
    // The same places, with the objects of after the reset.
    const again = heap.allocRefcounted(100)
    heap.incref(again)
    expect(heap.refcount(again)).toBe(2)
    heap.decref(again)
    heap.decref(again)
    inScope(heap, () => expect(heap.refcount(heap.new(Node))).toBe(1))
    expectEmpty(heap)
  })

  it('of a heap whose objects were never used need none', () => {
    const heap = manual()
    heap.reset()
    const block = heap.allocRefcounted(8)
    heap.decref(block)
    expectEmpty(heap)
  })

  it('refuse every call afterwards', () => {
    const heap = manual()
    const scope = heap.scope()
    const node = heap.new(Node)
    const block = heap.allocRefcounted(8)
    heap.close()
    for (const call of [
      () => heap.allocRefcounted(8),
      () => heap.tryAllocRefcounted(8),
      () => heap.incref(block),
      () => heap.decref(block),
      () => heap.refcount(block),
      () => heap.collectCycles(),
      () => manualClosed().allocRefcounted(8),
    ]) {
      expect(thrownBy(call)).toBeInstanceOf(ClosedError)
    }
    expect(thrownBy(() => heap.decref(node))).toBeInstanceOf(HeapwrightError)
    scope.close()
  })
})

/** A closed heap that never had objects. */
function manualClosed(): Heap {
  const heap = manual()
  heap.close()
  return heap
}

describe('several heaps', () => {
  it('in one memory keep to their own', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    const left = Heap.create({ memory, base: 1024, end: 2 ** 21, name: 'left' })
    const right = Heap.create({ memory, base: 2 ** 21, end: 2 ** 22, name: 'right' })
    const a = left.allocRefcounted(64)
    const b = right.allocRefcounted(64)
    expectRefused(left, () => left.decref(b), { code: 'HW_INVALID_ADDRESS', reason: 'foreign' })
    expectRefused(right, () => right.incref(a), { code: 'HW_INVALID_ADDRESS', reason: 'foreign' })
    using leftScope = left.scope()
    using rightScope = right.scope()
    const node = left.new(Node)
    expect(right.new(Node).value).toBe(0)
    expectRefused(right, () => right.new(Node, { next: node }), { code: 'HW_ARGUMENT' })
    left.decref(a)
    expectRefused(left, () => left.decref(a), { code: 'HW_INVALID_ADDRESS' })
    right.decref(b)
    for (const scope of [leftScope, rightScope]) scope.close()
    expectEmpty(left)
    expectEmpty(right)
  })

  it('over the same one see the same counts', () => {
    const first = manual(false)
    const block = first.allocRefcounted(32)
    const second = Heap.attach(first.memory, first.base)
    expect(second.mode).toBe('manual')
    expect(second.refcount(block)).toBe(1)
    second.incref(block)
    first.decref(block)
    expect(second.stats()).toMatchObject({ liveBlocks: 1, liveObjects: 1 })
    second.decref(block)
    expectEmpty(first)
    expectEmpty(second)
  })

  it('over the same one find objects that the other has begun', () => {
    const first = manual(false)
    const plain = first.alloc(100)
    const second = Heap.attach(first.memory, first.base)
    const scope = second.scope()
    const node = second.new(Node, { value: 3 })
    const { reference } = node
    // The first one has the kernel without objects until now.
    expect(first.stats()).toMatchObject({ liveObjects: 1, liveBlocks: 2 })
    expect(first.verify()).toEqual({ ok: true })
    expect(first.refcount(reference)).toBe(1)
    const firstScope = first.scope()
    expect(first.view(Node, reference).value).toBe(3)
    expect(second.refcount(node)).toBe(2)
    firstScope.close()
    scope.close()
    first.free(plain)
    expectEmpty(first)
  })
})

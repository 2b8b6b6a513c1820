/**
 * Goal: the building blocks of `kernel/bits` do what their files say, alone, without any of the kernel around them.
 *
 * Method: random sequences of calls run on the compiled functions and on a plain JavaScript model at once (a boolean
 * array for a bitmap, arrays for the others); answers, statuses and contents are compared after every call, and so are
 * the bytes around the structure (`sites.ts`). Positions are often out of range on purpose. Then the classes of
 * `src/bits.ts`: errors, items, growth, ownership of blocks.
 *
 * A failure means that whoever builds on a block gets a wrong answer, or that a block writes outside of its bytes.
 * fast-check prints the shortest failing sequence; repeat the whole run with HW_SEED=<the seed printed at the start>.
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import {
  BITMAP_BITS_MAX,
  LIST_HEADER_BYTES,
  LIST_NODE_BYTES,
  NO_BIT,
  STATUS_ELSEWHERE,
  STATUS_LINKED,
  STATUS_OUT_OF_RANGE,
  STATUS_UNLINKED,
} from '../kernel/bits/layout.js'
import { STATUS_BAD_ARGUMENT, STATUS_CORRUPT, STATUS_OK } from '../kernel/layout.js'
import { bitsKernel } from '../src/bits/kernel.js'
import { alignUp, Bitmap, type BlockSource, FixedArray, LinkedList, RingBuffer } from '../src/bits.js'
import { ArgumentError, ClosedError } from '../src/errors.js'
import { Heap } from '../src/heap.js'
import { memory, paint, SITES, type Site } from './sites.js'

const seed = Number(process.env.HW_SEED ?? Date.now() % 2 ** 31)
const kernel = bitsKernel(memory)
const U32_MAX = 0xffffffff

vi.setConfig({ testTimeout: 60_000 })
beforeAll(() => console.log(`bits.test: seed ${seed}`))

// ---- random calls ---------------------------------------------------------------------------------------------------

type Step<M extends object> = fc.Command<M, null>

/** A call with random arguments; `run` makes it on both sides and compares. */
function call<M extends object, A>(
  name: string,
  args: fc.Arbitrary<A>,
  run: (model: M, args: A) => void,
): fc.Arbitrary<Step<M>> {
  return args.map((values) => ({
    check: () => true,
    run: (model: M) => run(model, values),
    toString: () => `${name}(${JSON.stringify(values)})`,
  }))
}

/** Runs random sequences of `calls` on models that `start` makes anew for each, at a random site. */
function explore<M extends object>(start: (site: Site) => M, calls: fc.Arbitrary<Step<M>>[], numRuns = 60): void {
  const property = fc.property(fc.constantFrom(...SITES), fc.commands(calls, { maxCommands: 80 }), (site, commands) =>
    fc.modelRun(() => ({ model: start(site), real: null }), commands),
  )
  fc.assert(property, { seed, numRuns })
}

/** A raw number that `pick` brings near [0, limit], or leaves as large as it is. */
const raw = fc.oneof(
  { weight: 30, arbitrary: fc.nat(20_000) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 31, max: U32_MAX }) },
)

function pick(value: number, limit: number): number {
  return value >= 2 ** 31 ? value : value % (limit + 2)
}

const none = fc.constant(null)

// ---- align ---------------------------------------------------------------------------------------------------------

describe('align', () => {
  const alignment = fc.nat(31).map((shift) => 2 ** shift)
  const value = fc.oneof(
    fc.nat(U32_MAX),
    fc.nat(70_000),
    fc.nat(70_000).map((below) => U32_MAX - below),
  )

  test('rounds as exact arithmetic does, and answers 0 for what does not fit', () => {
    fc.assert(
      fc.property(value, alignment, (x, a) => {
        const up = ((BigInt(x) + BigInt(a) - 1n) / BigInt(a)) * BigInt(a)
        expect(kernel.alignUp(x, a) >>> 0).toBe(up > U32_MAX ? 0 : Number(up))
        expect(kernel.alignDown(x, a) >>> 0).toBe(x - (x % a))
        expect(kernel.isAligned(x, a)).toBe(x % a === 0 ? 1 : 0)
        if (up > U32_MAX) expect(() => alignUp(x, a)).toThrow(ArgumentError)
        else expect(alignUp(x, a)).toBe(Number(up))
      }),
      { seed, numRuns: 2000 },
    )
  })

  test('knows the powers of two', () => {
    for (let shift = 0; shift < 32; shift++) {
      expect(kernel.isPowerOfTwo(2 ** shift)).toBe(1)
      expect(kernel.isPowerOfTwo(2 ** shift + 1)).toBe(shift === 0 ? 1 : 0)
    }
    expect(kernel.isPowerOfTwo(0)).toBe(0)
    expect(kernel.isPowerOfTwo(U32_MAX)).toBe(0)
  })

  test('the TypeScript form refuses what is no alignment or no number of bytes', () => {
    for (const bad of [0, -8, 3, 12, 0.5, 1.5, 2 ** 32, 2 ** 31 + 1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => alignUp(8, bad), `alignment ${bad}`).toThrow(ArgumentError)
    for (const bad of [-1, 0.5, 2 ** 32, Number.NaN])
      expect(() => alignUp(bad, 8), `value ${bad}`).toThrow(ArgumentError)
  })
})

// ---- bitmap --------------------------------------------------------------------------------------------------------

describe('bitmap', () => {
  interface Model {
    readonly at: number
    readonly bits: boolean[]
    compare(): void
  }

  function start(size: number): (site: Site) => Model {
    return (site) => {
      const place = paint(site, kernel.bitmapBytes(size))
      expect(kernel.bitmapInit(place.address, size)).toBe(STATUS_OK)
      const bits = new Array<boolean>(size).fill(false)
      const compare = (): void => {
        expect(place.intact()).toBe(true)
        expect(kernel.bitmapBits(place.address) >>> 0).toBe(size)
        expect(Buffer.compare(place.bytes.subarray(8), packed(bits, place.bytes.length - 8))).toBe(0)
      }
      compare()
      return { at: place.address, bits, compare }
    }
  }

  /** What the words must be, clear bits behind the last included. */
  function packed(bits: readonly boolean[], bytes: number): Uint8Array {
    const words = new Uint8Array(bytes)
    bits.forEach((bit, i) => {
      if (bit) words[i >> 3] = (words[i >> 3] ?? 0) | (1 << (i & 7))
    })
    return words
  }

  const one = (name: string, method: 'bitmapSet' | 'bitmapClear' | 'bitmapFlip', next: (bit: boolean) => boolean) =>
    call<Model, number>(name, raw, (m, r) => {
      const position = pick(r, m.bits.length)
      const isInside = position < m.bits.length
      expect(kernel[method](m.at, position)).toBe(isInside ? STATUS_OK : STATUS_OUT_OF_RANGE)
      if (isInside) m.bits[position] = next(m.bits[position] ?? false)
      m.compare()
    })

  /** A range that fits in four of five cases. */
  const range = fc.tuple(raw, raw, fc.nat(4))
  const pickRange = (
    m: Model,
    [a, b, fits]: [number, number, number],
  ): { from: number; count: number; isInside: boolean } => {
    const size = m.bits.length
    const from = fits > 0 ? (a >>> 0) % (size + 1) : pick(a, size)
    const count = fits > 0 ? (b >>> 0) % (size - from + 1) : pick(b, size)
    return { from, count, isInside: from + count <= size }
  }

  const bulk = (
    name: string,
    method: 'bitmapSetRange' | 'bitmapClearRange' | 'bitmapFlipRange',
    next: (bit: boolean) => boolean,
  ) =>
    call<Model, [number, number, number]>(name, range, (m, args) => {
      const { from, count, isInside } = pickRange(m, args)
      expect(kernel[method](m.at, from, count)).toBe(isInside ? STATUS_OK : STATUS_OUT_OF_RANGE)
      if (isInside) for (let i = from; i < from + count; i++) m.bits[i] = next(m.bits[i] ?? false)
      m.compare()
    })

  /** Start of the first run as a reader would look for it: try every start. */
  function firstRun(bits: readonly boolean[], from: number, length: number): number {
    if (length === 0) return from <= bits.length ? from : NO_BIT
    let run = 0
    for (let i = from; i < bits.length; i++) {
      run = bits[i] ? 0 : run + 1
      if (run === length) return i - length + 1
    }
    return NO_BIT
  }

  const calls: fc.Arbitrary<Step<Model>>[] = [
    one('set', 'bitmapSet', () => true),
    one('clear', 'bitmapClear', () => false),
    one('flip', 'bitmapFlip', (bit) => !bit),
    bulk('setRange', 'bitmapSetRange', () => true),
    bulk('clearRange', 'bitmapClearRange', () => false),
    bulk('flipRange', 'bitmapFlipRange', (bit) => !bit),
    call<Model, number>('get', raw, (m, r) => {
      const position = pick(r, m.bits.length)
      expect(kernel.bitmapGet(m.at, position)).toBe(position < m.bits.length ? Number(m.bits[position]) : -1)
    }),
    call<Model, [number, number, number]>('count', range, (m, args) => {
      const { from, count, isInside } = pickRange(m, args)
      const ones = m.bits.slice(from, from + count).filter(Boolean).length
      expect(kernel.bitmapCount(m.at, from, count) >>> 0).toBe(isInside ? ones : NO_BIT)
    }),
    call<Model, number>('find', raw, (m, r) => {
      const from = pick(r, m.bits.length)
      expect(kernel.bitmapFindSet(m.at, from) | 0).toBe(m.bits.indexOf(true, from))
      expect(kernel.bitmapFindClear(m.at, from) | 0).toBe(m.bits.indexOf(false, from))
      expect(kernel.bitmapAny(m.at)).toBe(m.bits.includes(true) ? 1 : 0)
      expect(kernel.bitmapAll(m.at)).toBe(m.bits.includes(false) ? 0 : 1)
    }),
    call<Model, [number, number]>('findClearRun', fc.tuple(raw, raw), (m, [a, b]) => {
      const from = pick(a, m.bits.length)
      for (const length of [pick(b, m.bits.length), b % 9])
        expect(kernel.bitmapFindClearRun(m.at, from, length) >>> 0).toBe(firstRun(m.bits, from, length))
    }),
  ]

  test.each([0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300])('%i bits against a boolean array', (size) => {
    explore(start(size), calls)
  })

  test('10,000 bits against a boolean array', () => {
    explore(start(10_000), calls, 20)
  })

  test('every single bit of 130 is found from every position, set among clear and clear among set', () => {
    const { address } = paint('end of 4 GiB', kernel.bitmapBytes(130))
    for (const isSet of [true, false]) {
      kernel.bitmapInit(address, 130)
      if (!isSet) kernel.bitmapFlipRange(address, 0, 130)
      for (let bit = 0; bit < 130; bit++) {
        kernel.bitmapFlip(address, bit)
        for (let from = 0; from <= 131; from++) {
          const found = isSet ? kernel.bitmapFindSet(address, from) : kernel.bitmapFindClear(address, from)
          expect(found).toBe(from <= bit ? bit : -1)
        }
        kernel.bitmapFlip(address, bit)
      }
    }
  })

  test('sizes that cannot be are refused', () => {
    const place = paint('low', 16)
    expect(kernel.bitmapBytes(BITMAP_BITS_MAX) >>> 0).toBe(8 + BITMAP_BITS_MAX / 8)
    expect(kernel.bitmapBytes(BITMAP_BITS_MAX + 1)).toBe(0)
    expect(kernel.bitmapInit(place.address, U32_MAX)).toBe(STATUS_BAD_ARGUMENT)
    expect(place.bytes.every((byte) => byte === 0xee)).toBe(true)
  })

  test('ranges whose end would pass 2^32 are out of range', () => {
    const place = paint('above 2 GiB', kernel.bitmapBytes(64))
    kernel.bitmapInit(place.address, 64)
    for (const [from, count] of [
      [1, U32_MAX],
      [64, U32_MAX - 63],
      [U32_MAX, 1],
      [33, U32_MAX - 10],
    ] as const) {
      expect(kernel.bitmapSetRange(place.address, from, count)).toBe(STATUS_OUT_OF_RANGE)
      expect(kernel.bitmapClearRange(place.address, from, count)).toBe(STATUS_OUT_OF_RANGE)
      expect(kernel.bitmapFlipRange(place.address, from, count)).toBe(STATUS_OUT_OF_RANGE)
      expect(kernel.bitmapCount(place.address, from, count) >>> 0).toBe(NO_BIT)
      expect(kernel.bitmapFindClearRun(place.address, from, count) >>> 0).toBe(NO_BIT)
    }
    expect(kernel.bitmapAny(place.address)).toBe(0)
    expect(place.intact()).toBe(true)
  })

  test('positions above 2^31 in the largest bitmap', () => {
    // Half a gigabyte: its header is written by hand over untouched memory, so that no one has to fill it.
    const at = 3 * 2 ** 30
    const last = BITMAP_BITS_MAX - 1
    new DataView(memory.buffer).setUint32(at, BITMAP_BITS_MAX, true)
    expect(kernel.bitmapSetRange(at, last - 99, 100)).toBe(STATUS_OK)
    expect(kernel.bitmapSetRange(at, last - 99, 101)).toBe(STATUS_OUT_OF_RANGE)
    expect(kernel.bitmapGet(at, last)).toBe(1)
    expect(kernel.bitmapFindSet(at, last - 1000) >>> 0).toBe(last - 99)
    expect(kernel.bitmapFindClear(at, last - 50) >>> 0).toBe(NO_BIT)
    expect(kernel.bitmapCount(at, last - 1000, 1001)).toBe(100)
    expect(kernel.bitmapFindClearRun(at, 2 ** 31, 1_000_000) >>> 0).toBe(2 ** 31)
    expect(kernel.bitmapFindClearRun(at, last - 200, 102) >>> 0).toBe(NO_BIT)
    expect(kernel.bitmapClearRange(at, last - 99, 100)).toBe(STATUS_OK)
    expect(kernel.bitmapFindSet(at, last - 1000) >>> 0).toBe(NO_BIT)
    new DataView(memory.buffer).setUint32(at, 0, true)
  })
})

// ---- list ----------------------------------------------------------------------------------------------------------

describe('list', () => {
  const ELEMENTS = 8
  const ELEMENT_BYTES = 32
  const NODE_AT = 8

  interface Model {
    /** Two lists, by the index of their elements. */
    readonly lists: readonly [number[], number[]]
    list(which: number): number
    node(element: number): number
    compare(): void
  }

  function start(site: Site): Model {
    const listsBytes = 2 * LIST_HEADER_BYTES
    const place = paint(site, listsBytes + ELEMENTS * ELEMENT_BYTES)
    const model: Model = {
      lists: [[], []],
      list: (which) => place.address + which * LIST_HEADER_BYTES,
      node: (element) => place.address + listsBytes + element * ELEMENT_BYTES + NODE_AT,
      compare,
    }
    for (const which of [0, 1]) kernel.listInit(model.list(which))
    for (let element = 0; element < ELEMENTS; element++) kernel.nodeInit(model.node(element))
    compare()
    return model

    function compare(): void {
      expect(place.intact()).toBe(true)
      model.lists.forEach((elements, which) => {
        const list = model.list(which)
        expect(kernel.listVerify(list)).toBe(STATUS_OK)
        expect(kernel.listCount(list)).toBe(elements.length)
        const nodes = elements.map(model.node)
        expect(walk(kernel.listFirst(list), (node) => kernel.nodeNext(node))).toEqual(nodes)
        expect(walk(kernel.listLast(list), (node) => kernel.nodePrev(node))).toEqual([...nodes].reverse())
      })
      for (let element = 0; element < ELEMENTS; element++) {
        const owner = ownerOf(model, element)
        const node = model.node(element)
        const contains = [0, 1].map((which) => kernel.listContains(model.list(which), node))
        expect([kernel.nodeOwner(node) >>> 0, ...contains]).toEqual(
          owner < 0 ? [0, 0, 0] : [model.list(owner), 1 - owner, owner],
        )
        // The element's bytes around its node are the user's.
        const from = listsBytes + element * ELEMENT_BYTES
        const nodeEnd = from + NODE_AT + LIST_NODE_BYTES
        const isUsers = (byte: number): boolean => byte === 0xee
        expect(place.bytes.subarray(from, from + NODE_AT).every(isUsers)).toBe(true)
        expect(place.bytes.subarray(nodeEnd, from + ELEMENT_BYTES).every(isUsers)).toBe(true)
      }
    }
  }

  function walk(first: number, next: (node: number) => number): number[] {
    const nodes: number[] = []
    for (let node = first >>> 0; node !== 0 && nodes.length <= ELEMENTS; node = next(node) >>> 0) nodes.push(node)
    return nodes
  }

  function ownerOf(m: Model, element: number): number {
    return m.lists.findIndex((list) => list.includes(element))
  }

  /** Status of a call that needs `element` in list `which`. */
  function membership(m: Model, which: number, element: number): number {
    const owner = ownerOf(m, element)
    return owner === which ? STATUS_OK : owner < 0 ? STATUS_UNLINKED : STATUS_ELSEWHERE
  }

  /** Status of a call that needs `element` in no list. */
  function linkable(m: Model, which: number, element: number): number {
    const owner = ownerOf(m, element)
    return owner < 0 ? STATUS_OK : owner === which ? STATUS_LINKED : STATUS_ELSEWHERE
  }

  const which = fc.nat(1)
  const element = fc.nat(ELEMENTS - 1)

  const push = (
    name: string,
    method: 'listPushFront' | 'listPushBack',
    add: (list: number[], element: number) => void,
  ) =>
    call<Model, [number, number]>(name, fc.tuple(which, element), (m, [w, e]) => {
      const status = linkable(m, w, e)
      expect(kernel[method](m.list(w), m.node(e))).toBe(status)
      if (status === STATUS_OK) add(m.lists[w as 0 | 1], e)
      m.compare()
    })

  const insert = (name: string, method: 'listInsertBefore' | 'listInsertAfter', offset: number) =>
    call<Model, [number, number, number]>(name, fc.tuple(which, element, element), (m, [w, place, e]) => {
      const status = membership(m, w, place) || linkable(m, w, e)
      expect(kernel[method](m.list(w), m.node(place), m.node(e))).toBe(status)
      const list = m.lists[w as 0 | 1]
      if (status === STATUS_OK) list.splice(list.indexOf(place) + offset, 0, e)
      m.compare()
    })

  const pop = (name: string, method: 'listPopFront' | 'listPopBack', take: (list: number[]) => number | undefined) =>
    call<Model, number>(name, which, (m, w) => {
      const taken = take(m.lists[w as 0 | 1])
      expect(kernel[method](m.list(w)) >>> 0).toBe(taken === undefined ? 0 : m.node(taken))
      m.compare()
    })

  const splice = call<Model, [number, number, number, number, number]>(
    'splice',
    fc.tuple(which, fc.integer({ min: -1, max: ELEMENTS - 1 }), which, element, fc.nat(ELEMENTS)),
    (m, [to, place, from, first, count]) => {
      const status = spliceStatus(m, to, place, from, first, count)
      const placeNode = place < 0 ? 0 : m.node(place)
      expect(kernel.listSplice(m.list(to), placeNode, m.list(from), m.node(first), count)).toBe(status)
      if (status === STATUS_OK && count > 0) {
        const source = m.lists[from as 0 | 1]
        const moved = source.splice(source.indexOf(first), count)
        const target = m.lists[to as 0 | 1]
        target.splice(place < 0 ? target.length : target.indexOf(place), 0, ...moved)
      }
      m.compare()
    },
  )

  function spliceStatus(m: Model, to: number, place: number, from: number, first: number, count: number): number {
    if (place >= 0 && membership(m, to, place) !== STATUS_OK) return membership(m, to, place)
    if (count === 0) return STATUS_OK
    if (membership(m, from, first) !== STATUS_OK) return membership(m, from, first)
    const source = m.lists[from as 0 | 1]
    if (count > source.length) return STATUS_OUT_OF_RANGE
    const at = source.indexOf(first)
    const placeAt = to === from ? source.indexOf(place) : -1
    if (placeAt >= at && placeAt < at + count) return STATUS_BAD_ARGUMENT
    return at + count > source.length ? STATUS_OUT_OF_RANGE : STATUS_OK
  }

  test('two lists over the same nodes against two arrays', () => {
    explore(
      start,
      [
        push('pushFront', 'listPushFront', (list, e) => list.unshift(e)),
        push('pushBack', 'listPushBack', (list, e) => list.push(e)),
        insert('insertBefore', 'listInsertBefore', 0),
        insert('insertAfter', 'listInsertAfter', 1),
        pop('popFront', 'listPopFront', (list) => list.shift()),
        pop('popBack', 'listPopBack', (list) => list.pop()),
        call<Model, [number, number]>('remove', fc.tuple(which, element), (m, [w, e]) => {
          const status = membership(m, w, e)
          expect(kernel.listRemove(m.list(w), m.node(e))).toBe(status)
          const list = m.lists[w as 0 | 1]
          if (status === STATUS_OK) list.splice(list.indexOf(e), 1)
          m.compare()
        }),
        splice,
        splice,
        call<Model, [number, number]>('clear', fc.tuple(which, fc.nat(9)), (m, [w, rarely]) => {
          if (rarely > 0) return
          kernel.listClear(m.list(w))
          m.lists[w as 0 | 1].length = 0
          m.compare()
        }),
      ],
      400,
    )
  })

  test('node 0 is refused by every call that takes one', () => {
    const { address: list } = paint('low', LIST_HEADER_BYTES + LIST_NODE_BYTES)
    const node = list + LIST_HEADER_BYTES
    kernel.listInit(list)
    kernel.nodeInit(node)
    kernel.listPushBack(list, node)
    expect(kernel.listPushFront(list, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(kernel.listPushBack(list, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(kernel.listInsertBefore(list, node, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(kernel.listInsertAfter(list, 0, node)).toBe(STATUS_BAD_ARGUMENT)
    expect(kernel.listRemove(list, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(kernel.listSplice(list, 0, list, 0, 1)).toBe(STATUS_BAD_ARGUMENT)
    // What stands at address 8 would be the owner of a node at 0.
    new DataView(memory.buffer).setUint32(8, list, true)
    expect(kernel.listContains(list, 0)).toBe(0)
    new DataView(memory.buffer).setUint32(8, 0, true)
    expect(kernel.listVerify(list)).toBe(STATUS_OK)
  })

  test('verify sees each word of a list that was overwritten', () => {
    const bytes = LIST_HEADER_BYTES + 3 * LIST_NODE_BYTES
    const words = bytes / 4
    for (let word = 0; word < words; word++) {
      const { address: list } = paint('above 2 GiB', bytes)
      kernel.listInit(list)
      for (let i = 0; i < 3; i++) {
        const node = list + LIST_HEADER_BYTES + i * LIST_NODE_BYTES
        kernel.nodeInit(node)
        kernel.listPushBack(list, node)
      }
      expect(kernel.listVerify(list)).toBe(STATUS_OK)
      const view = new DataView(memory.buffer)
      view.setUint32(list + 4 * word, view.getUint32(list + 4 * word, true) ^ 4, true)
      expect(kernel.listVerify(list), `word ${word}`).toBe(STATUS_CORRUPT)
    }
  })
})

// ---- array and ring: items of any size, recognised by a pattern ----------------------------------------------------

/** The bytes of item number `id`: no two ids in a row share one. */
function pattern(id: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (id * 31 + i * 7) & 0xff)
}

const all = new Uint8Array(memory.buffer)
const readItem = (address: number, bytes: number): Uint8Array => all.slice(address, address + bytes)
const writeItem = (address: number, item: Uint8Array): void => all.set(item, address)

const shapes: [capacity: number, itemBytes: number][] = [
  [0, 4],
  [1, 1],
  [1, 24],
  [2, 3],
  [3, 16],
  [7, 8],
  [16, 5],
]

describe('array', () => {
  interface Model {
    readonly at: number
    readonly capacity: number
    readonly itemBytes: number
    items: Uint8Array[]
    nextId: number
    compare(): void
  }

  function start(capacity: number, itemBytes: number): (site: Site) => Model {
    return (site) => {
      const place = paint(site, kernel.arrayBytes(capacity, itemBytes))
      expect(kernel.arrayInit(place.address, capacity, itemBytes)).toBe(STATUS_OK)
      const model: Model = { at: place.address, capacity, itemBytes, items: [], nextId: 1, compare }
      compare()
      return model

      function compare(): void {
        expect(place.intact()).toBe(true)
        expect(kernel.arrayLength(place.address)).toBe(model.items.length)
        model.items.forEach((item, i) => {
          expect(readItem(kernel.arrayAt(place.address, i) >>> 0, itemBytes)).toEqual(item)
        })
        expect(kernel.arrayAt(place.address, model.items.length)).toBe(0)
        expect(kernel.arrayAt(place.address, U32_MAX)).toBe(0)
      }
    }
  }

  const fresh = (m: Model): Uint8Array => pattern(m.nextId++, m.itemBytes)

  const calls: fc.Arbitrary<Step<Model>>[] = [
    call<Model, null>('push', none, (m) => {
      const item = fresh(m)
      const slot = kernel.arrayPush(m.at) >>> 0
      expect(slot !== 0).toBe(m.items.length < m.capacity)
      if (slot !== 0) {
        writeItem(slot, item)
        m.items.push(item)
      }
      m.compare()
    }),
    call<Model, null>('pop', none, (m) => {
      const item = m.items.pop()
      const slot = kernel.arrayPop(m.at) >>> 0
      if (item) expect(readItem(slot, m.itemBytes)).toEqual(item)
      else expect(slot).toBe(0)
      m.compare()
    }),
    call<Model, number>('insert', raw, (m, r) => {
      const index = pick(r, m.items.length)
      const item = fresh(m)
      const slot = kernel.arrayInsert(m.at, index) >>> 0
      expect(slot !== 0).toBe(m.items.length < m.capacity && index <= m.items.length)
      if (slot !== 0) {
        writeItem(slot, item)
        m.items.splice(index, 0, item)
      }
      m.compare()
    }),
    call<Model, number>('set', raw, (m, r) => {
      const index = pick(r, m.items.length)
      const item = fresh(m)
      const source = 0x8000
      writeItem(source, item)
      const isInside = index < m.items.length
      expect(kernel.arraySet(m.at, index, source)).toBe(isInside ? STATUS_OK : STATUS_OUT_OF_RANGE)
      if (isInside) m.items[index] = item
      m.compare()
    }),
    call<Model, number>('remove', raw, (m, r) => {
      const index = pick(r, m.items.length)
      expect(kernel.arrayRemove(m.at, index)).toBe(index < m.items.length ? STATUS_OK : STATUS_OUT_OF_RANGE)
      m.items.splice(index, 1)
      m.compare()
    }),
    call<Model, number>('swapRemove', raw, (m, r) => {
      const index = pick(r, m.items.length)
      const isInside = index < m.items.length
      expect(kernel.arraySwapRemove(m.at, index)).toBe(isInside ? STATUS_OK : STATUS_OUT_OF_RANGE)
      if (isInside) {
        const last = m.items.pop()
        if (last && index < m.items.length) m.items[index] = last
      }
      m.compare()
    }),
    call<Model, number>('clear', fc.nat(9), (m, rarely) => {
      if (rarely > 0) return
      kernel.arrayClear(m.at)
      m.items = []
      m.compare()
    }),
  ]

  test.each(shapes)('capacity %i, items of %i bytes, against an Array', (capacity, itemBytes) => {
    explore(start(capacity, itemBytes), calls)
  })

  test('sizes that cannot be are refused', () => {
    const place = paint('low', 16)
    for (const [capacity, itemBytes] of [
      [5, 0],
      [2 ** 16, 2 ** 16],
      [U32_MAX, U32_MAX],
      [U32_MAX - 15, 1],
      [2 ** 31, 2],
    ] as const) {
      expect(kernel.arrayBytes(capacity, itemBytes)).toBe(0)
      expect(kernel.arrayInit(place.address, capacity, itemBytes)).toBe(STATUS_BAD_ARGUMENT)
    }
    expect(place.bytes.every((byte) => byte === 0xee)).toBe(true)
    expect(kernel.arrayBytes(U32_MAX - 16, 1) >>> 0).toBe(U32_MAX)
  })
})

describe('ring', () => {
  interface Model {
    readonly at: number
    readonly capacity: number
    readonly itemBytes: number
    items: Uint8Array[]
    nextId: number
    compare(): void
  }

  function start(capacity: number, itemBytes: number): (site: Site) => Model {
    return (site) => {
      const place = paint(site, kernel.ringBytes(capacity, itemBytes))
      expect(kernel.ringInit(place.address, capacity, itemBytes)).toBe(STATUS_OK)
      const model: Model = { at: place.address, capacity, itemBytes, items: [], nextId: 1, compare }
      compare()
      return model

      function compare(): void {
        expect(place.intact()).toBe(true)
        expect(kernel.ringCount(place.address)).toBe(model.items.length)
        model.items.forEach((item, i) => {
          expect(readItem(kernel.ringAt(place.address, i) >>> 0, itemBytes)).toEqual(item)
        })
        expect(kernel.ringAt(place.address, model.items.length)).toBe(0)
        expect(kernel.ringAt(place.address, U32_MAX)).toBe(0)
        const ends = [kernel.ringFront(place.address), kernel.ringBack(place.address)]
        const outer = [model.items.at(0), model.items.at(-1)]
        ends.forEach((slot, i) => {
          expect(slot === 0 ? undefined : readItem(slot >>> 0, itemBytes)).toEqual(outer[i])
        })
      }
    }
  }

  type Push = 'ringPushBack' | 'ringPushFront' | 'ringPushBackOverwrite' | 'ringPushFrontOverwrite'

  const push = (name: Push) =>
    call<Model, null>(name, none, (m) => {
      const item = pattern(m.nextId++, m.itemBytes)
      const atFront = name.startsWith('ringPushFront')
      if (name.endsWith('Overwrite') && m.items.length === m.capacity) atFront ? m.items.pop() : m.items.shift()
      const slot = kernel[name](m.at) >>> 0
      expect(slot !== 0).toBe(m.items.length < m.capacity)
      if (slot !== 0) {
        writeItem(slot, item)
        atFront ? m.items.unshift(item) : m.items.push(item)
      }
      m.compare()
    })

  const pop = (name: 'ringPopFront' | 'ringPopBack') =>
    call<Model, null>(name, none, (m) => {
      const item = name === 'ringPopFront' ? m.items.shift() : m.items.pop()
      const slot = kernel[name](m.at) >>> 0
      expect(slot === 0 ? undefined : readItem(slot, m.itemBytes)).toEqual(item)
      m.compare()
    })

  const calls: fc.Arbitrary<Step<Model>>[] = [
    push('ringPushBack'),
    push('ringPushFront'),
    push('ringPushBackOverwrite'),
    push('ringPushFrontOverwrite'),
    pop('ringPopFront'),
    pop('ringPopBack'),
    call<Model, number>('clear', fc.nat(9), (m, rarely) => {
      if (rarely > 0) return
      kernel.ringClear(m.at)
      m.items = []
      m.compare()
    }),
  ]

  test.each(shapes)('capacity %i, items of %i bytes, against an Array', (capacity, itemBytes) => {
    explore(start(capacity, itemBytes), calls)
  })

  test('a hundred thousand items through a ring of seven keep their order', () => {
    const { address } = paint('across 2 GiB', kernel.ringBytes(7, 4))
    kernel.ringInit(address, 7, 4)
    const view = new DataView(memory.buffer)
    const outOfOrder: number[] = []
    for (let i = 0; i < 100_000; i++) {
      view.setUint32(kernel.ringPushBack(address) >>> 0, i, true)
      if (i >= 5 && view.getUint32(kernel.ringPopFront(address) >>> 0, true) !== i - 5) outOfOrder.push(i)
    }
    expect(outOfOrder).toEqual([])
  })

  test('indices near 2^32 wrap in the ring, not in the integer', () => {
    // A ring over almost all of the memory, its header written by hand: only addresses are asked for, no item is
    // touched.
    const at = 16
    const capacity = U32_MAX - 100
    const view = new DataView(memory.buffer)
    expect(kernel.ringInit(at, capacity, 1)).toBe(STATUS_OK)
    for (const head of [0, 1, 2 ** 31, capacity - 1])
      for (const count of [1, 2 ** 31, capacity - 1, capacity]) {
        view.setUint32(at, head, true)
        view.setUint32(at + 4, count, true)
        const addressOf = (index: number): number => at + 16 + ((head + index) % capacity)
        for (const index of [0, count >>> 1, count - 1]) expect(kernel.ringAt(at, index) >>> 0).toBe(addressOf(index))
        expect(kernel.ringBack(at) >>> 0).toBe(addressOf(count - 1))
        expect(kernel.ringPopBack(at) >>> 0).toBe(addressOf(count - 1))
        expect(kernel.ringPushFront(at) >>> 0).toBe(addressOf(capacity - 1))
        expect(kernel.ringPopFront(at) >>> 0).toBe(addressOf(capacity - 1))
        expect(kernel.ringPushBack(at) >>> 0).toBe(addressOf(count - 1))
        expect([view.getUint32(at, true), view.getUint32(at + 4, true)]).toEqual([head, count])
      }
  })

  test('sizes that cannot be are refused', () => {
    const place = paint('low', 16)
    for (const [capacity, itemBytes] of [
      [5, 0],
      [2 ** 16, 2 ** 16],
      [U32_MAX, U32_MAX],
      [U32_MAX - 15, 1],
    ] as const)
      expect(kernel.ringInit(place.address, capacity, itemBytes)).toBe(STATUS_BAD_ARGUMENT)
    expect(place.bytes.every((byte) => byte === 0xee)).toBe(true)
  })
})

// ---- the classes ---------------------------------------------------------------------------------------------------

/** The simplest heap there is: blocks one behind the other, and a record of which are out. */
function bumpSource(): BlockSource & { readonly live: Map<number, number> } {
  const own = new WebAssembly.Memory({ initial: 1, maximum: 16 })
  const live = new Map<number, number>()
  let next = 1024
  return {
    memory: own,
    live,
    alloc(bytes) {
      const address = next
      next += Math.ceil(bytes / 16) * 16
      live.set(address, bytes)
      return address
    },
    free(address) {
      expect(live.delete(address)).toBe(true)
    },
  }
}

describe('classes over a heap', () => {
  test('take one block of exactly their bytes and give it back once', () => {
    const source = bumpSource()
    const made = [
      Bitmap.create(source, 100),
      LinkedList.create(source),
      FixedArray.create(source, { capacity: 10, item: 'u16' }),
      RingBuffer.create(source, { capacity: 10, item: 24 }),
    ]
    const bytes = [8 + 16, LinkedList.bytes, 16 + 20, 16 + 240]
    expect([...source.live.values()]).toEqual(bytes)
    for (const structure of made) {
      structure[Symbol.dispose]()
      structure[Symbol.dispose]()
      expect(() => structure.address).toThrow(ClosedError)
    }
    expect(source.live.size).toBe(0)
    expect(() => made[0] instanceof Bitmap && made[0].any()).toThrow(ClosedError)
  })

  test('are given back at the end of a `using` block', () => {
    const source = bumpSource()
    {
      using bitmap = Bitmap.create(source, 1)
      expect(source.live.has(bitmap.address)).toBe(true)
    }
    expect(source.live.size).toBe(0)
  })

  test('work over a Heap, through its growth, and leave it as it was', () => {
    using heap = Heap.create({ limit: '8MiB' })
    const before = heap.stats().liveBlocks
    {
      using bitmap = Bitmap.create(heap, 1000)
      using recent = RingBuffer.create(heap, { capacity: 3, item: 'f64', overwrite: true })
      bitmap.set(999)
      heap.free(heap.alloc(6 * 2 ** 20))
      for (const value of [1, 2, 3, 4]) recent.pushBack(value)
      expect([bitmap.findSet(), ...recent]).toEqual([999, 2, 3, 4])
    }
    expect(heap.stats().liveBlocks).toBe(before)
  })

  test('refused arguments take no block', () => {
    const source = bumpSource()
    expect(() => Bitmap.create(source, -1)).toThrow(ArgumentError)
    expect(() => Bitmap.create(source, 2 ** 32 - 1)).toThrow(ArgumentError)
    expect(() => FixedArray.create(source, { capacity: 2 ** 31, item: 'u16' })).toThrow(ArgumentError)
    expect(() => FixedArray.create(source, { capacity: 1, item: 0 })).toThrow(ArgumentError)
    expect(() => FixedArray.create(source, { capacity: 1.5, item: 'u8' })).toThrow(ArgumentError)
    expect(() => RingBuffer.create(source, { capacity: 1, item: 'u7' as 'u8' })).toThrow(ArgumentError)
    expect(() => RingBuffer.create(source, { capacity: Number.NaN, item: 'u8' })).toThrow(ArgumentError)
    expect(() => RingBuffer.create(source, { capacity: 1, item: 'u8', overwrites: true } as never)).toThrow(
      ArgumentError,
    )
    expect(source.live.size).toBe(0)
  })

  test('survive growth of the memory', () => {
    const source = bumpSource()
    const bitmap = Bitmap.create(source, 70)
    const array = FixedArray.create(source, { capacity: 4, item: 'f64' })
    const ring = RingBuffer.create(source, { capacity: 4, item: 3 })
    bitmap.set(69)
    array.push(0.25)
    ring.pushBack(Uint8Array.of(1, 2, 3))
    source.memory.grow(1)
    expect(bitmap.findSet()).toBe(69)
    expect([...array]).toEqual([0.25])
    expect(array.push(0.5)).toBe(true)
    expect([...ring]).toEqual([Uint8Array.of(1, 2, 3)])
    expect(array.length).toBe(2)
  })
})

describe('classes over a place', () => {
  test('need their bytes inside the memory and an address that is not 0', () => {
    const own = new WebAssembly.Memory({ initial: 1 })
    for (const address of [0, -8, 0.5, 65536, 65536 - 8, Number.NaN])
      expect(() => Bitmap.create({ memory: own, address }, 1), `at ${address}`).toThrow(ArgumentError)
    expect(Bitmap.create({ memory: own, address: 65536 - 16 }, 64).count()).toBe(0)
    expect(() => Bitmap.attach({ memory: own, address: 65536 - 4 })).toThrow(ArgumentError)
  })

  test('a shared memory is refused', () => {
    const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    expect(() => Bitmap.create({ memory: shared, address: 16 }, 1)).toThrow(ArgumentError)
  })

  test('what is neither a source nor a place is refused by name', () => {
    const heap = Heap.create({ limit: '1MiB' })
    const wrong = [null, undefined, 5, {}, heap.arena(), { memory: {}, address: 16 }, { memory: heap.memory, alloc: 1 }]
    for (const where of wrong as never[]) {
      for (const make of [
        () => Bitmap.create(where, 5),
        () => LinkedList.create(where),
        () => FixedArray.create(where, { capacity: 1, item: 'u8' }),
        () => RingBuffer.create(where, { capacity: 1, item: 'u8' }),
      ]) {
        expect(make).toThrow(ArgumentError)
        expect(make).toThrow('`source` must be a heap')
      }
    }
    expect(() => Bitmap.attach(null as never)).toThrow('`place` must be')
    expect(() => LinkedList.attach({ address: 16 } as never)).toThrow(ArgumentError)
  })

  test('attach to what another one made, and to nothing else', () => {
    const bitmapAt = paint('above 2 GiB', Bitmap.bytesFor(99))
    Bitmap.create(bitmapAt, 99).set(98)
    expect([...Bitmap.attach(bitmapAt).positions()]).toEqual([98])

    const arrayAt = paint('above 2 GiB', FixedArray.bytesFor({ capacity: 3, item: 'u32' }))
    FixedArray.create(arrayAt, { capacity: 3, item: 'u32' }).push(0xffffffff)
    expect([...FixedArray.attach(arrayAt, 'u32')]).toEqual([0xffffffff])
    expect([...FixedArray.attach(arrayAt, 'i32')]).toEqual([-1])
    expect(() => FixedArray.attach(arrayAt, 'u64')).toThrow(ArgumentError)

    const ringAt = paint('above 2 GiB', RingBuffer.bytesFor({ capacity: 3, item: 'u8' }))
    RingBuffer.create(ringAt, { capacity: 3, item: 'u8' }).pushFront(7)
    expect([...RingBuffer.attach(ringAt, { item: 'u8' })]).toEqual([7])
    expect(() => RingBuffer.attach(ringAt, { item: 'u16' })).toThrow(ArgumentError)
    ringAt.bytes.fill(0xee)
    expect(() => RingBuffer.attach(ringAt, { item: 'u8' })).toThrow(ArgumentError)
  })
})

describe('Bitmap', () => {
  test('finds, counts and refuses', () => {
    using bitmap = Bitmap.create(bumpSource(), 200)
    expect([bitmap.any(), bitmap.none(), bitmap.all()]).toEqual([false, true, false])
    bitmap.setRange(10, 100)
    bitmap.clear(50)
    bitmap.flip(199)
    bitmap.flipRange(0, 5)
    bitmap.clearRange(1, 2)
    expect([...bitmap.positions()].slice(0, 4)).toEqual([0, 3, 4, 10])
    expect([bitmap.count(), bitmap.count(10), bitmap.count(10, 40)]).toEqual([103, 100, 40])
    expect([bitmap.findClear(10), bitmap.findSet(110), bitmap.findSet(200)]).toEqual([50, 199, -1])
    expect([bitmap.findClearRun(89), bitmap.findClearRun(90), bitmap.findClearRun(0, 200)]).toEqual([110, -1, 200])
    expect(bitmap.get(10) && !bitmap.get(9)).toBe(true)
    for (const bad of [-1, 200, 1.5, Number.NaN]) {
      for (const method of ['get', 'set', 'clear', 'flip'] as const)
        expect(() => bitmap[method](bad)).toThrow(ArgumentError)
      for (const method of ['setRange', 'clearRange', 'flipRange', 'count'] as const)
        expect(() => bitmap[method](bad, 1)).toThrow(ArgumentError)
    }
    expect(() => bitmap.setRange(100, 101)).toThrow(ArgumentError)
    expect(() => bitmap.findSet(-1)).toThrow(ArgumentError)
    expect(bitmap.count()).toBe(103)
  })

  test('of no bits is empty, full, and has no positions', () => {
    using bitmap = Bitmap.create(bumpSource(), 0)
    expect([bitmap.any(), bitmap.all(), bitmap.count(), bitmap.findClear()]).toEqual([false, true, 0, -1])
    expect(() => bitmap.set(0)).toThrow(ArgumentError)
  })
})

describe('LinkedList', () => {
  function start(): { list: LinkedList; other: LinkedList; nodes: number[]; own: BlockSource } {
    const own = bumpSource()
    const nodes = Array.from({ length: 6 }, () => own.alloc(LinkedList.nodeBytes))
    for (const node of nodes) LinkedList.prepare(own.memory, node)
    return { list: LinkedList.create(own), other: LinkedList.create(own), nodes, own }
  }

  test('orders, moves and refuses', () => {
    const { list, other, nodes } = start()
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = nodes
    list.pushBack(b)
    list.pushFront(a)
    list.insertAfter(b, d)
    list.insertBefore(d, c)
    expect([...list]).toEqual([a, b, c, d])
    expect([list.first, list.last, list.next(a), list.next(d), list.prev(a), list.prev(d)]).toEqual([a, d, b, 0, 0, c])
    other.pushBack(e)
    other.splice(list, { first: b, length: 2 })
    expect([[...list], [...other]]).toEqual([
      [a, d],
      [e, b, c],
    ])
    list.splice(other, { before: d })
    expect([...list]).toEqual([a, e, b, c, d])
    list.splice(list, { first: c, before: a })
    expect([...list]).toEqual([c, a, e, b, d])
    expect([other.length, other.first, other.popFront(), other.popBack()]).toEqual([0, 0, 0, 0])
    expect([list.contains(c), list.contains(f), list.length]).toEqual([true, false, 5])

    expect(() => list.pushBack(c)).toThrow(ArgumentError)
    expect(() => other.pushFront(c)).toThrow(ArgumentError)
    expect(() => other.remove(c)).toThrow(ArgumentError)
    expect(() => list.remove(f)).toThrow(ArgumentError)
    expect(() => list.next(f)).toThrow(ArgumentError)
    expect(() => list.insertAfter(f, f)).toThrow(ArgumentError)
    expect(() => list.splice(list, { first: c, length: 2, before: a })).toThrow(ArgumentError)
    expect(() => list.splice(list, { first: d, length: 2 })).toThrow(ArgumentError)
    expect(() => list.splice(list, { length: 6 })).toThrow(ArgumentError)
    expect(() => list.splice(start().list)).toThrow(ArgumentError)
    for (const bad of [0, -4, 1.5, 65536 - 11, Number.NaN]) expect(() => list.pushBack(bad)).toThrow(ArgumentError)
    expect([...list]).toEqual([c, a, e, b, d])
    expect(list.verify()).toBe(true)

    for (const node of list) if (node !== e) list.remove(node)
    expect([list.popBack(), list.length]).toEqual([e, 0])
    list.pushBack(f)
    list.clear()
    other.pushBack(f)
    expect([...other]).toEqual([f])
  })
})

describe('FixedArray and RingBuffer', () => {
  test('items of every kind come back as they went in', () => {
    const source = bumpSource()
    const numbers = {
      i8: -128,
      u8: 255,
      i16: -32768,
      u16: 65535,
      i32: -(2 ** 31),
      u32: 2 ** 32 - 1,
      f32: 0.5,
      f64: Math.PI,
    }
    for (const [item, value] of Object.entries(numbers)) {
      using array = FixedArray.create(source, { capacity: 2, item: item as keyof typeof numbers })
      array.push(0)
      array.push(value)
      expect([...array]).toEqual([0, value])
      if (item.startsWith('f')) continue
      for (const bad of [value + Math.sign(value), 0.5, Number.NaN])
        expect(() => array.set(0, bad)).toThrow(ArgumentError)
    }
    using signed = RingBuffer.create(source, { capacity: 1, item: 'i64' })
    signed.pushBack(-(2n ** 63n))
    expect(signed.popFront()).toBe(-(2n ** 63n))
    expect(() => signed.pushBack(2n ** 63n)).toThrow(ArgumentError)
    using unsigned = RingBuffer.create(source, { capacity: 1, item: 'u64' })
    unsigned.pushBack(2n ** 64n - 1n)
    expect(unsigned.peekBack()).toBe(2n ** 64n - 1n)
    expect(() => unsigned.pushBack(-1n)).toThrow(ArgumentError)
    using blobs = FixedArray.create(source, { capacity: 1, item: 3 })
    expect(() => blobs.push(Uint8Array.of(1, 2))).toThrow(ArgumentError)
    expect(blobs.length).toBe(0)
  })

  test('an array that is full, empty or asked beyond its end', () => {
    using array = FixedArray.create(bumpSource(), { capacity: 3, item: 'u8' })
    expect(array.pop()).toBeUndefined()
    expect([array.push(1), array.push(3), array.insert(1, 2), array.push(4), array.insert(0, 4)]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
    expect([...array]).toEqual([1, 2, 3])
    for (const bad of [-1, 3, 0.5]) {
      for (const method of ['get', 'remove', 'swapRemove', 'addressOf'] as const)
        expect(() => array[method](bad)).toThrow(ArgumentError)
      expect(() => array.set(bad, 0)).toThrow(ArgumentError)
    }
    expect(() => array.insert(4, 0)).toThrow(ArgumentError)
    expect([array.swapRemove(0), array.remove(0), array.pop(), array.pop()]).toEqual([1, 3, 2, undefined])
    expect([array.length, array.capacity]).toEqual([0, 3])
  })

  test('a ring that is full, with and without overwriting', () => {
    const source = bumpSource()
    using strict = RingBuffer.create(source, { capacity: 2, item: 'u8' })
    expect([strict.pushBack(1), strict.pushFront(0), strict.pushBack(2), strict.pushFront(2)]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect([strict.peekFront(), strict.peekBack(), strict.get(1)]).toEqual([0, 1, 1])
    expect(() => strict.get(2)).toThrow(ArgumentError)
    expect([strict.popBack(), strict.popFront(), strict.popFront(), strict.peekBack()]).toEqual([
      1,
      0,
      undefined,
      undefined,
    ])

    using recent = RingBuffer.create(source, { capacity: 3, item: 'u32', overwrite: true })
    for (let i = 0; i < 10; i++) expect(recent.pushBack(i)).toBe(true)
    expect([...recent]).toEqual([7, 8, 9])
    recent.pushFront(6)
    expect([...recent]).toEqual([6, 7, 8])
    recent.clear()
    expect(recent.length).toBe(0)
    using nothing = RingBuffer.create(source, { capacity: 0, item: 'u32', overwrite: true })
    expect([nothing.pushBack(1), nothing.pushFront(1)]).toEqual([false, false])
  })
})

/**
 * Goal: what is frozen comes back as it was, for ever and read-only, in any heap; and what is no image changes nothing.
 * Method: graphs of all field kinds, also random ones, compared field by field with what they were made from, in both
 * builds with objects, under collections that move everything; then images that are cut off, flipped byte by byte, or
 * lie in one number under a right checksum, of which this file has an implementation of its own.
 * A failure means: a program that starts from wrong data, an immortal object that moves or refers to one that does, or
 * a heap that a damaged file can break.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/object-layout.js'
import { WIDE_INTEGER, WIDE_REFERENCE } from '../kernel/value-layout.js'
import { encodeImage, type ImageParts, type ImageType } from '../src/formats/image.js'
import {
  ArgumentError,
  array,
  bool,
  bytes,
  f32,
  f64,
  Heap,
  type HeapOptions,
  type ImageErrorReason,
  i8,
  i16,
  i32,
  i64,
  OutOfMemoryError,
  ProtectionError,
  ref,
  StaleHandleError,
  struct,
  UnsupportedError,
  u8,
  u16,
  u32,
  u64,
} from '../src/index.js'
import { random } from './support/random.js'
import { expectRefused, expectSound, isFilled, thrownBy } from './support/refusal.js'

const MIB = 2 ** 20

const Node = struct('Node', { value: i32, next: ref('Node') })
const All = struct('All', {
  a: i8,
  b: u8,
  c: i16,
  d: u16,
  e: i32,
  f: u32,
  g: i64,
  h: u64,
  i: f32,
  j: f64,
  k: bool,
  l: bytes(5),
  m: ref(),
  n: ref(Node),
  o: array(u16),
})
const List = struct('List', { count: i32, items: array(ref()) })
const Table = struct('Table', { size: i32, rows: array({ key: ref(), hash: u32, value: ref(), weight: f64 }) })
const Blob = struct('Blob', { bytes: array(u8) })

/** Both builds with objects, with assertions, and collections that move everything. */
const SETUPS: readonly [string, HeapOptions][] = [
  ['vm', { mode: 'vm', limit: '64MiB', debug: true }],
  ['vm, moving', { mode: 'vm', limit: '64MiB', debug: true, stress: { collect: { allocations: 50 }, move: true } }],
  ['embedded', { mode: 'embedded', limit: '16MiB', debug: true }],
  [
    'embedded, moving',
    { mode: 'embedded', limit: '16MiB', debug: true, stress: { collect: { allocations: 50 }, move: true } },
  ],
]

const vm = (options: HeapOptions = {}) => Heap.create({ mode: 'vm', limit: '16MiB', debug: true, ...options })

/** Collections of all kinds, with garbage in between. */
function churn(heap: Heap): void {
  for (let i = 0; i < 3; i++) {
    {
      using _ = heap.scope()
      for (let j = 0; j < 200; j++) heap.new(Node, { value: j })
    }
    if (i === 1) heap.compact()
    else heap.collect()
    expectSound(heap)
  }
}

/** An image of a ring of two nodes and a list that holds them. */
function smallImage(): Uint8Array {
  const heap = vm()
  using _ = heap.scope()
  const a = heap.new(Node, { value: 1 })
  a.next = heap.new(Node, { value: 2, next: a })
  const list = heap.new(List, { count: 2, items: [a, a.next] })
  const image = heap.freeze({ list, node: a })
  heap.close()
  return image
}

describe.each(SETUPS)('an image in mode %s', (_name, options) => {
  const source = () => Heap.create(options)

  it('has every kind of field as it was', () => {
    const heap = source()
    using _ = heap.scope()
    const fields = {
      a: -8,
      b: 200,
      c: -3000,
      d: 60_000,
      e: -(2 ** 31),
      f: 2 ** 32 - 1,
      g: -(2n ** 63n),
      h: 2n ** 64n - 1n,
      i: 0.5,
      j: Math.PI,
      k: true,
      l: [1, 2, 3, 4, 255],
      o: [1, 2, 65_535],
    }
    const node = heap.new(Node, { value: 7 })
    const all = heap.new(All, { ...fields, m: node, n: node })
    const empty = heap.new(List)
    const table = heap.new(Table, { size: 2 }, 3)
    table.rows.set(0, { key: node, hash: 9, value: all, weight: 1.5 })
    table.rows.set(2, { key: null, hash: 2 ** 32 - 1, value: table, weight: Number.NEGATIVE_INFINITY })
    heap.setFlags(all, 0xa5)
    heap.identityHash(all)
    const image = heap.freeze({ all, table, empty })

    const other = source()
    const loaded = other.loadImage(image, { all: All, table: Table, empty: List })
    churn(other)
    expect(loaded.objects).toBe(4)
    using _scope = other.scope()
    const { roots } = loaded
    const copy = roots.all
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'] as const) {
      expect(copy[name], name).toBe(fields[name])
    }
    expect([...copy.l]).toEqual(fields.l)
    expect([...copy.o]).toEqual(fields.o)
    expect(copy.n?.value).toBe(7)
    expect(other.same(copy.m, copy.n)).toBe(true)
    expect(other.flags(copy)).toBe(0xa5)
    expect(other.describe(copy)).toMatchObject({ type: 'All', immortal: true })
    expect(other.describe(copy).hash).toBeUndefined()
    expect(roots.empty.items.length).toBe(0)
    const rows = roots.table.rows
    expect(rows.length).toBe(3)
    expect(rows.get(0)).toMatchObject({ hash: 9, weight: 1.5 })
    expect(other.same(rows.get(0).value, copy)).toBe(true)
    expect(rows.get(1)).toMatchObject({ key: null, hash: 0, value: null, weight: 0 })
    expect(other.same(rows.get(2).value, roots.table)).toBe(true)
    expect(rows.get(2).weight).toBe(Number.NEGATIVE_INFINITY)
  })

  it('has cycles and shared objects once', () => {
    const heap = source()
    const { roots, objects } = heap.loadImage(smallImage(), { list: List })
    expect(objects).toBe(3)
    churn(heap)
    using _ = heap.scope()
    const [a, b] = [roots.list.items.get(0), roots.list.items.get(1)]
    if (!a?.is(Node) || !b?.is(Node)) throw new Error('no nodes')
    expect([a.value, b.value]).toEqual([1, 2])
    expect(heap.same(a.next, b)).toBe(true)
    expect(heap.same(b.next, a)).toBe(true)
  })

  it('is loaded twice, beside others, and frozen again', () => {
    const heap = source()
    const image = smallImage()
    const first = heap.loadImage(image, { list: List })
    const second = heap.loadImage(image, { list: List })
    expect(heap.same(first.roots.list, second.roots.list)).toBe(false)
    using _ = heap.scope()
    const node = heap.new(Node, { value: 3 })
    const list = heap.new(List, { items: [node, first.roots.list, second.roots.list] })
    const both = heap.freeze([list])
    churn(heap)
    expect(heap.freeze(first.roots)).toEqual(image)
    const other = source()
    using _scope = other.scope()
    const { roots, objects } = other.loadImage(both)
    expect(objects).toBe(8)
    const copy = other.view(List, roots[0]?.reference as number)
    expect((copy.items.get(1) as typeof copy | null)?.count).toBe(2)
    churn(other)
  })

  it('is read-only', () => {
    const heap = source()
    const { roots } = heap.loadImage(smallImage(), { list: List, node: Node })
    using _ = heap.scope()
    const { node } = roots
    expect(heap.same(roots.list.items.get(0), node)).toBe(true)
    for (const write of [
      () => {
        node.value = 5
      },
      () => {
        node.next = null
      },
      () => roots.list.items.set(0, null),
      () => roots.list.items.fill(null),
      () => heap.setFlags(node, 1),
    ]) {
      expect(thrownBy(write)).toBeInstanceOf(ProtectionError)
    }
    expect(node.value).toBe(1)
  })

  it('is referred to by objects, roots, weak references, weak maps and finalizers', () => {
    const heap = source()
    const { roots } = heap.loadImage(smallImage(), { list: List })
    using _ = heap.scope()
    const target = roots.list
    const hash = heap.identityHash(target)
    const holder = heap.root(heap.new(List, { items: [target, heap.new(Node, { value: 4 })] }))
    const weak = heap.weakRef(target)
    const watched = heap.weak(target)
    const map = heap.weakMap()
    map.set(target, holder)
    using pin = heap.pin(target)
    const died: string[] = []
    heap.finalizer((held: string) => died.push(held)).register(target, 'immortal')
    heap.globalObject = target
    churn(heap)
    expect(heap.identityHash(target)).toBe(hash)
    expect(heap.same(holder.value.items.get(0), target)).toBe(true)
    expect(heap.same(weak.deref(), target)).toBe(true)
    expect(heap.same(watched.deref(), target)).toBe(true)
    expect(heap.same(map.get(target), holder)).toBe(true)
    expect(heap.same(heap.globalObject, target)).toBe(true)
    expect(pin.reference).toBe(target.reference)
    expect(died).toEqual([])
    expect([...heap.objects()].filter(({ immortal }) => immortal).length).toBe(3)
  })

  it('goes with a reset, and comes again', () => {
    const heap = source()
    const image = smallImage()
    const { roots } = heap.loadImage(image, { list: List })
    heap.reset()
    expect(thrownBy(() => roots.list.count)).toMatchObject({ code: 'HW_STALE_HANDLE', reason: 'heap-reset' })
    expect([...heap.objects()]).toEqual([])
    expect(heap.loadImage(image, { list: List }).roots.list.count).toBe(2)
    churn(heap)
  })

  it('of a random graph is that graph', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const below = random(seed)
      const heap = Heap.create({ ...options, stress: {} })
      using _ = heap.scope()
      const plan = Array.from({ length: 1 + below(300) }, () => ({ fill: below(3000), edges: [] as number[] }))
      for (const { edges } of plan) for (let i = below(6); i > 0; i--) edges.push(below(plan.length + 1) - 1)
      const all = heap.new(List, {}, plan.length)
      const made = plan.map(({ fill, edges }) => heap.new(List, { count: fill }, edges.length))
      made.forEach((view, i) => {
        plan[i]?.edges.forEach((edge, at) => {
          view.items.set(at, made[edge] ?? null)
        })
        all.items.set(i, view)
      })
      const image = heap.freeze({ all })
      const other = source()
      const { roots } = other.loadImage(image, { all: List })
      churn(other)
      using _scope = other.scope()
      expect(roots.all.items.length).toBe(plan.length)
      const indices = new Map<number, number>()
      const views = plan.map((_, i) => {
        const view = roots.all.items.get(i) as typeof roots.all
        indices.set(view.reference, i)
        return view
      })
      const found = views.map((view) => ({
        fill: view.count,
        edges: Array.from({ length: view.items.length }, (_, i) => {
          const target = view.items.get(i)
          return target ? (indices.get(target.reference) ?? -2) : -1
        }),
      }))
      expect(found, `seed ${seed}`).toEqual(plan)
    }
  })
})

describe('sizes', () => {
  it.each([
    ['vm', '64MiB'],
    ['embedded', '32MiB'],
  ] as const)('of 100,000 objects and of objects beyond a MiB, in mode %s', (mode, limit) => {
    const heap = Heap.create({ mode, limit })
    using _ = heap.scope()
    const list = heap.new(List, {}, 100_000)
    let last = heap.new(Node, { value: -1 })
    for (let i = 0; i < 100_000; i++) {
      using _inner = heap.scope()
      const node = heap.new(Node, { value: i, next: i === 0 ? last : (list.items.get(i - 1) as typeof last) })
      list.items.set(i, node)
    }
    last = list.items.get(99_999) as typeof last
    const sizes = [1, 500_000, 524_272, 524_280, 524_288, 800_000, MIB - 72, MIB, 3 * MIB + 5]
    const blobs = sizes.map((bytes, i) => {
      const blob = heap.new(Blob, {}, bytes)
      blob.bytes.fill(i + 1)
      return blob
    })
    const image = heap.freeze({ last, list, ...Object.fromEntries(blobs.map((blob, i) => [`blob${i}`, blob])) })
    heap.close()
    const other = Heap.create({ mode, limit: '32MiB' })
    const { roots, bytes, objects } = other.loadImage(image, { last: Node })
    expect(objects).toBe(100_002 + sizes.length)
    expect(bytes).toBeGreaterThan(1_600_000 + 7 * MIB)
    other.collect()
    other.compact()
    expectSound(other)
    using _scope = other.scope()
    sizes.forEach((size, i) => {
      const blob = other.view(Blob, roots[`blob${i}`]?.reference as number)
      expect(blob.bytes.length).toBe(size)
      expect(isFilled(other.memory, blob.reference, blob.reference + size, i + 1)).toBe(true)
    })
    const words = new Uint32Array(other.memory.buffer)
    let count = 0
    for (let at = roots.last.reference; at !== 0; at = words[at >>> 2] as number) count++
    expect(count).toBe(100_001)
  })

  it('that do not fit are refused, and nothing is kept', () => {
    const heap = vm()
    using _ = heap.scope()
    const list = heap.new(List, { items: Array.from({ length: 6 }, () => heap.new(Blob, {}, 400_000)) })
    const image = heap.freeze({ list })
    for (const options of [
      { limit: '1MiB' },
      { mode: 'embedded', limit: '1MiB' },
      { limit: '16MiB', initial: '1MiB', testing: { growth: () => false } },
    ] as const) {
      const other = vm(options)
      other.collect()
      const before = other.stats()
      const error = thrownBy(() => other.loadImage(image))
      expect(error).toBeInstanceOf(OutOfMemoryError)
      expectSound(other)
      expect([...other.objects()]).toEqual([])
      expect(other.stats().inUseBytes).toBe(before.inUseBytes)
      // What is small fits still.
      expect(other.loadImage(smallImage(), { list: List }).roots.list.count).toBe(2)
      expectSound(other)
    }
  })

  it('makes room by collecting', () => {
    const heap = vm({ limit: '4MiB' })
    {
      using _ = heap.scope()
      for (let i = 0; i < 7; i++) heap.new(Blob, {}, 400_000)
    }
    using _ = heap.scope()
    const image = heap.freeze({ blob: heap.new(Blob, {}, 400_000) })
    for (let i = 0; i < 5; i++) heap.loadImage(image)
    expectSound(heap)
  })

  it('gives up when a reclaimer resets the heap', () => {
    const heap = vm()
    using _ = heap.scope()
    const list = heap.new(List, { items: Array.from({ length: 6 }, () => heap.new(Blob, {}, 400_000)) })
    const image = heap.freeze({ list })
    const other = vm({ limit: '1MiB' })
    other.addReclaimer(() => {
      other.reset()
      return 0
    })
    const fresh = other.stats().inUseBytes
    expect(thrownBy(() => other.loadImage(image))).toBeInstanceOf(StaleHandleError)
    expect(other.stats().inUseBytes).toBe(fresh)
    expectSound(other)
  })
})

describe('another instance', () => {
  it('attaches to a heap with an image', () => {
    const heap = vm()
    const { roots } = heap.loadImage(smallImage(), { list: List })
    const other = Heap.attach(heap.memory, heap.base, { debug: true })
    using _ = other.scope()
    expect(other.view(List, roots.list.reference).count).toBe(2)
    other.collect()
    other.compact()
    expectSound(other)
    expect(roots.list.count).toBe(2)
  })
})

describe('freezing', () => {
  it('refuses what is no object, or leads to weak ones, and says which', () => {
    const heap = vm()
    const other = vm()
    using _ = heap.scope()
    using _other = other.scope()
    const node = heap.new(Node)
    const refused = (objects: unknown, text: RegExp) => {
      const error = thrownBy(() => heap.freeze(objects as never))
      expect(error).toBeInstanceOf(ArgumentError)
      expect((error as Error).message).toMatch(text)
    }
    refused(undefined, /objects/)
    refused({}, /one or more/)
    refused({ node: null }, /objects\.node/)
    refused({ node: other.new(Node) }, /another heap/)
    refused({ '\ud800': node }, /Unicode/)
    refused({ list: heap.new(List, { items: [heap.weakRef(node)] }) }, /weak.*WeakReference/)
    refused([heap.weakMap()], /WeakMap/)
    refused([heap.new(List, { items: [node, heap.weakMap()] })], /WeakMap/)
    expect(thrownBy(() => Heap.create().freeze({}))).toBeInstanceOf(UnsupportedError)
    expect(thrownBy(() => Heap.create().loadImage(new Uint8Array(8)))).toBeInstanceOf(UnsupportedError)
  })

  it('changes nothing', () => {
    const heap = vm()
    using _ = heap.scope()
    const list = heap.new(List, { items: [heap.new(Node)] })
    const before = Buffer.from(heap.memory.buffer.slice(0))
    heap.freeze({ list })
    expect(Buffer.from(heap.memory.buffer).equals(before)).toBe(true)
  })

  it('takes any name', () => {
    const heap = vm()
    using _ = heap.scope()
    const names = ['', '__proto__', 'constructor', 'ä\0€😀', '1']
    const image = heap.freeze(
      Object.fromEntries(names.map((name, i) => [name, heap.new(Node, { value: i })])) as Record<string, never>,
    )
    const { roots } = heap.loadImage(image)
    expect(Object.keys(roots).sort()).toEqual([...names].sort())
    names.forEach((name, i) => {
      expect(roots[name]?.toJSON()).toMatchObject({ value: i })
    })
  })
})

// ---- what is no image -----------------------------------------------------------------------------------------------

/** Bit by bit, as ISO 3309 has it. */
function crc32(bytes: Uint8Array): number {
  let crc = -1
  bytes.forEach((byte, at) => {
    if (at >= 12 && at < 16) return
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  })
  return ~crc >>> 0
}

/** A copy with changed words, and the right checksum. */
function forged(image: Uint8Array, words: Readonly<Record<number, number>>): Uint8Array {
  const copy = image.slice()
  const view = new DataView(copy.buffer)
  for (const [at, word] of Object.entries(words)) view.setUint32(Number(at), word, true)
  view.setUint32(12, crc32(copy), true)
  return copy
}

const leaf: ImageType = {
  shape: layout.SHAPE_LEAF,
  trail: layout.TRAIL_NONE,
  refs: 0,
  fixedBytes: 8,
  mask: 0,
  offsets: [],
  elementBytes: 0,
  elementMask: 0,
  description: 'Leaf{a:u32@0,b:u32@4}',
}

/** An image of one object of a type. */
function imageOf(type: ImageType, payload: readonly number[] = [0, 0], parts: Partial<ImageParts> = {}): Uint8Array {
  const words = Uint32Array.from([1, payload.length * 4, ...payload])
  return encodeImage({ types: [type], words, objects: 1, roots: [{ name: 'a', reference: 8 }], ...parts })
}

describe('bytes that are no image', () => {
  const image = smallImage()
  const target = vm({ limit: '1MiB' })
  const refuse = (bytes: Uint8Array, reason?: ImageErrorReason) => {
    expectRefused(target, () => target.loadImage(bytes), { code: 'HW_IMAGE', ...(reason && { reason }) })
  }

  it('the checksum is what it is said to be', () => {
    expect(forged(image, {})).toEqual(image)
    target.loadImage(image)
  })

  it('flipped in any byte', () => {
    for (let at = 0; at < image.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const copy = image.slice()
        copy[at] = (copy[at] as number) ^ flip
        refuse(copy, at < 4 ? 'format' : at < 12 ? 'version' : at >= 16 && at < 20 ? 'size' : 'checksum')
      }
    }
    expectSound(target)
  })

  it('cut off at any length, or longer', () => {
    for (let length = 0; length < image.length; length++) refuse(image.slice(0, length), length < 4 ? 'format' : 'size')
    refuse(Uint8Array.from([...image, 0]), 'size')
    refuse(Uint8Array.from([...image, ...image]), 'size')
    expectSound(target)
  })

  it('of any single word that was forged', () => {
    // Under a right checksum a word may be harmless (a number in a field, a flag); whatever loads must be sound.
    for (let at = 0; at < image.length; at += 4) {
      if (at === 12) continue
      for (const word of [0, 1, 2, 3, 8, 9, 16, 24, 40, 0xff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff]) {
        const heap = Heap.create({ mode: 'embedded', limit: '4KiB', debug: true })
        const before = heap.stats()
        try {
          heap.loadImage(forged(image, { [at]: word }))
        } catch (error) {
          expect(error, `word ${at}: ${word}`).toMatchObject({ code: 'HW_IMAGE' })
          expect(heap.stats()).toEqual(before)
        }
        heap.collect()
        expectSound(heap)
      }
    }
  })

  it.each<[string, Readonly<Record<number, number>>, ImageErrorReason]>([
    ['a version to come', { 4: 2 }, 'version'],
    ['another layout', { 8: 99 }, 'version'],
    ['another length', { 16: image.length + 8 }, 'size'],
    ['a type more', { 20: 3 }, 'size'],
    ['a type less', { 20: 1 }, 'size'],
    ['2^32 - 1 types', { 20: 0xffffffff }, 'type'],
    ['an object more', { 28: 4 }, 'size'],
    ['an object less', { 28: 2 }, 'size'],
    ['2^32 - 1 objects', { 28: 0xffffffff }, 'size'],
    ['a root more', { 36: 3 }, 'size'],
    ['a root less', { 36: 1 }, 'size'],
    ['sections that overlap', { 24: 8, 32: 0xfffffff0 }, 'size'],
    ['a section that takes the next one', { 24: 0, 32: 0 }, 'size'],
    ['a word that is not zero', { 44: 1 }, 'format'],
  ])('whose head lies: %s', (_, words, reason) => {
    refuse(forged(image, words), reason)
  })

  it.each<[string, Partial<ImageType>, (readonly number[])?]>([
    ['a shape that is none', { shape: 99 }],
    ['a weak shape', { shape: layout.SHAPE_WEAK }],
    ['a table of weak entries', { shape: layout.SHAPE_EPHEMERONS, trail: 1, elementBytes: 12, fixedBytes: 16 }],
    ['more references than fit', { shape: layout.SHAPE_PREFIX, refs: 3 }],
    ['references in a leaf', { refs: 1 }],
    ['a mask beyond the object', { shape: layout.SHAPE_MASK, mask: 0b100 }],
    ['a mask in a leaf', { mask: 1 }],
    ['offsets beyond the object', { shape: layout.SHAPE_LIST, refs: 1, offsets: [8] }],
    ['offsets in disorder', { shape: layout.SHAPE_LIST, refs: 2, offsets: [4, 0] }],
    ['odd offsets', { shape: layout.SHAPE_LIST, refs: 1, offsets: [2] }],
    ['elements without a trail', { elementBytes: 4 }],
    ['a trail without elements', { trail: layout.TRAIL_BYTES }],
    ['a trail that is none', { trail: 9, elementBytes: 4 }],
    ['references of eight bytes', { shape: layout.SHAPE_REFS, trail: layout.TRAIL_REFS, elementBytes: 8 }],
    ['records beyond their mask', { shape: 5, trail: layout.TRAIL_MIXED, elementBytes: 8, elementMask: 4 }],
    ['a shape of another trail', { shape: layout.SHAPE_PREFIX, trail: layout.TRAIL_REFS, elementBytes: 4 }],
    ['a fixed part beyond everything', { fixedBytes: 0xfffffff0 }],
    ['elements beyond everything', { trail: 1, elementBytes: 0x10000 }],
    ['no name', { description: '{a:u32@0}' }],
    ['no text', { description: '' }],
  ])('whose type lies: %s', (_, type) => {
    refuse(imageOf({ ...leaf, ...type }), 'type')
  })

  it('with two types of a name, or a name that is no text', () => {
    refuse(imageOf(leaf, [0, 0], { types: [leaf, { ...leaf, description: 'Leaf{}', fixedBytes: 0 }] }), 'type')
    // The first letter of the name.
    refuse(forged(imageOf(leaf), { 72: 0xffffffff }), 'type')
  })

  it.each<[string, readonly number[], ImageErrorReason]>([
    ['no type', [0, 8, 0, 0], 'object'],
    ['a type that is not there', [3, 8, 0, 0], 'object'],
    ['the flag of a hash', [1 | layout.OBJECT_HASHED, 8, 0, 0], 'object'],
    ['the flag of an image', [1 | layout.OBJECT_IMMORTAL, 8, 0, 0], 'object'],
    ['the flag of a mark', [1 | layout.OBJECT_MARK, 8, 0, 0], 'object'],
    ['a payload too short', [1, 4, 0, 0], 'object'],
    ['a payload too long', [1, 12, 0, 0], 'object'],
    ['elements beyond the end', [2, 12, 0, 0], 'object'],
    ['elements far beyond the end', [2, 0xfffffffc, 0, 0], 'object'],
    ['a reference to itself that is odd', [2, 8, 9, 0], 'reference'],
    ['a reference into a header', [2, 8, 4, 0], 'reference'],
    ['a reference into a payload', [2, 8, 16, 0], 'reference'],
    ['a reference to the end', [2, 8, 24, 0], 'reference'],
    ['a reference far away', [2, 8, 0, 0xfffffff8], 'reference'],
  ])('whose object lies: %s', (_, words, reason) => {
    const refs = { ...leaf, shape: layout.SHAPE_REFS, trail: layout.TRAIL_REFS, fixedBytes: 0, elementBytes: 4 }
    const types = [leaf, { ...refs, description: 'Refs{a:[ref]@0}' }]
    refuse(imageOf(leaf, [], { types, words: Uint32Array.from(words) }), reason)
    const good = imageOf(leaf, [], { types, words: Uint32Array.of(2, 8, 8, 0) })
    Heap.create({ mode: 'vm', limit: '1MiB' }).loadImage(good)
  })

  const prefix = { ...leaf, shape: layout.SHAPE_PREFIX, refs: 2 }
  const records = {
    ...leaf,
    shape: layout.SHAPE_MIXED,
    trail: layout.TRAIL_MIXED,
    fixedBytes: 0,
    elementBytes: 8,
    elementMask: 3,
  }
  const words = { ...leaf, shape: layout.SHAPE_REFS, trail: layout.TRAIL_REFS, fixedBytes: 0, elementBytes: 4 }

  it.each<[string, ImageType, number]>([
    ['a field', { ...prefix, description: 'A{a:value@0,b:ref@4}' }, 1],
    ['a field of a struct', { ...prefix, description: 'A{a:value@0,b:ref(A)@4}' }, 1],
    ['a field by its mask', { ...prefix, shape: layout.SHAPE_MASK, refs: 0, mask: 3, description: 'A{b:ref@4}' }, 1],
    ['a field behind another', { ...prefix, description: 'A{b:ref@0,ref:value@4}' }, 0],
    ['an element', { ...words, fixedBytes: 4, shape: layout.SHAPE_REFS, refs: 1, description: 'A{a:[ref(A)]@4}' }, 1],
    ['a part of an element', { ...records, description: 'A{a:[{k:value@0,v:ref@4}]@0}' }, 1],
    ['a part in front', { ...records, description: 'A{a:[{k:ref(Some thing)@0,v:value@4}]@0}' }, 0],
  ])('with a word that is no reference in %s said to be `ref`, and only there', (_, type, strict) => {
    const free = 1 - strict
    for (const word of [1, 9, 0x0a, 0x16, 4, 0xffffffff]) {
      const payload = [8, 8]
      payload[strict] = word
      refuse(imageOf(type, payload), 'reference')
      payload[strict] = 8
      payload[free] = word
      const heap = vm({ limit: '1MiB' })
      const { roots } = heap.loadImage(imageOf(type, payload))
      churn(heap)
      const at = (roots.a?.reference as number) >>> 2
      expect(heap.raw.u32[at + free]).toBe(word)
      expect(heap.raw.u32[at + strict]).toBe(roots.a?.reference)
      expect(heap.freeze(roots)).toEqual(imageOf(type, payload))
    }
    refuse(imageOf(type, [24, 24]), 'reference')
  })

  it.each<[string, ImageType]>([
    ['says nothing of its words', { ...prefix, description: 'A' }],
    ['says `value`', { ...words, description: 'A{a:[value]@0}' }],
    ['says nothing of its elements', { ...words, description: 'A{}' }],
    ['is no text of ours', { ...words, description: 'A{:ref@,[ref' }],
  ])('but any word where the description %s, and back', (_, type) => {
    const image = imageOf(type, [0xffffffff, 0x0a])
    for (const mode of ['vm', 'embedded'] as const) {
      const heap = Heap.create({ mode, limit: '1MiB', debug: true })
      const { roots } = heap.loadImage(image)
      churn(heap)
      expect(heap.freeze(roots)).toEqual(image)
    }
    refuse(imageOf(type, [24, 0]), 'reference')
  })

  it('with wide values: what is in one that is no word refers to nothing', () => {
    const wide = { ...leaf, shape: layout.SHAPE_WIDE, trail: layout.TRAIL_BYTES, elementBytes: 8, description: 'Wide' }
    // A double, a reference, an integer in the place of one, a reference that a tag makes data.
    const payload = [0, 0, 24, 0x40090000, 8, WIDE_REFERENCE, 7, WIDE_REFERENCE, 24, WIDE_INTEGER]
    const image = imageOf({ ...wide, fixedBytes: 8 }, payload)
    for (const mode of ['vm', 'embedded'] as const) {
      const heap = Heap.create({ mode, limit: '1MiB', debug: true })
      const { roots } = heap.loadImage(image)
      churn(heap)
      const reference = roots.a?.reference as number
      const loaded = heap.raw.u32.slice(reference >>> 2, (reference >>> 2) + payload.length)
      expect([...loaded]).toEqual(payload.map((word, i) => (i === 4 ? reference : word)))
      expect(heap.freeze(roots)).toEqual(image)
    }
    refuse(imageOf({ ...wide, fixedBytes: 8 }, [0, 0, 24, WIDE_REFERENCE]), 'reference')
    refuse(imageOf({ ...wide, fixedBytes: 4 }, [0, 0, 0, 0]), 'type')
    refuse(imageOf({ ...wide, elementBytes: 4 }, [0, 0, 0, 0]), 'type')
  })

  it('from a field of kind ref that holds another word: that is not frozen', () => {
    const heap = vm()
    using _ = heap.scope()
    const list = heap.new(List, { count: 1, items: [null] })
    const at = list.reference >>> 2
    for (const offset of [0, 1, 2]) if (heap.raw.u32[at + offset] === 0) heap.raw.u32[at + offset] = 7
    expect(thrownBy(() => heap.freeze({ list }))).toBeInstanceOf(ArgumentError)
  })

  it('whose roots lie', () => {
    for (const reference of [0, 4, 9, 12, 16, 0xfffffff8]) {
      refuse(imageOf(leaf, [0, 0], { roots: [{ name: 'a', reference }] }), 'reference')
    }
    const twice = [8, 8].map((reference) => ({ name: 'a', reference }))
    refuse(imageOf(leaf, [0, 0], { roots: twice }), 'root')
  })

  it('that is no Uint8Array, or said to be of other structs', () => {
    for (const bytes of [undefined, null, 'HWIM', [1], new ArrayBuffer(8), new Uint16Array(8)]) {
      expect(thrownBy(() => target.loadImage(bytes as never))).toBeInstanceOf(ArgumentError)
    }
    const Other = struct('Other', { a: u32 })
    const Twin = struct('Node', { value: i32, next: ref('Node') })
    refuse(new Uint8Array(0), 'format')
    expectRefused(target, () => target.loadImage(image, { other: List }), { code: 'HW_IMAGE', reason: 'root' })
    expectRefused(target, () => target.loadImage(image, { list: Other }), { code: 'HW_IMAGE', reason: 'root' })
    expect(thrownBy(() => target.loadImage(image, { list: 5 as never }))).toBeInstanceOf(ArgumentError)
    const heap = vm()
    using _ = heap.scope()
    const nodes = heap.freeze({ a: heap.new(Node), b: heap.new(Node) })
    expect(thrownBy(() => vm().loadImage(nodes, { a: Node, b: Twin }))).toBeInstanceOf(ArgumentError)
    expect(thrownBy(() => heap.loadImage(nodes, { a: Twin }))).toBeInstanceOf(ArgumentError)
  })
})

describe('types', () => {
  it('that this heap has as something else are refused', () => {
    const heap = vm()
    using _ = heap.scope()
    heap.new(struct('Node', { value: i32 }))
    expectRefused(heap, () => heap.loadImage(smallImage()), { code: 'HW_IMAGE', reason: 'type' })
    // The right text over other numbers.
    const other = vm()
    using _other = other.scope()
    other.new(Node)
    const lie = imageOf({ ...leaf, description: Node.description })
    expectRefused(other, () => other.loadImage(lie), { code: 'HW_IMAGE', reason: 'type' })
    // And the other way around: what an image has made known is not taken for what its text says.
    const third = vm()
    third.loadImage(lie)
    using _third = third.scope()
    expect(thrownBy(() => third.new(Node))).toBeInstanceOf(ArgumentError)
    expectSound(third)
  })

  it('of shapes that only guests have are registered, known and frozen again', () => {
    const masked = { ...leaf, shape: layout.SHAPE_MASK, mask: 0b10, description: 'Masked{a:u32@0,b:ref@4}' }
    const listed = { ...leaf, shape: layout.SHAPE_LIST, refs: 1, offsets: [4], description: 'Listed' }
    const words = Uint32Array.from([1, 8, 5, 24, 2, 8, 6, 8])
    const roots = [{ name: 'a', reference: 8 }]
    const image = encodeImage({ types: [masked, listed], words, objects: 2, roots })
    for (const mode of ['vm', 'embedded'] as const) {
      const heap = Heap.create({ mode, limit: '1MiB', debug: true })
      const first = heap.loadImage(image)
      const second = heap.loadImage(image)
      expect(heap.freeze(first.roots)).toEqual(image)
      churn(heap)
      expect(heap.census().filter(({ type }) => type === 'Listed')).toMatchObject([{ live: 2 }])
      // A struct says the same with the reference in front, so it is another layout.
      const Masked = struct('Masked', { a: u32, b: ref() })
      expect(thrownBy(() => heap.view(Masked, second.roots.a?.reference as number))).toBeInstanceOf(ArgumentError)
    }
  })
})

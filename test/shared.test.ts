/**
 * Goal: tenants refer to what their root heap shares and to nothing else that is not theirs; so a tenant is collected,
 * verified and ended without a look at the others.
 * Method: a library of objects of all kinds that is loaded as a shared image, read and referred to by tenants of every
 * traced mode, nested ones too; every call through which a view, a root or a word of another heap could get into an
 * object or a root, tried with those of a neighbour and of the parent; types whose names and ids meet; then random
 * graphs in many tenants that come, are collected and compacted, and end, held against plain JavaScript objects.
 * A failure means: one guest's objects that another one's collection moves or frees, or names that guests take from
 * each other.
 */
import { describe, expect, it, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { WIDE_REFERENCE } from '../kernel/value-layout.js'
import {
  ArgumentError,
  array,
  Heap,
  type HeapArray,
  type HeapOptions,
  type HeapString,
  i32,
  type ModeName,
  type ObjectView,
  ProtectionError,
  type Root,
  ref,
  type Struct,
  struct,
  type Tenant,
  UnsupportedError,
  type View,
  value,
} from '../src/index.js'
import { random } from './support/random.js'
import { expectRefused, expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node'), other: ref() })
const List = struct('List', { count: i32, items: array(ref()) })
const Cell = struct('Cell', { any: value })

const MODES = ['vm', 'runtime', 'server'] as const
const make = (options: HeapOptions = {}) => Heap.create({ mode: 'vm', limit: '64MiB', debug: true, ...options })

/** A list of two nodes in a ring, a text, a number and an array of values. */
function library(): Uint8Array {
  const heap = make()
  using _ = heap.scope()
  const a = heap.new(Node, { value: 1 })
  a.next = heap.new(Node, { value: 2, next: a })
  const text = heap.values.string('shared text, not quite short enough to be short: é')
  const values = heap.values.array('value', [1.5, 'in an array', null, a])
  const list = heap.new(List, { count: 4, items: [a, a.next, text, values] })
  const image = heap.freeze({ list, node: a, text, values })
  heap.close()
  return image
}

const LIBRARY = library()

/** A root heap with the library, and the views of its objects. */
function withLibrary(options: HeapOptions = {}) {
  const heap = make(options)
  const { roots } = heap.loadImage(LIBRARY, { list: List, node: Node }, { shared: true })
  const { list, node, text, values } = roots as {
    list: View<typeof List>
    node: View<typeof Node>
    text: HeapString
    values: HeapArray<unknown>
  }
  return { heap, list, node, text, values }
}

function collectAll(tenant: Heap): void {
  tenant.collect()
  tenant.compact()
  if (tenant.mode !== 'vm') tenant.collect({ kind: 'minor' })
}

describe.each(MODES)('a tenant in mode %s', (mode) => {
  it('reads shared objects, refers to them, and keeps them through every collection', () => {
    const { heap, list, node, text, values } = withLibrary({ mode: 'runtime' })
    const tenant = heap.tenant('guest', { mode })
    using _ = tenant.scope()
    const [mine, itsText] = [tenant.shared(node), tenant.shared(text)]
    expect([mine.value, mine.next?.value, mine.next?.next?.value]).toEqual([1, 2, 1])
    expect(tenant.same(mine, mine.next?.next as ObjectView)).toBe(true)
    expect(String(itsText)).toBe(String(text))
    const own = tenant.root(tenant.new(Node, { value: 9, next: mine, other: tenant.shared(values) }))
    const cell = tenant.root(tenant.new(Cell, { any: itsText }))
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 500; j++) {
        using __ = tenant.scope()
        tenant.new(Node, { value: j, next: mine })
      }
      collectAll(tenant)
      expect(own.value.next?.next?.value).toBe(2)
      expect(String(cell.value.any)).toBe(String(text))
      expect((own.value.other as HeapArray<unknown>).length).toBe(values.length)
      expectSound(heap)
    }
    // Neither what is shared nor what refers to it is counted where it is not.
    expect(tenant.collect().liveObjects).toBe(2)
    expect([...tenant.objects()].length).toBe(2)
    expect(list.items.length).toBe(4)
    expectSound(heap)
  })

  it('is refused a write to them, as the root heap is', () => {
    const { heap, list, node, values } = withLibrary()
    const tenant = heap.tenant('guest', { mode })
    using _ = tenant.scope()
    using __ = heap.scope()
    for (const one of [tenant.shared(node), node]) {
      expect(() => {
        one.value = 3
      }).toThrow(ProtectionError)
      expect(() => {
        one.next = null
      }).toThrow(ProtectionError)
    }
    expect(() => tenant.shared(list).items.set(0, null)).toThrow(ProtectionError)
    expect(() => (tenant.shared(values) as HeapArray<unknown> & { push(x: unknown): void }).push(1)).toThrow(
      ProtectionError,
    )
    expect(() => tenant.setFlags(tenant.shared(node), 1)).toThrow(ProtectionError)
    expect(node.value).toBe(1)
    expectSound(heap)
  })

  it('has values of the same types as its root heap, whoever used them first', () => {
    const heap = make()
    const tenant = heap.tenant('guest', { mode })
    using _ = tenant.scope()
    const before = tenant.new(Node, { value: 5 })
    const own = tenant.values.array('value', ['a', 1.25, before])
    const { roots } = heap.loadImage(LIBRARY, {}, { shared: true })
    using __ = heap.scope()
    heap.values.string('there, too')
    const text = tenant.shared(roots.text as HeapString)
    const dictionary = tenant.values.dictionary()
    dictionary.set(text as never, own as never)
    dictionary.set(tenant.shared(roots.node as ObjectView) as never, 7 as never)
    expect(tenant.same(dictionary.get(String(text) as never) as ObjectView, own)).toBe(true)
    collectAll(tenant)
    expect(dictionary.get(tenant.shared(roots.node as ObjectView) as never)).toBe(7)
    const object = tenant.values.object()
    object.set(text, 3)
    expect(object.get(String(text))).toBe(3)
    expect(String(tenant.values.intern(String(text)))).toBe(String(text))
    expect(tenant.values.words.typeOf(tenant.values.words.of(own))).toBe(
      heap.values.words.typeOf(heap.values.words.of(roots.values as ObjectView)),
    )
    expectSound(heap)
  })
})

describe('the shared space', () => {
  it('is there for tenants made before and after, within each other, and after a reset of theirs', () => {
    const heap = make({ mode: 'runtime' })
    const before = heap.tenant('before')
    const inner = before.tenant('inner', { mode: 'server' })
    const { roots } = heap.loadImage(LIBRARY, { node: Node }, { shared: true })
    const after = heap.tenant('after', { mode: 'vm' })
    for (const tenant of [before, inner, after]) {
      using _ = tenant.scope()
      expect(tenant.shared(roots.node).next?.value).toBe(2)
      // Also from a view that a neighbour has.
      using __ = before.scope()
      expect(tenant.shared(before.shared(roots.node)).value).toBe(1)
      expectSound(heap)
    }
    inner.reset()
    {
      using _ = inner.scope()
      inner.new(List, { count: 1, items: [inner.shared(roots.node)] })
      inner.collect()
      expect(inner.shared(roots.node).value).toBe(1)
    }
    before.free()
    expectSound(heap)
    using _ = after.scope()
    const kept = after.new(Node, { next: after.shared(roots.node) })
    heap.compact()
    after.compact()
    expect(kept.next?.value).toBe(1)
    using own = heap.scope()
    expect(own.isOpen ?? true).toBe(true)
    expect(heap.same(heap.shared(after.shared(roots.node)), roots.node)).toBe(true)
  })

  it('answers questions about its objects in a tenant as in the root heap', () => {
    const { heap, node, text } = withLibrary()
    const tenant = heap.tenant('guest')
    using _ = tenant.scope()
    const mine = tenant.shared(node)
    const { reference, ...told } = tenant.describe(mine)
    expect(reference).toBe(node.reference)
    expect(told).toMatchObject({ type: 'Node', immortal: true, large: false, flags: 0 })
    expect(told).toEqual({ ...heap.describe(node), reference: undefined, ...told })
    expect(tenant.identityHash(mine)).toBe(heap.identityHash(node))
    expect(tenant.view(Node, node.reference).next?.value).toBe(2)
    expect(tenant.weak(mine).deref()?.value).toBe(1)
    const root = tenant.root(tenant.shared(text))
    const pin = tenant.pin(mine)
    tenant.compact()
    expect([pin.address, String(root.value)]).toEqual([node.reference, String(text)])
    // What is none of its own blocks is no block.
    expect(tenant.isBlock(node.reference - 8)).toBe(false)
    expect(() => tenant.free(node.reference - 8)).toThrow(/tenant 'guest'/)
    expectSound(heap)
  })

  it('holds several images in as few MiBs as they need, which are the root heap`s alone', () => {
    const { heap } = withLibrary()
    const held = heap.stats().committedBytes
    const tenant = heap.tenant('guest')
    const before = tenant.stats().committedBytes
    for (let i = 0; i < 20; i++) heap.loadImage(LIBRARY, {}, { shared: true })
    expect(tenant.stats().committedBytes).toBe(before)
    expect(heap.stats().committedBytes - held).toBeLessThan(2 ** 20)
    expectSound(heap)
    heap.reset()
    expectSound(heap)
    const again = heap.loadImage(LIBRARY, { node: Node }, { shared: true }).roots
    const next = heap.tenant('guest')
    using _ = next.scope()
    expect(next.shared(again.node).value).toBe(1)
  })

  it('gives back what could not be loaded', () => {
    const heap = make({ limit: '3MiB' })
    const wide = make()
    using _ = wide.scope()
    const items = Array.from({ length: 300_000 }, () => null)
    const image = wide.freeze([wide.new(List, { count: 1, items }), wide.new(List, { count: 2, items })])
    const before = heap.stats().inUseBytes
    expect(thrownBy(() => heap.loadImage(image, {}, { shared: true }))).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    expect(heap.stats().inUseBytes).toBe(before)
    expectSound(heap)
  })

  it('leaves nothing of what could not be loaded with a tenant that began meanwhile', () => {
    const heap = make({ limit: '8MiB' })
    const filler = heap.alloc(4 * 2 ** 20)
    const wide = make()
    using _ = wide.scope()
    const lists = [200_000, 600_000].map((count) =>
      wide.new(List, { count, items: Array.from({ length: count }, () => null) }),
    )
    const image = wide.freeze(lists)
    let tenant: Tenant | undefined
    heap.addReclaimer(() => {
      tenant ??= heap.tenant('guest', { mode: 'vm' })
    })
    expect(thrownBy(() => heap.loadImage(image, {}, { shared: true }))).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    heap.free(filler)
    const roomOf = (guest: Tenant) => {
      let blocks = 0
      while (guest.tryAlloc(500_000) !== 0) blocks++
      guest.free()
      return blocks
    }
    const rooms = [tenant as Tenant, heap.tenant('next', { mode: 'vm' })].map(roomOf)
    expect(rooms[0]).toBe(rooms[1])
    expectSound(heap)
  })

  it('refuses what is not shared, and says why', () => {
    const { heap, node } = withLibrary()
    const tenant = heap.tenant('guest')
    const other = heap.tenant('other')
    const stranger = withLibrary().node
    const local = heap.loadImage(LIBRARY, { node: Node }).roots.node
    using _ = heap.scope()
    using __ = tenant.scope()
    using ___ = other.scope()
    const cases: [unknown, RegExp][] = [
      [heap.new(Node), /a shared object: the one at 0x[0-9a-f]+ is heap's own/],
      [local, /a shared object/],
      [other.new(Node), /tenant 'other''s own/],
      [tenant.new(Node), /tenant 'guest''s own/],
      [heap.root(heap.new(Node)), /a shared object/],
      [stranger, /an object that heap shares, not one of heap/],
      [node.reference, /a view or a root/],
      [null, /a view or a root/],
      [undefined, /a view or a root/],
      [{}, /a view or a root/],
    ]
    for (const [object, message] of cases) {
      const shared = () => tenant.shared(object as ObjectView)
      expectRefused(heap, shared, { code: 'HW_ARGUMENT' })
      expect(shared).toThrow(message)
    }
    expect(() => other.shared(stranger)).toThrow(ArgumentError)
    expectSound(heap)
    for (const wrong of [{ shared: 1 }, { share: true }, null] as never[]) {
      expect(() => heap.loadImage(LIBRARY, {}, wrong)).toThrow(ArgumentError)
    }
    other.free()
    expect(() => tenant.shared(other.root as never)).toThrow(ArgumentError)
  })

  it('is there between traced heaps only', () => {
    const { heap, node } = withLibrary()
    const counted = heap.tenant('counted', { mode: 'manual' })
    using _ = counted.scope()
    expect(() => counted.shared(node)).toThrow(UnsupportedError)
    const traced = heap.tenant('traced')
    expect(() => traced.loadImage(LIBRARY, {}, { shared: true })).toThrow(/the shared space is the root heap's/)
    // Between them lies a heap without traced objects, which does not matter.
    const inner = counted.tenant('inner', { mode: 'vm' })
    using __ = inner.scope()
    expect(inner.shared(node).value).toBe(1)
    for (const mode of ['manual', 'compiler'] as ModeName[]) {
      const root = make({ mode })
      const tenant = root.tenant('traced', { mode: 'vm' })
      using ___ = tenant.scope()
      expect(thrownBy(() => tenant.shared(tenant.new(Node)))).toMatchObject({
        code: 'HW_UNSUPPORTED',
        message: expect.stringContaining("'runtime', 'vm' and 'server'"),
      })
      expect(() => root.loadImage(LIBRARY, {}, { shared: true })).toThrow(UnsupportedError)
      expectSound(root)
    }
    const embedded = Heap.create({ mode: 'embedded', limit: '64KiB' })
    expect(() => embedded.loadImage(LIBRARY, {}, { shared: true })).toThrow(UnsupportedError)
    expectSound(heap)
  })
})

// ---- types ----------------------------------------------------------------------------------------------------------

describe('types', () => {
  const idOf = (heap: Heap, of: Struct) => heap.values.words.typeId(of)

  it('have the same ids in a root heap and all its tenants', () => {
    const heap = make()
    const [a, b] = [heap.tenant('a'), heap.tenant('b', { mode: 'server' })]
    const inner = a.tenant('inner', { mode: 'runtime' })
    const structs = Array.from({ length: 40 }, (_, i) =>
      i % 3 === 0
        ? struct(`Type${i}`, { x: i32, y: ref(), z: array(ref()) })
        : struct(`Type${i}`, Object.fromEntries(Array.from({ length: i }, (__, j) => [`f${j}`, j % 2 ? ref() : i32]))),
    )
    const heaps = [heap, a, b, inner]
    structs.forEach((one, i) => {
      idOf(heaps[i % 4] as Heap, one)
    })
    for (const one of structs) expect(new Set(heaps.map((each) => idOf(each, one))).size).toBe(1)
    for (const each of heaps) {
      using _ = each.scope()
      for (const one of structs) {
        const made = each.new(one)
        expect(String(each.describe(made).type)).toBe(one.name)
      }
      each.collect()
    }
    expectSound(heap)
  })

  it('of one name and different layouts are no matter between tenants', () => {
    const heap = make()
    const structs = [
      struct('Guest', { a: i32 }),
      struct('Guest', { a: ref(), b: i32 }),
      struct('Guest', { a: i32 }),
      struct('Guest', { c: ref() }),
    ]
    const tenants = structs.map((_, i) => heap.tenant(`t${i}`))
    const ids = structs.map((one, i) => idOf(tenants[i] as Tenant, one))
    // The first and the third are the same type, of two programs.
    expect(new Set(ids).size).toBe(3)
    expect(ids[2]).toBe(ids[0])
    // And the root heap's own is a fourth, for all that.
    const own = struct('Guest', { d: i32 })
    expect(ids).not.toContain(idOf(heap, own))
    expect(() => idOf(heap, structs[1] as Struct)).toThrow(ArgumentError)
    tenants.forEach((tenant, i) => {
      using _ = tenant.scope()
      const guest = tenant.new(structs[i] as Struct)
      expect(tenant.describe(guest).type).toBe('Guest')
      tenant.collect()
      expect(() => idOf(tenant, own)).toThrow(ArgumentError)
    })
    expectSound(heap)
  })

  it('are the same where a reclaimer uses another one while they are taken over', () => {
    const heap = make({ mode: 'vm', limit: '16MiB' })
    const tenant = heap.tenant('guest', { max: '1MiB' })
    const structs = Array.from({ length: 140 }, (_, i) => struct(`Taken${i}`, { [`field${i}`]: i32 }))
    for (const one of structs) idOf(heap, one)
    const blocks: number[] = []
    for (const bytes of [30_000, 4000, 500, 64, 16]) {
      for (let block = tenant.tryAlloc(bytes); block !== 0; block = tenant.tryAlloc(bytes)) blocks.push(block)
    }
    const late = struct('Late', { value: i32 })
    tenant.addReclaimer(() => {
      for (const block of blocks.splice(0)) tenant.free(block)
      idOf(tenant, late)
    })
    const first = struct('First', { a: i32, b: i32 })
    idOf(tenant, first)
    expect(blocks).toEqual([])
    for (const one of [...structs, late]) expect(idOf(tenant, one)).toBe(idOf(heap, one))
    const ids = [...structs, late, first].map((one) => idOf(heap, one))
    expect(idOf(heap, struct('Next', { c: i32 }))).toBe(Math.max(...ids) + 1)
    expectSound(heap)
  })

  it('of images meet in the same way', () => {
    const { heap, node } = withLibrary()
    const Other = struct('Node', { value: i32, weight: i32, other: ref() })
    const source = make()
    using _ = source.scope()
    const image = source.freeze({ node: source.new(Other, { value: 4 }) })
    // In the root heap the name is taken; in a tenant it is not.
    expect(() => heap.loadImage(image, { node: Other })).toThrow(/a type Node/)
    const tenant = heap.tenant('guest')
    const { roots } = tenant.loadImage(image, { node: Other })
    using __ = tenant.scope()
    expect(roots.node.value).toBe(4)
    const holder = tenant.new(List, { count: 2, items: [roots.node, tenant.shared(node)] })
    expect((holder.items.get(1) as View<typeof Node>).next?.value).toBe(2)
    // An image of both would have two types of one name.
    expect(() => tenant.freeze({ holder })).toThrow(ArgumentError)
    const target = make()
    using ___ = target.scope()
    const again = target.loadImage(tenant.freeze([tenant.shared(node)]), { 0: Node }).roots[0]
    expect(again.next?.value).toBe(2)
    expectSound(heap)
  })

  it('that a guest registers with its kernel reach the others; where both have done so, they are refused', () => {
    const heap = make()
    const tenant = heap.tenant('guest')
    const late = heap.tenant('late')
    const add = (on: Heap, words: number) => on.raw.typeAdd(0, 0, objects.SHAPE_PREFIX, 0, words, 4 * words, 0, 0, 0)
    const id = add(tenant, 3)
    const node = idOf(tenant, Node)
    expect(node).toBeGreaterThan(id)
    expect([idOf(heap, Node), idOf(late, Node)]).toEqual([node, node])
    expect([add(late, 2), add(tenant, 1)]).toEqual([node + 1, node + 1])
    expect(idOf(tenant, List)).toBe(node + 2)
    const refused = thrownBy(() => idOf(late, List))
    expect(refused).toMatchObject({ code: 'HW_UNSUPPORTED' })
    expect(String(refused)).toMatch(/tenant 'late' has no types in common/)
    expectSound(heap)
  })

  it('of any shape are brought along: references at the offsets of a list, in elements, in wide values', () => {
    const heap = make()
    const tenant = heap.tenant('guest')
    const { raw } = heap
    const list = raw.typeText(16) >>> 0
    ;[0, 8, 400, 2000].forEach((offset, i) => {
      heap.writeU16(list + 2 * i, offset)
    })
    const { SHAPE_LIST, SHAPE_MIXED, SHAPE_WIDE, TRAIL_NONE, TRAIL_BYTES, TRAIL_MIXED } = objects
    const ids = [
      raw.typeAdd(list + 8, 0, SHAPE_LIST, TRAIL_NONE, 4, 2004, list, 0, 0),
      raw.typeAdd(0, 0, SHAPE_MIXED, TRAIL_MIXED, 1, 8, 0, 12, 0b101),
      raw.typeAdd(0, 0, SHAPE_WIDE, TRAIL_BYTES, 0, 0, 0, 8, 0),
    ]
    using _ = tenant.scope()
    const node = tenant.root(tenant.new(Node, { value: 3 }))
    const holders = [2004, 8 + 24, 16].map((bytes, i) => tenant.raw.objectPush(ids[i] as number, bytes) >>> 0)
    const at = (i: number, offset: number) => tenant.readU32(holders[i] as number) + offset
    const slots = [() => at(0, 2000), () => at(1, 8), () => at(1, 16), () => at(1, 28), () => at(2, 8)]
    slots.forEach((slot, i) => {
      const holder = at([0, 1, 1, 1, 2][i] as number, 0)
      if (i === 4) tenant.raw.storeWide(holder, slot(), node.value.reference, WIDE_REFERENCE)
      else tenant.raw.storeReference(holder, slot(), node.value.reference)
    })
    collectAll(tenant)
    for (const slot of slots) expect(tenant.readU32(slot())).toBe(node.value.reference)
    expectSound(heap)
  })

  it('are there again after a reset of the tenant', () => {
    const { heap, node } = withLibrary()
    const tenant = heap.tenant('guest')
    const ids = [idOf(tenant, List), idOf(tenant, Cell)]
    tenant.reset()
    using _ = tenant.scope()
    expect([idOf(tenant, List), idOf(tenant, Cell)]).toEqual(ids)
    expect(tenant.new(Cell, { any: tenant.shared(node) }).any).toBeDefined()
    tenant.values.array('value', ['text'])
    tenant.collect()
    expectSound(heap)
  })
})

// ---- what is another heap's -----------------------------------------------------------------------------------------

const Wide = struct('Holder', {
  next: ref('Node'),
  any: ref(),
  word: value,
  rows: array({ key: ref(), size: i32, other: ref() }),
})
const Values = struct('Values', { items: array(value) })

type Foreign = ObjectView | Root

/** Everything that a heap keeps, and each way into it. */
function ways(heap: Heap): [string, (foreign: never) => unknown][] {
  const node = heap.new(Node, { value: 1 })
  const list = heap.new(List, { count: 1, items: [node, null, null] })
  const holder = heap.new(Wide, { rows: [{ key: node, size: 1, other: null }] } as never)
  const cell = heap.new(Cell, { any: 5 })
  const values = heap.new(Values, { items: [1, 2] } as never)
  const map = heap.weakMap()
  map.set(node, list)
  const words = heap.values.array('value', [1, 2, 'x'])
  const wide = heap.values.array('wide', [1, 2.5])
  const any = heap.values.dictionary()
  any.set(1 as never, 'one' as never)
  const object = heap.values.object()
  object.set('name', 1)
  heap.root(heap.values.intern('another'))
  const slot = heap.rootSlot(heap.calloc(1, 16))
  const finalizer = heap.finalizer(() => {})
  const shadow = heap.shadowStack({ slots: 8 })
  const set = (target: object, field: string) => (foreign: never) => {
    ;(target as Record<string, unknown>)[field] = foreign
  }
  return [
    ['a field', set(node, 'next')],
    ['a field of any type', set(node, 'other')],
    ['a value field', set(cell, 'any')],
    ['new', (x) => heap.new(Node, { next: x })],
    ['new with a value', (x) => heap.new(Cell, { any: x })],
    ['new with elements', (x) => heap.new(List, { count: 1, items: [node, x] })],
    ['new with records', (x) => heap.new(Wide, { rows: [{ key: node, size: 1, other: x }] } as never)],
    ['new with values', (x) => heap.new(Values, { items: [1, x] } as never)],
    ['an element', (x) => list.items.set(1, x)],
    ['fill', (x) => list.items.fill(x)],
    ['write', (x) => list.items.write([node, x], 0)],
    ['a record', (x) => holder.rows.set(0, { key: x, size: 2, other: null })],
    ['a value element', (x) => (values.items as never as { set(i: number, x: unknown): void }).set(1, x)],
    ['array set', (x) => words.set(0, x)],
    ['array push', (x) => words.push(x)],
    ['array insert', (x) => words.insert(1, x)],
    ['array append', (x) => words.append(['y', x])],
    ['array fill', (x) => words.fill(x)],
    ['array indexOf', (x) => words.indexOf(x)],
    ['array from', (x) => heap.values.array('value', ['z', x])],
    ['wide set', (x) => wide.set(0, x)],
    ['wide push', (x) => wide.push(x)],
    ['wide append', (x) => wide.append([0.5, x])],
    ['wide fill', (x) => wide.fill(x)],
    ['dictionary key', (x) => any.set(x, 1 as never)],
    ['dictionary value', (x) => any.set(1 as never, x)],
    ['dictionary get', (x) => any.get(x)],
    ['dictionary delete', (x) => any.delete(x)],
    ['property value', (x) => object.set('name', x)],
    ['new property', (x) => object.set('another', x)],
    ['property key', (x) => object.set(x, 1)],
    ['weak map key', (x) => map.set(x, node)],
    ['weak map value', (x) => map.set(list, x)],
    ['weak map get', (x) => map.get(x)],
    ['weak map has', (x) => map.has(x)],
    ['weak map delete', (x) => map.delete(x)],
    ['weak reference', (x) => heap.weakRef(x)],
    ['weak root', (x) => heap.weak(x)],
    ['root', (x) => heap.root(x)],
    ['pin', (x) => heap.pin(x)],
    ['slot', set(slot, 'value')],
    ['global object', set(heap, 'globalObject')],
    ['pending exception', set(heap, 'pendingException')],
    ['shadow stack', (x) => shadow.push(x)],
    ['finalizer', (x) => finalizer.register(x, 1 as never)],
    ['identity hash', (x) => heap.identityHash(x)],
    ['flags', (x) => heap.setFlags(x, 1)],
    ['describe', (x) => heap.describe(x)],
    ['same', (x) => heap.same(node, x)],
    ['freeze', (x) => heap.freeze({ x })],
    ['word of', (x) => heap.values.words.of(x)],
    ['word from', (x) => heap.values.words.from(x)],
  ]
}

describe.each(MODES)('views and roots of another heap are refused in mode %s', (mode) => {
  const { heap, node: shared } = withLibrary({ mode: 'runtime' })
  const mine = heap.tenant('mine', { mode })
  const theirs = heap.tenant('theirs', { mode })
  const scopes = [heap, mine, theirs].map((one) => one.scope())
  const [own, neighbour] = [heap.new(Node, { value: 8 }), theirs.new(Node, { value: 7 })]
  const foreign: [string, Foreign][] = [
    ["a neighbour's view", neighbour],
    ["a neighbour's root", theirs.root(neighbour)],
    ["the parent's view", own],
    ["the parent's root", heap.root(own)],
    ["the parent's view of a shared object", shared],
    ["a neighbour's view of a shared object", theirs.shared(shared)],
  ]
  const all = ways(mine)
  const contents = () =>
    [...mine.objects()].map(({ reference, bytes }) => {
      const payload = heap.memory.buffer.slice(reference - 8, reference + bytes)
      return `${reference} ${Buffer.from(payload).toString('hex')}`
    })

  test.each(all)('%s', (_, way) => {
    const before = contents()
    for (const [what, object] of foreign) {
      const error = thrownBy(() => way(object as never))
      expect(error, what).toBeInstanceOf(ArgumentError)
      expect(String(error), what).toMatch(/an object of tenant 'mine', not of another heap|`key` must be text/)
    }
    // A call may have made something that nobody refers to: an array for elements, the text of a key.
    expect(contents()).toEqual(expect.arrayContaining(before))
    expectSound(heap)
  })

  test('and the tenant goes on', () => {
    const before = theirs.collect().liveObjects
    for (const [, way] of all.slice(0, 3)) way(mine.shared(shared) as never)
    collectAll(mine)
    expectSound(heap)
    expect(theirs.collect().liveObjects).toBe(before)
    for (const scope of scopes.reverse()) scope.close()
  })
})

describe.each(MODES)('words of another heap are refused in mode %s', (mode) => {
  const { heap, node: shared, values: sharedValues } = withLibrary({ mode: 'runtime' })
  const [mine, theirs] = [heap.tenant('mine', { mode }), heap.tenant('theirs', { mode })]
  const scopes = [heap, mine, theirs].map((one) => one.scope())
  const { words } = mine.values
  const containers = (on: Heap) => {
    const made = {
      array: on.values.array('value', [1, 2, 'x']),
      wide: on.values.array('wide', [1, 2.5]),
      dictionary: on.values.dictionary(),
      object: on.values.object(),
      node: on.new(Node, { value: 1 }),
      text: on.values.string('text'),
    }
    made.dictionary.set(1 as never, 2 as never)
    made.object.set('name', 1)
    return made
  }
  const own = containers(mine)
  const other = containers(theirs)
  const parent = containers(heap)
  const cache = mine.calloc(48, 1)
  const key = words.intern('name')
  words.propertySet(words.of(own.object), key, words.integer(1), cache)
  words.propertySet(words.of(own.object), key, words.integer(2), cache)
  const scratch = mine.alloc(16)
  const word = (view: ObjectView) => view.reference | 0
  const at = (name: keyof typeof own) => word(own[name])

  /** Foreign words on their way into an own container. */
  const stores: [string, (foreign: number) => unknown][] = [
    ['store', (x) => words.store(at('node'), 4, x)],
    ['arraySet', (x) => words.arraySet(at('array'), 0, x)],
    ['arrayPush', (x) => words.arrayPush(at('array'), x)],
    ['arrayFill', (x) => words.arrayFill(at('array'), 0, 2, x)],
    ['arraySetWide', (x) => words.arraySetWide(at('wide'), 0, x, words.wideHigh(x))],
    ['arrayPushWide', (x) => words.arrayPushWide(at('wide'), x, words.wideHigh(x))],
    ['dictionarySet', (x) => words.dictionarySet(at('dictionary'), words.integer(1), x)],
    ['dictionarySet as key', (x) => words.dictionarySet(at('dictionary'), x, words.integer(1))],
    ['dictionarySetAt', (x) => words.dictionarySetAt(at('dictionary'), 0, x)],
    ['propertySet', (x) => words.propertySet(at('object'), key, x)],
    ['propertySet with a cache', (x) => words.propertySet(at('object'), key, x, cache)],
    ['propertySet as key', (x) => words.propertySet(at('object'), x, words.integer(1))],
    ['view', (x) => words.view(x)],
  ]

  /** Own words on their way into a foreign container, and calls that change one. */
  const changes: [string, (from: typeof own) => unknown][] = [
    ['store', ({ node }) => words.store(word(node), 4, at('node'))],
    ['store of an integer', ({ node }) => words.store(word(node), 4, words.integer(1))],
    ['arraySet', ({ array: a }) => words.arraySet(word(a), 0, words.integer(4))],
    ['arrayPush', ({ array: a }) => words.arrayPush(word(a), words.integer(4))],
    ['arrayPop', ({ array: a }) => words.arrayPop(word(a))],
    ['arrayFill', ({ array: a }) => words.arrayFill(word(a), 0, 1, words.integer(4))],
    ['arrayInsert', ({ array: a }) => words.arrayInsert(word(a), 0, 1)],
    ['arrayRemove', ({ array: a }) => words.arrayRemove(word(a), 0, 1)],
    ['arrayResize', ({ array: a }) => words.arrayResize(word(a), 1)],
    ['arrayCopy to it', ({ array: a }) => words.arrayCopy(word(a), 0, at('array'), 1, 1)],
    ['arrayCopy from it', ({ array: a }) => words.arrayCopy(at('array'), 0, word(a), 0, 1)],
    ['arraySlice', ({ array: a }) => words.arraySlice(word(a), 0, 1)],
    ['arraySetWideNumber', ({ wide }) => words.arraySetWideNumber(word(wide), 0, 4)],
    ['arrayPushWideNumber', ({ wide }) => words.arrayPushWideNumber(word(wide), 4)],
    ['dictionarySet', ({ dictionary }) => words.dictionarySet(word(dictionary), words.integer(1), words.integer(4))],
    ['dictionaryClear', ({ dictionary }) => words.dictionaryClear(word(dictionary))],
    ['propertySet', ({ object }) => words.propertySet(word(object), key, words.integer(4))],
    ['propertySet with a cache', ({ object }) => words.propertySet(word(object), key, words.integer(4), cache)],
    ['propertyDelete', ({ object }) => words.propertyDelete(word(object), key)],
    ['concat', ({ text }) => words.concat(at('text'), word(text))],
    ['internString', ({ text }) => words.internString(word(text))],
  ]
  const bytesOf = (on: Heap) =>
    [...on.objects()].map(({ reference, bytes }) =>
      Buffer.from(heap.memory.buffer.slice(reference - 8, reference + bytes)).toString('hex'),
    )

  test.each(stores)('%s', (_, store) => {
    const before = bytesOf(mine)
    for (const from of [other.node, parent.node, other.text, parent.array]) {
      expect(thrownBy(() => store(word(from)))).toBeInstanceOf(ArgumentError)
      expect(bytesOf(mine)).toEqual(before)
    }
    expectSound(heap)
  })

  test.each(changes)('%s', (_, change) => {
    const before = [heap, theirs].map(bytesOf)
    for (const from of [other, parent]) expect(thrownBy(() => change(from))).toBeInstanceOf(ArgumentError)
    expect([heap, theirs].map(bytesOf)).toEqual(before)
    expectSound(heap)
  })

  test('bare kernel calls answer FOREIGN', () => {
    const { raw } = mine
    const { storeReference, storeWide, copyReferences, rootAdd, handlePush } = raw
    const wide = raw.u32[own.wide.reference >>> 2] as number
    const holder = own.node.reference
    const before = bytesOf(mine)
    for (const from of [other.node, parent.node]) {
      expect(storeReference(holder, holder + 4, from.reference)).toBe(layout.STATUS_FOREIGN)
      expect(storeReference(from.reference, from.reference, holder)).toBe(layout.STATUS_FOREIGN)
      expect(storeWide(wide, wide, from.reference, WIDE_REFERENCE)).toBe(layout.STATUS_FOREIGN)
      raw.u32[scratch >>> 2] = from.reference
      expect(copyReferences(holder, holder, scratch, 1)).toBe(layout.STATUS_FOREIGN)
      expect(rootAdd(objects.ROOT_STRONG, from.reference)).toBe(0)
      expect(handlePush(from.reference)).toBe(0)
    }
    expect(bytesOf(mine)).toEqual(before)
    expectSound(heap)
  })

  test('words of shared objects are taken', () => {
    const [from, many] = [mine.shared(shared).reference | 0, mine.shared(sharedValues).reference | 0]
    for (const [name, store] of stores) if (!name.includes('wide') && name !== 'propertySet as key') store(from)
    words.arrayCopy(at('array'), 0, many, 0, 2)
    expect(thrownBy(() => words.arrayCopy(many, 0, at('array'), 0, 1))).toBeInstanceOf(Error)
    collectAll(mine)
    expect(words.load(at('node'), 4)).toBe(from)
    expectSound(heap)
    for (const scope of scopes.reverse()) scope.close()
  })
})

// ---- random ---------------------------------------------------------------------------------------------------------

interface Mirror {
  readonly value: number
  readonly items: (Mirror | string | null)[]
}

const Item = struct('Item', { value: i32, items: array(ref()) })
const WIDTH = 4

interface Kept {
  readonly root: Root<View<typeof Item>>
  readonly mirror: Mirror
}

/** A tenant with some rooted objects, and what they should be; a string names a shared object. */
class Guest {
  readonly tenant: Tenant
  readonly #below: (n: number) => number
  readonly #library: ReadonlyMap<string, View<typeof Item>>
  readonly #roots: Kept[] = []
  #made = 0

  constructor(tenant: Tenant, library: ReadonlyMap<string, View<typeof Item>>, below: (n: number) => number) {
    this.tenant = tenant
    this.#library = library
    this.#below = below
  }

  step(): void {
    using _ = this.tenant.scope()
    const choice = this.#below(10)
    if (choice < 4 || this.#roots.length === 0) this.#make()
    else if (choice < 8) this.#link()
    else if (choice < 9) this.#roots.splice(this.#below(this.#roots.length), 1)[0]?.root.dispose()
    else this.#collect()
  }

  /** Something to refer to, and what it is. */
  #pick(): [ObjectView | null, Mirror | string | null] {
    const choice = this.#below(4)
    if (choice === 0) return [null, null]
    if (choice < 3 || this.#roots.length === 0) {
      const names = [...this.#library.keys()]
      const name = names[this.#below(names.length)] as string
      return [this.tenant.shared(this.#library.get(name) as View<typeof Item>), name]
    }
    const found = this.#roots[this.#below(this.#roots.length)]
    return [found?.root.value ?? null, found?.mirror ?? null]
  }

  #make(): void {
    const picked = Array.from({ length: WIDTH }, () => this.#pick())
    const mirror = { value: ++this.#made, items: picked.map(([, what]) => what) }
    const made = this.tenant.new(Item, { value: mirror.value, items: picked.map(([view]) => view) } as never)
    this.#roots.push({ root: this.tenant.root(made) as never, mirror })
  }

  #link(): void {
    const { root, mirror } = this.#roots[this.#below(this.#roots.length)] as Kept
    const [view, what] = this.#pick()
    const index = this.#below(WIDTH)
    root.value.items.set(index, view)
    mirror.items[index] = what
  }

  #collect(): void {
    const kind = this.#below(3)
    if (kind === 0) this.tenant.collect()
    else if (kind === 1) this.tenant.compact()
    else collectAll(this.tenant)
    this.check()
  }

  check(): void {
    using _ = this.tenant.scope()
    const seen = new Map<Mirror, number>()
    const todo = this.#roots.map(({ root, mirror }): [ObjectView | null, Mirror | string | null] => [
      root.value,
      mirror,
    ])
    for (const [view, what] of todo) {
      if (what === null) expect(view).toBe(null)
      else if (typeof what === 'string') expect(view?.reference).toBe(this.#library.get(what)?.reference)
      else if (seen.has(what)) expect(view?.reference).toBe(seen.get(what))
      else {
        const item = view as View<typeof Item>
        seen.set(what, item.reference)
        expect(item.value).toBe(what.value)
        what.items.forEach((one, i) => {
          todo.push([item.items.get(i), one])
        })
      }
    }
  }
}

describe('tenants over a shared library, at random', () => {
  const seeds = process.env.HEAPWRIGHT_SEED ? [Number(process.env.HEAPWRIGHT_SEED)] : [1, 2, 3, 4]
  test.each(seeds)('seed %d', (seed) => {
    const below = random(Math.imul(seed, 2654435761))
    const heap = make({ mode: 'runtime' })
    const shared = new Map<string, View<typeof Item>>()
    const load = (count: number) => {
      const source = make()
      using _ = source.scope()
      const made: View<typeof Item>[] = []
      for (let i = 0; i < count; i++) {
        const items = Array.from({ length: below(WIDTH + 1) }, () => made[below(made.length + 1)] ?? null)
        made.push(source.new(Item, { value: i, items } as never) as never)
      }
      const named = Object.fromEntries(made.map((one, i) => [`item${i}`, one]))
      const structs = Object.fromEntries(made.map((_one, i) => [`item${i}`, Item]))
      const { roots } = heap.loadImage(source.freeze(named), structs, { shared: true })
      for (const [name, view] of Object.entries(roots)) shared.set(`${shared.size}.${name}`, view as never)
      source.close()
    }
    load(10)
    const before = heap.stats().inUseBytes
    const guests: Guest[] = []
    let begun = 0
    for (let i = 0; i < 1200; i++) {
      const choice = below(40)
      if (guests.length === 0 || (choice === 0 && guests.length < 12)) {
        const around = below(4) === 0 ? guests[below(guests.length)]?.tenant : undefined
        const tenant = (around ?? heap).tenant(`guest ${begun++}`, { mode: MODES[below(3)] as (typeof MODES)[0] })
        guests.push(new Guest(tenant, shared, below))
      } else if (choice === 1) {
        guests.splice(below(guests.length), 1)[0]?.tenant.free()
        for (const [at, { tenant }] of [...guests.entries()].reverse()) if (tenant.isEnded) guests.splice(at, 1)
      } else if (choice === 2 && shared.size < 40) load(1 + below(6))
      else if (choice === 3) heap.compact()
      else guests[below(guests.length)]?.step()
      if (i % 60 === 0) {
        expectSound(heap)
        for (const guest of guests) guest.check()
      }
    }
    for (const { tenant } of guests) if (!tenant.isEnded) tenant.free()
    expectSound(heap)
    heap.collect()
    // The images that were loaded meanwhile, and what is kept of types.
    expect(heap.stats().inUseBytes - before).toBeLessThan(1 << 20)
  })
})

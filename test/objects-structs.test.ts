/**
 * Goal: a struct lies in memory as documented, is refused when it cannot be, and gives its views the right types.
 * Method: offsets and sizes worked out by hand; a table of wrong definitions with the argument that must be named;
 * types asserted at compile time.
 * A failure means: a collector that reads a number as a reference, or a program that compiles and should not.
 */
import { describe, expect, expectTypeOf, it } from 'vitest'
import { SHAPE_LEAF, SHAPE_MIXED, SHAPE_PREFIX, SHAPE_REFS } from '../kernel/object-layout.js'
import {
  ArgumentError,
  array,
  bool,
  bytes,
  f32,
  f64,
  Heap,
  type Init,
  i8,
  i16,
  i32,
  i64,
  type ObjectView,
  type Root,
  ref,
  type Struct,
  struct,
  u8,
  u16,
  u32,
  u64,
  type View,
} from '../src/index.js'
import { thrownBy } from './support/refusal.js'

const offsets = (one: Struct) => Object.fromEntries(one.fields.map(({ name, offset }) => [name, offset]))

describe('the layout', () => {
  it('has references first, then falling alignment, in the order of the definition', () => {
    const All = struct('All', {
      a: u8,
      b: f64,
      c: ref(),
      d: i16,
      e: i32,
      f: bytes(3),
      g: ref('All'),
      h: i64,
      i: bool,
      j: f32,
      k: ref('Other'),
    })
    expect(offsets(All)).toEqual({ c: 0, g: 4, k: 8, b: 16, h: 24, e: 32, j: 36, d: 40, a: 42, f: 43, i: 46 })
    expect(All.fields.map(({ name }) => name).join('')).toBe('cgkbhejdafi')
    expect(All).toMatchObject({ name: 'All', fixedBytes: 47, elementBytes: 0, references: 3, shape: SHAPE_PREFIX })
    expect(All.trailing).toBeUndefined()
    expect(String(struct('Node', { value: i32, next: ref('Node') }))).toBe('Node{next:ref(Node)@0,value:i32@4}')
  })

  it('says which shape the collector is told', () => {
    const Other = struct('Other', {})
    expect(Other).toMatchObject({ shape: SHAPE_LEAF, fixedBytes: 0, description: 'Other{}' })
    expect(struct('A', { a: i32, b: array(u8) })).toMatchObject({ shape: SHAPE_LEAF, fixedBytes: 4, elementBytes: 1 })
    expect(struct('B', { a: ref(Other) })).toMatchObject({ shape: SHAPE_PREFIX, fixedBytes: 4 })
    expect(struct('C', { a: array(ref()) })).toMatchObject({ shape: SHAPE_REFS, fixedBytes: 0, elementBytes: 4 })
    expect(struct('D', { n: u8, a: array(ref(Other)) })).toMatchObject({ shape: SHAPE_REFS, fixedBytes: 4 })
    const Plain = struct('E', { n: u8, a: array({ x: f32, y: u8 }) })
    expect(Plain).toMatchObject({ shape: SHAPE_LEAF, fixedBytes: 4, elementBytes: 8, elementMask: 0 })
  })

  it('of elements that are records: references first, the whole aligned', () => {
    const Table = struct('Table', {
      size: i32,
      rows: array({ hash: u32, key: ref(), weight: f64, value: ref('Table') }),
    })
    expect(Table).toMatchObject({ shape: SHAPE_MIXED, fixedBytes: 8, elementBytes: 24, elementMask: 0b11 })
    expect(Table.elementFields.map(({ name, offset }) => [name, offset])).toEqual([
      ['key', 0],
      ['value', 4],
      ['weight', 8],
      ['hash', 16],
    ])
    expect(Table.description).toBe('Table{size:i32@0,rows:[{key:ref@0,value:ref(Table)@4,weight:f64@8,hash:u32@16}]@8}')
  })

  it('of a trailing array begins where its elements are aligned', () => {
    expect(struct('F', { a: ref(), b: array(f64) }).fixedBytes).toBe(8)
    expect(struct('G', { a: u8, b: array(u16) }).fixedBytes).toBe(2)
    expect(struct('H', { a: u8, b: array(i8) }).fixedBytes).toBe(1)
  })
})

describe('refused definitions', () => {
  const table: [string, () => unknown][] = [
    ['name', () => struct('', {})],
    ['name', () => struct('a{b', {})],
    ['name', () => struct('a\nb', {})],
    ['name', () => struct('x'.repeat(201), {})],
    ['name', () => struct(5 as never, {})],
    ['fields', () => struct('A', null as never)],
    ['fields', () => struct('A', [] as never)],
    ['fields', () => struct('A', Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`f${i}`, u8])))],
    ['fields.x', () => struct('A', { x: 'i32' as never })],
    ['fields.x', () => struct('A', { x: undefined as never })],
    ['fields.x', () => struct('A', { x: { kind: 'i32', bytes: 4 } as never })],
    ['fields.reference', () => struct('A', { reference: i32 })],
    ['fields.constructor', () => struct('A', { constructor: i32 } as never)],
    ['fields.toString', () => struct('A', { toString: i32 } as never)],
    ['fields.5', () => struct('A', { 5: i32 })],
    ['fields.a,b', () => struct('A', { 'a,b': i32 })],
    ['fields.x', () => struct('A', { x: array(u8), y: i32 })],
    ['fields.x.is', () => struct('A', { x: array({ is: u8 }) })],
    [
      'fields.x',
      () => struct('A', { x: array(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`r${i}`, ref()]))) }),
    ],
    ['element', () => array(bytes(5) as never)],
    ['element', () => array(array(u8) as never)],
    ['element', () => array({})],
    ['element', () => array(undefined as never)],
    ['element.x', () => array({ x: bytes(4) as never })],
    ['count', () => bytes(0)],
    ['count', () => bytes(1.5)],
    ['target', () => ref('')],
    ['target', () => ref(5 as never)],
    ['target', () => ref(null as never)],
  ]
  it.each(table.map(([argument, make], i) => [i, argument, make] as const))('%i: %s', (_, argument, make) => {
    const error = thrownBy(make)
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument })
  })

  it('two structs of one name cannot be in one heap, but in two', () => {
    const [A, same, other] = [struct('A', { x: i32 }), struct('A', { x: i32 }), struct('A', { y: i32 })]
    const [heap, second] = [Heap.create({ mode: 'vm' }), Heap.create({ mode: 'vm' })]
    heap.scope()
    second.scope()
    heap.new(A)
    for (const wrong of [same, other]) {
      expect(thrownBy(() => heap.new(wrong as never))).toMatchObject({ code: 'HW_ARGUMENT', argument: 'struct' })
    }
    expect(second.new(same, { x: 5 }).x).toBe(5)
    expect(heap.new(A, { x: 6 }).x).toBe(6)
    expect(second.new(same, { x: 7 }).x).toBe(7)
  })
})

describe('types', () => {
  const Point = struct('Point', { x: f64, y: f64 })
  const Node = struct('Node', {
    value: i32,
    big: i64,
    huge: u64,
    ok: bool,
    small: u16,
    next: ref('Node'),
    at: ref(Point),
    any: ref(),
    later: ref('Later'),
    name: bytes(8),
    rows: array({ key: u32, to: ref('Node') }),
  })
  type NodeView = View<typeof Node>

  it('of fields follow from their kinds', () => {
    expectTypeOf<NodeView['value']>().toEqualTypeOf<number>()
    expectTypeOf<NodeView['big']>().toEqualTypeOf<bigint>()
    expectTypeOf<NodeView['huge']>().toEqualTypeOf<bigint>()
    expectTypeOf<NodeView['ok']>().toEqualTypeOf<boolean>()
    expectTypeOf<NodeView['at']>().toEqualTypeOf<View<typeof Point> | null>()
    expectTypeOf<NodeView['any']>().toEqualTypeOf<ObjectView | null>()
    expectTypeOf<NodeView['later']>().toEqualTypeOf<ObjectView | null>()
    expectTypeOf<NonNullable<NonNullable<NodeView['next']>['next']>['value']>().toEqualTypeOf<number>()
    expectTypeOf<ReturnType<NodeView['name']['get']>>().toEqualTypeOf<number>()
    expectTypeOf<ReturnType<NodeView['name']['read']>>().toEqualTypeOf<Uint8Array>()
    expectTypeOf<ReturnType<NodeView['rows']['get']>['key']>().toEqualTypeOf<number>()
    expectTypeOf<NonNullable<ReturnType<NodeView['rows']['get']>['to']>['value']>().toEqualTypeOf<number>()
  })

  it('of initial values are as loose as they may be and no looser', () => {
    type NodeInit = Init<typeof Node>
    expectTypeOf<NonNullable<NodeInit['value']>>().toEqualTypeOf<number>()
    expectTypeOf<NodeInit['at']>().toEqualTypeOf<View<typeof Point> | Root<View<typeof Point>> | null | undefined>()
    expectTypeOf<{ value: string }>().not.toExtend<NodeInit>()
    expectTypeOf<{ name: Uint8Array; rows: { key: number }[] }>().toExtend<NodeInit>()
    expectTypeOf<{ at: NodeView }>().not.toExtend<NodeInit>()
  })

  it('of calls follow from the struct', () => {
    const typed = (heap: Heap, view: ObjectView) => {
      expectTypeOf(heap.new(Point)).toEqualTypeOf<View<typeof Point>>()
      expectTypeOf(heap.root(heap.new(Point)).value.x).toEqualTypeOf<number>()
      expectTypeOf(heap.weakRef(heap.new(Point)).deref()).toEqualTypeOf<View<typeof Point> | null>()
      expectTypeOf(heap.view(Point, 8).y).toEqualTypeOf<number>()
      if (view.is(Point)) expectTypeOf(view.x).toEqualTypeOf<number>()
      // @ts-expect-error: a field of several values is not set as a whole
      heap.new(Node).name = heap.new(Node).name
      // @ts-expect-error: a reference to another struct
      heap.new(Node).next = heap.new(Point)
    }
    expect(typed).toBeTypeOf('function')
  })
})

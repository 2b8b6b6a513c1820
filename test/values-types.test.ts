/**
 * Goal: what a program writes about values is typed as it behaves.
 * Method: a program that uses every kind, with each line that must not compile marked by `@ts-expect-error`: the type check
 * of the repository holds it to that; what it does is checked here.
 * A failure means: a type that lets a mistake through, or that forbids what works.
 */
import { expect, expectTypeOf, it } from 'vitest'
import {
  array,
  type BytesArray,
  type Dictionary,
  Heap,
  HeapString,
  type InlineCache,
  type NumberArray,
  type PropertyName,
  struct,
  type Value,
  type ValueArray,
  value,
  type Words,
} from '../src/index.js'

const Cell = struct('Cell', { head: value, rest: array(value) })

it('values are typed', () => {
  using heap = Heap.create({ mode: 'runtime', limit: '4MiB' })
  using _scope = heap.scope()
  const { values } = heap
  expectTypeOf(values.string('a')).toEqualTypeOf<HeapString>()
  expectTypeOf(values.array('value')).toEqualTypeOf<ValueArray>()
  expectTypeOf(values.array('i32')).toEqualTypeOf<NumberArray<'i32'>>()
  expectTypeOf(values.array('i32').toTypedArray()).toEqualTypeOf<Int32Array>()
  expectTypeOf(values.array('f64').view()).toEqualTypeOf<Float64Array>()
  expectTypeOf(values.array('u64').get).returns.toEqualTypeOf<bigint>()
  expectTypeOf(values.array('u8').get).returns.toEqualTypeOf<number>()
  expectTypeOf(values.array({ bytes: 3 })).toEqualTypeOf<BytesArray>()
  expectTypeOf(values.dictionary()).toEqualTypeOf<Dictionary>()
  expectTypeOf(values.dictionary({ keys: 'integer' })).toEqualTypeOf<Dictionary<number>>()
  expectTypeOf(values.dictionary({ keys: 'string' })).toEqualTypeOf<Dictionary<string | HeapString>>()
  expectTypeOf(values.object().keys()).toEqualTypeOf<PropertyName[]>()
  expectTypeOf(values.cache('a')).toEqualTypeOf<InlineCache>()
  expectTypeOf(values.words).toEqualTypeOf<Words>()
  expectTypeOf(heap.new(Cell).head).toEqualTypeOf<Value>()
  const refusals = [
    // @ts-expect-error a bigint is for 64-bit integers
    () => values.array('i32').push(1n),
    // @ts-expect-error a number is not
    () => values.array('i64', [1]),
    // @ts-expect-error no kind
    () => values.array('i7'),
    // @ts-expect-error no value
    () => values.array('value').push({}),
    // @ts-expect-error keys are integers
    () => values.dictionary({ keys: 'integer' }).set('a', 1),
    // @ts-expect-error no key
    () => values.object().set(null, 1),
    // @ts-expect-error no value
    () => heap.new(Cell, { head: 1n }),
    // @ts-expect-error another typed array
    () => values.array('i32').copyTo(new Float64Array(1)),
  ]
  for (const refused of refusals) expect(refused).toThrow()
  const cell = heap.new(Cell, { head: heap.root(values.string('text')), rest: [1, 'a', null] })
  expect(cell.head instanceof HeapString && cell.head.text).toBe('text')
})

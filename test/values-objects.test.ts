/**
 * Goal: a property object of the heap is a plain object: the same properties in the same order; inline caches change
 * nothing but the time, and count what they know.
 * Method: random sequences of calls, with and without caches, on objects of the heap and on plain ones, compared after
 * each; shapes by their numbers; in every mode, with a collection that moves everything at every allocation where there
 * is one. With counted objects nothing is left at the end. Seeds are in the names of the tests.
 * A failure means: a property lost, in another's slot or out of order, or a count that was not let go.
 */
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  ClosedError,
  Heap,
  HeapString,
  type InlineCache,
  i32,
  PropertyObject,
  StaleHandleError,
  struct,
  type Value,
} from '../src/index.js'
import { random } from './support/random.js'
import { inValueHeap, isStressed, VALUE_HEAPS } from './support/values.js'

const Box = struct('Box', { n: i32 })
const NAMES = ['a', 'b', 'x', 'y', 'name', 'größe', '0', '7', '10', '01', '-1', '1.5', 'constructor', '__proto__', '']

function plain(value: unknown): unknown {
  return value instanceof HeapString ? value.text : value
}

/** A plain object without inherited properties. */
type Model = Record<string, unknown>

function check(made: PropertyObject, model: Model): void {
  const keys = Object.keys(model)
  expect(made.keys().map(String)).toEqual(keys)
  expect(made.size).toBe(keys.length)
  for (const key of keys) expect(plain(made.get(key))).toBe(model[key])
}

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)
  const steps = isStressed(name) ? 120 : 500

  it.each([11, 12])('is a plain object (seed %i)', (seed) =>
    inHeap((heap) => {
      const below = random(seed)
      const count = 4
      const made = Array.from({ length: count }, (_, i) => heap.values.object({ slots: i * 2 }))
      const models: Model[] = made.map(() => Object.create(null))
      const caches = new Map<string, InlineCache>(NAMES.slice(0, 8).map((key) => [key, heap.values.cache(key)]))
      for (let i = 0; i < steps; i++) {
        using _scope = heap.scope()
        const which = below(count)
        const [object, model] = [made[which] as PropertyObject, models[which] as Model]
        const key = NAMES[below(NAMES.length)] as string
        const cached = (below(2) === 0 && caches.get(key)) || key
        const call = below(9)
        if (call < 4) {
          const value: Value = [i, i / 2, `value ${i}`, true, null][below(5)]
          object.set(cached, value)
          model[key] = value
        } else if (call === 4) {
          expect(object.delete(key)).toBe(Object.hasOwn(model, key))
          delete model[key]
        } else if (call === 5) expect(object.has(key)).toBe(Object.hasOwn(model, key))
        expect(plain(object.get(cached))).toBe(model[key])
        if (i % 40 === 0) check(object, model)
      }
      made.forEach((object, i) => {
        check(object, models[i] as Model)
      })
      const uses = [...caches.values()].map((cache) => cache.hits + cache.misses)
      expect(Math.max(...uses)).toBeGreaterThan(1)
      for (const cache of caches.values()) cache.dispose()
    }),
  )

  it('gives objects with the same history the same shape', () =>
    inHeap((heap) => {
      const { values } = heap
      const make = (...keys: string[]) => keys.reduce((object, key, i) => object.set(key, i), values.object())
      expect(make('x', 'y').shape).toBe(make('x', 'y').shape)
      expect(make('x', 'y').shape).not.toBe(make('y', 'x').shape)
      const object = make('x', 'y', 'z')
      const before = object.shape
      object.set('x', 'other').set('z', 2.5)
      expect(object.shape).toBe(before)
      expect([object.isDictionary, object.size]).toEqual([false, 3])
      object.set(5, 'integer')
      expect([object.isDictionary, object.shape, object.keys()]).toEqual([true, undefined, [5, 'x', 'y', 'z']])
    }))

  it('has the order of keys that JavaScript has', () =>
    inHeap((heap) => {
      const box = heap.new(Box, { n: 1 })
      const special = heap.values.special(77)
      const object = heap.values.object()
      const model: Model = {}
      for (const key of ['b', '10', 'a', '2', '01', '1073741823', '0']) {
        object.set(key, key)
        model[key] = key
      }
      object.set(box, 'box').set(special, 'special').set(heap.values.string('3'), 'three')
      model['3'] = 'three'
      expect(object.keys().slice(0, -2).map(String)).toEqual(Object.keys(model))
      expect([plain(object.get(box)), plain(object.get(special)), plain(object.get(3))]).toEqual([
        'box',
        'special',
        'three',
      ])
      expect(JSON.stringify(object.set('b', 1.5))).toBe(JSON.stringify({ ...model, b: 1.5 }))
      expect([...object].length).toBe(object.size)
      const seen: string[] = []
      object.forEach((value, key, whole) => {
        expect(whole).toBe(object)
        if (typeof key !== 'object') seen.push(`${key}=${plain(value)}`)
      })
      expect(seen).toEqual(Object.entries({ ...model, b: 1.5 }).map(([key, value]) => `${key}=${value}`))
      expect(String(object)).toBe('object of 10 properties')
    }))

  it('reads and writes through caches, which count', () =>
    inHeap((heap) => {
      using x = heap.values.cache('x')
      using y = heap.values.cache('y')
      expect([x.key, x.hits, x.misses]).toEqual(['x', 0, 0])
      const points = Array.from({ length: 10 }, (_, i) => heap.values.object().set('x', i).set('y', `point ${i}`))
      let sum = 0
      for (const point of points) sum += Number(point.get(x))
      expect([sum, x.hits, x.misses]).toEqual([45, 9, 1])
      for (const point of points) point.set(x, -1)
      for (const point of points) expect(point.get('x')).toBe(-1)
      expect([x.hits, x.misses]).toEqual([19, 1])
      expect(points.map((point) => plain(point.get(y)))).toEqual(points.map((_, i) => `point ${i}`))
      expect(points[0]?.set(y, points[1] as PropertyObject).get(y)).toBeInstanceOf(PropertyObject)
      points[0]?.set(y, 'again')
      // Objects that get the property through the cache.
      x.clear()
      expect([x.hits, x.misses]).toEqual([0, 0])
      const more = Array.from({ length: 5 }, (_, i) => heap.values.object().set(x, i))
      expect(more.map((object) => object.get('x'))).toEqual([0, 1, 2, 3, 4])
      expect(x.hits + x.misses).toBe(5)
      expect(heap.values.object().get(x)).toBeUndefined()
    }))

  it('keeps many properties, and objects in objects', () =>
    inHeap((heap) => {
      const object = heap.values.object({ slots: 2 })
      const count = heap.mode === 'embedded' || isStressed(name) ? 60 : 400
      for (let i = 0; i < count; i++) object.set(`property ${i}`, i)
      for (let i = 0; i < count; i += 3) object.delete(`property ${i}`)
      expect(object.size).toBe(count - Math.ceil(count / 3))
      expect([object.get('property 0'), object.get('property 1')]).toEqual([undefined, 1])
      object.set('self', object)
      const self = object.get('self')
      expect(self instanceof PropertyObject && heap.same(self, object)).toBe(true)
      object.delete('self')
    }))

  it('refuses keys that are none, values that are none, caches that are gone', () =>
    inHeap((heap) => {
      const object = heap.values.object().set('a', 1)
      for (const bad of [null, undefined, true, -1, 1.5, 2 ** 30, Number.NaN, {}, Symbol('s')]) {
        for (const call of ['get', 'has', 'delete'] as const) {
          expect(() => object[call](bad as never)).toThrow(
            /`key` must be text, an integer from 0 to 2\^30 - 1, a special/,
          )
        }
        expect(() => object.set(bad as never, 1)).toThrow(ArgumentError)
        expect(() => heap.values.cache(bad as never)).toThrow(ArgumentError)
      }
      expect(() => object.set('b', {} as never)).toThrow(/`value` must be a number, a boolean, text/)
      expect(() => heap.values.object({ slots: 129 })).toThrow(/`slots` must be an integer from 0 to 128/)
      const cache = heap.values.cache('a')
      expect(object.get(cache)).toBe(1)
      cache.dispose()
      cache.dispose()
      expect(cache.isDisposed).toBe(true)
      for (const use of [() => object.get(cache), () => object.set(cache, 1), () => cache.hits, () => cache.clear()]) {
        expect(use).toThrow(ClosedError)
      }
      using other = Heap.create(VALUE_HEAPS[name])
      using foreign = other.values.cache('a')
      expect(() => object.get(foreign)).toThrow(/`key` must be an inline cache of heap/)
      expect([object.keys(), object.get('a')]).toEqual([['a'], 1])
    }))

  it('loses its caches when the heap is reset', () =>
    inHeap((heap) => {
      const cache = heap.values.cache('a')
      heap.reset()
      expect(cache.isDisposed).toBe(true)
      expect(() => cache.hits).toThrow(StaleHandleError)
      cache.dispose()
      using _scope = heap.scope()
      using again = heap.values.cache('a')
      expect(heap.values.object().set(again, 3).get(again)).toBe(3)
    }))
})

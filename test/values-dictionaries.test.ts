/**
 * Goal: a dictionary of the heap is a `Map`: the same keys, the same order, the same iteration while it changes.
 * Method: random sequences of calls on both, compared after each, with keys of all kinds and few enough of them that
 * they meet; iterations during which entries are added, deleted, added again and all cleared, on both at the same
 * steps; in every mode, with a collection that moves everything at every allocation where there is one. With counted
 * objects nothing is left at the end. Seeds are in the names of the tests.
 * A failure means: a key lost, found twice or in another place, or a count that was not let go.
 */
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  Dictionary,
  type Heap,
  HeapString,
  i32,
  type Root,
  StaleHandleError,
  struct,
  type Value,
} from '../src/index.js'
import { random } from './support/random.js'
import { inValueHeap, isStressed, VALUE_HEAPS } from './support/values.js'

const Box = struct('Box', { n: i32 })

/** Keys and values of the heap and of the model alike. */
function plain(value: unknown): unknown {
  if (value instanceof HeapString) return value.text
  if (typeof value === 'object' && value !== null && 'n' in value) return `box ${value.n}`
  return value
}

type KeyKind = 'any' | 'string' | 'integer'

/** Draws keys of a kind, `spread` of each sort. */
function drawKeys(kind: KeyKind, below: (n: number) => number, spread: number, boxes: readonly Root[], heap: Heap) {
  const text = () => `key ${'é'.repeat(below(3))} ${below(spread)}${below(5) === 0 ? 'long '.repeat(20) : ''}`
  if (kind === 'string') return () => text()
  if (kind === 'integer') return () => below(spread * 2) - spread
  const others = [undefined, null, true, false, Number.NaN, -0, 0, 2 ** 30, 1.5, heap.values.special(40)]
  return (): Value => {
    const which = below(6)
    if (which < 2) return below(spread) - 5
    if (which === 2) return text()
    if (which === 3) return below(spread) / 4
    return which === 4 ? (boxes[below(boxes.length)] as Root).value : others[below(others.length)]
  }
}

function check(made: Dictionary, model: Map<unknown, unknown>): void {
  expect(made.size).toBe(model.size)
  expect([...made].map(([key, value]) => [plain(key), plain(value)])).toEqual([...model])
}

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)
  const steps = isStressed(name) ? 150 : 800

  it.each(['any', 'string', 'integer'] as const)('keys %s: is a Map (seed 4711)', (kind) =>
    inHeap((heap) => {
      const below = random(4711)
      const boxes = [1, 2, 3, 4].map((n) => heap.root(heap.new(Box, { n })))
      const draw = drawKeys(kind, below, 30, boxes, heap)
      const made = heap.values.dictionary({ keys: kind }) as Dictionary
      expect(made.keyKind).toBe(kind)
      const model = new Map<unknown, unknown>()
      for (let i = 0; i < steps; i++) {
        using _scope = heap.scope()
        const key = draw()
        const which = below(10)
        if (which < 5) {
          const value = below(4) === 0 ? `value ${i}` : i % 7 === 0 ? i / 2 : i
          expect(made.set(key, value)).toBe(made)
          model.set(plain(key), value)
        } else if (which < 7) expect(made.delete(key)).toBe(model.delete(plain(key)))
        else if (which === 7) {
          expect(plain(made.take(key))).toBe(model.get(plain(key)))
          model.delete(plain(key))
        } else if (which === 8) expect(made.has(key)).toBe(model.has(plain(key)))
        else if (below(40) === 0) {
          made.clear()
          model.clear()
        }
        expect(plain(made.get(key))).toBe(model.get(plain(key)))
        expect(made.size).toBe(model.size)
        if (i % 50 === 0) check(made, model)
      }
      check(made, model)
      for (const root of boxes) root.dispose()
    }),
  )

  it.each([1, 2, 3])('goes through what changes as a Map does (seed %i)', (seed) =>
    inHeap((heap) => {
      const below = random(seed)
      const made = heap.values.dictionary({ capacity: seed * 4 })
      const model = new Map<unknown, unknown>()
      for (let i = 0; i < 40; i++) {
        made.set(i, i)
        model.set(i, i)
      }
      const seen: unknown[] = []
      const expected: unknown[] = []
      const change = (
        step: number,
        to: { set(k: number, v: number): unknown; delete(k: number): unknown; clear(): void },
      ) => {
        const keys = random(seed * 1000 + step)
        for (let n = 0; n < 3; n++) {
          const key = keys(60)
          if (keys(2) === 0) to.delete(key)
          else if (step < 60) to.set(key, step)
        }
        if (step === 25 && seed === 3) to.clear()
        if (step === 25 && seed === 3) for (let i = 0; i < 5; i++) to.set(100 + i, step)
      }
      let step = 0
      for (const entry of made) {
        seen.push(entry)
        change(step++, made)
        if (below(9) === 0) expect([...made.keys()].length).toBe(made.size)
      }
      step = 0
      for (const entry of model) {
        expected.push(entry)
        change(step++, model)
      }
      expect(seen).toEqual(expected)
      check(made, model)
    }),
  )

  it('goes through it by keys, values, entries and forEach, and stops where the loop does', () =>
    inHeap((heap) => {
      const made = heap.values.dictionary({ keys: 'string' })
      made.set('a', 1).set('b', 'two').set('c', null)
      expect([...made.keys()].map(plain)).toEqual(['a', 'b', 'c'])
      expect([...made.values()].map(plain)).toEqual([1, 'two', null])
      expect([...made.entries()].map((entry) => entry.map(plain))).toEqual([
        ['a', 1],
        ['b', 'two'],
        ['c', null],
      ])
      const seen: unknown[] = []
      made.forEach((value, key, whole) => {
        seen.push(plain(value), plain(key))
        expect(whole).toBe(made)
      })
      expect(seen).toEqual([1, 'a', 'two', 'b', null, 'c'])
      for (const [key] of made) {
        expect(plain(key)).toBe('a')
        break
      }
      const iterator = made.keys()
      iterator.next()
      expect(iterator.return?.()).toEqual({ done: true, value: undefined })
      expect(iterator.next()).toEqual({ done: true, value: undefined })
      expect(JSON.stringify(made)).toBe('{"a":1,"b":"two","c":null}')
      expect(String(made)).toBe('dictionary of 3 entries')
      const pairs = heap.values.dictionary()
      pairs.set(1, 'x').set('y', 2.5)
      expect(JSON.stringify(pairs)).toBe('[[1,"x"],["y",2.5]]')
    }))

  it('has a scope for each turn of forEach, which ends however the turn does', () =>
    inHeap((heap) => {
      const made = heap.values.dictionary({ keys: 'string' }).set('a', 'one').set('b', 'two').set('c', 'three')
      const object = heap.values.object().set('a', 'one').set('b', 'two').set('c', 'three')
      for (const whole of [made, object] as const) {
        const met: unknown[] = []
        const seen: string[] = []
        const turn = (value: Value) => {
          for (const one of met) expect(() => String(one)).toThrow(StaleHandleError)
          seen.push(String(value))
          met.push(value)
          // Left open: it ends with the turn.
          heap.scope()
          if (String(value) === 'two') throw new Error('enough')
        }
        expect(() => whole.forEach(turn)).toThrow('enough')
        expect(seen).toEqual(['one', 'two'])
        expect(() => String(met[1])).toThrow(StaleHandleError)
        // Of the scope around again.
        expect(String(whole.get('c'))).toBe('three')
        expect(whole.delete('a')).toBe(true)
        const left: string[] = []
        whole.forEach((value) => {
          left.push(String(value))
          whole.delete('c')
        })
        expect(left).toEqual(['two'])
      }
      const empty = heap.values.dictionary()
      empty.forEach(() => {
        expect.fail('nothing is there')
      })
    }))

  it('takes text and strings of the heap for the same key', () =>
    inHeap((heap) => {
      const made = heap.values.dictionary()
      const string = heap.values.string('name')
      made.set(string, 1).set('name', 2).set(heap.values.intern('name'), 3)
      expect([made.size, made.get('name'), made.get(string)]).toEqual([1, 3, 3])
      const long = 'long name '.repeat(50)
      made.set(long, 'found')
      expect(plain(made.get(heap.values.string(long)))).toBe('found')
      expect([made.has('nam'), made.get('names'), made.delete('other')]).toEqual([false, undefined, false])
    }))

  it('holds dictionaries, itself too', () =>
    inHeap((heap) => {
      const made = heap.values.dictionary()
      made.set('self', made).set('list', heap.values.array('value', [1]))
      const self = made.get('self')
      if (!(self instanceof Dictionary)) throw new Error('no dictionary')
      expect(heap.same(self, made)).toBe(true)
      made.set(made, 'as a key')
      expect(plain(made.get(self))).toBe('as a key')
      made.clear()
      expect([made.size, [...made]]).toEqual([0, []])
    }))

  it('keeps thousands of entries, and gives them back', () =>
    inHeap((heap) => {
      const count = heap.mode === 'embedded' ? 1500 : isStressed(name) ? 2000 : 10_000
      const made = heap.values.dictionary({ keys: 'integer', capacity: 10 })
      made.reserve(100)
      for (let i = 0; i < count; i++) made.set(i * 3, -i)
      let sum = 0
      for (let i = 0; i < count; i++) sum += Number(made.get(i * 3))
      expect([made.size, sum]).toEqual([count, -(count * (count - 1)) / 2])
      for (let i = 0; i < count; i += 2) made.delete(i * 3)
      expect([made.size, made.get(0), made.get(3)]).toEqual([count / 2, undefined, -1])
      made.clear()
    }))

  it('refuses keys of another kind, and changes nothing', () =>
    inHeap((heap) => {
      const strings = heap.values.dictionary({ keys: 'string' })
      strings.set('a', 1)
      const integers = heap.values.dictionary({ keys: 'integer' })
      integers.set(1, 1)
      for (const bad of [1, 2.5, null, undefined, true, heap.new(Box), heap.values.special(17)]) {
        for (const call of ['get', 'has', 'delete', 'take'] as const) {
          expect(() => strings[call](bad as never)).toThrow(
            /`key` must be a string: the dictionary was made for strings/,
          )
        }
        expect(() => strings.set(bad as never, 5)).toThrow(ArgumentError)
      }
      for (const bad of ['1', 2.5, 2 ** 30, -0.5, null, true]) {
        expect(() => integers.get(bad as never)).toThrow(/`key` must be an integer from -2\^30/)
        expect(() => integers.set(bad as never, 5)).toThrow(/`key` must be an integer from -2\^30/)
      }
      expect(() => strings.set('b', Symbol() as never)).toThrow(/`value` must be a number/)
      expect(() => strings.set('b', {} as never)).toThrow(ArgumentError)
      expect(() => heap.values.dictionary({ keys: 'text' as never })).toThrow(
        /`keys` must be 'any', 'string' or 'integer'/,
      )
      expect(() => heap.values.dictionary({ capacity: -1 })).toThrow(ArgumentError)
      expect([[...strings].length, strings.get('a'), [...integers]]).toEqual([1, 1, [[1, 1]]])
    }))
})

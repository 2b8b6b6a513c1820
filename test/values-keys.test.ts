/**
 * Goal: a property has one key however it is named: by a view, by the word of an integer, by the word of its text.
 * Method: every name is set by words and read by the view, and the other way round, with and without a cache, in every
 * mode; a plain object says which names are one key and in which order they are.
 * Then the room that dictionaries reserve for keys, in heaps that are too small for it and in heaps that are not.
 * A failure means: a property that only one of the two can see, or two where JavaScript has one; or a dictionary that
 * promises room which is not there.
 */
import { describe, expect, it } from 'vitest'
import { Heap, type HeapOptions, OutOfMemoryError } from '../src/index.js'
import { inValueHeap, VALUE_HEAPS } from './support/values.js'

const INTEGERS = ['0', '7', '10', '1073741823']
const TEXTS = ['', '07', '+7', '-7', '1e3', '7.0', ' 7', '7b', 'b', '10000000000']

/** Names as objects of the heap tell them: integers as numbers. */
const told = (names: readonly (string | symbol)[]) =>
  names.map((name) => (INTEGERS.includes(String(name)) ? Number(String(name)) : name))

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)

  it('has one key for text that is an integer and for the integer', () =>
    inHeap((heap) => {
      const { values } = heap
      const { words } = values
      const object = values.object()
      object.set('b', 0)
      const plain: Record<string, number> = { b: 0 }
      using cache = values.cache('7')
      for (const [i, text] of [...INTEGERS].reverse().concat(TEXTS).entries()) {
        const key = i % 2 ? values.intern(text) : values.string(text)
        words.propertySet(words.of(object), words.of(key), words.integer(i))
        plain[text] = i
        expect([text, object.get(text)]).toEqual([text, i])
        object.set(text, i + 100)
        plain[text] = i + 100
        expect(words.propertyGet(words.of(object), words.of(key))).toBe(words.integer(i + 100))
        expect(words.propertyHas(words.of(object), words.of(key))).toBe(true)
        expect(told([...object.keys()].map(String))).toEqual(told(Reflect.ownKeys(plain)))
      }
      const seven = values.string('7')
      words.propertySet(words.of(object), words.of(seven), words.integer(1), cache.address)
      words.propertySet(words.of(object), words.integer(7), words.integer(2), cache.address)
      expect(words.propertyGet(words.of(object), words.of(seven), cache.address)).toBe(words.integer(2))
      expect([object.get('7'), object.get(7)]).toEqual([2, 2])
      expect(words.propertyDelete(words.of(object), words.of(seven))).toBe(true)
      expect([object.has(7), object.has('7'), object.has('07')]).toEqual([false, false, true])
    }))

  it('keeps text that no integer of a word is', () =>
    inHeap((heap) => {
      const { values } = heap
      const { words } = values
      const object = values.object()
      for (const text of ['1073741824', '4294967303', '18446744073709551623']) {
        const key = values.string(text)
        words.propertySet(words.of(object), words.of(key), words.integer(text.length))
        expect(object.get(text)).toBe(text.length)
      }
      expect([object.get(7), object.size]).toEqual([undefined, 3])
    }))
})

const SMALL_HEAPS: readonly (readonly [HeapOptions, fits: number, tooMany: readonly number[]])[] = [
  [{ mode: 'embedded', limit: '32kB' }, 300, [3000, 1e6]],
  [{ mode: 'manual', limit: '1MiB' }, 20_000, [50_000, 1e6]],
  [{ mode: 'vm', limit: '2MiB' }, 20_000, [200_000, 1e6]],
]

describe.each(SMALL_HEAPS)('room that a dictionary reserves: %o', (options, fits, tooMany) => {
  it('is there, or is refused', () => {
    using heap = Heap.create(options)
    using _scope = heap.scope()
    const dictionary = heap.values.dictionary()
    dictionary.set(0, 1)
    for (const capacity of tooMany) {
      expect(() => dictionary.reserve(capacity), String(capacity)).toThrow(OutOfMemoryError)
      expect([...dictionary]).toEqual([[0, 1]])
      expect(heap.verify()).toEqual({ ok: true })
    }
    dictionary.reserve(fits)
    for (let i = 1; i < fits; i++) dictionary.set(i, i)
    expect([dictionary.size, dictionary.get(fits - 1)]).toEqual([fits, fits - 1])
    expect(heap.verify()).toEqual({ ok: true })
  })
})

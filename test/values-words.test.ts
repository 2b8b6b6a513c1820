/**
 * Goal: an interpreter can do everything with bare words: encode and decode them, make objects, load and store with the
 * collector told, own and let go where objects are counted.
 * Method: the encoding against the layout's own table, at all borders; a list and a stack machine of raw words, whose
 * references lie in the shadow stack, against plain arrays, in every mode, with a collection that moves everything at
 * every allocation where there is one; counts by `heap.refcount`, and nothing left at the end.
 * A failure means: a word that says something else than was meant, a reference that a collection lost, a wrong count.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, type Heap, HeapString, i32, StaleHandleError, struct, value, WORD } from '../src/index.js'
import { inValueHeap, isCounted, VALUE_HEAPS } from './support/values.js'

const Pair = struct('Pair', { first: value, rest: value, mark: i32 })
const FIRST = Pair.field('first')?.offset as number
const REST = Pair.field('rest')?.offset as number

const TEXTS = ['', 'a', 'Grüße', '漢字', '😀 and more', 'x'.repeat(500), '\0nul', '\ufeffbom']

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)

  it('encodes and decodes words as the table says', () =>
    inHeap((heap) => {
      const { words } = heap.values
      for (const n of [0, 1, -1, 5, WORD.integerMin, WORD.integerMax]) {
        const word = words.integer(n)
        expect(word).toBe((n << 1) | 1)
        expect([words.isInteger(word), words.integerOf(word), words.fitsInteger(n)]).toEqual([true, n, true])
        expect([words.isReference(word), words.isSpecial(word), words.isCharacter(word)]).toEqual([false, false, false])
        expect(words.view(word)).toBe(n)
      }
      for (const n of [WORD.integerMin - 1, WORD.integerMax + 1, 0.5, -0, Number.NaN, Infinity]) {
        expect(words.fitsInteger(n)).toBe(false)
      }
      for (const n of [WORD.specialFirst, 1000, WORD.specialMax]) {
        const special = words.special(n)
        expect([words.isSpecial(special), words.numberIn(special)]).toEqual([true, n])
        expect(words.view(special)).toBe(heap.values.special(n))
        const character = words.character(n)
        expect([words.isCharacter(character), words.numberIn(character)]).toEqual([true, n])
        expect(words.view(character)).toBe(heap.values.character(n))
        expect([words.isReference(special), words.isReference(character), words.isNumber(special)]).toEqual(
          Array(3).fill(false),
        )
      }
      expect([WORD.undefined, WORD.null, WORD.true, WORD.false, WORD.absent].map((word) => words.view(word))).toEqual([
        undefined,
        null,
        true,
        false,
        undefined,
      ])
      const truths = [WORD.undefined, WORD.null, WORD.true, WORD.false, WORD.absent, 1, words.special(16)]
      expect(truths.map((word) => words.isTrue(word))).toEqual([false, false, true, false, false, true, true])
      expect([words.boolean(true), words.boolean(false)]).toEqual([WORD.true, WORD.false])
    }))

  it('keeps every number', () =>
    inHeap((heap) => {
      const { words } = heap.values
      const numbers = [
        0,
        -0,
        1.5,
        -1.5,
        2 ** 30,
        -(2 ** 30) - 1,
        2 ** 53,
        5e-324,
        Number.MAX_VALUE,
        Infinity,
        -Infinity,
      ]
      for (const n of [...numbers, Number.NaN, WORD.integerMin, WORD.integerMax]) {
        const word = words.number(n)
        expect(words.numberOf(word)).toBe(n)
        expect(words.isFloat(word)).toBe(!words.fitsInteger(n))
        expect(words.view(word)).toBe(n)
        words.release(word)
      }
      const float = words.float(7)
      expect([words.isFloat(float), words.isNumber(float), words.numberOf(float)]).toEqual([true, true, 7])
      words.release(float)
      expect(words.numberOf(WORD.true)).toBeNaN()
    }))

  it('makes strings, and reads them', () =>
    inHeap((heap) => {
      const { words } = heap.values
      for (const text of TEXTS) {
        const string = words.string(text)
        expect([words.isString(string), words.text(string)]).toEqual([true, text])
        expect(words.byteLength(string)).toBe(new TextEncoder().encode(text).length)
        expect(words.codePointLength(string)).toBe([...text].length)
        expect([...words.utf8(string)]).toEqual([...new TextEncoder().encode(text)])
        words.release(string)
      }
    }))

  it('cuts, joins and finds in strings', () =>
    inHeap((heap) => {
      const { words } = heap.values
      const stack = heap.shadowStack()
      using a = heap.root(heap.values.string('aß😀b'))
      using b = heap.root(heap.values.string('😀'))
      expect(words.find(words.of(a), words.of(b))).toBe(3)
      expect(words.find(words.of(a), words.of(b), 7)).toBe(-1)
      expect(words.byteOffset(words.of(a), 3)).toBe(7)
      expect(words.codePointAt(words.of(a), 3)).toBe(0x1f600)
      const slice = words.slice(words.of(a), 1, 7)
      expect(words.text(slice)).toBe('ß😀')
      words.release(slice)
      const both = words.concat(words.of(b), words.of(a))
      expect(words.text(both)).toBe('😀aß😀b')
      words.release(both)
      const same = words.string('😀')
      expect(words.equals(words.of(b), same)).toBe(true)
      expect(words.hash(words.of(b))).toBe(words.hash(same))
      expect(words.compare(same, words.of(a))).toBe(1)
      words.release(same)
      expect(stack.length).toBe(0)
    }))

  it('builds and reads a list whose ends lie in roots', () =>
    inHeap((heap) => {
      const { words } = heap.values
      const pair = words.typeId(Pair)
      const count = 200
      using head = heap.root(heap.new(Pair))
      for (let i = 0; i < count; i++) {
        // `made` is good until the next allocation: the string, which comes first.
        const first = i % 3 === 0 ? words.integer(i) : i % 3 === 1 ? words.number(i + 0.5) : words.string(`text ${i}`)
        words.store(words.of(head), FIRST, first)
        words.release(first)
        const made = words.make(pair, Pair.fixedBytes)
        words.store(made, REST, words.of(head))
        words.store(made, FIRST, words.integer(-1))
        words.store(words.of(head), REST, words.load(words.of(head), REST))
        // The new one becomes the head by taking the old one's place in what it refers to.
        words.store(made, REST, words.load(words.of(head), REST))
        words.store(made, FIRST, words.load(words.of(head), FIRST))
        words.store(words.of(head), REST, made)
        words.release(made)
      }
      let at = words.load(words.of(head), REST)
      for (let i = count - 1; i >= 0; i--) {
        expect(words.isOf(at, pair)).toBe(true)
        const first = words.load(at, FIRST)
        if (i % 3 === 2) expect(words.text(first)).toBe(`text ${i}`)
        else expect(words.numberOf(first)).toBe(i % 3 === 0 ? i : i + 0.5)
        at = words.load(at, REST)
      }
      expect(at).toBe(0)
    }))

  it('goes from words to views and back', () =>
    inHeap((heap) => {
      const { words } = heap.values
      const made = words.make(words.typeId(Pair), Pair.fixedBytes)
      const view = words.view(made)
      if (typeof view !== 'object' || view === null || !('is' in view) || !view.is(Pair)) throw new Error('no pair')
      words.release(words.of(view))
      view.mark = 77
      expect(words.load(words.of(view), Pair.field('mark')?.offset as number)).toBe(77)
      for (const one of [1, 2.5, true, null, undefined, heap.values.special(20)]) {
        const word = words.from(one)
        expect(words.view(word)).toBe(one)
        words.release(word)
      }
      const text = words.from('some text')
      const string = words.view(text)
      words.release(string instanceof HeapString ? words.of(string) : 0)
      expect(String(string)).toBe('some text')
      using root = heap.root(view)
      const lent = words.from(root)
      expect(lent).toBe(words.of(view))
      words.release(lent)
    }))

  it('counts what is retained and released, where objects are counted', () =>
    inHeap((heap) => {
      const { words } = heap.values
      const made = words.make(words.typeId(Pair), Pair.fixedBytes)
      if (!isCounted(heap)) {
        expect(words.retain(made)).toBe(made)
        words.release(made)
        return
      }
      expect(heap.refcount(made >>> 0)).toBe(1)
      words.retain(made)
      expect(heap.refcount(made >>> 0)).toBe(2)
      words.store(made, FIRST, made)
      expect(heap.refcount(made >>> 0)).toBe(3)
      words.store(made, FIRST, words.integer(3))
      words.release(made)
      words.release(made)
      expect(() => words.release(made)).toThrow(ArgumentError)
      expect(() => words.retain(made)).toThrow(/`word` must be a reference to an object that was not released/)
      words.retain(words.integer(4))
      words.release(WORD.null)
    }))

  it('reads and writes arrays', () =>
    inHeap((heap) => {
      const { words } = heap.values
      using root = heap.root(heap.values.array('value'))
      const list = () => words.of(root)
      const model: unknown[] = []
      for (let i = 0; i < 60; i++) {
        const word = i % 4 === 3 ? words.string(`text ${i}`) : i % 4 === 2 ? words.number(i / 3) : words.integer(i)
        // The push may move what the word refers to, and the word is not needed afterwards.
        words.arrayPush(list(), word)
        if (isCounted(heap)) words.release(word)
        model.push(i % 4 === 3 ? `text ${i}` : i % 4 === 2 ? i / 3 : i)
      }
      const plain = (word: number) => (words.isString(word) ? words.text(word) : words.view(word))
      const all = (array: number) =>
        Array.from({ length: words.arrayLength(array) }, (_, i) => plain(words.arrayGet(array, i)))
      expect(all(list())).toEqual(model)
      words.arraySet(list(), 3, words.integer(-9))
      words.arraySet(list(), 0, WORD.null)
      words.arrayRemove(list(), 10, 2)
      words.arrayInsert(list(), 5, 1)
      words.arrayFill(list(), 20, 22, WORD.true)
      model[3] = -9
      model[0] = null
      model.splice(10, 2)
      model.splice(5, 0, undefined)
      model.fill(true, 20, 22)
      expect(all(list())).toEqual(model)
      const part = words.arraySlice(list(), 2, 30)
      expect(all(part)).toEqual(model.slice(2, 30))
      words.arrayCopy(list(), 0, part, 0, 3)
      words.release(part)
      model.splice(0, 3, ...model.slice(2, 5))
      expect(all(list())).toEqual(model)
      expect(words.arrayIndexOf(list(), words.integer(4))).toBe(model.indexOf(4))
      expect(words.arrayIndexOf(list(), words.integer(4000))).toBe(-1)
      const last = words.arrayPop(list())
      expect(plain(last)).toBe(model.pop())
      words.release(last)
      words.arrayResize(list(), 0)
      expect(words.arrayPop(list())).toBe(WORD.absent)
      // Whatever the call before has said.
      expect(() => words.arrayLength(words.integer(7))).toThrow(
        /must be an array, for arrayLength; got "the integer 7"/,
      )
      expect(() => words.dictionarySize(list())).toThrow(/must be a dictionary, for dictionarySize; got "an array of/)
      expect(() => words.propertyCount(WORD.null)).toThrow(/must be a property object, for propertyCount; got "null"/)
      expect(() => words.arrayGet(list(), 0)).toThrow(/`arrayGet` must be called with places that are there/)
      expect(() => words.arraySet(list(), 0, WORD.true)).toThrow(ArgumentError)
      expect(() => words.arrayPush(words.integer(1), WORD.true)).toThrow(
        /`array` must be an array, for arrayPush; got "the integer 1"/,
      )
    }))

  it('reads and writes arrays of numbers', () =>
    inHeap((heap) => {
      const { words } = heap.values
      using root = heap.root(heap.values.array('f64', [1.5, Number.NaN]))
      const list = () => words.of(root)
      words.arrayPushNumber(list(), -2)
      words.arraySetNumber(list(), 0, 0.25)
      expect([0, 1, 2].map((i) => words.arrayGetNumber(list(), i))).toEqual([0.25, Number.NaN, -2])
      expect(words.f64[words.arrayAt(list(), 2) >>> 3]).toBe(-2)
      expect(() => words.arrayGetNumber(list(), 3)).toThrow(ArgumentError)
      expect(() => words.arrayGet(list(), 0)).toThrow(/of a kind that arrayGet takes; got "an array of kind f64"/)
      const made = words.array('i32', 10)
      expect([words.isArray(made), words.arrayLength(made)]).toEqual([true, 0])
      words.release(made)
    }))

  it('reads and writes dictionaries', () =>
    inHeap((heap) => {
      const { words } = heap.values
      using root = heap.root(heap.values.dictionary())
      const table = () => words.of(root)
      for (let i = 0; i < 50; i++) words.dictionarySet(table(), words.integer(i), words.integer(-i))
      const key = words.string('name')
      words.dictionarySet(table(), key, WORD.true)
      if (isCounted(heap)) words.release(key)
      expect(words.dictionarySize(table())).toBe(51)
      expect(words.dictionaryGet(table(), words.integer(7))).toBe(words.integer(-7))
      expect(words.dictionaryGet(table(), words.integer(70))).toBe(WORD.absent)
      expect(words.dictionaryGetText(table(), 'name')).toBe(WORD.true)
      expect(words.dictionaryGetText(table(), 'name '.repeat(40))).toBe(WORD.absent)
      expect([
        words.dictionaryDelete(table(), words.integer(0)),
        words.dictionaryDelete(table(), words.integer(0)),
      ]).toEqual([true, false])
      expect(words.dictionaryTake(table(), words.integer(1))).toBe(words.integer(-1))
      expect(words.dictionaryHas(table(), words.integer(1))).toBe(false)
      words.dictionaryLock(table())
      const keys: number[] = []
      for (let at = words.dictionaryNext(table(), 0); at >= 0; at = words.dictionaryNext(table(), at + 1)) {
        const one = words.dictionaryKeyAt(table(), at)
        if (words.isInteger(one)) keys.push(words.integerOf(one))
        if (words.isInteger(one)) words.dictionarySetAt(table(), at, words.integer(1))
        expect(words.dictionaryValueAt(table(), at)).not.toBe(WORD.absent)
      }
      words.dictionaryUnlock(table())
      expect(keys).toEqual(Array.from({ length: 48 }, (_, i) => i + 2))
      words.dictionaryClear(table())
      expect(words.dictionarySize(table())).toBe(0)
      expect(() => words.dictionaryUnlock(table())).toThrow(ArgumentError)
      expect(() => words.dictionaryGet(words.integer(1), words.integer(1))).toThrow(
        /`dictionary` must be a dictionary, for dictionaryGet; got "the integer 1"/,
      )
      const strings = words.dictionary('string', 4)
      expect(() => words.dictionarySet(strings, words.integer(1), WORD.true)).toThrow(
        /a key of the kind that the dictionary/,
      )
      words.release(strings)
    }))

  it('reads and writes property objects, with and without a cache', () =>
    inHeap((heap) => {
      const { words } = heap.values
      using x = heap.values.cache('x')
      const cache = x.address
      using key = heap.root(heap.values.intern('x'))
      const objects = Array.from({ length: 8 }, () => heap.root(heap.values.object()))
      for (const [i, object] of objects.entries()) {
        words.propertySet(words.of(object), words.of(key), words.integer(i), i % 2 === 0 ? cache : 0)
        const text = words.string(`value ${i}`)
        words.propertySet(words.of(object), words.integer(i), text)
        if (isCounted(heap)) words.release(text)
      }
      for (const [i, object] of objects.entries()) {
        expect(words.propertyGet(words.of(object), words.of(key), cache)).toBe(words.integer(i))
        expect(words.propertyGet(words.of(object), words.of(key))).toBe(words.integer(i))
        expect(words.text(words.propertyGet(words.of(object), words.integer(i)))).toBe(`value ${i}`)
        expect(words.propertyGet(words.of(object), words.integer(50))).toBe(WORD.absent)
        expect([words.propertyHas(words.of(object), words.integer(i)), words.propertyCount(words.of(object))]).toEqual([
          true,
          2,
        ])
      }
      const first = () => words.of(objects[0] as (typeof objects)[0])
      const keys = words.propertyKeys(first())
      expect([words.arrayLength(keys), words.arrayGet(keys, 0)]).toEqual([2, words.integer(0)])
      words.release(keys)
      expect([
        words.propertyDelete(first(), words.integer(0)),
        words.propertyDelete(first(), words.integer(0)),
      ]).toEqual([true, false])
      const made = words.object(2)
      expect([words.isObject(made), words.isObject(WORD.true), words.propertyCount(made)]).toEqual([true, false, 0])
      words.release(made)
      // What is no property object hits no cache, whatever its words are.
      const list = words.of(heap.values.array('value', [33, 33, 33]))
      expect(() => words.propertyGet(list, words.of(key), cache)).toThrow(
        /`object` must be a property object, for propertyGet; got "an array of kind value"/,
      )
      expect(() => words.propertySet(first(), words.integer(-1), WORD.true)).toThrow(
        /`key` must be a string, .* for propertySet; got "the integer -1"/,
      )
      for (const object of objects) object.dispose()
    }))

  it('interns strings', () =>
    inHeap((heap) => {
      const { words } = heap.values
      using first = heap.root(heap.values.intern('name'))
      const again = words.intern('name')
      expect([again === words.of(first), words.isInterned(again)]).toEqual([true, true])
      words.release(again)
      const other = words.internString(words.of(first))
      expect(other).toBe(words.of(first))
      words.release(other)
      const long = words.intern('long text '.repeat(30))
      expect(words.text(long)).toBe('long text '.repeat(30))
      words.release(long)
    }))

  it('refuses what is no string, places that are none, words of nothing', () =>
    inHeap((heap) => {
      const { words } = heap.values
      const string = words.view(words.string('ä')) as HeapString
      if (isCounted(heap)) words.release(words.of(string))
      const pair = heap.new(Pair)
      for (const bad of [words.integer(3), WORD.null, words.of(pair), 0]) {
        expect(() => words.text(bad)).toThrow(/`string` must be a reference to a string/)
        expect(() => words.concat(words.of(string), bad)).toThrow(
          /`string` must be a string, for concat; got "(the integer 3|null|an object of type Pair|no object)/,
        )
        expect(() => words.find(bad, words.of(string))).toThrow(ArgumentError)
      }
      expect(() => words.slice(words.of(string), 0, 3)).toThrow(/`slice` must be called with places that are there/)
      expect(() => words.slice(words.of(string), 0, 1)).toThrow(/`slice` must be called with places between characters/)
      expect(() => words.codePointAt(words.of(string), 1)).toThrow(ArgumentError)
      expect(() => words.byteOffset(words.of(string), 2)).toThrow(ArgumentError)
      expect(() => words.view(((words.of(string) >>> 0) + 16) | 0)).toThrow(/`word` must be a reference to an object/)
      expect(() => words.make(999_999, 8)).toThrow(ArgumentError)
      expect(() => words.from({} as never)).toThrow(/`value` must be a number, a boolean, text/)
      expect(() => words.of(3 as never)).toThrow(ArgumentError)
    }))

  it('is gone with the heap', () => {
    inHeap((heap) => {
      const { words } = heap.values
      heap.reset()
      expect(words.integerOf(words.integer(4))).toBe(4)
      using _scope = heap.scope()
      expect(() => words.view(words.string('again'))).not.toThrow(StaleHandleError)
      if (isCounted(heap)) heap.reset()
    })
  })
})

it.each(Object.keys(VALUE_HEAPS))('%s: a property is set through a cache, whatever was there', (name) =>
  inValueHeap(name, (heap) => {
    const { words } = heap.values
    const object = heap.values.object().set('x', 0)
    using cache = heap.values.cache('x')
    const text = heap.values.intern('some text')
    const key = heap.values.intern('x')
    object.set(cache, 1)
    const { hits } = cache
    const given = [
      words.integer(-7),
      WORD.true,
      words.of(text),
      WORD.null,
      words.special(40),
      words.character(97),
      words.of(text),
    ]
    for (const [i, kept] of given.entries()) {
      const value = words.isReference(kept) ? words.of(text) : kept
      words.propertySet(words.of(object), words.of(key), value, cache.address)
      expect(words.propertyGet(words.of(object), words.of(key), cache.address), String(i)).toBe(value)
      expect(heap.verify()).toEqual({ ok: true })
    }
    expect(cache.hits - hits).toBe(2 * given.length)
    expect(() => words.propertySet(words.of(object), words.of(key), WORD.absent, cache.address)).toThrow(ArgumentError)
    words.propertySet(words.of(object), words.of(key), words.integer(3), cache.address)
    if (heap.mode === 'manual') expect(heap.refcount(text)).toBe(1)
  }),
)

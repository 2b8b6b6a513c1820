/**
 * Arrays, dictionaries and property objects by words: what `words.ts` says of calls, owners and references holds here,
 * too. Elements that are there, and those that fit behind the last, are read and written through the typed arrays over
 * the memory; so is a property whose shape an inline cache knows.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { OBJECT_IMMORTAL, TYPE_MASK } from '../../kernel/object-layout.js'
import {
  ARRAY_KIND_AT,
  ARRAY_LENGTH_AT,
  DICTIONARY_ENTRY_BYTES,
  KIND_VALUE,
  STATUS_RANGE,
  VALUES_STATUS_AT,
  VALUES_TEXT_AT,
} from '../../kernel/value-layout.js'
import { type DictionaryKeys, KEY_KINDS } from './dictionary.js'
import { checkArrayKind, elementBytesOf, type HeapArrayKind } from './heap-array.js'
import { type Given, refusal } from './refusals.js'
import { WideWords } from './wide-words.js'
import type { Word } from './word.js'
import { CALL_BYTES } from './words.js'

const NOWHERE = 0xffffffff
const LENGTH_WORD = ARRAY_LENGTH_AT >>> 2
const KIND_WORD = ARRAY_KIND_AT >>> 2
const WRITABLE_MASK = TYPE_MASK | OBJECT_IMMORTAL

/** Whether an index is one, and less than a length. */
function isBelow(index: number, length: number): boolean {
  return index >>> 0 === index && index < length
}

/** Whether a word is an integer, a special or a character: what nobody counts, and no collector follows. */
function isPlain(word: Word): boolean {
  return (word & 3) !== 0
}

/** Words, objects, strings, arrays, dictionaries and property objects by words. Made by `heap.values.words`. */
export class Words extends WideWords {
  // ---- arrays -------------------------------------------------------------------------------------------------------

  /** A new array without elements. May allocate; owned. @throws OutOfMemoryError, ArgumentError */
  array(kind: HeapArrayKind, capacity = 0): Word {
    const [number, bytes] = checkArrayKind(kind)
    const make = () => this.values.kernel.arrayNew(number, bytes, capacity)
    return this.made('array', make, [capacity], Math.max(capacity * elementBytesOf(kind), CALL_BYTES))
  }

  isArray(word: Word): boolean {
    return this.isOf(word, this.values.types.array)
  }

  arrayLength(array: Word): number {
    return this.isArray(array) ? this.load(array, ARRAY_LENGTH_AT) : this.refuseType('arrayLength', array)
  }

  /** An element of an array of values, lent. @throws ArgumentError */
  arrayGet(array: Word, index: number): Word {
    const { i32 } = this.space.views
    const at = array >>> 2
    if (this.#isValues(i32, at, TYPE_MASK) && isBelow(index, i32[at + LENGTH_WORD] as number)) {
      return i32[((i32[at] as number) >>> 2) + index] as number
    }
    this.#checkIndex('arrayGet', array, index)
    const word = this.values.kernel.arrayGet(array, index)
    return word === 0 ? this.refuse('arrayGet', [array, index]) : word | 0
  }

  /** Set an element of an array of values. @throws ArgumentError, CountError */
  arraySet(array: Word, index: number, word: Word): void {
    const { i32 } = this.space.views
    const at = array >>> 2
    if ((word & 1) !== 0 && this.#isValues(i32, at, WRITABLE_MASK)) {
      const slot = ((i32[at] as number) >>> 2) + index
      if (isBelow(index, i32[at + LENGTH_WORD] as number) && ((i32[slot] as number) & 1) !== 0) {
        i32[slot] = word
        return
      }
    }
    this.#checkIndex('arraySet', array, index)
    this.expectOk(this.values.kernel.arraySet(array, index, word), 'arraySet', [array, index, word])
  }

  /** The module takes indexes modulo 2^32, and cuts them. */
  #checkIndex(call: string, array: Word, index: number): void {
    if (index >>> 0 !== index) throw refusal(this.space, call, STATUS_RANGE, [array, index], CALL_BYTES)
  }

  /** Append to an array of values. May allocate. @throws OutOfMemoryError, ArgumentError, CountError */
  arrayPush(array: Word, word: Word): void {
    const { i32 } = this.space.views
    const at = array >>> 2
    const store = i32[at] as number
    if ((word & 1) !== 0 && store !== 0 && this.#isValues(i32, at, WRITABLE_MASK)) {
      const length = i32[at + LENGTH_WORD] as number
      if (length < (i32[(store >>> 2) - 1] as number) >>> 2) {
        i32[(store >>> 2) + length] = word
        i32[at + LENGTH_WORD] = length + 1
        return
      }
    }
    const bytes = this.storeBytes(array, 1)
    this.expectOk(this.values.kernel.arrayPush(array, word), 'arrayPush', [array, word], bytes)
  }

  /** Take the last element off an array of values, owned; `WORD.absent` when there is none. @throws ArgumentError */
  arrayPop(array: Word): Word {
    return this.#orAbsent(this.values.kernel.arrayPop(array), 'arrayPop', [array])
  }

  /** An element of an array of numbers other than 64-bit integers. @throws ArgumentError */
  arrayGetNumber(array: Word, index: number): number {
    const value = this.values.kernel.arrayGetNumber(array, index)
    if (!Number.isNaN(value)) return value
    // Which may be the element's value.
    return this.values.kernel.arrayAt(array, index) === 0 ? this.refuse('arrayGetNumber', [array, index]) : value
  }

  /** Set one, converted as a typed array converts it. @throws ArgumentError */
  arraySetNumber(array: Word, index: number, value: number): void {
    this.expectOk(this.values.kernel.arraySetNumber(array, index, value), 'arraySetNumber', [array, index])
  }

  /** Append one. May allocate. @throws OutOfMemoryError, ArgumentError */
  arrayPushNumber(array: Word, value: number): void {
    const bytes = this.storeBytes(array, 1)
    this.expectOk(this.values.kernel.arrayPushNumber(array, value), 'arrayPushNumber', [array], bytes)
  }

  /** Where an element lies: good until the next call that may allocate. @throws ArgumentError */
  arrayAt(array: Word, index: number): number {
    return this.values.kernel.arrayAt(array, index) >>> 0 || this.refuse('arrayAt', [array, index])
  }

  /** Make it so long: new elements are 0 or undefined. May allocate. @throws OutOfMemoryError, ArgumentError */
  arrayResize(array: Word, length: number): void {
    const bytes = length * this.elementBytes(array)
    this.expectOk(this.values.kernel.arrayResize(array, length), 'arrayResize', [array, length], bytes)
  }

  /** Open a gap of `count` elements, 0 or undefined. May allocate. @throws OutOfMemoryError, ArgumentError */
  arrayInsert(array: Word, index: number, count: number): void {
    const bytes = this.storeBytes(array, count)
    this.expectOk(this.values.kernel.arrayInsert(array, index, count), 'arrayInsert', [array, index, count], bytes)
  }

  /** Take `count` elements out. @throws ArgumentError */
  arrayRemove(array: Word, index: number, count: number): void {
    this.expectOk(this.values.kernel.arrayRemove(array, index, count), 'arrayRemove', [array, index, count])
  }

  /** Copy elements, within one array or to another of its kind. @throws ArgumentError, CountError */
  arrayCopy(to: Word, toIndex: number, from: Word, fromIndex: number, count: number): void {
    const status = this.values.kernel.arrayCopy(to, toIndex, from, fromIndex, count)
    this.expectOk(status, 'arrayCopy', [to, toIndex, from, fromIndex, count])
  }

  /** A new array of some of the elements. May allocate; owned. @throws OutOfMemoryError, ArgumentError, CountError */
  arraySlice(array: Word, from: number, to: number): Word {
    const bytes = (to - from) * this.elementBytes(array)
    return this.given(this.values.kernel.arraySlice(array, from, to), 'arraySlice', [array, from, to], bytes)
  }

  /** Set elements to one word, or to the number that it is. @throws ArgumentError, CountError */
  arrayFill(array: Word, from: number, to: number, word: Word): void {
    this.expectOk(this.values.kernel.arrayFill(array, from, to, word), 'arrayFill', [array, from, to, word])
  }

  /** Index of the first element that is the same value, -1 when none is. @throws ArgumentError */
  arrayIndexOf(array: Word, word: Word, from = 0): number {
    const found = this.values.kernel.arrayIndexOf(array, word, from) >>> 0
    if (found !== NOWHERE) return found
    return this.#isNone() ? -1 : this.refuse('arrayIndexOf', [array, word, from])
  }

  #isValues(i32: Int32Array, at: number, mask: number): boolean {
    // Of detached views nothing equals anything.
    return (
      ((i32[at - 2] as number) & mask) === (mask === TYPE_MASK ? this.values.types.array : this.values.writableArray) &&
      ((i32[at + KIND_WORD] as number) & 0xff) === KIND_VALUE
    )
  }

  // ---- dictionaries -------------------------------------------------------------------------------------------------

  /** A new dictionary. May allocate; owned. @throws OutOfMemoryError */
  dictionary(keys: DictionaryKeys = 'any', capacity = 0): Word {
    const make = () => this.values.kernel.dictionaryNew(KEY_KINDS[keys] ?? NOWHERE, capacity)
    return this.made('dictionary', make, [keys], Math.max(capacity * DICTIONARY_ENTRY_BYTES, CALL_BYTES))
  }

  isDictionary(word: Word): boolean {
    return this.isOf(word, this.values.types.dictionary)
  }

  dictionarySize(dictionary: Word): number {
    if (!this.isDictionary(dictionary)) return this.refuseType('dictionarySize', dictionary)
    return this.values.kernel.dictionaryCount(dictionary)
  }

  /** The value of a key, lent; `WORD.absent` when it has none. @throws ArgumentError for a key of another kind */
  dictionaryGet(dictionary: Word, key: Word): Word {
    return this.#orAbsent(this.values.kernel.dictionaryGet(dictionary, key), 'dictionaryGet', [dictionary, key])
  }

  /** The value of the key that is a string of this text, lent; `WORD.absent` when there is none. @throws ArgumentError */
  dictionaryGetText(dictionary: Word, text: string): Word {
    const { values } = this
    if (values.isShort(text)) {
      const bytes = values.stage(text)
      const word = values.kernel.dictionaryGetText(dictionary, values.base + VALUES_TEXT_AT, bytes)
      return this.#orAbsent(word, 'dictionaryGetText', [dictionary, text])
    }
    // Not in an object: a string of the heap would have to be allocated, which moves the dictionary.
    const find = (at: number, bytes: number) => {
      const word = values.kernel.dictionaryGetText(dictionary, at, bytes)
      return this.#orAbsent(word, 'dictionaryGetText', [dictionary, text])
    }
    return values.withBytes(text, find, false)
  }

  dictionaryHas(dictionary: Word, key: Word): boolean {
    return this.values.kernel.dictionaryHas(dictionary, key) !== 0
  }

  /** Set the value of a key. May allocate. @throws OutOfMemoryError, ArgumentError, CountError */
  dictionarySet(dictionary: Word, key: Word, value: Word): void {
    const status = this.values.kernel.dictionarySet(dictionary, key, value)
    if (status !== STATUS_OK) this.expectOk(status, 'dictionarySet', [dictionary, key, value])
    this.space.views.refresh()
  }

  /** Delete a key; whether it was there. @throws ArgumentError */
  dictionaryDelete(dictionary: Word, key: Word): boolean {
    const status = this.values.kernel.dictionaryDelete(dictionary, key)
    if (status === STATUS_OK || this.values.isNone(status)) return status === STATUS_OK
    throw refusal(this.space, 'dictionaryDelete', status, [dictionary, key], CALL_BYTES)
  }

  /** Delete a key; the value that it had, owned, `WORD.absent` when it had none. @throws ArgumentError */
  dictionaryTake(dictionary: Word, key: Word): Word {
    return this.#orAbsent(this.values.kernel.dictionaryTake(dictionary, key), 'dictionaryTake', [dictionary, key])
  }

  /** Delete all. @throws ArgumentError */
  dictionaryClear(dictionary: Word): void {
    this.expectOk(this.values.kernel.dictionaryClear(dictionary), 'dictionaryClear', [dictionary])
  }

  /**
   * The first position with an entry, from `position` on; -1 at the end. Positions change when entries are added or
   * deleted, unless the dictionary is locked.
   */
  dictionaryNext(dictionary: Word, position: number): number {
    return this.values.kernel.dictionaryNext(dictionary, position) | 0
  }

  /** The key at a position, lent; `WORD.absent` where it was deleted. @throws ArgumentError */
  dictionaryKeyAt(dictionary: Word, position: number): Word {
    return this.#orAbsent(this.values.kernel.dictionaryKeyAt(dictionary, position), 'dictionaryKeyAt', [dictionary])
  }

  /** The value at a position, lent; `WORD.absent` where it was deleted. @throws ArgumentError */
  dictionaryValueAt(dictionary: Word, position: number): Word {
    return this.#orAbsent(this.values.kernel.dictionaryValueAt(dictionary, position), 'dictionaryValueAt', [dictionary])
  }

  /** Replace the value at a position. @throws ArgumentError, CountError */
  dictionarySetAt(dictionary: Word, position: number, value: Word): void {
    const status = this.values.kernel.dictionarySetAt(dictionary, position, value)
    this.expectOk(status, 'dictionarySetAt', [dictionary, position, value])
  }

  /** Have entries keep their positions, until it is unlocked as many times. @throws ArgumentError */
  dictionaryLock(dictionary: Word): void {
    this.expectOk(this.values.kernel.dictionaryLock(dictionary), 'dictionaryLock', [dictionary])
  }

  dictionaryUnlock(dictionary: Word): void {
    this.expectOk(this.values.kernel.dictionaryUnlock(dictionary), 'dictionaryUnlock', [dictionary])
  }

  // ---- property objects ---------------------------------------------------------------------------------------------

  /** A new object without properties, with room for so many in itself. May allocate; owned. @throws OutOfMemoryError */
  object(slots = 0): Word {
    return this.made('object', () => this.values.kernel.propertiesNew(slots), [slots])
  }

  isObject(word: Word): boolean {
    return this.isOf(word, this.values.types.properties)
  }

  /**
   * The value of a property, lent; `WORD.absent` when there is none.
   *
   * @param cache address of CACHE_BYTES (48) zeroed bytes of the program's own, for this key at this place; 0 for none
   * @throws ArgumentError
   */
  propertyGet(object: Word, key: Word, cache = 0): Word {
    if (cache !== 0) {
      const slot = this.values.cachedSlot(object, cache)
      if (slot !== 0) {
        this.values.noteHit(cache)
        return this.space.views.i32[slot] as number
      }
    }
    return this.#orAbsent(this.values.kernel.propertyGet(object, key, cache), 'propertyGet', [object, key])
  }

  /** Set a property, which is added when it is not there. May allocate. @throws OutOfMemoryError, ArgumentError */
  propertySet(object: Word, key: Word, value: Word, cache = 0): void {
    if (cache !== 0 && isPlain(value) && !this.space.hasNeighbours) {
      const slot = this.values.cachedSlot(object, cache)
      const { i32 } = this.space.views
      // Neither a count nor a collector needs to hear of it.
      if (slot !== 0 && isPlain(i32[slot] as number)) {
        i32[slot] = value
        this.values.noteHit(cache)
        return
      }
    }
    const status = this.values.kernel.propertySet(object, key, value, cache)
    if (status !== STATUS_OK) this.expectOk(status, 'propertySet', [object, key, value])
    this.space.views.refresh()
  }

  propertyHas(object: Word, key: Word): boolean {
    return this.values.kernel.propertyHas(object, key) !== 0
  }

  /** Delete a property; whether it was there. May allocate. @throws OutOfMemoryError, ArgumentError */
  propertyDelete(object: Word, key: Word): boolean {
    const status = this.values.kernel.propertyDelete(object, key)
    if (status !== STATUS_OK && !this.values.isNone(status)) this.expectOk(status, 'propertyDelete', [object, key])
    this.space.views.refresh()
    return status === STATUS_OK
  }

  propertyCount(object: Word): number {
    return this.isObject(object) ? this.values.kernel.propertyCount(object) : this.refuseType('propertyCount', object)
  }

  /** Its keys in JavaScript's own-key order: a new array. May allocate; owned. @throws OutOfMemoryError */
  propertyKeys(object: Word): Word {
    return this.given(this.values.kernel.propertyKeys(object), 'propertyKeys', [object])
  }

  // ---- answers ------------------------------------------------------------------------------------------------------

  #isNone(): boolean {
    return this.values.isNone(this.values.word(VALUES_STATUS_AT))
  }

  /** A word that was found; 0 when there is none. */
  #orAbsent(word: number, call: string, given: Given): Word {
    return word !== 0 || this.#isNone() ? word | 0 : this.refuse(call, given)
  }
}

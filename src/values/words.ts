/**
 * Words for interpreters: the same values without a view for each object. A word is a number, as `kernel/value-layout.ts`
 * has it; a reference is the address of a payload, and is good until the next call that may allocate. Those are marked
 * below. What an interpreter keeps across such a call lies in the heap's shadow stack (`heap.shadowStack()`), in a root
 * slot or in an object, and is read from there again.
 *
 * In mode `manual`, where objects are counted and never move, arguments are lent, what a call makes or takes out is the
 * caller's to `release`, and what a call finds is lent. In the other modes `retain` and `release` do nothing.
 *
 * Nothing here makes room by running reclaimers once a call has references among its arguments: those would be no good
 * afterwards. Such a call collects, and throws OutOfMemoryError when that was not enough; then the program reads its
 * references again. Words have a sign here, as `i32` reads them, so that a JavaScript engine keeps them as integers.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { TYPE_MASK } from '../../kernel/object-layout.js'
import {
  ARRAY_KIND_AT,
  ARRAY_LENGTH_AT,
  COUNT_MAX,
  STATUS_COUNT,
  STATUS_TYPE,
  STRING_TEXT_AT,
  VALUES_STATUS_AT,
  WORD_CHARACTER_TAG,
  WORD_FALSE,
  WORD_NULL,
  WORD_SPECIAL_SHIFT,
  WORD_SPECIAL_TAG,
  WORD_TAG_MASK,
  WORD_TRUE,
  WORD_UNDEFINED,
} from '../../kernel/value-layout.js'
import { ArgumentError, CountError, hex } from '../errors.js'
import type { Root } from '../objects/roots.js'
import type { ObjectSpace } from '../objects/space.js'
import type { Struct } from '../objects/struct.js'
import type { ObjectView } from '../objects/view.js'
import { type Given, refusal } from './refusals.js'
import type { Value } from './value.js'
import type { ValueSpace } from './value-space.js'
import { isSmall, type Word } from './word.js'

/** Bytes that a call may need, for messages. */
export const CALL_BYTES = 64
const NOWHERE = 0xffffffff
/** What the words of null and undefined differ by. */
const WORD_NULL_BIT = WORD_NULL ^ WORD_UNDEFINED

/** The base of `Words`: words, objects and strings. */
export class WordCalls {
  /** @internal */
  protected readonly values: ValueSpace
  /** @internal */
  protected readonly space: ObjectSpace

  /** @internal */
  constructor(values: ValueSpace) {
    this.values = values
    this.space = values.space
  }

  // ---- the memory ---------------------------------------------------------------------------------------------------

  /** The whole memory as words. Another array after growth: read it again after a call that may allocate. */
  get i32(): Int32Array {
    return this.space.attachedViews().i32
  }

  get u8(): Uint8Array {
    return this.space.attachedViews().u8
  }

  get f64(): Float64Array {
    return this.space.attachedViews().f64
  }

  // ---- words --------------------------------------------------------------------------------------------------------

  isInteger(word: Word): boolean {
    return (word & 1) !== 0
  }

  /** Whether a number is an integer that a word holds: -2^30 to 2^30 - 1, and not -0. */
  fitsInteger(value: number): boolean {
    return isSmall(value)
  }

  /** The word of an integer from -2^30 to 2^30 - 1; not checked. */
  integer(value: number): Word {
    return (value << 1) | 1
  }

  integerOf(word: Word): number {
    return word >> 1
  }

  boolean(value: boolean): Word {
    return value ? WORD_TRUE : WORD_FALSE
  }

  /** What most languages call true: everything but `false`, `null`, `undefined` and what is absent. */
  isTrue(word: Word): boolean {
    return word !== WORD_FALSE && (word & ~WORD_NULL_BIT) !== WORD_UNDEFINED && word !== 0
  }

  isSpecial(word: Word): boolean {
    return (word & WORD_TAG_MASK) === WORD_SPECIAL_TAG
  }

  /** The word of a special of the program's own: `WORD.specialFirst` to `WORD.specialMax`; not checked. */
  special(number: number): Word {
    return (number << WORD_SPECIAL_SHIFT) | WORD_SPECIAL_TAG
  }

  isCharacter(word: Word): boolean {
    return (word & WORD_TAG_MASK) === WORD_CHARACTER_TAG
  }

  /** The word of a character, or of what else the program uses these for: 0 to 2^29 - 1; not checked. */
  character(number: number): Word {
    return (number << WORD_SPECIAL_SHIFT) | WORD_CHARACTER_TAG
  }

  /** The number of a special or of a character. */
  numberIn(word: Word): number {
    return word >>> WORD_SPECIAL_SHIFT
  }

  isReference(word: Word): boolean {
    return this.values.isReference(word)
  }

  // ---- numbers ------------------------------------------------------------------------------------------------------

  /** The word of a number: an integer where it fits, else a float. May allocate; owned. @throws OutOfMemoryError */
  number(value: number): Word {
    return isSmall(value) ? (value << 1) | 1 : this.values.newFloat(value) | 0
  }

  /** A float, whatever the value. May allocate; owned. @throws OutOfMemoryError */
  float(value: number): Word {
    return this.values.newFloat(value) | 0
  }

  isFloat(word: Word): boolean {
    return this.isOf(word, this.values.types.float)
  }

  isNumber(word: Word): boolean {
    return (word & 1) !== 0 || this.isFloat(word)
  }

  /** The value of an integer or a float; NaN for what is no number. */
  numberOf(word: Word): number {
    if ((word & 1) !== 0) return word >> 1
    return this.isFloat(word) ? this.values.floatAt(word) : Number.NaN
  }

  // ---- objects ------------------------------------------------------------------------------------------------------

  /** The number of a struct's type in this heap, for `make` and `isOf`. Registers it when it is new here. */
  typeId(struct: Struct): number {
    return this.space.types.typeOf(struct).id
  }

  /** The type of the object that a reference refers to. */
  typeOf(reference: Word): number {
    return this.load(reference, -8) & TYPE_MASK
  }

  /** Whether a word is a reference to an object of a type. */
  isOf(word: Word, typeId: number): boolean {
    return this.values.isReference(word) && this.typeOf(word) === typeId
  }

  /** Bytes of an object's payload. */
  payloadBytes(reference: Word): number {
    return this.load(reference, -4)
  }

  /**
   * A new object of zeros. May allocate; owned.
   *
   * @param payloadBytes fixed part and trailing array: `struct.fixedBytes + count * struct.elementBytes`
   * @throws OutOfMemoryError after a collection and all reclaimers; ArgumentError when type and bytes do not fit
   */
  make(typeId: number, payloadBytes: number): Word {
    if (this.space.types.fits(typeId, payloadBytes)) return this.space.allocateRaw(typeId, payloadBytes) | 0
    throw new ArgumentError('typeId, payloadBytes', `${typeId}, ${payloadBytes}`, 'a type and bytes that fit it')
  }

  /** The word at `offset` of an object; not checked. */
  load(reference: Word, offset: number): Word {
    const word = this.space.views.i32[(reference + offset) >>> 2]
    return word === undefined ? this.space.wordAt((reference + offset) >>> 0) | 0 : word
  }

  /**
   * Store a word at `offset` of an object, which takes its own count of it; not checked. Does not move anything.
   *
   * @throws CountError; ArgumentError in a tenant, where the object or the word is another heap's and not shared
   */
  store(reference: Word, offset: number, word: Word): void {
    const { values, space } = this
    if (values.isCounted && !values.isReference(word) && !values.isReference(this.load(reference, offset))) {
      space.views.i32[(reference + offset) >>> 2] = word
      return
    }
    // Reading it tells whether the views are attached.
    void this.load(reference, offset)
    space.storeWord(reference, offset, word)
  }

  /** Own what was lent: one count more. Nothing where objects are not counted. @throws CountError */
  retain(word: Word): Word {
    const { values, space } = this
    if (!values.isCounted || !values.isReference(word)) return word
    const status = space.kernel.incref(word)
    if (status === STATUS_COUNT) throw new CountError(word >>> 0, COUNT_MAX)
    if (status !== STATUS_OK) throw this.notCounted('word', word)
    return word
  }

  /** Let go of what is owned: one count less. Nothing where objects are not counted. @throws ArgumentError */
  release(word: Word): void {
    const { values, space } = this
    if (!values.isCounted || !values.isReference(word)) return
    if (space.kernel.decref(word) !== STATUS_OK) throw this.notCounted('word', word)
    space.views.refresh()
  }

  /** @internal */
  protected notCounted(argument: string, word: Word): ArgumentError {
    return new ArgumentError(argument, hex(word >>> 0), 'a reference to an object that was not released')
  }

  // ---- views --------------------------------------------------------------------------------------------------------

  /** What a word is in JavaScript; an object comes as a view in the innermost scope, which takes its own count. */
  view(word: Word): Value {
    const { values, space } = this
    if (values.isReference(word) && space.kernel.objectStatus(word) !== STATUS_OK) {
      throw new ArgumentError('word', hex(word >>> 0), `a reference to an object of ${space.core.label}`)
    }
    return values.readOwned(this.retain(word))
  }

  /** The reference of an object, lent. */
  of(object: ObjectView | Root): Word {
    return this.space.checkView('object', object).reference | 0
  }

  /** The word of any value. May allocate; owned. @throws ArgumentError, OutOfMemoryError, CountError */
  from(value: Value | Root): Word {
    const { values } = this
    const word = values.wordOf('value', value)
    // What was made of text or a number is owned already.
    return (typeof value === 'object' ? this.retain(word) : word) | 0
  }

  // ---- strings ------------------------------------------------------------------------------------------------------

  isString(word: Word): boolean {
    return this.isOf(word, this.values.types.string)
  }

  /** A new string. May allocate; owned. @throws OutOfMemoryError */
  string(text: string): Word {
    return this.values.newString(text) | 0
  }

  /** The text of a string. @throws ArgumentError */
  text(string: Word): string {
    return this.values.textAt(this.#checkString(string))
  }

  /** The one string of a text. May allocate; owned. @throws OutOfMemoryError */
  intern(text: string): Word {
    return this.values.intern(text) | 0
  }

  /** The one string of a string's text. May allocate; owned. @throws OutOfMemoryError, ArgumentError */
  internString(string: Word): Word {
    return this.given(this.values.kernel.intern(string), 'internString', [string])
  }

  isInterned(word: Word): boolean {
    return this.values.kernel.isInterned(word) !== 0
  }

  /** The UTF-8 of a string, where it lies: good until the next call that may allocate. Not to be written to. */
  utf8(string: Word): Uint8Array {
    const at = (this.#checkString(string) + STRING_TEXT_AT) >>> 0
    return this.u8.subarray(at, at + this.payloadBytes(string) - STRING_TEXT_AT)
  }

  /** Bytes of a string's UTF-8. */
  byteLength(string: Word): number {
    return this.payloadBytes(this.#checkString(string)) - STRING_TEXT_AT
  }

  /** Code points of a string. */
  codePointLength(string: Word): number {
    return this.values.kernel.stringCodePoints(this.#checkString(string))
  }

  /** The code point that begins at a byte. @throws ArgumentError */
  codePointAt(string: Word, byte: number): number {
    return this.#place('codePointAt', this.values.kernel.stringCodePointAt(string, byte), [string, byte])
  }

  /** Where the n-th code point begins, in bytes. @throws ArgumentError */
  byteOffset(string: Word, codePoint: number): number {
    return this.#place('byteOffset', this.values.kernel.stringOffset(string, codePoint), [string, codePoint])
  }

  /** Hash of a string, the same for equal ones; other from heap to heap. @throws ArgumentError */
  hash(string: Word): number {
    return this.values.kernel.stringHash(this.#checkString(string)) >>> 0
  }

  /** Both texts, one behind the other. May allocate; owned. @throws OutOfMemoryError, ArgumentError, CountError */
  concat(a: Word, b: Word): Word {
    return this.given(this.values.kernel.stringConcat(a, b), 'concat', [a, b], this.#textBytes(a) + this.#textBytes(b))
  }

  /** The text from one byte to before another. May allocate; owned. @throws OutOfMemoryError, ArgumentError */
  slice(string: Word, fromByte: number, toByte: number): Word {
    return this.given(this.values.kernel.stringSlice(string, fromByte, toByte), 'slice', [string, fromByte, toByte])
  }

  /** The first byte, from `fromByte` on, where `needle` stands; -1 when it does not. @throws ArgumentError */
  find(string: Word, needle: Word, fromByte = 0): number {
    const { kernel } = this.values
    const found = kernel.stringFind(string, needle, fromByte) >>> 0
    if (found !== NOWHERE) return found
    const status = this.values.word(VALUES_STATUS_AT)
    if (this.values.isNone(status)) return -1
    throw refusal(this.space, 'find', status, [string, needle, fromByte], CALL_BYTES)
  }

  /** -1, 0 or 1, by code points. @throws ArgumentError */
  compare(a: Word, b: Word): number {
    this.#checkString(a)
    return this.values.kernel.stringCompare(a, this.#checkString(b))
  }

  /** Whether both are strings of the same text. */
  equals(a: Word, b: Word): boolean {
    return a === b ? this.isString(a) : this.values.kernel.stringEquals(a, b) !== 0
  }

  /** Bytes of a string's text; 0 for what is none. */
  #textBytes(word: Word): number {
    return this.isString(word) ? this.payloadBytes(word) - STRING_TEXT_AT : 0
  }

  #checkString(word: Word): Word {
    if (this.isString(word)) return word
    throw new ArgumentError('string', hex(word >>> 0), 'a reference to a string')
  }

  #place(call: string, found: number, given: Given): number {
    if (found >>> 0 !== NOWHERE) return found >>> 0
    throw refusal(this.space, call, this.values.word(VALUES_STATUS_AT), given, CALL_BYTES)
  }

  // ---- answers of the module ----------------------------------------------------------------------------------------

  /** A word that a call gave, which allocates; 0 is a refusal. @internal */
  protected given(word: number, call: string, given: Given, bytes = CALL_BYTES): Word {
    if (word === 0) throw refusal(this.space, call, this.values.word(VALUES_STATUS_AT), given, bytes)
    this.space.views.refresh()
    return word | 0
  }

  /** The same for a call without references among its arguments: room is made for it if need be. @internal */
  protected made(call: string, attempt: () => number, given: Given, bytes = CALL_BYTES): Word {
    return this.values.request(bytes, attempt, (status) => refusal(this.space, call, status, given, bytes)) | 0
  }

  /** Refuse a word before anything was called: the status is that of another call. @internal */
  protected refuseType(call: string, word: Word): never {
    throw refusal(this.space, call, STATUS_TYPE, [word], CALL_BYTES)
  }

  /** Say why the last call was refused. @internal */
  protected refuse(call: string, given: Given): never {
    const status = this.values.word(VALUES_STATUS_AT)
    // What was refused here, before the call, is of another type.
    throw refusal(this.space, call, status === STATUS_OK ? STATUS_TYPE : status, given, CALL_BYTES)
  }

  /** A status that a call answered. @internal */
  protected expectOk(status: number, call: string, given: Given, bytes = CALL_BYTES): void {
    if (status !== STATUS_OK) throw refusal(this.space, call, status, given, bytes)
    this.space.views.refresh()
  }

  /** Bytes of a store for so many elements more than an array has, read before a call that may move it. @internal */
  protected storeBytes(array: Word, more: number): number {
    return ((this.load(array, ARRAY_LENGTH_AT) >>> 0) + more) * this.elementBytes(array)
  }

  /** Bytes of an array's element. @internal */
  protected elementBytes(array: Word): number {
    // Above the kind.
    return this.load(array, ARRAY_KIND_AT) >>> 16
  }
}

/**
 * `heap.values`: strings, arrays, dictionaries and property objects as a program makes them. What it makes is a view in
 * the innermost scope, like any object of the heap.
 */
import { DICTIONARY_ENTRY_BYTES, SHAPE_INLINE_MAX } from '../../kernel/value-layout.js'
import { checkOptions, checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import './view-classes.js'
import type { BytesArray } from './bytes-array.js'
import { Words } from './container-words.js'
import { CAPACITY_MAX, type Dictionary, type DictionaryOptions, KEY_KINDS } from './dictionary.js'
import {
  type BigintArrayKind,
  checkArrayKind,
  type HeapArray,
  type HeapArrayKind,
  isIterable,
  type NumberArrayKind,
} from './heap-array.js'
import type { HeapString } from './heap-string.js'
import { InlineCache } from './inline-cache.js'
import type { NumberArray } from './number-array.js'
import type { PropertyName } from './property-key.js'
import type { PropertyObject, PropertyObjectOptions } from './property-object.js'
import type { Value } from './value.js'
import type { ValueArray } from './value-array.js'
import { codePointsOf, type ValueSpace } from './value-space.js'
import type { WideArray } from './wide-array.js'
import { characterWord, type Special, specialOf, specialWord, WORD } from './word.js'

/** What an empty array may need, for messages. */
const ARRAY_BYTES = 64
/** Of a byte of UTF-8 that begins no character. */
const [CONTINUATION_MASK, CONTINUATION] = [0xc0, 0x80]

/** Properties that a new object has room for in itself. */
const SLOTS = 4

/** How `stringFromBytes` takes what is no UTF-8. */
export interface StringFromBytesOptions {
  /** Refuse it, instead of putting U+FFFD in its place. Default false. */
  readonly fatal?: boolean
}

/** The values of one heap. Made by `heap.values`. */
export class Values {
  readonly #values: ValueSpace
  #words: Words | undefined

  /** @internal */
  constructor(values: ValueSpace) {
    this.#values = values
  }

  /** The same values as words and raw references, for interpreters. */
  get words(): Words {
    this.#words ??= new Words(this.#values)
    return this.#words
  }

  // ---- specials -----------------------------------------------------------------------------------------------------

  /** A value of the program's own that is nothing but itself: numbers from 16 to 2^29 - 1. @throws ArgumentError */
  special(number: number): Special {
    return specialOf(specialWord(checkRange('number', number, WORD.specialFirst, WORD.specialMax)))
  }

  /** A character as a value, or what else a program uses it for: numbers from 0 to 2^29 - 1. @throws ArgumentError */
  character(number: number): Special {
    return specialOf(characterWord(checkRange('number', number, 0, WORD.specialMax)))
  }

  // ---- strings ------------------------------------------------------------------------------------------------------

  /** A new string. Lone surrogates become U+FFFD. @throws ScopeError, OutOfMemoryError, ArgumentError */
  string(text: string): HeapString {
    const values = this.#values
    void values.space.scopes.holder
    return values.viewOwned(values.newString(checkText(text))) as HeapString
  }

  /**
   * A new string of UTF-8.
   *
   * @throws ArgumentError, with `fatal` also for bytes that are no UTF-8; ScopeError, OutOfMemoryError
   */
  stringFromBytes(bytes: Uint8Array, options: StringFromBytesOptions = {}): HeapString {
    const values = this.#values
    void values.space.scopes.holder
    checkOptions('options', options, ['fatal'])
    const { fatal = false } = options
    if (typeof fatal !== 'boolean') throw new ArgumentError('fatal', fatal, 'true or false')
    if (!(bytes instanceof Uint8Array)) throw new ArgumentError('bytes', bytes, 'a Uint8Array')
    const valid = wellFormed(bytes, fatal)
    return values.viewOwned(values.newStringOf(valid, codePointsOf(valid))) as HeapString
  }

  /** The one string of a text: the same object each time, as long as it lives. @throws as `string` */
  intern(text: string): HeapString {
    const values = this.#values
    void values.space.scopes.holder
    return values.viewOwned(values.intern(checkText(text))) as HeapString
  }

  /** Interned strings that live, and for how many their table has room. */
  get interned(): { readonly count: number; readonly capacity: number } {
    const { kernel } = this.#values
    return { count: kernel.internedCount(), capacity: kernel.internCapacity() }
  }

  /** Drop what is dead from the table of interned strings, and make it as short as those that live allow. */
  trimInterned(): void {
    const own = this.#values
    own.requestStatus(
      ARRAY_BYTES,
      () => own.kernel.internTrim(),
      (status) => own.corruption(status),
    )
  }

  // ---- arrays -------------------------------------------------------------------------------------------------------

  /**
   * A new array.
   *
   * @param kind what its elements are: `'value'` any values, `'wide'` any values in 8 bytes each, where no number is an
   * object of its own, `'i8'` to `'f64'` numbers, `'i64'` and `'u64'` bigints, `{ bytes: n }` n bytes each
   * @param values what it has at the start
   * @throws ScopeError, OutOfMemoryError, ArgumentError
   */
  array(kind: 'value', values?: Iterable<Value>): ValueArray
  array(kind: 'wide', values?: Iterable<Value>): WideArray
  array<Kind extends NumberArrayKind>(kind: Kind, values?: Iterable<number>): NumberArray<Kind>
  array<Kind extends BigintArrayKind>(kind: Kind, values?: Iterable<bigint>): NumberArray<Kind>
  array(kind: { readonly bytes: number }, values?: Iterable<Uint8Array>): BytesArray
  array(kind: HeapArrayKind, values?: Iterable<never>): HeapArray {
    const own = this.#values
    void own.space.scopes.holder
    const [number, bytes] = checkArrayKind(kind)
    if (values !== undefined && !isIterable(values)) throw new ArgumentError('values', values, 'iterable, or left out')
    const made = own.request(
      ARRAY_BYTES,
      () => own.kernel.arrayNew(number, bytes, 0),
      (status) => own.corruption(status),
    )
    const array = own.viewOwned(made) as HeapArray<never>
    if (values !== undefined) array.append(values)
    return array
  }

  // ---- dictionaries -------------------------------------------------------------------------------------------------

  /** A new dictionary: a `Map` of the heap. @throws ScopeError, OutOfMemoryError, ArgumentError */
  dictionary(options: DictionaryOptions & { readonly keys: 'string' }): Dictionary<string | HeapString>
  dictionary(options: DictionaryOptions & { readonly keys: 'integer' }): Dictionary<number>
  dictionary(options?: DictionaryOptions): Dictionary
  dictionary(options: DictionaryOptions = {}): Dictionary<never> {
    const own = this.#values
    void own.space.scopes.holder
    checkOptions('options', options, ['keys', 'capacity'])
    const { keys = 'any', capacity = 0 } = options
    if (!Object.hasOwn(KEY_KINDS, keys)) throw new ArgumentError('keys', keys, "'any', 'string' or 'integer'")
    checkRange('capacity', capacity, 0, CAPACITY_MAX)
    const made = own.request(
      capacity * DICTIONARY_ENTRY_BYTES + ARRAY_BYTES,
      () => own.kernel.dictionaryNew(KEY_KINDS[keys], capacity),
      (status) => own.corruption(status),
    )
    return own.viewOwned(made) as Dictionary<never>
  }

  // ---- property objects ---------------------------------------------------------------------------------------------

  /** A new object without properties. @throws ScopeError, OutOfMemoryError, ArgumentError */
  object(options: PropertyObjectOptions = {}): PropertyObject {
    const own = this.#values
    void own.space.scopes.holder
    checkOptions('options', options, ['slots'])
    const slots = checkRange('slots', options.slots ?? SLOTS, 0, SHAPE_INLINE_MAX)
    const made = own.request(
      slots * 4 + ARRAY_BYTES,
      () => own.kernel.propertiesNew(slots),
      (status) => own.corruption(status),
    )
    return own.viewOwned(made) as PropertyObject
  }

  /**
   * An inline cache for one key, for `object.get` and `object.set` at one place of a program.
   *
   * @throws OutOfMemoryError, ArgumentError
   * @example
   * using x = heap.values.cache('x')
   * for (const point of points) sum += point.get(x)
   */
  cache(key: PropertyName): InlineCache {
    return new InlineCache(this.#values, key)
  }
}

function checkText(text: unknown): string {
  if (typeof text === 'string') return text
  throw new ArgumentError('text', text, 'text')
}

/** Where what is no UTF-8 begins in bytes that have some. */
function firstBadByte(bytes: Uint8Array): number {
  // It becomes U+FFFD, of three bytes, which may begin as it does.
  const valid = wellFormed(bytes, false)
  let at = 0
  while (at < bytes.length && valid[at] === bytes[at]) at++
  while (at > 0 && ((valid[at] as number) & CONTINUATION_MASK) === CONTINUATION) at--
  return at
}

/** The bytes, copied; what is no UTF-8 is replaced or refused. */
function wellFormed(bytes: Uint8Array, fatal: boolean): Uint8Array {
  let text: string
  try {
    text = new TextDecoder('utf-8', { ignoreBOM: true, fatal }).decode(bytes)
  } catch {
    const at = firstBadByte(bytes)
    throw new ArgumentError('bytes', `${bytes.length} bytes`, `UTF-8, which what begins at byte ${at} is not`)
  }
  return new TextEncoder().encode(text)
}

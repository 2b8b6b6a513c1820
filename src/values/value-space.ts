/**
 * The values of one heap, as the host has them: the module over its kernel, the ids of the types, and the way from a
 * JavaScript value to a word and back. Made when values are first used; after a reset of the heap, made again.
 *
 * Who owns what (counted objects, mode `manual`): a word that was made of text or of a number is the caller's, who lets
 * go of it when it has been stored; a word that was made of a view is lent. In the other modes nobody does.
 */

import { STATUS_OK, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import { OBJECT_IMMORTAL, SPACE_VALUES_AT, TYPE_MASK } from '../../kernel/object-layout.js'
import {
  CACHE_ADDS,
  CACHE_HITS_AT,
  CACHE_MORE,
  CACHE_OFFSET,
  CACHE_PAIRS,
  PROPERTIES_MORE_AT,
  SHAPE_NUMBER_AT,
  STATUS_NONE,
  STRING_CODE_POINTS_AT,
  STRING_TEXT_AT,
  VALUES_BYTES,
  VALUES_SEED_AT,
  VALUES_STATUS_AT,
  VALUES_TEXT_AT,
  VALUES_TEXT_BYTES,
  VALUES_TYPE_ARRAY_AT,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_DICTIONARY_AT,
  VALUES_TYPE_FLOAT_AT,
  VALUES_TYPE_NAMES_AT,
  VALUES_TYPE_PROPERTIES_AT,
  VALUES_TYPE_SHAPE_AT,
  VALUES_TYPE_STRING_AT,
  VALUES_TYPE_WIDE_AT,
  VALUES_TYPE_WORDS_AT,
} from '../../kernel/value-layout.js'
import { ArgumentError, ClosedError, CorruptionError } from '../errors.js'
import type { Holder } from '../objects/holder.js'
import { Root } from '../objects/roots.js'
import type { ObjectSpace } from '../objects/space.js'
import { ObjectView } from '../objects/view.js'
import { Values } from './access.js'
import { instantiateValues, type ValuesBuild } from './instance.js'
import type { Value } from './value.js'
import { refusingValues, type ValuesKernel } from './values-kernel.js'
import { FALSE, isSmall, NULL_WORD, plainSpecial, Special, smallWord, TRUE, UNDEFINED, type Word } from './word.js'

const OWN_MASK = TYPE_MASK | OBJECT_IMMORTAL
const PROPERTIES_MORE_WORD = PROPERTIES_MORE_AT >>> 2
/** Bytes that a value may need, for messages. */
export const VALUE_BYTES = 64

/** Words of the state that say which types values have. */
const TYPE_WORDS = [
  VALUES_TYPE_NAMES_AT,
  VALUES_TYPE_STRING_AT,
  VALUES_TYPE_FLOAT_AT,
  VALUES_TYPE_ARRAY_AT,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_WORDS_AT,
  VALUES_TYPE_WIDE_AT,
  VALUES_TYPE_DICTIONARY_AT,
  VALUES_TYPE_PROPERTIES_AT,
  VALUES_TYPE_SHAPE_AT,
]

/** Ids of the types that values have. */
export interface ValueTypes {
  readonly string: number
  readonly float: number
  readonly array: number
  /** Stores of arrays: of bytes, of words, of wide values. */
  readonly bytes: number
  readonly words: number
  readonly wide: number
  readonly dictionary: number
  readonly properties: number
  readonly shape: number
}

/** A word that is kept for the time of a call. */
interface Hold {
  readonly slot: number
  readonly epoch: number
  /** Of the scope that it lies in; undefined when none was open. */
  readonly holder: Holder | undefined
}

export class ValueSpace {
  readonly space: ObjectSpace
  readonly isCounted: boolean
  readonly isEmbedded: boolean
  /** The module's functions; refusing once the heap is closed. */
  kernel: ValuesKernel
  /** Address of the values' state, as in `kernel/value-layout.ts`. */
  base = 0
  types: ValueTypes = NO_TYPES
  /** What the header of an array looks like that may be written by its word; of none in a tenant, where one may be another's. */
  writableArray = 0
  readonly #seed: number | undefined
  readonly #holds: Hold[] = []
  #access: Values | undefined

  constructor(space: ObjectSpace, seed: number | undefined) {
    this.space = space
    this.#seed = seed
    const build = buildOf(space)
    this.isCounted = build === 'counted'
    this.isEmbedded = build === 'embedded'
    this.kernel = instantiateValues(space.core, build, space.core.isDebug)
    this.begin()
  }

  /** Make the state, or find the one that is there. Again after a reset. */
  begin(): void {
    const { space, kernel } = this
    kernel.attach(space.core.base)
    if (space.lender) this.#agreeWith(space.lender)
    const seed = this.#seed ?? Math.floor(Math.random() * 2 ** 32)
    space.requestStatus('create', () => kernel.create(seed))
    space.views.refresh()
    this.base = space.word(SPACE_VALUES_AT)
    this.types = {
      string: this.word(VALUES_TYPE_STRING_AT),
      float: this.word(VALUES_TYPE_FLOAT_AT),
      array: this.word(VALUES_TYPE_ARRAY_AT),
      bytes: this.word(VALUES_TYPE_BYTES_AT),
      words: this.word(VALUES_TYPE_WORDS_AT),
      wide: this.word(VALUES_TYPE_WIDE_AT),
      dictionary: this.word(VALUES_TYPE_DICTIONARY_AT),
      properties: this.word(VALUES_TYPE_PROPERTIES_AT),
      shape: this.word(VALUES_TYPE_SHAPE_AT),
    }
    this.writableArray = space.hasNeighbours ? -1 : this.types.array
  }

  /** A tenant's values have the types that the root heap's have: its state is made with those. */
  #agreeWith(lender: ObjectSpace): void {
    const { space } = this
    // What a guest has registered comes before the types of values there, too.
    space.types.agree()
    const { base } = lender.values
    space.types.agree()
    if (space.word(SPACE_VALUES_AT) !== 0) return
    const state = space.request(VALUES_BYTES, () => space.kernel.valuesCreate(VALUES_BYTES))
    space.views.refresh()
    for (const at of TYPE_WORDS) space.setWordAt(state + at, lender.wordAt(base + at))
  }

  close(): void {
    const { core } = this.space
    // What a tenant had is somebody else's now.
    if (core.tenancy) this.kernel.detach()
    this.kernel = refusingValues(() => new ClosedError(core.label))
  }

  /** A word of the values' state, by its offset from `kernel/value-layout.ts`. */
  word(at: number): number {
    return this.space.wordAt(this.base + at)
  }

  get seed(): number {
    return this.word(VALUES_SEED_AT)
  }

  // ---- words --------------------------------------------------------------------------------------------------------

  isReference(word: number): boolean {
    return this.isEmbedded ? word !== 0 && (word & 7) === 0 : (word & 15) === 8
  }

  /**
   * Check that something can be a value of this heap, stored in up to so many places.
   *
   * @throws ArgumentError, StaleHandleError, CountError
   */
  check(argument: string, value: unknown, times = 0): void {
    switch (typeof value) {
      case 'number':
      case 'boolean':
      case 'undefined':
      case 'string':
        return
      case 'object':
        if (value === null || value instanceof Special) return
        if (ObjectView.isView(value) || Root.isRoot(value)) {
          this.space.checkCount(this.space.checkView(argument, value).reference, times)
          return
        }
    }
    throw new ArgumentError(argument, value, 'a number, a boolean, text, null, undefined, a special, a view or a root')
  }

  /** The word of a value that needs no memory; undefined for text and for numbers that are no small integers. */
  plainWord(argument: string, value: unknown): Word | undefined {
    switch (typeof value) {
      case 'number':
        return isSmall(value) ? smallWord(value) : undefined
      case 'boolean':
        return value ? TRUE : FALSE
      case 'undefined':
        return UNDEFINED
      case 'string':
        return undefined
    }
    if (value === null) return NULL_WORD
    if (value instanceof Special) return value.word
    this.check(argument, value)
    return this.space.checkView(argument, value).reference
  }

  /** The word of a value, of text and numbers owned. May allocate: raw references from before are no good then. */
  wordOf(argument: string, value: unknown): Word {
    const plain = this.plainWord(argument, value)
    if (plain !== undefined) return plain
    return typeof value === 'string' ? this.newString(value) : this.newFloat(value as number)
  }

  /** Let go of the word of a value, which was stored or is not needed. */
  letGo(word: number, value: unknown): void {
    if (isPrimitive(value)) this.release(word)
  }

  /** Let go of a word that the caller owns. */
  release(word: number): void {
    if (this.isCounted && this.isReference(word)) this.space.kernel.decref(word)
  }

  /** Set the word at `offset` of an object, which may be written to, to any value. */
  store(view: ObjectView, offset: number, argument: string, value: unknown): void {
    const word = this.wordOf(argument, value)
    try {
      this.space.storeReference(view.reference, offset, word)
    } finally {
      // Also when the view's scope was closed while room was made.
      if (this.isCounted) this.letGo(word, value)
    }
  }

  /** What the word at `offset` of an object is in JavaScript. */
  load(word: number, owner: ObjectView, offset: number): Value {
    if ((word & 1) !== 0) return word >> 1
    if (!this.isReference(word)) return plainSpecial(word)
    if (this.space.typeAt(word) === this.types.float) return this.floatAt(word)
    return this.space.pushView(word, owner, offset)
  }

  /** What a word is that was just read, lent; `again` reads it again when room had to be made for its handle. */
  read(word: number, again: () => number): Value {
    if ((word & 1) !== 0) return word >> 1
    if (!this.isReference(word)) return plainSpecial(word)
    if (this.space.typeAt(word) === this.types.float) return this.floatAt(word)
    const { space } = this
    const { holder } = space.scopes
    const slot = space.pushHandle(word, again)
    holder.assertOpen()
    return space.viewAt(holder, slot, space.wordAt(slot << 2))
  }

  /** What an owned word is: the view owns it from here on. */
  readOwned(word: number): Value {
    if ((word & 1) !== 0) return word >> 1
    if (!this.isReference(word)) return plainSpecial(word)
    if (this.space.typeAt(word) === this.types.float) {
      const value = this.floatAt(word)
      if (this.isCounted) this.space.kernel.decref(word)
      return value
    }
    return this.viewOwned(word)
  }

  /** A view, in the innermost scope, of an object that the caller owns. */
  viewOwned(reference: number): ObjectView {
    const { space } = this
    const { innermost } = space.scopes
    // Its scope was closed while room was made.
    if (!innermost) this.release(reference)
    const { holder } = space.scopes
    const slot = space.pushOwned(reference)
    holder.assertOpen()
    return space.viewAt(holder, slot, space.wordAt(slot << 2))
  }

  /** The same as plain data: text as text, other objects by their address. */
  plain(word: number): unknown {
    if ((word & 1) !== 0) return word >> 1
    if (!this.isReference(word)) return plainSpecial(word)
    const type = this.space.typeAt(word)
    if (type === this.types.float) return this.floatAt(word)
    return type === this.types.string ? this.textAt(word) : { reference: word }
  }

  /**
   * Have `use` store values that have been checked: they need no more memory then. What has none is refused before
   * anything is stored.
   */
  staged(values: readonly Value[], use: (ready: Value[]) => void): void {
    if (!values.some((value) => needsMemory(value))) {
      use([...values])
      return
    }
    const scope = this.space.scopes.open()
    try {
      use(values.map((value) => (needsMemory(value) ? this.viewOwned(this.wordOf('value', value)) : value)))
    } finally {
      scope.close()
    }
  }

  // ---- floats and text ----------------------------------------------------------------------------------------------

  floatAt(reference: number): number {
    return this.space.views.f64[reference >>> 3] as number
  }

  /** A number that is no small integer, in an object of its own. */
  newFloat(value: number): Word {
    const reference = this.space.allocateRaw(this.types.float, 8)
    // There is one NaN, by its bits.
    this.space.views.f64[reference >>> 3] = Number.isNaN(value) ? Number.NaN : value
    return reference
  }

  /** Text as a new string: lone surrogates become U+FFFD, as with TextEncoder. */
  newString(text: string): Word {
    const { length } = text
    if (length <= SHORT_TEXT) {
      let bits = 0
      for (let i = 0; i < length; i++) bits |= text.charCodeAt(i)
      if (bits < 0x80) return this.#newShortString(text)
    }
    const bytes = encoder.encode(text)
    return this.newStringOf(bytes, codePointsOf(bytes))
  }

  #newShortString(text: string): Word {
    const { length } = text
    const reference = this.space.allocateRaw(this.types.string, STRING_TEXT_AT + length)
    const { u8, u32 } = this.space.views
    u32[(reference + STRING_CODE_POINTS_AT) >>> 2] = length
    const at = reference + STRING_TEXT_AT
    for (let i = 0; i < length; i++) u8[at + i] = text.charCodeAt(i)
    return reference
  }

  /** A new string of bytes that are UTF-8. */
  newStringOf(bytes: Uint8Array, codePoints: number): Word {
    const reference = this.space.allocateRaw(this.types.string, STRING_TEXT_AT + bytes.length)
    const { u8, u32 } = this.space.views
    u32[(reference + STRING_CODE_POINTS_AT) >>> 2] = codePoints
    u8.set(bytes, reference + STRING_TEXT_AT)
    return reference
  }

  /** The text of a string. */
  textAt(reference: number): string {
    const bytes = this.space.wordAt(reference - 4) - STRING_TEXT_AT
    return this.textOfBytes(reference + STRING_TEXT_AT, bytes)
  }

  textOfBytes(at: number, bytes: number): string {
    const { u8 } = this.space.views
    if (bytes > SHORT_TEXT) return decoder.decode(u8.subarray(at, at + bytes))
    let text = ''
    for (let i = at; i < at + bytes; i++) {
      const byte = u8[i] as number
      if (byte >= 0x80) return decoder.decode(u8.subarray(at, at + bytes))
      text += String.fromCharCode(byte)
    }
    return text
  }

  /** The values as the program has them. */
  get access(): Values {
    this.#access ??= new Values(this)
    return this.#access
  }

  // ---- inline caches ------------------------------------------------------------------------------------------------

  /** Place (word index) of the property whose shape the cache at an address knows; 0 when it does not. */
  cachedSlot(object: Word, cache: number): number {
    const { u32 } = this.space.views
    const at = object >>> 2
    // Shapes of images are not those of this heap, and what is no property object has none.
    if (((u32[at - 2] as number) & OWN_MASK) !== this.types.properties) return 0
    const shape = u32[at] as number
    const number = u32[(shape + SHAPE_NUMBER_AT) >>> 2] as number
    const from = cache >>> 2
    for (let pair = from; pair < from + 2 * CACHE_PAIRS; pair += 2) {
      if (u32[pair] !== number) continue
      const place = u32[pair + 1] as number
      if ((place & CACHE_ADDS) !== 0) return 0
      const holder = (place & CACHE_MORE) === 0 ? at : (u32[at + PROPERTIES_MORE_WORD] as number) >>> 2
      const slot = holder + ((place & CACHE_OFFSET) >>> 2)
      return u32[slot] === 0 ? 0 : slot
    }
    return 0
  }

  /** Count that a place was taken from a cache: who goes on to the module leaves that to it. */
  noteHit(cache: number): void {
    const { u32 } = this.space.views
    const at = (cache + CACHE_HITS_AT) >>> 2
    u32[at] = (u32[at] as number) + 1
  }

  // ---- interned strings ---------------------------------------------------------------------------------------------

  /** The one string of a text, owned. */
  intern(text: string): Word {
    const short = () => this.kernel.internText(this.base + VALUES_TEXT_AT, this.stage(text))
    if (this.isShort(text)) return this.request(VALUE_BYTES, short, notInterned)
    const string = this.newString(text)
    const slot = this.hold(string)
    try {
      return this.request(VALUE_BYTES, () => this.kernel.intern(this.held(slot)), notInterned)
    } finally {
      this.drop(slot)
    }
  }

  /**
   * The one string of a text if there is one, owned; else 0. Allocates nothing but, for a long text, a block for the
   * time of the call.
   */
  interned(text: string): Word {
    if (this.isShort(text)) return this.kernel.internedText(this.base + VALUES_TEXT_AT, this.stage(text)) >>> 0
    return this.withBytes(text, (at, bytes) => this.kernel.internedText(at, bytes) >>> 0)
  }

  /**
   * Call `use` with where the UTF-8 of a text lies: in a block of its own, which does not move.
   *
   * @param makesRoom whether to run reclaimers, and collect, when there is none: objects move then
   */
  withBytes(text: string, use: (at: number, bytes: number) => Word, makesRoom = true): Word {
    const { core } = this.space
    const bytes = encoder.encode(text)
    // Nobody is told of it, nor of growth before the answer is there: a listener may have objects moved.
    const attempt = () => core.plainKernel.alloc(bytes.length)
    const block = attempt() >>> 0 || (makesRoom ? core.rescueOrThrow(bytes.length, attempt) : 0)
    if (block === 0) throw core.outOfMemory(bytes.length)
    try {
      this.space.attachedViews().u8.set(bytes, block)
      return use(block, bytes.length)
    } finally {
      if (!core.isClosed) core.plainKernel.free(block)
    }
  }

  /** Whether a text fits where the module reads short ones. */
  isShort(text: string): boolean {
    return text.length * UTF8_MAX_BYTES <= VALUES_TEXT_BYTES
  }

  /** Put a short text where the module reads it; its bytes. */
  stage(text: string): number {
    const { u8 } = this.space.attachedViews()
    const at = this.base + VALUES_TEXT_AT
    const { length } = text
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) return encoder.encodeInto(text, u8.subarray(at, at + VALUES_TEXT_BYTES)).written ?? 0
      u8[at + i] = code
    }
    return length
  }

  // ---- words across calls that allocate -----------------------------------------------------------------------------

  /**
   * Keep an owned word where a collection finds it, until `drop`.
   *
   * @returns the slot, by its word index
   */
  hold(word: Word): number {
    const { epoch, scopes } = this.space
    const { innermost } = scopes
    const slot = this.space.pushOwned(word)
    this.#holds.push({ slot, epoch, holder: innermost })
    return slot
  }

  /** @throws StaleHandleError when the scope that it lies in was closed since, or the heap was reset */
  held(slot: number): Word {
    let at = this.#holds.length - 1
    while (at > 0 && this.#holds[at]?.slot !== slot) at--
    const { epoch, holder } = this.#holds[at] as Hold
    this.space.assertSameEpoch(epoch)
    holder?.assertOpen()
    return this.space.wordAt(slot << 2)
  }

  /**
   * Call `use` with what gives the word of a value each time it is asked, for objects move: text and numbers that need
   * memory have it made first.
   */
  withWord<Result>(argument: string, value: unknown, use: (word: () => Word) => Result): Result {
    if (!needsMemory(value)) return use(() => this.plainWord(argument, value) as Word)
    const slot = this.hold(this.wordOf(argument, value))
    try {
      return use(() => this.held(slot))
    } finally {
      this.drop(slot)
    }
  }

  /** Let go of it, unless a scope that was opened meanwhile lies above: then it goes with the scope around. */
  drop(slot: number): void {
    const { space } = this
    const { epoch, holder } = this.#holds.pop() as Hold
    // What lies there now is somebody else's.
    if (space.isClosed || space.epoch !== epoch || (holder && !holder.isOpen)) return
    if (space.wordAt(space.topIndex << 2) !== (slot + 1) << 2) return
    if (this.isCounted) {
      space.kernel.handlePop(slot << 2)
      space.views.refresh()
      return
    }
    space.setWordAt(slot << 2, 0)
    space.setWordAt(space.topIndex << 2, slot << 2)
  }

  // ---- calls of the module ------------------------------------------------------------------------------------------

  /**
   * What `attempt` gives, a word or an address, after room was made if need be. It reads its references anew each time.
   *
   * @param refused the error for a status that is not for want of memory
   */
  request(bytes: number, attempt: () => number, refused: (status: number) => Error): number {
    const { space } = this
    if (space.collections.hasNews) space.settle()
    let result = attempt() >>> 0
    if (result === 0) result = this.#again(bytes, attempt, refused)
    space.views.refresh()
    return result
  }

  #again(bytes: number, attempt: () => number, refused: (status: number) => Error): number {
    const check = () => {
      const status = this.word(VALUES_STATUS_AT)
      if (status !== STATUS_OUT_OF_MEMORY) throw status === STATUS_OK ? this.corruption(status) : refused(status)
    }
    check()
    const { space } = this
    // Whoever makes room runs code of the program: the result lies in a handle until that is over.
    return space.rescueRaw(bytes, () => {
      const result = attempt() >>> 0
      if (result === 0) check()
      return result
    })
  }

  /** The same for a call that answers a status. */
  requestStatus(bytes: number, attempt: () => number, refused: (status: number) => Error): void {
    const { space } = this
    if (space.collections.hasNews) space.settle()
    const status = attempt()
    if (status !== STATUS_OK) {
      if (status !== STATUS_OUT_OF_MEMORY) throw refused(status)
      space.rescueStatus(bytes, () => {
        const again = attempt()
        if (again !== STATUS_OK && again !== STATUS_OUT_OF_MEMORY) throw refused(again)
        return again
      })
    }
    space.views.refresh()
  }

  isNone(status: number): boolean {
    return status === STATUS_NONE
  }

  corruption(status: number): CorruptionError {
    return new CorruptionError(this.base, `a call on values answered status ${status}`)
  }
}

const NO_TYPES: ValueTypes = {
  string: 0,
  float: 0,
  array: 0,
  bytes: 0,
  words: 0,
  wide: 0,
  dictionary: 0,
  properties: 0,
  shape: 0,
}

/** Texts up to this long are copied here, letter by letter, while they are ASCII. */
const SHORT_TEXT = 48
/** Of one UTF-16 unit. */
const UTF8_MAX_BYTES = 3
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A text as the heap has it: lone surrogates become U+FFFD. */
export function wellFormed(text: string): string {
  return decoder.decode(encoder.encode(text))
}

/** Code points of UTF-8: bytes that are no continuation. */
export function codePointsOf(bytes: Uint8Array): number {
  let count = 0
  for (let i = 0; i < bytes.length; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) count++
  return count
}

function notInterned(status: number): Error {
  return new ArgumentError('text', status, 'one that can be interned')
}

/** Whether the word of a value is an object of its own, made for it. */
export function needsMemory(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'number' && !isSmall(value))
}

function isPrimitive(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number'
}

function buildOf({ core }: ObjectSpace): ValuesBuild {
  if (core.mode === 'embedded') return 'embedded'
  return core.mode === 'manual' ? 'counted' : 'objects'
}

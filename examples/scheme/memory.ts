/**
 * Where everything of a Scheme program lies: one Heapwright heap, and the few calls through which the rest of the
 * language reaches it. Nothing else here knows how the heap is made, what a word looks like, or how a store is told to
 * the collector.
 *
 *   word       integer of 31 bits, reference, special (#t, (), a primitive, ...) or character: see `docs/values.md`.
 *              Here they are signed numbers, as `i32` reads them.
 *   object     a payload of words, or of bytes, behind a header that says its type and length
 *   stack      the heap's shadow stack: slots from `base` to `sp` are roots, and are updated when objects move.
 *              `base` and `sp` are indices of `i32`, not addresses.
 *
 * The one rule: `make` may collect, and a collection moves objects. So a reference in a variable of TypeScript is good
 * until the next call that makes something; what must be kept longer lies in the stack.
 */
import {
  array,
  Heap,
  OutOfMemoryError,
  parseSize,
  ref,
  type Struct,
  struct,
  u8,
  u32,
  type Words,
} from '../../src/index.js'

// ---- words ----------------------------------------------------------------------------------------------------------

const SPECIAL_SHIFT = 3
const special = (number: number) => (number << SPECIAL_SHIFT) | 2

export const UNSPECIFIED = special(0)
export const NIL = special(1)
export const TRUE = special(2)
export const FALSE = special(3)
/** Specials from 16 on belong to the program. */
export const EOF = special(16)
/** What a global holds that nothing has defined. */
export const UNBOUND = special(17)
/** What a variable of `letrec` holds before its value is there. */
export const UNASSIGNED = special(18)
/** Words of the language itself, each a range of specials: keywords, primitives, procedures of the library. */
const SYNTAX_FIRST = 64
const PRIMITIVE_FIRST = 256
const LIBRARY_FIRST = 1024

export const INTEGER_MIN = -0x40000000
export const INTEGER_MAX = 0x3fffffff

export const isInteger = (word: number): boolean => (word & 1) !== 0
export const integer = (value: number): number => (value << 1) | 1
export const integerOf = (word: number): number => word >> 1
export const isReference = (word: number): boolean => (word & 7) === 0 && word !== 0
export const isCharacter = (word: number): boolean => (word & 7) === 6
export const character = (codePoint: number): number => (codePoint << 3) | 6
export const characterOf = (word: number): number => word >>> 3
export const boolean = (value: boolean): number => (value ? TRUE : FALSE)

const isSpecialIn = (word: number, first: number, end: number): boolean =>
  (word & 7) === 2 && word >>> SPECIAL_SHIFT >= first && word >>> SPECIAL_SHIFT < end

export const syntaxWord = (index: number): number => special(SYNTAX_FIRST + index)
export const primitiveWord = (index: number): number => special(PRIMITIVE_FIRST + index)
export const libraryWord = (index: number): number => special(LIBRARY_FIRST + index)
export const isSyntax = (word: number): boolean => isSpecialIn(word, SYNTAX_FIRST, PRIMITIVE_FIRST)
export const isPrimitive = (word: number): boolean => isSpecialIn(word, PRIMITIVE_FIRST, LIBRARY_FIRST)
export const isLibrary = (word: number): boolean => isSpecialIn(word, LIBRARY_FIRST, 1 << 29)
export const syntaxOf = (word: number): number => (word >>> SPECIAL_SHIFT) - SYNTAX_FIRST
export const primitiveOf = (word: number): number => (word >>> SPECIAL_SHIFT) - PRIMITIVE_FIRST
export const libraryOf = (word: number): number => (word >>> SPECIAL_SHIFT) - LIBRARY_FIRST

// ---- objects --------------------------------------------------------------------------------------------------------

/** What each kind of object is made of. Names are short: the heap keeps them, and they count in a small buffer. */
const words = () => ({ w: array(ref()) })
const STRUCTS = {
  pair: struct('pair', { a: ref(), d: ref() }),
  /** Value, next of its bucket, hash, name in UTF-8. */
  symbol: struct('symbol', { v: ref(), n: ref(), h: u32, t: array(u8) }),
  /** Contents of a port. */
  bytes: struct('bytes', { b: array(u8) }),
  /** Refers to a string of the library, which does not change: another takes its place when this one does. */
  string: struct('string', { t: ref() }),
  vector: struct('vector', words()),
  bytevector: struct('bytevector', { b: array(u8) }),
  /** Code, then the values of its free variables. */
  closure: struct('closure', words()),
  code: struct('code', words()),
  /** A variable that is both captured and assigned. */
  box: struct('box', { v: ref() }),
  /** Type, then fields. */
  record: struct('record', words()),
  /** Name, vector of the fields' names. */
  recordType: struct('recordType', { n: ref(), f: ref() }),
  /** Maker, predicate, accessor or modifier of a record: type, kind and index, name, vector of a maker's fields. */
  field: struct('field', { t: ref(), k: ref(), n: ref(), f: ref() }),
  /** Message, irritants, place. */
  error: struct('error', { m: ref(), i: ref(), p: ref() }),
  /** Dictionary of the library, whether keys are compared by `equal?`. */
  table: struct('table', { d: ref(), e: ref() }),
  /** Several values: what `values` gives. */
  values: struct('values', words()),
  /** Handlers, winders, frame, then a copy of the stack. */
  continuation: struct('continuation', words()),
  /** Bytes, place of reading or end of what was written, whether it is for input. */
  port: struct('port', { b: ref(), p: ref(), i: ref() }),
  /** A pair that promises of one chain share: whether it is done, and the value or what gives it. */
  promise: struct('promise', { b: ref() }),
  /** Converter is applied by `make-parameter`; the value changes in `parameterize`. */
  parameter: struct('parameter', { v: ref(), c: ref() }),
} satisfies Record<string, Struct>

export type TypeName = keyof typeof STRUCTS | 'float'
export const SYMBOL_VALUE = 0
export const SYMBOL_NEXT = 4
export const SYMBOL_HASH = 8
export const SYMBOL_NAME = 12

const TYPE_MASK = 0xfffff
const HEADER_BYTES = 8

// ---- options --------------------------------------------------------------------------------------------------------

export const SCHEME_MODES = ['embedded', 'runtime', 'server', 'vm'] as const
export type SchemeMode = (typeof SCHEME_MODES)[number]

export interface MemoryOptions {
  /** Which collector. Default `runtime`. */
  readonly mode?: SchemeMode
  /** Most bytes of the heap. Default 32 kB in `embedded`, else 64 MiB. */
  readonly limit?: number | string
  /** Slots of the stack, four bytes each. Default an eighth of the limit in `embedded`, else a quarter, at most 4 MiB. */
  readonly stackSlots?: number
  /** Collect and move at every allocation: for tests. */
  readonly stress?: boolean
}

const EMBEDDED_LIMIT = '32kB'
const USUAL_LIMIT = '64MiB'
/** Slots above the limit of checked pushes: for what a primitive or the making of an error needs. */
const SPARE_SLOTS = 48
/** Slots below those that only the handling of an error may use. */
const HANDLER_SLOTS = 80
const SLOTS_LEAST = 256

/** Slots at the bottom of the stack that are the machine's registers. */
export const REG_SYMBOLS = 0
export const REG_HANDLERS = 1
export const REG_WINDERS = 2
/** What was raised and is on its way to a handler. */
export const REG_RAISED = 3
/** The error that stands for "out of memory", made when there was some. */
export const REG_EXHAUSTED = 4
/** The parameter `current-output-port`, once a program has named it. */
export const REG_OUTPUT = 5
/** The procedure `raise`. */
export const REG_RAISE = 6
/** The procedure that continues a continuation from elsewhere. */
export const REG_CONTINUE = 7
/** Symbol of what is being built, and whatever else is needed for a moment. */
export const REGISTERS = 8

/** Thrown through TypeScript while a raised object waits in REG_RAISED; always the same one, since a trace is dear. */
export const RAISED = new Error('a Scheme object was raised')

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Memory {
  readonly heap: Heap
  /** Strings, floats and dictionaries of the library, by words. */
  readonly words: Words
  readonly mode: SchemeMode
  /** Type numbers of this heap. */
  readonly types: Readonly<Record<TypeName, number>>
  i32: Int32Array
  u8: Uint8Array
  f64: Float64Array
  /** First slot of the stack, and the one behind the last that a checked push may take. */
  readonly base: number
  limit: number
  /** What it is while no error is being handled, and while one is. */
  readonly usualLimit: number
  readonly hardLimit: number
  /** Next free slot. */
  sp: number
  readonly #raw: Heap['raw']
  readonly #topWord: number
  readonly #hasBarrier: boolean

  constructor(options: MemoryOptions = {}) {
    const mode = options.mode ?? 'runtime'
    this.mode = mode
    this.heap = makeHeap(mode, options)
    this.#raw = this.heap.raw
    this.#hasBarrier = mode === 'runtime' || mode === 'server'
    this.i32 = this.#raw.i32
    this.u8 = this.#raw.u8
    this.f64 = this.#raw.f64
    this.words = this.heap.values.words
    this.types = { ...typesOf(this.heap), float: this.words.typeOf(this.words.float(0)) }
    const stack = this.heap.shadowStack()
    this.#topWord = stack.topWord >>> 2
    this.refresh()
    this.base = (this.i32[stack.baseWord >>> 2] as number) >>> 2
    this.hardLimit = this.base + stack.slots - SPARE_SLOTS
    this.usualLimit = this.hardLimit - HANDLER_SLOTS
    this.limit = this.usualLimit
    this.sp = this.base + REGISTERS
    for (let slot = this.base; slot < this.sp; slot++) this.i32[slot] = NIL
    this.publish()
  }

  /** The views again: growth of the memory detaches them. */
  refresh(): void {
    this.i32 = this.#raw.i32
    this.u8 = this.#raw.u8
    this.f64 = this.#raw.f64
  }

  /** Tell the heap how far the stack goes. Whoever makes the heap collect by itself does so before. */
  publish(): void {
    this.i32[this.#topWord] = this.sp << 2
  }

  get stackSlots(): number {
    return this.usualLimit - this.base
  }

  // ---- making -------------------------------------------------------------------------------------------------------

  /** A zeroed object. May collect. @throws RAISED with the error "out of memory" */
  make(type: number, payloadBytes: number): number {
    this.i32[this.#topWord] = this.sp << 2
    let made = this.#raw.objectNew(type, payloadBytes)
    if (made === 0) made = this.#makeAgain(type, payloadBytes)
    if (this.i32.length === 0) this.refresh()
    return made
  }

  /** In mode `server` a request does not wait for a whole collection; a program that may stand for it asks for one. */
  #makeAgain(type: number, payloadBytes: number): number {
    this.heap.collect()
    const made = this.#raw.objectNew(type, payloadBytes)
    if (made !== 0) return made
    this.refresh()
    this.i32[this.base + REG_RAISED] = this.i32[this.base + REG_EXHAUSTED] as number
    throw RAISED
  }

  /** A pair of the two words on top of the stack, which stay there. */
  pairOfTop(): number {
    const made = this.make(this.types.pair, 8)
    this.i32[made >>> 2] = this.i32[this.sp - 2] as number
    this.i32[(made >>> 2) + 1] = this.i32[this.sp - 1] as number
    return made
  }

  /** A pair; the words may be references. */
  pair(first: number, rest: number): number {
    this.push(first)
    this.push(rest)
    const made = this.pairOfTop()
    this.sp -= 2
    return made
  }

  /** An object of `count` words, all of them `word`. */
  makeWords(type: number, count: number, word: number): number {
    this.push(word)
    const made = this.make(type, count * 4)
    const filler = this.pop()
    const at = made >>> 2
    if (count * 4 + HEADER_BYTES <= 8192) this.i32.fill(filler, at, at + count)
    else for (let i = 0; i < count; i++) this.store(made, i * 4, filler)
    return made
  }

  /** An object of the `count` words on top of the stack, which are popped. */
  makeOfTop(type: number, count: number): number {
    const made = this.make(type, count * 4)
    const from = this.sp - count
    if (count * 4 + HEADER_BYTES <= 8192) this.i32.copyWithin(made >>> 2, from, this.sp)
    else for (let i = 0; i < count; i++) this.store(made, i * 4, this.i32[from + i] as number)
    this.sp = from
    return made
  }

  /** The word of a number: an integer where it is whole, fits, and is meant to be exact. */
  exact(value: number): number {
    if (value >= INTEGER_MIN && value <= INTEGER_MAX && Number.isInteger(value)) return (value << 1) | 1
    return this.float(value)
  }

  float(value: number): number {
    this.publish()
    return this.#made(this.words.float(value))
  }

  bytes(contents: Uint8Array): number {
    const made = this.make(this.types.bytes, contents.length)
    this.u8.set(contents, made >>> 0)
    return made
  }

  /** A string of the library, which programs see only inside one of their own. */
  libraryString(text: string): number {
    this.publish()
    return this.#made(this.words.string(text))
  }

  string(text: string): number {
    this.push(this.libraryString(text))
    return this.makeOfTop(this.types.string, 1)
  }

  /** Replace the text of the string in a slot of the stack. */
  setText(slot: number, text: string): void {
    const made = this.libraryString(text)
    this.store(this.i32[slot] as number, 0, made)
  }

  /** Characters of a string. */
  charactersOf(string: number): number {
    return this.words.codePointLength(this.load(string, 0))
  }

  /** The character at an index that is there. */
  characterAt(string: number, index: number): number {
    const text = this.load(string, 0)
    return this.words.codePointAt(text, this.words.byteOffset(text, index))
  }

  /** The characters of a string from one index to before another, both of which are there. */
  partOf(string: number, start: number, end: number): string {
    const text = this.load(string, 0)
    const from = this.words.byteOffset(text, start)
    return decoder.decode(this.words.utf8(text).subarray(from, this.words.byteOffset(text, end)))
  }

  /** The text of a string in UTF-8, where it lies. */
  utf8Of(string: number): Uint8Array {
    return this.words.utf8(this.load(string, 0))
  }

  dictionary(): number {
    this.publish()
    return this.#made(this.words.dictionary('any'))
  }

  setEntry(dictionary: number, key: number, value: number): void {
    this.publish()
    this.words.dictionarySet(dictionary, key, value)
    if (this.i32.length === 0) this.refresh()
  }

  #made(word: number): number {
    if (this.i32.length === 0) this.refresh()
    return word
  }

  bytevector(contents: Uint8Array): number {
    const made = this.make(this.types.bytevector, contents.length)
    this.u8.set(contents, made >>> 0)
    return made
  }

  /** Words as a list, in their order. They are pushed for it: what is no root must not have moved meanwhile. */
  list(...words: readonly number[]): number {
    for (const word of words) this.pushChecked(word)
    return this.listOfTop(words.length)
  }

  /** A list of the `count` words on top of the stack, which are popped. */
  listOfTop(count: number): number {
    this.push(NIL)
    for (let i = 0; i < count; i++) {
      const list = this.pairOfTop()
      this.sp -= 2
      this.push(list)
    }
    return this.pop()
  }

  // ---- reading and writing ------------------------------------------------------------------------------------------

  /** A word of an object. */
  load(object: number, offset: number): number {
    return this.i32[(object + offset) >>> 2] as number
  }

  /** Store any word in an object. */
  store(object: number, offset: number, word: number): void {
    if (this.#hasBarrier) {
      this.#raw.storeReference(object, object + offset, word)
      if (this.i32.length === 0) this.refresh()
    } else {
      this.i32[(object + offset) >>> 2] = word
    }
  }

  is(word: number, type: number): boolean {
    return (word & 7) === 0 && word !== 0 && ((this.i32[(word - 8) >>> 2] as number) & TYPE_MASK) === type
  }

  typeOf(object: number): number {
    return (this.i32[(object - 8) >>> 2] as number) & TYPE_MASK
  }

  /** Bytes of an object's payload. */
  length(object: number): number {
    return this.i32[(object - 4) >>> 2] as number
  }

  isPair(word: number): boolean {
    return this.is(word, this.types.pair)
  }

  car(pair: number): number {
    return this.i32[pair >>> 2] as number
  }

  cdr(pair: number): number {
    return this.i32[(pair >>> 2) + 1] as number
  }

  floatOf(object: number): number {
    return this.f64[object >>> 3] as number
  }

  isNumber(word: number): boolean {
    return (word & 1) !== 0 || this.is(word, this.types.float)
  }

  /** NaN for what is no number, too: ask `isNumber` first. */
  numberOf(word: number): number {
    return (word & 1) !== 0 ? word >> 1 : this.floatOf(word)
  }

  bytesOf(bytes: number): Uint8Array {
    const at = bytes >>> 0
    return this.u8.subarray(at, at + this.length(bytes))
  }

  /** The text of a string. */
  textOf(string: number): string {
    return this.words.text(this.load(string, 0))
  }

  nameOf(symbol: number): string {
    const at = (symbol >>> 0) + SYMBOL_NAME
    return decoder.decode(this.u8.subarray(at, (symbol >>> 0) + this.length(symbol)))
  }

  /** Collect now. Allocates nothing. */
  collect(): void {
    this.publish()
    this.heap.collect()
    this.refresh()
  }

  // ---- errors -------------------------------------------------------------------------------------------------------

  /** Raise an error of the program. Its place is known to the machine. */
  fault(message: string, ...irritants: readonly number[]): never {
    for (const irritant of irritants) this.push(irritant)
    this.push(this.listOfTop(irritants.length))
    this.push(this.string(message))
    const made = this.make(this.types.error, 12)
    this.i32[made >>> 2] = this.pop()
    this.i32[(made >>> 2) + 1] = this.pop()
    this.i32[(made >>> 2) + 2] = NIL
    return this.raise(made)
  }

  raise(object: number): never {
    this.setRegister(REG_RAISED, object)
    throw RAISED
  }

  // ---- the stack ----------------------------------------------------------------------------------------------------

  /** For data of any size. @throws RAISED */
  pushChecked(word: number): void {
    if (this.sp >= this.limit) this.fault('stack overflow')
    this.i32[this.sp++] = word
  }

  /** A push without a check: the spare slots are for those. */
  push(word: number): void {
    this.i32[this.sp++] = word
  }

  pop(): number {
    return this.i32[--this.sp] as number
  }

  /**
   * A slot of the stack gets a word that may have to be made first. (In `memory.i32[slot] = make()` the array would be
   * taken before the call, which may replace it.)
   */
  setSlot(slot: number, word: number): void {
    this.i32[slot] = word
  }

  register(register: number): number {
    return this.i32[this.base + register] as number
  }

  setRegister(register: number, word: number): void {
    this.i32[this.base + register] = word
  }
}

function makeHeap(mode: SchemeMode, options: MemoryOptions): Heap {
  const isEmbedded = mode === 'embedded'
  const limit = options.limit ?? (isEmbedded ? EMBEDDED_LIMIT : USUAL_LIMIT)
  const stress = options.stress ? ({ stress: { collect: 'always', move: true } } as const) : {}
  const share = Math.floor(parseSize(limit) / 32)
  const slots = Math.max(options.stackSlots ?? Math.min(isEmbedded ? share : share * 2, 1 << 20), SLOTS_LEAST)
  return Heap.create({ mode, limit, name: 'scheme', shadowStack: slots, ...stress })
}

/** Every type's number in a heap, which learns of them by one object of each. @throws OutOfMemoryError */
function typesOf(heap: Heap): Record<keyof typeof STRUCTS, number> {
  using _scope = heap.scope()
  const numbers = Object.entries(STRUCTS).map(([name, type]) => [name, heap.describe(heap.new(type)).typeId])
  return Object.fromEntries(numbers) as Record<keyof typeof STRUCTS, number>
}

export { OutOfMemoryError }

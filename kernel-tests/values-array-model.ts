/**
 * Arrays beside an oracle: each array of the heap has a list that says what it holds, and every operation is done to
 * both. A codec says for one kind how elements are drawn, how they get into the heap, and how they are read from it.
 */
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { type Held, ValuesKernel, type ValuesSetup } from './values-kernel.js'

type Below = (limit: number) => number

/** What an element is, as text: two elements are the same when their texts are. */
type Element = string

interface Codec {
  readonly kind: number
  readonly bytes: number
  /** What a new element reads as. */
  readonly fresh: Element
  draw(below: Below): Element
  /** What an element reads as that was drawn. */
  readonly stored?: (element: Element) => Element
  push(k: ValuesKernel, array: Held, element: Element): number
  set(k: ValuesKernel, array: Held, index: number, element: Element): number
  /** Take the last one off, where there is a call for it. */
  readonly pop?: (k: ValuesKernel, array: Held) => Element
  read(k: ValuesKernel, array: Held, index: number): Element
  /** Whether `arrayFill` and `arrayIndexOf` know the kind. */
  readonly isSearched: boolean
}

// ---- words ----------------------------------------------------------------------------------------------------------

/** `i5`, `s10` for a special word, `n1.5`, `tText`, `a5` for a new array that holds 5. */
function drawValue(below: Below): Element {
  const choice = below(10)
  if (choice > 7) return `a${below(100)}`
  if (choice < 2) return `i${below(20) - 10}`
  if (choice === 2) return `s${[values.WORD_UNDEFINED, values.WORD_NULL, values.WORD_TRUE][below(3)]}`
  if (choice === 3) return `n${[Number.NaN, Number.POSITIVE_INFINITY, 0.5, -1.5, 2 ** 40][below(5)]}`
  return `t${'é'.repeat(below(3))}${below(30)}`
}

/** The word of an element, owned. */
function makeWord(k: ValuesKernel, element: Element): number {
  const rest = element.slice(1)
  if (element[0] === 'i') return ((Number(rest) << 1) | 1) >>> 0
  if (element[0] === 's') return Number(rest)
  if (element[0] === 'n') return k.run('numberNew', Number(rest))
  return element[0] === 'a' ? makeArray(k, Number(rest)) : k.string(rest)
}

function makeArray(k: ValuesKernel, element: number): number {
  const made = k.run('arrayNew', values.KIND_VALUE, 0, 1)
  k.expectOk('arrayPush', made, (element << 1) | 1)
  return made
}

function readObject(k: ValuesKernel, reference: number): Element {
  const type = k.typeOf(reference)
  if (type === k.stateWord(values.VALUES_TYPE_FLOAT_AT)) return `n${k.number('numberOf', reference)}`
  if (type !== k.stateWord(values.VALUES_TYPE_ARRAY_AT)) return `t${k.text(reference)}`
  return `a${k.run('arrayGet', reference, 0) >> 1}`
}

function readWord(k: ValuesKernel, word: number): Element {
  if (word & 1) return `i${(word | 0) >> 1}`
  if (word & values.WORD_TAG_MASK) return `s${word}`
  return readObject(k, word)
}

/** Give a call a word that is made for it. */
function withWord(k: ValuesKernel, element: Element, use: (word: number) => number): number {
  const word = makeWord(k, element)
  const answer = use(word)
  // Where words are owned they do not move.
  k.release(word)
  return answer
}

const valueCodec: Codec = {
  kind: values.KIND_VALUE,
  bytes: 4,
  fresh: `s${values.WORD_UNDEFINED}`,
  draw: drawValue,
  push: (k, array, element) => withWord(k, element, (word) => k.run('arrayPush', array.word, word)),
  set: (k, array, index, element) => withWord(k, element, (word) => k.run('arraySet', array.word, index, word)),
  pop: (k, array) => {
    const word = k.run('arrayPop', array.word)
    const element = readWord(k, word)
    k.release(word)
    return element
  },
  read: (k, array, index) => readWord(k, k.run('arrayGet', array.word, index)),
  isSearched: true,
}

// ---- wide values ----------------------------------------------------------------------------------------------------

const scratchDouble = new DataView(new ArrayBuffer(8))

/** Both halves of an element as a wide value; the reference in it is owned. */
function makeWide(k: ValuesKernel, element: Element): [low: number, high: number] {
  const rest = element.slice(1)
  if (element[0] === 'i') return [Number(rest) >>> 0, values.WIDE_INTEGER]
  if (element[0] === 's') return [Number(rest), values.WIDE_SPECIAL]
  if (element[0] === 't') return [k.string(rest), values.WIDE_REFERENCE]
  if (element[0] === 'a') return [makeArray(k, Number(rest)), values.WIDE_REFERENCE]
  scratchDouble.setFloat64(0, Number(rest))
  // A NaN with a payload that looks like nothing else.
  if (rest === 'NaN') return [0xabc, 0xfff90000]
  return [scratchDouble.getUint32(4), scratchDouble.getUint32(0)]
}

function readWide(k: ValuesKernel, at: number): Element {
  const low = k.u32(at)
  const high = k.u32(at + 4)
  if (high === values.WIDE_INTEGER) return `i${low | 0}`
  if (high === values.WIDE_SPECIAL) return `s${low}`
  if (high === values.WIDE_REFERENCE) return readObject(k, low)
  scratchDouble.setUint32(0, high)
  scratchDouble.setUint32(4, low)
  return `n${scratchDouble.getFloat64(0)}`
}

function withWide(k: ValuesKernel, element: Element, use: (low: number, high: number) => number): number {
  const [low, high] = makeWide(k, element)
  const answer = use(low, high)
  if (high === values.WIDE_REFERENCE) k.release(low)
  return answer
}

const wideCodec: Codec = {
  kind: values.KIND_WIDE,
  bytes: 8,
  fresh: `s${values.WORD_UNDEFINED}`,
  draw: drawValue,
  push: (k, array, element) => withWide(k, element, (low, high) => k.run('arrayPushWide', array.word, low, high)),
  set: (k, array, index, element) =>
    withWide(k, element, (low, high) => k.run('arraySetWide', array.word, index, low, high)),
  read: (k, array, index) => readWide(k, k.run('arrayAt', array.word, index)),
  isSearched: false,
}

// ---- numbers and bytes ----------------------------------------------------------------------------------------------

type NumberArray = new (
  elements: readonly number[],
) => Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array

const NUMBERS = [0, 1, -1, 127, 128, 255, 256, -129, 32768, 65536, 1.9, -1.9, 2 ** 31, 2 ** 32 + 5, -(2 ** 31) - 1]
const ODD_NUMBERS = [2 ** 53, -(2 ** 60), 1e300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-45]

/** What the drawn number becomes is for a typed array of JavaScript to say. */
function numberCodec(kind: number, Typed: NumberArray): Codec {
  const bytes = new Typed([0]).BYTES_PER_ELEMENT
  return {
    kind,
    bytes,
    fresh: '0',
    draw: (below) => `${[...NUMBERS, ...ODD_NUMBERS][below(NUMBERS.length + ODD_NUMBERS.length)]}`,
    push: (k, array, element) => k.run('arrayPushNumber', array.word, Number(element)),
    set: (k, array, index, element) => k.run('arraySetNumber', array.word, index, Number(element)),
    pop: (k, array) => `${k.number('arrayPopNumber', array.word)}`,
    read: (k, array, index) => `${k.number('arrayGetNumber', array.word, index)}`,
    stored: (element) => `${new Typed([Number(element)])[0]}`,
    isSearched: true,
  }
}

/** Elements as the text of their bytes, for the kinds that have no call for one number. */
function bytesCodec(kind: number, bytes: number): Codec {
  const bytesOf = (element: Element) => Uint8Array.from(element.split(','), Number)
  return {
    kind,
    bytes,
    fresh: `${new Uint8Array(bytes)}`,
    draw: (below) => `${Uint8Array.from({ length: bytes }, () => below(256))}`,
    push: (k, array, element) => k.run('arrayPushBytes', array.word, k.write(bytesOf(element)), 1),
    set: (k, array, index, element) => {
      k.write(bytesOf(element), k.run('arrayAt', array.word, index))
      return 0
    },
    read: (k, array, index) => `${k.bytes(k.run('arrayAt', array.word, index), bytes)}`,
    isSearched: false,
  }
}

export const codecs: Readonly<Record<string, Codec>> = {
  value: valueCodec,
  wide: wideCodec,
  i8: numberCodec(values.KIND_I8, Int8Array),
  u8: numberCodec(values.KIND_U8, Uint8Array),
  i16: numberCodec(values.KIND_I16, Int16Array),
  u16: numberCodec(values.KIND_U16, Uint16Array),
  i32: numberCodec(values.KIND_I32, Int32Array),
  u32: numberCodec(values.KIND_U32, Uint32Array),
  f32: numberCodec(values.KIND_F32, Float32Array),
  f64: numberCodec(values.KIND_F64, Float64Array),
  i64: bytesCodec(values.KIND_I64, 8),
  u64: bytesCodec(values.KIND_U64, 8),
  'bytes(1)': bytesCodec(values.KIND_BYTES, 1),
  'bytes(3)': bytesCodec(values.KIND_BYTES, 3),
  'bytes(24)': bytesCodec(values.KIND_BYTES, 24),
}

// ---- the model ------------------------------------------------------------------------------------------------------

interface ModelArray {
  readonly held: Held
  list: Element[]
}

/** Longest that the arrays get, in elements. */
const LENGTH_MAX = 60
const NOWHERE = 0xffffffff

export class ArrayModel {
  readonly #k: ValuesKernel
  readonly #codec: Codec
  readonly #below: Below
  readonly #arrays: ModelArray[] = []

  constructor(k: ValuesKernel, codec: Codec, below: Below) {
    this.#k = k
    this.#codec = codec
    this.#below = below
    for (let i = 0; i < 3; i++) {
      const capacity = [0, 1, 20][i] as number
      this.#arrays.push({ held: k.hold(k.run('arrayNew', codec.kind, codec.bytes, capacity)), list: [] })
    }
  }

  /** One operation on one of the arrays. */
  step(): void {
    const array = this.#arrays[this.#below(this.#arrays.length)] as ModelArray
    const operations = [
      ...[this.#push, this.#push, this.#push, this.#set, this.#pop, this.#resize, this.#room, this.#insert],
      ...[this.#remove, this.#copy, this.#slice, this.#search, this.#fill],
    ]
    const operation = operations[this.#below(operations.length)] as (array: ModelArray) => void
    operation.call(this, array)
    for (const { held, list } of this.#arrays) {
      const length = this.#k.run('arrayLength', held.word)
      if (length !== list.length) throw new Error(`${operation.name}: ${length} elements, not ${list.length}`)
    }
  }

  #expectOk(name: string, status: number): void {
    if (status) throw new Error(`${name}: status ${status}`)
  }

  #stored(element: Element): Element {
    return this.#codec.stored?.(element) ?? element
  }

  #push(array: ModelArray): void {
    if (array.list.length >= LENGTH_MAX) return
    const element = this.#codec.draw(this.#below)
    this.#expectOk('push', this.#codec.push(this.#k, array.held, element))
    array.list.push(this.#stored(element))
  }

  #set(array: ModelArray): void {
    if (array.list.length === 0) return
    const index = this.#below(array.list.length)
    const element = this.#codec.draw(this.#below)
    this.#expectOk('set', this.#codec.set(this.#k, array.held, index, element))
    array.list[index] = this.#stored(element)
  }

  #pop(array: ModelArray): void {
    if (array.list.length === 0 || !this.#codec.pop) return
    const element = this.#codec.pop(this.#k, array.held)
    const wanted = array.list.pop()
    if (element !== wanted) throw new Error(`pop: ${element}, not ${wanted}`)
  }

  #resize(array: ModelArray): void {
    const length = this.#below(this.#below(3) ? array.list.length + 1 : LENGTH_MAX)
    this.#expectOk('arrayResize', this.#k.run('arrayResize', array.held.word, length))
    const more = Math.max(0, length - array.list.length)
    array.list = [...array.list.slice(0, length), ...Array<Element>(more).fill(this.#codec.fresh)]
  }

  #room(array: ModelArray): void {
    if (this.#below(2)) {
      this.#expectOk('arrayTrim', this.#k.run('arrayTrim', array.held.word))
      const capacity = this.#k.run('arrayCapacity', array.held.word)
      if (capacity !== array.list.length) throw new Error(`arrayTrim left room for ${capacity}`)
    } else {
      const wanted = this.#below(LENGTH_MAX)
      this.#expectOk('arrayReserve', this.#k.run('arrayReserve', array.held.word, wanted))
      if (this.#k.run('arrayCapacity', array.held.word) < wanted) throw new Error('arrayReserve left no room')
    }
  }

  #insert(array: ModelArray): void {
    const count = this.#below(4)
    if (array.list.length + count > LENGTH_MAX) return
    const index = this.#below(array.list.length + 1)
    this.#expectOk('arrayInsert', this.#k.run('arrayInsert', array.held.word, index, count))
    array.list.splice(index, 0, ...Array<Element>(count).fill(this.#codec.fresh))
  }

  #remove(array: ModelArray): void {
    const index = this.#below(array.list.length + 1)
    const count = this.#below(Math.min(5, array.list.length - index) + 1)
    this.#expectOk('arrayRemove', this.#k.run('arrayRemove', array.held.word, index, count))
    array.list.splice(index, count)
  }

  #copy(to: ModelArray): void {
    const from = this.#below(2) ? to : (this.#arrays[this.#below(this.#arrays.length)] as ModelArray)
    const count = this.#below(Math.min(to.list.length, from.list.length) + 1)
    const toIndex = this.#below(to.list.length - count + 1)
    const fromIndex = this.#below(from.list.length - count + 1)
    const status = this.#k.run('arrayCopy', to.held.word, toIndex, from.held.word, fromIndex, count)
    this.#expectOk('arrayCopy', status)
    to.list.splice(toIndex, count, ...from.list.slice(fromIndex, fromIndex + count))
  }

  /** A slice takes the place of another array. */
  #slice(array: ModelArray): void {
    const from = this.#below(array.list.length + 1)
    const to = from + this.#below(array.list.length - from + 1)
    const made = this.#k.run('arraySlice', array.held.word, from, to)
    if (!made) throw new Error(`arraySlice: status ${this.#k.status}`)
    const slice = { held: this.#k.hold(made), list: array.list.slice(from, to) }
    this.#compare(slice)
    array.held.drop()
    this.#arrays[this.#arrays.indexOf(array)] = slice
  }

  #search(array: ModelArray): void {
    if (!this.#codec.isSearched) return
    const element = this.#stored(this.#codec.draw(this.#below))
    const from = this.#below(array.list.length + 2)
    const found = this.#withWord(element, (word) => this.#k.run('arrayIndexOf', array.held.word, word, from))
    // An array is the same as itself, and this one is new.
    const wanted = element[0] === 'a' ? NOWHERE : array.list.indexOf(element, from) >>> 0
    if (found !== wanted) throw new Error(`arrayIndexOf(${element}, ${from}): ${found}, not ${wanted}`)
  }

  #fill(array: ModelArray): void {
    if (!this.#codec.isSearched) return
    const from = this.#below(array.list.length + 1)
    const to = from + this.#below(array.list.length - from + 1)
    const element = this.#codec.draw(this.#below)
    this.#expectOk(
      'arrayFill',
      this.#withWord(element, (word) => this.#k.run('arrayFill', array.held.word, from, to, word)),
    )
    array.list.fill(this.#stored(element), from, to)
  }

  /** Elements of arrays of numbers are given as words, too. */
  #withWord(element: Element, use: (word: number) => number): number {
    return withWord(this.#k, this.#codec.kind === values.KIND_VALUE ? element : `n${element}`, use)
  }

  /** Every element is what the list says. */
  compare(): void {
    for (const array of this.#arrays) this.#compare(array)
  }

  #compare(array: ModelArray): void {
    array.list.forEach((wanted, index) => {
      const element = this.#codec.read(this.#k, array.held, index)
      if (element !== wanted) throw new Error(`element ${index}: ${element}, not ${wanted}`)
    })
  }

  /** Let all of it go. */
  finish(): void {
    for (const array of this.#arrays) array.held.drop()
    this.#arrays.length = 0
  }
}

/** Run one seed of a setup with arrays of a kind; throws with the seed where heap and lists differ. */
export function runArraySeed(setup: ValuesSetup, kind: string, seed: number, steps: number): void {
  const codec = codecs[kind]
  if (!codec) throw new Error(`there is no kind '${kind}'`)
  try {
    const k = new ValuesKernel(setup)
    const below = random(Math.imul(seed, 2654435761))
    const model = new ArrayModel(k, codec, below)
    for (let i = 1; i <= steps; i++) {
      model.step()
      if (i % 25 === 0) model.compare()
      if (i % 50 === 0) k.verify()
      if (i % 5 === 0) k.collectSome(below)
    }
    model.compare()
    k.verify()
    model.finish()
    k.verify()
    if (k.leftObjects) throw new Error(`${k.leftObjects} objects are left`)
  } catch (error) {
    throw new Error(`${kind}, seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}

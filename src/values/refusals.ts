/** Why a call on values was refused, as an error that names the call, what it was given and what would be right. */
import { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import {
  ARRAY_KIND_AT,
  COUNT_MAX,
  STATUS_COUNT,
  STATUS_KEY,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TEXT,
  STATUS_TYPE,
} from '../../kernel/value-layout.js'
import { ArgumentError, CountError, hex } from '../errors.js'
import type { ObjectSpace } from '../objects/space.js'
import { isImmortal, ObjectView, protectionError } from '../objects/view.js'
import { KIND_NUMBERS } from './heap-array.js'
import { plainSpecial } from './word.js'

/** Bytes that a call on a view may need, for messages. */
const VIEW_CALL_BYTES = 64

/** What a status asks for. */
const EXPECTED: Readonly<Record<number, string>> = {
  [STATUS_BAD_ARGUMENT]: 'called with arguments that fit each other, for an object that may be written to',
  [STATUS_RANGE]: 'called with places that are there',
  [STATUS_KEY]: 'called with a key of the kind that the dictionary takes',
  [STATUS_TEXT]: 'called with places between characters',
  [STATUS_TYPE]: 'called with objects of the types that it is for',
  [STATUS_NONE]: 'called where there is something to be had',
}

/** What a call was given, for messages. */
export type Given = readonly (number | string)[]

/** What a call by words is for, by how its name begins: the first argument's name, its type, and what that is called. */
const CONTAINERS = [
  ['array', 'array', 'an array'],
  ['dictionary', 'dictionary', 'a dictionary'],
  ['property', 'object', 'a property object'],
] as const
const OBJECT_KEY = 'a string, an integer from 0 to 2^30 - 1, a special or an object, and no other number'

/** The error for the argument of a call by words that is of another type; undefined when it cannot be told which. */
function wrongArgument(space: ObjectSpace, call: string, status: number, given: Given): Error | undefined {
  const container = CONTAINERS.find(([start]) => call.startsWith(start))
  const [first, second] = given
  if (!container) return wrongString(space, call, status, given)
  if (typeof first !== 'number') return undefined
  const [start, argument, what] = container
  if (status === STATUS_KEY) {
    if (start !== 'property' || typeof second !== 'number') return undefined
    return new ArgumentError('key', describeWord(space, second), `${OBJECT_KEY}, for ${call}`)
  }
  const { types } = space.values
  const isRight = typeOf(space, first) === (start === 'property' ? types.properties : types[start])
  const expected = isRight ? `${what} of a kind that ${call} takes` : `${what}, for ${call}`
  // Which of two arrays is another than the first, only the module knows.
  return isRight && call === 'arrayCopy' ? undefined : new ArgumentError(argument, describeWord(space, first), expected)
}

/** Calls by words on strings, by how many of their arguments are strings. */
const STRING_CALLS: Readonly<Record<string, number>> = {
  internString: 1,
  codePointAt: 1,
  byteOffset: 1,
  slice: 1,
  concat: 2,
  find: 2,
}

/** The same for a call on strings. */
function wrongString(space: ObjectSpace, call: string, status: number, given: Given): Error | undefined {
  if (status !== STATUS_TYPE || !Object.hasOwn(STRING_CALLS, call)) return undefined
  const { string } = space.values.types
  const wrong = given.slice(0, STRING_CALLS[call]).find((word) => typeOf(space, Number(word)) !== string)
  return wrong === undefined
    ? undefined
    : new ArgumentError('string', describeWord(space, Number(wrong)), `a string, for ${call}`)
}

/** The type of the object that a word refers to; undefined where there is none. */
function typeOf(space: ObjectSpace, word: number): number | undefined {
  const isObject = space.values.isReference(word) && space.kernel.objectStatus(word) === STATUS_OK
  return isObject ? space.typeAt(word) : undefined
}

/** What a word is, in a few words: nothing has moved since the call was refused. */
function describeWord(space: ObjectSpace, word: number): string {
  if ((word & 1) !== 0) return `the integer ${word >> 1}`
  const { values } = space
  const type = typeOf(space, word)
  if (type === undefined) return (word & 3) === 2 ? String(plainSpecial(word)) : `no object at ${hex(word >>> 0)}`
  if (type === values.types.float) return `the number ${values.floatAt(word)}`
  if (type === values.types.array) return `an array of kind ${kindText(space, word)}`
  const own = Object.entries(values.types).find(([, id]) => id === type)?.[0]
  return `an object of type ${own ?? space.types.get(type)?.name ?? type} at ${hex(word >>> 0)}`
}

/** The kind of an array's elements. */
function kindText(space: ObjectSpace, array: number): string {
  const kind = space.views.u8[(array >>> 0) + ARRAY_KIND_AT]
  return Object.entries(KIND_NUMBERS).find(([, number]) => number === kind)?.[0] ?? 'bytes'
}

/**
 * The error for a status that `call` left.
 *
 * @param bytes that it may have needed
 */
export function refusal(space: ObjectSpace, call: string, status: number, given: Given, bytes: number): Error {
  if (status === STATUS_OUT_OF_MEMORY) return space.core.outOfMemory(bytes)
  const first = given[0]
  if (status === STATUS_COUNT) return new CountError(typeof first === 'number' ? first >>> 0 : 0, COUNT_MAX)
  if (status === STATUS_FOREIGN) return foreignError(space, call, given)
  const wrong = status === STATUS_TYPE || status === STATUS_KEY ? wrongArgument(space, call, status, given) : undefined
  if (wrong) return wrong
  const list = given.map((one) => (typeof one === 'number' ? hex(one >>> 0) : JSON.stringify(one))).join(', ')
  return new ArgumentError(call, list, EXPECTED[status] ?? `called otherwise (status ${status})`)
}

/** What was given refers to an object of another heap in the memory. */
function foreignError(space: ObjectSpace, call: string, given: Given): Error {
  const words = given.filter((one) => typeof one === 'number' && space.values.isReference(one)) as number[]
  const foreign = words.filter((word) => space.kernel.objectStatus(word) !== STATUS_OK).map((word) => hex(word >>> 0))
  const expected = `an object of ${space.core.label}, or a shared one, for ${call}`
  return new ArgumentError('word', foreign.join(', ') || 'words', expected)
}

/** The same for a call on a view: what is immortal cannot be written to. */
export function viewRefusal(view: ObjectView, call: string, status: number): Error {
  const { space } = ObjectView.holderOf(view)
  const { reference } = view
  if (status === STATUS_BAD_ARGUMENT && isImmortal(space.views.u32, reference)) return protectionError(reference)
  return refusal(space, call, status, [reference], VIEW_CALL_BYTES)
}

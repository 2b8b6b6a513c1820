/** Why a call on values was refused, as an error that names the call, what it was given and what would be right. */
import { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import {
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

/**
 * The error for a status that `call` left.
 *
 * @param bytes that it may have needed
 */
export function refusal(space: ObjectSpace, call: string, status: number, given: Given, bytes: number): Error {
  if (status === STATUS_OUT_OF_MEMORY) return space.core.outOfMemory(bytes)
  const first = given[0]
  if (status === STATUS_COUNT) return new CountError(typeof first === 'number' ? first >>> 0 : 0, COUNT_MAX)
  const list = given.map((one) => (typeof one === 'number' ? hex(one >>> 0) : JSON.stringify(one))).join(', ')
  return new ArgumentError(call, list, EXPECTED[status] ?? `called otherwise (status ${status})`)
}

/** The same for a call on a view: what is immortal cannot be written to. */
export function viewRefusal(view: ObjectView, call: string, status: number): Error {
  const { space } = ObjectView.holderOf(view)
  const { reference } = view
  if (status === STATUS_BAD_ARGUMENT && isImmortal(space.views.u32, reference)) return protectionError(reference)
  return refusal(space, call, status, [reference], VIEW_CALL_BYTES)
}

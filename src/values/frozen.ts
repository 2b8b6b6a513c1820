/**
 * Values in images. Strings, floats and arrays are as good in any heap. Dictionaries and property objects are not:
 * their tables go by hashes of the heap's own seed, and by strings that are interned there.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { STRING_HASH_AT, STRING_WATCH_AT } from '../../kernel/value-layout.js'
import type { ObjectSpace } from '../objects/space.js'
import { VALUE_TYPE_SIGN } from '../objects/struct.js'

const BOUND_TO_HEAP: ReadonlySet<string> = new Set(['#dictionary', '#properties', '#shape'])
const STRING = '#string'

/** Whether objects of the type of a name can be in an image. */
export function canBeFrozen(typeName: string): boolean {
  return !BOUND_TO_HEAP.has(typeName)
}

/** Take from an object of an image what only the heap that it is from knows: a string's hash, its place in a table. */
export function forgetHeap(words: Uint32Array, reference: number, typeName: string): void {
  if (typeName !== STRING) return
  words[(reference + STRING_HASH_AT) >>> 2] = 0
  words[(reference + STRING_WATCH_AT) >>> 2] = 0
}

/** Whether the values of an image that was written into the heap are whole. Looks at all values of the heap. */
export function areValuesWhole(space: ObjectSpace, typeNames: readonly string[]): boolean {
  if (!typeNames.some((name) => name.startsWith(VALUE_TYPE_SIGN))) return true
  return space.values.kernel.valuesVerify() === STATUS_OK
}

/**
 * Checks of arguments, all out of line: the fast paths make one cheap test of their own and come here when it fails.
 * Each names the argument, its value and what would be right. None calls the kernel.
 */
import { ADDRESS_LIMIT, ALIGN_MAX_BYTES } from '../kernel/layout.js'
import { ArgumentError } from './errors.js'

const U32_MAX = 2 ** 32 - 1

/**
 * 2^32 − 1 is no size: it is what `(unsigned)-1` looks like. Sizes from the largest possible request up to there are
 * valid and fail for lack of memory.
 */
const SIZE_MAX = U32_MAX - 1

function checkInteger(argument: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new ArgumentError(argument, value, `an integer from ${min} to ${max}`)
}

/** A size of a request in bytes, or a count of things. */
export function checkSize(argument: string, value: unknown): number {
  return checkInteger(argument, value, 0, SIZE_MAX)
}

export function checkRange(argument: string, value: unknown, min: number, max: number): number {
  return checkInteger(argument, value, min, max)
}

/** Any number that can be an address, 0 included. Whether something lives there is for the kernel to say. */
export function checkAddress(argument: string, value: unknown): number {
  return checkInteger(argument, value, 0, U32_MAX)
}

/** A place of the address space that a range can start or end at. */
export function checkPlace(argument: string, value: unknown): number {
  return checkInteger(argument, value, 0, ADDRESS_LIMIT)
}

export function checkAlignment(value: unknown): number {
  if (typeof value === 'number' && value >= 1 && value <= ALIGN_MAX_BYTES && Number.isInteger(Math.log2(value))) {
    return value
  }
  throw new ArgumentError('alignment', value, `a power of two from 1 to ${ALIGN_MAX_BYTES}`)
}

export function checkFunction<F>(argument: string, value: F): F {
  if (typeof value === 'function') return value
  throw new ArgumentError(argument, value, 'a function')
}

/** What `isOne` accepts, such as an instance of a class. */
export function checkInstance<T>(
  argument: string,
  value: unknown,
  isOne: (value: unknown) => value is T,
  what: string,
): T {
  if (isOne(value)) return value
  throw new ArgumentError(argument, value, what)
}

/** Also of another realm, whose `Object.prototype` is not ours. Arrays, maps and instances of classes are none. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * A plain options object without names that nobody reads: a misspelt option must not pass in silence.
 *
 * @param unlisted names that pass here, and that the message does not offer: the caller has a better reason to refuse
 */
export function checkOptions(
  argument: string,
  options: unknown,
  known: readonly string[],
  unlisted: readonly string[] = [],
): void {
  if (!isPlainObject(options)) throw new ArgumentError(argument, options, 'a plain object')
  for (const name of Object.keys(options)) {
    if (!known.includes(name) && !unlisted.includes(name))
      throw new ArgumentError(argument, name, `an object of these: ${known.join(', ')}`)
  }
}

/** The path of a file to write, whose ending is none that says another format than the one that it would get. */
export function checkFile(file: unknown, otherEndings: readonly string[]): void {
  if (typeof file !== 'string' || file === '') throw new ArgumentError('file', file, 'the path of a file')
  const ending = otherEndings.find((other) => file.toLowerCase().endsWith(other))
  if (ending !== undefined) throw new ArgumentError('file', file, `of another ending: ${ending} is another format`)
}

/**
 * Runs of an array's elements: removing, copying, slicing, filling, searching.
 *
 * Guarantee: ranges are checked before anything is read or changed; a copy within one array may overlap.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import {
  KIND_VALUE,
  STATUS_COUNT,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TYPE,
} from '../value-layout'
import { isNumberKind, loadNumber, storeNumber } from './array-numbers'
import {
  elementAt,
  elementBytes,
  isArray,
  isWritable,
  kindOf,
  lengthOf,
  makeArray,
  setLength,
  storeOf,
  whyNotWritable,
} from './arrays'
import { canCount, copyElements, dropElements, moveElements, wipeElements } from './elements'
import { isNumber, numberOf } from './floats'
import { isSameString, isString } from './strings'
import { countDown, countUp, failed, keep, kept, letGo, nowhere, put, refuse, release, wordStatus } from './world'

/** Whether the array has `count` elements from `index` on. */
// @ts-ignore: decorator
@inline
function hasRange(array: u32, index: u32, count: u32): bool {
  return <u64>index + count <= <u64>lengthOf(array)
}

/** Take `count` elements out and let them go; those behind them move up. */
export function arrayRemove(array: u32, index: u32, count: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  if (!hasRange(array, index, count)) return failed(STATUS_RANGE)
  if (!count) return STATUS_OK
  const holder = storeOf(array)
  const kind = kindOf(array)
  const bytes = elementBytes(array)
  const length = lengthOf(array)
  const at = elementAt(array, index)
  const isCounted = countUp(array)
  dropElements(kind, bytes, holder, at, count)
  moveElements(kind, bytes, holder, at, at + <usize>(count * bytes), length - index - count)
  wipeElements(kind, bytes, holder, elementAt(array, length - count), count)
  setLength(array, length - count)
  countDown(array, isCounted)
  return STATUS_OK
}

/** Copy `count` elements over others. Both are arrays of one kind and size of elements, or one and the same. */
export function arrayCopy(to: u32, toIndex: u32, from: u32, fromIndex: u32, count: u32): u32 {
  if (!isWritable(to)) return failed(whyNotWritable(to))
  if (!isArray(from) || kindOf(from) != kindOf(to) || elementBytes(from) != elementBytes(to)) return failed(STATUS_TYPE)
  if (!hasRange(to, toIndex, count) || !hasRange(from, fromIndex, count)) return failed(STATUS_RANGE)
  if (!count) return STATUS_OK
  const at = elementAt(to, toIndex)
  const isCounted = countUp(to)
  const status = copyElements(kindOf(to), elementBytes(to), storeOf(to), at, elementAt(from, fromIndex), count)
  countDown(to, isCounted)
  return status ? failed(status) : STATUS_OK
}

/** A new array of the elements from one index to before another, owned. */
export function arraySlice(array: u32, from: u32, to: u32): u32 {
  if (!isArray(array)) return refuse(STATUS_TYPE)
  if (from > to || to > lengthOf(array)) return refuse(STATUS_RANGE)
  keep(1, array)
  const count = to - from
  const made = makeArray(kindOf(array), elementBytes(array), count)
  const source = kept(1)
  letGo()
  if (!made || !count) return made
  const holder = storeOf(made)
  const status = copyElements(kindOf(made), elementBytes(made), holder, holder, elementAt(source, from), count)
  if (status) {
    release(made)
    return refuse(status)
  }
  setLength(made, count)
  return made
}

/** Set the elements from one index to before another to one word, or to the number that the word is. */
export function arrayFill(array: u32, from: u32, to: u32, word: u32): u32 {
  if (!isWritable(array)) return failed(whyNotWritable(array))
  const kind = kindOf(array)
  const isNumbers = isNumberKind(kind)
  if (kind != KIND_VALUE && !(isNumbers && isNumber(word))) return failed(STATUS_TYPE)
  if (from > to || to > lengthOf(array)) return failed(STATUS_RANGE)
  const status = wordStatus(word)
  if (status) return failed(status)
  if (!isNumbers && !canCount(word, to - from)) return failed(STATUS_COUNT)
  if (!isNumbers) return fillWords(array, from, to, word)
  const number = numberOf(word)
  for (let i = from; i < to; i++) storeNumber(kind, elementAt(array, i), number)
  return STATUS_OK
}

/** What refers to nothing is refused at the first element that it would change. */
function fillWords(array: u32, from: u32, to: u32, word: u32): u32 {
  const holder = storeOf(array)
  const isCounted = countUp(array)
  let status: u32 = STATUS_OK
  for (let i = from; i < to && !status; i++) status = put(holder, holder + (<usize>i << 2), word)
  countDown(array, isCounted)
  return status ? failed(status) : STATUS_OK
}

/**
 * Index of the first element from `from` on that is the same value: numbers by value, NaN as itself and 0 as -0;
 * strings by text; everything else by identity. 0xffffffff with STATUS_NONE. In arrays of words and of numbers.
 */
export function arrayIndexOf(array: u32, word: u32, from: u32): u32 {
  if (!isArray(array)) return nowhere(STATUS_TYPE)
  const kind = kindOf(array)
  if (kind == KIND_VALUE) return indexOfValue(array, word, from)
  if (!isNumberKind(kind)) return nowhere(STATUS_TYPE)
  return isNumber(word) ? indexOfNumber(array, numberOf(word), from) : nowhere(STATUS_NONE)
}

// @ts-ignore: decorator
@inline
function isSameNumber(a: f64, b: f64): bool {
  return a == b || (a != a && b != b)
}

function indexOfNumber(array: u32, number: f64, from: u32): u32 {
  const kind = kindOf(array)
  const length = lengthOf(array)
  for (let i = from; i < length; i++) {
    if (isSameNumber(loadNumber(kind, elementAt(array, i)), number)) return i
  }
  return nowhere(STATUS_NONE)
}

function indexOfValue(array: u32, word: u32, from: u32): u32 {
  const length = lengthOf(array)
  const isText = isString(word)
  const isNumeric = isNumber(word)
  const number = isNumeric ? numberOf(word) : 0
  for (let i = from; i < length; i++) {
    const element = load<u32>(storeOf(array) + (<usize>i << 2))
    if (element == word) return i
    if (isNumeric && isNumber(element) && isSameNumber(numberOf(element), number)) return i
    if (isText && isString(element) && isSameString(element, word)) return i
  }
  return nowhere(STATUS_NONE)
}

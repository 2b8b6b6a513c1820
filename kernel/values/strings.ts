/**
 * Strings: immutable UTF-8 with its count of code points and, once it was asked for, its hash. Two strings are equal
 * when their bytes are.
 *
 * The hash is MurmurHash64A (Austin Appleby, 2008, public domain): eight bytes at a time, two multiplications of 64
 * bits each. Both halves of the result are folded into one word, and 0 becomes 1, since 0 stands for "not known". The
 * heap's seed is its seed, so that positions in tables differ from heap to heap; that is no defence against somebody
 * who can see them.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_IMMORTAL, OBJECT_MAX_BYTES } from '../object-layout'
import {
  STATUS_COUNT,
  STATUS_NONE,
  STATUS_RANGE,
  STATUS_TEXT,
  STATUS_TYPE,
  STRING_CODE_POINTS_AT,
  STRING_HASH_AT,
  STRING_TEXT_AT,
  STRING_WATCH_AT,
  VALUES_SEED_AT,
  VALUES_TYPE_STRING_AT,
} from '../value-layout'
import {
  codePointAt,
  codePointsIfValid,
  countCodePoints,
  isContinuation,
  measureRepaired,
  offsetOf,
  repair,
  repairedBytes,
  repairedCodePoints,
} from './utf8'
import {
  allocate,
  failed,
  headWord,
  isOf,
  keep,
  kept,
  letGo,
  nowhere,
  payloadBytes,
  refuse,
  retain,
  stateWord,
} from './world'

const TEXT_MAX_BYTES: u32 = OBJECT_MAX_BYTES - STRING_TEXT_AT
/** Longest needle that is searched for as one number. */
const SHORT_NEEDLE_BYTES: u32 = 8

const MURMUR_FACTOR: u64 = 0xc6a4a7935bd1e995
const MURMUR_SHIFT: u64 = 47

// ---- parts ----------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function isString(word: u32): bool {
  return isOf(word, VALUES_TYPE_STRING_AT)
}

/** Address of the first byte of a string's text. */
// @ts-ignore: decorator
@inline
export function textOf(reference: usize): usize {
  return reference + STRING_TEXT_AT
}

/** Bytes of a string's text. */
// @ts-ignore: decorator
@inline
export function textBytes(reference: usize): u32 {
  return payloadBytes(reference) - STRING_TEXT_AT
}

// @ts-ignore: decorator
@inline
export function codePointsOf(reference: usize): u32 {
  return load<u32>(reference, STRING_CODE_POINTS_AT)
}

/** Whether `bytes` bytes lie at `at`, in memory. */
// @ts-ignore: decorator
@inline
export function isInMemory(at: usize, bytes: u32): bool {
  return <u64>at + bytes <= (<u64>(<u32>memory.size())) << 16
}

/** Whether a character begins `offset` bytes into the text, or the text ends there. */
// @ts-ignore: decorator
@inline
function isBoundary(reference: usize, offset: u32): bool {
  return offset >= textBytes(reference) || !isContinuation(load<u8>(textOf(reference) + offset))
}

// ---- making ---------------------------------------------------------------------------------------------------------

/** A string with zeroed text of `bytes` bytes: 0 when out of memory. What it is made of must not move meanwhile. */
function makeString(bytes: u32, codePoints: u32): usize {
  if (bytes > TEXT_MAX_BYTES) return refuse(STATUS_OUT_OF_MEMORY)
  const made = allocate(stateWord(VALUES_TYPE_STRING_AT), bytes + STRING_TEXT_AT)
  if (made) store<u32>(made, codePoints, STRING_CODE_POINTS_AT)
  return made
}

/** A string of valid text outside the objects. */
export function makeValid(at: usize, bytes: u32, codePoints: u32): usize {
  const made = makeString(bytes, codePoints)
  if (made) memory.copy(textOf(made), at, bytes)
  return made
}

/** A string with the text of the one in operand 0. */
export function copyKept(): usize {
  const bytes = textBytes(kept(0))
  const made = makeString(bytes, codePointsOf(kept(0)))
  if (made) memory.copy(textOf(made), textOf(kept(0)), bytes)
  return made
}

/** A string of text that is not valid. */
export function makeRepaired(at: usize, bytes: u32): usize {
  if (bytes > TEXT_MAX_BYTES) return refuse(STATUS_OUT_OF_MEMORY)
  const measure = measureRepaired(at, bytes)
  const size = repairedBytes(measure)
  if (size > TEXT_MAX_BYTES) return refuse(STATUS_OUT_OF_MEMORY)
  const made = makeString(<u32>size, repairedCodePoints(measure))
  if (made) repair(textOf(made), at, bytes)
  return made
}

/**
 * A string of UTF-8, owned. Bytes that are no UTF-8 become U+FFFD as with `TextDecoder`. The text lies anywhere but in
 * an object, which might move before it is read: in a block, in the program's own memory, in the state at
 * VALUES_TEXT_AT. 0 with BAD_ARGUMENT outside the memory.
 */
export function stringNew(at: usize, bytes: u32): u32 {
  if (!isInMemory(at, bytes)) return refuse(STATUS_BAD_ARGUMENT)
  const codePoints = codePointsIfValid(at, bytes)
  return codePoints < 0 ? makeRepaired(at, bytes) : makeValid(at, bytes, <u32>codePoints)
}

/** Whether the text is UTF-8. */
export function stringIsValid(at: usize, bytes: u32): bool {
  if (!isInMemory(at, bytes)) return refuse(STATUS_BAD_ARGUMENT) != 0
  return codePointsIfValid(at, bytes) >= 0
}

/** A string of `bytes` zeros, owned, whose maker writes UTF-8 into it and calls `stringSeal` before all else. */
export function stringMake(bytes: u32): u32 {
  return makeString(bytes, bytes)
}

/** The text of a string was written: count it. STATUS_TEXT when it is no UTF-8; then the string is as it was made. */
export function stringSeal(reference: u32): u32 {
  if (!isString(reference)) return failed(STATUS_TYPE)
  // Others rely on the text of these.
  if (load<u32>(reference, STRING_WATCH_AT) || headWord(reference) & OBJECT_IMMORTAL) return failed(STATUS_BAD_ARGUMENT)
  const bytes = textBytes(reference)
  const codePoints = codePointsIfValid(textOf(reference), bytes)
  if (codePoints < 0) memory.fill(textOf(reference), 0, bytes)
  store<u32>(reference, codePoints < 0 ? bytes : <u32>codePoints, STRING_CODE_POINTS_AT)
  store<u32>(reference, 0, STRING_HASH_AT)
  return codePoints < 0 ? failed(STATUS_TEXT) : STATUS_OK
}

// ---- hash and equality ----------------------------------------------------------------------------------------------

/** Hash of `bytes` bytes of text, never 0. */
export function hashText(at: usize, bytes: u32): u32 {
  let hash = <u64>stateWord(VALUES_SEED_AT) ^ (<u64>bytes * MURMUR_FACTOR)
  const end = at + (bytes & ~7)
  for (let p = at; p < end; p += 8) {
    let part = load<u64>(p) * MURMUR_FACTOR
    part ^= part >> MURMUR_SHIFT
    hash = (hash ^ (part * MURMUR_FACTOR)) * MURMUR_FACTOR
  }
  if (bytes & 7) hash = (hash ^ lastBytes(end, bytes)) * MURMUR_FACTOR
  hash = (hash ^ (hash >> MURMUR_SHIFT)) * MURMUR_FACTOR
  hash ^= hash >> MURMUR_SHIFT
  const folded = <u32>hash ^ <u32>(hash >> 32)
  return folded ? folded : 1
}

/** The last one to seven bytes of a text, which begin at `at`, as a number; nothing outside the text is read. */
// @ts-ignore: decorator
@inline
function lastBytes(at: usize, bytes: u32): u64 {
  const count = bytes & 7
  if (bytes >= 8) return load<u64>(at + count - 8) >> ((8 - count) << 3)
  if (count >= 4) {
    // Two loads that overlap.
    return <u64>load<u32>(at) | (<u64>load<u32>(at + count - 4) << ((count - 4) << 3))
  }
  // First, middle and last byte: some of them the same one, and each count its own.
  return <u64>load<u8>(at) | (<u64>load<u8>(at + (count >> 1)) << 8) | (<u64>load<u8>(at + count - 1) << 16)
}

/** Whether two texts of as many bytes are the same. */
export function isSameText(a: usize, b: usize, bytes: u32): bool {
  if (bytes >= 8) {
    const last = bytes - 8
    for (let i: u32 = 0; i < last; i += 8) {
      if (load<u64>(a + i) != load<u64>(b + i)) return false
    }
    return load<u64>(a + last) == load<u64>(b + last)
  }
  return bytes == 0 || lastBytes(a, bytes) == lastBytes(b, bytes)
}

/** The hash that the string knows, 0 when it knows none. What an image has may be of a heap with another seed. */
// @ts-ignore: decorator
@inline
function knownHash(reference: usize): u32 {
  return headWord(reference) & OBJECT_IMMORTAL ? 0 : load<u32>(reference, STRING_HASH_AT)
}

/** Hash of a string that is one. */
export function hashOf(reference: usize): u32 {
  const known = knownHash(reference)
  if (known) return known
  const hash = hashText(textOf(reference), textBytes(reference))
  // An image is never written.
  if (!(headWord(reference) & OBJECT_IMMORTAL)) store<u32>(reference, hash, STRING_HASH_AT)
  return hash
}

/** Whether two strings that are strings have the same text. */
export function isSameString(a: usize, b: usize): bool {
  if (a == b) return true
  const bytes = textBytes(a)
  if (bytes != textBytes(b)) return false
  const hashA = knownHash(a)
  const hashB = knownHash(b)
  if (hashA && hashB && hashA != hashB) return false
  return isSameText(textOf(a), textOf(b), bytes)
}

/** Hash of a string, never 0; the same for equal strings, other from heap to heap. 0 with STATUS_TYPE for others. */
export function stringHash(reference: u32): u32 {
  return isString(reference) ? hashOf(reference) : refuse(STATUS_TYPE)
}

/** Whether both are strings with the same text. */
export function stringEquals(a: u32, b: u32): bool {
  return isString(a) && isString(b) && isSameString(a, b)
}

/** Whether it is a string with that text. */
export function stringEqualsText(reference: u32, at: usize, bytes: u32): bool {
  if (!isString(reference) || !isInMemory(at, bytes) || textBytes(reference) != bytes) return false
  return isSameText(textOf(reference), at, bytes)
}

/** -1, 0 or 1, by code points, which is by bytes (UTF-8 keeps the order). -2 with STATUS_TYPE when one is no string. */
export function stringCompare(a: u32, b: u32): i32 {
  if (!isString(a) || !isString(b)) return <i32>refuse(STATUS_TYPE) - 2
  const bytesA = textBytes(a)
  const bytesB = textBytes(b)
  const both = min(bytesA, bytesB)
  const textA = textOf(a)
  const textB = textOf(b)
  let i: u32 = 0
  for (; both - i >= 8; i += 8) {
    const differing = load<u64>(textA + i) ^ load<u64>(textB + i)
    if (!differing) continue
    i += <u32>ctz(differing) >> 3
    return load<u8>(textA + i) < load<u8>(textB + i) ? -1 : 1
  }
  for (; i < both; i++) {
    const byteA = load<u8>(textA + i)
    const byteB = load<u8>(textB + i)
    if (byteA != byteB) return byteA < byteB ? -1 : 1
  }
  return bytesA == bytesB ? 0 : bytesA < bytesB ? -1 : 1
}

// ---- parts of strings -----------------------------------------------------------------------------------------------

/** Bytes of the text. */
export function stringBytes(reference: u32): u32 {
  return isString(reference) ? textBytes(reference) : refuse(STATUS_TYPE)
}

export function stringCodePoints(reference: u32): u32 {
  return isString(reference) ? codePointsOf(reference) : refuse(STATUS_TYPE)
}

/** Own a string that was lent. */
function owned(reference: u32): u32 {
  return retain(reference) ? reference : refuse(STATUS_COUNT)
}

/** The text from one byte to before another as a string, owned. STATUS_RANGE, STATUS_TEXT inside a character. */
export function stringSlice(reference: u32, from: u32, to: u32): u32 {
  if (!isString(reference)) return refuse(STATUS_TYPE)
  const bytes = textBytes(reference)
  if (from > to || to > bytes) return refuse(STATUS_RANGE)
  if (!isBoundary(reference, from) || !isBoundary(reference, to)) return refuse(STATUS_TEXT)
  const part = to - from
  if (part == bytes) return owned(reference)
  const isAscii = codePointsOf(reference) == bytes
  const codePoints = isAscii ? part : countCodePoints(textOf(reference) + from, part)
  keep(0, reference)
  const made = makeString(part, codePoints)
  if (made) memory.copy(textOf(made), textOf(kept(0)) + from, part)
  letGo()
  return made
}

/** Byte offset of a code point, the end for as many as there are. 0xffffffff with STATUS_RANGE beyond. */
export function stringOffset(reference: u32, codePoint: u32): u32 {
  if (!isString(reference)) return nowhere(STATUS_TYPE)
  const codePoints = codePointsOf(reference)
  if (codePoint > codePoints) return nowhere(STATUS_RANGE)
  const bytes = textBytes(reference)
  return codePoints == bytes ? codePoint : offsetOf(textOf(reference), bytes, codePoint)
}

/** The code point that begins at a byte. 0xffffffff with STATUS_RANGE at the end, STATUS_TEXT inside a character. */
export function stringCodePointAt(reference: u32, offset: u32): u32 {
  if (!isString(reference)) return nowhere(STATUS_TYPE)
  if (offset >= textBytes(reference)) return nowhere(STATUS_RANGE)
  return isBoundary(reference, offset) ? codePointAt(textOf(reference) + offset) : nowhere(STATUS_TEXT)
}

/** Both texts, one behind the other, owned. */
export function stringConcat(a: u32, b: u32): u32 {
  if (!isString(a) || !isString(b)) return refuse(STATUS_TYPE)
  const bytesA = textBytes(a)
  const bytesB = textBytes(b)
  if (!bytesA) return owned(b)
  if (!bytesB) return owned(a)
  // Both are below 2^31.
  const bytes = bytesA + bytesB
  keep(0, a)
  keep(1, b)
  const made = makeString(bytes, codePointsOf(a) + codePointsOf(b))
  if (made) {
    memory.copy(textOf(made), textOf(kept(0)), bytesA)
    memory.copy(textOf(made) + bytesA, textOf(kept(1)), bytesB)
  }
  letGo()
  return made
}

// ---- search ---------------------------------------------------------------------------------------------------------

/**
 * Byte offset of the first place from `from` on where `needle` stands; 0xffffffff with STATUS_NONE when there is none,
 * with STATUS_RANGE or STATUS_TEXT when `from` is no place. The time grows with the text, not with text times needle.
 */
export function stringFind(reference: u32, needle: u32, from: u32): u32 {
  if (!isString(reference) || !isString(needle)) return nowhere(STATUS_TYPE)
  const bytes = textBytes(reference)
  if (from > bytes) return nowhere(STATUS_RANGE)
  if (!isBoundary(reference, from)) return nowhere(STATUS_TEXT)
  const needleBytes = textBytes(needle)
  if (!needleBytes) return from
  if (needleBytes > bytes - from) return nowhere(STATUS_NONE)
  const text = textOf(reference)
  const found =
    needleBytes <= SHORT_NEEDLE_BYTES
      ? findShort(text + from, text + bytes, textOf(needle), needleBytes)
      : findLong(text + from, text + bytes, textOf(needle), needleBytes)
  return found ? <u32>(found - text) : nowhere(STATUS_NONE)
}

/** The last bytes read are one number, and so is the needle. */
function findShort(at: usize, end: usize, needle: usize, bytes: u32): usize {
  const mask = u64.MAX_VALUE >> (64 - (bytes << 3))
  let wanted: u64 = 0
  for (let i: u32 = 0; i < bytes; i++) wanted = (wanted << 8) | load<u8>(needle + i)
  // A zero byte is a character: what was read must be as long as the needle.
  const first = at + bytes - 1
  let window: u64 = 0
  for (let p = at; p < end; p++) {
    window = ((window << 8) | load<u8>(p)) & mask
    if (window == wanted && p >= first) return p - bytes + 1
  }
  return 0
}

/** Karp and Rabin, "Efficient randomized pattern-matching algorithms" (1987), modulo 2^64; what matches is compared. */
function findLong(at: usize, end: usize, needle: usize, bytes: u32): usize {
  let wanted: u64 = 0
  let window: u64 = 0
  /** What the byte that leaves the window was multiplied with. */
  let leaving: u64 = 1
  for (let i: u32 = 0; i < bytes; i++) {
    wanted = wanted * MURMUR_FACTOR + load<u8>(needle + i)
    window = window * MURMUR_FACTOR + load<u8>(at + i)
    leaving *= MURMUR_FACTOR
  }
  let p = at + bytes
  while (window != wanted || !isSameText(p - bytes, needle, bytes)) {
    if (p >= end) return 0
    window = window * MURMUR_FACTOR + load<u8>(p) - leaving * load<u8>(p - bytes)
    p++
  }
  return p - bytes
}

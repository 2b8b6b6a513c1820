/**
 * Strings: immutable UTF-8 with its count of code points and, once it was asked for, its hash. Two strings are equal
 * when their bytes are.
 *
 * The hash is MurmurHash64A (Austin Appleby, 2008, public domain): eight bytes at a time, two multiplications of 64
 * bits each. Both halves of the result are folded into one word, and 0 becomes 1, since 0 stands for "not known". The
 * heap's seed is its seed, so that positions in tables differ from heap to heap; that is no defence against somebody
 * who can see them.
 */
import { OBJECT_IMMORTAL } from '../object-layout'
import {
  STATUS_TYPE,
  STRING_HASH_AT,
  STRING_TEXT_AT,
  VALUES_SEED_AT,
  VALUES_TYPE_STRING_AT,
} from '../value-layout'
import { headWord, isOf, payloadBytes, refuse, stateWord } from './world'

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

/** Hash of a string that is one. */
export function hashOf(reference: usize): u32 {
  const known = load<u32>(reference, STRING_HASH_AT)
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
  const hashA = load<u32>(a, STRING_HASH_AT)
  const hashB = load<u32>(b, STRING_HASH_AT)
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

/**
 * Keys of dictionaries: which a dictionary takes, when two are the same, and their hashes. Numbers are compared as
 * SameValueZero has it (ECMAScript, "Abstract operations: SameValueZero"): 1 is 1.0, 0 is -0, NaN is NaN. Strings are
 * compared by their text, all else by identity.
 *
 * The hash of a word is a multiplication with 2^32 divided by the golden ratio (Knuth, TAOCP 3, 6.4): words in sequence
 * are spread evenly by its highest bits. Those are folded down once, so that the lowest bits depend on all of the word.
 */
import { STATUS_OUT_OF_MEMORY } from '../layout'
import { CAUSE_MEMORY, COLLECT_COMPACT } from '../object-layout'
import { INTEGER_MAX, INTEGER_MIN, KEYS_INTEGER, KEYS_STRING, VALUES_TYPE_FLOAT_AT } from '../value-layout'
import { hashIfAny } from '../root/hashes'
import { kernelCollect, kernelIdentityHash } from './kernel'
import { hashOf, isSameString, isString } from './strings'
import { isInteger, isReference, wordOfInteger } from './words'
import { isOf, kept, refuse } from './world'

const GOLDEN: u32 = 0x9e3779b1

/**
 * The key as a dictionary with keys of `kind` keeps it: a float that is an integer in range becomes that integer. 0 for
 * what is no such key.
 */
// @ts-ignore: decorator
@inline
export function keyFor(kind: u32, key: u32): u32 {
  if (kind == KEYS_STRING) return isString(key) ? key : 0
  if (isInteger(key)) return key
  return kind == KEYS_INTEGER ? 0 : anyKey(key)
}

function anyKey(key: u32): u32 {
  if (!isReference(key)) return key
  if (key >> 16 >= <u32>memory.size()) return 0
  if (!isOf(key, VALUES_TYPE_FLOAT_AT)) return key
  const value = load<f64>(key)
  if (!(value >= <f64>INTEGER_MIN && value <= <f64>INTEGER_MAX)) return key
  const whole = <i32>value
  return <f64>whole == value ? wordOfInteger(whole) : key
}

/** Whether two different words that have the same hash are the same key. */
export function isSameKey(a: u32, b: u32): bool {
  if (isString(a)) return isString(b) && isSameString(a, b)
  return isOf(a, VALUES_TYPE_FLOAT_AT) && isOf(b, VALUES_TYPE_FLOAT_AT) && load<u64>(a) == load<u64>(b)
}

// @ts-ignore: decorator
@inline
export function hashOfWord(word: u32): u32 {
  const hash = word * GOLDEN
  return hash ^ (hash >> 15) | 1
}

// @ts-ignore: decorator
@inline
export function hashOfString(reference: usize): u32 {
  return hashOf(reference) | 1
}

/** Hash of a key as `keyFor` gave it, with its lowest bit set; 0 for an object that no table can know yet. */
// @ts-ignore: decorator
@inline
export function hashOfKey(key: u32): u32 {
  if (!isReference(key)) return hashOfWord(key)
  return isString(key) ? hashOfString(key) : hashOfObject(key)
}

function hashOfObject(key: u32): u32 {
  if (isOf(key, VALUES_TYPE_FLOAT_AT)) return hashOfWord(load<u32>(key) * GOLDEN + load<u32>(key, 4))
  // @ts-ignore: set by --use
  if (HW_COUNTED) return hashOfWord(key)
  else {
    const hash = hashIfAny(key)
    return hash ? hashOfWord(hash) : 0
  }
}

/** Give the object in an operand a hash: 0 when out of memory. May collect and move. */
export function makeHash(operand: u32): u32 {
  // @ts-ignore: set by --use
  if (HW_COUNTED) return hashOfWord(kept(operand))
  else {
    let hash = kernelIdentityHash(kept(operand))
    // In the small buffer the call itself has collected.
    // @ts-ignore: set by --use
    if (!HW_EMBEDDED) {
      if (!hash && !kernelCollect(COLLECT_COMPACT | (CAUSE_MEMORY << 8))) hash = kernelIdentityHash(kept(operand))
    }
    return hash ? hashOfWord(hash) : refuse(STATUS_OUT_OF_MEMORY)
  }
}

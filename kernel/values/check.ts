/**
 * The verifier of values: each live object of a type of values is looked at by itself, then the table of interned
 * strings. It is for heaps that their kernel has verified: headers and references are sound.
 *
 * All objects are walked to, not only those that are reachable: the kernels' walks meet nothing whose references are
 * not alive as well, so what is garbage already still has to be whole.
 */
import { isZero } from '../check/totals'
import { FAULT_NONE } from '../layout'
import { OBJECT_IMMORTAL, ROOT_WEAK } from '../object-layout'
import { heap } from '../overlay'
import { isRootSlot } from '../root/lists'
import {
  FAULT_VALUE,
  KIND_WIDE,
  OBJECT_WATCHED,
  STRING_HASH_AT,
  STRING_TEXT_AT,
  STRING_WATCH_AT,
  VALUES_INTERNED_AT,
  VALUES_INTERNED_COUNT_AT,
  VALUES_INTERNED_MOVED_AT,
  VALUES_INTERNED_OLD_AT,
  VALUES_INTERNED_USED_AT,
  VALUES_OPERANDS,
  VALUES_OPERANDS_AT,
  VALUES_TYPE_ARRAY_AT,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_DICTIONARY_AT,
  VALUES_TYPE_FLOAT_AT,
  VALUES_TYPE_PROPERTIES_AT,
  VALUES_TYPE_SHAPE_AT,
  VALUES_TYPE_STRING_AT,
} from '../value-layout'
import { capacityOf, elementBytes, kindOf, lengthOf, storeOf } from './arrays'
import { isDictionaryWhole } from './dictionary-check'
import { elementBytesOf, isNanWide, isWide, mayRefer, storeTypeAt } from './elements'
import { NAN_BITS } from './floats'
import { entryAt, findIn, hashAt, slotsOf, stringAt, whereAt } from './interned'
import { kernelNextObject } from './kernel'
import { isPropertiesWhole, isShapeWhole } from './property-check'
import { isReady } from './state'
import { codePointsOf, hashText, textBytes, textOf } from './strings'
import { codePointsIfValid } from './utf8'
import { headWord, isOf, payloadBytes, stateWord, typeOf, valuesAt } from './world'

/** 0 when every value is whole, else FAULT_VALUE; the control block then has the address of the one that is not. */
export function valuesVerify(): u32 {
  if (!isReady()) return FAULT_NONE
  // No call goes on.
  if (!isZero(valuesAt() + VALUES_OPERANDS_AT, VALUES_OPERANDS << 2)) return wrong(valuesAt())
  for (let at = kernelNextObject(0); at; at = kernelNextObject(at)) {
    if (!isWhole(at)) return wrong(at)
  }
  return checkInterned()
}

function wrong(at: usize): u32 {
  heap().fault = at
  return FAULT_VALUE
}

/** Whether an object is what its type says: one function for each type. */
function isWhole(reference: usize): bool {
  const type = typeOf(reference)
  if (type == stateWord(VALUES_TYPE_STRING_AT)) return isStringWhole(reference)
  if (type == stateWord(VALUES_TYPE_FLOAT_AT)) return isFloatWhole(reference)
  if (type == stateWord(VALUES_TYPE_ARRAY_AT)) return isArrayWhole(reference)
  if (type == stateWord(VALUES_TYPE_DICTIONARY_AT)) return isDictionaryWhole(reference)
  if (type == stateWord(VALUES_TYPE_PROPERTIES_AT)) return isPropertiesWhole(reference)
  if (type == stateWord(VALUES_TYPE_SHAPE_AT)) return isShapeWhole(reference)
  return true
}

/** UTF-8, as many code points as it says, and the hash of its text if it has one. */
function isStringWhole(string: usize): bool {
  if (payloadBytes(string) < STRING_TEXT_AT) return false
  const bytes = textBytes(string)
  if (codePointsIfValid(textOf(string), bytes) != <i64>codePointsOf(string)) return false
  const hash = load<u32>(string, STRING_HASH_AT)
  // An image may come from a heap with another seed.
  return !hash || (headWord(string) & OBJECT_IMMORTAL) != 0 || hash == hashText(textOf(string), bytes)
}

/** There is one NaN. */
function isFloatWhole(float: usize): bool {
  const value = load<f64>(float)
  return value == value || load<u64>(float) == NAN_BITS
}

/** The store is one for the kind, long enough, and empty behind the length where elements may refer. */
function isArrayWhole(array: usize): bool {
  const kind = kindOf(array)
  const bytes = elementBytes(array)
  if (!bytes || elementBytesOf(kind, bytes) != bytes) return false
  const length = lengthOf(array)
  const at = storeOf(array)
  if (!at) return length == 0
  if (!isOf(<u32>at, storeTypeAt(kind)) || payloadBytes(at) % bytes) return false
  const capacity = capacityOf(array)
  if (length > capacity) return false
  if (!mayRefer(kind)) return true
  if (!isZero(at + <usize>(length * bytes), (capacity - length) * bytes)) return false
  return kind == KIND_WIDE ? areWidesWhole(at, length) : areWordsWhole(at, length)
}

/** No element is 0. */
function areWordsWhole(at: usize, length: u32): bool {
  const end = at + (<usize>length << 2)
  for (let slot = at; slot < end; slot += 4) if (!load<u32>(slot)) return false
  return true
}

function areWidesWhole(at: usize, length: u32): bool {
  const end = at + (<usize>length << 3)
  for (let slot = at; slot < end; slot += 8) {
    const low = load<u32>(slot)
    const high = load<u32>(slot, 4)
    if (!isWide(low, high)) return false
    if (isNanWide(low, high) && load<u64>(slot) != NAN_BITS) return false
  }
  return true
}

// ---- interned strings -----------------------------------------------------------------------------------------------

function checkInterned(): u32 {
  const table = stateWord(VALUES_INTERNED_AT)
  const old = stateWord(VALUES_INTERNED_OLD_AT)
  if (!isTable(table) || !isTable(old) || (old && !table)) return wrong(table)
  const slots = slotsOf(table)
  let used: u32 = 0
  let entries: u32 = 0
  for (let i: u32 = 0; i < slots; i++) {
    const entry = entryAt(table, i)
    if (hashAt(entry) || whereAt(entry)) used++
    if (!hashAt(entry)) continue
    entries++
    if (!isEntryWhole(table, entry)) return wrong(entry)
  }
  const moved = stateWord(VALUES_INTERNED_MOVED_AT)
  if (moved && moved >= slotsOf(old ? old : table)) return wrong(table)
  for (let i: u32 = 0; i < slotsOf(old); i++) {
    const entry = entryAt(old, i)
    if (!hashAt(entry)) continue
    entries++
    if (i < moved || !isEntryWhole(old, entry) || isInBoth(table, entry)) return wrong(entry)
  }
  const isCounted = used == stateWord(VALUES_INTERNED_USED_AT) && entries == stateWord(VALUES_INTERNED_COUNT_AT)
  return isCounted && <u64>used << 2 <= <u64>slots * 3 ? FAULT_NONE : wrong(table)
}

/** Whether the text of an entry of the old table has another one in the table. */
function isInBoth(table: usize, entry: usize): bool {
  const string = stringAt(entry)
  return string != 0 && findIn(table, hashAt(entry), textOf(string), textBytes(string)) != 0
}

/** Whether it is a table, or none. */
function isTable(table: u32): bool {
  if (!table) return true
  const slots = slotsOf(table)
  return isOf(table, VALUES_TYPE_BYTES_AT) && payloadBytes(table) == slots << 3 && popcnt(slots) == 1
}

/** An entry with a hash leads to a string that leads back, and that is found by its text; or to one that has died. */
function isEntryWhole(table: usize, entry: usize): bool {
  const where = whereAt(entry)
  // @ts-ignore: set by --use
  if (!HW_COUNTED && !isRootSlot(ROOT_WEAK, where)) return false
  const string = stringAt(entry)
  if (!string) return true
  if (!isOf(<u32>string, VALUES_TYPE_STRING_AT) || load<u32>(string, STRING_HASH_AT) != hashAt(entry)) return false
  // @ts-ignore: set by --use
  const watch = HW_COUNTED ? <u32>entry + 4 : where
  if (load<u32>(string, STRING_WATCH_AT) != watch) return false
  // @ts-ignore: set by --use
  if (HW_COUNTED && !(headWord(string) & OBJECT_WATCHED)) return false
  return findIn(table, hashAt(entry), textOf(string), textBytes(string)) == entry
}

/**
 * Interned strings: one string of each text, found by its text, gone when nobody refers to it any more. Open addressing
 * with linear probing in an object of bytes, which is itself an object of the heap and grows and shrinks by the power.
 *
 *   entry    [ hash ][ where ]     { 0, 0 } is empty, { 0, 1 } was in use and is passed over, else there is a hash
 *   where    traced: the address of a weak root: collectors clear it when the string dies, put it right when that moves
 *            counted: the string; the entry's word is what watches it, so it becomes 0 when the string is released
 *   watch    word of the string, not 0 where it is interned: traced the weak root's address, counted that of `where`
 *
 *   COUNT = entries with a hash in both tables, USED = entries of the table that are not empty <= 3/4 of them
 *   entries of the old table below MOVED have no hash
 *
 * Nobody tells the table of deaths. So each insertion looks at some entries and drops the dead among them; when the
 * table is full, or a round over all of it has found few alive, what lives goes over to a table that fits, some entries
 * with each insertion: the table is never more than half full then, so all have gone over before it is full again.
 */
import { check } from '../host'
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  CAUSE_MEMORY,
  COLLECT_COMPACT,
  OBJECT_IMMORTAL,
  OBJECT_MAX_BYTES,
  PHASE_WEAK,
  ROOT_WEAK,
} from '../object-layout'
import { setHeadWord } from '../object/header'
import {
  OBJECT_WATCHED,
  STATUS_COUNT,
  STATUS_NONE,
  STATUS_TYPE,
  STRING_HASH_AT,
  STRING_WATCH_AT,
  VALUES_INTERNED_AT,
  VALUES_INTERNED_COUNT_AT,
  VALUES_INTERNED_MOVED_AT,
  VALUES_INTERNED_OLD_AT,
  VALUES_INTERNED_USED_AT,
  VALUES_TYPE_BYTES_AT,
} from '../value-layout'
import { young } from '../young-overlay'
import { kernelCollect, kernelRootAdd, kernelRootRemove, kernelWeakRootGet } from './kernel'
import {
  copyKept,
  hashOf,
  hashText,
  isInMemory,
  isSameText,
  isString,
  makeRepaired,
  makeValid,
  textBytes,
  textOf,
} from './strings'
import { codePointsIfValid } from './utf8'
import {
  allocate,
  failed,
  headWord,
  keep,
  kept,
  payloadBytes,
  refuse,
  release,
  retain,
  setStateWord,
  stateWord,
} from './world'

const ENTRY_SHIFT: u32 = 3
const WHERE_AT: u32 = 4
/** `where` of an entry that is passed over. */
const PASSED_OVER: u32 = 1
const SLOTS_MIN: u32 = 16
/** Entries that an insertion moves, or looks at. A table of half the size is filled in twice as many insertions. */
const STEP_ENTRIES: u32 = 16

// ---- entries --------------------------------------------------------------------------------------------------------

/** Entries that a table has room for. */
// @ts-ignore: decorator
@inline
export function slotsOf(table: usize): u32 {
  return table ? payloadBytes(table) >> ENTRY_SHIFT : 0
}

// @ts-ignore: decorator
@inline
export function entryAt(table: usize, index: u32): usize {
  return table + (<usize>index << ENTRY_SHIFT)
}

/** Hash of an entry, 0 of one that is empty or passed over. */
// @ts-ignore: decorator
@inline
export function hashAt(entry: usize): u32 {
  return load<u32>(entry)
}

// @ts-ignore: decorator
@inline
export function whereAt(entry: usize): u32 {
  return load<u32>(entry, WHERE_AT)
}

/** The string of an entry with a hash; 0 when it has died. */
export function stringAt(entry: usize): usize {
  const where = whereAt(entry)
  // @ts-ignore: set by --use
  if (HW_COUNTED) return where
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) {
    // What is dead is not cleared everywhere yet.
    if (young().phase == PHASE_WEAK) return kernelWeakRootGet(where)
  }
  return load<u32>(where)
}

/** The entry of a text in one table, 0 when it has none. */
export function findIn(table: usize, hash: u32, at: usize, bytes: u32): usize {
  if (!table) return 0
  const mask = slotsOf(table) - 1
  let i = hash & mask
  while (true) {
    const entry = entryAt(table, i)
    const known = hashAt(entry)
    if (known == hash) {
      const string = stringAt(entry)
      if (string && textBytes(string) == bytes && isSameText(textOf(string), at, bytes)) return entry
    } else if (!known && !whereAt(entry)) return 0
    i = (i + 1) & mask
  }
}

function find(hash: u32, at: usize, bytes: u32): usize {
  const entry = findIn(stateWord(VALUES_INTERNED_AT), hash, at, bytes)
  return entry ? entry : findIn(stateWord(VALUES_INTERNED_OLD_AT), hash, at, bytes)
}

/** Put an entry into the table, which has room, and say to its string where it is. */
function fill(hash: u32, where: u32): void {
  const table = stateWord(VALUES_INTERNED_AT)
  const mask = slotsOf(table) - 1
  let i = hash & mask
  while (hashAt(entryAt(table, i))) i = (i + 1) & mask
  const entry = entryAt(table, i)
  if (!whereAt(entry)) setStateWord(VALUES_INTERNED_USED_AT, stateWord(VALUES_INTERNED_USED_AT) + 1)
  check(stateWord(VALUES_INTERNED_USED_AT) < slotsOf(table), 1000, entry)
  store<u32>(entry, hash)
  store<u32>(entry, where, WHERE_AT)
  // @ts-ignore: set by --use
  if (HW_COUNTED) store<u32>(where, <u32>entry + WHERE_AT, STRING_WATCH_AT)
}

/** From here on the entry is passed over. */
function clearEntry(entry: usize): void {
  store<u32>(entry, 0)
  store<u32>(entry, PASSED_OVER, WHERE_AT)
}

/** Drop an entry whose string has died. False: it lives. */
function dropIfDead(entry: usize): bool {
  const where = whereAt(entry)
  // @ts-ignore: set by --use
  if (HW_COUNTED) {
    if (where) return false
  } else {
    if (load<u32>(where)) return false
    const status = kernelRootRemove(ROOT_WEAK, where)
    check(status == STATUS_OK, 1001, entry)
  }
  clearEntry(entry)
  setStateWord(VALUES_INTERNED_COUNT_AT, stateWord(VALUES_INTERNED_COUNT_AT) - 1)
  return true
}

// ---- the table ------------------------------------------------------------------------------------------------------

/** Begin a new table; what is in the one that is there goes over by and by. May collect. False: out of memory. */
function begin(slots: u32): bool {
  check(!stateWord(VALUES_INTERNED_OLD_AT), 1002, stateWord(VALUES_INTERNED_OLD_AT))
  if (slots > OBJECT_MAX_BYTES >> ENTRY_SHIFT) return refuse(STATUS_OUT_OF_MEMORY) != 0
  const made = allocate(stateWord(VALUES_TYPE_BYTES_AT), slots << ENTRY_SHIFT)
  if (!made) return false
  setStateWord(VALUES_INTERNED_OLD_AT, stateWord(VALUES_INTERNED_AT))
  setStateWord(VALUES_INTERNED_AT, <u32>made)
  setStateWord(VALUES_INTERNED_USED_AT, 0)
  setStateWord(VALUES_INTERNED_MOVED_AT, 0)
  return true
}

/** Move so many entries of the old table; without one, drop the dead ones among so many of the table. */
function advance(entries: u32): void {
  const old = stateWord(VALUES_INTERNED_OLD_AT)
  const table = old ? old : stateWord(VALUES_INTERNED_AT)
  const from = stateWord(VALUES_INTERNED_MOVED_AT)
  const slots = slotsOf(table)
  const end = entries < slots - from ? from + entries : slots
  for (let i = from; i < end; i++) {
    const entry = entryAt(table, i)
    const hash = hashAt(entry)
    if (!hash || dropIfDead(entry) || !old) continue
    fill(hash, whereAt(entry))
    clearEntry(entry)
  }
  setStateWord(VALUES_INTERNED_MOVED_AT, end < slots ? end : 0)
  if (end < slots || !old) return
  setStateWord(VALUES_INTERNED_OLD_AT, 0)
  release(<u32>old)
}

/** The least power of two, at least SLOTS_MIN, with room for `entries` at `numerator` quarters of it. */
function slotsFor(entries: u32, numerator: u32): u32 {
  let slots = SLOTS_MIN
  while (<u64>slots * numerator < <u64>entries << 2) slots <<= 1
  return slots
}

/** Room for one more entry. May collect and move. False: out of memory, which the state says. */
function makeRoom(): bool {
  if (!stateWord(VALUES_INTERNED_AT)) return begin(SLOTS_MIN)
  advance(STEP_ENTRIES)
  const slots = slotsOf(stateWord(VALUES_INTERNED_AT))
  const live = stateWord(VALUES_INTERNED_COUNT_AT)
  const isMoving = stateWord(VALUES_INTERNED_OLD_AT) != 0
  // Sizes are below 2^28: entries have eight bytes.
  const isFull = (stateWord(VALUES_INTERNED_USED_AT) + 1) << 2 > slots * 3
  const isRoundOver = !isMoving && !stateWord(VALUES_INTERNED_MOVED_AT)
  const isSparse = isRoundOver && slots > SLOTS_MIN && live << 2 < slots
  if (!isFull && !isSparse) return true
  check(!isMoving, 1003, stateWord(VALUES_INTERNED_AT))
  // At most half as large: all must have gone over before the new table is full.
  return begin(max(slotsFor(live + 1, 2), slots >> 1)) || !isFull
}

/** A weak root of a string, which may move: collections make room for one. 0: out of memory. */
function addWeakRoot(string: usize): usize {
  keep(0, <u32>string)
  let slot = kernelRootAdd(ROOT_WEAK, string)
  // In the small buffer the call itself has collected.
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) {
    if (!slot && !kernelCollect(COLLECT_COMPACT | (CAUSE_MEMORY << 8))) slot = kernelRootAdd(ROOT_WEAK, kept(0))
  }
  keep(0, 0)
  return slot
}

/** Enter a string that the caller owns and hands over, where there is room: the string, 0 when out of memory. */
function enter(string: usize, hash: u32): u32 {
  let entered = string
  let where = <u32>string
  store<u32>(string, hash, STRING_HASH_AT)
  // @ts-ignore: set by --use
  if (HW_COUNTED) setHeadWord(string, headWord(string) | OBJECT_WATCHED)
  else {
    where = <u32>addWeakRoot(string)
    if (!where) return refuse(STATUS_OUT_OF_MEMORY)
    entered = load<u32>(where)
    store<u32>(entered, where, STRING_WATCH_AT)
  }
  fill(hash, where)
  setStateWord(VALUES_INTERNED_COUNT_AT, stateWord(VALUES_INTERNED_COUNT_AT) + 1)
  return entered
}

/** The string of an entry, owned: new to the program, so a marker must see it. */
function handOut(entry: usize): u32 {
  const string = stringAt(entry)
  // @ts-ignore: set by --use
  if (HW_COUNTED) return retain(string) ? string : refuse(STATUS_COUNT)
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) if (young().phase) return kernelWeakRootGet(whereAt(entry))
  return string
}

// ---- calls ----------------------------------------------------------------------------------------------------------

/**
 * The one string of a text, owned; made if there is none. The text is UTF-8, repaired where it is not, and lies
 * anywhere but in an object. Nothing is allocated for a text that is known. 0: out of memory, BAD_ARGUMENT outside it.
 */
export function internText(at: usize, bytes: u32): u32 {
  if (!isInMemory(at, bytes)) return refuse(STATUS_BAD_ARGUMENT)
  const codePoints = codePointsIfValid(at, bytes)
  if (codePoints < 0) return internRepaired(at, bytes)
  const hash = hashText(at, bytes)
  const known = find(hash, at, bytes)
  if (known) return handOut(known)
  if (!makeRoom()) return 0
  const made = makeValid(at, bytes, <u32>codePoints)
  return made ? enterOrRelease(made, hash) : 0
}

/** The one string of a text, owned; 0 with STATUS_NONE when there is none yet. Allocates nothing. */
export function internedText(at: usize, bytes: u32): u32 {
  if (!isInMemory(at, bytes)) return refuse(STATUS_BAD_ARGUMENT)
  const known = find(hashText(at, bytes), at, bytes)
  return known ? handOut(known) : refuse(STATUS_NONE)
}

function internRepaired(at: usize, bytes: u32): u32 {
  const made = makeRepaired(at, bytes)
  if (!made) return 0
  const interned = intern(made)
  release(made)
  return interned
}

function enterOrRelease(string: u32, hash: u32): u32 {
  const entered = enter(string, hash)
  if (!entered) release(string)
  return entered
}

/** The one string with the text of `string`, owned: often itself. 0 with STATUS_TYPE when it is no string. */
export function intern(string: u32): u32 {
  if (!isString(string)) return refuse(STATUS_TYPE)
  if (isInterned(string)) return retain(string) ? string : refuse(STATUS_COUNT)
  const hash = hashOf(string)
  const known = find(hash, textOf(string), textBytes(string))
  if (known) return handOut(known)
  keep(0, string)
  const entered = makeRoom() ? enterKept(hash) : 0
  // Whoever calls may have operands of its own.
  keep(0, 0)
  return entered
}

/** Enter the string in operand 0; a copy of one that is part of an image, or watched already. */
function enterKept(hash: u32): u32 {
  const string = kept(0)
  if (load<u32>(string, STRING_WATCH_AT) || headWord(string) & (OBJECT_IMMORTAL | OBJECT_WATCHED)) {
    const copy = copyKept()
    return copy ? enterOrRelease(copy, hash) : 0
  }
  return retain(string) ? enterOrRelease(string, hash) : refuse(STATUS_COUNT)
}

/** Whether it is a string that is in the table. */
export function isInterned(string: u32): bool {
  if (!isString(string) || headWord(string) & OBJECT_IMMORTAL) return false
  const watch = load<u32>(string, STRING_WATCH_AT)
  return watch != 0 && !(watch & 3) && isInMemory(watch, 4) && load<u32>(watch) == string
}

/** Strings in the table that live. Looks at all entries. */
export function internedCount(): u32 {
  return liveIn(stateWord(VALUES_INTERNED_AT)) + liveIn(stateWord(VALUES_INTERNED_OLD_AT))
}

function liveIn(table: usize): u32 {
  const slots = slotsOf(table)
  let live: u32 = 0
  for (let i: u32 = 0; i < slots; i++) {
    const entry = entryAt(table, i)
    if (hashAt(entry) && stringAt(entry)) live++
  }
  return live
}

/** Entries that the table has room for. */
export function internCapacity(): u32 {
  return slotsOf(stateWord(VALUES_INTERNED_AT))
}

/** Drop what is dead and make the table as short as what lives allows, all at once. */
export function internTrim(): u32 {
  if (stateWord(VALUES_INTERNED_OLD_AT)) advance(u32.MAX_VALUE)
  setStateWord(VALUES_INTERNED_MOVED_AT, 0)
  advance(u32.MAX_VALUE)
  const table = stateWord(VALUES_INTERNED_AT)
  const live = stateWord(VALUES_INTERNED_COUNT_AT)
  if (!live) {
    setStateWord(VALUES_INTERNED_AT, 0)
    setStateWord(VALUES_INTERNED_USED_AT, 0)
    release(table)
    return STATUS_OK
  }
  const slots = slotsFor(live, 3)
  if (slots >= slotsOf(table)) return STATUS_OK
  if (!begin(slots)) return failed(STATUS_OUT_OF_MEMORY)
  advance(u32.MAX_VALUE)
  return STATUS_OK
}

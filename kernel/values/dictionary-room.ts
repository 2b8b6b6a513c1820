/**
 * Room in a dictionary: everything that allocates, before anything is entered; and the work that is done in pieces,
 * with each insertion and deletion. The dictionary is in operand 0, since each allocation may move it.
 *
 * Guarantee: what finds no memory leaves a dictionary with the same entries in the same order. No insertion or deletion
 * moves more entries and slots than a segment has, DICTIONARY_SLOT_STEPS and DICTIONARY_SQUEEZE_STEPS together. Not
 * counted: a directory, of segments or of parts of an index, has a word for 512 entries or 1024 slots, which is copied
 * or cleared when it doubles, and given back, with what it leads to, when the last entry goes.
 */
import { isZero } from '../check/totals'
import { check } from '../host'
import { STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_MAX_BYTES } from '../object-layout'
import {
  DICTIONARY_COUNT_AT,
  DICTIONARY_DIRECTORY_AT,
  DICTIONARY_FIRST_AT,
  DICTIONARY_FROM_AT,
  DICTIONARY_HOLES,
  DICTIONARY_INDEX_AT,
  DICTIONARY_LINEAR,
  DICTIONARY_LOCKS_AT,
  DICTIONARY_MARKS_AT,
  DICTIONARY_MOVED_AT,
  DICTIONARY_OLD_INDEX_AT,
  DICTIONARY_POSITIONS_MAX,
  DICTIONARY_SEGMENT_AT,
  DICTIONARY_SLOT_STEPS,
  DICTIONARY_SQUEEZE_STEPS,
  DICTIONARY_TO_AT,
  DICTIONARY_USED_AT,
  DICTIONARY_ENTRY_BYTES,
  ENTRY_HASH_AT,
  INDEX_FIRST_SLOTS,
  INDEX_FLAT_SLOTS,
  INDEX_PART_SHIFT,
  SEGMENT_ENTRIES_AT,
  SEGMENT_FIRST_ENTRIES,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_WORDS_AT,
} from '../value-layout'
import {
  addLive,
  directorySlot,
  dropIfEmpty,
  entryAt,
  entryIn,
  isLive,
  nextLive,
  numberAt,
  segmentBytes,
  segmentCapacity,
  segmentEntries,
  segmentOf,
  segmentShift,
  setNumberAt,
  setPart,
  worked,
} from './dictionary-entries'
import {
  blockingPart,
  enterSlot,
  isIndexFull,
  missingPart,
  moveSlot,
  moveSlots,
  slotCount,
  slotsFor,
} from './dictionary-index'
import {
  allocate,
  keep,
  kept,
  moveWords,
  NOWHERE,
  payloadBytes,
  put,
  putOwned,
  refuse,
  release,
  stateWord,
  take,
} from './world'

const DIRECTORY_FIRST_WORDS: u32 = 4

// ---- what is missing ------------------------------------------------------------------------------------------------

/** Whether one entry more, of that hash, needs memory. */
// @ts-ignore: decorator
@inline
export function lacksRoom(d: usize, hash: u32): bool {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (lacksEntry(d, numberAt(d, DICTIONARY_USED_AT)) || lacksSlot(d) || lacksTarget(d)) return true
  return index != 0 && slotCount(index) > INDEX_FLAT_SLOTS && (lacksPart(d, hash) || isTooLong(d))
}

/** Whether most slots of a long index are deleted ones: a much shorter one would do. One that was reserved has few. */
function isTooLong(d: usize): bool {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (!index || load<usize>(d, DICTIONARY_OLD_INDEX_AT)) return false
  const slots = slotCount(index)
  const isSparse = numberAt(d, DICTIONARY_COUNT_AT) < slots >> 7
  return isSparse && slots > INDEX_FLAT_SLOTS && numberAt(d, DICTIONARY_MARKS_AT) > slots >> 4
}

/** Whether a part of the index is missing, for an entry of that hash or for the next one from the old index. */
function lacksPart(d: usize, hash: u32): bool {
  if (missingPart(load<usize>(d, DICTIONARY_INDEX_AT), hash) != NOWHERE) return true
  return load<usize>(d, DICTIONARY_OLD_INDEX_AT) != 0 && blockingPart(d) != NOWHERE
}

function lacksEntry(d: usize, position: u32): bool {
  const directory = load<usize>(d, DICTIONARY_DIRECTORY_AT)
  if (!directory) return position >= segmentCapacity(load<usize>(d, DICTIONARY_SEGMENT_AT))
  if (position >> segmentShift() >= payloadBytes(directory) >> 2) return true
  return load<usize>(directorySlot(directory, position)) == 0
}

function lacksSlot(d: usize): bool {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (index) return isIndexFull(index, numberAt(d, DICTIONARY_MARKS_AT))
  return numberAt(d, DICTIONARY_USED_AT) - numberAt(d, DICTIONARY_FIRST_AT) >= DICTIONARY_LINEAR
}

/** Whether a squeeze that goes on cannot put an entry where it should go. */
function lacksTarget(d: usize): bool {
  const isOn = numberAt(d, DICTIONARY_FROM_AT) != 0 && !numberAt(d, DICTIONARY_LOCKS_AT)
  return isOn && lacksEntry(d, numberAt(d, DICTIONARY_TO_AT))
}

/** Make room for one entry more, of that hash, in the dictionary in operand 0: false when out of memory. */
export function makeRoom(hash: u32): bool {
  squeezeSmall(kept(0))
  if (numberAt(kept(0), DICTIONARY_USED_AT) >= DICTIONARY_POSITIONS_MAX) return refuse(STATUS_OUT_OF_MEMORY) != 0
  if (!makeEntry(numberAt(kept(0), DICTIONARY_USED_AT))) return false
  const isFull = lacksSlot(kept(0))
  if ((isFull || isTooLong(kept(0))) && !makeIndex(slotsWanted(kept(0))) && isFull) return false
  if (!makeParts(hash) || !unblock()) return false
  // The squeeze can wait.
  if (lacksTarget(kept(0))) makeEntry(numberAt(kept(0), DICTIONARY_TO_AT))
  return true
}

// ---- entries --------------------------------------------------------------------------------------------------------

/** Room for the entry of a position. */
function makeEntry(position: u32): bool {
  if (!lacksEntry(kept(0), position)) return true
  const known = load<usize>(kept(0), DICTIONARY_DIRECTORY_AT)
  if (!known && position < segmentEntries()) return growSegment(position + 1)
  const words = known ? payloadBytes(known) >> 2 : 0
  const wanted = (position >> segmentShift()) + 1
  if (wanted > words && !makeDirectory(max(max(words << 1, DIRECTORY_FIRST_WORDS), wanted))) return false
  if (!lacksEntry(kept(0), position)) return true
  const made = allocate(stateWord(VALUES_TYPE_WORDS_AT), segmentBytes(segmentEntries()))
  if (!made) return false
  setNumberAt(made, 0, 0)
  const directory = load<usize>(kept(0), DICTIONARY_DIRECTORY_AT)
  putOwned(directory, directorySlot(directory, position), made)
  return true
}

/** Make the only segment longer: as long as a power of two that holds `entries`. */
function growSegment(entries: u32): bool {
  let capacity = SEGMENT_FIRST_ENTRIES
  while (capacity < entries) capacity <<= 1
  const made = allocate(stateWord(VALUES_TYPE_WORDS_AT), segmentBytes(capacity))
  if (!made) return false
  const d = kept(0)
  const old = load<usize>(d, DICTIONARY_SEGMENT_AT)
  setNumberAt(made, 0, old ? numberAt(old, 0) : 0)
  if (old) {
    const words = segmentCapacity(old) * (DICTIONARY_ENTRY_BYTES >> 2)
    moveWords(made, made + SEGMENT_ENTRIES_AT, old + SEGMENT_ENTRIES_AT, words)
    worked(segmentCapacity(old))
    abandon(old)
  }
  setPart(d, d + DICTIONARY_SEGMENT_AT, made)
  return true
}

/** A directory, or a longer one. */
function makeDirectory(words: u32): bool {
  const made = allocate(stateWord(VALUES_TYPE_WORDS_AT), words << 2)
  if (!made) return false
  const d = kept(0)
  const old = load<usize>(d, DICTIONARY_DIRECTORY_AT)
  if (old) {
    moveWords(made, made, old, payloadBytes(old) >> 2)
    abandon(old)
  } else putOwned(made, made, take(d, d + DICTIONARY_SEGMENT_AT))
  setPart(d, d + DICTIONARY_DIRECTORY_AT, made)
  return true
}

/** What an object held belongs to another one now: it goes as one that refers to nothing. */
export function abandon(reference: usize): void {
  // Where objects are traced a marker must still find what it held: that was not shaded when it was copied.
  // @ts-ignore: set by --use
  if (HW_COUNTED) memory.fill(reference, 0, payloadBytes(reference))
}

// ---- index ----------------------------------------------------------------------------------------------------------

/**
 * Slots that the next index should have: twice as many, fewer, or as many without those that are deleted. There is room
 * for the insertions that come before all slots of this one have gone over: a 32nd of them.
 */
function slotsWanted(d: usize): u32 {
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  if (!index) return INDEX_FIRST_SLOTS
  const slots = slotCount(index)
  const count = numberAt(d, DICTIONARY_COUNT_AT)
  if (count >= (slots >> 3) * 3) return slots << 1
  if (count < slots >> 7) return max(slots >> 4, INDEX_FIRST_SLOTS)
  return count < slots >> 3 ? max(slots >> 1, INDEX_FIRST_SLOTS) : slots
}

/** An index of so many slots. The entries are entered, or go over from the one that is there, which has no other. */
function makeIndex(slots: u32): bool {
  const made = newIndex(slots)
  return made != 0 && useIndex(made)
}

/** An index of so many slots without parts, owned; 0 when out of memory. */
function newIndex(slots: u32): usize {
  if (slots > OBJECT_MAX_BYTES >> 2) return refuse(STATUS_OUT_OF_MEMORY)
  return slots <= INDEX_FLAT_SLOTS
    ? allocate(stateWord(VALUES_TYPE_BYTES_AT), slots << 2)
    : allocate(stateWord(VALUES_TYPE_WORDS_AT), ((slots >> INDEX_PART_SHIFT) + 1) << 2)
}

/** Use an index that is empty, and owned, from here on. */
function useIndex(made: usize): bool {
  const d = kept(0)
  check(load<usize>(d, DICTIONARY_OLD_INDEX_AT) == 0, 1052, d)
  const hadIndex = load<usize>(d, DICTIONARY_INDEX_AT) != 0
  if (hadIndex) putOwned(d, d + DICTIONARY_OLD_INDEX_AT, take(d, d + DICTIONARY_INDEX_AT))
  putOwned(d, d + DICTIONARY_INDEX_AT, made)
  setNumberAt(d, DICTIONARY_MOVED_AT, 0)
  setNumberAt(d, DICTIONARY_MARKS_AT, 0)
  return hadIndex || enterAll()
}

/** Enter all live positions of a dictionary of few; when there is no memory for that it has no index. */
function enterAll(): bool {
  for (let p = nextLive(kept(0), 0); p != NOWHERE; p = nextLive(kept(0), p + 1)) {
    const hash = load<u32>(entryAt(kept(0), p), ENTRY_HASH_AT)
    if (!makeParts(hash)) {
      put(kept(0), kept(0) + DICTIONARY_INDEX_AT, 0)
      return false
    }
    enterSlot(kept(0), p, hash)
    worked(1)
  }
  return true
}

/** Make the parts of the index that an entry of that hash may need. */
function makeParts(hash: u32): bool {
  while (true) {
    const index = load<usize>(kept(0), DICTIONARY_INDEX_AT)
    const part = index ? missingPart(index, hash) : NOWHERE
    if (part == NOWHERE) return true
    if (!makePart(part)) return false
  }
}

/** Let the old index go on into the other one. */
function unblock(): bool {
  if (!load<usize>(kept(0), DICTIONARY_OLD_INDEX_AT)) return true
  const part = blockingPart(kept(0))
  return part == NOWHERE || makePart(part)
}

function makePart(part: u32): bool {
  const made = allocate(stateWord(VALUES_TYPE_BYTES_AT), 4 << INDEX_PART_SHIFT)
  if (!made) return false
  const index = load<usize>(kept(0), DICTIONARY_INDEX_AT)
  putOwned(index, index + (<usize>part << 2), made)
  return true
}

/** Take all of the old index over. */
function finishIndex(): bool {
  moveSlots(kept(0), NOWHERE)
  while (load<usize>(kept(0), DICTIONARY_OLD_INDEX_AT)) {
    if (!unblock()) return false
    moveSlots(kept(0), NOWHERE)
  }
  return true
}

// ---- room that is reserved ------------------------------------------------------------------------------------------

/** Room for `capacity` entries, more than there are: false when out of memory, then what was made is given back. */
export function reserveRoom(capacity: u32): bool {
  if (!finishSqueeze()) return false
  const d = kept(0)
  const more = capacity - numberAt(d, DICTIONARY_COUNT_AT)
  const hadDirectory = load<usize>(d, DICTIONARY_DIRECTORY_AT) != 0
  let room = numberAt(d, DICTIONARY_USED_AT)
  while (!lacksEntry(d, room)) room = nextSegment(room)
  if (reserveEntries(more) && reserveIndex(capacity, more)) return true
  giveBack(room, hadDirectory)
  return refuse(STATUS_OUT_OF_MEMORY) != 0
}

/** Close the holes where that goes on or is due: the next insertions would do it, and move to other segments. */
function finishSqueeze(): bool {
  while (!numberAt(kept(0), DICTIONARY_LOCKS_AT) && isSqueezeDue(kept(0))) {
    if (lacksTarget(kept(0)) && !makeEntry(numberAt(kept(0), DICTIONARY_TO_AT))) return false
    squeeze(kept(0))
  }
  return true
}

/** First position of the segment behind that of a position. */
// @ts-ignore: decorator
@inline
function nextSegment(position: u32): u32 {
  return (position | (segmentEntries() - 1)) + 1
}

/** Segments for so many positions behind those in use. */
function reserveEntries(more: u32): bool {
  const used = numberAt(kept(0), DICTIONARY_USED_AT)
  if (more > DICTIONARY_POSITIONS_MAX - used) return false
  const end = used + more
  const first = min(end, segmentEntries())
  // Where a locked one of many was cleared the next entry is in a directory, though there is none.
  const isInOne = !load<usize>(kept(0), DICTIONARY_DIRECTORY_AT) && used < segmentEntries()
  const capacity = segmentCapacity(load<usize>(kept(0), DICTIONARY_SEGMENT_AT))
  if (isInOne && capacity < first && !growSegment(first)) return false
  // The last first: the directory gets its length at once.
  if (!makeEntry(end - 1)) return false
  for (let p = used; p < end; p = nextSegment(p)) if (!makeEntry(p)) return false
  return true
}

/** An index for `capacity` entries with all of its parts. Uses operand 1. */
function reserveIndex(capacity: u32, more: u32): bool {
  if (!finishIndex()) return false
  const d = kept(0)
  const index = load<usize>(d, DICTIONARY_INDEX_AT)
  const positions = numberAt(d, DICTIONARY_USED_AT) - numberAt(d, DICTIONARY_FIRST_AT) + more
  if (!index && positions <= DICTIONARY_LINEAR) return true
  const slots = slotsFor(capacity)
  // Slots that were deleted may be used again, or not.
  const marks = numberAt(d, DICTIONARY_MARKS_AT) + more
  const isKept = index != 0 && slotCount(index) >= slots && !isIndexFull(index, marks - 1)
  const made = isKept ? index : newIndex(max(slots, slotsWanted(d)))
  if (!made) return false
  keep(1, made)
  const isWhole = makeAllParts()
  const whole = kept(1)
  keep(1, 0)
  if (isKept) return isWhole
  if (isWhole) return useIndex(whole) && finishIndex()
  release(whole)
  return false
}

/** Make all parts of the index in operand 1, or leave out those that nothing is in. */
function makeAllParts(): bool {
  const slots = slotCount(kept(1))
  if (slots <= INDEX_FLAT_SLOTS) return true
  const end = slots >> INDEX_PART_SHIFT << 2
  for (let at: u32 = 0; at < end; at += 4) {
    if (load<usize>(kept(1) + at)) continue
    const made = allocate(stateWord(VALUES_TYPE_BYTES_AT), 4 << INDEX_PART_SHIFT)
    if (!made) {
      dropEmptyParts(kept(1), end)
      return false
    }
    putOwned(kept(1), kept(1) + at, made)
  }
  return true
}

function dropEmptyParts(index: usize, end: u32): void {
  for (let at: u32 = 0; at < end; at += 4) {
    const part = load<usize>(index + at)
    if (part && isZero(part, 4 << INDEX_PART_SHIFT)) put(index, index + at, 0)
  }
}

/** Give segments back from position `room` on, which has none before, and the directory if there was none. */
function giveBack(room: u32, hadDirectory: bool): void {
  const d = kept(0)
  const directory = load<usize>(d, DICTIONARY_DIRECTORY_AT)
  if (directory) {
    const positions = payloadBytes(directory) >> 2 << segmentShift()
    for (let p = room; p < positions; p = nextSegment(p)) {
      const slot = directorySlot(directory, p)
      const segment = load<usize>(slot)
      if (segment && !numberAt(segment, 0)) put(directory, slot, 0)
    }
    if (hadDirectory) return
    const only = take(directory, directory)
    if (only) putOwned(d, d + DICTIONARY_SEGMENT_AT, only)
    put(d, d + DICTIONARY_DIRECTORY_AT, 0)
  } else if (!room) put(d, d + DICTIONARY_SEGMENT_AT, 0)
}

// ---- work in pieces -------------------------------------------------------------------------------------------------

/** What each insertion and deletion does for the rest. */
// @ts-ignore: decorator
@inline
export function tend(d: usize): void {
  if (load<usize>(d, DICTIONARY_OLD_INDEX_AT)) moveSlots(d, DICTIONARY_SLOT_STEPS)
  if (isSqueezeDue(d)) squeeze(d)
}

/** Whether a squeeze goes on, or is to begin. */
// @ts-ignore: decorator
@inline
function isSqueezeDue(d: usize): bool {
  const limit = (numberAt(d, DICTIONARY_COUNT_AT) << 1) + DICTIONARY_HOLES
  return numberAt(d, DICTIONARY_FROM_AT) != 0 || numberAt(d, DICTIONARY_USED_AT) > limit
}

/** Close holes: move the next live entries to the front. */
function squeeze(d: usize): void {
  if (numberAt(d, DICTIONARY_LOCKS_AT)) return
  if (!numberAt(d, DICTIONARY_FROM_AT)) beginSqueeze(d)
  const used = numberAt(d, DICTIONARY_USED_AT)
  for (let i: u32 = 0; i < DICTIONARY_SQUEEZE_STEPS; i++) {
    const from = numberAt(d, DICTIONARY_FROM_AT)
    if (from >= used) {
      endSqueeze(d)
      return
    }
    const segment = segmentOf(d, from)
    if (!segment) setNumberAt(d, DICTIONARY_FROM_AT, min((from | (segmentEntries() - 1)) + 1, used))
    else if (!load<u32>(entryIn(segment, from))) setNumberAt(d, DICTIONARY_FROM_AT, from + 1)
    else if (!moveEntry(d, segment, from)) return
  }
}

function beginSqueeze(d: usize): void {
  const first = numberAt(d, DICTIONARY_FIRST_AT)
  setNumberAt(d, DICTIONARY_TO_AT, first == 0 && isLive(d, 0) ? 1 : 0)
  setNumberAt(d, DICTIONARY_FROM_AT, max<u32>(first, 1))
  setNumberAt(d, DICTIONARY_FIRST_AT, 0)
}

function endSqueeze(d: usize): void {
  setNumberAt(d, DICTIONARY_USED_AT, numberAt(d, DICTIONARY_TO_AT))
  setNumberAt(d, DICTIONARY_TO_AT, 0)
  setNumberAt(d, DICTIONARY_FROM_AT, 0)
}

/** Move the live entry at `from` to where it should go: false when its segment is not there. */
function moveEntry(d: usize, segment: usize, from: u32): bool {
  const to = numberAt(d, DICTIONARY_TO_AT)
  if (to != from) {
    const target = segmentOf(d, to)
    if (!target) return false
    const entry = entryIn(segment, from)
    const there = entryIn(target, to)
    const hash = load<u32>(entry, ENTRY_HASH_AT)
    moveWords(target, there, entry, 2)
    store<u32>(there, hash, ENTRY_HASH_AT)
    eraseMoved(segment, entry)
    addLive(target, 1)
    addLive(segment, -1)
    moveSlot(d, from, to, hash)
    dropIfEmpty(d, from)
    worked(1)
  }
  setNumberAt(d, DICTIONARY_TO_AT, to + 1)
  setNumberAt(d, DICTIONARY_FROM_AT, from + 1)
  return true
}

/** Erase an entry whose words belong to another one now. */
function eraseMoved(segment: usize, entry: usize): void {
  // @ts-ignore: set by --use
  if (HW_COUNTED) store<u64>(entry, 0)
  else {
    put(segment, entry, 0)
    put(segment, entry + 4, 0)
  }
  store<u32>(entry, 0, ENTRY_HASH_AT)
}

/** A dictionary of few entries without an index is squeezed at once, when that spares it an index. */
function squeezeSmall(d: usize): void {
  if (load<usize>(d, DICTIONARY_INDEX_AT) || load<usize>(d, DICTIONARY_DIRECTORY_AT)) return
  if (numberAt(d, DICTIONARY_LOCKS_AT) || !load<usize>(d, DICTIONARY_SEGMENT_AT)) return
  const used = numberAt(d, DICTIONARY_USED_AT)
  if (used > DICTIONARY_HOLES || numberAt(d, DICTIONARY_COUNT_AT) == used) return
  squeeze(d)
  while (numberAt(d, DICTIONARY_FROM_AT)) squeeze(d)
}

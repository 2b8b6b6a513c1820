/**
 * The entries of a dictionary: positions, segments, the directory. See "dictionaries" in `value-layout.ts`. Nothing
 * here allocates.
 */
import {
  DICTIONARY_DIRECTORY_AT,
  DICTIONARY_ENTRY_BYTES,
  DICTIONARY_FIRST_AT,
  DICTIONARY_FROM_AT,
  DICTIONARY_SEGMENT_AT,
  DICTIONARY_TO_AT,
  DICTIONARY_USED_AT,
  SEGMENT_ENTRIES_AT,
  SEGMENT_SHIFT,
  SEGMENT_SHIFT_EMBEDDED,
  VALUES_DICTIONARY_WORK_AT,
} from '../value-layout'
import { NOWHERE, payloadBytes, put, putOwned, release, setStateWord, stateWord, take } from './world'

// @ts-ignore: decorator
@inline
export function segmentShift(): u32 {
  // @ts-ignore: set by --use
  return HW_EMBEDDED ? SEGMENT_SHIFT_EMBEDDED : SEGMENT_SHIFT
}

/** Entries of a full segment. */
// @ts-ignore: decorator
@inline
export function segmentEntries(): u32 {
  return 1 << segmentShift()
}

/** A number of a dictionary, `DICTIONARY_…_AT`. */
// @ts-ignore: decorator
@inline
export function numberAt(d: usize, at: u32): u32 {
  return load<u32>(d + at) >> 1
}

// @ts-ignore: decorator
@inline
export function setNumberAt(d: usize, at: u32, value: u32): void {
  store<u32>(d + at, (value << 1) | 1)
}

/** Replace a part of `holder` by one that the caller owns. */
export function setPart(holder: usize, slot: usize, made: usize): void {
  const old = take(holder, slot)
  putOwned(holder, slot, made)
  release(old)
}

/** Debug build: so many slots and entries were moved. */
// @ts-ignore: decorator
@inline
export function worked(moves: u32): void {
  // @ts-ignore: set by --use
  if (HW_DEBUG) setStateWord(VALUES_DICTIONARY_WORK_AT, stateWord(VALUES_DICTIONARY_WORK_AT) + moves)
}

// ---- segments -------------------------------------------------------------------------------------------------------

/** Entries that a segment has room for. */
// @ts-ignore: decorator
@inline
export function segmentCapacity(segment: usize): u32 {
  return segment ? (payloadBytes(segment) - SEGMENT_ENTRIES_AT) / DICTIONARY_ENTRY_BYTES : 0
}

// @ts-ignore: decorator
@inline
export function segmentBytes(entries: u32): u32 {
  return SEGMENT_ENTRIES_AT + entries * DICTIONARY_ENTRY_BYTES
}

/** The word of a directory for the segment of a position. */
// @ts-ignore: decorator
@inline
export function directorySlot(directory: usize, position: u32): usize {
  return directory + ((position >> segmentShift()) << 2)
}

/** Segment of a position that is in use, 0 when all of its entries are holes. */
// @ts-ignore: decorator
@inline
export function segmentOf(d: usize, position: u32): usize {
  const directory = load<usize>(d, DICTIONARY_DIRECTORY_AT)
  return directory ? load<usize>(directorySlot(directory, position)) : load<usize>(d, DICTIONARY_SEGMENT_AT)
}

// @ts-ignore: decorator
@inline
export function entryIn(segment: usize, position: u32): usize {
  return segment + SEGMENT_ENTRIES_AT + (position & (segmentEntries() - 1)) * DICTIONARY_ENTRY_BYTES
}

/** One live entry more, or less, in a segment. */
// @ts-ignore: decorator
@inline
export function addLive(segment: usize, more: i32): void {
  setNumberAt(segment, 0, numberAt(segment, 0) + more)
}

/** A segment of a directory goes when it has no live entries. */
export function dropIfEmpty(d: usize, position: u32): void {
  const directory = load<usize>(d, DICTIONARY_DIRECTORY_AT)
  if (!directory) return
  const slot = directorySlot(directory, position)
  if (!numberAt(load<usize>(slot), 0)) put(directory, slot, 0)
}

// ---- positions ------------------------------------------------------------------------------------------------------

/** Entry of a position in use, 0 when it is a hole in a segment that is not there. */
// @ts-ignore: decorator
@inline
export function entryAt(d: usize, position: u32): usize {
  const segment = segmentOf(d, position)
  return segment ? entryIn(segment, position) : 0
}

// @ts-ignore: decorator
@inline
export function isLive(d: usize, position: u32): bool {
  const entry = entryAt(d, position)
  return entry != 0 && load<u32>(entry) != 0
}

/** First live position from `position` on, looked for in at most `steps`: NOWHERE at the end; a hole when steps end. */
export function skipHoles(d: usize, position: u32, steps: u32): u32 {
  const used = numberAt(d, DICTIONARY_USED_AT)
  const to = numberAt(d, DICTIONARY_TO_AT)
  const from = numberAt(d, DICTIONARY_FROM_AT)
  let p = max(position, numberAt(d, DICTIONARY_FIRST_AT))
  let left = steps
  while (true) {
    if (p >= to && p < from) p = from
    if (p >= used) return NOWHERE
    if (!left--) return p
    const segment = segmentOf(d, p)
    if (!segment) p = (p | (segmentEntries() - 1)) + 1
    else if (load<u32>(entryIn(segment, p))) return p
    else p++
  }
}

/** First live position from `position` on, NOWHERE at the end. */
// @ts-ignore: decorator
@inline
export function nextLive(d: usize, position: u32): u32 {
  return skipHoles(d, position, NOWHERE)
}

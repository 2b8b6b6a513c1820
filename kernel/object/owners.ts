/**
 * Memory of another heap that objects of this one may refer to: whole MiBs of immortal objects with a map of their own,
 * entered in this heap's chunk table so that every marker finds their map bytes there and takes them for marked.
 *
 *   table entry   { mapBias, lo = start, 0, bytes | FOREIGN_MIB }
 *
 * What is entered is not held, not counted, not freed and not walked; addresses in it are foreign to every call on
 * blocks. Its owner must outlive this heap, and gives the segments out (`collect/shared.ts`).
 *
 * Then the check of owners: in a heap of pieces, whose neighbours in the same memory are other heaps, a store is done
 * only when its word lies in an object's place of this heap and what is stored leads nowhere else. A heap of any other
 * kind pays one load and a branch for it.
 */
import {
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CONTEXT_OFFSET,
  FLAG_PIECES,
  FOREIGN_MIB,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  HEAP_FLAGS_AT,
  HEAP_LENT_AT,
  STATUS_BAD_ARGUMENT,
  STATUS_FOREIGN,
  STATUS_OK,
} from '../layout'
import { MAP_OBJECT } from '../object-layout'
import { Entry, context, entryOf, heap, holds, mapAt, self } from '../overlay'
import { isReference } from './words'
import { isForeignMib, isHugeCode } from '../region/huge'
import { unitTag } from '../region/piece'

const MIB_MASK: u32 = CHUNK_BYTES - 1
/** How far below the context the control block has its flags, */
const FLAGS_BELOW: u32 = CONTEXT_OFFSET - HEAP_FLAGS_AT
/** And what it has lent. */
const LENT_BELOW: u32 = CONTEXT_OFFSET - HEAP_LENT_AT

// ---- entering and leaving -------------------------------------------------------------------------------------------

/** Whether [start, start + bytes) can be memory of somebody's with its map where `mapBias` says. */
function isSegment(start: usize, bytes: u32, mapBias: usize): bool {
  if ((start | bytes) & MIB_MASK || !start || !bytes) return false
  if (mapBias & (GRANULE_BYTES - 1) || isHugeCode(<u32>mapBias)) return false
  const end = <u64>(<u32>memory.size()) << 16
  const map = mapBias + (start >> GRANULE_SHIFT)
  return <u64>start + <u64>bytes <= end && <u64>map + <u64>(bytes >> GRANULE_SHIFT) <= end
}

/** Whether the table's place of a MiB is that of one that this heap may come to hold. */
function isWanted(mib: u32): bool {
  const h = heap()
  // The table of a heap of pieces has a place for each MiB around it.
  if (h.flags & FLAG_PIECES) return false
  const first = <u32>(h.base >> CHUNK_SHIFT)
  const last = <u32>((h.end - 1) >> CHUNK_SHIFT)
  return ((mib - first) & (h.tableMask >> 4)) <= last - first
}

// @ts-ignore: decorator
@inline
function isEntered(entry: Entry, start: usize, bytes: u32, mapBias: usize): bool {
  return !entry.spanGranules && entry.lo == start && entry.unitBias == (bytes | FOREIGN_MIB) && entry.mapBias == mapBias
}

/**
 * Let objects refer to the immortal ones in the MiBs [start, start + bytes), whose map has the bias `mapBias`. Once
 * more is as good as once. BAD_ARGUMENT, and nothing has changed: no such memory, or no free place in the table.
 */
export function shareEnter(start: usize, bytes: u32, mapBias: usize): u32 {
  if (!isSegment(start, bytes, mapBias)) return STATUS_BAD_ARGUMENT
  if (bytes >> CHUNK_SHIFT > (heap().tableMask >> 4) + 1) return STATUS_BAD_ARGUMENT
  for (let at = start; at < start + bytes; at += CHUNK_BYTES) {
    const entry = entryOf(at)
    if (isEntered(entry, start, bytes, mapBias)) continue
    if (entry.spanGranules || entry.lo || isWanted(<u32>(at >> CHUNK_SHIFT))) return STATUS_BAD_ARGUMENT
  }
  for (let at = start; at < start + bytes; at += CHUNK_BYTES) {
    const entry = entryOf(at)
    entry.mapBias = mapBias
    entry.lo = start
    entry.unitBias = bytes | FOREIGN_MIB
  }
  return STATUS_OK
}

/** Forget the segment at `start`, to which nothing of this heap may refer any more. BAD_ARGUMENT: there is none. */
export function shareLeave(start: usize): u32 {
  const first = entryOf(start)
  if (first.spanGranules || first.lo != start || !start || !isForeignMib(first)) return STATUS_BAD_ARGUMENT
  const bytes = <u32>first.unitBias & ~FOREIGN_MIB
  for (let at = start; at < start + bytes; at += CHUNK_BYTES) {
    const entry = entryOf(at)
    entry.mapBias = 0
    entry.lo = 0
    entry.unitBias = 0
  }
  return STATUS_OK
}

/** For the verifier: 0 when every entry of a foreign MiB is one of a whole segment, else where one is that is not. */
export function wrongForeignMib(): usize {
  const mask = heap().tableMask >> 4
  for (let index: u32 = 0; index <= mask; index++) {
    const entry = changetype<Entry>(context().table + (<usize>index << 4))
    if (entry.spanGranules || !isForeignMib(entry)) continue
    const bytes = <u32>entry.unitBias & ~FOREIGN_MIB
    const inside = (index - <u32>(entry.lo >> CHUNK_SHIFT)) & mask
    if (!isSegment(entry.lo, bytes, entry.mapBias) || inside >= bytes >> CHUNK_SHIFT) return changetype<usize>(entry)
    // The first MiB answers for all of them, and each of them for the first.
    const end = inside ? entry.lo + CHUNK_BYTES : entry.lo + bytes
    for (let at = entry.lo; at < end; at += CHUNK_BYTES) {
      if (!isEntered(entryOf(at), entry.lo, bytes, entry.mapBias)) return changetype<usize>(entry)
    }
  }
  return 0
}

// ---- what an address leads to ---------------------------------------------------------------------------------------

/**
 * Whether `header`, which is none of a chunk of ours, lies in whole MiBs with a map of their own: a nursery's, those of
 * shared objects, own ones or not. Any number may be asked.
 */
// @ts-ignore: decorator
@inline
export function hasOwnMap(entry: Entry, header: usize): bool {
  if (entry.spanGranules || header - entry.lo >= (entry.unitBias & ~(<usize>FOREIGN_MIB))) return false
  return !isHugeCode(<u32>entry.mapBias)
}

// ---- the check of owners --------------------------------------------------------------------------------------------

/** Whether this heap has neighbours that its objects must not be mixed with. */
// @ts-ignore: decorator
@inline
export function hasOwners(): bool {
  // @ts-ignore: set by --use
  if (HW_EMBEDDED || HW_COUNTED) return false
  return (load<u32>(self - FLAGS_BELOW) & FLAG_PIECES) != 0
}

/** Whether the word is a reference that leads neither into this heap nor to what it shares. Any word may be asked. */
// @ts-ignore: decorator
@inline
export function isForeign(word: usize): bool {
  return hasOwners() && leadsElsewhere(word)
}

function leadsElsewhere(word: usize): bool {
  return isReference(word) && !leadsHome(word)
}

/** The same as a status. */
// @ts-ignore: decorator
@inline
export function ownerStatus(word: usize): u32 {
  return isForeign(word) ? STATUS_FOREIGN : STATUS_OK
}

/** Whether this heap has lent some of what it holds to heaps within it. */
// @ts-ignore: decorator
@inline
function hasLent(): bool {
  return load<u32>(self - LENT_BELOW) != 0
}

/** Whether it leads into what this heap holds and has not lent, or to shared objects. */
// @ts-ignore: decorator
@inline
function leadsHome(reference: usize): bool {
  const header = reference - 8
  const entry = entryOf(header)
  if (!holds(entry, header)) return hasOwnMap(entry, header)
  return !hasLent() || isObjectPlace(entry, header)
}

/** Whether a place of ours is one of objects: in a block of them, or by its map byte. What is lent is neither. */
function isObjectPlace(entry: Entry, header: usize): bool {
  return (load<u8>(mapAt(entry, header)) & MAP_OBJECT) != 0 || unitTag(entry, header) != 0
}

/** Whether the word at `slot` lies where this heap has objects of its own, which are no immortal ones of others. */
// @ts-ignore: decorator
@inline
function isOwnWord(slot: usize): bool {
  const granule = slot & ~(<usize>GRANULE_BYTES - 1)
  const entry = entryOf(granule)
  if (holds(entry, granule)) return true
  return !entry.spanGranules && !isForeignMib(entry) && granule - entry.lo < entry.unitBias
}

/** Whether `count` words from `slot` on do, and `holder` is an object here. */
export function areOwnWords(holder: usize, slot: usize, count: u32): bool {
  if (hasLent() && !leadsHome(holder)) return false
  const end = <u64>slot + ((<u64>count) << 2)
  // Between two words of one MiB that are ours nothing is another's: a heap has one chunk in a MiB.
  for (let at = <u64>slot; at < end; ) {
    const stop = min<u64>(end, (at | MIB_MASK) + 1)
    if (!isOwnWord(<usize>at) || !isOwnWord(<usize>(stop - 4))) return false
    at = stop
  }
  return true
}

/** Whether a word may be stored at `slot` of `holder`, in a heap that has neighbours. */
export function mayStore(holder: usize, slot: usize, word: usize): bool {
  if (hasLent() && !leadsHome(holder)) return false
  return isOwnWord(slot) && (!isReference(word) || leadsHome(word))
}

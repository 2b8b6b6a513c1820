/**
 * The verifier of the `embedded` buffer, second half: every reference leads to the first byte of an object.
 *
 * Method: there is no map beside the objects and no bit of a header that user bytes could not mimic, so the starts of
 * objects are entered in a bitmap that lies in the free gap, one bit for 8 bytes. If the gap is too short for all of
 * them, the objects are taken part by part (a *window*), and all references are looked at once for each part. At least
 * MARK_RESERVE_BYTES are there, which is a window of 4 KiB.
 *
 * The links of handle segments, root lists and tables are checked against the list of blocks before they are followed.
 */
import {
  FAULT_REFERENCE,
  FAULT_ROOT,
  FAULT_SIDE_TABLE,
  FAULT_SPACE,
  OBJECT_HEADER_BYTES,
  ROOT_KINDS,
  ROOT_PINNED,
  ROOT_SLOT,
  ROOT_STRONG,
  ROOT_WEAK,
  SEGMENT_HEAD_BYTES,
  SPACE_GLOBAL_OBJECT_AT,
  SPACE_PENDING_EXCEPTION_AT,
} from '../object-layout'
import { rootListAt, space, spaceAt, typeInfo } from '../object-overlay'
import { addressOf, heap } from '../overlay'
import { BLOCK_HEAD_BYTES, BLOCK_TABLE, stateAt, usableBytes } from '../buffer/blocks'
import { BUFFER_MAX_BYTES, HOLE, buffer, isInObjects, objectsFrom } from '../buffer/buffer-state'
import { isImmortalStart } from '../collect/embedded-images'
import { headWord, isHashed, objectBytes, payloadBytes, typeOf } from '../object/header'
import { scan, scanWeakWords } from '../object/scan'
import { isReference } from '../object/words'
import { visitFinalizerSlots } from '../root/finalizers'
import { visitHandles } from '../root/handles'
import { findHash, hashEntry, visitHashSlots } from '../root/hashes'
import { isInUse, visitList } from '../root/lists'
import { areStacksSound } from '../root/shadow'
import { VALUES_ROOTS_BYTES, valuesRootsEnd, valuesState } from '../root/values'

/** Note the first fault. */
export function fault(code: u32, address: usize): void {
  if (buffer().fault) return
  buffer().fault = code
  heap().fault = address
}

/** Whether a table of at least `bytes` starts at `at`. */
export function isTable(at: usize, bytes: u32): bool {
  return stateAt(at) == BLOCK_TABLE && usableBytes(at) >= bytes
}

export function verifyReferences(): void {
  const b = buffer()
  checkLinks()
  if (b.fault) return
  const end = space().bump
  let at = objectsFrom()
  do {
    at = enterWindow(at)
    visitEverything()
    if (b.fault) return
  } while (at < end)
  checkHashes()
}

// ---- windows --------------------------------------------------------------------------------------------------------

/** Enter the objects from `from` on in the bitmap, as many as it holds; gives the address behind them. */
function enterWindow(from: usize): usize {
  const b = buffer()
  const s = space()
  const bitmap = s.bump
  const gap = <u32>(b.blocksFrom - bitmap) & ~7
  const windowEnd = <usize>min<u64>(<u64>from + (<u64>gap << 6), <u64>s.bump)
  b.windowFrom = from
  b.windowEnd = windowEnd
  memory.fill(bitmap, 0, gap)
  let at = from
  while (at < windowEnd) {
    if (headWord(at + OBJECT_HEADER_BYTES) != HOLE) setStart(bitmap, <u32>((at - from) >> 3))
    at += objectBytes(at + OBJECT_HEADER_BYTES)
  }
  // The last object may reach beyond; what starts behind it is in the next window.
  b.windowEnd = at
  return at
}

// @ts-ignore: decorator
@inline
function setStart(bitmap: usize, index: u32): void {
  store<u8>(bitmap + (index >> 3), load<u8>(bitmap + (index >> 3)) | (<u8>1 << <u8>(index & 7)))
}

/** The word at `slot` must be no reference, or an object's. Those of other windows are looked at later. */
function checkSlot(slot: usize, code: u32): void {
  const b = buffer()
  const s = space()
  const reference = load<usize>(slot)
  if (!isReference(reference)) return
  const header = reference - OBJECT_HEADER_BYTES
  if (header < objectsFrom() || header >= s.bump) {
    if (!isImmortalStart(reference)) fault(code, slot)
    return
  }
  if (header < b.windowFrom || header >= b.windowEnd) return
  const index = <u32>((header - b.windowFrom) >> 3)
  const isStart = index >> 3 < <u32>(b.blocksFrom - s.bump) && (load<u8>(s.bump + (index >> 3)) >> (index & 7)) & 1
  if (!isStart) fault(code, slot)
}

/** Look at every word that refers to an object of the window. */
function visitEverything(): void {
  const end = space().bump
  for (let at = objectsFrom(); at < end; at += objectBytes(at + OBJECT_HEADER_BYTES)) {
    const reference = at + OBJECT_HEADER_BYTES
    if (headWord(reference) == HOLE) continue
    scan<FieldCheck>(reference)
    scanWeakWords<FieldCheck>(reference, typeInfo(typeOf(reference)).shape, payloadBytes(reference))
    if (buffer().fault) return
  }
  const s = space()
  checkSlot(spaceAt() + SPACE_GLOBAL_OBJECT_AT, FAULT_ROOT)
  checkSlot(spaceAt() + SPACE_PENDING_EXCEPTION_AT, FAULT_ROOT)
  for (let slot = s.shadowBase; slot < s.shadowTop; slot += 4) checkSlot(slot, FAULT_ROOT)
  for (let slot = s.pinBase; slot < s.pinTop; slot += 4) checkSlot(slot, FAULT_ROOT)
  const valuesEnd = valuesRootsEnd()
  for (let slot = valuesState(); slot < valuesEnd; slot += 4) checkSlot(slot, FAULT_ROOT)
  visitHandles<RootCheck>()
  visitList<RootCheck>(ROOT_STRONG)
  visitList<RootCheck>(ROOT_PINNED)
  visitList<WeakRootCheck>(ROOT_WEAK)
  visitList<NamedWordCheck>(ROOT_SLOT)
  visitFinalizerSlots<TableCheck>()
  visitHashSlots<TableCheck>()
}

@unmanaged
@final
class FieldCheck {
  visit(slot: usize): void {
    checkSlot(slot, FAULT_REFERENCE)
  }
}

@unmanaged
@final
class RootCheck {
  visit(slot: usize): void {
    checkSlot(slot, FAULT_ROOT)
  }
}

/** Null or a reference, and no word of the program's. */
@unmanaged
@final
class WeakRootCheck {
  visit(slot: usize): void {
    if (load<usize>(slot) & 7) fault(FAULT_ROOT, slot)
    else checkSlot(slot, FAULT_ROOT)
  }
}

@unmanaged
@final
class NamedWordCheck {
  visit(entry: usize): void {
    const word = load<usize>(entry)
    if (word & 3 || <u64>word + 4 > <u64>(<u32>memory.size()) << 16) fault(FAULT_ROOT, entry)
    else checkSlot(word, FAULT_ROOT)
  }
}

@unmanaged
@final
class TableCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isInObjects(reference) && !isImmortalStart(reference)) fault(FAULT_SIDE_TABLE, slot)
    checkSlot(slot, FAULT_SIDE_TABLE)
  }
}

/** Where the heads of segments keep their ends. */
const HANDLE_END_AT: u32 = 8
const ROOT_END_AT: u32 = 4

// ---- links ----------------------------------------------------------------------------------------------------------

/** What visiting will follow: stacks, segments, lists, tables. */
function checkLinks(): void {
  const b = buffer()
  checkStacks()
  checkHandles()
  for (let kind: u32 = 0; kind < ROOT_KINDS; kind++) if (!b.fault) checkList(kind)
  if (!b.fault) checkFinalizers()
  if (!b.fault) checkHashTable()
}

function checkStacks(): void {
  const s = space()
  const isSound =
    areStacksSound() &&
    isStack(s.shadowBase, s.shadowLimit) &&
    isStack(s.pinBase, s.pinLimit)
  if (!isSound || !isStateSound()) fault(FAULT_SPACE, spaceAt())
}

function isStateSound(): bool {
  return !valuesState() || isTable(valuesState(), VALUES_ROOTS_BYTES)
}

function isStack(base: usize, limit: usize): bool {
  return base ? isTable(base, <u32>(limit - base)) : limit == 0
}

/** More segments than fit the buffer: a ring. */
// @ts-ignore: decorator
@inline
function segmentsMax(): u32 {
  return heap().committedBytes / (SEGMENT_HEAD_BYTES + BLOCK_HEAD_BYTES)
}

/** Segments are tables, linked both ways; what lies above the top is zero. */
function checkHandles(): void {
  const s = space()
  const current = s.handleSegment
  if (!current) {
    if (s.handleTop | s.handleLimit) fault(FAULT_SPACE, spaceAt())
    return
  }
  let left = segmentsMax()
  for (let at = current, next: usize = 0; at; next = at, at = load<usize>(at)) {
    if (!isSegment(at, HANDLE_END_AT) || !left--) return fault(FAULT_ROOT, at)
    if (next && load<usize>(at, 4) != next) return fault(FAULT_ROOT, at)
  }
  const end = load<usize>(current, 8)
  const isTopSound = s.handleTop >= current + SEGMENT_HEAD_BYTES && s.handleTop <= end && !(s.handleTop & 3)
  if (!isTopSound || s.handleLimit != end) return fault(FAULT_SPACE, spaceAt())
  checkUnusedHandles(s.handleTop, end)
  for (let at = load<usize>(current, 4), prev = current; at; prev = at, at = load<usize>(at, 4)) {
    if (!isSegment(at, HANDLE_END_AT) || load<usize>(at) != prev) return fault(FAULT_ROOT, at)
    checkUnusedHandles(at + SEGMENT_HEAD_BYTES, load<usize>(at, 8))
    if (!left--) return fault(FAULT_ROOT, at)
  }
}

function checkUnusedHandles(from: usize, end: usize): void {
  for (let slot = from; slot < end; slot += 4) if (load<usize>(slot)) fault(FAULT_ROOT, slot)
}

/** Whether a table lies at `at` that reaches to the end in its word at `endAt`. */
function isSegment(at: usize, endAt: u32): bool {
  if (!isTable(at, SEGMENT_HEAD_BYTES)) return false
  const end = load<usize>(at + endAt)
  return !(end & 3) && end >= at + SEGMENT_HEAD_BYTES && end <= at + usableBytes(at)
}

/** Segments are tables, and the free slots are those of the free list. */
function checkList(kind: u32): void {
  const list = rootListAt(kind)
  const step: u32 = kind == ROOT_SLOT ? 8 : 4
  let left = segmentsMax()
  let free: u32 = 0
  for (let at = load<usize>(list); at; at = load<usize>(at)) {
    if (!isSegment(at, ROOT_END_AT) || !left--) return fault(FAULT_ROOT, at)
    const end = load<usize>(at + ROOT_END_AT)
    if (<u32>(end - at) & 7) return fault(FAULT_ROOT, at)
    for (let slot = at + SEGMENT_HEAD_BYTES; slot < end; slot += step) if (!isInUse(at, slot, step)) free++
  }
  let slot = load<usize>(list, 4)
  while (slot) {
    if (!free-- || !isFreeSlot(list, slot, step)) return fault(FAULT_ROOT, slot)
    slot = load<usize>(slot) - 1
  }
  if (free) fault(FAULT_ROOT, list)
}

function isFreeSlot(list: usize, slot: usize, step: u32): bool {
  for (let at = load<usize>(list); at; at = load<usize>(at)) {
    const first = at + SEGMENT_HEAD_BYTES
    if (slot >= first && slot < load<usize>(at, 4)) return (slot - first) % step == 0 && !isInUse(at, slot, step)
  }
  return false
}

function checkFinalizers(): void {
  const s = space()
  const capacity = s.finalizerCapacity
  const isSound =
    capacity <= BUFFER_MAX_BYTES >> 3 &&
    s.finalizerTaken <= s.finalizerReady &&
    <u64>s.finalizerCount * 2 + s.finalizerReady <= <u64>capacity &&
    (capacity ? isTable(s.finalizers, capacity << 3) : s.finalizers == 0)
  if (!isSound) return fault(FAULT_SIDE_TABLE, spaceAt())
  for (let i: u32 = 0; i < s.finalizerCount; i++) {
    if (!load<u32>(s.finalizers + (i << 3), 4)) fault(FAULT_SIDE_TABLE, s.finalizers + (i << 3))
  }
}

const HASH_ENTRY_BYTES: u32 = 12

/** The index has a place for each entry, and places left: so every search ends. */
function checkHashTable(): void {
  const s = space()
  const capacity = s.hashCapacity
  const isSound =
    capacity <= BUFFER_MAX_BYTES / (HASH_ENTRY_BYTES + 8) &&
    !(capacity & (capacity - 1)) &&
    s.hashCount <= capacity &&
    (capacity ? isTable(s.hashes, capacity * (HASH_ENTRY_BYTES + 8)) : s.hashes == 0)
  if (!isSound) return fault(FAULT_SIDE_TABLE, spaceAt())
  if (s.hashCount != buffer().hashedObjects) return fault(FAULT_SIDE_TABLE, spaceAt())
  const index = s.hashes + capacity * HASH_ENTRY_BYTES
  let numbers: u32 = 0
  for (let i: u32 = 0; i < capacity << 1; i++) {
    const number = load<u32>(index + (i << 2))
    if (number > s.hashCount) return fault(FAULT_SIDE_TABLE, index + (i << 2))
    if (number) numbers++
  }
  if (numbers != s.hashCount) fault(FAULT_SIDE_TABLE, index)
}

/** Every entry's object says that it has a hash, and is found by its address. */
function checkHashes(): void {
  for (let i: u32 = 0; i < space().hashCount; i++) {
    const entry = hashEntry(i)
    const isSound = entry.hash != 0 && entry.pending == 0 && isHashed(entry.reference)
    if (!isSound || addressOf(findHash(entry.reference)) != addressOf(entry)) {
      return fault(FAULT_SIDE_TABLE, addressOf(entry))
    }
  }
}

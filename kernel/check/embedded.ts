/**
 * The verifier of the `embedded` buffer. It trusts nothing before it is checked: bounds first, then the blocks as they
 * lie, the types, the headers of all objects as they lie, and only then references, roots and tables
 * (`embedded-references.ts`). The first fault found (`FAULT_…`) is answered, its address left in the control block.
 *
 * Guarantee: no damage inside the buffer makes it trap or loop. It writes to its own words of the control block and to
 * the free gap.
 */
import {
  FAULT_ACCOUNTING,
  FAULT_BYTES,
  FAULT_CONTROL,
  FAULT_NONE,
  FLAG_EMBEDDED,
  FLAG_OBJECTS,
  HEAP_MAGIC,
  LAYOUT_VERSION,
} from '../layout'
import {
  FAULT_OBJECT_HEADER,
  FAULT_SPACE,
  FAULT_TYPE,
  OBJECT_HASHED,
  OBJECT_HEADER_BYTES,
  OBJECT_IMMORTAL,
  OBJECT_MARK,
  SHAPE_EPHEMERONS,
  SHAPE_WEAK,
  TYPE_BYTES,
  TYPE_MASK,
  TYPE_SHIFT,
  TYPE_WEAK_TABLE,
} from '../object-layout'
import { TypeInfo, space, spaceAt, typeInfo } from '../object-overlay'
import { addressOf, heap, self } from '../overlay'
import { BLOCK_FREED, BLOCK_HEAD_BYTES, BLOCK_TABLE, BLOCK_USER, blockHead } from '../buffer/blocks'
import {
  BUFFER_MAX_BYTES,
  CONTROL_BYTES,
  HEAD_PINNED,
  HOLE,
  MARK_RESERVE_BYTES,
  buffer,
  objectsFrom,
  roomEnd,
} from '../buffer/buffer-state'
import { headWord, isPayloadSize, objectBytesFor, payloadBytes } from '../object/header'
import { areSane, isKnownType, sizeFits } from '../object/types'
import { DELETED, TABLE_HEAD_BYTES, WeakRef, WeakTable, capacityFor, weakEntry } from '../object/weak'
import { checkImages } from './embedded-images'
import { fault, isTable, verifyReferences } from './embedded-references'

/** 0 when every invariant of the buffer holds, else the first fault found. */
export function verify(): u32 {
  const b = buffer()
  heap().fault = 0
  b.fault = FAULT_NONE
  checkControl()
  if (!b.fault) checkBlocks()
  if (!b.fault) checkSpace()
  if (!b.fault) checkTypes()
  if (!b.fault) checkObjects()
  if (!b.fault) checkImages()
  if (!b.fault) verifyReferences()
  return b.fault
}

function checkControl(): void {
  const h = heap()
  const present = <u64>(<u32>memory.size()) << 16
  const flags = FLAG_OBJECTS | FLAG_EMBEDDED
  const isSound =
    h.magic == HEAP_MAGIC &&
    h.version == LAYOUT_VERSION &&
    h.base == self &&
    h.space == spaceAt() &&
    (h.flags & flags) == flags &&
    !((h.base | h.end) & 7) &&
    h.end > h.base &&
    h.end - h.base <= BUFFER_MAX_BYTES &&
    <u64>h.end <= present &&
    h.top == h.end &&
    h.committedBytes == <u32>(h.end - h.base)
  if (!isSound) fault(FAULT_CONTROL, self)
}

/** Blocks lie back to back up to the end, and the counters are their sums. */
function checkBlocks(): void {
  const h = heap()
  const b = buffer()
  if (b.blocksFrom & 7 || b.blocksFrom < objectsFrom() || b.blocksFrom > h.end) return fault(FAULT_SPACE, spaceAt())
  let tables: u32 = CONTROL_BYTES
  let users: u32 = 0
  let userBlocks: u32 = 0
  let freed: u32 = 0
  for (let at = b.blocksFrom; at < h.end; ) {
    const bytes = blockHead(at).bytes
    const state = blockHead(at).state
    if (bytes & 7 || bytes < 2 * BLOCK_HEAD_BYTES || bytes > <u32>(h.end - at)) return fault(FAULT_CONTROL, at)
    if (state == BLOCK_TABLE) tables += bytes
    else if (state == BLOCK_USER) {
      users += bytes
      userBlocks++
    } else if (state == BLOCK_FREED && at != b.blocksFrom) freed += bytes
    else return fault(FAULT_CONTROL, at)
    at += bytes
  }
  if (tables != h.metadataBytes || users != h.runBytes || freed != h.freeBytes || userBlocks != b.userBlocks) {
    return fault(FAULT_BYTES, self)
  }
  const objects = h.objectBytes
  if (objects != <u32>(b.blocksFrom - objectsFrom())) return fault(FAULT_BYTES, self)
  if (tables + users + freed + objects != h.committedBytes) fault(FAULT_ACCOUNTING, self)
}

function checkSpace(): void {
  const s = space()
  const b = buffer()
  const isSound =
    !(s.bump & 7) &&
    s.bump >= objectsFrom() &&
    s.bump <= b.blocksFrom &&
    <u32>(b.blocksFrom - s.bump) >= MARK_RESERVE_BYTES &&
    (s.limit == s.bump || (s.limit > s.bump && s.limit <= roomEnd())) &&
    b.survivorsEnd >= objectsFrom() &&
    b.survivorsEnd <= s.bump &&
    b.kept == 0 &&
    b.isCollecting == 0
  if (!isSound) fault(FAULT_SPACE, spaceAt())
}

function checkTypes(): void {
  const s = space()
  const capacity = s.typeCapacity
  if (s.typeCount < TYPE_WEAK_TABLE || s.typeCount >= capacity || capacity > BUFFER_MAX_BYTES / TYPE_BYTES) {
    return fault(FAULT_SPACE, spaceAt())
  }
  if (!isTable(s.types, capacity << TYPE_SHIFT)) return fault(FAULT_SPACE, spaceAt())
  for (let id: u32 = 1; id <= s.typeCount; id++) {
    const hasEntries = <u32>typeInfo(id).shape == SHAPE_EPHEMERONS
    if (hasEntries != (id == TYPE_WEAK_TABLE) || !isTypeSound(typeInfo(id))) {
      return fault(FAULT_TYPE, addressOf(typeInfo(id)))
    }
  }
}

function isTypeSound(info: TypeInfo): bool {
  if (<u64>info.textAt + info.textBytes > <u64>(<u32>memory.size()) << 16) return false
  return areSane(
    info.shape,
    info.trail,
    info.refs,
    info.fixedBytes,
    info.refMask,
    info.elementBytes,
    info.elementMask,
  )
}

/** Objects and holes lie back to back from the first to the bump pointer. */
function checkObjects(): void {
  const end = space().bump
  buffer().hashedObjects = 0
  let isSurvivorsEndMet = buffer().survivorsEnd == end
  for (let at = objectsFrom(); at < end; ) {
    if (at == buffer().survivorsEnd) isSurvivorsEndMet = true
    const reference = at + OBJECT_HEADER_BYTES
    const bytes = payloadBytes(reference)
    if (!isPayloadSize(bytes) || objectBytesFor(bytes) > <u32>(end - at)) return fault(FAULT_OBJECT_HEADER, at)
    if (headWord(reference) != HOLE && !isHeaderSound(reference, bytes)) return fault(FAULT_OBJECT_HEADER, at)
    at += objectBytesFor(bytes)
  }
  if (!isSurvivorsEndMet) fault(FAULT_SPACE, spaceAt())
}

function isHeaderSound(reference: usize, bytes: u32): bool {
  const word = headWord(reference)
  if (word & (OBJECT_MARK | OBJECT_IMMORTAL | HEAD_PINNED) || !isKnownType(word & TYPE_MASK)) return false
  const info = typeInfo(word & TYPE_MASK)
  if (!sizeFits(info, bytes)) return false
  if (word & OBJECT_HASHED) buffer().hashedObjects++
  if (<u32>info.shape == SHAPE_EPHEMERONS) return isWeakTableSound(reference, bytes)
  return <u32>info.shape != SHAPE_WEAK || changetype<WeakRef>(reference).link == 0
}

/** Counts are right, every search ends, and nothing of a collection is left. */
function isWeakTableSound(table: usize, bytes: u32): bool {
  const capacity = capacityFor(bytes)
  const head = changetype<WeakTable>(table)
  if (bytes < TABLE_HEAD_BYTES || capacity & (capacity - 1) || head.link) return false
  let live: u32 = 0
  let used: u32 = 0
  for (let i: u32 = 0; i < capacity; i++) {
    const entry = weakEntry(table, i)
    if (entry.key) used++
    if (entry.key > DELETED) live++
    if (entry.next || (entry.key <= DELETED && entry.value)) return false
  }
  return live == head.size && used == head.used && (used < capacity || !capacity)
}

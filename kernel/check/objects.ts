/**
 * The verifier of objects: blocks, map, headers, references, roots, side tables, large objects and images.
 *
 * An object is live when its first map byte says so: in a swept block any first byte, elsewhere one of the current
 * colour. Every reference of a live object and every root must point at a live object; so by induction everything
 * reachable is live, that is: what was marked includes the closure of the roots. None of the marker's code is used.
 *
 * Nothing is trusted before it is checked: headers are bounded by their block before sizes are used.
 */
import {
  FAULT_NONE,
  GRANULE_SHIFT,
  STATUS_FOREIGN,
  STATUS_MISALIGNED,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
  UNIT_BYTES,
  UNIT_SHIFT,
  CHUNK_BYTES,
  CHUNK_SHIFT,
  FAULT_CHUNK,
} from '../layout'
import {
  FAULT_LARGE,
  FAULT_OBJECT_BLOCK,
  FAULT_OBJECT_HEADER,
  FAULT_REFERENCE,
  FAULT_ROOT,
  FAULT_SIDE_TABLE,
  FAULT_SPACE,
  FAULT_TYPE,
  FAULT_UNMARKED,
  LARGE_HEAD_BYTES,
  MAP_ALWAYS,
  MAP_COLOUR_A,
  MAP_COLOUR_B,
  MAP_OBJECT,
  MAP_PINNED,
  MAP_SPAN,
  MAP_START,
  ROOT_WEAK,
  SHAPE_EPHEMERONS,
  SHAPE_MIXED,
  SHAPE_PREFIX,
  SHAPE_WEAK,
  SHAPE_WIDE,
  TYPE_WEAK_TABLE,
} from '../object-layout'
import { alwaysMarked, space, spaceAt, typeInfo } from '../object-overlay'
import { Entry, addressOf, chunkOf, entryOf, heap, holds, mapAt } from '../overlay'
import { isHashed, isImmortal, objectBytes, payloadBytes, typeOf } from '../object/header'
import { scan, scanWeakWords } from '../object/scan'
import { isKnownType, sizeFits } from '../object/types'
import { isReference } from '../object/words'
import { ObjectBlock, granulesOf, blockMap, blockMapEnd, blockOf, nextBlockAfter } from '../collect/blocks'
import { tagAllFresh, tagFresh, tagOpenHoles } from '../collect/fresh'
import { Image, isImmortalStart, isSharedStart, saneBytes } from '../collect/images'
import { SharedSegment, isSegmentSound, segmentOf } from '../collect/shared'
import { readWeakly } from '../collect/barrier'
import { isLargeLive } from '../collect/each'
import { Large, largeMap, largeReference } from '../collect/large'
import { nextYoung, tagYoung, youngMap } from '../collect/nursery'
import { plan } from '../collect/plan-state'
import { isSwept } from '../collect/sweep'
import { visitFinalizerSlots } from '../root/finalizers'
import { findHash, visitHashSlots } from '../root/hashes'
import { visitList } from '../root/lists'
import { areStacksSound } from '../root/shadow'
import { visitMovingRoots, visitPinningRoots } from '../root/visit'
import { hasOwnMap, wrongForeignMib } from '../object/owners'
import { isForeignMib } from '../region/huge'
import { isYoung, young } from '../young-overlay'
import { checkCycle } from './cycle'
import { fault, totals } from './totals'
import { checkNursery, checkRemembered } from './young'

/** 0 when every invariant of the object space holds. The blocks of the heap have been verified. */
export function verifyObjects(): u32 {
  if (!heap().space) return FAULT_NONE
  if (!isSpaceSound()) return fault(FAULT_SPACE, spaceAt())
  let found = checkTypes()
  if (!found) found = checkBlocks()
  if (found) return found
  tagAllFresh()
  found = checkMaps()
  if (!found) found = checkNursery()
  if (!found) found = checkLargeList()
  if (!found) found = checkReferences()
  if (!found) found = checkRoots()
  if (!found) found = checkSideTables()
  if (!found) found = checkRemembered()
  if (!found) found = checkCycle()
  return found
}

function isSpaceSound(): bool {
  const s = space()
  return (
    heap().space == spaceAt() &&
    areStacksSound() &&
    (s.colour == MAP_COLOUR_A || s.colour == MAP_COLOUR_B) &&
    load<u8>(alwaysMarked()) == <u8>MAP_ALWAYS &&
    s.typeCount >= TYPE_WEAK_TABLE &&
    s.typeCount < s.typeCapacity &&
    s.types != 0 &&
    s.bump <= s.limit &&
    s.limit <= plan().heldLimit &&
    plan().holeStart <= s.bump &&
    plan().isCollecting == 0 &&
    s.hashCount <= s.hashCapacity &&
    s.finalizerTaken <= s.finalizerReady &&
    (((s.finalizerCount - (young().gapTo - young().gapFrom)) << 1) + s.finalizerReady <= s.finalizerCapacity)
  )
}

function checkTypes(): u32 {
  for (let id: u32 = 1; id <= space().typeCount; id++) {
    const info = typeInfo(id)
    const isWeak = <u32>info.shape == SHAPE_EPHEMERONS
    if (<u32>info.shape > SHAPE_WIDE || isWeak != (id == TYPE_WEAK_TABLE)) {
      return fault(FAULT_TYPE, addressOf(info))
    }
    if (<u32>info.shape >= SHAPE_PREFIX && <u32>info.shape != SHAPE_WEAK && info.refMask == 0) {
      if (<u32>info.refs << 2 > info.fixedBytes) return fault(FAULT_TYPE, addressOf(info))
    }
  }
  return FAULT_NONE
}

// ---- blocks and their maps -----------------------------------------------------------------------------------------

function checkBlocks(): u32 {
  let blocks: u32 = 0
  let bytes: u32 = 0
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    const block = changetype<ObjectBlock>(place)
    const start = block.start
    const entry = entryOf(start)
    if (start & (UNIT_BYTES - 1) || !holds(entry, start) || start + block.bytes > chunkOf(entry).hi) {
      return fault(FAULT_OBJECT_BLOCK, place)
    }
    if (block.mapBias != entry.mapBias || block.usedGranules > granulesOf(block)) {
      return fault(FAULT_OBJECT_BLOCK, place)
    }
    for (let i: u32 = 0; i < block.bytes >> UNIT_SHIFT; i++) {
      if (blockOf(entry, start + i * UNIT_BYTES) != place) return fault(FAULT_OBJECT_BLOCK, start + i * UNIT_BYTES)
    }
    if (place != entry.unitBias + ((start >> UNIT_SHIFT) << 5)) return fault(FAULT_OBJECT_BLOCK, place)
    blocks++
    bytes += block.bytes
  }
  const isCounted = blocks == plan().blocks && bytes == heap().objectBytes
  return isCounted ? FAULT_NONE : fault(FAULT_OBJECT_BLOCK, heap().base)
}

function checkMaps(): u32 {
  for (let place = nextBlockAfter(0); place; place = nextBlockAfter(place)) {
    const found = checkMap(changetype<ObjectBlock>(place))
    if (found) return found
  }
  return FAULT_NONE
}

/** Every first byte has a header that fits its last byte, and nothing stands in between or behind. */
function checkMap(block: ObjectBlock): u32 {
  const end = blockMapEnd(block)
  const swept = isSwept(block)
  for (let map = blockMap(block); map < end; ) {
    const byte = <u32>load<u8>(map)
    const header = (map - block.mapBias) << GRANULE_SHIFT
    // What a sweep has not cleared yet says nothing.
    if (!byte || (!swept && !(byte & space().colour))) {
      map++
      continue
    }
    if ((byte & (MAP_OBJECT | MAP_START)) != (MAP_OBJECT | MAP_START)) return fault(FAULT_OBJECT_BLOCK, header)
    if (!isHeaderSound(header + 8)) return fault(FAULT_OBJECT_HEADER, header)
    const bytes = objectBytes(header + 8)
    const granules = bytes >> GRANULE_SHIFT
    if (bytes > <u32>((end - map) << GRANULE_SHIFT)) return fault(FAULT_OBJECT_HEADER, header)
    if ((granules > 1) != ((byte & MAP_SPAN) != 0)) return fault(FAULT_OBJECT_HEADER, header)
    for (let i: u32 = 1; i < granules; i++) {
      const inner = <u32>load<u8>(map + i)
      const isLast = i == granules - 1
      if (isLast ? (inner & (MAP_START | MAP_SPAN)) != MAP_SPAN : inner != 0) return fault(FAULT_OBJECT_BLOCK, header)
    }
    map += granules
  }
  return FAULT_NONE
}

/** Whether type and size of a header fit each other. */
export function isHeaderSound(reference: usize): bool {
  const type = typeOf(reference)
  return isKnownType(type) && sizeFits(typeInfo(type), payloadBytes(reference))
}

function checkLargeList(): u32 {
  let prev: usize = 0
  for (let piece = space().large; piece; piece = changetype<Large>(piece).next) {
    const entry = entryOf(piece)
    if (!holds(entry, piece) || !holds(entry, piece + LARGE_HEAD_BYTES)) return fault(FAULT_LARGE, piece)
    const reference = largeReference(piece)
    const isWhole = changetype<Large>(piece).prev == prev && (load<u8>(largeMap(piece)) & MAP_START) != 0
    if (!isWhole) return fault(FAULT_LARGE, piece)
    if (!isHeaderSound(reference) || objectBytes(reference) != changetype<Large>(piece).bytes) {
      return fault(FAULT_OBJECT_HEADER, reference - 8)
    }
    prev = piece
  }
  for (let piece = space().images; piece; piece = changetype<Image>(piece).next) {
    const isShared = changetype<Image>(piece).isShared != 0
    if (isShared ? !segmentOf(piece) : !holds(entryOf(piece), piece)) return fault(FAULT_LARGE, piece)
    if (changetype<Image>(piece).isSealed) {
      const found = checkImage(piece)
      if (found) return found
    }
  }
  return checkSharedSpace()
}

/** What is shared, and what others share with this heap. */
function checkSharedSpace(): u32 {
  for (let head = young().shared; head; head = changetype<SharedSegment>(head).next) {
    if (!isSegmentSound(head)) return fault(FAULT_LARGE, head)
  }
  const wrong = wrongForeignMib()
  return wrong ? fault(FAULT_CHUNK, wrong) : FAULT_NONE
}

/** Objects lie back to back, and the map says so. */
function checkImage(piece: usize): u32 {
  const from = piece + LARGE_HEAD_BYTES
  const end = from + changetype<Image>(piece).bytes
  for (let header = from; header < end; ) {
    const bytes = isImmortal(header + 8) ? saneBytes(header + 8, end) : 0
    if (!bytes) return fault(FAULT_OBJECT_HEADER, header)
    if (!isImmortalStart(header + 8)) return fault(FAULT_LARGE, header)
    header += bytes
  }
  return FAULT_NONE
}

// ---- references ----------------------------------------------------------------------------------------------------

@unmanaged
@final
class ReferenceCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isReference(reference)) return
    const status = objectStatus(reference)
    if (status != STATUS_OK) fault(status == STATUS_NOT_A_BLOCK ? FAULT_UNMARKED : FAULT_REFERENCE, slot)
  }
}

@unmanaged
@final
class RootCheck {
  visit(slot: usize): void {
    if (<u64>slot + 4 > <u64>(<u32>memory.size()) << 16) {
      fault(FAULT_ROOT, slot)
      return
    }
    const reference = load<usize>(slot)
    if (isReference(reference) && objectStatus(reference) != STATUS_OK) fault(FAULT_ROOT, slot)
  }
}

/** What these words hold is no word of the program's: a reference, or null in a weak root. */
@unmanaged
@final
class OwnCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (reference && objectStatus(reference) != STATUS_OK) fault(FAULT_ROOT, slot)
  }
}

function checkReferences(): u32 {
  for (let reference = nextObject(0); reference; reference = nextObject(reference)) {
    scan<ReferenceCheck>(reference)
    scanWeakWords<ReferenceCheck>(reference, typeInfo(typeOf(reference)).shape, payloadBytes(reference))
    if (totals().fault) return totals().fault
  }
  return FAULT_NONE
}

function checkRoots(): u32 {
  visitPinningRoots<RootCheck>()
  visitMovingRoots<RootCheck>()
  visitList<OwnCheck>(ROOT_WEAK)
  return totals().fault
}

function checkSideTables(): u32 {
  visitFinalizerSlots<OwnCheck>()
  visitHashSlots<OwnCheck>()
  visitHashSlots<HashCheck>()
  return totals().fault ? fault(FAULT_SIDE_TABLE, heap().fault) : FAULT_NONE
}

/** Every entry's object says that it has a hash, and is found by its address. */
@unmanaged
@final
class HashCheck {
  visit(slot: usize): void {
    if (totals().fault) return
    const reference = load<usize>(slot)
    if (!isHashed(reference) || addressOf(findHash(reference)) != slot) fault(FAULT_SIDE_TABLE, slot)
  }
}

// ---- questions about single objects --------------------------------------------------------------------------------

/**
 * Whether a live object starts behind the header in front of `reference`: OK, MISALIGNED, FOREIGN, or NOT_A_BLOCK when
 * the place is ours. Any number may be asked.
 */
export function objectStatus(reference: usize): u32 {
  if (reference < 8 || (reference & 15) != 8) return STATUS_MISALIGNED
  const header = reference - 8
  if (isYoung(header)) {
    tagYoung()
    return isObjectStart(load<u8>(youngMap(header))) ? STATUS_OK : STATUS_NOT_A_BLOCK
  }
  const entry = entryOf(header)
  if (!holds(entry, header)) return isSharedStart(reference) ? STATUS_OK : STATUS_FOREIGN
  const place = blockOf(entry, header)
  if (!place) {
    const byte = <u32>load<u8>(mapAt(entry, header))
    return isObjectStart(byte) && isLargeLive(byte) ? STATUS_OK : STATUS_NOT_A_BLOCK
  }
  const block = changetype<ObjectBlock>(place)
  if (isLiveStart(block, load<u8>(mapAt(entry, header)))) return STATUS_OK
  // It may be fresh.
  tagOpenHoles()
  tagFresh(block)
  return isLiveStart(block, load<u8>(mapAt(entry, header))) ? STATUS_OK : STATUS_NOT_A_BLOCK
}

/**
 * A reference that the program did not have before, for one that is to be kept: while a cycle marks it is shaded. 0
 * when no live object starts there. Any number may be asked.
 */
export function readReference(reference: usize): usize {
  return objectStatus(reference) == STATUS_OK ? readWeakly(reference) : 0
}

// @ts-ignore: decorator
@inline
function isObjectStart(byte: u32): bool {
  return (byte & (MAP_OBJECT | MAP_START)) == (MAP_OBJECT | MAP_START)
}

// @ts-ignore: decorator
@inline
function isLiveStart(block: ObjectBlock, byte: u32): bool {
  return isObjectStart(byte) && (isSwept(block) || (byte & space().colour) != 0)
}

/**
 * 1 marked by the last collection, 2 immortal, 4 large, 8 in a block, 16 young, and 32 if it was so at the last minor
 * collection already. `reference` is an object's.
 */
export function objectState(reference: usize): u32 {
  if (isYoung(reference)) return isAged(reference - 8) ? 48 : 16
  const entry = entryOf(reference)
  const byte = <u32>load<u8>(mapAt(entry, reference))
  const where: u32 = (byte & ~MAP_SPAN) == MAP_ALWAYS ? 2 : blockOf(entry, reference) ? 8 : 4
  return where | (byte & space().colour ? 1 : 0)
}

/** Whether the young object has outlived a minor collection. */
function isAged(header: usize): bool {
  return header < young().eden || (load<u8>(youngMap(header)) & MAP_PINNED) != 0
}

/**
 * The object with the lowest address above `reference`: 0 starts and ends. Immortal ones are among them, but for those
 * that another heap shares with this one.
 */
export function nextObject(reference: usize): usize {
  const top = heap().top
  let from = reference ? reference + 8 : heap().low
  if (!reference) tagAllFresh()
  while (from < top) {
    const entry = entryOf(from)
    if (entry.spanGranules && entry.lo >> CHUNK_SHIFT == from >> CHUNK_SHIFT) {
      const first = max(from, entry.lo)
      const map = nextObjectByte(mapAt(entry, first), mapAt(entry, chunkOf(entry).hi), entry.mapBias)
      if (map) return ((map - entry.mapBias) << GRANULE_SHIFT) + 8
    } else if (isYoung(from)) {
      // A nursery of whole MiBs.
      const found = nextYoung(from)
      if (found) return found
    } else if (!entry.spanGranules && !isForeignMib(entry) && hasOwnMap(entry, from)) {
      const found = nextShared(entry, from)
      if (found) return found
    }
    const next = ((from >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT
    if (next <= from) return 0
    from = next
  }
  return 0
}

/** The first object of the MiB of `from` whose header is there or above; 0 when there is none. */
function nextShared(entry: Entry, from: usize): usize {
  const end = mapAt(entry, from | (CHUNK_BYTES - 1)) + 1
  for (let map = mapAt(entry, from); map < end; map++) {
    while (!(map & 7) && map + 8 <= end && !load<u64>(map)) map += 8
    if (map >= end) return 0
    if ((load<u8>(map) & ~MAP_SPAN) == <u8>MAP_ALWAYS) return ((map - entry.mapBias) << GRANULE_SHIFT) + 8
  }
  return 0
}

/** The next map byte of a live object's first granule; 0 when there is none before `end`. */
function nextObjectByte(from: usize, end: usize, mapBias: usize): usize {
  for (let map = from; map < end; map++) {
    while (!(map & 7) && map + 8 <= end && !load<u64>(map)) map += 8
    if (map >= end) return 0
    const byte = <u32>load<u8>(map)
    if (!isObjectStart(byte)) continue
    const address = (map - mapBias) << GRANULE_SHIFT
    const place = blockOf(entryOf(address), address)
    if (!place && !isLargeLive(byte)) continue
    if (!place || isLiveStart(changetype<ObjectBlock>(place), byte)) return map
  }
  return 0
}

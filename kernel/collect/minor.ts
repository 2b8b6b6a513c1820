/**
 * Minor collections: what roots, logged slots and pinned young objects lead to in the nursery is copied out of it (to
 * the old space, or with ageing from the end of eden to a half of the nursery), and the slots are corrected. The cost
 * is in proportion to what survives, to the roots and to the log; what died is not looked at.
 *
 * The first visit of an object copies it and leaves its new reference where it was:
 *
 *   header of a copied object   [ FORWARD_WORD ][ new reference ]
 *
 * Copies wait on the mark stack to be scanned. What is pinned stays, and so does everything that is reached after the
 * old space has no more room: it is tagged, scanned in place, and the next stretches of eden flow around it.
 *
 * Compiled in two ways, of which only the size counts: `u8` promotes everything and nothing is pinned, `u16` looks at
 * each object whether it is pinned or to be kept young. (Appel, Software: Practice and Experience 19(2), 1989; ageing
 * by a mark in eden: Chambers' and Ungar's opportunistic tenuring reduced to one bit of age.)
 */
import { check, hostReport } from '../host'
import { GRANULE_BYTES, GRANULE_SHIFT } from '../layout'
import {
  COLLECT_MINOR,
  MAP_FORWARDED,
  MAP_OBJECT,
  MAP_PINNED,
  MAP_START,
  OBJECT_HASHED,
  OBJECT_IMMORTAL,
  PHASE_MARK,
  PHASE_ROOTS,
  POLICY_COUNT_TYPES,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
  REPORT_WORK,
  ROOT_WEAK,
  SHAPE_EPHEMERONS,
  SHAPE_LEAF,
  SHAPE_PREFIX,
  SHAPE_WEAK,
  SHAPE_WIDE,
  TYPE_MASK,
  TYPE_SHIFT,
  WORK_COPY,
  WORK_WEAK,
} from '../object-layout'
import { TypeInfo, space, typeInfo } from '../object-overlay'
import { entryOf, mapAt } from '../overlay'
import { isHashed, objectBytes, payloadBytes, typeOf } from '../object/header'
import { scanAs, scanWeakWords, scanWide } from '../object/scan'
import { WeakEntry, WeakRef, WeakTable } from '../object/weak'
import { hasWideWord } from '../object/words'
import { updateFinalizersFrom } from '../root/finalizers'
import { hashEntry, updateYoungHashes } from '../root/hashes'
import { visitList } from '../root/lists'
import { eachRootRange, visitPinningRoots, visitSlotRoots } from '../root/visit'
import { isYoung, isYoungReference, young } from '../young-overlay'
import { eachOldObject } from './each'
import { tagObject } from './fresh'
import { growStack, readyStack } from './mark'
import {
  nurseryTarget,
  openNursery,
  resizeNursery,
  staysYoung,
  tagYoung,
  tagYoungObject,
  untagYoung,
  youngMap,
  youngUsedBytes,
} from './nursery'
import { guardedSlot, plan } from './plan-state'
import { beginPromotion, promotionRoom } from './promote'
import {
  LOG_ENTRY,
  LOG_TAGS,
  LOG_WEAK,
  LOG_WIDE,
  isEntryYoung,
  logEntry,
  logSlot,
  logYoungEntries,
} from './remembered'
import { beginWeak, finishEntry, finishTable, markEntry, markEphemerons, noteTable, noteWeakRef, wake } from './weak'

/** What stands in place of type and flags: a young object is never immortal, and no type has the number 0. */
const FORWARD_WORD: u32 = OBJECT_IMMORTAL
/** A copy that found no room on the stack, in its map byte. */
const MAP_UNSCANNED: u32 = MAP_FORWARDED
const WAKE_TAG: usize = 2
const TWO_REFS: u32 = SHAPE_PREFIX | (2 << 16)

// ---- copying --------------------------------------------------------------------------------------------------------

/**
 * Correct the word at `slot` if it refers to a young object; `isOld`: the word is one of an old object, and it is no part
 * of a wide value.
 */
// @ts-ignore: decorator
@inline
function forward<Way>(slot: usize, isOld: bool): void {
  const reference = load<usize>(slot)
  if (!isYoungReference(reference)) return
  const to = load<u32>(reference - 8) == FORWARD_WORD ? load<usize>(reference - 4) : copy<Way>(reference)
  store<usize>(slot, to)
  if (isOld && isYoung(to)) logSlot(slot)
}

/** The same for the wide value at `slot` of an old object. */
function forwardWide<Way>(slot: usize): void {
  if (!hasWideWord(slot)) return
  forward<Way>(slot, false)
  if (isYoungReference(load<usize>(slot))) logSlot(slot | LOG_WIDE)
}

/** Copy the young object, or leave it: its reference from now on. */
function copy<Way>(reference: usize): usize {
  const y = young()
  const bytes = objectBytes(reference)
  const header = reference - 8
  if (sizeof<Way>() == 2) {
    if (staysYoung(reference)) return reference
    // Kept young in this collection already.
    if (header - y.half < y.halfTop - y.half) return reference
    if (y.ageMark && header >= y.ageMark && y.halfTop + bytes <= y.half + y.halfBytes) return keep(reference, bytes)
  }
  let to = y.promotion
  if (bytes <= <u32>(y.promotionLimit - to)) {
    y.promotion = to + bytes
    tagObject(y.promotionBias, to, bytes, space().colour)
  } else {
    to = promotionRoom(bytes)
    if (!to) return stay(reference, bytes)
    tagObject(entryOf(to).mapBias, to, bytes, space().colour)
  }
  y.promotedBytes += bytes
  y.promotedObjects++
  return move(reference, to, bytes)
}

/** Copy to the half of the nursery for survivors. */
function keep(reference: usize, bytes: u32): usize {
  const y = young()
  const to = y.halfTop
  y.halfTop = to + bytes
  return move(reference, to, bytes)
}

// @ts-ignore: decorator
@inline
function move(reference: usize, to: usize, bytes: u32): usize {
  const from = reference - 8
  v128.store(to, v128.load(from))
  for (let i: u32 = 16; i < bytes; i += 16) v128.store(to + i, v128.load(from + i))
  store<u64>(from, <u64>FORWARD_WORD | (<u64>(to + 8) << 32))
  push(to + 8)
  if (isHashed(to + 8)) push(reference + WAKE_TAG)
  return to + 8
}

/** Leave the object where it is. */
function stay(reference: usize, bytes: u32): usize {
  if (staysYoung(reference)) return reference
  tagYoungObject(reference - 8, bytes, MAP_PINNED)
  young().stayed++
  young().stayedBytes += bytes
  push(reference)
  if (isHashed(reference)) push(reference + WAKE_TAG)
  return reference
}

// ---- scanning -------------------------------------------------------------------------------------------------------

function push(entry: usize): void {
  const p = plan()
  if (p.stackTop + 4 > space().markStackEnd && !growStack(p.stackTop)) {
    leaveUnscanned(entry)
    return
  }
  store<usize>(p.stackTop, entry)
  p.stackTop += 4
}

/** No room on the stack: a walk over all map bytes finds the object. An entry to wake is done without. */
function leaveUnscanned(entry: usize): void {
  young().overflowed = 1
  if (entry & WAKE_TAG) return
  const map = isYoung(entry) ? youngMap(entry) : mapAt(entryOf(entry), entry)
  if (isYoung(entry) && !(load<u8>(map) & MAP_START)) tagYoungObject(entry - 8, objectBytes(entry), MAP_UNSCANNED)
  else store<u8>(map, load<u8>(map) | <u8>MAP_UNSCANNED)
}

/** Visitor for the words of an old object. */
@unmanaged
@final
class OldHolder<Way> {
  visit(slot: usize): void {
    forward<Way>(slot, true)
  }

  /** For a look through all old objects: then weak words are taken for strong ones. */
  object(reference: usize): void {
    const info = typeInfo(typeOf(reference))
    scanOld<Way>(reference, info)
    scanWeakWords<OldHolder<Way>>(reference, info.shape, payloadBytes(reference))
  }
}

/** The same for the wide values of an old object. */
@unmanaged
@final
class OldWideHolder<Way> {
  visit(slot: usize): void {
    forwardWide<Way>(slot)
  }
}

/** Visit the strong references of an old object. */
function scanOld<Way>(reference: usize, info: TypeInfo): void {
  const bytes = payloadBytes(reference)
  if (<u32>info.shape == SHAPE_WIDE) scanWide<OldHolder<Way>, OldWideHolder<Way>>(reference, info, bytes)
  else scanAs<OldHolder<Way>>(reference, info, bytes)
}

/** Visitor for roots and for the words of young objects; what `collect/weak.ts` needs of a collector. */
@unmanaged
@final
class Copier<Way> {
  visit(slot: usize): void {
    forward<Way>(slot, false)
  }

  /** Where the object is now; 0 when it is young and nothing has led to it. */
  survivor(reference: usize): usize {
    if (!isYoung(reference)) return reference
    if (load<u32>(reference - 8) == FORWARD_WORD) return load<usize>(reference - 4)
    const y = young()
    if (reference - y.half < y.halfTop - y.half) return reference
    return staysYoung(reference) ? reference : 0
  }

  drainWatching(): void {
    drainCopies<Way>()
  }
}

/** The bottom of the part of the stack that a minor collection uses: marking may go on below. */
// @ts-ignore: decorator
@inline
function bottom(): usize {
  return space().markStack + young().stackBelow
}

/** Scan until every copy has been. */
function drainCopies<Way>(): void {
  const p = plan()
  for (;;) {
    while (p.stackTop > bottom()) {
      if (sizeof<Way>() == 1) drainPairs()
      if (p.stackTop == bottom()) break
      p.stackTop -= 4
      const entry = load<usize>(p.stackTop)
      if (entry & WAKE_TAG) wake<Copier<Way>>(entry - WAKE_TAG)
      else scanCopy<Way>(entry)
    }
    if (!young().overflowed) return
    young().overflowed = 0
    space().overflows++
    rescan<Way>()
    wakeSurvivors<Way>()
  }
}

/**
 * Scan copies while those on top of the stack are old objects with two references and nothing else, and what they refer
 * to is of the same type: the commonest case by far, with everything it needs at hand. Stops in front of anything else.
 *
 * The second reference goes first, so that the first one's object is scanned next, and what it leads to lies beside it:
 * marking goes the same way later.
 */
function drainPairs(): void {
  const y = young()
  const s = space()
  const p = plan()
  const base = y.base + 8
  const granules = y.bytes >> GRANULE_SHIFT
  const colour = MAP_OBJECT | MAP_START | s.colour
  const bottomAt = bottom()
  const roof = s.markStackEnd - 8
  const limit = y.promotionLimit
  const bias = y.promotionBias
  const start = y.promotion
  let top = p.stackTop
  let to = start
  let head: u64 = 0
  while (top > bottomAt && top <= roof) {
    const reference = load<usize>(top - 4)
    if (reference & WAKE_TAG || isIn(reference, base, granules)) break
    const own = load<u64>(reference - 8)
    if (own != head) {
      if (!isPairHead(own)) break
      head = own
    }
    // Room for both.
    if (limit - to < 32) break
    const second = load<usize>(reference, 4)
    const first = load<usize>(reference)
    if (isIn(second, base, granules) && !isPairOr(load<u64>(second - 8), head)) break
    if (isIn(first, base, granules) && !isPairOr(load<u64>(first - 8), head)) break
    top -= 4
    if (isIn(second, base, granules)) {
      const found = load<u64>(second - 8)
      if (found == head) {
        store<u64>(to, head)
        store<u64>(to, load<u64>(second), 8)
        store<u8>(bias + (to >> GRANULE_SHIFT), <u8>colour)
        store<u64>(second - 8, <u64>FORWARD_WORD | (<u64>(to + 8) << 32))
        store<usize>(reference, to + 8, 4)
        store<usize>(top, to + 8)
        top += 4
        to += 16
      } else store<usize>(reference, <usize>(found >> 32), 4)
    }
    if (isIn(first, base, granules)) {
      const found = load<u64>(first - 8)
      if (found == head) {
        store<u64>(to, head)
        store<u64>(to, load<u64>(first), 8)
        store<u8>(bias + (to >> GRANULE_SHIFT), <u8>colour)
        store<u64>(first - 8, <u64>FORWARD_WORD | (<u64>(to + 8) << 32))
        store<usize>(reference, to + 8)
        store<usize>(top, to + 8)
        top += 4
        to += 16
      } else store<usize>(reference, <usize>(found >> 32))
    }
  }
  p.stackTop = top
  y.promotion = to
  y.promotedBytes += <u32>(to - start)
  y.promotedObjects += <u32>(to - start) >> 4
}

/** `isYoungReference` with the nursery at hand: where its first reference would be, and how many there may be. */
// @ts-ignore: decorator
@inline
function isIn(word: usize, first: usize, granules: u32): bool {
  return rotr<u32>(<u32>(word - first), GRANULE_SHIFT) < granules
}

/** Whether a header is that of an object of two references and nothing else, without an identity hash. */
function isPairHead(head: u64): bool {
  if (<u32>(head >> 32) != 8 || <u32>head & OBJECT_HASHED) return false
  return load<u32>(space().types + ((<u32>head & TYPE_MASK) << TYPE_SHIFT)) == TWO_REFS
}

// @ts-ignore: decorator
@inline
function isPairOr(found: u64, head: u64): bool {
  return found == head || <u32>found == FORWARD_WORD
}

function scanCopy<Way>(reference: usize): void {
  const isOld = !isYoung(reference)
  const info = typeInfo(typeOf(reference))
  const what = load<u32>(changetype<usize>(info))
  if (what == TWO_REFS) {
    forward<Way>(reference + 4, isOld)
    forward<Way>(reference, isOld)
    return
  }
  const shape = <u32>info.shape
  if (shape == SHAPE_LEAF) return
  if (shape == SHAPE_WEAK) noteWeakRef(reference)
  else if (shape == SHAPE_EPHEMERONS) noteTable(reference)
  else if (isOld) scanOld<Way>(reference, info)
  else scanAs<Copier<Way>>(reference, info, payloadBytes(reference))
}

/** Scan the copies that were left without an entry. */
function rescan<Way>(): void {
  eachOldObject<Unscanned<Way>>()
  const y = young()
  for (let at = y.base; at < y.base + y.bytes; at += GRANULE_BYTES) {
    if (load<u8>(youngMap(at)) & MAP_UNSCANNED) changetype<Unscanned<Way>>(0).object(at + 8)
  }
}

/** The same for entries to wake: those of all keys that have survived. What waits for old keys is marking's. */
function wakeSurvivors<Way>(): void {
  for (let i = young().hashFrom; i < space().hashCount; i++) {
    const entry = hashEntry(i)
    const reference = entry.reference
    if (!entry.pending || !isYoung(reference)) continue
    if (changetype<Copier<Way>>(0).survivor(reference)) wake<Copier<Way>>(reference)
  }
}

@unmanaged
@final
class Unscanned<Way> {
  object(reference: usize): void {
    const map = isYoung(reference) ? youngMap(reference) : mapAt(entryOf(reference), reference)
    const byte = load<u8>(map)
    if (!(byte & MAP_UNSCANNED)) return
    store<u8>(map, byte & ~(<u8>MAP_UNSCANNED))
    scanCopy<Way>(reference)
  }
}

// ---- the log --------------------------------------------------------------------------------------------------------

/** Slots looked at ahead of correcting them, so that the misses overlap. */
const AHEAD_BYTES: usize = 256

/** Correct every logged slot. What is weak, and what refers to a young object still, stays in the log. */
function visitLog<Way>(): void {
  const y = young()
  const end = y.logTop
  let from = y.logBase
  // What stays is no more than what was read.
  y.logTop = y.logBase
  while (from < end) {
    const stop = min(from + AHEAD_BYTES, end)
    touchSlots(from, stop)
    for (; from < stop; from += 4) {
      const slot = load<usize>(from)
      const tags = slot & LOG_TAGS
      if (!tags) forward<Way>(slot, true)
      else if (tags == LOG_WIDE) forwardWide<Way>(slot & ~LOG_TAGS)
      else if (tags == LOG_ENTRY) {
        const table = load<usize>(from, 4)
        from += 4
        logEntry(slot & ~LOG_TAGS, table)
      } else if (slot != LOG_WEAK) logSlot(slot)
    }
  }
}

/** When the log is lost: look through all old objects instead. What refers to a young one is in it once, then. */
function visitAllOld<Way>(): void {
  const y = young()
  y.logTop = y.logBase
  y.logLost = 0
  eachOldObject<OldHolder<Way>>()
}

function touchSlots(from: usize, to: usize): void {
  let sum: u32 = 0
  for (let at = from; at < to; at += 4) {
    const slot = load<usize>(at)
    if (!(slot & LOG_TAGS)) sum += load<u32>(slot)
  }
  // Stored, or it would be optimised away.
  plan().touched = sum
}

/**
 * Let the logged entries of weak maps wait for their keys, or visit their values. Where the key is old, the entry may
 * be waiting for it already, in the marking that is going on.
 */
function visitLogEntries<Way>(): void {
  const y = young()
  for (let at = y.logBase; at < y.logTop; at += 4) {
    const slot = load<usize>(at)
    if ((slot & LOG_TAGS) != LOG_ENTRY) continue
    const entry = changetype<WeakEntry>(slot & ~LOG_TAGS)
    if (isYoung(entry.key)) markEntry<Copier<Way>>(entry)
    else changetype<Copier<Way>>(0).visit(changetype<usize>(entry) + 4)
    at += 4
  }
}

/** Correct what is weak in the log; what refers to no young object any more leaves it. */
function finishLog<Way>(): void {
  const y = young()
  for (let at = y.logBase; at < y.logTop; at += 4) {
    const slot = load<usize>(at)
    const tags = slot & LOG_TAGS
    if (!tags || tags == LOG_WIDE || slot == LOG_WEAK) continue
    if (tags == LOG_ENTRY) {
      const entry = changetype<WeakEntry>(slot & ~LOG_TAGS)
      if (isYoung(entry.key)) finishEntry<Copier<Way>>(load<usize>(at, 4), entry)
      if (!isEntryYoung(entry)) {
        store<usize>(at, LOG_WEAK)
        store<usize>(at, LOG_WEAK, 4)
      }
      at += 4
    } else {
      const word = slot & ~LOG_TAGS
      store<usize>(word, changetype<Copier<Way>>(0).survivor(load<usize>(word)))
      if (!isYoung(load<usize>(word))) store<usize>(at, LOG_WEAK)
    }
  }
}

// ---- weak words and side tables -------------------------------------------------------------------------------------

@unmanaged
@final
class YoungWeakRoot<Way> {
  visit(slot: usize): void {
    if (isYoung(load<usize>(slot))) store<usize>(slot, changetype<Copier<Way>>(0).survivor(load<usize>(slot)))
  }
}

/** After all copying: clear what refers weakly to the dead, correct the rest, put the side tables right. */
function finishYoungWeak<Way>(): void {
  const s = space()
  const y = young()
  finishLog<Way>()
  for (let reference = s.weakList; reference; reference = changetype<WeakRef>(reference).link) {
    const weak = changetype<WeakRef>(reference)
    weak.target = changetype<Copier<Way>>(0).survivor(weak.target)
    if (!isYoung(reference) && isYoung(weak.target)) logSlot(reference | LOG_WEAK)
  }
  for (let table = s.tablesSeen; table; table = changetype<WeakTable>(table).link) {
    finishTable<Copier<Way>>(table)
    if (!isYoung(table)) logYoungEntries(table)
  }
  visitList<YoungWeakRoot<Way>>(ROOT_WEAK)
  y.finalizerFrom = updateFinalizersFrom<Copier<Way>>(y.finalizerFrom)
  y.hashFrom = updateYoungHashes<Copier<Way>>(y.hashFrom)
}

/** Put those of two lists that are old into the lists of the marking that is going on. */
function handOver(weakList: usize, tablesSeen: usize): void {
  const isMarking = young().phase == PHASE_ROOTS || young().phase == PHASE_MARK
  for (let reference = weakList; reference; ) {
    const next = changetype<WeakRef>(reference).link
    changetype<WeakRef>(reference).link = 0
    if (isMarking && !isYoung(reference)) noteWeakRef(reference)
    reference = next
  }
  for (let table = tablesSeen; table; ) {
    const next = changetype<WeakTable>(table).link
    changetype<WeakTable>(table).link = 0
    if (isMarking && !isYoung(table)) noteTable(table)
    table = next
  }
}

// ---- the whole ------------------------------------------------------------------------------------------------------

/** Visitor for roots whose objects must not move. */
@unmanaged
@final
class PinYoung {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isYoungReference(reference)) stay(reference, objectBytes(reference))
  }
}

/** Empty the nursery; with `all` nothing is kept young that could be promoted. Never fails. */
export function collectNursery(all: bool, cause: u32): void {
  const s = space()
  const p = plan()
  const y = young()
  const wasCollecting = p.isCollecting
  p.isCollecting = 1
  hostReport(REPORT_COLLECT_BEGIN, cause | (COLLECT_MINOR << 8))
  if (s.policy & POLICY_COUNT_TYPES) tagYoung()
  y.minorBefore = youngUsedBytes()
  const hadStayed = y.stayed != 0
  untagYoung()
  y.stayed = 0
  y.stayedBytes = 0
  y.isDue = 0
  readyStack()
  y.stackBelow = <u32>(p.stackTop - s.markStack)
  const weakList = s.weakList
  const tableList = s.tableList
  const tablesSeen = s.tablesSeen
  beginWeak()
  beginPromotion()
  visitPinningRoots<PinYoung>()
  // A nursery that shall have another length must be empty for that.
  const ages = !all && y.halfBytes != 0 && !hadStayed && !y.stayed && nurseryTarget() == y.bytes
  beginHalf(ages)
  if (ages || y.stayed) collectWay<u16>()
  else collectWay<u8>()
  const ownWeak = s.weakList
  const ownTables = s.tablesSeen
  s.weakList = weakList
  s.tableList = tableList
  s.tablesSeen = tablesSeen
  handOver(ownWeak, ownTables)
  check(p.stackTop == bottom(), 845, p.stackTop)
  endNursery()
  p.isCollecting = wasCollecting
  hostReport(REPORT_COLLECT_END, COLLECT_MINOR)
}

/** Roots as ranges of words: eight at a time are looked at whether one may be young. */
@unmanaged
@final
class YoungRoots<Way> {
  range(from: usize, to: usize): void {
    const base = i32x4.splat(<i32>young().base)
    const bytes = i32x4.splat(<i32>young().bytes)
    let at = from
    for (; at + 32 <= to; at += 32) {
      const some = i32x4.lt_u(i32x4.sub(v128.load(at), base), bytes)
      const more = i32x4.lt_u(i32x4.sub(v128.load(at, 16), base), bytes)
      if (!v128.any_true(v128.or(some, more))) continue
      for (let slot = at; slot < at + 32; slot += 4) forward<Way>(slot, false)
    }
    for (; at < to; at += 4) forward<Way>(at, false)
  }
}

/** With ageing, copy to the other half from now on, and promote what is in this one. */
function beginHalf(ages: bool): void {
  const y = young()
  y.ageMark = 0
  if (ages) {
    y.half = y.half == y.base ? y.base + y.halfBytes : y.base
    const bump = space().bump
    y.ageMark = bump > y.eden + y.halfBytes ? bump - y.halfBytes : y.eden
  } else y.half = y.base
  y.halfTop = y.half
  y.halfUntagged = y.half
}

function collectWay<Way>(): void {
  hostReport(REPORT_WORK, WORK_COPY)
  if (young().logLost) visitAllOld<Way>()
  else visitLog<Way>()
  eachRootRange<YoungRoots<Way>>()
  visitSlotRoots<Copier<Way>>()
  changetype<Copier<Way>>(0).visit(guardedSlot())
  drainCopies<Way>()
  hostReport(REPORT_WORK, WORK_WEAK)
  visitLogEntries<Way>()
  drainCopies<Way>()
  markEphemerons<Copier<Way>>()
  finishYoungWeak<Way>()
}

/** Count, and open the nursery anew. */
function endNursery(): void {
  const s = space()
  const y = young()
  y.minors++
  y.agedBytes = <u32>(y.halfTop - y.half) + y.stayedBytes
  y.stayedObjects = y.stayed
  y.oldBytes += y.promotedBytes
  y.bornBytes += y.promotedBytes
  y.bornObjects += y.promotedObjects
  s.allocatedBytes += y.promotedBytes
  s.moved = y.promotedObjects
  if (y.minorBefore) y.survival = (y.survival * 3 + <u32>((<u64>y.promotedBytes << 8) / y.minorBefore)) >> 2
  if (!y.stayed && y.halfTop == y.half) resizeNursery()
  openNursery()
}

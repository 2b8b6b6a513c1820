/**
 * Sliding in place by threading (Jonkers, A fast garbage compaction algorithm, Information Processing Letters 9(1),
 * 1979): no memory of its own, two passes over the objects in the order of their addresses. All words that refer to an
 * object are chained through its header word; when the object's new place is known, the chain is unwound.
 *
 *   header        [ type | flags | MARK ]      -> [ slot - base ] -> [ slot - base ] -> ... -> the header word
 *
 * Links are below BUFFER_MAX_BYTES, every header that can be threaded has MARK, and a hole is HOLE: one look tells them
 * apart. Sizes stand in the second word, which is never threaded.
 *
 *   survey    joins the dead into holes, counts the living
 *   thread    roots first; then each object, lowest first: unwind what roots and lower objects chained, chain its own
 *   move      each object, lowest first: unwind what it and higher objects chained, move it
 *
 * Objects below the first hole stay, so nothing is chained to them. Pinned objects stay too: the others flow around
 * them, in their order, and the room left in front of a pinned one is a hole until the next slide.
 *
 * POLICY_MOVE_ALL: when something would keep its place, everything is lifted afterwards by a distance that no object
 * has slid; the hole below goes with the next slide. So every address changes at every collection.
 */
import { check } from '../host'
import { CAUSE_MEMORY, OBJECT_HEADER_BYTES, OBJECT_MARK, POLICY_MOVE_ALL, TYPE_MASK } from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { self } from '../overlay'
import { HEAD_PINNED, HOLE, buffer, isInObjects, makeHole, objectsFrom, roomEnd } from '../buffer/buffer-state'
import { headWord, objectBytes, payloadBytes, setHeadWord } from '../object/header'
import { scanAs, scanWeakWords } from '../object/scan'
import { copyNamedWords, visitOwnSlots, writeNamedWords } from './embedded-roots'

const GRAIN_BYTES: u32 = 8
/** Longer objects are moved by a bulk copy. */
const COPY_BY_WORDS_MAX_BYTES: u32 = 64

/** Slide all marked objects together and take their marks away. The index of hashes must be made anew. */
export function slideObjects(): void {
  const s = space()
  s.moved = 0
  buffer().movedAboveLift = 0
  survey()
  copyNamedWords()
  if (buffer().firstHole == s.bump) clearMarks()
  else {
    visitOwnSlots<Threader>()
    threadObjects()
    moveObjects()
  }
  if (isLiftDue()) lift()
  else s.moved += buffer().movedAboveLift
  writeNamedWords()
  buffer().survivorsEnd = s.bump
}

/** Join the dead into holes, count the living, and find what would not move. */
function survey(): void {
  const s = space()
  const b = buffer()
  let liveBytes: u32 = 0
  let liveObjects: u32 = 0
  let hole: usize = 0
  let slid: u32 = 0
  b.firstHole = 0
  beginLift(objectsFrom())
  for (let at = objectsFrom(), end = s.bump; at < end; ) {
    const reference = at + OBJECT_HEADER_BYTES
    const bytes = objectBytes(reference)
    const word = headWord(reference)
    if (!(word & OBJECT_MARK)) {
      if (!hole) hole = at
      if (!b.firstHole) b.firstHole = at
      slid += bytes
      makeHole(hole, <u32>(at - hole) + bytes)
    } else {
      hole = 0
      liveBytes += bytes
      liveObjects++
      if (word & HEAD_PINNED) {
        slid = 0
        beginLift(at + bytes)
      } else noteSlid(slid)
    }
    at += bytes
  }
  if (hole) s.bump = hole
  if (!b.firstHole) b.firstHole = s.bump
  s.liveBytes = liveBytes
  s.liveObjects = liveObjects
}

function beginLift(from: usize): void {
  const b = buffer()
  b.liftFrom = from
  b.liftBytes = GRAIN_BYTES
  b.hasUnmoved = 0
}

/** An object will slide by `slid`, which never gets less from one to the next: lift by another distance. */
// @ts-ignore: decorator
@inline
function noteSlid(slid: u32): void {
  const b = buffer()
  if (!slid) b.hasUnmoved = 1
  else if (slid == b.liftBytes) b.liftBytes += GRAIN_BYTES
}

/** Nothing is to slide. */
function clearMarks(): void {
  for (let at = objectsFrom(), end = space().bump; at < end; at += objectBytes(at + OBJECT_HEADER_BYTES)) {
    clearMark(at + OBJECT_HEADER_BYTES)
  }
}

// @ts-ignore: decorator
@inline
function clearMark(reference: usize): u32 {
  const word = headWord(reference) & ~(OBJECT_MARK | HEAD_PINNED)
  setHeadWord(reference, word)
  return word
}

// ---- threading ------------------------------------------------------------------------------------------------------

/** Chains the word to the object it refers to, if that may move. */
@unmanaged
@final
class Threader {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    // The reference of an empty object is the end of it, so that of the last one that stays is the hole's address.
    if (!isInObjects(reference) || reference <= buffer().firstHole) return
    check(headWord(reference) != HOLE, 920, slot)
    store<u32>(slot, headWord(reference))
    setHeadWord(reference, <u32>(slot - self))
  }
}

/** Make every word of the object's chain refer to `to`; gives the header word, which is back in its place. */
function unthread(reference: usize, to: usize): u32 {
  let word = headWord(reference)
  while (!(word & OBJECT_MARK)) {
    const slot = self + word
    word = load<u32>(slot)
    store<usize>(slot, to)
  }
  setHeadWord(reference, word)
  return word
}

/** The header word at the end of the object's chain. */
function headAtEnd(reference: usize): u32 {
  let word = headWord(reference)
  while (!(word & OBJECT_MARK)) word = load<u32>(self + word)
  return word
}

/** Where the object at `at` goes when the one before it ends at `to`. */
// @ts-ignore: decorator
@inline
function placeOf(at: usize, to: usize): usize {
  if (!buffer().pinnedObjects) return to
  return headAtEnd(at + OBJECT_HEADER_BYTES) & HEAD_PINNED ? at : to
}

function threadObjects(): void {
  const end = space().bump
  const firstHole = buffer().firstHole
  let at = objectsFrom()
  while (at < firstHole) {
    const reference = at + OBJECT_HEADER_BYTES
    const word = clearMark(reference)
    at += objectBytes(reference)
    threadFields(reference, word)
  }
  let to = at
  while (at < end) {
    const reference = at + OBJECT_HEADER_BYTES
    const bytes = objectBytes(reference)
    if (headWord(reference) != HOLE) {
      const place = placeOf(at, to)
      threadFields(reference, unthread(reference, place + OBJECT_HEADER_BYTES))
      to = place + bytes
    }
    at += bytes
  }
}

function threadFields(reference: usize, word: u32): void {
  const info = typeInfo(word & TYPE_MASK)
  const bytes = payloadBytes(reference)
  scanAs<Threader>(reference, info, bytes)
  scanWeakWords<Threader>(reference, info.shape, bytes)
}

// ---- moving ---------------------------------------------------------------------------------------------------------

function moveObjects(): void {
  const s = space()
  const end = s.bump
  let to = buffer().firstHole
  let at = to
  while (at < end) {
    const reference = at + OBJECT_HEADER_BYTES
    const bytes = objectBytes(reference)
    if (headWord(reference) != HOLE) {
      const place = placeOf(at, to)
      if (place != to) makeHole(to, <u32>(place - to))
      unthread(reference, place + OBJECT_HEADER_BYTES)
      clearMark(reference)
      if (place != at) moveObject(place, at, bytes)
      to = place + bytes
    }
    at += bytes
  }
  s.bump = to
}

function moveObject(to: usize, from: usize, bytes: u32): void {
  check(to < from, 921, from)
  if (from < buffer().liftFrom) space().moved++
  else buffer().movedAboveLift++
  if (bytes > COPY_BY_WORDS_MAX_BYTES) {
    memory.copy(to, from, bytes)
    return
  }
  for (let at: u32 = 0; at < bytes; at += 8) store<u64>(to + at, load<u64>(from + at))
}

// ---- lifting --------------------------------------------------------------------------------------------------------

/** A collection for want of memory must not give any of it away again. */
function isLiftDue(): bool {
  const s = space()
  const b = buffer()
  if (!(s.policy & POLICY_MOVE_ALL) || s.cause == CAUSE_MEMORY || !b.hasUnmoved) return false
  return roomEnd() > s.bump && <u32>(roomEnd() - s.bump) >= b.liftBytes
}

/** Move everything above the last pinned object up, and correct every reference to it. */
function lift(): void {
  const s = space()
  const b = buffer()
  visitOwnSlots<Lifter>()
  for (let at = objectsFrom(); at < s.bump; ) {
    const reference = at + OBJECT_HEADER_BYTES
    const word = headWord(reference)
    const bytes = objectBytes(reference)
    if (word != HOLE) {
      const info = typeInfo(word & TYPE_MASK)
      scanAs<Lifter>(reference, info, payloadBytes(reference))
      scanWeakWords<Lifter>(reference, info.shape, payloadBytes(reference))
      if (at >= b.liftFrom) s.moved++
    }
    at += bytes
  }
  memory.copy(b.liftFrom + b.liftBytes, b.liftFrom, s.bump - b.liftFrom)
  makeHole(b.liftFrom, b.liftBytes)
  s.bump += b.liftBytes
}

@unmanaged
@final
class Lifter {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isInObjects(reference) && reference > buffer().liftFrom) store<usize>(slot, reference + buffer().liftBytes)
  }
}

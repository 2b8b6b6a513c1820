/**
 * Marking in the `embedded` buffer: depth first with an explicit stack in the free gap, the mark in the header word
 * (Jones, Hosking, Moss, The Garbage Collection Handbook, 2.1). An object that finds no room on the stack stays marked
 * but unscanned; the heap is then walked from the lowest such object, and every marked object on the way is scanned
 * again (Knuth, The Art of Computer Programming 1, 2.3.5), until nothing was dropped. Each walk marks something, so it
 * ends. Long arrays are scanned in slices: their rest waits on the stack as { offset, reference + 1 }.
 *
 * Guarantee: no recursion, no memory but the gap, of which MARK_RESERVE_BYTES are always there.
 */
import { check } from '../host'
import {
  KNOB_SHORT_MARK_STACK,
  OBJECT_HASHED,
  OBJECT_MARK,
  SHAPE_EPHEMERONS,
  SHAPE_LEAF,
  SHAPE_MIXED,
  SHAPE_REFS,
  SHAPE_WEAK,
  SHAPE_WIDE,
  TYPE_MASK,
} from '../object-layout'
import { TypeInfo, space, typeInfo } from '../object-overlay'
import { knob } from '../overlay'
import { HEAD_PINNED, buffer, isInObjects, objectsFrom } from '../buffer/buffer-state'
import { beginWeak, finishWeak, markEphemerons, noteTable, noteWeakRef, wake } from '../collect/weak'
import { headWord, objectBytes, payloadBytes, setHeadWord } from '../object/header'
import { scan, scanAs, visitWide } from '../object/scan'
import { isKnownType } from '../object/types'
import { visitMovingRoots, visitPinningRoots } from '../root/visit'
import { keptAt } from './embedded-roots'

/** Payloads longer than this are scanned in slices of this. */
const SLICE_BYTES: u32 = 256
const SHORT_STACK_BYTES: u32 = 16
/** `rescanAt` when nothing is walked. */
const NOWHERE: usize = 0xffffffff

/** Mark what the roots reach, then clear what refers weakly to the rest. */
export function markAll(): void {
  const s = space()
  const b = buffer()
  s.markStack = s.bump
  s.markStackEnd = knob(KNOB_SHORT_MARK_STACK) ? s.bump + SHORT_STACK_BYTES : b.blocksFrom
  s.overflows = 0
  b.stackTop = s.markStack
  b.droppedFrom = 0
  b.rescanAt = NOWHERE
  b.isWatching = 0
  b.pinnedObjects = 0
  beginWeak()
  visitPinningRoots<PinningMarker>()
  visitMovingRoots<BufferMarker>()
  mark(load<usize>(keptAt()))
  drain()
  b.isWatching = 1
  markEphemerons<BufferMarker>()
  // @ts-ignore: set by --use
  if (HW_DEBUG) checkClosure()
  finishWeak<BufferMarker>()
}

@unmanaged
@final
export class BufferMarker {
  // @ts-ignore: decorator
  @inline
  visit(slot: usize): void {
    mark(load<usize>(slot))
  }

  survivor(reference: usize): usize {
    return !isInObjects(reference) || headWord(reference) & OBJECT_MARK ? reference : 0
  }

  drainWatching(): void {
    drain()
  }
}

@unmanaged
@final
class PinningMarker {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isInObjects(reference)) return
    mark(reference)
    setHeadWord(reference, headWord(reference) | HEAD_PINNED)
    buffer().pinnedObjects++
  }
}

/** Mark one object and see to it that it is scanned. */
function mark(reference: usize): void {
  if (!isInObjects(reference)) return
  const word = headWord(reference)
  if (word & OBJECT_MARK) return
  check(isKnownType(word & TYPE_MASK), 910, reference)
  setHeadWord(reference, word | OBJECT_MARK)
  const shape = <u32>typeInfo(word & TYPE_MASK).shape
  if (shape == SHAPE_WEAK) noteWeakRef(reference)
  else if (shape == SHAPE_EPHEMERONS) noteTable(reference)
  else if (shape != SHAPE_LEAF) {
    push(reference)
    return
  }
  // Nothing to scan, but somebody may be waiting for it.
  if (word & OBJECT_HASHED) push(reference)
}

// @ts-ignore: decorator
@inline
function push(reference: usize): void {
  const b = buffer()
  const top = b.stackTop
  if (top < space().markStackEnd) {
    store<usize>(top, reference)
    b.stackTop = top + 4
  } else drop(reference)
}

/** There was no room for `reference`: it is found again by walking. */
function drop(reference: usize): void {
  const b = buffer()
  if (reference > b.rescanAt) return
  if (!b.droppedFrom || reference < b.droppedFrom) b.droppedFrom = reference
}

function drain(): void {
  drainStack()
  while (buffer().droppedFrom) {
    space().overflows++
    rescan()
  }
}

function drainStack(): void {
  const b = buffer()
  const bottom = space().markStack
  while (b.stackTop > bottom) {
    const top = b.stackTop - 4
    const reference = load<usize>(top)
    b.stackTop = top
    if (reference & 1) {
      b.stackTop = top - 4
      scanSlice(reference - 1, load<u32>(top - 4))
    } else scanObject(reference)
  }
}

/** Scan everything marked from the lowest dropped object on. */
function rescan(): void {
  const b = buffer()
  const end = space().bump
  let at = b.droppedFrom - 8
  b.droppedFrom = 0
  while (at < end) {
    const reference = at + 8
    at += objectBytes(reference)
    if (!(headWord(reference) & OBJECT_MARK)) continue
    b.rescanAt = reference
    scanObject(reference)
    drainStack()
  }
  b.rescanAt = NOWHERE
}

function scanObject(reference: usize): void {
  const word = headWord(reference)
  const info = typeInfo(word & TYPE_MASK)
  const bytes = payloadBytes(reference)
  if (word & OBJECT_HASHED && buffer().isWatching) wake<BufferMarker>(reference)
  const shape = <u32>info.shape
  if (bytes - info.fixedBytes > SLICE_BYTES && hasLongTrail(shape)) {
    // Without elements: the references of the fixed part.
    scanAs<BufferMarker>(reference, info, info.fixedBytes)
    scanSlice(reference, info.fixedBytes)
  } else scanAs<BufferMarker>(reference, info, bytes)
}

function hasLongTrail(shape: u32): bool {
  return shape == SHAPE_REFS || shape == SHAPE_MIXED || shape == SHAPE_WIDE
}

/** Scan some elements of a trailing array, from the payload's offset `from` on. */
function scanSlice(reference: usize, from: u32): void {
  const info = typeInfo(headWord(reference) & TYPE_MASK)
  const bytes = payloadBytes(reference)
  const step = <u32>info.elementBytes
  let to = bytes
  if (bytes - from > SLICE_BYTES + step) {
    to = from + SLICE_BYTES - (SLICE_BYTES % step) + (step > SLICE_BYTES ? step : 0)
    pushRest(reference, to)
  }
  const shape = <u32>info.shape
  if (shape == SHAPE_REFS) scanWords(reference + from, reference + to)
  else if (shape == SHAPE_WIDE) visitWide<BufferMarker>(reference + from, reference + to)
  else scanElements(info, reference + from, reference + to)
}

function pushRest(reference: usize, from: u32): void {
  const b = buffer()
  const top = b.stackTop
  if (top + 8 > space().markStackEnd) {
    // Not while walking, where the stack was empty: so the walk gets to the array's end.
    check(b.rescanAt != reference, 911, reference)
    drop(reference)
    return
  }
  store<u32>(top, from)
  store<usize>(top, reference + 1, 4)
  b.stackTop = top + 8
}

function scanWords(from: usize, to: usize): void {
  for (let slot = from; slot < to; slot += 4) mark(load<usize>(slot))
}

function scanElements(info: TypeInfo, from: usize, to: usize): void {
  const step = <usize>info.elementBytes
  for (let at = from; at < to; at += step) {
    for (let mask = info.elementMask; mask; mask &= mask - 1) mark(load<usize>(at + (ctz(mask) << 2)))
  }
}

// ---- the debug kernel's own look ------------------------------------------------------------------------------------

/** Marked includes everything that marked objects refer to. */
function checkClosure(): void {
  const end = space().bump
  for (let at = objectsFrom(); at < end; at += objectBytes(at + 8)) {
    if (headWord(at + 8) & OBJECT_MARK) scan<ClosureCheck>(at + 8)
  }
}

@unmanaged
@final
class ClosureCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    check(!isInObjects(reference) || (headWord(reference) & OBJECT_MARK) != 0, 912, slot)
  }
}

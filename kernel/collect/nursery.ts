/**
 * The nursery: one range of memory in which objects are born, back to back, by bumping. What survives a minor
 * collection is copied out of it, so that afterwards it is empty but for what is pinned or found no room.
 *
 *   nursery   [ half A | half B | eden ... ]       the halves are there with ageing only: survivors that stay young
 *                                                  are copied from one to the other, and promoted the next time
 *   eden      [ stretch ][ stayed object ][ stretch ] ...
 *
 * The range is a piece of one chunk, or whole MiBs with a map of their own. Every byte of its map is MAP_YOUNG, so that
 * marking takes young objects for marked; they get bytes of their own on demand (`tagYoung`), those that stay at once.
 */
import { check } from '../host'
import { CHUNK_BYTES, CODE_HUGE_OWNED, GRANULE_SHIFT } from '../layout'
import {
  MAP_OBJECT,
  MAP_PINNED,
  MAP_SPAN,
  MAP_START,
  MAP_YOUNG,
  POLICY_AGEING,
  POLICY_COUNT_TYPES,
  POLICY_INCREMENTAL,
  SHAPE_EPHEMERONS,
  SHAPE_WEAK,
} from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { entryOf } from '../overlay'
import { objectBytes, payloadBytes, typeOf } from '../object/header'
import { scan, scanWeakWords } from '../object/scan'
import { WeakRef } from '../object/weak'
import { allocHuge, giveMap, releaseHuge, takeMap } from '../region/huge'
import { allocPiece, freePiece } from '../region/piece'
import { young } from '../young-overlay'
import { plan } from './plan-state'
import { finishTable } from './weak'

/** Of a piece of a chunk: out of the way of the run's tag. */
const HEAD_BYTES: u32 = 64
export const NURSERY_MIN_BYTES: u32 = 32 << 10
/** The nursery begins with no more than this. */
export const FIRST_NURSERY_BYTES: u32 = 256 << 10
/** Of 256 bytes: above the one the nursery is doubled, below the other it is not any more. */
const SURVIVAL_GROW: u32 = 64
const SURVIVAL_SHRINK: u32 = 32
/** A sixteenth of the nursery is each half. */
const HALF_SHIFT: u32 = 4

// ---- memory ---------------------------------------------------------------------------------------------------------

/**
 * Make a nursery of `bytes`, a power of two, or of the next shorter one that there is memory for. False when there is
 * none for the shortest.
 */
export function makeNursery(bytes: u32): bool {
  for (let wanted = bytes; wanted >= NURSERY_MIN_BYTES; wanted >>= 1) {
    if (wanted >= CHUNK_BYTES ? takeMibs(wanted) : takePiece(wanted)) {
      reset()
      return true
    }
  }
  return false
}

function takePiece(bytes: u32): bool {
  const piece = allocPiece(bytes + HEAD_BYTES)
  if (!piece) return false
  usePiece(piece, bytes)
  return true
}

function usePiece(piece: usize, bytes: u32): void {
  const y = young()
  y.piece = piece
  y.mapPiece = 0
  y.base = piece + HEAD_BYTES
  y.bytes = bytes
  y.mapBias = entryOf(piece).mapBias
}

function takeMibs(bytes: u32): bool {
  const y = young()
  const map = allocPiece(bytes >> GRANULE_SHIFT)
  if (!map) return false
  const piece = allocHuge(bytes, 16, CODE_HUGE_OWNED)
  if (!piece) {
    freePiece(map, false)
    return false
  }
  check(!(piece & (CHUNK_BYTES - 1)), 841, piece)
  giveMap(piece, bytes, map)
  y.piece = piece
  y.mapPiece = map
  y.base = piece
  y.bytes = bytes
  y.mapBias = map - (piece >> GRANULE_SHIFT)
  return true
}

/** Give the memory of an empty nursery back. */
function releaseNursery(): void {
  const y = young()
  release(y.piece, y.mapPiece, y.bytes)
  y.bytes = 0
}

function release(piece: usize, mapPiece: usize, bytes: u32): void {
  if (mapPiece) {
    takeMap(piece, bytes)
    releaseHuge(piece, bytes, CODE_HUGE_OWNED)
    freePiece(mapPiece, false)
  } else freePiece(piece, true)
}

/**
 * How long the nursery should be, or half way there: it begins short, so that small programs hold little, and grows to
 * what is wanted; to twice that while more than a quarter survives, where full collections are not in steps.
 */
export function nurseryTarget(): u32 {
  const y = young()
  let bytes = y.wanted
  const survival = y.bytes > bytes ? SURVIVAL_SHRINK : SURVIVAL_GROW
  if (y.survival > survival && !(space().policy & POLICY_INCREMENTAL)) bytes <<= 1
  return min(min(bytes, y.bytes << 1), y.cap)
}

/** Give the nursery its length. It is empty, and no stretch of it is in use. */
export function resizeNursery(): void {
  const y = young()
  const bytes = nurseryTarget()
  if (bytes == y.bytes) return
  // The old one goes first: a limit may have no room for both.
  releaseNursery()
  makeNursery(bytes)
  // There is no memory for more; it is not asked for again and again.
  if (y.bytes < bytes) y.cap = y.bytes
  check(y.bytes != 0, 842, y.base)
}

/** Give the memory of an empty nursery back for a moment, so that the heap can hold less; false when it is in use. */
export function leaveNursery(): bool {
  const y = young()
  if (y.stayed || y.halfTop != y.half) return false
  releaseNursery()
  return true
}

/** Make it again, short as in the beginning. Nothing was taken since it was left, so there is room for as much. */
export function beginNurseryAgain(): void {
  makeNursery(min(young().wanted, FIRST_NURSERY_BYTES))
  check(young().bytes != 0, 843, 0)
  openNursery()
}

/**
 * Make an empty nursery as short as in the beginning, so that the rest of its memory is free; the bytes that it had
 * more. 0 for one that is not empty: nothing is collected here.
 */
export function shortenNursery(): u32 {
  const before = young().bytes
  if (plan().isCollecting || before <= FIRST_NURSERY_BYTES || youngUsedBytes() || !leaveNursery()) return 0
  beginNurseryAgain()
  return before - young().bytes
}

/** An empty nursery, with its map. */
function reset(): void {
  const y = young()
  memory.fill(y.mapBias + (y.base >> GRANULE_SHIFT), <u8>MAP_YOUNG, y.bytes >> GRANULE_SHIFT)
  y.isTagged = 0
  y.stayed = 0
  y.stayedBytes = 0
  setHalves()
}

/** Divide the nursery as the policy wants it. */
function setHalves(): void {
  const y = young()
  y.halfBytes = space().policy & POLICY_AGEING ? (y.bytes >> HALF_SHIFT) & ~15 : 0
  y.eden = y.base + (y.halfBytes << 1)
  y.half = y.base
  y.halfTop = y.base
  y.halfUntagged = y.base
}

// ---- stretches ------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function youngMap(address: usize): usize {
  return young().mapBias + (address >> GRANULE_SHIFT)
}

/** Begin to allocate in the first stretch of eden. */
export function openNursery(): void {
  young().leftBytes = 0
  openStretch(young().eden)
}

/** Go on to the next stretch of eden, which may be of no length; false when there is none. */
export function nextStretch(): bool {
  const p = plan()
  const y = young()
  if (p.heldLimit >= y.base + y.bytes) return false
  // What lies among objects that stay is tagged at once: nobody would find it later.
  tagYoung()
  y.leftBytes += space().bump - p.stretchFrom
  openStretch(p.heldLimit)
  return true
}

function openStretch(from: usize): void {
  const y = young()
  const s = space()
  const p = plan()
  const end = y.base + y.bytes
  let at = from
  let stop = end
  if (y.stayed) {
    while (at < end && load<u8>(youngMap(at)) != <u8>MAP_YOUNG) at += objectBytes(at + 8)
    stop = at
    while (stop < end && load<u8>(youngMap(stop)) == <u8>MAP_YOUNG) stop += 16
  }
  s.bump = at
  s.limit = at
  p.stretchFrom = at
  p.holeStart = at
  p.heldLimit = stop
}

/** Bytes in use. */
export function youngUsedBytes(): u32 {
  const y = young()
  if (!y.bytes) return 0
  return <u32>(space().bump - plan().stretchFrom) + y.leftBytes + <u32>(y.halfTop - y.half) + y.stayedBytes
}

// ---- map bytes on demand --------------------------------------------------------------------------------------------

/** Write the map bytes of the young object at `header`. */
export function tagYoungObject(header: usize, bytes: u32, more: u32): void {
  const map = youngMap(header)
  young().isTagged = 1
  if (bytes <= 16) store<u8>(map, <u8>(MAP_YOUNG | MAP_START | more))
  else {
    store<u8>(map, <u8>(MAP_YOUNG | MAP_START | MAP_SPAN | more))
    store<u8>(youngMap(header + bytes - 1), <u8>(MAP_YOUNG | MAP_SPAN))
  }
}

/** Give every young object its map bytes; count those that are new, if that is wanted. */
export function tagYoung(): void {
  const y = young()
  const p = plan()
  y.halfUntagged = tagRange(y.halfUntagged, y.halfTop, false)
  const counts = (space().policy & POLICY_COUNT_TYPES) != 0
  if (space().bump) p.holeStart = tagRange(p.holeStart, space().bump, counts)
}

function tagRange(from: usize, to: usize, counts: bool): usize {
  let at = from
  while (at < to) {
    const bytes = objectBytes(at + 8)
    // A header that a program has overwritten must not lead out of the nursery; the verifier will find it.
    if (bytes < 16 || bytes > <u32>(to - at)) return at
    tagYoungObject(at, bytes, 0)
    if (counts) typeInfo(typeOf(at + 8)).allocated++
    at += bytes
  }
  return at
}

/** Before a minor collection: no object has map bytes. */
export function untagYoung(): void {
  const y = young()
  if (y.isTagged) memory.fill(youngMap(y.base), <u8>MAP_YOUNG, y.bytes >> GRANULE_SHIFT)
  y.isTagged = 0
}

/** Whether the young object at `reference` stays where it is in this minor collection. */
// @ts-ignore: decorator
@inline
export function staysYoung(reference: usize): bool {
  return (load<u8>(youngMap(reference)) & MAP_PINNED) != 0
}

/** Call `V.object(reference)` for each tagged young object, by ascending address. */
export function eachYoung<V>(): void {
  const y = young()
  for (let at = nextYoung(y.base); at; at = nextYoung(at - 8 + objectBytes(at))) changetype<V>(0).object(at)
}

/** The tagged young object with the lowest address whose header is at `from` or above; 0 when there is none. */
export function nextYoung(from: usize): usize {
  const y = young()
  const end = y.base + y.bytes
  for (let at = from; at < end; at += 16) {
    if ((load<u8>(youngMap(at)) & (MAP_OBJECT | MAP_START)) == <u8>(MAP_OBJECT | MAP_START)) return at + 8
  }
  return 0
}

// ---- what stays, in marking -----------------------------------------------------------------------------------------

/**
 * When a cycle begins: mark what young objects that stay refer to, the words of weak maps included; `M` is a marker,
 * see `weak.ts`.
 */
export function markFromYoung<M>(): void {
  if (young().stayed) eachYoung<YoungRoot<M>>()
}

@unmanaged
@final
class YoungRoot<M> {
  object(reference: usize): void {
    scan<M>(reference)
    const shape = <u32>typeInfo(typeOf(reference)).shape
    if (shape != SHAPE_WEAK) scanWeakWords<M>(reference, shape, payloadBytes(reference))
  }
}

/** Before a marking that is not in steps: what stays is to be marked like anything else. */
export function whitenYoung(): void {
  if (young().stayed) eachYoung<Whitener>()
}

@unmanaged
@final
class Whitener {
  object(reference: usize): void {
    const map = youngMap(reference)
    store<u8>(map, load<u8>(map) & <u8>(MAP_OBJECT | MAP_START | MAP_SPAN))
  }
}

/** After it: what was not marked is dead, and the stretches of eden grow by that. */
export function settleYoung(): void {
  const y = young()
  if (!y.stayed) return
  y.stayed = 0
  y.stayedBytes = 0
  eachYoung<Settler>()
  openNursery()
}

@unmanaged
@final
class Settler {
  object(reference: usize): void {
    const map = youngMap(reference)
    const bytes = objectBytes(reference)
    if (load<u8>(map) & <u8>space().colour) {
      tagYoungObject(reference - 8, bytes, MAP_PINNED)
      young().stayed++
      young().stayedBytes += bytes
    } else memory.fill(map, <u8>MAP_YOUNG, bytes >> GRANULE_SHIFT)
  }
}

/** After marking in steps: put the weak words right of what stays. At once: it may move before any later turn. */
export function finishYoungWeak<M>(): void {
  if (young().stayed) eachYoung<YoungWeak<M>>()
}

@unmanaged
@final
class YoungWeak<M> {
  object(reference: usize): void {
    const shape = <u32>typeInfo(typeOf(reference)).shape
    if (shape == SHAPE_EPHEMERONS) finishTable<M>(reference)
    if (shape != SHAPE_WEAK) return
    const weak = changetype<WeakRef>(reference)
    weak.target = changetype<M>(0).survivor(weak.target) as usize
  }
}

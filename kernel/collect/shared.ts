/**
 * The shared space: images in whole MiBs of their own, to whose objects the heaps of tenants may refer as well. They
 * are immortal and refer to each other alone, so nobody who collects has to look at them, and a tenant that has entered
 * the MiBs (`object/owners.ts`) needs nothing else.
 *
 *   segment   [ map: a byte for each granule of the segment ][ head, 64 bytes ][ image ][ image ] ... top | free
 *   image     [ head of a piece, 64 bytes, see images.ts ][ object ][ object ] ...
 *
 * A segment is an owned huge block of whole MiBs; small images share one. It is given back when its last image is
 * dropped, and by a reset.
 */
import { CHUNK_BYTES, CODE_HUGE_OWNED, GRANULE_SHIFT } from '../layout'
import { LARGE_HEAD_BYTES } from '../object-layout'
import { allocHuge, giveMap, hugeAround, releaseHuge, takeMap } from '../region/huge'
import { young } from '../young-overlay'

const MIB_MASK: u32 = CHUNK_BYTES - 1

@unmanaged
export class SharedSegment {
  /** The segment made before this one. */
  next: usize
  start: usize
  bytes: u32
  mapBias: usize
  /** Where the next image goes. */
  top: usize
  images: u32
}

/** Room for `bytes` of an image with its head: 0 when out of memory. `segmentOf` tells what it lies in. */
export function takeShared(bytes: u32): usize {
  let at = young().shared
  while (at && <u32>(endOf(at) - changetype<SharedSegment>(at).top) < bytes) at = changetype<SharedSegment>(at).next
  if (!at) at = makeSegment(bytes)
  if (!at) return 0
  const segment = changetype<SharedSegment>(at)
  const image = segment.top
  segment.top = image + bytes
  segment.images++
  return image
}

// @ts-ignore: decorator
@inline
function endOf(head: usize): usize {
  return changetype<SharedSegment>(head).start + changetype<SharedSegment>(head).bytes
}

/** Bytes of a segment with room for `bytes`: whole MiBs, of which the map takes a sixteenth. */
function segmentBytes(bytes: u32): u32 {
  let total = (bytes + LARGE_HEAD_BYTES + MIB_MASK) & ~MIB_MASK
  while (total - (total >> GRANULE_SHIFT) - LARGE_HEAD_BYTES < bytes) total += CHUNK_BYTES
  return total
}

/** Address of the head of a new segment with room for `bytes`, 0 when out of memory. */
function makeSegment(bytes: u32): usize {
  const total = segmentBytes(bytes)
  const start = allocHuge(total, 16, CODE_HUGE_OWNED)
  if (!start) return 0
  const mapBytes = total >> GRANULE_SHIFT
  memory.fill(start, 0, mapBytes + LARGE_HEAD_BYTES)
  giveMap(start, total, start)
  const head = start + mapBytes
  const segment = changetype<SharedSegment>(head)
  segment.next = young().shared
  segment.start = start
  segment.bytes = total
  segment.mapBias = start - (start >> GRANULE_SHIFT)
  segment.top = head + LARGE_HEAD_BYTES
  young().shared = head
  return head
}

/** Head of the segment that `address` lies in, 0 when it lies in none. */
export function segmentOf(address: usize): usize {
  let at = young().shared
  while (at && address - changetype<SharedSegment>(at).start >= changetype<SharedSegment>(at).bytes) {
    at = changetype<SharedSegment>(at).next
  }
  return at
}

/** The image of `bytes`, head included, is gone. What lies below others is used again when they are gone, too. */
export function dropShared(image: usize, bytes: u32): void {
  const at = segmentOf(image)
  const segment = changetype<SharedSegment>(at)
  if (image + bytes == segment.top) segment.top = image
  if (--segment.images) return
  unlink(at)
  takeMap(segment.start, segment.bytes)
  releaseHuge(segment.start, segment.bytes, CODE_HUGE_OWNED)
}

function unlink(head: usize): void {
  const next = changetype<SharedSegment>(head).next
  if (young().shared == head) {
    young().shared = next
    return
  }
  let before = young().shared
  while (changetype<SharedSegment>(before).next != head) before = changetype<SharedSegment>(before).next
  changetype<SharedSegment>(before).next = next
}

/** For the verifier: whether a segment's head says what its place says. */
export function isSegmentSound(head: usize): bool {
  const segment = changetype<SharedSegment>(head)
  const start = hugeAround(head)
  if (!start || start != segment.start) return false
  const first = start + (segment.bytes >> GRANULE_SHIFT)
  return (
    !((start | segment.bytes) & MIB_MASK) &&
    head == first &&
    segment.mapBias == start - (start >> GRANULE_SHIFT) &&
    segment.top > first + LARGE_HEAD_BYTES &&
    segment.top <= endOf(head) &&
    segment.images != 0
  )
}

/**
 * Root lists, one per kind of `ROOT_…`: roots that are added and removed in any order, in constant time. Slots lie in
 * segments that never move; a free slot holds the address of the next free one plus 1, which is no reference. A root
 * may hold any word, such a number too, so a bit for each slot says which are in use.
 *
 *   segment   [ next ][ end ][ magic ][ kind : 8 | 0 ][ slot ] ... end [ bits ]     in the large builds: one unit, so a
 *                                                                                   slot's address leads to its segment
 *             [ next ][ end ][ magic ][ kind : 8 | bits : 8 | 0 ][ slot ] ... end   in `embedded`
 *
 * ROOT_SLOT has slots of two words, { address, copy }.
 */
import {
  GRANULE_BYTES,
  STATUS_BAD_ARGUMENT,
  STATUS_FOREIGN,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from '../layout'
import { ROOT_KINDS, ROOT_SLOT, ROOT_WEAK, SEGMENT_HEAD_BYTES } from '../object-layout'
import { refused, rootListAt } from '../object-overlay'
import { isSegmentPlace, segmentAlloc, tableFree } from '../object/memory'
import { isReference } from '../object/words'
import { isForeign } from '../object/owners'

const SEGMENT_BYTES: u32 = 4096
const SEGMENT_MAGIC: u32 = 0x544f4f52
const SEGMENT_BYTES_EMBEDDED: u32 = GRANULE_BYTES + 32
/** At a segment's end: a bit for each slot. */
const BITS_BYTES: u32 = 128

@unmanaged
class Segment {
  next: usize
  end: usize
  magic: u32
  kind: u8
  bits: u8
  pad: u16
}

// @ts-ignore: decorator
@inline
function slotBytes(kind: u32): u32 {
  return kind == ROOT_SLOT ? 8 : 4
}

// ---- slots in use --------------------------------------------------------------------------------------------------

/** Address of the byte with the bit of slot number `index`. */
// @ts-ignore: decorator
@inline
function bitsAt(segment: usize, index: u32): usize {
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) return segment + offsetof<Segment>('bits')
  return changetype<Segment>(segment).end + (index >> 3)
}

/** Whether a slot of the segment holds a root. */
export function isInUse(segment: usize, slot: usize, step: u32): bool {
  const index = <u32>(slot - segment - SEGMENT_HEAD_BYTES) / step
  return ((load<u8>(bitsAt(segment, index)) >> (index & 7)) & 1) != 0
}

/** Begin or end the use of a slot. */
function toggleUse(segment: usize, slot: usize, step: u32): void {
  const index = <u32>(slot - segment - SEGMENT_HEAD_BYTES) / step
  const at = bitsAt(segment, index)
  store<u8>(at, load<u8>(at) ^ (<u8>1 << <u8>(index & 7)))
}

/** The segment in which `slot` is one of the list of `kind`, 0 when it is none: the segment that its unit would be. */
function segmentOf(kind: u32, slot: usize): usize {
  const step = slotBytes(kind)
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) {
    const at = slot & ~(SEGMENT_BYTES - 1)
    return isSegment(at, kind) && isSlotOf(at, slot, step) ? at : 0
  }
  for (let at = load<usize>(rootListAt(kind)); at; at = changetype<Segment>(at).next) {
    if (isSlotOf(at, slot, step)) return at
  }
  return 0
}

// @ts-ignore: decorator
@inline
function isSlotOf(segment: usize, slot: usize, step: u32): bool {
  const first = segment + SEGMENT_HEAD_BYTES
  return slot >= first && slot < changetype<Segment>(segment).end && (slot - first) % step == 0
}

// ---- adding and removing -------------------------------------------------------------------------------------------

/** Whether a root of `kind` may be `value`: a weak one refers to an object, ROOT_SLOT has the address of a word. */
function mayBe(kind: u32, value: usize): bool {
  if (kind == ROOT_SLOT) return !(value & 3) && <u64>value + 4 <= <u64>(<u32>memory.size()) << 16
  return kind < ROOT_SLOT || (kind == ROOT_WEAK && (!value || isReference(value)))
}

/** Add a root of `kind`: any word, a reference, or for ROOT_SLOT the address of a word. The slot's address, or 0. */
export function rootAdd(kind: u32, value: usize): usize {
  if (!mayBe(kind, value)) return refused(STATUS_BAD_ARGUMENT)
  if (kind != ROOT_SLOT && isForeign(value)) return refused(STATUS_FOREIGN)
  const list = rootListAt(kind)
  let slot = load<usize>(list, 4)
  if (!slot) {
    if (!addSegment(list, kind)) return refused(STATUS_OUT_OF_MEMORY)
    slot = load<usize>(list, 4)
  }
  store<usize>(list, load<usize>(slot) - 1, 4)
  store<usize>(slot, value)
  if (kind == ROOT_SLOT) store<usize>(slot, 0, 4)
  toggleUse(segmentOf(kind, slot), slot, slotBytes(kind))
  return slot
}

function addSegment(list: usize, kind: u32): bool {
  // @ts-ignore: set by --use
  const bytes = HW_EMBEDDED ? SEGMENT_BYTES_EMBEDDED : SEGMENT_BYTES
  const at = segmentAlloc(bytes)
  if (!at) return false
  const segment = changetype<Segment>(at)
  segment.next = load<usize>(list)
  // @ts-ignore: set by --use
  segment.end = at + bytes - (HW_EMBEDDED ? 0 : BITS_BYTES)
  segment.magic = SEGMENT_MAGIC ^ <u32>at
  segment.kind = <u8>kind
  segment.bits = 0
  segment.pad = 0
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) memory.fill(segment.end, 0, BITS_BYTES)
  store<usize>(list, at)
  linkFreeSlots(list, at, slotBytes(kind))
  return true
}

function isSegment(at: usize, kind: u32): bool {
  if (!isSegmentPlace(at)) return false
  const segment = changetype<Segment>(at)
  return segment.magic == (SEGMENT_MAGIC ^ <u32>at) && <u32>segment.kind == kind
}

/** Remove the root in `slot`, as `rootAdd` gave it. */
export function rootRemove(kind: u32, slot: usize): u32 {
  if (kind >= ROOT_KINDS) return STATUS_BAD_ARGUMENT
  const segment = segmentOf(kind, slot)
  if (!segment || !isInUse(segment, slot, slotBytes(kind))) return STATUS_NOT_A_BLOCK
  toggleUse(segment, slot, slotBytes(kind))
  const list = rootListAt(kind)
  store<usize>(slot, load<usize>(list, 4) + 1)
  store<usize>(list, slot, 4)
  return STATUS_OK
}

/** Whether `slot` is one of the list of `kind`, and holds a root. */
export function isRootSlot(kind: u32, slot: usize): bool {
  const segment = segmentOf(kind, slot)
  return segment != 0 && isInUse(segment, slot, slotBytes(kind))
}

// ---- visiting ------------------------------------------------------------------------------------------------------

/** Visit every slot of a list that may hold a reference: the slot itself, whatever the kind. */
export function visitList<V>(kind: u32): void {
  for (let at = firstSegment(kind); at; at = visitSegment<V>(kind, at)) {}
}

/** Call `R.range(from, to)` for the slots of each segment of a list, those that are free included. */
export function eachSegment<R>(kind: u32): void {
  for (let at = firstSegment(kind); at; at = changetype<Segment>(at).next) {
    changetype<R>(0).range(at + SEGMENT_HEAD_BYTES, changetype<Segment>(at).end)
  }
}

/** First segment of a list, 0 when it has none. */
export function firstSegment(kind: u32): usize {
  return load<usize>(rootListAt(kind))
}

/** Visit the slots of one segment that hold no odd number: free ones do; the next segment, 0 at the end. */
export function visitSegment<V>(kind: u32, at: usize): usize {
  const step = slotBytes(kind)
  const end = changetype<Segment>(at).end
  for (let slot = at + SEGMENT_HEAD_BYTES; slot < end; slot += step) {
    if (!(load<usize>(slot) & 1)) changetype<V>(0).visit(slot)
  }
  return changetype<Segment>(at).next
}

/** Give the segments back in which no slot is in use, and link the free slots of the others anew. */
export function trimRootLists(): void {
  for (let kind: u32 = 0; kind < ROOT_KINDS; kind++) {
    const list = rootListAt(kind)
    const step = slotBytes(kind)
    let at = load<usize>(list)
    store<usize>(list, 0)
    store<usize>(list, 0, 4)
    while (at) {
      const next = changetype<Segment>(at).next
      if (isUnused(at, step)) tableFree(at)
      else {
        changetype<Segment>(at).next = load<usize>(list)
        store<usize>(list, at)
        linkFreeSlots(list, at, step)
      }
      at = next
    }
  }
}

function isUnused(at: usize, step: u32): bool {
  const end = changetype<Segment>(at).end
  for (let slot = at + SEGMENT_HEAD_BYTES; slot < end; slot += step) {
    if (isInUse(at, slot, step)) return false
  }
  return true
}

function linkFreeSlots(list: usize, at: usize, step: u32): void {
  for (let slot = changetype<Segment>(at).end - step; slot >= at + SEGMENT_HEAD_BYTES; slot -= step) {
    if (isInUse(at, slot, step)) continue
    store<usize>(slot, load<usize>(list, 4) + 1)
    store<usize>(list, slot, 4)
  }
}

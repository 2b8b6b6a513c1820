/**
 * Root lists, one per kind of `ROOT_…`: roots that are added and removed in any order, in constant time. Slots lie in
 * segments that never move; a free slot holds the address of the next free one plus 1, which is no reference.
 *
 *   segment   [ next ][ end ][ magic ][ kind ][ slot ] ... end   ROOT_SLOT: slots of two words, { address, copy }
 *
 * In the large builds a segment is one unit, so a slot's address leads to its segment.
 */
import { GRANULE_BYTES, STATUS_BAD_ARGUMENT, STATUS_NOT_A_BLOCK, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { ROOT_KINDS, ROOT_SLOT, SEGMENT_HEAD_BYTES } from '../object-layout'
import { refused, rootListAt } from '../object-overlay'
import { isSegmentPlace, segmentAlloc, tableFree } from '../object/memory'

const SEGMENT_BYTES: u32 = 4096
const SEGMENT_MAGIC: u32 = 0x544f4f52
const SEGMENT_BYTES_EMBEDDED: u32 = GRANULE_BYTES + 32

@unmanaged
class Segment {
  next: usize
  end: usize
  magic: u32
  kind: u32
}

// @ts-ignore: decorator
@inline
function slotBytes(kind: u32): u32 {
  return kind == ROOT_SLOT ? 8 : 4
}

/** Add a root of `kind`: a reference, or for ROOT_SLOT the address of a word. The slot's address, or 0. */
export function rootAdd(kind: u32, value: usize): usize {
  if (kind >= ROOT_KINDS || value & 3) return refused(STATUS_BAD_ARGUMENT)
  if (kind == ROOT_SLOT && <u64>value + 4 > <u64>(<u32>memory.size()) << 16) return refused(STATUS_BAD_ARGUMENT)
  const list = rootListAt(kind)
  let slot = load<usize>(list, 4)
  if (!slot) {
    if (!addSegment(list, kind)) return refused(STATUS_OUT_OF_MEMORY)
    slot = load<usize>(list, 4)
  }
  store<usize>(list, load<usize>(slot) - 1, 4)
  store<usize>(slot, value)
  if (kind == ROOT_SLOT) store<usize>(slot, 0, 4)
  return slot
}

function addSegment(list: usize, kind: u32): bool {
  // @ts-ignore: set by --use
  const bytes = HW_EMBEDDED ? SEGMENT_BYTES_EMBEDDED : SEGMENT_BYTES
  const at = segmentAlloc(bytes)
  if (!at) return false
  const segment = changetype<Segment>(at)
  segment.next = load<usize>(list)
  segment.end = at + bytes
  segment.magic = SEGMENT_MAGIC ^ <u32>at
  segment.kind = kind
  const step = slotBytes(kind)
  let free: usize = 0
  for (let slot = at + bytes - step; slot >= at + SEGMENT_HEAD_BYTES; slot -= step) {
    store<usize>(slot, free + 1)
    free = slot
  }
  store<usize>(list, at)
  store<usize>(list, free, 4)
  return true
}

function isSegment(at: usize, kind: u32): bool {
  if (!isSegmentPlace(at)) return false
  const segment = changetype<Segment>(at)
  return segment.magic == (SEGMENT_MAGIC ^ <u32>at) && segment.kind == kind
}

/** Remove the root in `slot`, as `rootAdd` gave it. */
export function rootRemove(kind: u32, slot: usize): u32 {
  if (kind >= ROOT_KINDS) return STATUS_BAD_ARGUMENT
  if (!isSlot(kind, slot) || load<usize>(slot) & 1) return STATUS_NOT_A_BLOCK
  const list = rootListAt(kind)
  store<usize>(slot, load<usize>(list, 4) + 1)
  store<usize>(list, slot, 4)
  return STATUS_OK
}

/** Whether `slot` is one of the list of `kind`, and holds a root. */
export function isRootSlot(kind: u32, slot: usize): bool {
  return isSlot(kind, slot) && !(load<usize>(slot) & 1)
}

/** Whether `slot` is one of the list of `kind`: in the large builds a look at the segment that its unit would be. */
function isSlot(kind: u32, slot: usize): bool {
  const step = slotBytes(kind)
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) {
    const at = slot & ~(SEGMENT_BYTES - 1)
    const first = at + SEGMENT_HEAD_BYTES
    return slot >= first && isSegment(at, kind) && (slot - first) % step == 0
  }
  for (let at = load<usize>(rootListAt(kind)); at; at = changetype<Segment>(at).next) {
    const first = at + SEGMENT_HEAD_BYTES
    if (slot >= first && slot < changetype<Segment>(at).end) return (slot - first) % step == 0
  }
  return false
}

/** Visit every slot in use of a list: the slot itself, whatever the kind. */
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

/** Visit the slots in use of one segment; the next segment, 0 at the end. */
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
    if (!(load<usize>(slot) & 1)) return false
  }
  return true
}

function linkFreeSlots(list: usize, at: usize, step: u32): void {
  for (let slot = changetype<Segment>(at).end - step; slot >= at + SEGMENT_HEAD_BYTES; slot -= step) {
    if (!(load<usize>(slot) & 1)) continue
    store<usize>(slot, load<usize>(list, 4) + 1)
    store<usize>(list, slot, 4)
  }
}

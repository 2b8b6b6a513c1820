/**
 * The `embedded` plan: one fixed buffer, bump allocation into the gap, and when that is used up a collection that marks
 * and slides. Nothing is outside the buffer, and no table grows with the heap but those of types, roots and hashes.
 *
 *   refill    none: a full gap is a collection
 *   barrier   none
 *   collect   mark (embedded-mark.ts), clear what is weak, slide (embedded-slide.ts)
 *   verify    check/embedded.ts
 *
 * Guarantee: what is refused for want of memory changes nothing that can be reached. RESERVE_BYTES of the gap are kept
 * from objects: with them a full buffer can be marked, and one more segment of handles be made, so that a host can
 * still hold the object that stands for the error.
 */
import { check, hostReport } from '../host'
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import {
  CAUSE_MEMORY,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  OBJECT_HEADER_BYTES,
  POLICY_COUNT_TYPES,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
} from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { heap } from '../overlay'
import { HOLE, MARK_RESERVE_BYTES, buffer, roomEnd, setLimit } from '../buffer/buffer-state'
import { headWord, objectBytes, typeOf } from '../object/header'
import { remakeIndex } from '../root/hashes'
import { areStacksSound } from '../root/shadow'
import { markAll } from './embedded-mark'
import { slideObjects } from './embedded-slide'
import { allocatedUnderStress, isStressed } from './stress'

/** Room for an object that takes `bytes`: the address of its header, 0 when out of memory. May collect and move. */
export function allocateInBuffer(bytes: u32): usize {
  const h = heap()
  if (buffer().isCollecting || bytes > <u32>(h.end - h.base)) return 0
  if (isStressed() && allocatedUnderStress(bytes)) collectFor(COLLECT_FULL, CAUSE_STRESS)
  const at = takeRoom(bytes)
  if (at) return at
  return collectFor(COLLECT_FULL, CAUSE_MEMORY) == STATUS_OK ? takeRoom(bytes) : 0
}

function takeRoom(bytes: u32): usize {
  const s = space()
  const at = s.bump
  const end = roomEnd()
  if (end <= at || bytes > <u32>(end - at)) return 0
  s.bump = at + bytes
  if (s.limit < s.bump) s.limit = s.bump
  s.allocatedBytes = <u32>(s.bump - buffer().survivorsEnd)
  return at
}

/** Collect now. Both kinds mark and slide. */
export function collect(kind: u32): u32 {
  if (kind > COLLECT_COMPACT) return STATUS_BAD_ARGUMENT
  return collectFor(kind, CAUSE_REQUEST)
}

/** Collect for a cause. BAD_ARGUMENT, and nothing done, in a collection or when a shadow stack is out of bounds. */
export function collectFor(kind: u32, cause: u32): u32 {
  const s = space()
  const b = buffer()
  if (b.isCollecting || !areStacksSound()) return STATUS_BAD_ARGUMENT
  b.isCollecting = 1
  s.cause = cause
  hostReport(REPORT_COLLECT_BEGIN, cause)
  if (s.policy & POLICY_COUNT_TYPES) countAllocated()
  markAll()
  slideObjects()
  remakeIndex()
  setLimit()
  check(s.bump + MARK_RESERVE_BYTES <= b.blocksFrom, 930, s.bump)
  s.collections++
  if (kind == COLLECT_COMPACT) s.compactions++
  s.allocatedBytes = 0
  b.isCollecting = 0
  hostReport(REPORT_COLLECT_END, kind)
  return STATUS_OK
}

/** Count what was allocated since the last collection, per type. */
function countAllocated(): void {
  const end = space().bump
  for (let at = buffer().survivorsEnd; at < end; ) {
    const reference = at + OBJECT_HEADER_BYTES
    if (headWord(reference) != HOLE) typeInfo(typeOf(reference)).allocated++
    at += objectBytes(reference)
  }
}

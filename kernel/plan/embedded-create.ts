/**
 * Making the `embedded` heap in its buffer, attaching to one that is there, and emptying one.
 *
 * Guarantee: nothing outside [base, end) is touched; a refused call touches nothing at all.
 */
import { alignDown, alignUp } from '../bits/align'
import { check, hostGrow } from '../host'
import {
  ADDRESS_LIMIT,
  FLAG_EMBEDDED,
  FLAG_OBJECTS,
  FLAG_OWNS_RANGE,
  EMBEDDED_HEADER_BYTES,
  HEAP_MAGIC,
  LAYOUT_VERSION,
  STATUS_BAD_ARGUMENT,
  STATUS_CORRUPT,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from '../layout'
import {
  MAP_ALWAYS,
  POLICY_COUNT_TYPES,
  POLICY_EVACUATE,
  POLICY_LAZY_SWEEP,
  POLICY_MOVE_ALL,
  SPACE_BYTES,
  SPACE_PLAN_AT,
  SPACE_VALUES_AT,
} from '../object-layout'
import { alwaysMarked, space, spaceAt } from '../object-overlay'
import { Heap, heap, setSelf } from '../overlay'
import {
  BUFFER_MAX_BYTES,
  Buffer,
  CONTROL_BYTES,
  RESERVE_BYTES,
  buffer,
  objectsFrom,
  setLimit,
} from '../buffer/buffer-state'
import { makeBuiltInTypes } from '../object/types'
import { beginStress } from './stress'

/** The table of built-in types with its head. */
const FIRST_TABLE_BYTES: u32 = 264
/** Smallest buffer: control block, types, reserve, and room for an object of 16 bytes. */
const BUFFER_MIN_BYTES: u32 = CONTROL_BYTES + FIRST_TABLE_BYTES + RESERVE_BYTES + 16
const PAGE_BYTES: u64 = 65536
const POLICIES: u32 = POLICY_EVACUATE | POLICY_LAZY_SWEEP | POLICY_COUNT_TYPES | POLICY_MOVE_ALL

/**
 * Make a heap in the buffer [base, end), at most `limitBytes` of it. The memory covers the buffer or is grown once.
 * `held` and `classTable` mean nothing here; they are there so that every build is made by the same call.
 */
export function create(base: usize, held: usize, end: usize, limitBytes: u32, flags: u32, classTable: u32): u32 {
  if (end > ADDRESS_LIMIT || base >= end) return STATUS_BAD_ARGUMENT
  const start = alignUp(base, 8)
  let stop = alignDown(end, 8)
  if (stop <= start) return STATUS_BAD_ARGUMENT
  if (<u32>(stop - start) > limitBytes) stop = start + alignDown(limitBytes, 8)
  const bytes = <u32>(stop - start)
  if (bytes < BUFFER_MIN_BYTES || bytes > BUFFER_MAX_BYTES) return STATUS_BAD_ARGUMENT
  const pages = <u32>((<u64>stop + PAGE_BYTES - 1) >> 16)
  const present = <u32>memory.size()
  if (pages > present && hostGrow(pages - present) != <i32>present) return STATUS_OUT_OF_MEMORY
  setSelf(start)
  memory.fill(start, 0, CONTROL_BYTES)
  const h = heap()
  h.base = start
  h.end = stop
  h.flags = FLAG_OWNS_RANGE | FLAG_OBJECTS | FLAG_EMBEDDED
  h.limitBytes = bytes
  h.grows = pages > present ? 1 : 0
  makeSpace(0)
  h.version = LAYOUT_VERSION
  h.magic = HEAP_MAGIC
  return STATUS_OK
}

/** An empty object space, and the words of the control block that tell of it. */
function makeSpace(policy: u32): void {
  check(offsetof<Buffer>() <= SPACE_VALUES_AT - SPACE_PLAN_AT, 931, 0)
  memory.fill(spaceAt(), 0, SPACE_BYTES)
  store<u8>(alwaysMarked(), <u8>MAP_ALWAYS)
  const h = heap()
  h.top = h.end
  h.committedBytes = <u32>(h.end - h.base)
  h.committedPeakBytes = h.committedBytes
  h.metadataBytes = CONTROL_BYTES
  h.freeBytes = 0
  h.runBytes = 0
  h.fault = 0
  h.space = spaceAt()
  const s = space()
  s.policy = policy
  s.bump = objectsFrom()
  buffer().blocksFrom = h.end
  buffer().survivorsEnd = s.bump
  setLimit()
  makeBuiltInTypes()
}

/** Set the policy of the object space, which is there from the start: `POLICY_…`. */
export function spaceCreate(policy: u32): u32 {
  if (policy & ~POLICIES) return STATUS_BAD_ARGUMENT
  space().policy = policy
  return STATUS_OK
}

export function setPolicy(policy: u32): void {
  space().policy = policy
}

/** Begin or end stress, see `stress.ts`. */
export function setStress(kind: u32, number: u32, seed: u32): u32 {
  const status = beginStress(kind, number, seed)
  setLimit()
  return status
}

/** Use the heap whose control block lies at `at`. CORRUPT when there is none of this layout. */
export function attach(at: usize): u32 {
  const present = <u64>(<u32>memory.size()) << 16
  if (at & 7 || <u64>at + CONTROL_BYTES > present) return STATUS_CORRUPT
  const h = changetype<Heap>(at)
  if (h.magic != HEAP_MAGIC || h.version != LAYOUT_VERSION || h.base != at || !(h.flags & FLAG_EMBEDDED)) {
    return STATUS_CORRUPT
  }
  if (h.end & 7 || h.end <= at || <u64>h.end > present || h.space != at + EMBEDDED_HEADER_BYTES) return STATUS_CORRUPT
  const bytes = <u32>(h.end - at)
  if (bytes < BUFFER_MIN_BYTES || bytes > BUFFER_MAX_BYTES || h.committedBytes != bytes) return STATUS_CORRUPT
  setSelf(at)
  return STATUS_OK
}

/** Free everything: objects, blocks, types, roots. Stress goes on. */
export function reset(): void {
  const s = space()
  const kind = s.stress
  const number = s.stressNumber
  const state = s.stressState
  makeSpace(s.policy)
  s.stress = kind
  s.stressNumber = number
  s.stressLeft = number
  s.stressState = state
  setLimit()
  heap().generation++
}

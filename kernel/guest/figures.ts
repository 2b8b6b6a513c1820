/** What a guest can ask of its heap: the figures of include/heapwright.h's `struct hw_stats`, and the limit. */
import { liveBlocks, liveBytes, samplePeakWith } from '../block/count'
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { space } from '../object-overlay'
import { context, hasHeap, heap } from '../overlay'
import { young } from '../young-overlay'
import { hasObjects, hw_objects_mode } from './begin-objects'
import { HW_STATS_VERSION } from './guest-layout'

/** As in the header, field by field. */
@unmanaged
export class Stats {
  version: u32
  bytes: u32
  limitBytes: u32
  committedBytes: u32
  committedPeakBytes: u32
  metadataBytes: u32
  freeBytes: u32
  blockBytes: u32
  blocks: u32
  blockPeakBytes: u32
  refusedRequests: u32
  refusedLargestBytes: u32
  badFrees: u32
  mode: u32
  objectSpaceBytes: u32
  liveObjectBytes: u32
  liveObjects: u32
  nurseryBytes: u32
  collections: u32
  compactions: u32
  minorCollections: u32
  cycles: u32
  steps: u32
  types: u32
}

/** Write the first `bytes` of the figures to `out`; those that a newer program has beyond ours are 0. */
export function hw_get_stats(out: usize, bytes: u32): u32 {
  const end = <u64>(<u32>memory.size()) << 16
  if (!hasHeap() || (out | bytes) & 3 || bytes < 8 || !out || <u64>out + <u64>bytes > end) return STATUS_BAD_ARGUMENT
  // Built up behind the reports' words in the scratch area, which no other report needs meanwhile.
  const at = heap().scratch
  fill(changetype<Stats>(at))
  const known = min<u32>(bytes, <u32>offsetof<Stats>())
  memory.copy(out, at, known)
  memory.fill(out + known, 0, bytes - known)
  return STATUS_OK
}

function fill(to: Stats): void {
  samplePeakWith(0)
  const h = heap()
  memory.fill(changetype<usize>(to), 0, offsetof<Stats>())
  to.version = HW_STATS_VERSION
  to.bytes = <u32>offsetof<Stats>()
  to.limitBytes = h.limitBytes
  to.committedBytes = h.committedBytes
  to.committedPeakBytes = h.committedPeakBytes
  to.metadataBytes = h.metadataBytes
  to.freeBytes = h.freeBytes
  to.blockBytes = liveBytes()
  to.blocks = liveBlocks()
  to.blockPeakBytes = context().peakBytes
  to.refusedRequests = h.refusedRequests
  to.refusedLargestBytes = h.refusedLargestBytes
  to.badFrees = h.badFrees
  if (hasObjects()) fillObjects(to)
}

function fillObjects(to: Stats): void {
  const s = space()
  const y = young()
  to.mode = hw_objects_mode()
  to.objectSpaceBytes = heap().objectBytes
  to.liveObjectBytes = s.liveBytes
  to.liveObjects = s.liveObjects
  to.nurseryBytes = y.bytes
  to.collections = s.collections
  to.compactions = s.compactions
  to.minorCollections = y.minors
  to.cycles = y.cycles
  to.steps = y.steps
  to.types = s.typeCount
}

/** Most bytes that the heap may hold. */
export function hw_limit(): u32 {
  return hasHeap() ? heap().limitBytes : 0
}

/** Another limit; BAD_ARGUMENT below what is held already. */
export function hw_set_limit(bytes: u32): u32 {
  if (!hasHeap() || bytes < heap().committedBytes) return STATUS_BAD_ARGUMENT
  heap().limitBytes = bytes
  return STATUS_OK
}

/** The structs of `heapwright.h`, field by field, for memory that the program provides:
 * `memory.data(offsetof<Stats>())`. */

/** What there is to know of the heap, in bytes and counts. */
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

/** What may be asked for beside the mode; a field that is 0 has its usual value. */
@unmanaged
export class ObjectOptions {
  /** `offsetof<ObjectOptions>()`. */
  bytes: u32
  nurseryBytes: u32
  oldBytes: u32
  stepUnits: u32
  stackSlots: u32
  pinnedSlots: u32
  flags: u32
}

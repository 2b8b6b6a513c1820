/**
 * The classes through which the kernel reads the structures of `layout.ts`. They are never instantiated: an address is
 * viewed as one. Field order is the layout; `kernel-tests/layout.test.ts` holds it against the constants.
 */
import { IN_GUEST } from './host'
import {
  ADDRESS_LIMIT,
  CHUNK_HEADER_BYTES,
  CLASS_INFO_BYTES,
  CLASS_INFO_SHIFT,
  CLASS_MAX,
  CONTEXT_CLASS_OF_AT,
  CONTEXT_OFFSET,
  CONTEXT_PAGES_AT,
  FLAG_BUMP,
  HEAP_BIN_BITS_BYTES,
  HEAP_BINS_BYTES,
  HEAP_HEADER_BYTES,
} from './layout'

/** One MiB of the address space, see the table in `layout.ts`. */
@unmanaged
export class Entry {
  mapBias: usize
  lo: usize
  spanGranules: u32
  unitBias: usize
}

/** Head of a chunk's metadata. */
@unmanaged
export class Chunk {
  metadataAt: usize
  lo: usize
  /** End of the held part. */
  hi: usize
  /** End of what the byte map covers. */
  cap: usize
  metadataBytes: u32
  /** One bit per 64 KiB of the MiB that somebody else holds. */
  foreign: u32
}

/** Descriptor of a page of small blocks, in the place of its first unit. */
@unmanaged
export class Page {
  head: usize
  free: usize
  used: u16
  slowAt: u16
  mapBias: usize
  next: usize
  prev: usize
  blockBytes: u16
  classIndex: u8
  units: u8
  carved: u16
  capacity: u16
}

/** One size class. */
@unmanaged
export class ClassInfo {
  blockBytes: u16
  /** Units of a full-grown page. */
  fullUnits: u16
  /** Units in pages of this class now. */
  units: u32
  /** Partial pages that are not current. */
  partial: usize
  pages: u32
  /** Blocks in full pages that are not current. */
  fullBlocks: u32
  /** Blocks that fit its pages. */
  slots: u32
  pad1: u32
  pad2: u32
}

/** The control block. */
@unmanaged
export class Heap {
  magic: u32
  version: u32
  base: usize
  end: usize
  top: usize
  flags: u32
  table: usize
  tableMask: u32
  committedBytes: u32
  committedPeakBytes: u32
  metadataBytes: u32
  /** Held, but too small a piece to carry metadata. */
  lostBytes: u32
  freeBytes: u32
  pageBytes: u32
  runBytes: u32
  hugeBytes: u32
  /** Runs and huge blocks held by arenas, pools and the bump allocator. */
  ownedBytes: u32
  /** Small blocks kept for the heap's own records. */
  recordBytes: u32
  arenas: usize
  pools: usize
  bumpPieces: usize
  bumpDeadBytes: u32
  grows: u32
  growsRefused: u32
  /** Where `verify` found the fault. */
  fault: usize
  classCount: u32
  context: usize
  scratch: usize
  /** Counts resets: what was made before one is stale after it. */
  generation: u32
  /** Committed bytes when live bytes were at their peak. */
  committedAtPeakBytes: u32
  binSummary: u32
  /** Granule number of the trie's root. */
  trieRoot: u32
  classTable: u32
  /** Stress knobs of the debug build. */
  knobs: u32
  /** Most committed bytes. */
  limitBytes: u32
  /** Memory is known to be zero from here on when it is first held. */
  zeroFrom: usize
  /** Why the last call that answered 0 did so. */
  status: u32
  /** Granule number of the free run that ends at `top`, kept out of the bins; 0 when the last granule is not free. */
  wild: u32
  /** Number of the small blocks behind `recordBytes`. */
  recordBlocks: u32
  /** Most bytes of live blocks outside pages at any sample of the peak. */
  sampledOtherBytes: u32
  /** Object blocks: large objects are among `ownedBytes`. */
  objectBytes: u32
  space: usize
  /** Of `ownedBytes` those that tenants have. */
  lentBytes: u32
  /** Lowest held address: of a tenant it may lie below `base`. */
  low: usize
  /** A tenant gives nothing back that would leave it less than this. */
  keepBytes: u32
  /** Times that the limit kept a tenant from growing. */
  limitRefusals: u32
  /** Bytes that were given back to the system and not used since, see `region/trim.ts`: those of metadata, and all. */
  trimmedMetadataBytes: u32
  trimmedBytes: u32
  /** Units that are TRIMMED or IDLE. */
  noted: u32
  /** Bytes of a page of the system. */
  trimGrain: u32
  /** Of a heap that a guest allocates from: requests answered with null, the largest of them, frees of no block. */
  refusedRequests: u32
  refusedLargestBytes: u32
  badFrees: u32
}

/** What one thread keeps. The tables behind it are reached by offset. */
@unmanaged
export class Context {
  heap: usize
  table: usize
  tableMask: u32
  bump: usize
  bumpLimit: usize
  /** Bias of the byte map where the bump allocator works. */
  bumpMap: usize
  /** Most live bytes that were counted, see `block/count.ts`. */
  peakBytes: u32
  /** Most bytes in pages at any sample of the peak. */
  sampledPageBytes: u32
  live: u64
}

/** No context: behind the memory's end, so that whatever uses it traps, and takes nobody's data for a heap. */
export const NO_CONTEXT: usize = ADDRESS_LIMIT

/** Address of this thread's context: the only mutable global. A literal: all else takes a function at the start. */
export let self: usize = 0xffff0000

export function setSelf(context: usize): void {
  self = context
}

// @ts-ignore: decorator
@inline
export function context(): Context {
  return changetype<Context>(self)
}

// @ts-ignore: decorator
@inline
export function heap(): Heap {
  // In a guest their distance spares a load.
  if (IN_GUEST) return changetype<Heap>(self - CONTEXT_OFFSET)
  // @ts-ignore: set by --use
  return changetype<Heap>(HW_EMBEDDED ? self : context().heap)
}

// @ts-ignore: decorator
@inline
export function addressOf<T>(overlay: T): usize {
  return changetype<usize>(overlay)
}

/** Whether a heap was made, or attached to. */
// @ts-ignore: decorator
@inline
export function hasHeap(): bool {
  return self != NO_CONTEXT
}

/** Whether blocks come from the bump allocator. */
// @ts-ignore: decorator
@inline
export function isBumping(): bool {
  return !IN_GUEST && (heap().flags & FLAG_BUMP) != 0
}

/** Whether a stress knob is on: never in the release kernel. */
// @ts-ignore: decorator
@inline
export function knob(mask: u32): bool {
  // @ts-ignore: set by --use
  if (HW_DEBUG) return (heap().knobs & mask) != 0
  return false
}

/** Set the stress knobs; the release kernel keeps but ignores them. */
export function setKnobs(mask: u32): void {
  heap().knobs = mask
}

// ---- the tables behind the control block: bin bits, bins, classes, empty page, context, scratch --------------------

// @ts-ignore: decorator
@inline
export function binBitsAt(): usize {
  return context().heap + HEAP_HEADER_BYTES
}

// @ts-ignore: decorator
@inline
export function binsAt(): usize {
  return context().heap + HEAP_HEADER_BYTES + HEAP_BIN_BITS_BYTES
}

// @ts-ignore: decorator
@inline
export function classInfo(index: u32): ClassInfo {
  const classes = context().heap + HEAP_HEADER_BYTES + HEAP_BIN_BITS_BYTES + HEAP_BINS_BYTES
  return changetype<ClassInfo>(classes + (index << CLASS_INFO_SHIFT))
}

/** Address of the static page without blocks that stands where a class has none. */
// @ts-ignore: decorator
@inline
export function emptyPage(): usize {
  return context().heap + HEAP_HEADER_BYTES + HEAP_BIN_BITS_BYTES + HEAP_BINS_BYTES + CLASS_MAX * CLASS_INFO_BYTES
}

// @ts-ignore: decorator
@inline
export function currentPage(classIndex: u32): Page {
  return changetype<Page>(load<usize>(self + (classIndex << 2), CONTEXT_PAGES_AT))
}

// @ts-ignore: decorator
@inline
export function setCurrentPage(classIndex: u32, page: usize): void {
  store<usize>(self + (classIndex << 2), page, CONTEXT_PAGES_AT)
}

// @ts-ignore: decorator
@inline
export function classOf(granules: u32): u32 {
  return load<u8>(self + granules, CONTEXT_CLASS_OF_AT)
}

// ---- from an address to its metadata -------------------------------------------------------------------------------

/** The table entry of the MiB that `p` would lie in. Exact only after `holds`. */
// @ts-ignore: decorator
@inline
export function entryOf(p: usize): Entry {
  return changetype<Entry>(context().table + ((p >> 16) & context().tableMask))
}

/** Whether `p` is aligned and lies between the chunk's `lo` and `hi`: one comparison, see `layout.ts`. */
// @ts-ignore: decorator
@inline
export function holds(entry: Entry, p: usize): bool {
  return rotr<u32>(<u32>(p - entry.lo), 4) < entry.spanGranules
}

/** Address of the map byte of `p`, which must lie in a chunk of ours. */
// @ts-ignore: decorator
@inline
export function mapAt(entry: Entry, p: usize): usize {
  return entry.mapBias + (p >> 4)
}

/** Descriptor of the page that `p`'s unit belongs to; 0 when it belongs to none. `p` must lie in a chunk of ours. */
// @ts-ignore: decorator
@inline
export function pageOf(entry: Entry, p: usize): Page {
  return changetype<Page>(load<usize>(entry.unitBias + ((p >> 12) << 5)))
}

// @ts-ignore: decorator
@inline
export function chunkOf(entry: Entry): Chunk {
  return changetype<Chunk>(entry.mapBias + (entry.lo >> 4) - CHUNK_HEADER_BYTES)
}

/** First byte of a page: its descriptor's place tells its unit. */
// @ts-ignore: decorator
@inline
export function pageStart(page: Page): usize {
  const descriptor = changetype<usize>(page)
  return ((descriptor - entryOf(descriptor).unitBias) >> 5) << 12
}

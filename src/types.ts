/**
 * The number types and data shapes of the public interface. Addresses and sizes are distinct branded types, so that the
 * compiler refuses a size where an address is meant; both are plain numbers at run time.
 */

import type { Clock } from './clock.js'
import type { PageSystem } from './platform/pages.js'
import type { PressureOptions } from './pressure.js'
import type { DecayOptions } from './trim-decay.js'

declare const brand: unique symbol

/** Address of a byte in the heap's memory: an unsigned 32-bit number. 0 is null. */
export type Address = number & { readonly [brand]: 'Address' }
/** A count of bytes. */
export type Bytes = number & { readonly [brand]: 'Bytes' }

/** The null address. `alloc` never returns it, `free` ignores it. */
export const NULL: Address = 0 as Address

/** A size given by the user: a number of bytes, or text such as `'64MiB'`, `'10kB'`, `'512'`. */
export type Size = number | string

/**
 * `manual`: malloc and free, and objects with reference counts. `compiler`: everything from an arena, freed in bulk by
 * `reset()`. `runtime`: blocks, and objects that are born in a nursery, most of which die there. `vm`: the same without
 * a nursery. `server`: with one, and old objects collected in steps that keep a pause goal. `embedded`: objects in one
 * small buffer that never grows.
 */
export type ModeName = 'manual' | 'compiler' | 'runtime' | 'vm' | 'server' | 'embedded'

/**
 * `geometric`: 16 … 128 by 16, then eight per doubling up to 2 KiB. `pow2`: 16, 32 … 8192. Or a list of block sizes.
 */
export type SizeClasses = 'geometric' | 'pow2' | readonly number[]

export interface HeapOptions {
  /** Preset. Default `'manual'`. `'auto'`: a collecting one, with its sizes, that fits the machine's memory. */
  readonly mode?: ModeName | 'auto'
  /** Most bytes the heap may hold of its memory, metadata included. Default 1 GiB; at most 4 GiB − 64 KiB. */
  readonly limit?: Size
  /**
   * Reservation at the start: growth in small steps is skipped until here. Not taken at once. Default 64 MiB or
   * `limit`.
   */
  readonly initial?: Size
  /**
   * Make the memory at its full limit at once, so that no view ever detaches. Untouched pages cost no resident memory.
   */
  readonly reserve?: boolean
  /** Size classes of small blocks. Default `'geometric'`. */
  readonly sizeClasses?: SizeClasses
  /** Live in this memory instead of an own one. */
  readonly memory?: WebAssembly.Memory
  /** With `memory`: first byte the heap may use. Default: the memory's current end, and only what the heap grows. */
  readonly base?: number
  /** With `memory` and `base`: first byte behind the range. Bytes outside `[base, end)` are never touched. */
  readonly end?: number
  /** With `memory` and `base`: replace a heap that starts there already instead of refusing. Default false. */
  readonly overwrite?: boolean
  /**
   * In modes `runtime` and `server`: bytes of the nursery, rounded down to a power of two. It begins shorter and grows.
   * Default 2 MiB (`server`: 512 KiB), or less where the limit is low.
   */
  readonly nursery?: Size
  /** In modes `runtime` and `server`: bytes that old objects may have before the first full collection. Default 32 MiB. */
  readonly old?: Size
  /** In modes `runtime` and `server`: the youngest survivors stay young for another collection of the nursery. */
  readonly ageing?: boolean
  /** In mode `server`: how long a step of a collection shall take at most, in milliseconds. Default 1. */
  readonly pauseGoalMs?: number
  /**
   * In modes `runtime`, `vm` and `server`: most of the time that collections for want of memory may take when they no
   * longer free much; then requests are refused instead. Default 0.5; 1: never refused for that.
   */
  readonly gcShare?: number
  /** In modes `runtime` and `vm`: collections move objects out of fragmented blocks. Default true. */
  readonly evacuate?: boolean
  /** In modes `runtime` and `vm`: blocks are swept when their holes are needed, not at the end of the collection. Default true. */
  readonly lazySweep?: boolean
  /** In collecting modes: count per type how many objects were ever made. Default false. */
  readonly countTypes?: boolean
  /** In collecting modes: slots of a shadow stack that is there from the start. Default 0: made when asked for. */
  readonly shadowStack?: number
  /** In collecting modes: collect, and move, much more often than is needed. For tests. Default none. */
  readonly stress?: StressOptions
  /**
   * In mode `manual`: with so many candidates for garbage cycles, each allocation of an object looks for such cycles for
   * a little while. Default 10,000; 0: never, only `collectCycles` does.
   */
  readonly cycleThreshold?: number
  /**
   * In modes with objects: seed of the hashes of strings, from 0 to 2^32 - 1, so that a run can be repeated to the last
   * address. Default a random one.
   */
  readonly hashSeed?: number
  /**
   * Not in mode `embedded`: bytes held from the start and given back when a request has failed for good, before the
   * event `outOfMemory` and the error, so that who handles it can allocate. From 1 KiB to half of the limit. Default 0.
   */
  readonly outOfMemoryReserve?: Size
  /** When a heap counts as how full, and how often that is told. Default 0.6, 0.8, 0.95 of the limit, and 1 s. */
  readonly pressure?: PressureOptions
  /**
   * So many freed blocks, of the heap and its tenants, make a collection due (`heap.shouldCollect`). Given, they are
   * counted from the start, which makes each `free` some nanoseconds slower; else from when somebody first asks.
   * Default 1,000.
   */
  readonly collectAfterFrees?: number
  /** Ask the system for huge pages (true), or for none (false); a hint. Default: as the system likes. */
  readonly hugePages?: boolean
  /** Number of the NUMA node whose memory is preferred, 0 to 1,023; a hint. Default: as the system likes. */
  readonly numaNode?: number
  /**
   * Give free memory back to the system by itself: what was free for a whole delay. Not in mode `embedded`; tenants are
   * trimmed by the heap around them. Default: only `heap.trim()` does. See docs/trim.md.
   */
  readonly trim?: DecayOptions
  /** Kernel with assertions and stress knobs: slower, for tests. Default false. */
  readonly debug?: boolean
  /** Name used in error messages and reports, without control characters. Default `'heap'`. */
  readonly name?: string
  /** Knobs that make rare branches happen. For tests. */
  readonly testing?: TestingOptions
}

/**
 * Asked before the heap grows its memory by `pages` of 64 KiB; `false` refuses, as if the memory were at its maximum.
 */
export type GrowthKnob = (pages: number) => boolean

/** When to collect beside what is needed: faults of programs that keep raw references then show at once. */
export interface StressOptions {
  /** At every allocation, at every so many, after so many bytes, or at one of so many by chance, from a seed. */
  readonly collect?:
    | 'always'
    | { readonly allocations: number }
    | { readonly bytes: number }
    | { readonly random: number; readonly oneIn: number }
  /** Every collection moves every object that may move. Default false. */
  readonly move?: boolean
}

/** Knobs that make rare branches happen. For tests. */
export interface TestingOptions {
  /** `KNOB_…` of kernel/layout.ts, obeyed with `debug`. */
  readonly knobs?: number
  readonly growth?: GrowthKnob
  /** The clock of pressure events and automatic collections. Default the system's, of a tenant its parent's. */
  readonly clock?: Clock
  /** Pages of the system. Default the system's own, of a tenant its parent's. */
  readonly pages?: PageSystem
  /** In mode `server`: work units of each step, instead of as many as the pause goal has room for. */
  readonly stepUnits?: number
}

/** Options of `Heap.attach`: everything else stands in the heap's control block. */
export type AttachOptions = Pick<HeapOptions, 'debug' | 'name' | 'testing' | 'pressure' | 'collectAfterFrees' | 'trim'>

/** Why and in what state an allocation failed; all in bytes. */
export interface OutOfMemoryFigures {
  readonly requestedBytes: number
  /** What the heap could still give in all, not in one piece: free bytes plus what the limit still allows. */
  readonly availableBytes: number
  /** The longest free run, the most that one request can have without growth. */
  readonly largestFreeBytes: number
  readonly usedBytes: number
  /** The limit. */
  readonly totalBytes: number
}

export interface SizeClassStats {
  readonly blockBytes: number
  readonly pages: number
  readonly units: number
  /** Blocks that fit the pages of this class. */
  readonly slots: number
  readonly used: number
  /** Bytes of its pages that no block can reach (tails behind the last slot). */
  readonly tailBytes: number
  /** Share (0 to 1) of a full-grown page of this class that user bytes can reach. */
  readonly reachable: number
  readonly fullPageUnits: number
}

/** `inUse + free + metadata + unused = committed`, always; `committed + trimmed` is what the heap holds. */
export interface HeapStats {
  readonly version: 1
  readonly mode: ModeName
  readonly limitBytes: number
  /** Held and not given back to the system. */
  readonly committedBytes: number
  /** The most that was ever held. */
  readonly committedPeakBytes: number
  /** Held, but given back to the system and not used since. */
  readonly trimmedBytes: number
  /** Usable bytes of live blocks, arenas and pools included. */
  readonly inUseBytes: number
  readonly inUsePeakBytes: number
  /** Bytes in free runs that were not given back, ready for any request. */
  readonly freeBytes: number
  readonly metadataBytes: number
  /** Held by pages, arenas and pools but not in live blocks: free slots, tails, padding. */
  readonly unusedBytes: number
  /** Held by tenants; in use. */
  readonly tenantBytes: number
  /** Held by mapped files; in use. */
  readonly mappedBytes: number
  /** Of all tenants that there were, those of tenants included; these and the next only grow. */
  readonly tenantsEnded: number
  readonly tenantsKilled: number
  /** Sums of the events of tenants, living and ended: see `TenantEvents`. */
  readonly tenantLowEvents: number
  readonly tenantHighEvents: number
  readonly tenantMaxEvents: number
  readonly tenantOomEvents: number
  readonly liveBlocks: number
  /** committed / inUse now; 0 when nothing is in use. */
  readonly fragmentation: number
  /** committed / inUse when inUse was at its peak. */
  readonly fragmentationAtPeak: number
  readonly grows: number
  readonly growsRefused: number
  /** Of a WebAssembly program that allocates from the heap: requests that were answered with null. 0 of others. */
  readonly refusedRequests: number
  /** The largest of them. */
  readonly refusedLargestBytes: number
  /** Frees by such a program of what was no live block, which were ignored. */
  readonly badFrees: number
  readonly freeRuns: number
  readonly largestFreeRunBytes: number
  /** Bytes held by blocks of objects and large objects. */
  readonly objectBytes: number
  /** Bytes of the objects that the last collection found alive, headers and padding included; in use. */
  readonly liveObjectBytes: number
  readonly liveObjects: number
  readonly collections: number
  /** Those of the nursery alone; 0 without one. */
  readonly minorCollections: number
  /** Incremental cycles that have ended, in mode `server`. */
  readonly cycles: number
  /** What the nursery has; part of `unusedBytes`. */
  readonly nurseryBytes: number
  /** How many of them slid everything together. */
  readonly compactions: number
  /** Objects that the last collection moved. */
  readonly movedObjects: number
  readonly pauseTotalMs: number
  readonly pauseMaxMs: number
  /** Roots that were forgotten instead of disposed of. */
  readonly rootsCaught: number
  /** `histogram[k]` counts free runs of [2^k, 2^(k+1)) bytes. */
  readonly freeRunHistogram: readonly number[]
  readonly classes: readonly SizeClassStats[]
}

/** What a tenant has, and how often it met its limits. */
export interface TenantFigures {
  readonly id: string
  /** Pieces of its parent's memory, free memory and metadata included: what the limits are about. */
  readonly heldBytes: number
  /** The same as `inUseBytes`. */
  readonly usedBytes: number
  /** The same as `inUsePeakBytes`. */
  readonly peakBytes: number
  /** Live blocks. */
  readonly blocks: number
  readonly min: number
  readonly low: number
  /** The same as `max` when there is none, as from the beginning. */
  readonly high: number
  readonly max: number
  readonly events: TenantEvents
}

/** In the words of cgroup v2's `memory.events`. */
export interface TenantEvents {
  /** Times that memory was taken although less than `low` was held. */
  readonly low: number
  /** Times that growth beyond `high` made the tenant collect and reclaim. */
  readonly high: number
  /** Requests that came to `max`, whether they were met in the end or not. */
  readonly max: number
  /** Those that were not. */
  readonly oom: number
  readonly oomKill: number
}

export interface TenantStats extends HeapStats {
  readonly tenant: TenantFigures
}

export interface BlockInfo {
  readonly address: Address
  readonly usableBytes: number
  readonly kind: 'small' | 'run' | 'huge' | 'bump' | 'pool'
}

export interface VerifyResult {
  readonly ok: boolean
  /** Names the broken invariant; undefined when ok. */
  readonly fault?: string
  readonly address?: Address
}

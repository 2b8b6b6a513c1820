/**
 * What a heap can say about itself. One table of descriptors is the source of all of it: the values of `heap.stats()`,
 * the JSON, the text report, and whatever exporter comes next.
 *
 * The accounting adds up exactly, from counters that are kept apart:
 *
 *   in use + free + metadata + unused = committed          committed + trimmed = held
 *
 * where unused is what pages, arenas and pools hold and nobody uses: free slots, tails, padding; and trimmed is what of
 * the held bytes was given back to the system: free memory, and the metadata of free chunks.
 */
import {
  CLASS_MAX,
  CLASS_REPORT_WORDS,
  EMBEDDED_HEADER_BYTES,
  FREE_RUN_REPORT_WORDS,
  HEAP_BAD_FREES_AT,
  HEAP_CLASS_COUNT_AT,
  HEAP_COMMITTED_AT,
  HEAP_COMMITTED_PEAK_AT,
  HEAP_END_AT,
  HEAP_FREE_AT,
  HEAP_GROWS_AT,
  HEAP_GROWS_REFUSED_AT,
  HEAP_HEADER_BYTES,
  HEAP_HUGE_AT,
  HEAP_LENT_AT,
  HEAP_LIMIT_AT,
  HEAP_LOST_AT,
  HEAP_METADATA_AT,
  HEAP_OBJECTS_AT,
  HEAP_OWNED_AT,
  HEAP_PAGES_AT,
  HEAP_RECORDS_AT,
  HEAP_REFUSED_LARGEST_AT,
  HEAP_REFUSED_REQUESTS_AT,
  HEAP_RUNS_AT,
  HEAP_SCRATCH_AT,
  HEAP_TOP_AT,
  HEAP_TRIMMED_AT,
  HEAP_TRIMMED_METADATA_AT,
  TOTALS_REPORT_WORDS,
} from '../kernel/layout.js'
import {
  SPACE_COLLECTIONS_AT,
  SPACE_COMPACTIONS_AT,
  SPACE_CYCLES_AT,
  SPACE_LIVE_BYTES_AT,
  SPACE_LIVE_OBJECTS_AT,
  SPACE_MINORS_AT,
  SPACE_MOVED_AT,
  SPACE_YOUNG_BYTES_AT,
} from '../kernel/object-layout.js'
import type { HeapCore } from './core.js'
import { CorruptionError } from './errors.js'
import { MODES } from './modes.js'
import type { PauseStats } from './objects/collections.js'
import { formatBytes } from './sizes.js'
import type { TenantSums } from './tenant-sums.js'
import { alignColumns } from './text-table.js'
import type { HeapStats, OutOfMemoryFigures, SizeClassStats } from './types.js'

/** The members of `HeapStats` that are one number. */
export type MetricName = {
  [K in keyof HeapStats]: HeapStats[K] extends number ? K : never
}[keyof HeapStats] extends infer Name
  ? Exclude<Name, 'version'>
  : never

export interface Metric {
  readonly name: MetricName
  /** What it is called where metrics of many programs meet, after the grammar of OpenTelemetry's conventions. */
  readonly exported: `heapwright.${string}`
  /** A counter only goes up; values of an up-down counter make sense when added over heaps, those of a gauge do not. */
  readonly instrument: 'counter' | 'updowncounter' | 'gauge'
  readonly unit: 'bytes' | 'blocks' | 'objects' | 'roots' | 'runs' | 'calls' | 'tenants' | 'events' | 'ratio' | 'ms'
  /** A gauge goes up and down, a counter only up, a peak is the most a gauge has been. */
  readonly kind: 'gauge' | 'counter' | 'peak'
  readonly meaning: string
  /** Of the modes that have objects; 0 in the others. */
  readonly objects?: true
  /** @internal */
  readonly read: (reading: Reading) => number
}

/** The raw figures of one moment. */
interface Reading {
  /** A word of the control block; 0 where the heap's has none. */
  word(at: number): number
  readonly liveBytes: number
  readonly liveBlocks: number
  readonly livePeakBytes: number
  readonly committedAtPeakBytes: number
  readonly arenaBytes: number
  /** Lent for files. */
  readonly mappedBytes: number
  readonly freeRuns: number
  readonly largestFreeRunBytes: number
  readonly objects: ObjectFigures
  readonly tenants: TenantSums
}

/** The figures of a heap's objects. */
interface ObjectFigures {
  readonly liveBytes: number
  /** As much of that as is not in blocks: counted objects are, and count among those. */
  readonly besideBytes: number
  /** The most that a collection has found alive, and what was held then. */
  readonly peakBytes: number
  readonly committedAtPeakBytes: number
  readonly liveObjects: number
  readonly collections: number
  readonly minorCollections: number
  readonly cycles: number
  readonly nurseryBytes: number
  readonly compactions: number
  readonly moved: number
  readonly pauses: Pick<PauseStats, 'totalMs' | 'maxMs'>
  readonly rootsCaught: number
}

const NO_OBJECTS: ObjectFigures = {
  liveBytes: 0,
  besideBytes: 0,
  peakBytes: 0,
  committedAtPeakBytes: 0,
  liveObjects: 0,
  collections: 0,
  minorCollections: 0,
  cycles: 0,
  nurseryBytes: 0,
  compactions: 0,
  moved: 0,
  pauses: { totalMs: 0, maxMs: 0 },
  rootsCaught: 0,
}

function readObjects(core: HeapCore): ObjectFigures {
  const space = core.objectsThatAre
  if (!space) return NO_OBJECTS
  const { peak } = space.collections
  const liveBytes = space.word(SPACE_LIVE_BYTES_AT)
  // Blocks of objects, and large objects, which have pieces of their own.
  const tracedBytes = Math.min(liveBytes, core.word(HEAP_OBJECTS_AT) + core.word(HEAP_OWNED_AT))
  return {
    liveBytes: space.isCounted ? liveBytes : tracedBytes,
    besideBytes: space.isCounted ? 0 : tracedBytes,
    peakBytes: space.isCounted ? 0 : peak.liveBytes,
    committedAtPeakBytes: peak.committedBytes,
    liveObjects: space.word(SPACE_LIVE_OBJECTS_AT),
    collections: space.word(SPACE_COLLECTIONS_AT),
    minorCollections: space.hasNursery ? space.word(SPACE_MINORS_AT) : 0,
    cycles: space.hasNursery ? space.word(SPACE_CYCLES_AT) : 0,
    nurseryBytes: space.hasNursery ? space.word(SPACE_YOUNG_BYTES_AT) : 0,
    compactions: space.word(SPACE_COMPACTIONS_AT),
    moved: space.word(SPACE_MOVED_AT),
    pauses: space.collections.totals,
    rootsCaught: space.roots.caught,
  }
}

const inUse = (r: Reading) => r.liveBytes + r.arenaBytes + r.word(HEAP_LENT_AT) + r.objects.besideBytes
/** Of blocks and of objects, whichever was more: their peaks need not have come together. */
const inUsePeak = (r: Reading) => Math.max(r.livePeakBytes, r.objects.peakBytes, inUse(r))

/** What is held for use, by whom it was taken; less what the heap keeps of it for its records, and what is in use. */
const unused = (r: Reading) =>
  r.word(HEAP_PAGES_AT) +
  r.word(HEAP_RUNS_AT) +
  r.word(HEAP_HUGE_AT) +
  r.word(HEAP_OWNED_AT) +
  r.word(HEAP_LOST_AT) +
  r.word(HEAP_OBJECTS_AT) -
  r.word(HEAP_RECORDS_AT) -
  inUse(r)

/** Held and not given back to the system. */
const committed = (r: Reading) => r.word(HEAP_COMMITTED_AT) - r.word(HEAP_TRIMMED_AT)

const fragmentationAtPeak = (r: Reading) =>
  inUse(r) >= inUsePeak(r)
    ? ratio(committed(r), inUse(r))
    : r.objects.peakBytes > r.livePeakBytes
      ? ratio(r.objects.committedAtPeakBytes, r.objects.peakBytes)
      : ratio(r.committedAtPeakBytes, r.livePeakBytes)

function ratio(committedBytes: number, usedBytes: number): number {
  return usedBytes === 0 ? 0 : committedBytes / usedBytes
}

/** Every figure of a heap: name, unit, kind, meaning and where it comes from. */
export const METRICS = [
  {
    name: 'limitBytes',
    exported: 'heapwright.memory.limit',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'most the heap may hold of its memory',
    read: (r) => r.word(HEAP_LIMIT_AT),
  },
  {
    name: 'committedBytes',
    exported: 'heapwright.memory.committed',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'held of the memory and not given back to the system, metadata included',
    read: committed,
  },
  {
    name: 'trimmedBytes',
    exported: 'heapwright.memory.trimmed',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'held, but given back to the system and not used since; beside committedBytes, and ready for any request',
    read: (r) => r.word(HEAP_TRIMMED_AT),
  },
  {
    name: 'committedPeakBytes',
    exported: 'heapwright.memory.committed_peak',
    instrument: 'gauge',
    unit: 'bytes',
    kind: 'peak',
    meaning: 'most that was ever held',
    read: (r) => r.word(HEAP_COMMITTED_PEAK_AT),
  },
  {
    name: 'inUseBytes',
    exported: 'heapwright.memory.used',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning:
      'usable bytes of live blocks, arenas, pools and tenants included; objects that the last collection found alive',
    read: inUse,
  },
  {
    name: 'inUsePeakBytes',
    exported: 'heapwright.memory.used_peak',
    instrument: 'gauge',
    unit: 'bytes',
    kind: 'peak',
    meaning: 'most that was in use; blocks that came and went inside pages that were there can be missed',
    read: inUsePeak,
  },
  {
    name: 'freeBytes',
    exported: 'heapwright.memory.free',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'in free runs and not given back to the system, ready for any request',
    read: (r) => r.word(HEAP_FREE_AT) - (r.word(HEAP_TRIMMED_AT) - r.word(HEAP_TRIMMED_METADATA_AT)),
  },
  {
    name: 'metadataBytes',
    exported: 'heapwright.memory.metadata',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'control block, chunk metadata, records of arenas and pools',
    read: (r) => r.word(HEAP_METADATA_AT) - r.word(HEAP_TRIMMED_METADATA_AT) + r.word(HEAP_RECORDS_AT),
  },
  {
    name: 'unusedBytes',
    exported: 'heapwright.memory.unused',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'held by pages, arenas, pools and for objects, but not in use',
    read: unused,
  },
  {
    name: 'tenantBytes',
    exported: 'heapwright.memory.lent',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'held by tenants, part of inUseBytes',
    read: (r) => r.word(HEAP_LENT_AT) - r.mappedBytes,
  },
  {
    name: 'mappedBytes',
    exported: 'heapwright.memory.mapped',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'held by mapped files, part of inUseBytes',
    read: (r) => r.mappedBytes,
  },
  {
    name: 'tenantsEnded',
    exported: 'heapwright.tenant.ended',
    instrument: 'counter',
    unit: 'tenants',
    kind: 'counter',
    meaning: 'tenants that have ended, for whatever cause',
    read: (r) => r.tenants.ended,
  },
  {
    name: 'tenantsKilled',
    exported: 'heapwright.tenant.killed',
    instrument: 'counter',
    unit: 'tenants',
    kind: 'counter',
    meaning: 'those of them that were killed',
    read: (r) => r.tenants.oomKill,
  },
  {
    name: 'tenantLowEvents',
    exported: 'heapwright.tenant.low_events',
    instrument: 'counter',
    unit: 'events',
    kind: 'counter',
    meaning: 'times that memory was taken from tenants, living and ended, below their low',
    read: (r) => r.tenants.low,
  },
  {
    name: 'tenantHighEvents',
    exported: 'heapwright.tenant.high_events',
    instrument: 'counter',
    unit: 'events',
    kind: 'counter',
    meaning: 'times that growth of tenants, living and ended, passed their high',
    read: (r) => r.tenants.high,
  },
  {
    name: 'tenantMaxEvents',
    exported: 'heapwright.tenant.max_events',
    instrument: 'counter',
    unit: 'events',
    kind: 'counter',
    meaning: 'requests of tenants, living and ended, that came to their max',
    read: (r) => r.tenants.max,
  },
  {
    name: 'tenantOomEvents',
    exported: 'heapwright.tenant.oom_events',
    instrument: 'counter',
    unit: 'events',
    kind: 'counter',
    meaning: 'those of them that failed',
    read: (r) => r.tenants.oom,
  },
  {
    name: 'liveBlocks',
    exported: 'heapwright.block.count',
    instrument: 'updowncounter',
    unit: 'blocks',
    kind: 'gauge',
    meaning: 'live blocks',
    read: (r) => r.liveBlocks,
  },
  {
    name: 'fragmentation',
    exported: 'heapwright.memory.fragmentation',
    instrument: 'gauge',
    unit: 'ratio',
    kind: 'gauge',
    meaning: 'committed over in use',
    read: (r) => ratio(committed(r), inUse(r)),
  },
  {
    name: 'fragmentationAtPeak',
    exported: 'heapwright.memory.fragmentation_at_peak',
    instrument: 'gauge',
    unit: 'ratio',
    kind: 'gauge',
    meaning: 'the same when in use was at its peak',
    read: fragmentationAtPeak,
  },
  {
    name: 'grows',
    exported: 'heapwright.memory.grows',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'times the memory was grown',
    read: (r) => r.word(HEAP_GROWS_AT),
  },
  {
    name: 'growsRefused',
    exported: 'heapwright.memory.grows_refused',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'times the memory refused to grow',
    read: (r) => r.word(HEAP_GROWS_REFUSED_AT),
  },
  {
    name: 'refusedRequests',
    exported: 'heapwright.request.refused',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'requests of a WebAssembly program that were answered with null',
    read: (r) => r.word(HEAP_REFUSED_REQUESTS_AT),
  },
  {
    name: 'refusedLargestBytes',
    exported: 'heapwright.request.refused_largest',
    instrument: 'gauge',
    unit: 'bytes',
    kind: 'peak',
    meaning: 'the largest of them',
    read: (r) => r.word(HEAP_REFUSED_LARGEST_AT),
  },
  {
    name: 'badFrees',
    exported: 'heapwright.free.bad',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'frees by a WebAssembly program of what was no live block; ignored',
    read: (r) => r.word(HEAP_BAD_FREES_AT),
  },
  {
    name: 'freeRuns',
    exported: 'heapwright.free_run.count',
    instrument: 'updowncounter',
    unit: 'runs',
    kind: 'gauge',
    meaning: 'free runs',
    read: (r) => r.freeRuns,
  },
  {
    name: 'largestFreeRunBytes',
    exported: 'heapwright.free_run.largest',
    instrument: 'gauge',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'the largest of them',
    read: (r) => r.largestFreeRunBytes,
  },
  {
    name: 'objectBytes',
    exported: 'heapwright.object.held',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'held by blocks of objects; large objects have memory of their own',
    objects: true,
    read: (r) => r.word(HEAP_OBJECTS_AT),
  },
  {
    name: 'liveObjectBytes',
    exported: 'heapwright.memory.used_after_last_gc',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'bytes of objects that the last collection found alive; in manual of those there are',
    objects: true,
    read: (r) => r.objects.liveBytes,
  },
  {
    name: 'liveObjects',
    exported: 'heapwright.object.count',
    instrument: 'updowncounter',
    unit: 'objects',
    kind: 'gauge',
    meaning: 'objects that the last collection found alive; in manual those there are',
    objects: true,
    read: (r) => r.objects.liveObjects,
  },
  {
    name: 'collections',
    exported: 'heapwright.gc.collections',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'collections of all objects, by whatever cause; cycles among them',
    objects: true,
    read: (r) => r.objects.collections,
  },
  {
    name: 'minorCollections',
    exported: 'heapwright.gc.minor_collections',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'collections of the nursery alone',
    objects: true,
    read: (r) => r.objects.minorCollections,
  },
  {
    name: 'cycles',
    exported: 'heapwright.gc.cycles',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'incremental cycles that have ended',
    objects: true,
    read: (r) => r.objects.cycles,
  },
  {
    name: 'nurseryBytes',
    exported: 'heapwright.nursery.size',
    instrument: 'updowncounter',
    unit: 'bytes',
    kind: 'gauge',
    meaning: 'what the nursery has, part of unusedBytes',
    objects: true,
    read: (r) => r.objects.nurseryBytes,
  },
  {
    name: 'compactions',
    exported: 'heapwright.gc.compactions',
    instrument: 'counter',
    unit: 'calls',
    kind: 'counter',
    meaning: 'those of them that slid everything together',
    objects: true,
    read: (r) => r.objects.compactions,
  },
  {
    name: 'movedObjects',
    exported: 'heapwright.gc.moved',
    instrument: 'gauge',
    unit: 'objects',
    kind: 'gauge',
    meaning: 'objects that the last collection moved',
    objects: true,
    read: (r) => r.objects.moved,
  },
  {
    name: 'pauseTotalMs',
    exported: 'heapwright.gc.pause.time',
    instrument: 'counter',
    unit: 'ms',
    kind: 'counter',
    meaning: 'time that collections took, as far as this program saw them',
    objects: true,
    read: (r) => r.objects.pauses.totalMs,
  },
  {
    name: 'pauseMaxMs',
    exported: 'heapwright.gc.pause.longest',
    instrument: 'gauge',
    unit: 'ms',
    kind: 'peak',
    meaning: 'the longest of them',
    objects: true,
    read: (r) => r.objects.pauses.maxMs,
  },
  {
    name: 'rootsCaught',
    exported: 'heapwright.root.caught',
    instrument: 'counter',
    unit: 'roots',
    kind: 'counter',
    meaning: 'roots that were forgotten instead of disposed of',
    objects: true,
    read: (r) => r.objects.rootsCaught,
  },
] as const satisfies readonly Metric[]

/** Fails to compile when a figure of `HeapStats` has no descriptor. */
type Undescribed = Exclude<MetricName, (typeof METRICS)[number]['name']>
const allAreDescribed: Undescribed extends never ? true : Undescribed = true
void allAreDescribed

// ---- reading ------------------------------------------------------------------------------------------------------

/** The first `count` words of the scratch area, where the kernel leaves its reports. */
function scratchWords(core: HeapCore, count: number): number[] {
  const from = core.word(HEAP_SCRATCH_AT) >>> 2
  return Array.from(core.views.u32.subarray(from, from + count))
}

/** Whether the kernel has the calls that fill the scratch area: in `embedded` every figure is a word. */
function hasReports(core: HeapCore): boolean {
  return MODES[core.mode].build !== 'embedded'
}

/** The number of free runs, the bytes of the longest, and their counts by power of two. */
function readFreeRuns(core: HeapCore): number[] {
  if (!hasReports(core)) {
    const bytes = core.word(HEAP_FREE_AT)
    return [bytes > 0 ? 1 : 0, bytes]
  }
  core.kernel.freeRunReport()
  return scratchWords(core, FREE_RUN_REPORT_WORDS)
}

function readTotals(
  core: HeapCore,
): Pick<Reading, 'liveBytes' | 'liveBlocks' | 'livePeakBytes' | 'committedAtPeakBytes' | 'arenaBytes'> {
  if (!hasReports(core)) {
    const liveBytes = core.word(HEAP_RUNS_AT)
    return { liveBytes, liveBlocks: 0, livePeakBytes: 0, committedAtPeakBytes: 0, arenaBytes: 0 }
  }
  core.kernel.totalsReport()
  const [liveBytes = 0, liveBlocks = 0, livePeakBytes = 0, committedAtPeakBytes = 0, arenaBytes = 0] = scratchWords(
    core,
    TOTALS_REPORT_WORDS,
  )
  return { liveBytes, liveBlocks, livePeakBytes, committedAtPeakBytes, arenaBytes }
}

/** Usable bytes of all live blocks, those of pools included. */
export function liveBytes(core: HeapCore): number {
  return readTotals(core).liveBytes
}

function readClasses(core: HeapCore): SizeClassStats[] {
  const classes: SizeClassStats[] = []
  if (!hasReports(core)) return classes
  const count = core.word(HEAP_CLASS_COUNT_AT)
  if (count >= CLASS_MAX) throw new CorruptionError(core.base, 'there are more size classes than can be')
  for (let index = 1; index <= count; index++) {
    core.kernel.classReport(index)
    const words = scratchWords(core, CLASS_REPORT_WORDS)
    const [blockBytes = 0, pages = 0, units = 0, slots = 0, used = 0, tailBytes = 0, fullPageUnits = 0] = words
    const reachable = (words[7] ?? 0) / 10_000
    classes.push({ blockBytes, pages, units, slots, used, tailBytes, reachable, fullPageUnits })
  }
  return classes
}

/**
 * The statistics of a heap, as plain data: `JSON.stringify` gives the documented, versioned form.
 *
 * @throws CorruptionError when the control block was overwritten so that the kernel traps
 */
export function readStats(core: HeapCore): HeapStats {
  return core.untrapped(() => gatherStats(core))
}

function gatherStats(core: HeapCore): HeapStats {
  const [freeRuns = 0, largestFreeRunBytes = 0, ...freeRunHistogram] = readFreeRuns(core)
  const objects = readObjects(core)
  const endAt = hasReports(core) ? HEAP_HEADER_BYTES : EMBEDDED_HEADER_BYTES
  const reading: Reading = {
    word: (at) => (at < endAt ? core.word(at) : 0),
    ...readTotals(core),
    mappedBytes: core.mappedFiles.lentBytes,
    freeRuns,
    largestFreeRunBytes,
    objects,
    tenants: core.tenants.sums,
  }
  const figures = Object.fromEntries(METRICS.map((metric) => [metric.name, metric.read(reading)]))
  return {
    version: 1,
    mode: core.mode,
    ...(figures as Record<MetricName, number>),
    freeRunHistogram,
    classes: readClasses(core),
  }
}

/** The figures that an out-of-memory error reports. */
export function outOfMemoryFigures(core: HeapCore, requestedBytes: number): OutOfMemoryFigures {
  const [, largestFreeBytes = 0] = readFreeRuns(core)
  const totals = readTotals(core)
  const totalBytes = core.word(HEAP_LIMIT_AT)
  return {
    requestedBytes,
    availableBytes: availableBytes(core),
    largestFreeBytes,
    usedBytes: totals.liveBytes + totals.arenaBytes + core.word(HEAP_LENT_AT) + readObjects(core).besideBytes,
    totalBytes,
  }
}

/** What is free, and what the heap may still have: of its memory, or of the heap that lends it some. */
function availableBytes(core: HeapCore): number {
  const allowedBytes = core.word(HEAP_LIMIT_AT) - core.word(HEAP_COMMITTED_AT)
  const parent = core.tenancy?.parent
  const beyondBytes = parent ? availableBytes(parent) : core.word(HEAP_END_AT) - core.word(HEAP_TOP_AT)
  return core.word(HEAP_FREE_AT) + Math.max(Math.min(allowedBytes, beyondBytes), 0)
}

// ---- the text form ------------------------------------------------------------------------------------------------

function formatMetric(metric: Metric, value: number): string {
  if (metric.unit === 'bytes') return formatBytes(value)
  if (metric.unit === 'ms') return `${value.toFixed(2)} ms`
  return metric.unit === 'ratio' ? value.toFixed(3) : String(value)
}

function formatClasses(classes: readonly SizeClassStats[]): string {
  const rows = classes
    .filter((c) => c.pages > 0)
    .map((c) => [
      String(c.blockBytes),
      String(c.pages),
      String(c.units),
      String(c.slots),
      String(c.used),
      `${Math.round((100 * c.used) / c.slots)} %`,
      String(c.tailBytes),
      `${(100 * c.reachable).toFixed(1)} %`,
    ])
  const header = ['block', 'pages', 'units', 'slots', 'used', 'full', 'tail', 'reachable']
  return rows.length === 0 ? '' : `\nsize classes\n${alignColumns([header, ...rows])}\n`
}

function formatFreeRuns(histogram: readonly number[]): string {
  const rows = histogram.flatMap((count, power) =>
    count === 0 ? [] : [[formatBytes(2 ** power), 'to', formatBytes(2 ** (power + 1)), String(count)]],
  )
  return rows.length === 0 ? '' : `\nfree runs by size\n${alignColumns(rows)}\n`
}

/** The statistics as text for people. */
export function formatStats(label: string, stats: HeapStats): string {
  // In `manual` they come when they are first used.
  const hasObjects = MODES[stats.mode].objects === 'traced' || stats.liveObjects + stats.collections > 0
  const metrics = (METRICS as readonly Metric[]).filter((metric) => hasObjects || !metric.objects)
  const width = Math.max(...metrics.map((metric) => metric.name.length))
  const lines = metrics.map((metric) => {
    const value = formatMetric(metric, stats[metric.name])
    return `${metric.name.padEnd(width)}  ${value.padStart(12)}  ${metric.meaning}`
  })
  const figures = `${label}, mode ${stats.mode}\n${lines.join('\n')}\n`
  return figures + formatClasses(stats.classes) + formatFreeRuns(stats.freeRunHistogram)
}

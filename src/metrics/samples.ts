/**
 * The samples of one moment: what every exporter shows, and `heap.metrics()` gives. Of each heap they are taken in one
 * go, so `used + free + metadata + unused = committed` holds in them.
 */
import type { HeapCore } from '../core.js'
import { MODES } from '../modes.js'
import type { DurationHistogram } from '../objects/histogram.js'
import { readStats } from '../stats.js'
import { tenantPathPart } from '../tenant-options.js'
import type { HeapStats, TenantEvents } from '../types.js'
import {
  ATTRIBUTES,
  FIGURES,
  GC_DURATION,
  GC_DURATION_BOUNDS,
  type MetricDescription,
  TENANT_EVENT_NAMES,
  TENANT_EVENTS,
  TENANT_FIGURES,
} from './table.js'

/** How many fell where: `counts[i]` are those up to `bounds[i]` and beyond the one before; the last are beyond all. */
export interface MetricHistogram {
  readonly count: number
  readonly sum: number
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
}

export type MetricAttributes = Readonly<Record<string, string>>

/** What a metric was at one moment, of the heap, tenant or kind of collection that the attributes say. */
export interface MetricSample extends MetricDescription {
  readonly attributes: MetricAttributes
  /** In the metric's unit; of a histogram how many there are in it. */
  readonly value: number
  /** Of a histogram. */
  readonly histogram?: MetricHistogram
}

export interface MetricOptions {
  /** Samples of tenants, too, and of theirs. Default true. What a heap has in use includes what its tenants hold. */
  readonly tenants?: boolean
}

const GC_TYPES = ['full', 'compact', 'minor', 'cycle'] as const

/** The samples of a heap or tenant, without those of its tenants. @throws ClosedError, CorruptionError */
export function readSamples(core: HeapCore): MetricSample[] {
  const attributes = attributesOf(core)
  const stats = readStats(core)
  return [
    ...figureSamples(core, stats, attributes),
    ...tenantSamples(core, stats, attributes),
    ...durationSamples(core, attributes),
  ]
}

/** The name of the outermost heap, and the ids of the tenants on the way from there; a slash in one is `%2F`. */
function attributesOf(core: HeapCore): MetricAttributes {
  const ids: string[] = []
  let root = core
  for (let tenancy = core.tenancy; tenancy; tenancy = root.tenancy) {
    ids.unshift(tenantPathPart(tenancy.id))
    root = tenancy.parent
  }
  return { [ATTRIBUTES.heap]: root.name, ...(ids.length > 0 && { [ATTRIBUTES.tenant]: ids.join('/') }) }
}

function figureSamples(core: HeapCore, stats: HeapStats, attributes: MetricAttributes): MetricSample[] {
  const hasObjects = MODES[core.mode].objects !== 'none'
  return FIGURES.filter(({ metric }) => hasObjects || metric.objects !== true).map(
    ({ metric, description, scale }) => ({
      ...description,
      attributes,
      value: stats[metric.name] * scale,
    }),
  )
}

function tenantSamples(core: HeapCore, stats: HeapStats, attributes: MetricAttributes): MetricSample[] {
  const figures = core.tenancy?.figures(stats.inUseBytes, stats.inUsePeakBytes, stats.liveBlocks)
  if (!figures) return []
  const events = Object.entries(TENANT_EVENT_NAMES) as [keyof TenantEvents, string][]
  return [
    ...TENANT_FIGURES.map(({ name, description }) => ({ ...description, attributes, value: figures[name] })),
    ...events.map(([name, event]) => ({
      ...TENANT_EVENTS,
      attributes: { ...attributes, [ATTRIBUTES.tenantEvent]: event },
      value: figures.events[name],
    })),
  ]
}

function durationSamples(core: HeapCore, attributes: MetricAttributes): MetricSample[] {
  const collections = core.objectsThatAre?.collections
  if (!collections) return []
  return GC_TYPES.flatMap((type) => {
    const durations = collections.durationsOf(type)
    if (!durations || durations.count === 0) return []
    const histogram = inSeconds(durations)
    const of = { ...attributes, [ATTRIBUTES.gcType]: type }
    return [{ ...GC_DURATION, attributes: of, value: histogram.count, histogram }]
  })
}

/** Durations count where the upper ends of their own buckets do: at most a sixteenth too long. */
function inSeconds(durations: DurationHistogram): MetricHistogram {
  const counts = new Array<number>(GC_DURATION_BOUNDS.length + 1).fill(0)
  for (const { toMs, count } of durations.buckets) {
    const found = GC_DURATION_BOUNDS.findIndex((bound) => toMs / 1000 <= bound)
    const index = found < 0 ? GC_DURATION_BOUNDS.length : found
    counts[index] = (counts[index] as number) + count
  }
  return { count: durations.count, sum: durations.totalMs / 1000, bounds: GC_DURATION_BOUNDS, counts }
}

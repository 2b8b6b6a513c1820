/**
 * The metrics as exporters have them: those of `METRICS`, what tenants have beside, and how long collections took.
 * Names, units and attributes follow the grammar of OpenTelemetry's semantic conventions, as those of `jvm.memory.used`
 * or `v8js.gc.duration` do: https://opentelemetry.io/docs/specs/semconv/general/metrics/
 */
import { METRICS, type Metric } from '../stats.js'
import type { TenantEvents, TenantFigures } from '../types.js'

/** A metric as exporters have it. */
export interface MetricDescription {
  /** `heapwright.memory.used`, for instance. */
  readonly name: string
  /** In UCUM: `By`, `s`, `1`, or what is counted in braces, `{block}`. */
  readonly unit: string
  /** A counter only goes up; values of an up-down counter make sense when added over heaps, those of a gauge do not. */
  readonly instrument: 'counter' | 'updowncounter' | 'gauge' | 'histogram'
  readonly meaning: string
}

/** Attributes of samples. A tenant in a tenant has the ids of both, `outer/inner`; a slash in an id is `%2F`. */
export const ATTRIBUTES = {
  heap: 'heapwright.heap.name',
  tenant: 'heapwright.tenant',
  gcType: 'heapwright.gc.type',
  tenantEvent: 'heapwright.tenant.event',
} as const

const UNITS: Readonly<Record<Metric['unit'], string>> = {
  bytes: 'By',
  blocks: '{block}',
  objects: '{object}',
  roots: '{root}',
  runs: '{run}',
  calls: '{call}',
  tenants: '{tenant}',
  events: '{event}',
  ratio: '1',
  ms: 's',
}

function describe({ exported, unit, instrument, meaning }: Metric): MetricDescription {
  return { name: exported, unit: UNITS[unit], instrument, meaning }
}

/** One of `METRICS`, as exporters have it, and what its values are multiplied by for its unit. */
export const FIGURES = METRICS.map((metric: Metric) => ({
  metric,
  description: describe(metric),
  scale: metric.unit === 'ms' ? 0.001 : 1,
}))

const bytesOfTenant = (name: string, meaning: string): MetricDescription => ({
  name: `heapwright.tenant.${name}`,
  unit: 'By',
  instrument: 'updowncounter',
  meaning,
})

export const TENANT_FIGURES: readonly {
  readonly name: keyof TenantFigures & ('heldBytes' | 'min' | 'low' | 'high' | 'max')
  readonly description: MetricDescription
}[] = [
  {
    name: 'heldBytes',
    description: bytesOfTenant('held', 'what a tenant holds of its parent: what its limits are about'),
  },
  { name: 'min', description: bytesOfTenant('min', 'what is never taken from it') },
  { name: 'low', description: bytesOfTenant('low', 'what is taken from it only when nothing else helps') },
  { name: 'high', description: bytesOfTenant('high', 'beyond which it collects and reclaims') },
  { name: 'max', description: bytesOfTenant('max', 'most that it may hold') },
]

export const TENANT_EVENTS: MetricDescription = {
  name: 'heapwright.tenant.events',
  unit: '{event}',
  instrument: 'counter',
  meaning: 'times that a tenant met its limits, by event: low, high, max, oom, oom_kill',
}

/** The values of the attribute, in the words of cgroup v2's `memory.events`. */
export const TENANT_EVENT_NAMES: Readonly<Record<keyof TenantEvents, string>> = {
  low: 'low',
  high: 'high',
  max: 'max',
  oom: 'oom',
  oomKill: 'oom_kill',
}

export const GC_DURATION: MetricDescription = {
  name: 'heapwright.gc.duration',
  unit: 's',
  instrument: 'histogram',
  meaning: 'how long collections took, by type: full, compact, minor, and cycle, the sum of its steps',
}

/** Upper ends of the buckets, in seconds: pauses here are of fractions of a millisecond, mostly. */
export const GC_DURATION_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
]

const DESCRIPTIONS: readonly MetricDescription[] = [
  ...FIGURES.map(({ description }) => description),
  ...TENANT_FIGURES.map(({ description }) => description),
  TENANT_EVENTS,
  GC_DURATION,
]

/** All metrics that exporters may give, in the order in which they give them. */
export function describeMetrics(): readonly MetricDescription[] {
  return DESCRIPTIONS
}

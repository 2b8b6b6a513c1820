/** The figures of a heap that every update of the live page has: statistics, pressure, pauses. */
import type { HeapCore } from '../core.js'
import type { MeasuredHeap } from '../metrics/several.js'
import type { DurationFigures, HistogramBucket } from '../objects/histogram.js'
import type { ObjectSpace } from '../objects/space.js'
import type { LiveFigures, LivePauses, LivePressure } from '../page/live-data.js'
import { readStats } from '../stats.js'
import type { TenantSource } from './tenants.js'

/** What a heap is asked for beside its core. */
export interface HeapSource extends MeasuredHeap {
  readonly pressure: () => LivePressure
  readonly tenants: () => Iterable<TenantSource>
}

/** @throws ClosedError, CorruptionError */
export function readFigures(core: HeapCore, heap: HeapSource, sequence: number): LiveFigures {
  const space = core.objectsThatAre
  return {
    sequence,
    atMs: Date.now(),
    stats: readStats(core),
    pressure: heap.pressure(),
    ...(space && { pauses: readPauses(space) }),
  }
}

function readPauses({ collections }: ObjectSpace): LivePauses {
  const { pauseLog, kinds, pauses } = collections
  const { goal } = pauseLog
  return {
    madeAtMs: Date.now() - (collections.nowMs - collections.madeMs),
    all: pauseLog.all.figures,
    histogram: byPowerOfTwo(pauseLog.all.buckets),
    kinds: kinds.map((kind) => ({ kind: kind.kind, freedBytes: kind.freedBytes, ...durationsOf(kind) })),
    ...(goal && { goal }),
    recent: pauses.recent.map(({ number, kind, cause, atMs, ms, freedBytes, liveBytes, movedObjects }) => {
      return { number, kind, cause, atMs, ms, freedBytes, liveBytes, movedObjects }
    }),
  }
}

function durationsOf({ count, totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: DurationFigures): DurationFigures {
  return { count, totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }
}

/** One bucket for each power of two of microseconds, and one for what is below 1 µs. */
function byPowerOfTwo(buckets: readonly HistogramBucket[]): HistogramBucket[] {
  const counts = new Map<number, number>()
  for (const { fromMs, count } of buckets) {
    const power = fromMs === 0 ? -1 : Math.floor(Math.log2(fromMs * 1000))
    counts.set(power, (counts.get(power) ?? 0) + count)
  }
  const edge = (power: number) => (power < 0 ? 0 : 2 ** power / 1000)
  return [...counts].map(([power, count]) => ({ fromMs: edge(power), toMs: edge(power + 1), count }))
}

/**
 * The statistics of collections: one versioned plain object, of any collecting mode, and the same as text. Kinds of
 * pauses add up to all pauses exactly, in count and, up to rounding, in time.
 */
import { FLAG_NURSERY, HEAP_FLAGS_AT } from '../../kernel/layout.js'
import { SPACE_LOG_OVERFLOWS_AT } from '../../kernel/object-layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { formatBytes } from '../sizes.js'
import { alignColumns } from '../text-table.js'
import type { ModeName } from '../types.js'
import type { Collection, CollectionKindStats } from './collections.js'
import { type CensusRow, takeCensus } from './describe.js'
import type { DurationFigures, HistogramBucket } from './histogram.js'
import type { MutatorUtilisation, PauseGoal } from './pauses.js'
import type { ObjectSpace } from './space.js'
import { formatTraceLine } from './trace-line.js'

export interface CollectionStatsOptions {
  /** Count objects by type, which walks over all of them. Default false. */
  readonly types?: boolean
}

/** Pauses of all kinds. */
export interface PauseDistribution extends DurationFigures {
  /** Buckets that are not empty, shortest first. */
  readonly histogram: readonly HistogramBucket[]
}

/** Since the heap was made, or attached to, as far as this program saw. `JSON.stringify` gives the documented form. */
export interface CollectionStats {
  readonly version: 1
  readonly name: string
  readonly mode: ModeName
  readonly elapsedMs: number
  /** Those that occurred. */
  readonly kinds: readonly CollectionKindStats[]
  readonly pauses: PauseDistribution
  /** Windows longer than the time since the heap was made are left out. */
  readonly mutatorUtilisation: readonly MutatorUtilisation[]
  /** Of heaps that have one. */
  readonly pauseGoal?: PauseGoal
  /** Share, 0 to 1, of the time since the fourth last collection for want of memory that these took; 0 before. */
  readonly memoryShare: number
  /** Times that a minor collection had to look through all old objects. */
  readonly logOverflows: number
  /** When asked for. */
  readonly types?: readonly CensusRow[]
  /** The last collections, at most 64, newest last. */
  readonly recent: readonly Collection[]
}

/** @throws ArgumentError */
export function readCollectionStats(space: ObjectSpace, options: CollectionStatsOptions = {}): CollectionStats {
  checkOptions('options', options, ['types'])
  const { types = false } = options
  if (typeof types !== 'boolean') throw new ArgumentError('types', types, 'a boolean')
  const { collections, core } = space
  const { pauseLog } = collections
  const { goal } = pauseLog
  const { nowMs } = collections
  const hasNursery = (core.word(HEAP_FLAGS_AT) & FLAG_NURSERY) !== 0
  return {
    version: 1,
    name: core.name,
    mode: core.mode,
    elapsedMs: nowMs - collections.madeMs,
    kinds: collections.kinds,
    pauses: { ...pauseLog.all.figures, histogram: pauseLog.all.buckets },
    mutatorUtilisation: pauseLog.utilisationUntil(nowMs),
    ...(goal && { pauseGoal: goal }),
    memoryShare: collections.memoryShare(nowMs),
    logOverflows: hasNursery ? space.word(SPACE_LOG_OVERFLOWS_AT) : 0,
    ...(types && { types: takeCensus(space) }),
    recent: collections.pauses.recent,
  }
}

// ---- the text form ------------------------------------------------------------------------------------------------

/** How many of the last collections the text shows. */
const SHOWN_MAX = 16

const KIND_HEADS = ['kind', 'count', 'nested', 'total', 'p50', 'p90', 'p99', 'p99.9', 'longest', 'freed', 'promoted']

/** The statistics as text for people; all times in milliseconds. */
export function formatCollectionStats(label: string, stats: CollectionStats): string {
  const sections = [
    `${label}, mode ${stats.mode}, collections in ${formatMs(stats.elapsedMs)} ms; times in ms\n`,
    formatKinds(stats),
    section('pauses by length', [['from', 'to', 'pauses'], ...histogramRows(stats.pauses.histogram)]),
    section('the program’s share of the time, at worst', [
      ['window', 'share'],
      ...stats.mutatorUtilisation.map(shareRow),
    ]),
    formatRest(stats),
    section('objects by type', [['type', 'live', 'bytes', 'allocated'], ...(stats.types ?? []).map(typeRow)], 1),
    formatRecent(stats),
  ]
  return sections.join('')
}

/** A table under a title, or nothing when it has only a head. */
function section(title: string, rows: readonly (readonly string[])[], textColumns = 0): string {
  return rows.length === 1 ? '' : `\n${title}\n${alignColumns(rows, textColumns)}\n`
}

function formatKinds({ kinds, pauses }: CollectionStats): string {
  const rows = kinds.map((row) => [
    row.kind,
    String(row.count),
    String(row.nested),
    ...durations(row),
    formatBytes(row.freedBytes),
    formatBytes(row.promotedBytes),
  ])
  const all = ['all pauses', String(pauses.count), '', ...durations(pauses), '', '']
  return `\n${alignColumns([KIND_HEADS, ...rows, all], 1)}\n`
}

function durations({ totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs }: DurationFigures): string[] {
  return [totalMs, p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map(formatMs)
}

/** Every power of two of microseconds is one row here. */
function histogramRows(buckets: readonly HistogramBucket[]): string[][] {
  const counts = new Map<number, number>()
  for (const { fromMs, count } of buckets) {
    const power = fromMs === 0 ? -1 : Math.floor(Math.log2(fromMs * 1000))
    counts.set(power, (counts.get(power) ?? 0) + count)
  }
  const edge = (power: number) => (power < 0 ? '0' : (2 ** power / 1000).toFixed(3))
  return [...counts].map(([power, count]) => [edge(power), edge(power + 1), String(count)])
}

function shareRow({ windowMs, minimum }: MutatorUtilisation): string[] {
  return [String(windowMs), formatShare(minimum)]
}

function typeRow({ type, live, bytes, allocated }: CensusRow): string[] {
  return [type, String(live), formatBytes(bytes), String(allocated)]
}

function formatRest({ pauseGoal, memoryShare, logOverflows }: CollectionStats): string {
  const lines: string[] = []
  if (pauseGoal) {
    const { goalMs, count, exceeded, kept } = pauseGoal
    lines.push(`goal of ${goalMs} ms: kept by ${formatShare(kept)}, ${exceeded} of ${count} pauses were longer`)
  }
  if (memoryShare > 0) lines.push(`collections for want of memory: ${formatShare(memoryShare)} of the time`)
  if (logOverflows > 0) lines.push(`overflows of the slot log: ${logOverflows}`)
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`
}

function formatRecent({ name, recent }: CollectionStats): string {
  const shown = recent.slice(-SHOWN_MAX).map((collection) => formatTraceLine(name, collection))
  return shown.length === 0 ? '' : `\nthe last collections\n${shown.join('\n')}\n`
}

function formatMs(ms: number): string {
  return ms.toFixed(3)
}

function formatShare(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

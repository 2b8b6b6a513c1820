/**
 * Replays a recorded event list on a heap of any mode: a timed pass (several, the median counts), then a checked pass.
 *
 * The result is the row of `heapwright replay --json` (docs/design.md). Figures about live bytes are counted from the
 * events alone and are as requested; committed bytes are the heap's.
 */

import type { EventList } from '../formats/event-list.js'
import { Heap } from '../heap.js'
import { MODES } from '../modes.js'
import type { PauseStats } from '../objects/collections.js'
import type { HeapOptions, ModeName, Size, StressOptions } from '../types.js'
import { checkedPass } from './checked-pass.js'
import { liveFigures, type SizeBucket, sizeBuckets } from './live.js'
import { ReplayError } from './replay-error.js'
import type { PeakSample, Timeline } from './sample.js'
import { keepsObjects } from './store.js'
import { type TimedPass, timedPass } from './timed-pass.js'

export type Pauses = Pick<PauseStats, 'count' | 'p50Ms' | 'p99Ms' | 'maxMs'>

export interface ReplayResult {
  readonly trace: string
  readonly mode: ModeName
  readonly events: number
  readonly allocs: number
  readonly frees: number
  readonly reallocs: number
  readonly skipped: number
  /** Operations that ran out of memory under the limit. */
  readonly failed: number
  /** Time of the operations only, without parsing: median of the timed passes. */
  readonly seconds: number
  readonly nsPerEvent: number
  /** As requested. */
  readonly livePeakBytes: number
  readonly livePeakBlocks: number
  readonly committedPeakBytes: number
  /** Committed over live bytes, both at the moment when live bytes were at their peak. */
  readonly fragmentationAtPeak: number
  /** Collections and their pauses in the timed pass that counts; none in modes without a collector. */
  readonly collections: number
  readonly pauses: Pauses
  /** What the trace leaves allocated. */
  readonly endLiveBlocks: number
  readonly endLiveBytes: number
  /** Every check of the checked pass held; false when it was not asked for. */
  readonly verified: boolean
}

export interface ReplayOptions {
  readonly mode: ModeName
  /** Most bytes the heap may hold. Default: the heap's own. */
  readonly limit?: Size | undefined
  /** Check contents and invariants. Default true. */
  readonly verify?: boolean
  /** In a collecting mode: collect more often than is needed. For tests. */
  readonly stress?: StressOptions
  /**
   * Timed passes, each on a new heap; the median counts. Default: at least 3, more for a short trace, fewer when they
   * take seconds.
   */
  readonly repeats?: number
  /** Called between and within passes with the share done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** The result and what a report shows beside it. */
export interface Replay {
  readonly result: ReplayResult
  readonly timeline: Timeline
  readonly peak: PeakSample
  readonly sizes: readonly SizeBucket[]
  /** What did not hold; empty when all did. */
  readonly faults: readonly string[]
}

/** What a reader of mode `compiler`'s figures must know. */
export const NEVER_RESET =
  'these programs were recorded with malloc and free and never reset the heap, so all they ever asked for stays in it.'

/** The ratio for people; without live bytes there is none. */
export function formatFragmentation({ livePeakBytes, fragmentationAtPeak }: ReplayResult): string {
  return livePeakBytes === 0 ? '–' : fragmentationAtPeak.toFixed(2)
}

/**
 * A short trace is over before the engine has compiled the kernel well: then more passes, so that the median is of warm
 * ones.
 */
const REPEATS_MIN = 3
const REPEATS_MAX = 15
const WARM_SECONDS = 0.1
/** Passes that have taken this long are enough, however few: what takes seconds is warm. */
const LONG_SECONDS = 3

/**
 * Replays `events`; throws `ReplayError` when the heap refuses an event, and the heap's own errors when it cannot be
 * made.
 *
 * @example const { result } = replay(readMtrace(bytes, 'tree'), { mode: 'manual' })
 */
export function replay(events: EventList, options: ReplayOptions): Replay {
  const { verify = true, onProgress } = options
  const heapOptions = heapOptionsOf(options)
  const { seconds, failures, committedPeakBytes, pauses } = timedPasses(heapOptions, events, options)
  const live = liveFigures(events, failures)
  using heap = Heap.create(heapOptions)
  const checked = checkedPass(heap, events, {
    failures,
    peakAt: live.peakAt,
    verify,
    onProgress: onProgress && ((done) => onProgress(0.5 + done / events.length / 2)),
  })
  return {
    result: {
      trace: events.name,
      mode: options.mode,
      events: events.length,
      allocs: events.allocs,
      frees: events.frees,
      reallocs: events.reallocs,
      skipped: events.skipped,
      failed: failures.length,
      seconds,
      nsPerEvent: (seconds * 1e9) / events.length,
      livePeakBytes: live.livePeakBytes,
      livePeakBlocks: live.livePeakBlocks,
      committedPeakBytes,
      fragmentationAtPeak: live.livePeakBytes === 0 ? 0 : checked.peak.stats.committedBytes / live.livePeakBytes,
      collections: pauses.count,
      pauses,
      endLiveBlocks: live.endLiveBlocks,
      endLiveBytes: live.endLiveBytes,
      verified: verify && checked.faults.length === 0,
    },
    timeline: checked.timeline,
    peak: checked.peak,
    sizes: sizeBuckets(events, live.peakAt),
    faults: checked.faults,
  }
}

/** Of mode `server`: about half of its pause goal. */
const STEP_UNITS = 80_000

/** How the heap of a replay is made. */
export function heapOptionsOf({ mode, limit, stress }: ReplayOptions): HeapOptions {
  return {
    mode,
    ...(limit !== undefined && { limit }),
    ...(stress !== undefined && { stress }),
    // What is refused must not depend on how fast the machine is.
    ...('gcShare' in MODES[mode].options && { gcShare: 1 }),
    ...('pauseGoalMs' in MODES[mode].options && { testing: { stepUnits: STEP_UNITS } }),
  }
}

/** A timed pass with what the heap says after it. */
interface Pass extends TimedPass {
  readonly committedPeakBytes: number
  readonly pauses: Pauses
}

/** The one of median time. */
function timedPasses(heapOptions: HeapOptions, events: EventList, options: ReplayOptions): Pass {
  const { repeats, onProgress } = options
  const passes: Pass[] = []
  let totalSeconds = 0
  const isEnough = () => {
    if (repeats !== undefined) return passes.length === repeats
    if (totalSeconds >= LONG_SECONDS) return true
    return passes.length >= REPEATS_MAX || (passes.length >= REPEATS_MIN && totalSeconds >= WARM_SECONDS)
  }
  do {
    const pass = passOn(heapOptions, events)
    const before = passes.at(-1) ?? pass
    if (pass.failures.length !== before.failures.length) {
      throw new ReplayError(
        `${pass.failures.length} events ran out of memory, in the pass before ${before.failures.length}`,
      )
    }
    passes.push(pass)
    totalSeconds += pass.seconds
    onProgress?.(0.5 * Math.min(1, passes.length / (repeats ?? REPEATS_MIN)))
  } while (!isEnough())
  return passes.sort((a, b) => a.seconds - b.seconds)[passes.length >> 1] as Pass
}

function passOn(heapOptions: HeapOptions, events: EventList): Pass {
  using heap = Heap.create(heapOptions)
  const timed = timedPass(heap, events)
  return { ...timed, committedPeakBytes: heap.stats().committedPeakBytes, pauses: pausesOf(heap) }
}

function pausesOf(heap: Heap): Pauses {
  if (!keepsObjects(heap)) return { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 }
  const { count, p50Ms, p99Ms, maxMs } = heap.pauses
  return { count, p50Ms, p99Ms, maxMs }
}

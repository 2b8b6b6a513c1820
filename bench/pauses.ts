/**
 * How long a program stood, round by round: by what the kernel reports to a heap, by V8's entries about its own
 * collections, or by the calls of another allocator that took longer than an allocation can.
 *
 * A pause counts as turns.ts counts time: the lesser of wall-clock and processor time, since a pause in which another
 * program had the processor for 4 ms says nothing of the collector. V8 tells wall-clock time alone.
 */
import { SPACE_LAST_UNITS_AT, SPACE_STEP_UNITS_AT, SPACE_STEPS_AT } from '../kernel/object-layout.js'
import type { Heap } from '../src/heap.js'
import { DurationHistogram, type HistogramBucket } from '../src/objects/histogram.js'
import { minimumUtilisation, PauseRing } from '../src/objects/utilisation.js'
import { mostUsed, type PauseFigures, type StepUnits, spread } from './result.js'

/** Windows of the program's share of the time that are shown. */
export const WINDOWS_MS: readonly number[] = [1, 5, 10, 20, 50, 100]
/** What pauses shall not exceed. */
export const GOAL_MS = 1

/** Of one round. */
export interface RoundPauses {
  readonly count: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly longestMs: number
  /** Share of the pauses that were no longer than GOAL_MS, to a sixteenth of it. */
  readonly kept: number
  /** For each of WINDOWS_MS, the least share of such a window that was the program's. */
  readonly utilisation: readonly number[]
  /** By the clock on the wall, as `heap.collectionStats()` has them. */
  readonly wallP999Ms?: number
  readonly wallLongestMs?: number
  /** Of the step that used most of the work units it was allowed: both. */
  readonly step?: StepUnits
}

export class PauseRecorder {
  readonly #histogram = new DurationHistogram()
  readonly #ring: PauseRing
  readonly #sinceMs = performance.now()
  #step: StepUnits | undefined

  constructor() {
    this.#ring = new PauseRing(this.#sinceMs)
  }

  add(beganMs: number, endedMs: number): void {
    this.#histogram.add(endedMs - beganMs)
    this.#ring.add(beganMs, endedMs)
  }

  addStep(step: StepUnits): void {
    this.#step = mostUsed(this.#step ? [this.#step, step] : [step])
  }

  /** Pauses of a program that began when this was made. */
  roundUntil(endedMs: number): RoundPauses {
    const { figures, buckets } = this.#histogram
    const { pauses, sinceMs } = this.#ring
    return {
      count: figures.count,
      p50Ms: figures.p50Ms,
      p99Ms: figures.p99Ms,
      p999Ms: figures.p999Ms,
      longestMs: figures.maxMs,
      kept: keptOf(buckets, figures.count),
      utilisation: WINDOWS_MS.map((windowMs) => minimumUtilisation(pauses, windowMs, sinceMs, endedMs) ?? Number.NaN),
      ...(this.#step && { step: this.#step }),
    }
  }
}

/** Times between calls of `tick` that are longer than an allocation can take without collecting. */
/** The processor time of this process, in milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Times between calls of `tick` that are longer than an allocation can take without collecting. */
export class TickRecorder {
  #recorder = new PauseRecorder()
  #lastMs = 0
  /** When a pause ended last, by both clocks. In between the two went on alike. */
  #wallMs = 0
  #processorMs = 0

  /** What the program calls after each allocation. */
  readonly tick = (): void => {
    const now = performance.now()
    if (now - this.#lastMs >= TICK_MIN_MS) this.#pause(now)
    else this.#lastMs = now
  }

  #pause(nowMs: number): void {
    const processor = processorMs()
    const ownMs = processor - this.#processorMs - (this.#lastMs - this.#wallMs)
    const ms = Math.min(nowMs - this.#lastMs, ownMs)
    if (ms >= TICK_MIN_MS) this.#recorder.add(this.#lastMs, this.#lastMs + ms)
    this.#start(processor)
  }

  #start(processor: number): void {
    this.#processorMs = processor
    this.#wallMs = performance.now()
    this.#lastMs = this.#wallMs
  }

  begin(): void {
    this.#recorder = new PauseRecorder()
    this.#start(processorMs())
  }

  end(): RoundPauses {
    return this.#recorder.roundUntil(performance.now())
  }
}

/** Shorter ones are not told from the program. */
const TICK_MIN_MS = 0.02

/** Records the pauses of a heap from now on, and what its steps used of the work units they were allowed. */
export function followPauses(heap: Heap): PauseRecorder {
  const recorder = new PauseRecorder()
  // biome-ignore lint/complexity/useLiteralKeys: it is protected
  const { objects } = heap['core']
  const log = objects.collections
  const [begin, end] = [log.begin.bind(log), log.end.bind(log)]
  let depth = 0
  let beganMs = 0
  let processorBeganMs = 0
  let steps = 0
  let allowed = 0
  log.begin = (argument) => {
    begin(argument)
    if (depth++ > 0) return
    steps = objects.hasNursery ? objects.word(SPACE_STEPS_AT) : 0
    allowed = objects.hasNursery ? objects.word(SPACE_STEP_UNITS_AT) : 0
    processorBeganMs = processorMs()
    beganMs = performance.now()
  }
  log.end = (kind) => {
    const isOutermost = --depth === 0
    if (isOutermost) {
      const ms = performance.now() - beganMs
      recorder.add(beganMs, beganMs + Math.min(ms, processorMs() - processorBeganMs))
    }
    end(kind)
    if (!isOutermost) return
    const isStep = objects.hasNursery && objects.word(SPACE_STEPS_AT) !== steps
    if (isStep) recorder.addStep({ units: objects.word(SPACE_LAST_UNITS_AT), allowed })
  }
  return recorder
}

function keptOf(buckets: readonly HistogramBucket[], count: number): number {
  const kept = buckets.filter(({ fromMs }) => fromMs < GOAL_MS)
  return count === 0 ? 1 : kept.reduce((sum, bucket) => sum + bucket.count, 0) / count
}

/** What the rounds of a launch come to. */
export function pauseFigures(rounds: readonly RoundPauses[]): PauseFigures {
  const of = (key: keyof Omit<RoundPauses, 'utilisation' | 'step'>) =>
    spread(rounds.map((round) => round[key] ?? Number.NaN))
  const step = mostUsed(rounds.flatMap((round) => round.step ?? []))
  return {
    count: of('count'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    p999Ms: of('p999Ms'),
    longestMs: of('longestMs'),
    kept: of('kept'),
    utilisation: WINDOWS_MS.map((_, i) => spread(rounds.map((round) => round.utilisation[i] as number))),
    ...(rounds[0]?.wallP999Ms !== undefined && {
      wallP999Ms: of('wallP999Ms'),
      wallLongestMs: of('wallLongestMs'),
    }),
    ...(step && { step }),
  }
}

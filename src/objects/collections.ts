/**
 * What collections did: one record for each, kept as figures, told to listeners. The kernel reports where each begins
 * and ends, whoever caused it, and the phases of its work. These brackets nest; an outermost one is a pause.
 *
 * A bracket of a collection, nested or not, gives a record. Steps give one when the incremental cycle that they make
 * has ended. All of this runs in the middle of kernel calls: only words of the heap are read, and little is allocated,
 * since there may be thousands of minor collections in a second. The one line that HEAPWRIGHT_GCTRACE asks for is
 * written when the outermost bracket has ended.
 */

import { HEAP_COMMITTED_AT, HEAP_LIMIT_AT } from '../../kernel/layout.js'
import {
  CAUSE_BUDGET,
  CAUSE_MEMORY,
  CAUSE_NURSERY,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  COLLECT_MINOR,
  COLLECT_STEP,
  SPACE_AGED_BYTES_AT,
  SPACE_CYCLE_FREED_AT,
  SPACE_LACKS_ROOM_AT,
  SPACE_LIVE_BYTES_AT,
  SPACE_LIVE_OBJECTS_AT,
  SPACE_MINOR_BEFORE_AT,
  SPACE_MOVED_AT,
  SPACE_PROMOTED_BYTES_AT,
  SPACE_PROMOTED_OBJECTS_AT,
  SPACE_STAYED_OBJECTS_AT,
} from '../../kernel/object-layout.js'
import { callGuarded } from '../events.js'
import { environmentVariable, writeErrorLine } from '../platform/process.js'
import { Bracket, type CollectedSpace, type PhaseTimes } from './bracket.js'
import { Cycle } from './cycle.js'
import { type DurationFigures, DurationHistogram } from './histogram.js'
import { MemoryShare } from './memory-share.js'
import { type PauseKind, PauseLog } from './pauses.js'
import { formatTraceLine } from './trace-line.js'

/** `minor`: of the nursery alone; `cycle`: an incremental one, in steps. */
export type CollectionKind = 'full' | 'compact' | 'minor' | 'cycle'
/**
 * `request` by a call, `budget` by allocation since the last one, `memory` by a request that failed, `stress` by a
 * knob, `nursery` because that is used up.
 */
export type CollectionCause = 'request' | 'budget' | 'memory' | 'stress' | 'nursery'

const CAUSES: Readonly<Record<number, CollectionCause>> = {
  [CAUSE_REQUEST]: 'request',
  [CAUSE_BUDGET]: 'budget',
  [CAUSE_MEMORY]: 'memory',
  [CAUSE_STRESS]: 'stress',
  [CAUSE_NURSERY]: 'nursery',
}

const PAUSE_KINDS: Readonly<Record<number, PauseKind>> = {
  [COLLECT_FULL]: 'full',
  [COLLECT_COMPACT]: 'compact',
  [COLLECT_MINOR]: 'minor',
  [COLLECT_STEP]: 'step',
}

/** What one collection did. */
export interface Collection {
  readonly kind: CollectionKind
  readonly cause: CollectionCause
  /** 1 for the first that this program saw of the heap. */
  readonly number: number
  /** When it began, since the heap was made or attached to. */
  readonly atMs: number
  /** How long it took; of a cycle, its steps. */
  readonly ms: number
  /** The parts of that; what no phase covers is in none. */
  readonly phases: PhaseTimes
  /** Bytes of objects in use, before and after; of a minor collection those in the nursery, of a cycle old ones. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Objects that are alive, and their bytes with headers and padding, as the last one that marked has counted them. */
  readonly liveObjects: number
  readonly liveBytes: number
  /** Bytes of objects that were found dead. */
  readonly freedBytes: number
  readonly movedObjects: number
  /** Of a minor collection: what became old; bytes that stay young; objects that stayed in place. Else 0. */
  readonly promotedBytes: number
  readonly promotedObjects: number
  readonly agedBytes: number
  readonly stayedObjects: number
  readonly committedBefore: number
  readonly committedAfter: number
  /** Of a cycle: from the beginning of its first step to the end of its last; the program runs in between. */
  readonly spanMs?: number
  /** Of one inside another one, whose time has its own in it: a compaction inside a full collection, for instance. */
  readonly isNested?: true
  /** Of a cycle: steps, the longest of them, and the work units of all. */
  readonly steps?: number
  readonly longestStepMs?: number
  readonly units?: number
}

/**
 * The pauses that collections made, since the heap was made or attached to. Percentiles are of all of them, and at most
 * a sixteenth too much.
 */
export interface PauseStats extends DurationFigures {
  /** The last collections, at most 64, newest last. */
  readonly recent: readonly Collection[]
}

/**
 * Pauses of one kind, or whole cycles. Times are of the pauses: those of the four kinds of pauses add up to all of
 * them. The times of `cycle` are of cycles, each the sum of its steps.
 */
export interface CollectionKindStats extends DurationFigures {
  readonly kind: PauseKind | 'cycle'
  /** Collections, or steps, inside a pause of another one: in none of the times here. */
  readonly nested: number
  /** Of all of the kind, nested ones included, but for what those of another kind inside them did. A step has none. */
  readonly freedBytes: number
  readonly promotedBytes: number
  readonly promotedObjects: number
}

/** What the records of one kind come to. */
class KindTotals {
  nested = 0
  freedBytes = 0
  promotedBytes = 0
  promotedObjects = 0

  add(collection: Collection): void {
    this.freedBytes += collection.freedBytes
    this.promotedBytes += collection.promotedBytes
    this.promotedObjects += collection.promotedObjects
  }
}

const KINDS: readonly CollectionKindStats['kind'][] = ['full', 'compact', 'minor', 'step', 'cycle']

/** Events that are told of collections. */
const TOLD = ['collectBegin', 'collectEnd', 'trim'] as const

const RECENT_MAX = 64
/** Of the limit: what a collection for want of memory must free to be worth its time. */
const WORTH_PART = 16
/** Far more than the kernel nests; a call that trapped leaves brackets open, which are forgotten then. */
const BRACKETS_MAX = 8

/** What the log asks of the world, for tests to replace. */
export interface LogTools {
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number
  /** Where lines of the trace go; undefined when nobody asked for one. */
  readonly trace: ((line: string) => void) | undefined
}

function defaultTools(): LogTools {
  const wanted = environmentVariable('HEAPWRIGHT_GCTRACE') ?? ''
  return { now: () => performance.now(), trace: wanted === '' || wanted === '0' ? undefined : writeErrorLine }
}

export class CollectionLog {
  readonly pauseLog: PauseLog
  /** Of full collections because the budget was used up. */
  readonly budgetShare = new MemoryShare()
  readonly #space: CollectedSpace
  readonly #tools: LogTools
  /** When it was made, by the clock of `nowMs`. */
  readonly madeMs: number
  /** Open ones, outermost first, and behind them some to be used again. */
  readonly #brackets: Bracket[] = []
  #depth = 0
  #cycle: Cycle | undefined
  #number = 0
  readonly #totals = new Map<CollectionKindStats['kind'], KindTotals>()
  readonly #cycles = new DurationHistogram()
  readonly #recent: Collection[] = []
  #peak = { liveBytes: 0, committedBytes: 0 }
  #hasNews = false
  /** Those that no listener has heard of; kept only while there are listeners. */
  #news: Collection[] = []
  #traceLines: string[] = []

  constructor(space: CollectedSpace, tools: LogTools = defaultTools()) {
    this.#space = space
    this.#tools = tools
    this.madeMs = tools.now()
    this.pauseLog = new PauseLog(this.madeMs)
  }

  // ---- what the kernel reports, from within its calls ---------------------------------------------------------------

  /** `argument`: the cause, and above it a kind; the kind that counts is told at the end. */
  begin(argument: number): void {
    if (this.#depth === BRACKETS_MAX) this.#depth = 0
    const bracket = this.#brackets[this.#depth] ?? new Bracket()
    this.#brackets[this.#depth++] = bracket
    bracket.begin(argument, this.#space)
    bracket.beganMs = this.#tools.now()
  }

  /** `work`: `WORK_…` */
  work(work: number): void {
    if (this.#depth > 0) this.#brackets[this.#depth - 1]?.phases.begin(work, this.#tools.now())
  }

  /** `kind`: `COLLECT_…` */
  end(kind: number): void {
    const now = this.#tools.now()
    const bracket = this.#depth > 0 ? this.#brackets[--this.#depth] : undefined
    const pauseKind = PAUSE_KINDS[kind]
    if (!bracket || !pauseKind) return
    bracket.phases.end(now)
    bracket.endedMs = now
    if (this.#depth === 0) this.pauseLog.add(pauseKind, bracket.beganMs, now)
    else this.#totalsOf(pauseKind).nested++
    if (pauseKind === 'step') this.#addStep(bracket)
    if (pauseKind !== 'minor') this.#followCycle(bracket)
    if (pauseKind === 'minor') this.#noteMinor(bracket)
    else if (pauseKind !== 'step') this.#noteWhole(bracket, pauseKind)
    if (this.#depth === 0 && this.#traceLines.length > 0) this.#writeTrace()
  }

  /** The heap was reset: what has begun will not end. */
  reset(): void {
    this.#depth = 0
    this.#cycle = undefined
    this.forgetMemoryShare()
    this.budgetShare.clear()
    this.#peak = { liveBytes: 0, committedBytes: 0 }
  }

  // ---- records ------------------------------------------------------------------------------------------------------

  #noteWhole(bracket: Bracket, kind: 'full' | 'compact'): void {
    // A compaction inside a full collection is a part of it.
    const isCounted = this.#brackets.slice(0, this.#depth).some(({ isForMemory }) => isForMemory)
    if (bracket.cause === CAUSE_BUDGET) this.budgetShare.add(bracket.beganMs, bracket.endedMs)
    const record = this.#record(kind, bracket, bracket.bytesBefore(this.#space), bracket.bytesAfter(this.#space))
    this.#note(record)
    // What the nursery had is in the row of minor collections.
    this.#totalsOf(kind).freedBytes -= Math.min(record.freedBytes, bracket.nestedFreedBytes)
    // One that has freed much was worth its time.
    const isWorthIt = record.freedBytes * WORTH_PART > this.#space.core.word(HEAP_LIMIT_AT)
    if (isWorthIt) this.forgetMemoryShare()
    else if (bracket.cause === CAUSE_MEMORY && !isCounted) this.pauseLog.memory.add(bracket.beganMs, bracket.endedMs)
  }

  #noteMinor(bracket: Bracket): void {
    const record = this.#minorRecord(bracket)
    for (const outer of this.#brackets.slice(0, this.#depth)) outer.nestedFreedBytes += record.freedBytes
    this.#note(record)
    if (this.#depth > 0) return
    // For want of room nothing was promoted: such ones, too, may take all of the time.
    const { cause, beganMs, endedMs } = bracket
    if (cause === CAUSE_MEMORY || bracket.youngWord(this.#space, SPACE_LACKS_ROOM_AT) !== 0) {
      this.pauseLog.memory.add(beganMs, endedMs)
    }
  }

  #minorRecord(bracket: Bracket): Collection {
    const word = (at: number) => bracket.youngWord(this.#space, at)
    const bytesBefore = word(SPACE_MINOR_BEFORE_AT)
    const agedBytes = word(SPACE_AGED_BYTES_AT)
    const promotedBytes = word(SPACE_PROMOTED_BYTES_AT)
    const promotedObjects = word(SPACE_PROMOTED_OBJECTS_AT)
    return {
      ...this.#record('minor', bracket, bytesBefore, agedBytes),
      freedBytes: Math.max(0, bytesBefore - promotedBytes - agedBytes),
      movedObjects: promotedObjects,
      promotedBytes,
      promotedObjects,
      agedBytes,
      stayedObjects: word(SPACE_STAYED_OBJECTS_AT),
    }
  }

  /** What all kinds have, of a bracket or a cycle. */
  #record(kind: CollectionKind, of: Bracket | Cycle, bytesBefore: number, bytesAfter: number): Collection {
    const space = this.#space
    return {
      kind,
      cause: CAUSES[of.cause] ?? 'request',
      number: ++this.#number,
      atMs: of.beganMs - this.madeMs,
      ms: of.ms,
      phases: of.phases.times,
      bytesBefore,
      bytesAfter,
      liveObjects: space.word(SPACE_LIVE_OBJECTS_AT),
      liveBytes: space.word(SPACE_LIVE_BYTES_AT),
      freedBytes: Math.max(0, bytesBefore - bytesAfter),
      movedObjects: space.word(SPACE_MOVED_AT),
      promotedBytes: 0,
      promotedObjects: 0,
      agedBytes: 0,
      stayedObjects: 0,
      committedBefore: of.committedBytes,
      committedAfter: space.core.word(HEAP_COMMITTED_AT),
      // The bracket of this one is closed already; a cycle has time of its own.
      ...(this.#depth > 0 && kind !== 'cycle' && { isNested: true as const }),
    }
  }

  #addStep(step: Bracket): void {
    if (!this.#cycle?.goesOn(step)) this.#cycle = new Cycle(step)
    this.#cycle.add(step, this.#space)
  }

  /** At the end of a step or a full collection: has the cycle ended? */
  #followCycle(bracket: Bracket): void {
    const cycle = this.#cycle
    const state = cycle?.stateAfter(bracket, this.#space)
    if (!cycle || state === 'going on') return
    this.#cycle = undefined
    if (state === 'given up') return
    const bytesAfter = bracket.oldBytes(this.#space)
    const { usedBytes, steps, longestStepMs, units } = cycle
    this.#cycles.add(cycle.ms)
    this.#note({
      ...this.#record('cycle', cycle, usedBytes, bytesAfter),
      freedBytes: bracket.youngWord(this.#space, SPACE_CYCLE_FREED_AT),
      movedObjects: 0,
      spanMs: bracket.endedMs - cycle.beganMs,
      steps,
      longestStepMs,
      units,
    })
  }

  #note(collection: Collection): void {
    if (collection.kind !== 'minor' && collection.liveBytes >= this.#peak.liveBytes) {
      // What was held while it went on: afterwards a compaction may have given some back.
      this.#peak = { liveBytes: collection.liveBytes, committedBytes: collection.committedBefore }
    }
    this.#totalsOf(collection.kind).add(collection)
    this.#recent.push(collection)
    if (this.#recent.length > RECENT_MAX) this.#recent.shift()
    this.#hasNews = true
    const { events } = this.#space.core
    if (TOLD.some((event) => events.has(event))) {
      this.#news.push(collection)
      // Should nobody fetch them, the last ones are enough.
      if (this.#news.length > RECENT_MAX) this.#news.shift()
    }
    if (this.#tools.trace) this.#traceLines.push(formatTraceLine(this.#space.core.name, collection))
  }

  #totalsOf(kind: CollectionKindStats['kind']): KindTotals {
    let totals = this.#totals.get(kind)
    if (!totals) {
      totals = new KindTotals()
      this.#totals.set(kind, totals)
    }
    return totals
  }

  #writeTrace(): void {
    const lines = this.#traceLines
    this.#traceLines = []
    // What the stream throws must not unwind the kernel's call.
    for (const line of lines) callGuarded(this.#tools.trace as (line: string) => void, line)
  }

  // ---- what was seen ------------------------------------------------------------------------------------------------

  /** How many records there have been. */
  get count(): number {
    return this.#number
  }

  /** The first record of a kind after the first `count` ones. */
  firstAfter(count: number, kind: CollectionKind): Collection | undefined {
    return this.#recent.find((one) => one.number > count && one.kind === kind)
  }

  /** Whether a collection has ended since `takeNews`, heard of by listeners or not. */
  get hasNews(): boolean {
    return this.#hasNews
  }

  /** What has not been told yet; it counts as told now. */
  takeNews(): readonly Collection[] {
    const news = this.#news
    this.#news = []
    this.#hasNews = false
    return news
  }

  /** How long collections of a kind took that were not part of another one; undefined when there were none. */
  durationsOf(kind: CollectionKind): DurationHistogram | undefined {
    return kind === 'cycle' ? this.#cycles : this.pauseLog.byKind.get(kind)
  }

  /** The sums alone, which cost nothing to read. */
  get totals(): Pick<PauseStats, 'totalMs' | 'maxMs'> {
    return this.pauseLog.all
  }

  get pauses(): PauseStats {
    return { ...this.pauseLog.all.figures, recent: [...this.#recent] }
  }

  /** The most that a collection of all objects has found alive, and what was held then. */
  get peak(): { readonly liveBytes: number; readonly committedBytes: number } {
    return this.#peak
  }

  get nowMs(): number {
    return this.#tools.now()
  }

  /** Those kinds that occurred. */
  get kinds(): CollectionKindStats[] {
    return KINDS.flatMap((kind) => {
      const times = kind === 'cycle' ? this.#cycles : this.pauseLog.byKind.get(kind)
      const totals = this.#totals.get(kind)
      if (!totals && !times?.count) return []
      const { nested, freedBytes, promotedBytes, promotedObjects } = totals ?? new KindTotals()
      const { figures } = times ?? new DurationHistogram()
      return [{ kind, nested, ...figures, freedBytes, promotedBytes, promotedObjects }]
    })
  }

  /** How long pauses shall be at most; undefined for no goal. What was counted against another one is forgotten. */
  get pauseGoalMs(): number | undefined {
    return this.pauseLog.goalMs
  }

  set pauseGoalMs(ms: number | undefined) {
    this.pauseLog.goalMs = ms
  }

  /** Begin anew to count what `memoryShare` says. */
  forgetMemoryShare(): void {
    this.pauseLog.memory.clear()
  }

  /**
   * The share, 0 to 1, that collections for want of memory which freed less than a sixteenth of the limit have of the
   * time since the fourth last of them began; 0 before there were four in a row.
   */
  memoryShare(nowMs = this.nowMs): number {
    return this.pauseLog.memory.shareAt(nowMs)
  }
}

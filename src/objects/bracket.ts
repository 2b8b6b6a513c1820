/**
 * One stretch of collecting as the kernel reports it, from its beginning to its end, with the phases of the work in
 * between. Brackets are used again and again, since there may be thousands in a second: what stays of one is a record.
 *
 * What the words of the object space say of bytes in use is read here, for heaps with a nursery and for those without:
 * words from SPACE_YOUNG_BASE_AT on exist only where the heap's flags say FLAG_NURSERY, and count as 0 elsewhere.
 */
import { FLAG_EMBEDDED, FLAG_NURSERY, HEAP_COMMITTED_AT, HEAP_FLAGS_AT } from '../../kernel/layout.js'
import {
  CAUSE_MEMORY,
  COLLECT_COMPACT,
  COLLECT_FULL,
  SPACE_AGED_BYTES_AT,
  SPACE_ALLOCATED_AT,
  SPACE_BUMP_AT,
  SPACE_CYCLES_AT,
  SPACE_LIMIT_AT,
  SPACE_LIVE_BYTES_AT,
  SPACE_MINOR_BEFORE_AT,
  SPACE_MINORS_AT,
  SPACE_OLD_BYTES_AT,
  SPACE_PLAN_AT,
  WORK_COPY,
  WORK_MARK,
  WORK_PREPARE,
  WORK_SLIDE,
  WORK_SWEEP,
  WORK_WEAK,
} from '../../kernel/object-layout.js'
import type { HeapEventName } from '../events.js'

/** What is read of a heap and its object space while collections go on. */
export interface CollectedSpace {
  /** A word of the object space. */
  word(at: number): number
  readonly core: {
    /** A word of the control block. */
    word(at: number): number
    readonly name: string
    readonly events: { has(event: HeapEventName): boolean }
  }
}

/** What a collection does, one thing after the other; not each does all. */
export type CollectionPhase = 'prepare' | 'copy' | 'mark' | 'weak' | 'sweep' | 'slide'

/** How long the phases took in milliseconds, those that occurred. */
export type PhaseTimes = { readonly [P in CollectionPhase]?: number }

/** By `WORK_…`. */
const PHASES: readonly CollectionPhase[] = (() => {
  const names: CollectionPhase[] = []
  names[WORK_PREPARE] = 'prepare'
  names[WORK_MARK] = 'mark'
  names[WORK_WEAK] = 'weak'
  names[WORK_SWEEP] = 'sweep'
  names[WORK_SLIDE] = 'slide'
  names[WORK_COPY] = 'copy'
  return names
})()

/** The time of each phase; one runs at a time. */
export class PhaseClock {
  readonly #ms = new Float64Array(PHASES.length)
  /** Bits of the phases that occurred. */
  #occurred = 0
  #running = -1
  #sinceMs = 0

  clear(): void {
    this.#ms.fill(0)
    this.#occurred = 0
    this.#running = -1
  }

  /** `work`: `WORK_…`. The phase before it is over. */
  begin(work: number, nowMs: number): void {
    this.end(nowMs)
    if (work >= PHASES.length) return
    this.#running = work
    this.#occurred |= 1 << work
    this.#sinceMs = nowMs
  }

  end(nowMs: number): void {
    if (this.#running >= 0) this.#ms[this.#running] = (this.#ms[this.#running] as number) + nowMs - this.#sinceMs
    this.#running = -1
  }

  /** Add the times of another clock. */
  add(other: PhaseClock): void {
    this.#occurred |= other.#occurred
    other.#ms.forEach((ms, work) => {
      this.#ms[work] = (this.#ms[work] as number) + ms
    })
  }

  get times(): PhaseTimes {
    const times: { [P in CollectionPhase]?: number } = {}
    for (let work = 0; work < PHASES.length; work++) {
      if ((this.#occurred & (1 << work)) !== 0) times[PHASES[work] as CollectionPhase] = this.#ms[work] as number
    }
    return times
  }
}

/** `survivorsEnd` in `kernel/buffer/buffer-state.ts`: objects of `embedded` above it are new. */
const SURVIVORS_END_AT = SPACE_PLAN_AT + 4
const CAUSE_BITS = 8
const CAUSE_MASK = 2 ** CAUSE_BITS - 1

export class Bracket {
  readonly phases = new PhaseClock()
  /** `CAUSE_…` */
  cause = 0
  /** `COLLECT_…`, as it was meant to be when it began. */
  kind = 0
  beganMs = 0
  endedMs = 0
  /** Whether the heap has a nursery, and with it the words that are about one. */
  hasNursery = false
  committedBytes = 0
  /** In use when it began: with a nursery what is old, else all objects. */
  usedBytes = 0
  /** Incremental cycles that had ended. */
  cycles = 0
  /** What minor collections inside it have freed. */
  nestedFreedBytes = 0
  #minors = 0

  /** All but the time, which is to be taken last. `argument`: the cause, and above it the kind. */
  begin(argument: number, space: CollectedSpace): void {
    this.phases.clear()
    this.nestedFreedBytes = 0
    this.cause = argument & CAUSE_MASK
    this.kind = argument >>> CAUSE_BITS
    const flags = space.core.word(HEAP_FLAGS_AT)
    this.hasNursery = (flags & FLAG_NURSERY) !== 0
    this.committedBytes = space.core.word(HEAP_COMMITTED_AT)
    this.cycles = this.youngWord(space, SPACE_CYCLES_AT)
    this.#minors = this.youngWord(space, SPACE_MINORS_AT)
    this.usedBytes = this.hasNursery ? this.oldBytes(space) : usedBytes(space, (flags & FLAG_EMBEDDED) !== 0)
  }

  get ms(): number {
    return this.endedMs - this.beganMs
  }

  /** One of the words that only a heap with a nursery has. */
  youngWord(space: CollectedSpace, at: number): number {
    return this.hasNursery ? space.word(at) : 0
  }

  oldBytes(space: CollectedSpace): number {
    return this.youngWord(space, SPACE_OLD_BYTES_AT)
  }

  /** Whether it is a full collection or a compaction because a request failed. */
  get isForMemory(): boolean {
    return this.cause === CAUSE_MEMORY && (this.kind === COLLECT_FULL || this.kind === COLLECT_COMPACT)
  }

  /** Bytes in use before a full collection: the nursery's, too, when that was collected on the way. */
  bytesBefore(space: CollectedSpace): number {
    return this.usedBytes + (this.#hadMinor(space) ? space.word(SPACE_MINOR_BEFORE_AT) : 0)
  }

  bytesAfter(space: CollectedSpace): number {
    if (!this.hasNursery) return space.word(SPACE_LIVE_BYTES_AT)
    return this.oldBytes(space) + (this.#hadMinor(space) ? space.word(SPACE_AGED_BYTES_AT) : 0)
  }

  #hadMinor(space: CollectedSpace): boolean {
    return this.youngWord(space, SPACE_MINORS_AT) !== this.#minors
  }
}

/** Without a nursery: what the last collection found, and what was allocated since. */
function usedBytes(space: CollectedSpace, isEmbedded: boolean): number {
  const bump = space.word(SPACE_BUMP_AT)
  const liveBytes = space.word(SPACE_LIVE_BYTES_AT)
  if (isEmbedded) return liveBytes + bump - space.word(SURVIVORS_END_AT)
  // The holes handed out, less what is left of the last one.
  return liveBytes + space.word(SPACE_ALLOCATED_AT) - (space.word(SPACE_LIMIT_AT) - bump)
}

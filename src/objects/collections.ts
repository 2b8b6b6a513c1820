/**
 * What collections did: one record for each, kept as figures, told to listeners. The kernel reports the beginning and
 * the end of a collection, whoever caused it; only the words of the object space are read then, since a kernel call is
 * going on.
 */

import { HEAP_COMMITTED_AT } from '../../kernel/layout.js'
import {
  CAUSE_BUDGET,
  CAUSE_MEMORY,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  SPACE_ALLOCATED_AT,
  SPACE_BUMP_AT,
  SPACE_COMPACTIONS_AT,
  SPACE_LIMIT_AT,
  SPACE_LIVE_BYTES_AT,
  SPACE_LIVE_OBJECTS_AT,
  SPACE_MOVED_AT,
} from '../../kernel/object-layout.js'
import type { ObjectSpace } from './space.js'

export type CollectionKind = 'full' | 'compact'
/**
 * `request` by a call, `budget` by allocation since the last one, `memory` by a request that failed, `stress` by a
 * knob.
 */
export type CollectionCause = 'request' | 'budget' | 'memory' | 'stress'

const CAUSES: Readonly<Record<number, CollectionCause>> = {
  [CAUSE_REQUEST]: 'request',
  [CAUSE_BUDGET]: 'budget',
  [CAUSE_MEMORY]: 'memory',
  [CAUSE_STRESS]: 'stress',
}

/** What one collection did. */
export interface Collection {
  readonly kind: CollectionKind
  readonly cause: CollectionCause
  /** How long it took. */
  readonly ms: number
  /** Objects that are alive, and their bytes with headers and padding. */
  readonly liveObjects: number
  readonly liveBytes: number
  /** Bytes of objects that were found dead. */
  readonly freedBytes: number
  readonly movedObjects: number
  readonly committedBefore: number
  readonly committedAfter: number
}

/** The pauses that collections made, since the heap was made or attached to. */
export interface PauseStats {
  readonly count: number
  readonly totalMs: number
  /** Half, and 99 of 100, were no longer than this; of the last 4,096. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** The last ones, at most 64, newest last. */
  readonly recent: readonly Collection[]
}

const RECENT_MAX = 64
/** Pauses whose lengths are kept, for percentiles. */
const TIMES_MAX = 4096

interface Beginning {
  readonly cause: CollectionCause
  readonly at: number
  readonly usedBytes: number
  readonly committed: number
  readonly compactions: number
}

export class CollectionLog {
  readonly #space: ObjectSpace
  #beginning: Beginning | undefined
  #count = 0
  #totalMs = 0
  #maxMs = 0
  /** The last pauses; the oldest is overwritten when there are TIMES_MAX. */
  readonly #times: number[] = []
  #recent: Collection[] = []
  /** Those that no listener has heard of. */
  #news: Collection[] = []

  constructor(space: ObjectSpace) {
    this.#space = space
  }

  /** From within a kernel call. */
  begin(cause: number): void {
    const space = this.#space
    const holeLeft = space.word(SPACE_LIMIT_AT) - space.word(SPACE_BUMP_AT)
    this.#beginning = {
      cause: CAUSES[cause] ?? 'request',
      usedBytes: space.word(SPACE_LIVE_BYTES_AT) + space.word(SPACE_ALLOCATED_AT) - holeLeft,
      committed: space.core.word(HEAP_COMMITTED_AT),
      compactions: space.word(SPACE_COMPACTIONS_AT),
      at: performance.now(),
    }
  }

  /** From within a kernel call. */
  end(): void {
    const now = performance.now()
    const space = this.#space
    const committedAfter = space.core.word(HEAP_COMMITTED_AT)
    const compactions = space.word(SPACE_COMPACTIONS_AT)
    const beginning = this.#beginning
    this.#beginning = undefined
    if (!beginning) return
    const liveBytes = space.word(SPACE_LIVE_BYTES_AT)
    this.#note({
      kind: compactions === beginning.compactions ? 'full' : 'compact',
      cause: beginning.cause,
      ms: now - beginning.at,
      liveObjects: space.word(SPACE_LIVE_OBJECTS_AT),
      liveBytes,
      freedBytes: Math.max(0, beginning.usedBytes - liveBytes),
      movedObjects: space.word(SPACE_MOVED_AT),
      committedBefore: beginning.committed,
      committedAfter,
    })
  }

  #note(collection: Collection): void {
    this.#times[this.#count % TIMES_MAX] = collection.ms
    this.#count++
    this.#totalMs += collection.ms
    this.#maxMs = Math.max(this.#maxMs, collection.ms)
    this.#recent.push(collection)
    if (this.#recent.length > RECENT_MAX) this.#recent.shift()
    this.#news.push(collection)
    // Should nobody fetch them, the last ones are enough.
    if (this.#news.length > RECENT_MAX) this.#news.shift()
  }

  get last(): Collection | undefined {
    return this.#recent.at(-1)
  }

  get hasNews(): boolean {
    return this.#news.length > 0
  }

  /** What has not been told yet; it counts as told now. */
  takeNews(): readonly Collection[] {
    const news = this.#news
    this.#news = []
    return news
  }

  /** The sums alone, which cost nothing to read. */
  get totals(): Pick<PauseStats, 'totalMs' | 'maxMs'> {
    return { totalMs: this.#totalMs, maxMs: this.#maxMs }
  }

  get pauses(): PauseStats {
    const sorted = Float64Array.from(this.#times).sort()
    return {
      count: this.#count,
      totalMs: this.#totalMs,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      maxMs: this.#maxMs,
      recent: [...this.#recent],
    }
  }
}

/** The least value that is no smaller than `share` of all; 0 of none. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0
}

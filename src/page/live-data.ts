/**
 * What the live page is told of a heap. Types only. Figures come with every update; the picture costs a walk over all
 * blocks and objects and comes less often; the history is what was seen while somebody looked. Nothing in here is
 * content of a block or an object: names, numbers and kinds alone.
 */
import type { PressureLevel } from '../events.js'
import type { DurationFigures, HistogramBucket } from '../objects/histogram.js'
import type { PauseGoal } from '../objects/pauses.js'
import type { HeapStats } from '../types.js'
import type { PageKind, PageMap } from './page-data.js'

/** How near a heap or a tenant is to its limit. */
export interface LivePressure {
  readonly level: PressureLevel
  /** Used over limit, 0 to 1. */
  readonly usage: number
  /** Held less free. */
  readonly usedBytes: number
  readonly limitBytes: number
}

/** One collection, as the page shows it. */
export interface LiveCollection {
  readonly number: number
  readonly kind: string
  readonly cause: string
  /** When it began, since the heap was made. */
  readonly atMs: number
  readonly ms: number
  readonly freedBytes: number
  readonly liveBytes: number
  readonly movedObjects: number
}

export interface LivePauseKind extends DurationFigures {
  readonly kind: string
  readonly freedBytes: number
}

/** Pauses and the last collections; of heaps with objects. */
export interface LivePauses {
  /** When this program made the heap or attached to it, in milliseconds since 1970: `atMs` of collections adds to it. */
  readonly madeAtMs: number
  readonly all: DurationFigures
  /** Buckets that are not empty, one for each power of two of microseconds, shortest first. */
  readonly histogram: readonly HistogramBucket[]
  readonly kinds: readonly LivePauseKind[]
  readonly goal?: PauseGoal
  /** Newest last. */
  readonly recent: readonly LiveCollection[]
}

/** What every update has. */
export interface LiveFigures {
  /** Counts the updates of this server. */
  readonly sequence: number
  /** When they were read, in milliseconds since 1970. */
  readonly atMs: number
  readonly stats: HeapStats
  readonly pressure: LivePressure
  readonly pauses?: LivePauses
}

export interface LiveTenant {
  readonly id: string
  readonly heldBytes: number
  readonly usedBytes: number
  readonly peakBytes: number
  readonly blocks: number
  /** Undefined where there is none. */
  readonly min?: number
  readonly low?: number
  readonly high?: number
  readonly max?: number
  /** Counts by name, such as `max` or `oomKill`. */
  readonly events: Readonly<Record<string, number>>
  readonly level: PressureLevel
  /** Its place among the colours of the map; undefined when there are more tenants than colours. */
  readonly kind?: string
}

export interface LiveType {
  readonly type: string
  readonly live: number
  readonly bytes: number
  /** 0 unless the heap counts types. */
  readonly allocated: number
}

export interface LiveMap extends PageMap {
  /** What cells can be full of, by digit. */
  readonly names: readonly PageKind[]
  readonly blocks: number
  readonly objects: number
}

/** What a walk over the heap has found. */
export interface LivePicture {
  readonly atMs: number
  /** What the walk cost. */
  readonly costMs: number
  readonly map: LiveMap
  /** Those of most bytes; undefined where the mode has no objects, or none were ever used. */
  readonly types?: readonly LiveType[]
  /** How many more types there are. */
  readonly moreTypes: number
  /** Those that hold most. */
  readonly tenants: readonly LiveTenant[]
  readonly moreTenants: number
}

/** Columns of one length, oldest first. */
export interface LiveHistory {
  readonly atMs: readonly number[]
  readonly inUseBytes: readonly number[]
  readonly committedBytes: readonly number[]
}

/** The heap of a server. */
export interface LiveHeap {
  /** Another one for each server that ever was. */
  readonly instance: string
  readonly name: string
  readonly mode: string
}

/** The heap was closed, or its figures cannot be read any more. */
export interface LiveEnd {
  readonly reason: 'closed' | 'unreadable'
  readonly atMs: number
  /** Why it cannot be read. */
  readonly message?: string
}

/** All of it: the answer to `/state.json`, and what a page begins with. */
export interface LiveState {
  readonly version: 1
  readonly heap: LiveHeap
  /** Nothing more will come; the figures are the last that were read. */
  readonly end?: LiveEnd
  /** Undefined when the heap was closed before anybody looked. */
  readonly figures?: LiveFigures
  readonly picture?: LivePicture
  readonly history: LiveHistory
}

/** Says how a page came to be, and what it may do. */
export interface LivePage {
  readonly state: LiveState
  /** Where updates come from; none in a report. */
  readonly follows?: boolean
  /** Goes with every command; none where they are not allowed. */
  readonly token?: string
}

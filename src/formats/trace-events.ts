/**
 * Writes collections as Chrome trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open: the form of a
 * JSON object, times in microseconds. (Trace Event Format, Google, 2016)
 *
 * Each kind of collection has a line ("thread") of its own, since one may lie inside another. On it a collection is a
 * complete event (`X`), and its phases are complete events inside that, one after the other in the order in which they
 * run; a phase that runs several times is drawn as one of their whole length. A cycle in steps lasts from its first
 * step to its last, with the program in between: how long it worked, and its phases, are among its arguments.
 * Bytes are counters (`C`).
 *
 * Times are those of `performance.now()`, so that traces of several heaps of a process fit together.
 */
import type { CollectionPhase } from '../objects/bracket.js'
import type { Collection, CollectionKind } from '../objects/collections.js'
import { VERSION } from '../version.js'

/** What a viewer shows of an event that is chosen. */
export type TraceArguments = Readonly<Record<string, string | number | boolean>>

/** One event as the format has it. Times in microseconds. */
export interface TraceEvent {
  readonly name: string
  /** Complete, counter, metadata. */
  readonly ph: 'X' | 'C' | 'M'
  readonly cat?: string
  readonly ts: number
  readonly dur?: number
  readonly pid: number
  readonly tid: number
  readonly args: TraceArguments
}

/** `JSON.stringify` of it is a file that viewers open. */
export interface TraceEvents {
  readonly traceEvents: readonly TraceEvent[]
  readonly displayTimeUnit: 'ms'
  readonly otherData: Readonly<Record<string, string | number>>
}

/** What happened to one heap. */
export interface Timeline {
  readonly name: string
  readonly collections: readonly TimedCollection[]
  readonly growths: readonly Growth[]
  /** Records that were dropped because there were too many. */
  readonly dropped: number
}

export interface TimedCollection {
  /** When the heap was made, which the collection's time counts from, by `performance.now()`. */
  readonly madeMs: number
  readonly collection: Collection
}

/** The memory became larger. */
export interface Growth {
  /** By `performance.now()`. */
  readonly atMs: number
  readonly memoryBytes: number
}

const KINDS: readonly CollectionKind[] = ['full', 'compact', 'minor', 'cycle']
const PHASES: readonly CollectionPhase[] = ['prepare', 'copy', 'mark', 'weak', 'sweep', 'slide']
const MICROSECONDS = 1000
/** Of a thing that has no line of its own. */
const NO_LINE = 0

export function makeTraceEvents(timeline: Timeline, pid = 1): TraceEvents {
  const { name, collections, growths, dropped } = timeline
  const events = [
    ...collections.flatMap((one) => collectionEvents(one, pid)),
    ...growths.map(({ atMs, memoryBytes }) => counter('memory', atMs * MICROSECONDS, memoryBytes, pid)),
  ]
  // What encloses others comes before them.
  events.sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0))
  const kinds = KINDS.filter((kind) => collections.some(({ collection }) => collection.kind === kind))
  const names = [
    metadata('process_name', `heapwright: ${name}`, pid, NO_LINE),
    ...kinds.map((kind) => metadata('thread_name', LINE_NAMES[kind], pid, lineOf(kind))),
  ]
  return {
    traceEvents: [...names, ...events],
    displayTimeUnit: 'ms',
    otherData: { heapwright: VERSION, heap: name, dropped },
  }
}

const LINE_NAMES: Readonly<Record<CollectionKind, string>> = {
  full: 'full collections',
  compact: 'compactions',
  minor: 'minor collections',
  cycle: 'cycles in steps',
}

function lineOf(kind: CollectionKind): number {
  return KINDS.indexOf(kind) + 1
}

function collectionEvents({ madeMs, collection }: TimedCollection, pid: number): TraceEvent[] {
  const { kind, cause, phases, liveBytes, committedBefore, committedAfter } = collection
  const beganMs = madeMs + collection.atMs
  const ts = beganMs * MICROSECONDS
  const dur = (collection.spanMs ?? collection.ms) * MICROSECONDS
  const tid = lineOf(kind)
  const whole: TraceEvent = {
    name: `${kind} (${cause})`,
    ph: 'X',
    cat: 'collection',
    ts,
    dur,
    pid,
    tid,
    args: argumentsOf(collection),
  }
  // Those of a cycle are spread over its steps.
  const inside = kind === 'cycle' ? [] : phaseEvents(phases, whole)
  return [
    whole,
    ...inside,
    counter('committed', ts, committedBefore, pid),
    counter('committed', ts + dur, committedAfter, pid),
    counter('live', ts + dur, liveBytes, pid),
  ]
}

function phaseEvents(phases: Collection['phases'], whole: TraceEvent): TraceEvent[] {
  const end = whole.ts + (whole.dur ?? 0)
  let at = whole.ts
  return PHASES.flatMap((phase) => {
    const ms = phases[phase]
    if (ms === undefined) return []
    const ts = at
    // Sums of fractions may pass the end by a crumb.
    at = Math.min(ts + ms * MICROSECONDS, end)
    return [{ ...whole, name: phase, cat: 'phase', ts, dur: at - ts, args: {} }]
  })
}

/** All figures of a collection, phases in milliseconds. */
function argumentsOf({ phases, kind: _, atMs: __, ...figures }: Collection): TraceArguments {
  const times = Object.entries(phases).map(([phase, ms]) => [`${phase}Ms`, ms] as const)
  return { ...figures, ...Object.fromEntries(times) }
}

function counter(name: string, ts: number, bytes: number, pid: number): TraceEvent {
  return { name, ph: 'C', cat: 'bytes', ts, pid, tid: NO_LINE, args: { bytes } }
}

function metadata(name: string, value: string, pid: number, tid: number): TraceEvent {
  return { name, ph: 'M', ts: 0, pid, tid, args: { name: value } }
}

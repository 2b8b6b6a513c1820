/** What a report shows of a heap while a replay runs: memory over the run, and the heap at its peak. */

import type { Heap } from '../heap.js'
import type { BlockInfo, HeapStats } from '../types.js'
import type { Store } from './store.js'

/** Live and committed bytes over the events, cut into equal steps: column arrays of one length. */
export interface Timeline {
  /** Number of events behind each point. */
  readonly events: number[]
  /** Most live bytes (as requested) within the step that ends there. */
  readonly liveBytes: number[]
  /** Committed bytes where the step ends. */
  readonly committedBytes: number[]
}

/** Kinds of blocks, and objects. */
export const MAP_KINDS = ['small', 'run', 'huge', 'bump', 'pool', 'object'] as const satisfies readonly (
  | BlockInfo['kind']
  | 'object'
)[]

/** A live block of the trace, as a map shows it. */
export interface MapBlock {
  readonly address: number
  readonly usableBytes: number
  readonly kind: (typeof MAP_KINDS)[number]
}

/** Levels of `HeapMap.fill`, from an empty cell to a full one. */
export const MAP_FILL_LEVELS = 16
const MAP_CELLS_MAX = 4096
const MAP_CELL_BYTES_MIN = 4096

/** How full each cell of the heap's committed memory is with live blocks, in address order. */
export interface HeapMap {
  readonly cellBytes: number
  readonly extentBytes: number
  /** A hexadecimal digit per cell: 0 is empty, f is full. */
  readonly fill: string
  /** A digit per cell: index in `MAP_KINDS` of the kind that holds most of it; `-` where it is empty. */
  readonly kinds: string
  readonly blocks: number
  readonly usableBytes: number
}

/** The heap at the moment when live bytes were at their peak. */
export interface PeakSample {
  readonly event: number
  readonly stats: HeapStats
  readonly map: HeapMap
}

export function mapHeap(blocks: Iterable<MapBlock>, committedBytes: number): HeapMap {
  const found = Array.from(blocks)
  const first = found[0]?.address ?? 0
  const last = found[found.length - 1]
  const base = first < committedBytes ? 0 : first
  const extentBytes = Math.max(committedBytes, last === undefined ? 0 : last.address + last.usableBytes - base)
  let cellBytes = MAP_CELL_BYTES_MIN
  while (extentBytes / cellBytes > MAP_CELLS_MAX) cellBytes *= 2
  const cells = Math.ceil(extentBytes / cellBytes)
  const used = MAP_KINDS.map(() => new Float64Array(cells))
  let usableBytes = 0
  for (const block of found) {
    usableBytes += block.usableBytes
    spread(used[MAP_KINDS.indexOf(block.kind)] as Float64Array, block.address - base, block.usableBytes, cellBytes)
  }
  let fill = ''
  let kinds = ''
  for (let cell = 0; cell < cells; cell++) {
    const shares = used.map((bytes) => bytes[cell] as number)
    const total = shares.reduce((sum, bytes) => sum + bytes, 0)
    const level = total === 0 ? 0 : Math.max(1, Math.round((total / cellBytes) * (MAP_FILL_LEVELS - 1)))
    fill += Math.min(level, MAP_FILL_LEVELS - 1).toString(MAP_FILL_LEVELS)
    kinds += total === 0 ? '-' : shares.indexOf(Math.max(...shares)).toString()
  }
  return { cellBytes, extentBytes, fill, kinds, blocks: found.length, usableBytes }
}

/** Adds the bytes of `[offset, offset + bytes)` to the cells that they lie in. */
function spread(cells: Float64Array, offset: number, bytes: number, cellBytes: number): void {
  const end = offset + bytes
  for (let cell = Math.floor(offset / cellBytes); cell * cellBytes < end && cell < cells.length; cell++) {
    const from = Math.max(offset, cell * cellBytes)
    const to = Math.min(end, (cell + 1) * cellBytes)
    cells[cell] = (cells[cell] as number) + (to - from)
  }
}

export function samplePeak(heap: Heap, store: Store, event: number): PeakSample {
  const stats = heap.stats()
  return { event, stats, map: mapHeap(store.blocks(), stats.committedBytes) }
}

/** Collects a `Timeline`: `live` after every event, `close` where a step ends. */
export class TimelineRecorder {
  readonly timeline: Timeline = { events: [], liveBytes: [], committedBytes: [] }
  #most = 0

  live(bytes: number): void {
    if (bytes > this.#most) this.#most = bytes
  }

  close(events: number, liveBytes: number, committedBytes: number): void {
    this.timeline.events.push(events)
    this.timeline.liveBytes.push(this.#most)
    this.timeline.committedBytes.push(committedBytes)
    this.#most = liveBytes
  }
}

/**
 * What the report of replays hands to its script: one entry per replay, in the order in which the page shows them.
 * Types only; `PageMap` and `PageKind` are the live page's, too.
 */

export interface PageRun {
  /** Charts with the same group show one cursor. */
  readonly group: string
  /** Events in all, and in each step of the timeline but the last. */
  readonly events: number
  readonly step: number
  readonly liveBytes: readonly number[]
  readonly committedBytes: readonly number[]
  readonly map: PageMap
}

export interface PageMap {
  readonly cellBytes: number
  readonly extentBytes: number
  /** A hexadecimal digit per cell, 0 empty to f full. */
  readonly fill: string
  /** A digit of base 36 per cell: which of the page's kinds holds most of it; `-` where it is empty. */
  readonly kinds: string
  /** A letter per cell: what the rest of it is, see `MAP_RESTS`; left out where nobody asked. */
  readonly rests?: string
  /** Where the cells lie: first address and first cell of each stretch. Default: from address 0 on. */
  readonly stretches?: readonly PageStretch[]
}

/** Cells of memory that lie side by side. */
export interface PageStretch {
  readonly address: number
  readonly cell: number
}

/** What a cell can be full of: its colour is `--kind-name`. */
export interface PageKind {
  readonly name: string
  readonly text: string
}

export interface PageData {
  readonly kinds: readonly PageKind[]
  readonly runs: readonly PageRun[]
}

/** What the report hands to its script: one entry per replay, in the order in which the page shows them. Types only. */

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
  /** A digit per cell: which of `PageData.kinds` holds most of it; `-` where it is empty. */
  readonly kinds: string
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

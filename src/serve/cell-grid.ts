/**
 * A heap's memory cut into a few thousand cells, and what each is full of. Only what is held has cells: stretches of
 * held memory lie one behind the other, each begins a new cell. Costs nothing but an addition for each block and cell.
 */
import type { PageStretch } from '../page/page-data.js'
import { MAP_FILL_LEVELS } from '../replay/sample.js'
import type { HeldRange } from './held-ranges.js'

const CELLS_MAX = 4096
const CELL_BYTES_MIN = 4096
/** Kinds are digits of this base. */
const KINDS_MAX = 36

interface Stretch extends PageStretch {
  readonly end: number
}

export class CellGrid {
  readonly cellBytes: number
  readonly cells: number
  readonly extentBytes: number
  readonly #stretches: readonly Stretch[]
  readonly #used: Float64Array[] = []
  /** The stretch that the last address lay in: addresses mostly ascend. */
  #current = 0

  constructor(ranges: readonly HeldRange[]) {
    const merged = mergeRanges(ranges)
    this.extentBytes = merged.reduce((sum, { from, to }) => sum + to - from, 0)
    let cellBytes = CELL_BYTES_MIN
    while (this.extentBytes / cellBytes > CELLS_MAX) cellBytes *= 2
    this.cellBytes = cellBytes
    const stretches: Stretch[] = []
    let cell = 0
    for (const { from, to } of merged) {
      stretches.push({ address: from, end: to, cell })
      cell += Math.ceil((to - from) / cellBytes)
    }
    this.#stretches = stretches
    this.cells = cell
  }

  get stretches(): PageStretch[] {
    return this.#stretches.map(({ address, cell }) => ({ address, cell }))
  }

  /** A share of `[address, address + bytes)` is of a kind; what lies outside the cells is left out. */
  add(kind: number, address: number, bytes: number, share = 1): void {
    const stretch = this.#stretchOf(address)
    if (!stretch) return
    let used = this.#used[kind]
    if (!used) {
      used = new Float64Array(this.cells)
      this.#used[kind] = used
    }
    const end = Math.min(address + bytes, stretch.end)
    let from = address
    while (from < end) {
      const index = Math.floor((from - stretch.address) / this.cellBytes)
      const to = Math.min(end, stretch.address + (index + 1) * this.cellBytes)
      used[stretch.cell + index] = (used[stretch.cell + index] ?? 0) + (to - from) * share
      from = to
    }
  }

  /** The stretch that an address lies in: the last one again, the one behind it, or whichever it is. */
  #stretchOf(address: number): Stretch | undefined {
    for (const index of [this.#current, this.#current + 1]) {
      const near = this.#stretches[index]
      if (!near || address < near.address || address >= near.end) continue
      this.#current = index
      return near
    }
    const index = this.#stretches.findIndex((other) => address >= other.address && address < other.end)
    if (index < 0) return undefined
    this.#current = index
    return this.#stretches[index]
  }

  /** First address of each cell, in order. */
  *addresses(): IterableIterator<number> {
    for (const [i, stretch] of this.#stretches.entries()) {
      const end = this.#stretches[i + 1]?.cell ?? this.cells
      for (let cell = stretch.cell; cell < end; cell++) yield stretch.address + (cell - stretch.cell) * this.cellBytes
    }
  }

  usedBytes(cell: number): number {
    return this.#used.reduce((sum, used) => sum + (used[cell] ?? 0), 0)
  }

  /** Two texts with a digit for each cell: how full it is, and of which kind most of that is. */
  encode(): { readonly fill: string; readonly kinds: string } {
    let fill = ''
    let kinds = ''
    for (let cell = 0; cell < this.cells; cell++) {
      const total = this.usedBytes(cell)
      const level = total === 0 ? 0 : Math.max(1, Math.round((total / this.cellBytes) * (MAP_FILL_LEVELS - 1)))
      fill += Math.min(level, MAP_FILL_LEVELS - 1).toString(MAP_FILL_LEVELS)
      kinds += total === 0 ? '-' : this.#mostOf(cell).toString(KINDS_MAX)
    }
    return { fill, kinds }
  }

  #mostOf(cell: number): number {
    let most = 0
    this.#used.forEach((used, kind) => {
      if ((used[cell] ?? 0) > (this.#used[most]?.[cell] ?? 0)) most = kind
    })
    return most
  }
}

/** Ranges that touch become one. */
function mergeRanges(ranges: readonly HeldRange[]): { from: number; to: number }[] {
  const merged: { from: number; to: number }[] = []
  for (const { from, to } of ranges) {
    const last = merged.at(-1)
    if (last && from <= last.to) last.to = Math.max(last.to, to)
    else merged.push({ from, to })
  }
  return merged
}

/**
 * Draws a heap map on a canvas: one square for each cell, in the colour of what holds most of it, lighter where less of
 * it is in use. The cell under the pointer, or under the cursor that the arrow keys move, is told in words.
 */
import { formatBytes } from '../formats/units.js'
import type { PageKind, PageMap } from './page-data.js'
import { color, onSchemeChange } from './theme.js'

/** Side of a map cell and its distance to the next, in CSS pixels; smaller where the map is narrow. */
const CELL_PIXELS = 7
const CELL_PIXELS_NARROW = 4
const NARROW_PIXELS = 420
const CELL_GAP_PIXELS = 1
const FILL_FULL = 15
/** Least and most opacity of what is in use. */
const LIGHTEST = 0.2

/** What cells can have beside blocks: letter, colour and words. */
const RESTS: Readonly<Record<string, { readonly color: string; readonly text: string }>> = {
  f: { color: '--rest-free', text: 'free' },
  h: { color: '--rest-held', text: 'held, not in use' },
  o: { color: '--rest-owned', text: 'of an arena, a pool or the nursery' },
}

export class MapCanvas {
  readonly #canvas: HTMLCanvasElement
  readonly #readout: HTMLElement
  #map: PageMap | undefined
  #kinds: readonly PageKind[] = []
  #resting = ''
  #pitch = 1
  #columns = 1
  /** The cell that is told of; none while the pointer is elsewhere. */
  #cursor = -1

  constructor(canvas: HTMLCanvasElement, readout: HTMLElement) {
    this.#canvas = canvas
    this.#readout = readout
    new ResizeObserver(() => this.#draw()).observe(canvas.parentElement ?? canvas)
    onSchemeChange(() => this.#draw())
    canvas.addEventListener('pointermove', (event) => {
      const column = Math.floor(event.offsetX / this.#pitch)
      this.#point(column < this.#columns ? Math.floor(event.offsetY / this.#pitch) * this.#columns + column : -1)
    })
    canvas.addEventListener('pointerleave', () => this.#point(-1))
    canvas.addEventListener('blur', () => this.#point(-1))
    canvas.addEventListener('keydown', (event) => this.#onKey(event))
  }

  /** @param resting what is said while no cell is told of */
  show(map: PageMap, kinds: readonly PageKind[], resting: string): void {
    this.#map = map
    this.#kinds = kinds
    this.#resting = resting
    this.#draw()
    this.#point(this.#cursor)
  }

  #draw(): void {
    const map = this.#map
    if (!map) return
    const canvas = this.#canvas
    const width = canvas.parentElement?.clientWidth || NARROW_PIXELS
    const side = width < NARROW_PIXELS ? CELL_PIXELS_NARROW : CELL_PIXELS
    this.#pitch = side + CELL_GAP_PIXELS
    this.#columns = Math.max(1, Math.floor(width / this.#pitch))
    const rows = Math.ceil(map.fill.length / this.#columns)
    const ratio = window.devicePixelRatio || 1
    canvas.style.width = `${this.#columns * this.#pitch}px`
    canvas.style.height = `${rows * this.#pitch}px`
    canvas.width = Math.round(this.#columns * this.#pitch * ratio)
    canvas.height = Math.round(rows * this.#pitch * ratio)
    const context = canvas.getContext('2d')
    if (!context) return
    context.scale(ratio, ratio)
    this.#drawCells(context, map, side)
  }

  #drawCells(context: CanvasRenderingContext2D, map: PageMap, side: number): void {
    const empty = color('--cell')
    const rests = Object.fromEntries(Object.entries(RESTS).map(([letter, rest]) => [letter, color(rest.color)]))
    const colors = this.#kinds.map(({ name }) => color(`--kind-${name}`))
    for (let cell = 0; cell < map.fill.length; cell++) {
      const x = (cell % this.#columns) * this.#pitch
      const y = Math.floor(cell / this.#columns) * this.#pitch
      context.globalAlpha = 1
      context.fillStyle = rests[map.rests?.[cell] ?? ''] ?? empty
      context.fillRect(x, y, side, side)
      const fill = fillAt(map, cell)
      if (fill === 0) continue
      context.globalAlpha = LIGHTEST + (1 - LIGHTEST) * fill
      context.fillStyle = colors[kindAt(map, cell)] ?? empty
      context.fillRect(x, y, side, side)
    }
  }

  #onKey(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.#columns,
      ArrowDown: this.#columns,
    }
    const step = steps[event.key]
    if (step === undefined || !this.#map) return
    event.preventDefault()
    const cells = this.#map.fill.length
    this.#point(this.#cursor < 0 ? 0 : Math.min(Math.max(this.#cursor + step, 0), cells - 1))
  }

  #point(cell: number): void {
    const map = this.#map
    this.#cursor = map && cell < map.fill.length ? cell : -1
    const text = map && this.#cursor >= 0 ? describeCell(map, this.#cursor, this.#kinds) : this.#resting
    if (this.#readout.textContent !== text) this.#readout.textContent = text
  }
}

function fillAt(map: PageMap, cell: number): number {
  return Number.parseInt(map.fill[cell] ?? '0', 16) / FILL_FULL
}

function kindAt(map: PageMap, cell: number): number {
  return Number.parseInt(map.kinds[cell] ?? '', 36)
}

function describeCell(map: PageMap, cell: number, kinds: readonly PageKind[]): string {
  const start = `0x${addressOf(map, cell).toString(16).padStart(8, '0')}`
  const kind = kinds[kindAt(map, cell)]?.text
  const rest = RESTS[map.rests?.[cell] ?? '']?.text
  const what = kind === undefined ? (rest ?? 'not in use') : `${Math.round(fillAt(map, cell) * 100)} % in use, ${kind}`
  const other = kind !== undefined && rest !== undefined && fillAt(map, cell) < 1 ? `; the rest ${rest}` : ''
  return `${start} + ${formatBytes(map.cellBytes)}: ${what}${other}`
}

function addressOf({ stretches = [], cellBytes }: PageMap, cell: number): number {
  let from = { address: 0, cell: 0 }
  for (const stretch of stretches) {
    if (stretch.cell > cell) break
    from = stretch
  }
  return from.address + (cell - from.cell) * cellBytes
}

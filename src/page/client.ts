/**
 * The script of the report: draws the charts (uPlot) and the heap maps (canvas) from the page's JSON. Built on its own
 * by `scripts/build-page.mjs` and inlined; it imports types only. Without it the page still holds every figure as a
 * table.
 */

import type UPlotModule from 'uplot'
import type { PageData, PageKind, PageMap, PageRun } from './page-data.js'

declare const uPlot: typeof UPlotModule

const CHART_HEIGHT = 240
/** Side of a map cell and its distance to the next, in CSS pixels; smaller where the map is narrow. */
const CELL_PIXELS = 7
const CELL_PIXELS_NARROW = 4
const NARROW_PIXELS = 420
const CELL_GAP_PIXELS = 1
const FILL_FULL = 15
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB']

function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 99.95 || Number.isInteger(value) ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`
}

function formatEvents(count: number): string {
  if (count >= 1e6) return `${Number((count / 1e6).toFixed(2))} M`
  if (count >= 1e4) return `${Number((count / 1e3).toFixed(1))} k`
  return count.toLocaleString('en-US')
}

/** The value of a custom property of the style sheet, which knows of light and dark. */
function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

// ---- memory over the run ------------------------------------------------------------------------------------------

/** Ticks at powers of two times 1, so that they read 8 MiB and not 9.54 MiB. */
const BYTE_STEPS = Array.from({ length: 36 }, (_, power) => 2 ** power)

function chartOptions(run: PageRun, width: number): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
  }
  const value = (_: uPlot, raw: number | null) => (raw === null ? '' : formatBytes(raw))
  return {
    width,
    height: CHART_HEIGHT,
    cursor: { sync: { key: run.group }, points: { size: 7 } },
    legend: { live: true },
    // The legend names the lines; figures appear in it while the cursor is on a chart.
    hooks: { setLegend: [(plot) => plot.root.classList.toggle('reading', typeof plot.cursor.idx === 'number')] },
    scales: {
      x: { time: false, range: (_, _min, max) => [0, max] },
      y: { range: (_, _min, max) => [0, Math.max(max * 1.06, 1)] },
    },
    axes: [
      { ...axis, values: (_, splits) => splits.map(formatEvents), space: 70 },
      { ...axis, values: (_, splits) => splits.map(formatBytes), incrs: BYTE_STEPS, size: 72, space: 28 },
    ],
    series: [
      { label: 'after events', value: (_, raw) => (raw === null ? '' : formatEvents(raw)) },
      { label: 'committed', stroke: color('--committed'), width: 1.5, value, points: { show: false } },
      {
        label: 'live',
        stroke: color('--live'),
        fill: color('--live-fill'),
        width: 1.5,
        value,
        points: { show: false },
      },
    ],
  }
}

function drawChart(element: HTMLElement, run: PageRun): void {
  const events = run.liveBytes.map((_, i) => Math.min((i + 1) * run.step, run.events))
  // The run begins before its first event, with nothing live.
  const data: uPlot.AlignedData = [
    [0, ...events],
    [run.committedBytes[0] ?? 0, ...run.committedBytes],
    [0, ...run.liveBytes],
  ]
  let plot: uPlot | undefined
  const make = () => {
    plot?.destroy()
    plot = new uPlot(chartOptions(run, element.clientWidth), data, element)
  }
  make()
  new ResizeObserver(() => {
    if (plot && plot.width !== element.clientWidth) plot.setSize({ width: element.clientWidth, height: CHART_HEIGHT })
  }).observe(element)
  onSchemeChange(make)
}

// ---- the heap at its peak -------------------------------------------------------------------------------------------

function drawMap(canvas: HTMLCanvasElement, readout: HTMLElement, map: PageMap, kinds: readonly PageKind[]): void {
  let pitch = 1
  let columns = 1
  const draw = () => {
    const width = canvas.parentElement?.clientWidth ?? NARROW_PIXELS
    const side = width < NARROW_PIXELS ? CELL_PIXELS_NARROW : CELL_PIXELS
    pitch = side + CELL_GAP_PIXELS
    columns = Math.max(1, Math.floor(width / pitch))
    const rows = Math.ceil(map.fill.length / columns)
    const ratio = window.devicePixelRatio || 1
    canvas.style.width = `${columns * pitch}px`
    canvas.style.height = `${rows * pitch}px`
    canvas.width = Math.round(columns * pitch * ratio)
    canvas.height = Math.round(rows * pitch * ratio)
    const context = canvas.getContext('2d')
    if (!context) return
    context.scale(ratio, ratio)
    const empty = color('--cell')
    const colors = kinds.map(({ name }) => color(`--kind-${name}`))
    for (let cell = 0; cell < map.fill.length; cell++) {
      const x = (cell % columns) * pitch
      const y = Math.floor(cell / columns) * pitch
      context.globalAlpha = 1
      context.fillStyle = empty
      context.fillRect(x, y, side, side)
      const fill = fillAt(map, cell)
      if (fill === 0) continue
      context.globalAlpha = 0.2 + 0.8 * fill
      context.fillStyle = colors[Number(map.kinds[cell])] ?? empty
      context.fillRect(x, y, side, side)
    }
  }
  draw()
  new ResizeObserver(draw).observe(canvas.parentElement ?? canvas)
  onSchemeChange(draw)

  const resting = readout.textContent
  canvas.addEventListener('pointermove', (event) => {
    const cell = Math.floor(event.offsetY / pitch) * columns + Math.floor(event.offsetX / pitch)
    readout.textContent = cell < map.fill.length ? describeCell(map, cell, kinds) : resting
  })
  canvas.addEventListener('pointerleave', () => {
    readout.textContent = resting
  })
}

function fillAt(map: PageMap, cell: number): number {
  return Number.parseInt(map.fill[cell] ?? '0', 16) / FILL_FULL
}

function describeCell(map: PageMap, cell: number, kinds: readonly PageKind[]): string {
  const start = `0x${(cell * map.cellBytes).toString(16).padStart(8, '0')}`
  const kind = kinds[Number(map.kinds[cell])]?.text
  const what = kind === undefined ? 'not in use' : `${Math.round(fillAt(map, cell) * 100)} % in use, ${kind}`
  return `${start} + ${formatBytes(map.cellBytes)}: ${what}`
}

// ---- the page -------------------------------------------------------------------------------------------------------

function onSchemeChange(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
}

function runOf(data: PageData, element: HTMLElement): PageRun | undefined {
  return data.runs[Number(element.dataset.run)]
}

const data: PageData = JSON.parse(document.getElementById('data')?.textContent ?? '{"runs":[]}')

for (const element of document.querySelectorAll<HTMLElement>('.chart')) {
  const run = runOf(data, element)
  if (run) drawChart(element, run)
}
for (const canvas of document.querySelectorAll<HTMLCanvasElement>('canvas.map')) {
  const run = runOf(data, canvas)
  const readout = canvas.closest('figure')?.querySelector<HTMLElement>('.readout')
  if (run && readout) drawMap(canvas, readout, run.map, data.kinds)
}

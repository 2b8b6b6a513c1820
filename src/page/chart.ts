/**
 * What all charts of the pages have in common: axes in the colours of the style sheet, and charts that fit their place.
 */
import type UPlotModule from 'uplot'
import { formatBytes } from '../formats/units.js'
import { color, onSchemeChange } from './theme.js'

declare const uPlot: typeof UPlotModule

export const CHART_HEIGHT = 240
/** Ticks at powers of two times 1, so that they read 8 MiB and not 9.54 MiB. */
const BYTE_STEPS = Array.from({ length: 36 }, (_, power) => 2 ** power)

export function axisOf(more: uPlot.Axis): uPlot.Axis {
  return {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
    ...more,
  }
}

export function byteAxis(): uPlot.Axis {
  return axisOf({ values: (_, splits) => splits.map(formatBytes), incrs: BYTE_STEPS, size: 72, space: 28 })
}

/** A scale from 0 to a little more than the most. */
export const FROM_ZERO: uPlot.Scale = { range: (_, _min, max) => [0, Math.max(max * 1.06, 1)] }

/** The legend names the lines; figures appear in it while the cursor is on a chart. */
export const READING_LEGEND: uPlot.Hooks.Arrays = {
  setLegend: [(plot) => plot.root.classList.toggle('reading', typeof plot.cursor.idx === 'number')],
}

function byteValue(_: uPlot, raw: number | null): string {
  return raw === null ? '' : formatBytes(raw)
}

/** A line of bytes; filled below when `fill` names a colour. */
export function byteLine(label: string, stroke: string, fill?: string): uPlot.Series {
  return {
    label,
    stroke: color(stroke),
    ...(fill !== undefined && { fill: color(fill) }),
    width: 1.5,
    value: byteValue,
    points: { show: false },
  }
}

/** A chart that is made again when the colours change, and follows the width of its element. */
export class Chart {
  readonly #element: HTMLElement
  readonly #options: (width: number) => uPlot.Options
  #data: uPlot.AlignedData
  #plot: uPlot

  constructor(element: HTMLElement, options: (width: number) => uPlot.Options, data: uPlot.AlignedData) {
    this.#element = element
    this.#options = options
    this.#data = data
    this.#plot = this.#make()
    new ResizeObserver(() => {
      const width = element.clientWidth
      if (width > 0 && this.#plot.width !== width) this.#plot.setSize({ width, height: CHART_HEIGHT })
    }).observe(element)
    onSchemeChange(() => {
      this.#plot.destroy()
      this.#plot = this.#make()
    })
  }

  #make(): uPlot {
    return new uPlot(this.#options(this.#element.clientWidth), this.#data, this.#element)
  }

  show(data: uPlot.AlignedData): void {
    this.#data = data
    this.#plot.setData(data)
  }
}

/**
 * The script of the report of replays: draws the charts (uPlot) and the heap maps (canvas) from the page's JSON. Bundled
 * by `scripts/build-page.mjs` and inlined. Without it the page still holds every figure as a table.
 */

import type UPlotModule from 'uplot'
import { axisOf, byteAxis, byteLine, CHART_HEIGHT, Chart, FROM_ZERO, READING_LEGEND } from './chart.js'
import { MapCanvas } from './draw-map.js'
import type { PageData, PageRun } from './page-data.js'

type Options = UPlotModule.Options
type AlignedData = UPlotModule.AlignedData

function formatEvents(count: number): string {
  if (count >= 1e6) return `${Number((count / 1e6).toFixed(2))} M`
  if (count >= 1e4) return `${Number((count / 1e3).toFixed(1))} k`
  return count.toLocaleString('en-US')
}

function chartOptions(run: PageRun, width: number): Options {
  return {
    width,
    height: CHART_HEIGHT,
    cursor: { sync: { key: run.group }, points: { size: 7 } },
    legend: { live: true },
    hooks: READING_LEGEND,
    scales: { x: { time: false, range: (_, _min, max) => [0, max] }, y: FROM_ZERO },
    axes: [axisOf({ values: (_, splits) => splits.map(formatEvents), space: 70 }), byteAxis()],
    series: [
      { label: 'after events', value: (_, raw) => (raw === null ? '' : formatEvents(raw)) },
      byteLine('committed', '--committed'),
      byteLine('live', '--live', '--live-fill'),
    ],
  }
}

function drawChart(element: HTMLElement, run: PageRun): void {
  const events = run.liveBytes.map((_, i) => Math.min((i + 1) * run.step, run.events))
  // The run begins before its first event, with nothing live.
  const data: AlignedData = [
    [0, ...events],
    [run.committedBytes[0] ?? 0, ...run.committedBytes],
    [0, ...run.liveBytes],
  ]
  new Chart(element, (width) => chartOptions(run, width), data)
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
  if (run && readout) new MapCanvas(canvas, readout).show(run.map, data.kinds, readout.textContent ?? '')
}

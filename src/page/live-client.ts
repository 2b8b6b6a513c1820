/**
 * The script of the live page: draws the charts (uPlot) and the heap map (canvas) from the page's JSON, and where there
 * is a server follows its stream. Bundled by `scripts/build-page.mjs` and inlined.
 *
 * What arrives is drawn at most once for each frame, and not at all while the page is paused or out of sight. When the
 * stream breaks off the last picture stays, and the stream is tried again; when another program answers then, its page
 * is loaded.
 */

import type UPlotModule from 'uplot'
import { axisOf, byteAxis, byteLine, CHART_HEIGHT, Chart, FROM_ZERO, READING_LEGEND } from './chart.js'
import { MapCanvas } from './draw-map.js'
import type { LiveCollection, LiveEnd, LiveHistory, LivePage, LivePicture, LiveState } from './live-data.js'
import { clock, describeMap, describeTimeline, GAP_MS, PARTS } from './live-sections.js'
import { LIVE_EVENTS, type LiveEventName, updateState } from './live-update.js'
import { color } from './theme.js'

type Options = UPlotModule.Options
type AlignedData = UPlotModule.AlignedData

declare const uPlot: typeof UPlotModule

/** After so long another try, when there is no stream any more. */
const RETRY_MS = 1000

const page: LivePage = JSON.parse(document.getElementById('data')?.textContent ?? '')
let state: LiveState = page.state

function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no element '${id}'`)
  return element
}

// ---- charts --------------------------------------------------------------------------------------------------------

/** Seconds between ticks: no finer than a clock tells. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400]

function timeAxis(): UPlotModule.Axis {
  return axisOf({ values: (_, splits) => splits.map((seconds) => clock(seconds * 1000)), incrs: TIME_STEPS, space: 90 })
}

const timeLabel = (_: UPlotModule, seconds: number | null) => (seconds === null ? '' : clock(seconds * 1000))

function timelineOptions(width: number): Options {
  return {
    width,
    height: CHART_HEIGHT,
    cursor: { points: { size: 7 } },
    hooks: READING_LEGEND,
    scales: { x: { time: true }, y: FROM_ZERO },
    axes: [timeAxis(), byteAxis()],
    series: [
      { label: 'at', value: timeLabel },
      byteLine('committed', '--committed'),
      byteLine('in use', '--live', '--live-fill'),
    ],
  }
}

function timelineData({ atMs, inUseBytes, committedBytes }: LiveHistory): AlignedData {
  const seconds: number[] = []
  const committed: (number | null)[] = []
  const inUse: (number | null)[] = []
  atMs.forEach((at, i) => {
    const before = atMs[i - 1]
    if (before !== undefined && at - before > GAP_MS) {
      seconds.push((before + 1) / 1000)
      committed.push(null)
      inUse.push(null)
    }
    seconds.push(at / 1000)
    committed.push(committedBytes[i] ?? null)
    inUse.push(inUseBytes[i] ?? null)
  })
  return [seconds, committed, inUse]
}

/** Kinds of collections and their colours. */
const COLLECTION_KINDS = [
  ['full', '--kind-run'],
  ['compact', '--kind-huge'],
  ['minor', '--kind-small'],
  ['cycle', '--kind-bump'],
] as const

function pauseOptions(width: number): Options {
  const value = (_: UPlotModule, ms: number | null) => (ms === null ? '' : `${ms.toFixed(3)} ms`)
  return {
    width,
    height: CHART_HEIGHT,
    hooks: READING_LEGEND,
    scales: { x: { time: true }, y: { range: (_, _min, max) => [0, Math.max(max * 1.06, 0.001)] } },
    axes: [timeAxis(), axisOf({ values: (_, splits) => splits.map((ms) => `${ms} ms`), size: 72 })],
    series: [
      { label: 'at', value: timeLabel },
      ...COLLECTION_KINDS.map(([label, name]) => ({
        label,
        value,
        stroke: color(name),
        paths: () => null,
        points: { show: true, size: 6, fill: color(name) },
      })),
    ],
  }
}

function pauseData(madeAtMs: number, recent: readonly LiveCollection[]): AlignedData {
  const rows = [...recent].sort((a, b) => a.atMs - b.atMs)
  return [
    rows.map(({ atMs }) => (madeAtMs + atMs) / 1000),
    ...COLLECTION_KINDS.map(([kind]) => rows.map((row) => (row.kind === kind ? row.ms : null))),
  ]
}

// ---- drawing -------------------------------------------------------------------------------------------------------

/** None in a report that has nothing to draw there. */
const timelinePlace = document.getElementById('timeline')
const timeline = timelinePlace && new Chart(timelinePlace, timelineOptions, timelineData(state.history))
const pauseChart = new Chart(byId('pause-chart'), pauseOptions, pauseData(0, []))
const map = new MapCanvas(byId('map') as HTMLCanvasElement, byId('readout'))
const shown = new Map<string, string>()
let shownPicture: LivePicture | undefined

function draw(): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-part]')) drawPart(element)
  timeline?.show(timelineData(state.history))
  timelinePlace?.setAttribute('aria-label', describeTimeline(state))
  const { figures, picture } = state
  if (figures) byId('read').textContent = `read at ${clock(figures.atMs)}`
  const pauses = figures?.pauses
  byId('pause-chart').hidden = !pauses || pauses.recent.length === 0
  if (pauses) pauseChart.show(pauseData(pauses.madeAtMs, pauses.recent))
  if (picture && picture !== shownPicture) {
    shownPicture = picture
    const resting = describeMap(picture.map)
    map.show(picture.map, picture.map.names, `${resting} As of ${clock(picture.atMs)}.`)
    byId('map').setAttribute('aria-label', `Heap map. ${resting}`)
  }
}

/** What reads the same is left alone, and with it what somebody has selected there. */
function drawPart(element: HTMLElement): void {
  const name = element.dataset.part ?? ''
  const text = PARTS[name]?.(state).text
  if (text === undefined || shown.get(name) === text) return
  shown.set(name, text)
  // Where the focus is on a table that scrolls, it stays on the new one.
  const hadFocus = element.contains(document.activeElement)
  const scrolled = element.querySelector('.scroll')?.scrollLeft ?? 0
  element.innerHTML = text
  const region = element.querySelector<HTMLElement>('.scroll')
  if (region && scrolled > 0) region.scrollLeft = scrolled
  if (region && hadFocus) region.focus({ preventScroll: true })
}

// ---- following -----------------------------------------------------------------------------------------------------

let isPaused = false
let isDue = false

function drawSoon(): void {
  if (isDue || isPaused) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    if (!isPaused) draw()
  })
}

function say(text: string, mood: 'live' | 'resting' | 'ended'): void {
  const status = byId('status')
  status.dataset.mood = mood
  if (status.textContent !== text) status.textContent = text
}

function sayWhatIs(): void {
  const { end } = state
  if (end) say(describeEnd(end), 'ended')
  else if (isPaused) say('Paused: the page does not change until you resume.', 'resting')
  else say('Live.', 'live')
}

function describeEnd({ reason, atMs, message }: LiveEnd): string {
  if (reason === 'closed') return `The heap was closed at ${clock(atMs)}. This is the last that was seen of it.`
  return `Since ${clock(atMs)} the heap cannot be read: ${message}. This is the last that was seen of it.`
}

/** What to do with each event of the stream. */
function follow(stream: EventSource): void {
  const take = <Name extends LiveEventName>(name: Name) =>
    stream.addEventListener(name, (event) => {
      const next = updateState(state, name, JSON.parse((event as MessageEvent<string>).data))
      // Another program: its page may be another one, too.
      if (next.heap.instance !== state.heap.instance) return location.reload()
      state = next
      if (name === 'state' || name === 'end') sayWhatIs()
      drawSoon()
    })
  for (const name of LIVE_EVENTS) take(name)
}

function connect(): void {
  const stream = new EventSource('/events')
  follow(stream)
  stream.onerror = () => {
    if (!state.end) {
      const seen = state.figures ? ` This is how it was at ${clock(state.figures.atMs)}.` : ''
      say(`No answer: the program has ended, or has stopped serving.${seen} Trying again.`, 'ended')
    }
    // Some errors end the stream for good; the others are tried again by the browser.
    if (stream.readyState !== EventSource.CLOSED) return
    setTimeout(connect, RETRY_MS)
  }
}

function command(name: string): void {
  byId('done').textContent = `${name}: …`
  const headers = { 'x-heapwright-token': page.token ?? '' }
  fetch(`/${name}`, { method: 'POST', headers })
    .then(async (answer) => `${name}: ${answer.ok ? describeDone(await answer.json()) : await answer.text()}`)
    .catch(() => `${name}: no answer`)
    .then((text) => {
      byId('done').textContent = text
    })
}

function describeDone(result: Readonly<Record<string, number | boolean | string>>): string {
  return Object.entries(result)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? formatFigure(value) : value}`)
    .join(', ')
}

function formatFigure(figure: number): string {
  return Number(figure.toFixed(3)).toLocaleString('en-US')
}

draw()
if (page.follows) {
  byId('pause').addEventListener('click', () => {
    isPaused = !isPaused
    byId('pause').setAttribute('aria-pressed', String(isPaused))
    byId('pause').textContent = isPaused ? 'Resume' : 'Pause'
    sayWhatIs()
    drawSoon()
  })
  for (const button of document.querySelectorAll<HTMLElement>('[data-command]')) {
    button.addEventListener('click', () => command(button.dataset.command ?? ''))
  }
  connect()
}

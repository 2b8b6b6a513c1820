/**
 * The report of replays as one HTML file that needs nothing else: no network, no server. Every figure stands in a
 * table; the inlined script (`client.ts`) adds charts and heap maps. Names of traces are text from outside: all text
 * goes through `html`, all data through `embeddedJson`, and the page's policy lets no script run but its own two.
 */

import { traceName } from '../formats/event-list.js'
import { formatCount, formatSeconds, formatShare } from '../formats/units.js'
import { formatFragmentation, NEVER_RESET, type Replay, type ReplayResult } from '../replay/replay.js'
import { type HeapMap, MAP_FILL_LEVELS, MAP_KINDS } from '../replay/sample.js'
import { formatBytes } from '../sizes.js'
import type { HeapStats } from '../types.js'
import { CLIENT_JS } from './assets.generated.js'
import { policyFor, renderDocument } from './document.js'
import { type Html, html } from './html.js'
import type { PageData, PageRun } from './page-data.js'
import { accounting, classTable, freeRunTable, percent, rangeOf, scroll, usedClasses } from './parts.js'

export interface ReportTrace {
  /** The trace's file. */
  readonly name: string
  /** At least one replay, each in another mode. */
  readonly runs: readonly Replay[]
}

export interface ReportInput {
  readonly traces: readonly ReportTrace[]
  /** What failed; shown at the top. */
  readonly errors: readonly string[]
  /** What was left out. */
  readonly notes?: readonly string[]
  readonly created: Date
  /** Machine and runtime, for the reader of the times. */
  readonly environment: string
  /** The limit asked for, as given. */
  readonly limit: string | undefined
}

/** The whole document. */
export function renderReport(input: ReportInput): string {
  const { traces, errors, notes = [], created, environment, limit } = input
  const first = firstRuns(traces)
  const body = html`<header>
<h1>Heapwright replay</h1>
<p class="muted">${created.toISOString().slice(0, 16).replace('T', ' ')} UTC · ${environment}${limit === undefined ? '' : ` · limit ${limit}`}</p>
${traces.length > 1 ? contents(traces) : ''}
</header>
<main>
${errors.length > 0 ? failures('What failed', errors) : ''}
${traces.length > 0 ? figures(traces, notes) : ''}
${traces.map((trace, i) => traceSection(trace, i, first[i] ?? 0))}
</main>`
  return renderDocument({
    title: `Heapwright replay: ${traces.map((trace) => traceName(trace.name)).join(', ')}`,
    generator: 'heapwright replay',
    policy: policyFor('replay'),
    body,
    data: pageData(traces),
    script: CLIENT_JS,
  })
}

/** Number of the first run of each trace, counted over the page. */
function firstRuns(traces: readonly ReportTrace[]): number[] {
  let next = 0
  return traces.map((trace) => {
    const first = next
    next += trace.runs.length
    return first
  })
}

function pageData(traces: readonly ReportTrace[]): PageData {
  const runs = traces.flatMap((trace, i) => trace.runs.map((run) => pageRun(run, `trace-${i}`)))
  return { kinds: MAP_KINDS.map((name) => ({ name, text: kindText(name) })), runs }
}

function pageRun({ result, timeline, peak }: Replay, group: string): PageRun {
  const { cellBytes, extentBytes, fill, kinds } = peak.map
  return {
    group,
    events: result.events,
    step: timeline.events[0] ?? result.events,
    liveBytes: timeline.liveBytes,
    committedBytes: timeline.committedBytes,
    map: { cellBytes, extentBytes, fill, kinds },
  }
}

function contents(traces: readonly ReportTrace[]): Html {
  const items = traces.map((trace, i) => html`<li><a href="#trace-${i}">${traceName(trace.name)}</a></li>`)
  return html`<nav aria-label="Traces"><ul>${items}</ul></nav>`
}

function failures(title: string, reasons: readonly string[]): Html {
  return html`<div class="card failures"><h2>${title}</h2><ul>${reasons.map((reason) => html`<li>${reason}</li>`)}</ul></div>`
}

// ---- figures ------------------------------------------------------------------------------------------------------

interface Figure {
  readonly head: string
  readonly cell: (run: Replay) => Html | string
}

const FIGURES: readonly Figure[] = [
  { head: 'Mode', cell: ({ result }) => result.mode },
  { head: 'Checks', cell: formatChecks },
  { head: 'Events', cell: ({ result }) => formatCount(result.events) },
  { head: 'Per event', cell: ({ result }) => formatSeconds(result.nsPerEvent / 1e9) },
  { head: 'Live peak', cell: ({ result }) => formatBytes(result.livePeakBytes) },
  { head: 'Committed then', cell: ({ peak }) => formatBytes(peak.stats.committedBytes) },
  { head: 'Fragmentation', cell: ({ result }) => formatFragmentation(result) },
  { head: 'Committed peak', cell: ({ result }) => formatBytes(result.committedPeakBytes) },
  { head: 'Peak blocks', cell: ({ result }) => formatCount(result.livePeakBlocks) },
  {
    head: 'Failed',
    cell: ({ result }) => (result.failed === 0 ? '0' : html`<span class="bad">${formatCount(result.failed)}</span>`),
  },
  { head: 'Skipped', cell: ({ result }) => formatCount(result.skipped) },
  { head: 'Left', cell: ({ result }) => formatBytes(result.endLiveBytes) },
]
/** Shown once a mode collects. */
const COLLECTIONS: Figure = { head: 'Collections', cell: ({ result }) => formatCollections(result) }

function formatChecks({ result, faults }: Replay): Html {
  if (result.verified) return html`<span class="good">passed</span>`
  return faults.length > 0 ? html`<span class="bad">failed</span>` : html`<span class="muted">not made</span>`
}

/** How many, and their pauses. */
function formatCollections({ collections, pauses }: ReplayResult): string {
  if (pauses.count === 0) return formatCount(collections)
  const [median, most] = [pauses.p50Ms, pauses.maxMs].map((ms) => formatSeconds(ms / 1e3))
  return `${formatCount(collections)}: ${median}, at most ${most}`
}

/** What cells of the heap map are full of. */
function kindText(kind: (typeof MAP_KINDS)[number]): string {
  return kind === 'object' ? 'objects' : `${kind} blocks`
}

function figures(traces: readonly ReportTrace[], notes: readonly string[]): Html {
  const runs = traces.flatMap((trace) => trace.runs)
  const columns = runs.some(({ result }) => result.collections > 0) ? [...FIGURES, COLLECTIONS] : FIGURES
  // The head of its column goes with each cell: where there is no room for columns, a row becomes a list.
  const rows = traces.flatMap((trace) =>
    trace.runs.map(
      (run) =>
        html`<tr><th scope="row">${traceName(trace.name)}</th>${columns.map(({ head, cell }) => html`<td data-head="${head}">${cell(run)}</td>`)}</tr>`,
    ),
  )
  return html`<section class="card" aria-labelledby="figures"><h2 id="figures">Figures</h2>
<p class="muted">Live bytes are as the program requested them. Fragmentation: committed then over live peak, both at the moment when live bytes were at their peak. Committed peak: the most at any moment. Failed: ran out of memory. Skipped: lines of the trace that are no events. Left: live at the end.</p>
${runs.some(({ result }) => result.mode === 'compiler') ? html`<p class="muted">Mode <code>compiler</code>: ${NEVER_RESET}</p>` : ''}
${notes.map((note) => html`<p class="muted">${note}</p>`)}
${scroll(
  'All figures',
  html`<table class="figures"><thead><tr><th scope="col" class="left">Trace</th>${columns.map(({ head }) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table>`,
)}</section>`
}

// ---- one trace ------------------------------------------------------------------------------------------------------

function traceSection(trace: ReportTrace, index: number, firstRun: number): Html {
  const result = trace.runs[0]?.result
  if (result === undefined) return html``
  const summary = `${formatCount(result.allocs)} allocations, ${formatCount(result.frees)} frees, ${formatCount(result.reallocs)} reallocs`
  return html`<section aria-labelledby="trace-${index}">
<h2 id="trace-${index}">${traceName(trace.name)}</h2>
<p class="muted">${summary} · <code>${trace.name}</code></p>
<div class="runs">${trace.runs.map((run, i) => runCard(run, firstRun + i))}</div>
${sizeTable(trace)}
</section>
`
}

function runCard(run: Replay, id: number): Html {
  const { result, faults } = run
  return html`<article class="card" aria-labelledby="run-${id}">
<h3 id="run-${id}"><code>${result.mode}</code></h3>
<dl class="facts">
<div><dt>per event</dt><dd>${formatSeconds(result.nsPerEvent / 1e9)}</dd></div>
<div><dt>live peak</dt><dd>${formatBytes(result.livePeakBytes)}</dd></div>
<div><dt>committed then</dt><dd>${formatBytes(run.peak.stats.committedBytes)}</dd></div>
<div><dt>fragmentation</dt><dd>${formatFragmentation(result)}</dd></div>
<div><dt>committed peak</dt><dd>${formatBytes(result.committedPeakBytes)}</dd></div>
${result.collections > 0 ? html`<div><dt>collections</dt><dd>${formatCollections(result)}</dd></div>` : ''}
</dl>
${faults.length > 0 ? failures('Checks that did not pass', faults) : ''}
${timelineFigure(run, id)}
${mapFigure(run, id)}
${peakBytes(run.peak)}
${sizeClasses(run.peak.stats)}
</article>
`
}

const TIMELINE_TABLE_ROWS = 10

function timelineFigure({ result, timeline }: Replay, id: number): Html {
  const label =
    `Chart: memory over ${formatCount(result.events)} events. Live bytes peak at ${formatBytes(result.livePeakBytes)} and end at ` +
    `${formatBytes(result.endLiveBytes)}; committed bytes peak at ${formatBytes(result.committedPeakBytes)}.`
  const points = timeline.events.length
  const rows: Html[] = []
  for (let row = 1; row <= Math.min(TIMELINE_TABLE_ROWS, points); row++) {
    const at = Math.ceil((points * row) / Math.min(TIMELINE_TABLE_ROWS, points)) - 1
    rows.push(
      html`<tr><th scope="row">${formatCount(timeline.events[at] ?? 0)}</th><td>${formatBytes(timeline.liveBytes[at] ?? 0)}</td><td>${formatBytes(timeline.committedBytes[at] ?? 0)}</td></tr>`,
    )
  }
  return html`<h4>Memory over the run</h4>
<figure><div class="chart" data-run="${id}" role="img" aria-label="${label}"></div></figure>
<details><summary>As a table</summary>${scroll(
    'Memory over the run',
    html`<table><thead><tr><th scope="col" class="left">After events</th><th scope="col">Live</th><th scope="col">Committed</th></tr></thead><tbody>${rows}</tbody></table>`,
  )}</details>
`
}

function mapFigure({ peak }: Replay, id: number): Html {
  const { map } = peak
  const kinds = MAP_KINDS.map((kind, i) => ({ kind, cells: countOf(map.kinds, String(i)) })).filter(
    ({ cells }) => cells > 0,
  )
  const inUse = formatShare(map.extentBytes === 0 ? 0 : map.usableBytes / map.extentBytes)
  const resting = `${formatCount(map.blocks)} blocks hold ${inUse} of ${formatBytes(map.extentBytes)}; a cell is ${formatBytes(map.cellBytes)}.`
  return html`<h4>Heap map at the live peak (after event ${formatCount(peak.event)})</h4>
<figure><div><canvas class="map" data-run="${id}" role="img" aria-label="Heap map. ${resting}"></canvas></div>
<ul class="legend">${kinds.map(({ kind }) => html`<li><i style="background:var(--kind-${kind})"></i>${kindText(kind)}</li>`)}${lighterCells(kinds)}<li><i style="background:var(--cell)"></i>not in use</li></ul>
<figcaption class="muted readout">${resting}</figcaption></figure>
<details><summary>As a table</summary>${scroll('Heap map', mapTable(map, kinds))}</details>
`
}

interface MapKindCount {
  readonly kind: (typeof MAP_KINDS)[number]
  readonly cells: number
}

/** What a lighter cell means, in the colour that the map has most of. */
function lighterCells(kinds: readonly MapKindCount[]): Html {
  const [most] = [...kinds].sort((a, b) => b.cells - a.cells)
  if (most === undefined) return html``
  return html`<li><i class="ramp" style="--from:var(--kind-${most.kind})"></i>lighter: less of the cell in use</li>`
}

function mapTable(map: HeapMap, kinds: readonly MapKindCount[]): Html {
  const fills = Array.from(map.fill, (digit) => Number.parseInt(digit, MAP_FILL_LEVELS) / (MAP_FILL_LEVELS - 1))
  const rows: [string, number][] = [
    ['empty', fills.filter((fill) => fill === 0).length],
    ['under half in use', fills.filter((fill) => fill > 0 && fill < 0.5).length],
    ['half in use or more', fills.filter((fill) => fill >= 0.5 && fill < 1).length],
    ['full', fills.filter((fill) => fill === 1).length],
    ...kinds.map(({ kind, cells }): [string, number] => [`mostly ${kindText(kind)}`, cells]),
  ]
  return html`<table><thead><tr><th scope="col" class="left">Cells of ${formatBytes(map.cellBytes)}</th><th scope="col">Count</th><th scope="col">Share</th></tr></thead>
<tbody>${rows.map(([what, cells]) => html`<tr><th scope="row">${what}</th><td>${formatCount(cells)}</td><td>${formatShare(fills.length === 0 ? 0 : cells / fills.length)}</td></tr>`)}</tbody></table>`
}

function countOf(text: string, character: string): number {
  return text.split(character).length - 1
}

// ---- bytes at the peak ----------------------------------------------------------------------------------------------

function peakBytes({ stats }: Replay['peak']): Html {
  return html`<h4>${formatBytes(stats.committedBytes)} committed at the live peak</h4>
${accounting(stats)}${freeRuns(stats)}
`
}

function freeRuns(stats: HeapStats): Html {
  if (stats.freeRuns === 0) return html``
  return html`<details><summary>Free runs at the live peak (${formatCount(stats.freeRuns)}, the largest ${formatBytes(stats.largestFreeRunBytes)})</summary>${scroll('Free runs', freeRunTable(stats))}</details>
`
}

function sizeClasses({ classes }: HeapStats): Html {
  const used = usedClasses(classes)
  if (used.length === 0) return html``
  return html`<details><summary>Size classes at the live peak (${used.length} in use)</summary><p class="muted">Reachable: the share of a full-grown page of the class that user bytes can reach.</p>${scroll('Size classes', classTable(classes))}</details>
`
}

// ---- sizes ----------------------------------------------------------------------------------------------------------

function sizeTable(trace: ReportTrace): Html {
  const sizes = trace.runs[0]?.sizes ?? []
  const most = Math.max(1, ...sizes.map((bucket) => bucket.requests))
  const mostBytes = Math.max(1, ...sizes.map((bucket) => bucket.peakBytes))
  const rows = sizes.map(
    (bucket) =>
      html`<tr><th scope="row">${rangeOf(bucket.fromBytes, bucket.toBytes)}</th><td class="bar" style="--share:${percent(bucket.requests / most)}">${formatCount(bucket.requests)}</td><td>${formatCount(bucket.peakBlocks)}</td><td class="bar" style="--share:${percent(bucket.peakBytes / mostBytes)}">${formatBytes(bucket.peakBytes)}</td></tr>`,
  )
  return html`<div class="card"><h3>Sizes requested</h3>
<p class="muted">Bars compare the rows of a column.</p>
${scroll(
  'Sizes requested',
  html`<table><thead><tr><th scope="col" class="left">Bytes</th><th scope="col">Requests</th><th scope="col">Live blocks at the live peak</th><th scope="col">Live bytes at the live peak</th></tr></thead><tbody>${rows}</tbody></table>`,
)}</div>`
}

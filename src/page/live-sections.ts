/**
 * What the live page says in words and tables, from the state of a heap. The server renders these parts once and the
 * page's script again with every update, so that both show the same; all text goes through `html`.
 */
import { formatBytes, formatCount, formatSeconds, formatShare } from '../formats/units.js'
import type { DurationFigures } from '../objects/histogram.js'
import { type Html, html } from './html.js'
import type { LiveCollection, LiveMap, LivePressure, LiveState, LiveTenant } from './live-data.js'
import { accounting, classTable, freeRunTable, headRow, percent, scroll, usedClasses } from './parts.js'

const FILL_FULL = 15
/** Without a point for so long the line over time is interrupted: nobody looked. */
export const GAP_MS = 5000
const TIMELINE_ROWS = 10
const RECENT_ROWS = 16
const NOTHING = html`<p class="muted">Nothing was read of this heap.</p>`

/** A part of the page by the name in its `data-part`. */
export const PARTS: Readonly<Record<string, (state: LiveState) => Html>> = {
  pressure,
  facts,
  accounting: ({ figures }) => (figures ? accounting(figures.stats) : NOTHING),
  'timeline-table': timelineTable,
  legend: ({ picture }) => (picture ? legend(picture.map) : html``),
  'map-table': ({ picture }) => (picture ? mapTable(picture.map) : html``),
  pauses,
  'pause-tables': pauseTables,
  tenants,
  classes,
  'free-runs': freeRuns,
  types,
}

export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB')
}

// ---- figures -------------------------------------------------------------------------------------------------------

function pressure({ figures }: LiveState): Html {
  return figures ? pressureBar(figures.pressure) : html``
}

function pressureBar({ level, usage, usedBytes, limitBytes }: LivePressure): Html {
  return html`<div class="meter" role="meter" aria-label="Pressure" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(usage * 100)}" aria-valuetext="${level}, ${formatShare(usage)}"><i class="level-${level}" style="width:${percent(Math.min(1, usage))}"></i></div>
<p>Pressure <strong class="level-${level}">${level}</strong>: ${formatBytes(usedBytes)} of ${formatBytes(limitBytes)} (${formatShare(usage)})</p>`
}

function facts({ figures, picture }: LiveState): Html {
  if (!figures) return NOTHING
  const { stats } = figures
  const hasObjects = figures.pauses !== undefined || stats.liveObjects > 0
  const rows: [string, string][] = [
    ['in use', formatBytes(stats.inUseBytes)],
    ['committed', formatBytes(stats.committedBytes)],
    ['committed peak', formatBytes(stats.committedPeakBytes)],
    ['limit', formatBytes(stats.limitBytes)],
    ['blocks', formatCount(stats.liveBlocks)],
    ...(hasObjects ? [['objects', formatCount(picture?.map.objects ?? stats.liveObjects)] as [string, string]] : []),
    ['committed / in use', stats.fragmentation === 0 ? '–' : stats.fragmentation.toFixed(2)],
    ['growths', formatCount(stats.grows)],
  ]
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

/** What the chart of memory over time shows, in one sentence. */
export function describeTimeline({ figures }: LiveState): string {
  if (!figures) return 'Chart: nothing was read.'
  const { inUseBytes, committedBytes } = figures.stats
  return `Chart: bytes in use, now ${formatBytes(inUseBytes)}, and committed, now ${formatBytes(committedBytes)}.`
}

/** Whether two looks at the heap followed each other closely enough for a line between them. */
export function hasLine({ history: { atMs } }: LiveState): boolean {
  return atMs.some((at, i) => i > 0 && at - (atMs[i - 1] as number) <= GAP_MS)
}

function timelineTable({ history: { atMs, inUseBytes, committedBytes } }: LiveState): Html {
  const points = atMs.length
  const count = Math.min(TIMELINE_ROWS, points)
  const rows = Array.from({ length: count }, (_, row) => {
    const at = Math.ceil((points * (row + 1)) / count) - 1
    return html`<tr><th scope="row">${clock(atMs[at] ?? 0)}</th><td>${formatBytes(inUseBytes[at] ?? 0)}</td><td>${formatBytes(committedBytes[at] ?? 0)}</td></tr>`
  })
  return html`<table>${headRow(['Time', 'In use', 'Committed'])}<tbody>${rows}</tbody></table>`
}

// ---- map -----------------------------------------------------------------------------------------------------------

const REST_LEGEND: readonly { readonly letter: string; readonly color: string; readonly text: string }[] = [
  { letter: 'h', color: '--rest-held', text: 'held, not in use' },
  { letter: 'o', color: '--rest-owned', text: 'arenas, pools, nursery' },
  { letter: 'f', color: '--rest-free', text: 'free' },
]

/** What the map shows in one sentence. */
export function describeMap({ blocks, objects, extentBytes, cellBytes }: LiveMap): string {
  const what =
    objects > 0 ? `${formatCount(blocks)} blocks and ${formatCount(objects)} objects` : `${formatCount(blocks)} blocks`
  return `${what} in ${formatBytes(extentBytes)}; a cell is ${formatBytes(cellBytes)}.`
}

function legend(map: LiveMap): Html {
  const kinds = map.names.filter((_, i) => map.kinds.includes(i.toString(36)))
  const rests = REST_LEGEND.filter(({ letter }) => map.rests?.includes(letter))
  return html`<ul class="legend">${kinds.map(({ name, text }) => html`<li><i style="background:var(--kind-${name})"></i>${text}</li>`)}${rests.map(({ color, text }) => html`<li><i style="background:var(${color})"></i>${text}</li>`)}</ul>`
}

function mapTable(map: LiveMap): Html {
  const fills = Array.from(map.fill, (digit) => Number.parseInt(digit, 16) / FILL_FULL)
  const cells = Math.max(1, fills.length)
  const rows: [string, number][] = [
    ['empty', fills.filter((fill) => fill === 0).length],
    ['under half in use', fills.filter((fill) => fill > 0 && fill < 0.5).length],
    ['half in use or more', fills.filter((fill) => fill >= 0.5 && fill < 1).length],
    ['full', fills.filter((fill) => fill === 1).length],
  ]
  map.names.forEach(({ text }, i) => {
    const count = map.kinds.split(i.toString(36)).length - 1
    if (count > 0) rows.push([`mostly ${text}`, count])
  })
  return html`<table>${headRow([`Cells of ${formatBytes(map.cellBytes)}`, 'Count', 'Share'])}<tbody>${rows.map(([what, count]) => html`<tr><th scope="row">${what}</th><td>${formatCount(count)}</td><td>${formatShare(count / cells)}</td></tr>`)}</tbody></table>`
}

// ---- pauses --------------------------------------------------------------------------------------------------------

function pauses({ figures }: LiveState): Html {
  const found = figures?.pauses
  if (!found || found.all.count === 0) return html`<p class="muted">No collection so far.</p>`
  const { all, goal } = found
  const rows: [string, string][] = [
    ['pauses', formatCount(all.count)],
    ['in all', formatMs(all.totalMs)],
    ['half at most', formatMs(all.p50Ms)],
    ['99 of 100 at most', formatMs(all.p99Ms)],
    ['longest', formatMs(all.maxMs)],
    ...(goal ? [[`goal of ${goal.goalMs} ms kept`, formatShare(goal.kept)] as [string, string]] : []),
  ]
  return html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function pauseTables({ figures }: LiveState): Html {
  const found = figures?.pauses
  if (!found || found.all.count === 0) return html``
  const kinds = found.kinds.map(
    (kind) =>
      html`<tr><th scope="row">${kind.kind}</th>${durationCells(kind)}<td>${formatBytes(kind.freedBytes)}</td></tr>`,
  )
  const most = Math.max(...found.histogram.map(({ count }) => count))
  const lengths = found.histogram.map(
    ({ fromMs, toMs, count }) =>
      html`<tr><th scope="row">${formatMs(fromMs)} – ${formatMs(toMs)}</th><td class="bar" style="--share:${percent(count / most)}">${formatCount(count)}</td></tr>`,
  )
  const recent = found.recent.slice(-RECENT_ROWS).reverse().map(recentRow)
  return html`<table>${headRow(['Kind', 'Pauses', 'In all', 'Median', '99 %', 'Longest', 'Freed'])}<tbody>${kinds}</tbody></table>
<h3>Pauses by length</h3>
<table>${headRow(['Length', 'Pauses'])}<tbody>${lengths}</tbody></table>
<h3>The last collections</h3>
<table>${headRow(['Number', 'Kind', 'Cause', 'Took', 'Freed', 'Live', 'Moved'])}<tbody>${recent}</tbody></table>`
}

function durationCells({ count, totalMs, p50Ms, p99Ms, maxMs }: DurationFigures): Html {
  return html`<td>${formatCount(count)}</td><td>${formatMs(totalMs)}</td><td>${formatMs(p50Ms)}</td><td>${formatMs(p99Ms)}</td><td>${formatMs(maxMs)}</td>`
}

function recentRow({ number, kind, cause, ms, freedBytes, liveBytes, movedObjects }: LiveCollection): Html {
  return html`<tr><th scope="row">${formatCount(number)}</th><td>${kind}</td><td>${cause}</td><td>${formatMs(ms)}</td><td>${formatBytes(freedBytes)}</td><td>${formatBytes(liveBytes)}</td><td>${formatCount(movedObjects)}</td></tr>`
}

function formatMs(ms: number): string {
  return ms === 0 ? '0 s' : formatSeconds(ms / 1000)
}

// ---- tenants, sizes, types -----------------------------------------------------------------------------------------

const TENANT_HEADS = ['Tenant', 'Held', 'Used', 'Peak', 'Max', 'High', 'Low', 'Min', 'Blocks', 'Events', 'Pressure']

function tenants({ picture }: LiveState): Html {
  if (!picture || picture.tenants.length === 0) return html`<p class="muted">No tenants.</p>`
  return html`${scroll('Tenants', html`<table class="figures">${headRow(TENANT_HEADS)}<tbody>${picture.tenants.map(tenantRow)}</tbody></table>`)}${more(picture.moreTenants, 'tenants')}`
}

function tenantRow(tenant: LiveTenant): Html {
  const { id, heldBytes, usedBytes, peakBytes, max, high, low, min, blocks, events, level, kind } = tenant
  const told = Object.entries(events).filter(([, count]) => count > 0)
  const colour = kind === undefined ? html`` : html`<i class="swatch" style="background:var(--kind-${kind})"></i>`
  const sizes = [heldBytes, usedBytes, peakBytes, max, high, low, min]
  const cells = [
    ...sizes.map((bytes) => (bytes === undefined ? '–' : formatBytes(bytes))),
    formatCount(blocks),
    told.map(([name, count]) => `${name} ${formatCount(count)}`).join(', ') || '–',
  ]
  // The head of its column goes with each cell: where there is no room for columns, a row becomes a list.
  const [, ...heads] = TENANT_HEADS
  return html`<tr><th scope="row">${colour}${id}</th>${cells.map((cell, i) => html`<td data-head="${heads[i] ?? ''}">${cell}</td>`)}<td data-head="Pressure" class="level-${level}">${level}</td></tr>`
}

function classes({ figures }: LiveState): Html {
  if (!figures || usedClasses(figures.stats.classes).length === 0) return html`<p class="muted">No small blocks.</p>`
  return scroll('Size classes', classTable(figures.stats.classes))
}

function freeRuns({ figures }: LiveState): Html {
  if (!figures || figures.stats.freeRuns === 0) return html`<p class="muted">No free runs.</p>`
  const { freeRuns: runs, largestFreeRunBytes } = figures.stats
  return html`<p class="muted">${formatCount(runs)} free runs; the largest has ${formatBytes(largestFreeRunBytes)}.</p>${scroll('Free runs', freeRunTable(figures.stats))}`
}

function types({ picture }: LiveState): Html {
  const rows = picture?.types ?? []
  if (!picture || rows.length === 0) return html`<p class="muted">No objects.</p>`
  const most = Math.max(...rows.map(({ bytes }) => bytes))
  const counts = rows.some(({ allocated }) => allocated > 0)
  const body = rows.map(
    ({ type, live, bytes, allocated }) =>
      html`<tr><th scope="row">${type}</th><td>${formatCount(live)}</td><td class="bar" style="--share:${percent(bytes / most)}">${formatBytes(bytes)}</td>${counts ? html`<td>${formatCount(allocated)}</td>` : ''}</tr>`,
  )
  const heads = ['Type', 'Objects', 'Bytes', ...(counts ? ['Ever made'] : [])]
  return html`${scroll('Types', html`<table>${headRow(heads)}<tbody>${body}</tbody></table>`)}${more(picture.moreTypes, 'types')}`
}

function more(count: number, what: string): Html {
  return count === 0 ? html`` : html`<p class="muted">and ${formatCount(count)} more ${what}</p>`
}

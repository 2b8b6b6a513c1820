/**
 * The live page of a heap as one document, and the same as a report that follows nothing: every figure stands in a
 * table; the inlined script (`live-client.ts`) adds charts and the map, and with a server the updates.
 */
import { LIVE_JS } from './assets.generated.js'
import { policyFor, renderDocument } from './document.js'
import { type Html, html } from './html.js'
import type { LivePage, LiveState } from './live-data.js'
import { clock, describeMap, describeTimeline, hasLine, PARTS } from './live-sections.js'
import { scroll } from './parts.js'

export function renderLivePage(page: LivePage): string {
  const { state, follows = false, token } = page
  return renderDocument({
    title: `${state.heap.name} – Heapwright`,
    generator: 'heapwright',
    policy: policyFor('live', follows),
    isServed: follows,
    body: html`${header(state, follows, token !== undefined)}
<main>
${overview(state)}
${timeline(state, follows)}
${map(state)}
${pauses(state)}
${card('tenants', 'Tenants', part(state, 'tenants'))}
${card('types', 'Types', part(state, 'types'))}
${card('classes', 'Size classes', html`<p class="muted">Reachable: the share of a full-grown page of the class that user bytes can reach.</p>${part(state, 'classes')}`)}
${card('runs', 'Free runs', part(state, 'free-runs'))}
</main>`,
    data: page,
    script: LIVE_JS,
  })
}

function header({ heap, figures, end }: LiveState, follows: boolean, hasCommands: boolean): Html {
  const read = figures ? `${new Date(figures.atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC` : 'never'
  const what = end?.reason === 'closed' ? ' The heap was closed.' : ''
  return html`<header>
<h1>Heap <span class="name">${heap.name}</span></h1>
<p class="muted">mode <code>${heap.mode}</code> · <span id="read">read at ${read}</span></p>
<p id="status" class="status" role="status">${follows ? `As it was when the page was sent.${what}` : `A report: it does not change.${what}`}</p>
${follows ? controls(hasCommands) : ''}
</header>`
}

function controls(hasCommands: boolean): Html {
  const commands = html`<button type="button" data-command="collect">Collect</button> <button type="button" data-command="trim">Trim</button>`
  return html`<p class="controls"><button type="button" id="pause" aria-pressed="false">Pause</button> ${hasCommands ? commands : ''} <a href="/report.html" download="heap-report.html">Save a report</a></p>
<p id="done" class="muted" role="status"></p>`
}

/** A part that updates replace. */
function part(state: LiveState, name: string): Html {
  return html`<div data-part="${name}">${PARTS[name]?.(state) ?? ''}</div>`
}

function card(id: string, title: string, content: Html): Html {
  return html`<section class="card" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${content}
</section>`
}

function overview(state: LiveState): Html {
  return card('memory', 'Memory', html`${part(state, 'pressure')}${part(state, 'facts')}${part(state, 'accounting')}`)
}

/** A report without a line says why; a page that follows the heap draws one soon. */
function timeline(state: LiveState, follows: boolean): Html {
  const chart = html`<figure><div class="chart" id="timeline" role="img" aria-label="${describeTimeline(state)}"></div></figure>`
  const words = html`<p class="muted">Nobody watched this heap before the report was made, so there is no line to draw. A heap that <code>heap.serve()</code> shows is watched while its page is open.</p>`
  const content = html`${follows || hasLine(state) ? chart : words}
<details><summary>As a table</summary>${scroll('Memory over time', part(state, 'timeline-table'))}</details>`
  return card('time', 'Memory over time', content)
}

function map(state: LiveState): Html {
  const { picture } = state
  const resting = picture ? describeMap(picture.map) : 'Nothing was read.'
  const when = picture ? ` As of ${clock(picture.atMs)}.` : ''
  const content = html`<figure><div><canvas class="map" id="map" role="img" tabindex="0" aria-label="Heap map. ${resting}" aria-describedby="readout"></canvas></div>
${part(state, 'legend')}
<figcaption class="muted readout" id="readout">${resting}${when}</figcaption></figure>
<p class="muted">Lighter: less of the cell is in use. The arrow keys go from cell to cell.</p>
<details><summary>As a table</summary>${scroll('Heap map', part(state, 'map-table'))}</details>`
  return card('where', 'Heap map', content)
}

function pauses(state: LiveState): Html {
  const content = html`${part(state, 'pauses')}
<figure><div class="chart" id="pause-chart" role="img" aria-label="Chart: how long the last collections took."></div></figure>
<details><summary>As tables</summary>${scroll('Pauses', part(state, 'pause-tables'))}</details>`
  return card('stops', 'Pauses', content)
}

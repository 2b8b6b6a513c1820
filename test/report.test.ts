/**
 * Goal: the HTML report is one file that needs no network, holds every figure as text, and lets no name of a trace
 * become markup or script. Method: the document as text, for one replay with an innocent and one with a hostile name.
 * What it looks like in a browser is checked elsewhere. A failure means a report that leaks, breaks or runs what it
 * should show.
 */

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readMtrace } from '../src/formats/mtrace.js'
import { embeddedJson, html } from '../src/page/html.js'
import type { PageData } from '../src/page/page-data.js'
import { type ReportInput, renderReport } from '../src/page/report.js'
import { type Replay, replay } from '../src/replay/replay.js'

const TEXT = `${Array.from({ length: 3000 }, (_, i) => `+ 0x${i + 1}0 0x${(i % 700).toString(16)}`).join('\n')}\n- 0x10\n`
const HOSTILE = `/tmp/</script><script>alert(1)</script><img src=x onerror="alert('2')">&amp;.mtrace`

function replayNamed(name: string): Replay[] {
  const events = readMtrace(new TextEncoder().encode(TEXT), name)
  return [replay(events, { mode: 'manual', repeats: 1 }), replay(events, { mode: 'compiler', repeats: 1 })]
}

function reportOf(input: Partial<ReportInput>): string {
  return renderReport({
    traces: [{ name: 'traces/a.mtrace.gz', runs: replayNamed('traces/a.mtrace.gz') }],
    errors: [],
    created: new Date(Date.UTC(2026, 0, 2, 3, 4)),
    environment: 'Node, test',
    limit: undefined,
    ...input,
  })
}

/** The attribute values of all elements; the scripts and styles left out. */
function markupOf(document: string): string {
  return document.replace(/<script[^>]*>[\s\S]*?<\/script>/g, '').replace(/<style>[\s\S]*?<\/style>/g, '')
}

function matches(text: string, pattern: RegExp): string[] {
  return Array.from(text.matchAll(pattern), (match) => match[1] ?? '')
}

const plain = reportOf({})

describe('the document', () => {
  it('refers to nothing outside itself', () => {
    const markup = markupOf(plain)
    expect(matches(markup, /\s(?:src|srcset|data|poster|action)="([^"]*)"/g)).toEqual([])
    expect(matches(markup, /\shref="([^"]*)"/g).filter((target) => !target.startsWith('#'))).toEqual([])
    expect(markup).not.toMatch(/<(?:link|iframe|object|embed|base|form)\b/)
    expect(plain).not.toMatch(/@import|url\(/)
    expect(plain).toContain('default-src &#39;none&#39;')
  })

  it('runs no script but its own, by hash', () => {
    const policy = matches(plain, /http-equiv="Content-Security-Policy" content="([^"]*)"/g)[0]?.replaceAll(
      '&#39;',
      "'",
    )
    const scripts = matches(plain, /<script(?: type="module")?>([\s\S]*?)<\/script>/g)
    expect(scripts).toHaveLength(2)
    const hashes = scripts.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`)
    expect(policy).toMatch(new RegExp(`script-src ${hashes.join(' ').replace(/[+/]/g, '\\$&')}$`))
    expect(policy).not.toContain('unsafe-eval')
  })

  it('has a language, a title, a viewport, one h1, and headings in order', () => {
    expect(plain).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(plain).toContain('<title>Heapwright replay: a</title>')
    expect(plain).toContain('name="viewport"')
    const levels = matches(markupOf(plain), /<h([1-6])\b/g).map(Number)
    expect(levels.filter((level) => level === 1)).toHaveLength(1)
    levels.forEach((level, i) => {
      expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1)
    })
  })

  it('names every picture and every region, and refers only to what is there', () => {
    const markup = markupOf(plain)
    const ids = matches(markup, /\sid="([^"]*)"/g)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of matches(markup, /\saria-labelledby="([^"]*)"/g)) expect(ids).toContain(id)
    for (const element of matches(markup, /(<[^>]*role="(?:img|region)"[^>]*>)/g))
      expect(element).toMatch(/aria-label="[^"]+"/)
    expect(matches(markup, /(<canvas[^>]*>)/g)).toHaveLength(2)
  })

  it('has every figure as text, also without script', () => {
    const { result } = replayNamed('a')[0] as Replay
    const markup = markupOf(plain)
    expect(markup).toContain(`<td data-head="Events">${result.events.toLocaleString('en-US')}</td>`)
    expect(markup).toContain('<td data-head="Checks"><span class="good">passed</span></td>')
    expect(markup).toContain('2026-01-02 03:04 UTC')
    expect(matches(markup, /(<summary>As a table<\/summary>)/g)).toHaveLength(4)
    expect(markup).toContain('Size classes at the live peak')
    expect(markup).toContain('Free runs at the live peak')
    expect(matches(markup, /(<h4>[^<]* committed at the live peak<\/h4>)/g)).toHaveLength(2)
    expect(markup).toContain('Sizes requested')
  })

  it('says which peak each figure is of, and what mode compiler must be read with', () => {
    const { result, peak } = replayNamed('a')[0] as Replay
    const markup = markupOf(plain)
    const headsOf = (text: string) => matches(text, /<th scope="col"[^>]*>([^<]*)<\/th>/g)
    const heads = headsOf(markup.slice(0, markup.indexOf('</thead>')))
    expect(heads.slice(0, 3)).toEqual(['Trace', 'Mode', 'Checks'])
    expect(heads).not.toContain('Collections')
    for (const head of heads.slice(1)) expect(markup).toContain(`<td data-head="${head}">`)
    expect(peak.stats.committedBytes / result.livePeakBytes).toBe(result.fragmentationAtPeak)
    for (const name of ['live peak', 'committed then', 'committed peak']) expect(markup).toContain(`<dt>${name}</dt>`)
    expect(markup).toContain('never reset the heap')
    expect(markup).toContain('lighter: less of the cell in use')
    const manual = { name: 'a', runs: replayNamed('a').slice(0, 1) }
    expect(reportOf({ traces: [manual] })).not.toContain('never reset the heap')
  })

  it('tells checks that were left out from checks that failed', () => {
    const events = readMtrace(new TextEncoder().encode(TEXT), 'a')
    const run = replay(events, { mode: 'manual', repeats: 1, verify: false })
    const cell = (runs: Replay[]) =>
      matches(reportOf({ traces: [{ name: 'a', runs }] }), /<td data-head="Checks"><span[^>]*>([^<]*)</g)
    expect(cell([run])).toEqual(['not made'])
    expect(cell([{ ...run, faults: ['a fault'] }])).toEqual(['failed'])
  })

  it('holds the data of its charts: no more points than a screen shows', () => {
    const data: PageData = JSON.parse(
      matches(plain, /<script type="application\/json" id="data">([\s\S]*?)<\/script>/g)[0] ?? '',
    )
    expect(data.runs).toHaveLength(2)
    for (const run of data.runs) {
      expect(run.liveBytes.length).toBeLessThanOrEqual(1000)
      expect(run.committedBytes).toHaveLength(run.liveBytes.length)
      expect(run.step * run.liveBytes.length).toBeGreaterThanOrEqual(run.events)
      expect(run.map.kinds).toHaveLength(run.map.fill.length)
    }
    expect(data.runs.map((run) => run.group)).toEqual(['trace-0', 'trace-0'])
  })
})

describe('text from outside', () => {
  it('is shown and not run', () => {
    const document = reportOf({
      traces: [{ name: HOSTILE, runs: replayNamed(HOSTILE) }],
      errors: [`${HOSTILE}: there is no such file`],
      environment: HOSTILE,
      limit: HOSTILE,
    })
    expect(document).not.toMatch(/<img/i)
    expect(document).not.toContain('<script>alert')
    expect(matches(document, /(<script)/g)).toHaveLength(3)
    expect(document).toContain('&lt;img src=x onerror=&quot;alert(&#39;2&#39;)&quot;&gt;&amp;amp;')
  })

  it('cannot end the element of the data', () => {
    const text = embeddedJson({ name: HOSTILE, other: '<!-- <script>' }).text
    expect(text).not.toContain('<')
    expect(JSON.parse(text)).toEqual({ name: HOSTILE, other: '<!-- <script>' })
  })

  it('is escaped as text and as an attribute', () => {
    expect(html`<a title="${'"\'<>&'}">${'<b>'}</a>${html`<i>`}${[html`1`, html`2`]}${3}`.text).toBe(
      '<a title="&quot;&#39;&lt;&gt;&amp;">&lt;b&gt;</a><i>123',
    )
  })
})

describe('failures', () => {
  it('stand at the top', () => {
    const document = reportOf({ traces: [], errors: ['x.gz: it is a directory, not a file'] })
    expect(document).toContain('<h2>What failed</h2><ul><li>x.gz: it is a directory, not a file</li></ul>')
  })

  it('of checks stand with their replay', () => {
    const [run] = replayNamed('a')
    const failed = { ...(run as Replay), faults: ['after event 3: the heap is broken'] }
    const document = reportOf({ traces: [{ name: 'a', runs: [failed] }] })
    expect(document).toContain('<li>after event 3: the heap is broken</li>')
  })
})

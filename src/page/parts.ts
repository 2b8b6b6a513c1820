/** Parts that both pages are made of: tables that scroll, bytes by what they are, free runs, size classes. */
import { formatBytes, formatCount, formatShare } from '../formats/units.js'
import type { HeapStats, SizeClassStats } from '../types.js'
import { type Html, html } from './html.js'

/** A wide table that scrolls within itself, also by keyboard. */
export function scroll(label: string, content: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${content}</div>`
}

/** The head row of a table whose first column is text. */
export function headRow(heads: readonly string[]): Html {
  const [first = '', ...others] = heads
  return html`<thead><tr><th scope="col" class="left">${first}</th>${others.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>`
}

/** Committed bytes by what they are, as a bar and in words: the four add up. */
export function accounting(stats: HeapStats): Html {
  const parts = [
    { name: 'in use', color: '--live', bytes: stats.inUseBytes },
    { name: 'held, not in use', color: '--held', bytes: stats.unusedBytes },
    { name: 'free', color: '--cell', bytes: stats.freeBytes },
    { name: 'metadata', color: '--muted', bytes: stats.metadataBytes },
  ]
  const shareOf = (bytes: number) => bytes / Math.max(1, stats.committedBytes)
  return html`<div class="stack" aria-hidden="true">${parts.map(({ color, bytes }) => html`<i style="width:${percent(shareOf(bytes))};background:var(${color})"></i>`)}</div>
<ul class="legend">${parts.map(({ name, color, bytes }) => html`<li><i style="background:var(${color})"></i>${name} ${formatBytes(bytes)} (${formatShare(shareOf(bytes))})</li>`)}</ul>
`
}

/** Free runs by length; nothing where there is none. */
export function freeRunTable(stats: HeapStats): Html {
  const runs = stats.freeRunHistogram
    .map((count, power) => ({ from: 2 ** power, count }))
    .filter(({ count }) => count > 0)
  if (runs.length === 0) return html``
  const most = Math.max(...runs.map(({ count }) => count))
  const rows = runs.map(
    ({ from, count }) =>
      html`<tr><th scope="row">${rangeOf(from, 2 * from - 1)}</th><td class="bar" style="--share:${percent(count / most)}">${formatCount(count)}</td></tr>`,
  )
  return html`<table>${headRow(['Bytes', 'Free runs'])}<tbody>${rows}</tbody></table>`
}

export function usedClasses(classes: readonly SizeClassStats[]): SizeClassStats[] {
  return classes.filter((row) => row.pages > 0)
}

const CLASS_HEADS = ['Block', 'Pages', 'Slots', 'Used', 'Share used', 'Free', 'Tails', 'Reachable']

/** The size classes that have pages. */
export function classTable(classes: readonly SizeClassStats[]): Html {
  const rows = usedClasses(classes).map((row) => {
    const share = row.slots === 0 ? 0 : row.used / row.slots
    return html`<tr><th scope="row">${formatCount(row.blockBytes)} B</th><td>${formatCount(row.pages)}</td><td>${formatCount(row.slots)}</td><td>${formatCount(row.used)}</td><td class="bar" style="--share:${percent(share)}">${formatShare(share)}</td><td>${formatBytes((row.slots - row.used) * row.blockBytes)}</td><td>${formatBytes(row.tailBytes)}</td><td>${formatShare(row.reachable)}</td></tr>`
  })
  return html`<table>${headRow(CLASS_HEADS)}<tbody>${rows}</tbody></table>`
}

export function rangeOf(from: number, to: number): string {
  if (from === to) return formatCount(from)
  return from < 1024 ? `${from} – ${to}` : `${formatBytes(from)} – ${formatBytes(to + 1)}`
}

/** A share for a style sheet. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`
}

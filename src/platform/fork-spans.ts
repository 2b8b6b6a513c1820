/**
 * Lists of spans of a memory, ascending and apart from each other: unions, differences, intersections, in one pass
 * each. An extent is a span that one layer is mapped over.
 */
import { joinSpan, type PageSpan } from './fork-calls.js'

/** What of `spans` lies in none of `without`. */
export function subtractSpans(spans: readonly PageSpan[], without: readonly PageSpan[]): PageSpan[] {
  const left: PageSpan[] = []
  let index = 0
  for (const { from, to } of spans) {
    let at = from
    while (index > 0 && (without[index - 1] as PageSpan).to > from) index--
    for (; index < without.length && (without[index] as PageSpan).from < to; index++) {
      const hole = without[index] as PageSpan
      if (hole.to <= at) continue
      if (hole.from > at) joinSpan(left, at, hole.from)
      at = hole.to
    }
    if (at < to) joinSpan(left, at, to)
  }
  return left
}

/** What lies in both. */
export function intersectSpans(a: readonly PageSpan[], b: readonly PageSpan[]): PageSpan[] {
  const common: PageSpan[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [one, other] = [a[i] as PageSpan, b[j] as PageSpan]
    const from = Math.max(one.from, other.from)
    const to = Math.min(one.to, other.to)
    if (from < to) joinSpan(common, from, to)
    if (one.to < other.to) i++
    else j++
  }
  return common
}

/** What lies in either. */
export function uniteSpans(...lists: readonly (readonly PageSpan[])[]): PageSpan[] {
  const all = lists.flat().sort((a, b) => a.from - b.from)
  const united: PageSpan[] = []
  for (const { from, to } of all) {
    const last = united.at(-1)
    if (last && from <= last.to) united[united.length - 1] = { from: last.from, to: Math.max(last.to, to) }
    else united.push({ from, to })
  }
  return united
}

export function bytesOf(spans: readonly PageSpan[]): number {
  return spans.reduce((sum, { from, to }) => sum + to - from, 0)
}

/**
 * The metrics of heaps in Prometheus' text format, version 0.0.4, as a scrape wants them:
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * Names and labels are those of OpenTelemetry with underscores, the unit and, of counters, `_total` behind them, as
 * OpenTelemetry's own exporter makes them: `heapwright.memory.used` in bytes is `heapwright_memory_used_bytes`.
 */
import type { MetricAttributes, MetricHistogram } from './samples.js'
import { familiesOf, heapsOf, type MeasuredHeaps, type MetricFamily } from './several.js'
import type { MetricDescription } from './table.js'

/** The `Content-Type` of `prometheusText`. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const UNIT_SUFFIXES: Readonly<Record<string, string>> = { By: '_bytes', s: '_seconds', '1': '_ratio' }

/** A line of a metric: `name` differs from the metric's in histograms. */
export interface PrometheusSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export function prometheusName({ name, unit, instrument }: MetricDescription): string {
  const total = instrument === 'counter' ? '_total' : ''
  return `${underscored(name)}${UNIT_SUFFIXES[unit] ?? ''}${total}`
}

export function prometheusType({ instrument }: MetricDescription): 'counter' | 'gauge' | 'histogram' {
  return instrument === 'updowncounter' ? 'gauge' : instrument
}

/** The lines of a metric, in the order that the format asks for. */
export function prometheusSamples({ description, samples }: MetricFamily): PrometheusSample[] {
  const name = prometheusName(description)
  return samples.flatMap(({ attributes, value, histogram }) => {
    const labels = labelsOf(attributes)
    return histogram ? histogramSamples(name, labels, histogram) : [{ name, labels, value }]
  })
}

/**
 * The metrics of heaps and their tenants as one text. Closed heaps are left out.
 *
 * @throws ArgumentError for what is no heap
 * @example
 * response.setHeader('Content-Type', PROMETHEUS_CONTENT_TYPE).end(prometheusText([heap]))
 */
export function prometheusText(heaps: MeasuredHeaps): string {
  return familiesOf(heapsOf(heaps)).map(familyText).join('')
}

function familyText(family: MetricFamily): string {
  const { description } = family
  const name = prometheusName(description)
  const lines = prometheusSamples(family).map((sample) => `${sample.name}${labelText(sample.labels)} ${sample.value}`)
  return [
    `# HELP ${name} ${escaped(description.meaning)}`,
    `# TYPE ${name} ${prometheusType(description)}`,
    ...lines,
    '',
  ].join('\n')
}

/** Each bucket counts all that are no longer than its `le`. */
function histogramSamples(
  name: string,
  labels: PrometheusSample['labels'],
  { bounds, counts, count, sum }: MetricHistogram,
): PrometheusSample[] {
  let seen = 0
  const buckets = bounds.map((bound, index) => {
    seen += counts[index] ?? 0
    return { name: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: seen }
  })
  return [
    ...buckets,
    { name: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { name: `${name}_sum`, labels, value: sum },
    { name: `${name}_count`, labels, value: count },
  ]
}

function underscored(name: string): string {
  return name.replaceAll('.', '_')
}

function labelsOf(attributes: MetricAttributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [underscored(name), value]))
}

function labelText(labels: PrometheusSample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
  return `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

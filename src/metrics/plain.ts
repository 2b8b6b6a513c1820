/** The metrics of heaps as plain data, for `JSON.stringify`, and as text for people. */
import { formatBytes } from '../sizes.js'
import { alignColumns } from '../text-table.js'
import type { MetricAttributes, MetricHistogram, MetricSample } from './samples.js'
import { familiesOf, heapsOf, type MeasuredHeaps } from './several.js'
import { ATTRIBUTES, type MetricDescription } from './table.js'

/** Versioned plain data. */
export interface MetricsDocument {
  readonly version: 1
  readonly metrics: readonly (MetricDescription & {
    readonly samples: readonly {
      readonly attributes: MetricAttributes
      readonly value: number
      readonly histogram?: MetricHistogram
    }[]
  })[]
}

/**
 * The metrics of heaps as plain data.
 *
 * @throws ArgumentError for what is no heap
 */
export function metricsJson(heaps: MeasuredHeaps): MetricsDocument {
  const metrics = familiesOf(heapsOf(heaps)).map(({ description, samples }) => ({
    ...description,
    samples: samples.map(({ attributes, value, histogram }) => ({
      attributes,
      value,
      ...(histogram && { histogram }),
    })),
  }))
  return { version: 1, metrics }
}

/**
 * The same as a table: heap and tenant, name, value and meaning.
 *
 * @throws ArgumentError for what is no heap
 */
export function metricsText(heaps: MeasuredHeaps): string {
  const rows = familiesOf(heapsOf(heaps)).flatMap(({ samples }) => samples.map(textRow))
  return rows.length === 0 ? '' : `${alignColumns([['heap', 'metric', 'value', 'meaning'], ...rows], 4)}\n`
}

function textRow(sample: MetricSample): string[] {
  const { [ATTRIBUTES.heap]: heap = '', [ATTRIBUTES.tenant]: tenant, ...more } = sample.attributes
  const place = tenant === undefined ? heap : `${heap} ${tenant}`
  return [place, [sample.name, ...Object.values(more)].join(' '), formatValue(sample), sample.meaning]
}

function formatValue({ unit, value, histogram }: MetricSample): string {
  if (histogram) return `${histogram.count} in ${histogram.sum.toFixed(6)} s`
  if (unit === 'By') return formatBytes(value)
  if (unit === 's') return `${value.toFixed(6)} s`
  return unit === '1' ? value.toFixed(3) : String(value)
}

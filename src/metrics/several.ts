/** Samples of several heaps side by side, as exporters give them: metric by metric, each heap under its own name. */
import { ArgumentError } from '../errors.js'
import type { MetricSample } from './samples.js'
import { ATTRIBUTES, describeMetrics, type MetricDescription } from './table.js'

/** What exporters need of a heap or a tenant. */
export interface MeasuredHeap {
  readonly name: string
  readonly isClosed: boolean
  metrics(): readonly MetricSample[]
}

export type MeasuredHeaps = MeasuredHeap | Iterable<MeasuredHeap>

/** A metric with its samples of all heaps. */
export interface MetricFamily {
  readonly description: MetricDescription
  readonly samples: readonly MetricSample[]
}

export function heapsOf(heaps: MeasuredHeaps): readonly MeasuredHeap[] {
  const list: readonly unknown[] = isHeap(heaps) ? [heaps] : isList(heaps) ? [...heaps] : [heaps]
  const wrong = list.findIndex((heap) => !isHeap(heap))
  if (wrong >= 0) throw new ArgumentError('heaps', list[wrong], 'a heap, or a list of heaps')
  return list as readonly MeasuredHeap[]
}

function isHeap(heap: unknown): heap is MeasuredHeap {
  return typeof heap === 'object' && heap !== null && 'metrics' in heap && typeof heap.metrics === 'function'
}

function isList(heaps: unknown): heaps is Iterable<unknown> {
  return typeof heaps === 'object' && heaps !== null && Symbol.iterator in heaps
}

/** Refuse heaps that are registered already, or are given twice: their series would be there twice. */
export function checkNotRegistered(heaps: readonly MeasuredHeap[], registered: readonly MeasuredHeap[]): void {
  const twice = heaps.find((heap, index) => registered.includes(heap) || heaps.indexOf(heap) < index)
  if (twice === undefined) return
  const expected = `each once: '${twice.name}' is registered here already; what its registration gave back ends that`
  throw new ArgumentError('heaps', heaps, expected)
}

/**
 * All metrics that one of the heaps has a sample of. Closed heaps are left out. Of heaps with the same name the second
 * is called `name-2` and so on, in their order, for two series of one name are none: better give them names.
 */
export function familiesOf(heaps: readonly MeasuredHeap[]): readonly MetricFamily[] {
  const byName = new Map<string, MetricSample[]>()
  for (const sample of samplesOf(heaps)) {
    const samples = byName.get(sample.name)
    if (samples) samples.push(sample)
    else byName.set(sample.name, [sample])
  }
  return describeMetrics().flatMap((description) => {
    const samples = byName.get(description.name)
    return samples ? [{ description, samples }] : []
  })
}

/** The samples of all open heaps, under different names; a tenant that comes with its heap and alone has two. */
export function samplesOf(heaps: readonly MeasuredHeap[]): MetricSample[] {
  const taken = new Set<string>()
  return heaps.flatMap((heap) => {
    if (heap.isClosed) return []
    const samples = heap.metrics()
    const name = samples[0]?.attributes[ATTRIBUTES.heap] ?? heap.name
    const tenants = new Set(samples.map(({ attributes }) => attributes[ATTRIBUTES.tenant] ?? ''))
    const own = freeName(name, (other) => [...tenants].some((tenant) => taken.has(JSON.stringify([other, tenant]))))
    for (const tenant of tenants) taken.add(JSON.stringify([own, tenant]))
    if (own === name) return samples
    return samples.map((sample) => ({ ...sample, attributes: { ...sample.attributes, [ATTRIBUTES.heap]: own } }))
  })
}

function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name
  let number = 2
  while (isTaken(`${name}-${number}`)) number++
  return `${name}-${number}`
}

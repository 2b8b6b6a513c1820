/**
 * The metrics of heaps as instruments of an OpenTelemetry meter. The caller has the meter, so nothing is imported: the
 * types here are what is used of `@opentelemetry/api`.
 */
import { ArgumentError } from '../errors.js'
import type { HeapEvents } from '../events.js'
import { checkNotRegistered, heapsOf, type MeasuredHeap, samplesOf } from './several.js'
import { ATTRIBUTES, describeMetrics, GC_DURATION, GC_DURATION_BOUNDS, type MetricDescription } from './table.js'

/** What an instrument is made with. */
export interface InstrumentOptions {
  readonly unit: string
  readonly description: string
  readonly advice?: { readonly explicitBucketBoundaries: number[] }
}

/** What a `Meter` observes through, as far as it is used. */
export interface MetricObserver<Instrument> {
  observe(instrument: Instrument, value: number, attributes: Record<string, string>): void
}

/** A `Meter` of `@opentelemetry/api`, as far as it is used. */
export interface MetricMeter<Instrument> {
  createObservableCounter(name: string, options: InstrumentOptions): Instrument
  createObservableUpDownCounter(name: string, options: InstrumentOptions): Instrument
  createObservableGauge(name: string, options: InstrumentOptions): Instrument
  createHistogram(
    name: string,
    options: InstrumentOptions,
  ): { record(value: number, attributes: Record<string, string>): void }
  addBatchObservableCallback(callback: (observer: MetricObserver<Instrument>) => void, instruments: Instrument[]): void
  removeBatchObservableCallback(
    callback: (observer: MetricObserver<Instrument>) => void,
    instruments: Instrument[],
  ): void
}

/** A heap that tells of its collections. */
export interface ObservedHeap extends MeasuredHeap {
  on(event: 'collectEnd', listener: (event: HeapEvents['collectEnd']) => void): () => void
}

/** The heaps that each meter observes. */
const observed = new WeakMap<object, readonly ObservedHeap[]>()

/**
 * Have a meter observe the metrics of heaps and their tenants whenever it collects, and record how long each collection
 * of these heaps took, from now on. Give the heaps different names. What is given back ends both.
 *
 * @throws ArgumentError for what is no heap or no meter, or for a heap that this meter observes already
 * @example
 * registerOpenTelemetry(heap, metrics.getMeter('heapwright'))
 */
export function registerOpenTelemetry<Instrument>(
  heaps: ObservedHeap | Iterable<ObservedHeap>,
  meter: MetricMeter<Instrument>,
): () => void {
  const list = heapsOf(heaps) as readonly ObservedHeap[]
  if (typeof meter?.addBatchObservableCallback !== 'function') {
    throw new ArgumentError('meter', meter, 'a Meter of @opentelemetry/api')
  }
  const before = observed.get(meter) ?? []
  checkNotRegistered(list, before)
  const offs = [observe(list, meter), ...recordCollections(list, meter)]
  observed.set(meter, [...before, ...list])
  let isOn = true
  return () => {
    if (!isOn) return
    isOn = false
    for (const off of offs) off()
    observed.set(
      meter,
      (observed.get(meter) ?? []).filter((heap) => !list.includes(heap)),
    )
  }
}

function observe<Instrument>(heaps: readonly MeasuredHeap[], meter: MetricMeter<Instrument>): () => void {
  const instruments = new Map(
    describeMetrics()
      .filter((description) => description !== GC_DURATION)
      .map((description) => [description.name, instrumentOf(description, meter)]),
  )
  const callback = (observer: MetricObserver<Instrument>) => {
    for (const { name, value, attributes } of samplesOf(heaps)) {
      const instrument = instruments.get(name)
      if (instrument) observer.observe(instrument, value, { ...attributes })
    }
  }
  const all = [...instruments.values()]
  meter.addBatchObservableCallback(callback, all)
  return () => meter.removeBatchObservableCallback(callback, all)
}

function instrumentOf<Instrument>(description: MetricDescription, meter: MetricMeter<Instrument>): Instrument {
  const { name, unit, instrument, meaning } = description
  const options = { unit, description: meaning }
  if (instrument === 'counter') return meter.createObservableCounter(name, options)
  if (instrument === 'updowncounter') return meter.createObservableUpDownCounter(name, options)
  return meter.createObservableGauge(name, options)
}

function recordCollections<Instrument>(heaps: readonly ObservedHeap[], meter: MetricMeter<Instrument>): (() => void)[] {
  const histogram = meter.createHistogram(GC_DURATION.name, {
    unit: GC_DURATION.unit,
    description: GC_DURATION.meaning,
    advice: { explicitBucketBoundaries: [...GC_DURATION_BOUNDS] },
  })
  return heaps
    .filter((heap) => !heap.isClosed)
    .map((heap) => {
      const attributes = samplesOf([heap])[0]?.attributes
      return heap.on('collectEnd', ({ kind, ms, isNested }) => {
        if (!isNested) histogram.record(ms / 1000, { ...attributes, [ATTRIBUTES.gcType]: kind })
      })
    })
}

/**
 * The metrics of heaps in a registry of `prom-client`, among a program's own. The package is not needed to load this:
 * a registry takes any object with a metric's methods, and the default one is asked for only when none is given.
 */
import { ArgumentError } from '../errors.js'
import { type PrometheusSample, prometheusName, prometheusSamples, prometheusType } from './prometheus.js'
import {
  checkNotRegistered,
  familiesOf,
  heapsOf,
  type MeasuredHeap,
  type MeasuredHeaps,
  type MetricFamily,
} from './several.js'
import { describeMetrics, type MetricDescription } from './table.js'

const PACKAGE = 'prom-client'

/** A metric as a registry asks it. */
interface ClientMetric {
  /** A registry of the OpenMetrics format takes `_total` off. */
  name: string
  readonly help: string
  readonly type: string
  get(): Promise<{
    name: string
    help: string
    type: string
    aggregator: string
    values: { value: number; labels: Record<string, string>; metricName?: string }[]
  }>
  reset(): void
}

/** A `Registry` of `prom-client`, as far as it is used. */
export interface PrometheusRegistry {
  registerMetric(metric: never): void
  removeSingleMetric(name: string): void
  /** Undefined for one that is not there, any more: `clear` takes all off. */
  getSingleMetric?(name: string): unknown
}

/** The heaps of one registry: several registrations share the metrics. */
class RegistryEntry {
  readonly heaps: MeasuredHeap[][] = []
  readonly #registry: PrometheusRegistry
  /** The names that the metrics were registered with. */
  #names: readonly string[] = []
  #families: ReadonlyMap<string, MetricFamily> | undefined

  constructor(registry: PrometheusRegistry) {
    this.#registry = registry
  }

  add(heaps: readonly MeasuredHeap[]): () => void {
    const isCleared = this.#isCleared
    // Who registers again what was cleared goes on with it.
    if (isCleared) this.#drop(heaps)
    checkNotRegistered(heaps, this.heaps.flat())
    if (this.heaps.length === 0 || isCleared) this.#register()
    const own = [...heaps]
    this.heaps.push(own)
    return () => {
      const index = this.heaps.indexOf(own)
      if (index < 0) return
      this.heaps.splice(index, 1)
      if (this.heaps.length === 0) this.#unregister()
    }
  }

  #drop(heaps: readonly MeasuredHeap[]): void {
    for (const list of this.heaps) {
      const left = list.filter((heap) => !heaps.includes(heap))
      list.splice(0, list.length, ...left)
    }
    // The end of a registration that has nothing left changes nothing.
    this.heaps.splice(0, this.heaps.length, ...this.heaps.filter((list) => list.length > 0))
  }

  #register(): void {
    const names: string[] = []
    this.#names = names
    try {
      for (const description of describeMetrics()) {
        const metric = this.#metricOf(description)
        this.#registry.registerMetric(metric as never)
        names.push(prometheusName(description))
      }
    } catch (error) {
      this.#unregister()
      throw error
    }
  }

  get #isCleared(): boolean {
    const [first] = this.#names
    return first !== undefined && this.#registry.getSingleMetric?.(first) === undefined
  }

  #unregister(): void {
    for (const name of this.#names) this.#registry.removeSingleMetric(name)
    this.#names = []
  }

  #metricOf(description: MetricDescription): ClientMetric {
    const type = prometheusType(description)
    const help = description.meaning
    const own: ClientMetric = {
      name: prometheusName(description),
      help,
      type,
      get: async () => {
        const family = this.#now().get(description.name)
        const values = family ? prometheusSamples(family).map((sample) => clientValue(sample, type)) : []
        return { name: own.name, help, type, aggregator: 'sum', values }
      },
      // Heaps are not to be set to zero by who clears his own counters.
      reset: () => {},
    }
    return own
  }

  /** All metrics of a scrape ask in one go: what they are told is of one moment. */
  #now(): ReadonlyMap<string, MetricFamily> {
    if (this.#families) return this.#families
    const families = new Map(familiesOf(this.heaps.flat()).map((family) => [family.description.name, family]))
    this.#families = families
    queueMicrotask(() => {
      this.#families = undefined
    })
    return families
  }
}

function clientValue({ name, labels, value }: PrometheusSample, type: string) {
  return { value, labels: { ...labels }, ...(type === 'histogram' && { metricName: name }) }
}

const entries = new WeakMap<PrometheusRegistry, RegistryEntry>()

/**
 * Have a registry of `prom-client` give the metrics of heaps and their tenants, read at each scrape. What is given back
 * takes them off again. Closed heaps are left out.
 *
 * @param registry default: the package's own
 * @throws ArgumentError for what is no heap or no registry, for a heap that is registered there already, or when no
 * registry is given and the package is not installed; what the registry throws when it has metrics of these names
 * already
 * @example
 * await registerPrometheus(heap)
 */
export async function registerPrometheus(heaps: MeasuredHeaps, registry?: PrometheusRegistry): Promise<() => void> {
  const list = heapsOf(heaps)
  const into = registry === undefined ? await defaultRegistry() : registry
  if (typeof into?.registerMetric !== 'function') {
    throw new ArgumentError('registry', registry, 'a Registry of prom-client, or left out')
  }
  const entry = entries.get(into) ?? new RegistryEntry(into)
  entries.set(into, entry)
  return entry.add(list)
}

async function defaultRegistry(): Promise<PrometheusRegistry> {
  try {
    // By a variable: bundlers are not to look for a package that may not be there.
    const client = (await import(/* @vite-ignore */ PACKAGE)) as { readonly register: PrometheusRegistry }
    return client.register
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ArgumentError('registry', undefined, `given where the package ${PACKAGE} is not installed`)
  }
}

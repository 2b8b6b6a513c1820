/**
 * Goal: what exporters show is what the heap has, in the words of their formats, and the accounting adds up in it.
 * Method: random work in every mode, with tenants, after which the samples are compared with `heap.stats()` and with
 * each other; the Prometheus text is read by two parsers that others wrote and by the registry of prom-client, the
 * OpenTelemetry instruments by its SDK. Random runs print their seed.
 * A failure means: a dashboard that shows other figures than the heap, or a scrape that is refused as a whole.
 */
import { readFileSync } from 'node:fs'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import parsePrometheus from 'parse-prometheus-text-format'
import { Registry, register } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { EVENT_NAMES } from '../src/events.js'
import {
  ArgumentError,
  describeMetrics,
  Heap,
  METRICS,
  type MetricSample,
  type ModeName,
  metricsJson,
  metricsText,
  prometheusText,
  registerOpenTelemetry,
  registerPrometheus,
  struct,
  u32,
} from '../src/index.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
console.info(`HEAPWRIGHT_SEED=${SEED}`)
const MODES: readonly ModeName[] = ['manual', 'compiler', 'runtime', 'vm', 'server', 'embedded']
const Node = struct('Node', { a: u32, b: u32 })

const of = (samples: readonly MetricSample[], name: string, tenant?: string) =>
  samples.find((s) => s.name === `heapwright.${name}` && s.attributes['heapwright.tenant'] === tenant)?.value ??
  Number.NaN

function expectIdentity(samples: readonly MetricSample[], message: string, tenant?: string): void {
  const part = (name: string) => of(samples, `memory.${name}`, tenant)
  expect(part('used') + part('free') + part('metadata') + part('unused'), message).toBe(part('committed'))
}

/** Some work in a heap: blocks, and objects where it has any. */
function work(heap: Heap, below: (n: number) => number): void {
  const blocks: number[] = []
  const hasObjects = heap.mode !== 'compiler'
  for (let i = 0; i < 200; i++) {
    if (below(3) > 0) {
      const block = heap.tryAlloc(below(heap.mode === 'embedded' ? 60 : 5000))
      if (block) blocks.push(block)
    } else if (blocks.length > 0) heap.free(blocks.splice(below(blocks.length), 1)[0] as number)
    if (!hasObjects) continue
    using _scope = heap.scope()
    heap.new(Node)
  }
  if (hasObjects && below(2) === 0) heap.collect()
}

describe('samples', () => {
  it.each(MODES)('add up to what is committed, after any work in mode %s', (mode) => {
    const below = random(SEED)
    const heap = Heap.create({ mode, name: 'main', ...(mode !== 'embedded' && { limit: '64MiB' }) })
    for (let round = 0; round < 20; round++) {
      work(heap, below)
      const samples = heap.metrics()
      expectIdentity(samples, `seed ${SEED}, round ${round}`)
      const stats = heap.stats()
      expect(of(samples, 'memory.used')).toBe(stats.inUseBytes)
      expect(of(samples, 'block.count')).toBe(stats.liveBlocks)
    }
  })

  it('add up for tenants, too, which are part of what their heap has in use', () => {
    const below = random(SEED)
    const heap = Heap.create({ mode: 'runtime', name: 'main', limit: '64MiB' })
    const a = heap.tenant('a', { mode: 'manual', max: '24MiB' })
    const b = heap.tenant('b', { mode: 'vm', max: '24MiB' })
    const inner = a.tenant('inner', { max: '8MiB' })
    for (let round = 0; round < 10; round++) {
      for (const each of [heap, a, b, inner]) work(each, below)
      const samples = heap.metrics()
      for (const tenant of [undefined, 'a', 'b', 'a/inner']) expectIdentity(samples, `seed ${SEED} ${tenant}`, tenant)
      const held = of(samples, 'tenant.held', 'a') + of(samples, 'tenant.held', 'b')
      expect(of(samples, 'memory.lent')).toBe(held)
      expect(of(samples, 'memory.used')).toBeGreaterThan(held)
      expect(of(samples, 'tenant.max', 'a')).toBe(24 * 2 ** 20)
    }
    expect(inner.metrics().map((s) => s.attributes['heapwright.tenant'])).not.toContain('a')
    expect(inner.metrics()).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'heapwright.tenant.held' })]),
    )
    expect(heap.metrics({ tenants: false }).some((s) => 'heapwright.tenant' in s.attributes)).toBe(false)
    a.kill()
    expect(heap.metrics().some((s) => s.attributes['heapwright.tenant'] === 'a/inner')).toBe(false)
  })

  it('have the times of collections, and no figures of objects where there are none', () => {
    const heap = Heap.create({ mode: 'server', name: 'main' })
    heap.collect()
    heap.collect({ kind: 'minor' })
    const durations = heap.metrics().filter((s) => s.name === 'heapwright.gc.duration')
    const { kinds } = heap.collectionStats()
    for (const { attributes, histogram } of durations) {
      const row = kinds.find(({ kind }) => kind === attributes['heapwright.gc.type'])
      expect(histogram?.count).toBe(row?.count)
      expect(histogram?.sum).toBeCloseTo((row?.totalMs ?? Number.NaN) / 1000, 12)
      expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(row?.count)
    }
    expect(durations.map((s) => s.attributes['heapwright.gc.type'])).toEqual(expect.arrayContaining(['full', 'minor']))
    const names = Heap.create({ mode: 'compiler' })
      .metrics()
      .map(({ name }) => name)
    expect(names).not.toContain('heapwright.gc.collections')
    expect(names).toContain('heapwright.memory.used')
  })

  it('are described by one table: each name once, each figure of the statistics', () => {
    const names = describeMetrics().map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { exported } of METRICS) expect(names).toContain(exported)
    for (const name of names) expect(name).toMatch(/^heapwright(\.[a-z][a-z_]*)+$/)
    // No name is the beginning of another one: names are a tree, as their grammar wants it.
    for (const name of names) expect(names.some((other) => other.startsWith(`${name}.`))).toBe(false)
    for (const { unit } of describeMetrics()) expect(unit).toMatch(/^(By|s|1|\{[a-z]+\})$/)
  })

  it('are refused of a closed heap, and for options that there are not', () => {
    const heap = Heap.create()
    expect(() => heap.metrics({ tenant: true } as never)).toThrow(ArgumentError)
    expect(() => heap.metrics({ tenants: 1 } as never)).toThrow(ArgumentError)
    heap.close()
    expect(() => heap.metrics()).toThrow('closed')
  })
})

describe('JSON and text', () => {
  it('have all samples of all heaps', () => {
    const heaps = [Heap.create({ name: 'one' }), Heap.create({ name: 'two', mode: 'vm' })]
    heaps[1]?.collect()
    const { version, metrics } = JSON.parse(JSON.stringify(metricsJson(heaps))) as ReturnType<typeof metricsJson>
    expect(version).toBe(1)
    const count = heaps.reduce((sum, heap) => sum + heap.metrics().length, 0)
    expect(metrics.reduce((sum, { samples }) => sum + samples.length, 0)).toBe(count)
    const text = metricsText(heaps)
    expect(text.trimEnd().split('\n').length).toBe(count + 1)
    expect(text).toMatch(/^two +heapwright\.gc\.duration full +1 in 0\.\d+ s +how long/m)
    expect(text).toMatch(/^one +heapwright\.memory\.limit +1 GiB +most/m)
  })

  it('leave closed heaps out, and refuse what is no heap', () => {
    const heap = Heap.create()
    heap.close()
    expect(metricsJson(heap)).toEqual({ version: 1, metrics: [] })
    expect(metricsText([heap])).toBe('')
    expect(prometheusText([])).toBe('')
    for (const wrong of [5, undefined, null, [5], {}, 'x']) {
      expect(() => metricsJson(wrong as never), String(wrong)).toThrow(ArgumentError)
      expect(() => prometheusText(wrong as never), String(wrong)).toThrow(ArgumentError)
      expect(() => registerOpenTelemetry(wrong as never, {} as never), String(wrong)).toThrow(ArgumentError)
    }
  })
})

type Series = Map<string, number>

/** Series of a text, by name and sorted labels; read line by line, knowing nothing of how it was made. */
function seriesOf(text: string): Series {
  const series: Series = new Map()
  for (const family of parsePrometheus(text)) {
    for (const metric of family.metrics) {
      const labels = Object.entries(metric.labels ?? {}).sort()
      const add = (suffix: string, value: string | undefined, more: readonly [string, string][] = []) =>
        series.set(JSON.stringify([family.name + suffix, ...labels, ...more]), Number(value))
      if (metric.buckets === undefined) add('', metric.value)
      else {
        add('_count', metric.count)
        add('_sum', metric.sum)
        for (const [le, count] of Object.entries(metric.buckets)) add('_bucket', count, [['le', le]])
      }
    }
  }
  return series
}

describe('Prometheus text', () => {
  it('says what the samples say, to a parser that others wrote', () => {
    const heap = Heap.create({ name: 'main', mode: 'runtime', limit: '64MiB' })
    const tenant = heap.tenant('guest', { max: '4MiB' })
    work(heap, random(SEED))
    work(tenant, random(SEED))
    heap.collect()
    const text = prometheusText(heap)
    const samples = heap.metrics()
    const families = new Map(parsePrometheus(text).map((family) => [family.name, family]))
    expect(families.size).toBe(new Set(samples.map(({ name }) => name)).size)
    const used = families.get('heapwright_memory_used_bytes')
    expect(used).toMatchObject({ type: 'GAUGE', help: METRICS.find(({ name }) => name === 'inUseBytes')?.meaning })
    expect(used?.metrics).toEqual([
      { labels: { heapwright_heap_name: 'main' }, value: String(of(samples, 'memory.used')) },
      {
        labels: { heapwright_heap_name: 'main', heapwright_tenant: 'guest' },
        value: String(of(samples, 'memory.used', 'guest')),
      },
    ])
    expect(families.get('heapwright_gc_collections_total')).toMatchObject({ type: 'COUNTER' })
    expect(families.get('heapwright_gc_pause_time_seconds_total')).toMatchObject({ type: 'COUNTER' })
    expect(families.get('heapwright_memory_fragmentation_ratio')).toMatchObject({ type: 'GAUGE' })
    expect(families.get('heapwright_gc_duration_seconds')).toMatchObject({ type: 'HISTOGRAM' })
    expect(families.get('heapwright_tenant_events_total')?.metrics.map(({ labels }) => labels)).toContainEqual({
      heapwright_heap_name: 'main',
      heapwright_tenant: 'guest',
      heapwright_tenant_event: 'oom_kill',
    })
  })

  it('has buckets that count all that are no longer, up to all of them', () => {
    const heap = Heap.create({ mode: 'vm' })
    for (let i = 0; i < 5; i++) heap.collect()
    const lines = prometheusText(heap).match(/^heapwright_gc_duration_seconds_bucket.*type="full".*$/gm) ?? []
    const counts = lines.map((line) => Number(line.split(' ').at(-1)))
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts.at(-1)).toBe(5)
    expect(lines.at(-1)).toContain('le="+Inf"')
  })

  it('keeps names apart that need escapes, and heaps of one name', () => {
    const heaps = ['a"b\\c', 'same', 'same', 'same-2'].map((name) => Heap.create({ name }))
    const text = prometheusText(heaps)
    expect(text).toContain('heapwright_memory_limit_bytes{heapwright_heap_name="a\\"b\\\\c"} ')
    const series = seriesOf(text)
    const names = [...series.keys()]
      .map((key) => JSON.parse(key) as [string, [string, string]])
      .filter(([name]) => name === 'heapwright_memory_limit_bytes')
      .map(([, [, heap]]) => heap)
    expect(names).toEqual(['a"b\\c', 'same', 'same-2', 'same-2-2'])
    expect(text.endsWith('\n')).toBe(true)
  })
})

it('has no series twice, whoever is asked for beside his heap and whatever tenants are called', () => {
  const heap = Heap.create({ name: 'main', limit: '64MiB' })
  const outer = heap.tenant('a')
  const inner = outer.tenant('b')
  for (const id of ['a/b', 'a%2Fb', 'a%']) heap.tenant(id)
  for (const heaps of [[heap], [heap, outer, inner], [inner, outer, heap], [outer, inner]]) {
    const lines = prometheusText(heaps).split('\n')
    const series = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(/ \S+$/, ''))
    expect(new Set(series).size).toBe(series.length)
    expect(series.length).toBeGreaterThan(50)
  }
})

describe('prom-client', () => {
  it('is given the metrics again when its registry was cleared', async () => {
    const registry = new Registry()
    const heap = Heap.create({ name: 'main' })
    const off = await registerPrometheus(heap, registry)
    const before = (await registry.metrics()).split('\n').length
    registry.clear()
    await registerPrometheus(Heap.create({ name: 'other' }), registry)
    expect((await registry.metrics()).split('\n').length).toBeGreaterThan(before)
    off()
    expect(await registry.metrics()).toContain('heapwright_heap_name="other"')
    expect(await registry.metrics()).not.toContain('heapwright_heap_name="main"')
  })

  it('gives the same series from its registry as the text does, beside those of others', async () => {
    const registry = new Registry()
    const heap = Heap.create({ name: 'main', mode: 'runtime' })
    const other = Heap.create({ name: 'other' })
    heap.collect()
    const off = await registerPrometheus(heap, registry)
    const offOther = await registerPrometheus([other], registry)
    heap.alloc(1000)
    expect(seriesOf(await registry.metrics())).toEqual(seriesOf(prometheusText([heap, other])))
    const json = await registry.getMetricsAsJSON()
    expect(json.find(({ name }) => name === 'heapwright_memory_used_bytes')).toMatchObject({ type: 'gauge' })
    registry.resetMetrics()
    off()
    off()
    expect(seriesOf(await registry.metrics())).toEqual(seriesOf(prometheusText(other)))
    other.close()
    expect(seriesOf(await registry.metrics()).size).toBe(0)
    offOther()
    expect(registry.getMetricsAsArray()).toEqual([])
  })

  it('refuses a heap that its registry has already, until that is ended or cleared', async () => {
    const registry = new Registry()
    const [heap, other] = [Heap.create({ name: 'main' }), Heap.create({ name: 'other' })]
    await expect(registerPrometheus([heap, heap], registry)).rejects.toMatchObject({ argument: 'heaps' })
    expect(registry.getMetricsAsArray()).toEqual([])
    const off = await registerPrometheus(heap, registry)
    const before = await registry.metrics()
    await expect(registerPrometheus(heap, registry)).rejects.toThrow("'main' is registered here already")
    await expect(registerPrometheus([other, heap], registry)).rejects.toThrow(ArgumentError)
    expect(await registry.metrics()).toBe(before)
    const offElsewhere = await registerPrometheus(heap, new Registry())
    offElsewhere()
    off()
    await registerPrometheus(heap, registry)
    expect(await registry.metrics()).toBe(before)
    registry.clear()
    const offAgain = await registerPrometheus([heap], registry)
    expect(await registry.metrics()).toBe(before)
    offAgain()
    expect(registry.getMetricsAsArray()).toEqual([])
  })

  it('has its own registry when none is given', async () => {
    const heap = Heap.create({ name: 'main' })
    const off = await registerPrometheus(heap)
    expect(await register.metrics()).toContain('heapwright_memory_used_bytes{heapwright_heap_name="main"}')
    off()
    expect(await register.metrics()).not.toContain('heapwright')
  })

  it('names counters as OpenMetrics wants them', async () => {
    const registry = new Registry()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    const off = await registerPrometheus(Heap.create({ name: 'main' }), registry)
    const text = await registry.metrics()
    expect(text).toContain('# TYPE heapwright_memory_grows counter')
    expect(text).toContain('heapwright_memory_grows_total{heapwright_heap_name="main"}')
    off()
    expect(registry.getMetricsAsArray()).toEqual([])
  })

  it('is left as it was when it has such metrics already, and must be one', async () => {
    const registry = new Registry()
    registry.registerMetric({ name: 'heapwright_block_count' } as never)
    await expect(registerPrometheus(Heap.create(), registry)).rejects.toThrow('already')
    expect(registry.getMetricsAsArray().length).toBe(1)
    await expect(registerPrometheus(Heap.create(), {} as never)).rejects.toThrow(ArgumentError)
  })
})

describe('OpenTelemetry', () => {
  function meterProvider() {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const provider = new MeterProvider({ readers: [reader] })
    const collect = async () => {
      exporter.reset()
      await provider.forceFlush()
      return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    }
    return { provider, collect }
  }

  it('observes all samples, with units, descriptions and attributes', async () => {
    const { provider, collect } = meterProvider()
    const heap = Heap.create({ name: 'main', mode: 'runtime', limit: '64MiB' })
    heap.tenant('guest', { max: '4MiB' }).alloc(1000)
    registerOpenTelemetry(heap, provider.getMeter('heapwright'))
    const metrics = await collect()
    const samples = heap.metrics().filter(({ name }) => name !== 'heapwright.gc.duration')
    const points = metrics.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => [descriptor.name, descriptor.unit, attributes, value]),
    )
    const sort = (list: unknown[]) => list.map((each) => JSON.stringify(each)).sort()
    expect(sort(points)).toEqual(sort(samples.map((s) => [s.name, s.unit, s.attributes, s.value])))
    for (const { descriptor } of metrics) {
      expect(describeMetrics()).toContainEqual(
        expect.objectContaining({ name: descriptor.name, meaning: descriptor.description }),
      )
    }
    await provider.shutdown()
  })

  it('records how long collections took, those inside others not again, until it is ended', async () => {
    const { provider, collect } = meterProvider()
    const heap = Heap.create({ name: 'main', mode: 'vm' })
    const off = registerOpenTelemetry([heap], provider.getMeter('heapwright'))
    const took = [heap.collect(), heap.collect(), heap.compact()]
    const find = async () =>
      (await collect()).find(({ descriptor }) => descriptor.name === 'heapwright.gc.duration')?.dataPoints ?? []
    const points = await find()
    const byType = new Map(
      points.map(({ attributes, value }) => [
        attributes['heapwright.gc.type'],
        value as { count: number; sum: number },
      ]),
    )
    const { kinds } = heap.collectionStats()
    for (const { kind, count, totalMs } of kinds) {
      expect(byType.get(kind)?.count ?? 0).toBe(count)
      expect(byType.get(kind)?.sum ?? 0).toBeCloseTo(totalMs / 1000, 9)
    }
    expect(took.length).toBe(3)
    off()
    heap.collect()
    expect((await find()).map(({ value }) => (value as { count: number }).count)).toEqual(
      points.map(({ value }) => (value as { count: number }).count),
    )
    await provider.shutdown()
  })

  it('refuses a heap that its meter observes already, until that is ended', async () => {
    const { provider, collect } = meterProvider()
    const meter = provider.getMeter('heapwright')
    const heap = Heap.create({ name: 'main', mode: 'vm' })
    const off = registerOpenTelemetry(heap, meter)
    expect(() => registerOpenTelemetry(heap, meter)).toThrow("'main' is registered here already")
    expect(() => registerOpenTelemetry([heap, heap], provider.getMeter('other'))).toThrow(ArgumentError)
    off()
    const again = registerOpenTelemetry(heap, meter)
    off()
    expect(() => registerOpenTelemetry(heap, meter)).toThrow(ArgumentError)
    heap.collect()
    const durations = (await collect()).find(({ descriptor }) => descriptor.name === 'heapwright.gc.duration')
    expect(durations?.dataPoints.map(({ value }) => (value as { count: number }).count)).toEqual([1])
    again()
    await provider.shutdown()
  })

  it('wants a meter', () => {
    expect(() => registerOpenTelemetry(Heap.create(), undefined as never)).toThrow(ArgumentError)
  })
})

describe('docs/metrics.md', () => {
  const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8')

  it('has the metrics that there are, and no others', () => {
    const rows = describeMetrics().map((m) => `| \`${m.name}\` | \`${m.unit}\` | ${m.instrument} | ${m.meaning} |`)
    expect(page.match(/^\| `heapwright\..*$/gm)).toEqual(rows)
  })

  it('has the events that there are', () => {
    const section = page.slice(page.indexOf('## Events'), page.indexOf('## Channels'))
    const names = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    expect(names.sort()).toEqual([...EVENT_NAMES].sort())
  })
})

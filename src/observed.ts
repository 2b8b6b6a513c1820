/**
 * The calls of a heap that show what is in it and what it does: figures, metrics, snapshots, profiles, timelines, the
 * live page, events. Each hands over to the part that does the work.
 *
 * Nothing here costs a program anything that does not call it; what only few do, and may wait for, is loaded then.
 */
import { checkOptions } from './arguments.js'
import { ArgumentError } from './errors.js'
import type { HeapEventName, Listener } from './events.js'
import type { TraceEvents } from './formats/trace-events.js'
import type { Tenant } from './heap.js'
import { type Snapshot, type SnapshotOptions, type SnapshotSource, takeSnapshot } from './inspect/snapshot.js'
import { type MetricOptions, type MetricSample, readSamples } from './metrics/samples.js'
import { type ProfileOptions, Profiler } from './profile/profiler.js'
import { type RecordTraceOptions, recentTraceEvents, TraceRecorder } from './profile/trace-recorder.js'
import { ReliefAccess } from './relief.js'
import type { HeapServer, ServeOptions } from './serve/options.js'
import { formatStats, readStats } from './stats.js'
import { type WriteStatsOptions, writeStats } from './stats-file.js'
import type { HeapStats } from './types.js'

/** Figures, events and pictures of a heap. */
export abstract class ObservedAccess extends ReliefAccess {
  abstract readonly name: string
  abstract readonly isClosed: boolean
  abstract tenants(): IterableIterator<Tenant>

  /**
   * The figures of this moment, as plain data: `JSON.stringify` gives the documented, versioned form.
   *
   * @throws CorruptionError when the control block was overwritten so that they cannot be had
   */
  stats(): HeapStats {
    return readStats(this.core)
  }

  /** The same as text for people. */
  report(): string {
    return formatStats(this.core.label, this.stats())
  }

  /**
   * The figures as samples of metrics, with the names, units and attributes that exporters give them; those of tenants
   * beside the heap's own, within which they are in use. `describeMetrics()` says what there is.
   *
   * @throws CorruptionError when the control block was overwritten so that they cannot be had; ArgumentError
   */
  metrics(options: MetricOptions = {}): readonly MetricSample[] {
    checkOptions('options', options, ['tenants'])
    const { tenants = true } = options
    if (typeof tenants !== 'boolean') throw new ArgumentError('tenants', tenants, 'a boolean')
    const samples: MetricSample[] = []
    const heaps: ObservedAccess[] = [this]
    for (const heap of heaps) {
      samples.push(...readSamples(heap.core))
      if (tenants) heaps.push(...heap.tenants())
    }
    return samples
  }

  /**
   * Write the figures to a file, those of collections too where the heap has objects: as the two reports, or as one
   * JSON document `{ version, name, stats, collections }`. In Node, Deno and Bun.
   *
   * @throws FileError that says which file and why; UnsupportedError where there is no file system to write to
   * @example
   * heap.writeStats('heap.json', { format: 'json', types: true })
   */
  writeStats(file: string, options: WriteStatsOptions = {}): void {
    writeStats(this.core, file, options)
  }

  /**
   * What is in the heap now, as a graph: objects with what they refer to, what keeps them, blocks, arenas, pools, free
   * memory, metadata. The self sizes of its nodes add up to the committed bytes.
   *
   * @param options `collect: false` leaves out the collection before it; see `SnapshotOptions` for texts and blocks
   * @throws ArgumentError; CorruptionError when the heap's own structures were overwritten
   * @example
   * const snapshot = heap.snapshot()
   * await writeFile('mine.heapsnapshot', snapshot.write())
   * console.log(snapshot.graph.topRetained({ count: 5 }))
   */
  snapshot(options: SnapshotOptions = {}): Snapshot {
    return takeSnapshot(this.#snapshotSource(), options)
  }

  #snapshotSource(): SnapshotSource {
    const id = this.core.tenancy?.id
    const tenants = () => Array.from(this.tenants(), (tenant) => tenant.#snapshotSource())
    return { core: this.core, tenants, ...(id !== undefined && { id }) }
  }

  /**
   * Begin to sample allocations, those of tenants too: where the program makes them, and which are in use. About one in
   * 512 KiB is looked at, and a call costs 2 to 3 ns more; figures are estimates of all. Calls through `heap.raw`, and those
   * of guests, are not seen, nor what was allocated before.
   *
   * @throws ArgumentError
   * @example
   * using profiler = heap.profile()
   * serveRequests()
   * profiler.writePprof('heap.pb.gz')
   */
  profile(options: ProfileOptions = {}): Profiler {
    this.core.assertOpen()
    return new Profiler(this.core, options)
  }

  /**
   * Show the heap in a browser: a page that follows it while somebody looks, and costs nothing else. By default only
   * programs on this machine can connect, and the page only looks. In Node, Deno and Bun.
   *
   * @throws ArgumentError, also for an address that cannot be listened on; UnsupportedError where there is no server
   * @example
   * const { url } = await heap.serve()
   * console.error(`the heap: ${url}`)
   */
  async serve(options: ServeOptions = {}): Promise<HeapServer> {
    this.core.assertOpen()
    const { serveHeap } = await import('./serve/serve.js')
    return serveHeap(this.core, this, options)
  }

  /**
   * The page of this moment as one HTML document that needs nothing else, no server and no network. Walks over all
   * blocks and objects, in one go; the page's own code is loaded with the first call.
   *
   * @throws CorruptionError when the control block was overwritten so that the figures cannot be had; ClosedError, also
   * when the heap is closed meanwhile
   * @example
   * await writeFile('heap.html', await heap.reportHtml())
   */
  async reportHtml(): Promise<string> {
    const { reportOf } = await import('./serve/report.js')
    return reportOf(this.core, this)
  }

  /**
   * The last collections, at most 64, as Chrome trace events: what Perfetto draws as a timeline. A heap without objects
   * has none.
   *
   * @example
   * writeFileSync('collections.json', JSON.stringify(heap.traceEvents()))
   */
  traceEvents(): TraceEvents {
    this.core.assertOpen()
    return recentTraceEvents(this.core)
  }

  /**
   * Begin to record collections, and growth of the memory, for a longer timeline.
   *
   * @throws ArgumentError
   * @example
   * using recorder = heap.recordTrace()
   * serveRequests()
   * recorder.writeTraceEvents('collections.json')
   */
  recordTrace(options: RecordTraceOptions = {}): TraceRecorder {
    this.core.assertOpen()
    return new TraceRecorder(this.core, options)
  }

  /**
   * Listen to an event; the function given back ends it. Listeners run between kernel calls and may use the heap.
   *
   * A listener that throws changes nothing for the call that caused the event, nor for other listeners: what it threw
   * is thrown again in a microtask, so that it surfaces as an uncaught exception, which by default ends a Node process.
   */
  on<E extends HeapEventName>(event: E, listener: Listener<E>): () => void {
    this.core.assertOpen()
    return this.core.events.on(event, listener)
  }
}

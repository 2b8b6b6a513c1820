/**
 * Records what collections a heap has and when its memory grows, for a timeline. It listens like anybody else: nothing
 * is recorded, and nothing costs anything, when no recorder runs.
 */
import { checkFile, checkOptions, checkRange } from '../arguments.js'
import type { HeapCore } from '../core.js'
import { dispose } from '../dispose.js'
import { UnsupportedError } from '../errors.js'
import { type Growth, makeTraceEvents, type TimedCollection, type TraceEvents } from '../formats/trace-events.js'
import { writeFile } from '../platform/process.js'

export interface RecordTraceOptions {
  /** Most records kept of collections, and as many of growth: the newest. 1 to 10,000,000; default 10,000. */
  readonly max?: number
}

const RECORDS = 10_000
const RECORDS_MAX = 10_000_000

/** The newest of what is added: at most `max`, and for a while up to twice as many, so that adding is cheap. */
class Newest<T> {
  readonly #max: number
  #all: T[] = []
  #dropped = 0

  constructor(max: number) {
    this.#max = max
  }

  add(one: T): void {
    this.#all.push(one)
    if (this.#all.length >= this.#max * 2) this.#drop()
  }

  #drop(): void {
    this.#dropped += Math.max(0, this.#all.length - this.#max)
    this.#all = this.#all.slice(-this.#max)
  }

  get all(): readonly T[] {
    this.#drop()
    return this.#all
  }

  get dropped(): number {
    this.#drop()
    return this.#dropped
  }
}

/** A running record of collections. Made by `heap.recordTrace()`. */
export class TraceRecorder implements Disposable {
  readonly #core: HeapCore
  readonly #collections: Newest<TimedCollection>
  readonly #growths: Newest<Growth>
  #offs: (() => void)[]

  /** @internal */
  constructor(core: HeapCore, options: RecordTraceOptions, now: () => number = () => performance.now()) {
    checkOptions('options', options, ['max'])
    const max = checkRange('max', options.max ?? RECORDS, 1, RECORDS_MAX)
    this.#core = core
    this.#collections = new Newest(max)
    this.#growths = new Newest(max)
    this.#offs = [
      core.events.on('collectEnd', (collection) => {
        const madeMs = core.objectSpace?.collections.madeMs ?? 0
        this.#collections.add({ madeMs, collection })
      }),
      core.events.on('grow', ({ currentBytes }) => this.#growths.add({ atMs: now(), memoryBytes: currentBytes })),
    ]
  }

  get isRunning(): boolean {
    return this.#offs.length > 0 && !this.#core.isClosed
  }

  /** Collections and growths recorded before those that are kept. */
  get dropped(): number {
    return this.#collections.dropped + this.#growths.dropped
  }

  /**
   * What was recorded, as viewers open it once it is text: `JSON.stringify(recorder.toTraceEvents())`.
   *
   * @param pid number under which viewers group the events: another one for each heap, to put several in one trace
   */
  toTraceEvents(pid = 1): TraceEvents {
    return makeTraceEvents(
      {
        name: this.#core.name,
        collections: this.#collections.all,
        growths: this.#growths.all,
        dropped: this.dropped,
      },
      checkRange('pid', pid, 0, 2 ** 31 - 1),
    )
  }

  /** The same as a file. In Node, Deno and Bun. @throws ArgumentError, FileError, UnsupportedError */
  writeTraceEvents(file: string): void {
    checkFile(file, ['.heapprofile', '.pb', '.pb.gz'])
    if (writeFile(file, `${JSON.stringify(this.toTraceEvents())}\n`)) return
    const hint = 'keep what toTraceEvents() gives by the means that there are'
    throw new UnsupportedError(this.#core.mode, 'file system', hint, 'this platform')
  }

  /** End it; what was recorded stays. Harmless twice. */
  stop(): void {
    for (const off of this.#offs) off()
    this.#offs = []
  }

  /** The same as `stop`. */
  [dispose](): void {
    this.stop()
  }

  /** The same as `using` does. */
  dispose(): void {
    this.stop()
  }
}

/** The collections that a heap itself remembers: the last 64. */
export function recentTraceEvents(core: HeapCore): TraceEvents {
  const log = core.objectsThatAre?.collections
  const collections = (log?.pauses.recent ?? []).map((collection) => ({ madeMs: log?.madeMs ?? 0, collection }))
  return makeTraceEvents({ name: core.name, collections, growths: [], dropped: (log?.count ?? 0) - collections.length })
}

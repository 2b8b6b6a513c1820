/**
 * What the live page knows of one heap, read while somebody follows it and not else: figures every `everyMs`, the picture
 * whenever its walk has come to an end.
 *
 * Guarantee: whoever follows takes no more than a twenty-fifth of the program's time. What has cost c milliseconds is
 * not done again for 25 c, but for the very first walk; and the walk is left after SLICE_MS, to go on after 25 times
 * that. Who asks for the state or the page reads the figures each time, and has the walk made at one go when it is due.
 */
import type { HeapCore } from '../core.js'
import { ClosedError } from '../errors.js'
import type { LiveEnd, LiveFigures, LiveHistory, LivePicture, LiveState } from '../page/live-data.js'
import { addPoint } from '../page/live-update.js'
import { type HeapSource, readFigures } from './figures.js'
import { takePicture } from './picture.js'
import { TenantColours } from './tenants.js'

/** A walk is left after so long. A heap of 100,000 blocks takes one or two such slices. */
const SLICE_MS = 10
/** Of the program's time, one part in so many is spent at most. */
const SHARE = 25

/** What followers are told. */
export type LiveEvent =
  | { readonly name: 'figures'; readonly data: LiveFigures }
  | { readonly name: 'picture'; readonly data: LivePicture }
  /** The heap was closed, or its figures cannot be read any more: nothing more will come. */
  | { readonly name: 'end'; readonly data: LiveEnd }

/** The source of each heap's last server. */
const SOURCES = new WeakMap<HeapCore, LiveSource>()

/** What was seen of a heap so far, for a report: the source of its last server, or none. */
export function sourceOf(core: HeapCore): LiveSource | undefined {
  return SOURCES.get(core)
}

type Timer = ReturnType<typeof setTimeout>
type Follower = (event: LiveEvent) => void

export class LiveSource {
  /** Another one for each source that ever was. */
  readonly instance = crypto.randomUUID()
  readonly #name: string
  readonly #mode: string
  readonly #everyMs: number
  readonly #followers = new Set<Follower>()
  #history: LiveHistory = { atMs: [], inUseBytes: [], committedBytes: [] }
  /** Let go of when the heap is closed, so that its memory can go. */
  #core: HeapCore | undefined
  #heap: HeapSource | undefined
  #timer: Timer | undefined
  #walkTimer: Timer | undefined
  readonly #colours = new TenantColours()
  #sequence = 0
  #figures: LiveFigures | undefined
  #picture: LivePicture | undefined
  #walk: Generator<void, LivePicture> | undefined
  #walkCostMs = 0
  #walkDueMs = 0
  #end: LiveEnd | undefined
  #failure: unknown
  readonly #unlisten: () => void

  constructor(core: HeapCore, heap: HeapSource, everyMs: number) {
    this.#core = core
    this.#heap = heap
    this.#name = core.name
    this.#mode = core.mode
    this.#everyMs = everyMs
    this.#unlisten = core.events.on('close', () => this.#finish({ reason: 'closed', atMs: Date.now() }))
  }

  /** Be what `sourceOf` gives. */
  remember(core: HeapCore): void {
    SOURCES.set(core, this)
  }

  /** Stop all reading; the heap no longer knows of this source. */
  dispose(): void {
    this.#unlisten()
    this.#followers.clear()
    this.#stop()
  }

  /** The heap while it can be read. */
  get heap(): HeapSource | undefined {
    return this.#heap
  }

  /** What was thrown when the heap could not be read. */
  get failure(): unknown {
    return this.#failure
  }

  get end(): LiveEnd | undefined {
    return this.#end
  }

  /** Tell `follower` what comes; the function given back ends it, and with the last one all reading. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower)
    if (this.#followers.size === 1 && !this.#end) this.#schedule(0)
    return () => {
      this.#followers.delete(follower)
      if (this.#followers.size === 0) this.#stop()
    }
  }

  /**
   * All of it as of now; of a closed heap the last that was read.
   *
   * @param freshPicture whether the walk is made again even when the last one was dear and is not long ago
   */
  readNow(freshPicture = false): LiveState {
    this.#guarded(() => {
      this.#readFigures()
      if (!freshPicture && this.#picture && performance.now() < this.#walkDueMs) return
      this.#beginWalk()
      this.#goOn(Number.POSITIVE_INFINITY)
    })
    return this.#lastState
  }

  /** What was read last. */
  get #lastState(): LiveState {
    return {
      version: 1,
      heap: { instance: this.instance, name: this.#name, mode: this.#mode },
      ...(this.#end && { end: this.#end }),
      ...(this.#figures && { figures: this.#figures }),
      ...(this.#picture && { picture: this.#picture }),
      history: this.#history,
    }
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  /** Nobody waits for it: a program that is done ends. */
  #later(run: () => void, ms: number): Timer {
    const timer = setTimeout(run, ms)
    ;(timer as { unref?: () => void }).unref?.()
    return timer
  }

  #schedule(ms: number): void {
    this.#timer = this.#later(() => this.#update(), ms)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#walkTimer)
    this.#walk = undefined
  }

  #update(): void {
    const beganMs = performance.now()
    this.#guarded(() => {
      this.#tell({ name: 'figures', data: this.#readFigures() })
      if (this.#followers.size === 0) return
      this.#schedule(Math.max(this.#everyMs, (performance.now() - beganMs) * SHARE))
      if (this.#walk || performance.now() < this.#walkDueMs) return
      this.#beginWalk()
      this.#walkOn()
    })
  }

  #walkOn(): void {
    this.#guarded(() => {
      const picture = this.#goOn(SLICE_MS)
      if (picture) this.#tell({ name: 'picture', data: picture })
      else if (this.#walk) this.#walkTimer = this.#later(() => this.#walkOn(), SLICE_MS * SHARE)
    })
  }

  #readFigures(): LiveFigures {
    const figures = readFigures(this.#open.core, this.#open.heap, ++this.#sequence)
    this.#figures = figures
    this.#history = addPoint(this.#history, figures)
    return figures
  }

  #beginWalk(): void {
    this.#walk = takePicture(this.#open.core, [...this.#open.heap.tenants()], this.#colours)
    this.#walkCostMs = 0
  }

  /** Walk on for about `budgetMs`; the picture when it is complete. */
  #goOn(budgetMs: number): LivePicture | undefined {
    const beganMs = performance.now()
    let spentMs = 0
    let step = this.#walk?.next()
    while (step?.done === false) {
      spentMs = performance.now() - beganMs
      if (spentMs >= budgetMs) break
      step = this.#walk?.next()
    }
    this.#walkCostMs += performance.now() - beganMs
    if (step?.done !== true) return undefined
    this.#walk = undefined
    // The code of the first walk has yet to be compiled: what it cost says nothing of the next.
    this.#walkDueMs = performance.now() + (this.#picture ? this.#walkCostMs * SHARE : this.#everyMs)
    this.#picture = { ...step.value, costMs: this.#walkCostMs }
    return this.#picture
  }

  get #open(): { readonly core: HeapCore; readonly heap: HeapSource } {
    const [core, heap] = [this.#core, this.#heap]
    if (core && heap) return { core, heap }
    throw new ClosedError(this.#name)
  }

  /** What cannot be read ends it: the program that is watched is none the wiser. */
  #guarded(read: () => void): void {
    if (this.#end) return
    try {
      read()
    } catch (error) {
      this.#failure = error
      const message = error instanceof Error ? error.message : String(error)
      const isClosed = error instanceof ClosedError
      this.#finish({ reason: isClosed ? 'closed' : 'unreadable', atMs: Date.now(), ...(!isClosed && { message }) })
    }
  }

  #finish(end: LiveEnd): void {
    if (this.#end) return
    this.#end = end
    this.#unlisten()
    this.#stop()
    this.#core = undefined
    this.#heap = undefined
    this.#tell({ name: 'end', data: end })
  }

  #tell(event: LiveEvent): void {
    for (const follower of [...this.#followers]) follower(event)
  }
}

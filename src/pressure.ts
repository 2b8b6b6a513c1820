/**
 * Memory pressure: how much of its limit a heap uses, as one of four levels, and who is told when that changes.
 *
 *   usage = (held - free) / limit, two words of the control block
 *
 * A level is entered at its threshold and left a few points below it, so that usage which sways around a threshold
 * does not tell of each turn. Listeners hear of at most one change in an interval: what comes meanwhile is told at its
 * end, as the level that holds then, and only if it is another one than was told last.
 *
 * While somebody wants to know, the monitor looks after each call that may have changed what is in use: one comparison
 * of two words with bounds that were computed before, between which nothing is to be done. What is to be done beyond
 * them runs between kernel calls, and may be the user's code. Nobody pays while nobody wants to know.
 */
import { HEAP_LIMIT_AT, STATUS_OK } from '../kernel/layout.js'
import { checkOptions, checkRange } from './arguments.js'
import { TIMER_MAX_MS } from './clock.js'
import type { HeapCore } from './core.js'
import { ArgumentError } from './errors.js'
import type { PressureLevel } from './events.js'
import type { Interposer } from './interposer.js'
import { type Kernel, kernelWith } from './kernel-instance.js'
import { usageReader, usedBytes } from './usage.js'

export const PRESSURE_LEVELS: readonly PressureLevel[] = ['low', 'medium', 'high', 'critical']
const CRITICAL = 3

/** When a heap is how full, as shares of its limit. */
export interface PressureOptions {
  /** Usage from which the level is medium. Default 0.6. */
  readonly medium?: number
  /** From which it is high. Default 0.8. */
  readonly high?: number
  /** From which it is critical. Default 0.95. */
  readonly critical?: number
  /** How far usage must be below a level's threshold for the level to be left. Default 0.05. */
  readonly hysteresis?: number
  /** Milliseconds between two `pressure` events at least. Default 1,000. */
  readonly minIntervalMs?: number
  /** Collect by itself when the level is critical and somebody watches. Default true. */
  readonly collects?: boolean
}

/** The same with every value decided. */
export interface PressurePlan {
  /** Usage from which the level is that of the index. */
  readonly thresholds: readonly number[]
  readonly hysteresis: number
  readonly minIntervalMs: number
  readonly collects: boolean
}

/** The pressure of one moment. */
export interface HeapPressure {
  readonly level: PressureLevel
  /** Used over limit, 0 to 1. */
  readonly usage: number
  /** Held and not in free runs: blocks, objects and garbage among them, metadata, what pages keep for small blocks. */
  readonly usedBytes: number
  readonly limitBytes: number
}

const DEFAULTS: Required<PressureOptions> = {
  medium: 0.6,
  high: 0.8,
  critical: 0.95,
  hysteresis: 0.05,
  minIntervalMs: 1000,
  collects: true,
}

/** @throws ArgumentError */
export function checkPressure(given: PressureOptions = {}): PressurePlan {
  checkOptions('pressure', given, Object.keys(DEFAULTS))
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const { medium, high, critical, hysteresis, minIntervalMs, collects } = { ...DEFAULTS, ...chosen }
  let before = 0
  for (const [name, share] of Object.entries({ medium, high, critical })) {
    if (!(typeof share === 'number' && share > before && share <= 1)) {
      throw new ArgumentError(`pressure.${name}`, share, `a share of the limit above ${before}, at most 1`)
    }
    before = share
  }
  if (!(typeof hysteresis === 'number' && hysteresis >= 0 && hysteresis < medium)) {
    throw new ArgumentError('pressure.hysteresis', hysteresis, `a share of the limit from 0, below ${medium}`)
  }
  checkRange('pressure.minIntervalMs', minIntervalMs, 0, TIMER_MAX_MS)
  if (typeof collects !== 'boolean') throw new ArgumentError('pressure.collects', collects, 'true or false')
  return { thresholds: [0, medium, high, critical], hysteresis, minIntervalMs, collects }
}

/** The level of one heap, and between what bounds it stays. */
export class PressureScale {
  readonly #plan: PressurePlan
  #index = 0
  /** The level is another one with this many bytes in use, or more. */
  riseAt = 0
  /** And with this many, or fewer. */
  fallAt = -1

  constructor(plan: PressurePlan) {
    this.#plan = plan
  }

  get level(): PressureLevel {
    return PRESSURE_LEVELS[this.#index] as PressureLevel
  }

  get isCritical(): boolean {
    return this.#index === CRITICAL
  }

  /** Take note of what is in use; whether the level is another one now. */
  update(usedBytes: number, limitBytes: number): boolean {
    const before = this.#index
    while (usedBytes >= this.#riseAt(this.#index, limitBytes)) this.#index++
    while (usedBytes <= this.#fallAt(this.#index, limitBytes)) this.#index--
    this.riseAt = this.#riseAt(this.#index, limitBytes)
    this.fallAt = this.#fallAt(this.#index, limitBytes)
    return this.#index !== before
  }

  /** First byte of the level above. */
  #riseAt(index: number, limitBytes: number): number {
    const share = this.#plan.thresholds[index + 1]
    return share === undefined ? Number.POSITIVE_INFINITY : Math.ceil(share * limitBytes - ROUNDING)
  }

  /** Last byte that is of the level below; always less than where this one begins. */
  #fallAt(index: number, limitBytes: number): number {
    if (index === 0) return -1
    const begin = this.#riseAt(index - 1, limitBytes)
    const share = (this.#plan.thresholds[index] as number) - this.#plan.hysteresis
    return Math.min(begin - 1, Math.floor(share * limitBytes + ROUNDING))
  }
}

/** Shares are no exact numbers: 0.6 of 1,000 bytes are 600. Less than a byte of any limit. */
const ROUNDING = 1e-6

// ---- watching -------------------------------------------------------------------------------------------------------

/** What may change what is in use and answers an address, or a slot: 0 when it has failed. */
const MAKING_CALLS = [
  'alloc',
  'allocZeroed',
  'allocAligned',
  'bumpAlloc',
  'realloc',
  'arenaCreate',
  'arenaAlloc',
  'poolCreate',
  'poolAcquire',
  'objectPush',
  'handlePush',
  'handleAdopt',
  'rootAdd',
  'refcountedNew',
] as const satisfies readonly (keyof Kernel)[]

/**
 * The same of calls that answer a status. `decref` is not among them: values are read by calls that let go of a key
 * while they hold a reference that nothing else may hold.
 */
const FREEING_CALLS = [
  'free',
  'freeSized',
  'poolRelease',
  'poolDestroy',
  'arenaDestroy',
  'arenaRelease',
  'arenaReset',
] as const satisfies readonly (keyof Kernel)[]

type NumberCall = (...numbers: number[]) => number

/** A kernel that calls `after` when a call that may have changed what is in use has succeeded. */
function usageKernel(kernel: Kernel, after: () => void): Kernel {
  const made = (result: number) => {
    // A failed call's caller first reads why it failed.
    if (result !== 0) after()
    return result
  }
  const freed = (status: number) => {
    if (status === STATUS_OK) after()
    return status
  }
  const watched: Record<string, NumberCall> = {}
  for (const name of MAKING_CALLS) {
    const call = kernel[name] as NumberCall
    watched[name] = (...numbers) => made(call(...numbers))
  }
  for (const name of FREEING_CALLS) {
    const call = kernel[name] as NumberCall
    watched[name] = (...numbers) => freed(call(...numbers))
  }
  return kernelWith(kernel, {
    ...watched,
    // These two are called most.
    alloc: (bytes) => made(kernel.alloc(bytes)),
    free: (address) => freed(kernel.free(address)),
  })
}

/** While something waits for its time, the clock is looked at whenever usage has moved by this part of the limit. */
const WAITING_PART = 64

/** What the monitor does beside telling of levels. */
export interface PressureActor {
  /** Usage from which it wants to be asked; 1 and more: never. */
  readonly fromUsage: number
  /** Collect if that is due; in how many milliseconds it will be due, undefined when there is nothing to wait for. */
  act(isCritical: boolean): number | undefined
}

/** The pressure of one heap. */
export class PressureMonitor implements Interposer {
  readonly name = 'pressure'
  readonly plan: PressurePlan
  readonly #core: HeapCore
  readonly #scale: PressureScale
  #automatic: PressureActor | undefined
  #off: (() => void) | undefined
  #hasListeners = false
  /** The level that listeners were told last; before the first time they take it to be low. */
  #told: PressureLevel = 'low'
  #toldMs = Number.NEGATIVE_INFINITY
  #timerOff: (() => void) | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #isLooking = false
  #looksSoon = false
  /** In use more than this, or less than that, and there is something to be done. */
  #mostBytes = -1
  #leastBytes = -1

  constructor(core: HeapCore, plan: PressurePlan) {
    this.#core = core
    this.plan = plan
    this.#scale = new PressureScale(plan)
    core.events.whenWanted(['pressure'], (isWanted) => {
      this.#hasListeners = isWanted
      this.#told = 'low'
      this.#toldMs = Number.NEGATIVE_INFINITY
      this.watch()
    })
  }

  /** Collect through `actor` from now on, in place of who did before; the end of it. */
  automate(actor: PressureActor): () => void {
    this.#automatic = actor
    // The next call sets other bounds.
    this.#mostBytes = -1
    this.watch()
    return () => {
      if (this.#automatic !== actor) return
      this.#automatic = undefined
      this.watch()
    }
  }

  /** Whether somebody was told to collect. */
  get isAutomatic(): boolean {
    return this.#automatic !== undefined
  }

  /** Who collects now: whoever was told to, or when the level is critical at least as long as somebody listens. */
  get #actor(): PressureActor | undefined {
    return this.#automatic ?? (this.#hasListeners && this.plan.collects ? this.#core.collector.critical : undefined)
  }

  /** The pressure now. */
  read(): HeapPressure {
    const used = usedBytes(this.#core)
    const limitBytes = this.#core.word(HEAP_LIMIT_AT)
    this.#scale.update(used, limitBytes)
    return { level: this.#scale.level, usage: Math.min(used / limitBytes, 1), usedBytes: used, limitBytes }
  }

  /** Look after each call while there is something to look for. */
  watch(): void {
    const { reserve, isClosed } = this.#core
    const isWanted = this.#hasListeners || this.#automatic !== undefined || reserve?.isHeld === false
    if (isClosed || isWanted === (this.#off !== undefined)) return
    // The first call sets the bounds.
    this.#mostBytes = -1
    if (isWanted) this.#off = this.#core.interpose(this)
    else this.close()
  }

  close(): void {
    this.#off?.()
    this.#off = undefined
    this.#callOff()
  }

  wrap(kernel: Kernel): Kernel {
    const readUsage = usageReader(this.#core)
    return usageKernel(kernel, () => {
      const used = readUsage()
      // Detached arrays give undefined, for which every comparison is false.
      if (used <= this.#mostBytes && used >= this.#leastBytes) return
      this.look()
    })
  }

  /**
   * Look after the next call, or when the running job is over: for what is not seen in usage, and what is in the middle
   * of tenants' calls, after which nobody looks.
   */
  lookSoon(): void {
    if (this.#off === undefined) return
    this.#mostBytes = -1
    if (this.#looksSoon) return
    this.#looksSoon = true
    queueMicrotask(() => {
      this.#looksSoon = false
      this.look()
    })
  }

  /** Between kernel calls, when there may be news: tell them, collect, take the reserve again. */
  look(): void {
    const { reclaimers, isClosed } = this.#core
    if (this.#off === undefined || this.#isLooking || isClosed || reclaimers.isRunning) return
    this.#isLooking = true
    try {
      this.#core.reserve?.fillIfRoom()
      const now = this.read()
      const waits = [this.#tell(now), this.#act(now)].filter((ms) => ms !== undefined)
      if (!this.#core.isClosed) this.#prepare(Math.min(...waits))
    } finally {
      this.#isLooking = false
    }
    this.watch()
  }

  /** Tell of the level if it is news and its time has come; in how many milliseconds it will, if there is a wait. */
  #tell(now: HeapPressure): number | undefined {
    if (!this.#hasListeners || now.level === this.#told) return undefined
    const nowMs = this.#core.clock.nowMs()
    const waitMs = this.#toldMs + this.plan.minIntervalMs - nowMs
    if (waitMs > 0) return waitMs
    const previousLevel = this.#told
    this.#told = now.level
    this.#toldMs = nowMs
    this.#core.events.emit('pressure', { ...now, previousLevel })
    return undefined
  }

  #act(now: HeapPressure): number | undefined {
    const { isClosed, objectSpace } = this.#core
    const actor = this.#actor
    // The listener may have closed the heap; and no collection begins while listeners of collections are told of one.
    if (isClosed || !actor || objectSpace?.isSettling) return undefined
    const isCritical = this.#scale.isCritical && this.plan.collects
    return isCritical || now.usage >= actor.fromUsage ? actor.act(isCritical) : undefined
  }

  /** Compute the bounds within which there is nothing to do, and be called when what is waited for is due. */
  #prepare(waitMs: number): void {
    // What was told, and collected, may have changed what is in use.
    const { usedBytes, limitBytes } = this.read()
    const { riseAt, fallAt } = this.#scale
    const margin = limitBytes / WAITING_PART
    const isWaiting = Number.isFinite(waitMs)
    const actor = this.#actor
    const actsFrom = (actor?.fromUsage ?? Number.POSITIVE_INFINITY) * limitBytes
    const isActing = actor !== undefined && (this.#scale.isCritical || usedBytes >= actsFrom)
    const most = isWaiting || isActing ? usedBytes + margin : usedBytes < actsFrom ? actsFrom - 1 : riseAt - 1
    this.#mostBytes = Math.min(riseAt - 1, most)
    this.#leastBytes = Math.max(fallAt + 1, isWaiting || isActing ? usedBytes - margin : 0)
    const { reserve } = this.#core
    if (reserve && !reserve.isHeld) this.#leastBytes = Math.max(this.#leastBytes, reserve.fillsFromBytes + 1)
    if (isWaiting) this.#callIn(waitMs)
    else this.#callOff()
  }

  #callIn(ms: number): void {
    const { clock } = this.#core
    const atMs = clock.nowMs() + ms
    if (atMs >= this.#timerMs) return
    this.#callOff()
    this.#timerMs = atMs
    // A heap that nobody holds is not to be held by what it waits for, which may be weeks.
    const self = new WeakRef(this)
    this.#timerOff = clock.setTimer(ms, () => {
      const monitor = self.deref()
      if (monitor) monitor.#callNow()
    })
  }

  #callNow(): void {
    this.#timerMs = Number.POSITIVE_INFINITY
    this.look()
  }

  #callOff(): void {
    this.#timerOff?.()
    this.#timerOff = undefined
    this.#timerMs = Number.POSITIVE_INFINITY
  }
}

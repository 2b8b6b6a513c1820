/**
 * Trimming: free memory of a heap and of its tenants goes back to the operating system. The kernel says MiB by MiB
 * which units may go (`kernel/region/trim.ts`), the page system (`platform/pages.ts`) lets them go, and the kernel
 * notes what has gone, so that it goes once. What lies behind the top of a range that the heap owns goes, too.
 *
 * Guarantee: what the kernel counts as given back was given back, also when the system refuses some of it.
 */
import {
  CHUNK_SHIFT,
  FLAG_OWNS_RANGE,
  HEAP_COMMITTED_AT,
  HEAP_END_AT,
  HEAP_FLAGS_AT,
  HEAP_FREE_AT,
  HEAP_LOW_AT,
  HEAP_NOTED_AT,
  HEAP_SCRATCH_AT,
  HEAP_TOP_AT,
  HEAP_TRIMMED_AT,
  HEAP_ZERO_FROM_AT,
  TRIM_REPORT_WORDS,
  UNIT_BYTES,
} from '../kernel/layout.js'
import { COLLECT_FULL } from '../kernel/object-layout.js'
import { checkOptions } from './arguments.js'
import type { HeapCore } from './core.js'
import { ArgumentError, PlatformError } from './errors.js'
import { MODES } from './modes.js'
import type { PageSystem } from './platform/pages.js'
import type { Bytes } from './types.js'

const CHUNK_UNITS = 256
const BITS_WORDS = TRIM_REPORT_WORDS - 1
/** A tick of decay that has given back so much leaves the rest to the next. */
const TICK_BYTES = 32 * 2 ** 20
/** Given back by one call behind the top. */
const BEHIND_STEP_BYTES = 2 ** 20

export interface TrimOptions {
  /** Collect all objects first, also those of tenants: what is garbage can go, too. Default false. */
  readonly collect?: boolean
  /** Ask the system how much of the heap's memory is resident, before and afterwards. Default true. */
  readonly residency?: boolean
}

/** What a trim has done. */
export interface TrimResult {
  /** Whether memory can be given back here at all. */
  readonly isSupported: boolean
  /** Why it cannot. */
  readonly reason?: string
  /** Given back to the system by this call, of the heap and its tenants, and behind what they hold. */
  readonly releasedBytes: Bytes
  /** Free memory in whole pages of the system that was looked at, given back now or before. */
  readonly examinedBytes: Bytes
  /** Resident of the heap's memory when the call began and when it ended, where the system tells. */
  readonly residentBefore?: Bytes
  readonly residentAfter?: Bytes
  /** How long it took, by the heap's clock. */
  readonly ms: number
}

/** What was found and done so far. */
interface Sums {
  released: number
  examined: number
  /** What the system has refused first. */
  error?: PlatformError
}

/** A look for what was idle, which is under way. */
interface Look {
  readonly sums: Sums
  readonly steps: Iterator<undefined, void>
}

/** What a tick of decay has come to. */
export interface IdleTick {
  /** Whether the look has ended. */
  readonly isDone: boolean
  /** What the system has refused first in this look, when it was in this tick. */
  readonly error?: PlatformError
}

/** Gives the memory of one heap back. */
export class Trimmer {
  readonly #core: HeapCore
  /** The words by which a look without news is seen to be one; undefined: look. */
  #idleWords: readonly number[] | undefined
  #look: Look | undefined
  /** Where `top` was at the last look for what was idle. */
  #idleTop = Number.POSITIVE_INFINITY

  constructor(core: HeapCore) {
    this.#core = core
  }

  get #pages(): PageSystem {
    return this.#core.pages
  }

  /** Why nothing can be given back; undefined when it can. */
  get obstacle(): string | undefined {
    if (MODES[this.#core.mode].build === 'embedded') {
      return "a heap of mode 'embedded' is one small buffer, of which nothing is given back"
    }
    if (this.#pages.can.decommit) return undefined
    return this.#pages.reason ?? 'the system takes no memory back'
  }

  get canTrim(): boolean {
    return this.obstacle === undefined
  }

  // ---- on request ---------------------------------------------------------------------------------------------------

  /** Give back all that is free. @throws ArgumentError, ClosedError, PlatformError */
  trim(options: TrimOptions): TrimResult {
    checkOptions('options', options, ['collect', 'residency'])
    const collects = checkFlag('collect', options.collect, false)
    const tellsResidency = checkFlag('residency', options.residency, true)
    this.#core.assertOpen()
    const beganMs = this.#core.clock.nowMs()
    const reason = this.obstacle
    const sums: Sums = { released: 0, examined: 0 }
    if (reason !== undefined) return { isSupported: false, reason, ...figures(sums), ms: 0 }
    const residentBefore = tellsResidency ? this.#core.residentBytes() : undefined
    this.#free(collects)
    this.#core.assertOpen()
    this.#release(sums)
    this.#core.tellTrim(sums.released, 'decommit')
    if (sums.error) throw sums.error
    const residentAfter = tellsResidency && !this.#core.isClosed ? this.#core.residentBytes() : undefined
    return {
      isSupported: true,
      ...figures(sums),
      ...(residentBefore !== undefined && { residentBefore }),
      ...(residentAfter !== undefined && { residentAfter }),
      ms: this.#core.clock.nowMs() - beganMs,
    }
  }

  /** Make free what is held without need. Listeners run, who may close the heap or end tenants. */
  #free(collects: boolean): void {
    for (const { core } of [...this.#core.tenants.tenancies()]) if (!core.isClosed) core.trimmer.#free(collects)
    const core = this.#core
    if (core.isClosed) return
    const space = core.objectsThatAre
    if (space && collects) space.collect(COLLECT_FULL)
    // Finalizers have run.
    if (core.isClosed) return
    if (space && !space.isCounted) core.plainKernel.finishSweep()
    if (space?.hasNursery) core.plainKernel.shortenNursery()
    core.releaseCaches()
    core.tenancy?.giveBack()
  }

  // ---- by decay -----------------------------------------------------------------------------------------------------

  /**
   * Give back what was free at the last look already, and note what is free now. Much of it takes several calls: each
   * goes on where the last one ended, and gives back `TICK_BYTES` or little more.
   */
  trimIdle(): IdleTick {
    this.#look ??= this.#newLook()
    const { sums, steps } = this.#look
    const { released, error } = sums
    let isDone = false
    while (!isDone && sums.released - released < TICK_BYTES) isDone = steps.next().done === true
    if (isDone) this.#look = undefined
    this.#core.tellTrim(sums.released - released, 'decommit')
    return { isDone, ...(sums.error !== error && { error: sums.error }) }
  }

  #newLook(): Look {
    const sums: Sums = { released: 0, examined: 0 }
    return { sums, steps: this.#steps(sums, true) }
  }

  // ---- what both do -------------------------------------------------------------------------------------------------

  #release(sums: Sums): void {
    const steps = this.#steps(sums, false)
    while (!steps.next().done);
  }

  /** Gives back a MiB or a little more in each step. Between two of them the heap may be used, and closed. */
  *#steps(sums: Sums, isIdleOnly: boolean): Generator<undefined, void> {
    for (const { core } of [...this.#core.tenants.tenancies()]) {
      if (!core.isClosed) yield* core.trimmer.#steps(sums, isIdleOnly)
    }
    if (this.#core.isClosed) return
    const words = this.#words()
    // What is free has not changed since a look that left nothing to be done.
    if (isIdleOnly && this.#idleWords?.every((word, i) => word === words[i])) return
    this.#idleWords = undefined
    const wasReleased = sums.released
    yield* this.#mibSteps(sums, isIdleOnly)
    if (!this.#core.isClosed) yield* this.#stepsBehind(sums, isIdleOnly)
    if (this.#core.isClosed) return
    const after = this.#words()
    const isNews = sums.released !== wasReleased || after.some((word, i) => word !== words[i])
    if (isIdleOnly && !isNews && !sums.error) this.#idleWords = after
  }

  *#mibSteps(sums: Sums, isIdleOnly: boolean): Generator<undefined, void> {
    const lastMib = () => (this.#core.word(HEAP_TOP_AT) - 1) >>> CHUNK_SHIFT
    for (let mib = this.#core.word(HEAP_LOW_AT) >>> CHUNK_SHIFT; mib <= lastMib(); mib++) {
      this.#releaseMib(mib, sums, isIdleOnly)
      yield
      if (this.#core.isClosed) return
    }
  }

  /** By decay only what lay behind the top at the last look. */
  *#stepsBehind(sums: Sums, isIdleOnly: boolean): Generator<undefined, void> {
    const since = isIdleOnly ? this.#idleTop : 0
    this.#idleTop = this.#core.word(HEAP_TOP_AT)
    while (!this.#core.isClosed && this.#releaseBehind(since, sums)) yield
  }

  /** Words of which some are others when free memory has become others'. */
  #words(): readonly number[] {
    const places = [
      HEAP_FREE_AT,
      HEAP_COMMITTED_AT,
      HEAP_NOTED_AT,
      HEAP_TRIMMED_AT,
      HEAP_TOP_AT,
      HEAP_ZERO_FROM_AT,
      HEAP_LOW_AT,
    ]
    return places.map((at) => this.#core.word(at))
  }

  #releaseMib(mib: number, sums: Sums, isIdleOnly: boolean): void {
    const { plainKernel: kernel, views } = this.#core
    const found = kernel.trimFind(mib, this.#pages.pageBytes, isIdleOnly ? 1 : 0)
    const scratch = this.#core.word(HEAP_SCRATCH_AT) >>> 2
    const report = views.u32.slice(scratch, scratch + TRIM_REPORT_WORDS)
    sums.examined += report[BITS_WORDS] as number
    if (found === 0) return
    const gone = new Uint32Array(BITS_WORDS)
    for (const [first, end] of stretches(report)) {
      const address = mib * 2 ** CHUNK_SHIFT + first * UNIT_BYTES
      if (!this.#decommit(address, (end - first) * UNIT_BYTES, sums)) continue
      for (let unit = first; unit < end; unit++) gone[unit >>> 5] = (gone[unit >>> 5] as number) | (1 << (unit & 31))
    }
    views.u32.set(gone, scratch)
    sums.released += kernel.trimMark(mib) >>> 0
  }

  /** Give back pages; whether they are gone. What the system refuses keeps no other pages from going. */
  #decommit(address: number, bytes: number, sums: Sums): boolean {
    try {
      return this.#pages.decommit(this.#core.memory, address, bytes)
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error
      sums.error ??= error
      return false
    }
  }

  /**
   * Of an owned range what lies behind the heap's top, from `since` on and as far as it was ever used: the last of it.
   * Whether there is more.
   */
  #releaseBehind(since: number, sums: Sums): boolean {
    const { memory, plainKernel, views } = this.#core
    if ((this.#core.word(HEAP_FLAGS_AT) & FLAG_OWNS_RANGE) === 0) return false
    const { pageBytes } = this.#pages
    const end = Math.min(this.#core.word(HEAP_END_AT), this.#core.word(HEAP_ZERO_FROM_AT), memory.buffer.byteLength)
    const first = Math.ceil(Math.max(this.#core.word(HEAP_TOP_AT), since) / pageBytes) * pageBytes
    const to = Math.floor(end / pageBytes) * pageBytes
    const from = Math.max(first, to - BEHIND_STEP_BYTES)
    if (to <= first || !this.#decommit(from, to - from, sums)) return false
    sums.examined += to - from
    sums.released += to - from
    // Where the end is none of a page: all from there on is to be zero.
    views.refresh()
    views.u8.fill(0, to, end)
    plainKernel.trimBehind(from)
    return from > first
  }
}

function figures({ released, examined }: Sums): Pick<TrimResult, 'releasedBytes' | 'examinedBytes'> {
  return { releasedBytes: released as Bytes, examinedBytes: examined as Bytes }
}

/** The stretches of set bits, as unit numbers: first, and end. */
function* stretches(bits: Uint32Array): IterableIterator<readonly [first: number, end: number]> {
  const isSet = (unit: number) => ((bits[unit >>> 5] as number) >>> (unit & 31)) & 1
  let unit = 0
  while (unit < CHUNK_UNITS) {
    while (unit < CHUNK_UNITS && !isSet(unit)) unit++
    const first = unit
    while (unit < CHUNK_UNITS && isSet(unit)) unit++
    if (unit > first) yield [first, unit]
  }
}

function checkFlag(name: string, given: unknown, fallback: boolean): boolean {
  if (given === undefined) return fallback
  if (typeof given === 'boolean') return given
  throw new ArgumentError(name, given, 'true or false')
}

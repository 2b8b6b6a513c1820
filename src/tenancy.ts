/**
 * What a tenant is to the heap around it: the pieces that it has borrowed, its limits, what happened to it, its end.
 * `Tenant` is a thin front over one of these; the tenant's own heap knows nothing of it but where growth comes from.
 *
 * Growth: the tenant's kernel asks for a piece in the middle of a call, and the parent's kernel lends it one at once.
 * No code of the user runs there. When the parent has none, the request fails in the tenant first: its caches, its
 * reclaimers, its collection. Only then, between calls, the parent makes room, in the same way, and it is tried again.
 * What comes to the tenant's own limit never reaches the parent.
 *
 * The end takes time in proportion to the pieces: they go back as they are, nothing in them is looked at.
 */
import {
  CHUNK_BYTES,
  HEAP_COMMITTED_AT,
  HEAP_LIMIT_REFUSALS_AT,
  PIECE_MAX_PAGES,
  STATUS_OK,
  WASM_PAGE_BYTES,
} from '../kernel/layout.js'
import { COLLECT_COMPACT, COLLECT_FULL } from '../kernel/object-layout.js'
import type { HeapCore } from './core.js'
import {
  ArgumentError,
  ClosedError,
  CorruptionError,
  OutOfMemoryError,
  outOfMemoryText,
  TenantLimitError,
} from './errors.js'
import type { LimitEvent, TenantEndCause } from './events.js'
import { type Kernel, watchedKernel } from './kernel-instance.js'
import { formatBytes } from './sizes.js'
import { checkLimits, firstBytes, type TenantLimitChanges, type TenantPlan } from './tenant-options.js'
import { addSums, type TenantSums } from './tenant-sums.js'
import { alignColumns } from './text-table.js'
import { type Address, NULL, type OutOfMemoryFigures, type TenantFigures } from './types.js'

/** Growth beyond `high` is acted upon and told at most once in this time. */
const HIGH_INTERVAL_MS = 1000

/** What a tenant had when it ended. */
export interface TenantEnd {
  /** What it held, all of which is its parent's again. */
  readonly bytes: number
  /** Blocks that were live. */
  readonly blocks: number
}

/** What a tenant holds, its limits and how often it met them, as text for people. */
export function formatTenant(figures: TenantFigures): string {
  const { heldBytes, min, low, high, max, events } = figures
  const sizes = { held: heldBytes, min, low, high, max }
  const rows = Object.entries(sizes).map(([name, bytes]) => [name, formatBytes(bytes)])
  const counts = Object.entries(events).map(([name, count]) => `${name} ${count}`)
  return `\ntenant\n${alignColumns(rows)}\nevents: ${counts.join(', ')}\n`
}

export class Tenancy {
  readonly id: string
  readonly parent: HeapCore
  plan: TenantPlan
  isEnded = false
  /** What it had when it ended. */
  #ended: TenantEnd | undefined
  #cause: TenantEndCause | undefined
  /** How often each limit was met, in the words of cgroup v2's memory.events. */
  readonly counts = { low: 0, high: 0, max: 0, oom: 0, oomKill: 0 }
  #core!: HeapCore
  /** Bytes by address. */
  readonly #pieces = new Map<Address, number>()
  readonly #onEnd: () => void
  /** Whether the last growth that was refused was refused by the parent. */
  #isParentShort = false
  #limitRefusals = 0
  #isHighDue = false
  #isPassingHigh = false
  #highActedMs = Number.NEGATIVE_INFINITY
  #watchOff: (() => void) | undefined

  constructor(id: string, parent: HeapCore, plan: TenantPlan, onEnd: () => void) {
    this.id = id
    this.parent = parent
    this.plan = plan
    this.#onEnd = onEnd
  }

  get label(): string {
    return `tenant '${this.id}'`
  }

  get heldBytes(): number {
    if (this.isEnded) return 0
    return this.#core.word(HEAP_COMMITTED_AT)
  }

  /** Where its control block lies, before there is one. */
  get home(): Address {
    return this.#pieces.keys().next().value ?? NULL
  }

  // ---- pieces -------------------------------------------------------------------------------------------------------

  /** Borrow the home piece, of `pages`. @throws OutOfMemoryError of the parent */
  borrowHome(pages: number): void {
    // Entered at once: what runs after it may end all tenants of the parent.
    const lend = () => {
      if (this.isEnded) throw new ClosedError(this.label, 'has ended')
      const home = this.parent.plainKernel.lend(pages, NULL) >>> 0
      if (home !== NULL) this.#enter(home as Address, pages)
      return home
    }
    if (lend() === NULL && this.parent.rescue(pages * WASM_PAGE_BYTES, lend) === NULL) {
      throw this.parent.outOfMemory(pages * WASM_PAGE_BYTES)
    }
    this.parent.pressure.lookSoon()
  }

  /** The growth hook of the tenant's kernel: the page at which a piece of `pages` begins, or -1. */
  borrow(pages: number): number {
    const piece = this.parent.plainKernel.lend(pages, this.home) >>> 0
    this.#isParentShort = piece === NULL
    if (piece === NULL) return -1
    this.#enter(piece as Address, pages)
    this.parent.pressure.lookSoon()
    const { highBytes } = this.plan
    if (highBytes !== undefined && this.heldBytes + pages * WASM_PAGE_BYTES > highBytes) this.#isHighDue = true
    return piece / WASM_PAGE_BYTES
  }

  /** A piece was refused before the parent was asked. */
  noteRefusal(): void {
    this.#isParentShort = true
  }

  /** What is longer than a run comes back MiB by MiB. */
  #enter(piece: Address, pages: number): void {
    const bytes = pages <= PIECE_MAX_PAGES ? pages * WASM_PAGE_BYTES : CHUNK_BYTES
    for (let at = 0; at < pages * WASM_PAGE_BYTES; at += bytes) this.#pieces.set((piece + at) as Address, bytes)
  }

  /** The tenant's kernel no longer holds the piece. */
  takeBack(piece: Address): void {
    if (!this.#pieces.delete(piece)) throw new CorruptionError(piece, `${this.label} gives back what it does not hold`)
    this.#return(piece)
  }

  #return(piece: Address): void {
    this.parent.pressure.lookSoon()
    if (this.parent.plainKernel.takeBack(piece) === STATUS_OK) return
    throw new CorruptionError(piece, `the piece that ${this.label} held is none of ${this.parent.label}`)
  }

  /** Give wholly free pieces back; the bytes. */
  giveBack(): number {
    if (this.isEnded) return 0
    const bytes = this.#core.untrapped(() => this.#core.kernel.giveBack()) >>> 0
    this.#core.tellTrim(bytes, 'giveBack')
    return bytes
  }

  /** Where the pieces lie: at multiples of 64 KiB, and whole ones. */
  pieces(): { readonly address: number; readonly bytes: number }[] {
    return Array.from(this.#pieces, ([address, bytes]) => ({ address, bytes }))
  }

  /** Whether `address` lies in one of the pieces. */
  holds(address: number): boolean {
    for (const [piece, bytes] of this.#pieces) if (address >= piece && address < piece + bytes) return true
    return false
  }

  // ---- begin and end ------------------------------------------------------------------------------------------------

  /** The tenant's heap has been made. */
  begin(core: HeapCore): void {
    this.#core = core
    this.#watchHigh()
  }

  /** Hold the least that is to be held, and the first bytes. @throws OutOfMemoryError of the parent */
  reserve(): void {
    const { maxBytes, minBytes } = this.plan
    const wanted = firstBytes(this.plan)
    this.#core.plainKernel.setBounds(maxBytes, minBytes)
    const reserve = () => this.#core.plainKernel.reserve(wanted)
    if (reserve() || this.parent.rescue(wanted, reserve)) return
    throw this.parent.outOfMemory(wanted - this.heldBytes)
  }

  /** Hold `bytes` for when memory runs out. @throws OutOfMemoryError of the parent, TenantLimitError */
  holdReserve(bytes: number): void {
    const core = this.#core
    if (bytes === 0 || core.holdReserve(bytes)) return
    if (this.rescue(bytes, () => (core.reserve?.fill() ? 1 : 0)) === 0) throw core.outOfMemory(bytes)
  }

  /** What the two kernels and this list say of the pieces that are held; undefined when they agree. */
  get fault(): string | undefined {
    return this.#sum() === this.heldBytes ? undefined : `${this.label} does not hold what it was lent`
  }

  /** End the tenant, all of whose memory goes back. @throws ClosedError when it has ended before */
  end(given: TenantEndCause): TenantEnd {
    this.#core.assertOpen()
    // Who ends it once more from a listener in the middle does not change why.
    const cause = this.#cause ?? given
    if (this.#cause === undefined && cause === 'kill') this.counts.oomKill++
    this.#cause = cause
    this.#core.tenants.endAll('close')
    // A listener may have ended it meanwhile.
    if (this.#ended) return this.#ended
    const ended = { bytes: this.#sum(), blocks: this.#liveBlocks() }
    this.#ended = ended
    this.noteRefusals()
    try {
      this.#core.close()
    } finally {
      this.parent.events.emit('tenantEnd', { tenant: this.id, heldBytes: ended.bytes, ...ended, cause })
    }
    return ended
  }

  /** The tenant's heap is closed: hand all pieces back, whatever is in them. */
  abandon(): void {
    this.isEnded = true
    this.#watchOff?.()
    this.#onEnd()
    const pieces = [...this.#pieces]
    this.#pieces.clear()
    // What the system keeps is lost to the parent until it is reset, which is better than stores to somebody's file.
    for (const [piece, bytes] of pieces) if (!this.#core.isStuck(piece, bytes)) this.#return(piece)
  }

  #sum(): number {
    let bytes = 0
    for (const piece of this.#pieces.values()) bytes += piece
    return bytes
  }

  /** Of a tenant that has overwritten its own structures, nobody can say: 0. */
  #liveBlocks(): number {
    const { base, plainKernel } = this.#core
    try {
      const count = () => (plainKernel.attach(base) === STATUS_OK ? plainKernel.liveBlocks() >>> 0 : 0)
      return this.#core.untrapped(count)
    } catch (error) {
      if (error instanceof CorruptionError) return 0
      throw error
    }
  }

  // ---- limits -------------------------------------------------------------------------------------------------------

  /** After the tenant's own means: whether the parent can make room. 0 when it cannot, or is not concerned. */
  rescue(requestedBytes: number, attempt: () => number): number {
    this.#isParentShort = false
    const found = attempt()
    if (found !== 0 || !this.#isParentShort) return found
    const rescued = this.parent.rescue(requestedBytes, attempt)
    // What reclaimers asked for in between says nothing of this request.
    this.#isParentShort = true
    return rescued
  }

  /** Requests that came to the limit, each counted once. */
  noteRefusals(): void {
    if (this.isEnded) return
    const refusals = this.#core.word(HEAP_LIMIT_REFUSALS_AT)
    if (refusals !== this.#limitRefusals) this.counts.max++
    this.#limitRefusals = refusals
  }

  /** A request has failed for good. Listeners run, who may end the tenant. */
  noteFailure(requestedBytes: number): void {
    if (this.#isParentShort || this.isEnded) return
    this.counts.oom++
    this.#tell('max', this.plan.maxBytes, requestedBytes)
  }

  /** The error for it, with the figures of this moment: to be made before anybody is told. */
  failure(figures: OutOfMemoryFigures, options: ErrorOptions): OutOfMemoryError {
    if (!this.#isParentShort) return new TenantLimitError(this.id, this.heldBytes, figures, options)
    const hint = `${this.parent.label} has none to lend where the tenant has no piece yet, one in each MiB`
    return new OutOfMemoryError(outOfMemoryText(this.label, figures, hint), figures, options)
  }

  /** The parent hears it first: a listener of the tenant may end it, and nobody is told after the end. */
  #tell(kind: LimitEvent['kind'], limitBytes: number, requestedBytes?: number): void {
    const figures = { kind, tenant: this.id, heldBytes: this.heldBytes, limitBytes }
    const event: LimitEvent = requestedBytes === undefined ? figures : { ...figures, requestedBytes }
    this.parent.events.emit('limit', event)
    if (!this.isEnded) this.#core.events.emit('limit', event)
  }

  /** A policy has taken memory although less than `low` was held. */
  noteLow(): void {
    this.counts.low++
    this.#tell('low', this.plan.lowBytes)
  }

  /**
   * Set other limits; those above a lower `max` come down with it.
   *
   * @throws ArgumentError; the limits are as they were then, but what could be spared has been given back
   */
  setLimits(given: TenantLimitChanges): void {
    const { plan } = this
    const { max = plan.maxBytes } = given
    const least = Math.max(plan.minBytes, this.#pieces.get(this.home) ?? 0)
    const { maxBytes } = checkLimits({ max, high: undefined, low: undefined }, this.parent.limitBytes, least)
    const { high = plan.highBytes && Math.min(plan.highBytes, maxBytes), low = Math.min(plan.lowBytes, maxBytes) } =
      given
    const limits = checkLimits({ max, high: high ?? undefined, low }, this.parent.limitBytes, least)
    if (limits.maxBytes < this.heldBytes) this.#shrinkTo(limits.maxBytes)
    const { plainKernel } = this.#core
    if (plainKernel.setBounds(limits.maxBytes, plan.minBytes) !== STATUS_OK) {
      const expected = `at least ${this.heldBytes}, the bytes that ${this.label} holds and cannot give back`
      throw new ArgumentError('max', given.max, expected)
    }
    this.plan = { ...plan, ...limits }
    this.#watchHigh()
    this.#core.pressure.look()
  }

  /** Give back what can be spared until `bytes` or less are held: free memory first, then what is garbage. */
  #shrinkTo(bytes: number): void {
    if (this.#giveBackTo(bytes)) return
    for (const kind of this.#core.objectSpace?.isCounted ? [COLLECT_FULL] : [COLLECT_FULL, COLLECT_COMPACT]) {
      this.#core.objectSpace?.collect(kind)
      if (this.#giveBackTo(bytes)) return
    }
  }

  /**
   * Give free memory back; whether no more than `bytes` are held then. Listeners, and who ran before, may have ended the
   * tenant, which holds nothing then.
   */
  #giveBackTo(bytes: number): boolean {
    if (!this.isEnded) this.#core.releaseCaches()
    this.giveBack()
    return this.heldBytes <= bytes
  }

  /** Look at each call that may have grown, as long as there is a limit to look for. */
  #watchHigh(): void {
    this.#watchOff?.()
    this.#watchOff = undefined
    if (this.plan.highBytes === undefined) return
    const wrap = (kernel: Kernel) => watchedKernel(kernel, () => this.#actOnHigh())
    this.#watchOff = this.#core.interpose({ name: 'high limit', wrap })
  }

  #actOnHigh(): void {
    const { highBytes } = this.plan
    if (!this.#isHighDue || this.#isPassingHigh || highBytes === undefined || this.isEnded) return
    const nowMs = this.#core.clock.nowMs()
    if (nowMs - this.#highActedMs < HIGH_INTERVAL_MS) return
    this.#isHighDue = false
    // What made it due may have been given back while others acted.
    if (this.heldBytes <= highBytes) return
    this.#highActedMs = nowMs
    this.#isPassingHigh = true
    try {
      this.counts.high++
      this.#tell('high', highBytes)
      this.#shrinkByAllMeans(highBytes)
    } finally {
      this.#isPassingHigh = false
    }
  }

  /** The same with reclaimers, in the order of a request that fails: what they let go of may be garbage only then. */
  #shrinkByAllMeans(bytes: number): void {
    if (this.#giveBackTo(bytes)) return
    this.#core.reclaimers.runUntil(this.heldBytes - bytes, () => this.#giveBackTo(bytes))
    this.#shrinkTo(bytes)
  }

  // ---- figures ------------------------------------------------------------------------------------------------------

  /** How often it and its tenants, living and ended, met their limits and ended. */
  get sums(): TenantSums {
    if (!this.isEnded) this.noteRefusals()
    return addSums(this.#core.tenants.sums, { ended: this.isEnded ? 1 : 0, ...this.counts })
  }

  figures(usedBytes: number, peakBytes: number, blocks: number): TenantFigures {
    const { minBytes, lowBytes, highBytes, maxBytes } = this.plan
    this.noteRefusals()
    return {
      id: this.id,
      heldBytes: this.heldBytes,
      usedBytes,
      peakBytes,
      blocks,
      min: minBytes,
      low: lowBytes,
      high: highBytes ?? maxBytes,
      max: maxBytes,
      events: { ...this.counts },
    }
  }
}

/**
 * What the parts of one heap share: its memory and views, its kernel, its events and reclaimers, and the way a request
 * fails.
 * `Heap`, arenas, pools and guards are thin fronts over one of these.
 *
 * Failure of a request: the kernel answers 0 -> the pages kept at hand are given back -> reclaimers, highest priority
 * first -> a collection, each of these followed by another try -> the reserve is given back -> the event `outOfMemory`
 * -> the typed error (or 0, for the calls that promise it). Until then nothing has changed.
 *
 * Objects: the modes that collect have them from the start. A `manual` heap, which is made with the kernel for blocks
 * alone, gets the counted kernel in its place when objects are first used: another instance over the same memory, bound
 * to the same control block.
 *
 * Watchers: events that tell of kernel calls cost nothing until somebody listens. Then `kernel`, which calls go through,
 * is exchanged for one with an interposer around it (`interposer.ts`), and for the plain one again when nobody does.
 */
import {
  FLAG_COUNTED,
  HEAP_END_AT,
  HEAP_FLAGS_AT,
  HEAP_GENERATION_AT,
  HEAP_LIMIT_AT,
  HEAP_SPACE_AT,
  REPORT_GIVEN_BACK,
  REQUEST_MAX_BYTES,
  STATUS_OK,
} from '../kernel/layout.js'
import { Attempts } from './attempts.js'
import { BlockWatch } from './block-watch.js'
import type { ModeChoice } from './choose.js'
import { type Clock, SYSTEM_CLOCK } from './clock.js'
import { ChannelConnection } from './diagnostics.js'
import { ClosedError, CorruptionError, OutOfMemoryError, outOfMemoryText, UnsupportedError } from './errors.js'
import { EventHub, type HeapEventName, ReclaimerList, type TrimEvent } from './events.js'
import type { Origin } from './fork.js'
import { GrowthWatch } from './growth-watch.js'
import { type Interposer, InterposerStack } from './interposer.js'
import {
  type Build,
  instantiate,
  type Kernel,
  type KernelHost,
  kernelWith,
  OBJECTS_FEATURE,
  refusingKernel,
} from './kernel-instance.js'
import { MappedFileList } from './mapped-files.js'
import { giveBackAll, LOAD_FROM_BYTES, touchedBytes } from './memory-end.js'
import { MODES } from './modes.js'
import type { ObjectPlan } from './objects/plan.js'
import type { ObjectSpace } from './objects/space.js'
import type { AdviceResult } from './page-calls.js'
import { noteHeapClosed, noteHeapOpened } from './platform/fork-memory.js'
import { type PageHints, type PageSystem, pageSystem, pageSystemIfChosen } from './platform/pages.js'
import { COLLECT_AFTER_FREES, type DuePlan, HeapCollector } from './policy.js'
import { checkPressure, PressureMonitor, type PressurePlan } from './pressure.js'
import { ProtectionInterposer, type ProtectionTable, protectionOf } from './protection.js'
import { OutOfMemoryReserve } from './reserve.js'
import { ShieldedView } from './shielded-view.js'
import { outOfMemoryFigures } from './stats.js'
import type { Tenancy } from './tenancy.js'
import { TenantList } from './tenants.js'
import { Trimmer } from './trim.js'
import { type DecayPlan, TrimDecay } from './trim-decay.js'
import { type Address, type Bytes, type GrowthKnob, type ModeName, NULL, type OutOfMemoryFigures } from './types.js'
import { Views } from './views.js'

/** Whole pages of the system. */
export interface PageRange {
  readonly address: number
  readonly bytes: number
}

const WASM_PAGE_BYTES = 65536
/** What the space of counted objects takes, for messages. */
const SPACE_BYTES = 4096

export interface CoreOptions {
  readonly memory: WebAssembly.Memory
  readonly debug: boolean
  readonly name: string
  readonly mode: ModeName
  readonly choice?: ModeChoice | undefined
  readonly growth: GrowthKnob | undefined
  readonly clock?: Clock | undefined
  readonly pages?: PageSystem | undefined
  readonly pressure?: PressurePlan | undefined
  readonly due?: DuePlan | undefined
  readonly decay?: DecayPlan | undefined
  /** Of a tenant: what it is to the heap that lends it memory. */
  readonly tenancy?: Tenancy | undefined
}

export class HeapCore {
  /** What it was made with. */
  readonly options: CoreOptions
  readonly memory: WebAssembly.Memory
  readonly views: Views
  readonly name: string
  readonly mode: ModeName
  readonly choice: ModeChoice | undefined
  /** Whether the builds with assertions are wanted. */
  readonly isDebug: boolean
  readonly clock: Clock
  readonly reclaimers = new ReclaimerList()
  /** What is held for the handling of failures; none in most heaps. */
  reserve: OutOfMemoryReserve | undefined
  readonly events = new EventHub()
  readonly pressure: PressureMonitor
  /** Collects this heap and its tenants. */
  readonly collector: HeapCollector
  /** What in the memory must not be written. */
  readonly protection: ProtectionTable
  #hints: PageHints | undefined
  #leaveProtection: (() => void) | undefined
  #interposerOff: (() => void) | undefined
  /** Gives free memory back to the system, on request and after a delay. */
  readonly trimmer: Trimmer
  readonly decay: TrimDecay | undefined
  /** Where this heap's memory comes from, if it is a tenant. */
  readonly tenancy: Tenancy | undefined
  /** Those who have some of this heap's memory. */
  readonly tenants: TenantList
  /** Files in its memory. */
  readonly mappedFiles = new MappedFileList(this)
  /** The kernel's functions as calls must take them now: plain, interposed, or refusing once the heap is closed. */
  #kernel: Kernel
  #onKernel: ((bare: Kernel, isBare: boolean) => void) | undefined
  /** Address of the control block. */
  base: Address = NULL
  /**
   * Place of the reset count in `views.u32`: arenas, pools and guards compare it with what it was when they were made.
   */
  generationIndex = 0
  /** Where objects live; only in the modes that have them, and in `manual` once they were used. */
  objectSpace: ObjectSpace | undefined
  #makeObjects: (() => ObjectSpace) | undefined
  readonly #givenPages: PageSystem | undefined
  readonly #host: KernelHost
  readonly #debug: boolean
  #build: Build
  #plainKernel: Kernel
  /** Kept so that the channels know of this heap. */
  readonly #channels: ChannelConnection
  /** Every kernel that was ever bound to the heap. */
  readonly #instances: Kernel[] = []
  readonly #interposers = new InterposerStack()
  #growthWatch: GrowthWatch | undefined
  /** How its objects are kept, from the start or once they are used. */
  objectPlan: ObjectPlan | undefined
  /** How often it was forked; what else it is itself a fork of. */
  forks = 0
  origin: Origin | undefined
  #isReporting = false
  /** Whether code of the user is asked in the middle of a kernel call. */
  #isAskingToGrow = false
  #isClosed = false

  constructor(options: CoreOptions) {
    this.options = options
    this.memory = options.memory
    this.name = options.name
    this.mode = options.mode
    this.choice = options.choice
    this.isDebug = options.debug
    this.clock = options.clock ?? options.tenancy?.parent.clock ?? SYSTEM_CLOCK
    this.#givenPages = options.pages
    this.tenancy = options.tenancy
    this.tenants = new TenantList(this)
    this.views = new Views(options.memory)
    this.#debug = options.debug
    this.#build = MODES[options.mode].build
    this.#host = {
      grow: (pages) => this.#grow(pages, options.growth),
      report: (code, argument) => {
        if (code === REPORT_GIVEN_BACK) this.tenancy?.takeBack(argument as Address)
        else this.objectSpace?.report(code, argument)
      },
      missing: (feature) => new UnsupportedError(this.mode, feature),
    }
    const kernel = instantiate(options.memory, this.#build, options.debug, this.#host)
    this.#instances.push(kernel)
    // In `compiler` mode every block comes from the bump allocator, which has an entry of its own.
    this.#plainKernel = options.mode === 'compiler' ? kernelWith(kernel, { alloc: kernel.bumpAlloc }) : kernel
    this.#kernel = this.#plainKernel
    this.pressure = new PressureMonitor(this, options.pressure ?? checkPressure())
    this.collector = new HeapCollector(this, options.due ?? { frees: COLLECT_AFTER_FREES, countsFrees: false })
    this.trimmer = new Trimmer(this)
    this.decay = options.decay && new TrimDecay(this, options.decay)
    this.interposeFor(['grow'], () => {
      this.#growthWatch = new GrowthWatch(this.events)
      return this.#growthWatch
    })
    this.interposeFor(['allocated', 'freed'], () => new BlockWatch(this))
    this.#channels = new ChannelConnection(this.name, this.events)
    this.protection = protectionOf(options.memory)
    this.views.onGrowth = () => this.protection.renew()
    this.#leaveProtection = this.protection.join(this)
    if (!options.tenancy) noteHeapOpened(options.memory)
  }

  /** Say where the control block lies, once there is one. */
  place(base: Address): void {
    this.base = base
    this.generationIndex = (base + HEAP_GENERATION_AT) >>> 2
    // Watchers that were put on before, by subscribers of channels, look at the words of this one from now on.
    this.#useInterposed()
  }

  get kernel(): Kernel {
    return this.#kernel
  }

  /** Pages of the system that this runs on, unless others were given. */
  get pages(): PageSystem {
    return this.#givenPages ?? this.tenancy?.parent.pages ?? pageSystem()
  }

  /** @throws UnsupportedError in a mode without objects; OutOfMemoryError when they come late and find no room */
  get objects(): ObjectSpace {
    return this.objectSpace ?? this.#objectsLate()
  }

  /** Make objects, by `make`, when they are first used. */
  offerObjects(make: () => ObjectSpace): void {
    this.#makeObjects = make
  }

  /** The counted objects that somebody else has begun in this heap, or that were used here. */
  get objectsThatAre(): ObjectSpace | undefined {
    const isThere = this.objectSpace === undefined && (this.word(HEAP_FLAGS_AT) & FLAG_COUNTED) !== 0
    return isThere ? this.#objectsLate() : this.objectSpace
  }

  #objectsLate(): ObjectSpace {
    this.assertOpen()
    const make = this.#makeObjects
    if (!make) throw new UnsupportedError(this.mode, OBJECTS_FEATURE)
    this.#become('counted')
    const hasSpace = () => (this.word(HEAP_SPACE_AT) !== 0 || this.#plainKernel.spaceCreate(0) === STATUS_OK ? 1 : 0)
    if (!hasSpace()) this.rescueOrThrow(SPACE_BYTES, hasSpace, false)
    // A reclaimer may have used objects meanwhile.
    this.objectSpace ??= make()
    return this.objectSpace
  }

  /** Go on with another build of the kernel. */
  #become(build: Build): void {
    if (this.#build === build) return
    const kernel = instantiate(this.memory, build, this.#debug, this.#host)
    if (kernel.attach(this.base) !== STATUS_OK) {
      throw new CorruptionError(this.base, "the control block's fields contradict each other")
    }
    this.#build = build
    this.#plainKernel = kernel
    this.#instances.push(kernel)
    this.#useInterposed()
  }

  /**
   * Call `listener` now, and whenever calls must take another kernel. A place that is called often keeps to the bare
   * functions and goes another way while they must not be taken: where functions of several kernels were ever called,
   * every later call is slower by 2 ns. (`node dist/bench/main.js --filter events`)
   */
  followKernel(listener: (bare: Kernel, isBare: boolean) => void): void {
    this.#onKernel = listener
    this.#tellKernel()
  }

  #use(kernel: Kernel): void {
    this.#kernel = kernel
    this.#tellKernel()
  }

  /** Bare functions may be taken when nobody watches, and the heap is open. */
  #tellKernel(): void {
    this.#onKernel?.(this.#plainKernel, this.#kernel === this.#plainKernel)
  }

  // ---- watching the kernel's calls ----------------------------------------------------------------------------------

  /**
   * Put `interposer` around the kernel that calls go through, outside of those that are there. The function given back
   * takes it off; harmless twice, and after the heap was closed. A call that is under way ends as it began.
   */
  interpose(interposer: Interposer): () => void {
    if (this.#isClosed) return () => {}
    const off = this.#interposers.add(interposer)
    try {
      this.#useInterposed()
    } catch (error) {
      off()
      throw error
    }
    return () => {
      if (off() && !this.#isClosed) this.#useInterposed()
    }
  }

  /** Keep an interposer that `make` gives on while one of `events` has a listener. */
  interposeFor(events: readonly HeapEventName[], make: () => Interposer): void {
    let off: (() => void) | undefined
    this.events.whenWanted(events, (isWanted) => {
      off?.()
      off = isWanted ? this.interpose(make()) : undefined
    })
  }

  /** Whether an interposer wants objects to be made by the kernel alone. */
  get seesObjects(): boolean {
    return this.#interposers.seesObjects
  }

  #useInterposed(): void {
    this.#use(this.#interposers.around(this.#plainKernel, this))
    this.objectSpace?.followInterposers()
  }

  /** Keep off what is protected in the memory, or no longer: there is none. */
  shield(isOn: boolean): void {
    this.views.shield(isOn ? new ShieldedView(this.views, this.protection) : undefined)
    this.#interposerOff?.()
    this.#interposerOff = isOn ? this.interpose(new ProtectionInterposer(this.protection)) : undefined
  }

  // ---- pages of the system -----------------------------------------------------------------------------------------

  /** The whole pages of the system that the heap's memory lies in, as it is now. */
  pageRanges(): readonly PageRange[] {
    const { pageBytes } = this.pages
    if (this.tenancy) return this.tenancy.pieces()
    const { base, end } = this.range
    const address = Math.floor(base / pageBytes) * pageBytes
    const last = Math.min(Math.ceil(end / pageBytes) * pageBytes, this.memory.buffer.byteLength)
    return last > address ? [{ address, bytes: last - address }] : []
  }

  /** What the system holds of the heap's memory; undefined where it does not tell. */
  residentBytes(): Bytes | undefined {
    let sum = 0
    for (const { address, bytes } of this.pageRanges()) {
      const resident = this.pages.residentBytes(this.memory, address, bytes)
      if (resident === undefined) return undefined
      sum += resident
    }
    return sum as Bytes
  }

  /** Whether the system has kept a file or protection of this heap over some of a range: nobody must store there. */
  isStuck(address: number, bytes: number): boolean {
    const end = address + bytes
    if (this.mappedFiles.spans.some(({ from, to }) => from < end && to > address)) return true
    const own = this.protection.ranges.filter(({ owner }) => owner === this)
    return own.some((range) => range.address < end && range.address + range.bytes > address)
  }

  /** Tell the system hints, and again of what the memory grows by. */
  advise(hints: PageHints): AdviceResult {
    this.#hints = { ...this.#hints, ...hints }
    const [range = { address: 0, bytes: 0 }] = this.pageRanges()
    const { pages } = this
    const { reason } = pages
    return { ...pages.advise(this.memory, range.address, range.bytes, hints), ...(reason !== undefined && { reason }) }
  }

  // ---- state --------------------------------------------------------------------------------------------------------

  /** `heap 'name'`, for messages. */
  get label(): string {
    if (this.tenancy) return this.tenancy.label
    return this.name === 'heap' ? 'heap' : `heap '${this.name}'`
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  assertOpen(): void {
    if (this.#isClosed) throw this.#closedError()
  }

  #closedError(): ClosedError {
    return new ClosedError(this.label, this.tenancy && 'has ended')
  }

  /** A word of the control block, by its offset from `kernel/layout.ts`. */
  word(at: number): number {
    this.assertOpen()
    this.views.refresh()
    return this.views.u32[(this.base + at) >>> 2] as number
  }

  get limitBytes(): number {
    return this.word(HEAP_LIMIT_AT)
  }

  /** The range the heap may use; a tenant's pieces lie anywhere in that of the heap at the root. */
  get range(): { readonly base: number; readonly end: number } {
    if (this.tenancy) return this.tenancy.parent.range
    return { base: this.base, end: this.word(HEAP_END_AT) }
  }

  get generation(): number {
    return this.word(HEAP_GENERATION_AT)
  }

  /** The bare functions, unwatched. */
  get plainKernel(): Kernel {
    this.assertOpen()
    return this.#plainKernel
  }

  close(): void {
    if (this.#isClosed) return
    // What fails in between, such as the last flush of a file, is thrown when all is done.
    const attempts = new Attempts()
    attempts.make(() => this.tenants.endAll('close'))
    // Whoever was told of their end may have closed this one.
    if (!this.#isClosed) {
      const isLarge = !this.tenancy && touchedBytes(this) >= LOAD_FROM_BYTES
      attempts.make(() => this.mappedFiles.endAll())
      // Nobody would ever lift it, and the memory may be used on.
      attempts.make(() => this.protection.removeOf(this))
      attempts.make(() => this.#letGo(isLarge))
    }
    attempts.settle()
  }

  #letGo(isLarge: boolean): void {
    this.#isClosed = true
    this.#leaveProtection?.()
    this.pressure.close()
    this.decay?.close()
    this.#use(refusingKernel(() => this.#closedError()))
    this.views.close()
    this.objectSpace?.close()
    // What a tenant had is somebody else's now: who still has its bare functions must not reach it.
    if (this.tenancy) for (const kernel of this.#instances) kernel.detach()
    try {
      // Before anybody is told, who may ask the heap around for its figures.
      this.tenancy?.abandon()
      if (!this.tenancy) {
        noteHeapClosed(this.memory, () => this.#emptyMemory(isLarge))
      }
    } finally {
      this.events.emit('close', { name: this.name })
      this.#channels.close()
    }
  }

  /** Not in the middle of a kernel call, which goes on with what it finds. */
  #emptyMemory(isLarge: boolean): boolean {
    if (this.#isAskingToGrow) return false
    const pages = isLarge ? this.pages : (this.#givenPages ?? pageSystemIfChosen())
    return giveBackAll(this.memory, pages)
  }

  // ---- growth -------------------------------------------------------------------------------------------------------

  /** The kernel's hook: grow by `pages`, give the previous size in pages or -1. Runs in the middle of a kernel call. */
  #grow(pages: number, allows: GrowthKnob | undefined): number {
    if (allows && !this.#mayGrow(pages, allows)) {
      this.tenancy?.noteRefusal()
      return -1
    }
    if (this.tenancy) return this.#borrow(pages, this.tenancy)
    let previous: number
    try {
      previous = this.protection.lifted(() => this.memory.grow(pages))
    } catch {
      return -1
    }
    if (this.#hints) this.pages.advise(this.memory, previous * WASM_PAGE_BYTES, pages * WASM_PAGE_BYTES, this.#hints)
    this.#growthWatch?.note(previous * WASM_PAGE_BYTES, (previous + pages) * WASM_PAGE_BYTES)
    // It may be in a call of a tenant, after which nobody would tell.
    if (this.#growthWatch && this.tenants.count > 0) queueMicrotask(() => this.#growthWatch?.tell())
    return previous
  }

  #mayGrow(pages: number, allows: GrowthKnob): boolean {
    const wasAsking = this.#isAskingToGrow
    this.#isAskingToGrow = true
    try {
      return allows(pages)
    } finally {
      this.#isAskingToGrow = wasAsking
    }
  }

  /** The same of a tenant. The memory itself grows when its parent has to; listeners here are told, too. */
  #borrow(pages: number, tenancy: Tenancy): number {
    const previousBytes = this.#growthWatch ? this.memory.buffer.byteLength : 0
    const page = tenancy.borrow(pages)
    if (this.#growthWatch && this.memory.buffer.byteLength > previousBytes) {
      this.#growthWatch.note(previousBytes, this.memory.buffer.byteLength)
    }
    return page
  }

  // ---- failure ------------------------------------------------------------------------------------------------------

  /**
   * What `attempt`, which has failed once, gives after room was made: by the pages that the heap keeps for the next
   * small blocks, then by reclaimers, then by a collection where there are objects: what reclaimers let go of may be
   * garbage only now. Each is followed by another try. 0 when no room could be made, and at once for a request that no
   * heap could meet.
   *
   * @param collects whether to collect here; calls for objects collect by themselves in each try
   */
  rescue(requestedBytes: number, attempt: () => number, collects = this.objectSpace !== undefined): Address {
    // What reclaimers threw for an earlier request that ended in another error is not this one's cause.
    this.reclaimers.takeCause()
    if (requestedBytes > REQUEST_MAX_BYTES) return NULL
    const again = () => this.untrapped(attempt)
    const found =
      (this.#releaseCaches() !== 0 && again()) ||
      this.#reclaimAndCollect(requestedBytes, again, collects) ||
      (this.tenancy?.rescue(requestedBytes, again) ?? 0)
    this.tenancy?.noteRefusals()
    // Finalizers run now, when the request has what it needs.
    if (collects) this.objectSpace?.settle()
    if (found === 0) return NULL
    // What was thrown on the way is nobody's concern any more.
    this.reclaimers.takeCause()
    if (!this.#isClosed) this.reserve?.fillIfRoom()
    return (found >>> 0) as Address
  }

  /** The reclaimers of this heap, then its collection, each followed by another try; 0 when none helped. */
  #reclaimAndCollect(requestedBytes: number, again: () => number, collects: boolean): number {
    const hasReclaimed = this.reclaimers.canRun
    // The tries in between do without collections, as far as those can be put off: one is due when all have run.
    const reclaimed = this.reclaimers.rescue(requestedBytes, () =>
      this.objectSpace ? this.objectSpace.withoutCollections(again) : again(),
    )
    if (reclaimed !== 0) return reclaimed
    // Reclaimers may have begun objects, or let go of many: collections are worth while again.
    if (hasReclaimed) this.objectSpace?.allowCollections()
    if (collects) return this.objectSpace?.collectAndTry(again) ?? 0
    return hasReclaimed && this.objectSpace ? again() : 0
  }

  /** What is kept for the next small blocks, and what tenants hold and do not use. */
  #releaseCaches(): number {
    if (MODES[this.mode].build === 'embedded') return 0
    const bytes = this.tenants.giveBack()
    return bytes + this.untrapped(() => this.releaseCaches())
  }

  /** Give back what is kept for the next small blocks; the bytes. */
  releaseCaches(): number {
    const bytes = this.kernel.releaseCaches() >>> 0
    this.tellTrim(bytes, 'caches')
    return bytes
  }

  /** Tell that bytes were given back, if any were. */
  tellTrim(bytes: number, cause: TrimEvent['cause']): void {
    if (bytes > 0 && !this.#isClosed) this.events.emit('trim', { bytes, cause })
  }

  /** What `call` gives. The kernel traps on no argument: when it does, somebody has overwritten the control block. */
  untrapped<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error
      throw new CorruptionError(this.base, "the kernel trapped: the heap's own structures were overwritten", {
        cause: error,
      })
    }
  }

  /** Like `rescue`; throws when no room was made. */
  rescueOrThrow(requestedBytes: number, attempt: () => number, collects?: boolean): Address {
    const address = this.rescue(requestedBytes, attempt, collects)
    if (address === NULL) throw this.outOfMemory(requestedBytes)
    return address
  }

  /** An address for `bytes` from `attempt`, after reclaimers if need be. */
  request(bytes: number, attempt: () => number): Address {
    this.assertOpen()
    const address = bytes <= REQUEST_MAX_BYTES ? ((attempt() >>> 0) as Address) : NULL
    return address !== NULL ? address : this.rescueOrThrow(bytes, attempt)
  }

  /** Announce that a request has failed for good; the error that says so. */
  outOfMemory(requestedBytes: number): OutOfMemoryError {
    // Who catches it may drop what can be spared: the next request may collect again.
    this.objectSpace?.allowCollections()
    const options = this.reclaimers.takeCause()
    const figures = this.untrapped(() => outOfMemoryFigures(this, requestedBytes))
    const error =
      this.tenancy?.failure(figures, options) ??
      new OutOfMemoryError(outOfMemoryText(this.label, figures), figures, options)
    this.#giveBackReserve()
    this.tenancy?.noteFailure(requestedBytes)
    this.#tellOutOfMemory(figures)
    return error
  }

  /** The same for a call that does not throw: the figures cost a walk over the free runs, so only when asked for. */
  announceOutOfMemory(requestedBytes: number): void {
    this.reclaimers.takeCause()
    const isAsked = this.events.has('outOfMemory')
    const figures = isAsked ? this.untrapped(() => outOfMemoryFigures(this, requestedBytes)) : undefined
    this.#giveBackReserve()
    this.tenancy?.noteFailure(requestedBytes)
    if (figures) this.#tellOutOfMemory(figures)
  }

  /** Hold a reserve from now on. False: there is no room for it. */
  holdReserve(bytes: number): boolean {
    this.reserve = new OutOfMemoryReserve(this, bytes)
    return this.reserve.fill()
  }

  /** A reclaimer's own failing request is no failure yet: the reserve is not for what it is to make room for. */
  #giveBackReserve(): void {
    if (!this.reclaimers.isRunning) this.untrapped(() => this.reserve?.release())
  }

  #tellOutOfMemory(figures: OutOfMemoryFigures): void {
    // A listener whose own request fails is told by its error, not by another event; and who heard of a limit may have
    // ended this heap.
    if (this.#isReporting || this.#isClosed) return
    this.#isReporting = true
    this.events.emit('outOfMemory', figures)
    this.#isReporting = false
  }
}

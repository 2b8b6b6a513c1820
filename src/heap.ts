/**
 * `Heap`: the front door. Each call checks its arguments, calls the kernel once and tests the answer once; everything
 * else is out of line. The work is done in `kernel/`; what the parts of a heap share is in `core.ts`.
 *
 * ```ts
 * using heap = Heap.create({ limit: '256MiB' })
 * const p = heap.alloc(64)
 * heap.writeI32(p, 42)
 * heap.free(p)
 * ```
 */
import {
  CODE_BLOCK,
  CODE_BUMP_BLOCK,
  CODE_POOL_BLOCK,
  CODE_RUN,
  FLAG_PIECES,
  HEAP_FAULT_AT,
  HEAP_FLAGS_AT,
  HEAP_STATUS_AT,
  HEAP_VERSION_AT,
  LAYOUT_VERSION,
  REQUEST_MAX_BYTES,
  STATUS_BAD_ARGUMENT,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_SIZE_MISMATCH,
} from '../kernel/layout.js'
import { CheckedAccess, LiveView, makeView, type TypedArray, type TypedArrayConstructor } from './access.js'
import { Arena, type ArenaOptions, FixedArena, type FixedArenaOptions } from './arena.js'
import { checkAddress, checkAlignment, checkOptions, checkPlace, checkRange, checkSize } from './arguments.js'
import type { ModeChoice } from './choose.js'
import { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ArgumentError, CorruptionError, OutOfMemoryError } from './errors.js'
import type { HeapEventName, Listener, Reclaimer } from './events.js'
import { addressError, sizeMismatchError } from './faults.js'
import type { TraceEvents } from './formats/trace-events.js'
import { BlockGuard, Guard } from './guard.js'
import { type Snapshot, type SnapshotOptions, type SnapshotSource, takeSnapshot } from './inspect/snapshot.js'
import type { Kernel } from './kernel-instance.js'
import { type MetricOptions, type MetricSample, readSamples } from './metrics/samples.js'
import { CountedAccess } from './objects/counted.js'
import { isStruct } from './objects/kinds.js'
import type { ObjectPlan } from './objects/plan.js'
import { ObjectSpace } from './objects/space.js'
import type { Struct } from './objects/struct.js'
import type { View } from './objects/types.js'
import {
  attachedObjects,
  checkAttachOptions,
  checkMemory,
  findHeap,
  type HeapPlan,
  leastBytes,
  planHeap,
  startOf,
  tooSmall,
} from './options.js'
import {
  type AutoCollectOptions,
  type CollectionPolicy,
  checkPolicy,
  type PolicyPlan,
  type TenantCollection,
} from './policy.js'
import { POOL_BLOCK_MAX_BYTES, Pool, type PoolOptions } from './pool.js'
import type { HeapPressure } from './pressure.js'
import { type ProfileOptions, Profiler } from './profile/profiler.js'
import { type RecordTraceOptions, recentTraceEvents, TraceRecorder } from './profile/trace-recorder.js'
import { RawAccess } from './raw.js'
import { tellCreated } from './serve/created.js'
import type { HeapServer, ServeOptions } from './serve/options.js'
import { parseSize } from './sizes.js'
import { formatStats, readStats } from './stats.js'
import { type WriteStatsOptions, writeStats } from './stats-file.js'
import { formatTenant, type Tenancy, type TenantEnd } from './tenancy.js'
import type { TenantLimits, TenantOptions } from './tenant-options.js'
import type { TenantParts } from './tenants.js'
import {
  type Address,
  type AttachOptions,
  type BlockInfo,
  type Bytes,
  type HeapOptions,
  type HeapStats,
  type ModeName,
  NULL,
  type Size,
  type TenantStats,
  type VerifyResult,
} from './types.js'
import { faultText } from './verify.js'

const ARENA_CHUNK_MIN_BYTES = 1024
const ARENA_CHUNK_MAX_BYTES = 256 * 2 ** 20
const ARENA_CHUNK_BYTES = 2 * 2 ** 20

/** Kind of a block by its map code; a huge block is what is left. */
const BLOCK_KINDS: Readonly<Record<number, BlockInfo['kind']>> = {
  [CODE_BLOCK]: 'small',
  [CODE_RUN]: 'run',
  [CODE_BUMP_BLOCK]: 'bump',
  [CODE_POOL_BLOCK]: 'pool',
}

/** How to collect a heap and its tenants. */
export interface CollectTenantsOptions {
  /**
   * `global`: the heap and every tenant; `threshold`: the tenants that hold more than `thresholdBytes`, or the heap
   * itself where it has none; `targeted`: one `tenant`; `unreferenced`: dead objects alone, and nothing moved.
   */
  readonly policy?: CollectionPolicy
  readonly thresholdBytes?: Size
  readonly tenant?: string | Tenant
}

/** A memory manager over one `WebAssembly.Memory`, or a part of one. */
export class Heap extends CountedAccess implements Disposable {
  /** The same access, relative to live blocks and never outside them. */
  readonly checked: CheckedAccess
  #raw: RawAccess | undefined
  #rawKernel: Kernel | undefined
  /**
   * The two functions that every program calls most, one load away: 1 ns less for each call than through `core`.
   * Undefined while calls are watched, and once the heap is closed.
   */
  #kernelAlloc: Kernel['alloc'] | undefined
  #kernelFree: Kernel['free'] | undefined
  /** What is called instead then, at other places in the code, so that those of the bare ones stay fast. */
  #watchedAlloc!: Kernel['alloc']
  #watchedFree!: Kernel['free']

  /** @internal */
  protected constructor(core: HeapCore) {
    super(expectCore(core))
    this.checked = new CheckedAccess(core, this)
    core.followKernel((bare, isBare) => {
      this.#kernelAlloc = isBare ? bare.alloc : undefined
      this.#kernelFree = isBare ? bare.free : undefined
      this.#watchedAlloc = core.kernel.alloc
      this.#watchedFree = core.kernel.free
      this.forgetKernel()
    })
  }

  // ---- making one
  // -----------------------------------------------------------------------------------------------------

  /**
   * Make a heap: in a memory of its own, or in a given one. Synchronous, also in browsers. Where a heap starts already
   * it refuses, unless told to `overwrite` it; `attach` goes on with that one.
   *
   * @throws ArgumentError for options outside their range or in contradiction, with the reason
   * @throws OutOfMemoryError when the memory refuses even the first bytes
   */
  static create(options: HeapOptions = {}): Heap {
    const plan = planHeap(options)
    const core = new HeapCore(plan)
    const { base, held, end, limitBytes, flags, classTable } = plan
    const status = core.kernel.create(base, held, end, limitBytes, flags, classTable)
    if (status !== STATUS_OK) throw creationError(plan, status)
    if (plan.knobs !== 0) core.kernel.setKnobs(plan.knobs)
    core.place(startOf(base, plan.mode) as Address)
    for (const bytes of plan.classes) core.kernel.addClass(bytes)
    giveObjects(core, plan.objects)
    if (plan.outOfMemoryReserve > 0 && !core.holdReserve(plan.outOfMemoryReserve)) {
      throw core.outOfMemory(plan.outOfMemoryReserve)
    }
    core.collector.begin()
    const heap = new Heap(core)
    tellCreated(heap)
    return heap
  }

  /**
   * Use a heap that is there already: made in this memory by another instance, another program or an earlier run.
   * `base` is what it was made with.
   *
   * @throws ArgumentError when no heap starts there; CorruptionError when one does, but of another version or damaged
   */
  static attach(memory: WebAssembly.Memory, base: number, options: AttachOptions = {}): Heap {
    checkMemory(memory)
    checkPlace('base', base)
    const common = checkAttachOptions(options)
    const found = findHeap(memory, base)
    if (!found) throw new ArgumentError('base', base, 'the address that a heap was made with')
    const { at, mode } = found
    const data = new DataView(memory.buffer)
    const version = data.getUint32(at + HEAP_VERSION_AT, true)
    if (version !== LAYOUT_VERSION) {
      throw new CorruptionError(at, `a heap of layout version ${LAYOUT_VERSION} is expected, found version ${version}`)
    }
    if (data.getUint32(at + HEAP_FLAGS_AT, true) & FLAG_PIECES) {
      throw new ArgumentError(
        'base',
        base,
        "that of a whole heap: a tenant lives there, whose memory is another heap's",
      )
    }
    const core = new HeapCore({ memory, mode, ...common })
    if (core.kernel.attach(at) !== STATUS_OK) {
      throw new CorruptionError(at, "the control block's fields contradict each other")
    }
    core.place(at as Address)
    if (common.knobs !== 0) core.kernel.setKnobs(common.knobs)
    giveObjects(core, attachedObjects(mode))
    void core.objectsThatAre
    core.collector.begin()
    return new Heap(core)
  }

  get mode(): ModeName {
    return this.core.mode
  }

  /** With `mode: 'auto'`: the mode and the sizes that were chosen, and why. Else undefined. */
  get choice(): ModeChoice | undefined {
    return this.core.choice
  }

  get name(): string {
    return this.core.name
  }

  get isClosed(): boolean {
    return this.core.isClosed
  }

  /** Counts resets: what was made before one is gone after it. */
  get generation(): number {
    return this.core.generation
  }

  get memory(): WebAssembly.Memory {
    return this.core.memory
  }

  /** Where the control block lies: what another instance attaches to. */
  get base(): Address {
    return this.core.base
  }

  /** Most bytes the heap may hold. */
  get limitBytes(): number {
    return this.core.limitBytes
  }

  // ---- blocks
  // ---------------------------------------------------------------------------------------------------------

  /**
   * A block of at least `bytes` bytes at a multiple of 16. 0 bytes give a distinct block, too. Its contents are
   * arbitrary.
   *
   * @throws OutOfMemoryError after all reclaimers; ArgumentError
   */
  alloc(bytes: number): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes) {
      const alloc = this.#kernelAlloc
      const address = alloc !== undefined ? alloc(bytes) : this.#watchedAlloc(bytes)
      if (address !== 0) return (address >>> 0) as Address
    }
    return this.#allocSlow(bytes)
  }

  #allocSlow(bytes: number): Address {
    const address = this.#tryAllocSlow(bytes)
    if (address === NULL) throw this.core.outOfMemory(bytes)
    return address
  }

  /** Like `alloc`; gives 0 instead of throwing OutOfMemoryError. */
  tryAlloc(bytes: number): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes) {
      const alloc = this.#kernelAlloc
      const address = alloc !== undefined ? alloc(bytes) : this.#watchedAlloc(bytes)
      if (address !== 0) return (address >>> 0) as Address
    }
    const address = this.#tryAllocSlow(bytes)
    if (address === NULL) this.core.announceOutOfMemory(bytes)
    return address
  }

  #tryAllocSlow(bytes: number): Address {
    checkSize('bytes', bytes)
    return this.core.rescue(bytes, () => this.core.kernel.alloc(bytes))
  }

  /** A block of `count` times `bytes` bytes, every usable byte zero. */
  calloc(count: number, bytes: number): Address {
    const total = checkSize('count', count) * checkSize('bytes', bytes)
    return this.#request(total, () => this.core.kernel.allocZeroed(total))
  }

  /** A block at a multiple of `alignment`, a power of two up to 64 KiB. */
  allocAligned(bytes: number, alignment: number): Address {
    checkSize('bytes', bytes)
    checkAlignment(alignment)
    return this.#request(bytes, () => this.core.kernel.allocAligned(bytes, alignment))
  }

  /**
   * Give the block at `address` another size; in place where that can be, else by moving it. Contents are kept up to
   * the smaller size. Address 0 is `alloc`. When it throws, the block is as it was.
   *
   * @returns where the block is now
   * @throws OutOfMemoryError, InvalidAddressError, MisalignmentError, ArgumentError
   */
  realloc(address: number, bytes: number): Address {
    checkAddress('address', address)
    checkSize('bytes', bytes)
    const moved = this.core.kernel.realloc(address, bytes)
    if (moved !== 0) return (moved >>> 0) as Address
    if (this.core.word(HEAP_STATUS_AT) !== STATUS_OUT_OF_MEMORY) throw addressError(this.core, 'realloc', address)
    const rescued = this.core.rescue(bytes, () => this.core.kernel.realloc(address, bytes))
    if (rescued !== NULL) return rescued
    // A reclaimer may have freed the very block.
    if (address !== NULL && !this.core.kernel.isBlock(address)) throw addressError(this.core, 'realloc', address)
    throw this.core.outOfMemory(bytes)
  }

  /**
   * Free the block at `address`; 0 is nothing to do. With `bytes`, and `alignment` if it was allocated with one, the
   * block must be of the size class, or the length, that such a request gives.
   *
   * @throws InvalidAddressError, MisalignmentError when no live block of the heap starts there; nothing has changed
   * then
   */
  free(address: number, bytes?: number, alignment?: number): void {
    if (bytes === undefined && typeof address === 'number' && address >>> 0 === address) {
      const free = this.#kernelFree
      if ((free !== undefined ? free(address) : this.#watchedFree(address)) === STATUS_OK) return
    }
    this.#freeSlow(address, bytes, alignment)
  }

  #freeSlow(address: number, bytes: number | undefined, alignment = 1): void {
    checkAddress('address', address)
    checkAlignment(alignment)
    const status =
      bytes === undefined
        ? this.core.kernel.free(address)
        : this.core.kernel.freeSized(address, checkSize('bytes', bytes), alignment)
    if (status === STATUS_OK) return
    if (status === STATUS_SIZE_MISMATCH) throw sizeMismatchError(this.core, address, bytes as number)
    throw addressError(this.core, 'free', address)
  }

  /** Bytes of the live block at `address` that may be used: at least what was asked for. */
  usableSize(address: number): Bytes {
    const bytes = this.core.kernel.usableSize(checkAddress('address', address)) >>> 0
    if (bytes === 0) throw addressError(this.core, 'usableSize', address)
    return bytes as Bytes
  }

  /** Whether a live block starts at `address`. Anything may be asked; what is no address is no block. */
  isBlock(address: number): boolean {
    if (typeof address === 'number' && address >>> 0 === address) return this.core.kernel.isBlock(address) !== 0
    this.core.assertOpen()
    return false
  }

  /**
   * All live blocks by ascending address. Blocks made or freed meanwhile are seen or not, as they lie ahead or behind.
   */
  *blocks(): IterableIterator<BlockInfo> {
    let address = this.core.kernel.nextBlock(0) >>> 0
    while (address !== 0) {
      const kind = BLOCK_KINDS[this.core.kernel.describe(address) & 0xff] ?? 'huge'
      yield { address: address as Address, usableBytes: this.core.kernel.usableSize(address) >>> 0, kind }
      address = this.core.kernel.nextBlock(address) >>> 0
    }
  }

  /**
   * Free everything at once: blocks, arenas, pools, objects and their roots; in time independent of their number. What
   * was made before is stale: arenas, pools and views say so, guards do nothing. Tenants end.
   */
  reset(): void {
    this.core.tenants.endAll()
    this.core.kernel.reset()
    this.core.objectSpace?.reset()
    this.core.reserve?.renew()
    this.core.pressure.look()
    this.core.events.emit('reset', { generation: this.core.generation })
  }

  /**
   * Give the pages kept for the next small blocks back to the free runs, where no block lives in them; the bytes given
   * back.
   */
  releaseCaches(): Bytes {
    return this.core.releaseCaches() as Bytes
  }

  /**
   * Take the reserve of the option `outOfMemoryReserve` again, which a request that ran out of memory has given back;
   * the heap does so by itself as soon as twice its bytes can be had.
   *
   * @returns whether it is held now; false in a heap without one
   */
  refillReserve(): boolean {
    this.core.assertOpen()
    return this.core.reserve?.fill() ?? false
  }

  /** An address for `bytes` from `attempt`, after reclaimers if need be. */
  #request(bytes: number, attempt: () => number): Address {
    this.core.assertOpen()
    const address = bytes <= REQUEST_MAX_BYTES ? ((attempt() >>> 0) as Address) : NULL
    if (address !== NULL) return address
    const rescued = this.core.rescue(bytes, attempt)
    if (rescued === NULL) throw this.core.outOfMemory(bytes)
    return rescued
  }

  // ---- pressure and policy
  // --------------------------------------------------------------------------------------------

  /** How full the heap is: a level, with the hysteresis of the option `pressure`, and the figures behind it. */
  pressure(): HeapPressure {
    return this.core.pressure.read()
  }

  /**
   * Whether enough has been freed or taken since the last collection by a policy that one is worth while: 1,000 freed
   * blocks (option `collectAfterFrees`), or a sixteenth of the limit more in use. Blocks are counted from the first time
   * that somebody asks, unless the option is given.
   */
  shouldCollect(): boolean {
    this.core.assertOpen()
    return this.core.collector.isDue
  }

  /**
   * Collect the heap and its tenants by a policy, if `shouldCollect` says that it is worth while. Finalizers have run
   * when it returns, and the event `collectTenants` has been told.
   *
   * @param options `policy`, default `'global'`; `thresholdBytes` for `'threshold'`, `tenant` (an id or a tenant) for
   * `'targeted'`
   * @throws ArgumentError
   * @example
   * heap.collectTenants({ policy: 'threshold', thresholdBytes: '8MiB' })
   */
  collectTenants(options: CollectTenantsOptions = {}): TenantCollection {
    return this.core.collector.collect(this.#policy(options), 'request')
  }

  /**
   * The same, whatever `shouldCollect` says; reclaimers run before, with the bytes that their heap holds, and what can
   * be moved is compacted. With policy `'unreferenced'` neither.
   */
  forceCollect(options: CollectTenantsOptions = {}): TenantCollection {
    return this.core.collector.collect(this.#policy(options), 'force')
  }

  /**
   * Collect by itself, when the usage is `fromUsage` or more and `shouldCollect` holds, and when the level is critical;
   * at most once in `everyMs`, between two calls. What an earlier call has said no longer holds.
   *
   * @returns a function that ends it
   * @throws ArgumentError
   */
  autoCollect(options: AutoCollectOptions = {}): () => void {
    this.core.assertOpen()
    return this.core.collector.automate(options)
  }

  #policy(options: CollectTenantsOptions): PolicyPlan {
    this.core.assertOpen()
    checkOptions('options', options, ['policy', 'thresholdBytes', 'tenant'])
    const { policy = 'global', thresholdBytes, tenant } = options
    const id = tenant instanceof Tenant ? tenant.id : tenant
    const parts = id === undefined ? undefined : this.core.tenants.parts(id)
    const isHere = parts !== undefined && (typeof tenant === 'string' || this.findTenant(parts.tenancy.id) === tenant)
    if (id !== undefined && !isHere) {
      throw new ArgumentError('tenant', tenant, `a tenant of ${this.core.label} that lives, or its id`)
    }
    return checkPolicy(policy, thresholdBytes, parts)
  }

  // ---- arenas, pools, guards
  // ------------------------------------------------------------------------------------------

  /** An arena that grows with need. */
  arena(options: ArenaOptions = {}): Arena {
    checkOptions('options', options, ['chunk'])
    const chunk = options.chunk === undefined ? ARENA_CHUNK_BYTES : parseSize(options.chunk, 'chunk')
    if (chunk < ARENA_CHUNK_MIN_BYTES || chunk > ARENA_CHUNK_MAX_BYTES) {
      throw new ArgumentError('chunk', options.chunk, `from ${ARENA_CHUNK_MIN_BYTES} to ${ARENA_CHUNK_MAX_BYTES} bytes`)
    }
    return new Arena(
      this.core,
      this.#request(0, () => this.core.kernel.arenaCreate(chunk)),
    )
  }

  /**
   * An arena over [base, limit), which is the caller's: a live block of this heap or a part of one, or memory that is
   * not the heap's. It never grows. Dispose of it before the block.
   */
  fixedArena(options: FixedArenaOptions): FixedArena {
    checkOptions('options', options, ['base', 'limit'])
    this.core.assertOpen()
    const base = checkRange('base', options.base, 1, 2 ** 32 - 1)
    const end = Math.min(this.views.refresh(), 2 ** 32 - 1)
    if (base >= end) throw new ArgumentError('base', base, `an address below the end of the memory, ${end}`)
    const limit = checkRange('limit', options.limit, base + 1, end)
    this.#checkForeign(base, limit)
    const record = this.#request(0, () => this.core.kernel.arenaCreateFixed(base, limit))
    return new FixedArena(this.core, record)
  }

  /** Check that [base, limit) lies in one live block, or outside what is the heap's. */
  #checkForeign(base: number, limit: number): void {
    const block = this.core.kernel.blockAround(base) >>> 0
    if (block !== 0) {
      const end = block + (this.core.kernel.usableSize(block) >>> 0)
      if (limit > end)
        throw new ArgumentError('limit', limit, `at most ${end}, the end of the block that \`base\` lies in`)
      return
    }
    const { base: from, end: to } = this.core.range
    if (base < to && limit > from) {
      throw new ArgumentError('base', base, `in a live block, or outside the heap's range from ${from} to ${to}`)
    }
  }

  /** A pool of blocks of one size. */
  pool(options: PoolOptions): Pool {
    checkOptions('options', options, ['size', 'count', 'grow'])
    const size = parseSize(options.size, 'pool size')
    if (size > POOL_BLOCK_MAX_BYTES) {
      throw new ArgumentError(
        'size',
        options.size,
        `at most ${POOL_BLOCK_MAX_BYTES} bytes; use alloc for larger blocks`,
      )
    }
    const count = checkSize('count', options.count)
    const { grow = false } = options
    if (typeof grow !== 'boolean') throw new ArgumentError('grow', grow, 'true or false')
    const record = this.#request(size * count, () => this.core.kernel.poolCreate(size, count, grow ? 1 : 0))
    return new Pool(this.core, record, size, grow)
  }

  /** A new block, or a resource, that is freed when the guard is disposed of, unless it is detached before. */
  guard(bytes: number): BlockGuard
  guard<T extends Disposable>(resource: T): Guard<T>
  guard<T extends Disposable>(what: number | T): BlockGuard | Guard<T> {
    if (typeof what === 'object' && what !== null && typeof what[dispose] === 'function') return new Guard(what)
    if (typeof what === 'object')
      throw new ArgumentError('resource', what, 'a number of bytes, or something disposable')
    return new BlockGuard(this.core, this.alloc(what as number), (address) => this.free(address))
  }

  // ---- tenants
  // --------------------------------------------------------------------------------------------------------

  /**
   * A heap within this heap, with a limit, statistics and an end of its own: for a guest, a request, a user. It lives
   * in pieces of this heap's memory, which are in use as seen from here. While a tenant of this id lives, it is that
   * one; options are then left out, or the same.
   *
   * For hundreds of tenants make the heap with `reserve`: growth of a memory costs the engine time for each kernel that
   * is bound to it.
   *
   * @throws ArgumentError for an id or options that cannot be; OutOfMemoryError when this heap has no room for it;
   * UnsupportedError in mode `embedded`
   * @example
   * using guest = heap.tenant('guest-7', { max: '16MiB' })
   * const p = guest.alloc(100)
   */
  tenant(id: string, options?: TenantOptions): Tenant {
    return this.core.tenants.get(id, options, giveObjects, (parts) => makeTenant(parts, this))
  }

  /** Those who live, in the order in which they began. */
  tenants(): IterableIterator<Tenant> {
    this.core.assertOpen()
    return this.core.tenants.fronts() as IterableIterator<Tenant>
  }

  /** The tenant of this id, if one lives. */
  findTenant(id: string): Tenant | undefined {
    this.core.assertOpen()
    return this.core.tenants.find(id) as Tenant | undefined
  }

  // ---- views
  // ----------------------------------------------------------------------------------------------------------

  /**
   * A typed array over `count` elements inside a live block. Growth of the memory detaches it: see `viewOf`, or make
   * the heap with `reserve`.
   *
   * @throws MisalignmentError, InvalidAddressError when the address is in no live block, ArgumentError when the block
   * is too short
   */
  view<T extends TypedArray>(type: TypedArrayConstructor<T>, address: number, count: number): T
  /**
   * The object of a struct at a raw reference, as a view in the innermost scope.
   *
   * @throws InvalidAddressError when no object is there, ArgumentError when it is of another struct, ScopeError
   */
  view<S extends Struct>(struct: S, reference: number): View<S>
  view(type: TypedArrayConstructor<TypedArray> | Struct, address: number, count?: number): unknown {
    if (isStruct(type)) return this.viewOfObject(type, address)
    return makeView(this.core, type, address, count as number)
  }

  /** The same, as a view that survives growth: its `array` is always attached. */
  viewOf<T extends TypedArray>(type: TypedArrayConstructor<T>, address: number, count: number): LiveView<T> {
    return new LiveView(this.core, type, address, count)
  }

  /** The kernel's bare functions and the current views, unchecked, for hot loops. */
  get raw(): RawAccess {
    const kernel = this.core.plainKernel
    // In `manual` it is another one from the first use of objects on.
    if (!this.#raw || this.#rawKernel !== kernel) this.#raw = new RawAccess(this.core)
    this.#rawKernel = kernel
    return this.#raw
  }

  // ---- observing
  // ------------------------------------------------------------------------------------------------------

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
    const heaps: Heap[] = [this]
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
    const { id, tenants } = this as { readonly id?: string; readonly tenants?: () => Iterable<Heap> }
    const own = () => Array.from(tenants?.call(this) ?? [], (tenant) => tenant.#snapshotSource())
    return { core: this.core, tenants: own, ...(id !== undefined && { id }) }
  }

  /**
   * Begin to sample allocations, those of tenants too: where the program makes them, and which are in use. About one in
   * 512 KiB is looked at, which costs next to nothing; figures are estimates of all. Calls through `heap.raw`, and those
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

  /** Check every invariant of the heap and of its tenants; costs a look at all of their metadata. */
  verify(): VerifyResult {
    const found = this.#verifyThis()
    if (!found.ok) return found
    const { fault } = this.core.tenants
    if (fault !== undefined) return { ok: false, fault, address: this.base }
    for (const tenant of this.tenants()) {
      const inside = tenant.verify()
      if (!inside.ok) return { ...inside, fault: `${tenant.core.label}: ${inside.fault}` }
    }
    return found
  }

  #verifyThis(): VerifyResult {
    const objects = this.core.objectsThatAre
    const fault = this.core.kernel.verify() || (objects?.valuesThatAre?.kernel.valuesVerify() ?? STATUS_OK)
    if (fault === STATUS_OK) return { ok: true }
    return { ok: false, fault: faultText(fault), address: this.core.word(HEAP_FAULT_AT) as Address }
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

  /**
   * Register a function that can free memory when a request fails; it gets the size of the request. Those of higher
   * priority run first, each followed by another try. The function given back takes it off.
   *
   * One that throws does not keep the others from running. When the request fails all the same, what it threw is the
   * `cause` of the OutOfMemoryError (an `AggregateError` when several threw); when it succeeds, or the call gives 0
   * instead of throwing, it is dropped.
   */
  addReclaimer(reclaimer: Reclaimer, options: { readonly priority?: number } = {}): () => void {
    this.core.assertOpen()
    checkOptions('options', options, ['priority'])
    return this.core.reclaimers.add(reclaimer, options.priority ?? 0)
  }

  /** Let go of the memory. Every later call throws ClosedError. In a given memory the heap's bytes stay as they are. */
  close(): void {
    this.core.close()
  }

  /** The same as `close`. */
  dispose(): void {
    this.core.close()
  }

  [dispose](): void {
    this.core.close()
  }
}

/** The way to the constructor, which is not public. */
let makeTenant: (parts: TenantParts, parent: Heap) => Tenant

/**
 * A tenant: a heap within a heap, of any mode but `embedded`. All that a heap has, it has; its limits are on what it
 * holds of its parent's memory. Made by `heap.tenant(id)`.
 */
export class Tenant extends Heap {
  /** The heap around it. */
  readonly parent: Heap
  readonly #tenancy: Tenancy

  private constructor({ core, tenancy }: TenantParts, parent: Heap) {
    super(core)
    this.parent = parent
    this.#tenancy = tenancy
  }

  static {
    makeTenant = (parts, parent) => new Tenant(parts, parent)
  }

  get id(): string {
    return this.#tenancy.id
  }

  get isEnded(): boolean {
    return this.#tenancy.isEnded
  }

  /**
   * End the tenant: all that it holds is its parent's again, in time proportional to what that is. Blocks, objects,
   * arenas, views and handles of it are gone; later calls throw ClosedError. Its own tenants end first.
   *
   * @returns the bytes that it held, and the blocks that were live
   */
  override free(): TenantEnd
  /** The same as `free` of a heap: one block. */
  override free(address: number, bytes?: number, alignment?: number): void
  override free(address?: number, bytes?: number, alignment?: number): TenantEnd | undefined {
    // biome-ignore lint/complexity/noArguments: `free(undefined)` must not end it, and a rest parameter costs 10 ns
    if (address === undefined && arguments.length === 0) return this.#tenancy.end()
    super.free(address as number, bytes, alignment)
    return undefined
  }

  /** The same as `free()`, counted as `oomKill`. */
  kill(): TenantEnd {
    return this.#tenancy.end(true)
  }

  /**
   * Set other limits; what is left out stays. A `max` below what is held makes the tenant give back and collect first.
   *
   * @throws ArgumentError for limits that contradict each other, or when more than `max` is still held; they are then
   * as they were
   */
  setLimits(limits: TenantLimits): void {
    this.core.assertOpen()
    checkOptions('limits', limits, ['max', 'high', 'low'])
    this.#tenancy.setLimits(limits)
  }

  /** Give wholly free pieces back to the parent, down to `min`; the bytes. The parent takes them itself in need. */
  giveBack(): Bytes {
    this.core.assertOpen()
    return this.#tenancy.giveBack() as Bytes
  }

  /** The figures of a heap, and what it is as a tenant. */
  override stats(): TenantStats {
    const stats = super.stats()
    return { ...stats, tenant: this.#tenancy.figures(stats.inUseBytes, stats.inUsePeakBytes, stats.liveBlocks) }
  }

  override report(): string {
    return super.report() + formatTenant(this.stats().tenant)
  }

  /** The same as `free()`; nothing to do when it has ended. */
  override close(): void {
    if (!this.isClosed) this.#tenancy.end()
  }

  override dispose(): void {
    this.close()
  }

  override [dispose](): void {
    this.close()
  }
}

/** The objects of the plan: from the start, or in `manual` when they are first used. */
function giveObjects(core: HeapCore, plan: ObjectPlan | undefined): void {
  if (!plan) return
  if (plan.isCounted) core.offerObjects(() => new ObjectSpace(core, plan))
  else core.objectSpace = new ObjectSpace(core, plan)
}

function creationError(plan: HeapPlan, status: number): Error {
  if (status === STATUS_BAD_ARGUMENT) return tooSmall(plan)
  const figures = {
    requestedBytes: leastBytes(plan.mode),
    availableBytes: 0,
    largestFreeBytes: 0,
    usedBytes: 0,
    totalBytes: plan.limitBytes,
  }
  const present = plan.memory.buffer.byteLength
  const message = `no room for a heap: the memory of ${present} bytes refuses to grow; it may be at its maximum`
  return new OutOfMemoryError(message, figures)
}

/** Refuse what only JavaScript can do: call the constructor, which is private. */
function expectCore(core: unknown): HeapCore {
  if (core instanceof HeapCore) return core
  throw new TypeError('Heap has no public constructor; use Heap.create() or Heap.attach()')
}

/**
 * `Heap`: the front door. What can be asked of a heap is in a chain of base classes, each a thin layer of calls that
 * check their arguments and hand over; here is what makes it one: its beginning, its name, its tenants, its end.
 *
 * | file | calls |
 * | --- | --- |
 * | `access.ts` | read and write the memory |
 * | `objects/access.ts`, `objects/counted.ts` | objects, roots, collections; reference counts |
 * | `blocks.ts` | allocate and free |
 * | `regions.ts` | arenas, pools, guards, views |
 * | `relief.ts` | pressure, policies, giving back |
 * | `observed.ts` | figures, events, snapshots, profiles, pages |
 *
 * The work is done in `kernel/`; what the parts of a heap share is in `core.ts`. A heap makes tenants, and a tenant is
 * a heap: neither class can be made without the other, so they share this file.
 *
 * ```ts
 * using heap = Heap.create({ limit: '256MiB' })
 * const p = heap.alloc(64)
 * heap.writeI32(p, 42)
 * heap.free(p)
 * ```
 */
import { HEAP_FAULT_AT, STATUS_OK } from '../kernel/layout.js'
import { checkOptions } from './arguments.js'
import { Attempts } from './attempts.js'
import type { ModeChoice } from './choose.js'
import { HeapCore } from './core.js'
import { attachCore, createCore, giveObjects } from './create.js'
import { dispose } from './dispose.js'
import { type Adoptable, adoptFromParent, type ForkOptions, type ForkResult, forkCore } from './fork.js'
import { ObservedAccess } from './observed.js'
import { tellCreated } from './serve/created.js'
import { formatSummary, type HeapSummary, summarize } from './summary.js'
import { formatTenant, type Tenancy, type TenantEnd } from './tenancy.js'
import type { TenantLimitChanges, TenantOptions } from './tenant-options.js'
import type { TenantParts } from './tenants.js'
import type { Address, AttachOptions, Bytes, HeapOptions, ModeName, TenantStats, VerifyResult } from './types.js'
import { faultText } from './verify.js'

/** A memory manager over one `WebAssembly.Memory`, or a part of one. */
export class Heap extends ObservedAccess implements Disposable {
  /** @internal */
  protected constructor(core: HeapCore) {
    super(expectCore(core))
  }

  // ---- making one ---------------------------------------------------------------------------------------------------

  /**
   * Make a heap: in a memory of its own, or in a given one. Synchronous, also in browsers. Where a heap starts already
   * it refuses, unless told to `overwrite` it; `attach` goes on with that one.
   *
   * @throws ArgumentError for options outside their range or in contradiction, with the reason
   * @throws OutOfMemoryError when the memory refuses even the first bytes
   */
  static create(options: HeapOptions = {}): Heap {
    const heap = new Heap(createCore(options))
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
    return new Heap(attachCore(memory, base, options))
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

  // ---- forks --------------------------------------------------------------------------------------------------------

  /**
   * An independent heap with the same contents at the same addresses, in a memory of its own; the whole memory, with
   * what guests have beside the heap. On Linux with `koffi` both share every page until one of them stores to it, and a
   * fork copies what was stored to since the one before; elsewhere it copies all that is not zero. `forked` of the fork
   * says which, and the figures.
   *
   * Roots, arenas, pools, guarded blocks and mapped files of this heap are there as well: `adopt` of the fork gives its
   * own. What is protected is so in both. Listeners, reclaimers and finalizers stay with this heap.
   *
   * @throws UnsupportedError in a tenant, and while tenants live; OutOfMemoryError when the system has no memory
   * @example
   * using snapshot = heap.fork()
   * await save(snapshot)          // while `heap` goes on
   */
  fork(options: ForkOptions = {}): Heap {
    const heap = new Heap(forkCore(this.core, options))
    tellCreated(heap)
    return heap
  }

  /** Of a heap that `fork` has made: what that took, and what it shares with its parent. */
  get forked(): ForkResult | undefined {
    return this.core.origin?.result
  }

  /**
   * Of a heap that `fork` has made: its own root, arena, pool, guarded block or mapped file for one of its parent,
   * which was there at the fork. The same one each time. What the parent has disposed of or reset since is not to be
   * had; of arenas, marks and pushes are the parent's alone.
   *
   * @throws ArgumentError for anything else, views of scopes among it: `root` keeps those beyond a fork
   * @example
   * const table = heap.root(view)
   * using snapshot = heap.fork()
   * const same = snapshot.adopt(table).value
   */
  adopt<T extends Adoptable>(thing: T): T {
    return adoptFromParent(this.core, thing)
  }

  // ---- tenants ------------------------------------------------------------------------------------------------------

  /**
   * A heap within this heap, with a limit, statistics and an end of its own: for a guest, a request, a user. It lives
   * in pieces of this heap's memory, which are in use as seen from here. While a tenant of this id lives, it is that
   * one; options are then left out, or the same.
   *
   * For hundreds of tenants make the heap with `reserve`: growth of a memory costs the engine time for each kernel that
   * is bound to it.
   *
   * @throws ArgumentError for an id or options that cannot be; OutOfMemoryError when this heap has no room for it;
   * UnsupportedError in mode `embedded`; ClosedError while this heap ends all its tenants
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

  // ---- all of it ----------------------------------------------------------------------------------------------------

  /**
   * Free everything at once: blocks, arenas, pools, objects and their roots; in time independent of their number. What
   * was made before is stale: arenas, pools and views say so, guards do nothing. Tenants end, mapped files are
   * unmapped.
   *
   * @throws FileError when a mapped file could not be written; all has been done then all the same. PlatformError when
   * the system does not lift a protection, and nothing has changed; or when it does not take a file away: blocks and
   * objects are there then as they were
   */
  reset(): void {
    this.core.assertOpen()
    this.core.protection.removeIn(this.core.base)
    const attempts = new Attempts()
    attempts.make(() => this.core.tenants.endAll('reset'))
    attempts.make(() => this.core.mappedFiles.endAllOfHeap())
    // What would be made in its place would be written to the file.
    if (!this.core.mappedFiles.anyOfHeap()) attempts.make(() => this.#makeAnew())
    attempts.settle()
  }

  #makeAnew(): void {
    this.core.kernel.reset()
    this.core.objectSpace?.reset()
    this.core.reserve?.renew()
    this.core.pressure.look()
    this.core.events.emit('reset', { generation: this.core.generation })
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

  // ---- in few words -------------------------------------------------------------------------------------------------

  /** What `JSON.stringify` gives of a heap: its name and its main figures, also once it is closed. Never throws. */
  toJSON(): HeapSummary {
    return summarize(this)
  }

  /** One line, for `util.inspect` and `console.log` of Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return formatSummary(this.toJSON())
  }

  // ---- the end ------------------------------------------------------------------------------------------------------

  /**
   * Let go of the memory, and of mapped files, which are flushed. Every later call throws ClosedError.
   *
   * A memory that the heap, or a fork, has made is its own: when the last heap over it is closed, all its pages go back
   * to the system at once, where the system takes them (`koffi`), and who kept `heap.memory` reads zeros. A heap that
   * never held 1 MiB loads nothing for this: its memory may stay until JavaScript collects it. In a given memory the
   * heap's bytes stay as they are.
   *
   * @throws FileError when a mapped file could not be written; the heap is closed then all the same
   */
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
    if (address === undefined && arguments.length === 0) return this.#tenancy.end('free')
    super.free(address as number, bytes, alignment)
    return undefined
  }

  /** The same as `free()`, counted as `oomKill` and, by the heap around it, in `tenantsKilled`. */
  kill(): TenantEnd {
    return this.#tenancy.end('kill')
  }

  /**
   * Set other limits; what is left out stays, and `high: null` removes that one. A `max` below what is held makes the tenant give back and collect first.
   *
   * @throws ArgumentError for limits that contradict each other, or when more than `max` is still held; they are then
   * as they were
   */
  setLimits(limits: TenantLimitChanges): void {
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
    if (!this.isClosed) this.#tenancy.end('free')
  }

  override dispose(): void {
    this.close()
  }

  override [dispose](): void {
    this.close()
  }
}

/** Refuse what only JavaScript can do: call the constructor, which is private. */
function expectCore(core: unknown): HeapCore {
  if (core instanceof HeapCore) return core
  throw new TypeError('Heap has no public constructor; use Heap.create() or Heap.attach()')
}

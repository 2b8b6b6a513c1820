/**
 * The tenants of one heap: making them, finding them, ending them all.
 *
 * Guarantee: when all have ended, also those that were being made, none is there: listeners and reclaimers that run
 * in the middle make no others. So a reset, which forgets what is lent, leaves no tenant in memory that is free.
 */
import {
  FLAG_OWNS_RANGE,
  FLAG_PIECES,
  FLAG_ZEROED,
  HEAP_END_AT,
  HEAP_LENT_AT,
  PIECE_MAX_PAGES,
  STATUS_OK,
  WASM_PAGE_BYTES,
} from '../kernel/layout.js'
import { Attempts } from './attempts.js'
import { HeapCore } from './core.js'
import { ArgumentError, ClosedError, CorruptionError } from './errors.js'
import type { TenantEndCause } from './events.js'
import type { ObjectPlan } from './objects/plan.js'
import { Tenancy } from './tenancy.js'
import {
  checkMayHaveTenants,
  checkTenantId,
  describeOption,
  differingOption,
  firstBytes,
  isSamePlan,
  planTenant,
  presentOptions,
  type TenantOptions,
  type TenantPlan,
} from './tenant-options.js'
import { addSums, NO_SUMS, type TenantSums } from './tenant-sums.js'

/** A tenant's heap with what it is to its parent. */
export interface TenantParts {
  readonly core: HeapCore
  readonly tenancy: Tenancy
}

interface Entry {
  readonly tenancy: Tenancy
  readonly core: HeapCore
  /** The `Tenant` in front of it. */
  readonly front: unknown
  /** What it was made with. */
  readonly options: TenantOptions
}

export class TenantList {
  readonly #core: HeapCore
  readonly #entries = new Map<string, Entry>()
  /** Those that are being made: reclaimers and finalizers may run meanwhile. */
  readonly #making = new Map<string, HeapCore>()
  #isEnding = false
  /** Of those that have ended. */
  #endedSums = NO_SUMS

  constructor(core: HeapCore) {
    this.#core = core
  }

  /** The tenant of `id`, which `front` makes when there is none yet. */
  get<T>(id: string, options: TenantOptions | undefined, give: GiveObjects, front: (parts: TenantParts) => T): T {
    checkMayHaveTenants(this.#core)
    checkTenantId(id)
    const found = this.#entries.get(id)
    if (found) {
      if (options !== undefined) this.#checkSame(found, options)
      return found.front as T
    }
    if (this.#isEnding) throw new ClosedError(this.#core.label, 'is ending its tenants, and begins none meanwhile')
    if (this.#making.has(id)) throw new ArgumentError('id', id, 'of no tenant that is just being made')
    const plan = this.#plan(id, options ?? {})
    const tenancy = new Tenancy(id, this.#core, plan, () => this.#noteEnd(tenancy))
    const core = this.#make(tenancy, plan, give)
    const made = front({ core, tenancy })
    this.#entries.set(id, { tenancy, core, front: made, options: { ...options } })
    this.#core.events.emit('tenantBegin', { tenant: id, heldBytes: tenancy.heldBytes })
    return made
  }

  /** One that was only being made has been nobody's. */
  #noteEnd(tenancy: Tenancy): void {
    if (this.#entries.delete(tenancy.id)) this.#endedSums = addSums(this.#endedSums, tenancy.sums)
  }

  #plan(id: string, options: TenantOptions, madeWithBytes?: number): TenantPlan {
    return planTenant(this.#core, id, options, this.#homePages() * WASM_PAGE_BYTES, madeWithBytes)
  }

  /** Refuse options that are not those of the tenant that is there, and name one that differs. */
  #checkSame({ tenancy, options: made }: Entry, asked: TenantOptions): void {
    const { id, plan, label } = tenancy
    const isSame = (options: TenantOptions) => isSamePlan(plan, this.#plan(id, options, plan.madeWithBytes))
    if (isSame(asked)) return
    const present = presentOptions(made, plan)
    const name = differingOption(present, asked, isSame)
    if (name === undefined) throw new ArgumentError('options', asked, `left out, or what ${label} was made with`)
    const expected = `${describeOption(name, present[name])}, as ${label} has it, or all options left out`
    throw new ArgumentError(name, asked[name], expected)
  }

  #homePages(): number {
    return this.#core.plainKernel.homePages(this.#core.word(HEAP_END_AT))
  }

  #make(tenancy: Tenancy, plan: TenantPlan, give: GiveObjects): HeapCore {
    const { parts } = plan
    const core = new HeapCore({ ...parts, memory: this.#core.memory, tenancy })
    this.#making.set(tenancy.id, core)
    try {
      this.#create(core, tenancy, plan)
      if (parts.knobs !== 0) core.plainKernel.setKnobs(parts.knobs)
      for (const bytes of parts.classes) core.plainKernel.addClass(bytes)
      tenancy.begin(core)
      tenancy.reserve()
      give(core, parts.objects)
      tenancy.holdReserve(parts.outOfMemoryReserve)
      core.collector.begin()
      core.assertOpen()
    } catch (error) {
      core.close()
      throw error
    } finally {
      this.#making.delete(tenancy.id)
    }
    return core
  }

  /** Make the tenant's control block in a piece that is borrowed for it. */
  #create(core: HeapCore, tenancy: Tenancy, plan: TenantPlan): void {
    const { parts, maxBytes } = plan
    const end = this.#core.word(HEAP_END_AT)
    const wanted = Math.ceil(firstBytes(plan) / WASM_PAGE_BYTES)
    const least = core.plainKernel.homePages(end)
    // What fits a piece is one; more comes as whole MiBs beside a short one.
    const pages = wanted <= PIECE_MAX_PAGES ? Math.max(wanted, least) : least
    tenancy.borrowHome(pages)
    const { home } = tenancy
    const flags = (parts.flags & ~(FLAG_OWNS_RANGE | FLAG_ZEROED)) | FLAG_PIECES
    const homeEnd = home + pages * WASM_PAGE_BYTES
    const status = core.plainKernel.create(home, homeEnd, end, maxBytes, flags, parts.classTable)
    if (status !== STATUS_OK) throw new CorruptionError(home, `the home piece of ${tenancy.label} is none: ${status}`)
    core.place(home)
  }

  /** What is behind a tenant that lives, which is named by its id or given itself. @throws ArgumentError */
  parts(tenant: unknown): TenantParts | undefined {
    if (typeof tenant !== 'object') return this.#entries.get(checkTenantId(tenant))
    for (const entry of this.#entries.values()) if (entry.front === tenant) return entry
    return undefined
  }

  find(id: string): unknown {
    return this.#entries.get(checkTenantId(id))?.front
  }

  /** Those who live, in the order in which they began. */
  *fronts(): IterableIterator<unknown> {
    for (const { front } of this.#entries.values()) yield front
  }

  *tenancies(): IterableIterator<TenantParts> {
    yield* this.#entries.values()
  }

  /** How often tenants, living and ended, and theirs, met their limits and ended. */
  get sums(): TenantSums {
    let sums = this.#endedSums
    for (const { tenancy } of this.#entries.values()) sums = addSums(sums, tenancy.sums)
    return sums
  }

  get count(): number {
    return this.#entries.size
  }

  /** Let all of them give wholly free pieces back, those within them first; the bytes. */
  giveBack(): number {
    let bytes = 0
    for (const { core, tenancy } of this.#entries.values()) {
      core.tenants.giveBack()
      bytes += tenancy.giveBack()
    }
    return bytes
  }

  /** What is wrong with what is lent; undefined when nothing is. A heap may have been lent from by others, too. */
  get fault(): string | undefined {
    let heldBytes = 0
    for (const { tenancy } of this.#entries.values()) {
      if (tenancy.fault !== undefined) return tenancy.fault
      heldBytes += tenancy.heldBytes
    }
    heldBytes += this.#core.mappedFiles.lentBytes
    return heldBytes <= this.#core.word(HEAP_LENT_AT) ? undefined : 'tenants and mapped files hold more than was lent'
  }

  /** Label of the tenant in whose memory `address` lies. */
  around(address: number): string | undefined {
    for (const { tenancy } of this.#entries.values()) if (tenancy.holds(address)) return tenancy.label
    return undefined
  }

  /** All of them end, whatever one of them throws, such as that a mapped file of its could not be written. */
  #endEach(cause: TenantEndCause): void {
    const attempts = new Attempts()
    for (const { tenancy } of [...this.#entries.values()]) {
      attempts.make(() => {
        if (!tenancy.isEnded) tenancy.end(cause)
      })
    }
    attempts.settle()
  }

  /** End those who live. Whoever is told of it may end others, or all of them once more, but begin none. */
  endAll(cause: TenantEndCause): void {
    const wasEnding = this.#isEnding
    this.#isEnding = true
    try {
      // Nobody has been told of those that are being made.
      for (const core of [...this.#making.values()]) core.close()
      this.#endEach(cause)
    } finally {
      this.#isEnding = wasEnding
    }
  }
}

/** Gives a heap its objects, as its plan says. */
type GiveObjects = (core: HeapCore, plan: ObjectPlan | undefined) => void

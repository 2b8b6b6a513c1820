/**
 * Collection over a heap and its tenants, by a policy, and when that is due.
 *
 *   global        the heap and every tenant: dead objects, pages kept at hand, pieces that are wholly free
 *   threshold     the same of the tenants that hold more than so many bytes; of the heap itself where it has no tenants
 *   targeted      the same of one tenant
 *   unreferenced  dead objects of the heap and every tenant, and nothing else: nothing is moved, no cache is dropped
 *
 * `global` and `threshold` never touch a tenant that holds no more than its `min`, and one that holds less than its
 * `low` only when all the others gave nothing.
 *
 * What a collection freed is measured, by the two words of each control block that say what is held and what is free,
 * once before and once afterwards. Due is one when enough has been freed, or taken, since the last: what was taken is
 * read from the same words. Freed blocks are counted by an interposer, which is put on when somebody first asks, with
 * the option that says how many, or by `autoCollect`; until then nobody pays for it.
 */
import { HEAP_COMMITTED_AT, HEAP_LIMIT_AT, STATUS_OK } from '../kernel/layout.js'
import { COLLECT_COMPACT, COLLECT_FULL, SPACE_LIVE_BYTES_AT } from '../kernel/object-layout.js'
import { checkOptions, checkRange } from './arguments.js'
import { TIMER_MAX_MS } from './clock.js'
import type { HeapCore } from './core.js'
import { ArgumentError } from './errors.js'
import type { Interposer } from './interposer.js'
import { type Kernel, kernelWith } from './kernel-instance.js'
import { MODES } from './modes.js'
import type { ObjectSpace } from './objects/space.js'
import type { PressureActor } from './pressure.js'
import { parseSize } from './sizes.js'
import type { Tenancy } from './tenancy.js'
import type { Size } from './types.js'
import { usedBytes } from './usage.js'

export type CollectionPolicy = 'global' | 'threshold' | 'targeted' | 'unreferenced'
/**
 * `request` by `collectTenants`, `force` by `forceCollect`, `usage` by `autoCollect`, `pressure` since the level was
 * critical.
 */
export type PolicyCause = 'request' | 'force' | 'usage' | 'pressure'

/** What one collection by a policy did. */
export interface TenantCollection {
  readonly policy: CollectionPolicy
  readonly cause: PolicyCause
  /** False: none was due, or one goes on; nothing was done. */
  readonly hasRun: boolean
  /**
   * Bytes that any request can have now, of whoever holds them, and could not before. 0 when more is in use afterwards,
   * as where objects that have survived left a nursery.
   */
  readonly freedBytes: number
  /** Bytes of objects found dead. Those among live ones are free for objects alone, and not in `freedBytes`. */
  readonly objectBytes: number
  /** Bytes of pieces that tenants gave back to who had lent them. */
  readonly givenBackBytes: number
  /** Tenants that something was freed in, or that gave something back. */
  readonly tenantsCleaned: number
  /** Tenants that were passed by since they hold no more than their `min`, or less than their `low`. */
  readonly tenantsSpared: number
  readonly ms: number
}

/** How to collect, with every value checked; `tenant` for `targeted`, `thresholdBytes` for `threshold`. */
export interface PolicyPlan {
  readonly policy: CollectionPolicy
  readonly thresholdBytes: number
  readonly tenant: TenantHeap | undefined
}

export interface AutoCollectOptions {
  /** Milliseconds between two automatic collections at least. Default 5,000. */
  readonly everyMs?: number
  /** Usage of the heap, 0 to 1, from which it collects. Default 0.8. */
  readonly fromUsage?: number
  /** Default `'global'`; not `'targeted'`. */
  readonly policy?: Exclude<CollectionPolicy, 'targeted'>
  /** With `'threshold'`: tenants that hold more than this. */
  readonly thresholdBytes?: Size
}

/** A tenant's heap with what it is to its parent. */
interface TenantHeap {
  readonly core: HeapCore
  readonly tenancy: Tenancy
}

/** When `shouldCollect` says so. */
export interface DuePlan {
  /** After so many freed blocks. */
  readonly frees: number
  /** Whether they are counted from the start. */
  readonly countsFrees: boolean
}

export const COLLECT_AFTER_FREES = 1000
/** Of the limit: what is taken between two collections. */
const DUE_BYTES_PART = 16
/** In how many parts of the freed blocks that make one due it is asked whether it is. */
const FREES_PARTS = 16
const EVERY_MS = 5000
const FROM_USAGE = 0.8
const NOTHING = {
  hasRun: false,
  freedBytes: 0,
  objectBytes: 0,
  givenBackBytes: 0,
  tenantsCleaned: 0,
  tenantsSpared: 0,
  ms: 0,
} as const

const POLICIES: readonly CollectionPolicy[] = ['global', 'threshold', 'targeted', 'unreferenced']

/** @throws ArgumentError */
export function checkPolicy(policy: unknown, thresholdBytes: unknown, tenant: TenantHeap | undefined): PolicyPlan {
  if (!POLICIES.includes(policy as CollectionPolicy)) {
    throw new ArgumentError('policy', policy, `one of ${POLICIES.join(', ')}`)
  }
  if ((policy === 'threshold') !== (thresholdBytes !== undefined)) {
    const expected = policy === 'threshold' ? 'given with policy threshold' : 'left out: it is for policy threshold'
    throw new ArgumentError('thresholdBytes', thresholdBytes, expected)
  }
  if ((policy === 'targeted') !== (tenant !== undefined)) {
    const expected = policy === 'targeted' ? 'given with policy targeted' : 'left out: it is for policy targeted'
    throw new ArgumentError('tenant', tenant, expected)
  }
  const bytes = thresholdBytes === undefined ? 0 : parseSize(thresholdBytes as Size, 'thresholdBytes')
  return { policy: policy as CollectionPolicy, thresholdBytes: bytes, tenant }
}

export class HeapCollector {
  readonly #core: HeapCore
  readonly #due: DuePlan
  readonly #frees: FreeCount
  #freesOff: (() => void) | undefined
  #hasToldFrees = false
  /** The least that was in use since the last collection. */
  #leastUsedBytes = Number.POSITIVE_INFINITY
  /** What listeners of `pressure` have along with them: a collection when the level is critical. */
  readonly critical: PressureActor
  #isCollecting = false
  #lastAutoMs = Number.NEGATIVE_INFINITY

  constructor(core: HeapCore, due: DuePlan) {
    this.#core = core
    this.#due = due
    this.#frees = new FreeCount(Math.max(Math.ceil(this.#leastFrees / FREES_PARTS), 1), () => this.#noteFrees())
    this.critical = this.#actor(checkPolicy('global', undefined, undefined), EVERY_MS, Number.POSITIVE_INFINITY)
  }

  /** The heap is made. */
  begin(): void {
    this.#leastUsedBytes = usedBytes(this.#core)
    const { tenancy } = this.#core
    if (this.#due.countsFrees || tenancy?.parent.collector.countsFrees) this.countFrees()
  }

  // ---- when one is due ----------------------------------------------------------------------------------------------

  get countsFrees(): boolean {
    return this.#freesOff !== undefined
  }

  /** Count freed blocks from now on, those of tenants too. */
  countFrees(): void {
    this.#freesOff ??= this.#core.interpose(this.#frees)
    for (const { core } of this.#core.tenants.tenancies()) core.collector.countFrees()
  }

  /** Whether so much was freed or taken since the last collection that one is worth while. */
  get isDue(): boolean {
    this.countFrees()
    const used = usedBytes(this.#core)
    this.#leastUsedBytes = Math.min(this.#leastUsedBytes, used)
    const takenBytes = used - this.#leastUsedBytes
    return this.freedBlocks >= this.#due.frees || takenBytes >= this.#core.word(HEAP_LIMIT_AT) / DUE_BYTES_PART
  }

  /** Blocks freed since the last collection, as far as they were counted. */
  get freedBlocks(): number {
    let count = this.#frees.count
    for (const { core } of this.#core.tenants.tenancies()) count += core.collector.freedBlocks
    return count
  }

  /** Freed blocks that make a collection due here, or in a heap around that counts them, too. */
  get #leastFrees(): number {
    const { tenancy } = this.#core
    return tenancy ? Math.min(this.#due.frees, tenancy.parent.collector.#leastFrees) : this.#due.frees
  }

  /** Frees leave usage as it is where as much is allocated: whoever waits for enough of them has to be told. */
  #noteFrees(): void {
    const { pressure, tenancy } = this.#core
    if (pressure.isAutomatic && !this.#hasToldFrees && this.freedBlocks >= this.#due.frees) {
      this.#hasToldFrees = true
      pressure.lookSoon()
    }
    if (tenancy) tenancy.parent.collector.#noteFrees()
  }

  #startAnew(): void {
    this.#hasToldFrees = false
    this.#frees.count = 0
    this.#leastUsedBytes = usedBytes(this.#core)
    for (const { core } of this.#core.tenants.tenancies()) core.collector.#startAnew()
  }

  // ---- collecting ---------------------------------------------------------------------------------------------------

  /** Collect by `plan` if that is due, or if the cause is not `request`. */
  collect(plan: PolicyPlan, cause: PolicyCause): TenantCollection {
    const { policy } = plan
    if (this.#isCollecting || (cause === 'request' && !this.isDue)) return { policy, cause, ...NOTHING }
    this.#isCollecting = true
    const touched: HeapCore[] = []
    try {
      const beganMs = this.#core.clock.nowMs()
      const occupied = occupiedBytes(this.#core)
      const run = this.#run(plan, cause, touched)
      // Reclaimers, and listeners of `trim`, may have closed the heap.
      const freedBytes = this.#core.isClosed ? 0 : Math.max(occupied - occupiedBytes(this.#core), 0)
      if (!this.#core.isClosed) this.#startAnew()
      const made = { policy, cause, hasRun: true, freedBytes, ...run, ms: this.#core.clock.nowMs() - beganMs }
      // Whoever is told, and finalizers, may use the heaps, or end them.
      for (const { isClosed, objectSpace } of touched) if (!isClosed) objectSpace?.settle()
      if (!this.#core.isClosed) this.#core.events.emit('collectTenants', made)
      return made
    } finally {
      this.#isCollecting = false
    }
  }

  /** `touched` gets the heaps that may have news. */
  #run(plan: PolicyPlan, cause: PolicyCause, touched: HeapCore[]): CleanedSums {
    const how: Cleaning = { isInPlace: plan.policy === 'unreferenced', cause }
    const { itself, tenants, spared } = this.#choose(plan)
    const cleaned = new Cleaned()
    const occupied = occupiedBytes(this.#core)
    // Tenants first: what they give back is free in the heap when its turn comes.
    for (const tenant of tenants) cleaned.add(tenant, how, touched)
    if (itself && !this.#core.isClosed) cleaned.objectBytes += cleanOwn(this.#core, how, touched)
    if (this.#core.isClosed) return { ...cleaned, tenantsSpared: spared.length }
    const hasHelped = occupiedBytes(this.#core) < occupied || cleaned.objectBytes + cleaned.givenBackBytes > 0
    if (hasHelped) return { ...cleaned, tenantsSpared: spared.length }
    const low = spared.filter(({ tenancy }) => !isAtMin(tenancy))
    for (const tenant of low) {
      if (tenant.tenancy.isEnded) continue
      cleaned.add(tenant, how, touched)
      tenant.tenancy.noteLow()
    }
    return { ...cleaned, tenantsSpared: spared.length - low.length }
  }

  /** Which heaps a policy is for, and which of them are protected. */
  #choose({ policy, thresholdBytes, tenant }: PolicyPlan): Choice {
    const all = [...this.#core.tenants.tenancies()]
    if (policy === 'targeted') return { itself: false, tenants: tenant ? [tenant] : [], spared: [] }
    if (policy === 'unreferenced') return { itself: true, tenants: all, spared: [] }
    const isAbove = (bytes: number) => policy === 'global' || bytes > thresholdBytes
    const wanted = all.filter(({ tenancy }) => isAbove(tenancy.heldBytes))
    const itself = policy === 'global' || (all.length === 0 && isAbove(this.#core.word(HEAP_COMMITTED_AT)))
    return { itself, tenants: wanted.filter((one) => !isSpared(one)), spared: wanted.filter(isSpared) }
  }

  // ---- automatic collections ----------------------------------------------------------------------------------------

  /** Collect by itself from now on, as `options` say, in place of what was said before; the end of it. */
  automate(options: AutoCollectOptions): () => void {
    const { everyMs = EVERY_MS, fromUsage = FROM_USAGE, policy = 'global', thresholdBytes } = options
    checkOptions('options', options, ['everyMs', 'fromUsage', 'policy', 'thresholdBytes'])
    checkRange('everyMs', everyMs, 0, TIMER_MAX_MS)
    if (!(typeof fromUsage === 'number' && fromUsage >= 0 && fromUsage <= 1)) {
      throw new ArgumentError('fromUsage', fromUsage, 'a share of the limit, 0 to 1')
    }
    if ((policy as CollectionPolicy) === 'targeted') {
      throw new ArgumentError(
        'policy',
        policy,
        'another one: collect a tenant by itself with autoCollect of the tenant',
      )
    }
    const plan = checkPolicy(policy, thresholdBytes, undefined)
    this.countFrees()
    const actor = this.#actor(plan, everyMs, fromUsage)
    return this.#core.pressure.automate(actor)
  }

  #actor(plan: PolicyPlan, everyMs: number, fromUsage: number): PressureActor {
    return {
      fromUsage,
      act: (isCritical) => {
        if (this.#isCollecting) return undefined
        const waitMs = this.#lastAutoMs + everyMs - this.#core.clock.nowMs()
        if (waitMs > 0) return waitMs
        if (!isCritical && !this.isDue) return undefined
        this.#lastAutoMs = this.#core.clock.nowMs()
        this.collect(plan, isCritical ? 'pressure' : 'usage')
        return undefined
      },
    }
  }
}

interface Choice {
  /** Whether the heap itself is cleaned. */
  readonly itself: boolean
  readonly tenants: readonly TenantHeap[]
  readonly spared: readonly TenantHeap[]
}

interface Cleaning {
  /** Dead objects alone, and nothing moved. */
  readonly isInPlace: boolean
  readonly cause: PolicyCause
}

type CleanedSums = Omit<Cleaned, 'add'> & { readonly tenantsSpared: number }

/** Sums over what was cleaned. */
class Cleaned {
  objectBytes = 0
  givenBackBytes = 0
  tenantsCleaned = 0

  add({ core, tenancy }: TenantHeap, how: Cleaning, touched: HeapCore[]): void {
    // What an earlier one's listeners have ended is gone.
    if (tenancy.isEnded) return
    const { heldBytes } = tenancy
    const occupied = occupiedBytes(core)
    const objectBytes = clean(core, how, touched)
    this.objectBytes += objectBytes
    if (!how.isInPlace) tenancy.giveBack()
    // What the end of one gives back is not what cleaning has.
    if (tenancy.isEnded) return
    const givenBackBytes = Math.max(heldBytes - tenancy.heldBytes, 0)
    this.givenBackBytes += givenBackBytes
    if (objectBytes + givenBackBytes > 0 || occupiedBytes(core) < occupied) this.tenantsCleaned++
  }
}

function isAtMin(tenancy: Tenancy): boolean {
  return tenancy.plan.minBytes > 0 && tenancy.heldBytes <= tenancy.plan.minBytes
}

/** Whether `global` and `threshold` pass by a tenant, at first at least. */
function isSpared({ tenancy }: TenantHeap): boolean {
  return isAtMin(tenancy) || tenancy.heldBytes < tenancy.plan.lowBytes
}

/** Clean the heap of a tenant, and before it those of the tenants within; the bytes of their dead objects. */
function clean(core: HeapCore, how: Cleaning, touched: HeapCore[]): number {
  let bytes = 0
  for (const inner of [...core.tenants.tenancies()]) {
    if (!inner.tenancy.isEnded && (how.isInPlace || !isSpared(inner))) bytes += clean(inner.core, how, touched)
  }
  return core.isClosed ? bytes : bytes + cleanOwn(core, how, touched)
}

/** Clean one heap alone; the bytes of its dead objects. */
function cleanOwn(core: HeapCore, how: Cleaning, touched: HeapCore[]): number {
  touched.push(core)
  const isForced = how.cause === 'force' && !how.isInPlace
  if (isForced) core.reclaimers.runAll(core.word(HEAP_COMMITTED_AT))
  // What runs here of the user's may end the heap, each time.
  if (core.isClosed) return 0
  const space = core.objectsThatAre
  const objectBytes = space ? collectObjects(space, how, isForced) : 0
  if (!how.isInPlace && MODES[core.mode].build !== 'embedded') {
    if (!core.isClosed) core.tenants.giveBack()
    if (!core.isClosed) core.releaseCaches()
  }
  return objectBytes
}

function collectObjects(space: ObjectSpace, how: Cleaning, isForced: boolean): number {
  const before = space.word(SPACE_LIVE_BYTES_AT)
  if (space.isCounted) {
    space.collectUntold(COLLECT_FULL)
    return before - space.word(SPACE_LIVE_BYTES_AT)
  }
  const made = how.isInPlace ? space.collectInPlace() : collectMoving(space, how, isForced)
  // Holes are swept when they are needed; what is free shall be known now.
  if (made) space.kernel.finishSweep()
  return made?.freedBytes ?? 0
}

/** Where pauses have a goal, nobody's wish but the program's own is worth a long one. */
function collectMoving(space: ObjectSpace, { cause }: Cleaning, isForced: boolean) {
  const isAutomatic = cause === 'usage' || cause === 'pressure'
  if (isAutomatic && space.core.mode === 'server') return space.collectIfAllowed()
  return space.collectUntold(isForced ? COLLECT_COMPACT : COLLECT_FULL)
}

/** What cannot be had by any request, of a heap and of those within it: metadata, blocks, objects, caches. */
function occupiedBytes(core: HeapCore): number {
  let bytes = usedBytes(core)
  for (const { core: inner } of core.tenants.tenancies()) {
    bytes += occupiedBytes(inner) - inner.word(HEAP_COMMITTED_AT)
  }
  return bytes
}

/** Counts the blocks that are freed: each by its own call, counted objects when their last reference goes. */
class FreeCount implements Interposer {
  readonly name = 'frees'
  count = 0
  readonly #every: number
  readonly #note: () => void

  /** `note` is called after each `every` of them. */
  constructor(every: number, note: () => void) {
    this.#every = every
    this.#note = note
  }

  wrap(kernel: Kernel): Kernel {
    const counted = (status: number) => {
      if (status === STATUS_OK && ++this.count % this.#every === 0) this.#note()
      return status
    }
    return kernelWith(kernel, {
      // Freeing nothing is no news.
      free: (address) => (address === 0 ? kernel.free(address) : counted(kernel.free(address))),
      freeSized: (address, bytes, alignment) => counted(kernel.freeSized(address, bytes, alignment)),
      poolRelease: (pool, address) => counted(kernel.poolRelease(pool, address)),
      decref: (reference) => {
        const isLast = kernel.refcount(reference) === 1
        const status = kernel.decref(reference)
        return isLast ? counted(status) : status
      },
    })
  }
}

/**
 * The object space of a heap, as the host has it: the way from a struct to a new object, from a reference to a view,
 * and back. What is behind each part has a file of its own; this one joins them to the kernel.
 *
 * A raw reference is good until the next call that may allocate, so none is kept: what must survive such a call lies in
 * a handle slot or a root, and is read from there again.
 */
import {
  FLAG_EMBEDDED,
  FLAG_NURSERY,
  FLAG_PIECES,
  HEAP_FLAGS_AT,
  HEAP_LENT_AT,
  HEAP_SPACE_AT,
  HEAP_TABLE_AT,
  HEAP_TABLE_MASK_AT,
  HEAP_VERSION_AT,
  STATUS_BAD_ARGUMENT,
  STATUS_FOREIGN,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
} from '../../kernel/layout.js'
import {
  CAUSE_MEMORY,
  COLLECT_COMPACT,
  COLLECT_FULL,
  COLLECT_MINOR,
  COLLECT_STEP,
  OBJECT_HEADER_BYTES,
  OBJECT_MAX_BYTES,
  PHASE_IDLE,
  POLICY_EVACUATE,
  POLICY_MOVE_ALL,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
  REPORT_WORK,
  ROOT_STRONG,
  SPACE_BUDGET_AT,
  SPACE_BUMP_AT,
  SPACE_FINALIZER_READY_AT,
  SPACE_HANDLE_LIMIT_AT,
  SPACE_HANDLE_SEGMENT_AT,
  SPACE_HANDLE_TOP_AT,
  SPACE_LAST_UNITS_AT,
  SPACE_LIMIT_AT,
  SPACE_POLICY_AT,
  SPACE_REFUSING_AT,
  SPACE_STATUS_AT,
  SPACE_STEP_UNITS_AT,
  SPACE_VALUES_AT,
  SPACE_YOUNG_BASE_AT,
  TYPE_MASK,
} from '../../kernel/object-layout.js'
import { COUNT_MAX, STATUS_COUNT } from '../../kernel/value-layout.js'
import { checkAddress } from '../arguments.js'
import type { HeapCore } from '../core.js'
import {
  ArgumentError,
  CorruptionError,
  CountError,
  hex,
  InvalidAddressError,
  StaleHandleError,
  UnsupportedError,
} from '../errors.js'
import { countedError } from '../faults.js'
import type { Kernel } from '../kernel-instance.js'
import type { Address } from '../types.js'
import { ValueSpace } from '../values/value-space.js'
import { Views } from '../views.js'
import { type Collection, type CollectionKind, CollectionLog } from './collections.js'
import { FinalizerTable } from './finalizers.js'
import type { Holder } from './holder.js'
import { type RefKind, storeScalar } from './kinds.js'
import type { ObjectPlan } from './plan.js'
import { type Binding, TypeRegistry } from './registry.js'
import { Root, RootKeeper } from './roots.js'
import { ScopeStack } from './scope.js'
import { makeShadowStack } from './shadow-stack.js'
import { lenderOf, ownSharedSpace, type SharedSpace } from './shared.js'
import { StepPace } from './step-pace.js'
import type { Struct } from './struct.js'
import { checkField, type FieldValue, readInit } from './values.js'
import { elementsOf, ObjectView } from './view.js'

/** Objects with payloads up to this many bytes are bumped and cleared here, longer ones by a call of the kernel. */
const BUMPED_HERE_MAX_BYTES = 256
const HANDLE_BYTES = 4096
/** Records that `collect` gives, by `COLLECT_…`. */
const COLLECTION_KINDS: Readonly<Record<number, CollectionKind>> = {
  [COLLECT_FULL]: 'full',
  [COLLECT_COMPACT]: 'compact',
  [COLLECT_MINOR]: 'minor',
}
/** Of the time: more for collections by budget, and the budget is doubled. */
const HALF = 0.5
const BUDGET_MAX_BYTES = 2 ** 31
/** What is done for want of memory, one after the other. */
const TRACED_KINDS = [COLLECT_FULL, COLLECT_COMPACT] as const
const COUNTED_KINDS = [COLLECT_FULL] as const
const CAUSE_FOR_MEMORY = CAUSE_MEMORY << 8
/** A listener of collections may cause one itself, which is told; one that does so each time would never end. */
const TOLD_ROUNDS_MAX = 4
/** A step of the program's own asking ends when this part of its time is used. */
const STEP_MARGIN = 0.75

/** What `heap.step` did. */
export interface StepResult {
  /** Whether there is more to do. */
  readonly isCycling: boolean
  readonly steps: number
  readonly ms: number
}

export class ObjectSpace {
  readonly core: HeapCore
  /** Typed arrays of this epoch; those of earlier ones are empty for ever. */
  views: Views
  /** Counts resets: roots and handles of an earlier epoch are gone. */
  epoch = 0
  /** Address of the kernel's words, as in `kernel/object-layout.ts`. */
  base = 0
  readonly types: TypeRegistry
  readonly scopes = new ScopeStack(this)
  readonly roots = new RootKeeper(this)
  readonly finalizers: FinalizerTable
  readonly collections = new CollectionLog(this)
  readonly #plan: ObjectPlan
  readonly #grain: number
  /** Word indices of the handle stack's top, limit and segment, and of the bump pointer and its limit. */
  topIndex = 0
  limitIndex = 0
  segmentIndex = 0
  #bumpIndex = 0
  #bumpLimitIndex = 0
  /** Word index of the nursery's base; its length and the word that tells of marking in steps are behind it. */
  #youngIndex = 0
  hasNursery = false
  /** Objects have counts, and handles, roots and fields own one each; else a collector traces them. */
  readonly isCounted: boolean
  /** Of a tenant: the root heap's objects, whose types have the same ids and whose shared objects it may refer to. */
  readonly lender: ObjectSpace | undefined
  /** Whether the objects of other heaps in the memory look like its own: words that nobody has checked are the kernel's. */
  hasNeighbours = false
  #sharing: SharedSpace | undefined
  /** Word indices of the chunk table and of the word that tells of what is lent; the table's mask. */
  #tableIndex = 0
  #tableMask = 0
  #lentIndex = 0
  /** Whether a reference may have to be stored by the kernel. */
  #hasBarrier = false
  /** Whether to tell the kernel what to refuse: the `embedded` build has no word for it, and it is its maker's. */
  #hasRefusal = false
  /** How long steps take, and may take. */
  steps = new StepPace(undefined)
  #values: ValueSpace | undefined
  #isSettling = false
  #isSettlingLater = false
  /** How often `settle` has told of collections; from the second time on of those that listeners have caused. */
  #round = 0

  /** Over the heap that `core` has placed; makes the kernel's object space where there is none. */
  constructor(core: HeapCore, plan: ObjectPlan) {
    this.core = core
    this.#plan = plan
    this.#grain = plan.grainBytes
    this.isCounted = plan.isCounted
    this.lender = lenderOf(core, plan.isCounted)
    this.types = new TypeRegistry(this)
    this.views = new Views(core.memory)
    // Ids of an attached heap may be in use by whoever made it.
    this.finalizers = new FinalizerTable(this, plan.isAttached ? Math.floor(Math.random() * 2 ** 30) : 0)
    this.#begin()
  }

  #begin(): void {
    const { policy, stress, shadowSlots, isAttached, isForked, cycleThreshold } = this.#plan
    const isThere = this.core.word(HEAP_SPACE_AT) !== 0
    this.#setPace()
    if (!isThere) {
      this.#obtain('spaceCreate', HANDLE_BYTES, () => this.kernel.spaceCreate(policy))
      this.#makeNursery()
    } else if (!isAttached) this.kernel.setPolicy(policy)
    this.base = this.core.word(HEAP_SPACE_AT)
    this.views.refresh()
    this.topIndex = (this.base + SPACE_HANDLE_TOP_AT) >>> 2
    // Slots that own counts are the kernel's to push: no top is below this limit, which is 0 then.
    this.limitIndex = (this.base + (this.isCounted ? SPACE_LIMIT_AT : SPACE_HANDLE_LIMIT_AT)) >>> 2
    this.segmentIndex = (this.base + SPACE_HANDLE_SEGMENT_AT) >>> 2
    this.#bumpIndex = (this.base + SPACE_BUMP_AT) >>> 2
    this.followInterposers()
    this.#youngIndex = (this.base + SPACE_YOUNG_BASE_AT) >>> 2
    const flags = this.core.word(HEAP_FLAGS_AT)
    this.hasNursery = (flags & FLAG_NURSERY) !== 0
    this.hasNeighbours = (flags & FLAG_PIECES) !== 0 && !this.isCounted
    this.#tableIndex = this.core.word(HEAP_TABLE_AT) >>> 2
    this.#tableMask = this.core.word(HEAP_TABLE_MASK_AT)
    this.#lentIndex = (this.core.base + HEAP_LENT_AT) >>> 2
    this.lender?.sharing.join(this)
    this.#hasBarrier = this.hasNursery || this.isCounted
    const isOurs = !isAttached || isForked === true
    this.#hasRefusal = (flags & FLAG_EMBEDDED) === 0 && isOurs && !this.isCounted
    if (cycleThreshold !== undefined) this.kernel.setThreshold(cycleThreshold, 0)
    // A fork has these two from its parent.
    if (isThere && isForked) return
    if (shadowSlots > 0) makeShadowStack(this, { slots: shadowSlots })
    if (stress) this.kernel.setStress(stress.kind, stress.number, stress.seed)
  }

  #setPace(): void {
    const { nursery } = this.#plan
    if (!nursery) return
    this.steps = new StepPace(nursery.pauseGoalMs, nursery.stepUnits)
    this.collections.pauseGoalMs = nursery.pauseGoalMs
  }

  #makeNursery(): void {
    const { nursery } = this.#plan
    if (!nursery) return
    const { youngBytes, oldBytes } = nursery
    const { units } = this.steps
    this.#obtain('nurseryCreate', youngBytes, () => this.kernel.nurseryCreate(youngBytes, oldBytes, units))
  }

  /** What objects begin with. Nobody in this heap can make room for it yet, but the heap around a tenant can. */
  #obtain(call: string, bytes: number, attempt: () => number): void {
    let status = attempt()
    if (status === STATUS_OUT_OF_MEMORY && !this.core.objectSpace) {
      const again = () => {
        status = attempt()
        return status === STATUS_OK ? 1 : 0
      }
      this.core.rescue(bytes, again, false)
    }
    this.#expect(call, status)
  }

  /**
   * Bump objects here, or, while somebody wants to see each one, have the kernel do it: then the limit is a word that
   * no object ends below.
   */
  followInterposers(): void {
    const at = this.core.seesObjects ? this.core.base + HEAP_VERSION_AT : this.base + SPACE_LIMIT_AT
    this.#bumpLimitIndex = at >>> 2
  }

  /** After a reset of the heap: everything is gone, types too. */
  reset(): void {
    this.views.close()
    this.views = new Views(this.core.memory)
    this.epoch++
    this.scopes.clear()
    this.finalizers.clear()
    this.types.clear()
    this.collections.reset()
    this.#begin()
    this.#values?.begin()
  }

  close(): void {
    this.lender?.sharing.leave(this)
    this.views.close()
    this.#values?.close()
  }

  /** Objects are at multiples of this. */
  get grainBytes(): number {
    return this.#grain
  }

  get kernel(): Kernel {
    return this.core.kernel
  }

  /** What this heap shares with its tenants. @throws UnsupportedError for a tenant, and where objects are not traced */
  get sharing(): SharedSpace {
    this.#sharing = ownSharedSpace(this, this.#sharing)
    return this.#sharing
  }

  get isClosed(): boolean {
    return this.core.isClosed
  }

  /** What views, roots and caches throw once the heap is closed. */
  closedError(): StaleHandleError {
    return new StaleHandleError('heap-closed', this.core.tenancy?.label)
  }

  // ---- words --------------------------------------------------------------------------------------------------------

  /** A word of the object space, by its offset from `kernel/object-layout.ts`. */
  word(at: number): number {
    return this.wordAt(this.base + at)
  }

  setWord(at: number, value: number): void {
    this.setWordAt(this.base + at, value)
  }

  /** The word at an address. */
  wordAt(address: number): number {
    const word = this.views.u32[address >>> 2]
    return word === undefined ? this.#wordAgain(address) : word
  }

  setWordAt(address: number, value: number): void {
    // Reading it tells whether the views are attached.
    void this.wordAt(address)
    this.views.u32[address >>> 2] = value
  }

  /** The views, bound anew if need be. @throws ClosedError */
  attachedViews(): Views {
    if (this.views.u8.length === 0) {
      this.core.assertOpen()
      this.views.refresh()
    }
    return this.views
  }

  /** Out of line: the views were detached, or closed with the heap. */
  #wordAgain(address: number): number {
    this.core.assertOpen()
    this.views.refresh()
    return this.views.u32[address >>> 2] as number
  }

  // ---- calls of the kernel ------------------------------------------------------------------------------------------

  /**
   * What `attempt` gives, after room was made if need be.
   *
   * @param collects whether to collect for it; false for calls that have collected before they fail
   * @throws OutOfMemoryError; StaleHandleError when the heap was reset meanwhile
   */
  request(bytes: number, attempt: () => number, collects = true): Address {
    this.core.assertOpen()
    const result = (attempt() >>> 0) as Address
    if (result !== 0) return result
    const status = this.word(SPACE_STATUS_AT)
    // A handle that found no room leaves the status of the call before it.
    if (status !== STATUS_OK) this.#expect('request', status, STATUS_OUT_OF_MEMORY)
    return this.#rescue(bytes, attempt, collects)
  }

  /** The same for a call that answers a status. */
  requestStatus(call: string, attempt: () => number): void {
    this.core.assertOpen()
    const { epoch } = this
    const status = attempt()
    if (status === STATUS_OUT_OF_MEMORY) this.#rescue(HANDLE_BYTES, () => (attempt() === STATUS_OK ? 1 : 0), true)
    else this.#expect(call, status)
    this.settle()
    this.assertSameEpoch(epoch)
  }

  /** Listeners, reclaimers and finalizers run in here: they may close scopes, or reset or close the heap. */
  #rescue(bytes: number, attempt: () => number, collects: boolean): Address {
    const { epoch } = this
    const again = () => {
      this.assertSameEpoch(epoch)
      return attempt()
    }
    // What was refused a while ago may be worth a collection now.
    if (this.#hasRefusal && this.word(SPACE_REFUSING_AT) !== 0 && !this.#isRefusing()) {
      const found = again()
      if (found !== 0) return (found >>> 0) as Address
    }
    const rescued = this.core.rescueOrThrow(bytes, again, collects)
    this.settle()
    this.assertSameEpoch(epoch)
    return rescued
  }

  /** @throws StaleHandleError when the heap was reset since; ClosedError */
  assertSameEpoch(epoch: number): void {
    this.core.assertOpen()
    if (this.epoch !== epoch) throw new StaleHandleError('heap-reset')
  }

  #expect(call: string, status: number, expected: number = STATUS_OK): void {
    if (status === expected) return
    if (status === STATUS_OUT_OF_MEMORY) throw this.core.outOfMemory(HANDLE_BYTES)
    if (status === STATUS_COUNT) throw new CountError(this.base, COUNT_MAX)
    if (status === STATUS_BAD_ARGUMENT) throw new ArgumentError(call, status, 'a call whose numbers fit each other')
    throw new CorruptionError(this.base, `the kernel's ${call} answered status ${status}`)
  }

  // ---- objects ------------------------------------------------------------------------------------------------------

  /** A new object in the innermost scope. */
  create(struct: Struct, init: unknown, elements: number | undefined): ObjectView {
    // Without a scope nothing is allocated, and no type registered.
    void this.scopes.holder
    const type = this.types.typeOf(struct)
    if (init === undefined) {
      const payloadBytes = elements === undefined ? struct.fixedBytes : checkPayload(struct, elements)
      return this.#made(type, payloadBytes)
    }
    if (typeof init !== 'object' || init === null) throw new ArgumentError('init', init, 'an object of fields')
    const values = readInit(struct, init)
    const count = elements ?? initialElements(struct, values)
    const payloadBytes = checkPayload(struct, count)
    const more = values.length + count
    for (const [field, value] of values) checkField(this, struct, field, value, count, more)
    const view = this.#made(type, payloadBytes)
    applyInit(this, view, struct, values)
    return view
  }

  /** The view of a new object; whatever its making has caused is told before it is handed out. */
  #made(type: Binding, payloadBytes: number): ObjectView {
    // The scope that is the innermost one now: listeners may close it, and then the view is stale.
    const { holder } = this.scopes
    const view = new type.view(holder, this.#allocate(type.id, payloadBytes))
    if (this.collections.hasNews) this.settle()
    return view
  }

  /** A handle slot (its word index) with a new object of zeros. */
  #allocate(type: number, payloadBytes: number): number {
    if (payloadBytes > BUMPED_HERE_MAX_BYTES) return this.#allocateSlow(type, payloadBytes)
    const { u32 } = this.views
    const bytes = (payloadBytes + OBJECT_HEADER_BYTES + this.#grain - 1) & -this.#grain
    const bump = u32[this.#bumpIndex] as number
    const top = u32[this.topIndex] as number
    const end = bump + bytes
    // Detached arrays give undefined, for which every comparison is false.
    const fits = end <= (u32[this.#bumpLimitIndex] as number) && top < (u32[this.limitIndex] as number)
    if (!fits) return this.#allocateSlow(type, payloadBytes)
    u32[this.#bumpIndex] = end
    const at = bump >>> 2
    u32[at] = type
    u32[at + 1] = payloadBytes
    for (let word = at + 2; word < end >>> 2; word++) u32[word] = 0
    u32[top >>> 2] = bump + OBJECT_HEADER_BYTES
    u32[this.topIndex] = top + 4
    return top >>> 2
  }

  #allocateSlow(type: number, payloadBytes: number): number {
    const bytes = payloadBytes + OBJECT_HEADER_BYTES
    const slot = this.request(bytes, () => this.kernel.objectPush(type, payloadBytes), false)
    this.views.refresh()
    return slot >>> 2
  }

  /**
   * A raw reference to a new object of zeros, in no handle: good until the next call that may allocate. With counted
   * objects it is the caller's.
   *
   * @throws OutOfMemoryError
   */
  allocateRaw(type: number, payloadBytes: number): Address {
    if (payloadBytes > BUMPED_HERE_MAX_BYTES) return this.#allocateRawSlow(type, payloadBytes)
    const { u32 } = this.views
    const bytes = (payloadBytes + OBJECT_HEADER_BYTES + this.#grain - 1) & -this.#grain
    const bump = u32[this.#bumpIndex] as number
    const end = bump + bytes
    // Detached arrays give undefined, for which every comparison is false. Counted objects are never bumped.
    if (!(end <= (u32[this.#bumpLimitIndex] as number))) return this.#allocateRawSlow(type, payloadBytes)
    u32[this.#bumpIndex] = end
    const at = bump >>> 2
    u32[at] = type
    u32[at + 1] = payloadBytes
    for (let word = at + 2; word < end >>> 2; word++) u32[word] = 0
    return (bump + OBJECT_HEADER_BYTES) as Address
  }

  #allocateRawSlow(type: number, payloadBytes: number): Address {
    // Listeners and finalizers run before: after it nobody may, until the reference is in its place.
    if (this.collections.hasNews) this.settle()
    let reference = this.kernel.objectNew(type, payloadBytes) >>> 0
    if (reference === 0) {
      const status = this.word(SPACE_STATUS_AT)
      this.#expect('objectNew', status, STATUS_OUT_OF_MEMORY)
      const bytes = payloadBytes + OBJECT_HEADER_BYTES
      reference = this.rescueRaw(bytes, () => this.kernel.objectNew(type, payloadBytes))
    }
    this.views.refresh()
    return reference as Address
  }

  /**
   * The word that `attempt` gives after room was made, which runs listeners, reclaimers and finalizers: until they are
   * done the word lies in a root, for they may close any scope.
   */
  rescueRaw(bytes: number, attempt: () => number): number {
    // Counted objects stay where they are.
    if (this.isCounted) return this.#rescue(bytes, attempt, true)
    const slot = this.#rescue(
      bytes,
      () => {
        const word = attempt() >>> 0
        return word === 0 ? 0 : this.kernel.rootAdd(ROOT_STRONG, word)
      },
      true,
    )
    this.views.refresh()
    const word = this.wordAt(slot)
    this.kernel.rootRemove(ROOT_STRONG, slot)
    return word
  }

  /** Have `attempt` answer STATUS_OK after room was made. */
  rescueStatus(bytes: number, attempt: () => number): void {
    this.#rescue(bytes, () => (attempt() === STATUS_OK ? 1 : 0), true)
  }

  /** Strings, arrays and other values; made when first used. */
  get values(): ValueSpace {
    this.#values ??= new ValueSpace(this, this.#plan.hashSeed)
    return this.#values
  }

  /** The values that somebody else has begun in this heap, or that were used here. */
  get valuesThatAre(): ValueSpace | undefined {
    return this.#values === undefined && this.word(SPACE_VALUES_AT) === 0 ? undefined : this.values
  }

  /** A view of the object in a slot, by the type that its header says. */
  viewAt(holder: Holder, slot: number, reference: number): ObjectView {
    return this.viewOfType(holder, slot, this.typeAt(reference))
  }

  viewOfType(holder: Holder, slot: number, type: number): ObjectView {
    return new (this.types.viewClass(type))(holder, slot)
  }

  typeAt(reference: number): number {
    return (this.views.u32[(reference - OBJECT_HEADER_BYTES) >>> 2] as number) & TYPE_MASK
  }

  structAt(reference: number): Struct | undefined {
    return this.types.get(this.typeAt(reference))?.struct
  }

  /** A new handle slot, by its word index. @throws OutOfMemoryError */
  pushHandle(reference: number, again: () => number = () => 0): number {
    return this.#pushFast(reference) || this.#pushSlow(reference, again)
  }

  /** The slot, or 0 when the segment is full. */
  #pushFast(reference: number): number {
    const { u32 } = this.views
    const top = u32[this.topIndex] as number
    // Detached arrays give undefined, for which every comparison is false.
    if (!(top < (u32[this.limitIndex] as number))) return 0
    u32[top >>> 2] = reference
    u32[this.topIndex] = top + 4
    return top >>> 2
  }

  #pushSlow(reference: number, again: () => number): number {
    const attempt = (current: number) => (current === 0 ? 0 : this.kernel.handlePush(current))
    this.checkCount(reference)
    const slot = attempt(reference) || this.#rescue(HANDLE_BYTES, () => attempt(again()), true)
    this.views.refresh()
    return slot >>> 2
  }

  /**
   * A new handle slot, by its word index, for an object that the caller owns: its count becomes the slot's. Where nobody
   * owns objects it is the same as `pushHandle`.
   *
   * @throws OutOfMemoryError; the object is released then
   */
  pushOwned(reference: number): number {
    return this.isCounted ? this.#adopt(reference) : this.pushHandle(reference)
  }

  #adopt(reference: number): number {
    const { epoch } = this
    const attempt = () => this.kernel.handleAdopt(reference)
    try {
      const slot = attempt() || this.#rescue(HANDLE_BYTES, attempt, true)
      this.views.refresh()
      return slot >>> 2
    } catch (error) {
      if (!this.isClosed && this.epoch === epoch) this.kernel.decref(reference)
      throw error
    }
  }

  /** A view in the innermost scope of what the field at `offset` of `owner` refers to, which is not null. */
  pushView(reference: number, owner: ObjectView, offset: number): ObjectView {
    const { holder } = this.scopes
    const viewClass = this.types.viewClass(this.typeAt(reference))
    const slot = this.#pushFast(reference) || this.#pushSlow(reference, () => this.wordAt(owner.reference + offset))
    return new viewClass(holder, slot)
  }

  /** What the field at `offset` of `owner` refers to. */
  loadReference(owner: ObjectView, offset: number): ObjectView | null {
    const reference = this.wordAt(owner.reference + offset)
    return reference === 0 ? null : this.pushView(reference, owner, offset)
  }

  /** A view in the innermost scope of what `current` gives, which is asked again when room had to be made. */
  pushOrNull(current: () => number): ObjectView | null {
    const { holder } = this.scopes
    const reference = current() >>> 0
    if (reference === 0) return null
    const slot = this.pushHandle(reference, () => current() >>> 0)
    holder.assertOpen()
    return this.viewAt(holder, slot, this.wordAt(slot << 2))
  }

  /** The view of a new weak reference or weak map, which `make` gives, for the object of `view`. */
  makeWeak(bytes: number, make: (slot: number) => number, view?: ObjectView): ObjectView {
    const { holder } = this.scopes
    const attempt = () => {
      // The view is read first: it must be good, and its slot is where the kernel finds the object.
      void view?.reference
      return make(view ? ObjectView.slotOf(view) << 2 : 0)
    }
    const slot = this.request(bytes, () => {
      const reference = attempt() >>> 0
      return reference === 0 ? 0 : this.kernel.handlePush(reference)
    })
    holder.assertOpen()
    const made = this.viewAt(holder, slot >>> 2, this.wordAt(slot))
    this.settle()
    return made
  }

  /**
   * Store a reference in an object: the one place where that happens. The write barrier's common case, that nothing is
   * to be done, is decided here; the rest is the kernel's.
   *
   * @param reference the object that is written to
   * @param offset of the field in its payload
   * @param target what it refers to from now on, 0 for null; checked before
   */
  storeReference(reference: number, offset: number, target: number): void {
    const { u32 } = this.views
    if (this.#hasBarrier) {
      if (this.isCounted) {
        this.#storeCounted(reference, reference + offset, target)
        return
      }
      const base = u32[this.#youngIndex] as number
      const bytes = u32[this.#youngIndex + 1] as number
      const isYoung = (reference - base) >>> 0 < bytes
      // Words that are no references may look like young ones: then the kernel finds that out.
      if (!isYoung && ((target - base) >>> 0 < bytes || u32[this.#youngIndex + 2] !== 0)) {
        this.kernel.storeReference(reference, reference + offset, target)
        // The log may have grown, and the memory with it.
        this.views.refresh()
        return
      }
    }
    u32[(reference + offset) >>> 2] = target
  }

  /** Store a word that nobody has checked. @throws ArgumentError when that would lead from one heap into another */
  storeWord(reference: number, offset: number, word: number): void {
    if (!this.hasNeighbours) {
      this.storeReference(reference, offset, word)
      return
    }
    // Most words and objects lie in chunks: the kernel is asked about others, and where parts of chunks are lent.
    const isLent = this.views.u32[this.#lentIndex] !== 0
    if (!isLent && this.#isInChunk(reference) && ((word & 15) !== 8 || this.#isInChunk(word))) {
      this.storeReference(reference, offset, word)
      return
    }
    const status = this.kernel.storeReference(reference, reference + offset, word)
    this.views.refresh()
    if (status !== STATUS_FOREIGN) return
    const words = `${hex(word >>> 0)} in ${hex(reference >>> 0)}`
    throw new ArgumentError('word', words, `words and objects of ${this.core.label}, or shared ones`)
  }

  /** Whether an address lies in a chunk of this heap, by its table: see `kernel/layout.ts`. */
  #isInChunk(address: number): boolean {
    const { u32 } = this.views
    const entry = this.#tableIndex + (((address >>> 16) & this.#tableMask) >>> 2)
    return ((address - (u32[entry + 1] as number)) >>> 0) >>> 4 < (u32[entry + 2] as number)
  }

  /** The new one's count goes up, the old one's down, which may release any number of objects. */
  #storeCounted(reference: number, slot: number, target: number): void {
    const status = this.kernel.storeReference(reference, slot, target)
    if (status === STATUS_COUNT) throw new CountError(target, COUNT_MAX)
    this.#expect('storeReference', status)
    // The table of candidates may have grown, and the memory with it.
    this.views.refresh()
  }

  /** Let a word outside of objects, one of the space's own roots, refer to an object that was checked, or to none. */
  storeRoot(at: number, target: number): void {
    if (this.isCounted) this.#storeCounted(0, this.base + at, target)
    else this.setWord(at, target)
  }

  /** Check that an object is there and can have `more` references. @throws CountError, InvalidAddressError */
  checkCount(reference: number, more = 1): void {
    if (!this.isCounted) return
    const count = this.kernel.refcount(reference)
    if (count === 0) throw countedError(this.core, 'reference', reference)
    if (count > COUNT_MAX - more) throw new CountError(reference, COUNT_MAX)
  }

  /** @throws UnsupportedError where objects have counts */
  assertTraced(feature: string, hint: string): void {
    if (this.isCounted) throw new UnsupportedError(this.core.mode, feature, hint)
  }

  /** @throws UnsupportedError where objects have none */
  assertCounted(): void {
    if (this.isCounted) return
    const hint = "in mode 'manual' objects have them; here an object lives as long as something refers to it"
    throw new UnsupportedError(this.core.mode, 'reference counts', hint)
  }

  /** Make an object old, if that can be: one that stays in the nursery for long would keep that short. */
  promote(view: ObjectView): void {
    if (!this.hasNursery) return
    const { u32 } = this.views
    const base = u32[this.#youngIndex] as number
    if ((view.reference - base) >>> 0 < (u32[this.#youngIndex + 1] as number)) this.kernel.collect(COLLECT_MINOR)
  }

  /** What a weak root's slot refers to. */
  readWeakRoot(slot: number): number {
    return this.hasNursery ? this.kernel.weakRootGet(slot) : this.wordAt(slot)
  }

  // ---- arguments ----------------------------------------------------------------------------------------------------

  /** The view of a view or root of this heap. @throws ArgumentError, StaleHandleError */
  checkView(argument: string, value: unknown): ObjectView {
    if (value instanceof ObjectView && ObjectView.holderOf(value).space === this) return value
    return this.#checkViewSlow(argument, value)
  }

  #checkViewSlow(argument: string, value: unknown): ObjectView {
    const view = Root.isRoot(value) ? value.value : value
    if (ObjectView.isView(view)) {
      if (ObjectView.holderOf(view).space === this) return view
      throw new ArgumentError(argument, value, `an object of ${this.core.label}, not of another heap`)
    }
    throw new ArgumentError(argument, value, 'a view or a root of this heap')
  }

  /**
   * The reference of a view, a root or null that may be stored where `kind` says.
   *
   * @param more references that it must be able to have beside those it has
   * @throws ArgumentError, CountError
   */
  checkReference(argument: string, value: unknown, kind?: RefKind, more = 0): number {
    if (value === null) return 0
    if (value === undefined) throw new ArgumentError(argument, value, 'a view, a root or null')
    const { reference } = this.checkView(argument, value)
    if (more > 0) this.checkCount(reference, more)
    if (kind?.target !== undefined) this.#checkTarget(argument, reference, kind.target)
    return reference
  }

  #checkTarget(argument: string, reference: number, target: Struct | string): void {
    const type = this.types.get(this.typeAt(reference))
    const fits = typeof target === 'string' ? type?.name === target : type?.struct === target
    if (fits) return
    const name = typeof target === 'string' ? target : target.name
    throw new ArgumentError(argument, type?.name, `null or an object of struct ${name}`)
  }

  /** The view of a raw reference, which must be that of an object of the struct. */
  viewOf(struct: Struct, reference: number): ObjectView {
    checkAddress('reference', reference)
    const { id } = this.types.typeOf(struct)
    // Marking in steps must hear of what the program did not have before.
    const isLive = this.kernel.objectStatus(reference) === STATUS_OK
    if (!isLive || (this.hasNursery && this.kernel.readReference(reference) === 0)) {
      throw new InvalidAddressError(`no object of ${this.core.label} is at ${hex(reference)}`, reference, 'foreign')
    }
    this.views.refresh()
    if (this.typeAt(reference) !== id) this.#checkTarget('reference', reference, struct)
    return this.viewOfType(this.scopes.holder, this.pushHandle(reference), id)
  }

  // ---- collections --------------------------------------------------------------------------------------------------

  /** `kind`: `COLLECT_…` */
  collect(kind: number): Collection {
    const made = this.collectUntold(kind)
    this.settle()
    return made
  }

  /** The same before anybody is told: until it settles, no code of the program has run. */
  collectUntold(kind: number): Collection {
    if (kind === COLLECT_MINOR && !this.hasNursery) {
      throw new ArgumentError('kind', 'minor', `'full' in mode '${this.core.mode}', which has no nursery`)
    }
    const { count } = this.collections
    this.#expect('collect', this.kernel.collect(kind))
    const made = this.collections.firstAfter(count, COLLECTION_KINDS[kind] as CollectionKind)
    if (!made) throw new CorruptionError(this.base, 'a collection did not report its end')
    return made
  }

  /**
   * A full collection that moves nothing, as far as the mode allows: what survives a nursery leaves it, and `embedded`
   * slides. Nobody is told until it settles.
   */
  collectInPlace(): Collection {
    const policy = this.word(SPACE_POLICY_AT)
    this.kernel.setPolicy(policy & ~(POLICY_EVACUATE | POLICY_MOVE_ALL))
    try {
      return this.collectUntold(COLLECT_FULL)
    } finally {
      this.kernel.setPolicy(policy)
    }
  }

  /** A full collection for want of memory, which may be refused: undefined then. Nobody is told until it settles. */
  collectIfAllowed(): Collection | undefined {
    void this.#isRefusing()
    const { count } = this.collections
    if (this.kernel.collect(COLLECT_FULL | CAUSE_FOR_MEMORY) !== STATUS_OK) return undefined
    return this.collections.firstAfter(count, 'full')
  }

  /**
   * Another try after each kind of collection; 0 when neither made room, and at once for a listener that hears of a
   * collection which a listener has caused.
   */
  collectAndTry(attempt: () => number): number {
    void this.#isRefusing()
    if (this.#round > 1) return 0
    for (const kind of this.isCounted ? COUNTED_KINDS : TRACED_KINDS) {
      if (this.kernel.collect(kind | CAUSE_FOR_MEMORY) !== STATUS_OK) return 0
      const result = attempt()
      if (result !== 0) return result
    }
    return 0
  }

  /**
   * What `attempt` gives while the kernel does not collect for want of memory. With a nursery it does all the same: what
   * was born there finds its place in what has become free only by a collection.
   */
  withoutCollections(attempt: () => number): number {
    if (!this.#hasRefusal || this.hasNursery) return attempt()
    this.setWord(SPACE_REFUSING_AT, 1)
    try {
      return attempt()
    } finally {
      if (!this.isClosed) void this.#isRefusing()
    }
  }

  /** Whether collections for want of memory take more of the time than `gcShare`; the kernel is told, too. */
  #isRefusing(): boolean {
    const refuses = this.collections.memoryShare() > this.#plan.gcShare
    if (this.#hasRefusal) this.setWord(SPACE_REFUSING_AT, refuses ? 1 : 0)
    return refuses
  }

  /** Somebody has made room: collections for want of memory are worth while again. */
  allowCollections(): void {
    this.collections.forgetMemoryShare()
    void this.#isRefusing()
  }

  /** Do up to `budgetMs` of a cycle's work; whether one goes on. */
  step(budgetMs: number): StepResult {
    this.assertTraced('collection in steps', 'heap.collectCycles takes a budget')
    if (this.core.mode !== 'server') {
      throw new UnsupportedError(this.core.mode, 'collection in steps', "make the heap with mode 'server'")
    }
    const began = performance.now()
    let steps = 0
    let phase: number
    do {
      const leftMs = budgetMs - (performance.now() - began)
      phase = this.kernel.step(this.steps.unitsFor(Math.max(leftMs, 0)))
      steps++
    } while (phase !== PHASE_IDLE && performance.now() - began < budgetMs * STEP_MARGIN)
    this.settle()
    return { isCycling: phase !== PHASE_IDLE, steps, ms: performance.now() - began }
  }

  /** The kernel's word that a collection begins or ends, in the middle of a call. */
  report(code: number, argument: number): void {
    if (code === REPORT_COLLECT_BEGIN) this.collections.begin(argument)
    if (code === REPORT_WORK) this.collections.work(argument)
    if (code === REPORT_COLLECT_BEGIN) this.steps.begin(argument >>> 8)
    if (code !== REPORT_COLLECT_END) return
    if (argument === COLLECT_STEP) this.#endStep()
    this.collections.end(argument)
    if (argument <= COLLECT_COMPACT) this.#keepHalf()
    if (this.#isSettlingLater) return
    // In case it is a guest that called: a call of the host's settles when it is over.
    this.#isSettlingLater = true
    queueMicrotask(() => {
      this.#isSettlingLater = false
      if (!this.isClosed) this.settle()
    })
  }

  /**
   * Collections for want of memory are refused when they take more of the time than `gcShare`; when those by budget take
   * more than half, because little is left to the limit, the budget is doubled. With `gcShare` 1 neither depends on time.
   */
  #keepHalf(): void {
    void this.#isRefusing()
    const { budgetShare } = this.collections
    if (this.#plan.gcShare === 1) return
    if (!this.#hasRefusal || budgetShare.shareAt(this.collections.nowMs) <= HALF) return
    this.setWord(SPACE_BUDGET_AT, Math.min(this.word(SPACE_BUDGET_AT) * 2, BUDGET_MAX_BYTES))
  }

  #endStep(): void {
    const hasChanged = this.steps.end(this.word(SPACE_LAST_UNITS_AT))
    // The pause goal is that of whoever made the heap.
    if (hasChanged && !this.#plan.isAttached) this.setWord(SPACE_STEP_UNITS_AT, this.steps.units)
  }

  /** Whether listeners of collections, or finalizers, run. */
  get isSettling(): boolean {
    return this.#isSettling
  }

  /** Between kernel calls: tell listeners of collections, run finalizers. Both may use the heap. */
  settle(): void {
    if (this.#isSettling || this.isClosed) return
    this.#isSettling = true
    this.#round = 0
    try {
      while (this.collections.hasNews || (!this.isClosed && this.word(SPACE_FINALIZER_READY_AT) !== 0)) {
        const news = this.collections.takeNews()
        if (++this.#round <= TOLD_ROUNDS_MAX) this.#tell(news)
        if (!this.isClosed && !this.isCounted) this.finalizers.run()
        if (!this.isClosed) this.core.reserve?.fillIfRoom()
        this.core.pressure.look()
      }
    } finally {
      this.#isSettling = false
      this.#round = 0
    }
  }

  #tell(news: readonly Collection[]): void {
    const { epoch } = this
    for (const collection of news) {
      // A listener may close or reset the heap: the rest is not told then.
      if (this.isClosed || this.epoch !== epoch) return
      this.core.events.emit('collectBegin', { kind: collection.kind, cause: collection.cause })
      this.core.events.emit('collectEnd', collection)
      // A compaction is told as a collection of its own, also where it was a part of one.
      if (collection.kind === 'compact') {
        this.core.tellTrim(collection.committedBefore - collection.committedAfter, 'compact')
      }
    }
  }
}

// ---- making objects -------------------------------------------------------------------------------------------------

function checkPayload(struct: Struct, elements: number): number {
  if (elements === 0) return struct.fixedBytes
  if (struct.elementBytes === 0) {
    throw new ArgumentError('elements', elements, `left out: struct ${struct.name} has no trailing array`)
  }
  const most = Math.floor((OBJECT_MAX_BYTES - struct.fixedBytes) / struct.elementBytes)
  if (Number.isInteger(elements) && elements > 0 && elements <= most) {
    return struct.fixedBytes + elements * struct.elementBytes
  }
  throw new ArgumentError('elements', elements, `an integer from 0 to ${most}`)
}

/** How many elements the initial values of the trailing array are. */
function initialElements(struct: Struct, values: readonly FieldValue[]): number {
  const given = values.find(([{ name }]) => name === struct.trailing?.name)
  return given ? (given[1] as unknown[]).length : 0
}

/** Set the fields of a new object to values that have been read and checked. */
function applyInit(space: ObjectSpace, view: ObjectView, struct: Struct, values: readonly FieldValue[]): void {
  for (const [field, value] of values) {
    const { kind, name, offset } = field
    if (kind.kind === 'bytes' || kind.kind === 'array') {
      elementsOf(view, struct, field).write(value as ArrayLike<unknown>)
    } else if (kind.kind === 'ref') {
      space.storeReference(view.reference, offset, space.checkReference(name, value, kind))
    } else if (kind.kind === 'value') {
      // May allocate: the object may lie elsewhere afterwards.
      space.values.store(view, offset, name, value)
    } else storeScalar(kind.kind, space.views, view.reference + offset, value)
  }
}

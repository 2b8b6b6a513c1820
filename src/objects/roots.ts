/**
 * Roots: what keeps an object alive beyond scopes, or watches it. Each holds a slot of a root list of the kernel, which
 * the collector updates when the object moves, until it is disposed of.
 *
 * A root that is forgotten instead of disposed of, together with its views, is removed when JavaScript's own collector
 * finds it, and counted: `heap.rootsCaught` says how often that was needed.
 */
import { ROOT_PINNED, ROOT_SLOT, ROOT_STRONG, ROOT_WEAK } from '../../kernel/object-layout.js'
import { dispose } from '../dispose.js'
import { StaleHandleError } from '../errors.js'
import type { Origin } from '../fork.js'
import type { Address } from '../types.js'
import { Holder } from './holder.js'
import type { ObjectSpace } from './space.js'
import { ObjectView } from './view.js'

/** A slot of a root list. */
export interface RootSlot {
  readonly kind: number
  readonly slot: number
  /** The space's epoch when it was made: a reset takes all roots. */
  readonly epoch: number
}

/** Bytes that a slot may need when its list must grow, for messages. */
const SLOT_BYTES = 64

/** The root lists of a heap. */
export class RootKeeper {
  readonly #space: ObjectSpace
  readonly #registry: FinalizationRegistry<RootSlot>
  /** Roots that JavaScript's collector found forgotten. */
  caught = 0

  constructor(space: ObjectSpace) {
    this.#space = space
    this.#registry = new FinalizationRegistry((slot) => {
      if (this.remove(slot)) this.caught++
    })
  }

  /** A slot for what `value` gives, which is asked again when room had to be made. */
  add(kind: number, value: () => number): RootSlot {
    const space = this.#space
    // Before the call: making room may reset the heap, which the request then says.
    const { epoch } = space
    const slot = space.request(SLOT_BYTES, () => space.kernel.rootAdd(kind, value()))
    return { kind, slot, epoch }
  }

  /** Remove the slot when `owner` is forgotten. */
  watch(owner: object, slot: RootSlot): void {
    this.#registry.register(owner, slot, owner)
  }

  unwatch(owner: object): void {
    this.#registry.unregister(owner)
  }

  /** Whether there was anything to remove. */
  remove({ kind, slot, epoch }: RootSlot): boolean {
    const space = this.#space
    if (space.isClosed || space.epoch !== epoch) return false
    return space.kernel.rootRemove(kind, slot) === 0
  }
}

function isSlot(from: ObjectView | RootSlot): from is RootSlot {
  return !ObjectView.isView(from)
}

function addStrong(space: ObjectSpace, view: ObjectView, kind: number): RootSlot {
  space.checkCount(view.reference)
  return space.roots.add(kind, () => view.reference)
}

let strongInFork: (root: Root, space: ObjectSpace, origin: Origin) => Root | undefined
let ownerInFork: (root: WeakRoot | SlotRoot, space: ObjectSpace, origin: Origin) => WeakRoot | SlotRoot | undefined

/** The same root of a fork of its heap; undefined when the fork has none there. */
export function rootInFork<R extends Root | WeakRoot | SlotRoot>(root: R, space: ObjectSpace, origin: Origin): R {
  return (root instanceof Root ? strongInFork(root, space, origin) : ownerInFork(root, space, origin)) as R
}

/** A slot that was there when `space`'s heap was forked off, and is since. */
function slotInFork(
  { kind, slot, epoch }: RootSlot,
  from: ObjectSpace,
  born: number,
  space: ObjectSpace,
  { parent, forks, epoch: epochThen }: Origin,
): RootSlot | undefined {
  const isThere = from.core === parent && born < forks && epoch === epochThen && space.epoch === 0
  return isThere ? { kind, slot, epoch: space.epoch } : undefined
}

/** Keeps an object until it is disposed of. Made by `heap.root()`. */
export class Root<V extends ObjectView = ObjectView> implements Disposable {
  readonly #space: ObjectSpace
  readonly #slot: RootSlot
  readonly #holder: Holder
  readonly #value: V

  readonly #born: number

  /** @internal */
  constructor(space: ObjectSpace, from: V | RootSlot, kind: number = ROOT_STRONG) {
    this.#space = space
    this.#born = space.core.forks
    this.#slot = isSlot(from) ? from : addStrong(space, from, kind)
    this.#holder = new Holder(space)
    const { slot } = this.#slot
    this.#value = space.viewAt(this.#holder, slot >>> 2, space.wordAt(slot)) as V
    // The holder is what root and view share: either of them keeps it.
    space.roots.watch(this.#holder, this.#slot)
  }

  /** The object, as a view that is good as long as the root. */
  get value(): V {
    this.#holder.assertOpen()
    return this.#value
  }

  get isDisposed(): boolean {
    return !this.#holder.isOpen
  }

  /** Let go of the object. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    if (!this.#holder.isOpen) return
    this.#holder.close('root-disposed')
    this.#space.roots.unwatch(this.#holder)
    this.#space.roots.remove(this.#slot)
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }

  static {
    strongInFork = (root, space, origin) => {
      if (!root.#holder.isOpen) return undefined
      const slot = slotInFork(root.#slot, root.#space, root.#born, space, origin)
      return slot && (root instanceof Pin ? new Pin(space, slot) : new Root(space, slot, slot.kind))
    }
  }

  /** Whether a value is a root of any heap. @internal */
  static isRoot(value: unknown): value is Root {
    return typeof value === 'object' && value !== null && #slot in value
  }
}

/** Keeps an object, and keeps it where it is, until it is disposed of. Made by `heap.pin()`. */
export class Pin<V extends ObjectView = ObjectView> extends Root<V> {
  /** @internal */
  constructor(space: ObjectSpace, from: V | RootSlot) {
    super(space, isSlot(from) ? from : promoted(space, from), ROOT_PINNED)
  }

  /** Where the object's payload begins: does not change while it is pinned. */
  get address(): Address {
    return this.value.reference as Address
  }

  /** The same number: a reference is the address of a payload. */
  get reference(): number {
    return this.value.reference
  }
}

/** The view, of an object that is old if that can be: it may move for that before it is pinned. */
function promoted<V extends ObjectView>(space: ObjectSpace, view: V): V {
  space.promote(view)
  return view
}

/** What the roots that have no view of their own share. */
abstract class SlotOwner implements Disposable {
  /** @internal */
  protected readonly space: ObjectSpace
  /** @internal */
  protected readonly slot: RootSlot
  #isDisposed = false

  /** @internal */
  protected readonly born: number

  /** @internal */
  constructor(space: ObjectSpace, kind: number, value: RootSlot | (() => number)) {
    this.space = space
    this.born = space.core.forks
    this.slot = typeof value === 'object' ? value : space.roots.add(kind, value)
    space.roots.watch(this, this.slot)
  }

  static {
    ownerInFork = (root, space, origin) => {
      const owner: SlotOwner = root
      const slot = owner.isDisposed ? undefined : slotInFork(owner.slot, owner.space, owner.born, space, origin)
      if (!slot) return undefined
      return root instanceof SlotRoot ? new SlotRoot(space, root.address, slot) : new WeakRoot(space, slot)
    }
  }

  get isDisposed(): boolean {
    return this.#isDisposed || this.space.isClosed || this.space.epoch !== this.slot.epoch
  }

  /** Take it off the list. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    if (this.isDisposed) return
    this.#isDisposed = true
    this.space.roots.unwatch(this)
    this.space.roots.remove(this.slot)
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }

  /** @internal */
  protected assertOpen(): void {
    if (this.#isDisposed) throw new StaleHandleError('root-disposed')
    if (this.space.isClosed) throw this.space.closedError()
    if (this.space.epoch !== this.slot.epoch) throw new StaleHandleError('heap-reset')
  }
}

/** Watches an object without keeping it. Made by `heap.weak()`. */
export class WeakRoot<V extends ObjectView = ObjectView> extends SlotOwner {
  /** @internal */
  constructor(space: ObjectSpace, from: V | RootSlot) {
    super(space, ROOT_WEAK, isSlot(from) ? from : () => from.reference)
  }

  /** The object, in the innermost scope; null once a collection has found it dead. */
  deref(): V | null {
    this.assertOpen()
    const { space } = this
    return space.pushOrNull(() => space.readWeakRoot(this.slot.slot)) as V | null
  }
}

/**
 * A word of the memory that the collector reads as a root, and updates when its object moves: a global of a guest, for
 * instance. Made by `heap.rootSlot()`.
 */
export class SlotRoot extends SlotOwner {
  /** Where the word is. */
  readonly address: Address

  /** @internal */
  constructor(space: ObjectSpace, address: Address, there?: RootSlot) {
    super(space, ROOT_SLOT, there ?? (() => address))
    this.address = address
  }

  /** The object that the word refers to, in the innermost scope, or null. */
  get value(): ObjectView | null {
    this.assertOpen()
    return this.space.pushOrNull(() => this.space.wordAt(this.address))
  }

  set value(value: ObjectView | Root | null) {
    this.assertOpen()
    this.space.setWordAt(this.address, this.space.checkReference('value', value))
  }
}

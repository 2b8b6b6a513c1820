/**
 * Scopes: where views live. A scope is a stretch of the handle stack; closing it drops all its handles at once, in time
 * proportional to their number, and every view of it is stale from then on.
 *
 * Scopes nest. Closing one closes those that were opened after it and are still open: `using` never gets there, and
 * code that does (an exception between two scopes closed by hand, tasks that take turns) must not keep handles alive.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { checkInstance } from '../arguments.js'
import { dispose } from '../dispose.js'
import { ArgumentError, ScopeError, type StaleHandleReason } from '../errors.js'
import { Holder } from './holder.js'
import type { ObjectSpace } from './space.js'
import { ObjectView } from './view.js'

/** Up to so many slots are cleared here instead of by a call of the kernel. */
const CLEARED_HERE_MAX_BYTES = 256

/** Holds the views that are made while it is the innermost one. Made by `heap.scope()`. */
export class Scope implements Disposable {
  readonly #stack: ScopeStack
  readonly #holder: Holder
  /** The handle stack's top and segment when this scope was opened. */
  readonly #top: number
  readonly #segment: number
  #escaping: Set<ObjectView> | undefined

  /** @internal */
  constructor(stack: ScopeStack, holder: Holder, top: number, segment: number) {
    this.#stack = stack
    this.#holder = holder
    this.#top = top
    this.#segment = segment
  }

  get isOpen(): boolean {
    return this.#holder.isOpen
  }

  /**
   * Keep `view` when this scope is closed: it belongs to the scope around it then. The view stays the same one.
   *
   * @returns the view
   * @throws ScopeError for the outermost scope; StaleHandleError
   * @example
   * function first(list: View<typeof List>) {
   *   using scope = heap.scope()
   *   return scope.escape(list.items.get(0))
   * }
   */
  escape<V extends ObjectView | null>(view: V): V {
    this.#holder.assertOpen()
    if (view === null) return view
    checkInstance('view', view, ObjectView.isView, 'a view of this heap, or null')
    ObjectView.holderOf(view).assertOpen()
    this.#stack.escape(this, view)
    return view
  }

  /** Close the scope, and those inside it that are open. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    if (this.#holder.isOpen) this.#stack.close(this)
  }

  /** The same as `using` does. */
  close(): void {
    this[dispose]()
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }

  /** @internal */
  get holder(): Holder {
    return this.#holder
  }

  /** @internal */
  keep(view: ObjectView): void {
    this.#escaping ??= new Set()
    this.#escaping.add(view)
  }

  /** Drop the handles; those of escaping views move to `parent`. @internal */
  drop(space: ObjectSpace, parent: Scope | undefined): void {
    const escaping = parent && this.#escaping ? [...this.#escaping] : []
    const references = escaping.map((view) => view.reference)
    // Counted objects are kept meanwhile. One that cannot have a reference more has others.
    const areOwned = references.map((reference) => space.isCounted && space.kernel.incref(reference) === STATUS_OK)
    this.#clear(space)
    this.#end('scope-closed')
    escaping.forEach((view, i) => {
      // There is room: at least as many slots have just been dropped.
      const reference = references[i] as number
      const slot = areOwned[i] ? space.pushOwned(reference) : space.pushHandle(reference)
      ObjectView.rebind(view, (parent as Scope).#holder, slot)
    })
  }

  #clear(space: ObjectSpace): void {
    const { u32 } = space.views
    const top = u32[space.topIndex] as number
    // Of detached arrays nothing equals anything.
    const isShort = top - this.#top <= CLEARED_HERE_MAX_BYTES && u32[space.segmentIndex] === this.#segment
    // Slots that own counts are the kernel's to clear.
    if (!isShort || top < this.#top || space.isCounted) {
      space.kernel.handlePop(this.#top)
      return
    }
    for (let slot = this.#top >>> 2; slot < top >>> 2; slot++) u32[slot] = 0
    u32[space.topIndex] = this.#top
  }

  #end(reason: StaleHandleReason): void {
    this.#holder.close(reason)
    this.#escaping = undefined
  }
}

/** The open scopes of a heap, innermost last. */
export class ScopeStack {
  readonly #space: ObjectSpace
  #open: Scope[] = []
  /** The innermost scope's holder: what new views belong to. */
  innermost: Holder | undefined

  constructor(space: ObjectSpace) {
    this.#space = space
  }

  open(): Scope {
    const space = this.#space
    const holder = new Holder(space)
    const top = space.wordAt(space.topIndex << 2)
    const scope = new Scope(this, holder, top, space.views.u32[space.segmentIndex] as number)
    this.#open.push(scope)
    this.innermost = holder
    return scope
  }

  /** @throws ScopeError when none is open */
  get holder(): Holder {
    if (this.innermost) return this.innermost
    throw new ScopeError(
      'no scope is open to hold an object: open one with `using scope = heap.scope()`; heap.root keeps objects beyond it',
    )
  }

  close(scope: Scope): void {
    const at = this.#open.lastIndexOf(scope)
    if (at < 0) return
    while (this.#open.length > at) {
      const inner = this.#open.pop() as Scope
      this.innermost = this.#open.at(-1)?.holder
      inner.drop(this.#space, this.#open.at(-1))
    }
  }

  /** Let `view` outlive `scope`, and the scopes between the one it is of and that. */
  escape(scope: Scope, view: ObjectView): void {
    const to = this.#open.indexOf(scope)
    const from = this.#open.findIndex(({ holder }) => holder === ObjectView.holderOf(view))
    // Of a root, or of a scope around this one: it outlives this one anyway.
    if (from < to && (from >= 0 || ObjectView.holderOf(view).space === this.#space)) return
    if (from < 0) throw new ArgumentError('view', view, 'of the same heap')
    if (to === 0) throw new ScopeError('the outermost scope has none around it: keep the object with heap.root instead')
    for (const between of this.#open.slice(to, from + 1)) between.keep(view)
  }

  /** Forget all scopes: the heap was reset. */
  clear(): void {
    this.#open = []
    this.innermost = undefined
  }
}

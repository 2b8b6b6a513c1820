/**
 * Finalizers: callbacks that run once an object has died. They get a value that was given along, never the object. They
 * run in the order of registration, between kernel calls: at the end of the host's call that collected, or from a
 * microtask when a guest's call did. What one throws surfaces like what a listener throws, and keeps no other from
 * running.
 */
import { callGuarded } from '../events.js'
import type { Root } from './roots.js'
import type { ObjectSpace } from './space.js'
import type { ObjectView } from './view.js'

/** Names one registration. Given by `register`, taken by `unregister`. */
export type FinalizerToken = number & { readonly finalizer: unique symbol }

interface Registration {
  readonly owner: unknown
  readonly run: () => void
}

/** All registrations of a heap, by the ids under which the kernel knows them. */
export class FinalizerTable {
  readonly #space: ObjectSpace
  #registrations = new Map<number, Registration>()
  #lastId: number

  /** `firstId`: ids of this table must not meet those of another program on the same heap. */
  constructor(space: ObjectSpace, firstId: number) {
    this.#space = space
    this.#lastId = firstId
  }

  add(view: ObjectView, owner: unknown, run: () => void): FinalizerToken {
    const space = this.#space
    const id = this.#nextId()
    this.#registrations.set(id, { owner, run })
    try {
      space.requestStatus('finalizerAdd', () => space.kernel.finalizerAdd(view.reference, id))
    } catch (error) {
      this.#registrations.delete(id)
      throw error
    }
    return id as FinalizerToken
  }

  #nextId(): number {
    do this.#lastId = this.#lastId >= 0x7fffffff ? 1 : this.#lastId + 1
    while (this.#registrations.has(this.#lastId))
    return this.#lastId
  }

  /** An id that is ready already stays with the kernel; when it comes, nobody is there. */
  remove(token: FinalizerToken, owner: unknown): boolean {
    if (this.#registrations.get(token)?.owner !== owner) return false
    if (!this.#space.isClosed) this.#space.kernel.finalizerRemove(token)
    return this.#registrations.delete(token)
  }

  /** Run the callbacks of objects that have died. */
  run(): void {
    const { kernel } = this.#space
    for (let id = kernel.finalizerNext(); id !== 0; id = kernel.finalizerNext()) {
      const registration = this.#registrations.get(id)
      this.#registrations.delete(id)
      if (registration) callGuarded(registration.run, undefined)
      if (this.#space.isClosed) return
    }
  }

  clear(): void {
    this.#registrations = new Map()
  }
}

/** Calls one callback for objects that have died. Made by `heap.finalizer()`. */
export class Finalizers<Held = unknown> {
  readonly #space: ObjectSpace
  readonly #callback: (held: Held) => unknown

  /** @internal */
  constructor(space: ObjectSpace, callback: (held: Held) => unknown) {
    this.#space = space
    this.#callback = callback
  }

  /**
   * Call back with `held` once `object` has died. `held` must not lead to the object, by a root or a view, or it never
   * dies. The same object can be registered several times.
   */
  register(object: ObjectView | Root, held: Held): FinalizerToken {
    const callback = this.#callback
    return this.#space.finalizers.add(this.#space.checkView('object', object), this, () => callback(held))
  }

  /** Take a registration back; whether it was still there. */
  unregister(token: FinalizerToken): boolean {
    return this.#space.finalizers.remove(token, this)
  }
}

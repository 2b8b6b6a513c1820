/**
 * Guards: what a scope made is freed when the scope is left, also by an exception, unless it was detached.
 *
 * ```ts
 * using block = heap.guard(4096)
 * fillIn(block.address)
 * return block.detach()          // the caller's now
 * ```
 */
import type { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ClosedError } from './errors.js'
import type { Address } from './types.js'

/** Holds something that is disposed of with it. Made by `heap.guard(resource)`. */
export class Guard<T extends Disposable> implements Disposable {
  #resource: T | undefined

  /** @internal */
  constructor(resource: T) {
    this.#resource = resource
  }

  /** @throws ClosedError once disposed or detached */
  get resource(): T {
    if (this.#resource === undefined) throw new ClosedError('guard')
    return this.#resource
  }

  /** Keep it: the guard lets go and will not dispose of it. */
  detach(): T {
    const resource = this.resource
    this.#resource = undefined
    return resource
  }

  /** Dispose of what is guarded. Harmless twice. */
  [dispose](): void {
    const resource = this.#resource
    this.#resource = undefined
    resource?.[dispose]()
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }
}

/** Holds a block that is freed with it. Made by `heap.guard(bytes)`. */
export class BlockGuard implements Disposable {
  readonly #core: HeapCore
  readonly #generation: number
  readonly #address: Address
  readonly #free: (address: Address) => void
  #isHeld = true

  /** @internal */
  constructor(core: HeapCore, address: Address, free: (address: Address) => void) {
    this.#core = core
    this.#generation = core.generation
    this.#address = address
    this.#free = free
  }

  /** @throws ClosedError once disposed or detached */
  get address(): Address {
    if (!this.#isHeld) throw new ClosedError('guard')
    return this.#address
  }

  /** Keep the block: the guard lets go and will not free it. */
  detach(): Address {
    const address = this.address
    this.#isHeld = false
    return address
  }

  /** Free the block. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    if (this.#core.isClosed || this.#core.generation !== this.#generation) return
    this.#free(this.#address)
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }
}

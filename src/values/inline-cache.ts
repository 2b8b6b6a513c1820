/**
 * Inline caches: for one key at one place of a program, where objects of the last shapes that were met there have the
 * property. The 48 bytes are in a block of the heap, so that compiled code can read them, too; the layout is under
 * "inline caches" in `kernel/value-layout.ts`. A cache keeps its key, and no object.
 */
import { ROOT_STRONG } from '../../kernel/object-layout.js'
import { CACHE_BYTES, CACHE_HITS_AT, CACHE_MISSES_AT } from '../../kernel/value-layout.js'
import { dispose } from '../dispose.js'
import { ClosedError, StaleHandleError } from '../errors.js'
import type { RootSlot } from '../objects/roots.js'
import type { ObjectSpace } from '../objects/space.js'
import { type Address, NULL } from '../types.js'
import { checkName, nameOf, type PropertyName, withName } from './property-key.js'
import type { ValueSpace } from './value-space.js'
import type { Word } from './word.js'

/** A cache for one key. Made by `heap.values.cache`. */
export class InlineCache implements Disposable {
  /** @internal */
  readonly $values: ValueSpace
  /** 0 when it was disposed of. @internal */
  $block: Address
  readonly #root: RootSlot
  /** @internal */
  readonly $epoch: number

  /** @internal */
  constructor(values: ValueSpace, name: PropertyName) {
    const { space } = values
    this.$values = values
    this.$epoch = space.epoch
    this.#root = withName(values, checkName(name), (word) => space.roots.add(ROOT_STRONG, word))
    try {
      this.$block = newBlock(space)
    } catch (error) {
      space.roots.remove(this.#root)
      throw error
    }
    space.views.refresh()
    this.clear()
    space.roots.watch(this, this.#root)
    forgotten.register(this, { space, epoch: space.epoch, block: this.$block }, this)
  }

  /** The key: text as text. */
  get key(): PropertyName {
    void this.$at
    return nameOf(this.$values, this.$key, () => this.$key)
  }

  /** Times that an object's shape was known. */
  get hits(): number {
    return this.#word(CACHE_HITS_AT)
  }

  /** Times that it was not. */
  get misses(): number {
    return this.#word(CACHE_MISSES_AT)
  }

  /** Where its bytes lie, for compiled code. */
  get address(): Address {
    return this.$at
  }

  get isDisposed(): boolean {
    const { space } = this.$values
    return this.$block === NULL || space.isClosed || space.epoch !== this.$epoch
  }

  /** Forget all shapes, hits and misses. */
  clear(): void {
    const at = this.$at
    this.$values.space.attachedViews().u8.fill(0, at, at + CACHE_BYTES)
  }

  /** Let go of the key and of the bytes. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    if (this.isDisposed) return
    const { space } = this.$values
    forgotten.unregister(this)
    space.roots.unwatch(this)
    space.roots.remove(this.#root)
    space.kernel.free(this.$block)
    this.$block = NULL
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }

  /** Where its bytes lie. @throws StaleHandleError, ClosedError @internal */
  get $at(): Address {
    if (this.isDisposed) throw this.#whyNot()
    return this.$block
  }

  /** The word of the key. @internal */
  get $key(): Word {
    return this.$values.space.wordAt(this.#root.slot)
  }

  #word(at: number): number {
    return this.$values.space.wordAt(this.$at + at)
  }

  #whyNot(): Error {
    const { space } = this.$values
    if (this.$block === NULL) return new ClosedError('the inline cache')
    return space.isClosed ? space.closedError() : new StaleHandleError('heap-reset')
  }
}

/** The bytes of caches that nobody disposed of. */
const forgotten = new FinalizationRegistry<{ space: ObjectSpace; epoch: number; block: Address }>((held) => {
  if (!held.space.isClosed && held.space.epoch === held.epoch) held.space.kernel.free(held.block)
})

function newBlock(space: ObjectSpace): Address {
  const { core, epoch } = space
  const attempt = () => core.kernel.alloc(CACHE_BYTES)
  const block = ((attempt() >>> 0) as Address) || core.rescueOrThrow(CACHE_BYTES, attempt)
  // Of a heap that was reset while room was made.
  if (!space.isClosed && space.epoch !== epoch) core.kernel.free(block)
  space.assertSameEpoch(epoch)
  return block
}

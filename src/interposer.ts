/**
 * What calls of the kernel go through while somebody is interested in them: watchers of growth, of blocks, of pressure,
 * a profiler. Each is a kernel around a kernel; the heap exchanges the one that its calls take, so that nobody pays for
 * what nobody watches.
 *
 * Interposers stack in the order in which they were put on: the first is nearest to the kernel and hears of a call's
 * end first. `heap.raw`, and guests that call the kernel themselves, are never interposed.
 */
import type { HeapCore } from './core.js'
import type { Kernel } from './kernel-instance.js'

export interface Interposer {
  /** Who it is, for people who look at a heap in a debugger. */
  readonly name: string
  /**
   * Whether objects that the host would bump by itself go through the kernel's `objectPush` and `objectNew` while this
   * is on.
   */
  readonly seesObjects?: boolean
  /**
   * A kernel that does what `kernel` does, and more: `kernelWith` makes one. Asked for again whenever the kernel below
   * is another one, so what is to last is kept elsewhere.
   *
   * What it runs after a call may be the user's, except after those that answer a raw reference to an object that can
   * move (`objectNew`, `weakRefNew`, `weakMapNew`): no code of the user may run before that lies in a slot.
   */
  wrap(kernel: Kernel, core: HeapCore): Kernel
}

/** The interposers of one heap. */
export class InterposerStack {
  #entries: readonly { readonly interposer: Interposer }[] = []

  /** Whether one of them wants to see objects. */
  get seesObjects(): boolean {
    return this.#entries.some(({ interposer }) => interposer.seesObjects === true)
  }

  /** The same one may be put on twice. What is given back takes off what this call has put on: whether it was there. */
  add(interposer: Interposer): () => boolean {
    const own = { interposer }
    this.#entries = [...this.#entries, own]
    return () => {
      const before = this.#entries.length
      this.#entries = this.#entries.filter((other) => other !== own)
      return this.#entries.length < before
    }
  }

  /** `plain` with all of them around it; `plain` itself when there are none. */
  around(plain: Kernel, core: HeapCore): Kernel {
    return this.#entries.reduce((kernel, { interposer }) => interposer.wrap(kernel, core), plain)
  }
}

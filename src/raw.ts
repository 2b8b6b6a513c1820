/**
 * The way around the checks, for hot loops: the kernel's bare functions and the current typed arrays.
 *
 * Nothing is validated on this side. The kernel still refuses what it cannot free, and never traps on a number; but
 * reclaimers do not run, nothing is thrown, and an address comes back as a *signed* number: `>>> 0` makes it one.
 */
import type { HeapCore } from './core.js'
import { Kernel } from './kernel-instance.js'
import type { Views } from './views.js'

/**
 * `heap.raw`: every function of the kernel as a field, and the views. Take a view afresh after anything that may
 * allocate: growth detaches the ones taken before.
 *
 * @example
 * const { alloc, free } = heap.raw
 * const p = alloc(64) >>> 0          // 0 when out of memory
 * heap.raw.i32[p >>> 2] = 42
 * free(p)                            // 0 when done, else a status of kernel/layout.ts
 */
export class RawAccess extends Kernel {
  readonly #views: Views

  /** @internal */
  constructor(core: HeapCore) {
    super(core.plainKernel)
    this.#views = core.views
  }

  get u8(): Uint8Array<ArrayBuffer> {
    return this.#current().u8
  }

  get i8(): Int8Array<ArrayBuffer> {
    return this.#current().i8
  }

  get u16(): Uint16Array<ArrayBuffer> {
    return this.#current().u16
  }

  get i16(): Int16Array<ArrayBuffer> {
    return this.#current().i16
  }

  get u32(): Uint32Array<ArrayBuffer> {
    return this.#current().u32
  }

  get i32(): Int32Array<ArrayBuffer> {
    return this.#current().i32
  }

  get u64(): BigUint64Array<ArrayBuffer> {
    return this.#current().u64
  }

  get i64(): BigInt64Array<ArrayBuffer> {
    return this.#current().i64
  }

  get f32(): Float32Array<ArrayBuffer> {
    return this.#current().f32
  }

  get f64(): Float64Array<ArrayBuffer> {
    return this.#current().f64
  }

  get data(): DataView<ArrayBuffer> {
    return this.#current().data
  }

  #current(): Views {
    if (this.#views.u8.length === 0) this.#views.refresh()
    return this.#views
  }
}

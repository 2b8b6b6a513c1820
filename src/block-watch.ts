/**
 * The events `allocated` and `freed`: told when the call is over, by an interposer that is there while somebody listens.
 *
 * What a listener of these two allocates and frees itself is not told, for one that allocates would never end. Nor is
 * what others do without the heap's calls: `heap.raw`, guests, the host's short-lived copies of texts, and the values
 * (strings, arrays, dictionaries), whose references are raw until they lie in a slot.
 *
 * Guarantee: of each kind but objects, bytes allocated less bytes freed are what is in use of those that were told.
 */
import { STATUS_OK } from '../kernel/layout.js'
import { OBJECT_HEADER_BYTES } from '../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES } from '../kernel/value-layout.js'
import type { HeapCore } from './core.js'
import type { AllocatedEvent, FreedEvent } from './events.js'
import type { Interposer } from './interposer.js'
import { type Kernel, kernelWith } from './kernel-instance.js'
import { liveBytes } from './stats.js'
import { type Address, NULL } from './types.js'

export class BlockWatch implements Interposer {
  readonly name = 'blocks'
  readonly seesObjects = true
  readonly #core: HeapCore
  #isTelling = false

  constructor(core: HeapCore) {
    this.#core = core
  }

  wrap(kernel: Kernel): Kernel {
    return kernelWith(kernel, {
      ...this.#blockCalls(kernel),
      ...this.#arenaCalls(kernel),
      ...this.#poolCalls(kernel),
      ...this.#objectCalls(kernel),
    })
  }

  // ---- the calls ----------------------------------------------------------------------------------------------------

  #blockCalls(kernel: Kernel): Partial<Kernel> {
    const made = (address: number, requestedBytes: number) => {
      if (address !== 0) this.#tellAllocated(address, kernel.usableSize(address) >>> 0, requestedBytes, 'block')
      return address
    }
    const freed = (status: number, address: number, bytes: number) => {
      if (status === STATUS_OK && bytes !== 0) this.#tellFreed(address, bytes, 'block')
      return status
    }
    const size = (address: number) => kernel.usableSize(address) >>> 0
    return {
      alloc: (bytes) => made(kernel.alloc(bytes), bytes),
      allocZeroed: (bytes) => made(kernel.allocZeroed(bytes), bytes),
      allocAligned: (bytes, alignment) => made(kernel.allocAligned(bytes, alignment), bytes),
      bumpAlloc: (bytes) => made(kernel.bumpAlloc(bytes), bytes),
      realloc: (address, bytes) => this.#realloc(kernel, address, bytes),
      free: (address) => {
        const usable = size(address)
        return freed(kernel.free(address), address, usable)
      },
      freeSized: (address, bytes, alignment) => {
        const usable = size(address)
        return freed(kernel.freeSized(address, bytes, alignment), address, usable)
      },
    }
  }

  #realloc(kernel: Kernel, address: number, requestedBytes: number): number {
    const before = kernel.usableSize(address) >>> 0
    const moved = kernel.realloc(address, requestedBytes)
    const bytes = moved === 0 ? 0 : kernel.usableSize(moved) >>> 0
    if (moved === 0 || (moved >>> 0 === address && bytes === before)) return moved
    const { generation } = this.#core
    if (before !== 0) this.#tellFreed(address, before, 'block')
    // Whoever was told may have ended the heap, or all that was in it.
    if (!this.#core.isClosed && this.#core.generation === generation) {
      this.#tellAllocated(moved, bytes, requestedBytes, 'block')
    }
    return moved
  }

  #arenaCalls(kernel: Kernel): Partial<Kernel> {
    const used = (arena: number) => kernel.arenaUsed(arena) >>> 0
    const making = (arena: number, requestedBytes: number, make: () => number) => {
      const before = used(arena)
      const address = make()
      if (address !== 0) this.#tellAllocated(address, used(arena) - before, requestedBytes, 'arena')
      return address
    }
    const freeing = (arena: number, address: number, free: () => number) => {
      const before = used(arena)
      const status = free()
      const bytes = before - used(arena)
      if (status === STATUS_OK && bytes > 0) this.#tellFreed(address, bytes, 'arena')
      return status
    }
    return {
      arenaAlloc: (arena, bytes, alignment) => making(arena, bytes, () => kernel.arenaAlloc(arena, bytes, alignment)),
      arenaPush: (arena, bytes, alignment) => making(arena, bytes, () => kernel.arenaPush(arena, bytes, alignment)),
      arenaPop: (arena, to) => freeing(arena, kernel.arenaHigh(arena), () => kernel.arenaPop(arena, to)),
      arenaFreeLast: (arena, address) => freeing(arena, address, () => kernel.arenaFreeLast(arena, address)),
      arenaShrinkLast: (arena, address, bytes) =>
        freeing(arena, NULL, () => kernel.arenaShrinkLast(arena, address, bytes)),
      arenaRelease: (arena, low, high) => freeing(arena, NULL, () => kernel.arenaRelease(arena, low, high)),
      arenaReset: (arena) => freeing(arena, NULL, () => kernel.arenaReset(arena)),
      arenaDestroy: (arena) => freeing(arena, NULL, () => kernel.arenaDestroy(arena)),
    }
  }

  #poolCalls(kernel: Kernel): Partial<Kernel> {
    return {
      poolAcquire: (pool) => {
        const address = kernel.poolAcquire(pool)
        const bytes = address === 0 ? 0 : kernel.usableSize(address) >>> 0
        if (address !== 0) this.#tellAllocated(address, bytes, bytes, 'pool')
        return address
      },
      poolRelease: (pool, address) => {
        const bytes = kernel.usableSize(address) >>> 0
        const status = kernel.poolRelease(pool, address)
        if (status === STATUS_OK) this.#tellFreed(address, bytes, 'pool')
        return status
      },
      poolDestroy: (pool) => {
        const before = liveBytes(this.#core)
        const status = kernel.poolDestroy(pool)
        const bytes = before - liveBytes(this.#core)
        if (status === STATUS_OK && bytes > 0) this.#tellFreed(NULL, bytes, 'pool')
        return status
      },
    }
  }

  #objectCalls(kernel: Kernel): Partial<Kernel> {
    return {
      objectPush: (type, payloadBytes) => {
        const slot = kernel.objectPush(type, payloadBytes)
        if (slot !== 0) {
          this.#core.views.refresh()
          const reference = this.#core.views.u32[slot >>> 2] as number
          this.#tellObject(kernel, reference, payloadBytes)
        }
        return slot
      },
      refcountedNew: (bytes) => {
        const reference = kernel.refcountedNew(bytes)
        if (reference !== 0) this.#tellObject(kernel, reference, bytes)
        return reference
      },
    }
  }

  // ---- the news -----------------------------------------------------------------------------------------------------

  #tellObject(kernel: Kernel, reference: number, payloadBytes: number): void {
    const space = this.#core.objectSpace
    const grain = space?.grainBytes ?? 1
    // A counted object is in a block of its own.
    const bytes = space?.isCounted
      ? kernel.usableSize((reference >>> 0) - COUNTED_HEADER_BYTES) >>> 0
      : Math.ceil((payloadBytes + OBJECT_HEADER_BYTES) / grain) * grain
    this.#tellAllocated(reference, bytes, payloadBytes, 'object')
  }

  #tellAllocated(address: number, bytes: number, requestedBytes: number, kind: AllocatedEvent['kind']): void {
    const { events, isClosed } = this.#core
    if (this.#isTelling || isClosed || !events.has('allocated')) return
    this.#isTelling = true
    events.emit('allocated', { address: (address >>> 0) as Address, bytes, requestedBytes, kind })
    this.#isTelling = false
  }

  #tellFreed(address: number, bytes: number, kind: FreedEvent['kind']): void {
    const { events, isClosed } = this.#core
    if (this.#isTelling || isClosed || !events.has('freed')) return
    this.#isTelling = true
    events.emit('freed', { address: (address >>> 0) as Address, bytes, kind })
    this.#isTelling = false
  }
}

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

/** What is told, by the event's name. */
type News = { readonly allocated: AllocatedEvent } | { readonly freed: FreedEvent }

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
      if (address !== 0) this.#tell(this.#blockNews(kernel, address, requestedBytes))
      return address
    }
    const freeing = (address: number, free: () => number) => {
      const bytes = kernel.usableSize(address) >>> 0
      const status = free()
      if (status === STATUS_OK && bytes !== 0) this.#tell(freedNews(address, bytes, 'block'))
      return status
    }
    return {
      alloc: (bytes) => made(kernel.alloc(bytes), bytes),
      allocZeroed: (bytes) => made(kernel.allocZeroed(bytes), bytes),
      allocAligned: (bytes, alignment) => made(kernel.allocAligned(bytes, alignment), bytes),
      bumpAlloc: (bytes) => made(kernel.bumpAlloc(bytes), bytes),
      realloc: (address, bytes) => this.#realloc(kernel, address, bytes),
      free: (address) => freeing(address, () => kernel.free(address)),
      freeSized: (address, bytes, alignment) => freeing(address, () => kernel.freeSized(address, bytes, alignment)),
    }
  }

  #realloc(kernel: Kernel, address: number, requestedBytes: number): number {
    const before = kernel.usableSize(address) >>> 0
    const moved = kernel.realloc(address, requestedBytes)
    if (moved === 0) return moved
    const allocated = this.#blockNews(kernel, moved, requestedBytes)
    if (before === 0) this.#tell(allocated)
    else if (moved >>> 0 !== address || allocated.allocated.bytes !== before) {
      this.#tell(freedNews(address, before, 'block'), allocated)
    }
    return moved
  }

  #arenaCalls(kernel: Kernel): Partial<Kernel> {
    const used = (arena: number) => kernel.arenaUsed(arena) >>> 0
    const making = (arena: number, requestedBytes: number, make: () => number) => {
      const before = used(arena)
      const address = make()
      if (address !== 0) this.#tell(allocatedNews(address, used(arena) - before, requestedBytes, 'arena'))
      return address
    }
    const freeing = (arena: number, address: number, free: () => number) => {
      const before = used(arena)
      const status = free()
      const bytes = before - used(arena)
      if (status === STATUS_OK && bytes > 0) this.#tell(freedNews(address, bytes, 'arena'))
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
        if (address !== 0) this.#tell(allocatedNews(address, bytes, bytes, 'pool'))
        return address
      },
      poolRelease: (pool, address) => {
        const bytes = kernel.usableSize(address) >>> 0
        const status = kernel.poolRelease(pool, address)
        if (status === STATUS_OK) this.#tell(freedNews(address, bytes, 'pool'))
        return status
      },
      poolDestroy: (pool) => {
        const before = liveBytes(this.#core)
        const status = kernel.poolDestroy(pool)
        const bytes = before - liveBytes(this.#core)
        if (status === STATUS_OK && bytes > 0) this.#tell(freedNews(NULL, bytes, 'pool'))
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
          this.#tell(this.#objectNews(kernel, reference, payloadBytes))
        }
        return slot
      },
      refcountedNew: (bytes) => {
        const reference = kernel.refcountedNew(bytes)
        if (reference !== 0) this.#tell(this.#objectNews(kernel, reference, bytes))
        return reference
      },
    }
  }

  // ---- the news -----------------------------------------------------------------------------------------------------

  #blockNews(kernel: Kernel, address: number, requestedBytes: number): { readonly allocated: AllocatedEvent } {
    return allocatedNews(address, kernel.usableSize(address) >>> 0, requestedBytes, 'block')
  }

  #objectNews(kernel: Kernel, reference: number, payloadBytes: number): News {
    const space = this.#core.objectSpace
    const grain = space?.grainBytes ?? 1
    // A counted object is in a block of its own.
    const bytes = space?.isCounted
      ? kernel.usableSize((reference >>> 0) - COUNTED_HEADER_BYTES) >>> 0
      : Math.ceil((payloadBytes + OBJECT_HEADER_BYTES) / grain) * grain
    return allocatedNews(reference, bytes, payloadBytes, 'object')
  }

  /** Tell listeners, unless it is one of them that does all this; a heap that one of them ends has no more news. */
  #tell(...all: readonly News[]): void {
    const { events } = this.#core
    if (this.#isTelling || this.#core.isClosed) return
    this.#isTelling = true
    const { generation } = this.#core
    for (const news of all) {
      if (this.#core.isClosed || this.#core.generation !== generation) break
      if ('allocated' in news) events.emit('allocated', news.allocated)
      else events.emit('freed', news.freed)
    }
    this.#isTelling = false
  }
}

function allocatedNews(
  address: number,
  bytes: number,
  requestedBytes: number,
  kind: AllocatedEvent['kind'],
): { readonly allocated: AllocatedEvent } {
  return { allocated: { address: (address >>> 0) as Address, bytes, requestedBytes, kind } }
}

function freedNews(address: number, bytes: number, kind: FreedEvent['kind']): { readonly freed: FreedEvent } {
  return { freed: { address: (address >>> 0) as Address, bytes, kind } }
}

/**
 * The reserve for when memory runs out: a piece that is held from the start and given back when a request has failed
 * for good, so that whoever handles the failure can allocate. It is taken again as soon as there is room.
 *
 * It is the one piece of an arena that nobody allocates from: owned, in no live block, part of `unusedBytes`. Filling
 * it again waits until twice its bytes can be had, so that as much is left for others as it takes. A fill that found
 * no room in spite of that, in pieces or because the memory does not grow, waits for less to be in use than then.
 */
import { HEAP_LIMIT_AT, STATUS_OK } from '../kernel/layout.js'
import type { HeapCore } from './core.js'
import { type Address, NULL } from './types.js'
import { usedBytes } from './usage.js'

/** What arenas take at least for the most that a piece shall have; asked for more, one is as long as that. */
const ARENA_CHUNK_BYTES = 1024
/** In front of what a piece of an arena is used for. */
const PIECE_HEADER_BYTES = 16
const PIECE_ALIGNMENT = 8
/** Of what the piece has: what must be to be had before it is taken by itself. */
const ROOM_FACTOR = 2

export class OutOfMemoryReserve {
  /** What it holds at least. */
  readonly bytes: number
  readonly #core: HeapCore
  #arena: Address = NULL
  /** More than this in use, and there is no use in trying. */
  #mostUsedBytes = Number.POSITIVE_INFINITY

  constructor(core: HeapCore, bytes: number) {
    this.#core = core
    this.bytes = bytes
  }

  get isHeld(): boolean {
    return this.#arena !== NULL
  }

  /** Take it, if it is not held; whether it is held now. Runs between kernel calls. */
  fill(): boolean {
    if (this.isHeld) return true
    const { plainKernel: kernel } = this.#core
    const arena = (kernel.arenaCreate(ARENA_CHUNK_BYTES) >>> 0) as Address
    if (arena === NULL) return this.#noteFailure()
    const block = kernel.arenaAlloc(arena, this.bytes - PIECE_HEADER_BYTES, PIECE_ALIGNMENT)
    if (block === 0) {
      kernel.arenaDestroy(arena)
      return this.#noteFailure()
    }
    // The piece stays, and nothing of it is in use.
    if (kernel.arenaFreeLast(arena, block) !== STATUS_OK) return this.#noteFailure()
    this.#arena = arena
    this.#mostUsedBytes = Number.POSITIVE_INFINITY
    this.#core.pressure.watch()
    return true
  }

  /** The same when enough is to be had that others have room beside it. */
  fillIfRoom(): void {
    if (this.isHeld || this.#core.isClosed) return
    if (usedBytes(this.#core) <= this.fillsFromBytes) this.fill()
  }

  /** As much or less in use, and `fillIfRoom` tries. Negative: it never does. */
  get fillsFromBytes(): number {
    return Math.min(this.#core.word(HEAP_LIMIT_AT) - ROOM_FACTOR * this.bytes, this.#mostUsedBytes)
  }

  /** Give it back to the free runs. */
  release(): void {
    if (!this.isHeld) return
    this.#core.plainKernel.arenaDestroy(this.#arena)
    this.#arena = NULL
    // Whoever frees enough from now on makes room for it.
    this.#core.pressure.watch()
  }

  /** The same in a fork of the heap, which holds what this one does. */
  inFork(core: HeapCore): OutOfMemoryReserve {
    const own = new OutOfMemoryReserve(core, this.bytes)
    own.#arena = this.#arena
    own.#mostUsedBytes = this.#mostUsedBytes
    return own
  }

  /** The heap was reset, and with it what was held. */
  renew(): void {
    this.#arena = NULL
    this.#mostUsedBytes = Number.POSITIVE_INFINITY
    this.fill()
  }

  #noteFailure(): false {
    this.#mostUsedBytes = usedBytes(this.#core) - 1
    return false
  }
}

/**
 * A pool: blocks of one size, made in advance, each acquired and released in constant time. Releasing twice, or into
 * another pool, is refused. A pool made before a reset of its heap is stale: every call says so, none touches memory.
 */
import { CODE_POOL_BLOCK, STATUS_MISALIGNED, STATUS_OK, STATUS_OWNED } from '../kernel/layout.js'
import { checkAddress } from './arguments.js'
import type { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ClosedError, hex, InvalidAddressError, OutOfMemoryError, outOfMemoryText } from './errors.js'
import { addressError, staleError } from './faults.js'
import type { Origin } from './fork.js'
import { type Address, NULL, type Size } from './types.js'

/** Largest block of a pool. */
export const POOL_BLOCK_MAX_BYTES = 900 * 1024

export interface PoolOptions {
  /** Bytes of each block, at most 900 KiB. */
  readonly size: Size
  /** Blocks made in advance. */
  readonly count: number
  /** Make more when all are in use; otherwise the pool refuses. Default false. */
  readonly grow?: boolean
}

export interface PoolStats {
  /** Bytes of each block. */
  readonly size: number
  /** Blocks there are. */
  readonly slots: number
  readonly used: number
  readonly free: number
  /** Times the pool made more blocks. */
  readonly grows: number
  /** Blocks acquired since the pool was made. */
  readonly acquired: number
  /** Most blocks ever in use at once. */
  readonly peak: number
}

/** The same pool of a fork of its heap; undefined when the fork has none there. */
export let poolInFork: (pool: Pool, core: HeapCore, origin: Origin) => Pool | undefined

/** Blocks of one size. Made by `heap.pool()`. */
export class Pool implements Disposable {
  readonly #core: HeapCore
  /** Address of the kernel's record, 0 once disposed. */
  #record: Address
  readonly #generation: number
  readonly #size: number
  readonly #grow: boolean
  /** How often the heap had been forked when this was made. */
  readonly #born: number
  #used = 0
  #peak = 0
  /** Slots the pool is known to have: more than these in use means that it has grown. */
  #slots: number
  #acquired = 0
  #grows = 0

  /** @internal */
  constructor(core: HeapCore, record: Address, size: number, grow: boolean) {
    this.#core = core
    this.#record = record
    this.#generation = core.generation
    this.#born = core.forks
    this.#size = size
    this.#grow = grow
    this.#slots = core.kernel.poolSlots(record) >>> 0
  }

  static {
    poolInFork = (pool, core, { parent, forks }) => {
      const isThere = pool.#core === parent && pool.#born < forks && pool.#generation === core.generation
      if (!isThere || pool.#record === NULL) return undefined
      const own = new Pool(core, pool.#record, pool.#size, pool.#grow)
      // What the parent has counted since is not the fork's.
      own.#used = core.kernel.poolUsed(pool.#record) >>> 0
      own.#peak = own.#used
      own.#acquired = own.#used
      return own
    }
  }

  /**
   * A block of the pool.
   *
   * @throws OutOfMemoryError with the pool's own figures when all blocks are in use and it does not grow, or with the
   * heap's
   */
  acquire(): Address {
    if (this.#core.views.u32[this.#core.generationIndex] === this.#generation) {
      const block = this.#core.kernel.poolAcquire(this.#record)
      if (block !== 0) return this.#count(block)
    }
    const block = this.#acquireSlow()
    if (block === NULL) throw this.#outOfMemory()
    return block
  }

  /** Like `acquire`; 0 when there is no block to be had. */
  tryAcquire(): Address {
    return this.#acquireSlow()
  }

  #count(block: number): Address {
    this.#acquired++
    if (++this.#used > this.#peak) this.#notePeak()
    return (block >>> 0) as Address
  }

  #notePeak(): void {
    this.#peak = this.#used
    if (this.#used <= this.#slots) return
    this.#slots = this.#core.kernel.poolSlots(this.#record) >>> 0
    this.#grows++
  }

  #acquireSlow(): Address {
    const record = this.#live()
    const attempt = () => this.#core.kernel.poolAcquire(record)
    const block = attempt() || (this.#grow ? this.#core.rescue(this.#size, attempt) : 0)
    return block === 0 ? NULL : this.#count(block)
  }

  #outOfMemory(): OutOfMemoryError {
    if (this.#grow) return this.#core.outOfMemory(this.#size)
    const { used, slots, size } = this.stats()
    const figures = {
      requestedBytes: size,
      availableBytes: (slots - used) * size,
      largestFreeBytes: slots > used ? size : 0,
      usedBytes: used * size,
      totalBytes: slots * size,
    }
    return new OutOfMemoryError(outOfMemoryText('pool', figures, 'it was made not to grow'), figures)
  }

  /**
   * Give a block back.
   *
   * @throws InvalidAddressError when it is not an acquired block of this pool: released before, or another's
   */
  release(address: number): void {
    if (
      typeof address === 'number' &&
      address >>> 0 === address &&
      this.#core.views.u32[this.#core.generationIndex] === this.#generation &&
      this.#core.kernel.poolRelease(this.#record, address) === STATUS_OK
    ) {
      this.#used--
      return
    }
    this.#releaseSlow(address)
  }

  #releaseSlow(address: number): void {
    checkAddress('address', address)
    const status = this.#core.kernel.poolRelease(this.#live(), address)
    if (status === STATUS_OK) this.#used--
    else throw this.#releaseError(address, status)
  }

  #releaseError(address: number, status: number): InvalidAddressError {
    if (status === STATUS_OWNED) {
      return new InvalidAddressError(`release: ${hex(address)} is a block of another pool`, address, 'owned')
    }
    const error = addressError(this.#core, 'release', address)
    if (status === STATUS_MISALIGNED || error.reason === 'misaligned') return error
    const block = this.#core.kernel.blockAround(address) >>> 0
    if (block !== 0) return this.#liveBlockError(address, block)
    if (error.reason !== 'owned') return error
    // In the memory of pools or arenas, where no block is acquired: a slot of this pool, most likely.
    const message = `release: ${hex(address)} is not in use: released before or never acquired; release a block once`
    return new InvalidAddressError(message, address, 'double-free')
  }

  /** The error for an address in the live block at `block`, which is not an acquired block of this pool there. */
  #liveBlockError(address: number, block: number): InvalidAddressError {
    const at = `release: ${hex(address)}`
    if ((this.#core.kernel.describe(block) & 0xff) === CODE_POOL_BLOCK) {
      // Whose block it is the kernel says only of a block's own address.
      const message = `${at} lies inside the pool block at ${hex(block)}; pass the address that \`acquire\` gave`
      return new InvalidAddressError(message, address, 'interior')
    }
    const place = address === block ? 'is' : `lies inside ${hex(block)},`
    const message = `${at} ${place} a block of ${this.#core.label}, not of this pool; give it back through heap.free`
    return new InvalidAddressError(message, address, 'foreign')
  }

  stats(): PoolStats {
    const record = this.#live()
    const slots = this.#core.kernel.poolSlots(record) >>> 0
    const used = this.#core.kernel.poolUsed(record) >>> 0
    return {
      size: this.#size,
      slots,
      used,
      free: slots - used,
      grows: this.#grows,
      acquired: this.#acquired,
      peak: this.#peak,
    }
  }

  /** Free the pool with all its blocks, acquired ones too. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    const record = this.#record
    this.#record = NULL
    if (record === NULL || this.#core.isClosed || this.#core.generation !== this.#generation) return
    this.#core.kernel.poolDestroy(record)
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }

  #live(): Address {
    if (this.#record === NULL) throw new ClosedError('pool')
    if (this.#core.generation !== this.#generation) throw staleError(this.#core, 'pool', this.#record)
    return this.#record
  }
}

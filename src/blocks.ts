/**
 * The calls of a heap that concern blocks: allocate, free, ask. Each checks its arguments, calls the kernel once and
 * tests the answer once; everything else is out of line.
 *
 * What is refused has changed nothing.
 */
import {
  CODE_BLOCK,
  CODE_BUMP_BLOCK,
  CODE_POOL_BLOCK,
  CODE_RUN,
  HEAP_STATUS_AT,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_SIZE_MISMATCH,
} from '../kernel/layout.js'
import { checkAddress, checkAlignment, checkSize } from './arguments.js'
import type { HeapCore } from './core.js'
import { addressError, sizeMismatchError } from './faults.js'
import type { Kernel } from './kernel-instance.js'
import { CountedAccess } from './objects/counted.js'
import { type Address, type BlockInfo, type Bytes, NULL } from './types.js'

/** Kind of a block by its map code; a huge block is what is left. */
const BLOCK_KINDS: Readonly<Record<number, BlockInfo['kind']>> = {
  [CODE_BLOCK]: 'small',
  [CODE_RUN]: 'run',
  [CODE_BUMP_BLOCK]: 'bump',
  [CODE_POOL_BLOCK]: 'pool',
}

/** Blocks of a heap. */
export class BlockAccess extends CountedAccess {
  /**
   * The two functions that every program calls most, one load away: 1 ns less for each call than through `core`.
   * Undefined while calls are watched, and once the heap is closed.
   */
  #kernelAlloc: Kernel['alloc'] | undefined
  #kernelFree: Kernel['free'] | undefined
  /** What is called instead then, at other places in the code, so that those of the bare ones stay fast. */
  #watchedAlloc!: Kernel['alloc']
  #watchedFree!: Kernel['free']

  /** @internal */
  constructor(core: HeapCore) {
    super(core)
    core.followKernel((bare, isBare) => {
      this.#kernelAlloc = isBare ? bare.alloc : undefined
      this.#kernelFree = isBare ? bare.free : undefined
      this.#watchedAlloc = core.kernel.alloc
      this.#watchedFree = core.kernel.free
      this.forgetKernel()
    })
  }

  /**
   * A block of at least `bytes` bytes at a multiple of 16. 0 bytes give a distinct block, too. Its contents are
   * arbitrary.
   *
   * @throws OutOfMemoryError after all reclaimers; ArgumentError
   */
  alloc(bytes: number): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes) {
      const alloc = this.#kernelAlloc
      const address = alloc !== undefined ? alloc(bytes) : this.#watchedAlloc(bytes)
      if (address !== 0) return (address >>> 0) as Address
    }
    return this.#allocSlow(bytes)
  }

  #allocSlow(bytes: number): Address {
    const address = this.#tryAllocSlow(bytes)
    if (address === NULL) throw this.core.outOfMemory(bytes)
    return address
  }

  /** Like `alloc`; gives 0 instead of throwing OutOfMemoryError. */
  tryAlloc(bytes: number): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes) {
      const alloc = this.#kernelAlloc
      const address = alloc !== undefined ? alloc(bytes) : this.#watchedAlloc(bytes)
      if (address !== 0) return (address >>> 0) as Address
    }
    const address = this.#tryAllocSlow(bytes)
    if (address === NULL) this.core.announceOutOfMemory(bytes)
    return address
  }

  #tryAllocSlow(bytes: number): Address {
    checkSize('bytes', bytes)
    return this.core.rescue(bytes, () => this.core.kernel.alloc(bytes))
  }

  /** A block of `count` times `bytes` bytes, every usable byte zero. */
  calloc(count: number, bytes: number): Address {
    const total = checkSize('count', count) * checkSize('bytes', bytes)
    return this.core.request(total, () => this.core.kernel.allocZeroed(total))
  }

  /** A block at a multiple of `alignment`, a power of two up to 64 KiB. */
  allocAligned(bytes: number, alignment: number): Address {
    checkSize('bytes', bytes)
    checkAlignment(alignment)
    return this.core.request(bytes, () => this.core.kernel.allocAligned(bytes, alignment))
  }

  /**
   * Give the block at `address` another size; in place where that can be, else by moving it. Contents are kept up to
   * the smaller size. Address 0 is `alloc`. When it throws, the block is as it was.
   *
   * @returns where the block is now
   * @throws OutOfMemoryError, InvalidAddressError, MisalignmentError, ArgumentError
   */
  realloc(address: number, bytes: number): Address {
    checkAddress('address', address)
    checkSize('bytes', bytes)
    const moved = this.core.kernel.realloc(address, bytes)
    if (moved !== 0) return (moved >>> 0) as Address
    if (this.core.word(HEAP_STATUS_AT) !== STATUS_OUT_OF_MEMORY) throw addressError(this.core, 'realloc', address)
    const rescued = this.core.rescue(bytes, () => this.core.kernel.realloc(address, bytes))
    if (rescued !== NULL) return rescued
    // A reclaimer may have freed the very block.
    if (address !== NULL && !this.core.kernel.isBlock(address)) throw addressError(this.core, 'realloc', address)
    throw this.core.outOfMemory(bytes)
  }

  /**
   * Free the block at `address`; 0 is nothing to do. With `bytes`, and `alignment` if it was allocated with one, the
   * block must be of the size class, or the length, that such a request gives.
   *
   * @throws InvalidAddressError, MisalignmentError when no live block of the heap starts there; nothing has changed
   * then
   */
  free(address: number, bytes?: number, alignment?: number): void {
    if (bytes === undefined && typeof address === 'number' && address >>> 0 === address) {
      const free = this.#kernelFree
      if ((free !== undefined ? free(address) : this.#watchedFree(address)) === STATUS_OK) return
    }
    this.#freeSlow(address, bytes, alignment)
  }

  #freeSlow(address: number, bytes: number | undefined, alignment = 1): void {
    checkAddress('address', address)
    checkAlignment(alignment)
    const status =
      bytes === undefined
        ? this.core.kernel.free(address)
        : this.core.kernel.freeSized(address, checkSize('bytes', bytes), alignment)
    if (status === STATUS_OK) return
    if (status === STATUS_SIZE_MISMATCH) throw sizeMismatchError(this.core, address, bytes as number)
    throw addressError(this.core, 'free', address)
  }

  /** Bytes of the live block at `address` that may be used: at least what was asked for. */
  usableSize(address: number): Bytes {
    const bytes = this.core.kernel.usableSize(checkAddress('address', address)) >>> 0
    if (bytes === 0) throw addressError(this.core, 'usableSize', address)
    return bytes as Bytes
  }

  /** Whether a live block starts at `address`. Anything may be asked; what is no address is no block. */
  isBlock(address: number): boolean {
    if (typeof address === 'number' && address >>> 0 === address) return this.core.kernel.isBlock(address) !== 0
    this.core.assertOpen()
    return false
  }

  /**
   * All live blocks by ascending address. Blocks made or freed meanwhile are seen or not, as they lie ahead or behind.
   */
  *blocks(): IterableIterator<BlockInfo> {
    let address = this.core.kernel.nextBlock(0) >>> 0
    while (address !== 0) {
      const kind = BLOCK_KINDS[this.core.kernel.describe(address) & 0xff] ?? 'huge'
      yield { address: address as Address, usableBytes: this.core.kernel.usableSize(address) >>> 0, kind }
      address = this.core.kernel.nextBlock(address) >>> 0
    }
  }
}

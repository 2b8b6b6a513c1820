/**
 * Arenas: bump allocation with savepoints. Each block costs an addition; all of them, or all since a mark, are freed at
 * once.
 *
 * `Arena` takes pieces of the heap as it grows; `FixedArena` works in a range that the caller gives it, from both ends.
 * An arena made before a reset of its heap is stale: every call says so, none touches memory.
 */
import { STATUS_OK } from '../kernel/layout.js'
import { checkAddress, checkAlignment, checkSize } from './arguments.js'
import type { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ArgumentError, ClosedError, hex, OutOfMemoryError, outOfMemoryText } from './errors.js'
import { staleError } from './faults.js'
import type { Origin } from './fork.js'
import { type Address, NULL, type Size } from './types.js'

export interface ArenaOptions {
  /** Largest piece the arena takes at a time, 1 KiB to 256 MiB; it begins with small ones. Default 2 MiB. */
  readonly chunk?: Size
}

export interface FixedArenaOptions {
  /** First byte of the range: the caller's own, such as a block. */
  readonly base: number
  /** First byte behind the range. */
  readonly limit: number
}

/** A savepoint: everything allocated after it is freed by `release`, which uses it up. */
export class ArenaMark {
  /** @internal */
  readonly arena: ArenaBase
  /** @internal */
  readonly previous: ArenaMark | undefined
  /** @internal */
  readonly low: number
  /** @internal */
  readonly high: number
  /** @internal */
  isLive = true

  /** @internal */
  constructor(arena: ArenaBase, previous: ArenaMark | undefined, low: number, high: number) {
    this.arena = arena
    this.previous = previous
    this.low = low
    this.high = high
  }
}

/** Address of an arena's record in a fork of its heap; 0 when there is none. */
let recordInFork: (arena: ArenaBase, core: HeapCore, origin: Origin) => Address

/** What both kinds of arena do alike. */
abstract class ArenaBase implements Disposable {
  /** @internal */
  protected readonly core: HeapCore
  /** Address of the kernel's record, 0 once disposed. */
  #record: Address
  readonly #generation: number
  /** How often the heap had been forked when this was made. */
  readonly #born: number
  #newestMark: ArenaMark | undefined

  /** @internal */
  constructor(core: HeapCore, record: Address) {
    this.core = core
    this.#record = record
    this.#generation = core.generation
    this.#born = core.forks
  }

  static {
    recordInFork = (arena, core, { parent, forks }) => {
      const isThere = arena.core === parent && arena.#born < forks && arena.#generation === core.generation
      return isThere ? arena.#record : NULL
    }
  }

  /** `arena`, or `fixed arena`, for messages. */
  protected abstract readonly label: string

  /** The error for a request of `bytes` that does not fit; may be avoided by `retry`, which gives an address or 0. */
  protected abstract fail(bytes: number, retry: () => number): Address

  /**
   * `bytes` bytes at a multiple of `alignment` (a power of two to 64 KiB, 8 at least). 0 bytes give a distinct address,
   * too.
   *
   * @throws OutOfMemoryError, ArgumentError
   */
  alloc(bytes: number, alignment = 8): Address {
    if (typeof bytes === 'number' && bytes >>> 0 === bytes && alignment === 8 && this.isCurrent) {
      const address = this.core.kernel.arenaAlloc(this.#record, bytes, 8)
      if (address !== 0) return (address >>> 0) as Address
    }
    return this.#allocSlow(bytes, alignment)
  }

  #allocSlow(bytes: number, alignment: number): Address {
    checkSize('bytes', bytes)
    checkAlignment(alignment)
    const record = this.live()
    const attempt = () => this.core.kernel.arenaAlloc(record, bytes, alignment)
    const address = (attempt() >>> 0) as Address
    return address === NULL ? this.fail(bytes, attempt) : address
  }

  /** Like `alloc(count * bytes, alignment)`, every byte zero. */
  calloc(count: number, bytes: number, alignment = 8): Address {
    const total = checkSize('count', count) * checkSize('bytes', bytes)
    if (total > 0xffffffff) return this.fail(total, () => 0)
    const address = this.alloc(total, alignment)
    this.#expectWritable(address, total)
    this.core.views.refresh()
    this.core.views.u8.fill(0, address, address + total)
    return address
  }

  /** A fixed arena may lie in a block that is protected: the new block is given up again then. */
  #expectWritable(address: number, bytes: number): void {
    const { protection, kernel } = this.core
    if (protection.isEmpty) return
    try {
      protection.expectWritable('calloc', address, bytes)
    } catch (error) {
      kernel.arenaFreeLast(this.live(), address)
      throw error
    }
  }

  /**
   * Free the newest block, which must be the one at `address`. Only once in a row: the block below is not known.
   *
   * @throws ArgumentError for any other address
   */
  freeLast(address: number): void {
    checkAddress('address', address)
    this.#expectNewest(address, this.core.kernel.arenaFreeLast(this.live(), address))
  }

  /**
   * Shorten the newest block, which must be the one at `address`, to `bytes`.
   *
   * @throws ArgumentError for any other address, or for more bytes than the block has
   */
  shrinkLast(address: number, bytes: number): void {
    checkAddress('address', address)
    checkSize('bytes', bytes)
    const record = this.live()
    const has = (this.core.kernel.arenaLow(record) >>> 0) - address
    if (has >= 0 && has < bytes) throw new ArgumentError('bytes', bytes, `at most ${has}, what the newest block has`)
    this.#expectNewest(address, this.core.kernel.arenaShrinkLast(record, address, bytes))
  }

  #expectNewest(address: number, status: number): void {
    if (status !== STATUS_OK) throw new ArgumentError('address', address, `that of the ${this.label}'s newest block`)
  }

  /** Where the arena stands now. */
  mark(): ArenaMark {
    const record = this.live()
    const low = this.core.kernel.arenaLow(record) >>> 0
    const high = this.core.kernel.arenaHigh(record) >>> 0
    this.#newestMark = new ArenaMark(this as ArenaBase, this.#newestMark, low, high)
    return this.#newestMark
  }

  /**
   * Free everything that was allocated since `mark`, and use up the mark and all that are newer.
   *
   * @throws ArgumentError for a mark of another arena, or one that was used up before
   */
  release(mark: ArenaMark): void {
    const record = this.live()
    if (!(mark instanceof ArenaMark) || mark.arena !== this) {
      throw new ArgumentError('mark', mark, `a mark of this ${this.label}`)
    }
    if (!mark.isLive) throw new ArgumentError('mark', mark, 'a mark that has not been released yet')
    const status = this.core.kernel.arenaRelease(record, mark.low, mark.high)
    if (status !== STATUS_OK) {
      throw new ArgumentError('mark', mark, `a mark below which the ${this.label} has not been cut back since`)
    }
    this.#dropMarks(mark)
  }

  /** Use up `last` and all newer marks; without one, all. */
  #dropMarks(last?: ArenaMark): void {
    let mark = this.#newestMark
    while (mark) {
      mark.isLive = false
      const isLast = mark === last
      mark = mark.previous
      if (isLast) break
    }
    this.#newestMark = mark
  }

  /** Free everything in the arena, in time independent of the number of blocks. All marks are used up. */
  reset(): void {
    this.core.kernel.arenaReset(this.live())
    this.#dropMarks()
  }

  /** Bytes handed out, padding between blocks included. */
  get usedBytes(): number {
    return this.core.kernel.arenaUsed(this.live()) >>> 0
  }

  /** Bytes the arena holds: its pieces, or its range. */
  get heldBytes(): number {
    return this.core.kernel.arenaHeld(this.live()) >>> 0
  }

  /** Free the arena with everything in it. Harmless twice, and after the heap was closed or reset. */
  [dispose](): void {
    const record = this.#record
    this.#record = NULL
    this.#dropMarks()
    if (record === NULL || this.core.isClosed || this.core.generation !== this.#generation) return
    this.core.kernel.arenaDestroy(record)
  }

  /** The same as `using` does. */
  dispose(): void {
    this[dispose]()
  }

  /** Whether the record is surely this arena's: no reset since. False also when the views are stale. */
  protected get isCurrent(): boolean {
    return this.core.views.u32[this.core.generationIndex] === this.#generation
  }

  /** Address of the kernel's record. */
  protected live(): Address {
    if (this.#record === NULL) throw new ClosedError(this.label)
    if (this.core.generation !== this.#generation) throw staleError(this.core, this.label, this.#record)
    return this.#record
  }
}

/** Grows with need, in pieces of the heap. Made by `heap.arena()`. */
export class Arena extends ArenaBase {
  protected readonly label = 'arena'

  protected fail(bytes: number, retry: () => number): Address {
    return this.core.rescueOrThrow(bytes, retry)
  }
}

/**
 * Cuts from a given range and never outside it, writing nothing of its own into it: blocks upwards from the bottom, a
 * stack downwards from the top. Out of memory is when both would meet. Made by `heap.fixedArena()`.
 */
export class FixedArena extends ArenaBase {
  protected readonly label = 'fixed arena'
  /** Where the stack's top was before each push. */
  readonly #tops: number[] = []

  /** Put `bytes` bytes on the stack, at a multiple of `alignment`: their address. */
  push(bytes: number, alignment = 8): Address {
    checkSize('bytes', bytes)
    checkAlignment(alignment)
    const record = this.live()
    const top = this.#top(record)
    const address = (this.core.kernel.arenaPush(record, bytes, alignment) >>> 0) as Address
    if (address === NULL) return this.fail(bytes)
    this.#tops.push(top)
    return address
  }

  /**
   * Take the newest push off the stack. With `address` it must be that one.
   *
   * @throws ArgumentError when the stack is empty, or another push is the newest
   */
  pop(address?: number): void {
    const record = this.live()
    const newest = this.#top(record)
    const before = this.#tops.at(-1)
    if (before === undefined) throw new ArgumentError('address', address, 'left out: the stack is empty')
    if (address !== undefined && checkAddress('address', address) !== newest) {
      throw new ArgumentError('address', address, `${hex(newest)}, the newest push, or left out`)
    }
    this.#tops.pop()
    this.core.kernel.arenaPop(record, before)
  }

  override release(mark: ArenaMark): void {
    super.release(mark)
    const top = this.#top(this.live())
    while (this.#tops.length > 0 && (this.#tops.at(-1) as number) <= top) this.#tops.pop()
  }

  override reset(): void {
    super.reset()
    this.#tops.length = 0
  }

  #top(record: Address): number {
    return this.core.kernel.arenaHigh(record) >>> 0
  }

  protected fail(bytes: number): Address {
    const usedBytes = this.usedBytes
    const record = this.live()
    const availableBytes = this.#top(record) - (this.core.kernel.arenaLow(record) >>> 0)
    const figures = {
      requestedBytes: bytes,
      availableBytes,
      largestFreeBytes: availableBytes,
      usedBytes,
      totalBytes: this.heldBytes,
    }
    throw new OutOfMemoryError(outOfMemoryText(this.label, figures), figures)
  }
}

/** The same arena of a fork; undefined when the fork has none there. Marks and pushes of the parent are not known. */
export function arenaInFork(arena: Arena | FixedArena, core: HeapCore, origin: Origin): Arena | FixedArena | undefined {
  const record = recordInFork(arena, core, origin)
  if (record === NULL) return undefined
  return arena instanceof FixedArena ? new FixedArena(core, record) : new Arena(core, record)
}

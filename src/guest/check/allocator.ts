/**
 * The C allocator as the checker has it: each call is entered into the books, with the stack it came from, and what is
 * wrong with it is reported. Whatever is passed, the program goes on, as well as it can: a free of what is no block
 * does nothing, a realloc of it gives null.
 *
 * `realloc` always moves, so that an address that was kept from before is one of a freed block.
 */
import type { AllocatorRole } from '../roles.js'
import { type Block, type Books, blockOf } from './books.js'
import type { FaultKind, Faults } from './faults.js'
import type { GuestStack, Stacks } from './stacks.js'

/** Of WASI: what `posix_memalign` gives for an alignment that cannot be, and without memory. */
const EINVAL = 28
const ENOMEM = 48
const SIZE_LIMIT = 2 ** 32
const ABSURD_BYTES = 2 ** 31
const POINTER_BYTES = 4
const USUAL_ALIGNMENT = 16
/** Frames that are kept of where a block was freed. */
const FREE_DEPTH = 8
/** Calls between two looks at all blocks, at least; with more blocks there are more. */
export const DEFAULT_SWEEP_CALLS = 4096

/** Tells in what part of memory an address lies that is no block's. */
export type PlaceOf = (address: number) => 'stack' | 'static' | 'wild'

export interface AllocatorOptions {
  readonly books: Books
  readonly stacks: Stacks
  readonly faults: Faults
  readonly placeOf: PlaceOf
  /** Calls between two looks at all blocks; 0: none before the end. */
  readonly sweepCalls: number
}

type AllocatorFunctions = Readonly<Record<AllocatorRole, (...args: number[]) => number | undefined>>

export class CheckedAllocator {
  /** Functions by the names of C: what the guest imports. */
  readonly functions: AllocatorFunctions
  /** The hash of the way by which the call at hand was reached; undefined when it is not known. */
  context: number | undefined
  readonly #books: Books
  readonly #stacks: Stacks
  readonly #faults: Faults
  readonly #placeOf: PlaceOf
  readonly #sweepCalls: number
  #calls = 0

  constructor({ books, stacks, faults, placeOf, sweepCalls }: AllocatorOptions) {
    this.#books = books
    this.#stacks = stacks
    this.#faults = faults
    this.#placeOf = placeOf
    this.#sweepCalls = sweepCalls
    this.functions = this.#makeFunctions()
  }

  #makeFunctions(): AllocatorFunctions {
    const at = (args: readonly number[], index: number) => (args[index] ?? 0) >>> 0
    return {
      malloc: (...args) => this.#allocate('malloc', at(args, 0)),
      calloc: (...args) => this.#calloc(at(args, 0), at(args, 1)),
      free: (...args) => this.#free(at(args, 0)),
      realloc: (...args) => this.#realloc('realloc', at(args, 0), at(args, 1)),
      reallocarray: (...args) => this.#reallocArray(at(args, 0), at(args, 1), at(args, 2)),
      aligned_alloc: (...args) => this.#aligned('aligned_alloc', at(args, 0), at(args, 1)),
      memalign: (...args) => this.#aligned('memalign', at(args, 0), at(args, 1)),
      posix_memalign: (...args) => this.#posixMemalign(at(args, 0), at(args, 1), at(args, 2)),
      malloc_usable_size: (...args) => this.#usableSize(at(args, 0)),
    }
  }

  // ---- allocation ----

  /** The stack of the call, and a look at all blocks when it is time. */
  #enter(depth?: number): GuestStack {
    this.#calls++
    if (this.#sweepCalls > 0 && this.#calls >= Math.max(this.#sweepCalls, this.#books.live.size)) {
      this.#calls = 0
      this.#books.checkAll('sweep')
    }
    const { context } = this
    return context === undefined ? this.#stacks.take(depth) : this.#stacks.takeKnown(context, depth)
  }

  #allocate(role: AllocatorRole, bytes: number, alignment = USUAL_ALIGNMENT, isClear = false): number {
    const stack = this.#enter()
    if (bytes < ABSURD_BYTES) return this.#books.allocate(bytes, alignment, role, stack, isClear)?.address ?? 0
    this.#reportSize('absurd-size', role, `${role} of ${bytes} bytes (${bytes | 0} as a signed number)`, bytes, stack)
    return 0
  }

  #calloc(count: number, size: number): number {
    const bytes = count * size
    if (bytes < SIZE_LIMIT) return this.#allocate('calloc', bytes, USUAL_ALIGNMENT, true)
    this.#reportOverflow('calloc', count, size)
    return 0
  }

  #reallocArray(address: number, count: number, size: number): number {
    const bytes = count * size
    if (bytes < SIZE_LIMIT) return this.#realloc('reallocarray', address, bytes)
    this.#reportOverflow('reallocarray', count, size)
    return 0
  }

  #reportOverflow(role: AllocatorRole, count: number, size: number): void {
    const text = `${role} of ${count} times ${size} bytes, which is more than there are addresses`
    this.#reportSize('size-overflow', role, text, count * size, this.#enter())
  }

  #reportSize(kind: FaultKind, _role: AllocatorRole, text: string, bytes: number, stack: GuestStack): void {
    this.#faults.add({ kind, text, foundAt: 'call', bytes, stack })
  }

  #aligned(role: AllocatorRole, alignment: number, bytes: number): number {
    if (isPowerOfTwo(alignment)) return this.#allocate(role, bytes, alignment)
    this.#reportAlignment(role, alignment, bytes, 'which is no power of two')
    return 0
  }

  #posixMemalign(out: number, alignment: number, bytes: number): number {
    if (!isPowerOfTwo(alignment) || alignment < POINTER_BYTES) {
      const reason = isPowerOfTwo(alignment) ? `which is less than ${POINTER_BYTES}` : 'which is no power of two'
      this.#reportAlignment('posix_memalign', alignment, bytes, reason)
      return EINVAL
    }
    const address = this.#allocate('posix_memalign', bytes, alignment)
    if (address === 0) return ENOMEM
    const memory = this.#books.bytes
    if (out <= memory.length - POINTER_BYTES) new DataView(memory.buffer).setUint32(out, address, true)
    return 0
  }

  #reportAlignment(role: AllocatorRole, alignment: number, bytes: number, reason: string): void {
    const text = `${role} with alignment ${alignment}, ${reason}`
    this.#reportSize('bad-alignment', role, text, bytes, this.#enter())
  }

  // ---- changing and freeing ----

  #realloc(role: AllocatorRole, address: number, bytes: number): number {
    if (address === 0) return this.#allocate(role, bytes)
    const old = this.#books.live.get(address)
    if (!old) {
      this.#reportBadAddress(role, address, this.#enter())
      return 0
    }
    const moved = this.#allocate(role, bytes)
    if (moved === 0) return 0
    this.#books.bytes.copyWithin(moved, address, address + Math.min(bytes, old.bytes))
    this.#books.retire(old, role, this.#books.live.get(moved)?.stack ?? this.#enter())
    return moved
  }

  #free(address: number): undefined {
    if (address === 0) return undefined
    const stack = this.#enter(FREE_DEPTH)
    const block = this.#books.live.get(address)
    if (block) this.#books.retire(block, 'free', stack)
    else this.#reportBadAddress('free', address, stack)
    return undefined
  }

  #usableSize(address: number): number {
    if (address === 0) return 0
    const block = this.#books.live.get(address)
    if (block) return block.bytes
    const found = this.#books.freedAt(address) ?? this.#books.around(address)
    const text = `malloc_usable_size of ${hex(address)}, which is ${found?.freed ? 'a freed block' : 'no live block'}`
    this.#addWithBlock('usable-size-wild', text, address, this.#enter(), found)
    return 0
  }

  /** Of an address that is not that of a live block. */
  #reportBadAddress(role: AllocatorRole, address: number, stack: GuestStack): void {
    const isFree = role === 'free'
    const freed = this.#books.freedAt(address)
    if (freed) {
      const text = isFree ? `block at ${hex(address)} freed twice` : `${role} of a freed block at ${hex(address)}`
      this.#addWithBlock(isFree ? 'double-free' : 'realloc-freed', text, address, stack, freed)
      return
    }
    const block = this.#books.around(address)
    const where = block ? 'interior' : this.#placeOf(address)
    const kind = isFree ? FREE_KINDS[where] : 'realloc-wild'
    this.#addWithBlock(kind, `${role} of ${hex(address)}, ${PLACE_TEXTS[where]}`, address, stack, block)
  }

  #addWithBlock(kind: FaultKind, text: string, address: number, stack: GuestStack, block: Block | undefined): void {
    const found = block && { block: blockOf(block, address) }
    this.#faults.add({ kind, text, foundAt: 'call', address, bytes: 0, stack, ...found })
  }
}

const FREE_KINDS = {
  interior: 'free-interior',
  stack: 'free-stack',
  static: 'free-static',
  wild: 'free-wild',
} as const satisfies Record<string, FaultKind>

const PLACE_TEXTS = {
  interior: 'which is not the start of a block',
  stack: 'which lies on the stack',
  static: 'which is static data',
  wild: 'where no block is',
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0
}

/** An address as reports have it. */
export function hex(address: number): string {
  return `0x${address.toString(16)}`
}

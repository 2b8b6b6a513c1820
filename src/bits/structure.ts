/** What all building blocks share: a place in a memory, its owner, and the checks of arguments. */
import { checkRange } from '../arguments.js'
import { dispose } from '../dispose.js'
import { ArgumentError, ClosedError } from '../errors.js'
import { type ProtectionTable, protectionOf } from '../protection.js'
import { type Address, NULL } from '../types.js'
import { type BitsKernel, bitsKernel, currentBits } from './kernel.js'

/** What a structure needs of a heap: `Heap` is one, so is any other allocator over a memory. */
export interface BlockSource {
  readonly memory: WebAssembly.Memory
  /** Gives the address of a new block or throws. */
  alloc(bytes: number): number
  free(address: number): void
  /** Changes when all blocks were freed at once: what came before must not be freed again. */
  readonly generation?: number
  /** Nothing can be given back any more. */
  readonly isClosed?: boolean
}

/** Memory that the caller owns and keeps for the structure as long as it is used. */
export interface Place {
  readonly memory: WebAssembly.Memory
  /** First byte, not 0. A multiple of 16 is best, any address works. */
  readonly address: number
}

/** A place that was checked, and the source it came from where it came from one. */
export interface Found {
  readonly memory: WebAssembly.Memory
  readonly address: Address
  readonly source?: BlockSource
}

export const U32_MAX = 0xffffffff

/** A structure in memory: where it is, the calls that work on it, and who gets its bytes back. */
export abstract class Structure implements Disposable {
  readonly memory: WebAssembly.Memory
  readonly #protection: ProtectionTable
  readonly #kernel: BitsKernel
  readonly #what: string
  readonly #source: BlockSource | undefined
  readonly #generation: number | undefined
  #address: Address
  #view: DataView

  /** `what` names it in errors. */
  protected constructor(what: string, { memory, address, source }: Found) {
    this.#what = what
    this.memory = memory
    this.#protection = protectionOf(memory)
    this.#kernel = bitsKernel(memory)
    this.#source = source
    this.#generation = source?.generation
    this.#address = address
    this.#view = new DataView(memory.buffer)
  }

  /** The calls that work on it. */
  protected get kernel(): BitsKernel {
    return this.#protection.isEmpty ? this.#kernel : currentBits(this.memory)
  }

  /** Where it starts. @throws ClosedError once disposed */
  get address(): Address {
    if (this.#address === NULL) throw new ClosedError(this.#what)
    return this.#address
  }

  /**
   * Gives the block back to its heap, where it came from one. Every later call throws ClosedError. Harmless twice, and
   * after the heap was reset or closed.
   */
  dispose(): void {
    const address = this.#address
    const source = this.#source
    this.#address = NULL
    if (address === NULL || !source || source.isClosed || source.generation !== this.#generation) return
    source.free(address)
  }

  [dispose](): void {
    this.dispose()
  }

  /** A view of the whole memory as it is now: growth detaches the one before. */
  protected get view(): DataView {
    if (this.#view.buffer !== this.memory.buffer) this.#view = new DataView(this.memory.buffer)
    return this.#view
  }

  /** The same, to write some bytes through. @throws ProtectionError */
  protected writable(address: number, bytes: number): DataView {
    if (!this.#protection.isEmpty) this.#protection.expectWritable('write', address, bytes)
    return this.view
  }

  /** A word of the header, unsigned. */
  protected word(offset: number): number {
    const address = this.address
    if (!this.#protection.isEmpty) this.#protection.expectReadable('read', address + offset, 4)
    return this.view.getUint32(address + offset, true)
  }
}

/** A block of the source, or the given place when `bytes` from there lie inside the memory. */
export function take(where: BlockSource | Place, bytes: number): Found {
  expectMemory('source', where)
  if (!('alloc' in where)) return at(where, bytes)
  if (typeof where.alloc !== 'function' || typeof where.free !== 'function') throw noSource('source', where)
  const { memory } = where
  const address = checkedAddress('alloc', memory, where.alloc(bytes), bytes)
  return { memory, address, source: where }
}

/** The given place, when `bytes` from there lie inside the memory. */
export function at(place: Place, bytes: number): Found {
  expectMemory('place', place)
  const { memory, address } = place
  return { memory, address: checkedAddress('address', memory, address, bytes) }
}

/** Check that it is an object with a memory; an arena, for one, has none. */
function expectMemory(argument: string, where: unknown): void {
  const isObject = typeof where === 'object' && where !== null
  if (!isObject || !('memory' in where) || !(where.memory instanceof WebAssembly.Memory))
    throw noSource(argument, where)
}

function noSource(argument: string, where: unknown): ArgumentError {
  const place = 'an object { memory, address }'
  return new ArgumentError(argument, where, argument === 'source' ? `a heap, or ${place}` : place)
}

export function checkedAddress(argument: string, memory: WebAssembly.Memory, address: number, bytes: number): Address {
  if (!Number.isInteger(address) || address <= 0 || address > memory.buffer.byteLength - bytes)
    throw new ArgumentError(argument, address, `an address, not 0, with ${bytes} bytes of the memory from there`)
  return address as Address
}

/** `value` when it is an integer in [0, max]; a `max` of -1 is that of something empty. */
export function checkedCount(argument: string, value: number, max: number): number {
  if (max < 0) throw new ArgumentError(argument, value, 'below the size, which is 0')
  return checkRange(argument, value, 0, max)
}

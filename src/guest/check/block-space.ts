/**
 * Where blocks get their addresses: from a heap that lies not in the guest's memory but in a mirror of it, which is as
 * long and where the same addresses are free.
 *
 * The heap's books are in the mirror, so nothing that the guest does can damage them; the guest's memory has the bytes
 * of blocks and nothing else. Both grow together. Where the guest grows its memory itself, the mirror follows, and the
 * heap goes on behind; that range is foreign.
 */
import { Heap } from '../../heap.js'
import { ModuleError } from '../errors.js'
import { PAGE_BYTES } from '../module.js'

/** A heap's last page is the one before the last of 4 GiB. */
const PAGES_MAX = 65_535
/** With less room to grow, blocks lie between the program's data and the end of its memory. */
const ROOM_LEAST_BYTES = 1 << 20

export interface SpaceOptions {
  readonly memory: WebAssembly.Memory
  /** Most pages that the memory may have; undefined: none is stated. */
  readonly maximumPages: number | undefined
  /** Where the module's data and stack end. */
  readonly heapBase: number
  /** Most bytes for blocks with all that is around them; undefined: what the memory can have. */
  readonly limitBytes: number | undefined
}

export interface ForeignRange {
  readonly from: number
  readonly to: number
}

export class BlockSpace {
  /** No block lies below. */
  readonly start: number
  /** Ranges above `start` that the guest got by growing its memory itself. */
  readonly foreign: ForeignRange[] = []
  /** Is told of each of them. */
  onForeign: (range: ForeignRange) => void = () => {}
  readonly #memory: WebAssembly.Memory
  readonly #mirror: WebAssembly.Memory
  readonly #heap: Heap

  /** @throws ModuleError when there is no room for blocks */
  constructor({ memory, maximumPages, heapBase, limitBytes }: SpaceOptions) {
    const present = memory.buffer.byteLength
    const pages = Math.max(Math.min(maximumPages ?? PAGES_MAX, PAGES_MAX), present / PAGE_BYTES)
    const room = pages * PAGE_BYTES - present
    this.#memory = memory
    this.#mirror = new WebAssembly.Memory({ initial: present / PAGE_BYTES, maximum: pages })
    const isGrowing = room >= ROOM_LEAST_BYTES
    this.start = isGrowing ? present : Math.ceil(heapBase / 16) * 16
    const whole = isGrowing ? room : present - this.start
    const limit = Math.min(limitBytes ?? whole, whole)
    const place = isGrowing ? {} : { base: this.start, end: present }
    try {
      this.#heap = Heap.create({ memory: this.#mirror, name: 'checked blocks', limit, ...place })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new ModuleError(`it leaves no room for blocks: ${reason}`, 'memory', { cause: error })
    }
  }

  /** The address of `bytes` bytes, a multiple of 16, there in the guest's memory, too; 0 when there are none. */
  take(bytes: number): number {
    this.follow()
    const address = this.#heap.tryAlloc(bytes)
    if (address === 0) return 0
    if (this.#reach(address + bytes)) return address
    this.#heap.free(address)
    return 0
  }

  give(address: number): void {
    this.#heap.free(address)
  }

  /** Takes note of what the guest has grown by itself. */
  follow(): void {
    const behind = this.#mirror.buffer.byteLength
    const ahead = this.#memory.buffer.byteLength
    if (ahead <= behind) return
    this.#mirror.grow((ahead - behind) / PAGE_BYTES)
    const range = { from: behind, to: ahead }
    this.foreign.push(range)
    this.onForeign(range)
  }

  isForeign(address: number): boolean {
    this.follow()
    return this.foreign.some(({ from, to }) => address >= from && address < to)
  }

  /** Makes the guest's memory as long as the mirror. */
  #reach(end: number): boolean {
    const missing = this.#mirror.buffer.byteLength - this.#memory.buffer.byteLength
    if (missing <= 0) return true
    try {
      this.#memory.grow(missing / PAGE_BYTES)
      return true
    } catch {
      return end <= this.#memory.buffer.byteLength
    }
  }

  close(): void {
    this.follow()
    this.#heap.close()
  }
}

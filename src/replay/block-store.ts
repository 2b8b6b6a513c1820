/** The blocks of a trace as blocks of a heap, through its checked interface. */

import type { Heap } from '../heap.js'
import type { Address, BlockInfo } from '../types.js'
import type { Store } from './store.js'

const CHUNK_BYTES = 1 << 20

export class BlockStore implements Store {
  readonly collections = 0
  readonly #heap: Heap
  /** By slot: address of the block, 0 when there is none. */
  readonly #addresses: Uint32Array

  constructor(heap: Heap, slotCount: number) {
    this.#heap = heap
    this.#addresses = new Uint32Array(slotCount)
  }

  alloc(slot: number, bytes: number): boolean {
    const p = this.#heap.tryAlloc(bytes)
    this.#addresses[slot] = p
    return p !== 0
  }

  realloc(slot: number, bytes: number): boolean {
    try {
      this.#addresses[slot] = this.#heap.realloc(this.addressOf(slot), bytes)
      return true
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'HW_OUT_OF_MEMORY') return false
      throw error
    }
  }

  free(slot: number): void {
    this.#heap.free(this.addressOf(slot))
    this.#addresses[slot] = 0
  }

  addressOf(slot: number): Address {
    return this.#addresses[slot] as Address
  }

  usableBytes(slot: number): number {
    return this.#heap.usableSize(this.addressOf(slot))
  }

  get countedBlocks(): number {
    return this.#heap.stats().liveBlocks
  }

  blocks(): Iterable<BlockInfo> {
    return this.#heap.blocks()
  }

  settle(): void {}

  /** Feature A4: zero bytes used and whole free chunks in one run. What was bumped comes back with `reset` only. */
  findLeftovers(): string[] {
    const heap = this.#heap
    const leftovers: string[] = []
    if (heap.mode === 'compiler') heap.reset()
    heap.releaseCaches()
    const { inUseBytes, freeBytes, metadataBytes, committedBytes, freeRuns } = heap.stats()
    if (inUseBytes !== 0) leftovers.push(`${inUseBytes} bytes are in use`)
    if (freeBytes + metadataBytes !== committedBytes) {
      leftovers.push(`${committedBytes - freeBytes - metadataBytes} bytes are neither free nor metadata`)
    }
    const chunks = Math.ceil(committedBytes / CHUNK_BYTES)
    if (freeRuns > chunks) leftovers.push(`${freeRuns} free runs are in ${chunks} chunks`)
    return leftovers
  }
}

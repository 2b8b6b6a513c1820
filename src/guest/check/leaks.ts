/**
 * Which blocks the program has lost: marking over all words that may be addresses (Boehm and Weiser, 1988, conservative
 * collection), from what the program can still get at.
 *
 * Roots are static data, the part of the stack that is in use, globals, the locals of functions that were left by an
 * exit, and memory that the program got for itself. A block is reached by any address in it. What is not reached is
 * lost: *indirectly* when another lost block leads to it, else *definitely*; of a cycle of lost blocks, the oldest
 * definitely.
 */
import type { Block } from './books.js'

export interface RootRange {
  readonly from: number
  readonly to: number
}

export interface LeakRoots {
  readonly ranges: readonly RootRange[]
  /** Values of globals and locals. */
  readonly values: readonly number[]
}

export interface FoundLeaks {
  readonly definite: readonly Block[]
  readonly indirect: readonly Block[]
  readonly reachable: readonly Block[]
}

const WORD_BYTES = 4

/** Divides live blocks, in the order in which they were allocated, by how they can be reached. */
export function findLeaks(blocks: Iterable<Block>, memory: ArrayBuffer, roots: LeakRoots): FoundLeaks {
  const all = [...blocks]
  const marker = new Marker(all, memory)
  for (const value of roots.values) marker.visit(value)
  for (const { from, to } of roots.ranges) marker.scan(from, to)
  const reachable = new Set(marker.drain())
  const lost = all.filter((block) => !reachable.has(block))
  const indirect = findIndirect(lost, marker)
  return {
    definite: lost.filter((block) => !indirect.has(block)),
    indirect: lost.filter((block) => indirect.has(block)),
    reachable: all.filter((block) => reachable.has(block)),
  }
}

/** Lost blocks that others lead to. */
function findIndirect(lost: readonly Block[], marker: Marker): Set<Block> {
  const pointedTo = new Set<Block>()
  for (const block of lost) for (const target of marker.targetsOf(block)) if (target !== block) pointedTo.add(target)
  const indirect = new Set<Block>()
  const follow = (from: Block) => {
    if (marker.isMarked(from)) return
    marker.visit(from.address)
    for (const found of marker.drain()) if (found !== from) indirect.add(found)
  }
  for (const block of lost) if (!pointedTo.has(block)) follow(block)
  // What is left are cycles.
  for (const block of lost) follow(block)
  return indirect
}

class Marker {
  readonly #sorted: readonly Block[]
  readonly #starts: Float64Array
  readonly #words: Uint32Array
  readonly #marked = new Set<Block>()
  readonly #waiting: Block[] = []
  readonly #low: number
  readonly #high: number

  constructor(blocks: readonly Block[], memory: ArrayBuffer) {
    this.#sorted = [...blocks].sort((a, b) => a.address - b.address)
    this.#starts = Float64Array.from(this.#sorted, ({ address }) => address)
    this.#words = new Uint32Array(memory)
    const last = this.#sorted.at(-1)
    this.#low = this.#starts[0] ?? 0
    this.#high = last ? last.address + Math.max(last.bytes, 1) : 0
  }

  isMarked(block: Block): boolean {
    return this.#marked.has(block)
  }

  /** Marks what an address leads to. */
  visit(value: number): void {
    const block = this.#find(value >>> 0)
    if (!block || this.#marked.has(block)) return
    this.#marked.add(block)
    this.#waiting.push(block)
  }

  /** Marks what the words of a range lead to. */
  scan(from: number, to: number): void {
    const end = Math.min(Math.floor(to / WORD_BYTES), this.#words.length)
    for (let i = Math.ceil(from / WORD_BYTES); i < end; i++) {
      const value = this.#words[i] as number
      if (value >= this.#low && value < this.#high) this.visit(value)
    }
  }

  /** Marks all that marked blocks lead to; gives what was marked since the last call. */
  drain(): Block[] {
    const found: Block[] = []
    for (let block = this.#waiting.pop(); block !== undefined; block = this.#waiting.pop()) {
      found.push(block)
      this.scan(block.address, block.address + block.bytes)
    }
    return found
  }

  *targetsOf({ address, bytes }: Block): Generator<Block> {
    const end = Math.floor((address + bytes) / WORD_BYTES)
    for (let i = address / WORD_BYTES; i < end; i++) {
      const target = this.#find(this.#words[i] as number)
      if (target) yield target
    }
  }

  /** The block in which an address lies; of an empty one, its own address. */
  #find(value: number): Block | undefined {
    if (value < this.#low || value >= this.#high) return undefined
    let low = 0
    let high = this.#starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#starts[middle] as number) <= value) low = middle + 1
      else high = middle
    }
    const block = this.#sorted[low - 1]
    return block && value < block.address + Math.max(block.bytes, 1) ? block : undefined
  }
}

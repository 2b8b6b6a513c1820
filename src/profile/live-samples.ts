/**
 * The sampled blocks that are in use, by address. Every free asks whether it is of one, and hardly any is: a table of
 * bytes by address bits, which fits the first-level cache, says no for most of them; the map is asked about the rest.
 *
 * What goes at once goes by its owner: the blocks of an arena by where it stood, those of a pool all together.
 */
import type { Sampled } from './site-table.js'

const SLOTS_MIN = 4096
/** Bytes of the filter for each sampled block, at least: how seldom a free of another block asks the map. */
const SLOTS_PER_BLOCK = 16
const GRAIN_SHIFT = 4
/** A count that stays where it is: of more blocks than a byte counts. */
const STUCK = 255

interface LiveBlock {
  readonly sampled: Sampled
  readonly address: number
  /** Address of the arena or pool that it is of, 0 for the heap. */
  readonly owner: number
  /** Of an arena: bytes that this had handed out when the block was made. */
  readonly endsAt: number
}

export class LiveSamples {
  /** How many sampled blocks have these bits in their address. Read by every free. */
  filter = new Uint8Array(SLOTS_MIN)
  mask = SLOTS_MIN - 1
  readonly #byAddress = new Map<number, LiveBlock>()
  readonly #byOwner = new Map<number, Set<LiveBlock>>()

  /** Whether a sampled block may start at `address`; no means that none does. */
  mayHold(address: number): boolean {
    return this.filter[(address >>> GRAIN_SHIFT) & this.mask] !== 0
  }

  get size(): number {
    return this.#byAddress.size
  }

  /** Addresses as the kernel gives them: from 2 GiB on they look negative. */
  add(sampled: Sampled, at: number, by = 0, endsAt = 0): void {
    const [address, owner] = [at >>> 0, by >>> 0]
    // Whatever lay there is gone, though nobody said so.
    this.end(address)
    const block: LiveBlock = { sampled, address, owner, endsAt }
    this.#byAddress.set(address, block)
    if (this.#byAddress.size * SLOTS_PER_BLOCK > this.filter.length) this.#grow()
    else this.#count(address)
    if (owner === 0) return
    const blocks = this.#byOwner.get(owner) ?? new Set()
    this.#byOwner.set(owner, blocks)
    blocks.add(block)
  }

  /** The block at `address` was freed. Any address may be given. */
  end(address: number): void {
    const block = this.#byAddress.get(address >>> 0)
    if (block) this.#drop(block)
  }

  /** What `owner` has handed out is `usedBytes` now: blocks beyond that are gone. */
  endBeyond(owner: number, usedBytes: number): void {
    for (const block of this.#byOwner.get(owner >>> 0) ?? []) if (block.endsAt > usedBytes) this.#drop(block)
  }

  /** All blocks are gone. */
  endAll(): void {
    for (const { sampled } of this.#byAddress.values()) sampled.end()
    this.clear()
  }

  /** Forget them as they are. */
  clear(): void {
    this.#byAddress.clear()
    this.#byOwner.clear()
    this.filter = new Uint8Array(SLOTS_MIN)
    this.mask = SLOTS_MIN - 1
  }

  #drop(block: LiveBlock): void {
    const { address, owner, sampled } = block
    sampled.end()
    this.#byAddress.delete(address)
    const at = (address >>> GRAIN_SHIFT) & this.mask
    const count = this.filter[at] as number
    if (count !== STUCK) this.filter[at] = count - 1
    if (owner === 0) return
    const blocks = this.#byOwner.get(owner)
    blocks?.delete(block)
    if (blocks?.size === 0) this.#byOwner.delete(owner)
  }

  #count(address: number): void {
    const at = (address >>> GRAIN_SHIFT) & this.mask
    const count = this.filter[at] as number
    if (count !== STUCK) this.filter[at] = count + 1
  }

  #grow(): void {
    this.filter = new Uint8Array(this.filter.length * 4)
    this.mask = this.filter.length - 1
    for (const address of this.#byAddress.keys()) this.#count(address)
  }
}

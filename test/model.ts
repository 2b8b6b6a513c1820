/**
 * The model that heaps are held against: a plain JavaScript `Map` from addresses to what each block must contain, and
 * an interpreter that does the same operations on both. It knows nothing of how a heap works.
 *
 * An operation is four numbers, so that a failing sequence shrinks well and can be printed: [kind, a, b, c]. What
 * cannot be done (free without blocks, a pool that is not there) is passed over.
 */
import type { Arena, ArenaMark } from '../src/arena.js'
import { ArgumentError, type Heap, InvalidAddressError, OutOfMemoryError } from '../src/index.js'
import type { Pool } from '../src/pool.js'

export type Operation = readonly [kind: number, a: number, b: number, c: number]

/** Numbers below this are drawn for `kind`. */
export const KINDS = 32

interface Block {
  readonly bytes: number
  readonly seed: number
}

interface PoolModel {
  readonly pool: Pool
  readonly bytes: number
  readonly blocks: Map<number, number>
}

interface ArenaModel {
  readonly arena: Arena
  readonly blocks: { address: number; bytes: number; seed: number }[]
  readonly marks: { mark: ArenaMark; blocks: number }[]
}

/** Where the way a request is served changes: the largest class, run, chunk and MiB. */
const BORDERS = [0, 2048, 8192, 256 << 10, 978_944, (1 << 20) - 69_632, 1 << 20, 2 << 20, 3 << 20]
const AROUND = [-4096, -16, -1, 0, 1, 16, 4096]

/** Sizes as programs ask for them, mostly small, a few large; one in eight at a border. */
function sizeFrom(spread: number, raw: number): number {
  if (spread % 8 === 7) {
    const border = BORDERS[(spread >>> 3) % BORDERS.length] as number
    return Math.max(0, border + (AROUND[raw % AROUND.length] as number))
  }
  const below = [16, 130, 300, 300, 1000, 2100, 5000, 20_000, 70_000, 300_000, 1_100_000, 3_200_000]
  return raw % ((below[(spread >>> 3) % below.length] as number) + 1)
}

export class Model {
  readonly heap: Heap
  readonly blocks = new Map<number, Block>()
  readonly pools: PoolModel[] = []
  readonly arenas: ArenaModel[] = []
  operations = 0
  outOfMemory = 0
  #seed = 1

  constructor(heap: Heap) {
    this.heap = heap
  }

  // ---- contents ----------------------------------------------------------------------------------------------------

  #bytesOf(seed: number, index: number): number {
    return (Math.imul(seed, 0x9e3779b1) >>> 24) ^ (index & 0xff)
  }

  /** Write a pattern into the whole block; every block has its own. */
  #fill(address: number, bytes: number): number {
    const seed = this.#seed++
    const memory = this.heap.raw.u8
    if (bytes > 4096) {
      // Long blocks are marked at both ends and in each 4 KiB: as many places as can hide an overlap.
      for (let i = 0; i < bytes; i += 509) memory[address + i] = this.#bytesOf(seed, i)
      for (let i = bytes - 64; i < bytes; i++) memory[address + i] = this.#bytesOf(seed, i)
    } else for (let i = 0; i < bytes; i++) memory[address + i] = this.#bytesOf(seed, i)
    return seed
  }

  /** Check the pattern of a block of `written` bytes as far as `upTo`. */
  #check(address: number, written: number, seed: number, upTo = written): void {
    const memory = this.heap.raw.u8
    const wrong = (i: number) => {
      if (memory[address + i] !== this.#bytesOf(seed, i)) {
        throw new Error(`contents of the block at ${address} (${written} bytes) changed at byte ${i}`)
      }
    }
    if (written > 4096) {
      for (let i = 0; i < upTo; i += 509) wrong(i)
      for (let i = Math.max(0, written - 64); i < upTo; i++) wrong(i)
    } else for (let i = 0; i < upTo; i++) wrong(i)
  }

  #expectApart(address: number, bytes: number): void {
    const usable = this.heap.usableSize(address)
    if (usable < bytes) throw new Error(`the block at ${address} has ${usable} usable bytes, asked for ${bytes}`)
    if (address % 16) throw new Error(`the block at ${address} is not at a multiple of 16`)
    if (this.blocks.has(address)) throw new Error(`${address} was given out twice`)
  }

  #pick(index: number): [number, Block] | undefined {
    let skip = this.blocks.size ? index % Math.min(this.blocks.size, 64) : 0
    for (const entry of this.blocks) if (skip-- === 0) return entry
    return undefined
  }

  // ---- operations --------------------------------------------------------------------------------------------------

  /** Do one operation on the heap and on the model. Throws when they differ. */
  apply([kind, a, b, c]: Operation): void {
    this.operations++
    try {
      if (kind < 9) this.#alloc(sizeFrom(a, b), c)
      else if (kind < 17) this.#free(a, b)
      else if (kind < 21) this.#realloc(a, sizeFrom(b, c))
      else if (kind < 27) this.#pool(kind, a, b)
      else if (kind < 31) this.#arena(kind, a, b, c)
      else this.#rare(a)
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      this.outOfMemory++
      if (error.totalBytes <= 0 || error.usedBytes < 0 || error.availableBytes < 0)
        throw new Error(`figures of ${error}`)
    }
  }

  #alloc(bytes: number, how: number): void {
    const alignment = how % 3 === 0 ? 2 ** (how % 17) : 1
    let address: number
    if (alignment > 1) address = this.heap.allocAligned(bytes, alignment)
    else if (how % 3 === 1) {
      address = this.heap.calloc(1, bytes)
      if (this.heap.raw.u8.subarray(address, address + bytes).some((byte) => byte !== 0))
        throw new Error('calloc: not zero')
    } else address = this.heap.alloc(bytes)
    if (address % alignment) throw new Error(`${address} is not at a multiple of ${alignment}`)
    this.#expectApart(address, bytes)
    this.blocks.set(address, { bytes, seed: this.#fill(address, bytes) })
  }

  #free(index: number, how: number): void {
    const picked = this.#pick(index)
    if (!picked) return
    const [address, { bytes, seed }] = picked
    this.#check(address, bytes, seed)
    this.blocks.delete(address)
    this.heap.free(address)
    if (how % 4 === 0) this.#expectRefused(() => this.heap.free(address))
    if (how % 7 === 0 && bytes > 32) this.#expectRefused(() => this.heap.free(address + 16))
  }

  #expectRefused(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (error instanceof InvalidAddressError || error instanceof ArgumentError) return
      throw error
    }
    throw new Error('a call that should have been refused was not')
  }

  #realloc(index: number, bytes: number): void {
    const picked = this.#pick(index)
    if (!picked) return
    const [address, old] = picked
    this.#check(address, old.bytes, old.seed)
    const moved = this.heap.realloc(address, bytes)
    this.#check(moved, old.bytes, old.seed, Math.min(old.bytes, bytes))
    this.blocks.delete(address)
    this.#expectApart(moved, bytes)
    this.blocks.set(moved, { bytes, seed: this.#fill(moved, bytes) })
  }

  #pool(kind: number, a: number, b: number): void {
    if (this.pools.length < 4 && a % 16 === 0) {
      const bytes = 1 + (b % (a % 32 === 0 ? 60_000 : 500))
      const pool = this.heap.pool({ size: bytes, count: (a >>> 8) % 40, grow: b % 2 === 0 })
      this.pools.push({ pool, bytes, blocks: new Map() })
      return
    }
    const picked = this.pools[b % Math.max(1, this.pools.length)]
    if (!picked) return
    if (kind < 24) {
      const address = picked.pool.tryAcquire()
      if (!address) return
      if (picked.blocks.has(address)) throw new Error(`pool block ${address} was given out twice`)
      picked.blocks.set(address, this.#fill(address, picked.bytes))
    } else if (picked.blocks.size) {
      const [address, seed] = [...picked.blocks][a % picked.blocks.size] as [number, number]
      this.#check(address, picked.bytes, seed)
      picked.blocks.delete(address)
      this.#expectRefused(() => this.heap.free(address))
      picked.pool.release(address as never)
      this.#expectRefused(() => picked.pool.release(address as never))
    } else if (a % 8 === 0) {
      this.pools.splice(this.pools.indexOf(picked), 1)
      picked.pool.dispose()
    }
  }

  #arena(kind: number, a: number, b: number, c: number): void {
    if (this.arenas.length < 3 && a % 8 === 0) {
      this.arenas.push({ arena: this.heap.arena({ chunk: 1024 << (b % 12) }), blocks: [], marks: [] })
      return
    }
    const picked = this.arenas[a % Math.max(1, this.arenas.length)]
    if (!picked) return
    const { arena, blocks, marks } = picked
    if (kind < 29) {
      const bytes = sizeFrom(b, c)
      const alignment = 2 ** (c % 13)
      const address = arena.alloc(bytes, alignment)
      if (address % alignment) throw new Error(`arena: ${address} is not at a multiple of ${alignment}`)
      blocks.push({ address, bytes, seed: this.#fill(address, bytes) })
    } else if (b % 4 === 0) marks.push({ mark: arena.mark(), blocks: blocks.length })
    else if (b % 4 === 1 && marks.length) {
      for (const block of blocks) this.#check(block.address, block.bytes, block.seed)
      const { mark, blocks: kept } = marks.splice(c % marks.length)[0] as { mark: ArenaMark; blocks: number }
      arena.release(mark)
      blocks.length = kept
    } else if (b % 4 === 2) {
      const last = blocks.pop()
      if (last && marks.every((mark) => mark.blocks <= blocks.length)) {
        this.#check(last.address, last.bytes, last.seed)
        try {
          arena.freeLast(last.address)
        } catch (error) {
          // The newest block is forgotten by a release or a freeLast before; then it stays.
          if (!(error instanceof ArgumentError || error instanceof InvalidAddressError)) throw error
          blocks.push(last)
        }
      } else if (last) blocks.push(last)
    } else if (c % 16 === 0) {
      this.arenas.splice(this.arenas.indexOf(picked), 1)
      arena.dispose()
    }
  }

  #rare(a: number): void {
    if (a % 64 === 0) {
      this.heap.reset()
      this.blocks.clear()
      this.pools.length = 0
      this.arenas.length = 0
    } else if (a % 4 === 0) this.heap.releaseCaches()
  }

  // ---- the whole ---------------------------------------------------------------------------------------------------

  /** The heap's own verifier, which includes the accounting over the counters. */
  verify(): void {
    const result = this.heap.verify()
    if (!result.ok) throw new Error(`verify: ${result.fault} at ${result.address}`)
  }

  /** The accounting identity as the statistics give it, and the counts of blocks. */
  checkStats(): void {
    const stats = this.heap.stats()
    const sum = stats.inUseBytes + stats.freeBytes + stats.metadataBytes + stats.unusedBytes
    if (sum !== stats.committedBytes)
      throw new Error(`in use + free + metadata + unused = ${sum}, committed ${stats.committedBytes}`)
    const live = this.blocks.size + this.pools.reduce((count, { blocks }) => count + blocks.size, 0)
    if (stats.liveBlocks !== live) throw new Error(`${stats.liveBlocks} live blocks counted, ${live} are`)
  }

  /** Every block is found by a walk, and nothing else; contents are all there. */
  checkAll(): void {
    const expected = new Set<number>(this.blocks.keys())
    for (const { blocks } of this.pools) for (const address of blocks.keys()) expected.add(address)
    let last = -1
    let end = 0
    for (const { address, usableBytes } of this.heap.blocks()) {
      if (address <= last || address < end)
        throw new Error(`the walk gives ${address} after ${last}, which ends at ${end}`)
      if (!expected.delete(address)) throw new Error(`the walk gives ${address}, which is no block`)
      last = address
      end = address + usableBytes
    }
    if (expected.size) throw new Error(`the walk misses ${[...expected][0]}`)
    for (const [address, { bytes, seed }] of this.blocks) this.#check(address, bytes, seed)
    for (const { blocks, bytes } of this.pools) for (const [address, seed] of blocks) this.#check(address, bytes, seed)
    for (const { blocks } of this.arenas)
      for (const { address, bytes, seed } of blocks) this.#check(address, bytes, seed)
  }

  /** Free all there is; then nothing may be left in use (row A4). */
  finish(): void {
    this.checkAll()
    for (const address of this.blocks.keys()) this.heap.free(address)
    for (const { pool } of this.pools) pool.dispose()
    for (const { arena } of this.arenas) arena.dispose()
    this.blocks.clear()
    this.pools.length = 0
    this.arenas.length = 0
    this.heap.releaseCaches()
    this.verify()
    this.checkStats()
    const stats = this.heap.stats()
    if (stats.inUseBytes !== 0 || stats.liveBlocks !== 0)
      throw new Error(`${stats.inUseBytes} bytes in use after all was freed`)
    if (this.heap.mode === 'manual' && stats.unusedBytes !== 0)
      throw new Error(`${stats.unusedBytes} bytes unused after all was freed`)
  }
}

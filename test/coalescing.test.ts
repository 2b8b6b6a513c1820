/**
 * Goal: free memory joins again (rows A3, A4, A5): whatever the order of freeing, what is left is whole.
 * Method: all orders of freeing three neighbours; 1,000 random orders of freeing mixed blocks, after which the free
 * runs are one per chunk and nothing is in use; recycling of addresses; growth and shrinking in place into and out of
 * neighbours.
 * A failure means fragmentation that does not go away: memory that a long-running program loses.
 */
import { describe, expect, test } from 'vitest'
import { type Address, Heap } from '../src/index.js'
import { random } from './support/random.js'

const CHUNK = 1 << 20

function shuffle<T>(items: T[], below: (limit: number) => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(i + 1)
    ;[items[i], items[j]] = [items[j] as T, items[i] as T]
  }
  return items
}

describe('coalescing', () => {
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]
  for (const order of orders) {
    test(`three neighbours freed in the order ${order} leave one run`, () => {
      using heap = Heap.create()
      const fence = heap.alloc(4000)
      const blocks = [5000, 9000, 20_000].map((bytes) => heap.alloc(bytes))
      const end = heap.alloc(4000)
      for (let i = 1; i < blocks.length; i++) {
        const before = blocks[i - 1] as Address
        expect(blocks[i]).toBe(before + heap.usableSize(before))
      }
      const total = blocks.reduce((sum, block) => sum + heap.usableSize(block), 0)
      const { freeRuns } = heap.stats()
      for (const i of order) heap.free(blocks[i] as Address)
      expect(heap.stats().freeRuns).toBe(freeRuns + 1)
      // One run: a request for all of it fits exactly there.
      expect(heap.alloc(total)).toBe(blocks[0])
      expect(heap.isBlock(fence) && heap.isBlock(end)).toBe(true)
    })
  }

  test('1,000 random orders of freeing leave whole chunks and zero bytes used', { timeout: 120_000 }, () => {
    const seed = Date.now() >>> 0
    const below = random(seed)
    using heap = Heap.create({ limit: '64MiB', debug: true })
    for (let round = 0; round < 1000; round++) {
      const blocks: Address[] = []
      const count = 1 + below(120)
      for (let i = 0; i < count; i++) {
        const most = [100, 2000, 10_000, 200_000, i % 40 === 0 ? 3_000_000 : 1000][below(5)] as number
        blocks.push(heap.alloc(below(most)))
      }
      for (const block of shuffle(blocks, below)) heap.free(block)
      heap.releaseCaches()
      const stats = heap.stats()
      const at = `seed ${seed}, round ${round}`
      expect(stats.inUseBytes, at).toBe(0)
      expect(stats.liveBlocks, at).toBe(0)
      expect(stats.unusedBytes, at).toBe(0)
      expect(stats.freeBytes + stats.metadataBytes, at).toBe(stats.committedBytes)
      expect(stats.freeRuns, at).toBe(Math.ceil(stats.committedBytes / CHUNK))
      if (round % 50 === 0) expect(heap.verify(), at).toEqual({ ok: true })
    }
  })

  test('a freed address serves the next fitting request: of runs and huge blocks', () => {
    using heap = Heap.create()
    for (const bytes of [2049, 10_000, 100_000, 900_000, 1_500_000, 5_000_000]) {
      const fence = [heap.alloc(bytes), heap.alloc(bytes), heap.alloc(bytes)]
      const middle = fence[1] as Address
      heap.free(middle)
      expect(heap.alloc(bytes), `${bytes} bytes`).toBe(middle)
      for (const address of fence) heap.free(address)
    }
  })

  test('freed addresses of small blocks all serve again before their class takes another page', () => {
    using heap = Heap.create()
    for (const bytes of [1, 16, 100, 1000, 2048]) {
      const blocks = Array.from({ length: 300 }, () => heap.alloc(bytes))
      const pages = () => heap.stats().classes.reduce((sum, { pages }) => sum + pages, 0)
      // Free every third; the newest of one page first.
      const freed = new Set(blocks.filter((_, i) => i % 3 === 0))
      for (const address of freed) heap.free(address)
      const before = pages()
      while (pages() === before) freed.delete(heap.alloc(bytes))
      expect(freed.size, `${bytes} bytes`).toBe(0)
      const last = heap.alloc(bytes)
      heap.free(last)
      expect(heap.alloc(bytes), 'the next request after a free in the same page').toBe(last)
    }
  })

  test('empty pages return to the free runs by themselves', () => {
    using heap = Heap.create()
    const blocks = Array.from({ length: 20_000 }, () => heap.alloc(64))
    const full = heap.stats().freeBytes
    for (const block of blocks) heap.free(block)
    // All but the class's current page.
    expect(heap.stats().unusedBytes).toBeLessThanOrEqual(65_536)
    expect(heap.stats().freeBytes).toBeGreaterThan(full + 20_000 * 64 - 65_536)
  })
})

describe('realloc in place', () => {
  test('a run grows into the free run behind it and shrinks out of it', () => {
    using heap = Heap.create()
    const block = heap.alloc(10_000)
    const behind = heap.alloc(30_000)
    heap.alloc(3000)
    heap.free(behind)
    expect(heap.realloc(block, 40_000)).toBe(block)
    expect(heap.usableSize(block)).toBe(40_000)
    expect(heap.realloc(block, 5000)).toBe(block)
    expect(heap.usableSize(block)).toBe(5008)
    expect(heap.alloc(34_000)).toBe(block + 5008)
    // Now there is a neighbour: it must move.
    expect(heap.realloc(block, 6000)).not.toBe(block)
  })

  test('a huge block grows by the memory behind it and gives back what it does not need', () => {
    using heap = Heap.create()
    const block = heap.alloc(2 << 20)
    expect(heap.realloc(block, 5 << 20)).toBe(block)
    const { committedBytes } = heap.stats()
    expect(heap.realloc(block, 2 << 20)).toBe(block)
    expect(heap.usableSize(block)).toBe(2 << 20)
    const second = heap.alloc(3 << 20)
    expect(second).toBe(block + (2 << 20))
    expect(heap.stats().committedBytes).toBe(committedBytes)
  })

  test('a huge block shrunk into its first part becomes a run', () => {
    using heap = Heap.create()
    const block = heap.alloc((3 << 20) + 500_000)
    expect(heap.realloc(block, 400_000)).toBe(block)
    expect(heap.usableSize(block)).toBe(400_000)
    expect(heap.verify()).toEqual({ ok: true })
    heap.free(block)
    heap.releaseCaches()
    expect(heap.stats().unusedBytes).toBe(0)
  })

  test('the last block of the heap grows where it is, from a run to several MiBs', () => {
    using heap = Heap.create({ debug: true })
    heap.alloc(100)
    let block = heap.alloc(4096)
    const first = block
    for (let bytes = 8192; bytes <= 16 << 20; bytes *= 2) {
      new Uint8Array(heap.memory.buffer).fill(bytes % 251, block + bytes / 2 - 100, block + bytes / 2)
      block = heap.realloc(block, bytes)
      expect(block, `${bytes} bytes`).toBe(first)
      expect(heap.raw.u8[block + bytes / 2 - 1]).toBe(bytes % 251)
      expect(heap.verify()).toEqual({ ok: true })
    }
    const { committedBytes, inUseBytes } = heap.stats()
    expect(committedBytes / inUseBytes).toBeLessThan(1.15)
    heap.free(block)
    expect(heap.verify()).toEqual({ ok: true })
  })
})

describe('at the borders between kinds of blocks', () => {
  test('any alignment at and around the largest run', () => {
    for (const mode of ['manual', 'compiler'] as const) {
      using heap = Heap.create({ mode, debug: true })
      for (const bytes of [900_000, 960_000, 974_212, 978_000, 978_928, 978_944, 978_945, 1 << 20]) {
        for (let alignment = 1; alignment <= 65_536; alignment *= 2) {
          const block = heap.allocAligned(bytes, alignment)
          expect(block % alignment).toBe(0)
          expect(heap.usableSize(block), `${bytes} at ${alignment}`).toBeGreaterThanOrEqual(bytes)
          expect(heap.verify(), `${bytes} at ${alignment}`).toEqual({ ok: true })
          heap.free(block)
        }
      }
      expect(heap.stats().liveBlocks).toBe(0)
    }
  })

  test('realloc to 0 bytes keeps a block, whatever it was', () => {
    for (const mode of ['manual', 'compiler'] as const) {
      using heap = Heap.create({ mode, debug: true })
      for (const bytes of [1, 3000, 900_000, 1 << 20, 1_500_000, 3 << 20]) {
        const block = heap.realloc(heap.alloc(bytes), 0)
        expect(heap.isBlock(block), `${bytes}`).toBe(true)
        expect(heap.verify(), `${bytes}`).toEqual({ ok: true })
        heap.free(block)
      }
    }
  })
})

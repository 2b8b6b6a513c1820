/**
 * Goal: blocks are as large, as aligned and as separate as promised, whatever is done with them, in every mode.
 * Method: seeded random sequences of every block call against a Map of what must be live; each block carries a pattern
 * of its own, read back when it is freed; the verifier runs in between.
 * A failure means: two blocks share bytes, contents are lost, or a freed address is never used again.
 */
import { describe, expect, it } from 'vitest'
import { KNOB_POISON } from '../kernel/layout.js'
import { Heap, type HeapOptions, OutOfMemoryError } from '../src/index.js'
import { random } from './support/random.js'
import { expectSound, isFilled } from './support/refusal.js'

const isAll = (heap: Heap, at: number, bytes: number, byte: number) => isFilled(heap.memory, at, at + bytes, byte)

describe('one block', () => {
  it('of any size is 16-byte aligned, usable and freeable', () => {
    const heap = Heap.create({ limit: '128MiB' })
    const around = (bytes: number) => [bytes - 1, bytes, bytes + 1]
    const sizes = [0, 1, ...[16, 128, 2048, 4096, 65536, 2 ** 20, 978_944, 5 * 2 ** 20].flatMap(around)]
    for (const bytes of sizes) {
      const block = heap.alloc(bytes)
      expect(block % 16).toBe(0)
      expect(heap.usableSize(block)).toBeGreaterThanOrEqual(Math.max(bytes, 1))
      heap.fill(block, heap.usableSize(block), 0x77)
      expectSound(heap)
      heap.free(block)
      expect(heap.isBlock(block)).toBe(false)
    }
    expect(heap.stats().liveBlocks).toBe(0)
    expectSound(heap)
  })

  it('of 0 bytes is one of its own', () => {
    const heap = Heap.create()
    const [a, b] = [heap.alloc(0), heap.alloc(0)]
    expect(a).not.toBe(b)
    heap.free(a)
    heap.free(b)
  })

  it('lies at any alignment asked for', () => {
    const heap = Heap.create({ limit: '256MiB' })
    for (let alignment = 1; alignment <= 65536; alignment *= 2) {
      for (const bytes of [0, 1, 17, 100, alignment, 3000, 70_000, 1_500_000]) {
        const block = heap.allocAligned(bytes, alignment)
        expect(block % Math.max(alignment, 16), `${bytes} at ${alignment}`).toBe(0)
        expect(heap.usableSize(block)).toBeGreaterThanOrEqual(bytes)
        heap.fill(block, bytes, 1)
      }
    }
    expectSound(heap)
    for (const { address } of heap.blocks()) heap.free(address)
    expect(heap.stats().liveBlocks).toBe(0)
    expectSound(heap)
  })

  it('from calloc is zero, also where other blocks have been', () => {
    const heap = Heap.create({ limit: '64MiB' })
    for (const bytes of [1, 100, 3000, 100_000, 2_000_000]) {
      const dirty = Array.from({ length: 5 }, () => heap.alloc(bytes))
      for (const block of dirty) heap.fill(block, heap.usableSize(block), 0xff)
      for (const block of dirty) heap.free(block)
      for (let i = 0; i < 5; i++) {
        const block = heap.calloc(1, bytes)
        expect(isAll(heap, block, heap.usableSize(block), 0)).toBe(true)
      }
    }
    heap.calloc(0, 100)
    heap.calloc(100, 0)
  })

  it('serves the next fitting request after it is freed', () => {
    const heap = Heap.create({ limit: '64MiB' })
    for (const bytes of [1, 64, 1000, 2048, 10_000, 900_000, 4_000_000]) {
      heap.alloc(bytes)
      const block = heap.alloc(bytes)
      heap.free(block)
      expect(heap.alloc(bytes)).toBe(block)
    }
  })

  it('keeps its contents over realloc, and stays where it can', () => {
    const heap = Heap.create({ limit: '64MiB' })
    const sizes = [0, 1, 16, 17, 100, 2000, 2049, 5000, 100_000, 1_200_000, 5_000_000, 300_000, 3000, 40, 16, 0]
    let block = heap.alloc(sizes[0] as number)
    let before = 0
    for (const bytes of sizes) {
      block = heap.realloc(block, bytes)
      expect(isAll(heap, block, Math.min(before, bytes), 0x5a)).toBe(true)
      expect(heap.usableSize(block)).toBeGreaterThanOrEqual(bytes)
      heap.fill(block, bytes, 0x5a)
      before = bytes
      expectSound(heap)
    }
    expect(heap.stats().liveBlocks).toBe(1)

    const roomy = Heap.create({ limit: '64MiB' })
    roomy.free(roomy.alloc(600_000))
    const growing = roomy.alloc(10_000)
    for (let bytes = 10_000; bytes < 500_000; bytes += 10_000) expect(roomy.realloc(growing, bytes)).toBe(growing)
  })
})

describe('many blocks', () => {
  const kinds: HeapOptions[] = [
    {},
    { sizeClasses: 'pow2' },
    { sizeClasses: [48, 700] },
    { mode: 'compiler' },
    { debug: true },
    { debug: true, initial: 0, testing: { knobs: 0x1f & ~KNOB_POISON } },
    { debug: true, initial: 0, testing: { knobs: KNOB_POISON } },
    { limit: '6MiB' },
    { limit: '100MiB', memory: new WebAssembly.Memory({ initial: 1, maximum: 20_000 }) },
  ]
  for (const options of kinds) {
    const shown = JSON.stringify({ ...options, ...(options.memory && { memory: 'given' }) })
    it(`match a Map over random sequences: ${shown}`, () => {
      for (let seed = 1; seed <= 6; seed++) {
        const next = random(seed)
        const heap = Heap.create({ limit: '200MiB', ...options })
        const live = new Map<number, { bytes: number; byte: number }>()
        const size = () => [next(100), next(3000), next(50_000), next(3_000_000)][Math.min(next(16), 3) % 4] as number
        const smallSize = () => (next(8) > 0 ? next(500) : size())
        const put = (block: number, bytes: number) => {
          expect(live.has(block), `seed ${seed}`).toBe(false)
          const byte = next(256)
          heap.fill(block, bytes, byte)
          live.set(block, { bytes, byte })
        }
        const take = () => {
          const block = [...live.keys()][next(live.size)] as number
          const { bytes, byte } = live.get(block) as { bytes: number; byte: number }
          expect(isAll(heap, block, bytes, byte), `seed ${seed}, block ${block}`).toBe(true)
          live.delete(block)
          return { block, bytes, byte }
        }
        for (let step = 0; step < 1500; step++) {
          const what = next(12)
          try {
            if (what < 5 || live.size === 0) {
              const bytes = smallSize()
              put(heap.alloc(bytes), bytes)
            } else if (what === 5) {
              const bytes = smallSize()
              put(heap.calloc(1, bytes), bytes)
            } else if (what === 6) {
              const bytes = smallSize()
              put(heap.allocAligned(bytes, 1 << next(17)), bytes)
            } else if (what === 7) {
              const { block, bytes, byte } = take()
              live.set(block, { bytes, byte })
              const now = smallSize()
              const moved = heap.realloc(block, now)
              live.delete(block)
              expect(isAll(heap, moved, Math.min(bytes, now), byte), `seed ${seed}`).toBe(true)
              put(moved, now)
            } else if (what === 8 && next(30) === 0) {
              heap.releaseCaches()
            } else {
              heap.free(take().block)
            }
          } catch (error) {
            if (!(error instanceof OutOfMemoryError)) throw error
          }
        }
        expectSound(heap)
        const addresses = [...live.keys()].sort((a, b) => a - b)
        expect([...heap.blocks()].map((block) => block.address as number)).toEqual(addresses)
        while (live.size > 0) heap.free(take().block)
        expectSound(heap)
        expect(heap.stats()).toMatchObject({ inUseBytes: 0, liveBlocks: 0 })
        heap.close()
      }
    }, 30_000)
  }

  it('freed in any order, three neighbours become one free run', () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      for (const bytes of [5000, 100_000]) {
        const heap = Heap.create({ limit: '64MiB' })
        const blocks = [heap.alloc(bytes), heap.alloc(bytes), heap.alloc(bytes)]
        const wall = heap.alloc(bytes)
        const before = heap.stats().freeRuns
        for (const i of order) heap.free(blocks[i] as number)
        expect(heap.stats().freeRuns).toBe(before + 1)
        expect(heap.realloc(0, 3 * bytes)).toBe(Math.min(...blocks))
        heap.free(wall)
        expectSound(heap)
      }
    }
  })

  it('say what kind they are, in the order of their addresses', () => {
    const heap = Heap.create({ limit: '64MiB' })
    using pool = heap.pool({ size: 100, count: 3 })
    const expected = [
      [heap.alloc(10), 'small'],
      [heap.alloc(2048), 'small'],
      [heap.alloc(2049), 'run'],
      [heap.alloc(2_000_000), 'huge'],
      [heap.alloc(4 * 2 ** 20), 'huge'],
      [pool.acquire(), 'pool'],
    ] as [number, string][]
    expected.sort(([a], [b]) => a - b)
    const seen = [...heap.blocks()]
    expect(seen.map(({ address, kind }) => [address, kind])).toEqual(expected)
    for (const { address, usableBytes } of seen) expect(heap.usableSize(address)).toBe(usableBytes)
  })

  it('may be freed while they are walked', () => {
    const heap = Heap.create()
    for (let i = 0; i < 1000; i++) heap.alloc(i * 7)
    let count = 0
    for (const { address } of heap.blocks()) {
      heap.free(address)
      count++
    }
    expect(count).toBe(1000)
    expect([...heap.blocks()]).toEqual([])
  })

  it('are freed all at once by reset, in either mode, again and again', () => {
    for (const mode of ['manual', 'compiler'] as const) {
      const heap = Heap.create({ mode, limit: '64MiB' })
      const addresses: number[] = []
      for (let round = 0; round < 5; round++) {
        const blocks = Array.from({ length: 3000 }, (_, i) => heap.alloc((i * 37) % 5000))
        addresses.push(blocks[0] as number)
        heap.alloc(5_000_000)
        heap.reset()
        expect(blocks.some((block) => heap.isBlock(block))).toBe(false)
        expect(heap.stats()).toMatchObject({ inUseBytes: 0, liveBlocks: 0, unusedBytes: 0 })
        expectSound(heap)
      }
      // What was held serves again: the memory does not grow from round to round.
      expect(new Set(addresses.slice(1)).size).toBe(1)
    }
  })

  it('in compiler mode lie one behind the other; the newest gives its bytes back', () => {
    const heap = Heap.create({ mode: 'compiler' })
    const [a, b, c] = [heap.alloc(10), heap.alloc(20), heap.alloc(30)]
    expect([b - a, c - b]).toEqual([16, 32])
    heap.free(c)
    expect(heap.alloc(30)).toBe(c)
    heap.free(a)
    expect(heap.isBlock(a)).toBe(false)
    expect(heap.usableSize(b)).toBe(32)
    expect(heap.realloc(c, 500)).toBe(c)
    expectSound(heap)
  })
})

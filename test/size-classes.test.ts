/**
 * Goal: the waste that rows A2 and A7 allow is never exceeded.
 * Method: every request size is asked for, and the usable size held against the bound; the utilisation report of every
 * class, of the built-in tables and of random lists, must reach 98 % of a full-grown page.
 * A failure means that the class table or the page sizes changed for the worse.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Heap } from '../src/index.js'

describe('size classes', () => {
  test('geometric: at most 12.5 % of the block is wasted above 112 bytes, at most 15 bytes below', () => {
    using heap = Heap.create()
    for (let bytes = 0; bytes <= 2048; bytes++) {
      const address = heap.alloc(bytes)
      const usable = heap.usableSize(address)
      expect(usable).toBeGreaterThanOrEqual(bytes)
      if (bytes > 112) expect((usable - bytes) / usable, `${bytes} bytes`).toBeLessThanOrEqual(0.125)
      else if (bytes > 0) expect(usable - bytes, `${bytes} bytes`).toBeLessThanOrEqual(15)
      heap.free(address)
    }
  })

  test('geometric: above the largest class at most 15 bytes are wasted', () => {
    using heap = Heap.create()
    for (let bytes = 2049; bytes <= 40_000; bytes += 7) {
      const address = heap.alloc(bytes)
      expect(heap.usableSize(address) - bytes).toBeLessThanOrEqual(15)
      heap.free(address)
    }
  })

  test('pow2: the next power of two up to 8192', () => {
    using heap = Heap.create({ sizeClasses: 'pow2' })
    for (let bytes = 1; bytes <= 8192; bytes++) {
      const address = heap.alloc(bytes)
      expect(heap.usableSize(address)).toBe(Math.max(16, 2 ** Math.ceil(Math.log2(bytes))))
      heap.free(address)
    }
  })

  test('a list: the next size of the list, runs above it', () => {
    using heap = Heap.create({ sizeClasses: [32, 100, 5000] })
    const usable = (bytes: number) => heap.usableSize(heap.alloc(bytes))
    expect([0, 1, 32, 33, 112, 113, 5000, 5008, 5009].map(usable)).toEqual([
      32, 32, 32, 112, 112, 5008, 5008, 5008, 5024,
    ])
  })

  const expectReachable = (heap: Heap) => {
    for (const { blockBytes, reachable, fullPageUnits } of heap.stats().classes) {
      const page = fullPageUnits * 4096
      expect(reachable, `class of ${blockBytes} bytes`).toBeGreaterThanOrEqual(0.98)
      expect(reachable).toBeCloseTo((Math.floor(page / blockBytes) * blockBytes) / page, 3)
    }
  }

  test('98 % of a full-grown page can be reached, in every class of the built-in tables', () => {
    for (const sizeClasses of ['geometric', 'pow2'] as const) {
      using heap = Heap.create({ sizeClasses })
      expect(heap.stats().classes.length).toBe(sizeClasses === 'geometric' ? 40 : 10)
      expectReachable(heap)
    }
  })

  test('98 % also with any list', () => {
    const list = fc.uniqueArray(fc.integer({ min: 1, max: 512 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(list, (granules) => {
        const sizes = [...granules.map((n) => n * 16).sort((a, b) => a - b)]
        if ((sizes.at(-1) as number) < 64) sizes.push(64)
        using heap = Heap.create({ sizeClasses: sizes })
        expectReachable(heap)
      }),
      { numRuns: 30 },
    )
  })

  test('pages of a busy class grow to the full size, and its report says what they hold', () => {
    using heap = Heap.create()
    for (let i = 0; i < 5000; i++) heap.alloc(100)
    const report = heap.stats().classes.find(({ blockBytes }) => blockBytes === 112)
    expect(report).toMatchObject({ used: 5000, fullPageUnits: 16 })
    expect(report?.slots).toBeGreaterThanOrEqual(5000)
    // Far fewer pages than units: they did grow.
    expect(report?.pages).toBeLessThan((report?.units ?? 0) / 4)
    expect(report?.tailBytes).toBeLessThan((report?.units ?? 0) * 4096 * 0.03)
  })
})

/**
 * Goal: what outlives the memory it was made in does no harm: after `reset()`, after `close()`, and after a reclaimer
 * has taken away what a request was about.
 * Method: one case for each thing that holds an address, with a new block at the same address where there can be one.
 * A failure means that disposing of something old frees, or writes to, somebody else's block.
 */
import { describe, expect, test } from 'vitest'
import { Bitmap, Heap, InvalidAddressError, RingBuffer } from '../src/index.js'

describe('after reset', () => {
  test('disposing of a building block frees nothing of its successor', () => {
    using heap = Heap.create()
    const bits = Bitmap.create(heap, 1000)
    const ring = RingBuffer.create(heap, { capacity: 10, item: 'u32' })
    heap.reset()
    const blocks = Array.from({ length: 20 }, () => heap.alloc(Bitmap.bytesFor(1000)))
    bits.dispose()
    ring.dispose()
    expect(blocks.every((block) => heap.isBlock(block))).toBe(true)
    expect(heap.verify()).toEqual({ ok: true })
  })
})

describe('after close', () => {
  test('disposing of a building block is harmless', () => {
    const heap = Heap.create()
    const bits = Bitmap.create(heap, 1000)
    heap.dispose()
    expect(() => bits.dispose()).not.toThrow()
  })
})

describe('a reclaimer', () => {
  test('that frees the block being resized makes it an invalid address, not out of memory', () => {
    using heap = Heap.create({ limit: '2MiB' })
    const block = heap.alloc(100_000)
    heap.addReclaimer(() => heap.isBlock(block) && heap.free(block))
    expect(() => heap.realloc(block, 2_500_000)).toThrow(InvalidAddressError)
    expect(heap.verify()).toEqual({ ok: true })
  })

  test('that takes off another is obeyed at once', () => {
    using heap = Heap.create({ limit: '2MiB' })
    const called: string[] = []
    heap.addReclaimer(() => void called.push('first'), { priority: 1 })
    const off = heap.on('outOfMemory', () => void called.push('second'))
    heap.on('outOfMemory', () => void called.push('third'))
    off()
    expect(heap.tryAlloc(3_000_000)).toBe(0)
    expect(called).toEqual(['first', 'third'])
  })
})

describe('peaks', () => {
  test('are not forgotten when nobody looked at them', () => {
    using heap = Heap.create()
    const blocks = Array.from({ length: 100_000 }, () => heap.alloc(100))
    for (const block of blocks) heap.free(block)
    // The sample is taken at the first free into a full page: exact to within a page of the class.
    expect(heap.stats().inUsePeakBytes).toBeGreaterThanOrEqual(100_000 * 112 - 65_536)
    expect(heap.stats().inUsePeakBytes).toBeLessThanOrEqual(100_000 * 112)
  })

  test('count arenas and pools that are gone', () => {
    using heap = Heap.create()
    const arena = heap.arena()
    arena.alloc(10_000_000)
    arena.dispose()
    expect(heap.stats().inUsePeakBytes).toBeGreaterThanOrEqual(10_000_000)
    const pool = heap.pool({ size: 20_000, count: 1000 })
    for (let i = 0; i < 1000; i++) pool.acquire()
    pool.dispose()
    expect(heap.stats().inUsePeakBytes).toBeGreaterThanOrEqual(20_000_000)
    expect(heap.stats().fragmentationAtPeak).toBeLessThan(1.2)
  })
})

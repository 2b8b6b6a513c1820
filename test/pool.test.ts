/**
 * Goal: a pool gives blocks of one size, each once, and refuses what it did not give.
 * Method: a JavaScript set as oracle of the acquired blocks; misuse compared byte for byte.
 * A failure means: a block in use by two, or a pool torn by a bad release.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, ClosedError, Heap, InvalidAddressError, OutOfMemoryError } from '../src/index.js'
import { random } from './support/random.js'
import { expectRefused, expectSound, thrownBy } from './support/refusal.js'

const newHeap = (limit = '64MiB') => Heap.create({ limit, initial: 0 })

describe('Pool', () => {
  it('gives its blocks, each once, 16-byte aligned and apart', () => {
    const heap = newHeap()
    for (const size of [1, 16, 17, 128, 1000, 5000, 100_000, 900 * 1024]) {
      using pool = heap.pool({ size, count: 10 })
      const blocks = Array.from({ length: 10 }, () => pool.acquire()).sort((a, b) => a - b)
      blocks.forEach((block, i) => {
        expect(block % 16).toBe(0)
        if (i > 0) expect(block - (blocks[i - 1] as number)).toBeGreaterThanOrEqual(size)
        heap.fill(block, size, i)
      })
      blocks.forEach((block, i) => {
        expect(heap.readU8(block)).toBe(i)
        expect(heap.readU8(block + size - 1)).toBe(i)
      })
      expectSound(heap)
    }
  })

  it('refuses the next one when it was made not to grow', () => {
    const heap = newHeap()
    using pool = heap.pool({ size: 128, count: 10 })
    for (let i = 0; i < 10; i++) pool.acquire()
    expect(pool.stats()).toMatchObject({ slots: 10, used: 10, free: 0 })
    expect(pool.tryAcquire()).toBe(0)
    const error = thrownBy(() => pool.acquire())
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({ requestedBytes: 128, availableBytes: 0, usedBytes: 1280, totalBytes: 1280 })
  })

  it('grows when it was made to', () => {
    const heap = newHeap()
    using pool = heap.pool({ size: 100, count: 10, grow: true })
    const blocks = new Set(Array.from({ length: 5000 }, () => pool.acquire()))
    expect(blocks.size).toBe(5000)
    const stats = pool.stats()
    expect(stats).toMatchObject({ used: 5000, acquired: 5000, peak: 5000 })
    expect(stats.slots).toBeGreaterThanOrEqual(5000)
    expect(stats.free).toBe(stats.slots - 5000)
    expect(stats.grows).toBeGreaterThan(0)
    expect(stats.grows).toBeLessThan(12)
    expectSound(heap)
  })

  it('a growing pool meets the limit with the heap’s figures, and reclaimers help it', () => {
    const heap = newHeap('1MiB')
    using pool = heap.pool({ size: 10_000, count: 1, grow: true })
    let cache = heap.alloc(300_000)
    const error = thrownBy(() => {
      while (true) pool.acquire()
    })
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({ requestedBytes: 10_000, totalBytes: 2 ** 20 })
    heap.addReclaimer(() => {
      heap.free(cache)
      cache = 0 as typeof cache
    })
    expect(pool.acquire()).toBeGreaterThan(0)
    expect(cache).toBe(0)
    expectSound(heap)
  })

  it('a pool without blocks in advance grows from nothing', () => {
    const heap = newHeap()
    using pool = heap.pool({ size: 16, count: 0, grow: true })
    expect(pool.stats().slots).toBe(0)
    pool.release(pool.acquire())
    using none = heap.pool({ size: 16, count: 0 })
    expect(() => none.acquire()).toThrow(OutOfMemoryError)
  })

  it('refuses what it did not give', () => {
    const heap = newHeap()
    const [pool, other] = [heap.pool({ size: 64, count: 8 }), heap.pool({ size: 64, count: 8 })]
    const block = pool.acquire()
    const foreign = other.acquire()
    const own = heap.alloc(64)
    heap.fill(block, 64, 3)
    const refuse = (address: number, reason: string) =>
      expectRefused(heap, () => pool.release(address), { address, reason })
    refuse(block + 16, 'interior')
    refuse(block + 1, 'misaligned')
    refuse(foreign, 'owned')
    refuse(2 ** 31, 'foreign')
    refuse(16, 'foreign')
    for (const bytes of [64, 10_000, 3_000_000]) {
      const block = heap.alloc(bytes)
      refuse(block, 'foreign')
      refuse(block + 32, 'foreign')
      refuse(block + 1, 'misaligned')
      expect(String(thrownBy(() => pool.release(block)))).toMatch(/is a block of heap, not of this pool/)
      heap.free(block)
    }
    refuse(foreign + 16, 'interior')
    expect(String(thrownBy(() => pool.release(foreign)))).toContain('a block of another pool')
    expect(() => pool.release(own)).toThrow(InvalidAddressError)
    expect(() => pool.release(0)).toThrow(InvalidAddressError)
    pool.release(block)
    refuse(block, 'double-free')
    expect(pool.stats()).toMatchObject({ used: 0, acquired: 1, peak: 1 })
    expect(heap.isBlock(own)).toBe(true)
    expectSound(heap)
  })

  it('matches a set over random sequences', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const next = random(seed)
      const heap = newHeap()
      using pool = heap.pool({ size: 1 + next(300), count: next(50), grow: true })
      const acquired = new Set<number>()
      for (let step = 0; step < 3000; step++) {
        if (next(5) < 3 || acquired.size === 0) {
          const block = pool.acquire()
          expect(acquired.has(block), `seed ${seed}, step ${step}`).toBe(false)
          acquired.add(block)
        } else {
          const block = [...acquired][next(acquired.size)] as number
          pool.release(block)
          acquired.delete(block)
        }
      }
      expect(pool.stats().used).toBe(acquired.size)
      expect([...heap.blocks()].map((b) => b.address as number)).toEqual([...acquired].sort((a, b) => a - b))
      expectSound(heap)
    }
  })

  it('dispose frees acquired blocks, too; twice is harmless, use is an error', () => {
    const heap = newHeap()
    const before = heap.stats()
    const pool = heap.pool({ size: 1000, count: 100 })
    const block = pool.acquire()
    pool.dispose()
    pool.dispose()
    heap.releaseCaches()
    expect(heap.stats().inUseBytes).toBe(0)
    expect(heap.stats().unusedBytes).toBe(before.unusedBytes)
    expect(() => pool.acquire()).toThrow(ClosedError)
    expect(() => pool.tryAcquire()).toThrow(ClosedError)
    expect(() => pool.release(block)).toThrow(ClosedError)
    expect(() => pool.stats()).toThrow(ClosedError)
    expectSound(heap)
  })

  it('is stale after a reset of the heap, even when a new pool lies where it was', () => {
    const heap = newHeap()
    const stale = heap.pool({ size: 64, count: 8 })
    stale.acquire()
    heap.reset()
    using fresh = heap.pool({ size: 64, count: 8 })
    const block = fresh.acquire()
    for (const call of [
      () => stale.acquire(),
      () => stale.tryAcquire(),
      () => stale.release(block),
      () => stale.stats(),
    ]) {
      expectRefused(heap, call, { code: 'HW_INVALID_ADDRESS', reason: 'stale' })
    }
    stale.dispose()
    expect(fresh.stats().used).toBe(1)
    expectSound(heap)
  })

  it('refuses sizes and counts out of range', () => {
    const heap = newHeap()
    for (const options of [
      { size: 900 * 1024 + 1, count: 1 },
      { size: -1, count: 1 },
      { size: 16, count: -1 },
      { size: 16, count: 1.5 },
      { size: 16, count: 1, grow: 1 },
      { size: 16, count: 1, grows: true },
    ]) {
      expect(() => heap.pool(options as never)).toThrow(ArgumentError)
    }
    expect(() => heap.pool({ size: 1000, count: 1_000_000 })).toThrow(OutOfMemoryError)
    expectSound(heap)
  })
})

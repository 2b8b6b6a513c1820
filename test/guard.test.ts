/**
 * Goal: what a scope made is freed when the scope is left, exactly once, and only if it is still there.
 * Method: `using`, throws, detach, and disposal after the heap was reset or closed; the count of live blocks is the
 * oracle.
 * A failure means: a leak, or a free of somebody else's block.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, ClosedError, Heap, OutOfMemoryError } from '../src/index.js'
import { expectSound } from './support/refusal.js'

describe('guards', () => {
  it('free their block at the end of the scope, also on throw', () => {
    const heap = Heap.create()
    {
      using block = heap.guard(4096)
      expect(heap.usableSize(block.address)).toBeGreaterThanOrEqual(4096)
    }
    expect(heap.stats().liveBlocks).toBe(0)
    expect(() => {
      using block = heap.guard(100)
      heap.writeI32(block.address, 1)
      throw new Error('out')
    }).toThrow('out')
    expect(heap.stats().liveBlocks).toBe(0)
  })

  it('keep it when detached', () => {
    const heap = Heap.create()
    let kept = 0
    {
      using block = heap.guard(100)
      kept = block.detach()
      expect(() => block.address).toThrow(ClosedError)
      expect(() => block.detach()).toThrow(ClosedError)
    }
    expect(heap.isBlock(kept)).toBe(true)
  })

  it('are harmless when disposed twice, or after the heap was reset or closed', () => {
    const heap = Heap.create()
    const [twice, afterReset, afterClose] = [heap.guard(16), heap.guard(16), heap.guard(16)]
    twice.dispose()
    const other = heap.alloc(16)
    twice.dispose()
    expect(heap.isBlock(other)).toBe(true)

    heap.reset()
    const fresh = Array.from({ length: 10 }, () => heap.alloc(16))
    afterReset.dispose()
    expect(fresh.every((block) => heap.isBlock(block))).toBe(true)
    expectSound(heap)

    heap.close()
    afterClose.dispose()
  })

  it('work for arenas, pools, heaps and anything else that can be disposed of', () => {
    const heap = Heap.create()
    let arena = heap.arena()
    let pool = heap.pool({ size: 16, count: 10 })
    {
      using guardedArena = heap.guard(arena)
      using guardedPool = heap.guard(pool)
      expect(guardedArena.resource).toBe(arena)
      expect(guardedPool.resource).toBe(pool)
    }
    expect(() => arena.alloc(1)).toThrow(ClosedError)
    expect(() => pool.acquire()).toThrow(ClosedError)

    arena = heap.arena()
    pool = heap.pool({ size: 16, count: 10 })
    {
      using guardedArena = heap.guard(arena)
      using guardedPool = heap.guard(pool)
      expect(guardedArena.detach()).toBe(arena)
      guardedPool.detach()
    }
    arena.alloc(1)
    pool.acquire()

    const inner = Heap.create()
    {
      using guarded = heap.guard(inner)
      expect(guarded.resource.mode).toBe('manual')
    }
    expect(() => inner.alloc(1)).toThrow(ClosedError)
  })

  it('are not made when their block cannot be', () => {
    const heap = Heap.create({ limit: '1MiB' })
    expect(() => heap.guard(2 ** 21)).toThrow(OutOfMemoryError)
    for (const wrong of [null, undefined, {}, 'x', -1]) expect(() => heap.guard(wrong as never)).toThrow(ArgumentError)
  })

  it('a heap is disposed of by its scope', () => {
    let outer: Heap
    {
      using heap = Heap.create()
      outer = heap
      heap.alloc(1)
    }
    expect(() => outer.alloc(1)).toThrow(ClosedError)
  })
})

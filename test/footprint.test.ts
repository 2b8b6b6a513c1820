/**
 * Goal: small stays small, and large wastes little (design §6, rows C1 and C6).
 * Method: committed bytes are compared with the budgets, for one block, for the `tree` trace, and under random
 * replacement.
 * A failure means that metadata, page sizes or growth changed for the worse. Times are no test's business: see bench/.
 */
import { describe, expect, test } from 'vitest'
import { Heap } from '../src/index.js'
import { replay } from '../src/replay/replay.js'
import { readTrace, tracePath } from './traces.js'

describe('footprint', () => {
  test('a heap with one small block commits at most 192 KiB', () => {
    for (const options of [{}, { limit: '4194240KiB' }, { mode: 'compiler' }, { sizeClasses: 'pow2' }] as const) {
      using heap = Heap.create(options)
      heap.alloc(24)
      expect(heap.stats().committedBytes, JSON.stringify(options)).toBeLessThanOrEqual(192 << 10)
    }
  })

  test('a range of 32 KiB is enough for a heap', () => {
    const memory = new WebAssembly.Memory({ initial: 2 })
    using heap = Heap.create({ memory, base: 65536, end: 65536 + 32768 })
    const blocks = Array.from({ length: 100 }, () => heap.alloc(40))
    expect(new Set(blocks).size).toBe(100)
    for (const block of blocks) heap.free(block)
    expect(heap.verify()).toEqual({ ok: true })
  })

  test('committed grows by what is needed, not by doubling', () => {
    using heap = Heap.create()
    for (let i = 0; i < 640; i++) heap.alloc(100_000)
    const { committedBytes, inUseBytes } = heap.stats()
    expect(committedBytes / inUseBytes).toBeLessThan(1.2)
  })

  test('sizes given at creation are reservations: nothing is committed for them', () => {
    using heap = Heap.create({ initial: '256MiB', limit: '512MiB' })
    expect(heap.memory.buffer.byteLength).toBe(256 << 20)
    expect(heap.stats().committedBytes).toBeLessThanOrEqual(192 << 10)
    const view = heap.raw.u8
    for (let i = 0; i < 2000; i++) heap.alloc(100_000)
    // Inside the reservation no growth happens, so no view detaches.
    expect(heap.stats().grows).toBe(0)
    expect(view.length).toBe(256 << 20)
  })
})

describe('the tree trace', () => {
  test('commits at most twice its peak of 328,627 live bytes', async () => {
    const { result } = replay(await readTrace(tracePath('tree') as string), { mode: 'manual', repeats: 1 })
    expect(result.livePeakBytes).toBe(328_627)
    expect(result.committedPeakBytes).toBeLessThanOrEqual(2 * 328_627)
  })
})

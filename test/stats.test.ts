/**
 * Goal: the figures add up exactly at every moment, and the reports say the same as the table of descriptors.
 * Method: the accounting identity after every step of random sequences in both modes; live bytes and blocks against a
 * Map.
 * A failure means: bytes that nobody accounts for, and so a leak or a limit that cannot be trusted.
 */
import { describe, expect, it } from 'vitest'
import {
  array,
  Heap,
  type HeapOptions,
  type HeapStats,
  METRICS,
  type OutOfMemoryError,
  struct,
  u8,
} from '../src/index.js'
import { random } from './support/random.js'
import { expectSound, thrownBy } from './support/refusal.js'

function expectSum(stats: HeapStats, where: string): void {
  const { inUseBytes, freeBytes, metadataBytes, unusedBytes, committedBytes, committedPeakBytes, inUsePeakBytes } =
    stats
  expect(inUseBytes + freeBytes + metadataBytes + unusedBytes, where).toBe(committedBytes)
  for (const [name, value] of Object.entries({ inUseBytes, freeBytes, metadataBytes, unusedBytes })) {
    expect(value, `${name}, ${where}`).toBeGreaterThanOrEqual(0)
  }
  expect(committedPeakBytes, where).toBeGreaterThanOrEqual(committedBytes)
  expect(inUsePeakBytes, where).toBeGreaterThanOrEqual(inUseBytes)
}

describe('the accounting', () => {
  const kinds: HeapOptions[] = [
    {},
    { sizeClasses: 'pow2' },
    { sizeClasses: [64, 8192] },
    { mode: 'compiler' },
    { debug: true },
    { memory: new WebAssembly.Memory({ initial: 1, maximum: 10_000 }) },
  ]
  for (const options of kinds) {
    const shown = JSON.stringify({ ...options, ...(options.memory && { memory: 'given' }) })
    it(`adds up at every step: ${shown}`, () => {
      for (let seed = 1; seed <= 4; seed++) {
        const next = random(seed)
        const heap = Heap.create({ limit: '64MiB', ...options })
        const live = new Map<number, number>()
        const arena = heap.arena()
        const pool = heap.pool({ size: 48, count: 3, grow: true })
        const pooled: number[] = []
        for (let step = 0; step < 300; step++) {
          const where = `seed ${seed}, step ${step}`
          const what = next(10)
          const keys = [...live.keys()]
          const victim = keys[next(keys.length || 1)]
          if (what < 4) {
            const block = heap.alloc(next(5) === 0 ? next(2_000_000) : next(3000))
            live.set(block, heap.usableSize(block))
          } else if (what < 6 && victim !== undefined) {
            heap.free(victim)
            live.delete(victim)
          } else if (what === 6 && victim !== undefined) {
            live.delete(victim)
            const block = heap.realloc(victim, next(20_000))
            live.set(block, heap.usableSize(block))
          } else if (what === 7) {
            arena.alloc(next(20_000))
            if (next(20) === 0) arena.reset()
          } else if (what === 8) {
            if (next(2) || pooled.length === 0) pooled.push(pool.acquire())
            else pool.release(pooled.pop() as number)
          } else if (next(5) === 0) {
            heap.releaseCaches()
          }
          const stats = heap.stats()
          expectSum(stats, where)
          const blockBytes = [...live.values()].reduce((a, b) => a + b, 0)
          expect(stats.inUseBytes, where).toBe(blockBytes + arena.usedBytes + pooled.length * 48)
          expect(stats.liveBlocks, where).toBe(live.size + pooled.length)
        }
        expectSound(heap)
        heap.reset()
        const after = heap.stats()
        expectSum(after, 'after reset')
        expect([after.inUseBytes, after.liveBlocks, after.unusedBytes]).toEqual([0, 0, 0])
        expectSound(heap)
        heap.close()
      }
    }, 30_000)
  }

  it('the peaks stay, and say what was held then', () => {
    const heap = Heap.create({ limit: '64MiB' })
    const blocks = Array.from({ length: 1000 }, () => heap.alloc(4096))
    const high = heap.stats()
    for (const block of blocks) heap.free(block)
    const low = heap.stats()
    expect(low.inUsePeakBytes).toBe(high.inUseBytes)
    expect(low.fragmentation).toBe(0)
    expect(low.fragmentationAtPeak).toBeCloseTo(high.committedBytes / high.inUseBytes, 1)
    expect(high.fragmentationAtPeak).toBeCloseTo(high.fragmentation, 5)
  })

  it('an empty heap is one free run per MiB held, and nothing else', () => {
    const heap = Heap.create({ limit: '64MiB' })
    const blocks = Array.from({ length: 2000 }, (_, i) => heap.alloc((i * 37) % 9000))
    for (const block of blocks) heap.free(block)
    heap.releaseCaches()
    const stats = heap.stats()
    expect([stats.inUseBytes, stats.unusedBytes, stats.liveBlocks]).toEqual([0, 0, 0])
    expect(stats.freeRuns).toBe(Math.ceil(stats.committedBytes / 2 ** 20))
    expect(stats.freeRunHistogram.reduce((a, b) => a + b, 0)).toBe(stats.freeRuns)
    expect(stats.classes.every((c) => c.pages === 0 && c.slots === 0)).toBe(true)
  })
})

describe('the class report', () => {
  it('counts slots and used ones, and reaches 98 % of a full-grown page in every class', () => {
    for (const sizeClasses of ['geometric', 'pow2'] as const) {
      const heap = Heap.create({ limit: '256MiB', sizeClasses })
      const { classes } = heap.stats()
      for (const { blockBytes, reachable } of classes) expect(reachable, `${blockBytes}`).toBeGreaterThanOrEqual(0.98)
      classes.forEach(({ blockBytes }, i) => {
        for (let n = 0; n <= i; n++) heap.alloc(blockBytes)
      })
      heap.stats().classes.forEach((c, i) => {
        expect(c.used).toBe(i + 1)
        expect(c.slots).toBeGreaterThanOrEqual(c.used)
        expect(c.slots * c.blockBytes + c.tailBytes).toBe(c.units * 4096)
        expect(c.pages).toBeGreaterThan(0)
      })
      expectSound(heap)
    }
  })

  it('no request wastes more than the classes promise', () => {
    const heap = Heap.create()
    for (let bytes = 0; bytes <= 2048; bytes++) {
      const block = heap.alloc(bytes)
      const usable = heap.usableSize(block)
      const waste = usable - bytes
      if (bytes > 112) expect(waste / usable, `${bytes}`).toBeLessThanOrEqual(0.125)
      else expect(waste, `${bytes}`).toBeLessThanOrEqual(bytes === 0 ? 16 : 15)
      heap.free(block)
    }
  })
})

describe('the reports', () => {
  it('are one table: values, JSON and text', () => {
    const heap = Heap.create({ name: 'shown', mode: 'vm' })
    heap.alloc(100)
    heap.free(heap.alloc(100_000))
    const stats = heap.stats()
    expect(stats.version).toBe(1)
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats)
    const numbers = Object.entries(stats).filter(([name, value]) => typeof value === 'number' && name !== 'version')
    expect(METRICS.map((metric) => metric.name).sort()).toEqual(numbers.map(([name]) => name).sort())
    const text = heap.report()
    expect(text.startsWith("heap 'shown', mode vm\n")).toBe(true)
    for (const { name, meaning } of METRICS) expect(text).toMatch(new RegExp(`^${name} .* ${meaning}$`, 'm'))
    expect(text).toContain('size classes')
    expect(text).toContain('free runs by size')
  })
})

describe('objects in the figures', () => {
  const Blob = struct('Blob', { bytes: array(u8) })
  const modes = ['vm', 'runtime', 'server'] as const

  it.each(modes)('count long ones as in use, too, in mode %s', (mode) => {
    const heap = Heap.create({ mode, limit: '64MiB' })
    using _ = heap.scope()
    for (const bytes of [8180, 8192, 4 << 20]) heap.new(Blob, undefined, bytes)
    const { liveBytes } = heap.collect()
    const stats = heap.stats()
    expect(liveBytes).toBeGreaterThan(4 << 20)
    expect(stats.liveObjectBytes).toBe(liveBytes)
    expect(stats.inUseBytes).toBe(liveBytes)
    expectSum(stats, mode)
    const error = thrownBy(() => heap.new(Blob, undefined, 63 << 20))
    expect((error as OutOfMemoryError).usedBytes).toBe(liveBytes)
  })

  it.each(modes)('keep the peak when they are gone, in mode %s', (mode) => {
    const heap = Heap.create({ mode, limit: '64MiB' })
    const scope = heap.scope()
    for (let i = 0; i < 20_000; i++) heap.new(Blob, undefined, 40)
    heap.collect()
    const { inUsePeakBytes, fragmentationAtPeak } = heap.stats()
    scope.close()
    heap.compact()
    const after = heap.stats()
    expect(inUsePeakBytes).toBe(20_000 * 48)
    expect(after.inUseBytes).toBe(0)
    expect(after.inUsePeakBytes).toBe(inUsePeakBytes)
    expect(after.fragmentationAtPeak).toBeLessThanOrEqual(fragmentationAtPeak)
    heap.reset()
    expect(heap.stats().inUsePeakBytes).toBe(0)
  })
})

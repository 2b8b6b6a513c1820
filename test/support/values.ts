/** Heaps for tests of values: every mode that has objects, and under stress where a collector can move them. */
import { expect } from 'vitest'
import { Heap, type HeapOptions } from '../../src/index.js'

const EVERY_ALLOCATION = { collect: 'always', move: true } as const

/** Options by name. */
export const VALUE_HEAPS: Readonly<Record<string, HeapOptions>> = {
  manual: { mode: 'manual', limit: '64MiB' },
  'manual, debug': { mode: 'manual', limit: '64MiB', debug: true },
  embedded: { mode: 'embedded', limit: '256kB' },
  vm: { mode: 'vm', limit: '64MiB' },
  runtime: { mode: 'runtime', limit: '64MiB' },
  server: { mode: 'server', limit: '64MiB' },
  'embedded, stress': { mode: 'embedded', limit: '256kB', stress: EVERY_ALLOCATION },
  'vm, stress': { mode: 'vm', limit: '64MiB', stress: EVERY_ALLOCATION, debug: true },
  'runtime, stress': { mode: 'runtime', limit: '64MiB', stress: EVERY_ALLOCATION, debug: true },
  'server, stress': { mode: 'server', limit: '64MiB', stress: { collect: { random: 7, oneIn: 5 } } },
}

export const isCounted = (heap: Heap): boolean => heap.mode === 'manual'
export const isStressed = (name: string): boolean => name.includes('stress')

/**
 * Run `use` in a heap of that name, inside a scope: the heap is sound at the end, and with counted objects nothing is
 * left.
 */
export function inValueHeap(name: string, use: (heap: Heap) => void, more: HeapOptions = {}): void {
  using heap = Heap.create({ ...VALUE_HEAPS[name], ...more })
  {
    using _scope = heap.scope()
    use(heap)
    expect(heap.verify()).toEqual({ ok: true })
  }
  if (!isCounted(heap)) return
  heap.collectCycles()
  heap.values.trimInterned()
  expect([...heap.objects()].map(({ type, reference }) => `${type} at ${reference}`)).toEqual([])
  expect(heap.verify()).toEqual({ ok: true })
}

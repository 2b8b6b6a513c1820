/**
 * Makes every heap with objects that a test creates collect, and move what may move, at every allocation, unless the
 * test asks for a stress of its own: loaded before the object tests when they run a second time (`vitest.config.ts`).
 */
import { Heap } from '../../src/heap.js'
import type { HeapOptions } from '../../src/types.js'

const create = Heap.create

Heap.create = (options: HeapOptions = {}): Heap => {
  const collects = options?.mode === 'vm' || options?.mode === 'embedded'
  if (!collects || options.stress !== undefined) return create.call(Heap, options)
  return create.call(Heap, { ...options, stress: { collect: 'always', move: true } })
}

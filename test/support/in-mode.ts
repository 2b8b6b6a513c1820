/**
 * Makes every heap of mode `vm` that a test creates one of another mode, in which every allocation collects and moves what
 * may move unless the test asks for a stress of its own: the object tests run once more in each mode with a nursery
 * (`vitest.config.ts`).
 */
import { Heap } from '../../src/heap.js'
import { parseSize } from '../../src/sizes.js'
import type { HeapOptions } from '../../src/types.js'

const LEAST_BYTES = 512 * 1024
const create = Heap.create

export function createIn(mode: 'runtime' | 'server'): void {
  Heap.create = (options: HeapOptions = {}): Heap => {
    if (options?.mode !== 'vm') return create.call(Heap, options)
    const { limit } = options
    // A nursery needs some room.
    const isShort = limit !== undefined && parseSize(limit) < LEAST_BYTES
    const stress = options.stress ?? { collect: 'always', move: true }
    return create.call(Heap, { ...options, ...(isShort && { limit: LEAST_BYTES }), mode, stress })
  }
}

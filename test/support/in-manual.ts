/**
 * Makes every heap of mode `vm` that a test creates one of mode `manual`, with the kernel's assertions: views and
 * structs are the same with counted objects (`vitest.config.ts`).
 */
import { Heap } from '../../src/heap.js'
import type { HeapOptions } from '../../src/types.js'

const create = Heap.create

Heap.create = (options: HeapOptions = {}): Heap => {
  if (options?.mode !== 'vm') return create.call(Heap, options)
  const { stress: _stress, shadowStack: _shadowStack, ...others } = options
  return create.call(Heap, { ...others, mode: 'manual', debug: true })
}

/** What moves objects in the other modes leaves them where they are. */
Heap.prototype.compact = function (this: Heap) {
  return this.collect()
}

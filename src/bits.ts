/**
 * Building blocks over linear memory: bitmap, intrusive list, fixed array, ring buffer, and `alignUp`.
 *
 * Each lives in a block of a heap, or at an address that the caller owns, with all of its state there: a guest, another
 * instance or a later run can `attach` to it. The algorithms are `kernel/bits`; these classes check arguments, turn
 * statuses into errors and typed items into bytes. A call that throws has changed nothing. Growth of the memory never
 * invalidates one.
 *
 * ```ts
 * using taken = Bitmap.create(heap, 1000)
 * const slot = taken.findClear()
 * taken.set(slot)
 *
 * using recent = RingBuffer.create(heap, { capacity: 100, item: 'f64', overwrite: true })
 * recent.pushBack(0.5)
 * ```
 */
export { alignUp } from './bits/align.js'
export { FixedArray, type FixedArrayOptions } from './bits/array.js'
export { Bitmap } from './bits/bitmap.js'
export type { BigintItemKind, ItemKind, ItemOf, NumberItemKind } from './bits/items.js'
export { LinkedList, type SpliceOptions } from './bits/list.js'
export { RingBuffer, type RingBufferOptions } from './bits/ring.js'
export type { BlockSource, Place } from './bits/structure.js'

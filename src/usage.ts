/**
 * How much of a heap is in use, for pressure and for collections by policy: held and not in free runs. Two words of the
 * control block, read after every call while somebody watches; in mode `embedded`, whose gap between objects and blocks
 * is in no free run, two more.
 */
import { HEAP_COMMITTED_AT, HEAP_FREE_AT, HEAP_SPACE_AT } from '../kernel/layout.js'
import { SPACE_BUMP_AT, SPACE_LIMIT_AT } from '../kernel/object-layout.js'
import type { HeapCore } from './core.js'

/** A function that reads it; NaN while the views are detached. For as long as the heap stands where it is. */
export function usageReader(core: HeapCore): () => number {
  const { views, base } = core
  const committed = (base + HEAP_COMMITTED_AT) >>> 2
  const free = (base + HEAP_FREE_AT) >>> 2
  if (core.mode !== 'embedded') return () => (views.u32[committed] as number) - (views.u32[free] as number)
  const space = core.word(HEAP_SPACE_AT)
  const bump = (space + SPACE_BUMP_AT) >>> 2
  const limit = (space + SPACE_LIMIT_AT) >>> 2
  return () => {
    const gap = (views.u32[limit] as number) - (views.u32[bump] as number)
    return (views.u32[committed] as number) - (views.u32[free] as number) - gap
  }
}

/** The same, now. @throws ClosedError */
export function usedBytes(core: HeapCore): number {
  core.assertOpen()
  core.views.refresh()
  return usageReader(core)()
}

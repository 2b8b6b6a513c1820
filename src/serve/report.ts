/**
 * `heap.reportHtml`: the live page of one moment, with what the heap's server has seen before, where there is one.
 * Loaded when it is first called, as the page's scripts and styles are some 85 kB.
 */
import type { HeapCore } from '../core.js'
import { renderLivePage } from '../page/live-page.js'
import type { HeapSource } from './figures.js'
import { LiveSource, sourceOf } from './live-source.js'

/** @throws ClosedError, CorruptionError */
export function reportOf(core: HeapCore, heap: HeapSource): string {
  core.assertOpen()
  const known = sourceOf(core)
  const source = known ?? new LiveSource(core, heap, 0)
  const state = source.readNow(true)
  if (!known) source.dispose()
  if (state.end?.reason === 'unreadable') throw source.failure
  return renderLivePage({ state })
}

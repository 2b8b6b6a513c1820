/**
 * A heap in few words, for whoever prints it without asking for anything: a logger that makes JSON of what it is given,
 * a console.
 *
 * Guarantee: neither throws, nor costs more than a look at the figures; of a heap that is closed, or whose figures
 * cannot be had, they are left out.
 */
import { formatBytes } from './formats/units.js'
import type { HeapStats, ModeName } from './types.js'

/** What `JSON.stringify(heap)` gives. `heap.stats()` has all figures. */
export interface HeapSummary {
  readonly name: string
  readonly mode: ModeName
  /** Of a tenant. */
  readonly id?: string
  /** Bytes held of the memory, metadata included. Left out once the heap is closed, as are those below. */
  readonly committedBytes?: number
  readonly inUseBytes?: number
  readonly limitBytes?: number
  readonly isClosed: boolean
}

/** What a heap and a tenant tell of themselves. */
interface Summarized {
  readonly name: string
  readonly mode: ModeName
  readonly id?: string
  readonly isClosed: boolean
  stats(): HeapStats
}

export function summarize(heap: Summarized): HeapSummary {
  const { name, mode, id, isClosed } = heap
  return { name, mode, ...(id !== undefined && { id }), ...figuresOf(heap), isClosed }
}

function figuresOf(heap: Summarized): Pick<HeapSummary, 'committedBytes' | 'inUseBytes' | 'limitBytes'> {
  if (heap.isClosed) return {}
  try {
    const { committedBytes, inUseBytes, limitBytes } = heap.stats()
    return { committedBytes, inUseBytes, limitBytes }
  } catch {
    // It is damaged: whoever calls it is told so, and a line of a log is still written.
    return {}
  }
}

/** The same as one line. */
export function formatSummary({ name, mode, id, isClosed, ...figures }: HeapSummary): string {
  const what = id === undefined ? `Heap '${name}'` : `Tenant '${id}'`
  if (isClosed) return `${what} (${mode}, ${id === undefined ? 'closed' : 'ended'})`
  const { committedBytes, inUseBytes, limitBytes } = figures
  if (committedBytes === undefined || inUseBytes === undefined || limitBytes === undefined) {
    return `${what} (${mode}, figures cannot be read)`
  }
  const sizes = [committedBytes, inUseBytes, limitBytes].map(formatBytes)
  return `${what} (${mode}, ${sizes[1]} in use, ${sizes[0]} committed, limit ${sizes[2]})`
}

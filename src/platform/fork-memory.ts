/**
 * Which memories have layers, and which heaps are open over them. A memory that is dropped without a close gives its
 * layers up when JavaScript's collector finds it.
 */
import { bindForkCalls, type ForkCalls, type ForkKoffi, type PageSpan } from './fork-calls.js'
import { LayerTable } from './fork-layers.js'
import { type Koffi, loadKoffi, messageOf } from './posix.js'

const tables = new WeakMap<WebAssembly.Memory, LayerTable>()
/** Heaps over a memory that were not closed, but tenants. */
const openHeaps = new WeakMap<WebAssembly.Memory, number>()
/** Memories that the library has made, for a heap or a fork: nobody else's. */
const made = new WeakSet<WebAssembly.Memory>()
/** A table knows its layers, not its memory. */
const gone = new FinalizationRegistry<LayerTable>((table) => table.drop())

let bound: ForkCalls | string | undefined

type CreateRequire = (from: string) => (name: string) => unknown

function koffiModule(): Koffi | string {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  const module = process?.getBuiltinModule?.('node:module') as { createRequire: CreateRequire } | undefined
  return loadKoffi(module?.createRequire)
}

/** The calls that forks by copy on write need, or why they cannot be had. Tried at the first call. */
export function forkCalls(): ForkCalls | string {
  if (bound === undefined) {
    const koffi = koffiModule()
    try {
      bound = typeof koffi === 'string' ? koffi : bindForkCalls(koffi as ForkKoffi)
    } catch (error) {
      bound = `the system refuses what copy on write needs: ${messageOf(error)}`
    }
  }
  return bound
}

/** The layers of a memory, of which it may have none yet. */
export function layersOf(memory: WebAssembly.Memory, calls: ForkCalls): LayerTable {
  const found = tables.get(memory)
  if (found) return found
  const table = new LayerTable(calls)
  keepLayers(memory, table)
  return table
}

function keepLayers(memory: WebAssembly.Memory, table: LayerTable): void {
  tables.set(memory, table)
  gone.register(memory, table)
}

/** A memory has been made, for a heap or a fork. */
export function noteMade(memory: WebAssembly.Memory): void {
  made.add(memory)
}

/** A memory has been made that has these layers. */
export function noteForked(memory: WebAssembly.Memory, table: LayerTable): void {
  noteMade(memory)
  keepLayers(memory, table)
}

/**
 * Whether a layer is mapped over some of a range, so that pages which are given back there would read as the layer
 * does. Whoever maps other pages there says so by `forgetLayers`.
 */
export function hasLayers(memory: WebAssembly.Memory, span: PageSpan): boolean {
  return tables.get(memory)?.overlaps(span) ?? false
}

/** Other pages have been mapped over a range. */
export function forgetLayers(memory: WebAssembly.Memory, span: PageSpan): void {
  tables.get(memory)?.forget(span)
}

/** A heap over a memory has begun. */
export function noteHeapOpened(memory: WebAssembly.Memory): void {
  openHeaps.set(memory, (openHeaps.get(memory) ?? 0) + 1)
}

/**
 * A heap over a memory was closed. With the last one go the layers: what the library has made is emptied, by `empty`,
 * which says whether it was; other memories may be in use by guests, and keep what is mapped over them.
 */
export function noteHeapClosed(memory: WebAssembly.Memory, empty: () => boolean): void {
  const left = (openHeaps.get(memory) ?? 1) - 1
  openHeaps.set(memory, left)
  if (left > 0) return
  const table = tables.get(memory)
  let isEmpty = false
  try {
    isEmpty = made.has(memory) && empty()
  } finally {
    if (isEmpty) table?.drop()
    else table?.close()
  }
}

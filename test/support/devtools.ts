/**
 * Chrome DevTools' own reader of heap snapshots, from the package that Chromium publishes its sources in: the loader
 * takes the file's text in pieces, and the graph that comes out is the one that the Memory panel shows.
 */
import { MessageChannel } from 'node:worker_threads'
import { vi } from 'vitest'

// The texts of its user interface: the package lacks a file of theirs that Chromium's build makes.
vi.mock('chrome-devtools-frontend/front_end/core/i18n/i18n.ts', () => {
  const lastArgument = (...texts: unknown[]) => texts.at(-1)
  return { i18n: new Proxy({}, { get: () => lastArgument }) }
})

/** What is asked of DevTools' `JSHeapSnapshot`. */
export interface DevToolsSnapshot {
  readonly nodeCount: number
  readonly totalSize: number
  readonly retainedSizes: Float64Array
  readonly dominatorsTree: Uint32Array
  readonly strings: readonly string[]
  nodeFieldCount: number
  createNode(nodeIndex: number): DevToolsNode
  getAggregatesByClassKey(sorted: boolean, key?: string): Record<string, DevToolsClass>
}

export interface DevToolsNode {
  id(): number
  name(): string
  type(): string
  selfSize(): number
  className(): string
  edgesCount(): number
  edges(): DevToolsEdges
}

export interface DevToolsEdges {
  hasNext(): boolean
  next(): void
  readonly edge: { type(): string; name(): string | number; node(): DevToolsNode }
}

export interface DevToolsClass {
  readonly name: string
  readonly count: number
  readonly self: number
  readonly maxRet: number
}

interface Module {
  readonly HeapSnapshot: { readonly SecondaryInitManager: new (port: unknown) => unknown }
  readonly HeapSnapshotLoader: { readonly HeapSnapshotLoader: new (dispatcher: object) => Loader }
}

interface Loader {
  write(piece: string): void
  close(): void
  buildSnapshot(port: unknown): Promise<DevToolsSnapshot>
}

/** `Promise.withResolvers`, which DevTools needs and Node 20 has not. */
function giveResolvers(): void {
  const own = Promise as { withResolvers?: () => unknown }
  own.withResolvers ??= () => {
    let resolve: unknown
    let reject: unknown
    const promise = new Promise((yes, no) => {
      resolve = yes
      reject = no
    })
    return { promise, resolve, reject }
  }
}

/** The snapshot that DevTools makes of a file's text, and what it had to complain of. */
export async function readInDevTools(
  pieces: Iterable<string>,
): Promise<{ readonly snapshot: DevToolsSnapshot; readonly complaints: readonly unknown[] }> {
  giveResolvers()
  // By name, so that the compiler does not hold its sources to this project's rules.
  const path = 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker/heap_snapshot_worker.ts'
  const worker = (await import(/* @vite-ignore */ path)) as Module
  const complaints: unknown[] = []
  const isComplaint = (event: string) => !/Update/.test(event)
  const dispatcher = { sendEvent: (event: string, data: unknown) => isComplaint(event) && complaints.push(data) }
  const loader = new worker.HeapSnapshotLoader.HeapSnapshotLoader(dispatcher)
  // DevTools computes dominators in a second worker; here both ends of the channel are in one.
  const { port1, port2 } = new MessageChannel()
  new worker.HeapSnapshot.SecondaryInitManager(port2)
  for (const piece of pieces) loader.write(piece)
  loader.close()
  try {
    return { snapshot: await loader.buildSnapshot(port1), complaints }
  } finally {
    port1.close()
    port2.close()
  }
}

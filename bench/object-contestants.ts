/**
 * Those whose objects and collectors are compared: the kernel behind a guest that bumps by itself, AssemblyScript's two
 * collecting runtimes, and V8 in a process of its own. Each does the programs of `bench/inside/objects.ts`, by the same
 * names, with the same answers.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { Heap } from '../src/heap.js'
import type { RawAccess } from '../src/raw.js'
import { builtModule, compiled, instantiate } from './contestants.js'
import type { V8Answer, V8Program, V8Request } from './v8-objects.js'

const MIB = 1 << 20

export type ObjectMode = 'vm' | 'runtime' | 'server'
export const OBJECT_MODES: readonly ObjectMode[] = ['vm', 'runtime', 'server']

export const guestName = (mode: ObjectMode) => `guest, mode '${mode}'`
export const GUEST = guestName('vm')
export const MINIMAL = 'AssemblyScript minimal'
export const INCREMENTAL = 'AssemblyScript incremental'
export const V8 = 'V8 objects'
export const V8_ONE_THREAD = 'V8 objects, one GC thread'

/** The programs that a module exports; each gives the number of objects that it made or saw. */
export interface Programs {
  burst(count: number): number
  trees(depth: number): number
  keepTree(depth: number): number
  keepList(count: number): number
  keepShuffled(count: number): number
  keepCells(count: number): number
  cellSum(): number
  storeIntoArray(count: number): number
  storeIntoObjects(count: number): number
  drop(): void
}

export interface GuestPrograms extends Programs {
  bind(space: number): void
  adopt(space: number, tableMask: number, treeDepth: number, graphCount: number): void
  tableMask(): number
  treeDepth(): number
  graphCount(): number
  churn(count: number): number
  storeIntoArrayByCalls(count: number): number
  storeIntoObjectsByCalls(count: number): number
  churnTree(count: number): number
  keepGraph(count: number): number
  churnGraph(count: number): number
}

/** What the rows need, or which of it is missing. */
export function missingModule(): string | undefined {
  const peers = ['objects-guest', 'objects-minimal', 'objects-incremental']
  if (peers.every((name) => builtModule(name) !== undefined)) return undefined
  return 'build/bench has no objects modules: they need the AssemblyScript compiler'
}

// ---- the kernel -----------------------------------------------------------------------------------------------------

export const NODE_TYPE = objects.TYPE_FIRST_USER
export const CELL_TYPE = NODE_TYPE + 1
export const NODE_PAYLOAD_BYTES = 8
const SHADOW_SLOTS = 4096

export interface ObjectHeap {
  readonly heap: Heap
  /** The functions of the kernel that programs over objects call, see docs/objects.md. */
  readonly call: RawAccess
  readonly memory: WebAssembly.Memory
  /** Address of the object space. */
  readonly space: number
  /** Held now, metadata included, and at most so far. */
  committedBytes(): number
  committedPeakBytes(): number
  /** A word of the object space. */
  word(at: number): number
  /** @throws Error when the verifier finds a fault. */
  verify(): void
}

/** A heap with the types and the shadow stack that the programs expect, in a memory of its own. */
export function objectHeap(mode: ObjectMode = 'vm', limitBytes = 2048 * MIB, reserve?: boolean): ObjectHeap {
  const options = { mode, limit: limitBytes, shadowStack: SHADOW_SLOTS }
  const heap = Heap.create(reserve === undefined ? options : { ...options, reserve })
  const { SHAPE_PREFIX, SHAPE_REFS, TRAIL_NONE, TRAIL_REFS } = objects
  const { raw } = heap
  const types = [
    raw.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_NONE, 2, NODE_PAYLOAD_BYTES, 0, 0, 0),
    raw.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_NONE, 1, 8, 0, 0, 0),
    raw.typeAdd(0, 0, SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 4, 0),
  ]
  if (types.some((type, i) => type !== NODE_TYPE + i)) throw new Error(`the types got the numbers ${types.join(', ')}`)
  return overHeap(heap)
}

function overHeap(heap: Heap): ObjectHeap {
  const { raw } = heap
  const word = (at: number) => raw.u32[at >>> 2] as number
  const space = word(heap.base + layout.HEAP_SPACE_AT)
  return {
    heap,
    call: raw,
    memory: heap.memory,
    space,
    committedBytes: () => word(heap.base + layout.HEAP_COMMITTED_AT),
    committedPeakBytes: () => word(heap.base + layout.HEAP_COMMITTED_PEAK_AT),
    word: (at) => word(space + at),
    verify: () => {
      const result = heap.verify()
      if (!result.ok) throw new Error(`mode '${heap.mode}' at 0x${result.address?.toString(16)}: ${result.fault}`)
    },
  }
}

export interface Guest {
  readonly heap: ObjectHeap
  readonly programs: GuestPrograms
}

export function guest(mode: ObjectMode = 'vm', limitBytes?: number, reserve?: boolean): Guest {
  const own = guestOf(objectHeap(mode, limitBytes, reserve))
  own.programs.bind(own.heap.space)
  return own
}

let guestModule: WebAssembly.Module | undefined

/** A guest of a heap; not yet bound to it. All guests run the same code, which is optimised once, as the kernel's is. */
function guestOf(heap: ObjectHeap): Guest {
  const { objectNew, storeReference } = heap.call
  guestModule ??= compiled('objects-guest')
  const imports = { env: { memory: heap.memory }, kernel: { objectNew, storeReference } }
  const { exports } = instantiate('objects-guest', imports, guestModule)
  return { heap, programs: exports as unknown as GuestPrograms }
}

/**
 * A guest over the heap of another one, whose statistics begin now. What the first one has made and says of itself is
 * taken over by `programs.adopt`.
 */
export function attachedGuest({ heap, programs }: Guest): Guest {
  const own = guestOf(overHeap(Heap.attach(heap.memory, heap.heap.base)))
  own.programs.adopt(own.heap.space, programs.tableMask(), programs.treeDepth(), programs.graphCount())
  return own
}

// ---- AssemblyScript ------------------------------------------------------------------------------------------------

export interface Runtime extends Programs {
  readonly memory: WebAssembly.Memory
  storeIntoArrayTicking(count: number): number
  churnTreeTicking(count: number): number
  storeCellInArray(place: number, cell: number): void
  storeCellInObject(place: number, cell: number): void
  nodeId(): number
  cellId(): number
  __new(bytes: number, id: number): number
  __pin(reference: number): number
  __unpin(reference: number): void
  __collect(): void
}

/** `tick`: what programs call whose pauses are measured. */
export function assemblyScript(contestant: typeof MINIMAL | typeof INCREMENTAL, tick = () => {}): Runtime {
  const name = contestant === MINIMAL ? 'objects-minimal' : 'objects-incremental'
  return instantiate(name, { host: { tick } }).exports as unknown as Runtime
}

// ---- V8 ------------------------------------------------------------------------------------------------------------

/** A process that runs programs over plain JavaScript objects, one after the other. */
export class V8Process {
  readonly #child: ChildProcess

  constructor(contestant: typeof V8 | typeof V8_ONE_THREAD) {
    const flags = contestant === V8 ? [] : ['--single-threaded-gc']
    this.#child = fork(new URL('./v8-objects.js', import.meta.url), [], {
      execArgv: ['--expose-gc', ...flags],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
  }

  async run(program: V8Program, count: number, options: Pick<V8Request, 'pauses'> = {}): Promise<V8Answer> {
    const request: V8Request = { program, count, ...options }
    this.#child.send(request)
    const [answer] = (await Promise.race([once(this.#child, 'message'), this.#ended()])) as [V8Answer]
    return answer
  }

  async #ended(): Promise<never> {
    const [code, signal] = await once(this.#child, 'exit')
    throw new Error(`the process with V8's objects ended with ${signal ?? `exit code ${code}`}`)
  }

  close(): void {
    this.#child.kill()
  }
}

/** Runs `work` with V8's two processes and ends them. */
export async function withV8<T>(work: (v8: { name: string; process: V8Process }[]) => Promise<T>): Promise<T> {
  const processes = [V8, V8_ONE_THREAD].map((name) => ({
    name,
    process: new V8Process(name as typeof V8),
  }))
  try {
    return await work(processes)
  } finally {
    for (const { process } of processes) process.close()
  }
}

/**
 * Those whose objects and collectors are compared: the kernel behind a guest that bumps by itself, AssemblyScript's two
 * collecting runtimes, and V8 in a process of its own. Each does the programs of `bench/inside/objects.ts`, by the same
 * names, with the same answers.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { builtModule, fromRoot, instantiate } from './contestants.js'
import type { V8Answer, V8Program, V8Request } from './v8-objects.js'

const KERNEL_MODULE = 'build/heapwright-objects.wasm'
const MIB = 1 << 20
const PAGE_BYTES = 65536

export const GUEST = "guest, mode 'vm'"
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
  drop(): void
}

export interface GuestPrograms extends Programs {
  bind(space: number): void
  churn(count: number): number
}

/** What the rows need, or which of it is missing. */
export function missingModule(): string | undefined {
  if (fromRoot(KERNEL_MODULE) === undefined) return `${KERNEL_MODULE} is missing: npm run build`
  const peers = ['objects-guest', 'objects-minimal', 'objects-incremental']
  if (peers.every((name) => builtModule(name) !== undefined)) return undefined
  return 'build/bench has no objects modules: they need the AssemblyScript compiler'
}

// ---- the kernel -----------------------------------------------------------------------------------------------------

/** The functions of the kernel that programs over objects call, see docs/objects.md. */
export interface ObjectCalls {
  create(base: number, held: number, end: number, limit: number, flags: number, classTable: number): number
  spaceCreate(policy: number): number
  typeAdd(textAt: number, textBytes: number, ...shape: number[]): number
  shadowCreate(slots: number, pinning: number): number
  objectNew(type: number, bytes: number): number
  collect(kind: number): number
}

export interface ObjectHeap {
  readonly call: ObjectCalls
  readonly memory: WebAssembly.Memory
  /** Address of the object space. */
  readonly space: number
  /** Held now, metadata included, and at most so far. */
  committedBytes(): number
  committedPeakBytes(): number
  /** A word of the object space. */
  word(at: number): number
}

export const NODE_TYPE = objects.TYPE_FIRST_USER
export const NODE_PAYLOAD_BYTES = 8

let kernelModule: WebAssembly.Module | undefined

/** A heap as `vm` mode makes it, of memory of its own, with the types and the shadow stack that the programs expect. */
export function objectHeap(limitBytes = 2048 * MIB): ObjectHeap {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: Math.ceil(limitBytes / PAGE_BYTES) })
  const host = {
    grow: (pages: number) => {
      try {
        return memory.grow(pages)
      } catch {
        return -1
      }
    },
    report: () => {},
  }
  kernelModule ??= new WebAssembly.Module(readFileSync(fromRoot(KERNEL_MODULE) as string))
  const call = new WebAssembly.Instance(kernelModule, { env: { memory }, host }).exports as unknown as ObjectCalls
  const flags = layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
  const base = 0
  succeed(call.create(base, PAGE_BYTES, limitBytes, limitBytes, flags, layout.CLASS_TABLE_GEOMETRIC), 'create')
  succeed(call.spaceCreate(objects.POLICY_EVACUATE | objects.POLICY_LAZY_SWEEP), 'spaceCreate')
  const { SHAPE_PREFIX, SHAPE_REFS, TRAIL_NONE, TRAIL_REFS } = objects
  const types = [
    call.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_NONE, 2, NODE_PAYLOAD_BYTES, 0, 0, 0),
    call.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_NONE, 1, 8, 0, 0, 0),
    call.typeAdd(0, 0, SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 4, 0),
  ]
  if (types.some((type, i) => type !== NODE_TYPE + i)) throw new Error(`the types got the numbers ${types.join(', ')}`)
  succeed(call.shadowCreate(4096, 0), 'shadowCreate')
  const word = (at: number) => new Uint32Array(memory.buffer, at, 1)[0] as number
  const space = word(base + layout.HEAP_SPACE_AT)
  return {
    call,
    memory,
    space,
    committedBytes: () => word(base + layout.HEAP_COMMITTED_AT),
    committedPeakBytes: () => word(base + layout.HEAP_COMMITTED_PEAK_AT),
    word: (at) => word(space + at),
  }
}

function succeed(status: number, what: string): void {
  if (status !== layout.STATUS_OK) throw new Error(`${what} gave status ${status}`)
}

export interface Guest {
  readonly heap: ObjectHeap
  readonly programs: GuestPrograms
}

export function guest(limitBytes?: number): Guest {
  const heap = objectHeap(limitBytes)
  const { exports } = instantiate('objects-guest', {
    env: { memory: heap.memory },
    kernel: { objectNew: heap.call.objectNew },
  })
  const programs = exports as unknown as GuestPrograms
  programs.bind(heap.space)
  return { heap, programs }
}

// ---- AssemblyScript ------------------------------------------------------------------------------------------------

export interface Runtime extends Programs {
  readonly memory: WebAssembly.Memory
  nodeId(): number
  __new(bytes: number, id: number): number
  __pin(reference: number): number
  __unpin(reference: number): void
  __collect(): void
}

export function assemblyScript(contestant: typeof MINIMAL | typeof INCREMENTAL): Runtime {
  const name = contestant === MINIMAL ? 'objects-minimal' : 'objects-incremental'
  return instantiate(name).exports as unknown as Runtime
}

// ---- V8 ------------------------------------------------------------------------------------------------------------

export interface V8Run {
  readonly seconds: number
  /** Most resident memory of the process so far, less what it had before its first program. */
  readonly peakBytes: number
}

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

  async run(program: V8Program, count: number): Promise<V8Run> {
    const request: V8Request = { program, count }
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

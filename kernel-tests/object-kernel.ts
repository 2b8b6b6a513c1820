/**
 * A bare kernel with objects for tests: the debug build of any kind bound to a memory, with its words by name.
 */
import { existsSync, readFileSync } from 'node:fs'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'

type Call = (...args: number[]) => number

const modules = new Map<string, WebAssembly.Module>()

/** The module `build/<name>.wasm`. */
export function moduleOf(name: string): WebAssembly.Module {
  const known = modules.get(name)
  if (known) return known
  const file = new URL(`../../build/${name}.wasm`, import.meta.url)
  const source = existsSync(file) ? file : new URL(`../build/${name}.wasm`, import.meta.url)
  if (!existsSync(source)) throw new Error(`build/${name}.wasm is missing: run "npm run build" first`)
  const module = new WebAssembly.Module(readFileSync(source))
  modules.set(name, module)
  return module
}

export type ObjectMode = 'vm' | 'embedded' | 'counted'

/** The kernel that a mode runs on. */
export const KERNELS: Readonly<Record<ObjectMode, string>> = {
  vm: 'heapwright-objects',
  embedded: 'heapwright-embedded',
  counted: 'heapwright-counted',
}

export interface ObjectKernelOptions {
  /** `counted` is the kernel of counted objects. */
  readonly mode?: ObjectMode
  /** Bytes. Default 64 MiB, or 64 KiB in `embedded`. */
  readonly limit?: number
  /** `POLICY_…`. */
  readonly policy?: number
  /** `KNOB_…`. */
  readonly knobs?: number
  /** With a nursery: its bytes, and what else `nurseryCreate` is told. */
  readonly nursery?: number
  readonly old?: number
  readonly stepUnits?: number
  /** The build without assertions. */
  readonly release?: boolean
  /** Where the heap begins. */
  readonly base?: number
  /** A memory that is there already, with another heap below `base`. */
  readonly memory?: WebAssembly.Memory
  /** A heap of whose memory this one borrows pieces. Its limit is the parent's unless told. */
  readonly parent?: ObjectKernel
}

export class ObjectKernel {
  readonly mode: ObjectMode
  readonly memory: WebAssembly.Memory
  readonly call: Record<string, Call>
  readonly base: number
  readonly hasNursery: boolean
  /** Address of the object space. */
  readonly space: number
  /** Causes of the collections so far. */
  readonly causes: number[] = []
  #words: Uint32Array
  readonly parent: ObjectKernel | undefined
  /** Addresses of what is borrowed. */
  readonly pieces = new Set<number>()

  constructor(options: ObjectKernelOptions = {}) {
    this.mode = options.mode ?? 'vm'
    const { parent } = options
    const limit = options.limit ?? (this.mode === 'embedded' ? 64 << 10 : 64 << 20)
    this.parent = parent
    const home = parent ? parent.run('homePages', parent.u32(parent.base + layout.HEAP_END_AT)) : 0
    this.base = parent ? parent.run('lend', home, 0) : (options.base ?? 0)
    if (parent) this.pieces.add(this.base)
    const pages = Math.ceil((this.base + limit) / 65536)
    const initial = Math.min(Math.ceil(this.base / 65536) + 1, pages)
    const memory = parent?.memory ?? options.memory ?? new WebAssembly.Memory({ initial, maximum: pages })
    this.memory = memory
    const grow = (more: number) => {
      if (parent) return this.#borrow(parent, more)
      try {
        return memory.grow(more)
      } catch {
        return -1
      }
    }
    const report = (code: number, argument: number) => {
      if (code < objects.REPORT_COLLECT_BEGIN) {
        throw new Error(`kernel assertion ${code} at 0x${(argument >>> 0).toString(16)}`)
      }
      if (code === layout.REPORT_GIVEN_BACK) this.#giveBack(argument >>> 0)
      const kind = argument >>> 8
      if (code === objects.REPORT_COLLECT_BEGIN && kind <= objects.COLLECT_COMPACT) this.causes.push(argument & 255)
    }
    const name = KERNELS[this.mode]
    const instance = new WebAssembly.Instance(moduleOf(options.release ? name : `${name}-debug`), {
      env: { memory },
      host: { grow, report },
    })
    this.call = instance.exports as Record<string, Call>
    this.#words = new Uint32Array(memory.buffer)
    const flags = parent ? layout.FLAG_PIECES : layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
    const end = parent ? parent.u32(parent.base + layout.HEAP_END_AT) : this.base + limit
    const held = this.base + Math.max(home, 1) * 65536
    this.expectOk('create', this.base, held, end, limit, flags, layout.CLASS_TABLE_GEOMETRIC)
    if (options.knobs) this.run('setKnobs', options.knobs)
    if (this.mode === 'embedded') this.run('setPolicy', options.policy ?? 0)
    else this.expectOk('spaceCreate', options.policy ?? 0)
    this.hasNursery = options.nursery !== undefined
    if (options.nursery !== undefined) {
      this.expectOk('nurseryCreate', options.nursery, options.old ?? 0, options.stepUnits ?? 1000)
    }
    this.space = this.u32(this.base + layout.HEAP_SPACE_AT)
  }

  #borrow(parent: ObjectKernel, pages: number): number {
    const piece = parent.run('lend', pages, this.base)
    const step = pages <= layout.PIECE_MAX_PAGES ? pages * 65536 : layout.CHUNK_BYTES
    if (piece) for (let at = 0; at < pages * 65536; at += step) this.pieces.add(piece + at)
    return piece ? piece / 65536 : -1
  }

  #giveBack(piece: number): void {
    if (!this.pieces.delete(piece)) throw new Error(`${piece} was not held`)
    this.parent?.expectOk('takeBack', piece)
  }

  /** Hand every borrowed piece back: the heap is gone. */
  end(): void {
    for (const piece of this.pieces) this.parent?.expectOk('takeBack', piece)
    this.pieces.clear()
  }

  /** Call a kernel function; the answer is unsigned. */
  run(name: string, ...args: number[]): number {
    const call = this.call[name]
    if (!call) throw new Error(`the kernel has no function ${name}`)
    return call(...args) >>> 0
  }

  /** Call one that answers a status, which must be OK. */
  expectOk(name: string, ...args: number[]): void {
    const status = this.run(name, ...args)
    if (status !== layout.STATUS_OK) throw new Error(`${name}: status ${status}`)
  }

  /** Word of the object space. */
  word(at: number): number {
    return this.u32(this.space + at)
  }

  setWord(at: number, value: number): void {
    this.setU32(this.space + at, value)
  }

  u32(address: number): number {
    return this.#current()[address >>> 2] as number
  }

  setU32(address: number, value: number): void {
    this.#current()[address >>> 2] = value
  }

  u8(address: number): number {
    return new Uint8Array(this.memory.buffer)[address] as number
  }

  setU8(address: number, value: number): void {
    new Uint8Array(this.memory.buffer)[address] = value
  }

  #current(): Uint32Array {
    if (this.#words.length === 0) this.#words = new Uint32Array(this.memory.buffer)
    return this.#words
  }

  /** Store a reference in a word of an object, through the write barrier where there is one. */
  storeReference(holder: number, slot: number, value: number): void {
    if (this.mode === 'embedded') this.setU32(slot, value)
    else this.run('storeReference', holder, slot, value)
  }

  /** Throws when the verifier finds a fault. */
  verify(): void {
    const fault = this.run('verify')
    if (fault) {
      throw new Error(`verify: fault ${fault} at 0x${this.u32(this.base + layout.HEAP_FAULT_AT).toString(16)}`)
    }
  }
}

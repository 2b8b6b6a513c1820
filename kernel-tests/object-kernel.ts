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

  constructor(options: ObjectKernelOptions = {}) {
    this.mode = options.mode ?? 'vm'
    this.base = options.base ?? 0
    const limit = options.limit ?? (this.mode === 'embedded' ? 64 << 10 : 64 << 20)
    const pages = Math.ceil((this.base + limit) / 65536)
    const initial = Math.min(Math.ceil(this.base / 65536) + 1, pages)
    const memory = new WebAssembly.Memory({ initial, maximum: pages })
    this.memory = memory
    const grow = (more: number) => {
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
    const flags = layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
    const end = this.base + limit
    this.expectOk('create', this.base, this.base + 65536, end, limit, flags, layout.CLASS_TABLE_GEOMETRIC)
    if (options.knobs) this.run('setKnobs', options.knobs)
    if (this.mode === 'embedded') this.run('setPolicy', options.policy ?? 0)
    else this.expectOk('spaceCreate', options.policy ?? 0)
    this.hasNursery = options.nursery !== undefined
    if (options.nursery !== undefined) {
      this.expectOk('nurseryCreate', options.nursery, options.old ?? 0, options.stepUnits ?? 1000)
    }
    this.space = this.u32(this.base + layout.HEAP_SPACE_AT)
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

/**
 * A bare kernel with counted objects for tests: the debug build bound to a memory, with its words by name, a few types,
 * and what tests ask again and again.
 */
import { existsSync, readFileSync } from 'node:fs'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'

type Call = (...args: number[]) => number

const modules = new Map<string, WebAssembly.Module>()

function moduleOf(name: string): WebAssembly.Module {
  const known = modules.get(name)
  if (known) return known
  const file = new URL(`../build/${name}.wasm`, import.meta.url)
  if (!existsSync(file)) throw new Error(`build/${name}.wasm is missing: run "npm run build" first`)
  const module = new WebAssembly.Module(readFileSync(file))
  modules.set(name, module)
  return module
}

export interface CountedKernelOptions {
  /** Bytes. Default 16 MiB. */
  readonly limit?: number
  /** `KNOB_…`. */
  readonly knobs?: number
  /** The build without assertions. */
  readonly release?: boolean
  /** Asked before every growth; false refuses it. */
  readonly mayGrow?: (pages: number) => boolean
  /** No object space yet. */
  readonly isBare?: boolean
}

/** Ids of the types that every one of these kernels has. */
export interface Types {
  /** Two references, then four plain bytes. */
  readonly node: number
  /** References. */
  readonly array: number
  /** A reference, four plain bytes, then wide values. */
  readonly wide: number
  /** Elements of a plain word and a reference. */
  readonly mixed: number
}

export class CountedKernel {
  readonly memory: WebAssembly.Memory
  readonly call: Record<string, Call>
  readonly types: Types
  /** Address of the object space. */
  readonly space: number
  #words: Uint32Array

  constructor(options: CountedKernelOptions = {}) {
    const limit = options.limit ?? 16 << 20
    const memory = new WebAssembly.Memory({ initial: 1, maximum: Math.ceil(limit / 65536) })
    this.memory = memory
    const grow = (pages: number) => {
      if (options.mayGrow && !options.mayGrow(pages)) return -1
      try {
        return memory.grow(pages)
      } catch {
        return -1
      }
    }
    const report = (code: number, argument: number) => {
      if (code >= objects.REPORT_COLLECT_BEGIN) return
      throw new Error(`kernel assertion ${code} at 0x${(argument >>> 0).toString(16)}`)
    }
    const name = options.release ? 'heapwright-counted' : 'heapwright-counted-debug'
    const instance = new WebAssembly.Instance(moduleOf(name), { env: { memory }, host: { grow, report } })
    this.call = instance.exports as Record<string, Call>
    this.#words = new Uint32Array(memory.buffer)
    const flags = layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
    this.expectOk('create', 0, 65536, limit, limit, flags, layout.CLASS_TABLE_GEOMETRIC)
    if (options.knobs) this.run('setKnobs', options.knobs)
    if (!options.isBare) this.expectOk('spaceCreate', 0)
    this.space = this.u32(layout.HEAP_SPACE_AT)
    this.types = options.isBare ? { node: 0, array: 0, wide: 0, mixed: 0 } : this.#addTypes()
  }

  #addTypes(): Types {
    const { SHAPE_PREFIX, SHAPE_REFS, SHAPE_WIDE, SHAPE_MIXED, TRAIL_NONE, TRAIL_REFS, TRAIL_BYTES, TRAIL_MIXED } =
      objects
    return {
      node: this.run('typeAdd', 0, 0, SHAPE_PREFIX, TRAIL_NONE, 2, 12, 0, 0, 0),
      array: this.run('typeAdd', 0, 0, SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 4, 0),
      wide: this.run('typeAdd', 0, 0, SHAPE_WIDE, TRAIL_BYTES, 1, 8, 0, 8, 0),
      mixed: this.run('typeAdd', 0, 0, SHAPE_MIXED, TRAIL_MIXED, 0, 0, 0, 8, 2),
    }
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

  /** Call one that answers an address, which must not be 0. */
  make(name: string, ...args: number[]): number {
    const address = this.run(name, ...args)
    if (address === 0) throw new Error(`${name}(${args}): refused, status ${this.word(objects.SPACE_STATUS_AT)}`)
    return address
  }

  node(): number {
    return this.make('objectNew', this.types.node, 12)
  }

  array(length: number): number {
    return this.make('objectNew', this.types.array, length * 4)
  }

  /** Store a word in a slot of an object. */
  put(holder: number, index: number, word: number): void {
    this.expectOk('storeReference', holder, holder + index * 4, word)
  }

  /** A new object goes into a slot of another, which alone owns it. */
  give(holder: number, index: number, object: number): void {
    this.put(holder, index, object)
    this.expectOk('decref', object)
  }

  /** Two nodes that refer to each other and to nobody else, owned by nobody. */
  garbageCycle(): readonly [number, number] {
    const one = this.node()
    const two = this.node()
    this.put(one, 0, two)
    this.give(two, 0, one)
    this.expectOk('decref', two)
    return [one, two]
  }

  count(reference: number): number {
    return this.run('refcount', reference)
  }

  /** Write a count, with all references being the test's. */
  setCount(reference: number, count: number): void {
    const at = reference - values.COUNTED_COUNT_BELOW
    this.setU32(at, ((count << values.COUNT_SHIFT) | (this.u32(at) & 15)) >>> 0)
  }

  status(reference: number): number {
    return this.run('objectStatus', reference)
  }

  /** Word of the object space. */
  word(at: number): number {
    return this.u32(this.space + at)
  }

  setWord(at: number, value: number): void {
    this.setU32(this.space + at, value)
  }

  get objects(): number {
    return this.word(objects.SPACE_LIVE_OBJECTS_AT)
  }

  /** Blocks that are in use, as the blocks' own floor counts them. */
  get blocks(): number {
    this.run('totalsReport')
    return this.u32(this.u32(layout.HEAP_SCRATCH_AT) + 4)
  }

  /** All objects, by address. */
  all(): number[] {
    const found: number[] = []
    for (let at = this.run('nextObject', 0); at !== 0; at = this.run('nextObject', at)) found.push(at)
    return found
  }

  u32(address: number): number {
    if (this.#words.length === 0) this.#words = new Uint32Array(this.memory.buffer)
    return this.#words[address >>> 2] as number
  }

  setU32(address: number, value: number): void {
    if (this.#words.length === 0) this.#words = new Uint32Array(this.memory.buffer)
    this.#words[address >>> 2] = value
  }

  /** All of memory, but for the reason of the last refusal. */
  snapshot(): Uint8Array {
    const bytes = new Uint8Array(this.memory.buffer).slice()
    if (this.space) bytes.fill(0, this.space + objects.SPACE_STATUS_AT, this.space + objects.SPACE_STATUS_AT + 4)
    return bytes
  }

  /** Throws when the verifier finds a fault. */
  verify(): void {
    const fault = this.run('verify')
    if (fault) throw new Error(`verify: fault ${fault} at 0x${this.u32(layout.HEAP_FAULT_AT).toString(16)}`)
  }
}

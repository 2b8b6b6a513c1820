/**
 * A bare kernel for tests: the debug build bound to a memory, with views, the growth knob and the layout's fields by
 * name.
 */
import { existsSync, readFileSync } from 'node:fs'
import * as layout from '../kernel/layout.js'

export type Call = (...args: number[]) => number

const WASM = new URL('../build/heapwright-debug.wasm', import.meta.url)

if (!existsSync(WASM)) throw new Error('build/heapwright-debug.wasm is missing: run "npm run build" first')
/** The kernel for blocks, with assertions. */
export const debugModule = new WebAssembly.Module(readFileSync(WASM))

export interface KernelOptions {
  /** Bytes. Default 64 MiB. */
  readonly limit?: number
  /** `FLAG_…` of the layout. Default an own, zeroed range. */
  readonly flags?: number
  /** `CLASS_TABLE_…`. */
  readonly classTable?: number
  /** Asked before every growth; false refuses it. */
  readonly mayGrow?: (pages: number) => boolean
}

export class BareKernel {
  readonly memory: WebAssembly.Memory
  readonly call: Record<string, Call>

  constructor(options: KernelOptions = {}) {
    const limit = options.limit ?? 64 << 20
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
    const report = (code: number, address: number) => {
      throw new Error(`kernel assertion ${code} at 0x${(address >>> 0).toString(16)}`)
    }
    this.call = new WebAssembly.Instance(debugModule, { env: { memory }, host: { grow, report } }).exports as Record<
      string,
      Call
    >
    const flags = options.flags ?? layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
    const status = this.run('create', 0, 65536, limit, limit, flags, options.classTable ?? layout.CLASS_TABLE_GEOMETRIC)
    if (status) throw new Error(`create: status ${status}`)
  }

  /** Call a kernel function; the answer is unsigned. */
  run(name: string, ...args: number[]): number {
    const call = this.call[name]
    if (!call) throw new Error(`the kernel has no function ${name}`)
    return call(...args) >>> 0
  }

  u8(address: number): number {
    return new DataView(this.memory.buffer).getUint8(address)
  }

  u16(address: number): number {
    return new DataView(this.memory.buffer).getUint16(address, true)
  }

  u32(address: number): number {
    return new DataView(this.memory.buffer).getUint32(address, true)
  }

  setU8(address: number, value: number): void {
    new DataView(this.memory.buffer).setUint8(address, value)
  }

  setU16(address: number, value: number): void {
    new DataView(this.memory.buffer).setUint16(address, value, true)
  }

  setU32(address: number, value: number): void {
    new DataView(this.memory.buffer).setUint32(address, value, true)
  }

  /** Address of the table entry of `address`'s MiB. */
  entry(address: number): number {
    return this.u32(layout.HEAP_TABLE_AT) + ((address >>> 16) & this.u32(layout.HEAP_TABLE_MASK_AT))
  }

  /** Address of the map byte of `address`. */
  map(address: number): number {
    return (this.u32(this.entry(address)) + (address >>> 4)) >>> 0
  }

  /** Address of the header of the chunk that `address` lies in. */
  chunk(address: number): number {
    const lo = this.u32(this.entry(address) + 4)
    return this.map(lo) - layout.CHUNK_HEADER_BYTES
  }

  /** Address of the page descriptor that `address`'s unit belongs to. */
  page(address: number): number {
    return this.u32((this.u32(this.entry(address) + 12) + (address >>> 12) * layout.PAGE_BYTES) >>> 0)
  }

  /** Address of the class record of `index`. */
  classInfo(index: number): number {
    const tables = layout.HEAP_HEADER_BYTES + layout.HEAP_BIN_BITS_BYTES + layout.HEAP_BINS_BYTES
    return tables + index * layout.CLASS_INFO_BYTES
  }

  verify(): number {
    return this.run('verify')
  }
}

/**
 * A page system that gives nothing back but notes what it is asked to, with pages of any size: zeros stand for what is
 * not resident. It refuses when a test wants it to.
 */
import { PlatformError } from '../../src/index.js'
import type { PageAbilities, PageHintResult, PageSystem } from '../../src/platform/pages.js'

export interface GoneRange {
  readonly address: number
  readonly bytes: number
}

export class RecordingPages implements PageSystem {
  readonly kind = 'posix'
  readonly reason = undefined
  readonly pageBytes: number
  readonly can: PageAbilities = {
    decommit: true,
    protect: false,
    mapFile: false,
    fork: false,
    hugePages: false,
    numa: false,
    residency: true,
  }
  /** What was given back, in order. */
  readonly gone: GoneRange[] = []
  /** Asked before anything is given back; true refuses. */
  refuses: (range: GoneRange) => boolean = () => false

  constructor(pageBytes = 4096) {
    this.pageBytes = pageBytes
  }

  get goneBytes(): number {
    return this.gone.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  decommit(memory: WebAssembly.Memory, address: number, bytes: number): boolean {
    const range = this.#range(memory, address, bytes)
    if (this.refuses({ address, bytes })) throw new PlatformError('madvise', 'ENOMEM', address, bytes)
    range.fill(0)
    this.gone.push({ address, bytes })
    return true
  }

  /** Pages with anything but zeros in them. */
  residentBytes(memory: WebAssembly.Memory, address: number, bytes: number): number {
    const range = this.#range(memory, address, bytes)
    let resident = 0
    const zeros = Buffer.alloc(this.pageBytes)
    for (let at = 0; at < bytes; at += this.pageBytes) {
      if (zeros.compare(range, at, at + this.pageBytes) !== 0) resident += this.pageBytes
    }
    return resident
  }

  #range(memory: WebAssembly.Memory, address: number, bytes: number): Uint8Array {
    const isWhole = (value: number) => Number.isInteger(value) && value >= 0 && value % this.pageBytes === 0
    if (!isWhole(address) || !isWhole(bytes) || bytes === 0 || address + bytes > memory.buffer.byteLength) {
      throw new RangeError(`no whole pages of ${this.pageBytes} bytes: ${bytes} at ${address}`)
    }
    return new Uint8Array(memory.buffer, address, bytes)
  }

  protect(): boolean {
    return false
  }

  map(): void {
    throw new Error('no files here')
  }

  flush(): void {}

  unmap(memory: WebAssembly.Memory, address: number, bytes: number): void {
    this.#range(memory, address, bytes).fill(0)
  }

  advise(): PageHintResult {
    return {}
  }
}

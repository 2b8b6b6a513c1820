/** Kernels for tests of pieces: one that lends, and tenants that borrow from it, or from each other, in one memory. */
import * as layout from '../kernel/layout.js'
import { type Call, debugModule } from './kernel.js'

export interface LenderOptions {
  /** Bytes. Default 64 MiB. */
  readonly limit?: number
  /** Where the range begins and whether it is owned. Default an own memory from 0. */
  readonly flags?: number
  readonly knobs?: number
}

/** A kernel of which others borrow. */
export abstract class PiecesKernel {
  readonly memory: WebAssembly.Memory
  readonly call: Record<string, Call>
  /** Pieces that its tenants hold: address and bytes. */
  readonly lent = new Map<number, number>()
  /** Asked before anything is lent to its tenants. */
  mayLend: (pages: number) => boolean = () => true
  abstract readonly base: number

  protected constructor(memory: WebAssembly.Memory, grow: (pages: number) => number, givenBack: (at: number) => void) {
    this.memory = memory
    const report = (code: number, address: number) => {
      if (code === layout.REPORT_GIVEN_BACK) givenBack(address >>> 0)
      else throw new Error(`kernel assertion ${code} at 0x${(address >>> 0).toString(16)}`)
    }
    const host = { grow, report }
    this.call = new WebAssembly.Instance(debugModule, { env: { memory }, host }).exports as Record<string, Call>
  }

  /** Call a kernel function; the answer is unsigned. */
  run(name: string, ...args: number[]): number {
    const call = this.call[name]
    if (!call) throw new Error(`the kernel has no function ${name}`)
    return call(...args) >>> 0
  }

  word(at: number): number {
    return new DataView(this.memory.buffer).getUint32(this.base + at, true)
  }

  get held(): number {
    return this.word(layout.HEAP_COMMITTED_AT)
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer)
  }

  /** Lend `pages` to the heap whose control block is at `borrower`. */
  lend(pages: number, borrower: number): number {
    if (!this.mayLend(pages)) return 0
    const piece = this.run('lend', pages, borrower)
    const step = pages <= layout.PIECE_MAX_PAGES ? pages * 65536 : layout.CHUNK_BYTES
    if (piece) for (let at = 0; at < pages * 65536; at += step) this.lent.set(piece + at, step)
    return piece
  }

  takeBack(piece: number): void {
    const status = this.run('takeBack', piece)
    if (status !== layout.STATUS_OK || !this.lent.delete(piece)) throw new Error(`takeBack(${piece}): status ${status}`)
  }
}

/** The heap at the root of all. */
export class RootKernel extends PiecesKernel {
  readonly base: number

  constructor(options: LenderOptions = {}) {
    const limit = options.limit ?? 64 << 20
    const memory = new WebAssembly.Memory({ initial: 1, maximum: Math.ceil(limit / 65536) })
    const grow = (pages: number) => {
      try {
        return memory.grow(pages)
      } catch {
        return -1
      }
    }
    super(memory, grow, () => {
      throw new Error('the root has given something back')
    })
    const flags = options.flags ?? layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
    this.base = flags & layout.FLAG_OWNS_RANGE ? 0 : memory.buffer.byteLength
    const status = this.run('create', this.base, 65536, limit, limit, flags, layout.CLASS_TABLE_GEOMETRIC)
    if (status) throw new Error(`create: status ${status}`)
    this.run('setKnobs', options.knobs ?? 0)
  }
}

export class TenantKernel extends PiecesKernel {
  readonly parent: PiecesKernel
  readonly base: number
  /** What the tenant holds of its parent. */
  readonly pieces = new Map<number, number>()

  constructor(parent: PiecesKernel, limit = 2 ** 32 - 65536, pages = 0, knobs = 0) {
    super(
      parent.memory,
      (count) => this.#borrow(count),
      (at) => this.#giveBack(at),
    )
    this.parent = parent
    const end = parent.word(layout.HEAP_END_AT)
    const home = Math.max(pages, this.run('homePages', end))
    this.base = parent.lend(home, 0)
    if (!this.base) throw new RangeError('no home piece')
    this.pieces.set(this.base, home * 65536)
    const status = this.run('create', this.base, this.base + home * 65536, end, limit, layout.FLAG_PIECES, 0)
    if (status) throw new Error(`create: status ${status}`)
    this.run('setKnobs', knobs)
  }

  #borrow(count: number): number {
    const piece = this.parent.lend(count, this.base)
    if (!piece) return -1
    const step = count <= layout.PIECE_MAX_PAGES ? count * 65536 : layout.CHUNK_BYTES
    for (let at = 0; at < count * 65536; at += step) this.pieces.set(piece + at, step)
    return piece / 65536
  }

  #giveBack(at: number): void {
    if (!this.pieces.delete(at)) throw new Error(`${at} was not held`)
    this.parent.takeBack(at)
  }

  /** Hand every piece back. */
  end(): void {
    for (const piece of this.pieces.keys()) this.parent.takeBack(piece)
    this.pieces.clear()
  }
}

/**
 * Reads the elements that a WebAssembly binary is made of: bytes, LEB128 numbers, names, vectors.
 *
 * Every read is checked against the end, so that a module that is cut short or damaged gives a `ModuleError` with the
 * byte where it happens, never a wrong number. (WebAssembly Core Specification 2.0, §5.2.)
 */
import { ModuleError } from './errors.js'

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** The bits of a byte of a LEB128 number, and the one that says that more follow. */
const LEB_BITS = 7
const LEB_MORE = 0x80

export class ByteReader {
  readonly bytes: Uint8Array
  /** The next byte that is read. */
  at: number
  readonly #end: number
  readonly #place: string

  /** @param place what is read, for messages, such as `import section` */
  constructor(bytes: Uint8Array, at: number, end: number, place: string) {
    this.bytes = bytes
    this.at = at
    this.#end = end
    this.#place = place
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end
  }

  /** The error to throw for what is read at `at`. */
  error(what: string, at = this.at): ModuleError {
    return new ModuleError(`byte ${at}: ${what}`, this.#place)
  }

  byte(): number {
    const value = this.at < this.#end ? this.bytes[this.at] : undefined
    if (value === undefined) throw this.error('it ends too early')
    this.at++
    return value
  }

  /** An unsigned number of up to 32 bits. */
  u32(): number {
    const start = this.at
    let value = 0
    for (let scale = 1; scale <= 2 ** 28; scale *= 2 ** LEB_BITS) {
      const byte = this.byte()
      value += (byte & ~LEB_MORE) * scale
      if (byte < LEB_MORE) {
        if (value >= 2 ** 32) break
        return value
      }
    }
    throw this.error('a number has more than 32 bits', start)
  }

  /** An unsigned number of up to 64 bits; of one that a number cannot hold, the nearest that it can. */
  u64(): number {
    const start = this.at
    let value = 0n
    for (let shift = 0n; shift < 64n; shift += BigInt(LEB_BITS)) {
      const byte = this.byte()
      value |= BigInt(byte & ~LEB_MORE) << shift
      if (byte < LEB_MORE) {
        if (value >= 2n ** 64n) break
        return Number(value)
      }
    }
    throw this.error('a number has more than 64 bits', start)
  }

  /** A signed number of up to 32 bits, as the unsigned number with the same bits. */
  i32(): number {
    const start = this.at
    let value = 0
    for (let shift = 0; shift < 32; shift += LEB_BITS) {
      const byte = this.byte()
      value |= (byte & ~LEB_MORE) << shift
      if (byte >= LEB_MORE) continue
      const unread = 32 - LEB_BITS - shift
      // The highest bit that was read is the sign, unless all 32 were.
      return (unread > 0 ? (value << unread) >> unread : value) >>> 0
    }
    throw this.error('a number has more than 32 bits', start)
  }

  /** A signed number in at most `lengthMax` bytes. */
  signed(lengthMax: number): bigint {
    const start = this.at
    let value = 0n
    for (let i = 0; i < lengthMax; i++) {
      const byte = this.byte()
      value |= BigInt(byte & ~LEB_MORE) << BigInt(LEB_BITS * i)
      if (byte < LEB_MORE) return BigInt.asIntN(LEB_BITS * (i + 1), value)
    }
    throw this.error(`a number has more than ${lengthMax} bytes`, start)
  }

  /** Passes a LEB128 number of any size up to 64 bits. */
  skipNumber(): void {
    const start = this.at
    while (this.byte() >= LEB_MORE) if (this.at - start >= 10) throw this.error('a number is too long', start)
  }

  skip(bytes: number): void {
    if (bytes > this.#end - this.at) throw this.error('it ends too early')
    this.at += bytes
  }

  name(): string {
    const length = this.u32()
    const start = this.at
    this.skip(length)
    try {
      return TEXT.decode(this.bytes.subarray(start, this.at))
    } catch {
      throw this.error('a name is not UTF-8', start)
    }
  }

  /** A vector: its length, then as many of what `read` reads. */
  vector<T>(read: (index: number) => T): T[] {
    const length = this.u32()
    // Each element has a byte at least, which keeps a damaged length from taking all memory.
    if (length > this.#end - this.at) throw this.error(`a list of ${length} is longer than what is left`)
    return Array.from({ length }, (_, index) => read(index))
  }

  /** A reader of the next `bytes` bytes, which this one passes. */
  part(bytes: number, place: string): ByteReader {
    const start = this.at
    this.skip(bytes)
    return new ByteReader(this.bytes, start, this.at, place)
  }
}

/** Writes the elements that a WebAssembly binary is made of, into bytes that grow as needed. */

const LEB_BITS = 7
const LEB_MORE = 0x80
const SIGN_BIT = 0x40
const TEXT = new TextEncoder()

export class ByteWriter {
  #bytes = new Uint8Array(1024)
  /** Bytes written so far. */
  length = 0

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.length++] = value
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** An unsigned number of up to 32 bits. */
  u32(value: number): void {
    let rest = value
    while (rest >= LEB_MORE) {
      this.byte((rest % LEB_MORE) + LEB_MORE)
      rest = Math.floor(rest / LEB_MORE)
    }
    this.byte(rest)
  }

  /** A number of 32 bits as `i32.const` has it. */
  i32(value: number): void {
    let rest = value | 0
    for (;;) {
      const low = rest & (LEB_MORE - 1)
      rest >>= LEB_BITS
      const isLast = (rest === 0 && (low & SIGN_BIT) === 0) || (rest === -1 && (low & SIGN_BIT) !== 0)
      this.byte(isLast ? low : low | LEB_MORE)
      if (isLast) return
    }
  }

  name(text: string): void {
    const bytes = TEXT.encode(text)
    this.u32(bytes.length)
    this.raw(bytes)
  }

  /** Its length, then what was written to another. */
  sized(contents: ByteWriter): void {
    this.u32(contents.length)
    this.raw(contents.bytes)
  }

  #room(more: number): void {
    if (this.length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + more))
    larger.set(this.bytes)
    this.#bytes = larger
  }
}

/**
 * Writes the wire format of Protocol Buffers, as far as profiles need it: varints, lengths with bytes, packed lists.
 * (https://protobuf.dev/programming-guides/encoding)
 *
 * Fields that have their default value are left out, as proto3 has it. Numbers are whole and not negative; those above
 * 2^53 are given as bigint.
 */
const WIRE_VARINT = 0
const WIRE_LENGTH = 2
const SEVEN_BITS = 128

const encoder = new TextEncoder()

export class ProtobufWriter {
  #bytes = new Uint8Array(256)
  #length = 0

  /** What was written. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  number(field: number, value: number | bigint | boolean): void {
    if (!value) return
    this.#tag(field, WIRE_VARINT)
    this.#varint(typeof value === 'boolean' ? 1 : value)
  }

  /** Numbers of a repeated field, in one piece. */
  numbers(field: number, values: readonly number[]): void {
    if (values.length === 0) return
    const list = new ProtobufWriter()
    for (const value of values) list.#varint(value)
    this.#chunk(field, list)
  }

  /** An element of a repeated field: written also when empty. */
  text(field: number, value: string): void {
    const bytes = encoder.encode(value)
    this.#tag(field, WIRE_LENGTH)
    this.#varint(bytes.length)
    this.#append(bytes, bytes.length)
  }

  message(field: number, write: (message: ProtobufWriter) => void): void {
    const message = new ProtobufWriter()
    write(message)
    this.#chunk(field, message)
  }

  #chunk(field: number, from: ProtobufWriter): void {
    this.#tag(field, WIRE_LENGTH)
    this.#varint(from.#length)
    this.#append(from.#bytes, from.#length)
  }

  #tag(field: number, wire: number): void {
    this.#varint((field << 3) | wire)
  }

  #varint(value: number | bigint): void {
    this.#reserve(10)
    let rest = value
    // Bits of a number end at 32, so that longer ones are divided.
    if (typeof rest === 'bigint') {
      for (; rest >= BigInt(SEVEN_BITS); rest >>= 7n) this.#byte(Number(rest & 127n) | SEVEN_BITS)
      this.#byte(Number(rest))
      return
    }
    for (; rest >= SEVEN_BITS; rest = Math.floor(rest / SEVEN_BITS)) this.#byte((rest % SEVEN_BITS) | SEVEN_BITS)
    this.#byte(rest)
  }

  #byte(byte: number): void {
    this.#bytes[this.#length++] = byte
  }

  #append(bytes: Uint8Array, length: number): void {
    this.#reserve(length)
    this.#bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.#length)
    this.#length += length
  }

  #reserve(bytes: number): void {
    const least = this.#length + bytes
    if (least <= this.#bytes.length) return
    const longer = new Uint8Array(Math.max(least, this.#bytes.length * 2))
    longer.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = longer
  }
}

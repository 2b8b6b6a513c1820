/**
 * Reads as much of a WebAssembly binary as the tests of a module's shape need: what it imports, exports, and declares,
 * and how large each function is. By hand, so that what is checked does not depend on the tools that made the module.
 *
 * Format: WebAssembly Core Specification 2.0, chapter 5, "Binary Format".
 */

export type EntityKind = 'function' | 'table' | 'memory' | 'global' | 'tag'
const ENTITY_KINDS: readonly EntityKind[] = ['function', 'table', 'memory', 'global', 'tag']

export interface WasmModule {
  readonly bytes: number
  /** Ids of the sections in order; a data section is 11, a data count 12, a start function 8. */
  readonly sections: readonly number[]
  /** Names of the custom sections. */
  readonly custom: readonly string[]
  readonly imports: readonly { readonly module: string; readonly name: string; readonly kind: EntityKind }[]
  readonly exports: readonly { readonly name: string; readonly kind: EntityKind; readonly index: number }[]
  /** The module's own globals. */
  readonly globals: readonly { readonly isMutable: boolean }[]
  /** The module's own functions: index in the module's index space, bytes of the body. */
  readonly functions: readonly { readonly index: number; readonly bytes: number }[]
}

const [IMPORT, GLOBAL, EXPORT, CODE] = [2, 6, 7, 10]

export function readModule(binary: Uint8Array): WasmModule {
  const reader = new Reader(binary)
  if (reader.u32le() !== 0x6d736100 || reader.u32le() !== 1) throw new Error('not a WebAssembly module of version 1')
  const sections: number[] = []
  const custom: string[] = []
  let [imports, exports, globals, bodies]: [
    WasmModule['imports'],
    WasmModule['exports'],
    WasmModule['globals'],
    number[],
  ] = [[], [], [], []]
  while (!reader.isAtEnd) {
    const id = reader.byte()
    const section = reader.slice(reader.leb())
    sections.push(id)
    if (id === 0) custom.push(section.name())
    if (id === IMPORT) imports = section.vector(() => section.importEntry())
    if (id === GLOBAL) globals = section.vector(() => section.globalEntry())
    if (id === EXPORT)
      exports = section.vector(() => ({ name: section.name(), kind: section.kind(), index: section.leb() }))
    if (id === CODE) bodies = section.vector(() => section.skip(section.leb()))
    if (id === IMPORT || id === GLOBAL || id === EXPORT || id === CODE) section.expectEnd(id)
  }
  const imported = imports.filter(({ kind }) => kind === 'function').length
  const functions = bodies.map((bytes, i) => ({ index: imported + i, bytes }))
  return { bytes: binary.length, sections, custom, imports, exports, globals, functions }
}

class Reader {
  #at = 0
  constructor(readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length
  }

  expectEnd(section: number): void {
    if (!this.isAtEnd)
      throw new Error(`section ${section} has ${this.bytes.length - this.#at} bytes that were not understood`)
  }

  byte(): number {
    const byte = this.bytes[this.#at++]
    if (byte === undefined) throw new Error('the module ends too early')
    return byte
  }

  skip(bytes: number): number {
    this.#at += bytes
    return bytes
  }

  slice(bytes: number): Reader {
    const from = this.#at
    return new Reader(this.bytes.subarray(from, from + this.skip(bytes)))
  }

  u32le(): number {
    return this.byte() + this.byte() * 2 ** 8 + this.byte() * 2 ** 16 + this.byte() * 2 ** 24
  }

  /** An unsigned LEB128 number; of a signed one only the end matters here. */
  leb(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  vector<T>(entry: () => T): T[] {
    return Array.from({ length: this.leb() }, entry)
  }

  name(): string {
    return new TextDecoder().decode(this.slice(this.leb()).bytes)
  }

  kind(): EntityKind {
    const kind = ENTITY_KINDS[this.byte()]
    if (!kind) throw new Error('unknown kind of import or export')
    return kind
  }

  importEntry(): WasmModule['imports'][number] {
    const entry = { module: this.name(), name: this.name(), kind: this.kind() }
    if (entry.kind === 'function') this.leb()
    if (entry.kind === 'global' || entry.kind === 'tag') this.skip(2)
    if (entry.kind === 'table') this.byte()
    if (entry.kind === 'table' || entry.kind === 'memory') {
      const hasMaximum = (this.byte() & 1) === 1
      this.leb()
      if (hasMaximum) this.leb()
    }
    return entry
  }

  globalEntry(): WasmModule['globals'][number] {
    this.byte()
    const isMutable = this.byte() === 1
    this.constantExpression()
    return { isMutable }
  }

  constantExpression(): void {
    for (let opcode = this.byte(); opcode !== 0x0b; opcode = this.byte()) {
      if (opcode === 0x43) this.skip(4)
      else if (opcode === 0x44) this.skip(8)
      else if (opcode === 0x41 || opcode === 0x42 || opcode === 0x23 || opcode === 0xd2) this.leb()
      else throw new Error(`unknown constant instruction 0x${opcode.toString(16)}`)
    }
  }
}

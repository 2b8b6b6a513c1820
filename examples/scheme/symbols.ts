/**
 * Symbols: one object for each name, found through a hash table in the heap that grows with them. A symbol has its
 * global value in itself. What the language defines costs nothing until a program names it: the symbol is made then,
 * and gets the word of its keyword, primitive or procedure of the library.
 */
import {
  type Memory,
  NIL,
  REG_SYMBOLS,
  SYMBOL_HASH,
  SYMBOL_NAME,
  SYMBOL_NEXT,
  SYMBOL_VALUE,
  UNBOUND,
} from './memory.js'

const BUCKETS = 16
/** Chains are this long on average before the table doubles. */
const LOAD = 3
const encoder = new TextEncoder()

/** FNV-1a, of 30 bits so that it fits an integer. */
export function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  return (hash ^ (hash >>> 15)) & 0x3fffffff
}

export class Symbols {
  readonly #memory: Memory
  /** What the language defines, by name. */
  readonly #known: ReadonlyMap<string, number>
  #count = 0

  constructor(memory: Memory, known: ReadonlyMap<string, number>) {
    this.#memory = memory
    this.#known = known
    memory.setRegister(REG_SYMBOLS, memory.makeWords(memory.types.vector, BUCKETS, NIL))
  }

  get count(): number {
    return this.#count
  }

  /** The symbol of a name. May collect. */
  intern(name: string): number {
    const memory = this.#memory
    const bytes = encoder.encode(name)
    const hash = hashBytes(bytes)
    const found = this.#find(bytes, hash)
    if (found !== 0) return found
    if (this.#count >= (memory.length(memory.register(REG_SYMBOLS)) >>> 2) * LOAD) this.#grow()
    const made = memory.make(memory.types.symbol, SYMBOL_NAME + bytes.length)
    memory.u8.set(bytes, (made >>> 0) + SYMBOL_NAME)
    memory.i32[(made + SYMBOL_VALUE) >>> 2] = this.#known.get(name) ?? UNBOUND
    memory.i32[(made + SYMBOL_HASH) >>> 2] = hash
    this.#link(memory.register(REG_SYMBOLS), made)
    this.#count++
    return made
  }

  #find(bytes: Uint8Array, hash: number): number {
    const memory = this.#memory
    const table = memory.register(REG_SYMBOLS)
    let symbol = memory.load(table, (hash & ((memory.length(table) >>> 2) - 1)) * 4)
    for (; symbol !== NIL; symbol = memory.load(symbol, SYMBOL_NEXT)) {
      if (memory.load(symbol, SYMBOL_HASH) === hash && this.#isNamed(symbol, bytes)) return symbol
    }
    return 0
  }

  #isNamed(symbol: number, bytes: Uint8Array): boolean {
    const { u8 } = this.#memory
    const at = (symbol >>> 0) + SYMBOL_NAME
    if (this.#memory.length(symbol) !== SYMBOL_NAME + bytes.length) return false
    for (let i = 0; i < bytes.length; i++) if (u8[at + i] !== bytes[i]) return false
    return true
  }

  #link(table: number, symbol: number): void {
    const memory = this.#memory
    const bucket = (memory.load(symbol, SYMBOL_HASH) & ((memory.length(table) >>> 2) - 1)) * 4
    memory.store(symbol, SYMBOL_NEXT, memory.load(table, bucket))
    memory.store(table, bucket, symbol)
  }

  #grow(): void {
    const memory = this.#memory
    const buckets = (memory.length(memory.register(REG_SYMBOLS)) >>> 2) * 2
    const table = memory.makeWords(memory.types.vector, buckets, NIL)
    const old = memory.register(REG_SYMBOLS)
    for (let i = 0; i < buckets / 2; i++) {
      for (let symbol = memory.load(old, i * 4); symbol !== NIL; ) {
        const next = memory.load(symbol, SYMBOL_NEXT)
        this.#link(table, symbol)
        symbol = next
      }
    }
    memory.setRegister(REG_SYMBOLS, table)
  }
}

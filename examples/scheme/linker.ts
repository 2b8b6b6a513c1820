/** From code and data of the compiler to objects in the heap. What is half done lies in the stack meanwhile. */
import type { Code, Constant } from './generator.js'
import { character, FALSE, integer, type Memory, NIL, primitiveWord, TRUE } from './memory.js'
import { CODE_HEAD } from './opcodes.js'
import type { Symbols } from './symbols.js'
import { Char, List, type Node, Num, plainName, Sym, Vec, Word } from './syntax.js'

export class Linker {
  readonly #memory: Memory
  readonly #symbols: Symbols
  readonly #primitives: ReadonlyMap<string, number>

  constructor(memory: Memory, symbols: Symbols, primitives: ReadonlyMap<string, number>) {
    this.#memory = memory
    this.#symbols = symbols
    this.#primitives = primitives
  }

  /** A closure of code without free variables. May collect. */
  closure(code: Code): number {
    const memory = this.#memory
    memory.pushChecked(this.#code(code))
    return memory.makeOfTop(memory.types.closure, 1)
  }

  #code(code: Code): number {
    const memory = this.#memory
    const { words } = code
    memory.pushChecked(memory.makeWords(memory.types.code, CODE_HEAD + words.length, integer(0)))
    const slot = memory.sp - 1
    const name = code.name === '' ? NIL : this.#symbols.intern(code.name)
    memory.store(memory.i32[slot] as number, 0, name)
    const at = ((memory.i32[slot] as number) >>> 2) + 1
    memory.i32[at] = integer(code.facts)
    memory.i32[at + 1] = integer(code.line)
    words.forEach((word, i) => {
      const made = typeof word === 'number' ? word : this.#constant(word)
      memory.store(memory.i32[slot] as number, (CODE_HEAD + i) * 4, made)
    })
    return memory.pop()
  }

  #constant(constant: Constant): number {
    if ('datum' in constant) return this.datum(constant.datum)
    if ('symbol' in constant) return this.#symbols.intern(constant.symbol)
    if ('code' in constant) return this.#code(constant.code)
    return primitiveWord(this.#primitives.get(constant.primitive) as number)
  }

  /** A datum as the program has it. May collect. */
  datum(node: Node): number {
    const memory = this.#memory
    if (node instanceof Sym) return this.#symbols.intern(plainName(node))
    if (node instanceof List) return this.#list(node)
    if (node instanceof Vec) return this.#vector(node)
    if (node instanceof Num) return node.isExact ? memory.exact(node.value) : memory.float(node.value)
    if (node instanceof Char) return character(node.codePoint)
    if (node instanceof Word) return node.word
    if (typeof node === 'boolean') return node ? TRUE : FALSE
    return typeof node === 'string' ? memory.string(node) : memory.bytevector(node)
  }

  #list(list: List): number {
    const memory = this.#memory
    memory.pushChecked(list.tail === undefined ? NIL : this.datum(list.tail))
    for (let i = list.items.length - 1; i >= 0; i--) {
      const item = this.datum(list.items[i] as Node)
      const rest = memory.pop()
      memory.pushChecked(item)
      memory.push(rest)
      const pair = memory.pairOfTop()
      memory.sp -= 2
      memory.push(pair)
    }
    return memory.pop()
  }

  #vector(vector: Vec): number {
    const memory = this.#memory
    memory.pushChecked(memory.makeWords(memory.types.vector, vector.items.length, FALSE))
    const slot = memory.sp - 1
    vector.items.forEach((item, i) => {
      const made = this.datum(item)
      memory.store(memory.i32[slot] as number, i * 4, made)
    })
    return memory.pop()
  }
}

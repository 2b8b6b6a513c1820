/**
 * A Scheme over one heap: reader, compiler and machine put together. Everything that a program makes lies in the heap,
 * the compiled code and the symbols too; macros, and the compiler's trees while a form is compiled, are JavaScript's.
 */
import { SchemeError, SyntaxFault } from './errors.js'
import { type Definitions, Expander } from './expander.js'
import { type Code, generate } from './generator.js'
import { LIBRARY, OUTPUT_PARAMETER } from './library.js'
import { Linker } from './linker.js'
import { Machine, Op, type Primitive } from './machine.js'
import type { Macro } from './macros.js'
import {
  characterOf,
  FALSE,
  isCharacter,
  isInteger,
  libraryWord,
  Memory,
  type MemoryOptions,
  NIL,
  primitiveWord,
  REG_CONTINUE,
  REG_EXHAUSTED,
  REG_RAISE,
  TRUE,
  UNSPECIFIED,
} from './memory.js'
import { controlPrimitives, statePrimitives } from './primitives/control.js'
import type { Kit, Table } from './primitives/kit.js'
import { listPrimitives } from './primitives/lists.js'
import { numberPrimitives } from './primitives/numbers.js'
import { portPrimitives } from './primitives/ports.js'
import { tablePrimitives } from './primitives/tables.js'
import { characterPrimitives, stringPrimitives } from './primitives/text.js'
import { bytevectorPrimitives, vectorPrimitives } from './primitives/vectors.js'
import { NESTING_MAX, Reader } from './reader.js'
import { Symbols } from './symbols.js'
import { Char, List, type Node, Num, nodeAt, placeText, Sym, Vec, Word } from './syntax.js'
import { Writer } from './writer.js'

export interface SchemeOptions extends MemoryOptions {
  /** Where `display` and its like write to. Default: nowhere. */
  readonly print?: (text: string) => void
}

/** Arguments of a primitive without a limit of its own. */
const MANY = 0x3fffffff
/** Items of a list that `eval` takes. */
const ITEMS_MAX = 1_000_000
const SLOW_PATHS: readonly (readonly [Op, string, number])[] = [
  [Op.ADD, '+', 2],
  [Op.SUBTRACT, '-', 2],
  [Op.MULTIPLY, '*', 2],
  [Op.EQUAL, '=', 2],
  [Op.LESS, '<', 2],
  [Op.GREATER, '>', 2],
  [Op.AT_MOST, '<=', 2],
  [Op.AT_LEAST, '>=', 2],
  [Op.CAR, 'car', 1],
  [Op.CDR, 'cdr', 1],
  [Op.VECTOR_REF, 'vector-ref', 2],
  [Op.VECTOR_SET, 'vector-set!', 3],
]

export class Scheme {
  readonly memory: Memory
  readonly #symbols: Symbols
  readonly #machine: Machine
  readonly #linker: Linker
  readonly #writer: Writer
  readonly #expander: Expander
  /** Numbers of primitives, by name. */
  readonly #numbers = new Map<string, number>()
  /** Words of primitives and of procedures of the library, by name. */
  readonly #known = new Map<string, number>()

  constructor(options: SchemeOptions = {}) {
    const memory = new Memory(options)
    this.memory = memory
    const known = this.#known
    LIBRARY.forEach(([name], i) => {
      known.set(name, libraryWord(i))
    })
    this.#symbols = new Symbols(memory, known)
    this.#machine = new Machine(memory)
    this.#writer = new Writer(memory, {
      primitive: (index) => this.#machine.primitives[index]?.name ?? '',
      library: (index) => LIBRARY[index]?.[0] ?? '',
    })
    this.#linker = new Linker(memory, this.#symbols, this.#numbers)
    this.#expander = new Expander(this.#definitions())
    this.#addPrimitives(options.print ?? (() => undefined))
    this.#machine.loadLibrary = (index) => this.#loadLibrary(index)
    this.#machine.describe = (object) => this.#describe(object)
    this.#prepare()
  }

  // ---- running ------------------------------------------------------------------------------------------------------

  /**
   * Run all forms of a text; the value of the last, as `write` writes it, or nothing if it is of no interest.
   *
   * @throws SchemeError, SyntaxFault, SchemeExit
   */
  run(text: string, line = 1): string | undefined {
    const reader = new Reader(text, line)
    let value = UNSPECIFIED
    for (let form = reader.next(); form !== undefined; form = reader.next()) value = this.#evaluate(form)
    return value === UNSPECIFIED ? undefined : this.#writer.text(value, 'write')
  }

  /** Whether a text ends with a form that is not closed. */
  isIncomplete(text: string): boolean {
    const reader = new Reader(text)
    try {
      while (reader.next() !== undefined);
      return false
    } catch (error) {
      return error instanceof SyntaxFault && error.isIncomplete
    }
  }

  close(): void {
    this.memory.heap.close()
  }

  #evaluate(form: Node): number {
    const { memory } = this
    this.#machine.reset()
    this.#expander.reset()
    const code = compile(this.#expander, form, false)
    try {
      memory.push(this.#linker.closure(code))
    } catch (error) {
      throw this.#linkError(error)
    }
    return this.#machine.run()
  }

  /** The heap had no room for the code itself. */
  #linkError(error: unknown): unknown {
    return this.#machine.isRaised(error) ? new SchemeError(this.#describe(this.#machine.takeRaised(error))) : error
  }

  // ---- making -------------------------------------------------------------------------------------------------------

  #definitions(): Definitions {
    return {
      macros: new Map<string, Macro>(),
      redefined: new Set<string>(),
      isKnown: (name) => this.#known.has(name),
      isInternal: (name) => name.startsWith('%') && this.#known.has(name),
      isPrimitive: (name, operands) => {
        const primitive = this.#machine.primitives[this.#numbers.get(name) ?? -1]
        return (
          primitive !== undefined && !primitive.isControl && operands >= primitive.least && operands <= primitive.most
        )
      },
    }
  }

  #addPrimitives(print: (text: string) => void): void {
    const kit: Kit = {
      memory: this.memory,
      machine: this.#machine,
      symbols: this.#symbols,
      writer: this.#writer,
      print,
      datum: (node) => this.#linker.datum(node),
      compile: (slot) => this.#compile(this.memory.i32[slot] as number),
    }
    const tables: readonly Table[] = [
      numberPrimitives(kit),
      listPrimitives(kit),
      characterPrimitives(kit),
      stringPrimitives(kit),
      vectorPrimitives(kit),
      bytevectorPrimitives(kit),
      statePrimitives(kit),
      portPrimitives(kit),
      tablePrimitives(kit),
    ]
    for (const table of tables) this.#addTable(table, false)
    this.#addTable(controlPrimitives(kit), true)
    for (const [op, name, operands] of SLOW_PATHS) {
      this.#machine.slowPaths[op] = { ...this.#primitive(name), least: operands }
    }
  }

  #addTable(table: Table, isControl: boolean): void {
    const { primitives } = this.#machine
    for (const [name, [run, least, most = least]] of Object.entries(table)) {
      const number = primitives.length
      primitives.push({ name, run, least, most: most < 0 ? MANY : most, isControl })
      this.#numbers.set(name, number)
      this.#known.set(name, primitiveWord(number))
    }
  }

  /** What must be there when there is no memory left: the error that says so, and the way from it to a handler. */
  #prepare(): void {
    const { memory } = this
    memory.push(memory.string('out of memory'))
    memory.push(NIL)
    memory.push(NIL)
    memory.setRegister(REG_EXHAUSTED, memory.makeOfTop(memory.types.error, 3))
    for (const name of ['raise', '%continue', '%rewind']) this.#loadLibrary(LIBRARY.findIndex(([one]) => one === name))
    memory.setRegister(REG_RAISE, memory.load(this.#symbols.intern('raise'), 0))
    memory.setRegister(REG_CONTINUE, memory.load(this.#symbols.intern('%continue'), 0))
    this.#machine.reset()
  }

  #loadLibrary(index: number): void {
    const { memory } = this
    const [name, text] = LIBRARY[index] as (typeof LIBRARY)[number]
    if (name === OUTPUT_PARAMETER) {
      memory.push(this.#primitive('%output-parameter').run(memory.sp, 0))
      this.#define(name)
      return
    }
    const form = new Reader(text).next() as List
    const [, target, ...body] = form.items
    const { items, tail } = target as List
    const formals = items.length === 1 && tail !== undefined ? tail : new List(items.slice(1), 0, tail)
    const lambda = new Expander(this.#libraryDefinitions()).procedure(name, formals, body)
    memory.pushChecked(this.#linker.closure(generate(lambda, true)))
    this.#define(name)
  }

  /** Give a global the value on top of the stack. */
  #define(name: string): void {
    const symbol = this.#symbols.intern(name)
    this.memory.store(symbol, 0, this.memory.pop())
  }

  #primitive(name: string): Primitive {
    return this.#machine.primitives[this.#numbers.get(name) as number] as Primitive
  }

  /** The library is compiled as if the program had defined nothing. */
  #libraryDefinitions(): Definitions {
    return { ...this.#definitions(), redefined: new Set(), macros: new Map(), isInternal: () => false }
  }

  // ---- eval ---------------------------------------------------------------------------------------------------------

  #compile(expression: number): number {
    const expander = new Expander(this.#expander.definitions)
    try {
      return this.#linker.closure(compile(expander, this.#node(expression, 0), true))
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error
      return this.memory.fault(`eval: ${error.message.replace(/^0:0: /, '')}`)
    }
  }

  /** A datum of the heap as the compiler takes it. */
  #node(word: number, depth: number): Node {
    const { memory } = this
    const { types } = memory
    if (depth > NESTING_MAX) throw new SyntaxFault('nested too deeply')
    if (isInteger(word)) return new Num(word >> 1, true)
    if (isCharacter(word)) return new Char(characterOf(word))
    if (word === TRUE || word === FALSE) return word === TRUE
    if (word === NIL) return new List([])
    if (memory.isPair(word)) return this.#listNode(word, depth)
    if (memory.is(word, types.symbol)) return new Sym(memory.nameOf(word))
    if (memory.is(word, types.string)) return memory.textOf(word)
    if (memory.is(word, types.float)) return new Num(memory.floatOf(word), false)
    if (memory.is(word, types.bytevector)) return memory.bytesOf(word).slice()
    if (memory.is(word, types.vector)) {
      const items: Node[] = []
      for (let i = 0; i < memory.length(word); i += 4) items.push(this.#node(memory.load(word, i), depth + 1))
      return new Vec(items)
    }
    if ((word & 7) === 2) return new Word(word)
    throw new SyntaxFault(`${this.#writer.text(word, 'write')} is nothing that can be compiled`)
  }

  #listNode(list: number, depth: number): Node {
    const { memory } = this
    const items: Node[] = []
    let word = list
    for (; memory.isPair(word); word = memory.cdr(word)) {
      if (items.length > ITEMS_MAX) throw new SyntaxFault('a list without end')
      items.push(this.#node(memory.car(word), depth + 1))
    }
    return new List(items, 0, word === NIL ? undefined : this.#node(word, depth + 1))
  }

  // ---- errors -------------------------------------------------------------------------------------------------------

  #describe(object: number): string {
    const { memory } = this
    if (!memory.is(object, memory.types.error)) return `raised: ${this.#writer.text(object, 'write')}`
    const place = memory.load(object, 8)
    const where = isInteger(place) && place >> 1 !== 0 ? `${placeText(place >> 1)}: ` : ''
    return `${where}${this.#writer.error(object)}`
  }
}

/** A form as code. @throws SyntaxFault, also when it is nested more deeply than the compiler can follow */
function compile(expander: Expander, form: Node, isLibrary: boolean): Code {
  try {
    return generate(expander.program(form), isLibrary)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new SyntaxFault(`${placeText(nodeAt(form))}: nested too deeply`)
  }
}

/**
 * What a function's code does that a linker of allocators must know: which functions it calls or names, which constant
 * addresses it loads from and stores to, whether it grows the memory.
 *
 * One pass over the bytes. A stack of values is kept beside it, in which a value is a constant or not known; what a
 * block was entered with, or left over by an instruction that does not return, is not known. Compilers without
 * optimisation keep constants in locals, so a pass before finds the locals that are only ever set to one constant.
 *
 * An instruction that the tables lack gives a `ModuleError`: nothing is guessed.
 */
import { ByteReader } from './byte-reader.js'
import {
  ACCESS_BYTES,
  FIRST_LOAD,
  featureOfPrefixed,
  featureOfType,
  HAS_MEMORY_INDEX,
  type Immediates,
  INSTRUCTIONS,
  type Instruction,
  PREFIXED,
  VECTOR_BYTES,
  VECTOR_PREFIX,
} from './instructions.js'
import { type FunctionType, type ModuleTables, readValueType, typeOf } from './sections.js'

/** A load or a store at an address that is constant. */
export interface StaticAccess {
  readonly kind: 'load' | 'store'
  readonly address: number
  readonly bytes: number
}

/** The function that does the work of another, which passes its arguments as they are. */
export interface Forward {
  readonly index: number
  /** Whether nothing else is called. A linker's wrapper around an export runs constructors and destructors besides. */
  readonly isPlain: boolean
}

/** What one function does. */
export interface FunctionScan {
  /** Functions that it calls, by index, each once. */
  readonly calls: ReadonlySet<number>
  /** Functions that it takes a reference to. */
  readonly references: ReadonlySet<number>
  readonly accesses: readonly StaticAccess[]
  readonly growsMemory: boolean
  /** Whether it loads or stores anything. */
  readonly usesMemory: boolean
  /** Functions that it calls and whose result it takes for a block: it loads the word before it. */
  readonly headersRead: ReadonlySet<number>
  /** Extensions of WebAssembly that it has instructions of, by their names in `target_features`. */
  readonly features: ReadonlySet<string>
  /** Undefined when there is more to it than one call with its own arguments. */
  readonly forward: Forward | undefined
}

const UNREACHABLE = 0x00
const BLOCK = 0x02
const LOOP = 0x03
const IF = 0x04
const ELSE = 0x05
const TRY = 0x06
const CATCH = 0x07
const THROW = 0x08
const RETHROW = 0x09
const THROW_REFERENCE = 0x0a
const END = 0x0b
const BRANCH = 0x0c
const BRANCH_IF = 0x0d
const BRANCH_TABLE = 0x0e
const RETURN = 0x0f
const CALL = 0x10
const CALL_INDIRECT = 0x11
const TAIL_CALL = 0x12
const TAIL_CALL_INDIRECT = 0x13
const CALL_REFERENCE = 0x14
const TAIL_CALL_REFERENCE = 0x15
const DELEGATE = 0x18
const CATCH_ALL = 0x19
const TRY_TABLE = 0x1f
const LOCAL_GET = 0x20
const LOCAL_SET = 0x21
const LOCAL_TEE = 0x22
const MEMORY_GROW = 0x40
const I32_CONST = 0x41
const I32_ADD = 0x6a
const I32_SUB = 0x6b
const TABLE_GET = 0x25
const TABLE_SET = 0x26
const REF_NULL = 0xd0
const REF_FUNC = 0xd2

/** What calls and control instructions belong to that not every engine knows. */
const FEATURES_OF_CONTROL = new Map<number, string>([
  ...[TRY, CATCH, THROW, RETHROW, THROW_REFERENCE, DELEGATE, CATCH_ALL, TRY_TABLE].map((code): [number, string] => [
    code,
    'exception-handling',
  ]),
  ...[TAIL_CALL, TAIL_CALL_INDIRECT, TAIL_CALL_REFERENCE].map((code): [number, string] => [code, 'tail-call']),
])

/** Block types that are followed by what they refer to: `(ref null …)` and `(ref …)`. */
const REFERENCE_BLOCKS = [-29n, -28n]
/** Catch clauses of `try_table` from here on have no tag. */
const CATCH_ALL_CLAUSE = 2

/** What a call gave, or an address just below it, where allocators keep the headers of blocks. */
interface CallResult {
  readonly callee: number
  readonly isBelow: boolean
}

/** A value on the stack: a constant, what a call gave, or not known. */
type Value = number | CallResult | undefined
/** How far below a block its header is looked for: one word or two. */
const HEADER_BYTES = [4, 8]

interface Block {
  /** Height of the stack below it. What it takes from there is not known inside. */
  readonly floor: number
  /** How many values it gives. */
  readonly results: number
}

const EMPTY_BLOCK = -64n

/** Scans a function of the module's own. Throws `ModuleError` for code that is damaged or not known. */
export function scanFunction(tables: ModuleTables, index: number, name: string): FunctionScan {
  const first = new FunctionScanner(tables, index, name, new Map())
  first.scan()
  const constants = first.constantLocals()
  if (constants.size === 0) return first
  const second = new FunctionScanner(tables, index, name, constants)
  second.scan()
  return second
}

class FunctionScanner implements FunctionScan {
  readonly calls = new Set<number>()
  readonly references = new Set<number>()
  readonly accesses: StaticAccess[] = []
  growsMemory = false
  usesMemory = false
  readonly features = new Set<string>()
  readonly headersRead = new Set<number>()
  readonly #tables: ModuleTables
  readonly #type: FunctionType
  readonly #reader: ByteReader
  readonly #constants: ReadonlyMap<number, number>
  /** What each local is set to; undefined when that is more than one constant. */
  readonly #sets = new Map<number, number | undefined>()
  /** What a local was set to last, when a call gave it. */
  readonly #results = new Map<number, CallResult>()
  readonly #forwarding: Forwarding
  readonly #stack: Value[] = []
  /** Open blocks, the function's own first. */
  readonly #blocks: Block[] = []

  constructor(tables: ModuleTables, index: number, name: string, constants: ReadonlyMap<number, number>) {
    const body = tables.bodies[index - tables.importedFunctions] ?? { offset: 0, bytes: 0 }
    this.#tables = tables
    this.#type = typeOf(tables, index)
    this.#reader = new ByteReader(tables.bytes, body.offset, body.offset + body.bytes, `function '${name}'`)
    this.#constants = constants
    this.#forwarding = new Forwarding(this.#type.params.length)
  }

  get forward(): Forward | undefined {
    return this.#forwarding.result
  }

  scan(): void {
    const reader = this.#reader
    for (let i = 0; i < this.#type.params.length; i++) this.#sets.set(i, undefined)
    reader.vector(() => {
      reader.u32()
      this.#noteType(readValueType(reader))
    })
    this.#blocks.push({ floor: 0, results: this.#type.results.length })
    while (this.#blocks.length > 0) this.#step(reader.byte())
    if (!reader.isAtEnd) throw reader.error('code follows the end of the function')
  }

  /** Locals, parameters excepted, that are set to one constant wherever they are set. */
  constantLocals(): Map<number, number> {
    const found = new Map<number, number>()
    for (const [local, value] of this.#sets) if (value !== undefined) found.set(local, value)
    return found
  }

  // ---- the stack ----

  #pop(): Value {
    return this.#stack.length > (this.#blocks.at(-1)?.floor ?? 0) ? this.#stack.pop() : undefined
  }

  #pops(count: number): void {
    for (let i = 0; i < count; i++) this.#pop()
  }

  #pushes(count: number): void {
    for (let i = 0; i < count; i++) this.#stack.push(undefined)
  }

  /** Nothing behind it is reached: what stands on the stack is gone. */
  #leave(): void {
    this.#stack.length = this.#blocks.at(-1)?.floor ?? 0
  }

  // ---- instructions ----

  #step(code: number): void {
    const prefixed = PREFIXED[code]
    if (prefixed) {
      this.#forwarding.other()
      this.#prefixed(code, prefixed)
      return
    }
    const plain = INSTRUCTIONS[code]
    if (plain) this.#plain(code, plain)
    else this.#control(code)
  }

  #plain(code: number, instruction: Instruction): void {
    const reader = this.#reader
    if (code === LOCAL_GET || code === LOCAL_SET || code === LOCAL_TEE) this.#local(code, reader.u32())
    else {
      this.#forwarding.other()
      if (code >= REF_NULL || code === TABLE_GET || code === TABLE_SET) this.features.add('reference-types')
      if (code === I32_CONST) this.#stack.push(reader.i32())
      else if (code === I32_ADD || code === I32_SUB) this.#add(code === I32_ADD ? 1 : -1)
      else if (code === REF_FUNC) {
        this.references.add(reader.u32())
        this.#stack.push(undefined)
      } else if (instruction.immediates === 'memory') {
        const first = ACCESS_BYTES[code - FIRST_LOAD] ?? 1
        this.#access(instruction, this.#memoryOffset(), first)
      } else {
        if (code === MEMORY_GROW) this.growsMemory = true
        this.#skip(instruction.immediates)
        this.#pops(instruction.pops)
        this.#pushes(instruction.pushes)
      }
    }
  }

  #local(code: number, local: number): void {
    if (code === LOCAL_GET) {
      this.#forwarding.localGet(local)
      this.#stack.push(this.#constants.get(local) ?? this.#results.get(local))
      return
    }
    this.#forwarding.other()
    const value = this.#pop()
    const constant = typeof value === 'number' ? value : undefined
    const isSame = !this.#sets.has(local) || this.#sets.get(local) === constant
    this.#sets.set(local, isSame ? constant : undefined)
    if (typeof value === 'object') this.#results.set(local, value)
    else this.#results.delete(local)
    if (code === LOCAL_TEE) this.#stack.push(value)
  }

  /** Addition, or with `sign` -1 subtraction. */
  #add(sign: 1 | -1): void {
    const right = this.#pop()
    const left = this.#pop()
    if (typeof right !== 'number') this.#stack.push(undefined)
    else if (typeof left === 'number') this.#stack.push((left + sign * right) >>> 0)
    else {
      const isBelow = HEADER_BYTES.includes((-sign * right) >>> 0)
      this.#stack.push(left && isBelow ? { callee: left.callee, isBelow } : undefined)
    }
  }

  #prefixed(prefix: number, table: readonly (Instruction | undefined)[]): void {
    const reader = this.#reader
    const start = reader.at - 1
    const code = reader.u32()
    const instruction = table[code]
    if (!instruction) throw reader.error(`instruction 0x${prefix.toString(16)} ${code} is not known`, start)
    const feature = featureOfPrefixed(prefix, code)
    if (feature !== undefined) this.features.add(feature)
    const { immediates, pops, pushes } = instruction
    if (immediates === 'memory' || immediates === 'memory-and-lane') {
      const offset = this.#memoryOffset()
      if (immediates === 'memory-and-lane') reader.byte()
      const isWhole = prefix === VECTOR_PREFIX && (code === 0 || code === 11)
      this.#access(instruction, offset, isWhole ? VECTOR_BYTES : 1)
      return
    }
    this.#skip(immediates)
    this.#pops(pops)
    this.#pushes(pushes)
  }

  /** A load or a store: the address lies under the other values. */
  #access({ pops, pushes }: Instruction, offset: number, bytes: number): void {
    this.usesMemory = true
    this.#pops(pops - 1)
    const base = this.#pop()
    this.#pushes(pushes)
    if (typeof base === 'object' && base.isBelow && pushes > 0) this.headersRead.add(base.callee)
    if (typeof base !== 'number') return
    const address = base + offset
    if (pushes > 0) this.accesses.push({ kind: 'load', address, bytes })
    // An atomic operation that gives the old value has stored as well.
    if (pushes === 0 || pops > 1) this.accesses.push({ kind: 'store', address, bytes })
  }

  #memoryOffset(): number {
    if (this.#reader.u32() & HAS_MEMORY_INDEX) this.#reader.u32()
    return this.#reader.u32()
  }

  #skip(immediates: Immediates): void {
    const reader = this.#reader
    if (immediates === 'index') reader.u32()
    else if (immediates === 'two-indices') {
      reader.u32()
      reader.u32()
    } else if (immediates === 'types') reader.vector(() => this.#noteType(readValueType(reader)))
    else if (immediates === 'number') reader.skipNumber()
    else if (immediates === 'byte') reader.skip(1)
    else if (immediates === '4-bytes') reader.skip(4)
    else if (immediates === '8-bytes') reader.skip(8)
    else if (immediates === '16-bytes') reader.skip(16)
  }

  #noteType(type: string): void {
    const feature = featureOfType(type)
    if (feature !== undefined) this.features.add(feature)
  }

  #control(code: number): void {
    const reader = this.#reader
    const feature = FEATURES_OF_CONTROL.get(code)
    if (feature !== undefined) this.features.add(feature)
    switch (code) {
      case CALL:
      case TAIL_CALL:
        this.#call(reader.u32(), code === TAIL_CALL)
        return
      case END:
        this.#end()
        return
      case RETURN:
        this.#forwarding.returns()
        this.#leave()
        return
    }
    this.#forwarding.other()
    switch (code) {
      case IF:
      case BLOCK:
      case LOOP:
      case TRY:
      case TRY_TABLE:
        if (code === IF) this.#pop()
        this.#open(code)
        return
      case CALL_INDIRECT:
      case TAIL_CALL_INDIRECT:
      case CALL_REFERENCE:
      case TAIL_CALL_REFERENCE:
        this.#callThrough(code)
        return
      case BRANCH_IF:
        reader.u32()
        this.#pop()
        return
    }
    this.#leaving(code)
  }

  /** Instructions behind which the stack begins anew. */
  #leaving(code: number): void {
    const reader = this.#reader
    if (code === BRANCH || code === THROW || code === RETHROW || code === CATCH) reader.u32()
    else if (code === BRANCH_TABLE) {
      reader.vector(() => reader.u32())
      reader.u32()
    } else if (code === DELEGATE) {
      reader.u32()
      this.#end()
      return
    } else if (code !== UNREACHABLE && code !== THROW_REFERENCE && code !== ELSE && code !== CATCH_ALL) {
      throw reader.error(`instruction 0x${code.toString(16)} is not known`, reader.at - 1)
    }
    this.#leave()
  }

  #call(target: number, isTail: boolean): void {
    const { params, results } = typeOf(this.#tables, target)
    this.calls.add(target)
    this.#forwarding.call(target, params.length === 0 && results.length === 0)
    this.#pops(params.length)
    if (results.length === 1) this.#stack.push({ callee: target, isBelow: false })
    else this.#pushes(results.length)
    if (isTail) this.#leave()
  }

  #callThrough(code: number): void {
    const { params, results } = this.#tables.types[this.#reader.u32()] ?? { params: [], results: [] }
    if (code === CALL_INDIRECT || code === TAIL_CALL_INDIRECT) this.#reader.u32()
    this.#pops(params.length + 1)
    this.#pushes(results.length)
    if (code === TAIL_CALL_INDIRECT || code === TAIL_CALL_REFERENCE) this.#leave()
  }

  #open(code: number): void {
    const reader = this.#reader
    const type = reader.signed(5)
    if (REFERENCE_BLOCKS.includes(type)) reader.skipNumber()
    const signature = type >= 0n ? this.#tables.types[Number(type)] : undefined
    this.#pops(signature?.params.length ?? 0)
    if (code === TRY_TABLE) {
      reader.vector(() => {
        if (reader.byte() < CATCH_ALL_CLAUSE) reader.u32()
        reader.u32()
      })
    }
    const results = signature?.results.length ?? (type === EMPTY_BLOCK ? 0 : 1)
    this.#blocks.push({ floor: this.#stack.length, results })
  }

  #end(): void {
    const { floor, results } = this.#blocks.pop() ?? { floor: 0, results: 0 }
    this.#stack.length = floor
    this.#pushes(results)
    if (this.#blocks.length > 0) this.#forwarding.other()
  }
}

/** Follows the instructions of a function to see whether all it does is to pass its arguments on. */
class Forwarding {
  readonly #params: number
  /** Arguments pushed so far, in their order. */
  #pushed = 0
  #target: number | undefined
  #isPlain = true
  #isBroken = false

  constructor(params: number) {
    this.#params = params
  }

  get result(): Forward | undefined {
    if (this.#isBroken || this.#target === undefined) return undefined
    return { index: this.#target, isPlain: this.#isPlain }
  }

  localGet(local: number): void {
    if (this.#target === undefined && local === this.#pushed) this.#pushed++
    else this.#isBroken = true
  }

  /** @param isBare it neither takes nor gives anything */
  call(target: number, isBare: boolean): void {
    if (isBare && (this.#pushed === 0 || this.#target !== undefined)) this.#isPlain = false
    else if (this.#target === undefined && this.#pushed === this.#params) this.#target = target
    else this.#isBroken = true
  }

  returns(): void {
    if (this.#target === undefined) this.#isBroken = true
  }

  other(): void {
    this.#isBroken = true
  }
}

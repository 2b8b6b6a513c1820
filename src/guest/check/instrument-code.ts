/**
 * The code of one function, with what is put in. See `instrument.ts`.
 *
 * A check stands directly in front of what it checks, so that the values on the stack are those of the instruction:
 * what stands above the address is put into locals added for it, and back. The checker's functions give back the
 * address, so a load needs no local.
 *
 * In front of each call a global becomes a hash of the way by which it is reached, from that of the function that calls
 * and the place: who is called by the same way has the same hash (Bond and McKinley, Probabilistic calling context,
 * 2007). The allocator is told it, so that the engine need not be asked for a stack that is known.
 */

import { ByteWriter } from '../byte-writer.js'
import { type BodyStart, CALL, CodeWalker, codeStart, END, GLOBAL_SET, TAIL_CALL } from '../code-walker.js'
import type { GuestModule } from '../module.js'
import type { AllocatorRole } from '../roles.js'
import { type FunctionType, typeOf } from '../sections.js'
import { type Access, accessOf, type OperandType } from './accesses.js'
import type { CodePlaces } from './code-places.js'
import type { StackPlan } from './stack-plan.js'

/** What is put into the code of a module; functions by their indices afterwards. */
export interface CodePlan {
  readonly module: GuestModule
  /** Functions of the allocator, by their index before, and what takes their place. */
  readonly replaced: ReadonlyMap<number, Replacement>
  /** The global with the hash of the way to the call at hand; undefined when no function of the allocator needs it. */
  readonly context: number | undefined
  readonly stack: (StackPlan & { readonly low: number; readonly overflow: number }) | undefined
  /** Functions from which the program may exit, and what takes their locals. */
  readonly exiting: ReadonlySet<number>
  readonly spill: number
  /** The checker's functions by the bytes of an access. */
  readonly checks:
    | {
        readonly loads: ReadonlyMap<number, number>
        readonly stores: ReadonlyMap<number, number>
        readonly range: number
      }
    | undefined
  mapFunction(index: number): number
  /** The index of the type of a block that gives what a function does. */
  blockType(type: FunctionType): number
}

export interface Replacement {
  readonly role: AllocatorRole
  readonly target: number
}

const TRY = 0x06
const CATCH_ALL = 0x19
const RETHROW = 0x09
const IF = 0x04
const EMPTY_BLOCK = 0x40
const LOCAL_GET = 0x20
const LOCAL_SET = 0x21
const LOCAL_TEE = 0x22
const GLOBAL_GET = 0x23
const I32_CONST = 0x41
const I32_LESS = 0x48
const I64_CONST = 0x42
const I64_ADD = 0x7c
const I64_MULTIPLY = 0x7e
const I64_SHIFT_RIGHT = 0x88
const I32_WRAP = 0xa7
/** Instructions that call: directly, through a table, by reference; and as the last thing that a function does. */
const CALLS = new Set([CALL, 0x11, TAIL_CALL, 0x13, 0x14, 0x15])
/** Odd, and with bits all over, so that hashes spread. */
const CONTEXT_FACTOR = 0x5851f42d
const SITE_FACTOR = 0x9e3779b1
const BULK_PREFIX = 0xfc
const MEMORY_INIT = 8
const MEMORY_COPY = 10
const MEMORY_FILL = 11
const TYPE_CODES: Readonly<Record<OperandType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** Writes a function that calls what takes its place. */
export function writeReplacement(
  plan: CodePlan,
  index: number,
  { target }: Replacement,
  out: ByteWriter,
  places: CodePlaces,
): void {
  const body = new ByteWriter()
  body.u32(0)
  typeOf(plan.module, index).params.forEach((_, param) => {
    body.byte(LOCAL_GET)
    body.u32(param)
  })
  if (plan.context !== undefined) writeContext(body, plan.context)
  body.byte(CALL)
  body.u32(target)
  body.byte(END)
  out.u32(body.length)
  places.enter(out.length, plan.module.bodies[index - plan.module.importedFunctions]?.offset ?? 0, index, true)
  out.raw(body.bytes)
}

/** Pushes the hash as two numbers of 32 bits, the lower first. */
function writeContext(body: ByteWriter, context: number): void {
  body.byte(GLOBAL_GET)
  body.u32(context)
  body.byte(I32_WRAP)
  body.byte(GLOBAL_GET)
  body.u32(context)
  body.byte(I64_CONST)
  body.i32(32)
  body.byte(I64_SHIFT_RIGHT)
  body.byte(I32_WRAP)
}

/** Writes a function with what is put into it. */
export function rewriteBody(plan: CodePlan, index: number, out: ByteWriter, places: CodePlaces): void {
  new BodyWriter(plan, index).write(out, places)
}

class BodyWriter {
  readonly #plan: CodePlan
  readonly #index: number
  readonly #locals: BodyStart
  readonly #type: FunctionType
  readonly #code = new ByteWriter()
  /** Where stretches begin in the new code, and in the module. */
  readonly #stretches: { readonly to: number; readonly from: number; readonly isPutIn: boolean }[] = []
  /** Types of the locals added, by what each is for; in order. */
  readonly #added = new Map<string, OperandType>()
  /** The first added local's index. */
  readonly #firstAdded: number
  /** Start of what was not copied yet. */
  #uncopied: number

  constructor(plan: CodePlan, index: number) {
    this.#plan = plan
    this.#index = index
    this.#locals = codeStart(plan.module, index)
    this.#type = typeOf(plan.module, index)
    this.#uncopied = this.#locals.at
    this.#firstAdded = this.#locals.types.reduce((sum, { count }) => sum + count, this.#type.params.length)
  }

  write(out: ByteWriter, places: CodePlaces): void {
    const isExiting = this.#plan.exiting.has(this.#index)
    if (isExiting) this.#openTry()
    this.#walk()
    if (isExiting) this.#spillLocals()
    const head = new ByteWriter()
    head.u32(this.#locals.types.length + this.#added.size)
    head.raw(this.#locals.raw)
    for (const type of this.#added.values()) {
      head.u32(1)
      head.byte(TYPE_CODES[type])
    }
    if (this.#added.has(CONTEXT_LOCAL) && this.#plan.context !== undefined) {
      head.byte(GLOBAL_GET)
      head.u32(this.#plan.context)
      head.byte(LOCAL_SET)
      head.u32(this.#local(CONTEXT_LOCAL, 'i64'))
    }
    out.u32(head.length + this.#code.length)
    out.raw(head.bytes)
    for (const { to, from, isPutIn } of this.#stretches) places.enter(out.length + to, from, this.#index, isPutIn)
    out.raw(this.#code.bytes)
  }

  #walk(): void {
    const { bytes } = this.#plan.module
    const { at, end } = this.#locals
    const walker = new CodeWalker(bytes, at, end, `function '${this.#plan.module.nameOf(this.#index)}'`)
    while (walker.next()) this.#step(walker)
    this.#copyTo(end)
  }

  #step(walker: CodeWalker): void {
    const { code, prefix } = walker
    if (prefix === 0) {
      if (CALLS.has(code)) this.#enterContext(walker)
      if (walker.namesFunction) this.#mapCall(walker)
      else if (code === GLOBAL_SET && walker.index === this.#plan.stack?.pointer) this.#watchStack(walker.start)
    }
    if (!this.#plan.checks) return
    const access = accessOf(prefix, code)
    if (access) this.#check(walker, access)
    else if (prefix === BULK_PREFIX) this.#checkRange(walker)
  }

  // ---- copying ----

  /** Copies what comes before `until`; a stretch begins there. */
  #copyTo(until: number): void {
    if (until > this.#uncopied) {
      this.#stretches.push({ to: this.#code.length, from: this.#uncopied, isPutIn: false })
      this.#code.raw(this.#plan.module.bytes.subarray(this.#uncopied, until))
    }
    this.#uncopied = until
    // What is put in next belongs to the instruction that follows.
    this.#stretches.push({ to: this.#code.length, from: until, isPutIn: true })
  }

  #op(code: number, index?: number): void {
    this.#code.byte(code)
    if (index !== undefined) this.#code.u32(index)
  }

  #constant(value: number): void {
    this.#code.byte(I32_CONST)
    this.#code.i32(value)
  }

  #mapCall({ code, index, start, end }: CodeWalker): void {
    const mapped = this.#plan.mapFunction(index)
    if (mapped === index) return
    this.#copyTo(start)
    this.#op(code, mapped)
    this.#uncopied = end
  }

  /** In front of a call of the module's own functions: the hash of the way to it. */
  #enterContext({ code, index, start }: CodeWalker): void {
    const { context, module } = this.#plan
    if (context === undefined) return
    if ((code === CALL || code === TAIL_CALL) && index < module.importedFunctions) return
    this.#copyTo(start)
    this.#op(LOCAL_GET, this.#local(CONTEXT_LOCAL, 'i64'))
    this.#op(I64_CONST)
    this.#code.i32(CONTEXT_FACTOR)
    this.#op(I64_MULTIPLY)
    this.#op(I64_CONST)
    this.#code.i32(Math.imul(start, SITE_FACTOR))
    this.#op(I64_ADD)
    this.#op(GLOBAL_SET, context)
  }

  // ---- exits ----

  /** A block around all code, which gives what the function gives. */
  #openTry(): void {
    const { results } = this.#type
    this.#op(TRY)
    const single = results.length === 1 ? TYPE_CODES[results[0] as OperandType] : undefined
    if (results.length === 0) this.#op(EMPTY_BLOCK)
    else if (single !== undefined) this.#op(single)
    // The index of a type is a signed number, too.
    else this.#code.i32(this.#plan.blockType(this.#type))
  }

  /** Ends the block around all code; what is thrown goes on when the locals have been given. */
  #spillLocals(): void {
    // The function's own end is the block's: the handler comes before it.
    this.#code.length--
    this.#op(CATCH_ALL)
    let local = 0
    const spill = (type: string, count: number) => {
      for (let i = 0; i < count; i++, local++) {
        if (type !== 'i32') continue
        this.#op(LOCAL_GET, local)
        this.#op(CALL, this.#plan.spill)
      }
    }
    for (const type of this.#type.params) spill(type, 1)
    for (const { type, count } of this.#locals.types) spill(type, count)
    this.#op(RETHROW, 0)
    this.#op(END)
    this.#op(END)
  }

  // ---- the stack ----

  /** In front of `global.set __stack_pointer`: the lowest value is kept. */
  #watchStack(start: number): void {
    const { stack } = this.#plan
    if (!stack) return
    this.#copyTo(start)
    const value = this.#local('pointer', 'i32')
    this.#op(LOCAL_TEE, value)
    this.#op(GLOBAL_GET, stack.low)
    this.#op(I32_LESS)
    this.#op(IF, EMPTY_BLOCK)
    this.#op(LOCAL_GET, value)
    this.#op(GLOBAL_SET, stack.low)
    this.#op(LOCAL_GET, value)
    this.#constant(stack.limit)
    this.#op(I32_LESS)
    this.#op(IF, EMPTY_BLOCK)
    this.#op(LOCAL_GET, value)
    this.#op(CALL, stack.overflow)
    this.#op(END)
    this.#op(END)
    this.#op(LOCAL_GET, value)
  }

  // ---- accesses ----

  #check({ start, offset }: CodeWalker, { bytes, isWrite, operands }: Access): void {
    const { checks } = this.#plan
    const target = (isWrite ? checks?.stores : checks?.loads)?.get(bytes)
    if (target === undefined) return
    this.#copyTo(start)
    this.#around(operands, () => {
      this.#constant(offset)
      this.#op(CALL, target)
    })
  }

  /** `memory.fill`, `memory.copy`, `memory.init`: destination, value or source, bytes. */
  #checkRange({ start, code }: CodeWalker): void {
    const { checks } = this.#plan
    if (!checks || (code !== MEMORY_FILL && code !== MEMORY_COPY && code !== MEMORY_INIT)) return
    this.#copyTo(start)
    const [destination, source, bytes] = RANGE_LOCALS.map((name) => this.#local(name, 'i32')) as [
      number,
      number,
      number,
    ]
    for (const local of [bytes, source, destination]) this.#op(LOCAL_SET, local)
    const check = (address: number, isWrite: number) => {
      this.#op(LOCAL_GET, address)
      this.#op(LOCAL_GET, bytes)
      this.#constant(isWrite)
      this.#op(CALL, checks.range)
    }
    if (code === MEMORY_COPY) check(source, 0)
    check(destination, 1)
    for (const local of [destination, source, bytes]) this.#op(LOCAL_GET, local)
  }

  /** Does something with what lies below the operands. */
  #around(operands: readonly OperandType[], act: () => void): void {
    const places = operands.map((type, i) => this.#local(`${type} operand ${i}`, type))
    for (const local of [...places].reverse()) this.#op(LOCAL_SET, local)
    act()
    for (const local of places) this.#op(LOCAL_GET, local)
  }

  /** The local that was added for a purpose. */
  #local(purpose: string, type: OperandType): number {
    if (!this.#added.has(purpose)) this.#added.set(purpose, type)
    return this.#firstAdded + [...this.#added.keys()].indexOf(purpose)
  }
}

/** What added locals are for. */
const CONTEXT_LOCAL = 'context'
const RANGE_LOCALS = ['destination', 'source', 'bytes']

/**
 * The machine: instructions, and the loop that runs them on the heap's shadow stack. There is one loop, and it never
 * calls itself: procedures of the language call each other by frames on that stack, so that tail calls need no space,
 * a continuation is a copy of the stack, and deep recursion ends with an error of the program.
 *
 * Between two allocations the loop keeps what it needs in variables: the stack's top, the frame, the code object, the
 * place in it. Before whatever may collect or raise it writes them back, and reads the code's address anew behind it.
 */
import { SchemeError } from './errors.js'
import {
  boolean,
  FALSE,
  INTEGER_MAX,
  INTEGER_MIN,
  integer,
  integerOf,
  isLibrary,
  isPrimitive,
  libraryOf,
  type Memory,
  NIL,
  OutOfMemoryError,
  primitiveOf,
  RAISED,
  REG_CONTINUE,
  REG_EXHAUSTED,
  REG_HANDLERS,
  REG_RAISE,
  REG_RAISED,
  REG_WINDERS,
  REGISTERS,
  UNASSIGNED,
  UNBOUND,
  UNSPECIFIED,
} from './memory.js'
import {
  CODE_FACTS,
  CODE_HEAD,
  CODE_LINE,
  FACT_REQUIRED_MASK,
  FACT_REST,
  FACT_SLOTS_SHIFT,
  LINE_OF_LIBRARY,
  placeOfInstruction,
} from './opcodes.js'

// biome-ignore lint/suspicious/noConstEnum: its members become literals, which makes the machine's switch a jump table
export const enum Op {
  /** The next word. */
  CONSTANT,
  /** The operand, an integer. */
  INTEGER,
  FALSE,
  UNSPECIFIED,
  UNASSIGNED,
  LOCAL,
  /** Pops. */
  SET_LOCAL,
  /** A local that is a box. */
  LOCAL_BOX,
  SET_LOCAL_BOX,
  FREE,
  FREE_BOX,
  SET_FREE_BOX,
  /** The closure that runs. */
  SELF,
  /** Raise an error if the top of the stack is no value yet. */
  CHECK,
  /** The value of the symbol in the next word. */
  GLOBAL,
  /** Pops a value and pushes the unspecified one. */
  SET_GLOBAL,
  /** The same. */
  DEFINE_GLOBAL,
  /** Relative to the next instruction. */
  JUMP,
  JUMP_FALSE,
  /** Jump with the value left where it is if it is true; else pop it. */
  JUMP_TRUE_KEEP,
  /** Begin a call: the operand is where it returns to, relative to the next instruction. */
  FRAME,
  CALL,
  TAIL_CALL,
  RETURN,
  POP,
  /** Take so many slots from under the top. */
  LEAVE,
  /** Put the local into a new box. */
  BOX,
  /** A closure of the code in the next word, and of so many values on top of the stack. */
  CLOSURE,
  /** Call the primitive in the next word with `a` arguments. */
  PRIMITIVE,
  /** So many values go to the slots below a depth, which is in the next word, and on at the place in the one after. */
  LOOP,
  ADD,
  SUBTRACT,
  MULTIPLY,
  EQUAL,
  LESS,
  GREATER,
  AT_MOST,
  AT_LEAST,
  EQ,
  NOT,
  IS_NULL,
  IS_PAIR,
  CAR,
  CDR,
  CONS,
  VECTOR_REF,
  VECTOR_SET,
}

const TYPE_MASK = 0xfffff
/** Words of a continuation before the stack's. */
const CONTINUATION_HEAD = 3
/** Words below the first argument that belong to a frame. */
const BELOW = 3
/** What a control primitive answers that has replaced the whole stack: its value is on top. */
export const RESUMED = -1

export const FIELD_MAKER = 0
export const FIELD_PREDICATE = 1
export const FIELD_ACCESSOR = 2
export const FIELD_MODIFIER = 3
const FIELD_KIND_BITS = 2

/** What a primitive is. `at`: index of the first of `count` arguments on the stack. */
export interface Primitive {
  readonly name: string
  readonly least: number
  readonly most: number
  readonly run: (at: number, count: number) => number
  /** It calls something: it writes a procedure and arguments from `at - 1` on, and answers how many; or RESUMED. */
  readonly isControl: boolean
}

export class Machine {
  readonly memory: Memory
  /** By number, as their words have it. */
  readonly primitives: Primitive[] = []
  /** Makes the value of a procedure of the library when it is first used. */
  loadLibrary: (index: number) => void = () => undefined
  /** What an object that nothing handles is told as. */
  describe: (object: number) => string = () => ''
  fp = 0
  /** Whether the call that a control primitive does is a tail call. */
  isTail = false
  /** The instruction that runs, or where to go on; counts from the code object's start. */
  #pc = 0

  constructor(memory: Memory) {
    this.memory = memory
  }

  /** Run the closure on top of the stack, which it takes. @throws SchemeError, SchemeExit */
  run(): number {
    const { memory } = this
    const closure = memory.pop()
    this.reset()
    memory.push(integer(-1))
    memory.push(integer(0))
    memory.push(closure)
    this.fp = memory.sp
    this.#pc = CODE_HEAD
    const slots = this.#factsOf(closure) >>> FACT_SLOTS_SHIFT
    if (memory.sp + slots > memory.limit) throw new SchemeError('stack overflow')
    try {
      for (;;) {
        try {
          return this.#loop()
        } catch (error) {
          this.#handle(error)
        }
      }
    } finally {
      this.reset()
    }
  }

  /** Nothing runs. */
  reset(): void {
    const { memory } = this
    memory.sp = memory.base + REGISTERS
    memory.setRegister(REG_HANDLERS, NIL)
    memory.setRegister(REG_WINDERS, NIL)
    memory.limit = memory.usualLimit
  }

  // ---- errors -------------------------------------------------------------------------------------------------------

  /** Something was thrown: the program's own handlers come first. */
  #handle(error: unknown): void {
    const { memory } = this
    if (!this.isRaised(error)) throw error
    const object = this.takeRaised(error)
    if (memory.is(object, memory.types.error)) this.#setPlace(object)
    memory.limit = memory.hardLimit
    if (memory.sp + 24 > memory.hardLimit) this.unhandled(object)
    memory.push(integer(this.fp - memory.base))
    memory.push(integer(this.#pc + 1))
    memory.push(memory.register(REG_RAISE))
    memory.push(object)
    this.fp = memory.sp - 1
    this.#pc = CODE_HEAD
  }

  isRaised(error: unknown): boolean {
    return error === RAISED || error instanceof OutOfMemoryError
  }

  /** The object that was raised. */
  takeRaised(error: unknown): number {
    const { memory } = this
    memory.refresh()
    if (error instanceof OutOfMemoryError) return memory.register(REG_EXHAUSTED)
    const object = memory.register(REG_RAISED)
    memory.setRegister(REG_RAISED, NIL)
    return object
  }

  unhandled(object: number): never {
    throw new SchemeError(this.describe(object))
  }

  #setPlace(error: number): void {
    const { memory } = this
    const isExhausted = error === memory.register(REG_EXHAUSTED)
    if (memory.load(error, 8) === NIL || isExhausted) memory.i32[(error + 8) >>> 2] = integer(this.place())
  }

  /** Where the program's own text was left: this instruction, or a call that led here. 0: nowhere. */
  place(): number {
    const { i32, base } = this.memory
    let { fp } = this
    let pc = this.#pc
    for (;;) {
      const code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
      const line = (i32[code + (CODE_LINE >>> 2)] as number) >> 1
      const place = line === LINE_OF_LIBRARY ? 0 : placeOfInstruction(i32[code + pc] as number, line)
      if (place !== 0) return place
      const caller = (i32[fp - BELOW] as number) >> 1
      if (caller < 0) return 0
      pc = ((i32[fp - 2] as number) >> 1) - 1
      fp = base + caller
    }
  }

  // ---- the loop -----------------------------------------------------------------------------------------------------

  #factsOf(closure: number): number {
    const { memory } = this
    return integerOf(memory.load(memory.load(closure, 0), CODE_FACTS))
  }

  /** Long on purpose: what all instructions share stays in variables, and one switch is one jump. */
  #loop(): number {
    const { memory, primitives } = this
    const { types, base } = memory
    let { i32, sp } = memory
    let { fp } = this
    let pc = this.#pc
    let code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
    for (;;) {
      const here = pc
      const instruction = i32[code + pc++] as number
      switch ((instruction >> 1) & 0x7f) {
        case Op.CONSTANT:
          i32[sp++] = i32[code + pc++] as number
          continue
        case Op.INTEGER:
          i32[sp++] = ((instruction >> 8) << 1) | 1
          continue
        case Op.FALSE:
          i32[sp++] = FALSE
          continue
        case Op.UNSPECIFIED:
          i32[sp++] = UNSPECIFIED
          continue
        case Op.UNASSIGNED:
          i32[sp++] = UNASSIGNED
          continue
        case Op.LOCAL:
          i32[sp++] = i32[fp + (instruction >> 8)] as number
          continue
        case Op.SET_LOCAL:
          i32[fp + (instruction >> 8)] = i32[--sp] as number
          continue
        case Op.LOCAL_BOX:
          i32[sp++] = i32[(i32[fp + (instruction >> 8)] as number) >>> 2] as number
          continue
        case Op.SET_LOCAL_BOX:
          memory.store(i32[fp + (instruction >> 8)] as number, 0, i32[--sp] as number)
          i32 = memory.i32
          continue
        case Op.FREE:
          i32[sp++] = i32[((i32[fp - 1] as number) >>> 2) + 1 + (instruction >> 8)] as number
          continue
        case Op.FREE_BOX: {
          const box = i32[((i32[fp - 1] as number) >>> 2) + 1 + (instruction >> 8)] as number
          i32[sp++] = i32[box >>> 2] as number
          continue
        }
        case Op.SET_FREE_BOX: {
          const box = i32[((i32[fp - 1] as number) >>> 2) + 1 + (instruction >> 8)] as number
          memory.store(box, 0, i32[--sp] as number)
          i32 = memory.i32
          continue
        }
        case Op.SELF:
          i32[sp++] = i32[fp - 1] as number
          continue
        case Op.CHECK:
          if ((i32[sp - 1] as number) !== UNASSIGNED) continue
          this.#save(sp, fp, here)
          memory.fault('a variable is used before it has a value')
          continue
        case Op.GLOBAL: {
          const symbol = i32[code + pc++] as number
          let value = i32[symbol >>> 2] as number
          if ((value & 7) === 2 && (value === UNBOUND || isLibrary(value))) {
            this.#save(sp, fp, here)
            value = this.#globalValue(symbol)
            i32 = memory.i32
            code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          }
          i32[sp++] = value
          continue
        }
        case Op.SET_GLOBAL: {
          const symbol = i32[code + pc++] as number
          this.#save(sp, fp, here)
          if ((i32[symbol >>> 2] as number) === UNBOUND) memory.fault('set! of an unbound variable', symbol)
          memory.store(symbol, 0, i32[sp - 1] as number)
          i32 = memory.i32
          i32[sp - 1] = UNSPECIFIED
          continue
        }
        case Op.DEFINE_GLOBAL: {
          const symbol = i32[code + pc++] as number
          memory.store(symbol, 0, i32[sp - 1] as number)
          i32 = memory.i32
          i32[sp - 1] = UNSPECIFIED
          continue
        }
        case Op.JUMP:
          pc += instruction >> 8
          continue
        case Op.JUMP_FALSE:
          if ((i32[--sp] as number) === FALSE) pc += instruction >> 8
          continue
        case Op.JUMP_TRUE_KEEP:
          if ((i32[sp - 1] as number) !== FALSE) pc += instruction >> 8
          else sp--
          continue
        case Op.FRAME:
          i32[sp++] = ((fp - base) << 1) | 1
          i32[sp++] = ((pc + (instruction >> 8)) << 1) | 1
          continue
        case Op.CALL: {
          const count = (instruction >> 8) & 63
          const callee = i32[sp - count - 1] as number
          if ((callee & 7) === 0 && ((i32[(callee - 8) >>> 2] as number) & TYPE_MASK) === types.closure) {
            const next = (i32[callee >>> 2] as number) >>> 2
            const facts = (i32[next + (CODE_FACTS >>> 2)] as number) >> 1
            const end = sp - count + (facts >>> FACT_SLOTS_SHIFT)
            if ((facts & (FACT_REST | FACT_REQUIRED_MASK)) === count && end <= memory.limit) {
              fp = sp - count
              code = next
              pc = CODE_HEAD
              continue
            }
          }
          this.#save(sp, fp, here)
          this.#call(count, false, pc)
          i32 = memory.i32
          sp = memory.sp
          fp = this.fp
          pc = this.#pc
          if (fp < 0) return i32[sp - 1] as number
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          continue
        }
        case Op.TAIL_CALL: {
          const count = (instruction >> 8) & 63
          const callee = i32[sp - count - 1] as number
          if ((callee & 7) === 0 && ((i32[(callee - 8) >>> 2] as number) & TYPE_MASK) === types.closure) {
            const next = (i32[callee >>> 2] as number) >>> 2
            const facts = (i32[next + (CODE_FACTS >>> 2)] as number) >> 1
            const end = fp + (facts >>> FACT_SLOTS_SHIFT)
            if ((facts & (FACT_REST | FACT_REQUIRED_MASK)) === count && end <= memory.limit) {
              for (let from = sp - count - 1, to = fp - 1; from < sp; from++, to++) i32[to] = i32[from] as number
              sp = fp + count
              code = next
              pc = CODE_HEAD
              continue
            }
          }
          this.#save(sp, fp, here)
          this.#call(count, true, pc)
          i32 = memory.i32
          sp = memory.sp
          fp = this.fp
          pc = this.#pc
          if (fp < 0) return i32[sp - 1] as number
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          continue
        }
        case Op.RETURN: {
          const result = i32[sp - 1] as number
          sp = fp - BELOW
          const caller = (i32[sp] as number) >> 1
          if (caller < 0) return result
          pc = (i32[sp + 1] as number) >> 1
          i32[sp++] = result
          fp = base + caller
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          continue
        }
        case Op.POP:
          sp--
          continue
        case Op.LEAVE: {
          const value = i32[sp - 1] as number
          sp -= instruction >> 8
          i32[sp - 1] = value
          continue
        }
        case Op.BOX: {
          this.#save(sp, fp, here)
          const box = memory.make(types.box, 4)
          i32 = memory.i32
          const slot = fp + (instruction >> 8)
          i32[box >>> 2] = i32[slot] as number
          i32[slot] = box
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          continue
        }
        case Op.CLOSURE: {
          const count = instruction >> 8
          this.#save(sp, fp, here)
          const closure = memory.make(types.closure, 4 + count * 4)
          i32 = memory.i32
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          const at = closure >>> 2
          i32[at] = i32[code + pc++] as number
          sp -= count
          for (let i = 0; i < count; i++) i32[at + 1 + i] = i32[sp + i] as number
          i32[sp++] = closure
          continue
        }
        case Op.PRIMITIVE: {
          const count = (instruction >> 8) & 63
          const primitive = primitives[primitiveOf(i32[code + pc++] as number)] as Primitive
          this.#save(sp, fp, here)
          const result = primitive.run(sp - count, count)
          i32 = memory.i32
          sp -= count
          memory.sp = sp
          i32[sp++] = result
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          continue
        }
        case Op.LOOP: {
          const count = instruction >> 8
          const end = fp + ((i32[code + pc] as number) >> 1)
          pc = (i32[code + pc + 1] as number) >> 1
          for (let from = sp - count, to = end - count; from < sp; from++, to++) i32[to] = i32[from] as number
          sp = end
          continue
        }
        case Op.ADD: {
          const b = i32[sp - 1] as number
          const a = i32[sp - 2] as number
          if (a & b & 1) {
            const sum = (a >> 1) + (b >> 1)
            if (sum >= INTEGER_MIN && sum <= INTEGER_MAX) {
              i32[--sp - 1] = (sum << 1) | 1
              continue
            }
          }
          break
        }
        case Op.SUBTRACT: {
          const b = i32[sp - 1] as number
          const a = i32[sp - 2] as number
          if (a & b & 1) {
            const difference = (a >> 1) - (b >> 1)
            if (difference >= INTEGER_MIN && difference <= INTEGER_MAX) {
              i32[--sp - 1] = (difference << 1) | 1
              continue
            }
          }
          break
        }
        case Op.MULTIPLY: {
          const b = i32[sp - 1] as number
          const a = i32[sp - 2] as number
          if (a & b & 1) {
            const product = (a >> 1) * (b >> 1)
            if (product >= INTEGER_MIN && product <= INTEGER_MAX) {
              i32[--sp - 1] = (product << 1) | 1
              continue
            }
          }
          break
        }
        case Op.EQUAL:
          if ((i32[sp - 1] as number) & (i32[sp - 2] as number) & 1) {
            sp--
            i32[sp - 1] = boolean((i32[sp - 1] as number) === (i32[sp] as number))
            continue
          }
          break
        case Op.LESS:
          if ((i32[sp - 1] as number) & (i32[sp - 2] as number) & 1) {
            sp--
            i32[sp - 1] = boolean((i32[sp - 1] as number) < (i32[sp] as number))
            continue
          }
          break
        case Op.GREATER:
          if ((i32[sp - 1] as number) & (i32[sp - 2] as number) & 1) {
            sp--
            i32[sp - 1] = boolean((i32[sp - 1] as number) > (i32[sp] as number))
            continue
          }
          break
        case Op.AT_MOST:
          if ((i32[sp - 1] as number) & (i32[sp - 2] as number) & 1) {
            sp--
            i32[sp - 1] = boolean((i32[sp - 1] as number) <= (i32[sp] as number))
            continue
          }
          break
        case Op.AT_LEAST:
          if ((i32[sp - 1] as number) & (i32[sp - 2] as number) & 1) {
            sp--
            i32[sp - 1] = boolean((i32[sp - 1] as number) >= (i32[sp] as number))
            continue
          }
          break
        case Op.EQ:
          sp--
          i32[sp - 1] = boolean((i32[sp - 1] as number) === (i32[sp] as number))
          continue
        case Op.NOT:
          i32[sp - 1] = boolean((i32[sp - 1] as number) === FALSE)
          continue
        case Op.IS_NULL:
          i32[sp - 1] = boolean((i32[sp - 1] as number) === NIL)
          continue
        case Op.IS_PAIR: {
          const word = i32[sp - 1] as number
          const isPair = (word & 7) === 0 && ((i32[(word - 8) >>> 2] as number) & TYPE_MASK) === types.pair
          i32[sp - 1] = boolean(isPair)
          continue
        }
        case Op.CAR: {
          const word = i32[sp - 1] as number
          if ((word & 7) === 0 && ((i32[(word - 8) >>> 2] as number) & TYPE_MASK) === types.pair) {
            i32[sp - 1] = i32[word >>> 2] as number
            continue
          }
          break
        }
        case Op.CDR: {
          const word = i32[sp - 1] as number
          if ((word & 7) === 0 && ((i32[(word - 8) >>> 2] as number) & TYPE_MASK) === types.pair) {
            i32[sp - 1] = i32[(word >>> 2) + 1] as number
            continue
          }
          break
        }
        case Op.CONS: {
          this.#save(sp, fp, here)
          const pair = memory.pairOfTop()
          i32 = memory.i32
          i32[--sp - 1] = pair
          code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
          continue
        }
        case Op.VECTOR_REF: {
          const index = i32[sp - 1] as number
          const word = i32[sp - 2] as number
          if ((word & 7) === 0 && ((i32[(word - 8) >>> 2] as number) & TYPE_MASK) === types.vector && index & 1) {
            const at = (index >> 1) * 4
            if (at >= 0 && at < (i32[(word - 4) >>> 2] as number)) {
              i32[--sp - 1] = i32[(word + at) >>> 2] as number
              continue
            }
          }
          break
        }
        case Op.VECTOR_SET:
          break
      }
      // Out of line: the primitive of that name does what an instruction for the common case did not.
      const op = (instruction >> 1) & 0x7f
      const primitive = this.slowPaths[op] as Primitive
      const count = primitive.least
      this.#save(sp, fp, here)
      const result = primitive.run(sp - count, count)
      i32 = memory.i32
      sp -= count
      i32[sp++] = result
      code = (i32[(i32[fp - 1] as number) >>> 2] as number) >>> 2
    }
  }

  /** By instruction: what is done when the operands are not of the usual kind. */
  readonly slowPaths: (Primitive | undefined)[] = []

  #save(sp: number, fp: number, pc: number): void {
    this.memory.sp = sp
    this.fp = fp
    this.#pc = pc
  }

  /** The value of a symbol that has none yet, or one of the library's. */
  #globalValue(symbol: number): number {
    const { memory } = this
    const value = memory.load(symbol, 0)
    if (value === UNBOUND) memory.fault('unbound variable', symbol)
    memory.push(symbol)
    this.loadLibrary(libraryOf(value))
    return memory.load(memory.pop(), 0)
  }

  // ---- calls out of line --------------------------------------------------------------------------------------------

  /** A call whose callee and `count` arguments are on top of the stack. Leaves everything as the loop goes on. */
  #call(given: number, isTailCall: boolean, next: number): void {
    const { memory } = this
    let count = given
    let isTail = isTailCall
    for (;;) {
      const at = memory.sp - count
      const callee = memory.i32[at - 1] as number
      if (memory.is(callee, memory.types.closure)) {
        this.#enter(callee, count, isTail)
        return
      }
      if (isPrimitive(callee)) {
        const primitive = this.primitives[primitiveOf(callee)] as Primitive
        if (count < primitive.least || count > primitive.most) this.#wrongCount(callee, count)
        this.isTail = isTail
        const result = primitive.run(at, count)
        isTail = this.isTail
        if (!primitive.isControl) {
          this.#leave(at, result, isTail, next)
          return
        }
        if (result === RESUMED) {
          this.#return()
          return
        }
        count = result
      } else if (memory.is(callee, memory.types.continuation)) {
        count = this.#continuation(at, count)
        if (count === RESUMED) {
          this.#return()
          return
        }
      } else {
        this.#leave(at, this.#callObject(callee, at, count), isTail, next)
        return
      }
    }
  }

  /** Go on in a closure. */
  #enter(closure: number, count: number, isTail: boolean): void {
    const { memory } = this
    const facts = this.#factsOf(closure)
    const required = facts & FACT_REQUIRED_MASK
    const hasRest = (facts & FACT_REST) !== 0
    if (count < required || (count > required && !hasRest)) this.#wrongCount(closure, count)
    let slots = count
    if (hasRest) {
      memory.pushChecked(memory.listOfTop(count - required))
      slots = required + 1
    }
    if (isTail) {
      const from = memory.sp - slots - 1
      memory.i32.copyWithin(this.fp - 1, from, memory.sp)
      memory.sp = this.fp + slots
    }
    const fp = memory.sp - slots
    if (fp + (facts >>> FACT_SLOTS_SHIFT) > memory.limit) {
      if (isTail) this.#pc = CODE_HEAD
      memory.fault('stack overflow')
    }
    this.fp = fp
    this.#pc = CODE_HEAD
  }

  /** A call is over before it began: its value is there. */
  #leave(at: number, result: number, isTail: boolean, next: number): void {
    const { memory } = this
    if (isTail) {
      memory.i32[memory.sp++] = result
      this.#return()
      return
    }
    memory.sp = at - BELOW
    memory.i32[memory.sp++] = result
    this.#pc = next
  }

  /** Return the top of the stack from the frame; from the last one, `fp` is -1. */
  #return(): void {
    const { memory } = this
    const { i32, base } = memory
    const result = i32[memory.sp - 1] as number
    memory.sp = this.fp - BELOW
    const caller = (i32[memory.sp] as number) >> 1
    this.#pc = (i32[memory.sp + 1] as number) >> 1
    i32[memory.sp++] = result
    this.fp = caller < 0 ? -1 : base + caller
  }

  #wrongCount(callee: number, count: number): never {
    this.memory.fault(`called with ${count} argument${count === 1 ? '' : 's'}, which it does not take`, callee)
  }

  /** What is called and is neither closure nor primitive: parameters and the procedures of records. */
  #callObject(callee: number, at: number, count: number): number {
    const { memory } = this
    if (memory.is(callee, memory.types.parameter)) {
      if (count !== 0) this.#wrongCount(callee, count)
      return memory.load(callee, 0)
    }
    if (memory.is(callee, memory.types.field)) return this.#callField(callee, at, count)
    return memory.fault('not a procedure', callee)
  }

  #callField(field: number, at: number, count: number): number {
    const { memory } = this
    const info = integerOf(memory.load(field, 4))
    const kind = info & ((1 << FIELD_KIND_BITS) - 1)
    const offset = ((info >> FIELD_KIND_BITS) + 1) * 4
    if (kind === FIELD_MAKER) return this.#makeRecord(field, at, count)
    if (count !== (kind === FIELD_MODIFIER ? 2 : 1)) this.#wrongCount(field, count)
    const record = memory.i32[at] as number
    const type = memory.load(field, 0)
    const isOfType = memory.is(record, memory.types.record) && memory.load(record, 0) === type
    if (kind === FIELD_PREDICATE) return boolean(isOfType)
    if (!isOfType) memory.fault('not a record of the right type', field, record)
    if (kind === FIELD_ACCESSOR) return memory.load(record, offset)
    memory.store(record, offset, memory.i32[at + 1] as number)
    return UNSPECIFIED
  }

  #makeRecord(field: number, at: number, count: number): number {
    const { memory } = this
    const { types } = memory
    if (count !== memory.length(memory.load(field, 12)) >>> 2) this.#wrongCount(field, count)
    const fields = memory.length(memory.load(memory.load(field, 0), 4))
    const record = memory.makeWords(types.record, 1 + (fields >>> 2), FALSE)
    const maker = memory.i32[at - 1] as number
    const indices = memory.load(maker, 12)
    memory.store(record, 0, memory.load(maker, 0))
    for (let i = 0; i < count; i++) {
      const index = integerOf(memory.load(indices, i * 4))
      memory.store(record, (1 + index) * 4, memory.i32[at + i] as number)
    }
    return record
  }

  // ---- continuations ------------------------------------------------------------------------------------------------

  /**
   * A copy of the stack below the call whose first argument is at `at`, and below that of its caller if `isTail`. It is
   * the continuation of that call: what it is given is returned from there. May collect.
   */
  capture(at: number, isTail: boolean): number {
    const { memory } = this
    const end = isTail ? this.fp - 1 : at - 1
    const start = memory.base + REGISTERS
    const made = memory.make(memory.types.continuation, (CONTINUATION_HEAD + end - start) * 4)
    memory.store(made, 0, memory.register(REG_HANDLERS))
    memory.store(made, 4, memory.register(REG_WINDERS))
    for (let i = 0; i < end - start; i++) {
      memory.store(made, (CONTINUATION_HEAD + i) * 4, memory.i32[start + i] as number)
    }
    memory.i32[(made + 8) >>> 2] = integer(end - memory.base)
    return made
  }

  /** Winders come first: then a procedure of the library runs them, and continues with what is here. */
  #continuation(at: number, count: number): number {
    const { memory } = this
    const value = count === 1 ? (memory.i32[at] as number) : memory.makeOfTop(memory.types.values, count)
    if (memory.load(memory.i32[at - 1] as number, 4) === memory.register(REG_WINDERS)) {
      return this.resume(memory.i32[at - 1] as number, value)
    }
    memory.i32[at] = memory.i32[at - 1] as number
    memory.i32[at + 1] = value
    memory.i32[at - 1] = memory.register(REG_CONTINUE)
    memory.sp = at + 2
    return 2
  }

  /** Replace the stack by that of a continuation, as if the call it belongs to returned `value`. */
  resume(continuation: number, value: number): typeof RESUMED {
    const { memory } = this
    const start = memory.base + REGISTERS
    const from = (continuation >>> 2) + CONTINUATION_HEAD
    const end = memory.base + integerOf(memory.load(continuation, 8))
    memory.i32.copyWithin(start, from, from + end - start)
    memory.setRegister(REG_HANDLERS, memory.load(continuation, 0))
    memory.setRegister(REG_WINDERS, memory.load(continuation, 4))
    this.#cut(end + 1)
    memory.i32[memory.sp++] = value
    return RESUMED
  }

  /** The stack ends below the frame `fp`, whose callee is of no interest any more. */
  #cut(fp: number): void {
    this.fp = fp
    this.memory.i32[fp - 1] = NIL
    this.memory.sp = fp
    if (fp < this.memory.usualLimit) this.memory.limit = this.memory.usualLimit
  }

  /** Cut the stack back to a frame, and call `procedure` in its place: how an exception gets to its `guard`. */
  unwind(fp: number, procedure: number, argument: number): number {
    this.#cut(fp)
    const { memory } = this
    memory.i32[fp - 1] = procedure
    memory.i32[memory.sp++] = argument
    this.isTail = true
    return 1
  }
}

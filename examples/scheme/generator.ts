/**
 * From meaning to instructions. Every expression leaves one value on the stack; how deep the stack is at each instruction
 * is known, so variables of `let` are slots of the frame like arguments, and code says how many slots it needs at most.
 */
import type { Ast, Lambda } from './ast.js'
import { SyntaxFault } from './errors.js'
import { Op } from './machine.js'
import {
  ARGUMENTS_MAX,
  CODE_HEAD,
  encode,
  encodeOperand,
  FACT_REST,
  FACT_SLOTS_SHIFT,
  LINE_OF_LIBRARY,
  OPERAND_MAX,
  placeIn,
  SLOTS_MAX,
} from './opcodes.js'
import type { LoopName, Variable } from './scope.js'
import { type Node, Num, placeText } from './syntax.js'

/** A word of code that the heap must make: a datum, a symbol, other code, a primitive. */
export type Constant =
  | { readonly datum: Node }
  | { readonly symbol: string }
  | { readonly code: Code }
  | { readonly primitive: string }

/** Code that is not in the heap yet. */
export interface Code {
  readonly name: string
  readonly facts: number
  readonly line: number
  /** Instructions and constants; they begin behind the head. */
  readonly words: readonly (number | Constant)[]
}

/** Primitives that have instructions of their own, by name and number of operands. */
const INLINED: Readonly<Record<string, Op>> = {
  '+2': Op.ADD,
  '-2': Op.SUBTRACT,
  '*2': Op.MULTIPLY,
  '=2': Op.EQUAL,
  '<2': Op.LESS,
  '>2': Op.GREATER,
  '<=2': Op.AT_MOST,
  '>=2': Op.AT_LEAST,
  'eq?2': Op.EQ,
  not1: Op.NOT,
  'null?1': Op.IS_NULL,
  'pair?1': Op.IS_PAIR,
  car1: Op.CAR,
  cdr1: Op.CDR,
  cons2: Op.CONS,
  'vector-ref2': Op.VECTOR_REF,
  'vector-set!3': Op.VECTOR_SET,
}

/** Code of a procedure, and of those in it. `isLibrary`: its places are of no interest to a program. @throws SyntaxFault */
export function generate(lambda: Lambda, isLibrary: boolean): Code {
  return new Generator(lambda, isLibrary).code
}

class Generator {
  readonly #lambda: Lambda
  readonly #isLibrary: boolean
  readonly #line: number
  readonly #words: (number | Constant)[] = []
  #depth: number
  #depthMax: number
  readonly code: Code

  constructor(lambda: Lambda, isLibrary: boolean) {
    this.#lambda = lambda
    this.#isLibrary = isLibrary
    this.#line = isLibrary ? LINE_OF_LIBRARY : Math.max(lambda.at >>> 8, 1)
    const { parameters, hasRest } = lambda
    this.#depth = parameters.length
    this.#depthMax = this.#depth
    if (parameters.length > ARGUMENTS_MAX) this.#fault(lambda.at, `more than ${ARGUMENTS_MAX} parameters`)
    parameters.forEach((variable, i) => {
      variable.slot = i
      if (variable.isBoxed) this.#emitOperand(Op.BOX, i)
    })
    if (lambda.outer) this.#tail(lambda.body)
    else this.#whole(lambda.body)
    if (this.#depthMax > SLOTS_MAX || this.#words.length > OPERAND_MAX) this.#fault(lambda.at, 'too long a procedure')
    const required = parameters.length - (hasRest ? 1 : 0)
    const facts = required | (hasRest ? FACT_REST : 0) | (this.#depthMax << FACT_SLOTS_SHIFT)
    this.code = { name: lambda.name, facts, line: this.#line, words: this.#words }
  }

  #fault(at: number, message: string): never {
    throw new SyntaxFault(`${placeText(at)}: ${message}`)
  }

  // ---- instructions ---------------------------------------------------------------------------------------------------

  #emit(op: Op, a: number, at: number): void {
    this.#words.push(encode(op, a, this.#isLibrary ? 0 : placeIn(at, this.#line)))
  }

  #emitOperand(op: Op, operand: number): void {
    this.#words.push(encodeOperand(op, operand))
  }

  #constant(constant: Constant): void {
    this.#words.push(constant)
  }

  /** What is pushed and popped by what was emitted. */
  #move(slots: number): void {
    this.#depth += slots
    if (this.#depth > this.#depthMax) this.#depthMax = this.#depth
  }

  #push(op: Op, operand: number): void {
    this.#emitOperand(op, operand)
    this.#move(1)
  }

  /** A jump forward, to where `#land` says. */
  #jump(op: Op): number {
    this.#emitOperand(op, 0)
    return this.#words.length
  }

  #land(from: number): void {
    const op = ((this.#words[from - 1] as number) >> 1) & 0x7f
    this.#words[from - 1] = encodeOperand(op, this.#words.length - from)
  }

  /** A form of the top level: its calls are no tail calls, so that errors find the place of the form at least. */
  #whole(body: Ast): void {
    this.#value(body)
    this.#emitOperand(Op.RETURN, 0)
  }

  // ---- expressions ----------------------------------------------------------------------------------------------------

  /** An expression whose value is that of the procedure. */
  #tail(ast: Ast): void {
    switch (ast.kind) {
      case 'if':
        this.#if(ast.test, ast.consequent, ast.otherwise, true)
        return
      case 'sequence':
        this.#sequence(ast.steps, true)
        return
      case 'let':
        this.#let(ast.variables, ast.values, ast.body, true)
        return
      case 'letrec':
        this.#letrec(ast.variables, ast.steps, true)
        return
      case 'loop':
        this.#loop(ast.loop, ast.values, ast.body, true)
        return
      case 'jump':
        this.#jumpToLoop(ast.loop, ast.values)
        this.#move(-1)
        return
      case 'or':
        this.#or(ast.terms, true)
        return
      case 'call':
        this.#call(ast.procedure, ast.operands, ast.at, true)
        return
      default:
        this.#value(ast)
        this.#emitOperand(Op.RETURN, 0)
        this.#move(-1)
    }
  }

  /** An expression; `isTail`: in a tail position, and then nothing is left, as far as the depth goes. */
  #expression(ast: Ast, isTail: boolean): void {
    if (isTail) this.#tail(ast)
    else this.#value(ast)
  }

  #value(ast: Ast): void {
    switch (ast.kind) {
      case 'constant':
        this.#datum(ast.value)
        return
      case 'local':
        this.#local(ast.variable, ast.isChecked, ast.at)
        return
      case 'set-local':
        this.#value(ast.value)
        this.#assign(ast.variable)
        this.#unspecified()
        return
      case 'global':
        this.#emit(Op.GLOBAL, 0, ast.at)
        this.#constant({ symbol: ast.global.name })
        this.#move(1)
        return
      case 'set-global':
      case 'define':
        this.#global(ast)
        return
      case 'if':
        this.#if(ast.test, ast.consequent, ast.otherwise, false)
        return
      case 'or':
        this.#or(ast.terms, false)
        return
      case 'sequence':
        this.#sequence(ast.steps, false)
        return
      case 'lambda':
        this.#closure(ast.lambda)
        return
      case 'call':
        this.#call(ast.procedure, ast.operands, ast.at, false)
        return
      case 'primitive':
        this.#primitive(ast.name, ast.operands, ast.at)
        return
      case 'let':
        this.#let(ast.variables, ast.values, ast.body, false)
        return
      case 'letrec':
        this.#letrec(ast.variables, ast.steps, false)
        return
      case 'loop':
        this.#loop(ast.loop, ast.values, ast.body, false)
        return
      case 'jump':
        this.#jumpToLoop(ast.loop, ast.values)
        return
      case 'initialise':
        this.#value(ast.value)
        this.#assign(ast.variable)
        this.#unspecified()
        return
    }
  }

  /** An expression whose value is not wanted. */
  #effect(ast: Ast): void {
    if (ast.kind === 'constant' || (ast.kind === 'sequence' && ast.steps.length === 0)) return
    if (ast.kind === 'set-local' || ast.kind === 'initialise') {
      this.#value(ast.value)
      this.#assign(ast.variable)
      return
    }
    this.#value(ast)
    this.#emitOperand(Op.POP, 0)
    this.#move(-1)
  }

  #unspecified(): void {
    this.#push(Op.UNSPECIFIED, 0)
  }

  #datum(value: Node): void {
    if (value instanceof Num && value.isExact && Math.abs(value.value) <= OPERAND_MAX) {
      this.#push(Op.INTEGER, value.value)
      return
    }
    if (value === false) {
      this.#push(Op.FALSE, 0)
      return
    }
    this.#emitOperand(Op.CONSTANT, 0)
    this.#constant({ datum: value })
    this.#move(1)
  }

  #local(variable: Variable, isChecked: boolean, at: number): void {
    const lambda = this.#lambda
    const { isBoxed } = variable
    if (variable.owner === lambda) this.#push(isBoxed ? Op.LOCAL_BOX : Op.LOCAL, variable.slot)
    else {
      const index = lambda.free.indexOf(variable)
      if (index >= 0) this.#push(isBoxed ? Op.FREE_BOX : Op.FREE, index)
      else this.#push(Op.SELF, 0)
    }
    if (isChecked) this.#emit(Op.CHECK, 0, at)
  }

  /** Pops the value. */
  #assign(variable: Variable): void {
    const { isBoxed } = variable
    if (variable.owner === this.#lambda) {
      this.#emitOperand(isBoxed ? Op.SET_LOCAL_BOX : Op.SET_LOCAL, variable.slot)
    } else this.#emitOperand(Op.SET_FREE_BOX, this.#lambda.free.indexOf(variable))
    this.#move(-1)
  }

  #global(ast: Ast & { kind: 'set-global' | 'define' }): void {
    this.#value(ast.value)
    if (ast.kind === 'define') this.#emitOperand(Op.DEFINE_GLOBAL, 0)
    else this.#emit(Op.SET_GLOBAL, 0, ast.at)
    this.#constant({ symbol: ast.global.name })
  }

  #if(test: Ast, then: Ast, otherwise: Ast, isTail: boolean): void {
    if (test.kind === 'primitive' && test.name === 'not' && test.operands.length === 1) {
      this.#if(test.operands[0] as Ast, otherwise, then, isTail)
      return
    }
    this.#value(test)
    this.#move(-1)
    const toOtherwise = this.#jump(Op.JUMP_FALSE)
    const { depth } = this
    this.#expression(then, isTail)
    if (isTail || then.kind === 'jump') this.#land(toOtherwise)
    else {
      const toEnd = this.#jump(Op.JUMP)
      this.#land(toOtherwise)
      this.#depth = depth
      this.#expression(otherwise, false)
      this.#land(toEnd)
      return
    }
    this.#depth = depth
    this.#expression(otherwise, isTail)
  }

  get depth(): number {
    return this.#depth
  }

  #or(terms: readonly Ast[], isTail: boolean): void {
    const last = terms.length - 1
    const jumps: number[] = []
    for (const term of terms.slice(0, last)) {
      this.#value(term)
      jumps.push(this.#jump(Op.JUMP_TRUE_KEEP))
      this.#move(-1)
    }
    const { depth } = this
    this.#expression(terms[last] as Ast, isTail)
    for (const jump of jumps) this.#land(jump)
    if (isTail && jumps.length > 0) {
      this.#emitOperand(Op.RETURN, 0)
      this.#depth = depth
    }
  }

  #sequence(steps: readonly Ast[], isTail: boolean): void {
    const last = steps.length - 1
    for (const step of steps.slice(0, Math.max(last, 0))) this.#effect(step)
    if (last >= 0) {
      this.#expression(steps[last] as Ast, isTail)
      return
    }
    this.#unspecified()
    if (isTail) {
      this.#emitOperand(Op.RETURN, 0)
      this.#move(-1)
    }
  }

  #closure(lambda: Lambda): void {
    for (const variable of lambda.free) this.#capture(variable)
    this.#emitOperand(Op.CLOSURE, lambda.free.length)
    this.#constant({ code: generate(lambda, this.#isLibrary) })
    this.#move(1 - lambda.free.length)
  }

  /** What a closure takes of a variable: its value, or the box that it is in. */
  #capture(variable: Variable): void {
    if (variable.owner === this.#lambda) {
      this.#push(Op.LOCAL, variable.slot)
      return
    }
    const index = this.#lambda.free.indexOf(variable)
    if (index >= 0) this.#push(Op.FREE, index)
    else this.#push(Op.SELF, 0)
  }

  // ---- calls ----------------------------------------------------------------------------------------------------------

  #call(procedure: Ast, operands: readonly Ast[], at: number, isTail: boolean): void {
    if (operands.length > ARGUMENTS_MAX) this.#fault(at, `more than ${ARGUMENTS_MAX} arguments: use apply`)
    const { depth } = this
    const from = isTail ? -1 : this.#jump(Op.FRAME)
    if (!isTail) this.#move(2)
    this.#value(procedure)
    for (const operand of operands) this.#value(operand)
    this.#emit(isTail ? Op.TAIL_CALL : Op.CALL, operands.length, at)
    if (!isTail) this.#land(from)
    this.#depth = depth
    if (!isTail) this.#move(1)
  }

  #primitive(name: string, operands: readonly Ast[], at: number): void {
    const { depth } = this
    for (const operand of operands) this.#value(operand)
    const op = INLINED[name + operands.length]
    if (op !== undefined) this.#emit(op, 0, at)
    else {
      if (operands.length > ARGUMENTS_MAX) this.#fault(at, `more than ${ARGUMENTS_MAX} arguments: use apply`)
      this.#emit(Op.PRIMITIVE, operands.length, at)
      this.#constant({ primitive: name })
    }
    this.#depth = depth
    this.#move(1)
  }

  // ---- variables ------------------------------------------------------------------------------------------------------

  #let(variables: readonly Variable[], values: readonly Ast[], body: Ast, isTail: boolean): void {
    const slot = this.#depth
    for (const value of values) this.#value(value)
    variables.forEach((variable, i) => {
      variable.slot = slot + i
      if (variable.isBoxed) this.#emitOperand(Op.BOX, variable.slot)
    })
    this.#scope(body, variables.length, isTail)
  }

  /** A body over so many slots, which are dropped behind it. */
  #scope(body: Ast, slots: number, isTail: boolean): void {
    this.#expression(body, isTail)
    if (isTail) return
    if (slots > 0) this.#emitOperand(Op.LEAVE, slots)
    this.#move(-slots)
  }

  #letrec(variables: readonly Variable[], steps: readonly Ast[], isTail: boolean): void {
    for (const variable of variables) {
      variable.slot = this.#depth
      this.#push(Op.UNASSIGNED, 0)
      if (variable.isBoxed) this.#emitOperand(Op.BOX, variable.slot)
    }
    this.#scope({ kind: 'sequence', steps: withValue(steps) }, variables.length, isTail)
  }

  #loop(loop: LoopName, values: readonly Ast[], body: Ast, isTail: boolean): void {
    const slot = this.#depth
    for (const value of values) this.#value(value)
    loop.head = this.#words.length
    loop.depth = this.#depth
    loop.variables.forEach((variable, i) => {
      variable.slot = slot + i
      // Each round has its own.
      if (variable.isBoxed) this.#emitOperand(Op.BOX, variable.slot)
    })
    this.#scope(body, loop.variables.length, isTail)
  }

  #jumpToLoop(loop: LoopName, values: readonly Ast[]): void {
    for (const value of values) this.#value(value)
    this.#emitOperand(Op.LOOP, values.length)
    this.#words.push((loop.depth << 1) | 1)
    this.#words.push(((loop.head + CODE_HEAD) << 1) | 1)
    // To the depth it is the value that other branches leave.
    this.#move(1 - values.length)
  }
}

/** A body that ends with a definition has a value all the same. */
const withValue = (steps: readonly Ast[]): readonly Ast[] =>
  steps.at(-1)?.kind === 'initialise' ? [...steps, { kind: 'sequence', steps: [] }] : steps

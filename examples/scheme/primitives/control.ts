/** Calling, continuations, exceptions, promises, parameters, records: what `library.ts` is built on. */
import { SchemeExit } from '../errors.js'
import { FIELD_ACCESSOR, FIELD_MAKER, FIELD_MODIFIER, FIELD_PREDICATE } from '../machine.js'
import {
  boolean,
  FALSE,
  INTEGER_MAX,
  integer,
  integerOf,
  isInteger,
  isLibrary,
  isPrimitive,
  NIL,
  REG_HANDLERS,
  REG_WINDERS,
  TRUE,
  UNSPECIFIED,
} from '../memory.js'
import { placeText } from '../syntax.js'
import { Arguments, type Kit, type Table } from './kit.js'

const FIELD_KIND_BITS = 2

/** Those that call something: `at - 1` is the slot of the procedure to be called, arguments behind it. */
export function controlPrimitives(kit: Kit): Table {
  const { memory, machine } = kit
  const args = new Arguments(memory)

  /** `(apply f a b '(c d))` */
  const apply = (at: number, count: number) => {
    const last = at + count - 1
    const items = count === 1 ? 0 : args.listLength(last)
    let list = count === 1 ? NIL : args.word(last)
    const given = Math.max(count - 2, 0)
    for (let i = at - 1; i < at + given; i++) memory.setSlot(i, args.word(i + 1))
    memory.sp = at + given
    if (memory.sp + items > memory.limit) memory.fault('stack overflow')
    for (; memory.isPair(list); list = memory.cdr(list)) memory.push(memory.car(list))
    return given + items
  }
  const callWithCurrentContinuation = (at: number) => {
    const continuation = machine.capture(at, machine.isTail)
    memory.setSlot(at - 1, args.word(at))
    memory.setSlot(at, continuation)
    return 1
  }
  /** `(%resume continuation value)`, when winders are as they are in the continuation. */
  const resume = (at: number) => machine.resume(args.word(at), args.word(at + 1))
  /** `(%throw object mark)`: to the guard whose mark it is. */
  const unwind = (at: number) => {
    const mark = args.word(at + 1)
    memory.setRegister(REG_WINDERS, memory.car(memory.cdr(mark)))
    const handler = memory.cdr(memory.cdr(mark))
    return machine.unwind(memory.base + integerOf(memory.car(mark)), handler, args.word(at))
  }
  /** `(eval expression)`: the expression becomes a procedure, which is called. */
  const evaluate = (at: number) => {
    const closure = kit.compile(at)
    memory.setSlot(at - 1, closure)
    memory.sp = at
    return 0
  }
  return {
    apply: [apply, 1, -1],
    'call-with-current-continuation': [callWithCurrentContinuation, 1],
    'call/cc': [callWithCurrentContinuation, 1],
    '%resume': [resume, 2],
    '%throw': [unwind, 2],
    eval: [evaluate, 1, 2],
  }
}

export function statePrimitives(kit: Kit): Table {
  const { memory, machine, writer } = kit
  const args = new Arguments(memory)
  const { types } = memory

  const isProcedure = (word: number) =>
    isPrimitive(word) ||
    isLibrary(word) ||
    memory.is(word, types.closure) ||
    memory.is(word, types.continuation) ||
    memory.is(word, types.parameter) ||
    memory.is(word, types.field)

  const values = (at: number, count: number) => {
    if (count === 1) return args.word(at)
    const made = memory.makeWords(types.values, count, NIL)
    for (let i = 0; i < count; i++) memory.store(made, i * 4, args.word(at + i))
    return made
  }
  const valuesToList = (at: number) => {
    const value = args.word(at)
    if (!memory.is(value, types.values)) return memory.pair(value, NIL)
    memory.push(NIL)
    for (let i = memory.length(args.word(at)) - 4; i >= 0; i -= 4) {
      memory.push(memory.pair(memory.load(args.word(at), i), memory.pop()))
    }
    return memory.pop()
  }
  const register = (number: number) => (at: number, count: number) => {
    if (count === 0) return memory.register(number)
    memory.setRegister(number, args.word(at))
    return UNSPECIFIED
  }
  /** `(%mark handler)`: the frame that called this, and how to go on there. */
  const mark = (at: number) =>
    memory.pair(integer(machine.fp - memory.base), memory.pair(memory.register(REG_WINDERS), args.word(at)))

  const error = (at: number, count: number) => {
    for (let i = at + 1; i < at + count; i++) memory.pushChecked(args.word(i))
    memory.push(memory.listOfTop(count - 1))
    const made = memory.make(types.error, 12)
    memory.store(made, 0, args.word(at))
    memory.store(made, 4, memory.pop())
    memory.store(made, 8, NIL)
    return memory.raise(made)
  }
  const isError = (at: number) => memory.is(args.word(at), types.error)
  const errorPart = (offset: number) => (at: number) => memory.load(args.object(at, 'error', 'an error'), offset)
  const errorPlace = (at: number) => {
    const place = memory.load(args.object(at, 'error', 'an error'), 8)
    return isInteger(place) && place !== integer(0) ? memory.string(placeText(integerOf(place))) : FALSE
  }
  const unhandled = (at: number) => machine.unhandled(args.word(at))
  const exit = (at: number, count: number) => {
    const code = count === 0 ? TRUE : args.word(at)
    throw new SchemeExit(isInteger(code) ? integerOf(code) & 0xff : code === FALSE ? 1 : 0)
  }

  const promise = (at: number) => {
    memory.push(memory.pair(args.word(at), args.word(at + 1)))
    return memory.makeOfTop(types.promise, 1)
  }
  const promiseState = (at: number) => memory.load(args.object(at, 'promise', 'a promise'), 0)
  /** `(%promise-join! promise other)`: the first goes on with what the other is; both share it from here on. */
  const join = (at: number) => {
    const state = promiseState(at)
    const other = promiseState(at + 1)
    memory.store(state, 0, memory.car(other))
    memory.store(state, 4, memory.cdr(other))
    memory.store(args.word(at + 1), 0, state)
    return UNSPECIFIED
  }

  const parameter = (at: number) => {
    memory.push(args.word(at))
    memory.push(args.word(at + 1))
    return memory.makeOfTop(types.parameter, 2)
  }
  const parameterOf = (at: number) => args.object(at, 'parameter', 'a parameter')

  const setParameter = (at: number) => {
    memory.store(parameterOf(at), 0, args.word(at + 1))
    return UNSPECIFIED
  }
  const collect = () => {
    memory.collect()
    return UNSPECIFIED
  }

  const recordType = (at: number) => {
    memory.push(args.word(at))
    memory.push(args.word(at + 1))
    return memory.makeOfTop(types.recordType, 2)
  }
  /** `(%record-... type name index)` */
  const field = (kind: number) => (at: number, count: number) => {
    args.object(at, 'recordType', 'a record type')
    const index = kind === FIELD_ACCESSOR || kind === FIELD_MODIFIER ? args.index(at + 2, INTEGER_MAX) : 0
    memory.push(args.word(at))
    memory.push(integer((index << FIELD_KIND_BITS) | kind))
    memory.push(args.word(at + 1))
    memory.push(kind === FIELD_MAKER && count === 3 ? args.word(at + 2) : NIL)
    return memory.makeOfTop(types.field, 4)
  }
  const is = (type: keyof typeof types) => (at: number) => boolean(memory.is(args.word(at), types[type]))

  return {
    'procedure?': [(at) => boolean(isProcedure(args.word(at))), 1],
    values: [values, 0, -1],
    '%values->list': [valuesToList, 1],
    '%handlers': [register(REG_HANDLERS), 0, 1],
    '%winders': [register(REG_WINDERS), 0, 1],
    '%continuation-winders': [(at) => memory.load(args.word(at), 4), 1],
    '%mark': [mark, 1],
    error: [error, 1, -1],
    'error-object?': [(at) => boolean(isError(at)), 1],
    'error-object-message': [errorPart(0), 1],
    'error-object-irritants': [errorPart(4), 1],
    'error-object-place': [errorPlace, 1],
    'condition/report-string': [(at) => memory.string(writer.error(args.object(at, 'error', 'an error'))), 1],
    'read-error?': [(at) => boolean(isError(at) && writer.error(args.word(at)).startsWith('read:')), 1],
    'file-error?': [() => FALSE, 1],
    '%unhandled': [unhandled, 1],
    exit: [exit, 0, 1],
    'emergency-exit': [exit, 0, 1],
    '%promise': [promise, 2],
    'promise?': [is('promise'), 1],
    '%promise-done?': [(at) => memory.car(promiseState(at)), 1],
    '%promise-value': [(at) => memory.cdr(promiseState(at)), 1],
    '%promise-join!': [join, 2],
    '%parameter': [parameter, 2],
    '%parameter-value': [(at) => memory.load(parameterOf(at), 0), 1],
    '%parameter-converter': [(at) => memory.load(parameterOf(at), 4), 1],
    '%parameter-set!': [setParameter, 2],
    '%record-type': [recordType, 2],
    '%record-maker': [field(FIELD_MAKER), 3],
    '%record-predicate': [field(FIELD_PREDICATE), 2],
    '%record-accessor': [field(FIELD_ACCESSOR), 3],
    '%record-modifier': [field(FIELD_MODIFIER), 3],
    void: [() => UNSPECIFIED, 0, -1],
    'interaction-environment': [() => UNSPECIFIED, 0],
    'current-jiffy': [() => memory.exact(Math.floor(performance.now() * 1000)), 0],
    'jiffies-per-second': [() => integer(1_000_000), 0],
    'current-second': [() => memory.float(Date.now() / 1000), 0],
    'collect-garbage': [collect, 0],
  }
}

/**
 * Numbers: integers of 31 bits are exact, and doubles in a box are not. What is too large for an exact integer, and a
 * fraction, becomes a double; a double that is asked to be exact and is no such integer is an error.
 */
import { boolean, FALSE, INTEGER_MAX, INTEGER_MIN, integer, isInteger, TRUE } from '../memory.js'
import { formatFloat, parseNumber } from '../number-text.js'
import { Arguments, type Kit, type Table } from './kit.js'

type Binary = (a: number, b: number) => number

/** Rounds to the even one of two that are as near. */
function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function gcd(a: number, b: number): number {
  let [one, other] = [Math.abs(a), Math.abs(b)]
  while (other !== 0) [one, other] = [other, one % other]
  return one
}

const floorModulo: Binary = (a, b) => {
  const rest = a % b
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}

export function numberPrimitives(kit: Kit): Table {
  const { memory } = kit
  const args = new Arguments(memory)
  const isExactAt = (at: number) => isInteger(args.word(at))

  /** A result of exact operands is exact, if it fits. */
  const result = (value: number, isExact: boolean) => (isExact ? memory.exact(value + 0) : memory.float(value))

  const fold =
    (unit: number, operate: Binary) =>
    (at: number, count: number): number => {
      let value = unit
      let isExact = true
      for (let i = at; i < at + count; i++) {
        value = operate(value, args.number(i))
        isExact &&= isExactAt(i)
      }
      return result(value, isExact)
    }

  /** `-` and `/`: with one operand, of it and the unit. */
  const inverse =
    (unit: number, operate: Binary) =>
    (at: number, count: number): number => {
      let value = count === 1 ? unit : args.number(at)
      let isExact = count === 1 || isExactAt(at)
      for (let i = count === 1 ? at : at + 1; i < at + count; i++) {
        const operand = args.number(i)
        if (unit === 1 && operand === 0 && isExactAt(i)) memory.fault('division by zero')
        value = operate(value, operand)
        isExact &&= isExactAt(i)
      }
      return result(value, isExact)
    }

  const compare =
    (holds: (a: number, b: number) => boolean) =>
    (at: number, count: number): number => {
      let all = true
      for (let i = at; i < at + count; i++) {
        const value = args.number(i)
        if (i > at && !holds(args.number(i - 1), value)) all = false
      }
      return boolean(all)
    }

  const divide = (operate: Binary) => (at: number) => {
    const a = args.integer(at)
    const b = args.integer(at + 1)
    if (b === 0) memory.fault('division by zero')
    return result(operate(a, b) + 0, isExactAt(at) && isExactAt(at + 1))
  }

  const both = (quotient: Binary, rest: Binary) => (at: number) => {
    memory.push(divide(quotient)(at))
    memory.push(divide(rest)(at))
    return memory.makeOfTop(memory.types.values, 2)
  }

  const extreme =
    (operate: Binary) =>
    (at: number, count: number): number => {
      let value = args.number(at)
      let isExact = isExactAt(at)
      for (let i = at + 1; i < at + count; i++) {
        value = operate(value, args.number(i))
        isExact &&= isExactAt(i)
      }
      return result(value, isExact)
    }

  const integers =
    (unit: number, operate: Binary) =>
    (at: number, count: number): number => {
      let value = unit
      let isExact = true
      for (let i = at; i < at + count; i++) {
        value = operate(value, args.integer(i))
        isExact &&= isExactAt(i)
      }
      return result(Math.abs(value), isExact)
    }

  const round = (operate: (value: number) => number) => (at: number) =>
    isExactAt(at) ? args.word(at) : memory.float(operate(args.number(at)))
  /** Exact for the exact arguments for which it is `exactly` something, such as (exp 0). */
  const real = (operate: (value: number) => number, exactly?: readonly [number, number]) => (at: number) => {
    const value = args.number(at)
    return exactly && isExactAt(at) && value === exactly[0] ? integer(exactly[1]) : memory.float(operate(value))
  }
  const test = (holds: (value: number) => boolean) => (at: number) => boolean(holds(args.number(at)))
  const isKind = (holds: (value: number) => boolean) => (at: number) => {
    const word = args.word(at)
    return boolean(memory.isNumber(word) && holds(memory.numberOf(word)))
  }

  const exact = (at: number) => {
    const value = args.number(at)
    if (isExactAt(at)) return args.word(at)
    const fits = Number.isInteger(value) && value >= INTEGER_MIN && value <= INTEGER_MAX
    return fits ? integer(value) : memory.fault('no exact integer of 31 bits', args.word(at))
  }
  const inexact = (at: number) => {
    const value = args.number(at)
    return isExactAt(at) ? memory.float(value) : args.word(at)
  }

  const sqrt = (at: number) => {
    const value = args.number(at)
    const root = Math.sqrt(value)
    return isExactAt(at) && Number.isInteger(root) ? integer(root) : memory.float(root)
  }
  const exactRoot = (at: number) => {
    const value = args.index(at, INTEGER_MAX)
    const root = Math.floor(Math.sqrt(value))
    memory.push(integer(root))
    memory.push(integer(value - root * root))
    return memory.makeOfTop(memory.types.values, 2)
  }
  const expt = (at: number) => {
    const base = args.number(at)
    const exponent = args.number(at + 1)
    const isExact = isExactAt(at) && isExactAt(at + 1)
    if (isExact && base === 0 && exponent < 0) memory.fault('division by zero')
    return result(base ** exponent, isExact)
  }
  const log = (at: number, count: number) => {
    const value = args.number(at)
    if (count === 2) return memory.float(Math.log(value) / Math.log(args.number(at + 1)))
    return isExactAt(at) && value === 1 ? integer(0) : memory.float(Math.log(value))
  }
  const atan = (at: number, count: number) => {
    const value = args.number(at)
    if (isExactAt(at) && value === 0 && (count === 1 || args.number(at + 1) > 0)) return integer(0)
    return memory.float(count === 1 ? Math.atan(value) : Math.atan2(value, args.number(at + 1)))
  }

  const radixAt = (at: number, count: number) => {
    const radix = count > 1 ? args.index(at + 1, 36) : 10
    return radix >= 2 ? radix : memory.fault('no radix', integer(radix))
  }
  const toText = (at: number, count: number) => {
    const value = args.number(at)
    const radix = radixAt(at, count)
    return memory.string(isExactAt(at) ? value.toString(radix) : formatFloat(value, radix))
  }
  const fromText = (at: number, count: number) => {
    const number = parseNumber(args.text(at), radixAt(at, count))
    if (!number) return FALSE
    return number.isExact ? memory.exact(number.value) : memory.float(number.value)
  }

  const isNumber = (at: number) => boolean(memory.isNumber(args.word(at)))
  const isExactInteger = (at: number) => boolean(isExactAt(at))
  const isExact = (at: number) => {
    args.number(at)
    return boolean(isExactAt(at))
  }
  const isInexact = (at: number) => {
    args.number(at)
    return boolean(!isExactAt(at))
  }
  const numerator = (at: number) => {
    args.integer(at)
    return args.word(at)
  }
  const denominator = (at: number) => {
    args.integer(at)
    return result(1, isExactAt(at))
  }
  const quotient = divide((a, b) => Math.trunc(a / b))
  const remainder = divide((a, b) => a % b)
  const floorQuotient = divide((a, b) => Math.floor(a / b))
  const modulo = divide(floorModulo)

  return {
    '+': [fold(0, (a, b) => a + b), 0, -1],
    '*': [fold(1, (a, b) => a * b), 0, -1],
    '-': [inverse(0, (a, b) => a - b), 1, -1],
    '/': [inverse(1, (a, b) => a / b), 1, -1],
    '=': [compare((a, b) => a === b), 1, -1],
    '<': [compare((a, b) => a < b), 1, -1],
    '>': [compare((a, b) => a > b), 1, -1],
    '<=': [compare((a, b) => a <= b), 1, -1],
    '>=': [compare((a, b) => a >= b), 1, -1],
    quotient: [quotient, 2],
    remainder: [remainder, 2],
    modulo: [modulo, 2],
    'truncate-quotient': [quotient, 2],
    'truncate-remainder': [remainder, 2],
    'floor-quotient': [floorQuotient, 2],
    'floor-remainder': [modulo, 2],
    'floor/': [both((a, b) => Math.floor(a / b), floorModulo), 2],
    'truncate/': [
      both(
        (a, b) => Math.trunc(a / b),
        (a, b) => a % b,
      ),
      2,
    ],
    abs: [(at) => result(Math.abs(args.number(at)), isExactAt(at)), 1],
    magnitude: [(at) => result(Math.abs(args.number(at)), isExactAt(at)), 1],
    min: [extreme(Math.min), 1, -1],
    max: [extreme(Math.max), 1, -1],
    gcd: [integers(0, gcd), 0, -1],
    lcm: [integers(1, (a, b) => (a === 0 || b === 0 ? 0 : (a / gcd(a, b)) * b)), 0, -1],
    square: [(at) => result(args.number(at) ** 2, isExactAt(at)), 1],
    numerator: [numerator, 1],
    denominator: [denominator, 1],
    'number?': [isNumber, 1],
    'complex?': [isNumber, 1],
    'real?': [isNumber, 1],
    'rational?': [isKind(Number.isFinite), 1],
    'integer?': [isKind(Number.isInteger), 1],
    'exact?': [isExact, 1],
    'inexact?': [isInexact, 1],
    'exact-integer?': [isExactInteger, 1],
    'exact-rational?': [isExactInteger, 1],
    'finite?': [test(Number.isFinite), 1],
    'infinite?': [test((value) => Math.abs(value) === Number.POSITIVE_INFINITY), 1],
    'nan?': [test(Number.isNaN), 1],
    'zero?': [test((value) => value === 0), 1],
    'positive?': [test((value) => value > 0), 1],
    'negative?': [test((value) => value < 0), 1],
    'odd?': [(at) => boolean(args.integer(at) % 2 !== 0), 1],
    'even?': [(at) => boolean(args.integer(at) % 2 === 0), 1],
    floor: [round(Math.floor), 1],
    ceiling: [round(Math.ceil), 1],
    truncate: [round(Math.trunc), 1],
    round: [round(roundToEven), 1],
    exact: [exact, 1],
    inexact: [inexact, 1],
    'inexact->exact': [exact, 1],
    'exact->inexact': [inexact, 1],
    exp: [real(Math.exp, [0, 1]), 1],
    log: [log, 1, 2],
    sin: [real(Math.sin, [0, 0]), 1],
    cos: [real(Math.cos, [0, 1]), 1],
    tan: [real(Math.tan, [0, 0]), 1],
    asin: [real(Math.asin, [0, 0]), 1],
    acos: [real(Math.acos, [1, 0]), 1],
    atan: [atan, 1, 2],
    sqrt: [sqrt, 1],
    'exact-integer-sqrt': [exactRoot, 1],
    expt: [expt, 2],
    'number->string': [toText, 1, 2],
    'string->number': [fromText, 1, 2],
    'boolean?': [(at) => boolean(args.word(at) === TRUE || args.word(at) === FALSE), 1],
  }
}

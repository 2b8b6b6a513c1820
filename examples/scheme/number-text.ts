/**
 * Numbers as text. Integers of 31 bits are exact, all other numbers are doubles: text of an integer that is larger, and
 * of a fraction that is no integer, is read as the double next to it.
 */
import { INTEGER_MAX, INTEGER_MIN } from './memory.js'
import { Num } from './syntax.js'

const SPECIALS: Readonly<Record<string, number>> = {
  '+inf.0': Number.POSITIVE_INFINITY,
  '-inf.0': Number.NEGATIVE_INFINITY,
  '+nan.0': Number.NaN,
  '-nan.0': Number.NaN,
}
const RADIXES: Readonly<Record<string, number>> = { b: 2, o: 8, d: 10, x: 16 }
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** The number that a text is; undefined when it is none. */
export function parseNumber(text: string, radix: number): Num | undefined {
  let rest = text
  let base = radix
  let exactness = ''
  for (let i = 0; i < 2 && rest[0] === '#'; i++) {
    const prefix = (rest[1] ?? '').toLowerCase()
    if (prefix === 'e' || prefix === 'i') exactness = prefix
    else if (prefix in RADIXES) base = RADIXES[prefix] as number
    else return undefined
    rest = rest.slice(2)
  }
  const number = parseReal(rest, base)
  if (!number || exactness === '') return number
  return toExactness(number, exactness === 'e')
}

function toExactness(number: Num, isExact: boolean): Num | undefined {
  if (isExact && !isExactInteger(number.value)) return undefined
  return new Num(number.value, isExact)
}

function parseReal(text: string, radix: number): Num | undefined {
  const special = SPECIALS[text.toLowerCase()]
  if (special !== undefined) return new Num(special, false)
  const [over, under, more] = text.split('/')
  if (more !== undefined) return undefined
  if (under !== undefined) {
    const numerator = parseInteger(over as string, radix)
    const denominator = /^\d/.test(under) || radix > 10 ? parseInteger(under, radix) : undefined
    if (numerator === undefined || denominator === undefined || denominator === 0) return undefined
    return exactIfWhole(numerator / denominator)
  }
  const integer = parseInteger(text, radix)
  if (integer !== undefined) return exactIfWhole(integer)
  return radix === 10 && DECIMAL.test(text) ? new Num(Number(text), false) : undefined
}

function parseInteger(text: string, radix: number): number | undefined {
  const digits = /^[+-]?([0-9a-z]+)$/i.exec(text)?.[1]
  if (digits === undefined) return undefined
  let value = 0
  for (const digit of digits) {
    const one = Number.parseInt(digit, 36)
    if (one >= radix) return undefined
    value = value * radix + one
  }
  if (radix === 10) return Number(text) + 0
  return text[0] === '-' ? 0 - value : value
}

const exactIfWhole = (value: number): Num => new Num(value, isExactInteger(value))

export const isExactInteger = (value: number): boolean =>
  Number.isInteger(value) && value >= INTEGER_MIN && value <= INTEGER_MAX

/** A double as Scheme writes it: with a point, so that it is read as a double again. */
export function formatFloat(value: number, radix = 10): string {
  if (Number.isNaN(value)) return '+nan.0'
  if (!Number.isFinite(value)) return value > 0 ? '+inf.0' : '-inf.0'
  const text = Object.is(value, -0) ? '-0' : value.toString(radix)
  return radix !== 10 || /[.e]/.test(text) ? text : `${text}.0`
}

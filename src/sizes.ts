/**
 * Sizes as people write them: `'64MiB'` to a number of bytes and back.
 *
 * Strict: one number, one unit, nothing else. Binary units are powers of 1024, decimal ones of 1000; `'64M'` is
 * refused, because half of its readers take it for one and half for the other.
 */
import { ArgumentError } from './errors.js'
import type { Bytes, Size } from './types.js'

export { formatBytes } from './formats/units.js'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

const EXPECTED = "a number of bytes or text such as '64MiB', '10kB' or '512'"
/**
 * Bytes of a size given as a number or as text.
 *
 * @param argument names the value in the error
 * @throws ArgumentError when it is not a whole number of bytes from 0 to 2^53 − 1
 * @example parseSize('1.5KiB') // 1536
 */
export function parseSize(size: Size, argument = 'size'): Bytes {
  const bytes = typeof size === 'string' ? parseText(size) : size
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return (bytes + 0) as Bytes
  const isFraction = typeof bytes === 'number' && bytes > 0 && !Number.isInteger(bytes) && Number.isFinite(bytes)
  throw new ArgumentError(argument, size, isFraction ? `a whole number of bytes, not ${bytes}` : EXPECTED)
}

function parseText(text: string): number {
  const [, digits, name = ''] = /^(\d{1,16}(?:\.\d{1,9})?)(?: ?([A-Za-z]{1,3}))?$/.exec(text) ?? []
  const unit = Object.hasOwn(UNITS, name) ? UNITS[name] : undefined
  return digits === undefined || unit === undefined ? Number.NaN : Number(digits) * unit
}

/** Rounding up to powers of two, checked. The unchecked form is `kernel/bits/align.ts`. */
import { ArgumentError } from '../errors.js'
import { checkedCount, U32_MAX } from './structure.js'

/**
 * The smallest multiple of `alignment` that is not below `value`.
 * @param value an address or a count of bytes, up to 2^32 - 1
 * @param alignment a power of two, up to 2^31
 * @throws ArgumentError also when the result would not fit 32 bits
 */
export function alignUp(value: number, alignment: number): number {
  checkedCount('value', value, U32_MAX)
  const isPowerOfTwo = alignment >= 1 && alignment <= 2 ** 31 && 2 ** (31 - Math.clz32(alignment)) === alignment
  if (!isPowerOfTwo) throw new ArgumentError('alignment', alignment, 'a power of two from 1 to 2147483648')
  const aligned = Math.ceil(value / alignment) * alignment
  if (aligned > U32_MAX)
    throw new ArgumentError('value', value, `at most ${2 ** 32 - alignment}, to be aligned in 32 bits`)
  return aligned
}

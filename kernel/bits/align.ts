/**
 * Rounding to powers of two.
 *
 * Every `alignment` here is a power of two, at least 1; with any other value the answer has no meaning, but nothing
 * traps. Arithmetic is modulo 2^32. The guarantee that callers rely on: when the rounded-up value does not fit 32 bits,
 * `alignUp` answers exactly 0, never a small address that looks usable, so `alignUp(x, a) < x` is the one overflow test
 * there is.
 */

/**
 * The smallest multiple of `alignment` that is not below `x`; 0 when that would be 2^32 (and for x = 0).
 *
 * x + (alignment - 1) passes 2^32 by less than `alignment`, so the mask clears all that is left of it.
 */
// @ts-ignore: decorator
@inline
export function alignUp(x: usize, alignment: usize): usize {
  const mask = alignment - 1
  return (x + mask) & ~mask
}

/** The largest multiple of `alignment` that is not above `x`. Cannot overflow. */
// @ts-ignore: decorator
@inline
export function alignDown(x: usize, alignment: usize): usize {
  return x & ~(alignment - 1)
}

/** Whether `x` is a multiple of `alignment`. */
// @ts-ignore: decorator
@inline
export function isAligned(x: usize, alignment: usize): bool {
  return (x & (alignment - 1)) == 0
}

/** Whether exactly one bit of `x` is set. 0 is not a power of two. */
// @ts-ignore: decorator
@inline
export function isPowerOfTwo(x: usize): bool {
  return popcnt(x) == 1
}

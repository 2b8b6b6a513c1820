/**
 * The byte map of object blocks, 64 granules at a time with SIMD.
 *
 * An object of one granule has a byte `start`, a longer one `start | span` at its first and `span` at its last granule.
 * With bits M for first granules of longer objects, L for last ones and S for single ones, the granules that objects
 * cover are ((L << 1) - M - carry) | S: each pair contributes 2^(last + 1) - 2^first, and an object that reaches in
 * from the 64 before counts as one that starts at bit 0.
 */
import { MAP_SPAN, MAP_START } from '../object-layout'

/** Bits of the 64 bytes at `map` that have all of `bits`. `map` is a multiple of 16. */
// @ts-ignore: decorator
@inline
export function bytesWith(map: usize, bits: u32): u64 {
  const key = i8x16.splat(<i8>bits)
  return (
    lanesWith(v128.load(map), key) |
    (lanesWith(v128.load(map, 16), key) << 16) |
    (lanesWith(v128.load(map, 32), key) << 32) |
    (lanesWith(v128.load(map, 48), key) << 48)
  )
}

// @ts-ignore: decorator
@inline
function lanesWith(bytes: v128, key: v128): u64 {
  return <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.and(bytes, key), key)))
}

/** Bits of the granules that objects cover; `starts` and `spans` as `bytesWith` gives them. */
// @ts-ignore: decorator
@inline
export function covered(starts: u64, spans: u64, carry: u64): u64 {
  const ends = spans & ~starts
  return ((ends << 1) - (spans & starts) - carry) | (starts & ~spans)
}

/** Whether an object reaches out of these 64 granules. */
// @ts-ignore: decorator
@inline
export function carryOut(starts: u64, spans: u64, carry: u64): u64 {
  return carry + popcnt(spans & starts) - popcnt(spans & ~starts)
}

/** Clear those of the 16 bytes at `map` that lack `colour`. */
// @ts-ignore: decorator
@inline
export function keepColour(map: usize, colour: v128): void {
  const bytes = v128.load(map)
  v128.store(map, v128.and(bytes, i8x16.eq(v128.and(bytes, colour), colour)))
}

/** Clear those of the bytes [map, end) of a block's map that lack `colour`; granules that the rest covers. */
export function sweepMap(map: usize, end: usize, colour: u32): u32 {
  const key = i8x16.splat(<i8>colour)
  let carry: u64 = 0
  let used: u64 = 0
  for (let at = map; at < end; at += 64) {
    keepColour(at, key)
    keepColour(at + 16, key)
    keepColour(at + 32, key)
    keepColour(at + 48, key)
    const starts = bytesWith(at, MAP_START)
    const spans = bytesWith(at, MAP_SPAN)
    used += popcnt(covered(starts, spans, carry))
    carry = carryOut(starts, spans, carry)
  }
  return <u32>used
}

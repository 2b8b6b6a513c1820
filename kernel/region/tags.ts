/**
 * Boundary tags in the byte map: how a run of granules says where it starts, where it ends and how long it is.
 *
 *   live run    [code d0 d1 d2][ 0 ... 0 ]                        code: RUN, RUN_OWNED, HUGE, HUGE_OWNED, RESERVED
 *   free, n<8   [F|n][ 0 ... 0 ][F|n]        n = 1: one byte
 *   free, n>=8  [FREE_START d0 d1 d2][ 0 ... 0 ][d0 d1 d2 FREE_END]       n >= 18: links behind the start, `links.ts`
 *
 * Digits carry six bits each, lowest first: 18 bits, more than the 65,536 granules of a MiB. All functions take the
 * address of a map byte and cost a constant number of loads and stores; both neighbours of a run are found from them.
 * (Boundary tags: Knuth, The Art of Computer Programming, volume 1, 2.5; here they lie out of line.)
 */
import {
  BIN_COUNT,
  CODE_FREE_END,
  CODE_FREE_SMALL,
  CODE_FREE_START,
  CODE_RUN,
  FREE_TAGGED_MIN_GRANULES,
} from '../layout'
import { LINKED_MIN_GRANULES } from './links'

const DIGIT_MARKS: u32 = 0x404040

// @ts-ignore: decorator
@inline
function toDigits(granules: u32): u32 {
  return DIGIT_MARKS | (granules & 0x3f) | ((granules & 0xfc0) << 2) | ((granules & 0x3f000) << 4)
}

// @ts-ignore: decorator
@inline
function fromDigits(digits: u32): u32 {
  return (digits & 0x3f) | ((digits >> 2) & 0xfc0) | ((digits >> 4) & 0x3f000)
}

// @ts-ignore: decorator
@inline
export function isFreeCode(code: u32): bool {
  return (code & 0xf0) == CODE_FREE_SMALL
}

// @ts-ignore: decorator
@inline
export function isLiveRunCode(code: u32): bool {
  return (code & 0xf8) == CODE_RUN
}

/** Write the start of a live run of at least four granules. */
// @ts-ignore: decorator
@inline
export function tagLive(map: usize, granules: u32, code: u32): void {
  store<u32>(map, code | (toDigits(granules) << 8))
}

/** Clear the start of a live run. */
// @ts-ignore: decorator
@inline
export function untagLive(map: usize): void {
  store<u32>(map, 0)
}

/** Granules of the run, free of eight or more or live, whose start byte is at `map`. */
// @ts-ignore: decorator
@inline
export function granulesFromStart(map: usize): u32 {
  return fromDigits(load<u32>(map) >> 8)
}

/** Granules of the free run that starts at `map`. */
// @ts-ignore: decorator
@inline
export function freeGranulesFromStart(map: usize): u32 {
  const code = <u32>load<u8>(map)
  return code == CODE_FREE_START ? granulesFromStart(map) : code & 7
}

/** Granules of the free run whose last byte is at `map`. */
// @ts-ignore: decorator
@inline
export function freeGranulesFromEnd(map: usize): u32 {
  const code = <u32>load<u8>(map)
  return code == CODE_FREE_END ? fromDigits(load<u32>(map - 3)) : code & 7
}

/** Write both tags of a free run. */
export function tagFree(map: usize, granules: u32): void {
  if (granules >= FREE_TAGGED_MIN_GRANULES) {
    const digits = toDigits(granules)
    store<u32>(map, CODE_FREE_START | (digits << 8))
    store<u32>(map + granules - 4, digits | (CODE_FREE_END << 24))
  } else {
    store<u8>(map, <u8>(CODE_FREE_SMALL | granules))
    store<u8>(map + granules - 1, <u8>(CODE_FREE_SMALL | granules))
  }
}

/** Clear the start tag and the links of a free run. */
export function untagFreeStart(map: usize, granules: u32): void {
  if (granules >= LINKED_MIN_GRANULES) {
    store<u64>(map, 0)
    store<u64>(map, 0, 6)
    if (granules >= BIN_COUNT) {
      store<u64>(map, 0, 14)
      store<u64>(map, 0, 21)
    }
  } else if (granules >= FREE_TAGGED_MIN_GRANULES) store<u32>(map, 0)
  else store<u8>(map, 0)
}

/** Clear the end tag of a free run, whose last map byte is at `last`. */
// @ts-ignore: decorator
@inline
export function untagFreeEnd(last: usize, granules: u32): void {
  if (granules >= FREE_TAGGED_MIN_GRANULES) store<u32>(last - 3, 0)
  else store<u8>(last, 0)
}

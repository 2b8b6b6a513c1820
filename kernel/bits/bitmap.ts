/**
 * A bitmap of any size from 0 to BITMAP_BITS_MAX bits, over raw memory. Layout and invariant: `layout.ts`.
 *
 * Searches go word by word: the first word is masked, words that hold nothing are skipped four at a time, and `ctz`
 * names the bit. Plain 64-bit words and not v128: four at once are twice as fast as one and as two vectors; four
 * vectors gain another third, but from some kilobytes on only, vector popcounts take twice as long, and every program
 * into which the kernel is linked would have to allow SIMD.
 *
 * Every function checks its positions and changes nothing when one is out of range. `at` must be a bitmap that
 * `bitmapInit` made; that its bytes lie inside the memory is the caller's promise.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../layout'
import { BITMAP_BITS_MAX, BITMAP_HEADER_BYTES, NO_BIT, STATUS_OUT_OF_RANGE } from './layout'

/** Four words: what the loops over whole words take at once. */
const STRIDE_BYTES: usize = 32

/** Bytes that a bitmap of `bits` takes; 0 when `bits` is above BITMAP_BITS_MAX. */
export function bitmapBytes(bits: u32): u32 {
  if (bits > BITMAP_BITS_MAX) return 0
  return BITMAP_HEADER_BYTES + (((bits + 63) >> 6) << 3)
}

/** Makes a bitmap of `bits` clear bits at `at`. Writes `bitmapBytes(bits)` bytes. OK or BAD_ARGUMENT. */
export function bitmapInit(at: usize, bits: u32): u32 {
  const bytes = bitmapBytes(bits)
  if (bytes == 0) return STATUS_BAD_ARGUMENT
  memory.fill(at, 0, bytes)
  store<u32>(at, bits)
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
export function bitmapBits(at: usize): u32 {
  return load<u32>(at)
}

// ---- one bit ------------------------------------------------------------------------------------------------------

/** 1 or 0; -1 when `position` is out of range. */
// @ts-ignore: decorator
@inline
export function bitmapGet(at: usize, position: u32): i32 {
  if (position >= bitmapBits(at)) return -1
  return <i32>((load<u64>(wordAt(at, position)) >> (position & 63)) & 1)
}

/** OK or OUT_OF_RANGE. */
// @ts-ignore: decorator
@inline
export function bitmapSet(at: usize, position: u32): u32 {
  if (position >= bitmapBits(at)) return STATUS_OUT_OF_RANGE
  const word = wordAt(at, position)
  store<u64>(word, load<u64>(word) | ((<u64>1) << (position & 63)))
  return STATUS_OK
}

/** OK or OUT_OF_RANGE. */
// @ts-ignore: decorator
@inline
export function bitmapClear(at: usize, position: u32): u32 {
  if (position >= bitmapBits(at)) return STATUS_OUT_OF_RANGE
  const word = wordAt(at, position)
  store<u64>(word, load<u64>(word) & ~((<u64>1) << (position & 63)))
  return STATUS_OK
}

/** OK or OUT_OF_RANGE. */
// @ts-ignore: decorator
@inline
export function bitmapFlip(at: usize, position: u32): u32 {
  if (position >= bitmapBits(at)) return STATUS_OUT_OF_RANGE
  const word = wordAt(at, position)
  store<u64>(word, load<u64>(word) ^ ((<u64>1) << (position & 63)))
  return STATUS_OK
}

// ---- ranges: [from, from + count), which may be empty and may end at `bits` ----------------------------------------

/** OK or OUT_OF_RANGE. */
export function bitmapSetRange(at: usize, from: u32, count: u32): u32 {
  if (!rangeFits(at, from, count)) return STATUS_OUT_OF_RANGE
  if (count == 0) return STATUS_OK
  const last = from + count - 1
  const first = wordAt(at, from)
  const end = wordAt(at, last)
  const head = headMask(from)
  const tail = tailMask(last)
  if (first == end) {
    store<u64>(first, load<u64>(first) | (head & tail))
    return STATUS_OK
  }
  store<u64>(first, load<u64>(first) | head)
  memory.fill(first + 8, 0xff, end - first - 8)
  store<u64>(end, load<u64>(end) | tail)
  return STATUS_OK
}

/** OK or OUT_OF_RANGE. */
export function bitmapClearRange(at: usize, from: u32, count: u32): u32 {
  if (!rangeFits(at, from, count)) return STATUS_OUT_OF_RANGE
  if (count == 0) return STATUS_OK
  const last = from + count - 1
  const first = wordAt(at, from)
  const end = wordAt(at, last)
  const head = headMask(from)
  const tail = tailMask(last)
  if (first == end) {
    store<u64>(first, load<u64>(first) & ~(head & tail))
    return STATUS_OK
  }
  store<u64>(first, load<u64>(first) & ~head)
  memory.fill(first + 8, 0, end - first - 8)
  store<u64>(end, load<u64>(end) & ~tail)
  return STATUS_OK
}

/** OK or OUT_OF_RANGE. */
export function bitmapFlipRange(at: usize, from: u32, count: u32): u32 {
  if (!rangeFits(at, from, count)) return STATUS_OUT_OF_RANGE
  if (count == 0) return STATUS_OK
  const last = from + count - 1
  const end = wordAt(at, last)
  const tail = tailMask(last)
  let word = wordAt(at, from)
  let mask = headMask(from)
  while (word != end) {
    store<u64>(word, load<u64>(word) ^ mask)
    mask = ~(<u64>0)
    word += 8
    while (end - word >= STRIDE_BYTES) {
      store<u64>(word, ~load<u64>(word))
      store<u64>(word, ~load<u64>(word, 8), 8)
      store<u64>(word, ~load<u64>(word, 16), 16)
      store<u64>(word, ~load<u64>(word, 24), 24)
      word += STRIDE_BYTES
    }
  }
  store<u64>(end, load<u64>(end) ^ (mask & tail))
  return STATUS_OK
}

/** How many bits of the range are set; NO_BIT when the range is out of range. */
export function bitmapCount(at: usize, from: u32, count: u32): u32 {
  if (!rangeFits(at, from, count)) return NO_BIT
  if (count == 0) return 0
  const last = from + count - 1
  const end = wordAt(at, last)
  let word = wordAt(at, from)
  let mask = headMask(from)
  let ones: u64 = 0
  while (word != end) {
    ones += popcnt(load<u64>(word) & mask)
    mask = ~(<u64>0)
    word += 8
    while (end - word >= STRIDE_BYTES) {
      ones += popcnt(load<u64>(word)) + popcnt(load<u64>(word, 8))
      ones += popcnt(load<u64>(word, 16)) + popcnt(load<u64>(word, 24))
      word += STRIDE_BYTES
    }
  }
  return <u32>(ones + popcnt(load<u64>(end) & mask & tailMask(last)))
}

// ---- searches: the lowest position that fits, or NO_BIT ------------------------------------------------------------

/** First set bit at or above `from`; NO_BIT when there is none, also when `from` is out of range. */
export function bitmapFindSet(at: usize, from: u32): u32 {
  return scanSet(at, from, bitmapBits(at))
}

/** First clear bit at or above `from`; NO_BIT when there is none, also when `from` is out of range. */
export function bitmapFindClear(at: usize, from: u32): u32 {
  return scanClear(at, from, bitmapBits(at))
}

/**
 * Start of the first `count` clear bits in a row at or above `from`; NO_BIT when there are none. An empty run is found
 * at `from` itself as long as that is at most `bits`. Linear in the words between `from` and the answer.
 */
export function bitmapFindClearRun(at: usize, from: u32, count: u32): u32 {
  const bits = bitmapBits(at)
  if (count == 0) return from <= bits ? from : NO_BIT
  while (true) {
    const start = scanClear(at, from, bits)
    if (start == NO_BIT || bits - start < count) return NO_BIT
    const obstacle = scanSet(at, start, start + count)
    if (obstacle == NO_BIT) return start
    from = obstacle + 1
  }
}

/** 1 when a bit is set, else 0. */
export function bitmapAny(at: usize): u32 {
  return bitmapFindSet(at, 0) != NO_BIT ? 1 : 0
}

/** 1 when every bit is set (so for 0 bits), else 0. */
export function bitmapAll(at: usize): u32 {
  return bitmapFindClear(at, 0) == NO_BIT ? 1 : 0
}

// ---- inside --------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function wordAt(at: usize, position: u32): usize {
  return at + BITMAP_HEADER_BYTES + ((position >> 6) << 3)
}

/** The bits of its word from `position` up. */
// @ts-ignore: decorator
@inline
function headMask(position: u32): u64 {
  return ~(<u64>0) << (position & 63)
}

/** The bits of its word up to and including `position`. */
// @ts-ignore: decorator
@inline
function tailMask(position: u32): u64 {
  return ~(<u64>0) >> (63 - (position & 63))
}

// @ts-ignore: decorator
@inline
function rangeFits(at: usize, from: u32, count: u32): bool {
  const bits = bitmapBits(at)
  return from <= bits && count <= bits - from
}

/** First set bit in [from, end), else NO_BIT. */
function scanSet(at: usize, from: u32, end: u32): u32 {
  return scan(at, 0, from, end)
}

/** First clear bit in [from, end), else NO_BIT. */
function scanClear(at: usize, from: u32, end: u32): u32 {
  return scan(at, ~(<u64>0), from, end)
}

/**
 * First position in [from, end) whose bit is not as in `dull`, all zeros or all ones, else NO_BIT. Inlined twice, so
 * that `dull` is a constant: a scan for clear bits then costs what a scan for set bits costs.
 */
// @ts-ignore: decorator
@inline
function scan(at: usize, dull: u64, from: u32, end: u32): u32 {
  if (from >= end) return NO_BIT
  const last = wordAt(at, end - 1)
  let word = wordAt(at, from)
  let hits = (load<u64>(word) ^ dull) & headMask(from)
  while (hits == 0) {
    if (word == last) return NO_BIT
    word += 8
    while (last - word >= STRIDE_BYTES && strideIs(dull, word)) word += STRIDE_BYTES
    hits = load<u64>(word) ^ dull
  }
  const found = ((<u32>(word - at) - BITMAP_HEADER_BYTES) << 3) + <u32>ctz(hits)
  return found < end ? found : NO_BIT
}

/** Whether four words in a row all equal `dull`. */
// @ts-ignore: decorator
@inline
function strideIs(dull: u64, word: usize): bool {
  const a = load<u64>(word)
  const b = load<u64>(word, 8)
  const c = load<u64>(word, 16)
  const d = load<u64>(word, 24)
  return dull == 0 ? (a | b | c | d) == 0 : (a & b & c & d) == dull
}

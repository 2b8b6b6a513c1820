/**
 * UTF-8: checking, counting, and repairing as the WHATWG Encoding Standard decodes it ("UTF-8 decoder", the same as the
 * Unicode Standard 3.9, U+FFFD substitution of maximal subparts), so that text from anywhere becomes the string that
 * `TextDecoder` makes of it.
 *
 * Guarantee: nothing outside the text is read, whatever it holds.
 */

const HIGH_BITS: u64 = 0x8080808080808080
const LOW_BITS: u64 = 0x0101010101010101
/** U+FFFD in UTF-8. */
const REPLACEMENT_BYTES: u32 = 3
/** In an answer of `sequenceAt`: the bytes are no character. */
const INVALID: u32 = 8
/** `measureRepaired` answers bytes above this bit, code points below. */
const REPAIRED_SHIFT: u64 = 31

/** Whether the byte continues a character. */
// @ts-ignore: decorator
@inline
export function isContinuation(byte: u32): bool {
  return (byte & 0xc0) == 0x80
}

/** How many of eight bytes continue a character. */
// @ts-ignore: decorator
@inline
export function continuationsIn(bytes: u64): u32 {
  return <u32>popcnt((bytes >> 7) & ~(bytes >> 6) & LOW_BITS)
}

/** Bytes of the character that begins with `byte`, in text that is valid. */
// @ts-ignore: decorator
@inline
export function lengthOf(byte: u32): u32 {
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
}

/**
 * What begins at `at`, before `end`: the bytes of a character, or INVALID and the bytes of a maximal subpart, which one
 * U+FFFD stands for.
 */
function sequenceAt(at: usize, end: usize): u32 {
  const first = <u32>load<u8>(at)
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return INVALID | 1
  const length = lengthOf(first)
  // The second byte has a narrower range behind some first ones: no overlong forms, surrogates, nothing above U+10FFFF.
  const low: u32 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80
  const high: u32 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf
  const there = <u32>min<usize>(end - at, length)
  if (there < 2) return INVALID | 1
  const second = <u32>load<u8>(at, 1)
  if (second < low || second > high) return INVALID | 1
  for (let i: u32 = 2; i < there; i++) {
    if (!isContinuation(load<u8>(at + i))) return INVALID | i
  }
  return there < length ? INVALID | there : length
}

/** Code points of valid text; -1 when the text is not valid. */
export function codePointsIfValid(at: usize, bytes: u32): i64 {
  const end = at + bytes
  let count: i64 = 0
  let p = at
  while (p < end) {
    if (end - p >= 8 && !(load<u64>(p) & HIGH_BITS)) {
      p += 8
      count += 8
      continue
    }
    const sequence = sequenceAt(p, end)
    if (sequence & INVALID) return -1
    p += sequence
    count++
  }
  return count
}

/** Code points of text that is known to be valid. */
export function countCodePoints(at: usize, bytes: u32): u32 {
  const end = at + bytes
  let count = bytes
  let p = at
  for (; end - p >= 8; p += 8) count -= continuationsIn(load<u64>(p))
  for (; p < end; p++) count -= u32(isContinuation(load<u8>(p)))
  return count
}

/** What the text becomes when it is repaired: see `repairedBytes` and `repairedCodePoints`. At most 2^31 bytes. */
export function measureRepaired(at: usize, bytes: u32): u64 {
  const end = at + bytes
  let count: u64 = 0
  let size: u64 = 0
  for (let p = at; p < end; count++) {
    const sequence = sequenceAt(p, end)
    size += sequence & INVALID ? REPLACEMENT_BYTES : sequence
    p += sequence & 7
  }
  return (size << REPAIRED_SHIFT) | count
}

// @ts-ignore: decorator
@inline
export function repairedBytes(measure: u64): u64 {
  return measure >> REPAIRED_SHIFT
}

// @ts-ignore: decorator
@inline
export function repairedCodePoints(measure: u64): u32 {
  return <u32>(measure & 0x7fffffff)
}

/** Write the repaired text to `to`. */
export function repair(to: usize, at: usize, bytes: u32): void {
  const end = at + bytes
  let out = to
  for (let p = at; p < end; ) {
    const sequence = sequenceAt(p, end)
    const length = sequence & 7
    if (sequence & INVALID) {
      store<u16>(out, 0xbfef)
      store<u8>(out, 0xbd, 2)
      out += REPLACEMENT_BYTES
    } else {
      for (let i: u32 = 0; i < length; i++) store<u8>(out + i, load<u8>(p + i))
      out += length
    }
    p += length
  }
}

/** Byte offset of a code point of valid text that has more of them; it is the end when it has as many. */
export function offsetOf(at: usize, bytes: u32, codePoint: u32): u32 {
  const end = at + bytes
  let left = codePoint
  let p = at
  while (end - p >= 8) {
    const starts: u32 = 8 - continuationsIn(load<u64>(p))
    if (left < starts) break
    left -= starts
    p += 8
  }
  for (; p < end; p++) {
    if (isContinuation(load<u8>(p))) continue
    if (!left) break
    left--
  }
  return <u32>(p - at)
}

/** The code point whose first byte is at `at`, in valid text. */
export function codePointAt(at: usize): u32 {
  const first = <u32>load<u8>(at)
  const length = lengthOf(first)
  if (length == 1) return first
  let codePoint = first & (0x7f >> length)
  for (let i: u32 = 1; i < length; i++) codePoint = (codePoint << 6) | (<u32>load<u8>(at + i) & 0x3f)
  return codePoint
}

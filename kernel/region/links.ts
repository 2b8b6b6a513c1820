/**
 * Links between free runs, kept in the byte map: the map bytes inside a free run are of no other use, so its memory is
 * not touched while it is free. It can be given back to the system whole, and a write after free cannot lead the kernel
 * astray.
 *
 *   free run of 18 granules and more, in the map:
 *     [FREE_START d0 d1 d2][ next 5 ][ prev 5 ]                                       ... 0 ... [d0 d1 d2 FREE_END]
 *   of 1024 and more:
 *     [FREE_START d0 d1 d2][ next 5 ][ prev 5 ][ left 5 ][ right 5 ][ parent 5 ]      ... 0 ... [d0 d1 d2 FREE_END]
 *   shorter: next and prev in the first two words of the run's memory
 *
 * A link is a granule number (address / 16; 0 is none) in five digits of six bits, so that no byte of it is a code of
 * the map that could stand for a block or an object. Measured on random replace of 50,000 blocks to 10,000 bytes, where
 * every link in memory was a cache and a TLB miss: see docs/design.md, "Links in the map".
 */
import { GRANULE_SHIFT } from '../layout'
import { context } from '../overlay'

/** Shortest run whose links lie in the map: four bytes of tag at each end and two links. */
export const LINKED_MIN_GRANULES: u32 = 18
/** Bytes of the map that a run's tag and links take at its start. */
export const LINKED_BYTES: u32 = 14
export const TRIE_BYTES: u32 = 29

const DIGIT_MARKS: u64 = 0x4040404040
const TAG_BYTES: u32 = 4
const LINK_BYTES: u32 = 5

// @ts-ignore: decorator
@inline
function toDigits(granule: u32): u64 {
  const x = <u64>granule
  return (
    DIGIT_MARKS |
    (x & 0x3f) |
    ((x & 0xfc0) << 2) |
    ((x & 0x3f000) << 4) |
    ((x & 0xfc0000) << 6) |
    ((x & 0xf000000) << 8)
  )
}

// @ts-ignore: decorator
@inline
function fromDigits(digits: u64): u32 {
  return <u32>(
    ((digits & 0x3f) |
      ((digits >> 2) & 0xfc0) |
      ((digits >> 4) & 0x3f000) |
      ((digits >> 6) & 0xfc0000) |
      ((digits >> 8) & 0xf000000))
  )
}

/** Map byte of a granule of ours. */
// @ts-ignore: decorator
@inline
export function mapOfGranule(granule: u32): usize {
  return load<usize>(context().table + ((granule >> 12) & context().tableMask)) + granule
}

/** Where link `index` of a run of at least LINKED_MIN_GRANULES lies, whose first map byte is at `map`. */
// @ts-ignore: decorator
@inline
function linkAt(map: usize, index: u32): usize {
  return map + TAG_BYTES + index * LINK_BYTES
}

// @ts-ignore: decorator
@inline
function getLink(at: usize): u32 {
  return fromDigits(load<u64>(at))
}

// @ts-ignore: decorator
@inline
function setLink(at: usize, granule: u32): void {
  const digits = toDigits(granule)
  store<u32>(at, <u32>digits)
  store<u8>(at, <u8>(digits >> 32), 4)
}

// ---- list links, of a run of `granules` whose first map byte is at `map` -------------------------------------------

// @ts-ignore: decorator
@inline
export function getNext(run: u32, granules: u32, map: usize): u32 {
  return granules >= LINKED_MIN_GRANULES ? getLink(linkAt(map, 0)) : load<u32>(<usize>run << GRANULE_SHIFT)
}

// @ts-ignore: decorator
@inline
export function getPrev(run: u32, granules: u32, map: usize): u32 {
  return granules >= LINKED_MIN_GRANULES ? getLink(linkAt(map, 1)) : load<u32>(<usize>run << GRANULE_SHIFT, 4)
}

export function setNext(run: u32, granules: u32, map: usize, to: u32): void {
  if (granules >= LINKED_MIN_GRANULES) setLink(linkAt(map, 0), to)
  else store<u32>(<usize>run << GRANULE_SHIFT, to)
}

export function setPrev(run: u32, granules: u32, to: u32): void {
  if (granules >= LINKED_MIN_GRANULES) setLink(linkAt(mapOfGranule(run), 1), to)
  else store<u32>(<usize>run << GRANULE_SHIFT, to, 4)
}

// ---- trie links ----------------------------------------------------------------------------------------------------

export const LEFT: u32 = 2
export const RIGHT: u32 = 3
export const PARENT: u32 = 4

export function getTrieLink(run: u32, which: u32): u32 {
  return getLink(linkAt(mapOfGranule(run), which))
}

export function setTrieLink(run: u32, which: u32, to: u32): void {
  setLink(linkAt(mapOfGranule(run), which), to)
}

/**
 * Inline caches (Deutsch & Schiffman, POPL 1984; with several shapes: Hölzle, Chambers & Ungar, ECOOP 1991): for one
 * key at one place of a program, where objects of the shapes that were seen there last have the property. The layout
 * is under "inline caches" in `value-layout.ts`.
 *
 * A cache is memory of the program's, which has zeroed it. Whatever it holds, no access leaves the object's slots.
 */
import {
  CACHE_BYTES,
  CACHE_HITS_AT,
  CACHE_MISSES_AT,
  CACHE_MORE,
  CACHE_NEXT_AT,
  CACHE_OFFSET,
  CACHE_PAIRS,
  PROPERTIES_INLINE_AT,
  PROPERTIES_MORE_AT,
} from '../value-layout'
import { isInMemory } from './strings'
import { payloadBytes } from './world'

const PAIRS_BYTES: u32 = CACHE_PAIRS << 3

/** Whether it is a cache, or none. */
// @ts-ignore: decorator
@inline
export function mayBeCache(cache: usize): bool {
  return !(cache & 3) && isInMemory(cache, CACHE_BYTES)
}

/** What the cache has for the number of a shape, 0 for nothing. */
// @ts-ignore: decorator
@inline
export function cachedPlace(cache: usize, number: u32): u32 {
  if (load<u32>(cache) == number) return load<u32>(cache, 4)
  for (let at: u32 = 8; at < PAIRS_BYTES; at += 8) {
    if (load<u32>(cache + at) == number) return load<u32>(cache + at, 4)
  }
  return 0
}

/** The object that a place of `o` is in: itself, or its store of further slots. */
// @ts-ignore: decorator
@inline
export function holderOf(o: usize, place: u32): usize {
  return place & CACHE_MORE ? load<usize>(o, PROPERTIES_MORE_AT) : o
}

/** Address of the slot at a place of the holder, 0 when it has none there: an object's shape and store are no slots. */
// @ts-ignore: decorator
@inline
export function wordAt(holder: usize, place: u32): usize {
  const offset = place & CACHE_OFFSET
  const isSlot = (place & CACHE_MORE) != 0 || offset >= PROPERTIES_INLINE_AT
  return holder && isSlot && !(offset & 3) && offset < payloadBytes(holder) ? holder + offset : 0
}

// @ts-ignore: decorator
@inline
export function noteHit(cache: usize): void {
  store<u32>(cache, load<u32>(cache, CACHE_HITS_AT) + 1, CACHE_HITS_AT)
}

/** Note where objects of a shape have the property, in its pair or that of the oldest. Without a cache nothing. */
export function noteMiss(cache: usize, number: u32, place: u32): void {
  if (!cache) return
  store<u32>(cache, load<u32>(cache, CACHE_MISSES_AT) + 1, CACHE_MISSES_AT)
  if (!place) return
  const pair = pairOf(cache, number)
  store<u32>(pair, number)
  store<u32>(pair, place, 4)
}

/** The pair of a number, else the one to be replaced next. */
function pairOf(cache: usize, number: u32): usize {
  for (let at: u32 = 0; at < PAIRS_BYTES; at += 8) if (load<u32>(cache + at) == number) return cache + at
  const next = load<u32>(cache, CACHE_NEXT_AT) & (CACHE_PAIRS - 1)
  store<u32>(cache, (next + 1) & (CACHE_PAIRS - 1), CACHE_NEXT_AT)
  return cache + (next << 3)
}

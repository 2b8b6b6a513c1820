/**
 * The free runs by size. Runs below 1024 granules (16 KiB) lie in one bin per size, newest first, with a bit per bin
 * and a summary bit per 32 bins: best fit in constant time. Longer runs lie in a binary trie over the bits of their
 * size, runs of one size in a ring behind one node: best fit in at most 16 steps. (Two-level bitmaps: Masmano et al.,
 * TLSF, ECRTS 2004; tries over sizes: Lea, "A Memory Allocator". Both are only the idea; here bins are exact, so
 * nothing is rounded.)
 *
 * The free run that ends at `top`, the wild one, is in neither: it is what growth lengthens and what is cut when
 * nothing else fits, often and by little, so it should cost no search. (The idea is Lea's "top" chunk.)
 *
 * Runs are known by the number of their first granule. Guarantee: `findBest(n)` gives a shortest run of at least n
 * granules.
 */
import { check } from '../host'
import { BIN_COUNT, GRANULE_SHIFT } from '../layout'
import { binBitsAt, binsAt, heap } from '../overlay'
import {
  LEFT,
  PARENT,
  RIGHT,
  getNext,
  getPrev,
  getTrieLink,
  mapOfGranule,
  setNext,
  setPrev,
  setTrieLink,
} from './links'
import { freeGranulesFromStart, granulesFromStart } from './tags'

const TOP_BIT: u32 = 15

/** Enter the free run at granule `run`, whose tags are written and whose first map byte is at `map`. */
export function binInsert(run: u32, granules: u32, map: usize): void {
  if (granules >= BIN_COUNT) {
    trieInsert(run, granules, map)
    return
  }
  const bin = binsAt() + (granules << 2)
  const first = load<u32>(bin)
  store<u32>(bin, run)
  setNext(run, granules, map, first)
  // The first run's `prev` is not kept: that it is first is known from the bin.
  if (first) setPrev(first, granules, run)
  else setBinBit(granules)
}

/** Take the free run at granule `run` out; its tags are the caller's work. */
export function binRemove(run: u32, granules: u32, map: usize): void {
  if (granules >= BIN_COUNT) {
    trieRemove(run, granules, map)
    return
  }
  const bin = binsAt() + (granules << 2)
  const next = getNext(run, granules, map)
  if (load<u32>(bin) == run) {
    store<u32>(bin, next)
    if (!next) clearBinBit(granules)
    return
  }
  const prev = getPrev(run, granules, map)
  if (next) setPrev(next, granules, prev)
  setNext(prev, granules, mapOfGranule(prev), next)
}

/** A shortest free run of at least `granules`, or 0. It stays where it is. */
export function findBest(granules: u32): u32 {
  if (granules < BIN_COUNT) {
    const found = firstBinFrom(granules)
    if (found) return load<u32>(binsAt() + (found << 2))
  }
  const found = trieBest(max<u32>(granules, BIN_COUNT))
  if (found) return found
  const wild = heap().wild
  return wild && (heap().top >> GRANULE_SHIFT) - wild >= granules ? wild : 0
}

/** Move the wild run into the bins: `top` is about to move away from its end. */
export function tameWild(): void {
  const wild = heap().wild
  if (!wild) return
  heap().wild = 0
  binInsert(wild, <u32>(heap().top >> GRANULE_SHIFT) - wild, mapOfGranule(wild))
}

/** Take a free run that ends at `top` out of the bins: it is the wild one from now on. */
export function makeWild(run: u32): void {
  const map = mapOfGranule(run)
  binRemove(run, freeGranulesFromStart(map), map)
  heap().wild = run
}

// @ts-ignore: decorator
@inline
function setBinBit(granules: u32): void {
  const word = binBitsAt() + ((granules >> 5) << 2)
  store<u32>(word, load<u32>(word) | (<u32>1 << (granules & 31)))
  heap().binSummary |= <u32>1 << (granules >> 5)
}

// @ts-ignore: decorator
@inline
function clearBinBit(granules: u32): void {
  const word = binBitsAt() + ((granules >> 5) << 2)
  const rest = load<u32>(word) & ~(<u32>1 << (granules & 31))
  store<u32>(word, rest)
  if (!rest) heap().binSummary &= ~(<u32>1 << (granules >> 5))
}

/** Number of the first non-empty bin from `granules` on, or 0. */
// @ts-ignore: decorator
@inline
function firstBinFrom(granules: u32): u32 {
  const index = granules >> 5
  const here = load<u32>(binBitsAt() + (index << 2)) & (<u32>-1 << (granules & 31))
  if (here) return (index << 5) + ctz(here)
  // Shifting by 32 would shift by 0: take the step in two.
  const later = heap().binSummary & ((<u32>-1 << index) << 1)
  if (!later) return 0
  const word = ctz(later)
  return (word << 5) + ctz(load<u32>(binBitsAt() + (word << 2)))
}

// ---- the trie: a node at depth d shares the upper d bits (of 16) of its size with all nodes below it ---------------

// @ts-ignore: decorator
@inline
function sizeOf(run: u32): u32 {
  return granulesFromStart(mapOfGranule(run))
}

function trieInsert(run: u32, granules: u32, map: usize): void {
  setTrieLink(run, LEFT, 0)
  setTrieLink(run, RIGHT, 0)
  let here = <u32>heap().trieRoot
  let parent: u32 = 0
  let side = LEFT
  let bit = TOP_BIT
  while (here) {
    if (sizeOf(here) == granules) {
      ringInsert(here, run, granules, map)
      return
    }
    parent = here
    side = LEFT + ((granules >> bit) & 1)
    here = getTrieLink(here, side)
    bit--
  }
  setNext(run, granules, map, run)
  setPrev(run, granules, run)
  setTrieLink(run, PARENT, parent)
  if (parent) setTrieLink(parent, side, run)
  else heap().trieRoot = run
}

/** Behind the node that stands in the trie; a ring member that does not stand there has itself as parent. */
function ringInsert(head: u32, run: u32, granules: u32, map: usize): void {
  const headMap = mapOfGranule(head)
  const next = getNext(head, granules, headMap)
  setNext(run, granules, map, next)
  setPrev(run, granules, head)
  setPrev(next, granules, run)
  setNext(head, granules, headMap, run)
  setTrieLink(run, PARENT, run)
}

function trieRemove(run: u32, granules: u32, map: usize): void {
  const next = getNext(run, granules, map)
  if (next != run) {
    const prev = getPrev(run, granules, map)
    setNext(prev, granules, mapOfGranule(prev), next)
    setPrev(next, granules, prev)
    if (getTrieLink(run, PARENT) != run) replaceNode(run, next)
    return
  }
  replaceNode(run, takeLeafBelow(run))
}

/** Put `heir` (0 for none) into the place of `run`. */
function replaceNode(run: u32, heir: u32): void {
  const parent = getTrieLink(run, PARENT)
  if (!parent) heap().trieRoot = heir
  else setTrieLink(parent, getTrieLink(parent, LEFT) == run ? LEFT : RIGHT, heir)
  if (!heir) return
  const left = getTrieLink(run, LEFT)
  const right = getTrieLink(run, RIGHT)
  setTrieLink(heir, PARENT, parent)
  setTrieLink(heir, LEFT, left)
  setTrieLink(heir, RIGHT, right)
  if (left) setTrieLink(left, PARENT, heir)
  if (right) setTrieLink(right, PARENT, heir)
}

// @ts-ignore: decorator
@inline
function anyChild(run: u32): u32 {
  const right = getTrieLink(run, RIGHT)
  return right ? right : getTrieLink(run, LEFT)
}

/** Unlink some leaf below `run`: any of them may stand in any place above itself. 0 when there is none. */
function takeLeafBelow(run: u32): u32 {
  let leaf = anyChild(run)
  if (!leaf) return 0
  for (let deeper = anyChild(leaf); deeper; deeper = anyChild(leaf)) leaf = deeper
  const parent = getTrieLink(leaf, PARENT)
  setTrieLink(parent, getTrieLink(parent, LEFT) == leaf ? LEFT : RIGHT, 0)
  return leaf
}

/**
 * Walk down along the bits of `granules`, keeping the shortest run that is long enough and the deepest right branch not
 * taken: everything in that branch is longer than wanted, so its leftmost path holds its shortest run.
 */
function trieBest(granules: u32): u32 {
  let node = <u32>heap().trieRoot
  let best: u32 = 0
  let bestGranules: u32 = u32.MAX_VALUE
  let branch: u32 = 0
  let bit = TOP_BIT
  while (node) {
    const here = sizeOf(node)
    if (here >= granules && here < bestGranules) {
      best = node
      bestGranules = here
      if (here == granules) break
    }
    const right = getTrieLink(node, RIGHT)
    if ((granules >> bit) & 1) node = right
    else {
      if (right) branch = right
      node = getTrieLink(node, LEFT)
    }
    bit--
  }
  if (bestGranules != granules) {
    node = branch
    while (node) {
      const here = sizeOf(node)
      if (here < bestGranules) {
        best = node
        bestGranules = here
      }
      const left = getTrieLink(node, LEFT)
      node = left ? left : getTrieLink(node, RIGHT)
    }
  }
  if (!best) return 0
  // A ring member that does not stand in the trie is cheaper to take out.
  const other = getNext(best, bestGranules, mapOfGranule(best))
  check(sizeOf(other) == bestGranules, 101, other)
  return other
}

/**
 * The verifier's part for the free runs: every run found by the walk is in exactly one bin, or is the wild one. Each
 * node is checked to be a free run of its bin's size before its links are followed, and no run can be met twice without
 * the count going over.
 */
import { BIN_COUNT, FAULT_BIN, FAULT_NONE, GRANULE_SHIFT } from '../layout'
import { binBitsAt, binsAt, entryOf, heap, holds, mapAt } from '../overlay'
import { LEFT, PARENT, RIGHT, getNext, getPrev, getTrieLink, mapOfGranule } from '../region/links'
import { freeGranulesFromStart, isFreeCode } from '../region/tags'
import { fault, totals } from './totals'

export function checkBins(): u32 {
  for (let granules: u32 = 1; granules < BIN_COUNT; granules++) {
    const first = load<u32>(binsAt() + (granules << 2))
    const bit = (load<u32>(binBitsAt() + ((granules >> 5) << 2)) >> (granules & 31)) & 1
    const summary = (heap().binSummary >> (granules >> 5)) & 1
    if ((first != 0) != (bit != 0) || (bit && !summary)) return fault(FAULT_BIN, <usize>first << GRANULE_SHIFT)
    let before: u32 = 0
    for (let run = first; run; run = nextOf(run, granules)) {
      // The first run's `prev` is not kept.
      if (!isFreeRun(run, granules) || !countRun() || (before && prevOf(run, granules) != before))
        return fault(FAULT_BIN, <usize>run << GRANULE_SHIFT)
      before = run
    }
  }
  const found = checkTrie()
  if (found) return found
  const wild = heap().wild
  if (wild && (!isFreeRun(wild, <u32>(heap().top >> GRANULE_SHIFT) - wild) || !countRun()))
    return fault(FAULT_BIN, <usize>wild << GRANULE_SHIFT)
  return totals().binRuns == totals().freeRuns ? FAULT_NONE : fault(FAULT_BIN, heap().base)
}

function nextOf(run: u32, granules: u32): u32 {
  return getNext(run, granules, mapOfGranule(run))
}

function prevOf(run: u32, granules: u32): u32 {
  return getPrev(run, granules, mapOfGranule(run))
}

/** Count one more run met in the bins; false when there are more than the walk found. */
function countRun(): bool {
  return ++totals().binRuns <= totals().freeRuns
}

/** Whether a free run of `granules` starts at granule `run`. Any number may be asked. */
function isFreeRun(run: u32, granules: u32): bool {
  const address = <usize>run << GRANULE_SHIFT
  const entry = entryOf(address)
  if (run >> 28 || !holds(entry, address)) return false
  const map = mapAt(entry, address)
  return isFreeCode(load<u8>(map)) && freeGranulesFromStart(map) == granules
}

/** Walk the trie by parent links: down the left, then the right, then up. */
function checkTrie(): u32 {
  let from: u32 = 0
  let node = heap().trieRoot
  while (node) {
    const granules = longRun(node)
    if (!granules) return fault(FAULT_BIN, <usize>node << GRANULE_SHIFT)
    const left = getTrieLink(node, LEFT)
    const right = getTrieLink(node, RIGHT)
    const parent = getTrieLink(node, PARENT)
    let next: u32
    if (from == parent) {
      const sound = checkRing(node, granules) && isChild(left, node) && isChild(right, node)
      if (!sound) return fault(FAULT_BIN, <usize>node << GRANULE_SHIFT)
      next = left ? left : right ? right : parent
    } else next = from == left && right ? right : parent
    from = node
    node = next
  }
  return FAULT_NONE
}

/** Granules of the free run at `node` if it is long enough for the trie, else 0. Any number may be asked. */
function longRun(node: u32): u32 {
  const address = <usize>node << GRANULE_SHIFT
  const entry = entryOf(address)
  if (node >> 28 || !holds(entry, address) || !isFreeCode(load<u8>(mapAt(entry, address)))) return 0
  const granules = freeGranulesFromStart(mapAt(entry, address))
  return granules >= BIN_COUNT ? granules : 0
}

function isChild(node: u32, parent: u32): bool {
  return !node || (longRun(node) != 0 && getTrieLink(node, PARENT) == parent)
}

/** The ring of runs of one size behind a node; counts them all. */
function checkRing(node: u32, granules: u32): bool {
  let run = node
  do {
    if (!isFreeRun(run, granules) || !countRun()) return false
    const next = nextOf(run, granules)
    if (!isFreeRun(next, granules) || prevOf(next, granules) != run) return false
    run = next
  } while (run != node)
  return true
}

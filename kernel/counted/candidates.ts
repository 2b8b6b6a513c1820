/**
 * Candidates: objects that may be part of a cycle nobody refers to, since something that referred to them is gone and
 * they are still there. A table without order; each object knows its place in it, so it leaves in constant time.
 *
 * Objects of types that cannot refer never come here. When the table cannot grow, the object is left out and counted
 * as missed; the next trial then looks at every object instead.
 */
import { check } from '../host'
import { knob } from '../overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { COUNTED_CANDIDATE, KNOB_SHORT_CANDIDATES } from '../value-layout'
import { countWord, placeOf, setCountWord, setPlace } from './header'
import { counted } from './state'

const FIRST_BYTES: u32 = 1024
/** The debug kernel's short tables. */
export const SHORT_ENTRIES: u32 = 16
/** Longer tables are given back when they are empty. */
export const KEPT_ENTRIES: u32 = 4096

/** Enter an object that is neither a candidate nor in a trial. */
export function addCandidate(reference: usize): void {
  const c = counted()
  if (c.candidateCount + c.reserved < c.candidateCapacity || growCandidates()) putCandidate(reference)
  else if (c.missed < u32.MAX_VALUE) c.missed++
  if (hasEnough()) c.isDue = 1
}

/** Whether there is enough to be looked at for allocations to take steps. */
export function hasEnough(): bool {
  const c = counted()
  return c.threshold != 0 && <u64>c.candidateCount + c.missed >= <u64>c.dueAt
}

/** The same where there is room: place was kept, or has been made. */
export function putCandidate(reference: usize): void {
  const c = counted()
  const place = c.candidateCount
  check(place < c.candidateCapacity, 2001, reference)
  c.candidateCount = place + 1
  store<usize>(c.candidates + (place << 2), reference)
  setPlace(reference, place)
  setCountWord(reference, countWord(reference) | COUNTED_CANDIDATE)
}

/** Take a candidate out of the table: the last one takes its place. Its state is left to the caller. */
export function takeCandidate(reference: usize): void {
  const c = counted()
  const place = placeOf(reference)
  const last = c.candidateCount - 1
  check(place <= last && load<usize>(c.candidates + (place << 2)) == reference, 2002, reference)
  const moved = load<usize>(c.candidates + (last << 2))
  store<usize>(c.candidates + (place << 2), moved)
  setPlace(moved, place)
  c.candidateCount = last
}

function growCandidates(): bool {
  const c = counted()
  const bytes = c.candidates ? c.candidateCapacity << 3 : knob(KNOB_SHORT_CANDIDATES) ? SHORT_ENTRIES << 2 : FIRST_BYTES
  if (knob(KNOB_SHORT_CANDIDATES) && c.candidates) return false
  const table = tableAlloc(bytes)
  if (!table) return false
  memory.copy(table, c.candidates, c.candidateCount << 2)
  tableFree(c.candidates)
  c.candidates = table
  c.candidateCapacity = bytes >> 2
  return true
}

/** Give a long table back that nobody needs. */
export function trimCandidates(): void {
  const c = counted()
  if (c.candidateCount + c.reserved || c.candidateCapacity <= KEPT_ENTRIES) return
  tableFree(c.candidates)
  c.candidates = 0
  c.candidateCapacity = 0
}

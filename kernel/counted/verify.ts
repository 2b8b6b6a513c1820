/**
 * The verifier of counted objects: headers, references, counts, candidates, the trial.
 *
 * Every reference in an object, a handle or a root is counted again, in the trial words of those referred to; a count
 * may be more, for programs own counts as well, never less. A trial that goes on keeps its own numbers there: they are
 * put into its list meanwhile, in the places of the members, which know their places. Garbage that is being taken
 * apart is no object any more.
 */
import { FAULT_NONE } from '../layout'
import {
  FAULT_OBJECT_HEADER,
  FAULT_REFERENCE,
  FAULT_ROOT,
  FAULT_SPACE,
  ROOT_PINNED,
  ROOT_STRONG,
  SPACE_GLOBAL_OBJECT_AT,
  SPACE_PENDING_EXCEPTION_AT,
  TYPE_SHIFT,
} from '../object-layout'
import { space, spaceAt, typeInfo } from '../object-overlay'
import { heap } from '../overlay'
import { fault, totals } from '../check/totals'
import { verify } from '../check/verify'
import { pieceBytes } from '../region/piece'
import { payloadBytes, typeOf } from '../object/header'
import { scan } from '../object/scan'
import { isKnownType, sizeFits } from '../object/types'
import { visitHandles } from '../root/handles'
import { visitList } from '../root/lists'
import { areStacksSound } from '../root/shadow'
import { valuesRootsEnd, valuesState } from '../root/values'
import {
  COUNTED_ALIVE,
  COUNTED_CANDIDATE,
  COUNTED_IN_TRIAL,
  COUNT_ONE,
  COUNT_SHIFT,
  FAULT_CANDIDATES,
  FAULT_COUNT,
  TRIAL_END,
  TRIAL_IDLE,
  TRIAL_RELEASE,
} from '../value-layout'
import { fitsBlock, nextObject, objectStatus } from './counts'
import { countWord, countedBytesFor, isDoomed, isObject, isReference, placeOf, setTrialWord, trialWord } from './header'
import { counted } from './state'
import { directorySlots, entryAt, memberAt, SEGMENT_ENTRIES, SEGMENT_SHIFT, segmentsOf, setMember } from './trial-list'

/** 0 when every invariant of heap and objects holds, else the fault found; its place is in the control block. */
export function verifyAll(): u32 {
  const found = verify()
  if (found || !heap().space) return found
  if (!isSpaceSound()) return fault(FAULT_SPACE, spaceAt())
  return checkLists() || checkObjects() || recount()
}

function isSpaceSound(): bool {
  const s = space()
  const c = counted()
  return (
    areStacksSound() &&
    s.typeCount < s.typeCapacity &&
    isTable(s.types, s.typeCapacity << TYPE_SHIFT) &&
    isTable(c.candidates, c.candidateCapacity << 2) &&
    isListSound() &&
    c.phase <= TRIAL_END &&
    c.candidateCount + c.reserved <= c.candidateCapacity &&
    c.aliveDone <= c.aliveEnd &&
    c.work == 0 &&
    c.isDraining == 0 &&
    (c.phase == TRIAL_IDLE || (c.aliveEnd <= c.count && c.count <= c.capacity))
  )
}

/** Whether `at` is a piece of the heap that has room for `bytes`, or nothing for none. */
function isTable(at: usize, bytes: u32): bool {
  return bytes ? bytes <= pieceBytes(at) : at == 0
}

/** The trial's list has its directory and its segments. */
function isListSound(): bool {
  const c = counted()
  const segments = segmentsOf(c.capacity)
  if (!segments) return c.list == 0
  if (!isTable(c.list, directorySlots(segments) << 2)) return false
  for (let i: u32 = 0; i < segments; i++) {
    const entries = min(c.capacity - (i << SEGMENT_SHIFT), SEGMENT_ENTRIES)
    if (!isTable(load<usize>(c.list + (i << 2)), entries << 2)) return false
  }
  return true
}

/** Each object has a header that fits its block and its place, and there are as many as counted. After the lists. */
function checkObjects(): u32 {
  let objects: u32 = 0
  let bytes: u32 = 0
  for (let at = nextObject(0); at; at = nextObject(at)) {
    const type = typeOf(at)
    if (!isKnownType(type) || !sizeFits(typeInfo(type), payloadBytes(at))) return fault(FAULT_OBJECT_HEADER, at)
    const total = countedBytesFor(payloadBytes(at))
    if (!fitsBlock(at, total)) return fault(FAULT_OBJECT_HEADER, at)
    if (!isInPlace(at)) return fault(FAULT_CANDIDATES, at)
    objects++
    bytes += total
  }
  // Garbage that has not been freed yet is still counted.
  const c = counted()
  for (let i = c.aliveEnd; c.phase >= TRIAL_RELEASE && i < c.count; i++) {
    const at = memberAt(i)
    if (!at) continue
    objects++
    bytes += countedBytesFor(payloadBytes(at))
  }
  const isCounted = objects == space().liveObjects && bytes == space().liveBytes
  return isCounted ? FAULT_NONE : fault(FAULT_COUNT, spaceAt())
}

/** Whether the table or the list that the object's state names has it where the object says. */
function isInPlace(reference: usize): bool {
  const c = counted()
  const word = countWord(reference)
  const place = placeOf(reference)
  if (word & COUNTED_IN_TRIAL) return c.phase != TRIAL_IDLE && place < c.count && memberAt(place) == reference
  if (word & COUNTED_ALIVE) return false
  if (!(word & COUNTED_CANDIDATE)) return true
  return place < c.candidateCount && load<usize>(c.candidates + (place << 2)) == reference
}

/** What the lists hold are objects that say so. */
function checkLists(): u32 {
  const c = counted()
  for (let i: u32 = 0; i < c.candidateCount; i++) {
    const at = c.candidates + (i << 2)
    const reference = load<usize>(at)
    if (objectStatus(reference)) return fault(FAULT_CANDIDATES, at)
    const state = countWord(reference) & (COUNTED_CANDIDATE | COUNTED_IN_TRIAL)
    if (state != COUNTED_CANDIDATE || placeOf(reference) != i) return fault(FAULT_CANDIDATES, at)
  }
  let reserved: u32 = 0
  const members: u32 = c.phase == TRIAL_IDLE ? 0 : c.count
  for (let i: u32 = 0; i < members; i++) {
    const reference = memberAt(i)
    if (!reference) continue
    if (!isMember(reference, i)) return fault(FAULT_CANDIDATES, entryAt(i))
    if (countWord(reference) & COUNTED_CANDIDATE) reserved++
  }
  return reserved == c.reserved ? FAULT_NONE : fault(FAULT_CANDIDATES, spaceAt())
}

/** Whether an object that says so is number `index` of the list; from RELEASE on the undecided ones are garbage. */
function isMember(reference: usize, index: u32): bool {
  const c = counted()
  if (!isObject(reference) || placeOf(reference) != index) return false
  const word = countWord(reference)
  const isGarbage = c.phase >= TRIAL_RELEASE && index >= c.aliveEnd
  return (word & COUNTED_IN_TRIAL) != 0 && isGarbage == isDoomed(word) && word >= COUNT_ONE
}

/** No count is less than the references that are found. The lists have been checked. */
function recount(): u32 {
  for (let at = nextObject(0); at; at = nextObject(at)) {
    if (countWord(at) & COUNTED_IN_TRIAL) setMember(placeOf(at), trialWord(at))
    setTrialWord(at, 0)
  }
  for (let at = nextObject(0); at; at = nextObject(at)) scan<ReferenceCount>(at)
  visitHandles<RootCount>()
  visitList<RootCount>(ROOT_STRONG)
  visitList<RootCount>(ROOT_PINNED)
  changetype<RootCount>(0).visit(spaceAt() + SPACE_GLOBAL_OBJECT_AT)
  changetype<RootCount>(0).visit(spaceAt() + SPACE_PENDING_EXCEPTION_AT)
  const end = valuesRootsEnd()
  for (let slot = valuesState(); slot < end; slot += 4) changetype<RootCount>(0).visit(slot)
  for (let at = nextObject(0); at; at = nextObject(at)) {
    if (trialWord(at) > countWord(at) >> COUNT_SHIFT) fault(FAULT_COUNT, at)
    if (!(countWord(at) & COUNTED_IN_TRIAL)) continue
    setTrialWord(at, <u32>memberAt(placeOf(at)))
    setMember(placeOf(at), at)
  }
  return totals().fault
}

@unmanaged
@final
class ReferenceCount {
  visit(slot: usize): void {
    countReference(slot, FAULT_REFERENCE)
  }
}

@unmanaged
@final
class RootCount {
  visit(slot: usize): void {
    countReference(slot, FAULT_ROOT)
  }
}

function countReference(slot: usize, code: u32): void {
  const reference = load<usize>(slot)
  if (!isReference(reference)) return
  if (objectStatus(reference)) fault(code, slot)
  else setTrialWord(reference, trialWord(reference) + 1)
}

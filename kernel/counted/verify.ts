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
} from '../object-layout'
import { space, spaceAt, typeInfo } from '../object-overlay'
import { heap } from '../overlay'
import { fault, totals } from '../check/totals'
import { verify } from '../check/verify'
import { payloadBytes, typeOf } from '../object/header'
import { scan } from '../object/scan'
import { isKnownType, sizeFits } from '../object/types'
import { visitHandles } from '../root/handles'
import { visitList } from '../root/lists'
import { areStacksSound } from '../root/shadow'
import {
  COUNTED_ALIVE,
  COUNTED_CANDIDATE,
  COUNTED_IN_TRIAL,
  COUNT_SHIFT,
  FAULT_CANDIDATES,
  FAULT_COUNT,
  TRIAL_END,
  TRIAL_IDLE,
  TRIAL_RELEASE,
} from '../value-layout'
import { fitsBlock, nextObject, objectStatus } from './counts'
import { countWord, countedBytesFor, isReference, placeOf, setTrialWord, trialWord } from './header'
import { counted } from './state'
import { memberAt, setMember } from './trial-list'

/** 0 when every invariant of heap and objects holds, else the fault found; its place is in the control block. */
export function verifyAll(): u32 {
  const found = verify()
  if (found || !heap().space) return found
  if (!isSpaceSound()) return fault(FAULT_SPACE, spaceAt())
  return checkObjects() || checkLists() || recount()
}

function isSpaceSound(): bool {
  const s = space()
  const c = counted()
  return (
    areStacksSound() &&
    s.types != 0 &&
    s.typeCount < s.typeCapacity &&
    c.phase <= TRIAL_END &&
    c.candidateCount + c.reserved <= c.candidateCapacity &&
    c.aliveDone <= c.aliveEnd &&
    c.work == 0 &&
    (c.phase == TRIAL_IDLE || (c.aliveEnd <= c.count && c.count <= c.capacity))
  )
}

/** Each object has a header that fits its block and its place, and there are as many as were counted. */
function checkObjects(): u32 {
  let objects = doomedObjects()
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
  const isCounted = objects == space().liveObjects && bytes <= space().liveBytes
  return isCounted ? FAULT_NONE : fault(FAULT_COUNT, spaceAt())
}

/** Garbage that has not been freed yet. */
function doomedObjects(): u32 {
  const c = counted()
  if (c.phase < TRIAL_RELEASE) return 0
  let objects: u32 = 0
  for (let i = c.aliveEnd; i < c.count; i++) objects += <u32>(memberAt(i) != 0)
  return objects
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
  const members = listEnd()
  for (let i: u32 = 0; i < members; i++) {
    const reference = memberAt(i)
    if (!reference) continue
    const at = c.list + (i << 2)
    if (objectStatus(reference)) return fault(FAULT_CANDIDATES, at)
    if (!(countWord(reference) & COUNTED_IN_TRIAL) || placeOf(reference) != i) return fault(FAULT_CANDIDATES, at)
  }
  return FAULT_NONE
}

/** End of the part of the list that holds objects. */
function listEnd(): u32 {
  const c = counted()
  return c.phase == TRIAL_IDLE ? 0 : c.phase < TRIAL_RELEASE ? c.count : c.aliveEnd
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

/**
 * The cycle collector: trial deletion with counts on the side (Lins, Information Processing Letters 44, 1992; Bacon &
 * Rajan, ECOOP 2001), in steps between which the program goes on. The counts themselves are never changed by a trial,
 * so it can be given up at any moment.
 *
 *   VISIT     candidates, and what they lead to, become members, each with its count on the side, less one for each
 *             reference to it that is met: every member's references are met once
 *   SPARE     members with something left on the side have a reference from elsewhere: they are alive, and what they
 *             lead to is
 *   RELEASE   what is left is garbage: its references to others are dropped
 *   FREE      its memory is freed
 *   END       the members that are alive are members no longer
 *
 * What the program does to a member meanwhile, a count up or down or a store into it, makes the member alive (`touch`);
 * one that is released leaves the list.
 *
 * Why what is released is garbage. Let R be the members that are not alive when SPARE has nothing left to follow, and
 * r one of them. r was not touched since it became a member, so in all that time its count was the same, and so were
 * the words that refer to r: each of them that comes or goes, by whatever store, counts r up or down. r has nothing
 * left on the side: as many words as its count were met while members were visited; each is there once and was met
 * once, for a word that refers to r and moves touches r; none of them has gone. So all references to r lie in members.
 * (A word of a member that was visited before r came to be referred to there is never met: it leaves something on r's
 * side, and the store has touched the member.) None of these members is alive: it would have been followed, after the
 * word was there, and r would be alive. So every reference to an r lies in an object of R, and nobody else, root,
 * handle or program, owns a count of one: nobody can reach R, and nobody ever will. That stays so while R is taken
 * apart in pieces. References that the program has without a count (lent ones, shadow stacks) do not keep anything.
 *
 * Why no garbage is forgotten. What is garbage has become so by a count that went down to more than 0, of an object
 * that leads to all of it. If that was before the trial began, the trial has looked at it, or it is a candidate still.
 * If it was since then, the object is a candidate when the trial ends (COUNTED_AGAIN), member or not: it may have been
 * kept by a member that was touched before it became garbage.
 *
 * When candidates were missed for want of memory, a trial takes every object there is that can refer, block by block.
 * One whose list cannot grow is given up, and the next ones take a quarter of the candidates each time.
 *
 * A step ends after its units, of an object or two of its references each; a piece of an object, its fixed part and
 * 2 KiB of its elements, is the most that it does beyond them (at most 256 units more). Not
 * counted as units: passing free memory, clearing the words that watch garbage, releasing what the
 * garbage alone kept.
 */
import { check, hostReport } from '../host'
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  CAUSE_REQUEST,
  COLLECT_COMPACT,
  KNOB_UNIT_STEPS,
  REPORT_COLLECT_BEGIN,
  REPORT_COLLECT_END,
  SHAPE_MIXED,
  SHAPE_REFS,
  SHAPE_WIDE,
} from '../object-layout'
import { TypeInfo, space, typeInfo } from '../object-overlay'
import { heap, knob } from '../overlay'
import { headWord, payloadBytes, setHeadWord, typeOf } from '../object/header'
import { scanAs, scanElements } from '../object/scan'
import { nextBlock } from '../check/walk'
import { trimHandles } from '../root/handles'
import { trimRootLists } from '../root/lists'
import {
  COUNTED_AGAIN,
  COUNTED_ALIVE,
  COUNTED_CANDIDATE,
  COUNTED_HEADER_BYTES,
  COUNTED_IN_TRIAL,
  COUNT_ONE,
  COUNT_SHIFT,
  OBJECT_WATCHED,
  TRIAL_END,
  TRIAL_FREE,
  TRIAL_IDLE,
  TRIAL_RELEASE,
  TRIAL_SPARE,
  TRIAL_VISIT,
} from '../value-layout'
import { addCandidate, hasEnough, putCandidate, trimCandidates } from './candidates'
import { objectStatus } from './counts'
import { countWord, isLeaf, isLive, isObject, setCountWord, setTrialWord, trialWord } from './header'
import { clearWatch, freeObject, release, suspect } from './release'
import { counted } from './state'
import { clearList, enter, memberAt, putAlive, setMember } from './trial-list'

/** Bytes of elements that are scanned in one piece: at least one element. */
const PIECE_BYTES: u32 = 2048
/** So many trials given up one after the other end a collection. */
const LOST_MAX: u32 = 20
const MEMBER_STATES: u32 = COUNTED_IN_TRIAL | COUNTED_ALIVE | COUNTED_AGAIN | COUNTED_CANDIDATE

// ---- programs' calls ------------------------------------------------------------------------------------------------

/** Find and release all garbage in cycles. With COMPACT every object is looked at, not the candidates alone. */
export function collect(kind: u32): u32 {
  if (!heap().space || kind > COLLECT_COMPACT) return STATUS_BAD_ARGUMENT
  return collectFor(kind, CAUSE_REQUEST)
}

export function collectFor(kind: u32, cause: u32): u32 {
  space().cause = cause
  space().collections++
  hostReport(REPORT_COLLECT_BEGIN, cause | (kind << 8))
  const isDone = collectCycles(kind == COLLECT_COMPACT)
  if (kind == COLLECT_COMPACT) {
    trimHandles()
    trimRootLists()
  }
  hostReport(REPORT_COLLECT_END, kind)
  return isDone ? STATUS_OK : STATUS_OUT_OF_MEMORY
}

/** Go on with the trial by about `units`, 0 for what is usual; begin one if there are candidates. The phase: `TRIAL_…`. */
export function step(units: u32): u32 {
  if (!heap().space) return TRIAL_IDLE
  const c = counted()
  if (c.phase == TRIAL_IDLE) {
    if (!c.candidateCount && !c.missed) {
      c.isDue = 0
      return TRIAL_IDLE
    }
    begin(c.missed != 0)
  }
  let left: i64 = knob(KNOB_UNIT_STEPS) ? 1 : units ? units : c.stepUnits
  while (left > 0 && c.phase != TRIAL_IDLE) left -= <i64>advance()
  return c.phase
}

export function candidates(): u32 {
  return heap().space ? counted().candidateCount : 0
}

/** Whether a collection could find anything. */
export function hasSuspects(): bool {
  const c = counted()
  return c.candidateCount != 0 || c.phase != TRIAL_IDLE || c.missed != 0
}

/** False when memory was short; what was found to be garbage until then is released, the rest is as it was. */
function collectCycles(isThorough: bool): bool {
  const c = counted()
  if (c.phase != TRIAL_IDLE) runOut()
  let all = isThorough || c.missed != 0
  let isComplete = true
  let lost: u32 = 0
  // Nothing is touched in a trial that nobody interrupts, so it leaves no new candidates.
  while (all || c.candidateCount) {
    begin(all)
    if (runOut()) lost = 0
    else {
      // What the list has no room for as a whole it may have room for part by part, and more when parts have gone.
      if (all) isComplete = false
      if (++lost == LOST_MAX) return false
    }
    all = false
  }
  trimCandidates()
  return isComplete
}

/** Begin a trial: of the candidates that there are, or of all objects that can refer. */
function begin(isAll: bool): void {
  const c = counted()
  c.phase = TRIAL_VISIT
  c.count = 0
  c.cursor = 0
  c.from = 0
  c.aliveDone = 0
  c.aliveEnd = 0
  c.touched = 0
  c.failed = 0
  c.watched = 0
  c.intake = min<u32>(c.candidateCount, c.most)
  c.isAll = <u32>isAll
  c.isWalking = <u32>isAll
  c.walkAt = 0
  if (isAll) c.missed = 0
}

/** Take the trial to its end: false when it was given up. */
function runOut(): bool {
  const c = counted()
  while (c.phase != TRIAL_IDLE) advance()
  return !c.failed
}

// ---- one piece of work after the other ------------------------------------------------------------------------------

/** The next piece of the trial: the units that it took. */
function advance(): u32 {
  const phase = counted().phase
  if (phase == TRIAL_VISIT) return visitNext()
  if (phase == TRIAL_SPARE) return spareNext()
  if (phase == TRIAL_RELEASE) return releaseNext()
  return phase == TRIAL_FREE ? freeNext() : endNext()
}

function goOn(phase: u32, cursor: u32): u32 {
  const c = counted()
  c.phase = phase
  c.cursor = cursor
  c.from = 0
  return 1
}

/**
 * Scan a piece of the object: from payload offset `from` on, 0 for its beginning. Where to go on, 0 at its end: one
 * without elements that refer is scanned as a whole.
 */
function scanPiece<V>(reference: usize, from: u32): u32 {
  const info = typeInfo(typeOf(reference))
  const bytes = payloadBytes(reference)
  const piece = elementsOfPiece(info)
  const start = from ? from : info.fixedBytes
  if (!piece || bytes - start <= piece) {
    if (!from) scanAs<V>(reference, info, bytes)
    else scanElements<V>(info, reference + from, reference + bytes)
    return 0
  }
  const end = start + piece
  if (!from) scanAs<V>(reference, info, end)
  else scanElements<V>(info, reference + from, reference + end)
  return end
}

/** Bytes of the elements that make a piece; 0 where elements do not refer. */
function elementsOfPiece(info: TypeInfo): u32 {
  const shape = <u32>info.shape
  if (shape != SHAPE_REFS && shape != SHAPE_WIDE && shape != SHAPE_MIXED) return 0
  const bytes = <u32>info.elementBytes
  return bytes ? max<u32>(PIECE_BYTES / bytes, 1) * bytes : 0
}

/** Units of a piece of the object. */
// @ts-ignore: decorator
@inline
function unitsOf(reference: usize): u32 {
  return 1 + (min<u32>(payloadBytes(reference), PIECE_BYTES) >> 3)
}

// ---- VISIT ----------------------------------------------------------------------------------------------------------

function visitNext(): u32 {
  const c = counted()
  if (c.cursor == c.count) return c.isWalking ? walkNext() : takeNext()
  const member = memberAt(c.cursor)
  // What a member that is alive refers to needs no explanation.
  if (!member || countWord(member) & COUNTED_ALIVE) return goOn(TRIAL_VISIT, c.cursor + 1)
  c.from = scanPiece<Visitor>(member, c.from)
  if (!c.from) c.cursor++
  if (c.failed) giveUp()
  return unitsOf(member)
}

/** Take the next of the candidates that there were when the trial began: later ones stand behind them. */
function takeNext(): u32 {
  const c = counted()
  const left = min<u32>(c.intake, c.candidateCount)
  if (!left) return goOn(TRIAL_SPARE, 0)
  c.intake = left - 1
  if (!enter(load<usize>(c.candidates + ((left - 1) << 2)))) giveUp()
  return 1
}

/** Take the object of the next block, if there is one in it that can refer. */
function walkNext(): u32 {
  const c = counted()
  const block = nextBlock(c.walkAt)
  c.walkAt = block
  c.isWalking = <u32>(block != 0)
  const reference = block + COUNTED_HEADER_BYTES
  if (!block || objectStatus(reference) || isLeaf(reference) || countWord(reference) & COUNTED_IN_TRIAL) return 1
  if (!enter(reference)) giveUp()
  return 1
}

@unmanaged
@final
class Visitor {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isObject(reference) || counted().failed) return
    if (!(countWord(reference) & COUNTED_IN_TRIAL) && (isLeaf(reference) || !enter(reference))) return
    setTrialWord(reference, trialWord(reference) - 1)
  }
}

// ---- SPARE ----------------------------------------------------------------------------------------------------------

function spareNext(): u32 {
  const c = counted()
  if (c.aliveDone < c.aliveEnd) {
    const member = memberAt(c.aliveDone)
    c.from = member ? scanPiece<Sparer>(member, c.from) : 0
    if (!c.from) c.aliveDone++
    return member ? unitsOf(member) : 1
  }
  // Those before `aliveEnd` are decided; those between it and the cursor were looked at.
  c.cursor = max(c.cursor, c.aliveEnd)
  if (c.cursor == c.count) return endSpare()
  const member = memberAt(c.cursor++)
  if (!member) return 1
  const word = countWord(member)
  if (word & COUNTED_ALIVE || trialWord(member)) {
    setCountWord(member, word | COUNTED_ALIVE)
    putAlive(member)
  } else if (headWord(member) & OBJECT_WATCHED) c.watched++
  return 1
}

@unmanaged
@final
class Sparer {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isObject(reference)) return
    const word = countWord(reference)
    if ((word & (COUNTED_IN_TRIAL | COUNTED_ALIVE)) != COUNTED_IN_TRIAL) return
    setCountWord(reference, word | COUNTED_ALIVE)
    putAlive(reference)
  }
}

function endSpare(): u32 {
  const c = counted()
  checkGarbage()
  // At once: whoever finds an object through the word that watches it would refer to garbage.
  if (c.watched) for (let i = c.aliveEnd; i < c.count; i++) unwatch(memberAt(i))
  return goOn(TRIAL_RELEASE, c.aliveEnd)
}

function unwatch(member: usize): void {
  if (!member || !(headWord(member) & OBJECT_WATCHED)) return
  setHeadWord(member, headWord(member) & ~OBJECT_WATCHED)
  clearWatch(load<u32>(member))
}

/** Debug build: count the references among the garbage again; they must be all there are. */
function checkGarbage(): void {
  // @ts-ignore: set by --use
  if (!HW_DEBUG) return
  const c = counted()
  for (let i = c.aliveEnd; i < c.count; i++) {
    const member = memberAt(i)
    if (member) setTrialWord(member, countWord(member) >> COUNT_SHIFT)
  }
  for (let i = c.aliveEnd; i < c.count; i++) {
    const member = memberAt(i)
    if (member) scanAs<Subtractor>(member, typeInfo(typeOf(member)), payloadBytes(member))
  }
  for (let i = c.aliveEnd; i < c.count; i++) {
    const member = memberAt(i)
    if (member) check(trialWord(member) == 0, 2011, member)
  }
}

@unmanaged
@final
class Subtractor {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isObject(reference)) return
    if (countWord(reference) & COUNTED_IN_TRIAL) setTrialWord(reference, trialWord(reference) - 1)
  }
}

// ---- RELEASE, FREE, END ---------------------------------------------------------------------------------------------

function releaseNext(): u32 {
  const c = counted()
  if (c.cursor == c.count) return goOn(TRIAL_FREE, c.aliveEnd)
  const member = memberAt(c.cursor)
  if (!member) return goOn(TRIAL_RELEASE, c.cursor + 1)
  c.from = scanPiece<GarbageDropper>(member, c.from)
  if (!c.from) c.cursor++
  return unitsOf(member)
}

/** Drops references out of the garbage. Those inside it need not be counted any more. */
@unmanaged
@final
class GarbageDropper {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isObject(reference)) return
    const before = countWord(reference)
    if (!isLive(before)) return
    const word = before - COUNT_ONE
    setCountWord(reference, word)
    if (word < COUNT_ONE) release(reference)
    // Who is alive without having been touched is so by a reference that is no garbage's.
    else if (counted().touched && (!(word & COUNTED_CANDIDATE) || word & COUNTED_IN_TRIAL)) suspect(reference)
  }
}

function freeNext(): u32 {
  const c = counted()
  if (c.cursor == c.count) return goOn(TRIAL_END, 0)
  const member = memberAt(c.cursor)
  if (member) {
    setMember(c.cursor, 0)
    if (countWord(member) & COUNTED_CANDIDATE) c.reserved--
    c.trialReleased++
    freeObject(member)
  }
  c.cursor++
  return 1
}

function endNext(): u32 {
  const c = counted()
  if (c.cursor == c.aliveEnd) {
    c.trials++
    c.most = c.most > u32.MAX_VALUE >> 1 ? u32.MAX_VALUE : c.most << 1
    // Where much is alive, looking at it must be earned by as many more candidates.
    end(max<u32>(c.threshold, c.aliveEnd >> 2))
    return 1
  }
  const member = memberAt(c.cursor)
  setMember(c.cursor++, 0)
  if (!member) return 1
  const word = countWord(member)
  setCountWord(member, word & ~MEMBER_STATES)
  if (word & COUNTED_CANDIDATE) c.reserved--
  if (word & COUNTED_AGAIN) addCandidate(member)
  return 1
}

function end(dueAt: u32): void {
  const c = counted()
  c.phase = TRIAL_IDLE
  c.dueAt = dueAt
  c.isDue = <u32>hasEnough()
  clearList()
}

/** The list could not grow: nothing was a member, and who was a candidate is one. */
function giveUp(): void {
  const c = counted()
  for (let i: u32 = 0; i < c.count; i++) {
    const member = memberAt(i)
    if (!member) continue
    const word = countWord(member)
    setCountWord(member, word & ~MEMBER_STATES)
    if (word & COUNTED_CANDIDATE) {
      c.reserved--
      putCandidate(member)
    } else if (word & COUNTED_AGAIN) addCandidate(member)
  }
  c.failed = 1
  if (c.isAll && c.missed < u32.MAX_VALUE) c.missed++
  c.trialsLost++
  space().status = STATUS_OUT_OF_MEMORY
  c.most = max<u32>(min<u32>(c.most, c.candidateCount) >> 2, 1)
  end(c.most > 1 ? c.threshold : max<u32>(c.threshold, c.candidateCount << 1))
}

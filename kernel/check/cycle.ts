/**
 * The verifier of an incremental cycle: while marking, what a marked object, a young one or a root refers to is marked,
 * or will be, because a path of unmarked objects leads to it from a word or an object that is still to be scanned.
 *
 * Method: that set is computed anew from the mark stack, the copied roots, and the objects that were left grey, with a
 * bit of the map (MAP_FORWARDED, which is free while objects do not move) for what was reached and passes over all
 * objects until nothing is added. Then every word of every marked object is looked at. Slow, for tests and suspicion.
 */
import { FAULT_NONE, GRANULE_SHIFT } from '../layout'
import {
  FAULT_UNPROTECTED,
  MAP_FORWARDED,
  MAP_GREY,
  MAP_GREY_REST,
  PHASE_MARK,
  PHASE_ROOTS,
} from '../object-layout'
import { space } from '../object-overlay'
import { entryOf, mapAt } from '../overlay'
import { scan } from '../object/scan'
import { isReference } from '../object/words'
import { visitMovingRoots, visitPinningRoots } from '../root/visit'
import { eachOldObject } from '../collect/each'
import { eachStackEntry } from '../collect/mark'
import { eachYoung } from '../collect/nursery'
import { isYoung, young } from '../young-overlay'
import { fault, totals } from './totals'

/** Nothing unmarked is reachable only through what has been scanned. */
export function checkCycle(): u32 {
  const y = young()
  if (y.phase != PHASE_ROOTS && y.phase != PHASE_MARK) return FAULT_NONE
  for (let at = y.rootNext; at < y.rootEnd; at += 4) changetype<Reach>(0).visit(at)
  eachStackEntry<Reach>()
  eachOldObject<ReachFromGrey>()
  totals().more = 1
  while (totals().more) {
    totals().more = 0
    eachOldObject<ReachFromReached>()
  }
  eachOldObject<MarkedCheck>()
  eachYoung<YoungCheck>()
  visitPinningRoots<WordCheck>()
  visitMovingRoots<WordCheck>()
  eachOldObject<Forget>()
  return totals().fault
}

// @ts-ignore: decorator
@inline
function mapOf(reference: usize): usize {
  return mapAt(entryOf(reference), reference)
}

// @ts-ignore: decorator
@inline
function isWhite(reference: usize): bool {
  return isReference(reference) && !isYoung(reference) && !(load<u8>(mapOf(reference)) & space().colour)
}

/** Notes that an unmarked object is going to be marked. */
@unmanaged
@final
class Reach {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (!isWhite(reference)) return
    const map = mapOf(reference)
    if (load<u8>(map) & MAP_FORWARDED) return
    store<u8>(map, load<u8>(map) | <u8>MAP_FORWARDED)
    totals().more = 1
  }

  /** An object on the mark stack: it has been marked and is to be scanned, or was scanned in part. */
  object(reference: usize): void {
    scan<Reach>(reference)
  }
}

@unmanaged
@final
class ReachFromGrey {
  object(reference: usize): void {
    const byte = <u32>load<u8>(mapOf(reference))
    if (byte & space().colour && byte & (MAP_GREY | MAP_GREY_REST)) scan<Reach>(reference)
  }
}

@unmanaged
@final
class ReachFromReached {
  object(reference: usize): void {
    if (isWhite(reference) && load<u8>(mapOf(reference)) & MAP_FORWARDED) scan<Reach>(reference)
  }
}

@unmanaged
@final
class WordCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isWhite(reference) && !(load<u8>(mapOf(reference)) & MAP_FORWARDED)) fault(FAULT_UNPROTECTED, slot)
  }
}

@unmanaged
@final
class MarkedCheck {
  object(reference: usize): void {
    if (!isWhite(reference)) scan<WordCheck>(reference)
  }
}

@unmanaged
@final
class YoungCheck {
  object(reference: usize): void {
    scan<WordCheck>(reference)
  }
}

@unmanaged
@final
class Forget {
  object(reference: usize): void {
    const map = mapOf(reference)
    store<u8>(map, load<u8>(map) & ~(<u8>MAP_FORWARDED))
  }
}

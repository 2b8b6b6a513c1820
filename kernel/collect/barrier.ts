/**
 * The write barrier: the one place through which references are stored into objects, by programs, by the host and by
 * the kernel itself.
 *
 *   generations   an old object gets a young reference: the slot is logged (a range test of both, then a push)
 *   snapshot      while old objects are marked, what an old object's word referred to is shaded before it is lost to
 *                 the marker (Yuasa, Journal of Systems and Software 11(3), 1990): what was reachable when the cycle
 *                 began is marked, whatever the program does
 *
 * Young objects need neither: they are all looked at, and they are younger than the snapshot. Roots need neither: all
 * of them are read at each minor collection, and copied when a cycle begins.
 */
import { KNOB_NO_SHADING, PHASE_MARK, PHASE_ROOTS, PHASE_WEAK } from '../object-layout'
import { alwaysMarked, space } from '../object-overlay'
import { entryOf, knob, mapAt } from '../overlay'
import { WeakEntry } from '../object/weak'
import { hasWideWord, isReference } from '../object/words'
import { WIDE_REFERENCE } from '../value-layout'
import { isYoung, isYoungReference, scratchSlot, young } from '../young-overlay'
import { Marker } from './mark'
import { LOG_WIDE, isEntryYoung, logEntry, logSlot } from './remembered'

/** Whether `count` words lie at `address`: nothing else would be a store. */
// @ts-ignore: decorator
@inline
function isWords(address: usize, count: u32): bool {
  return !(address & 3) && <u64>address + ((<u64>count) << 2) <= <u64>(<u32>memory.size()) << 16
}

/**
 * Store `value`, a reference or any other word, in the word at `slot` of the object `holder`. Without a nursery and outside a
 * cycle this is a store and nothing else. No word lies at `slot`: nothing is stored.
 */
export function storeReference(holder: usize, slot: usize, value: usize): void {
  if (!isWords(slot, 1)) return
  const isOld = !isYoung(holder)
  if (isOld && young().shading) shadeSlot(slot)
  store<usize>(slot, value)
  if (isOld && isYoungReference(value)) logSlot(slot)
}

/**
 * Store a wide value at `slot` of the object `holder`: a double, or anything else that `value-layout.ts` has. Both halves
 * at once, since the upper one says what the lower one is. At no multiple of eight nothing is stored.
 */
export function storeWide(holder: usize, slot: usize, low: u32, high: u32): void {
  if (slot & 7 || !isWords(slot, 2)) return
  const isOld = !isYoung(holder)
  if (isOld && young().shading && hasWideWord(slot)) shadeSlot(slot)
  store<u64>(slot, <u64>low | (<u64>high << 32))
  if (isOld && high == WIDE_REFERENCE && isYoungReference(low)) logSlot(slot | LOG_WIDE)
}

/** Copy `count` words, references and others, from those at `from` to those at `to` of `holder`; the ranges may overlap. */
export function copyReferences(holder: usize, to: usize, from: usize, count: u32): void {
  if (!isWords(to, count) || !isWords(from, count)) return
  const end = to + (<usize>count << 2)
  const isOld = !isYoung(holder)
  if (isOld && young().shading) for (let slot = to; slot < end; slot += 4) shadeSlot(slot)
  memory.copy(to, from, count << 2)
  if (!isOld) return
  for (let slot = to; slot < end; slot += 4) if (isYoungReference(load<usize>(slot))) logSlot(slot)
}

/** Store key and value of an entry of a weak map's table. */
export function storedEntry(table: usize, entry: usize): void {
  if (isYoung(table)) return
  if (isEntryYoung(changetype<WeakEntry>(entry))) logEntry(entry, table)
}

/** The word at `slot` is about to be lost. */
export function shadeSlot(slot: usize): void {
  if (knob(KNOB_NO_SHADING)) return
  if (young().shading) changetype<Marker<u32>>(0).visit(slot)
}

/**
 * A reference that was read from a weak word, or is otherwise new to the program: while marking goes on it is shaded;
 * while weak words are put right, what is dead reads as null. Other words (a value of a weak map may be one) are as
 * they are.
 */
export function readWeakly(reference: usize): usize {
  if (!isReference(reference)) return reference
  const phase = young().phase
  if (phase == PHASE_WEAK) return isMarked(reference) ? reference : 0
  if (phase == PHASE_ROOTS || phase == PHASE_MARK) {
    young().scratch = reference
    shadeSlot(scratchSlot())
  }
  return reference
}

/** Whether an object is marked, or young. */
// @ts-ignore: decorator
@inline
export function isMarked(reference: usize): bool {
  if (!isReference(reference)) return false
  return (load<u8>(mapAt(entryOf(reference), reference)) & space().colour) != 0
}

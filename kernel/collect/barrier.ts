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
 *
 * In a heap of pieces, which has neighbours, a store that would lead from one heap into another is refused with FOREIGN
 * (`object/owners.ts`). What is refused has stored nothing.
 */
import { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK } from '../layout'
import { KNOB_NO_SHADING, PHASE_MARK, PHASE_ROOTS, PHASE_WEAK } from '../object-layout'
import { alwaysMarked, space } from '../object-overlay'
import { entryOf, knob, mapAt } from '../overlay'
import { WeakEntry } from '../object/weak'
import { hasWideWord, isReference } from '../object/words'
import { WIDE_REFERENCE } from '../value-layout'
import { areOwnWords, hasOwners, isForeign, mayStore } from '../object/owners'
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
 * cycle this is a store and nothing else. A status: BAD_ARGUMENT when no word lies at `slot`, FOREIGN.
 */
export function storeReference(holder: usize, slot: usize, value: usize): u32 {
  if (!isWords(slot, 1)) return STATUS_BAD_ARGUMENT
  if (hasOwners() && !mayStore(holder, slot, value)) return STATUS_FOREIGN
  const isOld = !isYoung(holder)
  if (isOld && young().shading) shadeSlot(slot)
  store<usize>(slot, value)
  if (isOld && isYoungReference(value)) logSlot(slot)
  return STATUS_OK
}

/**
 * Store a wide value at `slot` of the object `holder`: a double, or anything else that `value-layout.ts` has. Both halves
 * at once, since the upper one says what the lower one is. A status: BAD_ARGUMENT at no multiple of eight, FOREIGN.
 */
export function storeWide(holder: usize, slot: usize, low: u32, high: u32): u32 {
  if (slot & 7 || !isWords(slot, 2)) return STATUS_BAD_ARGUMENT
  if (hasOwners() && !mayStore(holder, slot, high == WIDE_REFERENCE ? low : 0)) return STATUS_FOREIGN
  const isOld = !isYoung(holder)
  if (isOld && young().shading && hasWideWord(slot)) shadeSlot(slot)
  store<u64>(slot, <u64>low | (<u64>high << 32))
  if (isOld && high == WIDE_REFERENCE && isYoungReference(low)) logSlot(slot | LOG_WIDE)
  return STATUS_OK
}

/**
 * Copy `count` words, references and others, from those at `from` to those at `to` of `holder`; the ranges may overlap.
 * A status: BAD_ARGUMENT when no words lie there, FOREIGN when one of them may not be stored.
 */
export function copyReferences(holder: usize, to: usize, from: usize, count: u32): u32 {
  if (!isWords(to, count) || !isWords(from, count)) return STATUS_BAD_ARGUMENT
  if (hasOwners() && !mayCopy(holder, to, from, count)) return STATUS_FOREIGN
  const end = to + (<usize>count << 2)
  const isOld = !isYoung(holder)
  if (isOld && young().shading) for (let slot = to; slot < end; slot += 4) shadeSlot(slot)
  memory.copy(to, from, count << 2)
  if (isOld) for (let slot = to; slot < end; slot += 4) if (isYoungReference(load<usize>(slot))) logSlot(slot)
  return STATUS_OK
}

/** Whether all of the words may be stored there, in a heap that has neighbours. */
function mayCopy(holder: usize, to: usize, from: usize, count: u32): bool {
  const end = from + (<usize>count << 2)
  for (let slot = from; slot < end; slot += 4) if (isForeign(load<usize>(slot))) return false
  return areOwnWords(holder, to, count)
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

/**
 * Handles and roots that own counts: who is put there is counted up, who leaves is counted down. A word that is no
 * reference is kept and does not count.
 *
 * Slots of shadow stacks are lent words: they count nothing and keep nothing. Weak roots, and roots that are words
 * elsewhere, need a collector that traces: they are refused.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { ROOT_PINNED } from '../object-layout'
import { refused } from '../object-overlay'
import { heap } from '../overlay'
import { eachHandleRange, handlePop as popSlots, handlePush as pushSlot, isHandleTop } from '../root/handles'
import { isRootSlot, rootAdd as addSlot, rootRemove as removeSlot } from '../root/lists'
import { objectStatus, shareStatus } from './counts'
import { isReference } from './header'
import { dropWord, dropWords, increment } from './release'
import { counted } from './state'

/** A new slot that holds `word` and owns one count more: its address, 0 when refused. */
export function handlePush(word: u32): usize {
  if (!heap().space) return 0
  const status = shareStatus(word)
  if (status) return refused(status)
  const slot = pushOwned(word)
  if (slot && isReference(word)) increment(word)
  return slot
}

/** A new slot that takes over the caller's count: its address, 0 when refused; the count is the caller's still then. */
export function handleAdopt(word: u32): usize {
  if (!heap().space) return 0
  const status = isReference(word) ? objectStatus(word) : STATUS_OK
  return status ? refused(status) : pushOwned(word)
}

function pushOwned(word: u32): usize {
  const slot = pushSlot(word)
  return slot ? slot : refused(STATUS_OUT_OF_MEMORY)
}

/** Drop the slots from `top`, an earlier top, on, and what they own: 0 drops all. False when `top` is none. */
export function handlePop(top: usize): bool {
  if (!heap().space) return top == 0
  if (top && !isHandleTop(top)) return false
  const c = counted()
  c.popTop = top
  c.isPopped = 0
  eachHandleRange<PoppedRange>()
  return popSlots(top)
}

@unmanaged
@final
class PoppedRange {
  range(from: usize, to: usize): void {
    const c = counted()
    if (c.isPopped) return
    const isLast = c.popTop >= from && c.popTop <= to
    dropWords(isLast ? c.popTop : from, to)
    if (isLast) c.isPopped = 1
  }
}

/** Add a root, STRONG or PINNED, which owns a count: the slot's address, 0 when refused. */
export function rootAdd(kind: u32, word: u32): usize {
  if (!heap().space) return 0
  if (kind > ROOT_PINNED) return refused(STATUS_BAD_ARGUMENT)
  const status = shareStatus(word)
  if (status) return refused(status)
  const slot = addSlot(kind, word)
  if (slot && isReference(word)) increment(word)
  return slot
}

/** Remove the root in `slot`, as `rootAdd` gave it, and what it owns. */
export function rootRemove(kind: u32, slot: usize): u32 {
  if (!heap().space || kind > ROOT_PINNED) return STATUS_BAD_ARGUMENT
  const word = isRootSlot(kind, slot) ? load<u32>(slot) : 0
  const status = removeSlot(kind, slot)
  if (!status) dropWord(word)
  return status
}

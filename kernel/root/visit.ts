/**
 * All roots, in the order in which collectors take them: first those whose objects must not move, then the rest. A
 * visitor is called with the address of a word, which may hold a reference or anything else.
 */
import { ROOT_PINNED, ROOT_SLOT, ROOT_STRONG } from '../object-layout'
import { space, spaceAt } from '../object-overlay'
import { SPACE_GLOBAL_OBJECT_AT, SPACE_PENDING_EXCEPTION_AT } from '../object-layout'
import { eachHandleRange, visitHandles } from './handles'
import { eachSegment, visitList } from './lists'
import { valuesRootsEnd, valuesState } from './values'

/** Visit the roots that pin. Their slots must not be changed. */
export function visitPinningRoots<V>(): void {
  const top = space().pinTop
  for (let slot = space().pinBase; slot < top; slot += 4) changetype<V>(0).visit(slot)
  visitList<V>(ROOT_PINNED)
}

/** Visit the roots whose slots a move updates. */
export function visitMovingRoots<V>(): void {
  changetype<V>(0).visit(spaceAt() + SPACE_GLOBAL_OBJECT_AT)
  changetype<V>(0).visit(spaceAt() + SPACE_PENDING_EXCEPTION_AT)
  const top = space().shadowTop
  for (let slot = space().shadowBase; slot < top; slot += 4) changetype<V>(0).visit(slot)
  const end = valuesRootsEnd()
  for (let slot = valuesState(); slot < end; slot += 4) changetype<V>(0).visit(slot)
  visitHandles<V>()
  visitList<V>(ROOT_STRONG)
  visitList<ThroughSlot<V>>(ROOT_SLOT)
}

/**
 * The same roots, but for those of ROOT_SLOT, as ranges of words, for collectors that look at many words at once: calls
 * `R.range(from, to)`. A word of a root list that is no root holds an odd number, which is no reference.
 */
export function eachRootRange<R>(): void {
  const s = space()
  changetype<R>(0).range(s.pinBase, s.pinTop)
  eachSegment<R>(ROOT_PINNED)
  changetype<R>(0).range(spaceAt() + SPACE_GLOBAL_OBJECT_AT, spaceAt() + SPACE_PENDING_EXCEPTION_AT + 4)
  changetype<R>(0).range(s.shadowBase, s.shadowTop)
  changetype<R>(0).range(valuesState(), valuesRootsEnd())
  eachHandleRange<R>()
  eachSegment<R>(ROOT_STRONG)
}

/** Visit the words elsewhere that are roots. */
export function visitSlotRoots<V>(): void {
  visitList<ThroughSlot<V>>(ROOT_SLOT)
}

/** Visits the word that an entry of ROOT_SLOT names. */
@unmanaged
@final
class ThroughSlot<V> {
  // @ts-ignore: decorator
  @inline
  visit(entry: usize): void {
    changetype<V>(0).visit(load<usize>(entry))
  }
}

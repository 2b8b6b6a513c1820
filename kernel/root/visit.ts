/**
 * All roots, in the order in which collectors take them: first those whose objects must not move, then the rest. A
 * visitor is called with the address of a word that holds a reference.
 */
import { ROOT_PINNED, ROOT_SLOT, ROOT_STRONG } from '../object-layout'
import { space, spaceAt } from '../object-overlay'
import { SPACE_GLOBAL_OBJECT_AT, SPACE_PENDING_EXCEPTION_AT } from '../object-layout'
import { visitHandles } from './handles'
import { visitList } from './lists'

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
  visitHandles<V>()
  visitList<V>(ROOT_STRONG)
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

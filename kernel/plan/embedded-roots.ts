/**
 * The words outside objects that a slide corrects, all of them in the buffer. A root that names a word elsewhere
 * (ROOT_SLOT) takes part with a copy in its entry: read before, written back after.
 */
import { Buffer, buffer, objectsFrom } from '../buffer/buffer-state'
import { ROOT_SLOT, ROOT_STRONG, ROOT_WEAK, SPACE_GLOBAL_OBJECT_AT, SPACE_PENDING_EXCEPTION_AT } from '../object-layout'
import { space, spaceAt } from '../object-overlay'
import { visitFinalizerSlots } from '../root/finalizers'
import { visitHandles } from '../root/handles'
import { visitHashSlots } from '../root/hashes'
import { visitList } from '../root/lists'
import { valuesRootsEnd, valuesState } from '../root/values'

/** Address of the root of the call that is being made. */
// @ts-ignore: decorator
@inline
export function keptAt(): usize {
  return changetype<usize>(buffer()) + offsetof<Buffer>('kept')
}

/** Visit every word that may hold a reference, once; those whose objects are pinned are left out. */
export function visitOwnSlots<V>(): void {
  changetype<V>(0).visit(spaceAt() + SPACE_GLOBAL_OBJECT_AT)
  changetype<V>(0).visit(spaceAt() + SPACE_PENDING_EXCEPTION_AT)
  changetype<V>(0).visit(keptAt())
  const top = space().shadowTop
  for (let slot = space().shadowBase; slot < top; slot += 4) changetype<V>(0).visit(slot)
  const end = valuesRootsEnd()
  for (let slot = valuesState(); slot < end; slot += 4) changetype<V>(0).visit(slot)
  visitHandles<V>()
  visitList<V>(ROOT_STRONG)
  visitList<V>(ROOT_WEAK)
  visitList<CopyOf<V>>(ROOT_SLOT)
  visitFinalizerSlots<V>()
  visitHashSlots<V>()
}

@unmanaged
@final
class CopyOf<V> {
  // @ts-ignore: decorator
  @inline
  visit(entry: usize): void {
    changetype<V>(0).visit(entry + 4)
  }
}

/** Copy the words that roots name into the roots' entries. */
export function copyNamedWords(): void {
  visitList<CopyIn>(ROOT_SLOT)
}

/** Write the copies back. */
export function writeNamedWords(): void {
  visitList<CopyOut>(ROOT_SLOT)
}

@unmanaged
@final
class CopyIn {
  visit(entry: usize): void {
    store<usize>(entry, load<usize>(load<usize>(entry)), 4)
  }
}

@unmanaged
@final
class CopyOut {
  visit(entry: usize): void {
    const word = load<usize>(entry)
    // A word inside an object is no root: it may have moved, and something else may lie there now.
    if (word < objectsFrom() || word >= buffer().blocksFrom) store<usize>(word, load<usize>(entry, 4))
  }
}

/**
 * Allocation of objects, the same for every plan: type and size are checked, the hole is bumped, the header written,
 * the payload zeroed. A plan decides only what happens when the hole has no room (`allocateSlow`).
 */
import { GRANULE_BYTES, STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../layout'
import { CAUSE_MEMORY, COLLECT_COMPACT, OBJECT_MAX_BYTES, OBJECT_SMALL_MAX_BYTES, TYPE_WEAK_TABLE } from '../object-layout'
import { refused, space, typeInfo } from '../object-overlay'
import { objectBytesFor, writeHeader } from '../object/header'
import { isKnownType, sizeFits } from '../object/types'
import { handlePush } from '../root/handles'
import { plan } from '../collect/plan-state'
import { hasNursery } from '../young-overlay'
import { allocateInBuffer } from './embedded'
import { collectFor } from './full'
import { allocateWithNursery, mayCollect } from './nursery'
import { allocateInHoles } from './vm'

/** A zeroed object of `type` with a payload of `bytes`: its reference, 0 when refused. May collect and move. */
export function objectNew(type: u32, bytes: u32): usize {
  if (!isKnownType(type) || type == TYPE_WEAK_TABLE) return refused(STATUS_BAD_ARGUMENT)
  const info = typeInfo(type)
  if (bytes != info.fixedBytes && !sizeFits(info, bytes)) return refused(STATUS_BAD_ARGUMENT)
  if (bytes > OBJECT_MAX_BYTES) return refused(STATUS_OUT_OF_MEMORY)
  return allocateObject(type, bytes)
}

/** The same for a type and a size that are known to fit. */
export function allocateObject(type: u32, bytes: u32): usize {
  const total = objectBytesFor(bytes)
  const s = space()
  let at = s.bump
  // The limit is 0 when there is no hole, and objects that never fit a block are never bumped.
  if (total <= s.limit - at && total <= OBJECT_SMALL_MAX_BYTES) s.bump = at + total
  else {
    // @ts-ignore: set by --use
    at = HW_EMBEDDED ? allocateInBuffer(total) : allocateSlow(total)
    if (!at) return refused(STATUS_OUT_OF_MEMORY)
  }
  const reference = writeHeader(at, type, bytes)
  if (total <= GRANULE_BYTES) store<u64>(reference, 0)
  else memory.fill(reference, 0, total - 8)
  return reference
}

/** Room for an object when the current hole has none. May collect and move. */
function allocateSlow(bytes: u32): usize {
  return hasNursery() ? allocateWithNursery(bytes) : allocateInHoles(bytes)
}

/** The same in a new handle slot of the innermost scope: the slot's address, 0 when refused. Not in `embedded`. */
export function objectPush(type: u32, bytes: u32): usize {
  const reference = objectNew(type, bytes)
  if (!reference) return 0
  const slot = handlePush(reference)
  return slot ? slot : pushAfterCollection(reference)
}

/** A handle slot when there was no memory for one: garbage may hold it. The object may move. */
function pushAfterCollection(reference: usize): usize {
  plan().guarded = reference
  if (mayCollect()) collectFor(COLLECT_COMPACT, CAUSE_MEMORY)
  const slot = handlePush(plan().guarded)
  plan().guarded = 0
  return slot ? slot : refused(STATUS_OUT_OF_MEMORY)
}

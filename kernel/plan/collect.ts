/** Collections that a program asks for, in the plans of the large builds. */
import { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../layout'
import { CAUSE_MEMORY, CAUSE_REQUEST, COLLECT_MINOR } from '../object-layout'
import { heap } from '../overlay'
import { plan } from '../collect/plan-state'
import { areStacksSound } from '../root/shadow'
import { collectFor } from './full'
import { collectMinor, mayCollect } from './nursery'

/**
 * Collect now: `COLLECT_…`, and from bit 8 on CAUSE_REQUEST or CAUSE_MEMORY. BAD_ARGUMENT where there is no such
 * collection, or while one goes on; OUT_OF_MEMORY when one for want of memory would be too long, or take too much of
 * the time.
 */
export function collect(wanted: u32): u32 {
  const kind = wanted & 0xff
  const cause = wanted >> 8
  if (!heap().space || kind > COLLECT_MINOR || plan().isCollecting || !areStacksSound()) return STATUS_BAD_ARGUMENT
  if (cause != CAUSE_REQUEST && cause != CAUSE_MEMORY) return STATUS_BAD_ARGUMENT
  if (cause == CAUSE_MEMORY && !mayCollect()) return STATUS_OUT_OF_MEMORY
  return kind == COLLECT_MINOR ? collectMinor() : collectFor(kind, cause)
}

/** What the plans of the large builds keep between calls: the words of the object space from SPACE_PLAN_AT on. */
import { SPACE_PLAN_AT } from '../object-layout'
import { spaceAt } from '../object-overlay'

@unmanaged
export class PlanState {
  /** Descriptor of the block whose holes are being filled, 0 before the first one. */
  block: usize
  /** Map byte where the search for its next hole goes on. */
  cursor: usize
  /** Where the objects of the current hole that have no map bytes begin. */
  holeStart: usize
  /** In a nursery: where the current stretch begins. */
  stretchFrom: usize
  /** The hole for objects of medium size, in a block of its own. */
  mediumBump: usize
  mediumLimit: usize
  mediumStart: usize
  /** Where evacuated or sliding objects go. */
  evacuationBump: usize
  evacuationLimit: usize
  /** Block that a slide fills. */
  slideBlock: usize
  /** The part of the current hole that stress keeps from the mutator. */
  heldLimit: usize
  /** The mark stack that is never given back. */
  keptStack: usize
  /** Top of the mark stack while a loop has lent it. */
  stackTop: usize
  isCollecting: u32
  /** An object was marked and could not be pushed. */
  overflowed: u32
  /** What marking has counted. */
  markedBytes: u32
  markedObjects: u32
  /** Copies that found no room. */
  failedCopies: u32
  /** Blocks held. */
  blocks: u32
  /** What touching ahead has read, so that it is not optimised away. */
  touched: u32
  /** A root word for a reference that a call of the kernel holds while it allocates. */
  guarded: usize
}

// @ts-ignore: decorator
@inline
export function plan(): PlanState {
  return changetype<PlanState>(spaceAt() + SPACE_PLAN_AT)
}

/** Address of the word for a reference that a call holds while it collects: a root. */
// @ts-ignore: decorator
@inline
export function guardedSlot(): usize {
  return spaceAt() + SPACE_PLAN_AT + offsetof<PlanState>('guarded')
}

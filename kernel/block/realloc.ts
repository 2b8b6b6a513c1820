/**
 * Changing a block's size. In place where the block is: the same class, a run's own tail or the free run behind it,
 * whole MiBs behind a huge block. Elsewhere a new block, a copy, and the old one freed.
 *
 * Guarantee: when it answers 0 the old block is as it was, and `status` in the control block says why.
 */
import {
  CODE_BLOCK,
  CODE_HUGE,
  CODE_RUN,
  GRANULE_SHIFT,
  KNOB_REALLOC_MOVES,
  REQUEST_MAX_BYTES,
  RUN_MAX_GRANULES,
  STATUS_OK,
  STATUS_OUT_OF_MEMORY,
  STATUS_OWNED,
} from '../layout'
import { entryOf, heap, holds, knob, mapAt, pageOf } from '../overlay'
import { growBehind } from '../region/grow'
import { growHuge, growRunToHuge, shrinkHuge } from '../region/huge'
import { growRun, runGranules, shrinkRun } from '../region/runs'
import { granulesFromStart } from '../region/tags'
import { alloc, free, freeStatus, smallClass, usableSize } from './alloc'
import { bumpResize, isBumpBlock } from './bump'
import { countResize } from './count'

/** A block of `size` bytes with the contents of `p` up to the shorter of both; `p` 0 is `alloc`. */
export function realloc(p: usize, size: u32): usize {
  if (!p) return orOutOfMemory(alloc(size))
  const usable = usableSize(p)
  const entry = entryOf(p)
  const code = holds(entry, p) ? <u32>load<u8>(mapAt(entry, p)) : CODE_HUGE
  if (!usable || !isResizable(code)) {
    const status = freeStatus(p)
    heap().status = status == STATUS_OK ? STATUS_OWNED : status
    return 0
  }
  if (size > REQUEST_MAX_BYTES) return orOutOfMemory(0)
  if (!knob(KNOB_REALLOC_MOVES) && resizeInPlace(p, code, usable, size)) return p
  const moved = alloc(size)
  // A smaller block never fails: what is there is large enough.
  if (!moved) return size <= usable ? p : orOutOfMemory(0)
  memory.copy(moved, p, min<u32>(usable, size))
  free(p)
  return moved
}

// @ts-ignore: decorator
@inline
function isResizable(code: u32): bool {
  return code == CODE_BLOCK || code == CODE_RUN || code == CODE_HUGE || isBumpBlock(code)
}

function orOutOfMemory(block: usize): usize {
  if (!block) heap().status = STATUS_OUT_OF_MEMORY
  return block
}

function resizeInPlace(p: usize, code: u32, usable: u32, size: u32): bool {
  if (code == CODE_BLOCK) return smallClass(size) == <u32>pageOf(entryOf(p), p).classIndex
  if (isBumpBlock(code)) return bumpResize(p, usable, size)
  // What fits a small block moves there: a run of that size would only be in the way.
  if (smallClass(size)) return false
  if (code == CODE_RUN) return resizeRun(p, size)
  return resizeHuge(p, usable, size)
}

/** Into the free run behind, or at the top into what growth gives. */
function growRunInPlace(p: usize, have: u32, wanted: u32): bool {
  if (wanted > RUN_MAX_GRANULES) return false
  return growRun(p, have, wanted) || (growBehind(p, have, wanted) && growRun(p, have, wanted))
}

function resizeRun(p: usize, size: u32): bool {
  const wanted = runGranules(size)
  const have = granulesFromStart(mapAt(entryOf(p), p))
  if (wanted > have) {
    if (!growRunInPlace(p, have, wanted)) {
      if (!growRunToHuge(p, have, size)) return false
      countResize(have << GRANULE_SHIFT, usableSize(p))
      return true
    }
  } else if (wanted < have) shrinkRun(p, have, wanted)
  heap().runBytes += (wanted - have) << GRANULE_SHIFT
  countResize(have << GRANULE_SHIFT, wanted << GRANULE_SHIFT)
  return true
}

function resizeHuge(p: usize, usable: u32, size: u32): bool {
  if (size > usable) {
    if (!growHuge(p, usable, size)) return false
  } else shrinkHuge(p, usable, size, runGranules(size))
  countResize(usable, usableSize(p))
  return true
}

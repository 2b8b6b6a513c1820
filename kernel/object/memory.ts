/**
 * Memory for the tables of the object space: types, handles, roots, finalizers, hashes, stacks. Pieces of the heap, or,
 * in the `embedded` build, blocks from the high end of the buffer. Taking it never collects.
 */
import { bufferAlloc, bufferFree } from '../buffer/blocks'
import { CODE_RUN_OWNED, UNIT_BYTES } from '../layout'
import { entryOf, holds, mapAt } from '../overlay'
import { allocPiece, allocUnitPiece, freePiece } from '../region/piece'

/** At least `bytes` bytes at a multiple of 8, or 0 when out of memory. */
export function tableAlloc(bytes: u32): usize {
  // @ts-ignore: set by --use
  return HW_EMBEDDED ? bufferAlloc(bytes) : allocPiece(bytes)
}

export function tableFree(table: usize): void {
  if (!table) return
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) bufferFree(table)
  else freePiece(table, false)
}

/** A segment of `bytes`: in the large builds one unit at a multiple of its size. 0 when out of memory. */
export function segmentAlloc(bytes: u32): usize {
  // @ts-ignore: set by --use
  return HW_EMBEDDED ? bufferAlloc(bytes) : allocUnitPiece(bytes / UNIT_BYTES)
}

/** Whether a piece of the heap's own begins at `at`, a multiple of a unit. */
export function isSegmentPlace(at: usize): bool {
  const entry = entryOf(at)
  return holds(entry, at) && load<u8>(mapAt(entry, at)) == <u8>CODE_RUN_OWNED
}

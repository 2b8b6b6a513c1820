/**
 * The buffer of the `embedded` build: its layout, and the words that its plan keeps behind those that every build has.
 *
 *   buffer   [ control block, 512 bytes | objects -> bump ... gap ... blocksFrom <- blocks ]
 *            base = self                                                             end
 *
 *   hole     [ HOLE ][ bytes - 8 ]          between objects, where something died or stays pinned behind it
 *   block    [ bytes, head included ][ state ][ payload ... ]
 *
 * Invariants (asserted by `check/embedded.ts`):
 *   objects and holes lie back to back from objectsFrom to bump, blocks from blocksFrom to end
 *   bump + MARK_RESERVE_BYTES <= blocksFrom: a collection always has some room for its mark stack
 *   limit = blocksFrom - RESERVE_BYTES where that is above bump and nothing is stressed, else bump
 *   committed = metadata (control block, tables) + free (freed blocks) + runs (the user's blocks) + objects (the rest)
 */
import { EMBEDDED_HEADER_BYTES } from '../layout'
import { OBJECT_HEADER_BYTES, SPACE_BYTES, SPACE_PLAN_AT, STRESS_OFF } from '../object-layout'
import { space, spaceAt } from '../object-overlay'
import { heap, self } from '../overlay'

/** Offsets into the buffer, which are links while objects slide, must stay below the hole's bit. */
export const BUFFER_MAX_BYTES: u32 = 1 << 26
export const CONTROL_BYTES: u32 = EMBEDDED_HEADER_BYTES + SPACE_BYTES
/** Always left of the gap, so that a full buffer can be marked. */
export const MARK_RESERVE_BYTES: u32 = 64
/** Left by objects and the user's blocks, so that a full buffer still has a handle segment for an error's object. */
export const ERROR_RESERVE_BYTES: u32 = 96
export const RESERVE_BYTES: u32 = MARK_RESERVE_BYTES + ERROR_RESERVE_BYTES

/** First word of a hole: of no type, and neither a marked header nor a link. */
export const HOLE: u32 = 1 << 30
/** While a collection runs: the object must not move. */
export const HEAD_PINNED: u32 = 1 << 22

@unmanaged
export class Buffer {
  /** Lowest block; the gap's end. */
  blocksFrom: usize
  /** First byte behind what the last collection left: what lies below was marked by it. */
  survivorsEnd: usize
  /** A root of the call that is being made. */
  kept: usize
  isCollecting: u32
  /** The user's blocks. */
  userBlocks: u32
  /** First free word of the mark stack. */
  stackTop: usize
  /** Lowest object that was marked but found no room on the mark stack; 0 when there is none. */
  droppedFrom: usize
  /** Where a rescan is: what was dropped above it will be met anyway. */
  rescanAt: usize
  /** Objects with a hash may have entries waiting. */
  isWatching: u32
  pinnedObjects: u32
  /** Objects below the first hole do not move. */
  firstHole: usize
  /** For POLICY_MOVE_ALL: by how much to lift, from where on, and whether something would else not have moved. */
  liftBytes: u32
  liftFrom: usize
  hasUnmoved: u32
  movedAboveLift: u32
  /** What `verify` has found: the first fault, and the part of the buffer whose objects are in its bitmap. */
  fault: u32
  windowFrom: usize
  windowEnd: usize
  hashedObjects: u32
}

// @ts-ignore: decorator
@inline
export function buffer(): Buffer {
  return changetype<Buffer>(spaceAt() + SPACE_PLAN_AT)
}

// @ts-ignore: decorator
@inline
export function objectsFrom(): usize {
  return self + CONTROL_BYTES
}

/** Whether `reference`, any word, may be an object's of the buffer: not null, no other word, not of an image. */
// @ts-ignore: decorator
@inline
export function isInObjects(reference: usize): bool {
  const from = objectsFrom()
  return reference - from - OBJECT_HEADER_BYTES < space().bump - from && !(reference & 7)
}

/** Where objects and the user's blocks end. */
// @ts-ignore: decorator
@inline
export function roomEnd(): usize {
  return buffer().blocksFrom - RESERVE_BYTES
}

/** Set what guests may bump to, after the gap has changed or stress has begun. */
export function setLimit(): void {
  const s = space()
  const end = roomEnd()
  s.limit = s.stress == STRESS_OFF && end > s.bump ? end : s.bump
  heap().objectBytes = <u32>(buffer().blocksFrom - objectsFrom())
}

/** Make [at, at + bytes) a hole. */
// @ts-ignore: decorator
@inline
export function makeHole(at: usize, bytes: u32): void {
  store<u64>(at, <u64>HOLE | (<u64>(bytes - OBJECT_HEADER_BYTES) << 32))
}

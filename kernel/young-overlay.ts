/**
 * The words of generations, behind the object space in the build with objects: the nursery's bounds and the slot log,
 * which programs read and write too, and what minor collections and incremental cycles keep between calls. Without a
 * nursery all of them are 0.
 */
import { SPACE_YOUNG_BASE_AT } from './object-layout'
import { spaceAt } from './object-overlay'

@unmanaged
export class Young {
  // Order and names up to `cycleFreed` as the constants SPACE_… from SPACE_YOUNG_BASE_AT on.
  base: usize
  bytes: u32
  shading: u32
  phase: u32
  logTop: usize
  logLimit: usize
  logBase: usize
  logOverflows: u32
  minors: u32
  minorBefore: u32
  promotedBytes: u32
  promotedObjects: u32
  agedBytes: u32
  stayedObjects: u32
  oldBytes: u32
  stepUnits: u32
  lastUnits: u32
  steps: u32
  cycles: u32
  refusing: u32
  wanted: u32
  oldStart: u32
  /** No room was found: nothing more is promoted in this minor collection. */
  lacksRoom: u32
  cycleFreed: u32

  // ---- the nursery
  /** Its piece, the piece of its map (0: the map is its chunk's), and the bias of that map. */
  piece: usize
  mapPiece: usize
  mapBias: usize
  /** Where new objects begin: behind the two halves for survivors that stay young. */
  eden: usize
  halfBytes: u32
  /** The half that holds survivors, and the end of what is in use of it. */
  half: usize
  halfTop: usize
  /** Survivors from here on have no map bytes yet. */
  halfUntagged: usize
  /** Most that the nursery may have until the next full collection: there was no memory for more. */
  cap: u32
  /** Map bytes other than the plain one are there. */
  isTagged: u32
  /** Objects that lie among the new ones: pinned, or without room elsewhere. */
  stayed: u32
  stayedBytes: u32
  /** The slot log is long, or lost: the next allocation collects. */
  isDue: u32
  /** Bytes of stretches of the nursery that were left behind since the last minor collection. */
  leftBytes: u32

  // ---- a minor collection
  /** Eden objects at or above this address are kept young. */
  ageMark: usize
  /** Stretches of old blocks that survivors are copied to: of any size, and of medium size. */
  promotion: usize
  promotionLimit: usize
  promotionBias: usize
  medium: usize
  mediumLimit: usize
  /** Where the search for holes of several granules goes on: address of the block, 0 for nowhere, and its map byte. */
  longFrom: usize
  longCursor: usize
  /** Bytes of the mark stack that belong to the marking that is going on. */
  stackBelow: u32
  /** Objects were left without an entry on the stack. */
  overflowed: u32
  /** A slot was not logged: the next minor collection looks through all old objects. */
  logLost: u32
  /** Entries of the tables of hashes and finalizers from here on may be of young objects. */
  hashFrom: u32
  finalizerFrom: u32

  // ---- an incremental cycle
  /** Units of the step that is going on. */
  unitsLeft: u32
  /** What the cycle still has to look at, see `collect/cycle.ts`. */
  rootCopy: usize
  rootNext: usize
  rootEnd: usize
  /** Where the search for objects left grey goes on. */
  rescanFrom: usize
  /** The table and the entry at which ephemerons or weak maps go on. */
  table: usize
  tableIndex: u32
  weakSegment: usize
  /** Registered finalizers: [gapFrom, gapTo) is free while the cycle goes through the table. */
  gapFrom: u32
  gapTo: u32
  hashNext: u32
  sweepFrom: usize
  nextLarge: usize
  /** Old bytes when the cycle began, and units of work done in it. */
  cycleBytes: u32
  cycleUnits: u32
  /** What became old since the last marking began: it was not counted there. */
  bornBytes: u32
  bornObjects: u32
  /** Bytes that may be allocated in the nursery until the next step. */
  quantum: u32
  /** Of 256 bytes in the nursery so many survived, on average. */
  survival: u32
  /** Cycles that are due after a request that found no memory. */
  cyclesDue: u32
  /** Memory kept back so that a cycle can end. */
  reserve: usize
  stressCount: u32
  /** A word for a reference that is to be visited as if it stood in an object. */
  scratch: usize

  // ---- what tenants may refer to
  /** SPACE_SHARED_AT: the newest shared segment. */
  shared: usize

  // ---- what a guest has asked for
  /** SPACE_GUEST_MODE_AT. */
  guestMode: u32
}

// @ts-ignore: decorator
@inline
export function young(): Young {
  return changetype<Young>(spaceAt() + SPACE_YOUNG_BASE_AT)
}

/** Whether an address lies in the nursery. Null does not. */
// @ts-ignore: decorator
@inline
export function isYoung(address: usize): bool {
  return address - young().base < <usize>young().bytes
}

/** Whether a word is the reference of an object in the nursery: one comparison. */
// @ts-ignore: decorator
@inline
export function isYoungReference(word: usize): bool {
  // References lie at 8 past a multiple of 16: anything else is far away after the rotation.
  return rotr<u32>(<u32>(word - young().base - 8), 4) < young().bytes >> 4
}

// @ts-ignore: decorator
@inline
export function scratchSlot(): usize {
  return changetype<usize>(young()) + offsetof<Young>('scratch')
}

/** Whether objects are born in a nursery. */
// @ts-ignore: decorator
@inline
export function hasNursery(): bool {
  return young().bytes != 0
}

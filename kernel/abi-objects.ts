/** What the module with objects exports: all of `abi.ts`, and the calls of docs/objects.md. No logic. */
export { setKnobs } from './overlay'
export { create, attach } from './create'
export { resetWithObjects as reset, setPolicy, spaceCreate } from './create-objects'
export { addClass } from './block/classes'
export { alloc, allocAligned, allocZeroed, free, freeSized, freeStatus, isBlock, usableSize } from './block/alloc'
export { realloc } from './block/realloc'
export { releaseEmptyPages as releaseCaches } from './block/page'
export { bumpAlloc } from './block/bump'
export {
  arenaAlloc,
  arenaCreate,
  arenaCreateFixed,
  arenaDestroy,
  arenaFreeLast,
  arenaHeld,
  arenaHigh,
  arenaLow,
  arenaPop,
  arenaPush,
  arenaRelease,
  arenaReset,
  arenaShrinkLast,
  arenaUsed,
} from './arena/arena'
export { poolAcquire, poolCreate, poolDestroy, poolRelease, poolSlots, poolUsed } from './arena/pool'
export { verifyAll as verify } from './check/all'
export { nextObject, objectState, objectStatus } from './check/objects'
export { imageCheck, imageCreate, imageDrop, imageSeal } from './collect/images'
export { blockAround, codeAround, describe, nextBlock } from './check/walk'
export { classReport, freeRunReport, totalsReport } from './check/report'
export { typeAdd, typeText } from './object/types'
export { objectNew, objectPush } from './plan/allocate'
export { handlePop, handlePush } from './root/handles'
export { rootAdd, rootRemove } from './root/lists'
export { shadowCreate } from './root/shadow'
export { collect } from './plan/vm'
export { finishSweep } from './collect/sweep'
export { weakMapNew, weakMapSet, weakRefGet, weakRefNew } from './plan/weak-map-set'
export { weakMapDelete, weakMapGet, weakMapHas } from './root/weak-map'
export { identityHash } from './root/hashes'
export { finalizerAdd, finalizerNext, finalizerRemove } from './root/finalizers'
export { beginStress as setStress } from './plan/stress'

/** What the module with counted objects exports: what `abi.ts` does, and objects that are counted. No logic. */
export * from './abi-blocks'
export { free, freeSized, realloc } from './counted/blocks'
export { reset } from './create'
export {
  finishSweep,
  setPolicy,
  setStress,
  setThreshold,
  shadowCreate,
  spaceCreate,
  typeAdd,
  typeText,
  valuesCreate,
} from './counted/space'
export { verifyAll as verify } from './counted/verify'
export { decref, incref, nextObject, objectState, objectStatus, readReference, refcount } from './counted/counts'
export { objectNew, objectPush, refcountedNew } from './counted/allocate'
export { handleAdopt, handlePop, handlePush, rootAdd, rootRemove } from './counted/roots'
export { copyReferences, storeReference, storeWide, touchWords } from './counted/stores'
export { candidates, collect, step } from './counted/cycles'

/** What the module for one small buffer exports: the calls of docs/objects.md and blocks. No logic. */
export { setKnobs } from './overlay'
export { attach, create, reset, setPolicy, setStress, spaceCreate } from './plan/embedded-create'
export { alloc, allocZeroed } from './plan/embedded-calls'
export { free, freeStatus, isBlock, usableSize } from './buffer/blocks'
export { verify } from './check/embedded'
export { nextObject, objectState, objectStatus } from './plan/embedded-objects'
export { imageCheck, imageCreate, imageDrop, imageSeal } from './collect/embedded-images'
export { typeAdd, typeText } from './plan/embedded-calls'
export { objectNew } from './plan/allocate'
export { handlePush, objectPush, rootAdd, shadowCreate, storeWide, valuesCreate } from './plan/embedded-calls'
export { handlePop } from './root/handles'
export { rootRemove } from './root/lists'
export { collect } from './plan/embedded'
export { finishSweep } from './plan/embedded-calls'
export { weakMapNew } from './plan/weak-map-set'
export {
  finalizerAdd,
  identityHash,
  weakMapDelete,
  weakMapGet,
  weakMapHas,
  weakMapSet,
  weakRefGet,
  weakRefNew,
} from './plan/embedded-calls'
export { finalizerNext, finalizerRemove } from './root/finalizers'

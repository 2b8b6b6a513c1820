/**
 * The calls of the kernel that values stand on. They are imports: whoever instantiates the module binds them to the
 * kernel of the same heap, and a linker merges the two.
 */

// @ts-ignore: decorator
@external("kernel", "objectNew")
export declare function kernelObjectNew(type: u32, bytes: u32): usize

// @ts-ignore: decorator
@external("kernel", "typeAdd")
export declare function kernelTypeAdd(
  textAt: usize,
  textBytes: u32,
  shape: u32,
  trail: u32,
  refs: u32,
  fixedBytes: u32,
  refMask: u32,
  elementBytes: u32,
  elementMask: u32,
): u32

// @ts-ignore: decorator
@external("kernel", "typeText")
export declare function kernelTypeText(bytes: u32): usize

// @ts-ignore: decorator
@external("kernel", "valuesCreate")
export declare function kernelValuesCreate(bytes: u32): usize

// @ts-ignore: decorator
@external("kernel", "storeReference")
export declare function kernelStore(holder: usize, slot: usize, word: usize): u32

// @ts-ignore: decorator
@external("kernel", "storeWide")
export declare function kernelStoreWide(holder: usize, slot: usize, low: u32, high: u32): u32

// @ts-ignore: decorator
@external("kernel", "copyReferences")
export declare function kernelCopy(holder: usize, to: usize, from: usize, count: u32): u32

// @ts-ignore: decorator
@external("kernel", "rootAdd")
export declare function kernelRootAdd(kind: u32, value: usize): usize

// @ts-ignore: decorator
@external("kernel", "rootRemove")
export declare function kernelRootRemove(kind: u32, slot: usize): u32

// @ts-ignore: decorator
@external("kernel", "weakRootGet")
export declare function kernelWeakRootGet(slot: usize): usize

// @ts-ignore: decorator
@external("kernel", "weakRefNew")
export declare function kernelWeakRefNew(slot: usize): usize

// @ts-ignore: decorator
@external("kernel", "weakRefGet")
export declare function kernelWeakRefGet(reference: usize): usize

// @ts-ignore: decorator
@external("kernel", "collect")
export declare function kernelCollect(kind: u32): u32

// @ts-ignore: decorator
@external("kernel", "nextObject")
export declare function kernelNextObject(reference: usize): usize

// @ts-ignore: decorator
@external("kernel", "identityHash")
export declare function kernelIdentityHash(reference: usize): u32

/** Of the counted kernel alone: words are about to be moved with their counts. */
// @ts-ignore: decorator
@external("kernel", "touchWords")
export declare function kernelTouchWords(at: usize, count: u32): u32

/** Of the counted kernel alone. */
// @ts-ignore: decorator
@external("kernel", "incref")
export declare function kernelIncref(reference: usize): u32

// @ts-ignore: decorator
@external("kernel", "decref")
export declare function kernelDecref(reference: usize): u32

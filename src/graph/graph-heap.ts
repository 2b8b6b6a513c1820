/** What a graph needs of a heap: the one place where the two meet, so that either can be replaced in a test. */

/** Place of an object, 0 for none. Good until the next call that may collect. */
export type Reference = number
/** Holds an object across collections. */
export type Root = number

export interface Census {
  /** Objects of `allocate` that are live. */
  readonly objects: number
  /** Weak references that are live. */
  readonly weakReferences: number
  /** Both together, as the collector counted them. */
  readonly counted: number
}

/** A heap of objects that are references and raw bytes. Calls marked *gc* may collect, and so may move everything. */
export interface GraphHeap {
  /** *gc* A new object, its references null; 0 when out of memory. */
  allocate(references: number, rawBytes: number): Reference
  /** *gc* A new weak reference to the object that `target` holds; 0 when out of memory. */
  allocateWeak(target: Root): Reference

  addRoot(object: Reference): Root
  removeRoot(root: Root): void
  rootObject(root: Root): Reference
  setRootObject(root: Root, object: Reference): void

  reference(object: Reference, index: number): Reference
  setReference(object: Reference, index: number, to: Reference): void
  /** What a weak reference refers to, 0 when that has died. */
  weakTarget(weak: Reference): Reference
  /** Writes the pattern of `id` into the object's raw bytes. */
  fillRawBytes(object: Reference, id: number): void
  /** Offset of the first raw byte, roughly, that is not as `fillRawBytes` left it, or -1. */
  findDamage(object: Reference, id: number): number

  /** Whether an object of `allocate` starts there. Any number may be asked. */
  isObject(reference: Reference): boolean
  /** Whether a weak reference starts there. Any number may be asked. */
  isWeak(reference: Reference): boolean
  referenceCount(object: Reference): number
  rawBytes(object: Reference): number

  /** *gc* A full collection. */
  collect(): void
  /** *gc* A full collection that also moves everything together; gives the number of objects moved. */
  compact(): number
  /** What is live, right after a collection: found by going through the whole heap. */
  census(): Census
  committedBytes(): number
  /** What is wrong with the heap, undefined when nothing is. */
  verify(): string | undefined
}

/** A graph could not be loaded, or a heap answered what no heap answers. */
export class GraphError extends Error {
  readonly code = 'HW_GRAPH'

  constructor(reason: string) {
    super(reason)
    this.name = 'GraphError'
  }
}

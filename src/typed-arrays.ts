/**
 * What typed arrays of the caller's are, whatever a class made of the typed array's says: its getters may answer anything,
 * but what is copied goes by these.
 */
const PROTOTYPE = Object.getPrototypeOf(Uint8Array.prototype)
const lengthGetter = Object.getOwnPropertyDescriptor(PROTOTYPE, 'length')?.get as () => number
const bufferGetter = Object.getOwnPropertyDescriptor(PROTOTYPE, 'buffer')?.get as () => ArrayBufferLike

/** How many elements there are; 0 when the buffer is detached. */
export function typedLength(typed: ArrayBufferView): number {
  return lengthGetter.call(typed)
}

export function typedBuffer(typed: ArrayBufferView): ArrayBufferLike {
  return bufferGetter.call(typed)
}

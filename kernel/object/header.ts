/** From a reference to its object: header, type, sizes. A reference points behind the header of eight bytes. */
import { GRANULE_BYTES } from '../layout'
import {
  OBJECT_HASHED,
  OBJECT_HEADER_BYTES,
  OBJECT_IMMORTAL,
  OBJECT_MAX_BYTES,
  TYPE_MASK,
} from '../object-layout'

/** Objects take whole multiples of this. */
// @ts-ignore: decorator
@inline
export function grain(): u32 {
  // @ts-ignore: set by --use
  return HW_EMBEDDED ? 8 : GRANULE_BYTES
}

/** Type and flags. */
// @ts-ignore: decorator
@inline
export function headWord(reference: usize): u32 {
  return load<u32>(reference - 8)
}

// @ts-ignore: decorator
@inline
export function setHeadWord(reference: usize, word: u32): void {
  store<u32>(reference - 8, word)
}

// @ts-ignore: decorator
@inline
export function typeOf(reference: usize): u32 {
  return headWord(reference) & TYPE_MASK
}

// @ts-ignore: decorator
@inline
export function payloadBytes(reference: usize): u32 {
  return load<u32>(reference - 4)
}

/** What an object with a payload of `bytes`, at most OBJECT_MAX_BYTES, takes. */
// @ts-ignore: decorator
@inline
export function objectBytesFor(bytes: u32): u32 {
  return (bytes + OBJECT_HEADER_BYTES + grain() - 1) & ~(grain() - 1)
}

/** What the object takes, header and padding included. */
// @ts-ignore: decorator
@inline
export function objectBytes(reference: usize): u32 {
  return objectBytesFor(payloadBytes(reference))
}

/** Write the header of the object at `header`; gives its reference. */
// @ts-ignore: decorator
@inline
export function writeHeader(header: usize, type: u32, bytes: u32): usize {
  store<u64>(header, <u64>type | (<u64>bytes << 32))
  return header + OBJECT_HEADER_BYTES
}

// @ts-ignore: decorator
@inline
export function isHashed(reference: usize): bool {
  return (headWord(reference) & OBJECT_HASHED) != 0
}

// @ts-ignore: decorator
@inline
export function isImmortal(reference: usize): bool {
  return (headWord(reference) & OBJECT_IMMORTAL) != 0
}

// @ts-ignore: decorator
@inline
export function isPayloadSize(bytes: u32): bool {
  return bytes <= OBJECT_MAX_BYTES
}

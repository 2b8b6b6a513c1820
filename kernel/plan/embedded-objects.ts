/**
 * Questions about single objects of the `embedded` buffer. There is no map beside the objects: whether one starts at an
 * address is only known for certain by walking there.
 */
import {
  STATUS_FOREIGN,
  STATUS_MISALIGNED,
  STATUS_NOT_A_BLOCK,
  STATUS_OK,
} from '../layout'
import { OBJECT_HEADER_BYTES, TYPE_MASK } from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { HOLE, buffer, isInObjects, objectsFrom } from '../buffer/buffer-state'
import { isImmortalStart, nextImmortal } from '../collect/embedded-images'
import { headWord, isPayloadSize, objectBytes, objectBytesFor, payloadBytes } from '../object/header'
import { isKnownType, sizeFits } from '../object/types'

/**
 * Whether the words in front of `reference` are a header that fits: what a call can check at once of a number that
 * should be a reference. Nothing that is asked for by such a number reads or writes outside the objects.
 */
export function isPlausible(reference: usize): bool {
  if (!isInObjects(reference)) return isImmortalStart(reference)
  const type = headWord(reference) & TYPE_MASK
  const bytes = payloadBytes(reference)
  if (!isKnownType(type) || !isPayloadSize(bytes) || !sizeFits(typeInfo(type), bytes)) return false
  return objectBytesFor(bytes) <= <u32>(space().bump - (reference - OBJECT_HEADER_BYTES))
}

/** Whether an object starts there: OK, MISALIGNED, FOREIGN or NOT_A_BLOCK. Any number may be asked; walks the heap. */
export function objectStatus(reference: usize): u32 {
  if (reference & 7 || reference < OBJECT_HEADER_BYTES) return STATUS_MISALIGNED
  if (!isInObjects(reference)) return isImmortalStart(reference) ? STATUS_OK : STATUS_FOREIGN
  const header = reference - OBJECT_HEADER_BYTES
  let at = objectsFrom()
  while (at < header) at += objectBytes(at + OBJECT_HEADER_BYTES)
  return at == header && headWord(reference) != HOLE ? STATUS_OK : STATUS_NOT_A_BLOCK
}

/** 1 marked by the last collection, 2 immortal, 8 in the buffer; 4 (large) does not occur. */
export function objectState(reference: usize): u32 {
  if (!isPlausible(reference)) return 0
  if (!isInObjects(reference)) return 3
  return 8 | (reference <= buffer().survivorsEnd ? 1 : 0)
}

/**
 * The object with the next higher address: 0 starts and ends. Those that died since the last collection are among them,
 * and immortal ones.
 */
export function nextObject(reference: usize): usize {
  if (reference && !isPlausible(reference)) return 0
  if (reference && !isInObjects(reference)) return nextImmortal(reference)
  const end = space().bump
  let at = reference ? reference - OBJECT_HEADER_BYTES + objectBytes(reference) : objectsFrom()
  while (at < end && headWord(at + OBJECT_HEADER_BYTES) == HOLE) at += objectBytes(at + OBJECT_HEADER_BYTES)
  return at < end ? at + OBJECT_HEADER_BYTES : nextImmortal(0)
}

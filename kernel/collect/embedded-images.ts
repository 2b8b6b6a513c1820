/**
 * Images of immortal objects in the `embedded` buffer: tables among its blocks, which the collector passes by, since it
 * skips every reference that does not lead into the objects. There is no map, so each has one of its own, of starts.
 *
 *   block   [ next ][ bytes ][ isSealed ][ 0 ][ starts: a bit for 8 bytes ... ][ object ][ object ] ...
 *
 * Objects refer to immortal objects only, see `images.ts`. Whether one starts at an address costs a step for each
 * image.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_HEADER_BYTES, OBJECT_IMMORTAL } from '../object-layout'
import { refused, space } from '../object-overlay'
import { heap } from '../overlay'
import { bufferAlloc, bufferFree } from '../buffer/blocks'
import { BUFFER_MAX_BYTES } from '../buffer/buffer-state'
import { headWord, objectBytes, setHeadWord } from '../object/header'
import { scan } from '../object/scan'
import { isReference } from '../object/words'
import { saneBytes } from './images'

@unmanaged
export class EmbeddedImage {
  next: usize
  bytes: u32
  isSealed: u32
  pad: u32
}

const HEAD_BYTES: u32 = 16

// @ts-ignore: decorator
@inline
export function embeddedImage(at: usize): EmbeddedImage {
  return changetype<EmbeddedImage>(at)
}

/** Bytes of a block for `bytes` of objects. */
export function imageBlockBytes(bytes: u32): u32 {
  return HEAD_BYTES + startsBytes(bytes) + bytes
}

// @ts-ignore: decorator
@inline
function startsBytes(bytes: u32): u32 {
  return ((bytes >> 6) + 8) & ~7
}

/** Where the first header of an image is. */
export function firstHeader(image: usize): usize {
  return image + HEAD_BYTES + startsBytes(embeddedImage(image).bytes)
}

/** Whether an object starts `offset` bytes behind the first header. */
export function isStartAt(image: usize, offset: u32): bool {
  if (offset & 7) return false
  return ((load<u8>(image + HEAD_BYTES + (offset >> 6)) >> ((offset >> 3) & 7)) & 1) != 0
}

function setStartAt(image: usize, offset: u32): void {
  const at = image + HEAD_BYTES + (offset >> 6)
  store<u8>(at, load<u8>(at) | (<u8>1 << <u8>((offset >> 3) & 7)))
}

/** Memory for `bytes` of objects, a multiple of 8: the first one's header goes there. 0 when refused; no collection. */
export function imageCreate(bytes: u32): usize {
  if (!bytes || bytes & 7) return refused(STATUS_BAD_ARGUMENT)
  const block = bytes > BUFFER_MAX_BYTES ? 0 : bufferAlloc(imageBlockBytes(bytes))
  if (!block) return refused(STATUS_OUT_OF_MEMORY)
  memory.fill(block, 0, imageBlockBytes(bytes))
  embeddedImage(block).next = space().images
  embeddedImage(block).bytes = bytes
  space().images = block
  return firstHeader(block)
}

/** The image whose first header is at `address`, 0 when there is none. */
function imageAt(address: usize): usize {
  for (let image = space().images; image; image = embeddedImage(image).next) {
    if (firstHeader(image) == address) return image
  }
  return 0
}

/** Enter the objects of an image: BAD_ARGUMENT, and nothing has changed, when they are not whole and back to back. */
export function imageSeal(address: usize): u32 {
  const image = imageAt(address)
  if (!image || embeddedImage(image).isSealed) return STATUS_BAD_ARGUMENT
  const end = address + embeddedImage(image).bytes
  for (let at = address; at < end; ) {
    const bytes = saneBytes(at + OBJECT_HEADER_BYTES, end)
    if (!bytes) return STATUS_BAD_ARGUMENT
    at += bytes
  }
  for (let at = address; at < end; at += objectBytes(at + OBJECT_HEADER_BYTES)) {
    setHeadWord(at + OBJECT_HEADER_BYTES, headWord(at + OBJECT_HEADER_BYTES) | OBJECT_IMMORTAL)
    setStartAt(image, <u32>(at - address))
  }
  embeddedImage(image).isSealed = 1
  return STATUS_OK
}

/** Whether every reference in the sealed image at `address` is an immortal object's: OK, or BAD_ARGUMENT. */
export function imageCheck(address: usize): u32 {
  const image = imageAt(address)
  if (!image || !embeddedImage(image).isSealed) return STATUS_BAD_ARGUMENT
  heap().fault = 0
  const end = address + embeddedImage(image).bytes
  for (let at = address; at < end; at += objectBytes(at + OBJECT_HEADER_BYTES)) {
    scan<EmbeddedImmortalCheck>(at + OBJECT_HEADER_BYTES)
  }
  return heap().fault ? STATUS_BAD_ARGUMENT : STATUS_OK
}

@unmanaged
@final
class EmbeddedImmortalCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isReference(reference) && !isImmortalStart(reference)) heap().fault = slot
  }
}

/** Whether an immortal object starts behind the header in front of `reference`. Any number may be asked. */
export function isImmortalStart(reference: usize): bool {
  for (let image = space().images; image; image = embeddedImage(image).next) {
    const offset = <u32>(reference - OBJECT_HEADER_BYTES - firstHeader(image))
    if (offset < embeddedImage(image).bytes) return isStartAt(image, offset)
  }
  return false
}

/** The immortal object with the lowest address above `reference`, which is an object's or 0; 0 when there is none. */
export function nextImmortal(reference: usize): usize {
  let found: usize = 0
  for (let image = space().images; image; image = embeddedImage(image).next) {
    if (!embeddedImage(image).isSealed) continue
    const first = firstHeader(image)
    const end = first + embeddedImage(image).bytes
    if (end <= reference) continue
    const at = reference < first ? first : reference - OBJECT_HEADER_BYTES + objectBytes(reference)
    if (at < end && (!found || at + OBJECT_HEADER_BYTES < found)) found = at + OBJECT_HEADER_BYTES
  }
  return found
}

/** Take an image out again that could not be completed: nothing may refer to it. */
export function imageDrop(address: usize): u32 {
  const image = imageAt(address)
  if (!image) return STATUS_BAD_ARGUMENT
  if (space().images == image) space().images = embeddedImage(image).next
  else {
    let before = space().images
    while (embeddedImage(before).next != image) before = embeddedImage(before).next
    embeddedImage(before).next = embeddedImage(image).next
  }
  bufferFree(image)
  return STATUS_OK
}

/**
 * The verifier of the images in the `embedded` buffer: the list leads through tables, their objects lie back to back
 * with sane headers, the bits of starts are theirs, and they refer to each other only.
 */
import { FAULT_LARGE, FAULT_OBJECT_HEADER, FAULT_REFERENCE, OBJECT_HEADER_BYTES } from '../object-layout'
import { space } from '../object-overlay'
import { heap } from '../overlay'
import { BLOCK_HEAD_BYTES } from '../buffer/blocks'
import { BUFFER_MAX_BYTES, buffer } from '../buffer/buffer-state'
import {
  embeddedImage,
  firstHeader,
  imageBlockBytes,
  isImmortalStart,
  isStartAt,
} from '../collect/embedded-images'
import { saneBytes } from '../collect/images'
import { isImmortal } from '../object/header'
import { scan } from '../object/scan'
import { isReference } from '../object/words'
import { fault, isTable } from './embedded-references'

export function checkImages(): void {
  // More than fit the buffer: a ring.
  let left = heap().committedBytes / (BLOCK_HEAD_BYTES + imageBlockBytes(8))
  for (let image = space().images; image; image = embeddedImage(image).next) {
    if (!left-- || !isTable(image, imageBlockBytes(0))) return fault(FAULT_LARGE, image)
    const bytes = embeddedImage(image).bytes
    if (!bytes || bytes & 7 || bytes > BUFFER_MAX_BYTES || !isTable(image, imageBlockBytes(bytes))) {
      return fault(FAULT_LARGE, image)
    }
    if (embeddedImage(image).isSealed) checkObjects(image)
    if (buffer().fault) return
  }
  for (let image = space().images; image; image = embeddedImage(image).next) {
    if (embeddedImage(image).isSealed) checkImageReferences(image)
  }
}

/** Headers and bits of starts, 8 bytes at a time. */
function checkObjects(image: usize): void {
  const first = firstHeader(image)
  const bytes = embeddedImage(image).bytes
  let next: u32 = 0
  for (let offset: u32 = 0; offset < bytes; offset += 8) {
    if (isStartAt(image, offset) != (offset == next)) return fault(FAULT_LARGE, image)
    if (offset != next) continue
    const reference = first + offset + OBJECT_HEADER_BYTES
    const taken = isImmortal(reference) ? saneBytes(reference, first + bytes) : 0
    if (!taken) return fault(FAULT_OBJECT_HEADER, reference - OBJECT_HEADER_BYTES)
    next += taken
  }
}

function checkImageReferences(image: usize): void {
  const first = firstHeader(image)
  const end = first + embeddedImage(image).bytes
  for (let at = first; at < end; at += saneBytes(at + OBJECT_HEADER_BYTES, end)) {
    scan<ImageReferenceCheck>(at + OBJECT_HEADER_BYTES)
  }
}

@unmanaged
@final
class ImageReferenceCheck {
  visit(slot: usize): void {
    const reference = load<usize>(slot)
    if (isReference(reference) && !isImmortalStart(reference)) fault(FAULT_REFERENCE, slot)
  }
}

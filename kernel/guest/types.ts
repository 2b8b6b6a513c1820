/**
 * Types as a guest tells of them: bytes of the fixed part, which of its words are references, and the same for an
 * element of the trailing array. Which of the kernel's shapes that comes to is decided here.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  SHAPE_LEAF,
  SHAPE_LIST,
  SHAPE_MASK,
  SHAPE_MIXED,
  SHAPE_PREFIX,
  SHAPE_REFS,
  TRAIL_BYTES,
  TRAIL_MIXED,
  TRAIL_NONE,
  TRAIL_REFS,
} from '../object-layout'
import { refused, space } from '../object-overlay'
import { tableFree } from '../object/memory'
import { areSane, typeAdd, typeText } from '../object/types'
import { needObjects } from './begin-objects'
import { HW_FIXED_LIMIT_BYTES, HW_TYPE_ELEMENT_SHIFT, HW_TYPE_FIXED_SHIFT } from './guest-layout'

const WORD_BYTES: u32 = 4
const OFFSET_BYTES: u32 = 2
const NAME_MAX_BYTES: u32 = 65536

// @ts-ignore: decorator
@inline
function lies(at: usize, bytes: u32): bool {
  return <u64>at + <u64>bytes <= <u64>(<u32>memory.size()) << 16
}

/** Whether the bits are the lowest ones. */
// @ts-ignore: decorator
@inline
function isPrefix(mask: u32): bool {
  return !(mask & (mask + 1))
}

/** See include/heapwright.h: the references of the fixed part as a mask of its first 32 words. */
export function hw_add_type(
  name: usize,
  nameBytes: u32,
  fixedBytes: u32,
  references: u32,
  elementBytes: u32,
  elementReferences: u32,
): u64 {
  if (!needObjects()) return 0
  const trail = trailOf(elementBytes, elementReferences)
  const isPlain = trail < TRAIL_REFS
  let shape = SHAPE_LEAF
  if (!isPlain) {
    // With references in the elements, those of the fixed part come first.
    if (!isPrefix(references)) return refused(STATUS_BAD_ARGUMENT)
    shape = trail == TRAIL_REFS ? SHAPE_REFS : SHAPE_MIXED
  } else if (references) shape = isPrefix(references) ? SHAPE_PREFIX : SHAPE_MASK
  const count = shape == SHAPE_MASK ? 0 : <u32>popcnt(references)
  const mask = shape == SHAPE_MASK ? references : 0
  const elementMask = trail == TRAIL_MIXED ? elementReferences : 0
  if (!areSane(shape, trail, count, fixedBytes, mask, elementBytes, elementMask)) return refused(STATUS_BAD_ARGUMENT)
  return enter(name, nameBytes, shape, trail, count, fixedBytes, mask, 0, elementBytes, elementMask)
}

/**
 * The same with a list of `count` ascending offsets, of two bytes each, in place of the mask: for references behind the
 * first 32 words. Elements then hold none.
 */
export function hw_add_long_type(
  name: usize,
  nameBytes: u32,
  fixedBytes: u32,
  offsets: usize,
  count: u32,
  elementBytes: u32,
): u64 {
  if (!needObjects()) return 0
  if (offsets & 1 || count > 0xffff || !lies(offsets, count * OFFSET_BYTES)) return refused(STATUS_BAD_ARGUMENT)
  const trail = trailOf(elementBytes, 0)
  if (!areSane(SHAPE_LIST, trail, count, fixedBytes, <u32>offsets, elementBytes, 0)) return refused(STATUS_BAD_ARGUMENT)
  return enter(name, nameBytes, SHAPE_LIST, trail, count, fixedBytes, 0, offsets, elementBytes, 0)
}

function trailOf(elementBytes: u32, elementReferences: u32): u32 {
  if (!elementBytes) return elementReferences ? TRAIL_REFS : TRAIL_NONE
  if (!elementReferences) return TRAIL_BYTES
  return elementBytes == WORD_BYTES && elementReferences == 1 ? TRAIL_REFS : TRAIL_MIXED
}

/** Enter a type whose numbers fit each other, with its name, and in front of that its list of offsets. */
function enter(
  name: usize,
  nameBytes: u32,
  shape: u32,
  trail: u32,
  count: u32,
  fixedBytes: u32,
  mask: u32,
  offsets: usize,
  elementBytes: u32,
  elementMask: u32,
): u64 {
  if (nameBytes > NAME_MAX_BYTES || !lies(name, nameBytes)) return refused(STATUS_BAD_ARGUMENT)
  if (fixedBytes >= HW_FIXED_LIMIT_BYTES) return refused(STATUS_BAD_ARGUMENT)
  const listBytes = offsets ? count * OFFSET_BYTES : 0
  const text = typeText(listBytes + nameBytes)
  if (!text) return refused(STATUS_OUT_OF_MEMORY)
  memory.copy(text, offsets, listBytes)
  memory.copy(text + listBytes, name, nameBytes)
  const list = shape == SHAPE_LIST ? <u32>text : mask
  const id = typeAdd(text + listBytes, nameBytes, shape, trail, count, fixedBytes, list, elementBytes, elementMask)
  if (!id) {
    const status = space().status
    tableFree(text)
    return refused(status)
  }
  return <u64>id | (<u64>elementBytes << HW_TYPE_ELEMENT_SHIFT) | (<u64>fixedBytes << HW_TYPE_FIXED_SHIFT)
}

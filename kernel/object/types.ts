/**
 * The type registry: a table of 32-byte descriptors by id, which grows by doubling. A type says where the references of
 * its objects are; everything else about it (name, fields) is text for people and for images.
 *
 * Guarantee: a refused registration changes nothing; every descriptor that is entered can be scanned without reading
 * outside an object whose size `sizeFits`.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../layout'
import {
  OBJECT_MAX_BYTES,
  SHAPE_EPHEMERONS,
  SHAPE_LEAF,
  SHAPE_LIST,
  SHAPE_MASK,
  SHAPE_MIXED,
  SHAPE_PREFIX,
  SHAPE_REFS,
  SHAPE_WEAK,
  SHAPE_WIDE,
  TRAIL_BYTES,
  TRAIL_MIXED,
  TRAIL_NONE,
  TRAIL_REFS,
  TYPE_BYTES,
  TYPE_MAX,
  TYPE_SHIFT,
  TYPE_WEAK_TABLE,
} from '../object-layout'
import { TypeInfo, refused, space, typeInfo } from '../object-overlay'
import { tableAlloc, tableFree } from './memory'

/** Types of a first table in the large builds, and in the `embedded` one. */
const FIRST_TYPES: u32 = 64
const FIRST_TYPES_EMBEDDED: u32 = 8
/** Longest fixed part. */
const FIXED_MAX_BYTES: u32 = 1 << 28
const OFFSET_BYTES: u32 = 2

/** Enter the built-in types: weak reference, weak map, its table. */
export function makeBuiltInTypes(): bool {
  return (
    typeAdd(0, 0, SHAPE_WEAK, TRAIL_NONE, 0, 8, 0, 0, 0) != 0 &&
    typeAdd(0, 0, SHAPE_PREFIX, TRAIL_NONE, 1, 8, 0, 0, 0) != 0 &&
    typeAdd(0, 0, SHAPE_EPHEMERONS, TRAIL_BYTES, 0, 16, 0, 12, 0) != 0
  )
}

/** Memory for the text of a type, 0 when out of memory. */
export function typeText(bytes: u32): usize {
  if (bytes > FIXED_MAX_BYTES) return refused(STATUS_BAD_ARGUMENT)
  const at = tableAlloc(max<u32>(bytes, 1))
  if (!at) refused(STATUS_OUT_OF_MEMORY)
  return at
}

/**
 * Register a type, see `layout` of TypeInfo. Gives its id, or 0: BAD_ARGUMENT when the numbers contradict each other,
 * OUT_OF_MEMORY when the table cannot grow.
 */
export function typeAdd(
  textAt: usize,
  textBytes: u32,
  shape: u32,
  trail: u32,
  refs: u32,
  fixedBytes: u32,
  refMask: u32,
  elementBytes: u32,
  elementMask: u32,
): u32 {
  // Tables of weak maps are made by their maps alone.
  if (shape == SHAPE_EPHEMERONS && space().typeCount + 1 != TYPE_WEAK_TABLE) return refused(STATUS_BAD_ARGUMENT)
  if (!areSane(shape, trail, refs, fixedBytes, refMask, elementBytes, elementMask)) return refused(STATUS_BAD_ARGUMENT)
  const id = space().typeCount + 1
  if (id > TYPE_MAX) return refused(STATUS_BAD_ARGUMENT)
  if (id >= space().typeCapacity && !growTable()) return refused(STATUS_OUT_OF_MEMORY)
  const info = typeInfo(id)
  info.shape = <u8>shape
  info.trail = <u8>trail
  info.refs = <u16>refs
  info.fixedBytes = fixedBytes
  info.refMask = refMask
  info.elementBytes = <u16>elementBytes
  info.pad = 0
  info.elementMask = elementMask
  info.textAt = textAt
  info.textBytes = textBytes
  info.allocated = 0
  space().typeCount = id
  return id
}

function growTable(): bool {
  const s = space()
  // @ts-ignore: set by --use
  const first = HW_EMBEDDED ? FIRST_TYPES_EMBEDDED : FIRST_TYPES
  // In a small buffer every descriptor counts: a quarter more is enough.
  // @ts-ignore: set by --use
  const more = HW_EMBEDDED ? max<u32>(s.typeCapacity >> 2, 4) : s.typeCapacity
  const capacity = s.types ? s.typeCapacity + more : first
  const table = tableAlloc(capacity << TYPE_SHIFT)
  if (!table) return false
  if (s.types) memory.copy(table, s.types, s.typeCapacity << TYPE_SHIFT)
  else memory.fill(table, 0, TYPE_BYTES)
  const old = s.types
  s.types = table
  s.typeCapacity = capacity
  tableFree(old)
  return true
}

/** Whether the numbers of a descriptor fit each other. The list of offsets is read, within the memory. */
export function areSane(
  shape: u32,
  trail: u32,
  refs: u32,
  fixedBytes: u32,
  refMask: u32,
  elementBytes: u32,
  elementMask: u32,
): bool {
  if (fixedBytes > FIXED_MAX_BYTES || refs > 0xffff || elementBytes > 0xffff || trail > TRAIL_MIXED) return false
  if ((trail == TRAIL_NONE) != (elementBytes == 0)) return false
  // References lie at multiples of four from the payload's start.
  if (trail >= TRAIL_REFS && ((fixedBytes | elementBytes) & 3) != 0) return false
  if (trail == TRAIL_REFS && elementBytes != 4) return false
  if (trail == TRAIL_MIXED ? !maskFits(elementMask, elementBytes) : elementMask != 0) return false
  // Wide values lie at multiples of eight.
  if (shape == SHAPE_WIDE && (elementBytes != 8 || fixedBytes & 7)) return false
  return shapeFits(shape, trail, refs, fixedBytes, refMask)
}

function shapeFits(shape: u32, trail: u32, refs: u32, fixedBytes: u32, refMask: u32): bool {
  const hasPlainTrail = trail < TRAIL_REFS
  if (shape == SHAPE_LEAF) return hasPlainTrail && refs == 0 && refMask == 0
  if (shape == SHAPE_PREFIX) return hasPlainTrail && refs << 2 <= fixedBytes && refMask == 0
  if (shape == SHAPE_REFS) return trail == TRAIL_REFS && refs << 2 <= fixedBytes && refMask == 0
  if (shape == SHAPE_MASK) return hasPlainTrail && refs == 0 && maskFits(refMask, fixedBytes)
  if (shape == SHAPE_LIST) return hasPlainTrail && listFits(refs, fixedBytes, refMask)
  if (shape == SHAPE_MIXED) return trail == TRAIL_MIXED && refs << 2 <= fixedBytes && refMask == 0
  if (shape == SHAPE_WIDE) return trail == TRAIL_BYTES && refs << 2 <= fixedBytes && refMask == 0
  if (shape == SHAPE_WEAK) return trail == TRAIL_NONE && refs == 0 && fixedBytes == 8 && refMask == 0
  if (shape == SHAPE_EPHEMERONS) return trail == TRAIL_BYTES && refs == 0 && refMask == 0
  return false
}

/** Whether every word that `mask` names lies in `bytes`. */
function maskFits(mask: u32, bytes: u32): bool {
  return mask == 0 || <u32>(32 - clz(mask)) << 2 <= bytes
}

/** Whether `count` offsets lie at `at`, ascending, each a multiple of four inside `fixedBytes`. */
function listFits(count: u32, fixedBytes: u32, at: usize): bool {
  if (<u64>at + count * OFFSET_BYTES > <u64>(<u32>memory.size()) << 16) return false
  for (let i: u32 = 0; i < count; i++) {
    const offset = <u32>load<u16>(at + i * OFFSET_BYTES)
    if (offset & 3 || offset + 4 > fixedBytes) return false
    // A slide by threading must meet each word once.
    if (i && offset <= <u32>load<u16>(at + (i - 1) * OFFSET_BYTES)) return false
  }
  return true
}

// @ts-ignore: decorator
@inline
export function isKnownType(type: u32): bool {
  return type - 1 < space().typeCount
}

/** Whether a payload of `bytes` is the fixed part of `info` and a whole number of elements. */
export function sizeFits(info: TypeInfo, bytes: u32): bool {
  const fixed = info.fixedBytes
  if (bytes == fixed) return true
  const element = <u32>info.elementBytes
  return element != 0 && bytes > fixed && bytes <= OBJECT_MAX_BYTES && (element == 1 || (bytes - fixed) % element == 0)
}

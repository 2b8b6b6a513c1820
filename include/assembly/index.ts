/**
 * The heap from inside an AssemblyScript program: the calls of `heapwright.h` under the same names, which say there
 * what they do, with what errors, and which of them collect. Here is what AssemblyScript says differently.
 *
 *   import { hw_enter, hw_leave, hw_make, hw_struct_type } from 'heapwright/include/assembly'
 *
 *   @unmanaged class Node { left: Node; right: Node }
 *   const node = hw_struct_type('Node', offsetof<Node>(), 1 << (offsetof<Node>('left') >> 2) | …)
 *
 * A reference is a `usize`, or an instance of an `@unmanaged` class. Reference fields are read as they are, and written
 * by `hw_set`. Objects of AssemblyScript's own, made by `new` on managed classes, are none of these: they are blocks of
 * this heap when the program is compiled with `--runtime node_modules/heapwright/include/assembly/runtime`, and must
 * not be made with one of AssemblyScript's own runtimes, whose allocators take all memory for theirs.
 *
 * Paths that the header has inline are inline here, over the same words.
 */
import {
  OBJECT_HEADER_BYTES,
  OBJECT_SMALL_MAX_BYTES,
  OBJECT_USER_MASK,
  OBJECT_USER_SHIFT,
  SPACE_ALL_BYTES,
  SPACE_BUMP_AT,
  SPACE_LIMIT_AT,
  SPACE_LOG_LIMIT_AT,
  SPACE_LOG_TOP_AT,
  SPACE_PIN_LIMIT_AT,
  SPACE_PIN_TOP_AT,
  SPACE_SHADING_AT,
  SPACE_SHADOW_LIMIT_AT,
  SPACE_SHADOW_TOP_AT,
  SPACE_YOUNG_BASE_AT,
  SPACE_YOUNG_BYTES_AT,
  TYPE_MASK,
} from '../../kernel/object-layout'
import { COLLECT_COMPACT, ROOT_PINNED, ROOT_SLOT, ROOT_STRONG, ROOT_WEAK } from '../../kernel/object-layout'
import { HW_TYPE_ELEMENT_SHIFT, HW_TYPE_FIXED_SHIFT } from '../../kernel/guest/guest-layout'
import {
  hw_add_long_type,
  hw_add_type,
  hw_alloc,
  hw_begin_objects_with,
  hw_collect,
  hw_enter_frame,
  hw_free,
  hw_get_stats,
  hw_new_object,
  hw_root_add,
  hw_root_remove,
  hw_space_address,
  hw_store_reference,
} from './imports'

export {
  hw_aligned_alloc,
  hw_alloc,
  hw_calloc,
  hw_collect,
  hw_copy_references,
  hw_error,
  hw_fault_address,
  hw_finalizer_add,
  hw_finalizer_remove,
  hw_free,
  hw_identity_hash,
  hw_is_block,
  hw_limit,
  hw_next_finalizer,
  hw_next_object,
  hw_object_status,
  hw_objects_mode,
  hw_realloc,
  hw_set_limit,
  hw_step,
  hw_store_checked,
  hw_stress,
  hw_usable_size,
  hw_verify,
  hw_weak_get,
  hw_weak_map_delete,
  hw_weak_map_get,
  hw_weak_map_has,
  hw_weak_map_new,
  hw_weak_map_set,
  hw_weak_new,
  hw_weak_root_get,
} from './imports'
export {
  HW_MODE_DEFAULT,
  HW_MODE_RUNTIME,
  HW_MODE_SERVER,
  HW_MODE_VM,
  HW_STATS_VERSION,
} from '../../kernel/guest/guest-layout'
export {
  STATUS_BAD_ARGUMENT as HW_BAD_ARGUMENT,
  STATUS_CORRUPT as HW_CORRUPT,
  STATUS_FOREIGN as HW_FOREIGN,
  STATUS_MISALIGNED as HW_MISALIGNED,
  STATUS_NOT_A_BLOCK as HW_NOT_A_BLOCK,
  STATUS_OK as HW_OK,
  STATUS_OUT_OF_MEMORY as HW_OUT_OF_MEMORY,
  STATUS_OWNED as HW_OWNED,
  STATUS_SIZE_MISMATCH as HW_SIZE_MISMATCH,
} from '../../kernel/layout'
export {
  COLLECT_COMPACT as HW_COLLECT_COMPACT,
  COLLECT_FULL as HW_COLLECT_FULL,
  COLLECT_MINOR as HW_COLLECT_MINOR,
  STRESS_ALLOCATIONS as HW_STRESS_ALLOCATIONS,
  STRESS_BYTES as HW_STRESS_BYTES,
  STRESS_OFF as HW_STRESS_OFF,
  STRESS_RANDOM as HW_STRESS_RANDOM,
} from '../../kernel/object-layout'
export { ObjectOptions, Stats } from './structs'
import { ObjectOptions, Stats } from './structs'

/** Until there is an object space: words that say that there is no room anywhere. */
const NO_SPACE: usize = memory.data(<i32>SPACE_ALL_BYTES, 16)
let space: usize = NO_SPACE

/** After a call that may have made the object space. */
function findSpace(): void {
  if (space != NO_SPACE) return
  const found = hw_space_address()
  if (found) space = found
}

/** Begin the objects in a mode, with `options` or null. A status. */
export function hw_begin_objects(mode: u32, options: ObjectOptions | null): u32 {
  const status = hw_begin_objects_with(mode, changetype<usize>(options))
  findSpace()
  return status
}

/** Fill in the figures. A status. */
export function hw_stats(stats: Stats): u32 {
  return hw_get_stats(changetype<usize>(stats), <u32>offsetof<Stats>())
}

/** Collect and slide everything together. A status. */
export function hw_compact(): u32 {
  return hw_collect(COLLECT_COMPACT)
}

// ---- types ----------------------------------------------------------------------------------------------------------

/** A type without elements, whose first words are references where `references` has a bit; 0 when refused. */
export function hw_struct_type(name: string, bytes: u32, references: u32): u64 {
  return hw_array_type(name, bytes, references, 0, 0)
}

/** A type with elements of `elementBytes` behind its fixed part; 0 when refused. */
export function hw_array_type(
  name: string,
  fixedBytes: u32,
  references: u32,
  elementBytes: u32,
  elementReferences: u32,
): u64 {
  const text = hw_alloc(UTF8_MAX_BYTES * name.length)
  if (!text) return 0
  const type = hw_add_type(text, encode(name, text), fixedBytes, references, elementBytes, elementReferences)
  hw_free(text)
  findSpace()
  return type
}

/** The same with a list of `count` offsets of two bytes each at `offsets`; elements hold no references. */
export function hw_long_type(name: string, fixedBytes: u32, offsets: usize, count: u32, elementBytes: u32): u64 {
  const text = hw_alloc(UTF8_MAX_BYTES * name.length)
  if (!text) return 0
  const type = hw_add_long_type(text, encode(name, text), fixedBytes, offsets, count, elementBytes)
  hw_free(text)
  findSpace()
  return type
}

/** Most bytes that a unit of UTF-16 comes to. */
const UTF8_MAX_BYTES: u32 = 3

/** Write `text` as UTF-8, without a word to AssemblyScript's own runtime; the bytes it takes. */
function encode(text: string, at: usize): u32 {
  let to = at
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if ((code & 0xfc00) == 0xd800 && i + 1 < text.length) {
      code = 0x10000 + ((code & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff)
    }
    if (code < 0x80) {
      store<u8>(to++, <u8>code)
      continue
    }
    const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3
    // As many bits as there are bytes, then a 0.
    const lead = (0xff << (7 - more)) | (code >> (6 * more))
    store<u8>(to++, <u8>lead)
    for (let left = more - 1; left >= 0; left--) store<u8>(to++, <u8>(0x80 | ((code >> (6 * left)) & 0x3f)))
  }
  return <u32>(to - at)
}

// ---- objects --------------------------------------------------------------------------------------------------------

/** Bump in the hole; `bytes` fit the type, and are no more than a small object's. */
// @ts-ignore: decorator
@inline
function bump(type: u64, bytes: u32): usize {
  const total = (bytes + OBJECT_HEADER_BYTES + 15) & ~15
  const at = load<usize>(space, SPACE_BUMP_AT)
  if (at + total > load<usize>(space, SPACE_LIMIT_AT)) return hw_new_object(type, bytes)
  store<usize>(space, at + total, SPACE_BUMP_AT)
  store<u64>(at, (type & TYPE_MASK) | (<u64>bytes << 32))
  for (let i: usize = OBJECT_HEADER_BYTES; i < total; i += 8) store<u64>(at + i, 0)
  return at + OBJECT_HEADER_BYTES
}

/** COLLECTS. A zeroed object of a type of `bytes` bytes; 0 when out of memory, or when the two do not fit. */
// @ts-ignore: decorator
@inline
export function hw_new(type: u64, bytes: u32): usize {
  if (<u32>(type >> HW_TYPE_FIXED_SHIFT) != bytes || bytes > OBJECT_SMALL_MAX_BYTES - OBJECT_HEADER_BYTES) {
    return hw_new_object(type, bytes)
  }
  return bump(type, bytes)
}

/** COLLECTS. The same as an instance of an `@unmanaged` class. */
// @ts-ignore: decorator
@inline
export function hw_make<T>(type: u64): T {
  return changetype<T>(hw_new(type, <u32>offsetof<T>()))
}

/** COLLECTS. The same with `count` elements of `elementBytes` bytes behind a fixed part. */
// @ts-ignore: decorator
@inline
export function hw_new_array(type: u64, fixedBytes: u32, elementBytes: u32, count: u32): usize {
  const bytes = <u64>elementBytes * <u64>count + <u64>fixedBytes
  const shape = (<u64>fixedBytes << (HW_TYPE_FIXED_SHIFT - HW_TYPE_ELEMENT_SHIFT)) | <u64>elementBytes
  if (type >> HW_TYPE_ELEMENT_SHIFT != shape || bytes > <u64>(OBJECT_SMALL_MAX_BYTES - OBJECT_HEADER_BYTES)) {
    return hw_new_object(type, <u32>min<u64>(bytes, u32.MAX_VALUE))
  }
  return bump(type, <u32>bytes)
}

/** Bytes of an object's contents. */
// @ts-ignore: decorator
@inline
export function hw_object_bytes(object: usize): u32 {
  return load<u32>(object - 4)
}

/** Id of its type: `<u32>type & 0xfffff`. */
// @ts-ignore: decorator
@inline
export function hw_type_id(object: usize): u32 {
  return load<u32>(object - 8) & TYPE_MASK
}

/** Eight bits of the object's header that are the program's. */
// @ts-ignore: decorator
@inline
export function hw_flags(object: usize): u32 {
  return (load<u32>(object - 8) & OBJECT_USER_MASK) >> OBJECT_USER_SHIFT
}

// @ts-ignore: decorator
@inline
export function hw_set_flags(object: usize, flags: u8): void {
  store<u32>(object - 8, (load<u32>(object - 8) & ~OBJECT_USER_MASK) | (<u32>flags << OBJECT_USER_SHIFT))
}

// ---- stores ---------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function isYoung(reference: usize): bool {
  return reference - load<usize>(space, SPACE_YOUNG_BASE_AT) < load<usize>(space, SPACE_YOUNG_BYTES_AT)
}

/** Store `value` in the word at `slot` of the object `holder`. A status; does not collect. */
// @ts-ignore: decorator
@inline
export function hw_store(holder: usize, slot: usize, value: usize): u32 {
  const shading = load<u32>(space, SPACE_SHADING_AT)
  if (shading | u32(isYoung(value))) {
    if (!isYoung(holder)) {
      const top = load<usize>(space, SPACE_LOG_TOP_AT)
      if (shading || slot & 3 || top + 4 > load<usize>(space, SPACE_LOG_LIMIT_AT)) {
        return hw_store_reference(holder, slot, value)
      }
      store<usize>(top, slot)
      store<usize>(space, top + 4, SPACE_LOG_TOP_AT)
    }
  }
  store<usize>(slot, value)
  return 0
}

/** The same for a field: `hw_set(node, offsetof<Node>('next'), other)`. */
// @ts-ignore: decorator
@inline
export function hw_set<T, V>(holder: T, offset: usize, value: V): u32 {
  return hw_store(changetype<usize>(holder), changetype<usize>(holder) + offset, changetype<usize>(value))
}

// ---- frames ---------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function enterOn(slots: u32, topAt: usize, limitAt: usize, pinning: bool): usize {
  const top = load<usize>(space + topAt)
  if (slots > <u32>(load<usize>(space + limitAt) - top) >> 2) return enterSlow(slots, pinning)
  for (let i: u32 = 0; i < slots; i++) store<usize>(top + (i << 2), 0)
  store<usize>(space + topAt, top + (slots << 2))
  return top
}

function enterSlow(slots: u32, pinning: bool): usize {
  const frame = hw_enter_frame(slots, pinning)
  findSpace()
  return frame
}

/** Begin a frame of `slots` slots, all 0; 0 when the shadow stack is full. */
// @ts-ignore: decorator
@inline
export function hw_enter(slots: u32): usize {
  return enterOn(slots, SPACE_SHADOW_TOP_AT, SPACE_SHADOW_LIMIT_AT, false)
}

/** A frame as an instance of an `@unmanaged` class of nothing but references; null when the shadow stack is full. */
// @ts-ignore: decorator
@inline
export function hw_frame<T>(): T | null {
  return changetype<T | null>(hw_enter(<u32>offsetof<T>() >> 2))
}

/** End the frame; 0 is nothing to do. */
// @ts-ignore: decorator
@inline
export function hw_leave(frame: usize): void {
  if (frame) store<usize>(space, frame, SPACE_SHADOW_TOP_AT)
}

/** The same with objects that stay where they are. */
// @ts-ignore: decorator
@inline
export function hw_enter_pinned(slots: u32): usize {
  return enterOn(slots, SPACE_PIN_TOP_AT, SPACE_PIN_LIMIT_AT, true)
}

// @ts-ignore: decorator
@inline
export function hw_leave_pinned(frame: usize): void {
  if (frame) store<usize>(space, frame, SPACE_PIN_TOP_AT)
}

// ---- roots ----------------------------------------------------------------------------------------------------------

function rootOf(kind: u32, word: usize): usize {
  const slot = hw_root_add(kind, word)
  findSpace()
  return slot
}

/** The address of a word that keeps `object`; 0 when out of memory. */
export function hw_root_new(object: usize): usize {
  return rootOf(ROOT_STRONG, object)
}

export function hw_root_free(slot: usize): u32 {
  return hw_root_remove(ROOT_STRONG, slot)
}

/** The same for an object that stays where it is. */
export function hw_pin_new(object: usize): usize {
  return rootOf(ROOT_PINNED, object)
}

export function hw_pin_free(slot: usize): u32 {
  return hw_root_remove(ROOT_PINNED, slot)
}

/** A slot that refers to `target` without keeping it, for hw_weak_root_get; 0 when out of memory. */
export function hw_weak_root_new(target: usize): usize {
  return rootOf(ROOT_WEAK, target)
}

export function hw_weak_root_free(slot: usize): u32 {
  return hw_root_remove(ROOT_WEAK, slot)
}

/** Make the word at `address`, anywhere in memory, a root; 0 when out of memory. Globals of AssemblyScript are no
 * words. */
export function hw_global_add(address: usize): usize {
  return rootOf(ROOT_SLOT, address)
}

export function hw_global_remove(entry: usize): u32 {
  return hw_root_remove(ROOT_SLOT, entry)
}

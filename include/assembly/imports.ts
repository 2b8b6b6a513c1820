/** The imports of `heapwright.h`: what the kernel for guests with objects exports, under the same names. */

// @ts-ignore: decorator
@external('heapwright', 'hw_alloc')
export declare function hw_alloc(bytes: u32): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_calloc')
export declare function hw_calloc(count: u32, bytes: u32): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_realloc')
export declare function hw_realloc(block: usize, bytes: u32): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_aligned_alloc')
export declare function hw_aligned_alloc(alignment: u32, bytes: u32): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_free')
export declare function hw_free(block: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_usable_size')
export declare function hw_usable_size(block: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_is_block')
export declare function hw_is_block(address: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_get_stats')
export declare function hw_get_stats(stats: usize, bytes: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_limit')
export declare function hw_limit(): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_set_limit')
export declare function hw_set_limit(bytes: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_space_address')
export declare function hw_space_address(): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_begin_objects')
export declare function hw_begin_objects_with(mode: u32, options: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_objects_mode')
export declare function hw_objects_mode(): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_error')
export declare function hw_error(): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_add_type')
export declare function hw_add_type(
  name: usize,
  nameBytes: u32,
  fixedBytes: u32,
  references: u32,
  elementBytes: u32,
  elementReferences: u32,
): u64

// @ts-ignore: decorator
@external('heapwright', 'hw_add_long_type')
export declare function hw_add_long_type(
  name: usize,
  nameBytes: u32,
  fixedBytes: u32,
  offsets: usize,
  count: u32,
  elementBytes: u32,
): u64

// @ts-ignore: decorator
@external('heapwright', 'hw_new_object')
export declare function hw_new_object(type: u64, bytes: u32): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_object_status')
export declare function hw_object_status(object: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_next_object')
export declare function hw_next_object(object: usize): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_identity_hash')
export declare function hw_identity_hash(object: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_store_reference')
export declare function hw_store_reference(holder: usize, slot: usize, value: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_store_checked')
export declare function hw_store_checked(holder: usize, slot: usize, value: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_copy_references')
export declare function hw_copy_references(holder: usize, to: usize, from: usize, count: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_enter_frame')
export declare function hw_enter_frame(slots: u32, pinning: u32): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_root_add')
export declare function hw_root_add(kind: u32, word: usize): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_root_remove')
export declare function hw_root_remove(kind: u32, slot: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_collect')
export declare function hw_collect(kind: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_step')
export declare function hw_step(units: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_stress')
export declare function hw_stress(kind: u32, number: u32, seed: u32, moves: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_verify')
export declare function hw_verify(): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_fault_address')
export declare function hw_fault_address(): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_new')
export declare function hw_weak_new(target: usize): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_get')
export declare function hw_weak_get(weak: usize): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_map_new')
export declare function hw_weak_map_new(): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_map_set')
export declare function hw_weak_map_set(map: usize, key: usize, value: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_map_get')
export declare function hw_weak_map_get(map: usize, key: usize): usize

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_map_has')
export declare function hw_weak_map_has(map: usize, key: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_map_delete')
export declare function hw_weak_map_delete(map: usize, key: usize): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_finalizer_add')
export declare function hw_finalizer_add(object: usize, id: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_finalizer_remove')
export declare function hw_finalizer_remove(id: u32): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_next_finalizer')
export declare function hw_next_finalizer(): u32

// @ts-ignore: decorator
@external('heapwright', 'hw_weak_root_get')
export declare function hw_weak_root_get(slot: usize): usize

/** Blocks under the names of include/heapwright.h: those of `malloc.ts`, with the status of `free`. */
import { free as freeBlock, isBlock } from '../block/alloc'
import { STATUS_BAD_ARGUMENT } from '../layout'
import { hasHeap } from '../overlay'
import { aligned_alloc, calloc, malloc, malloc_usable_size, realloc } from './malloc'

export function hw_alloc(bytes: u32): usize {
  return hasHeap() ? malloc(bytes) : 0
}

export function hw_calloc(count: u32, bytes: u32): usize {
  return hasHeap() ? calloc(count, bytes) : 0
}

export function hw_realloc(block: usize, bytes: u32): usize {
  return hasHeap() ? realloc(block, bytes) : 0
}

export function hw_aligned_alloc(alignment: u32, bytes: u32): usize {
  return hasHeap() ? aligned_alloc(alignment, bytes) : 0
}

export function hw_free(block: usize): u32 {
  return hasHeap() ? freeBlock(block) : STATUS_BAD_ARGUMENT
}

export function hw_usable_size(block: usize): u32 {
  return hasHeap() ? malloc_usable_size(block) : 0
}

export function hw_is_block(block: usize): bool {
  return hasHeap() && isBlock(block)
}

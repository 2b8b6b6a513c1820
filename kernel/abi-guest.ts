/** What the module for guests exports: the allocator by its C names, and how its heap begins. No logic. */
export { heapwright_attach, heapwright_begin, heapwright_heap } from './guest/begin'
export {
  aligned_alloc,
  calloc,
  free,
  malloc,
  malloc_usable_size,
  memalign,
  posix_memalign,
  realloc,
  reallocarray,
} from './guest/malloc'

/**
 * The allocator's functions as C knows them, over `block/`: what a program calls that was compiled against any `malloc`.
 *
 * They differ from the C library's in what they do where C leaves it open, or undefined:
 *   malloc(0), calloc(0, n), realloc(p, 0)    a block of the smallest class, which must be freed
 *   free, realloc of what is no live block    nothing is done, realloc gives null; counted in the control block
 *   alignments above 64 KiB                   null
 * `errno` is the C library's own and stays as it is. Requests that were answered with null are counted.
 *
 * Guarantee: nothing traps, whatever is passed; what is refused has changed nothing. Before there is a heap each call
 * traps, which costs no test: a linked module begins it before anything else runs.
 */
import { REQUEST_MAX_BYTES } from '../layout'
import { isPowerOfTwo } from '../bits/align'
import { heap } from '../overlay'
import { allocAligned, allocFast, allocSlow, free as freeBlock, isBlock, usableSize } from '../block/alloc'
import { realloc as reallocBlock } from '../block/realloc'

/** What `posix_memalign` answers: the numbers of WASI preview 1. */
const EINVAL: i32 = 28
const ENOMEM: i32 = 48
const POINTER_BYTES: u32 = 4

/** Count a request that could not be met; gives null. */
function refuse(bytes: u32): usize {
  const h = heap()
  h.refusedRequests++
  h.refusedLargestBytes = max<u32>(h.refusedLargestBytes, bytes)
  return 0
}

function mallocSlow(size: u32): usize {
  const block = allocSlow(size)
  return block ? block : refuse(size)
}

export function malloc(size: u32): usize {
  const block = allocFast(size)
  return block ? block : mallocSlow(size)
}

export function free(p: usize): void {
  freeBlock(p)
}

/** Bytes of `count` elements of `size`, more than any request may have if that is beyond 32 bits. */
// @ts-ignore: decorator
@inline
function product(count: u32, size: u32): u32 {
  return <u32>min<u64>(<u64>count * <u64>size, u32.MAX_VALUE)
}

export function calloc(count: u32, size: u32): usize {
  const bytes = product(count, size)
  const block = malloc(bytes)
  if (block) memory.fill(block, 0, bytes)
  return block
}

export function realloc(p: usize, size: u32): usize {
  if (!p) return malloc(size)
  const block = reallocBlock(p, size)
  if (block) return block
  if (isBlock(p)) return refuse(size)
  heap().badFrees++
  return 0
}

export function reallocarray(p: usize, count: u32, size: u32): usize {
  return realloc(p, product(count, size))
}

export function aligned_alloc(alignment: u32, size: u32): usize {
  const block = allocAligned(size, alignment)
  return block || !isPowerOfTwo(alignment) ? block : refuse(size)
}

/** An alignment that is no power of two is rounded up to one. */
export function memalign(alignment: u32, size: u32): usize {
  // Beyond 2^31 there is none: 0 is refused as an alignment.
  const rounded = alignment <= 1 ? 1 : <u32>(<u64>1 << (32 - clz(alignment - 1)))
  const block = allocAligned(size, rounded)
  return block ? block : refuse(size)
}

/** A block at a multiple of `alignment` into the word at `out`; 0, EINVAL or ENOMEM. Refused, the word stays. */
export function posix_memalign(out: usize, alignment: u32, size: u32): i32 {
  if (!isPowerOfTwo(alignment) || alignment < POINTER_BYTES) return EINVAL
  if (<u64>out + POINTER_BYTES > <u64>(<u32>memory.size()) << 16) return EINVAL
  const block = aligned_alloc(alignment, size)
  if (!block) return ENOMEM
  store<usize>(out, block)
  return 0
}

export function malloc_usable_size(p: usize): u32 {
  return usableSize(p)
}

/**
 * Freeing and resizing of blocks where some of them are counted objects: those are not the caller's to free. A block is
 * known as one by its sign, which no block of the program has but by a chance of one in four thousand million.
 */
import { free as freeAny, freeSized as freeAnySized } from '../block/alloc'
import { realloc as reallocAny } from '../block/realloc'
import { STATUS_OWNED } from '../layout'
import { heap } from '../overlay'
import { COUNTED_HEADER_BYTES } from '../value-layout'
import { isObject } from './header'

// @ts-ignore: decorator
@inline
function isCounted(p: usize): bool {
  return heap().space != 0 && isObject(<u32>(p + COUNTED_HEADER_BYTES))
}

/** As in `block/alloc.ts`; OWNED for the block of a counted object. */
export function free(p: usize): u32 {
  return isCounted(p) ? STATUS_OWNED : freeAny(p)
}

/** As in `block/alloc.ts`; OWNED for the block of a counted object. */
export function freeSized(p: usize, size: u32, alignment: u32): u32 {
  return isCounted(p) ? STATUS_OWNED : freeAnySized(p, size, alignment)
}

/** As in `block/realloc.ts`; 0 with OWNED for the block of a counted object. */
export function realloc(p: usize, size: u32): usize {
  if (!isCounted(p)) return reallocAny(p, size)
  heap().status = STATUS_OWNED
  return 0
}

/**
 * How a guest comes by its heap: begun in the guest's memory from an address on, or attached to where another instance
 * began it. The memory stays the guest's: it may grow it, too, and keeps what its own growth gave.
 */
import { attach, create } from '../create'
import { ADDRESS_LIMIT, CLASS_TABLE_WIDE, HEAP_HEADER_BYTES, STATUS_BAD_ARGUMENT, UNIT_BYTES } from '../layout'
import { Heap, addressOf, hasHeap, heap } from '../overlay'

/**
 * Make the heap in [base, the memory's end) and whatever it grows later, of at most `limit` bytes with all that it needs
 * for itself. `base` may lie anywhere up to the memory's end. A status; refused, nothing has changed. Once only.
 */
export function heapwright_begin(base: usize, limit: u32): u32 {
  const end = min<u64>(<u64>(<u32>memory.size()) << 16, <u64>ADDRESS_LIMIT)
  if (hasHeap() || <u64>base > end) return STATUS_BAD_ARGUMENT
  // No heap at 0, which says that there is none.
  return create(max<usize>(base, UNIT_BYTES), <usize>end, ADDRESS_LIMIT, limit, 0, CLASS_TABLE_WIDE)
}

/** Use the heap whose control block lies at `at`. A status: it must be one that a guest has begun. */
export function heapwright_attach(at: usize): u32 {
  const bytes = <u64>(<u32>memory.size()) << 16
  if (!at || <u64>at + HEAP_HEADER_BYTES > bytes || changetype<Heap>(at).flags) return STATUS_BAD_ARGUMENT
  return attach(at)
}

/** Where the control block lies; 0 before there is a heap. */
export function heapwright_heap(): usize {
  return hasHeap() ? addressOf(heap()) : 0
}

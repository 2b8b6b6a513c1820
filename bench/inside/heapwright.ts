// biome-ignore-all lint: AssemblyScript
/**
 * The loop of `churn.ts` compiled together with the kernel: the allocator itself, without the cost of calls into it.
 */
import { alloc, create, free } from '../../kernel/abi'
import { CLASS_TABLE_GEOMETRIC, FLAG_OWNS_RANGE } from '../../kernel/layout'
import { fill as fillWith, replace as replaceWith, seed } from './churn'

const HEAP_BASE: usize = 1 << 20
const HEAP_LIMIT: u32 = 0x40000000

@unmanaged
class Heapwright {
  @inline
  alloc(size: u32): usize {
    return alloc(size)
  }
  @inline
  free(p: usize): void {
    free(p)
  }
}

/** Makes the heap behind the table of live blocks; the kernel's status. */
export function start(value: u32): u32 {
  seed(value)
  const held = (<usize>memory.size()) << 16
  return create(HEAP_BASE, held, HEAP_BASE + HEAP_LIMIT, HEAP_LIMIT, FLAG_OWNS_RANGE, CLASS_TABLE_GEOMETRIC)
}

export function fill(live: u32, span: u32): void {
  fillWith(changetype<Heapwright>(0), live, span)
}

export function steps(count: u32, live: u32, span: u32): void {
  replaceWith(changetype<Heapwright>(0), count, live, span)
}

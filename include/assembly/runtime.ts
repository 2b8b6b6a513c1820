/**
 * AssemblyScript's own objects on this heap: its incremental collector as it is, over blocks of Heapwright in place of
 * its own allocator.
 *
 *   asc program.ts --runtime node_modules/heapwright/include/assembly/runtime
 *
 * The collector keeps the length of each block in the word in front of it, so that a block takes 16 bytes more than is
 * asked for. A request that finds no memory ends the program, as it does with AssemblyScript's own runtimes.
 */
import { BLOCK, BLOCK_MAXSIZE, BLOCK_OVERHEAD } from 'rt/common'
import { E_ALLOCATION_TOO_LARGE } from 'util/error'
import { hw_alloc, hw_free, hw_realloc } from './imports'
import 'rt/itcms'

/** In front of what the collector gets: at a multiple of 16, as blocks are. */
const HEAD_BYTES: usize = 16

// @ts-ignore: decorator
@inline
function enter(block: usize, size: usize): usize {
  if (!block) unreachable()
  const at = block + HEAD_BYTES
  // Its two low bits are flags of the other allocator.
  changetype<BLOCK>(at - BLOCK_OVERHEAD).mmInfo = (size + 3) & ~3
  return at
}

// @ts-ignore: decorator
@global @unsafe
export function __alloc(size: usize): usize {
  if (size > BLOCK_MAXSIZE) throw new Error(E_ALLOCATION_TOO_LARGE)
  return enter(hw_alloc(<u32>(((size + 3) & ~3) + HEAD_BYTES)), size)
}

// @ts-ignore: decorator
@global @unsafe
export function __realloc(at: usize, size: usize): usize {
  if (size > BLOCK_MAXSIZE) throw new Error(E_ALLOCATION_TOO_LARGE)
  // Static data is nobody's block.
  if (at < __heap_base) {
    const moved = __alloc(size)
    memory.copy(moved, at, min(size, changetype<BLOCK>(at - BLOCK_OVERHEAD).mmInfo & ~3))
    return moved
  }
  return enter(hw_realloc(at - HEAD_BYTES, <u32>(((size + 3) & ~3) + HEAD_BYTES)), size)
}

// @ts-ignore: decorator
@global @unsafe
export function __free(at: usize): void {
  if (at >= __heap_base) hw_free(at - HEAD_BYTES)
}

// biome-ignore-all lint: AssemblyScript
/**
 * Random replace inside WebAssembly (AssemblyScript), the same for every allocator compiled with it: `A` is an
 * unmanaged class with `alloc(size)` and `free(p)`, so that the calls are direct and the allocator can be inlined.
 *
 *   [0 … 1 MiB)   addresses of the live blocks, one word each
 *
 * A step frees a random live block and allocates 16 + random(span) bytes in its place. The host calls `steps` with
 * about a thousand of them: WebAssembly code is replaced by its optimised form only when a function is entered.
 */

let state: u32 = 1

export function seed(value: u32): void {
  state = value
}

function random(below: u32): u32 {
  state ^= state << 13
  state ^= state >> 17
  state ^= state << 5
  return <u32>((<u64>state * <u64>below) >> 32)
}

export function fill<A>(allocator: A, live: u32, span: u32): void {
  for (let i: u32 = 0; i < live; i++) store<usize>(i << 2, allocator.alloc(16 + random(span)))
}

export function replace<A>(allocator: A, steps: u32, live: u32, span: u32): void {
  for (let i: u32 = 0; i < steps; i++) {
    const at = random(live) << 2
    allocator.free(load<usize>(at))
    store<usize>(at, allocator.alloc(16 + random(span)))
  }
}

/** Bytes requested by random numbers alone, to be taken off in thought: the loop without an allocator. */
@unmanaged
export class Nothing {
  @inline
  alloc(size: u32): usize {
    return size
  }
  @inline
  free(p: usize): void {}
}

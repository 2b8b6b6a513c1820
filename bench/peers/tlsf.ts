// biome-ignore-all lint: AssemblyScript
/**
 * AssemblyScript's own allocator (`~lib/rt/tlsf`, TLSF) as a module with nothing else in it, so that it can be called
 * the same way as the kernel. Built by `bench/build-peers.mjs` with `--runtime minimal -O3 --noAssert`.
 */
export function alloc(size: usize): usize {
  return heap.alloc(size)
}

export function realloc(p: usize, size: usize): usize {
  return heap.realloc(p, size)
}

export function free(p: usize): void {
  heap.free(p)
}

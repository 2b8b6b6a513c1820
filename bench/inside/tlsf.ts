// biome-ignore-all lint: AssemblyScript
/** The loop of `churn.ts` with AssemblyScript's TLSF. `--memoryBase` puts its heap behind the table of live blocks. */
import { fill as fillWith, Nothing, replace as replaceWith, seed } from './churn'

@unmanaged
class Tlsf {
  @inline
  alloc(size: u32): usize {
    return heap.alloc(size)
  }
  @inline
  free(p: usize): void {
    heap.free(p)
  }
}

export function start(value: u32): u32 {
  seed(value)
  return 0
}

export function fill(live: u32, span: u32): void {
  fillWith(changetype<Tlsf>(0), live, span)
}

export function steps(count: u32, live: u32, span: u32): void {
  replaceWith(changetype<Tlsf>(0), count, live, span)
}

export function emptySteps(count: u32, live: u32, span: u32): void {
  replaceWith(changetype<Nothing>(0), count, live, span)
}

/**
 * Who is told of every heap that is made: a function that something loaded before the program has put under a global
 * symbol, as `heapwright top` does. The symbol is the same for every copy of the library in a process.
 */

/** Global symbol of the function; it gets the heap, and what it throws is its own affair. */
export const CREATED_HOOK = Symbol.for('heapwright.created')

export function tellCreated(heap: object): void {
  const hook = (globalThis as { [CREATED_HOOK]?: unknown })[CREATED_HOOK]
  if (typeof hook === 'function') hook(heap)
}

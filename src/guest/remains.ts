/**
 * Whether a part of the old allocator would stay reachable when its functions are replaced.
 */
import { ModuleError } from './errors.js'
import type { GuestModule } from './module.js'
import { isAllocatorName } from './roles.js'

/** How a function is reached: by the function that calls or names it, or from outside. */
export type ReachedBy = number | 'export' | 'start' | 'table'

/**
 * The functions that a program can come to, and from where. Not looked into are the functions in `without`.
 */
export function findReachable(module: GuestModule, without: ReadonlySet<number>): Map<number, ReachedBy> {
  const reached = new Map<number, ReachedBy>()
  const waiting: number[] = []
  const enter = (index: number, by: ReachedBy) => {
    if (reached.has(index)) return
    reached.set(index, by)
    waiting.push(index)
  }
  for (const { kind, index } of module.exports) if (kind === 'function') enter(index, 'export')
  if (module.start !== undefined) enter(module.start, 'start')
  for (const index of module.referenced) enter(index, 'table')
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    if (without.has(index)) continue
    const { calls, references } = module.scan(index)
    for (const callee of calls) enter(callee, index)
    for (const callee of references) enter(callee, index)
  }
  return reached
}

/** Throws `ModuleError` with the first function of the old allocator that stays reachable, and what leads to it. */
export function checkNothingRemains(module: GuestModule): void {
  const old = new Set(module.allocator.map(({ index }) => index))
  for (const [index, by] of findReachable(module, old)) {
    if (old.has(index) || !isAllocatorName(module.nameOf(index))) continue
    throw new ModuleError(
      `it belongs to the old allocator and stays reachable: ${by}`,
      `function '${module.nameOf(index)}'`,
    )
  }
}

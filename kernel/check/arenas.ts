/** The verifier's part for arenas and pools: records, pieces, slots and free lists. */
import { FAULT_ARENA, FAULT_NONE, FAULT_POOL, FLAG_BUMP } from '../layout'
import { heap } from '../overlay'
import { fault, totals } from './totals'
import { arenaOk, nextArena } from '../arena/arena'
import { nextPool, poolOk } from '../arena/pool'

export function checkPools(): u32 {
  let before: usize = 0
  for (let pool = heap().pools; pool; pool = nextPool(pool)) {
    if (!poolOk(pool, before)) return fault(FAULT_POOL, pool)
    before = pool
  }
  return FAULT_NONE
}

export function checkArenas(): u32 {
  let before: usize = 0
  for (let arena = heap().arenas; arena; arena = nextArena(arena)) {
    if (!arenaOk(arena, before)) return fault(FAULT_ARENA, arena)
    before = arena
  }
  // Records are small blocks, or owned runs where there are no small blocks.
  if (!(heap().flags & FLAG_BUMP) && totals().recordBytes != heap().recordBytes) return fault(FAULT_ARENA, heap().base)
  return FAULT_NONE
}

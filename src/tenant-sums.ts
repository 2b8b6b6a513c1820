/** What became of all tenants of a heap, those that have ended and those of tenants included: sums that only grow. */
import type { TenantEvents } from './types.js'

/** Ends, and how often limits were met; the tenants that were killed are `oomKill`. */
export interface TenantSums extends TenantEvents {
  readonly ended: number
}

export const NO_SUMS: TenantSums = { ended: 0, low: 0, high: 0, max: 0, oom: 0, oomKill: 0 }

export function addSums(one: TenantSums, other: TenantSums): TenantSums {
  return {
    ended: one.ended + other.ended,
    low: one.low + other.low,
    high: one.high + other.high,
    max: one.max + other.max,
    oom: one.oom + other.oom,
    oomKill: one.oomKill + other.oomKill,
  }
}

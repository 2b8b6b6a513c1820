/**
 * Pacing: how much may be allocated before the next collection. A share of what survived, smaller as the heap nears its
 * limit, never below a floor. (Shares as in Motoko's incremental collector; a budget that collapses with a tiny live
 * set made a Lua in Rust a hundred times slower until it had a floor: `docs/design.md`.)
 */
import { KNOB_SMALL_BUDGET } from '../object-layout'
import { space } from '../object-overlay'
import { heap, knob } from '../overlay'
import { hasNursery, young } from '../young-overlay'

/** The floor: at most an eighth of the limit, at least 256 KiB or a quarter of the limit. */
const FLOOR_BYTES: u32 = 2 << 20
const FLOOR_MIN_BYTES: u32 = 256 << 10
const FLOOR_SHIFT: u32 = 3
const FLOOR_MIN_SHIFT: u32 = 2
const SMALL_BUDGET_BYTES: u32 = 16 << 10

/** With a nursery, whose collections come first. */
const OLD_FLOOR_BYTES: u32 = 8 << 20

/** Bytes that may be allocated, or with a nursery become old, before the next collection. */
export function nextBudget(): u32 {
  if (knob(KNOB_SMALL_BUDGET)) return SMALL_BUDGET_BYTES
  const live = <u64>space().liveBytes
  const limit = <u64>heap().limitBytes
  const percent: u64 = live * 2 < limit ? 65 : live * 5 < limit * 4 ? 35 : 1
  const limitBytes = heap().limitBytes
  const least = min<u32>(FLOOR_MIN_BYTES, limitBytes >> FLOOR_MIN_SHIFT)
  const most = hasNursery() ? OLD_FLOOR_BYTES : FLOOR_BYTES
  const floor = max<u32>(min<u32>(limitBytes >> FLOOR_SHIFT, most), least)
  const budget = <u32>max<u64>((live * percent) / 100, floor)
  // The old space has a size to begin with.
  const start = hasNursery() ? young().oldStart : 0
  return start > space().liveBytes ? max(budget, start - space().liveBytes) : budget
}

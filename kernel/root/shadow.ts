/**
 * The two shadow stacks: slots in linear memory that guests push and pop themselves. In the one, a move updates the
 * slot; the objects of the other stay where they are, for programs that keep copies of what they pushed.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { space } from '../object-overlay'
import { tableAlloc, tableFree } from '../object/memory'

const SLOTS_MAX: u32 = 1 << 24

/** Make a stack of `slots` slots in place of an empty one. */
export function shadowCreate(slots: u32, pinning: bool): u32 {
  const s = space()
  if (!slots || slots > SLOTS_MAX) return STATUS_BAD_ARGUMENT
  if (pinning ? s.pinTop != s.pinBase : s.shadowTop != s.shadowBase) return STATUS_BAD_ARGUMENT
  const base = tableAlloc(slots << 2)
  if (!base) return STATUS_OUT_OF_MEMORY
  memory.fill(base, 0, slots << 2)
  tableFree(pinning ? s.pinBase : s.shadowBase)
  if (pinning) {
    s.pinBase = base
    s.pinTop = base
    s.pinLimit = base + (slots << 2)
  } else {
    s.shadowBase = base
    s.shadowTop = base
    s.shadowLimit = base + (slots << 2)
  }
  return STATUS_OK
}

/** Whether the words that guests write are within bounds. */
export function areStacksSound(): bool {
  const s = space()
  return (
    s.shadowBase <= s.shadowTop &&
    s.shadowTop <= s.shadowLimit &&
    !((s.shadowTop - s.shadowBase) & 3) &&
    s.pinBase <= s.pinTop &&
    s.pinTop <= s.pinLimit &&
    !((s.pinTop - s.pinBase) & 3)
  )
}

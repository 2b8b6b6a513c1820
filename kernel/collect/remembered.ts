/**
 * The remembered set: which words of old objects refer to young ones. A log of slots, written by the barrier; a slot
 * may be in it several times, or refer to an old object by now.
 *
 *   log     [ slot ] ... top        a slot with tag WEAK refers weakly; one with tag ENTRY is an entry of a weak map's
 *                                   table, and the word behind it is the table
 *
 * A full log grows, up to as many slots as the nursery has objects of the shortest kind; beyond that, or without
 * memory, the next allocation collects the nursery, and what is not logged until then is found by a look through all
 * old objects.
 *
 * Guarantee: after every barrier either the slot is in the log or `logLost` says that some are not.
 */
import { knob } from '../overlay'
import { KNOB_NO_BARRIER, KNOB_SHORT_LOG } from '../object-layout'
import { space } from '../object-overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { young } from '../young-overlay'
import { plan } from './plan-state'

export const LOG_WEAK: usize = 1
export const LOG_ENTRY: usize = 2
export const LOG_TAGS: usize = 3

const FIRST_LOG_BYTES: u32 = 4096
const SHORT_LOG_BYTES: u32 = 64

export function makeLog(): bool {
  const y = young()
  const bytes = knob(KNOB_SHORT_LOG) ? SHORT_LOG_BYTES : FIRST_LOG_BYTES
  y.logBase = tableAlloc(bytes)
  y.logTop = y.logBase
  y.logLimit = y.logBase + bytes
  return y.logBase != 0
}

/** Note that the word at `slot`, which is not in a young object, refers to a young one. */
// @ts-ignore: decorator
@inline
export function logSlot(slot: usize): void {
  const y = young()
  if (knob(KNOB_NO_BARRIER)) return
  const top = y.logTop
  if (top + 4 > y.logLimit && !growLog(4)) return
  store<usize>(y.logTop, slot)
  y.logTop += 4
}

/** Note an entry of an old weak map's table whose key or value is young. */
export function logEntry(entry: usize, table: usize): void {
  const y = young()
  if (knob(KNOB_NO_BARRIER)) return
  if (y.logTop + 8 > y.logLimit && !growLog(8)) return
  store<usize>(y.logTop, entry | LOG_ENTRY)
  store<usize>(y.logTop, table, 4)
  y.logTop += 8
}

/** A log of twice the length; false when there is none to be had, and the set is lost then. */
function growLog(bytes: u32): bool {
  const y = young()
  const length = <u32>(y.logLimit - y.logBase)
  const most = y.bytes >> 2
  let log: usize = 0
  if (length < most && !knob(KNOB_SHORT_LOG)) log = tableAlloc(length << 1)
  if (length << 1 >= most || !log) collectSoon()
  if (!log) {
    if (!y.logLost) y.logOverflows++
    y.logLost = 1
    return false
  }
  const used = y.logTop - y.logBase
  memory.copy(log, y.logBase, used)
  tableFree(y.logBase)
  y.logBase = log
  y.logTop = log + used
  y.logLimit = log + (length << 1)
  return y.logTop + bytes <= y.logLimit
}

/** Let the next allocation come to the plan, which finds that the nursery is used up. */
function collectSoon(): void {
  const s = space()
  const p = plan()
  if (p.isCollecting || !s.bump) return
  young().isDue = 1
  s.limit = s.bump
}

/** Whether the program should not go on without a minor collection. */
export function isMinorDue(): bool {
  return young().isDue != 0
}

/**
 * The remembered set: which words of old objects refer to young ones. A log of slots, written by the barrier; a slot
 * may be in it several times, or refer to an old object by now, or to none.
 *
 *   log     [ slot ] ... top        a slot with tag WEAK refers weakly; one with tag ENTRY is an entry of a weak map's
 *                                   table, and the word behind it is the table; one with tag WIDE is a wide value, in
 *                                   which there may be a double by now
 *
 * A full log grows, up to as many slots as the nursery has objects of the shortest kind; beyond that, or without
 * memory, the next allocation collects the nursery, and what is not logged until then is found by a look through all
 * old objects.
 *
 * Guarantee: after every barrier either the slot is in the log or `logLost` says that some are not.
 */
import { check } from '../host'
import { knob } from '../overlay'
import { KNOB_NO_BARRIER, KNOB_SHORT_LOG, SHAPE_EPHEMERONS, SHAPE_WEAK, SHAPE_WIDE } from '../object-layout'
import { space, typeInfo } from '../object-overlay'
import { payloadBytes, typeOf } from '../object/header'
import { tableAlloc, tableFree } from '../object/memory'
import { scan, scanWide } from '../object/scan'
import { DELETED, WeakEntry, tableCapacity, weakEntry } from '../object/weak'
import { isYoung, isYoungReference, young } from '../young-overlay'
import { eachOldObject, isHolderMarked } from './each'
import { plan } from './plan-state'

export const LOG_WEAK: usize = 1
export const LOG_ENTRY: usize = 2
export const LOG_WIDE: usize = 3
export const LOG_TAGS: usize = 3

const FIRST_LOG_BYTES: u32 = 4096
const SHORT_LOG_BYTES: u32 = 16

export function makeLog(): bool {
  const y = young()
  const bytes = knob(KNOB_SHORT_LOG) ? SHORT_LOG_BYTES : FIRST_LOG_BYTES
  const log = tableAlloc(bytes)
  if (!log) return false
  y.logBase = log
  y.logTop = log
  y.logLimit = log + bytes
  return true
}

/** Give the log's memory back: there is no nursery. */
export function dropLog(): void {
  const y = young()
  tableFree(y.logBase)
  y.logBase = 0
  y.logTop = 0
  y.logLimit = 0
}

/** An empty log begins short again. */
export function shortenLog(): void {
  const y = young()
  const log = y.logBase
  if (y.logTop != log || <u32>(y.logLimit - log) <= FIRST_LOG_BYTES) return
  if (makeLog()) tableFree(log)
}

/** Note that the word at `slot`, which is not in a young object, refers to a young one. */
// @ts-ignore: decorator
@inline
export function logSlot(slot: usize): void {
  const y = young()
  if (knob(KNOB_NO_BARRIER)) return
  check(y.logBase != 0 && !isYoung(slot), 844, slot)
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

/** Make the log anew: old objects have moved, and some refer to young ones that stay. */
export function rebuildLog(): void {
  const y = young()
  y.logTop = y.logBase
  y.logLost = 0
  if (y.stayed) eachOldObject<Recorder>()
}

@unmanaged
@final
class Recorder {
  visit(slot: usize): void {
    if (isYoungReference(load<usize>(slot))) logSlot(slot)
  }

  object(reference: usize): void {
    const info = typeInfo(typeOf(reference))
    const shape = <u32>info.shape
    if (shape == SHAPE_WIDE) {
      scanWide<Recorder, WideRecorder>(reference, info, payloadBytes(reference))
      return
    }
    scan<Recorder>(reference)
    if (shape == SHAPE_WEAK) {
      if (isYoung(load<usize>(reference))) logSlot(reference | LOG_WEAK)
    } else if (shape == SHAPE_EPHEMERONS) logYoungEntries(reference)
  }
}

@unmanaged
@final
class WideRecorder {
  visit(slot: usize): void {
    if (isYoungReference(load<usize>(slot))) logSlot(slot | LOG_WIDE)
  }
}

/**
 * When everything has been marked: what the log names of dead objects leaves it, since their memory will be used again.
 * Something of them can be in it only while young objects stay where they are.
 */
export function dropDeadFromLog(): void {
  const y = young()
  const end = y.logTop
  y.logTop = y.logBase
  for (let from = y.logBase; from < end; from += 4) {
    const slot = load<usize>(from)
    if ((slot & LOG_TAGS) == LOG_ENTRY) {
      const table = load<usize>(from, 4)
      from += 4
      if (isHolderMarked(table)) logEntry(slot & ~LOG_TAGS, table)
    } else if (slot != LOG_WEAK && isHolderMarked(slot & ~LOG_TAGS)) logSlot(slot)
  }
}

/** Whether key or value of an entry, which is in use, is young. */
// @ts-ignore: decorator
@inline
export function isEntryYoung(entry: WeakEntry): bool {
  return isYoung(entry.key) || isYoungReference(entry.value)
}

/** Note the entries of an old weak map's table whose keys or values are young. */
export function logYoungEntries(table: usize): void {
  const capacity = tableCapacity(table)
  for (let i: u32 = 0; i < capacity; i++) {
    const entry = weakEntry(table, i)
    if (entry.key > DELETED && isEntryYoung(entry)) logEntry(changetype<usize>(entry), table)
  }
}

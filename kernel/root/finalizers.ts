/**
 * Finalizers: ids that become ready when their object has died, in the order of registration.
 *
 *   table   [ { object, id } ... registered, oldest first ->        <- ready ids, oldest last ... { 0, id } ]
 *
 * A finalizer that becomes ready moves from one end to the other. So that a collection needs no memory for it, and
 * never overwrites an entry that it has not read: 2 * registered + ready <= capacity. `finalizerReady` and
 * `finalizerTaken` count ids ever; the difference is waiting.
 */
import { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { space } from '../object-overlay'
import { tableAlloc, tableFree } from '../object/memory'
import { isReference } from '../object/words'
import { isForeign } from '../object/owners'
import { isYoung, young } from '../young-overlay'

const ENTRY_SHIFT: u32 = 3
const FIRST_ENTRIES: u32 = 128
const FIRST_ENTRIES_EMBEDDED: u32 = 4
const ENTRIES_MAX: u32 = 1 << 27

// @ts-ignore: decorator
@inline
function entryAt(index: u32): usize {
  return space().finalizers + (index << ENTRY_SHIFT)
}

/** Ids that are ready and not yet taken. */
export function finalizersReady(): u32 {
  return space().finalizerReady - space().finalizerTaken
}

/** When the object dies, `id` becomes ready. Never collects. */
export function finalizerAdd(reference: usize, id: u32): u32 {
  const s = space()
  if (!id || !isReference(reference)) return STATUS_BAD_ARGUMENT
  if (isForeign(reference)) return STATUS_FOREIGN
  // Ids that were taken keep their places until the table is made anew, or the last one is taken.
  if (!hasRoom(s.finalizerReady, s.finalizerCapacity) && !remake()) return STATUS_OUT_OF_MEMORY
  const entry = entryAt(s.finalizerCount)
  store<usize>(entry, reference)
  store<u32>(entry, id, 4)
  s.finalizerCount++
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
function hasRoom(ready: u32, capacity: u32): bool {
  return ((space().finalizerCount + 1) << 1) + ready <= capacity
}

/** Take a registered finalizer out again; whether there was one. Costs a look at those registered after it. */
export function finalizerRemove(id: u32): bool {
  const s = space()
  closeGap()
  for (let i = s.finalizerCount; i > 0; i--) {
    const entry = entryAt(i - 1)
    if (load<u32>(entry, 4) != id) continue
    memory.copy(entry, entry + (1 << ENTRY_SHIFT), (s.finalizerCount - i) << ENTRY_SHIFT)
    s.finalizerCount--
    noteRemoved(i - 1)
    return true
  }
  return false
}

/** Entries behind `index` have moved down by one. */
function noteRemoved(index: u32): void {
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) return
  const y = young()
  if (index < y.finalizerFrom) y.finalizerFrom--
  if (index >= y.gapTo) return
  y.gapFrom--
  y.gapTo--
}

/** A table without the places of ids that were taken, longer if that is not enough. */
function remake(): bool {
  const s = space()
  closeGap()
  const waiting = finalizersReady()
  // @ts-ignore: set by --use
  let capacity = s.finalizerCapacity ? s.finalizerCapacity : HW_EMBEDDED ? FIRST_ENTRIES_EMBEDDED : FIRST_ENTRIES
  while (!hasRoom(waiting, capacity)) capacity <<= 1
  if (capacity > ENTRIES_MAX) return false
  const table = tableAlloc(capacity << ENTRY_SHIFT)
  if (!table) return false
  if (s.finalizers) {
    memory.copy(table, s.finalizers, s.finalizerCount << ENTRY_SHIFT)
    const bytes = waiting << ENTRY_SHIFT
    memory.copy(table + (capacity << ENTRY_SHIFT) - bytes, entryAt(s.finalizerCapacity - s.finalizerReady), bytes)
    tableFree(s.finalizers)
  }
  s.finalizers = table
  s.finalizerCapacity = capacity
  s.finalizerReady = waiting
  s.finalizerTaken = 0
  return true
}

/** Take the next ready id, 0 when there is none. */
export function finalizerNext(): u32 {
  const s = space()
  if (s.finalizerTaken == s.finalizerReady) return 0
  const id = load<u32>(entryAt(s.finalizerCapacity - 1 - s.finalizerTaken), 4)
  s.finalizerTaken++
  if (s.finalizerTaken == s.finalizerReady) {
    s.finalizerReady = 0
    s.finalizerTaken = 0
  }
  return id
}

/**
 * After marking: ask `S.survivor(reference)` for each object's reference now, 0 when it has died, and make the ids of
 * the dead ready.
 */
export function updateFinalizers<S>(): void {
  const from = updateFinalizersFrom<S>(0)
  // @ts-ignore: set by --use
  if (!HW_EMBEDDED) young().finalizerFrom = from
}

/** The same from the entry at `from` on, which is no later than the first one of a young object. The same for then. */
export function updateFinalizersFrom<S>(from: u32): u32 {
  const s = space()
  const count = s.finalizerCount
  let kept = from
  let firstYoung = u32.MAX_VALUE
  for (let i = from; i < count; i++) {
    const entry = entryAt(i)
    const id = load<u32>(entry, 4)
    const now = changetype<S>(0).survivor(load<usize>(entry)) as usize
    if (now) {
      // @ts-ignore: set by --use
      if (!HW_EMBEDDED) {
        if (isYoung(now)) firstYoung = min(firstYoung, kept)
      }
      const to = entryAt(kept++)
      store<usize>(to, now)
      store<u32>(to, id, 4)
    } else makeReady(id)
  }
  s.finalizerCount = kept
  return min(firstYoung, kept)
}

/** Whether an incremental cycle has looked at all entries of objects that are not young. */
export function areFinalizersDone(): bool {
  const y = young()
  return y.gapTo == y.gapFrom && y.gapTo >= min(y.finalizerFrom, space().finalizerCount)
}

/**
 * The same for at most `most` entries of objects that are not young, in an incremental cycle. What has been looked at is
 * closed up, so that in front of the rest there is a gap until there is none.
 */
export function updateFinalizersSome<S>(most: u32): void {
  const y = young()
  const end = min(y.finalizerFrom, space().finalizerCount)
  const stop = min<u32>(end, y.gapTo + most)
  for (; y.gapTo < stop; y.gapTo++) {
    const entry = entryAt(y.gapTo)
    const now = changetype<S>(0).survivor(load<usize>(entry)) as usize
    if (!now) {
      makeReady(load<u32>(entry, 4))
      continue
    }
    const to = entryAt(y.gapFrom++)
    store<usize>(to, now)
    store<u32>(to, load<u32>(entry, 4), 4)
  }
  if (y.gapTo >= end) closeGap()
}

/** Move what lies behind the gap down to its start. */
function closeGap(): void {
  // @ts-ignore: set by --use
  if (HW_EMBEDDED) return
  const s = space()
  const y = young()
  const gap = y.gapTo - y.gapFrom
  if (!gap) return
  memory.copy(entryAt(y.gapFrom), entryAt(y.gapTo), (s.finalizerCount - y.gapTo) << ENTRY_SHIFT)
  s.finalizerCount -= gap
  y.finalizerFrom -= min(gap, y.finalizerFrom)
  y.gapTo = y.gapFrom
}

function makeReady(id: u32): void {
  const s = space()
  s.finalizerReady++
  const entry = entryAt(s.finalizerCapacity - s.finalizerReady)
  store<usize>(entry, 0)
  store<u32>(entry, id, 4)
}

/** Visit the words that hold the objects of registered finalizers. */
export function visitFinalizerSlots<V>(): void {
  closeGap()
  for (let i: u32 = 0; i < space().finalizerCount; i++) changetype<V>(0).visit(entryAt(i))
}

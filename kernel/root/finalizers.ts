/**
 * Finalizers: ids that become ready when their object has died, in the order of registration.
 *
 *   table   [ { object, id } ... registered, oldest first ->        <- ready ids, oldest last ... { 0, id } ]
 *
 * A finalizer that becomes ready moves from one end to the other. So that a collection needs no memory for it, and
 * never overwrites an entry that it has not read: 2 * registered + ready <= capacity. `finalizerReady` and
 * `finalizerTaken` count ids ever; the difference is waiting.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { space } from '../object-overlay'
import { tableAlloc, tableFree } from '../object/memory'

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
  if (!id || !reference) return STATUS_BAD_ARGUMENT
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
  for (let i = s.finalizerCount; i > 0; i--) {
    const entry = entryAt(i - 1)
    if (load<u32>(entry, 4) != id) continue
    memory.copy(entry, entry + (1 << ENTRY_SHIFT), (s.finalizerCount - i) << ENTRY_SHIFT)
    s.finalizerCount--
    return true
  }
  return false
}

/** A table without the places of ids that were taken, longer if that is not enough. */
function remake(): bool {
  const s = space()
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
  const s = space()
  const count = s.finalizerCount
  let kept: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const entry = entryAt(i)
    const id = load<u32>(entry, 4)
    const now = changetype<S>(0).survivor(load<usize>(entry)) as usize
    if (now) {
      const to = entryAt(kept++)
      store<usize>(to, now)
      store<u32>(to, id, 4)
    } else makeReady(id)
  }
  s.finalizerCount = kept
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
  for (let i: u32 = 0; i < space().finalizerCount; i++) changetype<V>(0).visit(entryAt(i))
}

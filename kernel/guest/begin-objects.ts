/**
 * How a guest that uses collected objects comes by its heap, and the heap by its objects: `begin.ts` for the build with
 * objects, and the choice of a mode.
 *
 * The object space is made by the first call that needs it. What decides the mode, in this order: what `hw_choose_mode`
 * was told, before the program began; what the program asks `hw_begin_objects` for; `vm`.
 */
import { alignDown } from '../bits/align'
import { attach, create } from '../create'
import { setPolicy, spaceCreate } from '../create-objects'
import {
  ADDRESS_LIMIT,
  CLASS_TABLE_WIDE,
  FLAG_INCREMENTAL,
  FLAG_NURSERY,
  FLAG_OBJECTS,
  STATUS_BAD_ARGUMENT,
  STATUS_OK,
  UNIT_BYTES,
} from '../layout'
import {
  POLICY_AGEING,
  POLICY_COUNT_TYPES,
  POLICY_EVACUATE,
  POLICY_INCREMENTAL,
  POLICY_LAZY_SWEEP,
} from '../object-layout'
import { Heap, addressOf, hasHeap, heap } from '../overlay'
import { NURSERY_MIN_BYTES } from '../collect/nursery'
import { NURSERY_MAX_BYTES, nurseryCreate } from '../plan/nursery'
import { shadowCreate } from '../root/shadow'
import { space } from '../object-overlay'
import { young } from '../young-overlay'
import { HW_MODE_DEFAULT, HW_MODE_RUNTIME, HW_MODE_SERVER, HW_MODE_VM } from './guest-layout'

/** Flags that a heap of a guest may have. */
const FLAGS: u32 = FLAG_OBJECTS | FLAG_NURSERY | FLAG_INCREMENTAL
/** What the modes have when nothing else is wanted; the figures of `src/modes.ts`. */
const RUNTIME_NURSERY_BYTES: u32 = 2 << 20
const SERVER_NURSERY_BYTES: u32 = 512 << 10
const NURSERY_SHARE: u32 = 16
const OLD_BYTES: u32 = 32 << 20
const OLD_SHARE: u32 = 4
/** About half a millisecond. */
const STEP_UNITS: u32 = 80_000
/** Bits of the word in which the modes are kept: the chosen one, and above it the one that the objects have. */
const MODE_BITS: u32 = 8
const MODE_MASK: u32 = (1 << MODE_BITS) - 1

/** As in include/heapwright.h. Fields that lie beyond `bytes` are 0, and 0 is what is usual. */
@unmanaged
export class ObjectOptions {
  bytes: u32
  nurseryBytes: u32
  oldBytes: u32
  stepUnits: u32
  stackSlots: u32
  pinnedSlots: u32
  policy: u32
}

/** What a program may ask for beside its mode, and what is on unless it says no. */
const OPTION_AGEING: u32 = 1
const OPTION_COUNT_TYPES: u32 = 2
const OPTION_NO_EVACUATION: u32 = 4
const OPTION_EAGER_SWEEP: u32 = 8
const OPTIONS_ALL: u32 = 15

// ---- the heap -------------------------------------------------------------------------------------------------------

/**
 * Make the heap in [base, the memory's end) and whatever it grows later, of at most `limit` bytes with all that it
 * needs for itself. `base` may lie anywhere up to the memory's end. A status; refused, nothing has changed. Once only.
 */
export function heapwright_begin(base: usize, limit: u32): u32 {
  const end = min<u64>(<u64>(<u32>memory.size()) << 16, <u64>ADDRESS_LIMIT)
  if (hasHeap() || <u64>base > end) return STATUS_BAD_ARGUMENT
  // No heap at 0, which says that there is none.
  return create(max<usize>(base, UNIT_BYTES), <usize>end, ADDRESS_LIMIT, limit, FLAG_OBJECTS, CLASS_TABLE_WIDE)
}

/** Use the heap whose control block lies at `at`. A status: it must be one that a guest with objects has begun. */
export function heapwright_attach(at: usize): u32 {
  const bytes = <u64>(<u32>memory.size()) << 16
  if (!at || at & (UNIT_BYTES - 1) || <u64>at + UNIT_BYTES > bytes) return STATUS_BAD_ARGUMENT
  const flags = changetype<Heap>(at).flags
  if (flags & ~FLAGS || !(flags & FLAG_OBJECTS)) return STATUS_BAD_ARGUMENT
  return attach(at)
}

/** Where the control block lies; 0 before there is a heap. */
export function heapwright_heap(): usize {
  return hasHeap() ? addressOf(heap()) : 0
}

// ---- the objects ----------------------------------------------------------------------------------------------------

/** Whether there is an object space. */
// @ts-ignore: decorator
@inline
export function hasObjects(): bool {
  return hasHeap() && heap().space != 0
}

/** Whether there is one, or one could be made. */
export function needObjects(): bool {
  return hasObjects() || hw_begin_objects(HW_MODE_DEFAULT, 0) == STATUS_OK
}

/** Choose the mode of the objects before the program does: for who links or runs it. A status. */
export function hw_choose_mode(mode: u32): u32 {
  if (!hasHeap() || mode > HW_MODE_SERVER || hw_objects_mode()) return STATUS_BAD_ARGUMENT
  young().guestMode = mode
  return STATUS_OK
}

/** The mode that the objects have, `HW_MODE_…`; 0 before there are any. */
export function hw_objects_mode(): u32 {
  return hasHeap() ? young().guestMode >> MODE_BITS : 0
}

/** Address of the words that inlined paths read and write; 0 before there are objects. */
export function hw_space_address(): usize {
  return hasObjects() ? heap().space : 0
}

/** See include/heapwright.h. */
export function hw_begin_objects(mode: u32, optionsAt: usize): u32 {
  if (!hasHeap() || mode > HW_MODE_SERVER) return STATUS_BAD_ARGUMENT
  if (optionsAt && !areOptions(optionsAt)) return STATUS_BAD_ARGUMENT
  if (hw_objects_mode()) return STATUS_OK
  const chosen = young().guestMode & MODE_MASK
  const wanted = chosen ? chosen : mode ? mode : HW_MODE_VM
  const nursery = nurseryBytesFor(wanted, optionsAt)
  if (nursery && !isNurserySize(nursery)) return STATUS_BAD_ARGUMENT
  let status = makeSpaceWith(policyFor(wanted, optionsAt))
  if (!status && nursery) status = nurseryCreate(nursery, oldBytesFor(optionsAt), stepUnitsFor(optionsAt))
  const stackSlots = option(optionsAt, offsetof<ObjectOptions>('stackSlots'))
  if (!status && stackSlots) status = shadowCreate(stackSlots, false)
  const pinnedSlots = option(optionsAt, offsetof<ObjectOptions>('pinnedSlots'))
  if (!status && pinnedSlots) status = shadowCreate(pinnedSlots, true)
  if (!status) young().guestMode = chosen | (wanted << MODE_BITS)
  return status
}

/** Make the object space, or take the one that a host has made when it came first. */
function makeSpaceWith(policy: u32): u32 {
  if (!heap().space) {
    const chosen = young().guestMode
    const status = spaceCreate(policy)
    young().guestMode = chosen
    return status
  }
  setPolicy(policy)
  return STATUS_OK
}

/** Whether options lie there, and have nothing that is not known. */
function areOptions(at: usize): bool {
  const end = <u64>(<u32>memory.size()) << 16
  if (at & 3 || <u64>at + 4 > end) return false
  const bytes = changetype<ObjectOptions>(at).bytes
  if (bytes < 4 || bytes & 3 || <u64>at + <u64>bytes > end) return false
  for (let more = <u32>offsetof<ObjectOptions>(); more < bytes; more += 4) if (load<u32>(at + more)) return false
  return !(option(at, offsetof<ObjectOptions>('policy')) & ~OPTIONS_ALL)
}

/** A field of the options, 0 without options and beyond their end. */
function option(at: usize, offset: usize): u32 {
  return at && changetype<ObjectOptions>(at).bytes >= <u32>offset + 4 ? load<u32>(at + offset) : 0
}

function policyFor(mode: u32, options: usize): u32 {
  const wishes = option(options, offsetof<ObjectOptions>('policy'))
  return (
    (wishes & OPTION_NO_EVACUATION ? 0 : POLICY_EVACUATE) |
    (wishes & OPTION_EAGER_SWEEP ? 0 : POLICY_LAZY_SWEEP) |
    (wishes & OPTION_COUNT_TYPES ? POLICY_COUNT_TYPES : 0) |
    (wishes & OPTION_AGEING ? POLICY_AGEING : 0) |
    (mode == HW_MODE_SERVER ? POLICY_INCREMENTAL : 0)
  )
}

/** 0 in the mode without a nursery. */
function nurseryBytesFor(mode: u32, options: usize): u32 {
  if (mode == HW_MODE_VM) return 0
  const given = option(options, offsetof<ObjectOptions>('nurseryBytes'))
  if (given) return given
  const usual = mode == HW_MODE_RUNTIME ? RUNTIME_NURSERY_BYTES : SERVER_NURSERY_BYTES
  const bytes = max<u32>(min<u32>(usual, heap().limitBytes / NURSERY_SHARE), NURSERY_MIN_BYTES)
  return <u32>1 << (31 - clz(bytes))
}

function isNurserySize(bytes: u32): bool {
  return bytes >= NURSERY_MIN_BYTES && bytes <= NURSERY_MAX_BYTES && popcnt(bytes) == 1
}

function oldBytesFor(options: usize): u32 {
  const given = option(options, offsetof<ObjectOptions>('oldBytes'))
  return given ? given : min<u32>(OLD_BYTES, alignDown(heap().limitBytes / OLD_SHARE, 16))
}

function stepUnitsFor(options: usize): u32 {
  const given = option(options, offsetof<ObjectOptions>('stepUnits'))
  return given ? given : STEP_UNITS
}

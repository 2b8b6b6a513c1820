/**
 * A guest in AssemblyScript that uses collected objects: programs of test/guests/objects.c that tell whether the
 * binding does what the header does, with the same answers.
 */
import {
  HW_BAD_ARGUMENT,
  HW_COLLECT_FULL,
  HW_OK,
  HW_OUT_OF_MEMORY,
  Stats,
  hw_alloc,
  hw_array_type,
  hw_begin_objects,
  hw_collect,
  hw_compact,
  hw_enter,
  hw_enter_pinned,
  hw_error,
  hw_finalizer_add,
  hw_flags,
  hw_frame,
  hw_free,
  hw_global_add,
  hw_global_remove,
  hw_leave,
  hw_leave_pinned,
  hw_long_type,
  hw_make,
  hw_new,
  hw_new_array,
  hw_next_finalizer,
  hw_object_bytes,
  hw_pin_free,
  hw_pin_new,
  hw_root_free,
  hw_root_new,
  hw_set,
  hw_set_flags,
  hw_stats,
  hw_store,
  hw_struct_type,
  hw_type_id,
  hw_verify,
  hw_weak_get,
  hw_weak_new,
  hw_weak_root_free,
  hw_weak_root_get,
  hw_weak_root_new,
} from '../../../include/assembly'

@unmanaged
class Node {
  left: Node
  right: Node
  value: u32
  more: u32
}

@unmanaged
class Pair {
  first: Node
  second: Node
}

const NODE_BYTES: u32 = <u32>offsetof<Node>()
const NONE = changetype<Node>(0)
const KEPT: usize = memory.data(4, 4)
const STATS = changetype<Stats>(memory.data(offsetof<Stats>(), 4))
const OFFSETS: usize = memory.data<u16>([8, 160])

let node: u64 = 0
let table: u64 = 0
let text: u64 = 0
let long: u64 = 0

/** 0, or a number that says what failed. */
export function begin(mode: u32): i32 {
  if (hw_begin_objects(mode, null)) return 1
  node = hw_struct_type('Node', NODE_BYTES, 3)
  table = hw_array_type('Table', 4, 0, 4, 1)
  text = hw_array_type('Text é ✓ 𝄞', 4, 0, 1, 0)
  long = hw_long_type('Long', 164, OFFSETS, 2, 0)
  if (!node || !table || !text || !long) return 2
  return hw_global_add(KEPT) ? 0 : 3
}

// ---- trees ----------------------------------------------------------------------------------------------------------

function build(depth: u32): Node {
  if (!depth) return hw_make<Node>(node)
  const f = hw_frame<Pair>()
  if (!f) return NONE
  f.first = build(depth - 1)
  f.second = build(depth - 1)
  const made = hw_make<Node>(node)
  made.left = f.first
  made.right = f.second
  hw_leave(changetype<usize>(f))
  return made
}

function count(at: Node, sum: u32): u32 {
  return changetype<usize>(at) ? count(at.right, count(at.left, sum + 1)) : sum
}

export function trees(depth: u32): u32 {
  let sum = count(build(depth + 1), 0)
  const f = hw_enter(1)
  store<usize>(f, changetype<usize>(build(depth)))
  for (let d: u32 = 4; d <= depth; d += 2) {
    for (let i: u32 = 0; i < <u32>1 << (depth - d + 4); i++) sum += count(build(d), 0)
  }
  sum = count(changetype<Node>(load<usize>(f)), sum)
  hw_leave(f)
  return sum
}

// ---- graphs at random -----------------------------------------------------------------------------------------------

let state: u32 = 0

function nextRandom(below: u32): u32 {
  state ^= state << 13
  state ^= state >> 17
  state ^= state << 5
  return state % below
}

function slotAt(index: u32): usize {
  return load<usize>(KEPT) + 4 + (<usize>index << 2)
}

function item(index: u32): Node {
  return changetype<Node>(load<usize>(slotAt(index)))
}

function setItem(index: u32, value: Node): void {
  hw_store(load<usize>(KEPT), slotAt(index), changetype<usize>(value))
}

let slots: u32 = 0

export function graph_begin(seed: u32, wanted: u32): i32 {
  state = seed
  slots = wanted
  store<usize>(KEPT, hw_new_array(table, 4, 4, wanted))
  return load<usize>(KEPT) ? 0 : 1
}

export function graph_run(operations: u32): i32 {
  for (; operations; operations--) {
    const what = nextRandom(10)
    const i = nextRandom(slots)
    const k = nextRandom(slots)
    const from = item(i)
    const to = item(k)
    const isThere = changetype<usize>(from) != 0
    if (what < 4) {
      const made = hw_make<Node>(node)
      if (!changetype<usize>(made)) return 1
      made.value = nextRandom(1000)
      made.left = item(k)
      setItem(i, made)
    } else if (what < 6 && isThere) hw_set(from, offsetof<Node>('right'), to)
    else if (what < 8 && isThere) hw_set(from, offsetof<Node>('left'), to)
    else if (what == 8) setItem(i, NONE)
    else if (isThere && changetype<usize>(from.left)) setItem(k, from.left)
  }
  return 0
}

export function graph_sum(): u32 {
  let sum: u32 = 0
  for (let i: u32 = 0; i < slots; i++) {
    let at = item(i)
    for (let step: u32 = 0; step < 40 && changetype<usize>(at); step++) {
      sum = sum * 31 + at.value + step
      at = (step ^ at.value) & 1 ? at.left : at.right
    }
    sum = sum * 17 + u32(changetype<usize>(at) != 0)
  }
  return sum
}

export function drop(): void {
  store<usize>(KEPT, 0)
}

export function live_objects(): u32 {
  if (hw_collect(HW_COLLECT_FULL) || hw_stats(STATS)) return u32.MAX_VALUE
  return STATS.liveObjects
}

// ---- the rest of the calls ------------------------------------------------------------------------------------------

export function rest(): i32 {
  const f = hw_enter(3)
  if (!f) return 1
  store<usize>(f, hw_new_array(text, 4, 1, 300))
  store<usize>(f, hw_new(long, 164), 4)
  for (let i: u32 = 0; i < 300; i++) store<u8>(load<usize>(f) + 4 + i, <u8>(i * 3))
  const made = hw_make<Node>(node)
  made.value = 55
  hw_store(load<usize>(f, 4), load<usize>(f, 4) + 160, changetype<usize>(made))
  hw_set_flags(load<usize>(f, 4), 0x81)
  const root = hw_root_new(changetype<usize>(made))
  if (hw_compact() || hw_verify()) return 2
  for (let i: u32 = 0; i < 300; i++) if (load<u8>(load<usize>(f) + 4 + i) != <u8>(i * 3)) return 3
  if (hw_object_bytes(load<usize>(f)) != 304 || hw_type_id(load<usize>(f)) != (<u32>text & 0xfffff)) return 4
  if (load<usize>(load<usize>(f, 4), 160) != load<usize>(root) || load<u32>(load<usize>(root), 8) != 55) return 5
  if (hw_flags(load<usize>(f, 4)) != 0x81 || hw_root_free(root) || !hw_root_free(root)) return 6
  const pinned = hw_enter_pinned(1)
  const still = hw_new(node, NODE_BYTES)
  store<usize>(pinned, still)
  const pin = hw_pin_new(still)
  if (hw_compact() || load<usize>(pinned) != still || load<usize>(pin) != still) return 7
  hw_leave_pinned(pinned)
  if (hw_pin_free(pin)) return 8
  store<usize>(f, hw_new(node, NODE_BYTES), 8)
  if (hw_finalizer_add(load<usize>(f, 8), 12)) return 9
  const weak = hw_root_new(hw_weak_new(load<usize>(f, 8)))
  if (hw_weak_get(load<usize>(weak)) != load<usize>(f, 8)) return 10
  const watch = hw_weak_root_new(load<usize>(f, 8))
  if (hw_weak_root_get(watch) != load<usize>(f, 8)) return 17
  store<usize>(f, 0, 8)
  if (hw_collect(HW_COLLECT_FULL) || hw_weak_get(load<usize>(weak)) || hw_next_finalizer() != 12) return 11
  if (hw_weak_root_get(watch) || hw_weak_root_free(watch) || !hw_weak_root_free(watch)) return 18
  if (hw_root_free(weak) || hw_new(node, 12) || hw_error() != HW_BAD_ARGUMENT) return 12
  if (hw_struct_type('none', 8, 4) || hw_error() != HW_BAD_ARGUMENT) return 13
  if (hw_enter(1 << 28) || hw_error() != HW_OUT_OF_MEMORY) return 14
  const entry = hw_global_add(STATICS)
  if (hw_global_remove(entry) != HW_OK || hw_global_remove(entry) == HW_OK) return 15
  const block = hw_alloc(1000)
  if (!block || hw_free(block) || !hw_free(block)) return 16
  hw_leave(f)
  return 0
}

const STATICS: usize = memory.data(4, 4)

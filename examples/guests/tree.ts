/**
 * A search tree in AssemblyScript whose nodes are collected objects.
 *
 *     npx asc tree.ts -o tree.wasm -O --runtime stub
 *     npx heapwright link tree.wasm -o linked.wasm
 *     node --input-type=module -e "import { readFileSync } from 'node:fs'
 *       const { instance } = await WebAssembly.instantiate(readFileSync('linked.wasm'))
 *       console.log(instance.exports.run(100000))"
 *
 * A node that is in a local variable while something is made may have moved: so `insert` goes down from the root, which
 * a word outside the heap keeps, and makes the new node before it looks for the place.
 */
import {
  hw_begin_objects,
  hw_global_add,
  hw_make,
  hw_set,
  hw_struct_type,
  HW_MODE_RUNTIME,
} from 'heapwright/include/assembly'

@unmanaged
class Node {
  left: Node
  right: Node
  key: u32
}

/** The word that keeps the tree. */
const ROOT: usize = memory.data(4, 4)
const NONE = changetype<Node>(0)
let nodeType: u64 = 0

/** COLLECTS. Whether the key is new; false as well when out of memory. */
function insert(key: u32): bool {
  const made = hw_make<Node>(nodeType)
  if (!changetype<usize>(made)) return false
  made.key = key
  let at = load<Node>(ROOT)
  if (!changetype<usize>(at)) {
    store<Node>(ROOT, made)
    return true
  }
  while (at.key != key) {
    const isLeft = key < at.key
    const next = isLeft ? at.left : at.right
    if (!changetype<usize>(next)) {
      // The node may be old by now, and the new one is young: the heap must hear of it.
      hw_set(at, isLeft ? offsetof<Node>('left') : offsetof<Node>('right'), made)
      return true
    }
    at = next
  }
  return false
}

function countFrom(at: Node, sum: u32): u32 {
  return changetype<usize>(at) ? countFrom(at.right, countFrom(at.left, sum + 1)) : sum
}

/** Puts `count` numbers into a tree, drops it and begins anew, ten times: how many different ones were in the last. */
export function run(count: u32): u32 {
  if (!nodeType) {
    hw_begin_objects(HW_MODE_RUNTIME, null)
    nodeType = hw_struct_type('Node', <u32>offsetof<Node>(), 3)
    if (!nodeType || !hw_global_add(ROOT)) return 0
  }
  let key: u32 = 12345
  for (let round = 0; round < 10; round++) {
    store<Node>(ROOT, NONE)
    for (let i: u32 = 0; i < count; i++) {
      key = key * 1664525 + 1013904223
      insert(key >> 12)
    }
  }
  return countFrom(load<Node>(ROOT), 0)
}

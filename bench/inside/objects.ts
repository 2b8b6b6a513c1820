// biome-ignore-all lint: AssemblyScript
/**
 * The programs over objects as a guest of the kernel: a module of its own in the heap's memory, that bumps the words of
 * the object space itself and calls the kernel only when its hole is used up. `bench/peers/objects.ts` has the same
 * programs on AssemblyScript's own objects, `bench/object-programs.ts` on V8's.
 *
 *   Node   [ left ][ right ]     Cell   [ next ][ value : i32 ]     Table   [ reference ] …
 *
 * Roots are in the shadow stack: four lasting slots, then what calls keep across other calls. What it says there may
 * have moved, so it is read again after whatever may collect.
 *
 * References are stored into objects that may be old through the write barrier, inlined (`put`); into an object that
 * was just made they are stored as they are, since new objects are young.
 *
 * Loops are cut into small functions, because WebAssembly code is replaced by its optimised form only when a function
 * is entered. Sums are carried along as an argument: Binaryen may swap the two calls of `check(left) + check(right)`,
 * and the order in which a tree is visited is what its locality depends on.
 */
import {
  SPACE_BUMP_AT,
  SPACE_LIMIT_AT,
  SPACE_LOG_LIMIT_AT,
  SPACE_LOG_TOP_AT,
  SPACE_SHADING_AT,
  SPACE_SHADOW_BASE_AT,
  SPACE_SHADOW_TOP_AT,
  SPACE_YOUNG_BASE_AT,
  SPACE_YOUNG_BYTES_AT,
  TYPE_FIRST_USER,
} from '../../kernel/object-layout'

// @ts-ignore: decorator
@external('kernel', 'objectNew')
declare function objectNew(type: u32, bytes: u32): usize
// @ts-ignore: decorator
@external('kernel', 'storeReference')
declare function storeReference(holder: usize, slot: usize, value: usize): u32

const NODE: u32 = TYPE_FIRST_USER
const CELL: u32 = TYPE_FIRST_USER + 1
const TABLE: u32 = TYPE_FIRST_USER + 2
const NODE_HEAD: u64 = <u64>NODE | (8 << 32)
const CELL_HEAD: u64 = <u64>CELL | (8 << 32)

/** Lasting slots of the shadow stack. */
const KEPT: usize = 0
const LAST: usize = 4
const GRAPH: usize = 8
const LASTING_BYTES: usize = 16

const SLICE: u32 = 4096
/** Of the array whose slots are overwritten at random: a power of two. */
let keptMask: u32 = 0
let space: usize = 0
let lasting: usize = 0
const FIRST_SEED: u32 = 12345
let seed: u32 = FIRST_SEED
/** Of the tree that `keepTree` made. */
let keptDepth: u32 = 0
/** References of the table of a graph. */
let keptReferences: u32 = 0

/** The object space of the heap, in which Node, Cell and Table are the first types and the shadow stack is empty. */
export function bind(spaceAt: usize): void {
  space = spaceAt
  lasting = load<usize>(space, SPACE_SHADOW_BASE_AT)
  store<u64>(lasting, 0)
  store<u64>(lasting, 0, 8)
  setTop(lasting + LASTING_BYTES)
}

/** The same for a space that another instance has been bound to: what that one keeps is there already. */
export function adopt(spaceAt: usize, mask: u32, depth: u32, references: u32): void {
  space = spaceAt
  lasting = load<usize>(space, SPACE_SHADOW_BASE_AT)
  keptMask = mask
  keptDepth = depth
  keptReferences = references
}

export function tableMask(): u32 {
  return keptMask
}

export function treeDepth(): u32 {
  return keptDepth
}

export function graphCount(): u32 {
  return keptReferences
}

// @ts-ignore: decorator
@inline
function top(): usize {
  return load<usize>(space, SPACE_SHADOW_TOP_AT)
}

// @ts-ignore: decorator
@inline
function setTop(at: usize): void {
  store<usize>(space, at, SPACE_SHADOW_TOP_AT)
}

/** When the hole is used up. A heap that is full ends the program. */
function allocSlow(head: u64): usize {
  const reference = objectNew(<u32>head, <u32>(head >> 32))
  if (!reference) unreachable()
  return reference
}

// ---- the write barrier ----------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
function isYoung(reference: usize): bool {
  return reference - load<usize>(space, SPACE_YOUNG_BASE_AT) < load<usize>(space, SPACE_YOUNG_BYTES_AT)
}

/** Store a reference into an object that may be old. */
// @ts-ignore: decorator
@inline
function put(holder: usize, slot: usize, value: usize, byCalls: bool): void {
  if (byCalls) {
    storeReference(holder, slot, value)
    return
  }
  if (load<u32>(space, SPACE_SHADING_AT) | i32(isYoung(value))) {
    if (!isYoung(holder)) {
      const top = load<usize>(space, SPACE_LOG_TOP_AT)
      const next = top + 4
      // Null and old values come here only while shading goes on.
      if (load<u32>(space, SPACE_SHADING_AT) || next > load<usize>(space, SPACE_LOG_LIMIT_AT)) {
        storeReference(holder, slot, value)
        return
      }
      store<usize>(top, slot)
      store<usize>(space, next, SPACE_LOG_TOP_AT)
    }
  }
  store<usize>(slot, value)
}

/** An object of 16 bytes, whose payload the caller writes. */
// @ts-ignore: decorator
@inline
function alloc(head: u64): usize {
  const at = load<usize>(space, SPACE_BUMP_AT)
  const next = at + 16
  if (next > load<usize>(space, SPACE_LIMIT_AT)) return allocSlow(head)
  store<usize>(space, next, SPACE_BUMP_AT)
  store<u64>(at, head)
  return at + 8
}

// ---- dying young ----------------------------------------------------------------------------------------------------

function burstSlice(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const node = alloc(NODE_HEAD)
    store<u64>(node, 0)
    store<usize>(lasting, node, LAST)
  }
}

/** Nodes of which only the newest is reachable. */
export function burst(count: u32): u32 {
  for (let done: u32 = 0; done < count; done += SLICE) burstSlice(min(SLICE, count - done))
  store<usize>(lasting, 0, LAST)
  return count
}

// ---- trees ----------------------------------------------------------------------------------------------------------

function build(depth: u32): usize {
  if (depth == 0) {
    const leaf = alloc(NODE_HEAD)
    store<u64>(leaf, 0)
    return leaf
  }
  let left = build(depth - 1)
  const frame = top()
  store<usize>(frame, left)
  setTop(frame + 4)
  let right = build(depth - 1)
  setTop(frame)
  left = load<usize>(frame)
  const at = load<usize>(space, SPACE_BUMP_AT)
  const next = at + 16
  let node = at + 8
  if (next > load<usize>(space, SPACE_LIMIT_AT)) {
    store<usize>(frame, right, 4)
    setTop(frame + 8)
    node = allocSlow(NODE_HEAD)
    setTop(frame)
    left = load<usize>(frame)
    right = load<usize>(frame, 4)
  } else {
    store<usize>(space, next, SPACE_BUMP_AT)
    store<u64>(at, NODE_HEAD)
  }
  store<usize>(node, left)
  store<usize>(node, right, 4)
  return node
}

function checkFrom(node: usize, sum: u32): u32 {
  const left = load<usize>(node)
  if (!left) return sum + 1
  return checkFrom(load<usize>(node, 4), checkFrom(left, sum + 1))
}

function buildAndCheck(depth: u32, times: u32): u32 {
  let sum: u32 = 0
  for (let i: u32 = 0; i < times; i++) sum += checkFrom(build(depth), 0)
  return sum
}

/** Binary trees (Boehm; the Computer Language Benchmarks Game): short-lived trees while a long-lived one is there. */
export function trees(depth: u32): u32 {
  let sum = buildAndCheck(depth + 1, 1)
  store<usize>(lasting, build(depth), KEPT)
  for (let d: u32 = 4; d <= depth; d += 2) {
    const times = <u32>1 << (depth - d + 4)
    for (let done: u32 = 0; done < times; done += 16) sum += buildAndCheck(d, 16)
  }
  sum += checkFrom(load<usize>(lasting, KEPT), 0)
  store<usize>(lasting, 0, KEPT)
  return sum
}

// ---- graphs that stay ----------------------------------------------------------------------------------------------

export function keepTree(depth: u32): u32 {
  keptDepth = depth
  store<usize>(lasting, build(depth), KEPT)
  return (<u32>2 << depth) - 1
}

export function keepList(count: u32): u32 {
  for (let done: u32 = 0; done < count; done += SLICE) listSlice(min(SLICE, count - done))
  return count
}

function listSlice(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const node = alloc(NODE_HEAD)
    store<usize>(node, load<usize>(lasting, KEPT))
    store<usize>(node, 0, 4)
    store<usize>(lasting, node, KEPT)
  }
}

/** An array of `count` references, a power of two, to cells that were made in another order: along a full cycle. */
export function keepShuffled(count: u32): u32 {
  const table = objectNew(TABLE, count << 2)
  if (!table) unreachable()
  store<usize>(lasting, table, KEPT)
  keptMask = count - 1
  let at: u32 = 1
  for (let done: u32 = 0; done < count; done += SLICE) at = shuffledSlice(at, min(SLICE, count - done))
  return count + 1
}

/** Hull and Dobell, 1962: a multiplier of 4n + 1 and an odd increment visit every number below a power of two once. */
function shuffledSlice(from: u32, count: u32): u32 {
  let at = from
  for (let i: u32 = 0; i < count; i++) {
    const cell = alloc(CELL_HEAD)
    store<usize>(cell, 0)
    store<u32>(cell, at & 1023, 4)
    at = at * 1664525 + 1013904223
    const table = load<usize>(lasting, KEPT)
    put(table, table + (<usize>(spread(at) & keptMask) << 2), cell, false)
  }
  return at
}

/** Low bits of such a sequence alternate; this permutes the numbers below any power of two again. */
// @ts-ignore: decorator
@inline
function spread(at: u32): u32 {
  let x = at & keptMask
  x ^= x >> 9
  x = (x * 0x9e3779b1) & keptMask
  return x ^ (x >> 11)
}

export function drop(): void {
  store<usize>(lasting, 0, KEPT)
  store<usize>(lasting, 0, LAST)
}

/** An array of `count` references, a power of two, to cells in the order in which they were made. */
export function keepCells(count: u32): u32 {
  store<usize>(lasting, 0, KEPT)
  const table = objectNew(TABLE, count << 2)
  if (!table) unreachable()
  store<usize>(lasting, table, KEPT)
  keptMask = count - 1
  seed = FIRST_SEED
  for (let done: u32 = 0; done < count; done += SLICE) cellsSlice(done, min(SLICE, count - done))
  return count + 1
}

function cellsSlice(from: u32, count: u32): void {
  for (let i = from; i < from + count; i++) {
    const cell = alloc(CELL_HEAD)
    store<usize>(cell, 0)
    store<u32>(cell, i & 1023, 4)
    const table = load<usize>(lasting, KEPT)
    put(table, table + (<usize>i << 2), cell, false)
  }
}

/** What the array of cells holds, as a number. */
export function cellSum(): u32 {
  const table = load<usize>(lasting, KEPT)
  let sum: u32 = 0
  for (let i: u32 = 0; i <= keptMask; i++) {
    const cell = load<usize>(table + (<usize>i << 2))
    const next = load<usize>(cell)
    sum += load<u32>(cell, 4)
    if (next) sum += load<u32>(next, 4) * 3
  }
  return sum
}

// ---- young objects into old ones ------------------------------------------------------------------------------------

/** Of 1,024 new cells so many are stored. */
const STORED: u32 = 102

// @ts-ignore: decorator
@inline
function storesSlice(count: u32, intoObjects: bool, byCalls: bool): u32 {
  let x = seed
  let sum: u32 = 0
  const first = alloc(CELL_HEAD)
  store<u64>(first, 0)
  store<usize>(lasting, first, LAST)
  for (let i: u32 = 0; i < count; i++) {
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    const cell = alloc(CELL_HEAD)
    store<usize>(cell, 0)
    store<u32>(cell, x & 1023, 4)
    sum += load<u32>(load<usize>(lasting, LAST), 4)
    if (((x >> 2) & 1023) < STORED) {
      const table = load<usize>(lasting, KEPT)
      const place = table + (<usize>((x >> 12) & keptMask) << 2)
      if (intoObjects) {
        const holder = load<usize>(place)
        put(holder, holder, cell, byCalls)
      } else put(table, place, cell, byCalls)
    }
    store<usize>(lasting, cell, LAST)
  }
  seed = x
  return sum
}

function arraySlice(count: u32): u32 {
  return storesSlice(count, false, false)
}

function arraySliceByCalls(count: u32): u32 {
  return storesSlice(count, false, true)
}

function objectsSlice(count: u32): u32 {
  return storesSlice(count, true, false)
}

function objectsSliceByCalls(count: u32): u32 {
  return storesSlice(count, true, true)
}

/** Makes cells, reads each once, and stores every tenth at a random place of the array that `keepCells` made. */
export function storeIntoArray(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) sum += arraySlice(SLICE)
  return sum
}

/** The same, into a field of the cell at that place. */
export function storeIntoObjects(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) sum += objectsSlice(SLICE)
  return sum
}

/** Both with a call of the kernel for each store. */
export function storeIntoArrayByCalls(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) sum += arraySliceByCalls(SLICE)
  return sum
}

export function storeIntoObjectsByCalls(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) sum += objectsSliceByCalls(SLICE)
  return sum
}

// ---- churn ---------------------------------------------------------------------------------------------------------

/** Puts new cells at random places of the array that `keepShuffled` made; each lives until its place is taken again. */
export function churn(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) sum += churnSlice(min(SLICE, count - done))
  return sum
}

function churnSlice(count: u32): u32 {
  let x = seed
  for (let i: u32 = 0; i < count; i++) {
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    const cell = alloc(CELL_HEAD)
    store<usize>(cell, 0)
    store<u32>(cell, x & 1023, 4)
    const table = load<usize>(lasting, KEPT)
    put(table, table + (<usize>((x >> 8) & keptMask) << 2), cell, false)
  }
  seed = x
  return count
}

/** Depth of the small trees of `churnTree`, and how many nodes each has. */
const BRANCH_DEPTH: u32 = 2
const BRANCH_NODES: u32 = 7
const BRANCHES: u32 = 512

/** Makes small trees, `count` nodes together; every fourth takes the place of one in the tree that `keepTree` made. */
export function churnTree(count: u32): u32 {
  for (let done: u32 = 0; done < count; done += BRANCHES * BRANCH_NODES) churnTreeSlice()
  return checkFrom(load<usize>(lasting, KEPT), 0)
}

function churnTreeSlice(): void {
  for (let i: u32 = 0; i < BRANCHES; i++) {
    let x = seed
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    seed = x
    const branch = build(BRANCH_DEPTH)
    if (x & 3) continue
    let node = load<usize>(lasting, KEPT)
    let path = x >> 8
    for (let level = keptDepth - BRANCH_DEPTH - 1; level; level--) {
      node = load<usize>(node + (<usize>(path & 1) << 2))
      path >>= 1
    }
    put(node, node + (<usize>(path & 1) << 2), branch, false)
  }
}

/** A table for `count` references to objects of a graph, which the host fills; each begins with two references. */
export function keepGraph(count: u32): usize {
  const table = objectNew(TABLE, count << 2)
  if (!table) unreachable()
  store<usize>(lasting, table, GRAPH)
  keptReferences = count
  return table
}

/**
 * `storeIntoArray` beside a graph: for every 16th cell, an object of the graph exchanges its first two references.
 */
export function churnGraph(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += 256) {
    sum += arraySlice(256)
    exchangeSlice(16)
  }
  return sum
}

function exchangeSlice(count: u32): void {
  let x = seed
  for (let i: u32 = 0; i < count; i++) {
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    const object = load<usize>(load<usize>(lasting, GRAPH) + (<usize>((x >> 4) % keptReferences) << 2))
    const first = load<usize>(object)
    put(object, object, load<usize>(object, 4), false)
    put(object, object + 4, first, false)
  }
  seed = x
}

// biome-ignore-all lint: AssemblyScript
/**
 * The programs of `bench/inside/objects.ts` on AssemblyScript's own objects. Compiled once with the `incremental`
 * runtime, which collects by itself, and once with `minimal`, which must be told to when nothing is on the stack: here
 * after as many objects as are live, and at least 2^19 (`OBJECTS_MINIMAL`).
 */
@final
class Node {
  constructor(
    public left: Node | null,
    public right: Node | null,
  ) {}
}
@final
class Cell {
  constructor(
    public next: Cell | null,
    public value: i32,
  ) {}
}

const SLICE: u32 = 4096
const FLOOR: u32 = 1 << 19
let kept: Node | null = null
let table: StaticArray<Cell | null> = new StaticArray<Cell | null>(0)
let last: Node | null = null
let tableMask: u32 = 0
const FIRST_SEED: u32 = 12345
let seed: u32 = FIRST_SEED
let since: u32 = 0
let treeDepth: u32 = 0

/** Called after each allocation of the programs whose pauses are measured: the collector works inside allocations. */
// @ts-ignore: decorator
@external('host', 'tick')
declare function tick(): void

/** What a host needs to allocate by itself: the class id for `__new`. */
export function nodeId(): u32 {
  return idof<Node>()
}

function collectAfter(allocated: u32, live: u32): void {
  // @ts-ignore: set by --use
  if (!OBJECTS_MINIMAL) return
  since += allocated
  if (since <= max(FLOOR, live)) return
  since = 0
  __collect()
}

// ---- dying young ----------------------------------------------------------------------------------------------------

function burstSlice(count: u32): void {
  for (let i: u32 = 0; i < count; i++) last = new Node(null, null)
}

export function burst(count: u32): u32 {
  for (let done: u32 = 0; done < count; done += SLICE) {
    burstSlice(min(SLICE, count - done))
    collectAfter(SLICE, 0)
  }
  last = null
  return count
}

// ---- trees ----------------------------------------------------------------------------------------------------------

function build(depth: u32): Node {
  return depth == 0 ? new Node(null, null) : new Node(build(depth - 1), build(depth - 1))
}

function checkFrom(node: Node, sum: u32): u32 {
  const left = node.left
  if (!left) return sum + 1
  return checkFrom(node.right!, checkFrom(left, sum + 1))
}

function buildAndCheck(depth: u32): u32 {
  return checkFrom(build(depth), 0)
}

export function trees(depth: u32): u32 {
  let sum = buildAndCheck(depth + 1)
  collectAfter(4 << depth, 0)
  kept = build(depth)
  for (let d: u32 = 4; d <= depth; d += 2) {
    const times = <u32>1 << (depth - d + 4)
    for (let i: u32 = 0; i < times; i++) {
      sum += buildAndCheck(d)
      collectAfter(2 << d, 2 << depth)
    }
  }
  sum += checkFrom(kept!, 0)
  kept = null
  return sum
}

// ---- graphs that stay ----------------------------------------------------------------------------------------------

export function keepTree(depth: u32): u32 {
  treeDepth = depth
  kept = build(depth)
  return (<u32>2 << depth) - 1
}

export function keepList(count: u32): u32 {
  for (let done: u32 = 0; done < count; done += SLICE) listSlice(min(SLICE, count - done))
  return count
}

function listSlice(count: u32): void {
  for (let i: u32 = 0; i < count; i++) kept = new Node(kept, null)
}

export function keepShuffled(count: u32): u32 {
  table = new StaticArray<Cell | null>(count)
  tableMask = count - 1
  let at: u32 = 1
  for (let done: u32 = 0; done < count; done += SLICE) at = shuffledSlice(at, min(SLICE, count - done))
  return count + 1
}

function shuffledSlice(from: u32, count: u32): u32 {
  let at = from
  for (let i: u32 = 0; i < count; i++) {
    const cell = new Cell(null, at & 1023)
    at = at * 1664525 + 1013904223
    unchecked((table[spread(at) & tableMask] = cell))
  }
  return at
}

// @ts-ignore: decorator
@inline
function spread(at: u32): u32 {
  let x = at & tableMask
  x ^= x >> 9
  x = (x * 0x9e3779b1) & tableMask
  return x ^ (x >> 11)
}

export function drop(): void {
  kept = null
  last = null
  table = new StaticArray<Cell | null>(0)
}

export function keepCells(count: u32): u32 {
  table = new StaticArray<Cell | null>(count)
  tableMask = count - 1
  seed = FIRST_SEED
  for (let done: u32 = 0; done < count; done += SLICE) cellsSlice(done, min(SLICE, count - done))
  return count + 1
}

function cellsSlice(from: u32, count: u32): void {
  for (let i = from; i < from + count; i++) unchecked((table[i] = new Cell(null, i & 1023)))
}

export function cellSum(): u32 {
  let sum: u32 = 0
  for (let i: u32 = 0; i <= tableMask; i++) {
    const cell = unchecked(table[i])!
    const next = cell.next
    sum += cell.value
    if (next) sum += next.value * 3
  }
  return sum
}

// ---- young objects into old ones ------------------------------------------------------------------------------------

const STORED: u32 = 102

// @ts-ignore: decorator
@inline
function storesSlice(count: u32, intoObjects: bool, ticks: bool): u32 {
  let x = seed
  let sum: u32 = 0
  let before = new Cell(null, 0)
  for (let i: u32 = 0; i < count; i++) {
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    const cell = new Cell(null, x & 1023)
    if (ticks) tick()
    sum += before.value
    if (((x >> 2) & 1023) < STORED) {
      const place = (x >> 12) & tableMask
      if (intoObjects) unchecked(table[place])!.next = cell
      else unchecked((table[place] = cell))
    }
    before = cell
  }
  seed = x
  return sum
}

function arraySlice(count: u32): u32 {
  return storesSlice(count, false, false)
}

function arraySliceTicking(count: u32): u32 {
  return storesSlice(count, false, true)
}

function objectsSlice(count: u32): u32 {
  return storesSlice(count, true, false)
}

export function storeIntoArray(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) {
    sum += arraySlice(SLICE)
    collectAfter(SLICE, tableMask)
  }
  return sum
}

export function storeIntoObjects(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) {
    sum += objectsSlice(SLICE)
    collectAfter(SLICE, tableMask << 1)
  }
  return sum
}

export function storeIntoArrayTicking(count: u32): u32 {
  let sum: u32 = 0
  for (let done: u32 = 0; done < count; done += SLICE) sum += arraySliceTicking(SLICE)
  return sum
}

/** For a host that makes the cells: stores one at a place of the array. */
export function storeCellInArray(place: u32, cell: Cell): void {
  unchecked((table[place & tableMask] = cell))
}

export function storeCellInObject(place: u32, cell: Cell): void {
  unchecked(table[place & tableMask])!.next = cell
}

export function cellId(): u32 {
  return idof<Cell>()
}

// ---- churn ---------------------------------------------------------------------------------------------------------

const BRANCH_DEPTH: u32 = 2
const BRANCH_NODES: u32 = 7
const BRANCHES: u32 = 512

function buildTicking(depth: u32): Node {
  const node = depth == 0 ? new Node(null, null) : new Node(buildTicking(depth - 1), buildTicking(depth - 1))
  tick()
  return node
}

export function churnTreeTicking(count: u32): u32 {
  for (let done: u32 = 0; done < count; done += BRANCHES * BRANCH_NODES) churnTreeSlice()
  return checkFrom(kept!, 0)
}

function churnTreeSlice(): void {
  for (let i: u32 = 0; i < BRANCHES; i++) {
    let x = seed
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    seed = x
    const branch = buildTicking(BRANCH_DEPTH)
    if (x & 3) continue
    let node = kept!
    let path = x >> 8
    for (let level = treeDepth - BRANCH_DEPTH - 1; level; level--) {
      node = path & 1 ? node.right! : node.left!
      path >>= 1
    }
    if (path & 1) node.right = branch
    else node.left = branch
  }
}

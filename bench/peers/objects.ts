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
let seed: u32 = 12345
let since: u32 = 0

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

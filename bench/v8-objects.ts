/**
 * The programs of `bench/inside/objects.ts` on plain JavaScript objects, and the process in which they run: `fork`ed
 * with V8's flags by object-contestants.ts, it does what each message asks for and answers with the time.
 */
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { STORE_SLOTS } from './object-loops.js'
import { PauseRecorder, type RoundPauses } from './pauses.js'
import { timed } from './turns.js'

class Node {
  constructor(
    public left: Node | null,
    public right: Node | null,
  ) {}
}

const SLICE = 4096
const OBSERVER_TURNS = 8
let last: Node | null = null

function burstSlice(count: number): void {
  for (let i = 0; i < count; i++) last = new Node(null, null)
}

function burst(count: number): number {
  for (let done = 0; done < count; done += SLICE) burstSlice(Math.min(SLICE, count - done))
  last = null
  return count
}

function build(depth: number): Node {
  return depth === 0 ? new Node(null, null) : new Node(build(depth - 1), build(depth - 1))
}

function checkFrom(node: Node, sum: number): number {
  return node.left === null ? sum + 1 : checkFrom(node.right as Node, checkFrom(node.left, sum + 1))
}

function trees(depth: number): number {
  let sum = checkFrom(build(depth + 1), 0)
  const kept = build(depth)
  for (let d = 4; d <= depth; d += 2) {
    const times = 1 << (depth - d + 4)
    for (let i = 0; i < times; i++) sum += checkFrom(build(d), 0)
  }
  return sum + checkFrom(kept, 0)
}

// ---- young objects into old ones ------------------------------------------------------------------------------------

class Cell {
  constructor(
    public next: Cell | null,
    public value: number,
  ) {}
}

const STORED = 102
const FIRST_SEED = 12345
let table: Cell[] = []
let tableMask = 0
let seed = FIRST_SEED

function keepCells(count: number): number {
  table = new Array(count)
  tableMask = count - 1
  seed = FIRST_SEED
  for (let i = 0; i < count; i++) table[i] = new Cell(null, i & 1023)
  return count + 1
}

function cellSum(): number {
  let sum = 0
  for (let i = 0; i <= tableMask; i++) {
    const { next, value } = table[i] as Cell
    sum = (sum + value) | 0
    if (next !== null) sum = (sum + next.value * 3) | 0
  }
  return sum >>> 0
}

function arraySlice(count: number): number {
  let x = seed
  let sum = 0
  let before = new Cell(null, 0)
  for (let i = 0; i < count; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    const cell = new Cell(null, x & 1023)
    sum = (sum + before.value) | 0
    if (((x >>> 2) & 1023) < STORED) table[(x >>> 12) & tableMask] = cell
    before = cell
  }
  seed = x
  return sum
}

function objectsSlice(count: number): number {
  let x = seed
  let sum = 0
  let before = new Cell(null, 0)
  for (let i = 0; i < count; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    const cell = new Cell(null, x & 1023)
    sum = (sum + before.value) | 0
    if (((x >>> 2) & 1023) < STORED) (table[(x >>> 12) & tableMask] as Cell).next = cell
    before = cell
  }
  seed = x
  return sum
}

function storeIntoArray(count: number): number {
  let sum = 0
  for (let done = 0; done < count; done += SLICE) sum = (sum + arraySlice(SLICE)) | 0
  return sum >>> 0
}

function storeIntoObjects(count: number): number {
  let sum = 0
  for (let done = 0; done < count; done += SLICE) sum = (sum + objectsSlice(SLICE)) | 0
  return sum >>> 0
}

/** With the array made anew. */
function cellsAndArray(count: number): number {
  keepCells(STORE_SLOTS)
  return (storeIntoArray(count) + cellSum()) >>> 0
}

function cellsAndObjects(count: number): number {
  keepCells(STORE_SLOTS)
  return (storeIntoObjects(count) + cellSum()) >>> 0
}

// ---- churn ---------------------------------------------------------------------------------------------------------

const BRANCH_DEPTH = 2
const BRANCH_NODES = 7
const BRANCHES = 512
let kept: Node | null = null
let treeDepth = 0

function keepTree(depth: number): number {
  treeDepth = depth
  kept = build(depth)
  return 2 ** (depth + 1) - 1
}

function churnTree(count: number): number {
  for (let done = 0; done < count; done += BRANCHES * BRANCH_NODES) churnTreeSlice()
  return checkFrom(kept as Node, 0)
}

function churnTreeSlice(): void {
  for (let i = 0; i < BRANCHES; i++) {
    let x = seed
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    seed = x
    const branch = build(BRANCH_DEPTH)
    if ((x & 3) !== 0) continue
    let node = kept as Node
    let path = x >>> 8
    for (let level = treeDepth - BRANCH_DEPTH - 1; level > 0; level--) {
      node = ((path & 1) !== 0 ? node.right : node.left) as Node
      path >>= 1
    }
    if ((path & 1) !== 0) node.right = branch
    else node.left = branch
  }
}

const programs = { burst, trees, keepCells, cellsAndArray, cellsAndObjects, storeIntoArray, keepTree, churnTree }

export type V8Program = keyof typeof programs

export interface V8Request {
  readonly program: V8Program
  readonly count: number
  /** Tell of the pauses. */
  readonly pauses?: boolean
}

export interface V8Answer {
  readonly seconds: number
  /** Most resident memory of the process so far, less what it had before its first program. */
  readonly peakBytes: number
  /** What the program gave. */
  readonly sum: number
  readonly pauses?: RoundPauses
}

/** KiB. */
let residentBefore: number | undefined

process.on('message', async ({ program, count, pauses }: V8Request) => {
  residentBefore ??= process.resourceUsage().maxRSS
  const recorder = pauses ? new PauseRecorder() : undefined
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) recorder?.add(startTime, startTime + duration)
  })
  if (recorder) observer.observe({ entryTypes: ['gc'] })
  let sum = 0
  const seconds = timed(() => {
    sum = programs[program](count)
  })
  const endedMs = performance.now()
  const peakBytes = (process.resourceUsage().maxRSS - residentBefore) * 1024
  // The entries come later.
  if (recorder) for (let turn = 0; turn < OBSERVER_TURNS; turn++) await setImmediate()
  observer.disconnect()
  globalThis.gc?.()
  const answer: V8Answer = { seconds, peakBytes, sum, ...(recorder && { pauses: recorder.roundUntil(endedMs) }) }
  process.send?.(answer)
})
/** Whoever asked is gone. */
process.on('disconnect', () => process.exit())
void last

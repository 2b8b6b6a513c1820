/**
 * What has changed between two snapshots, by class.
 *
 * Two ways to tell which object of the one is which of the other:
 *   ids     a node with the same id and of the same class is the same one. Right where an object has its id for life,
 *           as in files that V8 wrote in one process
 *   types   not at all: of each class there are more or fewer. Right always, and blind to those that were replaced
 *
 * The ids of Heapwright's own snapshots are addresses. They say the same of two snapshots between which nothing moved,
 * and take an object for the same that was made where one of its class had been.
 */
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { HeapSnapshot } from '../formats/heapsnapshot.js'
import type { ClassNames } from './snapshot-histogram.js'

export interface DiffOptions {
  /** Default `'ids'` where both have ids that stay with an object, else `'types'`. */
  readonly by?: 'ids' | 'types'
}

export interface DiffRow {
  readonly className: string
  readonly countBefore: number
  readonly countAfter: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Only in the later one: nodes, and bytes. By types: by how much there are more. */
  readonly newCount: number
  readonly newBytes: number
  /** Only in the earlier one. By types: by how much there are fewer. */
  readonly goneCount: number
  readonly goneBytes: number
}

export interface SnapshotDiff {
  readonly by: 'ids' | 'types'
  /** Classes in which anything has changed, those that grew most first. */
  readonly rows: readonly DiffRow[]
  readonly bytesBefore: number
  readonly bytesAfter: number
}

type Sums = { -readonly [Name in Exclude<keyof DiffRow, 'className'>]: number }

export function diffSnapshots(
  before: HeapSnapshot,
  beforeClasses: ClassNames,
  after: HeapSnapshot,
  afterClasses: ClassNames,
  options: DiffOptions,
): SnapshotDiff {
  const by = checkBy(before, after, options)
  const sums = new ClassSums()
  addAll(before, beforeClasses, sums, (sum, bytes) => {
    sum.countBefore++
    sum.bytesBefore += bytes
  })
  addAll(after, afterClasses, sums, (sum, bytes) => {
    sum.countAfter++
    sum.bytesAfter += bytes
  })
  if (by === 'ids') matchIds(before, beforeClasses, after, afterClasses, sums)
  else for (const sum of sums.byClass.values()) setNet(sum)
  const rows = [...sums.byClass].map(([className, sum]) => ({ className, ...sum })).filter(hasChanged)
  const growth = (row: DiffRow) => row.bytesAfter - row.bytesBefore
  rows.sort((a, b) => growth(b) - growth(a) || (a.className < b.className ? -1 : 1))
  return { by, rows, bytesBefore: before.bytes, bytesAfter: after.bytes }
}

function checkBy(before: HeapSnapshot, after: HeapSnapshot, options: DiffOptions): 'ids' | 'types' {
  checkOptions('options', options, ['by'])
  const hasIds = before.nodeIds !== undefined && after.nodeIds !== undefined
  const areForLife = hasIds && before.idKind === 'serial' && after.idKind === 'serial'
  const { by = areForLife ? 'ids' : 'types' } = options
  if (by !== 'ids' && by !== 'types') throw new ArgumentError('by', by, "'ids' or 'types'")
  if (by === 'ids' && !hasIds) throw new ArgumentError('by', by, "'types': there are nodes without ids")
  return by
}

function hasChanged(row: DiffRow): boolean {
  return row.newCount + row.goneCount > 0 || row.bytesBefore !== row.bytesAfter
}

class ClassSums {
  readonly byClass = new Map<string, Sums>()

  of(className: string): Sums {
    const known = this.byClass.get(className)
    if (known) return known
    const none = { countBefore: 0, countAfter: 0, bytesBefore: 0, bytesAfter: 0 }
    const sum = { ...none, newCount: 0, newBytes: 0, goneCount: 0, goneBytes: 0 }
    this.byClass.set(className, sum)
    return sum
  }
}

/** Call `add` for each node but synthetic ones. */
function addAll(
  snapshot: HeapSnapshot,
  classes: ClassNames,
  sums: ClassSums,
  add: (sum: Sums, bytes: number, node: number) => void,
): void {
  const { nodeCount, nodeTypes, nodeTypeNames, selfSizes } = snapshot
  const synthetic = nodeTypeNames.indexOf('synthetic')
  for (let node = 0; node < nodeCount; node++) {
    if (nodeTypes[node] !== synthetic) add(sums.of(classes.of(node)), selfSizes[node] as number, node)
  }
}

/** By types only the difference is known. */
function setNet(sum: Sums): void {
  const count = sum.countAfter - sum.countBefore
  const bytes = sum.bytesAfter - sum.bytesBefore
  sum.newCount = Math.max(count, 0)
  sum.goneCount = Math.max(-count, 0)
  sum.newBytes = Math.max(bytes, 0)
  sum.goneBytes = Math.max(-bytes, 0)
}

function matchIds(
  before: HeapSnapshot,
  beforeClasses: ClassNames,
  after: HeapSnapshot,
  afterClasses: ClassNames,
  sums: ClassSums,
): void {
  const isInAfter = matcher(after, afterClasses)
  addAll(before, beforeClasses, sums, (sum, bytes, node) => {
    if (isInAfter(before, beforeClasses, node)) return
    sum.goneCount++
    sum.goneBytes += bytes
  })
  const isInBefore = matcher(before, beforeClasses)
  addAll(after, afterClasses, sums, (sum, bytes, node) => {
    if (isInBefore(after, afterClasses, node)) return
    sum.newCount++
    sum.newBytes += bytes
  })
}

/** Whether a node of another snapshot is in this one. */
function matcher({ nodeCount, nodeIds }: HeapSnapshot, classes: ClassNames) {
  const nodes = new Map<number, number>()
  for (let node = 0; node < nodeCount; node++) nodes.set(nodeIds?.[node] as number, node)
  return (other: HeapSnapshot, otherClasses: ClassNames, node: number): boolean => {
    const same = nodes.get(other.nodeIds?.[node] as number)
    return same !== undefined && classes.of(same) === otherClasses.of(node)
  }
}

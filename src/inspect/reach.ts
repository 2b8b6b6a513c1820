/**
 * Which edges of a snapshot keep what they lead to, and what the root reaches by them.
 *
 * An edge does not keep anything when it is weak, leads from a node to itself, is a shortcut for people's eyes (V8
 * marks global objects by shortcuts from the root: those count), or goes from the table of a weak map to a value,
 * which the edge from the key stands for. These are the rules of Chrome DevTools, so that figures are the same there.
 */
import type { HeapSnapshot } from '../formats/heapsnapshot.js'

/** How V8 calls the two edges to a weak map's value: both name the table, by its id. */
const EPHEMERON = /^\d+ \/ part of key \(.*? @\d+\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\)$/

/** By edge: 1 where it keeps its target. */
export function keepingEdges(snapshot: HeapSnapshot): Uint8Array {
  const { nodeCount, firstEdges, edgeTypes, edgeNames, edgeTargets, edgeTypeNames, weakType, nodeIds } = snapshot
  const shortcutType = edgeTypeNames.indexOf('shortcut')
  const internalType = edgeTypeNames.indexOf('internal')
  const tables = new TableIds(snapshot)
  const keeping = new Uint8Array(snapshot.edgeCount)
  for (let node = 0; node < nodeCount; node++) {
    const end = firstEdges[node + 1] as number
    for (let edge = firstEdges[node] as number; edge < end; edge++) {
      const type = edgeTypes[edge] as number
      if (type === weakType || edgeTargets[edge] === node) continue
      if (type === shortcutType && node !== 0) continue
      if (type === internalType && nodeIds && tables.of(edgeNames[edge] as number) === nodeIds[node]) continue
      keeping[edge] = 1
    }
  }
  return keeping
}

/** Ids of the tables that names of edges name, each name looked at once. */
class TableIds {
  readonly #snapshot: HeapSnapshot
  /** By string: 0 not looked at yet, else the id + 1, or 1 for none. */
  readonly #known: Float64Array

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot
    this.#known = new Float64Array(snapshot.strings.count)
  }

  /** Id of the table, -1 when the name is that of no entry. */
  of(name: number): number {
    const known = this.#known[name]
    if (known !== 0 && known !== undefined) return known === 1 ? -1 : known - 2
    const found = EPHEMERON.exec(this.#snapshot.strings.at(name))?.[1]
    this.#known[name] = found === undefined ? 1 : Number(found) + 2
    return found === undefined ? -1 : Number(found)
  }
}

/**
 * Breadth first from the root by edges that keep: by node, the edge by which it was reached + 1; 0 where it was not.
 */
export function reachedBy(snapshot: HeapSnapshot, keeping: Uint8Array): Uint32Array {
  const { nodeCount, firstEdges, edgeTargets } = snapshot
  const by = new Uint32Array(nodeCount)
  const queue = new Uint32Array(nodeCount)
  let queued = 1
  for (let next = 0; next < queued; next++) {
    const node = queue[next] as number
    const end = firstEdges[node + 1] as number
    for (let edge = firstEdges[node] as number; edge < end; edge++) {
      const target = edgeTargets[edge] as number
      if (keeping[edge] === 0 || target === 0 || by[target] !== 0) continue
      by[target] = edge + 1
      queue[queued++] = target
    }
  }
  return by
}

/** Nodes that the root does not reach. */
export function unreached(snapshot: HeapSnapshot): number[] {
  const by = reachedBy(snapshot, keepingEdges(snapshot))
  const nodes: number[] = []
  for (let node = 1; node < snapshot.nodeCount; node++) if (by[node] === 0) nodes.push(node)
  return nodes
}

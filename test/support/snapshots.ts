/** Snapshots in tests: small ones from lists of edges, and what the slowest possible way finds in them. */
import { type HeapSnapshot, readHeapSnapshot } from '../../src/formats/heapsnapshot.js'
import { snapshotDocument } from '../graphs.js'
import { random } from './random.js'

/** A random snapshot of `nodes` nodes and about `edges` edges, one in ten weak; some nodes are reached by none. */
export function randomSnapshot(seed: number, nodes: number, edges: number): HeapSnapshot {
  const next = random(seed)
  const lists: number[][] = Array.from({ length: nodes }, () => [])
  for (let i = 0; i < edges; i++) {
    const from = next(3) === 0 ? next(Math.min(nodes, 8)) : next(nodes)
    const to = next(nodes)
    lists[from]?.push(next(10) === 0 ? -to - 1 : to)
  }
  const document = snapshotDocument(lists.map((list) => ({ size: next(50), edges: list, name: `n${next(6)}` })))
  return readHeapSnapshot(new TextEncoder().encode(JSON.stringify(document)), `random ${seed}`)
}

/** Strong edges as lists; nodes that the root does not reach hang from it as `findDominators` says. */
export function strongLists(snapshot: HeapSnapshot): number[][] {
  const { nodeCount, firstEdges, edgeTypes, edgeTargets, weakType } = snapshot
  const lists = Array.from({ length: nodeCount }, (_, node) => {
    const list: number[] = []
    for (let edge = firstEdges[node] as number; edge < (firstEdges[node + 1] as number); edge++) {
      if (edgeTypes[edge] !== weakType) list.push(edgeTargets[edge] as number)
    }
    return list
  })
  const isHeld = new Set(lists.flatMap((list, from) => list.filter((to) => to !== from)))
  const orphans = [(node: number) => !isHeld.has(node), () => true]
  for (const isWanted of orphans) {
    for (let node = 1; node < nodeCount; node++) {
      if (isWanted(node) && !reachedWithout(lists, -1).has(node)) lists[0]?.push(node)
    }
  }
  return lists
}

/** What the root reaches when one node is taken away. */
export function reachedWithout(lists: readonly (readonly number[])[], without: number): Set<number> {
  const reached = new Set(without === 0 ? [] : [0])
  for (const node of reached) {
    for (const to of lists[node] ?? []) if (to !== without) reached.add(to)
  }
  return reached
}

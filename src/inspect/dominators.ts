/**
 * Dominators: the node through which every path from the root to a node goes, the nearest one of them. What a node
 * dominates is what would be freed with it.
 *
 * The algorithm is that of T. Lengauer and R. E. Tarjan, "A fast algorithm for finding dominators in a flowgraph" (ACM
 * TOPLAS 1(1), 1979), in its simple form: path compression without balancing, O(m log n) for n nodes and m edges. No
 * recursion, flat arrays, everything numbered in the order of a depth-first search from the root.
 *
 * A node that the root does not reach counts as if the root led to it: first those that nothing leads to, then, of what
 * is left, the first of each part.
 */
import type { HeapSnapshot } from '../formats/heapsnapshot.js'

/** The order of the search, and what hangs below what. Numbers from 1; 0 is no node. */
interface Search {
  /** Node by number, number by node. */
  readonly nodes: Uint32Array
  readonly numbers: Uint32Array
  /** By number: that of the node from which it was found. */
  readonly parents: Uint32Array
  /** By number: 1 where the root does not lead to it by edges. */
  readonly extra: Uint8Array
}

export interface Dominators {
  /** By node: its dominator; the root's is itself. */
  readonly dominators: Uint32Array
  /** The nodes, each behind its dominator. */
  readonly order: Uint32Array
}

/** @param keeping by edge: 1 where it counts */
export function findDominators(snapshot: HeapSnapshot, keeping: Uint8Array): Dominators {
  const search = searchAll(snapshot, keeping)
  const byNumber = dominatorsByNumber(search, predecessors(snapshot, keeping, search))
  const dominators = new Uint32Array(snapshot.nodeCount)
  for (let number = 2; number <= snapshot.nodeCount; number++) {
    dominators[search.nodes[number] as number] = search.nodes[byNumber[number] as number] as number
  }
  return { dominators, order: search.nodes.subarray(1) }
}

function searchAll(snapshot: HeapSnapshot, keeping: Uint8Array): Search {
  const { nodeCount, firstEdges, edgeTargets } = snapshot
  const nodes = new Uint32Array(nodeCount + 1)
  const numbers = new Uint32Array(nodeCount)
  const parents = new Uint32Array(nodeCount + 1)
  const extra = new Uint8Array(nodeCount + 1)
  const next = firstEdges.slice(0, nodeCount)
  let found = 0
  const find = (node: number, parent: number) => {
    found++
    nodes[found] = node
    numbers[node] = found
    parents[found] = parent
  }
  /** Everything below `start`, of the parent numbered `parent`. */
  const search = (start: number, parent: number) => {
    find(start, parent)
    for (let at = found; at !== parent; ) {
      const node = nodes[at] as number
      const end = firstEdges[node + 1] as number
      let edge = next[node] as number
      while (edge < end && (keeping[edge] === 0 || numbers[edgeTargets[edge] as number] !== 0)) edge++
      next[node] = edge + 1
      if (edge < end) {
        find(edgeTargets[edge] as number, at)
        at = found
      } else at = parents[at] as number
    }
  }
  search(0, 0)
  if (found < nodeCount) {
    const isHeld = heldNodes(snapshot, keeping)
    for (const wanted of [0, 1]) {
      for (let node = 0; node < nodeCount; node++) {
        if (numbers[node] !== 0 || (isHeld[node] as number) > wanted) continue
        extra[found + 1] = 1
        search(node, 1)
      }
    }
  }
  return { nodes, numbers, parents, extra }
}

/** By node: 1 where an edge that counts leads to it. */
function heldNodes({ edgeCount, edgeTargets, nodeCount }: HeapSnapshot, keeping: Uint8Array): Uint8Array {
  const held = new Uint8Array(nodeCount)
  for (let edge = 0; edge < edgeCount; edge++) if (keeping[edge] === 1) held[edgeTargets[edge] as number] = 1
  return held
}

/** The edges that count, by their target's number. */
interface Predecessors {
  readonly first: Uint32Array
  readonly sources: Uint32Array
}

function predecessors(snapshot: HeapSnapshot, keeping: Uint8Array, { numbers }: Search): Predecessors {
  const { nodeCount, edgeCount, firstEdges, edgeTargets } = snapshot
  const first = new Uint32Array(nodeCount + 2)
  let count = 0
  for (let edge = 0; edge < edgeCount; edge++) {
    if (keeping[edge] === 0) continue
    const number = numbers[edgeTargets[edge] as number] as number
    first[number + 1] = (first[number + 1] as number) + 1
    count++
  }
  for (let number = 1; number <= nodeCount + 1; number++) {
    first[number] = (first[number] as number) + (first[number - 1] as number)
  }
  const next = first.slice()
  const sources = new Uint32Array(count)
  for (let node = 0; node < nodeCount; node++) {
    for (let edge = firstEdges[node] as number; edge < (firstEdges[node + 1] as number); edge++) {
      if (keeping[edge] === 0) continue
      const number = numbers[edgeTargets[edge] as number] as number
      sources[next[number] as number] = numbers[node] as number
      next[number] = (next[number] as number) + 1
    }
  }
  return { first, sources }
}

/** The forest of the algorithm: nodes linked so far, with the label of the least semidominator on the way up. */
class Forest {
  readonly semi: Uint32Array
  readonly #ancestors: Uint32Array
  readonly #labels: Uint32Array
  readonly #path: Uint32Array

  constructor(count: number) {
    this.semi = Uint32Array.from({ length: count + 1 }, (_, i) => i)
    this.#labels = this.semi.slice()
    this.#ancestors = new Uint32Array(count + 1)
    this.#path = new Uint32Array(count + 1)
  }

  link(parent: number, child: number): void {
    this.#ancestors[child] = parent
  }

  /** The number of the least semidominator from `v` up to, and without, the root of its tree. */
  evaluate(v: number): number {
    const ancestors = this.#ancestors
    if (ancestors[v] === 0) return v
    let length = 0
    for (let at = v; ancestors[ancestors[at] as number] !== 0; at = ancestors[at] as number) this.#path[length++] = at
    while (length > 0) this.#compress(this.#path[--length] as number)
    return this.#labels[v] as number
  }

  /** Hang `v` below its grandfather, with the better of its own label and its father's. */
  #compress(v: number): void {
    const father = this.#ancestors[v] as number
    const [own, above] = [this.#labels[v] as number, this.#labels[father] as number]
    if ((this.semi[above] as number) < (this.semi[own] as number)) this.#labels[v] = above
    this.#ancestors[v] = this.#ancestors[father] as number
  }
}

/** By number, the dominator's number. */
function dominatorsByNumber({ parents, extra }: Search, { first, sources }: Predecessors): Uint32Array {
  const count = parents.length - 1
  const forest = new Forest(count)
  const { semi } = forest
  const dominators = new Uint32Array(count + 1)
  // Nodes by their semidominator, as lists.
  const bucket = new Uint32Array(count + 1)
  const bucketNext = new Uint32Array(count + 1)
  for (let w = count; w >= 2; w--) {
    const parent = parents[w] as number
    let least = extra[w] === 1 ? 1 : w
    for (let i = first[w] as number; i < (first[w + 1] as number); i++) {
      least = Math.min(least, semi[forest.evaluate(sources[i] as number)] as number)
    }
    semi[w] = least
    bucketNext[w] = bucket[least] as number
    bucket[least] = w
    forest.link(parent, w)
    for (let v = bucket[parent] as number; v !== 0; v = bucketNext[v] as number) {
      const u = forest.evaluate(v)
      dominators[v] = (semi[u] as number) < (semi[v] as number) ? u : parent
    }
    bucket[parent] = 0
  }
  for (let w = 2; w <= count; w++) {
    if (dominators[w] !== semi[w]) dominators[w] = dominators[dominators[w] as number] as number
  }
  dominators[1] = 1
  return dominators
}

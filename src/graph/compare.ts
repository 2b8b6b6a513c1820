/**
 * Whether a heap holds exactly a graph: a walk through both at once, from the root, that pairs each node with one
 * object. Nothing in the objects says which node they are.
 *
 * The two are isomorphic when each object has its node's number of references, its bytes and its pattern in them, when
 * equal edges lead to pairs, when no object is in two pairs, and when each weak reference refers to its target's
 * object, or to nothing if no strong edges lead there from the root. What is in the heap beyond that is not seen here,
 * but in the census.
 */

import { type Graph, rawBytesOf, referencesOf } from './graph.js'
import type { GraphHeap, Reference, Root } from './graph-heap.js'

/** Differences after which a comparison stops. */
export const DIFFERENCES_MAX = 20

/**
 * What differs, in words; empty when nothing does. Call it right after a collection.
 *
 * @param dropped by edge: 1 where the reference must be null
 */
export function compareGraph(graph: Graph, dropped: Uint8Array | undefined, heap: GraphHeap, root: Root): string[] {
  return new Comparison(graph, dropped, heap).run(heap.rootObject(root))
}

class Comparison {
  readonly #graph: Graph
  readonly #dropped: Uint8Array | undefined
  readonly #heap: GraphHeap
  readonly #differences: string[] = []
  /** By node: its object, 0 while none was met. */
  readonly #objects: Uint32Array
  readonly #waiting: Uint32Array
  #waits = 0
  /** Weak references met, and the edges that they are. */
  readonly #weakReferences: Uint32Array
  readonly #weakEdges: Uint32Array
  #weakCount = 0

  constructor(graph: Graph, dropped: Uint8Array | undefined, heap: GraphHeap) {
    this.#graph = graph
    this.#dropped = dropped
    this.#heap = heap
    this.#objects = new Uint32Array(graph.nodeCount)
    this.#waiting = new Uint32Array(graph.nodeCount)
    const weakEdges = graph.weak.reduce((sum, weak) => sum + weak, 0)
    this.#weakReferences = new Uint32Array(weakEdges)
    this.#weakEdges = new Uint32Array(weakEdges)
  }

  run(root: Reference): string[] {
    if (root === 0) return ['the root is null']
    this.#pair(0, root)
    while (this.#waits > 0 && !this.#isEnough()) {
      const node = this.#waiting[--this.#waits] as number
      if (this.#checkObject(node)) this.#followEdges(node)
    }
    for (let i = 0; i < this.#weakCount && !this.#isEnough(); i++) this.#checkWeak(i)
    if (this.#differences.length === 0) this.#checkDistinct()
    return this.#differences
  }

  #pair(node: number, object: Reference): void {
    this.#objects[node] = object
    this.#waiting[this.#waits++] = node
  }

  /** Whether it is worth to look at the object's references. */
  #checkObject(node: number): boolean {
    const heap = this.#heap
    const object = this.#objects[node] as number
    if (!heap.isObject(object)) return this.#differ(node, `at ${hex(object)} there is no object`)
    const references = referencesOf(this.#graph, node)
    const found = heap.referenceCount(object)
    if (found !== references) return this.#differ(node, `it has ${found} references instead of ${references}`)
    const bytes = rawBytesOf(this.#graph, node)
    const foundBytes = heap.rawBytes(object)
    if (foundBytes !== bytes) this.#differ(node, `it has ${foundBytes} bytes beside its references instead of ${bytes}`)
    else {
      const damage = heap.findDamage(object, node)
      if (damage >= 0) this.#differ(node, `byte ${damage} of it is not what was written`)
    }
    return true
  }

  #followEdges(node: number): void {
    const { firstEdges, targets, weak } = this.#graph
    const heap = this.#heap
    const object = this.#objects[node] as number
    const first = firstEdges[node] as number
    const end = firstEdges[node + 1] as number
    for (let edge = first; edge < end; edge++) {
      const index = edge - first
      const to = heap.reference(object, index)
      const target = targets[edge] as number
      const known = this.#objects[target] as number
      if (this.#dropped?.[edge] === 1) {
        if (to !== 0) this.#differ(node, `reference ${index} was dropped but leads to ${hex(to)}`)
      } else if (to === 0) {
        this.#differ(node, `reference ${index} is null instead of leading to ${this.#graph.describe(target)}`)
      } else if (weak[edge] === 1) {
        if (heap.isWeak(to)) this.#keepWeak(edge, to)
        else this.#differ(node, `reference ${index} leads to no weak reference`)
      } else if (known === 0) {
        this.#pair(target, to)
      } else if (known !== to) {
        this.#differ(node, `reference ${index} does not lead to ${this.#graph.describe(target)} as others do`)
      }
    }
  }

  #keepWeak(edge: number, weak: Reference): void {
    this.#weakEdges[this.#weakCount] = edge
    this.#weakReferences[this.#weakCount] = weak
    this.#weakCount++
  }

  /** After the walk, when it is known which targets are reachable. */
  #checkWeak(i: number): void {
    const edge = this.#weakEdges[i] as number
    const target = this.#graph.targets[edge] as number
    const expected = this.#objects[target] as number
    const found = this.#heap.weakTarget(this.#weakReferences[i] as number)
    if (found === expected) return
    const what = this.#graph.describe(target)
    let difference = `refers to ${hex(found)} instead of ${what}`
    if (expected === 0) difference = `still refers to ${what}, which nothing holds`
    else if (found === 0) difference = `was cleared though ${what} is alive`
    const source = nodeOfEdge(this.#graph, edge)
    this.#differ(source, `its weak reference ${edge - (this.#graph.firstEdges[source] as number)} ${difference}`)
  }

  /** No object is in two pairs, and no weak reference is of two edges. */
  #checkDistinct(): void {
    const all = new Uint32Array(this.#objects.length + this.#weakCount)
    all.set(this.#objects)
    all.set(this.#weakReferences.subarray(0, this.#weakCount), this.#objects.length)
    all.sort()
    const i = all.findIndex((object, at) => object !== 0 && object === all[at + 1])
    if (i < 0) return
    const nodes: string[] = []
    this.#objects.forEach((object, node) => {
      if (object === all[i]) nodes.push(this.#graph.describe(node))
    })
    const who = nodes.length > 1 ? nodes.join(' and ') : 'several weak edges'
    this.#differences.push(`the object at ${hex(all[i] as number)} stands for ${who}`)
  }

  #differ(node: number, difference: string): false {
    if (!this.#isEnough()) this.#differences.push(`${this.#graph.describe(node)}: ${difference}`)
    return false
  }

  #isEnough(): boolean {
    return this.#differences.length >= DIFFERENCES_MAX
  }
}

/** The node that an edge starts at: bisection. */
function nodeOfEdge({ firstEdges, nodeCount }: Graph, edge: number): number {
  let low = 0
  let high = nodeCount
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((firstEdges[middle] as number) <= edge) low = middle
    else high = middle
  }
  return low
}

function hex(reference: Reference): string {
  return `0x${reference.toString(16)}`
}

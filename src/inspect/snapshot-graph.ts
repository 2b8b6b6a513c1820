/**
 * Questions to a snapshot, whether of a heap or read from a `.heapsnapshot` file: what keeps a node, what would go with
 * it, what there is of which type, what has changed since. Each is computed when it is first asked for and kept.
 *
 * Costs: dominators and retained sizes O(m log n) for n nodes and m edges, some 40 bytes a node and 4 an edge
 * meanwhile; everything else a look at each node and edge.
 */
import { checkOptions, checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { describeNode, edgeLabel, type HeapSnapshot } from '../formats/heapsnapshot.js'
import { type DiffOptions, diffSnapshots, type SnapshotDiff } from './diff.js'
import { type Dominators, findDominators } from './dominators.js'
import { keepingEdges, reachedBy } from './reach.js'
import { ClassNames, type HistogramRow, takeHistogram } from './snapshot-histogram.js'

/** A node as people see it. */
export interface SnapshotNode {
  /** Its number in the snapshot, from 0, the root. */
  readonly node: number
  readonly id: number | undefined
  /** `object`, `string`, `native`, … */
  readonly type: string
  readonly name: string
  readonly selfBytes: number
  /** What would be freed with it: its own bytes and those of all that it dominates. */
  readonly retainedBytes: number
}

/** An edge, and the node at its other end. */
export interface SnapshotEdge {
  readonly edge: number
  /** `property`, `element`, `weak`, … */
  readonly type: string
  /** A name, or an index in brackets. */
  readonly label: string
  readonly node: number
  /** Whether it keeps its target alive. */
  readonly isKeeping: boolean
}

export interface TopOptions {
  /** How many, from 1 to 1,000,000. Default 20. */
  readonly count?: number
  /** Only nodes of this class, as `histogram` names it. */
  readonly className?: string
}

const TOP_COUNT = 20
const TOP_MAX = 1_000_000

export class SnapshotGraph {
  readonly snapshot: HeapSnapshot
  readonly #classes: ClassNames
  #keeping: Uint8Array | undefined
  #reachedBy: Uint32Array | undefined
  #dominators: Dominators | undefined
  #retained: Float64Array | undefined
  #retainers: { readonly first: Uint32Array; readonly edges: Uint32Array } | undefined
  #sources: Uint32Array | undefined
  #nodesById: Map<number, number> | undefined

  constructor(snapshot: HeapSnapshot) {
    this.snapshot = snapshot
    this.#classes = new ClassNames(snapshot)
  }

  get #keepingEdges(): Uint8Array {
    this.#keeping ??= keepingEdges(this.snapshot)
    return this.#keeping
  }

  // ---- nodes --------------------------------------------------------------------------------------------------------

  /** @throws ArgumentError when there is no such node */
  node(node: number): SnapshotNode {
    this.#check(node)
    const { nodeIds, nodeTypes, nodeTypeNames, nodeNames, strings, selfSizes } = this.snapshot
    return {
      node,
      id: nodeIds?.[node],
      type: nodeTypeNames[nodeTypes[node] as number] ?? '',
      name: strings.at(nodeNames[node] as number),
      selfBytes: selfSizes[node] as number,
      retainedBytes: this.retainedSizes()[node] as number,
    }
  }

  /** Number of the node with an id; undefined when none has it. */
  nodeById(id: number): number | undefined {
    if (!this.#nodesById) {
      this.#nodesById = new Map()
      const { nodeIds, nodeCount } = this.snapshot
      for (let node = nodeCount - 1; nodeIds && node >= 0; node--) this.#nodesById.set(nodeIds[node] as number, node)
    }
    return this.#nodesById.get(id)
  }

  /** A node for people: `object Node (node 17)`. */
  describe(node: number): string {
    this.#check(node)
    return describeNode(this.snapshot, node)
  }

  /** The name under which `histogram` counts a node: of objects and native memory their own, else that of the type. */
  classOf(node: number): string {
    this.#check(node)
    return this.#classes.of(node)
  }

  #check(node: number): void {
    checkRange('node', node, 0, this.snapshot.nodeCount - 1)
  }

  // ---- edges --------------------------------------------------------------------------------------------------------

  /** What a node refers to, in order. */
  edges(node: number): SnapshotEdge[] {
    this.#check(node)
    const { firstEdges, edgeTargets } = this.snapshot
    const edges: SnapshotEdge[] = []
    for (let edge = firstEdges[node] as number; edge < (firstEdges[node + 1] as number); edge++) {
      edges.push(this.#edge(edge, edgeTargets[edge] as number))
    }
    return edges
  }

  /** What refers to a node, weakly too. */
  retainers(node: number): SnapshotEdge[] {
    this.#check(node)
    const { first, edges } = this.#edgesByTarget()
    const found: SnapshotEdge[] = []
    for (let i = first[node] as number; i < (first[node + 1] as number); i++) {
      const edge = edges[i] as number
      found.push(this.#edge(edge, this.#sourceOf(edge)))
    }
    return found
  }

  #edge(edge: number, node: number): SnapshotEdge {
    const { edgeTypes, edgeTypeNames } = this.snapshot
    return {
      edge,
      type: edgeTypeNames[edgeTypes[edge] as number] ?? '',
      label: edgeLabel(this.snapshot, edge),
      node,
      isKeeping: this.#keepingEdges[edge] === 1,
    }
  }

  #sourceOf(edge: number): number {
    if (!this.#sources) {
      const { nodeCount, edgeCount, firstEdges } = this.snapshot
      this.#sources = new Uint32Array(edgeCount)
      for (let node = 0; node < nodeCount; node++) this.#sources.fill(node, firstEdges[node], firstEdges[node + 1])
    }
    return this.#sources[edge] as number
  }

  #edgesByTarget(): { readonly first: Uint32Array; readonly edges: Uint32Array } {
    if (this.#retainers) return this.#retainers
    const { nodeCount, edgeCount, edgeTargets } = this.snapshot
    const first = new Uint32Array(nodeCount + 1)
    for (const target of edgeTargets) first[target + 1] = (first[target + 1] as number) + 1
    for (let node = 0; node < nodeCount; node++) first[node + 1] = (first[node + 1] as number) + (first[node] as number)
    const next = first.slice()
    const edges = new Uint32Array(edgeCount)
    for (let edge = 0; edge < edgeCount; edge++) {
      const target = edgeTargets[edge] as number
      edges[next[target] as number] = edge
      next[target] = (next[target] as number) + 1
    }
    this.#retainers = { first, edges }
    return this.#retainers
  }

  /** Whether the root leads to a node by edges that keep. */
  isReachable(node: number): boolean {
    this.#check(node)
    return node === 0 || this.#reached()[node] !== 0
  }

  #reached(): Uint32Array {
    this.#reachedBy ??= reachedBy(this.snapshot, this.#keepingEdges)
    return this.#reachedBy
  }

  /**
   * A shortest way by which the root keeps a node: edges from the root on, each with the node that it leads to, the
   * last with the node itself. Weak edges are left out. Empty for the root; undefined when nothing keeps the node.
   */
  pathToRoot(node: number): SnapshotEdge[] | undefined {
    if (!this.isReachable(node)) return undefined
    const by = this.#reached()
    const path: SnapshotEdge[] = []
    for (let at = node; at !== 0; at = this.#sourceOf((by[at] as number) - 1)) {
      path.push(this.#edge((by[at] as number) - 1, at))
    }
    return path.reverse()
  }

  // ---- dominators ---------------------------------------------------------------------------------------------------

  #findDominators(): Dominators {
    this.#dominators ??= findDominators(this.snapshot, this.#keepingEdges)
    return this.#dominators
  }

  /**
   * By node: the nearest node that every way from the root goes through; the root's is itself. A node that the root
   * does not reach counts as if the root led to it.
   */
  dominators(): Uint32Array {
    return this.#findDominators().dominators
  }

  /** By node: its own bytes and those of all nodes that it dominates. */
  retainedSizes(): Float64Array {
    if (this.#retained) return this.#retained
    const { dominators, order } = this.#findDominators()
    const retained = this.snapshot.selfSizes.slice()
    for (let i = order.length - 1; i > 0; i--) {
      const node = order[i] as number
      const dominator = dominators[node] as number
      retained[dominator] = (retained[dominator] as number) + (retained[node] as number)
    }
    this.#retained = retained
    return retained
  }

  /** The nodes that retain most, the most first; the root and other synthetic ones are left out. */
  topRetained(options: TopOptions = {}): SnapshotNode[] {
    checkOptions('options', options, ['count', 'className'])
    const { count = TOP_COUNT, className } = options
    checkRange('count', count, 1, TOP_MAX)
    if (className !== undefined && typeof className !== 'string') {
      throw new ArgumentError('className', className, 'the name of a class')
    }
    const retained = this.retainedSizes()
    const { nodeCount, nodeTypes, nodeTypeNames } = this.snapshot
    const synthetic = nodeTypeNames.indexOf('synthetic')
    const nodes: number[] = []
    for (let node = 1; node < nodeCount; node++) {
      if (nodeTypes[node] === synthetic) continue
      if (className === undefined || this.#classes.of(node) === className) nodes.push(node)
    }
    const bytes = (node: number) => retained[node] as number
    nodes.sort((a, b) => bytes(b) - bytes(a) || a - b)
    return nodes.slice(0, count).map((node) => this.node(node))
  }

  // ---- by class -----------------------------------------------------------------------------------------------------

  /** Nodes by class, those of most bytes first; synthetic ones, which take none, are left out. */
  histogram(): HistogramRow[] {
    return takeHistogram(this.snapshot, this.#classes, this.#findDominators(), this.retainedSizes())
  }

  /**
   * What has changed from this snapshot to a later one, by class.
   *
   * @throws ArgumentError for `by: 'ids'` when one of them has none
   */
  diff(later: SnapshotGraph, options: DiffOptions = {}): SnapshotDiff {
    if (!(later instanceof SnapshotGraph)) throw new ArgumentError('later', later, 'a SnapshotGraph')
    return diffSnapshots(this.snapshot, this.#classes, later.snapshot, later.#classes, options)
  }
}

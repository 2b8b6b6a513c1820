/** The nodes of a snapshot by class: how many, their bytes, and what all of a class keep together. */
import type { HeapSnapshot } from '../formats/heapsnapshot.js'
import type { Dominators } from './dominators.js'

export interface HistogramRow {
  readonly className: string
  readonly count: number
  /** Bytes of the nodes themselves. */
  readonly selfBytes: number
  /** Bytes that would be freed with all of them; what lies below another node of the class is counted once. */
  readonly retainedBytes: number
}

/** Types whose nodes are told apart by name. */
const NAMED_TYPES = ['object', 'native']

/** The class of each node, as Chrome DevTools groups them. */
export class ClassNames {
  readonly #snapshot: HeapSnapshot
  readonly #isNamed: readonly boolean[]
  readonly #typeClasses: readonly string[]
  readonly #byName = new Map<number, string>()

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot
    this.#isNamed = snapshot.nodeTypeNames.map((type) => NAMED_TYPES.includes(type))
    this.#typeClasses = snapshot.nodeTypeNames.map((type) => `(${type})`)
  }

  of(node: number): string {
    const type = this.#snapshot.nodeTypes[node] as number
    if (!this.#isNamed[type]) return this.#typeClasses[type] as string
    const name = this.#snapshot.nodeNames[node] as number
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const text = this.#snapshot.strings.at(name)
    this.#byName.set(name, text)
    return text
  }
}

interface Sum {
  count: number
  selfBytes: number
  retainedBytes: number
  /** Nodes of the class above the one that is being looked at. */
  depth: number
}

export function takeHistogram(
  snapshot: HeapSnapshot,
  classes: ClassNames,
  { dominators, order }: Dominators,
  retained: Float64Array,
): HistogramRow[] {
  const sums = new Map<string, Sum>()
  const synthetic = snapshot.nodeTypeNames.indexOf('synthetic')
  const sumOf = (node: number): Sum | undefined => {
    if (snapshot.nodeTypes[node] === synthetic) return undefined
    const name = classes.of(node)
    const sum = sums.get(name) ?? { count: 0, selfBytes: 0, retainedBytes: 0, depth: 0 }
    sums.set(name, sum)
    return sum
  }
  walkTree(dominators, order, {
    enter: (node) => {
      const sum = sumOf(node)
      if (!sum) return
      sum.count++
      sum.selfBytes += snapshot.selfSizes[node] as number
      if (sum.depth++ === 0) sum.retainedBytes += retained[node] as number
    },
    leave: (node) => {
      const sum = sumOf(node)
      if (sum) sum.depth--
    },
  })
  return [...sums]
    .map(([className, { count, selfBytes, retainedBytes }]) => ({ className, count, selfBytes, retainedBytes }))
    .sort((a, b) => b.selfBytes - a.selfBytes || (a.className < b.className ? -1 : 1))
}

/** Depth first through the tree of dominators. */
function walkTree(
  dominators: Uint32Array,
  order: Uint32Array,
  visitor: { readonly enter: (node: number) => void; readonly leave: (node: number) => void },
): void {
  const { firstChild, nextSibling } = childLists(dominators, order)
  visitor.enter(0)
  for (let at = 0; ; ) {
    const child = firstChild[at] as number
    if (child !== 0) {
      // Taken off, so that coming back goes on with the next one.
      firstChild[at] = nextSibling[child] as number
      visitor.enter(child)
      at = child
      continue
    }
    visitor.leave(at)
    if (at === 0) return
    at = dominators[at] as number
  }
}

/** The children of each node as a list; 0, the root, is nobody's child and ends a list. */
function childLists(dominators: Uint32Array, order: Uint32Array) {
  const firstChild = new Uint32Array(dominators.length)
  const nextSibling = new Uint32Array(dominators.length)
  for (let i = order.length - 1; i > 0; i--) {
    const node = order[i] as number
    const dominator = dominators[node] as number
    nextSibling[node] = firstChild[dominator] as number
    firstChild[dominator] = node
  }
  return { firstChild, nextSibling }
}

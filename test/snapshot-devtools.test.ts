/**
 * Goal: Chrome DevTools opens the files that snapshots are written to, sees in them what is there, and what the library
 * says of retained sizes is what DevTools shows.
 * Method: DevTools' own loader and graph (`test/support/devtools.ts`) read what the writer wrote, of heaps and of a
 * recorded program of V8's. A failure means a file that the Memory panel refuses, or figures that differ from its own.
 */
import { describe, expect, it } from 'vitest'
import {
  array,
  Heap,
  type HeapSnapshot,
  i32,
  ref,
  type Snapshot,
  SnapshotGraph,
  struct,
  type View,
  writeHeapSnapshot,
} from '../src/index.js'
import { graphPath, readGraph } from './graphs.js'
import { type DevToolsSnapshot, readInDevTools } from './support/devtools.js'

/** By node, both ways: what differs. */
function differences(snapshot: HeapSnapshot, theirs: DevToolsSnapshot): string[] {
  const graph = new SnapshotGraph(snapshot)
  const retained = graph.retainedSizes()
  const dominators = graph.dominators()
  const found: string[] = []
  for (let node = 0; node < snapshot.nodeCount && found.length < 10; node++) {
    const [ours, own] = [retained[node], theirs.retainedSizes[node]]
    if (ours !== own) found.push(`${graph.describe(node)} retains ${ours}, in DevTools ${own}`)
    const [dominator, other] = [dominators[node], theirs.dominatorsTree[node]]
    if (dominator !== other) found.push(`${graph.describe(node)} is dominated by ${dominator}, in DevTools ${other}`)
  }
  return found
}

/**
 * The same graph without what makes DevTools tell web developers less than there is. Where global objects are marked
 * it leaves out edges to what the page owns from what it does not, and it counts arrays and hidden nodes with their
 * owners.
 */
function asItIs(file: HeapSnapshot): HeapSnapshot {
  const edgeTypes = file.edgeTypes.slice()
  const [shortcut, property] = ['shortcut', 'property'].map((name) => file.edgeTypeNames.indexOf(name))
  const rootEdges = file.firstEdges[1] as number
  for (let edge = 0; edge < rootEdges; edge++) if (edgeTypes[edge] === shortcut) edgeTypes[edge] = property as number
  const [hidden, inner, code] = ['hidden', 'array', 'code'].map((name) => file.nodeTypeNames.indexOf(name))
  const nodeTypes = file.nodeTypes.map((type) => (type === hidden || type === inner ? (code as number) : type))
  return { ...file, edgeTypes, nodeTypes }
}

describe("a file of V8's, written again", () => {
  it('is the same in DevTools, and retains what DevTools says', async () => {
    const file = asItIs(await readGraph(graphPath('node-startup')))
    const { snapshot, complaints } = await readInDevTools(writeHeapSnapshot(file))
    expect(complaints).toEqual([])
    expect([snapshot.nodeCount, snapshot.totalSize]).toEqual([file.nodeCount, file.bytes])
    expect(differences(file, snapshot)).toEqual([])
  })
})

const Node = struct('Node', { value: i32, next: ref('Node'), other: ref() })
const Box = struct('Box', { items: array(ref()) })

/** A heap with objects, values, weak things, blocks, an arena and a pool; and what the test knows of it. */
function fill(heap: Heap): void {
  heap.scope()
  const list = heap.new(Box, {}, 50)
  for (let i = 0; i < 50; i++) {
    const node = heap.new(Node, { value: i })
    node.next = i === 0 ? null : (list.items.get(i - 1) as View<typeof Node>)
    list.items.set(i, node)
  }
  const last = list.items.get(49) as View<typeof Node>
  const object = heap.values.object()
  object.set('title', 'A "quoted"\ntitle with ünïcödé and \u{1f600}')
  object.set('list', list)
  const dictionary = heap.values.dictionary()
  dictionary.set('half', 0.5)
  dictionary.set(7, object)
  last.other = dictionary
  if (heap.mode !== 'manual') {
    const map = heap.weakMap()
    map.set(list, object)
    heap.root(map)
    heap.root(heap.weakRef(last))
  }
  heap.root(list)
  heap.alloc(100)
  if (heap.mode === 'embedded') return
  heap.arena().alloc(500)
  heap.pool({ size: 64, count: 10 }).acquire()
}

describe.each(['manual', 'runtime', 'vm', 'server', 'embedded'] as const)('a heap of mode %s', (mode) => {
  it('opens in DevTools with the same nodes, edges, classes and retained sizes', async () => {
    const heap = Heap.create(mode === 'embedded' ? { mode, limit: '256KiB' } : { mode })
    fill(heap)
    const snapshot = heap.snapshot()
    const { snapshot: theirs, complaints } = await readInDevTools(snapshot.write())
    expect(complaints).toEqual([])
    expect(theirs.totalSize).toBe(heap.stats().committedBytes)
    expect(differences(snapshot, theirs)).toEqual([])
    expect(nodesInDevTools(theirs)).toEqual(nodesOf(snapshot))
    const classes = Object.values(theirs.getAggregatesByClassKey(false))
    const rows = classes.map(({ name, count, self, maxRet }) => `${name} ${count} ${self} ${maxRet}`)
    const own = snapshot.graph.histogram().filter(({ selfBytes }) => selfBytes > 0)
    expect(rows.sort()).toEqual(own.map((row) => Object.values(row).join(' ')).sort())
    heap.close()
  })
})

it('texts are in the file as they are, and not at all when they are left out', async () => {
  const heap = Heap.create()
  fill(heap)
  const title = 'A "quoted"\ntitle with ünïcödé and \u{1f600}'
  const { snapshot: theirs } = await readInDevTools(heap.snapshot().write())
  expect(theirs.strings).toContain(title)
  expect(theirs.strings).toContain('half')
  const silent = [...heap.snapshot({ texts: false }).write()].join('')
  for (const text of ['quoted', 'title', 'half', '0.5']) expect(silent).not.toContain(text)
  heap.close()
})

/** Each node with its edges, as a line. */
function nodesInDevTools(theirs: DevToolsSnapshot): string[] {
  return Array.from({ length: theirs.nodeCount }, (_, i) => {
    const node = theirs.createNode(i * theirs.nodeFieldCount)
    const edges: string[] = []
    for (const list = node.edges(); list.hasNext(); list.next()) {
      const { edge } = list
      edges.push(`${edge.type()} ${edge.name()} ${edge.node().id()}`)
    }
    return `${node.id()} ${node.type()} ${node.name()} ${node.selfSize()}: ${edges.join(', ')}`
  })
}

function nodesOf({ graph, nodeCount }: Snapshot): string[] {
  return Array.from({ length: nodeCount }, (_, i) => {
    const { id, type, name, selfBytes } = graph.node(i)
    const edges = graph.edges(i).map((edge) => {
      const label = edge.type === 'element' ? edge.label.slice(1, -1) : edge.label
      return `${edge.type} ${label} ${graph.node(edge.node).id}`
    })
    return `${id} ${type} ${name} ${selfBytes}: ${edges.join(', ')}`
  })
}

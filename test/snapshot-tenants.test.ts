/**
 * Goal: a snapshot of a heap has its tenants as parts of their own, each with exactly what it holds, and their tenants
 * below them; that of a tenant has it alone.
 * Method: tenants of tenants with blocks and objects, in every mode that has objects; sums against the figures of each.
 * A failure means that a tenant's memory is missing from the picture, is in it twice, or is put down to another.
 */
import { describe, expect, it } from 'vitest'
import { Heap, i32, type ObjectView, ref, type Snapshot, struct } from '../src/index.js'

const Node = struct('Node', { value: i32, next: ref('Node') })

function keep(heap: Heap, count: number): void {
  const scope = heap.scope()
  let last: ObjectView | null = null
  for (let i = 0; i < count; i++) last = heap.new(Node, { value: i, next: last as never })
  heap.root(last as ObjectView)
  scope[Symbol.dispose]()
}

/** What the group of a tenant retains, and how many nodes of the struct it dominates. */
function shareOf({ graph, nodeCount }: Snapshot, group: string): { readonly bytes: number; readonly objects: number } {
  const nodes = Array.from({ length: nodeCount }, (_, node) => node)
  const top = nodes.find((node) => graph.node(node).name === group) as number
  const dominators = graph.dominators()
  const isBelow = (node: number): boolean => {
    for (let at = node; at !== 0; at = dominators[at] as number) if (at === top) return true
    return false
  }
  const objects = nodes.filter((node) => graph.classOf(node) === 'Node' && isBelow(node)).length
  return { bytes: graph.node(top).retainedBytes, objects }
}

describe('tenants', () => {
  it.each(['manual', 'runtime', 'vm', 'server'] as const)('of mode %s have what they hold', (mode) => {
    const heap = Heap.create({ mode, limit: '256MiB' })
    const [first, second] = [heap.tenant('first'), heap.tenant('second')]
    const inner = second.tenant('inner')
    for (let i = 0; i < 300; i++) first.alloc(100 * i)
    first.free(first.alloc(50_000))
    second.alloc(3_000_000)
    heap.alloc(2_000_000)
    keep(heap, 10)
    keep(second, 20)
    keep(inner, 30)
    const snapshot = heap.snapshot()
    const held = (of: Heap) => of.stats().committedBytes
    expect([snapshot.bytes, snapshot.committedBytes]).toEqual([held(heap), held(heap)])
    expect(new Set(snapshot.nodeIds).size).toBe(snapshot.nodeCount)
    expect(shareOf(snapshot, "tenant 'first'")).toEqual({ bytes: held(first), objects: 0 })
    expect(shareOf(snapshot, "tenant 'second'")).toEqual({ bytes: held(second), objects: 50 })
    expect(shareOf(snapshot, "tenant 'inner'")).toEqual({ bytes: held(inner), objects: 30 })
    expect(snapshot.graph.histogram().find(({ className }) => className === 'Node')?.count).toBe(60)
    const alone = second.snapshot()
    expect(alone.bytes).toBe(held(second))
    expect(heap.verify()).toEqual({ ok: true })
    heap.close()
  })
})

describe('what a heap shares with its tenants', () => {
  it.each(['runtime', 'vm', 'server'] as const)('in mode %s is in it once, and referred to from both', (mode) => {
    const heap = Heap.create({ mode, limit: '256MiB' })
    heap.scope()
    const image = heap.freeze({ node: heap.new(Node, { value: 7 }) })
    const { roots } = heap.loadImage(image, { node: Node }, { shared: true })
    const tenant = heap.tenant('guest')
    tenant.scope()
    const own = tenant.new(Node, { next: tenant.shared(roots.node) as never })
    tenant.root(own)
    const snapshot = heap.snapshot()
    expect(snapshot.bytes).toBe(heap.stats().committedBytes)
    const { graph } = snapshot
    const [edge] = graph.edges(graph.nodeById(own.reference + 1) as number)
    expect(graph.node(edge?.node as number).id).toBe(roots.node.reference + 1)
    const keepers = graph.retainers(edge?.node as number).map(({ node }) => graph.node(node).name)
    expect(keepers).toEqual(expect.arrayContaining(['Node', '(images)']))
    expect(tenant.snapshot().bytes).toBe(tenant.stats().committedBytes)
    heap.close()
  })
})

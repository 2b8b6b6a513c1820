/**
 * Goal: `ObjectGraphHeap`, through which `heapwright graph` loads what programs held, and the collector under it.
 * Method: recorded and random graphs on the debug kernel with objects, under every policy, stress and knob; then damage
 * done by hand to what the heap holds. A failure means that a collection lost, kept or garbled something, or that the
 * command does not notice when one does.
 */

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { readHeapSnapshot } from '../src/formats/heapsnapshot.js'
import { compareGraph } from '../src/graph/compare.js'
import { type Graph, graphOf, heapBytesOf } from '../src/graph/graph.js'
import { loadGraph } from '../src/graph/load.js'
import { type HeapOfObjects, type ObjectCalls, ObjectGraphHeap } from '../src/graph/object-heap.js'
import { runGraph } from '../src/graph/run.js'
import { random } from '../src/random.js'
import { graphPath } from '../test/graphs.js'

const WASM = new URL('../build/heapwright-objects-debug.wasm', import.meta.url)
if (!existsSync(WASM)) throw new Error('build/heapwright-objects-debug.wasm is missing: run "npm run build" first')
const module = new WebAssembly.Module(readFileSync(WASM))
const RUN = { mode: 'manual', seed: 1, collections: 2 } as const
const MIB = 2 ** 20

interface Setup {
  readonly limit?: number
  readonly policy?: number
  readonly stress?: readonly [kind: number, number: number]
  readonly knobs?: number
  /** Bytes of the nursery; 0 for none. */
  readonly nursery?: number
}

type Kernel = Record<string, (...numbers: number[]) => number> & ObjectCalls

function makeHeap({
  limit = 64 * MIB,
  policy = 0,
  stress = [0, 0],
  knobs = 0,
  nursery = 0,
}: Setup = {}): HeapOfObjects {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: limit / 65536 })
  const grow = (pages: number) => {
    try {
      return memory.grow(pages)
    } catch {
      return -1
    }
  }
  const report = (code: number, address: number) => {
    if (code < objects.REPORT_COLLECT_BEGIN) throw new Error(`assertion ${code} at 0x${(address >>> 0).toString(16)}`)
  }
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, host: { grow, report } })
  const kernel = exports as unknown as Kernel
  const flags = layout.FLAG_OWNS_RANGE | layout.FLAG_ZEROED
  expect(kernel.create?.(0, 65536, limit, limit, flags, layout.CLASS_TABLE_GEOMETRIC)).toBe(layout.STATUS_OK)
  kernel.setKnobs?.(knobs)
  expect(kernel.spaceCreate?.(policy)).toBe(layout.STATUS_OK)
  if (nursery) expect(kernel.nurseryCreate?.(nursery, 0, 100)).toBe(layout.STATUS_OK)
  kernel.setStress?.(stress[0], stress[1], 1)
  let words = new Uint32Array(memory.buffer)
  const raw = {
    ...kernel,
    get u32() {
      if (words.length === 0) words = new Uint32Array(memory.buffer)
      return words
    },
  }
  const word = (at: number) => raw.u32[at >>> 2] as number
  return {
    raw,
    base: 0,
    stats: () => ({ committedBytes: word(layout.HEAP_COMMITTED_AT) }),
    verify: () => {
      const fault = kernel.verify?.() ?? 0
      return fault === 0 ? { ok: true } : { ok: false, fault: `fault ${fault} at ${word(layout.HEAP_FAULT_AT)}` }
    },
  }
}

interface Node {
  readonly size: number
  /** Targets; negative ones are weak edges to `-target - 1`. */
  readonly edges: readonly number[]
}

function graphFrom(nodes: readonly Node[]): Graph {
  const edges = nodes.flatMap((node) => node.edges)
  const firstEdges = new Uint32Array(nodes.length + 1)
  nodes.forEach((node, i) => {
    firstEdges[i + 1] = (firstEdges[i] as number) + node.edges.length
  })
  return {
    name: 'test',
    nodeCount: nodes.length,
    edgeCount: edges.length,
    firstEdges,
    targets: Uint32Array.from(edges, (edge) => (edge < 0 ? -edge - 1 : edge)),
    weak: Uint8Array.from(edges, (edge) => (edge < 0 ? 1 : 0)),
    sizes: Float64Array.from(nodes, ({ size }) => size),
    bytes: nodes.reduce((sum, { size }) => sum + size, 0),
    describe: (node) => `node ${node}`,
  }
}

/** Mostly small objects with near targets, some long ones, some hubs, one edge in six weak. */
function randomGraph(seed: number): Graph {
  const next = random(seed)
  const count = 1 + next(next(4) === 0 ? 2000 : 200)
  const size = () => (next(50) === 0 ? next(20_000) : next(500) === 0 ? next(300_000) : next(120))
  const target = (i: number) => {
    const to = next(3) > 0 ? Math.min(count - 1, i + next(10)) : next(count)
    return next(6) === 0 ? -to - 1 : to
  }
  return graphFrom(
    Array.from({ length: count }, (_, i) => ({
      size: size(),
      edges: Array.from({ length: next(200) === 0 ? next(400) : next(6) }, () => target(i)),
    })),
  )
}

const { POLICY_EVACUATE, POLICY_LAZY_SWEEP, POLICY_COUNT_TYPES, POLICY_MOVE_ALL, POLICY_AGEING, POLICY_INCREMENTAL } =
  objects
const POLICIES = [0, POLICY_EVACUATE, POLICY_LAZY_SWEEP, POLICY_MOVE_ALL | POLICY_COUNT_TYPES, POLICY_AGEING]
const NURSERIES = [0, 32 << 10, 256 << 10, 1 << 20]
const KNOBS = [0, 0, objects.KNOB_SHORT_MARK_STACK, objects.KNOB_EVACUATION_FAILS, objects.KNOB_SHORT_LOG]

function randomSetup(seed: number, nodes: number): Setup {
  const next = random(seed ^ 0x5eed)
  const among = (values: readonly number[]) => values[next(values.length)] as number
  const policy = POLICIES.reduce((sum, bit) => sum | (next(2) * bit), 0)
  const kind = next(4)
  const every = (1 + next(40)) * (kind === objects.STRESS_BYTES ? 200 : 1) * (nodes > 500 ? 20 : 1)
  const nursery = among(NURSERIES)
  const steps = nursery && next(2) ? POLICY_INCREMENTAL : 0
  return { policy: policy | steps, stress: [kind, every], knobs: among(KNOBS) | among(KNOBS), nursery }
}

describe('graphs on the kernel', () => {
  it('a recorded one comes out isomorphic', { timeout: 60_000 }, () => {
    const text = gunzipSync(readFileSync(graphPath('node-startup')))
    const graph = graphOf(readHeapSnapshot(text, 'node-startup'))
    const { result, faults } = runGraph(graph, new ObjectGraphHeap(makeHeap({ policy: POLICY_EVACUATE })), RUN)
    expect(faults).toEqual([])
    expect(result).toMatchObject({ reachable: 39_021, liveAfter: 39_021, isomorphic: true, verified: true })
    expect(result.liveAfterDrop).toBe(result.reachableAfterDrop)
    expect(result.compact.moved).toBeGreaterThan(0)
    expect(heapBytesOf(graph)).toBeLessThan(result.compact.committedBefore * 1.2)
  })

  it('random ones do under every policy, stress and knob', { timeout: 120_000 }, () => {
    for (let seed = 1; seed <= 400; seed++) {
      const graph = randomGraph(seed)
      const setup = randomSetup(seed, graph.nodeCount)
      const { faults } = runGraph(graph, new ObjectGraphHeap(makeHeap(setup)), { ...RUN, seed })
      expect(faults, `seed ${seed}, ${JSON.stringify(setup)}`).toEqual([])
    }
  })

  it.each([
    ['no bytes', 0],
    ['an odd number of bytes', 70_000 * 4 + 4097],
  ])('a node with very many references and %s does', (_, size) => {
    const edges = Array.from({ length: 70_000 }, (_, i) => (i % 7 === 0 ? -2 : i % 3))
    const graph = graphFrom([
      { size, edges },
      { size: 3, edges: [0] },
      { size: 9, edges: [] },
    ])
    expect(runGraph(graph, new ObjectGraphHeap(makeHeap()), RUN).faults).toEqual([])
  })

  it('one that does not fit ends in words', () => {
    const graph = graphFrom(Array.from({ length: 1000 }, (_, i) => ({ size: 4000, edges: [(i + 1) % 1000] })))
    const heap = makeHeap({ limit: 2 * MIB })
    expect(() => runGraph(graph, new ObjectGraphHeap(heap), RUN)).toThrow(/^out of memory with \d+ of 1,000 nodes in/)
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('an object longer than any ends in words', () => {
    const graph = graphFrom([{ size: 2 ** 40, edges: [] }])
    const words = 'an object of 1099511627776 bytes is longer than any that a heap takes'
    expect(() => runGraph(graph, new ObjectGraphHeap(makeHeap()), RUN)).toThrow(words)
  })
})

describe('damage in the kernel’s memory', () => {
  const NODES = [
    { size: 0, edges: [1, 2, -4] },
    { size: 40, edges: [2] },
    { size: 33, edges: [0, 1] },
    { size: 16, edges: [] },
  ]

  it.each<[string, RegExp, (words: Uint32Array, objects: readonly number[]) => void]>([
    ['a reference', /^node 1: reference 0 does not lead/, (words, [root, one]) => (words[at(one)] = Number(root))],
    [
      'a reference to no object',
      /^node 1: at 0x123458 there is no object/m,
      (words, [root]) => (words[at(root)] = 0x123458),
    ],
    ['a byte', /^node 1: byte 4 of it is not/, (words, [, one]) => (words[at(one) + 1] = 7)],
    ['a byte of the tail', /^node 2: byte 32 of it is not/, (words, [, , two]) => (words[at(two) + 8] = 0xffffffff)],
    ['a size', /^node 2: it has 26 bytes/, (words, [, , two]) => (words[at(two) - 1] = 34)],
    [
      'a type',
      /^node 1: it has \d references/,
      (words, [root, one]) => (words[at(one) - 2] = words[at(root) - 2] ?? 0),
    ],
  ])('%s is noticed', (_, difference, damage) => {
    const graph = graphFrom(NODES)
    const bare = makeHeap()
    const heap = new ObjectGraphHeap(bare)
    const root = loadGraph(graph, heap)
    heap.collect()
    expect(compareGraph(graph, undefined, heap, root)).toEqual([])
    const object = heap.rootObject(root)
    damage(bare.raw.u32, [object, heap.reference(object, 0), heap.reference(object, 1)])
    expect(compareGraph(graph, undefined, heap, root).join('\n')).toMatch(difference)
  })

  function at(reference: number | undefined): number {
    return (reference as number) >>> 2
  }
})

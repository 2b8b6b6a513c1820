/** Objects and their collector: allocation that dies young, full collections of graphs that stay, bytes of a node. */
import { COLLECT_FULL, SPACE_LIVE_OBJECTS_AT } from '../../kernel/object-layout.js'
import { ownCopy } from '../loops.js'
import {
  assemblyScript,
  GUEST,
  type Guest,
  guest,
  guestName,
  INCREMENTAL,
  MINIMAL,
  missingModule,
  NODE_PAYLOAD_BYTES,
  NODE_TYPE,
  OBJECT_MODES,
  type ObjectMode,
  objectHeap,
  type Programs,
  type Runtime,
  V8,
  withV8,
} from '../object-contestants.js'
import { createAllocations } from '../object-loops.js'
import { createViewAllocations, TreeNode, viewHeap, viewsName } from '../object-views.js'
import { type Budget, type Figures, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'

const SLICE = 4096
/** Objects after which AssemblyScript's `minimal` is told to collect, when nothing is live. */
const MINIMAL_EVERY = 1 << 19

/** The rows, or why there are none. */
export async function withModules(run: () => Promise<Row[]>): Promise<Row[] | string> {
  return missingModule() ?? run()
}

// ---- dying young ----------------------------------------------------------------------------------------------------

const YOUNG = 'Objects of two references that die young, collections included'

const youngInside: Group = {
  id: 'objects young inside',
  section: YOUNG,
  run: ({ rounds }) => withModules(async () => [await runYoungInside(rounds)]),
}

function runYoungInside(rounds: number): Promise<Row> {
  return withV8(async (v8) => {
    const guests = OBJECT_MODES.map((mode) => guest(mode))
    const inside: [string, Programs][] = [
      [MINIMAL, assemblyScript(MINIMAL)],
      [INCREMENTAL, assemblyScript(INCREMENTAL)],
      ...guests.map(({ heap, programs }): [string, Programs] => [guestName(heap.heap.mode as ObjectMode), programs]),
    ]
    const entrants: Entrant[] = [
      ...v8.map(({ name, process }) => ({
        contestant: name,
        run: async (count: number) => (await process.run('burst', count)).seconds,
      })),
      ...inside.map(([contestant, programs]) => ({
        contestant,
        run: (count: number) => timed(() => programs.burst(count)),
      })),
    ]
    const figures = await takeTurns(entrants, V8, { rounds, operations: 1 << 22, leastOperations: 1 << 16 })
    for (const { heap } of guests) heap.verify()
    return judge(
      { workload: 'in WebAssembly, the bump inlined; V8 in JavaScript', unit: 'object', peer: V8, figures },
      OBJECT_MODES.flatMap((mode): Budget[] => [
        { contestant: guestName(mode), measure: 'ratio', max: 0.25 },
        { contestant: guestName(mode), measure: 'ratio', max: 0.05, against: INCREMENTAL },
      ]),
    )
  })
}

const callsName = (mode: ObjectMode) => `objectNew, mode '${mode}'`

const youngByCalls: Group = {
  id: 'objects young from TypeScript',
  section: YOUNG,
  run: ({ rounds }) => withModules(async () => [await runYoungByCalls(rounds)]),
}

async function runYoungByCalls(rounds: number): Promise<Row> {
  const entrants = [
    runtimeByCalls(MINIMAL, assemblyScript(MINIMAL)),
    runtimeByCalls(INCREMENTAL, assemblyScript(INCREMENTAL)),
    ...OBJECT_MODES.map(kernelByCalls),
    ...OBJECT_MODES.map(viewsByCalls),
  ]
  const figures = await takeTurns(entrants, INCREMENTAL, { rounds, operations: 1 << 20, leastOperations: 1 << 16 })
  const names = [...OBJECT_MODES.map(callsName), ...OBJECT_MODES.map(viewsName)]
  const budgets = names.flatMap((contestant): Budget[] => [
    { contestant, measure: 'ratio', max: 0.5 },
    { contestant, measure: 'ratio', max: 0.5, against: MINIMAL },
  ])
  return judge({ workload: 'called from TypeScript', unit: 'object', peer: INCREMENTAL, figures }, budgets)
}

function runtimeByCalls(contestant: typeof MINIMAL | typeof INCREMENTAL, runtime: Runtime): Entrant {
  const allocations = ownCopy(createAllocations)({ allocate: runtime.__new })
  const id = runtime.nodeId()
  let since = 0
  return {
    contestant,
    run: (count) =>
      timed(() => {
        for (let done = 0; done < count; done += SLICE) {
          allocations(SLICE, NODE_PAYLOAD_BYTES, id)
          since += SLICE
          if (contestant === INCREMENTAL || since < MINIMAL_EVERY) continue
          since = 0
          runtime.__collect()
        }
      }),
  }
}

function kernelByCalls(mode: ObjectMode): Entrant {
  const allocations = ownCopy(createAllocations)({ allocate: objectHeap(mode).call.objectNew })
  return {
    contestant: callsName(mode),
    run: (count) =>
      timed(() => {
        for (let done = 0; done < count; done += SLICE) allocations(SLICE, NODE_TYPE, NODE_PAYLOAD_BYTES)
      }),
  }
}

/** Views that a scope has held. */
const SCOPE_OBJECTS = 64

/** What V8 collects of the views falls into its own shares: a full collection in between would shrink V8's nursery. */
function viewsByCalls(mode: ObjectMode): Entrant {
  const allocations = ownCopy(createViewAllocations)(viewHeap(mode), TreeNode)
  return {
    contestant: viewsName(mode),
    run: (count) =>
      timed(() => {
        for (let done = 0; done < count; done += SCOPE_OBJECTS) allocations(SCOPE_OBJECTS)
      }),
  }
}

// ---- full collections -----------------------------------------------------------------------------------------------

interface Graph {
  readonly id: string
  readonly workload: string
  readonly objects: number
  readonly long: boolean
  make(programs: Programs): void
  /** Nanoseconds an object. */
  readonly budgetNs?: number
}

function tree(depth: number): Graph {
  const objects = (2 << depth) - 1
  return {
    id: `objects collect tree ${depth}`,
    workload: `a binary tree of ${objects.toLocaleString('en-US')} nodes`,
    objects,
    long: depth > 19,
    make: (programs) => programs.keepTree(depth),
    budgetNs: 4,
  }
}

const MILLION = 1 << 20
const TEN_MILLION = 10_000_000

const graphs: readonly Graph[] = [
  tree(19),
  tree(20),
  {
    id: 'objects collect shuffled',
    workload: `an array of ${MILLION.toLocaleString('en-US')} references to objects made in another order`,
    objects: MILLION + 1,
    long: true,
    make: (programs) => programs.keepShuffled(MILLION),
  },
  {
    id: 'objects collect list',
    workload: `a list of ${TEN_MILLION.toLocaleString('en-US')} nodes`,
    objects: TEN_MILLION,
    long: true,
    make: (programs) => programs.keepList(TEN_MILLION),
  },
]

function collectGroup(graph: Graph): Group {
  return {
    id: graph.id,
    section: 'Full collections of a graph that stays, sweep included',
    long: graph.long,
    run: ({ rounds }) => withModules(async () => [await runCollect(graph, rounds)]),
  }
}

async function runCollect({ objects, workload, make, budgetNs }: Graph, rounds: number): Promise<Row> {
  const runtimes = ([MINIMAL, INCREMENTAL] as const).map((contestant) => ({
    contestant,
    runtime: assemblyScript(contestant),
  }))
  for (const { runtime } of runtimes) make(runtime)
  const own = guest()
  make(own.programs)
  const entrants: Entrant[] = [
    ...runtimes.map(({ contestant, runtime }) => ({ contestant, run: () => timed(() => runtime.__collect()) })),
    { contestant: GUEST, run: () => collectGuest(own, objects) },
  ]
  const figures = await takeTurns(entrants, MINIMAL, { rounds, operations: objects, leastOperations: objects })
  const budgets: Budget[] = [{ contestant: GUEST, measure: 'ratio', max: 1 / 3 }]
  if (budgetNs !== undefined) budgets.push({ contestant: GUEST, measure: 'nsPerOp', max: budgetNs })
  return judge({ workload, unit: 'object', peer: MINIMAL, figures }, budgets)
}

function collectGuest({ heap }: Guest, expected: number): number {
  let status = 0
  const seconds = timed(() => {
    status = heap.call.collect(COLLECT_FULL)
  })
  const live = heap.word(SPACE_LIVE_OBJECTS_AT)
  if (status !== 0 || live !== expected) throw new Error(`collect gave status ${status} and ${live} live objects`)
  return seconds
}

// ---- bytes of a node ------------------------------------------------------------------------------------------------

const NODES = 3_000_000
/** Before so many nodes there are, what the heap itself needs weighs too much. */
const NODES_FIRST = 200_000

const bytes: Group = {
  id: 'objects bytes',
  section: 'Bytes of a node of two references: growth of what is held, from one moment when it is full to another',
  exact: true,
  run: () => withModules(async () => [runBytes()]),
}

function runBytes(): Row {
  const own = guest()
  const runtime = assemblyScript(MINIMAL)
  const figures: Figures[] = [
    { contestant: MINIMAL, bytes: bytesOfNode(runtime, () => runtime.memory.buffer.byteLength) },
    { contestant: GUEST, bytes: bytesOfNode(own.programs, own.heap.committedBytes) },
  ]
  return judge({ workload: 'metadata included', unit: 'byte', peer: MINIMAL, figures }, [
    { contestant: GUEST, measure: 'bytes', max: 17 },
  ])
}

function bytesOfNode(programs: Programs, heldBytes: () => number): number {
  let held = heldBytes()
  let first: { nodes: number; held: number } | undefined
  let last = { nodes: 0, held: 0 }
  for (let nodes = 0; nodes < NODES; nodes += SLICE) {
    programs.keepList(SLICE)
    const now = heldBytes()
    if (now === held) continue
    // Until this slice what was held was enough.
    last = { nodes, held }
    if (nodes >= NODES_FIRST) first ??= last
    held = now
  }
  if (first === undefined || last === first) throw new Error('the heap did not grow')
  return Number(((last.held - first.held) / (last.nodes - first.nodes)).toFixed(2))
}

export const objectGroups: readonly Group[] = [youngInside, youngByCalls, ...graphs.map(collectGroup), bytes]

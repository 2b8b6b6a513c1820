/**
 * Pauses: how long a program stands while its collector works, with much that stays, much that dies at once, some that
 * lives for a while, and references in what stays overwritten all the time. And what short pauses cost: the same
 * programs' time beside mode `vm`.
 */
import { readInput } from '../../src/cli/io.js'
import { HeapSnapshotReader } from '../../src/formats/heapsnapshot.js'
import { type Graph, graphOf } from '../../src/graph/graph.js'
import { loadGraph } from '../../src/graph/load.js'
import { ObjectGraphHeap } from '../../src/graph/object-heap.js'
import { fromRoot } from '../contestants.js'
import {
  assemblyScript,
  attachedGuest,
  type Guest,
  type GuestPrograms,
  guest,
  guestName,
  INCREMENTAL,
  OBJECT_MODES,
  type ObjectMode,
  type Runtime,
  V8,
  type V8Process,
  withV8,
} from '../object-contestants.js'
import { followPauses, GOAL_MS, pauseFigures, type RoundPauses, TickRecorder } from '../pauses.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'
import { withModules } from './objects.js'

const SECTION = 'Pauses of a program that allocates and stores beside much that stays'
/** Objects that are made, of 16 bytes here; AssemblyScript gets fewer, since it takes ten times as long. */
const OBJECTS = 7 * 512 * 8192
const QUICK_SHIFT = 2
const SLOW_SHIFT = 3
const ROUNDS_MAX = 3

/**
 * Each growth of a WebAssembly memory may make V8 collect its own objects, which has nothing to do with the heap's. Mode
 * `server` reserves its memory; so once more with one that grows.
 */
const GROWING = "guest, mode 'server', growing"
const LIMIT_BYTES = 512 << 20

interface Live {
  readonly id: string
  readonly workload: string
  /** Makes what stays. */
  begin(own: Guest): void | Promise<void>
  run(programs: GuestPrograms, objects: number): number
  readonly v8?: (process: V8Process, objects?: number) => ReturnType<V8Process['run']>
  readonly runtime?: (runtime: Runtime, objects?: number) => number
}

const CELLS = 1 << 20
const TREE_DEPTH = 20
const GRAPH_FILE = 'graphs/typescript.heapsnapshot.gz'
/** Beside the graph: an array of cells that live until their place is taken again. */
const GRAPH_CELLS = 1 << 16

const lives: readonly Live[] = [
  {
    id: 'array',
    workload: `an array of ${CELLS.toLocaleString('en-US')} references`,
    begin: ({ programs }) => void programs.keepCells(CELLS),
    run: (programs, objects) => programs.storeIntoArray(objects),
    v8: (process, objects) =>
      objects === undefined
        ? process.run('keepCells', CELLS)
        : process.run('storeIntoArray', objects, { pauses: true }),
    runtime: (runtime, objects) =>
      objects === undefined ? runtime.keepCells(CELLS) : runtime.storeIntoArrayTicking(objects),
  },
  {
    id: 'tree',
    workload: `a tree of ${(2 ** (TREE_DEPTH + 1) - 1).toLocaleString('en-US')} nodes`,
    begin: ({ programs }) => void programs.keepTree(TREE_DEPTH),
    run: (programs, objects) => expectNodes(programs.churnTree(objects)),
    v8: async (process, objects) => {
      if (objects === undefined) return process.run('keepTree', TREE_DEPTH)
      const answer = await process.run('churnTree', objects, { pauses: true })
      expectNodes(answer.sum)
      return answer
    },
    runtime: (runtime, objects) =>
      objects === undefined ? runtime.keepTree(TREE_DEPTH) : expectNodes(runtime.churnTreeTicking(objects)),
  },
  {
    id: 'graph',
    workload: 'the graph of the TypeScript compiler',
    begin: keepGraph,
    run: (programs, objects) => programs.churnGraph(objects),
  },
]

function expectNodes(nodes: number): number {
  if (nodes !== 2 ** (TREE_DEPTH + 1) - 1) throw new Error(`the tree has ${nodes} nodes`)
  return nodes
}

// ---- a graph as what stays ------------------------------------------------------------------------------------------

let graph: Promise<Graph> | undefined

async function readGraph(): Promise<Graph> {
  const file = fromRoot(GRAPH_FILE)
  if (file === undefined) throw new Error(`${GRAPH_FILE} is missing`)
  const reader = new HeapSnapshotReader(GRAPH_FILE)
  for await (const chunk of readInput(file)) reader.push(chunk)
  return graphOf(reader.finish())
}

/** All objects of it that begin with two references are in the guest's table. */
async function keepGraph({ heap, programs }: Guest): Promise<void> {
  graph ??= readGraph()
  const { call } = heap
  const nodes = await graph
  const objects = new ObjectGraphHeap(heap.heap)
  const root = loadGraph(nodes, objects)
  programs.keepCells(GRAPH_CELLS)
  const table = programs.keepGraph(nodes.nodeCount) >>> 0
  // From here on only what is alive is found, and nothing moves.
  heap.heap.collect()
  const found: number[] = []
  for (let at = call.nextObject(0) >>> 0; at !== 0; at = call.nextObject(at) >>> 0) {
    if (objects.isObject(at) && objects.referenceCount(at) >= 2) found.push(at)
  }
  for (let i = 0; i < nodes.nodeCount; i++) {
    call.storeReference(table, table + 4 * i, found[i % found.length] as number)
  }
  objects.removeRoot(root)
}

// ---- the rows -------------------------------------------------------------------------------------------------------

function pauseGroup(live: Live): Group {
  return {
    id: `objects pauses ${live.id}`,
    section: SECTION,
    long: live.id !== 'array',
    run: ({ rounds, quick }) => {
      const objects = quick ? OBJECTS >> QUICK_SHIFT : OBJECTS
      return withModules(() => withV8(async (v8) => [await runPauses(live, objects, rounds, v8)]))
    },
  }
}

/** An entrant whose rounds have pauses. */
function pausing(
  contestant: string,
  run: (operations: number) => Promise<{ seconds: number; round: RoundPauses }>,
): Entrant {
  const rounds: RoundPauses[] = []
  return {
    contestant,
    run: async (count) => {
      const { seconds, round } = await run(count)
      rounds.push(round)
      return seconds
    },
    // The first is the one that warms up.
    end: () => ({ pauses: pauseFigures(rounds.slice(1)) }),
  }
}

async function runPauses(
  live: Live,
  objects: number,
  rounds: number,
  v8: { name: string; process: V8Process }[],
): Promise<Row> {
  const entrants = [
    ...(live.v8 ? v8.map(({ name, process }) => v8Entrant(live, name, process)) : []),
    ...(live.runtime ? [runtimeEntrant(live, objects >> SLOW_SHIFT)] : []),
    ...OBJECT_MODES.map((mode) => guestEntrant(live, guestName(mode), mode)),
    guestEntrant(live, GROWING, 'server', false),
  ]
  if (live.v8) for (const { process } of v8) await live.v8(process)
  const peer = live.v8 ? V8 : guestName('vm')
  const warmUp = async ({ run, operations = objects }: Entrant) => void (await run(operations >> 2))
  const figures = await takeTurns(entrants, peer, { rounds: Math.min(rounds, ROUNDS_MAX), operations: objects, warmUp })
  const budgets = [guestName('server'), GROWING].flatMap((contestant): Budget[] => [
    { contestant, measure: 'p999Ms', max: GOAL_MS },
    { contestant, measure: 'units', max: 1 },
    ...(live.runtime ? [{ contestant, measure: 'longest', max: 0.2, against: INCREMENTAL } as const] : []),
  ])
  return judge({ workload: live.workload, unit: 'object', peer, figures }, budgets)
}

/** A heap for each round; its statistics begin when what stays is there. */
function guestEntrant(live: Live, contestant: string, mode: ObjectMode, reserve?: boolean): Entrant {
  const entrant = pausing(contestant, async (objects) => {
    const first = guest(mode, LIMIT_BYTES, reserve)
    await live.begin(first)
    const { heap, programs } = attachedGuest(first)
    const recorder = followPauses(heap.heap)
    const seconds = timed(() => live.run(programs, objects))
    const round = recorder.roundUntil(performance.now())
    const { p999Ms, maxMs } = heap.heap.collectionStats().pauses
    heap.verify()
    return { seconds, round: { ...round, wallP999Ms: p999Ms, wallLongestMs: maxMs } }
  })
  return { ...entrant, garbage: true }
}

function runtimeEntrant({ runtime: program }: Live, operations: number): Entrant {
  const recorder = new TickRecorder()
  const runtime = assemblyScript(INCREMENTAL, recorder.tick)
  program?.(runtime)
  const entrant = pausing(INCREMENTAL, async (objects) => {
    recorder.begin()
    const seconds = timed(() => program?.(runtime, objects))
    return { seconds, round: recorder.end() }
  })
  return { ...entrant, operations }
}

function v8Entrant({ v8: program }: Live, name: string, process: V8Process): Entrant {
  return pausing(name, async (objects) => {
    const answer = await program?.(process, objects)
    if (!answer?.pauses) throw new Error(`${name} told of no pauses`)
    return { seconds: answer.seconds, round: answer.pauses }
  })
}

// ---- what short pauses cost ----------------------------------------------------------------------------------------

interface CostProgram {
  readonly id: string
  readonly workload: string
  readonly operations: number
  begin(programs: GuestPrograms): void
  run(programs: GuestPrograms): unknown
}

const costPrograms: readonly CostProgram[] = [
  {
    id: 'trees',
    workload: 'binary trees, depth 16',
    operations: 15_000_000,
    begin: () => {},
    run: (programs) => programs.trees(16),
  },
  {
    id: 'tree',
    workload: lives[1]?.workload as string,
    operations: OBJECTS,
    begin: (programs) => void programs.keepTree(TREE_DEPTH),
    run: (programs) => programs.churnTree(OBJECTS),
  },
]

function costGroup(program: CostProgram): Group {
  return {
    id: `objects cost of modes ${program.id}`,
    section: 'What a nursery and short pauses cost: the same program in each mode',
    long: program.id !== 'trees',
    run: ({ rounds }) => withModules(async () => [await runCost(program, rounds)]),
  }
}

async function runCost({ workload, operations, begin, run }: CostProgram, rounds: number): Promise<Row> {
  const entrants = OBJECT_MODES.map((mode): Entrant => {
    const { heap, programs } = guest(mode)
    begin(programs)
    return {
      contestant: guestName(mode),
      run: () => timed(() => run(programs)),
      end: () => {
        heap.verify()
        return { peakBytes: heap.committedPeakBytes() }
      },
    }
  })
  const warmUp = async (entrant: Entrant) => void (await entrant.run(operations))
  const figures = await takeTurns(entrants, guestName('vm'), { rounds, operations, warmUp })
  return judge({ workload, unit: 'object', peer: guestName('vm'), figures }, [])
}

export const objectPauseGroups: readonly Group[] = [...lives.map(pauseGroup), ...costPrograms.map(costGroup)]

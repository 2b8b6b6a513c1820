/**
 * Binary trees: garbage of all ages beside a tree that stays; how long they take, and how much memory. And how the time
 * of such programs depends on the memory that a heap may have.
 */
import { SPACE_SHADOW_TOP_AT } from '../../kernel/object-layout.js'
import { HeapwrightError } from '../../src/errors.js'
import { ownCopy } from '../loops.js'
import {
  assemblyScript,
  type Guest,
  guest,
  guestName,
  INCREMENTAL,
  MINIMAL,
  NODE_PAYLOAD_BYTES,
  NODE_TYPE,
  OBJECT_MODES,
  type ObjectMode,
  objectHeap,
  V8,
  V8_ONE_THREAD,
  type V8Process,
  withV8,
} from '../object-contestants.js'
import { createPinnedTrees, createStackTrees, type Trees, type TreeTarget } from '../object-loops.js'
import { createViewTrees, TreeNode, viewHeap, viewsName } from '../object-views.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'
import { withModules } from './objects.js'

/** Small trees, until the code is warm: these many nodes are made of each contestant. */
const WARM_DEPTH = 10
const WARM_TIMES = 12
/** V8's own code for a depth arrives with the first whole run; so everyone has one. */
const WARM_WHOLE_DEPTH_MAX = 16
/** Rounds of programs that take seconds with some contestants. */
const DEEP = 18
const DEEP_ROUNDS = 2
const MINIMAL_EVERY = 1 << 19

/** Nodes that `trees(depth)` makes; for even depths from 4 on. */
function nodesOf(depth: number): number {
  let nodes = (4 << depth) - 1 + (2 << depth) - 1
  for (let d = 4; d <= depth; d += 2) nodes += (1 << (depth - d + 4)) * ((2 << d) - 1)
  return nodes
}

export interface TreeRunner {
  readonly contestant: string
  run(depth: number): number | Promise<number>
  peakBytes(): number
}

export function v8Runner(name: string, process: V8Process): TreeRunner {
  let peakBytes = 0
  return {
    contestant: name,
    run: async (depth) => {
      const answer = await process.run('trees', depth)
      peakBytes = answer.peakBytes
      return answer.seconds
    },
    peakBytes: () => peakBytes,
  }
}

export function runner(contestant: string, trees: Trees, peakBytes: () => number): TreeRunner {
  return {
    contestant,
    run: (depth) => {
      let sum = 0
      const seconds = timed(() => {
        sum = trees(depth)
      })
      if (sum !== nodesOf(depth)) throw new Error(`${contestant}: ${sum} nodes instead of ${nodesOf(depth)}`)
      return seconds
    },
    peakBytes,
  }
}

function insideRunners(): TreeRunner[] {
  return [
    ...([MINIMAL, INCREMENTAL] as const).map((contestant) => {
      const runtime = assemblyScript(contestant)
      return runner(contestant, runtime.trees, () => runtime.memory.buffer.byteLength)
    }),
    ...OBJECT_MODES.map(guestRunner),
  ]
}

function guestRunner(mode: ObjectMode): TreeRunner {
  const { heap, programs } = guest(mode)
  const verified = () => {
    heap.verify()
    return heap.committedPeakBytes()
  }
  return runner(guestName(mode), programs.trees, verified)
}

function callingRunners(): TreeRunner[] {
  return [
    runtimeRunner(MINIMAL),
    runtimeRunner(INCREMENTAL),
    ...OBJECT_MODES.map(kernelRunner),
    ...OBJECT_MODES.map(viewRunner),
  ]
}

function kernelRunner(mode: ObjectMode): TreeRunner {
  const heap = objectHeap(mode)
  const target = { allocate: heap.call.objectNew }
  const topAt = heap.space + SPACE_SHADOW_TOP_AT
  const trees = ownCopy(createStackTrees)(target, heap.memory, topAt, NODE_TYPE, NODE_PAYLOAD_BYTES)
  return runner(`objectNew, mode '${mode}'`, trees, heap.committedPeakBytes)
}

function viewRunner(mode: ObjectMode): TreeRunner {
  const heap = viewHeap(mode)
  const trees = ownCopy(createViewTrees)(heap, TreeNode)
  return runner(viewsName(mode), trees, () => heap.stats().committedPeakBytes)
}

/** `minimal` collects between trees only, so that nothing needs to be pinned but the tree that stays. */
function runtimeRunner(contestant: typeof MINIMAL | typeof INCREMENTAL): TreeRunner {
  const runtime = assemblyScript(contestant)
  let since = 0
  const target: TreeTarget = {
    memory: runtime.memory,
    allocate: runtime.__new,
    pin: runtime.__pin,
    unpin: runtime.__unpin,
    rest: (made, kept) => {
      if (contestant === INCREMENTAL) return
      since += made
      if (since <= Math.max(MINIMAL_EVERY, kept)) return
      since = 0
      runtime.__collect()
    },
  }
  const trees = ownCopy(createPinnedTrees)(target, NODE_PAYLOAD_BYTES, runtime.nodeId())
  return runner(contestant, trees, () => runtime.memory.buffer.byteLength)
}

function treeGroup(depth: number, from: 'inside' | 'TypeScript'): Group {
  return {
    id: `objects trees ${depth} ${from === 'inside' ? 'inside' : 'from TypeScript'}`,
    section: `Binary trees ${from === 'inside' ? 'in WebAssembly; V8 in JavaScript' : 'by calls from TypeScript'}`,
    long: depth !== 14 || from !== 'inside',
    run: ({ rounds }) =>
      withModules(() =>
        withV8(async (v8) => {
          const runners = [
            ...v8.map(({ name, process }) => v8Runner(name, process)),
            ...(from === 'inside' ? insideRunners() : callingRunners()),
          ]
          const deepRounds = depth >= DEEP ? Math.min(rounds, DEEP_ROUNDS) : rounds
          return [await runTrees(depth, runners, deepRounds, from === 'inside' && depth === DEEP ? deepBudgets() : [])]
        }),
      ),
  }
}

/** Node 20's V8; younger ones have a faster collector. */
const V8_SHARE = process.versions.node.startsWith('20.') ? 0.55 : 0.7

function deepBudgets(): Budget[] {
  return (['runtime', 'server'] as const).flatMap((mode): Budget[] => [
    { contestant: guestName(mode), measure: 'ratio', max: V8_SHARE },
    { contestant: guestName(mode), measure: 'ratio', max: V8_SHARE, against: V8_ONE_THREAD },
    { contestant: guestName(mode), measure: 'ratio', max: 0.1, against: INCREMENTAL },
    { contestant: guestName(mode), measure: 'peak', max: 0.25 },
  ])
}

export async function runTrees(
  depth: number,
  runners: readonly TreeRunner[],
  rounds: number,
  budgets: readonly Budget[],
): Promise<Row> {
  const nodes = nodesOf(depth)
  const entrants = runners.map(
    (one): Entrant => ({
      contestant: one.contestant,
      run: () => one.run(depth),
      end: () => ({ peakBytes: one.peakBytes() }),
    }),
  )
  const warmUp = async ({ contestant }: Entrant) => {
    const one = runners.find((other) => other.contestant === contestant) as TreeRunner
    for (let i = 0; i < WARM_TIMES; i++) await one.run(WARM_DEPTH)
    if (depth <= WARM_WHOLE_DEPTH_MAX) await one.run(depth)
  }
  const figures = await takeTurns(entrants, V8, { rounds, operations: nodes, warmUp })
  const workload = `depth ${depth}, ${nodes.toLocaleString('en-US')} nodes`
  return judge({ workload, unit: 'node', peer: V8, figures }, budgets)
}

// ---- time over memory -----------------------------------------------------------------------------------------------

const FACTORS = [3, 2, 1.5, 1.2]
const LIMIT_MAX_BYTES = 64 << 20
const LIMIT_STEP_BYTES = 65536
const CURVE_DEPTH = 16
const LIVE = 1 << 18
const CHURNED = 1 << 22

interface Curve {
  readonly id: string
  readonly workload: string
  readonly operations: number
  /** What comes before the measured time. */
  begin(guest: Guest): void
  run(guest: Guest): void
}

const curves: readonly Curve[] = [
  {
    id: 'trees',
    workload: `binary trees, depth ${CURVE_DEPTH}`,
    operations: nodesOf(CURVE_DEPTH),
    begin: () => {},
    run: ({ programs }) => programs.trees(CURVE_DEPTH),
  },
  {
    id: 'churn',
    workload: `${LIVE.toLocaleString('en-US')} live objects replaced at random`,
    operations: CHURNED,
    begin: ({ programs }) => programs.keepShuffled(LIVE),
    run: ({ programs }) => programs.churn(CHURNED),
  },
]

function curveGroup(curve: Curve, mode: ObjectMode): Group {
  return {
    id: `objects memory ${curve.id} ${mode}`,
    section: 'Time over memory: limits in multiples of the smallest heap in which the program ends',
    long: true,
    run: ({ rounds }) => withModules(async () => [await runCurve(curve, mode, rounds)]),
  }
}

async function runCurve(curve: Curve, mode: ObjectMode, rounds: number): Promise<Row> {
  const least = leastLimit(curve, mode)
  const name = (factor: number) => `limit ${factor} × the smallest`
  const entrants = FACTORS.map((factor): Entrant => {
    const limitBytes = Math.ceil((least * factor) / LIMIT_STEP_BYTES) * LIMIT_STEP_BYTES
    const own = guest(mode, limitBytes)
    curve.begin(own)
    return {
      contestant: name(factor),
      run: () => timed(() => curve.run(own)),
      end: () => {
        own.heap.verify()
        return { bytes: limitBytes }
      },
    }
  })
  const { operations } = curve
  const warmUp = async (entrant: Entrant) => void (await entrant.run(operations))
  const figures = await takeTurns(entrants, name(3), { rounds, operations, warmUp })
  const workload = `mode '${mode}', ${curve.workload}; smallest ${(least / 1e6).toFixed(2)} MB`
  return judge({ workload, unit: 'object', peer: name(3), figures }, [])
}

/** By bisection. */
function leastLimit(curve: Curve, mode: ObjectMode): number {
  let works = LIMIT_MAX_BYTES / LIMIT_STEP_BYTES
  let fails = 4
  while (works - fails > 1) {
    const middle = (works + fails) >> 1
    if (endsWithin(curve, mode, middle * LIMIT_STEP_BYTES)) works = middle
    else fails = middle
  }
  return works * LIMIT_STEP_BYTES
}

/** A guest ends with a trap when its heap is full; one that is too small for it is not even made. */
function endsWithin(curve: Curve, mode: ObjectMode, limitBytes: number): boolean {
  try {
    const own = guest(mode, limitBytes)
    curve.begin(own)
    curve.run(own)
    return true
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof HeapwrightError) return false
    throw error
  }
}

export const objectTreeGroups: readonly Group[] = [
  ...[14, 16, 18].flatMap((depth) => [treeGroup(depth, 'inside'), treeGroup(depth, 'TypeScript')]),
  ...curves.flatMap((curve) => OBJECT_MODES.map((mode) => curveGroup(curve, mode))),
]

/**
 * Young objects stored into old ones: what the write barrier and the remembered set cost, collections included. A
 * program makes an array of old cells, then many cells of which each is read once and every tenth is stored at a random
 * place of the array, or into a field of the cell there.
 */
import type { View } from '../../src/objects/types.js'
import { ownCopy } from '../loops.js'
import {
  assemblyScript,
  type Guest,
  type GuestPrograms,
  guest,
  guestName,
  INCREMENTAL,
  MINIMAL,
  NODE_PAYLOAD_BYTES,
  OBJECT_MODES,
  type ObjectMode,
  type Programs,
  V8,
  V8_ONE_THREAD,
  type V8Process,
  withV8,
} from '../object-contestants.js'
import { createCallStores, STORE_SLOTS } from '../object-loops.js'
import { createViewStores, Holder, Item, viewHeap, viewsName } from '../object-views.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'
import { withModules } from './objects.js'

const SECTION = 'Young objects stored into old ones; V8 in JavaScript'
/** Cells made after those of the array: as many in all as in docs/design.md, fewer in quick runs. */
const CELLS = 20_000_000 - (20_000_000 % 4096)
const CELLS_QUICK = 1 << 22
/** Programs that take seconds with some contestants. */
const ROUNDS_MAX = 3
const WARM_CELLS = 1 << 16

interface Target {
  readonly id: 'array' | 'objects'
  readonly workload: string
  readonly v8: 'cellsAndArray' | 'cellsAndObjects'
  inside(programs: Programs, count: number): number
  byCalls(programs: GuestPrograms, count: number): number
  /** Of V8, and of AssemblyScript's `incremental`. */
  readonly budgets: readonly [v8: number, incremental: number]
}

const slotsText = STORE_SLOTS.toLocaleString('en-US')

const targets: readonly Target[] = [
  {
    id: 'array',
    workload: `into an array of ${slotsText} slots`,
    v8: 'cellsAndArray',
    inside: (programs, count) => programs.storeIntoArray(count),
    byCalls: (programs, count) => programs.storeIntoArrayByCalls(count),
    budgets: [0.3, 0.08],
  },
  {
    id: 'objects',
    workload: `into fields of ${slotsText} objects`,
    v8: 'cellsAndObjects',
    inside: (programs, count) => programs.storeIntoObjects(count),
    byCalls: (programs, count) => programs.storeIntoObjectsByCalls(count),
    budgets: [0.4, 0.08],
  },
]

// ---- in WebAssembly -------------------------------------------------------------------------------------------------

function insideGroup(target: Target): Group {
  return {
    id: `objects stores ${target.id} inside`,
    section: SECTION,
    long: target.id !== 'array',
    run: ({ rounds, quick }) =>
      withModules(() => withV8(async (v8) => [await runInside(target, quick ? CELLS_QUICK : CELLS, rounds, v8)])),
  }
}

const byCallsName = (mode: ObjectMode) => `the same, a call for each store, '${mode}'`

async function runInside(
  target: Target,
  cells: number,
  rounds: number,
  v8: { name: string; process: V8Process }[],
): Promise<Row> {
  const sums = new SumCheck()
  const runtimes = ([MINIMAL, INCREMENTAL] as const).map((contestant): Entrant => {
    const runtime = assemblyScript(contestant)
    const run = (count: number) => runProgram(runtime, count, target.inside)
    return {
      contestant,
      run: (operations) => sums.of(run, operations),
      end: () => ({ peakBytes: runtime.memory.buffer.byteLength }),
    }
  })
  const entrants: Entrant[] = [
    ...v8.map(({ name, process }) => v8Entrant(name, process, target, sums)),
    ...runtimes,
    ...OBJECT_MODES.map((mode) => guestEntrant(guestName(mode), guest(mode), target.inside, sums)),
    ...OBJECT_MODES.map((mode) => guestEntrant(byCallsName(mode), guest(mode), target.byCalls, sums)),
  ]
  const warmUp = async ({ run }: Entrant) => {
    for (let i = 0; i < 4; i++) await run(STORE_SLOTS + WARM_CELLS)
  }
  const operations = cells + STORE_SLOTS
  const figures = await takeTurns(entrants, V8, { rounds: Math.min(rounds, ROUNDS_MAX), operations, warmUp })
  const [ofV8, ofIncremental] = target.budgets
  const budgets = (['runtime', 'server'] as const).flatMap((mode): Budget[] => [
    { contestant: guestName(mode), measure: 'ratio', max: ofV8 },
    { contestant: guestName(mode), measure: 'ratio', max: ofV8, against: V8_ONE_THREAD },
    { contestant: guestName(mode), measure: 'ratio', max: ofIncremental, against: INCREMENTAL },
  ])
  const workload = `${target.workload}, ${operations.toLocaleString('en-US')} objects`
  return judge({ workload, unit: 'object', peer: V8, figures }, budgets)
}

interface Done {
  readonly seconds: number
  /** What the program gave, which is the same for all. */
  readonly sum: number
}

/** Holds what the contestants' programs gave against each other. */
class SumCheck {
  readonly #sums = new Map<number, number>()

  of(run: (cells: number) => Done, operations: number): number {
    return this.check(run(operations - STORE_SLOTS), operations)
  }

  check({ seconds, sum }: Done, operations: number): number {
    const known = this.#sums.get(operations) ?? sum
    if (sum !== known) throw new Error(`a program gave ${sum} instead of ${known}`)
    this.#sums.set(operations, sum)
    return seconds
  }
}

function runProgram<P extends Programs>(
  programs: P,
  cells: number,
  stores: (programs: P, count: number) => number,
): Done {
  let sum = 0
  const seconds = timed(() => {
    programs.keepCells(STORE_SLOTS)
    sum = (stores(programs, cells) + programs.cellSum()) >>> 0
  })
  return { seconds, sum }
}

function v8Entrant(contestant: string, process: V8Process, target: Target, sums: SumCheck): Entrant {
  let peakBytes = 0
  return {
    contestant,
    run: async (operations) => {
      const answer = await process.run(target.v8, operations - STORE_SLOTS)
      peakBytes = answer.peakBytes
      return sums.check(answer, operations)
    },
    end: () => ({ peakBytes }),
  }
}

function guestEntrant(
  contestant: string,
  { heap, programs }: Guest,
  stores: (programs: GuestPrograms, count: number) => number,
  sums: SumCheck,
): Entrant {
  return {
    contestant,
    run: (operations) => sums.of((cells) => runProgram(programs, cells, stores), operations),
    end: () => {
      heap.verify()
      return { peakBytes: heap.committedPeakBytes() }
    },
  }
}

// ---- from TypeScript ------------------------------------------------------------------------------------------------

/** Fewer than inside: every store of AssemblyScript's is a call, and there are handles for ours. */
const SLOTS_BY_CALLS = 1 << 17
const SCOPE_OBJECTS = 64

function callingGroup(id: Target['id']): Group {
  return {
    id: `objects stores ${id} from TypeScript`,
    section: 'Young objects stored into old ones, by calls from TypeScript',
    long: id !== 'array',
    run: ({ rounds }) => withModules(async () => [await runByCalls(id, rounds)]),
  }
}

async function runByCalls(id: Target['id'], rounds: number): Promise<Row> {
  const entrants = [runtimeByCalls(id), ...OBJECT_MODES.map((mode) => viewsByCalls(id, mode))]
  const figures = await takeTurns(entrants, INCREMENTAL, { rounds, operations: 1 << 20, leastOperations: 1 << 16 })
  const slots = SLOTS_BY_CALLS.toLocaleString('en-US')
  const workload = id === 'array' ? `into an array of ${slots} slots` : `into fields of ${slots} objects`
  const budgets = (['runtime', 'server'] as const).map(
    (mode): Budget => ({ contestant: viewsName(mode), measure: 'ratio', max: 0.5 }),
  )
  return judge({ workload, unit: 'object', peer: INCREMENTAL, figures }, budgets)
}

function runtimeByCalls(id: Target['id']): Entrant {
  const runtime = assemblyScript(INCREMENTAL)
  runtime.keepCells(SLOTS_BY_CALLS)
  const target = {
    allocate: runtime.__new,
    store: id === 'array' ? runtime.storeCellInArray : runtime.storeCellInObject,
  }
  const stores = ownCopy(createCallStores)(target, NODE_PAYLOAD_BYTES, runtime.cellId())
  return { contestant: INCREMENTAL, run: (count) => timed(() => inScopes(count, stores)) }
}

function viewsByCalls(id: Target['id'], mode: ObjectMode): Entrant {
  const heap = viewHeap(mode)
  const setUp = heap.scope()
  const holder = heap.root(heap.new(Holder, {}, SLOTS_BY_CALLS))
  setUp.close()
  const { items } = holder.value
  for (let from = 0; from < SLOTS_BY_CALLS; from += SCOPE_OBJECTS) {
    const scope = heap.scope()
    for (let i = from; i < from + SCOPE_OBJECTS; i++) items.set(i, heap.new(Item))
    scope.close()
  }
  const view = holder.value as View<typeof Holder>
  const stores = ownCopy(createViewStores)(heap, Item, view)
  return {
    contestant: viewsName(mode),
    run: (count) => timed(() => inScopes(count, stores[id])),
    end: () => {
      const result = heap.verify()
      if (!result.ok) throw new Error(`mode '${mode}': ${result.fault}`)
      holder.dispose()
      return {}
    },
  }
}

function inScopes(count: number, stores: (count: number) => void): void {
  for (let done = 0; done < count; done += SCOPE_OBJECTS) stores(SCOPE_OBJECTS)
}

export const objectStoreGroups: readonly Group[] = [
  ...targets.map(insideGroup),
  ...targets.map(({ id }) => callingGroup(id)),
]

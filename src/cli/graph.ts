/** `heapwright graph`: what real programs hold, on a heap of a collecting mode. */

import { setImmediate } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { ADDRESS_LIMIT } from '../../kernel/layout.js'
import { HeapSnapshotReader, snapshotName } from '../formats/heapsnapshot.js'
import { formatCount, formatSeconds } from '../formats/units.js'
import { type Graph, graphOf, heapBytesOf } from '../graph/graph.js'
import { ObjectGraphHeap } from '../graph/object-heap.js'
import { type GraphRun, runGraph } from '../graph/run.js'
import { Heap } from '../heap.js'
import { MODES } from '../modes.js'
import { formatBytes, parseSize } from '../sizes.js'
import type { ModeName } from '../types.js'
import { inputName, readInput } from './io.js'
import { outColors, printable, printJson, printLine, reportFailure } from './output.js'
import { Progress } from './progress.js'
import { type Column, formatTable } from './table.js'
import { checkInputs, checkLimit, wholeNumber } from './usage.js'

/** The modes that collect, the default first. */
const GRAPH_MODES: readonly ModeName[] = Object.values(MODES)
  .filter(({ collector }) => collector !== 'none')
  .map(({ name }) => name)
const COLLECTIONS_MAX = 10_000

interface GraphFlags {
  readonly mode: ModeName | 'all'
  readonly limit?: string
  readonly seed: number
  readonly collections: number
  readonly json?: true
}

export function addGraph(program: Command): void {
  program
    .command('graph')
    .description(
      "Load heap snapshots (V8's .heapsnapshot, plain or gzipped) into a heap, collect, drop a part, compact, and check.",
    )
    .argument('<files...>', 'snapshots, such as mine.heapsnapshot or mine.heapsnapshot.gz; - is standard input')
    .addOption(
      new Option('--mode <mode>', 'mode of the heap')
        .choices([...GRAPH_MODES, 'all'])
        .default(GRAPH_MODES[0] as string),
    )
    .option('--limit <size>', 'most memory the heap may hold, such as 64MiB (default: more than the graph needs)')
    .addOption(
      new Option('--seed <n>', 'which edges near the root are dropped')
        .argParser(wholeNumber(0, 2 ** 32 - 1))
        .default(1),
    )
    .addOption(
      new Option('--collections <n>', 'full collections after the first one, for the median time')
        .argParser(wholeNumber(1, COLLECTIONS_MAX))
        .default(5),
    )
    .option('--json', 'print one JSON document instead of a table')
    .addHelpText('after', HELP)
    .action(runGraphs)
}

const HELP = `
Each node becomes an object with its references and raw bytes of the recorded size, each weak edge a weak reference.
After the first collections, after half of the edges within two hops of the root are dropped, and after a compaction,
the heap must hold exactly what the file says is reachable; else the exit code is 1, and the differences are named.
A file that fails does not keep the others from being loaded; the exit code is 1 then, too.

To write a snapshot of a program:
  node -e 'YOUR PROGRAM; v8.writeHeapSnapshot("mine.heapsnapshot")'`

async function runGraphs(files: readonly string[], flags: GraphFlags, command: Command): Promise<void> {
  const modes = flags.mode === 'all' ? GRAPH_MODES : [flags.mode]
  checkInputs(files, command)
  if (flags.limit !== undefined) for (const mode of modes) checkLimit(flags.limit, mode, command)
  const { runs, errors } = await runAll(files, modes, flags)

  if (flags.json) printJson({ version: 1, results: runs.map(({ result }) => result) })
  else printTable(runs)
  for (const error of errors) reportFailure(error)
  for (const { result, faults } of runs) {
    for (const fault of faults) reportFailure(`${result.graph} (${result.mode}): ${fault}`)
  }
}

interface AllRuns {
  readonly runs: GraphRun[]
  /** One for each file or run that failed; the message names it. */
  readonly errors: Error[]
}

async function runAll(files: readonly string[], modes: readonly ModeName[], flags: GraphFlags): Promise<AllRuns> {
  const runs: GraphRun[] = []
  const errors: Error[] = []
  const progress = new Progress(files.length * (modes.length + 1))
  for (const file of files) {
    const name = inputName(file)
    progress.begin(printable(`${name}: reading`))
    const graph = await readGraph(file).catch((error: Error) => {
      errors.push(error)
    })
    progress.end(graph ? 1 : modes.length + 1)
    if (!graph) continue
    for (const mode of modes) {
      progress.begin(printable(`${name}: ${mode}`))
      await setImmediate() // lets signals in
      try {
        runs.push(runOne(graph, mode, flags, progress))
      } catch (error) {
        errors.push(new Error(`${name} (${mode}): ${error instanceof Error ? error.message : error}`, { cause: error }))
      }
      progress.end()
    }
  }
  progress.stop()
  return { runs, errors }
}

async function readGraph(file: string): Promise<Graph> {
  const reader = new HeapSnapshotReader(inputName(file))
  for await (const chunk of readInput(file)) reader.push(chunk)
  return graphOf(reader.finish())
}

function runOne(graph: Graph, mode: ModeName, flags: GraphFlags, progress: Progress): GraphRun {
  const { seed, collections } = flags
  using heap = Heap.create({ mode, limit: flags.limit ?? roomyLimit(graph, mode) })
  const onProgress = (share: number) => progress.share(share)
  return runGraph(graph, new ObjectGraphHeap(heap), { mode, seed, collections, onProgress })
}

/**
 * What `embedded` needs beside the objects, for maps and tables and its collector, as a share of them; and at least.
 */
const FIT_SHARE = 1.25
const FIT_MORE_BYTES = 1 << 20

/**
 * A limit that the graph does not meet. `embedded` lives in one buffer, which is made as long as it is needed; the
 * other mode's own limit holds where that is plenty.
 */
function roomyLimit(graph: Graph, mode: ModeName): number {
  const bytes = heapBytesOf(graph)
  if (mode !== GRAPH_MODES[0]) return Math.min(ADDRESS_LIMIT, Math.ceil(bytes * FIT_SHARE) + FIT_MORE_BYTES)
  const own = parseSize(MODES[mode].options.limit)
  return bytes * 3 < own ? own : Math.min(ADDRESS_LIMIT, bytes * 3)
}

// ---- table --------------------------------------------------------------------------------------------------------

const COLUMNS: readonly Column<GraphRun>[] = [
  { head: 'graph', align: 'left', cell: ({ result }) => printable(snapshotName(result.graph)) },
  { head: 'mode', align: 'left', cell: ({ result }) => result.mode },
  { head: 'nodes', cell: ({ result }) => formatCount(result.nodes) },
  { head: 'edges', cell: ({ result }) => formatCount(result.edges) },
  { head: 'bytes', cell: ({ result }) => formatBytes(result.bytes) },
  { head: 'load', cell: ({ result }) => formatSeconds(result.loadSeconds) },
  { head: 'first\ncollect', cell: ({ result }) => formatMs(result.collectMs.first) },
  { head: 'median\ncollect', cell: ({ result }) => outColors.bold(formatMs(result.collectMs.median)) },
  { head: 'live', cell: ({ result }) => formatLive(result.liveAfter, result.reachable) },
  { head: 'live after\ndrop', cell: ({ result }) => formatLive(result.liveAfterDrop, result.reachableAfterDrop) },
  { head: 'compact', cell: ({ result }) => formatMs(result.compact.ms) },
  { head: 'moved', cell: ({ result }) => formatCount(result.compact.moved) },
  { head: 'committed\nbefore', cell: ({ result }) => formatBytes(result.compact.committedBefore) },
  { head: 'committed\nafter', cell: ({ result }) => formatBytes(result.compact.committedAfter) },
  {
    head: 'checks',
    align: 'left',
    cell: ({ result }) => (result.isomorphic && result.verified ? outColors.green('passed') : outColors.red('FAILED')),
  },
]

function printTable(runs: readonly GraphRun[]): void {
  if (runs.length === 0) return
  printLine(formatTable(COLUMNS, runs))
  const notes = [
    'live: objects that the collector found alive, weak references not counted; as many as the file says are reachable.',
    'committed: before and after the compaction. moved: objects, weak references among them.',
  ]
  for (const note of notes) printLine(outColors.dim(note))
}

function formatMs(ms: number): string {
  return formatSeconds(ms / 1000)
}

function formatLive(live: number, reachable: number): string {
  if (live === reachable) return formatCount(live)
  return outColors.red(`${formatCount(live)} of ${formatCount(reachable)}`)
}

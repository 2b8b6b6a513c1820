/** `heapwright snapshot`: what is in a heap snapshot, what keeps it, and what has changed from one to another. */

import { type Command, Option } from 'commander'
import { type HeapSnapshot, HeapSnapshotReader } from '../formats/heapsnapshot.js'
import { formatCount } from '../formats/units.js'
import type { DiffRow, SnapshotDiff } from '../inspect/diff.js'
import { type SnapshotEdge, SnapshotGraph, type SnapshotNode } from '../inspect/snapshot-graph.js'
import type { HistogramRow } from '../inspect/snapshot-histogram.js'
import { formatBytes } from '../sizes.js'
import { inputName, readInput } from './io.js'
import { outColors, printable, printJson, printLine, reportFailure } from './output.js'
import { Progress } from './progress.js'
import { type Column, formatTable } from './table.js'
import { checkInputs, wholeNumber } from './usage.js'

const TOP_MAX = 1_000_000
const ID_MAX = 2 ** 32 - 1
const NAME_CHARACTERS = 60

interface SnapshotFlags {
  readonly top: number
  readonly type?: string
  readonly path?: number
  readonly by?: 'ids' | 'types'
  readonly json?: true
}

export function addSnapshot(program: Command): void {
  program
    .command('snapshot')
    .description('Show what is in a heap snapshot (.heapsnapshot, plain or gzipped), or what has changed between two.')
    .argument('<file>', 'a snapshot, such as mine.heapsnapshot or mine.heapsnapshot.gz; - is standard input')
    .argument('[later]', 'a later one: show what has changed since the first')
    .addOption(
      new Option('--top <n>', 'rows of each table, those of most bytes first')
        .argParser(wholeNumber(1, TOP_MAX))
        .default(20),
    )
    .option('--type <name>', 'only nodes of this class, such as Map or "(string)"')
    .addOption(
      new Option('--path <id>', 'show what keeps the node with this id, from the root on').argParser(
        wholeNumber(0, ID_MAX),
      ),
    )
    .addOption(
      new Option(
        '--by <what>',
        'how nodes of two snapshots are matched (default: ids that stay with an object)',
      ).choices(['ids', 'types']),
    )
    .option('--json', 'print one JSON document instead of tables')
    .addHelpText('after', HELP)
    .action(runSnapshot)
}

const HELP = `
retained: what would be freed with a node, or with all nodes of a class. Weak edges keep nothing.
Classes are those of Chrome DevTools: objects and native memory by name, everything else by type, in parentheses.
Ids in files that V8 wrote stay with an object, so two files of one process are matched by them. In files of
Heapwright they are addresses, which other objects may have later: those are matched by type unless --by ids is given.

To write a snapshot of a heap, or of a program:
  await writeFile('mine.heapsnapshot', heap.snapshot().write())
  node -e 'YOUR PROGRAM; v8.writeHeapSnapshot("mine.heapsnapshot")'`

async function runSnapshot(
  file: string,
  later: string | undefined,
  flags: SnapshotFlags,
  command: Command,
): Promise<void> {
  checkUsage(file, later, flags, command)
  const files = later === undefined ? [file] : [file, later]
  const graphs = await readAll(files)
  const [before, after] = graphs
  if (!before) return
  if (after) showDiff(before, after, flags)
  else showSnapshot(before, flags)
}

function checkUsage(file: string, later: string | undefined, flags: SnapshotFlags, command: Command): void {
  checkInputs(later === undefined ? [file] : [file, later], command)
  const refuse = (option: string, reason: string) => command.error(`error: option '${option}' ${reason}`)
  if (later === undefined && flags.by !== undefined) refuse('--by <what>', 'goes with two files')
  if (later !== undefined && flags.path !== undefined) refuse('--path <id>', 'goes with one file')
  if (flags.path !== undefined && flags.type !== undefined) refuse('--type <name>', "does not go with '--path <id>'")
}

/** The graphs of all files; none when one of them failed, which was reported. */
async function readAll(files: readonly string[]): Promise<SnapshotGraph[]> {
  const progress = new Progress(files.length)
  const graphs: SnapshotGraph[] = []
  try {
    for (const file of files) {
      progress.begin(printable(`${inputName(file)}: reading`))
      graphs.push(new SnapshotGraph(await readSnapshot(file)))
      progress.end()
    }
    return graphs
  } catch (error) {
    reportFailure(error)
    return []
  } finally {
    progress.stop()
  }
}

async function readSnapshot(file: string): Promise<HeapSnapshot> {
  const reader = new HeapSnapshotReader(inputName(file))
  for await (const chunk of readInput(file)) reader.push(chunk)
  return reader.finish()
}

// ---- one snapshot ---------------------------------------------------------------------------------------------------

function showSnapshot(graph: SnapshotGraph, flags: SnapshotFlags): void {
  if (flags.path !== undefined) {
    showPath(graph, flags.path, flags.json ?? false)
    return
  }
  const { name, nodeCount, edgeCount, bytes } = graph.snapshot
  const { type, top } = flags
  const classes = graph.histogram().filter(({ className }) => type === undefined || className === type)
  if (type !== undefined && classes.length === 0) {
    reportFailure(new Error(`${name}: there is no node of class '${type}'`))
    return
  }
  const nodes = graph.topRetained({ count: top, ...(type !== undefined && { className: type }) })
  if (flags.json) {
    const counts = { nodes: nodeCount, edges: edgeCount, bytes }
    printJson({ version: 1, file: name, ...counts, classes: classes.slice(0, top), top: nodes })
    return
  }
  printLine(outColors.bold(printable(name)))
  printLine(`${formatCount(nodeCount)} nodes, ${formatCount(edgeCount)} edges, ${formatBytes(bytes)}`)
  printLine()
  printLine(formatTable(CLASS_COLUMNS, classes.slice(0, top)))
  if (classes.length > top) printLine(outColors.dim(`and ${formatCount(classes.length - top)} classes more`))
  printLine()
  printLine(formatTable(NODE_COLUMNS, nodes))
}

const CLASS_COLUMNS: readonly Column<HistogramRow>[] = [
  { head: 'class', align: 'left', cell: ({ className }) => shortened(className) },
  { head: 'count', cell: ({ count }) => formatCount(count) },
  { head: 'own', cell: ({ selfBytes }) => formatBytes(selfBytes) },
  { head: 'retained', cell: ({ retainedBytes }) => outColors.bold(formatBytes(retainedBytes)) },
]

const NODE_COLUMNS: readonly Column<SnapshotNode>[] = [
  { head: 'id', cell: ({ id, node }) => String(id ?? node) },
  { head: 'type', align: 'left', cell: ({ type }) => shortened(type) },
  { head: 'name', align: 'left', cell: ({ name }) => shortened(name) },
  { head: 'own', cell: ({ selfBytes }) => formatBytes(selfBytes) },
  { head: 'retained', cell: ({ retainedBytes }) => outColors.bold(formatBytes(retainedBytes)) },
]

function shortened(text: string): string {
  const line = printable(text)
  return line.length > NAME_CHARACTERS ? `${line.slice(0, NAME_CHARACTERS - 1)}…` : line
}

// ---- a path ---------------------------------------------------------------------------------------------------------

function showPath(graph: SnapshotGraph, id: number, isJson: boolean): void {
  const { name, nodeIds } = graph.snapshot
  const node = nodeIds ? graph.nodeById(id) : id < graph.snapshot.nodeCount ? id : undefined
  if (node === undefined) {
    reportFailure(new Error(`${name}: no node has the id ${id}`))
    return
  }
  const path = graph.pathToRoot(node)
  if (isJson) {
    const steps = path?.map(({ type, label, node }) => ({ edge: { type, label }, node: graph.node(node) })) ?? null
    printJson({ version: 1, file: name, node: graph.node(node), path: steps })
    return
  }
  printLine(`${describe(graph, node)}, ${sizes(graph.node(node))}`)
  if (path === undefined) printLine('Nothing keeps it: no path from the root leads to it, weak edges left out.')
  else if (path.length === 0) printLine('It is the root.')
  else for (const line of pathLines(graph, path)) printLine(line)
}

function pathLines(graph: SnapshotGraph, path: readonly SnapshotEdge[]): string[] {
  return path.map((edge) => {
    const label = shortened(edge.label)
    const name = edge.type === 'element' ? label : `.${label}`
    return `  ${outColors.dim(shortened(edge.type).padEnd(8))} ${outColors.cyan(name)} → ${describe(graph, edge.node)}`
  })
}

function describe(graph: SnapshotGraph, node: number): string {
  const { id, type, name } = graph.node(node)
  const words = [shortened(type), outColors.bold(shortened(name)), `@${id ?? node}`]
  return words.filter((word) => word !== '').join(' ')
}

function sizes({ selfBytes, retainedBytes }: SnapshotNode): string {
  return `${formatBytes(selfBytes)} of its own, ${formatBytes(retainedBytes)} retained`
}

// ---- two snapshots --------------------------------------------------------------------------------------------------

function showDiff(before: SnapshotGraph, after: SnapshotGraph, { top, type, by, json }: SnapshotFlags): void {
  let diff: SnapshotDiff
  try {
    diff = before.diff(after, by === undefined ? {} : { by })
  } catch (error) {
    reportFailure(error)
    return
  }
  const rows = diff.rows.filter(({ className }) => type === undefined || className === type)
  const [from, to] = [before.snapshot, after.snapshot]
  if (json) {
    const bytes = { bytesBefore: diff.bytesBefore, bytesAfter: diff.bytesAfter }
    printJson({ version: 1, before: from.name, after: to.name, by: diff.by, ...bytes, classes: rows.slice(0, top) })
    return
  }
  printLine(outColors.bold(printable(`${from.name} → ${to.name}`)))
  const grown = signed(diff.bytesAfter - diff.bytesBefore, formatBytes)
  printLine(`${formatBytes(diff.bytesBefore)} → ${formatBytes(diff.bytesAfter)} (${grown}), matched by ${diff.by}`)
  if (rows.length === 0) {
    printLine('Nothing has changed.')
    return
  }
  printLine()
  printLine(formatTable(DIFF_COLUMNS, rows.slice(0, top)))
  if (rows.length > top) printLine(outColors.dim(`and ${formatCount(rows.length - top)} classes more`))
}

const DIFF_COLUMNS: readonly Column<DiffRow>[] = [
  { head: 'class', align: 'left', cell: ({ className }) => shortened(className) },
  { head: 'new', cell: ({ newCount }) => formatCount(newCount) },
  { head: 'gone', cell: ({ goneCount }) => formatCount(goneCount) },
  { head: 'count', cell: ({ countAfter }) => formatCount(countAfter) },
  { head: 'new bytes', cell: ({ newBytes }) => formatBytes(newBytes) },
  { head: 'gone bytes', cell: ({ goneBytes }) => formatBytes(goneBytes) },
  {
    head: 'growth',
    cell: ({ bytesBefore, bytesAfter }) => outColors.bold(signed(bytesAfter - bytesBefore, formatBytes)),
  },
]

function signed(value: number, format: (value: number) => string): string {
  return value > 0 ? `+${format(value)}` : value < 0 ? `−${format(-value)}` : '0'
}

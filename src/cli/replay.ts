/** `heapwright replay`: what real programs asked of `malloc`, on a heap of any mode. */

import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type Command, Option } from 'commander'
import { type EventList, traceName } from '../formats/event-list.js'
import { MtraceReader } from '../formats/mtrace.js'
import { formatCount, formatSeconds, formatShare } from '../formats/units.js'
import { Heap } from '../heap.js'
import { MODES } from '../modes.js'
import { type ReportTrace, renderReport } from '../page/report.js'
import { liveFigures } from '../replay/live.js'
import { formatFragmentation, NEVER_RESET, type Replay, type ReplayResult, replay } from '../replay/replay.js'
import { formatBytes, parseSize } from '../sizes.js'
import type { ModeName, SizeClassStats } from '../types.js'
import { checkOutput, inputName, readInput, STANDARD_INPUT, writeOutput } from './io.js'
import { errColors, outColors, printable, printJson, printLine, printNote, reportFailure } from './output.js'
import { Progress } from './progress.js'
import { type Column, formatTable } from './table.js'

const MODE_NAMES = Object.keys(MODES) as ModeName[]

/** The whole of WebAssembly's address space but for its last page. */
const LIMIT_MAX_BYTES = 2 ** 32 - 65536

interface ReplayFlags {
  readonly mode: ModeName | 'all'
  readonly limit?: string
  readonly verify: boolean
  readonly sizeClasses?: true
  readonly json?: true
  readonly report?: string
}

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description(
      'Replay allocation traces (mtrace text of the GNU C Library, plain or gzipped) on a heap and print what it cost.',
    )
    .argument('<files...>', 'traces, such as out.mtrace or out.mtrace.gz; - is standard input')
    .addOption(new Option('--mode <mode>', 'mode of the heap').choices([...MODE_NAMES, 'all']).default('manual'))
    .option('--limit <size>', 'most memory the heap may hold, such as 64MiB (default: more than the trace needs)')
    .option('--verify', "fill and check every block's bytes and the heap's invariants in an untimed pass", true)
    .option('--no-verify', 'leave these checks out')
    .option('--size-classes', 'also print the size classes at the live peak')
    .option('--report <file>', 'write a report as one HTML file')
    .option('--json', 'print one JSON document instead of tables')
    .addHelpText('after', HELP)
    .action(runReplay)
}

const HELP = `
Each trace is replayed at least three times for the time (the median counts) and once more, untimed, for the checks and
the report.
A file that fails does not keep the others from being replayed; the exit code is 1 then, and when a check does not hold.
Running out of memory under --limit is a result and no failure: it is counted, and the exit code is 0.

To record a trace of a program on Linux:
  echo '#include <mcheck.h>
  __attribute__((constructor)) static void on(void) { mtrace(); }' > on.c && gcc -shared -fPIC on.c -o on.so
  MALLOC_TRACE=out.mtrace LD_PRELOAD="libc_malloc_debug.so.0 ./on.so" PROGRAM ...`

async function runReplay(files: readonly string[], flags: ReplayFlags, command: Command): Promise<void> {
  const { limit } = flags
  if (limit !== undefined) checkLimit(limit, command)
  if (files.filter((file) => file === STANDARD_INPUT).length > 1) {
    command.error(`error: standard input can be read only once: give '${STANDARD_INPUT}' once`)
  }
  if (flags.report !== undefined) {
    await checkOutput(flags.report, files).catch((error: Error) => {
      command.error(`error: option '--report <file>': ${printable(error.message)}`)
    })
  }
  const modes = flags.mode === 'all' ? MODE_NAMES : [flags.mode]
  const { traces, errors } = await replayAll(files, modes, limit, flags.verify)

  if (flags.json) printJson({ version: 1, results: traces.flatMap((trace) => rowsForJson(trace, flags)) })
  else printTables(traces, flags)
  for (const error of errors) reportFailure(error)
  for (const { runs } of traces) {
    for (const { result, faults } of runs) {
      for (const fault of faults) reportFailure(`${result.trace} (${result.mode}): ${fault}`)
    }
  }
  if (flags.report !== undefined) await writeReport(flags.report, traces, errors, flags)
}

/** A limit that is not a size, or that no heap can live in, is wrong usage. */
function checkLimit(limit: string, command: Command): void {
  try {
    Heap.create({ limit: parseSize(limit, 'limit') }).close()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    command.error(`error: option '--limit <size>': ${error.message}`)
  }
}

interface ReplayedFiles {
  readonly traces: ReportTrace[]
  /** One for each file or replay that failed; the message names it. */
  readonly errors: Error[]
}

async function replayAll(
  files: readonly string[],
  modes: readonly ModeName[],
  limit: string | undefined,
  verify: boolean,
): Promise<ReplayedFiles> {
  const traces: ReportTrace[] = []
  const errors: Error[] = []
  const progress = new Progress(files.length * (modes.length + 1))
  for (const file of files) {
    const name = inputName(file)
    progress.begin(printable(`${name}: reading`))
    const events = await readTrace(file).catch((error: Error) => {
      errors.push(error)
    })
    progress.end(events ? 1 : modes.length + 1)
    if (!events) continue
    const runs: Replay[] = []
    for (const mode of modes) {
      progress.begin(printable(`${name}: ${mode}`))
      await setImmediate() // lets signals in
      try {
        const most = limit ?? roomyLimit(events, mode)
        runs.push(replay(events, { mode, limit: most, verify, onProgress: (share) => progress.share(share) }))
      } catch (error) {
        errors.push(new Error(`${name} (${mode}): ${error instanceof Error ? error.message : error}`, { cause: error }))
      }
      progress.end()
    }
    if (runs.length > 0) traces.push({ name, runs })
  }
  progress.stop()
  return { traces, errors }
}

/**
 * A limit that the replay does not meet: a replay is to run out of memory only when asked to. The heap's own default where
 * that is plenty, since the tables of a heap grow with its limit.
 */
function roomyLimit(events: EventList, mode: ModeName): number | undefined {
  const { limit } = MODES[mode].options
  let bytes = 0
  if (mode === 'compiler') for (let i = 0; i < events.length; i++) bytes += (events.sizes[i] ?? 0) + 16
  else bytes = liveFigures(events, []).livePeakBytes
  return bytes * 1.5 < parseSize(limit) ? undefined : LIMIT_MAX_BYTES
}

async function readTrace(file: string): Promise<EventList> {
  const reader = new MtraceReader(inputName(file))
  for await (const chunk of readInput(file)) reader.push(chunk)
  return reader.finish()
}

function rowsForJson(trace: ReportTrace, flags: ReplayFlags): object[] {
  return trace.runs.map(({ result, peak }) =>
    flags.sizeClasses ? { ...result, sizeClasses: peak.stats.classes } : result,
  )
}

async function writeReport(
  file: string,
  traces: readonly ReportTrace[],
  errors: readonly Error[],
  flags: ReplayFlags,
): Promise<void> {
  const html = renderReport({
    traces,
    errors: errors.map((error) => error.message),
    created: new Date(),
    environment: `Node ${process.version}, ${process.platform} ${process.arch}, ${cpus()[0]?.model ?? 'unknown processor'}`,
    limit: flags.limit,
  })
  try {
    await writeOutput(file, html)
  } catch (error) {
    reportFailure(error)
    return
  }
  const line = `Report: ${printable(file)}  ${errColors.dim(pathToFileURL(resolve(file)).href)}`
  if (flags.json) printNote(line)
  else printLine(line)
}

// ---- tables -------------------------------------------------------------------------------------------------------

const RUN_COLUMNS: readonly Column<Replay>[] = [
  { head: 'trace', align: 'left', cell: ({ result }) => printable(traceName(result.trace)) },
  { head: 'mode', align: 'left', cell: ({ result }) => result.mode },
  { head: 'events', cell: ({ result }) => formatCount(result.events) },
  { head: 'per\nevent', cell: ({ result }) => outColors.bold(formatSeconds(result.nsPerEvent / 1e9)) },
  { head: 'peak\nblocks', cell: ({ result }) => formatCount(result.livePeakBlocks) },
  { head: 'live\npeak', cell: ({ result }) => formatBytes(result.livePeakBytes) },
  { head: 'committed\nthen', cell: ({ peak }) => formatBytes(peak.stats.committedBytes) },
  { head: 'fragm.', cell: ({ result }) => formatFragmentation(result) },
  { head: 'committed\npeak', cell: ({ result }) => formatBytes(result.committedPeakBytes) },
  { head: 'failed', cell: ({ result }) => (result.failed > 0 ? outColors.yellow(formatCount(result.failed)) : '0') },
  { head: 'left', cell: ({ result }) => formatBytes(result.endLiveBytes) },
]
const COLLECTIONS_COLUMN: Column<Replay> = { head: 'collections', cell: ({ result }) => formatCollections(result) }
const SKIPPED_COLUMN: Column<Replay> = { head: 'skipped', cell: ({ result }) => formatCount(result.skipped) }
const VERIFIED_COLUMN: Column<Replay> = {
  head: 'checks',
  align: 'left',
  cell: ({ result }) => (result.verified ? outColors.green('passed') : outColors.red('FAILED')),
}

function printTables(traces: readonly ReportTrace[], flags: ReplayFlags): void {
  const runs = traces.flatMap((trace) => trace.runs)
  if (runs.length === 0) return
  const hasSkipped = runs.some(({ result }) => result.skipped > 0)
  const columns = [
    ...RUN_COLUMNS,
    ...(runs.some(({ result }) => result.collections > 0) ? [COLLECTIONS_COLUMN] : []),
    ...(hasSkipped ? [SKIPPED_COLUMN] : []),
    ...(flags.verify ? [VERIFIED_COLUMN] : []),
  ]
  printLine(formatTable(columns, runs))
  const notes = [
    'fragm.: committed then over live peak, both at the moment when live bytes (as requested) were at their peak.',
    'committed peak: the most at any moment. left: live bytes at the end.',
  ]
  if (hasSkipped)
    notes.push('skipped: lines of the trace that are no event (= Start is one), and frees of unknown addresses.')
  if (runs.some(({ result }) => result.mode === 'compiler')) notes.push(`compiler: ${NEVER_RESET}`)
  for (const note of notes) printLine(outColors.dim(note))
  if (!flags.sizeClasses) return
  for (const { result, peak } of runs) printSizeClasses(result, peak.stats.classes)
}

const CLASS_COLUMNS: readonly Column<SizeClassStats>[] = [
  { head: 'block', cell: (row) => `${formatCount(row.blockBytes)} B` },
  { head: 'pages', cell: (row) => formatCount(row.pages) },
  { head: 'slots', cell: (row) => formatCount(row.slots) },
  { head: 'used', cell: (row) => formatCount(row.used) },
  { head: 'used', cell: (row) => formatShare(row.slots === 0 ? 0 : row.used / row.slots) },
  { head: 'free bytes', cell: (row) => formatBytes((row.slots - row.used) * row.blockBytes) },
  { head: 'tails', cell: (row) => formatBytes(row.tailBytes) },
  { head: 'reachable', cell: (row) => formatShare(row.reachable) },
]

function printSizeClasses(result: ReplayResult, classes: readonly SizeClassStats[]): void {
  const used = classes.filter((row) => row.pages > 0)
  printLine()
  printLine(outColors.bold(`Size classes at the live peak of ${printable(traceName(result.trace))} (${result.mode})`))
  if (used.length > 0) printLine(formatTable(CLASS_COLUMNS, used))
  else printLine('No block came from a size class.')
}

/** How many, and their pauses: median, 99th of 100, longest. */
function formatCollections({ collections, pauses }: ReplayResult): string {
  if (pauses.count === 0) return formatCount(collections)
  const times = [pauses.p50Ms, pauses.p99Ms, pauses.maxMs].map((ms) => ms.toFixed(2)).join(' / ')
  return `${formatCount(collections)}: ${times} ms`
}

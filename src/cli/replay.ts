/** `heapwright replay`: what real programs asked of `malloc`, on a heap of any mode. */

import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type Command, Option } from 'commander'
import { type EventList, traceName } from '../formats/event-list.js'
import { makeHeapProfile } from '../formats/heapprofile.js'
import { MtraceReader } from '../formats/mtrace.js'
import { writePprof } from '../formats/pprof.js'
import { formatCount, formatSeconds, formatShare } from '../formats/units.js'
import { MODES } from '../modes.js'
import { EMBEDDED_MAX_BYTES } from '../options.js'
import { type ReportTrace, renderReport } from '../page/report.js'
import { profileOfTrace, timelineOfTrace } from '../replay/observed-pass.js'
import {
  formatFragmentation,
  heapOptionsOf,
  NEVER_RESET,
  type Replay,
  type ReplayResult,
  replay,
} from '../replay/replay.js'
import { roomyLimit, TooLargeError } from '../replay/room.js'
import { formatBytes, parseSize } from '../sizes.js'
import type { ModeName, Size, SizeClassStats } from '../types.js'
import { checkOutput, inputName, readInput, writeOutput } from './io.js'
import { errColors, outColors, printable, printJson, printLine, printNote, reportFailure } from './output.js'
import { Progress } from './progress.js'
import { type Column, formatTable } from './table.js'
import { checkInputs, checkLimit } from './usage.js'

const MODE_NAMES = Object.values(MODES).map(({ name }) => name)

interface ReplayFlags {
  readonly mode: ModeName | 'all'
  readonly limit?: string
  readonly verify: boolean
  readonly sizeClasses?: true
  readonly json?: true
  readonly report?: string
  readonly profile?: string
  readonly traceEvents?: string
}

/** What the passes for `--profile` and `--trace-events` need of a replay. */
interface Observable {
  readonly events: EventList
  readonly mode: ModeName
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
    .option('--profile <file>', 'write who allocates, as .heapprofile for Chrome DevTools or .pb.gz for pprof')
    .option('--trace-events <file>', 'write a timeline of collections as Chrome trace events, for ui.perfetto.dev')
    .option('--json', 'print one JSON document instead of tables')
    .addHelpText('after', HELP)
    .action(runReplay)
}

const HELP = `
Each trace is replayed at least three times for the time (the median counts; once when it takes seconds) and once more,
untimed, for the checks and the report.
In the modes runtime, vm, server and embedded, which collect, each allocation becomes an object that a root holds until
its free event drops it; the time holds the collections. The buffer of mode embedded is at most 64 MiB: a trace that
needs more fails there, and --mode all leaves that mode out for it.
A file that fails does not keep the others from being replayed; the exit code is 1 then, and when a check does not hold.
Running out of memory under --limit is a result and no failure: it is counted, and the exit code is 0.

--profile and --trace-events take one trace and one mode, and run passes of their own. The profile is of the recorded
program: who called malloc, as the trace says it, all of it and what was in use at the live peak; the mode is one
without a collector.

To record a trace of a program on Linux:
  echo '#include <mcheck.h>
  __attribute__((constructor)) static void on(void) { mtrace(); }' > on.c && gcc -shared -fPIC on.c -o on.so
  MALLOC_TRACE=out.mtrace LD_PRELOAD="libc_malloc_debug.so.0 ./on.so" PROGRAM ...`

async function runReplay(files: readonly string[], flags: ReplayFlags, command: Command): Promise<void> {
  const { limit } = flags
  const modes = flags.mode === 'all' ? MODE_NAMES : [flags.mode]
  if (limit !== undefined) for (const mode of modes) checkLimit(limitFor(mode, limit, flags), mode, command)
  checkInputs(files, command)
  checkObserved(files, modes, flags, command)
  for (const [option, file] of outputsOf(flags)) {
    await checkOutput(file, files).catch((error: Error) => {
      command.error(`error: option '--${option} <file>': ${printable(error.message)}`)
    })
  }
  const { traces, errors, notes, observable } = await replayAll(files, modes, flags)

  if (flags.json) printJson({ version: 1, results: traces.flatMap((trace) => rowsForJson(trace, flags)) })
  else printTables(traces, flags)
  for (const note of notes) printNote(printable(note))
  for (const error of errors) reportFailure(error)
  for (const { runs } of traces) {
    for (const { result, faults } of runs) {
      for (const fault of faults) reportFailure(`${result.trace} (${result.mode}): ${fault}`)
    }
  }
  if (flags.report !== undefined) await writeReport(flags.report, { traces, errors, notes }, flags)
  if (observable) await writeObserved(observable, flags)
}

/** Files to be written, by option. */
function outputsOf({ report, profile, traceEvents }: ReplayFlags): [option: string, file: string][] {
  const outputs = { report, profile, 'trace-events': traceEvents }
  return Object.entries(outputs).flatMap(([option, file]) => (file === undefined ? [] : [[option, file]]))
}

/** What a profile and a timeline are of must be clear. */
function checkObserved(
  files: readonly string[],
  modes: readonly ModeName[],
  { profile, traceEvents }: ReplayFlags,
  command: Command,
): void {
  if (profile === undefined && traceEvents === undefined) return
  const option = profile === undefined ? '--trace-events' : '--profile'
  if (files.length > 1) command.error(`error: option '${option} <file>' is for one trace, not for ${files.length}`)
  if (modes.length > 1) command.error(`error: option '${option} <file>' is for one mode, not for all`)
  if (profile === undefined) return
  const [mode] = modes as readonly [ModeName]
  if (MODES[mode].collector !== 'none') {
    command.error(`error: option '--profile <file>' is for modes without a collector, not for '${mode}'`)
  }
  if (!isHeapProfile(profile) && !profile.endsWith('.pb.gz')) {
    command.error("error: option '--profile <file>': the file's name must end in .heapprofile or .pb.gz")
  }
}

function isHeapProfile(file: string): boolean {
  return file.endsWith('.heapprofile')
}

/** The passes that `--profile` and `--trace-events` ask for, and their files. */
async function writeObserved({ events, mode }: Observable, flags: ReplayFlags): Promise<void> {
  const options = heapOptionsOf({ mode, limit: limitOf(events, mode, flags) })
  const tell = flags.json ? printNote : printLine
  try {
    if (flags.profile !== undefined) {
      const profile = profileOfTrace(options, events)
      const contents = isHeapProfile(flags.profile)
        ? `${JSON.stringify(makeHeapProfile(profile))}\n`
        : gzipSync(writePprof(profile))
      await writeOutput(flags.profile, contents)
      tell(`Profile: ${printable(flags.profile)}`)
    }
    if (flags.traceEvents !== undefined) {
      await writeOutput(flags.traceEvents, `${JSON.stringify(await timelineOfTrace(options, events))}\n`)
      tell(`Timeline: ${printable(flags.traceEvents)}`)
    }
  } catch (error) {
    reportFailure(error)
  }
}

interface ReplayedFiles {
  readonly traces: ReportTrace[]
  /** What was left out, and why. */
  readonly notes: string[]
  /** One for each file or replay that failed; the message names it. */
  readonly errors: Error[]
  /** The one trace that was replayed, when a profile or a timeline of it is wanted. */
  readonly observable?: Observable
}

async function replayAll(
  files: readonly string[],
  modes: readonly ModeName[],
  flags: ReplayFlags,
): Promise<ReplayedFiles> {
  const traces: ReportTrace[] = []
  const notes: string[] = []
  const errors: Error[] = []
  let observable: Observable | undefined
  const isObserved = flags.profile !== undefined || flags.traceEvents !== undefined
  const progress = new Progress(files.length * (modes.length + 1))
  for (const file of files) {
    const name = inputName(file)
    progress.begin(printable(`${name}: reading`))
    const events = await readTrace(file, flags.profile !== undefined).catch((error: Error) => {
      errors.push(error)
    })
    progress.end(events ? 1 : modes.length + 1)
    if (!events) continue
    const runs: Replay[] = []
    for (const mode of modes) {
      progress.begin(printable(`${name}: ${mode}`))
      await setImmediate() // lets signals in
      try {
        runs.push(replayOne(events, mode, flags, progress))
        if (isObserved) observable = { events, mode }
      } catch (error) {
        const text = `${name} (${mode}): ${error instanceof Error ? error.message : error}`
        if (error instanceof TooLargeError && flags.mode === 'all') notes.push(`left out: ${text}`)
        else errors.push(new Error(text, { cause: error }))
      }
      progress.end()
    }
    if (runs.length > 0) traces.push({ name, runs })
  }
  progress.stop()
  return { traces, errors, notes, ...(observable && { observable }) }
}

function replayOne(events: EventList, mode: ModeName, flags: ReplayFlags, progress: Progress): Replay {
  const { verify } = flags
  const limit = limitOf(events, mode, flags)
  return replay(events, { mode, limit, verify, onProgress: (share) => progress.share(share) })
}

function limitOf(events: EventList, mode: ModeName, flags: ReplayFlags): Size | undefined {
  return flags.limit === undefined ? roomyLimit(events, mode) : limitFor(mode, flags.limit, flags)
}

/** With all modes, a limit for the others may be more than the longest buffer of `embedded`, which is its limit then. */
function limitFor(mode: ModeName, limit: string, flags: ReplayFlags): Size {
  if (flags.mode !== 'all' || mode !== 'embedded') return limit
  try {
    return Math.min(parseSize(limit, 'limit'), EMBEDDED_MAX_BYTES)
  } catch {
    // The check of the limit says what is wrong with it.
    return limit
  }
}

async function readTrace(file: string, keepsCallers: boolean): Promise<EventList> {
  const reader = new MtraceReader(inputName(file), keepsCallers)
  for await (const chunk of readInput(file)) reader.push(chunk)
  return reader.finish()
}

function rowsForJson(trace: ReportTrace, flags: ReplayFlags): object[] {
  return trace.runs.map(({ result, peak }) =>
    flags.sizeClasses ? { ...result, sizeClasses: peak.stats.classes } : result,
  )
}

async function writeReport(file: string, { traces, errors, notes }: ReplayedFiles, flags: ReplayFlags): Promise<void> {
  const html = renderReport({
    traces,
    errors: errors.map((error) => error.message),
    notes,
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
  const hasCollected = runs.some(({ result }) => result.collections > 0)
  const columns = [
    ...RUN_COLUMNS,
    ...(hasCollected ? [COLLECTIONS_COLUMN] : []),
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
  if (hasCollected) notes.push('collections: how many, and their pauses: median / 99th of 100 / longest.')
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

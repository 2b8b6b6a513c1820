/** `heapwright check`: a program for WASI, with its memory checked while it runs. */

import { basename } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CheckOptions } from '../guest/check/index.js'
import { parseSize } from '../sizes.js'
import { printJson, printNote } from './output.js'
import { directory, readModule, variable } from './run.js'
import { wholeNumber } from './usage.js'

const STANDARD_ERROR = 2
const EXIT_FAULTY = 1

interface CheckFlags {
  readonly precise?: true
  readonly json?: true
  readonly reachable?: true
  readonly quiet?: true
  readonly redZone?: number
  readonly quarantine?: number
  readonly limit?: number
  readonly depth?: number
  readonly maxFaults?: number
  readonly exitCode: number
  readonly invoke?: string
  readonly suppress: readonly string[]
  readonly dir: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
}

export function addCheck(program: Command): void {
  program
    .command('check')
    .description(
      'Run a WebAssembly program (WASI preview 1) and report the faults of its memory, without recompiling it.',
    )
    .argument('<module>', 'the program, such as app.wasm')
    .argument('[args...]', 'its arguments: everything behind the module is its own, options too')
    .option('--precise', 'check every load and store when it happens; the program runs several times slower')
    .option('--json', "print one JSON document; the program's standard output goes to standard error then")
    .option('--reachable', 'list blocks that are still pointed to at the end as well; they are no faults')
    .addOption(
      new Option('--suppress <function>', 'leave out what has this function in a stack; * is any text; repeat')
        .argParser(append)
        .default([], 'none'),
    )
    .option('--exit-code <number>', 'exit code when there are faults', wholeNumber(0, 255), EXIT_FAULTY)
    .option(
      '--max-faults <number>',
      'different faults of a kind that are reported (default 100)',
      wholeNumber(1, 100_000),
    )
    .option('--depth <number>', 'functions of each stack that are kept (default 16)', wholeNumber(1, 200))
    .option('--red-zone <size>', 'bytes around each block, 8 to 64KiB (default 32)', sizeOption('red-zone'))
    .option(
      '--quarantine <size>',
      'bytes of freed blocks that are not used again (default 16MiB)',
      sizeOption('quarantine'),
    )
    .option('--limit <size>', 'most memory for blocks and what is around them', sizeOption('limit'))
    .option('--invoke <export>', 'the function to call (default _start)')
    .addOption(
      new Option('--dir <host::guest>', 'let it open a directory, by the name behind ::; repeat')
        .argParser(directory)
        .default({}, 'none'),
    )
    .addOption(
      new Option('--env <name=value>', 'a variable of its environment; without = the one of this; repeat')
        .argParser(variable)
        .default({}, 'none'),
    )
    .option('--quiet', 'print nothing when there is no fault')
    .addHelpText('after', HELP)
    .passThroughOptions()
    .action(runCheck)
}

const HELP = `
The report comes on standard error when the program has ended; the exit code is 1 with faults, else the program's own,
and 134 when it trapped. Names of functions come from the module's name section. docs/check.md lists what is found.

  heapwright check app.wasm --its-own-option
  heapwright check --precise --dir .::/data app.wasm /data/input.txt
  heapwright check --json --suppress 'sqlite3_*' app.wasm > faults.json`

function append(text: string, others: readonly string[]): readonly string[] {
  return [...others, text]
}

function sizeOption(name: string): (text: string) => number {
  return (text) => {
    try {
      return parseSize(text, name)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
    }
  }
}

async function runCheck(file: string, args: readonly string[], flags: CheckFlags, command: Command): Promise<void> {
  const bytes = readModule(file)
  // Reads and changes modules, which the other commands need not wait for.
  const { checkModule, formatCheckReport } = await import('../guest/check/index.js')
  const { ArgumentError } = await import('../errors.js')
  const report = await checkModule(bytes, optionsOf(file, args, flags)).catch((error: unknown) => {
    if (error instanceof ArgumentError) command.error(`error: ${error.message}`)
    throw error instanceof Error ? new Error(`${file}: ${error.message}`, { cause: error }) : error
  })
  process.exitCode = report.isFaulty ? flags.exitCode : report.exitCode
  if (!flags.quiet || report.isFaulty || report.trap) printNote(formatCheckReport(report))
  if (flags.json) printJson(report)
}

function optionsOf(file: string, args: readonly string[], flags: CheckFlags): CheckOptions {
  const { precise, reachable, redZone, quarantine, limit, depth, maxFaults, invoke, suppress, dir, env, json } = flags
  return {
    args,
    name: basename(file),
    env,
    preopens: dir,
    suppress,
    ...(precise && { precise }),
    ...(reachable && { reachable }),
    ...(redZone !== undefined && { redZone }),
    ...(quarantine !== undefined && { quarantine }),
    ...(limit !== undefined && { limit }),
    ...(depth !== undefined && { stackDepth: depth }),
    ...(maxFaults !== undefined && { maxFaults }),
    ...(invoke !== undefined && { invoke }),
    ...(json && { stdout: STANDARD_ERROR }),
  }
}

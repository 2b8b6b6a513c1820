/** `heapwright run`: a program for WASI on a heap with a limit, and what it used of its memory. */

import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ArgumentError, FileError } from '../errors.js'
import type { RunOptions, RunResult } from '../guest/run.js'
import { RUN_MODES, type RunMode } from '../guest/run-modes.js'
import { parseSize } from '../sizes.js'
import { checkOutput, reasonOf, writeOutput } from './io.js'
import { errColors, printable, printJson, printNote } from './output.js'
import { formatRun, formatTrap, jsonOfRun } from './run-report.js'

const STANDARD_ERROR = 2

interface RunFlags {
  readonly limit?: number
  readonly mode?: RunMode
  readonly dir: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly report?: string
  readonly json?: true
  readonly quiet?: true
}

export function addRun(program: Command): void {
  program
    .command('run')
    .description('Run a WebAssembly program (WASI preview 1) with Heapwright as its malloc, and say what it used.')
    .argument('<module>', 'the program, such as app.wasm')
    .argument('[args...]', 'its arguments: everything behind the module is its own, options too')
    .option('--limit <size>', 'most memory its heap may hold, such as 64MiB; beyond it malloc gives NULL', limit)
    .addOption(new Option('--mode <mode>', 'of its objects, if it has any (hw_new and its like)').choices(RUN_MODES))
    .addOption(
      new Option('--dir <host::guest>', 'let it open a directory, by the name behind ::; can be repeated')
        .argParser(directory)
        .default({}, 'none'),
    )
    .addOption(
      new Option('--env <name=value>', 'a variable of its environment; without = the one of this; can be repeated')
        .argParser(variable)
        .default({}, 'none'),
    )
    .option('--report <file>', 'write a report of the heap that it leaves, as one HTML file')
    .option('--json', "print one JSON document; the program's standard output goes to standard error then")
    .option('--quiet', 'print no report, only what went wrong')
    .addHelpText('after', HELP)
    .passThroughOptions()
    .action(runRun)
}

const HELP = `
The module is used as it is: its allocator is found by its exports and names and replaced; or it imports one; or it was
linked by heapwright link. A module without names must export malloc and free.
Its standard input, output and error, and its exit code, are its own; the report comes on standard error at the end.
A program that traps is reported with the functions that were running, and the exit code is 134. Exit code 1 can also
mean that the module cannot be run, which a line that begins with heapwright: tells; 2 is wrong usage.

  heapwright run app.wasm --its-own-option
  heapwright run --limit 16MiB --dir .::/data --env LANG=C app.wasm /data/input.txt
  heapwright run --json --quiet app.wasm > figures.json`

function limit(text: string): number {
  try {
    return parseSize(text, 'limit')
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/** `HOST::GUEST`, or a directory that has the same name for both. */
export function directory(text: string, others: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.lastIndexOf('::')
  const host = at < 0 ? text : text.slice(0, at)
  const guest = at < 0 ? text : text.slice(at + 2)
  if (host === '' || guest === '')
    throw new InvalidArgumentError('It is not of the form HOST::GUEST, nor one name for both.')
  if (!existsSync(host)) throw new InvalidArgumentError(`The directory ${printable(host)} does not exist.`)
  if (!statSync(host).isDirectory()) throw new InvalidArgumentError(`${printable(host)} is not a directory.`)
  if (Object.hasOwn(others, guest))
    throw new InvalidArgumentError(`The name ${printable(guest)} is given to two directories.`)
  return { ...others, [guest]: host }
}

export function variable(text: string, others: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=')
  const name = at < 0 ? text : text.slice(0, at)
  if (name === '') throw new InvalidArgumentError('It is not of the form NAME=VALUE.')
  const value = at < 0 ? process.env[name] : text.slice(at + 1)
  if (value === undefined) throw new InvalidArgumentError(`This environment has no ${printable(name)}.`)
  return { ...others, [name]: value }
}

async function runRun(file: string, args: readonly string[], flags: RunFlags, command: Command): Promise<void> {
  const bytes = readModule(file)
  if (flags.report !== undefined) {
    await checkOutput(flags.report, [file]).catch((error: Error) => {
      command.error(`error: option '--report <file>': ${printable(error.message)}`)
    })
  }
  // Reads and changes modules, which the other commands need not wait for.
  const { runModule } = await import('../guest/run.js')
  const result = await runModule(bytes, optionsOf(file, args, flags)).catch((error: unknown) => {
    if (error instanceof ArgumentError && error.argument === 'limit') {
      command.error(`error: option '--limit <size>': ${error.message}`)
    }
    throw error instanceof Error ? new Error(`${file}: ${error.message}`, { cause: error }) : error
  })
  process.exitCode = result.exitCode
  if (result.trap) printNote(formatTrap(result.name, result.trap))
  if (!flags.quiet) printNote(formatRun(result, file, flags.mode))
  if (flags.json) printJson(jsonOfRun(result))
  if (flags.report !== undefined) await writeReport(flags.report, result)
  result.heap?.close()
}

function optionsOf(file: string, args: readonly string[], flags: RunFlags): RunOptions {
  const { limit: bytes, mode, dir, env, json } = flags
  return {
    args,
    name: basename(file),
    env,
    preopens: dir,
    ...(bytes !== undefined && { limit: bytes }),
    ...(mode !== undefined && { mode }),
    ...(json && { stdout: STANDARD_ERROR }),
  }
}

/** @throws FileError */
export function readModule(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new FileError(file, reasonOf(error), { cause: error })
  }
}

async function writeReport(file: string, { heap }: RunResult): Promise<void> {
  if (!heap) {
    printNote(`heapwright: no report is written: there is no heap to report on`)
    return
  }
  await writeOutput(file, await heap.reportHtml())
  printNote(`Report: ${printable(file)}  ${errColors.dim(pathToFileURL(resolve(file)).href)}`)
}

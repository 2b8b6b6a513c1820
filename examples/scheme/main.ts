#!/usr/bin/env node
/**
 * `npm run example`: a prompt, or a file. Exit code 0, that of `(exit n)`, 1 (the program ended with an error) or 2
 * (wrong usage).
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { parseSize } from '../../src/index.js'
import { SchemeError, SchemeExit } from './errors.js'
import { Scheme, type SchemeOptions } from './interpreter.js'
import { SCHEME_MODES, type SchemeMode } from './memory.js'

const EXIT_FAILED = 1
const EXIT_USAGE = 2
const PROMPT = '> '
const PROMPT_MORE = '. '

interface Options {
  readonly mode: SchemeMode
  readonly limit?: number
  readonly stats?: boolean
}

function sizeArgument(text: string): number {
  try {
    return parseSize(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

function createProgram(): Command {
  return new Command('scheme')
    .description('A small Scheme whose whole heap is one Heapwright heap: a prompt, or the program in a file.')
    .argument('[file]', 'program to run; without one there is a prompt')
    .addOption(new Option('--mode <mode>', 'how the heap is managed').choices(SCHEME_MODES).default('runtime'))
    .option('--limit <size>', 'most the heap may hold (default: embedded 32kB, else 64MiB)', sizeArgument)
    .option('--stats', 'print what the heap has seen, at the end')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .action(run)
}

async function run(file: string | undefined, options: Options, command: Command): Promise<void> {
  // Whoever reads has read enough, as `head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? undefined : 1))
  const text = file === undefined ? undefined : readText(file, command)
  const scheme = open(options, command)
  try {
    if (text === undefined) await prompt(scheme)
    else scheme.run(text)
  } catch (error) {
    process.exitCode = report(error, file)
  }
  if (options.stats) process.stderr.write(`${scheme.memory.heap.report()}\n`)
  scheme.close()
}

function readText(file: string, command: Command): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    return command.error(`error: ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function open({ mode, limit }: Options, command: Command): Scheme {
  const options: SchemeOptions = {
    mode,
    print: (text) => process.stdout.write(text),
    ...(limit === undefined ? {} : { limit }),
  }
  try {
    return new Scheme(options)
  } catch (error) {
    return command.error(`error: option '--limit <size>': ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Says what ended a program; the exit code. */
function report(error: unknown, file?: string): number {
  if (error instanceof SchemeExit) return error.code
  if (!(error instanceof SchemeError)) throw error
  process.stderr.write(`${file === undefined ? '' : `${file}:`}${error.message}\n`)
  return EXIT_FAILED
}

/** Read, evaluate, print, until the input ends or the program does. */
async function prompt(scheme: Scheme): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout, prompt: PROMPT })
  const isTerminal = process.stdin.isTTY === true
  let text = ''
  if (isTerminal) lines.prompt()
  for await (const line of lines) {
    text += `${line}\n`
    const isIncomplete = scheme.isIncomplete(text)
    if (!isIncomplete) {
      const code = evaluate(scheme, text)
      if (code !== undefined) {
        process.exitCode = code
        break
      }
      text = ''
    }
    lines.setPrompt(isIncomplete ? PROMPT_MORE : PROMPT)
    if (isTerminal) lines.prompt()
  }
  lines.close()
}

/** An exit code when the program has asked to end. */
function evaluate(scheme: Scheme, text: string): number | undefined {
  try {
    const value = scheme.run(text)
    if (value !== undefined) process.stdout.write(`${value}\n`)
  } catch (error) {
    if (error instanceof SchemeExit) return error.code
    report(error)
  }
  return undefined
}

try {
  await createProgram().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
  else throw error
}

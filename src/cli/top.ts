/** `heapwright top`: a running heap in the terminal, or its page in the browser; of a program that runs, or of a new one. */

import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import type { LiveState } from '../page/live-data.js'
import { checkOutput, writeOutput } from './io.js'
import { printable, printJson, printLine, printNote } from './output.js'
import { fetchReport, fetchState, followState } from './top-client.js'
import { openInBrowser, runServed } from './top-program.js'
import { formatTop } from './top-view.js'

const EVERY_MIN_S = 0.1
const EVERY_MAX_S = 3600
const COLUMNS = 80

interface TopFlags {
  readonly once?: true
  readonly json?: true
  readonly every?: number
  readonly report?: string
  readonly open?: true
  readonly allowCommands?: true
}

export function addTop(program: Command): void {
  program
    .command('top')
    .description("Show a running program's heap: in the terminal, in the browser, or as a report.")
    .argument('<target>', 'the URL that heap.serve() gave, or a script to start')
    .argument('[args...]', "the script's arguments; -- in front of the script keeps its options from being read here")
    .option('--once', 'of a URL: print one picture and end')
    .option('--json', 'of a URL: print JSON, with --once the whole state, else a line for each picture')
    .option('--every <seconds>', 'of a URL: time between two pictures (default: 1)', seconds)
    .option('--report <file>', 'of a URL: save a report as one HTML file, and end')
    .option('--open', 'of both: open the page in the browser')
    .option('--allow-commands', 'of a script: the page may make the heap collect, and give free pages back')
    .addHelpText('after', HELP)
    .action(runTop)
}

const HELP = `
A program shows its heap with:  const { url } = await heap.serve()
A script is started in a process of its own, where each heap that it makes is served. Their URLs are printed to standard
error; the exit code is the script's.

  heapwright top http://127.0.0.1:40123/
  heapwright top http://127.0.0.1:40123/ --report heap.html
  heapwright top --open -- server.mjs --port 8080`

function seconds(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= EVERY_MIN_S && value <= EVERY_MAX_S) return value
  throw new InvalidArgumentError(`It is not a number of seconds from ${EVERY_MIN_S} to ${EVERY_MAX_S}.`)
}

/**
 * Of an address as people write it: with or without `http://`; a port alone is of this machine. Undefined for what may be
 * a script.
 */
function urlOf(target: string, command: Command): string | undefined {
  const isPort = /^\d+$/.test(target) && !existsSync(target)
  const isPlace = /^(?:localhost|\[[0-9a-fA-F:]+\]|\d+(?:\.\d+){3}):\d+\/?$/.test(target)
  const text = isPort ? `http://127.0.0.1:${target}` : isPlace ? `http://${target}` : target
  if (!/^https?:\/\//.test(text)) return undefined
  const isTarget = URL.canParse(text) && new URL(text).port !== '0'
  if (isTarget) return new URL('/', text).href
  const why = /:\d+(?:[/?#]|$)/.test(text) ? '; ports are from 1 to 65535' : ''
  return command.error(`error: '${printable(target)}' is no URL of a heap${why}`)
}

async function runTop(target: string, args: readonly string[], flags: TopFlags, command: Command): Promise<void> {
  const url = urlOf(target, command)
  if (url === undefined) {
    await runScript(target, args, flags, command)
    return
  }
  if (args.length > 0) command.error(`error: a URL takes no arguments; found '${args[0]}'`)
  if (flags.allowCommands) command.error("error: option '--allow-commands' goes with a script, and this is a URL")
  if (flags.open) await openInBrowser(url)
  else if (flags.report !== undefined) await saveReport(url, flags.report)
  else if (flags.once) printOnce(url, await fetchState(url), flags)
  else await follow(url, flags)
}

async function runScript(file: string, args: readonly string[], flags: TopFlags, command: Command): Promise<void> {
  const shown = `'${printable(file)}'`
  if (!existsSync(file)) command.error(`error: ${shown} is neither the URL of a heap nor a script that is there`)
  for (const name of ['once', 'json', 'every', 'report'] as const) {
    if (flags[name] === undefined) continue
    command.error(`error: option '--${name}' goes with a URL, and ${shown} was taken for a script`)
  }
  const options = { allowCommands: flags.allowCommands ?? false }
  await runServed(file, args, options, ({ name, url, refusal }) => {
    const heap = `heapwright: heap '${printable(name)}'`
    printNote(url === undefined ? `${heap} is not shown: ${printable(refusal ?? '')}` : `${heap}: ${url}`)
    if (flags.open && url !== undefined) void openInBrowser(url)
  })
}

async function saveReport(url: string, file: string): Promise<void> {
  await checkOutput(file, [])
  await writeOutput(file, await fetchReport(url))
  printNote(`wrote ${printable(file)}`)
}

function printOnce(url: string, state: LiveState, { json }: TopFlags): void {
  if (json) printJson(state)
  else printLine(formatTop(state, url, process.stdout.columns ?? COLUMNS))
}

/** One picture after the other, until the heap or the program ends. */
async function follow(url: string, { json, every = 1 }: TopFlags): Promise<void> {
  let shownMs = Number.NEGATIVE_INFINITY
  let shown: LiveState | undefined
  let last: LiveState | undefined
  const show = (state: LiveState) => {
    shown = state
    shownMs = performance.now()
    if (json) printLine(JSON.stringify(withoutHistory(state)))
    else if (process.stdout.isTTY)
      process.stdout.write(`\x1b[H\x1b[J${formatTop(state, url, process.stdout.columns)}\n`)
    else printLine(`${formatTop(state, url, COLUMNS)}\n`)
  }
  const ended = await followState(url, (state) => {
    last = state
    if (performance.now() - shownMs >= every * 1000) show(state)
  })
  if (last && last !== shown) show(last)
  printNote(printable(ended))
}

/** Every line has its own moment; those before it have had theirs. */
function withoutHistory({ history: _, ...state }: LiveState): Omit<LiveState, 'history'> {
  return state
}

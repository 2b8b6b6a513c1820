/**
 * Where the commands' words go: results to standard output, everything else to standard error, in colour where wanted.
 */

import { writeSync } from 'node:fs'
import type { Command } from 'commander'
import pc from 'picocolors'
import { reasonOf } from './io.js'

type Colors = ReturnType<typeof pc.createColors>

/** Colours for a stream: none when it is not a terminal or `NO_COLOR` is set; `FORCE_COLOR` wins over the former. */
function colorsFor(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return pc.createColors(false)
  const forced = FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0'
  return pc.createColors(forced || (stream.isTTY === true && TERM !== 'dumb'))
}

export const outColors = colorsFor(process.stdout)
export const errColors = colorsFor(process.stderr)

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`)
}

/** The one document of `--json`. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
}

export function printNote(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Prints the reason and makes the process end with exit code 1 when it is done. */
export function reportFailure(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${errColors.red('heapwright:')} ${printable(text)}\n`)
  process.exitCode = 1
}

/** Text from outside (file names) without control characters, which a terminal would obey. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

/** Commander's messages about wrong usage begin like all others. Subcommands made afterwards do the same. */
export function nameInUsageErrors(command: Command): Command {
  return command.configureOutput({
    outputError: (text, write) => write(text.replace(/^error:/, errColors.red('heapwright:'))),
  })
}

/**
 * Ends the process when its output cannot be written. A reader that stops early (`| head`) is no failure and gets no
 * words; a full disk is one: a line on standard error and exit code 1.
 */
export function endOnOutputErrors(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    try {
      // Not through the stream: the process is about to end.
      writeSync(process.stderr.fd, `${errColors.red('heapwright:')} standard output: ${reasonOf(error)}\n`)
    } finally {
      process.exit(1)
    }
  })
  // Nowhere is left to say it.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    // Without an argument, which would replace the exit code that there is.
    if (error.code === 'EPIPE') process.exit()
    process.exit(1)
  })
}

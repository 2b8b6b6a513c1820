#!/usr/bin/env node
/** The `heapwright` command: one file per subcommand. Exit code 0, 1 (the work failed) or 2 (wrong usage). */

import { existsSync, readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addCheck } from './check.js'
import { addGraph } from './graph.js'
import { addLink } from './link.js'
import { addModes } from './modes.js'
import { endOnOutputErrors, nameInUsageErrors, reportFailure } from './output.js'
import { addReplay } from './replay.js'
import { addRun } from './run.js'
import { addSnapshot } from './snapshot.js'
import { addTop } from './top.js'

const EXIT_USAGE = 2

function createProgram(): Command {
  const program = nameInUsageErrors(new Command('heapwright'))
    .description('A memory manager for WebAssembly and JavaScript: tools that show it at work.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('(add --help for what is possible)')
    .exitOverride()
    // What stands behind a module is its own, options too.
    .enablePositionalOptions()
  addReplay(program)
  addGraph(program)
  addSnapshot(program)
  addModes(program)
  addTop(program)
  addLink(program)
  addRun(program)
  addCheck(program)
  return program
}

/** The version in the nearest package.json upwards: the same file whether this runs from source or built. */
function packageVersion(): string {
  let directory = new URL('.', import.meta.url)
  for (;;) {
    const file = new URL('package.json', directory)
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).version
    const parent = new URL('..', directory)
    if (parent.href === directory.href) return 'unknown'
    directory = parent
  }
}

endOnOutputErrors()
try {
  await createProgram().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
  else reportFailure(error)
}

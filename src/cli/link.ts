/** `heapwright link`: puts the heap into a compiled WebAssembly module, in place of its allocator. */

import { rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { ArgumentError } from '../errors.js'
import { ModuleError } from '../guest/errors.js'
import {
  BASE_TEXTS,
  type LinkOptions,
  type LinkResult,
  type LinkStep,
  linkModule,
  OPTIMIZE_LEVELS,
  type OptimizeLevel,
} from '../guest/link.js'
import { OBJECT_MODE_NAMES, type ObjectModeName } from '../guest/run-modes.js'
import { formatBytes, parseSize } from '../sizes.js'
import { checkOutput, inputName, readInput, STANDARD_INPUT, writeOutput } from './io.js'
import { errColors, printable, printJson, printLine, printNote, reportFailure } from './output.js'
import { checkInputs } from './usage.js'

interface LinkFlags {
  readonly output: string
  readonly limit?: string
  readonly heapBase?: string
  readonly optimize?: OptimizeLevel
  readonly mode?: ObjectModeName
  readonly stripNames?: true
  readonly json?: true
}

export function addLink(program: Command): void {
  program
    .command('link')
    .description('Put the heap into a compiled WebAssembly module, in place of the allocator that it imports or has.')
    .argument('<file>', 'a module, such as app.wasm; - is standard input')
    .requiredOption('-o, --output <file>', 'where the linked module goes')
    .option('--limit <size>', 'most memory the heap may hold, such as 64MiB (default: what the memory may have)')
    .option('--heap-base <address>', 'where the heap begins, in bytes, such as 0x20000 (default: what the module says)')
    .addOption(
      new Option(
        '-O, --optimize <level>',
        'optimise all of the module by wasm-opt (default: only calls of malloc and free)',
      ).choices(OPTIMIZE_LEVELS),
    )
    .addOption(
      new Option('--mode <mode>', 'mode of collected objects (default: what the program asks for)').choices(
        OBJECT_MODE_NAMES,
      ),
    )
    .option('--strip-names', 'leave the names of functions out')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText('after', HELP)
    .action(runLink)
}

const HELP = `
The allocator is found by its names: malloc, free, calloc, realloc, reallocarray, aligned_alloc, memalign,
posix_memalign, malloc_usable_size, as imports from env or heapwright, as exports, or in the name section; also under
the names that they have in the C library, dlmalloc, emmalloc and mimalloc. A module in which a part of the old
allocator would stay in use is refused. Nothing is imported that was not before; heapwright_heap is exported besides.
It needs the package binaryen (npm install binaryen).`

async function runLink(file: string, flags: LinkFlags, command: Command): Promise<void> {
  const options = optionsOf(flags, command)
  checkInputs([file], command)
  if (flags.output === STANDARD_INPUT) {
    command.error("error: option '--output <file>': a module is not written to standard output; give a file")
  }
  await checkLinkOutput(file, flags.output, command)
  try {
    const result = await linkModule(await readWhole(file), { ...options, onStep: tellStep })
    await replaceFile(flags.output, result.bytes)
    if (flags.json) printJson(documentOf(file, flags.output, result))
    else printResult(flags.output, result)
  } catch (error) {
    if (error instanceof ArgumentError && error.argument === 'limit') {
      command.error(`error: option '--limit <size>': ${error.message}`)
    }
    if (error instanceof ArgumentError && error.argument === 'heapBase') {
      command.error(`error: option '--heap-base <address>': ${error.message}`)
    }
    if (!(error instanceof ModuleError)) throw error
    const text = error.where === 'module' ? error.what : error.message
    reportFailure(`${inputName(file)}: ${text}`)
  }
}

function optionsOf({ limit, heapBase, mode, optimize, stripNames }: LinkFlags, command: Command): LinkOptions {
  return {
    ...(limit !== undefined && { limit: sizeOf('--limit <size>', limit, command) }),
    ...(heapBase !== undefined && { heapBase: addressOf(heapBase, command) }),
    ...(optimize !== undefined && { optimize }),
    ...(mode !== undefined && { mode }),
    ...(stripNames && { stripNames }),
  }
}

function sizeOf(option: string, text: string, command: Command): number {
  try {
    return parseSize(text, 'limit')
  } catch (error) {
    return command.error(`error: option '${option}': ${(error as Error).message}`)
  }
}

function addressOf(text: string, command: Command): number {
  const address = /^(?:0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : 0
  if (address > 0 && address < 2 ** 32) return address
  return command.error(
    "error: option '--heap-base <address>': it is not an address in bytes, such as 131072 or 0x20000",
  )
}

/** The output may be the input itself, when the user says so. */
async function checkLinkOutput(file: string, output: string, command: Command): Promise<void> {
  const isSame = file !== STANDARD_INPUT && resolve(file) === resolve(output)
  await checkOutput(output, isSame ? [] : [file]).catch((error: Error) => {
    command.error(`error: option '--output <file>': ${printable(error.message)}`)
  })
}

async function readWhole(file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readInput(file)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const STEPS: Readonly<Record<LinkStep, string>> = {
  inspect: 'reading',
  replace: 'replacing the allocator',
  merge: 'merging the kernel (wasm-merge)',
  inline: 'inlining malloc and free',
  optimize: 'optimising all of it (wasm-opt), which may take long',
  check: 'checking',
}

function tellStep(step: LinkStep): void {
  if (process.stderr.isTTY) printNote(errColors.dim(`${STEPS[step]} …`))
}

/** A file is there as a whole or not at all. What is no plain file, such as a pipe or /dev/null, is written to. */
async function replaceFile(file: string, bytes: Uint8Array): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  if (found && !found.isFile()) return writeOutput(file, bytes)
  const unfinished = join(dirname(resolve(file)), `.heapwright-${process.pid}.wasm`)
  try {
    await writeOutput(unfinished, bytes)
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

function documentOf(input: string, output: string, { bytes: _, ...result }: LinkResult): object {
  const { heapBase, limitBytes = null, optimize = null } = result
  return { version: 1, input: inputName(input), output, ...result, heapBase, limitBytes, optimize }
}

function printResult(output: string, result: LinkResult): void {
  const { replaced, removed, heapBase, limitBytes, sizes } = result
  const names = replaced.map(({ name, role, foundBy }) => (name === role ? name : `${name} (${role}, by ${foundBy})`))
  const limit = limitBytes === undefined ? '' : `, limit ${formatBytes(limitBytes)}`
  const text = BASE_TEXTS[heapBase.foundBy]
  const start = heapBase.foundBy === 'memory-end' ? text : `0x${heapBase.address.toString(16)} (${text})`
  printLine(`Linked:   ${printable(output)}, ${formatBytes(sizes.output)}`)
  printLine(`Replaced: ${printable(names.join(', ') || 'nothing: it calls the heap itself')}`)
  if (removed.length > 0) printLine(`Removed:  ${printable(removed.join(', '))}`)
  printLine(`Heap:     begins at ${start}${limit}`)
  printLine(
    `Size:     ${formatBytes(sizes.input)} before, ${formatBytes(sizes.withoutAllocator)} without its allocator and ` +
      `DWARF, ${formatBytes(sizes.merged)} merged, ${formatBytes(sizes.output)} now`,
  )
}

/**
 * Binaryen, the tools that change WebAssembly modules: an optional package, loaded when it is first needed.
 *
 * Its library is used for small changes, its programs `wasm-merge` and `wasm-opt` for what the library does not have.
 * The programs are JavaScript, so this process's own Node runs them, over files in a directory that is removed.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type Binaryen from 'binaryen'
import { ModuleError } from '../guest/errors.js'

/** The library. */
export type BinaryenLibrary = typeof Binaryen
export type BinaryenModule = Binaryen.Module

/** How much of what a program says when it fails goes into the error. */
const COMPLAINT_MAX_CHARACTERS = 500

/** Loads the library. Throws `ModuleError` when the package is not installed. */
export async function loadBinaryen(): Promise<BinaryenLibrary> {
  try {
    return (await import('binaryen')).default
  } catch (error) {
    throw missing(error)
  }
}

/** Reads a module into Binaryen's library. Throws `ModuleError` with what it says when it cannot. */
export function readModule(binaryen: BinaryenLibrary, bytes: Uint8Array): BinaryenModule {
  try {
    return binaryen.readBinary(bytes)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String((error as { message?: unknown })?.message ?? error)
    throw new ModuleError(`binaryen cannot read it: ${reason}`, 'module', { cause: error })
  }
}

/** Emits a module, with names or without. The library's settings are as before afterwards. */
export function emitModule(binaryen: BinaryenLibrary, target: BinaryenModule, hasNames: boolean): Uint8Array {
  const before = binaryen.getDebugInfo()
  binaryen.setDebugInfo(hasNames)
  try {
    return target.emitBinary()
  } finally {
    binaryen.setDebugInfo(before)
  }
}

function missing(cause: unknown): ModuleError {
  const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)
  return new ModuleError(
    `to link a module takes the package binaryen, which cannot be loaded: npm install binaryen (${reason})`,
    'binaryen',
    { cause },
  )
}

/** A file that a program reads. */
export interface ToolInput {
  readonly name: string
  readonly bytes: Uint8Array
}

/**
 * Runs one of Binaryen's programs and gives what it writes.
 * @param args its arguments, which name inputs by their names; the output is added
 * @throws ModuleError with what the program says when it fails, or when it cannot be found
 */
export async function runBinaryenTool(
  tool: 'wasm-merge' | 'wasm-opt',
  inputs: readonly ToolInput[],
  args: readonly string[],
): Promise<Uint8Array> {
  const program = programPath(tool)
  const directory = await mkdtemp(join(tmpdir(), 'heapwright-'))
  try {
    for (const { name, bytes } of inputs) await writeFile(join(directory, name), bytes)
    const complaint = await run([program, ...args, '-o', 'output.wasm'], directory)
    if (complaint !== undefined) throw new ModuleError(`${tool} has failed: ${complaint}`, 'binaryen')
    return new Uint8Array(await readFile(join(directory, 'output.wasm')))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function programPath(tool: string): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin', tool)
  } catch (error) {
    throw missing(error)
  }
}

/** Runs Node with these arguments; undefined when all is well, else what it says. */
function run(args: readonly string[], cwd: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(undefined)
      else resolve(said.trim().slice(-COMPLAINT_MAX_CHARACTERS) || `it ended with ${signal ?? `exit code ${code}`}`)
    })
  })
}

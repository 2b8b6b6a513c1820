/** `heapwright run` and `runModule` for tests: what a guest prints, how it ends, and what is said of its memory. */

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RunOptions, type RunResult, runModule } from '../../src/guest/run.js'

const CLI = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

/** A file for a module, in a directory that `remove` takes away. */
export interface GuestFile {
  readonly path: string
  readonly directory: string
  remove(): void
}

export function guestFile(bytes: Uint8Array, name = 'app.wasm'): GuestFile {
  const directory = mkdtempSync(join(tmpdir(), 'heapwright-run-'))
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return { path, directory, remove: () => rmSync(directory, { recursive: true }) }
}

export interface CliRun {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** `heapwright run` with these arguments, in a process of its own. */
export function cliRun(args: readonly string[], input = '', node = process.execPath): CliRun {
  const env = { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '', NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(node, [CLI, 'run', ...args], { input, env, encoding: 'utf8' })
  return { code: status, output: stdout, errors: stderr }
}

/** A run with what it wrote to its standard output and error. */
export interface CapturedRun extends RunResult {
  readonly output: string
  readonly errors: string
}

/** `runModule` with its standard streams in files. */
export async function runCaptured(
  bytes: Uint8Array,
  { input = '', ...options }: RunOptions & { readonly input?: string } = {},
): Promise<CapturedRun> {
  const directory = mkdtempSync(join(tmpdir(), 'heapwright-run-'))
  const paths = [join(directory, 'in'), join(directory, 'out'), join(directory, 'err')] as const
  writeFileSync(paths[0], input)
  const [stdin, stdout, stderr] = [openSync(paths[0], 'r'), openSync(paths[1], 'w'), openSync(paths[2], 'w')]
  try {
    const result = await runModule(bytes, { ...options, stdin, stdout, stderr })
    return { ...result, output: readFileSync(paths[1], 'utf8'), errors: readFileSync(paths[2], 'utf8') }
  } finally {
    for (const file of [stdin, stdout, stderr]) closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

/** Guests under plain `node:wasi`: what they print and how they end there is what they must do everywhere. */

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WASI } from 'node:wasi'

export interface PlainRun {
  readonly code: number
  /** Standard output as text. */
  readonly output: string
}

export interface PlainOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly preopens?: Readonly<Record<string, string>>
}

/** Runs a program to its end with the allocator that it came with. A trap is thrown. */
export function runPlainly(bytes: Uint8Array, args: readonly string[] = [], options: PlainOptions = {}): PlainRun {
  const { input = '', env = {}, preopens = {} } = options
  const directory = mkdtempSync(join(tmpdir(), 'heapwright-wasi-'))
  const paths = { input: join(directory, 'in'), output: join(directory, 'out'), error: join(directory, 'err') }
  writeFileSync(paths.input, input)
  const files = [openSync(paths.input, 'r'), openSync(paths.output, 'w'), openSync(paths.error, 'w')] as const
  try {
    const [stdin, stdout, stderr] = files
    const descriptors = { stdin, stdout, stderr }
    const wasi = new WASI({
      version: 'preview1',
      args: ['guest', ...args],
      env,
      preopens,
      returnOnExit: true,
      ...descriptors,
    })
    const module = new WebAssembly.Module(bytes as BufferSource)
    const instance = new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports)
    const code = wasi.start(instance) as unknown as number
    return { code, output: readFileSync(paths.output, 'utf8') }
  } finally {
    for (const file of files) closeSync(file)
    rmSync(directory, { recursive: true })
  }
}

/**
 * WASI preview 1 for guests, by `node:wasi`: arguments, environment, directories, standard streams, the clock.
 *
 * Two things are put right. Node's warning that WASI is experimental is left out, and no other one. And a standard
 * stream that is a pipe can be in non-blocking mode, which Node gives it and which programs do not expect: a full or
 * empty pipe would look like an error to them, and their output would be lost. Such a call is made again until it does
 * something.
 */
import { ModuleError } from '../guest/errors.js'

/** The names of the modules that WASI's functions are imported from: preview 1, and the draft before it. */
const VERSIONS = { wasi_snapshot_preview1: 'preview1', wasi_unstable: 'unstable' } as const
export type WasiModuleName = keyof typeof VERSIONS

/** Whether an import of this module is one of WASI. */
export function isWasiModule(name: string): name is WasiModuleName {
  return Object.hasOwn(VERSIONS, name)
}

/** WASI's "try again". */
const EAGAIN = 6
const LAST_STANDARD_DESCRIPTOR = 2
const PAUSE_MS = 1

export interface WasiOptions {
  /** What the program finds as its arguments, its own name first. */
  readonly args: readonly string[]
  /** Its environment. */
  readonly env: Readonly<Record<string, string>>
  /** Directories that it may open: the name that it knows, and the directory of this system. */
  readonly preopens: Readonly<Record<string, string>>
  /** File descriptors of this process. */
  readonly stdin: number
  readonly stdout: number
  readonly stderr: number
}

/** What a guest imports, and how it starts. */
export interface WasiSystem {
  readonly imports: Readonly<Record<string, WebAssembly.ExportValue>>
  /** Runs a program to its end, and gives the exit code. A trap, and an error in WASI itself, are thrown. */
  start(start: WebAssembly.ExportValue, memory: WebAssembly.Memory): number
}

type NodeWasi = typeof import('node:wasi')

/** @throws ModuleError where the runtime has no WASI; what `node:wasi` throws for directories that cannot be opened */
export async function makeWasi(module: WasiModuleName, options: WasiOptions): Promise<WasiSystem> {
  const { WASI } = await loadNodeWasi()
  const { args, env, preopens, stdin, stdout, stderr } = options
  const wasi = new WASI({
    version: VERSIONS[module],
    args: [...args],
    env: { ...env },
    preopens: { ...preopens },
    stdin,
    stdout,
    stderr,
    returnOnExit: true,
  })
  const functions = wasi.wasiImport as Readonly<Record<string, WasiFunction>>
  const imports = { ...functions, fd_write: patient(functions.fd_write), fd_read: patient(functions.fd_read) }
  return {
    imports: imports as WasiSystem['imports'],
    start(start, memory) {
      // Only what WASI needs: a module may export more, by names that it minds, and its memory may be imported.
      const exitCode: unknown = wasi.start({ exports: { _start: start, memory } })
      return typeof exitCode === 'number' ? exitCode : 0
    },
  }
}

type WasiFunction = (...args: readonly number[]) => number

/** A call on a standard stream again until it is not told to try again. */
function patient(call: WasiFunction | undefined): WasiFunction | undefined {
  if (call === undefined) return undefined
  return (descriptor = 0, ...rest) => {
    for (;;) {
      const errno = call(descriptor, ...rest)
      if (errno !== EAGAIN || descriptor > LAST_STANDARD_DESCRIPTOR) return errno
      Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, PAUSE_MS)
    }
  }
}

async function loadNodeWasi(): Promise<NodeWasi> {
  const { emitWarning } = process
  process.emitWarning = ((...warning: Parameters<typeof emitWarning>) => {
    if (!isAboutWasi(warning)) emitWarning.apply(process, warning)
  }) as typeof emitWarning
  try {
    const loaded = await import('node:wasi')
    if (typeof loaded.WASI === 'function' && isNode()) return loaded
  } catch (error) {
    throw withoutWasi(error)
  } finally {
    process.emitWarning = emitWarning
  }
  throw withoutWasi()
}

function isAboutWasi([text, kind]: readonly unknown[]): boolean {
  const type = typeof kind === 'object' && kind !== null && 'type' in kind ? kind.type : kind
  return type === 'ExperimentalWarning' && /\bWASI\b/.test(String(text))
}

/** Bun and Deno have modules of that name that do less, or nothing. */
function isNode(): boolean {
  return !('bun' in process.versions) && !('deno' in process.versions)
}

function withoutWasi(cause?: unknown): ModuleError {
  return new ModuleError('it needs WASI preview 1, which is run by Node 20 or later (node:wasi)', 'runtime', { cause })
}

/**
 * What the library asks of the process that it runs in, where there is one: a variable of the environment, standard
 * error, a file, a channel for diagnostics. Nothing is imported, so that the same code loads in a browser; whoever
 * calls says what to do where something is missing.
 */
import { FileError } from '../errors.js'

type Process = Pick<NodeJS.Process, 'env' | 'stderr' | 'getBuiltinModule'>

function currentProcess(): Partial<Process> | undefined {
  return (globalThis as { process?: Partial<Process> }).process
}

/** Undefined where it is not set, where there is no environment, and where it may not be read. */
export function environmentVariable(name: string): string | undefined {
  try {
    return currentProcess()?.env?.[name]
  } catch {
    // Deno asks before it gives a variable, and throws on no: as if it were not set.
    return undefined
  }
}

/** A line on standard error; on the console where there is none. */
export function writeErrorLine(line: string): void {
  const stderr = currentProcess()?.stderr
  if (stderr) stderr.write(`${line}\n`)
  else console.error(line)
}

/** A channel of Node's, as far as it is used. */
export interface DiagnosticsChannel {
  readonly hasSubscribers: boolean
  publish(message: object): void
  subscribe(subscriber: (message: unknown) => void): unknown
  unsubscribe(subscriber: (message: unknown) => void): unknown
}

/** The channel of a name; undefined where there are none: in browsers, and before Node 20.16. */
export function diagnosticsChannel(name: string): DiagnosticsChannel | undefined {
  const module = currentProcess()?.getBuiltinModule?.('node:diagnostics_channel')
  return module?.channel(name) as DiagnosticsChannel | undefined
}

/** Node's module `node:fs`; undefined in browsers and before Node 20.16. */
export function fileModule() {
  return currentProcess()?.getBuiltinModule?.('node:fs')
}

/** The path of a `file:` URL, as Node's own calls take one; undefined for any other, and where nobody can say. */
export function pathOfUrl(url: URL): string | undefined {
  try {
    return currentProcess()?.getBuiltinModule?.('node:url').fileURLToPath(url)
  } catch {
    return undefined
  }
}

type FileModule = NonNullable<ReturnType<typeof fileModule>>

/**
 * Write a file as a whole; false where there is no file system to be had. A plain file is written beside its place and
 * then renamed, so that it is never half there: when the disk is full, the one before is kept.
 *
 * @throws FileError
 */
export function writeFile(file: string, contents: string | Uint8Array): boolean {
  const fs = fileModule()
  if (!fs) return false
  try {
    if (!replaceFile(fs, file, contents)) fs.writeFileSync(file, contents)
  } catch (error) {
    throw new FileError(file, fileReason(error), { cause: error })
  }
  return true
}

/** `bytes` as a gzip file; undefined where there is nothing to pack them with at once. */
export function gzip(bytes: Uint8Array): Uint8Array | undefined {
  return currentProcess()?.getBuiltinModule?.('node:zlib')?.gzipSync(bytes)
}

/** False where a file cannot be replaced, which may still be written to in place, or says best why not. */
function replaceFile(fs: FileModule, file: string, contents: string | Uint8Array): boolean {
  const place = placeOf(fs, file)
  if (place === undefined || typeof fs.renameSync !== 'function') return false
  const beside = `${place.path}.${Math.random().toString(36).slice(2)}.part`
  let opened: number
  try {
    if (place.isThere) fs.accessSync(place.path, fs.constants.W_OK)
    opened = fs.openSync(beside, 'wx', place.mode)
  } catch {
    // The file or the directory is not ours to write to, the directory is not there, or the name becomes too long.
    return false
  }
  try {
    try {
      fs.writeFileSync(opened, contents)
      // The mode at opening is less what the process masks.
      if (place.isThere) fs.fchmodSync(opened, place.mode)
    } finally {
      fs.closeSync(opened)
    }
    fs.renameSync(beside, place.path)
  } catch (error) {
    fs.rmSync(beside, { force: true })
    throw error
  }
  return true
}

/** Where a plain file is or will be, links followed; undefined for devices, pipes, directories and broken links. */
function placeOf(fs: FileModule, file: string): { path: string; mode: number; isThere: boolean } | undefined {
  const found = fs.statSync(file, { throwIfNoEntry: false })
  if (found)
    return found.isFile() ? { path: fs.realpathSync(file), mode: found.mode & 0o777, isThere: true } : undefined
  const isLink = fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined
  return isLink ? undefined : { path: file, mode: 0o666, isThere: false }
}

/** Why reading or writing failed, in words; the error's own where there are none. */
export function fileReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or directory'
    case 'ENOTDIR':
      return 'a part of the path is a file, not a directory'
    case 'EISDIR':
      return 'it is a directory, not a file'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied'
    case 'ENOSPC':
      return 'no space is left on the device'
    default:
      return error instanceof Error ? error.message : String(error)
  }
}

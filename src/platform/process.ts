/**
 * What the library asks of the process that it runs in, where there is one: a variable of the environment, standard
 * error, a file. Nothing is imported, so that the same code loads in a browser; whoever calls says what to do where
 * something is missing.
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

/**
 * Write a file as a whole; false where there is no file system to be had.
 *
 * @throws FileError
 */
export function writeTextFile(file: string, text: string): boolean {
  const fs = currentProcess()?.getBuiltinModule?.('node:fs')
  if (!fs) return false
  try {
    fs.writeFileSync(file, text)
  } catch (error) {
    throw new FileError(file, fileReason(error), { cause: error })
  }
  return true
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

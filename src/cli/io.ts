/** Files for the commands: input plain or gzipped, with errors that say which file and what about it. */

import { constants, createReadStream, fstatSync, type Stats } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FileError } from '../errors.js'
import { fileReason } from '../platform/process.js'

const CHUNK_BYTES = 1 << 18
const GZIP_MAGIC = [0x1f, 0x8b]

/** The file name that stands for standard input. */
export const STANDARD_INPUT = '-'

/** What a file is called in messages, tables and documents. */
export function inputName(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : file
}

/**
 * The bytes of a file, or of standard input for `-`, unpacked when the first two bytes are gzip's. Reads pipes too.
 * Throws `FileError`.
 */
export async function* readInput(file: string): AsyncGenerator<Uint8Array> {
  const name = inputName(file)
  const source = file === STANDARD_INPUT ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES })
  try {
    const chunks: AsyncIterator<Buffer> = source[Symbol.asyncIterator]()
    const start = await readStart(chunks)
    if (start.length === 0) throw new FileError(name, file === STANDARD_INPUT ? 'it is empty' : 'the file is empty')
    const whole = chain(start, chunks)
    if (start[0] === GZIP_MAGIC[0] && start[1] === GZIP_MAGIC[1]) yield* unpack(whole)
    else yield* whole
  } catch (error) {
    throw error instanceof FileError ? error : new FileError(name, reasonOf(error), { cause: error })
  } finally {
    source.destroy()
  }
}

/** At least the bytes that tell the format, fewer only when there are no more. */
async function readStart(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let start: Buffer = Buffer.alloc(0)
  while (start.length < GZIP_MAGIC.length) {
    const { value, done } = await chunks.next()
    if (done === true) break
    start = start.length === 0 ? value : Buffer.concat([start, value])
  }
  return start
}

async function* chain(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield start
  for (;;) {
    const { value, done } = await rest.next()
    if (done === true) return
    yield value
  }
}

async function* unpack(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  pipeline(Readable.from(packed), gunzip, () => {}) // its error reaches the loop below
  try {
    for await (const chunk of gunzip) yield chunk
  } finally {
    gunzip.destroy()
  }
}

/**
 * Makes sure, before any work, that `file` can be written and is none of the `inputs`, by whatever name or link.
 * Throws `FileError`. What changes afterwards is found when the file is written.
 */
export async function checkOutput(file: string, inputs: readonly string[]): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  if (found?.isDirectory()) throw new FileError(file, 'it is a directory, not a file')
  const directory = dirname(resolve(file))
  const parent = await stat(directory).catch(() => undefined)
  if (!parent?.isDirectory()) throw new FileError(file, `the directory ${directory} does not exist`)
  try {
    await access(found ? file : directory, constants.W_OK)
  } catch (error) {
    throw new FileError(file, `${found ? 'the file' : `the directory ${directory}`} is not writable`, { cause: error })
  }
  if (!found?.isFile()) return
  for (const input of inputs) {
    const other = await (input === STANDARD_INPUT ? standardInputStats() : stat(input)).catch(() => undefined)
    if (other?.dev === found.dev && other.ino === found.ino) throw new FileError(file, 'it is one of the input files')
  }
}

/** What is redirected to standard input may be the output's file as well. */
async function standardInputStats(): Promise<Stats> {
  return fstatSync(process.stdin.fd)
}

/** Writes a file as a whole. Throws `FileError`. */
export async function writeOutput(file: string, contents: string | Uint8Array): Promise<void> {
  try {
    await writeFile(file, contents)
  } catch (error) {
    throw new FileError(file, reasonOf(error), { cause: error })
  }
}

/** Why reading or writing failed, in words; the error's own where there are none. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'Z_BUF_ERROR') return 'the gzip data ends too early: the file is cut short'
  if (code === 'Z_DATA_ERROR') return `the gzip data is damaged (${(error as Error).message})`
  return fileReason(error)
}

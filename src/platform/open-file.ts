/**
 * A plain file that stays open while it is mapped, by one heap or by a heap and its forks. Those of heaps that are
 * dropped without a close are closed when JavaScript's collector finds their memory.
 */
import { FileError } from '../errors.js'
import { fileModule, fileReason } from './process.js'

/** For reading; for both; the same, and make it where there is none. */
export type OpenHow = 'read' | 'write' | 'create'

type FileModule = NonNullable<ReturnType<typeof fileModule>>

/** The descriptor, apart from who has it. */
class Descriptor {
  readonly fs: FileModule
  readonly fd: number
  users = 1

  constructor(fs: FileModule, fd: number) {
    this.fs = fs
    this.fd = fd
  }

  leave(): void {
    if (--this.users === 0) this.fs.closeSync(this.fd)
  }
}

const forgotten = new FinalizationRegistry<Descriptor>((descriptor) => {
  try {
    descriptor.leave()
  } catch {
    // Nobody who could be told has the file any more, and an error in a collection would end the process.
  }
})

export class OpenFile {
  readonly path: string
  readonly #descriptor: Descriptor
  #isOpen = true
  /** Whether there was no such file before. */
  readonly #isNew: boolean
  /** Its length before it was lengthened. */
  #sizeBefore: number | undefined

  private constructor(path: string, descriptor: Descriptor, isNew: boolean) {
    this.path = path
    this.#descriptor = descriptor
    this.#isNew = isNew
  }

  /** @throws FileError that names path and cause, for anything but a plain file as well */
  static open(path: string, how: OpenHow): OpenFile {
    const fs = fileModule()
    if (!fs) throw new FileError(path, 'this runtime has no files (Node 20.16 or later has)')
    return attempt(path, () => {
      const found = fs.statSync(path, { throwIfNoEntry: false })
      if (found?.isDirectory()) throw new FileError(path, 'it is a directory, not a file')
      // A pipe would keep the program waiting.
      if (found && !found.isFile()) throw new FileError(path, 'it is no plain file')
      if (!found && how === 'write') {
        throw new FileError(path, 'there is no such file or directory; `create: true` with a `length` makes a file')
      }
      const isNew = !found && how === 'create'
      const flags = isNew ? 'wx+' : how === 'read' ? 'r' : 'r+'
      return new OpenFile(path, new Descriptor(fs, fs.openSync(path, flags)), isNew)
    })
  }

  get fd(): number {
    return this.#descriptor.fd
  }

  /** Bytes that the file has now. @throws FileError */
  get size(): number {
    return attempt(this.path, () => this.#descriptor.fs.fstatSync(this.fd).size)
  }

  /** Make it this long, if it is shorter. @throws FileError */
  lengthen(bytes: number): void {
    const { size } = this
    if (size >= bytes) return
    attempt(this.path, () => this.#descriptor.fs.ftruncateSync(this.fd, bytes))
    this.#sizeBefore = size
  }

  /** The same file, for another memory. */
  share(): OpenFile {
    this.#descriptor.users++
    return new OpenFile(this.path, this.#descriptor, false)
  }

  /** Close it when `memory` is forgotten. */
  keepWith(memory: WebAssembly.Memory): void {
    forgotten.register(memory, this.#descriptor, this)
  }

  /** Harmless twice. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    forgotten.unregister(this)
    this.#descriptor.leave()
  }

  /** Close it, and leave the file as it was before it was opened. */
  undo(): void {
    const { fs } = this.#descriptor
    try {
      if (this.#isNew) fs.rmSync(this.path, { force: true })
      else if (this.#sizeBefore !== undefined) fs.ftruncateSync(this.fd, this.#sizeBefore)
    } finally {
      this.close()
    }
  }
}

/** What `call` gives; what it throws as a FileError. */
function attempt<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (error instanceof FileError) throw error
    throw new FileError(path, fileReason(error), { cause: error })
  }
}

/**
 * Files in the memory of a heap: `heap.mapFile(path)` puts a part of a file at an address, where a program reads it,
 * and writes it, as it does the rest of the memory.
 *
 * The room comes from the kernel, which lends it as it does to tenants: pages of 64 KiB, or whole MiBs above one, which
 * belong to no block and count against the limit. The system maps the file over them; where it cannot, the bytes are
 * read in, and written back by `flush` and `unmap`.
 *
 * Guarantee: a call that fails has changed neither heap nor file; a mapping ends with its heap, whatever else fails. No
 * memory that the system keeps a file over is given back.
 */
import { CHUNK_BYTES, MIB_PAGES, PIECE_MAX_PAGES, STATUS_OK, WASM_PAGE_BYTES } from '../kernel/layout.js'
import { checkOptions, checkRange } from './arguments.js'
import { Attempts } from './attempts.js'
import type { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ArgumentError, ClosedError, CorruptionError, FileError, UnsupportedError } from './errors.js'
import { MODES } from './modes.js'
import type { PageSpan } from './platform/fork-calls.js'
import { OpenFile, type OpenHow } from './platform/open-file.js'
import type { FilePart } from './platform/pages.js'
import { pathOfUrl } from './platform/process.js'
import type { ProtectedRange } from './protection.js'
import { parseSize } from './sizes.js'
import type { Address, Size } from './types.js'

/** What stores to a mapping do. */
export type FileAccess = FilePart['access']

export interface MapFileOptions {
  /**
   * `read`: stores are refused. `shared`: they go to the file, and every other mapping of it sees them at once.
   * `private`: they are this heap's own and never reach the file. Default `read`.
   */
  readonly access?: FileAccess
  /** Where in the file the mapping begins, in bytes: a multiple of the system's pages. Default 0. */
  readonly offset?: number
  /** How much of the file is mapped, from the offset on. Default all of it. */
  readonly length?: Size
  /** Refuse a file of which more than this would be mapped. Default none: the heap's limit holds anyway. */
  readonly limit?: Size
  /** With `shared` and a `length`: make the file where there is none, lengthen one that is too short. Default false. */
  readonly create?: boolean
}

/** What is to be mapped, checked. */
interface MapPlan {
  readonly path: string
  readonly access: FileAccess
  readonly offset: number
  readonly length: number | undefined
  readonly limitBytes: number
  readonly creates: boolean
}

const ACCESSES: readonly FileAccess[] = ['read', 'shared', 'private']
const OFFSET_MAX = Number.MAX_SAFE_INTEGER

/** Where a mapping lies. */
interface Place {
  readonly address: Address
  /** Bytes of the file. */
  readonly bytes: number
  /** The same in whole pages of the system. */
  readonly pagesBytes: number
  /** What was lent for it. */
  readonly lentBytes: number
}

/** How it is mapped. */
interface MapHow extends Pick<MapPlan, 'access' | 'offset'> {
  readonly isMapped: boolean
}

/** The same file of a fork, where it is mapped already. */
let inForkOf: (parent: MappedFile, list: MappedFileList) => MappedFile

/** A part of a file at an address of a heap. Made by `heap.mapFile()`. */
export class MappedFile implements Disposable {
  /** As it was given; of a URL the path that it names. */
  readonly path: string
  /** Where the mapping begins. */
  readonly address: Address
  /** Bytes of the file that are mapped; what follows to the end of the page reads as zero or as the file goes on. */
  readonly bytes: number
  readonly access: FileAccess
  /** Where in the file it begins. */
  readonly offset: number
  /**
   * Whether it is the file itself. False: the bytes were read in, and `flush` and `unmap` of a `shared` one write them
   * back; others see nothing before.
   */
  readonly isMapped: boolean
  /** Why it is not; undefined when it is. */
  readonly reason: string | undefined
  readonly #list: MappedFileList
  readonly #file: OpenFile
  readonly #place: Place
  #array: Uint8Array<ArrayBuffer>
  /** Of one that is only read. */
  #protected: ProtectedRange | undefined
  /** Whether the file lies over the memory, which then is nobody else's. */
  #isOver = false

  /** @internal */
  constructor(list: MappedFileList, file: OpenFile, place: Place, how: MapHow) {
    this.path = file.path
    this.address = place.address
    this.bytes = place.bytes
    this.access = how.access
    this.offset = how.offset
    this.isMapped = how.isMapped
    this.reason = how.isMapped ? undefined : (list.core.pages.reason ?? 'the system maps no files')
    this.#list = list
    this.#file = file
    this.#place = place
    this.#array = new Uint8Array(list.core.memory.buffer, place.address, place.bytes)
  }

  /** Whether it was unmapped, or went with its heap. */
  get isUnmapped(): boolean {
    return !this.#list.has(this)
  }

  /**
   * The bytes of the file, bound anew if the memory has grown since. Take it afresh after anything that may allocate.
   * A store to it that goes beyond what the access allows ends the process: use the heap's own writes.
   *
   * @throws ClosedError once it is unmapped
   */
  get array(): Uint8Array<ArrayBuffer> {
    this.#assertMapped()
    if (this.#array.buffer !== this.#list.core.memory.buffer) {
      this.#array = new Uint8Array(this.#list.core.memory.buffer, this.address, this.bytes)
    }
    return this.#array
  }

  /**
   * Write what was stored to the file, and wait until it is there. Nothing to do unless the access is `shared`.
   *
   * @throws FileError when the file was cut short meanwhile, what it still has is written then; PlatformError when the
   * system refuses; ClosedError once it is unmapped
   */
  flush(): void {
    this.#assertMapped()
    this.#flush()
  }

  #flush(): void {
    if (this.access !== 'shared') return
    const { core } = this.#list
    const { address, pagesBytes, bytes } = this.#place
    if (bytes > 0) core.pages.flush(core.memory, address, pagesBytes, this.#part)
    const size = this.#file.size
    if (size >= this.offset + bytes) return
    throw new FileError(this.path, `it was cut to ${size} bytes while ${this.offset + bytes} were mapped`)
  }

  /**
   * Flush, and give the memory back to the heap. Harmless twice, and after the heap was closed or reset.
   *
   * @throws as `flush`; it is unmapped then all the same. Only where the system refuses to take the file away it stays
   * mapped: PlatformError, and `isUnmapped` is false
   */
  unmap(): void {
    this.#list.end(this)
  }

  /** The same as `unmap`. */
  dispose(): void {
    this.unmap()
  }

  [dispose](): void {
    this.unmap()
  }

  #assertMapped(): void {
    if (this.isUnmapped) throw new ClosedError(`mapped file '${this.path}'`, 'has been unmapped')
  }

  get #part(): FilePart {
    return { fd: this.#file.fd, offsetBytes: this.offset, access: this.access }
  }

  /** What the heap has lent for it. @internal */
  get lentBytes(): number {
    return this.#place.lentBytes
  }

  /** Whether `address` lies in it. @internal */
  holds(address: number): boolean {
    return address >= this.address && address < this.address + this.bytes
  }

  /** Put the file there. @internal */
  map(): void {
    const { core } = this.#list
    const { address, pagesBytes, lentBytes } = this.#place
    this.mapInto(core.memory)
    this.#isOver = true
    try {
      // What was there before must not be read behind the file.
      core.pages.decommit(core.memory, address + pagesBytes, lentBytes - pagesBytes)
      this.protect()
    } catch (error) {
      this.#takeAway()
      throw error
    }
  }

  /** Pages of the memory's own in its place, which may be written. @throws PlatformError; it is there still then */
  #takeAway(): void {
    const { core } = this.#list
    core.pages.unmap(core.memory, this.address, this.#place.pagesBytes)
    this.#isOver = false
    if (this.#protected) core.protection.forget(this.#protected)
  }

  /** Whether the file lies over the memory. @internal */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Have the library refuse stores to what is only read, and the system, where it can. @internal */
  protect(): void {
    const { core } = this.#list
    const { address, pagesBytes: bytes } = this.#place
    if (this.access !== 'read' || bytes === 0) return
    core.protection.renew()
    this.#protected = core.protection.add(core, {
      address,
      bytes,
      access: 'read',
      what: `the mapped file '${this.path}'`,
    })
  }

  /** Put the file into a memory, at the same address. @internal */
  mapInto(memory: WebAssembly.Memory): void {
    const { address, pagesBytes } = this.#place
    if (pagesBytes > 0) this.#list.core.pages.map(memory, address, pagesBytes, this.#part)
  }

  /** The same contents for a full copy of the memory, which are the file's own only when they can be. @internal */
  copyInto(memory: WebAssembly.Memory): void {
    if (this.isMapped) this.mapInto(memory)
    if (!this.isMapped || this.access === 'private') this.copyBytesInto(memory)
  }

  /** Its bytes as they are now, apart from the file. @internal */
  copyBytesInto(memory: WebAssembly.Memory): void {
    // What the file has no longer cannot be read.
    const there = this.isMapped ? Math.min(this.bytes, Math.max(0, this.#file.size - this.offset)) : this.bytes
    new Uint8Array(memory.buffer).set(new Uint8Array(this.#list.core.memory.buffer, this.address, there), this.address)
  }

  static {
    inForkOf = (parent, list) => {
      const file = parent.#file.share()
      file.keepWith(list.core.memory)
      const own = new MappedFile(list, file, parent.#place, parent)
      own.#isOver = true
      return own
    }
  }

  /** Flush and let go, whatever fails first; `isOver` says whether it has gone. @internal */
  release(): void {
    try {
      this.#flush()
    } finally {
      this.#takeAway()
      this.#file.close()
    }
  }
}

/** What is lent for a file. */
export function spanOf({ address, lentBytes }: MappedFile): PageSpan {
  return { from: address, to: address + lentBytes }
}

/** Who has files over a memory. */
const listsOver = new WeakMap<WebAssembly.Memory, Set<MappedFileList>>()

function listsIn(memory: WebAssembly.Memory): readonly MappedFileList[] {
  return [...(listsOver.get(memory) ?? [])]
}

/** The mapped files of one heap. */
export class MappedFileList {
  readonly core: HeapCore
  readonly #files = new Set<MappedFile>()

  constructor(core: HeapCore) {
    this.core = core
  }

  has(file: MappedFile): boolean {
    return this.#files.has(file)
  }

  [Symbol.iterator](): IterableIterator<MappedFile> {
    return this.#files.values()
  }

  /** What is lent for all of them. */
  get lentBytes(): number {
    let bytes = 0
    for (const file of this.#files) bytes += file.lentBytes
    return bytes
  }

  /** The one in whose bytes an address lies. */
  around(address: number): MappedFile | undefined {
    for (const file of this.#files) if (file.holds(address)) return file
    return undefined
  }

  /** Where they are, whole pages, ascending. */
  get spans(): PageSpan[] {
    return [...this.#files].map(spanOf).sort((a, b) => a.from - b.from)
  }

  /** Those that others have over the same memory: another heap there, or another instance of this one. */
  ofOthers(): MappedFile[] {
    return listsIn(this.core.memory).flatMap((list) => (list === this ? [] : [...list]))
  }

  /** Of a fork, in whose memory they are: those of its parent. */
  inherit(parent: MappedFileList): void {
    for (const file of parent) {
      const own = inForkOf(file, this)
      this.#add(own)
      own.protect()
      this.core.origin?.adopted.set(file, own)
    }
  }

  // ---- mapping ------------------------------------------------------------------------------------------------------

  /** @throws ArgumentError, FileError, OutOfMemoryError, PlatformError, UnsupportedError, ClosedError */
  map(path: string | URL, options: MapFileOptions): MappedFile {
    const { core } = this
    core.assertOpen()
    if (MODES[core.mode].build === 'embedded') throw new UnsupportedError(core.mode, 'mapped files')
    const plan = planMapping(core, path, options)
    const file = OpenFile.open(plan.path, howToOpen(plan))
    try {
      return this.#mapOpen(file, plan)
    } catch (error) {
      file.undo()
      throw error
    }
  }

  #mapOpen(file: OpenFile, plan: MapPlan): MappedFile {
    const { core } = this
    const bytes = bytesToMap(file, plan)
    const pages = pagesFor(bytes)
    const address = core.request(pages * WASM_PAGE_BYTES, () => core.plainKernel.lend(pages, 0))
    const { pageBytes } = core.pages
    const pagesBytes = Math.ceil(bytes / pageBytes) * pageBytes
    const place = { address, bytes, pagesBytes, lentBytes: pages * WASM_PAGE_BYTES }
    const mapped = new MappedFile(this, file, place, { ...plan, isMapped: core.pages.can.mapFile })
    try {
      if (plan.creates) file.lengthen(plan.offset + bytes)
      mapped.map()
    } catch (error) {
      // Blocks that were made there would be written to the file.
      if (!mapped.isOver) this.#giveBack(address, place.lentBytes)
      throw error
    }
    file.keepWith(core.memory)
    this.#add(mapped)
    return mapped
  }

  #add(mapped: MappedFile): void {
    this.#files.add(mapped)
    const { memory } = this.core
    const lists = listsOver.get(memory)
    if (lists) lists.add(this)
    else listsOver.set(memory, new Set([this]))
  }

  // ---- the end ------------------------------------------------------------------------------------------------------

  /** End one, if it has not ended. */
  end(file: MappedFile): void {
    if (!this.#files.has(file)) return
    try {
      file.release()
    } finally {
      if (!file.isOver) this.#forget(file)
    }
  }

  #forget(file: MappedFile): void {
    this.#files.delete(file)
    if (this.#files.size === 0) listsOver.get(this.core.memory)?.delete(this)
    this.#giveBack(file.address, file.lentBytes)
  }

  /** What is longer than a run was lent MiB by MiB. */
  #giveBack(address: number, bytes: number): void {
    // Of a file that could not be taken away at the end: whoever is there now has it all.
    if (this.core.isClosed) return
    const step = bytes <= PIECE_MAX_PAGES * WASM_PAGE_BYTES ? bytes : CHUNK_BYTES
    for (let at = address; at < address + bytes; at += step) {
      if (this.core.plainKernel.takeBack(at) === STATUS_OK) continue
      throw new CorruptionError(at, `the memory of a mapped file is none of ${this.core.label}`)
    }
    this.core.pressure.lookSoon()
  }

  /** End all, whatever fails. @throws what failed first */
  endAll(): void {
    const attempts = new Attempts()
    for (const file of [...this.#files]) attempts.make(() => this.end(file))
    attempts.settle()
  }

  /** Of all instances of this heap, whose memory is to be made anew. @throws what failed first */
  endAllOfHeap(): void {
    const attempts = new Attempts()
    for (const list of listsIn(this.core.memory)) {
      if (list.core.base === this.core.base) attempts.make(() => list.endAll())
    }
    attempts.settle()
  }

  /** One that lies over the memory of this heap, by whichever instance. */
  anyOfHeap(): MappedFile | undefined {
    for (const list of listsIn(this.core.memory)) {
      if (list.core.base !== this.core.base) continue
      for (const file of list) return file
    }
    return undefined
  }
}

// ---- what to map ----------------------------------------------------------------------------------------------------

function planMapping(core: HeapCore, file: string | URL, options: MapFileOptions): MapPlan {
  const path = file instanceof URL ? pathOfUrl(file) : file
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new ArgumentError('path', file, 'the path of a file, or a `file:` URL')
  }
  checkOptions('options', options, ['access', 'offset', 'length', 'limit', 'create'])
  const { access = 'read', create = false } = options
  if (!ACCESSES.includes(access)) throw new ArgumentError('access', access, `one of ${ACCESSES.join(', ')}`)
  if (typeof create !== 'boolean') throw new ArgumentError('create', create, 'true or false')
  const length = options.length === undefined ? undefined : parseSize(options.length, 'length')
  if (create && access !== 'shared') throw new ArgumentError('create', create, "left out, or with access 'shared'")
  if (create && length === undefined) throw new ArgumentError('length', length, 'given with `create`')
  const limitBytes = options.limit === undefined ? OFFSET_MAX : parseSize(options.limit, 'limit')
  if (length !== undefined && length > limitBytes) {
    throw new ArgumentError('length', options.length, `at most the limit, ${limitBytes} bytes`)
  }
  const offset = checkRange('offset', options.offset ?? 0, 0, OFFSET_MAX)
  const { pageBytes } = core.pages
  if (offset % pageBytes !== 0) {
    throw new ArgumentError('offset', offset, `a multiple of ${pageBytes}, the system's pages`)
  }
  return { path, access, offset, length, limitBytes, creates: create }
}

function howToOpen({ access, creates }: MapPlan): OpenHow {
  if (access !== 'shared') return 'read'
  return creates ? 'create' : 'write'
}

/** How much of the file is to be mapped. @throws FileError */
function bytesToMap(file: OpenFile, { path, offset, length, limitBytes, creates }: MapPlan): number {
  if (creates) return length as number
  const { size } = file
  if (offset > size) throw new FileError(path, `it has ${size} bytes, and the offset is ${offset}`)
  const rest = size - offset
  if (length !== undefined && length > rest) {
    throw new FileError(path, `it has ${rest} bytes from offset ${offset}, and the length is ${length}`)
  }
  const bytes = length ?? rest
  if (bytes > limitBytes) throw new FileError(path, `${bytes} bytes would be mapped, and the limit is ${limitBytes}`)
  return bytes
}

/** Pages of 64 KiB that are lent for it. */
function pagesFor(bytes: number): number {
  const pages = Math.max(1, Math.ceil(bytes / WASM_PAGE_BYTES))
  return pages <= PIECE_MAX_PAGES ? pages : Math.ceil(pages / MIB_PAGES) * MIB_PAGES
}

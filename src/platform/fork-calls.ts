/**
 * What forks by copy on write ask of Linux: files that live in memory, one for each layer; mapping parts of them
 * privately over a memory; and which pages of a memory are its own, that is, were stored to since they were mapped.
 *
 * The kernel tells the last by `ioctl(PAGEMAP_SCAN)`, which skips what is not there (Linux 6.7), or by
 * `/proc/self/pagemap`, 8 bytes a page, of which bit 61 says that a page belongs to a file. Pages that are swapped out
 * count. Either costs time in proportion to the pages that are looked at, whatever was stored to.
 *
 * A layer has for each address of the memory the same place: so neighbours in the memory are neighbours in the file,
 * and one mapping covers both.
 */
import { PlatformError } from '../errors.js'
import type { Koffi } from './posix.js'
import { fileModule } from './process.js'

/** Whole pages of a memory, by addresses; `to` is the first byte behind. */
export interface PageSpan {
  readonly from: number
  readonly to: number
}

/** How private pages were found. */
export type ScanMethod = 'PAGEMAP_SCAN' | 'pagemap'

/** Calls of the system. Ranges are of whole pages within the memory. All throw PlatformError. */
export interface ForkCalls {
  readonly pageBytes: number
  /** Most mappings that one memory should have: a part of what the system allows the process. */
  readonly extentsMax: number
  readonly scanMethod: ScanMethod
  /** A new file in memory, all zeros; its descriptor. */
  open(bytes: number): number
  /** Make a file longer. */
  lengthen(fd: number, bytes: number): void
  /** Write a range of the memory to the same place of the file. */
  write(fd: number, memory: WebAssembly.Memory, span: PageSpan): void
  /** Map the same place of the file over a range, for reading and private writing. */
  map(fd: number, memory: WebAssembly.Memory, span: PageSpan): void
  /** Drop the private pages of a range that a file is mapped over: it reads as the file does. */
  reread(memory: WebAssembly.Memory, span: PageSpan): void
  /** The pages that a memory has for itself, ascending, neighbours joined. */
  privatePages(memory: WebAssembly.Memory): PageSpan[]
  /** Give back the room that a range has in a file. */
  punch(fd: number, span: PageSpan): void
  /** Bytes that a file has room for. */
  heldBytes(fd: number): number
  close(fd: number): void
}

const PROT_READ_WRITE = 3
const MAP_PRIVATE_FIXED_NORESERVE = 0x2 | 0x10 | 0x4000
const MFD_CLOEXEC = 1
const MADV_DONTNEED = 4
const FALLOC_PUNCH_KEEP_SIZE = 3

const PAGEMAP_SCAN = 0xc0606610
const SCAN_ARGUMENT_BYTES = 96n
const SCAN_WALK_END = 4
const SCAN_REGIONS = 1024
const PAGE_IS_FILE = 4n
const PAGE_IS_PRESENT = 8n
const PAGE_IS_SWAPPED = 16n
const PAGE_IS_PFNZERO = 32n

/** Of an entry's upper word in `/proc/self/pagemap`: present or swapped, and of a file. */
const ENTRY_IS_THERE = 0xc0000000
const ENTRY_IS_FILE = 0x20000000
const ENTRY_BYTES = 8
const ENTRIES_AT_ONCE = 32768

const DESCRIPTORS = '/proc/self/fd'
const PAGEMAP_FILE = '/proc/self/pagemap'
const MAP_COUNT_FILE = '/proc/sys/vm/max_map_count'
const MAP_COUNT_USUAL = 65530
/** One memory gets this part of the mappings, so that several heaps and the rest of the process have theirs. */
const MAP_COUNT_PART = 8

/** The calls of the C library, by plain addresses. */
interface Calls {
  mmap(at: number, bytes: number, protection: number, flags: number, fd: number, offset: number): number | bigint
  madvise(at: number, bytes: number, advice: number): number
  ioctl(fd: number, request: number, argument: BigUint64Array): number
  memfd_create(name: string, flags: number): number
  fallocate(fd: number, mode: number, offset: number, bytes: number): number
  getpagesize(): number
  close(fd: number): number
}

export interface ForkCallOptions {
  /** Whether to try `PAGEMAP_SCAN`. Default true. */
  readonly scans?: boolean
}

/** The calls, tried once. Throws, with the reason as its message, where they cannot be had. */
export function bindForkCalls(koffi: ForkKoffi, options: ForkCallOptions = {}): ForkCalls {
  return new LinuxForkCalls(koffi, options.scans ?? true)
}

/** koffi with what is used here beside. */
export type ForkKoffi = Koffi & { address(bytes: ArrayBufferView): bigint }

type FileModule = NonNullable<ReturnType<typeof fileModule>>

class LinuxForkCalls implements ForkCalls {
  readonly pageBytes: number
  readonly extentsMax: number
  readonly scanMethod: ScanMethod
  readonly #koffi: ForkKoffi
  readonly #calls: Calls
  readonly #fs: FileModule
  readonly #pagemap: number

  constructor(koffi: ForkKoffi, scans: boolean) {
    const fs = fileModule()
    if (!fs) throw new Error('this runtime has no `node:fs` at hand (Node 20.16 or later has)')
    this.#fs = fs
    this.#koffi = koffi
    this.#calls = bindCalls(koffi)
    this.pageBytes = this.#calls.getpagesize()
    this.extentsMax = Math.floor(mapCount(fs) / MAP_COUNT_PART)
    this.#pagemap = fs.openSync(PAGEMAP_FILE, 'r')
    try {
      this.scanMethod = this.#tryAll(scans)
    } catch (error) {
      fs.closeSync(this.#pagemap)
      throw error
    }
  }

  open(bytes: number): number {
    const fd = this.#openFile({ from: 0, to: bytes })
    try {
      this.lengthen(fd, bytes)
    } catch (error) {
      this.close(fd)
      throw error
    }
    return fd
  }

  /** Node's own descriptor, which it closes with the thread that opened it; it warns of others that `fs` closes there. */
  #openFile(span: PageSpan): number {
    const made = this.#calls.memfd_create('heapwright-layer', MFD_CLOEXEC)
    if (made < 0) throw this.#error('memfd_create', span)
    try {
      return this.#files('open', span, () => this.#fs.openSync(`${DESCRIPTORS}/${made}`, 'r+'))
    } finally {
      this.#calls.close(made)
    }
  }

  lengthen(fd: number, bytes: number): void {
    this.#files('ftruncate', { from: 0, to: bytes }, () => this.#fs.ftruncateSync(fd, bytes))
  }

  write(fd: number, memory: WebAssembly.Memory, span: PageSpan): void {
    const { from, to } = span
    const bytes = new Uint8Array(memory.buffer, from, to - from)
    this.#files('pwrite', span, () => {
      for (let done = 0; done < bytes.length; ) {
        done += this.#fs.writeSync(fd, bytes, done, bytes.length - done, from + done)
      }
    })
  }

  map(fd: number, memory: WebAssembly.Memory, span: PageSpan): void {
    const { from, to } = span
    const at = this.#addressOf(memory) + from
    const mapped = this.#calls.mmap(at, to - from, PROT_READ_WRITE, MAP_PRIVATE_FIXED_NORESERVE, fd, from)
    if (Number(mapped) === -1) throw this.#error('mmap', span)
  }

  reread(memory: WebAssembly.Memory, span: PageSpan): void {
    const { from, to } = span
    if (this.#calls.madvise(this.#addressOf(memory) + from, to - from, MADV_DONTNEED) === 0) return
    throw this.#error('madvise', span)
  }

  privatePages(memory: WebAssembly.Memory): PageSpan[] {
    const base = this.#addressOf(memory)
    const bytes = memory.buffer.byteLength
    return this.scanMethod === 'PAGEMAP_SCAN' ? this.#scan(base, bytes) : this.#readPagemap(base, bytes)
  }

  punch(fd: number, span: PageSpan): void {
    const { from, to } = span
    if (this.#calls.fallocate(fd, FALLOC_PUNCH_KEEP_SIZE, from, to - from) === 0) return
    throw this.#error('fallocate', span)
  }

  heldBytes(fd: number): number {
    return this.#fs.fstatSync(fd).blocks * 512
  }

  close(fd: number): void {
    this.#fs.closeSync(fd)
  }

  /** Where the memory lies in the process. */
  #addressOf(memory: WebAssembly.Memory): number {
    return Number(this.#koffi.address(new Uint8Array(memory.buffer)))
  }

  // ---- private pages ------------------------------------------------------------------------------------------------

  #scan(base: number, bytes: number): PageSpan[] {
    const regions = new BigUint64Array(3 * SCAN_REGIONS)
    const not = PAGE_IS_FILE | PAGE_IS_PFNZERO
    const found: PageSpan[] = []
    const end = BigInt(base + bytes)
    for (let from = BigInt(base); from < end; ) {
      const to = this.#koffi.address(regions)
      const head = [SCAN_ARGUMENT_BYTES, 0n, from, end, 0n, to, BigInt(SCAN_REGIONS), 0n]
      const which = [not, not, PAGE_IS_PRESENT | PAGE_IS_SWAPPED, PAGE_IS_PRESENT]
      const argument = new BigUint64Array([...head, ...which])
      const count = this.#calls.ioctl(this.#pagemap, PAGEMAP_SCAN, argument)
      if (count < 0) throw this.#error('ioctl', { from: 0, to: bytes })
      for (let i = 0; i < count; i++) {
        joinSpan(found, Number(regions[3 * i]) - base, Number(regions[3 * i + 1]) - base)
      }
      // Room left over: all was seen. The end of the walk may be told too low when more than 512 regions were found.
      if (count < SCAN_REGIONS) break
      const [told, seen] = [argument[SCAN_WALK_END] as bigint, regions[3 * count - 2] as bigint]
      from = told > seen ? told : seen
    }
    return found
  }

  #readPagemap(base: number, bytes: number): PageSpan[] {
    const { pageBytes } = this
    const entries = new Uint32Array(2 * ENTRIES_AT_ONCE)
    const found: PageSpan[] = []
    const pages = bytes / pageBytes
    for (let first = 0; first < pages; first += ENTRIES_AT_ONCE) {
      const count = Math.min(ENTRIES_AT_ONCE, pages - first)
      const place = (base / pageBytes + first) * ENTRY_BYTES
      this.#files('pread', { from: 0, to: bytes }, () => {
        const read = this.#fs.readSync(this.#pagemap, entries, 0, count * ENTRY_BYTES, place)
        if (read !== count * ENTRY_BYTES) throw new Error(`${PAGEMAP_FILE} ends early`)
      })
      for (let i = 0; i < count; i++) {
        const word = entries[2 * i + 1] as number
        const isPrivate = (word & ENTRY_IS_THERE) !== 0 && (word & ENTRY_IS_FILE) === 0
        if (isPrivate) joinSpan(found, (first + i) * pageBytes, (first + i + 1) * pageBytes)
      }
    }
    return found
  }

  // ---- before the first use -----------------------------------------------------------------------------------------

  /** Fork a memory of two pages by hand. */
  #tryAll(scans: boolean): ScanMethod {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
    const words = new Uint32Array(memory.buffer)
    const page: PageSpan = { from: this.pageBytes, to: 2 * this.pageBytes }
    if (page.to > memory.buffer.byteLength) throw new Error(`pages have ${this.pageBytes} bytes`)
    const at = page.from >>> 2
    words[at] = 7
    const fd = this.open(memory.buffer.byteLength)
    try {
      this.write(fd, memory, page)
      this.map(fd, memory, page)
      const method = scans && this.#finds(memory, page, at, 'PAGEMAP_SCAN') ? 'PAGEMAP_SCAN' : 'pagemap'
      this.reread(memory, page)
      if (method === 'pagemap' && !this.#finds(memory, page, at, method)) {
        throw new Error('the system does not tell which pages are private')
      }
      this.reread(memory, page)
      if (words[at] !== 7) throw new Error('private pages do not read as their file')
      return method
    } finally {
      this.close(fd)
    }
  }

  /** Whether a page is found once it was stored to, and not before. */
  #finds(memory: WebAssembly.Memory, page: PageSpan, at: number, method: ScanMethod): boolean {
    const base = this.#addressOf(memory)
    const bytes = memory.buffer.byteLength
    const words = new Uint32Array(memory.buffer)
    const has = () => {
      const found = method === 'PAGEMAP_SCAN' ? this.#scan(base, bytes) : this.#readPagemap(base, bytes)
      return found.some(({ from, to }) => from <= page.from && to >= page.to)
    }
    try {
      const hadBefore = words[at] !== 7 || has()
      words[at] = 8
      return !hadBefore && has()
    } catch (error) {
      if (error instanceof PlatformError) return false
      throw error
    }
  }

  // ---- failures -----------------------------------------------------------------------------------------------------

  #error(call: string, { from, to }: PageSpan): PlatformError {
    const names = Object.entries(this.#koffi.os.errno)
    const number = this.#koffi.errno()
    const name = names.find(([, value]) => value === number)?.[0] ?? `errno ${number}`
    return new PlatformError(call, name, from, to - from)
  }

  /** The same for calls that Node makes. */
  #files<T>(call: string, { from, to }: PageSpan, make: () => T): T {
    try {
      return make()
    } catch (error) {
      const name = error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
      throw new PlatformError(call, name, from, to - from, { cause: error })
    }
  }
}

function bindCalls(koffi: Koffi): Calls {
  const library = koffi.load(null)
  const bind = <Call>(definition: string) => library.func(definition) as Call
  return {
    mmap: bind('intptr_t mmap(uintptr_t at, size_t bytes, int protection, int flags, int fd, int64_t offset)'),
    madvise: bind('int madvise(uintptr_t at, size_t bytes, int advice)'),
    ioctl: bind('int ioctl(int fd, unsigned long request, void *argument)'),
    memfd_create: bind('int memfd_create(const char *name, unsigned int flags)'),
    fallocate: bind('int fallocate(int fd, int mode, int64_t offset, int64_t bytes)'),
    getpagesize: bind('int getpagesize()'),
    close: bind('int close(int fd)'),
  }
}

function mapCount(fs: FileModule): number {
  try {
    const count = Number(fs.readFileSync(MAP_COUNT_FILE, 'utf8'))
    return Number.isSafeInteger(count) && count > 0 ? count : MAP_COUNT_USUAL
  } catch {
    return MAP_COUNT_USUAL
  }
}

/** Add a span behind those of an ascending list. */
export function joinSpan(spans: PageSpan[], from: number, to: number): void {
  const last = spans.at(-1)
  if (last?.to === from) spans[spans.length - 1] = { from: last.from, to }
  else spans.push({ from, to })
}

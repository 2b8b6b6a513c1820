/**
 * Pages where the system cannot be called: browsers, Windows, and wherever `koffi` is missing or refused. What can be
 * had with WebAssembly and plain files alone is done, so that contents are the same as on the other system; nothing is
 * given back, and nothing protects against stores.
 */
import { PlatformError } from '../errors.js'
import { checkFileOffset, pageRange } from './page-range.js'
import type { FilePart, PageAbilities, PageHintResult, PageHints, PageSystem } from './pages.js'
import { fileModule } from './process.js'

/** What most systems have; here it is only a grain that callers keep to. */
const PAGE_BYTES = 4096

const NOTHING: PageAbilities = {
  decommit: false,
  protect: false,
  mapFile: false,
  fork: false,
  hugePages: false,
  numa: false,
  residency: false,
}

class PortablePages implements PageSystem {
  readonly kind = 'portable'
  readonly reason: string
  readonly pageBytes = PAGE_BYTES
  readonly can = NOTHING

  constructor(reason: string) {
    this.reason = reason
  }

  decommit(memory: WebAssembly.Memory, address: number, bytes: number): boolean {
    pageRange(memory, address, bytes, PAGE_BYTES).fill(0)
    return false
  }

  protect(memory: WebAssembly.Memory, address: number, bytes: number): boolean {
    pageRange(memory, address, bytes, PAGE_BYTES)
    return false
  }

  map(memory: WebAssembly.Memory, address: number, bytes: number, file: FilePart): void {
    const range = pageRange(memory, address, bytes, PAGE_BYTES)
    checkFileOffset(file.offsetBytes, PAGE_BYTES)
    // Read first: a file that cannot be read leaves the range as it was.
    const contents = new Uint8Array(bytes)
    transfer('readSync', contents, address, file)
    range.set(contents)
  }

  flush(memory: WebAssembly.Memory, address: number, bytes: number, file: FilePart): void {
    const range = pageRange(memory, address, bytes, PAGE_BYTES)
    checkFileOffset(file.offsetBytes, PAGE_BYTES)
    if (file.access === 'shared') transfer('writeSync', range, address, file)
  }

  unmap(memory: WebAssembly.Memory, address: number, bytes: number): void {
    pageRange(memory, address, bytes, PAGE_BYTES).fill(0)
  }

  residentBytes(memory: WebAssembly.Memory, address: number, bytes: number): undefined {
    pageRange(memory, address, bytes, PAGE_BYTES)
  }

  advise(memory: WebAssembly.Memory, address: number, bytes: number, hints: PageHints): PageHintResult {
    pageRange(memory, address, bytes, PAGE_BYTES)
    const result: PageHintResult = {}
    if (hints.hugePages !== undefined) result.hugePages = false
    if (hints.numaNode !== undefined) result.numaNode = false
    return result
  }
}

/** The portable pages, which say why. */
export function portablePages(reason: string): PageSystem {
  return new PortablePages(reason)
}

/** Read or write until the range's or the file's end. */
function transfer(call: 'readSync' | 'writeSync', range: Uint8Array, address: number, file: FilePart): void {
  const fs = fileModule()
  if (!fs) throw new PlatformError(call, 'ENOSYS', address, range.byteLength)
  // A write past the end would make the file longer, which a mapping never does.
  const most = call === 'readSync' ? range.byteLength : Math.min(range.byteLength, bytesFrom(fs, range, address, file))
  try {
    for (let done = 0, step = 1; done < most && step > 0; done += step) {
      step =
        call === 'readSync'
          ? fs.readSync(file.fd, range, done, most - done, file.offsetBytes + done)
          : fs.writeSync(file.fd, range, done, most - done, file.offsetBytes + done)
    }
  } catch (error) {
    throw new PlatformError(call, errorName(error), address, range.byteLength, { cause: error })
  }
}

type FileModule = NonNullable<ReturnType<typeof fileModule>>

/** What the file has from the part's beginning on. */
function bytesFrom(fs: FileModule, range: Uint8Array, address: number, file: FilePart): number {
  try {
    return Math.max(0, fs.fstatSync(file.fd).size - file.offsetBytes)
  } catch (error) {
    throw new PlatformError('fstatSync', errorName(error), address, range.byteLength, { cause: error })
  }
}

function errorName(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
}

/**
 * Pages of Linux and macOS, by `mmap`, `mprotect`, `madvise`, `msync`, `mincore` and `mbind` over the range of the
 * memory's own buffer.
 *
 * Give back: on Linux `madvise(MADV_DONTNEED)`, which drops the pages at once and zeros what is read later; elsewhere,
 * and where Linux refuses because pages are locked, fresh anonymous pages are mapped over the old ones, the same to who
 * looks.
 *
 * Files that are only read are mapped privately. Engines make the whole memory writable when it grows, and V8 ends the
 * process when the system refuses, as it would for a shared mapping of a file that is open for reading alone.
 *
 * Before the first use all is tried on a small memory: that the view's address is the memory's own, and that the system
 * lets us. What does not work there is not offered.
 */
import { ArgumentError, PlatformError } from '../errors.js'
import { forgetLayers, hasLayers } from './fork-memory.js'
import { checkFileOffset, pageRange } from './page-range.js'
import type { FilePart, PageAbilities, PageAccess, PageHintResult, PageHints, PageSystem } from './pages.js'
import {
  bindPosix,
  loadKoffi,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MPOL_DEFAULT,
  MPOL_MF_MOVE,
  MPOL_PREFERRED,
  messageOf,
  NUMA_NODES_MAX,
  POSIX_FLAGS,
  type PosixCalls,
  type PosixFlags,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from './posix.js'
import { thisSystem } from './system.js'

const WASM_PAGE_BYTES = 65536
/** Pages that are asked for at once: a byte each. */
const RESIDENCY_PAGES = 65536
const HUGE_PAGES_FILE = '/sys/kernel/mm/transparent_hugepage/enabled'

const PROTECTIONS: Readonly<Record<PageAccess, number>> = {
  none: PROT_NONE,
  read: PROT_READ,
  readWrite: PROT_READ | PROT_WRITE,
}

class PosixPages implements PageSystem {
  readonly kind = 'posix'
  readonly reason = undefined
  readonly pageBytes: number
  readonly can: PageAbilities
  readonly #calls: PosixCalls
  readonly #flags: PosixFlags
  readonly #drops: boolean

  constructor(calls: PosixCalls, platform: string, flags: PosixFlags) {
    this.#calls = calls
    this.#flags = flags
    this.#drops = platform === 'linux'
    this.pageBytes = calls.getpagesize()
    this.can = this.#tryAll(platform)
  }

  decommit(memory: WebAssembly.Memory, address: number, bytes: number): boolean {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    if (bytes === 0) return true
    if (hasLayers(memory, { from: address, to: address + bytes })) {
      // What is dropped there would read as the layer does.
      this.unmap(memory, address, bytes)
      return true
    }
    if (!this.#drops || this.#calls.madvise(range, bytes, MADV_DONTNEED) !== 0) this.#mapFresh(range)
    return true
  }

  protect(memory: WebAssembly.Memory, address: number, bytes: number, access: PageAccess): boolean {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    if (!this.can.protect) return false
    if (bytes > 0 && this.#calls.mprotect(range, bytes, PROTECTIONS[access]) !== 0) throw this.#error('mprotect', range)
    return true
  }

  map(memory: WebAssembly.Memory, address: number, bytes: number, file: FilePart): void {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    checkFileOffset(file.offsetBytes, this.pageBytes)
    if (bytes === 0) return
    const protection = file.access === 'read' ? PROT_READ : PROT_READ | PROT_WRITE
    const flags = (file.access === 'shared' ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED
    this.#mmap(range, protection, flags, file.fd, file.offsetBytes)
    forgetLayers(memory, { from: address, to: address + bytes })
  }

  flush(memory: WebAssembly.Memory, address: number, bytes: number, file: FilePart): void {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    checkFileOffset(file.offsetBytes, this.pageBytes)
    if (bytes === 0 || file.access !== 'shared') return
    if (this.#calls.msync(range, bytes, this.#flags.MS_SYNC) !== 0) throw this.#error('msync', range)
  }

  unmap(memory: WebAssembly.Memory, address: number, bytes: number): void {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    if (bytes === 0) return
    this.#mapFresh(range)
    forgetLayers(memory, { from: address, to: address + bytes })
  }

  residentBytes(memory: WebAssembly.Memory, address: number, bytes: number): number | undefined {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    if (!this.can.residency) return undefined
    const stepBytes = RESIDENCY_PAGES * this.pageBytes
    const pages = new Uint8Array(Math.min(bytes, stepBytes) / this.pageBytes)
    let resident = 0
    for (let at = 0; at < bytes; at += stepBytes) {
      const step = range.subarray(at, at + stepBytes)
      if (this.#calls.mincore(step, step.byteLength, pages) !== 0) throw this.#error('mincore', step)
      const asked = pages.subarray(0, step.byteLength / this.pageBytes)
      resident += asked.reduce((sum, page) => sum + (page & 1), 0)
    }
    return resident * this.pageBytes
  }

  advise(memory: WebAssembly.Memory, address: number, bytes: number, hints: PageHints): PageHintResult {
    const range = pageRange(memory, address, bytes, this.pageBytes)
    const { hugePages, numaNode } = hints
    const result: PageHintResult = {}
    if (hugePages !== undefined) {
      const advice = hugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE
      result.hugePages = this.can.hugePages && (bytes === 0 || this.#calls.madvise(range, bytes, advice) === 0)
    }
    if (numaNode !== undefined) result.numaNode = this.can.numa && this.#prefer(range, numaNode)
    return result
  }

  #prefer(range: Uint8Array, node: number): boolean {
    if (!Number.isInteger(node) || node < 0 || node >= NUMA_NODES_MAX) {
      throw new ArgumentError('numaNode', node, `an integer from 0 to ${NUMA_NODES_MAX - 1}`)
    }
    const nodes = new Uint8Array(NUMA_NODES_MAX / 8)
    nodes[node >> 3] = 1 << (node & 7)
    const { byteLength } = range
    return byteLength === 0 || this.#calls.mbind?.(range, byteLength, MPOL_PREFERRED, nodes, MPOL_MF_MOVE) === 0
  }

  #mapFresh(range: Uint8Array): void {
    this.#mmap(range, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | this.#flags.MAP_ANONYMOUS, -1, 0)
  }

  #mmap(range: Uint8Array, protection: number, flags: number, fd: number, offset: number): void {
    if (Number(this.#calls.mmap(range, range.byteLength, protection, flags, fd, offset)) === -1) {
      throw this.#error('mmap', range)
    }
  }

  #error(call: string, range: Uint8Array): PlatformError {
    return new PlatformError(call, this.#calls.errnoName(), range.byteOffset, range.byteLength)
  }

  // ---- before the first use -----------------------------------------------------------------------------------------

  /** What works, tried on a memory of one page of WebAssembly. Throws when even giving back does not. */
  #tryAll(platform: string): PageAbilities {
    if (this.pageBytes > WASM_PAGE_BYTES) throw new Error(`pages have ${this.pageBytes} bytes`)
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
    const range = new Uint8Array(memory.buffer)
    const hasZeros = () => range.every((byte) => byte === 0)
    range.fill(1)
    this.decommit(memory, 0, WASM_PAGE_BYTES)
    // A view that was handed over as a copy would come through that unchanged.
    if (!hasZeros()) throw new Error('koffi does not hand over the memory itself')
    range.fill(1)
    this.#mapFresh(range)
    if (!hasZeros()) throw new Error('fresh pages are not zero')
    const isLinux = platform === 'linux'
    const { madvise, mbind, mincore, mprotect } = this.#calls
    const bytes = WASM_PAGE_BYTES
    const hugePages = thisSystem().read(HUGE_PAGES_FILE)
    return {
      decommit: true,
      protect: mprotect(range, bytes, PROT_READ) === 0 && mprotect(range, bytes, PROT_READ | PROT_WRITE) === 0,
      mapFile: true,
      fork: isLinux,
      hugePages: isLinux && !hugePages?.includes('[never]') && madvise(range, bytes, MADV_HUGEPAGE) === 0,
      numa: mbind?.(range, bytes, MPOL_DEFAULT, null, 0) === 0,
      residency: mincore(range, bytes, new Uint8Array(bytes / this.pageBytes)) === 0,
    }
  }
}

/** Node's, as far as it is used; what is missing decides for the portable pages. */
interface Surroundings {
  readonly process?: {
    readonly platform?: string
    readonly arch?: string
    readonly getBuiltinModule?: (name: string) => unknown
  }
}

type ModuleModule = { readonly createRequire: (from: string) => (name: string) => unknown }

/** The POSIX pages of this system, or why they cannot be had. Never throws. */
export function loadPosixPages(
  surroundings: Surroundings = globalThis as unknown as Surroundings,
): PageSystem | string {
  const { process } = surroundings
  const platform = process?.platform ?? 'browser'
  const flags = POSIX_FLAGS[platform]
  if (!flags) return `pages cannot be managed on platform '${platform}'; Linux and macOS can`
  const module = process?.getBuiltinModule?.('node:module') as ModuleModule | undefined
  const koffi = loadKoffi(module?.createRequire)
  if (typeof koffi === 'string') return koffi
  try {
    return new PosixPages(bindPosix(koffi, platform, process?.arch ?? ''), platform, flags)
  } catch (error) {
    return `the system refuses calls on pages: ${messageOf(error)}`
  }
}

/**
 * Pages of a WebAssembly memory, as the operating system sees them: give them back, take access away, put a file in
 * their place, ask which are resident. One interface with two implementations: `pages-posix.ts` calls the system through
 * `koffi`, a package that is optional and loaded when pages are first asked for; `pages-portable.ts` has WebAssembly
 * alone, which can zero bytes and copy them.
 *
 * Every call takes a range of whole pages within the memory as it is now, and is refused else; nothing outside is ever
 * touched, so that the engine's guard regions behind a memory stay as they are. A range of no bytes is nothing to do.
 *
 * Growth: engines set the whole memory to read and write when it grows (V8 does). Who has protected a range protects it
 * again after each growth; what was given back, mapped or advised stays so.
 */
import { checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { portablePages } from './pages-portable.js'
import { loadPosixPages } from './pages-posix.js'

/** What a page may be used for. */
export type PageAccess = 'none' | 'read' | 'readWrite'

/** What a system can do for real; what is false has the substitute that each call names. */
export interface PageAbilities {
  readonly decommit: boolean
  readonly protect: boolean
  readonly mapFile: boolean
  /** Whether there are files that live in memory, of which pages are shared by copy on write. */
  readonly fork: boolean
  readonly hugePages: boolean
  readonly numa: boolean
  readonly residency: boolean
}

/** A part of an open file. */
export interface FilePart {
  readonly fd: number
  /** A multiple of `pageBytes`. */
  readonly offsetBytes: number
  /**
   * `read`: stores are refused, or private. `shared`: stores reach the file and everybody who maps it so; the file must
   * be open for both. `private`: stores are this memory's own.
   */
  readonly access: 'read' | 'shared' | 'private'
}

/** Wishes on how pages are to be backed. */
export interface PageHints {
  /** True: by huge pages where that can be. False: never. */
  readonly hugePages?: boolean | undefined
  /** Number of the NUMA node whose memory is preferred, from 0. */
  readonly numaNode?: number | undefined
}

/** Which wishes the system took; those that were not made are left out. */
export interface PageHintResult {
  hugePages?: boolean
  numaNode?: boolean
}

/**
 * Calls on pages. `address` and `bytes` are multiples of `pageBytes`, within the memory. All throw ArgumentError for
 * a range that is not so, and PlatformError when the system refuses; nothing has changed then.
 */
export interface PageSystem {
  readonly kind: 'posix' | 'portable'
  /** Why it is the portable one, as a sentence without a full stop. */
  readonly reason: string | undefined
  /** Bytes of a page of the system: 4,096, 16,384 or 65,536. */
  readonly pageBytes: number
  readonly can: PageAbilities

  /**
   * Give back pages of a range that no file is mapped over. They read as zero afterwards. True: they are no longer
   * resident. False: the portable substitute, bytes set to zero.
   */
  decommit(memory: WebAssembly.Memory, address: number, bytes: number): boolean

  /** Set the access of pages until the memory grows. False: it cannot be done here, and nothing has changed. */
  protect(memory: WebAssembly.Memory, address: number, bytes: number, access: PageAccess): boolean

  /**
   * Put a part of a file in place of the range. Pages that lie wholly behind the file's end must not be touched. The
   * portable substitute reads the file into the range, zeros behind its end.
   */
  map(memory: WebAssembly.Memory, address: number, bytes: number, file: FilePart): void

  /**
   * Write what was stored through to the file, and wait for that. The portable substitute writes the whole range to the
   * file. Nothing to do unless `file.access` is `shared`.
   */
  flush(memory: WebAssembly.Memory, address: number, bytes: number, file: FilePart): void

  /** Pages of the memory's own in place of the range: zeros, to be read and written. */
  unmap(memory: WebAssembly.Memory, address: number, bytes: number): void

  /** Bytes of the range that are resident; undefined where the system does not tell. */
  residentBytes(memory: WebAssembly.Memory, address: number, bytes: number): number | undefined

  /** Tell wishes; whether the system took each. */
  advise(memory: WebAssembly.Memory, address: number, bytes: number, hints: PageHints): PageHintResult
}

/** The names of its calls, by which an injected one is checked. */
const CALLS = ['decommit', 'protect', 'map', 'flush', 'unmap', 'residentBytes', 'advise'] as const

/** Most that a page may have: memories grow by so much. */
const PAGE_BYTES_MAX = 65536

let chosen: PageSystem | undefined

/** The pages of this system, chosen at the first call: POSIX where it works, else the portable one with the reason. */
export function pageSystem(): PageSystem {
  if (chosen) return chosen
  const found = loadPosixPages()
  chosen = typeof found === 'string' ? portablePages(found) : found
  return chosen
}

/** The same, if it was chosen before. */
export function pageSystemIfChosen(): PageSystem | undefined {
  return chosen
}

/** A page system given for tests. @throws ArgumentError for what is none */
export function checkPageSystem(argument: string, given: unknown): PageSystem | undefined {
  if (given === undefined) return undefined
  const system = given as Partial<PageSystem> | null
  const { pageBytes = 0, can } = typeof system === 'object' && system !== null ? system : {}
  const isOne =
    Number.isInteger(Math.log2(pageBytes)) &&
    pageBytes <= PAGE_BYTES_MAX &&
    typeof can === 'object' &&
    CALLS.every((call) => typeof system?.[call] === 'function')
  if (isOne) return given as PageSystem
  throw new ArgumentError(
    argument,
    given,
    `a page system, with \`pageBytes\`, \`can\` and the calls ${CALLS.join(', ')}`,
  )
}

/** Highest number of a NUMA node. */
const NUMA_NODE_MAX = 1023

/** @throws ArgumentError for hints that are none; undefined when none is given */
export function checkHints(hints: PageHints): PageHints | undefined {
  const { hugePages, numaNode } = hints
  if (hugePages !== undefined && typeof hugePages !== 'boolean') {
    throw new ArgumentError('hugePages', hugePages, 'true or false')
  }
  if (numaNode !== undefined) checkRange('numaNode', numaNode, 0, NUMA_NODE_MAX)
  return hugePages === undefined && numaNode === undefined ? undefined : { hugePages, numaNode }
}

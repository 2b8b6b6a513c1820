/**
 * The C library's calls on pages, through `koffi`, and the numbers that Linux and macOS give to their flags.
 *
 * `koffi` is a package with compiled code that people install by themselves. It is loaded through `createRequire`, so
 * that nothing is imported where there is no Node, and at once. A `Uint8Array` is handed over as the address of its first
 * byte, without a copy; `loadPosixPages` makes sure of that before it is relied on.
 */

/** The part of koffi that is used. */
export interface Koffi {
  load(library: null): { func(definition: string): (...parameters: unknown[]) => unknown }
  errno(): number
  readonly os: { readonly errno: Readonly<Record<string, number>> }
}

/** What differs between systems. */
export interface PosixFlags {
  readonly MAP_ANONYMOUS: number
  readonly MS_SYNC: number
}

/** Flags by Node's name of the platform. */
export const POSIX_FLAGS: Readonly<Record<string, PosixFlags>> = {
  linux: { MAP_ANONYMOUS: 0x20, MS_SYNC: 4 },
  darwin: { MAP_ANONYMOUS: 0x1000, MS_SYNC: 0x10 },
}

export const PROT_NONE = 0
export const PROT_READ = 1
export const PROT_WRITE = 2
export const MAP_SHARED = 1
export const MAP_PRIVATE = 2
export const MAP_FIXED = 0x10
/** Linux alone; on macOS pages that are given back this way may keep their contents. */
export const MADV_DONTNEED = 4
export const MADV_HUGEPAGE = 14
export const MADV_NOHUGEPAGE = 15
/** Nothing wished; the node's memory first, another's when it has none. */
export const MPOL_DEFAULT = 0
export const MPOL_PREFERRED = 1
/** Pages that are there already move, too, where nobody else has them. */
export const MPOL_MF_MOVE = 2
/** Highest number of a NUMA node, and one: what Linux is built with at most. */
export const NUMA_NODES_MAX = 1024

/** Number of the system call `mbind` by Node's name of the processor; the C library has no function for it. */
const MBIND_NUMBERS: Readonly<Record<string, number>> = { x64: 237, arm64: 235, riscv64: 235, loong64: 235 }

/** The calls; a range is given as a view of it. Those that answer a number answer -1 when they fail. */
export interface PosixCalls {
  mmap(range: Uint8Array, bytes: number, protection: number, flags: number, fd: number, offset: number): number | bigint
  mprotect(range: Uint8Array, bytes: number, protection: number): number
  madvise(range: Uint8Array, bytes: number, advice: number): number
  mincore(range: Uint8Array, bytes: number, pages: Uint8Array): number
  msync(range: Uint8Array, bytes: number, flags: number): number
  getpagesize(): number
  /** Undefined where the call's number is not known. */
  readonly mbind?: (range: Uint8Array, bytes: number, policy: number, nodes: Uint8Array | null, flags: number) => number
  /** Name of the last failure. */
  errnoName(): string
}

/** Bind the calls. Throws what koffi throws when one is not there. */
export function bindPosix(koffi: Koffi, platform: string, arch: string): PosixCalls {
  const library = koffi.load(null)
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]))
  const bind = <Call>(definition: string) => library.func(definition) as Call
  const mbind = platform === 'linux' ? bindMbind(bind, MBIND_NUMBERS[arch]) : undefined
  return {
    mmap: bind('intptr_t mmap(void *range, size_t bytes, int protection, int flags, int fd, int64_t offset)'),
    mprotect: bind('int mprotect(void *range, size_t bytes, int protection)'),
    madvise: bind('int madvise(void *range, size_t bytes, int advice)'),
    mincore: bind('int mincore(void *range, size_t bytes, void *pages)'),
    msync: bind('int msync(void *range, size_t bytes, int flags)'),
    getpagesize: bind('int getpagesize()'),
    ...(mbind && { mbind }),
    errnoName: () => names.get(koffi.errno()) ?? `errno ${koffi.errno()}`,
  }
}

type Mbind = NonNullable<PosixCalls['mbind']>

function bindMbind(bind: <Call>(definition: string) => Call, number: number | undefined): Mbind | undefined {
  if (number === undefined) return undefined
  const syscall = bind<(...parameters: unknown[]) => number>(
    'long syscall(long number, void *range, size_t bytes, int policy, void *nodes, size_t bits, uint32_t flags)',
  )
  return (range, bytes, policy, nodes, flags) =>
    // The kernel looks at one bit less than it is told.
    syscall(number, range, bytes, policy, nodes, nodes === null ? 0 : nodes.byteLength * 8 + 1, flags)
}

/** koffi, or why it cannot be had. */
export function loadKoffi(createRequire: ((from: string) => (name: string) => unknown) | undefined): Koffi | string {
  if (!createRequire) return 'this runtime has no `node:module` (Node 20.16 or later has)'
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND'
    return isMissing ? 'koffi is not installed: npm install koffi' : `koffi cannot be loaded: ${messageOf(error)}`
  }
}

/** The first line of what was thrown. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] as string
}

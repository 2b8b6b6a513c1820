/**
 * Modes as data: each is a table of options over the same parts. Whatever is given to `Heap.create` replaces the mode's
 * own value; `options.ts` refuses what contradicts itself.
 */
import { ADDRESS_LIMIT } from '../kernel/layout.js'
import { CANDIDATES_THRESHOLD } from '../kernel/value-layout.js'
import type { Build } from './kernel-instance.js'
import { formatBytes } from './sizes.js'
import type { HeapOptions, ModeName } from './types.js'

const KIB = 2 ** 10
const MIB = 2 ** 20
const GIB = 2 ** 30

/** What every mode decides. */
type CommonOptions = Required<Pick<HeapOptions, 'limit' | 'debug' | 'name'>>
/** What some modes do not have: an option that a mode's table leaves out is refused there. */
type PartialOptions = Pick<
  HeapOptions,
  | 'initial'
  | 'reserve'
  | 'sizeClasses'
  | 'nursery'
  | 'old'
  | 'ageing'
  | 'pauseGoalMs'
  | 'gcShare'
  | 'evacuate'
  | 'lazySweep'
  | 'countTypes'
  | 'shadowStack'
  | 'stress'
  | 'cycleThreshold'
  | 'outOfMemoryReserve'
  | 'trim'
>

/** What a mode decides. */
export type ModeOptions = CommonOptions & PartialOptions

export interface Mode {
  readonly name: ModeName
  readonly summary: string
  /** The build of the kernel that has what the mode needs, and no more. */
  readonly build: Build
  /** Where blocks come from. */
  readonly allocator: 'segregated' | 'bump'
  /** How they go: one by one, or all at once by `reset()`. */
  readonly freeing: 'each' | 'bulk'
  /** Which objects there are: those that a collector traces, or counted ones, which need none. */
  readonly objects: 'none' | 'counted' | 'traced'
  /** How objects are traced and collected; `none`: none are. Cycles of counted ones are found by `collectCycles`. */
  readonly collector:
    | 'none'
    | 'nursery; mark, evacuate, slide'
    | 'mark, evacuate, slide'
    | 'nursery; mark in steps'
    | 'mark, slide'
  /** What `limit` may be. */
  readonly leastBytes: number
  readonly mostBytes: number
  readonly options: ModeOptions
}

/** Control block, the metadata of one chunk and one unit. A range that crosses a MiB may need a unit more. */
const BLOCKS_ALONE = { leastBytes: 16 * KIB, mostBytes: ADDRESS_LIMIT } as const
/** The same, a mark stack, a type table, and a block of objects. */
const WITH_OBJECTS = { leastBytes: 64 * KIB, mostBytes: ADDRESS_LIMIT } as const
/** The same with a nursery, a slot log, and room to promote to. */
const WITH_NURSERY = { leastBytes: 256 * KIB, mostBytes: ADDRESS_LIMIT } as const

/** What a nursery may have, of the limit at most `mostPart`; where none is given, of the limit at most `usualPart`. */
export const NURSERY_BOUNDS = { leastBytes: 32 * KIB, mostBytes: 64 * MIB, mostPart: 1 / 4, usualPart: 1 / 16 } as const
/** Where `old` is not given it is at most this part of the limit. */
export const OLD_USUAL_PART = 1 / 4

const GROWING = {
  initial: 64 * MIB,
  reserve: false,
  outOfMemoryReserve: 0,
  trim: {},
  debug: false,
  name: 'heap',
} as const
const OBJECTS = { countTypes: false, shadowStack: 0, stress: {} } as const

export const MODES: Readonly<Record<ModeName, Mode>> = {
  manual: {
    name: 'manual',
    summary: 'malloc and free: size-class pages for small blocks, best fit for the rest; objects with reference counts',
    build: 'blocks',
    allocator: 'segregated',
    freeing: 'each',
    objects: 'counted',
    collector: 'none',
    ...BLOCKS_ALONE,
    options: { limit: GIB, ...GROWING, sizeClasses: 'geometric', cycleThreshold: CANDIDATES_THRESHOLD },
  },
  compiler: {
    name: 'compiler',
    summary: 'everything from an arena, no collection, freed in bulk by reset()',
    build: 'blocks',
    allocator: 'bump',
    freeing: 'bulk',
    objects: 'none',
    collector: 'none',
    ...BLOCKS_ALONE,
    options: { limit: GIB, ...GROWING },
  },
  runtime: {
    name: 'runtime',
    summary: 'objects that are born in a nursery, where most of them die, and blocks beside them',
    build: 'objects',
    allocator: 'segregated',
    freeing: 'each',
    objects: 'traced',
    collector: 'nursery; mark, evacuate, slide',
    ...WITH_NURSERY,
    options: {
      limit: GIB,
      ...GROWING,
      sizeClasses: 'geometric',
      nursery: 2 * MIB,
      old: 32 * MIB,
      ageing: false,
      gcShare: 0.5,
      evacuate: true,
      lazySweep: true,
      ...OBJECTS,
    },
  },
  vm: {
    name: 'vm',
    summary: 'objects of all kinds, collected and compacted, and blocks beside them',
    build: 'objects',
    allocator: 'segregated',
    freeing: 'each',
    objects: 'traced',
    collector: 'mark, evacuate, slide',
    ...WITH_OBJECTS,
    options: {
      limit: GIB,
      ...GROWING,
      sizeClasses: 'geometric',
      gcShare: 0.5,
      evacuate: true,
      lazySweep: true,
      ...OBJECTS,
    },
  },
  server: {
    name: 'server',
    summary: 'objects that are born in a nursery; old ones are collected in short steps, blocks beside them',
    build: 'objects',
    allocator: 'segregated',
    freeing: 'each',
    objects: 'traced',
    collector: 'nursery; mark in steps',
    ...WITH_NURSERY,
    options: {
      limit: GIB,
      ...GROWING,
      // Growth can make V8 collect its own memory in full: milliseconds in which nothing else runs.
      reserve: true,
      sizeClasses: 'geometric',
      nursery: 512 * KIB,
      old: 32 * MIB,
      ageing: false,
      pauseGoalMs: 1,
      gcShare: 0.5,
      ...OBJECTS,
    },
  },
  embedded: {
    name: 'embedded',
    summary: 'objects and a few blocks in one small buffer that never grows, with nothing kept beside it',
    build: 'embedded',
    allocator: 'bump',
    freeing: 'each',
    objects: 'traced',
    collector: 'mark, slide',
    // No metadata beside the objects.
    leastBytes: 2 * KIB,
    mostBytes: 64 * MIB,
    options: { limit: 64 * KIB, debug: false, name: 'heap', ...OBJECTS },
  },
}

export interface OptionDescriptor {
  readonly name: keyof HeapOptions
  readonly type: string
  /** What holds when the option is left out. */
  readonly fallback: string
  readonly meaning: string
}

function leastOf(mode: ModeName): string {
  return formatBytes(MODES[mode].leastBytes)
}

/** Every option of `Heap.create`, in the order in which it is best read. */
export const OPTIONS: readonly OptionDescriptor[] = [
  {
    name: 'mode',
    type: "'manual' | 'compiler' | 'runtime' | 'vm' | 'server' | 'embedded' | 'auto'",
    fallback: "'manual'",
    meaning: 'the preset; auto: a collecting one that fits the machine',
  },
  {
    name: 'limit',
    type:
      `size, ${leastOf('manual')} (vm: ${leastOf('vm')}; runtime, server: ${leastOf('server')}) to 4 GiB − 64 KiB; ` +
      `embedded: ${leastOf('embedded')} to ${formatBytes(MODES.embedded.mostBytes)}`,
    fallback: '1 GiB (embedded: 64 KiB), or the given range',
    meaning: 'most the heap may hold of its memory, metadata included',
  },
  {
    name: 'initial',
    type: 'size, at most the limit',
    fallback: '64 MiB, or the limit',
    meaning: 'not embedded: size an own memory is made with; a reservation, untouched pages cost no resident memory',
  },
  {
    name: 'reserve',
    type: 'boolean',
    fallback: 'false (server: true, unless `initial` is given)',
    meaning: 'not embedded: make an own memory at its full limit, so that no view ever detaches',
  },
  {
    name: 'sizeClasses',
    type: "'geometric' | 'pow2' | list of sizes",
    fallback: "'geometric'",
    meaning: 'size classes of small blocks; not in the modes compiler and embedded, which have none',
  },
  {
    name: 'nursery',
    type: `size, ${formatBytes(NURSERY_BOUNDS.leastBytes)} to ${formatBytes(NURSERY_BOUNDS.mostBytes)}, at most a quarter of the limit`,
    fallback: '2 MiB (server: 512 KiB), at most a sixteenth of the limit',
    meaning:
      'runtime, server: where objects are born, rounded down to a power of two; begins shorter, and in runtime grows to ' +
      'twice that while much survives',
  },
  {
    name: 'old',
    type: 'size, at most the limit',
    fallback: '32 MiB, at most a quarter of the limit',
    meaning:
      'runtime, server: what old objects may have before the first full collection, or cycle; no less than an eighth of ' +
      'the limit or 8 MiB',
  },
  {
    name: 'ageing',
    type: 'boolean',
    fallback: 'false',
    meaning: 'runtime, server: the youngest survivors stay young for another collection of the nursery',
  },
  {
    name: 'pauseGoalMs',
    type: 'milliseconds, 0.05 to 1,000',
    fallback: '1',
    meaning: 'server: how long a step of a collection shall take at most',
  },
  {
    name: 'gcShare',
    type: 'share of the time, above 0, at most 1',
    fallback: '0.5',
    meaning:
      'runtime, vm, server: most that collections for want of memory may take when they free little; 1: no such limit',
  },
  {
    name: 'evacuate',
    type: 'boolean',
    fallback: 'true',
    meaning: 'runtime, vm: collections move objects out of fragmented blocks',
  },
  {
    name: 'lazySweep',
    type: 'boolean',
    fallback: 'true',
    meaning: 'runtime, vm: blocks are swept when their holes are needed, not at the end of the collection',
  },
  {
    name: 'countTypes',
    type: 'boolean',
    fallback: 'false',
    meaning: 'modes that collect: count per type how many objects were ever made',
  },
  {
    name: 'shadowStack',
    type: 'slots, 0 to 16,777,216',
    fallback: '0: made when asked for',
    meaning: 'modes that collect: a shadow stack for guests that is there from the start',
  },
  {
    name: 'stress',
    type: "{ collect?: 'always' | { allocations } | { bytes } | { random, oneIn }, move? }",
    fallback: 'none',
    meaning: 'modes that collect: collect, and move, much more often than is needed; for tests',
  },
  {
    name: 'cycleThreshold',
    type: 'objects, 0 to 2,147,483,647',
    fallback: '10,000',
    meaning: 'manual: with so many candidates for garbage cycles, allocations look for some, in short steps; 0: never',
  },
  { name: 'memory', type: 'WebAssembly.Memory', fallback: 'an own one', meaning: 'live in this memory' },
  {
    name: 'base',
    type: 'address',
    fallback: "the memory's end, and only what the heap grows",
    meaning: 'with memory: first byte the heap may use',
  },
  {
    name: 'end',
    type: 'address',
    fallback: "the memory's end",
    meaning: 'with memory and base: first byte behind the range',
  },
  {
    name: 'overwrite',
    type: 'boolean',
    fallback: 'false',
    meaning: 'with memory and base: replace a heap that starts there already',
  },
  {
    name: 'hashSeed',
    type: 'integer, 0 to 4,294,967,295',
    fallback: 'a random one',
    meaning: 'modes with objects: seed of the hashes of strings, for runs that can be repeated',
  },
  {
    name: 'outOfMemoryReserve',
    type: 'size, 0 or 1 KiB to half of the limit',
    fallback: '0',
    meaning: 'not embedded: held from the start, given back when a request has failed, for who handles that',
  },
  {
    name: 'pressure',
    type: '{ medium?, high?, critical?, hysteresis?, minIntervalMs?, collects? }',
    fallback: '0.6, 0.8, 0.95, 0.05, 1,000 and true',
    meaning: 'from which usage of the limit a level holds, when it is left, how often that is told',
  },
  {
    name: 'collectAfterFrees',
    type: 'blocks, 1 to 2,147,483,647',
    fallback: '1,000, counted from when somebody first asks',
    meaning: 'so many freed blocks make a collection over the heap and its tenants due',
  },
  {
    name: 'hugePages',
    type: 'boolean',
    fallback: 'as the system likes',
    meaning: 'ask for huge pages, or for none; heap.advise says whether the system takes that',
  },
  {
    name: 'numaNode',
    type: 'integer, 0 to 1,023',
    fallback: 'as the system likes',
    meaning: 'NUMA node whose memory is preferred',
  },
  {
    name: 'trim',
    type: '{ decayMs? }, 1 to 2,147,483,647 ms',
    fallback: 'none: only `heap.trim()` does',
    meaning: 'not embedded: give memory that was free for a whole delay back to the system',
  },
  { name: 'debug', type: 'boolean', fallback: 'false', meaning: 'the kernel with assertions' },
  { name: 'name', type: 'text', fallback: "'heap'", meaning: 'the name in messages and reports' },
  {
    name: 'testing',
    type: '{ growth?, knobs?, stepUnits?, clock?, pages? }',
    fallback: 'none',
    meaning: 'knobs that make rare branches happen',
  },
]

/**
 * Modes as data: each is a table of options over the same parts. Whatever is given to `Heap.create` replaces the mode's
 * own value; `options.ts` refuses what contradicts itself.
 */
import type { HeapOptions, ModeName } from './types.js'

const MIB = 2 ** 20
const GIB = 2 ** 30

/** What a mode decides. */
export type ModeOptions = Required<
  Pick<HeapOptions, 'limit' | 'initial' | 'reserve' | 'sizeClasses' | 'debug' | 'name'>
>

export interface Mode {
  readonly name: ModeName
  readonly summary: string
  /** Where blocks come from. */
  readonly allocator: 'segregated' | 'bump'
  /** How they go: one by one, or all at once by `reset()`. */
  readonly freeing: 'each' | 'bulk'
  readonly options: ModeOptions
}

export const MODES: Readonly<Record<ModeName, Mode>> = {
  manual: {
    name: 'manual',
    summary: 'malloc and free: size-class pages for small blocks, best fit for the rest',
    allocator: 'segregated',
    freeing: 'each',
    options: { limit: GIB, initial: 64 * MIB, reserve: false, sizeClasses: 'geometric', debug: false, name: 'heap' },
  },
  compiler: {
    name: 'compiler',
    summary: 'everything from an arena, no collection, freed in bulk by reset()',
    allocator: 'bump',
    freeing: 'bulk',
    options: { limit: GIB, initial: 64 * MIB, reserve: false, sizeClasses: 'geometric', debug: false, name: 'heap' },
  },
}

export interface OptionDescriptor {
  readonly name: keyof HeapOptions
  readonly type: string
  /** What holds when the option is left out. */
  readonly fallback: string
  readonly meaning: string
}

/** Every option of `Heap.create`, in the order in which it is best read. */
export const OPTIONS: readonly OptionDescriptor[] = [
  { name: 'mode', type: "'manual' | 'compiler'", fallback: "'manual'", meaning: 'the preset' },
  {
    name: 'limit',
    type: 'size, 16 KiB to 4 GiB − 64 KiB',
    fallback: '1 GiB, or the given range',
    meaning: 'most the heap may hold of its memory, metadata included',
  },
  {
    name: 'initial',
    type: 'size, at most the limit',
    fallback: '64 MiB, or the limit',
    meaning: 'size an own memory is made with; a reservation, untouched pages cost no resident memory',
  },
  {
    name: 'reserve',
    type: 'boolean',
    fallback: 'false',
    meaning: 'make an own memory at its full limit, so that no view ever detaches',
  },
  {
    name: 'sizeClasses',
    type: "'geometric' | 'pow2' | list of sizes",
    fallback: "'geometric'",
    meaning: 'size classes of small blocks; not in compiler mode, which has none',
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
  { name: 'debug', type: 'boolean', fallback: 'false', meaning: 'the kernel with assertions' },
  { name: 'name', type: 'text', fallback: "'heap'", meaning: 'the name in messages and reports' },
  { name: 'testing', type: '{ growth?, knobs? }', fallback: 'none', meaning: 'knobs that make rare branches happen' },
]

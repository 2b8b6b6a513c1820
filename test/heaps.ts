/**
 * The configurations in which heaps are tested: own memories, ranges of given ones, shared growth, class tables, knobs.
 */
import {
  KNOB_EXACT_GROWTH,
  KNOB_LEAST_PAGES,
  KNOB_NO_ALIGNED_FIT,
  KNOB_POISON,
  KNOB_REALLOC_MOVES,
} from '../kernel/layout.js'
import { Heap, type HeapOptions } from '../src/index.js'

export interface Setup {
  readonly options: HeapOptions
  /** A range [from, from + bytes) of a memory that is full of a pattern, or growth shared with somebody else. */
  readonly given?: { readonly from: number; readonly bytes: number } | 'shared'
  readonly knobs?: number
}

export const setups: Readonly<Record<string, Setup>> = {
  'own memory, 64 MiB': { options: { limit: '64MiB' } },
  'own memory, 2 MiB, full most of the time': { options: { limit: '2MiB', initial: 0 } },
  'own memory, reserved': { options: { limit: '8MiB', reserve: true } },
  'classes pow2': { options: { limit: '32MiB', sizeClasses: 'pow2' } },
  'classes from a list': { options: { limit: '16MiB', sizeClasses: [48, 64, 3000, 8192] } },
  'the smallest list': { options: { limit: '4MiB', sizeClasses: [64] } },
  'a range of a given memory': { options: {}, given: { from: 70_001, bytes: 5_000_000 } },
  'a small range across a MiB boundary': { options: {}, given: { from: 1_000_000, bytes: 200_000 } },
  'growth shared with another user': { options: { limit: '24MiB' }, given: 'shared' },
  'knobs: exact growth, least pages': {
    options: { limit: '16MiB', initial: 0 },
    knobs: KNOB_EXACT_GROWTH | KNOB_LEAST_PAGES,
  },
  'knobs: poison, moving realloc, no aligned fit': {
    options: { limit: '32MiB' },
    knobs: KNOB_POISON | KNOB_REALLOC_MOVES | KNOB_NO_ALIGNED_FIT,
  },
  'compiler mode': { options: { mode: 'compiler', limit: '64MiB' } },
}

const PATTERN = 0xa5
const WASM_PAGE = 65536

export interface MadeHeap {
  readonly heap: Heap
  /** Throws when a byte outside the heap's range has changed. */
  checkOutside(): void
}

/** Make the heap of a setup with the debug kernel; what is not the heap's is full of a pattern. */
export function makeHeap({ options, given, knobs = 0 }: Setup, testing: HeapOptions['testing'] = {}): MadeHeap {
  const common: HeapOptions = { ...options, debug: true, testing: { ...testing, knobs } }
  if (given === undefined) return { heap: Heap.create(common), checkOutside: () => {} }
  return given === 'shared' ? makeShared(common) : makeInRange(common, given.from, given.bytes)
}

function expectPattern(bytes: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) if (bytes[i] !== PATTERN) throw new Error(`byte ${i} outside the heap was changed`)
}

function makeInRange(options: HeapOptions, base: number, length: number): MadeHeap {
  const end = base + length
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / WASM_PAGE) + 2, maximum: 4096 })
  const size = memory.buffer.byteLength
  new Uint8Array(memory.buffer).fill(PATTERN)
  return {
    heap: Heap.create({ ...options, memory, base, end }),
    checkOutside: () => {
      const bytes = new Uint8Array(memory.buffer)
      expectPattern(bytes, 0, base)
      expectPattern(bytes, end, size)
    },
  }
}

function makeShared(options: HeapOptions): MadeHeap {
  const memory = new WebAssembly.Memory({ initial: 3, maximum: 4096 })
  const foreign: [from: number, to: number][] = []
  const take = (pages: number) => {
    const from = memory.buffer.byteLength
    memory.grow(pages)
    new Uint8Array(memory.buffer).fill(PATTERN, from)
    foreign.push([from, memory.buffer.byteLength])
  }
  new Uint8Array(memory.buffer).fill(PATTERN)
  foreign.push([0, memory.buffer.byteLength])
  let grows = 0
  const heap = Heap.create({ ...options, memory })
  // The other user grows between two growths of the heap.
  heap.on('grow', () => {
    if (++grows % 2 === 0) take(1 + (grows % 5))
  })
  return {
    heap,
    checkOutside: () => {
      const bytes = new Uint8Array(memory.buffer)
      for (const [from, to] of foreign) expectPattern(bytes, from, to)
    },
  }
}

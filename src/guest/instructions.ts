/**
 * All instructions of WebAssembly: what follows each in the code, how many values it takes and gives.
 *
 * Core Specification 2.0, §5.4, with tail calls, exceptions, threads, wide arithmetic and relaxed SIMD. Not those of
 * garbage-collected types. Control instructions and calls, whose values depend on types, are in `function-scan.ts`.
 */

/** What follows an instruction in the code. */
export type Immediates =
  | 'none'
  | 'index'
  | 'two-indices'
  | 'memory'
  | 'memory-and-lane'
  | 'types'
  | 'byte'
  | '4-bytes'
  | '8-bytes'
  | '16-bytes'
  | 'number'

export interface Instruction {
  readonly immediates: Immediates
  readonly pops: number
  readonly pushes: number
}

/** First and last opcode, what follows, values taken and given. */
type Row = readonly [first: number, last: number, immediates: Immediates, pops: number, pushes: number]

const PLAIN: readonly Row[] = [
  [0x01, 0x01, 'none', 0, 0],
  [0x1a, 0x1a, 'none', 1, 0],
  [0x1b, 0x1b, 'none', 3, 1],
  [0x1c, 0x1c, 'types', 3, 1],
  [0x20, 0x20, 'index', 0, 1],
  [0x21, 0x21, 'index', 1, 0],
  [0x22, 0x22, 'index', 1, 1],
  [0x23, 0x23, 'index', 0, 1],
  [0x24, 0x24, 'index', 1, 0],
  [0x25, 0x25, 'index', 1, 1],
  [0x26, 0x26, 'index', 2, 0],
  [0x28, 0x35, 'memory', 1, 1],
  [0x36, 0x3e, 'memory', 2, 0],
  [0x3f, 0x3f, 'index', 0, 1],
  [0x40, 0x40, 'index', 1, 1],
  [0x41, 0x42, 'number', 0, 1],
  [0x43, 0x43, '4-bytes', 0, 1],
  [0x44, 0x44, '8-bytes', 0, 1],
  [0x45, 0x45, 'none', 1, 1],
  [0x46, 0x4f, 'none', 2, 1],
  [0x50, 0x50, 'none', 1, 1],
  [0x51, 0x66, 'none', 2, 1],
  [0x67, 0x69, 'none', 1, 1],
  [0x6a, 0x78, 'none', 2, 1],
  [0x79, 0x7b, 'none', 1, 1],
  [0x7c, 0x8a, 'none', 2, 1],
  [0x8b, 0x91, 'none', 1, 1],
  [0x92, 0x98, 'none', 2, 1],
  [0x99, 0x9f, 'none', 1, 1],
  [0xa0, 0xa6, 'none', 2, 1],
  [0xa7, 0xc4, 'none', 1, 1],
  [0xd0, 0xd0, 'number', 0, 1],
  [0xd1, 0xd1, 'none', 1, 1],
  [0xd2, 0xd2, 'index', 0, 1],
  [0xd3, 0xd3, 'none', 2, 1],
  [0xd4, 0xd4, 'none', 1, 1],
  [0xd5, 0xd5, 'index', 1, 1],
  [0xd6, 0xd6, 'index', 1, 0],
]

/** After 0xfc: conversions, bulk memory, tables, wide arithmetic. */
const BULK: readonly Row[] = [
  [0, 7, 'none', 1, 1],
  [8, 8, 'two-indices', 3, 0],
  [9, 9, 'index', 0, 0],
  [10, 10, 'two-indices', 3, 0],
  [11, 11, 'index', 3, 0],
  [12, 12, 'two-indices', 3, 0],
  [13, 13, 'index', 0, 0],
  [14, 14, 'two-indices', 3, 0],
  [15, 15, 'index', 2, 1],
  [16, 16, 'index', 0, 1],
  [17, 17, 'index', 3, 0],
  [19, 20, 'none', 4, 2],
  [21, 22, 'none', 2, 2],
]

/** After 0xfd: vectors of 128 bits. What takes two values and gives one is the default; these are the others. */
const VECTORS: readonly Row[] = [
  [14, 255, 'none', 2, 1],
  [0, 10, 'memory', 1, 1],
  [11, 11, 'memory', 2, 0],
  [12, 12, '16-bytes', 0, 1],
  [13, 13, '16-bytes', 2, 1],
  [15, 20, 'none', 1, 1],
  ...[21, 22, 24, 25, 27, 29, 31, 33].map((code): Row => [code, code, 'byte', 1, 1]),
  ...[23, 26, 28, 30, 32, 34].map((code): Row => [code, code, 'byte', 2, 1]),
  [77, 77, 'none', 1, 1],
  [82, 82, 'none', 3, 1],
  [83, 83, 'none', 1, 1],
  [84, 87, 'memory-and-lane', 2, 1],
  [88, 91, 'memory-and-lane', 2, 0],
  [92, 93, 'memory', 1, 1],
  [94, 100, 'none', 1, 1],
  [103, 106, 'none', 1, 1],
  [116, 117, 'none', 1, 1],
  [122, 122, 'none', 1, 1],
  [124, 129, 'none', 1, 1],
  [131, 132, 'none', 1, 1],
  [135, 138, 'none', 1, 1],
  [148, 148, 'none', 1, 1],
  [160, 161, 'none', 1, 1],
  [163, 164, 'none', 1, 1],
  [167, 170, 'none', 1, 1],
  [192, 193, 'none', 1, 1],
  [195, 196, 'none', 1, 1],
  [199, 202, 'none', 1, 1],
  [224, 225, 'none', 1, 1],
  [227, 227, 'none', 1, 1],
  [236, 237, 'none', 1, 1],
  [239, 239, 'none', 1, 1],
  [248, 255, 'none', 1, 1],
  [256, 256, 'none', 2, 1],
  [257, 260, 'none', 1, 1],
  [261, 268, 'none', 3, 1],
  [269, 274, 'none', 2, 1],
  [275, 275, 'none', 3, 1],
]

/** After 0xfe: atomic operations. */
const ATOMICS: readonly Row[] = [
  [0, 0, 'memory', 2, 1],
  [1, 2, 'memory', 3, 1],
  [3, 3, 'byte', 0, 0],
  [16, 22, 'memory', 1, 1],
  [23, 29, 'memory', 2, 0],
  [30, 71, 'memory', 2, 1],
  [72, 78, 'memory', 3, 1],
]

function tableOf(rows: readonly Row[]): readonly (Instruction | undefined)[] {
  const table: (Instruction | undefined)[] = []
  for (const [first, last, immediates, pops, pushes] of rows) {
    for (let code = first; code <= last; code++) table[code] = { immediates, pops, pushes }
  }
  return table
}

export const INSTRUCTIONS = tableOf(PLAIN)
/** Tables of what follows a prefix. */
export const PREFIXED: Readonly<Record<number, readonly (Instruction | undefined)[]>> = {
  252: tableOf(BULK),
  253: tableOf(VECTORS),
  254: tableOf(ATOMICS),
}
export const VECTOR_PREFIX = 0xfd
const ATOMIC_PREFIX = 0xfe
/** Relaxed SIMD among the vectors, and what of bulk memory's prefix is of tables, and wide arithmetic. */
const FIRST_RELAXED = 256
const FIRST_TABLE_INSTRUCTION = 15
const FIRST_WIDE = 19

/** Bytes that the loads and stores from 0x28 to 0x3e touch. */
export const ACCESS_BYTES = [4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4]
export const FIRST_LOAD = 0x28
export const VECTOR_BYTES = 16
/** Set in the alignment of an access when the index of a memory follows. */
export const HAS_MEMORY_INDEX = 0x40

/** The extension of WebAssembly that a prefixed instruction belongs to; undefined for what the kernel uses as well. */
export function featureOfPrefixed(prefix: number, code: number): string | undefined {
  if (prefix === VECTOR_PREFIX) return code < FIRST_RELAXED ? 'simd128' : 'relaxed-simd'
  if (prefix === ATOMIC_PREFIX) return 'atomics'
  if (code >= FIRST_WIDE) return 'wide-arithmetic'
  return code >= FIRST_TABLE_INSTRUCTION ? 'reference-types' : undefined
}

const NUMBER_TYPES = ['i32', 'i64', 'f32', 'f64']

/** The same of the type of a value, a local or a global; undefined for numbers. */
export function featureOfType(type: string): string | undefined {
  if (NUMBER_TYPES.includes(type)) return undefined
  if (type === 'v128') return 'simd128'
  return type === 'exnref' ? 'exception-handling' : 'reference-types'
}

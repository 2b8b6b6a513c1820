/**
 * Walks over the instructions of a function, one after the other, and tells of each where it lies and what a change of
 * the code must know: the function that is called, the local or global, the offset of an access.
 *
 * What follows each instruction is in `instructions.ts`; control instructions are here. An instruction that neither has
 * gives a `ModuleError`: nothing is passed unseen.
 */
import { ByteReader } from './byte-reader.js'
import { HAS_MEMORY_INDEX, type Immediates, INSTRUCTIONS, PREFIXED } from './instructions.js'
import type { GuestModule } from './module.js'
import { readValueType } from './sections.js'

export const CALL = 0x10
export const CALL_INDIRECT = 0x11
export const TAIL_CALL = 0x12
export const GLOBAL_SET = 0x24
export const REF_FUNC = 0xd2
export const TRY_TABLE = 0x1f
export const END = 0x0b
const NAMES_FUNCTION = new Set([CALL, TAIL_CALL, REF_FUNC])
/** What control instructions are followed by: a block's type, one index, two, or nothing. */
const BLOCKS = new Set([0x02, 0x03, 0x04, 0x06, TRY_TABLE])
const ONE_INDEX = new Set([0x07, 0x08, 0x09, 0x0c, 0x0d, CALL, TAIL_CALL, 0x14, 0x15, 0x18])
const TWO_INDICES = new Set([CALL_INDIRECT, 0x13])
const NOTHING = new Set([0x00, 0x05, 0x0a, END, 0x0f, 0x19])
const BRANCH_TABLE = 0x0e
/** Block types that are followed by what they refer to. */
const REFERENCE_BLOCKS = [-29n, -28n]
/** Catch clauses of `try_table` from here on have no tag. */
const CATCH_ALL_CLAUSE = 2

/** How the body of a function begins. */
export interface BodyStart {
  /** The locals that it declares, in order. */
  readonly types: readonly { readonly count: number; readonly type: string }[]
  /** The declarations as they are, without their number. */
  readonly raw: Uint8Array
  /** First byte of code, and the first behind it. */
  readonly at: number
  readonly end: number
}

/** The locals of a function of the module's own, and where its code begins. */
export function codeStart(module: GuestModule, index: number): BodyStart {
  const { offset, bytes } = module.bodies[index - module.importedFunctions] ?? { offset: 0, bytes: 0 }
  const reader = new ByteReader(module.bytes, offset, offset + bytes, `function '${module.nameOf(index)}'`)
  const count = reader.u32()
  const from = reader.at
  const types = Array.from({ length: count }, () => ({ count: reader.u32(), type: readValueType(reader) }))
  return { types, raw: module.bytes.subarray(from, reader.at), at: reader.at, end: offset + bytes }
}

export class CodeWalker {
  /** Where the instruction begins, and the first byte behind it. */
  start: number
  end: number
  /** Its opcode; behind a prefix the number that follows, and `prefix` is not 0. */
  code = 0
  prefix = 0
  /** The first index behind it: a function, a local, a global, a memory. */
  index = 0
  /** Of a load or store. */
  offset = 0
  readonly #reader: ByteReader

  /** @param at the first instruction, behind the locals */
  constructor(bytes: Uint8Array, at: number, end: number, place: string) {
    this.#reader = new ByteReader(bytes, at, end, place)
    this.start = at
    this.end = at
  }

  /** Goes to the next instruction; false behind the last. */
  next(): boolean {
    const reader = this.#reader
    if (reader.isAtEnd) return false
    this.start = reader.at
    this.prefix = 0
    this.code = reader.byte()
    const prefixed = PREFIXED[this.code]
    if (prefixed) {
      this.prefix = this.code
      this.code = reader.u32()
    }
    const known = (prefixed ?? INSTRUCTIONS)[this.code]
    if (known) this.#pass(known.immediates)
    else if (prefixed) throw this.#unknown()
    else this.#passControl()
    this.end = reader.at
    return true
  }

  /** Whether it is followed by the index of a function. */
  get namesFunction(): boolean {
    return this.prefix === 0 && NAMES_FUNCTION.has(this.code)
  }

  #unknown(): Error {
    const prefix = this.prefix === 0 ? '' : `0x${this.prefix.toString(16)} `
    return this.#reader.error(`instruction ${prefix}0x${this.code.toString(16)} is not known`, this.start)
  }

  #passControl(): void {
    const reader = this.#reader
    const { code } = this
    if (NOTHING.has(code)) return
    if (ONE_INDEX.has(code)) this.index = reader.u32()
    else if (TWO_INDICES.has(code)) {
      this.index = reader.u32()
      reader.u32()
    } else if (code === BRANCH_TABLE) {
      reader.vector(() => reader.u32())
      reader.u32()
    } else if (BLOCKS.has(code)) this.#passBlock()
    else throw this.#unknown()
  }

  #passBlock(): void {
    const reader = this.#reader
    if (REFERENCE_BLOCKS.includes(reader.signed(5))) reader.skipNumber()
    if (this.code !== TRY_TABLE) return
    reader.vector(() => {
      if (reader.byte() < CATCH_ALL_CLAUSE) reader.u32()
      reader.u32()
    })
  }

  #pass(immediates: Immediates): void {
    const reader = this.#reader
    switch (immediates) {
      case 'none':
        return
      case 'index':
        this.index = reader.u32()
        return
      case 'two-indices':
        this.index = reader.u32()
        reader.u32()
        return
      case 'memory':
      case 'memory-and-lane':
        this.index = reader.u32() & HAS_MEMORY_INDEX ? reader.u32() : 0
        this.offset = reader.u32()
        if (immediates === 'memory-and-lane') reader.skip(1)
        return
      case 'types':
        reader.vector(() => readValueType(reader))
        return
      case 'number':
        reader.skipNumber()
        return
      default:
        reader.skip(SKIPPED_BYTES[immediates])
    }
  }
}

const SKIPPED_BYTES = { byte: 1, '4-bytes': 4, '8-bytes': 8, '16-bytes': 16 } as const

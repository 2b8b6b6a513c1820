/**
 * The instructions that touch memory: how many bytes each reads or writes, and what lies above the address on the
 * stack. (Core Specification 2.0, §5.4.6 and §5.4.8; threads proposal.)
 */
import { ACCESS_BYTES, FIRST_LOAD } from '../instructions.js'

/** What stands above an address, in the order in which it was pushed. */
export type OperandType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

export interface Access {
  readonly bytes: number
  readonly isWrite: boolean
  readonly operands: readonly OperandType[]
}

const FIRST_STORE = 0x36
const STORE_OPERANDS: readonly OperandType[] = ['i32', 'i64', 'f32', 'f64', 'i32', 'i32', 'i64', 'i64', 'i64']
const LAST_STORE = FIRST_STORE + STORE_OPERANDS.length - 1
const NO_OPERANDS: readonly OperandType[] = []

const VECTOR_PREFIX = 0xfd
const ATOMIC_PREFIX = 0xfe
const VECTOR_LOADS = [16, 8, 8, 8, 8, 8, 8, 1, 2, 4, 8]
const LANE_BYTES = [1, 2, 4, 8]
/** Of each group of atomic operations: i32, i64, then the narrow ones of both. */
const ATOMIC_BYTES = [4, 8, 1, 2, 1, 2, 4]
const ATOMIC_TYPES: readonly OperandType[] = ['i32', 'i64', 'i32', 'i32', 'i64', 'i64', 'i64']
const FIRST_ATOMIC_LOAD = 0x10
const FIRST_ATOMIC_STORE = 0x17
const FIRST_ATOMIC_CHANGE = 0x1e
const FIRST_COMPARE_EXCHANGE = 0x48
const LAST_ATOMIC = 0x4e

/** What an instruction does with memory; undefined when it is no load, store or atomic operation. */
export function accessOf(prefix: number, code: number): Access | undefined {
  if (prefix === 0) return plainAccess(code)
  if (prefix === VECTOR_PREFIX) return vectorAccess(code)
  return prefix === ATOMIC_PREFIX ? atomicAccess(code) : undefined
}

function plainAccess(code: number): Access | undefined {
  if (code < FIRST_LOAD || code > LAST_STORE) return undefined
  const bytes = ACCESS_BYTES[code - FIRST_LOAD] as number
  if (code < FIRST_STORE) return { bytes, isWrite: false, operands: NO_OPERANDS }
  return { bytes, isWrite: true, operands: [STORE_OPERANDS[code - FIRST_STORE] as OperandType] }
}

function vectorAccess(code: number): Access | undefined {
  const loaded = VECTOR_LOADS[code]
  if (loaded !== undefined) return { bytes: loaded, isWrite: false, operands: NO_OPERANDS }
  if (code === 11) return { bytes: 16, isWrite: true, operands: ['v128'] }
  if (code === 92 || code === 93) return { bytes: code === 92 ? 4 : 8, isWrite: false, operands: NO_OPERANDS }
  if (code < 84 || code > 91) return undefined
  return { bytes: LANE_BYTES[(code - 84) % 4] as number, isWrite: code >= 88, operands: ['v128'] }
}

function atomicAccess(code: number): Access | undefined {
  if (code === 0) return { bytes: 4, isWrite: false, operands: ['i32'] }
  if (code === 1) return { bytes: 4, isWrite: false, operands: ['i32', 'i64'] }
  if (code === 2) return { bytes: 8, isWrite: false, operands: ['i64', 'i64'] }
  if (code < FIRST_ATOMIC_LOAD || code > LAST_ATOMIC) return undefined
  const variant = (code - FIRST_ATOMIC_LOAD) % ATOMIC_BYTES.length
  const bytes = ATOMIC_BYTES[variant] as number
  const type = ATOMIC_TYPES[variant] as OperandType
  if (code < FIRST_ATOMIC_STORE) return { bytes, isWrite: false, operands: NO_OPERANDS }
  if (code < FIRST_ATOMIC_CHANGE) return { bytes, isWrite: true, operands: [type] }
  return { bytes, isWrite: true, operands: code < FIRST_COMPARE_EXCHANGE ? [type] : [type, type] }
}

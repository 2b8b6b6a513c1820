/**
 * Why an address is refused, in words: the slow path behind every refused call. It asks the kernel what lies at the
 * address and around it; nothing here changes the heap.
 */
import {
  CODE_HUGE_OWNED,
  CODE_LENT,
  CODE_LENT_MIB,
  CODE_POOL_BLOCK,
  CODE_RECORD,
  CODE_RUN_OWNED,
  GRANULE_BYTES,
  STATUS_FOREIGN,
  STATUS_MISALIGNED,
  STATUS_OK,
} from '../kernel/layout.js'
import { OBJECT_HEADER_BYTES } from '../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES } from '../kernel/value-layout.js'
import type { HeapCore } from './core.js'
import { hex, InvalidAddressError, type InvalidAddressReason, MisalignmentError } from './errors.js'
import { MODES } from './modes.js'

/**
 * What `describe` answers: the map code in the low byte, above it whether the address lies in a page of small blocks.
 */
const CODE_MASK = 0xff
const NOT_OURS = 0xffff

const LENT_CODES: ReadonlySet<number> = new Set([CODE_LENT, CODE_LENT_MIB])
const OWNED_CODES: ReadonlySet<number> = new Set([
  CODE_RECORD,
  CODE_POOL_BLOCK,
  CODE_RUN_OWNED,
  CODE_HUGE_OWNED,
  ...LENT_CODES,
])

/** The error for a call that needs a live block at `address` and has found none. */
export function addressError(core: HeapCore, call: string, address: number): InvalidAddressError {
  const at = `${call}: ${hex(address)}`
  if (MODES[core.mode].build === 'embedded') return embeddedError(core, at, address)
  const block = core.kernel.blockAround(address) >>> 0
  const inside = block !== 0 && block !== address ? ` inside the block at ${hex(block)}` : ''
  if (core.kernel.freeStatus(address) === STATUS_MISALIGNED) {
    const isCounted = core.objectSpace?.isCounted && core.kernel.objectStatus(address) === STATUS_OK
    const where = isCounted
      ? '; it is the reference of a counted object: heap.decref gives that up'
      : inside && `; it is${inside}`
    const message = `${at} is no multiple of ${GRANULE_BYTES}, so no block starts there${where}`
    return new MisalignmentError(message, address, GRANULE_BYTES)
  }
  const reference = address + COUNTED_HEADER_BYTES
  if (core.objectSpace?.isCounted && core.kernel.objectStatus(reference) === STATUS_OK) {
    const what = `is the block of the counted object ${hex(reference)}; heap.decref gives a reference to that up`
    return new InvalidAddressError(`${at} ${what}`, address, 'owned')
  }
  const reason = reasonFor(core, address, block)
  return new InvalidAddressError(`${at} ${explain(core, reason, address, block)}`, address, reason)
}

/** The same in a build that cannot look around an address. */
function embeddedError(core: HeapCore, at: string, address: number): InvalidAddressError {
  const status = core.kernel.freeStatus(address)
  if (status === STATUS_MISALIGNED) {
    return new MisalignmentError(`${at} is not aligned as blocks are, so none starts there`, address, 8)
  }
  const isForeign = status === STATUS_FOREIGN
  const what = isForeign ? `is outside the blocks of ${core.label}` : 'is not the start of a live block'
  return new InvalidAddressError(`${at} ${what}`, address, isForeign ? 'foreign' : 'double-free')
}

/** The error for a call that needs a counted object at `reference` and has found none. */
export function countedError(core: HeapCore, call: string, reference: number): InvalidAddressError {
  const at = `${call}: ${hex(reference)}`
  if (core.kernel.objectStatus(reference) === STATUS_MISALIGNED) {
    const what = core.kernel.isBlock(reference) ? 'is a block without a count: heap.free frees it' : 'is no reference'
    const message = `${at} ${what}; references are at ${OBJECT_HEADER_BYTES} past a multiple of ${GRANULE_BYTES}`
    return new MisalignmentError(message, reference, OBJECT_HEADER_BYTES)
  }
  const block = core.kernel.blockAround(reference) >>> 0
  const reason = reasonFor(core, reference, block)
  const what =
    reason === 'double-free'
      ? 'is in free memory: the object was released before, or never made; give each reference up once'
      : reason === 'interior'
        ? `is not the reference of a counted object; it lies inside the block at ${hex(block)}`
        : explain(core, reason, reference, block)
  return new InvalidAddressError(`${at} ${what}`, reference, reason)
}

/** The error for a block that is not of the size its caller says. */
export function sizeMismatchError(core: HeapCore, address: number, bytes: number): InvalidAddressError {
  const usable = core.kernel.usableSize(address) >>> 0
  const message =
    `free: the block at ${hex(address)} has ${usable} usable bytes, which is not what a request of ${bytes} gives; ` +
    'pass the size (and alignment) it was allocated with, or none'
  return new InvalidAddressError(message, address, 'size-mismatch')
}

/** The error for an arena, pool or guard made before the heap was reset. */
export function staleError(core: HeapCore, what: string, address: number): InvalidAddressError {
  return new InvalidAddressError(`${what} was freed when ${core.label} was reset; make a new one`, address, 'stale')
}

function reasonFor(core: HeapCore, address: number, block: number): InvalidAddressReason {
  if (block !== 0) {
    const code = core.kernel.describe(block) & CODE_MASK
    return block === address || code === CODE_POOL_BLOCK ? 'owned' : 'interior'
  }
  const code = codeAround(core, address)
  if (code === undefined) return 'foreign'
  return OWNED_CODES.has(code) ? 'owned' : 'double-free'
}

/** Code of the run or slot that `address`, which is in no live block, lies in; undefined when it is not the heap's. */
function codeAround(core: HeapCore, address: number): number | undefined {
  const code = core.kernel.codeAround(address)
  return code === NOT_OURS ? undefined : code
}

function explain(core: HeapCore, reason: InvalidAddressReason, address: number, block: number): string {
  if (reason === 'interior') {
    const usable = core.kernel.usableSize(block) >>> 0
    return `lies ${address - block} bytes inside the block at ${hex(block)} (${usable} bytes); pass its own address`
  }
  if (reason === 'double-free') {
    return 'is in free memory: the block was freed before, or never handed out; free each block once'
  }
  if (reason === 'owned') {
    const tenant = LENT_CODES.has(codeAround(core, address) ?? 0) ? core.tenants.around(address) : undefined
    if (tenant !== undefined) return `is in the memory of ${tenant}; call it there`
    const file = core.mappedFiles.around(address)
    if (file) return `is in the mapped file '${file.path}', which its own unmap gives back`
    return 'belongs to a pool or an arena, or is a record of the heap; give it back through the object it came from'
  }
  return `is not in any block of ${core.label}; it is outside the heap, or in its metadata`
}

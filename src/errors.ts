/**
 * Every way in which a call can fail, as an exception with a stable `code` and the fields needed to act on it.
 *
 * Branch on `code` or on the class, never on the message. A call that throws one of these has changed nothing.
 *
 * Damage to the heap's control block itself, by a program that writes where it must not, may surface as a
 * `WebAssembly.RuntimeError` from the fast paths, which do not look for it. `stats()`, `report()` and requests that run
 * out of memory make a `CorruptionError` of it; `heap.verify()` is the call that says whether the heap is sound.
 *
 * | class | code | thrown when |
 * | --- | --- | --- |
 * | `OutOfMemoryError` | `HW_OUT_OF_MEMORY` | the limit, the range or the memory's maximum is reached |
 * | `InvalidAddressError` | `HW_INVALID_ADDRESS` | an address is not that of a live block |
 * | `MisalignmentError` | `HW_MISALIGNED` | an address is not a multiple of what it must be |
 * | `CorruptionError` | `HW_CORRUPTION` | the heap's own structures contradict each other |
 * | `ArgumentError` | `HW_ARGUMENT` | an argument is outside its documented range |
 * | `ClosedError` | `HW_CLOSED` | the object was closed or disposed before |
 * | `UnsupportedError` | `HW_UNSUPPORTED` | the heap's mode, or the platform, does not have what is asked for |
 * | `ScopeError` | `HW_SCOPE` | an object is asked for and no scope is open to hold it |
 * | `StaleHandleError` | `HW_STALE_HANDLE` | a view's scope or root is gone, or its heap was reset or closed |
 * | `ProtectionError` | `HW_PROTECTION` | a write to what is immortal, an access to what is protected |
 * | `CountError` | `HW_COUNT` | an object would have more references than a count can say |
 * | `ImageError` | `HW_IMAGE` | bytes are no image, or one that this heap cannot take |
 * | `FileError` | `HW_FILE` | a file cannot be read or written |
 * | `PlatformError` | `HW_PLATFORM` | the operating system refuses a call |
 * | `ModuleError` | `HW_MODULE` | a WebAssembly module cannot be linked, run or checked (`heapwright/guest`) |
 */
import type { ModeName, OutOfMemoryFigures } from './types.js'

export type ErrorCode =
  | 'HW_OUT_OF_MEMORY'
  | 'HW_TENANT_LIMIT'
  | 'HW_INVALID_ADDRESS'
  | 'HW_MISALIGNED'
  | 'HW_CORRUPTION'
  | 'HW_ARGUMENT'
  | 'HW_CLOSED'
  | 'HW_UNSUPPORTED'
  | 'HW_SCOPE'
  | 'HW_STALE_HANDLE'
  | 'HW_PROTECTION'
  | 'HW_COUNT'
  | 'HW_IMAGE'
  | 'HW_FILE'
  | 'HW_PLATFORM'
  | 'HW_MODULE'

const isHeapwrightError = Symbol.for('heapwright.error')

/**
 * What all errors of Heapwright have in common. `instanceof HeapwrightError` holds for each of them, `ArgumentError`
 * too, which is a `RangeError`; it works across copies of the library.
 */
export abstract class HeapwrightError extends Error {
  abstract readonly code: ErrorCode
}

Object.defineProperty(HeapwrightError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    // Subclasses inherit this function and mean the usual test.
    if (this !== HeapwrightError) return Function.prototype[Symbol.hasInstance].call(this, value)
    return typeof value === 'object' && value !== null && isHeapwrightError in value
  },
})

/** Marks a class as an error of Heapwright; its name goes to the prototype, where it costs no instance a field. */
export function register(errorClass: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(errorClass.prototype, 'name', { value: name, configurable: true, writable: true })
  Object.defineProperty(errorClass.prototype, isHeapwrightError, { value: true })
}

/** No memory for a request, after all reclaimers have run. */
export class OutOfMemoryError extends HeapwrightError implements OutOfMemoryFigures {
  readonly code: 'HW_OUT_OF_MEMORY' | 'HW_TENANT_LIMIT' = 'HW_OUT_OF_MEMORY'
  readonly requestedBytes: number
  readonly availableBytes: number
  readonly largestFreeBytes: number
  readonly usedBytes: number
  readonly totalBytes: number

  /** The `cause` is what a reclaimer threw, an `AggregateError` when several did. */
  constructor(message: string, figures: OutOfMemoryFigures, options?: ErrorOptions) {
    super(message, options)
    this.requestedBytes = figures.requestedBytes
    this.availableBytes = figures.availableBytes
    this.largestFreeBytes = figures.largestFreeBytes
    this.usedBytes = figures.usedBytes
    this.totalBytes = figures.totalBytes
  }
}

/** A tenant that has come to its own limit, after its own reclaimers. What holds it is not concerned. */
export class TenantLimitError extends OutOfMemoryError {
  override readonly code = 'HW_TENANT_LIMIT'
  /** Id of the tenant. */
  readonly tenant: string
  /** What it holds, free memory and metadata included. */
  readonly heldBytes: number
  /** The most that it may hold. */
  readonly maxBytes: number

  constructor(tenant: string, heldBytes: number, figures: OutOfMemoryFigures, options?: ErrorOptions) {
    const { requestedBytes, usedBytes, totalBytes, largestFreeBytes } = figures
    super(
      `tenant '${tenant}' has come to its limit: ${requestedBytes} bytes requested, ${heldBytes} held of ${totalBytes}, ` +
        `${usedBytes} of them used; its longest free run has ${largestFreeBytes}`,
      figures,
      options,
    )
    this.tenant = tenant
    this.heldBytes = heldBytes
    this.maxBytes = totalBytes
  }
}

/** The message of an `OutOfMemoryError`; `holder` is what ran out, such as `heap 'guest'`. */
export function outOfMemoryText(holder: string, figures: OutOfMemoryFigures, hint = ''): string {
  const { requestedBytes, availableBytes, largestFreeBytes, usedBytes, totalBytes } = figures
  // Enough in all and yet refused: it is not in one piece, or cannot be had by growth.
  const longest = availableBytes >= requestedBytes ? ` (the longest free run has ${largestFreeBytes})` : ''
  return (
    `${holder} is out of memory: ${requestedBytes} bytes requested, ${availableBytes} available${longest}, ` +
    `${usedBytes} used of ${totalBytes}${hint && `; ${hint}`}`
  )
}

/**
 * Why an address is refused:
 * `foreign` outside the heap's blocks: another program's memory, the heap's own metadata, or beyond the end; for a pool
 * also a block that is no pool's;
 * `interior` inside a live block but not its start; `double-free` in free memory: freed before, or never handed out;
 * `misaligned` no multiple of 16, for a counted object not 8 past one; `owned` a block of a pool or an arena, or a
 * record of the heap's;
 * `size-mismatch` a block of another size than said; `stale` from before a reset of the heap.
 */
export type InvalidAddressReason =
  | 'foreign'
  | 'interior'
  | 'double-free'
  | 'misaligned'
  | 'owned'
  | 'size-mismatch'
  | 'stale'

/** An address that is not what the call needs, mostly the start of a live block. */
export class InvalidAddressError extends HeapwrightError {
  readonly code: 'HW_INVALID_ADDRESS' | 'HW_MISALIGNED' = 'HW_INVALID_ADDRESS'
  readonly address: number
  readonly reason: InvalidAddressReason

  constructor(message: string, address: number, reason: InvalidAddressReason) {
    super(message)
    this.address = address
    this.reason = reason
  }
}

/** An address that is not a multiple of `alignment`. */
export class MisalignmentError extends InvalidAddressError {
  override readonly code = 'HW_MISALIGNED'
  readonly alignment: number

  constructor(message: string, address: number, alignment: number) {
    super(message, address, 'misaligned')
    this.alignment = alignment
  }
}

/** The heap's own structures contradict each other: something wrote where it must not. Do not go on using the heap. */
export class CorruptionError extends HeapwrightError {
  readonly code = 'HW_CORRUPTION'
  readonly address: number
  /** The rule that is broken. */
  readonly invariant: string

  constructor(address: number, invariant: string, options?: ErrorOptions) {
    super(`corruption near ${hex(address)}: ${invariant}`, options)
    this.address = address
    this.invariant = invariant
  }
}

/** An argument outside its documented range. Also a `RangeError`. */
export class ArgumentError extends RangeError {
  readonly code = 'HW_ARGUMENT'
  readonly argument: string
  /** What was given. Not enumerable: consoles would print all that a heap or a view leads to. */
  declare readonly value: unknown

  /** `expected` completes the sentence "`bytes` must be …", `got` the one of what was given. */
  constructor(argument: string, value: unknown, expected: string, got = show(value)) {
    super(`\`${argument}\` must be ${expected}; got ${got}`)
    this.argument = argument
    Object.defineProperty(this, 'value', { value, configurable: true, writable: true })
  }
}

/** A call on something that was closed or disposed before. */
export class ClosedError extends HeapwrightError {
  readonly code = 'HW_CLOSED'

  constructor(what: string, how = 'has been closed') {
    super(`${what} ${how}`)
  }
}

/** The heap's mode, or the platform that it runs on, does not have what is asked for. */
export class UnsupportedError extends HeapwrightError {
  readonly code = 'HW_UNSUPPORTED'
  readonly mode: ModeName
  /** What is missing, such as `arenas`. */
  readonly feature: string

  /** `holder` is what lacks it. */
  constructor(mode: ModeName, feature: string, hint = '', holder = `mode '${mode}'`) {
    super(`${holder} has no ${feature}${hint && `; ${hint}`}`)
    this.mode = mode
    this.feature = feature
  }
}

/** An object is asked for, and no scope is open to hold it; or a scope is asked for what only another can give. */
export class ScopeError extends HeapwrightError {
  readonly code = 'HW_SCOPE'
}

/** Why a view, a root or a scope can no longer be used. */
export type StaleHandleReason =
  | 'scope-closed'
  | 'root-disposed'
  | 'heap-reset'
  | 'heap-closed'
  | 'object-gone'
  | 'collected'

const STALE_TEXTS: Readonly<Record<StaleHandleReason, string>> = {
  'scope-closed':
    'the scope that held this object has been closed; keep objects beyond it with scope.escape or heap.root',
  'root-disposed': 'the root that held this object has been disposed of',
  'heap-reset': 'the heap was reset, which freed this object',
  'heap-closed': 'the heap of this object has been closed',
  collected: 'a collection has run since: references from before it are no good; begin again',
  'object-gone': "this object's handle is empty: something wrote to the heap's own structures",
}

/** A view whose scope or root is gone, or whose heap was reset or closed. Nothing was read or written. */
export class StaleHandleError extends HeapwrightError {
  readonly code = 'HW_STALE_HANDLE'
  readonly reason: StaleHandleReason

  /** `ended` is the tenant whose end has closed the heap, if one has. */
  constructor(reason: StaleHandleReason, ended?: string) {
    super(ended === undefined ? STALE_TEXTS[reason] : `${ended} has ended`)
    this.reason = reason
  }
}

/** A write to what is immortal or protected, or a read of what must not be touched. Nothing was read or written. */
export class ProtectionError extends HeapwrightError {
  readonly code = 'HW_PROTECTION'
  readonly address: number

  constructor(message: string, address: number) {
    super(message)
    this.address = address
  }
}

/** A reference count that would pass the most it can be. */
export class CountError extends HeapwrightError {
  readonly code = 'HW_COUNT'
  readonly reference: number
  /** The most references that an object can have. */
  readonly mostReferences: number

  constructor(reference: number, mostReferences: number) {
    super(`the object at ${hex(reference)} cannot have more than ${mostReferences} references`)
    this.reference = reference
    this.mostReferences = mostReferences
  }
}

/**
 * What is wrong with an image:
 * `format` it is none; `version` made by another version of the library; `size` it is cut off, or its sizes contradict
 * each other; `checksum` its bytes have changed; `type` a type is not sane, or is another one in this heap; `object` a
 * header is not sane; `reference` one leads to no object of the image; `root` a root is not there, or of another
 * struct.
 */
export type ImageErrorReason = 'format' | 'version' | 'size' | 'checksum' | 'type' | 'object' | 'reference' | 'root'

/** An image that cannot be loaded. The heap is as it was. */
export class ImageError extends HeapwrightError {
  readonly code = 'HW_IMAGE'
  readonly reason: ImageErrorReason
  /** Where in the image, in bytes from its start. */
  readonly offset: number

  constructor(reason: ImageErrorReason, offset: number, message: string) {
    super(`image, byte ${offset}: ${message}`)
    this.reason = reason
    this.offset = offset
  }
}

/** A file could not be read or written. The message names it. */
export class FileError extends HeapwrightError {
  readonly code = 'HW_FILE'
  readonly file: string

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`${file}: ${reason}`, options)
    this.file = file
  }
}

/** The operating system refused a call on pages. */
export class PlatformError extends HeapwrightError {
  readonly code = 'HW_PLATFORM'
  /** Name of the call, such as `mprotect`. */
  readonly call: string
  /** Name of the reason, such as `ENOMEM`. */
  readonly errno: string
  /** The range that it was about: an address in the heap's memory, and its length. */
  readonly address: number
  readonly bytes: number

  constructor(call: string, errno: string, address: number, bytes: number, options?: ErrorOptions) {
    super(`${call} of ${bytes} bytes at ${hex(address)} failed: ${errno}`, options)
    this.call = call
    this.errno = errno
    this.address = address
    this.bytes = bytes
  }
}

register(OutOfMemoryError, 'OutOfMemoryError')
register(TenantLimitError, 'TenantLimitError')
register(InvalidAddressError, 'InvalidAddressError')
register(MisalignmentError, 'MisalignmentError')
register(CorruptionError, 'CorruptionError')
register(ArgumentError, 'ArgumentError')
register(ClosedError, 'ClosedError')
register(UnsupportedError, 'UnsupportedError')
register(ScopeError, 'ScopeError')
register(StaleHandleError, 'StaleHandleError')
register(ProtectionError, 'ProtectionError')
register(CountError, 'CountError')
register(ImageError, 'ImageError')
register(FileError, 'FileError')
register(PlatformError, 'PlatformError')

/** An address as messages print it. */
export function hex(address: number): string {
  return `0x${address.toString(16)}`
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

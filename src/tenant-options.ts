/**
 * From the options of `heap.tenant` to what the kernel is told. What a tenant has of its parent, a memory and a place
 * in it, is refused with the reason; the rest is checked as for any heap.
 */

import { WASM_PAGE_BYTES } from '../kernel/layout.js'
import { checkOptions } from './arguments.js'
import type { HeapCore } from './core.js'
import { ArgumentError, UnsupportedError } from './errors.js'
import { MODES, OPTIONS } from './modes.js'
import { type PartialPlan, planWithin } from './options.js'
import { formatBytes, parseSize } from './sizes.js'
import type { HeapOptions, ModeName, Size } from './types.js'

/** Limits of a tenant, each on what it *holds*: pieces of 64 KiB and more, free memory and metadata included. */
export interface TenantLimits {
  /** Most it may hold: a request that needs more is refused with TenantLimitError. Default the parent's limit. */
  readonly max?: Size
  /** Where growth passes this the tenant collects and its reclaimers run; nothing is refused. Default none. */
  readonly high?: Size
  /** Policies pass by a tenant that holds less, unless nothing else helps; no use where `min` is more. Default 0. */
  readonly low?: Size
}

/** Limits that are set anew; what is left out stays as it is. */
export interface TenantLimitChanges extends Omit<TenantLimits, 'high'> {
  /** Null: none any more. */
  readonly high?: Size | null
}

/** Limits, and what any heap can be made with but its place in a memory. */
export interface TenantOptions
  extends TenantLimits,
    Omit<
      HeapOptions,
      'mode' | 'limit' | 'memory' | 'base' | 'end' | 'reserve' | 'overwrite' | 'hugePages' | 'numaNode' | 'trim'
    > {
  /** Default the parent's; not `'embedded'`. */
  readonly mode?: Exclude<ModeName, 'embedded'>
  /**
   * Held from the start, and never taken away before the tenant ends: in whole 64 KiB, as many as `max` has room for.
   * Default 0.
   */
  readonly min?: Size
  /**
   * Held from the start. Default what a mode begins with. A tenant has at most one piece in each MiB of the heap around
   * it, or whole MiBs: in a heap of a few MiB it is well to say what it will need.
   */
  readonly initial?: Size
}

/** A tenant that is to be made, every value decided. */
export interface TenantPlan {
  readonly parts: PartialPlan
  /** The limit when it was made. */
  readonly madeWithBytes: number
  readonly minBytes: number
  readonly lowBytes: number
  /** Undefined: none. */
  readonly highBytes: number | undefined
  readonly maxBytes: number
  readonly initialBytes: number
}

/** Why a tenant lacks an option. */
const LACKS: Readonly<Record<string, string>> = {
  limit: 'left out: the limit of a tenant is called `max`',
  memory: "left out: a tenant lives in its parent's memory",
  base: 'left out: a tenant has pieces, and where is for its parent to say',
  end: 'left out: a tenant has pieces, and where is for its parent to say',
  reserve: "left out: the memory is the parent's; `min` or `initial` hold some of it from the start",
  trim: 'left out: the heap around a tenant gives the free memory of both back',
  overwrite: 'left out: nothing is there to be replaced',
  hugePages: "left out: the memory is the parent's",
  numaNode: "left out: the memory is the parent's",
}

/** What the smallest tenant of a mode needs, where its home piece is the shortest. */
const LEAST_BYTES: Readonly<Record<ModeName, number>> = {
  manual: 64 << 10,
  compiler: 64 << 10,
  vm: 128 << 10,
  runtime: 512 << 10,
  server: 512 << 10,
  embedded: Number.POSITIVE_INFINITY,
}

const LIMIT_NAMES: readonly string[] = ['max', 'high', 'low']
const NAMES = [...LIMIT_NAMES, 'min', ...OPTIONS.map(({ name }) => name).filter((name) => !(name in LACKS))]

/** Longest id of a tenant, in UTF-16 units. */
const ID_MAX_LENGTH = 200
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}]/u

export function checkTenantId(id: unknown): string {
  const isId = typeof id === 'string' && id.length > 0 && id.length <= ID_MAX_LENGTH && !CONTROL_CHARACTERS.test(id)
  if (isId) return id
  throw new ArgumentError('id', id, `text of 1 to ${ID_MAX_LENGTH} characters, none of them a control character`)
}

/** An id as a part of a path of ids, `outer/inner`: two paths are the same only where all ids are. */
export function tenantPathPart(id: string): string {
  return id.replaceAll('%', '%25').replaceAll('/', '%2F')
}

/** Refuse tenants of a heap that cannot have any. */
export function checkMayHaveTenants(core: HeapCore): void {
  core.assertOpen()
  if (MODES[core.mode].build !== 'embedded') return
  throw new UnsupportedError(core.mode, 'tenants', 'it is one small buffer, of which nothing can be lent')
}

/**
 * `homeBytes` is what any tenant of `parent` holds at least. What depends on the limit, as a nursery does, stays when
 * that is set anew: `madeWithBytes` is the limit of a tenant that is there.
 */
export function planTenant(
  parent: HeapCore,
  id: string,
  options: TenantOptions,
  homeBytes: number,
  madeWithBytes?: number,
): TenantPlan {
  checkNames(options)
  const { max, high, low, min, initial, mode = parent.mode, debug = parent.isDebug, ...others } = options
  checkTenantMode(mode)
  const limits = checkLimits({ max, high, low }, parent.limitBytes, LEAST_BYTES[mode] + homeBytes - WASM_PAGE_BYTES)
  const inner = { name: id, ...others, ...(mode === 'embedded' ? {} : { mode }), debug }
  return {
    madeWithBytes: madeWithBytes ?? limits.maxBytes,
    parts: planWithin(inner, madeWithBytes ?? limits.maxBytes),
    ...limits,
    minBytes: checkAtMost('min', min, limits.maxBytes) ?? 0,
    initialBytes: checkAtMost('initial', initial, limits.maxBytes) ?? 0,
  }
}

/** Undefined passes for an option that a tenant lacks: an object of options may have come from a heap's. */
function checkNames(options: TenantOptions): void {
  checkOptions('options', options, NAMES, Object.keys(LACKS))
  for (const [name, expected] of Object.entries(LACKS)) {
    const value = (options as Record<string, unknown>)[name]
    if (value !== undefined) throw new ArgumentError(name, value, expected)
  }
}

function checkTenantMode(mode: unknown): void {
  if (mode === 'embedded') {
    throw new ArgumentError('mode', mode, 'another one: an embedded heap is one buffer, a tenant has pieces')
  }
  if (mode === 'auto') throw new ArgumentError('mode', mode, "given: 'auto' chooses for a machine, not for a tenant")
}

/** What a tenant holds from the start, as far as whole pieces within its limit reach. */
export function firstBytes({ minBytes, initialBytes, maxBytes }: TenantPlan): number {
  return Math.min(Math.max(minBytes, initialBytes), maxBytes - (maxBytes % WASM_PAGE_BYTES))
}

type GivenLimits = { readonly [Name in keyof TenantLimits]: Size | undefined }

/** The limits given, in bytes; `mostBytes` where no `max` is. */
export function checkLimits(
  given: GivenLimits,
  mostBytes: number,
  leastBytes: number,
): Pick<TenantPlan, 'maxBytes' | 'highBytes' | 'lowBytes'> {
  const maxBytes = given.max === undefined ? mostBytes : parseSize(given.max, 'max')
  if (maxBytes < leastBytes) {
    throw new ArgumentError('max', given.max, `at least ${leastBytes} bytes, what such a tenant begins with`)
  }
  if (given.max !== undefined && maxBytes > mostBytes) {
    throw new ArgumentError('max', given.max, `at most ${formatBytes(mostBytes)}, the limit of the heap around it`)
  }
  return {
    maxBytes,
    highBytes: checkAtMost('high', given.high, maxBytes),
    lowBytes: checkAtMost('low', given.low, maxBytes) ?? 0,
  }
}

function checkAtMost(name: string, size: Size | undefined, maxBytes: number): number | undefined {
  if (size === undefined) return undefined
  const bytes = parseSize(size, name)
  if (bytes <= maxBytes) return bytes
  throw new ArgumentError(name, size, `at most ${maxBytes}, the bytes of \`max\``)
}

/** Whether two plans ask for the same tenant. Functions are the same when they are one. */
export function isSamePlan(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  return keys.every((key) => isSamePlan((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]))
}

/** The options that make the tenant as it is now: what it was made with, and its limits. */
export function presentOptions(
  made: TenantOptions,
  { parts, maxBytes, highBytes, lowBytes }: TenantPlan,
): TenantOptions {
  const { high: _, ...others } = made
  const mode = parts.mode as Exclude<ModeName, 'embedded'>
  return { ...others, mode, max: maxBytes, low: lowBytes, ...(highBytes !== undefined && { high: highBytes }) }
}

/** The first option that alone would make another tenant of the present one; undefined when it takes several. */
export function differingOption(
  present: TenantOptions,
  asked: TenantOptions,
  isSame: (options: TenantOptions) => boolean,
): keyof TenantOptions | undefined {
  const names = NAMES as readonly (keyof TenantOptions)[]
  return names.find((name) => {
    if (Object.is(present[name], asked[name])) return false
    const { [name]: _, ...others } = present
    try {
      return !isSame(asked[name] === undefined ? others : { ...others, [name]: asked[name] })
    } catch {
      // It contradicts the others: it is not what the tenant has.
      return true
    }
  })
}

/** The value that an option has, for an error. */
export function describeOption(name: string, value: unknown): string {
  if (value === undefined) return 'left out'
  if (typeof value === 'object' || typeof value === 'function') return 'the same'
  if (typeof value === 'number' && LIMIT_NAMES.includes(name)) return `${value} bytes (${formatBytes(value)})`
  return JSON.stringify(value)
}

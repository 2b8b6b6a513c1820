/**
 * Ranges of a memory that must not be written, or not be touched at all, and who refuses what goes there.
 *
 * There is one table for a memory, whichever heaps and tenants live in it. The system protects whole pages of a range,
 * where it can: a store from WebAssembly is then a `RuntimeError`, one from JavaScript ends the process. So the library
 * looks first, and throws ProtectionError: while a table has ranges, numbers are read and written through a view that
 * asks it (`shielded-view.ts`), and calls that free blocks pass an interposer. While it is empty nobody pays.
 *
 * Growth: engines make the whole memory writable when they grow it, so all is protected again afterwards: at once when
 * a heap has grown it, else with the next call that finds its views detached. For a growth by the library all is
 * lifted first, in case that the engine has to copy.
 *
 * Guarantee: ranges do not overlap; one ends when its owner lifts it, is reset, closed or, as a tenant, ended.
 */
import { Attempts } from './attempts.js'
import type { HeapCore } from './core.js'
import { hex, PlatformError, ProtectionError } from './errors.js'
import type { Interposer } from './interposer.js'
import { type Kernel, kernelWith } from './kernel-instance.js'
import type { PageAccess } from './platform/pages.js'

/** What is to be protected, and what messages call it. */
export interface RangePlan {
  readonly address: number
  readonly bytes: number
  readonly access: Exclude<PageAccess, 'readWrite'>
  /** Such as `the image at 0x10040`. */
  readonly what: string
}

/** A range that is protected. */
export interface ProtectedRange extends RangePlan {
  readonly owner: HeapCore
  /** Bytes in pages that the system protects as well. */
  readonly enforcedBytes: number
}

/** What is protected, and by whom. */
export interface Protection {
  /** `read`: it may be read. `none`: nor that. */
  readonly access: 'none' | 'read'
  /** Bytes that every call of the library keeps off. */
  readonly bytes: number
  /** Of those, bytes in pages that the system protects as well. */
  readonly enforcedBytes: number
  /** Whether the system protects all of them. */
  readonly isEnforced: boolean
  /** Why it does not. */
  readonly reason: string | undefined
}

/** Figures of some ranges of one access. */
export function describeProtection(ranges: readonly ProtectedRange[]): Protection | undefined {
  const [first] = ranges
  if (!first) return undefined
  const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0)
  const enforcedBytes = ranges.reduce((sum, range) => sum + range.enforcedBytes, 0)
  const isEnforced = enforcedBytes === bytes
  const { pages } = first.owner
  const isShort = pages.can.protect && enforcedBytes > 0
  const why = isShort ? 'the rest shares its pages with other memory' : (pages.reason ?? 'no page is whole')
  return { access: first.access, bytes, enforcedBytes, isEnforced, reason: isEnforced ? undefined : why }
}

/**
 * Most ranges of one memory where the system protects. Each splits off two mappings; Linux has 65,530 for a process by
 * default, and an engine that gets none any more ends the process.
 */
const RANGES_MAX = 10_240

interface Entry extends ProtectedRange {
  enforcedBytes: number
}

/** The whole pages of a range. */
function wholePages({ address, bytes }: RangePlan, pageBytes: number): { readonly at: number; readonly bytes: number } {
  const at = Math.ceil(address / pageBytes) * pageBytes
  return { at, bytes: Math.max(0, Math.floor((address + bytes) / pageBytes) * pageBytes - at) }
}

const tables = new WeakMap<WebAssembly.Memory, ProtectionTable>()

/** The table of a memory. */
export function protectionOf(memory: WebAssembly.Memory): ProtectionTable {
  let table = tables.get(memory)
  if (!table) {
    table = new ProtectionTable(memory)
    tables.set(memory, table)
  }
  return table
}

/** Who keeps off while anything is protected. */
export interface ProtectionMember {
  shield(isOn: boolean): void
}

/** The protected ranges of one memory, and the heaps that keep off them. */
export class ProtectionTable {
  readonly #memory: WebAssembly.Memory
  /** Weak: a heap that is dropped in a memory that lives on is not kept for this. */
  readonly #members = new Set<WeakRef<ProtectionMember>>()
  /** By ascending address. */
  readonly #entries: Entry[] = []
  /** First byte behind each: apart, since every access looks here. */
  readonly #ends: number[] = []
  /** What the memory was when all was protected. */
  #buffer: ArrayBuffer | undefined

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** All ranges by ascending address. */
  get ranges(): readonly ProtectedRange[] {
    return this.#entries
  }

  // ---- heaps --------------------------------------------------------------------------------------------------------

  /** Have a heap keep off from now on; the function given back ends that. */
  join(member: ProtectionMember): () => void {
    const reference = new WeakRef(member)
    this.#members.add(reference)
    if (!this.isEmpty) member.shield(true)
    return () => this.#members.delete(reference)
  }

  #shieldAll(isOn: boolean): void {
    for (const reference of this.#members) {
      const member = reference.deref()
      if (member) member.shield(isOn)
      else this.#members.delete(reference)
    }
  }

  // ---- ranges -------------------------------------------------------------------------------------------------------

  /**
   * Protect a range, by the system too where its pages are whole.
   *
   * @throws ProtectionError for one that overlaps another; PlatformError when the system refuses, or would have too
   * many. Nothing has changed
   */
  add(owner: HeapCore, plan: RangePlan): ProtectedRange {
    const other = this.#firstIn(plan.address, plan.bytes)
    if (other) throw refusal('protection', plan.address, plan.bytes, other)
    if (owner.pages.can.protect && this.#entries.length >= RANGES_MAX) {
      throw new PlatformError('mprotect', 'ENOMEM', plan.address, plan.bytes)
    }
    const entry: Entry = { ...plan, owner, enforcedBytes: 0 }
    this.#enforce(entry)
    const wasEmpty = this.isEmpty
    const at = this.#firstEndingBehind(plan.address)
    this.#entries.splice(at, 0, entry)
    this.#ends.splice(at, 0, plan.address + plan.bytes)
    this.#buffer ??= this.#memory.buffer
    if (wasEmpty) this.#shieldAll(true)
    return entry
  }

  /** The range of just these bytes in the heap whose control block lies at `base`. */
  find(base: number, address: number, bytes: number): ProtectedRange | undefined {
    return this.#entries.find((one) => one.owner.base === base && one.address === address && one.bytes === bytes)
  }

  /** Give a range that is there another access. @throws PlatformError when the system refuses; it is as it was then */
  change(range: ProtectedRange, access: RangePlan['access']): ProtectedRange {
    const entry = this.#entries.find((one) => one === range)
    if (!entry || entry.access === access) return range
    const changed = { ...entry, access }
    this.#enforce(changed)
    this.#entries[this.#entries.indexOf(entry)] = changed
    return changed
  }

  /** Lift ranges, all or none; those that were lifted before are left out. @throws PlatformError */
  remove(...ranges: readonly ProtectedRange[]): void {
    const entries = this.#entries.filter((entry) => ranges.includes(entry))
    try {
      for (const entry of entries) this.#lift(entry)
    } catch (error) {
      this.#enforceAgain(entries)
      throw error
    }
    for (const entry of entries) this.forget(entry)
  }

  /**
   * Lift what was protected by a heap that ends, whatever fails: what the system keeps is refused by the library on.
   *
   * @throws PlatformError for the first that failed
   */
  removeOf(owner: HeapCore): void {
    const attempts = new Attempts()
    for (const entry of this.#entries.filter((one) => one.owner === owner)) attempts.make(() => this.remove(entry))
    attempts.settle()
  }

  /** Lift what is protected in the heap whose control block lies at `base`, by whichever instance. @throws as `remove` */
  removeIn(base: number): void {
    this.remove(...this.#entries.filter((entry) => entry.owner.base === base))
  }

  /** Take a range out that the system does not protect: its pages are others now. */
  forget(range: ProtectedRange): void {
    const at = this.#entries.indexOf(range)
    if (at < 0) return
    this.#entries.splice(at, 1)
    this.#ends.splice(at, 1)
    if (!this.isEmpty) return
    this.#buffer = undefined
    this.#shieldAll(false)
  }

  #enforce(entry: Entry): void {
    const { pages } = entry.owner
    const { at, bytes } = wholePages(entry, pages.pageBytes)
    entry.enforcedBytes = bytes > 0 && pages.protect(this.#memory, at, bytes, entry.access) ? bytes : 0
  }

  #lift(entry: Entry): void {
    if (entry.enforcedBytes === 0) return
    const { pages } = entry.owner
    const { at, bytes } = wholePages(entry, pages.pageBytes)
    pages.protect(this.#memory, at, bytes, 'readWrite')
    entry.enforcedBytes = 0
  }

  // ---- growth -------------------------------------------------------------------------------------------------------

  /** Run what grows the memory, or touches all of it, while nothing is protected by the system. */
  lifted<T>(run: () => T): T {
    if (this.isEmpty) return run()
    try {
      for (const entry of this.#entries) this.#lift(entry)
      return run()
    } finally {
      this.#buffer = this.#memory.buffer
      this.#enforceAgain(this.#entries)
    }
  }

  /** Protect again if the memory has grown since. */
  renew(): void {
    if (this.isEmpty || this.#memory.buffer === this.#buffer) return
    this.#buffer = this.#memory.buffer
    // The engine has made all of it writable.
    for (const entry of this.#entries) entry.enforcedBytes = 0
    this.#enforceAgain(this.#entries)
  }

  /**
   * Protect those again that the system does not. What it now refuses is protected by the library alone, and its
   * `enforcedBytes` say so; one that could not be lifted keeps its own.
   */
  #enforceAgain(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.enforcedBytes > 0) continue
      try {
        this.#enforce(entry)
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error
        entry.enforcedBytes = 0
      }
    }
  }

  // ---- refusing -----------------------------------------------------------------------------------------------------

  /** @throws ProtectionError when a byte of these must not be written; `action` is what the message calls it */
  expectWritable(action: string, address: number, bytes: number): void {
    const entry = this.#firstIn(address, bytes)
    if (entry) throw refusal(action, address, bytes, entry)
  }

  /** @throws ProtectionError when a byte of these must not be read */
  expectReadable(action: string, address: number, bytes: number): void {
    const entry = this.#firstIn(address, bytes, 'none')
    if (entry) throw refusal(action, address, bytes, entry)
  }

  /** The first range that has some of these bytes, with the access if one is given. */
  #firstIn(address: number, bytes: number, access?: PageAccess): Entry | undefined {
    const end = address + bytes
    for (let at = this.#firstEndingBehind(address); at < this.#entries.length; at++) {
      const entry = this.#entries[at] as Entry
      if (entry.address >= end) return undefined
      if (access === undefined || entry.access === access) return entry
    }
    return undefined
  }

  /** Number of the first range whose end lies behind `address`: ranges do not overlap, so ends ascend, too. */
  #firstEndingBehind(address: number): number {
    let low = 0
    let high = this.#ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ends[middle] as number) > address) high = middle
      else low = middle + 1
    }
    return low
  }
}

function refusal(action: string, address: number, bytes: number, entry: ProtectedRange): ProtectionError {
  const allowed = entry.access === 'none' ? 'must not be touched' : 'must not be written'
  return new ProtectionError(`${action} of ${bytes} bytes at ${hex(address)}: ${entry.what} ${allowed}`, address)
}

/** Refuses calls of the kernel that free, move or shorten a block with protected bytes. */
export class ProtectionInterposer implements Interposer {
  readonly name = 'protection'
  readonly #table: ProtectionTable

  constructor(table: ProtectionTable) {
    this.#table = table
  }

  wrap(kernel: Kernel): Kernel {
    const expectFree = (action: string, address: number) => {
      const at = address >>> 0
      const bytes = this.#table.isEmpty || at === 0 ? 0 : kernel.usableSize(at) >>> 0
      // Of what is no block the kernel says so itself.
      if (bytes !== 0) this.#table.expectWritable(action, at, bytes)
    }
    return kernelWith(kernel, {
      free: (address) => {
        expectFree('free', address)
        return kernel.free(address)
      },
      freeSized: (address, bytes, alignment) => {
        expectFree('free', address)
        return kernel.freeSized(address, bytes, alignment)
      },
      realloc: (address, bytes) => {
        expectFree('realloc', address)
        return kernel.realloc(address, bytes)
      },
    })
  }
}

/**
 * Guarded blocks: whole pages in a row, the first and the last of which must not be touched, and the block's own bytes
 * between them so that they touch one of the two. A store or a load past that end is found at once.
 *
 *   at: 'end'     [ guard ][ fence ... | bytes ][ guard ]
 *   at: 'start'   [ guard ][ bytes | fence ... ][ guard ]
 *
 * Where the system cannot take access away, the guards hold a pattern, as the fence does everywhere: a store there is
 * found when the block is freed.
 */
import { ADDRESS_LIMIT } from '../kernel/layout.js'
import { checkOptions, checkSize } from './arguments.js'
import type { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ArgumentError, ClosedError, CorruptionError, hex, UnsupportedError } from './errors.js'
import { addressError, staleError } from './faults.js'
import type { Origin } from './fork.js'
import type { PageAccess } from './platform/pages.js'
import { describeProtection, type ProtectedRange, type Protection } from './protection.js'
import type { Address, Bytes } from './types.js'

/** How a guarded block lies in its pages. */
export interface GuardedOptions {
  /** Which end of the block touches a guard: its last byte, or its first. Default `'end'`. */
  readonly at?: 'end' | 'start'
}

/** What a block is made of: pages of the heap. */
interface Place {
  readonly pageBytes: number
  /** The first guard. */
  readonly base: number
  /** Pages in a row, guards included. */
  readonly total: number
}

/** Neither zero nor what programs write: stores are seen, and loads look strange. */
const FENCE_BYTE = 0xf6

/** The same block of a fork of its heap; undefined when the fork has none there. */
export let guardedInFork: (block: GuardedBlock, core: HeapCore, origin: Origin) => GuardedBlock | undefined

/** A block with a guard page on each side. Made by `heap.allocGuarded`; freed by itself alone, not by `heap.free`. */
export class GuardedBlock implements Disposable {
  /** First byte. At a multiple of 16 only where the number of bytes is one, or with `at: 'start'`. */
  readonly address: Address
  readonly bytes: Bytes
  readonly at: 'end' | 'start'
  readonly #core: HeapCore
  readonly #generation: number
  /** How often the heap had been forked when this was made. */
  readonly #born: number
  readonly #place: Place
  readonly #guards: readonly ProtectedRange[]
  #own: ProtectedRange | undefined
  #isFreed = false
  /** A damage is told once; the next `free` then frees. */
  #isDamageTold = false

  /** @internal */
  constructor(core: HeapCore, place: Place, bytes: number, at: 'end' | 'start', guards?: readonly ProtectedRange[]) {
    const { base, pageBytes, total } = place
    this.#core = core
    this.#generation = core.generation
    this.#place = place
    this.bytes = bytes as Bytes
    this.at = at
    this.address = (at === 'end' ? base + total - pageBytes - bytes : base + pageBytes) as Address
    this.#born = core.forks
    if (!guards) this.#fillFences()
    this.#guards = guards ?? this.#protectGuards()
  }

  static {
    guardedInFork = (block, core, { parent, forks }) => {
      const isThere = block.#core === parent && block.#born < forks && block.#generation === core.generation
      if (!isThere || block.#isFreed) return undefined
      const { base, pageBytes, total } = block.#place
      const find = (address: number, bytes: number) => core.protection.find(core.base, address, bytes)
      const guards = [find(base, pageBytes), find(base + total - pageBytes, pageBytes)]
      if (guards.includes(undefined)) return undefined
      const own = new GuardedBlock(core, block.#place, block.bytes, block.at, guards as ProtectedRange[])
      own.#own = find(base + pageBytes, total - 2 * pageBytes)
      return own
    }
  }

  /** Whether the system protects both guards. Else stores there are found by `check` and `free`. */
  get isProtected(): boolean {
    return !this.#isFreed && this.#guards.every((guard) => guard.enforcedBytes === guard.bytes)
  }

  /** Why the system does not protect them; undefined when it does. */
  get reason(): string | undefined {
    if (this.isProtected) return undefined
    if (this.#isFreed) return 'the block has been freed'
    return this.#core.pages.reason ?? 'the system refuses to protect pages'
  }

  get isFreed(): boolean {
    return this.#isFreed || this.#core.isClosed || this.#core.generation !== this.#generation
  }

  /** What `protect` has made of the block's own pages; undefined when they may be read and written. */
  get protection(): Protection | undefined {
    return this.isFreed || !this.#own ? undefined : describeProtection([this.#own])
  }

  /**
   * Set the access to all between the guards. It holds until it is set to `readWrite` again.
   *
   * @throws ArgumentError; PlatformError when the system refuses; ClosedError once freed
   */
  protect(access: PageAccess): Protection | undefined {
    checkAccess(access)
    this.#expectLive()
    const { protection } = this.#core
    protection.renew()
    const { base, pageBytes, total } = this.#place
    if (access === 'readWrite') {
      if (this.#own) protection.remove(this.#own)
      this.#own = undefined
    } else if (this.#own) this.#own = protection.change(this.#own, access)
    else {
      const what = `the guarded block at ${hex(this.address)}`
      this.#own = protection.add(this.#core, { address: base + pageBytes, bytes: total - 2 * pageBytes, access, what })
    }
    return this.protection
  }

  /**
   * Look at the fence, and at guards that the system does not protect.
   *
   * @throws CorruptionError that names the first byte that somebody has written to; ClosedError once freed
   */
  check(): void {
    this.#expectLive()
    const at = this.#damage()
    if (at !== undefined) throw this.#damageError(at)
  }

  /**
   * Free the block, after a `check`. A damage that it finds is thrown the first time, and the block is kept to be looked
   * at; the next call frees it.
   *
   * @throws CorruptionError as `check`; ProtectionError while the block's own pages are protected; PlatformError when the
   * system refuses, and the block is as it was; ClosedError once freed
   */
  free(): void {
    this.#expectLive()
    const { base, pageBytes, total } = this.#place
    this.#core.protection.expectWritable('free', base + pageBytes, total - 2 * pageBytes)
    const at = this.#isDamageTold ? undefined : this.#damage()
    if (at !== undefined) {
      this.#isDamageTold = true
      throw this.#damageError(at)
    }
    this.#release()
  }

  /** Free it, whatever its fence looks like and whether or not it is protected. Harmless twice, and after a reset. */
  dispose(): void {
    if (this.isFreed) return
    this.protect('readWrite')
    this.#release()
  }

  [dispose](): void {
    this.dispose()
  }

  #release(): void {
    const { protection, kernel } = this.#core
    protection.remove(...this.#guards)
    this.#isFreed = true
    kernel.free(this.#place.base)
  }

  #expectLive(): void {
    this.#core.assertOpen()
    if (this.#isFreed) throw new ClosedError('guarded block', 'has been freed')
    if (this.isFreed) throw staleError(this.#core, 'the guarded block', this.address)
  }

  // ---- guards and fences --------------------------------------------------------------------------------------------

  /** The bytes around the block's own within its pages, and its guards where `withGuards`: from, to. */
  #fences(withGuards: boolean): readonly (readonly [from: number, to: number])[] {
    const { base, pageBytes, total } = this.#place
    const outer = withGuards ? 0 : pageBytes
    return [
      [base + outer, this.address],
      [this.address + this.bytes, base + total - outer],
    ]
  }

  /** Guards are touched only where nobody protects them: their pages stay untouched else, and cost no memory. */
  #fillFences(): void {
    const { views, pages } = this.#core
    views.refresh()
    for (const [from, to] of this.#fences(!pages.can.protect)) views.u8.fill(FENCE_BYTE, from, to)
  }

  #protectGuards(): readonly ProtectedRange[] {
    const { base, pageBytes, total } = this.#place
    const { protection } = this.#core
    const block = `the guarded block at ${hex(this.address)}`
    const guard = (address: number, where: string) =>
      protection.add(this.#core, { address, bytes: pageBytes, access: 'none', what: `the page ${where} ${block}` })
    const first = guard(base, 'in front of')
    try {
      return [first, guard(base + total - pageBytes, 'behind')]
    } catch (error) {
      protection.remove(first)
      throw error
    }
  }

  /** Address of the first byte that is no longer the fence's. */
  #damage(): number | undefined {
    const { views, protection, pages } = this.#core
    // A fence of pages that may not be read has not been written either.
    if (this.#own?.access === 'none') return undefined
    protection.renew()
    views.refresh()
    for (const [from, to] of this.#fences(!pages.can.protect)) {
      for (let at = from; at < to; at++) if (views.u8[at] !== FENCE_BYTE) return at
    }
    return undefined
  }

  #damageError(at: number): CorruptionError {
    const isInFront = at < this.address
    const bytes = isInFront ? this.address - at : at - this.address - this.bytes + 1
    const where = `${bytes} ${bytes === 1 ? 'byte' : 'bytes'} ${isInFront ? 'in front of' : 'behind'}`
    return new CorruptionError(at, `somebody wrote ${where} the guarded block at ${hex(this.address)}`)
  }
}

/** Make a guarded block. @throws OutOfMemoryError, ArgumentError, PlatformError, UnsupportedError */
export function allocGuarded(core: HeapCore, bytes: number, options: GuardedOptions): GuardedBlock {
  core.assertOpen()
  checkSize('bytes', bytes)
  checkOptions('options', options, ['at'])
  const { at = 'end' } = options
  if (at !== 'end' && at !== 'start') throw new ArgumentError('at', at, "'end' or 'start'")
  if (core.mode === 'embedded') throw new UnsupportedError(core.mode, 'blocks of whole pages, and so none with guards')
  const { pageBytes } = core.pages
  core.protection.renew()
  const total = (Math.max(1, Math.ceil(bytes / pageBytes)) + 2) * pageBytes
  if (total > ADDRESS_LIMIT) throw core.outOfMemory(bytes)
  const base = core.request(total, () => core.kernel.allocAligned(total, pageBytes))
  // In a heap whose structures were overwritten the block may lie anywhere, and the fences are filled from JavaScript.
  core.protection.expectWritable('allocGuarded', base, total)
  try {
    return new GuardedBlock(core, { base, pageBytes, total }, bytes, at)
  } catch (error) {
    core.kernel.free(base)
    throw error
  }
}

/** Set the access to a block that owns its pages. @throws as `heap.protect` */
export function protectBlock(core: HeapCore, address: number, access: PageAccess): Protection | undefined {
  const { protection, pages } = core
  protection.renew()
  const bytes = core.kernel.usableSize(address) >>> 0
  if (bytes === 0) throw addressError(core, 'protect', address)
  if (address % pages.pageBytes !== 0 || bytes % pages.pageBytes !== 0) {
    const { pageBytes } = pages
    const expected =
      `a block that shares no page with others, at a multiple of ${pageBytes} and of as many bytes or a multiple: ` +
      'allocAligned(n * heap.pageBytes, heap.pageBytes) gives one'
    throw new ArgumentError('what', address, expected, hex(address))
  }
  const found = protection.find(core.base, address, bytes)
  if (access === 'readWrite') {
    if (found) protection.remove(found)
    return undefined
  }
  const what = `the protected block at ${hex(address)}`
  return describeProtection([
    found ? protection.change(found, access) : protection.add(core, { address, bytes, access, what }),
  ])
}

export function checkAccess(access: unknown): void {
  if (access === 'none' || access === 'read' || access === 'readWrite') return
  throw new ArgumentError('access', access, "'none', 'read' or 'readWrite'")
}

/**
 * The calls of a heap that give something over its memory to work with: arenas, pools, guards, views of blocks and of
 * objects, and the kernel's bare functions.
 */
import { CheckedAccess, LiveView, makeView, type TypedArray, type TypedArrayConstructor } from './access.js'
import { Arena, type ArenaOptions, FixedArena, type FixedArenaOptions } from './arena.js'
import { checkOptions, checkRange, checkSize } from './arguments.js'
import { BlockAccess } from './blocks.js'
import type { HeapCore } from './core.js'
import { dispose } from './dispose.js'
import { ArgumentError } from './errors.js'
import { BlockGuard, Guard } from './guard.js'
import type { Kernel } from './kernel-instance.js'
import type { MapFileOptions, MappedFile } from './mapped-files.js'
import { isStruct } from './objects/kinds.js'
import type { Struct } from './objects/struct.js'
import type { View } from './objects/types.js'
import { POOL_BLOCK_MAX_BYTES, Pool, type PoolOptions } from './pool.js'
import { RawAccess } from './raw.js'
import { parseSize } from './sizes.js'

const ARENA_CHUNK_MIN_BYTES = 1024
const ARENA_CHUNK_MAX_BYTES = 256 * 2 ** 20
const ARENA_CHUNK_BYTES = 2 * 2 ** 20

/** Arenas, pools, guards and views of a heap. */
export class RegionAccess extends BlockAccess {
  /** The same access, relative to live blocks and never outside them. */
  readonly checked: CheckedAccess
  #raw: RawAccess | undefined
  #rawKernel: Kernel | undefined

  /** @internal */
  constructor(core: HeapCore) {
    super(core)
    this.checked = new CheckedAccess(core, this)
  }

  // ---- arenas, pools, guards ----------------------------------------------------------------------------------------

  /** An arena that grows with need. */
  arena(options: ArenaOptions = {}): Arena {
    checkOptions('options', options, ['chunk'])
    const chunk = options.chunk === undefined ? ARENA_CHUNK_BYTES : parseSize(options.chunk, 'chunk')
    if (chunk < ARENA_CHUNK_MIN_BYTES || chunk > ARENA_CHUNK_MAX_BYTES) {
      throw new ArgumentError('chunk', options.chunk, `from ${ARENA_CHUNK_MIN_BYTES} to ${ARENA_CHUNK_MAX_BYTES} bytes`)
    }
    return new Arena(
      this.core,
      this.core.request(0, () => this.core.kernel.arenaCreate(chunk)),
    )
  }

  /**
   * An arena over [base, limit), which is the caller's: a live block of this heap or a part of one, or memory that is
   * not the heap's. It never grows. Dispose of it before the block.
   */
  fixedArena(options: FixedArenaOptions): FixedArena {
    checkOptions('options', options, ['base', 'limit'])
    this.core.assertOpen()
    const base = checkRange('base', options.base, 1, 2 ** 32 - 1)
    const end = Math.min(this.views.refresh(), 2 ** 32 - 1)
    if (base >= end) throw new ArgumentError('base', base, `an address below the end of the memory, ${end}`)
    const limit = checkRange('limit', options.limit, base + 1, end)
    checkForeign(this.core, base, limit)
    const record = this.core.request(0, () => this.core.kernel.arenaCreateFixed(base, limit))
    return new FixedArena(this.core, record)
  }

  /** A pool of blocks of one size. */
  pool(options: PoolOptions): Pool {
    checkOptions('options', options, ['size', 'count', 'grow'])
    const size = parseSize(options.size, 'pool size')
    if (size > POOL_BLOCK_MAX_BYTES) {
      throw new ArgumentError(
        'size',
        options.size,
        `at most ${POOL_BLOCK_MAX_BYTES} bytes; use alloc for larger blocks`,
      )
    }
    const count = checkSize('count', options.count)
    const { grow = false } = options
    if (typeof grow !== 'boolean') throw new ArgumentError('grow', grow, 'true or false')
    const record = this.core.request(size * count, () => this.core.kernel.poolCreate(size, count, grow ? 1 : 0))
    return new Pool(this.core, record, size, grow)
  }

  /** A new block, or a resource, that is freed when the guard is disposed of, unless it is detached before. */
  guard(bytes: number): BlockGuard
  guard<T extends Disposable>(resource: T): Guard<T>
  guard<T extends Disposable>(what: number | T): BlockGuard | Guard<T> {
    if (typeof what === 'object' && what !== null && typeof what[dispose] === 'function') return new Guard(what)
    if (typeof what === 'object')
      throw new ArgumentError('resource', what, 'a number of bytes, or something disposable')
    return new BlockGuard(this.core, this.alloc(what as number), (address) => this.free(address))
  }

  // ---- files --------------------------------------------------------------------------------------------------------

  /**
   * Map a file, or a part of one, into the heap's memory: all of it is there at an address, and is read from the disk
   * where it is first touched. The memory counts against the heap's limit. A `file:` URL is taken for its path.
   *
   * A file that others make shorter while it is mapped is read as far as it goes; touching pages behind its new end
   * ends the process (SIGBUS), which no library can prevent: map files that are only replaced or lengthened.
   *
   * @throws FileError that names the path and the cause: not there, not permitted, a directory, shorter than asked for,
   * above the limit; OutOfMemoryError; ArgumentError; UnsupportedError in mode `embedded`; PlatformError
   * @example
   * using index = heap.mapFile('words.idx')
   * const first = heap.readU32(index.address)
   */
  mapFile(path: string | URL, options: MapFileOptions = {}): MappedFile {
    return this.core.mappedFiles.map(path, options)
  }

  /** Those that are mapped, in the order in which they were. */
  mappedFiles(): IterableIterator<MappedFile> {
    this.core.assertOpen()
    return [...this.core.mappedFiles].values()
  }

  // ---- views --------------------------------------------------------------------------------------------------------

  /**
   * A typed array over `count` elements inside a live block. Growth of the memory detaches it: see `viewOf`, or make
   * the heap with `reserve`.
   *
   * @throws MisalignmentError, InvalidAddressError when the address is in no live block, ArgumentError when the block
   * is too short
   */
  view<T extends TypedArray>(type: TypedArrayConstructor<T>, address: number, count: number): T
  /**
   * The object of a struct at a raw reference, as a view in the innermost scope.
   *
   * @throws InvalidAddressError when no object is there, ArgumentError when it is of another struct, ScopeError
   */
  view<S extends Struct>(struct: S, reference: number): View<S>
  view(type: TypedArrayConstructor<TypedArray> | Struct, address: number, count?: number): unknown {
    if (isStruct(type)) return this.viewOfObject(type, address)
    return makeView(this.core, type, address, count as number)
  }

  /** The same, as a view that survives growth: its `array` is always attached. */
  viewOf<T extends TypedArray>(type: TypedArrayConstructor<T>, address: number, count: number): LiveView<T> {
    return new LiveView(this.core, type, address, count)
  }

  /** The kernel's bare functions and the current views, unchecked, for hot loops. */
  get raw(): RawAccess {
    const kernel = this.core.plainKernel
    // In `manual` it is another one from the first use of objects on.
    if (!this.#raw || this.#rawKernel !== kernel) this.#raw = new RawAccess(this.core)
    this.#rawKernel = kernel
    return this.#raw
  }
}

/** Check that [base, limit) lies in one live block, or outside what is the heap's. */
function checkForeign(core: HeapCore, base: number, limit: number): void {
  const block = core.kernel.blockAround(base) >>> 0
  if (block !== 0) {
    const end = block + (core.kernel.usableSize(block) >>> 0)
    if (limit > end)
      throw new ArgumentError('limit', limit, `at most ${end}, the end of the block that \`base\` lies in`)
    return
  }
  const { base: from, end: to } = core.range
  if (base < to && limit > from) {
    throw new ArgumentError('base', base, `in a live block, or outside the heap's range from ${from} to ${to}`)
  }
}

/**
 * The memory of a heap as native nodes: blocks by size class, arenas and pools with what they hold, free slots and free
 * runs, tables, metadata. Together with the objects' nodes they have exactly the bytes that are held.
 *
 *   (memory)   (blocks)    blocks of 32 bytes …, larger blocks      each block a node, or one node for all of a size
 *              (arenas)    arena                                    its record and pieces
 *              (pools)     pool                                     its record, segments and blocks
 *              (free)      free slots of 32 bytes, free runs …
 *              (objects)   what object memory has beside objects: holes, heads, the empty nursery
 *              (tables)    what the heap keeps of objects: types, handles, roots, hashes …
 *              (metadata)  control block, chunk metadata, page tails, lost
 */
import { CODE_BUMP_BLOCK, CODE_POOL_BLOCK, GRANULE_BYTES, HEAP_LOST_AT } from '../../kernel/layout.js'
import { COUNTED_HEADER_BYTES } from '../../kernel/value-layout.js'
import type { HeapCore } from '../core.js'
import type { ObjectSpace } from '../objects/space.js'
import type { Groups } from './groups.js'
import { type SpanTaker, walkMemory } from './memory-walk.js'
import { type PieceUse, PieceUses } from './pieces.js'

/** `each`: a node for every block and free run; `grouped`: one for those of a size; `auto`: `each` up to 10,000. */
export type BlockNodes = 'auto' | 'each' | 'grouped'

const EACH_MAX = 10_000
/** Longest block that has a group of its size; longer ones are together. */
const SMALL_MAX_BYTES = 8192

interface Piece {
  readonly address: number
  readonly end: number
  readonly bytes: number
  /** What of it is neither a live block nor an object. */
  restBytes: number
  hasObjects: boolean
}

/** Of pieces that nothing leads to by a list that is followed here. */
const TABLE: PieceUse = { name: 'table' }
const SHARED_SEGMENT: PieceUse = { name: 'shared segment', holdsObjects: true }

interface Rest {
  freeBytes: number
  tailBytes: number
}

/** Addresses and bytes of many spans. */
class SpanList {
  readonly addresses: number[] = []
  readonly bytes: number[] = []

  add(address: number, bytes: number): void {
    this.addresses.push(address)
    this.bytes.push(bytes)
  }

  get count(): number {
    return this.addresses.length
  }
}

export class MemoryNodes implements SpanTaker {
  readonly #core: HeapCore
  readonly #groups: Groups
  readonly #uses: PieceUses
  readonly #blocks = new SpanList()
  /** Blocks inside pieces of pools and of the bump allocator. */
  readonly #inner = new SpanList()
  readonly #innerPieces: Piece[] = []
  readonly #records = new Map<number, number>()
  readonly #free = new SpanList()
  readonly #rests = new Map<number, Rest>()
  readonly #metadata: [name: string, address: number, bytes: number][] = []
  readonly #pieces: Piece[] = []
  #objectBytes = 0
  #lentBytes = 0
  #lastPiece: Piece | undefined

  constructor(core: HeapCore, space: ObjectSpace | undefined, groups: Groups) {
    this.#core = core
    this.#groups = groups
    this.#uses = new PieceUses(core, space)
    walkMemory(core, this)
    this.#pieces.sort((a, b) => a.address - b.address)
  }

  // ---- spans --------------------------------------------------------------------------------------------------------

  metadata(name: string, address: number, bytes: number): void {
    this.#metadata.push([name, address, bytes])
  }

  slot(address: number, bytes: number, isRecord: boolean): void {
    if (isRecord) this.#records.set(address, bytes)
    else this.#blocks.add(address, bytes)
  }

  pageRest(blockBytes: number, freeBytes: number, tailBytes: number): void {
    const rest = this.#rests.get(blockBytes) ?? { freeBytes: 0, tailBytes: 0 }
    rest.freeBytes += freeBytes
    rest.tailBytes += tailBytes
    this.#rests.set(blockBytes, rest)
  }

  run(address: number, bytes: number): void {
    this.#blocks.add(address, bytes)
  }

  piece(address: number, bytes: number, head: number): void {
    const piece: Piece = { address, end: address - head + bytes, bytes, restBytes: bytes, hasObjects: false }
    this.#pieces.push(piece)
    const use = this.#uses.byAddress.get(address)?.name
    if (use === 'pool segment' || use === 'piece of the bump allocator') this.#addInner(piece)
  }

  lent(bytes: number): void {
    this.#lentBytes += bytes
  }

  objectBlock(_address: number, bytes: number): void {
    this.#objectBytes += bytes
  }

  freeRun(address: number, bytes: number): void {
    this.#free.add(address, bytes)
  }

  /** The live blocks inside a piece. */
  #addInner(piece: Piece): void {
    const kernel = this.#core.plainKernel
    for (let at = kernel.nextBlock(piece.address) >>> 0; at !== 0 && at < piece.end; at = kernel.nextBlock(at) >>> 0) {
      const code = kernel.describe(at) & 0xff
      if (code !== CODE_POOL_BLOCK && code !== CODE_BUMP_BLOCK) continue
      const bytes = Math.max(kernel.usableSize(at) >>> 0, GRANULE_BYTES)
      this.#inner.add(at, bytes)
      this.#innerPieces.push(piece)
      piece.restBytes -= bytes
    }
  }

  // ---- objects ------------------------------------------------------------------------------------------------------

  /** Take the bytes of an object that is not counted out of the memory it lies in. */
  takeObject(header: number, bytes: number): void {
    const piece = this.#pieceAround(header)
    if (!piece) {
      this.#objectBytes -= bytes
      return
    }
    piece.restBytes -= bytes
    piece.hasObjects = true
  }

  #pieceAround(address: number): Piece | undefined {
    const last = this.#lastPiece
    if (last && address >= last.address && address < last.end) return last
    let [low, high] = [0, this.#pieces.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#pieces[middle] as Piece).end <= address) low = middle + 1
      else high = middle
    }
    const piece = this.#pieces[low]
    if (!piece || address < piece.address) return undefined
    this.#lastPiece = piece
    return piece
  }

  // ---- nodes --------------------------------------------------------------------------------------------------------

  /**
   * Add the nodes, in a group below `root`.
   *
   * @param isObject whether the block before a reference is a counted object's
   * @param tenantBytes what tenants hold of what is lent to them, and have nodes of their own for
   */
  addNodes(root: number, blockNodes: BlockNodes, isObject: (reference: number) => boolean, tenantBytes: number): void {
    const count = this.#blocks.count + this.#inner.count + this.#free.count
    const isEach = blockNodes === 'each' || (blockNodes === 'auto' && count <= EACH_MAX)
    const memory = this.#groups.group('(memory)', root)
    this.#addBlocks(memory, isEach, isObject)
    this.#addPieces(memory, isEach)
    this.#addFree(memory, isEach)
    const metadata = this.#groups.group('(metadata)', memory)
    for (const [name, address, bytes] of this.#metadata) this.#groups.addNative(metadata, name, address, bytes)
    for (const [blockBytes, { tailBytes }] of this.#rests) {
      this.#groups.addSum(metadata, `tails of pages of ${blockBytes} bytes`, tailBytes)
    }
    this.#groups.addSum(memory, 'lent to others', this.#lentBytes - tenantBytes - this.#addMappedFiles(memory))
    this.#groups.addSum(metadata, 'lost: too small for a chunk', this.#core.word(HEAP_LOST_AT))
  }

  /** Add the mapped files; their bytes. */
  #addMappedFiles(memory: number): number {
    const { mappedFiles } = this.#core
    for (const { path, address, lentBytes } of mappedFiles) {
      this.#groups.addNative(memory, `mapped file ${path}`, address, lentBytes)
    }
    return mappedFiles.lentBytes
  }

  #addBlocks(memory: number, isEach: boolean, isObject: (reference: number) => boolean): void {
    const groups = this.#groups
    const { addresses, bytes } = this.#blocks
    const sums = new SizeSums()
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[i] as number
      const size = bytes[i] as number
      if (isObject(address + COUNTED_HEADER_BYTES)) continue
      if (!isEach) sums.add(size)
      else
        groups.addNative(
          groups.group(sizeGroup(size), groups.group('(blocks)', memory)),
          blockName(size),
          address,
          size,
        )
    }
    if (sums.isEmpty) return
    sums.addNodes(groups, groups.group('(blocks)', memory))
  }

  /** Arenas and pools with what they hold, and the other pieces by what they are for. */
  #addPieces(memory: number, isEach: boolean): void {
    const groups = this.#groups
    const owners = new Map<number, number>()
    for (const { kind, record } of this.#uses.owners) {
      const bytes = this.#records.get(record) ?? 0
      this.#records.delete(record)
      // In `compiler` mode a record is a piece, which stands for itself.
      const id = bytes > 0 ? record : record + 2
      owners.set(record, groups.addNative(groups.group(`(${kind}s)`, memory), kind, id, bytes))
    }
    const sums = new Map<string, number>()
    const nodes = new Map<Piece, number>()
    for (const piece of this.#pieces) {
      const { name, owner, holdsObjects } =
        this.#uses.byAddress.get(piece.address) ?? (piece.hasObjects ? SHARED_SEGMENT : TABLE)
      const holder = owner === undefined ? undefined : owners.get(owner)
      const parent = holder ?? groups.group(holdsObjects ? '(objects)' : '(tables)', memory)
      const title = holdsObjects ? `${name}: all but objects` : name
      if (isEach || holder !== undefined)
        nodes.set(piece, groups.addNative(parent, title, piece.address, piece.restBytes))
      else sums.set(title, (sums.get(title) ?? 0) + piece.restBytes)
    }
    for (const [title, bytes] of sums) {
      const isOfObjects = title.endsWith(': all but objects')
      groups.addSum(groups.group(isOfObjects ? '(objects)' : '(tables)', memory), title, bytes)
    }
    groups.addSum(groups.group('(objects)', memory), 'holes between objects', this.#objectBytes)
    for (const [address, bytes] of this.#records) {
      groups.addNative(groups.group('(tables)', memory), 'record', address, bytes)
    }
    this.#addInnerBlocks(memory, isEach, nodes)
  }

  #addInnerBlocks(memory: number, isEach: boolean, nodes: ReadonlyMap<Piece, number>): void {
    const groups = this.#groups
    const { addresses, bytes } = this.#inner
    const sums = new Map<number, SizeSums>()
    for (let i = 0; i < addresses.length; i++) {
      const size = bytes[i] as number
      const parent = nodes.get(this.#innerPieces[i] as Piece) ?? groups.group('(blocks)', memory)
      if (isEach) {
        groups.addNative(parent, blockName(size), addresses[i] as number, size)
        continue
      }
      const known = sums.get(parent) ?? new SizeSums()
      sums.set(parent, known)
      known.add(size)
    }
    for (const [parent, known] of sums) known.addNodes(groups, parent)
  }

  #addFree(memory: number, isEach: boolean): void {
    const groups = this.#groups
    const free = groups.group('(free)', memory)
    for (const [blockBytes, { freeBytes }] of this.#rests) {
      groups.addSum(free, `free slots of ${blockBytes} bytes`, freeBytes)
    }
    const sums = new Map<number, number>()
    const { addresses, bytes } = this.#free
    for (let i = 0; i < addresses.length; i++) {
      const size = bytes[i] as number
      const power = 2 ** Math.floor(Math.log2(size))
      if (isEach) groups.addNative(free, 'free run', addresses[i] as number, size)
      else sums.set(power, (sums.get(power) ?? 0) + size)
    }
    for (const [power, size] of sums) groups.addSum(free, `free runs of ${power} to ${power * 2 - 1} bytes`, size)
  }
}

/** Bytes of blocks by their size. Their number is in no name: a later snapshot has to have the same names. */
class SizeSums {
  readonly #bytes = new Map<string, number>()

  get isEmpty(): boolean {
    return this.#bytes.size === 0
  }

  add(bytes: number): void {
    const name = sizeGroup(bytes)
    this.#bytes.set(name, (this.#bytes.get(name) ?? 0) + bytes)
  }

  addNodes(groups: Groups, parent: number): void {
    for (const [name, bytes] of this.#bytes) groups.addSum(parent, name, bytes)
  }
}

function sizeGroup(bytes: number): string {
  return bytes <= SMALL_MAX_BYTES ? `blocks of ${bytes} bytes` : `blocks of more than ${SMALL_MAX_BYTES} bytes`
}

function blockName(bytes: number): string {
  return bytes <= SMALL_MAX_BYTES ? `block of ${bytes} bytes` : `block of more than ${SMALL_MAX_BYTES} bytes`
}

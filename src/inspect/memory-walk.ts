/**
 * A walk over all that a heap holds, span by span, from the chunk table and the byte maps alone (`kernel/layout.ts`
 * has the diagrams). Each byte that is held belongs to exactly one span, so the spans' bytes add up to what is
 * held less `lost`, which no structure stands for. Nothing is changed.
 *
 * Costs a look at each page's slots, each run and each object block.
 */
import {
  CHUNK_HEADER_BYTES,
  CODE_BLOCK,
  CODE_FREE_SMALL,
  CODE_FREE_START,
  CODE_HUGE,
  CODE_HUGE_OWNED,
  CODE_LENT,
  CODE_LENT_MIB,
  CODE_RECORD,
  CODE_RUN,
  CODE_RUN_OWNED,
  EMBEDDED_HEADER_BYTES,
  FOREIGN_MIB,
  GRANULE_BYTES,
  GRANULE_SHIFT,
  HEAP_END_AT,
  HEAP_SPACE_AT,
  HEAP_TABLE_AT,
  HEAP_TABLE_MASK_AT,
  PAGE_SHIFT,
  TABLE_ENTRY_BYTES,
  UNIT_BYTES,
  UNIT_SHIFT,
} from '../../kernel/layout.js'
import { OBJECT_BLOCK_BYTES_AT, SPACE_BYTES, SPACE_PLAN_AT } from '../../kernel/object-layout.js'
import type { HeapCore } from '../core.js'
import { CorruptionError } from '../errors.js'
import {
  BUFFER_BLOCK_FREED,
  BUFFER_BLOCK_HEAD_BYTES,
  BUFFER_BLOCK_STATE_AT,
  BUFFER_BLOCK_TABLE,
  BUFFER_BLOCKS_FROM_AT,
  CHUNK_HI_AT,
  CHUNK_METADATA_AT,
  CHUNK_METADATA_BYTES_AT,
  ENTRY_LO_AT,
  ENTRY_MAP_BIAS_AT,
  ENTRY_SPAN_AT,
  ENTRY_UNIT_BIAS_AT,
  PAGE_BLOCK_BYTES_AT,
  PAGE_CAPACITY_AT,
  PAGE_UNITS_AT,
} from './kernel-fields.js'

/** Takes the spans. Addresses and sizes in bytes. */
export interface SpanTaker {
  /** The heap's own: the control block with its tables, or a chunk's header, map and descriptors. */
  metadata(name: string, address: number, bytes: number): void
  /** A live block of a page; `isRecord`: one that the heap keeps for an arena or a pool. */
  slot(address: number, bytes: number, isRecord: boolean): void
  /** Of one page of blocks of `blockBytes`: what its free slots take, and what is behind its last slot. */
  pageRest(blockBytes: number, freeBytes: number, tailBytes: number): void
  /** A live block of its own. */
  run(address: number, bytes: number): void
  /** Memory that an arena, a pool, a large object or a table of the heap holds. `head` bytes of it stand in front. */
  piece(address: number, bytes: number, head: number): void
  /** Memory that is lent to a tenant, which tells what is in it. */
  lent(bytes: number): void
  /** A block of objects. */
  objectBlock(address: number, bytes: number): void
  freeRun(address: number, bytes: number): void
}

export function walkMemory(core: HeapCore, taker: SpanTaker): void {
  core.assertOpen()
  core.views.refresh()
  if (core.mode === 'embedded') walkBuffer(core, taker)
  else new ChunkWalk(core, taker).run()
}

/** One walk over the chunks of a heap. */
class ChunkWalk {
  readonly #core: HeapCore
  readonly #taker: SpanTaker
  readonly #u8: Uint8Array
  readonly #u16: Uint16Array
  readonly #u32: Uint32Array
  readonly #hasObjects: boolean
  readonly #huge = new Set<number>()

  constructor(core: HeapCore, taker: SpanTaker) {
    this.#core = core
    this.#taker = taker
    this.#u8 = core.views.u8
    this.#u16 = core.views.u16
    this.#u32 = core.views.u32
    this.#hasObjects = core.word(HEAP_SPACE_AT) !== 0
  }

  run(): void {
    const { base } = this.#core
    const table = this.#core.word(HEAP_TABLE_AT)
    const entries = (this.#core.word(HEAP_TABLE_MASK_AT) >>> 4) + 1
    const controlBytes = alignUp(table - base + entries * TABLE_ENTRY_BYTES, UNIT_BYTES)
    this.#taker.metadata('control block and tables', base, controlBytes)
    const found: number[] = []
    for (let i = 0; i < entries; i++) {
      const entry = table + i * TABLE_ENTRY_BYTES
      if (this.#word(entry + ENTRY_LO_AT) !== 0) found.push(entry)
    }
    found.sort((a, b) => this.#word(a + ENTRY_LO_AT) - this.#word(b + ENTRY_LO_AT))
    for (const entry of found) {
      if (this.#word(entry + ENTRY_SPAN_AT) !== 0) this.#chunk(entry)
      else this.#hugeMib(entry)
    }
  }

  #word(address: number): number {
    return this.#u32[address >>> 2] as number
  }

  #chunk(entry: number): void {
    const mapBias = this.#word(entry + ENTRY_MAP_BIAS_AT)
    const unitBias = this.#word(entry + ENTRY_UNIT_BIAS_AT)
    const lo = this.#word(entry + ENTRY_LO_AT)
    const chunk = (mapBias + (lo >>> GRANULE_SHIFT) - CHUNK_HEADER_BYTES) >>> 0
    const hi = this.#word(chunk + CHUNK_HI_AT)
    const metadataBytes = this.#word(chunk + CHUNK_METADATA_BYTES_AT)
    this.#taker.metadata('chunk metadata', this.#word(chunk + CHUNK_METADATA_AT), metadataBytes)
    for (let at = lo; at < hi; ) {
      const isUnit = at % UNIT_BYTES === 0
      const place = (unitBias + ((at >>> UNIT_SHIFT) << PAGE_SHIFT)) >>> 0
      const head = isUnit ? this.#word(place) : 0
      if (head !== 0) at += this.#page(head, at, mapBias)
      else if (isUnit && this.#hasObjects && (this.#word(place + 4) & 1) !== 0) at += this.#objectBlock(place, at)
      else at += this.#granules(at, mapBias)
    }
  }

  /** The page at `at`; its bytes. */
  #page(descriptor: number, at: number, mapBias: number): number {
    const blockBytes = this.#u16[(descriptor + PAGE_BLOCK_BYTES_AT) >>> 1] as number
    const capacity = this.#u16[(descriptor + PAGE_CAPACITY_AT) >>> 1] as number
    const bytes = (this.#u8[descriptor + PAGE_UNITS_AT] as number) << UNIT_SHIFT
    if (bytes === 0) this.#fail(at, 'a page of no units')
    let live = 0
    for (let slot = 0; slot < capacity; slot++) {
      const address = at + slot * blockBytes
      const code = this.#u8[(mapBias + (address >>> GRANULE_SHIFT)) >>> 0]
      if (code !== CODE_BLOCK && code !== CODE_RECORD) continue
      this.#taker.slot(address, blockBytes, code === CODE_RECORD)
      live++
    }
    this.#taker.pageRest(blockBytes, (capacity - live) * blockBytes, bytes - capacity * blockBytes)
    return bytes
  }

  #objectBlock(place: number, at: number): number {
    const bytes = this.#word(place + OBJECT_BLOCK_BYTES_AT)
    if (bytes === 0) this.#fail(at, 'a block of objects without bytes')
    this.#taker.objectBlock(at, bytes)
    return bytes
  }

  /** The run at `at`; its bytes. */
  #granules(at: number, mapBias: number): number {
    const map = (mapBias + (at >>> GRANULE_SHIFT)) >>> 0
    const code = this.#u8[map] as number
    const isFree = (code & 0xf0) === CODE_FREE_SMALL
    if (!isFree && (code & 0xf8) !== CODE_RUN) this.#fail(at, `no run begins where one must (code ${code})`)
    const granules = isFree && code !== CODE_FREE_START ? code & 7 : this.#digits(map)
    const bytes = granules * GRANULE_BYTES
    if (bytes === 0) this.#fail(at, 'a run of no bytes')
    if (isFree) this.#taker.freeRun(at, bytes)
    else if (code === CODE_RUN) this.#taker.run(at, bytes)
    else if (code === CODE_RUN_OWNED) this.#taker.piece(at, bytes, 0)
    else if (code === CODE_LENT) this.#taker.lent(bytes)
    // The head of a huge block counts with its whole MiBs; what is reserved is somebody else's.
    return bytes
  }

  #digits(map: number): number {
    const digit = (i: number) => ((this.#u8[map + i] as number) & 0x3f) << (6 * (i - 1))
    return digit(1) | digit(2) | digit(3)
  }

  /** A MiB inside a huge block, which is told once. */
  #hugeMib(entry: number): void {
    const start = this.#word(entry + ENTRY_LO_AT)
    if (this.#huge.has(start)) return
    this.#huge.add(start)
    const bytes = this.#word(entry + ENTRY_UNIT_BIAS_AT)
    if ((bytes & FOREIGN_MIB) !== 0) return
    const code = this.#word(entry + ENTRY_MAP_BIAS_AT)
    if (code === CODE_HUGE) this.#taker.run(start, bytes)
    else if (code === CODE_LENT_MIB) this.#taker.lent(bytes)
    else if (code === CODE_HUGE_OWNED || code > 0xff) this.#taker.piece(start, bytes, 0)
    else this.#fail(start, `a huge block of code ${code}`)
  }

  #fail(address: number, what: string): never {
    throw new CorruptionError(address, what)
  }
}

/** The buffer of `embedded`: [ control block | objects | gap | blocks ]. */
function walkBuffer(core: HeapCore, taker: SpanTaker): void {
  const { u32 } = core.views
  const word = (address: number) => u32[address >>> 2] as number
  const space = core.word(HEAP_SPACE_AT)
  const end = core.word(HEAP_END_AT)
  const objectsFrom = core.base + EMBEDDED_HEADER_BYTES + SPACE_BYTES
  const blocksFrom = word(space + SPACE_PLAN_AT + BUFFER_BLOCKS_FROM_AT)
  taker.metadata('control block', core.base, objectsFrom - core.base)
  taker.objectBlock(objectsFrom, blocksFrom - objectsFrom)
  for (let at = blocksFrom; at < end; ) {
    const bytes = word(at)
    const state = word(at + BUFFER_BLOCK_STATE_AT)
    if (bytes === 0 || at + bytes > end) throw new CorruptionError(at, 'a block that does not end in the buffer')
    if (state === BUFFER_BLOCK_FREED) taker.freeRun(at, bytes)
    else if (state === BUFFER_BLOCK_TABLE) taker.piece(at + BUFFER_BLOCK_HEAD_BYTES, bytes, BUFFER_BLOCK_HEAD_BYTES)
    else taker.run(at + BUFFER_BLOCK_HEAD_BYTES, bytes)
    at += bytes
  }
}

function alignUp(bytes: number, grain: number): number {
  return Math.ceil(bytes / grain) * grain
}

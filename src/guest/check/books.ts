/**
 * The books of all blocks: which are live, which were freed, who made and freed them; and the bytes around and in them,
 * which tell whether somebody wrote where he must not.
 *
 * Each block lies between two red zones. Freed blocks are filled and wait in a quarantine, first in, first out, until
 * newer ones need the room; their bytes must not change meanwhile.
 *
 *     start            address                    address + bytes     start + span
 *       | red zone       | the program's bytes      | red zone          |
 */
import type { AllocatorRole } from '../roles.js'
import type { AccessWatch } from './access-watch.js'
import type { BlockSpace } from './block-space.js'
import type { Faults, FoundAt, FoundBlock } from './faults.js'
import type { GuestStack } from './stacks.js'

export const RED_ZONE_BYTE = 0xfb
/** Fresh memory that `calloc` has not cleared, and memory of freed blocks. */
export const FRESH_BYTE = 0xcd
export const FREED_BYTE = 0xdd
const GRANULE_BYTES = 16

export interface Block {
  readonly address: number
  readonly bytes: number
  readonly start: number
  readonly span: number
  readonly role: AllocatorRole
  readonly stack: GuestStack
  freedBy: AllocatorRole | undefined
  freed: GuestStack | undefined
  /** A write around or into it was reported when it happened: not again when the bytes are looked at. */
  isReported: boolean
}

export interface BookOptions {
  readonly memory: WebAssembly.Memory
  readonly space: BlockSpace
  readonly faults: Faults
  readonly watch: AccessWatch | undefined
  readonly redZoneBytes: number
  readonly quarantineBytes: number
}

export interface BookFigures {
  allocations: number
  frees: number
  allocatedBytes: number
  liveBytes: number
  peakBytes: number
  peakBlocks: number
}

export class Books {
  readonly live = new Map<number, Block>()
  readonly figures: BookFigures = {
    allocations: 0,
    frees: 0,
    allocatedBytes: 0,
    liveBytes: 0,
    peakBytes: 0,
    peakBlocks: 0,
  }
  readonly #options: BookOptions
  /** Freed blocks, oldest first. */
  readonly #quarantine = new Map<number, Block>()
  #quarantined = 0
  #bytes: Uint8Array

  constructor(options: BookOptions) {
    this.#options = options
    this.#bytes = new Uint8Array(options.memory.buffer)
  }

  /** The guest's memory as it is now. */
  get bytes(): Uint8Array {
    if (this.#bytes.length !== this.#options.memory.buffer.byteLength) {
      this.#bytes = new Uint8Array(this.#options.memory.buffer)
    }
    return this.#bytes
  }

  /** A new block; undefined when there is no memory. */
  allocate(
    bytes: number,
    alignment: number,
    role: AllocatorRole,
    stack: GuestStack,
    isClear: boolean,
  ): Block | undefined {
    const { redZoneBytes, space, watch } = this.#options
    const zone = roundUp(redZoneBytes, GRANULE_BYTES)
    const slack = alignment > GRANULE_BYTES ? alignment : 0
    const span = zone + slack + roundUp(bytes + redZoneBytes, GRANULE_BYTES)
    if (span >= 2 ** 32) return undefined
    const start = space.take(span)
    if (start === 0) return undefined
    const address = roundUp(start + zone, Math.max(alignment, GRANULE_BYTES))
    const memory = this.bytes
    memory.fill(RED_ZONE_BYTE, start, address)
    memory.fill(isClear ? 0 : FRESH_BYTE, address, address + bytes)
    memory.fill(RED_ZONE_BYTE, address + bytes, start + span)
    watch?.open(address, bytes)
    const block = { address, bytes, start, span, role, stack, freedBy: undefined, freed: undefined, isReported: false }
    this.live.set(address, block)
    this.#count(bytes)
    return block
  }

  /** A live block is freed: looked at, filled, and kept in quarantine. */
  retire(block: Block, role: AllocatorRole, stack: GuestStack): void {
    const { watch, quarantineBytes } = this.#options
    this.checkZones(block, role === 'free' ? 'free' : 'realloc')
    this.live.delete(block.address)
    this.figures.frees++
    this.figures.liveBytes -= block.bytes
    block.freedBy = role
    block.freed = stack
    this.bytes.fill(FREED_BYTE, block.address, block.address + block.bytes)
    watch?.close(block.start, block.span)
    this.#quarantine.set(block.address, block)
    this.#quarantined += block.span
    for (const oldest of this.#quarantine.values()) {
      if (this.#quarantined <= quarantineBytes) break
      this.#letGo(oldest)
    }
  }

  /** A block that was freed, and whose memory is not used again yet. */
  freedAt(address: number): Block | undefined {
    return this.#quarantine.get(address)
  }

  /** The block, live or freed, in whose bytes or red zones an address lies. */
  around(address: number): Block | undefined {
    for (const blocks of [this.live, this.#quarantine]) {
      for (const block of blocks.values()) {
        if (address >= block.start && address < block.start + block.span) return block
      }
    }
    return undefined
  }

  /** Looks at all blocks, live and freed. */
  checkAll(foundAt: FoundAt): void {
    for (const block of this.live.values()) this.checkZones(block, foundAt)
    for (const block of this.#quarantine.values()) this.#checkFreed(block, foundAt)
  }

  /** Reports a write into the red zones, and puts them right, so that it is reported once. */
  checkZones(block: Block, foundAt: FoundAt): void {
    const { address, bytes, start, span } = block
    const memory = this.bytes
    const behind = firstOther(memory, address + bytes, start + span, RED_ZONE_BYTE)
    if (behind >= 0) {
      this.#reportWrite(
        block,
        'write-past-end',
        behind,
        lastOther(memory, behind, start + span, RED_ZONE_BYTE),
        foundAt,
      )
      memory.fill(RED_ZONE_BYTE, address + bytes, start + span)
    }
    const before = firstOther(memory, start, address, RED_ZONE_BYTE)
    if (before >= 0) {
      this.#reportWrite(block, 'write-before', before, lastOther(memory, before, address, RED_ZONE_BYTE), foundAt)
      memory.fill(RED_ZONE_BYTE, start, address)
    }
  }

  #checkFreed(block: Block, foundAt: FoundAt): void {
    this.checkZones(block, foundAt)
    const { address, bytes } = block
    const memory = this.bytes
    const at = firstOther(memory, address, address + bytes, FREED_BYTE)
    if (at < 0) return
    this.#reportWrite(block, 'write-after-free', at, lastOther(memory, at, address + bytes, FREED_BYTE), foundAt)
    memory.fill(FREED_BYTE, address, address + bytes)
  }

  #reportWrite(
    block: Block,
    kind: 'write-past-end' | 'write-before' | 'write-after-free',
    first: number,
    last: number,
    foundAt: FoundAt,
  ): void {
    if (block.isReported) return
    const bytes = last + 1 - first
    const text = `${WRITE_TEXTS[kind]}: ${bytes === 1 ? '1 byte' : `${bytes} bytes`} changed at 0x${first.toString(16)}`
    const found = blockOf(block, first)
    this.#options.faults.add({ kind, text, foundAt, address: first, bytes, block: found })
  }

  #letGo(block: Block): void {
    this.#checkFreed(block, 'quarantine')
    this.#quarantine.delete(block.address)
    this.#quarantined -= block.span
    this.#options.space.give(block.start)
  }

  #count(bytes: number): void {
    const { figures } = this
    figures.allocations++
    figures.allocatedBytes += bytes
    figures.liveBytes += bytes
    figures.peakBytes = Math.max(figures.peakBytes, figures.liveBytes)
    figures.peakBlocks = Math.max(figures.peakBlocks, this.live.size)
  }
}

const WRITE_TEXTS = {
  'write-past-end': 'write past the end of a block',
  'write-before': 'write before a block',
  'write-after-free': 'write to a freed block',
}

/** A block as a finding has it; `at` is the address that matters. */
export function blockOf(block: Block, at?: number): FoundBlock {
  const { address, bytes, role, stack, freedBy, freed } = block
  return {
    address,
    bytes,
    ...(at === undefined ? {} : { offset: at - address }),
    allocatedBy: role,
    allocated: stack,
    freedBy,
    freed,
  }
}

function roundUp(value: number, grain: number): number {
  return Math.ceil(value / grain) * grain
}

/** The first byte of `[from, to)` that is another than `byte`; -1: none. */
function firstOther(memory: Uint8Array, from: number, to: number, byte: number): number {
  let at = from
  const end = to - ((to - from) % 4)
  const word = (byte * 0x01010101) | 0
  if ((at & 3) === 0 && end - at >= LONG_BYTES) {
    const words = new Int32Array(memory.buffer, at, (end - at) / 4)
    const index = words.findIndex((one) => one !== word)
    at = index < 0 ? end : at + index * 4
  }
  for (; at < to; at++) if (memory[at] !== byte) return at
  return -1
}

/** From here on it is faster to look at words. */
const LONG_BYTES = 256

function lastOther(memory: Uint8Array, from: number, to: number, byte: number): number {
  for (let at = to - 1; at >= from; at--) if (memory[at] !== byte) return at
  return from
}

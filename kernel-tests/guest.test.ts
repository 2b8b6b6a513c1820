/**
 * Goal: the allocator that becomes part of a guest does what C promises of `malloc` and its like, and where C promises
 * nothing it does no harm: whatever is passed, nothing traps and no other byte of the guest's memory changes.
 *
 * Method: the debug build (a broken invariant is a trap) in memories that a guest uses and grows, too. A scene for each
 * function at each edge; then random sequences in which the guest grows its memory in between, against a model in
 * JavaScript that knows every block's place, size and bytes, and every byte that is not the heap's. The heap is verified
 * by another kernel that attaches to it.
 *
 * A failure means: a linked program that crashes, corrupts its data, or gets less memory than it asked for.
 */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import { Heap } from '../src/index.js'
import { random } from '../test/support/random.js'

const [PAGE, MIB, NO_LIMIT] = [65536, 1 << 20, 0xffffffff]
const [OK, EINVAL, ENOMEM] = [0, 28, 48]
const { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } = layout
/** Where C would keep its data. */
const DATA_BYTES = 1024

const WASM = new URL('../build/heapwright-guest-debug.wasm', import.meta.url)
if (!existsSync(WASM)) throw new Error('build/heapwright-guest-debug.wasm is missing: run "npm run build" first')
const guestModule = new WebAssembly.Module(readFileSync(WASM))

type Name =
  | 'malloc'
  | 'free'
  | 'calloc'
  | 'realloc'
  | 'reallocarray'
  | 'aligned_alloc'
  | 'memalign'
  | 'posix_memalign'
  | 'malloc_usable_size'
  | 'heapwright_begin'
  | 'heapwright_attach'
  | 'heapwright_heap'

type Calls = Record<string, (...args: number[]) => number>

class Guest {
  readonly #calls: Calls
  readonly memory: WebAssembly.Memory

  constructor(memory = new WebAssembly.Memory({ initial: 2 }), module = guestModule) {
    this.memory = memory
    this.#calls = new WebAssembly.Instance(module, { env: { memory } }).exports as Calls
  }

  /** A heap in [base, ...) of a memory of `pages`, at most `maximum`. */
  static begun(base = 66_000, { pages = 2, maximum = 65536, limit = NO_LIMIT } = {}): Guest {
    const guest = new Guest(new WebAssembly.Memory({ initial: pages, maximum }))
    expect(guest.call('heapwright_begin', base, limit)).toBe(STATUS_OK)
    return guest
  }

  call(name: Name, ...args: number[]): number {
    const answer = this.#calls[name]?.(...args)
    if (answer === undefined && name !== 'free') throw new Error(`${name} gave nothing`)
    return (answer ?? 0) >>> 0
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer)
  }

  u32(at: number): number {
    return new DataView(this.memory.buffer).getUint32(at, true)
  }

  word(at: number): number {
    return this.u32(this.call('heapwright_heap') + at)
  }

  setKnobs(knobs: number): void {
    new DataView(this.memory.buffer).setUint32(this.call('heapwright_heap') + layout.HEAP_KNOBS_AT, knobs, true)
  }

  get counts(): { refused: number; largest: number; badFrees: number } {
    return {
      refused: this.word(layout.HEAP_REFUSED_REQUESTS_AT),
      largest: this.word(layout.HEAP_REFUSED_LARGEST_AT),
      badFrees: this.word(layout.HEAP_BAD_FREES_AT),
    }
  }

  expectSound(): void {
    const heap = Heap.attach(this.memory, this.call('heapwright_heap'))
    expect(heap.verify()).toEqual({ ok: true })
    const stats = heap.stats()
    expect(stats.inUseBytes + stats.freeBytes + stats.metadataBytes + stats.unusedBytes).toBe(stats.committedBytes)
    const { refusedRequests: refused, refusedLargestBytes: largest, badFrees } = stats
    expect({ refused, largest, badFrees }).toEqual(this.counts)
  }

  /** Whether `act` leaves all of memory as it is. */
  expectUnchanged(act: () => void): void {
    const before = this.bytes.slice()
    act()
    expect(Buffer.compare(before, this.bytes)).toBe(0)
  }
}

describe('beginning', () => {
  test.each([
    ['0', 0, 2],
    ['behind the data', DATA_BYTES, 1],
    ['the middle of a page', 66_576, 2],
    ['the middle of a MiB', 5 * MIB + 300_016, 90],
    ['a MiB boundary', 3 * MIB, 48],
    ['just below a MiB boundary', 3 * MIB - 16, 48],
    ['the memory’s end', 2 * PAGE, 2],
    ['the last byte of memory', 2 * PAGE - 1, 2],
    ['a MiB below the end of many', MIB + 4096, 160],
  ])('at %s', (_, base, pages) => {
    const guest = new Guest(new WebAssembly.Memory({ initial: pages }))
    guest.bytes.fill(0xa5)
    expect(guest.call('heapwright_heap')).toBe(0)
    expect(guest.call('heapwright_begin', base, NO_LIMIT)).toBe(STATUS_OK)
    expect(guest.call('heapwright_heap')).toBeGreaterThanOrEqual(base)
    const blocks = [10, 3000, 20_000, 2 * MIB].map((bytes) => guest.call('malloc', bytes))
    for (const block of blocks) expect(block).toBeGreaterThan(base)
    guest.expectSound()
    expect(guest.bytes.subarray(0, base).every((byte) => byte === 0xa5)).toBe(true)
    for (const block of blocks) guest.call('free', block)
    guest.expectSound()
    expect(guest.counts).toEqual({ refused: 0, largest: 0, badFrees: 0 })
  })

  test('holds what is there of its memory before it grows any', () => {
    const guest = Guest.begun(66_000, { pages: 64, maximum: 64 })
    for (let i = 0; i < 30; i++) expect(guest.call('malloc', 100_000)).not.toBe(0)
    expect(guest.counts.refused).toBe(0)
    guest.expectSound()
  })

  test('works above 2 GiB, and to the end of the address space', () => {
    const guest = Guest.begun(2 ** 31 + 4097, { pages: 32769 })
    const block = guest.call('malloc', 100_000)
    expect(block).toBeGreaterThan(2 ** 31)
    expect(guest.call('realloc', block, 5 * MIB)).toBeGreaterThan(2 ** 31)
    guest.expectSound()
    const last = Guest.begun(0xfff00000 - MIB, { pages: 65520 })
    expect(last.call('malloc', 500_000)).toBeGreaterThan(0xffe00000)
    expect(last.call('malloc', MIB)).toBe(0)
    last.expectSound()
  })

  test('is refused without a change where it cannot be', () => {
    const guest = new Guest(new WebAssembly.Memory({ initial: 2, maximum: 3 }))
    guest.bytes.fill(0x5a)
    guest.expectUnchanged(() => {
      expect(guest.call('heapwright_begin', 2 * PAGE + 1, NO_LIMIT)).toBe(STATUS_BAD_ARGUMENT)
      expect(guest.call('heapwright_begin', 0xfffffff0, NO_LIMIT)).toBe(STATUS_BAD_ARGUMENT)
      expect(guest.call('heapwright_begin', 66_000, 0)).toBe(STATUS_BAD_ARGUMENT)
      expect(guest.call('heapwright_begin', 66_000, 100_000)).toBe(STATUS_BAD_ARGUMENT)
      // Its own tables and those of its first MiB take more than the page that may come.
      expect(guest.call('heapwright_begin', 2 * PAGE, NO_LIMIT)).toBe(STATUS_OUT_OF_MEMORY)
      expect(guest.call('heapwright_heap')).toBe(0)
    })
    const second = Guest.begun()
    second.expectUnchanged(() => {
      expect(second.call('heapwright_begin', 80_000, NO_LIMIT)).toBe(STATUS_BAD_ARGUMENT)
    })
  })

  test('the least limit that begins holds at least a small block, and raising it lets the heap grow', () => {
    let limit = PAGE
    const fresh = () => new Guest(new WebAssembly.Memory({ initial: 2 }))
    let guest = fresh()
    while (guest.call('heapwright_begin', 66_000, limit) !== STATUS_OK) {
      limit += PAGE
      guest = fresh()
    }
    expect(limit).toBeLessThan(4 * PAGE)
    expect(guest.call('malloc', 100)).not.toBe(0)
    expect(guest.call('malloc', PAGE)).toBe(0)
    expect(guest.word(layout.HEAP_COMMITTED_AT)).toBeLessThanOrEqual(limit)
    const at = guest.call('heapwright_heap') + layout.HEAP_LIMIT_AT
    new DataView(guest.memory.buffer).setUint32(at, 10 * MIB, true)
    guest.memory.grow(3)
    expect(guest.call('malloc', 2 * MIB)).not.toBe(0)
    guest.expectSound()
  })
})

describe('before there is a heap', () => {
  const calls: readonly (readonly [Name, ...number[]])[] = [
    ['malloc', 8],
    ['malloc', 100_000],
    ['calloc', 3, 5],
    ['realloc', 0, 5],
    ['realloc', 70_000, 5],
    ['reallocarray', 0, 5, 5],
    ['aligned_alloc', 64, 64],
    ['memalign', 64, 64],
    ['posix_memalign', 1024, 16, 16],
    ['free', 70_000],
    ['malloc_usable_size', 70_000],
  ]

  test.each(['heapwright-guest', 'heapwright-guest-debug', 'heapwright-guest-objects'])(
    'each call of %s traps, whatever the guest has where a heap could be',
    (name) => {
      const module = new WebAssembly.Module(readFileSync(new URL(`../build/${name}.wasm`, import.meta.url)))
      // Bytes that are a class, words that are 0 or the address of a page with a free block.
      for (const word of [0, 0x01010101, 70_000, 0xffffffff]) {
        const guest = new Guest(new WebAssembly.Memory({ initial: 2 }), module)
        new Uint32Array(guest.memory.buffer).fill(word)
        for (const [call, ...args] of calls) {
          guest.expectUnchanged(() => expect(() => guest.call(call, ...args), call).toThrow(WebAssembly.RuntimeError))
        }
        expect(guest.call('heapwright_heap')).toBe(0)
      }
    },
  )

  test('what was refused or trapped is in nobody’s way later', () => {
    const guest = new Guest()
    expect(guest.call('heapwright_begin', 66_000, 100)).toBe(STATUS_BAD_ARGUMENT)
    expect(() => guest.call('malloc', 8)).toThrow(WebAssembly.RuntimeError)
    expect(guest.call('heapwright_attach', 4096)).not.toBe(STATUS_OK)
    expect(guest.call('heapwright_begin', 66_000, NO_LIMIT)).toBe(STATUS_OK)
    const [at, block] = [guest.call('heapwright_heap'), guest.call('malloc', 8)]
    // A heap that is there stays when another one cannot be had.
    expect(guest.call('heapwright_attach', at + 4096)).not.toBe(STATUS_OK)
    expect(guest.call('heapwright_heap')).toBe(at)
    expect(guest.call('malloc_usable_size', block)).toBeGreaterThanOrEqual(8)
    guest.expectSound()
  })
})

describe('attaching', () => {
  test('another instance goes on with the same heap', () => {
    const first = Guest.begun()
    const second = new Guest(first.memory)
    expect(second.call('heapwright_attach', first.call('heapwright_heap'))).toBe(STATUS_OK)
    const block = first.call('malloc', 5000)
    expect(second.call('malloc_usable_size', block)).toBeGreaterThanOrEqual(5000)
    second.call('free', block)
    expect(first.call('malloc_usable_size', block)).toBe(0)
    first.expectSound()
  })

  test('is refused where no guest has begun a heap', () => {
    const guest = Guest.begun()
    const other = new Guest(guest.memory)
    const at = guest.call('heapwright_heap')
    for (const wrong of [0, at + 4096, at + 1, 16, 2 ** 31, 0xffffffff])
      expect(other.call('heapwright_attach', wrong), String(wrong)).not.toBe(STATUS_OK)
    expect(other.call('heapwright_heap')).toBe(0)
    const memory = new WebAssembly.Memory({ initial: 4 })
    const owner = Heap.create({ memory, base: 4096, limit: 3 * PAGE })
    expect(new Guest(memory).call('heapwright_attach', owner.base)).toBe(STATUS_BAD_ARGUMENT)
  })
})

describe('malloc', () => {
  test('gives a block of its own for 0 bytes', () => {
    const guest = Guest.begun()
    const [a, b] = [guest.call('malloc', 0), guest.call('malloc', 0)]
    expect([a % 16, b % 16]).toEqual([0, 0])
    expect(a && b && a !== b).toBe(true)
    guest.call('free', a)
    guest.call('free', b)
    expect(guest.counts.badFrees).toBe(0)
  })

  test.each([0xffffffff, 0xfffffff0, 0xfff00001, 0xfff00000, 0x80000000, 0x7fffffff])('refuses %i bytes', (bytes) => {
    const guest = Guest.begun(66_000, { maximum: 512 })
    expect(guest.call('malloc', bytes)).toBe(0)
    expect(guest.counts).toEqual({ refused: 1, largest: bytes, badFrees: 0 })
    guest.expectSound()
  })

  test('keeps the largest refusal, and goes on at the end of memory', () => {
    const guest = Guest.begun(66_000, { maximum: 32 })
    const blocks: number[] = []
    for (let block = guest.call('malloc', 50_000); block; block = guest.call('malloc', 50_000)) blocks.push(block)
    expect(blocks.length).toBeGreaterThan(20)
    expect(guest.call('malloc', 3 * MIB)).toBe(0)
    expect(guest.call('malloc', 70_000)).toBe(0)
    expect(guest.counts).toEqual({ refused: 3, largest: 3 * MIB, badFrees: 0 })
    guest.call('free', blocks.pop() ?? 0)
    expect(guest.call('malloc', 50_000)).not.toBe(0)
    guest.expectSound()
  })
})

describe('calloc', () => {
  test('gives zero bytes where others were before', () => {
    const guest = Guest.begun()
    for (const bytes of [1, 17, 2000, 9000, 300_000, 3 * MIB]) {
      const dirty = guest.call('malloc', bytes)
      guest.bytes.fill(0xee, dirty, dirty + bytes)
      guest.call('free', dirty)
      const block = guest.call('calloc', bytes, 1)
      expect(guest.bytes.subarray(block, block + bytes).every((byte) => byte === 0)).toBe(true)
    }
  })

  test.each([
    [0x10000, 0x10000],
    [0xffffffff, 0xffffffff],
    [0x80000000, 2],
    [3, 0x55555556],
  ])('refuses %i times %i bytes, which do not fit 32 bits', (count, bytes) => {
    const guest = Guest.begun()
    expect(guest.call('calloc', count, bytes)).toBe(0)
    expect(guest.counts).toEqual({ refused: 1, largest: 0xffffffff, badFrees: 0 })
  })

  test('of no elements, or of no bytes, is a block', () => {
    const guest = Guest.begun()
    for (const [count, bytes] of [[0, 0xffffffff] as const, [0xffffffff, 0] as const, [0, 0] as const])
      expect(guest.call('calloc', count, bytes)).not.toBe(0)
    expect(guest.counts.refused).toBe(0)
  })
})

describe('realloc and reallocarray', () => {
  test('of null is malloc; to 0 bytes is a small block', () => {
    const guest = Guest.begun()
    const block = guest.call('realloc', 0, 1000)
    expect(guest.call('malloc_usable_size', block)).toBeGreaterThanOrEqual(1000)
    const small = guest.call('realloc', block, 0)
    expect(guest.call('malloc_usable_size', small)).toBe(16)
    expect(guest.call('realloc', 0, 0xffffffff)).toBe(0)
    expect(guest.counts).toEqual({ refused: 1, largest: 0xffffffff, badFrees: 0 })
  })

  test.each([512, 1024, 2048, 4096])('%i bytes and a few more waste at most a sixteenth', (bytes) => {
    const guest = Guest.begun()
    for (const more of [0, 1, 8, bytes / 16]) {
      const usable = guest.call('malloc_usable_size', guest.call('malloc', bytes + more))
      expect(usable, `${bytes} + ${more} bytes`).toBe(more === 0 ? bytes : (bytes * 17) / 16)
    }
    guest.expectSound()
  })

  test('refused, the block is as it was', () => {
    const guest = Guest.begun(66_000, { maximum: 64 })
    for (const bytes of [40, 6000, 200_000, 1_500_000]) {
      const block = guest.call('malloc', bytes)
      guest.bytes.fill(0x77, block, block + bytes)
      const before = guest.counts
      expect(guest.call('realloc', block, 0xffffffff)).toBe(0)
      expect(guest.call('realloc', block, 5 * MIB)).toBe(0)
      expect(guest.call('reallocarray', block, 0x10001, 0x10001)).toBe(0)
      expect(guest.counts.refused).toBe(before.refused + 3)
      expect(guest.bytes.subarray(block, block + bytes).every((byte) => byte === 0x77)).toBe(true)
      guest.call('free', block)
    }
    expect(guest.counts).toEqual({ refused: 12, largest: 0xffffffff, badFrees: 0 })
    guest.expectSound()
  })

  test('keeps the contents on its way through all kinds of blocks', () => {
    const guest = Guest.begun()
    const sizes = [1, 100, 2100, 8192, 8193, 100_000, 978_000, 1_100_000, 5 * MIB, 900_000, 9000, 3000, 20]
    let block = guest.call('malloc', 0)
    let filled = 0
    for (const bytes of sizes) {
      block = guest.call('reallocarray', block, bytes, 1)
      const kept = Math.min(filled, bytes)
      expect(guest.bytes.subarray(block, block + kept).every((byte, i) => byte === i % 251)).toBe(true)
      for (let i = 0; i < bytes; i++) guest.bytes[block + i] = i % 251
      filled = bytes
    }
    guest.expectSound()
  })
})

describe('aligned blocks', () => {
  const powers = Array.from({ length: 17 }, (_, i) => 2 ** i)

  test('lie where they should, from each of the three functions', () => {
    const guest = Guest.begun()
    for (const alignment of powers) {
      for (const bytes of [0, 1, 24, 1000, 5000, 70_000, 1_100_000]) {
        const out = 64
        expect(guest.call('posix_memalign', out, alignment, bytes)).toBe(alignment < 4 ? EINVAL : OK)
        const blocks = [
          guest.call('aligned_alloc', alignment, bytes),
          guest.call('memalign', alignment, bytes),
          guest.call('memalign', Math.floor(alignment * 0.75) || 1, bytes),
          ...(alignment < 4 ? [] : [guest.u32(out)]),
        ]
        for (const block of blocks) {
          expect(block).not.toBe(0)
          expect(block % alignment).toBe(0)
          expect(guest.call('malloc_usable_size', block)).toBeGreaterThanOrEqual(bytes)
          guest.call('free', block)
        }
      }
    }
    expect(guest.counts).toEqual({ refused: 0, largest: 0, badFrees: 0 })
    guest.expectSound()
  })

  test.each([0, 3, 6, 12, 24, 100, 0x80000001, 0xffffffff])('%i is no alignment', (alignment) => {
    const guest = Guest.begun()
    guest.expectUnchanged(() => {
      expect(guest.call('aligned_alloc', alignment, 100)).toBe(0)
      expect(guest.call('posix_memalign', 64, alignment, 100)).toBe(EINVAL)
    })
  })

  test.each([0x20000, 0x100000, 0x80000000])('%i is more than can be had', (alignment) => {
    const guest = Guest.begun()
    expect(guest.call('aligned_alloc', alignment, 100)).toBe(0)
    expect(guest.call('memalign', alignment, 100)).toBe(0)
    expect(guest.call('memalign', alignment - 1, 100)).toBe(0)
    expect(guest.call('posix_memalign', 64, alignment, 200)).toBe(ENOMEM)
    expect([guest.u32(64), guest.counts]).toEqual([0, { refused: 4, largest: 200, badFrees: 0 }])
  })

  test('memalign rounds up what lies above all powers of two to nothing', () => {
    const guest = Guest.begun()
    expect(guest.call('memalign', 0x80000001, 8)).toBe(0)
    expect(guest.call('memalign', 0xffffffff, 8)).toBe(0)
    expect(guest.call('memalign', 0, 8) % 16).toBe(0)
  })

  test('a result that has no place in memory is refused', () => {
    const guest = Guest.begun()
    const end = guest.memory.buffer.byteLength
    guest.expectUnchanged(() => {
      for (const out of [end - 3, end, 0xfffffffc, 0xffffffff])
        expect(guest.call('posix_memalign', out, 16, 8)).toBe(EINVAL)
    })
    expect(guest.call('posix_memalign', end - 4, 16, 8)).toBe(OK)
    expect(guest.call('posix_memalign', 67, 16, 0xffffffff)).toBe(ENOMEM)
  })
})

describe('bad frees', () => {
  test('are counted and change nothing else', () => {
    const guest = Guest.begun()
    const small = guest.call('malloc', 100)
    const medium = guest.call('malloc', 20_000)
    const huge = guest.call('malloc', 3 * MIB)
    const freed = [100, 20_000, 3 * MIB].map((bytes) => guest.call('malloc', bytes))
    for (const block of freed) guest.call('free', block)
    const at = guest.call('heapwright_heap')
    const inside = [small + 16, small + 1, medium + 4096, huge + 16, huge + MIB]
    const foreign = [4, 16, 1024, at, at + 4096, 0x7ffffff0, 0xfffffff0, 0xffffffff, guest.memory.buffer.byteLength]
    const bad = [...freed, ...inside, ...foreign]
    for (const [i, address] of bad.entries()) {
      guest.call('free', address)
      expect(guest.counts.badFrees, `free(${address})`).toBe(2 * i + 1)
      expect(guest.call('realloc', address, 10)).toBe(0)
      expect(guest.call('malloc_usable_size', address)).toBe(0)
      expect(guest.counts).toEqual({ refused: 0, largest: 0, badFrees: 2 * i + 2 })
    }
    guest.call('free', 0)
    expect(guest.counts.badFrees).toBe(2 * bad.length)
    guest.expectSound()
    for (const block of [small, medium, huge]) guest.call('free', block)
    expect(guest.counts.badFrees).toBe(2 * bad.length)
    guest.expectSound()
  })
})

describe('a memory that others grow', () => {
  test('keeps their pages out of the heap', () => {
    const guest = Guest.begun()
    const theirs: number[] = []
    for (let i = 0; i < 40; i++) {
      expect(guest.call('malloc', i % 5 === 0 ? 1_200_000 : 90_000)).not.toBe(0)
      const page = guest.memory.grow(1 + (i % 3))
      guest.bytes.fill(0xc3, page * PAGE, (page + 1 + (i % 3)) * PAGE)
      for (let k = 0; k <= i % 3; k++) theirs.push(page + k)
    }
    for (const page of theirs) {
      expect(guest.bytes.subarray(page * PAGE, (page + 1) * PAGE).every((byte) => byte === 0xc3)).toBe(true)
      guest.call('free', page * PAGE)
    }
    expect(guest.counts.badFrees).toBe(theirs.length)
    guest.expectSound()
  })

  test('to its maximum: requests are refused, and what is free is still given', () => {
    const guest = Guest.begun(66_000, { maximum: 40 })
    const block = guest.call('malloc', 500_000)
    guest.memory.grow(40 - guest.memory.buffer.byteLength / PAGE)
    expect(guest.call('malloc', 600_000)).toBe(0)
    guest.call('free', block)
    expect(guest.call('malloc', 490_000)).not.toBe(0)
    guest.expectSound()
  })
})

describe('random sequences', () => {
  /** What a guest believes about its memory. */
  class Model {
    readonly blocks = new Map<number, { readonly bytes: number; readonly fill: number }>()
    readonly theirs: { readonly from: number; readonly to: number }[] = []
    constructor(readonly guest: Guest) {}

    add(address: number, bytes: number, fill: number): void {
      expect(address).not.toBe(0)
      expect(this.guest.call('malloc_usable_size', address)).toBeGreaterThanOrEqual(bytes)
      this.guest.bytes.fill(fill, address, address + bytes)
      this.blocks.set(address, { bytes, fill })
    }

    /** Check a block's bytes, as far as `most`, and forget it. */
    take(address: number, most = Number.POSITIVE_INFINITY): void {
      const { bytes, fill } = this.blocks.get(address) ?? { bytes: 0, fill: 0 }
      this.expectFilled(address, Math.min(bytes, most), fill)
      this.blocks.delete(address)
    }

    expectFilled(address: number, bytes: number, fill: number): void {
      const found = this.guest.bytes.subarray(address, address + bytes)
      expect(Buffer.compare(found, new Uint8Array(bytes).fill(fill))).toBe(0)
    }

    expectAll(): void {
      for (const [address, { bytes, fill }] of this.blocks) this.expectFilled(address, bytes, fill)
      for (const { from, to } of this.theirs) this.expectFilled(from, to - from, 0xc3)
      this.guest.expectSound()
    }
  }

  const seeds = process.env.HEAPWRIGHT_SEED ? [Number(process.env.HEAPWRIGHT_SEED)] : [1, 2, 3, Date.now() % 2 ** 31]
  test.each(seeds)('seed %i', { timeout: 60_000 }, (seed) => {
    const under = random(seed)
    const size = () => under([64, 300, 3000, 12_000, 12_000, 12_000, 200_000, 1_500_000][under(8)] ?? 64)
    const knobs = [0, layout.KNOB_EXACT_GROWTH, layout.KNOB_REALLOC_MOVES, layout.KNOB_NO_ALIGNED_FIT][seed % 4] ?? 0
    const guest = Guest.begun(DATA_BYTES + under(3 * MIB), { pages: 50, maximum: 4000 })
    guest.setKnobs(knobs | (seed % 3 ? 0 : layout.KNOB_POISON))
    const model = new Model(guest)
    for (let step = 0; step < 1200; step++) {
      const addresses = [...model.blocks.keys()]
      const victim = addresses[under(addresses.length)]
      const [what, bytes, fill] = [under(100), size(), under(256)]
      if (what < 40 && addresses.length < 150) model.add(guest.call('malloc', bytes), bytes, fill)
      else if (what < 45 && addresses.length < 150) {
        const zeroed = guest.call('calloc', 1 + under(3), bytes)
        model.expectFilled(zeroed, bytes, 0)
        model.add(zeroed, bytes, fill)
      } else if (what < 50 && addresses.length < 150) {
        const alignment = 2 ** under(17)
        const block = guest.call('aligned_alloc', alignment, bytes)
        expect(block % alignment).toBe(0)
        model.add(block, bytes, fill)
      } else if (what < 65 && victim !== undefined) {
        const before = model.blocks.get(victim)
        const moved = guest.call('realloc', victim, bytes)
        model.blocks.delete(victim)
        model.expectFilled(moved, Math.min(bytes, before?.bytes ?? 0), before?.fill ?? 0)
        model.add(moved, bytes, fill)
      } else if (what < 68) {
        const pages = 1 + under(20)
        const from = guest.memory.grow(pages) * PAGE
        guest.bytes.fill(0xc3, from, from + pages * PAGE)
        model.theirs.push({ from, to: from + pages * PAGE })
      } else if (what < 71) {
        guest.call('free', victim === undefined ? 24 : victim + 8)
      } else if (victim !== undefined) {
        model.take(victim)
        guest.call('free', victim)
      }
      if (step % 300 === 299) model.expectAll()
    }
    for (const address of [...model.blocks.keys()]) {
      model.take(address)
      guest.call('free', address)
    }
    model.expectAll()
    expect(guest.counts.refused).toBe(0)
    expect(Heap.attach(guest.memory, guest.call('heapwright_heap')).stats().liveBlocks).toBe(0)
  })
})

/**
 * Goal: free memory goes back to the system when it is asked for, or after a delay, all of it and nothing else, in
 * every mode, with tenants, for pages of any size; what counts as given back is what is gone (row C3).
 * Method: the page system of this machine where there is one, the portable one, and one that notes what it is asked to
 * give back, with zeros in its place, so that a byte too much is seen in contents. Random sequences against the model
 * of `model.ts` with trims in between, the debug kernel's verifier after each operation; what the heap counts as given
 * back is read from its words and must be zeros. The seed is printed; HEAPWRIGHT_SEED repeats it.
 * A failure means that live memory is given back, that free memory stays, or that figures tell something else.
 */
import { describe, expect, it } from 'vitest'
import { HEAP_TOP_AT } from '../kernel/layout.js'
import {
  ArgumentError,
  array,
  Heap,
  type HeapOptions,
  i32,
  PlatformError,
  type Root,
  struct,
  u8,
  type View,
} from '../src/index.js'
import { portablePages } from '../src/platform/pages-portable.js'
import { makeHeap, setups } from './heaps.js'
import { KINDS, Model } from './model.js'
import { ManualClock } from './support/manual-clock.js'
import { pageSystems, posixPages } from './support/page-systems.js'
import { random } from './support/random.js'
import { RecordingPages } from './support/recording-pages.js'
import { expectSound, thrownBy } from './support/refusal.js'
import { expectGone, notedUnits } from './support/trimmed-units.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
const KIB = 2 ** 10
const MIB = 2 ** 20
const UNIT = 4096

/** A heap with the debug kernel whose pages and clock the test has. */
function made(options: HeapOptions = {}, pageBytes = UNIT) {
  const pages = new RecordingPages(pageBytes)
  const clock = new ManualClock()
  const heap = Heap.create({ limit: '64MiB', debug: true, ...options, testing: { pages, clock } })
  return { heap, pages, clock }
}

/** A block with other than zeros in it. */
function filled(heap: Heap, bytes: number): number {
  const block = heap.alloc(bytes)
  heap.raw.u8.fill(0xe5, block, block + bytes)
  return block
}

function isFilled(heap: Heap, block: number, bytes: number): boolean {
  return heap.raw.u8.subarray(block, block + bytes).every((byte) => byte === 0xe5)
}

/** The accounting adds up, and what counts as given back is gone. */
function expectTrue(heap: Heap): void {
  expectSound(heap)
  const { inUseBytes, freeBytes, metadataBytes, unusedBytes, committedBytes, trimmedBytes } = heap.stats()
  expect(inUseBytes + freeBytes + metadataBytes + unusedBytes).toBe(committedBytes)
  expect(expectGone(heap)).toBe(trimmedBytes)
}

/** Free memory that is still there: less than two units of each free run, for none holds a whole page. */
function expectAllGone(heap: Heap, pageBytes = UNIT): void {
  const { freeBytes, freeRuns } = heap.stats()
  expect(freeBytes).toBeLessThan(freeRuns * 2 * pageBytes + 1)
}

describe.each(pageSystems)('on the %s pages', (kind, pages) => {
  const can = kind === 'posix'

  it('gives back what is free, or says why it cannot', () => {
    const heap = Heap.create({ limit: '64MiB', debug: true, testing: { pages } })
    const kept = filled(heap, 3 * MIB)
    const huge = filled(heap, 20 * MIB)
    const runs = Array.from({ length: 100 }, () => filled(heap, 100_000))
    heap.free(huge)
    for (const run of runs) heap.free(run)
    const before = heap.stats()
    const result = heap.trim()
    expect(result.isSupported).toBe(can)
    expect(result.reason).toBe(can ? undefined : 'asked for')
    if (can) {
      expect(result.releasedBytes).toBeGreaterThan(29 * MIB)
      expect(result.examinedBytes).toBe(result.releasedBytes)
      expect(result.residentBefore).toBeGreaterThan(30 * MIB)
      expect(result.residentAfter).toBeLessThan(5 * MIB)
      expectAllGone(heap)
    } else {
      expect(result).toMatchObject({ releasedBytes: 0, examinedBytes: 0 })
      expect(result).not.toHaveProperty('residentBefore')
      expect(heap.stats()).toEqual(before)
    }
    expectTrue(heap)
    expect(isFilled(heap, kept, 3 * MIB)).toBe(true)
    const zeros = heap.calloc(1, 5 * MIB)
    expect(heap.raw.u8.subarray(zeros, zeros + 5 * MIB).some((byte) => byte !== 0)).toBe(false)
    expectTrue(heap)
  })

  it('has blocks, pools and arenas work on as before', () => {
    let operations = 0
    const heap = Heap.create({ limit: '32MiB', debug: true, testing: { pages } })
    const model = new Model(heap)
    const below = random(SEED)
    for (; operations < 600; operations++) {
      model.apply([below(KINDS), below(2 ** 31), below(2 ** 31), below(2 ** 31)])
      if (operations % 20 === 0) heap.trim()
    }
    model.finish()
  })
})

describe('random sequences', () => {
  const operations = 400
  const sizes = [4 * KIB, 16 * KIB, 64 * KIB]
  for (const [index, [name, setup]] of Object.entries(setups).entries()) {
    it(name, () => {
      console.log(`seed ${SEED}`)
      const below = random(SEED + index)
      const pageBytes = sizes[(SEED + index) % sizes.length] as number
      const pages = new RecordingPages(pageBytes)
      const clock = new ManualClock()
      const options = { ...setup.options, trim: { decayMs: 100 } }
      const { heap, checkOutside } = makeHeap({ ...setup, options }, { pages, clock })
      const model = new Model(heap)
      for (let i = 0; i < operations; i++) {
        model.apply([below(KINDS), below(2 ** 31), below(2 ** 31), below(2 ** 31)])
        const turn = below(30)
        if (turn === 0) {
          heap.trim({ residency: false })
          // Nothing goes twice.
          expect(heap.trim({ residency: false }).releasedBytes).toBe(0)
          expectAllGone(heap, pageBytes)
        } else if (turn < 4) clock.advance(100)
        model.verify()
        if (i % 32 === 0) expectTrue(heap)
      }
      heap.trim({ residency: false })
      expectTrue(heap)
      expect(pages.goneBytes).toBeGreaterThan(0)
      model.finish()
      checkOutside()
      heap.close()
      expect(clock.waiting).toBe(0)
    })
  }
})

describe('what is given back', () => {
  it('goes once, comes back when it is used, and goes again', () => {
    const { heap, pages } = made()
    const huge = filled(heap, 8 * MIB)
    heap.free(huge)
    const first = heap.trim()
    expect(first.releasedBytes).toBe(pages.goneBytes)
    expect(first.releasedBytes).toBeGreaterThan(8 * MIB - 200 * KIB)
    expect(heap.trim()).toMatchObject({ releasedBytes: 0, examinedBytes: first.examinedBytes })
    const { trimmedBytes } = heap.stats()
    const again = heap.alloc(600 * KIB)
    const between = heap.stats().trimmedBytes
    expect(trimmedBytes - between).toBeGreaterThanOrEqual(600 * KIB)
    expect(trimmedBytes - between).toBeLessThan(700 * KIB)
    expectSound(heap)
    heap.free(again)
    expect(heap.trim().releasedBytes).toBe(trimmedBytes - between)
    expect(heap.stats().trimmedBytes).toBe(trimmedBytes)
  })

  it('is nothing of a heap that is in use, but free pages between blocks', () => {
    const { heap, pages } = made()
    const blocks = Array.from({ length: 60 }, () => filled(heap, 20_000))
    for (let i = 0; i < blocks.length; i += 2) heap.free(blocks[i] as number)
    heap.trim()
    for (let i = 1; i < blocks.length; i += 2) expect(isFilled(heap, blocks[i] as number, 20_000)).toBe(true)
    // Of 20,000 bytes three or four whole units.
    const inHoles = pages.gone.filter(({ bytes }) => bytes <= 4 * UNIT)
    expect(inHoles.length).toBeGreaterThanOrEqual(29)
    expectTrue(heap)
  })

  it('is most of the metadata of a MiB that is wholly free', () => {
    const { heap } = made({ limit: '128MiB' })
    const blocks = Array.from({ length: 40_000 }, () => heap.alloc(2000))
    for (const block of blocks) heap.free(block)
    const before = heap.stats()
    heap.trim()
    const { metadataBytes, committedBytes } = heap.stats()
    expect(before.metadataBytes).toBeGreaterThan(5 * MIB)
    expect(metadataBytes).toBeLessThan(before.metadataBytes / 5)
    expect(committedBytes).toBeLessThan(2 * MIB)
    expectTrue(heap)
    const again = Array.from({ length: 40_000 }, () => heap.alloc(2000))
    expectTrue(heap)
    expect(new Set(again).size).toBe(40_000)
  })

  it('is free memory in a snapshot, whose bytes add up to what is held', () => {
    const { heap } = made({ mode: 'runtime' })
    heap.free(filled(heap, 8 * MIB))
    heap.trim()
    const snapshot = heap.snapshot({ collect: false })
    const { committedBytes, trimmedBytes } = heap.stats()
    expect(trimmedBytes).toBeGreaterThan(7 * MIB)
    expect([snapshot.bytes, snapshot.committedBytes]).toEqual([committedBytes + trimmedBytes, committedBytes])
  })

  it('is forgotten by a reset', () => {
    const { heap } = made()
    heap.free(filled(heap, 8 * MIB))
    heap.trim()
    heap.reset()
    expect(heap.stats().trimmedBytes).toBe(0)
    expectTrue(heap)
    expect(heap.trim().releasedBytes).toBeGreaterThan(8 * MIB)
    expectTrue(heap)
  })

  it('is seen by another instance over the same memory, which may use it', () => {
    const { heap, pages } = made()
    heap.free(filled(heap, 8 * MIB))
    heap.trim()
    const other = Heap.attach(heap.memory, heap.base, { debug: true, testing: { pages } })
    expect(other.stats().trimmedBytes).toBe(heap.stats().trimmedBytes)
    const block = filled(other, 4 * MIB)
    expectTrue(heap)
    expect(isFilled(heap, block, 4 * MIB)).toBe(true)
    // Larger pages than before: those that are half gone go as a whole.
    const large = new RecordingPages(64 * KIB)
    const third = Heap.attach(heap.memory, heap.base, { debug: true, testing: { pages: large } })
    heap.free(block)
    third.trim()
    expectTrue(third)
    expectAllGone(third, 64 * KIB)
  })

  it('includes what lies behind the top of a range, once, and nothing outside', () => {
    const memory = new WebAssembly.Memory({ initial: 256 })
    new Uint8Array(memory.buffer).fill(0xa5)
    const pages = new RecordingPages(16 * KIB)
    const [base, end] = [70_001, 9 * MIB + 5000]
    const heap = Heap.create({ memory, base, end, debug: true, testing: { pages } })
    const { releasedBytes } = heap.trim()
    expect(releasedBytes).toBeGreaterThan(7 * MIB)
    expect(heap.trim().releasedBytes).toBe(0)
    const bytes = new Uint8Array(memory.buffer)
    expect(bytes.subarray(0, base).every((byte) => byte === 0xa5)).toBe(true)
    expect(bytes.subarray(end).every((byte) => byte === 0xa5)).toBe(true)
    expectTrue(heap)
    const blocks = Array.from({ length: 300 }, () => filled(heap, 24_000))
    expectTrue(heap)
    expect(blocks.every((block) => isFilled(heap, block, 24_000))).toBe(true)
  })
})

describe('when the system refuses', () => {
  it('says so, and counts what went before', () => {
    const { heap, pages } = made()
    const blocks = Array.from({ length: 200 }, () => filled(heap, 50_000))
    for (let i = 0; i < blocks.length; i += 2) heap.free(blocks[i] as number)
    let calls = 0
    pages.refuses = () => ++calls > 20
    const told: number[] = []
    heap.on('trim', ({ bytes, cause }) => void (cause === 'decommit' && told.push(bytes)))
    expect(thrownBy(() => heap.trim())).toBeInstanceOf(PlatformError)
    expect(pages.gone).toHaveLength(20)
    expect(told).toEqual([pages.goneBytes])
    expect(heap.stats().trimmedBytes).toBe(pages.goneBytes)
    expectTrue(heap)
    pages.refuses = () => false
    heap.trim()
    expectAllGone(heap)
    expectTrue(heap)
  })

  it('leaves a heap whose pages answer that they cannot', () => {
    const pages = new RecordingPages()
    pages.decommit = () => false
    const heap = Heap.create({ debug: true, testing: { pages } })
    heap.free(filled(heap, 8 * MIB))
    expect(heap.trim()).toMatchObject({ isSupported: true, releasedBytes: 0 })
    expect(heap.stats().trimmedBytes).toBe(0)
    expectSound(heap)
  })

  it('refuses options that are none, and a closed heap', () => {
    const { heap } = made()
    for (const options of [{ collects: true }, { collect: 1 }, { residency: null }, 7]) {
      expect(thrownBy(() => heap.trim(options as never))).toBeInstanceOf(ArgumentError)
    }
    heap.close()
    expect(thrownBy(() => heap.trim())).toMatchObject({ code: 'HW_CLOSED' })
  })

  it('never traps in the kernel, whatever numbers it gets', () => {
    const { heap } = made()
    const block = filled(heap, 100_000)
    heap.free(filled(heap, 3 * MIB))
    const numbers = [0, 1, 3, 4095, 4096, 5000, 65536, 131072, 2 ** 31, 2 ** 32 - 1]
    for (const mib of numbers) {
      for (const grain of numbers) {
        heap.raw.trimFind(mib, grain, mib & 1)
        new Uint32Array(heap.memory.buffer, 0, 4).slice()
        heap.raw.trimMark(mib)
        heap.raw.trimBehind(grain)
        expectSound(heap)
      }
    }
    expect(isFilled(heap, block, 100_000)).toBe(true)
  })
})

describe('decay', () => {
  it('gives back what was free for a whole delay, and tells', () => {
    const { heap, clock, pages } = made({ trim: { decayMs: 1000 } })
    const told: unknown[] = []
    heap.on('trim', (event) => told.push(event))
    const huge = filled(heap, 8 * MIB)
    clock.advance(5000)
    const early = pages.goneBytes
    heap.free(huge)
    clock.advance(999)
    expect(pages.goneBytes).toBe(early)
    clock.advance(1)
    const kept = filled(heap, 2 * MIB)
    expect(pages.goneBytes).toBe(early)
    clock.advance(1000)
    const { trimmedBytes } = heap.stats()
    expect(trimmedBytes).toBeGreaterThan(5 * MIB)
    expect(told.at(-1)).toMatchObject({ cause: 'decommit' })
    expect(isFilled(heap, kept, 2 * MIB)).toBe(true)
    expectTrue(heap)
    const calls = pages.gone.length
    clock.advance(20_000)
    expect(pages.gone.length).toBe(calls)
    // Freed and taken in turn: never idle for a whole delay.
    heap.free(kept)
    for (let i = 0; i < 10; i++) {
      clock.advance(600)
      heap.free(filled(heap, 2 * MIB))
    }
    expect(pages.gone.length).toBe(calls)
    clock.advance(2000)
    expect(pages.gone.length).toBeGreaterThan(calls)
    expectAllGone(heap)
  })

  it('looks at what lies behind the top, too', () => {
    const memory = new WebAssembly.Memory({ initial: 160 })
    new Uint8Array(memory.buffer).fill(0xa5)
    const pages = new RecordingPages()
    const clock = new ManualClock()
    const heap = Heap.create({ memory, base: 0, trim: { decayMs: 10 }, debug: true, testing: { pages, clock } })
    expect(pages.goneBytes).toBe(0)
    clock.advance(10)
    expect(pages.goneBytes).toBeGreaterThan(8 * MIB)
    filled(heap, 6 * MIB)
    expectTrue(heap)
  })

  it('gives back 32 MiB in one tick, and goes on soon', () => {
    const { heap, clock, pages } = made({ limit: '256MiB', trim: { decayMs: 1000 } })
    const told: number[] = []
    heap.on('trim', ({ bytes }) => told.push(bytes))
    const huge = filled(heap, 100 * MIB)
    clock.advance(1000)
    heap.free(huge)
    clock.advance(1999)
    const early = pages.goneBytes
    for (const ticks of [1, 2, 3]) {
      clock.advance(1)
      expect(pages.goneBytes - early).toBeGreaterThanOrEqual(ticks * 32 * MIB)
      expect(pages.goneBytes - early).toBeLessThanOrEqual(ticks * 33 * MIB)
      expectTrue(heap)
      clock.advance(49)
      expect(pages.goneBytes - early).toBeLessThanOrEqual(ticks * 33 * MIB)
    }
    clock.advance(1)
    expectAllGone(heap)
    expect(told.reduce((sum, bytes) => sum + bytes)).toBe(pages.goneBytes)
    expect(Math.max(...told)).toBeLessThanOrEqual(33 * MIB)
    // The next look comes a whole delay later.
    const block = filled(heap, 10 * MIB)
    heap.free(block)
    clock.advance(1999)
    expectTrue(heap)
    expect(heap.stats().freeBytes).toBeGreaterThan(9 * MIB)
    clock.advance(1)
    expectAllGone(heap)
  })

  it('lets the heap be used between the ticks of a look', () => {
    const { heap, clock, pages } = made({ limit: '256MiB', trim: { decayMs: 1000 } })
    const tenants = [heap.tenant('a'), heap.tenant('b')]
    const free = [heap, ...tenants].map((each) => [each, filled(each, 40 * MIB)] as const)
    clock.advance(1000)
    for (const [each, block] of free) each.free(block)
    clock.advance(1999)
    const early = pages.goneBytes
    clock.advance(1)
    const [first, second] = tenants
    // One tenant ends, the other takes all that it had freed, the heap trims at once and takes some of it.
    first?.close()
    const kept = second && filled(second, 40 * MIB)
    expect(heap.trim().releasedBytes).toBeGreaterThan(30 * MIB)
    const own = filled(heap, 20 * MIB)
    clock.advance(500)
    expect(pages.goneBytes).toBeGreaterThan(early + 60 * MIB)
    for (const each of [heap, second]) if (each) expectTrue(each)
    expect(isFilled(heap, own, 20 * MIB)).toBe(true)
    if (kept) expect(isFilled(heap, kept, 40 * MIB)).toBe(true)
    heap.free(own)
    clock.advance(1950)
    heap.close()
    expect(clock.waiting).toBe(0)
  })

  it('gives back what lies behind the top in ticks, too', () => {
    const memory = new WebAssembly.Memory({ initial: 80 * 16 })
    new Uint8Array(memory.buffer).fill(0xa5)
    const [pages, clock] = [new RecordingPages(), new ManualClock()]
    const heap = Heap.create({ memory, base: 0, trim: { decayMs: 10 }, debug: true, testing: { pages, clock } })
    clock.advance(10)
    expect(pages.goneBytes).toBeGreaterThanOrEqual(32 * MIB)
    expect(pages.goneBytes).toBeLessThanOrEqual(33 * MIB)
    // In the middle of it the heap grows into what has not gone, and into what has.
    const block = filled(heap, 60 * MIB)
    clock.advance(100)
    expectTrue(heap)
    expect(isFilled(heap, block, 60 * MIB)).toBe(true)
    const top = new DataView(memory.buffer).getUint32(heap.base + HEAP_TOP_AT, true)
    expect(top).toBeGreaterThan(60 * MIB)
    expect(new Uint8Array(memory.buffer, top).every((byte) => byte === 0)).toBe(true)
  })

  it('tells when the system refuses, and tries again', () => {
    const { heap, clock, pages } = made({ trim: { decayMs: 10 } })
    const errors: unknown[] = []
    heap.on('trim', ({ error }) => errors.push(error))
    heap.free(filled(heap, 4 * MIB))
    pages.refuses = () => true
    clock.advance(20)
    expect(errors[0]).toBeInstanceOf(PlatformError)
    expect(heap.stats().trimmedBytes).toBe(0)
    pages.refuses = () => false
    clock.advance(10)
    expectAllGone(heap)
    expectTrue(heap)
  })

  it('ends with the heap, and is not there where nothing can be given back', () => {
    const { heap, clock } = made({ trim: { decayMs: 10 } })
    expect(clock.waiting).toBe(1)
    heap.on('trim', () => heap.close())
    heap.free(filled(heap, 4 * MIB))
    clock.advance(20)
    expect(heap.isClosed).toBe(true)
    expect(clock.waiting).toBe(0)
    const still = new ManualClock()
    Heap.create({ trim: { decayMs: 10 }, testing: { clock: still, pages: portablePages('none') } })
    Heap.create({ trim: {}, testing: { clock: still, pages: new RecordingPages() } })
    expect(still.waiting).toBe(0)
  })

  it('refuses what it cannot be', () => {
    for (const trim of [{ decayMs: 0 }, { decayMs: 0.5 }, { decayMs: 2 ** 31 }, { ms: 1 }, 100, null]) {
      expect(thrownBy(() => Heap.create({ trim } as never))).toBeInstanceOf(ArgumentError)
    }
    expect(thrownBy(() => Heap.create({ mode: 'embedded', trim: {} }))).toMatchObject({ argument: 'trim' })
    const { heap } = made()
    expect(thrownBy(() => heap.tenant('a', { trim: { decayMs: 1 } } as never))).toMatchObject({ argument: 'trim' })
  })
})

const Item = struct('TrimItem', { value: i32, pad: array(u8) })

describe('modes', () => {
  it.each(['vm', 'runtime', 'server'] as const)('%s: what was freed of objects goes, what lives stays', (mode) => {
    const { heap, pages } = made({ mode, limit: '96MiB' })
    const roots: Root<View<typeof Item>>[] = []
    for (let value = 0; value < 4000; value++) {
      using _ = heap.scope()
      const item = heap.new(Item, { value }, 3000)
      item.pad.fill(value & 255)
      if (value % 40 === 0) roots.push(heap.root(item))
    }
    const isWhole = (root: Root<View<typeof Item>>, i: number) => {
      using _ = heap.scope()
      const { value, pad } = root.value
      return value === i * 40 && pad.length === 3000 && Array.from(pad).every((byte) => byte === (value & 255))
    }
    expectSound(heap)
    const result = heap.trim({ collect: true })
    expect(result.isSupported).toBe(true)
    expect(heap.stats().nurseryBytes).toBeLessThanOrEqual(256 * KIB)
    expectTrue(heap)
    expectAllGone(heap)
    expect(pages.goneBytes).toBeGreaterThan(0)
    expect(roots.every(isWhole)).toBe(true)
    expect(heap.stats().committedBytes).toBeLessThan(4 * MIB)
    for (const root of roots) root.dispose()
    const before = pages.goneBytes
    heap.trim({ collect: true })
    expect(pages.goneBytes).toBeGreaterThan(before)
    expectTrue(heap)
  })

  it('without `collect` nothing moves', () => {
    const { heap } = made({ mode: 'runtime' })
    using _ = heap.scope()
    const root = heap.root(heap.new(Item, { value: 5 }, 10))
    const { collections, minorCollections } = heap.stats()
    heap.trim()
    expect(heap.stats()).toMatchObject({ collections, minorCollections })
    expect(root.value.pad.length).toBe(10)
    expectTrue(heap)
  })

  it('compiler: what a reset has freed', () => {
    const { heap } = made({ mode: 'compiler' })
    for (let i = 0; i < 10_000; i++) filled(heap, 1000)
    expect(heap.trim().releasedBytes).toBeLessThan(2 * MIB)
    heap.reset()
    expect(heap.trim().releasedBytes).toBeGreaterThan(8 * MIB)
    expectTrue(heap)
    expect(isFilled(heap, filled(heap, 100_000), 100_000)).toBe(true)
    expectTrue(heap)
  })

  it('embedded: says that nothing is given back', () => {
    const { heap } = made({ mode: 'embedded', limit: '64KiB' })
    expect(heap.trim()).toMatchObject({ isSupported: false, reason: expect.stringContaining('embedded') })
    using _ = heap.scope()
    heap.new(Item, { value: 1 }, 1000)
    heap.trim({ collect: true })
    expect(heap.stats().trimmedBytes).toBe(0)
    expectSound(heap)
  })

  it('manual with counted objects', () => {
    const { heap } = made()
    const block = filled(heap, 8 * MIB)
    const item = heap.allocRefcounted(100)
    heap.free(block)
    expect(heap.trim().releasedBytes).toBeGreaterThan(7 * MIB)
    expectTrue(heap)
    heap.decref(item)
    heap.trim({ collect: true })
    expectTrue(heap)
  })
})

describe('tenants', () => {
  it('are trimmed with the heap around them, which takes their free pieces first', () => {
    const { heap } = made({ limit: '128MiB' })
    const tenant = heap.tenant('a', { max: '64MiB' })
    const inner = tenant.tenant('b', { max: '16MiB' })
    const kept = [filled(tenant, 100_000), filled(inner, 50_000)] as const
    const blocks = Array.from({ length: 40 }, () => filled(tenant, 300_000))
    const others = Array.from({ length: 20 }, () => filled(inner, 300_000))
    for (let i = 0; i < blocks.length; i++) if (i % 7) tenant.free(blocks[i] as number)
    for (let i = 0; i < others.length; i++) if (i % 7) inner.free(others[i] as number)
    const result = heap.trim()
    expect(result.releasedBytes).toBeGreaterThan(12 * MIB)
    for (const one of [heap, tenant, inner]) {
      expectTrue(one)
      expectAllGone(one)
    }
    expect(tenant.stats().trimmedBytes).toBeGreaterThan(0)
    expect(isFilled(tenant, kept[0], 100_000)).toBe(true)
    expect(isFilled(inner, kept[1], 50_000)).toBe(true)
    tenant.free(filled(tenant, 300_000))
    expect(tenant.trim().residentBefore).toBeGreaterThan(0)
    tenant.free()
    expectTrue(heap)
    heap.trim()
    expectAllGone(heap)
    expect(heap.stats().tenantBytes).toBe(0)
  })

  it('decay with it, and keep their pieces', () => {
    const { heap, clock, pages } = made({ trim: { decayMs: 10 } })
    const tenant = heap.tenant('a', { max: '32MiB' })
    tenant.free(filled(tenant, 6 * MIB))
    const { heldBytes } = tenant.stats().tenant
    clock.advance(20)
    expect(tenant.stats().tenant.heldBytes).toBe(heldBytes)
    expect(tenant.stats().trimmedBytes).toBeGreaterThan(5 * MIB)
    expect(pages.goneBytes).toBeGreaterThanOrEqual(tenant.stats().trimmedBytes)
    expectTrue(tenant)
    expect([...notedUnits(tenant, 'idle')]).toEqual([])
  })
})

describe('what comes before', () => {
  it('may end the heap, or tenants', () => {
    const { heap } = made()
    const tenant = heap.tenant('a')
    tenant.free(filled(tenant, 100))
    tenant.on('trim', () => tenant.kill())
    expect(heap.trim().isSupported).toBe(true)
    expect(tenant.isEnded).toBe(true)
    heap.free(filled(heap, 100))
    heap.on('trim', () => heap.close())
    expect(thrownBy(() => heap.trim())).toMatchObject({ code: 'HW_CLOSED' })
  })

  it.skipIf(posixPages === undefined)('is not in the way of the real pages', () => {
    const heap = Heap.create({ mode: 'runtime', limit: '64MiB' })
    heap.free(filled(heap, 30 * MIB))
    const { residentBefore = 0, residentAfter = 0, releasedBytes } = heap.trim({ collect: true })
    expect(releasedBytes).toBeGreaterThan(29 * MIB)
    expect(residentBefore - residentAfter).toBeGreaterThan(29 * MIB)
  })
})

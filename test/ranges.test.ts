/**
 * Goal: a heap in a given memory keeps to its range, whoever else lives and grows there, up to the end of the address
 * space.
 * Method: everything outside the range is filled with a pattern and compared; guests and other heaps grow the memory in
 * between.
 * A failure means: a heap writes into a guest's data, or takes an address above 2 GiB for a negative number.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, CorruptionError, Heap, type HeapOptions, OutOfMemoryError } from '../src/index.js'
import { random } from './support/random.js'
import { expectRefused, expectSound, isFilled, thrownBy } from './support/refusal.js'

const PAGE = 65536
const MIB = 2 ** 20

/** Random requests and frees; what is live is filled and read back. Returns the live blocks. */
function churn(heap: Heap, seed: number, steps: number, most = 200_000): Map<number, number> {
  const next = random(seed)
  const live = new Map<number, number>()
  for (let step = 0; step < steps; step++) {
    if (next(3) > 0 || live.size === 0) {
      const bytes = next(10) === 0 ? next(most) : next(2000)
      const block = heap.tryAlloc(bytes)
      if (block === 0) continue
      expect(live.has(block), `seed ${seed}`).toBe(false)
      heap.fill(block, bytes, block % 251)
      live.set(block, bytes)
    } else {
      const block = [...live.keys()][next(live.size)] as number
      const bytes = live.get(block) as number
      expect(
        heap.readBytes(block, Math.min(bytes, 100)).every((byte) => byte === block % 251),
        `seed ${seed}`,
      ).toBe(true)
      heap.free(block)
      live.delete(block)
    }
  }
  return live
}

describe('a given range', () => {
  const ranges: [number, number][] = [
    [PAGE, 20 * PAGE],
    [1, 40 * PAGE - 1],
    [12_345, 12_345 + 100_000],
    [MIB - 8192, MIB + 65_536],
    [MIB + 1, 3 * MIB + 17],
    [2 * MIB, 3 * MIB],
    [0, 64 * PAGE],
  ]
  for (const [base, end] of ranges) {
    it(`[${base}, ${end}): nothing outside is touched`, () => {
      const memory = new WebAssembly.Memory({ initial: 64, maximum: 100 })
      new Uint8Array(memory.buffer).fill(0xa5)
      const heap = Heap.create({ memory, base, end })
      expect(heap.limitBytes).toBeLessThanOrEqual(end - base)
      const pool = heap.pool({ size: 100, count: 5, grow: true })
      churn(heap, base, 2000)
      while (pool.tryAcquire()) {}
      expectSound(heap)
      heap.reset()
      churn(heap, end, 500)
      for (const block of heap.blocks()) {
        expect(block.address).toBeGreaterThanOrEqual(base)
        expect(block.address + block.usableBytes).toBeLessThanOrEqual(end)
      }
      expect(memory.buffer.byteLength).toBe(64 * PAGE)
      expect(isFilled(memory, 0, base, 0xa5)).toBe(true)
      expect(isFilled(memory, end, 64 * PAGE, 0xa5)).toBe(true)
      expectSound(heap)
    })
  }

  it('ends at the memory’s end when `end` is left out, and never grows it', () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 100 })
    const heap = Heap.create({ memory, base: PAGE })
    churn(heap, 1, 1000)
    expect(() => heap.alloc(3 * PAGE)).toThrow(OutOfMemoryError)
    expect(memory.buffer.byteLength).toBe(4 * PAGE)
    expectSound(heap)
  })

  it('may end beyond the memory, which then grows, up to its maximum', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 32 })
    const heap = Heap.create({ memory, base: 2 * PAGE, end: 100 * PAGE })
    while (heap.tryAlloc(50_000)) {}
    expect(memory.buffer.byteLength).toBe(32 * PAGE)
    expect(heap.stats().growsRefused).toBeGreaterThan(0)
    expectSound(heap)
  })

  it('calloc gives zeroes in memory that was full of something', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    new Uint8Array(memory.buffer).fill(0xff)
    const heap = Heap.create({ memory, base: 0 })
    for (const bytes of [16, 500, 5000, 100_000, 1_500_000]) {
      const block = heap.calloc(1, bytes)
      expect(heap.readBytes(block, bytes).every((byte) => byte === 0)).toBe(true)
    }
    expectSound(heap)
  })
})

describe('growing along with others', () => {
  it('holds only what its own growth returned', () => {
    const memory = new WebAssembly.Memory({ initial: 3, maximum: 2000 })
    new Uint8Array(memory.buffer).fill(0xa5)
    const heap = Heap.create({ memory, limit: '64MiB' })
    const guest: [number, number][] = [[0, 3 * PAGE]]
    const live = new Map<number, number>()
    const next = random(7)
    for (let round = 0; round < 40; round++) {
      for (const [block, bytes] of churn(heap, round, 60, 400_000)) live.set(block, bytes)
      const pages = 1 + next(20)
      const from = memory.grow(pages) * PAGE
      new Uint8Array(memory.buffer).fill(0xa5, from, from + pages * PAGE)
      guest.push([from, from + pages * PAGE])
      if (round % 10 === 9) expectSound(heap)
    }
    for (const [from, to] of guest) expect(isFilled(memory, from, to, 0xa5)).toBe(true)
    for (const [block, bytes] of live) {
      expect(heap.usableSize(block)).toBeGreaterThanOrEqual(bytes)
      for (const [from, to] of guest) expect(block >= to || block + bytes <= from).toBe(true)
    }
    expectRefused(heap, () => heap.free((guest.at(-1) as [number, number])[0]), { reason: 'foreign' })

    heap.reset()
    churn(heap, 99, 2000, 400_000)
    for (const [from, to] of guest) expect(isFilled(memory, from, to, 0xa5)).toBe(true)
    expectSound(heap)
  })

  it('several heaps share one memory', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4000 })
    const options: HeapOptions[] = [
      { memory, name: 'a', limit: '40MiB' },
      { memory, name: 'b', limit: '40MiB' },
      { memory, name: 'c', limit: '40MiB', mode: 'compiler' },
      { memory, name: 'd', limit: '40MiB', debug: true },
    ]
    const heaps = options.map((each) => Heap.create(each))
    const live = heaps.map(() => new Map<number, number>())
    for (let round = 0; round < 20; round++) {
      heaps.forEach((heap, i) => {
        for (const [block, bytes] of churn(heap, round * 10 + i, 50, 300_000)) live[i]?.set(block, bytes)
      })
    }
    heaps.forEach((heap, i) => {
      expectSound(heap)
      for (const [block, bytes] of live[i] as Map<number, number>) {
        expect(heap.isBlock(block)).toBe(true)
        expect(heap.readBytes(block, bytes).every((byte) => byte === block % 251)).toBe(true)
        for (const other of heaps) if (other !== heap) expect(other.isBlock(block)).toBe(false)
      }
    })
    const [first, second] = heaps as [Heap, Heap]
    const [block] = [...(live[0] as Map<number, number>).keys()]
    expect(thrownBy(() => second.free(block as number))).toMatchObject({ reason: 'foreign' })
    first.close()
    churn(second, 5, 100)
    expectSound(second)
  })
})

describe('above 2 GiB', () => {
  const GIB = 2 ** 30
  const base = 2.5 * GIB

  it('addresses are positive numbers everywhere', () => {
    const memory = new WebAssembly.Memory({ initial: (3 * GIB) / PAGE, maximum: (3 * GIB) / PAGE })
    const heap = Heap.create({ memory, base })
    const live = churn(heap, 11, 2000, 3_000_000)
    for (const address of live.keys()) expect(address).toBeGreaterThan(base)
    expect([...heap.blocks()].map((b) => b.address as number)).toEqual([...live.keys()].sort((a, b) => a - b))

    const block = heap.alloc(100)
    heap.writeI32(block, -5)
    heap.writeF64(block + 9, 2.5)
    expect([heap.readI32(block), heap.readF64(block + 9)]).toEqual([-5, 2.5])
    expect(heap.checked.readI32(block, 0)).toBe(-5)
    expect(heap.view(Int32Array, block, 4)[0]).toBe(-5)
    expect(heap.viewOf(Int32Array, block, 4).array[0]).toBe(-5)
    expect(heap.raw.i32[block >>> 2]).toBe(-5)
    expect(heap.realloc(block, 5000)).toBeGreaterThan(base)
    expect(heap.allocAligned(100, 65536) % 65536).toBe(0)
    expect(heap.calloc(10, 10)).toBeGreaterThan(base)

    using arena = heap.arena()
    const inArena = arena.alloc(100)
    const mark = arena.mark()
    arena.alloc(100_000)
    arena.release(mark)
    arena.freeLast(arena.alloc(5))
    expect(inArena).toBeGreaterThan(base)
    const range = heap.alloc(1024)
    using fixed = heap.fixedArena({ base: range, limit: range + 1024 })
    expect([fixed.alloc(10), fixed.push(8)]).toEqual([range, range + 1016])
    fixed.pop(range + 1016)
    using pool = heap.pool({ size: 100, count: 10 })
    const pooled = pool.acquire()
    expect(pooled).toBeGreaterThan(base)
    pool.release(pooled)
    expect(thrownBy(() => pool.release(pooled))).toMatchObject({ address: pooled, reason: 'double-free' })
    expect(thrownBy(() => heap.free(pooled - 1))).toMatchObject({ address: pooled - 1, code: 'HW_MISALIGNED' })
    expectSound(heap)
    for (const address of live.keys()) heap.free(address)
    expectSound(heap)
  })

  it('the last held byte is below 4 GiB − 64 KiB', () => {
    const memory = new WebAssembly.Memory({ initial: 65536, maximum: 65536 })
    const heap = Heap.create({ memory, base: 2 ** 32 - 4 * MIB })
    expect(heap.limitBytes).toBe(4 * MIB - PAGE)
    churn(heap, 3, 2000, 1_000_000)
    while (heap.tryAlloc(1000)) {}
    const last = [...heap.blocks()].at(-1)
    expect((last?.address ?? 0) + (last?.usableBytes ?? 0)).toBeLessThanOrEqual(2 ** 32 - PAGE)
    expect(() => heap.alloc(4 * MIB)).toThrow(OutOfMemoryError)
    expect(isFilled(memory, 2 ** 32 - PAGE, 2 ** 32, 0)).toBe(true)
    expectSound(heap)
  })

  it('an own heap may grow past 2 GiB', () => {
    const heap = Heap.create({ limit: 2 ** 32 - PAGE })
    const blocks = Array.from({ length: 6 }, () => heap.alloc(500 * MIB))
    expect(blocks.at(-1)).toBeGreaterThan(2 ** 31)
    heap.writeU8((blocks.at(-1) as number) + 500 * MIB - 1, 9)
    for (const block of blocks) heap.free(block)
    expect(heap.stats().inUseBytes).toBe(0)
    expectSound(heap)
  })
})

describe('attach', () => {
  it('finds everything that another instance left', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    const first = Heap.create({ memory, base: 1000 })
    const live = churn(first, 21, 1000)
    const second = Heap.attach(memory, 1000, { name: 'second' })
    expect([second.mode, second.base, second.limitBytes]).toEqual(['manual', 4096, first.limitBytes])
    expect([...second.blocks()]).toEqual([...first.blocks()])
    for (const address of live.keys()) second.free(address)
    expect(first.stats().inUseBytes).toBe(0)
    first.free(second.alloc(100))
    first.close()
    churn(second, 22, 1000)
    expectSound(second)
  })

  it('knows compiler mode', () => {
    const first = Heap.create({ mode: 'compiler' })
    const block = first.alloc(100)
    const second = Heap.attach(first.memory, first.base)
    expect(second.mode).toBe('compiler')
    expect(second.alloc(100)).toBeGreaterThan(block)
    expectSound(first)
  })

  it('refuses places where no heap is, and damaged ones', () => {
    const heap = Heap.create({ initial: '1MiB' })
    const { memory } = heap
    expect(() => Heap.attach(memory, 4096)).toThrow(ArgumentError)
    expect(() => Heap.attach(memory, 2 ** 31)).toThrow(ArgumentError)
    expect(() => Heap.attach(memory, -1)).toThrow(ArgumentError)
    expect(() => Heap.attach({} as never, 0)).toThrow(ArgumentError)
    expect(() => Heap.attach(memory, 0, { limit: 5 } as never)).toThrow(ArgumentError)
    for (const offset of [4, 8, 24, 28, 104, 108]) {
      const data = new DataView(memory.buffer)
      const before = data.getUint32(offset, true)
      data.setUint32(offset, before + 16, true)
      expect(() => Heap.attach(memory, 0), String(offset)).toThrow(CorruptionError)
      data.setUint32(offset, before, true)
    }
    Heap.attach(memory, 0)
  })
})

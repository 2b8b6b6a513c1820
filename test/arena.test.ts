/**
 * Goal: arenas hand out what was asked for, keep to their range, and come back to every savepoint.
 * Method: each block is filled with its own byte, and all live ones are read back after every step of a seeded random
 * sequence; plain cases for each promise beside it.
 * A failure means: two blocks share bytes, a mark frees too much or too little, or a range is left.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, ClosedError, Heap, InvalidAddressError, OutOfMemoryError } from '../src/index.js'
import { random } from './support/random.js'
import { expectRefused, expectSound, thrownBy } from './support/refusal.js'

const newHeap = () => Heap.create({ limit: '64MiB', initial: 0 })

describe('Arena', () => {
  it('gives aligned, disjoint blocks over many pieces', () => {
    const heap = newHeap()
    using arena = heap.arena({ chunk: '64KiB' })
    let end = 0
    let used = 0
    for (let i = 0; i < 20_000; i++) {
      const bytes = (i * 7) % 100
      const alignment = 8 << (i % 5)
      const block = arena.alloc(bytes, alignment)
      expect(block % alignment).toBe(0)
      if (block > end && block - end < 65_536) expect(block).toBeGreaterThanOrEqual(end)
      end = block + bytes
      used += bytes
    }
    expect(arena.usedBytes).toBeGreaterThanOrEqual(used)
    expect(arena.heldBytes).toBeGreaterThanOrEqual(arena.usedBytes)
    expectSound(heap)
  })

  it('gives distinct addresses for 0 bytes, and blocks larger than its chunk', () => {
    const heap = newHeap()
    using arena = heap.arena({ chunk: 1024 })
    expect(arena.alloc(0)).not.toBe(arena.alloc(0))
    const large = arena.alloc(5_000_000)
    heap.fill(large, 5_000_000, 0xaa)
    expectSound(heap)
  })

  it('calloc clears what was there before', () => {
    const heap = newHeap()
    using arena = heap.arena()
    const dirty = arena.alloc(1000)
    heap.fill(dirty, 1000, 0xff)
    arena.reset()
    const clean = arena.calloc(10, 100)
    expect(heap.readBytes(clean, 1000).every((byte) => byte === 0)).toBe(true)
  })

  it('freeLast and shrinkLast work on the newest block only', () => {
    const heap = newHeap()
    using arena = heap.arena()
    const a = arena.alloc(100)
    const b = arena.alloc(100)
    expectRefused(heap, () => arena.freeLast(a), { code: 'HW_ARGUMENT', argument: 'address' })
    expectRefused(heap, () => arena.shrinkLast(a, 10), { code: 'HW_ARGUMENT', argument: 'address' })
    expectRefused(heap, () => arena.shrinkLast(b, 101), { code: 'HW_ARGUMENT', argument: 'bytes' })
    arena.shrinkLast(b, 40)
    const c = arena.alloc(10)
    expect(c).toBe(b + 40)
    arena.freeLast(c)
    expect(arena.alloc(20)).toBe(c)
    arena.freeLast(c)
    expectRefused(heap, () => arena.freeLast(c), { code: 'HW_ARGUMENT' })
    expectRefused(heap, () => arena.freeLast(0), { code: 'HW_ARGUMENT' })
  })

  it('release goes back to a mark, over pieces, and uses it up with all newer ones', () => {
    const heap = newHeap()
    using arena = heap.arena({ chunk: 4096 })
    using other = heap.arena()
    const empty = arena.mark()
    arena.alloc(100)
    const first = arena.mark()
    const used = arena.usedBytes
    for (let i = 0; i < 1000; i++) arena.alloc(100)
    const second = arena.mark()
    arena.alloc(100)
    arena.release(first)
    expect(arena.usedBytes).toBe(used)
    expectRefused(heap, () => arena.release(first), { code: 'HW_ARGUMENT', argument: 'mark' })
    expectRefused(heap, () => arena.release(second), { code: 'HW_ARGUMENT', argument: 'mark' })
    expectRefused(heap, () => arena.release(other.mark()), { code: 'HW_ARGUMENT', argument: 'mark' })
    expectRefused(heap, () => arena.release({} as never), { code: 'HW_ARGUMENT', argument: 'mark' })
    arena.release(empty)
    expect(arena.usedBytes).toBe(0)
    const last = arena.mark()
    arena.reset()
    expectRefused(heap, () => arena.release(last), { code: 'HW_ARGUMENT', argument: 'mark' })
    expectSound(heap)
  })

  it('a mark that the arena was cut back below is refused', () => {
    const heap = newHeap()
    using arena = heap.arena()
    const block = arena.alloc(100)
    const mark = arena.mark()
    arena.freeLast(block)
    expect(() => arena.release(mark)).toThrow(ArgumentError)
    expectSound(heap)
  })

  it('keeps its blocks apart over random sequences', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const next = random(seed)
      const heap = Heap.create({ limit: '64MiB', initial: 0 })
      using arena = heap.arena({ chunk: 1024 << next(4) })
      const blocks: { at: number; bytes: number; byte: number }[] = []
      const marks: { mark: ReturnType<typeof arena.mark>; count: number }[] = []
      for (let step = 0; step < 600; step++) {
        const what = next(20)
        if (what < 14) {
          const bytes = 1 + next(what === 0 ? 20_000 : 300)
          const at = arena.alloc(bytes, 8 << next(6))
          const byte = next(256)
          heap.fill(at, bytes, byte)
          blocks.push({ at, bytes, byte })
        } else if (what < 16) {
          marks.push({ mark: arena.mark(), count: blocks.length })
        } else if (what < 18 && marks.length > 0) {
          const index = next(marks.length)
          const { mark, count } = marks[index] as (typeof marks)[number]
          arena.release(mark)
          marks.length = index
          blocks.length = count
        } else if (what === 18 && blocks.length > (marks.at(-1)?.count ?? 0)) {
          const block = blocks.at(-1) as (typeof blocks)[number]
          try {
            arena.freeLast(block.at)
            blocks.pop()
          } catch (error) {
            // The newest block is known only until a release or a free.
            expect(error, `seed ${seed}`).toBeInstanceOf(ArgumentError)
          }
        }
        if (step % 50 === 0) {
          for (const { at, bytes, byte } of blocks) {
            expect(
              heap.readBytes(at, bytes).every((b) => b === byte),
              `seed ${seed}, step ${step}`,
            ).toBe(true)
          }
        }
      }
      expectSound(heap)
    }
  })

  it('reset and dispose give everything back', () => {
    const heap = newHeap()
    const before = heap.stats()
    const arena = heap.arena()
    for (let i = 0; i < 10_000; i++) arena.alloc(1000)
    arena.reset()
    expect(arena.usedBytes).toBe(0)
    arena.dispose()
    arena.dispose()
    heap.releaseCaches()
    expect(heap.stats().inUseBytes).toBe(before.inUseBytes)
    expect(heap.stats().unusedBytes).toBe(before.unusedBytes)
    expect(() => arena.alloc(1)).toThrow(ClosedError)
    expect(() => arena.usedBytes).toThrow(ClosedError)
    expectSound(heap)
  })

  it('is stale after a reset of the heap, even when a new arena lies where it was', () => {
    const heap = newHeap()
    const stale = heap.arena()
    const mark = stale.mark()
    heap.reset()
    using fresh = heap.arena()
    const block = fresh.alloc(8)
    for (const call of [
      () => stale.alloc(8),
      () => stale.mark(),
      () => stale.release(mark),
      () => stale.reset(),
      () => stale.freeLast(block),
      () => stale.usedBytes,
    ]) {
      expectRefused(heap, call, { code: 'HW_INVALID_ADDRESS', reason: 'stale' })
    }
    stale.dispose()
    expect(fresh.alloc(8)).toBe(block + 8)
    expectSound(heap)
  })

  it('is stale, too, when another instance has reset the heap', () => {
    const heap = newHeap()
    const other = Heap.attach(heap.memory, heap.base)
    const stale = heap.arena()
    other.reset()
    other.arena()
    expect(() => stale.alloc(8)).toThrow(InvalidAddressError)
    stale.dispose()
    expectSound(other)
  })

  it('out of memory is the heap’s answer, and the arena goes on', () => {
    const heap = Heap.create({ limit: '1MiB' })
    using arena = heap.arena()
    const error = thrownBy(() => {
      while (true) arena.alloc(10_000)
    })
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({ requestedBytes: 10_000, totalBytes: 2 ** 20 })
    arena.reset()
    arena.alloc(10_000)
    expectSound(heap)
  })

  it('refuses chunks outside 1 KiB to 256 MiB', () => {
    const heap = newHeap()
    for (const chunk of [0, 1023, '257MiB', -1, 'x']) {
      expectRefused(heap, () => heap.arena({ chunk }), { code: 'HW_ARGUMENT', argument: 'chunk' })
    }
    expectRefused(heap, () => heap.arena({ chunks: 1024 } as never), { code: 'HW_ARGUMENT', argument: 'options' })
  })
})

describe('FixedArena', () => {
  it('keeps to its range, from both ends, until both meet', () => {
    const heap = newHeap()
    const outer = heap.alloc(4096)
    heap.fill(outer, 4096, 0xee)
    const base = outer + 1000
    const limit = base + 1024
    using arena = heap.fixedArena({ base, limit })
    expect(arena.heldBytes).toBe(1024)
    let room = 1024
    let up = base
    let down = limit
    for (let i = 0; room >= 24; i++) {
      if (i % 2) {
        const block = arena.alloc(24)
        expect(block).toBe(up)
        up += 24
      } else {
        const block = arena.push(24)
        down -= 24
        expect(block).toBe(down)
      }
      room -= 24
      heap.fill(i % 2 ? up - 24 : down, 24, 0x11)
    }
    expect(arena.usedBytes).toBe(1024 - room)
    const error = thrownBy(() => arena.alloc(room + 1))
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).toMatchObject({
      requestedBytes: room + 1,
      availableBytes: room,
      usedBytes: 1024 - room,
      totalBytes: 1024,
    })
    expect(() => arena.push(room + 1)).toThrow(OutOfMemoryError)
    expect(heap.readBytes(outer, 1000).every((byte) => byte === 0xee)).toBe(true)
    expect(heap.readBytes(limit, 4096 - 2024).every((byte) => byte === 0xee)).toBe(true)
    expectSound(heap)
  })

  it('pops in the order of pushes, and marks cover both ends', () => {
    const heap = newHeap()
    const base = heap.alloc(2048)
    using arena = heap.fixedArena({ base, limit: base + 2048 })
    expect(() => arena.pop()).toThrow(ArgumentError)
    const a = arena.push(100)
    const mark = arena.mark()
    const b = arena.push(50, 64)
    const c = arena.push(0)
    expect(b % 64).toBe(0)
    expect(new Set([a, b, c]).size).toBe(3)
    expectRefused(heap, () => arena.pop(b), { code: 'HW_ARGUMENT', argument: 'address' })
    arena.pop(c)
    arena.pop()
    expect(arena.push(50, 64)).toBe(b)
    arena.alloc(500)
    arena.release(mark)
    expect(arena.usedBytes).toBe(base + 2048 - a)
    arena.pop(a)
    expect(arena.usedBytes).toBe(0)
    expect(() => arena.pop()).toThrow(ArgumentError)
    arena.push(10)
    arena.reset()
    expect(() => arena.pop()).toThrow(ArgumentError)
  })

  it('works outside the heap’s range, in memory of a guest', () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 100 })
    const heap = Heap.create({ memory })
    using arena = heap.fixedArena({ base: 1, limit: 1025 })
    const beyond = () => heap.fixedArena({ base: 2 ** 31, limit: 2 ** 31 + 64 })
    expect(beyond).toThrow(/`base` must be an address below the end of the memory/)
    const block = arena.alloc(16)
    expect(block).toBe(8)
    expect(() => arena.alloc(1024)).toThrow(OutOfMemoryError)
  })

  it('refuses ranges that are not the caller’s', () => {
    const heap = newHeap()
    const block = heap.alloc(1024)
    const free = heap.alloc(1024)
    heap.free(free)
    for (const [base, limit] of [
      [0, 1024],
      [block, block],
      [block + 100, block],
      [block, block + 1025],
      [block + 1000, heap.memory.buffer.byteLength + 1],
      [free, free + 1024],
      [4096, 8192],
      [-1, 1024],
      [1.5, 1024],
    ] as const) {
      expectRefused(heap, () => heap.fixedArena({ base, limit }), { code: 'HW_ARGUMENT' })
    }
  })
})

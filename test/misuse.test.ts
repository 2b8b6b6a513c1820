/**
 * Goal: a wrong call is refused with the documented error, and changes nothing.
 * Method: a table of wrong calls on a heap with blocks of every kind, whose contents imitate the heap's own metadata;
 * the whole memory is compared byte for byte around each call.
 * A failure means: user bytes can pass for metadata, a bad pointer can tear the heap, or an error cannot be acted on.
 */
import { describe, expect, it } from 'vitest'
import { CODE_BLOCK, CODE_HUGE, CODE_POOL_BLOCK, CODE_RUN } from '../kernel/layout.js'
import {
  ArgumentError,
  ClosedError,
  Heap,
  HeapwrightError,
  InvalidAddressError,
  MisalignmentError,
  OutOfMemoryError,
} from '../src/index.js'
import { expectRefused, expectSound, thrownBy } from './support/refusal.js'

const KINDS = { small: 64, 'larger small': 1000, run: 40_000, 'large run': 600_000, huge: 3_500_000 }

/** Bytes that look like map codes, tags and links, at every granule of a block. */
function imitateMetadata(heap: Heap, block: number): void {
  const bytes = heap.usableSize(block)
  const codes = [CODE_BLOCK, CODE_RUN, CODE_HUGE, CODE_POOL_BLOCK, 0x40, 0x41, 0x11, 0x18, 0x19, 0x04, 0x05, 0x0c]
  heap.writeBytes(
    block,
    Uint8Array.from({ length: bytes }, (_, i) => codes[(i + (i >> 4)) % codes.length] as number),
  )
}

function heapWithBlocks() {
  const heap = Heap.create({ limit: '64MiB', initial: 0 })
  const blocks = Object.entries(KINDS).map(([kind, bytes]) => {
    const neighbour = heap.alloc(bytes)
    const block = heap.alloc(bytes)
    imitateMetadata(heap, neighbour)
    imitateMetadata(heap, block)
    return { kind, block, usable: heap.usableSize(block) as number }
  })
  return { heap, blocks }
}

describe('addresses that are no block', () => {
  const { heap, blocks } = heapWithBlocks()
  const calls: Record<string, (address: number) => unknown> = {
    free: (address) => heap.free(address),
    'sized free': (address) => heap.free(address, 64),
    realloc: (address) => heap.realloc(address, 128),
    usableSize: (address) => heap.usableSize(address),
    'checked access': (address) => heap.checked.readU8(address, 0),
  }

  for (const [name, call] of Object.entries(calls)) {
    for (const { kind, block, usable } of blocks) {
      it(`${name}: the inside of a ${kind} block`, () => {
        const places = [16, 32, 48, usable >> 1, usable - 16]
        for (const place of places.map((offset) => block + (offset & ~15)).filter((at) => at !== block)) {
          expect(heap.isBlock(place)).toBe(false)
          expectRefused(heap, () => call(place), { code: 'HW_INVALID_ADDRESS', reason: 'interior', address: place })
        }
      })

      it(`${name}: a misaligned address in a ${kind} block`, () => {
        for (const place of [block + 1, block + 8, block + usable - 1]) {
          expect(heap.isBlock(place)).toBe(false)
          const fields = { code: 'HW_MISALIGNED', reason: 'misaligned', address: place, alignment: 16 }
          expectRefused(heap, () => call(place), fields)
        }
      })
    }

    it(`${name}: foreign addresses`, () => {
      const end = heap.memory.buffer.byteLength
      // The control block, a chunk's metadata, behind the end, the top of the address space.
      for (const place of [16, 4096, 2 ** 20, 2 ** 20 + 64, end, end + 2 ** 20, 2 ** 31, 2 ** 32 - 16]) {
        expect(heap.isBlock(place)).toBe(false)
        expectRefused(heap, () => call(place), { code: 'HW_INVALID_ADDRESS', reason: 'foreign', address: place })
      }
    })
  }

  it('leaves a sound heap, from which every block can still be freed', () => {
    expectSound(heap)
    for (const block of [...heap.blocks()]) heap.free(block.address)
    expect(heap.stats().inUseBytes).toBe(0)
    expectSound(heap)
  })
})

describe('double free', () => {
  for (const [kind, bytes] of Object.entries(KINDS)) {
    it(`of a ${kind} block, also after its neighbours are gone`, () => {
      const heap = Heap.create({ limit: '64MiB', initial: 0 })
      const [left, block, right] = [heap.alloc(bytes), heap.alloc(bytes), heap.alloc(bytes)] as const
      for (const each of [left, block, right]) imitateMetadata(heap, each)
      const fields = { code: 'HW_INVALID_ADDRESS', reason: 'double-free', address: block }
      heap.free(block)
      expectRefused(heap, () => heap.free(block), fields)
      heap.free(left)
      expectRefused(heap, () => heap.free(block), fields)
      heap.free(right)
      expectRefused(heap, () => heap.free(block), fields)
      heap.releaseCaches()
      expectRefused(heap, () => heap.free(block), fields)
      expectSound(heap)
    })
  }

  it('in compiler mode', () => {
    const heap = Heap.create({ mode: 'compiler', limit: '16MiB', initial: 0 })
    const [a, b] = [heap.alloc(100), heap.alloc(100)]
    heap.free(a)
    expectRefused(heap, () => heap.free(a), { code: 'HW_INVALID_ADDRESS', reason: 'double-free' })
    expectRefused(heap, () => heap.free(b + 16), { code: 'HW_INVALID_ADDRESS', reason: 'interior' })
    heap.free(b)
    expectRefused(heap, () => heap.free(b), { code: 'HW_INVALID_ADDRESS', reason: 'double-free' })
    expectSound(heap)
  })
})

describe('blocks that belong to something else', () => {
  it("a pool's and an arena's blocks are not the heap's to free", () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    const pool = heap.pool({ size: 64, count: 10 })
    const arena = heap.arena()
    const pooled = pool.acquire()
    const owned = arena.alloc(100, 16)
    const fields = { code: 'HW_INVALID_ADDRESS', reason: 'owned' }
    expectRefused(heap, () => heap.free(pooled), fields)
    expectRefused(heap, () => heap.free(pooled + 16), fields)
    expectRefused(heap, () => heap.realloc(pooled, 10), fields)
    expectRefused(heap, () => heap.free(owned), fields)
    expectRefused(heap, () => heap.free(owned + 32), fields)
    expectSound(heap)
  })

  it("the heap's own records can be found by nobody", () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    heap.arena()
    heap.pool({ size: 64, count: 1 })
    for (let address = 16; address < heap.memory.buffer.byteLength; address += 16) {
      expect(heap.isBlock(address)).toBe(false)
      expect(() => heap.free(address)).toThrow(InvalidAddressError)
    }
    expectSound(heap)
  })
})

describe('sized free', () => {
  const heap = Heap.create({ limit: '64MiB', initial: 0 })

  it('takes every size of the same class and refuses the classes beside it', () => {
    for (const bytes of [1, 16, 17, 100, 128, 129, 1000, 2048]) {
      const block = heap.alloc(bytes)
      const usable = heap.usableSize(block)
      for (const other of [usable + 1, usable * 2, 100_000, 2 ** 32 - 2]) {
        const fields = { code: 'HW_INVALID_ADDRESS', reason: 'size-mismatch', address: block }
        expectRefused(heap, () => heap.free(block, other), fields)
      }
      if (usable > 16) expectRefused(heap, () => heap.free(block, usable >> 1), { reason: 'size-mismatch' })
      heap.free(block, bytes)
      expect(heap.isBlock(block)).toBe(false)
    }
  })

  it('knows the length of large blocks', () => {
    for (const bytes of [40_000, 600_000]) {
      const block = heap.alloc(bytes)
      expectRefused(heap, () => heap.free(block, bytes - 16), { reason: 'size-mismatch' })
      expectRefused(heap, () => heap.free(block, bytes + 16), { reason: 'size-mismatch' })
      expectRefused(heap, () => heap.free(block, 64), { reason: 'size-mismatch' })
      heap.free(block, bytes)
    }
  })

  it('takes the alignment along with the size', () => {
    for (const alignment of [1, 8, 16, 32, 64, 256, 4096, 65536]) {
      for (const bytes of [1, 100, 2000, 5000]) {
        const block = heap.allocAligned(bytes, alignment)
        heap.free(block, bytes, alignment)
        expect(heap.isBlock(block)).toBe(false)
      }
    }
    expectSound(heap)
  })
})

describe('arguments', () => {
  const { heap, blocks } = heapWithBlocks()
  const block = (blocks[0] as { block: number }).block
  const arena = heap.arena()
  const fixed = heap.fixedArena({ base: block, limit: block + 64 })
  const pool = heap.pool({ size: 16, count: 4 })

  const notIntegers = [-1, -(2 ** 31), Number.NaN, 1.5, 0.1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const notNumbers = ['16', '', undefined, null, 5n, true, {}, [], Symbol('s'), () => 16]
  const tooLarge = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 16, 2 ** 53, Number.MAX_VALUE]
  const wrongSizes = [...notIntegers, ...notNumbers, ...tooLarge]
  const wrongAddresses = [...notIntegers, ...notNumbers, 2 ** 32, 2 ** 32 + block, Number.MAX_VALUE]

  const sizes: Record<string, [string, (n: never) => unknown]> = {
    alloc: ['bytes', (n) => heap.alloc(n)],
    tryAlloc: ['bytes', (n) => heap.tryAlloc(n)],
    'calloc, count': ['count', (n) => heap.calloc(n, 1)],
    'calloc, bytes': ['bytes', (n) => heap.calloc(1, n)],
    allocAligned: ['bytes', (n) => heap.allocAligned(n, 16)],
    realloc: ['bytes', (n) => heap.realloc(block, n)],
    guard: ['', (n) => heap.guard(n)],
    'view, count': ['count', (n) => heap.view(Uint8Array, block, n)],
    'copy, bytes': ['bytes', (n) => heap.copy(block, block, n)],
    'arena.alloc': ['bytes', (n) => arena.alloc(n)],
    'arena.calloc': ['count', (n) => arena.calloc(n, 1)],
    'fixed.push': ['bytes', (n) => fixed.push(n)],
    'pool, count': ['count', (n) => heap.pool({ size: 16, count: n })],
  }
  for (const [name, [argument, call]] of Object.entries(sizes)) {
    it(`${name} refuses what is no size`, () => {
      for (const wrong of wrongSizes) {
        const fields = argument ? { code: 'HW_ARGUMENT', argument, value: wrong } : { code: 'HW_ARGUMENT' }
        expectRefused(heap, () => call(wrong as never), fields)
      }
    })
  }

  const addresses: Record<string, (n: never) => unknown> = {
    free: (n) => heap.free(n),
    'sized free': (n) => heap.free(n, 64),
    realloc: (n) => heap.realloc(n, 10),
    usableSize: (n) => heap.usableSize(n),
    readU8: (n) => heap.readU8(n),
    readI64: (n) => heap.readI64(n),
    writeF64: (n) => heap.writeF64(n, 1),
    'checked.readI32': (n) => heap.checked.readI32(n, 0),
    view: (n) => heap.view(Uint8Array, n, 1),
    fill: (n) => heap.fill(n, 1, 0),
    readBytes: (n) => heap.readBytes(n, 1),
    'pool.release': (n) => pool.release(n),
    'arena.freeLast': (n) => arena.freeLast(n),
    'arena.shrinkLast': (n) => arena.shrinkLast(n, 1),
  }
  for (const [name, call] of Object.entries(addresses)) {
    it(`${name} refuses what is no address`, () => {
      for (const wrong of wrongAddresses) {
        expectRefused(heap, () => call(wrong as never), { code: 'HW_ARGUMENT', value: wrong })
        expect(heap.isBlock(wrong as never)).toBe(false)
      }
    })
  }

  it('refuses alignments that are no power of two up to 64 KiB', () => {
    for (const wrong of [0, -1, 3, 24, 65535, 131072, 2 ** 32, Number.NaN, 1.5, '16', null, 16n]) {
      const fields = { code: 'HW_ARGUMENT', argument: 'alignment', value: wrong }
      expectRefused(heap, () => heap.allocAligned(10, wrong as number), fields)
      expectRefused(heap, () => arena.alloc(10, wrong as number), fields)
      expectRefused(heap, () => fixed.push(10, wrong as number), fields)
      expectRefused(heap, () => heap.free(block, 64, wrong as number), fields)
    }
  })

  it('answers valid sizes that no heap could meet with OutOfMemoryError', () => {
    for (const bytes of [2 ** 31, 0xfff00000, 0xfff00001, 2 ** 32 - 2]) {
      expect(() => heap.alloc(bytes)).toThrow(OutOfMemoryError)
      expect(() => heap.allocAligned(bytes, 64)).toThrow(OutOfMemoryError)
      expect(() => heap.realloc(block, bytes)).toThrow(OutOfMemoryError)
      expect(() => heap.calloc(bytes, 1)).toThrow(OutOfMemoryError)
      expect(() => arena.alloc(bytes)).toThrow(OutOfMemoryError)
      expect(heap.tryAlloc(bytes)).toBe(0)
    }
    expect(() => heap.calloc(2 ** 20, 2 ** 20)).toThrow(OutOfMemoryError)
    expect(() => arena.calloc(2 ** 20, 2 ** 20)).toThrow(OutOfMemoryError)
    expect(() => heap.pool({ size: 1024, count: 2 ** 32 - 2 })).toThrow(OutOfMemoryError)
    expectSound(heap)
  })

  it('free(0) and realloc(0, n) are null, as in C', () => {
    const before = heap.stats().liveBlocks
    heap.free(0)
    heap.free(0, 64)
    const p = heap.realloc(0, 10)
    expect(heap.isBlock(p)).toBe(true)
    heap.free(p)
    expect(heap.stats().liveBlocks).toBe(before)
  })
})

describe('the errors themselves', () => {
  it('are of their classes, with names, codes and messages that say what to do', () => {
    const heap = Heap.create({ name: 'guest' })
    const block = heap.alloc(64)
    const argument = thrownBy(() => heap.alloc(-1))
    expect(argument).toBeInstanceOf(ArgumentError)
    expect(argument).toBeInstanceOf(RangeError)
    expect(argument).toBeInstanceOf(HeapwrightError)
    expect(argument).not.toBeInstanceOf(InvalidAddressError)
    expect(String(argument)).toBe('ArgumentError: `bytes` must be an integer from 0 to 4294967294; got -1')

    const interior = thrownBy(() => heap.free(block + 16))
    expect(interior).toBeInstanceOf(InvalidAddressError)
    expect(interior).not.toBeInstanceOf(RangeError)
    expect(String(interior)).toContain(`16 bytes inside the block at 0x${block.toString(16)} (64 bytes)`)

    const misaligned = thrownBy(() => heap.free(block + 1))
    expect(misaligned).toBeInstanceOf(MisalignmentError)
    expect(misaligned).toBeInstanceOf(InvalidAddressError)
    expect(String(thrownBy(() => heap.free(16)))).toContain("heap 'guest'")
    expect(new Error('other')).not.toBeInstanceOf(HeapwrightError)
    expect(undefined).not.toBeInstanceOf(HeapwrightError)
  })

  it('a closed heap, and what was made from it, throws ClosedError from every call', () => {
    const heap = Heap.create()
    const block = heap.alloc(64)
    const [arena, pool, view, raw] = [
      heap.arena(),
      heap.pool({ size: 16, count: 1 }),
      heap.viewOf(Int32Array, block, 4),
      heap.raw,
    ]
    heap.close()
    heap.close()
    const calls: (() => unknown)[] = [
      () => heap.alloc(1),
      () => heap.tryAlloc(1),
      () => heap.calloc(1, 1),
      () => heap.allocAligned(1, 16),
      () => heap.realloc(block, 1),
      () => heap.free(block),
      () => heap.usableSize(block),
      () => heap.isBlock(block),
      () => heap.isBlock(-1),
      () => [...heap.blocks()],
      () => heap.reset(),
      () => heap.releaseCaches(),
      () => heap.arena(),
      () => heap.pool({ size: 16, count: 1 }),
      () => heap.fixedArena({ base: block, limit: block + 16 }),
      () => heap.guard(16),
      () => heap.readI32(block),
      () => heap.writeI32(block, 1),
      () => heap.checked.readI32(block, 0),
      () => heap.view(Uint8Array, block, 1),
      () => heap.copy(block, block, 1),
      () => heap.stats(),
      () => heap.report(),
      () => heap.verify(),
      () => heap.limitBytes,
      () => heap.raw,
      () => heap.on('grow', () => {}),
      () => heap.addReclaimer(() => {}),
      () => arena.alloc(1),
      () => arena.mark(),
      () => pool.acquire(),
      () => pool.stats(),
      () => view.array,
    ]
    for (const call of calls) expect(call, String(call)).toThrow(ClosedError)
    expect(raw.u8.length).toBe(0)
    arena.dispose()
    pool.dispose()
  })
})

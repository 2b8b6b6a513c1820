/**
 * Goal: typed access reads and writes what `DataView` would, at any address up to 4 GiB, and survives growth by
 * anybody.
 * Method: every access is compared with a `DataView` made afresh; the memory is grown behind the heap's back in
 * between.
 * A failure means: a wrong value, a write outside the memory or the block, or a detached view.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, Heap, InvalidAddressError, MisalignmentError, type TypedArray } from '../src/index.js'
import { random } from './support/random.js'
import { expectRefused, thrownBy } from './support/refusal.js'

const NUMBERS = ['I8', 'U8', 'I16', 'U16', 'I32', 'U32', 'F32', 'F64'] as const
const BIGINTS = ['I64', 'U64'] as const
const VIEW_NAMES = {
  I8: 'Int8',
  U8: 'Uint8',
  I16: 'Int16',
  U16: 'Uint16',
  I32: 'Int32',
  U32: 'Uint32',
  F32: 'Float32',
  F64: 'Float64',
  I64: 'BigInt64',
  U64: 'BigUint64',
} as const
const BYTES = { I8: 1, U8: 1, I16: 2, U16: 2, I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8 } as const
const VALUES = [0, -0, 1, -1, 127, 128, 255, 65535, 2 ** 31, -(2 ** 31), 2 ** 32, 1.5, Number.NaN, -1e300, 5e-324]

const newHeap = () => Heap.create({ limit: '64MiB', initial: 0 })
const fresh = (heap: Heap) => new DataView(heap.memory.buffer)

describe('typed access', () => {
  it('agrees with DataView for every type, value and alignment', () => {
    const heap = newHeap()
    const block = heap.alloc(64)
    for (const offset of [0, 1, 2, 3, 4, 7, 13]) {
      const at = block + offset
      for (const type of NUMBERS) {
        for (const value of VALUES) {
          heap[`write${type}`](at, value)
          const expected = fresh(heap)[`get${VIEW_NAMES[type]}` as const](at, true)
          expect(heap[`read${type}`](at)).toBe(expected)
          heap.checked[`write${type}`](block, offset, value)
          expect(heap.checked[`read${type}`](block, offset)).toBe(expected)
        }
      }
      for (const type of BIGINTS) {
        for (const value of [0n, -1n, 2n ** 63n, 2n ** 64n - 1n, 1234567890123456789n]) {
          heap[`write${type}`](at, value)
          const expected = fresh(heap)[`get${VIEW_NAMES[type]}` as const](at, true)
          expect(heap[`read${type}`](at)).toBe(expected)
          heap.checked[`write${type}`](block, offset, value)
          expect(heap.checked[`read${type}`](block, offset)).toBe(expected)
        }
      }
    }
  })

  it('refuses addresses whose bytes are not all inside the memory', () => {
    const heap = newHeap()
    const end = heap.memory.buffer.byteLength
    for (const type of [...NUMBERS, ...BIGINTS]) {
      const value = (type === 'I64' || type === 'U64' ? 1n : 1) as never
      heap[`read${type}`](end - BYTES[type])
      for (const at of [end - BYTES[type] + 1, end, 2 ** 32 - 1]) {
        expectRefused(heap, () => heap[`read${type}`](at), { code: 'HW_ARGUMENT', argument: 'address' })
        expectRefused(heap, () => heap[`write${type}`](at, value), { code: 'HW_ARGUMENT', argument: 'address' })
      }
    }
  })

  it('refuses values of another type', () => {
    const heap = newHeap()
    const block = heap.alloc(64)
    for (const wrong of [undefined, null, '1', 1n, {}]) {
      expectRefused(heap, () => heap.writeI32(block, wrong as never), { code: 'HW_ARGUMENT', argument: 'value' })
      expectRefused(heap, () => heap.checked.writeF64(block, 0, wrong as never), { code: 'HW_ARGUMENT' })
    }
    expectRefused(heap, () => heap.writeI64(block, 1 as never), { code: 'HW_ARGUMENT', argument: 'value' })
  })

  it('goes on after growth, whoever grew the memory', () => {
    const heap = newHeap()
    const block = heap.alloc(64)
    heap.writeI32(block, 7)
    for (let i = 0; i < 5; i++) {
      heap.memory.grow(i % 2)
      expect(heap.readI32(block)).toBe(7)
      heap.memory.grow(1)
      heap.writeI32(block, 7)
      heap.memory.grow(1)
      expect(heap.raw.i32[block >>> 2]).toBe(7)
      expect(heap.checked.readI32(block, 0)).toBe(7)
    }
    heap.memory.grow(1)
    heap.writeF64(heap.memory.buffer.byteLength - 8, 1.5)
    expect(heap.raw.f64.at(-1)).toBe(1.5)
  })
})

describe('checked access', () => {
  it('stays inside the block', () => {
    const heap = newHeap()
    for (const bytes of [1, 100, 40_000, 3_000_000]) {
      const block = heap.alloc(bytes)
      const usable = heap.usableSize(block)
      for (const type of [...NUMBERS, ...BIGINTS]) {
        const last = usable - BYTES[type]
        heap.checked[`read${type}`](block, last)
        for (const offset of [-1, last + 1, usable, 2 ** 32, 0.5, Number.NaN, '0', undefined]) {
          const error = thrownBy(() => heap.checked[`read${type}`](block, offset as number))
          expect(error).toBeInstanceOf(ArgumentError)
          expect(error).toBeInstanceOf(RangeError)
          expect(error).toMatchObject({ argument: 'offset', value: offset })
        }
      }
    }
    expect(() => heap.checked.readU8(4096, 0)).toThrow(InvalidAddressError)
  })
})

describe('bulk operations', () => {
  it('copy, fill, compare, writeBytes and readBytes do as on an array', () => {
    const next = random(1)
    const heap = newHeap()
    const block = heap.alloc(1000)
    const model = new Uint8Array(1000)
    heap.fill(block, 1000, 0)
    for (let i = 0; i < 500; i++) {
      const [to, from, bytes] = [next(900), next(900), next(100)]
      const data = Uint8Array.from({ length: next(100) }, () => next(3))
      if (i % 3 === 0) {
        heap.copy(block + to, block + from, bytes)
        model.copyWithin(to, from, from + bytes)
      } else if (i % 3 === 1) {
        heap.writeBytes(block + to, data)
        model.set(data, to)
      } else {
        heap.fill(block + to, bytes, i % 256)
        model.fill(i % 256, to, to + bytes)
      }
      expect(heap.readBytes(block, 1000)).toEqual(model)
      const order = Math.sign(Buffer.compare(model.subarray(to, to + bytes), model.subarray(from, from + bytes)))
      expect(heap.compare(block + to, block + from, bytes)).toBe(order)
    }
  })

  it('refuse ranges that leave the memory, and bytes that are none', () => {
    const heap = newHeap()
    const block = heap.alloc(100)
    const end = heap.memory.buffer.byteLength
    const refuse = (action: () => unknown, argument: string) =>
      expectRefused(heap, action, { code: 'HW_ARGUMENT', argument })
    refuse(() => heap.copy(end - 10, block, 11), 'to')
    refuse(() => heap.copy(block, end - 10, 11), 'from')
    refuse(() => heap.compare(end, block, 1), 'a')
    refuse(() => heap.compare(block, end, 1), 'b')
    refuse(() => heap.fill(end - 1, 2, 0), 'address')
    refuse(() => heap.fill(block, 2, 256), 'byte')
    refuse(() => heap.fill(block, 2, -1), 'byte')
    refuse(() => heap.readBytes(end - 1, 2), 'address')
    refuse(() => heap.writeBytes(end - 1, new Uint8Array(2)), 'address')
    refuse(() => heap.writeBytes(block, [1, 2] as never), 'bytes')
    expect(heap.readBytes(end, 0)).toEqual(new Uint8Array(0))
    const copy = heap.readBytes(block, 4)
    heap.memory.grow(1)
    expect(copy.length).toBe(4)
  })
})

describe('views', () => {
  const TYPES = [
    ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
    ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
  ]

  it('cover exactly what was asked for, inside the block', () => {
    const heap = newHeap()
    const block = heap.alloc(128)
    for (const type of TYPES) {
      const view: TypedArray = heap.view(type as typeof Int8Array, block + 16, 112 / type.BYTES_PER_ELEMENT)
      expect(view.byteOffset).toBe(block + 16)
      expect(view.byteLength).toBe(112)
      expect(view.buffer).toBe(heap.memory.buffer)
      const over = 112 / type.BYTES_PER_ELEMENT + 1
      const fields = { code: 'HW_ARGUMENT', argument: 'count', value: over }
      expectRefused(heap, () => heap.view(type as typeof Int8Array, block + 16, over), fields)
    }
    heap.view(Int32Array, block, 1)[0] = 9
    expect(heap.readI32(block)).toBe(9)
  })

  it('refuse misaligned, foreign and freed addresses', () => {
    const heap = newHeap()
    const block = heap.alloc(128)
    expect(thrownBy(() => heap.view(Float64Array, block + 4, 1))).toBeInstanceOf(MisalignmentError)
    expectRefused(heap, () => heap.view(Int16Array, block + 1, 1), { code: 'HW_MISALIGNED', alignment: 2 })
    expectRefused(heap, () => heap.view(Uint8Array, 4096, 1), { code: 'HW_INVALID_ADDRESS', reason: 'foreign' })
    expectRefused(heap, () => heap.view(undefined as never, block, 1), { code: 'HW_ARGUMENT', argument: 'type' })
    heap.free(block)
    expectRefused(heap, () => heap.view(Uint8Array, block, 1), { code: 'HW_INVALID_ADDRESS', reason: 'double-free' })
  })

  it('work in blocks of a pool', () => {
    const heap = newHeap()
    using pool = heap.pool({ size: 64, count: 2 })
    const block = pool.acquire()
    expect(heap.view(Int32Array, block, 16).length).toBe(16)
    expect(() => heap.view(Int32Array, block, 17)).toThrow(ArgumentError)
  })

  it('viewOf is attached after any growth, and notices a freed block', () => {
    const heap = newHeap()
    const block = heap.alloc(64)
    const view = heap.viewOf(Int32Array, block, 16)
    const empty = heap.viewOf(Int32Array, block, 0)
    view.array[3] = 5
    const kept = view.array
    heap.memory.grow(1)
    expect(kept.length).toBe(0)
    expect(view.array[3]).toBe(5)
    expect(view.array).toBe(view.array)
    expect(empty.array.length).toBe(0)
    for (let i = 0; i < 40; i++) heap.alloc(1_000_000)
    expect(view.array[3]).toBe(5)
    heap.free(block)
    heap.memory.grow(1)
    expect(() => view.array).toThrow(InvalidAddressError)
  })

  it('raw views are current after growth', () => {
    const heap = newHeap()
    const { raw } = heap
    const block = raw.alloc(64) >>> 0
    raw.u32[block >>> 2] = 0xdeadbeef
    while (heap.memory.buffer.byteLength < 2 ** 22) raw.alloc(10_000)
    expect(raw.u32[block >>> 2]).toBe(0xdeadbeef)
    expect([raw.u8[block], raw.u16[block >>> 1], raw.i32[block >>> 2]]).toEqual([0xef, 0xbeef, 0xdeadbeef | 0])
    expect(raw.data.getUint32(block, true)).toBe(0xdeadbeef)
    expect(raw.u64[block >>> 3]).toBe(raw.i64[block >>> 3])
    expect([raw.i8, raw.i16, raw.f32, raw.f64].every((view) => view.buffer === heap.memory.buffer)).toBe(true)
    expect(raw.free(block)).toBe(0)
    expect(raw.free(block)).not.toBe(0)
  })
})

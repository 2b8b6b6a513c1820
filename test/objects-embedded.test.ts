/**
 * Goal: the smallest mode does with objects what `vm` does, in one buffer, and says what it does not have.
 * Method: buffers from 2 KiB up, filled and emptied again; a buffer inside a given memory whose other bytes are
 * compared.
 * A failure means: a small device that runs out of memory with garbage in it, or writes where it must not.
 */
import { describe, expect, it } from 'vitest'
import { f64, Heap, i32, ref, struct } from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node'), weight: f64 })

describe('mode embedded', () => {
  it.each([2048, 10_240, 65_536, 1_000_000])('fills and empties a buffer of %i bytes', (limit) => {
    const heap = Heap.create({ mode: 'embedded', limit, debug: true })
    expect(heap.limitBytes).toBe(limit)
    using _ = heap.scope()
    const first = heap.new(Node, { value: -1 })
    const counts: number[] = []
    for (let round = 0; round < 3; round++) {
      let count = 0
      const fill = () => {
        for (;;) {
          using _inner = heap.scope()
          first.next = heap.new(Node, { value: count, next: first.next, weight: count / 2 })
          count++
        }
      }
      expect(thrownBy(fill)).toMatchObject({ code: 'HW_OUT_OF_MEMORY', totalBytes: limit })
      expectSound(heap)
      counts.push(count)
      {
        using _inner = heap.scope()
        expect([first.next?.value, first.next?.weight]).toEqual([count - 1, (count - 1) / 2])
      }
      first.next = null
      expect(heap.collect()).toMatchObject({ liveObjects: 1 })
    }
    // A node takes 32 bytes; what is left over is the control block, the types and the roots.
    expect(counts[0]).toBeGreaterThan((limit - 1400) / 40)
    expect(new Set(counts).size).toBe(1)
    heap.reset()
    using _after = heap.scope()
    expect(heap.new(Node, { value: 4 }).value).toBe(4)
    expectSound(heap)
  })

  it('keeps to its buffer in a given memory, where another program finds it', () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    new Uint8Array(memory.buffer).fill(0xa5)
    const [base, end] = [1000, 9000]
    const heap = Heap.create({ mode: 'embedded', memory, base, end })
    using _ = heap.scope()
    heap.globalObject = heap.new(Node, { value: 9 })
    for (let i = 0; i < 1000; i++) {
      using _inner = heap.scope()
      heap.new(Node)
    }
    heap.compact()
    const bytes = new Uint8Array(memory.buffer)
    expect(bytes.subarray(0, base).every((byte) => byte === 0xa5)).toBe(true)
    expect(bytes.subarray(end).every((byte) => byte === 0xa5)).toBe(true)
    const refusal = thrownBy(() => Heap.create({ mode: 'embedded', memory, base, end }))
    expect(refusal).toMatchObject({ argument: 'base' })
    const second = Heap.attach(memory, base)
    expect(second.mode).toBe('embedded')
    using _second = second.scope()
    const again = struct('Node', { value: i32, next: ref('Node'), weight: f64 })
    second.new(again)
    expect(second.globalObject?.is(again) && second.globalObject.value).toBe(9)
  })

  it('has blocks, and says what else it has not', () => {
    const heap = Heap.create({ mode: 'embedded' })
    const block = heap.alloc(100)
    heap.writeI32(block, 42)
    expect(heap.usableSize(block)).toBeGreaterThanOrEqual(100)
    expect(heap.isBlock(block)).toBe(true)
    const table: [string, () => unknown][] = [
      ['arenas', () => heap.arena()],
      ['pools', () => heap.pool({ size: 16, count: 1 })],
      ['realloc', () => heap.realloc(block, 200)],
      ['list of its blocks', () => [...heap.blocks()]],
    ]
    for (const [feature, use] of table) {
      const error = thrownBy(use)
      expect(error).toMatchObject({ code: 'HW_UNSUPPORTED', mode: 'embedded' })
      expect(String(error)).toContain(`mode 'embedded' has no ${feature}`)
    }
    heap.free(block)
    for (const wrong of [block, block + 8, 2 ** 31, 8]) {
      expect(thrownBy(() => heap.free(wrong))).toMatchObject({ code: 'HW_INVALID_ADDRESS' })
    }
    expect(thrownBy(() => heap.free(block + 1))).toMatchObject({ code: 'HW_MISALIGNED' })
    expectSound(heap)
  })
})

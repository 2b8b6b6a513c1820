/**
 * Goal: running out of memory is an answer: reclaimers run first, the error has exact figures, and the heap stays
 * whole.
 * Method: heaps at their limit, growth refused by the testing knob, reclaimers and listeners that use the heap
 * themselves or throw.
 * A failure means: a trap, a torn heap, a lost address, an endless recursion, or figures that do not help.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HEAP_END_AT, HEAP_SCRATCH_AT } from '../kernel/layout.js'
import {
  ArgumentError,
  CorruptionError,
  type GrowEvent,
  Heap,
  OutOfMemoryError,
  type OutOfMemoryFigures,
} from '../src/index.js'
import { random } from './support/random.js'
import { expectSound, thrownBy } from './support/refusal.js'

const MIB = 2 ** 20

function fill(heap: Heap, bytes: number): number[] {
  const blocks: number[] = []
  for (let block = heap.tryAlloc(bytes); block !== 0; block = heap.tryAlloc(bytes)) blocks.push(block)
  return blocks
}

describe('out of memory', () => {
  it('reports what was asked for, what there is, what is used, and the limit', () => {
    const heap = Heap.create({ limit: '2MiB' })
    heap.alloc(1_000_000)
    const error = thrownBy(() => heap.alloc(1_500_000))
    expect(error).toBeInstanceOf(OutOfMemoryError)
    const { requestedBytes, availableBytes, usedBytes, totalBytes } = error as OutOfMemoryError
    expect({ requestedBytes, totalBytes }).toEqual({ requestedBytes: 1_500_000, totalBytes: 2 * MIB })
    expect(usedBytes).toBe(heap.stats().inUseBytes)
    expect(availableBytes).toBeLessThan(1_500_000)
    expect(availableBytes + usedBytes).toBeLessThan(2 * MIB)
    expect(availableBytes + usedBytes).toBeGreaterThan(1.8 * MIB)
  })

  it('names the longest free run where there is enough in all, alike in the event and the error', () => {
    const heap = Heap.create({ limit: '2MiB' })
    const blocks = fill(heap, 100_000)
    blocks.forEach((block, i) => {
      if (i % 2 === 0) heap.free(block)
    })
    let told: OutOfMemoryFigures | undefined
    heap.on('outOfMemory', (figures) => {
      told = figures
    })
    const error = thrownBy(() => heap.alloc(300_000)) as OutOfMemoryError
    expect(error).toMatchObject({ ...told })
    expect(heap.tryAlloc(300_000)).toBe(0)
    expect(error).toMatchObject({ ...told })
    expect(error.availableBytes).toBeGreaterThan(300_000)
    expect(error.largestFreeBytes).toBe(heap.stats().largestFreeRunBytes)
    expect(error.largestFreeBytes).toBeLessThan(300_000)
    expect(error.message).toContain(`the longest free run has ${error.largestFreeBytes}`)
    expect(String(thrownBy(() => heap.alloc(3_000_000)))).not.toContain('longest')
  })

  it('leaves every block as it was, for every kind of request', () => {
    for (const bytes of [16, 1000, 5000, 50_000]) {
      const heap = Heap.create({ limit: '3MiB' })
      const blocks = fill(heap, bytes)
      blocks.forEach((block, i) => {
        heap.writeU32(block, i)
      })
      const requests = [
        () => heap.alloc(4 * MIB),
        () => heap.calloc(1024, 4096),
        () => heap.allocAligned(bytes, 65536),
        () => heap.realloc(blocks[0] as number, 4 * MIB),
        () => heap.arena().alloc(4 * MIB),
        () => heap.pool({ size: 1000, count: 10_000 }),
        () => heap.guard(4 * MIB),
      ]
      for (const request of requests) expect(request).toThrow(OutOfMemoryError)
      blocks.forEach((block, i) => {
        expect(heap.readU32(block)).toBe(i)
      })
      expectSound(heap)
      for (const block of blocks) heap.free(block)
      expect(heap.alloc(2 * MIB)).toBeGreaterThan(0)
    }
  })

  it('is the answer when the memory refuses to grow, at any moment', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const next = random(seed)
      let refuses = false
      const heap = Heap.create({
        initial: 0,
        limit: '64MiB',
        testing: { growth: () => !refuses },
        debug: seed % 2 === 0,
      })
      const live = new Map<number, number>()
      for (let step = 0; step < 400; step++) {
        refuses = next(3) === 0
        const bytes = next(4) === 0 ? next(2_000_000) : next(3000)
        const block = heap.tryAlloc(bytes)
        if (block === 0) {
          expect(refuses, `seed ${seed}`).toBe(true)
          continue
        }
        expect(live.has(block)).toBe(false)
        live.set(block, bytes)
        if (live.size > 40) {
          const [victim] = [...live.keys()]
          heap.free(victim as number)
          live.delete(victim as number)
        }
      }
      expectSound(heap)
      expect([...heap.blocks()].map((b) => b.address as number)).toEqual([...live.keys()].sort((a, b) => a - b))
    }
  })

  it('is the answer, too, when not even the first bytes can be had', () => {
    expect(() => Heap.create({ initial: 0, testing: { growth: () => false } })).toThrow(OutOfMemoryError)
    const full = new WebAssembly.Memory({ initial: 2, maximum: 2 })
    expect(() => Heap.create({ memory: full })).toThrow(OutOfMemoryError)
    expect(() => Heap.create({ memory: full })).toThrow('the memory of 131072 bytes refuses to grow')
  })
})

describe('kept pages', () => {
  it('are given back before a request fails', () => {
    const heap = Heap.create({ limit: 100_000 })
    // One empty page stays for each class that was ever used.
    for (let bytes = 16; bytes <= 1024; bytes += 16) heap.free(heap.alloc(bytes))
    expect(heap.stats().inUseBytes).toBe(0)
    const reclaimer = vi.fn()
    heap.addReclaimer(reclaimer)
    expect(heap.alloc(60_000)).toBeGreaterThan(0)
    expect(reclaimer).not.toHaveBeenCalled()
    expectSound(heap)
  })
})

describe('reclaimers', () => {
  it('run by priority, each followed by another try, until there is room', () => {
    const heap = Heap.create({ limit: '2MiB' })
    let cache = heap.alloc(500_000)
    const calls: string[] = []
    heap.addReclaimer((bytes) => void calls.push(`low ${bytes}`), { priority: -1 })
    heap.addReclaimer((bytes) => void calls.push(`first ${bytes}`), { priority: 10 })
    heap.addReclaimer(() => {
      calls.push('cache')
      heap.free(cache)
      cache = 0 as typeof cache
    })
    fill(heap, 2000).length = 0
    expect(cache).toBe(0)
    expect(calls.slice(0, 2)).toEqual(['first 2000', 'cache'])
    calls.length = 0
    expect(heap.tryAlloc(2_000_000)).toBe(0)
    expect(calls).toEqual(['first 2000000', 'cache', 'low 2000000'])
    expectSound(heap)
  })

  it('serve every kind of request', () => {
    const requests: ((heap: Heap, block: number) => unknown)[] = [
      (heap) => heap.alloc(600_000),
      (heap) => heap.tryAlloc(600_000),
      (heap) => heap.calloc(600, 1000),
      (heap) => heap.allocAligned(600_000, 4096),
      (heap, block) => heap.realloc(block, 600_000),
      (heap) => heap.arena().alloc(600_000),
      (heap) => heap.pool({ size: 6000, count: 100 }),
      (heap) => heap.guard(600_000),
    ]
    for (const request of requests) {
      const heap = Heap.create({ limit: '2MiB' })
      const block = heap.alloc(100)
      const caches = [heap.alloc(700_000), ...fill(heap, 20_000)]
      heap.addReclaimer(() => {
        for (const cache of caches.splice(0)) heap.free(cache)
      })
      expect(request(heap, block), String(request)).toBeTruthy()
      expect(caches).toEqual([])
      expectSound(heap)
    }
  })

  it('may use the heap; their own failing requests fail at once', () => {
    const heap = Heap.create({ limit: '2MiB' })
    const blocks = fill(heap, 10_000)
    let depth = 0
    const inner: unknown[] = []
    heap.addReclaimer(() => {
      expect(++depth).toBe(1)
      inner.push(
        thrownBy(() => heap.alloc(100_000)),
        heap.tryAlloc(100_000),
      )
      for (let i = 0; i < 10; i++) heap.free(blocks.pop() as number)
      heap.free(heap.alloc(100))
      depth--
    })
    heap.alloc(60_000)
    expect(inner).toEqual([expect.any(OutOfMemoryError), 0])
    expectSound(heap)
  })

  it('can be taken off, also while they run', () => {
    const heap = Heap.create({ limit: '2MiB' })
    const calls: number[] = []
    const off = heap.addReclaimer(() => {
      calls.push(1)
      off()
      off()
    })
    heap.addReclaimer(() => void calls.push(2))
    heap.tryAlloc(4 * MIB)
    heap.tryAlloc(4 * MIB)
    expect(calls).toEqual([1, 2, 2])
  })

  it('are not asked for what no heap could meet', () => {
    const heap = Heap.create({ limit: '2MiB' })
    const reclaimer = vi.fn()
    heap.addReclaimer(reclaimer)
    expect(heap.tryAlloc(2 ** 32 - 2)).toBe(0)
    expect(() => heap.calloc(2 ** 31, 16)).toThrow(OutOfMemoryError)
    expect(reclaimer).not.toHaveBeenCalled()
  })

  it('must be functions, and priorities numbers', () => {
    const heap = Heap.create()
    expect(() => heap.addReclaimer(5 as never)).toThrow(ArgumentError)
    expect(() => heap.addReclaimer(() => {}, { priority: Number.NaN })).toThrow(ArgumentError)
    expect(() => heap.addReclaimer(() => {}, { prio: 1 } as never)).toThrow(ArgumentError)
  })

  it('that close the heap end the request with ClosedError', () => {
    const heap = Heap.create({ limit: '2MiB' })
    heap.addReclaimer(() => heap.close())
    expect(() => heap.alloc(4 * MIB)).toThrow('closed')
  })
})

describe('what reclaimers throw', () => {
  const heap = Heap.create({ limit: '2MiB' })
  const thrown = [new Error('first'), new Error('second')]
  const failing = (error: Error) => () => {
    // A request of its own fails for its own reason.
    expect(thrownBy(() => heap.alloc(5 * MIB))).not.toHaveProperty('cause')
    throw error
  }
  let off = heap.addReclaimer(failing(thrown[0] as Error), { priority: 1 })

  it('is the cause of the error', () => {
    for (let i = 0; i < 2; i++) {
      const error = thrownBy(() => heap.alloc(4 * MIB))
      expect(error).toBeInstanceOf(OutOfMemoryError)
      expect((error as Error).cause).toBe(thrown[0])
    }
    expect(heap.tryAlloc(4 * MIB)).toBe(0)
    expect(thrownBy(() => heap.alloc(2 ** 32 - 2))).not.toHaveProperty('cause')
  })

  it('is an AggregateError when several throw', () => {
    const offSecond = heap.addReclaimer(failing(thrown[1] as Error))
    const { cause } = thrownBy(() => heap.alloc(4 * MIB)) as Error
    expect(cause).toBeInstanceOf(AggregateError)
    expect((cause as AggregateError).errors).toEqual(thrown)
    offSecond()
  })

  it('does not keep the request from being met by another', () => {
    const cache = heap.alloc(1_500_000)
    const offCache = heap.addReclaimer(() => heap.free(cache))
    expect(heap.alloc(1_000_000)).toBeGreaterThan(0)
    offCache()
    off()
    off = () => {}
    expect(thrownBy(() => heap.alloc(4 * MIB))).not.toHaveProperty('cause')
    expectSound(heap)
  })
})

describe('a control block that was overwritten', () => {
  it('is a CorruptionError for the figures and for a request that runs out of memory', () => {
    const damaged = () => {
      const heap = Heap.create({ limit: '2MiB' })
      heap.fill(heap.base + HEAP_END_AT, 192 - HEAP_END_AT, 0xff)
      return heap
    }
    expect(() => damaged().stats()).toThrow(CorruptionError)
    expect(() => damaged().report()).toThrow(CorruptionError)
    const heap = Heap.create({ limit: '2MiB' })
    heap.writeU32(heap.base + HEAP_SCRATCH_AT, 0xfffffff0)
    const error = thrownBy(() => heap.alloc(4 * MIB))
    expect(error).toBeInstanceOf(CorruptionError)
    expect((error as Error).cause).toBeInstanceOf(WebAssembly.RuntimeError)
  })
})

describe('events', () => {
  it('grow is told once a call is over, with the sizes before and after', () => {
    const heap = Heap.create({ limit: '256MiB', initial: 0 })
    const events: GrowEvent[] = []
    const bytes = () => heap.memory.buffer.byteLength
    heap.alloc(1000)
    let last = bytes()
    const off = heap.on('grow', (event) => {
      expect(event.currentBytes).toBe(bytes())
      expect(event.previousBytes).toBe(last)
      last = event.currentBytes
      events.push(event)
      // The heap is consistent and may be used.
      heap.free(heap.alloc(50))
      expectSound(heap)
    })
    const blocks = Array.from({ length: 100 }, (_, i) => heap.alloc(i * 5000))
    expect(events.length).toBeGreaterThan(3)
    expect(events.at(-1)?.currentBytes).toBe(bytes())
    expect(blocks.every((block) => heap.isBlock(block))).toBe(true)
    using arena = heap.arena()
    arena.alloc(20_000_000)
    expect(last).toBe(bytes())
    const count = events.length
    off()
    off()
    heap.alloc(20_000_000)
    expect(events.length).toBe(count)
  })

  it('grow listeners that allocate and so grow the memory do not lose an address', () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    const inner: number[] = []
    heap.on('grow', () => {
      if (inner.length < 5) inner.push(heap.alloc(3_000_000))
    })
    const outer = heap.alloc(1_000_000)
    expect(new Set([...inner, outer]).size).toBe(6)
    expect([...heap.blocks()].map((b) => b.address).sort()).toEqual([...inner, outer].sort())
    expectSound(heap)
  })

  it('outOfMemory comes after the reclaimers, also for tryAlloc, and does not nest', () => {
    const heap = Heap.create({ limit: '2MiB' })
    const order: unknown[] = []
    heap.addReclaimer(() => void order.push('reclaimer'))
    heap.on('outOfMemory', (figures: OutOfMemoryFigures) => {
      order.push(figures.requestedBytes)
      expect(() => heap.alloc(3 * MIB)).toThrow(OutOfMemoryError)
    })
    expect(heap.tryAlloc(4 * MIB)).toBe(0)
    expect(order).toEqual(['reclaimer', 4 * MIB, 'reclaimer'])
    const error = thrownBy(() => heap.alloc(5 * MIB))
    expect(error).toMatchObject({ requestedBytes: 5 * MIB })
  })

  it('reset and close are told', () => {
    const heap = Heap.create({ name: 'told' })
    const told: unknown[] = []
    heap.on('reset', (event) => told.push(event.generation))
    heap.on('close', (event) => told.push(event.name))
    heap.reset()
    heap.reset()
    heap.close()
    heap.close()
    expect(told).toEqual([1, 2, 'told'])
  })

  it('unknown events and listeners that are none are refused', () => {
    const heap = Heap.create()
    expect(() => heap.on('grown' as never, () => {})).toThrow(ArgumentError)
    expect(() => heap.on('grow', 5 as never)).toThrow(ArgumentError)
  })

  describe('what listeners throw', () => {
    const surfaced: (() => void)[] = []
    beforeEach(() => {
      surfaced.length = 0
      vi.stubGlobal('queueMicrotask', (task: () => void) => surfaced.push(task))
    })
    afterEach(() => {
      vi.unstubAllGlobals()
    })

    it('surfaces in a microtask; the call completes and the others are told', () => {
      const heap = Heap.create({ limit: '64MiB', initial: 0 })
      const told = vi.fn()
      heap.on('grow', () => {
        throw new Error('listener')
      })
      heap.on('grow', told)
      const block = heap.alloc(1_000_000)
      expect(heap.isBlock(block)).toBe(true)
      expect(told).toHaveBeenCalledOnce()
      expect(surfaced.length).toBe(1)
      expect(surfaced[0]).toThrow('listener')
      expectSound(heap)
    })
  })
})

/**
 * Goal: a replay does to a heap what the traced program did to `malloc`, counts it right, and notices a heap that does
 * not keep its word. Method: the six recorded traces against the table that a separate program counted; random event
 * lists against a plain recount; heaps with one fault each, put between the checked pass and a real heap. A failure
 * means that the figures of `heapwright replay` cannot be trusted, or that `verified` says nothing.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EventList, EventListBuilder, OP_ALLOC, OP_FREE } from '../src/formats/event-list.js'
import { readMtrace } from '../src/formats/mtrace.js'
import { Heap } from '../src/heap.js'
import { checkedPass } from '../src/replay/checked-pass.js'
import { liveFigures, sizeBuckets } from '../src/replay/live.js'
import { fillPattern, findDamage } from '../src/replay/pattern.js'
import { replay } from '../src/replay/replay.js'
import { roomyLimit } from '../src/replay/room.js'
import { mapHeap } from '../src/replay/sample.js'
import type { Address, BlockInfo, ModeName } from '../src/types.js'
import { readTrace, TRACES, tracePath } from './traces.js'

const BLOCK_MODES: readonly ModeName[] = ['manual', 'compiler']
const COLLECTING_MODES: readonly ModeName[] = ['vm', 'runtime', 'server', 'embedded']
const MODES: readonly ModeName[] = [...BLOCK_MODES, ...COLLECTING_MODES]
/** `embedded` has traces that do not fit it, and its verifier takes seconds on the larger ones. */
const EMBEDDED_TRACES = ['tree', 'sqlite']
const LIMIT = 2 ** 32 - 65536
const TRACE_TIMEOUT_MS = 120_000

function listOf(text: string): EventList {
  return readMtrace(new TextEncoder().encode(text), 'test')
}

describe.each(TRACES)('the trace $name', (counts) => {
  const path = tracePath(counts.name)

  it.skipIf(path === undefined).each(BLOCK_MODES)(
    'is counted as recorded and verified in mode %s',
    async (mode) => {
      const events = await readTrace(path as string)
      const { result, faults, timeline, peak } = replay(events, { mode, limit: LIMIT, repeats: 1 })
      const { name: _, ...expected } = counts
      expect(faults).toEqual([])
      expect(result).toMatchObject({ ...expected, trace: path, mode, skipped: 1, failed: 0, verified: true })
      expect(result.events).toBe(counts.allocs + counts.frees + counts.reallocs)
      expect(result.seconds).toBeGreaterThan(0)
      expect(result.nsPerEvent).toBeCloseTo((result.seconds * 1e9) / result.events, 6)
      expect(result.committedPeakBytes).toBeGreaterThanOrEqual(counts.livePeakBytes)
      expect(result.fragmentationAtPeak).toBeGreaterThanOrEqual(1)
      expect(result.collections).toBe(0)
      expect(result.pauses).toEqual({ count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 })
      expect(Math.max(...timeline.liveBytes)).toBe(counts.livePeakBytes)
      expect(timeline.events.length).toBeLessThanOrEqual(1000)
      expect(timeline.events.at(-1)).toBe(result.events)
      expect(peak.map.usableBytes).toBeGreaterThanOrEqual(counts.livePeakBytes)
    },
    TRACE_TIMEOUT_MS,
  )

  it
    .skipIf(path === undefined)
    .each(COLLECTING_MODES.filter((mode) => mode !== 'embedded' || EMBEDDED_TRACES.includes(counts.name)))(
    'is collected and verified in mode %s',
    async (mode) => {
      const events = await readTrace(path as string)
      const { result, faults, peak } = replay(events, { mode, limit: roomyLimit(events, mode), repeats: 1 })
      const { name: _, ...expected } = counts
      expect(faults).toEqual([])
      expect(result).toMatchObject({ ...expected, trace: path, mode, skipped: 1, failed: 0, verified: true })
      expect(result.committedPeakBytes).toBeGreaterThanOrEqual(counts.livePeakBytes)
      expect(result.fragmentationAtPeak).toBeGreaterThanOrEqual(1)
      expect(result.collections).toBeGreaterThan(0)
      expect(result.pauses.count).toBe(result.collections)
      expect(result.pauses.p50Ms).toBeGreaterThan(0)
      expect(result.pauses.p99Ms).toBeGreaterThanOrEqual(result.pauses.p50Ms)
      expect(result.pauses.maxMs).toBeGreaterThanOrEqual(result.pauses.p99Ms)
      expect(result.pauses.maxMs).toBeLessThanOrEqual(result.seconds * 1000)
      // An object's payload is exactly as long as the request.
      expect(peak.map.usableBytes).toBe(counts.livePeakBytes)
    },
    TRACE_TIMEOUT_MS,
  )
})

describe('a collecting mode', () => {
  const churn = Array.from({ length: 3000 }, (_, i) => {
    const [p, q] = [`0x${(i + 1) * 16}0`, `0x${(i + 1) * 16}8`]
    return `+ ${p} 0x${((i * 37) % 900).toString(16)}\n< ${p}\n> ${q} 0x${((i * 53) % 900).toString(16)}\n- ${q}`
  }).join('\n')

  it.each(COLLECTING_MODES)('keeps contents over reallocs while it collects and moves at will: %s', (mode) => {
    const events = listOf(`+ 0x8 0x123\n${churn}\n`)
    const stresses = [
      { collect: 'always', move: true },
      { collect: { random: 7, oneIn: 5 }, move: true },
    ] as const
    for (const stress of stresses) {
      const { result, faults } = replay(events, { mode, limit: '1MiB', stress, repeats: 1 })
      expect(faults).toEqual([])
      expect(result).toMatchObject({ verified: true, failed: 0, endLiveBlocks: 1, endLiveBytes: 0x123 })
      expect(result.collections).toBeGreaterThan(500)
      expect(result.pauses.count).toBe(result.collections)
    }
  })

  it.each(COLLECTING_MODES)('reuses under a limit what was dropped: %s', (mode) => {
    const { result, faults } = replay(listOf(churn), { mode, limit: '256KiB', repeats: 2 })
    expect(faults).toEqual([])
    expect(result).toMatchObject({ verified: true, failed: 0, endLiveBlocks: 0 })
    expect(result.collections).toBeGreaterThan(0)
    expect(result.committedPeakBytes).toBeLessThanOrEqual(256 * 1024)
  })

  it.each(COLLECTING_MODES)('fails only when collecting did not help, and goes on: %s', (mode) => {
    const text = '+ 0x10 0x100\n+ 0x20 0x7fffffff\n+ 0x30 0x200\n- 0x20\n< 0x10\n> 0x40 0x7fffffff\n- 0x40\n'
    const { result, faults } = replay(listOf(text), { mode, limit: '1MiB' })
    expect(faults).toEqual([])
    expect(result).toMatchObject({ events: 6, failed: 2, endLiveBlocks: 1, endLiveBytes: 0x200, verified: true })
  })

  it('is out of room for a trace that is larger than the longest buffer', () => {
    expect(() => roomyLimit(listOf('+ 0x10 0x3800000\n'), 'embedded')).toThrow(
      /^too large for mode 'embedded': 56 MiB live at the peak want a buffer of .*, and the longest is 64 MiB$/,
    )
    expect(roomyLimit(listOf('+ 0x10 0x100000\n'), 'embedded')).toBeGreaterThan(2 * 2 ** 20)
  })
})

describe('out of memory', () => {
  const big = `+ 0x10 0x100\n+ 0x20 0x7fffffff\n+ 0x30 0x200\n- 0x20\n< 0x10\n> 0x40 0x7fffffff\n- 0x40\n`

  it('fails the operation, ignores its free, and leaves the block of a failed realloc', () => {
    const { result, faults } = replay(listOf(big), { mode: 'manual', limit: '8MiB' })
    expect(faults).toEqual([])
    expect(result).toMatchObject({
      events: 6,
      failed: 2,
      skipped: 0,
      livePeakBytes: 0x300,
      livePeakBlocks: 2,
      endLiveBlocks: 1,
      endLiveBytes: 0x200,
      verified: true,
    })
  })

  it('makes the realloc of a block that never was an allocation', () => {
    const { result } = replay(listOf('+ 0x10 0x7fffffff\n< 0x10\n> 0x20 0x40\n'), { mode: 'manual', limit: '8MiB' })
    expect(result).toMatchObject({ failed: 1, reallocs: 1, endLiveBlocks: 1, endLiveBytes: 0x40, verified: true })
  })

  it('is the answer to sizes that do not fit 32 bits', () => {
    const text = '+ 0x10 0xffffffffffffffff\n+ 0x20 0x100000010\n+ 0x30 0xffffffff\n+ 0x40 0\n'
    for (const mode of MODES) {
      const { result, faults } = replay(listOf(text), { mode, limit: mode === 'embedded' ? '1MiB' : LIMIT })
      expect(faults).toEqual([])
      expect(result).toMatchObject({
        failed: 3,
        livePeakBytes: 0,
        endLiveBlocks: 1,
        fragmentationAtPeak: 0,
        verified: true,
      })
    }
  })

  // `runtime` collects here as `vm` does, and takes longest.
  it.each(MODES.filter((mode) => mode !== 'runtime'))(
    'happens to a real program under a limit, in mode %s',
    async (mode) => {
      const events = await readTrace(tracePath('sqlite') as string)
      const { result, faults } = replay(events, { mode, limit: '4MiB', repeats: 2 })
      expect(faults).toEqual([])
      expect(result.failed).toBeGreaterThan(0)
      expect(result.verified).toBe(true)
      expect(result.committedPeakBytes).toBeLessThanOrEqual(4 * 2 ** 20)
      expect(result.livePeakBytes).toBeLessThanOrEqual(result.committedPeakBytes)
    },
    TRACE_TIMEOUT_MS,
  )
})

describe('options', () => {
  it('verified is false when nothing was verified', () => {
    expect(replay(listOf('+ 0x10 0x100\n'), { mode: 'manual', verify: false }).result.verified).toBe(false)
  })

  it('progress goes from 0 to 1', () => {
    const shares: number[] = []
    replay(listOf('+ 0x10 0x100\n- 0x10\n'), { mode: 'manual', onProgress: (share) => shares.push(share) })
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.at(-1)).toBe(1)
  })
})

// ---- heaps that do not keep their word -----------------------------------------------------------------------------

/** A heap of which some members are replaced; the rest goes to a real one. */
function faultyHeap(heap: Heap, faults: Partial<Record<keyof Heap, unknown>>): Heap {
  return new Proxy(heap, {
    get(target, key) {
      if (Object.hasOwn(faults, key)) return faults[key as keyof Heap]
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const STORY = `${Array.from({ length: 64 }, (_, i) => `+ 0x${i + 1}0 0x${(i * 37 + 1).toString(16)}`).join('\n')}
< 0x210
> 0x9000 0x2000
- 0x9000
- 0x10
- 0x20
`

function checkStory(faultsOf: (heap: Heap) => Partial<Record<keyof Heap, unknown>>, mode: ModeName = 'manual') {
  const events = listOf(STORY)
  using heap = Heap.create({ mode })
  return checkedPass(faultyHeap(heap, faultsOf(heap)), events, { failures: [], peakAt: 0, verify: true }).faults
}

describe('a heap that', () => {
  it.each(BLOCK_MODES)('keeps its word has no faults in mode %s', (mode) => {
    expect(checkStory(() => ({}), mode)).toEqual([])
  })

  it('hands out overlapping blocks is found out', () => {
    let previous = 0
    const faults = checkStory((heap) => ({
      tryAlloc: (bytes: number) => {
        const p = previous !== 0 && bytes > 512 ? previous : heap.tryAlloc(bytes)
        previous = p
        return p
      },
    }))
    expect(faults.join('\n')).toMatch(/is not what was written|live blocks/)
  })

  it('gives too few bytes is found out', () => {
    const faults = checkStory((heap) => ({ usableSize: (p: Address) => Math.min(heap.usableSize(p), 256) }))
    expect(faults.join('\n')).toContain('got a block of 256 bytes')
  })

  it('loses the content at realloc is found out', () => {
    const faults = checkStory((heap) => ({
      realloc: (p: Address, bytes: number) => {
        heap.free(p)
        const q = heap.alloc(bytes)
        heap.raw.u8.fill(0, q, q + bytes)
        return q
      },
    }))
    expect(faults[0]).toMatch(
      /^event 64 \(realloc of 8192 bytes\): byte 0 of the block at 0x[0-9a-f]+ is not what was written$/,
    )
  })

  it('writes into live blocks is found out', () => {
    const faults = checkStory((heap) => ({
      free: (p: Address) => {
        const [first] = heap.blocks()
        if (first && first.address !== p) heap.raw.u8[first.address + 3] = 0x55
        heap.free(p)
      },
    }))
    expect(faults.join('\n')).toContain('is not what was written')
  })

  it('forgets to free is found out', () => {
    const faults = checkStory(() => ({ free: () => {} }))
    expect(faults.join('\n')).toContain('with everything freed, ')
  })

  it('fails verification is found out', () => {
    const faults = checkStory(() => ({ verify: () => ({ ok: false, fault: 'the sum is wrong' }) }))
    expect(faults[0]).toMatch(/^after event \d+: the heap is broken: the sum is wrong$/)
  })

  it('fails where it did not fail when timed is found out', () => {
    const faults = checkStory(() => ({ tryAlloc: () => 0 }))
    expect(faults[0]).toBe('event 0 (alloc of 1 bytes) ran out of memory, unlike when timed')
    expect(faults.length).toBe(20)
  })
})

// ---- parts --------------------------------------------------------------------------------------------------------

/** Random consistent event lists with random failures. */
const arbEvents = fc
  .array(fc.tuple(fc.nat(9), fc.nat(5000), fc.boolean()), { minLength: 1, maxLength: 200 })
  .map((steps) => {
    const builder = new EventListBuilder()
    const slots: number[] = []
    const failures: number[] = []
    for (const [choice, size, fails] of steps) {
      const slot = slots[size % Math.max(1, slots.length)]
      if (slot === undefined || choice < 5) slots.push(builder.alloc(size))
      else if (choice < 8) {
        builder.free(slot)
        slots.splice(slots.indexOf(slot), 1)
      } else builder.realloc(slot, size)
      if (fails && choice === 0) failures.push(builder.length - 1)
    }
    return { events: builder.finish('random', 0), failures }
  })

describe('liveFigures', () => {
  it('agrees with a plain recount', () => {
    fc.assert(
      fc.property(arbEvents, ({ events, failures }) => {
        const live = new Map<number, number>()
        const sums: number[] = []
        const counts: number[] = []
        for (let i = 0; i < events.length; i++) {
          const slot = events.slots[i] as number
          if (failures.includes(i)) expect(events.ops[i]).toBe(OP_ALLOC)
          else if (events.ops[i] === OP_FREE) live.delete(slot)
          else live.set(slot, events.sizes[i] as number)
          sums.push([...live.values()].reduce((sum, size) => sum + size, 0))
          counts.push(live.size)
        }
        const most = Math.max(...sums)
        expect(liveFigures(events, failures)).toEqual({
          livePeakBytes: most,
          livePeakBlocks: Math.max(...counts),
          peakAt: most === 0 ? 0 : sums.indexOf(most),
          endLiveBytes: sums.at(-1),
          endLiveBlocks: counts.at(-1),
        })
      }),
    )
  })

  it('random lists replay without faults in every mode', () => {
    fc.assert(
      fc.property(arbEvents, fc.constantFrom(...MODES), ({ events }, mode) => {
        const { result, faults } = replay(events, { mode, limit: '4MiB', repeats: 1 })
        expect(faults).toEqual([])
        expect(result.verified).toBe(true)
      }),
      { numRuns: 40 },
    )
  })
})

describe('sizeBuckets', () => {
  it('counts requests and what is live at the peak, by power of two', () => {
    const events = listOf('+ 0x10 0\n+ 0x20 0x10\n+ 0x30 0x1f\n+ 0x40 0x20\n- 0x20\n')
    expect(sizeBuckets(events, 3).filter((bucket) => bucket.requests > 0)).toEqual([
      { fromBytes: 0, toBytes: 0, requests: 1, peakBlocks: 1, peakBytes: 0 },
      { fromBytes: 16, toBytes: 31, requests: 2, peakBlocks: 2, peakBytes: 47 },
      { fromBytes: 32, toBytes: 63, requests: 1, peakBlocks: 1, peakBytes: 32 },
    ])
    expect(sizeBuckets(events, 3)).toHaveLength(7)
  })
})

describe('patterns', () => {
  it('show any byte that changed, and none that did not', () => {
    const arbCase = fc.record({
      id: fc.nat(),
      bytes: fc.integer({ min: 1, max: 300 }),
      at: fc.nat(299),
      bit: fc.nat(7),
    })
    fc.assert(
      fc.property(arbCase, ({ id, bytes, at, bit }) => {
        const words = new Uint32Array(100)
        fillPattern(words, 16, 0, bytes, id)
        expect(findDamage(words, 16, 0, bytes, id)).toBe(-1)
        const changed = 16 + (at % bytes)
        const view = new Uint8Array(words.buffer)
        view[changed] = (view[changed] as number) ^ (1 << bit)
        expect(findDamage(words, 16, 0, bytes, id)).toBe((at % bytes) & ~3)
        expect(view.subarray(16 + bytes).every((byte) => byte === 0)).toBe(true)
      }),
    )
  })

  it('differ between blocks and between places', () => {
    const words = new Uint32Array(64)
    fillPattern(words, 0, 0, 64, 1)
    expect(findDamage(words, 0, 0, 64, 2)).toBe(0)
    expect(findDamage(words, 4, 0, 60, 1)).toBe(0)
  })
})

describe('mapHeap', () => {
  const block = (address: number, usableBytes: number, kind: BlockInfo['kind']): BlockInfo => ({
    address: address as Address,
    usableBytes,
    kind,
  })

  it('shows how full each cell is, and of what', () => {
    const map = mapHeap([block(4096, 2048, 'small'), block(8192, 8192, 'run')], 20480)
    expect(map).toEqual({
      cellBytes: 4096,
      extentBytes: 20480,
      fill: '08ff0',
      kinds: '-011-',
      blocks: 2,
      usableBytes: 10240,
    })
  })

  it('never has more than 4,096 cells', () => {
    const map = mapHeap([block(16, 2 ** 31, 'huge'), block(2 ** 31 + 16, 16, 'run')], 2 ** 32 - 65536)
    expect(map.fill).toHaveLength(4096)
    expect(map.cellBytes).toBe(2 ** 20)
    expect(map.fill.slice(2047, 2050)).toBe('f10')
  })

  it('of an empty heap is empty', () => {
    expect(mapHeap([], 65536).fill).toBe('0'.repeat(16))
    expect(mapHeap([], 0).fill).toBe('')
  })

  it('of a heap inside other memory begins at its first block', () => {
    expect(mapHeap([block(2 ** 20, 4096, 'small')], 8192)).toMatchObject({ extentBytes: 8192, fill: 'f0' })
  })
})

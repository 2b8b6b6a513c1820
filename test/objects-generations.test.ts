/**
 * Goal: what the modes with a nursery promise through the public interface: objects live as long as something holds
 * them, whatever generation they and their holders are of; options are what their table says; figures add up.
 * Method: plain JavaScript counts beside the heap, in both modes, with ageing and without.
 * A failure means: an object that is lost when it grows old, or figures that nobody can trust.
 */
import { describe, expect, it } from 'vitest'
import { KNOB_SHORT_LOG, SHAPE_PREFIX, TRAIL_NONE } from '../kernel/object-layout.js'
import {
  type Address,
  ArgumentError,
  array,
  type Collection,
  Heap,
  type HeapOptions,
  i32,
  MODES,
  OutOfMemoryError,
  ref,
  struct,
  UnsupportedError,
  u8,
  type View,
} from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node') })
const Table = struct('Table', { slots: array(ref(Node)) })
const Blob = struct('Blob', { bytes: array(u8) })

const MODES_HERE = ['runtime', 'server'] as const

describe.each(MODES_HERE)('mode %s', (mode) => {
  const heapOf = (options: HeapOptions = {}) => Heap.create({ mode, limit: '64MiB', debug: true, ...options })

  const valuesOf = (heap: Heap, table: View<typeof Table>) => {
    using _ = heap.scope()
    return Array.from(table.slots, (node) => node?.value ?? -1)
  }

  /** Put new nodes into an old table, over and over; the values that must be there. */
  function churn(heap: Heap, table: View<typeof Table>, count: number, from = 0): number[] {
    const { length } = table.slots
    const expected = valuesOf(heap, table)
    for (let i = from; i < from + count; i++) {
      using _ = heap.scope()
      table.slots.set((i * 7) % length, heap.new(Node, { value: i }))
      expected[(i * 7) % length] = i
      for (let j = 0; j < 3; j++) heap.new(Node, { value: -5 })
    }
    return expected
  }

  it.each([false, true])('keeps young objects that only old ones refer to, with ageing %s', (ageing) => {
    const heap = heapOf({ ageing, nursery: '64KiB' })
    using _ = heap.scope()
    const table = heap.new(Table, {}, 5000)
    for (let round = 0; round < 4; round++) {
      const expected = churn(heap, table, 20_000, 20_000 * round)
      expect(valuesOf(heap, table)).toEqual(expected)
      if (round === 1) heap.collect({ kind: 'minor' })
      if (round === 2) heap.collect()
      if (round === 3) heap.compact()
      expect(valuesOf(heap, table)).toEqual(expected)
      expectSound(heap)
    }
    expect(heap.stats().minorCollections).toBeGreaterThan(10)
    expect(heap.collectionStats().logOverflows).toBe(0)
  })

  it('goes on when the log is lost', () => {
    const heap = heapOf({ nursery: '64KiB', testing: { knobs: KNOB_SHORT_LOG } })
    using _ = heap.scope()
    const table = heap.new(Table, {}, 3000)
    const expected = churn(heap, table, 10_000)
    expect(valuesOf(heap, table)).toEqual(expected)
    expect(heap.collectionStats().logOverflows).toBeGreaterThan(0)
    expect(heap.collectionReport()).toMatch(/overflows of the slot log: \d+/)
    expectSound(heap)
  })

  it('says of objects which generation they are of', () => {
    const heap = heapOf({ ageing: true, nursery: '256KiB' })
    using _ = heap.scope()
    const node = heap.new(Node, { value: 1 })
    const large = heap.new(Blob, {}, 100_000)
    expect([heap.describe(node).generation, heap.describe(large).generation]).toEqual(['young', 'old'])
    const first = heap.collect({ kind: 'minor' })
    expect(first).toMatchObject({
      kind: 'minor',
      cause: 'request',
      agedBytes: 16,
      promotedObjects: 0,
      stayedObjects: 0,
    })
    expect(heap.describe(node).generation).toBe('aged')
    const second = heap.collect({ kind: 'minor' })
    expect(second).toMatchObject({ kind: 'minor', agedBytes: 0, promotedObjects: 1, promotedBytes: 16, freedBytes: 0 })
    expect(heap.describe(node)).toMatchObject({ generation: 'old', type: 'Node' })
    expect(node.value).toBe(1)
    using pin = heap.pin(heap.new(Node, { value: 2 }))
    expect(heap.collect({ kind: 'minor' })).toMatchObject({ stayedObjects: 1 })
    expect(heap.describe(pin.value).generation).toBe('aged')
    expect(
      [...heap.objects()]
        .map(({ generation }) => generation)
        .slice()
        .sort(),
    ).toEqual(['aged', 'old', 'old'])
  })

  it('leaves pinned young objects in place, in whatever collection', () => {
    const heap = heapOf({ nursery: '64KiB' })
    using _ = heap.scope()
    const pins = Array.from({ length: 100 }, (_unused, value) => {
      using _scope = heap.scope()
      for (let i = 0; i < 3; i++) heap.new(Node)
      return heap.pin(heap.new(Node, { value }))
    })
    const table = heap.new(Table, {}, 1000)
    const addresses = pins.map(({ address }) => address)
    for (const collect of [() => heap.collect({ kind: 'minor' }), () => heap.collect(), () => heap.compact()]) {
      const expected = churn(heap, table, 5000)
      collect()
      expect(pins.map(({ address }) => address)).toEqual(addresses)
      expect(pins.map(({ address }) => heap.readI32(address + 4))).toEqual([...pins.keys()])
      expect(valuesOf(heap, table)).toEqual(expected)
      expectSound(heap)
    }
    for (const pin of pins) pin.dispose()
    heap.compact()
    expect(heap.census().find(({ type }) => type === 'Node')?.live).toBe(1000)
  })

  it('counts per type exactly what was ever made', () => {
    for (const stress of [undefined, { collect: { random: 3, oneIn: 40 } }] as const) {
      const heap = heapOf({ countTypes: true, nursery: '64KiB', ageing: true, ...(stress && { stress }) })
      using _ = heap.scope()
      const table = heap.new(Table, {}, 4000)
      churn(heap, table, 6000)
      const kept: unknown[] = []
      for (let i = 0; i < 40; i++) {
        using inner = heap.scope()
        const blob = heap.new(Blob, {}, 50_000)
        if (i % 3 === 0) kept.push(inner.escape(blob))
        churn(heap, table, 200)
      }
      heap.collect()
      const allocated = Object.fromEntries(heap.census().map((row) => [row.type, row.allocated]))
      expect(allocated, JSON.stringify(stress)).toEqual({ Table: 1, Node: 4 * (6000 + 40 * 200), Blob: 40 })
      expect(kept.length).toBe(14)
    }
  })

  it('tells listeners of minor collections, and its figures add up', () => {
    const heap = heapOf({ nursery: '64KiB' })
    const told: Collection[] = []
    const begun: unknown[] = []
    heap.on('collectBegin', (event) => begun.push(event))
    heap.on('collectEnd', (collection) => told.push(collection))
    using _ = heap.scope()
    const table = heap.new(Table, {}, 3000)
    churn(heap, table, 20_000)
    heap.collect({ kind: 'minor' })
    expect(begun).toEqual(told.map(({ kind, cause }) => ({ kind, cause })))
    const minors = told.filter(({ kind }) => kind === 'minor')
    expect(minors.length).toBe(heap.stats().minorCollections)
    expect(new Set(minors.map(({ cause }) => cause))).toEqual(new Set(['nursery', 'request']))
    for (const one of minors) {
      expect(one.freedBytes + one.promotedBytes + one.agedBytes).toBe(one.bytesBefore)
      expect(one.bytesAfter).toBe(one.agedBytes)
      expect(one.promotedBytes).toBe(16 * one.promotedObjects)
    }
    expect(minors.at(-1)?.cause).toBe('request')
    const row = heap.collectionStats().kinds.find(({ kind }) => kind === 'minor')
    const sum = minors.reduce((bytes, { promotedBytes }) => bytes + promotedBytes, 0)
    expect(row).toMatchObject({ promotedBytes: sum })
    expect((row?.count ?? 0) + (row?.nested ?? 0)).toBe(minors.length)
  })

  it('is emptied by reset, nursery and all, and goes on in its mode', () => {
    const heap = heapOf({
      nursery: '128KiB',
      ageing: true,
      pauseGoalMs: mode === 'server' ? 5 : undefined,
    } as HeapOptions)
    for (let round = 0; round < 3; round++) {
      const scope = heap.scope()
      const table = heap.new(Table, {}, 2000)
      const expected = churn(heap, table, 20_000)
      expect(valuesOf(heap, table)).toEqual(expected)
      const minors = heap.stats().minorCollections
      expect(minors).toBeGreaterThan(5)
      heap.reset()
      expect(scope.isOpen).toBe(false)
      expect(heap.mode).toBe(mode)
      expect(heap.stats()).toMatchObject({ minorCollections: 0, cycles: 0 })
      expect([...heap.objects()]).toEqual([])
      expectSound(heap)
    }
    if (mode === 'server') expect(heap.collectionStats().pauseGoal?.goalMs).toBe(5)
  })

  it('is found by another program that attaches to its memory, which keeps to the barrier', () => {
    const memory = new WebAssembly.Memory({ initial: 200 })
    const first = Heap.create({ mode, memory, base: 65536, nursery: '64KiB', debug: true })
    using _ = first.scope()
    first.globalObject = first.new(Table, {}, 3000)
    first.new(Node)
    first.collect()
    const second = Heap.attach(memory, 65536, { debug: true })
    expect(second.mode).toBe(mode)
    using _second = second.scope()
    const Twin = struct('Node', { value: i32, next: ref('Node') })
    const Twins = struct('Table', { slots: array(ref(Twin)) })
    second.new(Twin)
    second.new(Twins)
    const table = second.globalObject as View<typeof Twins>
    expect(table.is(Twins)).toBe(true)
    for (let i = 0; i < 9000; i++) {
      using _inner = second.scope()
      table.slots.set(i % 3000, second.new(Twin, { value: i }))
      if (i % 1000 === 0) first.collect({ kind: 'minor' })
    }
    expect(second.collect({ kind: 'minor' })).toMatchObject({ kind: 'minor' })
    const values = Array.from({ length: 3000 }, (_unused, i) => {
      using _inner = first.scope()
      return (first.globalObject as View<typeof Table>).slots.get(i)?.value
    })
    expect(values).toEqual(Array.from({ length: 3000 }, (_unused, i) => 6000 + i))
    expect(second.verify()).toEqual({ ok: true })
    expect(first.verify()).toEqual({ ok: true })
  })

  it('collects as often as stress says, in each of its ways', () => {
    const figures = (stress: HeapOptions['stress']) => {
      const heap = heapOf({ stress: stress ?? {} })
      using _ = heap.scope()
      for (let i = 0; i < 800; i++) heap.new(Node)
      expectSound(heap)
      const { collections, minorCollections, cycles } = heap.stats()
      return { collections, minorCollections, cycles }
    }
    expect(figures({})).toEqual({ collections: 0, minorCollections: 0, cycles: 0 })
    const always = figures({ collect: 'always' })
    expect(always.collections).toBeGreaterThanOrEqual(100)
    expect(always.minorCollections).toBeGreaterThanOrEqual(mode === 'server' ? 100 : 700)
    expect(always.cycles > 0).toBe(mode === 'server')
    expect(figures({ collect: { allocations: 10 } }).minorCollections).toBeGreaterThan(15)
    expect(figures({ collect: { bytes: 1000 } }).minorCollections).toBeGreaterThanOrEqual(5)
    const random = figures({ collect: { random: 7, oneIn: 10 } })
    expect(random.minorCollections).toBeGreaterThan(20)
    expect(figures({ collect: { random: 7, oneIn: 10 } })).toEqual(random)
  })

  it('takes options that fit it, and refuses others with what was expected', () => {
    for (const [nursery, bytes] of [
      ['32KiB', 32 * 1024],
      ['100KiB', 64 * 1024],
      [256 * 1024, 256 * 1024],
    ] as const) {
      expect(heapOf({ nursery }).stats().nurseryBytes).toBe(bytes)
    }
    expect(heapOf({ old: '64MiB', ageing: true }).mode).toBe(mode)
    // A sixteenth of a short limit.
    expect(Heap.create({ mode, limit: '1MiB' }).stats().nurseryBytes).toBe(64 * 1024)
    const refused: [string, HeapOptions, RegExp][] = [
      ['nursery', { nursery: '16KiB' }, /from 32768 to \d+ bytes, a quarter of the limit, 67108864 bytes; got "16KiB"/],
      ['nursery', { nursery: '17MiB' }, /from 32768 to 16777216 bytes/],
      ['nursery', { nursery: '65MiB', limit: '1GiB' }, /from 32768 to 67108864 bytes/],
      ['nursery', { nursery: 'much' as never }, /nursery/],
      ['old', { old: '65MiB' }, /at most the limit, 67108864 bytes/],
      ['old', { old: -1 as never }, /old/],
      ['ageing', { ageing: 1 as never }, /true or false/],
      ['gcShare', { gcShare: 0 }, /a share of the time, above 0 and at most 1/],
      ['limit', { limit: '200KiB' }, /from 262144 to/],
    ]
    for (const [argument, options, expected] of refused) {
      const error = thrownBy(() => heapOf(options))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ argument })
      expect(String(error)).toMatch(expected)
    }
  })

  it('refuses a heap near its limit more than half of the time in collections', () => {
    const heap = heapOf({ limit: '8MiB' })
    const scope = heap.scope()
    let last = heap.new(Node)
    let made = 0
    const error = thrownBy(() => {
      for (;;) {
        using inner = heap.scope()
        // One of two is kept, so that there is always a little to be found.
        const next = heap.new(Node, { next: last })
        heap.new(Blob, {}, 40)
        last = inner.escape(next)
        made++
      }
    })
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(made).toBeGreaterThan(100_000)
    expectSound(heap)
    const share = heap.collectionStats().memoryShare
    expect(share).toBeGreaterThanOrEqual(0)
    expect(share).toBeLessThanOrEqual(1)
    scope.close()
    using _ = heap.scope()
    heap.compact()
    expect(heap.stats().liveObjects).toBe(0)
    for (let i = 0; i < 10_000; i++) heap.new(Node)
    expectSound(heap)
  })
})

describe('a heap that is full to its last word', () => {
  it('verifies: that word of an old object may refer to a young one', () => {
    const heap = Heap.create({ mode: 'runtime', limit: '4MiB', shadowStack: 16 })
    const { raw } = heap
    const pair = raw.typeAdd(0, 0, SHAPE_PREFIX, TRAIL_NONE, 2, 8, 0, 0, 0)
    const stack = heap.shadowStack()
    stack.push(null)
    const head = (heap.readU32(stack.topWord) - 4) >>> 2
    for (;;) {
      const made = raw.objectNew(pair, 8) >>> 0
      if (made === 0) break
      raw.u32[(made >>> 2) + 1] = raw.u32[head] as number
      raw.u32[head] = made
    }
    // The case is there: an old object at the end whose last word refers to a young one.
    const last = heap.memory.buffer.byteLength - 4
    expect(raw.objectState(last - 4) & 16).toBe(0)
    expect(raw.objectState(heap.readU32(last as Address)) & 16).toBe(16)
    expectSound(heap)
  })
})

describe('what only some modes have', () => {
  it.each(['manual', 'compiler', 'vm', 'embedded'] as const)('is refused in mode %s', (mode) => {
    for (const options of [
      { nursery: '1MiB' },
      { old: '1MiB' },
      { ageing: true },
      { pauseGoalMs: 1 },
    ] as HeapOptions[]) {
      const [argument] = Object.keys(options) as [keyof HeapOptions]
      expect(argument in MODES[mode].options).toBe(false)
      const error = thrownBy(() => Heap.create({ mode, ...options }))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ argument })
      expect(String(error)).toContain(`left out in mode '${mode}'`)
    }
  })

  it('pause goals, evacuation and lazy sweeping are not for both', () => {
    expect(thrownBy(() => Heap.create({ mode: 'runtime', pauseGoalMs: 1 }))).toMatchObject({ argument: 'pauseGoalMs' })
    expect(thrownBy(() => Heap.create({ mode: 'server', evacuate: true }))).toMatchObject({ argument: 'evacuate' })
    expect(thrownBy(() => Heap.create({ mode: 'server', lazySweep: true }))).toMatchObject({ argument: 'lazySweep' })
  })

  it('minor collections and steps say so', () => {
    for (const mode of ['vm', 'embedded'] as const) {
      const heap = Heap.create({ mode })
      const error = thrownBy(() => heap.collect({ kind: 'minor' }))
      expect(error).toMatchObject({ argument: 'kind' })
      expect(String(error)).toContain(`'full' in mode '${mode}', which has no nursery`)
    }
    for (const mode of ['vm', 'embedded', 'runtime'] as const) {
      const error = thrownBy(() => Heap.create({ mode }).step())
      expect(error).toBeInstanceOf(UnsupportedError)
      expect(error).toMatchObject({ mode })
    }
    expect(thrownBy(() => Heap.create({ mode: 'runtime' }).collect({ kind: 'some' as never }))).toMatchObject({
      argument: 'kind',
    })
  })
})

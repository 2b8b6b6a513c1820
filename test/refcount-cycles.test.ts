/**
 * Goal: objects that refer to each other in a circle and that nobody else refers to are found and released, at once or
 * in steps between which the program goes on; nothing else ever is.
 * Method: rings, trees and webs whose garbage is known; every number of units from one step to the whole; random
 * programs against a mirror that counts by itself and knows what can be reached, with printed seeds, in both kernels
 * and with tables that never grow.
 * A failure means: memory that is never given back, or an object that goes while the program has it.
 */
import { describe, expect, it } from 'vitest'
import { KNOB_UNIT_STEPS } from '../kernel/object-layout.js'
import { KNOB_SHORT_CANDIDATES, KNOB_SHORT_TRIAL } from '../kernel/value-layout.js'
import { ArgumentError, array, Heap, type HeapOptions, i32, OutOfMemoryError, ref, struct } from '../src/index.js'
import { CountedMirror } from './support/counted-mirror.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { next: ref('Node'), other: ref('Node'), value: i32 })
const Wide = struct('Wide', { self: ref('Wide'), items: array(ref('Node')) })

const manual = (options: HeapOptions = {}) =>
  Heap.create({ limit: '32MiB', initial: 0, debug: true, cycleThreshold: 0, ...options })

/** A ring of so many nodes that nobody refers to; a scope of its own lets go of them. */
function dropRing(heap: Heap, nodes: number): void {
  using _ = heap.scope()
  const first = heap.new(Node)
  let last = first
  for (let i = 1; i < nodes; i++) last = heap.new(Node, { next: last, value: i })
  first.next = last
}

const liveObjects = (heap: Heap) => heap.stats().liveObjects

function expectEmpty(heap: Heap): void {
  expectSound(heap)
  expect(heap.stats()).toMatchObject({ liveBlocks: 0, inUseBytes: 0, liveObjects: 0 })
}

describe('garbage in circles', () => {
  it('is released whole', () => {
    for (const debug of [false, true]) {
      const heap = manual({ debug })
      for (const nodes of [1, 2, 3, 1000]) dropRing(heap, nodes)
      expect(liveObjects(heap)).toBe(1006)
      const { bytes } = heap.census()[0] as { bytes: number }
      expect(bytes).toBe(1006 * 36)
      const done = heap.collectCycles()
      // 12 bytes, the header of 24, rounded up to a multiple of 16.
      expect(done).toMatchObject({ releasedObjects: 1006, releasedBytes: 1006 * 48, isDone: true, candidates: 0 })
      expect(done.ms).toBeGreaterThan(0)
      expectEmpty(heap)
      expect(heap.collectCycles()).toMatchObject({ releasedObjects: 0, isDone: true })
    }
  })

  it('is released in steps of any length', { timeout: 60_000 }, () => {
    for (const units of [1, 7, 100, 999, 1001, 5000]) {
      const heap = manual()
      dropRing(heap, 300)
      dropRing(heap, 1)
      let released = 0
      let calls = 0
      for (let isDone = false; !isDone; calls++) {
        const step = heap.collectCycles({ units })
        released += step.releasedObjects
        isDone = step.isDone
        expect(heap.verify(), `${units} units, call ${calls}`).toEqual({ ok: true })
        expect(calls).toBeLessThan(5000)
      }
      expect(released).toBe(301)
      if (units === 1) expect(calls).toBeGreaterThan(300)
      expectEmpty(heap)
    }
  })

  it('is released within a budget of time, which is kept but for a step', () => {
    const heap = manual({ debug: false, limit: '256MiB' })
    dropRing(heap, 200_000)
    let calls = 0
    let isDone = false
    for (; !isDone && calls < 10_000; calls++) isDone = heap.collectCycles({ budgetMs: 0.2 }).isDone
    expect(isDone).toBe(true)
    expect(calls).toBeGreaterThan(2)
    expectEmpty(heap)
  })

  it('takes what only it refers to, and leaves what others do', () => {
    const heap = manual()
    const outer = heap.scope()
    const kept = heap.new(Node, { value: 1 })
    {
      using _ = heap.scope()
      const ring = heap.new(Node, { other: kept })
      ring.next = heap.new(Node, { next: ring, other: heap.new(Node, { other: heap.new(Node, { next: kept }) }) })
      const leaf = heap.allocRefcounted(100)
      const wide = heap.new(Wide, {}, 5)
      wide.self = wide
      wide.items.set(3, kept)
      heap.raw.storeReference(wide.reference, wide.reference + 4, leaf)
      heap.decref(leaf)
    }
    expect(heap.refcount(kept)).toBe(4)
    expect(liveObjects(heap)).toBe(7)
    expect(heap.collectCycles()).toMatchObject({ releasedObjects: 6 })
    expect(heap.refcount(kept)).toBe(1)
    expect(kept.value).toBe(1)
    outer.close()
    expectEmpty(heap)
  })

  it('in long arrays is found, piece by piece', () => {
    for (const units of [1, 50, 100_000]) {
      const heap = manual()
      {
        using _ = heap.scope()
        const wide = heap.new(Wide, {}, 3000)
        wide.self = wide
        for (let i = 0; i < 3000; i += 7) {
          using _ = heap.scope()
          wide.items.set(i, heap.new(Node))
        }
      }
      let calls = 0
      while (!heap.collectCycles({ units }).isDone && calls < 20_000) calls++
      expectEmpty(heap)
    }
  })

  it('that a root, a scope or the program holds by one object is none', () => {
    const heap = manual()
    const holds = {
      scope: () => {
        const scope = heap.scope()
        const ring = heap.new(Node)
        ring.next = heap.new(Node, { next: ring })
        return () => scope.close()
      },
      root: () => {
        using _ = heap.scope()
        const ring = heap.new(Node)
        ring.next = heap.new(Node, { next: ring })
        const root = heap.root(ring)
        return () => root.dispose()
      },
      program: () => {
        using _ = heap.scope()
        const ring = heap.new(Node)
        const { reference } = ring
        ring.next = heap.new(Node, { next: ring })
        heap.incref(reference)
        return () => heap.decref(reference)
      },
      globalObject: () => {
        using _ = heap.scope()
        const ring = heap.new(Node)
        ring.next = heap.new(Node, { next: ring })
        heap.globalObject = ring
        return () => {
          heap.globalObject = null
        }
      },
    }
    for (const [name, hold] of Object.entries(holds)) {
      const drop = hold()
      expect(heap.collectCycles(), name).toMatchObject({ releasedObjects: 0, isDone: true })
      expect(liveObjects(heap), name).toBe(2)
      drop()
      expect(heap.collectCycles().releasedObjects, name).toBe(2)
      expectEmpty(heap)
    }
  })

  it('that the program reaches between steps is none', { timeout: 60_000 }, () => {
    // At every place of the trial: of two rings one loses its root, and in the other a node is read and written.
    for (let place = 0; place < 80; place++) {
      const heap = manual()
      const root = ringWithRoot(heap)
      const other = ringWithRoot(heap)
      for (let i = 0; i < place; i++) heap.collectCycles({ units: 1 })
      {
        using _ = heap.scope()
        const node = root.value.next
        if (node) node.other = root.value
        other.dispose()
      }
      while (!heap.collectCycles({ units: 1 }).isDone);
      expect(liveObjects(heap), `after ${place} units`).toBe(8)
      root.dispose()
      while (!heap.collectCycles({ units: 3 }).isDone);
      expectEmpty(heap)
    }
  })
})

/** A ring of eight nodes, held by a root, of which each is a candidate. */
function ringWithRoot(heap: Heap) {
  using _ = heap.scope()
  const first = heap.new(Node)
  let last = first
  for (let i = 1; i < 8; i++) last = heap.new(Node, { next: last, value: i })
  first.next = last
  return heap.root(first)
}

describe('the collection of circles', () => {
  it('begins by itself when there are many candidates, and not with a threshold of 0', () => {
    for (const [cycleThreshold, most] of [
      [0, 4000],
      [50, 1000],
      [500, 2000],
    ] as const) {
      const heap = manual({ cycleThreshold })
      let peak = 0
      for (let i = 0; i < 2000; i++) {
        dropRing(heap, 2)
        peak = Math.max(peak, liveObjects(heap))
      }
      expect(peak).toBeLessThanOrEqual(most)
      if (cycleThreshold === 0) expect(peak).toBe(4000)
      heap.collectCycles()
      expectEmpty(heap)
    }
  })

  it('looks at candidates alone', () => {
    const heap = manual({ debug: false })
    const scope = heap.scope()
    const wide = heap.new(Wide, {}, 50_000)
    for (let i = 0; i < 50_000; i++) {
      using _ = heap.scope()
      wide.items.set(i, heap.new(Node, { value: i }))
    }
    // What was a candidate and is alive is none from then on.
    heap.collectCycles()
    expect(heap.collectCycles({ units: 1 })).toMatchObject({ isDone: true, candidates: 0 })
    dropRing(heap, 2)
    let units = 0
    while (!heap.collectCycles({ units: 1 }).isDone) units++
    expect(units).toBeLessThan(50)
    scope.close()
    expectEmpty(heap)
  })

  it('is told to listeners and in the statistics', () => {
    const heap = manual()
    const told: string[] = []
    heap.on('collectBegin', ({ kind, cause }) => told.push(`begin ${kind} ${cause}`))
    heap.on('collectEnd', ({ kind, freedBytes }) => told.push(`end ${kind} ${freedBytes}`))
    dropRing(heap, 2)
    heap.collectCycles()
    expect(told).toEqual(['begin full request', 'end full 96'])
    expect(heap.stats()).toMatchObject({ collections: 1 })
    expect(heap.pauses.count).toBe(1)
    expect(heap.collectionReport()).toContain('full (request)')
    dropRing(heap, 2)
    expect(heap.collect()).toMatchObject({ kind: 'full', cause: 'request', freedBytes: 96 })
    expectEmpty(heap)
  })

  it('refuses wrong options', () => {
    const heap = manual()
    for (const options of [
      { budgetMs: 0 },
      { budgetMs: -1 },
      { budgetMs: Number.NaN },
      { budgetMs: 60_001 },
      { budgetMs: '1' },
      { units: 0 },
      { units: 1.5 },
      { units: 2 ** 31 },
      { unit: 5 },
      5,
      null,
    ]) {
      expect(
        thrownBy(() => heap.collectCycles(options as object)),
        JSON.stringify(options),
      ).toBeInstanceOf(ArgumentError)
    }
  })

  it('says so when it finds no memory for its list, and has changed nothing', () => {
    const heap = manual({ testing: { knobs: KNOB_SHORT_TRIAL } })
    dropRing(heap, 100)
    expect(thrownBy(() => heap.collectCycles())).toBeInstanceOf(OutOfMemoryError)
    expect(heap.collectCycles({ units: 100_000 })).toMatchObject({ releasedObjects: 0, isDone: false })
    // It does not try again until the time is over.
    expect(heap.collectCycles({ budgetMs: 60_000 }).ms).toBeLessThan(30_000)
    expect(liveObjects(heap)).toBe(100)
    expectSound(heap)
    heap.raw.setKnobs(0)
    expect(heap.collectCycles()).toMatchObject({ releasedObjects: 100, isDone: true })
    expectEmpty(heap)
  })

  it('looks at all objects when candidates had no room in their table', () => {
    const heap = manual({ testing: { knobs: KNOB_SHORT_CANDIDATES } })
    for (let i = 0; i < 100; i++) dropRing(heap, 2)
    expect(heap.collectCycles({ units: 10 })).toMatchObject({ isDone: false })
    expect(liveObjects(heap)).toBeGreaterThan(100)
    // The walk over all objects is part of the steps.
    expect(heap.collectCycles({ units: 1_000_000 })).toMatchObject({ isDone: true })
    expectEmpty(heap)
  })

  it('ends with the heap', () => {
    const heap = manual()
    dropRing(heap, 50)
    heap.collectCycles({ units: 20 })
    heap.reset()
    expectSound(heap)
    dropRing(heap, 50)
    expect(heap.collectCycles()).toMatchObject({ releasedObjects: 50 })
    expectEmpty(heap)
  })
})

describe('random programs', () => {
  const setups: Readonly<Record<string, HeapOptions>> = {
    'debug kernel': { debug: true },
    'release kernel': { debug: false },
    'steps at every allocation': { debug: true, cycleThreshold: 1 },
    'steps of one unit': { debug: true, cycleThreshold: 3, testing: { knobs: KNOB_UNIT_STEPS } },
    'a short list': { debug: true, cycleThreshold: 5, testing: { knobs: KNOB_SHORT_TRIAL } },
    'a short table': { debug: true, cycleThreshold: 5, testing: { knobs: KNOB_SHORT_CANDIDATES } },
    'hardly any memory': { debug: true, limit: '192KiB', cycleThreshold: 10 },
  }
  const seeds = process.env.HEAPWRIGHT_SEED ? [Number(process.env.HEAPWRIGHT_SEED)] : [1, 2, 3].map(freshSeed)
  for (const [name, options] of Object.entries(setups)) {
    for (const seed of seeds) {
      it(`${name}, HEAPWRIGHT_SEED=${seed}`, { timeout: 60_000 }, () => {
        const heap = manual(options)
        const mirror = new CountedMirror(heap, seed)
        for (let i = 0; i < 1500; i++) {
          mirror.act()
          if (i % 8 === 0) expect(heap.verify(), `operation ${i}`).toEqual({ ok: true })
          mirror.compare()
        }
        mirror.finish()
        expectEmpty(heap)
      })
    }
  }
})

/** Another seed in every run, for each number. */
function freshSeed(number: number): number {
  return (Math.imul(Date.now() & 0xfffffff, 2654435761) + number) >>> 0
}

describe('a listener that allocates', () => {
  it('is no part of what collectCycles has done', () => {
    using heap = Heap.create({ mode: 'manual', limit: '4MiB' })
    heap.on('collectEnd', () => {
      heap.allocRefcounted(8)
    })
    expect(heap.collectCycles()).toMatchObject({ releasedObjects: 0, releasedBytes: 0 })
    expect(heap.stats().liveObjects).toBe(1)
  })
})

/**
 * Goal: objects are in a profile like blocks: where they were made, and until when they lived.
 * Method: with a mean of one byte every object is sampled; what is in use after a collection must be what the heap's
 * own census finds, type by type, however the objects have moved. Counted objects must go with their last reference.
 * A failure means: a profile that keeps what has died, loses what moved, or keeps objects alive by watching them.
 */
import { describe, expect, it } from 'vitest'
import { array, Heap, i32, type ModeName, type ProfileSample, type Root, ref, struct, u8 } from '../src/index.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? 77)

const Node = struct('Node', { value: i32, next: ref('Node'), pad: i32, more: i32, most: i32, last: i32, end: i32 })
const Text = struct('Text', { bytes: array(u8) })

const sampledInUse = (samples: readonly ProfileSample[], name?: string) =>
  samples
    .filter(({ frames }) => name === undefined || frames.some(({ functionName }) => functionName === name))
    .reduce((total, sample) => total + sample.sampledInUse, 0)

const sampled = (samples: readonly ProfileSample[]) => samples.reduce((total, sample) => total + sample.sampled, 0)

describe.each<[ModeName]>([['runtime'], ['vm'], ['server'], ['embedded']])('in mode %s', (mode) => {
  const make = () => Heap.create({ mode, limit: mode === 'embedded' ? '1MiB' : '32MiB', debug: true })

  it(`are in use until a collection has found them dead (seed ${SEED})`, () => {
    const heap = make()
    const next = random(SEED)
    using profiler = heap.profile({ meanBytes: 1, seed: SEED })
    const roots: Root[] = []
    function makeNode() {
      using _ = heap.scope()
      roots.push(heap.root(heap.new(Node, { value: roots.length })))
    }
    function makeText() {
      using _ = heap.scope()
      roots.push(heap.root(heap.new(Text, {}, 60 + next(500))))
    }
    for (let i = 0; i < 6; i++) {
      for (let n = 0; n < 60; n++) next(2) === 0 ? makeNode() : makeText()
      for (let n = 0; n < 40; n++) roots.splice(next(roots.length), 1)[0]?.dispose()
      if (next(2) === 0) heap.compact()
      else heap.collect()
      const census = new Map(heap.census().map(({ type, live }) => [type, live]))
      expect(sampledInUse(profiler.samples, 'makeNode')).toBe(census.get('Node') ?? 0)
      expect(sampledInUse(profiler.samples, 'makeText')).toBe(census.get('Text') ?? 0)
    }
    expect(sampled(profiler.samples)).toBe(360)
    for (const root of roots) root.dispose()
    heap.collect()
    heap.collect()
    expect(sampledInUse(profiler.samples)).toBe(0)
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('are of the size that they take', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    using _ = heap.scope()
    heap.new(Text, {}, 100)
    const before = heap.census().reduce((total, { bytes }) => total + bytes, 0)
    const [sample] = profiler.samples
    expect(sample?.bytes).toBeGreaterThanOrEqual(before)
    expect(sample?.bytes).toBeLessThan(before + 16)
  })

  it('are watched by roots that go with the profile', () => {
    const heap = make()
    const profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const scope = heap.scope()
    for (let i = 0; i < 100; i++) heap.new(Node)
    expect(sampledInUse(profiler.samples)).toBe(100)
    profiler.stop()
    scope.close()
    heap.collect()
    // They stay as they were found last.
    expect(sampledInUse(profiler.samples)).toBe(100)
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('are gone with a reset', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.scope()
    heap.new(Node)
    heap.reset()
    expect(sampledInUse(profiler.samples)).toBe(0)
    heap.scope()
    heap.new(Node)
    expect(sampledInUse(profiler.samples)).toBe(1)
    profiler.reset()
    expect(profiler.samples).toEqual([])
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('can be left out', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1, includeObjects: false })
    using _ = heap.scope()
    for (let i = 0; i < 2000; i++) heap.new(Text, {}, 100)
    expect(profiler.samples).toEqual([])
  })
})

it('of a heap with a nursery are followed through minor collections', () => {
  const heap = Heap.create({ mode: 'runtime', limit: '32MiB', debug: true })
  using profiler = heap.profile({ meanBytes: 1, seed: 1 })
  const kept: Root[] = []
  for (let i = 0; i < 300; i++) {
    using _ = heap.scope()
    const node = heap.new(Node, { value: i })
    if (i % 3 === 0) kept.push(heap.root(node))
  }
  heap.collect({ kind: 'minor' })
  heap.collect({ kind: 'minor' })
  expect(sampledInUse(profiler.samples)).toBe(100)
})

describe('in mode manual', () => {
  const make = () => Heap.create({ limit: '32MiB', debug: true })

  it(`go with their last reference, and not with the place's next object (seed ${SEED})`, () => {
    const heap = make()
    const next = random(SEED)
    using profiler = heap.profile({ meanBytes: 1, seed: SEED })
    const roots: Root[] = []
    const blocks: number[] = []
    for (let i = 0; i < 1500; i++) {
      const what = next(5)
      if (what < 2) {
        using _ = heap.scope()
        roots.push(heap.root(heap.new(Node, { value: i })))
      } else if (what === 2) roots.splice(next(roots.length), 1)[0]?.dispose()
      else if (what === 3) blocks.push(heap.allocRefcounted(50 + next(100)))
      else if (blocks.length > 0) heap.decref(blocks.splice(next(blocks.length), 1)[0] as number)
      if (i % 300 === 299) expect(sampledInUse(profiler.samples)).toBe(roots.length + blocks.length)
    }
    for (const root of roots) root.dispose()
    for (const block of blocks) heap.decref(block)
    expect(sampledInUse(profiler.samples)).toBe(0)
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('are seen from the first on, though they bring another kernel', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const block = heap.alloc(100)
    using _ = heap.scope()
    heap.new(Node)
    heap.alloc(200)
    expect(sampled(profiler.samples)).toBe(3)
    heap.free(block)
    expect(sampledInUse(profiler.samples)).toBe(2)
    expect(profiler.samples.map(({ sampledInUse: n, bytes }) => (n > 0 ? bytes : 0)).sort()).toContain(
      heap.usableSize(heap.alloc(200)),
    )
  })
})

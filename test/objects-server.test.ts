/**
 * Goal: mode `server` collects in steps whose figures add up, keeps the program's objects over all of them, and answers
 * a full heap with an error, not with a long pause.
 * Method: graphs changed between steps and read back against plain arrays; the log of collections; the trace of a
 * process of its own.
 * A failure means: a service that loses an object, stands, or tells wrong stories about its pauses.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  array,
  type Collection,
  Heap,
  type HeapOptions,
  i32,
  OutOfMemoryError,
  ref,
  struct,
  type View,
} from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node') })
const Table = struct('Table', { slots: array(ref(Node)) })

const server = (options: HeapOptions = {}) =>
  // A cycle begins by itself after a MiB of old objects, or by a step after half of that.
  Heap.create({ mode: 'server', limit: '16MiB', old: '1MiB', debug: true, ...options })

/** Old objects to begin a cycle with: `count` nodes in a table. */
function fill(heap: Heap, count: number): View<typeof Table> {
  const table = heap.new(Table, {}, count)
  for (let i = 0; i < count; i++) {
    using _ = heap.scope()
    table.slots.set(i, heap.new(Node, { value: i }))
  }
  return table
}

const valuesOf = (heap: Heap, table: View<typeof Table>) => {
  using _ = heap.scope()
  return Array.from(table.slots, (node) => node?.value)
}

/** The node at an address, if one is alive there. */
function viewAt(heap: Heap, reference: number): View<typeof Node> | undefined {
  try {
    return heap.view(Node, reference)
  } catch {
    return undefined
  }
}

describe('steps', () => {
  it('go through a cycle when they are asked for, and say so', () => {
    const heap = server()
    const told: Collection[] = []
    heap.on('collectEnd', (collection) => told.push(collection))
    using _ = heap.scope()
    const table = fill(heap, 60_000)
    let steps = 0
    while (heap.stats().cycles === 0) {
      const { isCycling, steps: made, ms } = heap.step({ budgetMs: 0.05 })
      expect(made).toBeGreaterThan(0)
      expect(ms).toBeGreaterThan(0)
      expect(isCycling).toBe(heap.stats().cycles === 0)
      steps += made
      if (steps > 100_000) throw new Error('no cycle ended')
    }
    const cycle = told.find(({ kind }) => kind === 'cycle')
    expect(cycle).toMatchObject({ kind: 'cycle', liveObjects: 60_001 })
    expect(cycle?.steps).toBeGreaterThan(1)
    expect(cycle?.longestStepMs).toBeLessThanOrEqual(cycle?.ms as number)
    expect(cycle?.units).toBeGreaterThan(60_000)
    const stats = heap.collectionStats()
    const step = stats.kinds.find(({ kind }) => kind === 'step')
    expect((step?.count ?? 0) + (step?.nested ?? 0)).toBeGreaterThanOrEqual(cycle?.steps as number)
    expect(stats.kinds.find(({ kind }) => kind === 'full')).toBeUndefined()
    expect(valuesOf(heap, table)).toEqual([...Array(60_000).keys()])
    expectSound(heap)
  })

  it('refuse budgets that are none', () => {
    const heap = server()
    for (const budgetMs of [0, -1, Number.NaN, 60_001, '1']) {
      const error = thrownBy(() => heap.step({ budgetMs: budgetMs as number }))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ argument: 'budgetMs' })
      expect(String(error)).toContain('milliseconds above 0, at most 60000')
    }
    expect(heap.step()).toMatchObject({ isCycling: false })
    for (const pauseGoalMs of [0, 0.01, 1001, Number.NaN, '1']) {
      const error = thrownBy(() => server({ pauseGoalMs: pauseGoalMs as number }))
      expect(error).toMatchObject({ argument: 'pauseGoalMs' })
      expect(String(error)).toContain('milliseconds from 0.05 to 1000')
    }
  })

  it('keep what is moved about between them', () => {
    const heap = server()
    using _ = heap.scope()
    const table = fill(heap, 30_000)
    const expected = valuesOf(heap, table)
    for (let round = 0; heap.stats().cycles < 1; round++) {
      heap.step({ budgetMs: 0.02 })
      using _inner = heap.scope()
      // Swap two by way of a handle; give one of them a young neighbour; write a stretch in bulk.
      const [i, j] = [(round * 7919) % 30_000, (round * 104_729) % 30_000]
      const kept = table.slots.get(i)
      table.slots.set(i, table.slots.get(j))
      table.slots.set(j, kept)
      ;[expected[i], expected[j]] = [expected[j], expected[i]]
      const value = 100_000 + round
      table.slots.set((i + 1) % 30_000, heap.new(Node, { value, next: kept }))
      expected[(i + 1) % 30_000] = value
      if (round % 50 === 0) {
        const some = Array.from({ length: 100 }, (_unused, k) => table.slots.get(1000 + k))
        table.slots.write(some, 1050)
        expected.copyWithin(1050, 1000, 1100)
      }
      if (round > 200_000) throw new Error('the cycles do not end')
    }
    expect(valuesOf(heap, table)).toEqual(expected)
    expectSound(heap)
  })

  it('keep what is read through something weak, or by its address', () => {
    const heap = server()
    using _ = heap.scope()
    fill(heap, 60_000)
    const holding = heap.scope()
    const nodes = Array.from({ length: 300 }, (_unused, value) => heap.new(Node, { value }))
    heap.collect({ kind: 'minor' })
    const roots = nodes.map((node) => {
      const weakRef = heap.root(heap.weakRef(node))
      return { weak: heap.weak(node), weakRef, reference: node.reference }
    })
    // Nothing else holds them when the cycle begins.
    holding.close()
    const found: View<typeof Node>[] = []
    for (let i = 0; heap.stats().cycles === 0; i++) {
      if (i > 100_000) throw new Error('no cycle ended')
      const { isCycling } = heap.step({ budgetMs: 0.01 })
      const root = roots[i]
      if (!root || !isCycling) continue
      const way = i % 3
      const view = (
        way === 0 ? root.weak.deref() : way === 1 ? root.weakRef.value.deref() : viewAt(heap, root.reference)
      ) as View<typeof Node> | undefined
      if (view) found.push(view)
    }
    expect(found.length).toBeGreaterThan(0)
    heap.collect()
    for (const view of found) expect(view.value).toBeLessThan(300)
    expect(new Set(found.map(({ value }) => value)).size).toBe(found.length)
    expectSound(heap)
  })
})

describe('pauses', () => {
  it('are held against their goal', () => {
    const heap = server({ pauseGoalMs: 2 })
    using _ = heap.scope()
    const table = fill(heap, 20_000)
    for (let i = 0; i < 400_000; i++) {
      using _inner = heap.scope()
      table.slots.set(i % 20_000, heap.new(Node, { value: i }))
    }
    const { pauseGoal, pauses, kinds } = heap.collectionStats()
    expect(pauseGoal).toMatchObject({ goalMs: 2, count: pauses.count })
    expect(pauseGoal?.kept).toBeCloseTo(1 - (pauseGoal?.exceeded ?? 0) / (pauseGoal?.count ?? 1), 9)
    expect(heap.stats().cycles).toBeGreaterThan(0)
    expect(heap.collectionReport()).toMatch(/goal of 2 ms: kept by [\d.]+ %/)
    expect(kinds.map(({ kind }) => kind)).toEqual(['minor', 'step', 'cycle'])
    expect(Heap.create({ mode: 'runtime' }).collectionStats().pauseGoal).toBeUndefined()
  })

  it('of a full heap are steps: it answers with out of memory', () => {
    const heap = server({ limit: '16MiB', pauseGoalMs: 0.05 })
    using _ = heap.scope()
    const first = heap.new(Node, { value: 0 })
    const attempt = () => {
      for (;;) {
        using _inner = heap.scope()
        first.next = heap.new(Node, { value: 1, next: first.next })
      }
    }
    expect(thrownBy(attempt)).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    const rooted = () => {
      for (;;) heap.root(first)
    }
    expect(thrownBy(rooted)).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    const kinds = heap.collectionStats().kinds.map(({ kind }) => kind)
    expect(kinds).not.toContain('full')
    expect(kinds).not.toContain('compact')
    expectSound(heap)
    first.next = null
    // The cycles that come with the next requests find the room.
    let made = 0
    for (let i = 0; i < 100_000; i++) {
      heap.step({ budgetMs: 0.1 })
      try {
        using _inner = heap.scope()
        heap.new(Node)
        made++
      } catch {
        made = 0
      }
      if (made > 1000) break
    }
    expect(made).toBeGreaterThan(1000)
    expectSound(heap)
  })
})

it('HEAPWRIGHT_GCTRACE tells of minor collections and cycles, in a line each', () => {
  const index = new URL('../dist/src/index.js', import.meta.url)
  const program = `
    import { Heap, struct, i32, ref, array } from ${JSON.stringify(String(index))}
    const Node = struct('Node', { value: i32 })
    const Table = struct('Table', { slots: array(ref(Node)) })
    const heap = Heap.create({ mode: 'server', limit: '16MiB', old: '1MiB', name: 'traced' })
    let cycles = 0
    heap.on('collectEnd', ({ kind }) => { if (kind === 'cycle') cycles++ })
    heap.scope()
    const table = heap.new(Table, {}, 20000)
    for (let i = 0; cycles < 2; i++) {
      const scope = heap.scope()
      table.slots.set(i % 20000, heap.new(Node, { value: i }))
      scope.close()
    }`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
    env: { ...process.env, HEAPWRIGHT_GCTRACE: '1' },
  })
  expect(status, stderr).toBe(0)
  const lines = stderr.trim().split('\n')
  const form =
    /^gc \d+ @[\d.]+ ms traced: (minor|cycle) \((nursery|budget)\) [\d.]+ ms(?: in (\d+) steps, longest [\d.]+ ms)?, /
  const kinds = lines.map((line) => form.exec(line)?.[1])
  expect(kinds, stderr).not.toContain(undefined)
  expect(kinds.filter((kind) => kind === 'cycle').length).toBe(2)
  expect(lines.map((line) => Number(line.split(' ')[1]))).toEqual([...lines.keys()].map((i) => i + 1))
})

it('serves again after out of memory, once the cycles that are due have gone by in steps', () => {
  const heap = Heap.create({ mode: 'server', limit: '16MiB', gcShare: 1 })
  const List = struct('List', { next: ref('List') })
  const fill = (): number => {
    using _ = heap.scope()
    const head = heap.new(List)
    let made = 0
    const error = thrownBy(() => {
      for (;;) {
        using turn = heap.scope()
        head.next = heap.new(List, { next: head.next })
        made++
        void turn
      }
    })
    expect(error).toBeInstanceOf(OutOfMemoryError)
    return made
  }
  const first = fill()
  while (heap.step({ budgetMs: 5 }).isCycling) {}
  expect(fill()).toBeGreaterThan(first * 0.8)
  expectSound(heap)
})

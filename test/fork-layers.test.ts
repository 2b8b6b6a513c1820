/**
 * Goal: layers of memories that are forked again and again keep every byte, stay few, and cost what was stored to.
 * Method: tables over bare memories with limits so low that folding is the rule, stores at random, each memory against
 * a copy of its own; the system's two ways to find private pages against each other; calls that fail at each place.
 * A failure means: contents of a page lost or shared by mistake, or costs that grow with the memory's history.
 *
 * Random runs print their seed: HEAPWRIGHT_SEED=<seed> npx vitest run --project all test/fork-layers.test.ts
 */
import { describe, expect, it } from 'vitest'
import { PlatformError } from '../src/index.js'
import type { ForkCalls, PageSpan } from '../src/platform/fork-calls.js'
import { type Extent, type LayerLimits, LayerTable } from '../src/platform/fork-layers.js'
import { bytesOf, intersectSpans, subtractSpans, uniteSpans } from '../src/platform/fork-spans.js'
import { realForkCalls } from './support/fork-systems.js'
import { posixPages } from './support/page-systems.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
console.info(`HEAPWRIGHT_SEED=${SEED}`)

const PAGE = 4096
const PAGES = 1024
const MEMORY_BYTES = PAGES * PAGE

// ---- lists of spans -------------------------------------------------------------------------------------------------

describe('lists of spans', () => {
  it(`join, cut and meet as sets of pages do (seed ${SEED})`, () => {
    const below = random(SEED)
    const pagesOf = (spans: readonly PageSpan[]) => {
      const pages = new Set<number>()
      for (const { from, to } of spans) for (let at = from; at < to; at++) pages.add(at)
      return [...pages].sort((a, b) => a - b)
    }
    const list = () => {
      const spans: PageSpan[] = []
      for (let at = below(4); at < 60; ) {
        const to = at + 1 + below(6)
        spans.push({ from: at, to })
        at = to + 1 + below(8)
      }
      return spans
    }
    for (let round = 0; round < 500; round++) {
      const [a, b] = [list(), list()]
      const [inA, inB] = [pagesOf(a), pagesOf(b)]
      const hint = `seed ${SEED}, round ${round}`
      expect(pagesOf(subtractSpans(a, b)), hint).toEqual(inA.filter((page) => !inB.includes(page)))
      expect(pagesOf(intersectSpans(a, b)), hint).toEqual(inA.filter((page) => inB.includes(page)))
      const united = uniteSpans(a, b)
      expect(pagesOf(united), hint).toEqual([...new Set([...inA, ...inB])].sort((x, y) => x - y))
      for (let i = 1; i < united.length; i++) {
        expect((united[i] as PageSpan).from, hint).toBeGreaterThan((united[i - 1] as PageSpan).to)
      }
      expect(bytesOf(united), hint).toBe(pagesOf(united).length)
    }
  })
})

// ---- tables over memories -------------------------------------------------------------------------------------------

interface Forked {
  readonly memory: WebAssembly.Memory
  readonly table: LayerTable
  /** What it should hold. */
  readonly model: Uint8Array
}

function makeFirst(calls: ForkCalls, limits: Partial<LayerLimits> = {}): Forked {
  const memory = new WebAssembly.Memory({ initial: MEMORY_BYTES / 65_536, maximum: 256 })
  return { memory, table: new LayerTable(calls, limits), model: new Uint8Array(MEMORY_BYTES) }
}

function fork(parent: Forked): Forked {
  parent.table.freeze(parent.memory)
  const memory = new WebAssembly.Memory({ initial: MEMORY_BYTES / 65_536, maximum: 256 })
  return { memory, table: parent.table.mapInto(memory), model: parent.model.slice() }
}

function expectSame({ memory, model }: Forked, hint: string): void {
  if (Buffer.compare(new Uint8Array(memory.buffer), model) !== 0) expect.fail(`${hint}: a memory has other bytes`)
}

/** What must hold of a table. */
function expectSound(table: LayerTable, hint: string): void {
  let last: Extent | undefined
  for (const extent of table.extents) {
    expect(extent.to, hint).toBeGreaterThan(extent.from)
    if (last) expect(extent.from, hint).toBeGreaterThanOrEqual(last.to)
    expect(last?.to === extent.from && last.layer === extent.layer, `${hint}: neighbours are one extent`).toBe(false)
    expect(extent.layer.users.has(table), hint).toBe(true)
    expect(extent.layer.fd, hint).toBeDefined()
    expect(extent.to, hint).toBeLessThanOrEqual(extent.layer.bytes)
    last = extent
  }
}

function store({ memory, model }: Forked, at: number, byte: number): void {
  new Uint8Array(memory.buffer)[at] = byte
  model[at] = byte
}

describe.skipIf(!posixPages?.can.fork)('tables of layers', () => {
  it.each([
    { layersMax: 4, extentsMax: 16 },
    { layersMax: 2, extentsMax: 1000 },
    { layersMax: 100, extentsMax: 4 },
    {},
  ])(`keep the bytes of forks of forks within limits %o (seed ${SEED})`, (limits) => {
    const below = random(SEED)
    const living = [makeFirst(realForkCalls(), limits)]
    for (let step = 0; step < 120; step++) {
      const one = living[below(living.length)] as Forked
      const hint = `seed ${SEED}, step ${step}`
      const what = below(10)
      if (what < 5) {
        for (let i = 0; i < 20; i++) store(one, below(MEMORY_BYTES), below(256))
      } else if (what < 8 && living.length < 5) {
        living.push(fork(one))
        expectSame(living.at(-1) as Forked, hint)
        expectSound(one.table, hint)
        expect(one.table.layers.size, hint).toBeLessThanOrEqual(limits.layersMax ?? 16)
        expect(one.table.extents.length, hint).toBeLessThanOrEqual(limits.extentsMax ?? 1000)
      } else if (what < 9 && living.length > 1) {
        // As when the collector has found its memory.
        one.table.drop()
        living.splice(living.indexOf(one), 1)
      } else for (const other of living) expectSame(other, hint)
    }
    for (const other of living) expectSame(other, `seed ${SEED}, at the end`)
    for (const other of living) other.table.drop()
  })

  it('find the same private pages both ways', () => {
    const [scan, pagemap] = [realForkCalls(), realForkCalls({ scans: false })]
    expect(pagemap.scanMethod).toBe('pagemap')
    const one = makeFirst(scan)
    const below = random(SEED)
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 30; i++) store(one, below(MEMORY_BYTES), 1 + below(255))
      const found = scan.privatePages(one.memory)
      expect(pagemap.privatePages(one.memory)).toEqual(found)
      expect(bytesOf(found)).toBeGreaterThan(0)
      one.table.freeze(one.memory)
      expect(scan.privatePages(one.memory)).toEqual([])
      expect(pagemap.privatePages(one.memory)).toEqual([])
    }
    one.table.drop()
  })

  it.each([511, 512, 513, 700, 1023, 1024, 1025, 1600, 2048, 3000])('find each of %i private pages once', (count) => {
    const memory = new WebAssembly.Memory({ initial: 512, maximum: 512 })
    const bytes = new Uint8Array(memory.buffer)
    const expected = Array.from({ length: count }, (_, i) => ({ from: 2 * i * PAGE, to: (2 * i + 1) * PAGE }))
    for (const { from } of expected) bytes[from] = 1
    expect(realForkCalls().privatePages(memory)).toEqual(expected)
    expect(realForkCalls({ scans: false }).privatePages(memory)).toEqual(expected)
  })

  it('write in place when nobody else has the layer, and to a new one else', () => {
    const one = makeFirst(realForkCalls())
    for (let page = 0; page < 100; page++) store(one, page * PAGE, 1)
    const other = fork(one)
    expect(one.table.extents.length).toBe(1)
    store(one, 50 * PAGE, 2)
    expect(one.table.freeze(one.memory)).toMatchObject({ copiedBytes: PAGE, foldedBytes: 0 })
    expect([one.table.layers.size, one.table.extents.length]).toEqual([2, 3])
    other.table.drop()
    for (const page of [10, 50, 200]) store(one, page * PAGE, 3)
    expect(one.table.freeze(one.memory)).toMatchObject({ copiedBytes: 3 * PAGE, foldedBytes: 0 })
    expect([one.table.layers.size, one.table.extents.length]).toEqual([2, 4])
    expectSame(one, 'after all')
    one.table.drop()
  })

  it('cost what was stored to, however often a memory is forked and whatever lives', () => {
    const one = makeFirst(realForkCalls(), { extentsMax: 256 })
    const below = random(SEED)
    for (let page = 0; page < PAGES; page++) store(one, page * PAGE, 1)
    const kept = [fork(one)]
    let copied = 0
    let stored = 0
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 10; i++) store(one, below(PAGES) * PAGE, below(256))
      stored += 10 * PAGE
      copied += one.table.freeze(one.memory).copiedBytes
      kept.push(fork(one))
      if (kept.length > 3) kept.shift()?.table.drop()
    }
    // All of it each time would be 100 times what was stored.
    expect(copied / stored).toBeLessThan(10)
    expectSame(one, 'after all')
    for (const fork of [...kept, one]) fork.table.drop()
  })

  it('give back room of layers that only one memory has left', () => {
    const calls = realForkCalls()
    const one = makeFirst(calls)
    for (let page = 0; page < 512; page++) store(one, page * PAGE, 1)
    const other = fork(one)
    for (let page = 0; page < 500; page++) store(one, page * PAGE, 2)
    one.table.freeze(one.memory)
    const [first] = [...other.table.layers]
    expect(calls.heldBytes(first?.fd as number)).toBe(512 * PAGE)
    other.table.drop()
    expect(calls.heldBytes(first?.fd as number)).toBe(12 * PAGE)
    expectSame(one, 'after all')
    one.table.drop()
  })

  it('read as before when a call fails, wherever it does, and go on', () => {
    const real = realForkCalls()
    for (const call of ['open', 'write', 'map', 'privatePages'] as const) {
      for (let failing = 1; failing < 4; failing++) {
        let count = 0
        const fails = () => {
          if (++count === failing) throw new PlatformError(call, 'ENOSPC', 0, 0)
        }
        const calls: ForkCalls = new Proxy(real, {
          get(target, name) {
            const found = target[name as keyof ForkCalls]
            if (typeof found !== 'function') return found
            const bound = (found as (...rest: unknown[]) => unknown).bind(target)
            return name === call ? (...rest: unknown[]) => [fails(), bound(...rest)][1] : bound
          },
        })
        const one = makeFirst(calls)
        const living = [one]
        let failures = 0
        for (let round = 0; round < 4; round++) {
          for (let page = round; page < 100; page += 7) store(one, page * PAGE, round + 1)
          try {
            living.push(fork(one))
          } catch (error) {
            expect(error).toBeInstanceOf(PlatformError)
            failures++
          }
          for (const each of living) expectSame(each, `${call} fails at ${failing}, round ${round}`)
        }
        expect(failures, `${call} fails at ${failing}`).toBeLessThanOrEqual(1)
        expectSound(one.table, call)
        for (const each of living) each.table.drop()
      }
    }
  })

  it('name the call and the reason when the system refuses', () => {
    const calls = realForkCalls()
    const { memory } = makeFirst(calls)
    const span = { from: 0, to: PAGE }
    const refused = (action: () => unknown, fields: object) => expect(thrownBy(action)).toMatchObject(fields)
    refused(() => calls.map(-1, memory, span), { code: 'HW_PLATFORM', call: 'mmap', errno: 'EBADF', bytes: PAGE })
    refused(() => calls.write(-1, memory, span), { code: 'HW_PLATFORM', call: 'pwrite' })
    refused(() => calls.punch(-1, span), { code: 'HW_PLATFORM', call: 'fallocate', errno: 'EBADF' })
    refused(() => calls.lengthen(-1, PAGE), { code: 'HW_PLATFORM', call: 'ftruncate' })
  })
})

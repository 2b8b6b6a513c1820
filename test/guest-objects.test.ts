/**
 * Goal: programs in C and in AssemblyScript that use collected objects get the answers that plain JavaScript objects
 * give, in every collecting mode, under stress too, and leave a sound heap; and what they do wrong they are told, and
 * nothing stops.
 * Method: one module for each language, joined to the kernel by instantiation (`support/joined-guests.ts`); sums are
 * compared with a model in the test, heaps verified by the library attached to them, in the kernel with assertions too.
 * A failure means: an inlined path and the kernel disagree, a collection loses or spoils something, or a call trusts
 * what it is given.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Heap } from '../src/index.js'
import { compileAssembly } from './support/assembly-guests.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { GUEST_MODES, type GuestFunctions, type GuestMode, joinGuest } from './support/joined-guests.js'
import { random } from './support/random.js'

const FLAGS = ['-nostartfiles', '-Wl,--no-entry', '-Wl,--import-memory', '-Wextra']
const MODES = Object.keys(GUEST_MODES) as GuestMode[]
const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Math.floor(Math.random() * 2 ** 31) + 1)
const STRESS_ALLOCATIONS = 1
const COMPILE_MS = 60_000
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)

/** What a guest's function answers, as an unsigned number. */
function call(functions: GuestFunctions, name: string, ...args: number[]): number {
  const exported = functions[name]
  if (!exported) throw new Error(`nothing is exported as ${name}`)
  return exported(...args) >>> 0
}

function expectSound(heap: Heap, mode: GuestMode): void {
  expect(heap.mode).toBe(mode)
  expect(heap.verify()).toMatchObject({ ok: true })
}

// ---- models ---------------------------------------------------------------------------------------------------------

/** Nodes that `trees(depth)` sees. */
function treeNodes(depth: number): number {
  let nodes = (4 << depth) - 1 + (2 << depth) - 1
  for (let d = 4; d <= depth; d += 2) nodes += (1 << (depth - d + 4)) * ((2 << d) - 1)
  return nodes
}

interface ModelNode {
  left: ModelNode | null
  right: ModelNode | null
  readonly value: number
}

/** The graph of `graph_begin`, `graph_run` and `graph_sum` over plain objects. */
class GraphModel {
  #state: number
  readonly #items: (ModelNode | null)[]

  constructor(seed: number, slots: number) {
    this.#state = seed
    this.#items = Array.from({ length: slots }, () => null)
  }

  #random(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % below
  }

  run(operations: number): void {
    const items = this.#items
    for (let n = 0; n < operations; n++) {
      const [what, i, k] = [this.#random(10), this.#random(items.length), this.#random(items.length)]
      const [from, to] = [items[i], items[k]] as [ModelNode | null, ModelNode | null]
      if (what < 4) items[i] = { value: this.#random(1000), left: to, right: null }
      else if (what < 6 && from) from.right = to
      else if (what < 8 && from) from.left = to
      else if (what === 8) items[i] = null
      else if (from?.left) items[k] = from.left
    }
  }

  sum(): number {
    let sum = 0
    for (const item of this.#items) {
      let node = item
      for (let step = 0; step < 40 && node; step++) {
        sum = (Math.imul(sum, 31) + node.value + step) >>> 0
        node = (step ^ node.value) & 1 ? node.left : node.right
      }
      sum = (Math.imul(sum, 17) + (node ? 1 : 0)) >>> 0
    }
    return sum
  }

  /** Nodes that can be reached. */
  live(): number {
    const seen = new Set<ModelNode>()
    const waiting = this.#items.filter((item) => item !== null)
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      if (seen.has(node)) continue
      seen.add(node)
      for (const next of [node.left, node.right]) if (next) waiting.push(next)
    }
    return seen.size
  }
}

/** A guest whose types are registered, and which can be told to collect at every allocation. */
function begun(
  module: Uint8Array,
  mode: GuestMode,
  options: { debug?: boolean; stress?: boolean; limitBytes?: number },
) {
  const joined = joinGuest(module, options)
  expect(call(joined.guest, 'begin', GUEST_MODES[mode])).toBe(0)
  if (options.stress) expect(call(joined.kernel, 'hw_stress', STRESS_ALLOCATIONS, 1, 0, 1)).toBe(0)
  return joined
}

function runGraph(module: Uint8Array, mode: GuestMode, rounds: number, options: { debug?: boolean; stress?: boolean }) {
  const { guest, heap } = begun(module, mode, options)
  const model = new GraphModel(SEED, 50)
  expect(call(guest, 'graph_begin', SEED, 50)).toBe(0)
  for (let round = 0; round < rounds; round++) {
    model.run(1000)
    expect(call(guest, 'graph_run', 1000)).toBe(0)
    expect(call(guest, 'graph_sum'), `seed ${SEED}, round ${round}`).toBe(model.sum())
  }
  expectSound(heap(), mode)
  // The table is an object, too.
  expect(call(guest, 'live_objects'), `seed ${SEED}`).toBe(model.live() + 1)
  expect(call(guest, 'graph_sum')).toBe(model.sum())
  call(guest, 'drop')
  expect(call(guest, 'live_objects')).toBe(0)
  expectSound(heap(), mode)
}

// ---- C --------------------------------------------------------------------------------------------------------------

describe.skipIf(isWithoutClang)('a C guest', () => {
  let module: Uint8Array
  let checked: Uint8Array
  beforeAll(() => {
    module = compileGuest('objects', { flags: FLAGS })
    checked = compileGuest('objects', { flags: [...FLAGS, '-DHEAPWRIGHT_CHECKED'] })
  }, COMPILE_MS)

  for (const mode of MODES) {
    describe(`in mode ${mode}`, () => {
      it('builds trees, while others die', () => {
        const { guest, heap } = begun(module, mode, {})
        expect(call(guest, 'trees', 14)).toBe(treeNodes(14))
        expectSound(heap(), mode)
        expect(call(guest, 'live_objects')).toBe(0)
        expect(heap().stats().collections).toBeGreaterThan(0)
      })

      it('loses garbage that refers to itself', () => {
        const { guest, heap } = begun(module, mode, {})
        expect(call(guest, 'rings', 20_000)).toBe(0)
        expect(call(guest, 'live_objects')).toBe(0)
        expectSound(heap(), mode)
      })

      it('finds its objects where they have moved', () => {
        const { guest, heap } = begun(module, mode, { debug: true })
        expect(call(guest, 'keep', 4000)).toBe(0)
        expectSound(heap(), mode)
        // All but those that lay in front.
        expect(call(guest, 'move')).toBeGreaterThan(900)
        expect(call(guest, 'live_objects')).toBe(1001)
        expectSound(heap(), mode)
      })

      it('agrees with a model of a graph at random', () => {
        runGraph(module, mode, 60, {})
        runGraph(module, mode, 20, { debug: true })
        runGraph(checked, mode, 10, { debug: true })
      })

      it('agrees with it when each allocation collects and moves everything', () => {
        runGraph(module, mode, 2, { stress: true })
        runGraph(module, mode, 1, { debug: true, stress: true })
      })

      it('keeps bytes, elements with references among numbers, and references far behind', () => {
        const { guest, kernel, heap } = begun(module, mode, { debug: true })
        expect(call(guest, 'texts', 400)).toBe(0)
        expect(call(guest, 'shapes')).toBe(0)
        expect(call(kernel, 'hw_stress', STRESS_ALLOCATIONS, 1, 0, 1)).toBe(0)
        expect(call(guest, 'texts', 40)).toBe(0)
        expect(call(guest, 'shapes')).toBe(0)
        expectSound(heap(), mode)
      })

      it('is answered null when the heap is full, and goes on', () => {
        const { guest, heap } = begun(module, mode, { debug: true, limitBytes: 4 << 20 })
        // 32 bytes each; a nursery and metadata take their share.
        expect(call(guest, 'fill', 60_000)).toBe(0)
        expectSound(heap(), mode)
        const { committedBytes, limitBytes } = heap().stats()
        expect(committedBytes).toBeLessThanOrEqual(limitBytes)
      })

      it.each([['pins'], ['roots'], ['weaks'], ['finalizers'], ['blocks']])('has %s', (name) => {
        for (const build of [module, checked]) {
          const { guest, heap } = begun(build, mode, { debug: true })
          expect(call(guest, name), `test/guests/objects.c:${call(guest, name)}`).toBe(0)
          expectSound(heap(), mode)
        }
      })

      it('is refused what does not fit, and nothing stops or changes', () => {
        for (const build of [module, checked]) {
          const { guest, heap } = begun(build, mode, { debug: true })
          expect(call(guest, 'misuse')).toBe(0)
          expect(call(guest, 'trees', 6)).toBe(treeNodes(6))
          expectSound(heap(), mode)
        }
      })
    })
  }

  it('whose store nobody hears of is found out', () => {
    const { guest, kernel, heap } = begun(module, 'runtime', { debug: true })
    expect(call(guest, 'forget')).toBe(0)
    expect(call(kernel, 'hw_verify')).toBe(42)
    expect(heap().verify().ok).toBe(false)
  })

  it('has the mode that was chosen for it', () => {
    const { guest, kernel, heap } = joinGuest(module)
    expect(call(kernel, 'hw_choose_mode', 9)).not.toBe(0)
    expect(call(kernel, 'hw_choose_mode', GUEST_MODES.server)).toBe(0)
    expect(call(guest, 'begin', GUEST_MODES.vm)).toBe(0)
    expect([call(kernel, 'hw_objects_mode'), heap().mode]).toEqual([GUEST_MODES.server, 'server'])
    expect(call(kernel, 'hw_choose_mode', GUEST_MODES.vm)).not.toBe(0)
    expect(call(guest, 'trees', 8)).toBe(treeNodes(8))
  })

  it('has figures that are those of the library', () => {
    const { guest, kernel, memory, heap } = begun(module, 'runtime', {})
    expect(call(guest, 'keep', 5000)).toBe(0)
    expect(call(guest, 'trees', 10)).toBe(treeNodes(10))
    const block = call(kernel, 'hw_alloc', 1000)
    const at = call(kernel, 'hw_alloc', 96)
    expect(call(kernel, 'hw_get_stats', at, 96)).toBe(0)
    const figures = [...new Uint32Array(memory.buffer, at, 24)]
    const stats = heap().stats()
    const { limitBytes, committedBytes, committedPeakBytes, collections, minorCollections, nurseryBytes } = stats
    expect(figures.slice(0, 5)).toEqual([1, 96, limitBytes, committedBytes, committedPeakBytes])
    expect(figures.slice(7, 9)).toEqual([heap().usableSize(block) + heap().usableSize(at), stats.liveBlocks])
    expect(figures.slice(17, 21)).toEqual([
      nurseryBytes,
      collections,
      stats.compactions ?? figures[19],
      minorCollections,
    ])
    expect(figures[23]).toBe(8)
  })
})

// ---- any argument ---------------------------------------------------------------------------------------------------

describe('the kernel for guests', () => {
  /** They store where they are told to, as a store does: the program's own memory is its own business. */
  const STORES = ['hw_store_reference', 'hw_get_stats', 'posix_memalign']
  const BIG = [0x7ffffff8, 0x80000000, 0xfffffff0, 0xfffffff8, 0xffffffff]

  it.each(MODES)('stops at no argument, and stays sound, in mode %s', (mode) => {
    const { kernel, heap } = joinGuest(EMPTY_MODULE, { debug: true, limitBytes: 8 << 20 })
    const next = random(SEED)
    const pick = <T>(from: readonly T[]) => from[next(from.length)] as T
    const names = Object.keys(kernel).filter((name) => !STORES.includes(name) && !name.startsWith('heapwright_'))
    const answers: number[] = [0]
    const argument = () => {
      const kind = next(10)
      if (kind < 3) return next(40)
      if (kind < 7) return pick(answers) + pick([0, 0, 0, 4, 8, 16])
      return kind < 8 ? pick(BIG) : next(2 ** 24)
    }
    const step = (name: string) => {
      const called = kernel[name] as (...args: (number | bigint)[]) => number | bigint
      const args: (number | bigint)[] = [argument(), argument(), argument(), argument(), argument(), argument()]
      // A type is a number of 64 bits.
      if (name === 'hw_new_object') args[0] = BigInt(next(12))
      // So that memory, frames and time are not used up at once.
      if (name === 'hw_set_limit' || name === 'hw_enter_frame') args[0] = next(6)
      if (name === 'hw_stress') args[1] = 50 + next(50)
      const answer = Number(called(...args))
      if (answer !== 0) answers[answers.length < 200 ? answers.length : next(200)] = answer >>> 0
    }
    call(kernel, 'hw_choose_mode', GUEST_MODES[mode])
    for (const name of names) step(name)
    expect(heap().mode).toBe(mode)
    for (let i = 0; i < 3000; i++) {
      step(pick(names))
      if (i % 250 === 0) expect(call(kernel, 'hw_verify'), `seed ${SEED}, call ${i}`).toBe(0)
    }
    expect(heap().verify(), `seed ${SEED}`).toMatchObject({ ok: true })
  })
})

// ---- AssemblyScript -------------------------------------------------------------------------------------------------

describe('an AssemblyScript guest', () => {
  let module: Uint8Array
  beforeAll(async () => {
    module = await compileAssembly('test/guests/assembly/objects.ts')
  }, COMPILE_MS)

  for (const mode of MODES) {
    it(`has in mode ${mode} what the header has`, () => {
      const { guest, heap } = begun(module, mode, {})
      expect(call(guest, 'trees', 12)).toBe(treeNodes(12))
      expectSound(heap(), mode)
      expect(call(guest, 'live_objects')).toBe(0)
      const strict = begun(module, mode, { debug: true })
      expect(call(strict.guest, 'rest')).toBe(0)
      const names = strict
        .heap()
        .census()
        .map(({ type }) => type)
      expect(names).toEqual(expect.arrayContaining(['Node', 'Text é ✓ 𝄞', 'Long']))
      expectSound(strict.heap(), mode)
    })

    it(`agrees in mode ${mode} with a model of a graph at random`, () => {
      runGraph(module, mode, 40, {})
      runGraph(module, mode, 10, { debug: true })
      runGraph(module, mode, 1, { debug: true, stress: true })
    })
  }

  it('has its own objects in blocks of the heap, by the runtime that comes with the binding', async () => {
    const managed = await compileAssembly('test/guests/assembly/managed.ts', { runtime: 'include/assembly/runtime' })
    const abort = () => {
      throw new Error('abort')
    }
    const { guest, heap } = joinGuest(managed, { debug: true, env: { abort } })
    const counts = [1, 2, 20_000]
    expect(counts.map((count) => guest.run?.(count))).toEqual(counts.map(managedModel))
    expect(heap().verify()).toMatchObject({ ok: true })
    call(guest, 'clean')
    call(guest, 'clean')
    const { liveBlocks, refusedRequests } = heap().stats() as unknown as Record<string, number>
    expect([liveBlocks, refusedRequests ?? 0]).toEqual([0, 0])
  })
})

/** `run` of test/guests/assembly/managed.ts. */
function managedModel(count: number): number {
  interface Link {
    readonly value: number
    readonly next: Link | null
  }
  const links = new Map<string, Link>()
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const key = `k${i % 300}`
    const before = links.get(key) ?? null
    links.set(key, { value: i, next: before && before.value % 7 ? before : null })
    names.push(key + key)
    if (names.length > 500) names.splice(0, 400)
  }
  let sum = 0
  for (const first of links.values()) {
    for (let link: Link | null = first; link; link = link.next) sum = (sum + link.value) | 0
  }
  for (const name of names) sum = (Math.imul(sum, 3) + name.charCodeAt(name.length - 1)) | 0
  return sum
}

/**
 * Goal: a memory that refuses to grow is an answer, never a torn heap (row G4; SQLite's method of failing the Nth
 * allocation).
 * Method: one script over every kind of call is run with growth refused at the 1st, 2nd, … Nth time, once and from then
 * on, until the script runs without meeting a refusal. After each call the heap verifies; each call succeeds or reports
 * out of memory with its four figures; afterwards memory is there again and everything works.
 * A failure means that a call that ran out of memory half-way left something behind.
 */
import { describe, expect, test } from 'vitest'
import { type Address, Heap, type HeapOptions, OutOfMemoryError } from '../src/index.js'

interface Outcome {
  readonly asked: number
  readonly refused: number
}

/** Run the script; `refuses` tells for the nth growth whether it is refused. */
function script(options: HeapOptions, refuses: (nth: number) => boolean): Outcome {
  let asked = 0
  let refused = 0
  let isOver = false
  const growth = () => {
    const no = !isOver && refuses(++asked)
    if (no) refused++
    return !no
  }
  let heap: Heap
  try {
    heap = Heap.create({ ...options, limit: '32MiB', initial: 0, debug: true, testing: { growth } })
  } catch (error) {
    expect(error).toBeInstanceOf(OutOfMemoryError)
    return { asked, refused }
  }
  const calls = steps(heap)
  for (const call of calls) attempt(heap, call)
  isOver = true
  // Memory is there again: the same calls work.
  const again = heap.alloc(1 << 20)
  heap.free(again)
  for (const call of steps(heap)) call()
  expect(heap.verify()).toEqual({ ok: true })
  heap.close()
  return { asked, refused }
}

function attempt(heap: Heap, call: () => void): void {
  const before = heap.stats()
  try {
    call()
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error
    const figures = [error.requestedBytes, error.availableBytes, error.usedBytes, error.totalBytes]
    for (const figure of figures) expect(figure).toBeGreaterThanOrEqual(0)
    expect(error.totalBytes).toBe(32 << 20)
    expect(error.usedBytes).toBe(before.inUseBytes)
    const after = heap.stats()
    expect(after.inUseBytes).toBe(before.inUseBytes)
    expect(after.liveBlocks).toBe(before.liveBlocks)
  }
  expect(heap.verify()).toEqual({ ok: true })
}

/** Calls of every kind, each of which may need to grow. */
function steps(heap: Heap): (() => void)[] {
  const made: {
    small: Address[]
    large?: Address
    huge?: Address
    arena?: ReturnType<Heap['arena']>
    pool?: ReturnType<Heap['pool']>
  } = { small: [] }
  const nothing = 0 as Address
  return [
    () => {
      made.large = heap.alloc(70_000)
    },
    ...Array.from({ length: 40 }, (_, i) => () => {
      made.small.push(heap.alloc(1 + i * 50))
    }),
    () => {
      made.large = heap.realloc(made.large ?? nothing, 300_000)
    },
    () => heap.calloc(7, 30_000),
    () => heap.allocAligned(50_000, 65_536),
    () => {
      made.huge = heap.alloc(1_500_000)
    },
    () => {
      made.huge = heap.realloc(made.huge ?? nothing, 3_000_000)
    },
    () => {
      made.pool = heap.pool({ size: 1000, count: 300, grow: true })
    },
    ...Array.from({ length: 5 }, () => () => made.pool?.acquire()),
    () => {
      made.arena = heap.arena({ chunk: '256KiB' })
    },
    ...Array.from({ length: 12 }, (_, i) => () => made.arena?.alloc(10_000 * (i + 1))),
    () => heap.alloc(900_000),
    () => {
      for (const address of made.small) heap.free(address)
      made.small = []
    },
    () => heap.alloc(950_000),
    () => made.pool?.dispose(),
    () => made.arena?.dispose(),
    () => made.huge && heap.realloc(made.huge, 100),
  ]
}

describe.each([
  ['manual', { mode: 'manual' }],
  ['manual, pow2', { mode: 'manual', sizeClasses: 'pow2' }],
  ['compiler', { mode: 'compiler' }],
] as const)('growth refused, %s', (_name, options) => {
  for (const [name, refusesFrom] of [
    ['once', (n: number) => (nth: number) => nth === n],
    ['from then on', (n: number) => (nth: number) => nth >= n],
  ] as const) {
    test(`${name}, at each growth in turn`, { timeout: 120_000 }, () => {
      let n = 1
      for (; ; n++) {
        const { refused } = script(options, refusesFrom(n))
        if (refused === 0) break
        expect(n).toBeLessThan(500)
      }
      // The script must have met many growths, or this test shows nothing.
      expect(n).toBeGreaterThan(8)
    })
  }
})

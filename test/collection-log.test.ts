/**
 * Goal: from what the kernel reports of collections in the middle of its calls come the right records, pauses and
 * cycles, in every order in which it may report.
 * Method: the log over a space that is a table of words, with a clock that the test sets; reports as the kernel of each
 * mode makes them. What is expected is worked out by hand, and for random nestings by a plain list of intervals.
 * A failure means: pauses counted twice or not at all, a cycle taken for a collection, figures read from words that are
 * other data in the modes without a nursery.
 */
import { describe, expect, it } from 'vitest'
import {
  FLAG_EMBEDDED,
  FLAG_NURSERY,
  FLAG_OBJECTS,
  HEAP_COMMITTED_AT,
  HEAP_FLAGS_AT,
  HEAP_LIMIT_AT,
} from '../kernel/layout.js'
import {
  CAUSE_BUDGET,
  CAUSE_MEMORY,
  CAUSE_NURSERY,
  CAUSE_REQUEST,
  CAUSE_STRESS,
  COLLECT_COMPACT,
  COLLECT_FULL,
  COLLECT_MINOR,
  COLLECT_STEP,
  PHASE_IDLE,
  PHASE_MARK,
  SPACE_AGED_BYTES_AT,
  SPACE_ALLOCATED_AT,
  SPACE_BUMP_AT,
  SPACE_CYCLE_FREED_AT,
  SPACE_CYCLES_AT,
  SPACE_LACKS_ROOM_AT,
  SPACE_LAST_UNITS_AT,
  SPACE_LIMIT_AT,
  SPACE_LIVE_BYTES_AT,
  SPACE_LIVE_OBJECTS_AT,
  SPACE_MINOR_BEFORE_AT,
  SPACE_MINORS_AT,
  SPACE_MOVED_AT,
  SPACE_OLD_BYTES_AT,
  SPACE_PHASE_AT,
  SPACE_PLAN_AT,
  SPACE_PROMOTED_BYTES_AT,
  SPACE_PROMOTED_OBJECTS_AT,
  SPACE_STAYED_OBJECTS_AT,
  SPACE_YOUNG_BASE_AT,
  WORK_COPY,
  WORK_MARK,
  WORK_PREPARE,
  WORK_SWEEP,
} from '../kernel/object-layout.js'
import type { HeapEventName } from '../src/events.js'
import { CollectionLog } from '../src/objects/collections.js'
import { random } from './support/random.js'

/** A heap that is words alone, and the log over it. Reports are made at times given in milliseconds. */
class FakeHeap {
  readonly words = new Map<number, number>()
  readonly heapWords = new Map<number, number>()
  readonly listened = new Set<HeapEventName>()
  readonly lines: string[] = []
  nowMs = 1000
  readonly log: CollectionLog

  constructor(flags: number, trace?: (line: string) => void) {
    this.heapWords.set(HEAP_FLAGS_AT, flags)
    const { words, heapWords, listened } = this
    const space = {
      word: (at: number) => {
        // Behind the words that all heaps have lies something else.
        if (at >= SPACE_YOUNG_BASE_AT && (flags & FLAG_NURSERY) === 0) throw new Error(`word ${at} of no nursery`)
        return words.get(at) ?? 0
      },
      core: {
        word: (at: number) => heapWords.get(at) ?? 0,
        name: 'fake',
        events: { has: (event: HeapEventName) => listened.has(event) },
      },
    }
    this.log = new CollectionLog(space, { now: () => this.nowMs, trace })
  }

  set(words: Readonly<Record<number, number>>): this {
    for (const [at, value] of Object.entries(words)) this.words.set(Number(at), value)
    return this
  }

  begin(atMs: number, cause: number, kind = COLLECT_FULL): this {
    this.nowMs = 1000 + atMs
    this.log.begin(cause | (kind << 8))
    return this
  }

  work(atMs: number, work: number): this {
    this.nowMs = 1000 + atMs
    this.log.work(work)
    return this
  }

  end(atMs: number, kind: number): this {
    this.nowMs = 1000 + atMs
    this.log.end(kind)
    return this
  }

  get recent() {
    return this.log.pauses.recent
  }
}

const plain = (trace?: (line: string) => void) => new FakeHeap(FLAG_OBJECTS, trace)
const generational = (trace?: (line: string) => void) => new FakeHeap(FLAG_OBJECTS | FLAG_NURSERY, trace)

describe('a heap without a nursery', () => {
  it('gives a record of a full collection, with the times of its phases', () => {
    const heap = plain()
    heap.heapWords.set(HEAP_COMMITTED_AT, 5000)
    // 1,000 bytes lived, holes of 700 were handed out, and 200 are left of the last one.
    heap.set({ [SPACE_LIVE_BYTES_AT]: 1000, [SPACE_ALLOCATED_AT]: 700, [SPACE_LIMIT_AT]: 4200, [SPACE_BUMP_AT]: 4000 })
    heap.begin(10, CAUSE_BUDGET).work(11, WORK_PREPARE).work(12.5, WORK_MARK).work(15, WORK_SWEEP)
    heap.set({ [SPACE_LIVE_BYTES_AT]: 400, [SPACE_LIVE_OBJECTS_AT]: 20, [SPACE_MOVED_AT]: 3 })
    heap.heapWords.set(HEAP_COMMITTED_AT, 4000)
    heap.end(19, COLLECT_FULL)
    expect(heap.recent.at(-1)).toEqual({
      kind: 'full',
      cause: 'budget',
      number: 1,
      atMs: 10,
      ms: 9,
      phases: { prepare: 1.5, mark: 2.5, sweep: 4 },
      bytesBefore: 1500,
      bytesAfter: 400,
      liveObjects: 20,
      liveBytes: 400,
      freedBytes: 1100,
      movedObjects: 3,
      promotedBytes: 0,
      promotedObjects: 0,
      agedBytes: 0,
      stayedObjects: 0,
      committedBefore: 5000,
      committedAfter: 4000,
    })
    expect(heap.log.pauses).toMatchObject({ count: 1, totalMs: 9, maxMs: 9, p50Ms: 9, p999Ms: 9 })
  })

  it('takes the kind from the end, since the beginning may not know it', () => {
    const heap = plain()
    heap.begin(0, CAUSE_REQUEST, COLLECT_FULL).end(1, COLLECT_COMPACT)
    heap.begin(2, CAUSE_REQUEST, COLLECT_COMPACT).end(3, COLLECT_COMPACT)
    heap.begin(4, CAUSE_STRESS).end(5, COLLECT_FULL)
    expect(heap.recent.map(({ kind, cause, number }) => [kind, cause, number])).toEqual([
      ['compact', 'request', 1],
      ['compact', 'request', 2],
      ['full', 'stress', 3],
    ])
  })

  it('knows what embedded allocates by the end of what survived', () => {
    const heap = new FakeHeap(FLAG_OBJECTS | FLAG_EMBEDDED)
    heap.set({ [SPACE_LIVE_BYTES_AT]: 300, [SPACE_BUMP_AT]: 9000, [SPACE_PLAN_AT + 4]: 8000, [SPACE_LIMIT_AT]: 20_000 })
    heap.begin(0, CAUSE_MEMORY)
    heap.set({ [SPACE_LIVE_BYTES_AT]: 500 }).end(1, COLLECT_FULL)
    expect(heap.recent.at(-1)).toMatchObject({ bytesBefore: 1300, bytesAfter: 500, freedBytes: 800 })
  })

  it('counts a phase that comes twice once, and one that is unknown not at all', () => {
    const heap = plain()
    heap
      .begin(0, CAUSE_REQUEST)
      .work(1, WORK_MARK)
      .work(2, WORK_COPY)
      .work(4, WORK_MARK)
      .work(8, 31)
      .end(16, COLLECT_FULL)
    expect(heap.recent.at(-1)?.phases).toEqual({ mark: 5, copy: 2 })
    // The next one has the same bracket, and nothing of this in it.
    expect(heap.begin(20, CAUSE_REQUEST).end(21, COLLECT_FULL).recent.at(-1)?.phases).toEqual({})
  })

  it('ignores ends and phases of what has not begun', () => {
    const heap = plain()
    heap.work(1, WORK_MARK).end(2, COLLECT_FULL)
    expect(heap.log.pauses).toMatchObject({ count: 0, recent: [] })
    expect(heap.recent.at(-1)).toBeUndefined()
  })

  it('keeps the last 64 and counts all', () => {
    const heap = plain()
    for (let i = 0; i < 100; i++) heap.begin(i * 2, CAUSE_BUDGET).end(i * 2 + 1, COLLECT_FULL)
    expect(heap.recent.map(({ number }) => number)).toEqual(Array.from({ length: 64 }, (_, i) => i + 37))
    expect(heap.log.pauses).toMatchObject({ count: 100, totalMs: 100 })
  })
})

describe('a heap with a nursery', () => {
  const promoted = { [SPACE_MINOR_BEFORE_AT]: 4096, [SPACE_PROMOTED_BYTES_AT]: 512, [SPACE_PROMOTED_OBJECTS_AT]: 32 }
  const minor = { ...promoted, [SPACE_AGED_BYTES_AT]: 256, [SPACE_STAYED_OBJECTS_AT]: 2 }

  it('says of a minor collection what became of the young', () => {
    const heap = generational()
    heap
      .begin(0, CAUSE_NURSERY, COLLECT_MINOR)
      .set({ ...minor, [SPACE_MINORS_AT]: 1 })
      .end(0.25, COLLECT_MINOR)
    expect(heap.recent.at(-1)).toMatchObject({
      kind: 'minor',
      cause: 'nursery',
      ms: 0.25,
      bytesBefore: 4096,
      bytesAfter: 256,
      freedBytes: 4096 - 512 - 256,
      promotedBytes: 512,
      promotedObjects: 32,
      agedBytes: 256,
      stayedObjects: 2,
    })
  })

  it('counts a minor collection inside a full one as a record, but the pause once', () => {
    const heap = generational().set({ [SPACE_OLD_BYTES_AT]: 10_000 })
    heap.begin(0, CAUSE_BUDGET, COLLECT_FULL).work(1, WORK_PREPARE)
    heap.begin(2, CAUSE_BUDGET, COLLECT_MINOR).work(2, WORK_COPY)
    heap.set({ ...minor, [SPACE_MINORS_AT]: 1, [SPACE_OLD_BYTES_AT]: 10_512 }).end(5, COLLECT_MINOR)
    heap
      .work(6, WORK_MARK)
      .set({ [SPACE_OLD_BYTES_AT]: 7000 })
      .end(10, COLLECT_FULL)
    expect(heap.recent).toMatchObject([
      { kind: 'minor', number: 1, atMs: 2, ms: 3, phases: { copy: 3 } },
      {
        kind: 'full',
        number: 2,
        atMs: 0,
        ms: 10,
        phases: { prepare: 5, mark: 4 },
        bytesBefore: 10_000 + 4096,
        bytesAfter: 7000 + 256,
        freedBytes: 14_096 - 7256,
        promotedBytes: 0,
      },
    ])
    expect(heap.log.pauses).toMatchObject({ count: 1, totalMs: 10 })
    expect(heap.log.kinds).toMatchObject([
      { kind: 'full', count: 1, nested: 0, totalMs: 10, promotedBytes: 0 },
      { kind: 'minor', count: 0, nested: 1, totalMs: 0, freedBytes: 3328, promotedBytes: 512, promotedObjects: 32 },
    ])
  })

  it('does not take what an earlier minor collection did for its own', () => {
    const heap = generational().set({ ...minor, [SPACE_MINORS_AT]: 7, [SPACE_OLD_BYTES_AT]: 9000 })
    heap
      .begin(0, CAUSE_REQUEST)
      .set({ [SPACE_OLD_BYTES_AT]: 4000 })
      .end(1, COLLECT_FULL)
    expect(heap.recent.at(-1)).toMatchObject({
      bytesBefore: 9000,
      bytesAfter: 4000,
      freedBytes: 5000,
      stayedObjects: 0,
    })
  })

  it('adds up: the kinds of pauses to all pauses, for any nesting', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const next = random(seed)
      const heap = generational()
      const kinds = [COLLECT_FULL, COLLECT_COMPACT, COLLECT_MINOR, COLLECT_STEP]
      const pauses: number[] = []
      let records = 0
      let now = 0
      const bracket = (depth: number) => {
        const kind = kinds[next(4)] as number
        if (kind !== COLLECT_STEP) records++
        heap.begin(now, CAUSE_BUDGET, kind)
        const from = now
        now += next(5)
        while (depth < 5 && next(3) === 0) bracket(depth + 1)
        now += next(5)
        heap.end(now, kind)
        if (depth === 0) pauses.push(now - from)
      }
      for (let left = 20; left > 0; left--) {
        bracket(0)
        now += next(10)
      }
      const where = `seed ${seed}`
      const { count, totalMs, maxMs } = heap.log.pauses
      expect([count, totalMs, maxMs], where).toEqual([20, pauses.reduce((sum, ms) => sum + ms), Math.max(...pauses)])
      expect(
        heap.log.kinds.reduce((sum, kind) => sum + kind.count, 0),
        where,
      ).toBe(20)
      expect(
        heap.log.kinds.reduce((sum, kind) => sum + kind.totalMs, 0),
        where,
      ).toBe(totalMs)
      expect(heap.recent.at(-1)?.number ?? 0, where).toBe(records)
    }
  })

  it('does not lose count when a call has trapped in the middle of a collection', () => {
    const heap = generational()
    for (let i = 0; i < 9; i++) heap.begin(i, CAUSE_BUDGET)
    heap.end(20, COLLECT_FULL)
    expect(heap.log.pauses).toMatchObject({ count: 1, totalMs: 12 })
    heap.begin(30, CAUSE_BUDGET)
    heap.log.reset()
    heap.begin(40, CAUSE_BUDGET).end(41, COLLECT_FULL)
    expect(heap.log.pauses).toMatchObject({ count: 2, totalMs: 13 })
  })
})

describe('an incremental cycle', () => {
  /** A step from `atMs` that takes `ms`; `after` is what the kernel's words say when it is over. */
  function step(heap: FakeHeap, atMs: number, ms: number, units: number, after: Record<number, number> = {}): void {
    heap.begin(atMs, CAUSE_BUDGET, COLLECT_STEP).work(atMs, WORK_MARK)
    heap.set({ [SPACE_LAST_UNITS_AT]: units, [SPACE_PHASE_AT]: PHASE_MARK, ...after }).end(atMs + ms, COLLECT_STEP)
  }
  const ended = (cycles: number) => ({ [SPACE_PHASE_AT]: PHASE_IDLE, [SPACE_CYCLES_AT]: cycles })

  it('gives one record, and a pause for each of its steps', () => {
    const heap = generational().set({ [SPACE_OLD_BYTES_AT]: 8000 })
    heap.heapWords.set(HEAP_COMMITTED_AT, 64_000)
    step(heap, 100, 2, 10)
    step(heap, 110, 5, 20)
    expect(heap.recent).toEqual([])
    heap.begin(120, CAUSE_NURSERY, COLLECT_MINOR)
    heap.set({ [SPACE_MINORS_AT]: 1, [SPACE_PROMOTED_BYTES_AT]: 1000, [SPACE_OLD_BYTES_AT]: 9000 })
    heap.end(121, COLLECT_MINOR)
    heap.begin(130, CAUSE_BUDGET, COLLECT_STEP).work(130, WORK_SWEEP)
    const freed = { [SPACE_OLD_BYTES_AT]: 3000, [SPACE_CYCLE_FREED_AT]: 6000 }
    heap.set({ [SPACE_LAST_UNITS_AT]: 30, ...freed, ...ended(1) }).end(133, COLLECT_STEP)
    expect(heap.recent.map(({ kind }) => kind)).toEqual(['minor', 'cycle'])
    expect(heap.recent.at(-1)).toMatchObject({
      kind: 'cycle',
      cause: 'budget',
      number: 2,
      atMs: 100,
      ms: 10,
      steps: 3,
      longestStepMs: 5,
      spanMs: 33,
      units: 60,
      phases: { mark: 7, sweep: 3 },
      bytesBefore: 8000,
      bytesAfter: 3000,
      freedBytes: 6000,
      movedObjects: 0,
      promotedBytes: 0,
      committedBefore: 64_000,
    })
    expect(heap.log.pauses).toMatchObject({ count: 4, totalMs: 11, maxMs: 5 })
    expect(heap.log.kinds).toMatchObject([
      { kind: 'minor', count: 1, totalMs: 1, promotedBytes: 1000 },
      { kind: 'step', count: 3, totalMs: 10, maxMs: 5, freedBytes: 0 },
      { kind: 'cycle', count: 1, totalMs: 10, freedBytes: 6000 },
    ])
  })

  it('may be of one step, and another may follow at once', () => {
    const heap = generational()
    step(heap, 0, 1, 5, ended(1))
    step(heap, 2, 2, 6)
    step(heap, 5, 3, 7, ended(2))
    expect(heap.recent.map(({ kind, steps, ms, units }) => [kind, steps, ms, units])).toEqual([
      ['cycle', 1, 1, 5],
      ['cycle', 2, 5, 13],
    ])
  })

  it('that a full collection ends leaves no record, since that counts what is freed', () => {
    const heap = generational()
    step(heap, 0, 1, 5)
    heap.begin(2, CAUSE_REQUEST).set(ended(1)).end(10, COLLECT_FULL)
    expect(heap.recent).toMatchObject([{ kind: 'full', number: 1, ms: 8 }])
  })

  it('that is given up leaves no record', () => {
    const heap = generational()
    step(heap, 0, 1, 5)
    heap
      .begin(2, CAUSE_MEMORY)
      .set({ [SPACE_PHASE_AT]: PHASE_IDLE })
      .end(10, COLLECT_FULL)
    step(heap, 20, 1, 5)
    heap.log.reset()
    heap.set({ [SPACE_PHASE_AT]: PHASE_IDLE })
    step(heap, 30, 2, 7, ended(1))
    expect(heap.recent).toMatchObject([{ kind: 'full' }, { kind: 'cycle', steps: 1, ms: 2, units: 7 }])
  })

  it('goes on over a full collection that leaves it', () => {
    const heap = generational()
    step(heap, 0, 1, 5)
    heap.begin(2, CAUSE_REQUEST).end(3, COLLECT_FULL)
    step(heap, 4, 1, 5, ended(1))
    expect(heap.recent).toMatchObject([{ kind: 'full' }, { kind: 'cycle', steps: 2 }])
  })

  it('may have steps inside a minor collection, which is then the pause', () => {
    const heap = generational()
    heap.begin(0, CAUSE_NURSERY, COLLECT_MINOR)
    step(heap, 1, 2, 5, ended(1))
    heap.end(4, COLLECT_MINOR)
    expect(heap.recent).toMatchObject([
      { kind: 'cycle', ms: 2, steps: 1 },
      { kind: 'minor', ms: 4 },
    ])
    expect(heap.log.kinds).toMatchObject([
      { kind: 'minor', count: 1, nested: 0, totalMs: 4 },
      { kind: 'step', count: 0, nested: 1, totalMs: 0 },
      { kind: 'cycle', count: 1, totalMs: 2 },
    ])
  })
})

describe('the share of collections for want of memory', () => {
  it('is of full ones and compactions, and counts one in another once', () => {
    const heap = generational()
    for (let at = 0; at < 40; at += 10) {
      heap.begin(at, CAUSE_MEMORY, COLLECT_FULL)
      heap
        .begin(at + 1, CAUSE_MEMORY, COLLECT_COMPACT)
        .end(at + 4, COLLECT_COMPACT)
        .end(at + 5, COLLECT_FULL)
      // These do not count.
      heap.begin(at + 6, CAUSE_NURSERY, COLLECT_MINOR).end(at + 7, COLLECT_MINOR)
      heap.begin(at + 7, CAUSE_BUDGET, COLLECT_FULL).end(at + 8, COLLECT_FULL)
      if (at < 30) expect(heap.log.memoryShare()).toBe(0)
    }
    expect(heap.log.memoryShare(1040)).toBe(0.5)
    expect(heap.log.memoryShare(1200)).toBe(0.1)
  })

  it('counts minor collections that found no room, but not inside others', () => {
    const heap = generational().set({ [SPACE_LACKS_ROOM_AT]: 1 })
    for (let at = 0; at < 40; at += 10) {
      heap.begin(at, CAUSE_NURSERY, COLLECT_MINOR).end(at + 4, COLLECT_MINOR)
      heap.begin(at + 5, CAUSE_BUDGET, COLLECT_FULL).begin(at + 6, CAUSE_BUDGET, COLLECT_MINOR)
      heap.end(at + 7, COLLECT_MINOR).end(at + 8, COLLECT_FULL)
    }
    expect(heap.log.memoryShare(1040)).toBe(0.4)
  })

  it('begins anew after one that has freed much, and after a reset', () => {
    const heap = plain()
    heap.heapWords.set(HEAP_LIMIT_AT, 16_000)
    const collectFreeing = (freed: number) => {
      heap.set({ [SPACE_LIVE_BYTES_AT]: 10_000 }).begin(0, CAUSE_MEMORY)
      heap.set({ [SPACE_LIVE_BYTES_AT]: 10_000 - freed }).end(1, COLLECT_FULL)
    }
    for (let i = 0; i < 4; i++) collectFreeing(1000)
    expect(heap.log.memoryShare(1001)).toBe(1)
    collectFreeing(1001)
    expect(heap.log.memoryShare(1001)).toBe(0)
    for (let i = 0; i < 4; i++) collectFreeing(0)
    expect(heap.log.memoryShare(1001)).toBe(1)
    heap.log.reset()
    expect(heap.log.memoryShare(1001)).toBe(0)
  })
})

describe('news', () => {
  it('is kept for listeners only, but that something ended is known', () => {
    const heap = plain()
    heap.begin(0, CAUSE_BUDGET).end(1, COLLECT_FULL)
    expect(heap.log.hasNews).toBe(true)
    expect(heap.log.takeNews()).toEqual([])
    expect(heap.log.hasNews).toBe(false)
    for (const event of ['collectBegin', 'collectEnd'] as const) {
      heap.listened.clear()
      heap.listened.add(event)
      heap.begin(2, CAUSE_BUDGET).end(3, COLLECT_FULL)
      expect(heap.log.takeNews()).toEqual([heap.recent.at(-1)])
    }
    heap.listened.clear()
    heap.listened.add('grow')
    heap.begin(4, CAUSE_BUDGET).end(5, COLLECT_FULL)
    expect(heap.log.takeNews()).toEqual([])
  })

  it('has minor collections and cycles too', () => {
    const heap = generational()
    heap.listened.add('collectEnd')
    heap.begin(0, CAUSE_NURSERY, COLLECT_MINOR).end(1, COLLECT_MINOR)
    heap.begin(2, CAUSE_BUDGET, COLLECT_STEP).end(3, COLLECT_STEP)
    expect(heap.log.takeNews().map(({ kind }) => kind)).toEqual(['minor'])
    expect(heap.log.hasNews).toBe(false)
    heap
      .begin(4, CAUSE_BUDGET, COLLECT_STEP)
      .set({ [SPACE_CYCLES_AT]: 1 })
      .end(5, COLLECT_STEP)
    expect(heap.log.takeNews().map(({ kind }) => kind)).toEqual(['cycle'])
  })
})

describe('the trace', () => {
  it('has a line for each record, written when nothing is going on', () => {
    const lines: string[] = []
    let depth = 0
    const heap = generational((line) => {
      expect(depth, 'brackets that are open').toBe(0)
      lines.push(line)
    })
    heap.set({ [SPACE_OLD_BYTES_AT]: 3 * 2 ** 20 })
    depth++
    heap.begin(12.3456, CAUSE_REQUEST).work(13, WORK_PREPARE)
    heap.begin(13, CAUSE_REQUEST, COLLECT_MINOR).work(13.25, WORK_COPY)
    heap.set({ [SPACE_MINOR_BEFORE_AT]: 2 ** 20, [SPACE_PROMOTED_BYTES_AT]: 16_384, [SPACE_MINORS_AT]: 1 })
    heap.end(13.5, COLLECT_MINOR)
    expect(lines).toEqual([])
    heap.work(14, WORK_MARK).set({ [SPACE_OLD_BYTES_AT]: 2 ** 20 })
    depth--
    heap.end(16.3456, COLLECT_COMPACT)
    heap
      .begin(20, CAUSE_BUDGET, COLLECT_STEP)
      .set({ [SPACE_PHASE_AT]: PHASE_MARK })
      .end(20.5, COLLECT_STEP)
    heap
      .begin(21, CAUSE_BUDGET, COLLECT_STEP)
      .set({ [SPACE_CYCLES_AT]: 1 })
      .end(22.25, COLLECT_STEP)
    expect(lines).toEqual([
      'gc 1 @13.000 ms fake: minor (request) 0.500 ms, 1 MiB -> 0 B, promoted 16 KiB; copy 0.250',
      'gc 2 @12.346 ms fake: compact (request) 4.000 ms, 4 MiB -> 1 MiB, promoted 0 B; prepare 1.000, mark 2.346',
      'gc 3 @20.000 ms fake: cycle (budget) 1.750 ms in 2 steps, longest 1.250 ms, 1 MiB -> 1 MiB, promoted 0 B',
    ])
  })
})

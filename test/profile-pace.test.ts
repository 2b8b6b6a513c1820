/**
 * Goal: a profile whose samples are made rarer, because they would cost too much, is right on average, and no rougher
 * than its number of samples makes it; and it says so.
 * Method: programs of known allocations run on a clock that only they and the samples move, with many seeds. The mean
 * of the estimates must be within four standard errors of the truth, their scatter what the effective mean says, and
 * near that of as many samples at one mean where the program goes on as it began.
 * A failure means: figures that depend on what samples happened to cost.
 */
import { describe, expect, it } from 'vitest'
import { Heap } from '../src/index.js'
import { Pace } from '../src/profile/pace.js'
import { Profiler, type ProfileTools } from '../src/profile/profiler.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? 20261126)
const RUNS = 120
const SAMPLE_MS = 0.02

interface Program {
  readonly requests: number
  /** Time that passes before the i-th request. */
  readonly gapMs: (i: number) => number
  /**
   * Most that scatter may exceed that of as many samples at one mean. Those taken until the pace has found out that a
   * burst has come cover few bytes, and so add to the number of samples and hardly to what is known.
   */
  readonly excess: number
}

const PROGRAMS: Record<string, Program> = {
  'as fast as it can': { requests: 6000, gapMs: () => 0.0005, excess: 2.5 },
  'a server with one request after the other': { requests: 1500, gapMs: () => 0.05, excess: 1.4 },
  'a burst, then few requests': { requests: 3000, gapMs: (i) => (i < 1500 ? 0.0005 : 0.2), excess: 2.5 },
  'bursts, between which it waits': { requests: 4000, gapMs: (i) => (i % 400 === 0 ? 20 : 0.002), excess: 1.7 },
}

/** Requests that keep 2048 bytes and free 9000, with samples that cost now and then much more than usual. */
function profiled({ requests, gapMs }: Program, seed: number, timeShare = 0.02) {
  const heap = Heap.create({ limit: '64MiB' })
  const { core } = heap as unknown as { core: ConstructorParameters<typeof Profiler>[0] }
  const next = random(seed)
  let [nowMs, spentMs, where] = [0, 0, '']
  const tools: ProfileTools = { now: () => nowMs, date: () => 0 }
  const stack = () => {
    const costMs = next(20) === 0 ? SAMPLE_MS * 20 : SAMPLE_MS * (0.5 + next(100) / 100)
    nowMs += costMs
    spentMs += costMs
    return [{ functionName: where, url: '', line: 0, column: 0 }]
  }
  using profiler = new Profiler(core, { meanBytes: '8KiB', seed, timeShare, stack }, tools)
  let last = 0
  for (let i = 0; i < requests; i++) {
    nowMs += gapMs(i)
    where = 'session'
    if (last !== 0) heap.free(last)
    last = heap.alloc(2048)
    where = 'body'
    heap.free(heap.alloc(9000))
  }
  const found = (name: string) => {
    const rows = profiler.samples.filter(({ frames }) => frames[0]?.functionName === name)
    const total = (pick: 'sampled' | 'allocObjects') => rows.reduce((sum, row) => sum + row[pick], 0)
    return { sampled: total('sampled'), share: total('allocObjects') / requests }
  }
  const { effectiveMeanBytes } = profiler
  return { session: found('session'), body: found('body'), timeShare: spentMs / nowMs, effectiveMeanBytes }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('throttled estimates', () => {
  it.each(Object.keys(PROGRAMS))(`are right and no rougher than they must be: %s (seed ${SEED})`, (name) => {
    const program = PROGRAMS[name] as Program
    const runs = Array.from({ length: RUNS }, (_, i) => profiled(program, (SEED + i * 7919) % 2 ** 32))
    const effectiveBytes = mean(runs.map((run) => run.effectiveMeanBytes))
    expect(effectiveBytes).toBeGreaterThan(12_000)
    for (const [place, weight] of [
      ['session', 2049],
      ['body', 9001],
    ] as const) {
      const shares = runs.map((run) => run[place].share)
      const average = mean(shares)
      const scatter = Math.sqrt(mean(shares.map((share) => (share - average) ** 2)))
      const sampled = mean(runs.map((run) => run[place].sampled))
      const ideal = Math.sqrt(1 / sampled - 1 / program.requests)
      expect(Math.abs(average - 1)).toBeLessThan((4 * scatter) / Math.sqrt(RUNS))
      expect(scatter).toBeLessThan(program.excess * ideal)
      const chance = -Math.expm1(-weight / effectiveBytes)
      const said = Math.sqrt((1 / chance - 1) / program.requests)
      expect(Math.abs(scatter / said - 1)).toBeLessThan(0.3)
    }
  })
})

describe('the pace', () => {
  it('is not changed by the cost of one sample', () => {
    const pace = new Pace(1024, 0.02, 0)
    pace.spend(10, 20)
    for (let i = 0; i < 6; i++) pace.spend(21, 21)
    expect(pace.meanBytes).toBe(1024)
  })

  it(`at most doubles, or halves, with several samples (seed ${SEED})`, () => {
    const next = random(SEED)
    const pace = new Pace(1024, 0.02, 0)
    let [nowMs, before, changes, since] = [0, 1024, 0, 0]
    for (let i = 0; i < 20_000; i++) {
      const beganMs = nowMs + next(1 + (i % 3000)) / 1000
      nowMs = beganMs + next(40) / 1000
      pace.spend(beganMs, nowMs)
      since++
      const ratio = pace.meanBytes / before
      if (ratio === 1) continue
      expect(ratio).toBeGreaterThanOrEqual(0.5)
      expect(ratio).toBeLessThanOrEqual(2)
      expect(pace.meanBytes).toBeGreaterThanOrEqual(1024)
      if (ratio > 1) expect(since).toBeGreaterThanOrEqual(8)
      before = pace.meanBytes
      since = 0
      changes++
    }
    expect(changes).toBeGreaterThan(100)
  })

  it('comes down when the program has become slow, without a sample', () => {
    const pace = new Pace(1024, 0.02, 0)
    for (let i = 0; i < 80; i++) pace.spend(i * 0.02, (i + 1) * 0.02)
    expect(pace.meanBytes).toBe(1024 * 2 ** 10)
    for (let i = 1; i <= 10; i++) pace.look(1.6 + i * 51)
    expect([pace.meanBytes, pace.isThrottled, pace.lookBytes]).toEqual([1024, false, Number.POSITIVE_INFINITY])
  })

  it('is bound on a clock that ticks more seldom than samples are taken', () => {
    const pace = new Pace(1024, 0.02, 0)
    for (let i = 0; i < 80; i++) pace.spend(Math.floor(i / 8), Math.floor((i + 1) / 8))
    expect(pace.meanBytes).toBeGreaterThan(1024 * 100)
  })
})

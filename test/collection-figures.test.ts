/**
 * Goal: the figures about pauses are what their definitions say: percentiles of a histogram, the least utilisation of
 * any window, the share of collections for want of memory.
 * Method: sorted lists of all durations; a sum over every instant of small random sequences of pauses; cases worked out
 * by hand, two of them Cheng and Blelloch's own argument for windows.
 * A failure means: a pause goal that looks kept and is not.
 */
import { describe, expect, it } from 'vitest'
import { DurationHistogram } from '../src/objects/histogram.js'
import { MemoryShare } from '../src/objects/memory-share.js'
import { PauseLog, WINDOWS_MS } from '../src/objects/pauses.js'
import { minimumUtilisation, PAUSES_KEPT_MAX, PauseRing } from '../src/objects/utilisation.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'

function histogramOf(durations: readonly number[]): DurationHistogram {
  const histogram = new DurationHistogram()
  for (const ms of durations) histogram.add(ms)
  return histogram
}

describe('the histogram', () => {
  it('gives percentiles that are never too small, and too large by at most a sixteenth or a microsecond', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(seed)
      // From a tenth of a microsecond to a hundred seconds, each order of magnitude as often as another.
      const durations = Array.from({ length: 1 + next(3000) }, () => 10 ** (next(90_000) / 10_000 - 4))
      const sorted = [...durations].sort((a, b) => a - b)
      const { count, totalMs, maxMs, ...shares } = histogramOf(durations).figures
      expect(count).toBe(durations.length)
      expect(totalMs).toBeCloseTo(
        sorted.reduce((sum, ms) => sum + ms, 0),
        4,
      )
      expect(maxMs).toBe(sorted.at(-1))
      const given = [shares.p50Ms, shares.p90Ms, shares.p99Ms, shares.p999Ms]
      ;[0.5, 0.9, 0.99, 0.999].forEach((share, i) => {
        const exact = sorted[Math.ceil(sorted.length * share) - 1] as number
        expect(given[i], `seed ${seed}, share ${share}`).toBeGreaterThanOrEqual(exact)
        expect(given[i], `seed ${seed}, share ${share}`).toBeLessThanOrEqual(Math.max((exact * 17) / 16, 0.001))
      })
    }
  })

  it('has buckets that hold each duration once, and are as narrow as they should be', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const next = random(seed)
      const durations = Array.from({ length: 500 }, () => 10 ** (next(80_000) / 10_000 - 4))
      const buckets = histogramOf(durations).buckets
      for (const { fromMs, toMs, count } of buckets) {
        expect(durations.filter((ms) => ms >= fromMs && ms < toMs).length, `seed ${seed}, from ${fromMs}`).toBe(count)
        if (fromMs > 0) expect(toMs / fromMs).toBeLessThanOrEqual(17 / 16 + 1e-12)
      }
      expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(500)
      expect(buckets).toEqual([...buckets].sort((a, b) => a.fromMs - b.fromMs))
    }
  })

  it('takes what lies on the edges, and what is too short or too long', () => {
    expect(histogramOf([]).figures).toEqual({
      count: 0,
      totalMs: 0,
      p50Ms: 0,
      p90Ms: 0,
      p99Ms: 0,
      p999Ms: 0,
      maxMs: 0,
    })
    expect(histogramOf([0, 0]).figures).toMatchObject({ count: 2, p50Ms: 0, maxMs: 0 })
    expect(histogramOf([0.001]).buckets).toEqual([{ fromMs: 0.001, toMs: 0.0010625, count: 1 }])
    expect(histogramOf([0.0009]).buckets).toEqual([{ fromMs: 0, toMs: 0.001, count: 1 }])
    expect(histogramOf([1.024]).buckets).toEqual([{ fromMs: 1.024, toMs: 1.088, count: 1 }])
    const day = 86_400_000
    expect(histogramOf([1, 2, day]).figures).toMatchObject({ p999Ms: day, maxMs: day, totalMs: day + 3 })
    expect(histogramOf([2 ** 28 / 1000, day]).buckets).toEqual([{ fromMs: 2 ** 28 / 1000, toMs: day, count: 2 }])
  })
})

/** Pauses at whole milliseconds, in order, some of no length, some back to back. */
function randomPauses(next: (below: number) => number): { begins: number[]; ends: number[]; until: number } {
  const begins: number[] = []
  const ends: number[] = []
  let now = next(3)
  for (let left = next(12); left > 0; left--) {
    begins.push(now)
    now += next(6)
    ends.push(now)
    now += next(8)
  }
  return { begins, ends, until: now + next(5) }
}

describe('the minimum mutator utilisation', () => {
  const of = (begins: readonly number[], ends: readonly number[]) => ({
    beginsMs: Float64Array.from(begins),
    endsMs: Float64Array.from(ends),
  })

  it('is what counting every millisecond of every window gives', () => {
    let compared = 0
    for (let seed = 1; seed <= 3000; seed++) {
      const next = random(seed)
      const { begins, ends, until } = randomPauses(next)
      const windowMs = 1 + next(20)
      // With ends at whole milliseconds, so are the beginnings of the worst windows.
      const isPaused = Array.from({ length: until }, (_, ms) =>
        begins.some((begin, i) => begin <= ms && ms < (ends[i] as number)),
      )
      let least: number | undefined
      for (let from = 0; from + windowMs <= until; from++) {
        const ran = isPaused.slice(from, from + windowMs).filter((paused) => !paused).length
        least = Math.min(least ?? 1, ran / windowMs)
      }
      const found = minimumUtilisation(of(begins, ends), windowMs, 0, until)
      const where = `seed ${seed}: ${begins} to ${ends}, until ${until}, window ${windowMs}`
      if (least === undefined) expect(found, where).toBeUndefined()
      else {
        expect(found, where).toBeCloseTo(least, 9)
        compared++
      }
    }
    expect(compared).toBeGreaterThan(2000)
  })

  it('of one pause', () => {
    const one = of([100], [110])
    expect(minimumUtilisation(one, 5, 0, 1000)).toBe(0)
    expect(minimumUtilisation(one, 10, 0, 1000)).toBe(0)
    expect(minimumUtilisation(one, 20, 0, 1000)).toBe(0.5)
    expect(minimumUtilisation(one, 100, 0, 1000)).toBe(0.9)
    expect(minimumUtilisation(one, 1001, 0, 1000)).toBeUndefined()
    expect(minimumUtilisation(one, 1000, 0, 1000)).toBe(0.99)
  })

  it('tells short pauses close together from the same ones far apart', () => {
    const pauses = Array.from({ length: 10 }, (_, i) => i)
    const close = of(
      pauses.map((i) => 100 + i * 2),
      pauses.map((i) => 101 + i * 2),
    )
    const apart = of(
      pauses.map((i) => 100 + i * 50),
      pauses.map((i) => 101 + i * 50),
    )
    expect(minimumUtilisation(close, 20, 0, 1000)).toBe(0.5)
    expect(minimumUtilisation(apart, 20, 0, 1000)).toBe(0.95)
  })

  it('is 1 without pauses', () => {
    expect(minimumUtilisation(of([], []), 10, 0, 1000)).toBe(1)
    expect(new PauseLog(0).utilisationUntil(1000)).toEqual(WINDOWS_MS.map((windowMs) => ({ windowMs, minimum: 1 })))
    expect(new PauseLog(0).utilisationUntil(7).map(({ windowMs }) => windowMs)).toEqual([1, 2, 5])
  })

  it('is of the pauses that are kept, and of the time since the last that is not', () => {
    const ring = new PauseRing(0)
    const all = PAUSES_KEPT_MAX + 1000
    // The first ones are twice as long.
    for (let i = 0; i < all; i++) ring.add(i * 10, i * 10 + (i < 1000 ? 8 : 4))
    const { beginsMs, endsMs } = ring.pauses
    expect(beginsMs.length).toBe(PAUSES_KEPT_MAX)
    expect([beginsMs[0], endsMs[0]]).toEqual([10_000, 10_004])
    expect([beginsMs.at(-1), endsMs.at(-1)]).toEqual([(all - 1) * 10, (all - 1) * 10 + 4])
    expect(beginsMs.every((begin, i) => i === 0 || begin - (beginsMs[i - 1] as number) === 10)).toBe(true)
    expect(ring.sinceMs).toBe(9998)
    expect(minimumUtilisation(ring.pauses, 10, ring.sinceMs, all * 10)).toBeCloseTo(0.6, 9)
  })

  it('keeps what it was given while it grows', () => {
    for (const count of [0, 1, 255, 256, 257, 600]) {
      const ring = new PauseRing(0)
      for (let i = 0; i < count; i++) ring.add(i, i + 0.5)
      expect([...ring.pauses.beginsMs]).toEqual(Array.from({ length: count }, (_, i) => i))
      expect([...ring.pauses.endsMs]).toEqual(Array.from({ length: count }, (_, i) => i + 0.5))
    }
  })
})

describe('the share of collections for want of memory', () => {
  it('is 0 before there have been four, and then that of the last four', () => {
    const share = new MemoryShare()
    for (const at of [0, 100, 200]) {
      share.add(at, at + 90)
      expect(share.shareAt(at + 90)).toBe(0)
    }
    share.add(300, 390)
    expect(share.shareAt(390)).toBeCloseTo(360 / 390, 9)
    expect(share.shareAt(720)).toBe(0.5)
    expect(share.shareAt(3600)).toBe(0.1)
    share.add(1000, 1040)
    expect(share.shareAt(1040)).toBeCloseTo((90 * 3 + 40) / (1040 - 100), 9)
  })

  it('is never above 1, and 1 when no time has passed', () => {
    const share = new MemoryShare()
    for (let i = 0; i < 4; i++) share.add(5, 5)
    expect(share.shareAt(5)).toBe(1)
  })
})

describe('a goal for pauses', () => {
  it('counts what is longer since it was set', () => {
    const log = new PauseLog(0)
    log.add('full', 0, 50)
    expect(log.goal).toBeUndefined()
    log.goalMs = 10
    expect(log.goal).toEqual({ goalMs: 10, count: 0, exceeded: 0, kept: 1 })
    log.add('minor', 60, 70)
    log.add('minor', 80, 90.5)
    log.add('step', 100, 101)
    log.add('step', 102, 103)
    expect(log.goal).toEqual({ goalMs: 10, count: 4, exceeded: 1, kept: 0.75 })
    log.goalMs = 20
    expect(log.goal).toMatchObject({ count: 0 })
    log.goalMs = undefined
    expect(log.goal).toBeUndefined()
  })

  it('is refused when it is none', () => {
    for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never, null as never]) {
      const log = new PauseLog(0)
      const set = () => {
        log.goalMs = wrong
      }
      expect(thrownBy(set)).toMatchObject({ code: 'HW_ARGUMENT', argument: 'pauseGoalMs' })
    }
  })
})

/**
 * Measuring in turn: in each round every entrant does its share of work once, the order rotates from round to round,
 * and a ratio is taken between two shares of the same round. What disturbs the machine for longer than a round disturbs
 * all entrants alike.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Figures, spread } from './result.js'

export interface Entrant {
  readonly contestant: string
  /** Does `operations` operations and returns the seconds that they took; later, if another process does them. */
  run(operations: number): number | Promise<number>
  /** Its share of a whole program, where it is too slow for what the others do. */
  readonly operations?: number
  /** Leaves garbage to V8, which is collected outside of the measured time, so that no other entrant pays for it. */
  readonly garbage?: boolean
  /** The entrant that this one's time should not differ from. */
  readonly twin?: string
  /** The figures that are known when all rounds are done. */
  end?(): Partial<Figures>
}

export interface Rounds {
  readonly rounds: number
  /** Operations in a share, for all entrants that can do as many in reasonable time. */
  readonly operations: number
  /** Fewest that make sense. Shares of slow entrants are halved down to it. Default 64. */
  readonly leastOperations?: number
  /**
   * A share is a whole program that takes long: instead of repeating it until it is warm, this is awaited for each
   * entrant.
   */
  readonly warmUp?: (entrant: Entrant) => Promise<void>
}

const WARM_SECONDS = 0.12
const WARM_SHARES_MIN = 3
/**
 * Optimised code arrives from other threads, late when the machine is busy: wait until no share gets faster any more.
 */
const TIER_UP_MILLISECONDS = 40
const TIER_UP_TRIES_MAX = 8
const SETTLED_GAIN = 0.9
const SHARE_SECONDS_MAX = 0.06

/** Runs all entrants in turn and gives their figures, ratios against `peer`. */
export async function takeTurns(entrants: readonly Entrant[], peer: string, options: Rounds): Promise<Figures[]> {
  const shares: number[] = []
  for (const entrant of entrants) {
    await options.warmUp?.(entrant)
    shares.push(options.warmUp ? (entrant.operations ?? options.operations) : await warmUp(entrant, options))
  }
  if (!options.warmUp) await settle(entrants, shares)
  const times = entrants.map(() => [] as number[])
  for (let round = 0; round < options.rounds; round++) {
    for (let turn = 0; turn < entrants.length; turn++) {
      const i = (turn + round) % entrants.length
      const share = shares[i] as number
      const seconds = await runShare(entrants[i] as Entrant, share)
      times[i]?.push((seconds * 1e9) / share)
    }
  }
  const timesOf = (name: string | undefined) => times[entrants.findIndex(({ contestant }) => contestant === name)]
  return entrants.map((entrant, i) => {
    const own = times[i] as number[]
    const ratio = quotients(own, timesOf(peer))
    const constancy = quotients(own, timesOf(entrant.twin))
    return {
      contestant: entrant.contestant,
      nsPerOp: spread(own),
      ...(ratio && { ratio: spread(ratio) }),
      ...(constancy && { constancy: spread(constancy) }),
      operations: shares[i] as number,
      ...entrant.end?.(),
    }
  })
}

/** Round by round. */
function quotients(times: readonly number[], others: readonly number[] | undefined): number[] | undefined {
  return others && times.map((time, round) => time / (others[round] as number))
}

/** Runs an entrant until its code is warm; how many operations its share may have. */
async function warmUp(entrant: Entrant, { operations, leastOperations = 64 }: Rounds): Promise<number> {
  let share = operations
  let seconds = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < WARM_SHARES_MIN; tries++) {
    seconds = Math.min(seconds, await runShare(entrant, leastOperations))
  }
  while (share > leastOperations && (seconds / leastOperations) * share > SHARE_SECONDS_MAX * 4) share >>= 1
  share = Math.max(share, leastOperations)
  seconds = 0
  let last = 0
  for (let shares = 0; shares < WARM_SHARES_MIN || seconds < WARM_SECONDS; shares++) {
    last = await runShare(entrant, share)
    seconds += last
    if (seconds > WARM_SECONDS * 4) break
  }
  while (share > leastOperations && last > SHARE_SECONDS_MAX) {
    share = Math.max(share >> 1, leastOperations)
    last /= 2
  }
  return share
}

/** Runs shares of all entrants until the times have been steady twice. */
async function settle(entrants: readonly Entrant[], shares: readonly number[]): Promise<void> {
  const best = entrants.map(() => Number.POSITIVE_INFINITY)
  let steady = 0
  for (let tries = 0; tries < TIER_UP_TRIES_MAX && steady < 2; tries++) {
    await sleep(TIER_UP_MILLISECONDS)
    let gained = false
    for (const [i, entrant] of entrants.entries()) {
      const seconds = await runShare(entrant, shares[i] as number)
      gained ||= seconds < (best[i] as number) * SETTLED_GAIN
      best[i] = Math.min(best[i] as number, seconds)
    }
    steady = gained ? 0 : steady + 1
  }
}

async function runShare(entrant: Entrant, operations: number): Promise<number> {
  const given = entrant.run(operations)
  const seconds = typeof given === 'number' ? given : await given
  if (entrant.garbage) globalThis.gc?.()
  return seconds
}

/**
 * Seconds that `work` takes: wall-clock time or the process's processor time, whichever is less. The first counts time
 * in which other programs had the processor, the second counts V8's helper threads; what is measured is neither.
 */
export function timed(work: () => void): number {
  const processor = process.cpuUsage()
  const from = performance.now()
  work()
  const wall = (performance.now() - from) / 1000
  const { user, system } = process.cpuUsage(processor)
  return Math.min(wall, (user + system) / 1e6)
}

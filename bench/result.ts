/**
 * What a bench run gives: plain data, as it stands in the JSON documents and as the report prints it.
 *
 * A group is what one process measures; it gives rows; a row holds the figures of its contestants, who did the same
 * work in turn.
 */

/** One value for each round of each launch, and what sums them up. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly samples: readonly number[]
}

export function spread(samples: readonly number[]): Spread {
  const sorted = samples.map(toFiveDigits).sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
  return {
    median,
    min: sorted[0] as number,
    max: sorted[sorted.length - 1] as number,
    samples: samples.map(toFiveDigits),
  }
}

/** More digits than that are noise, and would fill the documents. */
function toFiveDigits(value: number): number {
  return Number(value.toPrecision(5))
}

/**
 * `ratio`: time over the row's peer. `constancy`: time over a twin's with no other live blocks. `committed`: committed
 * over live. `nsPerOp`: the time itself. `peak`: most memory held over the peer's. Of pauses: `p999Ms`, milliseconds;
 * `longest`, over the peer's; `units`, those of a step over what it was allowed.
 */
export type Measure =
  | 'ratio'
  | 'constancy'
  | 'committed'
  | 'bytes'
  | 'nsPerOp'
  | 'peak'
  | 'p999Ms'
  | 'longest'
  | 'units'

/** A line of `docs/design.md` §10: one contestant's figure must not exceed `max`. */
export interface Budget {
  readonly contestant: string
  readonly measure: Measure
  readonly max: number
  /** Of a ratio: the contestant that it is taken against, when that is not the row's peer. */
  readonly against?: string
}

export interface BudgetResult extends Budget {
  readonly value: number
  readonly met: boolean
}

/** Work units of a step, and how many it was allowed. */
export interface StepUnits {
  readonly units: number
  readonly allowed: number
}

/** The step that used most of what it was allowed. */
export function mostUsed(steps: readonly StepUnits[]): StepUnits | undefined {
  return steps.reduce<StepUnits | undefined>(
    (most, step) => (most && most.units * step.allowed >= step.units * most.allowed ? most : step),
    undefined,
  )
}

/** Times in which a program stood; each figure has a value for each round of each launch. */
export interface PauseFigures {
  readonly count: Spread
  readonly p50Ms: Spread
  readonly p99Ms: Spread
  readonly p999Ms: Spread
  readonly longestMs: Spread
  /** Share of the pauses that kept the goal. */
  readonly kept: Spread
  /** Least share of any window that was the program's, for each of the windows in pauses.ts. */
  readonly utilisation: readonly Spread[]
  /** By the clock on the wall, where the others are not. */
  readonly wallP999Ms?: Spread
  readonly wallLongestMs?: Spread
  /** Of all rounds. */
  readonly step?: StepUnits
}

export interface Figures {
  readonly contestant: string
  readonly nsPerOp?: Spread
  /** Against the row's peer, round by round. */
  readonly ratio?: Spread
  /** Against a twin of the same kind without other live blocks, round by round. */
  readonly constancy?: Spread
  /** What the allocator holds of its memory at the end, or at its peak where the row says so. */
  readonly committedBytes?: number
  /** Bytes requested of live blocks, at the same moment. */
  readonly liveBytes?: number
  /** Most memory held during the program, less what there was before it. */
  readonly peakBytes?: number
  readonly pauses?: PauseFigures
  /** A size where size is what the row is about. */
  readonly bytes?: number
  /** Operations in each round. */
  readonly operations?: number
  /** Why this contestant was not measured here. */
  readonly skipped?: string
}

export interface Row {
  readonly workload: string
  /** What one operation is: `pair`, `replace`, `event` … */
  readonly unit: string
  /** The contestant that ratios are taken against. */
  readonly peer: string
  readonly figures: readonly Figures[]
  readonly budgets: readonly BudgetResult[]
}

/** A row before its budgets are looked at. */
export type MeasuredRow = Omit<Row, 'budgets'>

export interface GroupResult {
  readonly group: string
  readonly section: string
  readonly rows: readonly Row[]
  /** Why the group could not be measured at all; it then has no rows. */
  readonly skipped?: string
}

export interface BenchResult {
  readonly version: 1
  readonly heapwright: string
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly date: string
  /** Processes that each group was measured in, one after the other, and rounds in each. */
  readonly launches: number
  readonly rounds: number
  readonly quick: boolean
  readonly seconds: number
  readonly groups: readonly GroupResult[]
  readonly failures: readonly string[]
}

/** The row with a verdict for each budget. A figure that is missing has not met its budget. */
export function judge(row: MeasuredRow, budgets: readonly Budget[]): Row {
  const results = budgets.map((budget) => {
    const figures = row.figures.find(({ contestant }) => contestant === budget.contestant)
    const value = (figures && figureFor(figures, budget, row)) ?? Number.NaN
    return { ...budget, value, met: value <= budget.max }
  })
  return { ...row, budgets: results }
}

function figureFor(figures: Figures, { measure, against }: Budget, row: MeasuredRow): number | undefined {
  if (measure === 'ratio') return against === undefined ? figures.ratio?.median : ratioOf(figures, against, row)
  if (measure === 'nsPerOp') return figures.nsPerOp?.median
  if (measure === 'constancy') return figures.constancy?.median
  if (measure === 'bytes') return figures.bytes
  if (measure === 'p999Ms') return figures.pauses?.p999Ms.median
  if (measure === 'units') return quotient(figures.pauses?.step?.units, figures.pauses?.step?.allowed)
  const peer = row.figures.find(({ contestant }) => contestant === (against ?? row.peer))
  if (measure === 'peak') return quotient(figures.peakBytes, peer?.peakBytes)
  if (measure === 'longest') return quotient(figures.pauses?.longestMs.median, peer?.pauses?.longestMs.median)
  return committedOverLive(figures)
}

function quotient(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined ? undefined : value / by
}

/** Median over the rounds of a contestant's time over another's. */
export function ratioOf(figures: Figures, against: string, row: MeasuredRow): number | undefined {
  const others = row.figures.find(({ contestant }) => contestant === against)?.nsPerOp?.samples
  const own = figures.nsPerOp?.samples
  if (others === undefined || own === undefined || others.length !== own.length) return undefined
  return spread(own.map((time, round) => time / (others[round] as number))).median
}

export function committedOverLive({ committedBytes, liveBytes }: Figures): number | undefined {
  return committedBytes === undefined || !liveBytes ? undefined : committedBytes / liveBytes
}

/**
 * One result from several launches of a group: the samples of all, and the verdicts on them. Figures without samples
 * are those of the first launch.
 */
export function mergeLaunches([first, ...others]: readonly [GroupResult, ...GroupResult[]]): GroupResult {
  if (others.length === 0) return first
  const rows = first.rows.map((row, i) => {
    const figures = row.figures.map((own, j) => {
      const all = [own, ...others.map(({ rows }) => rows[i]?.figures[j]).filter((one) => one !== undefined)]
      return {
        ...own,
        ...mergeSpreads(all, 'nsPerOp'),
        ...mergeSpreads(all, 'ratio'),
        ...mergeSpreads(all, 'constancy'),
        ...(own.pauses && { pauses: mergePauses(all.flatMap(({ pauses }) => pauses ?? [])) }),
      }
    })
    return judge({ ...row, figures }, row.budgets)
  })
  return { ...first, rows }
}

function mergeSpreads(all: readonly Figures[], key: 'nsPerOp' | 'ratio' | 'constancy'): Partial<Figures> {
  const samples = all.flatMap((one) => one[key]?.samples ?? [])
  return samples.length === 0 ? {} : { [key]: spread(samples) }
}

function mergePauses(all: readonly PauseFigures[]): PauseFigures {
  const [first] = all as readonly [PauseFigures, ...PauseFigures[]]
  const step = mostUsed(all.flatMap((one) => one.step ?? []))
  const of = (pick: (one: PauseFigures) => Spread | undefined) => spread(all.flatMap((one) => pick(one)?.samples ?? []))
  return {
    count: of(({ count }) => count),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    p999Ms: of(({ p999Ms }) => p999Ms),
    longestMs: of(({ longestMs }) => longestMs),
    kept: of(({ kept }) => kept),
    utilisation: first.utilisation.map((_, i) => of(({ utilisation }) => utilisation[i])),
    ...(first.wallP999Ms && {
      wallP999Ms: of(({ wallP999Ms }) => wallP999Ms),
      wallLongestMs: of(({ wallLongestMs }) => wallLongestMs),
    }),
    ...(step && { step }),
  }
}

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
 * over live. `nsPerOp`: the time itself.
 */
export type Measure = 'ratio' | 'constancy' | 'committed' | 'bytes' | 'nsPerOp'

/** A line of `docs/design.md` §6: one contestant's figure must not exceed `max`. */
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
  return committedOverLive(figures)
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

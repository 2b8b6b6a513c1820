/** The result as text: a table for each section, and at the end the count of budgets. */
import { outColors } from '../src/cli/output.js'
import { type Column, formatTable } from '../src/cli/table.js'
import { formatCount } from '../src/formats/units.js'
import { GOAL_MS, WINDOWS_MS } from './pauses.js'
import {
  type BenchResult,
  type BudgetResult,
  committedOverLive,
  type Figures,
  type GroupResult,
  type PauseFigures,
  type Row,
  type Spread,
} from './result.js'

interface Line {
  readonly workload: string
  readonly figures: Figures
  readonly row: Row
  readonly budgets: readonly BudgetResult[]
}

const COLUMNS: readonly Column<Line>[] = [
  { head: 'workload', align: 'left', cell: ({ workload }) => workload },
  { head: 'contestant', align: 'left', cell: ({ figures }) => figures.contestant },
  { head: 'ns/op (min … max)', cell: ({ figures }) => spreadText(figures.nsPerOp, 1) },
  { head: 'ratio (min … max)', cell: ratioText },
  { head: 'committed/live', cell: ({ figures }) => memoryText(figures) },
  { head: 'budget', align: 'left', cell: ({ row, budgets }) => budgets.map((one) => budgetText(one, row)).join('\n') },
  { head: '', align: 'left', cell: ({ budgets }) => budgets.map(verdict).join('\n') },
]

const PAUSE_COLUMNS: readonly Column<Line>[] = [
  { head: 'workload', align: 'left', cell: ({ workload }) => workload },
  { head: 'contestant', align: 'left', cell: ({ figures }) => figures.contestant },
  { head: 'ns/op', cell: ({ figures }) => figure(figures.nsPerOp?.median ?? Number.NaN, 1) },
  { head: 'pauses', cell: ({ figures }) => pauseText(figures, ({ count }) => formatCount(Math.round(count.median))) },
  { head: 'p50\nms', cell: ({ figures }) => pauseText(figures, ({ p50Ms }) => figure(p50Ms.median, 3)) },
  { head: 'p99', cell: ({ figures }) => pauseText(figures, ({ p99Ms }) => figure(p99Ms.median, 3)) },
  { head: 'p99.9', cell: ({ figures }) => pauseText(figures, ({ p999Ms }) => figure(p999Ms.median, 3)) },
  { head: 'longest\n(min … max)', cell: ({ figures }) => spreadText(figures.pauses?.longestMs, 2) },
  { head: 'by the clock\np99.9, longest', cell: ({ figures }) => pauseText(figures, wallText) },
  { head: `≤ ${GOAL_MS} ms`, cell: ({ figures }) => pauseText(figures, ({ kept }) => percent(kept.median)) },
  {
    head: `program’s share at worst\nof ${WINDOWS_MS.join(', ')} ms`,
    cell: ({ figures }) => pauseText(figures, ({ utilisation }) => utilisation.map(shareText).join(' ')),
  },
  { head: 'step units\nof allowed', cell: ({ figures }) => pauseText(figures, unitsText) },
  { head: 'budget', align: 'left', cell: ({ row, budgets }) => budgets.map((one) => budgetText(one, row)).join('\n') },
  { head: '', align: 'left', cell: ({ budgets }) => budgets.map(verdict).join('\n') },
]

/** What the figures were measured on. */
export function headerText({
  heapwright,
  node,
  v8,
  cpu,
  cores,
  platform,
  date,
  rounds,
  launches,
  quick,
}: Omit<BenchResult, 'seconds' | 'groups' | 'failures' | 'version'>): string {
  const machine = `${cpu}, ${cores} cores, ${platform}`
  return [
    `Heapwright ${heapwright} on Node ${node} (V8 ${v8}), ${machine}, ${date.slice(0, 16).replace('T', ' ')} UTC`,
    `Medians of ${rounds} rounds in each of ${launches} launch${launches === 1 ? '' : 'es'}${quick ? ', quick selection' : ''}; contestants in turn; the loop alone is shown, not subtracted.`,
  ].join('\n')
}

/** The table of one section. */
export function sectionText(section: string, results: readonly GroupResult[]): string {
  const lines = results.flatMap(({ rows }) => rows.flatMap(linesOf))
  const skipped = results.filter(({ skipped }) => skipped !== undefined)
  const notes = skipped.map((result) => outColors.yellow(`not run: ${result.group}: ${result.skipped}`))
  const unit = results[0]?.rows[0]?.unit
  const peer = results[0]?.rows[0]?.peer
  const title = outColors.bold(section) + (unit ? outColors.dim(`  (op: one ${unit}; ratio to ${peer})`) : '')
  const columns = lines.some(({ figures }) => figures.pauses) ? PAUSE_COLUMNS : COLUMNS
  return [`\n${title}`, ...(lines.length > 0 ? [formatTable(columns, lines)] : []), ...notes].join('\n')
}

function linesOf(row: Row): Line[] {
  return row.figures.map((figures, i) => ({
    workload: i === 0 ? row.workload : '',
    figures,
    row,
    budgets: row.budgets.filter(({ contestant }) => contestant === figures.contestant),
  }))
}

/** How many budgets were met, and those that were not. */
export function summaryText({ groups, seconds }: BenchResult): string {
  const all = groups.flatMap(({ rows }) => rows.flatMap((row) => row.budgets.map((budget) => ({ row, budget }))))
  const missed = all.filter(({ budget }) => !budget.met)
  const count = `${all.length - missed.length} of ${all.length} budgets met`
  const lines = [
    `\n${missed.length === 0 ? outColors.green(count) : outColors.yellow(count)} in ${seconds.toFixed(0)} s`,
  ]
  for (const { row, budget } of missed) {
    lines.push(
      `${outColors.red('missed')}  ${row.workload}, ${budget.contestant}: ${valueText(budget)}, ${budgetText(budget, row)}`,
    )
  }
  return lines.join('\n')
}

// ---- cells ----------------------------------------------------------------------------------------------------------

function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return '–'
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => figure(value, digits))
  return `${median} ${outColors.dim(`(${min} … ${max})`)}`
}

function figure(value: number, digits: number): string {
  return value >= 1000 ? formatCount(Math.round(value)) : value.toFixed(value >= 100 ? Math.min(digits, 1) : digits)
}

function ratioText({ figures, row }: Line): string {
  if (figures.skipped !== undefined) return '–'
  return figures.contestant === row.peer ? (figures.ratio ? '1' : '–') : spreadText(figures.ratio, 2)
}

function pauseText({ pauses }: Figures, text: (pauses: PauseFigures) => string): string {
  return pauses === undefined ? '–' : text(pauses)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

function shareText({ median }: Spread): string {
  return Number.isNaN(median) ? '–' : String(Math.round(100 * median))
}

function wallText({ wallP999Ms, wallLongestMs }: PauseFigures): string {
  return wallP999Ms && wallLongestMs ? `${figure(wallP999Ms.median, 3)}, ${figure(wallLongestMs.median, 2)}` : '–'
}

function unitsText({ step }: PauseFigures): string {
  return step ? `${formatCount(step.units)} of ${formatCount(step.allowed)}` : '–'
}

function memoryText(figures: Figures): string {
  if (figures.skipped !== undefined) return outColors.dim(figures.skipped)
  if (figures.bytes !== undefined) return `${formatCount(figures.bytes)} B`
  if (figures.peakBytes !== undefined) return `peak ${(figures.peakBytes / 1e6).toFixed(1)} MB`
  return committedOverLive(figures)?.toFixed(3) ?? '–'
}

function budgetText({ measure, max, value, against }: BudgetResult, { peer }: Row): string {
  if (measure === 'ratio') {
    const limit = `≤ ${Number(max.toFixed(3))} × ${against ?? peer}`
    return against === undefined ? limit : `${limit} (${value.toFixed(3)})`
  }
  if (measure === 'nsPerOp') return `≤ ${max} ns`
  if (measure === 'p999Ms') return `p99.9 ≤ ${max} ms`
  if (measure === 'units') return `step ≤ ${max} × what it may (${value.toFixed(2)})`
  if (measure === 'peak') return `peak ≤ ${max} × ${against ?? peer} (${value.toFixed(3)})`
  if (measure === 'longest') return `longest ≤ ${max} × ${against ?? peer} (${value.toFixed(3)})`
  if (measure === 'constancy') return `≤ ${max.toFixed(2)} × with nothing else live (${value.toFixed(2)})`
  if (measure === 'bytes') return `≤ ${formatCount(max)} B`
  return `≤ ${max.toFixed(2)}`
}

function valueText({ measure, value }: BudgetResult): string {
  if (Number.isNaN(value)) return 'not measured'
  return measure === 'bytes' ? `${formatCount(value)} B` : value.toFixed(3)
}

function verdict({ met }: BudgetResult): string {
  return met ? outColors.green('met') : outColors.red('missed')
}

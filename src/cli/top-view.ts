/** The state of a heap as text for a terminal: bars, figures, a map in one line, and the first rows of each table. */

import { formatBytes, formatCount, formatSeconds, formatShare } from '../formats/units.js'
import type { LiveMap, LiveState, LiveTenant, LiveType } from '../page/live-data.js'
import { clock } from '../page/live-sections.js'
import { usedClasses } from '../page/parts.js'
import type { HeapStats, SizeClassStats } from '../types.js'
import { outColors, printable } from './output.js'
import { type Column, formatTable } from './table.js'

const ROWS = 8
const BAR_COLUMNS = 30
const LABEL_COLUMNS = 10
const SHADES = ' ░▒▓█'
const FILL_FULL = 15

/** @param columns how wide the terminal is */
export function formatTop(state: LiveState, url: string, columns: number): string {
  const { heap, figures, picture, end } = state
  const title = `${outColors.bold(printable(heap.name))}  mode ${printable(heap.mode)}  ${url}`
  if (!figures) return `${title}\n${end ? 'The heap was closed before anybody looked.' : 'Nothing was read so far.'}`
  const sections = [
    [`${title}  ${clock(figures.atMs)}`, ...summary(state)].join('\n'),
    picture ? `${label('map')}${formatMap(picture.map, columns - LABEL_COLUMNS)}` : '',
    picture && picture.tenants.length > 0 ? table('tenants', TENANT_COLUMNS, picture.tenants) : '',
    picture?.types && picture.types.length > 0 ? table('types', TYPE_COLUMNS, picture.types) : '',
    classTable(figures.stats),
  ]
  return sections.filter((section) => section !== '').join('\n\n')
}

function label(name: string): string {
  return outColors.dim(name.padEnd(LABEL_COLUMNS))
}

function summary({ figures, picture }: LiveState): string[] {
  if (!figures) return []
  const { stats, pressure, pauses } = figures
  const objects = picture && picture.map.objects > 0 ? `, ${formatCount(picture.map.objects)} objects` : ''
  const level = levelColor(pressure.level)(
    `${bar(pressure.usage)} ${formatShare(pressure.usage)} ${printable(pressure.level)}`,
  )
  const share = (bytes: number) => formatShare(bytes / Math.max(1, stats.committedBytes))
  const lines = [
    `${label('pressure')}${level}, ${formatBytes(pressure.usedBytes)} of ${formatBytes(pressure.limitBytes)}`,
    `${label('in use')}${formatBytes(stats.inUseBytes)} in ${formatCount(stats.liveBlocks)} blocks${objects}`,
    `${label('committed')}${formatBytes(stats.committedBytes)}, at most ${formatBytes(stats.committedPeakBytes)}: in use ${share(stats.inUseBytes)}, held ${share(stats.unusedBytes)}, free ${share(stats.freeBytes)}, metadata ${share(stats.metadataBytes)}`,
  ]
  if (!pauses || pauses.all.count === 0) return lines
  const [total, median, most] = [pauses.all.totalMs, pauses.all.p50Ms, pauses.all.maxMs].map((ms) =>
    formatSeconds(ms / 1000),
  )
  return [
    ...lines,
    `${label('pauses')}${formatCount(pauses.all.count)}, ${total} in all, median ${median}, longest ${most}`,
  ]
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR_COLUMNS)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_COLUMNS - full)}`
}

function levelColor(level: string): (text: string) => string {
  if (level === 'critical') return outColors.red
  return level === 'high' ? outColors.yellow : outColors.green
}

/** One character for as many cells as it takes to fit a line. */
function formatMap({ fill, cellBytes }: LiveMap, columns: number): string {
  const width = Math.max(10, columns - 2)
  const cells = Math.max(1, Math.ceil(fill.length / width))
  let text = ''
  for (let from = 0; from < fill.length; from += cells) {
    const part = fill.slice(from, from + cells)
    const sum = Array.from(part, (digit) => Number.parseInt(digit, 16)).reduce((a, b) => a + b, 0)
    const share = sum / (part.length * FILL_FULL)
    // What is not empty is seen.
    const shade = share === 0 ? 0 : Math.max(1, Math.round(share * (SHADES.length - 1)))
    text += SHADES[shade]
  }
  return `│${text}│\n${label('')}${outColors.dim(`a character is ${formatBytes(cells * cellBytes)}`)}`
}

function table<Row>(name: string, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const more = rows.length - ROWS
  const rest = more > 0 ? `\n${outColors.dim(`and ${formatCount(more)} more ${name}`)}` : ''
  return `${formatTable(columns, rows.slice(0, ROWS))}${rest}`
}

const orNone = (bytes: number | undefined) => (bytes === undefined ? '–' : formatBytes(bytes))

const TENANT_COLUMNS: readonly Column<LiveTenant>[] = [
  { head: 'tenant', align: 'left', cell: ({ id }) => printable(id) },
  { head: 'held', cell: ({ heldBytes }) => formatBytes(heldBytes) },
  { head: 'used', cell: ({ usedBytes }) => formatBytes(usedBytes) },
  { head: 'max', cell: ({ max }) => orNone(max) },
  { head: 'high', cell: ({ high }) => orNone(high) },
  { head: 'blocks', cell: ({ blocks }) => formatCount(blocks) },
  { head: 'pressure', align: 'left', cell: ({ level }) => levelColor(level)(printable(level)) },
]

const TYPE_COLUMNS: readonly Column<LiveType>[] = [
  { head: 'type', align: 'left', cell: ({ type }) => printable(type) },
  { head: 'objects', cell: ({ live }) => formatCount(live) },
  { head: 'bytes', cell: ({ bytes }) => formatBytes(bytes) },
]

const CLASS_COLUMNS: readonly Column<SizeClassStats>[] = [
  { head: 'class', cell: ({ blockBytes }) => `${formatCount(blockBytes)} B` },
  { head: 'pages', cell: ({ pages }) => formatCount(pages) },
  { head: 'used', cell: ({ used }) => formatCount(used) },
  { head: 'of slots', cell: ({ slots }) => formatCount(slots) },
  { head: 'bytes', cell: ({ used, blockBytes }) => formatBytes(used * blockBytes) },
]

/** The size classes that hold most. */
function classTable({ classes }: HeapStats): string {
  const rows = usedClasses(classes).sort((a, b) => b.used * b.blockBytes - a.used * a.blockBytes)
  return rows.length === 0 ? '' : table('classes', CLASS_COLUMNS, rows)
}

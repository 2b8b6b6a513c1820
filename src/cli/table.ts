/** Tables on standard output. */

import Table from 'cli-table3'
import { outColors } from './output.js'

export interface Column<Row> {
  readonly head: string
  /** Text to the left, numbers to the right. Default right. */
  readonly align?: 'left' | 'right'
  /** Longer text is wrapped at this many characters. Default: as wide as it is. */
  readonly wrapAt?: number
  readonly cell: (row: Row) => string
}

/** A rule under the heads and nothing else, so that a dozen columns fit a terminal. */
const LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
}
const MORE_LINES = {
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '─',
  'mid-mid': '─',
  right: '',
  'right-mid': '',
}

/** The rows as a table; wide content widens it or is wrapped, nothing is cut. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const table = new Table({
    head: columns.map((column) => outColors.bold(column.head)),
    colAligns: columns.map((column) => column.align ?? 'right'),
    colWidths: columns.map((column) => (column.wrapAt === undefined ? null : column.wrapAt + 1)),
    wordWrap: true,
    chars: { ...LINES, ...MORE_LINES, middle: ' ' },
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 1 },
  })
  for (const row of rows) table.push(columns.map((column) => column.cell(row)))
  return table.toString().replace(/ +$/gm, '')
}

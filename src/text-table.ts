/** Tables of plain text, for the reports of the library. */

/** Rows of cells with the columns in line, numbers to the right: all columns, but the first `textColumns`. */
export function alignColumns(rows: readonly (readonly string[])[], textColumns = 0): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    })
  }
  const pad = (cell: string, column: number) =>
    column < textColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

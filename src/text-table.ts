/** Tables of plain text, for the reports of the library. */

/** Columns padded to the same width, numbers to the right: all of them, but the first `textColumns`. */
export function formatTable(rows: readonly (readonly string[])[], textColumns = 0): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const pad = (cell: string, column: number) =>
    column < textColumns ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

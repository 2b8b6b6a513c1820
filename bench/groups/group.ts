/** What a group of rows is: the unit that runs in a process of its own and that `--filter` picks. */
import type { GroupResult, Row } from '../result.js'

export interface GroupOptions {
  readonly rounds: number
  readonly quick: boolean
}

export interface Group {
  /** Unique and stable: `--filter` looks at it. */
  readonly id: string
  /** Heading under which its rows are printed. */
  readonly section: string
  /** Its figures are the same every time: launched once. */
  readonly exact?: boolean
  /** Left out by `--quick`. */
  readonly long?: boolean
  /** The rows, or why there are none. */
  run(options: GroupOptions): Promise<Row[] | string>
}

/** Runs a group in this process. */
export async function runGroup(group: Group, options: GroupOptions): Promise<GroupResult> {
  const { id, section } = group
  const rows = await group.run(options)
  if (typeof rows === 'string') return { group: id, section, rows: [], skipped: rows }
  return { group: id, section, rows }
}

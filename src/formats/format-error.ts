/** The error of every reader in `formats/`: the input is not what its format says. */

/** Where in which input, and what is wrong there. `code` is stable; the message is for people. */
export class FormatError extends Error {
  readonly code = 'HW_FORMAT'
  /** Name of the input as the caller gave it. */
  readonly source: string
  /** What is wrong, without the place. */
  readonly reason: string
  /** Line of the input, counted from 1; undefined when the fault is of the input as a whole. */
  readonly line: number | undefined

  constructor(source: string, reason: string, line?: number) {
    super(line === undefined ? `${source}: ${reason}` : `${source}:${line}: ${reason}`)
    this.name = 'FormatError'
    this.source = source
    this.reason = reason
    this.line = line
  }
}

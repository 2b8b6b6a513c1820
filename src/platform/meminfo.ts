/**
 * What Linux says of memory, as text: `/proc/meminfo` (proc_meminfo(5)) and pressure stall information, in
 * `/proc/pressure/memory` and in each control group's `memory.pressure` (kernel document accounting/psi). Pure parsers:
 * what is not as it should be is no figure, never a wrong one.
 */

/** How long tasks stalled for want of memory. */
export interface Stall {
  /** Share of the last ten seconds, 0 to 100; then of the last minute, and of the last five. */
  readonly avg10Percent: number
  readonly avg60Percent: number
  readonly avg300Percent: number
  /** Since the start. */
  readonly totalMs: number
}

export interface PressureFigures {
  /** At least one task stalled. */
  readonly some: Stall
  /** All tasks that could have run stalled at once; some kernels do not tell. */
  readonly full?: Stall | undefined
}

/** A whole number and nothing else; undefined also for `max`, and for the huge number that means none in version 1. */
export function parseCount(text: string | undefined): number | undefined {
  const digits = /^\s*(\d{1,19})\s*$/.exec(text ?? '')?.[1]
  const count = Number(digits)
  return digits !== undefined && Number.isSafeInteger(count) ? count : undefined
}

/** Bytes of one line of `/proc/meminfo`, such as `MemTotal`. */
export function parseMeminfo(text: string | undefined, name: string): number | undefined {
  const line = text?.split('\n').find((one) => one.startsWith(`${name}:`))
  const kib = parseCount(line?.slice(name.length + 1).match(/^(.*) kB$/)?.[1])
  return kib === undefined || !Number.isSafeInteger(kib * 1024) ? undefined : kib * 1024
}

/** A count of a file with a name and a number on each line, such as `memory.stat`. */
export function parseStat(text: string | undefined, name: string): number | undefined {
  const line = text?.split('\n').find((one) => one.startsWith(`${name} `))
  return parseCount(line?.slice(name.length))
}

/** Both lines of pressure stall information. */
export function parsePressure(text: string | undefined): PressureFigures | undefined {
  const some = parseStall(text, 'some')
  return some && { some, full: parseStall(text, 'full') }
}

const STALL = /^avg10=(\d{1,3}\.\d+) avg60=(\d{1,3}\.\d+) avg300=(\d{1,3}\.\d+) total=(\d{1,19})$/

function parseStall(text: string | undefined, name: string): Stall | undefined {
  const line = text?.split('\n').find((one) => one.startsWith(`${name} `))
  const figures = STALL.exec(line?.slice(name.length + 1) ?? '')
  if (!figures) return undefined
  const [avg10Percent = 0, avg60Percent = 0, avg300Percent = 0, totalUs = 0] = figures.slice(1).map(Number)
  if (Math.max(avg10Percent, avg60Percent, avg300Percent) > 100) return undefined
  return { avg10Percent, avg60Percent, avg300Percent, totalMs: totalUs / 1000 }
}

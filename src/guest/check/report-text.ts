/**
 * A check's report as text: each fault with what it concerns and the stacks, then what was lost, then a summary line.
 * Names come from the module, which may be anybody's: control characters are left out.
 */
import { formatBytes } from '../../sizes.js'
import type { CheckReport, LeakSum } from './check.js'
import { type BlockReport, type FaultKind, type FaultReport, isLeak } from './faults.js'
import type { StackFrame } from './stacks.js'

/** The report, without a line break at its end. */
export function formatCheckReport(report: CheckReport): string {
  const parts = report.faults.map(formatFault)
  if (report.trap) parts.push([`trap: ${report.trap.message}`, ...frames(report.trap.stack)].join('\n'))
  for (const note of report.notes) parts.push(`note: ${note}`)
  parts.push(formatSummary(report))
  return plain(parts.join('\n\n'))
}

/** The last lines: how much was found, and of what. */
function formatSummary(report: CheckReport): string {
  const { leaks, blocks, suppressed, omitted, name, faults } = report
  const { allocations, frees, allocatedBytes, peakBytes } = blocks
  const counts = new Map<FaultKind, number>()
  for (const { kind, count } of faults) {
    if (kind !== 'still-reachable') counts.set(kind, (counts.get(kind) ?? 0) + count)
  }
  const kinds = [...counts].map(([kind, count]) => `${count} ${kind}`)
  const left: string[] = []
  if (suppressed > 0) left.push(`${suppressed} suppressed`)
  if (omitted > 0) left.push(`${omitted} more not listed`)
  if (kinds.length === 0 && !report.isPrecise) left.push('loads and stores were not checked (--precise does)')
  return [
    `${name}: ${counted(allocations, 'allocation')}, ${counted(frees, 'free')}, ${formatBytes(allocatedBytes)} in all, ` +
      `${formatBytes(peakBytes)} at most`,
    `lost: ${leak(leaks.definite)} definitely, ${leak(leaks.indirect)} indirectly; ` +
      `still reachable: ${leak(leaks.reachable)}`,
    `faults: ${[kinds.length === 0 ? 'none' : kinds.join(', '), ...left].join('; ')}`,
  ].join('\n')
}

function leak({ blocks, bytes }: LeakSum): string {
  return `${counted(blocks, 'block')} (${counted(bytes, 'byte')})`
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`
}

function formatFault(fault: FaultReport): string {
  return (isLeak(fault.kind) ? leakLines(fault) : faultLines(fault)).join('\n')
}

function leakLines({ kind, text, count, bytes, block }: FaultReport): string[] {
  const sum = leak({ blocks: count, bytes })
  const head = `${kind}: ${sum} ${text}, allocated by ${block?.allocatedBy ?? 'nobody known'}`
  return [head, ...frames(block?.allocated ?? [])]
}

function faultLines({ kind, text, count, foundAt, stack, block }: FaultReport): string[] {
  const times = count > 1 ? ` (${count} times)` : ''
  const when = FOUND_TEXTS[foundAt]
  const head = `${kind}: ${text}${when && `, ${when}`}${times}`
  return [head, ...frames(stack), ...(block ? blockLines(block) : [])]
}

const FOUND_TEXTS: Readonly<Record<FaultReport['foundAt'], string>> = {
  call: '',
  access: '',
  free: 'found when the block was freed',
  realloc: 'found when the block was reallocated',
  sweep: 'found by a look at all blocks',
  quarantine: 'found when the block left the quarantine',
  exit: 'found at exit',
}

function blockLines({ address, bytes, state, offset, allocatedBy, allocated, freedBy, freed }: BlockReport): string[] {
  const lines = [
    `  ${offset === undefined ? '' : `${placeIn(offset, bytes)} `}a ${state} block of ${counted(bytes, 'byte')} at 0x${address.toString(16)}`,
    `  allocated by ${allocatedBy}:`,
    ...frames(allocated),
  ]
  if (freed) lines.push(`  freed by ${freedBy}:`, ...frames(freed))
  return lines
}

function placeIn(offset: number, bytes: number): string {
  if (offset < 0) return `${counted(-offset, 'byte')} before`
  if (offset === bytes) return 'right past the end of'
  if (offset >= bytes) return `${counted(offset - bytes, 'byte')} past the end of`
  return `${counted(offset, 'byte')} inside`
}

/** Of a function that calls itself from one place the first frame, and how many more there are. */
function frames(stack: readonly StackFrame[]): string[] {
  return stack.flatMap((frame, i) => {
    if (!isEqual(frame, stack[i - 1])) return [`    at ${frame.name}+0x${frame.offsetInFunction.toString(16)}`]
    if (isEqual(frame, stack[i + 1])) return []
    let first = i
    while (isEqual(frame, stack[first - 1])) first--
    return [`       … ${counted(i - first, 'more time')}`]
  })
}

/** Whether two frames are of one function and place, as those of a recursion are. */
function isEqual(frame: StackFrame, other: StackFrame | undefined): boolean {
  return frame.function === other?.function && frame.offsetInFunction === other.offsetInFunction
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, '?')
}

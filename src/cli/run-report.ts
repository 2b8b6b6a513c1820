/** What `heapwright run` says of a program that has ended: as text, and as JSON. */

import { ADDRESS_LIMIT } from '../../kernel/layout.js'
import { formatBytes, formatCount, formatSeconds } from '../formats/units.js'
import type { RunResult } from '../guest/run.js'
import type { GuestHeapFigures, GuestObjectFigures } from '../guest/run-figures.js'
import type { RunMode } from '../guest/run-modes.js'
import type { GuestFrame } from '../guest/stack.js'
import { errColors, printable } from './output.js'

/** How the program was stopped, and where it was. */
export function formatTrap(name: string, { message, frames }: NonNullable<RunResult['trap']>): string {
  const hint = isDeep(message, frames) ? ' (its stack may have overflowed)' : ''
  const head = `${errColors.red('heapwright:')} ${printable(name)} trapped: ${printable(message)}${hint}`
  return [head, ...frames.flatMap((frame, i) => formatFrame(frame, i, frames))].join('\n')
}

/** Frames of one function among the 64 that are kept, from which on a stack may have run out. */
const DEEP_FRAMES = 50

/** Whether an access outside of memory came out of a deep recursion: a stack that lies first ends at address 0. */
function isDeep(message: string, frames: readonly GuestFrame[]): boolean {
  const times = new Map<number, number>()
  for (const { index } of frames) times.set(index, (times.get(index) ?? 0) + 1)
  return message.includes('out of bounds') && [...times.values()].some((n) => n >= DEEP_FRAMES)
}

/** Of a function that calls itself many times the first frame, and how many more there are. */
function formatFrame({ name, index, offset }: GuestFrame, i: number, frames: readonly GuestFrame[]): string[] {
  if (i > 0 && frames[i - 1]?.index === index) {
    if (frames[i + 1]?.index === index) return []
    let first = i
    while (frames[first - 1]?.index === index) first--
    return [errColors.dim(`       … ${count(i - first, 'more time', 'more times')}`)]
  }
  const place = errColors.dim(`(function ${index}, byte 0x${offset.toString(16)})`)
  return [`    at ${printable(name ?? `#${index}`)} ${place}`]
}

/** The report at the end. */
export function formatRun(result: RunResult, file: string, mode: RunMode | undefined): string {
  const { name, exitCode, timeMs, memory } = result
  const how = result.trap ? `trapped, exit code ${exitCode}` : `exit code ${exitCode}`
  const rows: [string, string][] = [['ended', `${how}, after ${formatSeconds(timeMs / 1e3)}`]]
  rows.push(['allocator', formatAllocator(result)])
  if (mode !== undefined && mode !== result.mode) rows.push(['mode', formatMode(mode, result)])
  if (memory.heap) rows.push(...heapRows(memory.heap, adviceFor(result, file)))
  if (memory.damage !== undefined) rows.push(['DAMAGED', printable(memory.damage)])
  rows.push(['memory', `${formatBytes(memory.memoryBytes)} at the end, in all`])
  const width = Math.max(...rows.map(([head]) => head.length))
  const lines = rows.map(([head, text]) => `  ${errColors.bold(head.padEnd(width))}  ${text}`)
  return [`heapwright: ${printable(name)}`, ...lines].join('\n')
}

function formatMode(mode: RunMode, { mode: used }: RunResult): string {
  return used === 'manual' ? `${mode} changes nothing: it has no objects` : `${used}: ${mode} has no such objects`
}

const SHOWN_FUNCTIONS = 12

function formatAllocator({ allocator }: RunResult): string {
  const { source } = allocator
  const isObjects = (name: string) => OBJECT_FUNCTION.test(name)
  const list = listOf(allocator.functions.filter((name) => !isObjects(name)))
  const provided = listOf(allocator.functions.filter(isObjects))
  if (source === 'replaced') return withObjects(`replaced: ${list}`, provided)
  if (source === 'imported') return withObjects(list === '' ? '' : `imported: ${list}`, provided)
  if (source === 'linked') return 'Heapwright, linked with it before'
  return 'none was found: it has none, or one of its own, of which nothing is known'
}

/** Calls of `include/heapwright.h`, as `functions` names them: what the program never had itself. */
const OBJECT_FUNCTION = /^hw_/

function listOf(functions: readonly string[]): string {
  const shown = functions.slice(0, SHOWN_FUNCTIONS).map(printable).join(', ')
  return functions.length > SHOWN_FUNCTIONS ? `${shown} and ${functions.length - SHOWN_FUNCTIONS} more` : shown
}

function withObjects(text: string, provided: string): string {
  return [text, provided === '' ? '' : `provided: ${provided}`].filter((part) => part !== '').join('; ')
}

/** What finds out more about the blocks of a program; undefined where a check takes no such program. */
function adviceFor({ allocator: { source, functions }, memory }: RunResult, file: string): string | undefined {
  if (memory.heap?.objects || functions.some((name) => OBJECT_FUNCTION.test(name))) return undefined
  if (source === 'linked') return '`heapwright check` of the module that it was made from'
  // What the C library keeps to the end is pointed to, and listed only then.
  return `\`heapwright check --reachable ${printable(file)}\``
}

function heapRows(heap: GuestHeapFigures, advice: string | undefined): [string, string][] {
  const rows: [string, string][] = [
    ['peak', formatPeak(heap)],
    ...(heap.objects ? [['objects', formatObjects(heap.objects)] as [string, string]] : []),
    ['held', `${formatBytes(heap.committedPeakBytes)} at most, ${formatLimit(heap)}`],
    ['at the end', formatLeft(heap, advice)],
    ['refused', formatRefused(heap)],
  ]
  if (heap.badFrees > 0) {
    const frees = count(
      heap.badFrees,
      'free or realloc of what was no live block',
      'frees or reallocs of what were no live blocks',
    )
    rows.push(['BAD FREES', `${frees}, ignored${advice ? `; ${advice} shows them` : ''}`])
  }
  if (heap.fault !== undefined) {
    const where = advice ? `; ${advice} finds where` : ''
    rows.push(['DAMAGED', `the heap was overwritten: ${printable(heap.fault)}${where}`])
  }
  return rows
}

const TELLING_BYTES = 65_536

function formatObjects({ collections, heldBytes, liveObjects, liveBytes }: GuestObjectFigures): string {
  const times = count(collections, 'collection', 'collections')
  const alive = `${count(liveObjects, 'object', 'objects')}, ${formatBytes(liveBytes)}, alive at the last`
  return `${formatBytes(heldBytes)} held at the end; ${times}${collections > 0 ? `, ${alive}` : ''}`
}

function formatPeak({ livePeakBytes, fragmentationAtPeak }: GuestHeapFigures): string {
  if (livePeakBytes === 0) return 'no block was allocated'
  const peak = `at least ${formatBytes(livePeakBytes)} in live blocks (sampled)`
  // Of a few blocks it says nothing: a heap holds at least a page.
  return livePeakBytes < TELLING_BYTES ? peak : `${peak}; fragmentation then ${fragmentationAtPeak.toFixed(2)}`
}

function formatLimit({ limitBytes }: GuestHeapFigures): string {
  return limitBytes >= ADDRESS_LIMIT ? 'without a limit' : `of ${formatBytes(limitBytes)} allowed`
}

function formatLeft({ liveBlocks, liveBytes }: GuestHeapFigures, advice: string | undefined): string {
  if (liveBlocks === 0) return 'no block is live'
  const blocks = count(liveBlocks, 'block is live', 'blocks are live')
  return `${blocks}, ${formatBytes(liveBytes)}${advice ? `; ${advice} says where they come from` : ''}`
}

function formatRefused({ refusedRequests, refusedLargestBytes }: GuestHeapFigures): string {
  if (refusedRequests === 0) return 'no request'
  const requests = count(refusedRequests, 'request was', 'requests were')
  return `${requests} answered with NULL, the largest of ${formatBytes(refusedLargestBytes)}`
}

function count(n: number, one: string, many: string): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`
}

function heapDocument(heap: GuestHeapFigures): object {
  const { limitBytes, objects = null, fault = null } = heap
  return { ...heap, limitBytes: limitBytes >= ADDRESS_LIMIT ? null : limitBytes, objects, fault }
}

/** The document of `--json`: what is undefined is null there, so that every member is always present. */
export function jsonOfRun({ version, name, exitCode, trap, timeMs, mode, allocator, memory }: RunResult): object {
  const { heap, damage, memoryBytes } = memory
  const frames = trap?.frames.map(({ name, index, offset }) => ({ name: name ?? null, index, offset }))
  return {
    version,
    name,
    exitCode,
    trap: trap ? { message: trap.message, frames } : null,
    timeMs,
    mode,
    allocator,
    memory: {
      memoryBytes,
      heap: heap ? heapDocument(heap) : null,
      damage: damage ?? null,
    },
  }
}

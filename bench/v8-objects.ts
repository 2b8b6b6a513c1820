/**
 * The programs of `bench/inside/objects.ts` on plain JavaScript objects, and the process in which they run: `fork`ed
 * with V8's flags by object-contestants.ts, it does what each message asks for and answers with the time.
 */
import { timed } from './turns.js'

class Node {
  constructor(
    public left: Node | null,
    public right: Node | null,
  ) {}
}

const SLICE = 4096
let last: Node | null = null

function burstSlice(count: number): void {
  for (let i = 0; i < count; i++) last = new Node(null, null)
}

function burst(count: number): number {
  for (let done = 0; done < count; done += SLICE) burstSlice(Math.min(SLICE, count - done))
  last = null
  return count
}

function build(depth: number): Node {
  return depth === 0 ? new Node(null, null) : new Node(build(depth - 1), build(depth - 1))
}

function checkFrom(node: Node, sum: number): number {
  return node.left === null ? sum + 1 : checkFrom(node.right as Node, checkFrom(node.left, sum + 1))
}

function trees(depth: number): number {
  let sum = checkFrom(build(depth + 1), 0)
  const kept = build(depth)
  for (let d = 4; d <= depth; d += 2) {
    const times = 1 << (depth - d + 4)
    for (let i = 0; i < times; i++) sum += checkFrom(build(d), 0)
  }
  return sum + checkFrom(kept, 0)
}

const programs = { burst, trees }

export type V8Program = keyof typeof programs

export interface V8Request {
  readonly program: V8Program
  readonly count: number
}

export interface V8Answer {
  readonly seconds: number
  readonly peakBytes: number
  /** What the program gave. */
  readonly sum: number
}

/** KiB. */
let residentBefore: number | undefined

process.on('message', ({ program, count }: V8Request) => {
  residentBefore ??= process.resourceUsage().maxRSS
  let sum = 0
  const seconds = timed(() => {
    sum = programs[program](count)
  })
  const peakBytes = (process.resourceUsage().maxRSS - residentBefore) * 1024
  globalThis.gc?.()
  const answer: V8Answer = { seconds, peakBytes, sum }
  process.send?.(answer)
})
/** Whoever asked is gone. */
process.on('disconnect', () => process.exit())
void last

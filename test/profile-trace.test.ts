/**
 * Goal: collections can be looked at as a timeline in Perfetto and chrome://tracing.
 * Method: what a heap writes is read by a reader that knows the Trace Event Format alone: it checks every field, that
 * events nest on each line, and rebuilds collections and phases from them: they must be those that listeners were told.
 * A failure means: a viewer refuses the trace, or draws something else than what happened.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeTraceEvents } from '../src/formats/trace-events.js'
import { array, type Collection, Heap, i32, type ModeName, ref, struct, type TraceEvents } from '../src/index.js'
import { TraceRecorder } from '../src/profile/trace-recorder.js'
import { thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node') })
const List = struct('List', { items: array(ref(Node)) })

/** An event that lasts, with those inside it. */
interface Stretch {
  readonly name: string
  readonly ts: number
  readonly end: number
  readonly args: Readonly<Record<string, unknown>>
  readonly inside: Stretch[]
}

interface ReadTrace {
  readonly processName: string
  /** By the name of the line; outermost events in order. */
  readonly lines: ReadonlyMap<string, readonly Stretch[]>
  readonly counters: ReadonlyMap<string, readonly { readonly ts: number; readonly bytes: number }[]>
}

/** Reads a trace by the rules of the format, and throws where it breaks one. */
function read(trace: TraceEvents): ReadTrace {
  const { traceEvents, displayTimeUnit } = JSON.parse(JSON.stringify(trace))
  expect(displayTimeUnit).toBe('ms')
  let processName = ''
  const lineNames = new Map<number, string>()
  const lines = new Map<string, Stretch[]>()
  const open = new Map<number, Stretch[]>()
  const counters = new Map<string, { ts: number; bytes: number }[]>()
  let lastTs = 0
  for (const event of traceEvents) {
    const { name, ph, ts, dur, pid, tid, args } = event
    expect([typeof name, typeof ts, typeof pid, typeof tid]).toEqual(['string', 'number', 'number', 'number'])
    if (ph === 'M') {
      if (name === 'process_name') processName = args.name
      else if (name === 'thread_name') lineNames.set(tid, args.name)
      else throw new Error(`metadata ${name}`)
      continue
    }
    expect(ts).toBeGreaterThanOrEqual(lastTs)
    lastTs = ts
    if (ph === 'C') {
      counters.set(name, [...(counters.get(name) ?? []), { ts, bytes: args.bytes }])
      continue
    }
    expect(ph).toBe('X')
    expect(dur).toBeGreaterThanOrEqual(0)
    const line = lineNames.get(tid)
    if (line === undefined) throw new Error(`line ${tid} has no name`)
    const stretch: Stretch = { name, ts, end: ts + dur, args, inside: [] }
    const stack = open.get(tid) ?? []
    open.set(tid, stack)
    while (stack.length > 0 && (stack.at(-1) as Stretch).end <= ts) stack.pop()
    const around = stack.at(-1)
    // A hundredth of a microsecond is the rounding of times since the process began.
    if (around && stretch.end > around.end + 0.01) throw new Error(`${name} ends behind ${around.name}`)
    if (around) around.inside.push(stretch)
    else lines.set(line, [...(lines.get(line) ?? []), stretch])
    stack.push(stretch)
  }
  return { processName, lines, counters }
}

/** Enough objects that become old for a cycle, and steps until it has ended. */
function runCycle(heap: Heap, told: readonly Collection[]): void {
  const list = heap.new(List, {}, 60_000)
  for (let i = 0; i < 60_000; i++) {
    using _ = heap.scope()
    list.items.set(i, heap.new(Node, { value: i }))
  }
  for (let steps = 0; !told.some(({ kind }) => kind === 'cycle'); steps++) {
    if (steps === 10_000) throw new Error('no cycle ended')
    heap.step({ budgetMs: 0.05 })
  }
}

/** What listeners are told of everything that a program of garbage causes. */
function runGarbage(heap: Heap): Collection[] {
  const told: Collection[] = []
  heap.on('collectEnd', (collection) => told.push(collection))
  using _ = heap.scope()
  const list = heap.new(List, {}, 500)
  for (let i = 0; i < 30_000; i++) {
    using _inner = heap.scope()
    list.items.set(i % 500, heap.new(Node, { value: i }))
  }
  if (heap.mode === 'server') runCycle(heap, told)
  heap.collect()
  heap.compact()
  return told
}

const LINES = {
  full: 'full collections',
  compact: 'compactions',
  minor: 'minor collections',
  cycle: 'cycles in steps',
} as const

function expectTold(trace: ReadTrace, told: readonly Collection[]): void {
  for (const [kind, line] of Object.entries(LINES)) {
    const stretches = trace.lines.get(line) ?? []
    const expected = told.filter((one) => one.kind === kind)
    expect(stretches.map(({ args }) => args.number)).toEqual(expected.map(({ number }) => number))
    stretches.forEach(({ name, ts, end, args, inside }, i) => {
      const { cause, ms, spanMs, phases, freedBytes } = expected[i] as Collection
      expect(name).toBe(`${kind} (${cause})`)
      expect((end - ts) / 1000).toBeCloseTo(spanMs ?? ms, 4)
      expect(args).toMatchObject({ ms, freedBytes })
      const shown = new Map(inside.map((phase) => [phase.name, (phase.end - phase.ts) / 1000]))
      expect([...shown.keys()].sort()).toEqual(kind === 'cycle' ? [] : Object.keys(phases).sort())
      for (const [phase, length] of shown) expect(length).toBeCloseTo(phases[phase as 'mark'] as number, 4)
    })
  }
}

describe.each<[ModeName]>([['vm'], ['runtime'], ['server'], ['embedded']])('in mode %s', (mode) => {
  it('a recorder tells what listeners are told', () => {
    const heap = Heap.create({
      mode,
      limit: mode === 'embedded' ? '128KiB' : '16MiB',
      name: 'shop',
      ...(mode === 'server' && { old: '1MiB' }),
    })
    using recorder = heap.recordTrace()
    const told = runGarbage(heap)
    expect(told.length).toBeGreaterThan(1)
    const trace = read(recorder.toTraceEvents())
    expect(trace.processName).toBe('heapwright: shop')
    expectTold(trace, told)
    expect(trace.counters.get('live')?.length).toBe(told.length)
    expect(trace.counters.get('live')?.at(-1)?.bytes).toBe(told.at(-1)?.liveBytes)
    expect(trace.counters.get('committed')?.length).toBe(2 * told.length)
    // The clock is the process's.
    const [first] = [...trace.lines.values()].flat()
    expect((first as Stretch).ts / 1000).toBeLessThan(performance.now())
  })
})

describe('a recorder', () => {
  it('tells of growth', () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    using recorder = heap.recordTrace()
    heap.alloc(5_000_000)
    heap.alloc(9_000_000)
    const memory = read(recorder.toTraceEvents()).counters.get('memory') ?? []
    expect(memory.length).toBeGreaterThanOrEqual(2)
    expect(memory.at(-1)?.bytes).toBe(heap.memory.buffer.byteLength)
  })

  it('keeps the newest, and says how many it has dropped', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    using recorder = heap.recordTrace({ max: 10 })
    for (let i = 0; i < 137; i++) heap.collect()
    const trace = recorder.toTraceEvents()
    expect(recorder.dropped).toBe(127)
    expect(trace.otherData).toMatchObject({ dropped: 127 })
    const numbers = read(trace)
      .lines.get(LINES.full)
      ?.map(({ args }) => args.number)
    expect(numbers).toEqual(Array.from({ length: 10 }, (_, i) => 128 + i))
  })

  it('ends when it is told to, and keeps what it has when the heap is closed', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    const [one, two] = [heap.recordTrace(), heap.recordTrace()]
    heap.collect()
    one.stop()
    heap.reset()
    heap.collect()
    heap.close()
    expect([one.isRunning, two.isRunning]).toEqual([false, false])
    const counts = [one, two].map((recorder) => read(recorder.toTraceEvents()).lines.get(LINES.full)?.length)
    expect(counts).toEqual([1, 2])
    one.dispose()
    expect(thrownBy(() => heap.recordTrace())).toMatchObject({ code: 'HW_CLOSED' })
    expect(thrownBy(() => heap.traceEvents())).toMatchObject({ code: 'HW_CLOSED' })
  })

  it('writes a file', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    using recorder = heap.recordTrace()
    heap.collect()
    const folder = mkdtempSync(join(tmpdir(), 'heapwright-'))
    try {
      recorder.writeTraceEvents(join(folder, 'trace.json'))
      const text = readFileSync(join(folder, 'trace.json'), 'utf8')
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(recorder.toTraceEvents())))
      expect(thrownBy(() => recorder.writeTraceEvents(folder))).toMatchObject({ code: 'HW_FILE' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each([[{ max: 0 }], [{ max: 1.5 }], [{ limit: 5 }]])('refuses %j', (options) => {
    const heap = Heap.create()
    expect(thrownBy(() => heap.recordTrace(options as object))).toMatchObject({ code: 'HW_ARGUMENT' })
  })

  it('may be one of several heaps in one trace', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    using recorder = heap.recordTrace()
    heap.collect()
    expect(new Set(recorder.toTraceEvents(7).traceEvents.map(({ pid }) => pid))).toEqual(new Set([7]))
    expect(thrownBy(() => recorder.toTraceEvents(-1))).toMatchObject({ code: 'HW_ARGUMENT' })
  })

  it('has the clock that it is given', () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    const { core } = heap as unknown as { core: ConstructorParameters<typeof TraceRecorder>[0] }
    using recorder = new TraceRecorder(core, {}, () => 1234.5)
    heap.alloc(5_000_000)
    expect(
      read(recorder.toTraceEvents())
        .counters.get('memory')
        ?.map(({ ts }) => ts),
    ).toEqual([1_234_500])
  })
})

describe('heap.traceEvents', () => {
  it('is of the last 64 collections', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    for (let i = 0; i < 70; i++) heap.collect()
    const trace = heap.traceEvents()
    expectTold(read(trace), heap.pauses.recent)
    expect(trace.otherData).toMatchObject({ dropped: 6 })
  })

  it('is of none where there are no objects', () => {
    for (const mode of ['compiler', 'manual'] as const) {
      const { lines } = read(Heap.create({ mode }).traceEvents())
      expect(lines.size).toBe(0)
    }
  })
})

it('phases whose times pass the end by a crumb end with it', () => {
  const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
  const made = { ...heap.collect(), ms: 0.3, phases: { mark: 0.1, weak: 0.1, sweep: 0.1000001 } }
  const timeline = { name: 'x', collections: [{ madeMs: 1000, collection: made }], growths: [], dropped: 0 }
  const [whole] = read(makeTraceEvents(timeline)).lines.get(LINES.full) ?? []
  expect(whole?.inside.map(({ name }) => name)).toEqual(['mark', 'weak', 'sweep'])
  expect(whole?.inside.at(-1)?.end).toBeLessThanOrEqual((whole?.end ?? 0) + 1e-9)
})

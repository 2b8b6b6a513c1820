/**
 * What profiling costs at the default rate: the bundled traces replayed through `heap`, with and without a profiler, in
 * turn.
 *
 * Two rows for each trace. In the first each block is filled once, as programs write what they have asked for: the
 * budget is of this one. In the second nothing but the allocator runs; a program's part of that is a few hundredths.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { EventList } from '../../src/formats/event-list.js'
import { readMtrace } from '../../src/formats/mtrace.js'
import { Heap } from '../../src/index.js'
import { checked, fromRoot } from '../contestants.js'
import { type Allocator, type Blocks, loopsFor, ownCopy } from '../loops.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group, GroupOptions } from './group.js'

const PROFILED = 'heap, profiled'
const BUDGETS: readonly Budget[] = [{ contestant: PROFILED, measure: 'ratio', max: 1.02 }]
const SLICE = 4096

type ReplayLoop = (events: EventList, blocks: Blocks) => void

/** A loop that fills each block; it must not refer to anything outside itself (`loops.ts`). */
function createFilling(target: Allocator, memory: WebAssembly.Memory) {
  let bytes = new Uint8Array(memory.buffer)
  function fillingReplay({ ops, slots, sizes, length }: EventList, blocks: Blocks): void {
    for (let i = 0; i < length; i++) {
      const slot = slots[i] as number
      const size = sizes[i] as number
      if (ops[i] === 1) {
        target.free(blocks[slot] as number)
        blocks[slot] = 0
        continue
      }
      const block = ops[i] === 0 ? target.alloc(size) : target.realloc(blocks[slot] as number, size)
      // Growth has detached it.
      if (bytes.length === 0) bytes = new Uint8Array(memory.buffer)
      if (ops[i] === 0) bytes.fill(1, block, block + size)
      blocks[slot] = block
    }
  }
  return fillingReplay
}

function fillingLoop(heap: Heap): ReplayLoop {
  return ownCopy(createFilling)(heap as unknown as Allocator, heap.memory)
}

function bareLoop(heap: Heap): ReplayLoop {
  const loops = loopsFor(heap as unknown as Allocator)
  return ({ ops, slots, sizes, length }, blocks) => {
    for (let i = 0; i < length; i += SLICE) loops.replay(ops, slots, sizes, blocks, i, Math.min(i + SLICE, length))
  }
}

function entrant(contestant: string, events: EventList, loopOf: (heap: Heap) => ReplayLoop): Entrant {
  const heap = Heap.create()
  if (contestant === PROFILED) heap.profile()
  const replay = loopOf(heap)
  const blocks = new Uint32Array(events.slotCount)
  return {
    contestant,
    // A share is a whole trace: a part of one would leave its blocks.
    run: () => {
      const seconds = timed(() => replay(events, blocks))
      for (const [slot, block] of blocks.entries()) {
        if (block !== 0) heap.free(block)
        blocks[slot] = 0
      }
      return seconds
    },
  }
}

async function row(
  workload: string,
  events: EventList,
  loopOf: (heap: Heap) => ReplayLoop,
  { rounds }: GroupOptions,
  budgets: readonly Budget[],
): Promise<Row> {
  const entrants = [checked.name, PROFILED].map((name) => entrant(name, events, loopOf))
  const { length } = events
  const figures = await takeTurns(entrants, checked.name, { rounds, operations: length, leastOperations: length })
  return judge({ workload, unit: 'event', peer: checked.name, figures }, budgets)
}

function group(name: string): Group {
  return {
    id: `profile ${name}`,
    section: 'Profiling recorded programs (traces/), per event',
    long: name !== 'tree' && name !== 'sqlite',
    run: async (options) => {
      const file = fromRoot(`traces/${name}.mtrace.gz`)
      if (file === undefined) return `traces/${name}.mtrace.gz is not there`
      const events = readMtrace(gunzipSync(readFileSync(file)), name)
      return [
        await row(`${name}, blocks filled`, events, fillingLoop, options, BUDGETS),
        await row(`${name}, allocator alone`, events, bareLoop, options, []),
      ]
    },
  }
}

export const observingGroups: readonly Group[] = ['tree', 'sqlite', 'gcc-cc1', 'git-log'].map(group)

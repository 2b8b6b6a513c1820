/**
 * What listeners cost: a pair of alloc and free through `heap`, which nobody has ever listened to, which somebody
 * listens to, and which somebody has listened to. Each in a process of its own, since all heaps of a process share the
 * machine code of `heap.alloc`.
 */
import { Heap } from '../../src/index.js'
import { type Contestant, checked, tlsf } from '../contestants.js'
import { type Allocator, loopsFor } from '../loops.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group, GroupOptions } from './group.js'

const PEER = tlsf.name
const BYTES = 64
const SLICE = 1024
/** Pairs before somebody listens, and while he does: enough for V8 to optimise for each. */
const WARM_PAIRS = 1 << 20

/** What a pair may cost that nobody watches: the budget of pairs in `blocks.ts`. */
const UNWATCHED_BUDGET: Budget = { contestant: checked.name, measure: 'ratio', max: 1 / 2 }

let told = 0

function listen(heap: Heap): () => void {
  const offs = [heap.on('allocated', ({ bytes }) => (told += bytes)), heap.on('freed', ({ bytes }) => (told -= bytes))]
  return () => {
    for (const off of offs) off()
  }
}

function pairs(heap: Heap): void {
  for (let i = 0; i < WARM_PAIRS; i++) heap.free(heap.alloc(BYTES))
}

/** `heap`, after `prepare` had it. */
function heapAfter(prepare: (heap: Heap) => void): Contestant {
  return {
    name: checked.name,
    create: () => {
      const heap = Heap.create()
      prepare(heap)
      return { target: heap as unknown as Allocator }
    },
  }
}

async function run(
  workload: string,
  contestant: Contestant,
  isWatched: boolean,
  options: GroupOptions,
): Promise<Row[]> {
  const entrants = [tlsf, contestant].map((one): Entrant => {
    const loops = loopsFor(one.create(0).target)
    const share = (operations: number) =>
      timed(() => {
        for (let done = 0; done < operations; done += SLICE) loops.pairs(Math.min(SLICE, operations - done), BYTES)
      })
    return { contestant: one.name, garbage: isWatched && one === contestant, run: share }
  })
  const figures = await takeTurns(entrants, PEER, { rounds: options.rounds, operations: 1 << 18 })
  return [judge({ workload, unit: 'pair', peer: PEER, figures }, isWatched ? [] : [UNWATCHED_BUDGET])]
}

function group(id: string, workload: string, isWatched: boolean, prepare: (heap: Heap) => void): Group {
  return {
    id: `events ${id}`,
    section: 'Events: alloc + free of 64 bytes, by who listens',
    run: (options) => run(workload, heapAfter(prepare), isWatched, options),
  }
}

export const observingEventGroups: readonly Group[] = [
  group('none', 'nobody has ever listened', false, () => {}),
  group('on', 'one listener of allocated, one of freed', true, listen),
  group('off', 'they were there and are gone', false, (heap) => {
    pairs(heap)
    const off = listen(heap)
    pairs(heap)
    off()
  }),
  group('pressure', 'one listener of pressure', true, (heap) => {
    heap.on('pressure', () => {})
  }),
  group('auto', 'the heap collects by itself (autoCollect)', true, (heap) => {
    heap.autoCollect()
  }),
]

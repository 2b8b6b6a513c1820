/**
 * Blocks from TypeScript, called one at a time: pairs, random replace, batches in order, growing vectors, several
 * heaps.
 */
import {
  arena,
  buffer,
  type Contestant,
  checked,
  compiler,
  harness,
  type Instance,
  raw,
  thing,
  tlsf,
  uint8Array,
} from '../contestants.js'
import { type Allocator, type Blocks, loopsFor, ownCopy } from '../loops.js'
import { type Budget, type Figures, judge, type Row } from '../result.js'
import { randomPlaces, randomSizes, SEQUENCE_STEPS } from '../sequences.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group, GroupOptions } from './group.js'

const PEER = tlsf.name
const SEED = 20_240_601

/** Operations between two looks at the clock's slice: loops of this length are what V8 optimises. */
const SLICE = 1024

const PAIR_BUDGETS: readonly Budget[] = [
  { contestant: raw.name, measure: 'ratio', max: 1 / 3 },
  { contestant: checked.name, measure: 'ratio', max: 1 / 2 },
]

/** "Constant in the number of live blocks", with room for noise. */
const CONSTANCY_BUDGET: Budget = { contestant: raw.name, measure: 'constancy', max: 1.25 }

function blocksFor({ objects }: Contestant, count: number): Blocks {
  return objects ? (new Array(count).fill(0) as unknown as Blocks) : new Uint32Array(count)
}

// ---- pairs ----------------------------------------------------------------------------------------------------------

const LIVE_COUNTS = [0, 1_000, 100_000]

/** Blocks of V8 are left out where so many of them live that its collections are what is measured. */
const OBJECTS_LIVE_MAX = 1_000

function pairsGroup(bytes: number): Group {
  return {
    id: `pairs ${bytes}`,
    section: 'Blocks from TypeScript: alloc + free of one size',
    long: bytes === 16 || bytes === 64,
    run: (options) => runPairs(bytes, options),
  }
}

/** A second `heap.raw`, in which nothing but the pair ever lives: what the first one should still be as fast as. */
const twin: Contestant = { ...raw, name: 'heap.raw, nothing else live' }

/** The same instances in all rows: more and more other blocks are live while the pair is measured. */
async function runPairs(bytes: number, { rounds, quick }: GroupOptions): Promise<Row[]> {
  const liveMax = LIVE_COUNTS.at(-1) as number
  const sizes = new Uint32Array(liveMax).fill(bytes)
  const all = [harness, tlsf, raw, twin, checked, thing, uint8Array, buffer].map((contestant) => {
    const instance = contestant.create(liveMax * (bytes + 32))
    return { contestant, instance, loops: loopsFor(instance.target), blocks: blocksFor(contestant, liveMax) }
  })
  const rows: Row[] = []
  let filled = 0
  for (const live of LIVE_COUNTS) {
    if (quick && live === 1_000) continue
    const taking = all.filter(
      ({ contestant }) => (!contestant.objects || live <= OBJECTS_LIVE_MAX) && (contestant !== twin || live > 0),
    )
    for (const { contestant, loops, blocks } of taking) {
      if (contestant !== twin) loops.fill(blocks, sizes, filled, live)
    }
    filled = live
    const entrants = taking.map(({ contestant, instance, loops }): Entrant => {
      const run = (operations: number) =>
        timed(() => {
          for (let done = 0; done < operations; done += SLICE) loops.pairs(Math.min(SLICE, operations - done), bytes)
        })
      return {
        contestant: contestant.name,
        garbage: contestant.objects === true,
        ...(contestant === raw && live > 0 && { twin: twin.name }),
        run,
        end: () => (contestant === twin ? {} : memoryFigures(instance, live * bytes)),
      }
    })
    const figures = await takeTurns(entrants, PEER, { rounds, operations: 1 << 18 })
    const budgets = live === 0 ? PAIR_BUDGETS : [...PAIR_BUDGETS, CONSTANCY_BUDGET]
    const workload = `${bytes} bytes, ${live.toLocaleString('en-US')} other blocks live`
    rows.push(judge({ workload, unit: 'pair', peer: PEER, figures }, budgets))
  }
  return rows
}

function memoryFigures(instance: Instance, liveBytes: number): Partial<Figures> {
  const committedBytes = instance.committedBytes?.()
  return committedBytes === undefined ? {} : { committedBytes, liveBytes }
}

// ---- random replace -------------------------------------------------------------------------------------------------

const REPLACE_LIVE = [100, 1_000, 10_000, 50_000]
const REPLACE_MAX = [240, 2_000, 10_000]

function replaceGroup(live: number, max: number): Group {
  return {
    id: `replace ${live} to ${max}`,
    section: 'Blocks from TypeScript: random replace, sizes 16 to a maximum',
    long: max !== 240 || (live !== 1_000 && live !== 50_000),
    run: async ({ rounds }) => [await runReplace(live, max, rounds)],
  }
}

async function runReplace(live: number, max: number, rounds: number): Promise<Row> {
  const sizes = randomSizes(SEED, max)
  const places = randomPlaces(SEED + 1, live)
  const contestants = [harness, tlsf, raw, checked, thing]
  if (live <= OBJECTS_LIVE_MAX) contestants.push(uint8Array, buffer)
  const entrants = contestants.map((contestant) => replaceEntrant(contestant, live, max, places, sizes))
  const figures = await takeTurns(entrants, PEER, { rounds, operations: 1 << 17 })
  const workload = `${live.toLocaleString('en-US')} live, 16 to ${max.toLocaleString('en-US')} bytes`
  return judge({ workload, unit: 'replace', peer: PEER, figures }, [])
}

function replaceEntrant(
  contestant: Contestant,
  live: number,
  max: number,
  places: Uint32Array,
  sizes: Uint32Array,
): Entrant {
  const instance = contestant.create(live * (max / 2 + 64))
  const loops = loopsFor(instance.target)
  const blocks = blocksFor(contestant, live)
  const liveSizes = sizes.slice(0, live)
  loops.fill(blocks, sizes, 0, live)
  let at = 0
  return {
    contestant: contestant.name,
    garbage: contestant.objects === true,
    run: (operations) => {
      const from = at + operations > SEQUENCE_STEPS ? 0 : at
      at = from + operations
      const seconds = timed(() => {
        for (let i = from; i < at; i += SLICE) loops.replace(blocks, places, sizes, i, Math.min(i + SLICE, at))
      })
      for (let i = from; i < at; i++) liveSizes[places[i] as number] = sizes[i] as number
      return seconds
    },
    end: () => memoryFigures(instance, sum(liveSizes)),
  }
}

export function sum(values: Uint32Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}

// ---- batches --------------------------------------------------------------------------------------------------------

function fifoGroup(batch: number, max: number): Group {
  return {
    id: `fifo ${batch} to ${max}`,
    section: 'Blocks from TypeScript: a batch allocated, then freed in the same order',
    long: batch !== 1_000 || max !== 240,
    run: async ({ rounds }) => [await runFifo(batch, max, rounds)],
  }
}

async function runFifo(batch: number, max: number, rounds: number): Promise<Row> {
  const sizes = randomSizes(SEED, max)
  const entrants = [harness, tlsf, raw, checked, thing, uint8Array].map((contestant): Entrant => {
    const instance = contestant.create(batch * (max / 2 + 64))
    const loops = loopsFor(instance.target)
    const blocks = blocksFor(contestant, SEQUENCE_STEPS)
    return {
      contestant: contestant.name,
      garbage: contestant.objects === true,
      run: (operations) =>
        timed(() => {
          for (let from = 0; from < operations; from += batch) {
            const to = Math.min(from + batch, operations)
            loops.fill(blocks, sizes, from, to)
            loops.clear(blocks, from, to)
          }
        }),
    }
  })
  const figures = await takeTurns(entrants, PEER, { rounds, operations: 1 << 17, leastOperations: batch })
  const workload = `batches of ${batch.toLocaleString('en-US')}, 16 to ${max.toLocaleString('en-US')} bytes`
  return judge({ workload, unit: 'pair', peer: PEER, figures }, [])
}

const bulk: Group = {
  id: 'bulk 10000',
  long: true,
  section: 'Blocks from TypeScript: a batch allocated, then all freed at once where the contestant can',
  run: async ({ rounds }) => [await runBulk(10_000, 240, rounds)],
}

async function runBulk(batch: number, max: number, rounds: number): Promise<Row> {
  const sizes = randomSizes(SEED, max)
  const entrants = [harness, tlsf, raw, arena, compiler].map((contestant): Entrant => {
    const { target } = contestant.create(batch * max)
    const loops = loopsFor(target)
    const blocks = blocksFor(contestant, SEQUENCE_STEPS)
    return {
      contestant: contestant.name,
      run: (operations) =>
        timed(() => {
          for (let from = 0; from < operations; from += batch) {
            const to = Math.min(from + batch, operations)
            loops.fill(blocks, sizes, from, to)
            if (target.reset) target.reset()
            else loops.clear(blocks, from, to)
          }
        }),
    }
  })
  const figures = await takeTurns(entrants, PEER, { rounds, operations: 1 << 17, leastOperations: batch })
  const workload = `batches of ${batch.toLocaleString('en-US')}, 16 to ${max} bytes`
  return judge({ workload, unit: 'block', peer: PEER, figures }, [])
}

// ---- realloc --------------------------------------------------------------------------------------------------------

type Growth = 'double' | 'extend' | 'extendTwo'

interface Vector {
  readonly id: string
  readonly workload: string
  readonly growth: Growth
  readonly from: number
  readonly to: number
  readonly step: number
  readonly long?: boolean
}

const KIB = 1024

const VECTORS: readonly Vector[] = [
  { id: 'doubling', workload: 'doubling, 16 bytes to 1 MiB', growth: 'double', from: 16, to: KIB * KIB, step: 0 },
  { id: 'by 16', workload: '+16 bytes to 4 KiB', growth: 'extend', from: 16, to: 4 * KIB, step: 16, long: true },
  {
    id: 'by 16, two',
    workload: '+16 bytes to 4 KiB, two vectors in turn',
    growth: 'extendTwo',
    from: 16,
    to: 4 * KIB,
    step: 16,
    long: true,
  },
  {
    id: 'by 4096',
    workload: '+4 KiB, 64 KiB to 512 KiB: in place',
    growth: 'extend',
    from: 64 * KIB,
    to: 512 * KIB,
    step: 4 * KIB,
    long: true,
  },
  {
    id: 'by 4096, two',
    workload: '+4 KiB, 64 KiB to 512 KiB, two vectors in turn: each in the other’s way',
    growth: 'extendTwo',
    from: 64 * KIB,
    to: 512 * KIB,
    step: 4 * KIB,
    long: true,
  },
]

function vectorGroup(vector: Vector): Group {
  return {
    id: `realloc ${vector.id}`,
    section: 'Blocks from TypeScript: growing vectors (realloc)',
    long: vector.long === true,
    run: async ({ rounds }) => [await runVector(vector, rounds)],
  }
}

async function runVector({ workload, growth, from, to, step }: Vector, rounds: number): Promise<Row> {
  const stepsOfOne = { double: Math.log2(to / from), extend: (to - from) / step, extendTwo: (2 * (to - from)) / step }
  const entrants = [harness, tlsf, raw, checked, uint8Array].map((contestant): Entrant => {
    const loops = loopsFor(contestant.create(0).target)
    return {
      contestant: contestant.name,
      garbage: contestant.objects === true,
      run: (operations) =>
        timed(() => {
          let done = 0
          while (done < operations) done += loops[growth](from, to, step)
        }),
    }
  })
  const one = stepsOfOne[growth]
  // Whole vectors: shares that are halved stay so.
  const figures = await takeTurns(entrants, PEER, { rounds, operations: one * 256, leastOperations: one })
  figures.push({ contestant: thing.name, skipped: 'its realloc leaks what it moves' })
  return judge({ workload, unit: 'realloc', peer: PEER, figures }, [])
}

// ---- several heaps --------------------------------------------------------------------------------------------------

const HEAPS = 5

const several: Group = {
  id: 'several heaps',
  section: 'Blocks from TypeScript: one call site that serves several heaps',
  run: async ({ rounds }) => [await runSeveral(rounds)],
}

function pairsOn(target: Allocator, count: number, bytes: number): void {
  for (let i = 0; i < count; i++) target.free(target.alloc(bytes))
}

/** Here the loop is given the heap, so V8 cannot know what is called. */
async function runSeveral(rounds: number): Promise<Row> {
  const entrants = [tlsf, raw, checked].map((contestant): Entrant => {
    const targets = Array.from({ length: HEAPS }, () => contestant.create(0).target)
    const pairs = ownCopy(pairsOn)
    return {
      contestant: contestant.name,
      run: (operations) =>
        timed(() => {
          for (let done = 0; done < operations; done += SLICE) {
            pairs(targets[(done / SLICE) % HEAPS] as Allocator, SLICE, 32)
          }
        }),
    }
  })
  const figures = await takeTurns(entrants, PEER, { rounds, operations: 1 << 17, leastOperations: SLICE })
  return judge({ workload: `32 bytes, ${HEAPS} heaps in turn`, unit: 'pair', peer: PEER, figures }, [])
}

export const blockGroups: readonly Group[] = [
  ...[16, 32, 64, 256, 1024].map(pairsGroup),
  ...REPLACE_MAX.flatMap((max) => REPLACE_LIVE.map((live) => replaceGroup(live, max))),
  fifoGroup(100, 240),
  fifoGroup(1_000, 240),
  fifoGroup(10_000, 240),
  fifoGroup(1_000, 2_000),
  bulk,
  ...VECTORS.map(vectorGroup),
  several,
]

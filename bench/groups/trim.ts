/**
 * What giving memory back to the system costs: a trim by what it gives back, one with nothing to give, the first touch
 * of memory that was given back, and what a pair of run-sized blocks costs beside memory that was given back or found
 * idle, where taking memory has to look for that.
 */
import { Heap } from '../../src/index.js'
import { pageSystem } from '../../src/platform/pages.js'
import { judge, type Row, spread } from '../result.js'
import { timed } from '../turns.js'
import type { Group, GroupOptions } from './group.js'

const MIB = 2 ** 20
const BYTES = 256 * MIB
const QUICK_BYTES = 64 * MIB
const UNIT_BYTES = 4096
const PAIRS = 1 << 16
/** What goes to a run of its own. */
const RUN_BYTES = 16_000

interface Work {
  readonly workload: string
  readonly unit: string
  /** Seconds, and how many units that was. */
  readonly run: (bytes: number) => readonly [seconds: number, units: number]
}

function filledHeap(bytes: number, blockBytes: number): { heap: Heap; blocks: Uint32Array } {
  const heap = Heap.create({ limit: 2 * bytes, reserve: true })
  const { alloc, u8 } = heap.raw
  const blocks = Uint32Array.from({ length: Math.floor(bytes / blockBytes) }, () => {
    const block = alloc(blockBytes) >>> 0
    u8.fill(1, block, block + blockBytes)
    return block
  })
  return { heap, blocks }
}

function freedHeap(bytes: number, blockBytes: number): Heap {
  const { heap, blocks } = filledHeap(bytes, blockBytes)
  for (const block of blocks) heap.free(block)
  return heap
}

/** A trim of freed blocks, by the MiB. */
function giving(blockBytes: (bytes: number) => number): Work['run'] {
  return (bytes) => {
    const heap = freedHeap(bytes, blockBytes(bytes))
    let released = 0
    const seconds = timed(() => {
      released = heap.trim({ residency: false }).releasedBytes
    })
    heap.close()
    return [seconds, released / MIB]
  }
}

/** A trim that finds nothing, by the MiB that is held. */
function nothing(make: (bytes: number) => Heap): Work['run'] {
  return (bytes) => {
    const heap = make(bytes)
    heap.trim({ residency: false })
    const seconds = timed(() => heap.trim({ residency: false }))
    heap.close()
    return [seconds, bytes / MIB]
  }
}

/** One store to each unit of a block that a heap has just made. */
function touching(isTrimmed: boolean): Work['run'] {
  return (bytes) => {
    const heap = freedHeap(bytes, bytes)
    if (isTrimmed) heap.trim({ residency: false })
    const block = heap.alloc(bytes)
    const { u8 } = heap.raw
    const seconds = timed(() => {
      for (let at: number = block; at < block + bytes; at += UNIT_BYTES) u8[at] = 1
    })
    heap.close()
    return [seconds, bytes / MIB]
  }
}

/** Pairs of blocks of a run's size, which come and go in one place. */
function pairs(isTrimmed: boolean): Work['run'] {
  return (bytes) => {
    const heap = freedHeap(bytes, RUN_BYTES)
    if (isTrimmed) heap.trim({ residency: false })
    const { alloc, free } = heap.raw
    // The first pair takes memory that was given back, the others what the one before has freed.
    const some = (count: number) => {
      for (let i = 0; i < count; i++) free(alloc(RUN_BYTES))
    }
    some(PAIRS)
    const seconds = timed(() => some(PAIRS))
    heap.close()
    return [seconds, PAIRS]
  }
}

const works: readonly Work[] = [
  { workload: 'a trim of freed blocks of 1,000 bytes', unit: 'MiB', run: giving(() => 1000) },
  { workload: 'a trim of one freed block', unit: 'MiB', run: giving((bytes) => bytes) },
  { workload: 'a trim of what was trimmed before', unit: 'MiB', run: nothing((bytes) => freedHeap(bytes, 1000)) },
  { workload: 'a trim of live blocks of 1,000 bytes', unit: 'MiB', run: nothing((b) => filledHeap(b, 1000).heap) },
  { workload: 'a trim of live blocks of 16,000 bytes', unit: 'MiB', run: nothing((b) => filledHeap(b, 16_000).heap) },
  { workload: 'the first touch of a block, given back before', unit: 'MiB', run: touching(true) },
  { workload: 'the same touch, not given back', unit: 'MiB', run: touching(false) },
  { workload: 'alloc + free of 16,000 bytes, nothing given back', unit: 'pair', run: pairs(false) },
  { workload: 'alloc + free of 16,000 bytes beside memory given back', unit: 'pair', run: pairs(true) },
]

async function run({ rounds, quick }: GroupOptions): Promise<Row[] | string> {
  const { can, reason } = pageSystem()
  if (!can.decommit) return reason ?? 'the system takes no memory back'
  const bytes = quick ? QUICK_BYTES : BYTES
  return works.map(({ workload, unit, run: work }) => {
    work(bytes)
    const samples = Array.from({ length: rounds }, () => {
      const [seconds, units] = work(bytes)
      return (seconds * 1e9) / units
    })
    return judge({ workload, unit, peer: 'heap', figures: [{ contestant: 'heap', nsPerOp: spread(samples) }] }, [])
  })
}

export const trimGroups: readonly Group[] = [
  { id: 'trim', section: 'Trim: free memory back to the system, 256 MiB (quick: 64)', run },
]

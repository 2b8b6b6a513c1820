/**
 * What a fork costs: by copy on write after so many pages were stored to, for heaps of several sizes, against a full
 * copy of the same heap; and what it takes of that to find the pages that were stored to. A fork is closed before the
 * next one; only the call of `fork` is measured.
 */
import { Heap } from '../../src/index.js'
import { forkCalls } from '../../src/platform/fork-memory.js'
import { portablePages } from '../../src/platform/pages-portable.js'
import { type Budget, judge, type Row, spread } from '../result.js'
import { type Entrant, takeTurns } from '../turns.js'
import type { Group, GroupOptions } from './group.js'

const MIB = 2 ** 20
const SECTION = 'Forks: a heap with blocks of so many MiB, so many pages stored to since the last fork'
const SIZES_MIB = [16, 64, 256] as const
const PAGES = [0, 100, 1000] as const
const COPY = 'full copy'
const FORK = 'copy on write'
/** For few pages in much memory: that is what copy on write is for. */
const BUDGET: Budget = { contestant: FORK, measure: 'ratio', max: 1 / 4 }

function entrant(contestant: string, mib: number, pages: number): Entrant {
  const testing = contestant === COPY ? { pages: portablePages('to compare') } : {}
  const heap = Heap.create({ limit: '1GiB', testing })
  const block = heap.alloc(mib * MIB)
  heap.fill(block, mib * MIB, 1)
  const apart = Math.floor((mib * MIB) / Math.max(pages, 1) / heap.pageBytes) * heap.pageBytes
  heap.fork().close()
  const run = (forks: number) => {
    let ms = 0
    for (let i = 0; i < forks; i++) {
      for (let page = 0; page < pages; page++) heap.writeU8(block + page * apart, i)
      const begin = performance.now()
      const fork = heap.fork()
      ms += performance.now() - begin
      fork.close()
    }
    return ms / 1000
  }
  return { contestant, run }
}

async function runForks(mib: number, pages: number, { rounds }: GroupOptions): Promise<Row[] | string> {
  const calls = forkCalls()
  if (typeof calls === 'string') return calls
  const entrants = [COPY, FORK].map((contestant) => entrant(contestant, mib, pages))
  const figures = await takeTurns(entrants, COPY, { rounds, operations: 4, leastOperations: 1 })
  const workload = `${mib} MiB, ${pages.toLocaleString('en-US')} pages`
  return [judge({ workload, unit: 'fork', peer: COPY, figures }, mib >= 256 && pages <= 100 ? [BUDGET] : [])]
}

const SCAN_SECTION = 'Forks: looking for the pages that were stored to, 100 of them'

async function runScan(mib: number, { rounds }: GroupOptions): Promise<Row[] | string> {
  const calls = forkCalls()
  if (typeof calls === 'string') return calls
  const heap = Heap.create({ limit: '1GiB' })
  const block = heap.alloc(mib * MIB)
  heap.fill(block, mib * MIB, 1)
  heap.fork().close()
  for (let page = 0; page < 100; page++) heap.writeU8(block + page * 2 * heap.pageBytes, 2)
  // Page tables are what is looked at, and are there once a page was read.
  let sum = 0
  for (let at = 0; at < mib * MIB; at += heap.pageBytes) sum += heap.readU8(block + at)
  if (sum === 0) return 'the heap has lost what was stored'
  const samples: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now()
    calls.privatePages(heap.memory)
    samples.push((performance.now() - begin) * 1e6)
  }
  const figures = [{ contestant: calls.scanMethod, nsPerOp: spread(samples) }]
  return [judge({ workload: `${mib} MiB`, unit: 'look', peer: calls.scanMethod, figures }, [])]
}

export const forkGroups: readonly Group[] = [
  ...SIZES_MIB.flatMap((mib) =>
    PAGES.map(
      (pages): Group => ({
        id: `fork ${mib} MiB ${pages} pages`,
        section: SECTION,
        run: (options) => runForks(mib, pages, options),
      }),
    ),
  ),
  ...SIZES_MIB.map(
    (mib): Group => ({ id: `fork scan ${mib} MiB`, section: SCAN_SECTION, run: (options) => runScan(mib, options) }),
  ),
]

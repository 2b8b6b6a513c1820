/** Memory held for what is live, and the size of the kernel. These figures are exact: one run, no rounds. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { builtModule, type Contestant, fromRoot, raw, thing, tlsf } from '../contestants.js'
import { loopsFor } from '../loops.js'
import { type Budget, type Figures, judge, type Row } from '../result.js'
import { randomPlaces, randomSizes, SEQUENCE_STEPS } from '../sequences.js'
import { sum } from './blocks.js'
import type { Group } from './group.js'

const SEED = 424_242
const BLOCKS = 50_000
const MAX_BYTES = 10_000
const BUDGET: Budget = { contestant: raw.name, measure: 'committed', max: 1.12 }

const large: Group = {
  id: 'footprint 250 MB',
  section: 'Footprint: committed over live bytes',
  exact: true,
  run: async () => runLarge(),
}

/** 50,000 blocks of 16 to 10,000 bytes, 250 MB live: just filled, and after five times as many random replacements. */
function runLarge(): Row[] {
  const sizes = randomSizes(SEED, MAX_BYTES)
  const places = randomPlaces(SEED + 1, BLOCKS)
  const filled: Figures[] = []
  const churned: Figures[] = []
  for (const contestant of [tlsf, raw, thing]) {
    const { target, committedPeakBytes } = contestant.create(1.5 * sum(sizes.subarray(0, BLOCKS)))
    const loops = loopsFor(target)
    const blocks = new Uint32Array(BLOCKS)
    loops.fill(blocks, sizes, 0, BLOCKS)
    const liveSizes = sizes.slice(0, BLOCKS)
    filled.push({
      contestant: contestant.name,
      committedBytes: committedPeakBytes?.() ?? 0,
      liveBytes: sum(liveSizes),
    })
    if (contestant === thing) {
      churned.push({ contestant: thing.name, skipped: 'would take minutes' })
      continue
    }
    loops.replace(blocks, places, sizes, 0, SEQUENCE_STEPS)
    churned.push({
      contestant: contestant.name,
      committedBytes: committedPeakBytes?.() ?? 0,
      liveBytes: peakOfReplace(liveSizes, places, sizes),
    })
  }
  const rows = [
    { workload: '50,000 blocks of 16 to 10,000 bytes', figures: filled },
    {
      workload: `the same after ${SEQUENCE_STEPS.toLocaleString('en-US')} random replacements, at peak`,
      figures: churned,
    },
  ]
  return rows.map((row) => judge({ ...row, unit: 'byte', peer: tlsf.name }, [BUDGET]))
}

/** Most bytes live during the replacements. */
function peakOfReplace(liveSizes: Uint32Array, places: Uint32Array, sizes: Uint32Array): number {
  let live = sum(liveSizes)
  let peak = live
  for (let i = 0; i < SEQUENCE_STEPS; i++) {
    const place = places[i] as number
    live += (sizes[i] as number) - (liveSizes[place] as number)
    liveSizes[place] = sizes[i] as number
    peak = Math.max(peak, live)
  }
  return peak
}

const KIB = 1024

const first: Group = {
  id: 'footprint first',
  section: 'Footprint: a heap with one small block',
  exact: true,
  run: async () => {
    const figures = [tlsf, raw].map((contestant) => ({
      contestant: contestant.name,
      bytes: firstFootprint(contestant),
    }))
    const budget: Budget = { contestant: raw.name, measure: 'bytes', max: 192 * KIB }
    return [judge({ workload: 'committed, one block of 32 bytes', unit: 'byte', peer: tlsf.name, figures }, [budget])]
  },
}

function firstFootprint(contestant: Contestant): number {
  const { target, committedBytes } = contestant.create(KIB)
  if (target.alloc(32) === 0) throw new Error(`${contestant.name} refused its first block`)
  return committedBytes?.() ?? 0
}

// ---- kernel size ----------------------------------------------------------------------------------------------------

const KERNEL = 'kernel'
const BLOCKS_ONLY = 'kernel, blocks only'

const size: Group = {
  id: 'kernel size',
  section: 'Kernel size: bytes of the release module',
  exact: true,
  run: async () => {
    const figures = [
      ...sizesOf(tlsf.name, builtModule('tlsf')),
      ...sizesOf(KERNEL, fromRoot('build/heapwright.wasm')),
      ...sizesOf(BLOCKS_ONLY, builtModule('blocks-only')),
    ]
    const budgets: Budget[] = [
      { contestant: KERNEL, measure: 'bytes', max: 40_000 },
      { contestant: BLOCKS_ONLY, measure: 'bytes', max: 6_000 },
    ]
    return [judge({ workload: 'before and after compression', unit: 'byte', peer: tlsf.name, figures }, budgets)]
  },
}

function sizesOf(contestant: string, file: string | undefined): Figures[] {
  if (file === undefined) return [{ contestant, skipped: 'the module is not there: npm run build' }]
  const bytes = readFileSync(file)
  return [
    { contestant, bytes: bytes.length },
    { contestant: `${contestant}, gzip -9`, bytes: gzipSync(bytes, { level: 9 }).length },
  ]
}

export const footprintGroups: readonly Group[] = [large, first, size]

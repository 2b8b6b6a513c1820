/** The recorded traces and what a separate program counted in them (shared/data/README.md). */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readInput } from '../src/cli/io.js'
import type { EventList } from '../src/formats/event-list.js'
import { MtraceReader } from '../src/formats/mtrace.js'

export interface TraceCounts {
  readonly name: string
  readonly allocs: number
  readonly frees: number
  readonly reallocs: number
  readonly livePeakBytes: number
  readonly livePeakBlocks: number
  readonly endLiveBlocks: number
}

function counts(name: string, ...figures: [number, number, number, number, number, number]): TraceCounts {
  const [allocs, frees, reallocs, livePeakBytes, livePeakBlocks, endLiveBlocks] = figures
  return { name, allocs, frees, reallocs, livePeakBytes, livePeakBlocks, endLiveBlocks }
}

export const TRACES: readonly TraceCounts[] = [
  counts('tree', 21_213, 20_219, 80, 328_627, 3_072, 994),
  counts('git-log', 134_786, 130_589, 6_851, 60_737_247, 4_363, 4_197),
  counts('gcc-cc1', 193_666, 185_938, 8_358, 12_465_461, 18_399, 7_728),
  counts('sqlite', 214_612, 214_612, 4_941, 8_968_095, 5_507, 0),
  counts('lua', 308_289, 308_289, 50_186, 13_697_219, 238_483, 0),
  counts('pyjson', 716_872, 716_345, 6_959, 12_111_835, 136_074, 527),
]

/** Path of a trace; undefined, with the reason printed, where it is not bundled and not next to the repository. */
export function tracePath(name: string): string | undefined {
  for (const directory of ['../traces', '../../shared/data/traces']) {
    const path = fileURLToPath(new URL(`${directory}/${name}.mtrace.gz`, import.meta.url))
    if (existsSync(path)) return path
  }
  console.log(`skipped: the trace ${name} is not bundled and not in ../shared/data/traces`)
  return undefined
}

export async function readTrace(path: string): Promise<EventList> {
  const reader = new MtraceReader(path)
  for await (const chunk of readInput(path)) reader.push(chunk)
  return reader.finish()
}

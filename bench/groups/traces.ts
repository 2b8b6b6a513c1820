/**
 * The bundled traces: what real programs asked of malloc, replayed from TypeScript. An operation is an event; what a
 * trace leaves allocated is freed outside of the measured time. Committed over live is peak over peak.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { EventList } from '../../src/formats/event-list.js'
import { readMtrace } from '../../src/formats/mtrace.js'
import { checked, fromRoot, harness, raw, thing, tlsf } from '../contestants.js'
import { loopsFor } from '../loops.js'
import { type Budget, judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'

const SUFFIX = '.mtrace.gz'
const SLICE = 4096
const OP_ALLOC = 0
const OP_FREE = 1

/** docs/design.md §10: footprint of the `tree` trace. */
const TREE_BUDGETS: readonly Budget[] = [{ contestant: raw.name, measure: 'committed', max: 2 }]

function traceNames(): string[] {
  const folder = fromRoot('traces')
  if (folder === undefined) return []
  const files = readdirSync(folder).filter((file) => file.endsWith(SUFFIX))
  return files.map((file) => file.slice(0, -SUFFIX.length)).sort()
}

function traceGroup(name: string): Group {
  return {
    id: `trace ${name}`,
    section: 'Recorded programs (traces/), per event',
    long: name !== 'tree' && name !== 'sqlite',
    run: async ({ rounds }) => {
      const file = fromRoot(`traces/${name}${SUFFIX}`)
      if (file === undefined) return [missing(name)]
      return [await runTrace(name, readMtrace(gunzipSync(readFileSync(file)), name), rounds)]
    },
  }
}

function budgetsOf(name: string): readonly Budget[] {
  return name === 'tree' ? TREE_BUDGETS : []
}

/** A budget whose trace is not there has not been met. */
function missing(name: string): Row {
  const figures = [{ contestant: raw.name, skipped: `traces/${name}${SUFFIX} is not there` }]
  return judge({ workload: name, unit: 'event', peer: tlsf.name, figures }, budgetsOf(name))
}

async function runTrace(name: string, events: EventList, rounds: number): Promise<Row> {
  const livePeakBytes = livePeak(events)
  const entrants = [harness, tlsf, raw, checked].map((contestant): Entrant => {
    const instance = contestant.create(0)
    const loops = loopsFor(instance.target)
    const blocks = new Uint32Array(events.slotCount)
    let committedBytes: number | undefined
    const { ops, slots, sizes, length } = events
    return {
      contestant: contestant.name,
      // A share is a whole trace: a part of one would leave its blocks.
      run: () => {
        const seconds = timed(() => {
          for (let i = 0; i < length; i += SLICE) {
            loops.replay(ops, slots, sizes, blocks, i, Math.min(i + SLICE, length))
          }
        })
        // What one run of the program needs; later runs begin in a heap that has been used.
        committedBytes ??= instance.committedPeakBytes?.()
        for (const [slot, block] of blocks.entries()) {
          if (block !== 0) instance.target.free(block)
          blocks[slot] = 0
        }
        return seconds
      },
      end: () => (committedBytes === undefined ? {} : { committedBytes, liveBytes: livePeakBytes }),
    }
  })
  const { length } = events
  const figures = await takeTurns(entrants, tlsf.name, { rounds, operations: length, leastOperations: length })
  figures.push({ contestant: thing.name, skipped: 'its time grows with the number of live blocks' })
  const workload = `${name}, ${length.toLocaleString('en-US')} events`
  return judge({ workload, unit: 'event', peer: tlsf.name, figures }, budgetsOf(name))
}

/** Most bytes requested and live at once. */
export function livePeak({ ops, slots, sizes, slotCount, length }: EventList): number {
  const held = new Float64Array(slotCount)
  let live = 0
  let peak = 0
  for (let i = 0; i < length; i++) {
    const slot = slots[i] as number
    const op = ops[i]
    live -= op === OP_ALLOC ? 0 : (held[slot] as number)
    held[slot] = op === OP_FREE ? 0 : (sizes[i] as number)
    live += held[slot] as number
    peak = Math.max(peak, live)
  }
  return peak
}

/** Without the traces themselves the rows of the budgets stay, as rows that could not be measured. */
export const traceGroups: readonly Group[] = [...new Set([...traceNames(), 'tree'])].map(traceGroup)

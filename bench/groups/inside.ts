/**
 * Random replace inside WebAssembly: loop and allocator compiled into one module, so that the allocator itself is
 * measured and no calls from JavaScript. Without budgets: those for guests are about linked C programs.
 */
import { builtModule, instantiate } from '../contestants.js'
import { judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'

/** Steps for each call into the module: enough not to see the call, few enough to reach optimised code. */
const SLICE = 1024
const SEED = 0x9e3779b9
const HEAPWRIGHT = 'kernel'
const TLSF = 'AssemblyScript TLSF'

interface ChurnExports {
  start(seed: number): number
  fill(live: number, span: number): void
  steps(count: number, live: number, span: number): void
  emptySteps?(count: number, live: number, span: number): void
}

function churn(name: 'inside-tlsf' | 'inside-heapwright'): ChurnExports {
  if (name === 'inside-tlsf') return instantiate(name).exports as unknown as ChurnExports
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 })
  const host = {
    grow: (pages: number) => {
      try {
        return memory.grow(pages)
      } catch {
        return -1
      }
    },
    report: () => {
      throw new Error('an assertion in a build without assertions')
    },
  }
  return instantiate(name, { env: { memory }, host }).exports as unknown as ChurnExports
}

function entrant(contestant: string, exports: ChurnExports, live: number, span: number, empty = false): Entrant {
  if (exports.start(SEED) !== 0) throw new Error(`${contestant}: the heap could not be made`)
  if (!empty) exports.fill(live, span)
  const steps = empty ? (exports.emptySteps as ChurnExports['steps']) : exports.steps
  return {
    contestant,
    run: (operations) =>
      timed(() => {
        for (let done = 0; done < operations; done += SLICE) steps(Math.min(SLICE, operations - done), live, span)
      }),
  }
}

function insideGroup(live: number, max: number): Group {
  return {
    id: `inside ${live} to ${max}`,
    section: 'Inside WebAssembly: random replace compiled together with the allocator',
    long: !(live === 1_000 && max === 240) && !(live === 50_000 && max === 10_000),
    run: async ({ rounds }) => {
      if (!builtModule('inside-tlsf') || !builtModule('inside-heapwright')) {
        return 'build/bench has no inside modules: they need the AssemblyScript compiler'
      }
      return [await runInside(live, max, rounds)]
    },
  }
}

async function runInside(live: number, max: number, rounds: number): Promise<Row> {
  const span = max - 15
  const entrants = [
    entrant('the loop alone', churn('inside-tlsf'), live, span, true),
    entrant(TLSF, churn('inside-tlsf'), live, span),
    entrant(HEAPWRIGHT, churn('inside-heapwright'), live, span),
  ]
  const figures = await takeTurns(entrants, TLSF, { rounds, operations: 1 << 17, leastOperations: SLICE })
  const workload = `${live.toLocaleString('en-US')} live, 16 to ${max.toLocaleString('en-US')} bytes`
  return judge({ workload, unit: 'replace', peer: TLSF, figures }, [])
}

export const insideGroups: readonly Group[] = [240, 2_000, 10_000].flatMap((max) =>
  [100, 1_000, 10_000, 50_000].map((live) => insideGroup(live, max)),
)

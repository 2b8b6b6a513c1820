/**
 * What tenants cost: alloc + free of one size in a heap, in a tenant of it, and in a tenant whose parent has many
 * others; random replace in the same; what the check of owners costs a store; the time to make and to end a tenant.
 * Heap and tenant run in processes of their own, as programs that use one or the other would.
 */
import { array, Heap, i32, ref, struct } from '../../src/index.js'
import { builtModule, type Contestant, checked, compiled, tlsf } from '../contestants.js'
import { type Allocator, loopsFor } from '../loops.js'
import { type Budget, judge, type Row, spread } from '../result.js'
import { randomPlaces, randomSizes, SEQUENCE_STEPS } from '../sequences.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group, GroupOptions } from './group.js'

const PEER = tlsf.name
const BYTES = 64
const SLICE = 1024
const OTHERS = 100
const SEED = 20_261_126
/** What a pair through `heap` may cost. */
const PAIR_BUDGET: Budget = { contestant: 'tenant', measure: 'ratio', max: 1 / 2 }
/** Blocks of a tenant that is ended with all that it has. */
const ENDED_BLOCK_BYTES = 1000
const ENDED_BYTES = 100 * 2 ** 20

function tenantAmong(others: number): Contestant {
  return {
    name: 'tenant',
    create: () => {
      const heap = Heap.create()
      for (let i = 0; i < others; i++) heap.tenant(`other ${i}`).alloc(BYTES)
      return { target: heap.tenant('own', { max: '256MiB' }) as unknown as Allocator }
    },
  }
}

async function runPairs(workload: string, contestant: Contestant, options: GroupOptions): Promise<Row[]> {
  const entrants = [tlsf, contestant].map((one): Entrant => {
    const loops = loopsFor(one.create(0).target)
    const run = (operations: number) =>
      timed(() => {
        for (let done = 0; done < operations; done += SLICE) loops.pairs(Math.min(SLICE, operations - done), BYTES)
      })
    return { contestant: one.name, run }
  })
  const figures = await takeTurns(entrants, PEER, { rounds: options.rounds, operations: 1 << 18 })
  return [judge({ workload, unit: 'pair', peer: PEER, figures }, contestant === checked ? [] : [PAIR_BUDGET])]
}

function pairsGroup(id: string, workload: string, contestant: Contestant): Group {
  return {
    id: `tenants ${id}`,
    section: 'Tenants: alloc + free of 64 bytes, with exact accounting',
    run: (options) => runPairs(workload, contestant, options),
  }
}

const REPLACE_LIVE = 10_000
const REPLACE_MAX_BYTES = 2_000

async function runReplace(contestant: Contestant, { rounds }: GroupOptions): Promise<Row[]> {
  const sizes = randomSizes(SEED, REPLACE_MAX_BYTES)
  const places = randomPlaces(SEED + 1, REPLACE_LIVE)
  const entrants = [tlsf, contestant].map((one): Entrant => {
    const loops = loopsFor(one.create(REPLACE_LIVE * REPLACE_MAX_BYTES).target)
    const blocks = new Uint32Array(REPLACE_LIVE)
    loops.fill(blocks, sizes, 0, REPLACE_LIVE)
    let step = 0
    const run = (operations: number) =>
      timed(() => {
        for (let done = 0; done < operations; done += SLICE) {
          loops.replace(blocks, places, sizes, step, step + SLICE)
          step = (step + SLICE) % SEQUENCE_STEPS
        }
      })
    return { contestant: one.name, run }
  })
  const workload = `random replace in a ${contestant.name}, 10,000 live, to 2,000 bytes`
  const figures = await takeTurns(entrants, PEER, { rounds, operations: 1 << 16 })
  return [judge({ workload, unit: 'replace', peer: PEER, figures }, [])]
}

// ---- beginning and ending -------------------------------------------------------------------------------------------

function begin(heap: Heap): number {
  const count = 100
  const seconds = timed(() => {
    for (let i = 0; i < count; i++) heap.tenant(`tenant ${i}`)
  })
  for (const tenant of [...heap.tenants()]) tenant.free()
  return (seconds * 1e9) / count
}

function endEmpty(heap: Heap): number {
  const count = 100
  const all = Array.from({ length: count }, (_, i) => heap.tenant(`tenant ${i}`))
  const seconds = timed(() => {
    for (const tenant of all) tenant.free()
  })
  return (seconds * 1e9) / count
}

function endFull(heap: Heap): number {
  const tenant = heap.tenant('full')
  for (let bytes = 0; bytes < ENDED_BYTES; bytes += ENDED_BLOCK_BYTES) tenant.alloc(ENDED_BLOCK_BYTES)
  return timed(() => tenant.free()) * 1e9
}

/** What ending the full one saves: freeing its blocks one by one. */
function freeEach(heap: Heap): number {
  const blocks: number[] = []
  for (let bytes = 0; bytes < ENDED_BYTES; bytes += ENDED_BLOCK_BYTES) blocks.push(heap.alloc(ENDED_BLOCK_BYTES))
  return (
    timed(() => {
      for (const block of blocks) heap.free(block)
    }) * 1e9
  )
}

async function runLives({ rounds }: GroupOptions): Promise<Row[]> {
  const works = [
    { workload: 'a tenant begins', unit: 'tenant', work: begin },
    { workload: 'an empty tenant ends', unit: 'tenant', work: endEmpty },
    { workload: 'a tenant with 100 MiB of blocks ends', unit: 'tenant', work: endFull },
    { workload: 'the same blocks freed one by one', unit: 'heap', work: freeEach },
  ]
  return works.map(({ workload, unit, work }) => {
    const heap = Heap.create()
    work(heap)
    const samples = Array.from({ length: rounds }, () => work(heap))
    return judge({ workload, unit, peer: 'heap', figures: [{ contestant: 'heap', nsPerOp: spread(samples) }] }, [])
  })
}

// ---- whose objects a store may refer to -----------------------------------------------------------------------------

const OBJECTS = 1024
const Node = struct('Node', { next: ref(), value: i32 })
const List = struct('List', { count: i32, items: array(ref()) })

/** A guest of `heap` that stores references to its objects; the number of stores is to be given. */
function storesIn(heap: Heap): (times: number) => void {
  heap.scope()
  const list = heap.new(List, { count: 1 }, OBJECTS)
  for (let i = 0; i < OBJECTS; i++) {
    const scope = heap.scope()
    list.items.set(i, heap.new(Node, { value: i }))
    scope.close()
  }
  // Old, and where they stay.
  heap.compact()
  const { address } = heap.pin(list)
  const imports = { env: { memory: heap.memory }, kernel: heap.raw as unknown as WebAssembly.ModuleImports }
  const { exports } = new WebAssembly.Instance(compiled('owners-guest'), imports)
  const from = address + (List.fields.find(({ name }) => name === 'items')?.offset ?? 0)
  const stores = exports.stores as (from: number, count: number, times: number) => void
  return (times) => stores(from, OBJECTS, times)
}

async function runOwners(mode: 'vm' | 'runtime', { rounds }: GroupOptions): Promise<Row[] | string> {
  if (!builtModule('owners-guest')) return 'build/bench has no owners-guest: it needs the AssemblyScript compiler'
  const heap = Heap.create({ mode, limit: '64MiB' })
  const entrants = [
    { contestant: 'heap', stores: storesIn(heap) },
    { contestant: 'tenant', stores: storesIn(heap.tenant('guest')) },
  ].map(({ contestant, stores }): Entrant => ({ contestant, run: (operations) => timed(() => stores(operations)) }))
  const figures = await takeTurns(entrants, 'heap', { rounds, operations: 1 << 20 })
  return [judge({ workload: `storeReference by a guest, mode '${mode}'`, unit: 'store', peer: 'heap', figures }, [])]
}

function ownersGroup(mode: 'vm' | 'runtime'): Group {
  return {
    id: `tenants owners ${mode}`,
    section: 'Tenants: the check of owners',
    run: (options) => runOwners(mode, options),
  }
}

export const tenantGroups: readonly Group[] = [
  pairsGroup('heap', 'in a heap without tenants', checked),
  pairsGroup('one', 'in its only tenant', tenantAmong(0)),
  pairsGroup('many', `in one of ${OTHERS + 1} tenants`, tenantAmong(OTHERS)),
  ...[checked, tenantAmong(OTHERS)].map(
    (contestant): Group => ({
      id: `tenants replace ${contestant.name}`,
      section: 'Tenants: random replace',
      run: (options) => runReplace(contestant, options),
    }),
  ),
  ownersGroup('vm'),
  ownersGroup('runtime'),
  { id: 'tenants lives', section: 'Tenants: their beginning and their end', run: runLives },
]

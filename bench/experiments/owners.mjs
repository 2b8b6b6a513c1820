/**
 * What the check of owners costs a store: ns per call of `storeReference` by a guest, and per words call of the host, in
 * a heap of its own and in a tenant, whose stores are checked; the best of fifteen runs each, in turn.
 * Run: npm run build && node bench/experiments/owners.mjs
 */
import { readFileSync } from 'node:fs'
import asc from 'assemblyscript/asc'
import { array, Heap, i32, ref, struct } from '../../dist/src/index.js'

const RUNS = 15
const STORES = 5_000_000
const CALLS = 1_000_000
const COUNT = 1024

const GUEST = readFileSync(new URL('../inside/owners.ts', import.meta.url), 'utf8')

const { error, binary, stderr } = await asc.compileString(GUEST, { optimizeLevel: 3, runtime: 'stub', importMemory: true })
if (error) throw new Error(`${stderr}${error}`)
const module = new WebAssembly.Module(binary)

const Node = struct('Node', { next: ref(), value: i32 })
const List = struct('List', { count: i32, items: array(ref()) })

/** A heap with a list of objects, and the guest bound to it. */
function setUp(heap) {
  heap.scope()
  const list = heap.new(List, { count: 1 }, COUNT)
  for (let i = 0; i < COUNT; i++) {
    const scope = heap.scope()
    list.items.set(i, heap.new(Node, { value: i }))
    scope.close()
  }
  // Old and where they stay.
  heap.compact()
  const pin = heap.pin(list)
  const kernel = heap.raw
  const { exports } = new WebAssembly.Instance(module, { env: { memory: heap.memory, abort() {} }, kernel })
  const from = pin.address + List.fields.find(({ name }) => name === 'items').offset
  const { words } = heap.values
  const values = heap.values.array('value', Array.from({ length: COUNT }, (_, i) => i))
  const object = words.of(list.items.get(1))
  const hold = words.of(values)
  return { exports, from, words, object, hold, heap }
}

function timed(run) {
  const start = performance.now()
  run()
  return performance.now() - start
}

const CASES = [
  ['plain store', STORES, ({ exports, from }) => exports.plain(from, COUNT, STORES)],
  ['storeReference by a guest', STORES, ({ exports, from }) => exports.stores(from, COUNT, STORES)],
  [
    'words.arraySet of an object',
    CALLS,
    ({ words, hold, object }) => {
      for (let i = 0; i < CALLS; i++) words.arraySet(hold, i & (COUNT - 1), object)
    },
  ],
  [
    'words.store of an object',
    CALLS,
    ({ words, object }) => {
      for (let i = 0; i < CALLS; i++) words.store(object, 0, object)
    },
  ],
]

console.log(`Node ${process.version}, V8 ${process.versions.v8}; ns a store`)
console.log(`${''.padEnd(40)}${'heap'.padStart(10)}${'tenant'.padStart(10)}${'check'.padStart(10)}`)
for (const mode of ['vm', 'runtime']) {
  const root = Heap.create({ mode, limit: '64MiB' })
  const both = [setUp(root), setUp(root.tenant('guest'))]
  for (const [name, count, run] of CASES) {
    const best = both.map(() => Number.POSITIVE_INFINITY)
    for (let i = 0; i < RUNS; i++) {
      both.forEach((one, at) => {
        best[at] = Math.min(best[at], timed(() => run(one)))
      })
    }
    const [heap, tenant] = best.map((ms) => (ms * 1e6) / count)
    const cells = [heap, tenant, tenant - heap].map((ns) => ns.toFixed(2).padStart(10)).join('')
    console.log(`${`${mode}: ${name}`.padEnd(40)}${cells}`)
  }
}

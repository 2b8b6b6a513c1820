/**
 * What reference counts cost, beside plain blocks: ns per operation, the best of fifteen runs each; how long a list of ten
 * million nodes takes to be released, and a ring of as many to be found, whole and in steps.
 * `node bench/experiments/counted.mjs [nodes]`, on the built package.
 */
import { Heap, i32, ref, struct } from '../../dist/src/index.js'

const nodes = Number(process.argv[2] ?? 10_000_000)
const PAIRS = 1_000_000
const BATCH = 1000

const heap = Heap.create({ limit: '1GiB' })
const Node = struct('Node', { next: ref('Node'), value: i32 })
const typeId = (() => {
  const scope = heap.scope()
  const id = heap.describe(heap.new(Node)).typeId
  scope.close()
  return id
})()
const kernel = heap.raw

function time(name, count, run) {
  let best = Number.POSITIVE_INFINITY
  for (let k = 0; k < 15; k++) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  console.log(`${name.padEnd(52)}${((best * 1e6) / count).toFixed(1).padStart(8)} ns`)
}

// ---- single operations ----------------------------------------------------------------------------------------------

const kept = new Uint32Array(BATCH)
const one = heap.allocRefcounted(32)

time('alloc(32), free', PAIRS, () => {
  for (let i = 0; i < PAIRS; i++) heap.free(heap.alloc(32))
})
time('allocRefcounted(32), decref', PAIRS, () => {
  for (let i = 0; i < PAIRS; i++) heap.decref(heap.allocRefcounted(32))
})
time('allocRefcounted(32), decref, by the bare functions', PAIRS, () => {
  for (let i = 0; i < PAIRS; i++) kernel.decref(kernel.refcountedNew(32))
})
time(`allocRefcounted(32), decref, ${BATCH} at a time`, PAIRS, () => {
  for (let i = 0; i < PAIRS; i += BATCH) {
    for (let j = 0; j < BATCH; j++) kept[j] = heap.allocRefcounted(32)
    for (let j = 0; j < BATCH; j++) heap.decref(kept[j])
  }
})
time('incref, decref', PAIRS, () => {
  for (let i = 0; i < PAIRS; i++) {
    heap.incref(one)
    heap.decref(one)
  }
})
time(`new(Node) in a scope of ${BATCH}, and its end`, PAIRS, () => {
  for (let i = 0; i < PAIRS; i += BATCH) {
    const scope = heap.scope()
    for (let j = 0; j < BATCH; j++) heap.new(Node)
    scope.close()
  }
})

// ---- long structures ------------------------------------------------------------------------------------------------

/** A list of nodes, or a ring: the reference of its first node, which is the caller's. */
function build(isRing) {
  let head = 0
  let last = 0
  for (let i = 0; i < nodes; i++) {
    const node = kernel.objectNew(typeId, 8) >>> 0
    kernel.storeReference(node, node, head)
    if (head !== 0) kernel.decref(head)
    else last = node
    head = node
  }
  if (isRing) kernel.storeReference(last, last, head)
  return head
}

function report(name, ms, more = '') {
  console.log(`${name.padEnd(52)}${ms.toFixed(1).padStart(8)} ms${more}`)
}

function release(name, isRing, run) {
  heap.decref(build(isRing))
  const start = performance.now()
  const more = run()
  report(name, performance.now() - start, more)
  if (heap.stats().liveObjects !== 1) throw new Error('objects are left')
}

{
  const list = build(false)
  const start = performance.now()
  heap.decref(list)
  report(`a list of ${nodes} nodes, released`, performance.now() - start)
}
release(`a ring of ${nodes} nodes, collectCycles()`, true, () => {
  heap.collectCycles()
  return ''
})
release('the same, { budgetMs: 1 }', true, () => {
  const took = []
  for (let isDone = false; !isDone; ) {
    const step = heap.collectCycles({ budgetMs: 1 })
    took.push(step.ms)
    isDone = step.isDone
  }
  took.sort((a, b) => b - a)
  const p99 = took[Math.floor(took.length / 100)]
  return `, ${took.length} calls, p99 ${p99.toFixed(2)} ms, longest ${took[0].toFixed(2)} ms`
})
release('the same, { units: 1000 }', true, () => {
  let calls = 0
  const start = performance.now()
  while (!heap.collectCycles({ units: 1000 }).isDone) calls++
  return `, ${(((performance.now() - start) * 1000) / calls).toFixed(1)} µs a call`
})

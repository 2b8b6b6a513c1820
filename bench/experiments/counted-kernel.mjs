/**
 * What counted objects cost, on the bare release kernel: ns per operation, the best of seven runs each.
 * Run: node bench/experiments/counted-kernel.mjs [seconds of patience, as a factor, default 1]
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const factor = Number(process.argv[2] ?? 1)
const LIMIT = 512 << 20
const RUNS = 7
/** From `kernel/layout.ts`, `object-layout.ts`, `value-layout.ts`. */
const FLAGS = 1 | 4
const SHAPE_PREFIX = 1
const SHAPE_REFS = 2
const TRAIL_REFS = 2

const memory = new WebAssembly.Memory({ initial: 1, maximum: LIMIT / 65536 })
const grow = (pages) => {
  try {
    return memory.grow(pages)
  } catch {
    return -1
  }
}
const module = new WebAssembly.Module(readFileSync(join(root, 'build/heapwright-counted.wasm')))
const { exports: kernel } = new WebAssembly.Instance(module, { env: { memory }, host: { grow, report() {} } })
if (kernel.create(0, 65536, LIMIT, LIMIT, FLAGS, 0) || kernel.spaceCreate(0)) throw new Error('no heap')
kernel.setThreshold(0, 0)
const node = kernel.typeAdd(0, 0, SHAPE_PREFIX, 0, 2, 8, 0, 0, 0)
const array = kernel.typeAdd(0, 0, SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 4, 0)
const { alloc, free, refcountedNew, objectNew, incref, decref, storeReference, collect, step, handlePush, handlePop } =
  kernel

/** The best of some runs; `prepare` is not timed. */
function time(name, count, run, prepare = () => undefined) {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < RUNS; i++) {
    const what = prepare()
    const start = performance.now()
    run(count, what)
    best = Math.min(best, performance.now() - start)
  }
  console.log(`${name.padEnd(56)}${((best * 1e6) / count).toFixed(1).padStart(8)} ns`)
}

const LOOPS = Math.round(2e6 * factor)
const OBJECTS = Math.round(5e5 * factor)
const held = new Uint32Array(1000)

console.log(`Node ${process.version}, V8 ${process.versions.v8}`)
time('alloc(48) and free', LOOPS, (n) => {
  for (let i = 0; i < n; i++) free(alloc(48))
})
for (const bytes of [16, 32, 64]) {
  time(`refcountedNew(${bytes}) and decref`, LOOPS, (n) => {
    for (let i = 0; i < n; i++) decref(refcountedNew(bytes))
  })
}
time('refcountedNew(16..64) and decref, the oldest of 1,000', LOOPS, (n) => {
  for (let i = 0; i < n; i++) {
    if (held[i % 1000]) decref(held[i % 1000])
    held[i % 1000] = refcountedNew(16 + (i & 48))
  }
})
for (const reference of held) decref(reference)
time('objectNew(node) and decref', LOOPS, (n) => {
  for (let i = 0; i < n; i++) decref(objectNew(node, 8))
})
const one = refcountedNew(16)
time('incref and decref', LOOPS, (n) => {
  for (let i = 0; i < n; i++) {
    incref(one)
    decref(one)
  }
})
const top = handlePush(0)
time('handlePush and handlePop', LOOPS, (n) => {
  for (let i = 0; i < n; i++) handlePop(handlePush(one))
})
handlePop(top)
const holder = objectNew(node, 8)
const others = [objectNew(node, 8), objectNew(node, 8)]
time('storeReference, two in turn', LOOPS, (n) => {
  for (let i = 0; i < n; i++) storeReference(holder, holder, others[i & 1])
})
collect(0)

function list() {
  let head = 0
  for (let i = 0; i < OBJECTS; i++) {
    const next = objectNew(node, 8)
    storeReference(next, next, head)
    if (head) decref(head)
    head = next
  }
  return head
}
time('making a list, a node', OBJECTS, (_, made) => decref(made()), () => list)
time('releasing a list, a node', OBJECTS, (_, head) => decref(head), list)
time('releasing an array of blocks, a block', OBJECTS, (_, all) => decref(all), () => {
  const all = objectNew(array, OBJECTS * 4)
  for (let i = 0; i < OBJECTS; i++) {
    const block = refcountedNew(16)
    storeReference(all, all + i * 4, block)
    decref(block)
  }
  return all
})

function cycle() {
  const first = objectNew(node, 8)
  let last = first
  for (let i = 1; i < OBJECTS; i++) {
    const next = objectNew(node, 8)
    storeReference(next, next, last)
    if (last !== first) decref(last)
    last = next
  }
  storeReference(first, first, last)
  decref(last)
  return first
}
time('collecting a garbage cycle, an object', OBJECTS, () => collect(0), () => decref(cycle()))
time('the same in steps of 1,000 units', OBJECTS, () => {
  while (step(1000)) {}
}, () => decref(cycle()))
const alive = cycle()
time('looking at a cycle that is alive, an object', OBJECTS, () => collect(0), () => {
  incref(alive)
  decref(alive)
})

/**
 * What a field of an object costs from TypeScript, beside an element of a plain typed array: ns per operation, the best
 * of five runs each. `node bench/experiments/object-fields.mjs [structs]`, on the built package; `structs` others are
 * used before, so that the engine has seen many classes of views.
 */
import { Heap, array, f64, i32, ref, struct } from '../../dist/src/index.js'

const structs = Number(process.argv[2] ?? 1)
const heap = Heap.create({ mode: 'vm', limit: '256MiB' })
const Node = struct('Node', { value: i32, weight: f64, next: ref('Node') })
const List = struct('List', { items: array(i32) })
const scope = heap.scope()

function time(name, count, run) {
  let best = Number.POSITIVE_INFINITY
  for (let k = 0; k < 5; k++) {
    const start = performance.now()
    run(count)
    best = Math.min(best, performance.now() - start)
  }
  console.log(`${name.padEnd(44)}${((best * 1e6) / count).toFixed(2).padStart(8)} ns`)
}

// A function of its own for each struct, as different parts of a program have.
const body = `let sum = 0
for (let i = 0; i < 3000; i++) { one.value = i; one.weight = sum; one.next = one; sum += one.value + one.weight }
return sum`
for (let i = 1; i < structs; i++) {
  const Other = struct(`Other${i}`, { [`own${i}`]: f64, value: i32, weight: f64, next: ref() })
  new Function('one', body)(heap.new(Other))
}

const LOOPS = 2e7
let sink = 0
const numbers = new Int32Array(16)
const one = heap.new(Node)
const many = Array.from({ length: 1000 }, (_, value) => heap.new(Node, { value }))
const { items } = heap.new(List, {}, 1000)
time('typed array, read', LOOPS, (n) => {
  for (let i = 0; i < n; i++) sink = (sink + numbers[i & 15]) | 0
})
time('field i32, read', LOOPS, (n) => {
  for (let i = 0; i < n; i++) sink = (sink + one.value) | 0
})
time('field f64, read', LOOPS, (n) => {
  for (let i = 0; i < n; i++) sink += one.weight
})
time('field i32 of 1000 objects in turn, read', LOOPS, (n) => {
  for (let i = 0; i < n; i++) sink = (sink + many[i % 1000].value) | 0
})
time('typed array, write', LOOPS, (n) => {
  for (let i = 0; i < n; i++) numbers[i & 15] = i
})
time('field i32, write', LOOPS, (n) => {
  for (let i = 0; i < n; i++) one.value = i
})
time('field f64, write', LOOPS, (n) => {
  for (let i = 0; i < n; i++) one.weight = i
})
time('reference, write', LOOPS, (n) => {
  for (let i = 0; i < n; i++) one.next = many[i % 1000]
})
time('array element i32, read', LOOPS, (n) => {
  for (let i = 0; i < n; i++) sink = (sink + items.get(i % 1000)) | 0
})
time('array element i32, write', LOOPS, (n) => {
  for (let i = 0; i < n; i++) items.set(i % 1000, i)
})

/** `run` a hundred times in a scope of its own, again and again. */
function timeInScopes(name, run) {
  time(name, 2e6, (n) => {
    for (let i = 0; i < n / 100; i++) {
      const inner = heap.scope()
      for (let j = 0; j < 100; j++) run(j)
      inner.close()
    }
  })
}
one.next = one
timeInScopes('reference, read: a new view', () => {
  sink += one.next.value
})
timeInScopes('heap.new(Node), collections included', () => heap.new(Node))
timeInScopes('heap.new(Node, { value }), the same', (value) => heap.new(Node, { value }))
const { objectPush } = heap.raw
const type = heap.describe(one).typeId
timeInScopes('raw.objectPush, the same', () => objectPush(type, Node.fixedBytes))
time('heap.scope() and close()', 2e6, (n) => {
  for (let i = 0; i < n; i++) heap.scope().close()
})
scope.close()
if (Number.isNaN(sink)) console.log(sink)

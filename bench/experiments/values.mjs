/**
 * What values cost through `heap.values`, beside JavaScript's own: ns per operation over 10,000 of them, the best of 40
 * rounds. `node bench/experiments/values.mjs [mode]`, on the built package.
 */
import { Heap } from '../../dist/src/index.js'

const COUNT = 10_000
const ROUNDS = 40
const mode = process.argv[2] ?? 'runtime'
const heap = Heap.create({ mode, limit: '256MiB' })
const { values } = heap
const texts = Array.from({ length: COUNT }, (_, i) => `key ${i}`)
const integers = Int32Array.from({ length: COUNT }, (_, i) => i)
const doubles = Float64Array.from({ length: COUNT }, (_, i) => i + 0.5)
const best = new Map()
let sum = 0

function time(name, run) {
  const start = performance.now()
  for (let i = 0; i < COUNT; i++) run(i)
  note(name, performance.now() - start)
}

function timeOnce(name, run) {
  const start = performance.now()
  run()
  note(name, performance.now() - start)
}

function note(name, ms) {
  best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, (ms * 1e6) / COUNT))
}

function arrays() {
  const list = values.array('value')
  const own = []
  time('array of values: push an integer', (i) => list.push(i))
  time('  Array: push', (i) => own.push(i))
  time('array of values: get', (i) => {
    sum += list.get(i)
  })
  time('  Array: get', (i) => {
    sum += own[i]
  })
  time('array of values: set', (i) => list.set(i, -i))
  const floats = values.array('value')
  time('array of values: push a float', (i) => floats.push(i + 0.5))
  time('array of values: get a float', (i) => {
    sum += floats.get(i)
  })
  const wide = values.array('wide')
  time('array of wide values: push a float', (i) => wide.push(i + 0.5))
  time('array of wide values: get a float', (i) => {
    sum += wide.get(i)
  })
  time('array of wide values: set a float', (i) => wide.set(i, i + 0.25))
  const many = values.array('wide')
  timeOnce('array of wide values: append a Float64Array', () => many.append(doubles))
  const numbers = values.array('i32')
  time('array of i32: push', (i) => numbers.push(i))
  time('array of i32: get', (i) => {
    sum += numbers.get(i)
  })
  timeOnce('array of i32: append an Int32Array', () => numbers.append(integers))
  timeOnce('array of i32: toTypedArray', () => numbers.toTypedArray())
}

function dictionaries() {
  for (const [name, keys, keyOf] of [
    ['integer', 'integer', (i) => i * 7],
    ['text', 'string', (i) => texts[i]],
  ]) {
    const table = values.dictionary({ keys })
    const map = new Map()
    time(`dictionary: set, ${name} keys`, (i) => table.set(keyOf(i), i))
    time(`  Map, ${name} keys: set`, (i) => map.set(keyOf(i), i))
    time(`dictionary: get, ${name} keys`, (i) => {
      sum += table.get(keyOf(i))
    })
    time(`  Map, ${name} keys: get`, (i) => {
      sum += map.get(keyOf(i))
    })
  }
}

function objects() {
  const object = values.object().set('x', 1).set('y', 2)
  const x = values.cache('x')
  time('property: get through a cache', () => {
    sum += object.get(x)
  })
  time('property: set through a cache', (i) => object.set(x, i))
  time('property: get by text', () => {
    sum += object.get('x')
  })
  x.dispose()
  const { words } = values
  time('words: intern a text that is known', (i) => words.release(words.intern(texts[i])))
}

const keep = heap.scope()
for (const text of texts) values.intern(text)
for (let round = 0; round < ROUNDS; round++) {
  for (const part of [arrays, dictionaries, objects]) {
    const scope = heap.scope()
    part()
    scope.close()
  }
}
keep.close()
console.log(`mode ${mode}`)
for (const [name, ns] of best) console.log(`${name.padEnd(48)}${ns.toFixed(1).padStart(8)} ns`)
if (Number.isNaN(sum)) console.log('a value was no number')

/**
 * The property test without an end: `npm run fuzz -- --minutes N --seed S`. Each sequence has a seed of its own,
 * printed when it fails; `--seed S --sequences 1` runs just that one.
 */
import { Command } from 'commander'
import { makeHeap, setups } from './heaps.js'
import { KINDS, Model, type Operation } from './model.js'

/** Numerical Recipes' linear congruential generator: good enough to choose operations, and the same everywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function runSequence(seed: number, length: number): Model {
  const random = generator(Math.imul(seed, 2654435761))
  const names = Object.keys(setups)
  const name = names[random(names.length)] as string
  const made = makeHeap(setups[name] as (typeof setups)[string])
  const model = new Model(made.heap)
  let at = 0
  try {
    for (; at < length; at++) {
      const next: Operation = [random(KINDS), random(2 ** 31), random(2 ** 31), random(2 ** 31)]
      model.apply(next)
      model.verify()
      if (at % 16 === 0) model.checkStats()
      if (at % 512 === 0) model.checkAll()
    }
    model.finish()
    made.checkOutside()
  } catch (error) {
    throw new Error(`seed ${seed} (${name}), operation ${at}: ${String(error)}`, { cause: error })
  }
  made.heap.close()
  return model
}

const options = new Command('fuzz')
  .description('random operations on heaps of all kinds against a model, until time is up or something is wrong')
  .option('--minutes <n>', 'how long', '1')
  .option('--seed <n>', 'seed of the first sequence; the next ones count up', String(Date.now() % 2 ** 31))
  .option('--sequences <n>', 'stop after so many sequences')
  .option('--length <n>', 'operations in a sequence', '3000')
  .parse()
  .opts<{ minutes: string; seed: string; sequences?: string; length: string }>()

const end = Date.now() + Number(options.minutes) * 60_000
const most = options.sequences === undefined ? Number.POSITIVE_INFINITY : Number(options.sequences)
let seed = Number(options.seed)
let operations = 0
let sequences = 0
console.log(`seed ${seed}`)
try {
  while (sequences < most && Date.now() < end) {
    operations += runSequence(seed++, Number(options.length)).operations
    sequences++
  }
  console.log(`${operations} operations in ${sequences} sequences, nothing wrong`)
} catch (error) {
  console.error(error)
  process.exitCode = 1
}

/**
 * The property test without an end: `npm run fuzz -- --minutes N --seed S`. Each sequence has a seed of its own,
 * printed when it fails, with the operations that are left when it is shrunk; `--seed S --sequences 1` runs just that
 * one. With `--objects` the sequences are random object graphs on each of the setups of `kernel-tests/object-setups.ts`
 * in turn, or on the one that `--setup` names.
 */
import { Command, InvalidArgumentError } from 'commander'
import { MIXED, objectSetups, runObjectSeed } from '../kernel-tests/object-setups.js'
import { makeHeap, setups } from './heaps.js'
import { KINDS, Model, type Operation } from './model.js'
import { random } from './support/random.js'

interface Sequence {
  readonly name: string
  readonly operations: readonly Operation[]
}

/** What a seed stands for: a kind of heap and operations on it. */
function sequenceOf(seed: number, length: number): Sequence {
  const below = random(Math.imul(seed, 2654435761))
  const names = Object.keys(setups)
  const name = names[below(names.length)] as string
  const operations = Array.from(
    { length },
    (): Operation => [below(KINDS), below(2 ** 31), below(2 ** 31), below(2 ** 31)],
  )
  return { name, operations }
}

/** Runs a sequence; throws at the first operation after which heap and model differ. */
function runSequence({ name, operations }: Sequence): Model {
  const made = makeHeap(setups[name] as (typeof setups)[string])
  const model = new Model(made.heap)
  for (const [at, operation] of operations.entries()) {
    model.apply(operation)
    model.verify()
    if (at % 16 === 0) model.checkStats()
    if (at % 512 === 0) model.checkAll()
  }
  model.finish()
  made.checkOutside()
  made.heap.close()
  return model
}

function failureOf(sequence: Sequence): Error | undefined {
  try {
    runSequence(sequence)
    return undefined
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** Leave out ever smaller pieces while the rest still fails (delta debugging, Zeller and Hildebrandt 2002). */
function shrink({ name, operations }: Sequence): Sequence {
  let left = operations
  for (let piece = left.length >> 1; piece >= 1; piece >>= 1) {
    for (let at = 0; at < left.length; ) {
      const without = [...left.slice(0, at), ...left.slice(at + piece)]
      if (without.length > 0 && failureOf({ name, operations: without })) left = without
      else at += piece
    }
  }
  return { name, operations: left }
}

function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 31)
    throw new InvalidArgumentError('a whole number is needed')
  return value
}

function minutes(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 24 * 60)) throw new InvalidArgumentError('a number of minutes above 0 is needed')
  return value
}

const options = new Command('fuzz')
  .description('random operations on heaps of all kinds against a model, until time is up or something is wrong')
  .option('--minutes <n>', 'how long', minutes, 1)
  .option('--seed <n>', 'seed of the first sequence; the next ones count up', count, Date.now() % 2 ** 31)
  .option('--sequences <n>', 'stop after so many sequences', count)
  .option('--length <n>', 'operations in a sequence', count, 3000)
  .option('--objects', 'object graphs instead of blocks')
  .option('--setup <name>', `with --objects, only this one: ${[...Object.keys(objectSetups), MIXED].join('; ')}`)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ minutes: number; seed: number; sequences?: number; length: number; objects?: true; setup?: string }>()

const end = Date.now() + options.minutes * 60_000
const most = options.sequences ?? Number.POSITIVE_INFINITY
let { seed } = options
let operations = 0
let sequences = 0
console.log(`seed ${seed}`)
while (options.objects && sequences < most && Date.now() < end) {
  const names = options.setup === undefined ? [...Object.keys(objectSetups), MIXED] : [options.setup]
  try {
    for (const name of names) operations += runObjectSeed(name, seed, options.length).operations
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
  sequences++
  seed++
}
while (!options.objects && sequences < most && Date.now() < end) {
  const sequence = sequenceOf(seed, options.length)
  const failure = failureOf(sequence)
  if (failure) {
    const small = shrink(sequence)
    console.error(`seed ${seed}, ${sequence.name}: ${failure.message}`)
    console.error(`shrunk to ${small.operations.length} operations: ${failureOf(small)?.message}`)
    console.error(JSON.stringify(small.operations))
    process.exit(1)
  }
  operations += sequence.operations.length
  sequences++
  seed++
}
console.log(`${operations} operations in ${sequences} sequences, nothing wrong`)
if (sequences === 0) process.exitCode = 1

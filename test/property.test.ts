/**
 * Goal: whatever is called in whatever order, the heap does what a plain model does (rows A1, A3, A4, A6, B1, B3, H2).
 * Method: fast-check draws sequences of operations over the whole public interface and configurations of heaps (limits,
 * class tables, ranges in given memories, stress knobs); contents, alignment, non-overlap and refusals are checked at
 * each step, the verifier with the accounting identity after each operation, in the debug kernel. At least 200,000
 * operations a run.
 * A failure means a wrong result for some sequence; fast-check prints its seed and the shrunk sequence. To run it
 * again: HEAPWRIGHT_SEED=<seed> npx vitest run test/property.test.ts
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeHeap, type Setup, setups } from './heaps.js'
import { KINDS, Model, type Operation } from './model.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
const SEQUENCES = 170
const LENGTH = 1200

const operation: fc.Arbitrary<Operation> = fc.tuple(
  fc.nat(KINDS - 1),
  fc.nat(0x7fffffff),
  fc.nat(0x7fffffff),
  fc.nat(0x7fffffff),
)

function run(setup: Setup, operations: readonly Operation[]): Model {
  const made = makeHeap(setup)
  const model = new Model(made.heap)
  let count = 0
  for (const next of operations) {
    model.apply(next)
    model.verify()
    if (++count % 16 === 0) model.checkStats()
    if (count % 256 === 0) model.checkAll()
  }
  model.finish()
  made.checkOutside()
  made.heap.close()
  return model
}

describe('random operations against a model', () => {
  let total = 0
  let outOfMemory = 0
  for (const [name, setup] of Object.entries(setups)) {
    test(`${name}`, { timeout: 600_000 }, () => {
      console.log(`seed ${SEED}`)
      const count = Math.ceil(SEQUENCES / Object.keys(setups).length)
      fc.assert(
        fc.property(fc.array(operation, { minLength: LENGTH, maxLength: LENGTH * 1.2 }), (operations) => {
          const model = run(setup, operations)
          total += model.operations
          outOfMemory += model.outOfMemory
        }),
        { seed: SEED, numRuns: count, endOnFailure: false },
      )
    })
  }

  test('that was enough of them', () => {
    expect(total).toBeGreaterThanOrEqual(200_000)
    expect(outOfMemory).toBeGreaterThan(0)
  })
})

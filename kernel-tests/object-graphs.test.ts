/**
 * Goal: no collector loses, keeps, confuses or damages an object.
 * Method: random object graphs of every shape, with roots of every kind, weak references, weak maps, finalizers and
 * identity hashes, against a plain JavaScript graph; in each build, under each policy, stress and knob of
 * `object-setups.ts`. `npm run fuzz -- --objects --setup NAME --seed N --sequences 1` runs one seed, and without a
 * setup all of them in turn. A failure names the seed and what differs: a reference that was not updated, an object
 * freed while reachable, or the reverse.
 */
import { expect, test } from 'vitest'
import * as objects from '../kernel/object-layout.js'
import { random } from '../test/support/random.js'
import { MIXED, objectSetups, runObjectSeed } from './object-setups.js'

const SEEDS = 60
const STEPS = 260

for (const name of [...Object.keys(objectSetups), MIXED]) {
  test(`random graphs: ${name}`, { timeout: 120_000 }, () => {
    let operations = 0
    let refused = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const model = runObjectSeed(name, seed, STEPS)
      operations += model.operations
      refused += model.refused
    }
    expect(operations).toBe(SEEDS * STEPS)
    if (name === 'embedded, 4 kB') expect(refused).toBeGreaterThan(0)
  })
}

test('the generator makes every kind of operation', () => {
  const below = random(1)
  const seen = new Set(Array.from({ length: 2000 }, () => below(44)))
  expect(seen.size).toBe(44)
  expect(objects.ROOT_KINDS).toBe(4)
})

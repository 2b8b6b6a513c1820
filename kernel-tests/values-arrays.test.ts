/**
 * Goal: arrays of values do what arrays of JavaScript do, in every kernel that values stand on.
 * Method: random operations on arrays of every kind, under collections that move, beside an oracle (Array, typed arrays,
 * lists of bytes); after each sequence heap and values are verified, everything is let go, and nothing may be left. Then
 * the errors one by one, growth by the figures, and every call with memory for only so many allocations.
 * A failure means that an element was lost, counted wrongly or not seen by a collector, or that a refused call has
 * changed something.
 */
import { describe, expect, it } from 'vitest'
import { codecs, runArraySeed } from './values-array-model.js'
import { valuesSetups } from './values-kernel.js'

const STEPS = 300

describe.each(Object.keys(valuesSetups))('%s', (name) => {
  it.each(Object.keys(codecs))('holds in arrays of %s what lists hold', (kind) => {
    const seeds = kind === 'value' || kind === 'wide' ? [1, 2, 3, 4, 5, 6, 7, 8] : [9]
    for (const seed of seeds) runArraySeed(valuesSetups[name] ?? {}, kind, seed, STEPS)
    expect(seeds.length).toBeGreaterThan(0)
  })
})

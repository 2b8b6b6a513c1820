/** Seeded random numbers: a test that prints its seed can be run again. */
export { random } from '../../src/random.js'

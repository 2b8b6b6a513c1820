/** Checks of arguments that several commands share: what fails is wrong usage, with exit code 2. */

import { type Command, InvalidArgumentError } from 'commander'
import { Heap } from '../heap.js'
import { parseSize } from '../sizes.js'
import type { ModeName, Size } from '../types.js'
import { STANDARD_INPUT } from './io.js'

/** A limit that is not a size, or that no heap of that mode can live in. */
export function checkLimit(limit: Size, mode: ModeName, command: Command): void {
  try {
    Heap.create({ mode, limit: parseSize(limit, 'limit') }).close()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    command.error(`error: option '--limit <size>': ${error.message}`)
  }
}

/** Standard input is there once. */
export function checkInputs(files: readonly string[], command: Command): void {
  if (files.filter((file) => file === STANDARD_INPUT).length > 1) {
    command.error(`error: standard input can be read only once: give '${STANDARD_INPUT}' once`)
  }
}

/** A parser of an option's whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It is not a whole number from ${min} to ${max}.`)
  }
}

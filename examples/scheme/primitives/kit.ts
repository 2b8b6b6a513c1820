/** What primitives share: their arguments, checked, and how they are put down in a table. */

import type { Machine } from '../machine.js'
import { integer, integerOf, isCharacter, isInteger, type Memory, NIL } from '../memory.js'
import type { Symbols } from '../symbols.js'
import type { Node } from '../syntax.js'
import type { Writer } from '../writer.js'

/** What primitives reach. */
export interface Kit {
  readonly memory: Memory
  readonly machine: Machine
  readonly symbols: Symbols
  readonly writer: Writer
  /** Where text goes that is written to no port. */
  readonly print: (text: string) => void
  /** A datum in the heap. */
  readonly datum: (node: Node) => number
  /** A closure without parameters that evaluates the expression in a slot of the stack. */
  readonly compile: (slot: number) => number
}

type Run = (at: number, count: number) => number
/** By name: what it does, least and most arguments (as many as least, if not given; -1: no limit). */
export type Table = Readonly<Record<string, readonly [run: Run, least: number, most?: number]>>

/** Arguments on the stack, read when asked for, since they move. */
export class Arguments {
  readonly memory: Memory

  constructor(memory: Memory) {
    this.memory = memory
  }

  word(at: number): number {
    return this.memory.i32[at] as number
  }

  fault(what: string, at: number): never {
    return this.memory.fault(`not ${what}`, this.word(at))
  }

  /** An exact integer. */
  integer(at: number): number {
    const word = this.word(at)
    if (isInteger(word)) return integerOf(word)
    if (this.memory.is(word, this.memory.types.float)) {
      const value = this.memory.floatOf(word)
      if (Number.isInteger(value)) return value
    }
    return this.fault('an integer', at)
  }

  /** An exact integer from 0 to `most`. */
  index(at: number, most: number): number {
    const word = this.word(at)
    if (!isInteger(word)) this.fault('an exact integer', at)
    const index = integerOf(word)
    return index >= 0 && index <= most ? index : this.memory.fault('out of range', word)
  }

  number(at: number): number {
    const word = this.word(at)
    return this.memory.isNumber(word) ? this.memory.numberOf(word) : this.fault('a number', at)
  }

  /** An object of a type. */
  object(at: number, type: keyof Memory['types'], what: string): number {
    const word = this.word(at)
    return this.memory.is(word, this.memory.types[type]) ? word : this.fault(what, at)
  }

  pair(at: number): number {
    return this.object(at, 'pair', 'a pair')
  }

  string(at: number): number {
    return this.object(at, 'string', 'a string')
  }

  text(at: number): string {
    return this.memory.textOf(this.string(at))
  }

  symbol(at: number): number {
    return this.object(at, 'symbol', 'a symbol')
  }

  character(at: number): number {
    const word = this.word(at)
    return isCharacter(word) ? word >>> 3 : this.fault('a character', at)
  }

  byte(at: number): number {
    const word = this.word(at)
    const value = isInteger(word) ? integerOf(word) : -1
    return value >= 0 && value <= 255 ? value : this.fault('a byte', at)
  }

  /** Items of a proper list. */
  listLength(at: number): number {
    return this.#count(at, true)
  }

  /** Pairs of a list that need not be a proper one, but has an end. */
  pairs(at: number): number {
    return this.#count(at, false)
  }

  #count(at: number, isProper: boolean): number {
    const { memory } = this
    let length = 0
    let word = this.word(at)
    let slow = word
    while (memory.isPair(word)) {
      word = memory.cdr(word)
      if (length++ & 1) slow = memory.cdr(slow)
      if (word === slow) break
    }
    return word === NIL || !(isProper || memory.isPair(word)) ? length : this.fault('a list', at)
  }

  /** Optional start and end among so many items: the arguments from `at` on, of which there are `count`. */
  range(at: number, count: number, length: number): readonly [start: number, end: number] {
    const start = count > 0 ? this.index(at, length) : 0
    const end = count > 1 ? this.index(at + 1, length) : length
    if (start > end) this.memory.fault('the start is behind the end', integer(start), integer(end))
    return [start, end]
  }
}

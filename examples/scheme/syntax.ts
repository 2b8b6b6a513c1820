/**
 * What the reader gives and the compiler takes: the text of a program as a tree. These trees are the compiler's own and
 * short-lived, so they are objects of JavaScript; what a program can hold of its text (`quote`, `read`) is made in the
 * heap from them.
 *
 * A place is one number: line << 8 | column, both from 1 on; 0 for what stands nowhere.
 */
import type { Scope } from './scope.js'

/** A name. One that a macro has inserted is an alias: what it means is looked up where the macro was defined. */
export class Sym {
  readonly name: string
  readonly at: number
  readonly original: Sym | undefined
  readonly scope: Scope | undefined

  constructor(name: string, at = 0, original?: Sym, scope?: Scope) {
    this.name = name
    this.at = at
    this.original = original
    this.scope = scope
  }
}

/** A list; with a tail that is no list it is an improper one, of one item at least. */
export class List {
  readonly items: readonly Node[]
  readonly tail: Node | undefined
  readonly at: number

  constructor(items: readonly Node[], at = 0, tail?: Node) {
    this.items = items
    this.at = at
    this.tail = tail
  }
}

export class Vec {
  readonly items: readonly Node[]

  constructor(items: readonly Node[]) {
    this.items = items
  }
}

export class Num {
  readonly value: number
  readonly isExact: boolean

  constructor(value: number, isExact: boolean) {
    this.value = value
    this.isExact = isExact
  }
}

export class Char {
  readonly codePoint: number

  constructor(codePoint: number) {
    this.codePoint = codePoint
  }
}

/** A word of the heap that is no reference: the value of `(if #f #f)`, say. */
export class Word {
  readonly word: number

  constructor(word: number) {
    this.word = word
  }
}

/** Strings are those of JavaScript, bytevectors are typed arrays. */
export type Node = Sym | List | Vec | Num | Char | Word | string | boolean | Uint8Array

export const COLUMN_BITS = 8
const COLUMN_MAX = 255

export const placeOf = (line: number, column: number): number => (line << COLUMN_BITS) | Math.min(column, COLUMN_MAX)

export const placeText = (at: number): string => `${at >>> COLUMN_BITS}:${at & COLUMN_MAX}`

/** What a name is called in the text, whatever macros have made of it. */
export function plainName(symbol: Sym): string {
  let plain = symbol
  while (plain.original) plain = plain.original
  return plain.name
}

export const nodeAt = (node: Node): number => (node instanceof Sym || node instanceof List ? node.at : 0)

export const isProper = (node: Node | undefined): node is List => node instanceof List && node.tail === undefined

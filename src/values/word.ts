/**
 * Words: 32 bits that say what they are, as numbers. The table is in `kernel/value-layout.ts`. Plain functions over
 * numbers, for both the raw interface and the checked one.
 */
import {
  INTEGER_MAX,
  INTEGER_MIN,
  SPECIAL_FIRST_USER,
  SPECIAL_MAX,
  WORD_ABSENT,
  WORD_CHARACTER_TAG,
  WORD_EXCEPTION,
  WORD_FALSE,
  WORD_NULL,
  WORD_SPECIAL_SHIFT,
  WORD_SPECIAL_TAG,
  WORD_TAG_MASK,
  WORD_TRUE,
  WORD_UNDEFINED,
} from '../../kernel/value-layout.js'

/** A word as a number of 32 bits, with sign or without. `Words` gives them with it, as `i32` reads them. */
export type Word = number

/** Words that mean the same in every heap, and the numbers that programs make words of their own from. */
export interface WordNumbers {
  /** What an empty slot reads as: no value, and no reference. */
  readonly absent: Word
  readonly undefined: Word
  readonly null: Word
  readonly true: Word
  readonly false: Word
  /** For a call that gives a word, and has raised an exception instead. */
  readonly exception: Word
  readonly integerMin: number
  readonly integerMax: number
  /** Numbers of the program's own specials: first and last. */
  readonly specialFirst: number
  readonly specialMax: number
}

export const WORD: WordNumbers = Object.freeze({
  absent: WORD_ABSENT,
  undefined: WORD_UNDEFINED,
  null: WORD_NULL,
  true: WORD_TRUE,
  false: WORD_FALSE,
  exception: WORD_EXCEPTION,
  integerMin: INTEGER_MIN,
  integerMax: INTEGER_MAX,
  specialFirst: SPECIAL_FIRST_USER,
  specialMax: SPECIAL_MAX,
})

export const ABSENT = 0
export const UNDEFINED = WORD_UNDEFINED
export const NULL_WORD = WORD_NULL
export const TRUE = WORD_TRUE
export const FALSE = WORD_FALSE
export const EXCEPTION = WORD_EXCEPTION

/** Whether a number is an integer that a word holds: 31 bits, and not -0. */
export function isSmall(value: number): boolean {
  return (value << 1) >> 1 === value && (value !== 0 || 1 / value > 0)
}

export function smallWord(value: number): Word {
  return (value << 1) | 1
}

/** The word of a special by its number. */
export function specialWord(number: number): Word {
  return ((number << WORD_SPECIAL_SHIFT) | WORD_SPECIAL_TAG) >>> 0
}

/** The word of a character, or of whatever the program uses those numbers for. */
export function characterWord(number: number): Word {
  return ((number << WORD_SPECIAL_SHIFT) | WORD_CHARACTER_TAG) >>> 0
}

/**
 * A word that stands for nothing that JavaScript has: a special of the program's own, or a character. Equal words are
 * the same `Special`. Made by `heap.values.special()` and `heap.values.character()`.
 */
export class Special {
  readonly kind: 'special' | 'character'
  /** What was given when it was made. */
  readonly number: number
  /** The word that it is in memory. */
  readonly word: Word

  /** @internal */
  constructor(word: Word) {
    this.kind = (word & WORD_TAG_MASK) === WORD_CHARACTER_TAG ? 'character' : 'special'
    this.number = word >>> WORD_SPECIAL_SHIFT
    this.word = word
    Object.freeze(this)
  }

  /** `special 17`, `character 97` */
  toString(): string {
    return `${this.kind} ${this.number}`
  }

  toJSON(): string {
    return String(this)
  }
}

/** Those that are in use: a program that walks through all characters must not keep 2^29 of them. */
const specials = new Map<number, WeakRef<Special>>()
const forgotten = new FinalizationRegistry<number>((word) => {
  if (specials.get(word)?.deref() === undefined) specials.delete(word)
})

/** The one special of a word. */
export function specialOf(signed: Word): Special {
  const word = signed >>> 0
  const known = specials.get(word)?.deref()
  if (known) return known
  const made = new Special(word)
  specials.set(word, new WeakRef(made))
  forgotten.register(made, word)
  return made
}

/** What JavaScript has for a word that is no reference and no integer. */
export function plainSpecial(word: Word): undefined | null | boolean | Special {
  if (word === UNDEFINED || word === ABSENT) return undefined
  if (word === NULL_WORD) return null
  if (word === TRUE) return true
  if (word === FALSE) return false
  return specialOf(word)
}

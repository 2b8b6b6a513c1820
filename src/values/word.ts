/**
 * Words: 32 bits that say what they are, as numbers. The table is in `kernel/value-layout.ts`. Plain functions over
 * numbers, for both the raw interface and the checked one.
 */
import {
  SPECIAL_FIRST_USER,
  SPECIAL_MAX,
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

/** A word as a number from 0 to 2^32 - 1. */
export type Word = number

export const ABSENT = 0 as Word
export const UNDEFINED = WORD_UNDEFINED as Word
export const NULL_WORD = WORD_NULL as Word
export const TRUE = WORD_TRUE as Word
export const FALSE = WORD_FALSE as Word
export const EXCEPTION = WORD_EXCEPTION as Word

/** Whether a number is an integer that a word holds: 31 bits, and not -0. */
export function isSmall(value: number): boolean {
  return (value << 1) >> 1 === value && (value !== 0 || 1 / value > 0)
}

export function smallWord(value: number): Word {
  return ((value << 1) | 1) as number as Word
}

/** The word of a special by its number. */
export function specialWord(number: number): Word {
  return (((number << WORD_SPECIAL_SHIFT) | WORD_SPECIAL_TAG) >>> 0) as Word
}

/** The word of a character, or of whatever the program uses those numbers for. */
export function characterWord(number: number): Word {
  return (((number << WORD_SPECIAL_SHIFT) | WORD_CHARACTER_TAG) >>> 0) as Word
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
export function specialOf(word: Word): Special {
  const known = specials.get(word)?.deref()
  if (known) return known
  const made = new Special(word)
  specials.set(word, new WeakRef(made))
  forgotten.register(made, word)
  return made
}

/** Numbers that specials of the program's own have. */
export const SPECIAL_NUMBERS = { first: SPECIAL_FIRST_USER, last: SPECIAL_MAX } as const

/** What JavaScript has for a word that is no reference and no integer. */
export function plainSpecial(word: Word): undefined | null | boolean | Special {
  if (word === UNDEFINED || word === ABSENT) return undefined
  if (word === NULL_WORD) return null
  if (word === TRUE) return true
  if (word === FALSE) return false
  return specialOf(word)
}

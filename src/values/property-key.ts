/**
 * Keys of property objects as a program writes them. As in JavaScript, text that is an integer in its usual form is
 * that integer: `'7'` and `7` are one property. All other text is interned before it goes to the module.
 */
import { ArgumentError } from '../errors.js'
import { ObjectView } from '../objects/view.js'
import { HeapString } from './heap-string.js'
import type { ValueSpace } from './value-space.js'
import { isSmall, Special, type Word } from './word.js'

/** What a property is called: text, an integer from 0 to 2^30 - 1, or by identity a special or an object. */
export type PropertyName = string | number | Special | ObjectView

const INTEGER_TEXT = /^(?:0|[1-9]\d{0,9})$/
const [DIGIT_0, DIGIT_9] = [48, 57]

/** The integer that a text is; undefined when it is none. */
function integerIn(text: string): number | undefined {
  const first = text.charCodeAt(0)
  if (!(first >= DIGIT_0 && first <= DIGIT_9) || !INTEGER_TEXT.test(text)) return undefined
  return isSmall(Number(text)) ? Number(text) : undefined
}

/** A name as the heap has it: text that is no integer, or what is no text. @throws ArgumentError */
export function checkName(name: unknown): PropertyName {
  if (typeof name === 'string') return integerIn(name) ?? name
  if (typeof name === 'number' && isSmall(name) && name >= 0) return name
  if (name instanceof HeapString) return integerIn(name.text) ?? name
  if (name instanceof Special || ObjectView.isView(name)) return name
  throw new ArgumentError('key', name, 'text, an integer from 0 to 2^30 - 1, a special or an object')
}

/** Call `use` with what gives the word of a name each time it is asked. */
export function withName<Result>(values: ValueSpace, name: unknown, use: (word: () => Word) => Result): Result {
  const own = checkName(name)
  if (typeof own !== 'string') {
    values.check('key', own)
    return values.withWord('key', own, use)
  }
  const slot = values.hold(values.intern(own))
  try {
    return use(() => values.held(slot))
  } finally {
    values.drop(slot)
  }
}

/**
 * The same for looking up: what gives 0 when there is no such name in the heap, and so no property of it. Nothing is
 * made for it.
 */
export function withKnownName<Result>(values: ValueSpace, name: unknown, use: (word: () => Word) => Result): Result {
  const own = checkName(name)
  if (typeof own !== 'string') return withName(values, own, use)
  const word = values.interned(own)
  if (word === 0) return use(() => 0)
  const slot = values.hold(word)
  try {
    return use(() => values.held(slot))
  } finally {
    values.drop(slot)
  }
}

/** What a key is in JavaScript: text, a number, or a view. `again` reads it again when room had to be made. */
export function nameOf(values: ValueSpace, word: Word, again: () => Word): PropertyName {
  if (values.isReference(word) && values.space.typeAt(word) === values.types.string) return values.textAt(word)
  return values.read(word, again) as PropertyName
}

/**
 * Characters and strings. A string is an object that refers to a string of the library, which has the text in UTF-8 and
 * finds characters in it; when a program changes its string, that gets another one.
 */
import { boolean, character, FALSE, INTEGER_MAX, integer, NIL, TRUE, UNSPECIFIED } from '../memory.js'
import { isScalar } from '../reader.js'
import { Arguments, type Kit, type Table } from './kit.js'

type Compare = (order: number) => boolean

const COMPARISONS: Readonly<Record<string, Compare>> = {
  '=?': (order) => order === 0,
  '<?': (order) => order < 0,
  '>?': (order) => order > 0,
  '<=?': (order) => order <= 0,
  '>=?': (order) => order >= 0,
}

/** -1, 0 or 1 by code points: surrogates come last among the units of UTF-16, where they do not belong. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const one = [...a]
  const other = [...b]
  for (let i = 0; i < one.length && i < other.length; i++) {
    const order = codeOf(one[i]) - codeOf(other[i])
    if (order !== 0) return Math.sign(order)
  }
  return Math.sign(one.length - other.length)
}

const codeOf = (character: string | undefined): number => character?.codePointAt(0) ?? 0
const oneCharacter = (text: string, fallback: number): number =>
  [...text].length === 1 ? (text.codePointAt(0) as number) : fallback
const upcase = (code: number): number => oneCharacter(String.fromCodePoint(code).toUpperCase(), code)
const downcase = (code: number): number => oneCharacter(String.fromCodePoint(code).toLowerCase(), code)
const fold = (text: string): string => text.toUpperCase().toLowerCase().replaceAll('ς', 'σ')

export function characterPrimitives(kit: Kit): Table {
  const args = new Arguments(kit.memory)
  const compare = (holds: Compare, change: (code: number) => number) => (at: number, count: number) => {
    let all = true
    for (let i = at; i < at + count; i++) {
      const code = change(args.character(i))
      if (i > at && !holds(change(args.character(i - 1)) - code)) all = false
    }
    return boolean(all)
  }
  const test = (pattern: RegExp) => (at: number) => boolean(pattern.test(String.fromCodePoint(args.character(at))))
  const change = (change: (code: number) => number) => (at: number) => character(change(args.character(at)))
  const fromInteger = (at: number) => {
    const code = args.index(at, 0x10ffff)
    return isScalar(code) ? character(code) : args.fault('the number of a character', at)
  }
  const digit = (at: number) => {
    const text = String.fromCodePoint(args.character(at))
    if (!/\p{Nd}/u.test(text)) return FALSE
    // Digits of every script come in tens, from zero on.
    let zero = args.character(at)
    while (zero > 0 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1)) && args.character(at) - zero < 9) zero--
    return integer(args.character(at) - zero)
  }
  const comparisons: Record<string, Table[string]> = {}
  for (const [sign, holds] of Object.entries(COMPARISONS)) {
    comparisons[`char${sign}`] = [compare(holds, (code) => code), 1, -1]
    comparisons[`char-ci${sign}`] = [compare(holds, (code) => downcase(upcase(code))), 1, -1]
  }
  return {
    ...comparisons,
    'char?': [(at) => boolean((args.word(at) & 7) === 6), 1],
    'char->integer': [(at) => integer(args.character(at)), 1],
    'integer->char': [fromInteger, 1],
    'char-upcase': [change(upcase), 1],
    'char-downcase': [change(downcase), 1],
    'char-foldcase': [change((code) => downcase(upcase(code))), 1],
    'char-alphabetic?': [test(/\p{Alphabetic}/u), 1],
    'char-numeric?': [test(/\p{Nd}/u), 1],
    'char-whitespace?': [test(/\p{White_Space}/u), 1],
    'char-upper-case?': [test(/\p{Uppercase}/u), 1],
    'char-lower-case?': [test(/\p{Lowercase}/u), 1],
    'digit-value': [digit, 1],
  }
}

export function stringPrimitives(kit: Kit): Table {
  const { memory } = kit
  const args = new Arguments(memory)
  const { types } = memory

  /** Characters of the argument at `at` from the optional start to the optional end behind it. */
  const part = (at: number, count: number, rangeAt = at + 1): string => {
    const string = args.string(at)
    const [start, end] = args.range(rangeAt, count, memory.charactersOf(string))
    return memory.partOf(string, start, end)
  }
  const compare = (holds: Compare, change: (text: string) => string) => (at: number, count: number) => {
    let all = true
    for (let i = at; i < at + count; i++) {
      const text = change(args.text(i))
      if (i > at && !holds(compareText(change(args.text(i - 1)), text))) all = false
    }
    return boolean(all)
  }
  const change = (change: (text: string) => string) => (at: number) => memory.string(change(args.text(at)))

  const make = (at: number, count: number) => {
    const length = args.index(at, INTEGER_MAX)
    const filler = count > 1 ? String.fromCodePoint(args.character(at + 1)) : ' '
    if (length * filler.length > LENGTH_MAX) memory.fault('too long a string', args.word(at))
    return memory.string(filler.repeat(length))
  }
  const ofCharacters = (at: number, count: number) => {
    let text = ''
    for (let i = at; i < at + count; i++) text += String.fromCodePoint(args.character(i))
    return memory.string(text)
  }
  const ref = (at: number) => {
    const string = args.string(at)
    const index = args.index(at + 1, memory.charactersOf(string) - 1)
    return character(memory.characterAt(string, index))
  }
  /** The characters from `start` on become those of `text`. */
  const replace = (at: number, start: number, text: string) => {
    const string = args.string(at)
    const length = memory.charactersOf(string)
    const end = start + [...text].length
    memory.setText(at, memory.partOf(string, 0, start) + text + memory.partOf(string, end, length))
    return UNSPECIFIED
  }
  const set = (at: number) => {
    const string = args.string(at)
    const index = args.index(at + 1, memory.charactersOf(string) - 1)
    return replace(at, index, String.fromCodePoint(args.character(at + 2)))
  }
  const copyTo = (at: number, count: number) => {
    const length = memory.charactersOf(args.string(at))
    const to = args.index(at + 1, length)
    args.string(at + 2)
    const text = part(at + 2, count - 3)
    if (to + [...text].length > length) memory.fault('does not fit the string', args.word(at))
    return replace(at, to, text)
  }
  const fill = (at: number, count: number) => {
    const [start, end] = args.range(at + 2, count - 2, memory.charactersOf(args.string(at)))
    return replace(at, start, String.fromCodePoint(args.character(at + 1)).repeat(end - start))
  }
  const append = (at: number, count: number) => {
    let text = ''
    for (let i = at; i < at + count; i++) text += args.text(i)
    return memory.string(text)
  }
  const toList = (at: number, count: number) => {
    const characters = [...part(at, count - 1)]
    memory.push(NIL)
    for (const one of characters.reverse()) {
      memory.push(memory.pair(character(one.codePointAt(0) as number), memory.pop()))
    }
    return memory.pop()
  }
  const fromList = (at: number) => {
    args.listLength(at)
    let text = ''
    for (let word = args.word(at); memory.isPair(word); word = memory.cdr(word)) {
      const code = memory.car(word)
      if ((code & 7) !== 6) memory.fault('not a character', code)
      text += String.fromCodePoint(code >>> 3)
    }
    return memory.string(text)
  }
  const toVector = (at: number, count: number) => {
    const characters = [...part(at, count - 1)]
    const vector = memory.makeWords(types.vector, characters.length, NIL)
    characters.forEach((one, i) => {
      memory.i32[(vector >>> 2) + i] = character(one.codePointAt(0) as number)
    })
    return vector
  }
  const fromVector = (at: number, count: number) => {
    const vector = args.object(at, 'vector', 'a vector')
    const [start, end] = args.range(at + 1, count - 1, memory.length(vector) >>> 2)
    let text = ''
    for (let i = start; i < end; i++) {
      const code = memory.load(vector, i * 4)
      if ((code & 7) !== 6) memory.fault('not a character', code)
      text += String.fromCodePoint(code >>> 3)
    }
    return memory.string(text)
  }
  const toBytes = (at: number, count: number) => memory.bytevector(new TextEncoder().encode(part(at, count - 1)))
  const fromBytes = (at: number, count: number) => {
    const bytes = args.object(at, 'bytevector', 'a bytevector')
    const [start, end] = args.range(at + 1, count - 1, memory.length(bytes))
    return memory.string(new TextDecoder('utf-8', { ignoreBOM: true }).decode(memory.bytesOf(bytes).slice(start, end)))
  }
  /** Index of the first place, in characters, where the second string stands in the first; #f: nowhere. */
  const search = (at: number) => {
    const text = args.text(at)
    const found = text.indexOf(args.text(at + 1))
    return found < 0 ? FALSE : integer([...text.slice(0, found)].length)
  }
  const allEqual = (at: number, count: number) => {
    for (let i = at; i < at + count; i++) args.string(i)
    for (let i = at + 1; i < at + count; i++) if (args.text(i - 1) !== args.text(i)) return FALSE
    return TRUE
  }

  const comparisons: Record<string, Table[string]> = {}
  for (const [sign, holds] of Object.entries(COMPARISONS)) {
    comparisons[`string${sign}`] = [compare(holds, (text) => text), 1, -1]
    comparisons[`string-ci${sign}`] = [compare(holds, fold), 1, -1]
  }
  return {
    ...comparisons,
    'string=?': [allEqual, 1, -1],
    'string?': [(at) => boolean(memory.is(args.word(at), types.string)), 1],
    'make-string': [make, 1, 2],
    string: [ofCharacters, 0, -1],
    'string-length': [(at) => integer(memory.charactersOf(args.string(at))), 1],
    'string-ref': [ref, 2],
    'string-set!': [set, 3],
    substring: [(at, count) => memory.string(part(at, count - 1)), 2, 3],
    'string-copy': [(at, count) => memory.string(part(at, count - 1)), 1, 3],
    'string-copy!': [copyTo, 3, 5],
    'string-fill!': [fill, 2, 4],
    'string-append': [append, 0, -1],
    'string-upcase': [change((text) => text.toUpperCase()), 1],
    'string-downcase': [change((text) => text.toLowerCase()), 1],
    'string-foldcase': [change(fold), 1],
    'string->list': [toList, 1, 3],
    'list->string': [fromList, 1],
    'string->vector': [toVector, 1, 3],
    'vector->string': [fromVector, 1, 3],
    'string->utf8': [toBytes, 1, 3],
    'utf8->string': [fromBytes, 1, 3],
    'string-search': [search, 2],
  }
}

/** Characters of the longest string that is made of one character. */
const LENGTH_MAX = 1 << 26

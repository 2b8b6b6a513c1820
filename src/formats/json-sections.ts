/**
 * Reads a JSON document that is one object of a few members, some of them huge, from bytes that come in pieces.
 *
 * `JSON.parse` needs the text as one string, and no string of V8's is longer than 512 MB. This push parser makes no
 * string of the document: each member goes to its taker as what it is said to be: batches of numbers, bytes of
 * strings, a short text for `JSON.parse`, or nothing. The whole text is held to JSON's grammar, members that nobody
 * wants included, and gives the same however it is cut into pieces. A list of numbers must be flat, and of whole
 * numbers from 0 to 2^53 - 1, in digits.
 */

import { FormatError } from './format-error.js'

/** How a member of the document is read. `record`: batches hold a multiple of so many numbers, but for the last. */
export type Section =
  | { readonly as: 'numbers'; readonly record: number }
  | { readonly as: 'strings' }
  | { readonly as: 'text' }
  | { readonly as: 'nothing' }

/** Takes the members in the order of the document. Whatever it throws ends the reading. */
export interface SectionTaker {
  /** A member begins. */
  begin(name: string): Section
  /** The next `count` numbers; the array is used again. */
  numbers(values: Float64Array, count: number): void
  /** A piece of the current string as it is in the document, escapes and all. */
  stringBytes(bytes: Uint8Array): void
  stringEnd(): void
  /** The member as a whole. */
  text(text: string): void
  /** The member ended. */
  end(): void
}

/** Longest member read as text, longest name of a member, most brackets open at a time. */
export const TEXT_MAX_BYTES = 1 << 22
const NAME_MAX_BYTES = 1024
export const DEPTH_MAX = 1 << 16
/** Numbers in a batch, about. */
const BATCH = 8192
/** No number of JSON that a program wrote is longer. */
const ATOM_MAX_BYTES = 1100
/** A number may get another digit up to here, and stays below 2^53. */
const DIGIT_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 10) - 1

const TAB = 0x09
const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const COLON = 0x3a
const BRACKET_OPEN = 0x5b
const BACKSLASH = 0x5c
const BRACKET_CLOSE = 0x5d
const LETTER_U = 0x75
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** What the next byte belongs to. */
const MODE_STRUCTURE = 0
const MODE_STRING = 1
const MODE_ATOM = 2
const MODE_NUMBERS = 3
const MODE_STRINGS = 4

/** What may come next between tokens. */
const EXPECT_VALUE = 0
const EXPECT_VALUE_OR_END = 1
const EXPECT_NAME = 2
const EXPECT_NAME_OR_END = 3
const EXPECT_COLON = 4
const EXPECT_COMMA_OR_END = 5
const EXPECT_NOTHING = 6
const EXPECTED = [
  'a value',
  "a value or ']'",
  'a name in quotes',
  "a name in quotes or '}'",
  "':'",
  "',' or the closing bracket",
  'nothing more',
]

/** Where in a list of numbers or strings: at its start, behind a comma, inside a number, behind an item. */
const LIST_START = 0
const LIST_COMMA = 1
const LIST_NUMBER = 2
const LIST_ITEM = 3

/** What a string is for. */
const STRING_VALUE = 0
const STRING_NAME = 1
const STRING_ITEM = 2

/** Pushes text in, hands members out: `push` any number of times, then `finish` once. */
export class JsonSections {
  readonly #source: string
  readonly #taker: SectionTaker

  #mode = MODE_STRUCTURE
  #expect = EXPECT_VALUE
  /** Closing bytes of the brackets that are open. */
  readonly #open = new Uint8Array(DEPTH_MAX)
  #depth = 0

  /** Bytes before the current piece, and the place in it that an error is about. */
  #before = 0
  #at = 0

  #section: Section = { as: 'nothing' }
  #sectionName = ''
  #sectionEnds = false
  #name = new Uint8Array(NAME_MAX_BYTES)
  #nameBytes = 0
  readonly #text: Uint8Array[] = []
  #textBytes = 0

  #stringUse = STRING_VALUE
  /** After a backslash: 1, then hexadecimal digits to come + 1. 0 outside. */
  #escape = 0
  #atom = ''

  #list = LIST_START
  #value = 0
  #batch = new Float64Array(0)
  #batchCount = 0

  /** @param source where the text comes from, for errors */
  constructor(source: string, taker: SectionTaker) {
    this.#source = source
    this.#taker = taker
  }

  /** Takes the next piece, of any length and cut anywhere. Throws `FormatError`. */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      const start = at
      const isText = this.#section.as === 'text'
      at = this.#step(bytes, at)
      if (isText) this.#keepText(bytes, start, at)
      if (this.#sectionEnds) this.#endSection()
    }
    this.#before += bytes.length
    this.#at = 0
  }

  /** Ends the text. Throws `FormatError` when it ends too early. */
  finish(): void {
    if (this.#before === 0) throw new FormatError(this.#source, 'it is empty')
    if (this.#expect === EXPECT_NOTHING) return
    const inside = this.#sectionName === '' ? '' : `, in '${this.#sectionName}'`
    throw new FormatError(this.#source, `it ends too early: at byte ${this.#before}${inside}`)
  }

  #step(bytes: Uint8Array, at: number): number {
    switch (this.#mode) {
      case MODE_STRUCTURE:
        return this.#structure(bytes, at)
      case MODE_STRING:
        return this.#string(bytes, at)
      case MODE_ATOM:
        return this.#readAtom(bytes, at)
      case MODE_NUMBERS:
        return this.#numbers(bytes, at)
      default:
        return this.#strings(bytes, at)
    }
  }

  // ---- structure ------------------------------------------------------------------------------------------------

  /** Up to the end of the next token. */
  #structure(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && this.#isBlank(bytes[at] as number, at)) at++
    if (at === bytes.length) return at
    const byte = bytes[at] as number
    this.#at = at
    switch (this.#expect) {
      case EXPECT_VALUE:
      case EXPECT_VALUE_OR_END:
        if (byte === BRACKET_CLOSE && this.#expect === EXPECT_VALUE_OR_END) this.#close(byte)
        else return this.#beginValue(byte, at)
        break
      case EXPECT_NAME:
      case EXPECT_NAME_OR_END:
        if (byte === BRACE_CLOSE && this.#expect === EXPECT_NAME_OR_END) this.#close(byte)
        else if (byte === QUOTE) this.#beginString(STRING_NAME)
        else this.#unexpected(byte)
        break
      case EXPECT_COLON:
        if (byte !== COLON) this.#unexpected(byte)
        this.#expect = EXPECT_VALUE
        if (this.#depth === 1) this.#beginSection()
        break
      case EXPECT_COMMA_OR_END:
        if (byte === COMMA) {
          this.#expect = this.#open[this.#depth - 1] === BRACE_CLOSE ? EXPECT_NAME : EXPECT_VALUE
        } else {
          this.#close(byte)
        }
        break
      default:
        this.#unexpected(byte)
    }
    return at + 1
  }

  #isBlank(byte: number, at: number): boolean {
    if (isSpace(byte)) return true
    const place = this.#before + at
    return this.#depth === 0 && place < 3 && byte === BYTE_ORDER_MARK[place]
  }

  #beginValue(byte: number, at: number): number {
    if (this.#depth === 0 && byte !== BRACE_OPEN) {
      const isWide = byte >= 0xfe
      this.#fail(isWide ? 'it is UTF-16 text, not UTF-8' : `no JSON object: it begins with ${nameByte(byte)}`)
    }
    if (this.#depth === 1 && (this.#section.as === 'numbers' || this.#section.as === 'strings')) {
      if (byte !== BRACKET_OPEN) this.#fail(`${nameByte(byte)} where a list of ${this.#section.as} is expected`)
      this.#mode = this.#section.as === 'numbers' ? MODE_NUMBERS : MODE_STRINGS
      this.#list = LIST_START
      return at + 1
    }
    if (byte === BRACE_OPEN) this.#push(BRACE_CLOSE, EXPECT_NAME_OR_END)
    else if (byte === BRACKET_OPEN) this.#push(BRACKET_CLOSE, EXPECT_VALUE_OR_END)
    else if (byte === QUOTE) this.#beginString(STRING_VALUE)
    else if (isAtom(byte)) {
      this.#mode = MODE_ATOM
      this.#atom = ''
      return at
    } else this.#unexpected(byte)
    return at + 1
  }

  #push(closing: number, expect: number): void {
    if (this.#depth === DEPTH_MAX) this.#fail(`more than ${DEPTH_MAX} brackets are open`)
    this.#open[this.#depth++] = closing
    this.#expect = expect
  }

  #close(byte: number): void {
    if (this.#depth === 0 || byte !== this.#open[this.#depth - 1]) this.#unexpected(byte)
    this.#depth--
    this.#endValue()
  }

  #endValue(): void {
    this.#mode = MODE_STRUCTURE
    this.#expect = this.#depth === 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END
    if (this.#depth === 1) this.#sectionEnds = true
  }

  // ---- members --------------------------------------------------------------------------------------------------

  #beginSection(): void {
    this.#sectionName = new TextDecoder().decode(this.#name.subarray(0, this.#nameBytes))
    this.#section = this.#taker.begin(this.#sectionName)
    if (this.#section.as === 'numbers') {
      const records = Math.max(1, Math.floor(BATCH / this.#section.record))
      this.#batch = new Float64Array(records * this.#section.record)
      this.#batchCount = 0
    }
  }

  #endSection(): void {
    this.#sectionEnds = false
    if (this.#section.as === 'text') {
      const text = new Uint8Array(this.#textBytes)
      let at = 0
      for (const piece of this.#text) {
        text.set(piece, at)
        at += piece.length
      }
      this.#text.length = 0
      this.#textBytes = 0
      this.#taker.text(new TextDecoder().decode(text))
    }
    this.#taker.end()
    this.#section = { as: 'nothing' }
    this.#sectionName = ''
  }

  #keepText(bytes: Uint8Array, start: number, end: number): void {
    this.#textBytes += end - start
    if (this.#textBytes > TEXT_MAX_BYTES) this.#fail(`the section is longer than ${TEXT_MAX_BYTES} bytes`)
    this.#text.push(bytes.slice(start, end))
  }

  // ---- strings and atoms ------------------------------------------------------------------------------------------

  #beginString(use: number): void {
    this.#mode = MODE_STRING
    this.#stringUse = use
    if (use === STRING_NAME) this.#nameBytes = 0
  }

  #string(bytes: Uint8Array, start: number): number {
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number
      if (this.#escape > 0) this.#readEscape(byte, at)
      else if (byte === QUOTE) break
      else if (byte === BACKSLASH) this.#escape = 1
      else if (byte < SPACE) {
        this.#at = at
        this.#fail(`${nameByte(byte)} inside a string`)
      }
    }
    if (this.#stringUse === STRING_ITEM) this.#taker.stringBytes(bytes.subarray(start, at))
    else if (this.#stringUse === STRING_NAME && this.#depth === 1) this.#keepName(bytes, start, at)
    if (at === bytes.length) return at
    this.#endString()
    return at + 1
  }

  #readEscape(byte: number, at: number): void {
    const isFirst = this.#escape === 1
    const isRight = isFirst ? '"\\/bfnrtu'.includes(String.fromCharCode(byte)) : isHexDigit(byte)
    if (!isRight) {
      this.#at = at
      this.#fail(`${nameByte(byte)} is no escape of a string`)
    }
    if (!isFirst) this.#escape = this.#escape === 2 ? 0 : this.#escape - 1
    else this.#escape = byte === LETTER_U ? 5 : 0
  }

  #endString(): void {
    if (this.#stringUse === STRING_NAME) {
      this.#mode = MODE_STRUCTURE
      this.#expect = EXPECT_COLON
    } else if (this.#stringUse === STRING_ITEM) {
      this.#mode = MODE_STRINGS
      this.#list = LIST_ITEM
      this.#taker.stringEnd()
    } else {
      this.#endValue()
    }
  }

  #keepName(bytes: Uint8Array, start: number, end: number): void {
    this.#at = start
    if (this.#nameBytes + end - start > NAME_MAX_BYTES) this.#fail(`a name is longer than ${NAME_MAX_BYTES} bytes`)
    this.#name.set(bytes.subarray(start, end), this.#nameBytes)
    this.#nameBytes += end - start
  }

  /** A number, true, false or null. */
  #readAtom(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && isDigit(bytes[at] as number)) at++
    // Nearly all are whole numbers in one piece, and there may be millions of them.
    const digits = at - start
    const isPlain = digits === 1 || (digits > 1 && digits <= ATOM_MAX_BYTES && bytes[start] !== ZERO)
    if (isPlain && this.#atom === '' && at < bytes.length && !isAtom(bytes[at] as number)) {
      this.#endValue()
      return at
    }
    while (at < bytes.length && isAtom(bytes[at] as number)) at++
    this.#at = start
    if (this.#atom.length + at - start > ATOM_MAX_BYTES) this.#fail('a number without end')
    this.#atom += String.fromCharCode(...bytes.subarray(start, at))
    if (at === bytes.length) return at
    if (!/^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/.test(this.#atom)) {
      this.#fail(`'${this.#atom.slice(0, 40)}' where a value is expected`)
    }
    this.#endValue()
    return at
  }

  // ---- flat lists -------------------------------------------------------------------------------------------------

  #numbers(bytes: Uint8Array, start: number): number {
    const batch = this.#batch
    let count = this.#batchCount
    let list = this.#list
    let value = this.#value
    let at = start
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number
      const digit = byte - ZERO
      if (digit >= 0 && digit <= 9) {
        if (list === LIST_NUMBER) {
          if (value === 0 || value > DIGIT_MAX) this.#failNumber(at, value, byte)
          value = value * 10 + digit
        } else {
          if (list === LIST_ITEM) this.#failNumber(at, value, byte)
          value = digit
          list = LIST_NUMBER
        }
      } else if (byte === COMMA && list >= LIST_NUMBER) {
        batch[count++] = value
        list = LIST_COMMA
        if (count === batch.length) {
          this.#taker.numbers(batch, count)
          count = 0
        }
      } else if (isSpace(byte)) {
        if (list === LIST_NUMBER) list = LIST_ITEM
      } else if (byte === BRACKET_CLOSE && list !== LIST_COMMA) {
        if (list !== LIST_START) batch[count++] = value
        this.#taker.numbers(batch, count)
        this.#endValue()
        return at + 1
      } else {
        this.#failNumber(at, value, byte)
      }
    }
    this.#batchCount = count
    this.#list = list
    this.#value = value
    return at
  }

  #failNumber(at: number, value: number, byte: number): never {
    this.#at = at
    if (byte === MINUS) this.#fail('a negative number')
    if (byte === POINT || (byte | 0x20) === 0x65) this.#fail('a number that is not whole, or not in plain digits')
    if (isDigit(byte)) {
      this.#fail(value > DIGIT_MAX ? 'a number beyond 2^53' : 'a number with a zero in front, or two without a comma')
    }
    this.#fail(`${nameByte(byte)} where a number is expected`)
  }

  /** Between the strings of a list. */
  #strings(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && isSpace(bytes[at] as number)) at++
    if (at === bytes.length) return at
    const byte = bytes[at] as number
    this.#at = at
    if (byte === QUOTE && this.#list !== LIST_ITEM) this.#beginString(STRING_ITEM)
    else if (byte === COMMA && this.#list === LIST_ITEM) this.#list = LIST_COMMA
    else if (byte === BRACKET_CLOSE && this.#list !== LIST_COMMA) this.#endValue()
    else this.#fail(`${nameByte(byte)} where a string is expected`)
    return at + 1
  }

  // ---- errors -----------------------------------------------------------------------------------------------------

  #unexpected(byte: number): never {
    this.#fail(`${nameByte(byte)} where ${EXPECTED[this.#expect]} is expected`)
  }

  #fail(reason: string): never {
    const place = this.#before + this.#at
    const inside = this.#sectionName === '' ? '' : `, in '${this.#sectionName}'`
    throw new FormatError(this.#source, `byte ${place}${inside}: ${reason}`)
  }
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39
}

/** Bytes of numbers and of the three words. */
function isAtom(byte: number): boolean {
  const letter = byte | 0x20
  const isSign = byte >= 0x2b && byte <= POINT && byte !== COMMA
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x7a) || isSign
}

function isHexDigit(byte: number): boolean {
  const letter = byte | 0x20
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66)
}

function nameByte(byte: number): string {
  return byte > SPACE && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16).padStart(2, '0')}`
}

/** From text to trees. A datum that is not complete says so: a prompt then asks for more. */
import { SyntaxFault } from './errors.js'
import { parseNumber } from './number-text.js'
import { Char, List, type Node, placeOf, placeText, Sym, Vec } from './syntax.js'

/** Deeper text is refused: reader and compiler call themselves for each level. */
export const NESTING_MAX = 400

const CHARACTER_NAMES: Readonly<Record<string, number>> = {
  alarm: 7,
  backspace: 8,
  delete: 127,
  escape: 27,
  newline: 10,
  null: 0,
  return: 13,
  space: 32,
  tab: 9,
}
export const NAMES_OF_CHARACTERS: ReadonlyMap<number, string> = new Map(
  Object.entries(CHARACTER_NAMES).map(([name, code]) => [code, name]),
)
const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', t: '\t', n: '\n', r: '\r' }
const QUOTES: Readonly<Record<string, string>> = {
  "'": 'quote',
  '`': 'quasiquote',
  ',': 'unquote',
  ',@': 'unquote-splicing',
}
const DELIMITER = /[\s()";]/

export class Reader {
  readonly #text: string
  #at = 0
  #line: number
  #lineStart = 0
  #depth = 0

  constructor(text: string, line = 1) {
    this.#text = text
    this.#line = line
  }

  /** Where the next datum is looked for: an index of the text. */
  get position(): number {
    return this.#at
  }

  /** The next datum; undefined at the end. @throws SyntaxFault */
  next(): Node | undefined {
    this.#skip()
    return this.#at >= this.#text.length ? undefined : this.#datum()
  }

  #place(): number {
    return placeOf(this.#line, this.#at - this.#lineStart + 1)
  }

  #fault(message: string, at = this.#place()): never {
    throw new SyntaxFault(`${placeText(at)}: ${message}`)
  }

  #incomplete(what: string, at: number): never {
    throw new SyntaxFault(`${placeText(at)}: ${what} is not closed`, true)
  }

  #take(): string {
    const character = this.#text[this.#at++] as string
    if (character === '\n') {
      this.#line++
      this.#lineStart = this.#at
    }
    return character
  }

  /** Past space and comments. */
  #skip(): void {
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined) return
      if (character === ' ' || /\s/.test(character)) this.#take()
      else if (character === ';') while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#at++
      else if (character !== '#') return
      else if (this.#text.startsWith('#|', this.#at)) this.#skipBlock()
      else if (this.#text.startsWith('#;', this.#at)) this.#skipDatum()
      else if (/^#!(fold-case|no-fold-case|\/)/.test(this.#text.slice(this.#at, this.#at + 14))) this.#skipLine()
      else return
    }
  }

  #skipLine(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') this.#at++
  }

  #skipBlock(): void {
    const at = this.#place()
    let depth = 0
    do {
      if (this.#at >= this.#text.length) this.#incomplete('a comment', at)
      const two = this.#text.slice(this.#at, this.#at + 2)
      if (two === '#|') depth++
      else if (two === '|#') depth--
      if (two === '#|' || two === '|#') this.#at += 2
      else this.#take()
    } while (depth > 0)
  }

  #skipDatum(): void {
    const at = this.#place()
    this.#at += 2
    this.#skip()
    if (this.#at >= this.#text.length) this.#incomplete('#;', at)
    this.#datum()
  }

  #datum(): Node {
    const at = this.#place()
    if (++this.#depth > NESTING_MAX) this.#fault(`nested more than ${NESTING_MAX} levels deep`)
    try {
      return this.#datumAt(at)
    } finally {
      this.#depth--
    }
  }

  #datumAt(at: number): Node {
    const character = this.#text[this.#at] as string
    if (character === '(') return this.#list(at)
    if (character === ')') this.#fault("')' without '('")
    if (character === '"') return this.#delimited('"', 'a string')
    if (character === '|') return new Sym(this.#delimited('|', 'a symbol'), at)
    if (character === '#') return this.#sharp(at)
    const quote = this.#text.startsWith(',@', this.#at) ? ',@' : character
    const name = QUOTES[quote]
    if (name === undefined) return this.#atom(at)
    this.#at += quote.length
    this.#skip()
    if (this.#at >= this.#text.length) this.#incomplete(quote, at)
    return new List([new Sym(name, at), this.#datum()], at)
  }

  #list(at: number): List {
    this.#at++
    const items: Node[] = []
    let tail: Node | undefined
    for (;;) {
      this.#skip()
      if (this.#at >= this.#text.length) this.#incomplete("'('", at)
      if (this.#text[this.#at] === ')') break
      if (tail !== undefined) this.#fault("more than one datum behind '.'")
      if (this.#isDot()) {
        if (items.length === 0) this.#fault("nothing before '.'")
        this.#at++
        this.#skip()
        if (this.#text[this.#at] === ')') this.#fault("nothing behind '.'")
        if (this.#at >= this.#text.length) this.#incomplete("'('", at)
        tail = this.#datum()
      } else items.push(this.#datum())
    }
    this.#at++
    if (!(tail instanceof List)) return new List(items, at, tail)
    return new List([...items, ...tail.items], at, tail.tail)
  }

  #isDot(): boolean {
    if (this.#text[this.#at] !== '.') return false
    const next = this.#text[this.#at + 1]
    return next === undefined || DELIMITER.test(next)
  }

  #token(): string {
    const start = this.#at
    while (this.#at < this.#text.length && !DELIMITER.test(this.#text[this.#at] as string)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  #atom(at: number): Node {
    const token = this.#token()
    return parseNumber(token, 10) ?? new Sym(token, at)
  }

  #sharp(at: number): Node {
    const next = this.#text[this.#at + 1]
    if (next === '(') {
      this.#at++
      return this.#vector(at)
    }
    if (next === '\\') return this.#character()
    if (this.#text.startsWith('#u8(', this.#at)) return this.#bytevector(at)
    const token = this.#token()
    if (token === '#t' || token === '#true') return true
    if (token === '#f' || token === '#false') return false
    return parseNumber(token, 10) ?? this.#fault(`'${token}' is nothing that can be read`, at)
  }

  #vector(at: number): Vec {
    const list = this.#list(at)
    if (list.tail !== undefined) this.#fault("'.' in a vector", at)
    return new Vec(list.items)
  }

  #bytevector(at: number): Uint8Array {
    this.#at += 3
    const bytes = this.#vector(at).items.map((item) => {
      const number = typeof item === 'object' && 'value' in item ? item.value : -1
      return Number.isInteger(number) && number >= 0 && number <= 255
        ? number
        : this.#fault('a bytevector has integers from 0 to 255', at)
    })
    return Uint8Array.from(bytes)
  }

  #character(): Char {
    const at = this.#place()
    this.#at += 2
    const first = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 32)
    this.#at += first.length
    const name = first + (DELIMITER.test(first) ? '' : this.#token())
    if ([...name].length === 1) return new Char(name.codePointAt(0) as number)
    const code = /^x[0-9a-f]+$/i.test(name) ? Number.parseInt(name.slice(1), 16) : CHARACTER_NAMES[name]
    if (code === undefined || !isScalar(code)) this.#fault(`no character is called '${name}'`, at)
    return new Char(code)
  }

  /** What is between two quotes, or two bars, with its escapes. */
  #delimited(end: string, what: string): string {
    const at = this.#place()
    this.#at++
    let text = ''
    for (;;) {
      if (this.#at >= this.#text.length) this.#incomplete(what, at)
      const character = this.#take()
      if (character === end) return text
      text += character === '\\' ? this.#escape(what, at) : character
    }
  }

  #escape(what: string, at: number): string {
    if (this.#at >= this.#text.length) this.#incomplete(what, at)
    const space = /^[ \t]*\r?\n[ \t]*/.exec(this.#text.slice(this.#at))
    if (space) {
      for (const _ of space[0]) this.#take()
      return ''
    }
    const character = this.#take()
    if (character !== 'x') return ESCAPES[character] ?? character
    const hex = /^([0-9a-fA-F]{1,6});/.exec(this.#text.slice(this.#at, this.#at + 8))
    const code = Number.parseInt(hex?.[1] ?? '', 16)
    if (!hex || !isScalar(code)) this.#fault('\\x needs the number of a character, and ;', at)
    this.#at += hex[0].length
    return String.fromCodePoint(code)
  }
}

/** A code point that is a character: no surrogate. */
export const isScalar = (code: number): boolean => (code >= 0 && code < 0xd800) || (code > 0xdfff && code <= 0x10ffff)

/**
 * Objects as text. Nothing is made in the heap meanwhile, so references stay good; what is still to be written waits in
 * a list of JavaScript's, so data may be nested as deeply as it likes. Cycles are written with labels, `#0=(a . #0#)`.
 */

import { OWN } from './expander.js'
import {
  characterOf,
  EOF,
  FALSE,
  integerOf,
  isCharacter,
  isInteger,
  isLibrary,
  isPrimitive,
  libraryOf,
  type Memory,
  NIL,
  primitiveOf,
  TRUE,
  UNASSIGNED,
  UNBOUND,
  UNSPECIFIED,
} from './memory.js'
import { formatFloat, parseNumber } from './number-text.js'
import { NAMES_OF_CHARACTERS } from './reader.js'

/** How: as people read it, or as the reader does. */
export type Style = 'display' | 'write'

const SPECIALS: ReadonlyMap<number, string> = new Map([
  [NIL, '()'],
  [TRUE, '#t'],
  [FALSE, '#f'],
  [EOF, '#<eof>'],
  [UNSPECIFIED, '#<unspecified>'],
  [UNBOUND, '#<unbound>'],
  [UNASSIGNED, '#<unassigned>'],
])
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\x07': '\\a',
  '\b': '\\b',
}
const PLAIN_SYMBOL = /^[^\s()"';`,|#][^\s()"';`,|]*$/u
const QUOTES: Readonly<Record<string, string>> = {
  quote: "'",
  quasiquote: '`',
  unquote: ',',
  'unquote-splicing': ',@',
}

/** Errors among the irritants of errors, and the like, are not followed further. */
const NESTED_MAX = 8

export interface Names {
  primitive(index: number): string
  library(index: number): string
}

/** Text that stands for itself, a word, or the rest of a list. */
type Task = string | { readonly word: number } | { readonly rest: number }

export class Writer {
  readonly #memory: Memory
  readonly #names: Names
  #depth = 0

  constructor(memory: Memory, names: Names) {
    this.#memory = memory
    this.#names = names
  }

  text(word: number, style: Style): string {
    if (this.#depth > NESTED_MAX) return '...'
    this.#depth++
    const text = this.#text(word, style)
    this.#depth--
    return text
  }

  #text(word: number, style: Style): string {
    const { types } = this.#memory
    if (!this.#memory.is(word, types.pair) && !this.#memory.is(word, types.vector)) return this.#atom(word, style)
    const labels = this.#cycles(word)
    const numbers = new Map<number, number>()
    let text = ''
    const tasks: Task[] = [{ word }]
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
      if (typeof task === 'string') text += task
      else if ('rest' in task) this.#rest(task.rest, labels, tasks)
      else text += this.#open(task.word, style, labels, numbers, tasks)
    }
    return text
  }

  /** The text that a word begins with; what follows becomes tasks. */
  #open(word: number, style: Style, labels: ReadonlySet<number>, numbers: Map<number, number>, tasks: Task[]): string {
    const memory = this.#memory
    const isPair = memory.isPair(word)
    if (!isPair && !memory.is(word, memory.types.vector)) return this.#atom(word, style)
    let label = ''
    if (labels.has(word)) {
      const number = numbers.get(word)
      if (number !== undefined) return `#${number}#`
      label = `#${numbers.size}=`
      numbers.set(word, numbers.size)
    }
    if (isPair) {
      const quote = labels.size === 0 ? this.#quote(word) : undefined
      if (quote !== undefined) {
        tasks.push({ word: memory.car(memory.cdr(word)) })
        return label + quote
      }
      tasks.push({ rest: memory.cdr(word) }, { word: memory.car(word) })
      return `${label}(`
    }
    tasks.push(')')
    for (let i = memory.length(word) - 4; i >= 0; i -= 4) {
      tasks.push({ word: memory.load(word, i) })
      if (i > 0) tasks.push(' ')
    }
    return `${label}#(`
  }

  #rest(rest: number, labels: ReadonlySet<number>, tasks: Task[]): void {
    const memory = this.#memory
    if (rest === NIL) tasks.push(')')
    else if (memory.isPair(rest) && !labels.has(rest)) {
      tasks.push({ rest: memory.cdr(rest) }, { word: memory.car(rest) }, ' ')
    } else tasks.push(')', { word: rest }, ' . ')
  }

  #quote(pair: number): string | undefined {
    const memory = this.#memory
    const rest = memory.cdr(pair)
    if (!memory.is(memory.car(pair), memory.types.symbol) || !memory.isPair(rest) || memory.cdr(rest) !== NIL) return
    const name = memory.nameOf(memory.car(pair))
    return Object.hasOwn(QUOTES, name) ? QUOTES[name] : undefined
  }

  /** Pairs and vectors that are parts of themselves. */
  #cycles(word: number): ReadonlySet<number> {
    const memory = this.#memory
    const found = new Set<number>()
    const isOpen = new Map<number, boolean>()
    const waiting: { readonly word: number; readonly isEnd: boolean }[] = [{ word, isEnd: false }]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { word: at } = next
      if (next.isEnd) {
        isOpen.set(at, false)
        continue
      }
      const isPair = memory.isPair(at)
      if (!isPair && !memory.is(at, memory.types.vector)) continue
      const state = isOpen.get(at)
      if (state === true) found.add(at)
      if (state !== undefined) continue
      isOpen.set(at, true)
      waiting.push({ word: at, isEnd: true })
      for (let i = 0; i < memory.length(at); i += 4) waiting.push({ word: memory.load(at, i), isEnd: false })
    }
    return found
  }

  #atom(word: number, style: Style): string {
    if (isInteger(word)) return String(integerOf(word))
    const special = SPECIALS.get(word)
    if (special !== undefined) return special
    if (isCharacter(word)) return style === 'display' ? String.fromCodePoint(characterOf(word)) : characterText(word)
    if (isPrimitive(word)) return `#<procedure ${this.#names.primitive(primitiveOf(word))}>`
    if (isLibrary(word)) return `#<procedure ${this.#names.library(libraryOf(word))}>`
    return this.#object(word, style)
  }

  #object(word: number, style: Style): string {
    const memory = this.#memory
    const { types } = memory
    switch (memory.typeOf(word)) {
      case types.float:
        return formatFloat(memory.floatOf(word))
      case types.symbol:
        return style === 'display' ? memory.nameOf(word) : symbolText(memory.nameOf(word).replace(OWN, ''))
      case types.string:
        return style === 'display' ? memory.textOf(word) : stringText(memory.textOf(word))
      case types.bytevector:
        return `#u8(${memory.bytesOf(word).join(' ')})`
      case types.closure:
        return this.#named('procedure', memory.load(memory.load(word, 0), 0))
      case types.field:
        return this.#named('procedure', memory.load(word, 8))
      case types.record:
        return this.#record(word)
      case types.recordType:
        return this.#named('record-type', memory.load(word, 0))
      case types.error:
        return `#<error ${this.error(word)}>`
      case types.values:
        return this.#words(word, 0, style)
    }
    const name = Object.entries(types).find(([, type]) => type === memory.typeOf(word))?.[0]
    return `#<${name ?? 'object'}>`
  }

  #named(what: string, name: number): string {
    return name === NIL ? `#<${what}>` : `#<${what} ${this.#memory.nameOf(name)}>`
  }

  #record(record: number): string {
    const name = this.#memory.nameOf(this.#memory.load(this.#memory.load(record, 0), 0))
    return `#<${name.replace(/^<(.*)>$/, '$1')}>`
  }

  /** Words of an object from an offset on, with spaces between. */
  #words(object: number, from: number, style: Style): string {
    const texts: string[] = []
    for (let i = from; i < this.#memory.length(object); i += 4)
      texts.push(this.text(this.#memory.load(object, i), style))
    return texts.join(' ')
  }

  /** Message and irritants of an error. */
  error(error: number): string {
    const memory = this.#memory
    const message = memory.load(error, 0)
    const parts = [memory.is(message, memory.types.string) ? memory.textOf(message) : this.text(message, 'write')]
    for (let rest = memory.load(error, 4); memory.isPair(rest); rest = memory.cdr(rest)) {
      parts.push(this.text(memory.car(rest), 'write'))
    }
    return parts.join(' ')
  }
}

function characterText(word: number): string {
  const code = characterOf(word)
  const name = NAMES_OF_CHARACTERS.get(code)
  if (name !== undefined) return `#\\${name}`
  const isPrintable = code > 32 && !/[\p{C}\p{Z}]/u.test(String.fromCodePoint(code))
  return isPrintable ? `#\\${String.fromCodePoint(code)}` : `#\\x${code.toString(16)}`
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const stringText = (text: string): string => `"${text.replace(/["\\\u0000-\u001f\u007f]/g, escaped)}"`
const escaped = (character: string): string =>
  ESCAPES[character] ?? `\\x${(character.codePointAt(0) as number).toString(16)};`

function symbolText(name: string): string {
  const isPlain = PLAIN_SYMBOL.test(name) && name !== '.' && parseNumber(name, 10) === undefined
  if (isPlain) return name
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  return `|${name.replace(/[|\\\u0000-\u001f\u007f]/g, (one) => (one === '|' ? '\\|' : escaped(one)))}|`
}

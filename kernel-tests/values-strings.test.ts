/**
 * Goal: strings are the UTF-8 that JavaScript's encoder makes of the same text, whatever bytes they are made of, and
 * numbers are the numbers that went in.
 * Method: TextDecoder, TextEncoder, String and Buffer are the oracle, for texts of all planes, for every short sequence
 * of telling bytes, and for random bytes; in every kernel that values stand on. Numbers at all borders.
 * A failure means a text that is decoded, measured, cut, searched or compared otherwise than JavaScript does it.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { type Held, isReference, ValuesKernel, valuesSetups } from './values-kernel.js'

const worlds = ['vm', 'runtime, collecting at every allocation', 'server, unit steps', 'embedded', 'counted']
const { STATUS_NONE, STATUS_RANGE, STATUS_TEXT, STATUS_TYPE } = values
const NOWHERE = 0xffffffff
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Of one to four bytes, the first and last of each length, and what is easily taken for something else. */
const TEXTS = [
  '',
  'a',
  'plain ASCII, longer than eight bytes',
  '\0',
  'zero\0inside',
  '\x7f\x80',
  'ß',
  'naïve café',
  '\u07ff\u0800',
  'Ελληνικά',
  'русский текст',
  '漢字かな交じり文',
  '\ud7ff\ue000',
  '\ufeffwith a mark',
  '\ufffd\ufffe\uffff',
  '\u{10000}',
  '😀 and 👩‍👩‍👧',
  '\u{10ffff}',
  'mixed: aß漢😀'.repeat(20),
]

/** Each alone and with its neighbours says what a decoder makes of it. */
const TELLING_BYTES = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf]
const TELLING_STARTS = [0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xf8, 0xff]

function held(k: ValuesKernel, text: string | Uint8Array): Held {
  return k.hold(k.string(text))
}

/** Throws unless the string of these bytes is what TextDecoder says. */
function checkDecoded(k: ValuesKernel, bytes: Uint8Array): void {
  const wanted = decoder.decode(bytes)
  const string = k.string(bytes)
  const text = k.text(string)
  const codePoints = k.run('stringCodePoints', string)
  const isValid = k.run('stringIsValid', k.scratch, bytes.length)
  k.release(string)
  if (text !== wanted || codePoints !== [...wanted].length) {
    throw new Error(`bytes ${bytes}: '${text}' of ${codePoints}, not '${wanted}'`)
  }
  if (isValid !== Number(Buffer.compare(encoder.encode(wanted), bytes) === 0)) {
    throw new Error(`bytes ${bytes}: valid ${isValid}`)
  }
}

describe.each(worlds)('text: %s', (name) => {
  const make = () => new ValuesKernel(valuesSetups[name])

  it('is what went in, with its bytes and code points', () => {
    const k = make()
    for (const text of TEXTS) {
      const string = held(k, text)
      expect(k.text(string.word)).toBe(text)
      expect(k.run('stringBytes', string.word)).toBe(encoder.encode(text).length)
      expect(k.run('stringCodePoints', string.word)).toBe([...text].length)
      string.drop()
    }
    k.verify()
    expect(k.leftObjects).toBe(0)
  })

  it('is repaired as TextDecoder does it', () => {
    const k = make()
    const all = [...TELLING_BYTES, ...TELLING_STARTS]
    for (const a of all) checkDecoded(k, Uint8Array.of(a))
    for (const a of TELLING_STARTS) for (const b of all) checkDecoded(k, Uint8Array.of(a, b))
    // Lone surrogates, overlong forms, above the last code point, cut off.
    for (const bytes of [
      [0xed, 0xa0, 0x80],
      [0xed, 0xbf, 0xbf],
      [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
      [0xc0, 0x80],
      [0xe0, 0x80, 0x80],
      [0xf0, 0x80, 0x80, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf0, 0x9f, 0x98],
      [0x41, 0xe2, 0x82],
    ]) {
      checkDecoded(k, Uint8Array.from([...bytes]))
      checkDecoded(k, Uint8Array.from([...encoder.encode('eight by'), ...bytes, 0x42]))
    }
    k.verify()
    expect(k.leftObjects).toBe(0)
  })

  it('is cut at characters, and nowhere else', () => {
    const k = make()
    const text = 'aß漢😀z'
    const bytes = encoder.encode(text)
    const string = held(k, text)
    const starts = new Set([0, 1, 3, 6, 10, 11])
    for (let from = 0; from <= bytes.length; from++) {
      for (let to = from; to <= bytes.length; to++) {
        const slice = k.run('stringSlice', string.word, from, to)
        if (starts.has(from) && starts.has(to)) {
          expect(k.text(slice)).toBe(decoder.decode(bytes.subarray(from, to)))
          expect(k.run('stringCodePoints', slice)).toBe([...k.text(slice)].length)
        } else expect([slice, k.status]).toEqual([0, STATUS_TEXT])
        k.release(slice)
      }
    }
    for (const [from, to] of [
      [0, 12],
      [3, 1],
      [NOWHERE, NOWHERE],
    ] as const) {
      expect([k.run('stringSlice', string.word, from, to), k.status]).toEqual([0, STATUS_RANGE])
    }
    string.drop()
    expect(k.leftObjects).toBe(0)
  })

  it('has a place for each code point', () => {
    const k = make()
    for (const text of TEXTS) {
      const string = held(k, text)
      let offset = 0
      for (const [index, character] of [...text].entries()) {
        expect(k.run('stringOffset', string.word, index)).toBe(offset)
        expect(k.run('stringCodePointAt', string.word, offset)).toBe(character.codePointAt(0))
        offset += encoder.encode(character).length
      }
      const count = [...text].length
      expect(k.run('stringOffset', string.word, count)).toBe(offset)
      expect([k.run('stringOffset', string.word, count + 1), k.status]).toEqual([NOWHERE, STATUS_RANGE])
      expect([k.run('stringCodePointAt', string.word, offset), k.status]).toEqual([NOWHERE, STATUS_RANGE])
      string.drop()
    }
    const string = held(k, '漢')
    expect([k.run('stringCodePointAt', string.word, 1), k.status]).toEqual([NOWHERE, STATUS_TEXT])
  })

  it('is put together, also of empty parts', () => {
    const k = make()
    for (const a of TEXTS) {
      const first = held(k, a)
      const second = held(k, 'ß|')
      const both = k.hold(k.run('stringConcat', first.word, second.word))
      const twice = k.hold(k.run('stringConcat', both.word, both.word))
      expect(k.text(twice.word)).toBe(`${a}ß|${a}ß|`)
      expect(k.run('stringCodePoints', twice.word)).toBe(2 * ([...a].length + 2))
      for (const one of [first, second, both, twice]) one.drop()
    }
    k.verify()
    expect(k.leftObjects).toBe(0)
  })
})

describe.each(['vm', 'embedded', 'counted'])('search and order: %s', (name) => {
  const make = () => new ValuesKernel(valuesSetups[name])

  it('finds what Buffer finds', () => {
    const k = make()
    const below = random(20261126)
    const alphabet = ['a', 'b', 'ß', '漢', '\0']
    const draw = (most: number) => Array.from({ length: below(most) }, () => alphabet[below(3 + below(3))]).join('')
    for (let i = 0; i < 400; i++) {
      const text = Buffer.from(draw(60))
      const needle = Buffer.from(i % 3 ? draw(12) : text.toString().slice(below(20), 20 + below(20)))
      const string = held(k, text)
      const sought = held(k, needle)
      const from = Array.from({ length: text.length + 1 }, (_, at) => at).filter(
        (at) => at === text.length || ((text[at] as number) & 0xc0) !== 0x80,
      )
      const start = from[below(from.length)] as number
      const wanted = needle.length === 0 ? start : text.indexOf(needle, start)
      expect(k.number('stringFind', string.word, sought.word, start) | 0, `${text} ${needle} ${start}`).toBe(wanted)
      if (wanted < 0) expect(k.status).toBe(STATUS_NONE)
      string.drop()
      sought.drop()
    }
    const string = held(k, '漢')
    expect([k.run('stringFind', string.word, string.word, 1), k.status]).toEqual([NOWHERE, STATUS_TEXT])
    expect([k.run('stringFind', string.word, string.word, 4), k.status]).toEqual([NOWHERE, STATUS_RANGE])
  })

  it('compares and equals as the bytes do, and equal strings have equal hashes', () => {
    const k = make()
    const texts = [...TEXTS, 'a\0', 'plain ASCII, longer than eight bytez', 'plain ASCII', '\uffff', 'ab', 'b']
    const strings = texts.map((text) => held(k, text))
    const again = texts.map((text) => held(k, text))
    for (const [i, a] of texts.entries()) {
      for (const [j, b] of texts.entries()) {
        const one = strings[i]?.word as number
        const other = again[j]?.word as number
        expect(k.number('stringCompare', one, other)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
        expect(k.run('stringEquals', one, other)).toBe(Number(a === b))
        expect(k.run('stringHash', one) === k.run('stringHash', other)).toBe(a === b)
        const bytes = encoder.encode(b)
        expect(k.run('stringEqualsText', one, k.write(bytes), bytes.length)).toBe(Number(a === b))
      }
    }
    k.verify()
  })

  it('refuses what is no string, and texts outside of the memory', () => {
    const k = make()
    const float = k.hold(k.run('floatNew', 1.5))
    const string = held(k, 'text')
    const end = k.memory.buffer.byteLength
    for (const word of [0, 1, 2, 8, 0xfffffff8, float.word]) {
      for (const call of ['stringBytes', 'stringCodePoints', 'stringHash', 'stringSlice', 'stringConcat']) {
        expect([k.run(call, word, 0, 0), k.status]).toEqual([0, STATUS_TYPE])
      }
      for (const call of ['stringOffset', 'stringCodePointAt', 'stringFind']) {
        expect([k.run(call, word, 0, 0), k.status]).toEqual([NOWHERE, STATUS_TYPE])
      }
      expect(k.run('stringEquals', string.word, word)).toBe(0)
      expect(k.number('stringCompare', word, string.word)).toBe(-2)
      expect(k.run('stringSeal', word)).toBe(STATUS_TYPE)
    }
    expect([k.run('stringNew', end - 1, 2), k.status]).toEqual([0, layout.STATUS_BAD_ARGUMENT])
    expect([k.run('stringNew', NOWHERE, NOWHERE), k.status]).toEqual([0, layout.STATUS_BAD_ARGUMENT])
    expect([k.run('stringMake', NOWHERE), k.status]).toEqual([0, layout.STATUS_OUT_OF_MEMORY])
  })

  it('seals what its maker has written, if it is UTF-8', () => {
    const k = make()
    const bytes = encoder.encode('gemacht: 漢')
    const made = k.hold(k.run('stringMake', bytes.length))
    k.write(bytes, made.word + values.STRING_TEXT_AT)
    k.expectOk('stringSeal', made.word)
    expect(k.text(made.word)).toBe('gemacht: 漢')
    expect(k.run('stringCodePoints', made.word)).toBe(10)
    k.write(Uint8Array.of(0xff), made.word + values.STRING_TEXT_AT)
    expect(k.run('stringSeal', made.word)).toBe(STATUS_TEXT)
    expect(k.text(made.word)).toBe('\0'.repeat(bytes.length))
    k.verify()
  })
})

describe.each(worlds)('numbers: %s', (name) => {
  const integers = [0, 1, -1, 2 ** 30 - 1, -(2 ** 30)]
  const doubles = [
    ...[-0, 0.5, -1.5, 2 ** 30, -(2 ** 30) - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 53), 1e308, -1e308],
    ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE, -Number.MIN_VALUE],
    ...[2.2250738585072014e-308, 2.225073858507201e-308, Number.EPSILON, Number.MAX_VALUE, 0.1],
  ]

  it('are words where they are integers that fit, else doubles, bit by bit', () => {
    const k = new ValuesKernel(valuesSetups[name])
    for (const value of [...integers, ...doubles]) {
      const word = k.hold(k.run('numberNew', value))
      expect(isReference(word.word)).toBe(!integers.includes(value) || Object.is(value, -0))
      expect(k.number('numberOf', word.word)).toBe(value)
      expect(k.run('isNumber', word.word)).toBe(1)
      word.drop()
      const boxed = k.hold(k.run('floatNew', value))
      expect(k.number('numberOf', boxed.word)).toBe(value)
      boxed.drop()
    }
    k.verify()
    expect(k.leftObjects).toBe(0)
  })

  it('have one NaN', () => {
    const k = new ValuesKernel(valuesSetups[name])
    // As bytes, since engines may change the payload of a NaN on its way.
    const view = new DataView(new ArrayBuffer(8))
    for (const bits of [0x7ff8000000000001n, 0xfff8000000000000n, 0x7ff0000000000001n, 0xffffffffffffffffn]) {
      view.setBigUint64(0, bits)
      const made = k.hold(k.run('floatNew', view.getFloat64(0)))
      expect([k.u32(made.word), k.u32(made.word + 4)]).toEqual([0, values.WIDE_NAN])
      made.drop()
    }
  })

  it('are nothing else', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const string = held(k, '5')
    for (const word of [0, values.WORD_UNDEFINED, values.WORD_TRUE, 6, 8, 0xfffffff8, string.word]) {
      expect(k.number('numberOf', word)).toBeNaN()
      expect(k.run('isNumber', word)).toBe(0)
    }
  })
})

/**
 * Goal: strings of the heap are text as JavaScript has it, but that they are UTF-8: no lone surrogates, positions in
 * bytes, order by code points.
 * Method: texts of all planes, and random ones, against `String`, `TextEncoder` and `TextDecoder`; random bytes, mostly
 * no UTF-8, against `TextDecoder`; interned strings against a `Set` of texts, of which half are dropped. In every mode,
 * with a collection that moves everything at every allocation where there is one. Seeds are in the names of the tests.
 * A failure means: another text than was meant, a position inside a character, or an interned string that is two.
 */
import { describe, expect, it } from 'vitest'
import { ArgumentError, type Heap, HeapString, ScopeError, struct, value } from '../src/index.js'
import { random } from './support/random.js'
import { inValueHeap, isStressed, VALUE_HEAPS } from './support/values.js'

const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
/** As a heap has it: lone surrogates become U+FFFD. */
const wellFormed = (text: string) => decode(encode(text))

const TEXTS = [
  '',
  'a',
  'seven b',
  'eight by',
  'x'.repeat(47),
  'x'.repeat(48),
  'x'.repeat(49),
  'ä',
  '߿ࠀ￿',
  '\u{10000}\u{10ffff}',
  'mixed: aé漢😀',
  '\ud800',
  'lone \udfff and \ud83d alone',
  '\0 nul \0',
  '\ufeff mark',
  '漢字'.repeat(300),
]

/** A text of characters of one to four bytes, now and then a lone surrogate. */
function drawText(below: (n: number) => number, most: number): string {
  const ranges = [0x80, 0x80, 0x80, 0x800, 0xd800, 0x110000]
  return Array.from({ length: below(most + 1) }, () => {
    const code = below(ranges[below(ranges.length)] as number)
    return below(40) === 0 ? '\ud800' : String.fromCodePoint(code)
  }).join('')
}

/** Byte offsets at which characters begin, and the end. */
function boundaries(text: string): number[] {
  const places = [0]
  for (const character of text) places.push((places.at(-1) as number) + encode(character).length)
  return places
}

function byCodePoints(a: string, b: string): number {
  const order = Buffer.compare(encode(a), encode(b))
  return Math.sign(order)
}

/** What the error says: the first place from which no piece of up to four bytes is a character. */
function firstBad(bytes: Uint8Array): RegExp {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const isText = (from: number, to: number) => {
    try {
      return strict.decode(bytes.subarray(from, to)).length > 0
    } catch {
      return false
    }
  }
  let at = 0
  for (let bytesOfOne = 1; bytesOfOne <= 4 && at < bytes.length; bytesOfOne++) {
    if (!isText(at, at + bytesOfOne)) continue
    at += bytesOfOne
    bytesOfOne = 0
  }
  return new RegExp(`\`bytes\` must be UTF-8, which what begins at byte ${at} is not; got`)
}

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)
  const rounds = isStressed(name) ? 30 : 150

  it('keeps texts of all planes', () =>
    inHeap((heap) => {
      for (const text of TEXTS) {
        const string = heap.values.string(text)
        const own = wellFormed(text)
        expect(string.text).toBe(own)
        expect(string.byteLength).toBe(encode(own).length)
        expect(string.codePointLength).toBe([...own].length)
        expect([...string.bytes()]).toEqual([...encode(own)])
        expect([String(string), JSON.stringify(string)]).toEqual([own, JSON.stringify(own)])
        expect([string.equals(text), string.equals(`${text}x`), string.equals(3)]).toEqual([true, false, false])
        expect([...heap.values.stringFromBytes(encode(text)).bytes()]).toEqual([...encode(own)])
      }
    }))

  it('repairs bytes that are no UTF-8 as TextDecoder does, or refuses them (seed 5)', () =>
    inHeap((heap) => {
      const below = random(5)
      const leads = [0x00, 0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0xa0, 0x90]
      for (let i = 0; i < rounds * 2; i++) {
        using _scope = heap.scope()
        const bytes = Uint8Array.from({ length: below(12) }, () => leads[below(leads.length)] as number)
        const expected = decode(bytes)
        const string = heap.values.stringFromBytes(bytes)
        expect(string.text).toBe(expected)
        expect(string.codePointLength).toBe([...expected].length)
        const isValid = Buffer.compare(encode(expected), bytes) === 0 && !expected.includes('\ufffd')
        if (isValid) expect(heap.values.stringFromBytes(bytes, { fatal: true }).text).toBe(expected)
        else expect(() => heap.values.stringFromBytes(bytes, { fatal: true })).toThrow(firstBad(bytes))
      }
    }))

  it('cuts, joins, finds and compares as text does (seed 6)', () =>
    inHeap((heap) => {
      const below = random(6)
      for (let i = 0; i < rounds; i++) {
        using _scope = heap.scope()
        const [a, b] = [wellFormed(drawText(below, 30)), wellFormed(drawText(below, 3))]
        const [one, other] = [heap.values.string(a), heap.values.string(b)]
        expect(one.concat(other).text).toBe(a + b)
        expect(one.concat(b).text).toBe(a + b)
        const places = boundaries(a)
        const to = below(places.length)
        const from = below(to + 1)
        const part = [...a].slice(from, to).join('')
        expect(one.slice(places[from] as number, places[to]).text).toBe(part)
        expect(one.byteOffset(to)).toBe(places[to])
        if (from < to) expect(one.codePointAt(places[from] as number)).toBe([...a][from]?.codePointAt(0))
        const found = a.indexOf(b)
        const expected = found < 0 ? -1 : encode(a.slice(0, found)).length
        expect([one.indexOf(b), one.indexOf(other)]).toEqual([expected, expected])
        expect(one.indexOf(part, places[from])).toBe(places[from])
        expect([one.compare(other), one.compare(b), one.compare(a)]).toEqual([
          byCodePoints(a, b),
          byCodePoints(a, b),
          0,
        ])
      }
    }))

  it('has one hash for a text, another in a heap with another seed', () => {
    const hashes: number[] = []
    for (const hashSeed of [1, 1, 2]) {
      inValueHeap(
        name,
        (heap) => {
          const string = heap.values.string('a text')
          expect(heap.values.string('a text').hash).toBe(string.hash)
          expect(string.hash).toBeGreaterThan(0)
          hashes.push(string.hash)
        },
        { hashSeed },
      )
    }
    expect(hashes[0]).toBe(hashes[1])
    expect(hashes[0]).not.toBe(hashes[2])
  })

  it('interns: one string for a text, as long as it lives', () =>
    inHeap((heap) => {
      const count = heap.mode === 'embedded' || isStressed(name) ? 60 : 2000
      const text = (i: number) => `symbol ${i}${i % 10 === 0 ? ` that is ${'very '.repeat(20)}long` : ''}`
      const roots = Array.from({ length: count }, (_, i) => heap.root(heap.values.intern(text(i))))
      for (const [i, root] of roots.entries()) {
        using _scope = heap.scope()
        const again = heap.values.intern(text(i))
        expect(heap.same(again, root)).toBe(true)
        expect([again.isInterned, heap.values.string(text(i)).isInterned]).toEqual([true, false])
      }
      const { capacity } = heap.values.interned
      expect(heap.values.interned.count).toBeGreaterThanOrEqual(count)
      expect(capacity).toBeGreaterThanOrEqual(count)
      for (const root of roots.splice(0, (count * 3) / 4)) root.dispose()
      expect(heap.values.intern('kept').text).toBe('kept')
      for (const root of roots) root.dispose()
    }))

  it('gives the table of interned strings back when they die', () =>
    inHeap((heap) => {
      const count = heap.mode === 'embedded' || isStressed(name) ? 80 : 3000
      const kept = heap.root(heap.values.intern('symbol 0'))
      {
        using _scope = heap.scope()
        for (let i = 0; i < count; i++) heap.values.intern(`symbol ${i}`)
      }
      const before = heap.values.interned.capacity
      if (heap.mode !== 'manual') heap.collect()
      heap.values.trimInterned()
      const { count: live, capacity } = heap.values.interned
      expect(live).toBe(1)
      expect(capacity).toBeLessThan(before)
      expect(heap.same(heap.values.intern('symbol 0'), kept)).toBe(true)
      kept.dispose()
    }))

  it('comes back from fields as a view, whose text it is', () =>
    inHeap((heap) => {
      const Named = struct('Named', { name: value })
      const one = heap.new(Named, { name: 'text' })
      expect(one.name).toBeInstanceOf(HeapString)
      expect(String(one.name)).toBe('text')
      expect(JSON.stringify(one)).toBe('{"name":"text"}')
      one.name = 'other'
      expect(`${one.name}`).toBe('other')
    }))

  it('refuses what is no text, and places that are none', () =>
    inHeap((heap) => {
      const { values } = heap
      const string = values.string('aä')
      for (const bad of [3, null, undefined, {}]) {
        expect(() => values.string(bad as never)).toThrow(/`text` must be text/)
        expect(() => values.intern(bad as never)).toThrow(ArgumentError)
        expect(() => values.stringFromBytes(bad as never)).toThrow(/`bytes` must be a Uint8Array/)
        expect(() => string.concat(bad as never)).toThrow(/`other` must be a string, of this heap or of JavaScript/)
        expect(() => string.indexOf(bad as never)).toThrow(/`needle` must be a string/)
        expect(() => string.compare(bad as never)).toThrow(ArgumentError)
      }
      expect(() => values.stringFromBytes(new Uint8Array(1), { fatal: 1 as never })).toThrow(
        /`fatal` must be true or false/,
      )
      expect(() => values.stringFromBytes(new Uint8Array(1), { fatl: true } as never)).toThrow(ArgumentError)
      expect(() => string.slice(0, 2)).toThrow(/`fromByte, toByte` must be between characters/)
      expect(() => string.slice(2, 3)).toThrow(ArgumentError)
      expect(() => string.slice(0, 4)).toThrow(/`toByte` must be an integer from 0 to 3; got 4/)
      expect(() => string.slice(2, 1)).toThrow(/`fromByte` must be an integer from 0 to 1; got 2/)
      expect(() => string.indexOf('x', 2)).toThrow(/`fromByte` must be where a character begins; got 2/)
      expect(() => string.indexOf('x', 4)).toThrow(/`fromByte` must be an integer from 0 to 3; got 4/)
      expect(() => string.codePointAt(2)).toThrow(/`byte` must be where a character begins; got 2/)
      expect(() => string.codePointAt(3)).toThrow(
        /`byte` must be the position of a byte, an integer from 0 to 2; got 3/,
      )
      expect(() => string.byteOffset(3)).toThrow(/`codePoint` must be an integer from 0 to 2; got 3/)
      expect(() => values.string('').codePointAt(0)).toThrow(/`byte` must be left out: the string is empty/)
      expect(string.text).toBe('aä')
    }))

  it('needs a scope', () =>
    inValueHeap(name, (heap) => {
      const outer = heap.scope()
      expect(heap.values.string('inside').text).toBe('inside')
      outer.close()
      heap.reset()
      expect(() => heap.values.string('outside')).toThrow(ScopeError)
      expect(() => heap.values.intern('outside')).toThrow(ScopeError)
      expect(() => heap.values.array('value')).toThrow(ScopeError)
    }))
})

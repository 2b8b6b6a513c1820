/**
 * Goal: the mtrace reader gives the events that the text holds, and never more than an error for any other text.
 * Method: named cases for every rule in `src/formats/mtrace.ts`; random traces against a reader of ten lines over
 * strings; the same text cut into random chunks; arbitrary bytes. A failure means that a replay replays something else
 * than what the program did, or that a damaged file takes the tool down.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AddressMap } from '../src/formats/address-map.js'
import { type EventList, OP_ALLOC, OP_FREE, OP_REALLOC, SIZE_BEYOND } from '../src/formats/event-list.js'
import { FormatError } from '../src/formats/format-error.js'
import { LINE_MAX_BYTES, MtraceReader, readMtrace } from '../src/formats/mtrace.js'

const encoder = new TextEncoder()

function read(text: string): EventList {
  return readMtrace(encoder.encode(text), 'test')
}

/** Events as text: `+slot size`, `-slot`, `>slot size`. */
function eventsOf(list: EventList): string[] {
  return Array.from(list.ops, (op, i) => {
    const slot = list.slots[i]
    if (op === OP_FREE) return `-${slot}`
    return `${op === OP_ALLOC ? '+' : '>'}${slot} ${list.sizes[i]}`
  })
}

/** An allocation first, so that what follows is read as part of a trace. */
const FIRST = '@ a:[0x1] + 0x10 0x20\n'

describe('what is an event', () => {
  it('reads allocations, frees and reallocs, with the callers of real programs', () => {
    const list = read(`= Start
@ tree:[0x60d9] + 0x55fe5ea174a0 0x4000
@ /lib/x86_64-linux-gnu/libc.so.6:(__libc_freeres+a4)[0x17aa44] + 0x55fe5ea1c6a0 0x5
@ /lib/x86_64-linux-gnu/libc.so.6:[0x17a944] < 0x55fe5ea174a0
@ /lib/x86_64-linux-gnu/libc.so.6:[0x17a944] > 0x55fe5eb00000 0x8000
@ [0x17a944] - 0x55fe5ea1c6a0
@ [0x17a944] - 0x55fe5eb00000
= End
`)
    expect(eventsOf(list)).toEqual(['+0 16384', '+1 5', '>0 32768', '-1', '-0'])
    expect(list).toMatchObject({ length: 5, allocs: 2, frees: 2, reallocs: 1, skipped: 2, slotCount: 2 })
  })

  it.each([
    ['no caller', '+ 0x10 0x20\n- 0x10\n', ['+0 32', '-0']],
    ['a caller without brackets', '@ a + 0x10 0x20\n', ['+0 32']],
    ['a caller with spaces and operators', '@ /home/a + b/my prog - 1:(x+1)[0x1] + 0x10 0x20\n', ['+0 32']],
    ['carriage returns', '@ a:[0x1] + 0x10 0x20\r\n@ a:[0x1] - 0x10\r\n', ['+0 32', '-0']],
    ['no newline at the end', '@ a:[0x1] + 0x10 0x20\n@ a:[0x1] - 0x10', ['+0 32', '-0']],
    ['size 0 as printf writes it', '@ a:[0x1] + 0x10 0\n', ['+0 0']],
    ['size 0 in hexadecimal', '@ a:[0x1] + 0x10 0x0\n', ['+0 0']],
    ['capital digits', '@ a:[0x1] + 0xABCDEF 0xFf\n@ a:[0x1] - 0xabcdef\n', ['+0 255', '-0']],
    ['addresses that differ in the highest bit', `${FIRST}+ 0x8000000000000010 0x1\n- 0x10\n`, ['+0 32', '+1 1', '-0']],
    [
      'addresses that differ below 2^53',
      '+ 0xb400007fffff0010 0x1\n+ 0xb400007fffff0020 0x2\n- 0xb400007fffff0010\n',
      ['+0 1', '+1 2', '-0'],
    ],
    ['only hexadecimal sizes', '+ 0x10 1\n+ 0x10 0x1\n', ['+0 1']],
  ])('reads %s', (_, text, events) => {
    expect(eventsOf(read(text))).toEqual(events)
  })

  it('gives a new block to an address used again, in the slot freed last', () => {
    const list = read('+ 0x10 0x1\n+ 0x20 0x2\n- 0x10\n- 0x20\n+ 0x10 0x3\n+ 0x30 0x4\n')
    expect(eventsOf(list)).toEqual(['+0 1', '+1 2', '-0', '-1', '+1 3', '+0 4'])
    expect(list.slotCount).toBe(2)
  })

  it('frees a block whose address is handed out again while live', () => {
    const list = read('+ 0x10 0x1\n+ 0x10 0x2\n+ 0x20 0x3\n< 0x20\n> 0x10 0x4\n')
    expect(eventsOf(list)).toEqual(['+0 1', '-0', '+0 2', '+1 3', '-0', '>1 4'])
    expect(list).toMatchObject({ allocs: 3, frees: 2, reallocs: 1, skipped: 0 })
  })

  it('stores sizes of 4 GiB and more as one size that no heap serves', () => {
    expect(Array.from(read('+ 0x10 0xffffffff\n+ 0x20 0x100000000\n+ 0x30 0xffffffffffffffff\n').sizes)).toEqual([
      SIZE_BEYOND,
      SIZE_BEYOND,
      SIZE_BEYOND,
    ])
  })
})

describe('what is skipped', () => {
  it.each([
    ['a line that is no event', '= End', 1],
    ['an empty line', '', 1],
    ['text of the program', 'hello, world', 1],
    ['a caller with something else', '@ a:[0x1] = Start', 1],
    ['a caller alone', '@ a:[0x1] ', 1],
    ['a list item without numbers', '- buy milk', 1],
    ['a free of an unknown address', '@ a:[0x1] - 0x999', 1],
    ['a free of nil', '@ a:[0x1] - (nil)', 1],
    ['a failed allocation', '@ a:[0x1] + (nil) 0xffffffffffff', 1],
    ['a failed realloc in one line', '@ a:[0x1] ! 0x10 0x40', 1],
    ['a failed realloc in two lines', '@ a:[0x1] < 0x10\n@ a:[0x1] > (nil) 0x40', 2],
    ['half a realloc', '@ a:[0x1] < 0x10', 1],
    ['half a realloc, then another', '@ a:[0x1] < 0x10\n@ a:[0x1] < 0x10', 2],
    ['half a realloc, then a free of another', '@ a:[0x1] < 0x10\n@ a:[0x1] - 0x999', 2],
    ['a line too long that is no event', '='.repeat(3 * LINE_MAX_BYTES), 1],
  ])('%s', (_, text, skipped) => {
    const list = read(`${FIRST}${text}\n`)
    expect(eventsOf(list)).toEqual(['+0 32'])
    expect(list.skipped).toBe(skipped)
  })

  it.each([
    '@ a:[0x1] + 0x55',
    '@ a:[0x1] + 0x',
    '@ a:[0x1] + ',
    '@ a:[0x1] +',
    '@ a:[0x1] + (ni',
    '@ a:[0x',
    '@ ',
    '@',
  ])('a last line cut short: %s', (text) => {
    const list = read(`${FIRST}${text}`)
    expect(eventsOf(list)).toEqual(['+0 32'])
    expect(list.skipped).toBe(1)
  })
})

describe('reallocs at the edges', () => {
  it.each([
    ['of nil is an allocation', '< (nil)\n> 0x20 0x8', ['+1 8'], 0],
    ['of an unknown address is an allocation', '< 0x999\n> 0x20 0x8', ['+1 8'], 1],
    ['that only ends is an allocation', '> 0x20 0x8', ['+1 8'], 0],
    ['to size 0 that gave nil is a free', '< 0x10\n> (nil) 0', ['-0'], 1],
    ['of nil to size 0 that gave nil is nothing', '< (nil)\n> (nil) 0', [], 2],
    ['to size 0 that gave a block is one', '< 0x10\n> 0x20 0', ['>0 0'], 0],
    ['in place is one', '< 0x10\n> 0x10 0x40', ['>0 64'], 0],
    ['with a line of the program in between is one', '< 0x10\nhello\n> 0x30 0x40', ['>0 64'], 1],
    ['moves the block to its new address', '< 0x10\n> 0x30 0x40\n- 0x10\n- 0x30', ['>0 64', '-0'], 1],
  ])('a realloc %s', (_, text, events, skipped) => {
    const list = read(`${FIRST}${text}\n`)
    expect(eventsOf(list)).toEqual(['+0 32', ...events])
    expect(list.skipped).toBe(skipped)
  })
})

describe('what is an error', () => {
  it.each([
    '@ x + 0x10 zz',
    '@ x + zz 0x10',
    '@ x + 0x10 -0x10',
    '@ x + 0x10 -5',
    '@ x + 0x10 0x10 0x10',
    '@ x + 0x10 0x',
    '@ x + 0x10 0x11112222333344445',
    '@ x + 0x10 123',
    '@ x - zz',
    '@ x - 0x10 0x20',
    '@ x < zz',
    '@ x > 0x10',
    '@ x:[0x1] + (nix) 0x10',
  ])('%s', (line) => {
    let thrown: unknown
    try {
      read(`= Start\n${FIRST}${line}\n${FIRST}`)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(FormatError)
    expect(thrown).toMatchObject({ code: 'HW_FORMAT', source: 'test', line: 3 })
    expect((thrown as FormatError).message).toBe(`test:3: malformed event line: ${line}`)
  })

  it('a malformed last line without a newline', () => {
    expect(() => read(`${FIRST}@ x + 0x10 zz`)).toThrow('test:2: malformed event line')
  })

  it('an event line too long, wherever it is cut into chunks', () => {
    const line = encoder.encode(`@ ${'x'.repeat(LINE_MAX_BYTES)} + 0x10 0x20\n`)
    expect(() => readMtrace(line, 'test')).toThrow('test:1: the line is longer than 65536 bytes')
    const reader = new MtraceReader('test')
    reader.push(line.subarray(0, 100))
    expect(() => reader.push(line.subarray(100))).toThrow('test:1: the line is longer than 65536 bytes')
  })

  it.each(['', '\n', '= Start\n= End\n', '\u0000\u0001', 'a,b\n1,2\n', '- a\n- b\n', '@ a:[0x1] - 0x10\n'])(
    'a text without an event: %j',
    (text) => {
      expect(() => read(text)).toThrow('test: no mtrace: there is no allocation event in it')
    },
  )

  it('names what cannot be printed by question marks, and not all of a long line', () => {
    expect(() => read(`@ \u001b[31m${'x'.repeat(500)} + 0x10 zz\n`)).toThrow(
      /malformed event line: @ \?\[31mx{80,130} \.\.\.$/,
    )
  })
})

// ---- random traces ------------------------------------------------------------------------------------------------

const arbAddress = fc
  .integer({ min: 0, max: 12 })
  .map((n) => (n === 0 ? '(nil)' : `0x${(n * 0x1000_0000_0010).toString(16)}`))
const arbSize = fc.integer({ min: 0, max: 0x1_0000_0000 }).map((n) => (n === 0 ? '0' : `0x${n.toString(16)}`))
const arbCaller = fc.constantFrom('', '@ a:[0x1] ', '@ /a b/c:(f+1)[0x1] ')
const arbLine = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(arbCaller, fc.constant('+'), arbAddress, arbSize) },
  { weight: 4, arbitrary: fc.tuple(arbCaller, fc.constant('-'), arbAddress) },
  { weight: 2, arbitrary: fc.tuple(arbCaller, fc.constant('<'), arbAddress) },
  { weight: 2, arbitrary: fc.tuple(arbCaller, fc.constant('>'), arbAddress, arbSize) },
  { weight: 1, arbitrary: fc.tuple(arbCaller, fc.constant('!'), arbAddress, arbSize) },
  { weight: 1, arbitrary: fc.constant(['', '= Start'] as const) },
)
const arbTrace = fc
  .array(arbLine, { maxLength: 60 })
  .map((lines) => `${FIRST}${lines.map(([caller, ...rest]) => `${caller}${rest.join(' ')}\n`).join('')}`)

/** Live sizes by address after the text, and how many lines were skipped: written again over strings and a `Map`. */
function readSlowly(text: string): { live: Map<string, number>; skipped: number } {
  const live = new Map<string, number>()
  let skipped = 0
  let old: string | undefined
  for (const line of text.split('\n').slice(0, -1)) {
    const words = line.replace(/^@ .*\] /, '').split(' ')
    const [operator, address = '', size = '0'] = words
    if (operator === '=') {
      skipped++
      continue
    }
    if (old !== undefined && operator !== '>') skipped++
    if (operator === '>' && address === '(nil)') {
      skipped += old === undefined || size !== '0' ? (old === undefined ? 1 : 2) : live.delete(old) ? 1 : 2
    } else if (operator === '>') {
      if (old !== undefined && old !== '(nil)' && !live.delete(old)) skipped++
      live.set(address, Math.min(Number(size), SIZE_BEYOND))
    } else if (operator === '+' && address !== '(nil)') {
      live.set(address, Math.min(Number(size), SIZE_BEYOND))
    } else if (operator !== '<' && (operator !== '-' || !live.delete(address))) {
      skipped++
    }
    old = operator === '<' ? address : undefined
  }
  return { live, skipped: skipped + (old === undefined ? 0 : 1) }
}

/** Live sizes by slot after the events; checks that every event fits the ones before. */
function liveSizes(list: EventList): number[] {
  const live = new Map<number, number>()
  eventsOf(list).forEach((_, i) => {
    const slot = list.slots[i] as number
    expect(slot).toBeLessThan(list.slotCount)
    expect(live.has(slot)).toBe(list.ops[i] !== OP_ALLOC)
    if (list.ops[i] === OP_FREE) live.delete(slot)
    else live.set(slot, list.sizes[i] as number)
  })
  return [...live.values()].sort((a, b) => a - b)
}

describe('random traces', () => {
  it('leave the blocks that a plain reader leaves', () => {
    fc.assert(
      fc.property(arbTrace, (text) => {
        const list = read(text)
        const { live, skipped } = readSlowly(text)
        expect(liveSizes(list)).toEqual([...live.values()].sort((a, b) => a - b))
        expect(list.skipped).toBe(skipped)
        expect(list.length).toBe(list.allocs + list.frees + list.reallocs)
        expect(list.reallocs).toBe(Array.from(list.ops).filter((op) => op === OP_REALLOC).length)
      }),
      { numRuns: 500 },
    )
  })

  it('give the same events however they are cut into chunks', () => {
    fc.assert(
      fc.property(arbTrace, fc.array(fc.nat(40), { minLength: 1, maxLength: 20 }), (text, cuts) => {
        const bytes = encoder.encode(text)
        const reader = new MtraceReader('test')
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const next = at + (cuts[i % cuts.length] as number) + (i % cuts.length === 0 ? 1 : 0)
          reader.push(bytes.subarray(at, next))
          at = next
        }
        expect(reader.finish()).toEqual(read(text))
      }),
      { numRuns: 300 },
    )
  })
})

describe('arbitrary bytes', () => {
  it('give events or a FormatError', () => {
    const arbPiece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .constantFrom('@ ', '@ a:[0x1] ', '+ ', '- ', '< ', '> ', '! ', '0x10', ' 0x20', '(nil)', '\n', '\r\n', '] ')
        .map((text) => encoder.encode(text)),
    )
    fc.assert(
      fc.property(fc.array(arbPiece, { maxLength: 80 }), (pieces) => {
        const reader = new MtraceReader('test')
        try {
          for (const piece of pieces) reader.push(piece)
          const list = reader.finish()
          expect(list.length).toBeGreaterThan(0)
          liveSizes(list)
        } catch (error) {
          if (!(error instanceof FormatError)) throw error
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('without a newline are not kept', () => {
    const reader = new MtraceReader('test')
    const junk = new Uint8Array(1 << 20).fill(0x41)
    for (let i = 0; i < 64; i++) reader.push(junk)
    reader.push(encoder.encode(`\n${FIRST}`))
    expect(reader.finish()).toMatchObject({ length: 1, skipped: 1 })
  })
})

describe('AddressMap', () => {
  it('does what a Map does, through growth and deletion', () => {
    const arbKey = fc.tuple(
      fc.constantFrom(0, 1, 0xffffffff),
      fc.nat(40).map((n) => (n * 0x0800_0010) >>> 0),
    )
    const arbStep = fc.tuple(fc.constantFrom('set', 'take', 'get'), arbKey, fc.nat(0xfffffffe))
    fc.assert(
      fc.property(fc.array(arbStep, { maxLength: 300 }), (steps) => {
        const map = new AddressMap()
        const oracle = new Map<string, number>()
        for (const [what, [high, low], slot] of steps) {
          const key = `${high}:${low}`
          if (what === 'set') {
            map.set(high, low, slot)
            oracle.set(key, slot)
          } else if (what === 'take') {
            expect(map.take(high, low)).toBe(oracle.get(key))
            oracle.delete(key)
          }
          expect(map.get(high, low)).toBe(oracle.get(key))
          expect(map.size).toBe(oracle.size)
        }
      }),
    )
    const map = new AddressMap()
    for (let i = 0; i < 20_000; i++) map.set(i & 3, (i * 16) >>> 0, i)
    for (let i = 0; i < 20_000; i += 2) expect(map.take(i & 3, (i * 16) >>> 0)).toBe(i)
    for (let i = 0; i < 20_000; i++) expect(map.get(i & 3, (i * 16) >>> 0)).toBe(i % 2 === 0 ? undefined : i)
  })
})

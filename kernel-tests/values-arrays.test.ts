/**
 * Goal: arrays of values do what arrays of JavaScript do, in every kernel that values stand on.
 * Method: random operations on arrays of every kind, under collections that move, beside an oracle (Array, typed
 * arrays, lists of bytes); after each sequence heap and values are verified, everything is let go, and nothing may be
 * left. Then long arrays, the errors one by one, and what a caller may rely on beside.
 * A failure means that an element was lost, counted wrongly or not seen by a collector, or that a refused call has
 * changed something.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { codecs, runArraySeed } from './values-array-model.js'
import { type Held, ValuesKernel, valuesSetups } from './values-kernel.js'

const STEPS = 300
const { KIND_BYTES, KIND_F64, KIND_I64, KIND_U8, KIND_VALUE, KIND_WIDE } = values
const { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } = layout
const { STATUS_COUNT, STATUS_NONE, STATUS_RANGE, STATUS_TYPE } = values
const NOWHERE = 0xffffffff

/** The word of an integer. */
function integer(value: number): number {
  return ((value << 1) | 1) >>> 0
}

/** An array of words with these integers. */
function arrayOf(k: ValuesKernel, ...integers: number[]): Held {
  const array = k.hold(k.run('arrayNew', KIND_VALUE, 0, 0))
  for (const value of integers) k.expectOk('arrayPush', array.word, integer(value))
  return array
}

function integersOf(k: ValuesKernel, array: number): number[] {
  const length = k.run('arrayLength', array)
  return Array.from({ length }, (_, index) => k.number('arrayGet', array, index) >> 1)
}

describe.each(Object.keys(valuesSetups))('random operations: %s', (name) => {
  it.each(Object.keys(codecs))('hold in arrays of %s what lists hold', (kind) => {
    const seeds = kind === 'value' || kind === 'wide' ? [1, 2, 3, 4, 5, 6, 7, 8] : [9]
    for (const seed of seeds) runArraySeed(valuesSetups[name] ?? {}, kind, seed, STEPS)
    expect(seeds.length).toBeGreaterThan(0)
  })
})

describe.each(['vm', 'runtime', 'server', 'counted'])('long arrays: %s', (name) => {
  it('grow from nothing to stores that are objects of their own, and shrink again', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const array = k.hold(k.run('arrayNew', KIND_VALUE, 0, 0))
    for (let i = 0; i < 20_000; i++) {
      const word = i % 3 ? integer(i) : k.string(`text ${i}`)
      k.expectOk('arrayPush', array.word, word)
      k.release(word)
    }
    k.verify()
    k.expectOk('arrayRemove', array.word, 3, 9000)
    k.expectOk('arrayInsert', array.word, 3, 4500)
    k.verify()
    expect(k.text(k.run('arrayGet', array.word, 4503))).toBe('text 9003')
    expect(k.run('arrayGet', array.word, 4502)).toBe(values.WORD_UNDEFINED)
    k.expectOk('arrayResize', array.word, 2)
    k.expectOk('arrayTrim', array.word)
    expect(k.run('arrayCapacity', array.word)).toBe(2)
    k.verify()
    array.drop()
    expect(k.leftObjects).toBe(0)
  })

  it('are appended to without copying each time', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const array = k.hold(k.run('arrayNew', KIND_F64, 0, 0))
    const capacities = new Set<number>()
    for (let i = 0; i < 100_000; i++) {
      k.expectOk('arrayPushNumber', array.word, i / 2)
      if (i % 100 === 0) capacities.add(k.run('arrayCapacity', array.word))
    }
    // By half and more each time: 100,000 is reached in fewer than thirty steps.
    expect(capacities.size).toBeLessThan(30)
    expect(k.number('arrayGetNumber', array.word, 99_999)).toBe(99_999 / 2)
  })
})

describe.each(['vm', 'embedded', 'counted'])('what is refused: %s', (name) => {
  const make = () => new ValuesKernel(valuesSetups[name])

  it('are kinds that are none and sizes that do not fit', () => {
    const k = make()
    for (const [kind, bytes] of [
      [0, 0],
      [14, 0],
      [NOWHERE, 4],
      [KIND_U8, 2],
      [KIND_VALUE, 8],
      [KIND_F64, 4],
      [KIND_BYTES, 0],
      [KIND_BYTES, 65536],
    ] as const) {
      expect(k.run('arrayNew', kind, bytes, 1)).toBe(0)
      expect(k.status).toBe(STATUS_BAD_ARGUMENT)
    }
    for (const [kind, bytes] of [
      [KIND_VALUE, 4],
      [KIND_F64, 8],
      [KIND_BYTES, 65535],
    ] as const) {
      k.release(k.run('arrayNew', kind, bytes, 0))
    }
    for (const capacity of [0x20000000, 0x7fffffff, NOWHERE]) {
      expect(k.run('arrayNew', KIND_VALUE, 0, capacity)).toBe(0)
      expect(k.status).toBe(STATUS_OUT_OF_MEMORY)
    }
    expect(k.leftObjects).toBe(0)
    k.verify()
  })

  it('are indexes and ranges outside of the array', () => {
    const k = make()
    const a = arrayOf(k, 1, 2, 3)
    for (const index of [3, 4, NOWHERE]) {
      expect([k.run('arrayGet', a.word, index), k.status]).toEqual([0, STATUS_RANGE])
      expect([k.run('arrayAt', a.word, index), k.status]).toEqual([0, STATUS_RANGE])
      expect(k.run('arraySet', a.word, index, integer(9))).toBe(STATUS_RANGE)
    }
    expect(k.run('arrayInsert', a.word, 4, 1)).toBe(STATUS_RANGE)
    for (const [index, count] of [
      [0, 4],
      [3, 1],
      [4, 0],
      [1, NOWHERE],
      [NOWHERE, 2],
    ] as const) {
      expect(k.run('arrayRemove', a.word, index, count)).toBe(STATUS_RANGE)
      expect(k.run('arrayCopy', a.word, index, a.word, 0, count)).toBe(STATUS_RANGE)
      expect(k.run('arrayCopy', a.word, 0, a.word, index, count)).toBe(STATUS_RANGE)
    }
    for (const [from, to] of [
      [2, 1],
      [0, 4],
      [NOWHERE, 0],
      [0, NOWHERE],
    ] as const) {
      expect([k.run('arraySlice', a.word, from, to), k.status]).toEqual([0, STATUS_RANGE])
      expect(k.run('arrayFill', a.word, from, to, integer(9))).toBe(STATUS_RANGE)
    }
    expect(integersOf(k, a.word)).toEqual([1, 2, 3])
    k.verify()
  })

  it('are lengths that no memory has', () => {
    const k = make()
    const a = arrayOf(k, 1, 2, 3)
    for (const length of [0x20000000, 0x7fffffff, NOWHERE]) {
      expect(k.run('arrayResize', a.word, length)).toBe(STATUS_OUT_OF_MEMORY)
      expect(k.run('arrayReserve', a.word, length)).toBe(STATUS_OUT_OF_MEMORY)
      expect(k.run('arrayInsert', a.word, 1, length)).toBe(STATUS_OUT_OF_MEMORY)
    }
    expect(integersOf(k, a.word)).toEqual([1, 2, 3])
    k.verify()
  })

  it('are words that are no array, and arrays of other kinds', () => {
    const k = make()
    const s = k.hold(k.string('no array'))
    const others = [0, 1, 2, 6, 8, 0xfffffff8, 0x7ffffff8, integer(4), values.WORD_NULL, s.word]
    for (const word of others) {
      for (const call of ['arrayLength', 'arrayCapacity', 'arrayPop']) {
        expect([k.run(call, word), k.status]).toEqual([0, STATUS_TYPE])
      }
      expect([k.run('arrayGet', word, 0), k.status]).toEqual([0, STATUS_TYPE])
      expect([k.run('arrayAt', word, 0), k.status]).toEqual([0, STATUS_TYPE])
      expect([k.run('arraySlice', word, 0, 0), k.status]).toEqual([0, STATUS_TYPE])
      expect([k.run('arrayIndexOf', word, 1, 0), k.status]).toEqual([NOWHERE, STATUS_TYPE])
      expect([k.number('arrayGetNumber', word, 0), k.status]).toEqual([Number.NaN, STATUS_TYPE])
      expect([k.number('arrayPopNumber', word), k.status]).toEqual([Number.NaN, STATUS_TYPE])
      const refusing = { arraySet: [0, 1], arrayPush: [1], arraySetNumber: [0, 1], arrayPushNumber: [1] }
      const more = { arraySetWide: [0, 0, 0], arrayPushWide: [0, 0], arrayPushBytes: [1024, 1], arrayTrim: [] }
      const most = { arrayPushMany: [1024, 1], arrayResize: [1], arrayReserve: [1], arrayInsert: [0, 1] }
      for (const [call, args] of Object.entries({ ...refusing, ...more, ...most, arrayRemove: [0, 0] })) {
        expect([call, k.run(call, word, ...args)]).toEqual([call, STATUS_TYPE])
      }
      expect(k.run('arrayFill', word, 0, 0, 1)).toBe(STATUS_TYPE)
    }
    expect(k.text(s.word)).toBe('no array')
    k.verify()
  })

  it('are elements of another kind', () => {
    const k = make()
    const words = arrayOf(k, 1)
    const wides = k.hold(k.run('arrayNew', KIND_WIDE, 0, 1))
    const longs = k.hold(k.run('arrayNew', KIND_I64, 0, 1))
    const bytes = k.hold(k.run('arrayNew', KIND_BYTES, 12, 1))
    for (const { word } of [wides, longs, bytes]) {
      expect(k.run('arrayPush', word, 1)).toBe(STATUS_TYPE)
      expect(k.run('arrayPushNumber', word, 1)).toBe(STATUS_TYPE)
      expect(k.run('arrayPushMany', word, 1024, 0)).toBe(STATUS_TYPE)
      expect(k.run('arrayFill', word, 0, 0, 1)).toBe(STATUS_TYPE)
      expect(k.run('arrayCopy', words.word, 0, word, 0, 0)).toBe(STATUS_TYPE)
    }
    expect(k.run('arrayPushBytes', words.word, 1024, 0)).toBe(STATUS_TYPE)
    expect(k.run('arrayPushBytes', wides.word, 1024, 0)).toBe(STATUS_TYPE)
    expect(k.run('arrayPushWide', words.word, 0, 0)).toBe(STATUS_TYPE)
    // The word 0 is none, and a wide reference refers.
    for (const call of ['arrayPush', 'arrayPushMany']) {
      k.setU32(k.scratch, 0)
      expect(k.run(call, words.word, call === 'arrayPush' ? 0 : k.scratch, 1)).toBe(STATUS_BAD_ARGUMENT)
    }
    expect(k.run('arraySet', words.word, 0, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('arrayFill', words.word, 0, 1, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('arrayPushWide', wides.word, 5, values.WIDE_REFERENCE)).toBe(STATUS_BAD_ARGUMENT)
    expect(integersOf(k, words.word)).toEqual([1])
    k.verify()
  })

  it('are sources outside of the memory, and elements of an empty array', () => {
    const k = make()
    const words = arrayOf(k)
    const bytes = k.hold(k.run('arrayNew', KIND_U8, 0, 0))
    const end = k.memory.buffer.byteLength
    for (const [at, count] of [
      [end, 1],
      [end - 4, 2],
      [NOWHERE - 3, 1],
      [k.scratch, NOWHERE],
      [k.scratch + 2, 1],
    ] as const) {
      expect(k.run('arrayPushMany', words.word, at, count)).toBe(STATUS_BAD_ARGUMENT)
    }
    expect(k.run('arrayPushBytes', bytes.word, end - 1, 2)).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('arrayPushBytes', bytes.word, NOWHERE, NOWHERE)).toBe(STATUS_BAD_ARGUMENT)
    expect([k.run('arrayPop', words.word), k.status]).toEqual([0, STATUS_NONE])
    expect([k.number('arrayPopNumber', bytes.word), k.status]).toEqual([Number.NaN, STATUS_NONE])
    expect([k.run('arrayLength', words.word), k.run('arrayLength', bytes.word)]).toEqual([0, 0])
    k.verify()
  })
})

describe.each(['vm', 'embedded', 'counted'])('equality: %s', (name) => {
  it('finds numbers by value, strings by text, everything else by identity', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const array = k.hold(k.run('arrayNew', KIND_VALUE, 0, 16))
    const doubles = [0.5, Number.NaN, -0, 7]
    for (const value of doubles) {
      const word = k.run('floatNew', value)
      k.expectOk('arrayPush', array.word, word)
      k.release(word)
    }
    const inner = arrayOf(k, 1)
    const other = arrayOf(k, 1)
    k.expectOk('arrayPush', array.word, inner.word)
    k.expectOk('arrayPush', array.word, integer(0))
    const nan = k.hold(k.run('floatNew', Number.NaN))
    expect(k.run('arrayIndexOf', array.word, nan.word, 0)).toBe(1)
    expect(k.run('arrayIndexOf', array.word, integer(0), 0)).toBe(2)
    expect(k.run('arrayIndexOf', array.word, integer(0), 3)).toBe(5)
    expect(k.run('arrayIndexOf', array.word, integer(7), 0)).toBe(3)
    expect(k.run('arrayIndexOf', array.word, inner.word, 0)).toBe(4)
    expect([k.run('arrayIndexOf', array.word, other.word, 0), k.status]).toEqual([NOWHERE, STATUS_NONE])
    expect(k.run('arrayIndexOf', array.word, integer(0), NOWHERE)).toBe(NOWHERE)
  })
})

describe('many words at once', () => {
  it.each(['vm', 'runtime, collecting at every allocation', 'server, unit steps', 'embedded'])(
    'are appended from handles, which collectors put right: %s',
    (name) => {
      const k = new ValuesKernel(valuesSetups[name])
      const array = k.hold(k.run('arrayNew', KIND_VALUE, 0, 0))
      const slots = Array.from({ length: 6 }, (_, i) => k.kernel.run('handlePush', k.string(`handle ${i}`)))
      expect((slots[5] as number) - (slots[0] as number)).toBe(20)
      k.expectOk('arrayPushMany', array.word, slots[0] as number, 6)
      k.expectOk('arrayPushMany', array.word, slots[2] as number, 3)
      const texts = Array.from({ length: 9 }, (_, i) => k.text(k.run('arrayGet', array.word, i)))
      expect(texts).toEqual([0, 1, 2, 3, 4, 5, 2, 3, 4].map((i) => `handle ${i}`))
      k.verify()
    },
  )
})

describe('counts', () => {
  /** A string whose count is `below` less than the most. */
  function crowded(k: ValuesKernel, below: number): number {
    const string = k.string('everybody refers to it')
    k.setU32(string - values.COUNTED_COUNT_BELOW, (values.COUNT_MAX - below) * values.COUNT_ONE)
    return string
  }

  function setCount(k: ValuesKernel, reference: number, count: number): void {
    k.setU32(reference - values.COUNTED_COUNT_BELOW, count * values.COUNT_ONE)
  }

  it('are as many as the elements that refer', () => {
    const k = new ValuesKernel(valuesSetups.counted)
    const string = k.string('counted')
    const array = k.hold(k.run('arrayNew', KIND_VALUE, 0, 0))
    const count = () => k.kernel.run('refcount', string)
    k.expectOk('arrayPush', array.word, string)
    expect(count()).toBe(2)
    k.expectOk('arrayResize', array.word, 10)
    k.expectOk('arrayFill', array.word, 0, 10, string)
    expect(count()).toBe(11)
    k.expectOk('arrayCopy', array.word, 2, array.word, 0, 8)
    k.expectOk('arrayInsert', array.word, 5, 3)
    expect(count()).toBe(11)
    const slice = k.run('arraySlice', array.word, 0, 5)
    expect(count()).toBe(16)
    k.release(slice)
    k.expectOk('arrayRemove', array.word, 0, 4)
    expect(count()).toBe(7)
    expect(k.run('arrayPop', array.word)).toBe(string)
    expect(count()).toBe(7)
    k.release(string)
    array.drop()
    expect(count()).toBe(1)
    k.release(string)
    expect(k.leftObjects).toBe(0)
  })

  it('that can go no higher refuse the call as a whole', () => {
    const k = new ValuesKernel(valuesSetups.counted)
    const string = crowded(k, 2)
    const array = arrayOf(k, 1, 2, 3, 4)
    const wides = k.hold(k.run('arrayNew', KIND_WIDE, 0, 4))
    expect(k.run('arrayFill', array.word, 0, 3, string)).toBe(STATUS_COUNT)
    expect(k.run('arrayPushMany', array.word, k.writeWords([string, string, string]), 3)).toBe(STATUS_COUNT)
    expect(integersOf(k, array.word)).toEqual([1, 2, 3, 4])
    k.expectOk('arrayFill', array.word, 0, 2, string)
    // Full: no place more, whether there is room for it or not.
    expect(k.run('arraySet', array.word, 3, string)).toBe(STATUS_COUNT)
    expect(k.run('arrayPush', array.word, string)).toBe(STATUS_COUNT)
    k.expectOk('arrayTrim', array.word)
    expect(k.run('arrayPush', array.word, string)).toBe(STATUS_COUNT)
    expect(k.run('arrayCopy', array.word, 1, array.word, 0, 3)).toBe(STATUS_COUNT)
    expect([k.run('arraySlice', array.word, 0, 3), k.status]).toEqual([0, STATUS_COUNT])
    expect(k.run('arrayPushWide', wides.word, string, values.WIDE_REFERENCE)).toBe(STATUS_COUNT)
    expect([k.run('arrayLength', array.word), k.run('arrayLength', wides.word)]).toEqual([4, 0])
    expect(k.run('arrayGet', array.word, 2)).toBe(integer(3))
    setCount(k, string, 3)
    k.release(string)
    for (const held of [array, wides]) held.drop()
    expect(k.leftObjects).toBe(0)
    k.verify()
  })

  it('of wide values that can go no higher refuse a copy as a whole', () => {
    const k = new ValuesKernel(valuesSetups.counted)
    const string = crowded(k, 2)
    const wides = k.hold(k.run('arrayNew', KIND_WIDE, 0, 4))
    k.expectOk('arrayPushWide', wides.word, string, values.WIDE_REFERENCE)
    k.expectOk('arrayPushWide', wides.word, 1, values.WIDE_INTEGER)
    k.expectOk('arrayPushWide', wides.word, 2, values.WIDE_INTEGER)
    setCount(k, string, values.COUNT_MAX)
    expect(k.run('arrayCopy', wides.word, 1, wides.word, 0, 2)).toBe(STATUS_COUNT)
    expect(k.run('arraySetWide', wides.word, 1, string, values.WIDE_REFERENCE)).toBe(STATUS_COUNT)
    expect(k.u32(k.run('arrayAt', wides.word, 1))).toBe(1)
    setCount(k, string, 2)
    wides.drop()
    k.release(string)
    expect(k.leftObjects).toBe(0)
  })
})

describe.each(['vm', 'embedded', 'counted'])('an image: %s', (name) => {
  it('is read, and never written', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const array = arrayOf(k, 1, 2, 3)
    const header = array.word - 8
    const head = k.u32(header)
    k.setU32(header, head | objects.OBJECT_IMMORTAL)
    expect(integersOf(k, array.word)).toEqual([1, 2, 3])
    expect(k.run('arrayPush', array.word, integer(4))).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('arraySet', array.word, 0, integer(4))).toBe(STATUS_BAD_ARGUMENT)
    expect([k.run('arrayPop', array.word), k.status]).toEqual([0, STATUS_BAD_ARGUMENT])
    for (const [call, ...args] of [
      ['arrayResize', 9],
      ['arrayReserve', 9],
      ['arrayTrim'],
      ['arrayInsert', 0, 1],
      ['arrayRemove', 0, 1],
      ['arrayFill', 0, 1, 3],
    ] as const) {
      expect([call, k.run(call, array.word, ...args)]).toEqual([call, STATUS_BAD_ARGUMENT])
    }
    k.setU32(header, head)
    expect(integersOf(k, array.word)).toEqual([1, 2, 3])
  })
})

describe.each(['vm', 'embedded', 'counted'])('the verifier: %s', (name) => {
  it('sees an array, a string or a float that is wrong', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const words = k.hold(k.run('arrayNew', KIND_VALUE, 0, 6))
    const wides = k.hold(k.run('arrayNew', KIND_WIDE, 0, 2))
    k.expectOk('arrayPush', words.word, integer(1))
    k.expectOk('arrayPushWide', wides.word, 1, values.WIDE_INTEGER)
    const string = k.hold(k.string('text'))
    const float = k.hold(k.run('floatNew', Number.NaN))
    const store = k.u32(words.word + values.ARRAY_STORE_AT)
    const wideStore = k.u32(wides.word + values.ARRAY_STORE_AT)
    for (const [at, value] of [
      [words.word + values.ARRAY_LENGTH_AT, 7],
      [words.word + values.ARRAY_KIND_AT, (4 << 16) | values.KIND_U8],
      [words.word + values.ARRAY_KIND_AT, (4 << 16) | values.KIND_F32],
      [words.word + values.ARRAY_KIND_AT, KIND_VALUE],
      [store + 4, integer(2)],
      [store, 0],
      [k.state + values.VALUES_OPERANDS_AT + 4 * 7, integer(2)],
      [wideStore + 4, values.WIDE_REFERENCE],
      [wideStore + 12, 1],
      [string.word + values.STRING_CODE_POINTS_AT, 3],
      [string.word + values.STRING_TEXT_AT, 0xff],
      [float.word, 1],
    ] as const) {
      const before = k.u32(at)
      k.setU32(at, value)
      expect(k.run('valuesVerify'), `0x${at.toString(16)} = ${value}`).toBe(values.FAULT_VALUE)
      k.setU32(at, before)
      k.verify()
    }
  })
})

/**
 * Goal: every call on strings, numbers, arrays and interned strings answers to whatever words it is given.
 * Method: random calls with values of every kind, values that are gone, words that lead nowhere and sizes that no
 * memory has; the heap is verified now and then. Then what single calls must refuse.
 * A failure means a trap, a write outside of what the call is about, or a call that leaves something behind.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { type Held, isReference, ValuesKernel, type ValuesSetup, valuesSetups } from './values-kernel.js'

const SEEDS = [1, 2]
const ROUNDS = 2000
const { STATUS_TYPE } = values
const { KIND_BYTES, KIND_F64, KIND_U8, KIND_VALUE, KIND_WIDE } = values

/** What is about other things, or says where the heap is. */
const OTHERS = /^(?:attach|detach|create|setShapeLimit|dictionary|propert|shape|valuesVerify|memory)/
/** Calls that answer what their caller owns. */
const OWNED = new Set(
  ['stringNew', 'stringMake', 'stringConcat', 'stringSlice', 'arrayNew', 'arraySlice', 'arrayPop'].concat([
    'intern',
    'internText',
    'floatNew',
    'numberNew',
  ]),
)
/** Where a traced heap takes a word for what it says: it may be any, but no reference to nothing. */
const STORED: Readonly<Record<string, number>> = {
  arraySet: 2,
  arrayPush: 1,
  arrayFill: 3,
  arraySetWide: 2,
  arrayPushWide: 1,
}

/** Which word says where bytes lie; the next one says how many. */
const TEXTS: Readonly<Record<string, number>> = {
  stringNew: 0,
  stringIsValid: 0,
  stringEqualsText: 1,
  internText: 0,
  arrayPushBytes: 1,
}

class Caller {
  readonly #k: ValuesKernel
  readonly #below: (limit: number) => number
  readonly #names: string[]
  readonly #held: Held[] = []
  readonly #gone: number[] = []

  constructor(k: ValuesKernel, below: (limit: number) => number) {
    this.#k = k
    this.#below = below
    this.#names = Object.keys(k.call).filter((name) => typeof k.call[name] === 'function' && !OTHERS.test(name))
    for (let i = 0; i < 30; i++) this.#held.push(this.#make(i))
  }

  #make(choice: number): Held {
    const k = this.#k
    const kinds = [KIND_VALUE, KIND_WIDE, KIND_U8, KIND_F64, KIND_VALUE]
    if (choice % 3) {
      const array = k.hold(
        k.run('arrayNew', choice % 7 ? (kinds[choice % 5] as number) : KIND_BYTES, choice % 7 ? 0 : 12, 3),
      )
      k.run('arrayResize', array.word, choice % 6)
      return array
    }
    return k.hold(choice & 1 ? k.string(`text ${choice % 5}`) : k.run('floatNew', choice / 4))
  }

  /** A value that lives. */
  #live(): number {
    return (this.#held[this.#below(this.#held.length)] as Held).word
  }

  #word(): number {
    const below = this.#below
    const end = this.#k.memory.buffer.byteLength
    const choice = below(10)
    if (choice < 5) return this.#live()
    if (choice === 5) return below(40)
    if (choice === 6 && this.#gone.length && this.#k.isCounted) return this.#gone[below(this.#gone.length)] as number
    const words = [
      0,
      8,
      0xfffffff8,
      0x7ffffff8,
      end + 8,
      end - 8,
      end + 24,
      0xffffffff,
      values.WORD_NULL,
      values.WIDE_REFERENCE,
    ]
    return words[below(words.length)] as number
  }

  call(): string {
    const k = this.#k
    const name = this.#names[this.#below(this.#names.length)] as string
    const words = Array.from({ length: 5 }, () => this.#word())
    const stored = STORED[name]
    if (stored !== undefined && !k.isCounted) for (let i = 0; i < 2; i++) words[stored - i] = this.#live()
    if (name === 'arrayPushMany') {
      words[1] = k.writeWords([3, this.#word(), this.#word()])
      if (!k.isCounted) words[1] = (this.#held[0] as Held).slot
    }
    const text = TEXTS[name]
    if (text !== undefined) this.#choosePlace(words, text)
    // No megabytes.
    if (name === 'arrayNew' || name === 'stringMake')
      words.forEach((word, i) => {
        words[i] = word % 17
      })
    const answer = k.run(name, ...words)
    if (OWNED.has(name) && isReference(answer)) this.#take(answer)
    if (name !== 'arrayAt')
      return `${name}(${words.map((word) => word.toString(16)).join(', ')}) = ${answer.toString(16)}`
    return name
  }

  /** Bytes outside of objects, or of the memory. */
  #choosePlace(words: number[], index: number): void {
    const isOutside = this.#below(4) === 0
    words[index] = isOutside ? this.#k.memory.buffer.byteLength - this.#below(9) : this.#k.scratch + this.#below(500)
    words[index + 1] = isOutside ? 9 + this.#below(2 ** 31) * 2 : this.#below(60)
  }

  #take(answer: number): void {
    const index = this.#below(this.#held.length)
    const old = this.#held[index] as Held
    const made = this.#k.hold(answer)
    if (isReference(old.word)) this.#gone.push(old.word)
    this.#held[index] = made
    old.drop()
  }
}

function runSeed(setup: ValuesSetup, seed: number): void {
  const last: string[] = []
  try {
    const k = new ValuesKernel(setup)
    const caller = new Caller(k, random(Math.imul(seed, 2654435761)))
    for (let round = 0; round < ROUNDS; round++) {
      last.push(caller.call())
      if (last.length > 5) last.shift()
      for (let at = 0; at < 4 * values.VALUES_OPERANDS; at += 4) {
        if (k.stateWord(values.VALUES_OPERANDS_AT + at)) throw new Error(`operand at ${at} is left`)
      }
      if (round % 50 === 0) k.verify()
    }
    k.verify()
  } catch (error) {
    throw new Error(`seed ${seed}, after ${last.join('; ')}: ${(error as Error).message}`, { cause: error })
  }
}

describe('random calls', () => {
  it.each(Object.keys(valuesSetups))('are all answered: %s', (name) => {
    for (const seed of SEEDS) runSeed(valuesSetups[name] ?? {}, seed)
    expect(name).toBeTruthy()
  })
})

describe('references to nothing', () => {
  const { STATUS_NOT_A_BLOCK } = layout

  it('are refused as elements, and nothing changes', () => {
    const k = new ValuesKernel(valuesSetups.counted)
    const words = k.hold(k.run('arrayNew', KIND_VALUE, 0, 4))
    const wides = k.hold(k.run('arrayNew', KIND_WIDE, 0, 4))
    k.expectOk('arrayResize', words.word, 4)
    k.expectOk('arrayResize', wides.word, 4)
    const gone = k.string('gone')
    k.release(gone)
    for (const word of [gone, 8, 24, 0x7ffffff8, 0xfffffff8, k.memory.buffer.byteLength + 8]) {
      const isRefused = (name: string, ...args: number[]) => {
        const status = k.run(name, ...args)
        // One that was, and places where none can be.
        expect([
          name,
          word === gone ? status === STATUS_NOT_A_BLOCK : status > 0 && status !== values.STATUS_COUNT,
        ]).toEqual([name, true])
      }
      isRefused('arraySet', words.word, 0, word)
      isRefused('arrayFill', words.word, 0, 4, word)
      isRefused('arraySetWide', wides.word, 0, word, values.WIDE_REFERENCE)
      isRefused('arrayPushMany', words.word, k.writeWords([1, word]), 2)
      // With room for it, and without.
      for (const room of ['arrayReserve', 'arrayTrim']) {
        k.expectOk(room, words.word, 9)
        k.expectOk(room, wides.word, 9)
        isRefused('arrayPush', words.word, word)
        isRefused('arrayPushWide', wides.word, word, values.WIDE_REFERENCE)
      }
    }
    for (const { word } of [words, wides]) expect(k.run('arrayLength', word)).toBe(4)
    expect(k.run('arrayGet', words.word, 0)).toBe(values.WORD_UNDEFINED)
    k.verify()
  })

  it('are no arrays and no strings any more once they were released', () => {
    for (const release of [false, true]) {
      const k = new ValuesKernel({ mode: 'counted', release })
      const array = k.run('arrayNew', KIND_VALUE, 0, 4)
      const string = k.string('gone')
      const long = k.string('gone'.repeat(20_000))
      k.expectOk('arrayPush', array, 3)
      for (const word of [array, string, long]) k.release(word)
      expect(k.run('arrayPush', array, 5)).toBe(STATUS_TYPE)
      expect([k.run('arrayLength', array), k.status]).toEqual([0, STATUS_TYPE])
      expect([k.run('stringBytes', string), k.status]).toEqual([0, STATUS_TYPE])
      expect([k.run('stringBytes', long), k.status]).toEqual([0, STATUS_TYPE])
      expect([k.run('intern', string), k.status]).toEqual([0, STATUS_TYPE])
      k.verify()
    }
  })
})

describe('property objects', () => {
  it('are none any more once they were released', () => {
    for (const release of [false, true]) {
      const k = new ValuesKernel({ mode: 'counted', release })
      const object = k.run('propertiesNew', 2)
      const key = k.string('key')
      k.expectOk('propertySet', object, key, 3, 0)
      k.release(object)
      expect(k.run('propertySet', object, key, 5, 0)).toBe(STATUS_TYPE)
      expect(k.run('propertyDelete', object, key)).toBe(STATUS_TYPE)
      expect([k.run('propertyGet', object, key, 0), k.status]).toEqual([0, STATUS_TYPE])
      k.release(key)
      k.verify()
    }
  })
})

describe('an array that its own elements alone keep', () => {
  /** Calls that let them go. */
  const calls: Readonly<Record<string, (k: ValuesKernel, array: number) => number>> = {
    arrayResize: (k, array) => k.run('arrayResize', array, 0),
    arrayRemove: (k, array) => k.run('arrayRemove', array, 1, 3),
    arrayFill: (k, array) => k.run('arrayFill', array, 0, 6, 3),
    arrayCopy: (k, array) => k.run('arrayCopy', array, 0, array, 4, 2),
    arraySet: (k, array) => k.run('arraySet', array, 1, 3),
  }

  it.each(Object.keys(calls))('goes when %s has let them go, and nothing else is written', (name) => {
    const kinds = name === 'arrayFill' || name === 'arraySet' ? [KIND_VALUE] : [KIND_VALUE, KIND_WIDE]
    for (const [kind, release] of kinds.flatMap((kind) => [[kind, false] as const, [kind, true] as const])) {
      const k = new ValuesKernel({ mode: 'counted', release })
      const string = k.string('kept by others as well')
      const array = k.run('arrayNew', kind, 0, 6)
      for (const word of [string, array, string, string, string, string]) {
        if (kind === KIND_VALUE) k.expectOk('arrayPush', array, word)
        else k.expectOk('arrayPushWide', array, word, values.WIDE_REFERENCE)
      }
      k.release(array)
      expect(k.kernel.run('refcount', array)).toBe(1)
      expect(calls[name]?.(k, array)).toBe(layout.STATUS_OK)
      expect(k.kernel.run('refcount', array)).toBe(0)
      expect(k.kernel.run('refcount', string)).toBe(1)
      expect(k.leftObjects).toBe(1)
      k.verify()
    }
  })
})

describe.each(['vm', 'embedded'])('a string of an image from another heap: %s', (name) => {
  it('is the same value as a string with its text, and is interned as that', () => {
    const k = new ValuesKernel(valuesSetups[name])
    const text = 'the text of both'
    const string = k.hold(k.string(text))
    const image = k.hold(k.string(text))
    k.run('stringHash', string.word)
    const head = k.u32(image.word - 8)
    k.setU32(image.word + values.STRING_HASH_AT, 12345)
    k.setU32(image.word - 8, head | objects.OBJECT_IMMORTAL)
    expect(k.run('stringEquals', string.word, image.word)).toBe(1)
    expect(k.run('stringHash', image.word)).toBe(k.run('stringHash', string.word))
    const interned = k.hold(k.run('intern', string.word))
    expect(k.run('intern', image.word)).toBe(interned.word)
    expect(k.run('internedCount')).toBe(1)
    k.setU32(image.word + values.STRING_HASH_AT, 0)
    k.setU32(image.word - 8, head)
    k.verify()
  })
})

describe('while a trial of the cycle collector goes on', () => {
  it.each([1, 2, 3, 4, 5, 6, 8, 12])('what is popped after %d steps is its caller’s', (steps) => {
    const k = new ValuesKernel(valuesSetups['counted, unit steps'])
    k.kernel.expectOk('setStress', objects.STRESS_OFF, 0, 0)
    const outer = k.hold(k.run('arrayNew', KIND_VALUE, 0, 2))
    const inner = k.run('arrayNew', KIND_VALUE, 0, 1)
    k.expectOk('arrayPush', outer.word, inner)
    k.release(inner)
    // One reference less: a candidate.
    k.kernel.expectOk('incref', outer.word)
    k.kernel.expectOk('decref', outer.word)
    for (let i = 0; i < steps; i++) k.kernel.run('step', 1)
    expect(k.run('arrayPop', outer.word)).toBe(inner)
    while (k.kernel.run('step', 1) !== values.TRIAL_IDLE) k.verify()
    expect(k.kernel.run('refcount', inner)).toBe(1)
    k.release(inner)
    outer.drop()
    k.collect()
    expect(k.leftObjects).toBe(0)
  })
})

describe('while old objects are marked', () => {
  const { WIDE_INTEGER, WIDE_REFERENCE } = values
  /** Calls that take a string out of element 1. */
  const calls: Readonly<Record<string, readonly (readonly [number, (k: ValuesKernel, array: number) => number])[]>> = {
    set: [
      [KIND_VALUE, (k, array) => k.run('arraySet', array, 1, 3)],
      [KIND_WIDE, (k, array) => k.run('arraySetWide', array, 1, 3, WIDE_INTEGER)],
    ],
    resize: both((k, array) => k.run('arrayResize', array, 1)),
    remove: both((k, array) => k.run('arrayRemove', array, 1, 1)),
    copy: both((k, array) => k.run('arrayCopy', array, 1, array, 0, 1)),
    fill: [[KIND_VALUE, (k, array) => k.run('arrayFill', array, 0, 2, 3)]],
  }

  function both(call: (k: ValuesKernel, array: number) => number) {
    return [
      [KIND_VALUE, call],
      [KIND_WIDE, call],
    ] as const
  }

  it.each(Object.keys(calls))('a string that is read lives on when its element is gone: %s', (name) => {
    for (const [kind, call] of calls[name] ?? []) {
      for (const steps of [1, 2, 3, 5]) {
        const k = new ValuesKernel({ nursery: 32 << 10, policy: objects.POLICY_INCREMENTAL, stepUnits: 1 })
        const array = k.hold(k.run('arrayNew', kind, 0, 3))
        // Much to mark before it.
        const others = Array.from({ length: 50 }, (_, i) => k.hold(k.string(`other ${i}`)))
        for (const text of ['first', 'the one that is read']) {
          const word = k.string(text)
          if (kind === KIND_VALUE) k.expectOk('arrayPush', array.word, word)
          else k.expectOk('arrayPushWide', array.word, word, WIDE_REFERENCE)
        }
        const root = k.share(values.WORD_NULL)
        k.collect()
        k.kernel.setWord(objects.SPACE_ALLOCATED_AT, k.kernel.word(objects.SPACE_BUDGET_AT))
        for (let i = 0; i < steps; i++) k.kernel.run('step', 1)
        expect(k.kernel.word(objects.SPACE_PHASE_AT)).not.toBe(objects.PHASE_IDLE)
        k.setU32(root.slot, k.u32(k.run('arrayAt', array.word, 1)))
        expect(call(k, array.word)).toBe(layout.STATUS_OK)
        k.verify()
        while (k.kernel.word(objects.SPACE_PHASE_AT) !== objects.PHASE_IDLE) k.kernel.run('step', 1)
        k.verify()
        expect(k.text(root.word)).toBe('the one that is read')
        expect(others.length).toBe(50)
      }
    }
  })
})

describe.each(['embedded, moving at every allocation', 'vm, moving at every allocation'])(
  'strings that move: %s',
  (name) => {
    it('are read where they are after the allocation', () => {
      const k = new ValuesKernel(valuesSetups[name])
      const slide = () => {
        // What lies before the string goes: its place is taken by what is made next.
        k.hold(k.string('x'.repeat(200))).drop()
      }
      for (let round = 0; round < 20; round++) {
        const gone = k.hold(k.string('-'.repeat(60 + round)))
        const string = k.hold(k.string('0123456789abcdefghij'.repeat(3)))
        slide()
        gone.drop()
        const slice = k.hold(k.run('stringSlice', string.word, 5, 35))
        expect(k.text(slice.word)).toBe('56789abcdefghij0123456789abcde')
        const before = k.hold(k.string('-'.repeat(90)))
        const other = k.hold(k.string(`other ${round}`))
        before.drop()
        const both = k.hold(k.run('stringConcat', other.word, slice.word))
        expect(k.text(both.word)).toBe(`other ${round}56789abcdefghij0123456789abcde`)
        k.verify()
        for (const held of [string, slice, other, both]) held.drop()
      }
    })
  },
)

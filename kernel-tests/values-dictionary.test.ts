/**
 * Goal: a dictionary is JavaScript's Map, in every world, under stress, and when memory ends.
 * Method: random operations on both with printed seeds; after each so many of them keys, values and their order are
 * compared, and the dictionary's parts are checked for their invariants. Then single promises: the bound on the work of
 * one call, refusals, what is left at the end.
 * A failure means that entries are lost, doubled or out of order, that a refused call changed something, that a call
 * takes longer than it may, or that memory leaks.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { failing, watched } from './failing-kernel.js'
import { type Held, isReference, ValuesKernel, type ValuesSetup, valuesSetups } from './values-kernel.js'

const { KEYS_ANY, KEYS_INTEGER, KEYS_STRING, WORD_NULL, WORD_TRUE, WORD_UNDEFINED } = values
const { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } = layout
const { STATUS_KEY, STATUS_NONE, STATUS_RANGE, STATUS_TYPE } = values
const NOWHERE = 0xffffffff
const KINDS = { any: KEYS_ANY, string: KEYS_STRING, integer: KEYS_INTEGER }

const integer = (value: number) => ((value << 1) | 1) >>> 0

/** What a word stands for: a number, a text, an object by its place in the list of those that are keys. */
type Key = number | string | symbol

/** A dictionary and the Map that it must equal. */
class Twins {
  readonly k: ValuesKernel
  readonly kind: number
  readonly map = new Map<Key, number>()
  readonly held: Held
  readonly below: (n: number) => number
  /** Objects that are keys by their identity, and what the model has for them. */
  readonly #objects: { readonly held: Held; readonly symbol: symbol }[] = []
  /** Requests that found no memory. */
  refused = 0

  constructor(k: ValuesKernel, kind: number, seed: number, capacity = 0) {
    this.k = k
    this.kind = kind
    this.below = random(seed)
    this.held = k.hold(k.run('dictionaryNew', kind, capacity))
    if (kind !== KEYS_ANY) return
    const type = k.kernel.run('typeAdd', 0, 0, objects.SHAPE_LEAF, objects.TRAIL_NONE, 0, 8, 0, 0, 0)
    for (let i = 0; i < 6; i++) {
      this.#objects.push({ held: k.hold(k.kernel.run('objectNew', type, 8)), symbol: Symbol(i) })
    }
  }

  get d(): number {
    return this.held.word
  }

  /** A key by number: the same number is the same key. */
  key(n: number): Key {
    if (this.kind === KEYS_INTEGER) return n * 7919 - 5000
    if (this.kind === KEYS_STRING) return textOf(n)
    const special = [Number.NaN, -0, Number.POSITIVE_INFINITY, 1e300, 5e-324]
    const what = n % 6
    if (what === 0) return textOf(n)
    if (what === 1) return n + 0.5
    if (what === 2) return special[Math.floor(n / 6) % special.length] as number
    if (what === 3) return this.#objects[n % this.#objects.length]?.symbol ?? 0
    return what === 4 ? 2 ** 30 + n : n
  }

  /** The word of a key, owned and held; undefined when out of memory. */
  hold(key: Key): Held | undefined {
    const { k } = this
    const object = this.#objects.find(({ symbol }) => symbol === key)
    if (object) return k.share(object.held.word)
    if (typeof key === 'string') return this.#holdWord(k.string(key))
    // Numbers by either word: as an integer where they are one, or as a float.
    return this.#holdWord(k.run(this.kind === KEYS_ANY && this.below(2) ? 'floatNew' : 'numberNew', key as number))
  }

  #holdWord(word: number): Held | undefined {
    return word ? this.k.hold(word) : undefined
  }

  /** What a word that is a key stands for. */
  keyOf(word: number): Key {
    const object = this.#objects.find(({ held }) => held.word === word)
    if (object) return object.symbol
    if (this.k.run('isNumber', word)) return this.k.number('numberOf', word)
    return this.k.text(word)
  }

  /** A value: an integer; for every fourth number a text; for every seventh an array that refers to the dictionary. */
  holdValue(n: number): Held | undefined {
    if (n % 7 === 0) return this.#holdCycle(n)
    return this.#holdWord(n % 4 ? integer(n) : this.k.string(`value ${n}`))
  }

  #holdCycle(n: number): Held | undefined {
    const held = this.#holdWord(this.k.run('arrayNew', values.KIND_VALUE, 0, 2))
    if (!held) return undefined
    this.k.expectOk('arrayPush', held.word, integer(n))
    this.k.expectOk('arrayPush', held.word, this.d)
    return held
  }

  valueOf(word: number): number {
    if (this.k.run('arrayLength', word)) {
      expect(this.k.run('arrayGet', word, 1)).toBe(this.d)
      return this.valueOf(this.k.run('arrayGet', word, 0))
    }
    return isReference(word) ? Number(this.k.text(word).slice(6)) : (word | 0) >> 1
  }

  /** Call with words that live as long as the call; undefined when there was no memory for them. */
  call(key: Key, use: (key: Held) => number): number | undefined {
    const held = this.hold(key)
    const answer = held && use(held)
    held?.drop()
    if (!held) this.refused++
    return answer
  }

  set(key: Key, n: number): void {
    const status = this.call(key, (held) => {
      const value = this.holdValue(n)
      if (!value) return STATUS_OUT_OF_MEMORY
      const answer = this.k.run('dictionarySet', this.d, held.word, value.word)
      value.drop()
      return answer
    })
    if (status === STATUS_OK) this.map.set(key, n)
    else if (status === STATUS_OUT_OF_MEMORY) this.refused++
    else if (status !== undefined) throw new Error(`dictionarySet: status ${status}`)
  }

  delete(key: Key): void {
    const status = this.call(key, ({ word }) => this.k.run('dictionaryDelete', this.d, word))
    if (status === undefined) return
    expect(status).toBe(this.map.delete(key) ? STATUS_OK : STATUS_NONE)
  }

  take(key: Key): void {
    this.call(key, (held) => {
      const value = this.k.run('dictionaryTake', this.d, held.word)
      expect(value ? this.valueOf(value) : undefined).toBe(this.map.get(key))
      this.k.release(value)
      this.map.delete(key)
      return 0
    })
  }

  get(key: Key): void {
    const expected = this.map.get(key)
    this.call(key, ({ word }) => {
      const value = this.k.run('dictionaryGet', this.d, word)
      expect(value ? this.valueOf(value) : undefined).toBe(expected)
      expect(this.k.run('dictionaryHas', this.d, word)).toBe(this.map.has(key) ? 1 : 0)
      return 0
    })
    if (typeof key !== 'string') return
    const text = new TextEncoder().encode(key)
    const value = this.k.run('dictionaryGetText', this.d, this.k.write(text), text.length)
    expect(value ? this.valueOf(value) : undefined).toBe(expected)
  }

  clear(): void {
    this.k.expectOk('dictionaryClear', this.d)
    this.map.clear()
  }

  /** Keys and values in order. */
  entries(): [Key, number][] {
    const found: [Key, number][] = []
    for (let p = this.next(0); p !== NOWHERE; p = this.next(p + 1)) found.push(this.entry(p))
    return found
  }

  next(position: number): number {
    return this.k.run('dictionaryNext', this.d, position)
  }

  entry(position: number): [Key, number] {
    const key = this.k.run('dictionaryKeyAt', this.d, position)
    return [this.keyOf(key), this.valueOf(this.k.run('dictionaryValueAt', this.d, position))]
  }

  check(): void {
    if (this.k.run('valuesVerify')) throw new Error('the dictionary is not whole')
    expect(this.k.run('dictionaryCount', this.d)).toBe(this.map.size)
    expect(this.entries()).toEqual([...this.map])
  }

  /** Go through both while they change. */
  iterate(range: number): void {
    this.k.expectOk('dictionaryLock', this.d)
    const iterator = this.map[Symbol.iterator]()
    let changes = 30
    for (let p = this.next(0); p !== NOWHERE; p = this.next(p + 1)) {
      expect(this.entry(p)).toEqual(iterator.next().value)
      while (changes > 0 && this.below(3) === 0) {
        changes--
        this.change(range, this.below(40) === 0)
      }
    }
    expect(iterator.next().done).toBe(true)
    this.k.expectOk('dictionaryUnlock', this.d)
  }

  change(range: number, clears: boolean): void {
    const key = this.key(this.below(range))
    if (clears) this.clear()
    else if (this.below(2)) this.set(key, this.below(1000))
    else if (this.below(3)) this.delete(key)
    else this.take(key)
  }

  /** Have room for so many more, or fewer. */
  reserve(more: number): void {
    this.k.expectOk('dictionaryReserve', this.d, Math.max(0, this.map.size + more - 20))
  }

  drop(): void {
    this.held.drop()
    for (const { held } of this.#objects) held.drop()
  }
}

function textOf(n: number): string {
  const long = 'a rather long key, longer than a cache line of sixty-four bytes is '
  return `${['', 'key ', 'ключ ', '🔑', long][n % 5]}${n}`
}

/** Random operations in phases: of growth, of deletion, of both, at the front, over few keys or many. */
function run(twins: Twins, steps: number, range: number): void {
  const { below } = twins
  for (let step = 0; step < steps; ) {
    const phase = below(5)
    const keys = below(3) ? range : 1 + below(range)
    for (let i = below(steps >> 2); i > 0 && step < steps; i--, step++) {
      const key = twins.key(below(keys))
      const first = twins.map.keys().next().value
      if (phase === 0 || (phase === 1 && below(4) === 0)) twins.set(key, below(1000))
      else if (phase === 1 && first !== undefined) twins.delete(below(2) ? first : key)
      else if (phase === 4 && first !== undefined && twins.map.size > 5) {
        twins.take(first)
        twins.set(key, below(1000))
      } else if (below(60) === 0) twins.get(key)
      else twins.change(keys, below(300) === 0)
      twins.get(twins.key(below(range)))
      if (below(50) === 0) twins.check()
      if (below(80) === 0) twins.iterate(keys)
      if (below(60) === 0) twins.reserve(below(200))
    }
  }
  twins.check()
}

function kernelFor(name: string): ValuesKernel {
  return new ValuesKernel(valuesSetups[name] as ValuesSetup)
}

describe('random operations', () => {
  const seeds = [Date.now() % 1e6, 1, 2]
  for (const name of Object.keys(valuesSetups)) {
    test.each(Object.entries(KINDS))(`${name}: keys %s`, (kindName, kind) => {
      const isSlow = /collecting|moving|unit/.test(name)
      for (const seed of seeds.slice(0, isSlow ? 2 : 3)) {
        try {
          const k = kernelFor(name)
          const twins = new Twins(k, kind, Math.imul(seed, 0x9e3779b1), seed % 3 === 0 ? 20 : 0)
          run(twins, isSlow ? 250 : 600, name.startsWith('embedded') ? 70 : 300)
          k.verify()
          twins.drop()
          k.collect()
          expect(k.leftObjects).toBe(0)
        } catch (error) {
          throw new Error(`${name}, ${kindName}, seed ${seed}: ${(error as Error).message}`, { cause: error })
        }
      }
    })
  }
})

describe('many entries', () => {
  for (const name of ['vm', 'runtime', 'server', 'counted', 'embedded']) {
    test(`${name}: directories of segments, indexes that go over into others`, () => {
      const seed = Date.now() % 1e6
      try {
        const isSmall = name === 'embedded'
        const k = kernelFor(name)
        const twins = new Twins(k, KEYS_INTEGER, seed)
        const { below } = twins
        const range = isSmall ? 900 : 6000
        for (let round = 0; round < 4; round++) {
          const many = range >> below(3)
          for (let i = 0; i < many; i++) twins.set(twins.key(below(range)), 1 + 4 * i)
          twins.check()
          twins.iterate(range)
          // At the front, at the end, anywhere.
          const keys = [...twins.map.keys()]
          if (round & 1) keys.reverse()
          if (round & 2) keys.sort((a, b) => ((Number(a) * 31) % 1009) - ((Number(b) * 31) % 1009))
          const deleted = keys.slice(0, keys.length - below(20))
          for (const [i, key] of deleted.entries()) {
            twins.delete(key)
            if (i % 7 === 0) twins.set(twins.key(range + below(range)), 1)
            if (i % 1024 === 0) twins.check()
          }
          twins.check()
        }
        k.verify()
        twins.drop()
        k.collect()
        expect(k.leftObjects).toBe(0)
      } catch (error) {
        throw new Error(`${name}, seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    })
  }

  test('no insertion and no deletion moves more than a segment and its steps', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_INTEGER, 0)
    const below = random(7)
    const most = (1 << values.SEGMENT_SHIFT) + values.DICTIONARY_SLOT_STEPS + values.DICTIONARY_SQUEEZE_STEPS
    const live: number[] = []
    let worst = 0
    let before = 0
    const measured = (name: string, ...args: number[]) => {
      k.expectOk(name, d, ...args)
      const work = k.stateWord(values.VALUES_DICTIONARY_WORK_AT)
      worst = Math.max(worst, work - before)
      before = work
    }
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20_000; i++) measured('dictionarySet', integer(round * 20_000 + i), live.push(i) | 1)
      for (let i = 0; i < 15_000; i++) {
        const key = round * 20_000 + ((i * 7) % 20_000)
        measured('dictionaryDelete', integer(key))
        if (below(3) === 0) measured('dictionarySet', integer(1e6 + round * 20_000 + i), 1)
      }
      expect(k.run('valuesVerify')).toBe(0)
    }
    expect(worst).toBeGreaterThan(values.DICTIONARY_SLOT_STEPS)
    expect(worst).toBeLessThanOrEqual(most)
    // A few times as much as the entries in all.
    expect(before).toBeLessThan(600_000)
    k.release(d)
    expect(k.leftObjects).toBe(0)
  })

  test('what is reserved needs no other index, also where most slots are deleted ones', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_INTEGER, 3000)
    for (let i = 0; i < 3000; i++) k.expectOk('dictionarySet', d, integer(i), WORD_NULL)
    for (let i = 0; i < 2990; i++) k.expectOk('dictionaryDelete', d, integer((i * 7) % 3000))
    expect(k.u32(d + values.DICTIONARY_MARKS_AT) >> 1).toBeGreaterThan(1000)
    k.expectOk('dictionaryReserve', d, 3000)
    const index = k.u32(d + values.DICTIONARY_INDEX_AT)
    for (let i = 0; i < 2990; i++) k.expectOk('dictionarySet', d, integer(5000 + i), WORD_NULL)
    expect(k.u32(d + values.DICTIONARY_INDEX_AT)).toBe(index)
    expect(k.run('valuesVerify')).toBe(0)
    k.release(d)
  })

  test('holes at both ends are passed, also when the entry at the end was not the last to go', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_INTEGER, 0)
    const remove = (from: number, to: number) => {
      for (let i = from; i < to; i++) k.expectOk('dictionaryDelete', d, integer(i))
    }
    const number = (at: number) => k.u32(d + at) >> 1
    for (let i = 0; i < 400; i++) k.expectOk('dictionarySet', d, integer(i), WORD_NULL)
    remove(1, 60)
    remove(0, 1)
    remove(60, 70)
    expect(number(values.DICTIONARY_FIRST_AT)).toBe(70)
    remove(330, 399)
    remove(399, 400)
    remove(320, 330)
    expect(number(values.DICTIONARY_USED_AT)).toBe(320)
    expect(k.run('valuesVerify')).toBe(0)
    k.release(d)
  })

  test.each(['vm', 'embedded', 'counted'])(
    '%s: one that is locked in the middle of a squeeze keeps positions',
    (name) => {
      const k = kernelFor(name)
      const twins = new Twins(k, KEYS_INTEGER, 1)
      for (let i = 0; i < 600; i++) twins.set(twins.key(i), i | 1)
      for (let i = 0; k.u32(twins.d + values.DICTIONARY_TO_AT) >> 1 < 30; i++) if (i % 3) twins.delete(twins.key(i))
      const left = [...twins.map.keys()]
      k.expectOk('dictionaryLock', twins.d)
      const met: Key[] = []
      for (let p = twins.next(0); p !== NOWHERE; p = twins.next(p + 1)) {
        const [key] = twins.entry(p)
        met.push(key)
        twins.delete(key)
      }
      expect(met).toEqual(left)
      k.expectOk('dictionaryUnlock', twins.d)
      twins.check()
    },
  )

  test('one that lost all of its entries while it was locked gives its parts back', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_INTEGER, 0)
    for (let i = 0; i < 3000; i++) k.expectOk('dictionarySet', d, integer(i), WORD_NULL)
    k.expectOk('dictionaryLock', d)
    k.expectOk('dictionaryLock', d)
    for (let i = 0; i < 3000; i++) k.expectOk('dictionaryDelete', d, integer(i))
    k.expectOk('dictionaryUnlock', d)
    expect(k.u32(d + values.DICTIONARY_USED_AT) >> 1).toBe(3000)
    k.expectOk('dictionaryUnlock', d)
    expect(k.leftObjects).toBe(1)
    expect(k.run('valuesVerify')).toBe(0)
    k.release(d)
  })

  test('a value that is taken at any moment of a trial belongs to the program', () => {
    let interrupted = 0
    for (let steps = 0; steps < 40; steps++) {
      const k = kernelFor('counted')
      const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
      const value = k.run('arrayNew', values.KIND_VALUE, 0, 1)
      k.expectOk('arrayPush', value, integer(steps))
      k.expectOk('dictionarySet', held.word, integer(1), value)
      // Both lose a reference and are there still: the trial looks at them.
      k.release(value)
      k.share(held.word).drop()
      for (let i = 0; i < steps; i++) k.kernel.run('step', 1)
      if (k.kernel.word(values.SPACE_TRIAL_PHASE_AT) !== values.TRIAL_IDLE) interrupted++
      const taken = k.run('dictionaryTake', held.word, integer(1))
      k.collect()
      expect(k.kernel.run('refcount', taken), `after ${steps} steps`).toBe(1)
      expect(k.run('arrayGet', taken, 0)).toBe(integer(steps))
      k.release(taken)
      held.drop()
      expect(k.leftObjects).toBe(0)
    }
    expect(interrupted).toBeGreaterThan(5)
  })

  test('what clearing releases may keep the dictionary itself', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_INTEGER, 0)
    for (let i = 0; i < 700; i++) k.expectOk('dictionarySet', d, integer(i), WORD_NULL)
    const array = k.run('arrayNew', values.KIND_VALUE, 0, 1)
    k.expectOk('arrayPush', array, d)
    k.expectOk('dictionarySet', d, integer(1000), array)
    k.release(array)
    k.release(d)
    const { kernel, refused } = watched(k)
    kernel.expectOk('dictionaryClear', d)
    // Nobody stores into an object that has gone.
    expect(refused()).toBe(0)
    expect(k.leftObjects).toBe(0)
  })

  test('a queue of a few entries stays small', () => {
    const k = kernelFor('embedded')
    const twins = new Twins(k, KEYS_INTEGER, 1)
    for (let i = 0; i < 5000; i++) {
      twins.set(i, i | 1)
      if (i >= 10) twins.delete(i - 10)
    }
    expect(twins.entries().length).toBe(10)
    expect(k.u32(twins.d + values.DICTIONARY_USED_AT) >> 1).toBeLessThan(64)
    expect(k.u32(twins.d + values.DICTIONARY_DIRECTORY_AT)).toBe(0)
  })

  test.each(['vm', 'counted'])('%s: an index is short again when most entries have gone', (name) => {
    const k = kernelFor(name)
    const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
    const slots = () => {
      const bytes = k.u32(k.u32(held.word + values.DICTIONARY_INDEX_AT) - 4)
      return bytes & (bytes - 1) ? (bytes / 4 - 1) << values.INDEX_PART_SHIFT : bytes / 4
    }
    const below = random(11)
    for (let i = 0; i < 20_000; i++) k.expectOk('dictionarySet', held.word, integer(i), integer(i))
    expect(slots()).toBe(32_768)
    const keys = Array.from({ length: 20_000 }, (_unused, i) => ({ i, rank: below(1e6) }))
    const order = keys.sort((a, b) => a.rank - b.rank).map(({ i }) => i)
    for (const i of order.slice(0, 19_950)) k.expectOk('dictionaryDelete', held.word, integer(i))
    for (let i = 0; i < 1500; i++) {
      k.expectOk('dictionarySet', held.word, integer(50_000), integer(i))
      k.expectOk('dictionaryDelete', held.word, integer(50_000))
    }
    expect(slots()).toBeLessThanOrEqual(2048)
    expect(k.u32(held.word + values.DICTIONARY_OLD_INDEX_AT)).toBe(0)
    k.verify()
    for (const i of order.slice(19_950)) expect(k.run('dictionaryGet', held.word, integer(i))).toBe(integer(i))
    held.drop()
    expect(k.leftObjects).toBe(0)
  })

  test('entries are found across the border of a part of the old index that has gone', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_INTEGER, 0)
    const number = (at: number) => k.u32(d + at) >> 1
    let borders = 0
    for (let i = 0; i < 7000; i++) {
      k.expectOk('dictionarySet', d, integer(i), integer(i))
      const isLong = k.u32(d + values.DICTIONARY_OLD_INDEX_AT) !== 0 && i > (values.INDEX_FLAT_SLOTS >> 2) * 4
      if (!isLong || number(values.DICTIONARY_MOVED_AT) % (1 << values.INDEX_PART_SHIFT)) continue
      borders++
      for (let j = 0; j <= i; j++) expect(k.run('dictionaryGet', d, integer(j))).toBe(integer(j))
    }
    expect(borders).toBeGreaterThan(5)
    k.release(d)
  })

  test('what is reserved needs no other index', () => {
    for (const name of ['vm', 'counted']) {
      const k = kernelFor(name)
      const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 3000))
      const index = k.u32(held.word + values.DICTIONARY_INDEX_AT)
      for (let i = 0; i < 3000; i++) k.expectOk('dictionarySet', held.word, integer(i), WORD_NULL)
      expect(k.u32(held.word + values.DICTIONARY_INDEX_AT)).toBe(index)
      k.expectOk('dictionaryReserve', held.word, 100)
      expect(k.u32(held.word + values.DICTIONARY_INDEX_AT)).toBe(index)
      k.expectOk('dictionaryReserve', held.word, 9000)
      expect(k.run('valuesVerify')).toBe(0)
      for (let i = 0; i < 3000; i++) expect(k.run('dictionaryGet', held.word, integer(i))).toBe(WORD_NULL)
      held.drop()
      expect(k.leftObjects).toBe(0)
    }
  })
})

describe('room that is reserved', () => {
  /** How a dictionary of integers may be before. Answers a key that it does not have. */
  const STATES: Readonly<Record<string, (k: ValuesKernel, held: Held) => number>> = {
    empty: () => 0,
    'of few': (k, held) => fill(k, held, 0, 5),
    'of many': (k, held) => fill(k, held, 0, 700),
    'with holes': (k, held) => {
      fill(k, held, 0, 700)
      for (let i = 0; i < 700; i++) if (i % 3) k.expectOk('dictionaryDelete', held.word, integer(i))
      return 700
    },
    'while holes are closed': (k, held) => {
      fill(k, held, 0, 900)
      for (let i = 0; i < 500; i++) k.expectOk('dictionaryDelete', held.word, integer((i * 7) % 900))
      return 900
    },
    'with holes to be closed': (k, held) => {
      fill(k, held, 0, 700)
      k.expectOk('dictionaryLock', held.word)
      for (let i = 1; i < 690; i++) k.expectOk('dictionaryDelete', held.word, integer(i))
      k.expectOk('dictionaryUnlock', held.word)
      return 700
    },
    'locked and cleared': (k, held) => {
      fill(k, held, 0, 512)
      k.expectOk('dictionaryLock', held.word)
      k.expectOk('dictionaryClear', held.word)
      return 512
    },
  }

  function fill(k: ValuesKernel, held: Held, from: number, to: number): number {
    for (let i = from; i < to; i++) k.expectOk('dictionarySet', held.word, integer(i), integer(i))
    return to
  }

  /** Insert up to `count` entries; all that needs memory fails. */
  function fillWithout(k: ValuesKernel, held: Held, first: number, count: number): void {
    const { kernel, fail } = failing(k)
    fail(1)
    for (let i = first; k.run('dictionaryCount', held.word) < count; i++) {
      expect(kernel.run('dictionarySet', held.word, integer(i), integer(i))).toBe(STATUS_OK)
    }
    fail(0)
    expect(k.run('valuesVerify')).toBe(0)
  }

  // Under stress nothing is allocated but by the kernel, which can be made to fail.
  const STRESSED = Object.keys(valuesSetups).filter((name) => name.endsWith('at every allocation'))
  for (const name of ['server', 'counted', ...STRESSED]) {
    test.each(Object.entries(STATES))(`${name}: insertions need no memory, %s`, (_state, prepare) => {
      for (const capacity of [
        1,
        4,
        8,
        9,
        64,
        65,
        300,
        512,
        513,
        1025,
        ...(name.startsWith('embedded') ? [] : [3000, 5000]),
      ]) {
        const k = kernelFor(name)
        const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
        const first = prepare(k, held)
        k.expectOk('dictionaryReserve', held.word, capacity)
        expect(k.run('valuesVerify')).toBe(0)
        fillWithout(k, held, first, capacity)
        fill(k, held, 10_000, 10_050)
        expect(k.run('valuesVerify')).toBe(0)
        held.drop()
        expect(k.leftObjects).toBe(0)
      }
    })

    test(`${name}: a new one has it from the beginning, and loses it when it is cleared`, () => {
      const k = kernelFor(name)
      const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 2000))
      fillWithout(k, held, 0, 2000)
      k.expectOk('dictionaryReserve', held.word, 3000)
      k.expectOk('dictionaryClear', held.word)
      expect(k.run('valuesVerify')).toBe(0)
      k.collect()
      expect(k.leftObjects).toBe(1)
      k.expectOk('dictionaryReserve', held.word, 900)
      fillWithout(k, held, 0, 900)
    })
  }

  for (const [state, prepare] of Object.entries(STATES)) {
    test(`a request that fails anywhere leaves nothing behind, and what was reserved before: ${state}`, () => {
      const k = kernelFor('counted')
      const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
      const first = prepare(k, held)
      k.expectOk('dictionaryReserve', held.word, 1000)
      const { kernel, fail } = failing(k)
      const entries = () => k.run('dictionaryCount', held.word)
      const [objectsBefore, entriesBefore] = [k.leftObjects, entries()]
      let failures = 0
      for (let at = 1; at <= 30; at++) {
        fail(at)
        expect(kernel.run('dictionaryReserve', held.word, 9000)).toBe(STATUS_OUT_OF_MEMORY)
        fail(0)
        expect([k.leftObjects, entries()]).toEqual([objectsBefore, entriesBefore])
        expect(k.run('valuesVerify')).toBe(0)
        failures++
      }
      expect(failures).toBe(30)
      fillWithout(k, held, first, 1000)
      held.drop()
      expect(k.leftObjects).toBe(0)
    })
  }
})

describe('one of many entries that is cleared while it is locked', () => {
  /** Its positions go on behind those that it had. */
  const cleared = (name: string) => {
    const k = kernelFor(name)
    const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
    for (let i = 0; i < 3000; i++) k.expectOk('dictionarySet', held.word, integer(i), integer(i))
    k.expectOk('dictionaryLock', held.word)
    k.expectOk('dictionaryClear', held.word)
    return { k, held }
  }

  for (const name of ['vm', 'embedded', 'counted']) {
    test(`${name}: is whole when room is reserved`, () => {
      const { k, held } = cleared(name)
      k.expectOk('dictionaryReserve', held.word, 700)
      expect(k.run('valuesVerify')).toBe(0)
      for (let i = 0; i < 700; i++) k.expectOk('dictionarySet', held.word, integer(i), integer(i))
      expect(k.run('dictionaryNext', held.word, 0)).toBe(3000)
      expect(k.run('valuesVerify')).toBe(0)
      k.expectOk('dictionaryUnlock', held.word)
      for (let i = 0; i < 700; i++) k.expectOk('dictionaryDelete', held.word, integer(i))
      held.drop()
      expect(k.leftObjects).toBe(0)
    })

    test(`${name}: is whole when the next entry finds no memory`, () => {
      const { k, held } = cleared(name)
      const { kernel, fail } = failing(k)
      for (let at = 1, status = STATUS_OUT_OF_MEMORY; status; at++) {
        fail(at)
        status = kernel.run('dictionarySet', held.word, integer(1), integer(1))
        fail(0)
        expect(k.run('valuesVerify')).toBe(0)
      }
      expect(k.run('dictionaryKeyAt', held.word, 3000)).toBe(integer(1))
    })
  }
})

describe('when memory ends', () => {
  for (const name of ['vm, collecting at every allocation', 'embedded, moving at every allocation', 'counted']) {
    test.each(Object.entries(KINDS))(
      `${name}: a request that fails anywhere changes nothing, keys %s`,
      (_name, kind) => {
        const k = new ValuesKernel({ ...valuesSetups[name], ...(name.startsWith('vm') && { stress: [1, 1] }) })
        const twins = new Twins(k, kind, 3)
        const { kernel, fail } = failing(k)
        let failures = 0
        for (let i = 0; i < 200; i++) {
          const key = twins.hold(twins.key(i)) as Held
          let status = STATUS_OUT_OF_MEMORY
          for (let at = 1; status === STATUS_OUT_OF_MEMORY; at++) {
            fail(at)
            status = kernel.run('dictionarySet', twins.d, key.word, integer(i))
            fail(0)
            if (status === STATUS_OUT_OF_MEMORY) {
              expect(kernel.status).toBe(STATUS_OUT_OF_MEMORY)
              failures++
              if (failures % 4 === 0) twins.check()
            }
          }
          expect(status).toBe(STATUS_OK)
          key.drop()
          twins.map.set(twins.key(i), i)
          twins.check()
          if (i % 3 === 0) twins.delete(twins.key(i >> 1))
        }
        expect(failures).toBeGreaterThan(9)
        for (const call of ['dictionaryReserve', 'dictionaryNew']) {
          // A status of 0, or an answer that is not 0, is a success.
          let at = 1
          for (let isDone = false; !isDone; at++) {
            fail(at)
            const isNew = call === 'dictionaryNew'
            const answer = isNew ? kernel.run(call, kind, 600) : kernel.run(call, twins.d, 600)
            fail(0)
            isDone = (answer !== 0) === isNew
            if (!isDone) expect(kernel.status).toBe(STATUS_OUT_OF_MEMORY)
            else if (isNew) k.release(answer)
            twins.check()
          }
          expect(at).toBeGreaterThan(2)
        }
        twins.drop()
        expect(k.leftObjects).toBe(0)
      },
    )
  }

  for (const name of ['vm, moving at every allocation', 'counted']) {
    test(`${name}: while a long index gets its parts`, () => {
      const k = kernelFor(name)
      const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
      const { kernel, fail } = failing(k)
      let failures = 0
      const most = values.INDEX_FLAT_SLOTS
      for (let i = 0; i < most; i++) {
        const isNear = i > (most >> 2) * 3 - 3
        for (let at = 1; ; at++) {
          if (isNear) fail(at)
          const status = kernel.run('dictionarySet', held.word, integer(i), integer(i))
          fail(0)
          if (status === STATUS_OK) break
          expect(status).toBe(STATUS_OUT_OF_MEMORY)
          expect(k.run('dictionaryCount', held.word)).toBe(i)
          failures++
        }
        if (isNear && i % 64 === 0) expect(k.run('valuesVerify')).toBe(0)
      }
      expect(failures).toBeGreaterThan(8)
      for (let i = 0; i < most; i++) expect(k.run('dictionaryGet', held.word, integer(i))).toBe(integer(i))
      held.drop()
      expect(k.leftObjects).toBe(0)
    })
  }

  test('an object as a key: garbage makes room for the table of identity hashes', () => {
    const k = new ValuesKernel({ limit: 1 << 20, policy: objects.POLICY_EVACUATE })
    const type = k.kernel.run('typeAdd', 0, 0, objects.SHAPE_LEAF, objects.TRAIL_BYTES, 0, 8, 0, 1, 0)
    const held = k.hold(k.run('dictionaryNew', KEYS_ANY, 300))
    const keys = Array.from({ length: 129 }, () => k.hold(k.kernel.run('objectNew', type, 8)))
    const last = keys.pop() as Held
    for (const key of keys) k.expectOk('dictionarySet', held.word, key.word, WORD_NULL)
    // The table is full, and so is the memory: with nothing but garbage, which the budget lets be.
    const collections = k.kernel.word(objects.SPACE_COLLECTIONS_AT)
    const makeGarbage = () => {
      k.kernel.setWord(objects.SPACE_BUDGET_AT, 0x7fffffff)
      k.kernel.run('objectNew', type, 100)
    }
    let made = 0
    for (; k.kernel.word(objects.SPACE_COLLECTIONS_AT) === collections; made++) makeGarbage()
    for (let i = 20; i < made; i++) makeGarbage()
    k.expectOk('dictionarySet', held.word, last.word, WORD_TRUE)
    expect(k.run('dictionaryGet', held.word, last.word)).toBe(WORD_TRUE)
    for (const key of keys) expect(k.run('dictionaryGet', held.word, key.word)).toBe(WORD_NULL)
    k.verify()
  })

  test('in a buffer that is nearly full', () => {
    for (const limit of [3500, 4200, 6000]) {
      const k = new ValuesKernel({ mode: 'embedded', limit })
      const twins = new Twins(k, KEYS_STRING, limit)
      for (let i = 0; i < 1500; i++) {
        twins.change(300, i % 500 === 499)
        if (i % 10 === 0) twins.check()
      }
      expect(twins.refused).toBeGreaterThan(10)
      twins.drop()
      k.collect()
      expect(k.leftObjects).toBe(0)
    }
  })

  test('a count that can go no higher', () => {
    const k = kernelFor('counted')
    const d = k.run('dictionaryNew', KEYS_ANY, 0)
    const [key, value] = [k.string('key'), k.string('value')]
    for (const full of [key, value]) {
      const at = full - values.COUNTED_COUNT_BELOW
      k.setU32(at, (values.COUNT_MAX << values.COUNT_SHIFT) >>> 0)
      expect(k.run('dictionarySet', d, key, value)).toBe(values.STATUS_COUNT)
      expect(k.run('dictionaryCount', d)).toBe(0)
      k.setU32(at, values.COUNT_ONE)
    }
    k.expectOk('dictionarySet', d, key, WORD_NULL)
    k.setU32(value - values.COUNTED_COUNT_BELOW, (values.COUNT_MAX << values.COUNT_SHIFT) >>> 0)
    expect(k.run('dictionarySet', d, key, value)).toBe(values.STATUS_COUNT)
    expect(k.run('dictionarySetAt', d, 0, value)).toBe(values.STATUS_COUNT)
    expect(k.run('dictionaryGet', d, key)).toBe(WORD_NULL)
    k.setU32(value - values.COUNTED_COUNT_BELOW, values.COUNT_ONE)
    for (const word of [d, key, value]) k.release(word)
    expect(k.leftObjects).toBe(0)
  })
})

describe('refusals change nothing', () => {
  const ALL = [
    'Count',
    'Kind',
    'Get',
    'Has',
    'Set',
    'Delete',
    'Take',
    'Clear',
    'KeyAt',
    'ValueAt',
    'SetAt',
    'Lock',
    'Unlock',
    'Reserve',
  ]

  test('what is no dictionary', () => {
    for (const name of ['vm', 'embedded', 'counted']) {
      const k = kernelFor(name)
      const string = k.hold(k.string('no dictionary'))
      for (const word of [0, 1, WORD_UNDEFINED, 0xfffffff8, 0x7ffffff8, 8, 24, string.word]) {
        for (const call of ALL) {
          const answer = k.run(`dictionary${call}`, word, integer(1), integer(2))
          expect([call, k.status], `${name}, ${word}`).toEqual([call, STATUS_TYPE])
          expect([0, STATUS_TYPE]).toContain(answer)
          k.setU32(k.state + values.VALUES_STATUS_AT, 0)
        }
        expect(k.run('dictionaryNext', word, 0)).toBe(NOWHERE)
        expect(k.run('dictionaryGetText', word, k.scratch, 1)).toBe(0)
      }
    }
  })

  test('keys of another kind, values that are nothing, positions without an entry', () => {
    const k = kernelFor('vm')
    const string = k.hold(k.string('text'))
    const float = k.hold(k.run('floatNew', 1))
    const dictionaries = [KEYS_ANY, KEYS_STRING, KEYS_INTEGER].map((kind) => k.hold(k.run('dictionaryNew', kind, 0)))
    const bad = [
      [0, 0xfffffff8],
      [0, integer(1), WORD_NULL, float.word, 0xfffffff8],
      [0, WORD_NULL, string.word, float.word, 0xfffffff8],
    ]
    dictionaries.forEach((held, kind) => {
      expect(k.run('dictionaryKind', held.word)).toBe(kind)
      for (const key of bad[kind] as number[]) {
        expect(k.run('dictionarySet', held.word, key, WORD_NULL)).toBe(STATUS_KEY)
        expect(k.run('dictionaryDelete', held.word, key)).toBe(STATUS_KEY)
        for (const call of ['Get', 'Has', 'Take']) {
          expect(k.run(`dictionary${call}`, held.word, key)).toBe(0)
          expect(k.status).toBe(STATUS_KEY)
        }
      }
      const key = kind === KEYS_STRING ? string.word : integer(5)
      expect(k.run('dictionarySet', held.word, key, 0)).toBe(STATUS_BAD_ARGUMENT)
      expect(k.run('dictionaryCount', held.word)).toBe(0)
      expect(k.run('dictionarySetAt', held.word, 0, WORD_NULL)).toBe(STATUS_RANGE)
      k.expectOk('dictionarySet', held.word, key, WORD_NULL)
      expect(k.run('dictionarySetAt', held.word, 0, 0)).toBe(STATUS_BAD_ARGUMENT)
      k.expectOk('dictionarySetAt', held.word, 0, WORD_UNDEFINED)
      expect(k.run('dictionaryGet', held.word, key)).toBe(WORD_UNDEFINED)
      expect(k.run('dictionaryUnlock', held.word)).toBe(STATUS_BAD_ARGUMENT)
      k.expectOk('dictionaryLock', held.word)
      k.expectOk('dictionaryDelete', held.word, key)
      expect(k.run('dictionaryDelete', held.word, key)).toBe(STATUS_NONE)
      expect(k.run('dictionaryKeyAt', held.word, 0)).toBe(0)
      expect(k.status).toBe(STATUS_NONE)
      expect(k.run('dictionaryValueAt', held.word, 77)).toBe(0)
      expect(k.status).toBe(STATUS_RANGE)
    })
    expect(k.run('dictionaryNew', 3, 0)).toBe(0)
    expect(k.status).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('dictionaryNew', 0, 0xffffffff)).toBe(0)
    expect(k.status).toBe(STATUS_OUT_OF_MEMORY)
    expect(k.run('dictionaryGetText', (dictionaries[1] as Held).word, 0xfffffff0, 100)).toBe(0)
    expect(k.status).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('dictionaryGetText', (dictionaries[2] as Held).word, k.scratch, 1)).toBe(0)
    expect(k.status).toBe(STATUS_KEY)
    k.verify()
  })
})

test.each(['vm', 'embedded', 'counted'])('%s: one that is part of an image is read, and never written', (name) => {
  const k = kernelFor(name)
  const held = k.hold(k.run('dictionaryNew', KEYS_INTEGER, 0))
  for (let i = 0; i < 20; i++) k.expectOk('dictionarySet', held.word, integer(i), integer(i + 1))
  const head = k.u32(held.word - 8)
  k.setU32(held.word - 8, head | objects.OBJECT_IMMORTAL)
  const words = () => Array.from({ length: 13 }, (_unused, i) => k.u32(held.word + 4 * i))
  const before = words()
  for (const [call, ...args] of [
    ['dictionarySet', integer(1), WORD_NULL],
    ['dictionarySet', integer(99), WORD_NULL],
    ['dictionarySetAt', 0, WORD_NULL],
    ['dictionaryDelete', integer(1)],
    ['dictionaryClear'],
    ['dictionaryReserve', 100],
  ] as const) {
    expect([call, k.run(call, held.word, ...args)]).toEqual([call, STATUS_BAD_ARGUMENT])
  }
  expect([k.run('dictionaryTake', held.word, integer(1)), k.status]).toEqual([0, STATUS_BAD_ARGUMENT])
  // Its positions stay as they are anyway.
  k.expectOk('dictionaryLock', held.word)
  k.expectOk('dictionaryUnlock', held.word)
  expect(words()).toEqual(before)
  expect(k.run('dictionaryGet', held.word, integer(7))).toBe(integer(8))
  k.setU32(held.word - 8, head)
  k.verify()
})

test('the check finds what is wrong', () => {
  const k = kernelFor('counted')
  const d = k.run('dictionaryNew', KEYS_INTEGER, 0)
  for (let i = 0; i < 30; i++) k.expectOk('dictionarySet', d, integer(i), integer(i))
  for (let i = 0; i < 5; i++) k.expectOk('dictionaryDelete', d, integer(i * 2))
  const [segment, index] = [k.u32(d + values.DICTIONARY_SEGMENT_AT), k.u32(d + values.DICTIONARY_INDEX_AT)]
  const entry = (position: number) => segment + values.SEGMENT_ENTRIES_AT + position * values.DICTIONARY_ENTRY_BYTES
  const slots = Array.from({ length: 64 }, (_unused, i) => index + 4 * i).filter((at) => k.u32(at) > 1)
  const places = [
    ...[values.DICTIONARY_COUNT_AT, values.DICTIONARY_USED_AT, values.DICTIONARY_MARKS_AT].map((at) => d + at),
    ...[values.DICTIONARY_FIRST_AT, values.DICTIONARY_FROM_AT, values.DICTIONARY_DIRECTORY_AT].map((at) => d + at),
    ...[segment, entry(0) + 4, entry(7), entry(7) + values.ENTRY_HASH_AT, entry(30), entry(31) + values.ENTRY_HASH_AT],
    ...slots.slice(0, 3),
  ]
  expect(k.run('valuesVerify')).toBe(0)
  for (const at of places) {
    const good = k.u32(at)
    for (const bad of [integer(7), integer(0x3ffffff), good ? 0 : 2]) {
      if (bad === good) continue
      k.setU32(at, bad)
      expect(k.run('valuesVerify'), `${at - d} ${bad}`).toBe(values.FAULT_VALUE)
    }
    k.setU32(at, good)
    expect(k.run('valuesVerify')).toBe(0)
  }
})

/**
 * Goal: a property object is JavaScript's plain object, whatever it is made of inside: shapes, inline slots, further
 * slots, a dictionary; and an inline cache never changes an answer.
 * Method: random operations on objects that share shapes and on plain objects, with printed seeds, each key with a
 * cache of its own in half of the calls; `Reflect.ownKeys` says the order. Then single promises: shared shapes, shapes
 * that die, the limit, caches, refusals, memory that ends.
 * A failure means that a property is lost, found in another object's slot, or out of order; or that shapes leak.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { failing } from './failing-kernel.js'
import { type Held, isReference, ValuesKernel, type ValuesSetup, valuesSetups } from './values-kernel.js'

const { WORD_NULL, WORD_TRUE, WORD_UNDEFINED, CACHE_BYTES } = values
const { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } = layout
const { STATUS_KEY, STATUS_NONE, STATUS_RANGE, STATUS_TYPE } = values
const NOWHERE = 0xffffffff

const integer = (value: number) => ((value << 1) | 1) >>> 0

function kernelFor(name: string): ValuesKernel {
  return new ValuesKernel(valuesSetups[name] as ValuesSetup)
}

/** Keys by number: of each sort some; the same number is the same key. */
class Keys {
  readonly k: ValuesKernel
  readonly symbols: { readonly held: Held; readonly symbol: symbol }[] = []
  /** Address of the cache of a key. */
  readonly #caches: number
  #turn = 0

  constructor(k: ValuesKernel) {
    this.k = k
    this.#caches = k.scratch + k.scratchBytes - 600 * CACHE_BYTES
    const type = k.kernel.run('typeAdd', 0, 0, objects.SHAPE_LEAF, objects.TRAIL_NONE, 0, 8, 0, 0, 0)
    for (let i = 0; i < 3; i++) {
      this.symbols.push({ held: k.hold(k.kernel.run('objectNew', type, 8)), symbol: Symbol(i) })
    }
  }

  key(n: number): string | number | symbol {
    if (n % 20 === 7) return this.symbols[n % 3]?.symbol ?? ''
    if (n >= 200 && n % 40 === 9) return (n * 7919) % 1000
    return n % 11 ? `name${n}` : `${'имя'.repeat(n % 5)}${n}x`
  }

  cache(n: number): number {
    return this.#caches + n * CACHE_BYTES
  }

  /** The word of a key, held: an interned string or not. */
  hold(key: string | number | symbol, interns = true): Held {
    const symbol = this.symbols.find((each) => each.symbol === key)
    if (symbol) return this.k.share(symbol.held.word)
    // An integer, or its text.
    if (typeof key === 'number' && this.#turn++ % 3 === 0) return this.k.hold(integer(key))
    const text = new TextEncoder().encode(`${key as string | number}`)
    const at = this.k.write(text)
    return this.k.hold(this.k.run(interns ? 'internText' : 'stringNew', at, text.length))
  }

  keyOf(word: number): string | number | symbol {
    const symbol = this.symbols.find(({ held }) => held.word === word)
    if (symbol) return symbol.symbol
    return isReference(word) ? this.k.text(word) : (word | 0) >> 1
  }

  drop(): void {
    for (const { held } of this.symbols) held.drop()
  }
}

/** A property object and the plain object that it must equal. */
class Twins {
  readonly keys: Keys
  readonly k: ValuesKernel
  readonly held: Held
  /** In order of insertion. */
  readonly map = new Map<string | number | symbol, number>()
  readonly below: (n: number) => number
  isDictionary = false

  constructor(keys: Keys, slots: number, below: (n: number) => number) {
    this.keys = keys
    this.k = keys.k
    this.below = below
    this.held = this.k.hold(this.k.run('propertiesNew', slots))
  }

  get o(): number {
    return this.held.word
  }

  /** Call with a key's word and a cache, or none. */
  call(n: number, use: (key: Held, cache: number) => number): number {
    const key = this.keys.hold(this.keys.key(n), this.below(4) > 0)
    const answer = use(key, this.below(2) ? this.keys.cache(n) : 0)
    key.drop()
    return answer
  }

  set(n: number, value: number): void {
    const key = this.keys.key(n)
    this.call(n, (held, cache) => {
      const word = value % 7 ? this.hold(value) : this.holdCycle(value)
      this.k.expectOk('propertySet', this.o, held.word, word.word, cache)
      word.drop()
      return 0
    })
    const count = this.map.size
    if (!this.map.has(key) && (typeof key === 'number' || count === values.SHAPE_PROPERTIES_MAX))
      this.isDictionary = true
    this.map.set(key, value)
  }

  get(n: number): void {
    const expected = this.map.get(this.keys.key(n))
    this.call(n, ({ word }, cache) => {
      const value = this.k.run('propertyGet', this.o, word, cache)
      expect(value ? this.valueOf(value) : undefined).toBe(expected)
      if (!value) expect(this.k.status).toBe(STATUS_NONE)
      expect(this.k.run('propertyHas', this.o, word)).toBe(expected === undefined ? 0 : 1)
      return 0
    })
  }

  delete(n: number): void {
    const key = this.keys.key(n)
    const isLast = [...this.map.keys()].at(-1) === key
    const status = this.call(n, ({ word }) => this.k.run('propertyDelete', this.o, word))
    if (this.map.has(key) && !isLast) this.isDictionary = true
    expect(status).toBe(this.map.delete(key) ? STATUS_OK : STATUS_NONE)
  }

  hold(value: number): Held {
    return this.k.hold(value % 4 ? integer(value) : this.k.string(`value ${value}`))
  }

  /** A value that refers to the object. */
  holdCycle(value: number): Held {
    const held = this.k.hold(this.k.run('arrayNew', values.KIND_VALUE, 0, 2))
    this.k.expectOk('arrayPush', held.word, integer(value))
    this.k.expectOk('arrayPush', held.word, this.o)
    return held
  }

  valueOf(word: number): number {
    if (this.k.run('arrayLength', word)) {
      expect(this.k.run('arrayGet', word, 1)).toBe(this.o)
      return this.valueOf(this.k.run('arrayGet', word, 0))
    }
    return isReference(word) ? Number(this.k.text(word).slice(6)) : (word | 0) >> 1
  }

  check(): void {
    const { k, map } = this
    if (k.run('valuesVerify')) throw new Error('an object or a shape is not whole')
    expect(k.run('propertyCount', this.o)).toBe(map.size)
    expect(k.run('propertiesIsDictionary', this.o)).toBe(this.isDictionary ? 1 : 0)
    const found: [string | number | symbol, number][] = []
    for (let p = this.next(0); p !== NOWHERE; p = this.next(p + 1)) {
      const key = this.keys.keyOf(k.run('propertyKeyAt', this.o, p))
      found.push([key, this.valueOf(k.run('propertyValueAt', this.o, p))])
    }
    expect(found).toEqual([...map])
    const array = k.run('propertyKeys', this.o)
    const own = Reflect.ownKeys(Object.fromEntries(map))
    const order = Array.from({ length: map.size }, (_unused, i) => this.keys.keyOf(k.run('arrayGet', array, i)))
    k.release(array)
    expect(order.map((key) => (typeof key === 'number' ? `${key}` : key))).toEqual(own)
  }

  next(position: number): number {
    return this.k.run('propertyNext', this.o, position)
  }
}

describe('random operations', () => {
  const seeds = [Date.now() % 1e6, 1]
  for (const name of Object.keys(valuesSetups)) {
    test(name, () => {
      for (const seed of seeds) {
        try {
          const k = kernelFor(name)
          const keys = new Keys(k)
          const below = random(Math.imul(seed, 0x9e3779b1))
          let twins: Twins[] = []
          for (let round = 0; round < (name.startsWith('embedded') ? 6 : 12); round++) {
            twins.push(new Twins(keys, [0, 2, 4, 4, 9][below(5)] as number, below))
            // Some rounds add in the same order to all, some anything to anyone.
            const start = below(60)
            const range = below(3) ? 30 : 300
            for (let i = 0; i < 40; i++) {
              const one = twins[below(twins.length)] as Twins
              if (round % 3 === 0) for (const each of twins) each.set(start + i, below(1000))
              else if (below(3)) one.set(below(range), below(1000))
              else if (below(2)) one.get(below(range))
              else if (below(3) === 0) one.delete(below(range))
              else one.get(start + i)
              if (round % 3 === 0 && below(4) === 0) for (const each of twins) each.delete(start + i)
            }
            for (const each of twins) each.check()
            if (below(3) === 0) twins.shift()?.held.drop()
            if (name.startsWith('embedded') && below(2)) twins.shift()?.held.drop()
          }
          for (const each of twins) each.check()
          k.verify()
          for (const each of twins) each.held.drop()
          twins = []
          keys.drop()
          k.collect()
          k.collect()
          expect(k.run('shapesLive')).toBe(0)
          k.expectOk('internTrim')
          // Where objects are traced the root stays, and its table of children with the weak references in it.
          expect(k.leftObjects).toBeLessThanOrEqual(k.isCounted ? 0 : 12)
        } catch (error) {
          throw new Error(`${name}, seed ${seed}: ${(error as Error).message}`, { cause: error })
        }
      }
    })
  }
})

describe('text that is an integer is the key that the integer is', () => {
  const INTEGERS = ['1073741823', '7', '0', '10', '907']
  // JavaScript has integers beyond those too, before all text and ascending: they come first here.
  const BEYOND = ['1073741824', '2147483648', '4294967294']
  const SIGNS = ['07', '00', '+7', '-7', '-0', '1e3', '7.0', ' 7', '7 ', '7\0', '/', ':', '7/', '7:', '٧', '0x7']
  const TEXTS = [...BEYOND, '', 'b', ...SIGNS, '4294967303', '10000000000', '18446744073709551623']
  const ALL = ['first', ...INTEGERS, 'b', '7', ...[...BEYOND].reverse(), ...TEXTS]

  for (const name of Object.keys(valuesSetups)) {
    test(name, () => {
      const k = kernelFor(name)
      const held = k.hold(k.run('propertiesNew', 2))
      const o: Record<string, number> = {}
      const text = (key: string, call: string) => {
        const bytes = new TextEncoder().encode(key)
        return k.hold(k.run(call, k.write(bytes), bytes.length))
      }
      /** The words that are one key. */
      const formsOf = (key: string) => {
        const texts = [text(key, 'stringNew'), text(key, 'internText')]
        return INTEGERS.includes(key) ? [...texts, k.hold(integer(Number(key)))] : texts
      }
      const cacheOf = (key: string) => k.scratch + 8192 + ALL.indexOf(key) * CACHE_BYTES
      const check = () => {
        const array = k.hold(k.run('propertyKeys', held.word))
        const words = Array.from({ length: k.run('arrayLength', array.word) }, (_, i) =>
          k.run('arrayGet', array.word, i),
        )
        const found = words.map((word) => (isReference(word) ? k.text(word) : (word | 0) >> 1))
        const isIndex = (key: string) => INTEGERS.includes(key)
        expect(found).toEqual((Reflect.ownKeys(o) as string[]).map((key) => (isIndex(key) ? Number(key) : key)))
        expect(k.run('valuesVerify')).toBe(0)
        array.drop()
      }
      let value = 0
      for (const key of BEYOND.concat(ALL)) {
        for (const form of formsOf(key)) {
          for (const cache of [0, cacheOf(key)]) {
            k.expectOk('propertySet', held.word, form.word, integer(++value), cache)
            o[key] = value
          }
          form.drop()
        }
        for (const form of formsOf(key)) {
          for (const cache of [0, cacheOf(key)]) {
            expect([key, k.run('propertyGet', held.word, form.word, cache)]).toEqual([key, integer(value)])
          }
          expect(k.run('propertyHas', held.word, form.word)).toBe(1)
          form.drop()
        }
        check()
      }
      for (const [i, key] of INTEGERS.concat(TEXTS).entries()) {
        const forms = formsOf(key)
        const one = forms[i % forms.length] as Held
        k.expectOk('propertyDelete', held.word, one.word)
        delete o[key]
        for (const form of forms) {
          expect(k.run('propertyDelete', held.word, form.word)).toBe(STATUS_NONE)
          expect(k.run('propertyHas', held.word, form.word)).toBe(0)
          form.drop()
        }
        check()
      }
      expect(Reflect.ownKeys(o)).toEqual(['first'])
    })
  }
})

// ---- scenes ---------------------------------------------------------------------------------------------------------

/** A kernel with named keys, and short ways to set and get. */
class Scene {
  readonly k: ValuesKernel
  readonly #keys = new Map<string, Held>()
  /** A cache, zeroed. */
  readonly cache: number

  constructor(setup: ValuesSetup) {
    this.k = new ValuesKernel(setup)
    this.cache = this.k.scratch + 4096
  }

  key(name: string): number {
    let held = this.#keys.get(name)
    if (!held) {
      const text = new TextEncoder().encode(name)
      held = this.k.hold(this.k.run('internText', this.k.write(text), text.length))
      this.#keys.set(name, held)
    }
    return held.word
  }

  /** An object with these properties, whose values are 1, 2, 3 and so on. */
  make(names: readonly string[], slots = 2): Held {
    const held = this.k.hold(this.k.run('propertiesNew', slots))
    names.forEach((name, i) => {
      this.set(held, name, i + 1)
    })
    return held
  }

  set(held: Held, name: string, value: number, cache = 0): void {
    const key = this.key(name)
    this.k.expectOk('propertySet', held.word, key, integer(value), cache)
  }

  /** The value, 0 for none. */
  get(held: Held, name: string, cache = 0): number {
    return (this.k.run('propertyGet', held.word, this.key(name), cache) | 0) >> 1
  }

  shape(held: Held): number {
    return this.k.run('propertiesShape', held.word)
  }

  get hits(): number {
    return this.k.u32(this.cache + values.CACHE_HITS_AT)
  }

  get misses(): number {
    return this.k.u32(this.cache + values.CACHE_MISSES_AT)
  }

  check(): void {
    expect(this.k.run('valuesVerify')).toBe(0)
  }

  drop(): void {
    for (const held of this.#keys.values()) held.drop()
  }
}

const names = (count: number, prefix = 'n') => Array.from({ length: count }, (_unused, i) => `${prefix}${i}`)

/** One of each world. */
const WORLDS = ['vm', 'embedded', 'counted']

describe('shapes', () => {
  for (const name of WORLDS) {
    const scene = () => new Scene(valuesSetups[name] as ValuesSetup)

    test(`${name}: objects made alike share them, others do not`, () => {
      const s = scene()
      const [a, b, c, d] = [['x', 'y'], ['x', 'y'], ['y', 'x'], ['x']].map((list) => s.make(list)) as Held[]
      expect(s.shape(a as Held)).toBe(s.shape(b as Held))
      expect(s.shape(a as Held)).not.toBe(s.shape(c as Held))
      expect(s.k.run('shapesLive')).toBe(5)
      s.k.expectOk('propertyDelete', (a as Held).word, s.key('y'))
      expect(s.shape(a as Held)).toBe(s.shape(d as Held))
      expect(s.shape(s.make([], 3))).not.toBe(s.shape(s.make([], 2)))
      const numbers = [a, b, c].map((held) => s.k.run('shapeNumber', s.shape(held as Held)))
      expect(new Set(numbers).size).toBe(3)
      expect(numbers.every((number) => number & 1 && number >= values.SHAPE_FIRST_NUMBER * 2)).toBe(true)
      s.check()
    })

    test(`${name}: up to 128 properties, then a dictionary`, () => {
      const s = scene()
      const list = names(values.SHAPE_PROPERTIES_MAX)
      const [a, b] = [s.make(list, 5), s.make(list, 5)]
      expect(s.shape(a)).toBe(s.shape(b))
      for (const [i, each] of list.entries()) expect(s.get(b, each)).toBe(i + 1)
      s.check()
      s.set(a, 'one more', 7)
      expect(s.shape(a)).toBe(0)
      expect(s.k.status).toBe(STATUS_NONE)
      expect(s.k.run('propertiesIsDictionary', b.word)).toBe(0)
      for (const [i, each] of list.entries()) expect(s.get(a, each)).toBe(i + 1)
      // Back to nothing, by the last one each time.
      for (const each of list.reverse()) s.k.expectOk('propertyDelete', b.word, s.key(each))
      expect(s.shape(b)).toBe(s.shape(s.make([], 5)))
      s.check()
    })

    test(`${name}: a shape that nobody has goes, and its number with it`, () => {
      const s = scene()
      const kept = s.make(['x', 'y', 'z'])
      const alive = s.k.run('shapesLive')
      const numbers = new Set<number>()
      for (let round = 0; round < 4; round++) {
        const made = names(40).map((each) => s.make(['x', each]))
        expect(s.k.run('shapesLive')).toBeGreaterThanOrEqual(alive + 40)
        for (const held of made) numbers.add(s.k.run('shapeNumber', s.shape(held)))
        s.check()
        for (const held of made) held.drop()
        s.k.collect()
        expect(s.k.run('shapesLive')).toBe(alive)
        s.check()
      }
      expect(numbers.size).toBe(160)
      expect(s.get(kept, 'z')).toBe(3)
      kept.drop()
      s.drop()
      s.k.collect()
      expect(s.k.run('shapesLive')).toBe(0)
      s.k.expectOk('internTrim')
      if (s.k.isCounted) expect(s.k.leftObjects).toBe(0)
    })

    test(`${name}: objects beyond the limit have dictionaries`, () => {
      const s = scene()
      s.k.expectOk('setShapeLimit', 12)
      const made = names(30).map((each) => s.make([each, 'second']))
      expect(s.k.run('shapesLive')).toBeLessThanOrEqual(12)
      expect(made.filter((held) => s.shape(held) !== 0).length).toBe(5)
      for (const [i, held] of made.entries()) expect([s.get(held, `n${i}`), s.get(held, 'second')]).toEqual([1, 2])
      for (const held of made) held.drop()
      s.k.collect()
      // After some requests they are counted again.
      const again = names(12, 'm').map((each) => s.make([each]))
      expect(again.some((held) => s.shape(held) !== 0)).toBe(true)
      s.k.expectOk('setShapeLimit', 0)
      const last = s.make(['a', 'b'], 77)
      expect(s.shape(last)).toBe(0)
      expect(s.get(last, 'b')).toBe(2)
      s.check()
    })
  }

  test.each(WORLDS)('%s: a limit far below what lives does not count it at every request', (name) => {
    const s = new Scene(valuesSetups[name] as ValuesSetup)
    names(100).map((each) => s.make([each]))
    const live = s.k.run('shapesLive')
    s.k.expectOk('setShapeLimit', 1)
    expect(s.shape(s.make([], 7))).toBe(0)
    // So many requests are refused before they are counted again.
    expect(s.k.stateWord(values.VALUES_SHAPE_REFUSALS_AT)).toBe(live >> 2)
    expect(s.shape(s.make([], 7))).toBe(0)
    expect(s.k.stateWord(values.VALUES_SHAPE_REFUSALS_AT)).toBe((live >> 2) - 1)
  })

  test.each(WORLDS)('%s: when the numbers of shapes are used up no more are taken', (name) => {
    const s = new Scene(valuesSetups[name] as ValuesSetup)
    const most = values.INTEGER_MAX - values.SHAPE_FIRST_NUMBER + 1
    s.k.setU32(s.k.state + values.VALUES_SHAPE_NEXT_AT, most)
    for (let i = 0; i < 5; i++) {
      const held = s.make([`other${i}`], 3)
      expect(s.shape(held)).toBe(0)
      // Without objects a counted root goes, too, and another one is made.
      held.drop()
    }
    expect(s.k.stateWord(values.VALUES_SHAPE_NEXT_AT)).toBe(most)
  })

  test('as many children as a shape may have', () => {
    const s = new Scene(valuesSetups.counted as ValuesSetup)
    const made = names(values.SHAPE_CHILDREN_MAX + 3).map((each) => s.make([each]))
    expect(made.map((held) => s.shape(held) !== 0).lastIndexOf(true)).toBe(values.SHAPE_CHILDREN_MAX - 1)
    s.check()
    for (const held of made) held.drop()
    expect(s.k.run('shapesLive')).toBe(0)
  })
})

describe('inline caches', () => {
  for (const name of WORLDS) {
    const scene = () => new Scene(valuesSetups[name] as ValuesSetup)

    test(`${name}: four shapes hit, a fifth takes the place of the first`, () => {
      const s = scene()
      const made = [['x'], ['a', 'x'], ['a', 'b', 'x'], ['a', 'b', 'c', 'x'], ['c', 'x']].map((list) => s.make(list))
      const want = [1, 2, 3, 4, 2]
      const four = made.slice(0, 4)
      for (let round = 0; round < 3; round++) {
        for (const [i, held] of four.entries()) expect(s.get(held, 'x', s.cache)).toBe(want[i])
      }
      expect([s.hits, s.misses]).toEqual([8, 4])
      expect(s.get(made[4] as Held, 'x', s.cache)).toBe(2)
      expect(s.get(made[4] as Held, 'x', s.cache)).toBe(2)
      expect([s.hits, s.misses]).toEqual([9, 5])
      expect(s.get(made[1] as Held, 'x', s.cache)).toBe(2)
      expect(s.get(made[0] as Held, 'x', s.cache)).toBe(1)
      expect([s.hits, s.misses]).toEqual([10, 6])
      // A hit as a compiler would inline it.
      for (const [i, held] of made.entries()) {
        s.get(held, 'x', s.cache)
        const number = s.k.u32(s.k.u32(held.word) + values.SHAPE_NUMBER_AT)
        const pairs = [0, 8, 16, 24].filter((at) => s.k.u32(s.cache + at) === number)
        expect(pairs.length).toBe(1)
        const place = s.k.u32(s.cache + (pairs[0] as number) + 4)
        const holder = place & values.CACHE_MORE ? s.k.u32(held.word + values.PROPERTIES_MORE_AT) : held.word
        expect(s.k.u32(holder + (place & values.CACHE_OFFSET))).toBe(integer(want[i] as number))
      }
    })

    test(`${name}: setting, adding, and what is not there`, () => {
      const s = scene()
      const a = s.make(['p', 'q'], 3)
      s.set(a, 'r', 9, s.cache)
      expect([s.hits, s.misses]).toEqual([0, 1])
      for (let i = 0; i < 5; i++) {
        const other = s.make(['p', 'q'], 3)
        s.set(other, 'r', i + 1, s.cache)
        expect(s.shape(other)).toBe(s.shape(a))
        expect(s.get(other, 'r')).toBe(i + 1)
        other.drop()
      }
      expect([s.hits, s.misses]).toEqual([5, 1])
      for (let i = 0; i < 3; i++) s.set(a, 'r', i, s.cache)
      expect([s.hits, s.misses]).toEqual([7, 2])
      // Where the last one has gone, the pair of the shape with it does not answer.
      s.k.expectOk('propertyDelete', a.word, s.key('r'))
      expect(s.get(a, 'r', s.cache)).toBe(0)
      expect(s.k.status).toBe(STATUS_NONE)
      s.k.expectOk('propertyDelete', a.word, s.key('p'))
      expect(s.get(a, 'r', s.cache)).toBe(0)
      s.set(a, 'r', 5, s.cache)
      expect(s.get(a, 'r', s.cache)).toBe(5)
      expect(s.shape(a)).toBe(0)
      s.check()
    })

    test(`${name}: a shape that is missed again and again has one pair`, () => {
      const s = scene()
      const other = s.make(['a', 'b', 'x'])
      s.get(other, 'x', s.cache)
      // The second property needs a store of its own each time, which no hit makes.
      const made = names(6).map(() => s.make(['a'], 1))
      for (const held of made) s.set(held, 'x', 7, s.cache)
      expect([s.hits, s.misses]).toEqual([0, 7])
      const numbers = [0, 8, 16, 24].map((at) => s.k.u32(s.cache + at)).filter((number) => number !== 0)
      expect([numbers.length, new Set(numbers).size]).toEqual([2, 2])
      expect(s.get(other, 'x', s.cache)).toBe(3)
      expect(s.hits).toBe(1)
      expect(made.map((held) => s.get(held, 'x'))).toEqual(made.map(() => 7))
    })

    test(`${name}: a pair of a shape that has died never answers for another`, () => {
      const s = scene()
      const stale: number[] = []
      for (let round = 0; round < 30; round++) {
        // The same memory is used again and again, with 'x' in another slot each time.
        const held = s.make([...names(round % 3), 'x'])
        expect(s.get(held, 'x', s.cache)).toBe((round % 3) + 1)
        stale.push(s.k.run('shapeNumber', s.shape(held)))
        held.drop()
        s.k.collect()
      }
      expect(new Set(stale).size).toBe(30)
      expect([s.hits, s.misses]).toEqual([0, 30])
    })

    test(`${name}: a place that is no slot answers nothing, and is not written`, () => {
      const s = scene()
      const held = s.make(['x', 'y', 'z'])
      s.k.setU32(s.cache, s.k.run('shapeNumber', s.shape(held)))
      for (const place of [values.PROPERTIES_SHAPE_AT, values.PROPERTIES_MORE_AT]) {
        for (const flag of [0, values.CACHE_ADDS]) {
          s.k.setU32(s.cache + 4, place | flag)
          expect(s.get(held, 'y', s.cache)).toBe(2)
          s.k.setU32(s.cache + 4, place | flag)
          s.set(held, 'y', 2, s.cache)
          expect(['x', 'y', 'z'].map((each) => s.get(held, each))).toEqual([1, 2, 3])
          s.check()
        }
      }
      expect(s.hits).toBe(0)
    })

    test(`${name}: a cache that holds anything harms no object`, () => {
      const s = scene()
      const below = random(5)
      const held = s.make(['x', 'y', 'z', 'v'])
      const number = s.k.run('shapeNumber', s.shape(held))
      for (let i = 0; i < 300; i++) {
        const place = below(2) ? below(64) : below(2 ** 31) * 2 + below(2)
        s.k.setU32(s.cache, number)
        s.k.setU32(s.cache + 4, (place | (below(2) ? values.CACHE_MORE : 0) | (below(2) ? values.CACHE_ADDS : 0)) >>> 0)
        s.k.run('propertyGet', held.word, s.key('y'), s.cache)
        s.k.run('propertySet', held.word, s.key('y'), integer(3), s.cache)
        s.check()
      }
      for (const cache of [2, s.cache + 1, 0xfffffffc, 0xffffffe0]) {
        expect(s.k.run('propertyGet', held.word, s.key('y'), cache)).toBe(0)
        expect(s.k.status).toBe(STATUS_BAD_ARGUMENT)
        expect(s.k.run('propertySet', held.word, s.key('y'), WORD_NULL, cache)).toBe(STATUS_BAD_ARGUMENT)
      }
    })
  }
})

describe('refusals change nothing', () => {
  for (const name of WORLDS) {
    test(`${name}: what is no object, no key, no value`, () => {
      const s = new Scene(valuesSetups[name] as ValuesSetup)
      const { k } = s
      const held = s.make(['x', 'y'])
      const float = k.hold(k.run('floatNew', 1.5))
      const calls = ['Count', 'Get', 'Has', 'Set', 'Delete', 'Keys', 'KeyAt', 'ValueAt']
      for (const word of [0, 1, WORD_UNDEFINED, 0xfffffff8, 0x7ffffff8, 8, 24, float.word, s.key('x')]) {
        for (const call of calls) {
          k.setU32(k.state + values.VALUES_STATUS_AT, 0)
          expect([0, STATUS_TYPE]).toContain(k.run(`property${call}`, word, s.key('x'), integer(1), 0))
          expect([call, k.status]).toEqual([call, STATUS_TYPE])
        }
        for (const call of ['propertiesShape', 'propertiesIsDictionary', 'shapeNumber']) {
          expect(k.run(call, word)).toBe(0)
          expect(k.status).toBe(STATUS_TYPE)
        }
        expect(k.run('propertyNext', word, 0)).toBe(NOWHERE)
      }
      for (const key of [0, integer(-1), float.word, 0xfffffff8]) {
        expect(k.run('propertySet', held.word, key, WORD_NULL, 0)).toBe(STATUS_KEY)
        expect(k.run('propertyDelete', held.word, key)).toBe(STATUS_KEY)
        expect(k.run('propertyGet', held.word, key, 0)).toBe(0)
        expect(k.status).toBe(STATUS_KEY)
        expect(k.run('propertyHas', held.word, key)).toBe(0)
      }
      expect(k.run('propertySet', held.word, s.key('x'), 0, 0)).toBe(STATUS_BAD_ARGUMENT)
      expect(k.run('propertySet', held.word, s.key('new'), 0, 0)).toBe(STATUS_BAD_ARGUMENT)
      expect(k.run('propertyKeyAt', held.word, 2)).toBe(0)
      expect(k.status).toBe(STATUS_RANGE)
      expect(k.run('propertiesNew', values.SHAPE_INLINE_MAX + 1)).toBe(0)
      expect(k.status).toBe(STATUS_BAD_ARGUMENT)
      // Text that nobody has interned is the key of nothing, and does not become interned by the question.
      const before = k.run('internedCount')
      const text = k.hold(k.string('nobody has this'))
      expect(k.run('propertyGet', held.word, text.word, 0)).toBe(0)
      expect(k.run('propertyDelete', held.word, text.word)).toBe(STATUS_NONE)
      expect(k.run('internedCount')).toBe(before)
      expect([s.get(held, 'x'), s.get(held, 'y')]).toEqual([1, 2])
      s.check()
    })

    test(`${name}: keys that are numbers, words and objects`, () => {
      const s = new Scene(valuesSetups[name] as ValuesSetup)
      const { k } = s
      const held = s.make([])
      const object = s.make(['x'])
      const float = k.hold(k.run('floatNew', 7))
      k.expectOk('propertySet', held.word, WORD_TRUE, integer(1), 0)
      k.expectOk('propertySet', held.word, object.word, integer(2), 0)
      k.expectOk('propertySet', held.word, s.key('text'), integer(3), 0)
      expect(k.run('propertiesIsDictionary', held.word)).toBe(0)
      k.expectOk('propertySet', held.word, float.word, integer(4), 0)
      k.expectOk('propertySet', held.word, integer(3), integer(5), 0)
      expect(k.run('propertiesIsDictionary', held.word)).toBe(1)
      expect(k.run('propertyGet', held.word, integer(7), 0)).toBe(integer(4))
      const array = k.hold(k.run('propertyKeys', held.word))
      const own = [0, 1, 2, 3, 4].map((i) => k.run('arrayGet', array.word, i))
      expect(own).toEqual([integer(3), integer(7), s.key('text'), WORD_TRUE, object.word])
      s.check()
    })
  }

  test.each(WORLDS)('%s: an object that is part of an image is not written', (name) => {
    const s = new Scene(valuesSetups[name] as ValuesSetup)
    const { k } = s
    const held = s.make(['x', 'y'])
    s.get(held, 'x', s.cache)
    const head = k.u32(held.word - 8)
    k.setU32(held.word - 8, head | objects.OBJECT_IMMORTAL)
    expect(k.run('propertySet', held.word, s.key('x'), WORD_NULL, s.cache)).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('propertySet', held.word, s.key('z'), WORD_NULL, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(k.run('propertyDelete', held.word, s.key('x'))).toBe(STATUS_BAD_ARGUMENT)
    // Its shape may have a number that another one has here: no cache answers for it.
    expect(s.get(held, 'x', s.cache)).toBe(1)
    expect([s.hits, s.misses]).toEqual([0, 2])
    k.setU32(held.word - 8, head)
    s.check()
  })

  test('a count that can go no higher', () => {
    const s = new Scene(valuesSetups.counted as ValuesSetup)
    const { k } = s
    const held = s.make(['x'])
    const value = k.string('value')
    const full = (values.COUNT_MAX << values.COUNT_SHIFT) >>> 0
    for (const [word, key] of [
      [value, 'x'],
      [value, 'new'],
      [s.shape(held), 'new'],
      [s.key('new'), 'new'],
    ] as const) {
      const at = word - values.COUNTED_COUNT_BELOW
      const count = k.u32(at)
      k.setU32(at, full)
      expect(k.run('propertySet', held.word, s.key(key), value, 0), key).toBe(values.STATUS_COUNT)
      k.setU32(at, count)
      expect([k.run('propertyCount', held.word), s.get(held, 'x')]).toEqual([1, 1])
      s.check()
    }
    k.release(value)
    held.drop()
    s.drop()
    k.expectOk('internTrim')
    expect(k.leftObjects).toBe(0)
  })
})

describe('when memory ends', () => {
  for (const name of ['vm, moving at every allocation', 'embedded, moving at every allocation', 'counted']) {
    test(`${name}: a request that fails anywhere changes nothing`, () => {
      const k = kernelFor(name)
      const keys = new Keys(k)
      const { kernel, fail } = failing(k)
      const twins = [0, 1].map(() => new Twins(keys, 3, random(1)))
      let failures = 0
      /** Fail at the first allocation, then at the second, and so on. */
      const insist = (one: Twins, call: () => number) => {
        for (let at = 1; at < 99; at++) {
          fail(at)
          const status = call()
          fail(0)
          if (status !== STATUS_OUT_OF_MEMORY) return expect(status).toBe(STATUS_OK)
          failures++
          // A dictionary may have been made before.
          one.isDictionary = k.run('propertiesIsDictionary', one.o) === 1
          one.check()
        }
        throw new Error('it never succeeds')
      }
      for (let n = 0; n < 45; n++) {
        for (const one of twins) {
          const key = keys.hold(keys.key(n))
          insist(one, () => kernel.run('propertySet', one.o, key.word, integer(n), 0))
          key.drop()
          one.map.set(keys.key(n), n)
          one.check()
        }
      }
      for (const [i, one] of twins.entries()) {
        const key = keys.hold(keys.key(i * 30))
        insist(one, () => kernel.run('propertyDelete', one.o, key.word))
        key.drop()
        one.map.delete(keys.key(i * 30))
        one.isDictionary = true
        one.check()
        // `propertyKeys` and a new object.
        for (const call of [() => kernel.run('propertyKeys', one.o), () => kernel.run('propertiesNew', 60 + i)]) {
          insist(one, () => {
            const answer = call()
            k.release(answer)
            return answer ? STATUS_OK : kernel.status
          })
        }
      }
      expect(failures).toBeGreaterThan(60)
      for (const one of twins) one.held.drop()
      keys.drop()
      k.collect()
      expect(k.run('shapesLive')).toBe(0)
      k.expectOk('internTrim')
      if (k.isCounted) expect(k.leftObjects).toBe(0)
    })
  }
})

test('the check finds what is wrong', () => {
  const s = new Scene(valuesSetups.counted as ValuesSetup)
  const { k } = s
  const list = names(20)
  const held = s.make(list, 4)
  const other = s.make(list.slice(0, 5), 4)
  k.expectOk('propertyDelete', other.word, s.key('n0'))
  const shape = s.shape(held)
  const store = k.u32(shape + values.SHAPE_KEYS_AT)
  const index = k.u32(store + values.KEYS_INDEX_AT)
  const parent = k.u32(shape + values.SHAPE_PARENT_AT)
  s.check()
  const { SHAPE_NUMBER_AT, SHAPE_COUNT_AT, SHAPE_INLINE_AT, SHAPE_KEY_AT, SHAPE_MARKS_AT, SHAPE_WATCH_AT } = values
  const places = [
    ...[SHAPE_NUMBER_AT, SHAPE_COUNT_AT, SHAPE_INLINE_AT, SHAPE_KEY_AT, SHAPE_MARKS_AT].map((at) => shape + at),
    ...[values.KEYS_USED_AT, values.KEYS_FIRST_AT, values.KEYS_FIRST_AT + 4 * 19].map((at) => store + at),
    ...[index, index + 4, index + 8].filter((at) => k.u32(at) !== 0),
    ...[k.u32(shape + SHAPE_WATCH_AT), parent + SHAPE_MARKS_AT],
    ...[held.word, held.word + values.PROPERTIES_INLINE_AT, held.word + values.PROPERTIES_MORE_AT],
    k.u32(held.word + values.PROPERTIES_MORE_AT) + 4 * 15,
    ...[other.word, other.word + values.PROPERTIES_INLINE_AT, other.word + values.PROPERTIES_MORE_AT],
  ]
  for (const at of places) {
    const good = k.u32(at)
    for (const bad of good ? [0, at < 0 ? 1 : integer(0x3fffffff)] : [integer(1), WORD_NULL]) {
      // Nothing is the number 0 as well. A value may be any word.
      if (!bad && good === 1) continue
      if (bad && good & 1 && at >= held.word && at < held.word + 64) continue
      if (bad && at === places.at(-4)) continue
      k.setU32(at, bad)
      expect(k.run('valuesVerify'), `${places.indexOf(at)}: ${bad}`).toBe(values.FAULT_VALUE)
    }
    k.setU32(at, good)
    s.check()
  }
})

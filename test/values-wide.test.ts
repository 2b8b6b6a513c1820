/**
 * Goal: an array of wide values keeps any value, and every number to the bit of its sign, without an object for it;
 * what collectors and counts must know of its references they know.
 * Method: the bits of elements, read from the memory by a DataView, against the encoding worked out here; numbers that
 * are hard, NaNs of all kinds and with the bits of tags among them, by every way in; random calls of the words'
 * interface against an array, and random moves of references between old arrays while a cycle goes on, in every mode
 * that has them; images, damage and refusals. (Random calls of the array's own: `values-arrays.test.ts`.)
 * A failure means: a number that came back as another, a tag that is taken for a number or a number for a tag, a
 * reference that a collection lost or a count that was not let go.
 */
import { describe, expect, it } from 'vitest'
import { COUNT_MAX, COUNT_ONE, COUNTED_COUNT_BELOW } from '../kernel/value-layout.js'
import {
  ArgumentError,
  ClosedError,
  CountError,
  Heap,
  HeapArray,
  HeapString,
  i32,
  OutOfMemoryError,
  ProtectionError,
  struct,
  WIDE,
  type WideArray,
  WORD,
} from '../src/index.js'
import { random } from './support/random.js'
import { inValueHeap, isStressed, VALUE_HEAPS } from './support/values.js'

const Box = struct('Box', { n: i32 })
const NAN = 0x7ff8000000000000n
const INTEGER = 0xfffc0000n << 32n
const REFERENCE = 0xfffd0000n << 32n
const SPECIAL = 0xfffe0000n << 32n

/** Integers of 32 bits, as they are stored, and doubles. */
const INTEGERS = [0, 1, -1, 2 ** 30 - 1, 2 ** 30, -(2 ** 30), -(2 ** 30) - 1, 2 ** 31 - 1, -(2 ** 31)]
const DOUBLES = [
  ...[-0, 0.5, -0.5, 1e-7, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53, -(2 ** 53), 1.7976931348623157e308],
  ...[5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, Infinity, -Infinity, Math.PI, -1e300],
]
/** Bits of NaNs: quiet, signalling, with a sign, with a payload, and such that are tags of this encoding. */
const NAN_BITS = [
  ...[NAN, 0x7ff8000000000001n, 0x7ff0000000000001n, 0x7fffffffffffffffn, 0xfff8000000000000n, 0xfff0000000000001n],
  ...[INTEGER, INTEGER | 5n, REFERENCE | 24n, REFERENCE | 4096n, SPECIAL | 2n, 0xffff000000000000n, 2n ** 64n - 1n],
]
const nans = (): Float64Array<ArrayBuffer> => new Float64Array(new BigUint64Array(NAN_BITS).buffer)

/** The bits that a number should have. */
function bitsOf(number: number): bigint {
  if (Number.isNaN(number)) return NAN
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, number)
  const isInteger = Number.isInteger(number) && Math.abs(number + 0.5) < 2 ** 31 && !Object.is(number, -0)
  return isInteger ? INTEGER | BigInt.asUintN(32, BigInt(number)) : view.getBigUint64(0)
}

/** The bits that an array has. */
function bitsIn(heap: Heap, made: HeapArray): bigint[] {
  const { words } = heap.values
  const at = (i: number) => words.arrayAt(words.of(made), i)
  return Array.from({ length: made.length }, (_, i) => new DataView(heap.memory.buffer).getBigUint64(at(i), true))
}

const text = (value: unknown) => (value instanceof HeapString ? value.text : value)

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)

  it('keeps every number, whichever way it came', () =>
    inHeap((heap) => {
      const { values } = heap
      const numbers = [...INTEGERS, ...DOUBLES, ...nans()]
      const expected = numbers.map(bitsOf)
      const ways: Record<string, () => WideArray> = {
        push: () => {
          const made = values.array('wide')
          for (const one of numbers) made.push(one)
          return made
        },
        list: () => values.array('wide', numbers),
        typed: () => values.array('wide', new Float64Array(numbers)),
        set: () => {
          const made = values.array('wide', ['text', ...Array(numbers.length - 1).fill(null)])
          for (const [i, one] of numbers.entries()) made.set(i, one)
          return made
        },
        insert: () => {
          const made = values.array('wide')
          for (const one of [...numbers].reverse()) made.insert(0, one)
          return made
        },
        fill: () => {
          const made = values.array('wide')
          made.resize(numbers.length)
          for (const [i, one] of numbers.entries()) made.fill(one, i, i + 1)
          return made
        },
        another: () => values.array('wide', values.array('wide', numbers)),
        slice: () => values.array('wide', [true, ...numbers]).slice(1),
        words: () => {
          const made = values.array('wide', [null])
          for (const one of numbers) values.words.arrayPushWideNumber(values.words.of(made), one)
          made.remove(0)
          for (const [i, one] of numbers.entries()) values.words.arraySetWideNumber(values.words.of(made), i, one)
          return made
        },
      }
      for (const [way, make] of Object.entries(ways)) {
        const made = make()
        expect(bitsIn(heap, made), way).toEqual(expected)
        expect(made.toArray(), way).toEqual(numbers)
        for (const [i, one] of numbers.entries()) expect(made.get(i)).toBe(one)
        for (const [i, one] of numbers.entries())
          expect(values.words.arrayGetWideNumber(values.words.of(made), i)).toBe(one)
        for (const one of [...numbers].reverse()) expect(made.pop(), way).toBe(one)
        expect(made.pop()).toBe(undefined)
      }
    }))

  it('makes one NaN of all, of an array of doubles as it lies there, too', () =>
    inHeap((heap) => {
      const { values } = heap
      const { words } = values
      const raw = values.array('f64', new Float64Array(NAN_BITS.length))
      const bytes = new DataView(heap.memory.buffer)
      for (const [i, bits] of NAN_BITS.entries()) bytes.setBigUint64(words.arrayAt(words.of(raw), i), bits, true)
      const canonical = NAN_BITS.map(() => NAN)
      const made = values.array('wide')
      made.append(raw)
      expect(bitsIn(heap, made)).toEqual(canonical)
      made.clear()
      made.append(raw.view())
      expect(bitsIn(heap, made)).toEqual(canonical)
      made.clear()
      for (const bits of [...NAN_BITS, ...[INTEGER, REFERENCE, SPECIAL].map((tag) => tag + (1n << 32n))]) {
        const high = Number(bits >> 32n)
        if ([WIDE.integer, WIDE.reference, WIDE.special].includes(high | 0)) continue
        words.arrayPushWide(words.of(made), Number(bits & 0xffffffffn), high)
      }
      expect(made.length).toBeGreaterThan(8)
      for (const bits of bitsIn(heap, made)) expect(bits).toBe(NAN)
      expect([made.indexOf(Number.NaN), made.indexOf(Number.NaN, 3), made.indexOf(0)]).toEqual([0, 3, -1])
    }))

  it('has no object for a number', () =>
    inHeap((heap) => {
      const made = heap.values.array('wide')
      made.reserve(200)
      const objects = [...heap.objects()].length
      for (let i = 0; i < 100; i++) made.push(i + 0.5)
      made.append(Float64Array.from({ length: 100 }, (_, i) => i / 3))
      made.set(0, 2 ** 40)
      made.fill(1.5, 10, 20)
      expect([...heap.objects()].length).toBe(objects)
    }))

  it('is what it is by its bits: specials, text, objects', () =>
    inHeap((heap) => {
      const { values } = heap
      const box = heap.new(Box, { n: 7 })
      const special = values.special(99)
      const made = values.array('wide', [undefined, null, true, false, special, values.character(97), 'text', box])
      const word = (one: number) => SPECIAL | BigInt(one)
      expect(bitsIn(heap, made)).toEqual([
        ...[WORD.undefined, WORD.null, WORD.true, WORD.false, special.word, values.character(97).word].map(word),
        REFERENCE | BigInt((made.get(6) as HeapString).reference),
        REFERENCE | BigInt(box.reference),
      ])
      expect(made.toArray().slice(0, 6)).toEqual([undefined, null, true, false, special, values.character(97)])
      expect([text(made.get(6)), heap.same(made.get(7) as typeof box, box)]).toEqual(['text', true])
      const found = [undefined, null, true, false, special, values.character(97), 'text', box, values.string('text')]
      expect(found.map((one) => made.indexOf(one))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 6])
      expect([made.indexOf('tex'), made.indexOf(values.special(98)), made.indexOf(null, 2), made.indexOf(7)]).toEqual(
        Array(4).fill(-1),
      )
      made.resize(10)
      expect([made.get(9), made.kind, String(made)]).toEqual([undefined, 'wide', 'array of 10 wide'])
      expect(JSON.stringify(values.array('wide', [1, -0.5, 'a', null, box, [][0]]))).toBe(
        `[1,-0.5,"a",null,{"reference":${box.reference}},null]`,
      )
      made.push(made)
      expect(heap.same(made.pop() as WideArray, made)).toBe(true)
      expect(heap.describe(made)).toMatchObject({ type: '#array', reference: made.reference })
      const stores = [...heap.objects()].filter(({ type }) => type === '#wide')
      expect(stores.length).toBeGreaterThan(0)
    }))

  it('takes what an interpreter put there, and gives it words', () =>
    inHeap((heap) => {
      const { words } = heap.values
      using root = heap.root(heap.values.array('wide'))
      const list = () => words.of(root)
      // A float keeps being an object, an integer may lie there as a double: both are the numbers that they are.
      const float = words.float(2.5)
      words.arrayPushWide(list(), words.wideLow(float), words.wideHigh(float))
      words.release(float)
      words.arrayPushWide(list(), 0, 0x3ff00000)
      words.arrayPushWide(list(), words.wideLow(words.integer(-9)), words.wideHigh(words.integer(-9)))
      words.arrayPushWide(list(), words.wideLow(WORD.true), words.wideHigh(WORD.true))
      const made = root.value as WideArray
      expect(made.toArray()).toEqual([2.5, 1, -9, true])
      expect([2.5, 1, -9, true, 2].map((one) => made.indexOf(one))).toEqual([0, 1, 2, 3, -1])
      expect(JSON.stringify(made)).toBe('[2.5,1,-9,true]')
      expect([0, 1, 2, 3].map((i) => words.arrayGetWideNumber(list(), i))).toEqual([2.5, 1, -9, Number.NaN])
      made.push(2 ** 31 - 1)
      for (const [i, one] of [2.5, 1, -9, true, 2 ** 31 - 1].entries()) {
        const word = words.arrayGetWide(list(), i)
        expect(words.view(word)).toBe(one)
        words.release(word)
      }
      expect([made.pop(), made.pop(), made.pop(), made.pop(), made.pop()]).toEqual([2 ** 31 - 1, true, -9, 1, 2.5])
      expect([0, 1.5, -0, WIDE.nan].map((n) => words.isWideDouble(n))).toEqual([true, true, true, true])
      expect([WIDE.integer, WIDE.reference, WIDE.special].map((n) => words.isWideDouble(n))).toEqual(
        Array(3).fill(false),
      )
    }))

  it.each([1, 2, 3])('random words in and out, seed %i', (seed) =>
    inHeap((heap) => {
      const { words } = heap.values
      const below = random(seed)
      using root = heap.root(heap.values.array('wide'))
      const list = () => words.of(root)
      const model: unknown[] = []
      const plainAt = (i: number) => {
        const word = words.arrayGetWide(list(), i)
        const plain = words.isString(word) ? words.text(word) : words.isNumber(word) ? words.numberOf(word) : word
        words.release(word)
        return plain
      }
      for (let i = 0; i < (isStressed(name) ? 80 : 400); i++) {
        const index = below(model.length + 1)
        const isThere = index < model.length
        const number = [below(1000), below(1000) / 7, -0, INTEGERS[below(9)], DOUBLES[below(18)]][below(5)] as number
        const which = below(8)
        if (which < 2) {
          words.arrayPushWideNumber(list(), number)
          model.push(number)
        } else if (which === 2 && isThere) {
          words.arraySetWideNumber(list(), index, number)
          model[index] = number
        } else if (which < 5) {
          const word = words.string(`text ${i}`)
          if (isThere) words.arraySetWide(list(), index, words.wideLow(word), words.wideHigh(word))
          else words.arrayPushWide(list(), words.wideLow(word), words.wideHigh(word))
          words.release(word)
          model[index] = `text ${i}`
        } else if (which === 5 && isThere) {
          words.arraySetWide(list(), index, WORD.null, WIDE.special)
          model[index] = WORD.null
        } else if (which === 6 && isThere) {
          words.arrayRemove(list(), index, 1)
          model.splice(index, 1)
        } else if (isThere) {
          const part = words.arraySlice(list(), 0, index)
          words.arrayCopy(list(), model.length - index, part, 0, index)
          words.release(part)
          model.splice(model.length - index, index, ...model.slice(0, index))
        }
        expect(words.arrayLength(list())).toBe(model.length)
        if (i % 10 === 0) expect(model.map((_, at) => plainAt(at))).toEqual(model)
      }
      expect(model.map((_, at) => plainAt(at))).toEqual(model)
      for (let at = 0; at < model.length; at++) {
        const number = words.arrayGetWideNumber(list(), at)
        expect(number).toBe(typeof model[at] === 'number' && model[at] !== WORD.null ? model[at] : number)
      }
    }),
  )

  it('refuses what is no place, no value, no wide value; nothing has changed', () =>
    inHeap((heap) => {
      const { values } = heap
      const { words } = values
      const made = values.array('wide', [1, 2.5])
      for (const bad of [2, -1, 0.5, Number.NaN, '0', undefined]) {
        expect(() => made.get(bad as number)).toThrow(/`index` must be an integer from 0 to 1; got/)
        expect(() => made.set(bad as number, 1)).toThrow(/`index` must be an integer from 0 to 1; got/)
        expect(() => made.set(bad as number, 'a')).toThrow(/`index` must be an integer from 0 to 1; got/)
      }
      for (const bad of [{}, Symbol('s'), 1n, () => 1]) {
        expect(() => made.push(bad as never)).toThrow(/`value` must be a number, a boolean, text/)
        expect(() => made.set(0, bad as never)).toThrow(ArgumentError)
        expect(() => made.insert(0, bad as never)).toThrow(ArgumentError)
        expect(() => made.fill(bad as never)).toThrow(ArgumentError)
        expect(() => made.indexOf(bad as never)).toThrow(ArgumentError)
        expect(() => made.append(['a', bad as never])).toThrow(/`values\[1\]` must be a number/)
      }
      expect(() => made.append(5 as never)).toThrow(/`values` must be iterable, such as an array; got 5/)
      expect(() => made.indexOf(1, 3)).toThrow(/`from` must be an integer from 0 to 2; got 3/)
      expect(() => made.fill(1, 2, 1)).toThrow(/`from` must be an integer from 0 to 1; got 2/)
      const other = values.array('value', [1])
      const list = words.of(made)
      expect(() => words.arrayPushWide(list, 3, WIDE.reference)).toThrow(
        /`arrayPushWide` must be called with arguments/,
      )
      expect(() => words.arrayPushWide(list, 0, WIDE.reference)).toThrow(ArgumentError)
      expect(() => words.arraySetWide(list, 0, 2, WIDE.reference)).toThrow(ArgumentError)
      for (const low of [1, 4, list]) {
        expect(() => words.arrayPushWide(list, low, WIDE.special)).toThrow(ArgumentError)
        expect(() => words.arraySetWide(list, 0, low, WIDE.special)).toThrow(ArgumentError)
      }
      expect(() => words.arraySetWide(list, 2, 0, 0)).toThrow(
        /`arraySetWide` must be called with places that are there/,
      )
      expect(() => words.arraySetWideNumber(list, 2, 1)).toThrow(/with places that are there/)
      expect(() => words.arrayGetWideNumber(list, 2)).toThrow(/`arrayGetWideNumber` must be called with places/)
      expect(() => words.arrayGetWide(list, -1)).toThrow(/`arrayGetWide` must be called with places that are there/)
      for (const wrong of [words.of(other), 0, 7, 0x7ffffff8, WORD.null]) {
        expect(() => words.arrayPushWideNumber(wrong, 1)).toThrow(
          /`array` must be an array(, for| of a kind that) arrayPushWide/,
        )
        expect(() => words.arraySetWideNumber(wrong, 0, 1)).toThrow(/`array` must be an array/)
        expect(() => words.arrayGetWideNumber(wrong, 0)).toThrow(/`array` must be an array/)
        expect(() => words.arrayGetWide(wrong, 0)).toThrow(/`array` must be an array/)
      }
      expect(() => words.arrayPush(list, WORD.null)).toThrow(/`array` must be an array/)
      expect([made.toArray(), other.toArray()]).toEqual([[1, 2.5], [1]])
      if (heap.mode !== 'manual') return
      const box = heap.new(Box, { n: 1 })
      const at = (box.reference - COUNTED_COUNT_BELOW) >>> 2
      const word = heap.raw.u32[at] as number
      heap.raw.u32[at] = COUNT_MAX * COUNT_ONE + (word % COUNT_ONE)
      for (const use of [
        () => made.push(box),
        () => made.set(0, box),
        () => made.insert(0, box),
        () => made.fill(box),
        () => made.append([1, box]),
        () => words.arrayPushWide(words.of(made), words.of(box), WIDE.reference),
        () => words.arraySetWide(words.of(made), 0, words.of(box), WIDE.reference),
      ]) {
        expect(use).toThrow(CountError)
      }
      heap.raw.u32[at] = word
      expect(made.toArray()).toEqual([1, 2.5])
    }))
})

describe('collectors', () => {
  /**
   * Two old arrays between which boxes move, read in scopes of their own: nothing else refers to them. What `prepare`
   * makes lies between the arrays: what was made last is looked at first.
   */
  function shuffle(heap: Heap, seed: number, rounds: number, prepare: () => (round: number) => void): void {
    const below = random(seed)
    const COUNT = 300
    using _scope = heap.scope()
    const first = heap.values.array('wide')
    const collect = prepare()
    const arrays = [first, heap.values.array('wide')]
    const models: number[][] = [[], []]
    for (let i = 0; i < COUNT; i++) {
      using _inner = heap.scope()
      for (const [which, made] of arrays.entries()) {
        made.push(heap.new(Box, { n: i }))
        models[which]?.push(i)
      }
    }
    heap.collect()
    for (let round = 0; round < rounds; round++) {
      collect(round)
      using _inner = heap.scope()
      const [from, to] = below(2) === 0 ? [0, 1] : [1, 0]
      const [i, j] = [below(COUNT), below(COUNT)]
      const isNew = below(3) === 0
      const moved = isNew ? heap.new(Box, { n: round }) : arrays[from]?.get(i)
      const n = isNew ? round : (models[from]?.[i] as number)
      // A number takes its place: whoever marks must have seen what was there.
      if (!isNew) {
        arrays[from]?.set(i, i + 0.5)
        ;(models[from] as number[])[i] = i + 0.5
      }
      arrays[to]?.set(j, moved)
      ;(models[to] as number[])[j] = n
    }
    heap.collect()
    const plain = (one: unknown) => (typeof one === 'object' && one !== null && 'n' in one ? one.n : one)
    for (const [which, made] of arrays.entries()) expect(made.toArray().map(plain)).toEqual(models[which])
    expect(heap.verify()).toEqual({ ok: true })
  }

  it.each([11, 12])('runtime: what is young is found in old arrays, seed %i', (seed) => {
    using heap = Heap.create({ mode: 'runtime', limit: '16MiB', debug: true })
    shuffle(heap, seed, 600, () => (round) => {
      if (round % 20 === 0) heap.collect({ kind: 'minor' })
    })
  })

  it.each([21, 22, 23])('server: moves while a cycle goes on lose nothing, seed %i', (seed) => {
    using heap = Heap.create({
      mode: 'server',
      limit: '16MiB',
      nursery: '64KiB',
      old: '64KiB',
      debug: true,
      testing: { stepUnits: 4 },
    })
    const below = random(seed)
    let cycling = 0
    shuffle(heap, seed, 1500, () => {
      // So much that cycles begin, and take a while.
      const texts = Array.from({ length: 8000 }, (_, n) => `ballast ${n}`)
      const ballast = heap.values.array('value', texts)
      return (round) => {
        if (heap.step({ budgetMs: 0.001 }).isCycling) cycling++
        if (below(20) === 0) heap.collect({ kind: 'minor' })
        for (let n = 0; n < 40; n++) ballast.set(below(8000), `ballast ${round} ${n}`)
      }
    })
    expect(heap.stats().cycles).toBeGreaterThan(0)
    expect(cycling).toBeGreaterThan(100)
  })
})

describe('images, damage, ends', () => {
  it.each(['vm', 'runtime', 'server', 'embedded'] as const)('%s: images have them', (mode) => {
    const limit = mode === 'embedded' ? '64kB' : '1MiB'
    using heap = Heap.create({ mode, limit })
    using _scope = heap.scope()
    const numbers = [...INTEGERS, ...DOUBLES, Number.NaN]
    const made = heap.values.array('wide', [...numbers, 'text', null, heap.values.array('wide', [-0])])
    const bytes = heap.freeze({ list: made })
    using other = Heap.create({ mode, limit })
    using _other = other.scope()
    for (const target of [heap, other]) {
      const { list } = target.loadImage(bytes).roots as unknown as { list: WideArray }
      expect(list.kind).toBe('wide')
      expect(list.toArray().slice(0, numbers.length)).toEqual(numbers)
      const [word, nothing, inner] = list.toArray().slice(numbers.length)
      expect([text(word), nothing]).toEqual(['text', null])
      expect((inner as WideArray).get(0)).toBe(-0)
      const { words } = target.values
      for (const use of [
        () => list.push(1.5),
        () => list.push('a'),
        () => list.set(0, 1.5),
        () => list.pop(),
        () => list.fill(1),
        () => list.append([1]),
        () => list.append(new Float64Array(1)),
        () => list.insert(0, 1),
        () => list.remove(0),
        () => list.clear(),
      ]) {
        expect(use).toThrow(ProtectionError)
      }
      expect(() => words.arraySetWideNumber(words.of(list), 0, 1)).toThrow(ArgumentError)
      expect(() => words.arrayPushWideNumber(words.of(list), 1)).toThrow(ArgumentError)
      expect(list.length).toBe(numbers.length + 3)
      expect(target.verify()).toEqual({ ok: true })
    }
  })

  it('verify finds a NaN that is not the one, a reference and a special that are none', () => {
    for (const [low, high] of [
      [1, WIDE.nan],
      [0, 0xffff0000],
      [3, WIDE.reference],
      [8, WIDE.special],
    ] as const) {
      using heap = Heap.create({ mode: 'vm', limit: '1MiB' })
      using _scope = heap.scope()
      const made = heap.values.array('wide', [1.5])
      const { words } = heap.values
      expect(heap.verify()).toEqual({ ok: true })
      const at = words.arrayAt(words.of(made), 0) >>> 2
      words.i32[at] = low
      words.i32[at + 1] = high
      expect(heap.verify()).toMatchObject({ ok: false })
    }
  })

  it.each(['vm', 'manual', 'embedded'] as const)('%s: a full heap appends all or none', (mode) => {
    using heap = Heap.create({ mode, limit: mode === 'embedded' ? '64kB' : '256KiB' })
    using _scope = heap.scope()
    const made = heap.values.array('wide', [1, 'two'])
    expect(() => made.append(new Float64Array(40_000))).toThrow(OutOfMemoryError)
    expect(() => made.append(Array(40_000).fill(null))).toThrow(OutOfMemoryError)
    expect(() => made.append(Array.from({ length: 4000 }, (_, i) => `${i} is long enough${'.'.repeat(100)}`))).toThrow(
      OutOfMemoryError,
    )
    expect(made.length).toBe(2)
    expect(() => {
      for (let i = 0; ; i++) made.push(i + 0.5)
    }).toThrow(OutOfMemoryError)
    const { length } = made
    expect([made.get(0), text(made.get(1)), made.get(length - 1)]).toEqual([1, 'two', length - 2.5])
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('a closed heap says so', () => {
    const heap = Heap.create({ mode: 'vm', limit: '1MiB' })
    heap.scope()
    const { words } = heap.values
    const list = words.array('wide')
    heap.close()
    for (const use of [
      () => words.arrayPushWideNumber(list, 1),
      () => words.arraySetWideNumber(list, 0, 1),
      () => words.arrayGetWideNumber(list, 0),
      () => words.arrayGetWide(list, 0),
      () => words.arrayPushWide(list, 0, 0),
    ]) {
      expect(use).toThrow(ClosedError)
    }
  })

  it('another instance finds it', () => {
    using heap = Heap.create({ mode: 'runtime', limit: '1MiB' })
    using _scope = heap.scope()
    heap.globalObject = heap.values.array('wide', [1.5, 'a'])
    using other = Heap.attach(heap.memory, heap.base)
    using _other = other.scope()
    const found = other.globalObject
    if (!(found instanceof HeapArray)) throw new Error('no array')
    found.push(-0)
    expect([found.get(0), text(found.get(1)), found.get(2)]).toEqual([1.5, 'a', -0])
    heap.globalObject = null
  })
})

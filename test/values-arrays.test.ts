/**
 * Goal: arrays of the heap are arrays: of any values, of numbers, of 64-bit integers, of bytes.
 * Method: random sequences of calls on an array of each kind and on one of JavaScript, compared after each; the bulk
 * calls against typed arrays; in every mode, with a collection that moves everything at every allocation where there
 * is one. With counted objects nothing is left at the end. Seeds are in the names of the tests.
 * A failure means: an element lost, moved or cut, or a count that was not let go.
 */
import { describe, expect, it } from 'vitest'
import type { HeapArrayKind, Value } from '../src/index.js'
import { value as anyValue, array, type Heap, HeapArray, HeapString, i32, struct } from '../src/index.js'
import { random } from './support/random.js'
import { inValueHeap, isCounted, isStressed, VALUE_HEAPS } from './support/values.js'

const NUMBERS = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'f32', 'f64'] as const
const TYPED = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  f32: Float32Array,
  f64: Float64Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
} as const
const Box = struct('Box', { n: i32 })

/** What an element of each kind is drawn as, and as what it comes back. */
function drawer(kind: HeapArrayKind, next: () => number, heap: Heap): () => unknown {
  const integer = () => Math.floor(next() * 2 ** 33) - 2 ** 32
  if (typeof kind === 'object') return () => Uint8Array.from({ length: kind.bytes }, () => integer() & 255)
  if (kind === 'i64' || kind === 'u64') return () => (new TYPED[kind]([BigInt(integer()) ** 2n]) as BigInt64Array)[0]
  if (kind !== 'value' && kind !== 'wide')
    return () => new TYPED[kind]([kind.startsWith('f') ? next() * 1e6 - 5e5 : integer()])[0]
  const boxes = [1, 2, 3].map((n) => heap.new(Box, { n }))
  const specials = [undefined, null, true, false, -0, Number.NaN, 2 ** 30, heap.values.special(99)]
  return () => {
    const which = Math.floor(next() * 8)
    if (which < 3) return Math.floor(next() * 1000) - 500
    if (which === 3) return next() * 1000
    if (which === 4) return `text ${Math.floor(next() * 20)}`
    if (which === 5) return boxes[Math.floor(next() * 3)]
    return specials[Math.floor(next() * specials.length)]
  }
}

/** A value of the heap and one of the model alike: text by text, objects by what they are. */
function plain(value: unknown): unknown {
  if (value instanceof HeapString) return value.text
  if (typeof value === 'object' && value !== null && 'n' in value) return `box ${value.n}`
  return value instanceof Uint8Array ? [...value].join() : value
}

function isSame(a: unknown, b: unknown): boolean {
  return [plain(a)].includes(plain(b))
}

/** One random call on both. */
function step(made: HeapArray<unknown>, model: unknown[], next: () => number, draw: () => unknown): void {
  const place = (most: number) => Math.floor(next() * (most + 1))
  const value = draw()
  const which = Math.floor(next() * 14)
  if (which < 4) expect(made.push(value)).toBe(model.push(value))
  else if (which === 4) expect(plain(made.pop())).toEqual(plain(model.pop()))
  else if (which < 7 && model.length > 0) {
    const index = place(model.length - 1)
    made.set(index, value)
    model[index] = value
    expect(plain(made.get(index))).toEqual(plain(value))
    expect(plain(made.at(index - model.length))).toEqual(plain(value))
  } else if (which === 7) {
    const index = place(model.length)
    made.insert(index, value)
    model.splice(index, 0, value)
  } else if (which === 8) {
    const index = place(model.length)
    const count = place(Math.min(3, model.length - index))
    made.remove(index, count)
    model.splice(index, count)
  } else if (which === 9) {
    const to = place(model.length)
    const from = place(to)
    made.fill(value, from, to)
    model.fill(value, from, to)
  } else if (which === 10) {
    const from = place(model.length)
    const found = model.findIndex((one, i) => i >= from && isSame(one, value))
    expect(made.indexOf(value, from)).toBe(found)
  } else if (which === 11) {
    const many = Array.from({ length: place(6) }, draw)
    expect(made.append(many)).toBe(model.push(...many))
  } else if (which === 12) {
    const to = place(model.length)
    const from = place(to)
    expect(made.slice(from, to).toArray().map(plain)).toEqual(model.slice(from, to).map(plain))
  } else if (which === 13) {
    if (next() < 0.5) made.trim()
    else made.reserve(place(100))
    expect(made.capacity).toBeGreaterThanOrEqual(model.length)
  }
}

const KINDS: HeapArrayKind[] = ['value', ...NUMBERS, 'i64', 'u64', { bytes: 1 }, { bytes: 5 }, 'wide']

describe.each(Object.keys(VALUE_HEAPS))('%s', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)

  it.each(KINDS.map((kind, i) => [JSON.stringify(kind), kind, 1000 + i] as const))(
    'an array of %s is one of JavaScript',
    (_, kind, seed) =>
      inHeap((heap) => {
        const below = random(seed)
        const next = () => below(2 ** 30) / 2 ** 30
        const draw = drawer(kind, next, heap)
        const made = heap.values.array(kind as 'value') as HeapArray<unknown>
        const model: unknown[] = []
        for (let i = 0; i < (isStressed(name) ? 60 : 250); i++) {
          using _scope = heap.scope()
          step(made, model, next, draw)
          expect(made.length).toBe(model.length)
        }
        expect(made.toArray().map(plain)).toEqual(model.map(plain))
        expect([...made].map(plain)).toEqual(model.map(plain))
      }),
  )

  it.each(NUMBERS)('%s: bulk calls copy as typed arrays do', (kind) =>
    inHeap((heap) => {
      const source = new TYPED[kind](300).map((_, i) => (i * 7) % 120)
      const made = heap.values.array(kind, source)
      expect(made.toTypedArray()).toEqual(source)
      expect(made.append(source)).toBe(600)
      expect(made.append(made)).toBe(1200)
      expect(made.append(made.view())).toBe(2400)
      expect(made.append([1, 2, 3])).toBe(2403)
      const half = new TYPED[kind](250)
      expect(made.copyTo(half as never, 100)).toBe(250)
      expect([...half]).toEqual([...source.slice(100), ...source.slice(0, 50)])
      expect(made.copyTo(half as never, 2400)).toBe(3)
      expect([...half.slice(0, 3)]).toEqual([1, 2, 3])
      made.view()[7] = 99
      expect([made.get(7), made.indexOf(99)]).toEqual([99, 7])
      made.clear()
      expect([made.length, made.view().length, made.pop()]).toEqual([0, 0, undefined])
      expect(JSON.stringify(heap.values.array(kind, [1, 2]))).toBe('[1,2]')
    }),
  )

  it('64-bit integers are bigints, in bulk, too', () =>
    inHeap((heap) => {
      const least = heap.values.array('i64', [-(2n ** 63n), 2n ** 63n - 1n])
      expect(least.toTypedArray()).toEqual(new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n]))
      const most = heap.values.array('u64', new BigUint64Array([2n ** 64n - 1n]))
      expect([most.get(0), most.indexOf(2n ** 64n - 1n), most.indexOf(1n)]).toEqual([2n ** 64n - 1n, 0, -1])
      expect(JSON.stringify(most)).toBe('["18446744073709551615"]')
    }))

  it('floats keep NaN and find it', () =>
    inHeap((heap) => {
      const floats = heap.values.array('f64', [1, -0, Number.NaN, Infinity, 5e-324])
      expect(floats.toArray()).toEqual([1, -0, Number.NaN, Infinity, 5e-324])
      expect([floats.indexOf(Number.NaN), floats.indexOf(0), floats.indexOf(Number.NaN, 3)]).toEqual([2, 1, -1])
    }))

  it('holds itself, other arrays and objects with values', () =>
    inHeap((heap) => {
      const Holder = struct('Holder', { list: anyValue, more: array(anyValue) })
      const made = heap.values.array('value', ['a', 1])
      made.push(made)
      const holder = heap.new(Holder, { list: made, more: [made, 'b', 2.5] })
      made.push(holder)
      const again = holder.list
      if (!(again instanceof HeapArray)) throw new Error('no array')
      expect(heap.same(again, made)).toBe(true)
      expect(String(made)).toBe('array of 4 value')
      expect(JSON.stringify(made)).toBe(`["a",1,{"reference":${made.reference}},{"reference":${holder.reference}}]`)
      const inner = heap.values.array('i32', [1, 2, 3])
      made.set(0, inner)
      expect(String(made.get(0))).toBe('array of 3 i32')
      made.append(made)
      expect(made.length).toBe(8)
      made.clear()
    }))

  it('keeps many of each kind through growth', () =>
    inHeap((heap) => {
      const count = heap.mode === 'embedded' ? 2000 : isStressed(name) ? 3000 : 20_000
      const integers = heap.values.array('value')
      for (let i = 0; i < count; i++) integers.push(i)
      const doubles = heap.values.array('f64')
      for (let i = 0; i < count; i++) doubles.push(i / 2)
      let sums = [0, 0]
      for (let i = 0; i < count; i++)
        sums = [(sums[0] as number) + Number(integers.get(i)), (sums[1] as number) + doubles.get(i)]
      expect(sums).toEqual([(count * (count - 1)) / 2, (count * (count - 1)) / 4])
      integers.resize(10)
      integers.trim()
      expect([integers.length, integers.capacity]).toEqual([10, 10])
      integers.resize(12)
      expect(integers.toArray().slice(9)).toEqual([9, undefined, undefined] satisfies Value[])
    }))

  it('iterates over what is added meanwhile, as arrays do', () =>
    inHeap((heap) => {
      const made = heap.values.array('value', [1, 2, 3])
      const seen: unknown[] = []
      for (const one of made) {
        seen.push(one)
        if (made.length < 6) made.push(Number(one) * 10)
      }
      expect(seen).toEqual([1, 2, 3, 10, 20, 30])
    }))
})

it.each(Object.keys(VALUE_HEAPS))(
  '%s: an array that is appended to an array has no view of each element made',
  (name) =>
    inValueHeap(name, (heap) => {
      const texts = heap.values.array('value', ['a', 2.5, null, 4])
      const list = heap.values.array('value', [1])
      const before = heap.stats().liveObjects
      const { words } = heap.values
      const first = words.arrayGet(words.of(texts), 0)
      const counted = isCounted(heap) ? heap.refcount(first >>> 0) : 0
      expect([list.append(texts), list.append(list), texts.append([])]).toEqual([5, 10, 4])
      expect(JSON.stringify(list)).toBe('[1,"a",2.5,null,4,1,"a",2.5,null,4]')
      if (isCounted(heap)) expect(heap.refcount(words.arrayGet(words.of(texts), 0) >>> 0)).toBe(counted + 2)
      expect(heap.stats().liveObjects - before).toBeLessThan(isCounted(heap) ? 3 : Number.POSITIVE_INFINITY)
      expect(heap.verify()).toEqual({ ok: true })
    }),
)

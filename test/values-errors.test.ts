/**
 * Goal: what goes wrong with values is said, by the error that fits, and has changed nothing; a heap without values
 * pays nothing for them; who attaches to a heap finds its values.
 * Method: every refusal of arrays, specials and options; heaps filled to the brim; views whose scope, root or heap is
 * gone; immortal values of an image; counts at their most, written into the head of an object; damage that `verify` is
 * to find; a second instance over the same memory.
 * A failure means: a wrong error or none, or a call that failed half-way.
 */
import { describe, expect, it } from 'vitest'
import {
  ARRAY_LENGTH_AT,
  COUNT_MAX,
  COUNT_ONE,
  COUNTED_COUNT_BELOW,
  STRING_CODE_POINTS_AT,
} from '../kernel/value-layout.js'
import {
  ArgumentError,
  value as anyValue,
  array,
  ClosedError,
  CountError,
  Dictionary,
  Heap,
  HeapArray,
  HeapString,
  i32,
  OutOfMemoryError,
  PropertyObject,
  ProtectionError,
  StaleHandleError,
  struct,
  UnsupportedError,
  WORD,
} from '../src/index.js'
import { inValueHeap, VALUE_HEAPS } from './support/values.js'

const Box = struct('Box', { n: i32, any: anyValue, more: array(anyValue) })
const LIMITS = { embedded: '64kB', manual: '256KiB', vm: '512KiB', runtime: '1MiB', server: '1MiB' } as const
const MODES = Object.keys(LIMITS) as (keyof typeof LIMITS)[]

describe.each(Object.keys(VALUE_HEAPS))('%s: bad arguments', (name) => {
  const inHeap = (use: (heap: Heap) => void) => inValueHeap(name, use)

  it('indices that are not there', () =>
    inHeap((heap) => {
      const made = heap.values.array('i32', [1, 2, 3])
      for (const bad of [3, -1, 1.5, Number.NaN, 2 ** 32, '1', undefined, null]) {
        expect(() => made.get(bad as number)).toThrow(/`index` must be an integer from 0 to 2; got/)
        expect(() => made.set(bad as number, 1)).toThrow(/`index` must be an integer from 0 to 2; got/)
      }
      for (const list of [heap.values.array('value', [1]), heap.values.array({ bytes: 2 }, [new Uint8Array(2)])]) {
        expect(() => list.get(1)).toThrow(/`index` must be an integer from 0 to 0; got 1/)
        expect(() => list.set(1, null as never)).toThrow(ArgumentError)
        list.clear()
        expect(() => list.get(0)).toThrow(/`index` must be left out: the array is empty; got 0/)
      }
      expect(() => made.insert(4, 1)).toThrow(/`index` must be an integer from 0 to 3; got 4/)
      expect(() => made.remove(2, 2)).toThrow(/`count` must be an integer from 0 to 1; got 2/)
      expect(() => made.slice(2, 1)).toThrow(/`from` must be an integer from 0 to 1; got 2/)
      expect(() => made.slice(0, 4)).toThrow(/`to` must be an integer from 0 to 3; got 4/)
      expect(() => made.fill(0, 0, 4)).toThrow(ArgumentError)
      expect(() => made.indexOf(1, 4)).toThrow(/`from` must be an integer from 0 to 3; got 4/)
      expect(() => made.resize(-1)).toThrow(/`length` must be an integer from 0 to 2147483647; got -1/)
      expect(() => made.reserve(1.5)).toThrow(/`capacity` must be/)
      expect(() => made.copyTo(new Int32Array(2), 4)).toThrow(ArgumentError)
      expect([made.at(3), made.at(-4), made.at(0.5)]).toEqual([undefined, undefined, undefined])
      expect(made.toArray()).toEqual([1, 2, 3])
    }))

  it('elements that do not fit: none is stored', () =>
    inHeap((heap) => {
      const { values } = heap
      const bytes = values.array('u8', [1])
      for (const bad of [-1, 256, 1.5, '1', 1n, null]) {
        expect(() => bytes.push(bad as never)).toThrow(/`value` must be an integer from 0 to 255; got/)
        expect(() => bytes.append([2, bad as never])).toThrow(/`values\[1\]` must be an integer from 0 to 255; got/)
        expect(() => bytes.insert(0, bad as never)).toThrow(ArgumentError)
        expect(() => bytes.set(0, bad as never)).toThrow(ArgumentError)
        expect(() => bytes.fill(bad as never)).toThrow(ArgumentError)
      }
      expect(bytes.toArray()).toEqual([1])
      expect(() => values.array('i64').push(1 as never)).toThrow(/`value` must be a bigint from -2\^63/)
      const pairs = values.array({ bytes: 2 })
      expect(() => pairs.push(new Uint8Array(3))).toThrow(/`value` must be a Uint8Array of 2 bytes; got "3 bytes"/)
      expect(() => pairs.append([new Uint8Array(2), [1, 2] as never])).toThrow(
        /`values\[1\]` must be a Uint8Array of 2/,
      )
      expect(pairs.length).toBe(0)
      const any = values.array('value', [1])
      for (const bad of [{}, Symbol('s'), 1n, () => 1, new Date(0)]) {
        expect(() => any.push(bad as never)).toThrow(
          /`value` must be a number, a boolean, text, null, undefined, a special/,
        )
        expect(() => any.append(['a', bad as never])).toThrow(/`values\[1\]` must be a number/)
        expect(() => any.set(0, bad as never)).toThrow(ArgumentError)
        expect(() => any.insert(0, bad as never)).toThrow(ArgumentError)
      }
      expect(any.toArray()).toEqual([1])
      const box = heap.new(Box, { any: 1 }, 2)
      expect(() => {
        box.any = {} as never
      }).toThrow(/`any` must be a number/)
      expect(() => box.more.write(['a', 2n as never])).toThrow(/`more\[1\]` must be a number/)
      expect(() => heap.new(Box, { any: 5n as never })).toThrow(/`any` must be a number/)
      expect([box.any, box.more.get(0)]).toEqual([1, undefined])
    }))

  it('kinds, options and specials that there are not', () =>
    inHeap((heap) => {
      const { values } = heap
      for (const bad of ['i7', 'bool', null, 3, {}, { bytes: 0 }, { bytes: 65536 }, { bytes: 1.5 }]) {
        expect(() => values.array(bad as never)).toThrow(ArgumentError)
      }
      expect(() => values.array('i7' as never)).toThrow(/`kind` must be 'value', 'i8', .* or \{ bytes \}; got "i7"/)
      expect(() => values.array({ bytes: 70000 })).toThrow(/`kind.bytes` must be an integer from 1 to 65535; got 70000/)
      for (const list of [values.array('i8'), values.array('value'), values.array({ bytes: 1 })]) {
        expect(() => list.append(5 as never)).toThrow(/`values` must be iterable, such as an array; got 5/)
      }
      expect(() => values.array('i8', 5 as never)).toThrow(/`values` must be iterable, or left out; got 5/)
      expect(() => values.special(15)).toThrow(/`number` must be an integer from 16 to 536870911; got 15/)
      expect(() => values.character(2 ** 29)).toThrow(/`number` must be an integer from 0 to 536870911/)
      expect([values.special(20).toString(), JSON.stringify(values.character(97))]).toEqual([
        'special 20',
        '"character 97"',
      ])
      expect(() => values.dictionary({ key: 'any' } as never)).toThrow(ArgumentError)
      expect(() => values.object({ slot: 1 } as never)).toThrow(ArgumentError)
    }))

  it('values of another heap', () =>
    inHeap((heap) => {
      using other = Heap.create({ ...VALUE_HEAPS[name], name: 'other' })
      using _scope = other.scope()
      const foreign = other.values.string('foreign')
      const list = heap.values.array('value')
      for (const use of [
        () => list.push(foreign),
        () => heap.values.dictionary().set(1, foreign),
        () => heap.values.dictionary().set(foreign, 1),
        () => heap.values.object().set('a', foreign),
        () => heap.values.object().set(foreign, 1),
        () => heap.values.words.from(foreign),
        () => heap.new(Box, { any: foreign }),
      ]) {
        expect(use).toThrow(/not of another heap/)
      }
      expect(list.length).toBe(0)
    }))

  it('views that are gone', () =>
    inHeap((heap) => {
      const inner = heap.scope()
      const { values } = heap
      const all = [
        values.string('a'),
        values.array('value', [1]),
        values.array('i8', [1]),
        values.dictionary(),
        values.object(),
      ]
      const [string, list, bytes, table, object] = all as [HeapString, HeapArray, HeapArray, Dictionary, PropertyObject]
      const root = heap.root(list)
      inner.close()
      for (const use of [
        () => string.text,
        () => list.get(0),
        () => list.push(1),
        () => list.length,
        () => bytes.get(0),
        () => bytes.push(1),
        () => table.get(1),
        () => table.set(1, 1),
        () => [...table],
        () => object.get('a'),
        () => object.set('a', 1),
        () => object.keys(),
      ]) {
        expect(use).toThrow(StaleHandleError)
      }
      root.value.push(2)
      expect((root.value as HeapArray).toArray()).toEqual([1, 2])
      root.dispose()
      expect(() => root.value.length).toThrow(/root that held this object has been disposed of/)
      expect(() => heap.values.array('value').push(string)).toThrow(StaleHandleError)
    }))
})

describe('memory', () => {
  it.each(MODES)('%s: what finds no memory has changed nothing, and works when there is some again', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode] })
    using _scope = heap.scope()
    const { values } = heap
    const list = values.array('value')
    const table = values.dictionary()
    const object = values.object()
    expect(() => {
      for (let i = 0; ; i++) list.push(`some text, number ${i}`)
    }).toThrow(OutOfMemoryError)
    const { length } = list
    expect(String(list.get(length - 1))).toBe(`some text, number ${length - 1}`)
    expect(() => list.append(Array.from({ length: 100_000 }, (_, i) => `t${i}`))).toThrow(OutOfMemoryError)
    expect(list.length).toBe(length)
    expect(() => {
      for (let i = 0; ; i++) table.set(i, i / 2)
    }).toThrow(OutOfMemoryError)
    const { size } = table
    expect([table.get(size - 1), table.get(size)]).toEqual([size === 0 ? undefined : (size - 1) / 2, undefined])
    expect(() => {
      for (let i = 0; ; i++) object.set(`key ${i}`, i + 0.5)
    }).toThrow(OutOfMemoryError)
    expect(object.get(`key ${object.size}`)).toBeUndefined()
    expect(heap.verify()).toEqual({ ok: true })
    list.clear()
    list.trim()
    table.clear()
    if (mode !== 'manual') heap.collect()
    for (let i = 0; i < 50; i++) list.push(`again ${i}`)
    expect(String(list.get(49))).toBe('again 49')
    expect(heap.verify()).toEqual({ ok: true })
  })

  it.each(MODES)('%s: a reclaimer makes room for values', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode] })
    using _scope = heap.scope()
    const list = heap.values.array('value')
    let hoard: ReturnType<typeof heap.root<HeapArray>> | undefined = heap.root(heap.values.array('u8'))
    const share = Math.floor(heap.limitBytes / 4)
    ;(hoard.value as HeapArray<number>).resize(share)
    heap.addReclaimer(() => {
      hoard?.value.clear()
      hoard?.value.trim()
      hoard = undefined
    })
    expect(() => {
      for (let i = 0; ; i++) list.push(i + 0.5)
    }).toThrow(OutOfMemoryError)
    expect(hoard).toBeUndefined()
    const { length } = list
    expect([list.get(0), list.get(length - 1)]).toEqual([0.5, length - 0.5])
  })

  it.each(MODES)('%s: a heap without values is as small as before', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode] })
    const objects = () => (mode === 'manual' ? heap.stats().liveBlocks : heap.memory.buffer.byteLength)
    const before = [objects(), heap.stats().inUseBytes]
    expect(heap.verify()).toEqual({ ok: true })
    expect([objects(), heap.stats().inUseBytes]).toEqual(before)
  })
})

describe('counted values', () => {
  it('a count at its most is refused, and nothing has changed', () =>
    inValueHeap('manual', (heap) => {
      const string = heap.values.string('full')
      const list = heap.values.array('value', [1])
      const table = heap.values.dictionary()
      const object = heap.values.object()
      const box = heap.new(Box, {}, 1)
      const at = (string.reference - COUNTED_COUNT_BELOW) >>> 2
      const word = heap.raw.u32[at] as number
      heap.raw.u32[at] = COUNT_MAX * COUNT_ONE + (word % COUNT_ONE)
      for (const use of [
        () => list.push(string),
        () => list.set(0, string),
        () => list.insert(0, string),
        () => list.append([2, string]),
        () => list.fill(string),
        () => table.set('a', string),
        () => table.set(string, 1),
        () => object.set('a', string),
        () => heap.values.words.retain(heap.values.words.of(string)),
        () => heap.values.words.store(heap.values.words.of(box), 0, heap.values.words.of(string)),
        () => {
          box.any = string
        },
        () => box.more.fill(string),
      ]) {
        expect(use).toThrow(CountError)
      }
      heap.raw.u32[at] = word
      expect([list.toArray(), table.size, object.size, box.any]).toEqual([[1], 0, 0, undefined])
    }))

  it('says so when an object was released too early', () => {
    using heap = Heap.create({ mode: 'manual', limit: '1MiB' })
    using _scope = heap.scope()
    const string = heap.values.string('gone')
    const list = heap.values.array('value')
    heap.decref(string)
    expect(() => list.push(string)).toThrow(/0x/)
    expect(list.length).toBe(0)
  })
})

describe('images', () => {
  it.each(['vm', 'runtime', 'server', 'embedded'] as const)('%s: immortal values are read, and not written', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode] })
    using _scope = heap.scope()
    const { values } = heap
    const list = values.array('value', [1, 'two', 2.5])
    const numbers = values.array('f64', [1.5, 2.5])
    const bytes = heap.freeze({ list, numbers })
    function load() {
      return heap.loadImage(bytes).roots as unknown as { list: HeapArray; numbers: HeapArray<number> }
    }
    const { list: frozen, numbers: constants } = load()
    expect(frozen.toArray().map((one) => (one instanceof HeapString ? one.text : one))).toEqual([1, 'two', 2.5])
    expect(constants.toArray()).toEqual([1.5, 2.5])
    for (const use of [
      () => frozen.set(0, 2),
      () => frozen.push(3),
      () => frozen.push('x'),
      () => frozen.pop(),
      () => frozen.clear(),
      () => frozen.append([1]),
      () => constants.set(0, 1),
      () => constants.push(1),
      () => constants.pop(),
      () => constants.fill(0),
    ]) {
      expect(use).toThrow(ProtectionError)
    }
    expect([frozen.length, constants.length]).toEqual([3, 2])
  })
})

describe('images of values', () => {
  it.each(['vm', 'runtime', 'server'] as const)(
    '%s: another heap, with another seed, finds what is in them',
    (mode) => {
      using source = Heap.create({ mode, limit: LIMITS[mode], hashSeed: 1 })
      using _scope = source.scope()
      const { values } = source
      const names = ['a name', 'another name', 'größe', 'x'.repeat(100)]
      for (const name of names) expect(values.string(name).hash).toBeGreaterThan(0)
      const list = values.array('value', names)
      expect(list.toArray().map((one) => (one as HeapString).hash > 0)).toEqual(names.map(() => true))
      const bytes = source.freeze({ list })
      using heap = Heap.create({ mode, limit: LIMITS[mode], hashSeed: 2 })
      using _inner = heap.scope()
      const frozen = heap.loadImage(bytes).roots as unknown as { list: HeapArray }
      const table = heap.values.dictionary({ keys: 'string' })
      for (const [i, name] of frozen.list.toArray().entries()) table.set(name as HeapString, i)
      expect(names.map((name) => table.get(name))).toEqual([0, 1, 2, 3])
      const object = heap.values.object()
      for (const [i, name] of frozen.list.toArray().entries()) object.set(name as HeapString, i)
      expect(object.keys()).toEqual(names)
      expect(names.map((name) => object.get(name))).toEqual([0, 1, 2, 3])
      expect(heap.verify()).toEqual({ ok: true })
    },
  )

  it('numbers of an image can be looked for', () => {
    using source = Heap.create({ mode: 'vm', limit: '1MiB' })
    using _scope = source.scope()
    const bytes = source.freeze({ list: source.values.array('f64', [1, Number.NaN, -0]) })
    using heap = Heap.create({ mode: 'vm', limit: '1MiB' })
    using _inner = heap.scope()
    const { list } = heap.loadImage(bytes).roots as unknown as { list: HeapArray<number> }
    expect([1, Number.NaN, 0, 7].map((one) => list.indexOf(one))).toEqual([0, 1, 2, -1])
  })

  it('dictionaries and property objects are of one heap alone', () => {
    using heap = Heap.create({ mode: 'vm', limit: '1MiB' })
    using _scope = heap.scope()
    const { values } = heap
    const expected = /`objects` must be objects that lead to no dictionary and no object with properties; got/
    expect(() => heap.freeze({ list: values.array('value', [values.dictionary()]) })).toThrow(expected)
    expect(() => heap.freeze({ object: values.object().set('a', 1) })).toThrow(expected)
  })

  it('an image whose values are damaged is refused', () => {
    using source = Heap.create({ mode: 'vm', limit: '1MiB' })
    using _scope = source.scope()
    const list = source.values.array('i32', [1, 2, 3])
    source.raw.u32[(list.reference + ARRAY_LENGTH_AT) >>> 2] = 1000
    const bytes = source.freeze({ list })
    using heap = Heap.create({ mode: 'vm', limit: '1MiB' })
    expect(() => heap.loadImage(bytes)).toThrow(/a string, a number or an array contradicts itself/)
    expect(heap.verify()).toEqual({ ok: true })
    expect([...heap.objects()]).toEqual([])
  })
})

describe('heaps', () => {
  it('mode compiler has no values', () => {
    using heap = Heap.create({ mode: 'compiler', limit: '1MiB' })
    expect(() => heap.values).toThrow(UnsupportedError)
  })

  it.each(MODES)('%s: a closed heap says so', (mode) => {
    const heap = Heap.create({ mode, limit: LIMITS[mode] })
    heap.scope()
    const { values } = heap
    const { words } = values
    const list = values.array('value', [1])
    const table = values.dictionary()
    const word = words.of(list)
    heap.close()
    expect(() => list.get(0)).toThrow(StaleHandleError)
    expect(() => table.set(1, 1)).toThrow(StaleHandleError)
    for (const use of [
      () => heap.values,
      () => values.string('a'),
      () => values.array('i8'),
      () => values.interned,
      () => words.string('a'),
      () => words.number(1.5),
      () => words.load(word, 0),
      () => words.arrayGet(word, 0),
      () => words.arrayPush(word, 3),
      () => words.dictionary(),
    ]) {
      expect(use).toThrow(ClosedError)
    }
  })

  it.each(MODES)('%s: after a reset values begin anew', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode], hashSeed: 7 })
    const { values } = heap
    let first = 0
    for (let round = 0; round < 3; round++) {
      const scope = heap.scope()
      const list = values.array('value', ['a', 1.5])
      const hash = values.intern('name').hash
      first ||= hash
      expect([list.length, hash]).toEqual([2, first])
      heap.reset()
      expect(() => list.get(0)).toThrow(/the heap was reset/)
      scope.close()
    }
    expect(heap.verify()).toEqual({ ok: true })
  })

  it.each(MODES)('%s: another instance finds the values', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode] })
    using _scope = heap.scope()
    const { values } = heap
    const object = values
      .object()
      .set('list', values.array('value', [1, 'two']))
      .set('table', values.dictionary().set('k', 'v'))
    heap.globalObject = object
    using other = Heap.attach(heap.memory, heap.base)
    using _otherScope = other.scope()
    const found = other.globalObject
    if (!(found instanceof PropertyObject)) throw new Error('no property object')
    expect(JSON.stringify([...found.keys()])).toBe('["list","table"]')
    const [list, table] = [found.get('list'), found.get('table')]
    if (!(list instanceof HeapArray && table instanceof Dictionary)) throw new Error('no array, no dictionary')
    expect([list.get(0), String(list.get(1)), String(table.get('k'))]).toEqual([1, 'two', 'v'])
    list.push('three')
    expect(other.values.intern('list').hash).toBe(values.intern('list').hash)
    expect(String((object.get('list') as HeapArray).get(2))).toBe('three')
    expect([heap.verify(), other.verify()]).toEqual([{ ok: true }, { ok: true }])
    heap.globalObject = null
  })

  it.each(MODES)('%s: verify finds a damaged value', (mode) => {
    using heap = Heap.create({ mode, limit: LIMITS[mode] })
    using _scope = heap.scope()
    const string = heap.values.string('sound')
    expect(heap.verify()).toEqual({ ok: true })
    heap.raw.u32[(string.reference + STRING_CODE_POINTS_AT) >>> 2] = 99
    expect(heap.verify()).toMatchObject({
      ok: false,
      fault: expect.stringContaining('a string'),
      address: string.reference,
    })
  })
})

describe.each(['manual', 'embedded', 'vm', 'runtime', 'server'])('%s: what looks right and is not', (name) => {
  it('null is no list of values', () =>
    inValueHeap(name, (heap) => {
      expect(() => heap.values.array('i8', null as never)).toThrow(/`values` must be iterable, or left out; got null/)
    }))

  it('an object whose scope is closed has no properties, and not none', () =>
    inValueHeap(name, (heap) => {
      const scope = heap.scope()
      const object = heap.values.object()
      scope.close()
      for (const key of ['never interned', 1]) {
        expect(() => object.has(key)).toThrow(StaleHandleError)
        expect(() => object.delete(key)).toThrow(StaleHandleError)
      }
    }))

  it('a cache for an object needs no scope to set a property', () =>
    inValueHeap(name, (heap) => {
      using other = Heap.create({ ...VALUE_HEAPS[name] })
      const scope = other.scope()
      using cache = other.values.cache(other.values.array('i8'))
      const object = other.root(other.values.object())
      scope.close()
      object.value.set(cache, 2.5)
      expect([object.value.get(cache), heap.verify()]).toEqual([2.5, { ok: true }])
    }))

  it('words: an index is an integer', () =>
    inValueHeap(name, (heap) => {
      const { words } = heap.values
      const list = words.of(heap.values.array('value', [5, null]))
      for (const bad of [0.5, 2 ** 32, Number.NaN, -1, 2, -0.5]) {
        expect(() => words.arrayGet(list, bad), String(bad)).toThrow(/`arrayGet` must be called with places that are/)
        expect(() => words.arraySet(list, bad, words.integer(7)), String(bad)).toThrow(ArgumentError)
      }
      expect([words.arrayGet(list, -0), words.arrayGet(list, 1)]).toEqual([words.integer(5), WORD.null])
    }))

  it('words: types of values are not made of zeros', () =>
    inValueHeap(name, (heap) => {
      const { words } = heap.values
      for (const value of [heap.values.array('i8'), heap.values.string('a'), heap.values.object()]) {
        const type = words.typeOf(words.of(value))
        expect(() => words.make(type, words.payloadBytes(words.of(value)))).toThrow(/a type and bytes that fit it/)
      }
      words.release(words.make(words.typeId(Box), Box.fixedBytes))
    }))
})

it('structs have no names of types of values', () => {
  expect(() => struct('#string', { n: i32 })).toThrow(/`name` must be one that does not begin with #/)
})

describe.each(['manual', 'vm', 'runtime'] as const)('%s: the bytes that a call found no room for', (mode) => {
  /** What the error and the reclaimers say, of a call that asks for too much. */
  function requested(call: (heap: Heap) => unknown): number {
    const told: number[] = []
    using heap = Heap.create({ mode, limit: '512KiB' })
    using _scope = heap.scope()
    heap.addReclaimer((bytes) => {
      told.push(bytes)
      return 0
    })
    let error: unknown
    try {
      call(heap)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(OutOfMemoryError)
    const { requestedBytes } = error as OutOfMemoryError
    for (const bytes of told) expect(bytes).toBe(requestedBytes)
    return requestedBytes
  }

  it('by views: elements times their bytes', () => {
    expect(requested(({ values }) => values.array('u8', [1, 2, 3, 4, 5]).resize(1e9))).toBe(1e9)
    expect(requested(({ values }) => values.array('f64').resize(2e8))).toBe(16e8)
    expect(requested(({ values }) => values.array('f64').reserve(2e8))).toBe(16e8)
    expect(requested(({ values }) => values.array('wide').reserve(1e7))).toBe(8e7)
    expect(requested(({ values }) => values.array({ bytes: 100 }).resize(1e6))).toBe(1e8)
    expect(requested(({ values }) => values.array('f64').append(new Float64Array(1e6)))).toBe(8e6)
  })

  it('by words', () => {
    expect(requested(({ values: { words } }) => words.array('f64', 1e8))).toBe(8e8)
    expect(requested(({ values: { words } }) => words.array({ bytes: 3 }, 1e8))).toBe(3e8)
    expect(requested(({ values: { words } }) => words.arrayResize(words.array('i16'), 1e8))).toBe(2e8)
    expect(requested(({ values: { words } }) => words.arrayInsert(words.array('value'), 0, 1e8))).toBe(4e8)
  })

  it('of an array that grows until there is no room: one element more than it has', () => {
    for (const kind of ['value', 'wide', 'f64'] as const) {
      let length = 0
      const bytes = requested(({ values }) => {
        const array = values.array(kind as 'value') as { push(value: number): number }
        for (;;) length = array.push(length)
      })
      expect(bytes).toBe((length + 1) * (kind === 'value' ? 4 : 8))
    }
    let length = 0
    const bytes = requested((heap) => {
      const { words } = heap.values
      const root = heap.root(heap.values.array('value'))
      for (;;) {
        words.arrayPush(words.of(root), words.integer(1))
        length++
      }
    })
    expect(bytes).toBe((length + 1) * 4)
  })
})

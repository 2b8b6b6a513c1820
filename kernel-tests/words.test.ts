/**
 * Goal: wherever a reference may be there may be any word. One that refers to an object keeps it and follows it; every
 * other one (an integer, a special, a character, half of a double) stays as it is, bit for bit, and keeps nothing.
 * Method: the bare debug kernel of each plan; every place for a word is filled with words of all kinds, most of them a
 * live object's address but for a tag, and read again after each kind of collection; wide values by scenes of their own;
 * then random operations against the plain graph of `object-model.ts`, with a look at everything after each of them.
 * A failure means: an integer that is followed as if it were a reference, or changed like one; or a reference that is
 * taken for a number, whose object is freed.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import { ObjectKernel, type ObjectKernelOptions } from './object-kernel.js'
import { ObjectModel } from './object-model.js'
import { Scene } from './object-scene.js'

const { POLICY_AGEING, POLICY_EVACUATE, POLICY_INCREMENTAL, POLICY_LAZY_SWEEP, POLICY_MOVE_ALL } = objects
const { SHAPE_LIST, SHAPE_MASK, SHAPE_MIXED, SHAPE_WIDE, TRAIL_BYTES, TRAIL_MIXED, TRAIL_NONE } = objects
const { WIDE_INTEGER, WIDE_REFERENCE, WIDE_SPECIAL } = values
const KIB = 2 ** 10

/** The plans behind the modes whose objects are traced, and what is rare in them. */
const PLANS: readonly [string, ObjectKernelOptions][] = [
  ['vm', { policy: POLICY_EVACUATE | POLICY_LAZY_SWEEP }],
  ['vm, moving all', { policy: POLICY_MOVE_ALL }],
  ['vm, short mark stack', { policy: POLICY_MOVE_ALL, knobs: objects.KNOB_SHORT_MARK_STACK }],
  ['runtime', { nursery: 64 * KIB }],
  ['runtime, ageing', { nursery: 64 * KIB, policy: POLICY_AGEING | POLICY_EVACUATE }],
  ['runtime, short log', { nursery: 64 * KIB, policy: POLICY_MOVE_ALL, knobs: objects.KNOB_SHORT_LOG }],
  ['server', { nursery: 64 * KIB, policy: POLICY_INCREMENTAL, stepUnits: 1 }],
  [
    'server, ageing, short log',
    { nursery: 64 * KIB, policy: POLICY_INCREMENTAL | POLICY_AGEING, stepUnits: 1, knobs: objects.KNOB_SHORT_LOG },
  ],
  ['embedded', { mode: 'embedded' }],
  ['embedded, moving all', { mode: 'embedded', policy: POLICY_MOVE_ALL }],
  ['embedded, short mark stack', { mode: 'embedded', policy: POLICY_MOVE_ALL, knobs: objects.KNOB_SHORT_MARK_STACK }],
]
const WITH_NURSERY = PLANS.filter(([, { nursery }]) => nursery !== undefined)

/** A scene with the types that the others lack, and every kind of collection. */
class Words extends Scene {
  readonly mask = this.run('typeAdd', 0, 0, SHAPE_MASK, TRAIL_NONE, 0, 16, 0b1010, 0, 0)
  readonly mixed = this.run('typeAdd', 0, 0, SHAPE_MIXED, TRAIL_MIXED, 1, 4, 0, 12, 0b101)
  readonly wide = this.run('typeAdd', 0, 0, SHAPE_WIDE, TRAIL_BYTES, 1, 8, 0, 8, 0)
  readonly list3 = this.#listType()
  readonly state = this.run('valuesCreate', 4 * values.VALUES_ROOTS + 8)

  #listType(): number {
    const text = this.run('typeText', 4)
    new Uint16Array(this.memory.buffer, text, 2).set([4, 8])
    return this.run('typeAdd', text, 4, SHAPE_LIST, TRAIL_NONE, 2, 16, text, 0, 0)
  }

  /** Every collection that the plan has; `look` is called after each. */
  churn(look: (after: string) => void): void {
    const steps: [string, () => void][] = [
      ['a full collection', () => this.collect(objects.COLLECT_FULL)],
      ['a compaction', () => this.collect(objects.COLLECT_COMPACT)],
    ]
    if (this.hasNursery) {
      const minor: [string, () => void] = ['a minor collection', () => this.minor()]
      steps.unshift(minor, minor)
    }
    if (this.hasNursery && this.word(objects.SPACE_POLICY_AT) & POLICY_INCREMENTAL) {
      for (const phase of [objects.PHASE_MARK, objects.PHASE_WEAK, objects.PHASE_SWEEP]) {
        steps.push([
          `a cycle with a minor collection in phase ${phase}`,
          () => {
            this.begin()
            this.minor()
            this.stepTo(phase)
            this.verify()
            this.minor()
            this.finish()
          },
        ])
      }
    }
    for (const [what, run] of steps) {
      for (let i = 0; i < 50; i++) this.run('objectNew', this.pair, 8)
      run()
      look(what)
    }
  }

  /** A handle to an array of `length` wide values. */
  wideOf(length: number): number {
    return this.run('objectPush', this.wide, 8 + 8 * length)
  }

  setWide(slot: number, index: number, low: number, high: number): void {
    this.run('storeWide', this.u32(slot), this.u32(slot) + 8 + 8 * index, low, high)
  }

  wideAt(slot: number, index: number): [low: number, high: number] {
    const at = this.u32(slot) + 8 + 8 * index
    return [this.u32(at), this.u32(at + 4)]
  }
}

/** Somewhere to put words: where the word with a number is. */
interface Place {
  readonly count: number
  readonly put: (index: number, word: number) => void
  readonly get: (index: number) => number
}

/** A place in an object that a handle holds, whose words are at these offsets. */
function inObject(kernel: Words, type: number, bytes: number, offsets: readonly number[]): Place {
  const slot = kernel.run('objectPush', type, bytes)
  return {
    count: offsets.length,
    put: (index, word) => kernel.store(kernel.u32(slot), offsets[index] as number, word),
    get: (index) => kernel.u32(kernel.u32(slot) + (offsets[index] as number)),
  }
}

function at(kernel: Words, ...addresses: number[]): Place {
  return {
    count: addresses.length,
    put: (index, word) => kernel.setU32(addresses[index] as number, word),
    get: (index) => kernel.u32(addresses[index] as number),
  }
}

function inStack(kernel: Words, pinning: number, top: number, base: number): Place {
  kernel.expectOk('shadowCreate', 8, pinning)
  kernel.setWord(top, kernel.word(base) + 32)
  return at(kernel, ...Array.from({ length: 8 }, (_, i) => kernel.word(base) + 4 * i))
}

function inRoots(kernel: Words, kind: number): Place {
  // The words that free slots hold are odd, so they are what a root may be as well.
  const slots = Array.from({ length: 6 }, () => kernel.run('rootAdd', kind, 0))
  for (const index of [1, 3]) kernel.expectOk('rootRemove', kind, slots[index] as number)
  const readd = (index: number, word: number) => {
    kernel.expectOk('rootRemove', kind, slots[index] as number)
    slots[index] = kernel.run('rootAdd', kind, word)
  }
  for (const index of [1, 3]) slots[index] = kernel.run('rootAdd', kind, 9)
  return { count: slots.length, put: readd, get: (index) => kernel.u32(slots[index] as number) }
}

function inWeakMap(kernel: Words): Place {
  const map = kernel.handle(kernel.run('weakMapNew'))
  const keys = Array.from({ length: 5 }, () => kernel.list(1))
  return {
    count: keys.length,
    put(index, word) {
      const slot = kernel.handle(word)
      kernel.expectOk('weakMapSet', map, keys[index] as number, slot)
      kernel.run('handlePop', slot)
    },
    get: (index) => kernel.run('weakMapGet', kernel.u32(map), kernel.u32(keys[index] as number)),
  }
}

function inWide(kernel: Words, high: number): Place {
  const slot = kernel.wideOf(40)
  return {
    count: 40,
    put: (index, word) => kernel.setWide(slot, index, word, high),
    get(index) {
      const [low, upper] = kernel.wideAt(slot, index)
      expect(upper).toBe(high)
      return low
    },
  }
}

const upTo = (count: number, step: number, from = 0) => Array.from({ length: count }, (_, i) => from + step * i)

const PLACES: readonly [string, (kernel: Words) => Place][] = [
  ['fields', (kernel) => inObject(kernel, kernel.pair, 8, [0, 4])],
  ['fields by mask', (kernel) => inObject(kernel, kernel.mask, 16, [4, 12])],
  ['fields by list', (kernel) => inObject(kernel, kernel.list3, 16, [4, 8])],
  ['a trailing array', (kernel) => inObject(kernel, kernel.array, 4 * 100, upTo(100, 4))],
  ['records', (kernel) => inObject(kernel, kernel.mixed, 4 + 12 * 20, [0, ...upTo(20, 12, 4), ...upTo(20, 12, 12)])],
  [
    'a large array',
    (kernel) => {
      const length = kernel.mode === 'vm' ? 20_000 : 2000
      return inObject(kernel, kernel.array, 4 * length, upTo(100, 4 * (length / 100)))
    },
  ],
  ['wide values', (kernel) => inWide(kernel, WIDE_REFERENCE)],
  ['the field before wide values', (kernel) => inObject(kernel, kernel.wide, 8 + 16, [0])],
  ['handles', (kernel) => at(kernel, ...upTo(20, 0).map(() => kernel.handle(0)))],
  ['strong roots', (kernel) => inRoots(kernel, objects.ROOT_STRONG)],
  ['pinned roots', (kernel) => inRoots(kernel, objects.ROOT_PINNED)],
  [
    'named words',
    (kernel) => {
      const block = kernel.run('allocZeroed', 32)
      const words = upTo(8, 4, block)
      for (const word of words) expect(kernel.run('rootAdd', objects.ROOT_SLOT, word)).not.toBe(0)
      return at(kernel, ...words)
    },
  ],
  ['the shadow stack', (kernel) => inStack(kernel, 0, objects.SPACE_SHADOW_TOP_AT, objects.SPACE_SHADOW_BASE_AT)],
  ['the pinning stack', (kernel) => inStack(kernel, 1, objects.SPACE_PIN_TOP_AT, objects.SPACE_PIN_BASE_AT)],
  [
    'the global object and the pending exception',
    (kernel) =>
      at(kernel, kernel.space + objects.SPACE_GLOBAL_OBJECT_AT, kernel.space + objects.SPACE_PENDING_EXCEPTION_AT),
  ],
  ['the roots of the values’ state', (kernel) => at(kernel, ...upTo(values.VALUES_ROOTS, 4, kernel.state))],
  ['values of a weak map', inWeakMap],
]

/** Words that refer to nothing, some of them addresses but for a tag. */
function plainWords(kernel: Words, addresses: readonly number[]): number[] {
  const young = kernel.hasNursery ? kernel.word(objects.SPACE_YOUNG_BASE_AT) : 0
  const tagged = [...addresses, young, kernel.base + 65_536].flatMap((address) =>
    [1, 3, 5, 7, 2, 6].map((tag) => ((address & ~7) | tag) >>> 0),
  )
  const integer = (value: number) => ((value << 1) | 1) >>> 0
  const integers = [0, 1, -1, values.INTEGER_MIN, values.INTEGER_MAX].map(integer)
  const { WORD_EXCEPTION, WORD_FALSE, WORD_NULL, WORD_TRUE, WORD_UNDEFINED } = values
  const specials = [WORD_UNDEFINED, WORD_NULL, WORD_TRUE, WORD_FALSE, WORD_EXCEPTION, 0xfffffffa]
  return [0, ...integers, ...specials, 0x06, 0xfffffffe, ...tagged]
}

describe.each(PLANS)('%s', (_, options) => {
  test.each(PLACES)('%s: every word stays, and every object', (_place, make) => {
    const kernel = new Words(options)
    const place = make(kernel)
    // In `put`, which may collect, young words would be stale: they are given by a handle.
    const old = kernel.handle(kernel.leaf(4711))
    if (kernel.hasNursery) kernel.minor()
    const young = kernel.handle(kernel.leaf(4712))
    const words = plainWords(kernel, [kernel.u32(old), kernel.u32(young)])
    for (let from = 0; from < words.length; from += Math.max(place.count - 2, 1)) {
      // The last two words of a place are references where there is room.
      const some = words.slice(from, from + Math.max(place.count - 2, 1))
      some.forEach((word, i) => {
        place.put(i, word)
      })
      const references = [old, young].slice(0, place.count - some.length)
      references.forEach((slot, i) => {
        place.put(some.length + i, kernel.u32(slot))
      })
      kernel.verify()
      kernel.churn((after) => {
        expect(
          some.map((_word, i) => place.get(i)),
          after,
        ).toEqual(some)
        for (const [i, slot] of references.entries()) {
          expect(place.get(some.length + i), after).toBe(kernel.u32(slot))
          expect(kernel.u32(kernel.u32(slot)), after).toBe(4711 + i)
        }
      })
    }
  })

  test.each(PLACES)('%s: a reference alone keeps its object, other words keep nothing', (_place, make) => {
    const kernel = new Words(options)
    const place = make(kernel)
    const leaf = kernel.leaf(4711)
    place.put(0, leaf)
    kernel.churn((after) => expect(kernel.u32(place.get(0)), after).toBe(4711))
    // A cycle counts no young objects.
    kernel.collect()
    const { live } = kernel
    const tagged = place.get(0) | 1
    place.put(0, tagged)
    kernel.collect()
    expect([place.get(0), kernel.live]).toEqual([tagged, live - 1])
  })

  test('doubles in wide values stay, and keep nothing, whatever they look like', () => {
    const kernel = new Words(options)
    const held = kernel.handle(kernel.leaf(4711))
    const lost = kernel.handle(kernel.leaf(4712))
    const slot = kernel.wideOf(60)
    const highs = [0, 0x80000000, 0x3ff00000, 0x7ff00000, 0xfff00000, values.WIDE_NAN, WIDE_INTEGER, WIDE_SPECIAL]
    highs.push(WIDE_REFERENCE - 1, WIDE_REFERENCE + 1, 0x7ffd0000, 0xfffd8000)
    const lows = [0, kernel.u32(held), kernel.u32(lost), 0xffffffff, 0xfffffff8]
    const all = highs.flatMap((high) => lows.map((low): [number, number] => [low, high]))
    for (const [i, [low, high]] of all.entries()) kernel.setWide(slot, i, low, high)
    const expected = all.map((_wide, i) => kernel.wideAt(slot, i))
    expect(expected).toEqual(all)
    kernel.setU32(lost, 0)
    kernel.collect()
    const { live } = kernel
    kernel.churn((after) => {
      expect(
        all.map((_wide, i) => kernel.wideAt(slot, i)),
        after,
      ).toEqual(all)
    })
    kernel.collect()
    // The held leaf and the array.
    expect([live, kernel.live]).toEqual([2, 2])
  })

  test('an array of wide values longer than a slice keeps what each of them refers to', () => {
    const kernel = new Words(options)
    const length = kernel.mode === 'vm' ? 3000 : 300
    const slot = kernel.wideOf(length)
    for (let i = 0; i < length; i++) {
      if (i % 3 === 0) kernel.setWide(slot, i, kernel.leaf(i), WIDE_REFERENCE)
      else kernel.setWide(slot, i, 16 * i + 8, 0x40000000 + i)
    }
    kernel.churn((after) => {
      for (let i = 0; i < length; i++) {
        const [low, high] = kernel.wideAt(slot, i)
        if (i % 3 === 0) expect([kernel.u32(low), high], after).toEqual([i, WIDE_REFERENCE])
        else expect([low, high], after).toEqual([16 * i + 8, 0x40000000 + i])
      }
    })
  })

  test('no key, no weak target, no object to hash or to finalize is a word that is no reference', () => {
    const kernel = new Words(options)
    const map = kernel.handle(kernel.run('weakMapNew'))
    const key = kernel.list(1)
    kernel.expectOk('weakMapSet', map, key, key)
    const slot = kernel.handle(0)
    for (const word of plainWords(kernel, [kernel.u32(key), 0xfffffff0])) {
      kernel.setU32(slot, word)
      expect(kernel.run('weakMapSet', map, slot, key)).toBe(layout.STATUS_BAD_ARGUMENT)
      expect(kernel.run('weakMapSet', slot, key, key)).toBe(layout.STATUS_BAD_ARGUMENT)
      for (const name of ['weakMapGet', 'weakMapHas', 'weakMapDelete']) {
        expect(kernel.run(name, kernel.u32(map), word), name).toBe(0)
        expect(kernel.run(name, word, kernel.u32(key)), name).toBe(0)
      }
      expect(kernel.run('weakRefGet', word)).toBe(0)
      expect(kernel.run('identityHash', word)).toBe(0)
      expect(kernel.run('finalizerAdd', word, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
      if (word !== 0) expect(kernel.run('weakRefNew', slot)).toBe(0)
      if (word !== 0) expect(kernel.run('rootAdd', objects.ROOT_WEAK, word)).toBe(0)
      expect(kernel.run('objectStatus', word)).not.toBe(layout.STATUS_OK)
    }
    expect(kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key))).toBe(kernel.u32(key))
    kernel.verify()
  })

  test('a wide value is stored at a multiple of eight in the memory, and nowhere else', () => {
    const kernel = new Words(options)
    const slot = kernel.wideOf(2)
    const holder = kernel.u32(slot)
    const before = new Uint8Array(kernel.memory.buffer).slice()
    const { byteLength } = kernel.memory.buffer
    for (const place of [holder + 4, holder + 12, holder + 1, byteLength, byteLength - 4, 0xfffffff8, 0xffffffff]) {
      kernel.run('storeWide', holder, place, 1, 2)
    }
    expect(Buffer.compare(before, new Uint8Array(kernel.memory.buffer))).toBe(0)
    kernel.run('storeWide', holder, holder + 16, 1, 2)
    expect(kernel.wideAt(slot, 1)).toEqual([1, 2])
  })

  test('the values’ state is made once, and again after a reset', () => {
    const kernel = new Words(options)
    const { state } = kernel
    expect(state).not.toBe(0)
    expect(state % 8).toBe(0)
    const bytes = 4 * values.VALUES_ROOTS + 8
    for (let i = 0; i < bytes; i += 4) expect(kernel.u32(state + i)).toBe(0)
    // Behind the roots are plain words: what looks like a reference there keeps nothing.
    kernel.setU32(state + 4 * values.VALUES_ROOTS, kernel.leaf(1))
    const beyond = kernel.u32(state + 4 * values.VALUES_ROOTS)
    kernel.setU32(state, kernel.leaf(4711))
    for (const length of [bytes, 0, 1, 2 ** 20, 0xffffffff]) expect(kernel.run('valuesCreate', length)).toBe(state)
    kernel.churn((after) => expect(kernel.u32(kernel.u32(state)), after).toBe(4711))
    expect([kernel.live, kernel.u32(state + 4 * values.VALUES_ROOTS)]).toEqual([1, beyond])
    kernel.run('reset')
    expect(kernel.word(objects.SPACE_VALUES_AT)).toBe(0)
    kernel.verify()
    kernel.collect()
    for (const length of [0, 4 * values.VALUES_ROOTS - 1, 0xffffffff]) {
      expect(kernel.run('valuesCreate', length)).toBe(0)
      expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_BAD_ARGUMENT)
    }
    const again = kernel.run('valuesCreate', 4 * values.VALUES_ROOTS)
    expect(kernel.word(objects.SPACE_VALUES_AT)).toBe(again)
    expect(again).not.toBe(0)
    for (let i = 0; i < values.VALUES_ROOTS; i++) expect(kernel.u32(again + 4 * i)).toBe(0)
    kernel.verify()
  })
})

test.each(['vm', 'embedded'] as const)('in mode %s a state that there is no memory for is refused', (mode) => {
  const kernel = new Scene({ mode, limit: mode === 'vm' ? 256 * KIB : 8000 })
  const list = kernel.list(20)
  expect(kernel.run('valuesCreate', 2 ** 20)).toBe(0)
  expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
  expect([kernel.word(objects.SPACE_VALUES_AT), kernel.length(list)]).toEqual([0, 20])
  kernel.verify()
  expect(kernel.run('valuesCreate', 4 * values.VALUES_ROOTS)).not.toBe(0)
  kernel.verify()
})

test('in mode embedded a state that only a collection makes room for is made', () => {
  const kernel = new Scene({ mode: 'embedded', limit: 8000 })
  const kept = kernel.list(3)
  const before = kernel.word(objects.SPACE_COLLECTIONS_AT)
  while (kernel.word(objects.SPACE_COLLECTIONS_AT) === before) {
    const garbage = kernel.run('objectNew', kernel.bytes, 400)
    expect(garbage).not.toBe(0)
    if (kernel.word(objects.SPACE_BUMP_AT) + 1000 > kernel.word(objects.SPACE_LIMIT_AT)) break
  }
  expect(kernel.run('valuesCreate', 2000)).not.toBe(0)
  expect(kernel.word(objects.SPACE_COLLECTIONS_AT)).toBe(before + 1)
  expect(kernel.length(kept)).toBe(3)
  kernel.verify()
})

describe('wide values and the nursery', () => {
  test.each(WITH_NURSERY)('%s: an old array keeps what is young, through the log', (_, options) => {
    const kernel = new Words(options)
    const slot = kernel.wideOf(500)
    kernel.collect()
    expect(kernel.isYoung(kernel.u32(slot))).toBe(false)
    for (let i = 0; i < 500; i++) kernel.setWide(slot, i, kernel.leaf(i), WIDE_REFERENCE)
    kernel.verify()
    for (let round = 0; round < 3; round++) {
      kernel.minor()
      for (let i = 0; i < 500; i++) expect(kernel.u32(kernel.wideAt(slot, i)[0])).toBe(i)
    }
    expect(kernel.word(objects.SPACE_LOG_OVERFLOWS_AT) > 0).toBe((options.knobs ?? 0) !== 0)
  })

  test.each(WITH_NURSERY)('%s: what was logged and is a double by now stays as it is', (_, options) => {
    const kernel = new Words(options)
    const slot = kernel.wideOf(8)
    kernel.collect()
    const leaf = kernel.handle(kernel.leaf(4711))
    const tag = kernel.u32(leaf)
    kernel.setWide(slot, 0, tag, WIDE_REFERENCE)
    kernel.setWide(slot, 0, tag, 0x40000000)
    kernel.setWide(slot, 1, tag, WIDE_REFERENCE)
    kernel.setWide(slot, 1, (tag | 1) >>> 0, WIDE_REFERENCE)
    // Logged twice.
    kernel.setWide(slot, 2, tag, WIDE_REFERENCE)
    kernel.setWide(slot, 2, tag, WIDE_REFERENCE)
    kernel.setWide(slot, 3, 0, WIDE_REFERENCE)
    kernel.verify()
    expect(kernel.wideAt(slot, 0)).toEqual([tag, 0x40000000])
    for (let round = 0; round < 2; round++) {
      kernel.minor()
      expect(kernel.wideAt(slot, 0)).toEqual([tag, 0x40000000])
      expect(kernel.wideAt(slot, 1)).toEqual([(tag | 1) >>> 0, WIDE_REFERENCE])
      expect(kernel.wideAt(slot, 2)).toEqual([kernel.u32(leaf), WIDE_REFERENCE])
      expect(kernel.wideAt(slot, 3)).toEqual([0, WIDE_REFERENCE])
    }
  })

  test.each(WITH_NURSERY)(
    '%s: what a pin keeps young stays in the log, and is a double when that says so',
    (_, options) => {
      const kernel = new Words(options)
      const slot = kernel.wideOf(8)
      kernel.collect()
      const pinned = kernel.leaf(4711)
      const pin = kernel.run('rootAdd', objects.ROOT_PINNED, pinned)
      kernel.setWide(slot, 0, pinned, WIDE_REFERENCE)
      kernel.setWide(slot, 1, pinned, WIDE_REFERENCE)
      kernel.churn((after) => {
        expect([kernel.isYoung(pinned), kernel.wideAt(slot, 0)], after).toEqual([true, [pinned, WIDE_REFERENCE]])
        // Arrays that have died, whose slots leave the log.
        kernel.run('handlePop', slot + 4)
        const lost = kernel.wideOf(2000)
        for (const index of [0, 1999]) kernel.setWide(lost, index, pinned, WIDE_REFERENCE)
        kernel.setU32(lost, 0)
      })
      // More than a short log holds: the next collection looks through all old objects.
      for (let index = 2; index < 8; index++) {
        kernel.setWide(slot, index, pinned, WIDE_REFERENCE)
        kernel.setWide(slot, index, 0, 0)
      }
      kernel.minor()
      kernel.setWide(slot, 1, pinned, 0x40000000)
      kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
      kernel.minor()
      kernel.minor()
      const [low] = kernel.wideAt(slot, 0)
      expect([low === pinned, kernel.u32(low), kernel.wideAt(slot, 1)]).toEqual([false, 4711, [pinned, 0x40000000]])
    },
  )

  test('a barrier that logs nothing is found', () => {
    const kernel = new Words({ nursery: 64 * KIB, knobs: objects.KNOB_NO_BARRIER })
    const slot = kernel.wideOf(8)
    kernel.collect()
    kernel.setWide(slot, 5, kernel.leaf(1), 0x40000000)
    expect(kernel.fault()).toBe(layout.FAULT_NONE)
    kernel.setWide(slot, 5, kernel.leaf(1), WIDE_REFERENCE)
    expect(kernel.fault()).toBe(objects.FAULT_REMEMBERED)
  })
})

describe('wide values while a cycle marks', () => {
  /** `first[0] -> hidden`, both old, and `first` is scanned after all others. */
  function hiding(knobs = 0) {
    const kernel = new Words({ nursery: 64 * KIB, policy: POLICY_INCREMENTAL, stepUnits: 1, knobs })
    const first = kernel.wideOf(4)
    kernel.setWide(first, 0, kernel.leaf(4711), WIDE_REFERENCE)
    kernel.list(300)
    kernel.minor()
    kernel.begin()
    kernel.stepTo(objects.PHASE_MARK)
    return { kernel, first, hidden: kernel.wideAt(first, 0)[0] }
  }

  test.each<[string, number, number]>([
    ['a double', 0x12345678, 0x40000000],
    ['a double with the same lower half', -1, 0x40000000],
    ['an integer', 7, WIDE_REFERENCE],
    ['null', 0, WIDE_REFERENCE],
  ])('what %s overwrites is kept', (_, low, high) => {
    const { kernel, first, hidden } = hiding()
    const slot = kernel.handle(hidden)
    expect(kernel.run('objectState', hidden) & 1).toBe(0)
    kernel.setWide(first, 0, low < 0 ? hidden : low, high)
    kernel.verify()
    kernel.finish(1)
    expect([kernel.u32(slot), kernel.isObject(hidden), kernel.u32(hidden)]).toEqual([hidden, true, 4711])
    kernel.finish()
    kernel.collect()
    expect(kernel.u32(kernel.u32(slot))).toBe(4711)
  })

  test('a barrier that shades nothing is found', () => {
    const { kernel, first, hidden } = hiding(objects.KNOB_NO_SHADING)
    kernel.handle(hidden)
    kernel.setWide(first, 0, 0, 0x40000000)
    expect(kernel.fault()).toBe(objects.FAULT_UNPROTECTED)
  })

  test('a double that is overwritten shades nothing, even if it looks like a reference', () => {
    const { kernel, first } = hiding()
    const dead = kernel.leaf(1)
    for (const low of [dead, 0xfffffff8, 8]) {
      kernel.setWide(first, 1, low, 0x40000000)
      kernel.setWide(first, 1, 0, 0)
    }
    kernel.finish()
  })
})

test('in every phase of a cycle the values of a weak map read as they were set', () => {
  const kernel = new Words({ nursery: 64 * KIB, policy: POLICY_INCREMENTAL, stepUnits: 1 })
  const map = kernel.handle(kernel.run('weakMapNew'))
  const keys = Array.from({ length: 6 }, () => kernel.list(1))
  const leaf = kernel.handle(kernel.leaf(4711))
  kernel.minor()
  const words = plainWords(kernel, [kernel.u32(leaf), kernel.u32(map)]).slice(-5)
  const set = (index: number, word: number) => {
    const slot = kernel.handle(word)
    kernel.expectOk('weakMapSet', map, keys[index] as number, slot)
    kernel.run('handlePop', slot)
  }
  const get = (index: number) => kernel.run('weakMapGet', kernel.u32(map), kernel.u32(keys[index] as number))
  const all = [...words, kernel.u32(leaf)]
  for (let round = 0; round < 2; round++) {
    all.forEach((word, i) => {
      set(i, word)
    })
    kernel.begin()
    for (const phase of [objects.PHASE_MARK, objects.PHASE_WEAK, objects.PHASE_SWEEP]) {
      kernel.stepTo(phase)
      expect(all.map((_word, i) => get(i))).toEqual(all)
      // Setting shades what was there, and deleting does.
      set(0, words[1] as number)
      set(0, words[0] as number)
      set(5, words[1] as number)
      set(5, kernel.u32(leaf))
      expect(kernel.run('weakMapDelete', kernel.u32(map), kernel.u32(keys[1] as number))).toBe(1)
      set(1, words[1] as number)
      kernel.verify()
    }
    kernel.finish()
  }
  expect(kernel.u32(get(5))).toBe(4711)
})

describe('random words', () => {
  const SEEDS = 8
  const STEPS = 250

  test.each(PLANS)('%s', (name, options) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const kernel = new ObjectKernel(options)
      try {
        const below = random(Math.imul(seed, 0x85ebca6b))
        const model = new ObjectModel(kernel, below)
        kernel.expectOk('setStress', objects.STRESS_RANDOM, 6, seed)
        for (let i = 0; i < STEPS; i++) {
          const before = kernel.word(objects.SPACE_COLLECTIONS_AT) + minors(kernel)
          model.step()
          if (i % 25 === 24 && kernel.hasNursery) model.beginCycle()
          if (kernel.word(objects.SPACE_COLLECTIONS_AT) + minors(kernel) === before) continue
          model.check()
          kernel.verify()
        }
        model.collect(objects.COLLECT_FULL)
        model.finish()
      } catch (error) {
        throw new Error(`${name}, seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
  })

  const minors = (kernel: ObjectKernel) => (kernel.hasNursery ? kernel.word(objects.SPACE_MINORS_AT) : 0)
})

/**
 * Goal: the nursery loses nothing, whatever refers to its objects from wherever; a barrier that was left out is found;
 * and what is rare (a log that is lost, a stack that overflows, no room to promote to) costs time, never objects.
 * Method: the bare debug kernel with a nursery, small scenes with known contents; each rare branch is forced by a knob
 * or a full memory, and a counter proves that it was taken.
 * A failure means: an object that is freed while an old one refers to it.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import type { ObjectKernelOptions } from './object-kernel.js'
import { Scene } from './object-scene.js'

const KIB = 2 ** 10
const MIB = 2 ** 20
const FIRST_LOG_BYTES = 4096

const scene = (options: ObjectKernelOptions = {}) => new Scene({ nursery: 64 * KIB, ...options })

const logBytes = (kernel: Scene) => kernel.word(objects.SPACE_LOG_LIMIT_AT) - kernel.word(objects.SPACE_LOG_BASE_AT)
const youngBytes = (kernel: Scene) => kernel.word(objects.SPACE_YOUNG_BYTES_AT)

/** The numbers of the leaves that an array refers to. */
const leaves = (kernel: Scene, slot: number, length: number) =>
  Array.from({ length }, (_, i) => kernel.u32(kernel.u32(kernel.u32(slot) + 4 * i)))

const upTo = (length: number) => Array.from({ length }, (_, i) => i)

/** Ways to make an old object refer to a young one; each gives how to read the number that the young one holds. */
const edges: [string, (kernel: Scene) => () => number][] = [
  [
    'a field',
    (kernel) => {
      const slot = kernel.run('objectPush', kernel.pair, 8)
      kernel.run('collect', objects.COLLECT_MINOR)
      kernel.store(kernel.u32(slot), 4, kernel.leaf(42))
      return () => kernel.u32(kernel.u32(kernel.u32(slot) + 4))
    },
  ],
  [
    'an element of a large array, which is born old',
    (kernel) => {
      const slot = kernel.arrayOf(100_000)
      kernel.put(slot, 99_999, kernel.leaf(42))
      return () => kernel.u32(kernel.u32(kernel.u32(slot) + 4 * 99_999))
    },
  ],
  [
    'a copy in bulk',
    (kernel) => {
      const slot = kernel.arrayOf(100)
      kernel.run('collect', objects.COLLECT_MINOR)
      const young = kernel.arrayOf(10)
      const leaf = kernel.leaf(42)
      kernel.store(kernel.u32(young), 20, leaf)
      const [to, from] = [kernel.u32(slot), kernel.u32(young)]
      kernel.run('copyReferences', to, to + 200, from, 10)
      return () => kernel.u32(kernel.u32(kernel.u32(slot) + 220))
    },
  ],
  [
    'the value of a weak map',
    (kernel) => {
      const map = kernel.handle(kernel.run('weakMapNew'))
      const key = kernel.list(1)
      kernel.run('weakMapSet', map, key, key)
      kernel.run('collect', objects.COLLECT_MINOR)
      const value = kernel.handle(kernel.leaf(42))
      kernel.run('weakMapSet', map, key, value)
      kernel.setU32(value, 0)
      return () => kernel.u32(kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key)))
    },
  ],
  [
    'a key of a weak map',
    (kernel) => {
      const map = kernel.handle(kernel.run('weakMapNew'))
      const value = kernel.handle(kernel.leaf(42))
      kernel.run('weakMapSet', map, value, value)
      kernel.run('collect', objects.COLLECT_MINOR)
      const key = kernel.list(1)
      kernel.run('weakMapSet', map, key, value)
      return () => kernel.u32(kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key)))
    },
  ],
  [
    'a new table of a weak map',
    (kernel) => {
      const map = kernel.handle(kernel.run('weakMapNew'))
      kernel.run('collect', objects.COLLECT_MINOR)
      const key = kernel.list(1)
      const value = kernel.handle(kernel.leaf(42))
      kernel.run('weakMapSet', map, key, value)
      kernel.setU32(value, 0)
      return () => kernel.u32(kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key)))
    },
  ],
]

describe('an old object that refers to a young one', () => {
  test.each(edges)('by %s keeps it', (_, make) => {
    const kernel = scene()
    const read = make(kernel)
    kernel.verify()
    for (let i = 0; i < 3; i++) {
      kernel.minor()
      expect(read()).toBe(42)
    }
    kernel.collect()
    expect(read()).toBe(42)
  })

  test.each(edges)('by %s, when the barrier logs nothing, is found', (_, make) => {
    const kernel = scene({ knobs: objects.KNOB_NO_BARRIER })
    make(kernel)
    expect(kernel.fault()).toBe(objects.FAULT_REMEMBERED)
  })

  test('by a weak reference that became old is corrected, and without the log that is found', () => {
    for (const knobs of [0, objects.KNOB_NO_BARRIER]) {
      const kernel = scene({ knobs })
      const pinned = kernel.leaf(42)
      const pin = kernel.run('rootAdd', objects.ROOT_PINNED, pinned)
      const slot = kernel.handle(pinned)
      const weak = kernel.handle(kernel.run('weakRefNew', slot))
      kernel.setU32(slot, 0)
      kernel.run('collect', objects.COLLECT_MINOR)
      expect([kernel.isYoung(kernel.u32(weak)), kernel.isYoung(pinned)]).toEqual([false, true])
      expect(kernel.fault()).toBe(knobs ? objects.FAULT_REMEMBERED : layout.FAULT_NONE)
      if (knobs) continue
      expect(kernel.run('weakRefGet', kernel.u32(weak))).toBe(pinned)
      kernel.setU32(slot, pinned)
      kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
      kernel.minor()
      expect(kernel.u32(slot)).not.toBe(pinned)
      expect(kernel.run('weakRefGet', kernel.u32(weak))).toBe(kernel.u32(slot))
      kernel.setU32(slot, 0)
      kernel.collect()
      expect(kernel.run('weakRefGet', kernel.u32(weak))).toBe(0)
    }
  })

  test('by a store that goes around the barrier is found where it is', () => {
    const kernel = scene()
    const slot = kernel.run('objectPush', kernel.pair, 8)
    const array = kernel.arrayOf(5000)
    kernel.minor()
    for (const word of [kernel.u32(slot) + 4, kernel.u32(array) + 4 * 4321]) {
      kernel.setU32(word, kernel.leaf(1))
      expect(kernel.fault()).toBe(objects.FAULT_REMEMBERED)
      expect(kernel.u32(layout.HEAP_FAULT_AT)).toBe(word)
      kernel.setU32(word, 0)
      kernel.verify()
    }
    // An entry of a weak map, past the kernel's calls.
    const map = kernel.handle(kernel.run('weakMapNew'))
    const key = kernel.list(1)
    kernel.expectOk('weakMapSet', map, key, key)
    kernel.minor()
    const table = kernel.u32(kernel.u32(map))
    const entry = upTo(8).find((i) => kernel.u32(table + 16 + 12 * i) === kernel.u32(key)) as number
    kernel.setU32(table + 16 + 12 * entry + 4, kernel.leaf(1))
    expect(kernel.fault()).toBe(objects.FAULT_REMEMBERED)
  })
})

describe('the log', () => {
  test('grows while there are slots, begins short again, and loses nothing', () => {
    const kernel = scene({ nursery: 1024 * KIB })
    const array = kernel.arrayOf(10_000)
    for (let i = 0; i < 10_000; i++) kernel.put(array, i, kernel.leaf(i))
    expect(logBytes(kernel)).toBeGreaterThan(4 * FIRST_LOG_BYTES)
    expect(kernel.word(objects.SPACE_LOG_OVERFLOWS_AT)).toBe(0)
    kernel.verify()
    kernel.minor()
    expect(leaves(kernel, array, 10_000)).toEqual(upTo(10_000))
    kernel.collect(objects.COLLECT_COMPACT)
    expect(logBytes(kernel)).toBe(FIRST_LOG_BYTES)
    expect(leaves(kernel, array, 10_000)).toEqual(upTo(10_000))
  })

  test('that is full lets the next allocation collect', () => {
    const kernel = scene({ nursery: 32 * KIB })
    const array = kernel.arrayOf(5000)
    kernel.minor()
    const leaf = kernel.leaf(7)
    const minors = kernel.word(objects.SPACE_MINORS_AT)
    for (let i = 0; i < 2500; i++) kernel.put(array, i, leaf)
    expect(kernel.word(objects.SPACE_MINORS_AT)).toBe(minors)
    kernel.verify()
    kernel.leaf(8)
    expect(kernel.word(objects.SPACE_MINORS_AT)).toBe(minors + 1)
    expect(leaves(kernel, array, 2500)).toEqual(Array.from({ length: 2500 }, () => 7))
    kernel.verify()
  })

  test.each(edges)('that lost a slot is made up for by a look through all old objects: %s', (_, make) => {
    const kernel = scene({ knobs: objects.KNOB_SHORT_LOG })
    const array = kernel.arrayOf(3000)
    kernel.minor()
    const young = kernel.leaf(1)
    for (let i = 0; i < 20; i++) kernel.put(array, i, young)
    const read = make(kernel)
    kernel.verify()
    kernel.minor()
    expect(kernel.word(objects.SPACE_LOG_OVERFLOWS_AT)).toBeGreaterThan(0)
    expect(read()).toBe(42)
    kernel.collect()
    expect(read()).toBe(42)
  })

  test('without memory to grow is lost, not the objects', () => {
    const kernel = scene({ nursery: 256 * KIB, limit: 2 * MIB })
    const array = kernel.arrayOf(9000)
    kernel.minor()
    for (let i = 0; i < 1000; i++) kernel.put(array, i, kernel.leaf(i))
    const blocks: number[] = []
    for (const bytes of [65536, 4096, 16]) {
      for (let at = kernel.run('alloc', bytes); at; at = kernel.run('alloc', bytes)) blocks.push(at)
    }
    for (let i = 1000; i < 2000; i++) kernel.put(array, i, kernel.leaf(i))
    expect(kernel.word(objects.SPACE_LOG_OVERFLOWS_AT)).toBeGreaterThan(0)
    expect(leaves(kernel, array, 2000)).toEqual(upTo(2000))
    for (const at of blocks) kernel.run('free', at)
    kernel.minor()
    expect(leaves(kernel, array, 2000)).toEqual(upTo(2000))
    kernel.collect(objects.COLLECT_COMPACT)
    expect(leaves(kernel, array, 2000)).toEqual(upTo(2000))
  })
})

describe('a minor collection', () => {
  test('whose stack overflows finds everything', () => {
    for (const policy of [0, objects.POLICY_AGEING]) {
      const kernel = scene({ knobs: objects.KNOB_SHORT_MARK_STACK, policy })
      const outer = kernel.arrayOf(40)
      for (let i = 0; i < 40; i++) {
        kernel.put(outer, i, kernel.new(kernel.array, 4 * 25))
        for (let j = 0; j < 25; j++) kernel.store(kernel.u32(kernel.u32(outer) + 4 * i), 4 * j, kernel.leaf(25 * i + j))
      }
      // Keys that are keys of each other's values: entries that wait while the stack has no room.
      const map = kernel.handle(kernel.run('weakMapNew'))
      const key = kernel.handle(kernel.u32(kernel.u32(outer)))
      const value = kernel.handle(0)
      for (let i = 0; i < 300; i++) {
        kernel.setU32(value, kernel.leaf(10_000 + i))
        kernel.expectOk('weakMapSet', map, key, value)
        kernel.setU32(key, kernel.u32(value))
      }
      kernel.setU32(key, 0)
      kernel.setU32(value, 0)
      kernel.minor()
      expect(kernel.word(objects.SPACE_OVERFLOWS_AT), `policy ${policy}`).toBeGreaterThan(0)
      for (let i = 0; i < 1000; i++) {
        const inner = kernel.u32(kernel.u32(outer) + 4 * Math.floor(i / 25))
        expect(kernel.u32(kernel.u32(inner + 4 * (i % 25)))).toBe(i)
      }
      let at = kernel.u32(kernel.u32(outer))
      for (let i = 0; i < 300; i++) {
        at = kernel.run('weakMapGet', kernel.u32(map), at)
        expect(kernel.u32(at)).toBe(10_000 + i)
      }
      kernel.collect()
      expect(kernel.live).toBe(1 + 40 + 1000 + 300 + 2)
    }
  })

  test('whose stack overflows finds what the objects that stay refer to', () => {
    const kernel = scene({ knobs: objects.KNOB_SHORT_MARK_STACK })
    const pinned = upTo(400).map((i) => {
      const slot = kernel.run('objectPush', kernel.pair, 8)
      kernel.put(slot, 1, kernel.leaf(i))
      kernel.run('rootAdd', objects.ROOT_PINNED, kernel.u32(slot))
      return kernel.u32(slot)
    })
    for (let round = 0; round < 3; round++) {
      kernel.minor()
      expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBeGreaterThan(round)
      expect(pinned.map((at) => kernel.u32(kernel.u32(at + 4)))).toEqual(upTo(400))
    }
  })

  test('finds what refers to objects that stay after collections that moved their holders', () => {
    for (const policy of [0, objects.POLICY_MOVE_ALL, objects.POLICY_INCREMENTAL]) {
      const kernel = scene({ policy })
      const garbage = kernel.list(500)
      const holder = kernel.arrayOf(10)
      const map = kernel.handle(kernel.run('weakMapNew'))
      const key = kernel.list(1)
      kernel.expectOk('weakMapSet', map, key, key)
      kernel.minor()
      const stays = kernel.handle(kernel.leaf(42))
      const pin = kernel.run('rootAdd', objects.ROOT_PINNED, kernel.u32(stays))
      kernel.put(holder, 7, kernel.u32(stays))
      kernel.expectOk('weakMapSet', map, key, stays)
      const weak = kernel.handle(kernel.run('weakRefNew', stays))
      kernel.setU32(stays, 0)
      kernel.setU32(garbage, 0)
      const before = kernel.u32(holder)
      for (const kind of [objects.COLLECT_FULL, objects.COLLECT_COMPACT]) kernel.collect(kind)
      expect(kernel.u32(holder)).not.toBe(before)
      expect(kernel.word(objects.SPACE_STAYED_OBJECTS_AT)).toBe(1)
      kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
      kernel.minor()
      const moved = kernel.u32(kernel.u32(holder) + 28)
      expect([kernel.isYoung(moved), kernel.u32(moved)]).toEqual([false, 42])
      expect(kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key))).toBe(moved)
      expect(kernel.run('weakRefGet', kernel.u32(weak))).toBe(moved)
    }
  })

  test('makes a log anew that was lost to the same slot over and over, in a full memory', () => {
    const kernel = scene({ limit: 512 * KIB })
    const holder = kernel.arrayOf(9000)
    const pinned = kernel.leaf(1)
    kernel.run('rootAdd', objects.ROOT_PINNED, pinned)
    const blocks: number[] = []
    for (const bytes of [65536, 4096, 16]) {
      for (let at = kernel.run('alloc', bytes); at; at = kernel.run('alloc', bytes)) blocks.push(at)
    }
    for (let i = 0; i < 3000; i++) kernel.put(holder, 0, pinned)
    expect(kernel.word(objects.SPACE_LOG_OVERFLOWS_AT)).toBe(1)
    kernel.run('collect', objects.COLLECT_MINOR)
    const minors = kernel.word(objects.SPACE_MINORS_AT)
    for (let i = 0; i < 500; i++) kernel.put(holder, 0, kernel.leaf(i))
    expect(kernel.word(objects.SPACE_LOG_OVERFLOWS_AT)).toBe(1)
    expect(kernel.word(objects.SPACE_MINORS_AT)).toBe(minors)
    kernel.verify()
  })

  test('wakes the entries that wait for a key that finds no room', () => {
    const kernel = scene({ knobs: objects.KNOB_EVACUATION_FAILS, nursery: 256 * KIB })
    const node = (id: number) => {
      const reference = kernel.new(kernel.bytes, 300)
      kernel.setU32(reference, id)
      return reference
    }
    // Each value is the next key, and nothing else leads to it.
    const map = kernel.handle(kernel.run('weakMapNew'))
    const first = kernel.handle(node(0))
    const key = kernel.handle(kernel.u32(first))
    const value = kernel.handle(0)
    for (let i = 1; i <= 200; i++) {
      kernel.setU32(value, node(i))
      kernel.expectOk('weakMapSet', map, key, value)
      kernel.setU32(key, kernel.u32(value))
    }
    kernel.setU32(key, 0)
    kernel.setU32(value, 0)
    for (let round = 0; round < 3; round++) {
      kernel.minor()
      if (round === 0) expect(kernel.word(objects.SPACE_STAYED_OBJECTS_AT)).toBeGreaterThan(100)
      let at = kernel.u32(first)
      for (let i = 1; i <= 200; i++) {
        at = kernel.run('weakMapGet', kernel.u32(map), at)
        expect(kernel.u32(at)).toBe(i)
      }
    }
  })

  test('without room to promote to leaves survivors where they are, and promotes them when there is', () => {
    for (const policy of [0, objects.POLICY_AGEING, objects.POLICY_INCREMENTAL]) {
      const kernel = scene({ limit: 512 * KIB, policy })
      const array = kernel.arrayOf(1000)
      kernel.minor()
      const blocks: number[] = []
      for (const bytes of [65536, 4096, 16]) {
        for (let at = kernel.run('alloc', bytes); at; at = kernel.run('alloc', bytes)) blocks.push(at)
      }
      // What is left in blocks of objects is filled as well, then nothing more finds room.
      let made = 0
      while (made < 1000 && kernel.word(objects.SPACE_STAYED_OBJECTS_AT) < 100) {
        const leaf = kernel.run('objectNew', kernel.bytes, 200)
        if (!leaf) break
        kernel.setU32(leaf, made)
        kernel.store(kernel.u32(array), 4 * made++, leaf)
        if (made % 50 === 0) kernel.run('collect', objects.COLLECT_MINOR)
      }
      kernel.minor()
      expect(kernel.word(objects.SPACE_STAYED_OBJECTS_AT)).toBeGreaterThan(0)
      expect(leaves(kernel, array, made)).toEqual(upTo(made))
      const stayed = kernel.u32(kernel.u32(array) + 4 * (made - 1))
      expect(kernel.isYoung(stayed)).toBe(true)
      // Eden flows around them until it is full.
      let more = 0
      while (kernel.run('objectPush', kernel.bytes, 200)) more++
      expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
      expect(more).toBeGreaterThan(0)
      kernel.verify()
      expect(leaves(kernel, array, made)).toEqual(upTo(made))
      for (const at of blocks) kernel.run('free', at)
      kernel.run('handlePop', array + 4)
      expect(kernel.run('objectNew', kernel.bytes, 200)).toBeGreaterThan(0)
      kernel.minor()
      kernel.minor()
      expect(kernel.word(objects.SPACE_STAYED_OBJECTS_AT)).toBe(0)
      expect(kernel.isYoung(kernel.u32(kernel.u32(array) + 4 * (made - 1)))).toBe(false)
      expect(leaves(kernel, array, made)).toEqual(upTo(made))
      kernel.collect()
      expect(kernel.live).toBe(made + 1)
    }
  })

  test('leaves pinned objects where they are, and new ones flow around them', () => {
    for (const policy of [0, objects.POLICY_AGEING, objects.POLICY_INCREMENTAL, objects.POLICY_MOVE_ALL]) {
      const kernel = scene({ policy, limit: 32 * MIB })
      kernel.expectOk('shadowCreate', 100, 1)
      const pins: { reference: number; id: number; root: number }[] = []
      for (let id = 0; id < 60; id++) {
        for (let i = 0; i < 5; i++) kernel.new(kernel.pair, 8)
        const reference = kernel.new(kernel.bytes, 4 + (id % 5) * 40)
        kernel.setU32(reference, id)
        let root = 0
        if (id % 2) root = kernel.run('rootAdd', objects.ROOT_PINNED, reference)
        else {
          const top = kernel.word(objects.SPACE_PIN_TOP_AT)
          kernel.setU32(top, reference)
          kernel.setWord(objects.SPACE_PIN_TOP_AT, top + 4)
        }
        pins.push({ reference, id, root })
      }
      const check = () => {
        for (const { reference, id } of pins) expect(kernel.u32(reference)).toBe(id)
        const base = kernel.word(objects.SPACE_PIN_BASE_AT)
        const stack = upTo(30).map((i) => kernel.u32(base + 4 * i))
        expect(stack).toEqual(pins.filter(({ root }) => !root).map(({ reference }) => reference))
        for (const { reference, root } of pins) if (root) expect(kernel.u32(root)).toBe(reference)
      }
      for (const kind of [2, 2, 0, 2, 1, 0, 2, 1]) {
        // Several nurseries full, some of which survives.
        const scope = kernel.word(objects.SPACE_HANDLE_TOP_AT)
        const kept = kernel.arrayOf(500)
        for (let i = 0; i < 500; i++) {
          for (let j = 0; j < 20; j++) kernel.setU32(kernel.new(kernel.bytes, 20), 0xffffffff)
          kernel.put(kept, i, kernel.leaf(i))
        }
        check()
        kernel.collect(kind)
        check()
        expect(kernel.word(objects.SPACE_STAYED_OBJECTS_AT)).toBe(60)
        expect(leaves(kernel, kept, 500)).toEqual(upTo(500))
        kernel.run('handlePop', scope)
      }
      expect(pins.every(({ reference }) => kernel.isYoung(reference))).toBe(true)
      kernel.setWord(objects.SPACE_PIN_TOP_AT, kernel.word(objects.SPACE_PIN_BASE_AT))
      for (const { root } of pins) if (root) kernel.expectOk('rootRemove', objects.ROOT_PINNED, root)
      kernel.collect()
      expect(kernel.live).toBe(0)
      expect(kernel.word(objects.SPACE_STAYED_OBJECTS_AT)).toBe(0)
    }
  })
})

describe('ageing', () => {
  test('keeps the youngest survivors young for one more collection, and remembers who refers to them', () => {
    const kernel = scene({ policy: objects.POLICY_AGEING })
    const array = kernel.arrayOf(5000)
    kernel.minor()
    for (let i = 0; i < 100; i++) kernel.put(array, i, kernel.leaf(i))
    const first = kernel.handle(kernel.u32(kernel.u32(array)))
    expect(kernel.run('objectState', kernel.u32(first))).toBe(16)
    kernel.minor()
    expect(kernel.isYoung(kernel.u32(first))).toBe(true)
    expect(kernel.run('objectState', kernel.u32(first))).toBe(48)
    expect(kernel.word(objects.SPACE_AGED_BYTES_AT)).toBe(1600)
    expect(kernel.word(objects.SPACE_PROMOTED_OBJECTS_AT)).toBe(0)
    expect(leaves(kernel, array, 100)).toEqual(upTo(100))
    for (let i = 100; i < 200; i++) kernel.put(array, i, kernel.leaf(i))
    kernel.minor()
    expect(kernel.isYoung(kernel.u32(first))).toBe(false)
    expect(kernel.word(objects.SPACE_PROMOTED_OBJECTS_AT)).toBe(100)
    expect(kernel.word(objects.SPACE_AGED_BYTES_AT)).toBe(1600)
    expect(leaves(kernel, array, 200)).toEqual(upTo(200))
    kernel.minor()
    expect(kernel.word(objects.SPACE_AGED_BYTES_AT)).toBe(0)
    expect(leaves(kernel, array, 200)).toEqual(upTo(200))
    kernel.collect()
    expect(kernel.live).toBe(201)
  })

  test('promotes what no half has room for', () => {
    const kernel = scene({ policy: objects.POLICY_AGEING })
    const array = kernel.arrayOf(5000)
    kernel.minor()
    for (let i = 0; i < 1000; i++) kernel.put(array, i, kernel.leaf(i))
    kernel.minor()
    expect(kernel.word(objects.SPACE_AGED_BYTES_AT)).toBeGreaterThan(3000)
    expect(kernel.word(objects.SPACE_AGED_BYTES_AT)).toBeLessThanOrEqual(4096)
    const aged = kernel.word(objects.SPACE_AGED_BYTES_AT) / 16
    expect(kernel.word(objects.SPACE_PROMOTED_OBJECTS_AT)).toBe(1000 - aged)
    expect(leaves(kernel, array, 1000)).toEqual(upTo(1000))
  })
})

describe('the nursery', () => {
  const fill = (kernel: Scene, array: number, count: number, isKept: (i: number) => boolean) => {
    for (let i = 0; i < count; i++) {
      const leaf = kernel.leaf(i)
      if (isKept(i)) kernel.put(array, i % 20_000, leaf)
    }
  }

  test('begins short, grows to its length, is doubled while much survives, and is short again after compaction', () => {
    const kernel = scene({ nursery: 512 * KIB, old: 32 * MIB })
    const array = kernel.arrayOf(20_000)
    expect(youngBytes(kernel)).toBe(256 * KIB)
    fill(kernel, array, 40_000, () => false)
    expect(youngBytes(kernel)).toBe(512 * KIB)
    fill(kernel, array, 200_000, () => false)
    expect(youngBytes(kernel)).toBe(512 * KIB)
    fill(kernel, array, 200_000, () => true)
    expect(youngBytes(kernel)).toBe(1024 * KIB)
    kernel.verify()
    fill(kernel, array, 600_000, () => false)
    expect(youngBytes(kernel)).toBe(512 * KIB)
    kernel.collect(objects.COLLECT_COMPACT)
    expect(youngBytes(kernel)).toBe(256 * KIB)
    fill(kernel, array, 20_000, () => true)
    expect(leaves(kernel, array, 20_000)).toEqual(upTo(20_000))
  })

  test('keeps its length in a heap that is collected in steps', () => {
    const kernel = scene({ nursery: 512 * KIB, old: 32 * MIB, policy: objects.POLICY_INCREMENTAL })
    const array = kernel.arrayOf(20_000)
    fill(kernel, array, 300_000, () => true)
    expect(youngBytes(kernel)).toBe(512 * KIB)
    kernel.verify()
  })

  test('of all lengths, in a memory of whole MiBs or less', () => {
    for (const nursery of [32 * KIB, 256 * KIB, MIB, 2 * MIB, 8 * MIB]) {
      const kernel = scene({ nursery, limit: 128 * MIB, policy: objects.POLICY_AGEING })
      const array = kernel.arrayOf(20_000)
      fill(kernel, array, (nursery >> 4) * 4 + 100_000, (i) => i % 50 === 0)
      expect(youngBytes(kernel)).toBe(nursery)
      kernel.verify()
      kernel.collect(objects.COLLECT_COMPACT)
      kernel.setU32(array, 0)
      kernel.collect(objects.COLLECT_COMPACT)
      expect(kernel.live).toBe(0)
      expect(kernel.u32(layout.HEAP_OBJECTS_AT)).toBe(0)
    }
  })

  test('that is wanted in other lengths, twice, or too early is refused', () => {
    const bare = new Scene()
    for (const bytes of [0, 16 * KIB, 48 * KIB, 128 * MIB]) {
      expect(bare.run('nurseryCreate', bytes, 0, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
    }
    expect(bare.run('nurseryCreate', 64 * KIB, 0, 0)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(bare.run('collect', objects.COLLECT_MINOR)).toBe(layout.STATUS_BAD_ARGUMENT)
    bare.expectOk('nurseryCreate', 64 * KIB, 0, 1)
    expect(bare.run('nurseryCreate', 64 * KIB, 0, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
    const used = new Scene()
    used.list(1)
    expect(used.run('nurseryCreate', 64 * KIB, 0, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
    used.verify()
  })

  test('is found by the verifier when it is damaged', () => {
    const spoilt: [string, number, (kernel: Scene, at: number) => void][] = [
      ['an unknown type', objects.FAULT_NURSERY, (k, at) => k.setU32(at - 8, 0x4444)],
      ['a size that leads out', objects.FAULT_NURSERY, (k, at) => k.setU32(at - 4, 0x7fffffff)],
      ['a reference into an object', objects.FAULT_UNMARKED, (k, at) => k.setU32(at, k.new(k.bytes, 40) + 16)],
      ['a log that ends nowhere', objects.FAULT_NURSERY, (k) => k.setWord(objects.SPACE_LOG_TOP_AT, 8)],
    ]
    for (const [what, fault, spoil] of spoilt) {
      const kernel = scene()
      spoil(kernel, kernel.u32(kernel.list(10)))
      const found = kernel.fault()
      expect([fault, objects.FAULT_OBJECT_HEADER], what).toContain(found)
    }
  })
})

describe('weak things over minor and full collections', () => {
  test('are cleared when their objects die young, and follow them when they do not', () => {
    for (const policy of [0, objects.POLICY_AGEING]) {
      const kernel = scene({ policy })
      const kept = kernel.arrayOf(300)
      const refs = kernel.arrayOf(300)
      const slot = kernel.handle(0)
      const roots = upTo(300).map((i) => {
        kernel.setU32(slot, kernel.leaf(i))
        if (i % 3) kernel.put(kept, i, kernel.u32(slot))
        const weak = kernel.run('weakRefNew', slot)
        kernel.put(refs, i, weak)
        if (i % 7 === 0) kernel.run('collect', objects.COLLECT_MINOR)
        return kernel.run('rootAdd', objects.ROOT_WEAK, kernel.u32(slot))
      })
      kernel.setU32(slot, 0)
      for (const kind of [2, 2, 2, 0, 1]) {
        kernel.collect(kind)
        for (const [i, root] of roots.entries()) {
          const at = kernel.u32(kernel.u32(kept) + 4 * i)
          const found = kernel.run('weakRefGet', kernel.u32(kernel.u32(refs) + 4 * i))
          // Those that are old and dead are known to be so after a full collection.
          if (at || kind < 2) expect(found).toBe(at)
          if (at || kind < 2) expect(kernel.run('weakRootGet', root)).toBe(at)
          if (at) expect(kernel.u32(found)).toBe(i)
        }
      }
    }
  })

  test('finalizers run once each, in the order of registration, minor and full collections taken together', () => {
    const kernel = scene()
    const kept = kernel.arrayOf(2000)
    for (let id = 1; id <= 2000; id++) {
      const leaf = kernel.leaf(id)
      kernel.expectOk('finalizerAdd', leaf, id)
      if (id % 4) kernel.put(kept, id - 1, leaf)
    }
    kernel.minor()
    expect(kernel.ready()).toEqual(upTo(500).map((i) => 4 * (i + 1)))
    for (let id = 1; id <= 2000; id += 2) kernel.put(kept, id - 1, 0)
    kernel.minor()
    expect(kernel.ready()).toEqual([])
    kernel.collect()
    expect(kernel.ready()).toEqual(upTo(1000).map((i) => 2 * i + 1))
    kernel.setU32(kept, 0)
    kernel.collect()
    expect(kernel.ready()).toEqual(upTo(500).map((i) => 4 * i + 2))
  })

  test('identity hashes are kept over promotion, and those of the dead leave the table', () => {
    const kernel = scene({ policy: objects.POLICY_AGEING, limit: 64 * MIB })
    const kept = kernel.arrayOf(5000)
    const hashes = new Map<number, number>()
    for (let i = 0; i < 5000; i++) {
      const leaf = kernel.leaf(i)
      const hash = kernel.run('identityHash', leaf)
      if (i % 5 === 0) continue
      kernel.put(kept, i, leaf)
      hashes.set(i, hash)
    }
    for (const kind of [2, 2, 2, 0, 2, 1]) {
      kernel.collect(kind)
      expect(kernel.word(objects.SPACE_HASH_COUNT_AT)).toBe(hashes.size)
      for (const [i, hash] of hashes) {
        expect(kernel.run('identityHash', kernel.u32(kernel.u32(kept) + 4 * i))).toBe(hash)
      }
      const [first] = hashes.keys()
      hashes.delete(first as number)
      kernel.put(kept, first as number, 0)
      kernel.collect()
    }
  })
})

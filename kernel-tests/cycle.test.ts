/**
 * Goal: marking in steps keeps what was reachable when a cycle began, whatever the program does meanwhile; weak things
 * tell the truth in each of its phases; steps are bounded; and it ends.
 * Method: the bare debug kernel in mode `server`, small scenes driven step by step; each rare branch is forced by a knob
 * or a full memory, and a counter proves that it was taken.
 * A failure means: an object that is freed while the program holds it, or a pause that nobody has promised.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import type { ObjectKernelOptions } from './object-kernel.js'
import { Scene } from './object-scene.js'

const { PHASE_IDLE, PHASE_MARK, PHASE_ROOTS, PHASE_SWEEP, PHASE_WEAK } = objects
const KIB = 2 ** 10
const MIB = 2 ** 20

/** Steps that come with allocation have one unit, so that only the test's own ones count. */
const scene = (options: ObjectKernelOptions = {}) =>
  new Scene({ nursery: 64 * KIB, policy: objects.POLICY_INCREMENTAL, stepUnits: 1, ...options })

/** `first -> hidden`, both old, and `first` is scanned after all others: what is marked last is scanned first. */
function hiding(options: ObjectKernelOptions = {}) {
  const kernel = scene(options)
  const first = kernel.run('objectPush', kernel.pair, 8)
  kernel.store(kernel.u32(first), 0, kernel.leaf(4711))
  kernel.list(300)
  const last = kernel.run('objectPush', kernel.pair, 8)
  kernel.run('collect', objects.COLLECT_MINOR)
  return { kernel, first, last, hidden: kernel.u32(kernel.u32(first)) }
}

describe('what was reachable when a cycle began is kept', () => {
  type Scenery = ReturnType<typeof hiding>
  const ways: [string, (scenery: Scenery) => () => number][] = [
    [
      'a handle',
      ({ kernel, hidden }) => {
        const slot = kernel.handle(hidden)
        return () => kernel.u32(slot)
      },
    ],
    [
      'a word of a guest',
      ({ kernel, hidden }) => {
        const word = kernel.run('alloc', 16)
        kernel.run('rootAdd', objects.ROOT_SLOT, word)
        kernel.setU32(word, hidden)
        return () => kernel.u32(word)
      },
    ],
    [
      'a young object',
      ({ kernel, hidden }) => {
        const slot = kernel.run('objectPush', kernel.pair, 8)
        kernel.store(kernel.u32(slot), 0, hidden)
        return () => kernel.u32(kernel.u32(slot))
      },
    ],
    [
      'a large object that is born marked',
      ({ kernel, hidden }) => {
        const slot = kernel.arrayOf(5000)
        kernel.store(kernel.u32(slot), 0, hidden)
        return () => kernel.u32(kernel.u32(slot))
      },
    ],
    [
      'an old object that has been scanned',
      ({ kernel, last, hidden }) => {
        kernel.stepTo(PHASE_MARK)
        for (let i = 0; i < 5; i++) kernel.run('step', 1)
        expect(kernel.run('objectState', kernel.u32(last)) & 1).toBe(1)
        kernel.store(kernel.u32(last), 0, hidden)
        return () => kernel.u32(kernel.u32(last))
      },
    ],
  ]

  test.each(ways)('when its only reference is overwritten and it is kept by %s', (_, keep) => {
    const scenery = hiding()
    const { kernel, first, hidden } = scenery
    kernel.begin()
    const where = keep(scenery)
    expect(kernel.run('objectState', hidden) & 1).toBe(0)
    kernel.store(kernel.u32(first), 0, 0)
    kernel.verify()
    while (kernel.phase === PHASE_ROOTS || kernel.phase === PHASE_MARK) {
      kernel.run('step', 7)
      kernel.verify()
    }
    kernel.finish(1)
    expect(where()).toBe(hidden)
    expect(kernel.u32(hidden)).toBe(4711)
    kernel.collect()
    expect(kernel.u32(where())).toBe(4711)
  })

  test.each(ways)('and a barrier that forgets it is found, with %s', (_, keep) => {
    const scenery = hiding({ knobs: objects.KNOB_NO_SHADING })
    const { kernel, first } = scenery
    kernel.begin()
    keep(scenery)
    kernel.verify()
    kernel.store(kernel.u32(first), 0, 0)
    expect(kernel.fault()).toBe(objects.FAULT_UNPROTECTED)
  })

  test('and a store that goes around the barrier is found', () => {
    const { kernel, first, hidden } = hiding()
    kernel.begin()
    kernel.stepTo(PHASE_MARK)
    kernel.handle(hidden)
    kernel.verify()
    kernel.setU32(kernel.u32(first), 0)
    expect(kernel.fault()).toBe(objects.FAULT_UNPROTECTED)
  })

  test('when roots are dropped before they are marked', () => {
    const kernel = scene()
    const slots = Array.from({ length: 500 }, (_, i) => {
      const slot = kernel.run('objectPush', kernel.pair, 8)
      kernel.store(kernel.u32(slot), 0, kernel.leaf(i))
      return slot
    })
    kernel.begin()
    const kept = kernel.u32(kernel.u32(slots[250] as number))
    kernel.run('handlePop', slots[0] as number)
    const slot = kernel.handle(kept)
    kernel.run('step', 3)
    kernel.verify()
    kernel.finish()
    // All of the snapshot is there, and gone after the next cycle.
    expect(kernel.live).toBe(1000)
    expect(kernel.u32(kernel.u32(slot))).toBe(250)
    kernel.begin()
    kernel.finish()
    expect(kernel.live).toBe(1)
    expect(kernel.u32(kernel.u32(slot))).toBe(250)
  })

  test('when an object that was dead already is looked at by its address', () => {
    for (const phase of [PHASE_ROOTS, PHASE_MARK, PHASE_WEAK]) {
      const kernel = scene()
      const list = kernel.list(50)
      kernel.list(200)
      kernel.minor()
      const lost = kernel.u32(list)
      kernel.setU32(list, 0)
      kernel.begin()
      kernel.stepTo(phase)
      const found = kernel.run('readReference', lost)
      expect(found, `phase ${phase}`).toBe(phase === PHASE_WEAK ? 0 : lost)
      kernel.setU32(list, found)
      kernel.verify()
      kernel.finish(3)
      expect(kernel.length(list), `phase ${phase}`).toBe(found ? 50 : 0)
    }
  })

  test('when references are copied in bulk, over each other, with young ones among them', () => {
    for (const shift of [1, 100, -1, -100]) {
      const kernel = scene()
      const array = kernel.arrayOf(400)
      kernel.minor()
      for (let i = 0; i < 400; i++) kernel.put(array, i, kernel.leaf(i))
      kernel.minor()
      kernel.begin()
      for (let i = 1; i < 400; i += 3) kernel.put(array, i, kernel.leaf(i))
      const expected = Array.from({ length: 400 }, (_, i) => i)
      const [to, from] = shift > 0 ? [shift, 0] : [0, -shift]
      const count = 400 - Math.abs(shift)
      const at = kernel.u32(array)
      const lost = shift > 0 ? kernel.u32(at + 4 * 399) : kernel.u32(at)
      expect([kernel.isYoung(lost), kernel.run('objectState', lost) & 1]).toEqual([false, 0])
      const slot = kernel.handle(lost)
      kernel.run('copyReferences', at, at + 4 * to, at + 4 * from, count)
      expected.copyWithin(to, from, from + count)
      kernel.verify()
      kernel.run('step', 20)
      kernel.minor()
      kernel.verify()
      kernel.finish(50)
      const values = expected.map((_, i) => kernel.u32(kernel.u32(kernel.u32(array) + 4 * i)))
      expect(values, `shift ${shift}`).toEqual(expected)
      expect(kernel.u32(kernel.u32(slot))).toBe(shift > 0 ? 399 : 0)
    }
  })

  test('and copying in bulk without shading is found', () => {
    const kernel = scene({ knobs: objects.KNOB_NO_SHADING })
    const array = kernel.arrayOf(2)
    kernel.store(kernel.u32(array), 0, kernel.leaf(1))
    kernel.store(kernel.u32(array), 4, kernel.leaf(2))
    kernel.list(50)
    kernel.minor()
    kernel.begin()
    const at = kernel.u32(array)
    kernel.handle(kernel.u32(at))
    kernel.verify()
    kernel.run('copyReferences', at, at, at + 4, 1)
    expect(kernel.fault()).toBe(objects.FAULT_UNPROTECTED)
  })

  test('when it is made while a cycle goes on, large or small, in every phase', () => {
    for (const phase of [PHASE_ROOTS, PHASE_MARK, PHASE_WEAK, PHASE_SWEEP]) {
      const kernel = scene()
      kernel.list(2000)
      kernel.begin()
      kernel.stepTo(phase)
      const large = kernel.arrayOf(10_000)
      for (let i = 0; i < 10_000; i += 1000) kernel.put(large, i, kernel.leaf(i))
      const list = kernel.list(3000)
      kernel.verify()
      kernel.finish(5)
      expect(kernel.length(list)).toBe(3000)
      for (let i = 0; i < 10_000; i += 1000) expect(kernel.u32(kernel.u32(kernel.u32(large) + 4 * i))).toBe(i)
      kernel.collect()
      expect(kernel.live).toBe(2000 + 3000 + 11)
    }
  })
})

describe('steps', () => {
  test('do no more than they may, in an array of 100,000 references too', () => {
    const kernel = scene({ limit: 64 * MIB })
    const array = kernel.arrayOf(100_000)
    for (let i = 0; i < 100_000; i++) kernel.put(array, i, kernel.new(kernel.pair, 8))
    kernel.minor()
    kernel.begin()
    const marked = () => {
      let count = 0
      const at = kernel.u32(array)
      for (let i = 0; i < 100_000; i++) count += kernel.run('objectState', kernel.u32(at + 4 * i)) & 1
      return count
    }
    const units = 1000
    let before = 0
    let looks = 0
    while (before < 100_000) {
      kernel.run('step', units)
      expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBeLessThanOrEqual(units)
      // A look at all of them is slow: at the beginning, and now and then.
      if (looks++ > 5 && looks % 16 !== 0) continue
      const now = marked()
      const steps = looks > 6 ? 16 : 1
      // A unit is two references; a slice of 64 may come on top.
      expect(now - before).toBeLessThanOrEqual(steps * (2 * units + 64))
      if (now === before && kernel.phase !== PHASE_MARK) break
      before = now
    }
    expect(before).toBe(100_000)
    expect(looks).toBeGreaterThan(100_000 / (2 * units + 64))
    kernel.finish()
    expect(kernel.live).toBe(100_001)
  })

  test('of one unit end a cycle', () => {
    const kernel = scene({ knobs: objects.KNOB_UNIT_STEPS })
    const array = kernel.arrayOf(1000)
    for (let i = 0; i < 1000; i++) kernel.put(array, i, kernel.leaf(i))
    const list = kernel.list(500)
    kernel.minor()
    const [steps, cycles] = [kernel.word(objects.SPACE_STEPS_AT), kernel.word(objects.SPACE_CYCLES_AT)]
    kernel.begin()
    while (kernel.phase !== PHASE_IDLE) {
      kernel.run('step', 1000)
      expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBeLessThanOrEqual(1)
    }
    expect(kernel.word(objects.SPACE_CYCLES_AT)).toBe(cycles + 1)
    // 500 nodes, and the array's slices by a unit each at least.
    expect(kernel.word(objects.SPACE_STEPS_AT) - steps).toBeGreaterThan(1000)
    kernel.verify()
    expect(kernel.live).toBe(1501)
    expect(kernel.length(list)).toBe(500)
    for (let i = 0; i < 1000; i += 99) expect(kernel.u32(kernel.u32(kernel.u32(array) + 4 * i))).toBe(i)
  })

  test('come with allocation, so that a cycle ends by itself', () => {
    const kernel = scene({ stepUnits: 5000, old: 256 * KIB, limit: 8 * MIB })
    const live = kernel.list(5000)
    const ring = kernel.arrayOf(8000)
    for (let i = 0; i < 300_000; i++) kernel.put(ring, i % 8000, kernel.leaf(i))
    expect(kernel.word(objects.SPACE_MINORS_AT)).toBeGreaterThan(50)
    expect(kernel.word(objects.SPACE_CYCLES_AT)).toBeGreaterThan(0)
    expect(kernel.causes).toEqual([])
    kernel.verify()
    expect(kernel.length(live)).toBe(5000)
    for (let i = 0; i < 8000; i++) {
      expect(kernel.u32(kernel.u32(kernel.u32(ring) + 4 * i))).toBe(
        300_000 - (300_000 % 8000) - (i < 300_000 % 8000 ? 0 : 8000) + i,
      )
    }
  })

  test('are nothing in a heap without cycles, while a stack is ruined, or when too little was allocated', () => {
    expect(new Scene({ nursery: 64 * KIB }).run('step', 10)).toBe(PHASE_IDLE)
    const kernel = scene()
    expect(kernel.run('step', 10)).toBe(PHASE_IDLE)
    kernel.setWord(objects.SPACE_ALLOCATED_AT, kernel.word(objects.SPACE_BUDGET_AT))
    kernel.setWord(objects.SPACE_SHADOW_TOP_AT, 0xfffffff0)
    expect(kernel.run('step', 10)).toBe(PHASE_IDLE)
    expect(kernel.phase).toBe(PHASE_IDLE)
    kernel.setWord(objects.SPACE_SHADOW_TOP_AT, 0)
    expect(kernel.run('step', 10)).toBe(PHASE_ROOTS)
    kernel.finish()
  })
})

describe('rare branches of a cycle', () => {
  test('a mark stack that overflows while marking goes on', () => {
    const kernel = scene({ knobs: objects.KNOB_SHORT_MARK_STACK })
    const spine = kernel.spine(5000)
    const arrays = Array.from({ length: 20 }, (_, i) => {
      const slot = kernel.arrayOf(i % 2 ? 300 : 3000)
      for (let j = 0; j < 300; j++) kernel.put(slot, j, kernel.leaf(300 * i + j))
      return slot
    })
    kernel.minor()
    kernel.begin()
    while (kernel.phase !== PHASE_WEAK) {
      kernel.run('step', 777)
      kernel.verify()
    }
    expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBeGreaterThan(0)
    kernel.finish()
    expect(kernel.live).toBe(10_000 + 20 + 6000)
    let count = 0
    for (let node = kernel.u32(spine); node; node = kernel.u32(node + 4)) count++
    expect(count).toBe(5000)
    for (const [i, slot] of arrays.entries()) expect(kernel.u32(kernel.u32(kernel.u32(slot) + 4))).toBe(300 * i + 1)
  })

  test('a mark stack that overflows at every slice costs little more than one that does not', () => {
    const units = (knobs: number) => {
      const kernel = scene({ knobs })
      for (let i = 0; i < 8; i++) {
        const slot = kernel.arrayOf(1000)
        for (let j = 0; j < 1000; j++) kernel.put(slot, j, kernel.new(kernel.array, 4))
      }
      kernel.minor()
      kernel.begin()
      let sum = 0
      while (kernel.phase !== PHASE_WEAK) {
        kernel.run('step', 100)
        sum += kernel.word(objects.SPACE_LAST_UNITS_AT)
      }
      expect(kernel.word(objects.SPACE_OVERFLOWS_AT) > 0).toBe(knobs !== 0)
      kernel.finish()
      expect(kernel.live).toBe(8008)
      return sum
    }
    expect(units(objects.KNOB_SHORT_MARK_STACK) / units(0)).toBeLessThan(3)
  })

  test('no memory to copy the roots into: they are marked at once', () => {
    const kernel = scene({ limit: MIB })
    const slots = Array.from({ length: 3000 }, (_, i) => kernel.handle(kernel.leaf(i)))
    kernel.minor()
    const blocks: number[] = []
    for (const bytes of [65536, 4096, 16]) {
      for (let at = kernel.run('alloc', bytes); at; at = kernel.run('alloc', bytes)) blocks.push(at)
    }
    kernel.begin()
    // Otherwise 3000 roots take 1500 units.
    kernel.run('step', 1)
    expect(kernel.phase).toBe(PHASE_MARK)
    kernel.verify()
    kernel.run('handlePop', slots[2000] as number)
    kernel.finish(100)
    expect(kernel.live).toBe(3000)
    for (const at of blocks) kernel.run('free', at)
    kernel.begin()
    kernel.run('step', 1)
    expect(kernel.phase).toBe(PHASE_ROOTS)
    kernel.finish()
    expect(kernel.live).toBe(2000)
    expect(kernel.u32(kernel.u32(slots[1999] as number))).toBe(1999)
  })

  test('out of memory in the middle of a cycle is an answer; the cycle ends, and objects survive', () => {
    const kernel = scene({ limit: MIB, stepUnits: 50 })
    const slot = kernel.list(0)
    let count = 0
    for (let node = kernel.run('objectNew', kernel.pair, 8); node; node = kernel.run('objectNew', kernel.pair, 8)) {
      kernel.store(node, 0, kernel.u32(slot))
      kernel.setU32(slot, node)
      count++
    }
    expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
    expect(kernel.phase).not.toBe(PHASE_IDLE)
    expect(count).toBeGreaterThan(30_000)
    kernel.verify()
    expect(kernel.length(slot)).toBe(count)
    // No full collection in place of the steps.
    expect(kernel.causes).toEqual([])
    kernel.finish()
    expect(kernel.length(slot)).toBe(count)
    // Half of it goes.
    let node = kernel.u32(slot)
    for (let i = 1; i < count >> 1; i++) node = kernel.u32(node)
    kernel.store(node, 0, 0)
    kernel.begin()
    kernel.finish()
    expect(kernel.length(slot)).toBe(count >> 1)
    for (let i = 0; i < 5000; i++) expect(kernel.run('objectNew', kernel.pair, 8)).toBeGreaterThan(0)
    kernel.verify()
    expect(kernel.length(slot)).toBe(count >> 1)
  })

  test('a full collection in any phase ends the cycle', () => {
    for (const kind of [objects.COLLECT_FULL, objects.COLLECT_COMPACT]) {
      for (const phase of [PHASE_ROOTS, PHASE_MARK, PHASE_WEAK, PHASE_SWEEP]) {
        const kernel = scene()
        const list = kernel.list(1000)
        kernel.begin()
        kernel.stepTo(phase)
        kernel.list(100)
        kernel.collect(kind)
        expect(kernel.phase).toBe(PHASE_IDLE)
        expect(kernel.live).toBe(1100)
        expect(kernel.length(list)).toBe(1000)
        kernel.begin()
        kernel.finish()
        expect(kernel.live).toBe(1100)
      }
    }
  })

  test('words of dead objects leave the log before their memory is used again', () => {
    const kernel = scene()
    const pinned = kernel.new(kernel.pair, 8)
    const pin = kernel.run('rootAdd', objects.ROOT_PINNED, pinned)
    const holder = kernel.run('objectPush', kernel.bytes, 8000)
    const doomed = kernel.arrayOf(1000)
    const large = kernel.arrayOf(5000)
    kernel.minor()
    expect(kernel.isYoung(pinned)).toBe(true)
    for (let i = 0; i < 1000; i++) kernel.put(doomed, i, pinned)
    for (let i = 0; i < 1000; i++) kernel.put(large, i, pinned)
    const [from, to] = [kernel.u32(doomed), kernel.u32(large)]
    kernel.setU32(holder, 0)
    kernel.setU32(doomed, 0)
    kernel.setU32(large, 0)
    kernel.begin()
    kernel.finish()
    const names = (address: number, bytes: number) => {
      let count = 0
      const top = kernel.word(objects.SPACE_LOG_TOP_AT)
      for (let at = kernel.word(objects.SPACE_LOG_BASE_AT); at < top; at += 4) {
        if (kernel.u32(at) >= address && kernel.u32(at) < address + bytes) count++
      }
      return count
    }
    expect([names(from, 4000), names(to, 20_000)]).toEqual([0, 0])
    // Numbers that look like the young reference are left alone where the dead have been.
    const slots = Array.from({ length: 20 }, () => kernel.run('objectPush', kernel.bytes, 4000))
    for (const slot of slots) for (let at = 0; at < 4000; at += 4) kernel.setU32(kernel.u32(slot) + at, pinned)
    kernel.minor()
    kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
    kernel.handle(pinned)
    kernel.minor()
    for (const slot of slots) {
      for (let at = 0; at < 4000; at += 4) {
        if (kernel.u32(kernel.u32(slot) + at) !== pinned) throw new Error('raw bytes were taken for a reference')
      }
    }
  })
})

describe('weak things in each phase', () => {
  const PHASES = [PHASE_ROOTS, PHASE_MARK, PHASE_WEAK, PHASE_SWEEP] as const

  /** A weak reference, a weak root and an entry of a weak map, all of them old, whose targets nothing else keeps. */
  function dead() {
    const kernel = scene()
    const filler = kernel.list(200)
    const target = kernel.list(20)
    const weakRef = kernel.handle(kernel.run('weakRefNew', target))
    const weakRoot = kernel.run('rootAdd', objects.ROOT_WEAK, kernel.u32(target))
    const map = kernel.handle(kernel.run('weakMapNew'))
    const key = kernel.list(1)
    kernel.expectOk('weakMapSet', map, key, target)
    kernel.minor()
    kernel.setU32(target, 0)
    return { kernel, filler, target, weakRef, weakRoot, map, key }
  }

  test.each(PHASES)('%i: reading through a weak reference keeps its target, or says that it is dead', (phase) => {
    for (const by of ['weakRef', 'weakRoot'] as const) {
      const { kernel, target, key, map, ...weak } = dead()
      kernel.run('weakMapDelete', kernel.u32(map), kernel.u32(key))
      kernel.begin()
      kernel.stepTo(phase)
      const isDead = phase === PHASE_WEAK || phase === PHASE_SWEEP
      const found =
        by === 'weakRef' ? kernel.run('weakRefGet', kernel.u32(weak.weakRef)) : kernel.run('weakRootGet', weak.weakRoot)
      expect(found !== 0).toBe(!isDead)
      kernel.setU32(target, found)
      kernel.verify()
      kernel.finish(1)
      expect(kernel.length(target)).toBe(isDead ? 0 : 20)
      expect([kernel.run('weakRefGet', kernel.u32(weak.weakRef)), kernel.run('weakRootGet', weak.weakRoot)]).toEqual([
        kernel.u32(target),
        kernel.u32(target),
      ])
    }
  })

  test.each(PHASES)(
    '%i: a value lives while its key does, and what is read or deleted stays with the program',
    (phase) => {
      for (const use of ['weakMapGet', 'weakMapDelete', 'nothing'] as const) {
        const { kernel, target, key, map } = dead()
        kernel.begin()
        kernel.stepTo(phase)
        if (use !== 'nothing') kernel.setU32(target, kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key)))
        if (use === 'weakMapDelete') kernel.run(use, kernel.u32(map), kernel.u32(key))
        kernel.verify()
        kernel.finish(1)
        const value = kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key))
        expect(value !== 0).toBe(use !== 'weakMapDelete')
        if (use === 'nothing') kernel.setU32(target, value)
        expect(kernel.length(target)).toBe(20)
        kernel.collect()
        expect(kernel.length(target)).toBe(20)
      }
    },
  )

  test('a value that is deleted unread before its table was looked at is shaded', () => {
    const { kernel, target, key, map } = dead()
    kernel.begin()
    kernel.stepTo(PHASE_MARK)
    const value = kernel.run('weakMapGet', kernel.u32(map), kernel.u32(key))
    kernel.run('weakMapDelete', kernel.u32(map), kernel.u32(key))
    kernel.setU32(target, value)
    kernel.verify()
    kernel.finish(1)
    expect(kernel.length(target)).toBe(20)
  })

  test.each([
    ['', 0],
    [', though the stack of the minor collection overflows', objects.KNOB_SHORT_MARK_STACK],
  ])('an entry that waits for its key while marking goes on gets a young value%s', (_, knobs) => {
    const kernel = scene({ knobs })
    // Stays young, so that the keys stand behind it in the table of hashes.
    const pinned = kernel.new(kernel.pair, 8)
    kernel.run('rootAdd', objects.ROOT_PINNED, pinned)
    kernel.run('identityHash', pinned)
    const place = (slot: number) => kernel.run('identityHash', kernel.u32(slot)) & 7
    const [second, way] = [kernel.list(1), kernel.list(1)]
    while (place(second) > 5) kernel.setU32(second, kernel.new(kernel.pair, 8))
    const first = kernel.list(1)
    while (place(first) <= place(second)) kernel.setU32(first, kernel.new(kernel.pair, 8))
    // More that wait for the same key; their tables are looked at before that of `map`.
    const others = Array.from({ length: 3 }, (_, i) => {
      const other = kernel.handle(kernel.run('weakMapNew'))
      const value = kernel.handle(kernel.leaf(i))
      kernel.expectOk('weakMapSet', other, second, value)
      kernel.setU32(value, 0)
      return other
    })
    // first -> way -> second, by the map and a field.
    const map = kernel.handle(kernel.run('weakMapNew'))
    kernel.store(kernel.u32(way), 4, kernel.u32(second))
    kernel.expectOk('weakMapSet', map, first, way)
    kernel.expectOk('weakMapSet', map, second, second)
    kernel.minor()
    kernel.setU32(second, 0)
    kernel.setU32(way, 0)
    kernel.begin()
    kernel.stepTo(PHASE_MARK)
    const waits = (slot: number) => {
      const table = kernel.u32(kernel.u32(slot))
      return Array.from({ length: 8 }, (_, i) => kernel.u32(table + 16 + 12 * i + 8)).filter((next) => next !== 0)
        .length
    }
    for (let i = 0; i < 200 && !waits(map); i++) kernel.run('step', 1)
    expect([waits(map), ...others.map(waits)]).toEqual([1, 1, 1, 1])
    // The program gets at the key before marking does.
    const found = kernel.run('weakMapGet', kernel.u32(map), kernel.u32(first))
    kernel.setU32(second, kernel.u32(found + 4))
    expect(kernel.run('objectState', kernel.u32(second)) & 1).toBe(0)
    const value = kernel.handle(kernel.leaf(99))
    kernel.expectOk('weakMapSet', map, second, value)
    kernel.setU32(value, 0)
    const many = kernel.arrayOf(1000)
    for (let i = 0; i < 1000; i++) kernel.put(many, i, kernel.leaf(i))
    kernel.minor()
    expect(kernel.word(objects.SPACE_OVERFLOWS_AT) > 0).toBe(knobs !== 0)
    const get = (slot: number) => kernel.u32(kernel.run('weakMapGet', kernel.u32(slot), kernel.u32(second)))
    expect(get(map)).toBe(99)
    kernel.finish(1)
    expect([get(map), ...others.map(get)]).toEqual([99, 0, 1, 2])
    kernel.collect()
    expect([get(map), ...others.map(get)]).toEqual([99, 0, 1, 2])
  })

  test('weak maps that grow, lose and gain keys all the time are as a Map says', () => {
    for (const phase of PHASES) {
      const kernel = scene({ limit: 32 * MIB })
      const map = kernel.handle(kernel.run('weakMapNew'))
      const keys = kernel.arrayOf(4000)
      const [key, value] = [kernel.handle(0), kernel.handle(0)]
      const model = new Map<number, number>()
      const set = (i: number, id: number) => {
        if (!kernel.u32(kernel.u32(keys) + 4 * i)) kernel.put(keys, i, kernel.leaf(i))
        kernel.setU32(key, kernel.u32(kernel.u32(keys) + 4 * i))
        kernel.setU32(value, kernel.leaf(id))
        kernel.expectOk('weakMapSet', map, key, value)
        model.set(i, id)
        kernel.setU32(key, 0)
        kernel.setU32(value, 0)
      }
      const drop = (i: number) => {
        kernel.put(keys, i, 0)
        model.delete(i)
      }
      for (let i = 0; i < 900; i++) set(i, i)
      for (let round = 0; round < 4; round++) {
        kernel.begin()
        kernel.stepTo(phase, 3)
        for (let i = 0; i < 4000; i += 7) {
          if (i % 3 === 0) drop((i * 31 + round) % 4000)
          else set((i * 17 + round) % 4000, 10_000 * round + i)
          if (i % 77 === 0) kernel.run('step', 5)
          if (i % 1001 === 0) kernel.minor()
        }
        kernel.finish(100)
        for (let i = 0; i < 4000; i++) {
          const at = kernel.u32(kernel.u32(keys) + 4 * i)
          const found = at ? kernel.run('weakMapGet', kernel.u32(map), at) : 0
          expect(found ? kernel.u32(found) : undefined).toBe(model.get(i))
        }
      }
      kernel.collect()
      // Keys and values, the two arrays' and the map's own objects.
      expect(kernel.live).toBe(2 * model.size + 3)
    }
  })

  test('finalizers are called once each, in the order of registration within a collection', () => {
    const kernel = scene({ limit: 32 * MIB })
    const old = kernel.arrayOf(3000)
    const waiting = new Set<number>()
    let id = 0
    const told: number[] = []
    const take = () => {
      const ids = kernel.ready()
      for (const one of ids) expect(waiting.delete(one), `finalizer ${one}`).toBe(true)
      told.push(...ids)
      return ids
    }
    const register = (i: number) => {
      kernel.put(old, i, kernel.leaf(i))
      kernel.expectOk('finalizerAdd', kernel.u32(kernel.u32(old) + 4 * i), ++id)
      waiting.add(id)
    }
    for (let i = 0; i < 3000; i++) register(i)
    kernel.minor()
    expect(take()).toEqual([])
    for (let i = 0; i < 3000; i += 2) kernel.put(old, i, 0)
    kernel.begin()
    // While the table is gone through in pieces, some are added, some taken back, and young ones die.
    kernel.stepTo(PHASE_WEAK, 500)
    for (let i = 0; kernel.phase === PHASE_WEAK; i++) {
      kernel.run('step', 1)
      register(2 * i)
      kernel.expectOk('finalizerAdd', kernel.leaf(0), ++id)
      waiting.add(id)
      if (i % 3 === 0) {
        expect(kernel.run('finalizerRemove', 2 * i + 2)).toBe(1)
        waiting.delete(2 * i + 2)
      }
      if (i % 5 === 0) {
        kernel.minor()
        const ids = take()
        expect(ids).toEqual(ids.slice().sort((a, b) => a - b))
      }
    }
    kernel.finish()
    kernel.minor()
    take()
    const live = new Set<number>()
    for (let i = 0; i < 3000; i++) if (kernel.u32(kernel.u32(old) + 4 * i)) live.add(i)
    expect(waiting.size).toBe(live.size - [...live].filter((i) => i % 2 === 1 && !waiting.has(i + 1)).length)
    kernel.handle(0)
    kernel.setU32(old, 0)
    kernel.begin()
    kernel.finish(3)
    const rest = take()
    expect(rest).toEqual(rest.slice().sort((a, b) => a - b))
    expect(waiting.size).toBe(0)
    expect(new Set(told).size).toBe(told.length)
    expect(kernel.word(objects.SPACE_FINALIZER_COUNT_AT)).toBe(0)
  })

  test('identity hashes stay with their objects, and go with them', () => {
    for (const phase of PHASES) {
      const kernel = scene({ limit: 32 * MIB })
      const old = kernel.arrayOf(6000)
      const hashes = new Map<number, number>()
      const check = () => {
        for (const [i, hash] of hashes) {
          expect(kernel.run('identityHash', kernel.u32(kernel.u32(old) + 4 * i))).toBe(hash)
        }
      }
      const make = (i: number) => {
        kernel.put(old, i, kernel.leaf(i))
        hashes.set(i, kernel.run('identityHash', kernel.u32(kernel.u32(old) + 4 * i)))
      }
      const drop = (i: number) => {
        kernel.put(old, i, 0)
        hashes.delete(i)
      }
      for (let i = 0; i < 3000; i++) make(i)
      kernel.minor()
      check()
      for (let i = 0; i < 3000; i += 3) drop(i)
      kernel.begin()
      kernel.stepTo(phase, 200)
      for (let i = 0; kernel.phase !== PHASE_IDLE; i++) {
        kernel.run('step', phase === PHASE_WEAK ? 1 : 50)
        for (let j = 0; j < 20 && 20 * i + j < 3000; j++) make(3000 + 20 * i + j)
        kernel.run('identityHash', kernel.leaf(0))
        if (i % 3 === 0) drop(20 * i + 3001)
        if (i % 4 === 0) kernel.minor()
        if (i % 16 === 0) check()
      }
      kernel.minor()
      check()
      expect(new Set(hashes.values()).size).toBe(hashes.size)
      kernel.begin()
      kernel.finish(11)
      check()
      expect(kernel.word(objects.SPACE_HASH_COUNT_AT)).toBe(hashes.size)
    }
  })

  test('of young objects that stay are put right with those of old ones', () => {
    const kernel = scene()
    const doomed = kernel.arrayOf(100)
    for (let i = 0; i < 100; i++) kernel.put(doomed, i, kernel.leaf(i))
    const slot = kernel.handle(kernel.u32(kernel.u32(doomed)))
    kernel.minor()
    // A weak reference that stays in the nursery, with a finalizer and a hash, in front of those of old objects.
    const weak = kernel.run('weakRefNew', slot)
    const pin = kernel.run('rootAdd', objects.ROOT_PINNED, weak)
    kernel.expectOk('finalizerAdd', weak, 1000)
    const hash = kernel.run('identityHash', weak)
    for (let i = 0; i < 100; i++) {
      const leaf = kernel.u32(kernel.u32(doomed) + 4 * i)
      kernel.expectOk('finalizerAdd', leaf, i + 1)
      kernel.run('identityHash', leaf)
    }
    kernel.setU32(slot, 0)
    kernel.setU32(doomed, 0)
    kernel.begin()
    kernel.finish(1)
    expect(kernel.isYoung(weak)).toBe(true)
    expect(kernel.run('weakRefGet', weak)).toBe(0)
    expect(kernel.ready()).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(kernel.word(objects.SPACE_HASH_COUNT_AT)).toBe(1)
    expect(kernel.run('identityHash', weak)).toBe(hash)
    kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
    kernel.minor()
    expect(kernel.ready()).toEqual([1000])
    expect(kernel.word(objects.SPACE_HASH_COUNT_AT)).toBe(0)
  })
})

/**
 * Goal: the parts of the object kernel that random graphs do not single out: refusals, large objects, depth, holes,
 * pinned objects in a slide, committed memory after compaction, finalizer order, images, and a verifier that finds each
 * kind of damage.
 * Method: the bare debug kernel, small scenes with known contents.
 * A failure means that a refused call changed something, that memory is not reused or given back, or that damage passes
 * unseen.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import type { ObjectKernelOptions } from './object-kernel.js'
import { Scene } from './object-scene.js'

const { SHAPE_LEAF, SHAPE_PREFIX, SHAPE_REFS, TRAIL_BYTES, TRAIL_NONE, TRAIL_REFS } = objects
const MIB = 2 ** 20

const scene = (options: ObjectKernelOptions = {}) => new Scene(options)

describe('refusals change nothing', () => {
  test('types whose numbers contradict each other', () => {
    const kernel = scene()
    const bad: [string, number[]][] = [
      ['unknown shape', [99, TRAIL_NONE, 0, 8, 0, 0, 0]],
      ["a weak map's table", [objects.SHAPE_EPHEMERONS, TRAIL_BYTES, 0, 16, 0, 12, 0]],
      ['more references than fit', [SHAPE_PREFIX, TRAIL_NONE, 3, 8, 0, 0, 0]],
      ['references that are not there', [SHAPE_LEAF, TRAIL_NONE, 1, 8, 0, 0, 0]],
      ['mask outside the fixed part', [objects.SHAPE_MASK, TRAIL_NONE, 0, 8, 0b100, 0, 0]],
      ['list outside the memory', [objects.SHAPE_LIST, TRAIL_NONE, 9, 64, 0xfffffff0, 0, 0]],
      ['list outside the fixed part', [objects.SHAPE_LIST, TRAIL_NONE, 1, 2, kernel.base, 0, 0]],
      ['elements without a trail', [SHAPE_PREFIX, TRAIL_NONE, 1, 8, 0, 4, 0]],
      ['a trail without elements', [SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 0, 0]],
      ['references of another size', [SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 8, 0]],
      ['references at odd places', [SHAPE_REFS, TRAIL_REFS, 0, 2, 0, 4, 0]],
      ['element mask outside the element', [objects.SHAPE_MIXED, objects.TRAIL_MIXED, 0, 0, 0, 8, 0b100]],
      ['a fixed part beyond everything', [SHAPE_LEAF, TRAIL_NONE, 0, 0xfffffff0, 0, 0, 0]],
    ]
    const before = kernel.word(objects.SPACE_TYPE_COUNT_AT)
    for (const [what, numbers] of bad) {
      expect(kernel.run('typeAdd', 0, 0, ...numbers), what).toBe(0)
      expect(kernel.word(objects.SPACE_STATUS_AT), what).toBe(layout.STATUS_BAD_ARGUMENT)
    }
    expect(kernel.word(objects.SPACE_TYPE_COUNT_AT)).toBe(before)
  })

  test('objects of unknown types and sizes that do not fit', () => {
    const kernel = scene()
    for (const [type, bytes] of [
      [0, 8],
      [9999, 8],
      [0xffffffff, 8],
      [objects.TYPE_WEAK_TABLE, 16 + 12 * 8],
      [kernel.pair, 12],
      [kernel.pair, 0],
      [kernel.array, 6],
      [kernel.array, 0xfffffffc],
    ] as const) {
      expect(kernel.run('objectNew', type, bytes)).toBe(0)
      expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_BAD_ARGUMENT)
    }
    expect(kernel.run('objectNew', kernel.bytes, objects.OBJECT_MAX_BYTES)).toBe(0)
    expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
    kernel.verify()
  })

  test('roots, stacks and collections', () => {
    const kernel = scene()
    expect(kernel.run('rootAdd', 4, 8)).toBe(0)
    expect(kernel.run('rootAdd', objects.ROOT_WEAK, 3)).toBe(0)
    expect(kernel.run('rootAdd', objects.ROOT_SLOT, 6)).toBe(0)
    expect(kernel.run('rootAdd', objects.ROOT_SLOT, 0xfffffff0)).toBe(0)
    expect(kernel.run('rootRemove', 0, 8)).toBe(layout.STATUS_NOT_A_BLOCK)
    const slot = kernel.run('rootAdd', 0, kernel.new(kernel.pair, 8))
    expect(kernel.run('rootRemove', 1, slot)).toBe(layout.STATUS_NOT_A_BLOCK)
    expect(kernel.run('rootRemove', 0, slot + 4)).toBe(layout.STATUS_NOT_A_BLOCK)
    expect(kernel.run('rootRemove', 0, slot)).toBe(layout.STATUS_OK)
    expect(kernel.run('rootRemove', 0, slot)).toBe(layout.STATUS_NOT_A_BLOCK)
    expect(kernel.run('shadowCreate', 0, 0)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(kernel.run('collect', 7)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(kernel.run('setStress', 9, 1, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
    const map = kernel.run('weakMapNew')
    for (const call of ['weakMapGet', 'weakMapHas', 'weakMapDelete']) {
      expect(kernel.run(call, map, 0), call).toBe(0)
      expect(kernel.run(call, 0, map), call).toBe(0)
    }
    expect(kernel.run('weakRefGet', 0)).toBe(0)
    expect(kernel.run('identityHash', 0)).toBe(0)
    const nothing = kernel.run('handlePush', 0)
    expect(kernel.run('weakMapSet', nothing, nothing, nothing)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(kernel.run('setStress', objects.STRESS_BYTES, 0, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
    // A stack pointer that a guest has ruined is refused before anything is marked.
    kernel.setWord(objects.SPACE_SHADOW_TOP_AT, 0xfffffff0)
    expect(kernel.run('collect', 0)).toBe(layout.STATUS_BAD_ARGUMENT)
    kernel.setWord(objects.SPACE_SHADOW_TOP_AT, 0)
    kernel.collect()
  })
})

describe('allocation', () => {
  test('70,000 types', () => {
    const kernel = scene()
    let last = 0
    for (let i = 0; i < 70_000; i++) last = kernel.run('typeAdd', 0, 0, SHAPE_PREFIX, TRAIL_NONE, 1, 4, 0, 0, 0)
    expect(last).toBeGreaterThan(65_535)
    const slot = kernel.run('handlePush', kernel.new(last, 4))
    kernel.collect()
    expect(kernel.u32(kernel.u32(slot) - 8)).toBe(last)
  })

  test('an object of each size up to large ones lives, and dies', () => {
    const kernel = scene({ limit: 256 * MIB })
    const slots: [number, number][] = []
    const sizes = [
      0,
      1,
      7,
      8,
      9,
      24,
      25,
      8183,
      8184,
      8185,
      8200,
      100_000,
      978_000,
      979_000,
      MIB - 72,
      MIB - 8,
      MIB,
      5 * MIB + 5,
    ]
    for (const bytes of sizes) {
      const slot = kernel.run('objectPush', kernel.bytes, bytes)
      expect(slot, `${bytes} bytes`).toBeGreaterThan(0)
      new Uint8Array(kernel.memory.buffer, kernel.u32(slot), bytes).fill(slots.length + 1)
      slots.push([slot, bytes])
      kernel.verify()
    }
    for (const kind of [objects.COLLECT_FULL, objects.COLLECT_COMPACT]) {
      kernel.collect(kind)
      slots.forEach(([slot, bytes], i) => {
        const data = new Uint8Array(kernel.memory.buffer, kernel.u32(slot), bytes)
        expect(
          data.every((byte) => byte === i + 1),
          `${bytes} bytes`,
        ).toBe(true)
      })
    }
    kernel.run('handlePop', 0)
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.live).toBe(0)
    expect(kernel.word(objects.SPACE_LARGE_AT)).toBe(0)
    expect(kernel.u32(layout.HEAP_OBJECTS_AT)).toBe(0)
  })

  test('holes of one granule are used again', () => {
    const kernel = scene()
    const slot = kernel.list(40_000)
    kernel.collect()
    for (let node = kernel.u32(slot); node; node = kernel.u32(node)) {
      const next = kernel.u32(node)
      if (next) kernel.setU32(node, kernel.u32(next))
    }
    kernel.collect()
    expect(kernel.live).toBe(20_000)
    const held = kernel.u32(layout.HEAP_OBJECTS_AT)
    for (let i = 0; i < 19_000; i++) kernel.new(kernel.pair, 8)
    expect(kernel.u32(layout.HEAP_OBJECTS_AT)).toBe(held)
    expect(kernel.length(slot)).toBe(20_000)
    kernel.verify()
  })

  test('a hole behind a fresh object that was looked at is found where it is', () => {
    const kernel = scene()
    const granules = (count: number) => kernel.run('objectPush', kernel.bytes, 16 * count - 8)
    // In granules of a block: [1 + 59 live][10 dead][30 live][40 live][dead]; 64 of them are looked at at a time.
    granules(1)
    granules(59)
    const dead = granules(10)
    granules(30)
    const crossing = granules(40)
    kernel.setU32(dead, 0)
    const [from, bytes] = [kernel.u32(crossing), 16 * 40 - 8]
    new Uint8Array(kernel.memory.buffer, from, bytes).fill(9)
    kernel.collect()
    // Fills the hole and reaches into the next 64; asking for it gives it its bytes in the map.
    const fresh = kernel.new(kernel.bytes, 152)
    kernel.run('objectStatus', fresh)
    for (let i = 0; i < 300; i++) kernel.setU32(kernel.new(kernel.pair, 8), 0)
    expect(new Uint8Array(kernel.memory.buffer, from, bytes).every((byte) => byte === 9)).toBe(true)
    kernel.verify()
  })

  test('medium objects do not make small holes be given up', () => {
    const kernel = scene()
    const slot = kernel.list(1000)
    for (let i = 0; i < 20; i++) kernel.new(kernel.bytes, 4000)
    for (let i = 0; i < 100; i++) kernel.new(kernel.pair, 8)
    kernel.verify()
    // One block for each size.
    expect(kernel.u32(layout.HEAP_OBJECTS_AT)).toBeLessThanOrEqual(3 * objects.OBJECT_BLOCK_BYTES)
    kernel.collect()
    expect(kernel.live).toBe(1000)
    expect(kernel.length(slot)).toBe(1000)
  })

  test('out of memory is an answer, and dropping roots is a cure', () => {
    const kernel = scene({ limit: MIB })
    const slot = kernel.list(0)
    let count = 0
    for (let node = kernel.run('objectNew', kernel.pair, 8); node; node = kernel.run('objectNew', kernel.pair, 8)) {
      kernel.setU32(node, kernel.u32(slot))
      kernel.setU32(slot, node)
      count++
    }
    expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
    expect(count).toBeGreaterThan(45_000)
    kernel.verify()
    expect(kernel.length(slot)).toBe(count)
    expect(kernel.run('objectNew', kernel.array, 4 * MIB)).toBe(0)
    kernel.setU32(slot, 0)
    expect(kernel.run('objectNew', kernel.pair, 8)).toBeGreaterThan(0)
    kernel.verify()
  })

  test('a full heap has room for handles when its garbage is gone', () => {
    const kernel = scene({ limit: 320 << 10 })
    for (let i = 0; i < 3000; i++) {
      expect(kernel.run('objectPush', kernel.pair, 8), `handle ${i}`).toBeGreaterThan(0)
      for (let j = 0; j < 20; j++) kernel.new(kernel.pair, 8)
    }
    kernel.verify()
    kernel.collect()
    expect(kernel.live).toBe(3000)
  })

  test('a thousand times the heap in short-lived objects', () => {
    const kernel = scene({ limit: MIB, release: true })
    for (let i = 0; i < 1000 * 64; i++) for (let j = 0; j < 32; j++) kernel.call.objectNew?.(kernel.bytes, 500)
    expect(kernel.committed).toBeLessThanOrEqual(MIB)
    kernel.verify()
  })
})

describe('marking', () => {
  test('ten million linked nodes, without recursion', { timeout: 60_000 }, () => {
    const kernel = scene({ limit: 512 * MIB, release: true })
    kernel.setWord(objects.SPACE_BUDGET_AT, 0x7fffffff)
    const slot = kernel.list(10_000_000)
    const start = performance.now()
    kernel.expectOk('collect', objects.COLLECT_FULL)
    const nanoseconds = ((performance.now() - start) * 1e6) / 10_000_000
    expect(kernel.live).toBe(10_000_000)
    expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBe(0)
    console.log(`10,000,000 linked nodes: ${nanoseconds.toFixed(1)} ns a node`)
    expect(kernel.length(slot)).toBe(10_000_000)
  })

  test('a wide array is scanned in slices: the stack stays short', () => {
    const kernel = scene()
    const slot = kernel.run('objectPush', kernel.array, 4 * 100_000)
    for (let i = 0; i < 100_000; i++) {
      const node = kernel.new(kernel.pair, 8)
      kernel.setU32(kernel.u32(slot) + 4 * i, node)
    }
    kernel.collect()
    expect(kernel.live).toBe(100_001)
    expect(kernel.word(objects.SPACE_MARK_STACK_END_AT) - kernel.word(objects.SPACE_MARK_STACK_AT)).toBe(16_384)
  })

  test('an overflow of the mark stack is survived, and counted', () => {
    const kernel = scene({ knobs: objects.KNOB_SHORT_MARK_STACK })
    const slot = kernel.spine(20_000)
    kernel.collect()
    expect(kernel.live).toBe(40_000)
    expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBeGreaterThan(0)
    let spine = 0
    for (let node = kernel.u32(slot); node; node = kernel.u32(node + 4)) spine++
    expect(spine).toBe(20_000)
  })

  test('arrays of arrays, large ones too, are found again after an overflow', () => {
    for (const policy of [0, objects.POLICY_MOVE_ALL]) {
      const kernel = scene({ knobs: objects.KNOB_SHORT_MARK_STACK, policy, limit: 256 * MIB })
      const outer = kernel.run('objectPush', kernel.array, 4 * 150)
      const map = kernel.run('handlePush', kernel.run('weakMapNew'))
      const inner = kernel.run('handlePush', 0)
      const value = kernel.run('handlePush', 0)
      let expected = 3
      for (let i = 0; i < 150; i++) {
        const length = i % 3 === 0 ? 3000 : 150
        kernel.setU32(inner, kernel.new(kernel.array, 4 * length))
        kernel.setU32(kernel.u32(outer) + 4 * i, kernel.u32(inner))
        for (let j = 0; j < length; j++) {
          const node = kernel.new(kernel.pair, 8)
          kernel.setU32(kernel.u32(inner) + 4 * j, node)
        }
        // Each array is the key of an object that only the weak map keeps.
        kernel.setU32(value, kernel.new(kernel.pair, 8))
        kernel.expectOk('weakMapSet', map, inner, value)
        expected += length + 2
      }
      kernel.setU32(inner, 0)
      kernel.setU32(value, 0)
      kernel.collect()
      expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBeGreaterThan(0)
      expect(kernel.live).toBe(expected)
      kernel.collect()
      expect(kernel.live).toBe(expected)
    }
  })

  test('the stack grows when it may', () => {
    const kernel = scene()
    kernel.spine(50_000)
    kernel.collect()
    expect(kernel.live).toBe(100_000)
    expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBe(0)
    // The long one is not kept.
    expect(kernel.word(objects.SPACE_MARK_STACK_AT)).not.toBe(0)
  })
})

describe('moving', () => {
  test('compaction gives memory back and leaves pinned objects where they are', () => {
    const kernel = scene()
    const slot = kernel.list(200_000)
    kernel.collect()
    // Every thousandth node is pinned, every tenth kept.
    const pinned: [number, number][] = []
    let at = 0
    for (let node = kernel.u32(slot); node; at++) {
      if (at % 1000 === 0) pinned.push([kernel.run('rootAdd', objects.ROOT_PINNED, node), node])
      let next = kernel.u32(node)
      for (let i = 0; i < 9 && next; i++) next = kernel.u32(next)
      kernel.setU32(node, next)
      node = next
    }
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.live).toBe(20_000)
    for (const [root, node] of pinned) expect(kernel.u32(root)).toBe(node)
    for (const [root] of pinned) kernel.expectOk('rootRemove', objects.ROOT_PINNED, root)
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.length(slot)).toBe(20_000)
    // What is left lies in the first MiB: pieces do not move.
    expect(kernel.committed).toBeLessThanOrEqual(MIB)
    kernel.setU32(slot, 0)
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.u32(layout.HEAP_OBJECTS_AT)).toBe(0)
    // And what was given back can be had again.
    kernel.setU32(slot, 0)
    for (let i = 0; i < 100_000; i++) kernel.new(kernel.pair, 8)
    kernel.verify()
  })

  test('compaction moves large objects down, but not pinned ones', () => {
    const kernel = scene({ limit: 256 * MIB })
    const low = kernel.run('objectPush', kernel.bytes, 3 * MIB)
    const middle = kernel.run('objectPush', kernel.bytes, 400_000)
    const top = kernel.run('objectPush', kernel.array, 2 * MIB)
    const last = kernel.run('objectPush', kernel.bytes, 300_000)
    const pinnedAt = kernel.u32(last)
    const pin = kernel.run('rootAdd', objects.ROOT_PINNED, pinnedAt)
    kernel.setU32(kernel.u32(top) + 4, kernel.u32(top))
    kernel.setU32(kernel.u32(top) + 8, kernel.u32(last))
    new Uint8Array(kernel.memory.buffer, kernel.u32(last), 300_000).fill(7)
    const topAt = kernel.u32(top)
    kernel.setU32(low, 0)
    kernel.setU32(middle, 0)
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.u32(top)).toBeLessThan(topAt)
    expect(kernel.u32(kernel.u32(top) + 4)).toBe(kernel.u32(top))
    expect(kernel.u32(last)).toBe(pinnedAt)
    kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
    const before = kernel.committed
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.u32(kernel.u32(top) + 8)).toBe(kernel.u32(last))
    expect(new Uint8Array(kernel.memory.buffer, kernel.u32(last), 300_000).every((byte) => byte === 7)).toBe(true)
    expect(kernel.committed).toBeLessThanOrEqual(before)
    expect(kernel.committed).toBeLessThan(4 * MIB)
  })

  test('compaction gives back the segments of handles and roots that are not in use', () => {
    const kernel = scene()
    kernel.collect(objects.COLLECT_COMPACT)
    const before = kernel.committed
    const roots: number[] = []
    const slots: number[] = []
    for (let i = 0; i < 50_000; i++) {
      roots.push(kernel.run('rootAdd', i % 4 === 2 ? 0 : i % 4, 0))
      slots.push(kernel.run('handlePush', 0))
    }
    const kept = roots.splice(20_000, 3)
    for (const [i, slot] of roots.entries()) {
      const kind = (i < 20_000 ? i : i + 3) % 4
      kernel.expectOk('rootRemove', kind === 2 ? 0 : kind, slot)
    }
    kernel.run('handlePop', slots[10] ?? 0)
    kernel.collect(objects.COLLECT_COMPACT)
    for (const [i, slot] of kept.entries())
      expect(kernel.run('rootRemove', i === 2 ? 0 : i, slot)).toBe(layout.STATUS_OK)
    for (let i = 0; i < 3000; i++) expect(kernel.run('rootAdd', 0, 0)).toBeGreaterThan(0)
    kernel.collect()
    expect(kernel.u32(layout.HEAP_OWNED_AT)).toBeLessThan(before)
    expect(kernel.u32(layout.HEAP_OWNED_AT)).toBeLessThan(100_000)
  })

  test('what was evacuated once is not moved again by the next collections', () => {
    const kernel = scene({ policy: objects.POLICY_EVACUATE })
    const sparse = kernel.list(100_000)
    for (let node = kernel.u32(sparse); node; ) {
      let next = kernel.u32(node)
      for (let i = 0; i < 9 && next; i++) next = kernel.u32(next)
      kernel.setU32(node, next)
      node = next
    }
    kernel.collect()
    kernel.collect()
    expect(kernel.word(objects.SPACE_MOVED_AT)).toBeGreaterThan(8000)
    for (let i = 0; i < 3; i++) {
      kernel.collect()
      expect(kernel.word(objects.SPACE_MOVED_AT)).toBe(0)
    }
    expect(kernel.length(sparse)).toBe(10_000)
  })

  test('a mark stack that had to grow does not keep the top from being given back', () => {
    const kernel = scene()
    kernel.spine(50_000)
    kernel.collect(objects.COLLECT_COMPACT)
    const held = kernel.committed
    expect(held - kernel.u32(layout.HEAP_FREE_AT)).toBeGreaterThan(held - 300_000)
    kernel.collect(objects.COLLECT_COMPACT)
    expect(kernel.committed).toBeLessThanOrEqual(held)
  })

  test('memory that was given back is clean when it is held again', () => {
    const kernel = scene()
    for (let round = 0; round < 3; round++) {
      const slot = kernel.list(300_000)
      kernel.verify()
      kernel.setU32(slot, 0)
      kernel.collect(objects.COLLECT_COMPACT)
      expect(kernel.committed).toBeLessThan(MIB)
    }
  })

  test('sparse blocks are evacuated, full ones are left alone', () => {
    const kernel = scene({ policy: objects.POLICY_EVACUATE })
    const dense = kernel.list(50_000)
    const sparse = kernel.list(100_000)
    for (let node = kernel.u32(sparse); node; ) {
      let next = kernel.u32(node)
      for (let i = 0; i < 19 && next; i++) next = kernel.u32(next)
      kernel.setU32(node, next)
      node = next
    }
    kernel.collect()
    const held = kernel.u32(layout.HEAP_OBJECTS_AT)
    kernel.collect()
    expect(kernel.word(objects.SPACE_MOVED_AT)).toBeGreaterThan(3000)
    expect(kernel.word(objects.SPACE_MOVED_AT)).toBeLessThan(10_000)
    expect(kernel.u32(layout.HEAP_OBJECTS_AT)).toBeLessThan(held / 1.5)
    expect(kernel.length(dense)).toBe(50_000)
    expect(kernel.length(sparse)).toBe(5000)
  })
})

describe('weak things', () => {
  test('finalizers become ready in the order of registration, each once', () => {
    const kernel = scene()
    const slot = kernel.run('handlePush', 0)
    const order: number[] = []
    for (let i = 1; i <= 3000; i++) {
      const node = kernel.new(kernel.pair, 8)
      kernel.expectOk('finalizerAdd', node, i)
      if (i % 3 === 0) {
        kernel.setU32(node, kernel.u32(slot))
        kernel.setU32(slot, node)
      } else order.push(i)
    }
    kernel.collect()
    const ready: number[] = []
    for (let id = kernel.run('finalizerNext'); id; id = kernel.run('finalizerNext')) ready.push(id)
    expect(ready).toEqual(order)
    kernel.setU32(slot, 0)
    kernel.collect()
    const rest: number[] = []
    for (let id = kernel.run('finalizerNext'); id; id = kernel.run('finalizerNext')) rest.push(id)
    expect(rest).toEqual(Array.from({ length: 1000 }, (_, i) => 3 * (i + 1)))
    for (let i = 0; i < 100_000; i++) {
      kernel.expectOk('finalizerAdd', kernel.u32(kernel.list(1)), 7)
      expect(kernel.run('finalizerRemove', 7)).toBe(1)
      if (i % 1000 === 0) kernel.run('handlePop', 0)
    }
    expect(kernel.run('finalizerRemove', 7)).toBe(0)
    expect(kernel.word(objects.SPACE_FINALIZER_CAPACITY_AT)).toBeLessThan(20_000)
    kernel.run('handlePop', 0)
    kernel.collect()
    expect(kernel.run('finalizerNext')).toBe(0)
    expect(kernel.run('finalizerAdd', 0, 1)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(kernel.run('finalizerAdd', 8, 0)).toBe(layout.STATUS_BAD_ARGUMENT)
  })

  test('a chain of 20,000 ephemerons, each key the value of the one before, ends at once', { timeout: 20_000 }, () => {
    for (const policy of [0, objects.POLICY_MOVE_ALL]) {
      const kernel = scene({ policy })
      const map = kernel.run('handlePush', kernel.run('weakMapNew'))
      const first = kernel.run('objectPush', kernel.pair, 8)
      const key = kernel.run('handlePush', kernel.u32(first))
      const value = kernel.run('handlePush', 0)
      for (let i = 0; i < 20_000; i++) {
        kernel.setU32(value, kernel.new(kernel.pair, 8))
        kernel.expectOk('weakMapSet', map, key, value)
        kernel.setU32(key, kernel.u32(value))
      }
      kernel.setU32(key, 0)
      kernel.setU32(value, 0)
      const start = performance.now()
      kernel.collect()
      expect(performance.now() - start).toBeLessThan(2000)
      expect(kernel.live).toBe(20_003)
      kernel.setU32(first, 0)
      kernel.collect()
      expect(kernel.live).toBe(2)
    }
  })
})

describe.each(['vm', 'embedded'] as const)('images in mode %s', (mode) => {
  const image = (kernel: Scene) => {
    const at = kernel.run('imageCreate', 48)
    const write = (header: number, type: number, bytes: number, ...words: number[]) => {
      kernel.setU32(header, type)
      kernel.setU32(header + 4, bytes)
      for (const [i, word] of words.entries()) kernel.setU32(header + 8 + 4 * i, word)
    }
    write(at, kernel.pair, 8, at + 24, 0)
    write(at + 16, kernel.bytes, 20)
    return at
  }

  test('immortal objects are never collected, moved or scanned', () => {
    const kernel = scene({ mode, policy: objects.POLICY_MOVE_ALL })
    const at = image(kernel)
    kernel.expectOk('imageSeal', at)
    kernel.expectOk('imageCheck', at)
    const slot = kernel.list(10)
    kernel.setU32(kernel.u32(slot) + 4, at + 8)
    for (const kind of [0, 1, 0]) {
      kernel.collect(kind)
      expect(kernel.live).toBe(10)
      expect(kernel.u32(kernel.u32(slot) + 4)).toBe(at + 8)
      expect(kernel.u32(at + 8)).toBe(at + 24)
    }
    expect(kernel.run('objectState', at + 8) & 2).toBe(2)
  })

  test('the verifier sees damage', () => {
    const kernel = scene({ mode })
    const at = image(kernel)
    kernel.verify()
    kernel.expectOk('imageSeal', at)
    kernel.verify()
    const damage: [string, number, number, number][] = [
      ['an unknown type', at, 0xfffff | objects.OBJECT_IMMORTAL, objects.FAULT_OBJECT_HEADER],
      ['an object that is not immortal', at + 16, kernel.bytes, objects.FAULT_OBJECT_HEADER],
      ['a size that does not fit', at + 4, 12, objects.FAULT_OBJECT_HEADER],
      ['a size beyond the end', at + 20, 40, objects.FAULT_OBJECT_HEADER],
      ['a reference to no object', at + 8, at + 40, mode === 'vm' ? objects.FAULT_UNMARKED : objects.FAULT_REFERENCE],
      ['a reference to nothing', at + 8, 0xfffffff8, objects.FAULT_REFERENCE],
    ]
    for (const [what, address, word, fault] of damage) {
      const before = kernel.u32(address)
      kernel.setU32(address, word)
      expect(kernel.run('verify'), what).toBe(fault)
      kernel.setU32(address, before)
      kernel.verify()
    }
  })

  test('what is no whole row of known objects is refused', () => {
    const kernel = scene({ mode })
    const damage: [string, (at: number) => void][] = [
      ['unknown type', (at) => kernel.setU32(at, 0xfffff)],
      ['built-in type', (at) => kernel.setU32(at, objects.TYPE_WEAK_TABLE)],
      ['a size that does not fit', (at) => kernel.setU32(at + 4, 12)],
      ['a size beyond the end', (at) => kernel.setU32(at + 20, 40)],
      [
        'a weak reference',
        (at) => kernel.setU32(at, kernel.run('typeAdd', 0, 0, objects.SHAPE_WEAK, TRAIL_NONE, 0, 8, 0, 0, 0)),
      ],
      ['a flag of the heap', (at) => kernel.setU32(at, kernel.pair | objects.OBJECT_HASHED)],
    ]
    for (const [what, spoil] of damage) {
      const at = image(kernel)
      spoil(at)
      expect(kernel.run('imageSeal', at), what).toBe(layout.STATUS_BAD_ARGUMENT)
      kernel.expectOk('imageDrop', at)
      kernel.verify()
    }
    const at = image(kernel)
    kernel.setU32(at + 8, at + 40)
    kernel.expectOk('imageSeal', at)
    expect(kernel.run('imageCheck', at)).toBe(layout.STATUS_BAD_ARGUMENT)
    kernel.expectOk('imageDrop', at)
    expect(kernel.run('imageSeal', at)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(kernel.run('imageCreate', 7)).toBe(0)
    kernel.collect()
  })
})

describe('the verifier finds', () => {
  const faultOf = (spoil: (kernel: Scene, reference: number) => void) => {
    const kernel = scene()
    const slot = kernel.list(100)
    const large = kernel.run('objectPush', kernel.array, 40_000)
    kernel.run('identityHash', kernel.u32(slot))
    kernel.expectOk('finalizerAdd', kernel.u32(large), 1)
    kernel.collect()
    spoil(kernel, kernel.u32(slot))
    return kernel.run('verify')
  }
  const map = (kernel: Scene, reference: number) => {
    const entry = kernel.u32(layout.HEAP_TABLE_AT) + 16 * (reference >>> 20)
    return kernel.u32(entry) + (reference >>> 4)
  }
  const cases: [string, number, (kernel: Scene, reference: number) => void][] = [
    ['an unknown type', objects.FAULT_OBJECT_HEADER, (k, at) => k.setU32(at - 8, 0x4444)],
    ['a size that does not fit', objects.FAULT_OBJECT_HEADER, (k, at) => k.setU32(at - 4, 100)],
    ['a reference into an object', objects.FAULT_UNMARKED, (k, at) => k.setU32(at, k.new(k.bytes, 40) + 16)],
    ['a reference to nowhere', objects.FAULT_REFERENCE, (k, at) => k.setU32(at, 0xfff00008)],
    ['a reference to free memory', objects.FAULT_UNMARKED, (k, at) => k.setU32(at, at + 16 * 200)],
    ['a root that points at nothing', objects.FAULT_ROOT, (k) => k.setWord(objects.SPACE_GLOBAL_OBJECT_AT, 24)],
    ['a byte in the middle of the map', objects.FAULT_OBJECT_BLOCK, (k, at) => k.setU8(map(k, at) + 150, 0xa0)],
    ['a live object without its byte', objects.FAULT_UNMARKED, (k, at) => k.setU8(map(k, k.u32(at)), 0)],
    ['a stack pointer outside its stack', objects.FAULT_SPACE, (k) => k.setWord(objects.SPACE_PIN_TOP_AT, 16)],
    ['a colour that is none', objects.FAULT_SPACE, (k) => k.setWord(objects.SPACE_COLOUR_AT, 3)],
    ['a byte of null that was overwritten', objects.FAULT_SPACE, (k) => k.setWord(objects.SPACE_ALWAYS_AT, 0)],
    [
      'a type that was overwritten',
      objects.FAULT_TYPE,
      (k) => k.setU8(k.word(objects.SPACE_TYPES_AT) + 32 * k.pair, 77),
    ],
    ['a hash of nobody', objects.FAULT_SIDE_TABLE, (k, at) => k.setU32(at - 8, k.u32(at - 8) & ~objects.OBJECT_HASHED)],
    ['a large object out of its list', objects.FAULT_LARGE, (k) => k.setU32(k.word(objects.SPACE_LARGE_AT) + 4, 99)],
    ['a block that is not counted', layout.FAULT_BYTES, (k) => k.setU32(layout.HEAP_OBJECTS_AT, 0)],
  ]
  for (const [what, fault, spoil] of cases) {
    test(what, () => expect(faultOf(spoil)).toBe(fault))
  }
})

describe('images of whole pages', () => {
  test.each([4096, 16_384, 65_536])('lie in pages of %i bytes of their own', (pageBytes) => {
    const kernel = scene({ mode: 'vm' })
    const MIB = 2 ** 20
    const front = MIB - 17 * 4096
    // Around a page, around what a chunk can give, around whole MiBs, and around where the last page would not fit.
    const sizes = [
      16,
      pageBytes - 64,
      pageBytes,
      front - 2 * pageBytes,
      front - pageBytes - 64,
      front - pageBytes,
      front - 80,
      front - 64,
      front,
      MIB - 64,
      MIB,
      2 * MIB - 64,
    ]
      .flatMap((bytes) => [bytes - 16, bytes, bytes + 16])
      .filter((bytes) => bytes >= 16)
    const taken: { from: number; to: number; at: number }[] = []
    for (const bytes of sizes) {
      const at = kernel.run('imageCreate', bytes, pageBytes)
      expect(at % pageBytes, `${bytes} bytes`).toBe(64)
      const pages = Math.ceil((bytes + 64) / pageBytes)
      taken.push({ at, from: at - 64, to: at - 64 + pages * pageBytes })
      kernel.setU32(at, kernel.bytes)
      kernel.setU32(at + 4, bytes - 8)
      kernel.expectOk('imageSeal', at)
      kernel.list(3)
      kernel.verify()
    }
    taken.sort((a, b) => a.from - b.from)
    for (const [i, { from }] of taken.entries()) expect(from).toBeGreaterThanOrEqual(taken[i - 1]?.to ?? 0)
    // Nobody else has a byte of them: what others write shows nowhere.
    kernel.collect()
    for (const { at } of taken) kernel.expectOk('imageDrop', at)
    kernel.verify()
    for (const wrong of [3, 24, 131_072, 2 ** 31]) expect(kernel.run('imageCreate', 48, wrong)).toBe(0)
  })
})

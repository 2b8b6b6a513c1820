/**
 * Goal: what the `embedded` build promises beside right collections: everything lies in the buffer and nothing outside
 * is touched, a full buffer refuses and recovers, every address changes under stress, pinned objects stay, blocks come
 * back, and no argument traps.
 * Method: the debug build over small memories, each promise by itself; the random graphs are in
 * `object-graphs.test.ts`.
 * A failure names the promise that was broken.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { random } from '../test/support/random.js'
import { ObjectKernel, type ObjectKernelOptions } from './object-kernel.js'

const { STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } = layout
const { SHAPE_LEAF, SHAPE_PREFIX, SHAPE_REFS, TRAIL_BYTES, TRAIL_NONE, TRAIL_REFS } = objects

function buffer(limit: number, options: ObjectKernelOptions = {}): ObjectKernel {
  return new ObjectKernel({ ...options, mode: 'embedded', limit })
}

/** A type of two references: its objects take 16 bytes. */
function pairType(kernel: ObjectKernel): number {
  return kernel.run('typeAdd', 0, 0, SHAPE_PREFIX, TRAIL_NONE, 2, 8, 0, 0, 0)
}

function arrayType(kernel: ObjectKernel): number {
  return kernel.run('typeAdd', 0, 0, SHAPE_REFS, TRAIL_REFS, 0, 0, 0, 4, 0)
}

function bytesType(kernel: ObjectKernel): number {
  return kernel.run('typeAdd', 0, 0, SHAPE_LEAF, TRAIL_BYTES, 0, 0, 0, 1, 0)
}

/** A list that the handle at the answered slot holds: as many pairs as fit, or `most`. The second word is a number. */
function list(kernel: ObjectKernel, type: number, most = Number.POSITIVE_INFINITY): { slot: number; length: number } {
  const slot = kernel.run('handlePush', 0)
  for (let length = 0; ; length++) {
    if (length === most) return { slot, length }
    const pair = kernel.run('objectNew', type, 8)
    if (!pair || !slot) return { slot, length }
    kernel.setU32(pair, kernel.u32(slot))
    kernel.setU32(pair + 4, length * 2 + 1)
    kernel.setU32(slot, pair)
  }
}

/** Check a list as `list` made it; gives the addresses of its pairs. */
function expectList(kernel: ObjectKernel, slot: number, length: number): number[] {
  const addresses: number[] = []
  for (let at = kernel.u32(slot); at; at = kernel.u32(at)) {
    addresses.push(at)
    expect(kernel.u32(at + 4)).toBe((length - addresses.length) * 2 + 1)
  }
  expect(addresses.length).toBe(length)
  return addresses
}

function accounted(kernel: ObjectKernel): number {
  const word = (at: number) => kernel.u32(kernel.base + at)
  return (
    word(layout.HEAP_METADATA_AT) + word(layout.HEAP_FREE_AT) + word(layout.HEAP_RUNS_AT) + word(layout.HEAP_OBJECTS_AT)
  )
}

describe('the buffer', () => {
  test('holds more than 550 objects of two fields in 10 kB, with two types and a scope', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    bytesType(kernel)
    const { slot, length } = list(kernel, type)
    expect(length).toBeGreaterThan(550)
    expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(STATUS_OUT_OF_MEMORY)
    kernel.verify()
    expectList(kernel, slot, length)
  })

  test('is refused when not even the control block fits, and when it is too long', () => {
    const { call } = buffer(65_536)
    const create = (base: number, end: number, limit = 2 ** 32 - 1) => call.create?.(base, 0, end, limit, 0, 0)
    for (const bytes of [0, 8, 512, 951]) expect(create(4096, 4096 + bytes)).toBe(STATUS_BAD_ARGUMENT)
    expect(create(0, 2 ** 26 + 8)).toBe(STATUS_BAD_ARGUMENT)
    expect(create(4096, 2 ** 32 - 1)).toBe(STATUS_BAD_ARGUMENT)
    expect(create(8192, 4096)).toBe(STATUS_BAD_ARGUMENT)
    expect(create(4096, 65_536, 900)).toBe(STATUS_BAD_ARGUMENT)
    expect(create(4096, 4096 + 952)).toBe(STATUS_OK)
    // The rest of the memory is not there and cannot be.
    expect(create(4096, 2 ** 25)).toBe(STATUS_OUT_OF_MEMORY)
  })

  test('is all that is touched', () => {
    const memory = new Uint8Array(65_536)
    const kernel = buffer(20_000, { base: 8_200 })
    const outside = new Uint8Array(kernel.memory.buffer)
    outside.fill(0xa5, 0, kernel.base)
    outside.fill(0xa5, kernel.base + 20_000)
    memory.set(outside.subarray(0, 65_536))
    const type = pairType(kernel)
    kernel.expectOk('setStress', objects.STRESS_RANDOM, 20, 1)
    kernel.run('setPolicy', objects.POLICY_MOVE_ALL)
    list(kernel, type)
    kernel.run('alloc', 3000)
    kernel.expectOk('collect', 0)
    const now = new Uint8Array(kernel.memory.buffer)
    expect(now.subarray(0, kernel.base).every((byte) => byte === 0xa5)).toBe(true)
    expect(now.subarray(kernel.base + 20_000).every((byte) => byte === 0xa5)).toBe(true)
  })

  test('may lie above 2 GiB', () => {
    const kernel = buffer(40_000, { base: 2 ** 31 + 2 ** 16 + 24, policy: objects.POLICY_MOVE_ALL })
    kernel.expectOk('setStress', objects.STRESS_ALLOCATIONS, 7, 1)
    const type = pairType(kernel)
    const { slot, length } = list(kernel, type, 600)
    const hash = kernel.run('identityHash', kernel.u32(slot))
    kernel.expectOk('collect', 0)
    expectList(kernel, slot, length)
    expect(kernel.run('identityHash', kernel.u32(slot))).toBe(hash)
    kernel.verify()
  })

  test('across the border at 2 GiB', () => {
    const kernel = buffer(60_000, { base: 2 ** 31 - 32_768 })
    const type = pairType(kernel)
    list(kernel, type, 500)
    kernel.run('handlePop', 0)
    const { slot, length } = list(kernel, type)
    kernel.expectOk('collect', 0)
    const addresses = expectList(kernel, slot, length)
    expect(Math.min(...addresses)).toBeLessThan(2 ** 31)
    expect(Math.max(...addresses)).toBeGreaterThan(2 ** 31)
    kernel.verify()
  })

  test('is found again by attaching, and is empty after a reset', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const { slot, length } = list(kernel, type, 100)
    expect(kernel.run('attach', kernel.base)).toBe(STATUS_OK)
    expect(kernel.run('attach', kernel.base + 8)).toBe(layout.STATUS_CORRUPT)
    expect(kernel.run('attach', 2 ** 32 - 8)).toBe(layout.STATUS_CORRUPT)
    expectList(kernel, slot, length)
    kernel.run('reset')
    kernel.verify()
    expect(kernel.run('nextObject', 0)).toBe(0)
    expect(kernel.run('objectNew', type, 8)).toBe(0)
    expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(STATUS_BAD_ARGUMENT)
    expect(kernel.u32(kernel.base + layout.HEAP_GENERATION_AT)).toBe(1)
    expect(list(kernel, pairType(kernel)).length).toBeGreaterThan(550)
  })

  test('is accounted for to the byte', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const blocks = [100, 200, 300].map((bytes) => kernel.run('alloc', bytes))
    list(kernel, type, 50)
    expect(accounted(kernel)).toBe(10_240)
    kernel.expectOk('free', blocks[1] as number)
    expect(accounted(kernel)).toBe(10_240)
    expect(kernel.u32(kernel.base + layout.HEAP_COMMITTED_AT)).toBe(10_240)
    kernel.verify()
  })
})

describe('collection', () => {
  test('reclaims a thousand times the buffer of short-lived objects', { timeout: 60_000 }, () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const bytes = bytesType(kernel)
    const { slot, length } = list(kernel, type, 200)
    const below = random(3)
    let allocated = 0
    while (allocated < 10_240 * 1000) {
      const size = below(120)
      const reference = kernel.run('objectNew', bytes, size)
      expect(reference).not.toBe(0)
      allocated += (size + 15) & ~7
    }
    expect(kernel.word(objects.SPACE_COLLECTIONS_AT)).toBeGreaterThan(1000)
    expectList(kernel, slot, length)
    kernel.verify()
  })

  test('under stress changes every address every time', { timeout: 60_000 }, () => {
    const kernel = buffer(10_240, { policy: objects.POLICY_MOVE_ALL })
    const type = bytesType(kernel)
    const below = random(5)
    const slots = Array.from({ length: 60 }, () => kernel.run('objectPush', type, 0))
    for (let round = 0; round < 300; round++) {
      if (below(4) === 0) kernel.setU32(slots[below(60)] as number, 0)
      if (below(3) === 0) kernel.setU32(slots[below(60)] as number, kernel.run('objectNew', type, below(20)))
      const before = slots.map((slot) => kernel.u32(slot))
      kernel.expectOk('collect', 0)
      const after = slots.map((slot) => kernel.u32(slot))
      before.forEach((reference, i) => {
        if (reference) expect(after[i]).not.toBe(reference)
      })
      const held = new Set(after.filter((reference) => reference !== 0)).size
      expect(kernel.word(objects.SPACE_MOVED_AT)).toBe(held)
      kernel.verify()
    }
  })

  test('marks a list as long as the buffer, and a tree, whatever the mark stack', { timeout: 60_000 }, () => {
    for (const knobs of [0, objects.KNOB_SHORT_MARK_STACK]) {
      const kernel = buffer(1 << 20, { knobs })
      const type = pairType(kernel)
      const { slot, length } = list(kernel, type)
      expect(length).toBeGreaterThan(65_000)
      kernel.expectOk('collect', 0)
      expect(kernel.word(objects.SPACE_LIVE_OBJECTS_AT)).toBe(length)
      expectList(kernel, slot, length)
      kernel.setU32(slot, 0)
      kernel.expectOk('collect', 0)
      expect(kernel.word(objects.SPACE_LIVE_OBJECTS_AT)).toBe(0)
      const tree = kernel.run('handlePush', 0)
      kernel.setU32(tree, makeTree(kernel, type, 10))
      kernel.expectOk('collect', 0)
      expect(kernel.word(objects.SPACE_LIVE_OBJECTS_AT)).toBe(2 ** 11 - 1)
      expect(kernel.word(objects.SPACE_OVERFLOWS_AT) > 0).toBe(knobs !== 0)
      kernel.verify()
    }
  })

  /** A binary tree, built before any collection. */
  function makeTree(kernel: ObjectKernel, type: number, depth: number): number {
    const left = depth ? makeTree(kernel, type, depth - 1) : 0
    const right = depth ? makeTree(kernel, type, depth - 1) : 0
    const node = kernel.run('objectNew', type, 8)
    kernel.setU32(node, left)
    kernel.setU32(node + 4, right)
    return node
  }

  test('scans long arrays in slices: a full buffer of arrays of arrays', { timeout: 60_000 }, () => {
    for (const knobs of [0, objects.KNOB_SHORT_MARK_STACK]) {
      const kernel = buffer(100_000, { knobs })
      const type = pairType(kernel)
      const array = arrayType(kernel)
      const outer = kernel.run('objectPush', array, 4 * 200)
      for (let i = 0; i < 20; i++) {
        const inner = kernel.run('objectNew', array, 4 * 150)
        kernel.setU32(kernel.u32(outer) + 4 * i * 10, inner)
        for (let j = 0; j < 150; j += 3) {
          const pair = kernel.run('objectNew', type, 8)
          kernel.setU32(kernel.u32(kernel.u32(outer) + 4 * i * 10) + 4 * j, pair)
        }
      }
      kernel.expectOk('collect', 0)
      expect(kernel.word(objects.SPACE_LIVE_OBJECTS_AT)).toBe(1 + 20 + 20 * 50)
      kernel.verify()
      // All that is left of the gap is the reserve.
      list(kernel, type)
      kernel.expectOk('collect', 0)
      expect(kernel.word(objects.SPACE_LIVE_OBJECTS_AT)).toBeGreaterThan(1 + 20 + 20 * 50 + 1000)
      kernel.verify()
    }
  })

  test('comes back to an array whose rest found no room on the mark stack', () => {
    const kernel = buffer(20_000, { knobs: objects.KNOB_SHORT_MARK_STACK })
    const array = arrayType(kernel)
    const type = pairType(kernel)
    // The mark stack has four words: with the long array on top of three others one is free, and its rest needs two.
    const outer = kernel.run('objectPush', array, 16)
    for (let i = 0; i < 4; i++) {
      const inner = kernel.run('objectNew', array, i === 3 ? 4 * 300 : 4)
      kernel.setU32(kernel.u32(outer) + 4 * i, inner)
    }
    const long = kernel.u32(kernel.u32(outer) + 12)
    for (let i = 0; i < 300; i++) kernel.setU32(long + 4 * i, kernel.run('objectNew', type, 8))
    kernel.expectOk('collect', 0)
    expect(kernel.word(objects.SPACE_LIVE_OBJECTS_AT)).toBe(305)
    kernel.verify()
  })

  test('wakes what waits in a weak map for a key without references', () => {
    // In whichever order the two maps are looked at, in one of the rounds an entry waits for its key.
    for (const isSwapped of [false, true]) {
      const kernel = buffer(20_000)
      const bytes = bytesType(kernel)
      const [first, middle, last] = [1, 2, 3].map((size) => kernel.run('objectPush', bytes, size)) as [
        number,
        number,
        number,
      ]
      const maps = [0, 1].map(() => kernel.run('handlePush', kernel.run('weakMapNew')))
      const [one, other] = (isSwapped ? maps.reverse() : maps) as [number, number]
      kernel.expectOk('weakMapSet', one, first, middle)
      kernel.expectOk('weakMapSet', other, middle, last)
      kernel.setU32(middle, 0)
      kernel.setU32(last, 0)
      kernel.expectOk('collect', 0)
      const key = kernel.run('weakMapGet', kernel.u32(one), kernel.u32(first))
      expect(kernel.u32(key - 4)).toBe(2)
      const value = kernel.run('weakMapGet', kernel.u32(other), key)
      expect(kernel.u32(value - 4)).toBe(3)
      kernel.verify()
    }
  })

  test('keeps empty and odd-sized objects apart', () => {
    for (const policy of [0, objects.POLICY_MOVE_ALL]) {
      const kernel = buffer(10_240, { policy })
      const type = bytesType(kernel)
      const below = random(29)
      const slots = Array.from({ length: 40 }, () => kernel.run('handlePush', 0))
      const sizes = slots.map(() => -1)
      for (let step = 0; step < 800; step++) {
        const i = below(40)
        const slot = slots[i] as number
        const size = below(2) ? 0 : below(20)
        const reference = below(4) ? kernel.run('objectNew', type, size) : 0
        kernel.setU32(slot, reference)
        sizes[i] = reference ? size : -1
        if (reference) new Uint8Array(kernel.memory.buffer, reference, size).fill(i + 1)
        if (step % 3 === 0) kernel.expectOk('collect', 0)
        kernel.verify()
        const wrong = slots.findIndex((place, n) => {
          const at = kernel.u32(place)
          if (!at) return sizes[n] !== -1
          if (kernel.u32(at - 4) !== sizes[n]) return true
          return new Uint8Array(kernel.memory.buffer, at, sizes[n]).some((byte) => byte !== n + 1)
        })
        expect(wrong).toBe(-1)
      }
    }
  })

  test('keeps pinned objects in their places and flows around them', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const slots = Array.from({ length: 100 }, () => kernel.run('objectPush', type, 8))
    slots.forEach((slot, i) => {
      kernel.setU32(kernel.u32(slot), kernel.u32(slots[(i * 37) % 100] as number))
    })
    const pins = [20, 21, 60, 99].map((i) => {
      const reference = kernel.u32(slots[i] as number)
      return { i, reference, slot: kernel.run('rootAdd', objects.ROOT_PINNED, reference) }
    })
    // Nothing else keeps the object of the last pin.
    kernel.setU32(slots[99] as number, 0)
    for (let i = 0; i < 90; i++) if (i % 3 && i !== 20 && i !== 60) kernel.setU32(kernel.u32(slots[i] as number), 0)
    for (let i = 0; i < 90; i += 4) if (i !== 20 && i !== 60) kernel.setU32(slots[i] as number, 0)
    for (const policy of [0, objects.POLICY_MOVE_ALL, objects.POLICY_MOVE_ALL]) {
      kernel.run('setPolicy', policy)
      kernel.expectOk('collect', 0)
      for (const { reference, slot } of pins) expect(kernel.u32(slot)).toBe(reference)
      kernel.verify()
    }
    const last = Math.max(...pins.map(({ reference }) => reference))
    expect(kernel.word(objects.SPACE_BUMP_AT)).toBeGreaterThan(last)
    for (const { slot } of pins) kernel.expectOk('rootRemove', objects.ROOT_PINNED, slot)
    kernel.run('setPolicy', 0)
    kernel.expectOk('collect', 0)
    const first = kernel.base + layout.EMBEDDED_HEADER_BYTES + objects.SPACE_BYTES
    expect(kernel.word(objects.SPACE_BUMP_AT)).toBe(first + kernel.word(objects.SPACE_LIVE_BYTES_AT))
  })

  test('corrects a word that two roots name, and leaves one inside an object alone', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    kernel.run('objectNew', type, 8)
    const word = kernel.run('alloc', 8)
    const slot = kernel.run('objectPush', type, 8)
    kernel.setU32(word, kernel.u32(slot))
    kernel.setU32(kernel.u32(slot), kernel.u32(slot))
    // This one slides to where the word inside the object was.
    const next = kernel.run('objectPush', type, 8)
    kernel.setU32(kernel.u32(next), 77)
    for (const address of [word, word, slot, kernel.u32(slot)]) {
      expect(kernel.run('rootAdd', objects.ROOT_SLOT, address)).not.toBe(0)
    }
    const before = kernel.u32(slot)
    kernel.expectOk('collect', 0)
    expect(kernel.u32(slot)).toBe(before - 16)
    expect(kernel.u32(word)).toBe(before - 16)
    expect(kernel.u32(before - 16)).toBe(before - 16)
    expect(kernel.u32(next)).toBe(before)
    expect(kernel.u32(before)).toBe(77)
  })

  test('counts objects per type, and tells of itself', () => {
    const kernel = buffer(10_240, { policy: objects.POLICY_COUNT_TYPES })
    const type = pairType(kernel)
    list(kernel, type, 1000)
    kernel.expectOk('collect', objects.COLLECT_COMPACT)
    const info = kernel.word(objects.SPACE_TYPES_AT) + type * objects.TYPE_BYTES
    expect(kernel.u32(info + 28)).toBe(kernel.word(objects.SPACE_LIVE_OBJECTS_AT))
    expect(kernel.word(objects.SPACE_LIVE_BYTES_AT)).toBe(16 * kernel.word(objects.SPACE_LIVE_OBJECTS_AT))
    expect(kernel.word(objects.SPACE_COMPACTIONS_AT)).toBe(1)
    expect(kernel.causes).toEqual([objects.CAUSE_MEMORY, objects.CAUSE_REQUEST])
  })

  test('says which objects it has marked', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const old = kernel.run('objectPush', type, 8)
    kernel.expectOk('collect', 0)
    const young = kernel.run('objectPush', type, 8)
    expect(kernel.run('objectState', kernel.u32(old))).toBe(9)
    expect(kernel.run('objectState', kernel.u32(young))).toBe(8)
    expect(kernel.run('nextObject', 0)).toBe(kernel.u32(old))
    expect(kernel.run('nextObject', kernel.u32(old))).toBe(kernel.u32(young))
    expect(kernel.run('nextObject', kernel.u32(young))).toBe(0)
  })
})

describe('a full buffer', () => {
  test('refuses, still has a handle for an error, and recovers', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    // The scope's first segment of handles is full.
    const error = kernel.run('objectPush', type, 8)
    for (let i = 0; i < 15; i++) kernel.run('handlePush', 0)
    const { slot, length } = list(kernel, type)
    const free = kernel.word(objects.SPACE_BUMP_AT)
    expect(kernel.run('objectPush', type, 8)).toBe(0)
    expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(STATUS_OUT_OF_MEMORY)
    expect(kernel.word(objects.SPACE_BUMP_AT)).toBe(free)
    for (let i = 0; i < 16; i++) expect(kernel.run('handlePush', kernel.u32(error))).not.toBe(0)
    kernel.verify()
    expectList(kernel, slot, length)
    // Half of the list goes.
    let at = kernel.u32(slot)
    for (let i = 0; i < length / 2; i++) at = kernel.u32(at)
    kernel.setU32(at, 0)
    for (let i = 0; i < length / 2 - 20; i++) expect(kernel.run('objectNew', type, 8)).not.toBe(0)
    kernel.verify()
  })

  test('refuses sizes up to the last one', () => {
    const kernel = buffer(10_240)
    const bytes = bytesType(kernel)
    for (const size of [10_240, 2 ** 26, 2 ** 31 - 16, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1]) {
      expect(kernel.run('objectNew', bytes, size)).toBe(0)
      expect(kernel.run('alloc', size)).toBe(0)
      expect(kernel.run('allocZeroed', size)).toBe(0)
      expect(kernel.run('typeText', size)).toBe(0)
      expect(kernel.run('shadowCreate', size, 0)).not.toBe(STATUS_OK)
      kernel.verify()
    }
  })

  test('gives tables and blocks what a collection frees', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const fill = () => {
      while (kernel.word(objects.SPACE_LIMIT_AT) - kernel.word(objects.SPACE_BUMP_AT) >= 16) {
        kernel.run('objectNew', type, 8)
      }
    }
    const kept = kernel.run('objectPush', type, 8)
    fill()
    expect(kernel.run('alloc', 2000)).not.toBe(0)
    fill()
    kernel.expectOk('shadowCreate', 200, 0)
    fill()
    for (let i = 0; i < 20; i++) {
      fill()
      const moved = kernel.run('objectNew', type, 8)
      fill()
      const reference = kernel.u32(kept)
      expect(kernel.run('handlePush', reference)).not.toBe(0)
      kernel.expectOk('finalizerAdd', kernel.u32(kept), i + 1)
      expect(kernel.run('identityHash', kernel.u32(kept))).not.toBe(0)
      const root = kernel.run('rootAdd', objects.ROOT_STRONG, kernel.u32(kept))
      expect(kernel.u32(root)).toBe(kernel.u32(kept))
      expect(moved).not.toBe(0)
      expect(pairType(kernel)).not.toBe(0)
      kernel.verify()
    }
  })
})

describe('guests', () => {
  test('bump between the words of the object space', () => {
    const kernel = buffer(10_240)
    const type = pairType(kernel)
    const slot = kernel.run('handlePush', 0)
    let calls = 0
    for (let i = 0; i < 20_000; i++) {
      let at = kernel.word(objects.SPACE_BUMP_AT)
      if (at + 16 <= kernel.word(objects.SPACE_LIMIT_AT)) {
        kernel.setWord(objects.SPACE_BUMP_AT, at + 16)
        kernel.setU32(at, type)
        kernel.setU32(at + 4, 8)
        at += 8
      } else {
        at = kernel.run('objectNew', type, 8)
        calls++
      }
      kernel.setU32(at, i % 100 ? kernel.u32(slot) : 0)
      kernel.setU32(at + 4, i * 2 + 1)
      kernel.setU32(slot, at)
    }
    expect(calls).toBeGreaterThan(30)
    expect(calls).toBeLessThan(200)
    expectListEnds(kernel, slot)
    kernel.verify()
  })

  function expectListEnds(kernel: ObjectKernel, slot: number): void {
    let number = 2 * 20_000 - 1
    for (let at = kernel.u32(slot); at; at = kernel.u32(at), number -= 2) expect(kernel.u32(at + 4)).toBe(number)
    expect(number).toBe(2 * 20_000 - 1 - 200)
  }

  test('come to the kernel for every object under stress', () => {
    const kernel = buffer(10_240)
    pairType(kernel)
    kernel.expectOk('setStress', objects.STRESS_ALLOCATIONS, 1, 0)
    expect(kernel.word(objects.SPACE_LIMIT_AT)).toBe(kernel.word(objects.SPACE_BUMP_AT))
    kernel.expectOk('setStress', objects.STRESS_OFF, 0, 0)
    expect(kernel.word(objects.SPACE_LIMIT_AT)).toBeGreaterThan(kernel.word(objects.SPACE_BUMP_AT) + 9000)
  })
})

describe('blocks', () => {
  test('are told from everything else, and come back', () => {
    const kernel = buffer(30_000)
    const below = random(11)
    const blocks = new Map<number, { bytes: number; byte: number }>()
    const limit = kernel.word(objects.SPACE_LIMIT_AT)
    for (let i = 0; i < 3000; i++) {
      const [first] = [...blocks.keys()].slice(below(Math.max(blocks.size, 1)))
      if (below(5) < 3 && blocks.size < 60) {
        const bytes = below(300)
        const block = kernel.run(below(2) ? 'alloc' : 'allocZeroed', bytes)
        expect(block).not.toBe(0)
        expect(block & 7).toBe(0)
        expect(kernel.run('usableSize', block)).toBeGreaterThanOrEqual(bytes)
        const usable = kernel.run('usableSize', block)
        blocks.set(block, { bytes: usable, byte: below(256) })
        new Uint8Array(kernel.memory.buffer, block, usable).fill(blocks.get(block)?.byte ?? 0)
      } else if (first !== undefined) {
        const { bytes, byte } = blocks.get(first) as { bytes: number; byte: number }
        expect(new Uint8Array(kernel.memory.buffer, first, bytes).every((one) => one === byte)).toBe(true)
        kernel.expectOk('free', first)
        expect(kernel.run('free', first)).not.toBe(STATUS_OK)
        blocks.delete(first)
      }
      const any = kernel.base + below(30_000)
      expect(kernel.run('isBlock', any) !== 0).toBe(blocks.has(any))
      if (i % 50 === 0) kernel.verify()
    }
    for (const block of blocks.keys()) kernel.expectOk('free', block)
    expect(kernel.word(objects.SPACE_LIMIT_AT)).toBe(limit)
    kernel.verify()
  })

  test('of the heap itself are not the user’s to free', () => {
    const kernel = buffer(10_240)
    expect(kernel.run('free', kernel.word(objects.SPACE_TYPES_AT))).toBe(layout.STATUS_OWNED)
    expect(kernel.run('free', 3)).toBe(layout.STATUS_MISALIGNED)
    expect(kernel.run('free', 20_000)).toBe(layout.STATUS_FOREIGN)
    expect(kernel.run('free', 1024)).toBe(layout.STATUS_NOT_A_BLOCK)
    expect(kernel.run('free', 0)).toBe(STATUS_OK)
  })

  test('do not leak when tables grow', () => {
    const kernel = buffer(30_000)
    const type = pairType(kernel)
    const metadata = () => kernel.u32(kernel.base + layout.HEAP_METADATA_AT)
    const round = () => {
      for (let i = 0; i < 60; i++) {
        const reference = kernel.run('objectNew', type, 8)
        kernel.run('identityHash', reference)
        kernel.run('finalizerAdd', reference, i + 1)
      }
      kernel.expectOk('collect', 0)
      for (let id = 1; id <= 60; id++) expect(kernel.run('finalizerNext')).toBe(id)
      expect(kernel.run('finalizerNext')).toBe(0)
    }
    round()
    const after = metadata()
    for (let i = 0; i < 20; i++) round()
    expect(metadata()).toBe(after)
    kernel.verify()
  })
})

test('no argument traps', { timeout: 60_000 }, () => {
  const kernel = buffer(20_000, { base: 4096 })
  const type = pairType(kernel)
  arrayType(kernel)
  const below = random(17)
  const { slot, length } = list(kernel, type, 100)
  const map = kernel.run('handlePush', kernel.run('weakMapNew'))
  expect(kernel.run('weakMapSet', map, slot, slot)).toBe(STATUS_OK)
  const names = Object.keys(kernel.call).filter(
    (name) => !/^(?:create|attach|reset|setKnobs|setPolicy|handlePop|storeWide)$/.test(name),
  )
  const roots: [kind: number, slot: number][] = []
  const argument = () => {
    const choice = below(8)
    if (choice === 0) return below(8)
    if (choice === 1) return 2 ** 32 - 1 - below(64)
    if (choice === 2) return 4096 + below(20_000)
    if (choice === 3) return 4096 + 8 * below(2500)
    if (choice === 4) return kernel.u32(slot) + 8 * (below(5) - 2)
    if (choice === 5) return 65_528 + below(16)
    if (choice === 6) return below(2 ** 31) * 2 + below(2)
    return slot
  }
  for (let i = 0; i < 30_000; i++) {
    const name = names[below(names.length)] as string
    // A block on purpose is freed at once, a word that was named may hold anything.
    if (name === 'setStress' || name === 'shadowCreate' || name === 'typeAdd' || name === 'typeText') continue
    const args = Array.from({ length: kernel.call[name]?.length ?? 0 }, argument)
    if (name === 'rootAdd' && (args[0] as number) % 4 === objects.ROOT_SLOT) continue
    const answer = kernel.run(name, ...args)
    if (name === 'rootAdd' && answer) roots.push([args[0] as number, answer])
    if (/^alloc/.test(name) && answer) kernel.expectOk('free', answer)
    if (roots.length > 10) for (const root of roots.splice(0)) kernel.expectOk('rootRemove', ...root)
    if (i % 500 === 0) {
      kernel.run('handlePop', map + 4)
      kernel.run('finalizerNext')
    }
  }
  expectList(kernel, slot, length)
})

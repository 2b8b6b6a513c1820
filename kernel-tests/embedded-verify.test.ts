/**
 * Goal: the verifier of the `embedded` buffer finds damage and names it, and no damage makes it trap or loop.
 * Method: a heap with something of everything; one word at a time is overwritten, the verifier asked, the word put
 * back. First by hand, each with the fault that it must be called; then every word of the objects, the blocks and the
 * control block in turn, with values that links, sizes and counts could have: there the verifier must come back, and
 * find a fault in a good part of the cases (user bytes and words without a fixed meaning may hold anything).
 * A failure names the word that was changed.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { random } from '../test/support/random.js'
import { ObjectKernel } from './object-kernel.js'

interface Heap {
  readonly kernel: ObjectKernel
  readonly pairs: number[]
  readonly pair: number
  readonly root: number
  readonly shadow: number
  readonly block: number
  readonly blob: number
  readonly table: number
  readonly end: number
}

/** A heap with something of everything, 16 kB long, at 4096. */
function makeHeap(release = false): Heap {
  const end = 4096 + 16_384
  const kernel = new ObjectKernel({ mode: 'embedded', base: 4096, limit: 16_384, release })
  const type = kernel.run('typeAdd', 0, 0, objects.SHAPE_PREFIX, objects.TRAIL_NONE, 2, 8, 0, 0, 0)
  const bytes = kernel.run('typeAdd', 0, 0, objects.SHAPE_LEAF, objects.TRAIL_BYTES, 0, 0, 0, 1, 0)
  const text = kernel.run('typeText', 4)
  new Uint16Array(kernel.memory.buffer, text, 2).set([4, 12])
  kernel.run('typeAdd', text, 4, objects.SHAPE_LIST, objects.TRAIL_NONE, 2, 16, text, 0, 0)
  kernel.expectOk('shadowCreate', 8, 0)
  kernel.expectOk('shadowCreate', 8, 1)
  const first = kernel.run('alloc', 40)
  const block = kernel.run('alloc', 40)
  kernel.run('alloc', 40)
  const slots = Array.from({ length: 30 }, () => kernel.run('objectPush', type, 8))
  slots.forEach((slot, i) => {
    kernel.setU32(kernel.u32(slot), kernel.u32(slots[(i * 7) % 30] as number))
    kernel.setU32(kernel.u32(slot) + 4, i * 2 + 1)
  })
  const blob = kernel.run('objectPush', bytes, 64)
  const mapSlot = kernel.run('handlePush', kernel.run('weakMapNew'))
  kernel.expectOk('weakMapSet', mapSlot, slots[2] as number, slots[3] as number)
  kernel.run('handlePush', kernel.run('weakRefNew', slots[4] as number))
  kernel.expectOk('finalizerAdd', kernel.u32(slots[5] as number), 77)
  kernel.run('identityHash', kernel.u32(slots[6] as number))
  const root = kernel.run('rootAdd', objects.ROOT_STRONG, kernel.u32(slots[7] as number))
  kernel.run('rootAdd', objects.ROOT_WEAK, kernel.u32(slots[7] as number))
  kernel.run('rootAdd', objects.ROOT_SLOT, slots[8] as number)
  kernel.run('rootAdd', objects.ROOT_PINNED, kernel.u32(slots[9] as number))
  const shadow = kernel.word(objects.SPACE_SHADOW_BASE_AT)
  kernel.setU32(shadow, kernel.u32(slots[1] as number))
  kernel.setWord(objects.SPACE_SHADOW_TOP_AT, shadow + 4)
  kernel.setU32(slots[11] as number, 0)
  kernel.expectOk('free', first)
  kernel.expectOk('collect', 0)
  const pairs = slots.map((slot) => kernel.u32(slot)).filter((reference) => reference !== 0)
  const table = kernel.u32(kernel.u32(mapSlot))
  kernel.verify()
  return { kernel, pairs, pair: type, root, shadow, block, blob: kernel.u32(blob), table, end }
}

/** What the verifier answers while a word has another value. */
function faultWith(kernel: ObjectKernel, address: number, value: number): number {
  const before = kernel.u32(address)
  kernel.setU32(address, value)
  try {
    return kernel.run('verify')
  } catch (error) {
    throw new Error(`word ${address} = ${value >>> 0} instead of ${before}`, { cause: error })
  } finally {
    kernel.setU32(address, before)
  }
}

describe('damage is found and named', () => {
  const heap = makeHeap()
  const { kernel, pairs, root, shadow, block, blob, table, end } = heap
  const pair = pairs[14] as number
  const space = kernel.space
  const word = (at: number) => kernel.word(at)
  const cases: readonly [what: string, address: number, value: number, fault: number][] = [
    ['the magic', 4096, 1, layout.FAULT_CONTROL],
    ['the end', 4096 + layout.HEAP_END_AT, 2 ** 32 - 8, layout.FAULT_CONTROL],
    ['metadata bytes', 4096 + layout.HEAP_METADATA_AT, 8, layout.FAULT_BYTES],
    ['object bytes', 4096 + layout.HEAP_OBJECTS_AT, 8, layout.FAULT_BYTES],
    ['a block’s size', block - 8, 8192, layout.FAULT_CONTROL],
    ['a block’s size, odd', block - 8, 47, layout.FAULT_CONTROL],
    ['a block’s state', block - 4, 0, layout.FAULT_BYTES],
    ['a block’s state, unknown', block - 4, 3, layout.FAULT_CONTROL],
    ['the bump pointer, down', space + objects.SPACE_BUMP_AT, word(objects.SPACE_BUMP_AT) - 8, objects.FAULT_SPACE],
    ['the bump pointer, out', space + objects.SPACE_BUMP_AT, end, objects.FAULT_SPACE],
    ['the bump pointer, odd', space + objects.SPACE_BUMP_AT, word(objects.SPACE_BUMP_AT) + 4, objects.FAULT_SPACE],
    ['the limit', space + objects.SPACE_LIMIT_AT, end - 64, objects.FAULT_SPACE],
    ['the types’ address', space + objects.SPACE_TYPES_AT, pair, objects.FAULT_SPACE],
    ['the number of types', space + objects.SPACE_TYPE_COUNT_AT, 9, objects.FAULT_SPACE],
    ['a type’s shape', word(objects.SPACE_TYPES_AT) + 32 * heap.pair, 9, objects.FAULT_TYPE],
    ['a type’s size', word(objects.SPACE_TYPES_AT) + 32 * heap.pair + 4, 4, objects.FAULT_TYPE],
    ['an object’s type', pair - 8, 0, objects.FAULT_OBJECT_HEADER],
    ['an object’s type, unknown', pair - 8, 4000, objects.FAULT_OBJECT_HEADER],
    ['an object’s mark', pair - 8, heap.pair | objects.OBJECT_MARK, objects.FAULT_OBJECT_HEADER],
    ['an object’s size', pair - 4, 12, objects.FAULT_OBJECT_HEADER],
    ['an object’s size, huge', pair - 4, 2 ** 32 - 8, objects.FAULT_OBJECT_HEADER],
    ['a reference between two objects', pair, pair + 8, objects.FAULT_REFERENCE],
    ['a reference into user bytes', pair, blob + 32, objects.FAULT_REFERENCE],
    ['a reference past the objects', pair, word(objects.SPACE_BUMP_AT) + 8, objects.FAULT_REFERENCE],
    ['a reference out of the buffer', pair, end + 64, objects.FAULT_REFERENCE],
    ['a root', root, blob + 16, objects.FAULT_ROOT],
    ['a free list of roots', root + 4, root + 1, objects.FAULT_ROOT],
    ['a shadow stack slot', shadow, blob + 16, objects.FAULT_ROOT],
    ['a shadow stack’s top', space + objects.SPACE_SHADOW_TOP_AT, shadow + 400, objects.FAULT_SPACE],
    ['a shadow stack’s base', space + objects.SPACE_SHADOW_BASE_AT, 8, objects.FAULT_SPACE],
    ['the global object', space + objects.SPACE_GLOBAL_OBJECT_AT, pair + 8, objects.FAULT_ROOT],
    ['a handle', word(objects.SPACE_HANDLE_TOP_AT) - 4, blob + 8, objects.FAULT_ROOT],
    ['a handle above the top', word(objects.SPACE_HANDLE_TOP_AT), pair, objects.FAULT_ROOT],
    ['a handle segment’s link', word(objects.SPACE_HANDLE_SEGMENT_AT), pair, objects.FAULT_ROOT],
    [
      'a ring of handle segments',
      word(objects.SPACE_HANDLE_SEGMENT_AT),
      word(objects.SPACE_HANDLE_SEGMENT_AT),
      objects.FAULT_ROOT,
    ],
    ['a finalizer’s object', word(objects.SPACE_FINALIZERS_AT), blob + 8, objects.FAULT_SIDE_TABLE],
    ['a finalizer’s id', word(objects.SPACE_FINALIZERS_AT) + 4, 0, objects.FAULT_SIDE_TABLE],
    ['the number of finalizers', space + objects.SPACE_FINALIZER_COUNT_AT, 40, objects.FAULT_SIDE_TABLE],
    ['a hashed object', word(objects.SPACE_HASHES_AT), pair, objects.FAULT_SIDE_TABLE],
    ['a hash', word(objects.SPACE_HASHES_AT) + 4, 0, objects.FAULT_SIDE_TABLE],
    ['the index of hashes', word(objects.SPACE_HASHES_AT) + 8 * 12, 200, objects.FAULT_SIDE_TABLE],
    ['a weak map’s size', table + 4, 5, objects.FAULT_OBJECT_HEADER],
  ]

  for (const [what, address, value, fault] of cases) {
    test(what, () => {
      const answer = faultWith(kernel, address, value)
      expect(answer).toBe(fault)
      expect(kernel.u32(4096 + layout.HEAP_FAULT_AT)).not.toBe(0)
      kernel.verify()
    })
  }
})

test('in a full buffer, where the bitmap of starts is short', () => {
  const kernel = new ObjectKernel({ mode: 'embedded', limit: 40_000 })
  const pair = kernel.run('typeAdd', 0, 0, objects.SHAPE_PREFIX, objects.TRAIL_NONE, 2, 8, 0, 0, 0)
  const bytes = kernel.run('typeAdd', 0, 0, objects.SHAPE_LEAF, objects.TRAIL_BYTES, 0, 0, 0, 1, 0)
  const blob = kernel.u32(kernel.run('objectPush', bytes, 15_000))
  const last = kernel.run('objectPush', pair, 8)
  while (kernel.word(objects.SPACE_LIMIT_AT) - kernel.word(objects.SPACE_BUMP_AT) >= 16) {
    const reference = kernel.run('objectNew', pair, 8)
    kernel.setU32(reference, kernel.u32(last))
    kernel.setU32(last, reference)
  }
  kernel.verify()
  // User bytes that look like headers.
  for (let at = blob; at < blob + 15_000; at += 8) {
    kernel.setU32(at, pair)
    kernel.setU32(at + 4, 8)
  }
  kernel.verify()
  const slot = kernel.u32(last)
  for (let at = blob + 8; at < blob + 15_000; at += 8) {
    expect(faultWith(kernel, slot, at)).toBe(objects.FAULT_REFERENCE)
  }
})

for (const release of [false, true]) {
  test(`no damage makes it trap or loop, ${release ? 'release' : 'debug'} build`, { timeout: 60_000 }, () => {
    const { kernel, end, pairs } = makeHeap(release)
    const below = random(23)
    const spaceEnd = kernel.word(objects.SPACE_BUMP_AT)
    const blocksFrom = 4096 + 512 + kernel.u32(4096 + layout.HEAP_OBJECTS_AT)
    let found = 0
    let asked = 0
    for (let address = 4096; address < end; address += 4) {
      if (address >= spaceEnd + 64 && address < blocksFrom) continue
      const before = kernel.u32(address)
      for (const value of [0, 1, 2 ** 32 - 1, 2 ** 31, address, before + 4, before + 8, before ^ (1 << below(32))]) {
        asked++
        if (faultWith(kernel, address, value >>> 0)) found++
      }
      expect(faultWith(kernel, address, pairs[below(pairs.length)] as number)).toBeLessThan(41)
    }
    kernel.verify()
    expect(found / asked).toBeGreaterThan(0.3)
  })
}

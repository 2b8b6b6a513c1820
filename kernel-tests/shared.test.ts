/**
 * Goal: objects of one heap may refer to shared objects of another in the same memory, and to nothing else there; what
 * is shared is neither written, moved, freed, counted nor walked by those who borrow it.
 * Method: bare kernels, a lender and borrowers, in one memory. Small scenes for each call and each refusal; then random
 * graphs in two borrowers that refer to shared objects, held against graphs of plain JavaScript objects after every
 * kind of collection, with all heaps verified; broken words for each thing that the verifier must find.
 * A failure means: a tenant that corrupts its neighbour, or a collection that follows a reference out of its heap.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../test/support/random.js'
import type { ObjectKernelOptions } from './object-kernel.js'
import { Scene } from './object-scene.js'

const { STATUS_BAD_ARGUMENT, STATUS_FOREIGN, STATUS_OK } = layout
const MIB = 1 << 20
const LENDER_MIBS = 48
/** A heap of nine MiBs has a table of sixteen places: seven for what is shared. */
const BORROWER_MIBS = 9

interface Segment {
  readonly start: number
  readonly bytes: number
  readonly mapBias: number
}

class Lender extends Scene {
  /** A lender whose segments lie where a borrower of nine MiBs behind `LENDER_MIBS` has free places. */
  static make(options: ObjectKernelOptions = {}): Lender {
    const pages = ((LENDER_MIBS + 16) * MIB) / 65536
    const memory = new WebAssembly.Memory({ initial: 1, maximum: pages })
    const lender = new Lender({ limit: LENDER_MIBS * MIB, ...options, memory })
    // The MiBs 48 to 56 of a heap beside it have the places of 0 to 8, and of 16 to 24.
    lender.run('alloc', 9 * MIB - 65536)
    return lender
  }

  get segments(): Segment[] {
    const found: Segment[] = []
    for (let at = this.word(objects.SPACE_SHARED_AT); at; at = this.u32(at + objects.SHARED_NEXT_AT)) {
      found.push({
        start: this.u32(at + objects.SHARED_START_AT),
        bytes: this.u32(at + objects.SHARED_BYTES_AT),
        mapBias: this.u32(at + objects.SHARED_MAP_BIAS_AT),
      })
    }
    return found
  }

  /** Two pairs that refer to each other and a leaf of eight bytes; the pairs' references and the leaf's. */
  share(): [number, number, number] {
    const at = this.run('sharedCreate', 48)
    if (!at) throw new Error(`sharedCreate: status ${this.word(objects.SPACE_STATUS_AT)}`)
    this.writePair(at, at + 24, at + 40)
    this.writePair(at + 16, at + 8, 0)
    this.setU32(at + 32, this.bytes)
    this.setU32(at + 36, 8)
    this.setU32(at + 40, 0x12345678)
    this.setU32(at + 44, at)
    this.expectOk('imageSeal', at)
    this.expectOk('imageCheck', at)
    return [at + 8, at + 24, at + 40]
  }

  writePair(header: number, first: number, second: number): void {
    this.setU32(header, this.pair)
    this.setU32(header + 4, 8)
    this.setU32(header + 8, first)
    this.setU32(header + 12, second)
  }

  /** What is in use, without what was grown for it. */
  get owned(): number {
    return this.u32(layout.HEAP_OWNED_AT)
  }
}

class Borrower extends Scene {
  /** A tenant: its memory is pieces of the lender's. */
  static make(lender: Lender, options: ObjectKernelOptions = {}): Borrower {
    return new Borrower({ ...options, parent: lender })
  }

  /** A heap with a range of its own behind the lender. */
  static beside(lender: Lender, options: ObjectKernelOptions = {}): Borrower {
    return new Borrower({ limit: BORROWER_MIBS * MIB, ...options, base: LENDER_MIBS * MIB, memory: lender.memory })
  }

  enter(lender: Lender): void {
    for (const { start, bytes, mapBias } of lender.segments) this.expectOk('shareEnter', start, bytes, mapBias)
  }
}

/** A copy of the lender's first segment, to see that nobody has written there. */
function bytesOf(lender: Lender): Buffer {
  const { start, bytes } = lender.segments[0] as Segment
  return Buffer.from(new Uint8Array(lender.memory.buffer).slice(start, start + bytes))
}

const MODES: readonly [string, ObjectKernelOptions][] = [
  ['vm', { policy: objects.POLICY_EVACUATE | objects.POLICY_LAZY_SWEEP }],
  ['vm, moving', { policy: objects.POLICY_MOVE_ALL }],
  ['runtime', { nursery: 64 << 10, policy: objects.POLICY_AGEING }],
  ['runtime, large nursery', { nursery: 1 << 20, policy: objects.POLICY_EVACUATE }],
  ['server', { nursery: 32 << 10, policy: objects.POLICY_INCREMENTAL, stepUnits: 20 }],
]

describe('the shared space of its owner', () => {
  test('small images lie in one segment, and objects in it are immortal', () => {
    const lender = Lender.make()
    const all = [lender.share(), lender.share(), lender.share()]
    expect(lender.segments).toHaveLength(1)
    for (const reference of all.flat()) {
      expect(lender.run('objectStatus', reference)).toBe(STATUS_OK)
      expect(lender.run('readReference', reference)).toBe(reference)
      expect(lender.run('objectState', reference)).toBe(3)
      expect(lender.run('identityHash', reference)).toBeGreaterThan(0)
    }
    const slot = lender.handle(all[0]?.[0] as number)
    for (const kind of [objects.COLLECT_FULL, objects.COLLECT_COMPACT, objects.COLLECT_FULL]) lender.collect(kind)
    expect(lender.u32(slot)).toBe(all[0]?.[0])
    const walked: number[] = []
    for (let at = lender.run('nextObject', 0); at; at = lender.run('nextObject', at)) walked.push(at)
    expect(walked).toEqual(all.flat())
  })

  test('a segment has room for what is asked of it, and the next one is made when it has none', () => {
    const lender = Lender.make()
    const most = MIB - MIB / 16 - 128
    lender.run('sharedCreate', most)
    expect(lender.segments.map(({ bytes }) => bytes)).toEqual([MIB])
    lender.share()
    expect(lender.segments.map(({ bytes }) => bytes)).toEqual([MIB, MIB])
    const one = lender.run('sharedCreate', most + 16)
    expect(one).toBeGreaterThan(0)
    expect(lender.segments.map(({ bytes }) => bytes)).toEqual([2 * MIB, MIB, MIB])
    lender.verify()
    expect(lender.run('sharedCreate', 64 * MIB)).toBe(0)
    expect(lender.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
    for (const wrong of [0, 7, 24, 0xfffffff0]) {
      expect(lender.run('sharedCreate', wrong)).toBe(0)
      expect(lender.word(objects.SPACE_STATUS_AT)).toBe(STATUS_BAD_ARGUMENT)
    }
    lender.verify()
  })

  test('what is dropped is used again, and the last image takes its segment along', () => {
    const lender = Lender.make()
    const before = lender.owned
    const [first] = lender.share()
    const [second] = lender.share()
    lender.expectOk('imageDrop', second - 8)
    const [again] = lender.share()
    expect(again).toBe(second)
    lender.expectOk('imageDrop', first - 8)
    lender.verify()
    expect(lender.run('objectStatus', first)).toBe(STATUS_FOREIGN)
    lender.expectOk('imageDrop', again - 8)
    expect(lender.segments).toEqual([])
    expect(lender.owned).toBe(before)
    lender.verify()
    const large = lender.run('sharedCreate', 3 * MIB)
    lender.share()
    expect(lender.segments).toHaveLength(1)
    lender.share()
    lender.expectOk('imageDrop', large)
    lender.verify()
  })

  test('a shared object refers to shared ones only', () => {
    const lender = Lender.make()
    const local = lender.run('imageCreate', 16)
    lender.writePair(local, 0, 0)
    lender.expectOk('imageSeal', local)
    const [shared] = lender.share()
    const at = lender.run('sharedCreate', 16)
    lender.writePair(at, shared, local + 8)
    lender.expectOk('imageSeal', at)
    expect(lender.run('imageCheck', at)).toBe(STATUS_BAD_ARGUMENT)
    lender.setU32(at + 12, 0)
    lender.expectOk('imageCheck', at)
    // The other way round it may.
    const other = lender.run('imageCreate', 16)
    lender.writePair(other, shared, local + 8)
    lender.expectOk('imageSeal', other)
    lender.expectOk('imageCheck', other)
    lender.verify()
  })

  test('a reset takes it away', () => {
    const lender = Lender.make()
    lender.share()
    lender.run('reset')
    expect(lender.word(objects.SPACE_SHARED_AT)).toBe(0)
    lender.verify()
  })

  test('the verifier finds a segment whose head is wrong', () => {
    const lender = Lender.make()
    lender.share()
    const head = lender.word(objects.SPACE_SHARED_AT)
    for (const at of [objects.SHARED_START_AT, objects.SHARED_BYTES_AT, objects.SHARED_MAP_BIAS_AT, 16, 20]) {
      const was = lender.u32(head + at)
      lender.setU32(head + at, at === 20 ? 0 : was + 0x200000)
      expect(lender.fault(), String(at)).toBe(objects.FAULT_LARGE)
      lender.setU32(head + at, was)
      lender.verify()
    }
  })
})

describe('a borrower', () => {
  test('enters segments once or twice, and refuses what is none', () => {
    const lender = Lender.make()
    lender.share()
    const borrower = Borrower.beside(lender)
    const [{ start, bytes, mapBias }] = lender.segments as [Segment]
    const [shared] = [start + bytes / 16 + 64 + 64 + 8]
    expect(borrower.run('objectStatus', shared)).toBe(STATUS_FOREIGN)
    const wrong: [number, number, number][] = [
      [0, bytes, mapBias],
      [start, 0, mapBias],
      [start + 65536, bytes, mapBias],
      [start, bytes + 1, mapBias],
      [start, bytes, mapBias + 1],
      [start, bytes, layout.CODE_HUGE_OWNED],
      [start, 0xfff00000, mapBias],
      [0xfff00000, MIB, mapBias],
      [start, bytes, 0xf0000000],
      [start, 17 * MIB, mapBias],
      // Its own memory, and a place in the table that it may need itself.
      [borrower.base, MIB, borrower.base - borrower.base / 16],
      [16 * MIB, MIB, 15 * MIB],
      [22 * MIB, MIB, 21 * MIB - (6 * MIB) / 16],
    ]
    for (const [from, length, bias] of wrong) {
      expect(borrower.run('shareEnter', from, length, bias), `${from} ${length} ${bias}`).toBe(STATUS_BAD_ARGUMENT)
    }
    borrower.verify()
    expect(borrower.run('objectStatus', shared)).toBe(STATUS_FOREIGN)
    borrower.expectOk('shareEnter', start, bytes, mapBias)
    borrower.expectOk('shareEnter', start, bytes, mapBias)
    expect(borrower.run('objectStatus', shared)).toBe(STATUS_OK)
    expect(borrower.run('shareEnter', start, bytes, mapBias + 16)).toBe(STATUS_BAD_ARGUMENT)
    borrower.expectOk('shareLeave', start)
    expect(borrower.run('shareLeave', start)).toBe(STATUS_BAD_ARGUMENT)
    expect(borrower.run('shareLeave', borrower.base)).toBe(STATUS_BAD_ARGUMENT)
    expect(borrower.run('shareLeave', 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(borrower.run('objectStatus', shared)).toBe(STATUS_FOREIGN)
    borrower.verify()
  })

  test('holds none of it: blocks, figures and walks are as if it were not there', () => {
    const lender = Lender.make()
    const [shared] = lender.share()
    const borrower = Borrower.beside(lender)
    const figures = () => new Uint32Array(lender.memory.buffer.slice(borrower.base, borrower.base + 160)).join()
    const before = figures()
    borrower.enter(lender)
    expect(figures()).toBe(before)
    const [{ start }] = lender.segments as [Segment]
    for (const address of [start, shared - 8, shared, start + MIB - 16]) {
      expect(borrower.run('free', address)).not.toBe(STATUS_OK)
      expect(borrower.run('freeStatus', address & ~15)).toBe(STATUS_FOREIGN)
      expect(borrower.run('isBlock', address)).toBe(0)
      expect(borrower.run('usableSize', address)).toBe(0)
      expect(borrower.run('blockAround', address)).toBe(0)
      expect(borrower.run('codeAround', address)).toBe(0xffff)
      expect(borrower.run('describe', address)).toBe(0xffff)
      expect(borrower.run('realloc', address, 100)).toBe(0)
    }
    expect(borrower.run('nextObject', 0)).toBe(0)
    expect(borrower.run('nextBlock', 0)).toBe(0)
    // A huge block, and growth to the limit, find their places.
    expect(borrower.run('alloc', 3 * MIB)).toBeGreaterThan(0)
    while (borrower.run('alloc', 65536)) {}
    borrower.verify()
    borrower.run('reset')
    borrower.verify()
    expect(borrower.run('objectStatus', shared)).toBe(STATUS_OK)
    lender.verify()
  })

  test('the verifier finds a borrowed entry that is wrong, and a reference into what was left', () => {
    const lender = Lender.make()
    const [shared] = lender.share()
    const borrower = Borrower.beside(lender)
    borrower.enter(lender)
    const [{ start }] = lender.segments as [Segment]
    const entry = borrower.u32(borrower.base + layout.HEAP_TABLE_AT) + ((start / MIB) % 16) * 16
    for (const [at, change] of [
      [0, 16],
      [4, MIB],
      [12, MIB],
      [12, 4096],
    ] as const) {
      const was = borrower.u32(entry + at)
      borrower.setU32(entry + at, at === 0 ? was + 8 : was + change)
      expect(borrower.fault(), `${at} ${change}`).toBe(layout.FAULT_CHUNK)
      borrower.setU32(entry + at, was)
      borrower.verify()
    }
    borrower.handle(shared)
    borrower.verify()
    borrower.expectOk('shareLeave', start)
    expect(borrower.fault()).toBe(objects.FAULT_ROOT)
  })

  test.each(MODES)('keeps references to shared objects through collections of all kinds: %s', (_, mode) => {
    const lender = Lender.make()
    const [a, b, leaf] = lender.share()
    const borrower = Borrower.make(lender, mode)
    borrower.enter(lender)
    const before = bytesOf(lender)
    const list = borrower.list(300)
    borrower.put(list, 1, a)
    const weak = borrower.handle(borrower.run('weakRefNew', borrower.handle(b)))
    const map = borrower.handle(borrower.run('weakMapNew'))
    borrower.expectOk('weakMapSet', map, borrower.handle(leaf), list)
    borrower.expectOk('finalizerAdd', leaf, 7)
    const kinds = [objects.COLLECT_FULL, objects.COLLECT_COMPACT, ...(mode.nursery ? [objects.COLLECT_MINOR] : [])]
    for (const kind of [...kinds, ...kinds]) {
      borrower.collect(kind)
      expect(borrower.u32(borrower.u32(list) + 4)).toBe(a)
      expect(borrower.run('weakRefGet', borrower.u32(weak))).toBe(b)
      expect(borrower.run('weakMapGet', borrower.u32(map), leaf)).toBe(borrower.u32(list))
    }
    if (mode.policy === objects.POLICY_INCREMENTAL) {
      borrower.begin()
      borrower.stepTo(objects.PHASE_MARK)
      borrower.put(list, 1, b)
      borrower.verify()
      borrower.finish()
      expect(borrower.u32(borrower.u32(list) + 4)).toBe(b)
    }
    expect(borrower.ready()).toEqual([])
    // Three hundred pairs, a weak reference, a map and its table.
    borrower.collect()
    expect(borrower.live).toBe(303)
    expect(bytesOf(lender).equals(before)).toBe(true)
    lender.verify()
  })
})

describe('the check of owners', () => {
  const scene = (mode: ObjectKernelOptions = {}) => {
    const lender = Lender.make(mode)
    const [shared] = lender.share()
    const borrower = Borrower.make(lender, mode)
    const other = Borrower.make(lender, mode)
    for (const one of [borrower, other]) one.enter(lender)
    const theirs = other.u32(other.list(2))
    const lenders = lender.u32(lender.list(2))
    return { lender, borrower, other, shared, theirs, lenders }
  }

  test.each(MODES)('refuses every store that leads out of the heap, and does every other: %s', (_, mode) => {
    const { lender, borrower, other, shared, theirs, lenders } = scene(mode)
    const array = borrower.arrayOf(8)
    const holder = borrower.u32(array)
    const own = borrower.new(borrower.pair, 8)
    const words = borrower.run('alloc', 64)
    const outside = [theirs, lenders, 0x1000008, 0xfffffff8, other.base + 8, borrower.base + 24]
    const wide = borrower.run('typeAdd', 0, 0, objects.SHAPE_WIDE, objects.TRAIL_BYTES, 0, 0, 0, 8, 0)
    const wides = borrower.new(wide, 32)
    const [a, b] = [borrower.u32(array), wides]
    for (const word of outside) {
      expect(borrower.run('storeReference', a, a, word), word.toString(16)).toBe(STATUS_FOREIGN)
      expect(borrower.run('storeWide', b, b, word, values.WIDE_REFERENCE)).toBe(STATUS_FOREIGN)
      // The same bits in a double refer to nothing.
      expect(borrower.run('storeWide', b, b, word, 0x3ff00000)).toBe(STATUS_OK)
      expect(borrower.run('storeWide', b, b, 0, 0)).toBe(STATUS_OK)
      borrower.setU32(words + 8, word)
      expect(borrower.run('copyReferences', a, a, words, 4)).toBe(STATUS_FOREIGN)
      expect([0, 1, 2, 3].map((i) => borrower.u32(a + 4 * i))).toEqual([0, 0, 0, 0])
      expect(borrower.run('handlePush', word)).toBe(0)
      expect(borrower.word(objects.SPACE_STATUS_AT)).toBe(STATUS_FOREIGN)
      for (const kind of [objects.ROOT_STRONG, objects.ROOT_PINNED, objects.ROOT_WEAK]) {
        expect(borrower.run('rootAdd', kind, word)).toBe(0)
        expect(borrower.word(objects.SPACE_STATUS_AT)).toBe(STATUS_FOREIGN)
      }
      expect(borrower.run('identityHash', word)).toBe(0)
      expect(borrower.run('finalizerAdd', word, 1)).toBe(STATUS_FOREIGN)
      expect(borrower.run('weakRefNew', words + 8)).toBe(0)
      expect(borrower.run('weakMapGet', own, word)).toBe(0)
      expect(borrower.run('readReference', word)).toBe(0)
    }
    expect(holder).toBe(a)
    for (const word of [own, shared, 0, 1, -1 >>> 0, 6, 0x1000004]) {
      expect(borrower.run('storeReference', a, a + 4, word)).toBe(STATUS_OK)
      expect(borrower.u32(a + 4)).toBe(word)
      borrower.setU32(words + 8, word)
      expect(borrower.run('copyReferences', a, a + 8, words + 8, 1)).toBe(STATUS_OK)
      expect(borrower.u32(a + 8)).toBe(word)
    }
    for (const one of [lender, borrower, other]) one.verify()
  })

  test('refuses a store into another heap, into what is shared, and over the end of what is its own', () => {
    const { lender, borrower, other, shared, theirs, lenders } = scene()
    const own = borrower.u32(borrower.list(1))
    const words = borrower.run('alloc', 64)
    const last = borrower.u32(borrower.base + layout.HEAP_TOP_AT) - 4
    for (const slot of [theirs, lenders, shared, borrower.base + 8, last + 4]) {
      const before = borrower.u32(slot)
      expect(borrower.run('storeReference', own, slot, own), slot.toString(16)).toBe(STATUS_FOREIGN)
      expect(borrower.run('storeReference', own, slot, 0)).toBe(STATUS_FOREIGN)
      expect(borrower.run('storeWide', own, slot, 1, 2)).toBe(STATUS_FOREIGN)
      expect(borrower.run('copyReferences', own, slot, words, 2)).toBe(STATUS_FOREIGN)
      expect(borrower.u32(slot)).toBe(before)
    }
    expect(borrower.run('copyReferences', own, last, words, 2)).toBe(STATUS_FOREIGN)
    expect(borrower.run('copyReferences', own, words, own, 0)).toBe(STATUS_OK)
    for (const [slot, count] of [
      [own + 2, 1],
      [0xfffffffc, 1],
      [own, 0x3fffffff],
    ] as const) {
      expect(borrower.run('copyReferences', own, slot, words, count)).toBe(STATUS_BAD_ARGUMENT)
    }
    expect(borrower.run('storeReference', own, own + 1, 0)).toBe(STATUS_BAD_ARGUMENT)
    expect(borrower.run('storeWide', own, own - 4, 0, 0)).toBe(STATUS_BAD_ARGUMENT)
    for (const one of [lender, borrower, other]) one.verify()
  })

  test('words of a large object over several MiBs are its own', () => {
    const { borrower, shared, theirs } = scene()
    const length = (3 * MIB) / 4
    const slot = borrower.arrayOf(length)
    const large = borrower.u32(slot)
    const source = borrower.u32(borrower.arrayOf(length))
    const big = borrower.u32(slot)
    expect(big).toBe(large)
    for (let i = 0; i < length; i += 5000) borrower.expectOk('storeReference', source, source + 4 * i, shared)
    borrower.expectOk('copyReferences', large, large, source, length)
    expect(borrower.u32(large + 20000)).toBe(shared)
    borrower.setU32(source + 4 * (length - 1), theirs)
    expect(borrower.run('copyReferences', large, large, source, length)).toBe(STATUS_FOREIGN)
    borrower.setU32(source + 4 * (length - 1), 0)
    borrower.collect()
  })

  test('what is lent to a tenant within it is not its own: neither a part of a MiB nor a whole one', () => {
    const { borrower, shared } = scene()
    const inner = Borrower.make(borrower as unknown as Lender)
    const own = borrower.u32(borrower.list(1))
    inner.run('alloc', 3 * MIB)
    const large = inner.new(inner.array, 4096)
    const small = inner.u32(inner.list(1))
    const words = borrower.run('alloc', 64)
    for (const theirs of [large, small]) {
      expect(borrower.run('storeReference', own, own, theirs)).toBe(STATUS_FOREIGN)
      expect(borrower.run('storeReference', theirs, theirs, own)).toBe(STATUS_FOREIGN)
      expect(borrower.run('copyReferences', theirs, theirs, words, 1)).toBe(STATUS_FOREIGN)
      expect(inner.run('storeReference', theirs, theirs, own)).toBe(STATUS_FOREIGN)
      expect(inner.run('storeReference', theirs, theirs, shared)).toBe(STATUS_FOREIGN)
    }
    for (const one of [inner, borrower]) one.collect()
    inner.end()
    borrower.collect(objects.COLLECT_COMPACT)
  })

  test('memory comes and goes around shared MiBs, and an ended tenant leaves nothing', () => {
    const lender = Lender.make()
    const before = lender.owned
    // Two segments, with a tenant's memory below, between and above.
    const low = Borrower.make(lender)
    low.run('alloc', 2 * MIB)
    lender.share()
    const borrower = Borrower.make(lender)
    const blocks = [borrower.run('alloc', 3 * MIB)]
    lender.run('sharedCreate', MIB - MIB / 16 - 128)
    for (let i = 0; i < 3; i++) blocks.push(borrower.run('alloc', 2 * MIB))
    borrower.enter(lender)
    low.enter(lender)
    expect(lender.segments).toHaveLength(2)
    for (const block of blocks) {
      borrower.expectOk('free', block)
      borrower.run('giveBack')
      borrower.verify()
      lender.verify()
    }
    borrower.collect(objects.COLLECT_COMPACT)
    expect(borrower.run('alloc', 2 * MIB)).toBeGreaterThan(0)
    borrower.verify()
    borrower.end()
    low.verify()
    low.end()
    lender.verify()
    expect(lender.owned - before).toBe(2 * MIB)
  })

  test('a shared MiB between pieces is passed by: in walks, in a reset, and when memory goes back', () => {
    const lender = Lender.make()
    const below = lender.run('alloc', 2 * MIB)
    const [shared] = lender.share()
    // What is free below is too short for the home piece.
    while (lender.run('alloc', 60_000) < shared) {}
    const borrower = Borrower.make(lender)
    borrower.enter(lender)
    // Pieces in front of the shared MiB and behind it, and the control block behind it.
    lender.expectOk('free', below)
    const first = borrower.run('alloc', 1.5 * MIB)
    expect(first).toBeLessThan(shared)
    lender.run('sharedCreate', MIB - MIB / 16 - 128)
    borrower.enter(lender)
    const last = borrower.run('alloc', 2 * MIB)
    expect(lender.segments.every(({ start }) => first < start && start < last)).toBe(true)
    const before = bytesOf(lender)
    const isSound = () => {
      borrower.verify()
      lender.verify()
      expect(borrower.run('nextObject', 0)).toBe(0)
      expect(borrower.run('objectStatus', shared)).toBe(STATUS_OK)
      expect(bytesOf(lender).equals(before)).toBe(true)
    }
    isSound()
    borrower.run('reset')
    isSound()
    borrower.run('giveBack')
    isSound()
    expect(borrower.u32(borrower.base + layout.HEAP_LOW_AT)).toBeGreaterThan(shared)
    const again = borrower.run('alloc', 1.5 * MIB)
    isSound()
    borrower.expectOk('free', again)
    borrower.run('giveBack')
    isSound()
    borrower.end()
    lender.verify()
  })

  test('a heap without neighbours is not checked', () => {
    const { lender, theirs } = scene()
    const beside = Borrower.beside(lender)
    const own = beside.u32(beside.list(1))
    expect(beside.run('storeReference', own, own + 4, theirs)).toBe(STATUS_OK)
    expect(beside.fault()).toBe(objects.FAULT_REFERENCE)
  })

  test('a heap of pieces has no shared space of its own', () => {
    const { borrower } = scene()
    expect(borrower.run('sharedCreate', 48)).toBe(0)
    expect(borrower.word(objects.SPACE_STATUS_AT)).toBe(STATUS_BAD_ARGUMENT)
  })
})

// ---- random graphs --------------------------------------------------------------------------------------------------

interface Mirror {
  readonly id: number
  readonly refs: (Mirror | number | null)[]
}

const REFS = 3
const ROOTS = 24

/** A borrower whose objects have three references and a number, beside what they should be. */
class Graph {
  readonly scene: Borrower
  readonly #type: number
  readonly #slots: number[]
  readonly #roots: (Mirror | number | null)[]
  readonly #below: (n: number) => number
  readonly #shared: readonly number[]
  #made = 0

  constructor(scene: Borrower, shared: readonly number[], below: (n: number) => number) {
    this.scene = scene
    this.#shared = shared
    this.#below = below
    this.#type = scene.run('typeAdd', 0, 0, objects.SHAPE_PREFIX, objects.TRAIL_NONE, REFS, 16, 0, 0, 0)
    this.#slots = Array.from({ length: ROOTS }, () => scene.handle(0))
    this.#roots = this.#slots.map(() => null)
  }

  step(): void {
    const at = this.#below(ROOTS)
    const choice = this.#below(20)
    if (choice < 9) this.#make(at)
    else if (choice < 14) this.#link(at)
    else if (choice < 17) this.#move(at)
    else if (choice < 18) this.#setRoot(at, this.#pickShared())
    else if (choice < 19) this.#setRoot(at, null)
    else this.#collect()
  }

  #pickShared(): number {
    return this.#shared[this.#below(this.#shared.length)] as number
  }

  #setRoot(at: number, value: Mirror | number | null, word = typeof value === 'number' ? value : 0): void {
    this.scene.setU32(this.#slots[at] as number, word)
    this.#roots[at] = value
  }

  #make(at: number): void {
    const reference = this.scene.new(this.#type, 16)
    const mirror: Mirror = { id: ++this.#made, refs: Array.from({ length: REFS }, () => null) }
    this.scene.setU32(reference + 4 * REFS, mirror.id)
    this.#setRoot(at, mirror, reference)
  }

  #link(at: number): void {
    const holder = this.#roots[at] as Mirror | number | null
    if (holder === null || typeof holder === 'number') return
    const from = this.#below(ROOTS)
    const [value, word] =
      this.#below(3) === 0
        ? [this.#pickShared(), 0]
        : [this.#roots[from] as Mirror | number | null, this.scene.u32(this.#slots[from] as number)]
    const index = this.#below(REFS)
    const reference = this.scene.u32(this.#slots[at] as number)
    const stored = typeof value === 'number' ? value : word
    expect(this.scene.run('storeReference', reference, reference + 4 * index, stored)).toBe(STATUS_OK)
    holder.refs[index] = value
  }

  /** Let a root be what a field of it refers to. */
  #move(at: number): void {
    const holder = this.#roots[at] as Mirror | number | null
    if (holder === null || typeof holder === 'number') return
    const index = this.#below(REFS)
    const word = this.scene.u32(this.scene.u32(this.#slots[at] as number) + 4 * index)
    this.#setRoot(this.#below(ROOTS), holder.refs[index] as Mirror | number | null, word)
  }

  #collect(): void {
    const kinds = [objects.COLLECT_FULL, objects.COLLECT_COMPACT]
    if (this.scene.hasNursery) kinds.push(objects.COLLECT_MINOR, objects.COLLECT_STEP)
    const kind = kinds[this.#below(kinds.length)] as number
    if (kind === objects.COLLECT_STEP) this.scene.run('step', 5)
    else this.scene.collect(kind)
    this.check()
  }

  /** Compare everything that the roots lead to. */
  check(): void {
    const known = new Map<Mirror, number>()
    const todo = this.#roots.map((value, i) => [value, this.scene.u32(this.#slots[i] as number)] as const)
    for (const [value, word] of todo) {
      if (value === null || typeof value === 'number') {
        expect(word).toBe(value ?? 0)
        continue
      }
      const seen = known.get(value)
      if (seen !== undefined) {
        expect(word).toBe(seen)
        continue
      }
      known.set(value, word)
      expect(this.scene.u32(word + 4 * REFS)).toBe(value.id)
      value.refs.forEach((ref, i) => {
        todo.push([ref, this.scene.u32(word + 4 * i)])
      })
    }
    this.scene.verify()
  }
}

describe('random graphs over shared objects', () => {
  const seeds = process.env.HEAPWRIGHT_SEED ? [Number(process.env.HEAPWRIGHT_SEED)] : [1, 2, 3]
  for (const [name, mode] of MODES) {
    test.each(seeds)(`${name}, seed %d`, (seed) => {
      const below = random(Math.imul(seed, 0x9e3779b1))
      const lender = Lender.make()
      const shared = Array.from({ length: 5 }, () => lender.share()).flat()
      const graphs = [0, 1].map(() => {
        const scene = Borrower.make(lender, mode)
        scene.enter(lender)
        return new Graph(scene, shared, below)
      })
      const before = bytesOf(lender)
      for (let i = 0; i < 1500; i++) graphs[below(2)]?.step()
      for (const graph of graphs) graph.check()
      lender.verify()
      expect(bytesOf(lender).equals(before)).toBe(true)
    })
  }
})

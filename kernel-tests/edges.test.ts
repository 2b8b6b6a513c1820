/**
 * Goal: where the nursery meets full memory, full stacks, cycles and bad words, nothing is lost or followed astray.
 * Method: the bare debug kernel, one named case each; a counter or an address proves that the rare branch was taken.
 * A failure means that the case is back.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import type { ObjectKernelOptions } from './object-kernel.js'
import { Scene } from './object-scene.js'

const { PHASE_IDLE, PHASE_MARK, PHASE_ROOTS, PHASE_SWEEP, PHASE_WEAK, POLICY_AGEING, POLICY_INCREMENTAL } = objects
const KIB = 2 ** 10
const MIB = 2 ** 20

const scene = (options: ObjectKernelOptions = {}) => new Scene({ nursery: 64 * KIB, ...options })

/** Steps that come with allocation have one unit, so that only the test's own ones count. */
const server = (options: ObjectKernelOptions = {}) => scene({ policy: POLICY_INCREMENTAL, stepUnits: 1, ...options })

const youngBytes = (kernel: Scene) => kernel.word(objects.SPACE_YOUNG_BYTES_AT)
const stayed = (kernel: Scene) => kernel.word(objects.SPACE_STAYED_OBJECTS_AT)

/** Take all memory that is left, in blocks of `most` bytes and less. */
function fill(kernel: Scene, most = 65536): number[] {
  const blocks: number[] = []
  for (let bytes = most; bytes >= 16; bytes >>= 1) {
    for (let at = kernel.run('alloc', bytes); at; at = kernel.run('alloc', bytes)) blocks.push(at)
  }
  return blocks
}

describe('a full collection whose mark stack overflows while young objects stay', () => {
  test.each([
    ['full', objects.COLLECT_FULL],
    ['compact', objects.COLLECT_COMPACT],
  ])('keeps what these refer to: %s', (_, kind) => {
    for (const policy of [0, POLICY_AGEING, POLICY_INCREMENTAL]) {
      const kernel = scene({ knobs: objects.KNOB_SHORT_MARK_STACK, policy })
      const holders = Array.from({ length: 400 }, (_, i) => {
        const slot = kernel.handle(kernel.leaf(i))
        const holder = kernel.new(kernel.pair, 8)
        kernel.store(holder, 0, kernel.u32(slot))
        kernel.run('rootAdd', objects.ROOT_PINNED, holder)
        kernel.run('handlePop', slot)
        return holder
      })
      kernel.minor()
      kernel.collect(kind)
      expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBeGreaterThan(0)
      expect([stayed(kernel), holders.every((at) => kernel.isYoung(at))]).toEqual([400, true])
      for (const [i, holder] of holders.entries()) {
        expect(kernel.isObject(kernel.u32(holder))).toBe(true)
        expect(kernel.u32(kernel.u32(holder))).toBe(i)
      }
    }
  })

  test('keeps it in a full memory, where the stack cannot grow', () => {
    const count = 6000
    const kernel = scene({ nursery: 256 * KIB, limit: 3 * MIB })
    const array = kernel.arrayOf(count)
    for (let i = 0; i < count; i++) kernel.put(array, i, kernel.leaf(i))
    kernel.minor()
    const slots = Array.from({ length: count }, () => kernel.handle(0))
    fill(kernel)
    // Each old leaf moves from the array into a young pair; nothing of that finds room to be promoted to.
    for (let i = 0; i < count; i++) {
      const pair = kernel.new(kernel.pair, 8)
      kernel.setU32(pair, kernel.u32(kernel.u32(array) + 4 * i))
      kernel.setU32(slots[i] as number, pair)
      kernel.put(array, i, 0)
    }
    while (kernel.run('objectNew', kernel.pair, 8)) if (kernel.word(objects.SPACE_MINORS_AT) > 50) break
    kernel.collect()
    expect(stayed(kernel)).toBeGreaterThan(1000)
    expect(kernel.word(objects.SPACE_OVERFLOWS_AT)).toBeGreaterThan(0)
    for (const [i, slot] of slots.entries()) expect(kernel.u32(kernel.u32(kernel.u32(slot)))).toBe(i)
  })
})

describe('a root that is gone when the copy of the roots is read', () => {
  const others: [string, (kernel: Scene, reference: number) => () => void][] = [
    ['alone', () => () => {}],
    [
      'with a handle',
      (kernel, reference) => {
        const slot = kernel.handle(reference)
        return () => kernel.setU32(slot, 0)
      },
    ],
    [
      'with a word of a guest',
      (kernel, reference) => {
        const word = kernel.run('alloc', 16)
        kernel.setU32(word, reference)
        const slot = kernel.run('rootAdd', objects.ROOT_SLOT, word)
        return () => kernel.expectOk('rootRemove', objects.ROOT_SLOT, slot)
      },
    ],
    [
      'with a slot of the shadow stack',
      (kernel, reference) => {
        kernel.expectOk('shadowCreate', 64, 0)
        const top = kernel.word(objects.SPACE_SHADOW_TOP_AT)
        kernel.setU32(top, reference)
        kernel.setWord(objects.SPACE_SHADOW_TOP_AT, top + 4)
        return () => kernel.setWord(objects.SPACE_SHADOW_TOP_AT, top)
      },
    ],
  ]

  test.each(others)('was a pinned young object, which the nursery has left since: %s', (_, root) => {
    const kernel = server({ nursery: MIB })
    const list = kernel.list(5000)
    for (let i = 0; i < 3000; i++) kernel.handle(0)
    const pinned = kernel.leaf(77)
    const pin = kernel.run('rootAdd', objects.ROOT_PINNED, pinned)
    const drop = root(kernel, pinned)
    kernel.begin()
    expect(kernel.isYoung(pinned)).toBe(true)
    const base = kernel.word(objects.SPACE_YOUNG_BASE_AT)
    kernel.expectOk('rootRemove', objects.ROOT_PINNED, pin)
    drop()
    kernel.minor()
    // The nursery lies elsewhere, and no object where this one was.
    expect(kernel.phase).toBe(PHASE_ROOTS)
    expect(kernel.word(objects.SPACE_YOUNG_BASE_AT)).not.toBe(base)
    expect([kernel.isYoung(pinned), kernel.isObject(pinned)]).toEqual([false, false])
    kernel.stepTo(PHASE_MARK)
    kernel.verify()
    kernel.finish()
    expect(kernel.length(list)).toBe(5000)
    kernel.collect()
    expect(kernel.live).toBe(5000)
  })
})

describe('the table of a weak map that is young when marking ends', () => {
  /** A map, a value, and five old keys. */
  function keyed(options: ObjectKernelOptions = {}) {
    const kernel = server(options)
    const map = kernel.handle(kernel.run('weakMapNew'))
    const value = kernel.handle(kernel.leaf(1))
    const keys = Array.from({ length: 5 }, () => {
      const slot = kernel.run('objectPush', kernel.pair, 8)
      kernel.expectOk('weakMapSet', map, slot, value)
      return slot
    })
    kernel.minor()
    kernel.minor()
    return { kernel, map, value, keys }
  }

  const table = (kernel: Scene, map: number) => kernel.u32(kernel.u32(map))
  /** The keys in a table of 16 entries. */
  const keysOf = (kernel: Scene, map: number) =>
    Array.from({ length: 16 }, (_, i) => kernel.u32(table(kernel, map) + 16 + 12 * i)).filter((key) => key > 1)

  /** Five keys die, then the map grows into a young table in a marking: five entries of it are of dead keys. */
  function growYoung({ kernel, map, value }: ReturnType<typeof keyed>) {
    const more = Array.from({ length: 4 }, () => {
      const slot = kernel.run('objectPush', kernel.pair, 8)
      kernel.expectOk('weakMapSet', map, slot, value)
      return slot
    })
    expect(kernel.phase).toBe(PHASE_MARK)
    expect(kernel.isYoung(table(kernel, map))).toBe(true)
    expect(keysOf(kernel, map).length).toBe(9)
    return more
  }

  function finishAndCheck(scenery: ReturnType<typeof keyed>, more: number[]) {
    const { kernel, map, value } = scenery
    kernel.stepTo(PHASE_WEAK, 1e6)
    expect(kernel.isYoung(table(kernel, map))).toBe(true)
    kernel.verify()
    kernel.finish()
    expect(keysOf(kernel, map).sort()).toEqual(more.map((slot) => kernel.u32(slot)).sort())
    for (const slot of more) {
      expect(kernel.run('weakMapGet', kernel.u32(map), kernel.u32(slot))).toBe(kernel.u32(value))
    }
  }

  test('because it is pinned holds no dead keys', () => {
    const scenery = keyed()
    const { kernel, map, keys } = scenery
    kernel.run('handlePop', keys[0] as number)
    kernel.begin()
    kernel.stepTo(PHASE_MARK)
    const more = growYoung(scenery)
    kernel.run('rootAdd', objects.ROOT_PINNED, table(kernel, map))
    finishAndCheck(scenery, more)
  })

  test('because memory is full holds no dead keys', () => {
    const scenery = keyed({ limit: 4 * MIB })
    const { kernel, keys } = scenery
    kernel.list(60_000)
    kernel.minor()
    kernel.finish()
    for (const slot of keys) kernel.setU32(slot, 0)
    kernel.begin()
    kernel.stepTo(PHASE_MARK, 10_000)
    fill(kernel)
    // Survivors use up what is kept back, until some stay.
    const kept = kernel.handle(0)
    for (let round = 0; round < 60 && !stayed(kernel); round++) {
      for (let i = 0; i < 200; i++) {
        const node = kernel.new(kernel.pair, 8)
        kernel.setU32(node, kernel.u32(kept))
        kernel.setU32(kept, node)
      }
      kernel.minor()
      fill(kernel)
    }
    expect(stayed(kernel)).toBeGreaterThan(0)
    finishAndCheck(scenery, growYoung(scenery))
  })
})

describe('in a full heap', () => {
  test.each([0, POLICY_INCREMENTAL, POLICY_AGEING])('compacting keeps the nursery, policy %i', (policy) => {
    const above = 3 * MIB + 65536
    const sizes: [number, number, number][] = [
      [32 * KIB, 512 * KIB, 0],
      [32 * KIB, 512 * KIB, above],
      [32 * KIB, 2852 * KIB, 0],
      [32 * KIB, 2852 * KIB, above],
      [128 * KIB, 692 * KIB, 0],
      [2 * MIB, 4 * MIB + 512 * KIB, above],
    ]
    for (const [nursery, limit, base] of sizes) {
      const kernel = scene({ nursery, policy, limit, base })
      const list = kernel.list(3000)
      for (let i = 0; i < 6; i++) kernel.minor()
      fill(kernel, MIB)
      kernel.minor()
      for (let round = 0; round < 2; round++) {
        kernel.collect(objects.COLLECT_COMPACT)
        expect(youngBytes(kernel), `nursery ${nursery}, limit ${limit}, round ${round}`).toBeGreaterThanOrEqual(
          32 * KIB,
        )
        fill(kernel)
        expect(kernel.run('alloc', 64 * KIB)).toBe(0)
      }
      // It is of use: what is born is young, and the log works.
      const young = kernel.leaf(1)
      expect(kernel.isYoung(young)).toBe(true)
      const second = kernel.u32(kernel.u32(list))
      kernel.store(second, 4, young)
      kernel.minor()
      expect(kernel.u32(kernel.u32(kernel.u32(kernel.u32(list)) + 4))).toBe(1)
      expect(kernel.length(list)).toBe(3000)
    }
  })

  test.each([0, POLICY_INCREMENTAL])(
    'the nursery is short, and has its length again afterwards, policy %i',
    (policy) => {
      const kernel = scene({ nursery: 2 * MIB, limit: 16 * MIB, policy })
      expect(youngBytes(kernel)).toBe(256 * KIB)
      const blocks = fill(kernel, MIB)
      for (let i = 0; i < 4; i++) kernel.minor()
      expect(youngBytes(kernel)).toBe(256 * KIB)
      for (const at of blocks) kernel.run('free', at)
      kernel.collect()
      for (let i = 0; i < 4; i++) kernel.minor()
      expect(youngBytes(kernel)).toBe(2 * MIB)
      // The same when the heap is emptied.
      fill(kernel, MIB)
      kernel.collect(objects.COLLECT_COMPACT)
      fill(kernel, MIB)
      for (let i = 0; i < 4; i++) kernel.minor()
      expect(youngBytes(kernel)).toBe(256 * KIB)
      kernel.run('reset')
      for (let i = 0; i < 4; i++) kernel.minor()
      expect(youngBytes(kernel)).toBe(2 * MIB)
    },
  )
})

describe('a nursery that is wanted', () => {
  /** A heap without one, full but for a hole of `hole` bytes. */
  function full(hole: number, policy: number) {
    const kernel = new Scene({ limit: 512 * KIB, policy })
    const room = hole ? kernel.run('alloc', hole) : 0
    const more = kernel.run('alloc', 128 * KIB)
    fill(kernel)
    if (room) kernel.expectOk('free', room)
    return { kernel, more }
  }

  test.each([
    ['for the log', 0],
    ['for more than the log', 8 * KIB],
    ['for more than the nursery', 32 * KIB + 64],
  ])('where there is no memory %s changes nothing', (_, hole) => {
    for (const policy of [0, POLICY_INCREMENTAL]) {
      const { kernel, more } = full(hole, policy)
      const words = () => [
        ...[layout.HEAP_FLAGS_AT, layout.HEAP_FREE_AT].map((at) => kernel.u32(at)),
        ...[
          objects.SPACE_YOUNG_BASE_AT,
          objects.SPACE_YOUNG_BYTES_AT,
          objects.SPACE_LOG_BASE_AT,
          objects.SPACE_LOG_TOP_AT,
          objects.SPACE_BUMP_AT,
        ].map((at) => kernel.word(at)),
      ]
      const before = words()
      expect(kernel.run('nurseryCreate', 32 * KIB, 0, 1000)).toBe(layout.STATUS_OUT_OF_MEMORY)
      expect(words()).toEqual(before)
      kernel.verify()
      // Later, with memory, it can be had, or the heap goes on without.
      kernel.expectOk('free', more)
      if (policy) kernel.expectOk('nurseryCreate', 32 * KIB, 0, 1000)
      const holder = kernel.run('objectPush', kernel.pair, 8)
      if (policy) kernel.minor()
      kernel.put(holder, 0, kernel.leaf(42))
      expect(kernel.isYoung(kernel.u32(kernel.u32(holder)))).toBe(policy !== 0)
      expect(kernel.run('attach', 0)).toBe(layout.STATUS_OK)
      kernel.collect()
      expect(kernel.u32(kernel.u32(kernel.u32(holder)))).toBe(42)
    }
  })

  test.each([
    ['small', 100],
    ['of medium size', 4000],
    ['large', 40_000],
  ])('is refused where an object is, and one has been: %s', (_, bytes) => {
    for (const policy of [0, POLICY_INCREMENTAL]) {
      const kernel = new Scene({ policy })
      const slot = kernel.run('objectPush', kernel.array, 4 * (bytes >> 2))
      const create = () => kernel.run('nurseryCreate', 64 * KIB, 0, 1000)
      expect(create()).toBe(layout.STATUS_BAD_ARGUMENT)
      kernel.put(slot, 0, kernel.leaf(5))
      kernel.collect()
      expect(kernel.u32(kernel.u32(kernel.u32(slot)))).toBe(5)
      kernel.setU32(slot, 0)
      kernel.collect()
      expect(kernel.live).toBe(0)
      expect(create()).toBe(layout.STATUS_BAD_ARGUMENT)
      kernel.verify()
    }
  })
})

describe('words of the guest that are out of bounds', () => {
  const stress: [string, number, number][] = [
    ['', objects.STRESS_OFF, 0],
    [', under stress by allocations', objects.STRESS_ALLOCATIONS, 2],
    [', under stress by bytes', objects.STRESS_BYTES, 500],
    [', under stress by chance', objects.STRESS_RANDOM, 2],
  ]
  const stacks: [string, number, number][] = [
    ['shadow', 0, objects.SPACE_SHADOW_TOP_AT],
    ['pinning', 1, objects.SPACE_PIN_TOP_AT],
  ]

  test.each(stress)('the top of a stack: allocation is refused, and nothing traps%s', (_, kind, number) => {
    for (const policy of [0, POLICY_AGEING, POLICY_INCREMENTAL]) {
      for (const [name, pinning, at] of stacks) {
        for (const top of [0, 4, 0x7ffffff0, 0xfffffffc]) {
          const kernel = scene({ limit: 4 * MIB, policy })
          kernel.expectOk('shadowCreate', 64, pinning)
          const list = kernel.list(10)
          if (kind) kernel.run('setStress', kind, number, 1)
          const good = kernel.word(at)
          kernel.setWord(at, top)
          const minors = kernel.word(objects.SPACE_MINORS_AT)
          let made = 0
          while (made < 10_000 && kernel.run('objectNew', kernel.pair, 8)) made++
          // What the nursery has room for.
          expect(made, `${name} stack, top ${top}, policy ${policy}`).toBeLessThanOrEqual(4096)
          expect(kernel.word(objects.SPACE_STATUS_AT)).toBe(layout.STATUS_OUT_OF_MEMORY)
          expect(kernel.run('objectPush', kernel.pair, 8)).toBe(0)
          for (let i = 0; i < 3; i++) expect(kernel.run('collect', i)).toBe(layout.STATUS_BAD_ARGUMENT)
          expect(kernel.word(objects.SPACE_MINORS_AT)).toBe(minors)
          // Nothing is lost when the guest puts it right.
          kernel.setWord(at, good)
          kernel.verify()
          kernel.new(kernel.pair, 8)
          expect(kernel.word(objects.SPACE_MINORS_AT)).toBeGreaterThan(minors)
          expect(kernel.length(list)).toBe(10)
        }
      }
    }
  })

  /** Numbers where no object and no slot can be: beyond memory, before the heap's first one, and odd. */
  const wrong = [1, 2, 3, 4, 8, 24, 0x7ffffff8, 0x80000000, 0x80000008, 0xfffffff0, 0xfffffff8, 0xfffffffc, 0xffffffff]
  const phases = [PHASE_IDLE, PHASE_ROOTS, PHASE_MARK, PHASE_WEAK, PHASE_SWEEP]

  test.each(phases)('a slot of a weak root and an address, which may be any number, phase %i', (phase) => {
    const kernel = server()
    const live = kernel.handle(kernel.leaf(42))
    const list = kernel.list(3000)
    const doomed = kernel.list(100)
    const [removed, kept] = [0, 1].map(() => kernel.run('rootAdd', objects.ROOT_WEAK, kernel.u32(live))) as [
      number,
      number,
    ]
    const other = kernel.run('rootAdd', objects.ROOT_PINNED, kernel.u32(live))
    kernel.expectOk('rootRemove', objects.ROOT_WEAK, removed)
    kernel.minor()
    kernel.setU32(doomed, 0)
    if (phase !== PHASE_IDLE) {
      kernel.begin()
      kernel.stepTo(phase)
    }
    const slots = [...wrong, 0, removed, kept - 1, kept + 1, kept + 3, kept & -4096, other, live, kernel.u32(live)]
    for (const slot of slots) expect(kernel.run('weakRootGet', slot), `slot ${slot}`).toBe(0)
    const at = kernel.u32(live)
    for (const address of [...wrong, at + 1, at - 1, at + 2, at + 4, at - 4]) {
      expect(kernel.run('readReference', address), `address ${address}`).toBe(0)
    }
    expect([kernel.run('weakRootGet', kept), kernel.run('readReference', at)]).toEqual([at, at])
    expect(kernel.phase).toBe(phase)
    kernel.verify()
    kernel.finish()
    kernel.collect()
    expect(kernel.live).toBe(3001)
    expect(kernel.length(list)).toBe(3000)
  })
})

test('the verifier knows the gap in the table of finalizers while a cycle goes through it', () => {
  const kernel = server()
  const scope = kernel.handle(0)
  for (let id = 1; id <= 512; id++) kernel.expectOk('finalizerAdd', kernel.u32(kernel.handle(kernel.leaf(id))), id)
  kernel.minor()
  kernel.run('handlePop', scope)
  kernel.begin()
  kernel.stepTo(PHASE_WEAK, 1e6)
  let isBeyond = false
  while (kernel.phase === PHASE_WEAK) {
    // What is ready has left a gap, which counts as registered until the end.
    const taken = 2 * kernel.word(objects.SPACE_FINALIZER_COUNT_AT) + kernel.word(objects.SPACE_FINALIZER_READY_AT)
    isBeyond ||= taken > kernel.word(objects.SPACE_FINALIZER_CAPACITY_AT)
    kernel.verify()
    kernel.run('step', 1)
  }
  expect(isBeyond).toBe(true)
  expect(kernel.ready()).toEqual(Array.from({ length: 512 }, (_, i) => i + 1))
})

describe('one survivor of several granules', () => {
  const BLOCK_BYTES = 64 * KIB
  const LEAVES_PER_BLOCK = BLOCK_BYTES / 16
  const BLOCKS = 160
  /** Blocks that the search looks at. */
  const TRIES = 8
  const HOLE_BYTES = 33 * 16

  const blockInUse = (kernel: Scene) => kernel.word(objects.SPACE_PLAN_AT)
  const blockBytes = (kernel: Scene) => kernel.u32(layout.HEAP_OBJECTS_AT)

  /**
   * Old leaves back to back, every other of which is dead: holes of one granule. With `isLong`, 33 in a row near
   * the end are: one hole of 528 bytes.
   */
  function holey(isLong: boolean) {
    const kernel = server({ nursery: 512 * KIB, limit: 256 * MIB, stepUnits: 1e8, old: 1e9 })
    const count = BLOCKS * LEAVES_PER_BLOCK
    const array = kernel.arrayOf(count)
    for (let i = 0; i < count; i++) kernel.put(array, i, kernel.leaf(i))
    kernel.minor()
    const long = count - 5 * LEAVES_PER_BLOCK
    const hole = kernel.u32(kernel.u32(array) + 4 * (long - 1))
    for (let i = 1; i < count; i += 2) kernel.put(array, i, 0)
    if (isLong) for (let i = long; i < long + 32; i++) kernel.put(array, i, 0)
    kernel.minor()
    kernel.begin()
    kernel.finish(1e8)
    return { kernel, hole }
  }

  const survive = (kernel: Scene, bytes: number) => {
    const slot = kernel.run('objectPush', kernel.bytes, bytes)
    kernel.run('collect', objects.COLLECT_MINOR)
    return kernel.u32(slot)
  }

  test('does not walk all blocks for a hole, and passes none over that is too short for it', () => {
    const { kernel } = holey(false)
    survive(kernel, 8)
    const block = blockInUse(kernel)
    expect(block).toBeGreaterThan(0)
    const before = blockBytes(kernel)
    for (let i = 0; i < 6; i++) survive(kernel, 200)
    // Small objects go on where they were, and these have a block of their own, all of them.
    expect(blockInUse(kernel)).toBe(block)
    expect(blockBytes(kernel)).toBe(before + BLOCK_BYTES)
    // Objects of a granule, as many as half of the holes, find room without another block.
    for (let i = 0; i < 10; i++) kernel.list((BLOCKS * LEAVES_PER_BLOCK) / 40)
    kernel.minor()
    expect(blockBytes(kernel)).toBe(before + BLOCK_BYTES)
    expect(blockInUse(kernel)).not.toBe(block)
  })

  test('goes on with the search where the last one ended, and so finds a hole at last', () => {
    const { kernel, hole } = holey(true)
    let searches = 0
    let at = 0
    // The array's own block and others that are there may come in between.
    while (at !== hole) {
      if (searches++ > BLOCKS) throw new Error('the hole is never found')
      at = survive(kernel, 200)
    }
    expect(searches).toBeGreaterThanOrEqual((BLOCKS - 6) / TRIES)
    expect(searches).toBeLessThanOrEqual(BLOCKS / TRIES + 3)
    // A second one of that length fits into the same hole; a third does not.
    const [second, third] = [survive(kernel, 200), survive(kernel, 200)]
    expect(second).toBe(at + 208)
    expect(third < hole || third >= hole + HOLE_BYTES).toBe(true)
    kernel.verify()
  })
})

describe('the units of a step', () => {
  test('grow with the large objects that it frees', () => {
    const kernel = server({ limit: 64 * MIB })
    const slots = Array.from({ length: 12 }, () => kernel.run('objectPush', kernel.bytes, 2 * MIB))
    kernel.finish()
    kernel.run('handlePop', slots[0] as number)
    kernel.begin()
    kernel.stepTo(PHASE_SWEEP, 1e6)
    const owned = () => kernel.u32(layout.HEAP_OWNED_AT)
    const freed: number[] = []
    while (kernel.phase === PHASE_SWEEP) {
      const before = owned()
      // As many as the bytes of one object count for.
      kernel.run('step', (2 * MIB) >> 8)
      if (owned() < before) freed.push(before - owned())
    }
    expect(freed.length).toBe(12)
    for (const bytes of freed) expect(bytes).toBeLessThan(3 * MIB)
    kernel.verify()
    expect(kernel.live).toBe(0)
  })

  test('are what it did when marking ends in it, and none of the cycle before when one begins', () => {
    const kernel = server()
    kernel.list(2000)
    kernel.begin()
    expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBe(0)
    kernel.run('step', 40_000)
    expect(kernel.phase).toBe(PHASE_WEAK)
    // Each object is one; a few more are roots.
    expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBeGreaterThanOrEqual(2000)
    expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBeLessThan(2600)
    kernel.finish()
    expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBeGreaterThan(0)
    kernel.begin()
    expect(kernel.word(objects.SPACE_LAST_UNITS_AT)).toBe(0)
    kernel.finish()
  })
})

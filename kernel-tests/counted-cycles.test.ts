/**
 * Goal: the cycle collector of counted objects releases all garbage in cycles and nothing else, in one go or in steps
 * between which the program goes on, also when its tables cannot grow.
 * Method: a mirror of the graph in JavaScript says what the program can reach; random programs are run against it, with
 * a step of the collector now and then, and the verifier and the debug build's assertions watch. Single cases for the
 * order of events that random programs meet rarely.
 * A failure means a leak, or an object that was released while somebody had it.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../src/random.js'
import { CountedKernel, type CountedKernelOptions } from './counted-kernel.js'
import { CountedProgram } from './counted-program.js'

const { STATUS_OK, STATUS_NOT_A_BLOCK, STATUS_OUT_OF_MEMORY } = layout
const { TRIAL_IDLE, TRIAL_VISIT, TRIAL_SPARE, TRIAL_RELEASE } = values
const { COLLECT_FULL, COLLECT_COMPACT } = objects
const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now()) >>> 0
const ROUNDS = Number(process.env.ROUNDS ?? 40)

/** Steps until nothing is left to be looked at; the number of steps. */
function stepOut(kernel: CountedKernel, units: number): number {
  for (let steps = 0; steps < 1_000_000; steps++) {
    if (kernel.run('step', units) === TRIAL_IDLE && kernel.run('candidates') === 0) return steps
  }
  throw new Error('steps come to no end')
}

/** Steps of one unit until the trial is in `phase`. */
function stepTo(kernel: CountedKernel, phase: number): void {
  for (let i = 0; i < 10_000; i++) if (kernel.run('step', 1) === phase) return
  throw new Error(`no phase ${phase}`)
}

describe('collect', () => {
  it('releases cycles of two, of one, through arrays, and what hangs on them', () => {
    const kernel = new CountedKernel()
    kernel.garbageCycle()
    const self = kernel.node()
    kernel.put(self, 0, self)
    kernel.give(self, 1, kernel.make('refcountedNew', 100))
    kernel.expectOk('decref', self)
    const array = kernel.array(3000)
    for (let i = 0; i < 3000; i++) {
      const mixed = kernel.make('objectNew', kernel.types.mixed, 16)
      kernel.put(mixed, 3, array)
      kernel.give(array, i, mixed)
    }
    const wide = kernel.make('objectNew', kernel.types.wide, 8 + 8 * 1000)
    kernel.expectOk('storeWide', wide, wide + 8 + 8 * 999, array, values.WIDE_REFERENCE)
    kernel.put(array, 0, wide)
    for (const owned of [array, wide]) kernel.expectOk('decref', owned)
    kernel.verify()
    expect(kernel.objects).toBe(2 + 2 + 3001)
    kernel.expectOk('collect', COLLECT_FULL)
    expect([kernel.objects, kernel.blocks, kernel.run('candidates')]).toEqual([0, 0, 0])
    kernel.verify()
  })

  it('keeps a cycle that a handle, a root, a word outside or the program refers to', () => {
    const kernel = new CountedKernel()
    const make = () => {
      const [one, two] = [kernel.node(), kernel.node()]
      kernel.put(one, 0, two)
      kernel.give(two, 0, one)
      return two
    }
    const kept = Array.from({ length: 4 }, make)
    const [a = 0, b = 0, c = 0] = kept
    kernel.make('handlePush', a)
    const root = kernel.make('rootAdd', objects.ROOT_STRONG, b)
    kernel.expectOk('storeReference', 0, kernel.space + objects.SPACE_GLOBAL_OBJECT_AT, c)
    for (const each of [a, b, c]) kernel.expectOk('decref', each)
    for (const kind of [COLLECT_FULL, COLLECT_COMPACT]) {
      kernel.expectOk('collect', kind)
      expect(kernel.objects).toBe(8)
      kernel.verify()
    }
    kernel.run('handlePop', 0)
    kernel.expectOk('collect', COLLECT_FULL)
    expect(kernel.objects).toBe(6)
    kernel.expectOk('rootRemove', objects.ROOT_STRONG, root)
    kernel.expectOk('storeReference', 0, kernel.space + objects.SPACE_GLOBAL_OBJECT_AT, 0)
    kernel.expectOk('collect', COLLECT_FULL)
    expect(kernel.objects).toBe(2)
    kernel.expectOk('decref', kept[3] as number)
    kernel.expectOk('collect', COLLECT_FULL)
    expect([kernel.objects, kernel.blocks]).toEqual([0, 0])
  })

  it('refuses other kinds, and is nothing without candidates', () => {
    const kernel = new CountedKernel()
    kernel.node()
    expect(kernel.run('collect', objects.COLLECT_MINOR)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(kernel.run('step', 0)).toBe(TRIAL_IDLE)
    expect(kernel.word(values.SPACE_TRIALS_AT)).toBe(0)
  })

  it('releases a cycle of a million', () => {
    const kernel = new CountedKernel({ limit: 128 << 20, release: true })
    const first = kernel.node()
    let last = first
    for (let i = 1; i < 1_000_000; i++) {
      const node = kernel.node()
      kernel.put(node, 0, last)
      if (last !== first) kernel.expectOk('decref', last)
      last = node
    }
    kernel.put(first, 0, last)
    kernel.expectOk('decref', last)
    kernel.expectOk('decref', first)
    expect(kernel.objects).toBe(1_000_000)
    kernel.expectOk('collect', COLLECT_FULL)
    expect([kernel.blocks, kernel.word(values.SPACE_TRIAL_RELEASED_AT)]).toEqual([0, 1_000_000])
    kernel.verify()
  })

  it('clears the words that watch garbage before any of it goes', () => {
    const kernel = new CountedKernel()
    const watch = kernel.make('alloc', 16)
    const plain = kernel.array(0)
    kernel.expectOk('decref', plain)
    // A type whose first word is no reference.
    const type = kernel.run('typeAdd', 0, 0, objects.SHAPE_MASK, objects.TRAIL_NONE, 0, 8, 2, 0, 0)
    const one = kernel.make('objectNew', type, 8)
    kernel.put(one, 1, one)
    kernel.setU32(one - 8, kernel.u32(one - 8) | values.OBJECT_WATCHED)
    kernel.setU32(one, watch)
    kernel.setU32(watch, one)
    kernel.expectOk('decref', one)
    stepTo(kernel, TRIAL_SPARE)
    expect(kernel.u32(watch)).toBe(one)
    stepTo(kernel, TRIAL_RELEASE)
    expect([kernel.u32(watch), kernel.objects, kernel.status(one)]).toEqual([0, 1, STATUS_NOT_A_BLOCK])
    stepOut(kernel, 1)
    expect(kernel.objects).toBe(0)
  })
})

describe('between steps', () => {
  it.each([TRIAL_VISIT, TRIAL_SPARE])('in phase %i a member that the program takes is alive', (phase) => {
    const kernel = new CountedKernel()
    const [one, two] = [kernel.node(), kernel.node()]
    kernel.put(one, 0, two)
    kernel.put(two, 0, one)
    kernel.expectOk('decref', one)
    kernel.expectOk('decref', two)
    stepTo(kernel, phase)
    kernel.expectOk('incref', one)
    stepOut(kernel, 1)
    expect([kernel.objects, kernel.count(one)]).toEqual([2, 2])
    kernel.expectOk('decref', one)
    stepOut(kernel, 1)
    expect(kernel.objects).toBe(0)
    kernel.verify()
  })

  it('one that becomes garbage while it is a member goes with the next trial', () => {
    const kernel = new CountedKernel()
    const [one, two] = [kernel.node(), kernel.node()]
    kernel.put(one, 0, two)
    kernel.put(two, 0, one)
    kernel.expectOk('decref', two)
    stepTo(kernel, TRIAL_SPARE)
    kernel.expectOk('decref', one)
    expect(kernel.objects).toBe(2)
    stepOut(kernel, 1)
    expect([kernel.objects, kernel.word(values.SPACE_TRIALS_AT)]).toEqual([0, 2])
  })

  it('a candidate whose last reference goes before the trial takes it stays one, whatever keeps it for now', () => {
    const kernel = new CountedKernel()
    const [root, first, second] = [kernel.node(), kernel.node(), kernel.node()]
    kernel.expectOk('storeReference', root, root, second)
    kernel.expectOk('storeReference', second, second, first)
    // Both are candidates; the younger one is taken first.
    kernel.expectOk('decref', second)
    kernel.expectOk('decref', first)
    kernel.run('step', 1)
    // A member that the program touches keeps what it refers to, though nobody refers to the two any more.
    kernel.expectOk('storeReference', first, first, second)
    kernel.expectOk('storeReference', root, root, 0)
    expect(kernel.run('collect', COLLECT_FULL)).toBe(STATUS_OK)
    expect(kernel.objects).toBe(1)
    kernel.verify()
  })

  it('garbage that is being released is nobody’s: every call refuses it', () => {
    const kernel = new CountedKernel()
    const [one] = kernel.garbageCycle()
    const holder = kernel.node()
    stepTo(kernel, TRIAL_RELEASE)
    for (const name of ['incref', 'decref', 'objectStatus']) expect(kernel.run(name, one)).toBe(STATUS_NOT_A_BLOCK)
    expect(kernel.run('storeReference', holder, holder, one)).toBe(STATUS_NOT_A_BLOCK)
    expect(kernel.run('storeReference', one, one, holder)).toBe(STATUS_NOT_A_BLOCK)
    expect([kernel.run('handlePush', one), kernel.run('handleAdopt', one), kernel.count(one)]).toEqual([0, 0, 0])
    kernel.verify()
    stepOut(kernel, 1)
    expect(kernel.objects).toBe(1)
  })

  it('a word that moves with its count keeps its object, when the trial is told', () => {
    const kernel = new CountedKernel()
    const [holder, moved] = [kernel.array(4), kernel.node()]
    kernel.put(moved, 0, moved)
    kernel.give(holder, 0, moved)
    // Both are candidates, and looked at.
    for (const each of [holder, moved]) for (const name of ['incref', 'decref']) kernel.expectOk(name, each)
    stepTo(kernel, TRIAL_SPARE)
    kernel.expectOk('touchWords', holder, 4)
    kernel.setU32(holder, 0)
    stepOut(kernel, 1)
    expect(kernel.count(moved)).toBe(2)
    kernel.expectOk('decref', moved)
    stepOut(kernel, 1)
    expect(kernel.objects).toBe(1)
  })

  it('older candidates have their turn even if younger ones come all the time', () => {
    const kernel = new CountedKernel()
    const old = kernel.garbageCycle()
    // Two come for each one that a step can take.
    for (let i = 0; i < 500 && kernel.status(old[0]) === STATUS_OK; i++) {
      kernel.garbageCycle()
      kernel.run('step', 1)
    }
    expect(kernel.status(old[0])).toBe(STATUS_NOT_A_BLOCK)
    stepOut(kernel, 100)
    expect(kernel.objects).toBe(0)
    kernel.verify()
  })
})

describe('steps', () => {
  it('do no more than their units and 256 more, whatever the shape', () => {
    const kernel = new CountedKernel({ release: true, limit: 64 << 20 })
    const count = 100_000
    const list = kernel.array(count)
    const wide = kernel.make('objectNew', kernel.types.wide, 8 + 8 * count)
    const mixed = kernel.make('objectNew', kernel.types.mixed, 8 * count)
    const leaf = kernel.make('refcountedNew', 8)
    for (let i = 0; i < count; i++) {
      kernel.put(list, i, leaf)
      kernel.expectOk('storeWide', wide, wide + 8 + 8 * i, leaf, values.WIDE_REFERENCE)
      kernel.put(mixed, 2 * i + 1, leaf)
    }
    kernel.put(list, 0, wide)
    kernel.put(mixed, 1, list)
    kernel.put(wide, 0, mixed)
    for (const each of [list, wide, mixed]) kernel.expectOk('decref', each)
    // In each step of RELEASE the leaf's count shows how many references were let go.
    let before = kernel.count(leaf)
    let most = 0
    let steps = 0
    for (let isIdle = false; !isIdle; steps++) {
      isIdle = kernel.run('step', 10) === TRIAL_IDLE
      most = Math.max(most, before - kernel.count(leaf))
      before = kernel.count(leaf)
    }
    expect([kernel.objects, kernel.count(leaf)]).toEqual([1, 1])
    // A unit is two references.
    expect(most).toBeLessThanOrEqual(2 * (10 + 256))
    expect(steps).toBeGreaterThan(1000)
    kernel.verify()
  })

  it('are taken by allocations from the threshold on, until the trial has ended', () => {
    const kernel = new CountedKernel()
    kernel.run('setThreshold', 100, 50)
    // Both of a pair have lost a reference and are candidates.
    for (let i = 0; i < 49; i++) kernel.garbageCycle()
    for (let i = 0; i < 100; i++) kernel.expectOk('decref', kernel.node())
    expect([kernel.objects, kernel.word(values.SPACE_TRIALS_AT)]).toEqual([98, 0])
    kernel.garbageCycle()
    for (let i = 0; i < 100; i++) kernel.expectOk('decref', kernel.node())
    expect([kernel.objects, kernel.word(values.SPACE_TRIALS_AT)]).toEqual([0, 1])
    kernel.run('setThreshold', 0, 0)
    for (let i = 0; i < 1000; i++) kernel.garbageCycle()
    expect(kernel.objects).toBe(2000)
    kernel.run('setThreshold', 100, 0)
    for (let i = 0; i < 1000; i++) kernel.expectOk('decref', kernel.node())
    expect(kernel.objects).toBe(0)
    kernel.verify()
  })

  it('leave allocations alone when the candidates have gone by themselves', () => {
    const kernel = new CountedKernel()
    kernel.run('setThreshold', 10, 1)
    const nodes = Array.from({ length: 20 }, () => kernel.node())
    for (const name of ['incref', 'decref', 'decref']) for (const node of nodes) kernel.expectOk(name, node)
    expect(kernel.run('candidates')).toBe(0)
    kernel.node()
    expect(kernel.word(values.SPACE_COUNTED_MORE_AT + 36)).toBe(0)
  })
})

describe('when tables cannot grow', () => {
  const short = values.KNOB_SHORT_CANDIDATES

  it('missed candidates make the next trial look at every object, by collect and by steps', () => {
    for (const collect of [(k: CountedKernel) => k.run('collect', COLLECT_FULL), (k: CountedKernel) => stepOut(k, 3)]) {
      const kernel = new CountedKernel({ knobs: short })
      const kept = kernel.node()
      for (let i = 0; i < 200; i++) kernel.garbageCycle()
      expect([kernel.run('candidates'), kernel.word(values.SPACE_MISSED_AT)]).toEqual([16, 384])
      kernel.make('alloc', 100_000)
      collect(kernel)
      expect([kernel.objects, kernel.count(kept), kernel.word(values.SPACE_MISSED_AT)]).toEqual([1, 1, 0])
      kernel.verify()
    }
  })

  /** A garbage cycle of `length` nodes. */
  function longCycle(kernel: CountedKernel, length: number): void {
    const first = kernel.node()
    let last = first
    for (let i = 1; i < length; i++) {
      const node = kernel.node()
      kernel.give(node, 0, last)
      last = node
    }
    kernel.put(first, 0, last)
    kernel.expectOk('decref', last)
  }

  it('a trial whose list is too short is given up: nothing is lost, and another one can do it', () => {
    const kernel = new CountedKernel({ knobs: values.KNOB_SHORT_TRIAL })
    longCycle(kernel, 60)
    expect(kernel.run('collect', COLLECT_FULL)).toBe(STATUS_OUT_OF_MEMORY)
    const lost = kernel.word(values.SPACE_TRIALS_LOST_AT)
    expect([kernel.objects, kernel.run('candidates'), lost]).toEqual([60, 60, 20])
    kernel.verify()
    kernel.run('step', 10_000)
    expect(kernel.word(values.SPACE_TRIALS_LOST_AT)).toBe(21)
    kernel.verify()
    kernel.run('setKnobs', 0)
    kernel.expectOk('collect', COLLECT_FULL)
    expect(kernel.objects).toBe(0)
  })

  it('a short list takes one part of the candidates after the other, in steps, too', () => {
    for (const collect of [(k: CountedKernel) => k.run('collect', COLLECT_FULL), (k: CountedKernel) => stepOut(k, 3)]) {
      const kernel = new CountedKernel({ knobs: values.KNOB_SHORT_TRIAL })
      for (let i = 0; i < 500; i++) kernel.garbageCycle()
      collect(kernel)
      expect(kernel.objects).toBe(0)
      expect(kernel.word(values.SPACE_TRIALS_LOST_AT)).toBeGreaterThan(0)
      kernel.verify()
    }
  })

  it('one that took all objects since some were missed is one of all objects again', () => {
    const kernel = new CountedKernel({ knobs: short | values.KNOB_SHORT_TRIAL })
    for (let i = 0; i < 100; i++) kernel.garbageCycle()
    expect(kernel.run('collect', COLLECT_FULL)).toBe(STATUS_OUT_OF_MEMORY)
    expect(kernel.word(values.SPACE_MISSED_AT)).toBeGreaterThan(0)
    kernel.verify()
    kernel.run('setKnobs', 0)
    stepOut(kernel, 100)
    expect(kernel.objects).toBe(0)
  })

  it('in a full heap cycles make room for what is to be allocated', () => {
    let mayGrow = true
    const kernel = new CountedKernel({ mayGrow: () => mayGrow })
    kernel.run('setThreshold', 0, 0)
    for (let i = 0; i < 1000; i++) kernel.garbageCycle()
    kernel.array(4000)
    mayGrow = false
    let made = 0
    while (made < 100_000 && kernel.run('objectNew', kernel.types.node, 12)) made++
    expect(made).toBeGreaterThan(2000)
    expect(kernel.objects).toBe(made + 1)
    kernel.verify()
  })
})

describe('random programs', () => {
  const setups: [name: string, options: CountedKernelOptions, threshold: number, units: number][] = [
    ['by collect alone', {}, 0, 0],
    ['in steps of one unit', { knobs: objects.KNOB_UNIT_STEPS }, 0, 1],
    ['in steps at allocations', {}, 8, 5],
    ['with short tables', { knobs: short() }, 4, 3],
    ['in a small heap, with poison', { knobs: layout.KNOB_POISON, limit: 1 << 18 }, 16, 40],
  ]

  it.each(setups)('leave what can be reached and nothing else: %s', (_, options, threshold, units) => {
    for (let round = 0; round < ROUNDS; round++) {
      const seed = (SEED + round) >>> 0
      const kernel = new CountedKernel(options)
      kernel.run('setThreshold', threshold, units)
      const program = new CountedProgram(kernel, random(seed), units)
      try {
        program.run(400)
        program.finish()
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
  })

  function short(): number {
    return values.KNOB_SHORT_CANDIDATES | values.KNOB_SHORT_TRIAL
  }
})

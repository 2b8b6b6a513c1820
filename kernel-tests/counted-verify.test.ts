/**
 * Goal: the verifier of counted objects finds every kind of damage that it is for, names it, and answers on any.
 * Method: a heap with objects, roots and handles, before a trial of the cycle collector and in each of its phases, is
 * damaged in one place; the fault must be the one the table names. Then random words are overwritten.
 * A failure means that damage goes unseen, or that the verifier trusts a word before it has checked it.
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { random } from '../src/random.js'
import { CountedKernel } from './counted-kernel.js'

const { COUNTED_COUNT_BELOW, COUNTED_PLACE_BELOW, COUNTED_SIGN_BELOW } = values
const { COUNTED_CANDIDATE, COUNTED_IN_TRIAL, COUNTED_ALIVE } = values

interface Content {
  readonly node: number
  readonly leaf: number
  /** Candidate and garbage. */
  readonly cycle: readonly [number, number]
  readonly alive: number
  readonly slot: number
  readonly root: number
}

function fill(kernel: CountedKernel): Content {
  const node = kernel.node()
  const leaf = kernel.make('refcountedNew', 20)
  const alive = kernel.node()
  kernel.put(alive, 0, alive)
  kernel.expectOk('incref', alive)
  kernel.expectOk('decref', alive)
  kernel.put(node, 0, leaf)
  const slot = kernel.make('handlePush', leaf)
  kernel.expectOk('decref', leaf)
  const root = kernel.make('rootAdd', objects.ROOT_STRONG, node)
  const cycle = kernel.garbageCycle()
  kernel.verify()
  return { node, leaf, cycle, alive, slot, root }
}

const or = (kernel: CountedKernel, at: number, bits: number) => kernel.setU32(at, (kernel.u32(at) | bits) >>> 0)
const and = (kernel: CountedKernel, at: number, bits: number) => kernel.setU32(at, (kernel.u32(at) & bits) >>> 0)
const table = (kernel: CountedKernel) => kernel.word(values.SPACE_CANDIDATES_AT)
const list = (kernel: CountedKernel) => kernel.word(values.SPACE_TRIAL_AT)
const faults = { ...layout, ...objects, ...values } as Record<string, number>

type Damage = (kernel: CountedKernel, content: Content) => void
const { TRIAL_IDLE, TRIAL_VISIT, TRIAL_SPARE, TRIAL_RELEASE, TRIAL_FREE, TRIAL_END } = values

const damages: [fault: string, what: string, phase: number, damage: Damage][] = [
  ['FAULT_COUNT', 'a count below the references', TRIAL_IDLE, (k, c) => k.setCount(c.leaf, 1)],
  ['FAULT_COUNT', 'the same in a trial', TRIAL_SPARE, (k, c) => k.setCount(c.leaf, 1)],
  ['FAULT_COUNT', 'a reference that was never counted', TRIAL_IDLE, (k, c) => k.setU32(c.node + 4, c.leaf)],
  [
    'FAULT_COUNT',
    'a handle that was never counted',
    TRIAL_IDLE,
    (k, c) => {
      k.setCount(c.node, 1)
      k.setU32(c.slot, c.node)
    },
  ],
  [
    'FAULT_COUNT',
    'the count of a member below its references',
    TRIAL_VISIT,
    (k, c) => {
      k.setU32(c.node, c.alive)
      k.setU32(c.node + 4, c.alive)
    },
  ],
  [
    'FAULT_COUNT',
    'an object whose sign was overwritten',
    TRIAL_IDLE,
    (k, c) => k.setU32(c.leaf - COUNTED_SIGN_BELOW, 1),
  ],
  ['FAULT_COUNT', 'another number of objects', TRIAL_IDLE, (k) => k.setWord(objects.SPACE_LIVE_OBJECTS_AT, 3)],
  ['FAULT_COUNT', 'another number of bytes', TRIAL_FREE, (k) => k.setWord(objects.SPACE_LIVE_BYTES_AT, 3)],
  ['FAULT_OBJECT_HEADER', 'an unknown type', TRIAL_IDLE, (k, c) => k.setU32(c.node - 8, 999)],
  ['FAULT_OBJECT_HEADER', 'bytes that its type cannot have', TRIAL_IDLE, (k, c) => k.setU32(c.node - 4, 16)],
  ['FAULT_OBJECT_HEADER', 'more bytes than its block', TRIAL_IDLE, (k, c) => k.setU32(c.leaf - 4, 200)],
  ['FAULT_REFERENCE', 'a reference to nothing', TRIAL_IDLE, (k, c) => k.setU32(c.node, c.leaf + 16)],
  ['FAULT_REFERENCE', 'a reference to garbage that is released', TRIAL_RELEASE, (k, c) => k.setU32(c.node, c.cycle[0])],
  ['FAULT_ROOT', 'a root that leads to nothing', TRIAL_IDLE, (k, c) => k.setU32(c.root, 0xfffffff8)],
  ['FAULT_ROOT', 'a handle that does', TRIAL_END, (k, c) => k.setU32(c.slot, c.leaf + 16)],
  [
    'FAULT_CANDIDATES',
    'a candidate without place',
    TRIAL_IDLE,
    (k, c) => or(k, c.node - COUNTED_COUNT_BELOW, COUNTED_CANDIDATE),
  ],
  [
    'FAULT_CANDIDATES',
    'one in the table that says it is none',
    TRIAL_IDLE,
    (k, c) => and(k, c.cycle[0] - COUNTED_COUNT_BELOW, ~COUNTED_CANDIDATE),
  ],
  ['FAULT_CANDIDATES', 'a place in the table that is no object', TRIAL_IDLE, (k) => k.setU32(table(k), 24)],
  ['FAULT_CANDIDATES', 'another place', TRIAL_IDLE, (k, c) => k.setU32(c.cycle[1] - COUNTED_PLACE_BELOW, 77)],
  ['FAULT_CANDIDATES', 'a candidate fewer', TRIAL_IDLE, (k) => k.setWord(values.SPACE_CANDIDATE_COUNT_AT, 2)],
  [
    'FAULT_CANDIDATES',
    'a member without a trial',
    TRIAL_IDLE,
    (k, c) => or(k, c.node - COUNTED_COUNT_BELOW, COUNTED_IN_TRIAL),
  ],
  [
    'FAULT_CANDIDATES',
    'one alive without a trial',
    TRIAL_IDLE,
    (k, c) => or(k, c.node - COUNTED_COUNT_BELOW, COUNTED_ALIVE),
  ],
  ['FAULT_CANDIDATES', 'a member that the list has not', TRIAL_SPARE, (k) => k.setU32(k.u32(list(k)), 0)],
  ['FAULT_CANDIDATES', 'a member that says it is none', TRIAL_SPARE, (k, c) => k.setU32(c.alive - 20, 3 << 4)],
  ['FAULT_CANDIDATES', 'garbage that is no object', TRIAL_FREE, (k, c) => k.setU32(c.cycle[1] - COUNTED_SIGN_BELOW, 0)],
  ['FAULT_CANDIDATES', 'garbage marked alive', TRIAL_FREE, (k, c) => or(k, c.cycle[1] - 20, COUNTED_ALIVE)],
  [
    'FAULT_CANDIDATES',
    'a place kept for none',
    TRIAL_SPARE,
    (k, c) => and(k, c.alive - COUNTED_COUNT_BELOW, ~COUNTED_CANDIDATE),
  ],
  ['FAULT_SPACE', 'a phase that is none', TRIAL_IDLE, (k) => k.setWord(values.SPACE_TRIAL_PHASE_AT, 6)],
  ['FAULT_SPACE', 'more candidates than room', TRIAL_IDLE, (k) => k.setWord(values.SPACE_CANDIDATE_COUNT_AT, 1e6)],
  ['FAULT_SPACE', 'a table that is none', TRIAL_IDLE, (k) => k.setWord(values.SPACE_CANDIDATES_AT, 0xfffffff0)],
  [
    'FAULT_SPACE',
    'a table with more room than it has',
    TRIAL_IDLE,
    (k) => k.setWord(values.SPACE_CANDIDATE_CAPACITY_AT, 1e6),
  ],
  ['FAULT_SPACE', 'a list that is none', TRIAL_SPARE, (k, c) => k.setWord(values.SPACE_TRIAL_AT, c.node)],
  ['FAULT_SPACE', 'more members than room', TRIAL_SPARE, (k) => k.setWord(values.SPACE_TRIAL_COUNT_AT, 1e6)],
  ['FAULT_SPACE', 'a type table that is none', TRIAL_IDLE, (k) => k.setWord(objects.SPACE_TYPES_AT, 0xfffffff0)],
  ['FAULT_SPACE', 'a stack out of its bounds', TRIAL_IDLE, (k) => k.setWord(objects.SPACE_SHADOW_TOP_AT, 4)],
]

/** A heap with content, its trial in `phase`. */
function heapIn(phase: number): [CountedKernel, Content] {
  // Without assertions, which would be the first to find some of the damage.
  const kernel = new CountedKernel({ release: true, limit: 4 << 20 })
  const content = fill(kernel)
  for (let i = 0; i < 1000 && kernel.word(values.SPACE_TRIAL_PHASE_AT) !== phase; i++) kernel.run('step', 1)
  expect(kernel.word(values.SPACE_TRIAL_PHASE_AT)).toBe(phase)
  kernel.verify()
  return [kernel, content]
}

describe('verify', () => {
  it.each(damages)('finds %s: %s, in phase %i', (fault, _, phase, damage) => {
    const [kernel, content] = heapIn(phase)
    damage(kernel, content)
    expect(kernel.run('verify')).toBe(faults[fault])
  })

  it('finds nothing in a heap that is sound, and leaves it as it is, in every phase', () => {
    for (const phase of [TRIAL_IDLE, TRIAL_VISIT, TRIAL_SPARE, TRIAL_RELEASE, TRIAL_FREE, TRIAL_END]) {
      const [kernel, { alive }] = heapIn(phase)
      // What was counted in the last run is left in the trial words of those that are in no trial.
      const before = kernel.snapshot()
      kernel.verify()
      expect(Buffer.compare(before, kernel.snapshot())).toBe(0)
      kernel.expectOk('collect', objects.COLLECT_FULL)
      expect([kernel.objects, kernel.count(alive)]).toEqual([3, 2])
      kernel.verify()
    }
  })

  it('answers on objects and words of the space with random words in them', () => {
    const seed = Number(process.env.HEAPWRIGHT_SEED ?? Date.now()) >>> 0
    const next = random(seed)
    let found = 0
    for (let phase = TRIAL_IDLE; phase <= TRIAL_END; phase++) {
      const [kernel, { node, leaf, cycle, alive }] = heapIn(phase)
      const before = kernel.snapshot()
      for (let round = 0; round < 300; round++) {
        new Uint8Array(kernel.memory.buffer).set(before)
        // Handles and roots are chains of segments, which nothing leads to but the chains themselves.
        const words = [objects.SPACE_TYPES_AT, objects.SPACE_LIVE_OBJECTS_AT].map((at) => kernel.space + at)
        for (let at = values.SPACE_COOKIE_AT; at < values.SPACE_COUNTED_BYTES; at += 4) words.push(kernel.space + at)
        for (const each of [node, leaf, alive, ...cycle]) for (let at = -24; at < 8; at += 4) words.push(each + at)
        for (let writes = 1 + next(2); writes; writes--) {
          const at = words[next(words.length)] as number
          kernel.setU32(at, next(2) ? next(64) : next(2 ** 32))
        }
        try {
          if (kernel.run('verify')) found++
        } catch (error) {
          throw new Error(`seed ${seed}, phase ${phase}, round ${round}: ${error}`, { cause: error })
        }
      }
    }
    expect(found, `seed ${seed}`).toBeGreaterThan(500)
  })
})

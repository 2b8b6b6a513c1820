/**
 * Goal: `verify()` finds every kind of broken invariant, names it, and never traps on a broken heap.
 * Method: a heap with every kind of content is damaged in one place at a time, as a stray write or a kernel bug would;
 * the fault must be the one the table names. Then random bytes of the metadata are overwritten: whatever it answers, it
 * answers.
 * A failure means that damage goes unseen, or that the verifier trusts a link before checking it.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import { BareKernel } from './kernel.js'

interface Content {
  readonly small: number
  readonly freed: number
  readonly run: number
  readonly huge: number
  readonly headed: number
  readonly arena: number
  readonly pool: number
  readonly poolBlock: number
  readonly poolFreed: number
  /** A free run between two live ones. */
  readonly hole: number
}

function fill(kernel: BareKernel): Content {
  const small = kernel.run('alloc', 100)
  const freed = kernel.run('alloc', 100)
  kernel.run('alloc', 100)
  const run = kernel.run('alloc', 5000)
  const hole = kernel.run('alloc', 6000)
  kernel.run('alloc', 7000)
  const huge = kernel.run('alloc', 2 << 20)
  const headed = kernel.run('alloc', 1_200_000)
  const arena = kernel.run('arenaCreate', 65536)
  for (let i = 0; i < 10; i++) kernel.run('arenaAlloc', arena, 3000, 8)
  const pool = kernel.run('poolCreate', 200, 20, 1)
  const poolBlock = kernel.run('poolAcquire', pool)
  const poolFreed = kernel.run('poolAcquire', pool)
  // More of one size than a page holds, so that a partial page stands in its class's list.
  const many = Array.from({ length: 300 }, () => kernel.run('alloc', 500))
  kernel.run('free', freed)
  kernel.run('free', hole)
  kernel.run('free', many[0] as number)
  kernel.run('poolRelease', pool, poolFreed)
  expect(kernel.verify()).toBe(layout.FAULT_NONE)
  return { small, freed, run, huge, headed, arena, pool, poolBlock, poolFreed, hole }
}

type Damage = (kernel: BareKernel, content: Content) => void
const table: [fault: keyof typeof layout, what: string, damage: Damage][] = [
  ['FAULT_CONTROL', 'another magic', (k) => k.setU32(layout.HEAP_MAGIC_AT, 1)],
  ['FAULT_CONTROL', 'a top beyond the end', (k) => k.setU32(layout.HEAP_TOP_AT, k.u32(layout.HEAP_END_AT) + 65536)],
  ['FAULT_CONTROL', 'a peak below what is committed', (k) => k.setU32(layout.HEAP_COMMITTED_PEAK_AT, 0)],
  [
    'FAULT_CHUNK',
    'a wrong place for descriptors',
    (k, c) => k.setU32(k.entry(c.run) + 12, k.u32(k.entry(c.run) + 12) + 4),
  ],
  ['FAULT_CHUNK', 'a wrong span', (k, c) => k.setU32(k.entry(c.run) + 8, k.u32(k.entry(c.run) + 8) - 1)],
  ['FAULT_MAP', 'a block code inside a run', (k, c) => k.setU8(k.map(c.run + 320), layout.CODE_BLOCK)],
  ['FAULT_MAP', 'a block code inside a free run', (k, c) => k.setU8(k.map(c.hole + 640), layout.CODE_BLOCK)],
  ['FAULT_MAP', 'a block code between slots', (k, c) => k.setU8(k.map(c.small + 16), layout.CODE_BLOCK)],
  ['FAULT_MAP', 'an unknown code', (k, c) => k.setU8(k.map(c.run), 0x3f)],
  [
    'FAULT_TAGS',
    'an end tag of another length',
    (k, c) => k.setU8(k.map(c.hole + 6000 - (6000 % 16) + 16) - 4, layout.CODE_DIGIT),
  ],
  [
    'FAULT_ADJACENT',
    'two free runs side by side',
    (k, c) => {
      // The hole of 375 granules becomes one of 1 and one of 374, each with sound tags.
      const map = k.map(c.hole)
      for (let i = 0; i < 32; i++) k.setU8(map + i, 0)
      k.setU8(map, layout.CODE_FREE_SMALL | 1)
      const rest = 374
      const digits = [rest & 63, (rest >> 6) & 63, rest >> 12].map((digit) => digit | layout.CODE_DIGIT)
      k.setU8(map + 1, layout.CODE_FREE_START)
      digits.forEach((digit, i) => {
        k.setU8(map + 2 + i, digit)
        k.setU8(map + 371 + i, digit)
      })
    },
  ],
  ['FAULT_BIN', 'an emptied bin', (k) => k.setU32(layout.HEAP_HEADER_BYTES + layout.HEAP_BIN_BITS_BYTES + 375 * 4, 0)],
  ['FAULT_BIN', 'a lost trie', (k) => k.setU32(layout.HEAP_TRIE_ROOT_AT, 0)],
  ['FAULT_BIN', 'a link into nowhere', (k, c) => k.setU8(k.map(c.hole) + 4, layout.CODE_DIGIT | 5)],
  ['FAULT_BIN', 'no bit for a bin', (k) => k.setU32(layout.HEAP_HEADER_BYTES + (375 >> 5) * 4, 0)],
  ['FAULT_PAGE', 'another capacity', (k, c) => k.setU16(k.page(c.small) + 30, 3)],
  ['FAULT_PAGE', 'no units', (k, c) => k.setU8(k.page(c.small) + 27, 0)],
  ['FAULT_PAGE', 'a wrong state', (k, c) => k.setU16(k.page(c.small) + 10, 7)],
  ['FAULT_FREE_LIST', 'a write after free', (k, c) => k.setU32(c.freed, 0xdeadbeef)],
  ['FAULT_FREE_LIST', 'a link to a live block', (k, c) => k.setU32(c.freed, c.small)],
  ['FAULT_FREE_LIST', 'a free list in a circle', (k, c) => k.setU32(c.freed, c.freed)],
  [
    'FAULT_PAGE_COUNT',
    'one used block too many',
    (k, c) => k.setU16(k.page(c.small) + 8, k.u16(k.page(c.small) + 8) + 1),
  ],
  ['FAULT_PAGE_COUNT', 'a live block whose code was wiped', (k, c) => k.setU8(k.map(c.small), 0)],
  ['FAULT_CLASS', 'a class of more units', (k, c) => k.setU32(k.classInfo(k.u8(k.page(c.small) + 26)) + 4, 99)],
  ['FAULT_CLASS', 'a class of more slots', (k, c) => k.setU32(k.classInfo(k.u8(k.page(c.small) + 26)) + 20, 9)],
  ['FAULT_CLASS', 'another sum of full pages', (k, c) => k.setU32(k.classInfo(k.u8(k.page(c.small) + 26)) + 16, 9)],
  ['FAULT_BIN', 'a wild run that is live', (k, c) => k.setU32(layout.HEAP_WILD_AT, c.run >>> 4)],
  [
    'FAULT_CLASS',
    'a current page in the list of partial ones',
    (k, c) => k.setU32(k.classInfo(k.u8(k.page(c.small) + 26)) + 8, k.page(c.small)),
  ],
  ['FAULT_HUGE', 'another size of a huge block', (k, c) => k.setU32(k.entry(c.huge) + 12, 1 << 20)],
  ['FAULT_HUGE', 'a huge block whose head lost its code', (k, c) => k.setU8(k.map(c.headed), layout.CODE_RESERVED)],
  ['FAULT_BYTES', 'another sum of free bytes', (k) => k.setU32(layout.HEAP_FREE_AT, k.u32(layout.HEAP_FREE_AT) + 16)],
  ['FAULT_BYTES', 'another sum of runs', (k) => k.setU32(layout.HEAP_RUNS_AT, 0)],
  [
    'FAULT_LIVE',
    'another count of live bytes',
    (k) => k.setU32(k.u32(layout.HEAP_CONTEXT_AT) + layout.CONTEXT_LIVE_AT, 1),
  ],
  [
    'FAULT_ACCOUNTING',
    'committed bytes that nothing accounts for',
    (k) => {
      k.setU32(layout.HEAP_COMMITTED_AT, k.u32(layout.HEAP_COMMITTED_AT) + 65536)
      k.setU32(layout.HEAP_COMMITTED_PEAK_AT, k.u32(layout.HEAP_COMMITTED_AT))
    },
  ],
  ['FAULT_POOL', 'another count of used slots', (k, c) => k.setU32(c.pool + 28, 7)],
  ['FAULT_POOL', 'a write to a released slot', (k, c) => k.setU32(c.poolFreed, 0x1234)],
  ['FAULT_POOL', 'a link to an acquired slot', (k, c) => k.setU32(c.poolFreed, c.poolBlock)],
  ['FAULT_ARENA', 'a bump pointer behind its limit', (k, c) => k.setU32(c.arena + 16, k.u32(c.arena + 20) + 16)],
  [
    'FAULT_TRIMMED',
    'a unit in use that counts as given back',
    (k, c) => {
      const bits = k.chunk(c.run) + layout.CHUNK_TRIMMED_AT
      const unit = (c.run >>> 12) & 255
      k.setU8(bits + (unit >>> 3), 1 << (unit & 7))
    },
  ],
  [
    'FAULT_TRIMMED',
    'metadata in use that counts as given back',
    (k, c) => k.setU8(k.chunk(c.run) + layout.CHUNK_TRIMMED_AT, 0x80),
  ],
  [
    'FAULT_TRIMMED',
    'a free unit that is noted and not counted',
    (k, c) => {
      const unit = ((c.hole + 4095) >>> 12) & 255
      k.setU8(k.chunk(c.hole) + layout.CHUNK_IDLE_AT + (unit >>> 3), 1 << (unit & 7))
    },
  ],
  ['FAULT_TRIMMED', 'another sum of what was given back', (k) => k.setU32(layout.HEAP_TRIMMED_AT, 4096)],
  ['FAULT_ARENA', 'another sum of used bytes', (k, c) => k.setU32(c.arena + 40, 1)],
]

describe('verify', () => {
  for (const [fault, what, damage] of table) {
    test(`finds ${what}: ${fault}`, () => {
      const kernel = new BareKernel()
      const content = fill(kernel)
      damage(kernel, content)
      expect(kernel.verify()).toBe(layout[fault])
    })
  }

  test('every fault is in the table', () => {
    const named = new Set(table.map(([fault]) => fault))
    const all = Object.keys(layout).filter((name) => name.startsWith('FAULT_') && name !== 'FAULT_NONE')
    expect(all.filter((name) => !named.has(name as keyof typeof layout))).toEqual([])
  })

  test('answers on metadata with random bytes in it', () => {
    const seed = Number(process.env.HEAPWRIGHT_SEED ?? Date.now()) >>> 0
    let state = seed
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const intact = new BareKernel()
    fill(intact)
    const before = new Uint8Array(intact.memory.buffer).slice()
    let found = 0
    for (let round = 0; round < Number(process.env.ROUNDS ?? 2000); round++) {
      const bytes = new Uint8Array(intact.memory.buffer)
      bytes.set(before)
      for (let writes = 1 + random(4); writes; writes--) bytes[random(100_000)] = random(256)
      try {
        if (intact.verify() !== layout.FAULT_NONE) found++
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}: ${String(error)}`, { cause: error })
      }
    }
    // Most of that range is metadata that is in use; a verifier that sees nothing is none.
    expect(found, `seed ${seed}`).toBeGreaterThan(200)
  })
})

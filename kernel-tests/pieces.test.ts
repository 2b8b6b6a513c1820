/**
 * Goal: a heap can live in pieces of another, anywhere in its range, and both stay sound whatever either does; nothing
 * is taken back that is not lent, a limit is kept to the byte, a refused piece changes nothing.
 *
 * Method: several instances of the debug kernel in one memory. Known cases first, then random work against a `Map` of
 * blocks with filler bytes per heap; every heap is verified after every step, and what is lent is held against what the
 * tenants say they hold. The seed is printed; HEAPWRIGHT_SEED repeats it.
 *
 * A failure means that a tenant can harm its parent, or a parent its tenant.
 */
import { describe, expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import { random } from '../test/support/random.js'
import { type PiecesKernel, RootKernel, TenantKernel } from './pieces-kernel.js'

const PAGE = 65536
const MIB = 2 ** 20
const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)

function expectSound(...kernels: PiecesKernel[]): void {
  for (const k of kernels) {
    const at = `heap at ${k.base.toString(16)}, near ${k.word(layout.HEAP_FAULT_AT).toString(16)}`
    expect([k.run('verify'), at]).toEqual([0, at])
  }
}

const total = (pieces: Map<number, number>) => [...pieces.values()].reduce((sum, bytes) => sum + bytes, 0)

/** What a heap has lent is what its tenants hold. */
function expectLent(parent: PiecesKernel, tenants: readonly TenantKernel[]): void {
  const held = tenants.flatMap((tenant) => [...tenant.pieces]).sort(([a], [b]) => a - b)
  expect([...parent.lent].sort(([a], [b]) => a - b)).toEqual(held)
  expect(parent.word(layout.HEAP_LENT_AT)).toBe(total(parent.lent))
  for (const tenant of tenants) expect(tenant.held).toBe(total(tenant.pieces))
}

describe('lending', () => {
  test('gives pieces of up to 14 pages at multiples of 64 KiB, or whole MiBs, and takes them back', () => {
    const root = new RootKernel()
    const free = root.word(layout.HEAP_OWNED_AT)
    for (const pages of [1, 2, 13, 14, 16, 48]) {
      const piece = root.lend(pages, 0)
      expect(piece % (pages < 16 ? PAGE : MIB)).toBe(0)
      expect(piece).toBeGreaterThan(0)
    }
    expectSound(root)
    expect(root.word(layout.HEAP_LENT_AT)).toBe((1 + 2 + 13 + 14 + 16 + 48) * PAGE)
    for (const piece of [...root.lent.keys()].reverse()) root.takeBack(piece)
    expectSound(root)
    expect([root.word(layout.HEAP_LENT_AT), root.word(layout.HEAP_OWNED_AT)]).toEqual([0, free])
  })

  test('refuses other lengths and no borrower, and changes nothing', () => {
    const root = new RootKernel()
    const before = root.bytes.slice()
    for (const pages of [0, 15, 17, 65536, 2 ** 31, 2 ** 32 - 1]) expect(root.run('lend', pages, 0)).toBe(0)
    for (const borrower of [1, 4, 64, 2 ** 31, 2 ** 32 - 4]) expect(root.run('lend', 1, borrower)).toBe(0)
    expect(root.bytes.slice()).toEqual(before)
  })

  test('takes nothing back that is not lent', () => {
    const root = new RootKernel()
    const [block, run, huge] = [
      root.run('alloc', 100),
      root.run('allocAligned', PAGE, PAGE),
      root.run('alloc', 3 * MIB),
    ]
    const arena = root.run('arenaCreate', 2 * MIB)
    root.run('arenaAlloc', arena, 2 * MIB, 1)
    const piece = root.lend(2, 0)
    const mib = root.lend(32, 0)
    const before = root.bytes.slice()
    const others = [0, 16, 1, block, run, huge, arena, piece + 16, piece + PAGE, mib + 16, mib + PAGE, 2 ** 32 - PAGE]
    for (const address of others) expect(root.run('takeBack', address), `takeBack(${address})`).not.toBe(0)
    for (let address = 0; address < 2 ** 32; address += PAGE) {
      if (!root.lent.has(address)) expect(root.run('takeBack', address), `takeBack(${address})`).not.toBe(0)
    }
    expect(Buffer.compare(root.bytes, before)).toBe(0)
    expectSound(root)
    root.takeBack(piece)
    expect(root.run('takeBack', piece)).not.toBe(0)
  })

  test('leaves the lender deaf to what is in a piece', () => {
    const root = new RootKernel()
    const below = root.run('alloc', 3000)
    const pieces = [root.lend(3, 0), root.lend(16, 0)] as const
    const above = root.run('alloc', 5000)
    for (const byte of [0xff, layout.CODE_BLOCK, layout.CODE_RUN, layout.CODE_LENT]) {
      for (const [piece, bytes] of root.lent) root.bytes.fill(byte, piece, piece + bytes)
      expectSound(root)
      for (const piece of pieces) {
        for (const address of [piece, piece + 16, piece + 4096, piece + PAGE]) {
          expect([root.run('isBlock', address), root.run('blockAround', address)]).toEqual([0, 0])
          expect(root.run('free', address)).not.toBe(0)
          expect([layout.CODE_LENT, layout.CODE_LENT_MIB]).toContain(root.run('codeAround', address))
        }
      }
      const blocks: number[] = []
      for (let p = root.run('nextBlock', 0); p; p = root.run('nextBlock', p)) blocks.push(p)
      expect(blocks.sort()).toEqual([below, above].sort())
    }
    for (const piece of pieces) root.takeBack(piece)
    expectSound(root)
  })
})

describe('a tenant', () => {
  test('refuses a home that is none', () => {
    const root = new RootKernel()
    const end = root.word(layout.HEAP_END_AT)
    const home = root.lend(2, 0)
    const make = (...args: number[]) => root.run('create', ...args, layout.FLAG_PIECES, 0)
    const before = root.bytes.slice()
    expect(make(home + 4096, home + 2 * PAGE, end, MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(home, home + 100, end, MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(home, home, end, MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(home, home + 2 * MIB, end, 4 * MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(home, home + 2 * PAGE, home + PAGE, MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(home, home + 2 * PAGE, end, PAGE)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(home, home + 2 * PAGE, 2 ** 32 - 4096, MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(make(2 ** 32 - 3 * PAGE, 2 ** 32 - 2 * PAGE, 2 ** 32 - PAGE, MIB)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(Buffer.compare(root.bytes, before)).toBe(0)
  })

  test('grows below and above its home, one chunk in each MiB, and gives back what is free', () => {
    const root = new RootKernel()
    const ballast: number[] = []
    while ((ballast.at(-1) ?? 0) < MIB) ballast.push(root.run('alloc', 40_000))
    const tenant = new TenantKernel(root)
    for (const block of ballast) root.run('free', block)
    const blocks = Array.from({ length: 60 }, () => tenant.run('alloc', 30_000))
    expect(blocks.every((block) => block > 0)).toBe(true)
    expectSound(root, tenant)
    expectLent(root, [tenant])
    const mibs = [...tenant.pieces.keys()].map((piece) => piece >>> 20)
    expect(new Set(mibs).size).toBe(mibs.length)
    expect(tenant.word(layout.HEAP_LOW_AT)).toBe(Math.min(...tenant.pieces.keys()))
    expect(Math.min(...mibs)).toBeLessThan(tenant.base >>> 20)
    const found: number[] = []
    for (let p = tenant.run('nextBlock', 0); p; p = tenant.run('nextBlock', p)) found.push(p)
    expect(found).toEqual(blocks.slice().sort((a, b) => a - b))
    for (const block of blocks) expect(tenant.run('free', block)).toBe(0)
    const held = tenant.held
    expect(tenant.run('giveBack')).toBe(held - tenant.held)
    expect([...tenant.pieces]).toEqual([[tenant.base, PAGE]])
    expectSound(root, tenant)
    tenant.end()
    expectSound(root)
    expectLent(root, [])
  })

  test('takes whole MiBs for huge blocks, with a head or without, grows and shrinks them', () => {
    const root = new RootKernel({ limit: 128 * MIB })
    const tenant = new TenantKernel(root)
    for (const bytes of [MIB, 2 * MIB, 2 * MIB + 1, 3 * MIB + 500_000, 16 * MIB - 100]) {
      let block = tenant.run('alloc', bytes)
      expect(block).toBeGreaterThan(0)
      tenant.bytes.fill(0xee, block, block + bytes)
      expectSound(root, tenant)
      block = tenant.run('realloc', block, bytes + 3 * MIB)
      expectSound(root, tenant)
      block = tenant.run('realloc', block, bytes >> 1)
      expectSound(root, tenant)
      expect(tenant.bytes.subarray(block, block + (bytes >> 1)).every((byte) => byte === 0xee)).toBe(true)
      expect(tenant.run('free', block)).toBe(0)
      tenant.run('giveBack')
      expectSound(root, tenant)
      expectLent(root, [tenant])
    }
  })

  test('keeps to its limit: the least piece where more would pass it, and what it must keep', () => {
    const root = new RootKernel()
    const tenant = new TenantKernel(root, 5 * PAGE + 100)
    const blocks: number[] = []
    for (let block = tenant.run('alloc', 9000); block; block = tenant.run('alloc', 9000)) blocks.push(block)
    expect(tenant.held).toBe(5 * PAGE)
    expectSound(root, tenant)
    expect(tenant.run('setBounds', 5 * PAGE - 1, 0)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(tenant.run('setBounds', 6 * PAGE, 7 * PAGE)).toBe(layout.STATUS_BAD_ARGUMENT)
    expect(tenant.run('setBounds', 6 * PAGE, 3 * PAGE)).toBe(layout.STATUS_OK)
    expect(tenant.run('alloc', 9000)).toBeGreaterThan(0)
    expect(tenant.held).toBe(6 * PAGE)
    tenant.run('reset')
    tenant.run('giveBack')
    expect(tenant.held).toBeGreaterThanOrEqual(3 * PAGE)
    expectSound(root, tenant)
    expectLent(root, [tenant])
  })

  test('has the least piece where its parent has no longer one', () => {
    const root = new RootKernel()
    const tenant = new TenantKernel(root)
    const asked: number[] = []
    root.mayLend = (pages) => {
      asked.push(pages)
      return pages === 1
    }
    for (let i = 0; i < 6; i++) expect(tenant.run('alloc', 45_000)).toBeGreaterThan(0)
    expect(asked.filter((pages) => pages > 1).length).toBeGreaterThan(1)
    expect(tenant.held).toBe(tenant.pieces.size * PAGE)
    expectSound(root, tenant)
    expectLent(root, [tenant])
  })

  test('never gives back what it must keep', () => {
    const root = new RootKernel()
    const tenant = new TenantKernel(root)
    for (let i = 0; i < 40; i++) tenant.run('alloc', 30_000)
    tenant.run('reset')
    for (const keep of [10 * PAGE, 5 * PAGE, PAGE]) {
      expect(tenant.run('setBounds', 64 * MIB, keep)).toBe(layout.STATUS_OK)
      tenant.run('giveBack')
      expect(tenant.held).toBeGreaterThanOrEqual(keep)
      expectSound(root, tenant)
      expectLent(root, [tenant])
    }
    expect(tenant.held).toBe(PAGE)
  })

  test('gives free pieces up for another one when its limit leaves no room for both', () => {
    const root = new RootKernel()
    const tenant = new TenantKernel(root, 20 * PAGE)
    const blocks = Array.from({ length: 6 }, () => tenant.run('alloc', 40_000))
    for (const block of blocks) tenant.run('free', block)
    expect(tenant.held).toBeGreaterThan(4 * PAGE)
    expect(tenant.run('alloc', 1_100_000)).toBe(0)
    expect(tenant.run('alloc', 900_000)).toBeGreaterThan(0)
    expect(tenant.held).toBe(PAGE + MIB)
    expectSound(root, tenant)
    expectLent(root, [tenant])
  })

  test('holds what is reserved, and no more than its limit', () => {
    const root = new RootKernel()
    const tenant = new TenantKernel(root, 4 * MIB)
    expect(tenant.run('reserve', 3 * MIB)).toBe(1)
    expect(tenant.held).toBe(3 * MIB)
    expect(tenant.run('reserve', 4 * MIB + 1)).toBe(0)
    expect(tenant.held).toBe(3 * MIB)
    expectSound(root, tenant)
    expectLent(root, [tenant])
  })

  test('takes longer pieces where there are few MiBs for them to lie in', () => {
    for (const mibs of [2, 4, 8]) {
      const root = new RootKernel({ limit: mibs * MIB })
      const tenant = new TenantKernel(root)
      for (let i = 0; i < 1000; i++) tenant.run('alloc', 5000)
      expect(tenant.held).toBeGreaterThan((mibs * MIB) / 4)
      expect(tenant.held).toBeLessThan(mibs * MIB)
      expectSound(root, tenant)
      expectLent(root, [tenant])
    }
  })

  test('can be a lender itself', () => {
    const root = new RootKernel()
    const middle = new TenantKernel(root)
    const inner = new TenantKernel(middle)
    for (const bytes of [100, 3000, 100_000, 2 * MIB, 50_000]) {
      expect(inner.run('alloc', bytes)).toBeGreaterThan(0)
      expect(middle.run('alloc', bytes)).toBeGreaterThan(0)
      expectSound(root, middle, inner)
    }
    expectLent(root, [middle])
    expectLent(middle, [inner])
    inner.end()
    expectSound(root, middle)
    middle.run('reset')
    middle.run('giveBack')
    expect(middle.held).toBe(middle.pieces.get(middle.base))
    middle.end()
    expectSound(root)
  })

  test('hands a piece back that it cannot hold', () => {
    const root = new RootKernel()
    const tenant = new TenantKernel(root)
    const lend = root.lend.bind(root)
    // A lender that does not look where its borrower is already.
    root.lend = (pages) => lend(pages, 0)
    const blocks = [1, 2, 3, 4].map(() => tenant.run('alloc', 40_000))
    expect(blocks.at(-1)).toBe(0)
    expectSound(root, tenant)
    expectLent(root, [tenant])
    root.lend = lend
    expect(tenant.run('alloc', 40_000)).toBeGreaterThan(0)
    expectSound(root, tenant)
  })

  test('is as it was after a refusal, at whichever piece it comes', () => {
    for (let at = 0; at < 12; at++) {
      const root = new RootKernel()
      const tenant = new TenantKernel(root)
      let left = at
      root.mayLend = () => left-- > 0
      const blocks: number[] = []
      for (const bytes of [50_000, 50_000, 200_000, 900_000, 2 * MIB, 3 * MIB + 100_000]) {
        const committed = tenant.held
        const block = tenant.run('alloc', bytes)
        if (block) blocks.push(block)
        else expect(tenant.held).toBe(committed)
        expectSound(root, tenant)
      }
      root.mayLend = () => true
      expect(tenant.run('alloc', 4 * MIB)).toBeGreaterThan(0)
      for (const block of blocks) expect(tenant.run('free', block)).toBe(0)
      expectSound(root, tenant)
      expectLent(root, [tenant])
    }
  })
})

describe('the verifier', () => {
  const make = () => {
    const root = new RootKernel({ limit: 12 * MIB })
    const tenant = new TenantKernel(root)
    const inner = new TenantKernel(tenant)
    for (const bytes of [100, 3000, 9000, 70_000, 2 * MIB]) tenant.run('alloc', bytes)
    for (const address of [200, 30_000].map((bytes) => tenant.run('alloc', bytes))) tenant.run('free', address)
    expectSound(root, tenant, inner)
    return { root, tenant, inner }
  }

  test('sees what is wrong with pieces', () => {
    const { tenant, root } = make()
    const data = new DataView(tenant.memory.buffer)
    const damage = (base: number, at: number, value: number, kernel: PiecesKernel, fault: number) => {
      const before = data.getUint32(base + at, true)
      data.setUint32(base + at, value, true)
      expect([at, kernel.run('verify')]).toEqual([at, fault])
      data.setUint32(base + at, before, true)
      expect(kernel.run('verify')).toBe(layout.FAULT_NONE)
    }
    const { base } = tenant
    damage(base, layout.HEAP_LOW_AT, tenant.word(layout.HEAP_LOW_AT) - PAGE, tenant, layout.FAULT_CONTROL)
    damage(base, layout.HEAP_LOW_AT, base + PAGE, tenant, layout.FAULT_CONTROL)
    damage(base, layout.HEAP_TOP_AT, tenant.word(layout.HEAP_TOP_AT) + PAGE, tenant, layout.FAULT_CONTROL)
    damage(base, layout.HEAP_END_AT, 70 * MIB, tenant, layout.FAULT_CONTROL)
    damage(base, layout.HEAP_FLAGS_AT, 0, tenant, layout.FAULT_CHUNK)
    damage(base, layout.HEAP_LENT_AT, 0, tenant, layout.FAULT_BYTES)
    damage(0, layout.HEAP_LENT_AT, 0, root, layout.FAULT_BYTES)
    damage(0, layout.HEAP_LOW_AT, 4096, root, layout.FAULT_CONTROL)
    const table = tenant.word(layout.HEAP_TABLE_AT)
    const [huge] = [...tenant.pieces.keys()].filter((piece) => piece % MIB === 0) as [number]
    // An entry of the chunk table: the MiB is nobody's, or is held where nothing was lent.
    damage(table, (huge >>> 20) * 16 + 4, 0, tenant, layout.FAULT_HUGE)
    const own = (table + ((base >>> 20) << 4)) >>> 0
    damage(own, 12, 0, tenant, layout.FAULT_CHUNK)
  })

  test('answers on a tenant with random bytes in its metadata, and its parent stays whole', () => {
    const below = random(SEED)
    const { tenant, root } = make()
    const before = tenant.bytes.slice()
    let found = 0
    for (let round = 0; round < 300; round++) {
      tenant.bytes.set(before)
      for (let writes = 1 + below(4); writes; writes--) tenant.bytes[tenant.base + below(40_000)] = below(256)
      if (tenant.run('verify') !== layout.FAULT_NONE) found++
      expect(root.run('verify')).toBe(layout.FAULT_NONE)
    }
    expect(found).toBeGreaterThan(100)
    tenant.bytes.set(before)
    expectSound(root, tenant)
  })
})

// ---- random work ----------------------------------------------------------------------------------------------------

interface Block {
  readonly bytes: number
  readonly fill: number
}

/** A kernel with what it should contain. */
class Model {
  readonly blocks = new Map<number, Block>()
  readonly kernel: PiecesKernel

  constructor(kernel: PiecesKernel) {
    this.kernel = kernel
  }

  put(address: number, bytes: number, fill: number): void {
    this.kernel.bytes.fill(fill, address, address + bytes)
    this.blocks.set(address, { bytes, fill })
  }

  alloc(bytes: number, fill: number): void {
    const address = this.kernel.run('alloc', bytes)
    if (address) this.put(address, bytes, fill)
  }

  take(address: number): Block {
    const block = this.blocks.get(address) as Block
    const bytes = this.kernel.bytes.subarray(address, address + block.bytes)
    // Every 61st byte and the last one: tests have other things to do, too.
    for (let i = 0; i < bytes.length; i += 61)
      if (bytes[i] !== block.fill) throw new Error(`overwritten: ${address + i}`)
    expect(bytes.at(-1) ?? block.fill).toBe(block.fill)
    this.blocks.delete(address)
    return block
  }

  free(address: number): void {
    this.take(address)
    expect(this.kernel.run('free', address)).toBe(0)
  }

  realloc(address: number, bytes: number): void {
    const { bytes: before, fill } = this.take(address)
    const moved = this.kernel.run('realloc', address, bytes)
    if (!moved) this.blocks.set(address, { bytes: before, fill })
    else {
      this.blocks.set(moved, { bytes: Math.min(before, bytes), fill })
      this.take(moved)
      this.put(moved, bytes, fill)
    }
  }

  expectWhole(): void {
    for (const address of [...this.blocks.keys()]) this.blocks.set(address, this.take(address))
  }
}

const SIZES = [16, 100, 700, 3000, 9000, 40_000, 200_000, 900_000, 2 * MIB, 3 * MIB + 77_777]

function runRandom(seed: number, steps: number, knobs: number): void {
  const below = random(seed)
  const root = new Model(new RootKernel({ limit: 40 * MIB, knobs }))
  let tenants: Model[] = []
  const kernels = () => tenants.map(({ kernel }) => kernel as TenantKernel)
  for (let step = 0; step < steps; step++) {
    const refuses = below(10) === 0
    root.kernel.mayLend = () => !refuses
    const model = tenants[below(tenants.length + 1)] ?? root
    const some = [...model.blocks.keys()][below(model.blocks.size)]
    const kind = below(20)
    if (kind < 9) model.alloc(below(SIZES[below(SIZES.length)] as number) + 1, below(255) + 1)
    else if (kind < 15 && some) model.free(some)
    else if (kind < 17 && some) model.realloc(some, below(SIZES[below(SIZES.length)] as number) + 1)
    else if (kind === 17 && model !== root) model.kernel.run('giveBack')
    else if (kind === 18 && model !== root && below(3) === 0) {
      ;(model.kernel as TenantKernel).end()
      tenants = tenants.filter((other) => other !== model)
    } else if (kind === 19 && model !== root && below(4) === 0) {
      model.kernel.run('reset')
      model.blocks.clear()
    } else if (tenants.length < 5) {
      try {
        const limit = below(2) ? 40 * MIB : (1 + below(40)) * PAGE + below(PAGE)
        tenants.push(new Model(new TenantKernel(root.kernel, limit, 0, knobs)))
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
    expectSound(root.kernel, ...kernels())
    expectLent(root.kernel, kernels())
    for (const { kernel } of tenants) expect(kernel.held).toBeLessThanOrEqual(kernel.word(layout.HEAP_LIMIT_AT))
  }
  for (const each of [root, ...tenants]) each.expectWhole()
  for (const kernel of kernels()) kernel.end()
  for (const address of [...root.blocks.keys()]) root.free(address)
  expectSound(root.kernel)
  expect([root.kernel.word(layout.HEAP_OWNED_AT), root.kernel.word(layout.HEAP_LENT_AT)]).toEqual([0, 0])
}

describe(`random work of a heap and its tenants, seed ${SEED}`, () => {
  for (const [index, knobs] of [
    0,
    0,
    layout.KNOB_EXACT_GROWTH,
    layout.KNOB_POISON | layout.KNOB_NO_ALIGNED_FIT,
  ].entries()) {
    test(`run ${index} with knobs ${knobs}`, () => {
      runRandom(SEED + index, 500, knobs)
    })
  }
})

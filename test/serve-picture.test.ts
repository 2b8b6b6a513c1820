/**
 * Goal: the picture of a heap is what is there: every cell as full as the blocks, objects and metadata in it make it.
 * Method: heaps of random content in every mode, recounted cell by cell from what `heap.blocks()` and `heap.objects()`
 * tell; heaps with damage, changes and ends in the middle of a walk; tenants that are plain objects. Seeds are printed.
 * A failure means that the page shows memory in use where none is, or hides what fills a heap.
 */
import { describe, expect, it } from 'vitest'
import { Heap, i32, type ModeName, ref, struct } from '../src/index.js'
import type { LiveMap, LivePicture } from '../src/page/live-data.js'
import { CellGrid } from '../src/serve/cell-grid.js'
import { type HeldRange, heldRanges } from '../src/serve/held-ranges.js'
import { takePicture } from '../src/serve/picture.js'
import { readTenants, TenantColours, type TenantSource } from '../src/serve/tenants.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.log(`HEAPWRIGHT_SEED=${SEED}`)

const Node = struct('Node', { next: ref('Node'), value: i32 })
const FULL = 15

type Core = Parameters<typeof takePicture>[0]

/** What `heap.serve` hands on. */
function coreOf(heap: Heap): Core {
  return (heap as unknown as { core: Core }).core
}

function finish<T>(walk: Generator<void, T>): T {
  let step = walk.next()
  while (!step.done) step = walk.next()
  return step.value
}

function pictureOf(heap: Heap, tenants: TenantSource[] = []): LivePicture {
  return finish(takePicture(coreOf(heap), tenants))
}

function rangesOf(heap: Heap): HeldRange[] {
  return heldRanges(new Uint32Array(heap.memory.buffer), heap.base, heap.mode !== 'embedded')
}

/** Random blocks, some freed again, pools and arenas, objects where there are any. */
function fill(heap: Heap, below: (bound: number) => number): void {
  const blocks: number[] = []
  if (heap.mode !== 'embedded') {
    for (let i = 0; i < 3000; i++) {
      blocks.push(heap.alloc(below(100) < 97 ? below(3000) : below(300_000)))
      if (heap.mode !== 'compiler' && below(10) < 4) {
        heap.free(blocks.splice(below(blocks.length), 1)[0] as number)
      }
    }
    blocks.push(heap.alloc(5 * 2 ** 20))
  }
  if (heap.mode === 'manual' || heap.mode === 'vm') {
    const pool = heap.pool({ size: 100, count: 500 })
    for (let i = 0; i < 200; i++) pool.acquire()
    heap.arena().alloc(100_000)
  }
  if (heap.mode === 'compiler') return
  const scope = heap.scope()
  for (let i = 0; i < (heap.mode === 'embedded' ? 200 : 2000); i++) heap.new(Node)
  scope.close()
}

/** Bytes in use by cell, from the public walks; what `ranges` say is metadata is counted, too. */
function recount(heap: Heap, { cellBytes, stretches = [], fill: { length } }: LiveMap): Float64Array {
  const cells = new Float64Array(length)
  const cellOf = (address: number) => {
    const stretch = [...stretches].reverse().find((one) => one.address <= address)
    return stretch ? stretch.cell + Math.floor((address - stretch.address) / cellBytes) : -1
  }
  const add = (address: number, bytes: number) => {
    // Granule by granule: slow, and sure.
    for (let at = address; at < address + bytes; at += 8) {
      const cell = cellOf(at)
      cells[cell] = (cells[cell] as number) + Math.min(8, address + bytes - at)
    }
  }
  for (const { from, lo } of rangesOf(heap)) add(from, lo - from)
  if (heap.mode !== 'embedded') for (const block of heap.blocks()) add(block.address, block.usableBytes)
  if (heap.mode === 'compiler' || heap.mode === 'manual') return cells
  for (const object of heap.objects()) add(object.reference - 8, object.bytes + 8)
  return cells
}

const MODES: ModeName[] = ['manual', 'compiler', 'runtime', 'vm', 'server', 'embedded']

describe.each(MODES)('a heap of mode %s', (mode) => {
  it('has cells that are as full as what is in them', () => {
    const heap = Heap.create({ mode, ...(mode !== 'embedded' && { limit: '64MiB' }) })
    fill(heap, random(SEED))
    const { map } = pictureOf(heap)
    const stats = heap.stats()
    expect(map.extentBytes).toBe(stats.committedBytes)
    expect(map.fill).toHaveLength(map.kinds.length)
    const cells = recount(heap, map)
    const levels = Array.from(map.fill, (digit) => Number.parseInt(digit, 16))
    cells.forEach((bytes, cell) => {
      const expected = bytes === 0 ? 0 : Math.min(FULL, Math.max(1, Math.round((bytes / map.cellBytes) * FULL)))
      expect([cell, levels[cell]]).toEqual([cell, expected])
      expect(map.kinds[cell] === '-').toBe(bytes === 0)
    })
    if (mode !== 'embedded') expect(map.blocks).toBe(stats.liveBlocks)
    if (mode !== 'compiler') expect(map.objects).toBe([...heap.objects()].length)
    heap.close()
  })
})

describe('what is not in use', () => {
  it('is told apart: free, held by pages, of pools and arenas', () => {
    const heap = Heap.create({ limit: '16MiB' })
    const long = heap.alloc(200_000)
    heap.alloc(64)
    heap.arena({ chunk: 300_000 }).alloc(10)
    heap.free(long)
    const { map } = pictureOf(heap)
    const lettersAt = (address: number, bytes: number) =>
      new Set(map.rests?.slice(Math.ceil(address / map.cellBytes), Math.floor((address + bytes) / map.cellBytes)))
    expect(map.cellBytes).toBe(4096)
    expect([...lettersAt(long, 200_000)]).toEqual(['f'])
    expect(map.rests).toContain('o')
    expect(map.rests).toContain('h')
    // As much as the figures say is free, but for cells that have something else in them, too.
    const free = [...(map.rests ?? '')].filter((letter, i) => letter === 'f' && map.fill[i] === '0').length
    expect(Math.abs(free * map.cellBytes - heap.stats().freeBytes)).toBeLessThan(20 * 4096)
    heap.close()
  })
})

describe('memory in several stretches', () => {
  it('has cells for what is held alone', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 400 })
    const heap = Heap.create({ memory })
    for (let i = 0; i < 12; i++) {
      heap.alloc(100_000)
      // Somebody else grows the memory, too.
      memory.grow(3)
    }
    const { map } = pictureOf(heap)
    const ranges = rangesOf(heap)
    expect(map.stretches?.length).toBeGreaterThan(1)
    expect(map.stretches?.[0]?.address).toBe(heap.base)
    for (const block of heap.blocks()) {
      expect(ranges.some(({ lo, to }) => block.address >= lo && block.address + block.usableBytes <= to)).toBe(true)
    }
    recount(heap, map).forEach((bytes, cell) => {
      expect([cell, map.fill[cell] !== '0']).toEqual([cell, bytes > 0])
    })
    heap.close()
  })

  it('is cut into cells that each stretch begins anew', () => {
    const grid = new CellGrid([
      { from: 65_536, lo: 65_536, to: 70_000 },
      { from: 70_000, lo: 70_000, to: 80_000 },
      { from: 1_000_000, lo: 1_000_000, to: 1_000_100 },
    ])
    expect([grid.cellBytes, grid.cells, grid.extentBytes]).toEqual([4096, 5, 14_564])
    expect(grid.stretches).toEqual([
      { address: 65_536, cell: 0 },
      { address: 1_000_000, cell: 4 },
    ])
    expect([...grid.addresses()]).toEqual([65_536, 69_632, 73_728, 77_824, 1_000_000])
    grid.add(3, 1_000_000, 50)
    grid.add(2, 66_000, 4096)
    grid.add(1, 66_000, 100)
    grid.add(0, 0, 100)
    grid.add(0, 79_990, 1000)
    expect(Array.from({ length: 5 }, (_, cell) => grid.usedBytes(cell))).toEqual([3732, 464, 0, 10, 50])
    expect(grid.encode()).toEqual({ fill: 'e2011', kinds: '22-03' })
  })
})

describe('a heap that changes in the middle of a walk', () => {
  const steps = (heap: Heap, count: number) => {
    const walk = takePicture(coreOf(heap), [])
    for (let i = 0; i < count; i++) walk.next()
    return walk
  }
  const many = () => {
    const heap = Heap.create({ limit: '64MiB' })
    const blocks = Array.from({ length: 30_000 }, (_, i) => heap.alloc(i % 200))
    return { heap, blocks }
  }

  it.each([1, 2, 3, 5])('frees and allocates after %i steps', (count) => {
    const { heap, blocks } = many()
    const walk = steps(heap, count)
    for (let i = 0; i < blocks.length; i += 2) heap.free(blocks[i] as number)
    for (let i = 0; i < 200; i++) heap.alloc(20_000)
    const { map } = finish(walk)
    expect(map.blocks).toBeGreaterThan(10_000)
    expect(map.blocks).toBeLessThanOrEqual(30_200)
    expect(heap.verify().ok).toBe(true)
    heap.close()
  })

  it('is reset', () => {
    const { heap } = many()
    const walk = steps(heap, 3)
    heap.reset()
    expect(finish(walk).map.blocks).toBeLessThan(30_000)
    heap.close()
  })

  it('is closed', () => {
    const { heap } = many()
    const walk = steps(heap, 3)
    heap.close()
    expect(() => finish(walk)).toThrow(expect.objectContaining({ code: 'HW_CLOSED' }))
  })
})

describe('tenants', () => {
  const parent = () => Heap.create({ limit: '64MiB' })

  function tenant(id: string, heap: Heap, figures: object): TenantSource {
    const stats = () => ({ ...heap.stats(), tenant: { usedBytes: 0, peakBytes: 0, blocks: 0, events: {}, ...figures } })
    const pressure = () => heap.pressure()
    return { id, base: heap.base, pressure, stats: stats as unknown as TenantSource['stats'] }
  }

  it('come with those first that hold most, and their limits as far as they have any', () => {
    const heap = parent()
    const sources = [
      tenant('small', heap, { heldBytes: 10, max: Number.POSITIVE_INFINITY, min: 0 }),
      tenant('large', heap, { heldBytes: 1000, max: 2000, high: 1500, events: { max: 2, oom: 0 } }),
    ]
    const { tenants } = pictureOf(heap, sources)
    expect(tenants.map(({ id }) => id)).toEqual(['large', 'small'])
    expect(tenants[0]).toMatchObject({ max: 2000, high: 1500, events: { max: 2, oom: 0 }, kind: 'tenant-0' })
    expect(tenants[1]).not.toHaveProperty('max')
    expect(tenants[1]).toMatchObject({ min: 0 })
    heap.close()
  })

  it('have colours as far as there are any, and a place on the map', () => {
    const memory = new WebAssembly.Memory({ initial: 32 })
    const heap = Heap.create({ memory, base: 0, end: 16 * 65_536 })
    const inside = Heap.create({ memory, base: 16 * 65_536, end: 32 * 65_536 })
    const sources = Array.from({ length: 300 }, (_, i) =>
      tenant(`t${i}`, inside, { heldBytes: 1000 - i, usedBytes: 500 }),
    )
    const picture = pictureOf(heap, sources)
    expect(picture.tenants).toHaveLength(200)
    expect(picture.moreTenants).toBe(100)
    expect(picture.tenants.map(({ kind }) => kind).filter((kind) => kind !== undefined)).toHaveLength(8)
    expect(picture.map.names.map(({ text }) => text)).toContain('tenant t7')
    heap.close()
    inside.close()
  })

  it('keep their colours while they live', () => {
    const colours = new TenantColours()
    const ids = Array.from({ length: 10 }, (_, i) => `t${i}`)
    expect(colours.assign(ids)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, undefined, undefined])
    expect(colours.assign([...ids].reverse())).toEqual([undefined, undefined, 7, 6, 5, 4, 3, 2, 1, 0])
    expect(colours.assign(['t9', 't3', 't8', 't0'])).toEqual([1, 3, 2, 0])
    expect(colours.assign([])).toEqual([])
  })

  it('of a heap lie on its map where their pieces are, and have maps of their own', () => {
    const heap = Heap.create({ limit: '256MiB' })
    for (let i = 0; i < 2000; i++) heap.alloc(100)
    const tenants = [1, 2, 3, 4].map((times) => {
      const made = heap.tenant(`t${times}`, { max: '16MiB' })
      for (let i = 0; i < 3000 * times; i++) made.alloc(150)
      return made
    })
    const picture = pictureOf(heap, [...heap.tenants()])
    expect(picture.map.extentBytes).toBe(heap.stats().committedBytes)
    expect(picture.tenants.map(({ id }) => id)).toHaveLength(4)
    for (const one of tenants) {
      const figures = one.stats().tenant
      const shown = picture.tenants.find(({ id }) => id === one.id)
      expect(shown).toMatchObject({ heldBytes: figures.heldBytes, blocks: figures.blocks, max: 16 * 2 ** 20 })
      const own = pictureOf(one)
      expect([one.id, own.map.extentBytes, own.map.blocks]).toEqual([one.id, figures.heldBytes, figures.blocks])
      recount(one, own.map).forEach((bytes, cell) => {
        expect([cell, own.map.fill[cell] !== '0']).toEqual([cell, bytes > 0])
      })
      // Each piece is a whole number of cells here, so that they count exactly.
      const digit = picture.map.names.findIndex(({ name }) => name === shown?.kind).toString(36)
      const cells = [...picture.map.kinds].filter((kind) => kind === digit).length
      expect(picture.map.cellBytes).toBe(4096)
      expect(cells * 4096).toBe(figures.heldBytes)
    }
    heap.close()
  })

  it('do not hold what is shared with them', () => {
    const heap = Heap.create({ mode: 'vm', limit: '256MiB' })
    const scope = heap.scope()
    const image = heap.freeze({ node: heap.new(Node, { value: 1 }) })
    scope.close()
    heap.loadImage(image, { node: Node }, { shared: true })
    const tenant = heap.tenant('guest', { mode: 'vm' })
    tenant.alloc(100)
    const { heldBytes } = tenant.stats().tenant
    expect(pictureOf(tenant).map.extentBytes).toBe(heldBytes)
    const { map } = pictureOf(heap, [tenant])
    expect(map.extentBytes).toBe(heap.stats().committedBytes)
    const digit = map.names.findIndex(({ name }) => name === 'tenant-0').toString(36)
    expect([...map.kinds].filter((kind) => kind === digit).length * map.cellBytes).toBe(heldBytes)
    heap.close()
  })

  it('that end while they are read are left out', () => {
    const heap = parent()
    const ended = {
      ...tenant('ended', heap, {}),
      stats: () => {
        throw new Error('it has ended')
      },
    }
    expect(finish(readTenants([ended, tenant('there', heap, { heldBytes: 1 })])).tenants.map(({ id }) => id)).toEqual([
      'there',
    ])
    heap.close()
  })
})

/**
 * Goal: a `manual` heap gets its objects when they are first used, and all else of it goes on as before: blocks, pools,
 * arenas, events, bare functions, statistics, limits.
 * Method: everything that a heap can hold is made before the first object, and used after it; the same with no room for
 * objects, with listeners and reclaimers that use them first, and over given memory.
 * A failure means: a program that begins to count references loses what it had.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FLAG_COUNTED, HEAP_FLAGS_AT } from '../kernel/layout.js'
import { array, Heap, i32, OutOfMemoryError, ref, struct } from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { next: ref('Node'), value: i32 })
const List = struct('List', { items: array(ref('Node')) })

const hasObjects = (heap: Heap) => ((heap.raw.u32[(heap.base + HEAP_FLAGS_AT) >>> 2] as number) & FLAG_COUNTED) !== 0

describe('the first object of a manual heap', () => {
  it('leaves blocks, pools, arenas and guards as they are', () => {
    for (const debug of [false, true]) {
      const heap = Heap.create({ limit: '16MiB', initial: 0, debug })
      const before = heap.raw
      const blocks = Array.from({ length: 200 }, (_, i) => heap.alloc(i * 11))
      const pool = heap.pool({ size: 48, count: 20 })
      const pooled = pool.acquire()
      const arena = heap.arena()
      const inArena = arena.alloc(100)
      heap.raw.u8.fill(5, inArena, inArena + 100)
      expect(hasObjects(heap)).toBe(false)
      const counted = heap.allocRefcounted(64)
      expect(hasObjects(heap)).toBe(true)
      for (const block of blocks) heap.free(block)
      pool.release(pooled)
      expect(pool.acquire()).toBe(pooled)
      pool.release(pooled)
      expect(heap.raw.u8.subarray(inArena, inArena + 100).every((byte) => byte === 5)).toBe(true)
      expect(arena.alloc(10)).toBeGreaterThan(0)
      // The bare functions that were there before know the heap still.
      before.free(before.alloc(100))
      expect(heap.raw.refcount(counted)).toBe(1)
      expectSound(heap)
      arena.dispose()
      pool.dispose()
      heap.decref(counted)
      expectSound(heap)
      expect(heap.stats()).toMatchObject({ liveBlocks: 0, inUseBytes: 0, liveObjects: 0 })
    }
  })

  it('is not made by asking what is there', () => {
    const heap = Heap.create({ limit: '16MiB', initial: 0 })
    heap.alloc(8)
    heap.stats()
    heap.verify()
    heap.raw.alloc(8)
    expect(String(heap.report())).not.toContain('liveObjects')
    expect(hasObjects(heap)).toBe(false)
    // What asks for objects makes them.
    expect([...heap.objects()]).toEqual([])
    expect(hasObjects(heap)).toBe(true)
    expectSound(heap)
  })

  it('is refused where there is no room, and the heap stays as good', () => {
    const heap = Heap.create({ limit: '32KiB', initial: 0 })
    const blocks: number[] = []
    for (let block = heap.tryAlloc(256); block !== 0; block = heap.tryAlloc(256)) blocks.push(block)
    expect(blocks.length).toBeGreaterThan(5)
    for (const call of [() => heap.allocRefcounted(8), () => heap.scope(), () => heap.tryAllocRefcounted(8)]) {
      expect(thrownBy(call)).toBeInstanceOf(OutOfMemoryError)
      expectSound(heap)
    }
    expect(heap.stats().liveBlocks).toBe(blocks.length)
    for (const block of blocks) heap.free(block)
    heap.releaseCaches()
    const at = heap.allocRefcounted(8)
    expect(heap.refcount(at)).toBe(1)
    heap.decref(at)
    expectSound(heap)
  })

  it('may be that of a reclaimer which makes room for it', () => {
    const heap = Heap.create({ limit: '32KiB', initial: 0 })
    const blocks: number[] = []
    for (let block = heap.tryAlloc(256); block !== 0; block = heap.tryAlloc(256)) blocks.push(block)
    let own = 0
    heap.addReclaimer(() => {
      for (const block of blocks.splice(0)) heap.free(block)
      heap.releaseCaches()
      own = heap.allocRefcounted(16)
    })
    const at = heap.allocRefcounted(8)
    expect([heap.refcount(at), heap.refcount(own)]).toEqual([1, 1])
    heap.decref(at)
    heap.decref(own)
    expectSound(heap)
    expect(heap.stats().liveBlocks).toBe(0)
  })

  it('tells listeners of growth as before', () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    let told = 0
    const stop = heap.on('grow', () => told++)
    const kept = Array.from({ length: 100 }, () => heap.allocRefcounted(50_000))
    expect(told).toBeGreaterThan(2)
    stop()
    for (const one of kept) heap.decref(one)
    expectSound(heap)
  })

  it('may lie above 2 GiB', { timeout: 20_000 }, () => {
    const memory = new WebAssembly.Memory({ initial: 40_000, maximum: 40_000 })
    const heap = Heap.create({ memory, base: 2 ** 31 + 65536, end: 2 ** 31 + 2 ** 20 })
    const at = heap.allocRefcounted(100)
    expect(at).toBeGreaterThan(2 ** 31)
    using scope = heap.scope()
    const node = heap.new(Node, { value: -5 })
    node.next = node
    const list = heap.new(List, { items: [node, node] })
    expect(heap.refcount(node)).toBe(4)
    expect(heap.same(list.items.get(1), node)).toBe(true)
    scope.close()
    heap.decref(at)
    expect(thrownBy(() => heap.decref(at))).toMatchObject({ code: 'HW_INVALID_ADDRESS' })
    expect(heap.collectCycles()).toMatchObject({ releasedObjects: 1 })
    expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveObjects: 0 })
  })
})

describe('statistics of counted objects', () => {
  it('count them among the blocks, and once', () => {
    const heap = Heap.create({ limit: '16MiB', initial: 0 })
    const plain = heap.alloc(1000)
    const { inUseBytes } = heap.stats()
    const objects = Array.from({ length: 50 }, () => heap.allocRefcounted(40))
    expect(heap.stats()).toMatchObject({
      liveBlocks: 51,
      inUseBytes: inUseBytes + 50 * 64,
      liveObjects: 50,
      liveObjectBytes: 50 * 64,
    })
    expectSound(heap)
    expect(heap.census()).toEqual([{ type: 'bytes', typeId: 4, live: 50, bytes: 50 * 64, allocated: 0 }])
    expect(heap.report()).toMatch(/liveObjects +50 /)
    for (const one of objects) heap.decref(one)
    heap.free(plain)
    expect(heap.stats()).toMatchObject({ inUseBytes: 0, liveObjectBytes: 0 })
  })

  it('are written with the others', () => {
    const folder = mkdtempSync(join(tmpdir(), 'heapwright-'))
    try {
      const heap = Heap.create({ limit: '16MiB', initial: 0 })
      const at = heap.allocRefcounted(100)
      const file = join(folder, 'stats.json')
      heap.writeStats(file, { format: 'json', types: true })
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
        stats: { mode: 'manual', liveObjects: 1, liveBlocks: 1 },
        collections: { types: [{ type: 'bytes', live: 1 }] },
      })
      heap.writeStats(file)
      expect(readFileSync(file, 'utf8')).toMatch(/liveObjects +1 /)
      expect(heap.collectionStats({ types: true })).toMatchObject({
        mode: 'manual',
        types: [{ type: 'bytes', live: 1 }],
      })
      heap.decref(at)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('say of each object what it is and how many references it has', () => {
    const heap = Heap.create({ limit: '16MiB', initial: 0 })
    using _ = heap.scope()
    const node = heap.new(Node)
    heap.setFlags(node, 200)
    const list = heap.new(List, { items: [node, null, node] })
    const large = heap.allocRefcounted(2_000_000)
    const byReference = new Map([...heap.objects()].map((info) => [info.reference, info]))
    expect(byReference.get(node.reference)).toMatchObject({
      type: 'Node',
      bytes: 8,
      flags: 200,
      refcount: 3,
      large: false,
    })
    expect(byReference.get(list.reference)).toMatchObject({ type: 'List', bytes: 12, refcount: 1 })
    expect(byReference.get(large)).toMatchObject({ type: 'bytes', bytes: 2_000_000, refcount: 1, large: true })
    expect(byReference.size).toBe(3)
    expect(heap.describe(list)).toEqual(byReference.get(list.reference))
    heap.decref(large)
  })

  it('of a fault in the counts are found by the verifier', () => {
    const heap = Heap.create({ limit: '16MiB', initial: 0 })
    using _ = heap.scope()
    const node = heap.new(Node)
    heap.incref(node)
    expect(heap.verify()).toEqual({ ok: true })
    heap.decref(node)
    const holder = heap.new(Node, { next: node })
    heap.decref(node)
    expect(heap.verify()).toMatchObject({ ok: false, fault: expect.stringContaining('fewer counts than references') })
    heap.incref(node)
    expect(heap.verify()).toEqual({ ok: true })
    expect(heap.refcount(holder)).toBe(1)
  })
})

describe('roots that nobody disposes of', () => {
  it('keep their object until the heap is reset', () => {
    const heap = Heap.create({ limit: '16MiB', initial: 0 })
    const references = Array.from({ length: 300 }, (_, i) => {
      using _scope = heap.scope()
      const node = heap.new(Node, { value: i })
      heap.root(node)
      return node.reference
    })
    for (const reference of references) expect(heap.refcount(reference)).toBe(1)
    heap.reset()
    expect(heap.stats()).toMatchObject({ liveBlocks: 0, liveObjects: 0 })
    expectSound(heap)
  })
})

describe('a shadow stack in a manual heap', () => {
  it('lends: it counts nothing and keeps nothing', () => {
    const heap = Heap.create({ limit: '16MiB', initial: 0 })
    const stack = heap.shadowStack({ slots: 16 })
    {
      using _ = heap.scope()
      const node = heap.new(Node)
      stack.push(node)
      expect(heap.refcount(node)).toBe(1)
      expectSound(heap)
      expect(heap.same(stack.pop(), node)).toBe(true)
      expect(heap.refcount(node)).toBe(2)
      stack.push(node)
    }
    expect(heap.stats().liveObjects).toBe(0)
    expectSound(heap)
    using _ = heap.scope()
    expect(thrownBy(() => stack.pop())).toMatchObject({ code: 'HW_INVALID_ADDRESS' })
  })
})

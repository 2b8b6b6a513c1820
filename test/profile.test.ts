/**
 * Goal: a profile says where a program allocates and what of it is in use, right on average, and exactly when every
 * allocation is sampled.
 * Method: with a mean of one byte all but the smallest requests are sampled, so that a plain `Map` of what lives is the
 * oracle of random programs; with larger means the estimates must be within five standard deviations of what the
 * program counted itself. Stacks are compared with functions of this file.
 * A failure means: a profile that blames the wrong place, counts what is freed, or changes the program.
 */
import { describe, expect, it } from 'vitest'
import { Heap, type ProfileSample } from '../src/index.js'
import { parseStackLine, StackTree } from '../src/profile/call-stack.js'
import { Profiler } from '../src/profile/profiler.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? 20261126)
/** Requests of this many bytes are missed once in 10^17 times at a mean of one byte. */
const SURE_BYTES = 40

const make = (options = {}) => Heap.create({ limit: '64MiB', ...options })

/** What is in use by size, as the profile has it. */
function inUse(samples: readonly ProfileSample[]): Map<number, number> {
  const found = new Map<number, number>()
  for (const { bytes, sampledInUse } of samples) {
    if (sampledInUse > 0) found.set(bytes, (found.get(bytes) ?? 0) + sampledInUse)
  }
  return new Map([...found].sort(([a], [b]) => a - b))
}

const sum = (samples: readonly ProfileSample[], pick: (sample: ProfileSample) => number) =>
  samples.reduce((total, sample) => total + pick(sample), 0)

/** The samples whose innermost function has this name. */
const at = (samples: readonly ProfileSample[], name: string) =>
  samples.filter(({ frames }) => frames[0]?.functionName === name)

function blocksBySize(heap: Heap): Map<number, number> {
  const found = new Map<number, number>()
  for (const { usableBytes } of heap.blocks()) found.set(usableBytes, (found.get(usableBytes) ?? 0) + 1)
  return new Map([...found].sort(([a], [b]) => a - b))
}

describe('estimates', () => {
  it.each([1, 2, 3])('are right on average, seed %i', (seed) => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: '16KiB', seed })
    const count = 40_000
    function small() {
      for (let i = 0; i < count; i++) heap.free(heap.alloc(48))
    }
    function mixed() {
      const next = random(seed)
      for (let i = 0; i < count; i++) heap.free(heap.alloc(next(400)))
    }
    function large() {
      const blocks: number[] = []
      while (blocks.length < 40) blocks.push(heap.alloc(200_000))
      return blocks
    }
    small()
    mixed()
    const kept = large()
    const { samples } = profiler
    const chance = 1 - Math.exp(-49 / 16384)
    const tolerance = 5 * Math.sqrt((count * (1 - chance)) / chance)
    expect(Math.abs(sum(at(samples, 'small'), (s) => s.allocObjects) - count)).toBeLessThan(tolerance)
    // The smallest are sampled least, and count most.
    expect(Math.abs(sum(at(samples, 'mixed'), (s) => s.allocObjects) / count - 1)).toBeLessThan(0.3)
    expect(sum(at(samples, 'small'), (s) => s.inuseObjects)).toBe(0)
    expect(sum(at(samples, 'small'), (s) => s.inuseBytes)).toBe(0)
    // At twelve times the mean all are sampled, and each stands for itself.
    const found = at(samples, 'large')
    expect(sum(found, (s) => s.sampled)).toBe(40)
    expect(sum(found, (s) => s.inuseBytes)).toBeCloseTo(kept.length * heap.usableSize(kept[0] as number), -3)
  })

  it('of empty blocks are right, too', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 64, seed: SEED })
    for (let i = 0; i < 20_000; i++) heap.free(heap.alloc(0))
    const estimate = sum(profiler.samples, (s) => s.allocObjects)
    // One in 64: some 310 samples, whose number varies by 18.
    expect(Math.abs(estimate / 20_000 - 1)).toBeLessThan(0.3)
  })

  it('are the same for the same seed, and others for another', () => {
    const figures = (seed: number) => {
      const heap = make()
      using profiler = heap.profile({ meanBytes: '4KiB', seed })
      for (let i = 0; i < 3000; i++) heap.alloc(100)
      return profiler.samples.map(({ sampled }) => sampled)
    }
    expect(figures(7)).toEqual(figures(7))
    expect(new Set([1, 2, 3, 4, 5, 6].flatMap(figures)).size).toBeGreaterThan(1)
  })
})

describe('what is in use', () => {
  it(`follows every way to allocate and to free (seed ${SEED})`, () => {
    const heap = make()
    const next = random(SEED)
    const before = heap.alloc(1000)
    using profiler = heap.profile({ meanBytes: 1, seed: SEED })
    const live: number[] = []
    const size = () => SURE_BYTES + next(next(10) === 0 ? 300_000 : 2000)
    const take = () => live.splice(next(live.length), 1)[0] as number
    const steps = [
      () => live.push(heap.alloc(size())),
      () => live.push(heap.calloc(1, size())),
      () => live.push(heap.allocAligned(size(), 16 << next(8))),
      () => live.push(heap.tryAlloc(size())),
      () => live.push(heap.realloc(0, size())),
      () => live.length > 0 && live.push(heap.realloc(take(), size())),
      () => live.length > 0 && heap.free(take()),
      () => live.length > 0 && heap.free(take()),
      () => thrownBy(() => heap.free(before + 16)),
      () => thrownBy(() => heap.realloc(before + 16, 100)),
      () => heap.tryAlloc(2 ** 31),
    ]
    for (let i = 0; i < 4000; i++) {
      steps[next(steps.length)]?.()
      if (i % 500 !== 0) continue
      const blocks = blocksBySize(heap)
      const own = heap.usableSize(before)
      blocks.set(own, (blocks.get(own) as number) - 1)
      expect(inUse(profiler.samples)).toEqual(new Map([...blocks].filter(([, count]) => count > 0)))
    }
    for (const address of live) heap.free(address)
    expect(inUse(profiler.samples).size).toBe(0)
    // Not allocated under its eyes.
    heap.free(before)
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(0)
  })

  it('follows blocks above 2 GiB', () => {
    const memory = new WebAssembly.Memory({ initial: 2 ** 15 + 64, maximum: 2 ** 15 + 64 })
    const heap = Heap.create({ memory, base: 2 ** 31 + 2 ** 16 })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const pool = heap.pool({ size: 100, count: 4 })
    const arena = heap.arena()
    const blocks = [heap.alloc(200), heap.alloc(200)].map((address) => heap.realloc(address, 3000))
    expect(blocks[0]).toBeGreaterThan(2 ** 31)
    const first = pool.acquire()
    pool.acquire()
    arena.alloc(50)
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(5)
    for (const address of blocks) heap.free(address)
    pool.release(first)
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(2)
    pool[Symbol.dispose]()
    arena.reset()
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(0)
  })

  it('counts a sized free, and none that is refused', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const address = heap.alloc(100)
    expect(thrownBy(() => heap.free(address, 5000))).toBeDefined()
    expect(inUse(profiler.samples).size).toBe(1)
    heap.free(address, 100)
    expect(inUse(profiler.samples).size).toBe(0)
  })

  it('follows pools', () => {
    const heap = make()
    const early = heap.pool({ size: 96, count: 4 })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const late = heap.pool({ size: 256, count: 2, grow: true })
    const a = early.acquire()
    const blocks = Array.from({ length: 5 }, () => late.acquire())
    early.acquire()
    expect(inUse(profiler.samples)).toEqual(
      new Map([
        [96, 2],
        [256, 5],
      ]),
    )
    early.release(a)
    late.release(blocks[2] as number)
    expect(thrownBy(() => late.release(blocks[2] as number))).toBeDefined()
    expect(inUse(profiler.samples)).toEqual(
      new Map([
        [96, 1],
        [256, 4],
      ]),
    )
    late.dispose()
    expect(inUse(profiler.samples)).toEqual(new Map([[96, 1]]))
    early.dispose()
    expect(inUse(profiler.samples).size).toBe(0)
  })

  it('follows arenas back to their marks', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const arena = heap.arena({ chunk: '4KiB' })
    arena.alloc(100)
    const mark = arena.mark()
    // Through several pieces.
    for (let i = 0; i < 20; i++) arena.alloc(1000)
    const other = heap.arena()
    other.alloc(500)
    expect(inUse(profiler.samples)).toEqual(
      new Map([
        [100, 1],
        [500, 1],
        [1000, 20],
      ]),
    )
    const inner = arena.mark()
    arena.alloc(64)
    arena.release(inner)
    expect(inUse(profiler.samples).get(64)).toBeUndefined()
    expect(inUse(profiler.samples).get(1000)).toBe(20)
    arena.release(mark)
    expect(inUse(profiler.samples)).toEqual(
      new Map([
        [100, 1],
        [500, 1],
      ]),
    )
    arena.alloc(300)
    arena.reset()
    expect(inUse(profiler.samples)).toEqual(new Map([[500, 1]]))
    other.dispose()
    expect(inUse(profiler.samples).size).toBe(0)
    expect(sum(profiler.samples, (s) => s.sampled)).toBe(24)
  })

  it("leaves a fixed arena's range to the block that it is", () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const base = heap.alloc(4096)
    const arena = heap.fixedArena({ base, limit: base + 4096 })
    const a = arena.alloc(100)
    arena.push(200)
    const used = arena.usedBytes
    expect(sum(profiler.samples, (s) => s.inuseBytes)).toBe(heap.usableSize(base))
    expect(arena.usedBytes).toBe(used)
    expect(arena.alloc(100)).toBeGreaterThan(a)
    arena.dispose()
    heap.free(base)
    expect(inUse(profiler.samples).size).toBe(0)
  })

  it('ends with a reset, which is no end of the profile', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.alloc(100)
    heap.arena().alloc(200)
    heap.pool({ size: 300, count: 1 }).acquire()
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(3)
    heap.reset()
    expect(inUse(profiler.samples).size).toBe(0)
    expect(sum(profiler.samples, (s) => s.sampled)).toBe(3)
    heap.alloc(100)
    expect([...inUse(profiler.samples).values()]).toEqual([1])
  })

  it('of a heap that only bumps is all until the reset', () => {
    const heap = make({ mode: 'compiler' })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    for (let i = 0; i < 50; i++) heap.alloc(100 + i)
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(50)
    expect(inUse(profiler.samples)).toEqual(blocksBySize(heap))
    heap.reset()
    expect(inUse(profiler.samples).size).toBe(0)
  })

  it('is told beside events, whichever was there first', () => {
    const heap = make()
    const told: number[] = []
    heap.on('allocated', ({ address }) => told.push(address))
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.on('freed', ({ address }) => told.push(-address))
    const address = heap.alloc(100)
    expect(inUse(profiler.samples).size).toBe(1)
    heap.free(address)
    expect(told).toEqual([address, -address])
    expect(inUse(profiler.samples).size).toBe(0)
  })

  it('keeps many blocks apart', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const blocks = Array.from({ length: 6000 }, () => heap.alloc(64))
    expect([...inUse(profiler.samples).values()]).toEqual([6000])
    const next = random(SEED)
    for (let i = 0; i < 3000; i++) heap.free(blocks.splice(next(blocks.length), 1)[0] as number)
    expect([...inUse(profiler.samples).values()]).toEqual([3000])
    for (const address of blocks) heap.free(address)
    expect(inUse(profiler.samples).size).toBe(0)
  })
})

describe('stacks', () => {
  it('name the calls of the program, innermost first, and none of the library', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const pool = heap.pool({ size: 64, count: 4 })
    const arena = heap.arena()
    function inner(allocate: () => unknown) {
      allocate()
    }
    function outer(allocate: () => unknown) {
      inner(allocate)
    }
    const ways: Record<string, () => unknown> = {
      alloc: function alloc() {
        heap.alloc(100)
      },
      acquire: function acquire() {
        pool.acquire()
      },
      arena: function fromArena() {
        arena.alloc(100)
      },
      guard: function guarded() {
        heap.guard(100)
      },
    }
    for (const way of Object.values(ways)) outer(way)
    const { samples } = profiler
    for (const way of Object.values(ways)) {
      const [sample] = at(samples, way.name)
      const frames = sample?.frames.slice(0, 3) ?? []
      expect(frames.map(({ functionName }) => functionName)).toEqual([way.name, 'inner', 'outer'])
      for (const { url, line, column } of frames) {
        expect(url).toMatch(/profile\.test\.ts$/)
        expect(line).toBeGreaterThan(1)
        expect(column).toBeGreaterThan(0)
      }
    }
    expect(samples.flatMap(({ frames }) => frames).filter(({ url }) => /\/src\/[\w/-]+\.ts$/.test(url))).toEqual([])
  })

  it('are as deep as asked for, also in recursion', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1, stackDepth: 5 })
    const dive = (depth: number): number => (depth === 0 ? heap.alloc(100) : dive(depth - 1))
    dive(50)
    expect(profiler.samples[0]?.frames.map(({ functionName }) => functionName)).toEqual(Array(5).fill('dive'))
  })

  it('are those that the program gives, if it does', () => {
    const heap = make()
    const frame = (functionName: string) => ({ functionName, url: 'program.scm', line: 7, column: 1 })
    let stack = () => [frame('cons'), frame('map'), frame('main')]
    using profiler = heap.profile({ meanBytes: 1, seed: 1, stackDepth: 2, stack: () => stack() })
    heap.alloc(100)
    heap.alloc(100)
    stack = () => [frame('list')]
    heap.alloc(100)
    expect(profiler.samples.map(({ frames, sampled }) => [sampled, ...frames])).toEqual([
      [2, frame('cons'), frame('map')],
      [1, frame('list')],
    ])
  })

  it('that a program fails to give cost no block', async () => {
    const heap = make()
    const errors: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => errors.push(error))
    const failure = new Error('no stack')
    using profiler = heap.profile({
      meanBytes: 1,
      seed: 1,
      stack: () => {
        throw failure
      },
    })
    const address = heap.alloc(100)
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(heap.isBlock(address)).toBe(true)
    expect(profiler.samples.map(({ frames, sampled }) => [sampled, frames])).toEqual([[1, []]])
    expect(errors).toEqual([failure])
  })

  it.each([
    ['no frame', 'cons'],
    ['no name', { url: 'a', line: 1, column: 1 }],
    ['no URL', { functionName: 'f', url: null, line: 1, column: 1 }],
    ['a line below 0', { functionName: 'f', url: 'a', line: -1, column: 1 }],
    ['half a column', { functionName: 'f', url: 'a', line: 1, column: 1.5 }],
  ])('of a program that gives %s are refused, since no format has a place for it', async (_, frame) => {
    const heap = make()
    const errors: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => errors.push(error))
    using profiler = heap.profile({ meanBytes: 1, seed: 1, stack: () => [frame] as never })
    const block = heap.alloc(100)
    await new Promise((resolve) => setTimeout(resolve, 5))
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(errors).toEqual([expect.objectContaining({ code: 'HW_ARGUMENT' })])
    expect(profiler.samples).toMatchObject([{ frames: [], sampledInUse: 1 }])
    heap.free(block)
  })

  it('are told apart by every part of a frame', () => {
    const heap = make()
    const frames = [
      { functionName: 'b c', url: 'a', line: 1, column: 1 },
      { functionName: 'c', url: 'a b', line: 1, column: 1 },
    ]
    let i = 0
    using profiler = heap.profile({ meanBytes: 1, seed: 1, stack: () => frames.slice(i, i + 1) })
    heap.alloc(100)
    i = 1
    heap.alloc(100)
    expect(profiler.samples.map(({ frames: [frame] }) => frame)).toEqual(frames)
    const { head } = profiler.toHeapProfile()
    expect(head.children.map(({ callFrame }) => callFrame.functionName)).toEqual(['b c', 'c'])
  })

  it('of more kinds than can be kept are cut where they part', () => {
    const tree = new StackTree(3)
    const frame = (functionName: string) =>
      tree.frame(functionName, () => ({ functionName, url: '', line: 0, column: 0 }))
    const names = (...stack: string[]) => tree.stack(stack.map(frame)).frames.map(({ functionName }) => functionName)
    expect(names('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
    expect(names('a', 'b', 'd')).toEqual(['a', 'b'])
    expect(names('e')).toEqual([])
    expect(names('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
  })

  it.each([
    ['f@https://example.org/a.js:10:5', { functionName: 'f', url: 'https://example.org/a.js', line: 10, column: 5 }],
    ['@file:///b.mjs:1:2', { functionName: '(anonymous)', url: 'file:///b.mjs', line: 1, column: 2 }],
    ['    at g (/c.js:3:4)', { functionName: 'g', url: '/c.js', line: 3, column: 4 }],
    ['    at file:///d.js:5:6', { functionName: '(anonymous)', url: 'file:///d.js', line: 5, column: 6 }],
    ['[native code]', { functionName: '[native code]', url: '', line: 0, column: 0 }],
  ])('are read from a text where the engine gives no more: %s', (line, frame) => {
    expect(parseStackLine(line)).toEqual(frame)
  })

  it('leave what a program has set for its own errors', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const { prepareStackTrace, stackTraceLimit } = Error
    const had = Object.hasOwn(Error, 'prepareStackTrace')
    try {
      const own = () => 'own'
      Error.prepareStackTrace = own
      Error.stackTraceLimit = 3
      heap.alloc(100)
      expect(Error.prepareStackTrace).toBe(own)
      expect(Error.stackTraceLimit).toBe(3)
      Reflect.deleteProperty(Error, 'prepareStackTrace')
      heap.alloc(100)
      expect(Object.hasOwn(Error, 'prepareStackTrace')).toBe(false)
    } finally {
      if (had) Error.prepareStackTrace = prepareStackTrace
      Error.stackTraceLimit = stackTraceLimit
    }
    expect(sum(profiler.samples, (s) => s.sampled)).toBe(2)
    expect(profiler.samples[0]?.frames.length).toBeGreaterThan(3)
  })
})

describe('a profiler', () => {
  it('runs beside another one; each ends by itself', () => {
    const heap = make()
    const one = heap.profile({ meanBytes: 1, seed: 1 })
    const a = heap.alloc(100)
    const two = heap.profile({ meanBytes: 1, seed: 2 })
    const b = heap.alloc(200)
    one.stop()
    heap.free(a)
    heap.free(b)
    heap.alloc(300)
    expect([...inUse(one.samples).values()]).toEqual([1, 1])
    expect([...inUse(two.samples)].map(([bytes]) => bytes)).toEqual([heap.usableSize(heap.alloc(300))])
    expect(sum(two.samples, (s) => s.sampled)).toBe(3)
    one.stop()
    two.dispose()
    expect([one.isRunning, two.isRunning]).toEqual([false, false])
  })

  it('is out of the way when it has stopped', () => {
    const heap = make()
    const { core } = heap as unknown as { core: { kernel: unknown; plainKernel: unknown } }
    const profiler = heap.profile()
    expect(core.kernel).not.toBe(core.plainKernel)
    profiler.stop()
    expect(core.kernel).toBe(core.plainKernel)
  })

  it('may be stopped by a listener in the middle of a call that it watches', () => {
    const heap = make({ initial: 0 })
    const profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const off = heap.on('grow', () => profiler.stop())
    const address = heap.alloc(8_000_000)
    expect(profiler.isRunning).toBe(false)
    const { length } = profiler.samples
    heap.free(address)
    heap.alloc(100)
    expect(profiler.samples.length).toBe(length)
    off()
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('begins anew with reset', () => {
    const heap = make()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const a = heap.alloc(100)
    profiler.reset()
    expect(profiler.samples).toEqual([])
    heap.free(a)
    heap.alloc(200)
    expect(sum(profiler.samples, (s) => s.sampled)).toBe(1)
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(1)
  })

  it('can be read when its heap is closed', () => {
    const heap = make()
    const profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.alloc(100)
    heap.close()
    expect(profiler.isRunning).toBe(false)
    expect(sum(profiler.samples, (s) => s.sampledInUse)).toBe(1)
    profiler.reset()
    profiler.stop()
    expect(profiler.samples).toEqual([])
    expect(thrownBy(() => heap.profile())).toMatchObject({ code: 'HW_CLOSED' })
  })

  it('takes fewer samples when they would cost too much, and estimates the same', () => {
    const heap = make()
    const { core } = heap as unknown as { core: ConstructorParameters<typeof Profiler>[0] }
    let nowMs = 0
    let taken = 0
    const stack = () => {
      taken++
      nowMs += 0.01
      return []
    }
    const tools = { now: () => nowMs, date: () => 0 }
    const run = (timeShare: number) => {
      using profiler = new Profiler(core, { meanBytes: 1024, seed: 5, timeShare, stack }, tools)
      const [beganMs, before] = [nowMs, taken]
      for (let i = 0; i < 200_000; i++) {
        nowMs += 0.0001
        heap.free(heap.alloc(100))
      }
      const share = ((taken - before) * 0.01) / (nowMs - beganMs)
      return { share, objects: sum(profiler.samples, (s) => s.allocObjects), sampled: taken - before }
    }
    const free = run(1)
    const bound = run(0.01)
    expect(free.share).toBeGreaterThan(0.5)
    // What was saved up for a burst, half a millisecond of 20, comes on top.
    expect(bound.share).toBeLessThan(0.06)
    expect(bound.sampled).toBeGreaterThan(20)
    expect(Math.abs(free.objects / 200_000 - 1)).toBeLessThan(0.05)
    expect(Math.abs(bound.objects / 200_000 - 1)).toBeLessThan(0.8)
  })

  it.each([
    [{ meanBytes: 0 }, 'meanBytes'],
    [{ meanBytes: '2GiB' }, 'meanBytes'],
    [{ seed: 1.5 }, 'seed'],
    [{ seed: -1 }, 'seed'],
    [{ stackDepth: 0 }, 'stackDepth'],
    [{ stackDepth: 257 }, 'stackDepth'],
    [{ stack: 'f' }, 'stack'],
    [{ includeObjects: 1 }, 'includeObjects'],
    [{ timeShare: 0 }, 'timeShare'],
    [{ timeShare: 1.1 }, 'timeShare'],
    [{ interval: 5 }, 'interval'],
  ])('refuses %j, and nothing has changed', (options, name) => {
    const heap = make()
    const { core } = heap as unknown as { core: { kernel: unknown; plainKernel: unknown } }
    const error = thrownBy(() => heap.profile(options as object))
    expect(error).toMatchObject({ code: 'HW_ARGUMENT' })
    expect(String(error)).toContain(name)
    expect(core.kernel).toBe(core.plainKernel)
  })
})

/**
 * Goal: options do what they say, and what contradicts itself is refused with the reason before anything is touched.
 * Method: tables of options with the argument that must be named; a memory given along is compared afterwards.
 * A failure means: a heap that is not the one asked for.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { HEAP_BASE_AT, HEAP_MAGIC_AT, HEAP_VERSION_AT } from '../kernel/layout.js'
import {
  ArgumentError,
  formatBytes,
  Heap,
  type HeapOptions,
  MODES,
  type ModeName,
  OPTIONS,
  OutOfMemoryError,
  VERSION,
} from '../src/index.js'
import { planHeap, tooSmall } from '../src/options.js'
import { expectSound, thrownBy } from './support/refusal.js'

const memoryOf = (pages: number) => new WebAssembly.Memory({ initial: pages, maximum: 65535 })

describe('refused options', () => {
  const memory = memoryOf(16)
  const table: [string, unknown][] = [
    ['options', null],
    ['options', []],
    ['options', new Map()],
    ['options', { limits: 5 }],
    ['mode', { mode: 'servers' }],
    ['stress.collect', { mode: 'vm', stress: { collect: 'sometimes' } }],
    ['mode', { mode: 'constructor' }],
    ['limit', { limit: 16383 }],
    ['limit', { limit: 2 ** 32 }],
    ['limit', { limit: '64M' }],
    ['initial', { initial: '65MiB', limit: '64MiB' }],
    ['initial', { initial: -1 }],
    ['initial', { initial: 0, reserve: true }],
    ['reserve', { reserve: 1 }],
    ['reserve', { reserve: true, memory }],
    ['debug', { debug: 'yes' }],
    ['name', { name: 5 }],
    ['name', { name: 'a\nb' }],
    ['name', { name: 'a\u001b[31m' }],
    ['name', { name: 'a\u2028b' }],
    ['overwrite', { overwrite: 'yes' }],
    ['overwrite', { memory, base: 65536, overwrite: 1 }],
    ['testing', { testing: { grow: () => true } }],
    ['testing.growth', { testing: { growth: 1 } }],
    ['testing.knobs', { testing: { knobs: 'poison' } }],
    ['testing.knobs', { testing: { knobs: -1 }, debug: true }],
    ['memory', { memory: {} }],
    ['memory', { memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }) }],
    ['base', { base: 0 }],
    ['end', { end: 65536 }],
    ['end', { memory, end: 65536 }],
    ['base', { memory, base: -1 }],
    ['base', { memory, base: 1.5 }],
    ['base', { memory, base: '0' }],
    ['base', { memory, base: 2 ** 32 }],
    ['base', { memory, base: 2 ** 20 }],
    ['end', { memory, base: 65536, end: 65536 }],
    ['end', { memory, base: 65536, end: 65536 + 16383 }],
    ['end', { memory, base: 65536, end: 1024 }],
    ['end', { memory, base: 65536, end: 2 ** 32 }],
    ['end', { memory, base: 65536 - 100, end: 65536 + 16384 - 100 }],
    ['limit', { memory, base: 65536, end: 2 ** 20, limit: 2 ** 20 }],
    ['limit', { memory, base: 65536, limit: '1GiB' }],
    ['limit', { memory, limit: 2 ** 32 - 65536 }],
    ['sizeClasses', { mode: 'compiler', sizeClasses: 'pow2' }],
    ['sizeClasses', { sizeClasses: 'fibonacci' }],
    ['sizeClasses', { sizeClasses: [] }],
    ['sizeClasses', { sizeClasses: Array.from({ length: 64 }, (_, i) => 16 * (i + 1)) }],
    ['sizeClasses', { sizeClasses: [16, 32] }],
    ['sizeClasses[1]', { sizeClasses: [64, 32] }],
    ['sizeClasses[1]', { sizeClasses: [60, 64] }],
    ['sizeClasses[0]', { sizeClasses: [0, 64] }],
    ['sizeClasses[0]', { sizeClasses: [8193] }],
    ['sizeClasses[0]', { sizeClasses: [64.5] }],
    ['sizeClasses[0]', { sizeClasses: ['64'] }],
  ]
  for (const [argument, options] of table) {
    const shown = JSON.stringify(options)
    it(`${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown}: ${argument}`, () => {
      const before = memory.buffer.slice(0)
      const error = thrownBy(() => Heap.create(options as HeapOptions))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument })
      expect(Buffer.from(memory.buffer).equals(Buffer.from(before))).toBe(true)
    })
  }

  it.each<[ModeName, keyof HeapOptions]>([
    ['server', 'gcShare'],
    ['server', 'pauseGoalMs'],
    ['runtime', 'ageing'],
    ['runtime', 'evacuate'],
    ['vm', 'lazySweep'],
    ['vm', 'countTypes'],
    ['embedded', 'shadowStack'],
    ['manual', 'sizeClasses'],
    ['manual', 'reserve'],
  ])('null is none: mode %s, %s', (mode, name) => {
    expect(thrownBy(() => Heap.create({ mode, [name]: null }))).toMatchObject({ code: 'HW_ARGUMENT', argument: name })
  })

  it('null is none, in a given memory and for tests, too', () => {
    const cases: [string, unknown][] = [
      ['end', { memory, base: 65536, end: null }],
      ['testing.knobs', { testing: { knobs: null } }],
    ]
    for (const [argument, options] of cases) {
      expect(thrownBy(() => Heap.create(options as HeapOptions))).toMatchObject({ code: 'HW_ARGUMENT', argument })
    }
  })

  it('by a bound name it in whole bytes', () => {
    const error = thrownBy(() => Heap.create({ mode: 'runtime', limit: 300_001, nursery: '1MiB' }))
    expect(String(error)).toContain('from 32768 to 75000 bytes')
  })

  it('a range that is too short when its ends are rounded: what the mode needs, and to what it is rounded', () => {
    const refusal = (mode: ModeName, bytes: number) =>
      String(tooSmall(planHeap({ mode, memory, base: 65537, end: 65537 + bytes })))
    expect(refusal('embedded', 2048)).toMatch(/2048 bytes are left .* multiples of 8\b(?!.*1 MiB)/)
    expect(refusal('vm', 65536)).toMatch(/65536 bytes are left .* multiples of 4096 \(69632 .* 1 MiB/)
    const options: HeapOptions = { memory, base: 65537, end: 65537 + 16384 }
    expect(String(thrownBy(() => Heap.create(options)))).toMatch(/16384 bytes are left .* multiples of 4096 \(20480/)
  })

  it('a memory with less room above it than the mode needs', () => {
    const full = new WebAssembly.Memory({ initial: 65533, maximum: 65536 })
    for (const mode of ['runtime', 'server'] as const) {
      const error = thrownBy(() => Heap.create({ mode, memory: full }))
      expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument: 'memory' })
      expect(String(error)).toContain('262144 bytes above it, not 131072')
    }
  })

  it.each<[string, HeapOptions]>([
    ['nursery', { mode: 'runtime', limit: '16MiB', nursery: '8MiB' }],
    ['old', { mode: 'server', limit: '16MiB', old: '17MiB' }],
    ['initial', { mode: 'vm', limit: '16MiB', initial: '17MiB' }],
    ['nursery', { mode: 'auto', limit: '16MiB', nursery: '8MiB' }],
  ])('%s is refused by the limit before a memory is made: %j', (argument, options) => {
    const made = vi.spyOn(WebAssembly, 'Memory')
    const error = thrownBy(() => Heap.create(options))
    const calls = made.mock.calls.length
    made.mockRestore()
    expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument })
    expect(calls).toBe(0)
  })

  it('says the least a range must have', () => {
    expect(String(thrownBy(() => Heap.create({ memory, base: 65536, end: 70000 })))).toContain('16384')
  })
})

describe('a heap that is there already', () => {
  it('is not wiped by another one, unless told to', () => {
    const memory = memoryOf(16)
    const first = Heap.create({ memory, base: 5000 })
    const block = first.alloc(100)
    const before = Buffer.from(memory.buffer.slice(0))
    for (const base of [5000, 8192]) {
      const error = thrownBy(() => Heap.create({ memory, base }))
      expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument: 'base' })
      expect(String(error)).toMatch(/Heap\.attach.*overwrite: true/)
    }
    expect(Buffer.from(memory.buffer).equals(before)).toBe(true)
    expect(Heap.attach(memory, 5000).isBlock(block)).toBe(true)

    const second = Heap.create({ memory, base: 5000, overwrite: true })
    expect([...second.blocks()]).toEqual([])
    expectSound(second)
    second.close()
    new Uint8Array(memory.buffer).fill(0)
    expectSound(Heap.create({ memory, base: 5000 }))
  })

  it('is one only with magic, version and address', () => {
    const memory = memoryOf(16)
    const heap = Heap.create({ memory, base: 65536 })
    for (const [at, value] of [
      [HEAP_MAGIC_AT, 0],
      [HEAP_VERSION_AT, 99],
      [HEAP_BASE_AT, 4096],
    ] as const) {
      heap.writeU32(65536 + at, value)
      expectSound(Heap.create({ memory, base: 65536 }))
    }
  })
})

describe('the constructor', () => {
  it('says how heaps are made', () => {
    const construct = () => new (Heap as unknown as new () => Heap)()
    expect(construct).toThrow(TypeError)
    expect(construct).toThrow('Heap.create()')
  })
})

describe('accepted options', () => {
  it('the smallest heaps work', () => {
    for (const options of [{ limit: 16384 }, { memory: memoryOf(1), base: 65536 - 16384 }] as HeapOptions[]) {
      const heap = Heap.create(options)
      const block = heap.alloc(16)
      expect(heap.isBlock(block)).toBe(true)
      expect(() => heap.alloc(16384)).toThrow(OutOfMemoryError)
      expectSound(heap)
    }
  })

  it('a range that is too small only after rounding is refused, one unit more is enough', () => {
    const memory = memoryOf(40)
    for (let from = 2 ** 20 - 24 * 1024; from <= 2 ** 20 + 8 * 1024; from += 1024) {
      const fits = [...Array(10).keys()]
        .map((i) => 16384 + i * 1024)
        .find((bytes) => {
          try {
            const heap = Heap.create({ memory, base: from, end: from + bytes, overwrite: true })
            expectSound(heap)
            return true
          } catch (error) {
            expect(error).toBeInstanceOf(ArgumentError)
            return false
          }
        })
      expect(fits).toBeDefined()
    }
  })

  it('the limit is kept, to the byte, and everything below it can be had', () => {
    for (const limit of [20_000, 65_536, 100_000, 1_000_000, 2 ** 20 + 8192, 3_333_333]) {
      const heap = Heap.create({ limit, initial: 0 })
      expect(heap.limitBytes).toBe(limit)
      while (heap.tryAlloc(1024)) {}
      const { committedBytes, inUseBytes } = heap.stats()
      expect(committedBytes).toBeLessThanOrEqual(limit)
      expect(heap.memory.buffer.byteLength).toBeLessThanOrEqual(Math.ceil(limit / 65536) * 65536)
      // Metadata of the first MiB is in proportion to it; what is left is full of blocks, but for a page's rest.
      expect(inUseBytes).toBeGreaterThan((limit - 16384) * 0.85 - 8192)
      expectSound(heap)
    }
  })

  it('reserve makes the memory at once, initial in part, and growth keeps to them', () => {
    const reserved = Heap.create({ limit: '8MiB', reserve: true })
    expect(reserved.memory.buffer.byteLength).toBe(8 * 2 ** 20)
    const buffer = reserved.memory.buffer
    while (reserved.tryAlloc(100_000)) {}
    expect(reserved.memory.buffer).toBe(buffer)
    expect(reserved.stats().committedBytes).toBeGreaterThan(7 * 2 ** 20)

    expect(Heap.create({ initial: '1MiB' }).memory.buffer.byteLength).toBe(2 ** 20)
    expect(Heap.create({ initial: '1MiB' }).stats().committedBytes).toBeLessThanOrEqual(192 * 1024)
    expect(Heap.create({ limit: '1MiB' }).memory.buffer.byteLength).toBe(2 ** 20)
    expect(Heap.create({ initial: 0 }).memory.buffer.byteLength).toBeLessThanOrEqual(192 * 1024)
  })

  it('size classes are those asked for', () => {
    const usable = (options: HeapOptions, bytes: number) => {
      const heap = Heap.create({ limit: '4MiB', ...options })
      return heap.usableSize(heap.alloc(bytes)) as number
    }
    expect(usable({ sizeClasses: 'pow2' }, 33)).toBe(64)
    expect(usable({ sizeClasses: 'pow2' }, 4097)).toBe(8192)
    expect(usable({ sizeClasses: 'geometric' }, 129)).toBe(144)
    expect(usable({ sizeClasses: [24, 100, 5000] }, 1)).toBe(32)
    expect(usable({ sizeClasses: [24, 100, 5000] }, 33)).toBe(112)
    expect(usable({ sizeClasses: [24, 100, 5000] }, 113)).toBe(5008)
    expect(usable({ sizeClasses: [24, 100, 5000] }, 5009)).toBe(5024)
    const all = Heap.create({ sizeClasses: Array.from({ length: 63 }, (_, i) => 16 * (i + 1)), limit: '4MiB' })
    for (let bytes = 0; bytes <= 1100; bytes++) {
      expect(all.usableSize(all.alloc(bytes))).toBe(Math.max(16, Math.ceil(bytes / 16) * 16))
    }
    expectSound(all)
  })

  it('a debug heap works like any other', () => {
    const heap = Heap.create({ debug: true, limit: '16MiB', name: 'checked' })
    const blocks = Array.from({ length: 1000 }, (_, i) => heap.alloc(i * 10))
    for (const block of blocks) heap.free(block)
    expect(heap.name).toBe('checked')
    expectSound(heap)
  })
})

describe('the option tables', () => {
  it('name every option and every mode', () => {
    expect(OPTIONS.map((option) => option.name).sort()).toEqual(
      [
        'ageing',
        'base',
        'countTypes',
        'collectAfterFrees',
        'cycleThreshold',
        'debug',
        'end',
        'evacuate',
        'gcShare',
        'hashSeed',
        'hugePages',
        'initial',
        'lazySweep',
        'limit',
        'memory',
        'mode',
        'name',
        'numaNode',
        'nursery',
        'old',
        'outOfMemoryReserve',
        'overwrite',
        'pauseGoalMs',
        'pressure',
        'reserve',
        'shadowStack',
        'sizeClasses',
        'stress',
        'testing',
        'trim',
      ].sort(),
    )
    for (const mode of Object.keys(MODES)) {
      const heap = Heap.create({ mode: mode as keyof typeof MODES })
      expect(heap.mode).toBe(mode)
      expect(heap.limitBytes).toBe(MODES[heap.mode].options.limit)
    }
  })

  it('say the least limit of every mode, and it is', () => {
    const type = OPTIONS.find(({ name }) => name === 'limit')?.type
    for (const { name: mode, leastBytes, mostBytes } of Object.values(MODES)) {
      expect(type).toContain(formatBytes(leastBytes))
      expectSound(Heap.create({ mode, limit: leastBytes }))
      for (const limit of [leastBytes - 1, mostBytes + 1]) {
        expect(thrownBy(() => Heap.create({ mode, limit }))).toMatchObject({ argument: 'limit' })
      }
    }
  })

  it("VERSION is the package's", () => {
    expect(VERSION).toBe(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version)
  })
})

/**
 * Goal: what a heap says of its collections, as data, as text, in a file and in the trace, is what happened.
 * Method: heaps of both collecting modes that make known garbage; events and records counted beside the statistics; the
 * same program with and without the trace; files that cannot be written, platforms without files.
 * A failure means: statistics that disagree with each other, or a trace that changes what it shows.
 */
import * as nodeFs from 'node:fs'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  array,
  type Collection,
  type CollectionStats,
  FileError,
  Heap,
  type HeapOptions,
  i32,
  type ModeName,
  ref,
  struct,
  UnsupportedError,
  u8,
} from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node') })
const Blob = struct('Blob', { bytes: array(u8) })
const NODE_BYTES = 16
const MODES = ['vm', 'embedded'] as const

const heapOf = (mode: ModeName, options: HeapOptions = {}) =>
  Heap.create({ mode, limit: mode === 'embedded' ? '256KiB' : '8MiB', debug: true, ...options })

/** Make `count` nodes, of which none stays. */
function makeGarbage(heap: Heap, count: number): void {
  for (let i = 0; i < count; i++) {
    using _ = heap.scope()
    heap.new(Node, { value: i })
  }
}

describe.each(MODES)('in mode %s', (mode) => {
  it('a collection frees exactly what was garbage', () => {
    const heap = heapOf(mode)
    using _ = heap.scope()
    heap.new(Node)
    heap.collect()
    for (const count of [0, 1, 500]) {
      makeGarbage(heap, count)
      const { freedBytes, bytesBefore, bytesAfter, liveBytes } = heap.collect()
      // In `vm` the hole that allocation has left may count along.
      expect(freedBytes).toBeGreaterThanOrEqual(count * NODE_BYTES)
      if (mode === 'embedded') expect(freedBytes).toBe(count * NODE_BYTES)
      expect(bytesBefore - bytesAfter).toBe(freedBytes)
      expect(bytesAfter).toBe(liveBytes)
    }
  })

  it('records, events, kinds and pauses say the same', () => {
    const heap = heapOf(mode)
    const told: Collection[] = []
    const begun: string[] = []
    heap.on('collectBegin', ({ kind }) => begun.push(kind))
    heap.on('collectEnd', (collection) => told.push(collection))
    using _ = heap.scope()
    heap.new(Node)
    for (let i = 0; i < 20; i++) {
      makeGarbage(heap, 1000)
      if (i % 2 === 0) heap.collect()
      if (i % 5 === 0) heap.compact()
    }
    const stats = heap.collectionStats()
    const { kinds, pauses, recent } = stats
    expect(told.length).toBeGreaterThanOrEqual(14)
    expect(begun).toEqual(told.map(({ kind }) => kind))
    expect(recent).toEqual(told.slice(-64))
    expect(recent.map(({ number }) => number)).toEqual(told.map((_, i) => i + 1))
    for (const kind of ['full', 'compact'] as const) {
      const own = told.filter((collection) => collection.kind === kind)
      const row = kinds.find((one) => one.kind === kind)
      expect(row).toMatchObject({ count: own.length, nested: 0, maxMs: Math.max(...own.map(({ ms }) => ms)) })
      expect(row?.freedBytes).toBe(own.reduce((sum, { freedBytes }) => sum + freedBytes, 0))
    }
    expect(kinds.map(({ kind }) => kind)).toEqual(['full', 'compact'])
    expect(pauses.count).toBe(heap.stats().collections)
    expect(pauses.totalMs).toBeCloseTo(
      kinds.reduce((sum, { totalMs }) => sum + totalMs, 0),
      6,
    )
    expect(pauses.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(pauses.count)
    expect(heap.pauses).toMatchObject({ count: pauses.count, p999Ms: pauses.p999Ms, maxMs: pauses.maxMs, recent })
    expect(heap.stats()).toMatchObject({ pauseMaxMs: pauses.maxMs, pauseTotalMs: pauses.totalMs })
    // Each began after the one before had ended, and before now.
    told.forEach(({ atMs }, i) => {
      const { atMs: before, ms } = told[i - 1] ?? { atMs: 0, ms: 0 }
      expect(atMs).toBeGreaterThanOrEqual(before + ms - 1e-6)
      expect(atMs).toBeLessThan(stats.elapsedMs)
    })
    // The longest pause alone bounds the utilisation from above, all pauses together bound it from below.
    for (const { windowMs, minimum } of stats.mutatorUtilisation) {
      expect(minimum).toBeLessThanOrEqual(Math.max(0, 1 - pauses.maxMs / windowMs) + 1e-9)
      expect(minimum).toBeGreaterThanOrEqual(1 - pauses.totalMs / windowMs - 1e-9)
    }
    expectSound(heap)
  })

  it('finalizers run with the call that collected, whether or not somebody listens', () => {
    const heap = heapOf(mode, { stress: { collect: 'always' } })
    const ran: number[] = []
    const finalizers = heap.finalizer((held: number) => ran.push(held))
    using _ = heap.scope()
    for (let i = 0; i < 5; i++) {
      const scope = heap.scope()
      finalizers.register(heap.new(Node), i)
      scope.close()
      heap.new(Node)
      expect(ran.length).toBe(i + 1)
    }
  })

  it('types are counted when they are asked for', () => {
    const heap = heapOf(mode, { countTypes: true })
    using _ = heap.scope()
    for (let i = 0; i < 10; i++) heap.new(Node)
    heap.new(Blob, {}, 100)
    heap.collect()
    expect(heap.collectionStats().types).toBeUndefined()
    expect(heap.collectionStats({ types: true }).types).toEqual(heap.census())
    expect(heap.collectionStats({ types: true }).types).toMatchObject([
      { type: 'Node', live: 10, allocated: 10 },
      { type: 'Blob', live: 1, allocated: 1 },
    ])
    expect(heap.collectionReport({ types: true })).toMatch(/\nNode +10 +\S+ +\S+ +10\n/)
  })
})

describe('the statistics', () => {
  it('of a heap that has not collected are there, and empty', () => {
    const heap = heapOf('vm', { name: 'guest' })
    const stats = heap.collectionStats()
    expect(stats).toMatchObject({ version: 1, name: 'guest', mode: 'vm', kinds: [], recent: [], logOverflows: 0 })
    expect(stats.pauses).toMatchObject({ count: 0, totalMs: 0, maxMs: 0, histogram: [] })
    expect(stats.memoryShare).toBe(0)
    expect(stats).not.toHaveProperty('pauseGoal')
    expect(heap.collectionReport()).toContain("heap 'guest', mode vm, collections in ")
  })

  it('survive JSON unchanged', () => {
    const heap = heapOf('vm')
    makeGarbage(heap, 100)
    heap.collect()
    heap.compact()
    const stats = heap.collectionStats({ types: true })
    expect(JSON.parse(JSON.stringify(stats))).toEqual(stats)
  })

  it('as text have a row for each kind, and each of the last collections', () => {
    const heap = heapOf('vm')
    makeGarbage(heap, 100)
    heap.collect()
    heap.compact()
    const report = heap.collectionReport()
    expect(report).toMatch(/^kind +count +nested +total +p50 +p90 +p99 +p99\.9 +longest +freed +promoted$/m)
    expect(report).toMatch(/^full +1 +0( +\d+\.\d{3}){6} +\S+ \S+ +0 B$/m)
    expect(report).toMatch(/^compact +1 +0( +\d+\.\d{3}){6} +\S+ \S+ +0 B$/m)
    expect(report).toMatch(/^all pauses +2( +\d+\.\d{3}){6}$/m)
    expect(report).toMatch(/^gc 1 @\d+\.\d{3} ms heap: full \(request\) /m)
    expect(report).toMatch(/^gc 2 @\d+\.\d{3} ms heap: compact \(request\) /m)
    expect(report).not.toMatch(/ \n/)
    expect(report).not.toContain('NaN')
  })

  it('go on after a reset', () => {
    const heap = heapOf('vm')
    heap.collect()
    heap.reset()
    heap.collect()
    expect(heap.collectionStats().recent.map(({ number }) => number)).toEqual([1, 2])
  })

  it('refuse options that nobody reads, and heaps that have none', () => {
    const heap = heapOf('vm')
    expect(thrownBy(() => heap.collectionStats({ type: true } as never))).toMatchObject({ argument: 'options' })
    expect(thrownBy(() => heap.collectionStats({ types: 1 as never }))).toMatchObject({ argument: 'types' })
    const error = thrownBy(() => Heap.create({ mode: 'compiler' }).collectionStats())
    expect(error).toBeInstanceOf(UnsupportedError)
    expect(error).toMatchObject({ code: 'HW_UNSUPPORTED', mode: 'compiler' })
    heap.close()
    expect(thrownBy(() => heap.collectionStats())).toMatchObject({ code: 'HW_CLOSED' })
    expect(thrownBy(() => heap.writeStats('x'))).toMatchObject({ code: 'HW_CLOSED' })
  })
})

describe('a file', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'heapwright-'))
  })
  afterEach(() => {
    vi.unstubAllGlobals()
    rmSync(directory, { recursive: true })
  })

  it('of JSON has both documents', () => {
    const heap = heapOf('vm', { name: 'guest' })
    makeGarbage(heap, 100)
    heap.collect()
    const file = join(directory, 'stats.json')
    heap.writeStats(file, { format: 'json', types: true })
    const { version, name, stats, collections } = JSON.parse(readFileSync(file, 'utf8'))
    expect([version, name]).toEqual([1, 'guest'])
    // Writing changes nothing, but the time goes on.
    expect(stats).toEqual(heap.stats())
    const now: Partial<CollectionStats> = heap.collectionStats({ types: true })
    const { elapsedMs, mutatorUtilisation, ...rest } = collections
    expect(now).toMatchObject(rest)
    expect(elapsedMs).toBeLessThanOrEqual(now.elapsedMs ?? 0)
    expect(Array.isArray(mutatorUtilisation)).toBe(true)
  })

  it('of text has both reports, and is written over', () => {
    const heap = heapOf('embedded')
    heap.collect()
    const file = join(directory, 'stats.txt')
    writeFileSync(file, 'x'.repeat(1_000_000))
    heap.writeStats(file)
    const text = readFileSync(file, 'utf8')
    expect(text.startsWith(heap.report())).toBe(true)
    expect(text).toContain('all pauses')
    expect(text).not.toContain('objects by type')
    expect(text.endsWith('\n')).toBe(true)
  })

  it('of a mode without objects has what there is', () => {
    const heap = Heap.create()
    const file = join(directory, 'stats')
    heap.writeStats(file)
    expect(readFileSync(file, 'utf8')).toBe(heap.report())
    heap.writeStats(file, { format: 'json' })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ version: 1, name: 'heap', stats: heap.stats() })
  })

  it('that cannot be written is named, with the reason', () => {
    const heap = heapOf('vm')
    const plain = join(directory, 'plain')
    writeFileSync(plain, '')
    const cases: [string, string][] = [
      [join(directory, 'missing', 'stats.txt'), 'there is no such file or directory'],
      [directory, 'it is a directory, not a file'],
      [join(plain, 'stats.txt'), 'a part of the path is a file, not a directory'],
    ]
    for (const [file, reason] of cases) {
      const error = thrownBy(() => heap.writeStats(file))
      expect(error).toBeInstanceOf(FileError)
      expect(error).toMatchObject({ code: 'HW_FILE', file, message: `${file}: ${reason}` })
      expect((error as Error).cause).toBeInstanceOf(Error)
    }
  })

  it('is there as a whole or not at all, when the disk is full, too', () => {
    const heap = heapOf('vm')
    const folder = mkdtempSync(join(directory, 'full-'))
    const file = join(folder, 'stats.txt')
    const full = (path: nodeFs.PathOrFileDescriptor) => {
      nodeFs.writeSync(path as number, 'half of it')
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }
    const fs = { ...nodeFs, writeFileSync: full } as unknown
    for (const before of [undefined, 'what was there before\n']) {
      if (before !== undefined) writeFileSync(file, before)
      vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => fs) as never)
      const error = thrownBy(() => heap.writeStats(file))
      vi.restoreAllMocks()
      expect(error).toMatchObject({ code: 'HW_FILE', message: `${file}: no space is left on the device` })
      expect(readdirSync(folder)).toEqual(before === undefined ? [] : ['stats.txt'])
      if (before !== undefined) expect(readFileSync(file, 'utf8')).toBe(before)
    }
  })

  it.skipIf(process.platform === 'win32')(
    'follows links, keeps who may read it, and writes to devices in place',
    () => {
      const heap = Heap.create()
      const folder = mkdtempSync(join(directory, 'links-'))
      const file = join(folder, 'stats.txt')
      writeFileSync(file, '')
      nodeFs.chmodSync(file, 0o640)
      nodeFs.symlinkSync(file, join(folder, 'link'))
      heap.writeStats(join(folder, 'link'))
      expect(nodeFs.lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true)
      expect(readFileSync(file, 'utf8')).toBe(heap.report())
      expect(nodeFs.statSync(file).mode & 0o777).toBe(0o640)
      heap.writeStats('/dev/null')
      expect(nodeFs.statSync('/dev/null').isFile()).toBe(false)
      nodeFs.symlinkSync(join(folder, 'later'), join(folder, 'broken'))
      heap.writeStats(join(folder, 'broken'))
      expect(readFileSync(join(folder, 'later'), 'utf8')).toBe(heap.report())
    },
  )

  it('has a path, a format that there is, and types or not, in every mode', () => {
    const heap = heapOf('vm')
    const file = join(directory, 'stats')
    expect(thrownBy(() => heap.writeStats(''))).toMatchObject({ code: 'HW_ARGUMENT', argument: 'file' })
    expect(thrownBy(() => heap.writeStats(1 as never))).toMatchObject({ code: 'HW_ARGUMENT', argument: 'file' })
    const formats = ['JSON', '', 1, null] as never[]
    for (const format of formats) {
      expect(thrownBy(() => heap.writeStats(file, { format }))).toMatchObject({ argument: 'format' })
    }
    for (const one of [heap, Heap.create()]) {
      expect(thrownBy(() => one.writeStats(file, { types: 'yes' } as never))).toMatchObject({ argument: 'types' })
    }
    expect(thrownBy(() => heap.writeStats(file, { kind: 'json' } as never))).toMatchObject({ argument: 'options' })
  })

  it.each([undefined, {}, { env: {} }])('is refused where there is no file system: process is %j', (process) => {
    const heap = heapOf('vm')
    vi.stubGlobal('process', process)
    const error = thrownBy(() => heap.writeStats(join(directory, 'stats')))
    vi.unstubAllGlobals()
    expect(error).toBeInstanceOf(UnsupportedError)
    expect(error).toMatchObject({ code: 'HW_UNSUPPORTED', feature: 'file system' })
    expect(String(error)).toContain('this platform has no file system')
  })
})

describe('HEAPWRIGHT_GCTRACE', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  })

  /** What a program writes to standard error, and how its heap is in the end. */
  function traced(value: string | undefined, write?: () => never) {
    vi.stubEnv('HEAPWRIGHT_GCTRACE', value)
    const written: string[] = []
    const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text))
      return write ? write() : true
    })
    const heap = heapOf('vm', { name: 'traced', stress: { collect: { allocations: 50 } } })
    makeGarbage(heap, 500)
    heap.compact()
    const { pauseTotalMs, pauseMaxMs, ...stats } = heap.stats()
    stderr.mockRestore()
    expectSound(heap)
    return { written, stats, recent: heap.pauses.recent }
  }

  it('writes a line for each collection', () => {
    const { written, recent } = traced('1')
    expect(recent.length).toBeGreaterThan(8)
    expect(written.length).toBe(recent.length)
    written.forEach((line, i) => {
      const { kind, cause, number, atMs, ms } = recent[i] as Collection
      const start = `gc ${number} @${atMs.toFixed(3)} ms traced: ${kind} (${cause}) ${ms.toFixed(3)} ms, `
      expect(line.slice(0, start.length)).toBe(start)
      expect(line).toMatch(/, \S+ \S+ -> \S+ \S+, promoted 0 B(; .*)?\n$/)
    })
  })

  it('changes nothing, and is off when it is empty or 0', () => {
    const { stats } = traced('1')
    for (const off of [undefined, '', '0']) {
      const other = traced(off)
      expect(other.written).toEqual([])
      expect(other.stats).toEqual(stats)
    }
  })

  it('does not break a collection when the line cannot be written', () => {
    const thrown: unknown[] = []
    vi.stubGlobal('queueMicrotask', (task: () => void) => {
      try {
        task()
      } catch (error) {
        thrown.push(error)
      }
    })
    const failure = new Error('closed')
    const { stats, recent } = traced('1', () => {
      throw failure
    })
    expect(thrown).toEqual(recent.map(() => failure))
    vi.unstubAllGlobals()
    expect(stats).toEqual(traced('0').stats)
  })

  it('is read where there is an environment, once for each heap', () => {
    vi.stubGlobal('process', {
      get env() {
        throw new Error('not allowed')
      },
    })
    const heap = heapOf('vm')
    heap.collect()
    vi.unstubAllGlobals()
    vi.stubEnv('HEAPWRIGHT_GCTRACE', '1')
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    heap.collect()
    expect(stderr).not.toHaveBeenCalled()
    expect(heap.pauses.count).toBe(2)
  })
})

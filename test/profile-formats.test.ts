/**
 * Goal: other programs read what a profiler writes, and find the figures that it has.
 * Method: profile.proto is decoded by Datadog's `pprof-format`, which shares no code with the writer, and every rule of
 * the format's description is checked on the result; a `.heapprofile` is compared with one of V8's own profiler, field
 * by field, and its tree with the samples that it was made of. Profiles are of programs and of random samples.
 * A failure means: a viewer refuses the file, or shows other figures or places than the profiler found.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Location, Profile, type Sample } from 'pprof-format'
import { describe, expect, it } from 'vitest'
import { makeHeapProfile } from '../src/formats/heapprofile.js'
import { writePprof } from '../src/formats/pprof.js'
import type { AllocationProfile, ProfileFrame, ProfileSample } from '../src/index.js'
import { Heap, type HeapProfile, type HeapProfileNode } from '../src/index.js'
import { Profiler } from '../src/profile/profiler.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? 41)

/** A profile of anything: names of all alphabets, none, long ones; counts from 0 on; sizes up to 4 GiB. */
function randomProfile(seed: number): AllocationProfile {
  const next = random(seed)
  const names = ['f', '(anonymous)', 'größe', '関数', '🧮', 'x'.repeat(300), 'a b', '']
  const frame = (): ProfileFrame => ({
    functionName: names[next(names.length)] as string,
    url: ['', 'file:///a.js', 'https://example.org/b.mjs', '/c d.cjs'][next(4)] as string,
    line: next(3) === 0 ? 0 : next(100_000),
    column: next(200),
  })
  const frames = Array.from({ length: 12 }, frame)
  const sample = (): ProfileSample => {
    const bytes = next(4) === 0 ? next(2 ** 32) : next(5000)
    const [allocObjects, inuseObjects] = [1 + next(1e6) / 7, next(2) * (next(1000) / 3)]
    return {
      frames: Array.from({ length: next(9) }, () => frames[next(12)] as ProfileFrame),
      bytes,
      ...(next(3) === 0 && { tenant: `tenant ${next(3)}` }),
      sampled: 1,
      sampledInUse: inuseObjects > 0 ? 1 : 0,
      allocObjects,
      allocBytes: allocObjects * bytes,
      inuseObjects,
      inuseBytes: inuseObjects * bytes,
    }
  }
  const samples = Array.from({ length: next(60) }, sample)
  return { name: 'random', meanBytes: 524288, beganMs: 1_764_144_000_123.25, durationMs: 1500.5, samples }
}

describe('profile.proto', () => {
  const text = ({ stringTable }: Profile, index: number | bigint) => stringTable.strings[Number(index)] as string

  /** The frames of a sample, by following the ids. */
  function framesOf(profile: Profile, sample: Sample): ProfileFrame[] {
    return sample.locationId.map((id) => {
      const location = profile.location.find((one: Location) => one.id === id)
      const line = location?.line[0]
      const fn = profile.function.find((one) => one.id === line?.functionId)
      if (!location || !line || !fn || location.line.length !== 1) throw new Error(`location ${id} leads nowhere`)
      expect(location.mappingId).toBe(profile.mapping[0]?.id)
      expect(fn.systemName).toBe(fn.name)
      const [functionName, url] = [text(profile, fn.name), text(profile, fn.filename)]
      return { functionName, url, line: Number(line.line), column: 0 }
    })
  }

  function labelsOf(profile: Profile, { label }: Sample): Record<string, string | number> {
    return Object.fromEntries(
      label.map(({ key, str, num, numUnit }) => {
        if (Number(numUnit) !== 0) expect(text(profile, numUnit)).toBe('bytes')
        return [text(profile, key), Number(str) === 0 ? Number(num) : text(profile, str)]
      }),
    )
  }

  it.each(Array.from({ length: 30 }, (_, i) => SEED + i))('says what random profile %i holds', (seed) => {
    const given = randomProfile(seed)
    const profile = Profile.decode(writePprof(given))
    expect(profile.stringTable.strings[0]).toBe('')
    expect(new Set(profile.stringTable.strings).size).toBe(profile.stringTable.strings.length)
    const types = profile.sampleType.map(({ type, unit }) => `${text(profile, type)}/${text(profile, unit)}`)
    expect(types).toEqual(['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'])
    expect(text(profile, profile.defaultSampleType)).toBe('inuse_space')
    expect([profile.periodType?.type, profile.periodType?.unit].map((one) => text(profile, one ?? 0))).toEqual([
      'space',
      'bytes',
    ])
    expect(Number(profile.period)).toBe(524288)
    expect(profile.timeNanos).toBe(1_764_144_000_123_250_000n)
    expect(Number(profile.durationNanos)).toBe(1_500_500_000)
    expect(profile.mapping.map(({ filename }) => text(profile, filename))).toEqual(['random'])
    for (const list of [profile.location, profile.function, profile.mapping]) {
      const ids = list.map(({ id }) => Number(id))
      expect(new Set(ids).size).toBe(ids.length)
      expect(Math.min(1, ...ids)).toBe(1)
    }
    const found = profile.sample.map((sample) => ({
      frames: framesOf(profile, sample),
      values: sample.value.map(Number),
      labels: labelsOf(profile, sample),
    }))
    const expected = given.samples.map((sample) => ({
      frames: sample.frames.map((frame) => ({ ...frame, column: 0 })),
      values: [sample.allocObjects, sample.allocBytes, sample.inuseObjects, sample.inuseBytes].map(Math.round),
      labels: { bytes: sample.bytes, ...(sample.tenant !== undefined && { tenant: sample.tenant }) },
    }))
    expect(found).toEqual(expected)
  })

  it('is what a profiler gives, and in gzip what it writes to a file', () => {
    const heap = Heap.create({ name: 'orders' })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const kept = heap.alloc(100)
    heap.free(heap.alloc(500))
    const profile = Profile.decode(profiler.toPprof())
    expect(profile.sample.map(({ value }) => value.map(Number))).toEqual([
      [1, 112, 1, 112],
      [1, 512, 0, 0],
    ])
    const now = BigInt(Date.now()) * 1_000_000n
    expect(Number(now - BigInt(profile.timeNanos)) / 1e9).toBeLessThan(60)
    const folder = mkdtempSync(join(tmpdir(), 'heapwright-'))
    try {
      const file = join(folder, 'heap.pb.gz')
      profiler.writePprof(file)
      const read = Profile.decode(gunzipSync(readFileSync(file)))
      expect(read.sample.length).toBe(2)
      expect(thrownBy(() => profiler.writePprof(join(folder, 'none', 'x')))).toMatchObject({ code: 'HW_FILE' })
    } finally {
      rmSync(folder, { recursive: true })
    }
    heap.free(kept)
  })
})

describe('.heapprofile', () => {
  const walk = (node: HeapProfileNode): HeapProfileNode[] => [node, ...node.children.flatMap(walk)]

  /** Names and types of all fields, as one text for each kind of thing. */
  function shapeOf(profile: HeapProfile): Record<string, string> {
    const fields = (thing: unknown) =>
      Object.entries(thing as object)
        .map(([name, value]) => `${name}: ${Array.isArray(value) ? 'array' : typeof value}`)
        .sort()
        .join(', ')
    const { head, samples } = profile
    const { callFrame } = head
    const child = head.children[0]
    return {
      profile: fields(profile),
      head: fields(head),
      child: fields(child),
      callFrame: fields(callFrame),
      sample: fields(samples[0]),
    }
  }

  async function profileOfV8(): Promise<HeapProfile> {
    const session = new Session()
    session.connect()
    await session.post('HeapProfiler.startSampling', { samplingInterval: 1024 })
    const kept = Array.from({ length: 5000 }, (_, i) => ({ i, list: [i] }))
    const { profile } = await session.post('HeapProfiler.stopSampling')
    session.disconnect()
    expect(kept.length).toBe(5000)
    // The declarations of Node lack what is newer than they are.
    return profile as unknown as HeapProfile
  }

  it('has the fields that V8 writes', async () => {
    const heap = Heap.create()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.alloc(100)
    const own = profiler.toHeapProfile()
    const theirs = await profileOfV8()
    expect(shapeOf(own)).toEqual(shapeOf(theirs))
    expect(own.head).toMatchObject({ id: theirs.head.id, callFrame: theirs.head.callFrame })
    expect(own.head.selfSize).toBe(0)
    expect(own.head.children.length).toBe(1)
  })

  it.each(Array.from({ length: 30 }, (_, i) => SEED + i))('has the figures of random profile %i', (seed) => {
    const given = randomProfile(seed)
    for (const kind of ['inuse', 'alloc'] as const) {
      const { head, samples } = JSON.parse(JSON.stringify(makeHeapProfile(given, kind)))
      const nodes = walk(head)
      expect(nodes.map(({ id }) => id).sort((a, b) => a - b)).toEqual(nodes.map((_, i) => i + 1))
      expect(new Set(samples.map(({ ordinal }: { ordinal: number }) => ordinal)).size).toBe(samples.length)
      const sizes = new Map<number, number>()
      for (const { nodeId, size } of samples) sizes.set(nodeId, (sizes.get(nodeId) ?? 0) + size)
      for (const { id, selfSize } of nodes) expect(selfSize).toBe(sizes.get(id) ?? 0)
      // Each path of the tree against the samples with these frames, outermost first.
      const expected = new Map<string, number>()
      for (const sample of given.samples) {
        const size = Math.round(kind === 'inuse' ? sample.inuseBytes : sample.allocBytes)
        const path = sample.frames.map(({ url, line, column }) => `${url}:${line}:${column}`).reverse()
        if (size > 0) expected.set(path.join(' '), (expected.get(path.join(' ')) ?? 0) + size)
      }
      const found = new Map<string, number>()
      const visit = ({ callFrame, selfSize, children }: HeapProfileNode, path: string[]) => {
        if (selfSize > 0) found.set(path.join(' '), (found.get(path.join(' ')) ?? 0) + selfSize)
        for (const child of children) {
          const { url, lineNumber, columnNumber } = child.callFrame
          visit(child, [...path, `${url}:${lineNumber + 1}:${columnNumber + 1}`])
        }
        expect(callFrame.scriptId === '0').toBe(callFrame.url === '')
      }
      visit(head, [])
      expect(found).toEqual(expected)
    }
  })

  it('is written to files, of what is in use or of all', () => {
    const heap = Heap.create()
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.free(heap.alloc(100))
    expect(profiler.toHeapProfile().samples).toEqual([])
    expect(profiler.toHeapProfile({ kind: 'alloc' }).samples).toEqual([
      { size: 112, nodeId: expect.any(Number), ordinal: 1 },
    ])
    expect(thrownBy(() => profiler.toHeapProfile({ kind: 'all' as 'alloc' }))).toMatchObject({ code: 'HW_ARGUMENT' })
    const folder = mkdtempSync(join(tmpdir(), 'heapwright-'))
    try {
      const file = join(folder, 'a.heapprofile')
      profiler.writeHeapProfile(file, { kind: 'alloc' })
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(profiler.toHeapProfile({ kind: 'alloc' }))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('where there is no file system', () => {
  it('files are refused, by what can be done instead', () => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    using recorder = heap.recordTrace()
    heap.alloc(100)
    const { getBuiltinModule } = process
    Reflect.set(process, 'getBuiltinModule', undefined)
    try {
      const writes = [
        () => profiler.writePprof('x.pb.gz'),
        () => profiler.writeHeapProfile('x.heapprofile'),
        () => recorder.writeTraceEvents('x.json'),
      ]
      const errors = writes.map((write) => String(thrownBy(write)))
      for (const error of errors) expect(error).toContain('file system')
      expect(errors.map((error) => /to\w+\(\)/.exec(error)?.[0])).toEqual([
        'toPprof()',
        'toHeapProfile()',
        'toTraceEvents()',
      ])
    } finally {
      Reflect.set(process, 'getBuiltinModule', getBuiltinModule)
    }
    expect(Profile.decode(profiler.toPprof()).sample.length).toBe(1)
  })
})

describe('the clock', () => {
  it('is the one that a profiler is given', () => {
    const heap = Heap.create()
    const { core } = heap as unknown as { core: ConstructorParameters<typeof Profiler>[0] }
    let nowMs = 1000
    using profiler = new Profiler(core, {}, { now: () => nowMs, date: () => 86_400_000 })
    nowMs = 3500
    expect(profiler.profile).toMatchObject({ beganMs: 86_400_000, durationMs: 2500 })
    profiler.stop()
    nowMs = 9000
    expect(profiler.profile.durationMs).toBe(2500)
  })
})

describe('the path of a file', () => {
  it.each([
    ['writePprof', [undefined, '', 5, 'x.heapprofile', 'X.HEAPPROFILE']],
    ['writeHeapProfile', [undefined, '', 5, 'x.pb.gz', 'x.pb']],
    ['writeTraceEvents', [undefined, '', 5, 'x.pb.gz', 'x.pb', 'x.heapprofile']],
  ] as const)('of %s is checked, and nothing is written', (name, files) => {
    const heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    using profiler = heap.profile()
    using recorder = heap.recordTrace()
    const write = (file: string) =>
      name === 'writeTraceEvents' ? recorder.writeTraceEvents(file) : profiler[name](file)
    const folder = mkdtempSync(join(tmpdir(), 'heapwright-'))
    try {
      for (const file of files) {
        const given = typeof file === 'string' && file !== '' ? join(folder, file) : (file as string)
        const error = thrownBy(() => write(given))
        expect(error).toMatchObject({ code: 'HW_ARGUMENT' })
        expect(String(error)).toContain('`file`')
      }
      expect(readdirSync(folder)).toEqual([])
      for (const file of ['plain', 'a.txt', 'b.json']) write(join(folder, file))
      expect(readdirSync(folder)).toEqual(['a.txt', 'b.json', 'plain'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the period', () => {
  it('is the mean that was in force, of bytes by the mean at which they passed', () => {
    const heap = Heap.create({ limit: '16MiB' })
    const { core } = heap as unknown as { core: ConstructorParameters<typeof Profiler>[0] }
    let nowMs = 0
    const stack = () => {
      nowMs += 1
      return []
    }
    const tools = { now: () => nowMs, date: () => 0 }
    using profiler = new Profiler(core, { meanBytes: 1024, seed: 1, timeShare: 0.01, stack }, tools)
    const period = () => Number(Profile.decode(profiler.toPprof()).period)
    expect([period(), profiler.effectiveMeanBytes, profiler.isThrottled]).toEqual([1024, 1024, false])
    for (let i = 0; i < 2000; i++) heap.free(heap.alloc(100))
    expect(profiler.isThrottled).toBe(true)
    expect(profiler.meanBytes).toBe(1024)
    expect(profiler.effectiveMeanBytes).toBeGreaterThan(2048)
    expect(period()).toBe(Math.round(profiler.effectiveMeanBytes))
    expect(profiler.profile.meanBytes).toBe(profiler.effectiveMeanBytes)
    const last = profiler.effectiveMeanBytes
    profiler.stop()
    expect(profiler.effectiveMeanBytes).toBe(last)
  })
})

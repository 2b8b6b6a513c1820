/**
 * Goal: a mapped file is the file: what is read there is what it holds, what is stored goes where the access says, and
 * nothing of it is left in the heap or the process once it is unmapped.
 * Method: real files of this test's own, read and written through Node beside, on the pages of the system and on the
 * portable ones; a second process that maps the same file; a model for mapping and unmapping at random.
 * A failure means: bytes of a file lost, stores of one heap in another's file, memory or descriptors that leak.
 *
 * Random runs print their seed: HEAPWRIGHT_SEED=<seed> npx vitest run --project all test/mapped-files.test.ts
 */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { FileError, Heap, type HeapOptions, PlatformError } from '../src/index.js'
import { pageSystems, pagesWith, posixPages } from './support/page-systems.js'
import { random } from './support/random.js'
import { expectRefused, thrownBy } from './support/refusal.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
console.info(`HEAPWRIGHT_SEED=${SEED}`)

const directory = mkdtempSync(join(tmpdir(), 'heapwright-map-'))
afterAll(() => rmSync(directory, { recursive: true }))

const heaps: Heap[] = []
afterEach(() => {
  for (const heap of heaps.splice(0)) if (!heap.isClosed) heap.close()
})

let files = 0
/** A file of bytes that say where they are. */
function file(bytes: number, name = `file-${files++}`): string {
  const path = join(directory, name)
  writeFileSync(path, contents(bytes))
  return path
}

function contents(bytes: number): Uint8Array {
  const made = new Uint8Array(bytes)
  for (let i = 0; i < bytes; i++) made[i] = i * 7 + (i >> 8)
  return made
}

/** `call` by a user without rights, where this one has all. */
function asNobody(call: () => void): void {
  if (process.geteuid?.() !== 0) {
    call()
    return
  }
  chmodSync(directory, 0o755)
  process.seteuid?.(65_534)
  try {
    call()
  } finally {
    process.seteuid?.(0)
  }
}

/** Take all that a heap has, and store to it. */
function fillWithBlocks(heap: Heap): void {
  for (let bytes = 2 ** 20; bytes >= 1000; bytes >>= 1) {
    for (let p = heap.tryAlloc(bytes); p !== 0; p = heap.tryAlloc(bytes)) heap.fill(p, bytes, 0xee)
  }
}

function expectAccounts(heap: Heap): void {
  const s = heap.stats()
  expect(s.inUseBytes + s.freeBytes + s.metadataBytes + s.unusedBytes).toBe(s.committedBytes)
  expect(heap.verify()).toEqual({ ok: true })
}

describe.each(pageSystems)('files mapped on %s pages', (_name, pages) => {
  function make(options: HeapOptions = {}): Heap {
    const heap = Heap.create({ limit: '32MiB', testing: { pages }, ...options })
    heaps.push(heap)
    return heap
  }

  it.each([1, 4095, 4096, 65_536, 100_000, 65_536 * 14, 65_536 * 15, 3_000_000])(
    'have the bytes of a file of %i',
    (bytes) => {
      const heap = make()
      const path = file(bytes)
      const map = heap.mapFile(path)
      expect(map).toMatchObject({ path, bytes, access: 'read', offset: 0, isMapped: pages.can.mapFile })
      expect(Buffer.compare(map.array, contents(bytes))).toBe(0)
      expect(Buffer.compare(heap.readBytes(map.address, bytes), contents(bytes))).toBe(0)
      // What follows to the end of the page is zero.
      const end = Math.ceil(bytes / 4096) * 4096
      expect(heap.readBytes(map.address + bytes, end - bytes).every((byte) => byte === 0)).toBe(true)
      expect(heap.stats().mappedBytes).toBeGreaterThanOrEqual(bytes)
      expect(heap.stats().tenantBytes).toBe(0)
      expectAccounts(heap)
      map.unmap()
      expect(heap.stats().mappedBytes).toBe(0)
      expectAccounts(heap)
    },
  )

  it('are parts of files from an offset on', () => {
    const heap = make()
    const path = file(20_000)
    const map = heap.mapFile(path, { offset: 8192, length: 5000 })
    expect(map.array).toEqual(contents(20_000).slice(8192, 13_192))
    const rest = heap.mapFile(path, { offset: 16_384 })
    expect(rest.bytes).toBe(20_000 - 16_384)
    expect(rest.array).toEqual(contents(20_000).slice(16_384))
    expect(heap.mapFile(path, { length: '4KiB' }).bytes).toBe(4096)
    expect([...heap.mappedFiles()].map(({ offset }) => offset)).toEqual([8192, 16_384, 0])
  })

  it('may be empty', () => {
    const heap = make()
    const map = heap.mapFile(file(0), { access: 'shared' })
    expect([map.bytes, map.array.length]).toEqual([0, 0])
    map.flush()
    map.unmap()
    expect(heap.mapFile(file(4096), { offset: 4096 }).bytes).toBe(0)
    expectAccounts(heap)
  })

  it('take stores that go to the file with shared access', () => {
    const heap = make()
    const path = file(10_000)
    const map = heap.mapFile(path, { access: 'shared' })
    heap.writeU8(map.address + 9_999, 200)
    map.array[5] = 201
    map.flush()
    const expected = contents(10_000)
    expected[5] = 201
    expected[9_999] = 200
    expect(Buffer.compare(readFileSync(path), expected)).toBe(0)
    heap.fill(map.address, 100, 1)
    map.unmap()
    expect(Buffer.compare(readFileSync(path), expected.fill(1, 0, 100))).toBe(0)
    // Never longer than it was, though whole pages are mapped.
    expect(statSync(path).size).toBe(10_000)
  })

  it('take stores of their own with private access', () => {
    const heap = make()
    const path = file(10_000)
    const map = heap.mapFile(path, { access: 'private' })
    heap.fill(map.address, 10_000, 9)
    map.flush()
    expect(heap.readU8(map.address + 9_999)).toBe(9)
    map.unmap()
    expect(Buffer.compare(readFileSync(path), contents(10_000))).toBe(0)
  })

  it('are flushed and unmapped with their heap, by a reset, and with their tenant', () => {
    const path = file(5000)
    for (const end of ['close', 'reset', 'tenant'] as const) {
      const heap = make({ limit: '32MiB' })
      const owner = end === 'tenant' ? heap.tenant('guest', { max: '8MiB' }) : heap
      const map = owner.mapFile(path, { access: 'shared' })
      owner.writeU32(map.address, end.length)
      if (owner === heap) owner[end as 'close' | 'reset']()
      else (owner as ReturnType<Heap['tenant']>).free()
      expect(readFileSync(path).readUInt32LE(0)).toBe(end.length)
      expect(map.isUnmapped).toBe(true)
      expect(thrownBy(() => map.flush())).toMatchObject({ code: 'HW_CLOSED' })
      expect(thrownBy(() => map.array)).toMatchObject({ code: 'HW_CLOSED' })
      map.unmap()
      if (end !== 'close') {
        expect(heap.stats()).toMatchObject({ mappedBytes: 0, tenantBytes: 0 })
        expectAccounts(heap)
      }
    }
  })

  it('are made and lengthened on demand', () => {
    const heap = make()
    const path = join(directory, `made-${files++}`)
    const map = heap.mapFile(path, { access: 'shared', create: true, length: 100_000 })
    expect(map.array.every((byte) => byte === 0)).toBe(true)
    heap.writeU8(map.address + 99_999, 1)
    map.unmap()
    expect(statSync(path).size).toBe(100_000)
    const longer = heap.mapFile(path, { access: 'shared', create: true, length: 5000, offset: 98_304 })
    expect(statSync(path).size).toBe(103_304)
    expect(longer.array[99_999 - 98_304]).toBe(1)
    const same = heap.mapFile(path, { access: 'shared', create: true, length: 10 })
    expect([same.bytes, statSync(path).size]).toEqual([10, 103_304])
  })

  it('refuse stores of the library when they are only read, also after growth', () => {
    const heap = make({ initial: '1MiB' })
    const path = file(10_000)
    const map = heap.mapFile(path)
    const block = heap.alloc(100)
    const check = (owner: Heap) => {
      const refused = { code: 'HW_PROTECTION', message: new RegExp(`the mapped file '${path}' must not be written`) }
      expect(thrownBy(() => owner.writeU8(map.address, 1))).toMatchObject(refused)
      expect(thrownBy(() => owner.writeF64(map.address + 9_992, 1))).toMatchObject(refused)
      expect(thrownBy(() => owner.fill(map.address - 8, 16, 0))).toMatchObject(refused)
      expect(thrownBy(() => owner.copy(map.address + 5, block, 10))).toMatchObject(refused)
      expect(thrownBy(() => owner.writeBytes(map.address, new Uint8Array(2)))).toMatchObject(refused)
      expect(thrownBy(() => owner.checked.writeU8(map.address, 0, 1))).toMatchObject(refused)
      owner.copy(block, map.address, 100)
      expect(owner.readBytes(block, 100)).toEqual(contents(100))
      expect(Buffer.compare(owner.readBytes(map.address, 10_000), contents(10_000))).toBe(0)
    }
    check(heap)
    heap.alloc(8 * 2 ** 20)
    check(heap)
    const child = heap.fork()
    heaps.push(child)
    check(child)
    check(heap)
    const again = heap.mapFile(path)
    map.unmap()
    heap.fill(map.address, 100, 0)
    expect(thrownBy(() => heap.writeU8(again.address, 1))).toMatchObject({ code: 'HW_PROTECTION' })
    check(child)
  })

  it('outlive growth of the memory', () => {
    const heap = make({ initial: '1MiB' })
    const map = heap.mapFile(file(5000), { access: 'shared' })
    const before = map.array
    heap.alloc(8 * 2 ** 20)
    expect(before.length).toBe(0)
    expect(Buffer.compare(map.array, contents(5000))).toBe(0)
    heap.writeU8(map.address, 77)
    expect(map.array[0]).toBe(77)
  })

  it('are found by views and checked access, and never outside', () => {
    const heap = make()
    const map = heap.mapFile(file(10_000), { access: 'shared' })
    expect(heap.view(Uint32Array, map.address, 2500)[1]).toBe(new DataView(contents(10_000).buffer).getUint32(4, true))
    expect(heap.viewOf(Uint8Array, map.address + 9_990, 10).array).toEqual(contents(10_000).slice(9_990))
    expect(heap.checked.readU8(map.address, 9_999)).toBe(contents(10_000)[9_999])
    heap.checked.writeU8(map.address, 0, 1)
    const refused = (action: () => unknown, fields: object) => expectRefused(heap, action, { ...fields })
    refused(() => heap.view(Uint32Array, map.address, 2501), { code: 'HW_ARGUMENT', argument: 'count' })
    refused(() => heap.view(Uint8Array, map.address + 10_000, 1), { code: 'HW_INVALID_ADDRESS', reason: 'owned' })
    refused(() => heap.checked.readU8(map.address, 10_000), { code: 'HW_ARGUMENT', argument: 'offset' })
    refused(() => heap.checked.readU8(map.address + 16, 0), { code: 'HW_INVALID_ADDRESS' })
    refused(() => heap.free(map.address), { code: 'HW_INVALID_ADDRESS', reason: 'owned' })
    expect(String(thrownBy(() => heap.free(map.address)))).toMatch(
      /is in the mapped file '.*', which its own unmap gives/,
    )
    map.unmap()
    refused(() => heap.view(Uint8Array, map.address, 1), { code: 'HW_INVALID_ADDRESS' })
  })

  it('are told when they were cut short', () => {
    const heap = make()
    const path = file(20_000)
    const map = heap.mapFile(path, { access: 'shared' })
    heap.writeU8(map.address, 9)
    truncateSync(path, 4096)
    expect(thrownBy(() => map.flush())).toMatchObject({
      code: 'HW_FILE',
      file: path,
      message: `${path}: it was cut to 4096 bytes while 20000 were mapped`,
    })
    expect(readFileSync(path)[0]).toBe(9)
    expect(thrownBy(() => heap.close())).toBeInstanceOf(FileError)
    expect(heap.isClosed).toBe(true)
    expect(statSync(path).size).toBe(4096)
  })

  it('are refused with path and cause, and nothing has changed', () => {
    const heap = make({ limit: '4MiB' })
    const path = file(10_000)
    const missing = join(directory, 'missing')
    const refused = (name: string, options: object, fields: object) =>
      expectRefused(heap, () => heap.mapFile(name, options), { ...fields })
    refused(missing, {}, { code: 'HW_FILE', file: missing, message: `${missing}: there is no such file or directory` })
    refused(missing, { access: 'shared' }, { code: 'HW_FILE' })
    refused(join(missing, 'x'), { access: 'shared', create: true, length: 1 }, { code: 'HW_FILE' })
    refused(directory, {}, { code: 'HW_FILE', message: `${directory}: it is a directory, not a file` })
    refused('/dev/null', {}, { code: 'HW_FILE', message: '/dev/null: it is no plain file' })
    refused(path, { limit: 9_999 }, { code: 'HW_FILE', message: /10000 bytes would be mapped, and the limit is 9999/ })
    refused(path, { length: 10_001 }, { code: 'HW_FILE', message: /it has 10000 bytes from offset 0/ })
    refused(path, { offset: 16_384 }, { code: 'HW_FILE', message: /it has 10000 bytes, and the offset is 16384/ })
    refused(path, { offset: 100 }, { code: 'HW_ARGUMENT', argument: 'offset' })
    refused(path, { length: 200, limit: 100 }, { code: 'HW_ARGUMENT', argument: 'length' })
    refused(path, { access: 'write' }, { code: 'HW_ARGUMENT', argument: 'access' })
    refused(path, { create: true, length: 1 }, { code: 'HW_ARGUMENT', argument: 'create' })
    refused(path, { create: true, access: 'shared' }, { code: 'HW_ARGUMENT', argument: 'length' })
    refused(path, { acces: 'read' }, { code: 'HW_ARGUMENT' })
    refused('', {}, { code: 'HW_ARGUMENT', argument: 'path' })
    const tooLong = { access: 'shared', create: true, length: '8MiB' } as const
    expect(thrownBy(() => heap.mapFile(missing, tooLong))).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    expect(thrownBy(() => heap.mapFile(path, tooLong))).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
    expect(statSync(missing, { throwIfNoEntry: false })).toBeUndefined()
    expect(statSync(path).size).toBe(10_000)
    expectAccounts(heap)
    heap.close()
    expect(thrownBy(() => heap.mapFile(path))).toMatchObject({ code: 'HW_CLOSED' })
  })

  it('are refused without permission', () => {
    const path = file(10)
    chmodSync(path, 0o444)
    const heap = make()
    asNobody(() => {
      expect(heap.mapFile(path).bytes).toBe(10)
      expect(thrownBy(() => heap.mapFile(path, { access: 'shared' }))).toMatchObject({
        code: 'HW_FILE',
        message: `${path}: permission denied`,
      })
    })
  })

  it('are taken away again when a later step of mapping fails', () => {
    let refuses = true
    const refusing = pagesWith(pages, {
      decommit: (memory, address, bytes) => {
        if (refuses) throw new PlatformError('madvise', 'ENOMEM', address, bytes)
        return pages.decommit(memory, address, bytes)
      },
    })
    const heap = make({ limit: '2MiB', testing: { pages: refusing } })
    const path = file(5000)
    expect(thrownBy(() => heap.mapFile(path, { access: 'shared' }))).toBeInstanceOf(PlatformError)
    refuses = false
    fillWithBlocks(heap)
    expect(readFileSync(path)).toEqual(Buffer.from(contents(5000)))
    expectAccounts(heap)
  })

  it('keep their memory while the system does not take them away', () => {
    let refuses = true
    const refusing = pagesWith(pages, {
      unmap: (memory, address, bytes) => {
        if (refuses) throw new PlatformError('mmap', 'ENOMEM', address, bytes)
        pages.unmap(memory, address, bytes)
      },
    })
    const heap = make({ limit: '2MiB', testing: { pages: refusing } })
    const [path, other] = [file(5000), file(100)]
    const map = heap.mapFile(path, { access: 'shared' })
    heap.mapFile(other)
    const block = heap.alloc(10)
    expect(thrownBy(() => map.unmap())).toBeInstanceOf(PlatformError)
    expect(map.isUnmapped).toBe(false)
    expect(thrownBy(() => heap.reset())).toBeInstanceOf(PlatformError)
    expect(heap.isBlock(block)).toBe(true)
    fillWithBlocks(heap)
    expect(readFileSync(path)).toEqual(Buffer.from(contents(5000)))
    refuses = false
    map.unmap()
    expect(map.isUnmapped).toBe(true)
    heap.reset()
    fillWithBlocks(heap)
    expect(readFileSync(path)).toEqual(Buffer.from(contents(5000)))
    expectAccounts(heap)
  })

  it('end with a reset by another instance of their heap', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    const heap = make({ memory, base: 0, limit: '2MiB' })
    const other = Heap.attach(memory, 0)
    heaps.push(other)
    const path = file(5000)
    const map = heap.mapFile(path, { access: 'shared' })
    heap.writeU8(map.address, 99)
    other.reset()
    expect(map.isUnmapped).toBe(true)
    fillWithBlocks(other)
    expect(readFileSync(path)).toEqual(Buffer.from(contents(5000).fill(99, 0, 1)))
    expect(other.verify()).toEqual({ ok: true })
  })

  it.each(['close', 'reset'] as const)('of a tenant that cannot be flushed stop nothing else at %s', (call) => {
    const heap = make()
    const [cut, path] = [file(20_000), file(100)]
    heap.tenant('guest').mapFile(cut, { access: 'shared' })
    const map = heap.mapFile(path, { access: 'shared' })
    heap.writeU8(map.address, 99)
    heap.alloc(10)
    truncateSync(cut, 4096)
    expect(thrownBy(() => heap[call]())).toBeInstanceOf(FileError)
    expect([map.isUnmapped, readFileSync(path)[0]]).toEqual([true, 99])
    expect(heap.isClosed).toBe(call === 'close')
    if (call === 'reset') expect(heap.stats().liveBlocks).toBe(0)
  })

  it('need a mode that has room for them', () => {
    const heap = make({ mode: 'embedded', limit: '64KiB' })
    expectRefused(heap, () => heap.mapFile(file(10)), { code: 'HW_UNSUPPORTED' })
    for (const mode of ['compiler', 'vm', 'runtime', 'server'] as const) {
      const other = make({ mode })
      expect(other.mapFile(file(100)).array).toEqual(contents(100))
      expectAccounts(other)
    }
  })

  it(`come and go among blocks as a model says (seed ${SEED})`, () => {
    const below = random(SEED)
    const heap = make({ limit: '24MiB' })
    const blocks = new Map<number, number>()
    const maps: { map: ReturnType<Heap['mapFile']>; expected: Uint8Array }[] = []
    for (let step = 0; step < 100; step++) {
      const what = below(10)
      if (what < 4) {
        const address = heap.tryAlloc(below(50_000))
        if (address !== 0) {
          const byte = below(256)
          heap.fill(address, heap.usableSize(address), byte)
          blocks.set(address, byte)
        }
      } else if (what < 6 && blocks.size > 0) {
        const address = [...blocks.keys()][below(blocks.size)] as number
        const bytes = heap.readBytes(address, heap.usableSize(address))
        expect(
          bytes.every((byte) => byte === blocks.get(address)),
          `seed ${SEED}, step ${step}`,
        ).toBe(true)
        heap.free(address)
        blocks.delete(address)
      } else if (what < 8 && maps.length < 6) {
        const bytes = below(3) === 0 ? below(1_200_000) : below(30_000)
        const access = (['read', 'shared', 'private'] as const)[below(3)]
        maps.push({ map: heap.mapFile(file(bytes), { access: access ?? 'read' }), expected: contents(bytes) })
      } else if (maps.length > 0) {
        const [{ map, expected }] = maps.splice(below(maps.length), 1) as [(typeof maps)[0]]
        if (map.access !== 'read' && map.bytes > 0) {
          const at = below(map.bytes)
          heap.writeU8(map.address + at, 123)
          expected[at] = 123
        }
        expect(Buffer.compare(map.array, expected), `seed ${SEED}, step ${step}`).toBe(0)
        map.unmap()
        const kept = map.access === 'shared' ? expected : contents(map.bytes)
        expect(Buffer.compare(readFileSync(map.path), kept), `seed ${SEED}, step ${step}`).toBe(0)
        rmSync(map.path)
      }
      if (step % 10 === 0) expectAccounts(heap)
    }
  })

  it('are in a fork as they are in its parent', () => {
    const heap = make()
    const shared = heap.mapFile(file(10_000), { access: 'shared' })
    const own = heap.mapFile(file(10_000), { access: 'private' })
    heap.writeU8(own.address + 1, 50)
    heap.writeU8(shared.address + 1, 51)
    const child = heap.fork()
    heaps.push(child)
    const [theirs, private2] = [...child.mappedFiles()]
    expect([theirs?.path, theirs?.address]).toEqual([shared.path, shared.address])
    expect([child.readU8(own.address + 1), child.readU8(shared.address + 1)]).toEqual([50, 51])
    heap.writeU8(own.address + 2, 60)
    expect(child.readU8(own.address + 2)).toBe(contents(3)[2])
    child.writeU8(own.address + 3, 61)
    expect(heap.readU8(own.address + 3)).toBe(contents(4)[3])
    expect(child.readBytes(own.address + 4, 9_996)).toEqual(contents(10_000).slice(4))
    const again = child.fork()
    heaps.push(again)
    expect([again.readU8(own.address + 1), again.readU8(own.address + 3)]).toEqual([50, 61])
    if (pages.can.mapFile) {
      heap.writeU8(shared.address, 52)
      expect([child.readU8(shared.address), again.readU8(shared.address)]).toEqual([52, 52])
    }
    heap.close()
    child.writeU8(shared.address, 53)
    theirs?.flush()
    expect(readFileSync(shared.path)[0]).toBe(53)
    private2?.unmap()
    expect(Buffer.compare(readFileSync(own.path), contents(10_000))).toBe(0)
    expectAccounts(child)
    expectAccounts(again)
  })
})

const canMap = posixPages?.can.mapFile === true

describe.skipIf(!canMap)('files mapped by the system', () => {
  it('are the same memory for all heaps that share them', () => {
    const path = file(8192)
    const [one, other] = [Heap.create(), Heap.create()]
    heaps.push(one, other)
    const [a, b] = [one.mapFile(path, { access: 'shared' }), other.mapFile(path, { access: 'shared' })]
    const reader = other.mapFile(path)
    one.writeI32(a.address + 4096, 12_345)
    expect([other.readI32(b.address + 4096), other.readI32(reader.address + 4096)]).toEqual([12_345, 12_345])
    other.writeI32(b.address, 6)
    expect(one.readI32(a.address)).toBe(6)
    one.close()
    expect(other.readI32(b.address)).toBe(6)
  })

  it('close their descriptors when they are unmapped, and when a call fails', () => {
    const heap = Heap.create({ limit: '2MiB' })
    heaps.push(heap)
    const path = file(1000)
    heap.mapFile(path).unmap()
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    const maps = [heap.mapFile(path), heap.mapFile(path)]
    expect(open()).toBe(before + 2)
    for (const map of maps) map.unmap()
    thrownBy(() => heap.mapFile(path, { limit: 10 }))
    thrownBy(() => heap.mapFile(path, { access: 'shared', create: true, length: '4MiB' }))
    expect(open()).toBe(before)
  })

  it('carry atomic counters between two processes, both ways', async () => {
    const path = file(4096)
    const heap = Heap.create()
    heaps.push(heap)
    const map = heap.mapFile(path, { access: 'shared' })
    map.array.fill(0)
    const words = new Int32Array(heap.memory.buffer, map.address, 4)
    const program = `
      import { Heap } from '${new URL('../dist/src/index.js', import.meta.url).href}'
      const heap = Heap.create()
      const map = heap.mapFile(${JSON.stringify(path)}, { access: 'shared' })
      const words = new Int32Array(heap.memory.buffer, map.address, 4)
      for (let round = 1; round <= 200; round++) {
        while (Atomics.load(words, 0) !== round) await new Promise((done) => setImmediate(done))
        Atomics.add(words, 2, round)
        Atomics.store(words, 1, round)
      }
      heap.close()
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const ended = new Promise<number | null>((done) => child.on('exit', done))
    let hasEnded = false
    void ended.then(() => {
      hasEnded = true
    })
    for (let round = 1; round <= 200; round++) {
      Atomics.store(words, 0, round)
      while (Atomics.load(words, 1) !== round && !hasEnded) await new Promise((done) => setImmediate(done))
    }
    expect(await ended).toBe(0)
    expect(Atomics.load(words, 2)).toBe((200 * 201) / 2)
  })
})

/**
 * Goal: a fork has what its parent had, at the same addresses, and from then on neither sees what the other stores.
 * Method: random forks of forks that write, free and allocate, each against a JavaScript model that is copied with it,
 * on the pages of the system and on the portable ones; figures, descriptors and resident memory as the system tells.
 * A failure means: a page that two heaps share was stored to by one of them, was lost, or is never given back.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Heap, type HeapOptions, PlatformError } from '../src/index.js'
import { koffiAddress } from './support/fork-systems.js'
import { pageSystems, pagesWith, posixPages } from './support/page-systems.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'
import { expectGone } from './support/trimmed-units.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Math.floor(Math.random() * 2 ** 31))
const MIB = 2 ** 20
const canShare = posixPages?.can.fork === true

const heaps: Heap[] = []
afterEach(() => {
  for (const heap of heaps.splice(0)) heap.close()
})

function made(heap: Heap): Heap {
  heaps.push(heap)
  return heap
}

/** A heap, and what its blocks should hold. */
interface Modelled {
  readonly heap: Heap
  readonly blocks: Map<number, Uint8Array>
}

/** Open files in memory; where the system has none, none. */
function memoryFiles(): number {
  if (!canShare) return 0
  const names = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return names.filter((name) => name.startsWith('/memfd:heapwright')).length
}

function expectModel({ heap, blocks }: Modelled, hint: string): void {
  expect(heap.verify(), hint).toEqual({ ok: true })
  const live = [...heap.blocks()].map(({ address }) => address as number)
  expect(live, hint).toEqual([...blocks.keys()].sort((a, b) => a - b))
  for (const [address, bytes] of blocks) {
    if (Buffer.compare(heap.readBytes(address, bytes.length), bytes) === 0) continue
    expect.fail(`${hint}: the block at ${address} of ${heap.name} does not hold what was written`)
  }
}

describe.each(pageSystems)('forks on %s pages', (_name, pages) => {
  const options: HeapOptions = { limit: '64MiB', testing: { pages } }

  it('have the contents of their parent, and stores of their own', () => {
    const heap = made(Heap.create(options))
    const p = heap.alloc(100_000)
    heap.fill(p, 100_000, 7)
    const child = made(heap.fork())
    expect(child.readBytes(p, 100_000)).toEqual(new Uint8Array(100_000).fill(7))
    expect(child.memory).not.toBe(heap.memory)
    expect(child.base).toBe(heap.base)
    child.writeU8(p, 8)
    heap.writeU8(p + 99_999, 9)
    expect([heap.readU8(p), heap.readU8(p + 99_999)]).toEqual([7, 9])
    expect([child.readU8(p), child.readU8(p + 99_999)]).toEqual([8, 7])
    expect(child.stats().inUseBytes).toBe(heap.stats().inUseBytes)
  })

  it('say how they were made', () => {
    const heap = made(Heap.create({ ...options, name: 'shop' }))
    heap.fill(heap.alloc(100_000), 100_000, 1)
    const child = made(heap.fork())
    expect(child.name).toBe('shop-fork')
    expect(made(heap.fork({ name: 'nightly' })).name).toBe('nightly')
    expect(heap.forked).toBeUndefined()
    expect(child.forked).toMatchObject(
      pages.can.fork
        ? { isCopyOnWrite: true, reason: undefined, layers: 1 }
        : { isCopyOnWrite: false, reason: 'asked for', sharedBytes: 0, layers: 0, extents: 0, scannedBytes: 0 },
    )
    expect(child.forked?.copiedBytes).toBeGreaterThan(100_000)
    expect(child.forked?.copiedBytes).toBeLessThan(1_000_000)
  })

  it('grow each for itself, to the same limit', () => {
    const heap = made(Heap.create({ ...options, limit: '8MiB' }))
    const child = made(heap.fork())
    const p = child.alloc(6 * MIB)
    child.fill(p, 6 * MIB, 1)
    expect(child.limitBytes).toBe(heap.limitBytes)
    expect(() => child.alloc(6 * MIB)).toThrow(expect.objectContaining({ code: 'HW_OUT_OF_MEMORY' }))
    const q = heap.alloc(6 * MIB)
    heap.fill(q, 6 * MIB, 2)
    const grandchild = made(child.fork())
    child.close()
    expect(grandchild.readBytes(p, 6 * MIB).every((byte) => byte === 1)).toBe(true)
    expect(heap.readBytes(q, 6 * MIB).every((byte) => byte === 2)).toBe(true)
    expect(grandchild.verify()).toEqual({ ok: true })
  })

  it('outlive their parent, and are outlived by it', () => {
    const heap = made(Heap.create(options))
    const p = heap.alloc(10_000)
    heap.fill(p, 10_000, 5)
    const first = made(heap.fork())
    const second = made(heap.fork())
    first.close()
    expect(heap.readU8(p + 9_999)).toBe(5)
    heap.writeU8(p, 6)
    heap.close()
    expect(second.readU8(p)).toBe(5)
    const third = made(second.fork())
    second.close()
    expect(third.readU8(p + 9_999)).toBe(5)
    expect(third.verify()).toEqual({ ok: true })
  })

  it(`do the same as a model when chosen at random (seed ${SEED})`, () => {
    const below = random(SEED)
    const first: Modelled = { heap: made(Heap.create({ ...options, limit: '16MiB' })), blocks: new Map() }
    const living = [first]
    const pick = <T>(list: readonly T[]) => list[below(list.length)] as T
    for (let step = 0; step < 400; step++) {
      const one = pick(living)
      const hint = `seed ${SEED}, step ${step}`
      const what = below(100)
      if (what < 45) {
        const bytes = below(20) === 0 ? below(600_000) : below(6_000)
        const address = one.heap.tryAlloc(bytes)
        if (address === 0) continue
        const contents = new Uint8Array(bytes).fill(1 + below(255))
        one.heap.writeBytes(address, contents)
        one.blocks.set(address, contents)
      } else if (what < 65 && one.blocks.size > 0) {
        const address = pick([...one.blocks.keys()])
        one.heap.free(address)
        one.blocks.delete(address)
      } else if (what < 68) {
        one.heap.trim({ residency: false })
        expectGone(one.heap)
      } else if (what < 85 && one.blocks.size > 0) {
        const [address, contents] = pick([...one.blocks])
        if (contents.length === 0) continue
        const at = below(contents.length)
        contents[at] = below(256)
        one.heap.writeU8(address + at, contents[at] as number)
      } else if (what < 93 && living.length < 6) {
        const blocks = new Map([...one.blocks].map(([address, bytes]) => [address, bytes.slice()]))
        living.push({ heap: made(one.heap.fork({ name: `fork ${step}` })), blocks })
        expectModel(living.at(-1) as Modelled, hint)
        expectModel(one, hint)
      } else if (what < 97 && living.length > 1) {
        one.heap.close()
        living.splice(living.indexOf(one), 1)
      } else expectModel(one, hint)
    }
    for (const one of living) expectModel(one, `seed ${SEED}, at the end`)
  })

  it('are of the whole memory, where a guest has the rest', () => {
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 64 })
    new Uint8Array(memory.buffer).fill(3, 0, 1000)
    const heap = made(Heap.create({ memory, base: 65_536, end: 4 * 65_536, testing: { pages } }))
    const p = heap.alloc(100)
    heap.fill(p, 100, 4)
    const child = made(heap.fork())
    expect(child.readBytes(0, 1000)).toEqual(new Uint8Array(1000).fill(3))
    expect(child.base).toBe(heap.base)
    expect(child.readU8(p)).toBe(4)
    child.fill(0, 1000, 9)
    expect(heap.readU8(0)).toBe(3)
    const shared = made(Heap.create({ memory: new WebAssembly.Memory({ initial: 1 }), testing: { pages } }))
    const q = shared.alloc(200_000)
    shared.memory.grow(1)
    const other = made(shared.fork())
    other.alloc(300_000)
    expect(other.isBlock(q)).toBe(true)
    expect(other.verify()).toEqual({ ok: true })
  })

  it.each(['manual', 'compiler', 'vm', 'runtime', 'server', 'embedded'] as const)('work in mode %s', (mode) => {
    const limit = mode === 'embedded' ? '128KiB' : '32MiB'
    const heap = made(Heap.create({ mode, limit, testing: { pages } }))
    const p = heap.alloc(1000)
    heap.fill(p, 1000, 1)
    const child = made(heap.fork())
    expect(child.mode).toBe(mode)
    const q = child.alloc(1000)
    child.fill(q, 1000, 2)
    expect(child.readU8(p + 999)).toBe(1)
    expect([heap.verify(), child.verify()]).toEqual([{ ok: true }, { ok: true }])
    child.free(p)
    expect(heap.isBlock(p)).toBe(true)
    child.reset()
    expect(child.verify()).toEqual({ ok: true })
    expect(heap.readU8(p + 999)).toBe(1)
  })

  it('have what is protected protected in both', () => {
    const heap = made(Heap.create(options))
    const guarded = heap.allocGuarded(5000)
    heap.fill(guarded.address, 5000, 1)
    const block = heap.allocAligned(heap.pageBytes, heap.pageBytes)
    heap.fill(block, heap.pageBytes, 2)
    heap.protect(block, 'none')
    const child = made(heap.fork())
    for (const each of [heap, child]) {
      expect(thrownBy(() => each.writeU8(guarded.address + 5000, 1))).toMatchObject({ code: 'HW_PROTECTION' })
      expect(thrownBy(() => each.readU8(block))).toMatchObject({ code: 'HW_PROTECTION' })
      expect(each.readU8(guarded.address + 4999)).toBe(1)
      expect(each.verify()).toEqual({ ok: true })
    }
    child.protect(block, 'readWrite')
    expect(child.readU8(block)).toBe(2)
    child.writeU8(block, 3)
    expect(thrownBy(() => heap.readU8(block))).toMatchObject({ code: 'HW_PROTECTION' })
    const own = child.adopt(guarded)
    expect(own.isProtected).toBe(guarded.isProtected)
    own.check()
    own.free()
    expect(child.isBlock(guarded.address)).toBe(false)
    guarded.check()
    expect(thrownBy(() => heap.writeU8(guarded.address + 5000, 1))).toMatchObject({ code: 'HW_PROTECTION' })
    const next = made(child.fork())
    expect(next.readU8(block)).toBe(3)
    expect(next.verify()).toEqual({ ok: true })
  })

  it('have what is protected by another instance of their parent protected, too', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    const heap = made(Heap.create({ ...options, limit: '2MiB', memory, base: 0, end: 64 * 65536 }))
    const other = made(Heap.attach(memory, 0))
    const block = heap.allocAligned(heap.pageBytes, heap.pageBytes)
    other.protect(block, 'read')
    const child = made(heap.fork())
    expect(thrownBy(() => child.writeU8(block, 1))).toMatchObject({ code: 'HW_PROTECTION' })
    child.reset()
    expect(thrownBy(() => heap.writeU8(block, 1))).toMatchObject({ code: 'HW_PROTECTION' })
  })

  it('that fail at the last step leave nothing behind', () => {
    let left = 1
    const refusing = pagesWith(pages, {
      protect: (memory, address, bytes, access) => {
        // The parent's own is lifted and protected again.
        if (access === 'read' && left-- === 0) throw new PlatformError('mprotect', 'ENOMEM', address, bytes)
        return pages.protect(memory, address, bytes, access) || true
      },
    })
    const before = memoryFiles()
    const heap = Heap.create({ limit: '16MiB', testing: { pages: refusing } })
    const block = heap.allocAligned(heap.pageBytes, heap.pageBytes)
    heap.protect(block, 'read')
    left = 1
    expect(thrownBy(() => heap.fork())).toMatchObject({ code: 'HW_PLATFORM' })
    expect(thrownBy(() => heap.writeU8(block, 1))).toMatchObject({ code: 'HW_PROTECTION' })
    expect(heap.verify()).toEqual({ ok: true })
    left = Number.POSITIVE_INFINITY
    heap.fork().close()
    heap.close()
    expect(memoryFiles()).toBe(before)
  })

  it('have the bytes of files that another heap in the memory has mapped', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    const heap = made(Heap.create({ ...options, limit: '2MiB', memory, base: 0, end: 32 * 65536 }))
    const other = made(Heap.create({ ...options, limit: '2MiB', memory, base: 32 * 65536, end: 64 * 65536 }))
    const directory = mkdtempSync(join(tmpdir(), 'heapwright-fork-'))
    try {
      const path = join(directory, 'file')
      writeFileSync(path, 'what the file holds')
      const maps = (['read', 'shared', 'private'] as const).map((access) => other.mapFile(path, { access }))
      const child = made(heap.fork())
      for (const { address, bytes } of maps) {
        expect(Buffer.from(child.memory.buffer, address, bytes).toString()).toBe('what the file holds')
        new Uint8Array(child.memory.buffer)[address] = 0
      }
      expect(maps.map(({ array }) => Buffer.from(array).toString())).toEqual(Array(3).fill('what the file holds'))
      for (const map of maps) map.unmap()
      expect(readFileSync(path, 'utf8')).toBe('what the file holds')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('hold the reserve for failures that their parent holds', () => {
    const heap = made(Heap.create({ ...options, limit: '4MiB', outOfMemoryReserve: '1MiB' }))
    const child = made(heap.fork())
    const before = child.stats().unusedBytes
    expect(() => child.alloc(3.5 * MIB)).toThrow(expect.objectContaining({ code: 'HW_OUT_OF_MEMORY' }))
    expect(child.stats().unusedBytes).toBeLessThan(before - 900_000)
    expect(heap.stats().unusedBytes).toBe(before)
    expect(child.verify()).toEqual({ ok: true })
  })
})

describe('refused are', () => {
  it('forks of tenants, and of heaps with tenants', () => {
    const heap = made(Heap.create())
    const tenant = heap.tenant('guest')
    expect(thrownBy(() => tenant.fork())).toMatchObject({ code: 'HW_UNSUPPORTED' })
    expect(thrownBy(() => heap.fork())).toMatchObject({ code: 'HW_UNSUPPORTED' })
    tenant.free()
    expect(made(heap.fork()).verify()).toEqual({ ok: true })
  })

  it('closed heaps, and options that are none', () => {
    const heap = Heap.create()
    expect(thrownBy(() => heap.fork({ name: 'a\nb' }))).toMatchObject({ code: 'HW_ARGUMENT', argument: 'name' })
    expect(thrownBy(() => heap.fork({ nmae: 'x' } as object))).toMatchObject({ code: 'HW_ARGUMENT' })
    heap.close()
    expect(thrownBy(() => heap.fork())).toMatchObject({ code: 'HW_CLOSED' })
  })
})

// ---- what the system sees -------------------------------------------------------------------------------------------

function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}

/** Kibibytes of a field of `/proc/self/smaps` over the memory's range. */
function residentKib(heap: Heap, field: 'Pss' | 'Private_Dirty' | 'Rss'): number {
  const base = koffiAddress(heap.memory)
  const end = base + heap.memory.buffer.byteLength
  let isInside = false
  let sum = 0
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line)
    if (range) isInside = Number(`0x${range[1]}`) >= base && Number(`0x${range[2]}`) <= end
    const value = new RegExp(`^${field}:\\s+(\\d+) kB`).exec(line)
    if (isInside && value) sum += Number(value[1])
  }
  return sum
}

describe.skipIf(!canShare)('forks by copy on write', () => {
  it('copy what was stored to since the last fork, whatever the heap holds', () => {
    const heap = made(Heap.create({ limit: '256MiB' }))
    const p = heap.alloc(100 * MIB)
    heap.fill(p, 100 * MIB, 1)
    const first = made(heap.fork())
    expect(first.forked?.copiedBytes).toBeGreaterThan(100 * MIB)
    const second = made(heap.fork())
    expect(second.forked?.copiedBytes).toBeLessThan(200_000)
    for (let i = 0; i < 50; i++) heap.writeU8(p + i * MIB, 2)
    const third = made(heap.fork())
    expect(third.forked?.copiedBytes).toBeGreaterThanOrEqual(50 * 4096)
    expect(third.forked?.copiedBytes).toBeLessThan(50 * 4096 + 200_000)
    expect(third.forked?.sharedBytes).toBeGreaterThan(100 * MIB)
    // With no other memory over the layers, they are written in place.
    for (const fork of [first, second, third]) fork.close()
    heap.writeU8(p, 3)
    const { forked } = made(heap.fork())
    expect(forked?.copiedBytes).toBeLessThan(200_000)
    expect(made(heap.fork()).readU8(p)).toBe(3)
  })

  it('share memory until they store to it', () => {
    const heap = made(Heap.create({ limit: '64MiB' }))
    const p = heap.alloc(32 * MIB)
    heap.fill(p, 32 * MIB, 1)
    const child = made(heap.fork())
    let sum = 0
    for (let at = 0; at < 32 * MIB; at += 4096) sum += child.readU8(p + at) + heap.readU8(p + at)
    expect(sum).toBe((2 * 32 * MIB) / 4096)
    expect(residentKib(child, 'Rss')).toBeGreaterThan(32_000)
    expect(residentKib(child, 'Private_Dirty')).toBeLessThan(2_000)
    expect(residentKib(child, 'Pss')).toBeLessThan(18_000)
    child.fill(p, 8 * MIB, 2)
    expect(residentKib(child, 'Private_Dirty')).toBeGreaterThan(8_000)
    expect(residentKib(child, 'Private_Dirty')).toBeLessThan(11_000)
  })

  it('read as zero where pages were given back', () => {
    const heap = made(Heap.create({ limit: '16MiB' }))
    const p = heap.allocAligned(MIB, 65_536)
    heap.fill(p, MIB, 5)
    const child = made(heap.fork())
    posixPages?.decommit(heap.memory, p, 65_536)
    expect(heap.readBytes(p, 65_536).every((byte) => byte === 0)).toBe(true)
    expect(heap.readU8(p + 65_536)).toBe(5)
    expect(child.readU8(p)).toBe(5)
    const next = made(heap.fork())
    expect(next.readBytes(p, 65_536).every((byte) => byte === 0)).toBe(true)
    expect(next.readU8(p + 65_536)).toBe(5)
    heap.writeU8(p, 6)
    expect([made(heap.fork()).readU8(p), next.readU8(p), child.readU8(p)]).toEqual([6, 0, 5])
  })

  it('give zeros for what was trimmed, in the parent, the fork and forks of either', () => {
    const heap = made(Heap.create({ limit: '64MiB', debug: true }))
    const blocks = Array.from({ length: 8 }, (_, i) => {
      const block = heap.alloc(MIB)
      heap.fill(block, MIB, i + 1)
      return block
    })
    const child = made(heap.fork())
    const free = (one: Heap, isFreed: (i: number) => boolean) => {
      for (const [i, block] of blocks.entries()) if (isFreed(i)) one.free(block)
      expect(one.trim().releasedBytes).toBeGreaterThan(3 * MIB)
    }
    free(heap, (i) => i % 2 === 0)
    free(child, (i) => i % 2 === 1)
    const next = [heap, child].map((one) => made(one.fork()))
    for (const [i, one] of [heap, child, ...next].entries()) {
      expect(expectGone(one)).toBe(one.stats().trimmedBytes)
      const kept = blocks.filter((_, at) => at % 2 !== i % 2)
      for (const block of kept)
        expect(one.readBytes(block, MIB).every((byte) => byte === 1 + blocks.indexOf(block))).toBe(true)
      expect(one.verify()).toEqual({ ok: true })
      // What has gone comes back as zeros, and takes stores.
      const again = one.alloc(MIB)
      one.fill(again, MIB, 100)
      expect(one.readBytes(again, MIB).every((byte) => byte === 100)).toBe(true)
      expectGone(one)
    }
  })

  it('keep a descriptor for each layer that an open heap has, and no longer', () => {
    const before = openFiles()
    const heap = Heap.create({ limit: '16MiB' })
    const first = heap.fork()
    heap.alloc(100_000)
    const second = heap.fork()
    expect(openFiles()).toBe(before + 2)
    heap.close()
    first.close()
    expect(openFiles()).toBeGreaterThan(before)
    const third = second.fork()
    second.close()
    expect(third.verify()).toEqual({ ok: true })
    third.close()
    expect(openFiles()).toBe(before)
  })

  it('can be made again after all heaps of the memory were closed', () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 256 })
    const heap = Heap.create({ memory, base: 0, end: 16 * 65_536 })
    const p = heap.alloc(1000)
    heap.fill(p, 1000, 3)
    const child = made(heap.fork())
    heap.close()
    const again = made(Heap.attach(memory, 0))
    again.writeU8(p, 4)
    const late = made(again.fork())
    expect([late.readU8(p), late.readU8(p + 999), child.readU8(p)]).toEqual([4, 3, 3])
  })

  it('keep the memory as long as any heap over it is open', () => {
    const heap = made(Heap.create({ limit: '16MiB' }))
    const p = heap.alloc(1000)
    heap.fill(p, 1000, 3)
    const child = made(heap.fork())
    const second = made(Heap.attach(child.memory, child.base))
    child.close()
    expect(second.readU8(p + 999)).toBe(3)
    expect(second.verify()).toEqual({ ok: true })
    const third = made(second.fork())
    const { memory } = second
    second.close()
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true)
    expect([third.readU8(p), heap.readU8(p)]).toEqual([3, 3])
  })

  it('copy all, and say why, when the system has no descriptor left', () => {
    const program = `
      import { openSync, closeSync, writeFileSync, rmSync } from 'node:fs'
      import { Heap } from '${new URL('../dist/src/index.js', import.meta.url).href}'
      const file = '${tmpdir()}/heapwright-fork-' + process.pid
      writeFileSync(file, 'abcdef'.repeat(1000))
      const first = Heap.create()
      first.fork().close()
      first.close()
      const heap = Heap.create()
      const map = heap.mapFile(file, { access: 'private' })
      rmSync(file)
      heap.writeU8(map.address, 'X'.charCodeAt(0))
      const p = heap.alloc(100_000)
      heap.fill(p, 100_000, 7)
      const taken = []
      try {
        for (;;) taken.push(openSync('/dev/null'))
      } catch {}
      const child = heap.fork()
      for (const fd of taken) closeSync(fd)
      const again = heap.fork()
      for (const each of [child, again]) {
        const text = String.fromCharCode(...each.readBytes(map.address, 3))
        console.log(each.forked.isCopyOnWrite, each.forked.reason, text, each.readU8(p + 99_999), each.verify().ok)
      }
      child.writeU8(map.address + 1, 1)
      console.log(heap.readU8(map.address + 1), again.readU8(map.address + 1))
    `
    const args = ['-c', 'ulimit -n 200 && exec "$0" --input-type=module -e "$1"', process.execPath, program]
    const run = spawnSync('sh', args, { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run.stdout.split('\n')).toEqual([
      expect.stringMatching(/^false memfd_create of \d+ bytes at 0x0 failed: EMFILE Xbc 7 true$/),
      'true undefined Xbc 7 true',
      '98 98',
      '',
    ])
  })

  it('of a thread close their descriptors with it, and cause no warning', () => {
    const program = `
      import { readdirSync, readlinkSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const nameOf = (fd) => {
        try { return readlinkSync('/proc/self/fd/' + fd) } catch { return '' }
      }
      const files = () => readdirSync('/proc/self/fd').map(nameOf).filter((name) => /memfd|pagemap/.test(name)).length
      const code = \`import('${new URL('../dist/src/index.js', import.meta.url).href}').then(({ Heap }) => {
        const heap = Heap.create()
        heap.fork().close()
        heap.fork()
        console.log(heap.fork().forked.isCopyOnWrite)
      })\`
      await new Promise((done) => new Worker(code, { eval: true }).on('exit', done))
      console.log(files())
    `
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect([run.stdout, run.stderr]).toEqual(['true\n0\n', ''])
  })

  it('close their descriptors when they are dropped without a close', () => {
    const program = `
      import { readdirSync } from 'node:fs'
      import { Heap } from '${new URL('../dist/src/index.js', import.meta.url).href}'
      const files = () => readdirSync('/proc/self/fd').length
      const first = Heap.create()
      first.fork().close()
      first.close()
      const before = files()
      for (let i = 0; i < 5; i++) Heap.create({ limit: '4MiB' }).fork()
      const between = files()
      for (let i = 0; i < 50 && files() > before; i++) {
        gc()
        await new Promise((done) => setTimeout(done, 10))
      }
      console.log(between > before, files() - before)
    `
    const run = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run.stdout).toBe('true 0\n')
  })
})

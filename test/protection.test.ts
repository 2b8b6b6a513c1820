/**
 * Goal: what is protected is neither written nor freed by anything that the library does, and by nothing else where the
 * system helps; and it ends when it shall.
 * Method: guarded blocks, whole blocks and their like on the portable pages and on the system's; a table of every call
 * that reads or writes at an address; a guest that stores, and a child process that stores from JavaScript.
 * Random runs print their seed: HEAPWRIGHT_SEED=<seed> npx vitest run --project all test/protection.test.ts
 * A failure means: a stray store goes unseen, a call of the library ends the process, or memory stays locked for good.
 */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  Bitmap,
  ClosedError,
  CorruptionError,
  FixedArray,
  type GuardedBlock,
  Heap,
  type HeapOptions,
  InvalidAddressError,
  LinkedList,
  OutOfMemoryError,
  PlatformError,
  ProtectionError,
  RingBuffer,
  UnsupportedError,
} from '../src/index.js'
import { guestOver, pageSystems, pagesWith, posixPages } from './support/page-systems.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
console.info(`HEAPWRIGHT_SEED=${SEED}`)

const WASM_PAGE = 65536
const MODES = ['manual', 'compiler', 'runtime', 'vm', 'server'] as const

/** Bytes as they are, without the library's checks; only of what may be read. */
function bytesOf(heap: Heap, address: number, bytes: number): Uint8Array {
  return new Uint8Array(heap.memory.buffer, address, bytes).slice()
}

/** Every call that writes at an address, with the bytes it writes. */
const WRITES: readonly (readonly [string, number, (heap: Heap, at: number, other: number) => unknown])[] = [
  ['writeI8', 1, (heap, at) => heap.writeI8(at, 1)],
  ['writeU8', 1, (heap, at) => heap.writeU8(at, 1)],
  ['writeI16', 2, (heap, at) => heap.writeI16(at, 1)],
  ['writeU16', 2, (heap, at) => heap.writeU16(at, 1)],
  ['writeI32', 4, (heap, at) => heap.writeI32(at, 1)],
  ['writeU32', 4, (heap, at) => heap.writeU32(at, 1)],
  ['writeI64', 8, (heap, at) => heap.writeI64(at, 1n)],
  ['writeU64', 8, (heap, at) => heap.writeU64(at, 1n)],
  ['writeF32', 4, (heap, at) => heap.writeF32(at, 1)],
  ['writeF64', 8, (heap, at) => heap.writeF64(at, 1)],
  ['fill', 3, (heap, at) => heap.fill(at, 3, 1)],
  ['copy', 3, (heap, at, other) => heap.copy(at, other, 3)],
  ['writeBytes', 3, (heap, at) => heap.writeBytes(at, Uint8Array.of(1, 2, 3))],
]
const READS: readonly (readonly [string, number, (heap: Heap, at: number, other: number) => unknown])[] = [
  ['readI8', 1, (heap, at) => heap.readI8(at)],
  ['readU8', 1, (heap, at) => heap.readU8(at)],
  ['readI16', 2, (heap, at) => heap.readI16(at)],
  ['readU16', 2, (heap, at) => heap.readU16(at)],
  ['readI32', 4, (heap, at) => heap.readI32(at)],
  ['readU32', 4, (heap, at) => heap.readU32(at)],
  ['readI64', 8, (heap, at) => heap.readI64(at)],
  ['readU64', 8, (heap, at) => heap.readU64(at)],
  ['readF32', 4, (heap, at) => heap.readF32(at)],
  ['readF64', 8, (heap, at) => heap.readF64(at)],
  ['readBytes', 3, (heap, at) => heap.readBytes(at, 3)],
  ['copy from', 3, (heap, at, other) => heap.copy(other, at, 3)],
  ['compare', 3, (heap, at, other) => heap.compare(other, at, 3)],
  ['compare to', 3, (heap, at, other) => heap.compare(at, other, 3)],
]

describe.each(pageSystems)('on pages that are %s', (_, pages) => {
  const isEnforced = pages.can.protect
  const page = pages.pageBytes
  const create = (options: HeapOptions = {}) =>
    Heap.create({ limit: '32MiB', ...(options.memory ? {} : { initial: 0 }), ...options, testing: { pages } })
  /** A block of whole pages, every byte 7. */
  const wholeBlock = (heap: Heap, count = 1) => {
    const block = heap.allocAligned(count * page, page)
    heap.fill(block, count * page, 7)
    return block
  }
  /** Whether a guest may store there; a store that is made is undone. */
  const guestMayStore = (heap: Heap, at: number) => {
    const guest = guestOver(heap.memory)
    try {
      const before = guest.load(at)
      guest.store(at, before)
      return true
    } catch (error) {
      expect(error).toBeInstanceOf(WebAssembly.RuntimeError)
      return false
    }
  }

  describe('guarded blocks', () => {
    it.each(MODES)('end, or start, at a guard in mode %s', (mode) => {
      using heap = create({ mode })
      for (const bytes of [0, 1, 8, 100, page, page + 1, 3 * page, 100_000]) {
        for (const at of ['end', 'start'] as const) {
          const block = heap.allocGuarded(bytes, { at })
          expect(block).toMatchObject({ bytes, at, isProtected: isEnforced, isFreed: false, protection: undefined })
          const edge = at === 'end' ? block.address + bytes : block.address
          expect(edge % page).toBe(0)
          heap.fill(block.address, bytes, 1)
          expect(heap.readBytes(block.address, bytes).every((byte) => byte === 1)).toBe(true)
          const outside = at === 'end' ? edge : edge - 1
          expect(() => heap.writeU8(outside, 1)).toThrow(ProtectionError)
          expect(() => heap.readU8(outside)).toThrow(ProtectionError)
          expect(guestMayStore(heap, outside)).toBe(!isEnforced)
          block.check()
          block.free()
          expect(heap.verify()).toEqual({ ok: true })
          expect(guestMayStore(heap, outside)).toBe(true)
        }
      }
      expect(heap.stats().liveBlocks).toBe(0)
    })

    it('refuse every call across their end, which changes nothing', () => {
      using heap = create()
      const other = heap.alloc(16)
      using block = heap.allocGuarded(64)
      heap.fill(block.address, 64, 9)
      const end = block.address + 64
      for (const [name, bytes, write] of [...WRITES, ...READS]) {
        // Some bytes inside and some not; all of them behind; the last ones in front, which may.
        for (const at of [end - bytes + 1, end, end + page - bytes]) {
          expect(() => write(heap, at, other), name).toThrow(ProtectionError)
        }
        expect(bytesOf(heap, block.address, 64).every((byte) => byte === 9)).toBe(true)
        write(heap, end - bytes, other)
        heap.fill(block.address, 64, 9)
      }
      expect(() => heap.fill(block.address, 65, 1)).toThrow(/the page behind the guarded block at 0x\w+ must not be/)
      expect(() => heap.view(Uint8Array, block.address, 65)).toThrow(ProtectionError)
      expect(() => heap.viewOf(Uint8Array, block.address, 65)).toThrow(ProtectionError)
      expect(heap.view(Uint8Array, block.address, 64)[0]).toBe(9)
      for (const wrong of [block.address, block.address + 16]) {
        expect(() => heap.free(wrong)).toThrow()
        expect(() => heap.realloc(wrong, 10)).toThrow()
      }
    })

    it('cannot be freed around their owner', () => {
      using heap = create()
      using block = heap.allocGuarded(64)
      const [outer] = heap.blocks()
      const address = outer?.address ?? 0
      expect(() => heap.free(address)).toThrow(ProtectionError)
      expect(() => heap.free(address, 3 * page, page)).toThrow(ProtectionError)
      expect(() => heap.realloc(address, 10)).toThrow(ProtectionError)
      expect(() => heap.protect(address, 'read')).toThrow(ProtectionError)
      expect(heap.protect(address, 'readWrite')).toBeUndefined()
      expect(block.isProtected).toBe(isEnforced)
      expect(heap.isBlock(address)).toBe(true)
    })

    it('find stores around them that nobody refused', () => {
      using heap = create()
      const guest = guestOver(heap.memory)
      const damages: readonly (readonly [GuardedBlock, number, RegExp])[] = [
        [heap.allocGuarded(100), -3, /wrote 3 bytes in front of the guarded block/],
        [heap.allocGuarded(100, { at: 'start' }), 100, /wrote 1 byte behind the guarded block/],
        ...(isEnforced ? [] : ([[heap.allocGuarded(100), 107, /wrote 8 bytes behind/]] as const)),
      ]
      for (const [block, offset, message] of damages) {
        const { address } = block
        guest.store(address + offset, 0)
        expect(() => block.check()).toThrow(CorruptionError)
        expect(() => block.free()).toThrow(message)
        expect(block.isFreed).toBe(false)
        block.free()
        expect(block.isFreed).toBe(true)
        expect(() => block.free()).toThrow(ClosedError)
        expect(() => block.check()).toThrow(ClosedError)
        expect(() => block.protect('read')).toThrow(ClosedError)
        expect(block).toMatchObject({ isProtected: false, protection: undefined })
        block.dispose()
      }
      expect(heap.stats().liveBlocks).toBe(0)
    })

    it('can be protected themselves', () => {
      using heap = create()
      const block = heap.allocGuarded(100)
      heap.writeU8(block.address, 5)
      expect(heap.protect(block, 'read')).toMatchObject({ access: 'read', bytes: page, isEnforced })
      expect(heap.readU8(block.address)).toBe(5)
      expect(() => heap.writeU8(block.address, 6)).toThrow(ProtectionError)
      expect(() => block.free()).toThrow(ProtectionError)
      block.check()
      expect(block.protect('none')?.access).toBe('none')
      block.check()
      expect(() => heap.readU8(block.address)).toThrow(ProtectionError)
      expect(guestMayStore(heap, block.address)).toBe(!isEnforced)
      expect(block.protect('readWrite')).toBeUndefined()
      expect(block.protect('readWrite')).toBeUndefined()
      expect(heap.readU8(block.address)).toBe(5)
      block.protect('none')
      block.dispose()
      expect(block.isFreed).toBe(true)
      expect(heap.stats().liveBlocks).toBe(0)
    })

    it('are refused where they cannot be', () => {
      using heap = create({ limit: '1MiB' })
      for (const bytes of [-1, 0.5, Number.NaN, '16', 2 ** 32]) {
        expect(() => heap.allocGuarded(bytes as number)).toThrow(ArgumentError)
      }
      expect(() => heap.allocGuarded(1, { at: 'middle' as 'end' })).toThrow(/`at` must be 'end' or 'start'/)
      expect(() => heap.allocGuarded(1, { to: 1 } as object)).toThrow(ArgumentError)
      expect(() => heap.allocGuarded(2 ** 20)).toThrow(OutOfMemoryError)
      expect(() => heap.allocGuarded(2 ** 32 - 3)).toThrow(OutOfMemoryError)
      expect(heap.stats().liveBlocks).toBe(0)
      heap.close()
      expect(() => heap.allocGuarded(1)).toThrow(ClosedError)
      using small = Heap.create({ mode: 'embedded', limit: '64KiB', testing: { pages } })
      expect(() => small.allocGuarded(1)).toThrow(UnsupportedError)
    })

    it('leave nothing behind when the system refuses', () => {
      let allowed = 1
      const refusing = pagesWith(pages, {
        protect: (memory, address, bytes, access) => {
          if (access !== 'readWrite' && allowed-- === 0) throw new PlatformError('mprotect', 'ENOMEM', address, bytes)
          return pages.protect(memory, address, bytes, access)
        },
      })
      using heap = Heap.create({ limit: '4MiB', initial: 0, testing: { pages: refusing } })
      expect(() => heap.allocGuarded(1)).toThrow(PlatformError)
      expect(heap.stats().liveBlocks).toBe(0)
      const block = wholeBlock(heap)
      allowed = 0
      expect(() => heap.protect(block, 'read')).toThrow(/ENOMEM/)
      heap.fill(block, 3 * page, 0)
      allowed = 1
      heap.protect(block, 'read')
      allowed = 0
      expect(() => heap.protect(block, 'none')).toThrow(PlatformError)
      expect(heap.readU8(block)).toBe(0)
      expect(() => heap.writeU8(block, 1)).toThrow(ProtectionError)
    })
  })

  describe('whole blocks', () => {
    it('are not written, freed or resized while they must only be read', () => {
      using heap = create()
      const other = heap.alloc(16)
      const block = wholeBlock(heap, 2)
      const protection = heap.protect(block, 'read')
      expect(protection).toEqual({
        access: 'read',
        bytes: 2 * page,
        enforcedBytes: isEnforced ? 2 * page : 0,
        isEnforced,
        reason: isEnforced ? undefined : pages.reason,
      })
      for (const [name, , write] of WRITES) {
        for (const at of [block, block + page + 4]) expect(() => write(heap, at, other), name).toThrow(ProtectionError)
      }
      for (const [, bytes, read] of READS) read(heap, block + 2 * page - bytes, other)
      expect(() => heap.free(block)).toThrow(ProtectionError)
      expect(() => heap.free(block, 2 * page, page)).toThrow(ProtectionError)
      expect(() => heap.realloc(block, 4 * page)).toThrow(ProtectionError)
      expect(() => heap.checked.writeU8(block, 0, 1)).toThrow(ProtectionError)
      expect(heap.checked.readU8(block, 0)).toBe(7)
      expect(guestMayStore(heap, block)).toBe(!isEnforced)
      expect(guestOver(heap.memory).load(block + page)).toBe(7)
      expect(bytesOf(heap, block, 2 * page).every((byte) => byte === 7)).toBe(true)
      expect(heap.protect(block, 'readWrite')).toBeUndefined()
      heap.writeU8(block, 1)
      heap.free(heap.realloc(block, 4 * page))
      expect(heap.verify()).toEqual({ ok: true })
    })

    it('change their access, and keep it over growth', () => {
      const memory = new WebAssembly.Memory({ initial: 2, maximum: 256 })
      using heap = create({ memory, base: 0, end: 256 * WASM_PAGE, limit: '16MiB' })
      const block = wholeBlock(heap)
      heap.protect(block, 'read')
      heap.protect(block, 'read')
      expect(heap.protect(block, 'none')?.access).toBe('none')
      heap.alloc(4 << 20)
      expect(guestMayStore(heap, block)).toBe(!isEnforced)
      if (isEnforced) expect(() => guestOver(memory).load(block)).toThrow(WebAssembly.RuntimeError)
      // Grown by somebody else, as a guest may: the next call of the library sees it.
      memory.grow(1)
      expect(() => heap.readU8(block)).toThrow(ProtectionError)
      expect(guestMayStore(heap, block)).toBe(!isEnforced)
      expect(heap.protect(block, 'read')?.isEnforced).toBe(isEnforced)
      expect(heap.readU8(block)).toBe(7)
    })

    it('must share no page, and be blocks', () => {
      using heap = create()
      expect(heap.pageBytes).toBe(page)
      const block = wholeBlock(heap)
      const inside = heap.alloc(page + 16)
      const odd = heap.allocAligned(page + 64, page)
      expect(() => heap.protect(inside, 'read')).toThrow(/`what` must be a block that shares no page with others/)
      expect(() => heap.protect(odd, 'read')).toThrow(ArgumentError)
      expect(() => heap.protect(block + 32, 'read')).toThrow(InvalidAddressError)
      expect(() => heap.protect(1.5, 'read')).toThrow(ArgumentError)
      expect(() => heap.protect(block, 'write' as 'read')).toThrow(/`access` must be 'none', 'read' or 'readWrite'/)
      expect(heap.protect(block, 'readWrite')).toBeUndefined()
      heap.writeU8(block, 1)
      heap.free(block)
      heap.close()
      expect(() => heap.protect(block, 'read')).toThrow(ClosedError)
      expect(() => heap.pageBytes).toThrow(ClosedError)
    })

    it('keep what lives in them from being changed', () => {
      using heap = create()
      const block = wholeBlock(heap, 2)
      const { memory } = heap
      const bits = Bitmap.create({ memory, address: block }, 64)
      const list = FixedArray.create({ memory, address: block + 128 }, { capacity: 8, item: 'i32' })
      const ring = RingBuffer.create({ memory, address: block + 512 }, { capacity: 8, item: 'i32' })
      const links = LinkedList.create({ memory, address: block + 1024 })
      const node = heap.calloc(1, LinkedList.nodeBytes)
      list.push(3)
      ring.pushBack(4)
      bits.set(5)
      const arena = heap.fixedArena({ base: block + page, limit: block + 2 * page })
      heap.protect(block, 'read')
      const changes = [
        () => bits.set(1),
        () => bits.setRange(0, 9),
        () => list.push(1),
        () => list.set(0, 1),
        () => list.clear(),
        () => ring.pushBack(1),
        () => ring.popFront(),
        () => links.pushBack(node),
        () => Bitmap.create({ memory, address: block + 2048 }, 8),
        () => arena.calloc(2, 16),
      ]
      for (const change of changes) expect(change, String(change)).toThrow(ProtectionError)
      expect([bits.get(5), bits.get(1), list.get(0), list.length, ring.get(0), links.length]).toEqual([
        true,
        false,
        3,
        1,
        4,
        0,
      ])
      heap.protect(block, 'none')
      for (const look of [() => bits.get(5), () => list.length, () => list.get(0), () => ring.length]) {
        expect(look, String(look)).toThrow(ProtectionError)
      }
      heap.protect(block, 'readWrite')
      links.pushBack(node)
      expect(list.push(1)).toBe(true)
      expect(arena.calloc(2, 16)).toBe(block + page)
    })
  })

  describe('the end of protection', () => {
    it('comes with a reset', () => {
      using heap = create()
      const guarded = heap.allocGuarded(10)
      const block = wholeBlock(heap)
      heap.protect(block, 'none')
      heap.reset()
      expect(guestMayStore(heap, block)).toBe(true)
      expect(guestMayStore(heap, guarded.address + 10)).toBe(true)
      expect(guarded).toMatchObject({ isFreed: true, protection: undefined })
      expect(() => guarded.free()).toThrow(/was freed when heap was reset/)
      guarded.dispose()
      heap.fill(heap.alloc(20 << 20), 20 << 20, 1)
      expect(heap.verify()).toEqual({ ok: true })
    })

    it('comes with the heap in a memory that lives on', () => {
      const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
      const heap = create({ memory, base: 0, end: 64 * WASM_PAGE, limit: '4MiB' })
      const other = Heap.attach(memory, 0)
      const block = wholeBlock(heap)
      const guarded = heap.allocGuarded(10)
      heap.protect(block, 'read')
      expect(() => other.writeU8(block, 1)).toThrow(ProtectionError)
      expect(() => other.free(block)).toThrow(ProtectionError)
      // Another heap in its place would overwrite what is protected.
      const replace = () => create({ memory, base: 0, end: 64 * WASM_PAGE, limit: '4MiB', overwrite: true })
      expect(replace).toThrow(/making a heap of \d+ bytes at 0x0: .* must not be/)
      heap.close()
      expect(() => guarded.free()).toThrow(ClosedError)
      guarded.dispose()
      other.writeU8(block, 1)
      expect(guestMayStore({ memory } as Heap, guarded.address + 10)).toBe(true)
      other.free(block)
      replace().close()
    })

    it('comes with a reset by another instance', () => {
      const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
      const heap = create({ memory, base: 0, end: 64 * WASM_PAGE, limit: '4MiB' })
      const other = Heap.attach(memory, 0)
      const block = wholeBlock(heap)
      heap.protect(block, 'none')
      other.reset()
      expect(heap.readU8(block)).toBeDefined()
      heap.close()
      other.close()
    })

    it('comes with a tenant, whose memory is used again', () => {
      using heap = create()
      const tenant = heap.tenant('guest', { max: '4MiB' })
      const block = wholeBlock(tenant)
      const guarded = tenant.allocGuarded(10)
      tenant.protect(block, 'read')
      expect(() => heap.writeU8(block, 1)).toThrow(ProtectionError)
      expect(() => heap.tenant('other').writeU8(guarded.address + 10, 1)).toThrow(ProtectionError)
      expect(guestMayStore(heap, block)).toBe(!isEnforced)
      tenant.free()
      heap.writeU8(block, 1)
      heap.fill(heap.alloc(8 << 20), 8 << 20, 1)
      expect(guestMayStore(heap, guarded.address + 10)).toBe(true)
      expect(heap.verify()).toEqual({ ok: true })
    })
  })

  it.runIf(isEnforced)('is refused before the process has no mappings left', () => {
    using heap = create({ limit: '128MiB', initial: '128MiB' })
    const blocks = Array.from({ length: 5120 }, () => heap.allocGuarded(1))
    expect(() => heap.allocGuarded(1)).toThrow(PlatformError)
    blocks[0]?.free()
    expect(heap.allocGuarded(1).isProtected).toBe(true)
    expect(heap.verify()).toEqual({ ok: true })
  })

  describe('where the system refuses to lift', () => {
    let refuses = false
    const refusing = pagesWith(pages, {
      protect: (memory, address, bytes, access) => {
        if (refuses && access === 'readWrite') throw new PlatformError('mprotect', 'ENOMEM', address, bytes)
        pages.protect(memory, address, bytes, access)
        return true
      },
    })
    const refused = (call: () => void) => {
      refuses = true
      try {
        expect(call).toThrow(PlatformError)
      } finally {
        refuses = false
      }
    }

    it('nothing has changed, and it can be tried again', () => {
      using heap = Heap.create({ limit: '4MiB', initial: 0, testing: { pages: refusing } })
      const block = wholeBlock(heap)
      const guarded = heap.allocGuarded(10)
      heap.protect(block, 'read')
      const { liveBlocks } = heap.stats()
      refused(() => heap.protect(block, 'readWrite'))
      refused(() => guarded.free())
      refused(() => guarded.dispose())
      refused(() => heap.reset())
      expect(heap.stats().liveBlocks).toBe(liveBlocks)
      expect([heap.readU8(block), guarded.isFreed, guarded.isProtected]).toEqual([7, false, true])
      expect(() => heap.writeU8(block, 1)).toThrow(ProtectionError)
      expect(() => heap.writeU8(guarded.address + 10, 1)).toThrow(ProtectionError)
      guarded.free()
      heap.protect(block, 'readWrite')
      heap.writeU8(block, 1)
      heap.protect(block, 'read')
      heap.reset()
      heap.fill(heap.alloc(1 << 20), 1 << 20, 1)
      expect(heap.verify()).toEqual({ ok: true })
    })

    it('a heap is closed all the same, and others keep off what is left', () => {
      const memory = new WebAssembly.Memory({ initial: 128, maximum: 128 })
      const options = { limit: '4MiB', testing: { pages: refusing } } as const
      const heap = Heap.create({ ...options, memory, base: 0, end: 64 * WASM_PAGE })
      using other = Heap.create({ ...options, memory, base: 64 * WASM_PAGE, end: 128 * WASM_PAGE })
      const block = wholeBlock(heap)
      heap.protect(block, 'read')
      const closed: string[] = []
      heap.on('close', ({ name }) => closed.push(name))
      refused(() => heap.close())
      expect([heap.isClosed, closed.length]).toEqual([true, 1])
      expect(() => other.writeU8(block, 1)).toThrow(ProtectionError)
      expect(other.readU8(block)).toBe(7)
      other.writeU8(other.alloc(10), 1)
      heap.close()
    })

    it('memory of a tenant that has ended is not used again', () => {
      using heap = Heap.create({ limit: '8MiB', testing: { pages: refusing } })
      const tenant = heap.tenant('guest', { max: '4MiB' })
      const block = wholeBlock(tenant)
      tenant.protect(block, 'read')
      refused(() => tenant.free())
      expect(tenant.isClosed).toBe(true)
      for (let p = heap.tryAlloc(100_000); p !== 0; p = heap.tryAlloc(100_000)) {
        expect(block < p || block >= p + 100_000).toBe(true)
        heap.fill(p, 100_000, 1)
      }
      expect(heap.verify()).toEqual({ ok: true })
    })
  })

  it('keeps its table right, whatever is done', () => {
    const below = random(SEED)
    using heap = create({ limit: '16MiB' })
    const held: { block: GuardedBlock; access: 'none' | 'read' | 'readWrite' }[] = []
    for (let step = 0; step < 300; step++) {
      const chance = below(4)
      const one = held[below(held.length)]
      if (chance === 0 || !one) {
        const block = heap.allocGuarded(1 + below(3 * page), { at: below(2) === 0 ? 'end' : 'start' })
        held.push({ block, access: 'readWrite' })
      } else if (chance === 1) {
        one.access = (['none', 'read', 'readWrite'] as const)[below(3)] ?? 'read'
        heap.protect(one.block, one.access)
      } else if (chance === 2 && held.length > 10) {
        one.block.dispose()
        held.splice(held.indexOf(one), 1)
      } else {
        const at = one.block.address + below(one.block.bytes)
        const expected = one.access
        const write = () => heap.writeU8(at, step)
        const read = () => heap.readU8(at)
        if (expected === 'readWrite') write()
        else expect(write).toThrow(ProtectionError)
        if (expected === 'none') expect(read).toThrow(ProtectionError)
        else read()
        expect(guestMayStore(heap, at)).toBe(!isEnforced || expected === 'readWrite')
      }
    }
    for (const { block } of held) {
      expect(() => heap.writeU8(block.at === 'end' ? block.address + block.bytes : block.address - 1, 1)).toThrow()
      block.dispose()
    }
    expect(heap.stats().liveBlocks).toBe(0)
    expect(heap.verify()).toEqual({ ok: true })
    heap.fill(heap.alloc(8 << 20), 8 << 20, 1)
  })

  describe('hints and residency', () => {
    it('says which hints the system takes', () => {
      using heap = create({ hugePages: true, numaNode: 0 })
      const { hugePages, numa } = pages.can
      const reason = pages.reason === undefined ? {} : { reason: pages.reason }
      expect(heap.advise({ hugePages: false, numaNode: 0 })).toEqual({ hugePages, numaNode: numa, ...reason })
      expect(heap.advise({ numaNode: 1023 })).toEqual({ numaNode: false, ...reason })
      expect(heap.advise({})).toEqual({})
      expect(() => heap.advise({ numaNode: 1024 })).toThrow(ArgumentError)
      expect(() => heap.advise({ hugePages: 1 as unknown as boolean })).toThrow(ArgumentError)
      expect(() => heap.advise({ huge: true } as object)).toThrow(ArgumentError)
      expect(() => heap.tenant('guest').advise({ hugePages: true })).toThrow(UnsupportedError)
      expect(() => heap.tenant('next', { hugePages: true } as object)).toThrow(/the memory is the parent's/)
      expect(() => create({ numaNode: -1 })).toThrow(ArgumentError)
      expect(() => create({ hugePages: 'yes' as unknown as boolean })).toThrow(ArgumentError)
    })

    it('gives them again for what the memory grows by', () => {
      const advised: number[][] = []
      const noting = pagesWith(pages, {
        advise: (memory, address, bytes, hints) => {
          advised.push([address, bytes])
          return pages.advise(memory, address, bytes, hints)
        },
      })
      using heap = Heap.create({ limit: '16MiB', initial: 0, hugePages: false, testing: { pages: noting } })
      const before = heap.memory.buffer.byteLength
      heap.alloc(2 << 20)
      const after = heap.memory.buffer.byteLength
      expect(advised[0]).toEqual([0, before])
      const last = advised.at(-1) ?? []
      expect((last[0] ?? 0) + (last[1] ?? 0)).toBe(after)
    })

    it('tells what is resident, or that it cannot', () => {
      using heap = create({ hugePages: false })
      const before = heap.residentBytes()
      expect(before === undefined).toBe(!pages.can.residency)
      if (before === undefined) return
      const block = heap.alloc(8 << 20)
      expect(heap.residentBytes()).toBeLessThan(before + (1 << 20))
      heap.fill(block, 8 << 20, 1)
      expect(heap.residentBytes()).toBeGreaterThanOrEqual(before + (8 << 20))
      const tenant = heap.tenant('guest')
      expect(tenant.residentBytes()).toBeGreaterThan(0)
      expect(tenant.residentBytes()).toBeLessThan(1 << 20)
      // Guards were never touched.
      const guarded = heap.residentBytes() ?? 0
      heap.allocGuarded(1)
      expect(heap.residentBytes()).toBeLessThanOrEqual(guarded + page)
    })
  })
})

describe.runIf(posixPages)('a store from JavaScript', () => {
  const inChild = (code: string) => {
    const library = new URL('../dist/src/index.js', import.meta.url).href
    const program = `import { Heap } from '${library}'; const heap = Heap.create({ limit: '4MiB' }); ${code}`
    return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  }

  it('over a typed array ends the process, also after growth', () => {
    const store = 'const b = heap.allocGuarded(8); heap.alloc(3 << 20); console.log(1); heap.raw.u8[b.address + 8] = 1'
    const { signal, status, stdout } = inChild(`${store}; console.log(2)`)
    expect(stdout).toBe('1\n')
    expect(['SIGSEGV', 'SIGBUS'].includes(signal ?? '') || (status ?? 0) > 128).toBe(true)
  })

  it('through the library does not', () => {
    const { status, stdout } = inChild(`const b = heap.allocGuarded(8)
      try { heap.writeU8(b.address + 8, 1) } catch (error) { console.log(error.code) }`)
    expect([status, stdout]).toEqual([0, 'HW_PROTECTION\n'])
  })
})

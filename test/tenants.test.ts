/**
 * Goal: a tenant is a heap of its own within a heap: limited, counted to the byte, walked, verified and ended alone,
 * and nothing that it does, or that is done to it, reaches another heap.
 *
 * Method: through the public interface, in every mode that may be a tenant's. Whatever is refused is tried with a look
 * at the figures of all heaps before and after. Time is moved by hand.
 *
 * A failure means that a guest can harm its host or another guest, or that the books do not add up.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { HEAP_SCRATCH_AT, HEAP_TABLE_AT } from '../kernel/layout.js'
import {
  ArgumentError,
  array,
  ClosedError,
  Heap,
  type HeapStats,
  type HeapString,
  InvalidAddressError,
  i32,
  type LimitEvent,
  OutOfMemoryError,
  type Root,
  ref,
  StaleHandleError,
  struct,
  type Tenant,
  type TenantEvent,
  TenantLimitError,
  type TenantOptions,
  UnsupportedError,
  u8,
  type View,
} from '../src/index.js'
import { ManualClock } from './support/manual-clock.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)

const MODES = ['manual', 'compiler', 'vm', 'runtime', 'server'] as const
const WITH_OBJECTS = ['manual', 'vm', 'runtime', 'server'] as const
const MIB = 2 ** 20
const PAGE = 65536

const Node = struct('Node', { value: i32, next: ref('Node') })

function expectIdentity({ inUseBytes, freeBytes, metadataBytes, unusedBytes, committedBytes }: HeapStats): void {
  expect(inUseBytes + freeBytes + metadataBytes + unusedBytes).toBe(committedBytes)
}

/** Heap and tenants are whole, and their figures add up. */
function expectWhole(heap: Heap): void {
  expect(heap.verify()).toEqual({ ok: true })
  expectIdentity(heap.stats())
  let heldBytes = 0
  for (const tenant of heap.tenants()) {
    expectIdentity(tenant.stats())
    heldBytes += tenant.stats().tenant.heldBytes
  }
  expect(heap.stats().tenantBytes).toBe(heldBytes)
}

function fill(heap: Heap, bytes: number): number[] {
  const blocks: number[] = []
  for (let block = heap.tryAlloc(bytes); block !== 0; block = heap.tryAlloc(bytes)) blocks.push(block)
  return blocks
}

const addresses = (heap: Heap) => [...heap.blocks()].map(({ address }) => address)

afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(MODES)('a tenant of mode %s', (mode) => {
  it('is limited, counted, walked, verified and ended', () => {
    using heap = Heap.create({ debug: true, limit: '128MiB' })
    const before = heap.stats()
    const tenant = heap.tenant('guest-7', { mode, max: '16MiB' })
    expect([tenant.id, tenant.name, tenant.mode, tenant.isEnded]).toEqual(['guest-7', 'guest-7', mode, false])
    expect(tenant.parent).toBe(heap)
    const blocks = [100, 1000, 100_000, 3_000_000].map((bytes) => tenant.alloc(bytes))
    const usable = blocks.reduce((sum, block) => sum + tenant.usableSize(block), 0)
    expect(addresses(tenant)).toEqual(blocks.sort((a, b) => a - b))
    expectWhole(heap)
    const { tenant: figures, ...stats } = tenant.stats()
    expect(figures).toMatchObject({ id: 'guest-7', usedBytes: usable, blocks: 4, max: 16 * MIB, min: 0, low: 0 })
    expect(figures).toMatchObject({ usedBytes: stats.inUseBytes, peakBytes: stats.inUsePeakBytes })
    expect(figures.heldBytes).toBe(stats.committedBytes)
    expect(heap.stats().inUseBytes).toBe(before.inUseBytes + stats.committedBytes)
    expect(thrownBy(() => tenant.alloc(16_000_000))).toBeInstanceOf(TenantLimitError)
    expectWhole(heap)
    const { heldBytes } = tenant.stats().tenant
    expect(tenant.free()).toEqual({ bytes: heldBytes, blocks: 4 })
    expect(heap.stats().inUseBytes).toBe(before.inUseBytes)
    expectWhole(heap)
  })

  it('counts a peak that is over', () => {
    using heap = Heap.create({ limit: '128MiB' })
    const tenant = heap.tenant('a', { mode })
    const block = tenant.alloc(2 * MIB)
    const { peakBytes } = tenant.stats().tenant
    expect(peakBytes).toBeGreaterThanOrEqual(2 * MIB)
    tenant.free(block)
    expect(tenant.stats().tenant).toMatchObject({ usedBytes: 0, peakBytes, blocks: 0 })
  })

  it('can be as small as its mode allows, and no smaller', () => {
    using heap = Heap.create({ debug: true, limit: '64MiB' })
    const error = thrownBy(() => heap.tenant('a', { mode, max: 1 })) as ArgumentError
    expect(error).toMatchObject({ argument: 'max', code: 'HW_ARGUMENT' })
    const least = Number(/\d+/.exec(error.message)?.[0])
    expect(thrownBy(() => heap.tenant('a', { mode, max: least - 1 }))).toMatchObject({ argument: 'max' })
    const tenant = heap.tenant('a', { mode, max: least })
    expect(tenant.alloc(1000)).toBeGreaterThan(0)
    expectWhole(heap)
  })

  it('may have tenants itself, which end with it', () => {
    using heap = Heap.create({ debug: true, limit: '64MiB' })
    const before = heap.stats().inUseBytes
    const outer = heap.tenant('outer', { mode, max: '32MiB' })
    const inner = outer.tenant('inner', { max: '8MiB' })
    expect(inner.parent).toBe(outer)
    expect(inner.mode).toBe(mode)
    const blocks = [50, 5000, 500_000, 2 * MIB].flatMap((bytes) => [outer.alloc(bytes), inner.alloc(bytes)])
    expect(new Set(blocks).size).toBe(8)
    expectWhole(heap)
    expectWhole(outer)
    expect(outer.stats().tenantBytes).toBe(inner.stats().tenant.heldBytes)
    expect(heap.stats().tenantBytes).toBe(outer.stats().tenant.heldBytes)
    const error = thrownBy(() => inner.alloc(9 * MIB))
    expect(error).toMatchObject({ tenant: 'inner', maxBytes: 8 * MIB })
    expect(outer.stats().tenant.events).toMatchObject({ max: 0, oom: 0 })
    outer.free()
    expect([outer.isEnded, inner.isEnded]).toEqual([true, true])
    expect(heap.stats().inUseBytes).toBe(before)
    expectWhole(heap)
  })

  it('is refused when it is not the one that lives', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a', { mode, max: '8MiB' })
    expect(heap.tenant('a')).toBe(tenant)
    expect(heap.tenant('a', { mode, max: 8 * MIB })).toBe(tenant)
    const wanted = "`max` must be 8388608 bytes (8 MiB), as tenant 'a' has it, or all options left out"
    expect(thrownBy(() => heap.tenant('a', { mode, max: '9MiB' }))).toMatchObject({
      argument: 'max',
      message: `${wanted}; got "9MiB"`,
    })
    expect(thrownBy(() => heap.tenant('a', { mode }))).toMatchObject({ message: `${wanted}; got undefined` })
    tenant.setLimits({ max: '9MiB' })
    expect(heap.tenant('a', { mode, max: '9MiB' })).toBe(tenant)
    tenant.free()
    expect(heap.tenant('a', { mode })).not.toBe(tenant)
  })
})

describe('making tenants', () => {
  it.each<[keyof TenantOptions, TenantOptions, string]>([
    ['max', { mode: 'vm', max: '2MiB', high: '1MiB', name: 'n' }, '1048576 bytes (1 MiB)'],
    ['high', { mode: 'vm', max: '1MiB', high: 1000, name: 'n' }, '65536 bytes (64 KiB)'],
    ['high', { mode: 'vm', max: '1MiB', name: 'n' }, '65536 bytes (64 KiB)'],
    ['low', { mode: 'vm', max: '1MiB', high: '64KiB', low: 1, name: 'n' }, '0 bytes (0 B)'],
    ['min', { mode: 'vm', max: '1MiB', high: '64KiB', min: '64KiB', name: 'n' }, 'left out'],
    ['mode', { mode: 'manual', max: '1MiB', high: '64KiB', name: 'n' }, '"vm"'],
    ['name', { mode: 'vm', max: '1MiB', high: '64KiB' }, '"n"'],
    ['hashSeed', { mode: 'vm', max: '1MiB', high: '64KiB', name: 'n', hashSeed: 2 }, 'left out'],
    ['growth' as keyof TenantOptions, { max: 1 << 20, growth: 1 } as TenantOptions, ''],
  ])('names the option %s of %j that is another one than it has', (name, options, present) => {
    using heap = Heap.create()
    // What is the same in other words is not the difference.
    const tenant = heap.tenant('dup', { mode: 'vm', max: 1 << 20, high: 65536, name: 'n' })
    const before = heap.stats()
    const error = thrownBy(() => heap.tenant('dup', options))
    if (present === '') expect(error).toMatchObject({ argument: 'options', value: name })
    else {
      expect(error).toMatchObject({ argument: name, value: options[name] })
      expect((error as Error).message).toContain(`\`${name}\` must be ${present}, as tenant 'dup' has it, or all`)
    }
    expect(heap.stats()).toEqual(before)
    expect(heap.tenant('dup')).toBe(tenant)
  })

  it('lists the options that a tenant has where one is unknown, and no other', () => {
    using heap = Heap.create()
    const { message } = thrownBy(() => heap.tenant('a', { maxx: 1 } as TenantOptions)) as Error
    const listed = (/of these: ([\w, ]+);/.exec(message)?.[1] ?? '').split(', ')
    expect(listed).toEqual(expect.arrayContaining(['max', 'high', 'low', 'min', 'initial', 'mode', 'name']))
    for (const name of ['limit', 'memory', 'base', 'end', 'overwrite', 'reserve']) expect(listed).not.toContain(name)
    expect(message).toContain('got "maxx"')
    // None that is listed is unknown.
    for (const name of listed) expect(() => heap.tenant(`with ${name}`, { [name]: undefined })).not.toThrow()
  })

  it.each(WITH_OBJECTS)('says of what was in a tenant that has ended that it has: %s', (mode) => {
    using heap = Heap.create()
    const tenant = heap.tenant('v', { mode })
    const scope = tenant.scope()
    const view = tenant.new(Node)
    const root = tenant.root(view)
    tenant.free()
    for (const use of [() => view.value, () => root.value.value]) {
      expect(thrownBy(use)).toMatchObject({ reason: 'heap-closed', message: "tenant 'v' has ended" })
    }
    scope.close()
  })

  it('finds those who live, in the order in which they began', () => {
    using heap = Heap.create()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => heap.tenant(id)) as [Tenant, Tenant, Tenant]
    expect([...heap.tenants()].map((tenant) => [a, b, c].indexOf(tenant))).toEqual([0, 1, 2])
    b.free()
    expect([...heap.tenants()].map(({ id }) => id)).toEqual(['a', 'c'])
    expect(heap.findTenant('a')).toBe(a)
    expect([heap.findTenant('b'), heap.findTenant('nobody')]).toEqual([undefined, undefined])
    expect(heap.tenant('b')).not.toBe(b)
    expect([...heap.tenants()].map(({ id }) => id)).toEqual(['a', 'c', 'b'])
  })

  const wrongIds = ['', 'a\nb', 'x'.repeat(201), 7, null, undefined]
  it.each(wrongIds.map((id) => [id]))('refuses the id %j', (id) => {
    using heap = Heap.create()
    expect(thrownBy(() => heap.tenant(id as string))).toMatchObject({ code: 'HW_ARGUMENT', argument: 'id' })
    expect(thrownBy(() => heap.findTenant(id as string))).toMatchObject({ code: 'HW_ARGUMENT', argument: 'id' })
  })

  const wrongOptions: readonly [string, object][] = [
    ['limit', { limit: '1MiB' }],
    ['memory', { memory: new WebAssembly.Memory({ initial: 1 }) }],
    ['base', { base: 0 }],
    ['end', { end: MIB }],
    ['reserve', { reserve: true }],
    ['overwrite', { overwrite: true }],
    ['mode', { mode: 'embedded' }],
    ['mode', { mode: 'auto' }],
    ['mode', { mode: 'guest' }],
    ['mode', { mode: null }],
    ['max', { max: '2GiB' }],
    ['max', { max: 'much' }],
    ['max', { max: -1 }],
    ['max', { max: 1.5 }],
    ['high', { max: '1MiB', high: '2MiB' }],
    ['low', { max: '1MiB', low: '2MiB' }],
    ['min', { max: '1MiB', min: '2MiB' }],
    ['initial', { max: '1MiB', initial: '2MiB' }],
    ['sizeClasses', { mode: 'compiler', sizeClasses: 'pow2' }],
    ['nursery', { mode: 'vm', nursery: '1MiB' }],
    ['debug', { debug: 1 }],
    ['name', { name: 'a\nb' }],
    ['options', { maximum: '1MiB' }],
    ['options', [1]],
  ]
  it.each(wrongOptions)('refuses the wrong %s of %j', (argument, options) => {
    using heap = Heap.create()
    const before = heap.stats()
    const error = thrownBy(() => heap.tenant('a', options as TenantOptions))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toMatchObject({ argument })
    expect(heap.stats()).toEqual(before)
    expect([...heap.tenants()]).toEqual([])
  })

  it('takes the options of any heap', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a', { name: 'first', sizeClasses: [64, 128], debug: true })
    expect([tenant.id, tenant.name]).toEqual(['a', 'first'])
    expect(tenant.usableSize(tenant.alloc(65))).toBe(128)
    const vm = heap.tenant('b', { mode: 'vm', stress: { collect: 'always' }, hashSeed: 1 })
    expect(vm.verify()).toEqual({ ok: true })
  })

  it('is refused by a heap of one buffer', () => {
    using heap = Heap.create({ mode: 'embedded' })
    expect(thrownBy(() => heap.tenant('a'))).toBeInstanceOf(UnsupportedError)
    expect(thrownBy(() => heap.tenant('a'))).toMatchObject({ mode: 'embedded', feature: 'tenants' })
    expect([...heap.tenants()]).toEqual([])
    expect(heap.verify()).toEqual({ ok: true })
    heap.reset()
  })

  it('is refused where there is no room for one, which changes nothing', () => {
    using heap = Heap.create({ limit: '2MiB' })
    const blocks = fill(heap, 30_000)
    const before = heap.stats()
    const error = thrownBy(() => heap.tenant('a'))
    expect(error).toBeInstanceOf(OutOfMemoryError)
    expect(error).not.toBeInstanceOf(TenantLimitError)
    expect(heap.stats()).toMatchObject({ inUseBytes: before.inUseBytes, tenantBytes: 0 })
    for (const block of blocks) heap.free(block)
    expect(thrownBy(() => heap.tenant('a', { min: '1900KiB' }))).toBeInstanceOf(OutOfMemoryError)
    expect(heap.stats()).toMatchObject({ inUseBytes: 0, tenantBytes: 0 })
    expect([...heap.tenants()]).toEqual([])
    expect(heap.tenant('a').alloc(10)).toBeGreaterThan(0)
    expectWhole(heap)
  })

  it('makes room by the reclaimers of the heap around', () => {
    using heap = Heap.create({ limit: '2MiB' })
    const blocks = fill(heap, 30_000)
    heap.addReclaimer(() => {
      for (const block of blocks.splice(0)) heap.free(block)
    })
    expect(heap.tenant('a').stats().tenant.heldBytes).toBe(PAGE)
  })

  it('makes room in the same way for the objects that it begins with', () => {
    const heap = Heap.create({ limit: '3MiB', debug: true })
    const blocks = fill(heap, 30_000)
    for (const block of blocks.splice(-4)) heap.free(block)
    heap.addReclaimer(() => {
      for (const block of blocks.splice(0)) heap.free(block)
    })
    using _ = heap.tenant('a', { mode: 'runtime' }).scope()
    expect(blocks).toEqual([])
    expectWhole(heap)
  })

  it('is given up when a reclaimer resets the heap around, or closes it', () => {
    for (const how of ['reset', 'close'] as const) {
      for (const options of [{}, { min: '1500KiB' }, { mode: 'runtime' }] as TenantOptions[]) {
        const heap = Heap.create({ limit: '3MiB', debug: true })
        const kept = options.min === undefined ? 30_000 : 1.5 * MIB
        if (options.mode !== undefined)
          fill(heap, 30_000)
            .splice(-4)
            .forEach((block) => void heap.free(block))
        else fill(heap, kept)
        heap.addReclaimer(() => heap[how]())
        expect(thrownBy(() => heap.tenant('a', options))).toBeInstanceOf(ClosedError)
        if (how === 'close') continue
        expect([...heap.tenants()]).toEqual([])
        expect(heap.stats()).toMatchObject({ tenantBytes: 0, inUseBytes: 0 })
        expectWhole(heap)
        expect(heap.tenant('a').isEnded).toBe(false)
      }
    }
  })

  it('is refused while one of the id is being made', () => {
    using heap = Heap.create({ limit: '2MiB' })
    const blocks = fill(heap, 30_000)
    let thrown: unknown
    heap.addReclaimer(() => {
      thrown = thrownBy(() => heap.tenant('a'))
      for (const block of blocks.splice(0)) heap.free(block)
    })
    const a = heap.tenant('a')
    expect(thrown).toBeInstanceOf(ArgumentError)
    expect([...heap.tenants()]).toEqual([a])
    expectWhole(heap)
  })

  it('holds its initial bytes from the start, and its min for ever', () => {
    using heap = Heap.create({ debug: true })
    const short = heap.tenant('short', { initial: '500KiB' })
    expect(short.stats().tenant.heldBytes).toBe(8 * PAGE)
    const a = heap.tenant('a', { initial: '5MiB', max: '5MiB' })
    expect(a.stats().tenant.heldBytes).toBe(5 * MIB)
    expect(a.giveBack()).toBeGreaterThanOrEqual(4 * MIB)
    const b = heap.tenant('b', { min: '3MiB' })
    expect(b.stats().tenant).toMatchObject({ min: 3 * MIB, heldBytes: 3 * MIB })
    expect(b.giveBack()).toBe(0)
    const block = b.alloc(4 * MIB)
    b.free(block)
    expect(b.giveBack()).toBeGreaterThan(0)
    expect(b.stats().tenant.heldBytes).toBeGreaterThanOrEqual(3 * MIB)
    expectWhole(heap)
  })

  it('holds as much of its min and initial bytes as whole pieces within its limit reach', () => {
    using heap = Heap.create({ debug: true })
    for (const options of [
      { max: 100_000, min: 100_000 },
      { max: 2_000_000, min: 2_000_000 },
    ]) {
      for (const given of [options, { max: options.max, initial: options.max }, { ...options, mode: 'vm' as const }]) {
        if (given.max < 2 * PAGE && 'mode' in given) continue
        const tenant = heap.tenant('a', given)
        expect(tenant.stats().tenant.heldBytes).toBe(Math.floor(options.max / PAGE) * PAGE)
        expectWhole(heap)
        tenant.free()
      }
    }
    expect(heap.tenant('b', { max: 200_000, min: 65_537 }).stats().tenant.heldBytes).toBe(2 * PAGE)
  })

  it('works in a memory that others grow, too', () => {
    const memory = new WebAssembly.Memory({ initial: 3, maximum: 2000 })
    using heap = Heap.create({ memory, debug: true, limit: '100MiB' })
    const tenant = heap.tenant('a')
    const blocks = [100, 100_000, 2_000_000].map((bytes) => {
      memory.grow(1)
      return tenant.alloc(bytes)
    })
    expect(blocks.every((block) => block > 3 * PAGE)).toBe(true)
    expectWhole(heap)
    tenant.free()
    expectWhole(heap)
  })

  it('has its growth told to those who listen to the heap around', async () => {
    using heap = Heap.create({ limit: '64MiB', initial: '1MiB' })
    const tenant = heap.tenant('a')
    const told: number[] = []
    heap.on('grow', ({ currentBytes }) => told.push(currentBytes))
    tenant.alloc(8 * MIB)
    await Promise.resolve()
    expect(told).toEqual([heap.memory.buffer.byteLength])
    const own: number[] = []
    tenant.on('grow', ({ currentBytes }) => own.push(currentBytes))
    tenant.alloc(16 * MIB)
    expect(own).toEqual([heap.memory.buffer.byteLength])
  })

  it('works in a heap that was attached to', () => {
    using heap = Heap.create({ debug: true })
    const block = heap.alloc(100)
    const attached = Heap.attach(heap.memory, 0, { debug: true })
    const tenant = attached.tenant('a')
    const blocks = [100, 100_000, 2_000_000].map((bytes) => tenant.alloc(bytes))
    expect(thrownBy(() => heap.free(blocks[0] as number))).toMatchObject({ reason: 'owned' })
    expect(heap.stats().tenantBytes).toBe(tenant.stats().tenant.heldBytes)
    expectWhole(attached)
    expect(heap.verify()).toEqual({ ok: true })
    tenant.free()
    heap.free(block)
    expect(heap.stats()).toMatchObject({ inUseBytes: 0, tenantBytes: 0 })
  })

  it('reports what it holds, and its limits', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('guest', { max: '8MiB', high: '6MiB', low: '1MiB', min: '128KiB' })
    tenant.tryAlloc(9 * MIB)
    const report = tenant.report()
    expect(report).toContain("tenant 'guest', mode manual")
    expect(report).toMatch(/held +128 KiB\n.*min +128 KiB\n.*low +1 MiB\n.*high +6 MiB\n.*max +8 MiB\n/)
    expect(report).toContain('events: low 0, high 0, max 1, oom 1, oomKill 0')
    expect(heap.report()).toMatch(/tenantBytes +128 KiB/)
  })

  it('is nothing to attach to', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a')
    expect(thrownBy(() => Heap.attach(heap.memory, tenant.base))).toMatchObject({ argument: 'base' })
  })
})

describe('the limits of a tenant', () => {
  it('name who came to which, with all figures', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('guest', { max: '4MiB' })
    tenant.alloc(1_000_000)
    const told: LimitEvent[] = []
    tenant.on('limit', (event) => told.push(event))
    heap.on('limit', (event) => told.push(event))
    const error = thrownBy(() => tenant.alloc(5_000_000)) as TenantLimitError
    expect(error).toBeInstanceOf(OutOfMemoryError)
    const { heldBytes, usedBytes } = tenant.stats().tenant
    expect(error).toMatchObject({ code: 'HW_TENANT_LIMIT', name: 'TenantLimitError', tenant: 'guest' })
    expect(error).toMatchObject({ requestedBytes: 5_000_000, usedBytes, heldBytes, maxBytes: 4 * MIB })
    expect(error.availableBytes).toBe(4 * MIB - heldBytes + tenant.stats().freeBytes)
    expect(error.message).toContain("tenant 'guest'")
    const event = { kind: 'max', tenant: 'guest', heldBytes, limitBytes: 4 * MIB, requestedBytes: 5_000_000 }
    expect(told).toEqual([event, event])
    expect(tenant.stats().tenant.events).toEqual({ low: 0, high: 0, max: 1, oom: 1, oomKill: 0 })
    expect(tenant.tryAlloc(5_000_000)).toBe(0)
    expect(tenant.stats().tenant.events).toEqual({ low: 0, high: 0, max: 2, oom: 2, oomKill: 0 })
  })

  it('are kept to the byte, and the last free bytes are given out', () => {
    using heap = Heap.create({ debug: true, limit: '64MiB' })
    for (const max of [PAGE * 3, PAGE * 3 + 1, 2 * MIB, 2 * MIB + 100_000]) {
      const tenant = heap.tenant('a', { max })
      fill(tenant, 3000)
      const { heldBytes } = tenant.stats().tenant
      expect(heldBytes).toBe(Math.floor(max / PAGE) * PAGE)
      expect(tenant.stats().largestFreeRunBytes).toBeLessThan(PAGE)
      expectWhole(heap)
      tenant.free()
    }
  })

  it('are asked of the tenant alone: its reclaimers, not those of others', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '2MiB' })
    const blocks = fill(tenant, 100_000)
    const { max } = tenant.stats().tenant.events
    const ran: string[] = []
    heap.addReclaimer(() => ran.push('heap'))
    heap.tenant('b').addReclaimer(() => ran.push('b'))
    expect(thrownBy(() => tenant.alloc(100_000))).toBeInstanceOf(TenantLimitError)
    expect(ran).toEqual([])
    tenant.addReclaimer((bytes) => {
      ran.push(`a ${bytes}`)
      tenant.free(blocks.pop() as number)
    })
    expect(tenant.alloc(100_000)).toBeGreaterThan(0)
    expect(ran).toEqual(['a 100000'])
    expect(tenant.stats().tenant.events.max).toBeGreaterThan(max)
  })

  it('leave it to the heap around what the tenant has not reached', () => {
    using heap = Heap.create({ limit: '4MiB', debug: true })
    const tenant = heap.tenant('a')
    let blocks = fill(heap, 100_000)
    const ran: string[] = []
    tenant.addReclaimer(() => ran.push('a'))
    heap.addReclaimer(() => {
      ran.push('heap')
      for (const block of blocks) heap.free(block)
      blocks = []
    })
    expect(tenant.alloc(200_000)).toBeGreaterThan(0)
    expect(ran).toEqual(['a', 'heap'])
    expectWhole(heap)
    blocks = fill(heap, 100_000)
    const error = thrownBy(() => {
      heap.alloc(10 * MIB)
    })
    expect(error).toBeInstanceOf(OutOfMemoryError)
    blocks = []
    fill(heap, 100_000)
    const refusal = thrownBy(() => fill(tenant, 50_000) && tenant.alloc(900_000)) as OutOfMemoryError
    expect(refusal).toBeInstanceOf(OutOfMemoryError)
    expect(refusal).not.toBeInstanceOf(TenantLimitError)
    expect(refusal.message).toMatch(/tenant 'a' is out of memory: 900000 .* heap has none to lend/)
    expect(tenant.stats().tenant.events.oom).toBe(0)
    expectWhole(heap)
  })

  it('can be given up in favour of a heap that needs it: free pieces come back by themselves', () => {
    using heap = Heap.create({ limit: '16MiB', debug: true })
    const tenant = heap.tenant('a')
    const blocks = fill(tenant, 300_000)
    for (const block of blocks) tenant.free(block)
    expect(tenant.stats().tenant.heldBytes).toBeGreaterThan(8 * MIB)
    expect(heap.alloc(10 * MIB)).toBeGreaterThan(0)
    expectWhole(heap)
  })

  it('can be given up by tenants of tenants, too', () => {
    using heap = Heap.create({ limit: '8MiB', debug: true })
    const inner = heap.tenant('a').tenant('inner')
    inner.free(inner.alloc(3 * MIB))
    expect(heap.alloc(5 * MIB)).toBeGreaterThan(0)
    expectWhole(heap)
  })

  it('count each request that came to max, whoever made room for it', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '1MiB' })
    const blocks = fill(tenant, 30_000)
    const { max } = tenant.stats().tenant.events
    tenant.addReclaimer(() => tenant.free(blocks.pop() as number))
    for (let i = 0; i < 5; i++) tenant.alloc(30_000)
    expect(tenant.stats().tenant.events.max).toBe(max + 5)
  })

  it('high is not told of what went back while it was not to be told again', () => {
    let nowMs = 0
    const clock = { nowMs: () => nowMs, setTimer: () => () => {} }
    using heap = Heap.create({ limit: '64MiB', testing: { clock } })
    const tenant = heap.tenant('a', { high: '4MiB' })
    const held: number[] = []
    tenant.on('limit', ({ heldBytes }) => held.push(heldBytes))
    const blocks = [tenant.alloc(5 * MIB), tenant.alloc(5 * MIB)]
    for (const block of blocks) tenant.free(block)
    tenant.giveBack()
    nowMs = 5000
    tenant.free(tenant.alloc(100))
    expect(held).toEqual([expect.any(Number)])
    tenant.alloc(5 * MIB)
    expect(held).toHaveLength(2)
  })

  it('are set while it lives, where that can be', () => {
    using heap = Heap.create({ limit: '64MiB', debug: true })
    const tenant = heap.tenant('a', { max: '8MiB', high: '6MiB', low: '5MiB', mode: 'vm' })
    const block = tenant.alloc(3 * MIB)
    tenant.free(tenant.alloc(2 * MIB))
    const error = thrownBy(() => tenant.setLimits({ max: '2MiB' })) as ArgumentError
    expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument: 'max' })
    expect(error.message).toContain(`at least ${tenant.stats().tenant.heldBytes}`)
    expect(tenant.stats().tenant).toMatchObject({ max: 8 * MIB, high: 6 * MIB, low: 5 * MIB })
    tenant.free(block)
    tenant.setLimits({ max: '2MiB' })
    expect(tenant.stats().tenant).toMatchObject({ max: 2 * MIB, high: 2 * MIB, low: 2 * MIB })
    expect(tenant.stats().limitBytes).toBe(2 * MIB)
    expect(thrownBy(() => tenant.alloc(3 * MIB))).toBeInstanceOf(TenantLimitError)
    tenant.setLimits({ max: '10MiB', high: '4MiB', low: 0 })
    expect(tenant.stats().tenant).toMatchObject({ max: 10 * MIB, high: 4 * MIB, low: 0 })
    expect(tenant.alloc(3 * MIB)).toBeGreaterThan(0)
    for (const [argument, limits] of [
      ['max', { max: '1GiB' }],
      ['max', { max: 0 }],
      ['high', { high: '11MiB' }],
      ['low', { low: '11MiB' }],
      ['limits', { min: 0 }],
      ['limits', undefined],
    ] as const) {
      expect(
        thrownBy(() => tenant.setLimits(limits as object)),
        argument,
      ).toMatchObject({ argument })
    }
    expect(tenant.stats().tenant).toMatchObject({ max: 10 * MIB, high: 4 * MIB, low: 0 })
    expectWhole(heap)
  })

  it('have no high any more when that is null', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '4MiB', high: '128KiB' })
    tenant.setLimits({ max: '8MiB' })
    expect(tenant.stats().tenant.high).toBe(128 << 10)
    tenant.setLimits({ high: null })
    expect(tenant.stats().tenant).toMatchObject({ high: 8 * MIB, max: 8 * MIB })
    // It goes with max from now on, and growth is not looked at.
    tenant.setLimits({ max: '16MiB' })
    expect(tenant.stats().tenant.high).toBe(16 * MIB)
    tenant.alloc(3 * MIB)
    expect(tenant.stats().tenant.events.high).toBe(0)
    tenant.setLimits({ high: '2MiB' })
    expect(tenant.stats().tenant.high).toBe(2 * MIB)
    for (const name of ['max', 'low']) {
      expect(thrownBy(() => tenant.setLimits({ [name]: null }))).toMatchObject({ argument: name })
    }
    expect(thrownBy(() => heap.tenant('b', { high: null as never }))).toMatchObject({ argument: 'high' })
  })

  it('never fall below what is to be kept', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { min: '3MiB' })
    expect(thrownBy(() => tenant.setLimits({ max: '2MiB' }))).toMatchObject({ argument: 'max' })
    tenant.setLimits({ max: '3MiB' })
    expect(tenant.stats().tenant).toMatchObject({ min: 3 * MIB, max: 3 * MIB, heldBytes: 3 * MIB })
  })

  it('high makes it collect and reclaim, once in a while, and refuses nothing', () => {
    let nowMs = 5000
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '32MiB', high: '6MiB' })
    const told: LimitEvent[] = []
    heap.on('limit', (event) => told.push(event))
    const cache: number[] = []
    const asked: number[] = []
    tenant.addReclaimer((bytes) => {
      asked.push(bytes)
      for (const block of cache.splice(0)) tenant.free(block)
    })
    for (let i = 0; i < 3; i++) cache.push(tenant.alloc(MIB))
    expect([told, asked]).toEqual([[], []])
    while (asked.length === 0) {
      nowMs += 1001
      cache.push(tenant.alloc(MIB))
    }
    // What is free goes first; the reclaimer is asked for the rest alone.
    const { heldBytes } = told.at(-1) as LimitEvent
    expect(told.at(-1)).toMatchObject({ kind: 'high', tenant: 'a', limitBytes: 6 * MIB })
    expect(asked).toEqual([expect.any(Number)])
    expect(asked[0]).toBeGreaterThan(0)
    expect(asked[0]).toBeLessThanOrEqual(heldBytes - 6 * MIB)
    expect(tenant.stats().tenant.events).toMatchObject({ high: told.length, max: 0, oom: 0 })
    expect(tenant.stats().tenant.heldBytes).toBeLessThanOrEqual(6 * MIB)
    const before = told.length
    const more = Array.from({ length: 12 }, () => tenant.alloc(MIB))
    expect(more.every((block) => block > 0)).toBe(true)
    expect(told).toHaveLength(before)
    expect(tenant.stats().tenant.heldBytes).toBeGreaterThan(12 * MIB)
    nowMs += 1001
    more.push(tenant.alloc(4 * MIB))
    expect(told).toHaveLength(before + 1)
    expectWhole(heap)
  })

  it('high collects garbage', () => {
    using heap = Heap.create({ limit: '64MiB', debug: true })
    const tenant = heap.tenant('a', { mode: 'vm', high: '3MiB' })
    const Big = struct('Big', { next: ref('Big') })
    const collections = () => tenant.stats().collections
    const before = collections()
    for (let i = 0; i < 100_000 && collections() === before; i++) {
      using _scope = tenant.scope()
      tenant.new(Big)
      if (i % 100 === 0) tenant.alloc(3000)
    }
    expect(tenant.stats().tenant.events.high).toBe(1)
    expect(collections()).toBeGreaterThan(before)
    expectWhole(heap)
  })

  it('high runs reclaimers by priority before it collects: what they let go of is garbage then', () => {
    const clock = new ManualClock()
    using heap = Heap.create({ mode: 'vm', limit: '64MiB', debug: true, testing: { clock } })
    const tenant = heap.tenant('a', { max: '32MiB', high: '4MiB' })
    const Big = struct('Big', { bytes: array(u8) })
    const told: string[] = []
    const roots: { dispose(): void }[] = []
    tenant.addReclaimer(() => void told.push('second'), { priority: -1 })
    tenant.addReclaimer(() => {
      told.push('first')
      for (const root of roots.splice(0)) root.dispose()
    })
    tenant.on('collectBegin', ({ cause }) => void (cause === 'request' && told.push('collection')))
    tenant.on('limit', ({ kind }) => void told.push(kind))
    // As long as what is free can be given back, nobody is asked.
    while (!told.includes('first') && told.length < 100) {
      clock.advance(1000)
      told.length = 0
      using _ = tenant.scope()
      roots.push(tenant.root(tenant.new(Big, {}, 100_000)))
    }
    expect(told.slice(0, 4)).toEqual(['high', 'first', 'second', 'collection'])
    expect(tenant.stats().tenant.heldBytes).toBeLessThanOrEqual(4 * MIB)
    expectWhole(heap)
  })

  it('high is not told of a tenant that holds less again', () => {
    const clock = new ManualClock()
    using heap = Heap.create({ limit: '64MiB', testing: { clock } })
    const tenant = heap.tenant('a', { max: '32MiB', high: '4MiB' })
    const told: LimitEvent[] = []
    tenant.on('limit', (event) => void told.push(event))
    const blocks = [tenant.alloc(6 * MIB), tenant.alloc(6 * MIB)]
    expect(told).toHaveLength(1)
    for (const block of blocks) tenant.free(block)
    tenant.giveBack()
    clock.advance(2000)
    tenant.alloc(10)
    expect(told).toHaveLength(1)
    tenant.alloc(6 * MIB)
    expect(told).toHaveLength(2)
  })

  it.each(['collectEnd', 'trim'] as const)('high leaves a tenant alone that ends when %s is told', (event) => {
    using heap = Heap.create({ mode: 'vm', limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '32MiB', high: '2MiB' })
    for (let bytes = 16; bytes <= 1024; bytes += 16) tenant.free(tenant.alloc(bytes))
    tenant.on(event, () => void (tenant.isEnded || tenant.free()))
    expect(tenant.alloc(4 * MIB)).toBeGreaterThan(0)
    expect(tenant.isEnded).toBe(true)
    expectWhole(heap)
  })

  it('high has what a reclaimer throws surface, and runs the others', async () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '32MiB', high: '2MiB' })
    const told: unknown[] = []
    vi.stubGlobal('queueMicrotask', (task: () => void) => void told.push(thrownBy(task)))
    tenant.addReclaimer(() => {
      throw new Error('cannot')
    })
    tenant.addReclaimer(() => void told.push('ran'))
    tenant.alloc(4 * MIB)
    vi.unstubAllGlobals()
    expect(told).toEqual([new Error('cannot'), 'ran'])
  })

  it.each(['alloc', 'tryAlloc'] as const)('are told before the end that a listener brings: %s', (call) => {
    using heap = Heap.create({ limit: '16MiB' })
    const order: unknown[] = []
    heap.on('limit', ({ kind, heldBytes, requestedBytes }) => order.push(kind, heldBytes, requestedBytes))
    heap.on('tenantEnd', ({ tenant }) => order.push(`${tenant} ended`))
    for (const event of ['outOfMemory', 'limit'] as const) {
      const tenant = heap.tenant(event, { max: '1MiB' })
      tenant.on('close', () => order.push('closed'))
      tenant.on(event, () => tenant.kill())
      tenant.on('outOfMemory', () => order.push('heard'))
      tenant.alloc(100_000)
      const { heldBytes } = tenant.stats().tenant
      if (call === 'tryAlloc') expect(tenant.tryAlloc(2_000_000)).toBe(0)
      else {
        const thrown = thrownBy(() => tenant.alloc(2_000_000))
        expect(thrown).toBeInstanceOf(TenantLimitError)
        expect(thrown).toMatchObject({ heldBytes, maxBytes: MIB, requestedBytes: 2_000_000 })
        expect((thrown as Error).message).toContain(`${heldBytes} held`)
      }
      // Who ended by hearing of its limit hears of nothing else.
      const heard = event === 'outOfMemory' ? ['heard'] : []
      expect(order.splice(0)).toEqual(['max', heldBytes, 2_000_000, 'closed', `${event} ended`, ...heard])
    }
    expectWhole(heap)
  })

  it('can be at what a listener does in the middle: it ends the tenant', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const tenant = heap.tenant('a', { max: '2MiB', high: '1MiB' })
    tenant.on('limit', () => tenant.kill())
    expect(() => fill(tenant, 100_000)).toThrow(ClosedError)
    expect(tenant.isEnded).toBe(true)
    expectWhole(heap)
    const other = heap.tenant('b', { max: '2MiB' })
    other.addReclaimer(() => other.free())
    expect(() => other.alloc(3 * MIB)).toThrow(ClosedError)
    expectWhole(heap)
  })
})

describe('what is not a tenant’s own', () => {
  it.each(MODES)('it can neither free nor ask for, nor others what is its own, in mode %s', (mode) => {
    using heap = Heap.create({ debug: true, mode, limit: '128MiB' })
    const [a, b] = [heap.tenant('a', { mode: 'manual' }), heap.tenant('b')]
    const heaps = [heap, a, b]
    const blocks = heaps.map((one) => [64, 40_000, 2_000_000].map((bytes) => one.alloc(bytes)))
    const figures = () => heaps.map((one) => one.stats())
    const before = figures()
    for (const [i, one] of heaps.entries()) {
      for (const block of blocks.filter((_, j) => j !== i).flat()) {
        for (const address of [block, block + 16]) {
          const error = thrownBy(() => (one === heap ? heap.free(address) : one.free(address)))
          expect(error, `${i}: ${address}`).toBeInstanceOf(InvalidAddressError)
          expect(one.isBlock(address)).toBe(false)
          expect(thrownBy(() => one.usableSize(address))).toBeInstanceOf(InvalidAddressError)
          expect(thrownBy(() => one.checked.readI32(address, 0))).toBeInstanceOf(InvalidAddressError)
          if (mode !== 'compiler') expect(thrownBy(() => one.realloc(address, 5))).toBeInstanceOf(InvalidAddressError)
        }
      }
    }
    expect(thrownBy(() => heap.free(blocks[1]?.[0] as number))).toMatchObject({
      reason: 'owned',
      message: expect.stringContaining("is in the memory of tenant 'a'"),
    })
    expect(figures()).toEqual(before)
    expectWhole(heap)
    for (const [i, one] of heaps.entries()) for (const block of blocks[i] as number[]) one.free(block)
    expectWhole(heap)
  })

  it('it may lay no fixed arena over', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a')
    const [ours, its] = [heap.alloc(5000), tenant.alloc(5000)]
    expect(thrownBy(() => tenant.fixedArena({ base: ours, limit: ours + 4096 }))).toBeInstanceOf(ArgumentError)
    expect(thrownBy(() => heap.fixedArena({ base: its, limit: its + 4096 }))).toBeInstanceOf(ArgumentError)
    expect(tenant.fixedArena({ base: its, limit: its + 4096 }).alloc(100)).toBeGreaterThan(0)
  })

  it('cannot be torn by what it writes into its own memory', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const [a, b] = [heap.tenant('a'), heap.tenant('b')]
    const before = heap.stats()
    for (const tenant of [a, b]) for (let i = 0; i < 50; i++) tenant.alloc(10_000)
    heap.raw.u8.fill(0xa5, a.base + 4, a.base + PAGE)
    expect(b.verify()).toEqual({ ok: true })
    const found = heap.verify()
    expect(found.ok).toBe(false)
    expect(found.fault).toMatch(/^tenant 'a'/)
    expect(a.kill().bytes).toBeGreaterThan(PAGE)
    expectWhole(heap)
    expect(b.free().blocks).toBe(50)
    expect(heap.stats().inUseBytes).toBe(before.inUseBytes - 2 * PAGE)
  })

  it('is not reached by the bare functions of one that has ended', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a')
    const { alloc, free } = tenant.raw
    const block = alloc(100) >>> 0
    tenant.free()
    const next = heap.tenant('b')
    const kept = next.alloc(100)
    next.raw.u8.fill(0x77, kept, kept + 100)
    const image = heap.raw.u8.slice()
    expect(() => alloc(100)).toThrow(WebAssembly.RuntimeError)
    expect(() => free(block)).toThrow(WebAssembly.RuntimeError)
    expect(Buffer.compare(heap.raw.u8, image)).toBe(0)
    expectWhole(heap)
  })
})

describe('the end of a tenant', () => {
  it('makes everything of it stale', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('guest', { mode: 'vm' })
    const arena = tenant.arena()
    const pool = tenant.pool({ size: 32, count: 4 })
    const guard = tenant.guard(100)
    const scope = tenant.scope()
    const node = tenant.new(Node, { value: 1 })
    const root = tenant.root(node)
    const live = tenant.viewOf(Uint8Array, tenant.alloc(10), 10)
    const message = "tenant 'guest' has ended"
    tenant.free()
    const calls = [
      () => tenant.alloc(1),
      () => tenant.free(16),
      () => tenant.free(),
      () => tenant.kill(),
      () => tenant.setLimits({}),
      () => tenant.giveBack(),
      () => tenant.stats(),
      () => tenant.verify(),
      () => tenant.reset(),
      () => tenant.tenant('x'),
      () => tenant.tenants(),
      () => tenant.raw,
      () => [...tenant.blocks()],
      () => tenant.on('grow', () => {}),
      () => arena.alloc(1),
      () => pool.acquire(),
      () => tenant.new(Node),
      () => live.array,
    ]
    for (const call of calls) {
      expect(thrownBy(call), String(call)).toBeInstanceOf(ClosedError)
      expect(String(thrownBy(call))).toContain(message)
    }
    expect(thrownBy(() => node.value)).toBeInstanceOf(StaleHandleError)
    expect(thrownBy(() => root.value)).toBeInstanceOf(StaleHandleError)
    guard[Symbol.dispose]()
    scope[Symbol.dispose]()
    tenant.close()
    tenant[Symbol.dispose]()
    expectWhole(heap)
  })

  it('is only by `free()` without any argument', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a')
    for (const address of [undefined, null, '', Number.NaN, {}]) {
      expect(thrownBy(() => tenant.free(address as unknown as number))).toBeInstanceOf(ArgumentError)
    }
    tenant.free(0)
    expect(tenant.isEnded).toBe(false)
    const block = tenant.alloc(1000)
    expect(thrownBy(() => tenant.free(block, 5000))).toMatchObject({ reason: 'size-mismatch' })
    expect(tenant.free(block, 1000)).toBe(undefined)
    expect(tenant.stats().tenant.blocks).toBe(0)
  })

  it('is told, as its beginning is', () => {
    using heap = Heap.create()
    const told: [string, TenantEvent][] = []
    heap.on('tenantBegin', (event) => told.push(['begin', event]))
    heap.on('tenantEnd', (event) => told.push(['end', event]))
    const tenant = heap.tenant('a')
    heap.tenant('a')
    tenant.alloc(10)
    tenant.kill()
    expect(told).toEqual([
      ['begin', { tenant: 'a', heldBytes: PAGE }],
      ['end', { tenant: 'a', heldBytes: PAGE, bytes: PAGE, blocks: 1, cause: 'kill' }],
    ])
  })

  it('is told with its cause, which the first who ends it decides', () => {
    const heap = Heap.create({ limit: '16MiB' })
    const told: string[] = []
    const hear = (around: Heap) => around.on('tenantEnd', ({ tenant, cause }) => void told.push(`${tenant} ${cause}`))
    hear(heap)
    heap.tenant('freed').free()
    heap.tenant('closed').close()
    {
      using _used = heap.tenant('used')
    }
    const outer = heap.tenant('outer')
    hear(outer)
    outer.tenant('inner')
    outer.on('tenantEnd', () => void outer.free())
    outer.kill()
    const twice = heap.tenant('twice')
    twice.tenant('inner')
    twice.on('tenantEnd', () => void twice.kill())
    twice.free()
    heap.tenant('b')
    heap.reset()
    heap.tenant('c')
    const killed = heap.stats().tenantsKilled
    heap.close()
    const first = ['freed free', 'closed free', 'used free', 'inner close', 'outer kill', 'twice free']
    expect(told.sort()).toEqual([...first, 'b reset', 'c close'].sort())
    expect(killed).toBe(1)
  })

  it(`leaves its counts to the heap around, those of tenants in it too (seed ${SEED})`, () => {
    const next = random(SEED)
    const heap = Heap.create({ limit: '64MiB' })
    const told = { tenantsEnded: 0, tenantsKilled: 0, tenantHighEvents: 0, tenantOomEvents: 0 }
    // Each heap hears of its own tenants' ends; of limits a tenant hears its own, too, which its parent counts.
    const watch = (around: Heap, ids: RegExp) => {
      around.on('tenantEnd', ({ cause }) => {
        told.tenantsEnded++
        if (cause === 'kill') told.tenantsKilled++
      })
      around.on('limit', ({ kind, tenant }) => {
        if (!ids.test(tenant)) return
        if (kind === 'max') told.tenantOomEvents++
        if (kind === 'high') told.tenantHighEvents++
      })
      return around
    }
    watch(heap, /^t/)
    for (let step = 0; step < 300; step++) {
      const id = `t${next(4)}`
      const found = heap.findTenant(id)
      const tenant = found ?? heap.tenant(id, { max: '2MiB', high: '128KiB' })
      if (!found) watch(tenant, /^inner/)
      const inner = () => tenant.findTenant('inner') ?? tenant.tenant('inner', { max: '256KiB' })
      const own = next(3) === 0 ? inner() : tenant
      const what = next(8)
      if (what === 0) expect(own.tryAlloc(4 * MIB)).toBe(0)
      else if (what === 1) own.kill()
      else if (what === 2) own.free()
      else own.tryAlloc(20_000)
      expect(heap.stats(), `step ${step}`).toMatchObject(told)
    }
    expect(told.tenantsEnded).toBeGreaterThan(told.tenantsKilled)
    expect(Math.min(...Object.values(told))).toBeGreaterThan(0)
    const { tenantMaxEvents } = heap.stats()
    expect(tenantMaxEvents).toBeGreaterThanOrEqual(told.tenantOomEvents)
    heap.reset()
    // The ends that the reset brought were told, too.
    expect(heap.stats()).toMatchObject({ ...told, tenantMaxEvents })
    const samples = new Map(heap.metrics().map(({ name, value }) => [name, value]))
    expect(samples.get('heapwright.tenant.killed')).toBe(told.tenantsKilled)
  })

  it('comes with the scope, the reset and the end of the heap around', () => {
    const heap = Heap.create({ mode: 'vm', debug: true })
    let first: Tenant
    {
      using tenant = heap.tenant('a')
      first = tenant
      tenant.alloc(10)
    }
    expect(first.isEnded).toBe(true)
    const ended: string[] = []
    heap.on('tenantEnd', ({ tenant }) => ended.push(tenant))
    const [b, c] = [heap.tenant('b'), heap.tenant('c', { mode: 'manual' })]
    b.tenant('inner').alloc(100_000)
    c.alloc(3 * MIB)
    heap.reset()
    expect([b.isEnded, c.isEnded, ended]).toEqual([true, true, ['b', 'c']])
    expect(heap.stats()).toMatchObject({ tenantBytes: 0, inUseBytes: 0 })
    expectWhole(heap)
    const d = heap.tenant('d')
    heap.close()
    expect([d.isEnded, ended]).toEqual([true, ['b', 'c', 'd']])
    expect(thrownBy(() => heap.tenants())).toBeInstanceOf(ClosedError)
    expect(thrownBy(() => heap.tenant('a'))).toBeInstanceOf(ClosedError)
  })

  it.each(['reset', 'close'] as const)('lets none begin while a %s ends them all', (call) => {
    const heap = Heap.create({ limit: '16MiB' })
    heap.tenant('a').alloc(100)
    const thrown: unknown[] = []
    heap.on('tenantEnd', () => void thrown.push(thrownBy(() => heap.tenant('again'))))
    heap[call]()
    expect(thrown).toEqual([expect.any(ClosedError)])
    if (call === 'close') return
    expect([...heap.tenants()]).toEqual([])
    expectWhole(heap)
    expect(heap.tenant('again').alloc(100)).toBeGreaterThan(0)
    expectWhole(heap)
  })

  it('is over when it is told: the heap around is whole, and may have another of the same id', () => {
    using heap = Heap.create({ mode: 'vm', limit: '16MiB' })
    const tenant = heap.tenant('a')
    const seen: unknown[] = []
    tenant.on('close', () => {
      seen.push(heap.verify(), heap.forceCollect().hasRun, heap.metrics().length > 0, heap.findTenant('a'))
      seen.push(heap.tenant('a') !== tenant)
    })
    tenant.free()
    expect(seen).toEqual([{ ok: true }, true, true, undefined, true])
    expectWhole(heap)
  })

  it('may come from a listener that is told of another end', () => {
    const heap = Heap.create({ limit: '16MiB' })
    const outer = heap.tenant('outer')
    outer.tenant('inner')
    const ends: string[] = []
    heap.on('tenantEnd', ({ tenant }) => void ends.push(tenant))
    outer.on('tenantEnd', () => void outer.free())
    expect(outer.free().bytes).toBeGreaterThan(0)
    expect(ends).toEqual(['outer'])
    const other = heap.tenant('other')
    heap.on('close', ({ name }) => void ends.push(name))
    other.on('close', () => heap.close())
    expect(other.free().bytes).toBeGreaterThan(0)
    expect([heap.isClosed, other.isEnded]).toEqual([true, true])
    expect(ends).toEqual(['outer', 'heap', 'other'])
    const last = Heap.create({ limit: '16MiB' })
    for (const id of ['a', 'b']) last.tenant(id)
    last.on('close', () => void ends.push('closed'))
    last.on('tenantEnd', () => last.close())
    last.close()
    expect(ends.filter((one) => one === 'closed')).toHaveLength(1)
  })

  it('comes to all of them at once: listeners begin no other one meanwhile', () => {
    const heap = Heap.create({ debug: true })
    const refused: unknown[] = []
    heap.on('tenantEnd', () => refused.push(thrownBy(() => heap.tenant('again'))))
    heap.tenant('a').alloc(1000)
    heap.reset()
    expect([...heap.tenants()]).toEqual([])
    expectWhole(heap)
    heap.tenant('b')
    heap.close()
    expect(refused).toEqual([expect.any(ClosedError), expect.any(ClosedError)])
  })

  it('is over when it is told: the heap around has its figures, and may begin another of the same id', () => {
    const heap = Heap.create({ debug: true })
    const a = heap.tenant('a')
    let next: Tenant | undefined
    a.on('close', () => {
      expect([a.isEnded, heap.findTenant('a')]).toEqual([true, undefined])
      expectWhole(heap)
      next = heap.tenant('a')
    })
    a.free()
    expect([next === a, next?.isEnded, heap.findTenant('a') === next]).toEqual([false, false, true])
    expectWhole(heap)
  })

  it('by a listener in the middle of its end is its end', () => {
    const heap = Heap.create({ debug: true })
    const a = heap.tenant('a')
    a.alloc(100)
    a.tenant('inner')
    const ends: unknown[] = []
    a.on('tenantEnd', () => ends.push(a.free()))
    heap.on('tenantEnd', ({ bytes, blocks }) => ends.push({ bytes, blocks }))
    ends.push(a.free())
    expect(ends).toHaveLength(3)
    expect(ends[1]).toEqual(ends[0])
    expect(ends[2]).toEqual(ends[0])
    const b = heap.tenant('b')
    b.tenant('inner')
    b.on('tenantEnd', () => b.free())
    heap.reset()
    expectWhole(heap)
  })

  it('leaves what it held to others', () => {
    using heap = Heap.create({ limit: '24MiB', debug: true })
    for (let i = 0; i < 30; i++) {
      const tenant = heap.tenant(`t${i}`)
      for (const bytes of [10 * MIB, 900_000, 70_000, 100]) tenant.alloc(bytes)
      tenant.free()
    }
    expect(heap.stats()).toMatchObject({ inUseBytes: 0, tenantBytes: 0 })
    expect(heap.alloc(20 * MIB)).toBeGreaterThan(0)
    expectWhole(heap)
  })

  it('drops its finalizers, and those of nobody else', () => {
    using heap = Heap.create({ limit: '64MiB' })
    const told: string[] = []
    const tenants = ['a', 'b'].map((id) => {
      const tenant = heap.tenant(id, { mode: 'vm' })
      const finalizer = tenant.finalizer((held: string) => told.push(held))
      using _scope = tenant.scope()
      finalizer.register(tenant.new(Node), id)
      return tenant
    }) as [Tenant, Tenant]
    tenants[0].free()
    tenants[1].collect()
    expect(told).toEqual(['b'])
  })
})

describe.each(WITH_OBJECTS)('the objects of a tenant of mode %s', (mode) => {
  it('are its own: made, collected and counted there', () => {
    using heap = Heap.create({ debug: true, mode, limit: '128MiB' })
    const tenants = ['a', 'b'].map((id) => heap.tenant(id, { mode }))
    const heaps = [heap, ...tenants]
    const roots = heaps.map((one, index) => {
      using _scope = one.scope()
      let last: ReturnType<typeof one.new<typeof Node>> | null = null
      for (let i = 0; i < 2000; i++) last = one.new(Node, { value: 10_000 * index + i, next: last })
      return one.root(last as NonNullable<typeof last>)
    })
    expectWhole(heap)
    for (const one of heaps) one.collect()
    expectWhole(heap)
    for (const [index, one] of heaps.entries()) {
      using _scope = one.scope()
      let node = roots[index]?.value ?? null
      for (let i = 1999; i >= 0; i--) {
        expect(node?.value).toBe(10_000 * index + i)
        node = (node?.next ?? null) as typeof node
      }
      expect(node).toBe(null)
      expect([...one.objects()].length).toBeGreaterThanOrEqual(2000)
    }
    tenants[0]?.free()
    expectWhole(heap)
    tenants[1]?.collect()
    expectWhole(heap)
  })

  it('come to its limit, and to nobody else’s', () => {
    using heap = Heap.create({ debug: true, limit: '128MiB' })
    const tenant = heap.tenant('a', { mode, max: '2MiB' })
    const error = thrownBy(() => {
      using _scope = tenant.scope()
      let last: ReturnType<typeof tenant.new<typeof Node>> | null = null
      for (let i = 0; i < 1_000_000; i++) last = tenant.new(Node, { value: i, next: last })
    })
    expect(error).toBeInstanceOf(TenantLimitError)
    expect(error).toMatchObject({ tenant: 'a', maxBytes: 2 * MIB })
    expectWhole(heap)
    expect(heap.stats().growsRefused).toBe(0)
    using _scope = tenant.scope()
    expect(tenant.new(Node, { value: 7 }).value).toBe(7)
  })

  it('may be values', () => {
    using heap = Heap.create({ debug: true, mode, limit: '128MiB' })
    const tenant = heap.tenant('a', { mode })
    for (const one of [heap, tenant]) {
      using _scope = one.scope()
      const { values } = one
      const object = values.object({})
      const list = values.array('value')
      for (let i = 0; i < 500; i++) {
        list.push(values.string(`element ${i}`))
        object.set(`key ${i % 50}`, i)
      }
      one.collect()
      expect(list.length).toBe(500)
      expect((list.get(499) as HeapString).text).toBe('element 499')
      expect(object.get('key 7')).toBe(457)
      expect(one.verify()).toEqual({ ok: true })
    }
    expectWhole(heap)
    tenant.free()
    expectWhole(heap)
  })

  it('leave their memory when they are dead', () => {
    using heap = Heap.create({ debug: true, limit: '128MiB' })
    const tenant = heap.tenant('a', { mode })
    let root: Root<View<typeof Node>> | undefined
    for (let i = 0; i < 200; i++) {
      using _scope = tenant.scope()
      let last: View<typeof Node> | null = root?.value ?? null
      for (let j = 0; j < 1000; j++) last = tenant.new(Node, { value: j, next: last })
      const next = tenant.root(last as View<typeof Node>)
      root?.[Symbol.dispose]()
      root = next
    }
    const { heldBytes } = tenant.stats().tenant
    root?.[Symbol.dispose]()
    if (mode === 'manual') tenant.collect()
    else tenant.compact()
    tenant.releaseCaches()
    tenant.giveBack()
    expect(tenant.stats().tenant.heldBytes).toBeLessThan(heldBytes / 2)
    expectWhole(heap)
  })
})

describe('damage', () => {
  it('of a chunk table is found, and by which tenant', () => {
    using heap = Heap.create()
    const tenant = heap.tenant('a')
    tenant.alloc(3 * MIB)
    const { u32 } = heap.raw
    const table = u32[(tenant.base + HEAP_TABLE_AT) >>> 2] as number
    expect(table).toBeGreaterThan(u32[(tenant.base + HEAP_SCRATCH_AT) >>> 2] as number)
    u32[(table >>> 2) + 1] = 0
    expect(heap.verify()).toMatchObject({ ok: false, fault: expect.stringMatching(/^tenant 'a'/) })
  })
})

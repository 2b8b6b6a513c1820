/**
 * Goal: an image that is protected is written by nobody, and everything that a heap does goes on around it.
 * Method: images of one page and of many, with texts and arrays of values, in every mode with images and on both page
 * systems, under all collections, with objects that refer to them; the system's refusal of a store from WebAssembly is
 * the oracle, for the kernel is WebAssembly: a collector that writes to an image ends in a RuntimeError.
 * A failure means: a collector writes to immortal objects, or an image cannot be got rid of.
 */
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  array,
  ClosedError,
  Heap,
  type HeapOptions,
  i32,
  type PageSystem,
  PlatformError,
  ProtectionError,
  ref,
  StaleHandleError,
  struct,
  u8,
} from '../src/index.js'
import { guestOver, pageSystems } from './support/page-systems.js'

const Node = struct('Node', { value: i32, next: ref('Node') })
const Blob = struct('Blob', { bytes: array(u8) })
const Table = struct('Table', { blob: ref(Blob), rows: array(ref(Node)) })
const Holder = struct('Holder', { items: array(ref()) })

const LIMITS = { runtime: '64MiB', vm: '64MiB', server: '64MiB', embedded: '16MiB' } as const
type ImageMode = keyof typeof LIMITS
const MODES = Object.keys(LIMITS) as ImageMode[]

/** An image of a table with some rows, each the start of a list of two, and a blob. */
function imageOf(rows: number, blobBytes: number): Uint8Array {
  using heap = Heap.create({ mode: 'vm', limit: '128MiB' })
  using _scope = heap.scope()
  const table = heap.new(Table, { blob: heap.new(Blob, {}, blobBytes) }, rows)
  for (let i = 0; i < rows; i++) {
    using _row = heap.scope()
    const last = heap.new(Node, { value: i + 1, next: null })
    table.rows.set(i, heap.new(Node, { value: i, next: last }))
  }
  return heap.freeze({ table })
}

const SMALL = imageOf(10, 100)
const LONG = imageOf(20_000, 3 << 20)

describe.each(pageSystems)('protected images on pages that are %s', (_, pages) => {
  const create = (mode: ImageMode, options: HeapOptions = {}) =>
    Heap.create({ mode, limit: LIMITS[mode], debug: true, ...options, testing: { pages } })
  const mayStore = (heap: Heap, at: number) => {
    const guest = guestOver(heap.memory)
    try {
      guest.store(at, guest.load(at))
      return true
    } catch (error) {
      expect(error).toBeInstanceOf(WebAssembly.RuntimeError)
      return false
    }
  }
  const load = (heap: Heap, image: Uint8Array, protect = true) => heap.loadImage(image, { table: Table }, { protect })

  /** Collections of all kinds, with garbage and objects that refer to the image. */
  function churn(heap: Heap, mode: ImageMode, target: ReturnType<typeof load>['roots']['table']): void {
    using _scope = heap.scope()
    const kept = heap.new(Holder, {}, 50)
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 200; i++) {
        using _one = heap.scope()
        const row = target.rows.get(i % target.rows.length)
        kept.items.set(i % 50, heap.new(Holder, { items: [row, target, target.blob, kept] }))
      }
      if (mode === 'runtime' || mode === 'server') heap.collect({ kind: 'minor' })
      heap.collect()
      if (mode === 'server') while (heap.step({ budgetMs: 1 }).isCycling);
      heap.compact()
      expect(heap.verify()).toEqual({ ok: true })
    }
    heap.snapshot({ collect: false })
  }

  it.each(MODES)('stay as they are under all collections in mode %s', (mode) => {
    for (const [image, rows] of [
      [SMALL, 10],
      [LONG, 20_000],
    ] as const) {
      using heap = create(mode)
      const loaded = load(heap, image)
      const { table } = loaded.roots
      const first = table.reference
      const found = loaded.protection
      expect(found?.bytes).toBeGreaterThanOrEqual(loaded.bytes)
      const hasOwnPages = pages.can.protect && mode !== 'embedded'
      if (hasOwnPages) expect(found).toMatchObject({ isEnforced: true, enforcedBytes: found?.bytes, reason: undefined })
      else expect(found?.reason).toBeTypeOf('string')
      churn(heap, mode, table)
      expect([table.rows.length, table.reference]).toEqual([rows, first])
      using _scope = heap.scope()
      const node = heap.view(Node, table.rows.get(rows - 1)?.reference ?? 0)
      expect([node.value, node.next?.value]).toEqual([rows - 1, rows])
      expect(mayStore(heap, first)).toBe(!hasOwnPages)
      expect(() => heap.writeU8(first, 0)).toThrow(ProtectionError)
      expect(() => heap.setFlags(table, 1)).toThrow(ProtectionError)
      expect(() => table.rows.set(0, null)).toThrow(ProtectionError)
      heap.identityHash(table)
      loaded.unprotect()
      loaded.unprotect()
      expect(loaded.protection).toBeUndefined()
      expect(mayStore(heap, first)).toBe(true)
      heap.writeU8(first, heap.readU8(first))
      expect(loaded.protect().bytes).toBe(found?.bytes)
      heap.reset()
      expect(loaded.protection).toBeUndefined()
      expect(() => loaded.protect()).toThrow(StaleHandleError)
      loaded.unprotect()
      expect(mayStore(heap, first)).toBe(true)
      expect(load(heap, SMALL).roots.table.rows.length).toBe(10)
      heap.close()
      expect(() => loaded.protect()).toThrow(ClosedError)
    }
  })

  it('have whole pages only between their ends when they were loaded without', () => {
    using heap = create('vm')
    const loaded = load(heap, LONG, false)
    expect(loaded.protection).toBeUndefined()
    expect(mayStore(heap, loaded.roots.table.reference)).toBe(true)
    const found = loaded.protect()
    expect(found).toMatchObject({ access: 'read', bytes: loaded.bytes, isEnforced: false })
    expect(found.enforcedBytes % pages.pageBytes).toBe(0)
    if (pages.can.protect) {
      expect(found.enforcedBytes).toBeGreaterThan(loaded.bytes - 100 * pages.pageBytes)
      expect(found.reason).toBe('the rest shares its pages with other memory')
    } else expect(found).toMatchObject({ enforcedBytes: 0, reason: pages.reason })
    churn(heap, 'vm', loaded.roots.table)
  })

  it('can be shared with tenants, and protected', () => {
    using heap = create('vm')
    const loaded = heap.loadImage(LONG, { table: Table }, { shared: true, protect: true })
    expect(loaded.protection?.enforcedBytes ?? 0).toBe(pages.can.protect ? loaded.protection?.enforcedBytes : 0)
    const tenant = heap.tenant('guest')
    using _scope = tenant.scope()
    const table = tenant.shared(loaded.roots.table)
    tenant.new(Holder, { items: [table] })
    tenant.collect()
    expect(() => tenant.writeU8(table.reference, 0)).toThrow(ProtectionError)
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('keep the texts of values', () => {
    using source = create('vm')
    using _scope = source.scope()
    const texts = source.values.array('value', ['one', 'zwei', 'три', 4.5, 'one more that is longer than the others'])
    const image = source.freeze({ texts })
    using heap = create('runtime')
    const loaded = heap.loadImage(image, {}, { protect: true })
    using _own = heap.scope()
    const found = loaded.roots.texts as unknown as typeof texts
    expect([...found].map(String)).toEqual([...texts].map(String))
    const dictionary = heap.values.dictionary()
    for (const [i, text] of [...found].entries()) dictionary.set(String(text), i)
    heap.collect()
    expect(dictionary.get('zwei')).toBe(1)
    expect(() => found.push('more')).toThrow(ProtectionError)
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('leave nothing behind when the system refuses', () => {
    const refusing: PageSystem = new Proxy(pages, {
      get: (target, name) => {
        if (name === 'can') return { ...target.can, protect: true }
        if (name === 'protect')
          return (memory: WebAssembly.Memory, address: number, bytes: number, access: string) => {
            if (access === 'read' && isRefused) throw new PlatformError('mprotect', 'ENOMEM', address, bytes)
            return target.protect(memory, address, bytes, access as 'read')
          }
        const own = target[name as keyof PageSystem]
        return typeof own === 'function' ? own.bind(target) : own
      },
    })
    let isRefused = false
    using heap = Heap.create({ mode: 'vm', limit: '64MiB', debug: true, testing: { pages: refusing } })
    const before = load(heap, SMALL)
    heap.collect()
    const { inUseBytes } = heap.stats()
    isRefused = true
    expect(() => load(heap, SMALL)).toThrow(PlatformError)
    heap.collect()
    expect(heap.stats().inUseBytes).toBe(inUseBytes)
    expect(heap.verify()).toEqual({ ok: true })
    expect(before.roots.table.rows.length).toBe(10)
    before.unprotect()
    expect(() => before.protect()).toThrow(PlatformError)
    expect(before.protection).toBeUndefined()
    isRefused = false
    before.protect()
    expect(() => heap.loadImage(SMALL, {}, { protect: 1 as unknown as boolean })).toThrow(ArgumentError)
  })
})

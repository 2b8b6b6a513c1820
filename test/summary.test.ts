/**
 * Goal: a heap that meets a logger or a console is one short line, whatever its state.
 * Method: JSON.stringify and util.inspect, held against the figures of `stats()`; of open, closed and damaged heaps.
 * A failure means that a line of a log stops a program, or fills a disk with the contents of a memory.
 */
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Heap, type HeapSummary } from '../src/index.js'

const MODES = ['manual', 'compiler', 'vm', 'runtime', 'server', 'embedded'] as const

describe.each(MODES)('a heap of mode %s', (mode) => {
  it('is a few figures in JSON, and one line on a console', () => {
    const heap = Heap.create({ mode, name: 'main', limit: mode === 'embedded' ? 65536 : '64MiB' })
    heap.alloc(5000)
    const { committedBytes, inUseBytes, limitBytes } = heap.stats()
    const told = { name: 'main', mode, committedBytes, inUseBytes, limitBytes, isClosed: false }
    expect(JSON.parse(JSON.stringify({ heap }))).toEqual({ heap: told })
    expect(inUseBytes).toBeGreaterThanOrEqual(5000)
    expect(inspect({ heap })).toMatch(
      new RegExp(
        `^\\{\\s+heap: Heap 'main' \\(${mode}, [\\d.]+ KiB in use, [\\d.]+ .iB committed, limit 64 .iB\\)\\s+\\}$`,
      ),
    )
    heap.close()
    expect(JSON.parse(JSON.stringify(heap))).toEqual({ name: 'main', mode, isClosed: true })
    expect(inspect(heap)).toBe(`Heap 'main' (${mode}, closed)`)
  })
})

describe('a tenant', () => {
  it('has its id, and figures of its own', () => {
    using heap = Heap.create({ name: 'main' })
    const tenant = heap.tenant('guest', { max: '2MiB' })
    const { committedBytes, inUseBytes } = tenant.stats()
    const told: HeapSummary = tenant.toJSON()
    const limitBytes = 2 << 20
    const expected = {
      name: 'guest',
      mode: 'manual',
      id: 'guest',
      committedBytes,
      inUseBytes,
      limitBytes,
      isClosed: false,
    }
    expect(told).toEqual(expected)
    expect(inspect(tenant)).toMatch(/^Tenant 'guest' \(manual, \d+ B in use, 64 KiB committed, limit 2 MiB\)$/)
    tenant.free()
    expect(JSON.parse(JSON.stringify(tenant))).toEqual({ name: 'guest', mode: 'manual', id: 'guest', isClosed: true })
    expect(inspect(tenant)).toBe("Tenant 'guest' (manual, ended)")
  })
})

it('a damaged heap is printed without figures', () => {
  const heap = Heap.create({ name: 'torn' })
  new Uint8Array(heap.memory.buffer, heap.base, 256).fill(0xff)
  expect(() => heap.stats()).toThrow()
  expect(JSON.parse(JSON.stringify(heap))).toEqual({ name: 'torn', mode: 'manual', isClosed: false })
  expect(inspect(heap)).toBe("Heap 'torn' (manual, figures cannot be read)")
})

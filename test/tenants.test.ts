/**
 * Goal: a tenant is a heap of its own within a heap: limited, counted to the byte, walked, verified and ended alone,
 * and nothing that it does, or that is done to it, reaches another heap.
 *
 * Method: through the public interface, in every mode that may be a tenant's.
 *
 * A failure means that a guest can harm its host or another guest, or that the books do not add up.
 */
import { describe, expect, it } from 'vitest'
import { ClosedError, TenantLimitError } from '../src/errors.js'
import { Heap } from '../src/heap.js'
import type { HeapStats } from '../src/types.js'

const MODES = ['manual', 'compiler', 'vm', 'runtime', 'server'] as const

function expectIdentity(stats: HeapStats): void {
  const sum = stats.inUseBytes + stats.freeBytes + stats.metadataBytes + stats.unusedBytes
  expect(sum).toBe(stats.committedBytes)
}

describe('a tenant', () => {
  for (const mode of MODES) {
    it(`of mode ${mode} is limited, counted, walked, verified and ended`, () => {
      using heap = Heap.create({ debug: true, mode, limit: '128MiB' })
      const before = heap.stats()
      const tenant = heap.tenant('guest-7', { max: '16MiB' })
      const blocks = [100, 1000, 100_000, 3_000_000].map((bytes) => tenant.alloc(bytes))
      expect([...tenant.blocks()].map(({ address }) => address)).toEqual(blocks.sort((a, b) => a - b))
      expect(heap.verify()).toEqual({ ok: true })
      expectIdentity(heap.stats())
      expectIdentity(tenant.stats())
      expect(heap.stats().tenantBytes).toBe(tenant.stats().tenant.heldBytes)
      expect(heap.stats().inUseBytes).toBe(before.inUseBytes + tenant.stats().committedBytes)
      expect(() => tenant.alloc(16_000_000)).toThrow(TenantLimitError)
      expect(heap.verify()).toEqual({ ok: true })
      const { heldBytes } = tenant.stats().tenant
      expect(tenant.free()).toEqual({ bytes: heldBytes, blocks: 4 })
      expect(() => tenant.alloc(1)).toThrow(ClosedError)
      expect(heap.stats().inUseBytes).toBe(before.inUseBytes)
      expect(heap.verify()).toEqual({ ok: true })
    })
  }
})

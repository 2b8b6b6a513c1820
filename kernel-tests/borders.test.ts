/**
 * Goal: what a strict reading of the kernel found at the borders of its ranges stays mended.
 * Method: one named case each, on the bare kernel.
 * A failure means that the case is back.
 */
import { expect, test } from 'vitest'
import * as layout from '../kernel/layout.js'
import { BareKernel } from './kernel.js'

test('a range whose last piece of a MiB is left out verifies and can be attached to', () => {
  const kernel = new BareKernel({ limit: (2 << 20) + 4096 })
  expect(kernel.verify()).toBe(layout.FAULT_NONE)
  expect(kernel.run('attach', 0)).toBe(layout.STATUS_OK)
})

test('a pool that no heap of this limit can hold is refused before anything grows', () => {
  const kernel = new BareKernel()
  const before = kernel.u32(layout.HEAP_COMMITTED_AT)
  expect(kernel.run('poolCreate', 16, 0xffffffff, 0)).toBe(0)
  expect(kernel.u32(layout.HEAP_COMMITTED_AT)).toBe(before)
})

test('a walk from the last addresses ends', () => {
  const kernel = new BareKernel()
  kernel.run('alloc', 10)
  expect(kernel.run('nextBlock', 0xfffffff8)).toBe(0)
})

test('a fixed arena from address 0 never gives null', () => {
  const kernel = new BareKernel()
  const arena = kernel.run('arenaCreateFixed', 0, 100)
  expect(kernel.run('arenaAlloc', arena, 10, 8)).toBeGreaterThan(0)
})

test('a short block at the end of a chunk does not take a whole MiB to grow a little', () => {
  const kernel = new BareKernel({ limit: 16 << 20 })
  const last = [1, 2, 3, 4, 5].map(() => kernel.run('alloc', 170_000)).at(-1) as number
  const grown = kernel.run('realloc', last, 200_000)
  expect(kernel.run('usableSize', grown)).toBe(200_000)
})

test('the peak is seen through realloc', () => {
  const kernel = new BareKernel()
  const grown = kernel.run('realloc', kernel.run('alloc', 2 << 20), 40 << 20)
  kernel.run('free', kernel.run('realloc', grown, 2 << 20))
  kernel.run('totalsReport')
  expect(kernel.u32(kernel.u32(layout.HEAP_SCRATCH_AT) + 8)).toBeGreaterThanOrEqual(40 << 20)
})

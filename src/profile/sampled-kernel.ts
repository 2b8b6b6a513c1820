/**
 * A kernel whose allocations are counted down to the next sample, and whose frees are compared with what was sampled.
 *
 * An allocation that is not sampled costs a subtraction and a test, a free that is of no sampled block a load and a
 * test; both are here, everything else is the sampler's. An allocation weighs one byte more than was asked for, so that
 * empty blocks are found, too.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES } from '../../kernel/object-layout.js'
import { type Kernel, kernelWith } from '../kernel-instance.js'
import type { Countdown } from './countdown.js'
import type { LiveSamples } from './live-samples.js'

/** Below what any block of an owner ends at. */
const NOTHING_USED = -1

/** What hears of the few calls that matter. */
export interface KernelSampler {
  readonly countdown: Countdown
  readonly live: LiveSamples
  /** Whether objects have counts; then addresses of new ones tell which have died. */
  readonly isCounted: boolean
  /** `weightBytes`: what was taken off the countdown, which is below 0 now. */
  sampleBlock(address: number, weightBytes: number): void
  samplePoolBlock(pool: number, address: number, weightBytes: number): void
  sampleArenaBlock(arena: number, address: number, bytes: number): void
  /** `reference`: of an object of `payloadBytes`. */
  sampleObject(reference: number, payloadBytes: number, weightBytes: number): void
  /** The reference in a handle slot. */
  referenceIn(slot: number): number
  /** An object was made at `reference`: whatever was there has died. */
  endObjectAt(reference: number): void
  /** Bytes of the blocks of a pool. */
  poolBlockBytes(address: number): number
  endAll(): void
}

export function sampledKernel(kernel: Kernel, sampler: KernelSampler): Kernel {
  const newestPool: PoolWeight = { pool: 0, weight: 0 }
  return kernelWith(kernel, {
    ...allocations(kernel, sampler),
    ...frees(kernel, sampler, newestPool),
    ...pools(kernel, sampler, newestPool),
    ...arenas(kernel, sampler),
    ...objects(kernel, sampler),
  })
}

/** The pool that was asked last, and what its blocks weigh: 0 for none. */
interface PoolWeight {
  pool: number
  weight: number
}

function allocations(kernel: Kernel, sampler: KernelSampler): Partial<Kernel> {
  const { alloc, allocZeroed, allocAligned, bumpAlloc, realloc } = kernel
  const { countdown, live } = sampler
  return {
    alloc(bytes) {
      const address = alloc(bytes)
      if (address !== 0 && countdown.take(bytes + 1)) sampler.sampleBlock(address, bytes + 1)
      return address
    },
    allocZeroed(bytes) {
      const address = allocZeroed(bytes)
      if (address !== 0 && countdown.take(bytes + 1)) sampler.sampleBlock(address, bytes + 1)
      return address
    },
    allocAligned(bytes, alignment) {
      const address = allocAligned(bytes, alignment)
      if (address !== 0 && countdown.take(bytes + 1)) sampler.sampleBlock(address, bytes + 1)
      return address
    },
    bumpAlloc(bytes) {
      const address = bumpAlloc(bytes)
      if (address !== 0 && countdown.take(bytes + 1)) sampler.sampleBlock(address, bytes + 1)
      return address
    },
    // The block is freed and another one allocated, wherever that is.
    realloc(address, bytes) {
      const moved = realloc(address, bytes)
      if (moved === 0) return 0
      if (live.mayHold(address)) live.end(address)
      if (countdown.take(bytes + 1)) sampler.sampleBlock(moved, bytes + 1)
      return moved
    },
  }
}

function frees(kernel: Kernel, sampler: KernelSampler, newestPool: PoolWeight): Partial<Kernel> {
  const { free, freeSized, reset } = kernel
  const { live } = sampler
  return {
    free(address) {
      const status = free(address)
      if (live.mayHold(address) && status === STATUS_OK) live.end(address)
      return status
    },
    freeSized(address, bytes, alignment) {
      const status = freeSized(address, bytes, alignment)
      if (live.mayHold(address) && status === STATUS_OK) live.end(address)
      return status
    },
    reset() {
      reset()
      newestPool.pool = 0
      sampler.endAll()
    },
  }
}

function pools(kernel: Kernel, sampler: KernelSampler, newest: PoolWeight): Partial<Kernel> {
  const { poolAcquire, poolRelease, poolDestroy } = kernel
  const { countdown, live } = sampler
  return {
    poolAcquire(pool) {
      const address = poolAcquire(pool)
      if (address === 0) return 0
      if (pool !== newest.pool) {
        newest.weight = sampler.poolBlockBytes(address) + 1
        newest.pool = pool
      }
      if (countdown.take(newest.weight)) sampler.samplePoolBlock(pool, address, newest.weight)
      return address
    },
    poolRelease(pool, address) {
      const status = poolRelease(pool, address)
      if (live.mayHold(address) && status === STATUS_OK) live.end(address)
      return status
    },
    poolDestroy(pool) {
      const status = poolDestroy(pool)
      if (status === STATUS_OK) live.endBeyond(pool, NOTHING_USED)
      // Another pool may begin there.
      newest.pool = 0
      return status
    },
  }
}

function arenas(kernel: Kernel, sampler: KernelSampler): Partial<Kernel> {
  const { arenaAlloc, arenaRelease, arenaReset, arenaFreeLast, arenaShrinkLast, arenaDestroy, arenaUsed } = kernel
  const { countdown, live } = sampler
  /** An arena has been cut back if `status` says so. */
  const cutBack = (arena: number, status: number) => {
    if (status === STATUS_OK && live.size > 0) live.endBeyond(arena, arenaUsed(arena) >>> 0)
    return status
  }
  return {
    arenaAlloc(arena, bytes, alignment) {
      const address = arenaAlloc(arena, bytes, alignment)
      if (address !== 0 && countdown.take(bytes + 1)) sampler.sampleArenaBlock(arena, address, bytes)
      return address
    },
    arenaRelease: (arena, low, high) => cutBack(arena, arenaRelease(arena, low, high)),
    arenaReset: (arena) => cutBack(arena, arenaReset(arena)),
    arenaFreeLast: (arena, address) => cutBack(arena, arenaFreeLast(arena, address)),
    // The block is freed and a shorter one allocated.
    arenaShrinkLast(arena, address, bytes) {
      const status = cutBack(arena, arenaShrinkLast(arena, address, bytes))
      if (status === STATUS_OK && countdown.take(bytes + 1)) sampler.sampleArenaBlock(arena, address, bytes)
      return status
    },
    arenaDestroy(arena) {
      const status = arenaDestroy(arena)
      if (status === STATUS_OK) live.endBeyond(arena, NOTHING_USED)
      return status
    },
  }
}

function objects(kernel: Kernel, sampler: KernelSampler): Partial<Kernel> {
  const { objectNew, objectPush, refcountedNew } = kernel
  const { countdown } = sampler
  const made = (reference: number, bytes: number) => {
    if (sampler.isCounted) sampler.endObjectAt(reference)
    const weight = bytes + OBJECT_HEADER_BYTES
    if (countdown.take(weight)) sampler.sampleObject(reference, bytes, weight)
  }
  return {
    objectNew(type, bytes) {
      const reference = objectNew(type, bytes)
      if (reference !== 0) made(reference >>> 0, bytes)
      return reference
    },
    objectPush(type, bytes) {
      const slot = objectPush(type, bytes)
      if (slot !== 0) made(sampler.referenceIn(slot), bytes)
      return slot
    },
    refcountedNew(bytes) {
      const reference = refcountedNew(bytes)
      if (reference !== 0) made(reference >>> 0, bytes)
      return reference
    },
  }
}

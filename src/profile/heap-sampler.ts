/**
 * Samples one heap, or one tenant: the interposer that stands around its kernel while it is profiled, and what is known
 * of its sampled blocks and objects.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES } from '../../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES } from '../../kernel/value-layout.js'
import type { HeapCore } from '../core.js'
import type { Interposer } from '../interposer.js'
import type { Kernel } from '../kernel-instance.js'
import { Countdown } from './countdown.js'
import { LiveSamples } from './live-samples.js'
import { ObjectSamples } from './object-samples.js'
import type { SampleTaker } from './sample-taker.js'
import { type KernelSampler, sampledKernel } from './sampled-kernel.js'
import type { Sampled } from './site-table.js'

export class HeapSampler implements Interposer, KernelSampler {
  readonly name = 'profile'
  readonly seesObjects: boolean
  readonly countdown = new Countdown()
  readonly live = new LiveSamples()
  readonly #core: HeapCore
  readonly #taker: SampleTaker
  readonly #tenant: string | undefined
  readonly #objects: ObjectSamples
  /** The mean that the gap was drawn with which is being counted down. */
  #meanBytes = 0
  #isOn = true
  readonly #takeOff: () => void

  /** Begins at once. `tenant`: id of the tenant that the heap is. */
  constructor(core: HeapCore, taker: SampleTaker, seesObjects: boolean, tenant?: string) {
    this.#core = core
    this.#taker = taker
    this.#tenant = tenant
    this.seesObjects = seesObjects
    this.#objects = new ObjectSamples(core)
    this.#drawGap()
    this.#takeOff = core.interpose(this)
  }

  wrap(kernel: Kernel): Kernel {
    return sampledKernel(kernel, this)
  }

  /** Tell the taker of the bytes that have passed. */
  count(): void {
    if (this.#isOn) this.#taker.count(this.countdown.counted(), this.#meanBytes)
  }

  /** Find the objects that have died. */
  refresh(): void {
    if (this.#isOn) this.#objects.sweep()
  }

  /** What is in use stays counted as such. */
  stop(): void {
    if (!this.#isOn) return
    this.count()
    this.#objects.clear()
    this.live.clear()
    this.#isOn = false
    this.#takeOff()
  }

  /** Begin anew: what is in use is not this profile's. */
  reset(): void {
    if (!this.#isOn) return
    this.#objects.clear()
    this.live.clear()
    this.#drawGap()
  }

  // ---- what the kernel around the kernel calls ----------------------------------------------------------------------

  sampleBlock(address: number, weightBytes: number): void {
    const sampled = this.#take(weightBytes, () => this.#core.plainKernel.usableSize(address) >>> 0)
    if (sampled) this.live.add(sampled, address)
  }

  samplePoolBlock(pool: number, address: number, weightBytes: number): void {
    const sampled = this.#take(weightBytes, () => this.poolBlockBytes(address))
    if (sampled) this.live.add(sampled, address, pool)
  }

  sampleArenaBlock(arena: number, address: number, bytes: number): void {
    const kernel = this.#core.plainKernel
    // The memory of a fixed arena is a block, which is counted as such, or none of the heap's. Only a fixed one can be
    // popped, here to where it is.
    const isFixed = kernel.arenaPop(arena, kernel.arenaHigh(arena)) === STATUS_OK
    const sampled = isFixed ? this.#passOver() : this.#take(bytes + 1, () => Math.max(bytes, 1))
    if (sampled) this.live.add(sampled, address, arena, kernel.arenaUsed(arena) >>> 0)
  }

  sampleObject(reference: number, payloadBytes: number, weightBytes: number): void {
    const sampled = !this.seesObjects
      ? this.#passOver()
      : this.#take(weightBytes, () => this.#objectBytes(reference, payloadBytes))
    if (sampled) this.#objects.add(sampled, reference, this.isCounted)
  }

  referenceIn(slot: number): number {
    this.#core.views.refresh()
    return this.#core.views.u32[slot >>> 2] as number
  }

  endObjectAt(reference: number): void {
    this.#objects.endAt(reference)
  }

  poolBlockBytes(address: number): number {
    return this.#core.plainKernel.usableSize(address) >>> 0
  }

  get isCounted(): boolean {
    return this.#core.objectSpace?.isCounted ?? this.#core.mode === 'manual'
  }

  endAll(): void {
    this.live.endAll()
    this.#objects.endAll()
  }

  // ---- samples ------------------------------------------------------------------------------------------------------

  /** The allocation at hand is a sample, unless profiling has stopped while its call went on. */
  #take(weightBytes: number, bytes: () => number): Sampled | undefined {
    if (!this.#isOn || !this.#isPicked()) return undefined
    const sampled = this.#taker.take(bytes(), weightBytes, this.#meanBytes, this.#tenant)
    this.#nextGap()
    return sampled
  }

  /** The allocation at hand is none of those that are profiled. */
  #passOver(): undefined {
    if (this.#isOn && this.#isPicked()) this.#nextGap()
  }

  /**
   * Whether the gap is used up. If not, it is time to look whether another mean is due, for the allocations after this
   * one. What is left of an exponential gap is distributed as a whole one, so that a new one may take its place.
   */
  #isPicked(): boolean {
    if (this.countdown.isOver()) return true
    this.#taker.look()
    if (this.#taker.meanBytes !== this.#meanBytes) this.#nextGap()
    return false
  }

  #nextGap(): void {
    this.count()
    this.#drawGap()
  }

  #drawGap(): void {
    this.#meanBytes = this.#taker.meanBytes
    this.countdown.begin(this.#taker.gap(), this.#taker.lookBytes)
  }

  /** All that it takes, header and padding included. */
  #objectBytes(reference: number, payloadBytes: number): number {
    if (this.isCounted) return this.#core.plainKernel.usableSize(reference - COUNTED_HEADER_BYTES) >>> 0
    const grain = this.#core.objects.grainBytes
    return Math.ceil((payloadBytes + OBJECT_HEADER_BYTES) / grain) * grain
  }
}

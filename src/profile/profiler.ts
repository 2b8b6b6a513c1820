/**
 * The sampling allocation profiler: where a program allocates, and what of that is in use, at a cost that is bounded.
 *
 * Allocations are picked at random by their bytes (`byte-sampler.ts`); of those that were picked the stack is taken and
 * their end is watched. Samples hold estimates of all allocations. When no profiler runs, nothing is in the way of
 * calls.
 */
import { checkFile, checkFunction, checkOptions, checkRange } from '../arguments.js'
import type { HeapCore } from '../core.js'
import { dispose } from '../dispose.js'
import { ArgumentError, UnsupportedError } from '../errors.js'
import type { AllocationProfile, ProfileFrame, ProfileSample } from '../formats/allocation-profile.js'
import { type HeapProfile, type HeapProfileKind, makeHeapProfile } from '../formats/heapprofile.js'
import { writePprof } from '../formats/pprof.js'
import { gzip, writeFile } from '../platform/process.js'
import { parseSize } from '../sizes.js'
import { tenantPathPart } from '../tenant-options.js'
import type { TenantParts } from '../tenants.js'
import type { Size } from '../types.js'
import { CallStacks, GivenStacks } from './call-stack.js'
import { HeapSampler } from './heap-sampler.js'
import { SampleTaker } from './sample-taker.js'

export interface ProfileOptions {
  /** Mean number of bytes from one sample to the next, 1 byte to 1 GiB; 1 for nearly all. Default 512 KiB. */
  readonly meanBytes?: Size
  /** A whole number from 0 to 2^32 - 1: with the same one the same allocations are picked. Default a random one. */
  readonly seed?: number
  /** Most calls of a stack, 1 to 256, innermost first. Default 32. */
  readonly stackDepth?: number
  /**
   * Gives the calls that have led here, innermost first, in place of those of JavaScript: for an interpreter, whose
   * program's calls are of more interest. It runs in the middle of an allocation and must not use the heap; what it
   * throws surfaces as an uncaught exception, and so does an ArgumentError for what is no frame; the allocation counts
   * without a stack then. Frames are told apart by what is in them.
   */
  readonly stack?: () => readonly ProfileFrame[]
  /**
   * Objects of `heap.new`, too. They are made by the kernel then, which takes about twice as long. Default true where
   * the heap has objects.
   */
  readonly includeObjects?: boolean
  /**
   * Most of the program's time that samples may take, above 0 to 1, but for some milliseconds at the beginning of a
   * burst. When they come faster than that allows, the mean grows for a while: figures stay right on average, and
   * become rougher; `effectiveMeanBytes` says how much. Default 0.02; with a `seed` 1, which is no bound, so that how
   * fast a machine is changes nothing.
   */
  readonly timeShare?: number
}

export interface HeapProfileOptions {
  /** Sizes of what is in use, or of all that was allocated. Default `'inuse'`. */
  readonly kind?: HeapProfileKind
}

const MEAN_BYTES = 512 * 1024
const MEAN_MAX_BYTES = 2 ** 30
const STACK_DEPTH = 32
const STACK_DEPTH_MAX = 256
const TIME_SHARE = 0.02
const OPTIONS = ['meanBytes', 'seed', 'stackDepth', 'stack', 'includeObjects', 'timeShare'] as const

/** What a profiler asks of the world, for tests and tools to replace. */
export interface ProfileTools {
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly date: () => number
}

const TOOLS: ProfileTools = { now: () => performance.now(), date: () => Date.now() }

/** A heap that is sampled, and how to stop hearing of it. */
interface Watched {
  readonly sampler: HeapSampler
  readonly offs: readonly (() => void)[]
}

/** A running profile of a heap and its tenants. Made by `heap.profile()`. */
export class Profiler implements Disposable {
  /** Mean number of bytes from one sample to the next, as it was asked for. */
  readonly meanBytes: number
  /** What the dice began with: passed as an option it makes them fall the same way. */
  readonly seed: number
  readonly #core: HeapCore
  readonly #tools: ProfileTools
  readonly #taker: SampleTaker
  readonly #includeObjects: boolean
  /** The heap and those of its tenants that live. */
  readonly #watched = new Map<HeapCore, Watched>()
  #beganMs: number
  #beganDateMs: number
  #endedMs: number | undefined

  /** @internal */
  constructor(core: HeapCore, options: ProfileOptions, tools: ProfileTools = TOOLS) {
    const { meanBytes, seed, stacks, includeObjects, timeShare } = readOptions(options)
    this.meanBytes = meanBytes
    this.seed = seed
    this.#core = core
    this.#tools = tools
    const { now } = tools
    this.#taker = new SampleTaker({ meanBytes, seed, timeShare, stacks, now })
    this.#includeObjects = includeObjects
    this.#watch(core)
    this.#beganMs = now()
    this.#beganDateMs = tools.date()
  }

  /** Sample a heap and its tenants, those that begin later, too. `tenant`: its path, where it is one of those. */
  #watch(core: HeapCore, tenant?: string): void {
    const sampler = new HeapSampler(core, this.#taker, this.#includeObjects, tenant)
    const watchTenant = ({ core: inner, tenancy }: TenantParts) => {
      const part = tenantPathPart(tenancy.id)
      this.#watch(inner, tenant === undefined ? part : `${tenant}/${part}`)
    }
    for (const parts of core.tenants.tenancies()) watchTenant(parts)
    const offs = [
      core.events.on('tenantBegin', ({ tenant: id }) => {
        for (const parts of core.tenants.tenancies()) if (parts.tenancy.id === id) watchTenant(parts)
      }),
    ]
    if (tenant !== undefined) offs.push(core.events.on('close', () => this.#endTenant(core)))
    this.#watched.set(core, { sampler, offs })
  }

  /** All that a tenant had is its parent's again. */
  #endTenant(core: HeapCore): void {
    const sampler = this.#watched.get(core)?.sampler
    sampler?.endAll()
    sampler?.count()
    this.#watched.delete(core)
  }

  /** Whether the mean is above what was asked for now, because samples would take more than `timeShare`. */
  get isThrottled(): boolean {
    return this.#taker.isThrottled
  }

  /**
   * The mean at which the bytes of this profile were sampled, on average over them: `meanBytes`, or more where
   * `timeShare` made samples rarer. Figures are as rough as this mean makes them.
   */
  get effectiveMeanBytes(): number {
    for (const { sampler } of this.#watched.values()) sampler.count()
    return this.#taker.effectiveMeanBytes
  }

  get isRunning(): boolean {
    return this.#endedMs === undefined && !this.#core.isClosed
  }

  /** End it: calls go to the kernel as before, and samples stay as they are now. Harmless twice. */
  stop(): void {
    if (this.#endedMs !== undefined) return
    this.#endedMs = this.#tools.now()
    for (const { sampler, offs } of this.#watched.values()) {
      for (const off of offs) off()
      sampler.stop()
    }
  }

  /** Forget all samples and begin anew; what is in use now is not counted as such any more. */
  reset(): void {
    for (const { sampler } of this.#watched.values()) sampler.reset()
    this.#taker.clear()
    if (this.#endedMs !== undefined) return
    this.#beganMs = this.#tools.now()
    this.#beganDateMs = this.#tools.date()
  }

  /**
   * What was allocated since the profile began, by stack, size and tenant. Blocks in use are known to the call; objects
   * are in use until a collection has found them dead.
   */
  get samples(): readonly ProfileSample[] {
    for (const { sampler } of this.#watched.values()) sampler.refresh()
    return this.#taker.sites.samples
  }

  /** The same with when, how long and how often: what the formats are written from. */
  get profile(): AllocationProfile {
    return {
      name: this.#core.name,
      meanBytes: this.effectiveMeanBytes,
      beganMs: this.#beganDateMs,
      durationMs: (this.#endedMs ?? this.#tools.now()) - this.#beganMs,
      samples: this.samples,
    }
  }

  /** pprof's profile.proto, not gzipped: most readers want it gzipped, as `writePprof` does it. */
  toPprof(): Uint8Array<ArrayBuffer> {
    return writePprof(this.profile)
  }

  /** As Chrome DevTools opens it, once it is text: `JSON.stringify(profiler.toHeapProfile())`. */
  toHeapProfile(options: HeapProfileOptions = {}): HeapProfile {
    checkOptions('options', options, ['kind'])
    const { kind = 'inuse' } = options
    if (kind !== 'inuse' && kind !== 'alloc') throw new ArgumentError('kind', kind, "'inuse' or 'alloc'")
    return makeHeapProfile(this.profile, kind)
  }

  /**
   * Write the profile as a gzipped file for pprof. In Node, Deno and Bun.
   *
   * @param file path, of any ending but `.heapprofile`
   * @throws ArgumentError; FileError that says which file and why; UnsupportedError where there is no file system
   * @example
   * profiler.writePprof('heap.pb.gz')   // go tool pprof -http=: heap.pb.gz
   */
  writePprof(file: string): void {
    checkFile(file, ['.heapprofile'])
    const packed = gzip(this.toPprof())
    if (packed && writeFile(file, packed)) return
    const hint = 'gzip what toPprof() gives, by CompressionStream, and keep it by the means that there are'
    throw new UnsupportedError(this.#core.mode, 'file system', hint, 'this platform')
  }

  /**
   * Write the profile as a `.heapprofile`. In Node, Deno and Bun.
   *
   * @param file path, of any ending but `.pb` and `.pb.gz`, which are pprof's
   * @throws ArgumentError, FileError, UnsupportedError
   */
  writeHeapProfile(file: string, options: HeapProfileOptions = {}): void {
    checkFile(file, ['.pb', '.pb.gz'])
    if (writeFile(file, `${JSON.stringify(this.toHeapProfile(options))}\n`)) return
    const hint = 'keep what toHeapProfile() gives by the means that there are'
    throw new UnsupportedError(this.#core.mode, 'file system', hint, 'this platform')
  }

  /** The same as `stop`. */
  [dispose](): void {
    this.stop()
  }

  /** The same as `using` does. */
  dispose(): void {
    this.stop()
  }
}

function readOptions(options: ProfileOptions) {
  checkOptions('options', options, OPTIONS)
  const { seed, includeObjects = true, timeShare = seed === undefined ? TIME_SHARE : 1 } = options
  const meanBytes = options.meanBytes === undefined ? MEAN_BYTES : parseSize(options.meanBytes, 'meanBytes')
  if (!(meanBytes >= 1 && meanBytes <= MEAN_MAX_BYTES)) {
    throw new ArgumentError('meanBytes', options.meanBytes, 'from 1 byte to 1 GiB')
  }
  if (typeof includeObjects !== 'boolean') throw new ArgumentError('includeObjects', includeObjects, 'true or false')
  if (!(typeof timeShare === 'number' && timeShare > 0 && timeShare <= 1)) {
    throw new ArgumentError('timeShare', timeShare, 'above 0, at most 1')
  }
  const stackDepth = checkRange('stackDepth', options.stackDepth ?? STACK_DEPTH, 1, STACK_DEPTH_MAX)
  const { stack } = options
  if (stack !== undefined) checkFunction('stack', stack)
  return {
    meanBytes,
    seed: seed === undefined ? Math.floor(Math.random() * 2 ** 32) : checkRange('seed', seed, 0, 2 ** 32 - 1),
    stacks: stack ? new GivenStacks(stack, stackDepth) : new CallStacks(stackDepth),
    includeObjects,
    timeShare,
  }
}

/**
 * The calls of a heap that concern what it is short of: how full it is, when collecting is worth while and by which
 * policy, and what can be given back before a request fails. How they work is in `pressure.ts`, `policy.ts`, `core.ts`.
 */
import { checkOptions } from './arguments.js'
import { ArgumentError } from './errors.js'
import type { Reclaimer } from './events.js'
import type { Tenant } from './heap.js'
import { PageCalls } from './page-calls.js'
import {
  type AutoCollectOptions,
  type CollectionPolicy,
  checkPolicy,
  type PolicyPlan,
  type TenantCollection,
} from './policy.js'
import type { HeapPressure } from './pressure.js'
import type { TrimOptions, TrimResult } from './trim.js'
import type { Bytes, Size } from './types.js'

/** How to collect a heap and its tenants. */
export interface CollectTenantsOptions {
  /**
   * `global`: the heap and every tenant; `threshold`: the tenants that hold more than `thresholdBytes`, or the heap
   * itself where it has none; `targeted`: one `tenant`; `unreferenced`: dead objects alone, and nothing moved.
   */
  readonly policy?: CollectionPolicy
  readonly thresholdBytes?: Size
  readonly tenant?: string | Tenant
}

/** Pressure, policies of collection, and what gives memory back. */
export class ReliefAccess extends PageCalls {
  // ---- pressure and policy ------------------------------------------------------------------------------------------

  /** How full the heap is: a level, with the hysteresis of the option `pressure`, and the figures behind it. */
  pressure(): HeapPressure {
    return this.core.pressure.read()
  }

  /**
   * Whether enough has been freed or taken since the last collection by a policy that one is worth while: 1,000 freed
   * blocks (option `collectAfterFrees`), or a sixteenth of the limit more in use. Blocks are counted from the first time
   * that somebody asks, unless the option is given.
   */
  shouldCollect(): boolean {
    this.core.assertOpen()
    return this.core.collector.isDue
  }

  /**
   * Collect the heap and its tenants by a policy, if `shouldCollect` says that it is worth while. Finalizers have run
   * when it returns, and the event `collectTenants` has been told.
   *
   * @param options `policy`, default `'global'`; `thresholdBytes` for `'threshold'`, `tenant` (an id or a tenant) for
   * `'targeted'`
   * @throws ArgumentError
   * @example
   * heap.collectTenants({ policy: 'threshold', thresholdBytes: '8MiB' })
   */
  collectTenants(options: CollectTenantsOptions = {}): TenantCollection {
    return this.core.collector.collect(this.#policy(options), 'request')
  }

  /**
   * The same, whatever `shouldCollect` says; reclaimers run before, with the bytes that their heap holds, and what can
   * be moved is compacted. With policy `'unreferenced'` neither.
   */
  forceCollect(options: CollectTenantsOptions = {}): TenantCollection {
    return this.core.collector.collect(this.#policy(options), 'force')
  }

  /**
   * Collect by itself, when the usage is `fromUsage` or more and `shouldCollect` holds, and when the level is critical;
   * at most once in `everyMs`, between two calls. What an earlier call has said no longer holds.
   *
   * @returns a function that ends it
   * @throws ArgumentError
   */
  autoCollect(options: AutoCollectOptions = {}): () => void {
    this.core.assertOpen()
    return this.core.collector.automate(options)
  }

  #policy(options: CollectTenantsOptions): PolicyPlan {
    this.core.assertOpen()
    checkOptions('options', options, ['policy', 'thresholdBytes', 'tenant'])
    const { policy = 'global', thresholdBytes, tenant } = options
    const parts = tenant === undefined ? undefined : this.core.tenants.parts(tenant)
    if (tenant !== undefined && parts === undefined) {
      throw new ArgumentError('tenant', tenant, `a tenant of ${this.core.label} that lives, or its id`)
    }
    return checkPolicy(policy, thresholdBytes, parts)
  }

  // ---- giving back --------------------------------------------------------------------------------------------------

  /**
   * Give the pages kept for the next small blocks back to the free runs, where no block lives in them; the bytes given
   * back.
   */
  releaseCaches(): Bytes {
    return this.core.releaseCaches() as Bytes
  }

  /**
   * Give free memory back to the operating system, so that the process has less of it; that of tenants, too. What is
   * freed later goes with the next call, or by the option `trim`. Addresses, contents and what can be allocated stay as
   * they are; memory that was given back costs a page fault when it is first used again. See docs/trim.md.
   *
   * Pages kept for small blocks and wholly free pieces of tenants are released first, and blocks of objects that are
   * known to be garbage are swept. Nothing is collected and nothing moves, unless `collect` is given.
   *
   * @param options `collect: true`: collect all objects first, those of tenants too. `residency: false`: leave
   * `residentBefore` and `residentAfter` out of the result, which take a system call for each 256 MiB
   * @returns what was done; where the system cannot be asked, `isSupported` is false and `reason` says why
   * @throws PlatformError when the system refuses a range; all others have gone
   * @example
   * const { releasedBytes, residentAfter } = heap.trim()
   */
  trim(options: TrimOptions = {}): TrimResult {
    return this.core.trimmer.trim(options)
  }

  /**
   * Take the reserve of the option `outOfMemoryReserve` again, which a request that ran out of memory has given back;
   * the heap does so by itself as soon as twice its bytes can be had.
   *
   * @returns whether it is held now; false in a heap without one
   */
  refillReserve(): boolean {
    this.core.assertOpen()
    return this.core.reserve?.fill() ?? false
  }

  /**
   * Register a function that can free memory when a request fails; it gets the size of the request. Those of higher
   * priority run first, each followed by another try. The function given back takes it off.
   *
   * One that throws does not keep the others from running. When the request fails all the same, what it threw is the
   * `cause` of the OutOfMemoryError (an `AggregateError` when several threw); when it succeeds, or the call gives 0
   * instead of throwing, it is dropped.
   */
  addReclaimer(reclaimer: Reclaimer, options: { readonly priority?: number } = {}): () => void {
    this.core.assertOpen()
    checkOptions('options', options, ['priority'])
    return this.core.reclaimers.add(reclaimer, options.priority ?? 0)
  }
}

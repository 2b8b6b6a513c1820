/**
 * What was sampled, summed up by where it was allocated: the same stack, size and tenant are one row. Each sampled
 * allocation adds what it stands for, and takes it away again when it is freed.
 */
import type { ProfileSample } from '../formats/allocation-profile.js'
import type { CallStack } from './call-stack.js'

/** A row of the table. */
class Site {
  readonly stack: CallStack
  readonly bytes: number
  readonly tenant: string | undefined
  sampled = 0
  sampledInUse = 0
  allocObjects = 0
  inuseObjects = 0

  constructor(stack: CallStack, bytes: number, tenant: string | undefined) {
    this.stack = stack
    this.bytes = bytes
    this.tenant = tenant
  }

  get sample(): ProfileSample {
    const { bytes, sampled, sampledInUse, allocObjects, inuseObjects } = this
    return {
      frames: this.stack.frames,
      bytes,
      ...(this.tenant !== undefined && { tenant: this.tenant }),
      sampled,
      sampledInUse,
      allocObjects,
      allocBytes: allocObjects * bytes,
      inuseObjects,
      inuseBytes: inuseObjects * bytes,
    }
  }
}

/** One allocation that was sampled, while it is in use. */
export class Sampled {
  readonly #site: Site
  readonly #standsFor: number

  constructor(site: Site, standsFor: number) {
    this.#site = site
    this.#standsFor = standsFor
    site.sampled++
    site.sampledInUse++
    site.allocObjects += standsFor
    site.inuseObjects += standsFor
  }

  /** It is in use no longer. To be called once. */
  end(): void {
    const site = this.#site
    site.sampledInUse--
    // Sums of fractions, added and taken away in another order, leave crumbs.
    site.inuseObjects = site.sampledInUse === 0 ? 0 : site.inuseObjects - this.#standsFor
  }
}

export class SiteTable {
  #byStack = new Map<CallStack, Map<string, Site>>()
  /** In the order in which they were first seen. */
  #sites: Site[] = []

  /** Note an allocation of `bytes` that stands for `standsFor` of them. */
  add(stack: CallStack, bytes: number, standsFor: number, tenant: string | undefined): Sampled {
    const bySize = this.#byStack.get(stack) ?? new Map<string, Site>()
    this.#byStack.set(stack, bySize)
    const key = `${bytes} ${tenant ?? ''}`
    let site = bySize.get(key)
    if (!site) {
      site = new Site(stack, bytes, tenant)
      bySize.set(key, site)
      this.#sites.push(site)
    }
    return new Sampled(site, standsFor)
  }

  /** Forget everything. What is in use then is nobody's any more. */
  clear(): void {
    this.#byStack = new Map()
    this.#sites = []
  }

  /** In the order in which they were first seen: each keeps its place. */
  get samples(): ProfileSample[] {
    return this.#sites.map(({ sample }) => sample)
  }
}

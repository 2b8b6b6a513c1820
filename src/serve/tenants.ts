/**
 * The tenants of a heap as the page shows them: those that hold most, with their figures.
 */
import type { PressureLevel } from '../events.js'
import type { LiveTenant } from '../page/live-data.js'
import type { TenantStats } from '../types.js'

export interface TenantSource {
  readonly id: string
  readonly base: number
  pressure(): { readonly level: PressureLevel }
  stats(): TenantStats
}

const TENANTS_MAX = 200
/** Tenants between two places where the walk can be left: each costs about 0.1 ms. */
const STEPS = 16

/** Tenants with a colour of their own. */
const COLOURS = 8

/** Which tenant has which colour: from when it is first shown until it ends, whoever holds more meanwhile. */
export class TenantColours {
  readonly #owners: (string | undefined)[] = Array(COLOURS).fill(undefined)

  /** The colours of those who live now, those first who hold most; undefined for whom none is left. */
  assign(ids: readonly string[]): (number | undefined)[] {
    const living = new Set(ids)
    this.#owners.forEach((owner, colour) => {
      if (owner !== undefined && !living.has(owner)) this.#owners[colour] = undefined
    })
    return ids.map((id) => this.#colourOf(id))
  }

  #colourOf(id: string): number | undefined {
    const own = this.#owners.indexOf(id)
    const colour = own < 0 ? this.#owners.indexOf(undefined) : own
    if (colour < 0) return undefined
    this.#owners[colour] = id
    return colour
  }
}

export interface TenantList {
  readonly tenants: readonly LiveTenant[]
  /** The tenants themselves, in the same order. */
  readonly sources: readonly TenantSource[]
  readonly more: number
}

/** Those that hold most come first. */
export function* readTenants(sources: readonly TenantSource[]): Generator<void, TenantList> {
  const found: { tenant: LiveTenant; source: TenantSource }[] = []
  for (const [i, source] of sources.entries()) {
    if (i % STEPS === STEPS - 1) yield
    const tenant = readTenant(source)
    if (tenant) found.push({ tenant, source })
  }
  found.sort((a, b) => b.tenant.heldBytes - a.tenant.heldBytes)
  const shown = found.slice(0, TENANTS_MAX)
  return {
    tenants: shown.map(({ tenant }) => tenant),
    sources: shown.map(({ source }) => source),
    more: found.length - shown.length,
  }
}

/** Undefined for one that was ended in between. */
function readTenant(source: TenantSource): LiveTenant | undefined {
  try {
    const { heldBytes, usedBytes, peakBytes, blocks, min, low, high, max, events } = source.stats().tenant
    return {
      id: source.id,
      heldBytes,
      usedBytes,
      peakBytes,
      blocks,
      ...given({ min, low, high, max }),
      events: { ...events },
      level: source.pressure().level,
    }
  } catch {
    return undefined
  }
}

type Limits = Partial<Record<'min' | 'low' | 'high' | 'max', number>>

/** The limits that there are: JSON knows no infinity. */
function given(limits: Limits): Limits {
  return Object.fromEntries(Object.entries(limits).filter(([, bytes]) => Number.isFinite(bytes)))
}

/**
 * The tenants of a heap as the page shows them: those that hold most, with their figures. Works for whatever has the
 * interface below, so that a heap without tenants costs nothing here.
 */
import type { LiveTenant } from '../page/live-data.js'
import type { HeapStats } from '../types.js'
import { levelOf } from './levels.js'

/** What tells a tenant's figures apart from a heap's. */
interface TenantFigures {
  readonly heldBytes: number
  readonly usedBytes: number
  readonly peakBytes: number
  readonly blocks: number
  readonly min?: number
  readonly low?: number
  readonly high?: number
  readonly max?: number
  readonly events: object
}

export interface TenantSource {
  readonly id: string
  readonly base: number
  readonly limitBytes: number
  stats(): HeapStats & { readonly tenant?: TenantFigures }
}

const TENANTS_MAX = 200
/** Tenants between two places where the walk can be left: each costs about 0.1 ms. */
const STEPS = 16

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
    const stats = source.stats()
    const { heldBytes, usedBytes, peakBytes, blocks, ...limits } = stats.tenant ?? ownFigures(stats)
    const { min, low, high, max } = limits
    const events = Object.fromEntries(
      Object.entries(limits.events).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    )
    return {
      id: source.id,
      heldBytes,
      usedBytes,
      peakBytes,
      blocks,
      ...given({ min, low, high, max }),
      events,
      level: levelOf((stats.committedBytes - stats.freeBytes) / Math.max(1, max ?? source.limitBytes)),
    }
  } catch {
    return undefined
  }
}

function ownFigures(stats: HeapStats): TenantFigures {
  return {
    heldBytes: stats.committedBytes,
    usedBytes: stats.inUseBytes,
    peakBytes: stats.committedPeakBytes,
    blocks: stats.liveBlocks,
    events: {},
  }
}

type Limits = Partial<Record<'min' | 'low' | 'high' | 'max', number>>

/** The limits that there are: JSON knows no infinity. */
function given(limits: Readonly<Record<keyof Limits, number | undefined>>): Limits {
  return Object.fromEntries(Object.entries(limits).filter(([, bytes]) => Number.isFinite(bytes)))
}

/**
 * The picture of a heap: what its memory is full of, cell by cell, its objects by type, its tenants.
 *
 * Blocks are walked by `nextBlock` (50 to 80 ns each), objects by `nextObject`. The walk is a generator that can be left
 * after every few thousand steps: the heap may change in between, and what changes is seen or not, as it lies ahead or
 * behind. Objects alone are walked at one go, since a collection may move them.
 */
import {
  CODE_BLOCK,
  CODE_BUMP_BLOCK,
  CODE_FREE_END,
  CODE_FREE_SMALL,
  CODE_HUGE_OWNED,
  CODE_POOL_BLOCK,
  CODE_RECORD,
  CODE_RUN,
  CODE_RUN_OWNED,
} from '../../kernel/layout.js'
import { OBJECT_HEADER_BYTES, TYPE_MASK } from '../../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES } from '../../kernel/value-layout.js'
import type { HeapCore } from '../core.js'
import { MODES } from '../modes.js'
import { objectReferences } from '../objects/describe.js'
import type { ObjectSpace } from '../objects/space.js'
import type { LiveMap, LivePicture, LiveTenant, LiveType } from '../page/live-data.js'
import type { PageKind } from '../page/page-data.js'
import { CellGrid } from './cell-grid.js'
import { type HeldRange, heldRanges } from './held-ranges.js'
import { readTenants, TenantColours, type TenantSource } from './tenants.js'

/** Steps between two places where the walk can be left: a fraction of a millisecond. */
const STEPS = 4096
const TYPES_MAX = 200
/** Of a tenant's pieces what is shown at least: also an empty one is seen. */
const LEAST_SHARE = 0.01

const KINDS: readonly PageKind[] = [
  { name: 'small', text: 'small blocks' },
  { name: 'run', text: 'run blocks' },
  { name: 'huge', text: 'huge blocks' },
  { name: 'bump', text: 'bump blocks' },
  { name: 'pool', text: 'pool blocks' },
  { name: 'object', text: 'objects' },
  { name: 'metadata', text: 'metadata' },
  { name: 'tenant', text: 'other tenants' },
]
const KIND_HUGE = 2
const KIND_OBJECT = 5
const KIND_METADATA = 6
const KIND_OTHER_TENANT = 7
/** A block's kind by its map code; a huge block is what is left. */
const KIND_OF_CODE: Readonly<Record<number, number>> = {
  [CODE_BLOCK]: 0,
  [CODE_RUN]: 1,
  [CODE_BUMP_BLOCK]: 3,
  [CODE_POOL_BLOCK]: 4,
}
const LIVE_CODES: ReadonlySet<number> = new Set([CODE_BLOCK, CODE_RUN, CODE_BUMP_BLOCK, CODE_POOL_BLOCK])
const OWNED_CODES: ReadonlySet<number> = new Set([CODE_RUN_OWNED, CODE_HUGE_OWNED, CODE_RECORD])
const NOT_OURS = 0xffff
/** Where in a cell it is asked what is not in use, until a place is found that is not. */
const PROBES: readonly number[] = [0.5, 0.97, 0.03, 0.75, 0.25]

/**
 * A picture of this moment, or of several when it is left in between.
 *
 * @param colours of the tenants in the pictures before
 */
export function* takePicture(
  core: HeapCore,
  tenants: readonly TenantSource[],
  colours = new TenantColours(),
): Generator<void, LivePicture> {
  const hasBlocks = MODES[core.mode].build !== 'embedded'
  core.views.refresh()
  const ranges = heldRanges(core.views.u32, core.base, hasBlocks)
  const grid = new CellGrid(ranges)
  for (const { from, lo } of ranges) grid.add(KIND_METADATA, from, lo - from)
  const kinds = [...KINDS]
  const found = yield* readTenants(tenants)
  const chosen = colours.assign(found.tenants.map(({ id }) => id))
  const shown = found.tenants.map((tenant, i) => colourTenant(core, grid, kinds, tenant, found.sources[i], chosen[i]))
  const blocks = hasBlocks ? yield* addBlocks(core, grid) : 0
  const space = core.objectsThatAre
  const objects = space && addObjects(space, grid)
  const rests = hasBlocks ? yield* findRests(core, grid) : undefined
  const map: LiveMap = {
    cellBytes: grid.cellBytes,
    extentBytes: grid.extentBytes,
    ...grid.encode(),
    ...(rests !== undefined && { rests }),
    stretches: grid.stretches,
    names: kinds,
    blocks,
    objects: objects?.count ?? 0,
  }
  const types = objects?.types
  return {
    atMs: Date.now(),
    costMs: 0,
    map,
    ...(types && { types: types.slice(0, TYPES_MAX) }),
    moreTypes: Math.max(0, (types?.length ?? 0) - TYPES_MAX),
    tenants: shown,
    moreTenants: found.more,
  }
}

/** The tenant's pieces get a colour, lighter where it uses less of them. */
function colourTenant(
  core: HeapCore,
  grid: CellGrid,
  kinds: PageKind[],
  tenant: LiveTenant,
  source: TenantSource | undefined,
  colour: number | undefined,
): LiveTenant {
  const kind = colour === undefined ? KIND_OTHER_TENANT : kinds.length
  if (colour !== undefined) kinds.push({ name: `tenant-${colour}`, text: `tenant ${tenant.id}` })
  const share = tenant.heldBytes === 0 ? 0 : Math.min(1, tenant.usedBytes / tenant.heldBytes)
  const shown = Math.max(share, LEAST_SHARE)
  for (const { from, to } of rangesOfTenant(core, source)) grid.add(kind, from, to - from, shown)
  return colour === undefined ? tenant : { ...tenant, kind: `tenant-${colour}` }
}

/** One that was ended since it was read has none. */
function rangesOfTenant(core: HeapCore, source: TenantSource | undefined): HeldRange[] {
  try {
    return source ? heldRanges(core.views.u32, source.base, true) : []
  } catch {
    return []
  }
}

function* addBlocks(core: HeapCore, grid: CellGrid): Generator<void, number> {
  let blocks = 0
  for (let at = core.kernel.nextBlock(0) >>> 0; at !== 0; at = core.kernel.nextBlock(at) >>> 0) {
    const { kernel } = core
    grid.add(KIND_OF_CODE[kernel.describe(at) & 0xff] ?? KIND_HUGE, at, kernel.usableSize(at) >>> 0)
    if (++blocks % STEPS === 0) yield
  }
  return blocks
}

/** Objects by type, and where they lie; those with counts lie in blocks, which were seen before. */
function addObjects(space: ObjectSpace, grid: CellGrid): { count: number; types: LiveType[] } {
  const headerBytes = space.isCounted ? COUNTED_HEADER_BYTES : OBJECT_HEADER_BYTES
  const counts = new Map<number, { live: number; bytes: number }>()
  let count = 0
  for (const reference of objectReferences(space)) {
    const typeId = space.wordAt(reference - 8) & TYPE_MASK
    const bytes = space.wordAt(reference - 4) + headerBytes
    if (!space.isCounted) grid.add(KIND_OBJECT, reference - headerBytes, bytes)
    const of = counts.get(typeId) ?? { live: 0, bytes: 0 }
    counts.set(typeId, of)
    of.live++
    of.bytes += bytes
    count++
  }
  const types = [...counts].map(([typeId, of]) => ({
    type: space.types.get(typeId)?.name ?? `type ${typeId}`,
    ...of,
    allocated: space.types.allocated(typeId),
  }))
  return { count, types: types.sort((a, b) => b.bytes - a.bytes) }
}

/** A letter for what each cell has beside what is in use: see `PageMap.rests`. */
function* findRests(core: HeapCore, grid: CellGrid): Generator<void, string> {
  let rests = ''
  for (const address of grid.addresses()) {
    const cell = rests.length
    rests += grid.usedBytes(cell) >= grid.cellBytes ? '-' : restOf(core, address, grid.cellBytes)
    // A look at the middle of a long free run goes back through its map: some microseconds.
    if (cell % 256 === 0) yield
  }
  return rests
}

function restOf(core: HeapCore, address: number, cellBytes: number): string {
  for (const share of PROBES) {
    const code = core.kernel.codeAround(address + Math.floor(cellBytes * share)) & NOT_OURS
    if (code === NOT_OURS || LIVE_CODES.has(code)) continue
    if (code > CODE_FREE_SMALL && code <= CODE_FREE_END) return 'f'
    return OWNED_CODES.has(code) ? 'o' : 'h'
  }
  return '-'
}

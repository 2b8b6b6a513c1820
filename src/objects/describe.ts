/** What can be said of objects without knowing their structs: one by one, in a walk over all, and counted by type. */
import {
  OBJECT_HASHED,
  OBJECT_HEADER_BYTES,
  OBJECT_USER_MASK,
  OBJECT_USER_SHIFT,
  SPACE_COLLECTIONS_AT,
  SPACE_MINORS_AT,
  SPACE_TYPE_COUNT_AT,
  TYPE_MASK,
} from '../../kernel/object-layout.js'
import { COUNTED_HEADER_BYTES } from '../../kernel/value-layout.js'
import { StaleHandleError } from '../errors.js'
import type { ObjectSpace } from './space.js'

/** Bits of `objectState`. */
const STATE_MARKED = 1
const STATE_IMMORTAL = 2
const STATE_LARGE = 4
const STATE_YOUNG = 16
const STATE_AGED = 32

/** What is known of one object. */
export interface ObjectInfo {
  /** Address of its payload, for now. */
  readonly reference: number
  /** Name of its type. */
  readonly type: string
  readonly typeId: number
  /** Bytes of its payload; the header has 8 more, in mode `manual` 24. */
  readonly bytes: number
  /** Whether the last collection of all objects found it alive, or it was promoted since. */
  readonly marked: boolean
  readonly immortal: boolean
  /**
   * In modes with a nursery: `young` there, `aged` when it has outlived a minor collection there, else `old`. Without
   * one all are `old`.
   */
  readonly generation: 'young' | 'aged' | 'old'
  /** Too long for a block of objects: it has memory of its own and moves by `compact` only. */
  readonly large: boolean
  /** The eight bits that are the user's. */
  readonly flags: number
  /** Its identity hash, if that was ever asked for. */
  readonly hash?: number
  /** In mode `manual`: its references, those of scopes and roots included. */
  readonly refcount?: number
}

/** The objects of one type. */
export interface CensusRow {
  readonly type: string
  readonly typeId: number
  /** Objects that the last collection kept or that were made since; 0 where `countTypes` knows of dead ones alone. */
  readonly live: number
  /** Bytes of their payloads and headers. */
  readonly bytes: number
  /** Objects ever made, as of the last collection: with the option `countTypes`, else 0. */
  readonly allocated: number
}

export function describeObject(space: ObjectSpace, reference: number): ObjectInfo {
  const header = space.wordAt(reference - 8)
  const typeId = header & TYPE_MASK
  const state = space.kernel.objectState(reference)
  return {
    reference,
    type: space.types.get(typeId)?.name ?? `type ${typeId}`,
    typeId,
    bytes: space.wordAt(reference - 4),
    marked: (state & STATE_MARKED) !== 0,
    immortal: (state & STATE_IMMORTAL) !== 0,
    generation: (state & STATE_AGED) !== 0 ? 'aged' : (state & STATE_YOUNG) !== 0 ? 'young' : 'old',
    large: (state & STATE_LARGE) !== 0,
    flags: (header & OBJECT_USER_MASK) >>> OBJECT_USER_SHIFT,
    ...((header & OBJECT_HASHED) !== 0 && { hash: space.kernel.identityHash(reference) }),
    ...(space.isCounted && { refcount: space.kernel.refcount(reference) }),
  }
}

/** References to all objects by ascending address. A collection in between ends the walk with an error. */
export function* objectReferences(space: ObjectSpace): IterableIterator<number> {
  space.kernel.finishSweep()
  const collections = collectionsOf(space)
  for (let at = space.kernel.nextObject(0) >>> 0; at !== 0; at = space.kernel.nextObject(at) >>> 0) {
    yield at
    if (collectionsOf(space) !== collections) throw new StaleHandleError('collected')
  }
}

/** Collections of any kind so far: each may have moved objects. */
function collectionsOf(space: ObjectSpace): number {
  return space.word(SPACE_COLLECTIONS_AT) + (space.hasNursery ? space.word(SPACE_MINORS_AT) : 0)
}

export function* walkObjects(space: ObjectSpace): IterableIterator<ObjectInfo> {
  for (const reference of objectReferences(space)) yield describeObject(space, reference)
}

/** The types that have objects, and those that had some as far as they are counted, those of most bytes first. */
export function takeCensus(space: ObjectSpace): CensusRow[] {
  const counts = new Map<number, { live: number; bytes: number }>()
  const headerBytes = space.isCounted ? COUNTED_HEADER_BYTES : OBJECT_HEADER_BYTES
  for (const reference of objectReferences(space)) {
    const typeId = space.wordAt(reference - 8) & TYPE_MASK
    const count = counts.get(typeId) ?? { live: 0, bytes: 0 }
    counts.set(typeId, count)
    count.live++
    count.bytes += space.wordAt(reference - 4) + headerBytes
  }
  // Without `countTypes` all of them are 0.
  for (let typeId = 1; typeId <= space.word(SPACE_TYPE_COUNT_AT); typeId++) {
    if (!counts.has(typeId) && space.types.allocated(typeId) > 0) counts.set(typeId, { live: 0, bytes: 0 })
  }
  const rows = [...counts].map(([typeId, count]) => ({
    type: space.types.get(typeId)?.name ?? `type ${typeId}`,
    typeId,
    ...count,
    allocated: space.types.allocated(typeId),
  }))
  return rows.sort((a, b) => b.bytes - a.bytes || a.typeId - b.typeId)
}

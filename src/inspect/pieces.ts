/**
 * Who holds which piece of a heap's own memory: the arenas, pools, tables and stacks are followed from the control
 * block and the object space, and each piece they lead to is noted by its address. A piece that nothing here leads to
 * is a table of the heap's all the same: it is told as such.
 */
import {
  FLAG_COUNTED,
  HEAP_ARENAS_AT,
  HEAP_BUMP_PIECES_AT,
  HEAP_FLAGS_AT,
  HEAP_POOLS_AT,
  HEAP_SPACE_AT,
} from '../../kernel/layout.js'
import {
  ROOT_KINDS,
  SHAPE_LIST,
  SPACE_FINALIZERS_AT,
  SPACE_HANDLE_SEGMENT_AT,
  SPACE_HASHES_AT,
  SPACE_IMAGES_AT,
  SPACE_LARGE_AT,
  SPACE_LOG_BASE_AT,
  SPACE_MARK_STACK_AT,
  SPACE_PIN_BASE_AT,
  SPACE_PLAN_AT,
  SPACE_ROOTS_AT,
  SPACE_SHADOW_BASE_AT,
  SPACE_TYPE_COUNT_AT,
  SPACE_TYPES_AT,
  SPACE_VALUES_AT,
  SPACE_YOUNG_PLAN_AT,
  TYPE_BYTES,
} from '../../kernel/object-layout.js'
import { SPACE_CANDIDATES_AT, SPACE_TRIAL_AT, VALUES_TYPE_NAMES_AT } from '../../kernel/value-layout.js'
import type { HeapCore } from '../core.js'
import type { ObjectSpace } from '../objects/space.js'
import {
  ARENA_PIECE_AT,
  ARENA_PIECE_PREV_AT,
  HANDLES_NEXT_AT,
  HANDLES_PREV_AT,
  PIECE_NEXT_AT,
  PLAN_KEPT_STACK_AT,
  POOL_FIRST_AT,
  RECORD_NEXT_AT,
  ROOT_SEGMENT_NEXT_AT,
  SEGMENT_NEXT_AT,
  YOUNG_MAP_PIECE_AT,
  YOUNG_PIECE_AT,
  YOUNG_RESERVE_AT,
} from './kernel-fields.js'
import { listFrom } from './lists.js'

/** What a piece is for. */
export interface PieceUse {
  readonly name: string
  /** Record of the arena or pool that it is of. */
  readonly owner?: number
  /** Objects lie in it, so that only the rest of it is to be told. */
  readonly holdsObjects?: true
}

export interface Owner {
  readonly kind: 'arena' | 'pool'
  readonly record: number
}

const TYPE_MASK_WORD = 8
const TYPE_TEXT_AT = 20

/** Uses by the address of the piece, and the arenas and pools there are. */
export class PieceUses {
  readonly byAddress = new Map<number, PieceUse>()
  readonly owners: Owner[] = []
  readonly #core: HeapCore

  constructor(core: HeapCore, space: ObjectSpace | undefined) {
    this.#core = core
    if (core.mode !== 'embedded') this.#addBlockHolders()
    if (space) this.#addSpace(space)
  }

  #word(address: number): number {
    return this.#core.views.u32[address >>> 2] as number
  }

  #add(address: number, use: PieceUse): void {
    if (address !== 0) this.byAddress.set(address, use)
  }

  /** All pieces of a list that begins at `first`. */
  #addList(first: number, nextAt: number, use: PieceUse): void {
    for (const at of listFrom(this.#core.views.u32, first, nextAt)) this.#add(at, use)
  }

  #addBlockHolders(): void {
    const core = this.#core
    for (const at of listFrom(core.views.u32, core.word(HEAP_ARENAS_AT), RECORD_NEXT_AT)) {
      this.owners.push({ kind: 'arena', record: at })
      this.#add(at, { name: 'arena record', owner: at })
      this.#addList(this.#word(at + ARENA_PIECE_AT), ARENA_PIECE_PREV_AT, { name: 'arena piece', owner: at })
    }
    for (const at of listFrom(core.views.u32, core.word(HEAP_POOLS_AT), RECORD_NEXT_AT)) {
      this.owners.push({ kind: 'pool', record: at })
      this.#add(at, { name: 'pool record', owner: at })
      this.#addList(this.#word(at + POOL_FIRST_AT), SEGMENT_NEXT_AT, { name: 'pool segment', owner: at })
    }
    this.#addList(core.word(HEAP_BUMP_PIECES_AT), PIECE_NEXT_AT, { name: 'piece of the bump allocator' })
  }

  #addSpace(space: ObjectSpace): void {
    const core = this.#core
    const isBuffer = core.mode === 'embedded'
    this.#addTypes(space)
    this.#addRoots(space)
    this.#add(space.word(SPACE_FINALIZERS_AT), { name: 'table of finalizers' })
    this.#add(space.word(SPACE_HASHES_AT), { name: 'table of identity hashes' })
    this.#add(space.word(SPACE_VALUES_AT), { name: 'state of values' })
    this.#add(space.word(SPACE_MARK_STACK_AT), { name: 'mark stack' })
    this.#addList(space.word(SPACE_IMAGES_AT), PIECE_NEXT_AT, { name: 'image', holdsObjects: true })
    if (isBuffer) return
    if ((core.word(HEAP_FLAGS_AT) & FLAG_COUNTED) !== 0) {
      this.#add(core.word(HEAP_SPACE_AT), { name: 'object space' })
      this.#add(space.word(SPACE_CANDIDATES_AT), { name: 'table of candidates' })
      this.#add(space.word(SPACE_TRIAL_AT), { name: 'list of the trial' })
      return
    }
    this.#add(space.word(SPACE_PLAN_AT + PLAN_KEPT_STACK_AT), { name: 'mark stack' })
    this.#addList(space.word(SPACE_LARGE_AT), PIECE_NEXT_AT, { name: 'large object', holdsObjects: true })
    this.#add(space.word(SPACE_LOG_BASE_AT), { name: 'slot log' })
    this.#add(space.word(SPACE_YOUNG_PLAN_AT + YOUNG_RESERVE_AT), { name: 'reserve of the collector' })
    this.#add(space.word(SPACE_YOUNG_PLAN_AT + YOUNG_MAP_PIECE_AT), { name: 'map of the nursery' })
    this.#add(space.word(SPACE_YOUNG_PLAN_AT + YOUNG_PIECE_AT), { name: 'nursery', holdsObjects: true })
  }

  #addTypes(space: ObjectSpace): void {
    const table = space.word(SPACE_TYPES_AT)
    this.#add(table, { name: 'type table' })
    const use: PieceUse = { name: 'names of types' }
    for (let id = 1; id <= space.word(SPACE_TYPE_COUNT_AT); id++) {
      const type = table + id * TYPE_BYTES
      this.#add(this.#word(type + TYPE_TEXT_AT), use)
      if ((this.#word(type) & 0xff) === SHAPE_LIST) this.#add(this.#word(type + TYPE_MASK_WORD), use)
    }
    const values = space.word(SPACE_VALUES_AT)
    if (values !== 0) this.#add(this.#word(values + VALUES_TYPE_NAMES_AT), use)
  }

  #addRoots(space: ObjectSpace): void {
    const handles: PieceUse = { name: 'handles' }
    const current = space.word(SPACE_HANDLE_SEGMENT_AT)
    this.#addList(current, HANDLES_PREV_AT, handles)
    this.#addList(current, HANDLES_NEXT_AT, handles)
    for (let kind = 0; kind < ROOT_KINDS; kind++) {
      this.#addList(space.word(SPACE_ROOTS_AT + 8 * kind), ROOT_SEGMENT_NEXT_AT, { name: 'list of roots' })
    }
    this.#add(space.word(SPACE_SHADOW_BASE_AT), { name: 'shadow stack' })
    this.#add(space.word(SPACE_PIN_BASE_AT), { name: 'shadow stack' })
  }
}

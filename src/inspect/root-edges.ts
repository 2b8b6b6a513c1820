/**
 * What keeps objects from outside, and what watches them: the roots of a heap as groups of a snapshot. A word that is
 * no reference to an object is no edge.
 *
 * Counted objects (mode `manual`): handles, roots and the words of values have counts of their own, shadow stacks have
 * none. What an object's count says beyond all references that are found is held by somebody else, such as a guest.
 */
import {
  ROOT_PINNED,
  ROOT_SLOT,
  ROOT_STRONG,
  ROOT_WEAK,
  SEGMENT_HEAD_BYTES,
  SPACE_FINALIZER_COUNT_AT,
  SPACE_FINALIZERS_AT,
  SPACE_GLOBAL_OBJECT_AT,
  SPACE_HANDLE_SEGMENT_AT,
  SPACE_HANDLE_TOP_AT,
  SPACE_PENDING_EXCEPTION_AT,
  SPACE_PIN_BASE_AT,
  SPACE_PIN_TOP_AT,
  SPACE_ROOTS_AT,
  SPACE_SHADOW_BASE_AT,
  SPACE_SHADOW_TOP_AT,
  SPACE_VALUES_AT,
} from '../../kernel/object-layout.js'
import {
  COUNT_SHIFT,
  COUNTED_COUNT_BELOW,
  VALUES_INTERNED_AT,
  VALUES_INTERNED_OLD_AT,
  VALUES_ROOT_SHAPE_AT,
  VALUES_ROOTS,
} from '../../kernel/value-layout.js'
import type { ObjectSpace } from '../objects/space.js'
import type { Groups } from './groups.js'
import {
  FINALIZER_BYTES,
  HANDLES_END_AT,
  HANDLES_PREV_AT,
  ROOT_SEGMENT_END_AT,
  ROOT_SEGMENT_NEXT_AT,
} from './kernel-fields.js'
import { listFrom } from './lists.js'
import type { ObjectNodes } from './object-nodes.js'

/** Groups below `(roots)`, by kind of root list. */
const LISTS: readonly (readonly [kind: number, group: string])[] = [
  [ROOT_STRONG, '(strong roots)'],
  [ROOT_PINNED, '(pinned)'],
  [ROOT_SLOT, '(slots)'],
  [ROOT_WEAK, '(weak roots)'],
]

const VALUE_WORDS: Readonly<Record<number, string>> = {
  [VALUES_INTERNED_AT]: 'interned strings',
  [VALUES_INTERNED_OLD_AT]: 'interned strings, old table',
  [VALUES_ROOT_SHAPE_AT]: 'root shape',
}

export class RootEdges {
  readonly #space: ObjectSpace
  readonly #groups: Groups
  readonly #objects: ObjectNodes
  readonly #roots: number

  /** @param root of the snapshot, or of a tenant in it */
  constructor(space: ObjectSpace, groups: Groups, objects: ObjectNodes, root: number) {
    this.#space = space
    this.#groups = groups
    this.#objects = objects
    this.#roots = groups.group('(roots)', root)
  }

  add(): void {
    this.#addHandles()
    for (const [kind, group] of LISTS) this.#addList(kind, group)
    this.#addStack('(shadow stack)', SPACE_SHADOW_BASE_AT, SPACE_SHADOW_TOP_AT)
    this.#addStack('(pinning shadow stack)', SPACE_PIN_BASE_AT, SPACE_PIN_TOP_AT)
    this.#addNamed(this.#roots, 'global object', this.#space.word(SPACE_GLOBAL_OBJECT_AT))
    this.#addNamed(this.#roots, 'pending exception', this.#space.word(SPACE_PENDING_EXCEPTION_AT))
    this.#addValues()
    this.#addFinalizers()
  }

  #word(address: number): number {
    return this.#objects.word(address)
  }

  /** An edge from a group to what a word refers to, if that is an object. */
  #addTo(group: string, word: number, isWeak = false): void {
    const to = this.#objects.nodeOf(word)
    if (to < 0) return
    const from = this.#groups.group(group, this.#roots)
    if (isWeak) this.#groups.builder.addEdge('weak', 'weak', from, to)
    else this.#groups.addChild(from, to)
  }

  #addNamed(from: number, name: string, word: number): void {
    const to = this.#objects.nodeOf(word)
    if (to >= 0) this.#groups.builder.addEdge('property', name, from, to)
  }

  #addHandles(): void {
    const current = this.#space.word(SPACE_HANDLE_SEGMENT_AT)
    for (const at of listFrom(this.#space.views.u32, current, HANDLES_PREV_AT)) {
      const end = at === current ? this.#space.word(SPACE_HANDLE_TOP_AT) : this.#word(at + HANDLES_END_AT)
      for (let slot = at + SEGMENT_HEAD_BYTES; slot < end; slot += 4) this.#addTo('(handles)', this.#word(slot))
    }
  }

  #addList(kind: number, group: string): void {
    const step = kind === ROOT_SLOT ? 8 : 4
    const first = this.#space.word(SPACE_ROOTS_AT + 8 * kind)
    for (const at of listFrom(this.#space.views.u32, first, ROOT_SEGMENT_NEXT_AT)) {
      const end = this.#word(at + ROOT_SEGMENT_END_AT)
      for (let slot = at + SEGMENT_HEAD_BYTES; slot < end; slot += step) {
        const word = this.#word(slot)
        // Free slots hold odd numbers.
        if ((word & 1) !== 0) continue
        this.#addTo(group, kind === ROOT_SLOT ? this.#word(word) : word, kind === ROOT_WEAK)
      }
    }
  }

  #addStack(group: string, baseAt: number, topAt: number): void {
    const top = this.#space.word(topAt)
    for (let slot = this.#space.word(baseAt); slot < top; slot += 4) {
      this.#addTo(group, this.#word(slot), this.#space.isCounted)
    }
  }

  #addValues(): void {
    const state = this.#space.word(SPACE_VALUES_AT)
    if (state === 0) return
    for (let i = 0; i < VALUES_ROOTS; i++) {
      const word = this.#word(state + 4 * i)
      if (this.#objects.nodeOf(word) < 0) continue
      this.#addNamed(this.#groups.group('(values)', this.#roots), VALUE_WORDS[4 * i] ?? `operand ${i}`, word)
    }
  }

  #addFinalizers(): void {
    const table = this.#space.word(SPACE_FINALIZERS_AT)
    for (let i = 0; i < this.#space.word(SPACE_FINALIZER_COUNT_AT); i++) {
      this.#addTo('(finalizers)', this.#word(table + i * FINALIZER_BYTES), true)
    }
  }

  /** Immortal objects, which nothing needs to keep. */
  addImmortal(isImmortal: (reference: number) => boolean): void {
    for (let i = 0; i < this.#objects.count; i++) {
      const reference = this.#objects.reference(i)
      if (isImmortal(reference)) this.#addTo('(images)', reference)
    }
  }

  /** Objects whose count is more than the references to them that were found: as many edges as are missing. */
  addCounted(): void {
    const { builder } = this.#groups
    const { first, count } = this.#objects
    const found = new Uint32Array(count)
    for (let edge = 0; edge < builder.edgeCount; edge++) {
      const object = builder.edgeTarget(edge) - first
      if (object >= 0 && object < count && !builder.isWeak(edge)) found[object] = (found[object] as number) + 1
    }
    for (let i = 0; i < count; i++) {
      const reference = this.#objects.reference(i)
      const counted = this.#word(reference - COUNTED_COUNT_BELOW) >>> COUNT_SHIFT
      if (counted > (found[i] as number)) this.#addTo('(counts)', reference)
    }
  }
}

/**
 * The shared space as the host has it: which heaps may refer to the images that a root heap shares, and views of their
 * objects. Every tenant within a root heap, however deep, whose objects are traced has entered all segments: those that
 * were there when its object space was made, and later ones when an image has been loaded. So a reference to a shared
 * object is good wherever it comes from.
 *
 * Guarantee: no tenant has an image before it is whole, nor a segment that is none any more; the root heap, which owns
 * them, ends after its tenants.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import {
  SHARED_BYTES_AT,
  SHARED_MAP_BIAS_AT,
  SHARED_NEXT_AT,
  SHARED_START_AT,
  SPACE_SHARED_AT,
} from '../../kernel/object-layout.js'
import type { HeapCore } from '../core.js'
import { ArgumentError, CorruptionError, hex, UnsupportedError } from '../errors.js'
import { Root } from './roots.js'
import type { ObjectSpace } from './space.js'
import { ObjectView } from './view.js'

const TRACED_ONLY = "it is there where the root heap and the tenant are in the modes 'runtime', 'vm' and 'server'"

/** Whole MiBs of shared objects. */
interface Segment {
  readonly start: number
  readonly bytes: number
  readonly mapBias: number
}

/** Of a root heap with traced objects. */
export class SharedSpace {
  readonly #space: ObjectSpace
  readonly #borrowers = new Set<ObjectSpace>()

  constructor(space: ObjectSpace) {
    this.#space = space
  }

  *#segments(): IterableIterator<Segment> {
    const { wordAt } = this.#space
    const word = (at: number) => wordAt.call(this.#space, at)
    for (let head = this.#space.word(SPACE_SHARED_AT); head !== 0; head = word(head + SHARED_NEXT_AT)) {
      const [start, bytes, mapBias] = [SHARED_START_AT, SHARED_BYTES_AT, SHARED_MAP_BIAS_AT].map((at) =>
        word(head + at),
      ) as [number, number, number]
      yield { start, bytes, mapBias }
    }
  }

  /** Whether an address lies in what is shared. */
  has(address: number): boolean {
    return [...this.#segments()].some(({ start, bytes }) => address >= start && address < start + bytes)
  }

  /** Let a tenant refer to all that is shared, now and later; again after a reset of the tenant. */
  join(borrower: ObjectSpace): void {
    this.#borrowers.add(borrower)
    this.#enter(borrower)
  }

  leave(borrower: ObjectSpace): void {
    this.#borrowers.delete(borrower)
  }

  /** An image has been loaded. */
  announce(): void {
    for (const borrower of this.#borrowers) this.#enter(borrower)
  }

  /** Let `drop` give up images: tenants that began in the middle of a load forget the segments that go with them. */
  withdraw(drop: () => void): void {
    const before = [...this.#segments()]
    drop()
    const left = new Set([...this.#segments()].map(({ start }) => start))
    for (const { start } of before) {
      if (!left.has(start)) for (const { kernel } of this.#borrowers) kernel.shareLeave(start)
    }
  }

  #enter(borrower: ObjectSpace): void {
    for (const { start, bytes, mapBias } of this.#segments()) {
      if (borrower.kernel.shareEnter(start, bytes, mapBias) === STATUS_OK) continue
      throw new CorruptionError(start, `${borrower.core.label} has no place for what ${this.#space.core.label} shares`)
    }
  }
}

/** The heap at the root of a tenant and of those around it; undefined for a heap that is no tenant. */
function rootOf(core: HeapCore): HeapCore | undefined {
  let parent = core.tenancy?.parent
  while (parent?.tenancy) parent = parent.tenancy.parent
  return parent
}

/** The object space whose shared objects a tenant may refer to, if its own objects and those are traced. */
export function lenderOf(core: HeapCore, isCounted: boolean): ObjectSpace | undefined {
  const root = isCounted ? undefined : rootOf(core)?.objectSpace
  return root?.isCounted ? undefined : root
}

/** The shared space of a heap's own. @throws UnsupportedError for a tenant, and where objects are not traced */
export function ownSharedSpace(space: ObjectSpace, made: SharedSpace | undefined): SharedSpace {
  const { core } = space
  if (core.tenancy) {
    const hint = `the shared space is the root heap's: load images there`
    throw new UnsupportedError(core.mode, 'shared space of its own', hint, core.label)
  }
  if (space.isCounted || core.mode === 'embedded') throw new UnsupportedError(core.mode, 'shared space', TRACED_ONLY)
  return made ?? new SharedSpace(space)
}

/**
 * This heap's own view, in the innermost scope, of the shared object of a view of any heap of the family.
 *
 * @throws ArgumentError for anything that is not shared with this heap; UnsupportedError, ScopeError
 */
export function sharedView(space: ObjectSpace, object: unknown): ObjectView {
  const view = Root.isRoot(object) ? object.value : object
  if (!ObjectView.isView(view)) throw new ArgumentError('object', object, 'a view or a root of a shared object')
  const from = ObjectView.holderOf(view).space
  const lender = space.lender ?? space
  if (!space.lender && space.core.tenancy) {
    throw new UnsupportedError(space.core.mode, 'objects in common with its root heap', TRACED_ONLY, space.core.label)
  }
  const { reference } = view
  if ((from.lender ?? from) !== lender) {
    const expected = `an object that ${lender.core.label} shares, not one of ${from.core.label}, which is no tenant of it`
    throw new ArgumentError('object', object, expected)
  }
  if (!lender.sharing.has(reference)) {
    const owner = from.core.label
    const expected = `a shared object: the one at ${hex(reference)} is ${owner}'s own, not of an image loaded with \`shared\``
    throw new ArgumentError('object', object, expected)
  }
  const { holder } = space.scopes
  space.types.agree()
  // Shared objects do not move.
  const slot = space.pushHandle(reference, () => reference)
  holder.assertOpen()
  return space.viewAt(holder, slot, reference)
}

/**
 * The calls of a heap that concern objects: what stands between `Heap` and the object space. A heap whose mode has no
 * objects says so here.
 */
import {
  COLLECT_COMPACT,
  COLLECT_FULL,
  COLLECT_MINOR,
  OBJECT_IMMORTAL,
  OBJECT_USER_MASK,
  OBJECT_USER_SHIFT,
  SPACE_GLOBAL_OBJECT_AT,
  SPACE_PENDING_EXCEPTION_AT,
} from '../../kernel/object-layout.js'
import { MemoryAccess } from '../access.js'
import { checkFunction, checkOptions, checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { Address } from '../types.js'
import type { Values } from '../values/access.js'
import {
  type CollectionStats,
  type CollectionStatsOptions,
  formatCollectionStats,
  readCollectionStats,
} from './collection-stats.js'
import type { Collection, PauseStats } from './collections.js'
import { type CensusRow, describeObject, type ObjectInfo, takeCensus, walkObjects } from './describe.js'
import { Finalizers } from './finalizers.js'
import { freezeObjects, type ImageInput, type ImageOptions, type LoadedImage, loadObjects } from './images.js'
import { Pin, Root, SlotRoot, WeakRoot } from './roots.js'
import type { Scope } from './scope.js'
import { makeShadowStack, type ShadowStack, type ShadowStackOptions } from './shadow-stack.js'
import { sharedView } from './shared.js'
import type { StepResult } from './space.js'
import type { Struct } from './struct.js'
import type { Init, View } from './types.js'
import { type ObjectView, protectionError } from './view.js'
import type { ObjectWeakMap, WeakReference } from './weak.js'

/** What `heap.collect` shall collect. */
export interface CollectOptions {
  readonly kind?: 'full' | 'minor'
}

export interface StepOptions {
  readonly budgetMs?: number
}

const STEP_MAX_MS = 60_000

const TRACED_HINT = "make the heap with mode 'runtime', 'vm', 'server' or 'embedded'"
const WEAK_HINT = `let the object be owned elsewhere, or ${TRACED_HINT}`

/** Bytes of a weak reference or an empty weak map, for messages. */
const WEAK_BYTES = 64

/**
 * Objects, roots and collections of a heap that has objects: collected ones, or in mode `manual` counted ones. Mode
 * `compiler` throws UnsupportedError.
 */
export class ObjectAccess extends MemoryAccess {
  // ---- objects ------------------------------------------------------------------------------------------------------

  /**
   * A new object of a struct, held by the innermost scope.
   *
   * @param init values of fields by name; the others are 0, false or null
   * @param elements how many the trailing array has; as many as `init` gives when left out, else none
   * @throws ScopeError without an open scope; OutOfMemoryError after a collection and all reclaimers; ArgumentError
   * @example
   * using scope = heap.scope()
   * const a = heap.new(Node, { value: 1 })
   */
  new<S extends Struct>(struct: S, init?: Init<S>, elements?: number): View<S> {
    return this.core.objects.create(struct, init, elements) as View<S>
  }

  /** The object of a struct at a raw reference, as a view in the innermost scope. @throws InvalidAddressError */
  protected viewOfObject<S extends Struct>(struct: S, reference: number): View<S> {
    return this.core.objects.viewOf(struct, reference) as View<S>
  }

  /** Whether two views, or roots, are of the same object. */
  same(a: ObjectView | Root | null, b: ObjectView | Root | null): boolean {
    const { objects } = this.core
    return objects.checkReference('a', a) === objects.checkReference('b', b)
  }

  /** A number that stays the same for the object's whole life: 31 bits, never 0; others may have the same. */
  identityHash(object: ObjectView | Root): number {
    const { objects } = this.core
    objects.assertTraced('identity hashes', 'objects do not move: a reference is as good')
    const view = objects.checkView('object', object)
    return objects.request(WEAK_BYTES, () => objects.kernel.identityHash(view.reference))
  }

  /** What the heap knows of an object: type, bytes, marked, immortal, large, flags, hash. */
  describe(object: ObjectView | Root): ObjectInfo {
    const { objects } = this.core
    const { reference } = objects.checkView('object', object)
    objects.checkCount(reference, 0)
    return describeObject(objects, reference)
  }

  /** The eight bits of an object's header that are the user's. */
  flags(object: ObjectView | Root): number {
    return this.describe(object).flags
  }

  /** Set them. @throws ProtectionError when the object is immortal */
  setFlags(object: ObjectView | Root, flags: number): void {
    const { objects } = this.core
    const { reference } = objects.checkView('object', object)
    checkRange('flags', flags, 0, 255)
    objects.checkCount(reference, 0)
    const header = objects.wordAt(reference - 8)
    if ((header & OBJECT_IMMORTAL) !== 0) throw protectionError(reference)
    objects.setWordAt(reference - 8, ((header & ~OBJECT_USER_MASK) | (flags << OBJECT_USER_SHIFT)) >>> 0)
  }

  /** All objects by ascending address: live ones, and dead ones of which no collection knows yet. */
  objects(): IterableIterator<ObjectInfo> {
    return walkObjects(this.core.objects)
  }

  /** The same counted by type, most bytes first. */
  census(): CensusRow[] {
    return takeCensus(this.core.objects)
  }

  /**
   * Strings, arrays, dictionaries, property objects: what a language runtime keeps in a heap beside structs. What they
   * need is made when they are first used.
   *
   * @throws UnsupportedError in mode `compiler`; OutOfMemoryError
   * @example
   * using scope = heap.scope()
   * const list = heap.values.array('value', [1, 2.5, 'three'])
   */
  get values(): Values {
    this.core.assertOpen()
    return this.core.objects.values.access
  }

  // ---- roots --------------------------------------------------------------------------------------------------------

  /** Open a scope: it holds what is made or read until it is closed. Scopes nest. */
  scope(): Scope {
    return this.core.objects.scopes.open()
  }

  /** Keep an object beyond its scope, until the root is disposed of. */
  root<V extends ObjectView>(object: V | Root<V>): Root<V> {
    const { objects } = this.core
    return new Root(objects, objects.checkView('object', object) as V)
  }

  /** The same, and the object stays where it is. */
  pin<V extends ObjectView>(object: V | Root<V>): Pin<V> {
    const { objects } = this.core
    return new Pin(objects, objects.checkView('object', object) as V)
  }

  /** Watch an object without keeping it. */
  weak<V extends ObjectView>(object: V | Root<V>): WeakRoot<V> {
    const { objects } = this.core
    objects.assertTraced('weak roots', WEAK_HINT)
    return new WeakRoot(objects, objects.checkView('object', object) as V)
  }

  /** Roots that were forgotten instead of disposed of, and that JavaScript's collector found. */
  get rootsCaught(): number {
    return this.core.objects.roots.caught
  }

  /**
   * Let the collector read a word of the memory as a root, and update it: a global of a guest, for instance. It must
   * hold null or a reference, now and whenever a collection may run.
   */
  rootSlot(address: number): SlotRoot {
    const { objects } = this.core
    objects.assertTraced('root slots', 'objects do not move: use heap.root, or heap.incref for what the word refers to')
    const most = objects.views.refresh() - 4
    checkRange('address', address, 4, most)
    if (address % 4 !== 0) throw new ArgumentError('address', address, 'a multiple of 4')
    const held = objects.wordAt(address)
    if (held !== 0 && objects.kernel.objectStatus(held) !== 0) {
      throw new ArgumentError('address', address, 'that of a word that holds 0 or a reference to an object')
    }
    return new SlotRoot(objects, address as Address)
  }

  /** The shadow stack of programs inside the memory; made when it is first asked for. */
  shadowStack(options: ShadowStackOptions = {}): ShadowStack {
    return makeShadowStack(this.core.objects, options)
  }

  /** A root that language runtimes need: the object that their globals live in, or null. */
  get globalObject(): ObjectView | null {
    return this.#wellKnown(SPACE_GLOBAL_OBJECT_AT)
  }

  set globalObject(object: ObjectView | Root | null) {
    this.#setWellKnown(SPACE_GLOBAL_OBJECT_AT, 'globalObject', object)
  }

  /** Another one: the exception that is on its way, or null. */
  get pendingException(): ObjectView | null {
    return this.#wellKnown(SPACE_PENDING_EXCEPTION_AT)
  }

  set pendingException(object: ObjectView | Root | null) {
    this.#setWellKnown(SPACE_PENDING_EXCEPTION_AT, 'pendingException', object)
  }

  #wellKnown(at: number): ObjectView | null {
    const { objects } = this.core
    return objects.word(at) === 0 ? null : objects.pushOrNull(() => objects.word(at))
  }

  #setWellKnown(at: number, name: string, object: ObjectView | Root | null): void {
    const { objects } = this.core
    objects.storeRoot(at, objects.checkReference(name, object, undefined, 1))
  }

  // ---- weak references, finalizers ----------------------------------------------------------------------------------

  /** An object of the heap that refers to another without keeping it; it can be stored in reference fields. */
  weakRef<V extends ObjectView>(object: V | Root<V>): WeakReference<V> {
    const { objects } = this.core
    objects.assertTraced('weak references', WEAK_HINT)
    const view = objects.checkView('object', object)
    return objects.makeWeak(WEAK_BYTES, (slot) => objects.kernel.weakRefNew(slot), view) as WeakReference<V>
  }

  /** A new weak map in the heap: values live as long as the map and their keys. */
  weakMap<K extends ObjectView = ObjectView, V extends ObjectView = ObjectView>(): ObjectWeakMap<K, V> {
    const { objects } = this.core
    objects.assertTraced('weak maps', WEAK_HINT)
    return objects.makeWeak(WEAK_BYTES, () => objects.kernel.weakMapNew()) as ObjectWeakMap<K, V>
  }

  /**
   * Have `callback` called once for each registered object that has died, with the value given along, in the order of
   * registration. It runs between kernel calls and may use the heap. What it throws surfaces as an uncaught exception.
   */
  finalizer<Held>(callback: (held: Held) => unknown): Finalizers<Held> {
    this.core.objects.assertTraced('finalizers', 'objects go when their count gets to 0: do then what is to be done')
    return new Finalizers(this.core.objects, checkFunction('callback', callback))
  }

  // ---- images -------------------------------------------------------------------------------------------------------

  /**
   * Objects, and all that they lead to, as an image: bytes that `loadImage` makes immortal objects of, in this heap or
   * another one of any collecting mode. The heap stays as it is. User flags are kept, identity hashes are not.
   *
   * @param objects views or roots by name, or in an array, whose indices are their names then
   * @throws ArgumentError that names the type when they lead to weak references or weak maps
   * @example
   * await writeFile('library.image', heap.freeze({ prototypes, symbols }))
   */
  freeze(objects: ImageInput): Uint8Array<ArrayBuffer> {
    this.core.objects.assertTraced('images', TRACED_HINT)
    return freezeObjects(this.core.objects, objects)
  }

  /**
   * Load an image: its objects stay until the heap is reset, are never moved, and cannot be written to. Objects of the
   * heap may refer to them. All of it is checked before anything in the heap changes.
   *
   * @param structs what the roots are that shall be read by their fields; types of the image that the heap does not
   * know yet become known, whether or not they are named here
   * @param options `shared: true` loads it into the shared space, so that objects of all tenants within this heap may
   * refer to it as well: a tenant gets its own view of an object there by `tenant.shared(view)`; `protect: true` has the
   * system refuse stores to it, where it can
   * @throws ImageError that says what is wrong where; OutOfMemoryError; ArgumentError; UnsupportedError with `shared`
   * in a tenant, or where objects are not traced
   * @example
   * const { roots } = heap.loadImage(bytes, { prototypes: Table })
   * heap.new(Instance, { prototype: roots.prototypes })
   */
  loadImage<Structs extends Readonly<Record<string, Struct>> = Record<never, never>>(
    bytes: Uint8Array,
    structs: Structs = {} as Structs,
    options: ImageOptions = {},
  ): LoadedImage<Structs> {
    this.core.objects.assertTraced('images', TRACED_HINT)
    return loadObjects(this.core.objects, bytes, structs, options)
  }

  /**
   * This heap's own view of a shared object, in the innermost scope. Objects of this heap may refer to the object; it
   * cannot be written to, and no collection looks at it.
   *
   * @param object a view or a root of an object of an image that the root heap loaded with `shared`, of whichever heap
   * the view is: the root heap's or that of a tenant within it
   * @throws ArgumentError that names why for an object that is not shared with this heap; UnsupportedError where this
   * heap's objects or the root heap's are not traced; ScopeError without a scope
   * @example
   * const { roots } = heap.loadImage(library, { prototypes: Table }, { shared: true })
   * using scope = tenant.scope()
   * tenant.new(Instance, { prototype: tenant.shared(roots.prototypes) })
   */
  shared<V extends ObjectView>(object: V | Root<V>): V {
    this.core.objects.assertTraced('shared objects', TRACED_HINT)
    return sharedView(this.core.objects, object) as V
  }

  // ---- collections --------------------------------------------------------------------------------------------------

  /**
   * Free the objects that no root reaches. Finalizers have run when it returns. In mode `manual`, where objects go with
   * their last reference, those that refer to each other in a cycle: see `collectCycles`.
   *
   * @param options `kind: 'minor'` looks at the nursery alone, in the modes that have one; default `'full'`
   * @throws ArgumentError for `'minor'` in a mode without a nursery
   */
  collect(options: CollectOptions = {}): Collection {
    checkOptions('options', options, ['kind'])
    const { kind = 'full' } = options
    if (kind !== 'full' && kind !== 'minor') throw new ArgumentError('kind', kind, "'full' or 'minor'")
    return this.core.objects.collect(kind === 'minor' ? COLLECT_MINOR : COLLECT_FULL)
  }

  /**
   * In mode `server`: go on with the cycle for about `budgetMs`, in time that the program has to spare; begins one when
   * enough has been allocated since the last one.
   *
   * @param options `budgetMs`: milliseconds, above 0; default the pause goal
   * @throws UnsupportedError in the other modes
   * @example
   * setInterval(() => heap.step({ budgetMs: 1 }), 16)
   */
  step(options: StepOptions = {}): StepResult {
    checkOptions('options', options, ['budgetMs'])
    const { objects } = this.core
    const { budgetMs = objects.collections.pauseGoalMs ?? 1 } = options
    if (!(typeof budgetMs === 'number' && budgetMs > 0 && budgetMs <= STEP_MAX_MS)) {
      throw new ArgumentError('budgetMs', budgetMs, `milliseconds above 0, at most ${STEP_MAX_MS}`)
    }
    return objects.step(budgetMs)
  }

  /** The same, then slide the objects together and hold as little memory as they need. */
  compact(): Collection {
    this.core.objects.assertTraced('compaction', 'objects do not move; heap.releaseCaches gives free pages back')
    return this.core.objects.collect(COLLECT_COMPACT)
  }

  /** How long the program stood for collections: count, total, percentiles, longest, and the last collections. */
  get pauses(): PauseStats {
    return this.core.objects.collections.pauses
  }
  /**
   * What collections did and how long they took since the heap was made, as plain data: by kind, as a histogram, as the
   * program's share of the time at worst. `JSON.stringify` gives the documented, versioned form.
   *
   * @param options `types: true` adds the census, which walks over all objects
   * @throws UnsupportedError in a mode without objects
   */
  collectionStats(options: CollectionStatsOptions = {}): CollectionStats {
    return readCollectionStats(this.core.objects, options)
  }

  /** The same as text for people. */
  collectionReport(options: CollectionStatsOptions = {}): string {
    return formatCollectionStats(this.core.label, this.collectionStats(options))
  }
}

/**
 * Property objects of the heap as JavaScript sees them: keys and values like those of a plain object, with its order of
 * keys. Objects that got the same properties in the same order share a shape; through an inline cache that knows the
 * shape, a property is read and written where it lies.
 */
import { STATUS_OK } from '../../kernel/layout.js'
import { ARRAY_LENGTH_AT, STATUS_KEY, VALUES_STATUS_AT } from '../../kernel/value-layout.js'
import { checkFunction } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { ObjectSpace } from '../objects/space.js'
import { ObjectView } from '../objects/view.js'
import { InlineCache } from './inline-cache.js'
import { checkName, nameOf, type PropertyName, withKnownName, withName } from './property-key.js'
import { viewRefusal } from './refusals.js'
import type { Value } from './value.js'
import type { ValueSpace } from './value-space.js'
import { isSmall, type Word } from './word.js'

/** Bytes that a new property may need, for messages. */
const PROPERTY_BYTES = 64

export interface PropertyObjectOptions {
  /** Properties that it has room for in itself, which are reached faster than others. Default 4, at most 128. */
  readonly slots?: number
}

/** An object with properties: made by `heap.values.object`, or read from where values are kept. */
export class PropertyObject extends ObjectView implements Iterable<[PropertyName, Value]> {
  /** Properties. */
  get size(): number {
    return valuesOf(this).kernel.propertyCount(this.reference)
  }

  /** Whether it has a dictionary of its own instead of a shape. */
  get isDictionary(): boolean {
    return valuesOf(this).kernel.propertiesIsDictionary(this.reference) !== 0
  }

  /** The number of its shape; objects with the same one have the same keys in the same order. Undefined without one. */
  get shape(): number | undefined {
    const { kernel } = valuesOf(this)
    const shape = kernel.propertiesShape(this.reference)
    return shape === 0 ? undefined : kernel.shapeNumber(shape)
  }

  /**
   * The value of a property; undefined when there is none.
   *
   * @param key what it is called, or an inline cache for that
   * @throws ArgumentError for what can be no key; StaleHandleError, ClosedError for a cache that is gone
   */
  get(key: PropertyName | InlineCache): Value {
    if (!(key instanceof InlineCache)) {
      const values = valuesOf(this)
      const word = lookUpName(this, values, key)
      return (word & 1) !== 0 ? word >> 1 : found(this, values, word, () => lookUpName(this, values, key))
    }
    const values = key.$values
    const cache = checkCache(this.$holder.space, key)
    const slot = values.cachedSlot(this.reference, cache)
    if (slot === 0) {
      return found(this, values, lookUp(this, values, key.$key, cache), () => lookUp(this, values, key.$key, cache))
    }
    values.noteHit(cache)
    const word = values.space.views.u32[slot] as number
    if ((word & 1) !== 0) return word >> 1
    return values.read(word, () => lookUp(this, values, key.$key, cache))
  }

  /** Set a property, which is added when there is none. @throws as `get`; OutOfMemoryError, CountError */
  set(key: PropertyName | InlineCache, value: Value): this {
    if (!(key instanceof InlineCache)) {
      const values = valuesOf(this)
      withName(values, key, (word) => store(this, values, key, word, value, 0))
      return this
    }
    const values = key.$values
    const cache = checkCache(this.$holder.space, key)
    if (typeof value === 'number' && isSmall(value)) {
      const { u32 } = values.space.views
      const slot = values.cachedSlot(this.reference, cache)
      if (slot !== 0 && ((u32[slot] as number) & 1) !== 0) {
        u32[slot] = (value << 1) | 1
        values.noteHit(cache)
        return this
      }
    }
    store(this, values, key, () => key.$key, value, cache)
    return this
  }

  /** Whether there is such a property. @throws ArgumentError for what can be no key */
  has(key: PropertyName): boolean {
    const values = valuesOf(this)
    void this.reference
    return withKnownName(values, key, (word) => word() !== 0 && values.kernel.propertyHas(this.reference, word()) !== 0)
  }

  /** Delete a property; whether it was there. @throws ArgumentError for what can be no key; OutOfMemoryError */
  delete(key: PropertyName): boolean {
    const values = valuesOf(this)
    void this.reference
    return withKnownName(values, key, (word) => {
      let isThere = word() !== 0
      if (!isThere) return false
      values.requestStatus(
        PROPERTY_BYTES,
        () => {
          const status = values.kernel.propertyDelete(this.reference, word())
          isThere = !values.isNone(status)
          return isThere ? status : STATUS_OK
        },
        (status) => refused(this, 'delete', key, status),
      )
      return isThere
    })
  }

  /** The keys in JavaScript's order: integers ascending, then text, then all others, both in order of insertion. */
  keys(): PropertyName[] {
    const values = valuesOf(this)
    const { space } = values
    const made = values.request(
      this.size * 4 + PROPERTY_BYTES,
      () => values.kernel.propertyKeys(this.reference),
      (status) => viewRefusal(this, 'keys', status),
    )
    const slot = values.hold(made)
    try {
      const word = (i: number) => space.wordAt(space.wordAt(values.held(slot)) + 4 * i)
      const length = space.wordAt(values.held(slot) + ARRAY_LENGTH_AT)
      return Array.from({ length }, (_, i) => nameOf(values, word(i), () => word(i)))
    } finally {
      values.drop(slot)
    }
  }

  /** Keys and values, in the order of `keys`: of the properties that it had when asked. */
  entries(): [PropertyName, Value][] {
    return this.keys().map((key) => [key, this.get(key)])
  }

  [Symbol.iterator](): IterableIterator<[PropertyName, Value]> {
    return this.entries()[Symbol.iterator]()
  }

  /**
   * Call `callback` for each property that it had when asked and still has. Each value lies in a scope of its own, which
   * ends with the call.
   */
  forEach(callback: (value: Value, key: PropertyName, object: this) => void): void {
    checkFunction('callback', callback)
    const { scopes } = ObjectView.holderOf(this).space
    for (const key of this.keys()) {
      const scope = scopes.open()
      try {
        if (this.has(key)) callback(this.get(key), key, this)
      } finally {
        scope.close()
      }
    }
  }

  /** `object of 3 properties` */
  override toString(): string {
    return `object of ${this.size} properties`
  }

  /** As plain data: a plain object. Keys that are objects are left out. */
  override toJSON(): unknown {
    const values = valuesOf(this)
    const pairs: [string, unknown][] = []
    for (const key of this.keys()) {
      if (typeof key === 'object') continue
      pairs.push([String(key), values.plain(lookUpName(this, values, key))])
    }
    return Object.fromEntries(pairs)
  }
}

function valuesOf(view: ObjectView): ValueSpace {
  return ObjectView.holderOf(view).space.values
}

/** Address of a cache of this heap. */
function checkCache(space: ObjectSpace, cache: InlineCache): number {
  if (cache.$values.space === space) return cache.$epoch === space.epoch && cache.$block > 0 ? cache.$block : cache.$at
  throw new ArgumentError('key', cache, `an inline cache of ${space.core.label}`)
}

function lookUp(view: PropertyObject, values: ValueSpace, key: Word, cache: number): Word {
  return values.kernel.propertyGet(view.reference, key, cache) >>> 0
}

/** The word of a property by its name, lent; 0 when there is none. */
function lookUpName(view: PropertyObject, values: ValueSpace, name: unknown): Word {
  const own = checkName(name)
  if (typeof own !== 'string') return withName(values, own, (word) => lookUp(view, values, word(), 0))
  void view.reference
  const key = values.interned(own)
  // What no object has for a name.
  if (key === 0) return 0
  // Nothing moves meanwhile.
  const word = lookUp(view, values, key, 0)
  if (values.isCounted) values.space.kernel.decref(key)
  return word
}

function found(view: PropertyObject, values: ValueSpace, word: Word, again: () => Word): Value {
  if (word !== 0) return values.read(word, again)
  const status = values.word(VALUES_STATUS_AT)
  if (values.isNone(status)) return undefined
  throw viewRefusal(view, 'get', status)
}

function store(
  view: PropertyObject,
  values: ValueSpace,
  name: unknown,
  key: () => Word,
  value: Value,
  cache: number,
): void {
  values.check('value', value, 1)
  values.withWord('value', value, (word) => {
    values.requestStatus(
      PROPERTY_BYTES,
      () => values.kernel.propertySet(view.reference, key(), word(), cache),
      (status) => refused(view, 'set', name, status),
    )
  })
}

function refused(view: PropertyObject, call: string, name: unknown, status: number): Error {
  if (status === STATUS_KEY) return new ArgumentError('key', name, 'text, an integer, a special or an object')
  return viewRefusal(view, call, status)
}

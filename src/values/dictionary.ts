/**
 * Dictionaries of the heap as JavaScript sees them: `Map`'s interface and its semantics, in order of insertion, also
 * while they change under who iterates. Keys are the same as in a `Map`, but that strings are by their text, whether they
 * come from JavaScript or from the heap.
 */
import { STATUS_OK, STATUS_OUT_OF_MEMORY } from '../../kernel/layout.js'
import {
  DICTIONARY_ENTRY_BYTES,
  KEYS_ANY,
  KEYS_INTEGER,
  KEYS_STRING,
  STATUS_KEY,
  VALUES_STATUS_AT,
  VALUES_TEXT_AT,
} from '../../kernel/value-layout.js'
import { checkFunction, checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { ObjectView } from '../objects/view.js'
import { viewRefusal } from './refusals.js'
import type { Value } from './value.js'
import { needsMemory, type ValueSpace } from './value-space.js'
import { isSmall, type Word } from './word.js'

const NOWHERE = 0xffffffff
/** Bytes that a new entry may need, for messages. */
const NEW_ENTRY_BYTES = 64
export const CAPACITY_MAX = 2 ** 26 - 1

/** Which keys a dictionary takes. */
export type DictionaryKeys = 'any' | 'string' | 'integer'

export interface DictionaryOptions {
  /** `'string'` and `'integer'` refuse all other keys. Default `'any'`. */
  readonly keys?: DictionaryKeys
  /** Entries that it has room for from the start. Default 0. */
  readonly capacity?: number
}

export const KEY_KINDS: Readonly<Record<DictionaryKeys, number>> = {
  any: KEYS_ANY,
  string: KEYS_STRING,
  integer: KEYS_INTEGER,
}
const KEY_NAMES: readonly DictionaryKeys[] = ['any', 'string', 'integer']
const EXPECTED: Readonly<Record<DictionaryKeys, string>> = {
  any: 'a value that can be a key',
  string: 'a string: the dictionary was made for strings',
  integer: 'an integer from -2^30 to 2^30 - 1: the dictionary was made for integers',
}

/** A dictionary of the heap: made by `heap.values.dictionary`, or read from where values are kept. */
export class Dictionary<Key extends Value = Value> extends ObjectView implements Iterable<[Key, Value]> {
  /** Entries. */
  get size(): number {
    return valuesOf(this).kernel.dictionaryCount(this.reference)
  }

  /** Which keys it takes. */
  get keyKind(): DictionaryKeys {
    return keyKindOf(this)
  }

  /** The value of a key; undefined when it has none. @throws ArgumentError for a key of another kind */
  get(key: Key): Value {
    const values = valuesOf(this)
    const word = find(this, values, key)
    if ((word & 1) !== 0) return word >> 1
    if (word === 0) return missing(this, values, key)
    return values.read(word, () => find(this, values, key))
  }

  /** Whether there is such a key. @throws ArgumentError for a key of another kind */
  has(key: Key): boolean {
    const values = valuesOf(this)
    return find(this, values, key) !== 0 || missing(this, values, key) !== undefined
  }

  /** Set the value of a key; a new one comes behind all others. @throws ArgumentError, OutOfMemoryError, CountError */
  set(key: Key, value: Value): this {
    const values = valuesOf(this)
    if (typeof key === 'number' && isSmall(key) && typeof value === 'number' && isSmall(value)) {
      const status = values.kernel.dictionarySet(this.reference, (key << 1) | 1, (value << 1) | 1)
      if (status === STATUS_OK) {
        // The memory may have grown.
        values.space.views.refresh()
        return this
      }
    }
    if (setAtOnce(this, values, key, value)) return this
    values.withWord('key', key, (keyWord) => {
      values.withWord('value', value, (valueWord) => {
        values.requestStatus(
          NEW_ENTRY_BYTES,
          () => values.kernel.dictionarySet(this.reference, keyWord(), valueWord()),
          (status) => refused(this, 'set', key, status),
        )
      })
    })
    return this
  }

  /** Delete a key; whether it was there. @throws ArgumentError for a key of another kind */
  delete(key: Key): boolean {
    const values = valuesOf(this)
    values.check('key', key)
    return values.withWord('key', key, (word) => {
      const status = values.kernel.dictionaryDelete(this.reference, word())
      if (status === STATUS_OK) return true
      if (values.isNone(status)) return false
      throw refused(this, 'delete', key, status)
    })
  }

  /** Delete a key; the value it had, or undefined. @throws ArgumentError for a key of another kind */
  take(key: Key): Value {
    // Read first: what finds no scope, or no room for its handle, stays in the dictionary.
    const value = this.get(key)
    void this.delete(key)
    return value
  }

  /** Delete all. */
  clear(): void {
    const status = valuesOf(this).kernel.dictionaryClear(this.reference)
    if (status !== STATUS_OK) throw viewRefusal(this, 'clear', status)
  }

  /** Have room for `capacity` entries. @throws OutOfMemoryError, ArgumentError */
  reserve(capacity: number): void {
    const values = valuesOf(this)
    checkRange('capacity', capacity, 0, CAPACITY_MAX)
    values.requestStatus(
      capacity * DICTIONARY_ENTRY_BYTES,
      () => values.kernel.dictionaryReserve(this.reference, capacity),
      (status) => viewRefusal(this, 'reserve', status),
    )
  }

  /**
   * Keys in order of insertion; those that are added meanwhile come, too, those deleted meanwhile do not. Loops leave
   * the iterator as it must be; who calls `next` by hand and stops before the end calls `return`, or deleted entries
   * keep their room.
   */
  keys(): IterableIterator<Key> {
    return new DictionaryIterator(this, (position) => keyAt(this, position) as Key)
  }

  values(): IterableIterator<Value> {
    return new DictionaryIterator(this, (position) => valueAt(this, position))
  }

  entries(): IterableIterator<[Key, Value]> {
    return new DictionaryIterator(this, (position) => [keyAt(this, position) as Key, valueAt(this, position)])
  }

  [Symbol.iterator](): IterableIterator<[Key, Value]> {
    return this.entries()
  }

  /**
   * Call `callback` for each entry, in a scope of its own: what is not put into a root or an object is gone at its end,
   * so a loop over any number of entries holds no more than one.
   */
  forEach(callback: (value: Value, key: Key, dictionary: this) => void): void {
    checkFunction('callback', callback)
    const { scopes } = ObjectView.holderOf(this).space
    const entries = this.entries()
    try {
      for (let isDone = false; !isDone; ) {
        const scope = scopes.open()
        try {
          const step = entries.next()
          isDone = step.done === true
          if (!step.done) callback(step.value[1], step.value[0], this)
        } finally {
          scope.close()
        }
      }
    } finally {
      entries.return?.()
    }
  }

  /** `dictionary of 3 entries` */
  override toString(): string {
    return `dictionary of ${this.size} entries`
  }

  /** As plain data: an object where keys are strings, else a list of pairs. */
  override toJSON(): unknown {
    const values = valuesOf(this)
    const { kernel } = values
    const pairs: [unknown, unknown][] = []
    const next = (from: number) => kernel.dictionaryNext(this.reference, from) >>> 0
    for (let at = next(0); at !== NOWHERE; at = next(at + 1)) {
      const key = kernel.dictionaryKeyAt(this.reference, at) >>> 0
      pairs.push([values.plain(key), values.plain(kernel.dictionaryValueAt(this.reference, at) >>> 0)])
    }
    return this.keyKind === 'string' ? Object.fromEntries(pairs) : pairs
  }
}

function valuesOf(view: ObjectView): ValueSpace {
  return ObjectView.holderOf(view).space.values
}

function keyKindOf(view: ObjectView): DictionaryKeys {
  return KEY_NAMES[valuesOf(view).kernel.dictionaryKind(view.reference)] ?? 'any'
}

/** The word of a key's value, lent; 0 when there is none. Text is looked up without making a string of it. */
function find(view: ObjectView, values: ValueSpace, key: unknown): number {
  const { kernel } = values
  if (typeof key === 'number' && isSmall(key)) return kernel.dictionaryGet(view.reference, (key << 1) | 1) >>> 0
  if (typeof key === 'string' && values.isShort(key)) {
    const bytes = values.stage(key)
    return kernel.dictionaryGetText(view.reference, values.base + VALUES_TEXT_AT, bytes) >>> 0
  }
  values.check('key', key)
  return values.withWord('key', key, (word) => kernel.dictionaryGet(view.reference, word()) >>> 0)
}

/** Why nothing was found: undefined, unless it was for another reason than that nothing is there. */
function missing(view: ObjectView, values: ValueSpace, key: unknown): undefined {
  const status = values.word(VALUES_STATUS_AT)
  if (!values.isNone(status)) throw refused(view, 'get', key, status)
  return undefined
}

/** Set a key for which memory is made at most once. Whether it was done: else both words must be kept while it is. */
function setAtOnce(view: ObjectView, values: ValueSpace, key: Value, value: Value): boolean {
  values.check('key', key, 1)
  values.check('value', value, 1)
  const makesKey = needsMemory(key)
  if (makesKey && needsMemory(value)) return false
  // The one that is made comes first: it may move the other.
  const keyFirst = makesKey ? values.wordOf('key', key) : 0
  let valueWord = 0
  let status: number
  try {
    valueWord = values.wordOf('value', value)
    const keyWord = makesKey ? keyFirst : (values.plainWord('key', key) as Word)
    status = values.kernel.dictionarySet(view.reference, keyWord, valueWord)
  } finally {
    // Also when a scope was closed while room was made.
    if (makesKey) values.letGo(keyFirst, key)
    if (valueWord !== 0) values.letGo(valueWord, value)
  }
  if (status === STATUS_OK) values.space.views.refresh()
  else if (status !== STATUS_OUT_OF_MEMORY) throw refused(view, 'set', key, status)
  return status === STATUS_OK
}

function refused(view: ObjectView, call: string, key: unknown, status: number): Error {
  if (status === STATUS_KEY) return new ArgumentError('key', key, EXPECTED[keyKindOf(view)])
  return viewRefusal(view, call, status)
}

function keyAt(view: ObjectView, position: number): Value {
  const values = valuesOf(view)
  const word = () => values.kernel.dictionaryKeyAt(view.reference, position) >>> 0
  return values.read(word(), word)
}

function valueAt(view: ObjectView, position: number): Value {
  const values = valuesOf(view)
  const word = () => values.kernel.dictionaryValueAt(view.reference, position) >>> 0
  return values.read(word(), word)
}

/**
 * Goes through a dictionary by position. It is locked from the first step to the last, or to where the loop is left:
 * its entries stay where they are meanwhile, so that none is met twice or passed over.
 */
class DictionaryIterator<Item> implements IterableIterator<Item> {
  readonly #dictionary: ObjectView
  readonly #read: (position: number) => Item
  #position = 0
  #state: 'new' | 'locked' | 'done' = 'new'

  constructor(dictionary: ObjectView, read: (position: number) => Item) {
    this.#dictionary = dictionary
    this.#read = read
  }

  next(): IteratorResult<Item> {
    if (this.#state === 'done') return { done: true, value: undefined }
    const view = this.#dictionary
    const { kernel } = valuesOf(view)
    if (this.#state === 'new') {
      const status = kernel.dictionaryLock(view.reference)
      if (status !== STATUS_OK) throw viewRefusal(view, 'iterate', status)
      this.#state = 'locked'
    }
    const position = kernel.dictionaryNext(view.reference, this.#position) >>> 0
    if (position === NOWHERE) return this.return()
    this.#position = position + 1
    try {
      return { done: false, value: this.#read(position) }
    } catch (error) {
      // A loop does not come back to an iterator that has thrown.
      this.return()
      throw error
    }
  }

  return(): IteratorResult<Item> {
    const view = this.#dictionary
    // Without its scope nobody can say where it is: it stays locked, which costs no more than room for what it had.
    if (this.#state === 'locked' && ObjectView.holderOf(view).isOpen) {
      valuesOf(view).kernel.dictionaryUnlock(view.reference)
    }
    this.#state = 'done'
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): this {
    return this
  }
}

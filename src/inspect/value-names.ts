/**
 * What the references inside values are called: a property by its key, an entry of a dictionary by its key, parts of
 * the machinery by what they are. The layouts are those of `kernel/value-layout.ts`.
 *
 * Stores are objects without a name for what they hold: the key store of a shape and a dictionary's segment are both
 * words. So whoever refers to a store is met first and says what it is for.
 */
import {
  ARRAY_STORE_AT,
  DICTIONARY_DIRECTORY_AT,
  DICTIONARY_ENTRY_BYTES,
  DICTIONARY_INDEX_AT,
  DICTIONARY_OLD_INDEX_AT,
  DICTIONARY_SEGMENT_AT,
  ENTRY_VALUE_AT,
  KEYS_FIRST_AT,
  KEYS_INDEX_AT,
  PROPERTIES_INLINE_AT,
  PROPERTIES_MORE_AT,
  PROPERTIES_SHAPE_AT,
  SEGMENT_ENTRIES_AT,
  SHAPE_CHILDREN_AT,
  SHAPE_COUNT_AT,
  SHAPE_INLINE_AT,
  SHAPE_KEY_AT,
  SHAPE_KEYS_AT,
  SHAPE_PARENT_AT,
  STRING_TEXT_AT,
} from '../../kernel/value-layout.js'
import type { TypePlan } from './type-plans.js'

/** An edge's name: of a property, of the machinery, or an element's index. */
export interface Label {
  readonly type: 'property' | 'internal' | 'element'
  readonly name: string | number
}

/** What the names are read from. */
export interface ObjectReader {
  word(address: number): number
  /** The text of the string at an address as it may be shown; undefined when texts are left out. */
  text(reference: number): string | undefined
  /** Name of an object's type; undefined when no object is there. */
  typeName(reference: number): string | undefined
}

type Role =
  | { readonly kind: 'segment' }
  | { readonly kind: 'directory' }
  | { readonly kind: 'keys' }
  | { readonly kind: 'more'; readonly shape: number }

const internal = (name: string): Label => ({ type: 'internal', name })
const KEY = internal('key')
const SEGMENT = internal('segment')
const STORE_OF_ARRAY = internal('store')
const INDEX_OF_KEYS = internal('index')

const DICTIONARY_WORDS: Readonly<Record<number, Label>> = {
  [DICTIONARY_SEGMENT_AT]: SEGMENT,
  [DICTIONARY_DIRECTORY_AT]: internal('directory'),
  [DICTIONARY_INDEX_AT]: internal('index'),
  [DICTIONARY_OLD_INDEX_AT]: internal('old index'),
}

const SHAPE_WORDS: Readonly<Record<number, Label>> = {
  [SHAPE_PARENT_AT]: internal('parent'),
  [SHAPE_KEY_AT]: KEY,
  [SHAPE_KEYS_AT]: internal('keys'),
  [SHAPE_CHILDREN_AT]: internal('children'),
}

export class ValueNames {
  readonly #reader: ObjectReader
  readonly #roles = new Map<number, Role>()

  constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  /** Take note of an object: before labels are asked for, all are to be noted. */
  note(reference: number, { name }: TypePlan): void {
    if (name === '#dictionary') this.#noteDictionary(reference)
    else if (name === '#properties') {
      const shape = this.#word(reference + PROPERTIES_SHAPE_AT)
      this.#roles.set(this.#word(reference + PROPERTIES_MORE_AT), { kind: 'more', shape })
    } else if (name === '#shape') this.#roles.set(this.#word(reference + SHAPE_KEYS_AT), { kind: 'keys' })
  }

  #noteDictionary(reference: number): void {
    this.#roles.set(this.#word(reference + DICTIONARY_SEGMENT_AT), { kind: 'segment' })
    const directory = this.#word(reference + DICTIONARY_DIRECTORY_AT)
    if (this.#reader.typeName(directory) === undefined) return
    this.#roles.set(directory, { kind: 'directory' })
    const bytes = this.#word(directory - 4)
    for (let at = 0; at < bytes; at += 4) this.#roles.set(this.#word(directory + at), { kind: 'segment' })
  }

  #word(address: number): number {
    return this.#reader.word(address)
  }

  /** What the reference at `offset` of an object is called; undefined: it has no name of its own. */
  label(reference: number, { name }: TypePlan, offset: number): Label | undefined {
    switch (name) {
      case '#array':
        return offset === ARRAY_STORE_AT ? STORE_OF_ARRAY : undefined
      case '#dictionary':
        return DICTIONARY_WORDS[offset]
      case '#shape':
        return SHAPE_WORDS[offset]
      case '#properties':
        return this.#labelOfProperty(reference, offset)
      case '#words':
        return this.#labelInStore(reference, offset)
      default:
        return undefined
    }
  }

  #labelOfProperty(reference: number, offset: number): Label {
    const shape = this.#word(reference + PROPERTIES_SHAPE_AT)
    if (offset === PROPERTIES_SHAPE_AT) {
      return internal(this.#reader.typeName(shape) === '#dictionary' ? 'dictionary' : 'shape')
    }
    if (offset === PROPERTIES_MORE_AT) return internal('more')
    return this.#labelOfSlot(shape, (offset - PROPERTIES_INLINE_AT) / 4)
  }

  #labelInStore(store: number, offset: number): Label | undefined {
    const role = this.#roles.get(store)
    if (role === undefined) return undefined
    if (role.kind === 'directory') return SEGMENT
    if (role.kind === 'keys') return offset === KEYS_INDEX_AT ? INDEX_OF_KEYS : KEY
    if (role.kind === 'more') {
      return this.#labelOfSlot(role.shape, offset / 4 + (this.#word(role.shape + SHAPE_INLINE_AT) >> 1))
    }
    const inEntry = (offset - SEGMENT_ENTRIES_AT) % DICTIONARY_ENTRY_BYTES
    if (inEntry !== ENTRY_VALUE_AT) return KEY
    return this.#labelOfKey(this.#word(store + offset - ENTRY_VALUE_AT), (offset - SEGMENT_ENTRIES_AT - inEntry) / 12)
  }

  /** The property that a shape has in a slot. */
  #labelOfSlot(shape: number, slot: number): Label {
    const isThere = this.#reader.typeName(shape) === '#shape' && slot < this.#word(shape + SHAPE_COUNT_AT) >> 1
    if (!isThere) return { type: 'element', name: slot }
    return this.#labelOfKey(this.#word(this.#word(shape + SHAPE_KEYS_AT) + KEYS_FIRST_AT + 4 * slot), slot)
  }

  /** The name that a key gives; `place` where it has none that may be shown. */
  #labelOfKey(key: number, place: number): Label {
    if ((key & 1) !== 0) {
      const integer = key >> 1
      return integer >= 0 ? { type: 'element', name: integer } : { type: 'property', name: String(integer) }
    }
    const type = this.#reader.typeName(key)
    const text = type === '#string' ? this.#reader.text(key) : undefined
    if (text !== undefined) return { type: 'property', name: text }
    if (type === undefined) return { type: 'property', name: `special ${key >>> 3}` }
    return type === '#string' ? { type: 'element', name: place } : { type: 'property', name: `[${type} @${key + 1}]` }
  }
}

/** The text of a string whose payload begins at `reference`, cut at so many bytes of UTF-8. */
export function stringText(u8: Uint8Array, reference: number, payloadBytes: number, maxBytes: number): string {
  const from = reference + STRING_TEXT_AT
  const bytes = payloadBytes - STRING_TEXT_AT
  if (bytes <= maxBytes) return decode(u8.slice(from, from + bytes))
  let end = from + maxBytes
  // Not in the middle of a character.
  while (end > from && ((u8[end] as number) & 0xc0) === 0x80) end--
  return `${decode(u8.slice(from, end))}…`
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

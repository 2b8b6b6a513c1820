/**
 * Structs: what the objects of a type consist of, and where in the payload each part lies.
 *
 * Layout: references and values first, so that the collector finds them by their number alone; then the other fields by
 * falling alignment, in the order of the definition; a trailing array behind them. A payload starts 8 bytes past a
 * multiple of its grain, so whatever is aligned within the payload is aligned in memory.
 *
 * A struct belongs to no heap. Each heap registers it when it first meets it.
 */
import { OBJECT_MAX_BYTES, SHAPE_LEAF, SHAPE_MIXED, SHAPE_PREFIX, SHAPE_REFS } from '../../kernel/object-layout.js'
import { ArgumentError } from '../errors.js'
import {
  type ArrayKind,
  type BytesKind,
  type FieldKind,
  type Fields,
  isKind,
  isWordKind,
  type RecordFields,
  type ScalarKind,
  structMark,
  type WordKind,
} from './kinds.js'

const NAME_MAX_CHARACTERS = 200
/** What the names of the types of values begin with, and no struct's. */
export const VALUE_TYPE_SIGN = '#'
const FIELDS_MAX = 1024
const ELEMENT_MAX_BYTES = 65535
/** The words of an element that may be references: what one mask has bits for. */
const ELEMENT_REFS_MAX = 32

/** Where a field lies, and what it is. */
export interface FieldInfo {
  readonly name: string
  readonly kind: FieldKind
  /** From the start of the payload, or of the element. */
  readonly offset: number
  /** Bytes it takes; of a trailing array, of one element. */
  readonly bytes: number
}

/** Only in types: the definition of a struct. */
declare const definition: unique symbol

/** Where a registry leaves its answer for the next time. */
export const lastBinding = Symbol('binding')

/** A type of objects. Made by `struct()`. */
export class Struct<Name extends string = string, Definition extends Fields = Fields> {
  declare readonly [definition]?: { readonly name: Name; readonly fields: Definition }
  readonly name: Name
  /** All fields by ascending offset; a trailing array is the last. */
  readonly fields: readonly FieldInfo[]
  /** The trailing array, if there is one. */
  readonly trailing: FieldInfo | undefined
  /** Bytes of the payload without the trailing array, which begins there. */
  readonly fixedBytes: number
  /** Bytes of one element of the trailing array; 0 without one. */
  readonly elementBytes: number
  /** The fields of such an element when it is a record; empty otherwise. */
  readonly elementFields: readonly FieldInfo[]
  /** References, and words that may be some, at the start of the payload. */
  readonly references: number
  /** What the kernel is told: one of `SHAPE_…`. */
  readonly shape: number
  /** Name and layout as text: the same for the same layout. */
  readonly description: string
  readonly #byName: ReadonlyMap<string, FieldInfo>;
  /** @internal */
  [lastBinding]: unknown = undefined

  /** @internal */
  constructor(name: Name, fields: Definition) {
    const { fixed, trailing } = split(fields)
    const placed = place(fixed)
    const element = trailing && placeElement(trailing)
    const fixedBytes = alignUp(endOf(placed), element?.alignment ?? 1)
    this.name = name
    this.fixedBytes = fixedBytes
    this.elementBytes = element?.bytes ?? 0
    this.elementFields = Object.freeze(element?.fields ?? [])
    this.references = placed.filter(({ kind }) => isWordKind(kind)).length
    this.trailing = trailing && Object.freeze({ ...trailing, offset: fixedBytes, bytes: this.elementBytes })
    this.fields = Object.freeze(this.trailing ? [...placed, this.trailing] : placed)
    this.#byName = new Map(this.fields.map((field) => [field.name, field]))
    this.shape = shapeOf(this.references, element)
    this.description = `${name}${describe(this.fields, this.elementFields)}`
    if (fixedBytes > OBJECT_MAX_BYTES)
      throw new ArgumentError('fields', fixedBytes, `at most ${OBJECT_MAX_BYTES} bytes`)
  }

  /** @internal */
  get [structMark](): true {
    return true
  }

  /** The field of a name. */
  field(name: string): FieldInfo | undefined {
    return this.#byName.get(name)
  }

  /** Words of an element that are references: bit n stands for offset 4n. */
  get elementMask(): number {
    return maskOf(this.elementFields)
  }

  toString(): string {
    return this.description
  }
}

/**
 * Define a type of objects.
 *
 * @param name what it is called in every heap; two structs of one name cannot be in one heap
 * @param fields kinds by name; an `array` only as the last
 * @throws ArgumentError that names the field that cannot be
 *
 * @example
 * const Node = struct('Node', { value: i32, next: ref('Node') })
 * const List = struct('List', { count: i32, items: array(ref(Node)) })
 */
export function struct<const Name extends string, const Definition extends Fields>(
  name: Name,
  fields: Definition,
): Struct<Name, Definition> {
  checkName('name', name)
  if (name.startsWith(VALUE_TYPE_SIGN)) {
    throw new ArgumentError('name', name, `one that does not begin with ${VALUE_TYPE_SIGN}: types of values do`)
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new ArgumentError('fields', fields, 'an object of kinds by name')
  }
  const names = Object.keys(fields)
  if (names.length > FIELDS_MAX) throw new ArgumentError('fields', names.length, `at most ${FIELDS_MAX} fields`)
  names.forEach((field, i) => {
    checkFieldName(`fields.${field}`, field)
    const kind: unknown = fields[field]
    if (!isKind(kind))
      throw new ArgumentError(`fields.${field}`, kind, 'a kind: i32, f64, ref(…), value, bytes(…), array(…), …')
    if (kind.kind !== 'array') return
    if (i !== names.length - 1) throw new ArgumentError(`fields.${field}`, 'array', 'the last field: an array trails')
    if (!isKind(kind.element))
      for (const own of Object.keys(kind.element)) checkFieldName(`fields.${field}.${own}`, own)
  })
  return new Struct(name, fields)
}

/** What a name must not be: the description's own signs and control characters. */
const NAME_PATTERN = /^[^\p{Cc}\p{Zl}\p{Zp}{}[\]():,@]+$/u

function checkName(argument: string, name: unknown): void {
  if (typeof name === 'string' && name.length <= NAME_MAX_CHARACTERS && NAME_PATTERN.test(name)) return
  const expected = `text of 1 to ${NAME_MAX_CHARACTERS} characters, without control characters and { } [ ] ( ) : , @`
  throw new ArgumentError(argument, name, expected)
}

/** Members of every view, and of every JavaScript object. */
const TAKEN: ReadonlySet<string> = new Set([
  'reference',
  'struct',
  'is',
  'toJSON',
  '$holder',
  '$slot',
  ...Object.getOwnPropertyNames(Object.prototype),
])

function checkFieldName(argument: string, name: string): void {
  checkName(argument, name)
  if (TAKEN.has(name)) throw new ArgumentError(argument, name, 'another name: every view has a member of this one')
  // Integer names would come first, whatever the definition's order.
  if (/^\d+$/.test(name)) throw new ArgumentError(argument, name, 'a name that is not a number')
}

// ---- layout ---------------------------------------------------------------------------------------------------------

type Named<K extends FieldKind> = { readonly name: string; readonly kind: K }

function split(fields: Fields): {
  readonly fixed: Named<ScalarKind | BytesKind | WordKind>[]
  readonly trailing: Named<ArrayKind> | undefined
} {
  const fixed: Named<ScalarKind | BytesKind | WordKind>[] = []
  let trailing: Named<ArrayKind> | undefined
  for (const [name, kind] of Object.entries(fields)) {
    if (kind.kind === 'array') trailing = { name, kind }
    else fixed.push({ name, kind })
  }
  return { fixed, trailing }
}

function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}

function bytesOf(kind: ScalarKind | BytesKind | WordKind): number {
  return isWordKind(kind) ? 4 : kind.bytes
}

function alignmentOf(kind: ScalarKind | BytesKind | WordKind): number {
  return kind.kind === 'bytes' ? 1 : bytesOf(kind)
}

/** Where fields lie: references first, then by falling alignment. */
function place(fields: readonly Named<ScalarKind | BytesKind | WordKind>[]): FieldInfo[] {
  const rank = ({ kind }: Named<ScalarKind | BytesKind | WordKind>) => (isWordKind(kind) ? -16 : -alignmentOf(kind))
  let end = 0
  // The sort is stable: what ranks the same stays in the order of the definition.
  return [...fields]
    .sort((a, b) => rank(a) - rank(b))
    .map(({ name, kind }) => {
      const offset = alignUp(end, alignmentOf(kind))
      end = offset + bytesOf(kind)
      return Object.freeze({ name, kind, offset, bytes: bytesOf(kind) })
    })
}

function endOf(placed: readonly FieldInfo[]): number {
  const last = placed.at(-1)
  return last ? last.offset + last.bytes : 0
}

interface ElementLayout {
  readonly fields: readonly FieldInfo[]
  readonly bytes: number
  readonly alignment: number
  /** 0 none, 1 the element is a reference, 2 some of its words are. */
  readonly references: 0 | 1 | 2
}

function placeElement({ name, kind: { element } }: Named<ArrayKind>): ElementLayout {
  if (isKind(element)) {
    const bytes = bytesOf(element as ScalarKind | WordKind)
    return { fields: [], bytes, alignment: bytes, references: isWordKind(element) ? 1 : 0 }
  }
  const named = Object.entries(element as RecordFields).map(([own, kind]) => ({ name: own, kind }))
  const fields = place(named)
  const alignment = Math.max(...named.map(({ kind }) => alignmentOf(kind)))
  const bytes = alignUp(endOf(fields), alignment)
  const references = fields.filter(({ kind }) => isWordKind(kind)).length
  if (references > ELEMENT_REFS_MAX) {
    throw new ArgumentError(
      `fields.${name}`,
      references,
      `an array of records of at most ${ELEMENT_REFS_MAX} references`,
    )
  }
  if (bytes > ELEMENT_MAX_BYTES) {
    throw new ArgumentError(`fields.${name}`, bytes, `an array of records of at most ${ELEMENT_MAX_BYTES} bytes`)
  }
  return { fields, bytes, alignment, references: references > 0 ? 2 : 0 }
}

function shapeOf(references: number, element: ElementLayout | undefined): number {
  if (element?.references === 1) return SHAPE_REFS
  if (element?.references === 2) return SHAPE_MIXED
  return references > 0 ? SHAPE_PREFIX : SHAPE_LEAF
}

function maskOf(fields: readonly FieldInfo[]): number {
  let mask = 0
  for (const { kind, offset } of fields) if (isWordKind(kind)) mask |= 1 << (offset / 4)
  return mask >>> 0
}

// ---- description ----------------------------------------------------------------------------------------------------

function describeKind(kind: FieldKind, elementFields: readonly FieldInfo[]): string {
  if (kind.kind === 'bytes') return `bytes(${kind.bytes})`
  if (kind.kind === 'ref') {
    if (kind.target === undefined) return 'ref'
    return `ref(${typeof kind.target === 'string' ? kind.target : kind.target.name})`
  }
  if (kind.kind !== 'array') return kind.kind
  return `[${isKind(kind.element) ? describeKind(kind.element, []) : describe(elementFields, [])}]`
}

/** `{next:ref(Node)@0,value:i32@4}` */
function describe(fields: readonly FieldInfo[], elementFields: readonly FieldInfo[]): string {
  return `{${fields.map(({ name, kind, offset }) => `${name}:${describeKind(kind, elementFields)}@${offset}`).join(',')}}`
}

/**
 * Names of the fields that may refer to objects, from a type's description: `Node{next:ref(Node)@0,items:[ref]@8}`, as
 * `Struct` writes it. A guest's type may be described in any other way, or not at all: then there are no names.
 */
import type { TypeNumbers } from '../objects/type-layout.js'

/** A field of words: its name, what it is, where. */
const WORD_FIELD = /(?:^|[{,])([^{}[\]():,@]+):(?:ref(?:\([^()]*\))?|value)@(\d+)/g
/** The trailing array, which is the last field. */
const ARRAY_FIELD = /(?:^|[{,])([^{}[\]():,@]+):\[(.*)\]@(\d+)\}$/s

export interface FieldNames {
  /** By offset in the fixed part. */
  readonly fixed: ReadonlyMap<number, string>
  /** By offset in an element that is a record; empty where elements are plain. */
  readonly element: ReadonlyMap<number, string>
}

const BUILT_IN: Readonly<Record<string, FieldNames>> = {
  WeakReference: { fixed: new Map([[0, 'target']]), element: new Map() },
  WeakMap: { fixed: new Map([[0, 'table']]), element: new Map() },
}

export function fieldNames(description: string, { fixedBytes }: Pick<TypeNumbers, 'fixedBytes'>): FieldNames {
  const known = BUILT_IN[description]
  if (known) return known
  const array = ARRAY_FIELD.exec(description)
  // What does not begin where the kernel knows the array to be is no description of it.
  const isArray = array !== null && Number(array[3]) === fixedBytes
  const fixed = isArray ? description.slice(0, array.index + 1) : description
  return { fixed: wordFields(fixed), element: wordFields(isArray ? (array[2] as string) : '') }
}

function wordFields(text: string): ReadonlyMap<number, string> {
  return new Map(Array.from(text.matchAll(WORD_FIELD), ([, name, offset]) => [Number(offset), name as string]))
}

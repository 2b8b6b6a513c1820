/**
 * What a snapshot does with the objects of each type of a heap: name, kind of node, where references are, and names.
 */
import { SHAPE_EPHEMERONS, SHAPE_WEAK } from '../../kernel/object-layout.js'
import type { ObjectSpace } from '../objects/space.js'
import { ReferenceMap, type TypeNumbers } from '../objects/type-layout.js'
import type { NodeType } from './builder.js'
import { fieldNames } from './field-names.js'

/** How a reference is called: by name, or by the index it has among the object's references. */
export interface WordPlace {
  readonly offset: number
  readonly name: string | undefined
}

export interface TypePlan {
  readonly id: number
  readonly name: string
  readonly nodeType: NodeType
  readonly fixed: readonly WordPlace[]
  readonly fixedBytes: number
  readonly elementBytes: number
  readonly element: readonly WordPlace[]
  /** Elements are wide values. */
  readonly isWide: boolean
  readonly isWeak: boolean
  readonly isEphemerons: boolean
  /** Nothing in it can refer to an object. */
  readonly isLeaf: boolean
}

/** Types of values whose objects are of another kind than their neighbours. */
const VALUE_NODE_TYPES: Readonly<Record<string, NodeType>> = {
  '#string': 'string',
  '#float': 'number',
  '#bytes': 'array',
  '#words': 'array',
  '#wide': 'array',
  '#shape': 'object shape',
  WeakTable: 'array',
}

export class TypePlans {
  readonly #space: ObjectSpace
  readonly #plans: (TypePlan | undefined)[] = []

  constructor(space: ObjectSpace) {
    this.#space = space
  }

  of(id: number): TypePlan {
    const plan = this.#plans[id] ?? this.#make(id)
    this.#plans[id] = plan
    return plan
  }

  #make(id: number): TypePlan {
    const numbers = this.#space.types.numbersOf(id)
    const type = this.#space.types.get(id)
    const name = type?.name ?? `type ${id}`
    const names = fieldNames(type?.description ?? '', numbers)
    const references = new ReferenceMap(numbers)
    const isWeak = numbers.shape === SHAPE_WEAK
    const isEphemerons = numbers.shape === SHAPE_EPHEMERONS
    const fixed = (isWeak ? [0] : references.offsets).map((offset) => ({ offset, name: names.fixed.get(offset) }))
    const element = elementPlaces(numbers, references, names.element)
    return {
      id,
      name,
      nodeType: VALUE_NODE_TYPES[name] ?? 'object',
      fixed,
      fixedBytes: numbers.fixedBytes,
      elementBytes: numbers.elementBytes,
      element,
      isWide: references.isWide,
      isWeak,
      isEphemerons,
      isLeaf: fixed.length + element.length === 0 && !isEphemerons,
    }
  }
}

function elementPlaces(
  numbers: TypeNumbers,
  references: ReferenceMap,
  names: ReadonlyMap<number, string>,
): WordPlace[] {
  if (numbers.elementBytes === 0) return []
  const offsets = references.elementOffsets
  // One reference in each element: its index says enough.
  return offsets.map((offset) => ({ offset, name: offsets.length > 1 ? names.get(offset) : undefined }))
}

/** Which class the view of a value has: by its type, and of an array by the kind of its elements. */
import { KIND_BYTES, KIND_VALUE, KIND_WIDE } from '../../kernel/value-layout.js'
import type { Holder } from '../objects/holder.js'
import { valueClasses } from '../objects/value-classes.js'
import { ObjectView, type ViewClass } from '../objects/view.js'
import { BytesArray } from './bytes-array.js'
import { Dictionary } from './dictionary.js'
import { kindAt } from './heap-array.js'
import { HeapString } from './heap-string.js'
import { NumberArray } from './number-array.js'
import { PropertyObject } from './property-object.js'
import { ValueArray } from './value-array.js'
import { WideArray } from './wide-array.js'

/** A constructor that gives an instance of another class. */
function ArrayView(holder: Holder, slot: number): ObjectView {
  const { kind } = kindAt(new ObjectView(holder, slot))
  if (kind === KIND_VALUE) return new ValueArray(holder, slot)
  if (kind === KIND_BYTES) return new BytesArray(holder, slot)
  return kind === KIND_WIDE ? new WideArray(holder, slot) : new NumberArray(holder, slot)
}

valueClasses.set('#dictionary', Dictionary)
valueClasses.set('#properties', PropertyObject)
valueClasses.set('#string', HeapString)
valueClasses.set('#array', ArrayView as unknown as ViewClass)

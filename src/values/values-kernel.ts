/**
 * The functions of the values' module, one field each, as in `kernel-instance.ts`: that lets the engine inline a call.
 * Words, references and addresses are unsigned in the module and come back signed: `>>> 0` makes them what they are.
 * What each does is said where it is made, in `kernel/values/`.
 */

/** The state, strings, interned strings and numbers. */
class ValuesBase {
  readonly attach: (base: number) => void
  readonly detach: () => void
  readonly create: (seed: number) => number
  readonly setShapeLimit: (shapes: number) => number
  readonly stringNew: (at: number, bytes: number) => number
  readonly stringMake: (bytes: number) => number
  readonly stringSeal: (reference: number) => number
  readonly stringIsValid: (at: number, bytes: number) => number
  readonly stringConcat: (a: number, b: number) => number
  readonly stringSlice: (reference: number, fromByte: number, toByte: number) => number
  readonly stringFind: (reference: number, needle: number, fromByte: number) => number
  readonly stringCompare: (a: number, b: number) => number
  readonly stringEquals: (a: number, b: number) => number
  readonly stringEqualsText: (reference: number, at: number, bytes: number) => number
  readonly stringHash: (reference: number) => number
  readonly stringOffset: (reference: number, codePoint: number) => number
  readonly stringCodePointAt: (reference: number, byte: number) => number
  readonly stringBytes: (reference: number) => number
  readonly stringCodePoints: (reference: number) => number
  readonly numberNew: (value: number) => number
  readonly floatNew: (value: number) => number
  readonly numberOf: (word: number) => number
  readonly isNumber: (word: number) => number
  readonly internText: (at: number, bytes: number) => number
  readonly internedText: (at: number, bytes: number) => number
  readonly intern: (string: number) => number
  readonly isInterned: (string: number) => number
  readonly internedCount: () => number
  readonly internCapacity: () => number
  readonly internTrim: () => number
  readonly valuesVerify: () => number

  constructor(from: ValuesBase) {
    this.attach = from.attach
    this.detach = from.detach
    this.create = from.create
    this.setShapeLimit = from.setShapeLimit
    this.stringNew = from.stringNew
    this.stringMake = from.stringMake
    this.stringSeal = from.stringSeal
    this.stringIsValid = from.stringIsValid
    this.stringConcat = from.stringConcat
    this.stringSlice = from.stringSlice
    this.stringFind = from.stringFind
    this.stringCompare = from.stringCompare
    this.stringEquals = from.stringEquals
    this.stringEqualsText = from.stringEqualsText
    this.stringHash = from.stringHash
    this.stringOffset = from.stringOffset
    this.stringCodePointAt = from.stringCodePointAt
    this.stringBytes = from.stringBytes
    this.stringCodePoints = from.stringCodePoints
    this.numberNew = from.numberNew
    this.floatNew = from.floatNew
    this.numberOf = from.numberOf
    this.isNumber = from.isNumber
    this.internText = from.internText
    this.internedText = from.internedText
    this.intern = from.intern
    this.isInterned = from.isInterned
    this.internedCount = from.internedCount
    this.internCapacity = from.internCapacity
    this.internTrim = from.internTrim
    this.valuesVerify = from.valuesVerify
  }
}

/** The same and arrays. */
class ArrayCalls extends ValuesBase {
  readonly arrayNew: (kind: number, elementBytes: number, capacity: number) => number
  readonly arrayLength: (array: number) => number
  readonly arrayCapacity: (array: number) => number
  readonly arrayAt: (array: number, index: number) => number
  readonly arrayGet: (array: number, index: number) => number
  readonly arraySet: (array: number, index: number, word: number) => number
  readonly arrayPush: (array: number, word: number) => number
  readonly arrayPop: (array: number) => number
  readonly arrayGetNumber: (array: number, index: number) => number
  readonly arraySetNumber: (array: number, index: number, value: number) => number
  readonly arrayPushNumber: (array: number, value: number) => number
  readonly arrayPopNumber: (array: number) => number
  readonly arrayPushBytes: (array: number, at: number, count: number) => number
  readonly arrayPushMany: (array: number, at: number, count: number) => number
  readonly arraySetWide: (array: number, index: number, low: number, high: number) => number
  readonly arrayPushWide: (array: number, low: number, high: number) => number
  readonly arrayResize: (array: number, length: number) => number
  readonly arrayReserve: (array: number, capacity: number) => number
  readonly arrayTrim: (array: number) => number
  readonly arrayInsert: (array: number, index: number, count: number) => number
  readonly arrayRemove: (array: number, index: number, count: number) => number
  readonly arrayCopy: (to: number, toIndex: number, from: number, fromIndex: number, count: number) => number
  readonly arraySlice: (array: number, from: number, to: number) => number
  readonly arrayFill: (array: number, from: number, to: number, word: number) => number
  readonly arrayIndexOf: (array: number, word: number, from: number) => number

  constructor(from: ArrayCalls) {
    super(from)
    this.arrayNew = from.arrayNew
    this.arrayLength = from.arrayLength
    this.arrayCapacity = from.arrayCapacity
    this.arrayAt = from.arrayAt
    this.arrayGet = from.arrayGet
    this.arraySet = from.arraySet
    this.arrayPush = from.arrayPush
    this.arrayPop = from.arrayPop
    this.arrayGetNumber = from.arrayGetNumber
    this.arraySetNumber = from.arraySetNumber
    this.arrayPushNumber = from.arrayPushNumber
    this.arrayPopNumber = from.arrayPopNumber
    this.arrayPushBytes = from.arrayPushBytes
    this.arrayPushMany = from.arrayPushMany
    this.arraySetWide = from.arraySetWide
    this.arrayPushWide = from.arrayPushWide
    this.arrayResize = from.arrayResize
    this.arrayReserve = from.arrayReserve
    this.arrayTrim = from.arrayTrim
    this.arrayInsert = from.arrayInsert
    this.arrayRemove = from.arrayRemove
    this.arrayCopy = from.arrayCopy
    this.arraySlice = from.arraySlice
    this.arrayFill = from.arrayFill
    this.arrayIndexOf = from.arrayIndexOf
  }
}

/** The same and dictionaries. */
class DictionaryCalls extends ArrayCalls {
  readonly dictionaryNew: (keys: number, capacity: number) => number
  readonly dictionaryCount: (dictionary: number) => number
  readonly dictionaryKind: (dictionary: number) => number
  readonly dictionaryGet: (dictionary: number, key: number) => number
  readonly dictionaryGetText: (dictionary: number, at: number, bytes: number) => number
  readonly dictionaryHas: (dictionary: number, key: number) => number
  readonly dictionarySet: (dictionary: number, key: number, value: number) => number
  readonly dictionaryDelete: (dictionary: number, key: number) => number
  readonly dictionaryClear: (dictionary: number) => number
  readonly dictionaryTake: (dictionary: number, key: number) => number
  readonly dictionaryNext: (dictionary: number, position: number) => number
  readonly dictionaryKeyAt: (dictionary: number, position: number) => number
  readonly dictionaryValueAt: (dictionary: number, position: number) => number
  readonly dictionarySetAt: (dictionary: number, position: number, value: number) => number
  readonly dictionaryLock: (dictionary: number) => number
  readonly dictionaryUnlock: (dictionary: number) => number
  readonly dictionaryReserve: (dictionary: number, capacity: number) => number

  constructor(from: DictionaryCalls) {
    super(from)
    this.dictionaryNew = from.dictionaryNew
    this.dictionaryCount = from.dictionaryCount
    this.dictionaryKind = from.dictionaryKind
    this.dictionaryGet = from.dictionaryGet
    this.dictionaryGetText = from.dictionaryGetText
    this.dictionaryHas = from.dictionaryHas
    this.dictionarySet = from.dictionarySet
    this.dictionaryDelete = from.dictionaryDelete
    this.dictionaryClear = from.dictionaryClear
    this.dictionaryTake = from.dictionaryTake
    this.dictionaryNext = from.dictionaryNext
    this.dictionaryKeyAt = from.dictionaryKeyAt
    this.dictionaryValueAt = from.dictionaryValueAt
    this.dictionarySetAt = from.dictionarySetAt
    this.dictionaryLock = from.dictionaryLock
    this.dictionaryUnlock = from.dictionaryUnlock
    this.dictionaryReserve = from.dictionaryReserve
  }
}

/** All of them: property objects, too. */
export class ValuesKernel extends DictionaryCalls {
  readonly propertiesNew: (inlineSlots: number) => number
  readonly propertyGet: (object: number, key: number, cache: number) => number
  readonly propertySet: (object: number, key: number, value: number, cache: number) => number
  readonly propertyHas: (object: number, key: number) => number
  readonly propertyDelete: (object: number, key: number) => number
  readonly propertyCount: (object: number) => number
  readonly propertyKeys: (object: number) => number
  readonly propertiesIsDictionary: (object: number) => number
  readonly propertiesShape: (object: number) => number
  readonly shapeNumber: (shape: number) => number
  readonly shapesLive: () => number
  readonly propertyNext: (object: number, position: number) => number
  readonly propertyKeyAt: (object: number, position: number) => number
  readonly propertyValueAt: (object: number, position: number) => number

  constructor(from: ValuesKernel) {
    super(from)
    this.propertiesNew = from.propertiesNew
    this.propertyGet = from.propertyGet
    this.propertySet = from.propertySet
    this.propertyHas = from.propertyHas
    this.propertyDelete = from.propertyDelete
    this.propertyCount = from.propertyCount
    this.propertyKeys = from.propertyKeys
    this.propertiesIsDictionary = from.propertiesIsDictionary
    this.propertiesShape = from.propertiesShape
    this.shapeNumber = from.shapeNumber
    this.shapesLive = from.shapesLive
    this.propertyNext = from.propertyNext
    this.propertyKeyAt = from.propertyKeyAt
    this.propertyValueAt = from.propertyValueAt
  }
}

/** Functions each of which throws what `failure` gives. */
export function refusingValues(failure: () => Error): ValuesKernel {
  const refuse = () => {
    throw failure()
  }
  return new ValuesKernel(new Proxy({}, { get: () => refuse }) as ValuesKernel)
}

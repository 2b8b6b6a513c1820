/** What the modules of values export. No logic. */
export { attach, create, detach, setShapeLimit } from './values/state'
export { floatNew, isNumber, numberNew, numberOf } from './values/floats'
export {
  stringBytes,
  stringCodePointAt,
  stringCodePoints,
  stringCompare,
  stringConcat,
  stringEquals,
  stringEqualsText,
  stringFind,
  stringHash,
  stringIsValid,
  stringMake,
  stringNew,
  stringOffset,
  stringSeal,
  stringSlice,
} from './values/strings'
export {
  arrayAt,
  arrayCapacity,
  arrayGet,
  arrayInsert,
  arrayLength,
  arrayNew,
  arrayPop,
  arrayPush,
  arrayPushBytes,
  arrayPushMany,
  arrayPushWide,
  arrayReserve,
  arrayResize,
  arraySet,
  arraySetWide,
  arrayTrim,
} from './values/arrays'
export { arrayGetNumber, arrayPopNumber, arrayPushNumber, arraySetNumber } from './values/array-numbers'
export { arrayCopy, arrayFill, arrayIndexOf, arrayRemove, arraySlice } from './values/array-ranges'
export { intern, internCapacity, internText, internTrim, internedCount, internedText, isInterned } from './values/interned'
export { valuesVerify } from './values/check'
export {
  dictionaryClear,
  dictionaryCount,
  dictionaryDelete,
  dictionaryGet,
  dictionaryGetText,
  dictionaryHas,
  dictionaryKeyAt,
  dictionaryKind,
  dictionaryLock,
  dictionaryNew,
  dictionaryNext,
  dictionaryReserve,
  dictionarySet,
  dictionarySetAt,
  dictionaryTake,
  dictionaryUnlock,
  dictionaryValueAt,
} from './values/dictionary'
export {
  propertiesIsDictionary,
  propertiesNew,
  propertiesShape,
  propertyCount,
  propertyDelete,
  propertyGet,
  propertyHas,
  propertyKeyAt,
  propertyNext,
  propertySet,
  propertyValueAt,
} from './values/properties'
export { propertyKeys } from './values/property-keys'
export { shapeNumber, shapesLive } from './values/shapes'

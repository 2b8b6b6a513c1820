/** What the modules of values export. No logic. */
export { attach, create, setShapeLimit } from './values/state'
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

/**
 * The values' state: made once for a heap, with the types that values have there. Whoever attaches to the heap later
 * finds both.
 */
import { HEAP_CONTEXT_AT, STATUS_BAD_ARGUMENT, STATUS_OK, STATUS_OUT_OF_MEMORY } from '../layout'
import { SHAPE_LEAF, SHAPE_PREFIX, SHAPE_REFS, SHAPE_WIDE, TRAIL_BYTES, TRAIL_NONE, TRAIL_REFS } from '../object-layout'
import { spaceAt } from '../object-overlay'
import { NO_CONTEXT, setSelf } from '../overlay'
import {
  ARRAY_PAYLOAD_BYTES,
  STRING_TEXT_AT,
  VALUES_BYTES,
  VALUES_SEED_AT,
  VALUES_SHAPE_LIMIT_AT,
  VALUES_SHAPE_NEXT_AT,
  VALUES_TYPE_ARRAY_AT,
  VALUES_TYPE_BYTES_AT,
  VALUES_TYPE_DICTIONARY_AT,
  VALUES_TYPE_FLOAT_AT,
  VALUES_TYPE_NAMES_AT,
  VALUES_TYPE_PROPERTIES_AT,
  VALUES_TYPE_SHAPE_AT,
  VALUES_TYPE_STRING_AT,
  VALUES_TYPE_WIDE_AT,
  VALUES_TYPE_WORDS_AT,
} from '../value-layout'
import { kernelTypeAdd, kernelTypeText, kernelValuesCreate } from './kernel'
import { setStateWord, stateWord, valuesAt } from './world'

/** Shapes that a heap may have unless it is told otherwise; objects beyond them have tables of their own. */
const SHAPES_MAX: u32 = 16384
/** What each name of a type takes. */
const NAME_BYTES: u32 = 12
const NAMES: u32 = 9

/** Bind this instance to the heap whose control block is at `base`. */
export function attach(base: usize): void {
  // @ts-ignore: set by --use
  setSelf(HW_EMBEDDED ? base : load<usize>(base, HEAP_CONTEXT_AT))
}

/** Let go of the heap: every later call traps. */
export function detach(): void {
  setSelf(NO_CONTEXT)
}

/**
 * Make the state, unless there is one. What fails can be tried again: types that are there are not made twice.
 *
 * @param seed of string hashes
 */
export function create(seed: u32): u32 {
  if (!kernelValuesCreate(VALUES_BYTES)) return STATUS_OUT_OF_MEMORY
  if (!stateWord(VALUES_SHAPE_NEXT_AT)) {
    setStateWord(VALUES_SEED_AT, seed)
    setStateWord(VALUES_SHAPE_NEXT_AT, 1)
    setStateWord(VALUES_SHAPE_LIMIT_AT, SHAPES_MAX)
  }
  return makeTypes() ? STATUS_OK : STATUS_OUT_OF_MEMORY
}

/**
 * The names of the types, side by side: '#string' and so on, which no struct can have, as little-endian words. Made
 * once, whatever fails after it. 0: out of memory.
 */
function typeNames(): usize {
  const known = stateWord(VALUES_TYPE_NAMES_AT)
  if (known) return known
  const names = kernelTypeText(NAME_BYTES * NAMES)
  if (!names) return 0
  writeName(names, 0, 0x72747323, 0x00676e69, 0)
  writeName(names, 1, 0x6f6c6623, 0x00007461, 0)
  writeName(names, 2, 0x72726123, 0x00007961, 0)
  writeName(names, 3, 0x74796223, 0x00007365, 0)
  writeName(names, 4, 0x726f7723, 0x00007364, 0)
  writeName(names, 5, 0x64697723, 0x00000065, 0)
  writeName(names, 6, 0x63696423, 0x6e6f6974, 0x00797261)
  writeName(names, 7, 0x6f727023, 0x74726570, 0x00736569)
  writeName(names, 8, 0x61687323, 0x00006570, 0)
  setStateWord(VALUES_TYPE_NAMES_AT, <u32>names)
  return names
}

function writeName(names: usize, index: u32, text0: u32, text1: u32, text2: u32): void {
  const name = names + index * NAME_BYTES
  store<u32>(name, text0)
  store<u32>(name, text1, 4)
  store<u32>(name, text2, 8)
}

function makeTypes(): bool {
  return (
    typeNames() != 0 &&
    makeType(VALUES_TYPE_STRING_AT, 0, 7, SHAPE_LEAF, TRAIL_BYTES, 0, STRING_TEXT_AT, 1) &&
    makeType(VALUES_TYPE_FLOAT_AT, 1, 6, SHAPE_LEAF, TRAIL_NONE, 0, 8, 0) &&
    makeType(VALUES_TYPE_ARRAY_AT, 2, 6, SHAPE_PREFIX, TRAIL_NONE, 1, ARRAY_PAYLOAD_BYTES, 0) &&
    makeType(VALUES_TYPE_BYTES_AT, 3, 6, SHAPE_LEAF, TRAIL_BYTES, 0, 0, 1) &&
    makeType(VALUES_TYPE_WORDS_AT, 4, 6, SHAPE_REFS, TRAIL_REFS, 0, 0, 4) &&
    makeType(VALUES_TYPE_WIDE_AT, 5, 5, SHAPE_WIDE, TRAIL_BYTES, 0, 0, 8) &&
    makeType(VALUES_TYPE_DICTIONARY_AT, 6, 11, SHAPE_REFS, TRAIL_REFS, 0, 0, 4) &&
    makeType(VALUES_TYPE_PROPERTIES_AT, 7, 11, SHAPE_REFS, TRAIL_REFS, 2, 8, 4) &&
    makeType(VALUES_TYPE_SHAPE_AT, 8, 6, SHAPE_REFS, TRAIL_REFS, 0, 0, 4)
  )
}

/** Register a type, whose name is number `index` and has `bytes` bytes, and note its id in the state. */
function makeType(
  at: u32,
  index: u32,
  bytes: u32,
  shape: u32,
  trail: u32,
  refs: u32,
  fixedBytes: u32,
  elementBytes: u32,
): bool {
  if (stateWord(at)) return true
  const name = stateWord(VALUES_TYPE_NAMES_AT) + index * NAME_BYTES
  const id = kernelTypeAdd(name, bytes, shape, trail, refs, fixedBytes, 0, elementBytes, 0)
  setStateWord(at, id)
  return id != 0
}

/** Whether the state is there and whole. Counted: after a reset there is no space to look for it. */
export function isReady(): bool {
  return spaceAt() != 0 && valuesAt() != 0 && stateWord(VALUES_TYPE_SHAPE_AT) != 0
}

/** The most shapes that the heap may have from here on. */
export function setShapeLimit(shapes: u32): u32 {
  if (!isReady()) return STATUS_BAD_ARGUMENT
  setStateWord(VALUES_SHAPE_LIMIT_AT, shapes)
  return STATUS_OK
}

/**
 * Words: what a field, an element, a root, a handle or a stack slot may hold. A reference is known by its low bits, see
 * `value-layout.ts`; whatever else a word holds is the program's, and no collector reads or writes it.
 */
import { WIDE_REFERENCE } from '../value-layout'

/** Whether the word is a reference: not null, not an integer, a special or a character. */
// @ts-ignore: decorator
@inline
export function isReference(word: usize): bool {
  // @ts-ignore: set by --use
  return HW_EMBEDDED ? word != 0 && (word & 7) == 0 : (word & 15) == 8
}

/** Whether the wide value at `slot` has a word in its lower half, and is no double or anything else. */
// @ts-ignore: decorator
@inline
export function hasWideWord(slot: usize): bool {
  return load<u32>(slot, 4) == WIDE_REFERENCE
}

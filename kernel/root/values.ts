/**
 * The values' state: a table of words that belong to the modules of values (`value-layout.ts`), made when values are
 * first used. Its first VALUES_ROOTS words are roots of the heap; the rest the kernel never looks at.
 */
import { STATUS_BAD_ARGUMENT, STATUS_OUT_OF_MEMORY } from '../layout'
import { OBJECT_MAX_BYTES, SPACE_VALUES_AT } from '../object-layout'
import { refused, spaceAt } from '../object-overlay'
import { tableAlloc } from '../object/memory'
import { VALUES_ROOTS } from '../value-layout'

export const VALUES_ROOTS_BYTES: u32 = VALUES_ROOTS << 2

/** Address of the state, 0 when there is none. */
// @ts-ignore: decorator
@inline
export function valuesState(): usize {
  return load<usize>(spaceAt() + SPACE_VALUES_AT)
}

/** Where the words that are roots end; 0 when there are none. */
// @ts-ignore: decorator
@inline
export function valuesRootsEnd(): usize {
  const state = valuesState()
  return state ? state + VALUES_ROOTS_BYTES : 0
}

/**
 * The state's address: `bytes` that are zero, if it is made by this call; the one that is there stays. 0 when refused:
 * OUT_OF_MEMORY, or BAD_ARGUMENT for less than the roots. Never collects; a reset drops it.
 */
export function valuesCreate(bytes: u32): usize {
  const known = valuesState()
  if (known) return known
  if (bytes < VALUES_ROOTS_BYTES || bytes > OBJECT_MAX_BYTES) return refused(STATUS_BAD_ARGUMENT)
  const state = tableAlloc(bytes)
  if (!state) return refused(STATUS_OUT_OF_MEMORY)
  memory.fill(state, 0, bytes)
  store<usize>(spaceAt() + SPACE_VALUES_AT, state)
  return state
}

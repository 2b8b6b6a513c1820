/**
 * Where the stack of a C program lies: the linker gives it a fixed place in memory, and a global, `__stack_pointer`,
 * that begins at its upper end and moves down.
 */
import type { GuestModule } from '../module.js'

export interface StackPlan {
  /** Index of the global. */
  readonly pointer: number
  /** What the global begins with: the first byte above the stack. */
  readonly top: number
  /** The pointer never is below this address unless the stack has overflowed. It may be below the stack's true end. */
  readonly limit: number
}

/** The least address that a linker gives to data or to a stack. */
const FIRST_DATA = 1024
const NAME = '__stack_pointer'

/** The stack of a module; undefined when it has none that is known. */
export function planStack(module: GuestModule): StackPlan | undefined {
  const pointer = findPointer(module)
  const top = pointer === undefined ? undefined : module.globals[pointer]?.value
  if (pointer === undefined || top === undefined || top < FIRST_DATA) return undefined
  return { pointer, top, limit: findLimit(module, top) }
}

/** By its name or export; else the first global, where the linker puts it. */
function findPointer({ globalNames, exports, globals, hasNames }: GuestModule): number | undefined {
  const named = [...globalNames].find(([, name]) => name === NAME)?.[0]
  const exported = exports.find(({ name, kind }) => name === NAME && kind === 'global')?.index
  if (named !== undefined || exported !== undefined) return named ?? exported
  const first = globals[0]
  return !hasNames && first?.type === 'i32' && first.isMutable && first.value !== undefined ? 0 : undefined
}

/** The end of what lies below the stack, as far as the module tells: what is zero at the start has no segment. */
function findLimit({ data, exports, globals }: GuestModule, top: number): number {
  const dataEnd = exports.find(({ name, kind }) => name === '__data_end' && kind === 'global')?.index
  const known = dataEnd === undefined ? undefined : globals[dataEnd]?.value
  const ends = data.flatMap(({ address, bytes }) => (address === undefined ? [] : [address + bytes]))
  return [...ends, known ?? 0].filter((end) => end <= top).reduce((most, end) => Math.max(most, end), 0)
}

/** The modes that objects of a guest can have; blocks are the same in all of them. */

import { ArgumentError } from '../errors.js'

/** Modes that have objects. The numbers are those of `HW_MODE_…` in include/heapwright.h. */
const OBJECT_MODE_NUMBERS = { vm: 1, runtime: 2, server: 3 } as const
/** `manual` has none. */
const MODE_NUMBERS = { manual: 0, ...OBJECT_MODE_NUMBERS } as const

export type ObjectModeName = keyof typeof OBJECT_MODE_NUMBERS
export type RunMode = keyof typeof MODE_NUMBERS

export const OBJECT_MODE_NAMES = Object.keys(OBJECT_MODE_NUMBERS) as readonly ObjectModeName[]
export const RUN_MODES = Object.keys(MODE_NUMBERS) as readonly RunMode[]

/** The mode that the kernel calls so; `manual` for what it does not know. */
export function modeOfNumber(number: number): RunMode {
  return RUN_MODES.find((mode) => MODE_NUMBERS[mode] === number) ?? 'manual'
}

/** What the kernel calls a mode. */
export function modeNumber(mode: RunMode): number {
  return MODE_NUMBERS[mode]
}

/** @throws ArgumentError */
export function checkRunMode(mode: unknown): asserts mode is RunMode {
  if (typeof mode === 'string' && Object.hasOwn(MODE_NUMBERS, mode)) return
  const reasons: Readonly<Record<string, string>> = {
    compiler: ": in mode 'compiler' nothing is freed on its own, and programs free what they allocate",
    embedded: ": the buffer of mode 'embedded' never grows, and holds no blocks",
  }
  throw new ArgumentError('mode', mode, `one of ${RUN_MODES.join(', ')}${reasons[String(mode)] ?? ''}`)
}

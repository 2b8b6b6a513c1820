/**
 * `mode: 'auto'` of `Heap.create`: the machine is asked, a mode and sizes are chosen (`choose.ts`), and what was given
 * explicitly wins over what was chosen. A mode that lacks a given option is not chosen, so that a program does not
 * depend on the machine it was written on.
 */
import { ADDRESS_LIMIT } from '../kernel/layout.js'
import { AUTO_MODES, type AutoMode, chooseMode, type ModeChoice, type Wishes } from './choose.js'
import { MODES } from './modes.js'
import { detectMachine, type Machine } from './platform/detect.js'
import type { HeapOptions, Size } from './types.js'

/** Options whose mode is settled, and how it was when it was left to us. */
export interface SettledOptions {
  readonly options: HeapOptions
  readonly choice: ModeChoice | undefined
}

/** Replace `mode: 'auto'` by a mode and its sizes; other options stay as they are. */
export function settleMode(given: HeapOptions, detect: () => Machine = detectMachine): SettledOptions {
  if (given.mode !== 'auto') return { options: given, choice: undefined }
  const choice = chooseMode(detect(), wishesOf(given))
  const explicit = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { options: { ...choice.options, ...explicit, mode: choice.mode }, choice }
}

/** What given options ask of the choice. What contradicts itself is for the checks that follow to say. */
function wishesOf(given: HeapOptions): Wishes {
  const { nursery, old } = given as { readonly nursery?: Size; readonly old?: Size }
  const among = fitting(given)
  const isFit = (bytes: number) =>
    (among ?? AUTO_MODES).some((mode) => bytes >= MODES[mode].leastBytes && bytes <= MODES[mode].mostBytes)
  const range = rangeBytes(given)
  const room = roomBytes(given)
  const wishes = {
    limit: given.limit === undefined && range !== undefined && isFit(range) ? range : given.limit,
    // A given memory has its size: the checks that follow refuse another.
    initial: given.memory === undefined ? given.initial : undefined,
    nursery,
    old,
    room: room !== undefined && isFit(room) ? room : undefined,
    among,
  }
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined))
}

/** The modes that have every given option; all of them when none does: the usual error says what contradicts. */
function fitting(given: HeapOptions): readonly AutoMode[] | undefined {
  const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const some = AUTO_MODES.filter((mode) => {
    const { options } = MODES[mode]
    const hasAll = names.every((name) => name in options || !Object.values(MODES).some((one) => name in one.options))
    return hasAll && (mode !== 'embedded' || isWhole(given))
  })
  return some.length === 0 || some.length === AUTO_MODES.length ? undefined : some
}

/** The buffer of an `embedded` heap is there from its first byte to its last. */
function isWhole({ memory, base, end }: HeapOptions): boolean {
  if (!(memory instanceof WebAssembly.Memory)) return true
  return base !== undefined && (end === undefined || end <= memory.buffer.byteLength)
}

/** A given range is the limit. */
function rangeBytes({ memory, base, end }: HeapOptions): number | undefined {
  if (!(memory instanceof WebAssembly.Memory) || base === undefined) return undefined
  const top = end === undefined ? memory.buffer.byteLength : end
  return Number.isSafeInteger(top) && Number.isSafeInteger(base) && top > base ? top - base : undefined
}

/** A heap that grows along with others has what is above them. */
function roomBytes({ memory, base }: HeapOptions): number | undefined {
  if (!(memory instanceof WebAssembly.Memory) || base !== undefined) return undefined
  return Math.max(0, ADDRESS_LIMIT - memory.buffer.byteLength)
}

/**
 * Which mode and which sizes fit a machine: a pure function over detected figures, and its rules as tables.
 *
 * *Memory* is the least of what the machine has, of what its control groups allow and of a given limit. *Available* is
 * what can be had of it now. Where nobody tells, `ASSUMED` is taken. Only modes that collect are chosen, since objects
 * may be wanted: who wants none says `manual`.
 *
 * The sizes: the limit is half of the memory and at most four fifths of what is available (under pressure a quarter and
 * a half), not below 16 MiB where that share of the memory is as much, nor below what given sizes need, and a multiple
 * of 64 KiB. The nursery and `old` are those that the mode has with such a limit anyway (`bounds.ts`).
 */
import { checkOptions } from './arguments.js'
import { checkBelowLimit, checkNursery, usualNursery, usualOld } from './bounds.js'
import { ArgumentError } from './errors.js'
import { MODES, NURSERY_BOUNDS } from './modes.js'
import type { Figure, Machine } from './platform/detect.js'
import { formatBytes, parseSize } from './sizes.js'
import type { Size } from './types.js'

const KIB = 2 ** 10
const MIB = 2 ** 20
const GIB = 2 ** 30

/** The modes that collect: what `mode: 'auto'` chooses from. */
export const AUTO_MODES = ['runtime', 'vm', 'server', 'embedded'] as const
export type AutoMode = (typeof AUTO_MODES)[number]

/** What is wanted of a heap, beside that it fits the machine. */
export interface Wishes {
  /** Short pauses matter more than throughput. Default false. */
  readonly latency?: boolean
  /** The same, with a number of milliseconds. */
  readonly pauseGoalMs?: number
  /** Sizes that are settled: they are taken as they are, and the mode and the limit are chosen for them. */
  readonly limit?: Size
  readonly initial?: Size
  readonly nursery?: Size
  readonly old?: Size
  /** The most that the limit may be, whatever the machine has: what a given memory has room for. */
  readonly room?: Size
  /** Choose from these modes only. Default all four. */
  readonly among?: readonly AutoMode[]
}

/** Options for `Heap.create`. Modes without a nursery have a limit only. */
export interface ChosenOptions {
  readonly limit: number
  /** When it is given. */
  readonly initial?: number
  readonly nursery?: number
  readonly old?: number
}

export interface ModeChoice {
  readonly mode: AutoMode
  readonly options: ChosenOptions
  /** Why, in the order of the decisions, one sentence each. */
  readonly reasons: readonly string[]
}

// ---- the tables -----------------------------------------------------------------------------------------------------

/** Taken where nobody tells how much memory there is; of a total without what is available, half is taken. */
export const ASSUMED = { totalBytes: GIB, availableShare: 0.5 } as const

/** Below, a heap is one buffer that is compacted as a whole. */
export const TINY_BYTES = MIB
/** Below, a nursery of its full size would be more than a sixteenth of the limit. */
export const LITTLE_BYTES = 64 * MIB
/** Less than this share of the memory is available: it is scarce. */
export const SCARCE_SHARE = 0.1
/** From this share of the last ten seconds that some task waited for memory, it is under pressure. */
export const PRESSED_PERCENT = 10

/** What a limit may take. */
export const SHARES = {
  calm: { ofMemory: 1 / 2, ofAvailable: 0.8 },
  pressed: { ofMemory: 1 / 4, ofAvailable: 1 / 2 },
} as const

const LIMIT_LEAST_BYTES = 16 * MIB
/** What the rules ask about. */
export interface Facts {
  readonly memory: Figure
  readonly available: Figure
  /** `available` is less than `SCARCE_SHARE` of what the machine or its group has. */
  readonly isScarce: boolean
  /** Share of the last ten seconds that some task waited; undefined: nobody tells. */
  readonly stalledPercent: number | undefined
  readonly isPressed: boolean
  readonly wantsLatency: boolean
}

export interface ModeRule {
  readonly mode: AutoMode
  readonly applies: (facts: Facts) => boolean
  readonly because: (facts: Facts) => string
}

/** The first rule that applies decides; those whose mode is not allowed are passed over. */
export const MODE_RULES: readonly ModeRule[] = [
  {
    mode: 'embedded',
    applies: ({ memory }) => memory.bytes < TINY_BYTES,
    because: ({ memory }) => `${formatBytes(memory.bytes)} are less than ${formatBytes(TINY_BYTES)}`,
  },
  {
    mode: 'server',
    applies: ({ wantsLatency }) => wantsLatency,
    because: () => 'short pauses are wished for',
  },
  {
    mode: 'vm',
    applies: ({ memory }) => memory.bytes < LITTLE_BYTES,
    because: ({ memory }) =>
      `${formatBytes(memory.bytes)} are less than ${formatBytes(LITTLE_BYTES)}: better compacted than with a nursery`,
  },
  {
    mode: 'vm',
    applies: ({ isPressed }) => isPressed,
    because: ({ stalledPercent }) => `the machine is under memory pressure (${stalledPercent} %)`,
  },
  {
    mode: 'vm',
    applies: ({ isScarce }) => isScarce,
    because: ({ available }) =>
      `only ${formatBytes(available.bytes)} are available, less than ${SCARCE_SHARE * 100} % of all`,
  },
  {
    mode: 'runtime',
    applies: () => true,
    because: () => 'there is memory enough for a nursery',
  },
]

// ---- the function ---------------------------------------------------------------------------------------------------

/** Sizes that not every mode has. */
const MODE_SIZES = ['initial', 'nursery', 'old'] as const
const SIZE_WISHES = ['limit', ...MODE_SIZES, 'room'] as const
type SizeWish = (typeof SIZE_WISHES)[number]
const WISH_NAMES: readonly (keyof Wishes)[] = ['latency', 'pauseGoalMs', ...SIZE_WISHES, 'among']

/** In bytes, what is wished. */
type WishedSizes = { readonly [name in SizeWish]?: number }

/**
 * The mode and the sizes that fit a machine.
 *
 * @param machine from `detectMachine`, or written down
 * @throws ArgumentError for wishes that are none
 * @example const { mode, options, reasons } = chooseMode(detectMachine(), { latency: true })
 */
export function chooseMode(machine: Machine, wishes: Wishes = {}): ModeChoice {
  const sizes = checkWishes(wishes)
  const fitting = fittingModes(wishes, sizes)
  const reasons: string[] = []
  const facts = weigh(machine, wishes, sizes, reasons)
  const mode = pickMode(facts, fitting, reasons)
  const limit = pickLimit(facts, mode, sizes, reasons)
  return { mode, options: { limit: limit.bytes, ...pickSizes(mode, limit, wishes, reasons) }, reasons }
}

/** Every size that is wished, in bytes. */
function checkWishes(wishes: Wishes): WishedSizes {
  checkOptions('wishes', wishes, WISH_NAMES)
  const { latency, pauseGoalMs, among } = wishes
  if (latency !== undefined && typeof latency !== 'boolean') {
    throw new ArgumentError('latency', latency, 'true or false')
  }
  if (pauseGoalMs !== undefined && !(typeof pauseGoalMs === 'number' && pauseGoalMs > 0)) {
    throw new ArgumentError('pauseGoalMs', pauseGoalMs, 'a number of milliseconds above 0')
  }
  const isList = Array.isArray(among) && among.length > 0 && among.every((mode) => AUTO_MODES.includes(mode))
  if (among !== undefined && !isList) {
    throw new ArgumentError('among', among, `a list of one or more of ${AUTO_MODES.join(', ')}`)
  }
  const sizes = SIZE_WISHES.flatMap((name) => {
    const size = wishes[name]
    return size === undefined ? [] : [[name, parseSize(size, name)]]
  })
  return Object.fromEntries(sizes)
}

/** The modes that have what is wished, and a limit like that. */
function fittingModes(wishes: Wishes, sizes: WishedSizes): AutoMode[] {
  const { among = AUTO_MODES } = wishes
  let modes = AUTO_MODES.filter((mode) => among.includes(mode))
  const keep = (name: SizeWish, isFit: (mode: AutoMode) => boolean, expected: () => string) => {
    if (sizes[name] === undefined) return
    const some = modes.filter(isFit)
    if (some.length === 0) throw new ArgumentError(name, wishes[name], expected())
    modes = some
  }
  for (const name of MODE_SIZES) {
    keep(
      name,
      (mode) => name in MODES[mode].options,
      () => `left out: none of ${modes.join(', ')} has it`,
    )
  }
  const { limit = 0, room = 0 } = sizes
  const least = () => Math.min(...modes.map((mode) => MODES[mode].leastBytes))
  const most = () => Math.max(...modes.map((mode) => MODES[mode].mostBytes))
  keep(
    'limit',
    (mode) => limit >= MODES[mode].leastBytes && limit <= MODES[mode].mostBytes,
    () => `from ${least()} to ${most()} bytes, for a heap of ${modes.join(' or ')}`,
  )
  keep(
    'room',
    (mode) => room >= MODES[mode].leastBytes,
    () => `at least ${least()} bytes, for a heap of ${modes.join(' or ')}`,
  )
  return modes
}

function weigh(machine: Machine, wishes: Wishes, sizes: WishedSizes, reasons: string[]): Facts {
  const { total = { bytes: ASSUMED.totalBytes, source: 'assumed' }, limit, pressure } = machine
  const there = limit && limit.bytes < total.bytes ? limit : total
  reasons.push(`memory: ${shown(there)}${there === total ? '' : `, of ${shown(total)}`}`)
  const available = availableOf(machine, there)
  reasons.push(`available: ${shown(available)}`)
  const givenBytes = sizes.limit ?? Number.POSITIVE_INFINITY
  const stalledPercent = pressure?.some.avg10Percent
  const isPressed = stalledPercent !== undefined && stalledPercent >= PRESSED_PERCENT
  if (pressure && isPressed) {
    reasons.push(`pressure: tasks waited for memory in ${stalledPercent} % of the last 10 s (${pressure.source})`)
  }
  return {
    memory: givenBytes < there.bytes ? { bytes: givenBytes, source: 'given' } : there,
    available,
    isScarce: available.bytes < there.bytes * SCARCE_SHARE,
    stalledPercent,
    isPressed,
    wantsLatency: wishes.latency === true || wishes.pauseGoalMs !== undefined,
  }
}

/** The least of what the machine has at hand and what the groups' limits leave. */
function availableOf({ available, left }: Machine, there: Figure): Figure {
  const told = [available, left, there].filter((figure) => figure !== undefined)
  if (told.length === 1) {
    return {
      bytes: there.bytes * ASSUMED.availableShare,
      source: `nobody tells: ${ASSUMED.availableShare * 100} % of it`,
    }
  }
  return told.reduce((least, figure) => (figure.bytes < least.bytes ? figure : least))
}

function shown({ bytes, source }: Figure): string {
  return `${formatBytes(bytes)} (${source})`
}

function pickMode(facts: Facts, fitting: readonly AutoMode[], reasons: string[]): AutoMode {
  const otherwise = MODE_RULES.at(-1)
  let isPassedOver = false
  for (const rule of MODE_RULES) {
    if (!rule.applies(facts)) continue
    // What speaks for the last one is not true when one before it applied.
    if (rule === otherwise && isPassedOver) break
    const because = rule.because(facts)
    if (fitting.includes(rule.mode)) {
      reasons.push(`mode '${rule.mode}': ${because}`)
      return rule.mode
    }
    isPassedOver = true
    reasons.push(`not mode '${rule.mode}', although ${because}: it does not fit what is given`)
  }
  const mode = AUTO_MODES.find((one) => fitting.includes(one)) ?? 'vm'
  reasons.push(`mode '${mode}': it fits what is given`)
  return mode
}

/** A limit, and what to call it in errors. */
interface PickedLimit {
  readonly bytes: number
  readonly name: string
}

function pickLimit(facts: Facts, mode: AutoMode, sizes: WishedSizes, reasons: string[]): PickedLimit {
  const { memory, available, isPressed } = facts
  const tooMuch = (bytes: number) => (bytes > memory.bytes ? ', more than there is' : '')
  const { limit: given } = sizes
  if (given !== undefined) {
    told('limit', given, `given${tooMuch(given)}`, reasons)
    return { bytes: given, name: `the limit, ${given} bytes` }
  }
  const { ofMemory, ofAvailable } = isPressed ? SHARES.pressed : SHARES.calm
  const { leastBytes, mostBytes } = MODES[mode]
  const room = Math.min(sizes.room ?? mostBytes, mostBytes)
  const share = memory.bytes * ofMemory
  const atMost = {
    bytes: room,
    why: room === mostBytes ? `the most of mode '${mode}'` : 'the room in the given memory',
  }
  const most = [
    { bytes: share, why: `${ofMemory * 100} % of the memory` },
    { bytes: available.bytes * ofAvailable, why: `${ofAvailable * 100} % of what is available` },
    atMost,
  ].reduce((least, other) => (other.bytes < least.bytes ? other : least))
  const floor = Math.min(room, Math.max(leastBytes, Math.min(LIMIT_LEAST_BYTES, share)))
  const fitting = most.bytes < floor ? { bytes: floor, why: 'no less, for it is a limit and no reservation' } : most
  const needed = neededFor(sizes)
  const neededWhy = `no less, for \`${needed.name}\` is given${tooMuch(needed.bytes)}`
  const raised = needed.bytes > room ? atMost : { bytes: Math.min(room, roundUp(needed.bytes)), why: neededWhy }
  const { bytes, why } = needed.bytes > roundDown(fitting.bytes) ? raised : fitting
  const limit = bytes === room ? room : roundDown(bytes)
  told('limit', limit, why, reasons)
  return { bytes: limit, name: `the limit that was chosen, ${limit} bytes: ${why}` }
}

/** The least limit that has room for the given sizes, and which of them asks for it. */
function neededFor({ initial = 0, nursery = 0, old = 0 }: WishedSizes): { name: string; bytes: number } {
  return [
    { name: 'initial', bytes: initial },
    { name: 'nursery', bytes: nursery / NURSERY_BOUNDS.mostPart },
    { name: 'old', bytes: old },
  ].reduce((most, other) => (other.bytes > most.bytes ? other : most))
}

/** Down to whole WebAssembly pages, where there are some. */
function roundDown(bytes: number): number {
  const grain = bytes >= 64 * KIB ? 64 * KIB : 8
  return Math.floor(bytes / grain) * grain
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / (64 * KIB)) * 64 * KIB
}

/** What a mode has beside its limit: what is given, as far as the limit holds it, or the usual. */
function pickSizes(
  mode: AutoMode,
  { bytes: limit, name }: PickedLimit,
  wishes: Wishes,
  reasons: string[],
): Omit<ChosenOptions, 'limit'> {
  const { initial } = wishes
  return {
    ...(initial !== undefined && {
      initial: told('initial', checkBelowLimit('initial', initial, limit, name), 'given', reasons),
    }),
    ...pickGenerations(mode, { bytes: limit, name }, wishes, reasons),
  }
}

function pickGenerations(
  mode: AutoMode,
  { bytes: limit, name }: PickedLimit,
  wishes: Wishes,
  reasons: string[],
): Pick<ChosenOptions, 'nursery' | 'old'> {
  const nursery = usualNursery(mode, limit)
  const old = usualOld(mode, limit)
  if (nursery === undefined || old === undefined) return {}
  const usual = MODES[mode].options
  const whyNursery =
    nursery === usual.nursery
      ? `the usual of mode '${mode}'`
      : nursery > limit * NURSERY_BOUNDS.usualPart
        ? 'the least of any nursery'
        : 'a sixteenth of the limit'
  const whyOld = old === usual.old ? 'the usual' : 'a quarter of the limit'
  return {
    nursery:
      wishes.nursery === undefined
        ? told('nursery', nursery, whyNursery, reasons)
        : told('nursery', checkNursery(wishes.nursery, limit, name), 'given', reasons),
    old:
      wishes.old === undefined
        ? told('old', old, whyOld, reasons)
        : told('old', checkBelowLimit('old', wishes.old, limit, name), 'given', reasons),
  }
}

function told(name: string, bytes: number, why: string, reasons: string[]): number {
  reasons.push(`${name} ${formatBytes(bytes)}: ${why}`)
  return bytes
}

/**
 * From the options of `Heap.create` to what the kernel is told. Everything is checked here, and what contradicts itself
 * is refused with the reason, before any memory is made or touched.
 */
import {
  ADDRESS_LIMIT,
  CLASS_MAX,
  CLASS_TABLE_GEOMETRIC,
  CLASS_TABLE_LIST,
  CLASS_TABLE_POW2,
  FLAG_BUMP,
  FLAG_EMBEDDED,
  FLAG_INCREMENTAL,
  FLAG_NURSERY,
  FLAG_OBJECTS,
  FLAG_OWNS_RANGE,
  FLAG_ZEROED,
  GRANULE_BYTES,
  HEAP_BASE_AT,
  HEAP_FLAGS_AT,
  HEAP_HEADER_BYTES,
  HEAP_MAGIC,
  HEAP_MAGIC_AT,
  HEAP_VERSION_AT,
  LAYOUT_VERSION,
  RUN_MIN_GRANULES,
  SMALL_MAX_BYTES,
  UNIT_BYTES,
  WASM_PAGE_BYTES,
} from '../kernel/layout.js'
import {
  POLICY_AGEING,
  POLICY_COUNT_TYPES,
  POLICY_EVACUATE,
  POLICY_INCREMENTAL,
  POLICY_LAZY_SWEEP,
  POLICY_MOVE_ALL,
  STRESS_ALLOCATIONS,
  STRESS_BYTES,
  STRESS_RANDOM,
} from '../kernel/object-layout.js'
import { checkFunction, checkOptions, checkPlace, checkRange } from './arguments.js'
import { settleMode } from './auto.js'
import { checkBelowLimit, checkNursery, usualNursery, usualOld } from './bounds.js'
import type { ModeChoice } from './choose.js'
import type { Clock } from './clock.js'
import { ArgumentError, OutOfMemoryError, outOfMemoryText } from './errors.js'
import { MODES, type ModeOptions, OPTIONS } from './modes.js'
import type { NurseryPlan, ObjectPlan, StressPlan } from './objects/plan.js'
import { SHADOW_SLOTS_MAX } from './objects/shadow-stack.js'
import { checkHints, checkPageSystem, type PageHints, type PageSystem } from './platform/pages.js'
import { COLLECT_AFTER_FREES, type DuePlan } from './policy.js'
import { checkPressure, type PressurePlan } from './pressure.js'
import { parseSize } from './sizes.js'
import { checkDecay, type DecayPlan } from './trim-decay.js'
import type { AttachOptions, GrowthKnob, HeapOptions, ModeName, SizeClasses, StressOptions } from './types.js'

/** Longest buffer of mode `embedded`. */
export const EMBEDDED_MAX_BYTES = MODES.embedded.mostBytes

const PAUSE_GOAL_MIN_MS = 0.05
const PAUSE_GOAL_MAX_MS = 1000

/** Objects lie at multiples of this; in `embedded` of 8. */
const OBJECT_GRAIN_BYTES = 16
const EMBEDDED_GRAIN_BYTES = 8

/** A heap that is to be made, every value decided. */
export interface HeapPlan {
  readonly mode: ModeName
  /** How the mode was chosen; undefined when it was given. */
  readonly choice: ModeChoice | undefined
  readonly name: string
  readonly debug: boolean
  readonly growth: GrowthKnob | undefined
  /** Undefined: the system's, a tenant's parent's. */
  readonly clock: Clock | undefined
  /** Undefined: the system's, a tenant's parent's. */
  readonly pages: PageSystem | undefined
  /** How the memory is to be backed; undefined when nobody cares. */
  readonly hints?: PageHints | undefined
  readonly pressure: PressurePlan
  readonly due: DuePlan
  /** Undefined: memory is given back to the system on request only. */
  readonly decay: DecayPlan | undefined
  /** Bytes held for when memory runs out. */
  readonly outOfMemoryReserve: number
  /** Stress knobs of the debug kernel. */
  readonly knobs: number
  readonly memory: WebAssembly.Memory
  readonly base: number
  /** First byte at or above `base` that does not exist yet. */
  readonly held: number
  readonly end: number
  readonly limitBytes: number
  readonly flags: number
  readonly classTable: number
  /** Sizes of a class list. */
  readonly classes: readonly number[]
  /** In the modes that have objects. */
  readonly objects: ObjectPlan | undefined
}

/** What the options of `create` and `attach` have in common. */
type CommonPlan = Pick<
  HeapPlan,
  'name' | 'debug' | 'growth' | 'knobs' | 'clock' | 'pages' | 'pressure' | 'due' | 'decay'
>

/** What would break the line of a message, or a terminal. */
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}]/u

const NAMES = OPTIONS.map((option) => option.name)

export function planHeap(given: HeapOptions): HeapPlan {
  checkOptions('options', given, NAMES)
  const { options, choice } = settleMode(given)
  const mode = checkMode(options.mode)
  checkModeHas(options, mode)
  const common = { ...checkCommon(options), mode, choice, ...planClasses(options, mode) }
  const { memory } = options
  const { initialBytes, fallbackBytes, ...range } =
    memory === undefined
      ? planOwnRange(options, mode, MODE_FLAGS[mode])
      : planGivenRange(options, memory, mode, MODE_FLAGS[mode])
  const plan = planObjects(options, mode, range.limitBytes)
  const objects = plan && { ...plan, hashSeed: checkHashSeed(options.hashSeed) }
  const outOfMemoryReserve = checkOutOfMemoryReserve(options, mode, range.limitBytes)
  // Last: no memory is made for options that are refused.
  const decided = { ...common, ...range, objects, outOfMemoryReserve, hints: checkHints(options) }
  return { ...decided, memory: memory ?? makeMemory([initialBytes, fallbackBytes], range.limitBytes) }
}

/** What a plan has that does not depend on where the heap lies: all that there is to decide for a tenant. */
export type PartialPlan = CommonPlan &
  Pick<HeapPlan, 'mode' | 'flags' | 'classTable' | 'classes' | 'objects' | 'outOfMemoryReserve'>

export function planWithin(options: HeapOptions, limitBytes: number): PartialPlan {
  const mode = checkMode(options.mode as ModeName)
  checkModeHas(options, mode)
  const plan = planObjects(options, mode, limitBytes)
  const objects = plan && { ...plan, hashSeed: checkHashSeed(options.hashSeed) }
  const outOfMemoryReserve = checkOutOfMemoryReserve(options, mode, limitBytes)
  const common = { ...checkCommon(options), mode, flags: MODE_FLAGS[mode], outOfMemoryReserve }
  return { ...common, ...planClasses(options, mode), objects }
}

const MODE_FLAGS: Readonly<Record<ModeName, number>> = {
  manual: 0,
  compiler: FLAG_BUMP,
  runtime: FLAG_OBJECTS,
  vm: FLAG_OBJECTS,
  server: FLAG_OBJECTS,
  embedded: FLAG_OBJECTS | FLAG_EMBEDDED,
}

/** The mode of a heap that is there, by its flags. */
export function modeOf(flags: number): ModeName {
  if (flags & FLAG_EMBEDDED) return 'embedded'
  if (flags & FLAG_INCREMENTAL) return 'server'
  if (flags & FLAG_NURSERY) return 'runtime'
  if (flags & FLAG_OBJECTS) return 'vm'
  return flags & FLAG_BUMP ? 'compiler' : 'manual'
}

/** Why a mode lacks an option. */
const LACKS: Readonly<Partial<Record<keyof HeapOptions, string>>> = {
  initial: 'is one buffer of the size of its limit',
  reserve: 'is one buffer of the size of its limit',
  sizeClasses: 'has no size classes',
  nursery: 'has no nursery',
  old: 'has no nursery, and so no old objects',
  ageing: 'has no nursery',
  pauseGoalMs: 'does not collect in steps',
  gcShare: 'has no such limit',
  evacuate: 'does not evacuate blocks of objects',
  lazySweep: 'sweeps when it wants, or not at all',
  countTypes: 'does not collect',
  shadowStack: 'does not collect',
  stress: 'does not collect',
  cycleThreshold: 'has no reference counts',
  trim: 'is one small buffer, of which nothing is given back',
  outOfMemoryReserve: "keeps room for the error's own object and no more",
}

/** Refuse options that are not in the mode's table. */
function checkModeHas(options: HeapOptions, mode: ModeName): void {
  for (const [name, reason] of Object.entries(LACKS)) {
    const value = options[name as keyof HeapOptions]
    if (value === undefined || name in MODES[mode].options) continue
    throw new ArgumentError(name, value, `left out in mode '${mode}', which ${reason}`)
  }
}

/** What is given, else the mode's own. Null is given, and for the checks to refuse. */
function givenOrUsual<Name extends keyof ModeOptions>(options: HeapOptions, mode: ModeName, name: Name) {
  const value: HeapOptions[Name] = options[name]
  return value === undefined ? MODES[mode].options[name] : value
}

/** The options of `Heap.attach`. */
export function checkAttachOptions(options: AttachOptions): CommonPlan {
  checkOptions('options', options, ['debug', 'name', 'testing', 'pressure', 'collectAfterFrees', 'trim'])
  return checkCommon(options)
}

export function checkName(name: unknown): string {
  if (typeof name === 'string' && !CONTROL_CHARACTERS.test(name)) return name
  throw new ArgumentError('name', name, 'text without control characters or line breaks')
}

function checkCommon(options: AttachOptions): CommonPlan {
  const { name = 'heap', testing = {} } = options
  checkName(name)
  checkOptions('testing', testing, ['growth', 'knobs', 'stepUnits', 'clock', 'pages'])
  if (testing.growth !== undefined) checkFunction('testing.growth', testing.growth)
  const knobs = checkRange('testing.knobs', testing.knobs === undefined ? 0 : testing.knobs, 0, 2 ** 32 - 1)
  const observed = {
    clock: checkClock(testing.clock),
    pages: checkPageSystem('testing.pages', testing.pages),
    pressure: checkPressure(options.pressure),
    due: planDue(options),
    decay: checkDecay(options.trim),
  }
  return { name, debug: checkFlag('debug', options.debug), growth: testing.growth, knobs, ...observed }
}

function planDue({ collectAfterFrees: frees }: AttachOptions): DuePlan {
  if (frees === undefined) return { frees: COLLECT_AFTER_FREES, countsFrees: false }
  return { frees: checkRange('collectAfterFrees', frees, 1, 2 ** 31 - 1), countsFrees: true }
}

function checkClock(clock: Clock | undefined): Clock | undefined {
  if (clock === undefined) return undefined
  const given: Partial<Clock> | null = clock
  if (typeof given?.nowMs === 'function' && typeof given.setTimer === 'function') return clock
  throw new ArgumentError('testing.clock', clock, 'a clock with `nowMs` and `setTimer`')
}

function checkFlag(name: string, value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value !== 'boolean') throw new ArgumentError(name, value, 'true or false')
  return value
}

function checkMode(mode: HeapOptions['mode'] = 'manual'): ModeName {
  if (typeof mode === 'string' && Object.hasOwn(MODES, mode)) return mode as ModeName
  throw new ArgumentError('mode', mode, `one of ${Object.keys(MODES).join(', ')}, auto`)
}

/** The limit, at most `most`, or `fallback` when it is not given. */
function checkLimit(options: HeapOptions, mode: ModeName, fallback: number, most: number, reason: string): number {
  const cap = Math.min(most, MODES[mode].mostBytes)
  if (options.limit === undefined) return Math.min(fallback, cap)
  const limit = parseSize(options.limit, 'limit')
  const least = leastBytes(mode)
  if (limit >= least && limit <= cap) return limit
  const why = cap < most ? `the most of mode '${mode}'` : reason
  throw new ArgumentError('limit', options.limit, `from ${least} to ${cap} bytes, ${why}`)
}

/** What the smallest heap of a mode needs. */
export function leastBytes(mode: ModeName): number {
  return MODES[mode].leastBytes
}

const OUT_OF_MEMORY_RESERVE_MIN_BYTES = 1024

function checkOutOfMemoryReserve(options: HeapOptions, mode: ModeName, limitBytes: number): number {
  const given = givenOrUsual(options, mode, 'outOfMemoryReserve')
  const bytes = given === undefined ? 0 : parseSize(given, 'outOfMemoryReserve')
  const most = Math.floor(limitBytes / 2)
  if (bytes === 0 || (bytes >= OUT_OF_MEMORY_RESERVE_MIN_BYTES && bytes <= most)) return bytes
  const expected = `0, or from ${OUT_OF_MEMORY_RESERVE_MIN_BYTES} to ${most} bytes, half of the limit`
  throw new ArgumentError('outOfMemoryReserve', given, expected)
}

// ---- memory and range ---------------------------------------------------------------------------------------------

interface RangePlan extends Pick<HeapPlan, 'base' | 'held' | 'end' | 'limitBytes' | 'flags'> {
  /** What an own memory is made with; 0: there is one. */
  readonly initialBytes: number
  /** What it is made with when the system has not so much. */
  readonly fallbackBytes?: number
}

function planOwnRange(options: HeapOptions, mode: ModeName, modeFlags: number): RangePlan {
  checkFlag('overwrite', options.overwrite)
  for (const name of ['base', 'end'] as const) {
    if (options[name] !== undefined) {
      throw new ArgumentError(
        name,
        options[name],
        'left out: it is a place in a given memory, and `memory` is not given',
      )
    }
  }
  const defaults = MODES[mode].options
  const limit = checkLimit(options, mode, parseSize(defaults.limit), ADDRESS_LIMIT, 'the end of the address space')
  // What a mode reserves by itself yields to a given beginning, and to a system that has not so much.
  const isUsual = options.reserve === undefined && mode !== 'embedded'
  const reserves = mode === 'embedded' || checkFlag('reserve', givenOrUsual(options, mode, 'reserve'))
  const isReserved = reserves && !(isUsual && options.initial !== undefined)
  if (isReserved && options.initial !== undefined) {
    throw new ArgumentError('initial', options.initial, 'left out: `reserve` makes the memory at its limit')
  }
  const initial =
    options.initial === undefined
      ? Math.min(parseSize(defaults.initial ?? 0), limit)
      : checkBelowLimit('initial', options.initial, limit)
  return {
    initialBytes: isReserved ? limit : initial,
    ...(isReserved && isUsual && { fallbackBytes: initial }),
    base: 0,
    held: 0,
    end: limit,
    limitBytes: limit,
    flags: modeFlags | FLAG_OWNS_RANGE | FLAG_ZEROED,
  }
}

function makeMemory(
  [initialBytes, fallbackBytes]: readonly [number, (number | undefined)?],
  limitBytes: number,
): WebAssembly.Memory {
  const pages = (bytes: number) => Math.ceil(bytes / WASM_PAGE_BYTES)
  try {
    return new WebAssembly.Memory({ initial: pages(initialBytes), maximum: pages(limitBytes) })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    if (fallbackBytes !== undefined) return makeMemory([fallbackBytes], limitBytes)
    const figures = {
      requestedBytes: initialBytes,
      availableBytes: 0,
      largestFreeBytes: 0,
      usedBytes: 0,
      totalBytes: limitBytes,
    }
    throw new OutOfMemoryError(outOfMemoryText('the system', figures, error.message), figures, { cause: error })
  }
}

function planGivenRange(
  options: HeapOptions,
  memory: WebAssembly.Memory,
  mode: ModeName,
  modeFlags: number,
): RangePlan {
  checkMemory(memory)
  for (const name of ['reserve', 'initial'] as const) {
    if (options[name] !== undefined && options[name] !== false) {
      throw new ArgumentError(name, options[name], 'left out: the given memory has its size')
    }
  }
  const present = memory.buffer.byteLength
  if (options.base === undefined) {
    if (options.end !== undefined) {
      throw new ArgumentError(
        'end',
        options.end,
        'left out, or given together with `base`: it ends a range that starts there',
      )
    }
    if (mode === 'embedded') {
      throw new ArgumentError('base', undefined, "given along with `memory` in mode 'embedded', which never grows")
    }
    return planShared(options, memory, present, mode, modeFlags)
  }
  const base = checkPlace('base', options.base)
  const end = checkPlace('end', options.end === undefined ? Math.min(present, ADDRESS_LIMIT) : options.end)
  checkSpan(base, end, options, mode)
  if (!checkFlag('overwrite', options.overwrite)) checkVacant(memory, base)
  // What is never grown has to be there.
  if (mode === 'embedded' && end > present) {
    throw new ArgumentError('end', end, `at most ${present}, the memory's end, in mode 'embedded', which never grows`)
  }
  const limit = checkLimit(options, mode, end - base, end - base, 'what the range between `base` and `end` holds')
  return {
    initialBytes: 0,
    base,
    held: Math.min(present, end),
    end,
    limitBytes: limit,
    flags: modeFlags | FLAG_OWNS_RANGE,
  }
}

/** Growing along with others: from the memory's end, the heap holds what its own growth returns. */
function planShared(
  options: HeapOptions,
  memory: WebAssembly.Memory,
  present: number,
  mode: ModeName,
  modeFlags: number,
): RangePlan {
  const room = ADDRESS_LIMIT - present
  const least = leastBytes(mode)
  if (room < least) {
    const expected = `so far below 4 GiB that a heap of mode '${mode}' has ${least} bytes above it, not ${room}`
    throw new ArgumentError('memory', memory, expected)
  }
  const fallback = Math.min(parseSize(MODES[mode].options.limit), room)
  const limit = checkLimit(options, mode, fallback, room, 'the room above what the memory holds already')
  return { initialBytes: 0, base: present, held: present, end: ADDRESS_LIMIT, limitBytes: limit, flags: modeFlags }
}

export function checkMemory(memory: unknown): void {
  if (!(memory instanceof WebAssembly.Memory)) throw new ArgumentError('memory', memory, 'a WebAssembly.Memory')
  if (typeof SharedArrayBuffer !== 'undefined' && (memory.buffer as unknown) instanceof SharedArrayBuffer) {
    throw new ArgumentError('memory', memory, 'a memory that is not shared between threads')
  }
}

function checkSpan(base: number, end: number, options: HeapOptions, mode: ModeName): void {
  const least = leastBytes(mode)
  if (end - base >= least) return
  if (options.end === undefined) {
    throw new ArgumentError('base', base, `at least ${least} bytes below the memory's end at ${end}`)
  }
  throw new ArgumentError('end', end, `at least ${least} bytes above \`base\`, ${base}`)
}

/** Check that no heap starts at `base` already: making another would wipe it. */
function checkVacant(memory: WebAssembly.Memory, base: number): void {
  const found = findHeap(memory, base)
  if (!found) return
  const data = new DataView(memory.buffer)
  const isHeap =
    data.getUint32(found.at + HEAP_VERSION_AT, true) === LAYOUT_VERSION &&
    data.getUint32(found.at + HEAP_BASE_AT, true) === found.at
  if (!isHeap) return
  const expected =
    'where no heap starts yet: use Heap.attach to go on with the one that is there, or clear the range or pass ' +
    '`overwrite: true` to replace it'
  throw new ArgumentError('base', base, expected)
}

/** Where the control block of a heap of `mode` lies that was made with `base`. */
export function startOf(base: number, mode: ModeName): number {
  const alignment = alignmentOf(mode)
  return Math.ceil(base / alignment) * alignment
}

function alignmentOf(mode: ModeName): number {
  return mode === 'embedded' ? EMBEDDED_GRAIN_BYTES : UNIT_BYTES
}

/** The mode and the place of the heap that was made with `base`; undefined when there is none. */
export function findHeap(memory: WebAssembly.Memory, base: number): { at: number; mode: ModeName } | undefined {
  const data = new DataView(memory.buffer)
  for (const kind of ['manual', 'embedded'] as const) {
    const at = startOf(base, kind)
    if (at + HEAP_HEADER_BYTES > data.byteLength || data.getUint32(at + HEAP_MAGIC_AT, true) !== HEAP_MAGIC) continue
    const mode = modeOf(data.getUint32(at + HEAP_FLAGS_AT, true))
    if ((mode === 'embedded') === (kind === 'embedded') || at % UNIT_BYTES === 0) return { at, mode }
  }
  return undefined
}

/** The error for a range that turned out too small for the kernel once its ends were rounded. */
export function tooSmall(plan: HeapPlan): ArgumentError {
  const isLimit = plan.base === 0 && plan.end === plan.limitBytes
  const least = leastBytes(plan.mode)
  // Chunks of a MiB, and their metadata, are of the modes that have pages.
  const crossing =
    plan.mode === 'embedded' ? '' : ` (${least + UNIT_BYTES} where the range crosses a multiple of 1 MiB)`
  const expected =
    `so large that ${least} bytes are left when \`base\` is rounded up and \`end\` and \`limit\` down to ` +
    `multiples of ${alignmentOf(plan.mode)}${crossing}`
  return new ArgumentError(isLimit ? 'limit' : 'end', isLimit ? plan.limitBytes : plan.end, expected)
}

// ---- size classes -------------------------------------------------------------------------------------------------

function planClasses(options: HeapOptions, mode: ModeName): Pick<HeapPlan, 'classTable' | 'classes'> {
  // Modes without classes have a table all the same, which is never looked at.
  const given = givenOrUsual(options, mode, 'sizeClasses')
  const classes = given === undefined ? 'geometric' : given
  if (classes === 'geometric') return { classTable: CLASS_TABLE_GEOMETRIC, classes: [] }
  if (classes === 'pow2') return { classTable: CLASS_TABLE_POW2, classes: [] }
  return { classTable: CLASS_TABLE_LIST, classes: checkClassList(classes) }
}

function checkClassList(list: SizeClasses): number[] {
  const most = CLASS_MAX - 1
  if (!Array.isArray(list) || list.length === 0 || list.length > most) {
    throw new ArgumentError('sizeClasses', list, `'geometric', 'pow2' or a list of 1 to ${most} block sizes`)
  }
  let before = 0
  const rounded = list.map((bytes: unknown, index) => {
    const isSize = typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 1 && bytes <= SMALL_MAX_BYTES
    const size = isSize ? Math.ceil(bytes / GRANULE_BYTES) * GRANULE_BYTES : 0
    if (size <= before) {
      const expected = `an integer to ${SMALL_MAX_BYTES}, above the one before when both are rounded up to 16`
      throw new ArgumentError(`sizeClasses[${index}]`, bytes, expected)
    }
    before = size
    return size
  })
  // Requests above the last class are runs, which have no less than four granules.
  const least = RUN_MIN_GRANULES * GRANULE_BYTES
  if (before < least) throw new ArgumentError('sizeClasses', before, `a list that ends with a size of ${least} or more`)
  return rounded
}

// ---- objects ------------------------------------------------------------------------------------------------------

function planObjects(options: HeapOptions, mode: ModeName, limitBytes: number): ObjectPlan | undefined {
  if (MODES[mode].objects === 'none') return undefined
  if (MODES[mode].objects === 'counted') return { ...COUNTED, cycleThreshold: checkCycleThreshold(options, mode) }
  const shadowSlots = checkRange('shadowStack', givenOrUsual(options, mode, 'shadowStack'), 0, SHADOW_SLOTS_MAX)
  const isOn = (name: 'evacuate' | 'lazySweep' | 'countTypes' | 'ageing') =>
    checkFlag(name, givenOrUsual(options, mode, name))
  const stress = options.stress === undefined ? {} : options.stress
  checkOptions('stress', stress, ['collect', 'move'])
  const policy =
    (isOn('evacuate') ? POLICY_EVACUATE : 0) |
    (isOn('lazySweep') ? POLICY_LAZY_SWEEP : 0) |
    (isOn('countTypes') ? POLICY_COUNT_TYPES : 0) |
    (checkFlag('stress.move', stress.move) ? POLICY_MOVE_ALL : 0) |
    (isOn('ageing') ? POLICY_AGEING : 0) |
    (mode === 'server' ? POLICY_INCREMENTAL : 0)
  const nursery = planNursery(options, mode, limitBytes)
  return {
    isCounted: false,
    cycleThreshold: undefined,
    policy,
    stress: planStress(stress.collect),
    nursery,
    gcShare: checkShare(givenOrUsual(options, mode, 'gcShare')),
    shadowSlots,
    grainBytes: grainOf(mode),
    isAttached: false,
  }
}

/** Objects whose plan is in the heap's words alone: counted ones, and those that are there already. */
const COUNTED: ObjectPlan = {
  isCounted: true,
  cycleThreshold: undefined,
  policy: 0,
  stress: undefined,
  nursery: undefined,
  gcShare: 1,
  shadowSlots: 0,
  grainBytes: OBJECT_GRAIN_BYTES,
  isAttached: false,
}

function checkCycleThreshold(options: HeapOptions, mode: ModeName): number {
  return checkRange('cycleThreshold', givenOrUsual(options, mode, 'cycleThreshold'), 0, 2 ** 31 - 1)
}

function checkHashSeed(seed: unknown): number | undefined {
  return seed === undefined ? undefined : checkRange('hashSeed', seed, 0, 2 ** 32 - 1)
}

function planNursery(options: HeapOptions, mode: ModeName, limitBytes: number): NurseryPlan | undefined {
  const young = usualNursery(mode, limitBytes)
  const old = usualOld(mode, limitBytes)
  if (young === undefined || old === undefined) return undefined
  const wanted = options.nursery === undefined ? young : checkNursery(options.nursery, limitBytes)
  return {
    youngBytes: 2 ** Math.floor(Math.log2(wanted)),
    oldBytes: options.old === undefined ? old : checkBelowLimit('old', options.old, limitBytes),
    pauseGoalMs: checkPauseGoal(givenOrUsual(options, mode, 'pauseGoalMs')),
    stepUnits: checkStepUnits(options.testing?.stepUnits),
  }
}

function checkShare(share: unknown): number {
  if (share === undefined) return 1
  if (typeof share === 'number' && share > 0 && share <= 1) return share
  throw new ArgumentError('gcShare', share, 'a share of the time, above 0 and at most 1')
}

function checkStepUnits(units: unknown): number | undefined {
  return units === undefined ? undefined : checkRange('testing.stepUnits', units, 1, 2 ** 31 - 1)
}

function checkPauseGoal(ms: unknown): number | undefined {
  if (ms === undefined) return undefined
  if (typeof ms === 'number' && ms >= PAUSE_GOAL_MIN_MS && ms <= PAUSE_GOAL_MAX_MS) return ms
  throw new ArgumentError('pauseGoalMs', ms, `milliseconds from ${PAUSE_GOAL_MIN_MS} to ${PAUSE_GOAL_MAX_MS}`)
}

/** The objects of a heap that is there: all that is not in its own words. */
export function attachedObjects(mode: ModeName): ObjectPlan | undefined {
  if (MODES[mode].objects === 'none') return undefined
  const isCounted = MODES[mode].objects === 'counted'
  return { ...COUNTED, isCounted, grainBytes: grainOf(mode), isAttached: true }
}

function grainOf(mode: ModeName): number {
  return mode === 'embedded' ? EMBEDDED_GRAIN_BYTES : OBJECT_GRAIN_BYTES
}

function planStress(collect: StressOptions['collect']): StressPlan | undefined {
  if (collect === undefined) return undefined
  if (collect === 'always') return { kind: STRESS_ALLOCATIONS, number: 1, seed: 0 }
  if (typeof collect !== 'object' || collect === null) {
    throw new ArgumentError(
      'stress.collect',
      collect,
      "'always', or one of { allocations }, { bytes }, { random, oneIn }",
    )
  }
  checkOptions('stress.collect', collect, ['allocations', 'bytes', 'random', 'oneIn'])
  const ways = ['allocations', 'bytes', 'random'].filter((way) => way in collect)
  if (ways.length > 1) {
    throw new ArgumentError('stress.collect', collect, `one of allocations, bytes, random; not ${ways.join(' and ')}`)
  }
  const most = 2 ** 31 - 1
  if ('allocations' in collect) {
    const number = checkRange('stress.collect.allocations', collect.allocations, 1, most)
    return { kind: STRESS_ALLOCATIONS, number, seed: 0 }
  }
  if ('bytes' in collect) {
    return { kind: STRESS_BYTES, number: checkRange('stress.collect.bytes', collect.bytes, 1, most), seed: 0 }
  }
  const seed = checkRange('stress.collect.random', collect.random, 0, 2 ** 32 - 1)
  return { kind: STRESS_RANDOM, number: checkRange('stress.collect.oneIn', collect.oneIn, 1, most), seed }
}

/** The options of a check, their defaults, and what is refused. */
import { checkOptions } from '../../arguments.js'
import { ArgumentError } from '../../errors.js'
import { parseSize } from '../../sizes.js'
import type { Size } from '../../types.js'
import { DEFAULT_SWEEP_CALLS } from './allocator.js'

export interface CheckOptions {
  /** What the program finds behind its own name. Default none. */
  readonly args?: readonly string[]
  /** What it finds as its own name, and what the report calls it. Default `'guest'`. */
  readonly name?: string
  /** Its environment. Default empty. */
  readonly env?: Readonly<Record<string, string>>
  /** Directories that it may open: the name that it knows, and the directory of this system. Default none. */
  readonly preopens?: Readonly<Record<string, string>>
  /** File descriptors of this process that are its standard streams. Default 0, 1 and 2. */
  readonly stdin?: number
  readonly stdout?: number
  readonly stderr?: number
  /** The export that is called, without arguments. Default `'_start'`. A reactor's `_initialize` is called before. */
  readonly invoke?: string
  /** What it imports besides WASI and its allocator. Default nothing. */
  readonly imports?: WebAssembly.Imports
  /** Check every load and store when it happens. Default false. */
  readonly precise?: boolean
  /** Bytes on either side of a block, 8 B to 64 KiB. Default 32 bytes. */
  readonly redZone?: Size
  /** Bytes of freed blocks that are kept from being used again, 0 to 2 GiB. Default 16 MiB. */
  readonly quarantine?: Size
  /** Most bytes for blocks and what is around them, 256 KiB to 4 GiB. Default: what the memory can have. */
  readonly limit?: Size
  /** Frames that are kept of each stack, 1 to 200. Default 16. Of where a block was freed, 8 are kept at most. */
  readonly stackDepth?: number
  /** Different faults of one kind that are reported, 1 to 100,000; more are counted. Default 100. */
  readonly maxFaults?: number
  /** Report blocks that are still pointed to at the end as well; they are no faults. Default false. */
  readonly reachable?: boolean
  /** Names of functions, `*` for any characters: a fault with one in its stacks is left out. Default none. */
  readonly suppress?: readonly string[]
  /** Calls between two looks at all blocks; 0: none before the end. Default 4,096, or as many as there are blocks. */
  readonly sweepCalls?: number
}

/** Options with everything decided. */
export interface CheckPlan {
  readonly name: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly preopens: Readonly<Record<string, string>>
  readonly stdin: number
  readonly stdout: number
  readonly stderr: number
  readonly invoke: string
  readonly imports: WebAssembly.Imports
  readonly isPrecise: boolean
  readonly redZoneBytes: number
  readonly quarantineBytes: number
  readonly limitBytes: number | undefined
  readonly stackDepth: number
  readonly maxFaults: number
  readonly withReachable: boolean
  readonly suppress: readonly string[]
  readonly sweepCalls: number
}

const RED_ZONE_MIN = 8
const RED_ZONE_MAX = 65_536
const QUARANTINE_MAX = 2 ** 31
/** What a heap needs to begin with, in whole pages of memory. */
const LIMIT_MIN = 262_144
const LIMIT_MAX = 2 ** 32
const DEPTH_MAX = 200
const FAULTS_MAX = 100_000

/** @throws ArgumentError for what is out of range */
export function planCheck(options: CheckOptions): CheckPlan {
  checkOptions('options', options, OPTION_NAMES)
  const { args = [], env = {}, preopens = {}, imports = {}, suppress = [] } = options
  return {
    name: options.name ?? 'guest',
    args,
    env,
    preopens,
    imports,
    suppress,
    stdin: whole('stdin', options.stdin ?? 0, 0, FAULTS_MAX),
    stdout: whole('stdout', options.stdout ?? 1, 0, FAULTS_MAX),
    stderr: whole('stderr', options.stderr ?? 2, 0, FAULTS_MAX),
    invoke: options.invoke ?? '_start',
    isPrecise: options.precise ?? false,
    redZoneBytes: size('redZone', options.redZone ?? 32, RED_ZONE_MIN, RED_ZONE_MAX),
    quarantineBytes: size('quarantine', options.quarantine ?? '16MiB', 0, QUARANTINE_MAX),
    limitBytes: options.limit === undefined ? undefined : size('limit', options.limit, LIMIT_MIN, LIMIT_MAX),
    stackDepth: whole('stackDepth', options.stackDepth ?? 16, 1, DEPTH_MAX),
    maxFaults: whole('maxFaults', options.maxFaults ?? 100, 1, FAULTS_MAX),
    withReachable: options.reachable ?? false,
    sweepCalls: whole('sweepCalls', options.sweepCalls ?? DEFAULT_SWEEP_CALLS, 0, 2 ** 31),
  }
}

const OPTION_NAMES: readonly (keyof CheckOptions)[] = [
  'args',
  'name',
  'env',
  'preopens',
  'stdin',
  'stdout',
  'stderr',
  'invoke',
  'imports',
  'precise',
  'redZone',
  'quarantine',
  'limit',
  'stackDepth',
  'maxFaults',
  'reachable',
  'suppress',
  'sweepCalls',
]

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ArgumentError(name, value, `a whole number from ${min} to ${max}`)
}

function size(name: string, value: Size, min: number, max: number): number {
  const bytes = parseSize(value, name)
  if (bytes >= min && bytes <= max) return bytes
  throw new ArgumentError(name, value, `from ${min} to ${max} bytes`)
}

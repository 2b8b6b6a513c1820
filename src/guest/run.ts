/**
 * Runs a program for WASI on a heap: its allocator's functions become those of a kernel which shares its memory, wasm
 * to wasm, so that a call costs what any call of an imported function costs.
 *
 * The memory is made here, from the limits that the module declares; then the kernel over it, whose heap begins where
 * the program's own would; then the program, which imports both. Once it has ended, however it has, the library
 * attaches to the heap and reads its figures. A module that was linked before has all of that inside, and is run as it
 * is.
 *
 * The program decides how it ends: its exit code is the result's. A trap gives exit code 134, as `abort` does on
 * POSIX systems, and the functions that were running. What is refused, with an error, has not been started.
 */
import { ADDRESS_LIMIT } from '../../kernel/layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import type { Heap } from '../heap.js'
import { makeWasi, type WasiSystem } from '../platform/wasi.js'
import { parseSize } from '../sizes.js'
import type { ModeName, Size } from '../types.js'
import { ModuleError } from './errors.js'
import { type Guest, makeGuest } from './instance.js'
import { type GuestPlan, planGuest } from './plan.js'
import { type AllocatorUse, type GuestMemoryFigures, readHeapLeft } from './run-figures.js'
import { checkRunMode, type RunMode } from './run-modes.js'
import { type GuestFrame, guestFrames, trapMessage, withDeepStacks } from './stack.js'

/** Exit code of a program that has trapped: 128 and the number of SIGABRT. */
export const EXIT_TRAP = 134

export interface RunOptions {
  /** What the program finds behind its own name. Default none. */
  readonly args?: readonly string[]
  /** What it finds as its own name, and what messages call it. Default `'guest'`. */
  readonly name?: string
  /** Most bytes that its heap may hold, all metadata included. Default: what the memory can have. */
  readonly limit?: Size
  /**
   * Of the objects of a program that has some (`hw_new` and its like). Default: what the program asks for, else `'vm'`.
   * Without objects it changes nothing: blocks are the same in all modes.
   */
  readonly mode?: RunMode
  /** Its environment. Default empty. */
  readonly env?: Readonly<Record<string, string>>
  /** Directories that it may open: the name that it knows, and the directory of this system. Default none. */
  readonly preopens?: Readonly<Record<string, string>>
  /** File descriptors of this process that are its standard streams. Default 0, 1 and 2. */
  readonly stdin?: number
  readonly stdout?: number
  readonly stderr?: number
}

/** How a program has ended that did not exit. */
export interface GuestTrap {
  /** In the engine's words, such as `unreachable`. */
  readonly message: string
  /** Functions that were running, innermost first. */
  readonly frames: readonly GuestFrame[]
}

export interface RunResult {
  readonly version: 1
  readonly name: string
  /** The program's own; 134 after a trap. */
  readonly exitCode: number
  /** Undefined for a program that has exited. */
  readonly trap: GuestTrap | undefined
  /** From its start to its end, in milliseconds. */
  readonly timeMs: number
  /** Of its objects; `manual` when it has none. */
  readonly mode: ModeName
  readonly allocator: AllocatorUse
  readonly memory: GuestMemoryFigures
  /** What it has left in its memory, to be looked at; undefined when its allocator is its own. Close it when done. */
  readonly heap: Heap | undefined
}

/**
 * Runs a program for WASI preview 1 to its end, with Heapwright as its allocator; its thread does nothing else.
 *
 * @param bytes the module: one with an allocator inside, one that imports it, or one that was linked
 * @throws ModuleError when the module cannot be run so; ArgumentError for options out of range. Nothing has run then.
 * @example
 * const { exitCode, memory } = await runModule(readFileSync('app.wasm'), { args: ['input'], limit: '64MiB' })
 */
export async function runModule(bytes: Uint8Array, options: RunOptions = {}): Promise<RunResult> {
  const { name, limitBytes, mode } = checkRunOptions(options)
  const plan = planGuest(bytes, name)
  if (limitBytes !== undefined) checkLimited(plan)
  const { args = [], env = {}, preopens = {}, stdin = 0, stdout = 1, stderr = 2 } = options
  const wasi = await makeWasi(plan.wasi, { args: [name, ...args], env, preopens, stdin, stdout, stderr })
  const guest = makeGuest(plan, wasi, { limitBytes, mode })
  const ending = runToItsEnd(guest, wasi)
  const { heap, figures } = readHeapLeft(guest.memory, guest.heapAt(), name)
  const allocator = { source: plan.source, functions: plan.functions }
  return { version: 1, name, ...ending, mode: guest.mode() ?? heap?.mode ?? 'manual', allocator, memory: figures, heap }
}

const OPTION_NAMES = ['args', 'name', 'limit', 'mode', 'env', 'preopens', 'stdin', 'stdout', 'stderr'] as const

interface CheckedOptions {
  readonly name: string
  readonly limitBytes: number | undefined
  readonly mode: RunMode | undefined
}

function checkRunOptions(options: RunOptions): CheckedOptions {
  checkOptions('options', options, OPTION_NAMES)
  const { name = 'guest', limit, mode } = options
  if (mode !== undefined) checkRunMode(mode)
  if (limit === undefined) return { name, limitBytes: undefined, mode }
  const limitBytes = parseSize(limit, 'limit')
  if (limitBytes > ADDRESS_LIMIT) throw new ArgumentError('limit', limit, `at most ${ADDRESS_LIMIT} bytes`)
  return { name, limitBytes, mode }
}

/** A limit that nobody keeps is refused, unless there is nothing that it could be about. */
function checkLimited(plan: GuestPlan): void {
  if (plan.source !== 'own' || !plan.growsMemory()) return
  throw new ModuleError(
    'no allocator was found in it, and it makes its memory grow by itself, so a limit cannot be kept. Build it with ' +
      'names (without --strip-all or -s), or export its allocator (-Wl,--export=malloc,--export=free)',
  )
}

/** How a program has ended. */
type Ending = Pick<RunResult, 'exitCode' | 'trap' | 'timeMs'>

function runToItsEnd({ start, memory }: Guest, wasi: WasiSystem): Ending {
  const began = performance.now()
  try {
    const exitCode = withDeepStacks(() => wasi.start(start, memory))
    return { exitCode, trap: undefined, timeMs: performance.now() - began }
  } catch (error) {
    // A limit that the heap of a linked module cannot have.
    if (error instanceof ArgumentError) throw error
    const timeMs = performance.now() - began
    return { exitCode: EXIT_TRAP, trap: { message: trapMessage(error), frames: guestFrames(error) }, timeMs }
  }
}

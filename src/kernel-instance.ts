/**
 * From the kernel's bytes to its functions, bound to a memory. Each module is compiled once per process, synchronously;
 * each heap has an instance of its own, whose one global is the address of its context.
 */
import { ArgumentError, CorruptionError } from './errors.js'
import { KERNEL_DEBUG_BASE64, KERNEL_RELEASE_BASE64 } from './kernel-bytes.generated.js'

/**
 * The kernel's functions, one field each, so that all of them stand in one place of one shape: that is what lets the
 * engine inline a call. Swapping the whole object is how a heap is closed, and how growth is watched, at no cost to the
 * calls.
 *
 * Addresses and sizes are unsigned in the kernel and come back signed: `>>> 0` makes them what they are.
 */
export class Kernel {
  readonly alloc: (bytes: number) => number
  readonly free: (address: number) => number
  readonly poolAcquire: (pool: number) => number
  readonly poolRelease: (pool: number, address: number) => number
  readonly arenaAlloc: (arena: number, bytes: number, alignment: number) => number
  readonly arenaPush: (arena: number, bytes: number, alignment: number) => number
  readonly realloc: (address: number, bytes: number) => number
  readonly usableSize: (address: number) => number
  readonly isBlock: (address: number) => number
  readonly allocZeroed: (bytes: number) => number
  readonly allocAligned: (bytes: number, alignment: number) => number
  readonly bumpAlloc: (bytes: number) => number
  readonly freeSized: (address: number, bytes: number, alignment: number) => number
  readonly freeStatus: (address: number) => number

  readonly create: (
    base: number,
    held: number,
    end: number,
    limitBytes: number,
    flags: number,
    classTable: number,
  ) => number
  readonly addClass: (bytes: number) => number
  readonly setKnobs: (knobs: number) => void
  readonly attach: (heap: number) => number
  readonly reset: () => void
  readonly releaseCaches: () => number

  readonly arenaCreate: (chunkBytes: number) => number
  readonly arenaCreateFixed: (base: number, limit: number) => number
  readonly arenaDestroy: (arena: number) => number
  readonly arenaPop: (arena: number, to: number) => number
  readonly arenaFreeLast: (arena: number, address: number) => number
  readonly arenaShrinkLast: (arena: number, address: number, bytes: number) => number
  readonly arenaRelease: (arena: number, low: number, high: number) => number
  readonly arenaReset: (arena: number) => number
  readonly arenaLow: (arena: number) => number
  readonly arenaHigh: (arena: number) => number
  readonly arenaUsed: (arena: number) => number
  readonly arenaHeld: (arena: number) => number

  readonly poolCreate: (bytes: number, count: number, grows: number) => number
  readonly poolDestroy: (pool: number) => number
  readonly poolSlots: (pool: number) => number
  readonly poolUsed: (pool: number) => number

  readonly verify: () => number
  readonly nextBlock: (address: number) => number
  readonly blockAround: (address: number) => number
  readonly describe: (address: number) => number
  readonly codeAround: (address: number) => number
  readonly classReport: (classIndex: number) => number
  readonly freeRunReport: () => void
  readonly totalsReport: () => void

  constructor(from: Kernel) {
    this.alloc = from.alloc
    this.free = from.free
    this.poolAcquire = from.poolAcquire
    this.poolRelease = from.poolRelease
    this.arenaAlloc = from.arenaAlloc
    this.arenaPush = from.arenaPush
    this.realloc = from.realloc
    this.usableSize = from.usableSize
    this.isBlock = from.isBlock
    this.allocZeroed = from.allocZeroed
    this.allocAligned = from.allocAligned
    this.bumpAlloc = from.bumpAlloc
    this.freeSized = from.freeSized
    this.freeStatus = from.freeStatus
    this.create = from.create
    this.addClass = from.addClass
    this.setKnobs = from.setKnobs
    this.attach = from.attach
    this.reset = from.reset
    this.releaseCaches = from.releaseCaches
    this.arenaCreate = from.arenaCreate
    this.arenaCreateFixed = from.arenaCreateFixed
    this.arenaDestroy = from.arenaDestroy
    this.arenaPop = from.arenaPop
    this.arenaFreeLast = from.arenaFreeLast
    this.arenaShrinkLast = from.arenaShrinkLast
    this.arenaRelease = from.arenaRelease
    this.arenaReset = from.arenaReset
    this.arenaLow = from.arenaLow
    this.arenaHigh = from.arenaHigh
    this.arenaUsed = from.arenaUsed
    this.arenaHeld = from.arenaHeld
    this.poolCreate = from.poolCreate
    this.poolDestroy = from.poolDestroy
    this.poolSlots = from.poolSlots
    this.poolUsed = from.poolUsed
    this.verify = from.verify
    this.nextBlock = from.nextBlock
    this.blockAround = from.blockAround
    this.describe = from.describe
    this.codeAround = from.codeAround
    this.classReport = from.classReport
    this.freeRunReport = from.freeRunReport
    this.totalsReport = from.totalsReport
  }
}

/** Gives the previous size in pages of 64 KiB, or -1 when the memory does not grow. */
export type GrowHook = (pages: number) => number

/** The calls in which the kernel may ask its host to grow the memory. */
const GROWING_CALLS: ReadonlySet<string | symbol> = new Set<keyof Kernel>([
  'alloc',
  'allocZeroed',
  'allocAligned',
  'bumpAlloc',
  'realloc',
  'arenaCreate',
  'arenaCreateFixed',
  'arenaAlloc',
  'poolCreate',
  'poolAcquire',
])

/** A kernel each of whose functions throws what `failure` gives. */
export function refusingKernel(failure: () => Error): Kernel {
  const refuse = () => {
    throw failure()
  }
  return new Kernel(new Proxy({}, { get: () => refuse }) as Kernel)
}

/** A kernel that calls `after` when a call that may have grown the memory has succeeded. */
export function watchedKernel(kernel: Kernel, after: () => void): Kernel {
  const watch = (call: (...numbers: number[]) => number) =>
    function watched(...numbers: number[]): number {
      const result = call(...numbers)
      // A failed call's caller first reads why it failed; growth that came to nothing is reported with the next one.
      if (result !== 0) after()
      return result
    }
  return new Kernel(
    new Proxy(kernel, {
      get: (target, name) => {
        const call = target[name as keyof Kernel] as (...numbers: number[]) => number
        return GROWING_CALLS.has(name) ? watch(call) : call
      },
    }),
  )
}

// ---- compiling and instantiating ------------------------------------------------------------------------------------

let releaseModule: WebAssembly.Module | undefined
let debugModule: WebAssembly.Module | undefined

function compiled(debug: boolean): WebAssembly.Module {
  if (debug) {
    debugModule ??= new WebAssembly.Module(decodeBase64(KERNEL_DEBUG_BASE64))
    return debugModule
  }
  releaseModule ??= new WebAssembly.Module(decodeBase64(KERNEL_RELEASE_BASE64))
  return releaseModule
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

/**
 * A kernel over `memory`. With `debug` it is the build with assertions.
 *
 * @throws ArgumentError when the memory is of a kind that this build does not run on
 */
export function instantiate(memory: WebAssembly.Memory, debug: boolean, grow: GrowHook): Kernel {
  const imports = {
    env: { memory },
    host: {
      grow,
      report: (code: number, address: number) => {
        throw new CorruptionError(address >>> 0, `assertion ${code} of the debug kernel failed`)
      },
    },
  }
  try {
    return new Kernel(new WebAssembly.Instance(compiled(debug), imports).exports as unknown as Kernel)
  } catch (error) {
    if (!(error instanceof WebAssembly.LinkError)) throw error
    throw new ArgumentError('memory', memory, 'a WebAssembly.Memory that is 32-bit and not shared')
  }
}

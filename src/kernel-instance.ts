/**
 * From the kernel's bytes to its functions, bound to a memory. Each module is compiled once per process, synchronously;
 * each heap has an instance of its own, whose one global is the address of its context.
 */
import { REPORT_COLLECT_BEGIN } from '../kernel/object-layout.js'
import { ArgumentError, CorruptionError } from './errors.js'
import {
  COUNTED_DEBUG_BASE64,
  COUNTED_RELEASE_BASE64,
  EMBEDDED_DEBUG_BASE64,
  EMBEDDED_RELEASE_BASE64,
  KERNEL_DEBUG_BASE64,
  KERNEL_RELEASE_BASE64,
  OBJECTS_DEBUG_BASE64,
  OBJECTS_RELEASE_BASE64,
} from './kernel-bytes.generated.js'

/**
 * The kernel's functions for blocks, one field each, so that all of them stand in one place of one shape: that is what
 * lets the engine inline a call. Swapping the whole object is how a heap is closed, and how its calls are watched, at
 * no cost while nobody does.
 *
 * Addresses and sizes are unsigned in the kernel and come back signed: `>>> 0` makes them what they are.
 */
class BlockKernel {
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
  readonly detach: () => void
  readonly reset: () => void
  readonly releaseCaches: () => number

  readonly lend: (pages: number, borrower: number) => number
  readonly takeBack: (address: number) => number
  readonly homePages: (end: number) => number
  readonly giveBack: () => number
  readonly reserve: (bytes: number) => number
  readonly setBounds: (limitBytes: number, keepBytes: number) => number

  readonly trimFind: (mib: number, grainBytes: number, isIdleOnly: number) => number
  readonly trimMark: (mib: number) => number
  readonly trimBehind: (address: number) => number

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
  readonly liveBlocks: () => number

  constructor(from: BlockKernel) {
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
    this.detach = from.detach
    this.reset = from.reset
    this.releaseCaches = from.releaseCaches
    this.lend = from.lend
    this.takeBack = from.takeBack
    this.homePages = from.homePages
    this.giveBack = from.giveBack
    this.reserve = from.reserve
    this.setBounds = from.setBounds
    this.trimFind = from.trimFind
    this.trimMark = from.trimMark
    this.trimBehind = from.trimBehind
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
    this.liveBlocks = from.liveBlocks
  }
}

/**
 * All of them: calls for blocks and, where the build has them, for objects. The others refuse.
 */
export class Kernel extends BlockKernel {
  readonly spaceCreate: (policy: number) => number
  readonly typeText: (bytes: number) => number
  readonly typeAdd: (
    textAt: number,
    textBytes: number,
    shape: number,
    trail: number,
    refs: number,
    fixedBytes: number,
    refMask: number,
    elementBytes: number,
    elementMask: number,
  ) => number
  readonly objectNew: (type: number, payloadBytes: number) => number
  readonly objectPush: (type: number, payloadBytes: number) => number
  readonly handlePush: (reference: number) => number
  readonly handlePop: (top: number) => void
  readonly rootAdd: (kind: number, value: number) => number
  readonly rootRemove: (kind: number, slot: number) => number
  readonly shadowCreate: (slots: number, pinning: number) => number
  readonly collect: (kind: number) => number
  readonly nurseryCreate: (youngBytes: number, oldBytes: number, stepUnits: number) => number
  readonly shortenNursery: () => number
  readonly step: (units: number) => number
  /** These three answer a status. */
  readonly storeReference: (holder: number, slot: number, reference: number) => number
  readonly copyReferences: (holder: number, to: number, from: number, count: number) => number
  readonly storeWide: (holder: number, slot: number, low: number, high: number) => number
  readonly valuesCreate: (bytes: number) => number
  readonly readReference: (reference: number) => number
  readonly weakRootGet: (slot: number) => number
  readonly finishSweep: () => void
  readonly weakRefNew: (slot: number) => number
  readonly weakRefGet: (reference: number) => number
  readonly weakMapNew: () => number
  readonly weakMapSet: (mapSlot: number, keySlot: number, valueSlot: number) => number
  readonly weakMapGet: (map: number, key: number) => number
  readonly weakMapHas: (map: number, key: number) => number
  readonly weakMapDelete: (map: number, key: number) => number
  readonly identityHash: (reference: number) => number
  readonly finalizerAdd: (reference: number, id: number) => number
  readonly finalizerRemove: (id: number) => number
  readonly finalizerNext: () => number
  readonly objectStatus: (reference: number) => number
  readonly objectState: (reference: number) => number
  readonly nextObject: (reference: number) => number
  readonly setPolicy: (policy: number) => void
  readonly setStress: (kind: number, number: number, seed: number) => void
  readonly imageCreate: (bytes: number, pageBytes: number) => number
  readonly sharedCreate: (bytes: number) => number
  readonly shareEnter: (start: number, bytes: number, mapBias: number) => number
  readonly shareLeave: (start: number) => number
  readonly imageSeal: (address: number) => number
  readonly imageCheck: (address: number) => number
  readonly imageDrop: (address: number) => number
  readonly handleAdopt: (reference: number) => number
  readonly touchWords: (at: number, count: number) => number
  readonly incref: (reference: number) => number
  readonly decref: (reference: number) => number
  readonly refcount: (reference: number) => number
  readonly refcountedNew: (bytes: number) => number
  readonly candidates: () => number
  readonly setThreshold: (candidates: number, units: number) => void

  constructor(from: Kernel) {
    super(from)
    this.spaceCreate = from.spaceCreate
    this.typeText = from.typeText
    this.typeAdd = from.typeAdd
    this.objectNew = from.objectNew
    this.objectPush = from.objectPush
    this.handlePush = from.handlePush
    this.handlePop = from.handlePop
    this.rootAdd = from.rootAdd
    this.rootRemove = from.rootRemove
    this.shadowCreate = from.shadowCreate
    this.collect = from.collect
    this.nurseryCreate = from.nurseryCreate
    this.shortenNursery = from.shortenNursery
    this.step = from.step
    this.storeReference = from.storeReference
    this.copyReferences = from.copyReferences
    this.storeWide = from.storeWide
    this.valuesCreate = from.valuesCreate
    this.readReference = from.readReference
    this.weakRootGet = from.weakRootGet
    this.finishSweep = from.finishSweep
    this.weakRefNew = from.weakRefNew
    this.weakRefGet = from.weakRefGet
    this.weakMapNew = from.weakMapNew
    this.weakMapSet = from.weakMapSet
    this.weakMapGet = from.weakMapGet
    this.weakMapHas = from.weakMapHas
    this.weakMapDelete = from.weakMapDelete
    this.identityHash = from.identityHash
    this.finalizerAdd = from.finalizerAdd
    this.finalizerRemove = from.finalizerRemove
    this.finalizerNext = from.finalizerNext
    this.objectStatus = from.objectStatus
    this.objectState = from.objectState
    this.nextObject = from.nextObject
    this.setPolicy = from.setPolicy
    this.setStress = from.setStress
    this.imageCreate = from.imageCreate
    this.sharedCreate = from.sharedCreate
    this.shareEnter = from.shareEnter
    this.shareLeave = from.shareLeave
    this.imageSeal = from.imageSeal
    this.imageCheck = from.imageCheck
    this.imageDrop = from.imageDrop
    this.handleAdopt = from.handleAdopt
    this.touchWords = from.touchWords
    this.incref = from.incref
    this.decref = from.decref
    this.refcount = from.refcount
    this.refcountedNew = from.refcountedNew
    this.candidates = from.candidates
    this.setThreshold = from.setThreshold
  }
}

/** Gives the previous size in pages of 64 KiB, or -1 when the memory does not grow. */
export type GrowHook = (pages: number) => number

/** The growing calls that answer a status, which is all there is to be known of a failure. */
const STATUS_CALLS: ReadonlySet<string | symbol> = new Set<keyof Kernel>([
  'spaceCreate',
  'nurseryCreate',
  'shadowCreate',
  'weakMapSet',
  'finalizerAdd',
  'collect',
  'step',
])

/**
 * The calls in which the kernel may ask its host to grow the memory. Those that answer a raw reference are not among
 * them: no listener may run before that lies in a slot. What they grow is told with the next call.
 */
const GROWING_CALLS: ReadonlySet<string | symbol> = new Set<string | symbol>([
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
  'objectPush',
  'handlePush',
  'rootAdd',
  'typeText',
  'typeAdd',
  'identityHash',
  'imageCreate',
  'sharedCreate',
  'handleAdopt',
  'refcountedNew',
  ...STATUS_CALLS,
])

/** A kernel each of whose functions throws what `failure` gives. */
export function refusingKernel(failure: () => Error): Kernel {
  const refuse = () => {
    throw failure()
  }
  return new Kernel(new Proxy({}, { get: () => refuse }) as Kernel)
}

/** `kernel` with other functions in place of some of its own. */
export function kernelWith(kernel: Kernel, calls: Partial<Kernel>): Kernel {
  return new Kernel({ ...kernel, ...calls })
}

/** A kernel that calls `after` when a call that may have grown the memory has succeeded. */
export function watchedKernel(kernel: Kernel, after: () => void): Kernel {
  const watch = (call: (...numbers: number[]) => number, answersStatus: boolean) =>
    function watched(...numbers: number[]): number {
      const result = call(...numbers)
      // A failed call's caller first reads why it failed; growth that came to nothing is reported with the next one.
      if (result !== 0 || answersStatus) after()
      return result
    }
  return new Kernel(
    new Proxy(kernel, {
      get: (target, name) => {
        const call = target[name as keyof Kernel] as (...numbers: number[]) => number
        return GROWING_CALLS.has(name) ? watch(call, STATUS_CALLS.has(name)) : call
      },
    }),
  )
}

// ---- what a build has -----------------------------------------------------------------------------------------------

/** The builds of the kernel: blocks alone, with objects that are traced or counted, and what fits one small buffer. */
export type Build = 'blocks' | 'objects' | 'embedded' | 'counted'

/** What is missing where a build lacks a function, by how the function's name begins. The first that fits. */
const FEATURES: readonly (readonly [prefix: string, feature: string])[] = [
  ['arena', 'arenas'],
  ['pool', 'pools'],
  ['realloc', 'realloc: allocate, copy and free instead'],
  ['allocZeroed', 'calloc'],
  ['allocAligned', 'allocAligned: blocks are where they are'],
  ['freeSized', 'sized free'],
  ['bump', 'bump allocator'],
  ['addClass', 'size classes'],
  ['classReport', 'size classes'],
  ['nextBlock', 'list of its blocks'],
  ['blockAround', 'search for the block around an address'],
  ['releaseCaches', 'caches'],
  ['trim', 'memory that could be given back'],
]

/** What a heap is missing that has no objects at all. */
export const OBJECTS_FEATURE = "objects; make the heap with mode 'manual', 'runtime', 'vm', 'server' or 'embedded'"

function featureOf(name: string, build: Build): string {
  const found = FEATURES.find(([prefix]) => name.startsWith(prefix))
  if (found) return found[1]
  return build === 'blocks' ? OBJECTS_FEATURE : `\`${name}\``
}

/** The functions of `exports`; where a build has none of a name, one that says what its mode is missing. */
function complete(exports: WebAssembly.Exports, build: Build, missing: (feature: string) => Error): Kernel {
  const refuse = (name: string) => () => {
    throw missing(featureOf(name, build))
  }
  return new Kernel(
    new Proxy(exports, {
      get: (target, name) => target[name as string] ?? refuse(name as string),
    }) as unknown as Kernel,
  )
}

// ---- compiling and instantiating ------------------------------------------------------------------------------------

const BYTES: Readonly<Record<Build, readonly [release: string, debug: string]>> = {
  blocks: [KERNEL_RELEASE_BASE64, KERNEL_DEBUG_BASE64],
  objects: [OBJECTS_RELEASE_BASE64, OBJECTS_DEBUG_BASE64],
  embedded: [EMBEDDED_RELEASE_BASE64, EMBEDDED_DEBUG_BASE64],
  counted: [COUNTED_RELEASE_BASE64, COUNTED_DEBUG_BASE64],
}

/** Compiled when first asked for, once per process. */
const modules = new Map<string, WebAssembly.Module>()

function compiled(build: Build, debug: boolean): WebAssembly.Module {
  const key = `${build}${debug ? '-debug' : ''}`
  let module = modules.get(key)
  if (!module) {
    module = new WebAssembly.Module(decodeBase64(BYTES[build][debug ? 1 : 0]))
    modules.set(key, module)
  }
  return module
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

/** What a kernel asks of its host. */
export interface KernelHost {
  readonly grow: GrowHook
  /** Hears of collections and of pieces given back: `REPORT_…` of the kernel's layouts. */
  readonly report: (code: number, argument: number) => void
  /** The error for a function that the build has not. */
  readonly missing: (feature: string) => Error
}

/**
 * A kernel over `memory`. With `debug` it is the build with assertions.
 *
 * @throws ArgumentError when the memory is of a kind that this build does not run on
 */
export function instantiate(memory: WebAssembly.Memory, build: Build, debug: boolean, host: KernelHost): Kernel {
  const imports = {
    env: { memory },
    host: {
      grow: host.grow,
      report: (code: number, argument: number) => {
        if (code >= REPORT_COLLECT_BEGIN) host.report(code, argument >>> 0)
        else throw new CorruptionError(argument >>> 0, `assertion ${code} of the debug kernel failed`)
      },
    },
  }
  try {
    const { exports } = new WebAssembly.Instance(compiled(build, debug), imports)
    return complete(exports, build, host.missing)
  } catch (error) {
    if (!(error instanceof WebAssembly.LinkError)) throw error
    throw new ArgumentError('memory', memory, 'a WebAssembly.Memory that is 32-bit and not shared')
  }
}

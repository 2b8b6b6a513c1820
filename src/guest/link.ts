/**
 * Puts the kernel into a module, in place of the allocator that it imports or has: `linkModule`.
 *
 *   replace   functions of the allocator become imports of the kernel's (`replace.ts`)
 *   rehearse  a heap is begun in a memory like the module's, so that what cannot begin is said now
 *   merge     wasm-merge joins the kernel, whose memory is then the module's
 *   begin     a start function begins the heap, then runs the start function that the module had
 *   optimise  the straight ways of malloc and free are written into their callers, and what is unused goes; or, when
 *             asked for, wasm-opt over all of it
 *   check     the engine finds the result valid, and it imports nothing that the module did not
 *
 * The same bytes and options give the same bytes.
 */
import { ADDRESS_LIMIT } from '../../kernel/layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import {
  type BinaryenLibrary,
  type BinaryenModule,
  emitModule,
  loadBinaryen,
  readModule,
  runBinaryenTool,
} from '../platform/binaryen.js'
import { parseSize } from '../sizes.js'
import type { Size } from '../types.js'
import { ModuleError } from './errors.js'
import { featureBits, featureOptions, featuresOf } from './features.js'
import { KERNEL_PREFIX, kernelFor, mergeableKernel } from './kernel-module.js'
import {
  type AllocatorFunction,
  type GuestModule,
  HEAP_EXPORT,
  type HeapBase,
  inspectModule,
  KERNEL_MODULE,
  ownEnd,
  PAGE_BYTES,
} from './module.js'
import { checkReplaceable, replaceIn } from './replace.js'
import { formatType, isSameType } from './roles.js'
import { modeNumber, OBJECT_MODE_NAMES, type ObjectModeName } from './run-modes.js'
import { exportMemory } from './section-writer.js'
import { typeOf } from './sections.js'

/** Levels of `wasm-opt`: for speed, `s` and `z` for size. */
export const OPTIMIZE_LEVELS = ['0', '1', '2', '3', '4', 's', 'z'] as const
export type OptimizeLevel = (typeof OPTIMIZE_LEVELS)[number]

/** What `linkModule` does, in the order in which it does it. */
export type LinkStep = 'inspect' | 'replace' | 'merge' | 'inline' | 'optimize' | 'check'

export interface LinkOptions {
  /** Mode of the collected objects of a program that uses `include/heapwright.h`. Default: what the program asks for. */
  readonly mode?: ObjectModeName
  /** The most memory that the heap may hold, all it needs for itself included. Default: what the memory can have. */
  readonly limit?: Size
  /** Address at which the heap begins, when what the module says of it is not to be taken. In bytes. */
  readonly heapBase?: number
  /**
   * Have all of the module optimised by `wasm-opt` at this level, which takes time (SQLite: many seconds). Default: the
   * program's own code stays as it is but for calls of malloc and free, whose straight ways are written in; '0': not
   * even that.
   */
  readonly optimize?: OptimizeLevel
  /** Leave names of functions out. Default false: a module that has names keeps them. */
  readonly stripNames?: boolean
  /** Is called before each step. */
  readonly onStep?: (step: LinkStep) => void
}

const OPTION_NAMES: readonly (keyof LinkOptions)[] = ['mode', 'limit', 'heapBase', 'optimize', 'stripNames', 'onStep']

/** Bytes of a module on its way. */
export interface LinkSizes {
  readonly input: number
  /** Without the old allocator, and without DWARF, which a change of the code makes wrong. */
  readonly withoutAllocator: number
  /** With all of the kernel. */
  readonly merged: number
  readonly output: number
}

export interface LinkResult {
  /** The linked module. */
  readonly bytes: Uint8Array
  /** Functions of the old allocator, each now the kernel's of that role. */
  readonly replaced: readonly AllocatorFunction[]
  /** Names of the functions that only the old allocator called, and that are gone. */
  readonly removed: readonly string[]
  readonly heapBase: HeapBase
  /** Undefined: none but the memory's own. */
  readonly limitBytes: number | undefined
  /** Undefined: the program's own code is as it was but for inlined calls. */
  readonly optimize: OptimizeLevel | undefined
  readonly sizes: LinkSizes
}

/** Names that stand in no module but while it is made. */
const GUEST_NAME = 'heapwright:guest'
const MEMORY_NAME = 'heapwright:memory'
const START_NAME = `${KERNEL_PREFIX}start`
const BEGIN_NAME = `${KERNEL_PREFIX}heapwright_begin`
const CHOOSE_MODE = 'hw_choose_mode'
const CHOOSE_MODE_NAME = `${KERNEL_PREFIX}${CHOOSE_MODE}`
/** Their straight ways are short; the rest of the kernel is called. */
const INLINED = [`${KERNEL_PREFIX}malloc`, `${KERNEL_PREFIX}free`]
/** Nodes of code up to which these are inlined: their straight ways, with calls of the long ones, have about 60. */
const INLINE_MAX_NODES = 200

const NO_LIMIT = 0xffff_ffff
/** The smallest heap has a few pages. */
const LEAST_SEARCH_BYTES = 2 ** 20
const MEMORY_MAX_PAGES = 65_536
const EXPORT_KINDS = ['function', 'table', 'memory', 'global', 'tag'] as const

/**
 * Joins the kernel to a module in place of its allocator.
 * @param bytes the module, which stays as it is
 * @throws ModuleError when the module cannot be linked: what and where
 * @throws ArgumentError for an option that is out of range
 */
export async function linkModule(bytes: Uint8Array, options: LinkOptions = {}): Promise<LinkResult> {
  checkOptions('options', options, OPTION_NAMES)
  const { onStep, optimize, stripNames = false } = options
  if (optimize !== undefined && !OPTIMIZE_LEVELS.includes(optimize)) {
    throw new ArgumentError('optimize', optimize, `one of ${OPTIMIZE_LEVELS.join(', ')}`)
  }
  const limitBytes = limitOf(options.limit)
  onStep?.('inspect')
  const module = inspectModule(bytes)
  checkReplaceable(module)
  if (!WebAssembly.validate(bytes as BufferSource)) throw new ModuleError('it is not valid WebAssembly')
  const kernel = kernelFor(module)
  const mode = objectModeNumber(kernel, options.mode)
  checkImports(module, inspectModule(kernel))
  const heapBase = baseOf(module, options.heapBase)
  rehearse(kernel, module, heapBase, limitBytes)
  const binaryen = await loadBinaryen()
  onStep?.('replace')
  const replaced = replaceIn(module)
  onStep?.('merge')
  // The kernel with objects looks at their map with SIMD.
  const features = [...new Set([...featuresOf(module), ...featuresOf(inspectModule(kernel))])].sort()
  const merged = await merge(replaced.bytes, kernel, features)
  const linker = new Linker(binaryen, module, features)
  const isInlining = optimize !== '0'
  if (isInlining) onStep?.('inline')
  const hasNames = module.hasNames && !stripNames
  let output = linker.finish(merged, { heapBase, limitBytes, mode, isInlining, hasNames })
  if (optimize !== undefined && optimize !== '0') {
    onStep?.('optimize')
    const names = hasNames ? ['-g'] : []
    const input = { name: 'input.wasm', bytes: output }
    const args = ['input.wasm', `-O${optimize}`, ...names, ...featureOptions(features)]
    output = await runBinaryenTool('wasm-opt', [input], args)
  }
  onStep?.('check')
  checkOutput(module, output)
  return {
    bytes: output,
    replaced: replaced.replaced,
    removed: replaced.removed,
    heapBase,
    limitBytes,
    optimize,
    sizes: {
      input: bytes.length,
      withoutAllocator: replaced.bytes.length,
      merged: merged.length,
      output: output.length,
    },
  }
}

function limitOf(limit: Size | undefined): number | undefined {
  if (limit === undefined) return undefined
  const bytes = parseSize(limit, 'limit')
  if (bytes <= ADDRESS_LIMIT) return bytes
  throw new ArgumentError('limit', limit, `at most ${ADDRESS_LIMIT} bytes`)
}

/** Everything that the module imports from the kernel is there, with that type. */
function checkImports(module: GuestModule, kernel: GuestModule): void {
  const roles = new Set(module.allocator.map(({ index }) => index))
  for (const { module: from, name, kind, index } of module.imports) {
    if (from !== KERNEL_MODULE || (kind === 'function' && roles.has(index))) continue
    const found = kernel.exports.find((one) => one.name === name && one.kind === kind)
    if (!found) throw new ModuleError(`the kernel has no ${kind} of that name`, `import '${from}.${name}'`)
    const [wanted, given] = [typeOf(module, index), typeOf(kernel, found.index)]
    if (isSameType(wanted, given)) continue
    const types = `${formatType(given)} is expected, ${formatType(wanted)} found`
    throw new ModuleError(`it has another type than the kernel's: ${types}`, `import '${from}.${name}'`)
  }
}

function objectModeNumber(kernel: Uint8Array, mode: ObjectModeName | undefined): number {
  if (mode === undefined) return 0
  if (!OBJECT_MODE_NAMES.includes(mode)) throw new ArgumentError('mode', mode, `one of ${OBJECT_MODE_NAMES.join(', ')}`)
  if (inspectModule(kernel).exports.some(({ name }) => name === CHOOSE_MODE)) return modeNumber(mode)
  throw new ModuleError('a mode is for programs with collected objects, and it imports no calls for those')
}

/**
 * Where the heap begins. Throws `ModuleError` when data stands behind what the module says, `ArgumentError` for what is
 * no address, and for one inside the module's own data or stack.
 */
export function baseOf(module: GuestModule, asked: number | undefined): HeapBase {
  if (asked === undefined) {
    const { heapBase, data } = module
    const behind = data.find((one) => one.address !== undefined && one.address + one.bytes > heapBase.address)
    if (!behind) return heapBase
    throw new ModuleError(
      `data stands at ${behind.address}, behind __heap_base at ${heapBase.address}: blocks of the old allocator, it ` +
        'seems, from a program that was run and saved. Link the module before it is saved, or say where the heap begins',
    )
  }
  if (!Number.isInteger(asked) || asked <= 0 || asked >= 2 ** 32) {
    throw new ArgumentError('heapBase', asked, 'an address, a whole number of bytes below 4 GiB')
  }
  const least = ownEnd(module)
  if (asked >= least) return { foundBy: 'option', address: asked }
  throw new ArgumentError('heapBase', asked, `at least ${least} (0x${least.toString(16)}), behind its data and stack`)
}

/** Begins a heap in a memory of the same limits. Throws `ModuleError` when it does not, and nothing of the kind would. */
function rehearse(
  kernel: Uint8Array,
  { memory }: GuestModule,
  { address, foundBy }: HeapBase,
  limitBytes: number | undefined,
): void {
  const { initialPages = 0, maximumPages } = memory ?? {}
  const maximum = Math.min(maximumPages ?? MEMORY_MAX_PAGES, MEMORY_MAX_PAGES)
  const compiled = new WebAssembly.Module(kernel as BufferSource)
  const canBegin = (limit: number) => {
    const instance = new WebAssembly.Instance(compiled, { env: { memory: makeMemory({ initialPages, maximum }) } })
    const begin = instance.exports.heapwright_begin as (base: number, limit: number) => number
    return begin(address, limit) === 0
  }
  if (canBegin(limitBytes ?? NO_LIMIT)) return
  for (let bytes = PAGE_BYTES; limitBytes !== undefined && bytes <= LEAST_SEARCH_BYTES; bytes += PAGE_BYTES) {
    if (bytes > limitBytes && canBegin(bytes)) throw new ArgumentError('limit', limitBytes, `at least ${bytes} bytes`)
  }
  const where = `${address} (${BASE_TEXTS[foundBy]})`
  const room = maximum * PAGE_BYTES - address
  throw new ModuleError(
    `no heap can begin at address ${where}: ` +
      (limitBytes === undefined
        ? `the memory may have ${maximum} pages of 64 KiB at most, which leaves ${Math.max(room, 0)} bytes; build the ` +
          'module with a larger maximum (-Wl,--max-memory=…)'
        : `with a limit of ${limitBytes} bytes, and a memory of ${initialPages} to ${maximum} pages of 64 KiB`),
    'memory',
  )
}

function makeMemory({ initialPages, maximum }: { initialPages: number; maximum: number }): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: initialPages, maximum })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ModuleError(`a memory of ${initialPages} pages of 64 KiB cannot be made: ${reason}`, 'memory', {
      cause: error,
    })
  }
}

/** How the heap's base was found, in words. */
export const BASE_TEXTS: Readonly<Record<HeapBase['foundBy'], string>> = {
  export: 'its __heap_base',
  'stack-pointer': 'behind its data and stack',
  'memory-end': 'the end of its memory',
  option: 'as asked for',
}

async function merge(guest: Uint8Array, kernel: Uint8Array, features: readonly string[]): Promise<Uint8Array> {
  const { sections } = inspectModule(guest)
  const inputs = [
    { name: 'guest.wasm', bytes: exportMemory(guest, sections, MEMORY_NAME) },
    { name: 'kernel.wasm', bytes: mergeableKernel(kernel, { module: GUEST_NAME, name: MEMORY_NAME }) },
  ]
  // The guest's exports come first, and keep their names; the kernel's go again. Skipped, they would not be found.
  const options = ['-g', '--rename-export-conflicts', ...featureOptions(features)]
  const modules = ['guest.wasm', GUEST_NAME, 'kernel.wasm', KERNEL_MODULE]
  return runBinaryenTool('wasm-merge', inputs, [...modules, ...options])
}

interface Finish {
  readonly heapBase: HeapBase
  readonly limitBytes: number | undefined
  /** Number of the mode of the objects; 0 leaves it to the program. */
  readonly mode: number
  readonly isInlining: boolean
  readonly hasNames: boolean
}

/** Changes of a merged module in Binaryen's library. */
class Linker {
  readonly #binaryen: BinaryenLibrary
  readonly #module: GuestModule
  readonly #features: readonly string[]

  constructor(binaryen: BinaryenLibrary, module: GuestModule, features: readonly string[]) {
    this.#binaryen = binaryen
    this.#module = module
    this.#features = features
  }

  finish(merged: Uint8Array, how: Finish): Uint8Array {
    const target = readModule(this.#binaryen, merged)
    try {
      target.setFeatures(featureBits(this.#features))
      this.#keepExports(target)
      this.#addStart(target, how)
      target.runPasses(['remove-unused-module-elements'])
      if (how.isInlining) this.#inline(target)
      return emitModule(this.#binaryen, target, how.hasNames)
    } finally {
      target.dispose()
    }
  }

  /** Exports are the guest's own and the heap's address. */
  #keepExports(target: BinaryenModule): void {
    const own = new Set([HEAP_EXPORT, ...this.#module.exports.map(({ name }) => name)])
    const all = Array.from({ length: target.getNumExports() }, (_, i) =>
      this.#binaryen.getExportInfo(target.getExportByIndex(i)),
    )
    for (const { name } of all) if (!own.has(name)) target.removeExport(name)
  }

  /** Begins the heap before anything else runs. When it cannot, there is none, and every request is answered with 0. */
  #addStart(target: BinaryenModule, { heapBase, limitBytes = NO_LIMIT, mode }: Finish): void {
    const { i32, none, getFunctionInfo } = this.#binaryen
    const number = (value: number) => target.i32.const(value | 0)
    const base = heapBase.foundBy === 'memory-end' ? this.#memoryEnd(target) : number(heapBase.address)
    const body = [target.drop(target.call(BEGIN_NAME, [base, number(limitBytes)], i32))]
    if (mode !== 0) body.push(target.drop(target.call(CHOOSE_MODE_NAME, [number(mode)], i32)))
    const old = target.getStart()
    if (old !== 0) body.push(target.call(getFunctionInfo(old).name, [], none))
    target.setStart(target.addFunction(START_NAME, none, none, [], target.block(null, body)))
  }

  /** Where the memory ends when the module starts; of one of 4 GiB its last page. */
  #memoryEnd(target: BinaryenModule): number {
    const most = target.i32.const(MEMORY_MAX_PAGES - 1)
    const isLess = target.i32.lt_u(target.memory.size(), target.i32.const(MEMORY_MAX_PAGES))
    const pages = target.select(isLess, target.memory.size(), most)
    return target.i32.shl(pages, target.i32.const(Math.log2(PAGE_BYTES)))
  }

  /**
   * Writes malloc and free into their callers. Binaryen inlines what is small enough wherever it finds it, so all other
   * functions are marked as not to be; the library's settings are as before afterwards.
   */
  #inline(target: BinaryenModule): void {
    const binaryen = this.#binaryen
    const before = [binaryen.getOptimizeLevel(), binaryen.getShrinkLevel(), binaryen.getAlwaysInlineMaxSize()] as const
    try {
      for (let i = 0; i < target.getNumFunctions(); i++) {
        const { name } = binaryen.getFunctionInfo(target.getFunctionByIndex(i))
        if (INLINED.includes(name)) continue
        binaryen.setPassArgument('no-inline', name)
        target.runPasses(['no-inline'])
      }
      binaryen.setOptimizeLevel(2)
      binaryen.setShrinkLevel(0)
      binaryen.setAlwaysInlineMaxSize(INLINE_MAX_NODES)
      target.runPasses(['inlining-optimizing', 'remove-unused-module-elements'])
    } finally {
      binaryen.setPassArgument('no-inline', null)
      binaryen.setOptimizeLevel(before[0])
      binaryen.setShrinkLevel(before[1])
      binaryen.setAlwaysInlineMaxSize(before[2])
    }
  }
}

/** Throws `ModuleError` when what was made is not what was promised. */
function checkOutput(module: GuestModule, output: Uint8Array): void {
  if (!WebAssembly.validate(output as BufferSource)) {
    throw new ModuleError('the linked module is not valid for this engine', 'output')
  }
  const linked = inspectModule(output)
  const known = new Set(module.imports.map(({ module: from, name, kind }) => `${kind} ${from}.${name}`))
  const added = linked.imports.find(({ module: from, name, kind }) => !known.has(`${kind} ${from}.${name}`))
  if (added) throw new ModuleError(`the linked module imports '${added.module}.${added.name}'`, 'output')
  for (const kind of EXPORT_KINDS) {
    const names = (of: GuestModule) => of.exports.filter((one) => one.kind === kind).map(({ name }) => name)
    const missing = names(module).find((name) => !names(linked).includes(name))
    if (missing !== undefined) throw new ModuleError(`the linked module lacks the ${kind} '${missing}'`, 'output')
  }
}

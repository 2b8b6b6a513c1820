/**
 * Takes the allocator out of a module: `replaceAllocator`.
 *
 * Every function of the allocator becomes an import from `heapwright` under its C name: calls, table entries and exports
 * that named it then mean the import. What only the old allocator called is removed. What of it is still reachable
 * afterwards makes the module unfit (`remains.ts`), since two allocators that do not know of each other would share
 * blocks.
 */
import { type BinaryenLibrary, type BinaryenModule, loadBinaryen } from '../platform/binaryen.js'
import { ModuleError } from './errors.js'
import { type AllocatorFunction, type GuestModule, inspectModule, KERNEL_MODULE } from './module.js'
import { checkNothingRemains, findReachable } from './remains.js'
import { ALLOCATING_ROLES, formatType, isSameType, typeOfRole } from './roles.js'
import { typeOf } from './sections.js'

/** A module whose allocator is imported. */
export interface ReplacedModule {
  /** The module, which imports from `heapwright` what is listed in `replaced`, each under the name of its role. */
  readonly bytes: Uint8Array
  readonly replaced: readonly AllocatorFunction[]
  /** Names of the functions that only the old allocator called, and that are gone. */
  readonly removed: readonly string[]
}

/**
 * Makes imports of a module's allocator.
 * @param bytes the module
 * @throws ModuleError when it is no module, has no allocator that can be found, has one with unexpected types, when a
 * part of it would stay reachable, when its memory is not one that a heap can share, and when binaryen is not installed
 */
export async function replaceAllocator(bytes: Uint8Array): Promise<ReplacedModule> {
  const module = inspectModule(bytes)
  checkReplaceable(module)
  return replaceIn(await loadBinaryen(), module)
}

/** The same for a module that is known to be fit. */
export function replaceIn(binaryen: BinaryenLibrary, module: GuestModule): ReplacedModule {
  const gone = findGone(module)
  return {
    bytes: rewrite(binaryen, module, gone),
    replaced: module.allocator,
    removed: gone.map((index) => module.nameOf(index)),
  }
}

/** Throws `ModuleError` unless the module's allocator can be replaced, and its memory can have a heap. */
export function checkReplaceable(module: GuestModule): void {
  if (module.isLinked) throw new ModuleError('it is linked with Heapwright already')
  checkMemory(module)
  checkAllocator(module)
  checkNothingRemains(module)
}

/** Throws `ModuleError` unless it has one memory, of 32-bit addresses and of its own thread. */
export function checkMemory({ memories, memory }: GuestModule): void {
  if (!memory) throw new ModuleError('it has no memory, so there is nothing to allocate')
  if (memories.length > 1) {
    throw new ModuleError(`it has ${memories.length} memories, and which of them blocks lie in cannot be known`)
  }
  if (memory.is64) throw new ModuleError('its memory has 64-bit addresses (memory64); the heap is one of 32 bits')
  if (memory.isShared) throw new ModuleError('its memory is shared between threads; the heap is for one thread')
}

/** Throws `ModuleError` unless the functions of the allocator have the types of C's. */
export function checkTypes(module: GuestModule): void {
  const { allocator } = module
  for (const { index, name, role } of allocator) {
    const found = typeOf(module, index)
    const expected = typeOfRole(role)
    if (isSameType(found, expected)) continue
    const types = `${formatType(expected)} is expected, ${formatType(found)} found`
    throw new ModuleError(`it is taken for the program's ${role}, but has another type: ${types}`, `function '${name}'`)
  }
}

function checkAllocator(module: GuestModule): void {
  checkTypes(module)
  const { allocator } = module
  // What asks the kernel itself need not use malloc.
  const usesKernel = module.imports.some((one) => one.module === KERNEL_MODULE)
  if (usesKernel || allocator.some(({ role }) => ALLOCATING_ROLES.has(role))) return
  throw new ModuleError(
    module.hasNames
      ? 'no allocator was found: it neither imports nor exports nor contains malloc, or one of its relatives, by name'
      : 'no allocator was found: the module has no names, and imports or exports no malloc. ' +
          'Build it without --strip-debug or -s, or export the allocator (-Wl,--export=malloc,--export=free)',
  )
}

/** Functions that only the old allocator called: reachable with it, unreachable without. */
function findGone(module: GuestModule): number[] {
  const old = new Set(module.allocator.map(({ index }) => index))
  const before = findReachable(module, new Set())
  const after = findReachable(module, old)
  return [...before.keys()].filter((index) => !after.has(index) && !old.has(index) && index >= module.importedFunctions)
}

function rewrite(binaryen: BinaryenLibrary, module: GuestModule, gone: readonly number[]): Uint8Array {
  const target = readModule(binaryen, module.bytes)
  try {
    const inside = (index: number) => binaryen.getFunctionInfo(target.getFunctionByIndex(index)).name
    const imports = module.allocator.map(({ index, role }) => ({ name: inside(index), role }))
    const removed = gone.map(inside)
    for (const { name, role } of imports) {
      const { params, results } = typeOfRole(role)
      const types = [params, results].map((values) => binaryen.createType(values.map(() => binaryen.i32)))
      target.removeFunction(name)
      target.addFunctionImport(name, KERNEL_MODULE, role, types[0] as number, types[1] as number)
    }
    for (const name of removed) target.removeFunction(name)
    // Places in the code that DWARF speaks of are others now.
    target.runPasses(['strip-dwarf'])
    return emitModule(binaryen, target, module.hasNames)
  } finally {
    target.dispose()
  }
}

/** Reads a module into Binaryen's library. Throws `ModuleError` with what it says when it cannot. */
export function readModule(binaryen: BinaryenLibrary, bytes: Uint8Array): BinaryenModule {
  try {
    return binaryen.readBinary(bytes)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String((error as { message?: unknown })?.message ?? error)
    throw new ModuleError(`binaryen cannot read it: ${reason}`, 'module', { cause: error })
  }
}

/** Emits a module, with names or without. The library's settings are as before afterwards. */
export function emitModule(binaryen: BinaryenLibrary, target: BinaryenModule, hasNames: boolean): Uint8Array {
  const before = binaryen.getDebugInfo()
  binaryen.setDebugInfo(hasNames)
  try {
    return target.emitBinary()
  } finally {
    binaryen.setDebugInfo(before)
  }
}

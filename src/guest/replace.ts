/**
 * Takes the allocator out of a module: `replaceAllocator`.
 *
 * Every function of the allocator becomes an import from `heapwright` under its C name: calls, table entries and exports
 * that named it then mean the import (`import-allocator.ts`). What only the old allocator called is removed, with what
 * nothing ever reached. What of it is still reachable afterwards makes the module unfit (`remains.ts`), since two
 * allocators that do not know of each other would share blocks.
 */
import { ModuleError } from './errors.js'
import { importAllocator } from './import-allocator.js'
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
 * part of it would stay reachable, and when its memory is not one that a heap can share
 */
export function replaceAllocator(bytes: Uint8Array): ReplacedModule {
  const module = inspectModule(bytes)
  checkReplaceable(module)
  return replaceIn(module)
}

/** The same for a module that is known to be fit. */
export function replaceIn(module: GuestModule): ReplacedModule {
  const old = new Set(module.allocator.map(({ index }) => index))
  const before = findReachable(module, new Set())
  const after = findReachable(module, old)
  const isGone = (index: number) => !after.has(index) && !old.has(index) && index >= module.importedFunctions
  const kept = new Set([...after.keys()].filter((index) => !old.has(index)))
  return {
    bytes: importAllocator(module, kept),
    replaced: module.allocator,
    removed: [...before.keys()].filter(isGone).map((index) => module.nameOf(index)),
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

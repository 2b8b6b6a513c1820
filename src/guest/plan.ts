/**
 * What is done with a module before it can run: whether it is a program at all, where its allocator comes from, and
 * that somebody provides everything that it imports. Nothing of the module runs here.
 */

import { isWasiModule, type WasiModuleName } from '../platform/wasi.js'
import { ModuleError } from './errors.js'
import { baseOf } from './link.js'
import { type GuestModule, type HeapBase, inspectModule, KERNEL_MODULE } from './module.js'
import { checkReplaceable, replaceAllocator } from './replace.js'
import { ALLOCATING_ROLES, roleOfName } from './roles.js'
import { type GuestImport, type GuestMemory, type ModuleTables, readSections } from './sections.js'

/**
 * Where a program's blocks come from:
 * `replaced` its allocator was taken out of it; `imported` it imports one; `linked` Heapwright was linked with it;
 * `own` no allocator was found in it, so it has none, or one of its own that nobody watches.
 */
export type AllocatorSource = 'replaced' | 'imported' | 'linked' | 'own'

/** A module that is ready to be run. */
export interface GuestPlan {
  readonly name: string
  readonly bytes: Uint8Array
  readonly tables: ModuleTables
  readonly memory: GuestMemory
  readonly heapBase: HeapBase
  readonly source: AllocatorSource
  /** The functions of the allocator, by the names that the module has for them. */
  readonly functions: readonly string[]
  /** The module that its WASI functions are imported from. */
  readonly wasi: WasiModuleName
  /** Whether it uses the objects of the kernel. */
  readonly hasObjects: boolean
  /** Whether its own code can make its memory grow. */
  growsMemory(): boolean
}

/** What the kernel with objects provides beside the allocator's functions. */
const OBJECT_FUNCTION = /^hw_/

/** Whether an import is one of the calls for collected objects. */
export function isOfObjects({ module, name, kind }: Pick<GuestImport, 'module' | 'name' | 'kind'>): boolean {
  return kind === 'function' && module === KERNEL_MODULE && OBJECT_FUNCTION.test(name)
}

/** @throws ModuleError: it is no module, no program, imports what nobody has, or its allocator cannot be replaced */
export function planGuest(bytes: Uint8Array, name: string): GuestPlan {
  const guest = inspectModule(bytes)
  const memory = checkProgram(guest)
  checkImports(guest)
  const source = sourceOf(guest)
  const replaced = source === 'replaced' ? replaceAllocator(bytes).bytes : bytes
  if (source === 'imported' && guest.allocator.length > 0) checkReplaceable(guest)
  return {
    name,
    bytes: replaced,
    tables: replaced === bytes ? guest : readSections(replaced),
    memory,
    heapBase: source === 'replaced' || source === 'imported' ? baseOf(guest, undefined) : guest.heapBase,
    source,
    functions: source === 'linked' ? [] : functionsOf(guest),
    wasi: wasiModuleOf(guest),
    hasObjects: guest.imports.some(isOfObjects),
    growsMemory: () => guest.functionTypes.some((_, index) => guest.scan(index).growsMemory),
  }
}

/** The allocator's, and those of objects. */
function functionsOf({ allocator, imports }: GuestModule): string[] {
  return [...allocator.map(({ name }) => name), ...imports.filter(isOfObjects).map(({ name }) => name)]
}

function sourceOf({ isLinked, allocator, imports }: GuestModule): AllocatorSource {
  if (isLinked) return 'linked'
  // Its objects lie in a heap, whoever gives it blocks.
  if (allocator.length === 0 && imports.some(isOfObjects)) return 'imported'
  if (!allocator.some(({ role }) => ALLOCATING_ROLES.has(role))) return 'own'
  return allocator.every(({ foundBy }) => foundBy === 'import') ? 'imported' : 'replaced'
}

function wasiModuleOf({ imports }: GuestModule): WasiModuleName {
  const names = [...new Set(imports.map(({ module }) => module).filter(isWasiModule))]
  if (names.length <= 1) return names[0] ?? 'wasi_snapshot_preview1'
  throw new ModuleError(`it imports from both ${names.join(' and ')}`, 'imports')
}

/** A program for WASI exports `_start` and has one memory. */
function checkProgram({ exports, memories, memory }: GuestModule): GuestMemory {
  const functions = exports.filter(({ kind }) => kind === 'function').map(({ name }) => name)
  if (!functions.includes('_start')) {
    const what = functions.includes('_initialize')
      ? 'it is a library (a reactor): it exports _initialize for programs that call it, and no _start to be run'
      : 'it is no program for WASI: it exports no function _start to be run'
    throw new ModuleError(functions.length > 0 ? `${what}; its functions: ${someOf(functions)}` : what)
  }
  if (!memory) throw new ModuleError('it has no memory, which a program for WASI needs')
  if (memories.length > 1) throw new ModuleError(`it has ${memories.length} memories; a program for WASI has one`)
  if (memory.is64) throw new ModuleError('its memory has 64-bit addresses (memory64), which WASI preview 1 has not')
  if (memory.isShared) throw new ModuleError('its memory is shared between threads, which run does not start')
  return memory
}

/** Whether somebody provides an import; what WASI itself lacks shows when the module is made. */
function isProvided({ module, name, kind }: GuestImport): boolean {
  if (kind === 'memory') return true
  if (kind !== 'function') return false
  if (isWasiModule(module) || isOfObjects({ module, name, kind })) return true
  if (module !== KERNEL_MODULE && module !== 'env') return false
  return roleOfName(name) !== undefined
}

function checkImports({ imports }: GuestModule): void {
  const unknown = imports.filter((found) => !isProvided(found))
  if (unknown.length === 0) return
  const names = unknown.map(({ module, name, kind }) => `${module}.${name}${kind === 'function' ? '' : ` (${kind})`}`)
  const isEmscripten = unknown.some(({ module, name }) => module === 'env' && /^emscripten_|^_*syscall/.test(name))
  throw new ModuleError(
    `it imports what nobody provides: ${someOf(names)}. A program that is run may import WASI preview 1 ` +
      `(wasi_snapshot_preview1), and an allocator from heapwright or env` +
      (isEmscripten ? '; of Emscripten, build it with -sSTANDALONE_WASM' : ''),
    'imports',
  )
}

const SHOWN_MAX = 12

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_MAX).join(', ')
  return names.length > SHOWN_MAX ? `${shown} and ${names.length - SHOWN_MAX} more` : shown
}

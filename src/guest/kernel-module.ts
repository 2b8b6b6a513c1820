/**
 * The kernel as a module to be merged into another: its memory is imported from there, and its functions have names.
 *
 * In profiles and stacks a function of the kernel is called `heapwright:malloc`, or by its number where it is internal.
 */
import { GUEST_OBJECTS_RELEASE_BASE64, GUEST_RELEASE_BASE64 } from './kernel-bytes.generated.js'
import { type GuestModule, inspectModule, KERNEL_MODULE } from './module.js'
import { roleOfName } from './roles.js'
import { CUSTOM_SECTION, concatenate, IMPORT_SECTION, rebuild, section, sized, text, u32 } from './section-writer.js'

/** What the names of the kernel's functions begin with in a linked module. */
export const KERNEL_PREFIX = 'heapwright:'

const MEMORY_KIND = 2
/** Limits of a memory: of any size, without a maximum. */
const ANY_SIZE = [0, 0]
const NAMES_OF_FUNCTIONS = 1

/** Where a module's memory comes from. */
export interface MemorySource {
  readonly module: string
  readonly name: string
}

/** The kernel that a module needs: with objects when it imports any of their calls, which are not the C library's. */
export function kernelFor({ imports }: Pick<GuestModule, 'imports'>): Uint8Array {
  const hasObjects = imports.some(({ module, name }) => module === KERNEL_MODULE && roleOfName(name) === undefined)
  const base64 = hasObjects ? GUEST_OBJECTS_RELEASE_BASE64 : GUEST_RELEASE_BASE64
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** The kernel, whose one import is its memory, with that imported from `source`, and with names. */
export function mergeableKernel(kernel: Uint8Array, { module, name }: MemorySource): Uint8Array {
  const { sections, functionTypes, exports } = inspectModule(kernel)
  const imports = section(IMPORT_SECTION, [1, ...text(module), ...text(name), MEMORY_KIND, ...ANY_SIZE])
  const names = new Map(exports.filter(({ kind }) => kind === 'function').map((one) => [one.index, one.name]))
  const named = functionTypes.map((_, index) => [
    ...u32(index),
    ...text(`${KERNEL_PREFIX}${names.get(index) ?? index}`),
  ])
  const functions = [NAMES_OF_FUNCTIONS, ...sized([...u32(named.length), ...named.flat()])]
  return concatenate([
    rebuild(kernel, sections, ({ id }, whole) => [id === IMPORT_SECTION ? imports : whole]),
    section(CUSTOM_SECTION, [...text('name'), ...functions]),
  ])
}

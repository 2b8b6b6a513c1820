/** `heapwright/guest`: reads, links and changes WebAssembly modules that use an allocator. */

export { ModuleError } from './errors.js'
export type { Forward, FunctionScan, StaticAccess } from './function-scan.js'
export {
  type LinkOptions,
  type LinkResult,
  type LinkSizes,
  type LinkStep,
  linkModule,
  type ObjectModeName,
  type OptimizeLevel,
} from './link.js'
export {
  type AllocatorFunction,
  type FoundBy,
  type GuestModule,
  type HeapBase,
  inspectModule,
} from './module.js'
export { type ReplacedModule, replaceAllocator } from './replace.js'
export type { AllocatorRole } from './roles.js'
export type {
  DataSegment,
  ExternalKind,
  FunctionType,
  GuestExport,
  GuestGlobal,
  GuestImport,
  GuestMemory,
  ModuleTables,
  Section,
  ValueType,
} from './sections.js'

/** `heapwright/guest`: reads, links, changes, runs and checks WebAssembly modules that use an allocator. */

export {
  type BlockReport,
  type CheckOptions,
  type CheckReport,
  checkModule,
  FAULT_KINDS,
  type FaultKind,
  type FaultReport,
  type FoundAt,
  formatCheckReport,
  type LeakSum,
  type StackFrame,
} from './check/index.js'
export { ModuleError } from './errors.js'
export type { Forward, FunctionScan, StaticAccess } from './function-scan.js'
export {
  type LinkOptions,
  type LinkResult,
  type LinkSizes,
  type LinkStep,
  linkModule,
  type OptimizeLevel,
} from './link.js'
export {
  type AllocatorFunction,
  type FoundBy,
  type GuestModule,
  type HeapBase,
  inspectModule,
} from './module.js'
export type { AllocatorSource } from './plan.js'
export { type ReplacedModule, replaceAllocator } from './replace.js'
export type { AllocatorRole } from './roles.js'
export { EXIT_TRAP, type GuestTrap, type RunOptions, type RunResult, runModule } from './run.js'
export type { AllocatorUse, GuestHeapFigures, GuestMemoryFigures, GuestObjectFigures } from './run-figures.js'
export type { ObjectModeName, RunMode } from './run-modes.js'
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
export type { GuestFrame } from './stack.js'

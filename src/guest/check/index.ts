/** The memory checker for WebAssembly programs, as `heapwright/guest` has it. */
export { type CheckReport, checkModule, type LeakSum } from './check.js'
export {
  type BlockReport,
  FAULT_KINDS,
  type FaultKind,
  type FaultReport,
  type FoundAt,
} from './faults.js'
export type { CheckOptions } from './options.js'
export { formatCheckReport } from './report-text.js'
export type { StackFrame } from './stacks.js'

/** The public names of Heapwright. */
export type { CheckedAccess, LiveView, MemoryAccess, TypedArray, TypedArrayConstructor } from './access.js'
export type { Arena, ArenaMark, ArenaOptions, FixedArena, FixedArenaOptions } from './arena.js'
export {
  alignUp,
  Bitmap,
  type BlockSource,
  FixedArray,
  type FixedArrayOptions,
  type ItemKind,
  LinkedList,
  type Place,
  RingBuffer,
  type RingBufferOptions,
} from './bits.js'
export {
  ArgumentError,
  ClosedError,
  CorruptionError,
  type ErrorCode,
  HeapwrightError,
  InvalidAddressError,
  type InvalidAddressReason,
  MisalignmentError,
  OutOfMemoryError,
} from './errors.js'
export type { CloseEvent, GrowEvent, HeapEventName, HeapEvents, Listener, Reclaimer, ResetEvent } from './events.js'
export type { BlockGuard, Guard } from './guard.js'
export { Heap } from './heap.js'
export { MODES, type Mode, type ModeOptions, OPTIONS, type OptionDescriptor } from './modes.js'
export type { Pool, PoolOptions, PoolStats } from './pool.js'
export type { RawAccess } from './raw.js'
export { formatBytes, parseSize } from './sizes.js'
export { METRICS, type Metric, type MetricName } from './stats.js'
export {
  type Address,
  type AttachOptions,
  type BlockInfo,
  type Bytes,
  type GrowthKnob,
  type HeapOptions,
  type HeapStats,
  type ModeName,
  NULL,
  type OutOfMemoryFigures,
  type Size,
  type SizeClasses,
  type SizeClassStats,
  type TestingOptions,
  type VerifyResult,
} from './types.js'
export { VERSION } from './version.js'

/** The public names of Heapwright. */
export type { CheckedAccess, LiveView, MemoryAccess, TypedArray, TypedArrayConstructor } from './access.js'
export type { Arena, ArenaMark, ArenaOptions, FixedArena, FixedArenaOptions } from './arena.js'
export {
  alignUp,
  type BigintItemKind,
  Bitmap,
  type BlockSource,
  FixedArray,
  type FixedArrayOptions,
  type ItemKind,
  type ItemOf,
  LinkedList,
  type NumberItemKind,
  type Place,
  RingBuffer,
  type RingBufferOptions,
  type SpliceOptions,
} from './bits.js'
export {
  AUTO_MODES,
  type AutoMode,
  type ChosenOptions,
  chooseMode,
  type Facts,
  MODE_RULES,
  type ModeChoice,
  type ModeRule,
  type Wishes,
} from './choose.js'
export type { Clock } from './clock.js'
export {
  ArgumentError,
  ClosedError,
  CorruptionError,
  CountError,
  type ErrorCode,
  FileError,
  HeapwrightError,
  ImageError,
  type ImageErrorReason,
  InvalidAddressError,
  type InvalidAddressReason,
  MisalignmentError,
  OutOfMemoryError,
  PlatformError,
  ProtectionError,
  ScopeError,
  StaleHandleError,
  type StaleHandleReason,
  TenantLimitError,
  UnsupportedError,
} from './errors.js'
export type {
  AllocatedEvent,
  AllocationKind,
  CloseEvent,
  CollectBeginEvent,
  CollectTenantsEvent,
  FreedEvent,
  GrowEvent,
  HeapEventName,
  HeapEvents,
  LimitEvent,
  Listener,
  PressureEvent,
  PressureLevel,
  Reclaimer,
  ResetEvent,
  TenantEndCause,
  TenantEvent,
  TrimEvent,
} from './events.js'
export type { Adoptable, ForkOptions, ForkResult } from './fork.js'
export type { AllocationProfile, ProfileFrame, ProfileSample } from './formats/allocation-profile.js'
export { FormatError } from './formats/format-error.js'
export type {
  HeapProfile,
  HeapProfileFrame,
  HeapProfileKind,
  HeapProfileNode,
  HeapProfileSample,
} from './formats/heapprofile.js'
export {
  type HeapSnapshot,
  HeapSnapshotReader,
  type IdKind,
  readHeapSnapshot,
  type SnapshotStrings,
} from './formats/heapsnapshot.js'
export { writeHeapSnapshot } from './formats/heapsnapshot-writer.js'
export type { TraceArguments, TraceEvent, TraceEvents } from './formats/trace-events.js'
export type { BlockGuard, Guard } from './guard.js'
export type { GuardedBlock, GuardedOptions } from './guarded.js'
export { Heap, type Tenant } from './heap.js'
export type { DiffOptions, DiffRow, SnapshotDiff } from './inspect/diff.js'
export type { BlockNodes } from './inspect/memory-nodes.js'
export type { Snapshot, SnapshotOptions } from './inspect/snapshot.js'
export { type SnapshotEdge, SnapshotGraph, type SnapshotNode, type TopOptions } from './inspect/snapshot-graph.js'
export type { HistogramRow } from './inspect/snapshot-histogram.js'
export type { Build } from './kernel-instance.js'
export type { FileAccess, MapFileOptions, MappedFile } from './mapped-files.js'
export {
  type InstrumentOptions,
  type MetricMeter,
  type MetricObserver,
  type ObservedHeap,
  registerOpenTelemetry,
} from './metrics/open-telemetry.js'
export { type MetricsDocument, metricsJson, metricsText } from './metrics/plain.js'
export { type PrometheusRegistry, registerPrometheus } from './metrics/prom-client.js'
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from './metrics/prometheus.js'
export type { MetricAttributes, MetricHistogram, MetricOptions, MetricSample } from './metrics/samples.js'
export type { MeasuredHeap, MeasuredHeaps } from './metrics/several.js'
export { describeMetrics, type MetricDescription } from './metrics/table.js'
export { MODES, type Mode, type ModeOptions, OPTIONS, type OptionDescriptor } from './modes.js'
export type { CollectOptions, StepOptions } from './objects/access.js'
export type { CollectionPhase, PhaseTimes } from './objects/bracket.js'
export type { CollectionStats, CollectionStatsOptions, PauseDistribution } from './objects/collection-stats.js'
export type {
  Collection,
  CollectionCause,
  CollectionKind,
  CollectionKindStats,
  PauseStats,
} from './objects/collections.js'
export type { Counted, CycleCollection, CycleOptions } from './objects/counted.js'
export type { CensusRow, ObjectInfo } from './objects/describe.js'
export type { Elements, RecordElements, ReferenceElements, ScalarElements, ValueElements } from './objects/elements.js'
export type { Finalizers, FinalizerToken } from './objects/finalizers.js'
export type { DurationFigures, HistogramBucket } from './objects/histogram.js'
export type { ImageInput, ImageOptions, ImageRoots, LoadedImage } from './objects/images.js'
export {
  type ArrayKind,
  array,
  type BytesKind,
  bool,
  bytes,
  type ElementKind,
  type FieldKind,
  type Fields,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  type RecordFields,
  type RefKind,
  type RefTarget,
  ref,
  type ScalarArray,
  type ScalarKind,
  type ScalarName,
  u8,
  u16,
  u32,
  u64,
  type ValueKind,
  value,
  type WordKind,
} from './objects/kinds.js'
export type { MutatorUtilisation, PauseGoal, PauseKind } from './objects/pauses.js'
export type { Pin, Root, SlotRoot, WeakRoot } from './objects/roots.js'
export type { Scope } from './objects/scope.js'
export type { ShadowStack, ShadowStackOptions } from './objects/shadow-stack.js'
export type { StepResult } from './objects/space.js'
export { type FieldInfo, type Struct, struct } from './objects/struct.js'
export type { Init, View } from './objects/types.js'
export type { ObjectView } from './objects/view.js'
export type { ObjectWeakMap, WeakReference } from './objects/weak.js'
export type { AdviceResult } from './page-calls.js'
export type { Reader } from './platform/cgroup.js'
export { detectMachine, type Figure, type Machine, type Pressure } from './platform/detect.js'
export type { ScanMethod } from './platform/fork-calls.js'
export type { PressureFigures, Stall } from './platform/meminfo.js'
export type {
  FilePart,
  PageAbilities,
  PageAccess,
  PageHintResult,
  PageHints,
  PageSystem,
} from './platform/pages.js'
export type { RuntimeSource, System } from './platform/system.js'
export type {
  AutoCollectOptions,
  CollectionPolicy,
  PolicyCause,
  TenantCollection,
} from './policy.js'
export type { Pool, PoolOptions, PoolStats } from './pool.js'
export type { HeapPressure, PressureOptions } from './pressure.js'
export type { HeapProfileOptions, ProfileOptions, Profiler } from './profile/profiler.js'
export type { RecordTraceOptions, TraceRecorder } from './profile/trace-recorder.js'
export type { Protection } from './protection.js'
export type { RawAccess } from './raw.js'
export type { CollectTenantsOptions } from './relief.js'
export type { HeapServer, ServeOptions } from './serve/options.js'
export { formatBytes, parseSize } from './sizes.js'
export { METRICS, type Metric, type MetricName } from './stats.js'
export type { WriteStatsOptions } from './stats-file.js'
export type { HeapSummary } from './summary.js'
export type { TenantEnd } from './tenancy.js'
export type { TenantLimitChanges, TenantLimits, TenantOptions } from './tenant-options.js'
export type { TrimOptions, TrimResult } from './trim.js'
export type { DecayOptions } from './trim-decay.js'
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
  type StressOptions,
  type TenantEvents,
  type TenantFigures,
  type TenantStats,
  type TestingOptions,
  type VerifyResult,
} from './types.js'
export type { StringFromBytesOptions, Values } from './values/access.js'
export type { BytesArray } from './values/bytes-array.js'
export type { Words } from './values/container-words.js'
export { Dictionary, type DictionaryKeys, type DictionaryOptions } from './values/dictionary.js'
export { type BigintArrayKind, HeapArray, type HeapArrayKind, type NumberArrayKind } from './values/heap-array.js'
export { HeapString } from './values/heap-string.js'
export type { InlineCache } from './values/inline-cache.js'
export type { NumberArray, TypedArrayOf } from './values/number-array.js'
export type { PropertyName } from './values/property-key.js'
export { PropertyObject, type PropertyObjectOptions } from './values/property-object.js'
export type { Value } from './values/value.js'
export type { ValueArray } from './values/value-array.js'
export { WIDE, type WideNumbers } from './values/wide.js'
export type { WideArray } from './values/wide-array.js'
export type { WideWords } from './values/wide-words.js'
export { type Special, WORD, type Word, type WordNumbers } from './values/word.js'
export type { WordCalls } from './values/words.js'
export { VERSION } from './version.js'

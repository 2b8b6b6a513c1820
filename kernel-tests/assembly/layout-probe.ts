/**
 * AssemblyScript, compiled by `layout.test.ts`: the places of the overlays' fields as the compiler sees them, one
 * function per constant of `layout.ts` and `object-layout.ts` that the host reads by.
 */
import { ObjectBlock } from '../../kernel/collect/blocks'
import { PlanState } from '../../kernel/collect/plan-state'
import { Space, TypeInfo } from '../../kernel/object-overlay'
import { SPACE_YOUNG_BASE_AT as YOUNG_AT } from '../../kernel/object-layout'
import { Young } from '../../kernel/young-overlay'
import { SharedSegment } from '../../kernel/collect/shared'
import { Chunk, ClassInfo, Context, Entry, Heap, Page } from '../../kernel/overlay'
import { CountedState } from '../../kernel/counted/state'
import { SPACE_COOKIE_AT as COUNTED_AT } from '../../kernel/value-layout'

export function HEAP_MAGIC_AT(): u32 {
  return offsetof<Heap>('magic')
}
export function HEAP_VERSION_AT(): u32 {
  return offsetof<Heap>('version')
}
export function HEAP_BASE_AT(): u32 {
  return offsetof<Heap>('base')
}
export function HEAP_END_AT(): u32 {
  return offsetof<Heap>('end')
}
export function HEAP_TOP_AT(): u32 {
  return offsetof<Heap>('top')
}
export function HEAP_FLAGS_AT(): u32 {
  return offsetof<Heap>('flags')
}
export function HEAP_TABLE_AT(): u32 {
  return offsetof<Heap>('table')
}
export function HEAP_TABLE_MASK_AT(): u32 {
  return offsetof<Heap>('tableMask')
}
export function HEAP_COMMITTED_AT(): u32 {
  return offsetof<Heap>('committedBytes')
}
export function HEAP_COMMITTED_PEAK_AT(): u32 {
  return offsetof<Heap>('committedPeakBytes')
}
export function HEAP_METADATA_AT(): u32 {
  return offsetof<Heap>('metadataBytes')
}
export function HEAP_LOST_AT(): u32 {
  return offsetof<Heap>('lostBytes')
}
export function HEAP_FREE_AT(): u32 {
  return offsetof<Heap>('freeBytes')
}
export function HEAP_PAGES_AT(): u32 {
  return offsetof<Heap>('pageBytes')
}
export function HEAP_RUNS_AT(): u32 {
  return offsetof<Heap>('runBytes')
}
export function HEAP_HUGE_AT(): u32 {
  return offsetof<Heap>('hugeBytes')
}
export function HEAP_OWNED_AT(): u32 {
  return offsetof<Heap>('ownedBytes')
}
export function HEAP_RECORDS_AT(): u32 {
  return offsetof<Heap>('recordBytes')
}
export function HEAP_ARENAS_AT(): u32 {
  return offsetof<Heap>('arenas')
}
export function HEAP_POOLS_AT(): u32 {
  return offsetof<Heap>('pools')
}
export function HEAP_BUMP_PIECES_AT(): u32 {
  return offsetof<Heap>('bumpPieces')
}
export function HEAP_BUMP_DEAD_AT(): u32 {
  return offsetof<Heap>('bumpDeadBytes')
}
export function HEAP_GROWS_AT(): u32 {
  return offsetof<Heap>('grows')
}
export function HEAP_GROWS_REFUSED_AT(): u32 {
  return offsetof<Heap>('growsRefused')
}
export function HEAP_FAULT_AT(): u32 {
  return offsetof<Heap>('fault')
}
export function HEAP_CLASS_COUNT_AT(): u32 {
  return offsetof<Heap>('classCount')
}
export function HEAP_CONTEXT_AT(): u32 {
  return offsetof<Heap>('context')
}
export function HEAP_SCRATCH_AT(): u32 {
  return offsetof<Heap>('scratch')
}
export function HEAP_GENERATION_AT(): u32 {
  return offsetof<Heap>('generation')
}
export function HEAP_PEAK_FRAGMENT_AT(): u32 {
  return offsetof<Heap>('committedAtPeakBytes')
}
export function HEAP_BIN_SUMMARY_AT(): u32 {
  return offsetof<Heap>('binSummary')
}
export function HEAP_TRIE_ROOT_AT(): u32 {
  return offsetof<Heap>('trieRoot')
}
export function HEAP_CLASS_TABLE_AT(): u32 {
  return offsetof<Heap>('classTable')
}
export function HEAP_KNOBS_AT(): u32 {
  return offsetof<Heap>('knobs')
}
export function HEAP_LIMIT_AT(): u32 {
  return offsetof<Heap>('limitBytes')
}
export function HEAP_LENT_AT(): u32 {
  return offsetof<Heap>('lentBytes')
}
export function HEAP_LOW_AT(): u32 {
  return offsetof<Heap>('low')
}
export function HEAP_KEEP_AT(): u32 {
  return offsetof<Heap>('keepBytes')
}
export function HEAP_LIMIT_REFUSALS_AT(): u32 {
  return offsetof<Heap>('limitRefusals')
}
export function HEAP_REFUSED_REQUESTS_AT(): u32 {
  return offsetof<Heap>('refusedRequests')
}
export function HEAP_REFUSED_LARGEST_AT(): u32 {
  return offsetof<Heap>('refusedLargestBytes')
}
export function HEAP_BAD_FREES_AT(): u32 {
  return offsetof<Heap>('badFrees')
}
export function HEAP_NOTED_AT(): u32 {
  return offsetof<Heap>('noted')
}
export function HEAP_TRIMMED_AT(): u32 {
  return offsetof<Heap>('trimmedBytes')
}
export function HEAP_TRIMMED_METADATA_AT(): u32 {
  return offsetof<Heap>('trimmedMetadataBytes')
}
export function HEAP_TRIM_GRAIN_AT(): u32 {
  return offsetof<Heap>('trimGrain')
}
export function HEAP_ZERO_FROM_AT(): u32 {
  return offsetof<Heap>('zeroFrom')
}
export function HEAP_SAMPLED_OTHER_AT(): u32 {
  return offsetof<Heap>('sampledOtherBytes')
}
export function HEAP_RECORD_BLOCKS_AT(): u32 {
  return offsetof<Heap>('recordBlocks')
}
export function HEAP_WILD_AT(): u32 {
  return offsetof<Heap>('wild')
}
export function HEAP_STATUS_AT(): u32 {
  return offsetof<Heap>('status')
}
export function CONTEXT_HEAP_AT(): u32 {
  return offsetof<Context>('heap')
}
export function CONTEXT_TABLE_AT(): u32 {
  return offsetof<Context>('table')
}
export function CONTEXT_TABLE_MASK_AT(): u32 {
  return offsetof<Context>('tableMask')
}
export function CONTEXT_BUMP_AT(): u32 {
  return offsetof<Context>('bump')
}
export function CONTEXT_BUMP_LIMIT_AT(): u32 {
  return offsetof<Context>('bumpLimit')
}
export function CONTEXT_BUMP_MAP_AT(): u32 {
  return offsetof<Context>('bumpMap')
}
export function CONTEXT_PEAK_AT(): u32 {
  return offsetof<Context>('peakBytes')
}
export function CONTEXT_LIVE_AT(): u32 {
  return offsetof<Context>('live')
}
export function CONTEXT_PAGES_AT(): u32 {
  return offsetof<Context>()
}
export function TABLE_ENTRY_BYTES(): u32 {
  return offsetof<Entry>()
}
export function PAGE_BYTES(): u32 {
  return offsetof<Page>()
}
export function CLASS_INFO_BYTES(): u32 {
  return offsetof<ClassInfo>()
}
export function chunkHeaderUsed(): u32 {
  return offsetof<Chunk>()
}
export function heapHeaderUsed(): u32 {
  return offsetof<Heap>()
}

export function HEAP_OBJECTS_AT(): u32 {
  return offsetof<Heap>('objectBytes')
}
export function HEAP_SPACE_AT(): u32 {
  return offsetof<Heap>('space')
}
export function SPACE_BUMP_AT(): u32 {
  return offsetof<Space>('bump')
}
export function SPACE_LIMIT_AT(): u32 {
  return offsetof<Space>('limit')
}
export function SPACE_SHADOW_TOP_AT(): u32 {
  return offsetof<Space>('shadowTop')
}
export function SPACE_SHADOW_LIMIT_AT(): u32 {
  return offsetof<Space>('shadowLimit')
}
export function SPACE_SHADOW_BASE_AT(): u32 {
  return offsetof<Space>('shadowBase')
}
export function SPACE_PIN_TOP_AT(): u32 {
  return offsetof<Space>('pinTop')
}
export function SPACE_PIN_LIMIT_AT(): u32 {
  return offsetof<Space>('pinLimit')
}
export function SPACE_PIN_BASE_AT(): u32 {
  return offsetof<Space>('pinBase')
}
export function SPACE_GLOBAL_OBJECT_AT(): u32 {
  return offsetof<Space>('globalObject')
}
export function SPACE_PENDING_EXCEPTION_AT(): u32 {
  return offsetof<Space>('pendingException')
}
export function SPACE_TYPES_AT(): u32 {
  return offsetof<Space>('types')
}
export function SPACE_TYPE_COUNT_AT(): u32 {
  return offsetof<Space>('typeCount')
}
export function SPACE_TYPE_CAPACITY_AT(): u32 {
  return offsetof<Space>('typeCapacity')
}
export function SPACE_HANDLE_TOP_AT(): u32 {
  return offsetof<Space>('handleTop')
}
export function SPACE_HANDLE_LIMIT_AT(): u32 {
  return offsetof<Space>('handleLimit')
}
export function SPACE_HANDLE_SEGMENT_AT(): u32 {
  return offsetof<Space>('handleSegment')
}
export function SPACE_ROOTS_AT(): u32 {
  return offsetof<Space>('roots0')
}
export function SPACE_FINALIZERS_AT(): u32 {
  return offsetof<Space>('finalizers')
}
export function SPACE_FINALIZER_COUNT_AT(): u32 {
  return offsetof<Space>('finalizerCount')
}
export function SPACE_FINALIZER_CAPACITY_AT(): u32 {
  return offsetof<Space>('finalizerCapacity')
}
export function SPACE_FINALIZER_READY_AT(): u32 {
  return offsetof<Space>('finalizerReady')
}
export function SPACE_FINALIZER_TAKEN_AT(): u32 {
  return offsetof<Space>('finalizerTaken')
}
export function SPACE_HASHES_AT(): u32 {
  return offsetof<Space>('hashes')
}
export function SPACE_HASH_COUNT_AT(): u32 {
  return offsetof<Space>('hashCount')
}
export function SPACE_HASH_CAPACITY_AT(): u32 {
  return offsetof<Space>('hashCapacity')
}
export function SPACE_HASH_STATE_AT(): u32 {
  return offsetof<Space>('hashState')
}
export function SPACE_STATUS_AT(): u32 {
  return offsetof<Space>('status')
}
export function SPACE_COLOUR_AT(): u32 {
  return offsetof<Space>('colour')
}
export function SPACE_POLICY_AT(): u32 {
  return offsetof<Space>('policy')
}
export function SPACE_MARK_STACK_AT(): u32 {
  return offsetof<Space>('markStack')
}
export function SPACE_MARK_STACK_END_AT(): u32 {
  return offsetof<Space>('markStackEnd')
}
export function SPACE_OVERFLOWS_AT(): u32 {
  return offsetof<Space>('overflows')
}
export function SPACE_BUDGET_AT(): u32 {
  return offsetof<Space>('budgetBytes')
}
export function SPACE_ALLOCATED_AT(): u32 {
  return offsetof<Space>('allocatedBytes')
}
export function SPACE_LIVE_BYTES_AT(): u32 {
  return offsetof<Space>('liveBytes')
}
export function SPACE_LIVE_OBJECTS_AT(): u32 {
  return offsetof<Space>('liveObjects')
}
export function SPACE_COLLECTIONS_AT(): u32 {
  return offsetof<Space>('collections')
}
export function SPACE_COMPACTIONS_AT(): u32 {
  return offsetof<Space>('compactions')
}
export function SPACE_MOVED_AT(): u32 {
  return offsetof<Space>('moved')
}
export function SPACE_CAUSE_AT(): u32 {
  return offsetof<Space>('cause')
}
export function SPACE_STRESS_AT(): u32 {
  return offsetof<Space>('stress')
}
export function SPACE_STRESS_NUMBER_AT(): u32 {
  return offsetof<Space>('stressNumber')
}
export function SPACE_STRESS_STATE_AT(): u32 {
  return offsetof<Space>('stressState')
}
export function SPACE_STRESS_LEFT_AT(): u32 {
  return offsetof<Space>('stressLeft')
}
export function SPACE_WEAK_LIST_AT(): u32 {
  return offsetof<Space>('weakList')
}
export function SPACE_TABLE_LIST_AT(): u32 {
  return offsetof<Space>('tableList')
}
export function SPACE_TABLES_SEEN_AT(): u32 {
  return offsetof<Space>('tablesSeen')
}
export function SPACE_IMAGES_AT(): u32 {
  return offsetof<Space>('images')
}
export function SPACE_LARGE_AT(): u32 {
  return offsetof<Space>('large')
}
export function SPACE_PLAN_AT(): u32 {
  return offsetof<Space>('plan')
}
export function SPACE_YOUNG_BASE_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('base')
}
export function SPACE_YOUNG_BYTES_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('bytes')
}
export function SPACE_SHADING_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('shading')
}
export function SPACE_PHASE_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('phase')
}
export function SPACE_LOG_TOP_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('logTop')
}
export function SPACE_LOG_LIMIT_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('logLimit')
}
export function SPACE_LOG_BASE_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('logBase')
}
export function SPACE_LOG_OVERFLOWS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('logOverflows')
}
export function SPACE_MINORS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('minors')
}
export function SPACE_MINOR_BEFORE_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('minorBefore')
}
export function SPACE_PROMOTED_BYTES_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('promotedBytes')
}
export function SPACE_PROMOTED_OBJECTS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('promotedObjects')
}
export function SPACE_AGED_BYTES_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('agedBytes')
}
export function SPACE_STAYED_OBJECTS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('stayedObjects')
}
export function SPACE_OLD_BYTES_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('oldBytes')
}
export function SPACE_STEP_UNITS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('stepUnits')
}
export function SPACE_LAST_UNITS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('lastUnits')
}
export function SPACE_STEPS_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('steps')
}
export function SPACE_CYCLES_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('cycles')
}
export function SPACE_REFUSING_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('refusing')
}
export function SPACE_YOUNG_WANTED_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('wanted')
}
export function SPACE_OLD_START_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('oldStart')
}
export function SPACE_LACKS_ROOM_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('lacksRoom')
}
export function SPACE_CYCLE_FREED_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('cycleFreed')
}
export function SPACE_SHARED_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('shared')
}
export function SHARED_NEXT_AT(): u32 {
  return offsetof<SharedSegment>('next')
}
export function SHARED_START_AT(): u32 {
  return offsetof<SharedSegment>('start')
}
export function SHARED_BYTES_AT(): u32 {
  return offsetof<SharedSegment>('bytes')
}
export function SHARED_MAP_BIAS_AT(): u32 {
  return offsetof<SharedSegment>('mapBias')
}
export function SPACE_GUEST_MODE_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('guestMode')
}
export function SPACE_YOUNG_PLAN_AT(): u32 {
  return YOUNG_AT + <u32>offsetof<Young>('piece')
}
export function youngUsed(): u32 {
  return offsetof<Young>()
}
export function planStateUsed(): u32 {
  return offsetof<PlanState>()
}
export function typeInfoBytes(): u32 {
  return offsetof<TypeInfo>()
}
export function objectBlockBytes(): u32 {
  return offsetof<ObjectBlock>()
}

export function SPACE_COOKIE_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('cookie')
}
export function SPACE_CANDIDATES_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('candidates')
}
export function SPACE_CANDIDATE_COUNT_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('candidateCount')
}
export function SPACE_CANDIDATE_CAPACITY_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('candidateCapacity')
}
export function SPACE_MISSED_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('missed')
}
export function SPACE_TRIAL_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('list')
}
export function SPACE_TRIAL_COUNT_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('count')
}
export function SPACE_TRIAL_CAPACITY_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('capacity')
}
export function SPACE_TRIAL_PHASE_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('phase')
}
export function SPACE_THRESHOLD_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('threshold')
}
export function SPACE_TRIAL_UNITS_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('stepUnits')
}
export function SPACE_TRIALS_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('trials')
}
export function SPACE_TRIALS_LOST_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('trialsLost')
}
export function SPACE_TRIAL_RELEASED_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('trialReleased')
}
export function SPACE_COUNTED_MORE_AT(): u32 {
  return COUNTED_AT + offsetof<CountedState>('cursor')
}
export function countedUsed(): u32 {
  return COUNTED_AT + offsetof<CountedState>()
}

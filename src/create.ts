/**
 * How a heap begins: made in a memory of its own or a given one, or found in one. What these functions give is the
 * core, which is open and ready; `Heap` is the front of it.
 */
import {
  FLAG_PIECES,
  HEAP_FLAGS_AT,
  HEAP_VERSION_AT,
  LAYOUT_VERSION,
  STATUS_BAD_ARGUMENT,
  STATUS_OK,
} from '../kernel/layout.js'
import { checkPlace } from './arguments.js'
import { HeapCore } from './core.js'
import { ArgumentError, CorruptionError, OutOfMemoryError } from './errors.js'
import type { ObjectPlan } from './objects/plan.js'
import { ObjectSpace } from './objects/space.js'
import {
  attachedObjects,
  checkAttachOptions,
  checkMemory,
  findHeap,
  type HeapPlan,
  leastBytes,
  planHeap,
  startOf,
  tooSmall,
} from './options.js'
import { noteMade } from './platform/fork-memory.js'
import type { Address, AttachOptions, HeapOptions } from './types.js'

/** The core of a new heap. @throws ArgumentError, OutOfMemoryError */
export function createCore(options: HeapOptions): HeapCore {
  const plan = planHeap(options)
  const core = new HeapCore(plan)
  if (options.memory === undefined) noteMade(plan.memory)
  const { base, held, end, limitBytes, flags, classTable } = plan
  core.protection.expectWritable(
    'making a heap',
    base,
    Math.max(0, Math.min(end, plan.memory.buffer.byteLength) - base),
  )
  const status = core.kernel.create(base, held, end, limitBytes, flags, classTable)
  if (status !== STATUS_OK) throw creationError(plan, status)
  if (plan.knobs !== 0) core.kernel.setKnobs(plan.knobs)
  core.place(startOf(base, plan.mode) as Address)
  if (plan.hints) core.advise(plan.hints)
  for (const bytes of plan.classes) core.kernel.addClass(bytes)
  giveObjects(core, plan.objects)
  if (plan.outOfMemoryReserve > 0 && !core.holdReserve(plan.outOfMemoryReserve)) {
    throw core.outOfMemory(plan.outOfMemoryReserve)
  }
  core.collector.begin()
  core.decay?.begin()
  return core
}

/** The core of the heap that was made with `base`. @throws ArgumentError, CorruptionError */
export function attachCore(memory: WebAssembly.Memory, base: number, options: AttachOptions): HeapCore {
  checkMemory(memory)
  checkPlace('base', base)
  const common = checkAttachOptions(options)
  const found = findHeap(memory, base)
  if (!found) throw new ArgumentError('base', base, 'the address that a heap was made with')
  const { at, mode } = found
  const data = new DataView(memory.buffer)
  const version = data.getUint32(at + HEAP_VERSION_AT, true)
  if (version !== LAYOUT_VERSION) {
    throw new CorruptionError(at, `a heap of layout version ${LAYOUT_VERSION} is expected, found version ${version}`)
  }
  if (data.getUint32(at + HEAP_FLAGS_AT, true) & FLAG_PIECES) {
    throw new ArgumentError('base', base, "that of a whole heap: a tenant lives there, whose memory is another heap's")
  }
  const core = new HeapCore({ memory, mode, ...common })
  if (core.kernel.attach(at) !== STATUS_OK) {
    throw new CorruptionError(at, "the control block's fields contradict each other")
  }
  core.place(at as Address)
  if (common.knobs !== 0) core.kernel.setKnobs(common.knobs)
  giveAttachedObjects(core)
  void core.objectsThatAre
  core.collector.begin()
  core.decay?.begin()
  return core
}

/** The objects of the plan: from the start, or in `manual` when they are first used. */
export function giveObjects(core: HeapCore, plan: ObjectPlan | undefined): void {
  core.objectPlan = plan
  if (!plan) return
  if (plan.isCounted) core.offerObjects(() => new ObjectSpace(core, plan))
  else core.objectSpace = new ObjectSpace(core, plan)
}

/** The objects of a heap that is there; `plan` is how its maker has them, if that is known. */
export function giveAttachedObjects(core: HeapCore, plan?: ObjectPlan): void {
  giveObjects(core, plan ? { ...plan, isAttached: true } : attachedObjects(core.mode))
}

function creationError(plan: HeapPlan, status: number): Error {
  if (status === STATUS_BAD_ARGUMENT) return tooSmall(plan)
  const figures = {
    requestedBytes: leastBytes(plan.mode),
    availableBytes: 0,
    largestFreeBytes: 0,
    usedBytes: 0,
    totalBytes: plan.limitBytes,
  }
  const present = plan.memory.buffer.byteLength
  const message = `no room for a heap: the memory of ${present} bytes refuses to grow; it may be at its maximum`
  return new OutOfMemoryError(message, figures)
}

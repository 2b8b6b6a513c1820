/** A program that is about to run: its memory, the kernel over it with a heap, and the module that imports both. */

import { ADDRESS_LIMIT, HEAP_COMMITTED_AT, HEAP_LIMIT_AT, STATUS_OK } from '../../kernel/layout.js'
import { ArgumentError } from '../errors.js'
import type { WasiSystem } from '../platform/wasi.js'
import { ModuleError } from './errors.js'
import { importMemory, MEMORY_IMPORT } from './import-memory.js'
import { GUEST_OBJECTS_RELEASE_BASE64, GUEST_RELEASE_BASE64 } from './kernel-bytes.generated.js'
import { HEAP_EXPORT, KERNEL_MODULE, PAGE_BYTES } from './module.js'
import type { GuestPlan } from './plan.js'
import { roleOfName } from './roles.js'
import { modeNumber, modeOfNumber, type RunMode } from './run-modes.js'
import { exportStart } from './section-writer.js'
import { type GuestMemory, readSections } from './sections.js'

/** What a module's start function is exported as, so that it runs when WASI is ready, and its trap is the program's. */
const START_EXPORT = 'heapwright:start'

/** What a guest kernel exports: the allocator's functions by their C names, and these. */
interface GuestKernel {
  readonly heapwright_begin: (base: number, limitBytes: number) => number
  readonly heapwright_heap: () => number
  /** Of the one with objects. */
  readonly hw_choose_mode?: (mode: number) => number
  readonly hw_objects_mode?: () => number
  readonly [name: string]: WebAssembly.ExportValue | undefined
}

/** An instance of a guest that has not been started. */
export interface Guest {
  /** Of its objects, once there are some; undefined when only the heap can tell. */
  mode(): RunMode | undefined
  /** The program's own start function, if it has one, then `_start`. A trap is thrown, and so is an ArgumentError. */
  start(): void
  readonly memory: WebAssembly.Memory
  /** Where its heap's control block lies; 0 when there is none. */
  heapAt(): number
}

/** What of a guest's heap is not the program's to decide. */
export interface HeapWishes {
  /** The most that it may hold; undefined: what the memory can have. */
  readonly limitBytes: number | undefined
  /** Of objects; undefined: what the program asks for. */
  readonly mode: RunMode | undefined
}

/**
 * @throws ArgumentError for a limit that its heap cannot have; ModuleError when it cannot be instantiated
 */
export function makeGuest(plan: GuestPlan, wasi: WasiSystem, wishes: HeapWishes): Guest {
  const { limitBytes, mode } = wishes
  if (plan.source === 'own' || plan.source === 'linked') return makeAlone(plan, wasi, wishes)
  const memory = makeMemory(plan.memory)
  const kernel = makeKernel(plan, memory)
  const base = plan.heapBase.foundBy === 'memory-end' ? memory.buffer.byteLength : plan.heapBase.address
  const limit = limitBytes ?? ADDRESS_LIMIT
  if (kernel.heapwright_begin(base, limit) !== STATUS_OK) throw withoutRoom(plan, base, limit)
  if (mode !== undefined && mode !== 'manual') kernel.hw_choose_mode?.(modeNumber(mode))
  const bytes = importMemory(plan.bytes, plan.tables)
  const { exports } = instantiate(bytes, plan, {
    ...importsOf(plan, wasi, memory),
    ...kernelImports(plan, kernel, memory),
  })
  const heapAt = () => kernel.heapwright_heap() >>> 0
  const start = () => {
    call(exports[START_EXPORT])
    call(exports._start)
  }
  return { start, memory, heapAt, mode: () => modeOfNumber(kernel.hw_objects_mode?.() ?? 0) }
}

/** A module that has its allocator inside. */
function makeAlone(plan: GuestPlan, wasi: WasiSystem, { limitBytes, mode }: HeapWishes): Guest {
  if (plan.source === 'linked' && mode !== undefined) {
    throw new ArgumentError('mode', mode, 'left out: the mode of a linked module is its own to choose')
  }
  const imported = plan.memory.import && makeMemory(plan.memory)
  const { exports } = instantiate(plan.bytes, plan, importsOf(plan, wasi, imported))
  const memory = imported ?? exportedMemory(exports)
  const heap = exports[HEAP_EXPORT] as GuestKernel['heapwright_heap'] | undefined
  const heapAt = () => (heap?.() ?? 0) >>> 0
  const start = () => {
    call(exports[START_EXPORT])
    // Where no heap could begin, there is nothing to limit.
    if (limitBytes !== undefined && heapAt() !== 0) setLimit(memory, heapAt(), limitBytes)
    call(exports._start)
  }
  return { start, memory, heapAt, mode: () => undefined }
}

/** A linked module begins its heap in its start function, with the limit that it was linked with. */
function setLimit(memory: WebAssembly.Memory, heapAt: number, limitBytes: number): void {
  const data = new DataView(memory.buffer)
  const held = data.getUint32(heapAt + HEAP_COMMITTED_AT, true)
  if (limitBytes < held) {
    throw new ArgumentError(
      'limit',
      limitBytes,
      `at least ${held} bytes, which the program's heap holds from the start`,
    )
  }
  data.setUint32(heapAt + HEAP_LIMIT_AT, limitBytes, true)
}

function makeMemory({ initialPages, maximumPages }: GuestMemory): WebAssembly.Memory {
  try {
    const limits = { initial: initialPages }
    return new WebAssembly.Memory(maximumPages === undefined ? limits : { ...limits, maximum: maximumPages })
  } catch (error) {
    throw new ModuleError(`a memory of ${initialPages} pages of 64 KiB cannot be made: ${textOf(error)}`, 'memory', {
      cause: error,
    })
  }
}

/** Each kernel is compiled once. */
const kernelModules = new Map<string, WebAssembly.Module>()

function makeKernel({ hasObjects }: GuestPlan, memory: WebAssembly.Memory): GuestKernel {
  const base64 = hasObjects ? GUEST_OBJECTS_RELEASE_BASE64 : GUEST_RELEASE_BASE64
  const known = kernelModules.get(base64)
  const module = known ?? new WebAssembly.Module(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)))
  kernelModules.set(base64, module)
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as GuestKernel
}

/** The smallest heap has a few pages. */
const LEAST_SEARCH_BYTES = 2 ** 20

/** Why there can be no heap: too low a limit, if a heap could begin there with another one. */
function withoutRoom(plan: GuestPlan, base: number, limitBytes: number): Error {
  const { memory } = plan
  const most = Math.min((memory.maximumPages ?? Number.POSITIVE_INFINITY) * PAGE_BYTES, ADDRESS_LIMIT)
  for (let bytes = PAGE_BYTES; bytes <= LEAST_SEARCH_BYTES; bytes += PAGE_BYTES) {
    if (bytes <= limitBytes) continue
    if (makeKernel(plan, makeMemory(memory)).heapwright_begin(base, bytes) !== STATUS_OK) continue
    return new ArgumentError('limit', limitBytes, `at least ${bytes} bytes`)
  }
  return new ModuleError(`it has at most ${most} bytes, of which its heap would begin at ${base}: too few`, 'memory')
}

function importsOf(plan: GuestPlan, wasi: WasiSystem, memory: WebAssembly.Memory | undefined): WebAssembly.Imports {
  const { import: from } = plan.memory
  const imports: WebAssembly.Imports = { [plan.wasi]: { ...wasi.imports } }
  if (from && memory) imports[from.module] = { ...imports[from.module], [from.name]: memory }
  return imports
}

/** The allocator's functions under the names by which they are imported, and the memory. */
function kernelImports(plan: GuestPlan, kernel: GuestKernel, memory: WebAssembly.Memory): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {
    [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory },
  }
  const { import: from } = plan.memory
  if (from) imports[from.module] = { ...imports[from.module], [from.name]: memory }
  for (const { module, name, kind } of plan.tables.imports) {
    if (kind !== 'function' || (module !== KERNEL_MODULE && module !== 'env')) continue
    const provided = kernel[roleOfName(name) ?? name]
    if (provided !== undefined) imports[module] = { ...imports[module], [name]: provided }
  }
  return imports
}

/** An instance in which nothing has run: what would be run first is exported. */
function instantiate(bytes: Uint8Array, { tables }: GuestPlan, imports: WebAssembly.Imports): WebAssembly.Instance {
  const { sections } = readSections(bytes)
  const { start } = tables
  try {
    const held = start === undefined ? bytes : exportStart(bytes, sections, start, START_EXPORT)
    return new WebAssembly.Instance(new WebAssembly.Module(held as BufferSource), imports)
  } catch (error) {
    throw new ModuleError(`the engine refuses it: ${textOf(error)}`, 'module', { cause: error })
  }
}

function call(exported: WebAssembly.ExportValue | undefined): void {
  if (typeof exported === 'function') exported()
}

function exportedMemory(exports: WebAssembly.Exports): WebAssembly.Memory {
  const memory = Object.values(exports).find((value) => value instanceof WebAssembly.Memory)
  if (memory instanceof WebAssembly.Memory) return memory
  throw new ModuleError('it does not export its memory, which WASI needs', 'memory')
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

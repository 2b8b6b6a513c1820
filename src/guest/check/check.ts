/**
 * Checks the memory of a WebAssembly program while it runs, without recompiling it: `checkModule`.
 *
 * The module is changed (`instrument.ts`) so that its allocator is the checker's (`allocator.ts`), whose blocks lie
 * between red zones and wait in a quarantine when they were freed (`books.ts`); with `precise` each load and store is
 * looked at as well (`access-faults.ts`). When the program has ended, however it has, blocks that it lost are looked
 * for (`leaks.ts`).
 *
 * The program runs as it would, to its own end: a fault is noted and the program goes on.
 */

import { isWasiModule, makeWasi, type WasiSystem } from '../../platform/wasi.js'
import { ModuleError } from '../errors.js'
import { type GuestModule, inspectModule } from '../module.js'
import { isOfObjects } from '../plan.js'
import { checkNothingRemains } from '../remains.js'
import { checkMemory, checkReplaceable, checkTypes } from '../replace.js'
import { type AllocatorRole, typeOfRole } from '../roles.js'
import { trapMessage } from '../stack.js'
import { AccessFaults, FIRST_PAGE_BYTES } from './access-faults.js'
import { AccessWatch } from './access-watch.js'
import { CheckedAllocator } from './allocator.js'
import { BlockSpace } from './block-space.js'
import { type Block, type BookFigures, Books, blockOf } from './books.js'
import { type FaultKind, type FaultReport, Faults } from './faults.js'
import {
  CHECK_MODULE,
  GLOBAL_EXPORT,
  type InstrumentedModule,
  instrument,
  LOW_EXPORT,
  MEMORY_EXPORT,
  START_EXPORT,
} from './instrument.js'
import { findLeaks } from './leaks.js'
import { type CheckOptions, type CheckPlan, planCheck } from './options.js'
import { planStack, type StackPlan } from './stack-plan.js'
import { type StackFrame, Stacks } from './stacks.js'

/** Exit code of a program that has trapped: 128 and the number of SIGABRT. */
const EXIT_TRAP = 134
const CONTEXT_HIGH_BITS = 0x1fffff

/** Blocks of a kind. */
export interface LeakSum {
  readonly blocks: number
  readonly bytes: number
}

export interface CheckReport {
  readonly version: 1
  readonly name: string
  readonly isPrecise: boolean
  /** The program's own; 134 after a trap. */
  readonly exitCode: number
  /** How a program has ended that did not exit: in the engine's words, and where. */
  readonly trap?: { readonly message: string; readonly stack: readonly StackFrame[] }
  /** Whether there is a fault. Blocks that are still pointed to are none. */
  readonly isFaulty: boolean
  readonly faults: readonly FaultReport[]
  readonly leaks: { readonly definite: LeakSum; readonly indirect: LeakSum; readonly reachable: LeakSum }
  readonly blocks: Readonly<BookFigures>
  /** Findings left out, by `suppress` and by `maxFaults`. */
  readonly suppressed: number
  readonly omitted: number
  /** What the reader must know of this module and run. */
  readonly notes: readonly string[]
  /** From the program's start to its end, in milliseconds. */
  readonly timeMs: number
}

/**
 * Runs a program to its end and reports the faults of its memory. This thread does nothing else meanwhile.
 *
 * @param bytes the module: one with an allocator inside, found by names or exports, or one that imports it
 * @throws ModuleError when the module cannot be checked; ArgumentError for options out of range. Nothing has run then.
 */
export async function checkModule(bytes: Uint8Array, options: CheckOptions = {}): Promise<CheckReport> {
  const plan = planCheck(options)
  const module = inspectModule(bytes)
  checkCheckable(module)
  if (!WebAssembly.validate(bytes as BufferSource)) throw new ModuleError('it is not valid WebAssembly')
  const wasiModule = module.imports.map((one) => one.module).find(isWasiModule)
  const wasi = wasiModule && (await makeWasi(wasiModule, { ...plan, args: [plan.name, ...plan.args] }))
  const stack = planStack(module)
  const instrumented = instrument(module, { stack, isPrecise: plan.isPrecise })
  const compiled = await WebAssembly.compile(instrumented.bytes as BufferSource)
  return new Check(module, plan, stack, instrumented, wasi).run(compiled, wasiModule)
}

/** Unlike a module to be linked, one to be checked need not allocate: what it frees or touches may be wrong as well. */
function checkCheckable(module: GuestModule): void {
  if (module.isLinked) {
    throw new ModuleError(
      'it is linked with Heapwright, whose calls are inlined: check the module that it was made from',
    )
  }
  if (!module.hasNames && module.allocator.length === 0) checkReplaceable(module)
  if (module.imports.some(isOfObjects)) {
    throw new ModuleError(
      'it imports hw_ functions: collected objects cannot be checked, only blocks of malloc and its like',
      'imports',
    )
  }
  checkMemory(module)
  checkTypes(module)
  checkNothingRemains(module)
}

class Check {
  readonly #module: GuestModule
  readonly #plan: CheckPlan
  readonly #stack: StackPlan | undefined
  readonly #instrumented: InstrumentedModule
  readonly #wasi: WasiSystem | undefined
  readonly #stacks: Stacks
  readonly #faults: Faults
  readonly #watch: AccessWatch | undefined
  /** Values of locals that an exit has left. */
  readonly #locals: number[] = []
  #books: Books | undefined
  #accesses: AccessFaults | undefined
  #allocator: CheckedAllocator | undefined
  #exports: WebAssembly.Exports = {}

  constructor(
    module: GuestModule,
    plan: CheckPlan,
    stack: StackPlan | undefined,
    instrumented: InstrumentedModule,
    wasi: WasiSystem | undefined,
  ) {
    this.#module = module
    this.#plan = plan
    this.#stack = stack
    this.#instrumented = instrumented
    this.#wasi = wasi
    this.#stacks = new Stacks(module, instrumented.places, plan.stackDepth)
    this.#faults = new Faults(this.#stacks, { perKind: plan.maxFaults, suppress: plan.suppress })
    this.#watch = plan.isPrecise
      ? new AccessWatch((address, bytes, isWrite) => this.#accesses?.report(address, bytes, isWrite))
      : undefined
  }

  run(compiled: WebAssembly.Module, wasiModule: string | undefined): CheckReport {
    const imports = this.#imports(wasiModule)
    this.#giveMemory(imports)
    return this.#stacks.keepDeep(() => {
      this.#exports = instantiate(compiled, imports).exports
      const space = this.#begin(this.#exports[MEMORY_EXPORT] as WebAssembly.Memory)
      try {
        return this.#runAndReport(space)
      } finally {
        space.close()
      }
    })
  }

  // ---- before ----

  #imports(wasiModule: string | undefined): Record<string, Record<string, WebAssembly.ImportValue>> {
    const all: Record<string, Record<string, WebAssembly.ImportValue>> = {}
    for (const [name, values] of Object.entries(this.#plan.imports)) all[name] = { ...values }
    if (wasiModule !== undefined && this.#wasi) all[wasiModule] = { ...all[wasiModule], ...this.#wasi.imports }
    const roles = new Set(this.#module.allocator.map(({ role }) => role))
    const own = Object.fromEntries([...roles].map((role) => [role, this.#replacement(role)]))
    const overflow = (pointer: number) => this.#reportOverflow(pointer)
    const spill = (value: number) => this.#locals.push(value)
    all[CHECK_MODULE] = { ...own, overflow, spill, ...this.#watch?.imports } as Record<string, WebAssembly.ImportValue>
    for (const { index, role } of this.#module.allocator) {
      const found = this.#module.imports.find((one) => one.kind === 'function' && one.index === index)
      if (found)
        all[found.module] = { ...all[found.module], [found.name]: this.#imported(role) as WebAssembly.ImportValue }
    }
    return all
  }

  /** What the module imports as its allocator. */
  #imported(role: AllocatorRole): (...args: number[]) => number | undefined {
    return (...args) => this.#allocator?.functions[role](...args)
  }

  /** What takes the place of a function of the module's own: it is told the way by which it is called, besides. */
  #replacement(role: AllocatorRole): (...args: number[]) => number | undefined {
    const count = typeOfRole(role).params.length
    return (...args) => {
      const allocator = this.#allocator
      if (!allocator) return undefined
      // As many bits as are exact.
      allocator.context = ((args[count] ?? 0) >>> 0) + ((args[count + 1] ?? 0) & CONTEXT_HIGH_BITS) * 2 ** 32
      const result = allocator.functions[role](...args)
      allocator.context = undefined
      return result
    }
  }

  /** A memory for a module that imports it. */
  #giveMemory(imports: Record<string, Record<string, WebAssembly.ImportValue>>): void {
    const memory = this.#module.memory
    if (!memory?.import) return
    const { module, name } = memory.import
    if (imports[module]?.[name] instanceof WebAssembly.Memory) return
    const { initialPages: initial, maximumPages: maximum } = memory
    const made = makeMemory(maximum === undefined ? { initial } : { initial, maximum })
    imports[module] = { ...imports[module], [name]: made }
  }

  #begin(memory: WebAssembly.Memory): BlockSpace {
    const { heapBase, memory: declared } = this.#module
    const { limitBytes, redZoneBytes, quarantineBytes, sweepCalls } = this.#plan
    const maximumPages = declared?.maximumPages
    const space = new BlockSpace({ memory, maximumPages, heapBase: heapBase.address, limitBytes })
    const [stacks, faults, watch] = [this.#stacks, this.#faults, this.#watch]
    const books = new Books({ memory, space, faults, watch, redZoneBytes, quarantineBytes })
    this.#books = books
    this.#allocator = new CheckedAllocator({ books, stacks, faults, sweepCalls, placeOf: (at) => this.#placeOf(at) })
    this.#accesses = new AccessFaults({
      books,
      stacks,
      faults,
      nullEnd: () => this.#nullEnd(),
      isForeign: (at) => space.isForeign(at),
    })
    space.onForeign = ({ from, to }) => watch?.open(from, to - from)
    const first = this.#hasNullPage() ? FIRST_PAGE_BYTES : 0
    watch?.open(first, space.start - first)
    return space
  }

  /** Whether nothing of the module lies at the start of memory, but perhaps the end of a stack. */
  #hasNullPage(): boolean {
    const { data } = this.#module
    return data.length > 0 && data.every(({ address }) => address === undefined || address >= FIRST_PAGE_BYTES)
  }

  /** A stack at the start of memory may come down to it. */
  #nullEnd(): number {
    return this.#hasNullPage() && this.#lowestStack() >= FIRST_PAGE_BYTES ? FIRST_PAGE_BYTES : 0
  }

  #lowestStack(): number {
    return this.#globalValue(LOW_EXPORT) ?? FIRST_PAGE_BYTES
  }

  #globalValue(name: string): number | undefined {
    const global = this.#exports[name]
    return global instanceof WebAssembly.Global ? Number(global.value) >>> 0 : undefined
  }

  #placeOf(address: number): 'stack' | 'static' | 'wild' {
    if (this.#stack && address < this.#stack.top && address >= this.#lowestStack()) return 'stack'
    return address < this.#module.heapBase.address ? 'static' : 'wild'
  }

  // ---- while it runs ----

  #reportOverflow(pointer: number): void {
    const { limit = 0, top = 0 } = this.#stack ?? {}
    const text = `the stack has come down to 0x${(pointer >>> 0).toString(16)}, into static data that ends at 0x${limit.toString(16)}`
    this.#faults.add({
      kind: 'stack-overflow',
      text: limit === 0 ? `the stack of ${top} bytes has come down below address 0` : text,
      foundAt: 'access',
      address: pointer >>> 0,
      bytes: 0,
      stack: this.#stacks.take(),
    })
  }

  #runAndReport(space: BlockSpace): CheckReport {
    const started = performance.now()
    const { exitCode, trap } = this.#start()
    const timeMs = performance.now() - started
    const books = this.#books as Books
    books.checkAll('exit')
    const leaks = this.#reportLeaks(books, space)
    const faults = this.#faults.reports()
    return {
      version: 1,
      name: this.#plan.name,
      isPrecise: this.#plan.isPrecise,
      exitCode,
      ...(trap ? { trap } : {}),
      isFaulty: faults.some(({ kind }) => kind !== 'still-reachable'),
      faults,
      leaks,
      blocks: books.figures,
      suppressed: this.#faults.suppressed,
      omitted: this.#faults.omitted,
      notes: this.#notes(trap !== undefined),
      timeMs,
    }
  }

  #start(): { exitCode: number; trap?: NonNullable<CheckReport['trap']> } {
    const entry = this.#entry()
    try {
      if (this.#wasi) return { exitCode: this.#wasi.start(entry, this.#exports[MEMORY_EXPORT] as WebAssembly.Memory) }
      entry()
      return { exitCode: 0 }
    } catch (error) {
      if (!isEnding(error)) throw error
      const stack = error instanceof Error ? this.#stacks.framesOf(this.#stacks.of(error)) : []
      return { exitCode: EXIT_TRAP, trap: { message: trapMessage(error), stack } }
    }
  }

  #entry(): () => void {
    const { invoke } = this.#plan
    const wanted = this.#exports[invoke]
    const initialize = this.#exports._initialize
    if (typeof wanted !== 'function') {
      throw new ModuleError(`it exports no function '${invoke}' to call`, 'export')
    }
    const start = this.#exports[START_EXPORT]
    return () => {
      if (typeof start === 'function') start()
      if (typeof initialize === 'function' && invoke !== '_initialize') initialize()
      wanted()
    }
  }

  // ---- afterwards ----

  #reportLeaks(books: Books, space: BlockSpace): CheckReport['leaks'] {
    const globals = this.#instrumented.globals.flatMap((name) => this.#globalValue(name) ?? [])
    const ranges = [...this.#staticRanges(space.start), ...space.foreign]
    const values = [...globals, ...this.#locals, ...this.#argumentBlocks(books)]
    const found = findLeaks(books.live.values(), books.bytes.buffer as ArrayBuffer, { ranges, values })
    this.#addLeaks('definitely-lost', found.definite)
    this.#addLeaks('indirectly-lost', found.indirect)
    if (this.#plan.withReachable) this.#addLeaks('still-reachable', found.reachable)
    return { definite: sum(found.definite), indirect: sum(found.indirect), reachable: sum(found.reachable) }
  }

  /** Addresses of the program's arguments: the C library allocates them, hands them to `main`, and never frees them. */
  #argumentBlocks(books: Books): number[] {
    const readers = findArgumentReaders(this.#module)
    const isMadeThere = ({ stack }: Block) => readers.has(this.#stacks.framesOf(stack)[0]?.function ?? -1)
    return [...books.live.values()].filter(isMadeThere).map(({ address }) => address)
  }

  /** All below the blocks but the part of the stack that is not in use any more. */
  #staticRanges(end: number): { from: number; to: number }[] {
    const stack = this.#stack
    const low = this.#globalValue(LOW_EXPORT)
    const pointer = stack && this.#globalValue(`${GLOBAL_EXPORT}${stack.pointer}`)
    if (low === undefined || pointer === undefined || low > pointer) return [{ from: 0, to: end }]
    return [
      { from: 0, to: Math.min(low, end) },
      { from: pointer, to: end },
    ]
  }

  #addLeaks(kind: FaultKind & keyof typeof LEAK_TEXTS, blocks: readonly Block[]): void {
    for (const block of blocks) {
      this.#faults.add({ kind, text: LEAK_TEXTS[kind], foundAt: 'exit', bytes: block.bytes, block: blockOf(block) })
    }
  }

  #notes(isTrapped: boolean): string[] {
    const notes: string[] = []
    if (!this.#module.hasNames) {
      notes.push('the module has no names: functions are given by number; build it without -s or --strip-debug')
    }
    if (this.#module.allocator.length === 0) notes.push('the module has no allocator: there are no blocks to check')
    if (isTrapped) notes.push('the program trapped: blocks that only its locals pointed to count as lost')
    return notes
  }
}

const LEAK_TEXTS = {
  'definitely-lost': 'definitely lost',
  'indirectly-lost': 'indirectly lost',
  'still-reachable': 'still reachable',
}

/** Whether an error is the program's: a trap, too deep a recursion, or an exception that it threw and did not catch. */
function isEnding(error: unknown): boolean {
  const kinds = [WebAssembly.RuntimeError, RangeError, WebAssembly.Exception]
  return kinds.some((kind) => error instanceof kind)
}

function sum(blocks: readonly Block[]): LeakSum {
  return { blocks: blocks.length, bytes: blocks.reduce((total, { bytes }) => total + bytes, 0) }
}

function makeMemory(limits: WebAssembly.MemoryDescriptor): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory(limits)
  } catch (error) {
    throw withoutMemory(error)
  }
}

function withoutMemory(error: unknown): ModuleError {
  const reason = error instanceof Error ? error.message : String(error)
  return new ModuleError(`its memory cannot be made: ${reason}`, 'memory', { cause: error })
}

function instantiate(compiled: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
  try {
    return new WebAssembly.Instance(compiled, imports)
  } catch (error) {
    // Nothing of the program has run yet.
    if (error instanceof RangeError) throw withoutMemory(error)
    if (!(error instanceof WebAssembly.LinkError) && !(error instanceof TypeError)) throw error
    throw new ModuleError(`it imports what a WASI program cannot have: ${error.message}`, 'import', { cause: error })
  }
}

/** Functions that ask WASI for the program's arguments, by themselves or through a wrapper of that one call. */
function findArgumentReaders(module: GuestModule): ReadonlySet<number> {
  const { imports, importedFunctions, bodies } = module
  const asks = imports.filter(({ kind, name }) => kind === 'function' && name === 'args_get').map(({ index }) => index)
  const own = bodies.map((_, i) => importedFunctions + i)
  const callersOf = (targets: readonly number[]) =>
    own.filter((index) => targets.some((target) => module.scan(index).calls.has(target)))
  const direct = callersOf(asks)
  const wrappers = direct.filter((index) => module.scan(index).calls.size === 1)
  return new Set([...direct, ...callersOf(wrappers)])
}

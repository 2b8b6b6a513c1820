/**
 * Whether a part of the old allocator would stay reachable when its functions are replaced.
 *
 * From what the module exports, starts with and has in its tables, all calls are followed, but not into the functions
 * that are replaced. Of what is reached, a function belongs to the old allocator
 *   by its name, when only allocators have such a function and it uses memory: `malloc_trim`, `dispose_chunk`;
 *   by its words, when it loads or stores where the replaced functions keep their state: constant addresses that they
 *     both load and store. So an inlined copy is found. `errno`, which allocators only set, is none of them;
 *   by the headers of blocks, when it reads the word before what a replaced function gave it, as `calloc` does to see
 *     whether memory is zero already;
 *   by its work, when a replaced function calls it, it keeps state at constant addresses and grows the memory: the true
 *     allocator behind a `malloc` that does a little more than to call it.
 *
 * Functions that are reached through tables count as reached, since who calls them cannot be known.
 */
import { ModuleError } from './errors.js'
import type { FunctionScan } from './function-scan.js'
import type { GuestModule } from './module.js'
import { isAllocatorName } from './roles.js'

/** How a function is reached: by the function that calls or names it, or from outside. */
export type ReachedBy = number | 'export' | 'start' | 'table'

const REACHED_BY: Readonly<Record<Exclude<ReachedBy, number>, string>> = {
  export: 'it is exported',
  start: 'it is the start function',
  table: 'it stands in the function table',
}

const COPIED =
  'Two allocators cannot share blocks: link the module before it is optimised as a whole, ' +
  'or leave this function out of the program'
const UNNAMED =
  'Two allocators cannot share blocks, and without names this one is not known: build the module without --strip-debug ' +
  'or -s, or export all functions of its allocator (-Wl,--export=calloc, …)'

/** An import of Emscripten's by which the program outside grows the memory. */
const GROWS_OUTSIDE = 'env.emscripten_resize_heap'

/** The functions that a program can come to, and from where. What is in `closed` is reached but not looked into. */
export function findReachable(module: GuestModule, closed: ReadonlySet<number>): Map<number, ReachedBy> {
  const reached = new Map<number, ReachedBy>()
  for (const { kind, index } of module.exports) if (kind === 'function') enter(reached, index, 'export')
  if (module.start !== undefined) enter(reached, module.start, 'start')
  for (const index of module.referenced) enter(reached, index, 'table')
  // A map gives what is added while it is walked.
  for (const index of reached.keys()) if (!closed.has(index)) enterCallees(module, index, reached)
  return reached
}

function enter(reached: Map<number, ReachedBy>, index: number, by: ReachedBy): void {
  if (!reached.has(index)) reached.set(index, by)
}

function enterCallees(module: GuestModule, index: number, reached: Map<number, ReachedBy>): void {
  const { calls, references } = module.scan(index)
  for (const callee of calls) enter(reached, callee, index)
  for (const callee of references) enter(reached, callee, index)
}

/** Throws `ModuleError` with the first function of the old allocator that stays reachable, and what leads to it. */
export function checkNothingRemains(module: GuestModule): void {
  const old = new Set(module.allocator.map(({ index }) => index))
  const remains = new Remains(module, old)
  const reached = findReachable(module, old)
  const kept = [...reached.keys()].filter((index) => !old.has(index) && index >= module.importedFunctions)
  for (const index of kept.sort((a, b) => a - b)) {
    const why = remains.whyPart(index)
    if (why === undefined) continue
    const by = reached.get(index) as ReachedBy
    const from = typeof by === 'number' ? `'${module.nameOf(by)}' calls or names it` : REACHED_BY[by]
    throw new ModuleError(
      `it is a part of the old allocator and would stay in use: ${why}, and ${from}. ${module.hasNames ? COPIED : UNNAMED}`,
      `function '${module.nameOf(index)}'`,
    )
  }
}

class Remains {
  readonly #module: GuestModule
  readonly #old: ReadonlySet<number>
  /** Bytes that the replaced functions keep their state in, with the function that does. */
  readonly #words: ReadonlyMap<number, number>
  /** What the replaced functions call, in any number of steps. */
  readonly #callees: ReadonlySet<number>

  constructor(module: GuestModule, old: ReadonlySet<number>) {
    this.#module = module
    this.#old = old
    this.#words = stateOf(module, old)
    const reached = new Map<number, ReachedBy>()
    for (const index of old) enterCallees(module, index, reached)
    for (const index of reached.keys()) if (!old.has(index)) enterCallees(module, index, reached)
    this.#callees = new Set(reached.keys())
  }

  /** Why a function belongs to the old allocator; undefined when it does not. */
  whyPart(index: number): string | undefined {
    const scan = this.#module.scan(index)
    if (scan.usesMemory && isAllocatorName(this.#module.nameOf(index)))
      return 'only allocators have a function of its name'
    const own = scan.accesses.find(({ address }) => this.#words.has(address))
    if (own) {
      const owner = this.#module.nameOf(this.#words.get(own.address) as number)
      return `it ${own.kind}s the word at address ${own.address}, where '${owner}' keeps its state`
    }
    const header = [...scan.headersRead].find((callee) => this.#old.has(callee))
    if (header !== undefined) return `it reads the word before a block that '${this.#module.nameOf(header)}' gives`
    if (!this.#callees.has(index) || stateIn(scan).size === 0 || !this.#grows(index)) return undefined
    return 'a function that is replaced calls it, it keeps state of its own, and it grows the memory'
  }

  /** Whether a function grows the memory, itself or through those that it calls. */
  #grows(index: number): boolean {
    const reached = new Map<number, ReachedBy>([[index, 'export']])
    for (const one of reached.keys()) {
      if (this.#module.scan(one).growsMemory || this.#module.nameOf(one) === GROWS_OUTSIDE) return true
      if (!this.#old.has(one)) enterCallees(this.#module, one, reached)
    }
    return false
  }
}

/** Bytes at constant addresses that a function both loads and stores. */
function stateIn({ accesses }: Pick<FunctionScan, 'accesses'>): Set<number> {
  const loaded = new Set<number>()
  const stored = new Set<number>()
  for (const { kind, address, bytes } of accesses) {
    const touched = kind === 'load' ? loaded : stored
    for (let i = 0; i < bytes; i++) touched.add(address + i)
  }
  return new Set([...loaded].filter((byte) => stored.has(byte)))
}

/** The state of the functions in `old`: by byte, the first of them that loads it. */
function stateOf(module: GuestModule, old: ReadonlySet<number>): Map<number, number> {
  const accesses = [...old].flatMap((index) => module.scan(index).accesses)
  const state = stateIn({ accesses })
  const owners = new Map<number, number>()
  for (const index of old) {
    for (const { kind, address, bytes } of module.scan(index).accesses) {
      if (kind !== 'load') continue
      for (let byte = address; byte < address + bytes; byte++) {
        if (state.has(byte) && !owners.has(byte)) owners.set(byte, index)
      }
    }
  }
  return owners
}

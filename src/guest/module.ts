/**
 * What a module is made of, as far as an allocator matters: `inspectModule`.
 *
 * Reads the bytes and changes nothing; needs no other tool. The functions of the allocator are found by their imports,
 * exports and names (`roles.ts`), and where such a function only passes its arguments on, the one that it calls has the
 * same role: so a module without names is known by what it exports.
 */
import { ArgumentError } from '../errors.js'
import { type FunctionScan, scanFunction } from './function-scan.js'
import { type AllocatorRole, roleOfName } from './roles.js'
import { type ExternalKind, type GuestMemory, type ModuleTables, readSections } from './sections.js'

export const PAGE_BYTES = 65_536

/** Modules that an allocator may be imported from: the kernel's own name, and what C compilers use. */
export const KERNEL_MODULE = 'heapwright'
const ALLOCATOR_MODULES = [KERNEL_MODULE, 'env']
/** What a linked module exports: the function that gives the address of the heap. */
export const HEAP_EXPORT = 'heapwright_heap'

/** How a function of the allocator was found: `call`: it does the work of one that was found. */
export type FoundBy = 'import' | 'export' | 'name' | 'call'

/** A function of the module's allocator. */
export interface AllocatorFunction {
  readonly index: number
  /** Its name; that of its export when there are no names. */
  readonly name: string
  readonly role: AllocatorRole
  readonly foundBy: FoundBy
}

/**
 * Where memory begins that the module's own data and stack do not use:
 * `export` it exports the linker's `__heap_base`; `stack-pointer` the stack lies behind all data, and begins there;
 * `memory-end` neither is known, so the heap begins behind the memory that the module has at the start.
 */
export interface HeapBase {
  readonly foundBy: 'export' | 'stack-pointer' | 'memory-end' | 'option'
  /** For `memory-end` that of the least memory; what the memory has when the module starts decides. */
  readonly address: number
}

/** A WebAssembly module that may use an allocator. */
export interface GuestModule extends ModuleTables {
  /** Whether it has a name section with names of functions. */
  readonly hasNames: boolean
  /** The memory that an allocator would use; undefined when there is none. */
  readonly memory: GuestMemory | undefined
  /** Functions of the allocator, imported ones first, then by index. */
  readonly allocator: readonly AllocatorFunction[]
  readonly heapBase: HeapBase
  /** Whether `heapwright link` has made it. */
  readonly isLinked: boolean
  /** What a function is called in messages and stacks: its name, import, export, or `#index`. */
  nameOf(index: number): string
  /** What a function of the module's own does; of an imported one, nothing. Throws `ModuleError` for unknown code. */
  scan(index: number): FunctionScan
}

const NOTHING: FunctionScan = {
  calls: new Set(),
  references: new Set(),
  accesses: [],
  growsMemory: false,
  usesMemory: false,
  features: new Set(),
  headersRead: new Set(),
  forward: undefined,
}

/**
 * Reads a module.
 * @param bytes the module; it is not copied: leave it as it is while the result is used
 * @throws ModuleError when it is no WebAssembly module, is a component, or is damaged
 * @throws ArgumentError for what is no `Uint8Array`
 */
export function inspectModule(bytes: Uint8Array): GuestModule {
  // Of another realm, too.
  if (Object.prototype.toString.call(bytes) !== '[object Uint8Array]') {
    throw new ArgumentError('bytes', bytes, 'a Uint8Array, the bytes of a module')
  }
  return new Inspection(readSections(bytes)).module
}

class Inspection {
  readonly #tables: ModuleTables
  readonly #names: ReadonlyMap<number, string>
  readonly #scans = new Map<number, FunctionScan>()

  constructor(tables: ModuleTables) {
    this.#tables = tables
    this.#names = functionNames(tables)
  }

  get module(): GuestModule {
    const tables = this.#tables
    return {
      ...tables,
      hasNames: tables.functionNames.size > 0,
      memory: tables.memories[0],
      allocator: this.#findAllocator(),
      heapBase: findHeapBase(tables),
      isLinked: exportOf(tables, HEAP_EXPORT, 'function') !== undefined,
      nameOf: (index) => this.#nameOf(index),
      scan: (index) => this.#scan(index),
    }
  }

  #nameOf(index: number): string {
    return this.#names.get(index) ?? `#${index}`
  }

  #scan(index: number): FunctionScan {
    if (index < this.#tables.importedFunctions) return NOTHING
    const known = this.#scans.get(index)
    if (known) return known
    const scan = scanFunction(this.#tables, index, this.#nameOf(index))
    this.#scans.set(index, scan)
    return scan
  }

  #findAllocator(): AllocatorFunction[] {
    const tables = this.#tables
    const found = new Map<number, AllocatorFunction>()
    const enter = (index: number, role: AllocatorRole | undefined, foundBy: FoundBy) => {
      if (role !== undefined && !found.has(index)) found.set(index, { index, name: this.#nameOf(index), role, foundBy })
    }
    for (const { module, name, kind, index } of tables.imports) {
      if (kind === 'function' && ALLOCATOR_MODULES.includes(module)) enter(index, roleOfName(name), 'import')
    }
    for (const [index, name] of tables.functionNames) {
      if (index >= tables.importedFunctions) enter(index, roleOfName(name), 'name')
    }
    for (const { name, kind, index } of tables.exports) {
      if (kind === 'function' && index >= tables.importedFunctions) enter(index, roleOfName(name), 'export')
    }
    for (const one of [...found.values()]) this.#follow(one, found)
    return [...found.values()].sort((a, b) => a.index - b.index)
  }

  /** Enters what does the work of a function of the allocator, and drops a linker's wrapper around it. */
  #follow(from: AllocatorFunction, found: Map<number, AllocatorFunction>): void {
    for (let one = from; ; ) {
      const forward = this.#scan(one.index).forward
      if (!forward) return
      const { index, isPlain } = forward
      // The wrapper stays: the constructors that it runs are the program's.
      if (!isPlain) found.delete(one.index)
      if (found.has(index) || index < this.#tables.importedFunctions) return
      one = { index, name: this.#nameOf(index), role: one.role, foundBy: 'call' }
      found.set(index, one)
    }
  }
}

/** Names for people: the name section's, else the export's, else what an import is imported as. */
function functionNames(tables: ModuleTables): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  for (const { module, name, kind, index } of tables.imports) {
    if (kind === 'function') names.set(index, `${module}.${name}`)
  }
  for (const { name, kind, index } of tables.exports) {
    if (kind === 'function' && !names.has(index)) names.set(index, name)
  }
  for (const [index, name] of tables.functionNames) if (name !== '') names.set(index, name)
  return names
}

function exportOf(tables: ModuleTables, name: string, kind: ExternalKind): number | undefined {
  return tables.exports.find((one) => one.name === name && one.kind === kind)?.index
}

/**
 * The contract of `wasm-ld`: data from a low address on, then the stack, which grows down from `__stack_pointer`, then
 * the heap; or, with `--stack-first`, the stack below all data, whose end with what is zero no section tells.
 */
function findHeapBase(tables: ModuleTables): HeapBase {
  const end = Math.min((tables.memories[0]?.initialPages ?? 0) * PAGE_BYTES, 2 ** 32)
  const exported = exportOf(tables, '__heap_base', 'global')
  const base = exported === undefined ? undefined : tables.globals[exported]?.value
  if (base !== undefined && base <= end) return { foundBy: 'export', address: base }
  const top = stackTop(tables)
  if (top !== undefined && top <= end && isBehindData(tables, top)) return { foundBy: 'stack-pointer', address: top }
  return { foundBy: 'memory-end', address: end }
}

/** The least address behind all that is known of the module's own: its data, its stack, what its linker says. */
export function ownEnd(module: GuestModule): number {
  const { heapBase, data } = module
  const known = heapBase.foundBy === 'memory-end' ? 0 : heapBase.address
  const ends = data.map(({ address, bytes }) => (address === undefined ? 0 : address + bytes))
  return ends.reduce((most, end) => Math.max(most, end), Math.max(known, stackTop(module) ?? 0))
}

/** What `__stack_pointer` begins with. */
function stackTop(tables: ModuleTables): number | undefined {
  const named = [...tables.globalNames].find(([, name]) => name === '__stack_pointer')?.[0]
  const index = named ?? exportOf(tables, '__stack_pointer', 'global')
  return index === undefined ? undefined : tables.globals[index]?.value
}

/** Whether there is data, all of it at known addresses below `address`. */
function isBehindData(tables: ModuleTables, address: number): boolean {
  const isBelow = tables.data.every((data) => data.address !== undefined && data.address + data.bytes <= address)
  return tables.data.length > 0 && isBelow
}

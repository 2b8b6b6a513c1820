/**
 * Changes a module so that its memory can be checked while it runs. The code stays as it is but for what is put in:
 *
 * - each function of the allocator becomes a call of an imported one
 * - a store to the stack pointer keeps the lowest value it ever had, and tells when that is below the stack
 * - functions from which the program may exit give the values of their locals when it does: they are roots
 * - where wanted, a call of the checker in front of each load, store, and change of a range (`instrument-code.ts`)
 *
 * Functions are imported behind those that are, so all others move up by as many; globals, types and exports are added
 * behind the old ones. Names are left out: stacks are read by places, which `CodePlaces` leads back.
 */
import { ByteReader } from '../byte-reader.js'
import { ByteWriter } from '../byte-writer.js'
import { END } from '../code-walker.js'
import { ModuleError } from '../errors.js'
import type { GuestModule } from '../module.js'
import { type CopySection, copyElements, copyGlobal, copyTables, renumberExports, writeExports } from '../renumber.js'
import { type AllocatorRole, typeOfRole } from '../roles.js'
import type { FunctionType, Section } from '../sections.js'
import { CodePlaces } from './code-places.js'
import { findExiting } from './exiting.js'
import { type CodePlan, rewriteBody, writeReplacement } from './instrument-code.js'
import type { StackPlan } from './stack-plan.js'

/** The module that everything put in is imported from. */
export const CHECK_MODULE = 'heapwright:check'
/** Names of what is exported besides, so that the checker gets at it. */
export const MEMORY_EXPORT = 'heapwright:memory'
export const LOW_EXPORT = 'heapwright:low'
/** The start function, which is called when the checker is ready, not by the engine. */
export const START_EXPORT = 'heapwright:start'
export const GLOBAL_EXPORT = 'heapwright:global:'
/** Name of the instrumented module; the engine shows it in stacks. */
export const GUEST_NAME = 'heapwright-checked-guest'

export interface InstrumentOptions {
  readonly stack: StackPlan | undefined
  /** Whether every load and store is checked. */
  readonly isPrecise: boolean
}

export interface InstrumentedModule {
  readonly bytes: Uint8Array
  readonly places: CodePlaces
  /** Mutable globals of the module's own that may hold an address, by their names as exports. */
  readonly globals: readonly string[]
}

const TYPE = 1
const IMPORT = 2
const TABLE = 4
const GLOBAL = 6
const EXPORT = 7
const START = 8
const ELEMENT = 9
const CODE = 10
/** The order in which sections stand; custom ones are left out. */
const SECTION_ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]
const HEADER = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const KIND_FUNCTION = 0
const VALUE_CODES: Readonly<Record<string, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }
const FUNCTION_TYPE = 0x60
const I32_CONST = 0x41
const I64_CONST = 0x42

const ACCESS_SIZES = [1, 2, 4, 8, 16]
const CHECK_TYPE: FunctionType = { params: ['i32', 'i32'], results: ['i32'] }

/**
 * @param module of which `checkReplaceable` holds
 * @throws ModuleError for code or sections that are not known
 */
export function instrument(module: GuestModule, options: InstrumentOptions): InstrumentedModule {
  return new Instrumenter(module, options).run()
}

class Instrumenter {
  readonly #module: GuestModule
  readonly #plan: CodePlan
  readonly #places = new CodePlaces()
  /** What is imported besides, in order. */
  readonly #imported: { readonly name: string; readonly type: number }[] = []
  readonly #types: FunctionType[] = []
  readonly #globals: string[] = []

  constructor(module: GuestModule, { stack, isPrecise }: InstrumentOptions) {
    this.#module = module
    const roles = new Set(module.allocator.filter(({ foundBy }) => foundBy !== 'import').map(({ role }) => role))
    const replaced = new Map([...roles].map((role) => [role, this.#import(role, typeWithContext(role))]))
    const exiting = findExiting(module)
    this.#plan = {
      module,
      replaced: new Map(
        module.allocator.flatMap(({ index, role }) => {
          const target = replaced.get(role)
          return index < module.importedFunctions || target === undefined ? [] : [[index, { role, target }]]
        }),
      ),
      stack: stack && {
        ...stack,
        low: module.globals.length,
        overflow: this.#import('overflow', { params: ['i32'], results: [] }),
      },
      context: replaced.size === 0 ? undefined : module.globals.length + (stack ? 1 : 0),
      exiting,
      spill: exiting.size === 0 ? 0 : this.#import('spill', { params: ['i32'], results: [] }),
      blockType: (type) => this.#blockType(type),
      checks: isPrecise ? this.#importChecks() : undefined,
      mapFunction: (index) => this.#mapFunction(index),
    }
  }

  run(): InstrumentedModule {
    // The code first: it may need types that stand in front of it.
    const code = this.#code()
    const out = new ByteWriter()
    out.raw(HEADER)
    for (const id of SECTION_ORDER) {
      const contents = id === CODE ? code : this.#section(id)
      if (!contents) continue
      out.byte(id)
      out.u32(contents.length)
      if (id === CODE) this.#places.sectionAt = out.length
      out.raw(contents.bytes)
    }
    writeModuleName(out)
    return { bytes: out.bytes, places: this.#places, globals: this.#globals }
  }

  // ---- what is added ----

  /** The index of a function that is imported besides. */
  #import(name: string, type: FunctionType): number {
    this.#imported.push({ name, type: this.#type(type) })
    return this.#module.importedFunctions + this.#imported.length - 1
  }

  #importChecks(): NonNullable<CodePlan['checks']> {
    const all = (name: string) =>
      new Map(ACCESS_SIZES.map((size) => [size, this.#import(`${name}${size}`, CHECK_TYPE)]))
    const range = { params: ['i32', 'i32', 'i32'], results: [] }
    return { loads: all('load'), stores: all('store'), range: this.#import('range', range) }
  }

  #type(type: FunctionType): number {
    this.#types.push(type)
    return this.#module.types.length + this.#types.length - 1
  }

  /** The type of a block that gives what a function of this type does, as the code has it. */
  #blockType({ results }: FunctionType): number {
    return this.#type({ params: [], results })
  }

  #mapFunction(index: number): number {
    return index < this.#module.importedFunctions ? index : index + this.#imported.length
  }

  // ---- sections ----

  #section(id: number): ByteWriter | undefined {
    const section = this.#module.sections.find((one) => one.id === id)
    switch (id) {
      case TYPE:
        return this.#extended(section, this.#types.length, (out) => this.#writeTypes(out))
      case IMPORT:
        return this.#extended(section, this.#imported.length, (out) => this.#writeImports(out))
      case GLOBAL:
        return this.#globalSection(section)
      case EXPORT:
        return this.#exportSection()
      case START:
        return undefined
      case ELEMENT:
        return section && this.#renumbered(section, copyElements)
      case TABLE:
        return section && this.#renumbered(section, copyTables)
    }
    return section && this.#copy(section)
  }

  #reader({ offset, bytes, name }: Section): ByteReader {
    return new ByteReader(this.#module.bytes, offset, offset + bytes, `${name} section`)
  }

  #copy({ offset, bytes }: Section): ByteWriter {
    const out = new ByteWriter()
    out.raw(this.#module.bytes.subarray(offset, offset + bytes))
    return out
  }

  #renumbered(section: Section, copy: CopySection): ByteWriter {
    const out = new ByteWriter()
    copy(this.#reader(section), out, (index) => this.#mapFunction(index))
    return out
  }

  /** A list with more behind it. */
  #extended(section: Section | undefined, more: number, write: (out: ByteWriter) => void): ByteWriter | undefined {
    if (more === 0) return section && this.#copy(section)
    const out = new ByteWriter()
    const reader = section && this.#reader(section)
    out.u32((reader?.u32() ?? 0) + more)
    if (section && reader) out.raw(this.#module.bytes.subarray(reader.at, section.offset + section.bytes))
    write(out)
    return out
  }

  #writeTypes(out: ByteWriter): void {
    for (const { params, results } of this.#types) {
      out.byte(FUNCTION_TYPE)
      for (const list of [params, results]) {
        out.u32(list.length)
        for (const type of list) out.byte(valueCode(type))
      }
    }
  }

  #writeImports(out: ByteWriter): void {
    for (const { name, type } of this.#imported) {
      out.name(CHECK_MODULE)
      out.name(name)
      out.byte(KIND_FUNCTION)
      out.u32(type)
    }
  }

  #globalSection(section: Section | undefined): ByteWriter | undefined {
    const { stack, context } = this.#plan
    const out = new ByteWriter()
    const reader = section && this.#reader(section)
    const count = reader?.u32() ?? 0
    const more = (stack ? 1 : 0) + (context === undefined ? 0 : 1)
    if (count + more === 0) return undefined
    out.u32(count + more)
    for (let i = 0; reader && i < count; i++) copyGlobal(reader, out, (index) => this.#mapFunction(index))
    if (stack) writeGlobal(out, 'i32', I32_CONST, stack.top)
    if (context !== undefined) writeGlobal(out, 'i64', I64_CONST, 0)
    return out
  }

  #exportSection(): ByteWriter {
    const module = this.#module
    const entries = renumberExports(module.exports, (index) => this.#mapFunction(index))
    entries.push({ name: MEMORY_EXPORT, kind: 'memory', index: 0 })
    module.globals.forEach(({ type, isMutable }, index) => {
      if (type !== 'i32' || !isMutable) return
      this.#globals.push(`${GLOBAL_EXPORT}${index}`)
      entries.push({ name: `${GLOBAL_EXPORT}${index}`, kind: 'global', index })
    })
    if (module.start !== undefined) {
      entries.push({ name: START_EXPORT, kind: 'function', index: this.#mapFunction(module.start) })
    }
    if (this.#plan.stack) entries.push({ name: LOW_EXPORT, kind: 'global', index: this.#plan.stack.low })
    const out = new ByteWriter()
    writeExports(entries, out)
    return out
  }

  #code(): ByteWriter | undefined {
    const { bodies, importedFunctions } = this.#module
    if (bodies.length === 0) return undefined
    const out = new ByteWriter()
    out.u32(bodies.length)
    bodies.forEach((_, i) => {
      const index = importedFunctions + i
      const replaced = this.#plan.replaced.get(index)
      if (replaced) writeReplacement(this.#plan, index, replaced, out, this.#places)
      else rewriteBody(this.#plan, index, out, this.#places)
    })
    return out
  }
}

function valueCode(type: string): number {
  const code = VALUE_CODES[type]
  if (code === undefined) throw new ModuleError(`a value of type ${type} is not known here`, 'type section')
  return code
}

/** A function of the allocator is told the hash of the way by which it is called, in two halves. */
function typeWithContext(role: AllocatorRole): FunctionType {
  const { params, results } = typeOfRole(role)
  return { params: [...params, 'i32', 'i32'], results }
}

/** A mutable global. */
function writeGlobal(out: ByteWriter, type: string, constant: number, value: number): void {
  out.byte(valueCode(type))
  out.byte(1)
  out.byte(constant)
  out.i32(value)
  out.byte(END)
}

function writeModuleName(out: ByteWriter): void {
  const name = new ByteWriter()
  name.name(GUEST_NAME)
  const contents = new ByteWriter()
  contents.name('name')
  contents.byte(0)
  contents.sized(name)
  out.byte(0)
  out.sized(contents)
}

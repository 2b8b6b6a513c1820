/**
 * The sections of a WebAssembly module, read into plain tables (Core Specification 2.0, §5.5; the name section and
 * `target_features` as in the tool conventions).
 *
 * Code is kept as the places of the bodies: `instructions.ts` reads them. What is read is what a linker of allocators
 * must know; the rest is passed. A module that is damaged gives a `ModuleError` with the section and the byte. Whether
 * a module is valid is not decided here: `WebAssembly.validate` says that.
 */
import { ByteReader } from './byte-reader.js'
import { ModuleError } from './errors.js'

/** A value's type, such as `i32`; of references that this table does not name, the bytes in hexadecimal. */
export type ValueType = string

export interface FunctionType {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
}

export type ExternalKind = 'function' | 'table' | 'memory' | 'global' | 'tag'

export interface GuestImport {
  readonly module: string
  readonly name: string
  readonly kind: ExternalKind
  /** Its index among what is of that kind. */
  readonly index: number
}

export interface GuestExport {
  readonly name: string
  readonly kind: ExternalKind
  readonly index: number
}

export interface GuestMemory {
  readonly initialPages: number
  /** Undefined: none is stated. */
  readonly maximumPages: number | undefined
  readonly isShared: boolean
  /** Addresses of 64 bits. */
  readonly is64: boolean
  /** Where it comes from; undefined when it is the module's own. */
  readonly import: GuestImport | undefined
}

export interface GuestGlobal {
  readonly type: ValueType
  readonly isMutable: boolean
  /** What it begins with, when that is one `i32.const`. */
  readonly value: number | undefined
  readonly import: GuestImport | undefined
}

/** What stands in memory from the start. */
export interface DataSegment {
  /** Address, when it is a constant; undefined for a passive segment, or one that an import places. */
  readonly address: number | undefined
  readonly bytes: number
  readonly isPassive: boolean
}

export interface Section {
  readonly id: number
  /** Of a custom section its own name. */
  readonly name: string
  /** Where its contents begin, in bytes from the module's start. */
  readonly offset: number
  readonly bytes: number
}

/** A module's tables, by the indices that its code uses: imports first. */
export interface ModuleTables {
  /** The module itself. */
  readonly bytes: Uint8Array
  readonly sections: readonly Section[]
  readonly types: readonly FunctionType[]
  readonly imports: readonly GuestImport[]
  readonly exports: readonly GuestExport[]
  /** Index of the type of each function. */
  readonly functionTypes: readonly number[]
  readonly importedFunctions: number
  readonly memories: readonly GuestMemory[]
  /** What each table holds, imported ones first: `funcref` or another reference. */
  readonly tables: readonly ValueType[]
  /** How many kinds of exceptions it has, imported ones included. */
  readonly tagCount: number
  readonly globals: readonly GuestGlobal[]
  /** Index of the start function. */
  readonly start: number | undefined
  /** Functions that stand in element segments, or that globals and tables begin with, by index. */
  readonly referenced: ReadonlySet<number>
  readonly data: readonly DataSegment[]
  /** Where the body of each function of the module's own lies: its locals, then its code. */
  readonly bodies: readonly { readonly offset: number; readonly bytes: number }[]
  /** Names of functions by index. Empty without a name section. */
  readonly functionNames: ReadonlyMap<number, string>
  readonly globalNames: ReadonlyMap<number, string>
  /** Features that the compiler says it used, such as `simd128`. */
  readonly targetFeatures: readonly string[]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }
/** The tables while they are read. */
type Building = Mutable<Omit<ModuleTables, 'referenced' | 'functionNames' | 'globalNames'>> & {
  referenced: Set<number>
  functionNames: Map<number, string>
  globalNames: Map<number, string>
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d]
const HEADER_BYTES = 8
const VERSION = 1
/** Bytes 6 and 7 of the header: a component says 1 there. */
const COMPONENT_LAYER = 1

const SECTION_NAMES = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
  'tag',
] as const
/** Kinds of imports and exports, by their numbers. */
export const EXTERNAL_KINDS: readonly ExternalKind[] = ['function', 'table', 'memory', 'global', 'tag']

const VALUE_TYPES: Readonly<Record<number, ValueType>> = {
  127: 'i32',
  126: 'i64',
  125: 'f32',
  124: 'f64',
  123: 'v128',
  112: 'funcref',
  111: 'externref',
  105: 'exnref',
}
/** References that say in another number to what. */
const TYPED_REFERENCES = [0x63, 0x64]
const FUNCTION_TYPE = 0x60
const TABLE_WITH_VALUE = 0x40

const LIMIT_MAXIMUM = 1
const LIMIT_SHARED = 2
const LIMIT_64 = 4

/** Reads a module's tables. Throws `ModuleError`: no module, a component, damaged, types of garbage-collected objects. */
export function readSections(bytes: Uint8Array): ModuleTables {
  checkHeader(bytes)
  const tables = emptyTables(bytes)
  const reader = new ByteReader(bytes, HEADER_BYTES, bytes.length, 'module')
  while (!reader.isAtEnd) {
    const id = reader.byte()
    const length = reader.u32()
    const name = SECTION_NAMES[id]
    if (name === undefined) throw reader.error(`a section has the number ${id}, which is not known`)
    const section = reader.part(length, `${name} section`)
    if (id === 0) readCustom(section, length, tables)
    else {
      tables.sections.push({ id, name, offset: section.at, bytes: length })
      SECTIONS[id]?.(section, tables)
    }
  }
  return tables
}

/** The type of a function, by the function's index. */
export function typeOf(tables: ModuleTables, index: number): FunctionType {
  const type = tables.types[tables.functionTypes[index] ?? -1]
  if (!type) throw new ModuleError(`it has no type, or there is no such function`, `function ${index}`)
  return type
}

function checkHeader(bytes: Uint8Array): void {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw new ModuleError(`it is not WebAssembly: ${beginning(bytes)}`)
  if (bytes.length < HEADER_BYTES) throw new ModuleError('it is not WebAssembly: it ends in its header')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint16(6, true) === COMPONENT_LAYER) {
    throw new ModuleError(
      'it is a component, not a core module: give the core module that it was made of (wasm-tools component unbundle)',
    )
  }
  const version = view.getUint32(4, true)
  if (version !== VERSION) throw new ModuleError(`its WebAssembly version is ${version}; only ${VERSION} is known`)
}

/** What a file is that is no module, where its beginning tells. */
function beginning(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty'
  const text = String.fromCharCode(...bytes.subarray(0, 8))
  if (text.startsWith('(module') || text.startsWith('(;')) return 'it is the text format: assemble it first (wasm-as)'
  if (text.startsWith('\x7fELF')) return 'it is a native program or object file (ELF)'
  if (text.startsWith('!<arch>')) return 'it is an archive of object files'
  if (text.startsWith('BC\xc0\xde')) return 'it is LLVM bitcode: link it first'
  const begin = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return `it begins with ${begin}, not with 00 61 73 6d`
}

function emptyTables(bytes: Uint8Array): Building {
  return {
    bytes,
    sections: [],
    types: [],
    imports: [],
    exports: [],
    functionTypes: [],
    importedFunctions: 0,
    memories: [],
    tables: [],
    tagCount: 0,
    globals: [],
    start: undefined,
    referenced: new Set(),
    data: [],
    bodies: [],
    functionNames: new Map(),
    globalNames: new Map(),
    targetFeatures: [],
  }
}

type SectionReader = (reader: ByteReader, tables: Building) => void

const SECTIONS: Readonly<Record<number, SectionReader>> = {
  1: (reader, tables) => {
    append(
      tables.types,
      reader.vector(() => readFunctionType(reader)),
    )
  },
  2: readImports,
  3: (reader, tables) => {
    append(
      tables.functionTypes,
      reader.vector(() => reader.u32()),
    )
  },
  4: (reader, tables) => {
    reader.vector(() => readTable(reader, tables))
  },
  5: (reader, tables) => {
    append(
      tables.memories,
      reader.vector(() => readMemory(reader, undefined)),
    )
  },
  6: (reader, tables) => {
    append(
      tables.globals,
      reader.vector(() => readGlobal(reader, tables.referenced)),
    )
  },
  7: (reader, tables) => {
    append(
      tables.exports,
      reader.vector(() => ({ name: reader.name(), kind: readKind(reader), index: reader.u32() })),
    )
  },
  8: (reader, tables) => {
    tables.start = reader.u32()
  },
  9: (reader, tables) => {
    reader.vector(() => readElements(reader, tables.referenced))
  },
  10: (reader, tables) => {
    const bodies = reader.vector(() => {
      const bytes = reader.u32()
      const offset = reader.at
      reader.skip(bytes)
      return { offset, bytes }
    })
    append(tables.bodies, bodies)
  },
  11: (reader, tables) => {
    append(
      tables.data,
      reader.vector(() => readData(reader)),
    )
  },
  13: (reader, tables) => {
    reader.vector(() => readTag(reader, tables))
  },
}

/** One by one: a list can be longer than a call may have arguments. */
function append<T>(list: T[], more: readonly T[]): void {
  for (const one of more) list.push(one)
}

function readFunctionType(reader: ByteReader): FunctionType {
  const form = reader.byte()
  if (form !== FUNCTION_TYPE) {
    throw reader.error(
      `a type of form 0x${form.toString(16)}: garbage-collected types are not known here`,
      reader.at - 1,
    )
  }
  const params = reader.vector(() => readValueType(reader))
  return { params, results: reader.vector(() => readValueType(reader)) }
}

/** A value's type. */
export function readValueType(reader: ByteReader): ValueType {
  const form = reader.byte()
  const name = VALUE_TYPES[form]
  if (name !== undefined) return name
  const isTyped = TYPED_REFERENCES.includes(form)
  return `ref-${form.toString(16)}${isTyped ? `:${reader.signed(5)}` : ''}`
}

/** What kind an import or export is of. */
export function readKind(reader: ByteReader): ExternalKind {
  const number = reader.byte()
  const kind = EXTERNAL_KINDS[number]
  if (kind === undefined) throw reader.error(`an import or export of kind ${number}, which is not known`, reader.at - 1)
  return kind
}

function readImports(reader: ByteReader, tables: Building): void {
  const counts: Record<ExternalKind, number> = { function: 0, table: 0, memory: 0, global: 0, tag: 0 }
  reader.vector(() => {
    const module = reader.name()
    const name = reader.name()
    const kind = readKind(reader)
    const entry = { module, name, kind, index: counts[kind]++ }
    tables.imports.push(entry)
    if (kind === 'function') tables.functionTypes.push(reader.u32())
    else if (kind === 'table') tables.tables.push(readTableType(reader))
    else if (kind === 'memory') tables.memories.push(readMemory(reader, entry))
    else if (kind === 'tag') readTag(reader, tables)
    else {
      const type = readValueType(reader)
      tables.globals.push({ type, isMutable: reader.byte() !== 0, value: undefined, import: entry })
    }
  })
  tables.importedFunctions = counts.function
}

/** A table of the module's own. */
function readTable(reader: ByteReader, tables: Building): void {
  const { type, hasValue } = readTableHead(reader)
  tables.tables.push(type)
  if (hasValue) enterFunctions(readConstant(reader), tables.referenced)
}

/** A table up to the value that it begins with; one that has a value has two bytes before its type. */
function readTableHead(reader: ByteReader): { readonly type: ValueType; readonly hasValue: boolean } {
  const hasValue = reader.bytes[reader.at] === TABLE_WITH_VALUE
  // A byte that is kept for later follows.
  if (hasValue) reader.skip(2)
  return { type: readTableType(reader), hasValue }
}

/** Passes a table of the module's own, up to the value that it begins with; whether it has one. */
export function passTable(reader: ByteReader): boolean {
  return readTableHead(reader).hasValue
}

/** Passes what an import is, behind its kind. */
export function passImported(reader: ByteReader, kind: ExternalKind): void {
  if (kind === 'function') reader.u32()
  else if (kind === 'table') readTableType(reader)
  else if (kind === 'memory') readLimits(reader)
  else if (kind === 'tag') passTag(reader)
  else {
    readValueType(reader)
    reader.byte()
  }
}

function readTableType(reader: ByteReader): ValueType {
  const type = readValueType(reader)
  readLimits(reader)
  return type
}

function passTag(reader: ByteReader): void {
  reader.byte()
  reader.u32()
}

function readTag(reader: ByteReader, tables: Building): void {
  passTag(reader)
  tables.tagCount++
}

function readLimits(reader: ByteReader): { flags: number; initial: number; maximum: number | undefined } {
  const flags = reader.byte()
  if (flags > (LIMIT_MAXIMUM | LIMIT_SHARED | LIMIT_64)) {
    throw reader.error(`limits with the flags 0x${flags.toString(16)}, such as pages of another size, are not known`)
  }
  const read = () => (flags & LIMIT_64 ? reader.u64() : reader.u32())
  const initial = read()
  return { flags, initial, maximum: flags & LIMIT_MAXIMUM ? read() : undefined }
}

function readMemory(reader: ByteReader, from: GuestImport | undefined): GuestMemory {
  const { flags, initial, maximum } = readLimits(reader)
  return {
    initialPages: initial,
    maximumPages: maximum,
    isShared: (flags & LIMIT_SHARED) !== 0,
    is64: (flags & LIMIT_64) !== 0,
    import: from,
  }
}

function readGlobal(reader: ByteReader, referenced: Set<number>): GuestGlobal {
  const type = readValueType(reader)
  const isMutable = reader.byte() !== 0
  const constant = readConstant(reader)
  enterFunctions(constant, referenced)
  return { type, isMutable, value: constant.value, import: undefined }
}

interface Constant {
  readonly value: number | undefined
  readonly functions: readonly number[]
}

function enterFunctions({ functions }: Constant, referenced: Set<number>): void {
  for (const index of functions) referenced.add(index)
}

/** A constant expression: its value when it is one `i32.const`, and the functions that it names. */
function readConstant(reader: ByteReader): Constant {
  const functions: number[] = []
  let value: number | undefined
  let length = 0
  for (let code = reader.byte(); code !== 0x0b; code = reader.byte()) {
    length++
    if (code === 0x41) value = reader.i32()
    else if (code === 0x42 || code === 0x23 || code === 0xd0) reader.skipNumber()
    else if (code === 0x43) reader.skip(4)
    else if (code === 0x44) reader.skip(8)
    else if (code === 0xd2) functions.push(reader.u32())
    else if (code === 0xfd) {
      reader.u32()
      reader.skip(16)
    } else if (!EXTENDED_CONSTANTS.has(code)) {
      throw reader.error(`a constant expression has the instruction 0x${code.toString(16)}, which is not known`)
    }
  }
  return { value: length === 1 ? value : undefined, functions }
}

/** Addition, subtraction and multiplication of whole numbers. */
const EXTENDED_CONSTANTS = new Set([0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e])

/** An element segment in one of its eight forms (§5.5.12): passes it and enters the functions that it names. */
function readElements(reader: ByteReader, referenced: Set<number>): void {
  const form = reader.u32()
  if (form > 7) throw reader.error(`an element segment of form ${form}, which is not known`)
  const isActive = (form & 1) === 0
  const hasTable = isActive && (form & 2) !== 0
  const isExpressions = (form & 4) !== 0
  if (hasTable) reader.u32()
  if (isActive) readConstant(reader)
  if ((form & 3) !== 0) {
    if (isExpressions) readValueType(reader)
    else reader.byte()
  }
  reader.vector(() => {
    if (!isExpressions) referenced.add(reader.u32())
    else enterFunctions(readConstant(reader), referenced)
  })
}

function readData(reader: ByteReader): DataSegment {
  const form = reader.u32()
  if (form > 2) throw reader.error(`a data segment of form ${form}, which is not known`)
  if (form === 2) reader.u32()
  const address = form === 1 ? undefined : readConstant(reader).value
  const bytes = reader.u32()
  reader.skip(bytes)
  return { address, bytes, isPassive: form === 1 }
}

// ---- custom sections ----------------------------------------------------------------------------------------------

function readCustom(reader: ByteReader, length: number, tables: Building): void {
  const offset = reader.at
  const name = reader.name()
  tables.sections.push({ id: 0, name, offset, bytes: length })
  try {
    if (name === 'name') readNames(reader, tables)
    if (name === 'target_features') {
      append(
        tables.targetFeatures,
        reader.vector(() => readFeature(reader)).flatMap((feature) => feature ?? []),
      )
    }
  } catch (error) {
    // A damaged custom section does not make a module invalid (§7.2): what was read of it is kept.
    if (!(error instanceof ModuleError)) throw error
  }
}

/** A feature that is used (`+`) or required (`=`). */
function readFeature(reader: ByteReader): string | undefined {
  const mark = String.fromCharCode(reader.byte())
  const name = reader.name()
  return mark === '-' ? undefined : name
}

const NAMES_OF_FUNCTIONS = 1
const NAMES_OF_GLOBALS = 7

function readNames(reader: ByteReader, tables: Building): void {
  while (!reader.isAtEnd) {
    const id = reader.byte()
    const part = reader.part(reader.u32(), 'name section')
    const names =
      id === NAMES_OF_FUNCTIONS ? tables.functionNames : id === NAMES_OF_GLOBALS ? tables.globalNames : undefined
    if (names) part.vector(() => names.set(part.u32(), part.name()))
  }
}

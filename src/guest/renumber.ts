/**
 * Parts of a module in which functions are named by their indices, copied with other indices: element segments, tables,
 * globals, exports, bodies. What is none of these indices is copied byte for byte.
 *
 * (WebAssembly Core Specification 2.0, §5.5.)
 */
import type { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { CodeWalker, codeStart, END } from './code-walker.js'
import type { GuestModule } from './module.js'
import { EXTERNAL_KINDS, type GuestExport, passTable, readValueType } from './sections.js'

/** The index that a function has afterwards. */
export type MapFunction = (index: number) => number

/** Copies the contents of a section, from where the reader stands. */
export type CopySection = (reader: ByteReader, out: ByteWriter, map: MapFunction) => void

/** Element segments in their eight forms (§5.5.12). */
export function copyElements(reader: ByteReader, out: ByteWriter, map: MapFunction): void {
  copyList(reader, out, () => {
    const start = reader.at
    const form = reader.u32()
    const isActive = (form & 1) === 0
    if (isActive && (form & 2) !== 0) reader.u32()
    copyFrom(start, reader, out)
    if (isActive) copyExpression(reader, out, map)
    const kindAt = reader.at
    const isExpressions = (form & 4) !== 0
    if ((form & 3) !== 0) {
      if (isExpressions) readValueType(reader)
      else reader.byte()
    }
    copyFrom(kindAt, reader, out)
    copyList(reader, out, () => {
      if (isExpressions) copyExpression(reader, out, map)
      else out.u32(map(reader.u32()))
    })
  })
}

/** Tables, which may have a value to begin with. */
export function copyTables(reader: ByteReader, out: ByteWriter, map: MapFunction): void {
  copyList(reader, out, () => {
    const start = reader.at
    const hasValue = passTable(reader)
    copyFrom(start, reader, out)
    if (hasValue) copyExpression(reader, out, map)
  })
}

export function copyGlobals(reader: ByteReader, out: ByteWriter, map: MapFunction): void {
  copyList(reader, out, () => copyGlobal(reader, out, map))
}

/** One global, with what it begins with. */
export function copyGlobal(reader: ByteReader, out: ByteWriter, map: MapFunction): void {
  const start = reader.at
  readValueType(reader)
  reader.byte()
  copyFrom(start, reader, out)
  copyExpression(reader, out, map)
}

export function renumberExports(exports: readonly GuestExport[], map: MapFunction): GuestExport[] {
  return exports.map((one) => (one.kind === 'function' ? { ...one, index: map(one.index) } : one))
}

/** The contents of an export section. */
export function writeExports(exports: readonly GuestExport[], out: ByteWriter): void {
  out.u32(exports.length)
  for (const { name, kind, index } of exports) {
    out.name(name)
    out.byte(EXTERNAL_KINDS.indexOf(kind))
    out.u32(index)
  }
}

/** The body of a function of the module's own, with its length before it. */
export function copyBody(module: GuestModule, index: number, out: ByteWriter, map: MapFunction): void {
  const { bytes } = module
  const { types, raw, at, end } = codeStart(module, index)
  const body = new ByteWriter()
  body.u32(types.length)
  body.raw(raw)
  const walker = new CodeWalker(bytes, at, end, `function '${module.nameOf(index)}'`)
  let uncopied = at
  while (walker.next()) {
    if (!walker.namesFunction) continue
    body.raw(bytes.subarray(uncopied, walker.start))
    writeFunctionIndex(walker, body, map)
    uncopied = walker.end
  }
  body.raw(bytes.subarray(uncopied, end))
  out.sized(body)
}

/** A constant expression. */
function copyExpression(reader: ByteReader, out: ByteWriter, map: MapFunction): void {
  const { bytes } = reader
  const walker = new CodeWalker(bytes, reader.at, bytes.length, 'constant expression')
  do {
    if (!walker.next()) throw reader.error('it ends too early', bytes.length)
    if (walker.namesFunction) writeFunctionIndex(walker, out, map)
    else out.raw(bytes.subarray(walker.start, walker.end))
  } while (walker.code !== END || walker.prefix !== 0)
  reader.skip(walker.end - reader.at)
}

/** The instruction at hand, which names a function. */
function writeFunctionIndex({ code, index }: CodeWalker, out: ByteWriter, map: MapFunction): void {
  out.byte(code)
  out.u32(map(index))
}

/** A list, whose elements are copied one by one. */
function copyList(reader: ByteReader, out: ByteWriter, copyOne: () => void): void {
  const count = reader.u32()
  out.u32(count)
  for (let i = 0; i < count; i++) copyOne()
}

function copyFrom(start: number, reader: ByteReader, out: ByteWriter): void {
  out.raw(reader.bytes.subarray(start, reader.at))
}

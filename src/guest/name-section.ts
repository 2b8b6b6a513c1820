/**
 * The name section of a module of which functions have moved or gone (Core Specification 2.0, appendix A.4; the parts
 * beyond it as in the extended name section).
 *
 * Names of functions, and of the locals and labels in them, follow their functions; all other names stay as they are.
 * What is damaged is left out with all behind it, as engines do.
 */
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { ModuleError } from './errors.js'
import type { ModuleTables, Section } from './sections.js'

const OF_FUNCTIONS = 1
/** Lists by function, each with a list of names: of its locals, of its labels. */
const WITHIN_FUNCTIONS = [2, 3]

/**
 * Copies the contents of a name section.
 * @param indices the new index of each function that is still there; two may have become one, which gets the first name
 */
export function copyNames(
  tables: ModuleTables,
  section: Section,
  out: ByteWriter,
  indices: ReadonlyMap<number, number>,
): void {
  const reader = new ByteReader(tables.bytes, section.offset, section.offset + section.bytes, 'name section')
  out.name(reader.name())
  try {
    while (!reader.isAtEnd) copyPart(tables, reader, out, indices)
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error
  }
}

/** A part as a whole, or nothing of it when it is damaged. */
function copyPart(
  tables: ModuleTables,
  reader: ByteReader,
  out: ByteWriter,
  indices: ReadonlyMap<number, number>,
): void {
  const id = reader.byte()
  const bytes = reader.u32()
  const start = reader.at
  const part = reader.part(bytes, 'name section')
  const contents = new ByteWriter()
  if (id === OF_FUNCTIONS) writeFunctionNames(tables, contents, indices)
  else if (WITHIN_FUNCTIONS.includes(id)) copyWithin(tables, part, contents, indices)
  else contents.raw(tables.bytes.subarray(start, reader.at))
  out.byte(id)
  out.sized(contents)
}

function writeFunctionNames(tables: ModuleTables, out: ByteWriter, indices: ReadonlyMap<number, number>): void {
  const names = new Map<number, string>()
  for (const [old, name] of [...tables.functionNames].sort(([a], [b]) => a - b)) {
    const index = indices.get(old)
    if (index !== undefined && !names.has(index)) names.set(index, name)
  }
  out.u32(names.size)
  for (const [index, name] of [...names].sort(([a], [b]) => a - b)) {
    out.u32(index)
    out.name(name)
  }
}

/** Names within functions that still have a body. */
function copyWithin(
  tables: ModuleTables,
  reader: ByteReader,
  out: ByteWriter,
  indices: ReadonlyMap<number, number>,
): void {
  const kept = new Map<number, Uint8Array>()
  reader.vector(() => {
    const old = reader.u32()
    const start = reader.at
    reader.vector(() => {
      reader.u32()
      reader.name()
    })
    const index = indices.get(old)
    if (index !== undefined && !kept.has(index)) kept.set(index, tables.bytes.subarray(start, reader.at))
  })
  out.u32(kept.size)
  for (const [index, names] of [...kept].sort(([a], [b]) => a - b)) {
    out.u32(index)
    out.raw(names)
  }
}

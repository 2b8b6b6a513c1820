/**
 * A module that imports the memory that it had of its own, so that there can be a heap in that memory before the module
 * is there: the allocator which the module imports is an instance that needs the memory, too.
 *
 * The memory keeps its index, and nothing that uses it is changed: its section goes, and an import comes behind the
 * others. What the module exports and places in it stays as it is.
 */
import type { GuestMemory, ModuleTables, Section } from './sections.js'

const IMPORT_SECTION = 2
const MEMORY_SECTION = 5
/** Sections that come before the imports. Those of id 0 may stand anywhere. */
const TYPE_SECTION = 1
const MEMORY_KIND = 2
const HAS_MAXIMUM = 1
const HEADER_BYTES = 8

/** What the memory is imported as. */
export const MEMORY_IMPORT = { module: 'heapwright', name: 'memory' } as const

/** `bytes` with its own memory imported as `heapwright.memory`; as it is when it imports one already, or has none. */
export function importMemory(bytes: Uint8Array, { sections, memories, imports }: ModuleTables): Uint8Array {
  const [memory] = memories
  if (memory === undefined || memory.import !== undefined) return bytes
  const header = bytes.subarray(0, HEADER_BYTES)
  const entry = memoryImport(memory)
  const old = sections.find(({ id }) => id === IMPORT_SECTION)
  const entries = old ? vectorEntries(bytes, old) : new Uint8Array()
  const imported = section(IMPORT_SECTION, concat([unsigned(imports.length + 1), entries, entry]))
  const parts: Uint8Array[] = [header]
  let isPlaced = false
  for (const found of sections) {
    if (!isPlaced && (found.id === IMPORT_SECTION || found.id > TYPE_SECTION)) {
      parts.push(imported)
      isPlaced = true
    }
    if (found.id !== IMPORT_SECTION && found.id !== MEMORY_SECTION) parts.push(whole(bytes, found))
  }
  if (!isPlaced) parts.push(imported)
  return concat(parts)
}

function memoryImport({ initialPages, maximumPages }: GuestMemory): Uint8Array {
  const limits =
    maximumPages === undefined ? [unsigned(0), unsigned(initialPages)] : bounded(initialPages, maximumPages)
  const { module, name } = MEMORY_IMPORT
  return concat([text(module), text(name), unsigned(MEMORY_KIND), ...limits])
}

function bounded(initialPages: number, maximumPages: number): Uint8Array[] {
  return [unsigned(HAS_MAXIMUM), unsigned(initialPages), unsigned(maximumPages)]
}

/** The entries of a section that is one vector, without their number. */
function vectorEntries(bytes: Uint8Array, { offset, bytes: length }: Section): Uint8Array {
  let start = offset
  while ((bytes[start] ?? 0) & 0x80) start++
  return bytes.subarray(start + 1, offset + length)
}

function whole(bytes: Uint8Array, { id, offset, bytes: length }: Section): Uint8Array {
  return section(id, bytes.subarray(offset, offset + length))
}

function section(id: number, contents: Uint8Array): Uint8Array {
  return concat([unsigned(id), unsigned(contents.length), contents])
}

function text(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name)
  return concat([unsigned(bytes.length), bytes])
}

/** LEB128. */
function unsigned(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  return Uint8Array.from([...bytes, rest])
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}

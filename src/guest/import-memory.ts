/**
 * A module that imports the memory that it had of its own, so that there can be a heap in that memory before the module
 * is there: the allocator which the module imports is an instance that needs the memory, too.
 *
 * The memory keeps its index, and nothing that uses it is changed: its section goes, and an import comes behind the
 * others. What the module exports and places in it stays as it is.
 */
import { IMPORT_SECTION, rebuild, section, text, u32 } from './section-writer.js'
import type { GuestMemory, ModuleTables, Section } from './sections.js'

const MEMORY_SECTION = 5
const MEMORY_KIND = 2
/** What says of limits whether there is a maximum. */
const HAS_MAXIMUM = 1
const LEB_MORE = 0x80

/** What the memory is imported as. */
export const MEMORY_IMPORT = { module: 'heapwright', name: 'memory' } as const

/** `bytes` with its own memory imported as `heapwright.memory`; as it is when it imports one already, or has none. */
export function importMemory(bytes: Uint8Array, { sections, memories, imports }: ModuleTables): Uint8Array {
  const [memory] = memories
  if (memory === undefined || memory.import !== undefined) return bytes
  const old = sections.find(({ id }) => id === IMPORT_SECTION)
  const place = old ?? sections.find(({ id }) => id > IMPORT_SECTION)
  const contents = [...u32(imports.length + 1), ...(old ? entriesOf(bytes, old) : []), ...memoryImport(memory)]
  return rebuild(bytes, sections, (one, whole) => {
    const kept = one === old || one.id === MEMORY_SECTION ? [] : [whole]
    return one === place ? [section(IMPORT_SECTION, contents), ...kept] : kept
  })
}

function memoryImport({ initialPages, maximumPages }: GuestMemory): number[] {
  const bounds = maximumPages === undefined ? [0, ...u32(initialPages)] : [HAS_MAXIMUM, ...u32(initialPages)]
  const maximum = maximumPages === undefined ? [] : u32(maximumPages)
  return [...text(MEMORY_IMPORT.module), ...text(MEMORY_IMPORT.name), MEMORY_KIND, ...bounds, ...maximum]
}

/** The entries of a section that is one vector, without their number. */
function entriesOf(bytes: Uint8Array, { offset, bytes: length }: Section): Uint8Array {
  let last = offset
  while ((bytes[last] ?? 0) & LEB_MORE) last++
  return bytes.subarray(last + 1, offset + length)
}

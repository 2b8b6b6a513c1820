/**
 * Changes of whole sections, made on a module's bytes: what stands elsewhere stays as it is, byte for byte.
 */
import { readSections, type Section } from './sections.js'

export const HEADER_BYTES = 8
export const CUSTOM_SECTION = 0
export const IMPORT_SECTION = 2
export const EXPORT_SECTION = 7
const START_SECTION = 8
/** Sections that stand behind the exports. */
const BEHIND_EXPORTS = [START_SECTION, 9, 10, 11, 12]
const FUNCTION_KIND = 0
const MEMORY_KIND = 2

/** A number as unsigned LEB128. */
export function u32(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest]
    bytes.push((rest & 0x7f) | 0x80)
  }
}

/** Bytes with their number before them. */
export function sized(bytes: readonly number[]): number[] {
  return [...u32(bytes.length), ...bytes]
}

export function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)])
}

/** A section from its contents. */
export function section(id: number, contents: readonly number[]): Uint8Array {
  return Uint8Array.from([id, ...sized(contents)])
}

/** A module from what `change` makes of each section: other bytes for the section as a whole, or the same. */
export function rebuild(
  bytes: Uint8Array,
  sections: readonly Section[],
  change: (section: Section, whole: Uint8Array) => readonly Uint8Array[],
): Uint8Array {
  const parts = [bytes.subarray(0, HEADER_BYTES)]
  let start = HEADER_BYTES
  for (const one of sections) {
    const end = one.offset + one.bytes
    parts.push(...change(one, bytes.subarray(start, end)))
    start = end
  }
  return concatenate(parts)
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** The module with its first memory exported under one more name. */
export function exportMemory(bytes: Uint8Array, sections: readonly Section[], name: string): Uint8Array {
  return addExport(bytes, sections, [...text(name), MEMORY_KIND, 0])
}

/** The module with its start function exported, which the engine does not call any more. */
export function exportStart(bytes: Uint8Array, sections: readonly Section[], start: number, name: string): Uint8Array {
  const exported = addExport(bytes, sections, [...text(name), FUNCTION_KIND, ...u32(start)])
  return rebuild(exported, readSections(exported).sections, ({ id }, whole) => (id === START_SECTION ? [] : [whole]))
}

function addExport(bytes: Uint8Array, sections: readonly Section[], entry: readonly number[]): Uint8Array {
  const hasExports = sections.some(({ id }) => id === EXPORT_SECTION)
  const place = sections.find(({ id }) => (hasExports ? id === EXPORT_SECTION : BEHIND_EXPORTS.includes(id)))
  return rebuild(bytes, sections, (one, whole) => {
    if (one !== place) return [whole]
    if (!hasExports) return [section(EXPORT_SECTION, [1, ...entry]), whole]
    const count = readU32(bytes, one.offset)
    const rest = bytes.subarray(one.offset + count.bytes, one.offset + one.bytes)
    return [section(EXPORT_SECTION, [...u32(count.value + 1), ...rest, ...entry])]
  })
}

function readU32(bytes: Uint8Array, offset: number): { value: number; bytes: number } {
  let value = 0
  for (let length = 0; ; length++) {
    const byte = bytes[offset + length] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * length)
    if (byte < 0x80) return { value, bytes: length + 1 }
  }
}

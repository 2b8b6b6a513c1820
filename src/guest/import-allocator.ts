/**
 * A module whose allocator is imported from `heapwright`: the functions of the allocator, and those that nothing
 * reaches without them, go; all others move to the indices that are left, and what names one gets its new index.
 *
 * There is one import for each role, behind those that the module has, so that these keep their indices; what the
 * module imported of an allocator itself gets the kernel's names in place. The code stays as it is, byte for byte, but
 * for the indices of functions. Names are kept; custom sections that tell of places in the code or name functions go.
 */
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { ModuleError } from './errors.js'
import { type GuestModule, KERNEL_MODULE } from './module.js'
import { copyNames } from './name-section.js'
import {
  type CopySection,
  copyBody,
  copyElements,
  copyGlobals,
  copyTables,
  renumberExports,
  writeExports,
} from './renumber.js'
import type { AllocatorRole } from './roles.js'
import { CUSTOM_SECTION, concatenate, EXPORT_SECTION, HEADER_BYTES, IMPORT_SECTION } from './section-writer.js'
import { EXTERNAL_KINDS, type GuestImport, passImported, readKind, type Section } from './sections.js'

const FUNCTION_SECTION = 3
const TABLE_SECTION = 4
const GLOBAL_SECTION = 6
const START_SECTION = 8
const ELEMENT_SECTION = 9
const CODE_SECTION = 10
/** Copied with other indices and nothing else. */
const RENUMBERED: Readonly<Record<number, CopySection>> = {
  [TABLE_SECTION]: copyTables,
  [GLOBAL_SECTION]: copyGlobals,
  [ELEMENT_SECTION]: copyElements,
}
/** Custom sections with places in the code or indices of functions: DWARF, source maps, relocations, branch hints. */
const OF_CODE = /^(?:\.debug_.*|reloc\..*|linking|sourceMappingURL|external_debug_info|metadata\.code\..*)$/

/**
 * @param module of which `checkReplaceable` holds
 * @param kept functions of the module's own that stay: all that is reachable without the allocator
 * @throws ModuleError for code or sections that are not known
 */
export function importAllocator(module: GuestModule, kept: ReadonlySet<number>): Uint8Array {
  return new Importer(module, kept).run()
}

/** A function that is imported for a role, and the index of its type. */
interface Added {
  readonly role: AllocatorRole
  readonly type: number
}

class Importer {
  readonly #module: GuestModule
  /** Roles of the functions that the module imports already. */
  readonly #imported = new Map<number, AllocatorRole>()
  readonly #added: Added[] = []
  /** Functions of its own that stay, in order. */
  readonly #own: readonly number[]
  /** The new index of each function that is still there. */
  readonly #indices = new Map<number, number>()

  constructor(module: GuestModule, kept: ReadonlySet<number>) {
    const { importedFunctions, functionTypes } = module
    this.#module = module
    this.#own = functionTypes.flatMap((_, index) => (index >= importedFunctions && kept.has(index) ? [index] : []))
    for (let index = 0; index < importedFunctions; index++) this.#indices.set(index, index)
    this.#placeAllocator()
    const first = importedFunctions + this.#added.length
    for (const [i, index] of this.#own.entries()) this.#indices.set(index, first + i)
  }

  run(): Uint8Array {
    const { bytes, sections } = this.#module
    const out = [bytes.subarray(0, HEADER_BYTES)]
    const hasImports = sections.some(({ id }) => id === IMPORT_SECTION)
    const behind = hasImports ? undefined : sections.find(({ id }) => id > IMPORT_SECTION)
    for (const section of sections) {
      if (section === behind) out.push(whole(IMPORT_SECTION, this.#imports(undefined)))
      const contents = this.#section(section)
      if (contents) out.push(whole(section.id, contents))
    }
    return concatenate(out)
  }

  // ---- indices ----

  /** Each function of the allocator becomes the import of its role. */
  #placeAllocator(): void {
    const { allocator, importedFunctions, functionTypes } = this.#module
    const targets = new Map<AllocatorRole, number>()
    // Imported ones come first, so a role that is imported gets no second import.
    for (const { index, role } of allocator) {
      if (index < importedFunctions) {
        this.#imported.set(index, role)
        if (!targets.has(role)) targets.set(role, index)
        continue
      }
      if (!targets.has(role)) {
        targets.set(role, importedFunctions + this.#added.length)
        this.#added.push({ role, type: functionTypes[index] as number })
      }
      this.#indices.set(index, targets.get(role) as number)
    }
  }

  #map(index: number): number {
    const found = this.#indices.get(index)
    if (found !== undefined) return found
    throw new ModuleError('something names it, but it does not exist', `function ${index}`)
  }

  // ---- sections ----

  #section(section: Section): ByteWriter | undefined {
    const { id } = section
    if (id === CUSTOM_SECTION) return this.#custom(section)
    if (id === IMPORT_SECTION) return this.#imports(section)
    if (id === CODE_SECTION) return this.#code()
    const out = new ByteWriter()
    if (id === FUNCTION_SECTION) this.#writeTypes(out)
    else if (id === EXPORT_SECTION)
      writeExports(
        renumberExports(this.#module.exports, (index) => this.#map(index)),
        out,
      )
    else if (id === START_SECTION) out.u32(this.#map(this.#module.start as number))
    else if (RENUMBERED[id]) RENUMBERED[id](this.#reader(section), out, (index) => this.#map(index))
    else out.raw(this.#contents(section))
    return out
  }

  #reader({ offset, bytes, name }: Section): ByteReader {
    return new ByteReader(this.#module.bytes, offset, offset + bytes, `${name} section`)
  }

  #contents({ offset, bytes }: Section): Uint8Array {
    return this.#module.bytes.subarray(offset, offset + bytes)
  }

  #custom(section: Section): ByteWriter | undefined {
    if (OF_CODE.test(section.name)) return undefined
    const out = new ByteWriter()
    if (section.name === 'name') copyNames(this.#module, section, out, this.#indices)
    else out.raw(this.#contents(section))
    return out
  }

  /** What the module imports, with the kernel's names for functions of an allocator, then what is added. */
  #imports(section: Section | undefined): ByteWriter {
    const out = new ByteWriter()
    const { imports } = this.#module
    out.u32(imports.length + this.#added.length)
    if (section) {
      const reader = this.#reader(section)
      reader.u32()
      for (const one of imports) this.#copyImport(one, reader, out)
    }
    for (const { role, type } of this.#added) {
      out.name(KERNEL_MODULE)
      out.name(role)
      out.byte(EXTERNAL_KINDS.indexOf('function'))
      out.u32(type)
    }
    return out
  }

  #copyImport({ kind, index }: GuestImport, reader: ByteReader, out: ByteWriter): void {
    const start = reader.at
    reader.name()
    reader.name()
    const role = kind === 'function' ? this.#imported.get(index) : undefined
    if (role !== undefined) {
      out.name(KERNEL_MODULE)
      out.name(role)
    }
    const from = role === undefined ? start : reader.at
    passImported(reader, readKind(reader))
    out.raw(this.#module.bytes.subarray(from, reader.at))
  }

  #writeTypes(out: ByteWriter): void {
    out.u32(this.#own.length)
    for (const index of this.#own) out.u32(this.#module.functionTypes[index] as number)
  }

  #code(): ByteWriter {
    const out = new ByteWriter()
    out.u32(this.#own.length)
    for (const index of this.#own) copyBody(this.#module, index, out, (one) => this.#map(one))
    return out
  }
}

/** A section from its contents. */
function whole(id: number, contents: ByteWriter): Uint8Array {
  const out = new ByteWriter()
  out.byte(id)
  out.sized(contents)
  return out.bytes
}

/** All figures of a heap in one file: as text for people, or as JSON for programs. */
import { checkOptions } from './arguments.js'
import type { HeapCore } from './core.js'
import { ArgumentError, UnsupportedError } from './errors.js'
import { type CollectionStatsOptions, formatCollectionStats, readCollectionStats } from './objects/collection-stats.js'
import { writeFile } from './platform/process.js'
import { formatStats, readStats } from './stats.js'

export interface WriteStatsOptions extends CollectionStatsOptions {
  /** Default `'text'`. */
  readonly format?: 'text' | 'json'
}

const FORMATS = ['text', 'json'] as const

/** @throws ArgumentError, FileError, UnsupportedError */
export function writeStats(core: HeapCore, file: string, options: WriteStatsOptions): void {
  checkOptions('options', options, ['format', 'types'])
  const { format = 'text', types = false } = options
  if (!FORMATS.includes(format)) throw new ArgumentError('format', format, `one of ${FORMATS.join(', ')}`)
  if (typeof types !== 'boolean') throw new ArgumentError('types', types, 'a boolean')
  if (typeof file !== 'string' || file === '') throw new ArgumentError('file', file, 'the path of a file')
  core.assertOpen()
  const text = format === 'json' ? jsonOf(core, types) : textOf(core, types)
  if (writeFile(file, text)) return
  const hint = 'write what stats() and collectionStats() give by the means that there are'
  throw new UnsupportedError(core.mode, 'file system', hint, 'this platform')
}

function jsonOf(core: HeapCore, types: boolean): string {
  const space = core.objectsThatAre
  const collections = space && readCollectionStats(space, { types })
  const document = { version: 1, name: core.name, stats: readStats(core), ...(collections && { collections }) }
  return `${JSON.stringify(document, null, 2)}\n`
}

function textOf(core: HeapCore, types: boolean): string {
  const space = core.objectsThatAre
  const report = formatStats(core.label, readStats(core))
  return space ? `${report}\n${formatCollectionStats(core.label, readCollectionStats(space, { types }))}` : report
}

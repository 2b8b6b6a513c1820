/** `heapwright modes`: the presets as data, with every option and its default. */

import type { Command } from 'commander'
import { MODES, type Mode, type ModeOptions, OPTIONS, type OptionDescriptor } from '../modes.js'
import { formatBytes } from '../sizes.js'
import { outColors, printJson, printLine } from './output.js'
import { type Column, formatTable } from './table.js'

export function addModes(program: Command): void {
  program
    .command('modes')
    .description('Print the modes of a heap: what each decides, and every option with its default.')
    .option('--json', 'print one JSON document instead of tables')
    .action(({ json }: { json?: true }) => {
      const modes = Object.values(MODES)
      if (json) printJson({ version: 1, modes, options: OPTIONS })
      else printModes(modes)
    })
}

const MODE_COLUMNS: readonly Column<Mode>[] = [
  { head: 'mode', align: 'left', cell: (mode) => outColors.bold(mode.name) },
  { head: 'allocator', align: 'left', cell: (mode) => mode.allocator },
  { head: 'freeing', align: 'left', cell: (mode) => mode.freeing },
  { head: 'collector', align: 'left', cell: (mode) => mode.collector },
]

const OPTION_COLUMNS: readonly Column<OptionDescriptor>[] = [
  { head: 'option', align: 'left', cell: (option) => outColors.bold(option.name) },
  { head: 'type', align: 'left', wrapAt: 32, cell: (option) => option.type },
  { head: 'default', align: 'left', wrapAt: 24, cell: (option) => option.fallback },
  { head: 'meaning', align: 'left', wrapAt: 48, cell: (option) => option.meaning },
]

function printModes(modes: readonly Mode[]): void {
  printLine(formatTable(MODE_COLUMNS, modes))
  printLine()
  for (const { name, summary } of modes) printLine(`${outColors.bold(name)}: ${summary}.`)
  printLine()
  printLine(formatTable([PRESET_COLUMN, ...modes.map(presetColumn)], presetNames(modes)))
  printLine()
  printLine(formatTable(OPTION_COLUMNS, OPTIONS))
}

type PresetName = keyof ModeOptions

/** The options that some mode has a value for, in the order of the option table. */
function presetNames(modes: readonly Mode[]): PresetName[] {
  const given = new Set(modes.flatMap(({ options }) => Object.keys(options)))
  return OPTIONS.map(({ name }) => name).filter((name): name is PresetName => given.has(name))
}

const PRESET_COLUMN: Column<PresetName> = { head: 'preset', align: 'left', cell: (name) => outColors.bold(name) }

function presetColumn(mode: Mode): Column<PresetName> {
  return { head: mode.name, align: 'left', cell: (name) => formatPreset(mode, name) }
}

function formatPreset({ options }: Mode, name: PresetName): string {
  const value = options[name]
  // What the mode does not have.
  if (value === undefined) return '–'
  if (typeof value === 'object') return Array.isArray(value) ? value.join(' ') : 'none'
  return typeof value === 'number' && name !== 'shadowStack' ? formatBytes(value) : String(value)
}

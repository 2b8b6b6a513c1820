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
]

const OPTION_COLUMNS: readonly Column<OptionDescriptor>[] = [
  { head: 'option', align: 'left', cell: (option) => outColors.bold(option.name) },
  { head: 'type', align: 'left', wrapAt: 32, cell: (option) => option.type },
  { head: 'default', align: 'left', wrapAt: 24, cell: (option) => option.fallback },
  { head: 'meaning', align: 'left', wrapAt: 48, cell: (option) => option.meaning },
]

function printModes(modes: readonly Mode[]): void {
  const presets = Object.keys(modes[0]?.options ?? {}) as (keyof ModeOptions)[]
  const columns = presets.map(
    (name): Column<Mode> => ({ head: name, align: 'left', cell: (mode) => formatPreset(mode, name) }),
  )
  printLine(formatTable([...MODE_COLUMNS, ...columns], modes))
  printLine()
  for (const { name, summary } of modes) printLine(`${outColors.bold(name)}: ${summary}.`)
  printLine()
  printLine(formatTable(OPTION_COLUMNS, OPTIONS))
}

function formatPreset({ allocator, options }: Mode, name: keyof ModeOptions): string {
  if (name === 'sizeClasses' && allocator === 'bump') return 'none (blocks come from the bump allocator)'
  const value = options[name]
  if (typeof value === 'number') return formatBytes(value)
  return Array.isArray(value) ? value.join(' ') : String(value)
}

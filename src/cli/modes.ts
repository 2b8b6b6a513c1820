/** `heapwright modes`: the presets as data, with every option and its default; `--auto`: the one for this machine. */

import type { Command } from 'commander'
import { chooseMode, type ModeChoice, type Wishes } from '../choose.js'
import { MODES, type Mode, type ModeOptions, OPTIONS, type OptionDescriptor } from '../modes.js'
import { detectMachine, type Figure, type Machine } from '../platform/detect.js'
import { formatBytes } from '../sizes.js'
import { outColors, printable, printJson, printLine } from './output.js'
import { type Column, formatTable } from './table.js'

export function addModes(program: Command): void {
  program
    .command('modes')
    .description('Print the modes of a heap: what each decides, and every option with its default.')
    .option('--auto', "print what `mode: 'auto'` chooses on this machine, from which figures, and why")
    .option('--latency', 'with --auto: short pauses matter more than throughput')
    .option('--json', 'print one JSON document instead of tables')
    .addHelpText('after', AUTO_HELP)
    .action(({ auto, latency, json }: ModesFlags, command: Command) => {
      if (latency && !auto) command.error("error: option '--latency' goes with '--auto'")
      const modes = Object.values(MODES)
      if (auto) printAuto(latency ? { latency } : {}, json ?? false)
      else if (json) printJson({ version: 1, modes, options: OPTIONS })
      else printModes(modes)
    })
}

interface ModesFlags {
  readonly auto?: true
  readonly latency?: true
  readonly json?: true
}

const AUTO_HELP = `
With --auto, figures come from /proc/meminfo, the control group's memory.max, memory.high and memory.pressure (Linux), or
from what the runtime tells. --json prints { version, machine, wishes, choice: { mode, options, reasons } }, sizes in bytes.`

const MODE_COLUMNS: readonly Column<Mode>[] = [
  { head: 'mode', align: 'left', cell: (mode) => outColors.bold(mode.name) },
  { head: 'allocator', align: 'left', cell: (mode) => mode.allocator },
  { head: 'freeing', align: 'left', cell: (mode) => mode.freeing },
  { head: 'objects', align: 'left', cell: (mode) => mode.objects },
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

/** Options whose numbers are not of bytes. */
const PLAIN_NUMBERS: ReadonlySet<PresetName> = new Set(['pauseGoalMs', 'gcShare', 'shadowStack', 'cycleThreshold'])

function formatPreset({ options }: Mode, name: PresetName): string {
  const value = options[name]
  // What the mode does not have.
  if (value === undefined) return '–'
  if (typeof value === 'object') return Array.isArray(value) ? value.join(' ') : 'none'
  return typeof value === 'number' && !PLAIN_NUMBERS.has(name) ? formatBytes(value) : String(value)
}

// ---- --auto ---------------------------------------------------------------------------------------------------------

function printAuto(wishes: Wishes, isJson: boolean): void {
  const machine = detectMachine()
  const choice = chooseMode(machine, wishes)
  if (isJson) printJson({ version: 1, machine, wishes, choice })
  else printChoice(machine, choice)
}

function printChoice(machine: Machine, choice: ModeChoice): void {
  printLine(formatTable(FIGURE_COLUMNS, machineRows(machine)))
  printLine()
  printLine(`${outColors.bold('mode')} ${choice.mode}`)
  for (const [name, bytes] of Object.entries(choice.options)) {
    printLine(`${outColors.bold(name)} ${formatBytes(bytes)} (${bytes.toLocaleString('en')} bytes)`)
  }
  printLine()
  for (const reason of choice.reasons) printLine(`- ${printable(reason)}`)
}

interface FigureRow {
  readonly name: string
  readonly value: string
  readonly source: string
}

const FIGURE_COLUMNS: readonly Column<FigureRow>[] = [
  { head: 'figure', align: 'left', cell: ({ name }) => outColors.bold(name) },
  { head: 'value', align: 'left', cell: ({ value }) => value },
  { head: 'from', align: 'left', cell: ({ source }) => printable(source) },
]

function machineRows({ total, available, limit, left, pressure }: Machine): FigureRow[] {
  const row = (name: string, figure: Figure | undefined, otherwise: string) =>
    figure ? { name, value: formatBytes(figure.bytes), source: figure.source } : { name, value: otherwise, source: '–' }
  const stalled = pressure && `${pressure.some.avg10Percent} % of 10 s, ${pressure.some.avg60Percent} % of 60 s`
  return [
    row('total', total, 'unknown'),
    row('available', available, 'unknown'),
    row('limit', limit, 'none known'),
    row('left', left, 'none known'),
    { name: 'pressure', value: stalled ?? 'unknown', source: pressure?.source ?? '–' },
  ]
}

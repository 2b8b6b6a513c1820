/** What `npm run bench` is: the command, its options and its output. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { printJson, printLine, reportFailure } from '../src/cli/output.js'
import { Progress } from '../src/cli/progress.js'
import { headerText, sectionText, summaryText } from './report.js'
import type { BenchResult, GroupResult } from './result.js'
import { defaultLaunches, pickGroups, ROUNDS_DEFAULT, runBench, surroundings } from './run.js'

interface BenchFlags {
  readonly json?: true | string
  readonly quick?: true
  readonly filter?: string
  readonly rounds?: number
  readonly launches?: number
  readonly inProcess?: true
  readonly list?: true
}

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure the same workloads on Heapwright and on its peers, in turn, as ratios.')
    .option('--quick', 'a selection of the rows and fewer rounds: about a minute')
    .option('--filter <text>', 'only groups of rows whose name contains the text')
    .option('--rounds <count>', 'rounds that medians are taken of in each launch (default: 5)', parseCount)
    .option('--launches <count>', 'processes that each group is measured in (default: 3, quick 1)', parseCount)
    .option('--json [file]', 'write one JSON document to the file and print the tables, or print the document only')
    .option('--in-process', 'measure in this process instead of one for each group: for --cpu-prof and debuggers')
    .option('--list', 'print the names of the groups and end')
    .addHelpText(
      'after',
      '\nA budget that is not met is printed as missed; it is no failure. See docs/how-to-measure.md.',
    )
    .action(bench)
}

function parseCount(text: string): number {
  const rounds = Number(text)
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000)
    throw new InvalidArgumentError('give a number from 1 to 1000')
  return rounds
}

async function bench(flags: BenchFlags, command: Command): Promise<void> {
  const { filter, json } = flags
  const quick = flags.quick === true
  const rounds = flags.rounds ?? ROUNDS_DEFAULT
  const launches = flags.inProcess ? 1 : (flags.launches ?? defaultLaunches(quick))
  const picked = pickGroups({ filter, quick })
  if (picked.length === 0) command.error(`error: no group's name contains '${filter}'; see --list`, { exitCode: 2 })
  if (flags.list) {
    for (const { id, section, long } of picked)
      printLine(`${id.padEnd(24)} ${section}${long ? ' (not with --quick)' : ''}`)
    return
  }
  const asText = json !== true
  if (asText) printLine(headerText({ ...surroundings(), rounds, launches, quick }))

  const progress = new Progress(picked.length)
  const section = new SectionPrinter(asText)
  const result = await runBench({
    rounds,
    launches,
    quick,
    filter,
    inProcess: flags.inProcess === true,
    onGroup: (id) => progress.begin(id),
    onResult: (one) => {
      progress.end()
      section.add(one)
    },
  })
  progress.stop()
  section.end()

  if (asText) printLine(summaryText(result))
  if (json === true) printJson(result)
  else if (json !== undefined) {
    await mkdir(dirname(json), { recursive: true })
    await writeFile(json, documentText(result))
  }
  for (const failure of result.failures) reportFailure(failure)
}

/** Indented JSON with each list of samples on one line. */
function documentText(result: BenchResult): string {
  const text = JSON.stringify(result, null, 2)
  return `${text.replace(/\[[\d\s.,e+-]+\]/g, (list) => list.replace(/\s+/g, ' '))}\n`
}

/** Prints a section's table as soon as all of its groups are done. */
class SectionPrinter {
  readonly #active: boolean
  #held: GroupResult[] = []

  constructor(active: boolean) {
    this.#active = active
  }

  add(result: GroupResult): void {
    if (this.#held[0] !== undefined && this.#held[0].section !== result.section) this.end()
    this.#held.push(result)
  }

  end(): void {
    const [first] = this.#held
    if (first !== undefined && this.#active) printLine(sectionText(first.section, this.#held))
    this.#held = []
  }
}

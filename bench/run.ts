/** Runs the groups that were asked for, each in a process of its own, and gathers their results. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { pathToFileURL } from 'node:url'
import { exposeCollector } from './collector.js'
import { fromRoot } from './contestants.js'
import { groups } from './groups/all.js'
import { type Group, type GroupOptions, runGroup } from './groups/group.js'
import { type BenchResult, type GroupResult, mergeLaunches } from './result.js'

export interface BenchOptions extends GroupOptions {
  /** Only groups whose id or section contains this. */
  readonly filter?: string | undefined
  /** Processes that a group is measured in, one after the other. */
  readonly launches: number
  /** Measure in this process, for profilers. */
  readonly inProcess: boolean
  onGroup?(id: string): void
  onResult?(result: GroupResult): void
}

/** Groups that `filter` and `quick` leave, in order. A filter that names long groups gets them in quick runs too. */
export function pickGroups({ filter, quick }: Pick<BenchOptions, 'filter' | 'quick'>): readonly Group[] {
  const wanted = filter?.toLowerCase()
  const named = groups.filter(
    ({ id, section }) => wanted === undefined || `${id} ${section}`.toLowerCase().includes(wanted),
  )
  const short = named.filter(({ long }) => !(quick && long))
  return short.length > 0 ? short : named
}

/** Without `--launches`: what V8 makes of a loop differs from process to process, so one is not enough to trust. */
export function defaultLaunches(quick: boolean): number {
  return quick ? 1 : 3
}

export const ROUNDS_DEFAULT = 5

export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const started = performance.now()
  const failures: string[] = []
  await buildPeers(failures)
  const results: GroupResult[] = []
  for (const group of pickGroups(options)) {
    options.onGroup?.(group.id)
    try {
      const result = await runGroupLaunches(group, options)
      results.push(result)
      options.onResult?.(result)
    } catch (error) {
      failures.push(`${group.id}: ${oneLine(error)}`)
    }
  }
  return {
    version: 1,
    ...surroundings(),
    launches: options.launches,
    rounds: options.rounds,
    quick: options.quick,
    seconds: (performance.now() - started) / 1000,
    groups: results,
    failures,
  }
}

/** What figures depend on and the code does not say. */
export function surroundings() {
  const manifest = fromRoot('package.json')
  return {
    heapwright: manifest === undefined ? 'unknown' : (JSON.parse(readFileSync(manifest, 'utf8')).version as string),
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    date: new Date().toISOString(),
  }
}

/** In the repository: bring build/bench up to date. An installed package has neither builder nor compiler. */
async function buildPeers(failures: string[]): Promise<void> {
  const builder = fromRoot('bench/build-peers.mjs')
  if (builder === undefined) return
  try {
    const { buildPeers } = await import(pathToFileURL(builder).href)
    await buildPeers()
  } catch (error) {
    failures.push(`bench/build-peers.mjs: ${oneLine(error)}`)
  }
}

async function runGroupLaunches(group: Group, options: BenchOptions): Promise<GroupResult> {
  if (options.inProcess) return runHere(group, options)
  const first = await runApart(group, options)
  const others: GroupResult[] = []
  const launches = group.exact ? 1 : options.launches
  while (others.length + 1 < launches) others.push(await runApart(group, options))
  return mergeLaunches([first, ...others])
}

async function runHere(group: Group, options: GroupOptions): Promise<GroupResult> {
  exposeCollector()
  return runGroup(group, options)
}

async function runApart(group: Group, { rounds, quick }: GroupOptions): Promise<GroupResult> {
  const child = fork(new URL('./group-process.js', import.meta.url), [group.id, JSON.stringify({ rounds, quick })], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let result: GroupResult | undefined
  let complaint = ''
  child.on('message', (message) => {
    result = message as GroupResult
  })
  child.stderr?.on('data', (chunk) => {
    complaint += chunk
  })
  const [code, signal] = await once(child, 'close')
  if (result !== undefined && code === 0) return result
  throw new Error(complaint.trim() || `its process ended with ${signal ?? `exit code ${code}`} and no result`)
}

/** The line of a failure that says what was wrong, without the compiler's or V8's listing around it. */
function oneLine(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n')
  const telling = lines.find((line) => /^(ERROR|\w*Error\b)/.test(line.trim())) ?? lines[0] ?? ''
  return telling.trim()
}

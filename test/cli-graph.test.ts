/**
 * Goal: `heapwright graph` as its users meet it: arguments, output, exit codes, bad files, and the recorded graphs
 * whole in every mode that collects. Method: the built program in a process of its own. A failure means that scripts
 * around the tool break, that a bad file is not named, or that a collector does not keep what it must.
 */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MODES } from '../src/modes.js'
import { GRAPHS, graphPath, snapshotDocument } from './graphs.js'

const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const STARTUP = graphPath('node-startup')
/** Node 3 is held weakly alone. */
const SMALL = JSON.stringify(
  snapshotDocument([{ edges: [1, -4] }, { size: 40, edges: [2] }, { size: 7 }, { size: 16 }]),
)
const MODES_HERE = Object.values(MODES)
  .filter(({ collector }) => collector !== 'none')
  .map(({ name }) => name)

let directory = ''
const at = (name: string) => join(directory, name)

function run(args: readonly string[], input = ''): SpawnSyncReturns<string> {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env
  return spawnSync(process.execPath, [MAIN, 'graph', ...args], { encoding: 'utf8', env, input, maxBuffer: 2 ** 26 })
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run "npm run build" first`)
  directory = mkdtempSync(join(tmpdir(), 'heapwright-graph-'))
  writeFileSync(at('small.heapsnapshot'), SMALL)
  writeFileSync(at('small.heapsnapshot.gz'), gzipSync(SMALL))
  writeFileSync(at('empty'), '')
  writeFileSync(at('empty.gz'), gzipSync(''))
  writeFileSync(at('cut.gz'), readFileSync(STARTUP).subarray(0, 5000))
  writeFileSync(at('cut.heapsnapshot'), SMALL.slice(0, -50))
  writeFileSync(at('text.txt'), 'Dear reader,\n')
  writeFileSync(at('wrong.heapsnapshot'), SMALL.replace('"edge_count":3', '"edge_count":4'))
  mkdirSync(at('folder'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('usage', () => {
  it('--help prints to standard output and exits with 0', () => {
    const { status, stdout, stderr } = run(['--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const option of ['--mode', '--limit', '--seed', '--collections', '--json']) expect(stdout).toContain(option)
  })

  it.each([
    ['no file', []],
    ['an unknown option', ['--frob', STARTUP]],
    ['a mode that does not collect', ['--mode', 'manual', STARTUP]],
    ['a limit that is no size', ['--limit', 'lots', STARTUP]],
    ['a limit too small for a heap', ['--limit', '1', STARTUP]],
    ['a seed that is no number', ['--seed', 'x', STARTUP]],
    ['a negative seed', ['--seed', '-1', STARTUP]],
    ['a seed beyond 32 bits', ['--seed', '4294967296', STARTUP]],
    ['no collections', ['--collections', '0', STARTUP]],
    ['half a collection', ['--collections', '1.5', STARTUP]],
    ['standard input twice', ['-', '-']],
  ])('%s is wrong usage: exit code 2, nothing on standard output', (_, args) => {
    const { status, stdout, stderr } = run(args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^heapwright: /)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(status).toBe(2)
  })
})

describe('files that are no snapshots', () => {
  it.each([
    ['nowhere', 'there is no such file or directory'],
    ['folder', 'it is a directory, not a file'],
    ['empty', 'the file is empty'],
    ['empty.gz', 'it is empty'],
    ['cut.gz', 'the gzip data ends too early: the file is cut short'],
    ['cut.heapsnapshot', 'it ends too early: at byte '],
    ['text.txt', "byte 0: no JSON object: it begins with 'D'"],
    ['wrong.heapsnapshot', "the nodes' edge counts add up to 3, but edge_count is 4"],
  ])('%s is named with the reason and exit code 1', (name, reason) => {
    const { status, stdout, stderr } = run(['--json', at(name)])
    expect(JSON.parse(stdout)).toEqual({ version: 1, results: [] })
    expect(stderr).toBe(`heapwright: ${at(name)}: ${reason}${stderr.slice(stderr.indexOf(reason) + reason.length)}`)
    expect(stderr.split('\n').length).toBe(2)
    expect(status).toBe(1)
  })
})

describe.each(MODES_HERE)('mode %s', (mode) => {
  it.each(GRAPHS)('holds $name', { timeout: 120_000 }, ({ name, nodes, edges }) => {
    const { status, stdout, stderr } = run(['--json', '--mode', mode, '--collections', '2', graphPath(name)])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [result, ...more] = JSON.parse(stdout).results
    expect(more).toEqual([])
    expect(result).toMatchObject({ graph: graphPath(name), mode, nodes, edges, isomorphic: true, verified: true })
    expect(result.liveAfter).toBe(result.reachable)
    expect(result.liveAfterDrop).toBe(result.reachableAfterDrop)
    expect(result.liveAfterDrop).toBeLessThan(result.liveAfter)
    expect(result.compact.committedAfter).toBeLessThanOrEqual(result.compact.committedBefore)
  })

  it.each([0, 2, 11])('holds it with seed %i', (seed) => {
    const { status, stdout, stderr } = run(['--json', '--mode', mode, '--seed', String(seed), STARTUP])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout).results[0]).toMatchObject({ isomorphic: true, verified: true })
  })

  it('reads standard input, plain files and gzipped ones, and prints a table', () => {
    const { status, stdout, stderr } = run(
      ['--mode', mode, '-', at('small.heapsnapshot'), at('small.heapsnapshot.gz')],
      SMALL,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/standard input +\w+ +4 +3 +63 B/)
    expect(stdout.match(/^small +/gm)?.length).toBe(2)
    expect(stdout.match(/passed/g)?.length).toBe(3)
  })

  it('says that memory ran out under a limit, and goes on with the next file', () => {
    const { status, stdout, stderr } = run([
      '--json',
      '--mode',
      mode,
      '--limit',
      '1MiB',
      STARTUP,
      at('small.heapsnapshot'),
    ])
    expect(stderr).toContain(`${STARTUP} (${mode}): out of memory with `)
    expect(JSON.parse(stdout).results.length).toBe(1)
    expect(status).toBe(1)
  })
})

/**
 * Goal: a recorded trace can be looked at as a profile and as a timeline, from the command line.
 * Method: what each caller has asked for, and had at the live peak, is counted from the text of the trace alone, by
 * string operations; the profile that the built program writes must say the same, as an independent decoder reads it.
 * A failure means: a profile that blames the wrong caller, or a tool that writes no file without saying so.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import { afterAll, describe, expect, it } from 'vitest'
import { readMtrace } from '../src/formats/mtrace.js'
import type { HeapProfileNode } from '../src/index.js'
import { frameOfCaller, profileOfTrace, timelineOfTrace } from '../src/replay/observed-pass.js'
import { tracePath } from './traces.js'

const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'heapwright-profile-'))
const at = (name: string) => join(directory, name)
afterAll(() => rmSync(directory, { recursive: true }))

const TREE = tracePath('tree') as string
const treeText = () => gunzipSync(readFileSync(TREE))

function run(...args: string[]) {
  const { FORCE_COLOR: _, ...env } = process.env
  return spawnSync(process.execPath, [MAIN, 'replay', ...args], { encoding: 'utf8', env })
}

/** By caller as the text has it: allocations, and blocks at the moment when most bytes were live. */
function countCallers(text: string): Map<string, { allocs: number; atPeak: number }> {
  const allocs = new Map<string, number>()
  const live = new Map<string, { caller: string; bytes: number }>()
  let [bytes, peak] = [0, 0]
  let atPeak = new Map<string, number>()
  const drop = (address: string) => {
    bytes -= live.get(address)?.bytes ?? 0
    live.delete(address)
  }
  const note = () => {
    if (bytes <= peak) return
    peak = bytes
    atPeak = new Map()
    for (const { caller } of live.values()) atPeak.set(caller, (atPeak.get(caller) ?? 0) + 1)
  }
  for (const line of text.split('\n')) {
    const [, caller = '', operator, address = '', size = '0'] =
      /^@ (.*\]) ([-+<>]) (0x[0-9a-f]+)(?: (0x[0-9a-f]+|0))?$/.exec(line) ?? []
    if (operator === '-' || operator === '<') drop(address)
    if (operator !== '+' && operator !== '>') continue
    allocs.set(caller, (allocs.get(caller) ?? 0) + 1)
    live.set(address, { caller, bytes: Number(size) })
    bytes += Number(size)
    note()
  }
  return new Map([...allocs].map(([caller, count]) => [caller, { allocs: count, atPeak: atPeak.get(caller) ?? 0 }]))
}

describe('the callers of a trace', () => {
  it('are kept when they are asked for, for each event', () => {
    const text = '= Start\n@ ./a:(f+0x1)[0x10] + 0x10 0x20\n@ ./b:[0x9] < 0x10\n@ ./b:[0x9] > 0x30 0x40\n- 0x30\n'
    const { callers } = readMtrace(Buffer.from(text), 'x', true)
    expect([...(callers?.ids ?? [])].map((id) => callers?.names[id])).toEqual(['./a:(f+0x1)[0x10]', './b:[0x9]', ''])
    expect(readMtrace(Buffer.from(text), 'x').callers).toBeUndefined()
    const long = Array.from({ length: 70_000 }, (_, i) => `@ c${i % 3}:[0x1] + 0x${(i * 16 + 16).toString(16)} 0x1`)
    const many = readMtrace(Buffer.from(long.join('\n')), 'x', true).callers
    expect(many?.names).toEqual(['', 'c0:[0x1]', 'c1:[0x1]', 'c2:[0x1]'])
    expect(many?.ids.every((id, i) => id === 1 + (i % 3))).toBe(true)
  })

  it.each([
    ['/usr/bin/tree:(getfulltree+0x1c)[0x55d0]', 'getfulltree', '/usr/bin/tree'],
    ['/lib/libc.so.6:(+0x8a3)[0x7f]', '0x7f', '/lib/libc.so.6'],
    ['./prog:[0x401136]', '0x401136', './prog'],
    ['[0x401136]', '0x401136', ''],
  ])('%s are read', (name, functionName, url) => {
    expect(frameOfCaller(name)).toEqual({ functionName, url, line: 0, column: 0 })
  })
})

describe('--profile', () => {
  it('says of each caller of the trace what the text says', () => {
    const { status, stdout, stderr } = run('--profile', at('tree.pb.gz'), TREE)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Profile: ${at('tree.pb.gz')}`)
    const profile = Profile.decode(gunzipSync(readFileSync(at('tree.pb.gz'))))
    const { strings } = profile.stringTable
    const found = new Map<string, { allocs: number; atPeak: number }>()
    for (const { locationId, value } of profile.sample) {
      const location = profile.location.find(({ id }) => id === locationId[0])
      const fn = profile.function.find(({ id }) => id === location?.line[0]?.functionId)
      const name = `${strings[Number(fn?.filename)]} ${strings[Number(fn?.name)]}`
      const { allocs, atPeak } = found.get(name) ?? { allocs: 0, atPeak: 0 }
      found.set(name, { allocs: allocs + Number(value[0]), atPeak: atPeak + Number(value[2]) })
    }
    const expected = new Map<string, { allocs: number; atPeak: number }>()
    for (const [caller, counts] of countCallers(treeText().toString())) {
      const { functionName, url } = frameOfCaller(caller)
      const { allocs, atPeak } = expected.get(`${url} ${functionName}`) ?? { allocs: 0, atPeak: 0 }
      expected.set(`${url} ${functionName}`, { allocs: allocs + counts.allocs, atPeak: atPeak + counts.atPeak })
    }
    expect(expected.size).toBeGreaterThan(3)
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
    for (const [name, counts] of expected) {
      // Blocks of a few bytes are estimated, at more than nine in ten.
      expect(Math.abs((found.get(name)?.allocs ?? 0) - counts.allocs)).toBeLessThanOrEqual(1 + counts.allocs / 100)
      expect(Math.abs((found.get(name)?.atPeak ?? 0) - counts.atPeak)).toBeLessThanOrEqual(1 + counts.atPeak / 100)
    }
  })

  it('writes a .heapprofile, beside JSON on standard output', () => {
    const { status, stdout, stderr } = run('--json', '--profile', at('tree.heapprofile'), TREE)
    expect(status).toBe(0)
    expect(JSON.parse(stdout).results.length).toBe(1)
    expect(stderr).toContain('Profile: ')
    const { head } = JSON.parse(readFileSync(at('tree.heapprofile'), 'utf8'))
    const sum = ({ selfSize, children }: HeapProfileNode): number =>
      children.reduce((total, child) => total + sum(child), selfSize)
    const [row] = JSON.parse(stdout).results
    // What blocks take, not what was asked for.
    expect(sum(head)).toBeGreaterThanOrEqual(row.livePeakBytes)
    expect(sum(head)).toBeLessThan(row.livePeakBytes * 1.3)
  })

  it('is of what a limit lets the program have', () => {
    const events = readMtrace(treeText(), 'tree', true)
    const { samples } = profileOfTrace({ mode: 'manual', limit: '256KiB' }, events)
    const inUse = samples.reduce((total, { inuseBytes }) => total + inuseBytes, 0)
    expect(inUse).toBeGreaterThan(50_000)
    expect(inUse).toBeLessThan(256 * 1024)
  })

  it.each([
    ['two traces', [TREE, TREE], at('x.pb.gz'), /one trace/],
    ['all modes', ['--mode', 'all', TREE], at('x.pb.gz'), /one mode/],
    ['a mode that collects', ['--mode', 'vm', TREE], at('x.pb.gz'), /without a collector/],
    ['a name of another kind', [TREE], at('x.txt'), /\.heapprofile or \.pb\.gz/],
    ['a folder that is not there', [TREE], join(directory, 'none', 'x.pb.gz'), /does not exist/],
  ])('refuses %s', (_, args, file, message) => {
    const { status, stdout, stderr } = run('--profile', file, ...args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(message)
    expect(status).toBe(2)
  })
})

describe('--trace-events', () => {
  it('writes the collections of a replay', () => {
    const { status, stdout, stderr } = run('--mode', 'vm', '--trace-events', at('tree.json'), TREE)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`Timeline: ${at('tree.json')}`)
    const { traceEvents } = JSON.parse(readFileSync(at('tree.json'), 'utf8'))
    const collections = traceEvents.filter(({ cat }: { cat?: string }) => cat === 'collection')
    expect(collections.length).toBeGreaterThan(0)
  })

  it('leaves none out, however many there are', async () => {
    const events = readMtrace(treeText(), 'tree')
    const { traceEvents, otherData } = await timelineOfTrace({ mode: 'runtime', limit: '2MiB' }, events)
    const numbers = traceEvents.filter(({ cat }) => cat === 'collection').map(({ args }) => args.number as number)
    expect(numbers.length).toBeGreaterThan(100)
    expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1))
    expect(otherData).toMatchObject({ dropped: 0 })
  })

  it('refuses two traces', () => {
    writeFileSync(at('small.mtrace'), '= Start\n@ a:[0x1] + 0x10 0x20\n')
    const { status, stderr } = run('--trace-events', at('x.json'), at('small.mtrace'), TREE)
    expect(stderr).toMatch(/one trace/)
    expect(status).toBe(2)
  })
})

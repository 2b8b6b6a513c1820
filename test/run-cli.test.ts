/**
 * `heapwright run` in processes of its own: arguments, streams, exit codes, reports, what it refuses and in what words.
 * A failure means that a program sees something else than it would by itself, or that its user is told something wrong.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { ADDRESS_LIMIT } from '../kernel/layout.js'
import { directory, variable } from '../src/cli/run.js'
import { formatRun, formatTrap, jsonOfRun } from '../src/cli/run-report.js'
import type { RunResult } from '../src/guest/run.js'
import { assemble } from './support/assemble.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { NODES } from './support/nodes.js'
import { cliRun, type GuestFile, guestFile } from './support/run-guest.js'

const files = new Map<string, GuestFile>()
afterAll(() => {
  for (const file of files.values()) file.remove()
})

/** The path of a compiled guest. */
function guest(name: string): string {
  const found = files.get(name) ?? guestFile(compileGuest(name), `${name}.wasm`)
  files.set(name, found)
  return found.path
}

describe.skipIf(isWithoutClang)('heapwright run', () => {
  it('hands over everything behind the module, and standard input, untouched', () => {
    const args = ['stdin', '--limit', '1', '-h', '--', '--json', 'a b']
    const { code, output, errors } = cliRun(['--env', 'GUEST_VALUE=x=y', guest('hello'), ...args], 'line\n')
    expect(code).toBe(0)
    const lines = args.map((arg, i) => `argument ${i + 1}: ${arg}\n`)
    expect(output).toBe(`hello, world\n${lines.join('')}GUEST_VALUE: x=y\nline\n`)
    expect(errors).toMatch(/^hello on standard error\nheapwright: hello\.wasm\n/)
  })

  it('reports on standard error what was used', () => {
    const { errors } = cliRun(['--limit', '1MiB', guest('hog'), '100000', '1000', 'keep'])
    expect(errors).toMatch(/ended +exit code 0, after [\d.]+ (µs|ms|s)\n/)
    expect(errors).toMatch(/allocator +replaced: .*malloc.*free/)
    expect(errors).toMatch(/peak +at least 8\d\d\.?\d* KiB in live blocks \(sampled\); fragmentation then 1\.\d\d\n/)
    expect(errors).toMatch(/held +(9\d\d.* KiB|1 MiB) at most, of 1 MiB allowed\n/)
    expect(errors).toMatch(
      /at the end +8\d\d blocks are live, .* KiB; `heapwright check --reachable .*hog\.wasm` says where/,
    )
    expect(errors).toMatch(/refused +1 request was answered with NULL, the largest of 1000 B\n/)
    expect(errors).not.toMatch(/Warning|BAD|DAMAGED/)
  })

  it('says nothing with --quiet but what went wrong', () => {
    expect(cliRun(['--quiet', guest('tree'), '10'])).toMatchObject({ code: 0, errors: '' })
    const { code, errors } = cliRun(['--quiet', guest('exits'), 'fall', '5'])
    expect(code).toBe(134)
    expect(errors).toMatch(/^heapwright: exits\.wasm trapped: unreachable\n {4}at fallInto \(function \d+, byte 0x/)
    expect(errors).toMatch(/ {7}… 5 more times\n {4}at main /)
  })

  it.each([
    [['code', '42'], 42],
    [['return', '7'], 7],
    [['abort'], 134],
    [['overflow'], 134],
  ])('ends as the program ends: %j', (args, code) => {
    expect(cliRun([guest('exits'), ...args])).toMatchObject({ code, output: 'before\n' })
  })

  it('prints one document with --json, and the program to standard error', () => {
    const { code, output, errors } = cliRun(['--json', '--quiet', '--limit', '256KiB', guest('tree'), '100000'])
    expect(code).toBe(3)
    expect(errors).toMatch(/^out of memory with \d+ nodes\n$/)
    const document = JSON.parse(output)
    expect(Object.keys(document)).toEqual([
      'version',
      'name',
      'exitCode',
      'trap',
      'timeMs',
      'mode',
      'allocator',
      'memory',
    ])
    expect(document).toMatchObject({ version: 1, name: 'tree.wasm', exitCode: 3, trap: null, mode: 'manual' })
    expect(document.allocator.source).toBe('replaced')
    expect(document.memory).toMatchObject({ damage: null, heap: { refusedRequests: 1, refusedLargestBytes: 16 } })
    expect(document.memory.heap).toMatchObject({ limitBytes: 262_144, badFrees: 0, fault: null })
    const trapped = JSON.parse(cliRun(['--json', guest('exits'), 'trap']).output)
    expect(trapped).toMatchObject({ exitCode: 134, trap: { message: 'unreachable' } })
    expect(trapped.trap.frames[0]).toMatchObject({ name: 'main', index: expect.any(Number) })
  })

  it('maps directories', () => {
    const path = guest('files')
    const directory = dirname(path)
    writeFileSync(join(directory, 'input.txt'), '1\n2\n')
    expect(cliRun(['--dir', `${directory}::/data`, path, '/data'])).toMatchObject({ code: 0, output: '2 lines\n' })
    expect(readFileSync(join(directory, 'output.txt'), 'utf8')).toBe('2\n1\n')
    expect(cliRun([path, '/data']).code).toBe(2)
  })

  it('writes a report of the heap', () => {
    const path = guest('hog')
    const report = join(dirname(path), 'report.html')
    const { code, errors } = cliRun(['--report', report, path, '50', '5000', 'keep'])
    expect(code).toBe(0)
    expect(errors).toContain(`Report: ${report}`)
    expect(readFileSync(report, 'utf8')).toMatch(/^<!doctype html>/)
  })

  it('loses nothing of a large output to a slow reader', async () => {
    const bytes = compileGuest(`#include <stdio.h>
      int main(void) { for (int i = 0; i < 40000; i++) printf("%08d\\n", i); return 0; }`)
    const { path, remove } = guestFile(bytes)
    const { length, last } = await readSlowly(['run', '--quiet', path])
    remove()
    expect({ length, last }).toEqual({ length: 40_000 * 9, last: '00039999\n' })
  })

  it('runs on every major of Node, without a word on WASI', () => {
    for (const { path, version } of NODES) {
      // A trap shows as well whether the engine's stacks are read.
      const { code, output, errors } = cliRun([guest('exits'), 'fall', '1'], '', path)
      expect({ code, output }, version).toEqual({ code: 134, output: 'before\n' })
      expect(errors, version).toMatch(/\n {4}at fallInto \(function \d+, byte 0x.*\n(?:.*\n)*heapwright: exits\.wasm\n/)
      expect(errors, version).not.toMatch(/Warning|DAMAGED/)
    }
  })
})

/** What a run has left, as far as its report tells of it. */
function resultWith(functions: readonly string[], source: RunResult['allocator']['source']): RunResult {
  const heap = {
    limitBytes: 2 ** 20,
    livePeakBytes: 32,
    committedPeakBytes: 65_536,
    committedBytes: 65_536,
    fragmentationAtPeak: 2048,
    liveBytes: 32,
    liveBlocks: 1,
    refusedRequests: 0,
    refusedLargestBytes: 0,
    badFrees: 0,
    objects: undefined,
    grows: 0,
    fault: undefined,
  }
  const memory = { memoryBytes: 131_072, heap, damage: undefined }
  const result = { version: 1, name: 'app.wasm', exitCode: 0, trap: undefined, timeMs: 1, mode: 'manual' } as const
  return { ...result, allocator: { source, functions }, memory, heap: undefined }
}

describe("a run's report", () => {
  it.each([
    [['malloc', 'hw_new'], 'imported', /imported: malloc; provided: hw_new\n/, /1 block is live, 32 B\n/],
    [['hw_new'], 'imported', /allocator +provided: hw_new\n/, /1 block is live, 32 B\n/],
    [['malloc'], 'replaced', /replaced: malloc\n/, /32 B; `heapwright check --reachable app.wasm` says where/],
    [[], 'linked', /linked with it before/, /32 B; `heapwright check` of the module that it was made from says where/],
  ] as const)('advises a check of %j, %s, only where one can help', (functions, source, allocator, advice) => {
    const text = formatRun(resultWith(functions, source), 'app.wasm', undefined)
    expect(text).toMatch(allocator)
    expect(text).toMatch(advice)
    expect(text).toMatch(/peak +at least 32 B in live blocks \(sampled\)\n/)
  })

  it('has null as the limit in its document where there is none', () => {
    const { memory, ...rest } = resultWith(['malloc'], 'replaced')
    const limitIn = (limitBytes: number) => {
      const heap = memory.heap && { ...memory.heap, limitBytes }
      return jsonOfRun({ ...rest, memory: { ...memory, heap } })
    }
    expect(limitIn(2 ** 20)).toMatchObject({ memory: { heap: { limitBytes: 1_048_576 } } })
    for (const none of [ADDRESS_LIMIT, 2 ** 32 - 1]) {
      expect(limitIn(none)).toMatchObject({ memory: { heap: { limitBytes: null } } })
    }
  })

  it('calls an access outside of memory out of a deep recursion what it may be', () => {
    const frames = (n: number) => Array.from({ length: n }, (_, i) => ({ name: 'fall', index: 3, offset: i }))
    const told = (message: string, n: number) => formatTrap('app.wasm', { message, frames: frames(n) })
    const hint = '(its stack may have overflowed)'
    expect(told('memory access out of bounds', 60)).toContain(hint)
    expect(told('memory access out of bounds', 49)).not.toContain(hint)
    expect(told('unreachable', 60)).not.toContain(hint)
  })
})

describe('heapwright run refuses', () => {
  const wrongUsage = (args: readonly string[], message: RegExp) => {
    const { code, output, errors } = cliRun(args)
    expect(errors).toMatch(message)
    expect({ code, output }).toEqual({ code: 2, output: '' })
  }

  it('wrong usage, with exit code 2', () => {
    const { path, directory: at, remove } = guestFile(assemble('(module (memory (export "memory") 1))'))
    wrongUsage([], /missing required argument 'module'/)
    wrongUsage(['--limit', '64M', path], /--limit <size>.*64M/)
    wrongUsage(['--mode', 'compiler', path], /Allowed choices are manual, vm, runtime, server/)
    wrongUsage(['--dir', 'nowhere::/x', path], /The directory nowhere does not exist/)
    wrongUsage(['--dir', `${at}::/x`, '--dir', '.::/x', path], /\/x is given to two directories/)
    wrongUsage(['--env', 'NO_SUCH_NAME_HERE', path], /environment has no NO_SUCH_NAME_HERE/)
    wrongUsage(['--report', join(at, 'no', 'a.html'), path], /--report <file>.*does not exist/)
    wrongUsage(['--report', path, path], /one of the input files/)
    wrongUsage(['--unknown', path], /unknown option '--unknown'/)
    expect(() => directory(`${path}::/x`, {})).toThrow(/is not a directory/)
    expect(() => directory('::/x', {})).toThrow(/not of the form HOST::GUEST, nor one name for both/)
    expect(() => variable('=1', {})).toThrow(/not of the form NAME=VALUE/)
    remove()
  })

  it('no name that objects have of their own', () => {
    expect(directory('.::constructor', {})).toEqual({ constructor: '.' })
    expect(variable('toString=1', {})).toEqual({ toString: '1' })
  })

  it('what cannot be run, with exit code 1', () => {
    const { path, directory, remove } = guestFile(assemble('(module (memory (export "memory") 1))'))
    expect(cliRun([path])).toMatchObject({ code: 1, output: '', errors: expect.stringMatching(/no program for WASI/) })
    const missing = cliRun([join(directory, 'none.wasm')])
    expect(missing).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^heapwright: .*none\.wasm: there is no such file/),
    })
    writeFileSync(path, 'text')
    expect(cliRun([path])).toMatchObject({ code: 1, errors: expect.stringMatching(/it is not WebAssembly/) })
    remove()
  })
})

/** Reads a command's output after it had time to fill the pipe. */
async function readSlowly(args: readonly string[]): Promise<{ length: number; last: string }> {
  const cli = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
  const shell = '"$0" "$@" | { sleep 2; cat; }'
  const child = spawn('sh', ['-c', shell, process.execPath, cli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) text += chunk
  return { length: text.length, last: text.slice(-9) }
}

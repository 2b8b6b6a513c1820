/**
 * Goal: `heapwright snapshot` as its users meet it: arguments, tables, JSON, paths, differences, exit codes, bad files.
 * Method: the built program in a process of its own, on small files whose answers are plain to see, and on files that
 * heaps wrote. A failure means that scripts around the tool break, or that it shows something else than is in the file.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { array, Heap, i32, ref, struct } from '../src/index.js'
import { graphPath, type SmallNode, snapshotDocument } from './graphs.js'

const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const NODES: readonly SmallNode[] = [
  { type: 'synthetic', edges: [1, -5] },
  { name: 'Cache', size: 40, edges: [2, 3] },
  { name: 'Entry', size: 10, edges: [3] },
  { name: 'text', type: 'string', size: 7 },
  { name: 'Entry', size: 100 },
]

let directory = ''
const at = (name: string) => join(directory, name)

function run(args: readonly string[], input: string | Uint8Array = ''): SpawnSyncReturns<string> {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env
  return spawnSync(process.execPath, [MAIN, 'snapshot', ...args], { encoding: 'utf8', env, input, maxBuffer: 2 ** 26 })
}

function json(args: readonly string[]): { readonly [name: string]: unknown } {
  const { status, stdout, stderr } = run([...args, '--json'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run "npm run build" first`)
  directory = mkdtempSync(join(tmpdir(), 'heapwright-snapshot-'))
  const small = JSON.stringify(snapshotDocument(NODES))
  writeFileSync(at('small.heapsnapshot'), small)
  writeFileSync(at('small.heapsnapshot.gz'), gzipSync(small))
  const more = [...NODES, { name: 'Entry', size: 30 }]
  writeFileSync(at('more.heapsnapshot'), JSON.stringify(snapshotDocument(more)))
  writeFileSync(at('cut.heapsnapshot'), small.slice(0, -50))
  mkdirSync(at('folder'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('usage', () => {
  it('--help prints to standard output and exits with 0', () => {
    const { status, stdout, stderr } = run(['--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    for (const option of ['--top', '--type', '--path', '--by', '--json']) expect(stdout).toContain(option)
  })

  it.each([
    ['no file', []],
    ['an unknown option', ['--frob', 'small']],
    ['--path that is no id', ['small', '--path', 'root']],
    ['--by with one file', ['small', '--by', 'ids']],
    ['--path with two files', ['small', 'small', '--path', '1']],
    ['--path with --type', ['small', '--type', 'Entry', '--path', '1']],
    ['standard input twice', ['-', '-']],
  ])('%s is wrong usage: exit code 2', (_, args) => {
    const { status, stdout, stderr } = run(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^heapwright:/)
  })

  it.each([
    ['a file that is not there', 'missing.heapsnapshot', /no such file/i],
    ['a directory', 'folder', /directory/],
    ['a file that is cut short', 'cut.heapsnapshot', /cut\.heapsnapshot/],
  ])('%s is named: exit code 1', (_, name, reason) => {
    const { status, stdout, stderr } = run([at('small.heapsnapshot'), at(name)])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(reason)
  })
})

describe('one snapshot', () => {
  it.each(['small.heapsnapshot', 'small.heapsnapshot.gz'])('%s: classes and what retains most', (name) => {
    expect(json([at(name)])).toEqual({
      version: 1,
      file: at(name),
      nodes: 5,
      edges: 5,
      bytes: 157,
      classes: [
        { className: 'Entry', count: 2, selfBytes: 110, retainedBytes: 110 },
        { className: 'Cache', count: 1, selfBytes: 40, retainedBytes: 57 },
        { className: '(string)', count: 1, selfBytes: 7, retainedBytes: 7 },
      ],
      top: [
        { node: 4, id: 9, type: 'object', name: 'Entry', selfBytes: 100, retainedBytes: 100 },
        { node: 1, id: 3, type: 'object', name: 'Cache', selfBytes: 40, retainedBytes: 57 },
        { node: 2, id: 5, type: 'object', name: 'Entry', selfBytes: 10, retainedBytes: 10 },
        { node: 3, id: 7, type: 'string', name: 'text', selfBytes: 7, retainedBytes: 7 },
      ],
    })
  })

  it('as tables, from standard input too', () => {
    const { status, stdout, stderr } = run(['-', '--top', '1'], JSON.stringify(snapshotDocument(NODES)))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('5 nodes, 5 edges, 157 B')
    expect(stdout).toMatch(/Entry +2 +110 B +110 B\nand 2 classes more/)
    expect(stdout).toMatch(/9 +object +Entry +100 B +100 B/)
    expect(stdout).not.toContain('Cache')
  })

  it('lets no control characters of a file through, not even in what it calls its types', () => {
    const text = JSON.stringify(snapshotDocument(NODES))
    const hostile = text.replaceAll(/"(object|Cache)"/g, '"\\u001b[31m$1"')
    for (const args of [['-'], ['-', '--path', '7']]) {
      const { status, stdout } = run(args, hostile)
      expect([status, stdout.includes('\x1b')]).toEqual([0, false])
      expect(stdout).toContain('?[31mobject')
    }
  })

  it('--type leaves the others out, and says when there are none', () => {
    const document = json([at('small.heapsnapshot'), '--type', 'Entry', '--top', '1'])
    expect(document).toMatchObject({ classes: [{ className: 'Entry' }], top: [{ id: 9 }] })
    const { status, stderr } = run([at('small.heapsnapshot'), '--type', 'entry'])
    expect(status).toBe(1)
    expect(stderr).toContain("there is no node of class 'entry'")
  })

  it('--path shows the shortest way from the root', () => {
    const { path } = json([at('small.heapsnapshot'), '--path', '7'])
    expect(path).toMatchObject([
      { edge: { type: 'element', label: '[0]' }, node: { id: 3, name: 'Cache' } },
      { edge: { type: 'element', label: '[3]' }, node: { id: 7, name: 'text' } },
    ])
    const { stdout } = run([at('small.heapsnapshot'), '--path', '7'])
    expect(stdout).toContain('string text @7, 7 B of its own, 7 B retained')
    expect(stdout).toMatch(/element +\[0\] → object Cache @3\n +element +\[3\] → string text @7/)
  })

  it('--path says when nothing keeps a node, when it is the root, and when there is none', () => {
    expect(run([at('small.heapsnapshot'), '--path', '9']).stdout).toContain('Nothing keeps it')
    expect(run([at('small.heapsnapshot'), '--path', '1']).stdout).toContain('It is the root.')
    const { status, stderr } = run([at('small.heapsnapshot'), '--path', '2'])
    expect(status).toBe(1)
    expect(stderr).toContain('no node has the id 2')
  })

  it("a file of V8's is read whole", () => {
    const document = json([graphPath('node-startup'), '--top', '3'])
    expect(document).toMatchObject({ nodes: 39_021, edges: 177_257, bytes: 2_907_419 })
    expect(document.classes).toHaveLength(3)
  })
})

describe('two snapshots', () => {
  it('by ids where they stay with an object', () => {
    expect(json([at('small.heapsnapshot'), at('more.heapsnapshot')])).toEqual({
      version: 1,
      before: at('small.heapsnapshot'),
      after: at('more.heapsnapshot'),
      by: 'ids',
      bytesBefore: 157,
      bytesAfter: 187,
      classes: [
        {
          className: 'Entry',
          countBefore: 2,
          countAfter: 3,
          bytesBefore: 110,
          bytesAfter: 140,
          newCount: 1,
          newBytes: 30,
          goneCount: 0,
          goneBytes: 0,
        },
      ],
    })
    const { stdout } = run([at('more.heapsnapshot'), at('small.heapsnapshot')])
    expect(stdout).toContain('187 B → 157 B (−30 B), matched by ids')
    expect(stdout).toMatch(/Entry +0 +1 +2 +0 B +30 B +−30 B/)
    expect(run([at('small.heapsnapshot'), at('small.heapsnapshot')]).stdout).toContain('Nothing has changed.')
    expect(json([at('small.heapsnapshot'), at('more.heapsnapshot'), '--type', 'Cache']).classes).toEqual([])
  })

  it('of a heap by types, since their ids are addresses', () => {
    const heap = Heap.create({ mode: 'runtime' })
    const Leak = struct('Leak', { value: i32, others: array(ref()) })
    heap.scope()
    writeFileSync(at('a.heapsnapshot'), [...heap.snapshot().write()].join(''))
    for (let i = 0; i < 25; i++) heap.root(heap.new(Leak, {}, 10))
    writeFileSync(at('b.heapsnapshot'), [...heap.snapshot().write()].join(''))
    heap.close()
    const document = json([at('a.heapsnapshot'), at('b.heapsnapshot')])
    expect(document.by).toBe('types')
    const row = (document.classes as { className: string }[]).find(({ className }) => className === 'Leak')
    expect(row).toMatchObject({ countBefore: 0, newCount: 25, newBytes: 25 * 64 })
    expect(json([at('a.heapsnapshot'), at('b.heapsnapshot'), '--by', 'ids'])).toMatchObject({ by: 'ids' })
  })
})

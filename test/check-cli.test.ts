/**
 * `heapwright check` in processes of its own: exit codes, streams, options, and what it refuses in what words.
 * A failure means that a script which calls it decides wrongly, or that its user is told something wrong.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { assemble as assembleNamed } from './support/assemble.js'
import { guestFile } from './support/run-guest.js'

/** Without a name section, as what was written by hand is. */
const assemble = (text: string) => assembleNamed(text, { hasNames: false })

const CLI = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))

/** Writes `text` to standard output, gives its exit code, and before does what `work` does. */
const program = (work: string) =>
  assemble(`(module
    (import "heapwright" "malloc" (func $malloc (param i32) (result i32)))
    (import "heapwright" "free" (func $free (param i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 1024) "\\08\\04\\00\\00\\06\\00\\00\\00hello\\0a")
    (func (export "_start") (local $p i32)
      (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 2048)))
      ${work}
      (drop (call $sizes (i32.const 2048) (i32.const 2052)))
      ;; The program's own name is one argument; without others the exit code is 0.
      (call $exit (i32.sub (i32.load (i32.const 2048)) (i32.const 1)))))`)

const clean = guestFile(program('(call $free (call $malloc (i32.const 8)))'), 'clean.wasm')
const faulty = guestFile(
  program(`(local.set $p (call $malloc (i32.const 8))) (call $free (local.get $p)) (call $free (local.get $p))
    (drop (i32.load (local.get $p)))`),
  'faulty.wasm',
)
afterAll(() => {
  for (const file of [clean, faulty]) file.remove()
})

function check(...args: readonly string[]): { code: number | null; output: string; errors: string } {
  const env = { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '', NO_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'check', ...args], { env, encoding: 'utf8' })
  return { code: status, output: stdout, errors: stderr }
}

describe('heapwright check', () => {
  it('gives the exit code of a correct program, and what it printed', () => {
    const { code, output, errors } = check(clean.path, '--json', 'two', '-h')
    expect([code, output]).toEqual([3, 'hello\n'])
    expect(errors).toBe(
      'note: the module has no names: functions are given by number; build it without -s or --strip-debug\n\n' +
        'clean.wasm: 1 allocation, 1 free, 8 B in all, 8 B at most\n' +
        'lost: 0 blocks (0 bytes) definitely, 0 blocks (0 bytes) indirectly; still reachable: 0 blocks (0 bytes)\n' +
        'faults: none; loads and stores were not checked (--precise does)\n',
    )
    expect(check('--quiet', clean.path)).toEqual({ code: 0, output: 'hello\n', errors: '' })
  })

  it('reports faults on standard error, with exit code 1', () => {
    const { code, output, errors } = check('--precise', faulty.path, 'x')
    expect([code, output]).toEqual([1, 'hello\n'])
    expect(errors).toMatch(
      /^double-free: block at 0x\w+ freed twice\n {4}at _start\+0x\w+\n {2}0 bytes inside a freed block of 8 bytes/,
    )
    expect(errors).toMatch(/\n {2}allocated by malloc:\n {4}at _start\+0x.*\n {2}freed by free:\n {4}at _start/)
    expect(errors).toMatch(/\nread-after-free: read of 4 bytes at 0x/)
    expect(errors).toMatch(/\nfaults: 1 double-free, 1 read-after-free\n$/)
    expect(check('--exit-code', '42', faulty.path).code).toBe(42)
    expect(check('--exit-code', '0', faulty.path).code).toBe(0)
    expect(check('--suppress', '_start', faulty.path).code).toBe(0)
  })

  it('prints one document with --json; the program then writes to standard error', () => {
    const { code, output, errors } = check('--json', faulty.path)
    expect(code).toBe(1)
    expect(errors).toMatch(/^hello\n/)
    const report = JSON.parse(output)
    expect(report).toMatchObject({ version: 1, name: 'faulty.wasm', exitCode: 0, isFaulty: true, isPrecise: false })
    expect(report.faults).toMatchObject([{ kind: 'double-free', count: 1, foundAt: 'call', block: { state: 'freed' } }])
  })

  it.each([
    [['--red-zone', '1', 'x.wasm'], 1, /No such file|there is no such file|does not exist/i],
    [['--red-zone', 'much', 'x.wasm'], 2, /red-zone/],
    [['--exit-code', '256', 'x.wasm'], 2, /from 0 to 255/],
    [['--nonsense', 'x.wasm'], 2, /unknown option/],
    [[], 2, /missing required argument 'module'/],
  ] as const)('%j is refused', (args, code, message) => {
    const { code: found, output, errors } = check(...args)
    expect([found, output]).toEqual([code, ''])
    expect(errors).toMatch(message)
  })

  it('refuses an option out of range as wrong usage, and a file that is no module as a failure', () => {
    expect(check('--red-zone', '1', clean.path)).toMatchObject({ code: 2, output: '' })
    const other = check(CLI)
    expect([other.code, other.output]).toEqual([1, ''])
    expect(other.errors).toMatch(/main\.js: module: it is not WebAssembly/)
  })
})

/**
 * Goal: `heapwright link` as its users meet it: arguments, files, text, JSON, exit codes; and what a linked module does.
 * Method: the built program in a process of its own on small modules; the linked one is run, its heap looked into from
 * outside by the library. No compiler is needed.
 * A failure means that scripts around the tool break, that a file is lost, or that a linked program has no heap.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemble } from './support/assemble.js'

const MAIN = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const PATIENCE = { timeout: 240_000 }

/** Allocates in its own start function; imports its allocator and its memory. */
const IMPORTING = `(module
  (import "env" "memory" (memory 2))
  (import "env" "malloc" (func $malloc (param i32) (result i32)))
  (import "env" "free" (func $free (param i32)))
  (global $early (mut i32) (i32.const 0))
  (func $begin (global.set $early (call $malloc (i32.const 100))))
  (func (export "early") (result i32) (global.get $early))
  (func (export "get") (param i32) (result i32) (call $malloc (local.get 0)))
  (func (export "put") (param i32) (call $free (local.get 0)))
  (start $begin))`

let directory = ''
const at = (name: string) => join(directory, name)

function run(...args: string[]) {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env
  return spawnSync(process.execPath, [MAIN, 'link', ...args], { encoding: 'utf8', env, cwd: directory })
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'heapwright-link-'))
  writeFileSync(at('in.wasm'), assemble(IMPORTING))
  writeFileSync(at('behind.wasm'), assemble(IMPORTING.replace('(start', '(data (i32.const 1024) "0123456789") (start')))
  writeFileSync(at('none.wasm'), assemble('(module (memory 1) (func $f (export "f")))'))
  writeFileSync(at('text.wasm'), 'not a module at all')
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Function exports of a linked module over this memory. */
function instantiate(bytes: Uint8Array, memory: WebAssembly.Memory): Record<string, (value?: number) => number> {
  const module = new WebAssembly.Module(bytes as BufferSource)
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, (value?: number) => number>
}

describe('heapwright link', () => {
  it('links a module, says what it did, and the module runs', PATIENCE, () => {
    const { status, stdout, stderr } = run('in.wasm', '-o', 'out.wasm')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^Linked: +out\.wasm/)
    expect(stdout).toContain('Replaced: malloc, free\n')
    expect(stdout).toContain('Heap:     begins at the end of its memory')
    const bytes = readFileSync(at('out.wasm'))
    const names = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map(({ name }) => name)
    expect(names).toEqual(['memory'])
    // More memory than the module asks for: the heap begins behind all of it.
    const memory = new WebAssembly.Memory({ initial: 5 })
    const guest = instantiate(bytes, memory)
    expect(guest.early?.()).toBeGreaterThan(5 * 65536)
    const block = guest.get?.(1000) ?? 0
    expect(block % 16).toBe(0)
    expect(block).toBeGreaterThan(5 * 65536)
    expect(block).not.toBe(guest.early?.())
    guest.put?.(block)
    expect(guest.get?.(1000)).toBe(block)
    expect(guest.heapwright_heap?.()).toBe(5 * 65536)
    expect(memory.buffer.byteLength).toBeGreaterThan(5 * 65536)
  })

  it('--json prints one document; the same input gives the same bytes; the limit holds', PATIENCE, () => {
    const first = run('in.wasm', '-o', 'a.wasm', '--json', '--limit', '1MiB')
    expect({ status: first.status, stderr: first.stderr }).toEqual({ status: 0, stderr: '' })
    const document = JSON.parse(first.stdout)
    expect(document).toMatchObject({ version: 1, input: 'in.wasm', output: 'a.wasm', limitBytes: 1 << 20 })
    expect(document.replaced.map(({ role }: { role: string }) => role)).toEqual(['malloc', 'free'])
    const bytes = readFileSync(at('a.wasm'))
    expect(document.sizes.output).toBe(bytes.length)
    run('in.wasm', '-o', 'b.wasm', '--limit', '1MiB')
    expect(readFileSync(at('b.wasm')).equals(bytes)).toBe(true)
    const guest = instantiate(bytes, new WebAssembly.Memory({ initial: 2 }))
    expect(guest.get?.(2 << 20)).toBe(0)
    expect(guest.get?.(100_000)).toBeGreaterThan(0)
  })

  it('optimises all, strips names, and writes over its input when told so; what is linked is refused', PATIENCE, () => {
    writeFileSync(at('same.wasm'), readFileSync(at('in.wasm')))
    const { status } = run('same.wasm', '-o', 'same.wasm', '-O', '2', '--strip-names')
    expect(status).toBe(0)
    const bytes = readFileSync(at('same.wasm'))
    expect(bytes.includes('heapwright:')).toBe(false)
    expect(instantiate(bytes, new WebAssembly.Memory({ initial: 2 })).get?.(64)).toBeGreaterThan(0)
    const again = run('same.wasm', '-o', 'same.wasm')
    expect(again.status).toBe(1)
    expect(again.stderr).toBe('heapwright: same.wasm: it is linked with Heapwright already\n')
    expect(readFileSync(at('same.wasm')).equals(bytes)).toBe(true)
  })

  it.each([
    [['none.wasm'], 'none.wasm: no allocator was found'],
    [['text.wasm'], 'text.wasm: it is not WebAssembly: it begins with 6e 6f 74 20'],
    [['absent.wasm'], 'absent.wasm: '],
  ])('ends with 1 and writes nothing: %j', (args, what) => {
    const { status, stdout, stderr } = run(...args, '-o', 'never.wasm')
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`heapwright: ${what}`)
    expect(readdirSync(directory).filter((name) => /never|heapwright/.test(name))).toEqual([])
  })

  it.each([
    [['in.wasm'], "required option '-o, --output <file>' not specified"],
    [['in.wasm', '-o', 'x.wasm', '--limit', 'much'], "option '--limit <size>'"],
    [['in.wasm', '-o', 'x.wasm', '--heap-base', '0'], "option '--heap-base <address>'"],
    [['behind.wasm', '-o', 'x.wasm', '--heap-base', '1000'], '`heapBase` must be at least 1034 (0x40a)'],
    [['in.wasm', '-o', 'x.wasm', '--limit', '20KiB'], '`limit` must be at least 196608 bytes'],
    [['in.wasm', '-o', '-'], 'a module is not written to standard output; give a file'],
    [['in.wasm', '-o', 'x.wasm', '-O', '7'], "option '-O, --optimize <level>'"],
    [['in.wasm', '-o', 'missing/x.wasm'], "option '--output <file>'"],
    [['in.wasm', 'more.wasm', '-o', 'x.wasm'], 'too many arguments'],
  ])('ends with 2 for wrong usage: %j', (args, what) => {
    const { status, stderr } = run(...args)
    expect(status).toBe(2)
    expect(stderr).toContain(what)
  })
})

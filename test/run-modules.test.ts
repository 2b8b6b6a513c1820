/**
 * `runModule` on modules made by hand, which need no compiler: programs that import their allocator, or memory, or
 * nothing, and what is no program. A failure means that some form of module is run wrongly, or refused without reason.
 */
import { describe, expect, it } from 'vitest'
import { importMemory } from '../src/guest/import-memory.js'
import { readSections } from '../src/guest/sections.js'
import { assemble } from './support/assemble.js'
import { runCaptured } from './support/run-guest.js'

/** Prints `ok` when the block at $p has the bytes that were written to it, through WASI. */
const PRINT = `
  (data (i32.const 64) "ok\\n")
  (func $print
    (i32.store (i32.const 32) (i32.const 64))
    (i32.store (i32.const 36) (i32.const 3))
    (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 40))))`
const WRITE = '(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))'

const program = (imports: string, body: string, memory = '(memory (export "memory") 1)') => `(module
  ${imports} ${WRITE} ${memory} ${PRINT}
  (func (export "_start") (local $p i32) ${body}))`

const ALLOCATE = `
  (local.set $p (call $malloc (i32.const 100)))
  (i32.store (local.get $p) (i32.const 7))
  (if (i32.eq (i32.load (local.get $p)) (i32.const 7)) (then (call $print)))
  (call $free (local.get $p))`

const allocatorOf = (module: string) => `
  (import "${module}" "malloc" (func $malloc (param i32) (result i32)))
  (import "${module}" "free" (func $free (param i32)))`

describe('a module that imports its allocator', () => {
  it.each(['heapwright', 'env'])('from %s runs as it is', async (module) => {
    const run = await runCaptured(assemble(program(allocatorOf(module), ALLOCATE)))
    expect(run).toMatchObject({ exitCode: 0, output: 'ok\n', allocator: { source: 'imported' } })
    expect(run.memory.heap).toMatchObject({ liveBlocks: 0, badFrees: 0, refusedRequests: 0 })
    expect(run.memory.heap?.livePeakBytes).toBeGreaterThanOrEqual(0)
  })

  it('may import its memory from anywhere', async () => {
    const imports = `(import "app" "store" (memory $m 2 40)) ${allocatorOf('env')}`
    const run = await runCaptured(assemble(program(imports, ALLOCATE, '')))
    expect(run).toMatchObject({ exitCode: 0, output: 'ok\n' })
    expect(run.memory.memoryBytes).toBeGreaterThanOrEqual(2 * 65_536)
  })

  it('never gets more than the limit', async () => {
    const body = '(if (i32.eqz (call $malloc (i32.const 3000000))) (then (call $print)))'
    const run = await runCaptured(assemble(program(allocatorOf('env'), body)), { limit: '1MiB' })
    expect(run).toMatchObject({ exitCode: 0, output: 'ok\n' })
    expect(run.memory.heap).toMatchObject({ refusedRequests: 1, refusedLargestBytes: 3_000_000 })
  })

  it('ends with its own start function when that traps or exits, and its figures are read', async () => {
    const imports = `${allocatorOf('env')} (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))`
    const module = (body: string) => {
      const begin = `(start $begin) (func $begin (drop (call $malloc (i32.const 50))) (call $print) ${body})`
      return assemble(program(imports, '(call $print)', `(memory (export "memory") 1) ${begin}`))
    }
    const trapped = await runCaptured(module('unreachable'))
    expect(trapped).toMatchObject({ exitCode: 134, output: 'ok\n', trap: { message: 'unreachable' } })
    expect(trapped.memory.heap).toMatchObject({ liveBlocks: 1 })
    expect(await runCaptured(module('(call $exit (i32.const 7))'))).toMatchObject({ exitCode: 7, output: 'ok\n' })
    expect(await runCaptured(module(''))).toMatchObject({ exitCode: 0, output: 'ok\nok\n', trap: undefined })
  })

  it('may throw what nobody catches, and may have overwritten its heap', async () => {
    const throwing = program(allocatorOf('env'), '(throw $t)', '(memory (export "memory") 1) (tag $t)')
    const thrown = await runCaptured(assemble(throwing))
    expect(thrown).toMatchObject({ exitCode: 134, trap: { message: 'uncaught exception', frames: [] } })
    const body = `${ALLOCATE} (memory.fill (i32.const 65536) (i32.const 0) (i32.const 65536))`
    const damaged = await runCaptured(assemble(program(allocatorOf('env'), body)))
    expect(damaged).toMatchObject({ exitCode: 0, output: 'ok\n' })
    expect(damaged.memory.damage ?? damaged.memory.heap?.fault).toMatch(/\w/)
  })

  it('whose memory has no room for a heap is refused', async () => {
    const bytes = assemble(program(allocatorOf('env'), ALLOCATE, '(memory (export "memory") 1 1)'))
    await expect(runCaptured(bytes)).rejects.toThrow(/^memory: it has at most 65536 bytes, .* too few/)
  })
})

describe('other modules', () => {
  it('without an allocator run with a memory of their own, or an imported one', async () => {
    for (const [imports, memory] of [
      ['', undefined],
      ['(import "env" "memory" (memory 1))', ''],
    ]) {
      const run = await runCaptured(assemble(program(imports ?? '', '(call $print)', memory)))
      expect(run).toMatchObject({ exitCode: 0, output: 'ok\n', heap: undefined, allocator: { source: 'own' } })
      expect(run.memory).toEqual({ memoryBytes: 65_536, heap: undefined, damage: undefined })
    }
  })

  it.each([
    ['without _start', '(module (memory (export "memory") 1))', /no program for WASI/],
    ['without memory', '(module (func (export "_start")))', /it has no memory/],
    ['with shared memory', '(module (memory 1 1 shared) (func (export "_start")))', /shared between threads/],
    [
      'with an imported global',
      '(module (import "a" "g" (global i32)) (memory 1) (func (export "_start")))',
      /a\.g \(global\)/,
    ],
    ['that keeps its memory', '(module (memory 1) (func (export "_start")))', /does not export its memory/],
    [
      'with a WASI function of other types',
      '(module (import "wasi_snapshot_preview1" "no_such_call" (func)) (memory (export "memory") 1) (func (export "_start")))',
      /the engine refuses it.*no_such_call/,
    ],
  ])('%s are refused', async (_, text, message) => {
    await expect(runCaptured(assemble(text))).rejects.toThrow(message)
  })

  it('that are no modules are refused', async () => {
    await expect(runCaptured(new TextEncoder().encode('#!/bin/sh\n'))).rejects.toThrow(/it is not WebAssembly/)
    const bytes = assemble('(module (memory (export "memory") 1) (func (export "_start")))')
    await expect(runCaptured(bytes.subarray(0, bytes.length - 3))).rejects.toThrow()
  })
})

describe('importMemory', () => {
  it('keeps all that the module does with its memory', async () => {
    const text = `(module (type $t (func)) ${WRITE} (memory (export "memory") 2 300) (data (i32.const 70000) "abc")
      (func (export "size") (result i32) (memory.size)) (func (export "at") (result i32) (i32.load8_u (i32.const 70001))))`
    const bytes = assemble(text)
    const changed = importMemory(bytes, readSections(bytes))
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 300 })
    const imports = { heapwright: { memory }, wasi_snapshot_preview1: { fd_write: () => 0 } }
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(changed as BufferSource), imports)
    expect(exports.memory).toBe(memory)
    expect((exports.at as () => number)()).toBe('b'.charCodeAt(0))
    memory.grow(1)
    expect((exports.size as () => number)()).toBe(3)
    expect(importMemory(changed, readSections(changed))).toBe(changed)
  })

  it('works without imports, and without a maximum', async () => {
    const bytes = assemble('(module (memory (export "memory") 1))')
    const changed = importMemory(bytes, readSections(bytes))
    const memory = new WebAssembly.Memory({ initial: 1 })
    const instance = new WebAssembly.Instance(new WebAssembly.Module(changed as BufferSource), {
      heapwright: { memory },
    })
    expect(instance.exports.memory).toBe(memory)
  })
})

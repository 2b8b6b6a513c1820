/**
 * Goal: a module is read for what it is, and its allocator is found and replaced, or the reason why not is said.
 * Method: modules in the text format, assembled by binaryen; what replacement gives is read back, validated by the
 * engine, and run with an allocator that the test counts calls of.
 * A failure means: `heapwright link`, `run` and `check` refuse good modules, take bad ones, or say the wrong thing.
 */
import binaryen from 'binaryen'
import { describe, expect, it } from 'vitest'
import { inspectModule, ModuleError, replaceAllocator } from '../src/guest/index.js'

function assemble(text: string, hasNames = true): Uint8Array {
  const module = binaryen.parseText(text)
  binaryen.setDebugInfo(hasNames)
  const bytes = module.emitBinary()
  module.dispose()
  return bytes
}

/** A bump allocator that frees nothing, its names and exports as asked for. */
const ALLOCATOR = `
  (func $malloc (param i32) (result i32)
    (local $p i32)
    (local.set $p (i32.load (i32.const 1024)))
    (i32.store (i32.const 1024) (i32.add (local.get $p) (local.get 0)))
    (local.get $p))
  (func $free (param i32) (i32.store (i32.const 1024) (i32.load (i32.const 1024))))`

const PROGRAM = `(module
  (memory (export "memory") 2)
  (data (i32.const 1024) "\\00\\08\\00\\00")
  ${ALLOCATOR}
  (func (export "run") (result i32) (local $p i32)
    (local.set $p (call $malloc (i32.const 40)))
    (call $free (local.get $p))
    (local.get $p)))`

describe('inspectModule', () => {
  it('finds the functions of an allocator by name', () => {
    const { allocator, hasNames, memory, heapBase } = inspectModule(assemble(PROGRAM))
    expect(allocator.map(({ name, role, foundBy }) => [name, role, foundBy])).toEqual([
      ['malloc', 'malloc', 'name'],
      ['free', 'free', 'name'],
    ])
    expect([hasNames, memory?.initialPages, heapBase]).toEqual([true, 2, { foundBy: 'memory-end', address: 131072 }])
  })

  it.each([
    [[], 'it is not WebAssembly: it is empty'],
    [[...'(module)'].map((c) => c.charCodeAt(0)), 'it is the text format'],
    [[0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], 'it is a component'],
    [[0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], 'its WebAssembly version is 2'],
    [[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9], 'it ends too early'],
  ])('refuses what is no module: %j', (bytes, what) => {
    expect(() => inspectModule(Uint8Array.from(bytes))).toThrow(ModuleError)
    expect(() => inspectModule(Uint8Array.from(bytes))).toThrow(what)
  })
})

describe('replaceAllocator', () => {
  it('makes imports of the allocator', async () => {
    const { bytes, replaced } = await replaceAllocator(assemble(PROGRAM))
    expect(replaced.map(({ role }) => role)).toEqual(['malloc', 'free'])
    const calls: string[] = []
    const malloc = (bytes: number) => calls.push(`malloc ${bytes}`) && 4096
    const free = (address: number) => calls.push(`free ${address}`)
    const module = new WebAssembly.Module(bytes as BufferSource)
    const { exports } = new WebAssembly.Instance(module, { heapwright: { malloc, free } })
    expect((exports.run as () => number)()).toBe(4096)
    expect(calls).toEqual(['malloc 40', 'free 4096'])
  })
})

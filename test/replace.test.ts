/**
 * Goal: a module whose allocator was taken out is the same module: every section that names a function names the same
 * one under its new index, and all else stays.
 * Method: modules made by hand, with unused functions between those that are used, so that every index moves; calls
 * through each way that leads to a function say which one it is. And programs in C, compiled at several levels, which
 * must print and end as under plain `node:wasi` with the allocator that they came with.
 * A failure means: a program that is run or linked calls the wrong function.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../src/guest/byte-writer.js'
import { instrument } from '../src/guest/check/instrument.js'
import { inspectModule, ModuleError, replaceAllocator } from '../src/guest/index.js'
import type { Section } from '../src/guest/sections.js'
import { assemble } from './support/assemble.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { runCaptured } from './support/run-guest.js'
import { runPlainly } from './support/wasi.js'

/** What the test's own malloc gives for each request. */
const GIVEN = 4096
const allocator = { malloc: (bytes: number) => GIVEN + bytes, free: () => undefined }

/** A module with an allocator between other functions: `$one` gives 1, `$two` gives 2, `$dead` is never reached. */
const program = (more: string, imports = '') => `(module
  ${imports}
  (memory (export "memory") 1)
  (type $number (func (result i32)))
  (type $size (func (param i32) (result i32)))
  (func $dead (result i32) (call $inner (i32.const 0)))
  (func $one (result i32) (i32.const 1))
  (func $inner (param i32) (result i32) (i32.load (i32.const 8)))
  (func $malloc (param $bytes i32) (result i32) (i32.store (i32.const 8) (i32.const 16)) (call $inner (i32.const 0)))
  (func $between (export "between") (result i32) (i32.const 3))
  (func $free (param i32) (i32.store (i32.const 8) (local.get 0)))
  (func $two (result i32) (i32.const 2))
  ${more})`

const CALLS = '(func (export "frees") (call $free (call $malloc (i32.const 1))))'

type Functions = Record<string, (...args: number[]) => unknown>

function instanceOf(bytes: Uint8Array, imports: WebAssembly.Imports = {}): WebAssembly.Exports {
  const module = new WebAssembly.Module(bytes as BufferSource)
  return new WebAssembly.Instance(module, { heapwright: allocator, ...imports }).exports
}

function exportsOf(more: string, hasNames = true): Functions {
  return instanceOf(replaceAllocator(assemble(program(more + CALLS), { hasNames })).bytes) as unknown as Functions
}

function called(functions: Functions, name: string, ...args: number[]): unknown {
  return functions[name]?.(...args)
}

describe('an instruction that names a function names the same one', () => {
  it.each([
    ['call', '(func (export "f") (result i32) (call $two))', 2],
    ['call of the allocator', '(func (export "f") (result i32) (call $malloc (i32.const 5)))', GIVEN + 5],
    ['return_call', '(func (export "f") (result i32) (return_call $two))', 2],
    ['return_call of the allocator', '(func (export "f") (result i32) (return_call $malloc (i32.const 6)))', GIVEN + 6],
    [
      'ref.func, called by its reference',
      `(export "two" (func $two)) (table 1 funcref) (func (export "f") (result i32)
        (table.set (i32.const 0) (ref.func $two)) (call_indirect (type $number) (i32.const 0)))`,
      2,
    ],
    [
      'ref.func of the allocator',
      `(export "declared" (func $malloc)) (table 1 funcref) (func (export "f") (result i32)
        (table.set (i32.const 0) (ref.func $malloc)) (call_indirect (type $size) (i32.const 7) (i32.const 0)))`,
      GIVEN + 7,
    ],
    [
      'a call within blocks, behind instructions with immediates of all kinds',
      `(table 1 funcref) (func (export "f") (result i32) (local $v v128) (local $d f64) (local $l i64)
        (local.set $v (v128.const i32x4 16 16 16 16)) (local.set $d (f64.const 16.5)) (local.set $l (i64.const -4112))
        (block $out (result i32) (loop $again (result i32)
          (br_table $out $out (call $one) (i32x4.extract_lane 1 (local.get $v))))))`,
      1,
    ],
  ])('%s', (_, more, value) => {
    expect(called(exportsOf(more), 'f')).toBe(value)
    const exported = '(export "malloc" (func $malloc)) (export "free" (func $free))'
    expect(called(exportsOf(more + exported, false), 'f')).toBe(value)
  })
})

describe('a section that names a function names the same one', () => {
  it('globals', () => {
    const functions = exportsOf(`(global $g funcref (ref.func $two)) (global $m (export "m") funcref (ref.func $malloc))
      (global $n (export "n") funcref (ref.func $two)) (global (export "other") i32 (i32.const 16))`)
    const [m, n, other] = ['m', 'n', 'other'].map((name) => functions[name] as unknown as WebAssembly.Global)
    expect([m?.value(8), n?.value(), other?.value]).toEqual([GIVEN + 8, 2, 16])
  })

  it('the start function, and exports, several of one function', () => {
    const functions = exportsOf(`(global $seen (export "seen") (mut i32) (i32.const 0))
      (func $begin (global.set $seen (call $two))) (start $begin)
      (export "a" (func $two)) (export "b" (func $two)) (export "malloc" (func $malloc))`)
    expect((functions.seen as unknown as WebAssembly.Global).value).toBe(2)
    expect(['a', 'b', 'between'].map((name) => called(functions, name))).toEqual([2, 2, 3])
    expect(called(functions, 'malloc', 9)).toBe(GIVEN + 9)
  })

  it('imports keep their places, and those of an allocator get the kernel’s names', () => {
    const imports = `(import "app" "ten" (func $ten (result i32))) (import "env" "malloc" (func $outer (type $size)))
      (import "app" "table" (table 1 funcref)) (import "app" "number" (global $number i32))
      (import "env" "free" (func $outerFree (param i32)))`
    const more = `(func (export "f") (result i32)
      (call $outerFree (i32.const 0))
      (i32.add (i32.add (call $ten) (call $outer (i32.const 1))) (i32.add (global.get $number) (call $two))))`
    const before = assemble(program(more + CALLS, imports))
    const { bytes } = replaceAllocator(before)
    const namesOf = (module: Uint8Array) => inspectModule(module).imports.map((one) => `${one.module}.${one.name}`)
    expect(namesOf(before).filter((name) => name.startsWith('env.'))).toEqual(['env.malloc', 'env.free'])
    expect(namesOf(bytes)).toEqual(namesOf(before).map((name) => name.replace('env.', 'heapwright.')))
    const table = new WebAssembly.Table({ initial: 1, element: 'anyfunc' })
    const app = { ten: () => 10, table, number: 100 }
    expect(called(instanceOf(bytes, { app }) as unknown as Functions, 'f')).toBe(10 + GIVEN + 1 + 100 + 2)
  })
})

// ---- by hand, byte for byte ----------------------------------------------------------------------------------------

const MALLOC = 1
const TWO = 2
const I32_CONST_0 = [0x41, 0, 0x0b]
const ref = (index: number) => [0xd2, index, 0x0b]
const FUNCREF = 0x70

/** A segment of each of the eight forms, with `$two` and `malloc`; whether it is passive or active, at 0 of table 0. */
const FORMS: readonly [form: number, kind: 'active' | 'passive' | 'declarative', bytes: readonly number[]][] = [
  [0, 'active', [0, ...I32_CONST_0, 2, TWO, MALLOC]],
  [1, 'passive', [1, 0, 2, TWO, MALLOC]],
  [2, 'active', [2, 0, ...I32_CONST_0, 0, 2, TWO, MALLOC]],
  [3, 'declarative', [3, 0, 2, TWO, MALLOC]],
  [4, 'active', [4, ...I32_CONST_0, 2, ...ref(TWO), ...ref(MALLOC)]],
  [5, 'passive', [5, FUNCREF, 2, ...ref(TWO), ...ref(MALLOC)]],
  [6, 'active', [6, 0, ...I32_CONST_0, FUNCREF, 2, ...ref(TWO), ...ref(MALLOC)]],
  [7, 'declarative', [7, FUNCREF, 2, ...ref(TWO), ...ref(MALLOC)]],
]

const bytesOf = (text: string) => [...new TextEncoder().encode(text)]
const named = (text: string) => [text.length, ...bytesOf(text)]
const custom = (name: string, contents: readonly number[] = [1, 2, 3]): [number, readonly number[]] => [
  0,
  [...named(name), ...contents],
]

function moduleOf(sections: readonly (readonly [id: number, contents: readonly number[]])[]): Uint8Array {
  const out = new ByteWriter()
  out.raw(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
  for (const [id, contents] of sections) {
    const body = new ByteWriter()
    body.raw(Uint8Array.from(contents))
    out.byte(id)
    out.sized(body)
  }
  return out.bytes
}

interface ByHand {
  readonly segment?: readonly number[]
  readonly table?: readonly number[]
  readonly customs?: readonly (readonly [number, readonly number[]])[]
}

/**
 * Functions: 0 is never reached, 1 is malloc, 2 gives 2, 3 fills the table from segment 0 when there is a passive one,
 * 4 gives the reference to function 2.
 */
function byHand({ segment, table = [FUNCREF, 0, 2], customs = [] }: ByHand): Uint8Array {
  const isPassive = segment?.[0] === 1 || segment?.[0] === 5
  const fill = isPassive ? [0x41, 0, 0x41, 0, 0x41, 2, 0xfc, 12, 0, 0] : []
  const bodies = [
    [0, 0x41, 0, 0x0b],
    [0, 0x20, 0, 0x10, 0, 0x6a, 0x0b],
    [0, 0x41, 2, 0x0b],
    [0, ...fill, 0x0b],
    // With the index padded to five bytes, as linkers leave it.
    [0, 0xd2, 0x82, 0x80, 0x80, 0x80, 0, 0x0b],
  ]
  const exports = [
    [...named('malloc'), 0, MALLOC],
    [...named('table'), 1, 0],
    [...named('fill'), 0, 3],
    [...named('ref'), 0, 4],
    // A segment declares it for `ref.func`, too.
    ...(segment ? [] : [[...named('two'), 0, TWO]]),
  ]
  return moduleOf([
    [1, [4, 0x60, 0, 1, 0x7f, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0, 0x60, 0, 1, FUNCREF]],
    [3, [5, 0, 1, 0, 2, 3]],
    [4, [1, ...table]],
    [5, [1, 0, 1]],
    [7, [exports.length, ...exports.flat()]],
    ...(segment ? [[9, [1, ...segment]] as const] : []),
    ...(isPassive ? [[12, [1]] as const] : []),
    [10, [bodies.length, ...bodies.flatMap((body) => [body.length, ...body])]],
    ...(isPassive ? [[11, [1, 1, 4, 1, 2, 3, 4]] as const] : []),
    ...customs,
  ])
}

interface Held {
  readonly malloc: (bytes: number) => number
  readonly table: WebAssembly.Table
  readonly fill: () => void
  readonly ref: () => () => number
}

function held(bytes: Uint8Array): Held {
  return instanceOf(bytes) as unknown as Held
}

describe('made by hand', () => {
  it.each(FORMS)('element segments of form %i (%s)', (_form, kind, segment) => {
    const before = byHand({ segment })
    expect(WebAssembly.validate(before as BufferSource)).toBe(true)
    const { malloc, table, fill, ref } = held(replaceAllocator(before).bytes)
    expect([malloc(1), ref()()]).toEqual([GIVEN + 1, 2])
    if (kind === 'declarative') return expect(table.get(0)).toBe(null)
    if (kind === 'passive') fill()
    expect([table.get(0)(), table.get(1)(5)]).toEqual([2, GIVEN + 5])
  })

  // Read back, not run: not every engine has such tables yet.
  it('tables with a value to begin with, also under the checker', () => {
    const tableOf = (index: number) => [0x40, 0, FUNCREF, 0, 2, ...ref(index)]
    const module = byHand({ table: tableOf(TWO) })
    const contentsOf = (bytes: Uint8Array) => {
      const { offset, bytes: length } = inspectModule(bytes).sections.find(({ id }) => id === 4) as Section
      return [...bytes.subarray(offset, offset + length)]
    }
    expect(inspectModule(module).referenced).toEqual(new Set([TWO]))
    expect(contentsOf(replaceAllocator(module).bytes)).toEqual([1, ...tableOf(1)])
    const checked = inspectModule(instrument(inspectModule(module), { stack: undefined, isPrecise: false }).bytes)
    expect(contentsOf(checked.bytes)).toEqual([1, ...tableOf(TWO + checked.importedFunctions)])
  })

  it('keeps custom sections but those that tell of code', () => {
    const gone = ['.debug_line', 'reloc.CODE', 'linking', 'sourceMappingURL', 'metadata.code.branch_hint']
    const kept = ['producers', 'target_features', 'mine', '.debugger']
    const bytes = byHand({ customs: [...gone, ...kept].map((name) => custom(name)) })
    const customsOf = (module: Uint8Array) =>
      inspectModule(module)
        .sections.filter(({ id }) => id === 0)
        .map(({ name, offset, bytes }: Section) => [name, [...module.subarray(offset, offset + bytes)].slice(-3)])
    expect(customsOf(bytes)).toHaveLength(9)
    expect(customsOf(replaceAllocator(bytes).bytes)).toEqual(kept.map((name) => [name, [1, 2, 3]]))
  })

  it('keeps names of functions, of their locals and labels, of the module and of all else', () => {
    const names = [
      ...part(0, named('app')),
      ...part(1, [4, 0, ...named('dead'), 1, ...named('malloc'), 2, ...named('two'), 4, ...named('r')]),
      ...part(2, [2, 1, 1, 0, ...named('n'), 2, 1, 0, ...named('x')]),
      ...part(3, [1, 2, 1, 0, ...named('l')]),
      ...part(9, [1, 0, ...named('d')]),
    ]
    const { bytes } = replaceAllocator(byHand({ customs: [custom('name', names)] }))
    const name = inspectModule(bytes).sections.find((one) => one.name === 'name') as Section
    expect([...bytes.subarray(name.offset, name.offset + name.bytes)]).toEqual([
      ...named('name'),
      ...part(0, named('app')),
      ...part(1, [3, 0, ...named('malloc'), 1, ...named('two'), 3, ...named('r')]),
      ...part(2, [2, 0, 1, 0, ...named('n'), 1, 1, 0, ...named('x')]),
      ...part(3, [1, 1, 1, 0, ...named('l')]),
      ...part(9, [1, 0, ...named('d')]),
    ])
  })

  it('leaves out what is damaged of the names', () => {
    const names = [...part(1, [1, 2, ...named('two')]), 2, 100, 1]
    const { bytes } = replaceAllocator(byHand({ customs: [custom('name', names)] }))
    expect([...inspectModule(bytes).functionNames]).toEqual([[1, 'two']])
    expect(held(bytes).ref()()).toBe(2)
  })

  it('says which function is named that does not exist', () => {
    const bytes = byHand({ segment: [0, ...I32_CONST_0, 1, 77] })
    expect(() => replaceAllocator(bytes)).toThrow(ModuleError)
    expect(() => replaceAllocator(bytes)).toThrow('function 77')
  })

  it('changes nothing of the bytes that it is given', () => {
    const bytes = byHand({ segment: FORMS[0]?.[2] ?? [] })
    const copy = bytes.slice()
    replaceAllocator(bytes)
    expect(bytes).toEqual(copy)
  })
})

function part(id: number, contents: readonly number[]): number[] {
  return [id, contents.length, ...contents]
}

// ---- programs ------------------------------------------------------------------------------------------------------

/** Gives fresh memory behind what the module has, and takes none back. */
function bumpAllocator(memory: () => WebAssembly.Memory): Record<string, (...args: number[]) => number | undefined> {
  let [at, end] = [0, 0]
  const malloc = (bytes = 0) => {
    if (end - at < bytes) {
      at = memory().grow(16) * 65_536
      end = at + 16 * 65_536
    }
    at += Math.ceil(bytes / 16) * 16
    return at - Math.ceil(bytes / 16) * 16
  }
  return { malloc, calloc: (count = 0, bytes = 0) => malloc(count * bytes), free: () => undefined }
}

/** Those that allocate, with a C library's allocator, and print the same on any heap. */
const PROGRAMS: readonly [name: string, args: readonly string[]][] = [
  ['hello', ['a', 'b']],
  ['tree', []],
  ['strings', []],
  ['family', []],
  ['sort', []],
  ['ladder', []],
  ['exits', ['code', '3']],
  ['hog', ['20', '3000', 'keep']],
]

describe.skipIf(isWithoutClang)('programs in C', { timeout: 120_000 }, () => {
  it.each(['-O0', '-O2', '-flto'])('print and end as with their own allocator: %s', async (level) => {
    for (const [name, args] of PROGRAMS) {
      const bytes = compileGuest(name, { flags: [level] })
      const replaced = replaceAllocator(bytes)
      expect(WebAssembly.validate(replaced.bytes as BufferSource), name).toBe(true)
      const names = new Set(inspectModule(replaced.bytes).functionNames.values())
      const gone = new Set([...replaced.removed, ...replaced.replaced.map((one) => one.name)])
      const before = [...inspectModule(bytes).functionNames.values()]
      expect(before.filter((one) => !gone.has(one) && !names.has(one))).toEqual([])
      const { exitCode, output } = await runCaptured(bytes, { args })
      expect({ code: exitCode, output }, name).toEqual(runPlainly(bytes, args))
    }
  })

  it.each(['-O0', '-O2', '-flto'])('files are read and written: %s', async (level) => {
    const bytes = compileGuest('files', { flags: [level] })
    const directory = mkdtempSync(join(tmpdir(), 'heapwright-replace-'))
    try {
      writeFileSync(join(directory, 'input.txt'), 'one\ntwo\nthree\n')
      const preopens = { '/data': directory }
      const plain = runPlainly(bytes, ['/data'], { preopens })
      const { exitCode, output } = await runCaptured(bytes, { args: ['/data'], preopens })
      expect({ code: exitCode, output }).toEqual(plain)
      expect(readFileSync(join(directory, 'output.txt'), 'utf8')).toBe('three\ntwo\none\n')
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it.each(['-O0', '-O2', '-flto'])('a library, over an allocator of the test’s own: %s', (level) => {
    const bytes = compileGuest('churn', { flags: [level, '-mexec-model=reactor'] })
    const sumOf = (module: Uint8Array) => {
      const exports = instanceOf(module, { heapwright: bumpAllocator(() => exports.memory as WebAssembly.Memory) })
      called(exports as unknown as Functions, '_initialize')
      expect(called(exports as unknown as Functions, 'begin', 500, 200)).toBe(0)
      return called(exports as unknown as Functions, 'churn', 5000)
    }
    const before = sumOf(bytes)
    expect(before).not.toBe(0)
    expect(sumOf(replaceAllocator(bytes).bytes)).toBe(before)
  })

  it('SQLite, too', async () => {
    const bytes = compileGuest('sqlite')
    const input = `create table t(a integer primary key, b text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 300)
      insert into t select i, hex(i * 7919) from n; create index u on t(b); delete from t where a % 3 = 0;
      select count(*), sum(length(b)), max(b) from t; select a, b from t order by b limit 5;`
    expect(WebAssembly.validate(replaceAllocator(bytes).bytes as BufferSource)).toBe(true)
    const { exitCode, output } = await runCaptured(bytes, { input })
    expect({ code: exitCode, output }).toEqual(runPlainly(bytes, [], { input }))
  })
})

/**
 * Goal: a module is read for what it is, and its allocator is found and replaced, or the reason why not is said.
 * Method: modules in the text format, assembled by binaryen; what replacement gives is read back and run with an
 * allocator that the test counts calls of. Damaged modules are cut and changed at random, with a printed seed.
 * A failure means: `heapwright link`, `run` and `check` refuse good modules, take bad ones, or say the wrong thing.
 */
import { describe, expect, it } from 'vitest'
import { checkModule } from '../src/guest/check/index.js'
import { featuresOf } from '../src/guest/features.js'
import { inspectModule, ModuleError, replaceAllocator } from '../src/guest/index.js'
import { linkModule } from '../src/guest/link.js'
import { runModule } from '../src/guest/run.js'
import { concatenate, section, u32 } from '../src/guest/section-writer.js'
import { assemble } from './support/assemble.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() & 0xffff)
console.log(`seed ${SEED} (HEAPWRIGHT_SEED repeats it)`)

/** A bump allocator with its state at 1024; `more` stands beside it. */
function program(more = '', memory = '(memory (export "memory") 2)'): string {
  return `(module
    ${more.includes('(import') ? more : ''}
    ${memory}
    (global $__stack_pointer (mut i32) (i32.const 69632))
    (data (i32.const 1024) "\\00\\80\\01\\00")
    (func $malloc (param i32) (result i32) (local $p i32)
      (local.set $p (i32.load (i32.const 1024)))
      (i32.store (i32.const 1024) (i32.add (local.get $p) (local.get 0)))
      (local.get $p))
    (func $free (param i32) (i32.store (i32.const 1024) (i32.load (i32.const 1024))))
    (func $run (export "run") (result i32) (local $p i32)
      (local.set $p (call $malloc (i32.const 40)))
      (call $free (local.get $p))
      (local.get $p))
    ${more.includes('(import') ? '' : more})`
}

function errorOf(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

/** What an error says; the test fails when there is none. */
function complaintOf(text: string, hasNames = true): string {
  const error = errorOf(() => replaceAllocator(assemble(text, { hasNames })))
  if (!(error instanceof ModuleError)) return expect.fail(`a ModuleError was expected, not ${String(error)}`)
  expect(error.code).toBe('HW_MODULE')
  expect(error.message).toBe(`${error.where}: ${error.what}`)
  return error.message
}

function rolesOf(text: string, hasNames = true): unknown[] {
  const { allocator } = inspectModule(assemble(text, { hasNames }))
  return allocator.map(({ name, role, foundBy }) => [name, role, foundBy])
}

describe('inspectModule', () => {
  it.each([
    [[], 'it is not WebAssembly: it is empty'],
    [[...'(module)'].map((c) => c.charCodeAt(0)), 'it is the text format'],
    [[0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0], 'it is a native program'],
    [[1, 2, 3], 'it begins with 01 02 03'],
    [[0, 0x61, 0x73, 0x6d], 'it ends in its header'],
    [[0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], 'it is a component'],
    [[0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], 'its WebAssembly version is 2'],
    [[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9], 'it ends too early'],
    [[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 77, 0], 'a section has the number 77'],
  ])('refuses what is no module: %j', (bytes, what) => {
    expect(() => inspectModule(Uint8Array.from(bytes))).toThrow(ModuleError)
    expect(() => inspectModule(Uint8Array.from(bytes))).toThrow(what)
  })

  it('finds functions by name, also under the names that allocators give them', () => {
    const one = (name: string, params: string, result = '(result i32)') =>
      `(func $${name} (export "x${name}") (param ${params}) ${result} ${result && '(i32.const 0)'})`
    const text = `(module (memory 1)
      ${one('dlmalloc', 'i32')} ${one('__libc_free', 'i32', '')} ${one('emmalloc_memalign', 'i32 i32')}
      ${one('mi_calloc', 'i32 i32')} ${one('realloc.llvm.123', 'i32 i32')} ${one('emmalloc_usable_size', 'i32')}
      ${one('reallocarray', 'i32 i32 i32')} ${one('aligned_alloc', 'i32 i32')} ${one('posix_memalign', 'i32 i32 i32')}
      ${one('__wrap_malloc', 'i32')} ${one('my_free', 'i32', '')})`
    expect(rolesOf(text)).toEqual([
      ['dlmalloc', 'malloc', 'name'],
      ['__libc_free', 'free', 'name'],
      ['emmalloc_memalign', 'memalign', 'name'],
      ['mi_calloc', 'calloc', 'name'],
      ['realloc.llvm.123', 'realloc', 'name'],
      ['emmalloc_usable_size', 'malloc_usable_size', 'name'],
      ['reallocarray', 'reallocarray', 'name'],
      ['aligned_alloc', 'aligned_alloc', 'name'],
      ['posix_memalign', 'posix_memalign', 'name'],
    ])
  })

  it('finds functions by import, and by export without names', () => {
    const text = `(module
      (import "env" "malloc" (func (param i32) (result i32)))
      (import "heapwright" "free" (func (param i32)))
      (import "other" "calloc" (func (param i32 i32) (result i32)))
      (memory 1)
      (func (export "realloc") (param i32 i32) (result i32) (i32.const 0)))`
    expect(rolesOf(text, false)).toEqual([
      ['env.malloc', 'malloc', 'import'],
      ['heapwright.free', 'free', 'import'],
      ['realloc', 'realloc', 'export'],
    ])
  })

  it('follows a function that only passes its arguments on, and leaves a wrapper with constructors', () => {
    const text = `(module (memory 1)
      (func $constructors (i32.store (i32.const 8) (i32.const 1)))
      (func $inner (param i32) (result i32) (i32.load (local.get 0)))
      (func $f (param i32) (result i32) (call $inner (local.get 0)))
      (func (export "malloc") (param i32) (result i32) (call $f (local.get 0)))
      (func $g (param i32) (i32.store (local.get 0) (i32.const 0)))
      (func (export "free") (param i32) (call $constructors) (call $g (local.get 0)) (call $constructors))
      (func (export "swapped") (param i32 i32) (result i32) (call $calloc (local.get 1) (local.get 0)))
      (func $calloc (export "calloc") (param i32 i32) (result i32) (i32.load (local.get 0))))`
    expect(rolesOf(text, false)).toEqual([
      ['#1', 'malloc', 'call'],
      ['#2', 'malloc', 'call'],
      ['malloc', 'malloc', 'export'],
      ['#4', 'free', 'call'],
      ['calloc', 'calloc', 'export'],
    ])
  })

  it.each([
    ['an exported __heap_base', '(global (export "__heap_base") i32 (i32.const 70000))', 'export', 70000],
    ['the stack behind the data', '', 'stack-pointer', 69632],
    ['the stack below the data', '(data (i32.const 69632) "x")', 'memory-end', 131072],
    [
      'data at an unknown address',
      '(import "env" "at" (global $at i32)) (data (global.get $at) "x")',
      'memory-end',
      131072,
    ],
    ['data that is not in memory yet', '(data "x")', 'memory-end', 131072],
  ])('takes the heap’s base from %s', (_, more, foundBy, address) => {
    expect(inspectModule(assemble(program(more))).heapBase).toEqual({ foundBy, address })
  })

  it('without names the stack cannot be told from other numbers', () => {
    expect(inspectModule(assemble(program(), { hasNames: false })).heapBase.foundBy).toBe('memory-end')
  })

  it('survives damage of any kind with an error of its own', () => {
    const next = random(SEED)
    const whole = assemble(program('(table 2 funcref) (elem (i32.const 0) $malloc $free)'))
    for (let i = 0; i < 3000; i++) {
      const bytes = whole.slice(0, next(10) < 3 ? next(whole.length) : whole.length)
      for (let n = next(4); n >= 0 && bytes.length > 0; n--) bytes[next(bytes.length)] = next(256)
      try {
        const module = inspectModule(bytes)
        for (let f = module.importedFunctions; f < module.functionTypes.length; f++) module.scan(f)
      } catch (error) {
        if (!(error instanceof ModuleError)) throw error
      }
    }
  })
})

describe('inspectModule, of what is large', () => {
  it('takes more functions, globals and segments than a call may have arguments', () => {
    const count = 200_000
    const list = (...entry: readonly number[]) => {
      const entries = new Uint8Array(count * entry.length).map((_, i) => entry[i % entry.length] as number)
      return concatenate([Uint8Array.from(u32(count)), entries])
    }
    const large = (id: number, contents: Uint8Array) =>
      concatenate([Uint8Array.from([id, ...u32(contents.length)]), contents])
    const bytes = concatenate([
      Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
      section(1, [1, 0x60, 0, 0]),
      large(3, list(0)),
      section(5, [1, 0, 1]),
      large(6, list(0x7f, 0, 0x41, 0, 0x0b)),
      large(10, list(2, 0, 0x0b)),
      large(11, list(0, 0x41, 7, 0x0b, 1, 0xff)),
    ])
    const module = inspectModule(bytes)
    expect(module.functionTypes.length).toBe(count)
    expect(module.globals.length).toBe(count)
    expect(module.data[count - 1]).toEqual({ address: 7, bytes: 1, isPassive: false })
    expect(module.scan(count - 1).calls.size).toBe(0)
  })

  it.each([
    [[100], 100],
    [[0xff, 0x7f], 16_383],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f], 2 ** 47 - 1],
  ])('reads limits of 64 bits as unsigned: %j', (encoded, pages) => {
    const bytes = concatenate([Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), section(5, [1, 4, ...encoded])])
    expect(inspectModule(bytes).memory).toMatchObject({ is64: true, initialPages: pages })
  })

  it('follows what a table is filled with', () => {
    const bytes = concatenate([
      Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
      section(1, [1, 0x60, 0, 0]),
      section(3, [1, 0]),
      section(4, [1, 0x40, 0, 0x70, 0, 1, 0xd2, 0, 0x0b]),
      section(10, [1, 2, 0, 0x0b]),
    ])
    expect([...inspectModule(bytes).referenced]).toEqual([0])
  })
})

describe('featuresOf', () => {
  it.each([
    ['(table 1 funcref)', []],
    ['(table 1 funcref) (table 1 funcref)', ['reference-types']],
    ['(table 1 externref)', ['reference-types']],
    ['(global (mut externref) (ref.null extern))', ['reference-types']],
    ['(func (export "x") (param externref))', ['reference-types']],
    ['(import "a" "b" (func (param externref)))', ['reference-types']],
    ['(import "a" "b" (table 1 externref))', ['reference-types']],
    ['(func (export "x") (local externref))', ['reference-types']],
    ['(func (export "x") (param v128) (result v128) (local.get 0))', ['simd128']],
    ['(global (mut v128) (v128.const i32x4 1 2 3 4))', ['simd128']],
    ['(func (export "x") (result i32 i32) (i32.const 1) (i32.const 2))', ['multivalue']],
    ['(tag (export "t") (param i32))', ['exception-handling']],
    ['(import "a" "b" (tag (param i32)))', ['exception-handling']],
    ['(func (export "x") (result i32) (return_call $run))', ['tail-call']],
  ])('names what %s needs of an engine', (more, expected) => {
    const plain = featuresOf(inspectModule(assemble(program())))
    const found = featuresOf(inspectModule(assemble(program(more))))
    expect(found.filter((name) => !plain.includes(name))).toEqual(expected)
  })
})

describe('replaceAllocator', () => {
  it.each([true, false])('makes imports of the allocator; names: %s', (hasNames) => {
    const more = '(export "malloc" (func $malloc)) (export "free" (func $free))'
    const { bytes, replaced } = replaceAllocator(assemble(program(more), { hasNames }))
    expect(replaced.map(({ role }) => role)).toEqual(['malloc', 'free'])
    expect(inspectModule(bytes).hasNames).toBe(hasNames)
    const calls: string[] = []
    const malloc = (bytes: number) => calls.push(`malloc ${bytes}`) && 4096
    const free = (address: number) => calls.push(`free ${address}`)
    const module = new WebAssembly.Module(bytes as BufferSource)
    const { exports } = new WebAssembly.Instance(module, { heapwright: { malloc, free } })
    expect((exports.run as () => number)()).toBe(4096)
    expect((exports.malloc as (bytes: number) => number)(7)).toBe(4096)
    expect(calls).toEqual(['malloc 40', 'free 4096', 'malloc 7'])
  })

  it('redirects table entries, and removes what only the old allocator called', () => {
    const text = `(module (memory 1) (table (export "table") 1 funcref) (elem (i32.const 0) $malloc)
      (func $malloc (param i32) (result i32) (call $more (local.get 0)) (i32.load (i32.const 8)))
      (func $more (param i32) (i32.store (i32.const 8) (memory.grow (local.get 0)))))`
    const { bytes, removed } = replaceAllocator(assemble(text))
    expect(removed).toEqual(['more'])
    const module = new WebAssembly.Module(bytes as BufferSource)
    const { exports } = new WebAssembly.Instance(module, { heapwright: { malloc: () => 99 } })
    expect((exports.table as WebAssembly.Table).get(0)(1)).toBe(99)
  })

  it.each([
    ['no memory', '(module (func $malloc (param i32) (result i32) (i32.const 0)))', 'it has no memory'],
    ['several memories', program('', '(memory 1) (memory 1)'), 'it has 2 memories'],
    ['shared memory', program('', '(memory 1 2 shared)'), 'is shared between threads'],
    ['memory64', '(module (memory i64 1) (func (export "f")))', '64-bit addresses'],
    ['no allocator', '(module (memory 1) (func $f (export "f")))', 'no allocator was found: it neither imports'],
    ['a link of its own', program('(func (export "heapwright_heap") (result i32) (i32.const 0))'), 'linked with Heap'],
  ])('refuses a module with %s', (_, text, what) => {
    expect(complaintOf(text)).toContain(what)
  })

  it('says how to build a module without names', () => {
    expect(complaintOf('(module (memory 1) (func $f (export "f")))', false)).toContain('Build it without --strip')
  })

  it('refuses an unexpected type, and names both', () => {
    const text = '(module (memory 1) (func $malloc (export "m") (param i64) (result i32) (i32.const 0)))'
    expect(complaintOf(text)).toBe(
      "function 'malloc': it is taken for the program's malloc, but has another type: (i32) -> i32 is expected, (i64) -> i32 found",
    )
  })

  const use = (name: string) => `(func $user (export "use") (drop (call $${name} (i32.const 1))))`
  it.each([
    [
      'by name',
      `(func $malloc_trim (param i32) (result i32) (i32.load (i32.const 2000))) ${use('malloc_trim')}`,
      "function 'malloc_trim': it is a part of the old allocator and would stay in use: only allocators have a function of its name, and 'user' calls",
    ],
    [
      'by the words of its state, loaded',
      `(func $copy (param i32) (result i32) (i32.load offset=1000 (i32.const 24))) ${use('copy')}`,
      "it loads the word at address 1024, where 'malloc' keeps its state, and 'user' calls",
    ],
    [
      'by the words of its state, stored behind a value that is no constant',
      '(func $reset (export "reset") (param i32) (i32.store (i32.const 1024) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2)))))',
      "it stores the word at address 1024, where 'malloc' keeps its state, and it is exported",
    ],
    [
      'through a constant in a local, and in the table',
      '(table 1 funcref) (elem (i32.const 0) $held) (func $held (result i32) (local $at i32) (local.set $at (i32.const 1020)) (i32.load offset=4 (local.get $at)))',
      'it stands in the function table',
    ],
  ])('refuses a module in which a part of the allocator stays: %s', (_, more, what) => {
    expect(complaintOf(program(more))).toContain(what)
  })

  it('refuses a true allocator behind one that does a little more', () => {
    const text = `(module (memory 1)
      (func $inner (param i32) (result i32)
        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (memory.grow (i32.const 1))))
        (i32.load (i32.const 64)))
      (func $malloc (export "malloc") (param i32) (result i32) (call $inner (i32.add (local.get 0) (i32.const 8))))
      (func $other (export "other") (result i32) (call $inner (i32.const 5))))`
    expect(complaintOf(text, false)).toContain("function '#0': it is a part of the old allocator")
  })

  it('takes what only looks like it: errno, which is stored; locks and tables that are only read; idle names', () => {
    const more = `
      (func $mallopt (export "mallopt") (param i32 i32) (result i32) (i32.const 0))
      (func $errno (export "errno") (result i32) (i32.load (i32.const 3000)))
      (func $sets (export "sets") (i32.store (i32.const 3000) (i32.const 48)) (drop (i32.load (i32.const 3004))))
      (func $calloc (export "calloc") (param i32 i32) (result i32)
        (i32.store (i32.const 3000) (i32.const 48))
        (i32.load (i32.const 3004)))`
    const { replaced } = replaceAllocator(assemble(program(more)))
    expect(replaced.map(({ role }) => role)).toEqual(['malloc', 'free', 'calloc'])
  })
})

describe('linkModule', () => {
  const complaint = (text: string, options = {}) =>
    linkModule(assemble(text), options).then(
      () => expect.fail('nothing was thrown'),
      (error: Error) => error.message,
    )

  it.each([
    [
      'a call that the kernel lacks',
      program('(import "heapwright" "hw_x" (func))'),
      "import 'heapwright.hw_x': the kernel has no function",
    ],
    [
      'a call of another type',
      program('(import "heapwright" "hw_alloc" (func (param i64)))'),
      '(i32) -> i32 is expected, (i64) -> () found',
    ],
    ['a memory that cannot grow', program('', '(memory 2 2)'), 'the memory may have 2 pages of 64 KiB at most'],
    [
      'a saved heap',
      program('(global (export "__heap_base") i32 (i32.const 1000))'),
      'data stands at 1024, behind __heap_base at 1000',
    ],
  ])('refuses %s', async (_, text, what) => {
    expect(await complaint(text)).toContain(what)
  })

  it('takes the least address that is free, and the limit that it names', async () => {
    const { heapBase, limitBytes } = await linkModule(assemble(program()), { heapBase: 69_632, limit: 196_608 })
    expect({ heapBase, limitBytes }).toEqual({ heapBase: { foundBy: 'option', address: 69_632 }, limitBytes: 196_608 })
  })

  it('refuses what the engine finds invalid before anything else is done with it', async () => {
    const bytes = assemble(program('(func (export "number") (result i32) (i32.const 7654321))'))
    // i32.const and its number: it becomes i64.const, of which the function's result is none.
    const at = bytes.findIndex((byte, i) => byte === 0x41 && bytes[i + 1] === 0xb1 && bytes[i + 2] === 0x97)
    bytes[at] = 0x42
    await expect(linkModule(bytes)).rejects.toThrow('module: it is not valid WebAssembly')
  })

  it.each([['x'], [undefined], [new ArrayBuffer(8)], [[0, 97]]])('refuses %o as a module', async (bytes) => {
    const message = /`bytes` must be a Uint8Array/
    expect(() => inspectModule(bytes as never)).toThrow(message)
    for (const act of [linkModule, runModule, checkModule]) await expect(act(bytes as never)).rejects.toThrow(message)
  })

  it.each([
    [{ limit: 1000 }, '`limit` must be at least 196608 bytes'],
    [{ limit: 'much' }, '`limit` must be'],
    [{ limit: '5GiB' }, '`limit` must be at most 4294901760 bytes'],
    [{ heapBase: 1000 }, '`heapBase` must be at least 69632 (0x11000), behind its data and stack'],
    [{ heapBase: 69_631 }, '`heapBase` must be at least 69632'],
    [{ heapbase: 69_632 }, '`options` must be an object of these: mode, limit, heapBase'],
    [{ heapBase: -1 }, '`heapBase` must be an address'],
    [{ heapBase: 2 ** 31 }, 'no heap can begin at address 2147483648 (as asked for)'],
    [{ optimize: '9' }, '`optimize` must be one of 0, 1'],
    [{ mode: 'manual' }, '`mode` must be one of vm'],
    [{ mode: 'constructor' }, '`mode` must be one of vm'],
    [{ mode: 'vm' }, 'a mode is for programs with collected objects'],
  ])('refuses the options %j', async (options, what) => {
    expect(await complaint(program(), options)).toContain(what)
  })
})

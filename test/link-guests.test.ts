/**
 * Goal: C programs run linked as they run with the allocator that they came with.
 * Method: programs of test/guests and SQLite, compiled by clang at several levels of optimisation, also optimised as a
 * whole by wasm-opt and without names; each runs under node:wasi before and after, and must print and end the same.
 * A failure means: a linked program loses memory, mixes two allocators, or good programs are refused.
 */
import { describe, expect, it } from 'vitest'
import { inspectModule, type LinkResult, linkModule } from '../src/guest/index.js'
import { checkReplaceable } from '../src/guest/replace.js'
import { runBinaryenTool } from '../src/platform/binaryen.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { runPlainly } from './support/wasi.js'

const PROGRAMS = ['hello', 'tree', 'strings', 'family', 'sort', 'files', 'exits', 'ladder'] as const
const LEVELS = ['-O0', '-O2', '-Oz', '-flto'] as const
const STRIPPED = ['-Wl,--strip-all', '-Wl,--export=malloc', '-Wl,--export=free']
const MORE_EXPORTS = ['-Wl,--export=calloc', '-Wl,--export=realloc', '-Wl,--export=posix_memalign']
const PATIENCE = { timeout: 240_000 }

/** What wasm-opt makes of a module, its names kept. */
function optimised(bytes: Uint8Array): Promise<Uint8Array> {
  return runBinaryenTool('wasm-opt', [{ name: 'in.wasm', bytes }], ['in.wasm', '-O3', '-g', '--enable-bulk-memory'])
}

function importsOf(bytes: Uint8Array): string[] {
  return inspectModule(bytes).imports.map(({ module, name }) => `${module}.${name}`)
}

/** Both must do the same; the linked one is given back. */
async function expectSame(bytes: Uint8Array, args: readonly string[] = [], input = ''): Promise<LinkResult> {
  const linked = await linkModule(bytes)
  expect(importsOf(bytes)).toEqual(expect.arrayContaining(importsOf(linked.bytes)))
  expect(runPlainly(linked.bytes, args, { input })).toEqual(runPlainly(bytes, args, { input }))
  return linked
}

describe.skipIf(isWithoutClang)('guests in C', () => {
  it.each(LEVELS)('none is refused for what only looks like an allocator: %s', PATIENCE, (level) => {
    for (const name of PROGRAMS) {
      const module = inspectModule(compileGuest(name, { flags: [level] }))
      expect(() => checkReplaceable(module), name).not.toThrow()
      expect(module.heapBase.foundBy).toBe('stack-pointer')
    }
  })

  it.each([
    ['strings', ['-O0']],
    ['tree', ['-Oz', '-flto']],
  ])('%s runs linked as it runs unlinked: %j', PATIENCE, async (name, flags) => {
    const { replaced, removed } = await expectSame(compileGuest(name, { flags }))
    expect(replaced.map(({ role }) => role)).toEqual(expect.arrayContaining(['malloc', 'free']))
    expect(removed).toContain('sbrk')
  })

  it('the whole family does what C says of it, linked and unlinked', PATIENCE, async () => {
    const { output } = runPlainly((await expectSame(compileGuest('family'))).bytes)
    expect(output).toMatch(/: yes\n/)
    expect(output).not.toContain(': NO')
  })

  it('runs with the stack below its data, and begins the heap where its memory ends', PATIENCE, async () => {
    const { heapBase } = await expectSame(compileGuest('hello', { flags: ['-Wl,--stack-first'] }))
    expect(heapBase.foundBy).toBe('memory-end')
  })

  it('SQLite gives the same answers', PATIENCE, async () => {
    const sql = `create table t(a integer primary key, b text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
      insert into t select i, hex(i * 7919) || substr('abcdefghijklmnop', 1, i % 16) from n;
      create index u on t(b); delete from t where a % 3 = 0; select count(*), sum(length(b)), max(b) from t;
      select a, b from t order by b limit 5;`
    await expectSame(compileGuest('sqlite'), [], sql)
  })

  it.each(['strings', 'hello', 'tree', 'ladder'])(
    'without names, %s is refused: more is used than it exports',
    (name) => {
      const module = inspectModule(compileGuest(name, { flags: STRIPPED }))
      expect(() => checkReplaceable(module)).toThrow('without names this one is not known')
    },
  )

  it('without names and with all of its allocator exported, it runs linked', PATIENCE, async () => {
    const { replaced } = await expectSame(compileGuest('strings', { flags: [...STRIPPED, ...MORE_EXPORTS] }))
    expect(new Set(replaced.map(({ foundBy }) => foundBy))).toEqual(new Set(['call']))
  })

  it('refuses what wasm-opt has mixed with its allocator, and names a function', PATIENCE, async () => {
    const bytes = await optimised(compileGuest('family'))
    expect(() => checkReplaceable(inspectModule(bytes))).toThrow(/^function '.*': it is a part of the old allocator/)
  })

  it('runs what wasm-opt has inlined only the forwarding functions of', PATIENCE, async () => {
    const { replaced } = await expectSame(await optimised(compileGuest('files')))
    expect(replaced.map(({ name }) => name)).toContain('dlmalloc')
  })
})

/**
 * Goal: `heapwright check` finds the faults of C programs, each kind of them, names the functions concerned, and says
 * nothing of programs that are right.
 * Method: a table over test/guests/faulty: what is expected of each was written by reading its source. The correct ones
 * are checked in both ways and must print what they print without a checker.
 * A failure means: a fault passes unseen, is blamed on the wrong function, or a correct program is accused.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { brief, checkCaptured } from './support/checked.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { runPlainly } from './support/wasi.js'

const GUESTS = new URL('./guests/', import.meta.url)

/** Compiled so that the compiler does not know what malloc and free mean, and leaves the faults as they are. */
function faulty(name: string): Uint8Array {
  return compileGuest(readFileSync(new URL(`faulty/${name}.c`, GUESTS), 'utf8'), { flags: ['-fno-builtin'] })
}

/** What is found without `precise`, and with it if that is something else. `kind count: where < allocated < freed` */
type Expected = readonly [name: string, found: readonly string[], precise?: readonly string[]]

const TABLE: readonly Expected[] = [
  ['leak', ['definitely-lost 1:  < make < ']],
  [
    'leak-indirect',
    ['definitely-lost 1:  < make < ', 'indirectly-lost 1:  < make < ', 'indirectly-lost 1:  < make < '],
  ],
  ['leak-cycle', ['definitely-lost 1:  < make < ', 'indirectly-lost 1:  < make < ']],
  ['leak-overwritten', ['definitely-lost 1:  < make < ']],
  ['leak-realloc', ['definitely-lost 1:  < make < ']],
  ['leak-exit', ['definitely-lost 1:  < make < ']],
  ['leak-trap', ['definitely-lost 1:  < make < ']],
  ['still-reachable', []],
  ['double-free', ['double-free 1: release < make < release']],
  ['double-free-realloc', ['double-free 1: release < make < grow']],
  ['free-interior', ['free-interior 1: release < make < ']],
  ['free-stack', ['free-stack 1: release <  < ']],
  ['free-static', ['free-static 1: release <  < ']],
  ['free-wild', ['free-wild 1: release <  < ']],
  ['realloc-freed', ['realloc-freed 1: grow < make < __original_main']],
  ['realloc-wild', ['realloc-wild 1: grow < make < ']],
  ['usable-size', ['usable-size-wild 1: ask < make < __original_main']],
  ['bad-alignment', ['bad-alignment 1: make <  < ']],
  ['calloc-overflow', ['size-overflow 1: make <  < ']],
  ['absurd-size', ['absurd-size 1: make <  < ']],
  ['write-past-end', ['write-past-end 1:  < make < '], ['write-past-end 1: put < make < ']],
  ['write-past-end-kept', ['write-past-end 1:  < make < '], ['write-past-end 1: put < make < ']],
  ['write-before', ['write-before 1:  < make < '], ['write-before 1: put < make < ']],
  ['write-after-free', ['write-after-free 1:  < make < release'], ['write-after-free 1: put < make < release']],
  ['write-after-realloc', ['write-after-free 1:  < make < grow'], ['write-after-free 1: put < make < grow']],
  ['read-after-free', [], ['read-after-free 1: get < make < release']],
  ['read-past-end', [], ['read-past-end 1: get < make < ']],
  ['read-partial', [], ['read-past-end 1: get < make < ']],
  ['read-before', [], ['read-before 1: get < make < ']],
  ['wild-read', [], ['wild-read 1: get <  < ']],
  ['null-read', [], ['null-read 1: get <  < ']],
  ['null-write', [], ['null-write 1: put <  < ']],
  ['memcpy-overflow', ['write-past-end 1:  < make < '], ['write-past-end 1: memcpy < make < ']],
  ['memset-overflow', ['write-past-end 1:  < make < '], ['write-past-end 5: memset < make < ']],
  ['strcpy-overflow', ['write-past-end 1:  < make < '], ['write-past-end 1: __stpcpy < make < ']],
  ['strlen-unended', [], ['read-past-end 9: strlen < make < ']],
  ['stack-overflow', ['stack-overflow 5: dig <  < ']],
]

describe.skipIf(isWithoutClang)('a faulty program', () => {
  it('is in the table, each of them', () => {
    const files = readdirSync(new URL('faulty/', GUESTS)).map((file) => file.replace(/\.c$/, ''))
    expect(TABLE.map(([name]) => name).sort()).toEqual(files.sort())
    expect(
      new Set(TABLE.flatMap(([, a, b = []]) => [...a, ...b]).map((text) => text.split(' ')[0])).size,
    ).toBeGreaterThan(20)
  })

  const cases = TABLE.map(([name, found, precise = found]) => ({ name, found, precise }))
  it.each(cases)('$name', async ({ name, found, precise }) => {
    const bytes = faulty(name)
    // What a realloc of 2 GB meets in leak-realloc.
    const limit = '1MiB'
    expect(brief(await checkCaptured(bytes, { limit }))).toEqual(found)
    const report = await checkCaptured(bytes, { limit, precise: true })
    expect(brief(report)).toEqual(precise)
    expect(report.isFaulty).toBe(precise.length > 0)
    expect(report.exitCode).toBe(name === 'leak-trap' ? 134 : name === 'leak-exit' ? 3 : 0)
  })

  it('tells call sites in one function apart', async () => {
    const source = `#include <stdlib.h>
      static char *volatile kept;
      __attribute__((noinline)) void twice(void) { kept = malloc(10); kept = malloc(20); kept = malloc(30); }
      int main(void) { for (volatile int i = 0; i < 2; i++) twice(); return 0; }`
    const { faults, leaks } = await checkCaptured(compileGuest(source, { flags: ['-fno-builtin'] }), {
      reachable: true,
    })
    const sites = faults.map(({ kind, count, bytes, block }) => [kind, count, bytes, block?.allocated[0]?.name])
    expect(sites).toEqual([
      ['definitely-lost', 2, 40, 'twice'],
      ['definitely-lost', 1, 30, 'twice'],
      ['definitely-lost', 2, 20, 'twice'],
      ['still-reachable', 1, 30, 'twice'],
    ])
    const offsets = faults.slice(0, 3).map(({ block }) => block?.allocated[0]?.offset)
    expect(new Set(offsets).size).toBe(3)
    expect(leaks).toEqual({
      definite: { blocks: 5, bytes: 90 },
      indirect: { blocks: 0, bytes: 0 },
      reachable: { blocks: 1, bytes: 30 },
    })
  })
})

const SQL = `create table t(a integer primary key, b text, c real);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 600) insert into t select i, 'row ' || i, i * 1.5 from n;
  create index x on t(b); delete from t where a % 3 = 0; select count(*), printf('%.3f', avg(c)) from t where b like 'row 1%';
  select substr(b, 1, 5) k, sum(c) from t group by k order by 2 desc limit 3; select upper('end');`

describe.skipIf(isWithoutClang)('a correct program', () => {
  it.each([
    ['correct/library', []],
    ['tree', ['9']],
    ['sqlite', [SQL]],
  ] as const)('%s is reported in neither way', { timeout: 300_000 }, async (name, args) => {
    const isOwn = name.startsWith('correct/')
    const bytes = compileGuest(isOwn ? readFileSync(new URL(`${name}.c`, GUESTS), 'utf8') : name)
    const { output, code } = runPlainly(bytes, args)
    expect(output.length).toBeGreaterThan(3)
    for (const precise of [false, true]) {
      const report = await checkCaptured(bytes, { args, precise })
      expect([precise, brief(report), report.exitCode, report.output]).toEqual([precise, [], code, output])
      expect(report.blocks.allocations).toBeGreaterThan(10)
    }
  })

  it('without names is checked by what it exports, and read from without false alarms', async () => {
    const source = readFileSync(new URL('correct/library.c', GUESTS), 'utf8')
    const names = ['malloc', 'free', 'calloc', 'realloc', 'aligned_alloc', 'posix_memalign', 'malloc_usable_size']
    const flags = [...names.map((name) => `-Wl,--export=${name}`), '-Wl,--strip-all']
    const report = await checkCaptured(compileGuest(source, { flags }), { precise: true })
    expect(brief(report)).toEqual([])
    expect(report.notes).toEqual([expect.stringContaining('no names')])
    expect(report.blocks.allocations).toBeGreaterThan(200)
  })
})

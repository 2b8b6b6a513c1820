/**
 * SQLite on a heap: the same rows as with the allocator that it came with; with too little memory its own error, never
 * a trap or a damaged heap. A failure means that a large program cannot rely on the heap as its `malloc`.
 */
import { describe, expect, it } from 'vitest'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { type CapturedRun, runCaptured } from './support/run-guest.js'
import { runPlainly } from './support/wasi.js'

const ROWS = 3000
const SQL = `
  create table words(id integer primary key, word text, weight real);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS})
    insert into words select i, printf('word-%d-%s', i * 7919 % 1009, hex(randomblob(20))), i * 1.5 from n;
  create index by_word on words(word);
  select count(*), count(distinct substr(word, 1, 9)), sum(weight) from words;
  select substr(word, 1, 7) as start, count(*) as n from words group by start order by n desc, start limit 5;
  update words set word = word || upper(word) where id % 3 = 0;
  delete from words where id % 5 = 0;
  select count(*), sum(length(word)), group_concat(id) from (select * from words order by word desc limit 40);
  select json_group_array(word) from (select substr(word, 1, 8) as word from words order by id limit 5);
`
const SQLITE_NOMEM = 7

const sqlite = () => compileGuest('sqlite')

describe.skipIf(isWithoutClang)('SQLite on a heap', { timeout: 180_000 }, () => {
  it('gives the same rows, and frees all that it takes', async () => {
    const plain = runPlainly(sqlite(), [], { input: SQL })
    expect(plain.output.split('\n')).toHaveLength(9)
    const { exitCode, output, memory } = await runCaptured(sqlite(), { input: SQL })
    expect({ code: exitCode, output }).toEqual(plain)
    expect(memory.heap).toMatchObject({ badFrees: 0, refusedRequests: 0, fault: undefined })
    expect(memory.heap?.livePeakBytes).toBeGreaterThan(ROWS * 60)
    // The C library's own blocks and buffers.
    expect(memory.heap?.liveBytes).toBeLessThan(10_000)
  })

  it('errors are as they are', async () => {
    const wrong = ['select 1 from nowhere']
    const run = await runCaptured(sqlite(), { args: wrong })
    expect(run).toMatchObject({ exitCode: 1, output: '', errors: 'error 1: no such table: nowhere\n' })
    expect(runPlainly(sqlite(), wrong).code).toBe(1)
  })

  it.each([256, 384, 512, 768, 1024, 4096])(
    'of %i KiB at most runs out of memory in its own words, or not',
    async (kib) => {
      const run = await runCaptured(sqlite(), { input: SQL, limit: `${kib}KiB` })
      expectSound(run, kib * 1024)
      if (run.exitCode !== 0) {
        expect(run.exitCode).toBe(SQLITE_NOMEM)
        expect(run.errors).toMatch(/^error 7: out of memory\n$/)
        expect(run.memory.heap?.refusedRequests).toBeGreaterThan(0)
        expect(run.memory.heap?.refusedLargestBytes).toBeGreaterThan(0)
      }
      if (kib <= 512) expect(run.exitCode).toBe(SQLITE_NOMEM)
      if (kib >= 4096) expect(run.output).toBe(runPlainly(sqlite(), [], { input: SQL }).output)
    },
  )

  it('goes on after a request was refused', async () => {
    const big = 'select length(hex(zeroblob(3000000)))'
    const run = await runCaptured(sqlite(), { args: ['select 1', big], limit: '2MiB' })
    expectSound(run, 2 * 2 ** 20)
    expect(run).toMatchObject({ exitCode: SQLITE_NOMEM, output: '1\n' })
    expect(run.memory.heap?.refusedLargestBytes).toBeGreaterThanOrEqual(3_000_000)
  })
})

function expectSound({ trap, memory }: CapturedRun, limitBytes: number): void {
  expect(trap).toBeUndefined()
  expect(memory.heap).toMatchObject({ badFrees: 0, fault: undefined, limitBytes })
  expect(memory.heap?.committedPeakBytes).toBeLessThanOrEqual(limitBytes)
}

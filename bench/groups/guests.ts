/**
 * Guests: C programs compiled by clang against the C library's allocator, as they are and with Heapwright linked in
 * their place, in turn in one process. Random replace, which is the allocator and nothing else; SQLite, which is a
 * program; and what linking adds to a module.
 *
 * mimalloc is a contestant where HEAPWRIGHT_MIMALLOC names the directory of its source (`apt-get source mimalloc`).
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkModule } from '../../src/guest/check/check.js'
import { linkModule } from '../../src/guest/link.js'
import { makeWasi } from '../../src/platform/wasi.js'
import { compileGuest, compileObject, whyNoGuests } from '../../test/support/guests.js'
import { type Budget, type Figures, judge, type Row, type Spread, spread } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'

const DLMALLOC = 'dlmalloc of wasi-libc'
const LINKED = 'Heapwright, linked'
const MIMALLOC = 'mimalloc'
const WASI = 'wasi_snapshot_preview1'

/** As `heapwright link` makes it: the program's own code stays as it is but for calls of malloc and free. */
async function link(bytes: Uint8Array): Promise<Uint8Array> {
  return (await linkModule(bytes, { stripNames: true })).bytes
}

const NO_FILES = { args: ['guest'], env: {}, preopens: {}, stdin: 0, stdout: 1, stderr: 2 }

/** An instance of a reactor. */
async function instantiate(bytes: Uint8Array): Promise<WebAssembly.Exports> {
  const wasi = await makeWasi(WASI, NO_FILES)
  const module = new WebAssembly.Module(bytes as BufferSource)
  const { exports } = new WebAssembly.Instance(module, { [WASI]: wasi.imports })
  wasi.start(exports._initialize as WebAssembly.ExportValue, exports.memory as WebAssembly.Memory)
  return exports
}

// ---- random replace -------------------------------------------------------------------------------------------------

const REACTOR = ['-mexec-model=reactor']
const LIVE = [100, 1_000, 10_000, 50_000]
const MOST_BYTES = [240, 2_000, 10_000]
/** Steps for each call into the module. */
const SLICE = 1024
const MEAN = 'geometric mean of all of them'
const MEAN_MAX = 0.6
const MEAN_OF_MIMALLOC_MAX = 0.8

/** test/guests/churn.c. */
interface Churn {
  readonly memory: WebAssembly.Memory
  begin(live: number, most: number): number
  churn(steps: number): number
}

/** The program with mimalloc inside, where its source is there. */
function withMimalloc(): Uint8Array | undefined {
  const directory = process.env.HEAPWRIGHT_MIMALLOC
  if (directory === undefined) return undefined
  const object = compileObject(join(directory, 'src/static.c'), ['-DNDEBUG', '-w', `-I${join(directory, 'include')}`])
  const names = ['malloc', 'calloc', 'free'].map((name) => `-D${name}=mi_${name}`)
  return compileGuest('churn', { flags: [...REACTOR, ...names], objects: [object] })
}

async function churnEntrant(contestant: string, bytes: Uint8Array, live: number, most: number): Promise<Entrant> {
  const guest = (await instantiate(bytes)) as unknown as Churn
  const initialBytes = guest.memory.buffer.byteLength
  if (guest.begin(live, most) !== 0) throw new Error(`${contestant}: memory has run out`)
  return {
    contestant,
    run: (operations) =>
      timed(() => {
        for (let done = 0; done < operations; done += SLICE) {
          if (guest.churn(Math.min(SLICE, operations - done)) === 0) throw new Error(`${contestant}: out of memory`)
        }
      }),
    end: () => ({ peakBytes: guest.memory.buffer.byteLength - initialBytes }),
  }
}

/** Refuses programs that do not answer alike after the same steps. */
async function checkAlike(programs: readonly Uint8Array[]): Promise<void> {
  const answers = new Set<string>()
  for (const bytes of programs) {
    const guest = (await instantiate(bytes)) as unknown as Churn
    answers.add(`${guest.begin(500, 3_000)} ${guest.churn(20_000)}`)
  }
  if (answers.size !== 1) throw new Error(`the programs' answers differ: ${[...answers].join(', ')}`)
}

const churn: Group = {
  id: 'guests churn',
  section: 'Inside a linked C program: random replace (peak: growth of its memory)',
  run: async ({ rounds, quick }) => {
    if (whyNoGuests !== undefined) return whyNoGuests
    const own = compileGuest('churn', { flags: REACTOR })
    const other = withMimalloc()
    const programs = new Map([[DLMALLOC, own]])
    if (other) programs.set(MIMALLOC, other)
    programs.set(LINKED, await link(own))
    await checkAlike([...programs.values()])
    const points = MOST_BYTES.flatMap((most) => LIVE.map((live) => ({ live, most })))
    const rows: Row[] = []
    for (const { live, most } of quick ? points.filter(({ live }) => live === 1_000) : points) {
      const entrants: Entrant[] = []
      for (const [name, bytes] of programs) entrants.push(await churnEntrant(name, bytes, live, most))
      const figures = await takeTurns(entrants, DLMALLOC, { rounds, operations: 1 << 17, leastOperations: SLICE })
      const workload = `${live.toLocaleString('en-US')} live, 16 to ${most.toLocaleString('en-US')} bytes`
      rows.push(judge({ workload, unit: 'replace', peer: DLMALLOC, figures }, [ratioBudget(1)]))
    }
    return [...rows, meanRow(rows)]
  },
}

function ratioBudget(max: number): Budget {
  return { contestant: LINKED, measure: 'ratio', max }
}

/** Round by round the mean of the times of all rows, and of the ratios. */
function meanRow(rows: readonly Row[]): Row {
  const contestants = rows[0]?.figures.map(({ contestant }) => contestant) ?? []
  const figures = contestants.map((contestant): Figures => {
    const own = rows.map((row) => row.figures.find((one) => one.contestant === contestant))
    const nsPerOp = meansOf(own.map((one) => one?.nsPerOp?.samples ?? []))
    return { contestant, nsPerOp, ratio: meansOf(own.map((one) => one?.ratio?.samples ?? [])) }
  })
  const budgets = [ratioBudget(MEAN_MAX)]
  if (contestants.includes(MIMALLOC)) budgets.push({ ...ratioBudget(MEAN_OF_MIMALLOC_MAX), against: MIMALLOC })
  return judge({ workload: MEAN, unit: 'replace', peer: DLMALLOC, figures }, budgets)
}

function meansOf(samples: readonly (readonly number[])[]): Spread {
  const rounds = Math.min(...samples.map(({ length }) => length))
  return spread(
    Array.from({ length: rounds }, (_, round) => {
      const logs = samples.map((row) => Math.log(row[round] as number))
      return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)
    }),
  )
}

// ---- what linking adds ----------------------------------------------------------------------------------------------

const ADDED_MAX_BYTES = 6_000
/** Allocates and frees, through functions that it imports. */
const IMPORTING = `#include <stddef.h>
__attribute__((import_module("env"), import_name("malloc"))) void *obtain(size_t);
__attribute__((import_module("env"), import_name("free"))) void release(void *);
__attribute__((export_name("one"))) void *one(size_t bytes) { return obtain(bytes); }
__attribute__((export_name("two"))) void two(void *block) { release(block); }
`
/** The same with the C library's. */
const CONTAINING = `#include <stdlib.h>
__attribute__((export_name("one"))) void *one(size_t bytes) { return malloc(bytes); }
__attribute__((export_name("two"))) void two(void *block) { free(block); }
`

const size: Group = {
  id: 'guests size',
  section: 'Bytes that an allocator adds to a module which calls malloc and free',
  exact: true,
  run: async () => {
    if (whyNoGuests !== undefined) return whyNoGuests
    const flags = [...REACTOR, '-Wl,--strip-all']
    const without = compileGuest(IMPORTING, { flags })
    const added = (bytes: Uint8Array) => bytes.length - without.length
    const figures: Figures[] = [
      { contestant: DLMALLOC, bytes: added(compileGuest(CONTAINING, { flags })) },
      { contestant: LINKED, bytes: added(await link(without)) },
    ]
    const budgets: Budget[] = [{ contestant: LINKED, measure: 'bytes', max: ADDED_MAX_BYTES }]
    return [judge({ workload: 'malloc and free', unit: 'byte', peer: DLMALLOC, figures }, budgets)]
  },
}

// ---- SQLite ---------------------------------------------------------------------------------------------------------

const CHECKED = 'heapwright check'
const SQL_ROWS = 20_000
const SQL = [
  'CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, part BLOB, price REAL)',
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SQL_ROWS})
   INSERT INTO item SELECT i, printf('item %d of %s', i, hex(i * 7919)), zeroblob(i % 300), i * 0.25 FROM n`,
  'CREATE INDEX by_name ON item(name)',
  'UPDATE item SET name = name || name, part = zeroblob(length(part) + 40) WHERE id % 3 = 0',
  'DELETE FROM item WHERE id % 5 = 0',
  'SELECT id % 7, count(*), sum(length(name)), sum(length(part)), max(name) FROM item GROUP BY 1 ORDER BY 1',
  'SELECT a.name FROM item a JOIN item b ON b.name = a.name WHERE a.id < 40 ORDER BY a.name DESC',
  'SELECT group_concat(name) FROM (SELECT name FROM item WHERE id % 11 = 0 ORDER BY name) GROUP BY length(name)',
]

/** What a run has written, where, and the memory that it ended with. */
interface SqlRun {
  readonly seconds: number
  readonly peakBytes: number
}

/** Runs the statements; their output goes to `file`. */
async function runSql(module: WebAssembly.Module, file: string): Promise<SqlRun> {
  const stdout = openSync(file, 'w')
  try {
    const streams = { stdin: 0, stdout, stderr: 2 }
    const wasi = await makeWasi(WASI, {
      args: ['sqlite', ...SQL],
      env: {},
      preopens: {},
      ...streams,
    })
    const { exports } = new WebAssembly.Instance(module, { [WASI]: wasi.imports })
    const memory = exports.memory as WebAssembly.Memory
    const initialBytes = memory.buffer.byteLength
    let exitCode = 0
    const seconds = timed(() => {
      exitCode = wasi.start(exports._start as WebAssembly.ExportValue, memory)
    })
    if (exitCode !== 0) throw new Error(`SQLite has ended with ${exitCode}`)
    return { seconds, peakBytes: memory.buffer.byteLength - initialBytes }
  } finally {
    closeSync(stdout)
  }
}

/** An entrant whose operation is a run of all statements. */
function sqlEntrant(contestant: string, run: () => Promise<SqlRun>): Entrant {
  let peakBytes = 0
  return {
    contestant,
    run: async (operations) => {
      let seconds = 0
      for (let i = 0; i < operations; i++) {
        const one = await run()
        seconds += one.seconds
        peakBytes = Math.max(peakBytes, one.peakBytes)
      }
      return seconds
    },
    end: () => (peakBytes > 0 ? { peakBytes } : {}),
  }
}

async function runChecked(bytes: Uint8Array, file: string): Promise<SqlRun> {
  const stdout = openSync(file, 'w')
  try {
    const { exitCode, timeMs, isFaulty } = await checkModule(bytes, { args: SQL, stdout })
    if (exitCode !== 0 || isFaulty) throw new Error(`SQLite has ended with ${exitCode} under check, or has faults`)
    return { seconds: timeMs / 1000, peakBytes: 0 }
  } finally {
    closeSync(stdout)
  }
}

const sqlite: Group = {
  id: 'guests sqlite',
  section: 'SQLite in WebAssembly, the same SQL (peak: growth of its memory)',
  run: async ({ rounds }) => {
    if (whyNoGuests !== undefined) return whyNoGuests
    const own = compileGuest('sqlite')
    const directory = mkdtempSync(join(tmpdir(), 'heapwright-bench-'))
    try {
      const files = [DLMALLOC, LINKED, CHECKED].map((_, i) => join(directory, `${i}.txt`)) as [string, string, string]
      const [ownModule, linkedModule] = [own, await link(own)].map(
        (bytes) => new WebAssembly.Module(bytes as BufferSource),
      )
      const entrants = [
        sqlEntrant(DLMALLOC, () => runSql(ownModule as WebAssembly.Module, files[0])),
        sqlEntrant(LINKED, () => runSql(linkedModule as WebAssembly.Module, files[1])),
        sqlEntrant(CHECKED, () => runChecked(own, files[2])),
      ]
      const warmUp = async (entrant: Entrant) => void (await entrant.run(1))
      const figures = await takeTurns(entrants, DLMALLOC, { rounds, operations: 1, warmUp })
      expectSameOutput(files)
      const workload = `${SQL.length} statements, ${SQL_ROWS.toLocaleString('en-US')} rows`
      return [judge({ workload, unit: 'run', peer: DLMALLOC, figures }, [])]
    } finally {
      rmSync(directory, { recursive: true })
    }
  },
}

function expectSameOutput(files: readonly string[]): void {
  const [first, ...others] = files.map((file) => readFileSync(file))
  if (!first || first.length < 1_000) throw new Error('SQLite has printed nothing')
  if (!others.every((other) => other.equals(first))) throw new Error('SQLite has not printed the same on every heap')
}

export const guestGroups: readonly Group[] = [churn, sqlite, size]

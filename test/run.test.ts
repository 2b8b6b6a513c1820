/**
 * `runModule` on real programs: they print and end as under plain `node:wasi` with the allocator that they came with,
 * which is the oracle; limits reach them as null pointers; figures of the heap are what the programs did. A failure
 * means that a program behaves differently on a heap, or that what is said of its memory is wrong.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../src/errors.js'
import { linkModule } from '../src/guest/link.js'
import type { RunMode } from '../src/guest/run-modes.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { runCaptured } from './support/run-guest.js'
import { runPlainly } from './support/wasi.js'

const MIB = 2 ** 20

/** Takes one block of 1,000 bytes, and does with it what is said. */
const withBlock = (statement: string) =>
  compileGuest(`#include <stdlib.h>
#include <string.h>
static char *volatile block;
int main(void) {
  block = malloc(1000);
  ${statement}
  return 0;
}
`)

describe.skipIf(isWithoutClang)('a program on a heap', () => {
  it.each(['family', 'hello', 'strings', 'tree', 'ladder', 'sort', 'still'])(
    '%s prints what it prints',
    async (name) => {
      for (const flags of [[], ['-O0'], ['-Wl,--import-memory']]) {
        const bytes = compileGuest(name, { flags })
        const plain = flags.includes('-Wl,--import-memory') ? runPlainly(compileGuest(name)) : runPlainly(bytes)
        const run = await runCaptured(bytes)
        expect({ code: run.exitCode, output: run.output }, `${name} ${flags}`).toEqual(plain)
        expect(run.trap).toBeUndefined()
        expect(run.allocator.source).toBe(name === 'still' ? 'own' : 'replaced')
        expect(run.memory.heap?.fault).toBeUndefined()
        expect(run.memory.heap?.badFrees ?? 0).toBe(0)
        if (name !== 'still') expect(run.heap?.verify()).toEqual({ ok: true })
      }
    },
  )

  it('has its arguments, its name, its environment and its input', async () => {
    const bytes = compileGuest('hello')
    const options = { args: ['stdin', '--help', '-x', '', 'ä'], env: { GUEST_VALUE: 'a=b c' }, input: 'one\ntwo\n' }
    const run = await runCaptured(bytes, { ...options, name: 'program' })
    expect(run.output).toBe(runPlainly(bytes, options.args, options).output)
    expect(run.output).toContain('argument 2: --help\nargument 3: -x\nargument 4: \nargument 5: ä\n')
    expect(run.output).toContain('GUEST_VALUE: a=b c\none\ntwo\n')
    expect(run.errors).toBe('hello on standard error\n')
    expect(run.name).toBe('program')
  })

  it('opens directories that it was given, and no others', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'heapwright-guest-'))
    try {
      writeFileSync(join(directory, 'input.txt'), 'a\nb\nc\n')
      const bytes = compileGuest('files')
      const run = await runCaptured(bytes, { args: ['/data'], preopens: { '/data': directory } })
      expect(run).toMatchObject({ exitCode: 0, output: '3 lines\n' })
      expect(readFileSync(join(directory, 'output.txt'), 'utf8')).toBe('c\nb\na\n')
      expect(await runCaptured(bytes, { args: ['/data'] })).toMatchObject({ exitCode: 2 })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('is given null at the limit, and the report says so', async () => {
    const bytes = compileGuest('hog')
    const run = await runCaptured(bytes, { args: ['100000', '1000'], limit: '1MiB' })
    expect(run.exitCode).toBe(0)
    const [, got = ''] = /^refused after (\d+) blocks, 0 damaged\n$/.exec(run.output) ?? []
    const heap = run.memory.heap
    expect(Number(got)).toBeGreaterThan(0.7 * (MIB / 1000))
    expect(Number(got)).toBeLessThan(MIB / 1000)
    expect(heap).toMatchObject({ limitBytes: MIB, refusedRequests: 1, refusedLargestBytes: 1000 })
    // What is left is the C library's own.
    expect(heap?.liveBytes).toBeLessThan(1000)
    expect(heap?.committedPeakBytes).toBeLessThanOrEqual(MIB)
    expect(heap?.livePeakBytes).toBeGreaterThanOrEqual(Number(got) * 1000)
  })

  it('has all of the memory without a limit, up to the maximum that it declares', async () => {
    const [wanted, size] = [300, 100_000]
    const run = await runCaptured(compileGuest('hog'), { args: [`${wanted}`, `${size}`] })
    expect(run.output).toBe(`done after ${wanted} blocks, 0 damaged\n`)
    expect(run.memory.memoryBytes).toBeGreaterThan(wanted * size)
    const bounded = compileGuest('hog', { flags: [`-Wl,--max-memory=${4 * MIB}`] })
    const refused = await runCaptured(bounded, { args: [`${wanted}`, `${size}`] })
    expect(refused.output).toMatch(/^refused after 3\d blocks, 0 damaged\n$/)
    expect(refused.memory.memoryBytes).toBeLessThanOrEqual(4 * MIB)
    expect(refused.memory.heap?.refusedRequests).toBe(1)
  })

  it('leaves blocks, which are counted and can be looked at', async () => {
    const { heap, memory, output } = await runCaptured(compileGuest('hog'), { args: ['70', '5000', 'keep'] })
    expect(output).toBe('done after 70 blocks, 0 damaged\n')
    const blocks = [...(heap?.blocks() ?? [])].filter(({ usableBytes }) => usableBytes >= 5000)
    expect(blocks).toHaveLength(70)
    expect(memory.heap?.liveBlocks).toBeGreaterThanOrEqual(70)
    expect(memory.heap?.liveBytes).toBeGreaterThanOrEqual(70 * 5000)
    heap?.close()
  })

  it('frees what is no block, which is counted and ignored', async () => {
    const run = await runCaptured(withBlock('free(block); free(block); free((void *)12345);'))
    expect(run).toMatchObject({ exitCode: 0, memory: { heap: { badFrees: 2, fault: undefined } } })
  })

  it('may overwrite the heap, which is found', async () => {
    const run = await runCaptured(withBlock('memset((void *)((unsigned)block & ~65535u), 0xff, 65536);'))
    expect(run.exitCode).toBe(0)
    expect(run.memory.damage ?? run.memory.heap?.fault).toBeTypeOf('string')
    if (run.memory.damage !== undefined) expect(run.heap).toBeUndefined()
  })
})

describe.skipIf(isWithoutClang)('a linked program', () => {
  it('runs as it is, with the limit that it was linked with', async () => {
    const { bytes } = await linkModule(compileGuest('hog'), { limit: '1MiB' })
    const run = await runCaptured(bytes, { args: ['100000', '1000'] })
    expect(run).toMatchObject({ exitCode: 0, allocator: { source: 'linked', functions: [] } })
    expect(run.output).toMatch(/^refused after [78]\d\d blocks, 0 damaged\n$/)
    expect(run.memory.heap).toMatchObject({ limitBytes: MIB, refusedRequests: 1, refusedLargestBytes: 1000 })
    expect(run.heap?.verify()).toEqual({ ok: true })
  })

  it('may be given another limit, but none that is broken already', async () => {
    const { bytes } = await linkModule(compileGuest('hog'))
    const run = await runCaptured(bytes, { args: ['100000', '1000'], limit: 2 * MIB })
    expect(run.memory.heap).toMatchObject({ limitBytes: 2 * MIB, refusedRequests: 1 })
    expect(run.memory.heap?.committedPeakBytes).toBeLessThanOrEqual(2 * MIB)
    await expect(runCaptured(bytes, { limit: '100KiB' })).rejects.toThrow(/`limit` must be at least \d+ bytes, which/)
    await expect(runCaptured(bytes, { mode: 'vm' })).rejects.toThrow(/the mode of a linked module/)
  })
})

/** Makes a list of 1,000 objects 200 times, and keeps none. */
const OBJECTS = `#include "heapwright.h"
#include <stdio.h>
struct pair { struct pair *rest; int number; };
struct frame { struct pair *list; };
int main(void) {
  hw_type type = hw_struct_type("pair", sizeof(struct pair), HW_REF(struct pair, rest));
  for (int round = 0; round < 200; round++) {
    HW_FRAME(struct frame, f);
    if (!f) return 2;
    for (int i = 0; i < 1000; i++) {
      struct pair *pair = HW_NEW(struct pair, type);
      if (!pair) return 3;
      HW_SET(pair, rest, f->list);
      pair->number = i;
      f->list = pair;
    }
    hw_leave(f);
  }
  hw_collect(HW_COLLECT_FULL);
  printf("done\\n");
  return 0;
}
`

describe.skipIf(isWithoutClang)('a program with objects', () => {
  it.each([undefined, 'vm', 'runtime', 'server'] as const)('in mode %s has them collected', async (mode) => {
    const run = await runCaptured(compileGuest(OBJECTS), mode === undefined ? {} : { mode })
    expect(run).toMatchObject({ exitCode: 0, output: 'done\n', mode: mode ?? 'vm', trap: undefined })
    expect(run.allocator.functions).toContain('hw_collect')
    expect(run.memory.heap?.objects?.collections).toBeGreaterThan(0)
    expect(run.memory.heap?.objects?.liveObjects).toBe(0)
  })
})

describe.skipIf(isWithoutClang)('the end of a program', () => {
  const exits = () => compileGuest('exits')

  it.each([
    ['code', 0],
    ['code', 77],
    ['return', 3],
    ['return', 255],
  ])('%s %i is its exit code', async (way, number) => {
    const run = await runCaptured(exits(), { args: [way, `${number}`] })
    expect(run).toMatchObject({ exitCode: number, trap: undefined, output: 'before\n' })
    expect(runPlainly(exits(), [way, `${number}`])).toEqual({ code: number, output: 'before\n' })
    expect(run.memory.heap?.liveBytes).toBeGreaterThanOrEqual(1000)
  })

  it.each([
    ['trap', 'unreachable', ['main']],
    ['abort', 'unreachable', ['abort', 'main']],
    ['divide', 'divide by zero', ['main']],
  ])('%s is a trap with the functions that ran', async (way, message, names) => {
    const run = await runCaptured(exits(), { args: [way] })
    expect(() => runPlainly(exits(), [way])).toThrow(WebAssembly.RuntimeError)
    expect(run.exitCode).toBe(134)
    expect(run.trap?.message).toBe(message)
    expect(run.trap?.frames.slice(0, names.length).map(({ name }) => name)).toEqual(names)
    expect(run.trap?.frames.at(-1)?.name).toMatch(/^_start/)
    expect(run.output).toBe('before\n')
    expect(run.memory.heap?.liveBytes).toBeGreaterThanOrEqual(1000)
  })

  it('tells each call of a trap inside calls, and of a stack that overflows the last', async () => {
    const fall = await runCaptured(exits(), { args: ['fall', '4'] })
    expect(fall.trap?.frames.slice(0, 6).map(({ name }) => name)).toEqual([...Array(5).fill('fallInto'), 'main'])
    const overflow = await runCaptured(exits(), { args: ['overflow'] })
    expect(overflow.exitCode).toBe(134)
    expect(overflow.trap?.message).toMatch(/stack/)
    expect(new Set(overflow.trap?.frames.map(({ name }) => name))).toEqual(new Set(['recurseForever']))
    expect(overflow.trap?.frames.length).toBeGreaterThan(10)
  })

  it('leaves the depth of errors as it was', async () => {
    const before = Error.stackTraceLimit
    await runCaptured(exits(), { args: ['trap'] })
    expect(Error.stackTraceLimit).toBe(before)
  })
})

describe.skipIf(isWithoutClang)('what is refused before it runs', () => {
  const reject = (bytes: Uint8Array, options = {}) => expect(runCaptured(bytes, options)).rejects

  it('a library, and what is no program', async () => {
    const reactor = compileGuest('int add(int a, int b) { return a + b; }', {
      flags: ['-mexec-model=reactor', '-Wl,--export=add'],
    })
    await reject(reactor).toThrow(/a library \(a reactor\).*_initialize.*functions: .*add/)
    const bare = compileGuest('int add(int a, int b) { return a + b; }', {
      flags: ['-nostdlib', '-Wl,--no-entry,--export=add'],
    })
    await reject(bare).toThrow('it is no program for WASI: it exports no function _start to be run; its functions: add')
  })

  it('imports that nobody provides, each by its name', async () => {
    const bytes = compileGuest(
      `__attribute__((import_module("game"), import_name("draw"))) void draw(int);
       __attribute__((import_module("env"), import_name("now"))) double now(void);
       int main(void) { draw((int)now()); return 0; }`,
    )
    await reject(bytes).toThrow(
      /^imports: it imports what nobody provides: (game\.draw, env\.now|env\.now, game\.draw)\./,
    )
  })

  it('a limit of an allocator that cannot be found', async () => {
    const bytes = compileGuest('tree', { flags: ['-Wl,--strip-all'] })
    await reject(bytes, { limit: '1MiB' }).toThrow(/no allocator was found .* grow by itself.*--strip-all/)
    const run = await runCaptured(bytes)
    expect(run).toMatchObject({ exitCode: 0, allocator: { source: 'own', functions: [] }, heap: undefined })
    // There is nothing that a limit could be about.
    const still = compileGuest('still', { flags: ['-Wl,--strip-all'] })
    expect(await runCaptured(still, { limit: '1MiB' })).toMatchObject({ exitCode: 0, output: 'still\n' })
    expect(run.output).toBe(runPlainly(bytes).output)
  })

  it('limits that no heap can have', async () => {
    const bytes = compileGuest('hello')
    await reject(bytes, { limit: 1000 }).toThrow(/`limit` must be at least \d+ bytes; got 1000/)
    await reject(bytes, { limit: '5GiB' }).toThrow(/`limit` must be at most 4294901760 bytes/)
    await reject(bytes, { limit: '64M' }).toThrow(ArgumentError)
  })

  it('modes that programs cannot have, and options that are none', async () => {
    const bytes = compileGuest('hello')
    await reject(bytes, { mode: 'compiler' }).toThrow(/one of manual, vm, runtime, server.*programs free/)
    await reject(bytes, { mode: 'embedded' }).toThrow(/never grows/)
    await reject(bytes, { mode: 'other' as RunMode }).toThrow(/one of manual, vm, runtime, server; got "other"/)
    await reject(bytes, { arguments: [] }).toThrow(/an object of these: args/)
    expect(await runCaptured(bytes, { mode: 'vm' })).toMatchObject({ exitCode: 0, mode: 'manual' })
  })
})

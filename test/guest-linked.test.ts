/**
 * Goal: programs with collected objects run when the kernel has been linked into them: those of the tests, the
 * examples, and those in docs/guest-programs.md, as they say they are built.
 * Method: compiled by clang or asc, linked by the library, run by nothing but Node; what they print or answer is
 * compared, and the heap found in their memory is verified by the library.
 * A failure means: the header or the binding needs something of the linker that it does not do, or a document is wrong.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { linkModule } from '../src/guest/index.js'
import { Heap } from '../src/index.js'
import { compileAssembly } from './support/assembly-guests.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { GUEST_MODES, type GuestFunctions, type GuestMode } from './support/joined-guests.js'
import { runPlainly } from './support/wasi.js'

const LINK_MS = 60_000
const MODES = Object.keys(GUEST_MODES) as GuestMode[]
const LIBRARY = ['-nostartfiles', '-Wl,--no-entry']

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

interface Linked {
  readonly functions: GuestFunctions
  heap(): Heap
}

/** Without imports: there is nothing to give to it. */
function instance(bytes: Uint8Array): Linked {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource))
  const { memory, heapwright_heap: at } = exports as { memory: WebAssembly.Memory; heapwright_heap: () => number }
  return { functions: exports as unknown as GuestFunctions, heap: () => Heap.attach(memory, at() >>> 0) }
}

describe.skipIf(isWithoutClang)('a linked C program', () => {
  let guest: Uint8Array
  beforeAll(() => {
    guest = compileGuest('objects', { flags: LIBRARY })
  }, LINK_MS)

  it.each(MODES)(
    'has its objects in mode %s, whatever it asks for',
    async (mode) => {
      const { bytes } = await linkModule(guest, { mode, limit: '32MiB' })
      const { functions, heap } = instance(bytes)
      expect(functions.begin?.(GUEST_MODES.vm)).toBe(0)
      for (const name of ['pins', 'roots', 'weaks', 'finalizers', 'shapes', 'blocks', 'misuse']) {
        expect([name, functions[name]?.()]).toEqual([name, 0])
      }
      expect(functions.rings?.(5000)).toBe(0)
      expect(functions.fill?.(600_000)).toBe(0)
      expect(functions.live_objects?.()).toBeLessThan(20)
      const own = heap()
      expect([own.mode, own.verify().ok, own.stats().limitBytes]).toEqual([mode, true, 32 << 20])
    },
    LINK_MS,
  )

  it(
    'that is the interpreter of the examples prints what its lists come to',
    async () => {
      const { bytes } = await linkModule(
        compileGuest(read('examples/guests/lists.c'), { flags: ['-Wl,-z,stack-size=1048576'] }),
        {
          mode: 'runtime',
          limit: '8MiB',
        },
      )
      const input = `
      (define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
      (fib 18)
      (define down (lambda (n) (if (< n 1) (quote ()) (cons n (down (- n 1))))))
      (down 12)
      (define sum (lambda (list total) (if list (sum (rest list) (+ total (head list))) total)))
      (sum (down 300) -50)
      (quote (a (b -7) ()))`
      const expected = ['fib', '2584', 'down', '(12 11 10 9 8 7 6 5 4 3 2 1)', 'sum', '45100', '(a (b -7) ())', '']
      expect(runPlainly(bytes, [], { input })).toEqual({ code: 0, output: expected.join('\n') })
      expect(runPlainly(bytes, [], { input: '(unknown 1)' }).code).toBe(1)
      const endless = '(define grow (lambda (list) (grow (cons 1 list)))) (grow (quote ()))'
      expect(runPlainly(bytes, [], { input: endless }).code).toBe(1)
    },
    LINK_MS,
  )

  it(
    'that is in the documentation prints what it says',
    async () => {
      const programs = [...read('docs/guest-programs.md').matchAll(/```c\n(#include[\s\S]*?)```/g)]
      const results: string[] = []
      for (const [, program = ''] of programs) {
        const [, said = ''] = /printf.*\/\/ (.*)/.exec(program) ?? []
        results.push(said)
        const { bytes } = await linkModule(compileGuest(program))
        expect(runPlainly(bytes).output).toBe(`${said}\n`)
      }
      expect(results).toEqual(['55', '4950'])
    },
    LINK_MS,
  )
})

describe('a linked AssemblyScript program', () => {
  it(
    'that is in the documentation sums its list',
    async () => {
      const [, program = ''] = /```ts\n(\/\/ compiled by asc[\s\S]*?)```/.exec(read('docs/guest-programs.md')) ?? []
      const file = `test-output/documented-${process.pid}.ts`
      const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, program)
      try {
        const { bytes } = await linkModule(await compileAssembly(file, { ownMemory: true }))
        expect(instance(bytes).functions.run?.(1000)).toBe(500_500)
      } finally {
        rmSync(path)
      }
    },
    LINK_MS,
  )

  it(
    'that is the tree of the examples counts its numbers',
    async () => {
      const { bytes } = await linkModule(await compileAssembly('examples/guests/tree.ts', { ownMemory: true }))
      const { functions, heap } = instance(bytes)
      let key = 12345
      let seen = new Set<number>()
      for (let i = 0; i < 10 * 5000; i++) {
        if (i % 5000 === 0) seen = new Set()
        key = (Math.imul(key, 1664525) + 1013904223) >>> 0
        seen.add(key >>> 12)
      }
      expect(functions.run?.(5000)).toBe(seen.size)
      expect(functions.run?.(5000)).toBe(seen.size)
      expect([heap().mode, heap().verify().ok]).toEqual(['runtime', true])
    },
    LINK_MS,
  )
})

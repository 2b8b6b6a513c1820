/**
 * Goal: the Scheme of `examples/scheme` is the language of R7RS small, as far as it says so, in every mode and in 32 kB.
 * Method: the files in `test/scheme` have forms, each with what it prints (`;=>`) or how it fails (`;!!`), after the
 * sections of the report. Each runs in one session, in `embedded` with 32 kB, in the other modes, and with a collection
 * that moves everything at every allocation; the heap is verified after each. What needs room or time, the programs of
 * the example, and the command itself have tests of their own.
 * A failure means that the language is wrong, or that it, or the heap below it, loses track of an object that moves.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SchemeError, SchemeExit } from '../examples/scheme/errors.js'
import { Scheme, type SchemeOptions } from '../examples/scheme/interpreter.js'
import { SCHEME_MODES } from '../examples/scheme/memory.js'
import { isExactInteger, parseNumber } from '../examples/scheme/number-text.js'

const FILES = fileURLToPath(new URL('scheme/', import.meta.url))
const PROGRAMS = fileURLToPath(new URL('../examples/scheme/programs/', import.meta.url))
const names = (directory: string) => readdirSync(directory).filter((name) => name.endsWith('.scm'))

/** A form, its place in the file, and what is said of it; without that it only has to run. */
interface Case {
  readonly text: string
  readonly line: number
  readonly says?: '=>' | '!!' | '~>'
  readonly what?: string
}

/** Forms of a file: a directive is about the form before it. */
function casesOf(scheme: Scheme, text: string): Case[] {
  const cases: Case[] = []
  let form = ''
  text.split('\n').forEach((line, i) => {
    const [, says, what] = /^;(=>|!!|~>) ?(.*)$/.exec(line) ?? []
    // What is never closed is complete when something is said of it.
    if (says !== undefined) {
      const last: Case = form === '' ? (cases.pop() as Case) : { text: form, line: i }
      cases.push({ ...last, says: says as '=>', what: what as string })
      form = ''
    } else if (form !== '' || (line.trim() !== '' && !line.startsWith('; '))) {
      form += `${line}\n`
      if (scheme.isIncomplete(form)) return
      cases.push({ text: form, line: i + 1 })
      form = ''
    }
  })
  return cases
}

function outcome(scheme: Scheme, text: string): string {
  try {
    return scheme.run(text) ?? ''
  } catch (error) {
    if (error instanceof SchemeError) return `error ${error.message}`
    throw error
  }
}

function runFile(name: string, options: SchemeOptions): void {
  const scheme = new Scheme(options)
  const cases = casesOf(scheme, readFileSync(FILES + name, 'utf8'))
  let told = 0
  for (const { text, line, says, what = '' } of cases) {
    const found = outcome(scheme, text)
    const place = `${name}:${line} ${text}`
    if (says === '=>') expect(found, place).toBe(what)
    else if (says === '~>') expect(what.split('|'), place).toContain(found)
    else if (says === '!!') expect(found.slice(0, 6) + what, place).toBe(found.includes(what) ? `error ${what}` : found)
    else expect(found, place).not.toMatch(/^error/)
    if (says) told++
  }
  expect(told).toBeGreaterThan(5)
  expect(scheme.memory.heap.verify()).toEqual({ ok: true })
  scheme.close()
}

/** A new Scheme whose printed text is kept. */
function session(options: SchemeOptions = {}) {
  let printed = ''
  const scheme = new Scheme({
    ...options,
    print: (text) => {
      printed += text
    },
  })
  return { scheme, printed: () => printed }
}

describe.each(SCHEME_MODES)('conformance, in %s', (mode) => {
  it.each(names(FILES))('%s', (name) => runFile(name, { mode }))
})

describe.each(SCHEME_MODES)('conformance, with a collection at every allocation, in %s', (mode) => {
  // Filling a stack of the other modes takes a while then.
  const limit = mode === 'embedded' ? '48kB' : '1MiB'
  it.each(names(FILES))('%s', (name) => runFile(name, { mode, limit, stress: true, stackSlots: 1000 }))
})

describe.each(SCHEME_MODES)('programs, in %s', (mode) => {
  it.each(names(PROGRAMS))('%s', (name) => {
    const { scheme, printed } = session({ mode })
    scheme.run(readFileSync(PROGRAMS + name, 'utf8'))
    expect(printed()).toBe(readFileSync(PROGRAMS + name.replace(/scm$/, 'expected'), 'utf8'))
    expect(scheme.memory.heap.verify()).toEqual({ ok: true })
    scheme.close()
  })
})

describe('in 32 kB', () => {
  const small = () => session({ mode: 'embedded', limit: '32kB' })

  it('leaves most of the memory to the program', () => {
    const { scheme } = small()
    scheme.memory.collect()
    const { liveObjectBytes, freeBytes, unusedBytes } = scheme.memory.heap.stats()
    expect(liveObjectBytes).toBeLessThan(1024)
    expect(freeBytes + unusedBytes).toBeGreaterThan(22_000)
  })

  it('a million tail calls need no room, between procedures, through apply, and in handlers', () => {
    const { scheme } = small()
    scheme.run('(define (ping n) (if (= n 0) (quote done) (pong (- n 1)))) (define (pong n) (ping n))')
    expect(scheme.run('(ping 1000000)')).toBe('done')
    scheme.run('(define (spread n . rest) (if (= n 0) rest (apply spread (- n 1) (list n))))')
    expect(scheme.run('(spread 100000)')).toBe('(1)')
    scheme.run('(define (rounds n) (cond ((= n 0) 0) (else (guard (e (#t #f)) (raise n)) (rounds (- n 1)))))')
    expect(scheme.run('(rounds 20000)')).toBe('0')
    scheme.run('(define (jumps n) (if (= n 0) 0 (begin (call/cc (lambda (k) (k n))) (jumps (- n 1)))))')
    expect(scheme.run('(jumps 20000)')).toBe('0')
  })

  it('100 MB of garbage go through', () => {
    const { scheme } = small()
    const bytes = 1000 * 4 * 25_000
    expect(bytes).toBe(100e6)
    scheme.run('(define (waste n) (if (= n 0) (quote done) (begin (make-vector 1000 n) (waste (- n 1)))))')
    expect(scheme.run('(waste 25000)')).toBe('done')
    expect(scheme.memory.heap.stats().collections).toBeGreaterThan(100)
    expect(scheme.memory.heap.verify()).toEqual({ ok: true })
  })

  it('a session survives whatever is typed', () => {
    const { scheme } = small()
    for (const text of ['(car 5)', '(', ')', '(let loop () (cons 1 (loop)))', '(make-vector 100000)', '(raise 1)']) {
      expect(outcome(scheme, text)).toMatch(/^error/)
      expect(scheme.memory.heap.verify()).toEqual({ ok: true })
    }
    expect(scheme.run('(define x (list 1 2)) (map (lambda (i) (* i i)) x)')).toBe('(1 4)')
  })

  it('a program that is too large is an error, not an end', () => {
    const { scheme } = small()
    const big = `(define (big) (list ${Array.from(
      { length: 60 },
      (_, i) => `(quote ${'(1 2 3 4 5 6 7 8 9 10)'.repeat(4).replace(/\)\(/g, ' ')}) (list ${i})`,
    )
      .slice(0, 20)
      .join(' ')}))`
    for (let i = 0; i < 20; i++) {
      const found = outcome(scheme, big.replace('(big)', `(big${i})`))
      if (found !== '') {
        expect(found).toContain('out of memory')
        expect(scheme.run('(+ 1 2)')).toBe('3')
        return
      }
    }
    expect.fail('it fits')
  })
})

describe.each(SCHEME_MODES)('out of memory, in %s', (mode) => {
  const limit = mode === 'embedded' ? '32kB' : '1MiB'
  const fill = '(define (fill) (let loop ((all (quote ()))) (loop (cons (make-vector 10 all) all))))'

  it('can be caught, and the program goes on', () => {
    const { scheme } = session({ mode, limit })
    scheme.run(fill)
    scheme.run('(define (try) (guard (e ((error-object? e) (error-object-message e))) (fill)))')
    for (let i = 0; i < 3; i++) expect(scheme.run('(try)')).toBe('"out of memory"')
    expect(scheme.run('(call/cc (lambda (k) (with-exception-handler (lambda (e) (k (quote handled))) fill)))')).toBe(
      'handled',
    )
    expect(scheme.run('(length (let loop ((i 0) (l (quote ()))) (if (= i 300) l (loop (+ i 1) (cons i l)))))')).toBe(
      '300',
    )
    scheme.memory.collect()
    expect(scheme.memory.heap.verify()).toEqual({ ok: true })
  })

  it('ends a program that does not catch it, with the place', () => {
    const { scheme } = session({ mode, limit })
    scheme.run(fill)
    expect(() => scheme.run('(fill)')).toThrow(/^\d+:\d+: out of memory$/)
    expect(scheme.run('(+ 1 2)')).toBe('3')
  })

  it('strings, floats and tables say so, too', () => {
    for (const grow of [
      '(let loop ((s "0123456789")) (loop (string-append s s)))',
      '(let loop ((l (quote ())) (x 1.5)) (loop (cons x l) (* x 1.0)))',
      '(let ((t (make-eqv-hash-table))) (let loop ((i 0)) (hash-table-set! t i 1.5) (loop (+ i 1))))',
      '(let loop ((l (quote ())) (i 0)) (loop (cons (string->symbol (number->string i)) l) (+ i 1)))',
    ]) {
      const { scheme } = session({ mode, limit })
      expect(scheme.run(`(guard (e ((error-object? e) (error-object-message e))) ${grow})`), grow).toBe(
        '"out of memory"',
      )
      expect(scheme.run('(+ 1 2)')).toBe('3')
      scheme.close()
    }
  })
})

describe('the machine', () => {
  it('continuations may outlive what they were caught in, while everything moves', () => {
    for (const mode of SCHEME_MODES) {
      const { scheme } = session({ mode, limit: mode === 'embedded' ? '48kB' : '1MiB', stress: true })
      scheme.run('(define k #f) (define seen (quote ()))')
      scheme.run(
        '(define (f a b) (let ((r (list a (call/cc (lambda (c) (set! k c) 1)) b))) (set! seen (cons r seen)) r))',
      )
      expect(scheme.run('(f "a" 1.5)')).toBe('("a" 1 1.5)')
      expect(scheme.run('(begin (collect-garbage) (if (< (length seen) 4) (k (length seen))) seen)')).toBe(
        '("a" 1 1.5)',
      )
      expect(scheme.run('(begin (k (list 7)) 0)')).toBe('("a" (7) 1.5)')
      expect(scheme.run('seen')).toBe('(("a" (7) 1.5) ("a" 1 1.5) ("a" 1 1.5))')
      scheme.close()
    }
  })

  it('sorts as JavaScript does', () => {
    const { scheme } = session({ mode: 'embedded' })
    let state = 20_261
    const random = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state % 1000
    }
    for (let round = 0; round < 20; round++) {
      const list = Array.from({ length: round * 3 }, random)
      const sorted = [...list].sort((a, b) => a - b)
      expect(scheme.run(`(sort '(${list.join(' ')}) <)`)).toBe(`(${sorted.join(' ')})`)
    }
  })

  it('calculates as JavaScript does, at the borders of what is exact', () => {
    const { scheme } = session()
    const borders = [0, 1, -1, 2, 7, -7, 32_767, 65_536, 2 ** 29, -(2 ** 29), 2 ** 30 - 1, -(2 ** 30), 46_341]
    const text = (value: number) => (isExactInteger(value + 0) ? String(value + 0) : undefined)
    for (const a of borders) {
      for (const b of borders) {
        for (const [sign, value] of [
          ['+', a + b],
          ['-', a - b],
          ['*', a * b],
        ] as const) {
          const found = scheme.run(`(let ((f ${sign})) (list (${sign} ${a} ${b}) (f ${a} ${b})))`) as string
          const [one, other] = found.slice(1, -1).split(' ')
          expect(one, `${sign} ${a} ${b}`).toBe(other)
          if (text(value) !== undefined) expect(one).toBe(text(value))
          else expect([parseNumber(one as string, 10)?.value, one?.includes('.')]).toEqual([value, true])
        }
      }
    }
  })

  it('an exit is no error', () => {
    const { scheme } = session()
    expect(() => scheme.run('(begin (exit 3) 5)')).toThrow(SchemeExit)
    expect(scheme.run('5')).toBe('5')
  })

  it('text that is nested deeply is refused, and data that is can be printed', () => {
    const { scheme } = session()
    expect(outcome(scheme, '('.repeat(10_000))).toMatch(/nested more than/)
    expect(outcome(scheme, `${"'".repeat(10_000)}a`)).toMatch(/nested more than/)
    scheme.run('(define deep (let loop ((i 0) (l (quote ()))) (if (= i 100000) l (loop (+ i 1) (list l)))))')
    expect(scheme.run('deep')).toHaveLength(200_002)
    expect(scheme.run('(equal? deep (list (car deep)))')).toBe('#t')
    expect(outcome(scheme, '(eval deep)')).toMatch(/nested too deeply/)
  })
})

describe('the command', () => {
  const command = (args: readonly string[], input = '') => {
    const main = fileURLToPath(new URL('../dist/examples/scheme/main.js', import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', input })
    return { status, stdout, stderr }
  }

  it('runs a file, and says what is wrong with it', () => {
    expect(command(['--mode', 'embedded', `${PROGRAMS}queens.scm`])).toMatchObject({ status: 0, stderr: '' })
    expect(command(['nowhere.scm']).status).toBe(2)
    expect(command(['--mode', 'fast']).status).toBe(2)
    expect(command(['--limit', '1kB', '--mode', 'embedded']).status).toBe(2)
    expect(command(['--help'])).toMatchObject({ status: 0, stderr: '' })
  })

  it('has a prompt that goes on after errors', () => {
    const { status, stdout, stderr } = command(['--stats'], '(define (f x)\n  (* x x))\n(f 5)\n(car 1)\n(f 6)\n')
    expect(stdout.split('\n').filter((line) => /^\d/.test(line))).toEqual(['25', '36'])
    expect(stderr).toMatch(/^1:1: not a pair 1\n/)
    expect(stderr.split('\n').length).toBeGreaterThan(5)
    expect(status).toBe(0)
    expect(command([], '(exit 7)\n').status).toBe(7)
  })
})

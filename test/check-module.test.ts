/**
 * Goal: what a check promises of any module: its options, its limits, its refusals, the shape of its report.
 * Method: modules written by hand, in the text format, whose every byte is known; no compiler is needed.
 * A failure means: a module is changed so that it does something else, or a user is told something wrong.
 */
import { describe, expect, it } from 'vitest'
import { ByteReader } from '../src/guest/byte-reader.js'
import { ByteWriter } from '../src/guest/byte-writer.js'
import { accessOf } from '../src/guest/check/accesses.js'
import { checkModule, formatCheckReport } from '../src/guest/check/index.js'
import { instrument } from '../src/guest/check/instrument.js'
import { planStack } from '../src/guest/check/stack-plan.js'
import { inspectModule } from '../src/guest/module.js'
import { assemble as assembleNamed } from './support/assemble.js'
import { brief } from './support/checked.js'
import { random as seeded } from './support/random.js'

/** Without a name section, as what was written by hand is. */
const assemble = (text: string) => assembleNamed(text, { hasNames: false })

const IMPORTS = `
  (import "heapwright" "malloc" (func $malloc (param i32) (result i32)))
  (import "heapwright" "free" (func $free (param i32)))`
const MEMORY = '(memory (export "memory") 1 200) (data (i32.const 1024) "data")'

/** A module whose `_start` does this, with an allocator that it imports. */
function program(start: string, more = ''): Uint8Array {
  return assemble(`(module ${IMPORTS} ${more} ${MEMORY}
    (func $make (param i32) (result i32) (call $malloc (local.get 0)))
    (func (export "_start") (local $p i32) (local $v i64) ${start}))`)
}

const LEAK = '(drop (call $make (i32.const 10)))'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 100_000)

describe('a module', () => {
  it('that imports its allocator is checked', async () => {
    const report = await checkModule(program(LEAK))
    expect(report).toMatchObject({ version: 1, name: 'guest', isPrecise: false, exitCode: 0, isFaulty: true })
    expect(report.leaks.definite).toEqual({ blocks: 1, bytes: 10 })
    expect(report.blocks).toMatchObject({ allocations: 1, frees: 0, allocatedBytes: 10, liveBytes: 10, peakBytes: 10 })
    const frames = report.faults[0]?.block?.allocated ?? []
    // Named by number where there is no name section, or by export.
    expect(frames.map(({ function: index }) => index)).toEqual([2, 3])
    expect(frames.map(({ name }) => name)).toEqual(['function 2', '_start'])
    // The call stands behind no locals (1 byte) and `local.get 0` (2 bytes).
    expect(frames[0]?.offsetInFunction).toBe(3)
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('that writes right past the end of a block is told so', async () => {
    const write = '(i32.store8 (i32.add (call $make (i32.const 10)) (i32.const 10)) (i32.const 1))'
    const text = formatCheckReport(await checkModule(program(write), { precise: true }))
    expect(text).toMatch(/write of 1 byte at 0x\w+, past the end of a block\n/)
    expect(text).toMatch(/ {2}right past the end of a live block of 10 bytes at/)
  })

  it('folds the equal frames of a recursion, and says that loads and stores were not checked', async () => {
    const fall = `(func $fall (param i32) (result i32)
      (if (result i32) (local.get 0)
        (then (call $fall (i32.sub (local.get 0) (i32.const 1)))) (else (call $malloc (i32.const 8)))))`
    const text = formatCheckReport(await checkModule(program('(drop (call $fall (i32.const 9)))', fall)))
    expect(text).toMatch(/ at function \d+\+0x\w+\n {4}at (function \d+\+0x\w+)\n {7}… 8 more times\n {4}at _start/)
    expect(text).not.toContain('(--precise does)')
    expect(formatCheckReport(await checkModule(program('')))).toContain(
      'faults: none; loads and stores were not checked (--precise does)',
    )
    expect(formatCheckReport(await checkModule(program(''), { precise: true }))).toMatch(/faults: none$/)
  })

  it('with collected objects is refused, and told why', async () => {
    const objects = assemble(`(module ${IMPORTS} (import "heapwright" "hw_new" (func (param i32) (result i32)))
      ${MEMORY} (func (export "_start")))`)
    await expect(checkModule(objects)).rejects.toThrow(
      /imports: it imports hw_ functions: collected objects cannot be checked/,
    )
  })

  it('keeps what globals and imported memory point to', async () => {
    const held = '(global.set $kept (call $make (i32.const 10)))'
    const global = '(global $kept (mut i32) (i32.const 0))'
    const report = await checkModule(program(held, global), { reachable: true })
    expect(brief(report)).toEqual(['still-reachable 1:  < function 2 < '])
    expect(report.isFaulty).toBe(false)
    const imported = assemble(`(module ${IMPORTS} (import "env" "memory" (memory 1 20))
      (func (export "_start") (i32.store (i32.const 64) (call $malloc (i32.const 10)))))`)
    expect((await checkModule(imported)).leaks.reachable).toEqual({ blocks: 1, bytes: 10 })
  })

  it('runs its start function once the checker is there, and the export that is wanted', async () => {
    const bytes = assemble(`(module ${IMPORTS} ${MEMORY} (start $begin)
      (func $begin (drop (call $malloc (i32.const 1))))
      (func (export "_initialize") (drop (call $malloc (i32.const 2))))
      (func (export "go") (drop (call $malloc (i32.const 4)))))`)
    expect((await checkModule(bytes, { invoke: 'go' })).leaks.definite).toEqual({ blocks: 3, bytes: 7 })
    await expect(checkModule(bytes)).rejects.toThrow(/no function '_start'/)
  })

  it('goes on where it grows its memory itself', async () => {
    const bytes = program(`(local.set $p (call $make (i32.const 100)))
      (i32.store (i32.mul (memory.grow (i32.const 2)) (i32.const 65536)) (local.get $p))
      (i32.store8 (call $make (i32.const 200000)) (i32.const 1))`)
    const report = await checkModule(bytes, { precise: true, reachable: true })
    expect(brief(report)).toEqual(['definitely-lost 1:  < function 2 < ', 'still-reachable 1:  < function 2 < '])
  })

  it('gets null when there is no memory, and its trap is reported', async () => {
    const bytes = program('(if (call $make (i32.const 400000)) (then unreachable))')
    expect((await checkModule(bytes, { limit: '256KiB' })).exitCode).toBe(0)
    const report = await checkModule(bytes)
    expect(report).toMatchObject({ exitCode: 134, trap: { message: 'unreachable' } })
    expect(report.trap?.stack.map(({ name }) => name)).toEqual(['_start'])
    expect(report.notes).toContainEqual(expect.stringContaining('trapped'))
  })

  it('may throw what nobody catches: blocks are looked for as after a trap', async () => {
    const report = await checkModule(program(`${LEAK} (throw $t)`, '(tag $t)'))
    expect(report).toMatchObject({ exitCode: 134, trap: { message: 'uncaught exception', stack: [] } })
    expect(report.leaks.definite).toEqual({ blocks: 1, bytes: 10 })
  })
})

describe('precise', () => {
  const at = '(local.set $p (call $make (i32.const 16)))'
  const done = '(call $free (local.get $p))'
  it.each([
    ['(i32.store8 offset=16 (local.get $p) (i32.const 1))', 'write-past-end'],
    ['(i64.store offset=12 (local.get $p) (i64.const 1))', 'write-past-end'],
    ['(drop (i64.atomic.rmw.add offset=16 (local.get $p) (i64.const 1)))', 'write-past-end'],
    ['(drop (i32.atomic.rmw.cmpxchg offset=20 (local.get $p) (i32.const 1) (i32.const 2)))', 'write-past-end'],
    ['(drop (f64.load offset=16 (local.get $p)))', 'read-past-end'],
    ['(drop (i32.load16_u (i32.sub (local.get $p) (i32.const 2))))', 'read-before'],
    ['(memory.fill (local.get $p) (i32.const 1) (i32.const 17))', 'write-past-end'],
    ['(memory.copy (i32.const 2048) (local.get $p) (i32.const 20))', 'read-past-end'],
    ['(memory.copy (local.get $p) (i32.const 2048) (i32.const 20))', 'write-past-end'],
    ['(drop (i32.load (i32.const 8)))', 'null-read'],
  ] as const)('%s is %s', async (code, kind) => {
    const report = await checkModule(program(`${at} ${code} ${done}`), { precise: true })
    expect(brief(report)).toEqual([expect.stringMatching(`^${kind} 1: _start`)])
    expect(report.faults[0]?.foundAt).toBe('access')
  })

  it.each([
    '(i64.store offset=8 (local.get $p) (i64.const -1))',
    '(drop (i64.load offset=1 (local.get $p)))',
    '(memory.fill (local.get $p) (i32.const 1) (i32.const 16))',
    '(memory.copy (local.get $p) (i32.const 1024) (i32.const 0))',
    '(drop (i64.atomic.rmw.xchg offset=8 (local.get $p) (i64.const 1)))',
    '(f32.store offset=12 (local.get $p) (f32.const 1))',
  ])('%s is right', async (code) => {
    expect(brief(await checkModule(program(`${at} ${code} ${done}`), { precise: true }))).toEqual([])
  })

  it('leaves what the program computes as it is', async () => {
    // Traps unless each operand comes through what was put in front of the access.
    const bytes = program(
      `${at}
      (i64.store (local.get $p) (i64.const 0x1122334455667788))
      (local.set $v (i64.atomic.rmw.cmpxchg (local.get $p) (i64.const 0x1122334455667788) (i64.const 7)))
      (if (i64.ne (local.get $v) (i64.const 0x1122334455667788)) (then unreachable))
      (memory.fill offset (local.get $p) (i32.const 9) (i32.const 3))
      (if (i64.ne (i64.load (local.get $p)) (i64.const 0x090909)) (then unreachable)) ${done}`.replace(' offset', ''),
    )
    expect(await checkModule(bytes, { precise: true })).toMatchObject({ exitCode: 0, isFaulty: false })
  })

  it('knows how many bytes each instruction touches', () => {
    expect(accessOf(0, 0x28)).toEqual({ bytes: 4, isWrite: false, operands: [] })
    expect(accessOf(0, 0x3e)).toEqual({ bytes: 4, isWrite: true, operands: ['i64'] })
    expect(accessOf(0, 0x3f)).toBeUndefined()
    expect(accessOf(0xfd, 11)).toEqual({ bytes: 16, isWrite: true, operands: ['v128'] })
    expect(accessOf(0xfd, 87)).toEqual({ bytes: 8, isWrite: false, operands: ['v128'] })
    expect(accessOf(0xfd, 12)).toBeUndefined()
    expect(accessOf(0xfe, 0x4e)).toEqual({ bytes: 4, isWrite: true, operands: ['i64', 'i64'] })
    expect(accessOf(0xfe, 0x20)).toEqual({ bytes: 1, isWrite: true, operands: ['i32'] })
  })
})

describe('options', () => {
  const overrun = (times: number) =>
    Array(times)
      .fill(
        '(local.set $p (call $malloc (i32.const 16))) (i32.store8 offset=16 (local.get $p) (i32.const 1)) (call $free (local.get $p))',
      )
      .join(' ')

  it('limit how many faults of a kind are reported, and count the others', async () => {
    expect((await checkModule(program(overrun(5)))).faults).toHaveLength(5)
    const report = await checkModule(program(overrun(5)), { maxFaults: 2 })
    expect(report.faults).toHaveLength(2)
    expect(report.omitted).toBe(3)
    expect(formatCheckReport(report)).toMatch(/faults: 2 write-past-end; 3 more not listed$/)
  })

  it('leave out what is suppressed by name', async () => {
    for (const pattern of ['_start', '_st*', '*']) {
      expect(await checkModule(program(LEAK), { suppress: [pattern] })).toMatchObject({
        isFaulty: false,
        suppressed: 1,
      })
    }
    expect((await checkModule(program(LEAK), { suppress: ['start', 'st.*'] })).isFaulty).toBe(true)
  })

  it('decide how far around a block and for how long after its end is looked', async () => {
    const far = '(local.set $p (call $make (i32.const 16))) (i32.store8 offset=100 (local.get $p) (i32.const 1))'
    const free = '(call $free (local.get $p))'
    expect(brief(await checkModule(program(far + free)))).toEqual([])
    expect(brief(await checkModule(program(far + free), { redZone: 256 }))).toHaveLength(1)
    const late = `(local.set $p (call $make (i32.const 16))) ${free} (i32.store (local.get $p) (i32.const 1))`
    const again = '(call $free (call $make (i32.const 4000)))'
    const found = async (quarantine: number) =>
      (await checkModule(program(late + again), { quarantine })).faults[0]?.foundAt
    expect(await found(1 << 20)).toBe('exit')
    expect(await found(4100)).toBe('quarantine')
    expect(await found(0)).toBeUndefined()
  })

  it('look at all blocks every so many calls', async () => {
    const bytes =
      program(`(local.set $p (call $make (i32.const 16))) (i32.store8 offset=16 (local.get $p) (i32.const 1))
      ${'(call $free (call $make (i32.const 1)))'.repeat(5)} (call $free (local.get $p))`)
    expect((await checkModule(bytes, { sweepCalls: 4 })).faults[0]?.foundAt).toBe('sweep')
    expect((await checkModule(bytes, { sweepCalls: 0 })).faults[0]?.foundAt).toBe('free')
  })

  it('keep so many frames', async () => {
    const { faults } = await checkModule(program(LEAK), { stackDepth: 1 })
    expect(faults[0]?.block?.allocated.map(({ name }) => name)).toEqual(['function 2'])
  })

  it.each([
    [{ redZone: 4 }, 'redZone'],
    [{ redZone: '1MiB' }, 'redZone'],
    [{ quarantine: -1 }, 'quarantine'],
    [{ quarantine: '3GiB' }, 'quarantine'],
    [{ limit: '64KiB' }, 'limit'],
    [{ stackDepth: 0 }, 'stackDepth'],
    [{ maxFaults: 1.5 }, 'maxFaults'],
    [{ sweepCalls: -1 }, 'sweepCalls'],
    [{ stdout: -1 }, 'stdout'],
    [{ redzone: 16 } as object, 'options'],
  ])('%o are refused', async (options, argument) => {
    await expect(checkModule(program(LEAK), options)).rejects.toMatchObject({ code: 'HW_ARGUMENT', argument })
  })
})

describe('what cannot be checked', () => {
  it.each([
    ['(module)', /it has no memory/],
    ['(module (memory 1))', /no allocator was found: the module has no names/],
    [`(module ${IMPORTS})`, /it has no memory/],
    [
      `(module ${IMPORTS} (import "a" "b" (func)) (memory 1) (func (export "_start")))`,
      /imports what a WASI program cannot/,
    ],
    ['(module (import "env" "malloc" (func (param i64) (result i32))) (memory 1))', /has another type/],
    [`(module ${IMPORTS} (memory 1 1 shared))`, /shared/],
    [`(module ${IMPORTS} (memory 1) (func (export "heapwright_heap") (result i32) (i32.const 0)))`, /made from/],
  ])('%s', async (text, message) => {
    await expect(checkModule(assemble(text))).rejects.toThrow(message)
  })

  it('bytes that are no module', async () => {
    await expect(checkModule(new Uint8Array([1, 2, 3, 4]))).rejects.toMatchObject({ code: 'HW_MODULE' })
  })
})

describe('an instrumented module', () => {
  it('says of each place where it was', () => {
    const bytes = program(LEAK)
    const module = inspectModule(bytes)
    const { bytes: changed, places } = instrument(module, { stack: planStack(module), isPrecise: true })
    expect(WebAssembly.validate(changed as BufferSource)).toBe(true)
    const found = new Set<number>()
    for (let at = places.sectionAt; at < changed.length; at++) {
      const place = places.find(at)
      if (place) found.add(place.offset)
    }
    const body = module.bodies[0] ?? { offset: 0, bytes: 0 }
    // The call of malloc, 3 bytes into the body.
    expect(found).toContain(body.offset + 3)
    expect(bytes[body.offset + 3]).toBe(0x10)
  })

  it('has numbers that read back as they were written', () => {
    const random = seeded(SEED)
    for (let i = 0; i < 2000; i++) {
      const value = random(2 ** (1 + random(32)))
      const writer = new ByteWriter()
      writer.u32(value)
      writer.i32(value)
      const reader = new ByteReader(writer.bytes, 0, writer.length, 'test')
      expect([reader.u32(), reader.i32()], `seed ${SEED}`).toEqual([value, value])
      expect(reader.isAtEnd).toBe(true)
    }
  })
})

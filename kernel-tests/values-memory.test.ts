/**
 * Goal: a call on strings, numbers or arrays that finds no memory says so and has changed nothing.
 * Method: a heap is filled until not the smallest string fits; then each call is made again and again, with more of the
 * filling gone each time, until it succeeds. After each refusal everything is as it was, and verified.
 * A failure means a call that stops half way, loses what it was given, or says something else than "no memory".
 */
import { describe, expect, it } from 'vitest'
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { KERNELS, moduleOf, ObjectKernel } from './object-kernel.js'
import { type Held, ValuesKernel, type ValuesSetup, valuesName, valuesSetups } from './values-kernel.js'

const worlds: Readonly<Record<string, ValuesSetup>> = {
  vm: { ...valuesSetups.vm, limit: 512 << 10 },
  runtime: { ...valuesSetups.runtime, limit: 640 << 10 },
  server: { ...valuesSetups.server, limit: 640 << 10 },
  embedded: { mode: 'embedded', limit: 24 << 10 },
  counted: { mode: 'counted', limit: 256 << 10 },
}

/** What the calls work on. */
interface Scene {
  readonly words: Held
  readonly wides: Held
  readonly numbers: Held
  readonly string: Held
}

const { KIND_VALUE, KIND_WIDE, KIND_F64 } = values
const TEXT = 'a text that several calls are about'
const ELEMENTS = 40

/** Calls that may need memory: each answers 0 or a status as it says, and `owned` ones what the caller owns. */
const calls: Readonly<Record<string, (k: ValuesKernel, scene: Scene) => { isRefused: boolean; owned?: number }>> = {
  arrayPush: (k, { words, string }) => status(k.run('arrayPush', words.word, string.word)),
  arrayPushWide: (k, { wides, string }) =>
    status(k.run('arrayPushWide', wides.word, string.word, values.WIDE_REFERENCE)),
  arrayPushNumber: (k, { numbers }) => status(k.run('arrayPushNumber', numbers.word, 0.5)),
  arrayPushMany: (k, { words }) => status(k.run('arrayPushMany', words.word, k.writeWords([3, 5, 7]), 3)),
  arrayPushBytes: (k, { numbers }) => status(k.run('arrayPushBytes', numbers.word, k.scratch, 2)),
  arrayInsert: (k, { wides }) => status(k.run('arrayInsert', wides.word, 5, 3)),
  arrayResize: (k, { words }) => status(k.run('arrayResize', words.word, 2 * ELEMENTS)),
  arrayReserve: (k, { numbers }) => status(k.run('arrayReserve', numbers.word, 2 * ELEMENTS)),
  arraySlice: (k, { words }) => owned(k.run('arraySlice', words.word, 0, ELEMENTS)),
  arrayNew: (k) => owned(k.run('arrayNew', KIND_VALUE, 0, ELEMENTS)),
  floatNew: (k) => owned(k.run('floatNew', 1.5)),
  stringConcat: (k, { string }) => owned(k.run('stringConcat', string.word, string.word)),
  stringSlice: (k, { string }) => owned(k.run('stringSlice', string.word, 1, 30)),
  intern: (k, { string }) => owned(k.run('intern', string.word)),
  internText: (k) => owned(k.run('internText', k.write(new TextEncoder().encode('another text')), 12)),
}

function status(answer: number): { isRefused: boolean } {
  if (answer !== 0 && answer !== layout.STATUS_OUT_OF_MEMORY) throw new Error(`status ${answer}`)
  return { isRefused: answer !== 0 }
}

function owned(word: number): { isRefused: boolean; owned: number } {
  return { isRefused: word === 0, owned: word }
}

/** Arrays without room for one element more. */
function makeScene(k: ValuesKernel): Scene {
  const string = k.hold(k.string(TEXT))
  const words = k.hold(k.run('arrayNew', KIND_VALUE, 0, ELEMENTS))
  const wides = k.hold(k.run('arrayNew', KIND_WIDE, 0, ELEMENTS))
  const numbers = k.hold(k.run('arrayNew', KIND_F64, 0, ELEMENTS))
  for (let i = 0; i < ELEMENTS; i++) {
    const word = k.string(`element ${i}`)
    k.expectOk('arrayPush', words.word, word)
    k.release(word)
    k.expectOk('arrayPushWide', wides.word, i, values.WIDE_INTEGER)
    k.expectOk('arrayPushNumber', numbers.word, i / 2)
  }
  return { words, wides, numbers, string }
}

/** Everything that a refused call must leave as it is. */
function picture(k: ValuesKernel, scene: Scene): unknown {
  const elements = Array.from({ length: k.run('arrayLength', scene.words.word) }, (_, i) =>
    k.text(k.run('arrayGet', scene.words.word, i)),
  )
  const wides = k.run('arrayLength', scene.wides.word)
  const last = k.u32(k.run('arrayAt', scene.wides.word, wides - 1))
  const count = k.isCounted ? k.kernel.run('refcount', scene.string.word) : 0
  const numbers = k.run('arrayLength', scene.numbers.word)
  return { elements, wides, last, count, numbers, text: k.text(scene.string.word), interned: k.run('internedCount') }
}

/** Fill the heap with strings, the last ones as small as there are. */
function fillHeap(k: ValuesKernel): Held {
  const filling = k.hold(k.run('arrayNew', KIND_VALUE, 0, 3000))
  // Each size by a sixth smaller: no size of blocks is left out.
  for (let bytes = 4000; bytes >= 0; bytes = bytes > 0 ? Math.floor((bytes * 5) / 6) : -1) {
    while (true) {
      const string = k.string(new Uint8Array(bytes).fill(0x61))
      if (!string) break
      k.expectOk('arrayPush', filling.word, string)
      k.release(string)
    }
    expect(k.status).toBe(layout.STATUS_OUT_OF_MEMORY)
  }
  return filling
}

describe.each(Object.keys(worlds))('no memory: %s', (name) => {
  it.each(Object.keys(calls))('%s is refused until there is some, and changes nothing', (call) => {
    const k = new ValuesKernel(worlds[name])
    const scene = makeScene(k)
    const filling = fillHeap(k)
    const before = picture(k, scene)
    let refusals = 0
    while (true) {
      const { isRefused, owned: made } = (calls[call] as (typeof calls)[string])(k, scene)
      if (!isRefused) {
        k.release(made ?? 0)
        break
      }
      refusals++
      expect(k.status).toBe(layout.STATUS_OUT_OF_MEMORY)
      expect(picture(k, scene)).toEqual(before)
      k.verify()
      for (let i = 0; i < refusals; i++) k.release(k.run('arrayPop', filling.word))
      if (k.run('arrayLength', filling.word) === 0) throw new Error('refused with all memory free')
    }
    // What is small enough may have had room in what the filling left over.
    expect(refusals).toBeGreaterThan(call === 'floatNew' ? -1 : 0)
    k.verify()
    for (const held of [filling, scene.words, scene.wides, scene.numbers, scene.string]) held.drop()
    k.collect()
    k.expectOk('internTrim')
    expect(k.leftObjects).toBe(0)
    k.verify()
  })
})

describe.each(['vm', 'embedded', 'counted'] as const)('the state of values: %s', (mode) => {
  it('is made when there is memory; each try before leaves no more behind than the first', () => {
    const base = 256 << 10
    const kernel = new ObjectKernel({ mode, base, limit: mode === 'embedded' ? 24 << 10 : 256 << 10 })
    const instance = new WebAssembly.Instance(moduleOf(valuesName(KERNELS[mode])), {
      env: { memory: kernel.memory },
      host: { grow: () => -1, report: () => undefined },
      kernel: kernel.call as unknown as WebAssembly.ModuleImports,
    })
    const call = instance.exports as Record<string, (...args: number[]) => number>
    call.attach?.(base)
    // The table of types has to grow on the way.
    const types = mode === 'embedded' ? 2 : 57
    for (let i = 0; i < types; i++) kernel.run('typeAdd', 0, 0, objects.SHAPE_LEAF, 0, 0, 8, 0, 0, 0)
    const takeAll = () => {
      const blocks: number[] = []
      for (const bytes of [4096, 1024, 256, 64, 16, 8]) {
        for (let block = kernel.run('alloc', bytes); block; block = kernel.run('alloc', bytes)) blocks.push(block)
      }
      return blocks
    }
    const blocks = takeAll()
    let refusals = 0
    while (call.create?.(1) === layout.STATUS_OUT_OF_MEMORY) {
      const free = () => {
        const found = takeAll()
        for (const block of found) kernel.expectOk('free', block)
        return found.length
      }
      const before = free()
      for (let i = 0; i < 20; i++) expect(call.create?.(1)).toBe(layout.STATUS_OUT_OF_MEMORY)
      expect(free()).toBe(before)
      kernel.verify()
      refusals++
      // The smallest ones first.
      for (let i = 0; i < 2; i++) kernel.expectOk('free', blocks.pop() as number)
    }
    // In the large builds a type's table is a page: the next try has room for all.
    expect(refusals).toBeGreaterThan(0)
    expect(call.create?.(1)).toBe(layout.STATUS_OK)
    kernel.verify()
  })

  it('is gone after a reset, which the verifier knows, whatever lies below the heap', () => {
    const k = new ValuesKernel({ mode })
    k.release(k.string('gone'))
    k.bytes(0, 1024).fill(0xf8)
    k.kernel.run('reset')
    expect(k.run('valuesVerify')).toBe(0)
    expect(k.run('setShapeLimit', 5)).toBe(layout.STATUS_BAD_ARGUMENT)
    if (mode === 'counted') k.kernel.expectOk('spaceCreate', 0)
    k.expectOk('create', 1)
    expect(k.run('stringBytes', k.run('stringNew', 512, 0))).toBe(0)
    expect(k.run('valuesVerify')).toBe(0)
    expect(k.bytes(0, 1024).every((byte) => byte === 0xf8)).toBe(true)
  })
})

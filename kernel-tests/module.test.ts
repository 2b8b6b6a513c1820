/**
 * Goal: the compiled modules keep the shape that the design rests on: code over somebody else's memory and nothing
 * else, so that an instance can attach to memory that another one made, be merged into a guest, and be made many times
 * over.
 *
 * Method: read the sections of the built files (`wasm-sections.ts`) and hold them against the rules.
 *
 * A failure means that a change in the kernel brought in state or a dependency (an array literal or a string makes a
 * data segment, a module-level `let` a global, a checked cast or an array access an import of `abort`), or that it grew
 * past its budget.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readModule, type WasmModule } from './wasm-sections.js'

interface Rules {
  readonly file: string
  /** All that may be imported; the memory must be. */
  readonly imports: readonly string[]
  readonly mutableGlobals: number
  readonly maxBytes: number
  /** Largest body of any function: about a screen and a half of source, with what is inlined. */
  readonly maxFunctionBytes: number
  /** Largest bodies of the exported fast paths: what is out of line must stay there. */
  readonly fastPaths: Readonly<Record<string, number>>
}

const HOST = ['env.memory', 'host.grow', 'host.discard', 'host.report']

const RELEASE: Rules = {
  file: 'build/heapwright.wasm',
  imports: HOST,
  mutableGlobals: 1,
  maxBytes: 40_000,
  maxFunctionBytes: 4096,
  fastPaths: { alloc: 256, free: 512, freeSized: 512 },
}
const DEBUG: Rules = {
  file: 'build/heapwright-debug.wasm',
  imports: HOST,
  mutableGlobals: 1,
  maxBytes: 200_000,
  maxFunctionBytes: 16_384,
  fastPaths: {},
}
const OBJECTS: Rules = {
  file: 'build/heapwright-objects.wasm',
  imports: HOST,
  mutableGlobals: 1,
  maxBytes: 112_000,
  maxFunctionBytes: 4096,
  fastPaths: { alloc: 256, free: 512, objectNew: 384 },
}
const OBJECTS_DEBUG: Rules = { ...DEBUG, file: 'build/heapwright-objects-debug.wasm' }
const COUNTED: Rules = {
  file: 'build/heapwright-counted.wasm',
  imports: HOST,
  mutableGlobals: 1,
  maxBytes: 56_000,
  maxFunctionBytes: 4096,
  fastPaths: { alloc: 256, free: 512, incref: 192, decref: 192 },
}
const COUNTED_DEBUG: Rules = { ...DEBUG, file: 'build/heapwright-counted-debug.wasm' }
const GUEST_OBJECTS: Rules = {
  file: 'build/heapwright-guest-objects.wasm',
  imports: ['env.memory'],
  mutableGlobals: 1,
  maxBytes: 100_000,
  maxFunctionBytes: 4096,
  fastPaths: { malloc: 256, free: 512, hw_new_object: 768 },
}
const GUEST_OBJECTS_DEBUG: Rules = {
  ...DEBUG,
  file: 'build/heapwright-guest-objects-debug.wasm',
  imports: ['env.memory'],
}
const GUEST: Rules = {
  file: 'build/heapwright-guest.wasm',
  imports: ['env.memory'],
  mutableGlobals: 1,
  maxBytes: 16_000,
  maxFunctionBytes: 1024,
  fastPaths: { malloc: 192, calloc: 192 },
}
const GUEST_DEBUG: Rules = {
  ...DEBUG,
  file: 'build/heapwright-guest-debug.wasm',
  imports: GUEST.imports,
}
const BITS: Rules = {
  file: 'build/bits.wasm',
  imports: ['env.memory'],
  mutableGlobals: 0,
  maxBytes: 6_000,
  maxFunctionBytes: 512,
  fastPaths: { bitmapSet: 64, listRemove: 128, arrayPush: 64, ringPushBack: 128 },
}

/** Sections that hold state, or code that runs by itself. */
const FORBIDDEN_SECTIONS: Readonly<Record<number, string>> = {
  4: 'table',
  5: 'memory',
  8: 'start',
  9: 'element',
  11: 'data',
  12: 'data count',
  13: 'tag',
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(`../${file}`, import.meta.url))
}

function describeModule(rules: Rules): void {
  describe(rules.file, () => {
    const path = pathOf(rules.file)
    if (!existsSync(path)) {
      test('is built', () => expect.fail(`${rules.file} is missing: run \`npm run build\``))
      return
    }
    const module = readModule(readFileSync(path))

    test('has no state of its own and nothing that runs by itself', () => {
      expect(module.sections.flatMap((id) => FORBIDDEN_SECTIONS[id] ?? [])).toEqual([])
      expect(module.globals.filter(({ isMutable }) => isMutable)).toHaveLength(rules.mutableGlobals)
    })

    test('imports the memory and at most the host hooks', () => {
      const names = module.imports.map((entry) => `${entry.module}.${entry.name}`)
      expect(names.filter((name) => !rules.imports.includes(name))).toEqual([])
      expect(module.imports.filter(({ kind }) => kind === 'memory')).toHaveLength(1)
      expect(module.imports.filter(({ kind }) => kind !== 'memory' && kind !== 'function')).toEqual([])
    })

    test('exports functions only', () => {
      expect(module.exports.filter(({ kind }) => kind !== 'function')).toEqual([])
    })

    test('is as small as promised, as a whole and function by function', () => {
      expect(module.bytes).toBeLessThanOrEqual(rules.maxBytes)
      const large = module.functions.filter(({ bytes }) => bytes > rules.maxFunctionBytes)
      expect(large.map(({ index, bytes }) => `${nameOf(module, index)}: ${bytes} bytes`)).toEqual([])
      for (const [name, maxBytes] of Object.entries(rules.fastPaths))
        expect(bodyBytes(module, name), `bytes of ${name}`).toBeLessThanOrEqual(maxBytes)
    })
  })
}

function nameOf(module: WasmModule, index: number): string {
  const entry = module.exports.find((candidate) => candidate.kind === 'function' && candidate.index === index)
  return entry?.name ?? `function ${index}`
}

function bodyBytes(module: WasmModule, name: string): number {
  const index = module.exports.find((entry) => entry.name === name)?.index
  return module.functions.find((candidate) => candidate.index === index)?.bytes ?? Number.POSITIVE_INFINITY
}

for (const rules of [
  ...[RELEASE, DEBUG, OBJECTS, OBJECTS_DEBUG, COUNTED, COUNTED_DEBUG],
  ...[GUEST, GUEST_DEBUG, GUEST_OBJECTS, GUEST_OBJECTS_DEBUG, BITS],
]) {
  describeModule(rules)
}

describe('the module of counted objects', () => {
  const names = ({ file }: Rules) => readModule(readFileSync(pathOf(file))).exports.map(({ name }) => name)

  test('has all that the module without objects has, whose place it takes', () => {
    expect(names(COUNTED)).toEqual(expect.arrayContaining(names(RELEASE)))
    expect(names(COUNTED_DEBUG)).toEqual(names(COUNTED))
  })

  test('has the calls on objects that both worlds have, and those on counts', () => {
    const shared = ['spaceCreate', 'valuesCreate', 'setPolicy', 'setStress', 'typeAdd', 'typeText', 'shadowCreate']
    const objects = ['objectNew', 'objectPush', 'objectStatus', 'objectState', 'nextObject', 'readReference']
    const words = ['storeReference', 'copyReferences', 'handlePush', 'handlePop', 'rootAdd', 'rootRemove']
    const others = ['collect', 'step', 'finishSweep', 'verify']
    const both = [...shared, ...objects, ...words, ...others]
    expect(names(OBJECTS)).toEqual(expect.arrayContaining(both))
    const counts = ['refcountedNew', 'incref', 'decref', 'refcount', 'handleAdopt', 'storeWide', 'touchWords']
    expect(names(COUNTED)).toEqual(expect.arrayContaining([...both, ...counts, 'candidates', 'setThreshold']))
  })
})

describe('release and debug kernel', () => {
  const paths = [RELEASE, DEBUG].map(({ file }) => pathOf(file))
  test.skipIf(!paths.every((path) => existsSync(path)))('export the same functions', () => {
    const [release, debug] = paths.map((path) => readModule(readFileSync(path)).exports.map(({ name }) => name))
    expect(debug).toEqual(expect.arrayContaining(release ?? []))
  })

  test.skipIf(!existsSync(paths[0] ?? ''))('the release kernel carries no names', () => {
    expect(readModule(readFileSync(paths[0] ?? '')).custom).toEqual([])
  })
})

describe('the section reader', () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

  test('sees a mutable global, a data segment, a start function and a table', () => {
    const global = [6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b]
    const data = [11, 6, 1, 0, 0x41, 0, 0x0b, 0]
    const module = readModule(Uint8Array.from([...header, 4, 4, 1, 0x70, 0, 1, ...global, 8, 1, 0, 12, 1, 1, ...data]))
    expect(module.globals).toEqual([{ isMutable: true }])
    expect(module.sections).toEqual([4, 6, 8, 12, 11])
  })

  test('reads imports of every kind', () => {
    const entry = (name: string, ...kind: number[]): number[] => [1, 0x6d, name.length, ...Buffer.from(name), ...kind]
    const entries = [
      ...entry('f', 0, 0),
      ...entry('t', 1, 0x70, 1, 1, 2),
      ...entry('m', 2, 0, 0xff, 0x01),
      ...entry('g', 3, 0x7f, 0),
    ]
    const module = readModule(Uint8Array.from([...header, 2, entries.length + 1, 4, ...entries]))
    expect(module.imports.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'f function',
      't table',
      'm memory',
      'g global',
    ])
  })

  test('refuses what is no module, and a section that it does not understand to its end', () => {
    expect(() => readModule(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))).toThrow()
    expect(() => readModule(Uint8Array.from([...header, 2, 2, 0, 0]))).toThrow()
    expect(() => readModule(Uint8Array.from([...header, 2]))).toThrow()
  })
})

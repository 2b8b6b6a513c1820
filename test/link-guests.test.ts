/**
 * Goal: C programs run linked as they run with the allocator that they came with.
 * Method: programs of test/guests and SQLite, compiled by clang at several levels of optimisation, also optimised as a
 * whole by wasm-opt and without names; each runs under node:wasi before and after, and must print and end the same. The
 * heap that it leaves is verified from outside.
 * A failure means: a linked program loses memory, mixes two allocators, or good programs are refused.
 */
import { describe, expect, it } from 'vitest'
import { inspectModule, linkModule, replaceAllocator } from '../src/guest/index.js'
import { runBinaryenTool } from '../src/platform/binaryen.js'
import { compileGuest, isWithoutClang } from './support/guests.js'
import { runPlainly } from './support/wasi.js'

const PROGRAMS = ['hello', 'tree', 'strings', 'family', 'sort', 'files', 'exits', 'ladder', 'still'] as const
const LEVELS = ['-O0', '-O2', '-O3', '-Oz', '-flto'] as const
const EXPORTED = ['-Wl,--export=malloc', '-Wl,--export=free', '-Wl,--export=calloc', '-Wl,--export=realloc']

/** What wasm-opt makes of a module; it drops names unless told to keep them. */
function optimised(bytes: Uint8Array): Promise<Uint8Array> {
  return runBinaryenTool('wasm-opt', [{ name: 'in.wasm', bytes }], ['in.wasm', '-O3', '-g', '--enable-bulk-memory'])
}

function withoutImports(bytes: Uint8Array): string[] {
  return inspectModule(bytes).imports.map(({ module, name }) => `${module}.${name}`)
}

describe.skipIf(isWithoutClang)('guests in C', () => {
  it.each(LEVELS)('none is refused for what only looks like an allocator: %s', async (level) => {
    for (const name of PROGRAMS) {
      const module = inspectModule(compileGuest(name, { flags: [level] }))
      if (module.allocator.length === 0) continue
      await replaceAllocator(module.bytes).catch((error: Error) => expect.fail(`${name} ${level}: ${error.message}`))
    }
  })
})

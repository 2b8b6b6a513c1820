/**
 * Goal: what a new user meets says what is wrong and what to do: errors are short to print, substitutes have a reason.
 * Method: messages and fields of the calls, on the portable pages where a substitute is wanted.
 * A failure means that somebody reads a dump of internals, or must guess why a call does less.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ArgumentError, Heap, i32, struct } from '../src/index.js'
import { portablePages } from '../src/platform/pages-portable.js'
import { RecordingPages } from './support/recording-pages.js'
import { thrownBy } from './support/refusal.js'

const PATH = join(tmpdir(), `heapwright-messages-${process.pid}`)
const portable = () => Heap.create({ testing: { pages: portablePages('asked for') } })

describe('errors', () => {
  it('of an argument print without what was given, and have it', () => {
    const heap = Heap.create()
    const error = new ArgumentError('it', { heap: heap.arena() }, 'none')
    expect(inspect(error, { depth: 10 }).split('\n').length).toBeLessThan(40)
    expect(inspect(error)).not.toContain('HeapCore')
    expect(Object.keys(error.value as object)).toEqual(['heap'])
  })

  it('of freeze say what it takes', () => {
    const heap = Heap.create({ mode: 'runtime' })
    using _scope = heap.scope()
    const root = heap.root(heap.new(struct('Messages.Node', { a: i32 })))
    for (const given of [root, root.value]) {
      expect(() => heap.freeze(given as never)).toThrow('such as `{ root: view }`; got a view')
    }
    expect(heap.freeze({ root }).byteLength).toBeGreaterThan(0)
  })

  it('of protect have the address in hexadecimal', () => {
    const heap = portable()
    const block = heap.alloc(100)
    const error = thrownBy(() => heap.protect(block, 'read'))
    expect(error).toMatchObject({ argument: 'what', value: block })
    expect(String(error)).toMatch(/; got 0x[0-9a-f]+$/)
  })

  it.each([
    [0, '1 byte behind'],
    [1, '2 bytes behind'],
  ])('of a store %i bytes past a guarded block count bytes', (past, text) => {
    const heap = portable()
    const block = heap.allocGuarded(100, { at: 'start' })
    heap.raw.u8[block.address + 100 + past] = 1
    expect(() => block.check()).toThrow(`wrote ${text} the guarded block`)
  })
})

describe('files', () => {
  it('that are not there say how they are made', () => {
    expect(() => Heap.create().mapFile(PATH, { access: 'shared' })).toThrow('`create: true` with a `length`')
    expect(existsSync(PATH)).toBe(false)
  })

  it('are taken by their URL', () => {
    writeFileSync(PATH, 'abc')
    try {
      const heap = portable()
      const file = heap.mapFile(pathToFileURL(PATH))
      expect([file.path, file.array[0], file.isMapped, file.reason]).toEqual([PATH, 97, false, 'asked for'])
      expect(() => heap.mapFile(new URL('http://localhost/a'))).toThrow(ArgumentError)
    } finally {
      rmSync(PATH)
    }
  })
})

describe('substitutes', () => {
  it('of guards have the reason', () => {
    const block = portable().allocGuarded(100)
    expect([block.isProtected, block.reason]).toEqual([false, 'asked for'])
    block.free()
    expect(block.reason).toBe('the block has been freed')
  })

  it('of decay are told once, and not where it works', async () => {
    const told: unknown[] = []
    for (const pages of [portablePages('asked for'), new RecordingPages()]) {
      Heap.create({ trim: { decayMs: 1 }, testing: { pages } }).on('trim', (event) => told.push(event))
    }
    await new Promise((done) => setTimeout(done, 20))
    expect(told.filter((event) => (event as { reason?: string }).reason !== undefined)).toEqual([
      { bytes: 0, cause: 'decommit', reason: 'asked for' },
    ])
  })
})

/**
 * Goal: who subscribes to a channel of Node's hears of all heaps, whether they were made before or after, and nobody
 * pays where nobody subscribed; where there are no channels, heaps work as ever.
 * Method: fresh Node processes that import the built package and print what they saw as JSON; and, in this process, the
 * kernel that a heap's calls take.
 * A failure means: monitoring that misses heaps, a process that stays slow, a library that does not load in a browser.
 */
import { execFileSync } from 'node:child_process'
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import type { HeapCore } from '../src/core.js'
import { EVENT_NAMES } from '../src/events.js'
import { Heap } from '../src/index.js'

const INDEX = new URL('../dist/src/index.js', import.meta.url).href

/** What a program prints that ends with `seen` filled. */
function run(program: string, ...flags: string[]): unknown {
  const text = `import { Heap } from '${INDEX}'; const seen = [];\n${program}\nconsole.log(JSON.stringify(seen))`
  const output = execFileSync(process.execPath, [...flags, '--input-type=module', '-e', text], { encoding: 'utf8' })
  return JSON.parse(output)
}

const IMPORT = "import dc from 'node:diagnostics_channel';"

describe('a fresh process', () => {
  it('hears of heaps that were made before and after it has subscribed', () => {
    const seen = run(`${IMPORT}
      const early = Heap.create({ name: 'early' })
      early.alloc(1)
      dc.subscribe('heapwright:allocated', (message, name) => seen.push([name, message]))
      const late = Heap.create({ name: 'late' })
      const a = early.alloc(20)
      const b = late.alloc(30)
      seen.push([a, b])`)
    const [first, second, addresses] = seen as [[string, object], [string, object], [number, number]]
    const common = { kind: 'block', bytes: 32 }
    expect(first).toEqual([
      'heapwright:allocated',
      { heap: 'early', address: addresses[0], requestedBytes: 20, ...common },
    ])
    expect(second).toEqual([
      'heapwright:allocated',
      { heap: 'late', address: addresses[1], requestedBytes: 30, ...common },
    ])
  })

  it('hears of heaps when it has subscribed before the library was there', () => {
    const text = `${IMPORT}
      const seen = []
      dc.channel('heapwright:close').subscribe((message) => seen.push(message))
      const { Heap } = await import('${INDEX}')
      Heap.create({ name: 'first' }).close()
      console.log(JSON.stringify(seen))`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' })
    expect(JSON.parse(output)).toEqual([{ heap: 'first', name: 'first' }])
  })

  it('hears no more when it has unsubscribed, and again when it subscribes anew', () => {
    const seen = run(`${IMPORT}
      const heap = Heap.create()
      const hear = ({ generation }) => seen.push(generation)
      for (let i = 0; i < 3; i++) {
        heap.reset()
        dc.subscribe('heapwright:reset', hear)
        heap.reset()
        dc.unsubscribe('heapwright:reset', hear)
      }`)
    expect(seen).toEqual([2, 4, 6])
  })

  it('hears of collections, growth and tenants', () => {
    const seen = run(`${IMPORT}
      for (const event of ['collectBegin', 'collectEnd', 'grow', 'tenantBegin', 'tenantEnd', 'outOfMemory']) {
        dc.subscribe('heapwright:' + event, ({ heap }) => seen.push(event + ' ' + heap))
      }
      const heap = Heap.create({ mode: 'vm', name: 'main', initial: 0, limit: '8MiB' })
      heap.collect()
      heap.alloc(2_000_000)
      heap.tryAlloc(20_000_000)
      const tenant = heap.tenant('guest')
      tenant.free()`) as string[]
    expect(seen.filter((line) => line.startsWith('collect')).slice(0, 2)).toEqual([
      'collectBegin main',
      'collectEnd main',
    ])
    for (const line of ['grow main', 'outOfMemory main', 'tenantBegin main', 'tenantEnd main'])
      expect(seen).toContain(line)
  })

  it('lets go of heaps that nobody holds', () => {
    const seen = run(
      `${IMPORT}
      let cleared = 0
      const registry = new FinalizationRegistry(() => cleared++)
      dc.subscribe('heapwright:allocated', () => {})
      for (let i = 0; i < 20; i++) registry.register(Heap.create({ limit: '1MiB' }), i)
      for (let i = 0; i < 20 && cleared === 0; i++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      seen.push(cleared > 0)`,
      '--expose-gc',
    )
    expect(seen).toEqual([true])
  })

  it('lets go of heaps that wait for a time to come, and ends without it', () => {
    const seen = run(
      `${IMPORT}
      let cleared = 0
      const registry = new FinalizationRegistry(() => cleared++)
      for (let i = 0; i < 20; i++) {
        const heap = Heap.create({ limit: '1MiB', pressure: { minIntervalMs: 2 ** 31 - 1 } })
        heap.on('pressure', ({ level }) => i === 0 && seen.push(level))
        heap.alloc(700_000)
        heap.alloc(200_000)
        registry.register(heap, i)
      }
      for (let i = 0; i < 20 && cleared === 0; i++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      seen.push(cleared > 0)`,
      '--expose-gc',
    )
    expect(seen).toEqual(['medium', true])
  })

  it('works without channels, as browsers do', () => {
    const seen = run(`
      process.getBuiltinModule = undefined
      const heap = Heap.create()
      heap.on('allocated', ({ bytes }) => seen.push(bytes))
      heap.alloc(10)
      heap.close()`)
    expect(seen).toEqual([16])
  })
})

describe('channels', () => {
  const coreOf = (heap: Heap) => (heap as unknown as { readonly core: HeapCore }).core

  it('cost a heap nothing while they have no subscribers', () => {
    const heap = Heap.create()
    const core = coreOf(heap)
    const hear = () => {}
    expect(EVENT_NAMES.filter((event) => core.events.has(event))).toEqual([])
    subscribe('heapwright:freed', hear)
    expect(EVENT_NAMES.filter((event) => core.events.has(event))).toEqual(['freed'])
    expect(core.kernel).not.toBe(core.plainKernel)
    unsubscribe('heapwright:freed', hear)
    expect(EVENT_NAMES.filter((event) => core.events.has(event))).toEqual([])
    expect(core.kernel).toBe(core.plainKernel)
  })

  it('answer as they always do', () => {
    Heap.create()
    const { subscribe: on } = channel('heapwright:grow')
    expect(() => channel('heapwright:grow').subscribe(5 as never)).toThrow(TypeError)
    expect(unsubscribe('heapwright:grow', () => {})).toBe(false)
    const hear = () => {}
    on.call(channel('heapwright:grow'), hear)
    expect(channel('heapwright:grow').hasSubscribers).toBe(true)
    expect(unsubscribe('heapwright:grow', hear)).toBe(true)
    expect(channel('heapwright:grow').hasSubscribers).toBe(false)
  })
})

/**
 * Goal: `heap.serve` answers those it should with what is so, refuses everybody else, tells no secrets, and is no
 * burden to the program. Method: plain HTTP requests with headers of every kind, against figures that the test reads
 * from the heap itself; programs of their own for what concerns the end of a process. A failure means that a page of
 * another site could read a heap or change it, that a figure is wrong, or that a program hangs or pays for what nobody
 * looks at.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  Heap,
  type HeapServer,
  i32,
  PROMETHEUS_CONTENT_TYPE,
  prometheusText,
  type ServeOptions,
  struct,
  UnsupportedError,
} from '../src/index.js'
import type { LiveFigures, LiveState } from '../src/page/live-data.js'
import { portablePages } from '../src/platform/pages-portable.js'
import { LiveSource } from '../src/serve/live-source.js'
import { refusalOf } from '../src/serve/request-guard.js'
import { Streams } from '../src/serve/streams.js'
import { RecordingPages } from './support/recording-pages.js'

const BUILT = pathToFileURL(join(import.meta.dirname, '../dist/src/index.js')).href
const ROUTES = ['/', '/state.json', '/events', '/report.html', '/metrics']

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

const open: { heap: Heap; server: HeapServer }[] = []
const children: ChildProcess[] = []

afterEach(async () => {
  for (const { heap, server } of open.splice(0)) {
    await server.close()
    heap.close()
  }
  for (const child of children.splice(0)) child.kill('SIGKILL')
  vi.restoreAllMocks()
})

async function serve(heap: Heap, options: ServeOptions = {}): Promise<HeapServer> {
  const server = await heap.serve({ everyMs: 50, ...options })
  open.push({ heap, server })
  return server
}

interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  /** For streams: the answer is what has come after so long. */
  readonly forMs?: number
}

function ask(url: string, { method = 'GET', headers = {}, forMs }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece
      })
      const finish = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      response.on('close', finish).on('error', finish)
      if (forMs !== undefined) {
        setTimeout(() => {
          finish()
          sent.destroy()
        }, forMs)
      }
    })
    sent.on('error', reject).end()
  })
}

async function stateOf(url: string): Promise<LiveState> {
  return JSON.parse((await ask(`${url}state.json`)).text)
}

interface StreamEvent {
  readonly name: string
  readonly data: unknown
}

function eventsIn(text: string): StreamEvent[] {
  return [...text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)].map(([, name = '', data = '']) => {
    return { name, data: JSON.parse(data) }
  })
}

const Node = struct('Node', { value: i32 })

function makeHeap(): Heap {
  const heap = Heap.create({ mode: 'vm', name: 'served', limit: '64MiB' })
  for (let i = 0; i < 500; i++) heap.alloc(i)
  const scope = heap.scope()
  for (let i = 0; i < 300; i++) heap.new(Node)
  heap.collect()
  scope.close()
  return heap
}

describe('arguments', () => {
  it.each([
    [{ port: -1 }, /`port` must be/],
    [{ port: 65_536 }, /`port` must be/],
    [{ port: 1.5 }, /`port` must be/],
    [{ host: '' }, /`host` must be/],
    [{ host: 'no such host' }, /`host` must be an address of this machine/],
    [{ host: '192.0.2.1' }, /`host` must be an address of this machine/],
    [{ allowCommands: 1 }, /`allowCommands` must be/],
    [{ keepAlive: 'yes' }, /`keepAlive` must be/],
    [{ everyMs: 49 }, /`everyMs` must be/],
    [{ everyMs: 60_001 }, /`everyMs` must be/],
    [{ prot: 80 }, /`options` must be an object of these/],
    [null, /`options` must be a plain object/],
  ])('%o is refused', async (options, message) => {
    const heap = Heap.create()
    const refused = heap.serve(options as ServeOptions)
    await expect(refused).rejects.toThrow(message)
    await expect(refused).rejects.toMatchObject({ code: 'HW_ARGUMENT' })
    heap.close()
  })

  it('a port that is taken is refused', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const heap = Heap.create()
    await expect(heap.serve({ port })).rejects.toThrow('`port` must be one that nobody listens on')
    heap.close()
    other.close()
  })

  it('a closed heap is refused', async () => {
    const heap = Heap.create()
    heap.close()
    await expect(heap.serve()).rejects.toMatchObject({ code: 'HW_CLOSED' })
    await expect(heap.reportHtml()).rejects.toThrow(/has been closed/)
  })

  it('no report is made of a heap that is closed while its page is loaded', async () => {
    const heap = Heap.create()
    const report = heap.reportHtml()
    heap.close()
    await expect(report).rejects.toMatchObject({ code: 'HW_CLOSED' })
  })

  it('a platform without a server says so', async () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never)
    const heap = Heap.create()
    await expect(heap.serve()).rejects.toThrow(UnsupportedError)
    await expect(heap.serve()).rejects.toThrow('this platform has no HTTP server; heap.reportHtml() needs none')
    heap.close()
  })
})

describe('what is answered', () => {
  it('is the state of the heap', async () => {
    const heap = makeHeap()
    const { url } = await serve(heap)
    const state = await stateOf(url)
    expect(state).toMatchObject({ version: 1, heap: { name: 'served', mode: 'vm' } })
    const { figures, picture } = state
    expect(figures?.stats).toEqual(JSON.parse(JSON.stringify(heap.stats())))
    expect(figures?.pressure).toEqual(heap.pressure())
    expect(figures?.pauses?.all.count).toBe(1)
    expect(figures?.pauses?.recent).toHaveLength(1)
    expect(picture?.map.blocks).toBe(500)
    expect(picture?.types).toEqual(heap.census().map(({ typeId: _, ...type }) => type))
    expect(picture?.types?.[0]).toMatchObject({ type: 'Node', live: 300 })
    expect(state.history.committedBytes).toEqual([heap.stats().committedBytes])
  })

  it('comes with a policy under which only the page’s own scripts run', async () => {
    const { url } = await serve(makeHeap())
    for (const route of ['/', '/report.html']) {
      const { headers, text } = await ask(new URL(route, url).href)
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
      const policy = String(headers['content-security-policy'])
      const scripts = [...text.matchAll(/<script(?: type="module")?>([\s\S]*?)<\/script>/g)].map(([, script]) => script)
      const hashes = scripts.map((script) => `'sha256-${createHash('sha256').update(String(script)).digest('base64')}'`)
      expect(hashes).toHaveLength(2)
      expect(policy).toContain(`script-src ${hashes.join(' ')};`)
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toMatch(/script-src[^;]*unsafe/)
      expect(policy.includes("connect-src 'self'")).toBe(route === '/')
      // The same again inside, for when it is saved to a file.
      expect(text).toContain('http-equiv="Content-Security-Policy"')
      expect(text).not.toMatch(/\son\w+=/)
    }
  })

  it('comes with headers that make it useless to others', async () => {
    const { url } = await serve(makeHeap())
    for (const route of [...ROUTES, '/nowhere']) {
      const { headers } = await ask(new URL(route, url).href, { forMs: 100 })
      expect(headers, route).toMatchObject({
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      })
      expect(String(headers['content-security-policy'])).toMatch(/frame-ancestors 'none'$/)
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  it('has no secrets: nothing of blocks, objects, strings, environment or files', async () => {
    const secret = 'correct-horse-battery-staple'
    process.env.HEAPWRIGHT_TEST_SECRET = `${secret}-environment`
    const heap = Heap.create({ mode: 'vm' })
    const block = heap.alloc(100)
    heap.view(Uint8Array, block, secret.length).set(new TextEncoder().encode(secret))
    const scope = heap.scope()
    heap.values.string(`${secret}-string`)
    heap.values.object().set(`${secret.replaceAll('-', '')}Key`, heap.values.string(`${secret}-value`))
    const { url } = await serve(heap, { allowCommands: true })
    for (const route of ROUTES) {
      const { text } = await ask(new URL(route, url).href, { forMs: 300 })
      expect(text.length, route).toBeGreaterThan(1000)
      const told = [secret, secret.replaceAll('-', ''), Buffer.from(secret).toString('base64').slice(0, 20)]
      for (const word of [
        ...told,
        process.cwd(),
        process.execPath,
        process.env.HOME ?? process.cwd(),
        import.meta.dirname,
      ])
        if (word.length > 5) expect(text.includes(word), `${route}: ${word}`).toBe(false)
    }
    scope.close()
    delete process.env.HEAPWRIGHT_TEST_SECRET
  })

  it.each(['manual', 'compiler', 'runtime', 'vm', 'server', 'embedded'] as const)(
    'is there in mode %s, empty and not',
    async (mode) => {
      const heap = Heap.create({ mode })
      const { url } = await serve(heap)
      expect((await stateOf(url)).picture?.map.objects).toBe(0)
      if (mode !== 'embedded') heap.alloc(100)
      if (mode !== 'compiler') {
        const scope = heap.scope()
        heap.new(Node)
        scope.close()
      }
      const { figures, picture, end } = await stateOf(url)
      expect(end).toBeUndefined()
      expect(figures?.stats).toEqual(JSON.parse(JSON.stringify(heap.stats())))
      expect(await heap.reportHtml()).toContain(`mode <code>${mode}</code>`)
      expect(picture?.map.fill).toMatch(/[1-9a-f]/)
      expect(heap.verify().ok).toBe(true)
    },
  )

  it('has the metrics as Prometheus reads them', async () => {
    const heap = makeHeap()
    const { url } = await serve(heap)
    const { headers, text } = await ask(`${url}metrics`)
    expect(headers['content-type']).toBe(PROMETHEUS_CONTENT_TYPE)
    expect(text).toBe(prometheusText(heap))
    expect(text).toContain('heapwright_memory_used_bytes')
    heap.close()
    expect(await ask(`${url}metrics`)).toMatchObject({ status: 200, text: '' })
  })

  it('escapes the names that the program gave', async () => {
    const name = `</script><script>alert('1')</script><img src=x>`
    const heap = Heap.create({ mode: 'vm', name })
    const scope = heap.scope()
    heap.new(struct('<b>"&', { value: i32 }))
    scope.close()
    const { url } = await serve(heap)
    const { text } = await ask(url)
    expect(text).not.toContain('<img')
    expect(text.match(/<script/g)).toHaveLength(3)
    expect(text).toContain('&lt;b&gt;&quot;&amp;')
    expect((await heap.reportHtml()).match(/<script/g)).toHaveLength(3)
  })
})

describe('what is refused', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])('%s on every route', async (method) => {
    const { url } = await serve(makeHeap())
    for (const route of ROUTES) {
      const { status, headers } = await ask(new URL(route, url).href, { method })
      expect([route, status, headers.allow]).toEqual([route, 405, 'GET'])
    }
  })

  it.each(['/nowhere', '/collect', '/trim', '/state.json/', '//', '/__proto__', '/constructor', '/..%2fpackage.json'])(
    'no such page: %s',
    async (path) => {
      const { url } = await serve(makeHeap())
      expect((await ask(url.slice(0, -1) + path)).status).toBe(404)
    },
  )

  const hosts: [host: string, isAnswered: boolean][] = [
    ['localhost', true],
    ['LocalHost:1234', true],
    ['127.0.0.1', true],
    ['[::1]:80', true],
    ['evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['localhost.evil.example:80', false],
    ['evil.example:80@127.0.0.1', false],
    ['192.168.0.1', false],
    ['0.0.0.0', false],
    ['127.0.0.1:99999999', false],
  ]
  it.each(hosts)('by Host: "%s" is answered: %s', async (host, isAnswered) => {
    const { url } = await serve(makeHeap())
    for (const route of ROUTES) {
      const { status } = await ask(new URL(route, url).href, { headers: { host }, forMs: 100 })
      expect([route, status]).toEqual([route, isAnswered ? 200 : 403])
    }
  })

  const origins: [origin: string, isAnswered: boolean][] = [
    ['SELF', true],
    ['http://evil.example', false],
    ['https://127.0.0.1', false],
    ['http://127.0.0.1:1', false],
    ['null', false],
    ['', false],
  ]
  it.each(origins)('by Origin: "%s" is answered: %s', async (origin, isAnswered) => {
    const { url } = await serve(makeHeap())
    const headers = { origin: origin === 'SELF' ? url.slice(0, -1) : origin }
    for (const route of ROUTES) {
      const { status } = await ask(new URL(route, url).href, { headers, forMs: 100 })
      expect([route, status]).toEqual([route, isAnswered ? 200 : 403])
    }
  })

  it('by where the browser says that it comes from', () => {
    const facts = { host: 'localhost:1', origin: undefined, fetchMode: 'no-cors', localAddress: '127.0.0.1' }
    for (const [fetchSite, isAnswered] of [
      [undefined, true],
      ['none', true],
      ['same-origin', true],
      ['same-site', false],
      ['cross-site', false],
    ] as const) {
      expect([fetchSite, refusalOf({ ...facts, fetchSite }) === undefined]).toEqual([fetchSite, isAnswered])
      // To follow a link is fine.
      expect(refusalOf({ ...facts, fetchSite, fetchMode: 'navigate' })).toBeUndefined()
    }
    expect(refusalOf({ ...facts, host: undefined, fetchSite: undefined })).toContain('Host header')
    // A machine's own address is no name that could be pointed elsewhere.
    for (const [localAddress, host] of [
      ['10.0.0.7', '10.0.0.7:80'],
      ['::ffff:10.0.0.7', '10.0.0.7'],
      ['fd00::7', '[fd00::7]:80'],
    ] as const) {
      expect(refusalOf({ ...facts, host, localAddress, fetchSite: undefined })).toBeUndefined()
      expect(refusalOf({ ...facts, host: '10.0.0.8', localAddress, fetchSite: undefined })).toContain('another host')
    }
  })

  it.each([
    ['no HTTP at all', 'GET / HTTP/9.9\r\n\0\0\r\n\r\n', 400],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['no Host, as it was in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 403],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n', 403],
    [
      'a whole URL of another host',
      'GET http://evil.example/ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n',
      403,
    ],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n', 200],
  ])('%s', async (_, request, status) => {
    const { url } = await serve(makeHeap())
    const text = await new Promise<string>((resolve) => {
      let received = ''
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.on('data', (data) => {
        received += data
      })
      socket.on('close', () => resolve(received))
      socket.write(request)
    })
    expect(text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`)
    expect((await ask(url)).status).toBe(200)
  })
})

describe('who can connect', () => {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)

  it.skipIf(!own)('nobody from outside, by default', async () => {
    const { url } = await serve(makeHeap())
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
    const outside = `http://${own?.address}:${new URL(url).port}/`
    await expect(ask(outside)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('everybody where the host is another one, which is said once', async () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const { url } = await serve(makeHeap(), { host: '0.0.0.0' })
    const { port } = new URL(url)
    expect(write.mock.calls.map(([text]) => text)).toEqual([
      `heapwright: heap 'served' is shown at http://0.0.0.0:${port}/ to everybody who can reach this address\n`,
    ])
    // Not the address that stands for all of them: browsers and the server itself refuse that one.
    expect(url).toBe(`http://127.0.0.1:${port}/`)
    expect((await ask(url)).status).toBe(200)
    expect((await ask(`http://127.0.0.1:${port}/`, { headers: { host: 'evil.example' } })).status).toBe(403)
    if (own) expect((await ask(`http://${own.address}:${port}/`)).status).toBe(200)
    expect(write).toHaveBeenCalledTimes(1)
  })
})

describe('the stream', () => {
  it('begins with everything and goes on with what changes, no more often than it should', async () => {
    const heap = makeHeap()
    const { url } = await serve(heap, { everyMs: 100 })
    const busy = setInterval(() => {
      for (let i = 0; i < 100; i++) heap.alloc(16)
    }, 5)
    const { headers, text } = await ask(`${url}events`, { forMs: 1200 })
    clearInterval(busy)
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8')
    const events = eventsIn(text)
    expect(events[0]).toMatchObject({ name: 'state', data: { version: 1, heap: { name: 'served' } } })
    const figures = events.filter(({ name }) => name === 'figures').map(({ data }) => data as LiveFigures)
    expect(figures.length).toBeGreaterThan(2)
    expect(figures.length).toBeLessThanOrEqual(13)
    const blocks = figures.map(({ stats }) => stats.liveBlocks)
    expect(blocks.at(-1)).toBeGreaterThan(blocks[0] as number)
    expect(figures.map(({ sequence }) => sequence)).toEqual(figures.map((_, i) => (figures[0]?.sequence ?? 0) + i))
  })

  it('is the only thing that reads the heap, and only while it is open', async () => {
    const heap = makeHeap()
    const { url } = await serve(heap)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    const own = () => timers.mock.calls.filter(([run]) => String(run).includes('#update')).length
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(own()).toBe(0)
    await ask(`${url}events`, { forMs: 300 })
    const read = own()
    expect(read).toBeGreaterThan(1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(own()).toBeLessThanOrEqual(read + 1)
  })

  it('tells that the heap was closed, and whoever comes later, too', async () => {
    const heap = makeHeap()
    const { url } = await serve(heap)
    const stream = ask(`${url}events`, { forMs: 500 })
    setTimeout(() => heap.close(), 250)
    const events = eventsIn((await stream).text)
    expect(events.at(-1)).toMatchObject({ name: 'end', data: { reason: 'closed' } })
    const state = await stateOf(url)
    expect(state.end?.reason).toBe('closed')
    expect(state.figures?.stats.liveBlocks).toBe(500)
    expect(eventsIn((await ask(`${url}events`, { forMs: 100 })).text).map(({ name }) => name)).toEqual(['state', 'end'])
    expect((await ask(`${url}report.html`)).text).toContain('The heap was closed.')
  })

  it('tells when the heap cannot be read any more', async () => {
    const memory = new WebAssembly.Memory({ initial: 20 })
    const heap = Heap.create({ memory, base: 0, end: 20 * 65536 })
    const { url } = await serve(heap)
    const words = new Uint32Array(memory.buffer)
    // The number of size classes, in the control block.
    words[(heap.base + 100) >>> 2] = 0xffff
    const metrics = await ask(`${url}metrics`)
    expect([metrics.status, metrics.text]).toEqual([500, expect.stringMatching(/^corruption near 0x0: /)])
    const state = await stateOf(url)
    expect(state.end).toMatchObject({ reason: 'unreadable', message: expect.stringMatching(/^corruption near 0x0: /) })
    await expect(heap.reportHtml()).rejects.toMatchObject({ code: 'HW_CORRUPTION' })
  })

  it('has a limit on how many there are', async () => {
    const { url } = await serve(makeHeap())
    const streams = Array.from({ length: 33 }, () => ask(`${url}events`, { forMs: 700 }))
    const answers = await Promise.all(streams)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(32)
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(1)
    expect((await ask(`${url}events`, { forMs: 50 })).status).toBe(200)
  })

  it('is one of so many connections, streams or not', async () => {
    const { url } = await serve(makeHeap())
    const { port } = new URL(url)
    let ended = 0
    const sockets = Array.from({ length: 150 }, () => connect(Number(port), '127.0.0.1'))
    for (const socket of sockets) socket.on('error', () => {}).on('close', () => ended++)
    for (const socket of sockets) socket.resume()
    await expect.poll(() => ended).toBe(150 - 128)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => ended).toBe(150)
    await expect.poll(async () => (await ask(url)).status).toBe(200)
  })

  it('leaves out updates for a reader that does not keep up, but not the end', async () => {
    const heap = makeHeap()
    const source = new LiveSource(
      (heap as unknown as { core: ConstructorParameters<typeof LiveSource>[0] }).core,
      heap,
      50,
    )
    const written: string[] = []
    const response = {
      writableNeedDrain: false,
      writeHead: () => {},
      write: (text: string) => written.push(/event: (\w+)/.exec(text)?.[1] ?? ''),
      on: () => {},
    }
    new Streams(source).open(response as unknown as Parameters<Streams['open']>[0])
    await vi.waitFor(() => expect(written).toContain('figures'))
    response.writableNeedDrain = true
    const { length } = written
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect(written).toHaveLength(length)
    heap.close()
    expect(written.slice(length)).toEqual(['end'])
  })

  it('ends with the server, which can be closed twice', async () => {
    const heap = makeHeap()
    const server = await heap.serve()
    const stream = ask(`${server.url}events`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await Promise.all([server.close(), server.close()])
    // Cut or ended, it is over.
    await stream.catch(() => undefined)
    await expect(ask(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    heap.alloc(1)
    heap.close()
  })
})

describe('commands', () => {
  const tokenOf = (page: string) => /"token":"([^"]*)"/.exec(page)?.[1] ?? ''

  it('need the token, the method and the origin of the page', async () => {
    const heap = makeHeap()
    const { url } = await serve(heap, { allowCommands: true })
    const token = { 'x-heapwright-token': tokenOf((await ask(url)).text) }
    const { collections } = heap.stats()
    for (const name of ['collect', 'trim']) {
      const status = async (more: Ask) => (await ask(url + name, { method: 'POST', ...more })).status
      expect(await status({})).toBe(403)
      expect(await status({ headers: { 'x-heapwright-token': 'guessed' } })).toBe(403)
      expect(await status({ headers: { ...token, origin: 'http://evil.example' } })).toBe(403)
      expect(await status({ headers: { ...token, host: 'evil.example' } })).toBe(403)
      expect(await status({ headers: token, method: 'GET' })).toBe(405)
    }
    expect(heap.stats().collections).toBe(collections)
    const collected = await ask(`${url}collect`, { method: 'POST', headers: token })
    expect([collected.status, Object.keys(JSON.parse(collected.text))]).toEqual([200, ['freedBytes', 'ms']])
    expect(heap.stats().collections).toBe(collections + 1)
  })

  it('give free memory back to the system, and say what came of it', async () => {
    const pages = new RecordingPages()
    const heap = Heap.create({ limit: '64MiB', testing: { pages } })
    const { url } = await serve(heap, { allowCommands: true })
    const headers = { 'x-heapwright-token': tokenOf((await ask(url)).text) }
    // Like a call of the program's own, it is told.
    const told: unknown[] = []
    heap.on('trim', (event) => told.push(event))
    heap.free(heap.alloc(2 ** 20))
    const { status, text } = await ask(`${url}trim`, { method: 'POST', headers })
    const result = JSON.parse(text)
    expect([status, result.isSupported, result.releasedBytes]).toEqual([200, true, pages.goneBytes])
    expect(result.releasedBytes).toBeGreaterThan(2 ** 19)
    expect(told).toContainEqual({ bytes: pages.goneBytes, cause: 'decommit' })
    expect(heap.stats().trimmedBytes).toBe(pages.goneBytes)
    const without = Heap.create({ testing: { pages: portablePages('asked for') } })
    const { url: other } = await serve(without, { allowCommands: true })
    const token = { 'x-heapwright-token': tokenOf((await ask(other)).text) }
    const answer = JSON.parse((await ask(`${other}trim`, { method: 'POST', headers: token })).text)
    expect(answer).toMatchObject({ isSupported: false, reason: 'asked for', releasedBytes: 0 })
  })

  it('have tokens that are never told where commands are not allowed, nor in reports', async () => {
    const { url } = await serve(makeHeap())
    expect(tokenOf((await ask(url)).text)).toBe('')
    const { url: other } = await serve(makeHeap(), { allowCommands: true })
    expect(tokenOf((await ask(other)).text)).toMatch(/^[0-9a-f-]{36}$/)
    for (const route of ['state.json', 'report.html']) expect(tokenOf((await ask(other + route)).text)).toBe('')
  })

  it('say why they cannot be done', async () => {
    const heap = Heap.create({ mode: 'compiler' })
    const { url } = await serve(heap, { allowCommands: true })
    const token = { 'x-heapwright-token': tokenOf((await ask(url)).text) }
    const { status, text } = await ask(`${url}collect`, { method: 'POST', headers: token })
    expect([status, text]).toEqual([409, 'heap has no objects\n'])
    heap.close()
    expect((await ask(`${url}trim`, { method: 'POST', headers: token })).status).toBe(409)
  })
})

describe('the program', () => {
  /** Runs it; what it printed first is its URL. */
  function start(options: string): { readonly ended: Promise<number | null>; readonly url: Promise<string> } {
    const source = `
      import { Heap } from ${JSON.stringify(BUILT)}
      const heap = Heap.create()
      const { url } = await heap.serve(${options})
      console.log(url)
      setTimeout(() => {}, 400)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return {
      ended: new Promise((resolve) => child.on('exit', resolve)),
      url: new Promise((resolve) => child.stdout.once('data', (data) => resolve(String(data).trim()))),
    }
  }

  it('ends when it is done, also while somebody looks', async () => {
    const { ended, url } = start('{}')
    const { text } = await ask(`${await url}events`, { forMs: 20_000 })
    expect(text).toContain('event: figures')
    expect(await ended).toBe(0)
  })

  it('goes on where the server is to keep it alive', async () => {
    const { ended, url } = start('{ keepAlive: true }')
    const at = await url
    expect(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1200, 'alive'))])).toBe('alive')
    expect((await ask(at)).status).toBe(200)
  })
})

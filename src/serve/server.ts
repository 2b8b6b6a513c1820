/**
 * The server of the live page: a page, its data, and a stream of updates, over HTTP.
 *
 * | route | answer |
 * | --- | --- |
 * | `/` | the page |
 * | `/state.json` | everything that is known at this moment |
 * | `/events` | the same as it changes: Server-Sent Events |
 * | `/report.html` | the page as a file that needs no server |
 * | `/metrics` | the figures as Prometheus reads them; nothing once the heap was closed |
 * | `/collect`, `/trim` | commands, by POST, only with `allowCommands` |
 *
 * Guarantee: nothing is read of the heap while nobody asks. What is sent has figures, and the names of the heap, of its
 * types and tenants; no content of any block or object. See `request-guard.ts` for who is answered.
 */
import type { HeapCore } from '../core.js'
import { ArgumentError } from '../errors.js'
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from '../metrics/prometheus.js'
import { policyFor } from '../page/document.js'
import { renderLivePage } from '../page/live-page.js'
import type { HttpModule, HttpRequest, HttpResponse, HttpServer } from '../platform/http.js'
import { writeErrorLine } from '../platform/process.js'
import { type CommandName, type Commands, isCommand } from './commands.js'
import type { HeapSource } from './figures.js'
import { LiveSource } from './live-source.js'
import type { CheckedServeOptions, HeapServer } from './options.js'
import { hostOfAddress, isLoopback, reachableHost, refusalOf } from './request-guard.js'
import { HTML, JSON_TYPE, refuseMethod, send, TEXT } from './send.js'
import { Streams } from './streams.js'

/**
 * Connections at a time, streams and all; what is beyond is hung up on. Each may hold an answer that nobody reads, of
 * some 100 kB.
 */
const CONNECTIONS_MAX = 128

/** What the page's script sends along with a command. */
const TOKEN_HEADER = 'x-heapwright-token'

/** Start one. @throws ArgumentError when the address cannot be listened on */
export async function startServer(
  http: HttpModule,
  core: HeapCore,
  heap: HeapSource,
  commands: Commands,
  options: CheckedServeOptions,
): Promise<HeapServer> {
  const source = new LiveSource(core, heap, options.everyMs)
  const site = new Site(source, options.allowCommands ? commands : undefined)
  const server = http.createServer((request, response) => site.answer(request, response))
  server.maxConnections = CONNECTIONS_MAX
  if (!options.keepAlive) {
    server.on('connection', (socket) => socket.unref())
    server.unref()
  }
  await listen(server, options).catch((error: unknown) => {
    source.dispose()
    throw error
  })
  source.remember(core)
  const { address, port } = addressOf(server)
  if (!isLoopback(address)) {
    const place = `http://${hostOfAddress(address)}:${port}/`
    writeErrorLine(`heapwright: ${core.label} is shown at ${place} to everybody who can reach this address`)
  }
  const url = `http://${options.host === 'localhost' ? 'localhost' : reachableHost(address)}:${port}/`
  return {
    url,
    close: () => {
      source.dispose()
      return closeServer(server, site)
    },
  }
}

function listen(server: HttpServer, { port, host }: CheckedServeOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, port, host)))
    server.listen({ port, host }, resolve)
  })
}

function listenError(error: unknown, port: number, host: string): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return new ArgumentError('port', port, 'one that nobody listens on yet, or 0 for any')
  if (code === 'EACCES') return new ArgumentError('port', port, 'one that this program may listen on, or 0 for any')
  return new ArgumentError('host', host, `an address of this machine that can be listened on (${code ?? error})`)
}

function addressOf(server: HttpServer): { readonly address: string; readonly port: number } {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('a server that listens has an address')
  return address
}

function closeServer(server: HttpServer, site: Site): Promise<void> {
  return new Promise((resolve) => {
    // A server that was closed before is an error here, and no news to the caller.
    server.close(() => resolve())
    site.streams.close()
    server.closeAllConnections()
  })
}

/** What the requests of one server are answered with. */
class Site {
  readonly streams: Streams
  readonly #source: LiveSource
  readonly #commands: Commands | undefined
  readonly #token = crypto.randomUUID()

  constructor(source: LiveSource, commands: Commands | undefined) {
    this.#source = source
    this.#commands = commands
    this.streams = new Streams(source)
  }

  answer(request: HttpRequest, response: HttpResponse): void {
    // What is sent along is not read.
    request.resume()
    const refusal = refusalOf({
      host: request.headers.host,
      origin: request.headers.origin,
      fetchSite: headerOf(request, 'sec-fetch-site'),
      fetchMode: headerOf(request, 'sec-fetch-mode'),
      localAddress: request.socket.localAddress,
    })
    if (refusal !== undefined) {
      send(response, 403, TEXT, `${refusal}\n`)
      return
    }
    try {
      this.#answerOwn(request, response)
    } catch (error) {
      // A heap that is damaged must not end the program that is only looked at.
      send(response, 500, TEXT, `${error instanceof Error ? error.message : error}\n`)
    }
  }

  #answerOwn(request: HttpRequest, response: HttpResponse): void {
    const path = (request.url ?? '/').replace(/[?#].*$/, '')
    const name = path.slice(1)
    const route = ROUTES.get(path)
    if (this.#commands && isCommand(name)) this.#answerCommand(this.#commands[name], request, response)
    else if (!route) send(response, 404, TEXT, 'there is no such page here\n')
    else if (request.method !== 'GET') refuseMethod(response, 'GET')
    else if (route === 'events') this.streams.open(response)
    else if (route === 'metrics') this.#sendMetrics(response)
    else this.#sendState(route, response)
  }

  #sendMetrics(response: HttpResponse): void {
    const { heap } = this.#source
    send(response, 200, PROMETHEUS_CONTENT_TYPE, heap ? prometheusText(heap) : '')
  }

  #sendState(route: 'page' | 'state' | 'report', response: HttpResponse): void {
    const state = this.#source.readNow()
    if (route === 'state') {
      send(response, 200, JSON_TYPE, JSON.stringify(state))
      return
    }
    const follows = route === 'page'
    const token = this.#commands && follows ? { token: this.#token } : {}
    send(response, 200, HTML, renderLivePage({ state, follows, ...token }), {
      'content-security-policy': `${policyFor('live', follows)}; frame-ancestors 'none'`,
    })
  }

  #answerCommand(command: Commands[CommandName], request: HttpRequest, response: HttpResponse): void {
    if (request.method !== 'POST') {
      refuseMethod(response, 'POST')
      return
    }
    if (headerOf(request, TOKEN_HEADER) !== this.#token) {
      send(response, 403, TEXT, `the header ${TOKEN_HEADER} must have the token of the page\n`)
      return
    }
    try {
      send(response, 200, JSON_TYPE, JSON.stringify(command()))
    } catch (error) {
      send(response, 409, TEXT, `${error instanceof Error ? error.message : error}\n`)
    }
  }
}

const ROUTES: ReadonlyMap<string, 'page' | 'state' | 'events' | 'report' | 'metrics'> = new Map([
  ['/', 'page'],
  ['/state.json', 'state'],
  ['/events', 'events'],
  ['/report.html', 'report'],
  ['/metrics', 'metrics'],
])

function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * The streams of updates: Server-Sent Events (HTML standard, 9.2), each event a line of JSON. All streams share one
 * source, which reads the heap while there is a stream. One whose reader is slow misses updates instead of piling them
 * up.
 *
 *   state     once, at first: everything
 *   figures, picture, end     what has changed
 */
import type { LiveState } from '../page/live-data.js'
import type { HttpResponse } from '../platform/http.js'
import type { LiveEvent, LiveSource } from './live-source.js'
import { COMMON_HEADERS, send, TEXT } from './send.js'

const STREAMS_MAX = 32
/** After so long a browser tries again when the stream has broken off. */
const RETRY_MS = 1000

export class Streams {
  readonly #source: LiveSource
  readonly #open = new Map<HttpResponse, () => void>()

  constructor(source: LiveSource) {
    this.#source = source
  }

  open(response: HttpResponse): void {
    if (this.#open.size >= STREAMS_MAX) {
      send(response, 503, TEXT, `there are ${STREAMS_MAX} streams already, which is the most\n`)
      return
    }
    response.writeHead(200, { ...COMMON_HEADERS, 'content-type': 'text/event-stream; charset=utf-8' })
    response.write(`retry: ${RETRY_MS}\n`)
    writeEvent(response, { name: 'state', data: this.#source.readNow() })
    const { end } = this.#source
    if (end) writeEvent(response, { name: 'end', data: end })
    const unfollow = this.#source.follow((event) => {
      if (event.name === 'end' || !response.writableNeedDrain) writeEvent(response, event)
    })
    this.#open.set(response, unfollow)
    response.on('close', () => this.#drop(response))
    response.on('error', () => this.#drop(response))
  }

  #drop(response: HttpResponse): void {
    this.#open.get(response)?.()
    this.#open.delete(response)
  }

  close(): void {
    for (const response of [...this.#open.keys()]) {
      this.#drop(response)
      response.end()
    }
  }
}

function writeEvent(response: HttpResponse, event: LiveEvent | { name: 'state'; data: LiveState }): void {
  response.write(`event: ${event.name}\ndata: ${JSON.stringify(event.data)}\n\n`)
}

/** What `heapwright top` asks of a heap's server, with errors that say which server and what about it. */

import type { LiveState } from '../page/live-data.js'
import { LIVE_EVENTS, type LiveEventName, updateState } from '../page/live-update.js'

const ANSWER_MAX_MS = 30_000
/** Of the list in the Fetch Standard, which browsers keep to as well. */
const BAD_PORT = 'this port is kept for another protocol, and neither fetch nor a browser asks there'

/** The whole state, read now. */
export async function fetchState(url: string): Promise<LiveState> {
  const text = await (await get(url, 'state.json')).text()
  return parseState(url, text)
}

export async function fetchReport(url: string): Promise<string> {
  const text = await (await get(url, 'report.html')).text()
  if (!text.includes('content="heapwright"')) throw notOurs(url)
  return text
}

/** Gives each new state to `take`, until the heap or the program ends; what has ended, in words. */
export async function followState(url: string, take: (state: LiveState) => void): Promise<string> {
  const { body } = await get(url, 'events')
  if (!body) throw notOurs(url)
  let state: LiveState | undefined
  try {
    for await (const { name, data } of readEvents(body)) {
      state = state ? updateState(state, name, JSON.parse(data)) : parseState(url, data)
      take(state)
      if (state.end) return describeEnd(state.end)
    }
  } catch (error) {
    if (!state || error instanceof SyntaxError) throw error
  }
  if (!state) throw notOurs(url)
  return 'The program has ended, or has stopped serving.'
}

function describeEnd({ reason, message }: NonNullable<LiveState['end']>): string {
  return reason === 'closed' ? 'The heap was closed.' : `The heap cannot be read: ${message}`
}

async function get(url: string, route: string): Promise<Response> {
  // A stream may go on for ever; its first byte may not take that long.
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), ANSWER_MAX_MS)
  const answer = await fetch(new URL(route, url), { signal: abort.signal, redirect: 'error' })
    .catch((error: unknown) => {
      throw new Error(`${url}: ${abort.signal.aborted ? 'no answer' : connectionReason(error)}`, { cause: error })
    })
    .finally(() => clearTimeout(timer))
  if (answer.status === 404) throw notOurs(url)
  if (!answer.ok) throw new Error(`${url}: ${(await answer.text()).trim() || `status ${answer.status}`}`)
  return answer
}

function connectionReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ECONNREFUSED') return 'nobody answers: the program has ended, or does not serve its heap there'
  if (code === 'ENOTFOUND') return 'there is no such host'
  if (cause instanceof Error && cause.message === 'bad port') return BAD_PORT
  return cause instanceof Error ? cause.message : String(cause)
}

function notOurs(url: string): Error {
  return new Error(`${url}: it is not the page of a heap`)
}

function parseState(url: string, text: string): LiveState {
  let state: Partial<LiveState> | null
  try {
    state = JSON.parse(text)
  } catch {
    throw notOurs(url)
  }
  if (typeof state !== 'object' || typeof state?.heap?.name !== 'string' || !state.history) throw notOurs(url)
  if (state.version !== 1)
    throw new Error(`${url}: it is of version ${state.version}, and this program reads version 1`)
  return state as LiveState
}

/** Server-Sent Events, as far as the server makes use of them: `event` and one line of `data`. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<{ name: LiveEventName; data: string }> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const [, name = '', data = ''] = /^event: (.*)\ndata: (.*)$/m.exec(block) ?? []
      const known = LIVE_EVENTS.find((event) => event === name)
      if (known) yield { name: known, data }
    }
  }
}

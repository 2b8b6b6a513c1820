/** What `heap.serve` can be told, and what it gives. */
import { checkOptions, checkRange } from '../arguments.js'
import { ArgumentError } from '../errors.js'

export interface ServeOptions {
  /** Port, 0 to 65535; 0 takes a free one. Default 0. */
  readonly port?: number
  /**
   * Address to listen on. Default `'127.0.0.1'`: only programs on this machine can connect. With any other address
   * everybody who can reach it sees the figures; a line on standard error says so.
   */
  readonly host?: string
  /** Whether the page may make the heap collect, and give free pages back. Default false: it only looks. */
  readonly allowCommands?: boolean
  /** Whether the server keeps the program alive. Default false: a program that is done ends. */
  readonly keepAlive?: boolean
  /** Milliseconds between updates, from 50 to 60,000; more where reading takes long. Default 500. */
  readonly everyMs?: number
}

export type CheckedServeOptions = Required<ServeOptions>

/** The server of a heap's live page. */
export interface HeapServer {
  /** Where the page is, with a slash at the end. */
  readonly url: string
  /** End the server and its connections. The heap stays. */
  close(): Promise<void>
}

const NAMES: readonly (keyof ServeOptions)[] = ['port', 'host', 'allowCommands', 'keepAlive', 'everyMs']
const PORT_MAX = 65_535
const EVERY_MIN_MS = 50
const EVERY_MAX_MS = 60_000

/** @throws ArgumentError */
export function checkServeOptions(options: ServeOptions): CheckedServeOptions {
  checkOptions('options', options, NAMES)
  const { port = 0, host = '127.0.0.1', allowCommands = false, keepAlive = false, everyMs = 500 } = options
  checkRange('port', port, 0, PORT_MAX)
  checkRange('everyMs', everyMs, EVERY_MIN_MS, EVERY_MAX_MS)
  if (typeof host !== 'string' || host === '') throw new ArgumentError('host', host, "an address such as '127.0.0.1'")
  if (typeof allowCommands !== 'boolean') throw new ArgumentError('allowCommands', allowCommands, 'true or false')
  if (typeof keepAlive !== 'boolean') throw new ArgumentError('keepAlive', keepAlive, 'true or false')
  return { port, host, allowCommands, keepAlive, everyMs }
}

/** Other programs that `heapwright top` starts: the script whose heaps are served, and the browser. */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ServeOptions } from '../serve/options.js'
import { printNote } from './output.js'
import { CHANNEL, type HookMessage, OPTIONS_VARIABLE, PARENT_VARIABLE } from './top-channel.js'

/**
 * Runs a script in Node, with its heaps served, and ends as it ends: with its exit code, or by its signal.
 *
 * @param tell hears of each heap
 */
export async function runServed(
  file: string,
  args: readonly string[],
  options: ServeOptions,
  tell: (message: HookMessage) => void,
): Promise<void> {
  const hook = new URL('top-hook.js', import.meta.url).href
  const variables = { [PARENT_VARIABLE]: String(process.pid), [OPTIONS_VARIABLE]: JSON.stringify(options) }
  const child = spawn(process.execPath, ['--import', hook, file, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...variables },
  })
  let heaps = 0
  const channel = child.stdio[CHANNEL]
  if (channel instanceof Readable) {
    createInterface(channel).on('line', (line) => {
      heaps++
      tell(JSON.parse(line))
    })
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // From a terminal Ctrl-C comes to both.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (...how) => resolve(how))
  })
  if (heaps === 0) printNote('heapwright: the program has made no heap')
  if (signal) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exitCode = code ?? 1
}

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

/** Opens a page in the browser of whoever sits here; where there is none, the URL is printed. */
export async function openInBrowser(url: string): Promise<void> {
  const [command = 'xdg-open', ...args] = OPENERS[process.platform] ?? []
  const opener = spawn(command, [...args, url], { stdio: 'ignore', detached: true })
  opener.unref()
  const isOpen = await new Promise<boolean>((resolve) => {
    opener.on('error', () => resolve(false))
    opener.on('spawn', () => resolve(true))
  })
  if (!isOpen) printNote(`heapwright: no browser could be started; the page is ${url}`)
}

/**
 * Loaded before the program that `heapwright top` has started: serves every heap that it makes, and tells the command
 * where, as lines of JSON on file descriptor 3. In any other process, such as one that the program starts in turn, it
 * does nothing: that descriptor may be something else there.
 */

import { writeSync } from 'node:fs'
import { CREATED_HOOK } from '../serve/created.js'
import type { HeapServer, ServeOptions } from '../serve/options.js'
import { CHANNEL, HEAPS_MAX, type HookMessage, OPTIONS_VARIABLE, PARENT_VARIABLE } from './top-channel.js'

interface Served {
  readonly name: string
  serve(options: ServeOptions): Promise<HeapServer>
}

let heaps = 0

async function serve(heap: Served, options: ServeOptions): Promise<void> {
  heaps++
  // Each has a port of its own.
  if (heaps > HEAPS_MAX) {
    tell({ name: heap.name, refusal: `only the first ${HEAPS_MAX} heaps are shown` })
    return
  }
  try {
    const { url } = await heap.serve(options)
    tell({ name: heap.name, url })
  } catch (error) {
    tell({ name: heap.name, refusal: error instanceof Error ? error.message : String(error) })
  }
}

function tell(message: HookMessage): void {
  try {
    writeSync(CHANNEL, `${JSON.stringify(message)}\n`)
  } catch {
    // The command has gone; the program goes on without it.
  }
}

if (process.env[PARENT_VARIABLE] === String(process.ppid)) {
  const options: ServeOptions = JSON.parse(process.env[OPTIONS_VARIABLE] ?? '{}')
  const value = (heap: Served) => void serve(heap, options)
  Object.defineProperty(globalThis, CREATED_HOOK, { value })
}

/** `heap.serve`: loaded when it is first called, so that programs that never do need not have it. */
import type { HeapCore } from '../core.js'
import { UnsupportedError } from '../errors.js'
import { httpModule } from '../platform/http.js'
import { commandsOf } from './commands.js'
import type { HeapSource } from './figures.js'
import { checkServeOptions, type HeapServer, type ServeOptions } from './options.js'
import { startServer } from './server.js'

/** @throws ArgumentError, UnsupportedError */
export async function serveHeap(core: HeapCore, heap: HeapSource, options: ServeOptions): Promise<HeapServer> {
  const checked = checkServeOptions(options)
  const http = httpModule()
  if (!http) throw new UnsupportedError(core.mode, 'HTTP server', 'heap.reportHtml() needs none', 'this platform')
  return startServer(http, core, heap, commandsOf(core), checked)
}

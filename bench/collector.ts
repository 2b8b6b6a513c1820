/** V8's own collector, called between measurements so that its pauses fall into none of them. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Makes V8's collector callable as `globalThis.gc`, as `node --expose-gc` does. */
export function exposeCollector(): void {
  if (globalThis.gc) return
  setFlagsFromString('--expose-gc')
  globalThis.gc = runInNewContext('gc')
}

/** Where memories lie in this process, and the calls that forks need, for tests. */
import { createRequire } from 'node:module'
import { bindForkCalls, type ForkCallOptions, type ForkCalls, type ForkKoffi } from '../../src/platform/fork-calls.js'

function koffi(): ForkKoffi {
  return createRequire(import.meta.url)('koffi') as ForkKoffi
}

/** Address of a memory's first byte in the process. */
export function koffiAddress(memory: WebAssembly.Memory): number {
  return Number(koffi().address(new Uint8Array(memory.buffer)))
}

export function realForkCalls(options?: ForkCallOptions): ForkCalls {
  return bindForkCalls(koffi(), options)
}

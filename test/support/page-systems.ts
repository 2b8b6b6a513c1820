/**
 * The page systems that tests run on: the portable one everywhere, and that of the system where it has one. A guest
 * that stores and loads shows what WebAssembly sees of an access.
 */

import type { PageSystem } from '../../src/platform/pages.js'
import { portablePages } from '../../src/platform/pages-portable.js'
import { loadPosixPages } from '../../src/platform/pages-posix.js'

const found = loadPosixPages()

/** That of the system; undefined where tests of it are skipped, for the reason that follows. */
export const posixPages: PageSystem | undefined = typeof found === 'string' ? undefined : found
export const posixReason: string | undefined = typeof found === 'string' ? found : undefined

// What is skipped where koffi is installed and may be used would prove nothing.
if (process.env.CI && process.platform !== 'win32' && posixReason !== undefined)
  throw new Error(`no POSIX pages: ${posixReason}`)

export const pageSystems: readonly (readonly [string, PageSystem])[] = [
  ['portable', portablePages('asked for')],
  ...(posixPages ? ([['posix', posixPages]] as const) : []),
]

/** `pages`, whose call of a name is another. */
export function pagesWith(pages: PageSystem, calls: Partial<PageSystem>): PageSystem {
  return new Proxy(pages, {
    get: (target, name) => {
      const own = calls[name as keyof PageSystem] ?? target[name as keyof PageSystem]
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

/** (module (import "e" "m" (memory 0)) (func (export "store") i32.store8) (func (export "load") i32.load8_u)) */
const GUEST = [
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...[1, 11, 2, 96, 2, 127, 127, 0, 96, 1, 127, 1, 127],
  ...[2, 8, 1, 1, 101, 1, 109, 2, 0, 0],
  ...[3, 3, 2, 0, 1],
  ...[7, 16, 2, 5, ...Buffer.from('store'), 0, 0, 4, ...Buffer.from('load'), 0, 1],
  ...[10, 19, 2, 9, 0, 32, 0, 32, 1, 58, 0, 0, 11, 7, 0, 32, 0, 45, 0, 0, 11],
]

export interface MemoryGuest {
  store(address: number, byte: number): void
  load(address: number): number
}

/** A guest over the memory, which loads and stores bytes. */
export function guestOver(memory: WebAssembly.Memory): MemoryGuest {
  const module = new WebAssembly.Module(Uint8Array.from(GUEST))
  return new WebAssembly.Instance(module, { e: { m: memory } }).exports as unknown as MemoryGuest
}

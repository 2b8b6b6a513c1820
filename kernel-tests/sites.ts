/**
 * Places to put a structure under test, each between two strips of painted bytes that must not change: low in the
 * memory, at an odd address, across and above 2 GiB (where a signed address turns negative), and with its last byte the
 * last of 4 GiB (where an end address wraps to 0 and a read too far traps).
 *
 * The memory has 65,536 pages, of which the tests touch a few; the rest costs address space only.
 */

export type Site = 'low' | 'odd' | 'across 2 GiB' | 'above 2 GiB' | 'end of 4 GiB'
export const SITES: readonly Site[] = ['low', 'odd', 'across 2 GiB', 'above 2 GiB', 'end of 4 GiB']

const GIB = 2 ** 30
const STRIP_BYTES = 64
const PAINT = 0xa5
/** Stands where a structure is to be made: whoever relies on zeroed memory fails. */
const GARBAGE = 0xee

/** The memory of all sites. One site is in use at a time. */
export const memory: WebAssembly.Memory = new WebAssembly.Memory({ initial: 65536 })
const all = new Uint8Array(memory.buffer)

export interface Painted {
  readonly memory: WebAssembly.Memory
  readonly address: number
  /** The bytes of the structure, as they are now. */
  readonly bytes: Uint8Array
  /** Whether all bytes around it are as they were. */
  intact(): boolean
}

/** `bytes` bytes of garbage at the site, painted strips around them. */
export function paint(site: Site, bytes: number): Painted {
  const address = addressOf(site, bytes)
  const end = address + bytes
  const before = all.subarray(address - STRIP_BYTES, address).fill(PAINT)
  const behind = all.subarray(end, end + STRIP_BYTES).fill(PAINT)
  const structure = all.subarray(address, end).fill(GARBAGE)
  const isPaint = (byte: number): boolean => byte === PAINT
  return { memory, address, bytes: structure, intact: () => before.every(isPaint) && behind.every(isPaint) }
}

function addressOf(site: Site, bytes: number): number {
  switch (site) {
    case 'low':
      return 0x1010
    case 'odd':
      return 0x2203
    case 'across 2 GiB':
      return 2 * GIB - 16 * Math.max(1, Math.floor(bytes / 32))
    case 'above 2 GiB':
      return 2 * GIB + 0x5550
    case 'end of 4 GiB':
      return 4 * GIB - bytes
  }
}

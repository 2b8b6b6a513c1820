// biome-ignore-all lint: AssemblyScript
/**
 * The block fast path of `kernel/block/alloc.ts` cut down to what the call-cost experiment needs (AssemblyScript):
 * the same loads, checks and stores in the same order, over the same kind of structures, and a slow path that only ever
 * takes fresh pages. `call-cost.mjs` runs the same fast path in JavaScript over this module's memory.
 *
 *   512 live bytes  516 peak bytes  520 live blocks      1024 current page by class (u32)   1536 class by granules (u8)
 *   2304 the empty page   4096 table: 16 bytes a MiB { mapBias, lo, spanGranules, unitBias }
 *   each MiB from 1 up: [ byte map 64 KiB | 256 unit descriptors of 32 bytes | pad | units from 80 KiB on ]
 */

@unmanaged
class Page {
  head: usize
  free: usize
  used: u16
  slowAt: u16
  mapBias: usize
  next: usize
  prev: usize
  blockBytes: u16
  classIndex: u8
  units: u8
  carved: u16
  capacity: u16
}

@unmanaged
class Entry {
  mapBias: usize
  lo: usize
  spanGranules: u32
  unitBias: usize
}

const LIVE: usize = 512
const CURRENT: usize = 1024
const CLASS_OF: usize = 1536
const EMPTY: usize = 2304
const PARTIAL: usize = 3072
const TABLE: usize = 4096
const UNITS: u32 = 4

let top: usize = 0
let end: usize = 0

export function trivial(x: i32): i32 {
  return x + 1
}

export function init(): void {
  let bytes: u32 = 0
  let index: u32 = 0
  for (let g: u32 = 0; g <= 512; g++) {
    if (g << 4 > bytes || !g) {
      index++
      bytes = bytes < 128 ? bytes + 16 : bytes + ((1 << (31 - clz(bytes))) >> 3)
      bytes = (bytes + 15) & ~15
      store<u32>(CURRENT + (index << 2), EMPTY)
      store<u32>(PARTIAL + (index << 2), 0)
    }
    store<u8>(CLASS_OF + g, <u8>index)
  }
  top = end = 0x100000
}

export function alloc(size: u32): usize {
  if (size <= 2048) {
    const page = changetype<Page>(load<u32>(CURRENT + ((<usize>load<u8>(CLASS_OF + ((size + 15) >> 4))) << 2)))
    const block = page.free
    if (block) {
      page.free = load<usize>(block)
      page.used++
      store<u8>(page.mapBias + (block >> 4), 1)
      store<u32>(LIVE, load<u32>(LIVE) + page.blockBytes)
      store<u32>(LIVE, load<u32>(LIVE, 8) + 1, 8)
      return block
    }
  }
  return allocSlow(size)
}

export function free(p: usize): u32 {
  const entry = changetype<Entry>(TABLE + ((p >> 20) << 4))
  if (rotr(p - entry.lo, 4) < entry.spanGranules) {
    const map = entry.mapBias + (p >> 4)
    if (load<u8>(map) == 1) {
      const page = changetype<Page>(load<u32>(entry.unitBias + ((p >> 12) << 5)))
      store<u8>(map, 0)
      store<usize>(p, page.free)
      page.free = p
      const live = load<u32>(LIVE)
      if (live > load<u32>(LIVE, 4)) store<u32>(LIVE, live, 4)
      store<u32>(LIVE, live - page.blockBytes)
      store<u32>(LIVE, load<u32>(LIVE, 8) - 1, 8)
      const used = page.used - 1
      page.used = used
      if (used == page.slowAt) pageSlow(page)
      return 0
    }
  }
  return 1
}

/** What a JavaScript fast path calls for the rest. */
export function allocSlow(size: u32): usize {
  if (size > 2048) return 0
  const index = <u32>load<u8>(CLASS_OF + ((size + 15) >> 4))
  const slot = CURRENT + (index << 2)
  const old = load<u32>(slot)
  if (old != EMPTY) changetype<Page>(old).slowAt = changetype<Page>(old).capacity - 1
  const partial = load<u32>(PARTIAL + (index << 2))
  if (partial) store<u32>(PARTIAL + (index << 2), changetype<Page>(partial).next)
  const next = partial ? partial : makePage(index)
  changetype<Page>(next).slowAt = 0xffff
  store<u32>(slot, next)
  return alloc(size)
}

export function pageSlowAt(page: usize): void {
  pageSlow(changetype<Page>(page))
}

function pageSlow(page: Page): void {
  if (!page.slowAt) return
  page.slowAt = 0
  const list = PARTIAL + ((<usize>page.classIndex) << 2)
  page.next = load<u32>(list)
  store<u32>(list, changetype<usize>(page))
}

function makePage(index: u32): usize {
  let g: u32 = 0
  while (<u32>load<u8>(CLASS_OF + g) <= index && g <= 512) g++
  const bytes = (g - 1) << 4
  if (top == end) {
    const chunk = end
    if (chunk + 0x100000 > (<usize>memory.size()) << 16) memory.grow(16)
    const entry = changetype<Entry>(TABLE + ((chunk >> 20) << 4))
    entry.mapBias = chunk - (chunk >> 4)
    entry.lo = chunk + 0x14000
    entry.spanGranules = (0x100000 - 0x14000) >> 4
    entry.unitBias = chunk + 0x10000 - ((chunk >> 12) << 5)
    top = chunk + 0x14000
    end = chunk + 0x100000
  }
  const start = top
  top += UNITS << 12
  const entry = changetype<Entry>(TABLE + ((start >> 20) << 4))
  const head = entry.unitBias + ((start >> 12) << 5)
  for (let i: u32 = 0; i < UNITS; i++) store<u32>(head + (i << 5), <u32>head)
  const page = changetype<Page>(head)
  page.free = start
  page.used = 0
  page.mapBias = entry.mapBias
  page.blockBytes = <u16>bytes
  page.classIndex = <u8>index
  page.capacity = <u16>((UNITS << 12) / bytes)
  for (let i: u32 = 0; i < <u32>page.capacity; i++) {
    const block = start + i * bytes
    store<u32>(block, i + 1 < <u32>page.capacity ? <u32>(block + bytes) : 0)
  }
  return head
}

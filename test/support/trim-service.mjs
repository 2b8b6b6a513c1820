/**
 * A program like a service: it grows to 512 MiB of live blocks of many sizes, drops to 16 MiB or less, gives the rest
 * back, and prints as one line of JSON what of it was resident. Run by test/trim-service.test.ts, on each Node that is
 * there.
 *
 *   node test/support/trim-service.mjs MODULE trim|decay
 *
 * MODULE is the library's entry. `trim` calls heap.trim() at the end; with `decay` the option alone does it.
 */
import { pathToFileURL } from 'node:url'

const [, , entry, how] = process.argv
const { Heap } = await import(pathToFileURL(entry).href)

const MIB = 2 ** 20
const LIVE_BYTES = 512 * MIB
const DECAY_MS = 100
/** Small blocks as objects have them, texts, buffers, and now and then something huge. */
const SIZES = [48, 120, 400, 1500, 6000, 30_000, 200_000, 3_000_000]

const residentBytes = () => process.memoryUsage.rss()
// Neither growth nor bookkeeping shall look like memory that was kept.
const heap = Heap.create({ limit: '1GiB', reserve: true, ...(how === 'decay' && { trim: { decayMs: DECAY_MS } }) })
const addresses = new Uint32Array(2 ** 20).fill(1)
const { alloc, free, u8 } = heap.raw
const sizeOf = (i) => SIZES[powerOfThree(i)]
const startBytes = residentBytes()

/** How often 3 divides a number: of the longer blocks there are fewer, so that all sizes have many bytes. */
function powerOfThree(i) {
  let power = 0
  for (let rest = i + 1; rest % 3 === 0 && power < SIZES.length - 1; rest /= 3) power++
  return power
}

let count = 0
for (let liveBytes = 0; liveBytes < LIVE_BYTES; count++) {
  const size = sizeOf(count)
  const address = alloc(size) >>> 0
  u8.fill(1 + (count % 250), address, address + size)
  addresses[count] = address
  liveBytes += size
}
const fullBytes = residentBytes()

// What is kept lies all over the memory: of each nine sessions one, each of 1,024 blocks made one after the other.
const isKept = (i) => (i >>> 10) % 9 === 5 && sizeOf(i) < MIB
let keptBytes = 0
for (let i = 0; i < count; i++) {
  if (isKept(i)) keptBytes += sizeOf(i)
  else free(addresses[i])
}
const freedBytes = residentBytes()
const result = how === 'trim' ? heap.trim() : undefined
// The timer of decay does not keep the process alive: this one does.
if (how === 'decay') {
  for (let seen = -1; seen !== heap.stats().trimmedBytes; ) {
    seen = heap.stats().trimmedBytes
    await new Promise((resolve) => setTimeout(resolve, 5 * DECAY_MS))
  }
}
const endBytes = residentBytes()

let isWhole = true
for (let i = 0; i < count; i++) {
  if (!isKept(i)) continue
  const address = addresses[i]
  isWhole &&= u8.subarray(address, address + sizeOf(i)).every((at) => at === 1 + (i % 250))
}
const stats = heap.stats()
console.log(
  JSON.stringify({
    node: process.version,
    startBytes,
    fullBytes,
    freedBytes,
    endBytes,
    keptBytes,
    isWhole,
    isSound: heap.verify().ok,
    trimmedBytes: stats.trimmedBytes,
    committedBytes: stats.committedBytes,
    result,
  }),
)

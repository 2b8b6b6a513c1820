/**
 * The compiled building blocks (`kernel/bits`), bound to a memory: one small stateless instance for each.
 *
 * Addresses and positions come back as signed numbers; `>>> 0` makes them what they are.
 */
import { BITS_BASE64 } from '../bits-bytes.generated.js'
import { ArgumentError } from '../errors.js'
import { protectionOf } from '../protection.js'
import { protectedBits } from './protected-kernel.js'

/** What `kernel/bits/abi.ts` exports, addresses and sizes unsigned in, signed out. */
export interface BitsKernel {
  bitmapBytes(bits: number): number
  bitmapInit(at: number, bits: number): number
  bitmapBits(at: number): number
  bitmapGet(at: number, position: number): number
  bitmapSet(at: number, position: number): number
  bitmapClear(at: number, position: number): number
  bitmapFlip(at: number, position: number): number
  bitmapSetRange(at: number, from: number, count: number): number
  bitmapClearRange(at: number, from: number, count: number): number
  bitmapFlipRange(at: number, from: number, count: number): number
  bitmapCount(at: number, from: number, count: number): number
  bitmapFindSet(at: number, from: number): number
  bitmapFindClear(at: number, from: number): number
  bitmapFindClearRun(at: number, from: number, count: number): number
  bitmapAny(at: number): number
  bitmapAll(at: number): number

  nodeInit(node: number): void
  nodeNext(node: number): number
  nodePrev(node: number): number
  nodeOwner(node: number): number
  listInit(list: number): void
  listCount(list: number): number
  listContains(list: number, node: number): number
  listFirst(list: number): number
  listLast(list: number): number
  listPushFront(list: number, node: number): number
  listPushBack(list: number, node: number): number
  listInsertBefore(list: number, place: number, node: number): number
  listInsertAfter(list: number, place: number, node: number): number
  listRemove(list: number, node: number): number
  listPopFront(list: number): number
  listPopBack(list: number): number
  listClear(list: number): void
  listSplice(to: number, place: number, from: number, first: number, count: number): number
  listVerify(list: number): number

  arrayBytes(capacity: number, itemBytes: number): number
  arrayInit(at: number, capacity: number, itemBytes: number): number
  arrayLength(at: number): number
  arrayAt(at: number, index: number): number
  arraySet(at: number, index: number, source: number): number
  arrayPush(at: number): number
  arrayPop(at: number): number
  arrayInsert(at: number, index: number): number
  arrayRemove(at: number, index: number): number
  arraySwapRemove(at: number, index: number): number
  arrayClear(at: number): void

  ringBytes(capacity: number, itemBytes: number): number
  ringInit(at: number, capacity: number, itemBytes: number): number
  ringCount(at: number): number
  ringAt(at: number, index: number): number
  ringFront(at: number): number
  ringBack(at: number): number
  ringPushBack(at: number): number
  ringPushFront(at: number): number
  ringPushBackOverwrite(at: number): number
  ringPushFrontOverwrite(at: number): number
  ringPopFront(at: number): number
  ringPopBack(at: number): number
  ringClear(at: number): void

  alignUp(x: number, alignment: number): number
  alignDown(x: number, alignment: number): number
  isAligned(x: number, alignment: number): number
  isPowerOfTwo(x: number): number
}

let compiled: WebAssembly.Module | undefined
const instances = new WeakMap<WebAssembly.Memory, BitsKernel>()
const protectedInstances = new WeakMap<WebAssembly.Memory, BitsKernel>()

/** Those to call now: while something in the memory is protected their calls throw ProtectionError. */
export function currentBits(memory: WebAssembly.Memory): BitsKernel {
  const table = protectionOf(memory)
  const plain = bitsKernel(memory)
  if (table.isEmpty) return plain
  const known = protectedInstances.get(memory)
  if (known) return known
  const kernel = protectedBits(plain, table)
  protectedInstances.set(memory, kernel)
  return kernel
}

/**
 * The building blocks over `memory`, unprotected; compiled on first use, then one instance for each memory.
 * @throws ArgumentError for a shared memory, which needs another build
 */
export function bitsKernel(memory: WebAssembly.Memory): BitsKernel {
  const known = instances.get(memory)
  if (known) return known
  if (typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer)
    throw new ArgumentError('memory', memory, 'a memory that is not shared')
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(BITS_BASE64), (char) => char.charCodeAt(0)))
  const kernel = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as BitsKernel
  instances.set(memory, kernel)
  return kernel
}

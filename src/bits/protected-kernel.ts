/**
 * The building blocks over a memory in which something is protected: each call looks first whether its structure lies
 * there. A structure is in one block, which is protected as a whole, so its first byte speaks for it; nodes of a list
 * lie in other blocks, and are looked at when they are named.
 */

import { LIST_NODE_BYTES } from '../../kernel/bits/layout.js'
import type { ProtectionTable } from '../protection.js'
import type { BitsKernel } from './kernel.js'

/** Calls that are given no address. */
const ADDRESSLESS: ReadonlySet<string> = new Set(
  'bitmapBytes arrayBytes ringBytes alignUp alignDown isAligned isPowerOfTwo'.split(' '),
)
/** Calls that store nothing. */
const READING: ReadonlySet<string> = new Set(
  (
    'bitmapBits bitmapGet bitmapCount bitmapFindSet bitmapFindClear bitmapFindClearRun bitmapAny bitmapAll ' +
    'nodeNext nodePrev nodeOwner listCount listContains listFirst listLast listVerify ' +
    'arrayLength arrayAt ringCount ringAt ringFront ringBack'
  ).split(' '),
)
/** How many of the arguments are addresses of a list and of nodes, where there are more than one. */
const ADDRESSES: Readonly<Record<string, number>> = {
  listContains: 2,
  listPushFront: 2,
  listPushBack: 2,
  listInsertBefore: 3,
  listInsertAfter: 3,
  listRemove: 2,
  listSplice: 4,
}

type Call = (...numbers: number[]) => number

/** `kernel`, whose calls throw ProtectionError for what is protected. */
export function protectedBits(kernel: BitsKernel, table: ProtectionTable): BitsKernel {
  const calls = Object.entries(kernel).map(([name, call]: [string, Call]) => [name, protectedCall(name, call, table)])
  return Object.fromEntries(calls) as BitsKernel
}

function protectedCall(name: string, call: Call, table: ProtectionTable): Call {
  if (ADDRESSLESS.has(name)) return call
  const isReading = READING.has(name)
  const addresses = ADDRESSES[name] ?? 1
  return (...numbers) => {
    for (const address of numbers.slice(0, addresses)) {
      // 0 stands for no node.
      const bytes = address === 0 ? 0 : LIST_NODE_BYTES
      if (isReading) table.expectReadable(name, address, bytes)
      else table.expectWritable(name, address, bytes)
    }
    return call(...numbers)
  }
}

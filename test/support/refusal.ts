/** How tests hold that a refused call is refused for the documented reason and has changed nothing. */
import { expect } from 'vitest'
import { HEAP_STATUS_AT } from '../../kernel/layout.js'
import { type Heap, HeapwrightError } from '../../src/index.js'

/** The whole memory, less the word in which the kernel says why its last call failed. */
function bytesOf(heap: Heap): Buffer {
  const bytes = Buffer.from(heap.memory.buffer.slice(0))
  bytes.writeUInt32LE(0, heap.base + HEAP_STATUS_AT)
  return bytes
}

/** What `action` throws. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** `action` throws an error of Heapwright with these fields and leaves every byte of the memory as it was. */
export function expectRefused(heap: Heap, action: () => unknown, fields: Record<string, unknown>): void {
  const before = bytesOf(heap)
  const error = thrownBy(action)
  expect(error).toBeInstanceOf(HeapwrightError)
  expect(error).toMatchObject(fields)
  expect(bytesOf(heap).equals(before), 'the memory is unchanged').toBe(true)
}

/** The heap's own verifier finds nothing, and its accounting adds up. */
export function expectSound(heap: Heap): void {
  expect(heap.verify()).toEqual({ ok: true })
  const { inUseBytes, freeBytes, metadataBytes, unusedBytes, committedBytes } = heap.stats()
  expect(inUseBytes + freeBytes + metadataBytes + unusedBytes).toBe(committedBytes)
  expect(unusedBytes).toBeGreaterThanOrEqual(0)
}

/** Whether each of the bytes [from, to) of the memory is `byte`. */
export function isFilled(memory: WebAssembly.Memory, from: number, to: number, byte: number): boolean {
  return Buffer.from(memory.buffer, from, to - from).equals(Buffer.alloc(to - from, byte))
}

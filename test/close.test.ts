/**
 * Goal: a heap that made its memory gives all of it back when it is closed; no other memory is touched, and nothing
 * that goes wrong there makes a close fail.
 * Method: a page system that notes what is given back, with zeros in its place, and that of this machine, which says
 * what is resident. A small heap is closed first, while nobody in this file has asked for pages.
 * A failure means that closed heaps keep memory until JavaScript's collector runs, or that somebody's bytes are lost.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ClosedError, Heap, type HeapOptions } from '../src/index.js'
import { pageSystemIfChosen } from '../src/platform/pages.js'
import { portablePages } from '../src/platform/pages-portable.js'
import { posixPages } from './support/page-systems.js'
import { RecordingPages } from './support/recording-pages.js'

const MIB = 2 ** 20

function made(options: HeapOptions = {}) {
  const pages = new RecordingPages()
  const heap = Heap.create({ limit: '64MiB', ...options, testing: { pages } })
  const block = heap.alloc(1000)
  heap.raw.u8.fill(0xe5, block, block + 1000)
  return { heap, pages, block, memory: heap.memory }
}

function isZero(memory: WebAssembly.Memory): boolean {
  return new Uint32Array(memory.buffer).every((word) => word === 0)
}

describe('what close loads', () => {
  it('is nothing for a small heap, and the calls on pages for a large one', () => {
    const small = Heap.create()
    small.alloc(100_000)
    small.close()
    expect(pageSystemIfChosen()).toBeUndefined()
    const large = Heap.create()
    large.alloc(2 * MIB)
    large.close()
    expect(pageSystemIfChosen()).toBeDefined()
  })
})

describe('what close gives back', () => {
  it('is all of a memory that the heap has made', () => {
    const { heap, pages, memory } = made()
    heap.close()
    heap.close()
    expect(pages.gone).toEqual([{ address: 0, bytes: memory.buffer.byteLength }])
    expect(isZero(memory)).toBe(true)
  })

  it('is nothing of a given memory', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 })
    const { heap, pages, block } = made({ memory, base: 65536, limit: '2MiB' })
    heap.close()
    expect(pages.gone).toEqual([])
    expect(new Uint8Array(memory.buffer)[block]).toBe(0xe5)
  })

  it('goes with the last of several heaps over it', () => {
    const { heap, pages, block, memory } = made()
    const second = Heap.attach(memory, heap.base, { testing: { pages } })
    heap.close()
    expect(pages.gone).toEqual([])
    expect(second.raw.u8[block]).toBe(0xe5)
    second.close()
    expect(pages.goneBytes).toBe(memory.buffer.byteLength)
  })

  it('is nothing when a tenant is closed, nor by a page system that cannot', () => {
    const { heap, pages } = made()
    heap.tenant('a').close()
    expect(pages.gone).toEqual([])
    heap.close()
    const portable = Heap.create({ testing: { pages: portablePages('asked for') } })
    const block = portable.alloc(2 * MIB)
    portable.raw.u8[block] = 0xe5
    const { memory } = portable
    portable.close()
    expect(new Uint8Array(memory.buffer)[block]).toBe(0xe5)
  })

  it('is a full copy that is a fork, too', () => {
    const { heap } = made()
    const fork = heap.fork()
    const { memory } = fork
    expect(isZero(memory)).toBe(false)
    fork.close()
    expect(isZero(memory)).toBe(true)
    expect(isZero(heap.memory)).toBe(false)
  })

  it('is nothing when the system refuses, and the close is one all the same', () => {
    const { heap, pages, block, memory } = made()
    pages.refuses = () => true
    const told: string[] = []
    heap.on('close', () => told.push('close'))
    heap.close()
    expect(told).toEqual(['close'])
    expect(() => heap.alloc(1)).toThrow(ClosedError)
    expect(new Uint8Array(memory.buffer)[block]).toBe(0xe5)
  })

  it('is nothing while the kernel waits for whether it may grow', () => {
    const pages = new RecordingPages()
    const growth = () => {
      heap.close()
      return false
    }
    const heap: Heap = Heap.create({ initial: '1MiB', limit: '64MiB', testing: { pages, growth } })
    expect(() => heap.alloc(8 * MIB)).toThrow(ClosedError)
    expect(pages.gone).toEqual([])
  })
})

describe.skipIf(posixPages === undefined)('on this system', () => {
  it('nothing of ten closed heaps is resident', () => {
    const memories = Array.from({ length: 10 }, () => {
      const heap = Heap.create()
      const block = heap.alloc(8 * MIB)
      heap.raw.u8.fill(1, block, block + 8 * MIB)
      const { memory } = heap
      expect(posixPages?.residentBytes(memory, 0, memory.buffer.byteLength)).toBeGreaterThan(8 * MIB)
      heap.close()
      return memory
    })
    for (const memory of memories) expect(posixPages?.residentBytes(memory, 0, memory.buffer.byteLength)).toBe(0)
  })

  it('protected blocks go, forked memories go, and mapped files keep what was stored', () => {
    const path = join(tmpdir(), `heapwright-close-${process.pid}`)
    writeFileSync(path, Buffer.alloc(10_000, 1))
    try {
      const heap = Heap.create()
      const guarded = heap.allocGuarded(100_000)
      guarded.protect('none')
      const file = heap.mapFile(path, { access: 'shared' })
      file.array.fill(7)
      const fork = heap.fork()
      const { memory } = heap
      heap.close()
      expect(isZero(memory)).toBe(true)
      expect(fork.adopt(file).array.every((byte) => byte === 7)).toBe(true)
      fork.close()
      new Uint8Array(memory.buffer).fill(3, guarded.address, guarded.address + 10)
      expect(readFileSync(path).equals(Buffer.alloc(10_000, 7))).toBe(true)
    } finally {
      rmSync(path)
    }
  })
})

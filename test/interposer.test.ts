/**
 * Goal: whoever wants to see a heap's calls stands around its kernel for as long as he wants, with others or alone, and
 * leaves no trace when he has gone.
 * Method: interposers that note the calls they see, put on and taken off in every order; the kernel that calls take is
 * compared with the plain one, and with what a heap that was never watched uses.
 * A failure means: calls that are not seen, or seen after the watching has ended; a heap that stays slow; a closed heap
 * that comes to life.
 */
import { describe, expect, it } from 'vitest'
import type { HeapCore } from '../src/core.js'
import { Heap, struct, u32 } from '../src/index.js'
import type { Interposer } from '../src/interposer.js'
import { kernelWith } from '../src/kernel-instance.js'

const coreOf = (heap: Heap) => (heap as unknown as { readonly core: HeapCore }).core

/** Notes the sizes that `alloc` is called with, under its name. */
function noting(name: string, seen: string[]): Interposer {
  return {
    name,
    wrap: (kernel) =>
      kernelWith(kernel, {
        alloc: (bytes) => {
          const address = kernel.alloc(bytes)
          seen.push(`${name} ${bytes}`)
          return address
        },
      }),
  }
}

describe('interposers', () => {
  it('see calls in the order in which they were put on, and none after they were taken off', () => {
    const heap = Heap.create()
    const core = coreOf(heap)
    const plain = core.kernel
    const seen: string[] = []
    const offs = ['a', 'b', 'c'].map((name) => core.interpose(noting(name, seen)))
    heap.alloc(1)
    expect(seen.splice(0)).toEqual(['a 1', 'b 1', 'c 1'])
    offs[1]?.()
    offs[1]?.()
    heap.tryAlloc(2)
    expect(seen.splice(0)).toEqual(['a 2', 'c 2'])
    offs[0]?.()
    heap.alloc(3)
    expect(seen.splice(0)).toEqual(['c 3'])
    offs[2]?.()
    expect(core.kernel).toBe(plain)
    heap.alloc(4)
    expect(seen).toEqual([])
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('may be the same one twice, each taken off by itself', () => {
    const heap = Heap.create()
    const core = coreOf(heap)
    const seen: string[] = []
    const one = noting('one', seen)
    const [first, second] = [core.interpose(one), core.interpose(one)]
    heap.alloc(1)
    expect(seen.splice(0)).toEqual(['one 1', 'one 1'])
    first?.()
    first?.()
    heap.alloc(1)
    expect(seen.splice(0)).toEqual(['one 1'])
    second?.()
    expect(core.kernel).toBe(core.plainKernel)
  })

  it('see calls for events beside those that they see themselves', () => {
    const heap = Heap.create({ limit: '64MiB', initial: 0 })
    const core = coreOf(heap)
    const seen: string[] = []
    let grows = 0
    const off = core.interpose(noting('mine', seen))
    const quiet = heap.on('grow', () => grows++)
    heap.alloc(1_000_000)
    expect([seen.length, grows]).toEqual([1, 1])
    off()
    heap.alloc(10_000_000)
    expect([seen.length, grows]).toEqual([1, 2])
    quiet()
    expect(core.kernel).toBe(core.plainKernel)
  })

  it('are there still when a manual heap gets another build for its objects', () => {
    const heap = Heap.create({ mode: 'manual' })
    const core = coreOf(heap)
    const before = core.kernel
    const seen: string[] = []
    const off = core.interpose(noting('mine', seen))
    const Point = struct('Point', { x: u32 })
    using _scope = heap.scope()
    heap.new(Point)
    expect(core.plainKernel).not.toBe(before)
    heap.alloc(5)
    expect(seen).toContain('mine 5')
    off()
    expect(core.kernel).toBe(core.plainKernel)
  })

  it('are never around heap.raw', () => {
    const heap = Heap.create()
    const seen: string[] = []
    coreOf(heap).interpose(noting('mine', seen))
    heap.raw.free(heap.raw.alloc(8))
    expect(seen).toEqual([])
  })

  it('leave a heap as it was when they cannot be put on', () => {
    const heap = Heap.create()
    const core = coreOf(heap)
    const seen: string[] = []
    core.interpose(noting('good', seen))
    const failing: Interposer = {
      name: 'failing',
      wrap: () => {
        throw new Error('not now')
      },
    }
    expect(() => core.interpose(failing)).toThrow('not now')
    heap.alloc(6)
    expect(seen).toEqual(['good 6'])
  })

  it('do no harm to a closed heap, put on or taken off', () => {
    const heap = Heap.create()
    const core = coreOf(heap)
    const off = core.interpose(noting('mine', []))
    heap.close()
    off()
    core.interpose(noting('late', []))()
    expect(() => heap.alloc(1)).toThrow('closed')
    expect(() => core.kernel.alloc(1)).toThrow('closed')
  })

  it('may be taken off by themselves in the middle of a call', () => {
    const heap = Heap.create()
    const core = coreOf(heap)
    let seen = 0
    const off: () => void = core.interpose({
      name: 'once',
      wrap: (kernel) =>
        kernelWith(kernel, {
          alloc: (bytes) => {
            const address = kernel.alloc(bytes)
            seen++
            off()
            return address
          },
        }),
    })
    const blocks = [heap.alloc(1), heap.alloc(2)]
    expect(seen).toBe(1)
    expect(blocks.every((block) => heap.isBlock(block))).toBe(true)
  })
})

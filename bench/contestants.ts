/**
 * The allocators that are compared, each behind the same three methods. An instance is made for each group of rows and
 * has its own memory.
 *
 * Heapwright's raw calls and TLSF are called as what they are: the object that holds the exported functions. The others
 * get methods around their own, which V8 inlines.
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MemPool } from '@thi.ng/malloc'
import { Heap } from '../src/heap.js'
import type { Address } from '../src/types.js'
import { type Allocator, ownCopy } from './loops.js'

export interface Instance {
  readonly target: Allocator
  /** What it holds of its memory now, metadata included. */
  committedBytes?(): number
  /** Most that it ever held. */
  committedPeakBytes?(): number
}

export interface Contestant {
  readonly name: string
  /** Blocks are JavaScript objects, freed by V8. */
  readonly objects?: boolean
  /** @param needBytes bytes that will be live at most; for those that cannot grow */
  create(needBytes: number): Instance
}

/** The loop without an allocator: what of each time is the harness. */
export const harness: Contestant = {
  name: 'the loop alone',
  create: () => ({
    target: ownCopy(() => ({ alloc: (bytes: number) => bytes, free: () => 0, realloc: (block: number) => block }))(),
  }),
}

export const raw: Contestant = {
  name: 'heap.raw',
  create: () => {
    const heap = Heap.create()
    return { target: heap.raw as unknown as Allocator, ...committedOf(heap) }
  },
}

export const checked: Contestant = {
  name: 'heap',
  create: () => {
    const heap = Heap.create()
    return { target: heap as unknown as Allocator, ...committedOf(heap) }
  },
}

/** `compiler` mode: bump allocation, freed all at once. */
export const compiler: Contestant = {
  name: "heap.raw, mode 'compiler'",
  create: () => {
    const heap = Heap.create({ mode: 'compiler' })
    const { raw } = heap
    const target = {
      alloc: (bytes: number) => raw.alloc(bytes),
      free: () => 0,
      realloc: (block: number, bytes: number) => raw.realloc(block as Address, bytes),
      reset: () => heap.reset(),
    }
    return { target, ...committedOf(heap) }
  },
}

export const arena: Contestant = {
  name: 'heap.arena()',
  create: () => {
    const heap = Heap.create()
    const room = heap.arena()
    const target = {
      alloc: (bytes: number) => room.alloc(bytes) as number,
      free: () => 0,
      realloc: (block: number) => block,
      reset: () => room.reset(),
    }
    return { target, ...committedOf(heap) }
  },
}

/** The Heap that an instance of `raw` or `checked` is of. */
function committedOf(heap: Heap): Pick<Instance, 'committedBytes' | 'committedPeakBytes'> {
  return {
    committedBytes: () => heap.stats().committedBytes,
    committedPeakBytes: () => heap.stats().committedPeakBytes,
  }
}

export const tlsf: Contestant = {
  name: 'AssemblyScript TLSF',
  create: () => {
    const exports = instantiate('tlsf').exports as unknown as Allocator & { memory: WebAssembly.Memory }
    const held = () => exports.memory.buffer.byteLength
    return { target: exports, committedBytes: held, committedPeakBytes: held }
  },
}

/** Cannot grow, so it gets half as much again as will be live; what it has cut off its buffer so far counts as held. */
export const thing: Contestant = {
  name: '@thi.ng/malloc',
  create: (needBytes) => {
    const pool = new MemPool({ size: Math.ceil(needBytes * 1.5) + (1 << 20), align: 16 })
    const target = {
      alloc: (bytes: number) => pool.malloc(bytes),
      free: (block: number) => pool.free(block),
      realloc: (block: number, bytes: number) => pool.realloc(block, bytes),
    }
    const held = () => pool.stats().top
    return { target, committedBytes: held, committedPeakBytes: held }
  },
}

export const uint8Array: Contestant = {
  name: 'new Uint8Array',
  objects: true,
  create: () => ({ target: ownCopy(uint8Arrays)() as unknown as Allocator }),
}

export const buffer: Contestant = {
  name: 'Buffer.allocUnsafe',
  objects: true,
  create: () => ({ target: ownCopy(buffers)() as unknown as Allocator }),
}

function uint8Arrays() {
  let last: unknown
  return {
    alloc: (bytes: number) => new Uint8Array(bytes),
    free: (block: Uint8Array) => {
      last = block
      return last
    },
    realloc: (block: Uint8Array, bytes: number) => {
      const copy = new Uint8Array(bytes)
      copy.set(block)
      return copy
    },
  }
}

function buffers() {
  let last: unknown
  return {
    alloc: (bytes: number) => Buffer.allocUnsafe(bytes),
    free: (block: Buffer) => {
      last = block
      return last
    },
    realloc: (block: Buffer, bytes: number) => {
      const copy = Buffer.allocUnsafe(bytes)
      copy.set(block)
      return copy
    },
  }
}

// ---- modules that bench/build-peers.mjs makes ----------------------------------------------------------------------

/** The compiled file of a built module: above dist/bench or, run from source, above bench. */
export function builtModule(name: string): string | undefined {
  return fromRoot(`build/bench/${name}.wasm`)
}

/** A file of the project by its path from the root, when it is there. */
export function fromRoot(path: string): string | undefined {
  for (const up of ['../../', '../']) {
    const file = fileURLToPath(new URL(up + path, import.meta.url))
    if (existsSync(file)) return file
  }
  return undefined
}

/** A built module, compiled. */
export function compiled(name: string): WebAssembly.Module {
  const file = builtModule(name)
  if (file === undefined) throw new Error(`build/bench/${name}.wasm is missing: run node bench/build-peers.mjs`)
  return new WebAssembly.Module(readFileSync(file))
}

/** A fresh instance of a built module, with whatever imports it needs besides `abort`. */
export function instantiate(
  name: string,
  imports: WebAssembly.Imports = {},
  module = compiled(name),
): WebAssembly.Instance {
  const abort = () => {
    throw new Error(`${name}.wasm aborted`)
  }
  return new WebAssembly.Instance(module, {
    ...imports,
    env: { abort, ...imports.env },
  })
}

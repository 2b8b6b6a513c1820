/**
 * A guest joined to the kernel without a linker: an instance of the kernel over the memory that the guest imports,
 * whose functions are the guest's imports, WebAssembly to WebAssembly.
 */
import { GUEST_OBJECTS_DEBUG_BASE64, GUEST_OBJECTS_RELEASE_BASE64 } from '../../src/guest/kernel-bytes.generated.js'
import { Heap } from '../../src/index.js'

export type GuestFunctions = Readonly<Record<string, (...args: number[]) => number>>

export interface JoinedGuest {
  readonly memory: WebAssembly.Memory
  readonly kernel: GuestFunctions
  readonly guest: GuestFunctions
  /** The heap as the library sees it, attached anew. */
  heap(): Heap
}

export interface JoinOptions {
  /** The kernel with assertions. */
  readonly debug?: boolean
  readonly limitBytes?: number
  /** Functions of `env` that the guest wants beside its memory. */
  readonly env?: WebAssembly.ModuleImports
}

/** A guest has its data and its stack in these. */
const GUEST_PAGES = 4
const LIMIT_BYTES = 256 << 20

/** The numbers of include/heapwright.h. */
export const GUEST_MODES = { vm: 1, runtime: 2, server: 3 } as const
export type GuestMode = keyof typeof GUEST_MODES

const modules = new Map<string, WebAssembly.Module>()

function kernelModule(debug: boolean): WebAssembly.Module {
  const base64 = debug ? GUEST_OBJECTS_DEBUG_BASE64 : GUEST_OBJECTS_RELEASE_BASE64
  const known = modules.get(base64)
  if (known) return known
  const module = new WebAssembly.Module(Buffer.from(base64, 'base64'))
  modules.set(base64, module)
  return module
}

export function joinGuest(bytes: Uint8Array, { debug = false, limitBytes = LIMIT_BYTES, env = {} }: JoinOptions = {}) {
  const memory = new WebAssembly.Memory({ initial: GUEST_PAGES })
  const instance = new WebAssembly.Instance(kernelModule(debug), { env: { memory } })
  const kernel = instance.exports as unknown as GuestFunctions
  const status = kernel.heapwright_begin?.(memory.buffer.byteLength, limitBytes)
  if (status !== 0) throw new Error(`heapwright_begin answers ${status}`)
  const imports = { env: { ...env, memory }, heapwright: instance.exports }
  const guest = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), imports)
  const heap = () => Heap.attach(memory, (kernel.heapwright_heap?.() as number) >>> 0, { debug })
  return { memory, kernel, guest: guest.exports as unknown as GuestFunctions, heap }
}

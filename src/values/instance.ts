/**
 * The values' module: which one stands on a heap's kernel, and its functions, bound to the heap. Compiled when first
 * asked for, once per process; instantiated when a heap first uses values.
 */
import type { HeapCore } from '../core.js'
import { CorruptionError } from '../errors.js'
import {
  VALUES_COUNTED_DEBUG_BASE64,
  VALUES_COUNTED_RELEASE_BASE64,
  VALUES_DEBUG_BASE64,
  VALUES_EMBEDDED_DEBUG_BASE64,
  VALUES_EMBEDDED_RELEASE_BASE64,
  VALUES_RELEASE_BASE64,
} from '../kernel-bytes.generated.js'
import { ValuesKernel } from './values-kernel.js'

/** The kernels that values stand on. */
export type ValuesBuild = 'objects' | 'embedded' | 'counted'

const BYTES: Readonly<Record<ValuesBuild, readonly [release: string, debug: string]>> = {
  objects: [VALUES_RELEASE_BASE64, VALUES_DEBUG_BASE64],
  embedded: [VALUES_EMBEDDED_RELEASE_BASE64, VALUES_EMBEDDED_DEBUG_BASE64],
  counted: [VALUES_COUNTED_RELEASE_BASE64, VALUES_COUNTED_DEBUG_BASE64],
}

const modules = new Map<string, WebAssembly.Module>()

function compiled(build: ValuesBuild, debug: boolean): WebAssembly.Module {
  const bytes = BYTES[build][debug ? 1 : 0]
  let module = modules.get(bytes)
  if (!module) {
    module = new WebAssembly.Module(Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0)))
    modules.set(bytes, module)
  }
  return module
}

/** A module's functions over the heap of `core`, whose kernel they call. */
export function instantiateValues(core: HeapCore, build: ValuesBuild, debug: boolean): ValuesKernel {
  const imports = {
    env: { memory: core.memory },
    host: {
      grow: () => -1,
      report: (code: number, argument: number) => {
        throw new CorruptionError(argument >>> 0, `assertion ${code} of the debug build of values failed`)
      },
    },
    // The kernel's own functions, one by one: a call from module to module does not pass through JavaScript.
    kernel: core.plainKernel as unknown as WebAssembly.ModuleImports,
  }
  const { exports } = new WebAssembly.Instance(compiled(build, debug), imports)
  return new ValuesKernel(exports as unknown as ValuesKernel)
}

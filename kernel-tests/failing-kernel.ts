/** The values' module of a heap a second time, over a kernel whose allocations fail, or whose stores are watched. */
import { KERNELS, moduleOf } from './object-kernel.js'
import type { ValuesKernel } from './values-kernel.js'

type Call = (...args: number[]) => number

/** What an allocation calls: the n-th of these fails. */
const ALLOCATIONS = ['objectNew', 'identityHash', 'weakRefNew']

/** `fail(n)`: the n-th allocation from now on finds no memory, the others do; 0: all do. */
export function failing(k: ValuesKernel): { readonly kernel: ValuesKernel; readonly fail: (at: number) => void } {
  let left = 0
  const kernel = over(k, ALLOCATIONS, (real, ...args) => (left > 0 && --left === 0 ? 0 : real(...args)))
  return {
    kernel,
    fail: (at) => {
      left = at
    },
  }
}

/** `refused()`: how many stores the counted kernel has refused, as into an object that is not there. */
export function watched(k: ValuesKernel): { readonly kernel: ValuesKernel; readonly refused: () => number } {
  let refusals = 0
  const kernel = over(k, ['storeReference'], (real, ...args) => {
    const status = real(...args)
    if (status) refusals++
    return status
  })
  return { kernel, refused: () => refusals }
}

/** The values' module a second time, with other functions in the place of some of the kernel's. */
function over(k: ValuesKernel, names: readonly string[], wrapped: (real: Call, ...args: number[]) => number) {
  const calls: Record<string, Call> = { ...k.kernel.call }
  for (const name of names) {
    const real = calls[name]
    if (real) calls[name] = (...args) => wrapped(real, ...args)
  }
  const name = KERNELS[k.kernel.mode].replace('heapwright', 'heapwright-values').replace('-objects', '')
  const report = (code: number) => {
    throw new Error(`assertion ${code} of the values' module`)
  }
  const instance = new WebAssembly.Instance(moduleOf(`${name}-debug`), {
    env: { memory: k.memory },
    host: { grow: () => -1, report },
    kernel: calls as unknown as WebAssembly.ModuleImports,
  })
  ;(instance.exports.attach as Call)(k.kernel.base)
  const kernel: ValuesKernel = Object.create(k, { call: { value: instance.exports } })
  return kernel
}

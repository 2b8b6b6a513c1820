/** The values' module of a heap a second time, over a kernel whose allocations fail when a test says so. */
import { KERNELS, moduleOf } from './object-kernel.js'
import type { ValuesKernel } from './values-kernel.js'

type Call = (...args: number[]) => number

/** What an allocation calls: the n-th of these fails. */
const ALLOCATIONS = ['objectNew', 'identityHash', 'weakRefNew']

/** `fail(n)`: the n-th allocation from now on finds no memory, the others do; 0: all do. */
export function failing(k: ValuesKernel): { readonly kernel: ValuesKernel; readonly fail: (at: number) => void } {
  let left = 0
  const calls: Record<string, Call> = { ...k.kernel.call }
  for (const name of ALLOCATIONS) {
    const real = calls[name]
    if (real) calls[name] = (...args) => (left > 0 && --left === 0 ? 0 : real(...args))
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
  return {
    kernel,
    fail: (at) => {
      left = at
    },
  }
}

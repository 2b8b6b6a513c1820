/**
 * Compiles the building blocks of `kernel/bits` to a module of their own, `build/bits.wasm`.
 *
 * The module must be nothing but code over the caller's memory; `kernel-tests/module.test.ts` holds it to that.
 */
import { buildSmall } from './build-small.mjs'

await buildSmall({
  name: 'bits',
  entry: 'kernel/bits/abi.ts',
  file: 'src/bits-bytes.generated.ts',
  constant: 'BITS_BASE64',
  madeBy: 'scripts/build-bits.mjs from kernel/bits',
})

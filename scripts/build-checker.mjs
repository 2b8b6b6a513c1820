/** Compiles the checker of `heapwright check --precise`, `build/checker.wasm`. */
import { buildSmall } from './build-small.mjs'

await buildSmall({
  name: 'checker',
  entry: 'kernel/guest/checker.ts',
  file: 'src/guest/check/checker-bytes.generated.ts',
  constant: 'CHECKER_BASE64',
  madeBy: 'scripts/build-checker.mjs from kernel/guest/checker.ts',
})

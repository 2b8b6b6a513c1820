/**
 * What `vitest run` runs: all tests, and those of objects through the public interface once more with a collection that
 * moves everything at every allocation. Left out are the files that count collections or fill heaps to the brim; images
 * and the graphs of `kernel-tests/` have setups under stress of their own.
 */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'all', include: ['test/**/*.test.ts', 'kernel-tests/**/*.test.ts'] } },
      {
        test: {
          name: 'stress',
          include: ['test/objects-structs.test.ts', 'test/objects-views.test.ts', 'test/objects-roots.test.ts'],
          setupFiles: ['test/support/stress.ts'],
        },
      },
    ],
  },
})

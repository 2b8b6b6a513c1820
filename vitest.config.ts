/**
 * What `vitest run` runs: all tests, and those of objects through the public interface again, with a collection that
 * moves everything at every allocation: in the modes that they name, and with `runtime` and `server` in place of `vm`.
 * Those of structs and views run with counted objects, too, in mode `manual`.
 * Left out are the files that count collections or fill heaps to the brim; images and the graphs of `kernel-tests/` have
 * setups under stress of their own.
 *
 * The time limit of a test is for one that hangs: a machine that is busy with other work takes several times as long.
 */
import { defineConfig } from 'vitest/config'

const OBJECTS = ['test/objects-structs.test.ts', 'test/objects-views.test.ts', 'test/objects-roots.test.ts']

const testTimeout = 60_000

const again = (name: string, setupFile: string, include = OBJECTS) => ({
  test: { name, include, testTimeout, setupFiles: [`test/support/${setupFile}.ts`] },
})

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'all', include: ['test/**/*.test.ts', 'kernel-tests/**/*.test.ts'], testTimeout } },
      again('stress', 'stress'),
      again('runtime', 'in-runtime'),
      again('server', 'in-server'),
      again('manual', 'in-manual', OBJECTS.slice(0, 2)),
    ],
  },
})

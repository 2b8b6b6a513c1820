/**
 * Compiles what `npm run bench` measures but the package does not ship, into build/bench:
 *   tlsf.wasm               AssemblyScript's own allocator with nothing around it
 *   inside-tlsf.wasm        the random-replace loop compiled together with that allocator
 *   inside-heapwright.wasm  the same loop compiled together with the kernel
 *   blocks-only.wasm        the kernel's block functions alone: what a linked guest that only mallocs would carry
 *   objects-guest.wasm      programs over objects as a guest of the kernel, in a module of their own
 *   owners-guest.wasm       a guest that stores references by the kernel's call
 *   objects-minimal.wasm    the same programs on AssemblyScript's objects, with its `minimal` runtime
 *   objects-incremental.wasm    and with its `incremental` one
 *   values.wasm             AssemblyScript's arrays and maps
 *
 * Run by the bench itself; files newer than all their sources are kept. By hand: node bench/build-peers.mjs [--force]
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const OPTIMISE = ['-O3', '--converge', '--noAssert']
/** As scripts/build-kernel.mjs compiles the release kernel. */
const KERNEL = [
  ...[...OPTIMISE, '--enable', 'simd', '--runtime', 'stub'],
  ...['--importMemory', '--noExportMemory', '--use', 'HW_DEBUG=0', '--use', 'HW_EMBEDDED=0', '--use', 'HW_OBJECTS=0'],
  ...['--use', 'HW_COUNTED=0', '--use', 'HW_GUEST=0'],
]

/** The first MiB of the inside modules' memory holds the addresses of the live blocks. */
const TABLE_BYTES = String(1 << 20)

const targets = [
  { name: 'tlsf', source: 'bench/peers/tlsf.ts', options: [...OPTIMISE, '--runtime', 'minimal'] },
  {
    name: 'inside-tlsf',
    source: 'bench/inside/tlsf.ts',
    options: [...OPTIMISE, '--runtime', 'minimal', '--memoryBase', TABLE_BYTES],
  },
  { name: 'inside-heapwright', source: 'bench/inside/heapwright.ts', options: KERNEL },
  { name: 'blocks-only', source: 'bench/inside/blocks-only.ts', options: KERNEL },
  {
    name: 'objects-guest',
    source: 'bench/inside/objects.ts',
    options: [...OPTIMISE, '--runtime', 'stub', '--importMemory', '--noExportMemory'],
  },
  {
    name: 'owners-guest',
    source: 'bench/inside/owners.ts',
    options: [...OPTIMISE, '--runtime', 'stub', '--importMemory', '--noExportMemory'],
  },
  ...['minimal', 'incremental'].map((runtime) => ({
    name: `objects-${runtime}`,
    source: 'bench/peers/objects.ts',
    options: [
      ...[...OPTIMISE, '--runtime', runtime, '--exportRuntime'],
      ...['--use', `OBJECTS_MINIMAL=${runtime === 'minimal' ? 1 : 0}`],
    ],
  })),
  {
    name: 'values',
    source: 'bench/peers/values.ts',
    options: [...OPTIMISE, '--runtime', 'incremental', '--exportRuntime'],
  },
]

/** Builds what is missing or older than its sources; the names of what was built. */
export async function buildPeers(force = false) {
  const outdated = targets.filter(({ name }) => force || isOutdated(name))
  if (outdated.length === 0) return []
  const { default: asc } = await import('assemblyscript/asc')
  mkdirSync(join(root, 'build/bench'), { recursive: true })
  for (const { name, source, options } of outdated) {
    const args = [source, '--baseDir', root, '--outFile', `build/bench/${name}.wasm`, ...options]
    const { error, stderr } = await asc.main(args)
    if (error) throw new Error(`${source}: ${error.message}\n${stderr.toString()}`)
  }
  return outdated.map(({ name }) => name)
}

function isOutdated(name) {
  const file = join(root, `build/bench/${name}.wasm`)
  if (!existsSync(file)) return true
  const built = statSync(file).mtimeMs
  const sources = ['bench/inside', 'bench/peers', 'kernel'].flatMap(filesIn)
  return [fileURLToPath(import.meta.url), ...sources].some((source) => statSync(source).mtimeMs > built)
}

function filesIn(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const built = await buildPeers(argv.includes('--force'))
  console.log(built.length === 0 ? 'build/bench is up to date' : `built ${built.join(', ')}`)
}

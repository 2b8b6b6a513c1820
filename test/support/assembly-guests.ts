/** Guests in AssemblyScript: compiled in memory, each once by a process. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OUTPUT = 'guest.wasm'

/** What a program finds under this name in node_modules is the repository. */
const PACKAGE = /^(?:.*\/)?node_modules\/heapwright\//
const IMPORTED = ['--importMemory', '--noExportMemory']

export interface AssemblyOptions {
  /** AssemblyScript's own, or a file without its `.ts`. Default `stub`. */
  readonly runtime?: string
  /** Whether the module has a memory of its own, which it exports. Default: it imports one. */
  readonly ownMemory?: boolean
}

/** The module of a source file. Paths are from the root. */
export async function compileAssembly(path: string, options: AssemblyOptions = {}): Promise<Uint8Array> {
  const { default: asc } = await import('assemblyscript/asc')
  let wasm: Uint8Array | undefined
  const { runtime = 'stub', ownMemory = false } = options
  const flags = ['-O1', ...(ownMemory ? [] : IMPORTED), '--disableWarning', '201', '--runtime', runtime]
  const { error, stderr } = await asc.main([path, '--outFile', OUTPUT, '--baseDir', ROOT, ...flags], {
    readFile: (name: string, base: string) => {
      try {
        return readFileSync(`${base}/${name.replace(PACKAGE, '')}`, 'utf8')
      } catch {
        return null // one of several places to look for a module
      }
    },
    writeFile: (name: string, contents: string | Uint8Array) => {
      if (name === OUTPUT && typeof contents !== 'string') wasm = contents
    },
    listFiles: () => null,
  })
  if (error || !wasm) throw new Error(`${path}: ${error?.message}\n${stderr.toString()}`)
  return wasm
}

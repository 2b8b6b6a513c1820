/** Guests in AssemblyScript: compiled in memory, each once by a process. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OUTPUT = 'guest.wasm'

/**
 * The module of a source file, which imports its memory. `path` and `runtime`, AssemblyScript's own or a file without
 * its `.ts`, are from the root.
 */
export async function compileAssembly(path: string, runtime = 'stub'): Promise<Uint8Array> {
  const { default: asc } = await import('assemblyscript/asc')
  let wasm: Uint8Array | undefined
  const options = ['-O1', '--importMemory', '--noExportMemory', '--disableWarning', '201', '--runtime', runtime]
  const { error, stderr } = await asc.main([path, '--outFile', OUTPUT, '--baseDir', ROOT, ...options], {
    readFile: (name: string, base: string) => {
      try {
        return readFileSync(`${base}/${name}`, 'utf8')
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

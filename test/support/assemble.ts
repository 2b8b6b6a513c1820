/** Modules from the text format of WebAssembly, by Binaryen. */

import binaryen from 'binaryen'

export interface AssembleOptions {
  /** Whether there is a name section. Default true. */
  readonly hasNames?: boolean
}

/** Throws when the text is none, or the module is not valid. */
export function assemble(text: string, { hasNames = true }: AssembleOptions = {}): Uint8Array {
  const module = binaryen.parseText(text)
  const before = binaryen.getDebugInfo()
  binaryen.setDebugInfo(hasNames)
  try {
    return module.emitBinary()
  } finally {
    binaryen.setDebugInfo(before)
    module.dispose()
  }
}

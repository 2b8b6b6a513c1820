/** Modules in WebAssembly's text format, made binary by binaryen. */
import binaryen from 'binaryen'

/** Not all that there are: imports have a compact form that engines do not know yet. */
const { Features } = binaryen
const FEATURES = Features.MutableGlobals | Features.BulkMemory | Features.SignExt | Features.Atomics

/** A module in the text format. */
export type Text = string

export function assemble(text: Text): Uint8Array {
  const module = binaryen.parseText(text)
  try {
    module.setFeatures(FEATURES)
    return module.emitBinary()
  } finally {
    module.dispose()
  }
}

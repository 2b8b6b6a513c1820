/**
 * Where a guest was when it trapped: the frames of WebAssembly among those of an error's stack, which V8 gives as text,
 * with the names of the module's name section.
 */

/** A function of the guest that was running, innermost first. */
export interface GuestFrame {
  /** From the name section; undefined when it has none for it. */
  readonly name: string | undefined
  /** Its index among the functions of the module that was run: where an allocator was replaced, not of the file. */
  readonly index: number
  /** The instruction, in bytes from the start of that module. */
  readonly offset: number
}

/** `    at name (wasm://wasm/module-0123abcd:wasm-function[12]:0x34)`, or without name and parentheses. */
const FRAME = /^\s*at (?:(?:async )?(.*) \()?wasm:\/\/wasm\/(.*):wasm-function\[(\d+)\]:0x([0-9a-f]+)\)?$/
/** How many frames are kept of an error while a guest runs. */
const FRAMES_MAX = 64

/** Frames of the guest in the stack of an error. Empty where the engine's text is another. */
export function guestFrames(error: unknown): GuestFrame[] {
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : ''
  return stack.split('\n').flatMap((line) => {
    const [matched, shown, module = '', index, offset] = FRAME.exec(line) ?? []
    if (matched === undefined) return []
    return [{ name: nameIn(shown, module), index: Number(index), offset: Number.parseInt(offset ?? '', 16) }]
  })
}

/** V8 puts the module's name, if it has one, in front of the function's. */
function nameIn(shown: string | undefined, module: string): string | undefined {
  const prefix = `${module.replace(/-[0-9a-f]{8}$/, '')}.`
  const name = shown?.startsWith(prefix) ? shown.slice(prefix.length) : shown
  // Of a function without a name V8 makes one of its index.
  return name === undefined || name === '' || /^wasm-function\[\d+\]$/.test(name) ? undefined : name
}

/** What stopped a program, in the engine's words. What it threw itself, and nobody caught, says nothing. */
export function trapMessage(error: unknown): string {
  if (error instanceof WebAssembly.Exception) return 'uncaught exception'
  return error instanceof Error ? error.message : String(error)
}

/** Calls `run`; errors that it throws have more frames than is usual. */
export function withDeepStacks<Result>(run: () => Result): Result {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES_MAX
  try {
    return run()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

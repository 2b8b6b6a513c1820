/**
 * Call stacks of the guest, as cheap as they can be had: V8's structured frames give the place of each in the
 * instrumented module, and equal stacks are one object, found by these places. Names are looked up for what is
 * reported.
 *
 * The engine is asked through `Error.prepareStackTrace`, which is set only while a stack is taken.
 */
import type { GuestModule } from '../module.js'
import type { CodePlaces } from './code-places.js'
import { GUEST_NAME } from './instrument.js'

/** A function of the guest that was running. */
export interface StackFrame {
  /** From the name section, an import or an export; `function 12` without a name. */
  readonly name: string
  /** Index among the module's functions, imports included. */
  readonly function: number
  /** The instruction, in bytes from the start of the module. */
  readonly offset: number
  /** The same, in bytes from the start of the function's body. */
  readonly offsetInFunction: number
}

/** One stack, innermost frame first. The same stack is the same object. */
export interface GuestStack {
  readonly id: number
  /** Places in the instrumented module. */
  readonly places: readonly number[]
}

/** Frames of the host and the checker that may lie in front of the guest's. */
const OTHER_FRAMES = 7
const URL_PREFIX = 'wasm://wasm/'

export class Stacks {
  readonly #module: GuestModule
  readonly #places: CodePlaces
  readonly #known = new Map<string, GuestStack>()
  readonly #byContext = new Map<number, GuestStack>()
  readonly #frames = new Map<GuestStack, readonly StackFrame[]>()
  readonly #depth: number
  /** What the engine calls the instrumented module. */
  #url: string | undefined
  readonly #hidden: ReadonlySet<number>

  /** @param depth frames that are kept, at most */
  constructor(module: GuestModule, places: CodePlaces, depth: number) {
    this.#module = module
    this.#places = places
    // What calls the checker in an allocator's place; nobody wants to read of it.
    this.#hidden = new Set(module.allocator.map(({ index }) => index))
    this.#depth = depth + (module.allocator.some(({ foundBy }) => foundBy !== 'import') ? 1 : 0)
  }

  /**
   * The stack of a call that was reached by a way with this hash: once taken, it is known.
   * @param depth frames, at most; the same for all calls from one place
   */
  takeKnown(context: number, depth?: number): GuestStack {
    const known = this.#byContext.get(context)
    if (known) return known
    const stack = this.take(depth)
    this.#byContext.set(context, stack)
    return stack
  }

  /** The stack at this moment, of at most `depth` frames: each costs nearly a microsecond. */
  take(depth = this.#depth): GuestStack {
    const holder: { stack?: unknown } = {}
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = Math.min(depth, this.#depth) + OTHER_FRAMES
    try {
      return this.#withFrames(() => {
        Error.captureStackTrace(holder, this.take)
        return holder.stack
      })
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  /** The stack of an error that was made while frames were kept by `keepDeep`. */
  of(error: Error): GuestStack {
    // V8 formats a stack when it is first asked for.
    return this.#withFrames(() => error.stack)
  }

  /** Runs `run` so that errors keep as many frames as are wanted. */
  keepDeep<Result>(run: () => Result): Result {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = this.#depth + OTHER_FRAMES
    try {
      return run()
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }

  /** The frames of a stack, without those of the allocator. */
  framesOf(stack: GuestStack): readonly StackFrame[] {
    const known = this.#frames.get(stack)
    if (known) return known
    const frames = stack.places.flatMap((place) => this.#frameAt(place) ?? [])
    this.#frames.set(stack, frames)
    return frames
  }

  /** How many different stacks there were. */
  get count(): number {
    return this.#known.size
  }

  #withFrames(stackOf: () => unknown): GuestStack {
    const { prepareStackTrace } = Error
    Error.prepareStackTrace = giveFrames
    try {
      const frames = stackOf()
      return this.#intern(Array.isArray(frames) ? frames : [])
    } finally {
      if (prepareStackTrace) Error.prepareStackTrace = prepareStackTrace
      else Reflect.deleteProperty(Error, 'prepareStackTrace')
    }
  }

  #intern(frames: readonly NodeJS.CallSite[]): GuestStack {
    const places: number[] = []
    for (const frame of frames) {
      const position = this.#placeOf(frame)
      if (position !== undefined && places.length < this.#depth) places.push(position)
    }
    const key = places.join()
    const known = this.#known.get(key)
    if (known) return known
    const stack = { id: this.#known.size, places }
    this.#known.set(key, stack)
    return stack
  }

  /** Where a frame is in the instrumented module; undefined for what is not the guest's. */
  #placeOf(frame: NodeJS.CallSite): number | undefined {
    const file = frame.getFileName()
    if (file !== this.#url) {
      if (typeof file !== 'string' || !file.startsWith(URL_PREFIX) || !file.includes(GUEST_NAME)) return undefined
      this.#url = file
    }
    const column = frame.getColumnNumber()
    // V8 counts columns from 1; of WebAssembly a column is a byte of the module.
    return column === null ? undefined : column - 1
  }

  #frameAt(place: number): StackFrame | undefined {
    const found = this.#places.find(place)
    if (!found || this.#hidden.has(found.function)) return undefined
    const { bodies, importedFunctions, nameOf } = this.#module
    const body = bodies[found.function - importedFunctions]
    const given = nameOf(found.function)
    const name = given.startsWith('#') ? `function ${found.function}` : given
    return { name, ...found, offsetInFunction: found.offset - (body?.offset ?? 0) }
  }
}

const giveFrames: typeof Error.prepareStackTrace = (_, frames) => frames

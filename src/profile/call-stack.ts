/**
 * Call stacks of the program, as V8's structured call sites give them; equal ones are one object. Elsewhere the text of
 * an error's stack is read, in the form that Firefox and Safari write.
 *
 * `Error.prepareStackTrace` and `Error.stackTraceLimit` are the program's: they are exchanged for the one call and put
 * back. Frames of the library are left out, by the folder that this file is in; in a bundle, where library and program
 * are one file, only those that lead from here to the allocating call.
 */
import { ArgumentError } from '../errors.js'
import { frameKey, type ProfileFrame } from '../formats/allocation-profile.js'

/** A stack that was seen; equal ones are the same object. */
export interface CallStack {
  /** Innermost first. */
  readonly frames: readonly ProfileFrame[]
}

/** Where stacks come from. */
export interface StackSource {
  capture(): CallStack
}

/** What the library's own calls may take of a stack. */
const OWN_FRAMES_MAX = 16
/** Far more than a program has; what a recursion may make without end. */
const NODES_MAX = 100_000
const NO_NAME = '(anonymous)'
/** Last line and column. */
const PLACE_MAX = 2 ** 31 - 1

interface Node extends CallStack {
  readonly callers: Map<ProfileFrame, Node>
}

/** Stacks by what they are made of: a tree from the innermost frame outwards. */
export class StackTree {
  readonly #root: Node = { frames: [], callers: new Map() }
  readonly #frames = new Map<string, ProfileFrame>()
  readonly #nodesMax: number
  #nodes = 0

  /** `nodesMax`: places in stacks that are told apart, at most. */
  constructor(nodesMax = NODES_MAX) {
    this.#nodesMax = nodesMax
  }

  /** The frame that `make` gives, or the one made before for the same key. */
  frame(key: string, make: () => ProfileFrame): ProfileFrame {
    let frame = this.#frames.get(key)
    if (!frame) {
      frame = make()
      this.#frames.set(key, frame)
    }
    return frame
  }

  /**
   * `frames`: each made by `frame`, innermost first. When there are too many stacks, new ones end where they part from
   * those that are known.
   */
  stack(frames: readonly ProfileFrame[]): CallStack {
    let node = this.#root
    for (const frame of frames) {
      let next = node.callers.get(frame)
      if (!next) {
        if (this.#nodes === this.#nodesMax) break
        this.#nodes++
        next = { frames: [...node.frames, frame], callers: new Map() }
        node.callers.set(frame, next)
      }
      node = next
    }
    return node
  }
}

/** What V8 adds to `Error`. */
interface V8Error {
  captureStackTrace?(holder: object, below?: unknown): void
  prepareStackTrace?: unknown
  stackTraceLimit?: number
}

const V8 = Error as unknown as V8Error

export class CallStacks implements StackSource {
  readonly #tree = new StackTree()
  readonly #depth: number
  readonly #isOwn: (url: string) => boolean

  /** `depth`: most frames of a stack. `ownFolder`: where the library's files are, undefined in a bundle. */
  constructor(depth: number, ownFolder: string | undefined = libraryFolder()) {
    this.#depth = depth
    const path = ownFolder === undefined ? undefined : pathOf(ownFolder)
    this.#isOwn = (url) => path !== undefined && pathOf(url).startsWith(path)
  }

  /** The calls that have led here. */
  capture(): CallStack {
    const { sites, text } = capturedStack(this.#depth + OWN_FRAMES_MAX)
    return this.#tree.stack(sites ? this.#framesOfSites(sites) : this.#framesOfText(text))
  }

  #framesOfSites(sites: readonly NodeJS.CallSite[]): ProfileFrame[] {
    const frames: ProfileFrame[] = []
    for (const site of sites) {
      const url = site.getScriptNameOrSourceURL() ?? ''
      if (this.#isOwn(url)) continue
      // A place in a file is known by its position alone; code without a file is told apart by what can be said of it.
      const key = url === '' ? siteText(site) : `${url} ${site.getPosition()}`
      frames.push(this.#tree.frame(key, () => frameOf(site, url)))
      if (frames.length === this.#depth) break
    }
    return frames
  }

  #framesOfText(text: string): ProfileFrame[] {
    const lines = text.split('\n').filter((line) => line !== '' && !/^\w*Error\b/.test(line))
    const frames = lines.map((line) => this.#tree.frame(line, () => parseStackLine(line)))
    return frames.filter(({ url }) => !this.#isOwn(url)).slice(0, this.#depth)
  }
}

/** Stacks that the program gives itself. */
export class GivenStacks implements StackSource {
  readonly #tree = new StackTree()
  readonly #stack: () => readonly ProfileFrame[]
  readonly #depth: number

  constructor(stack: () => readonly ProfileFrame[], depth: number) {
    this.#stack = stack
    this.#depth = depth
  }

  capture(): CallStack {
    try {
      return this.#tree.stack(
        this.#stack()
          .slice(0, this.#depth)
          .map((frame) => this.#known(frame)),
      )
    } catch (error) {
      // The allocation has been made: it must come back to who asked for it.
      queueMicrotask(() => {
        throw error
      })
      return this.#tree.stack([])
    }
  }

  #known(given: ProfileFrame): ProfileFrame {
    const { functionName, url, line, column } = checkFrame(given)
    return this.#tree.frame(frameKey(given), () => ({ functionName, url, line, column }))
  }
}

/** A frame as files can hold it: pprof's numbers have no sign. @throws ArgumentError */
function checkFrame(frame: ProfileFrame): ProfileFrame {
  const isPlace = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= PLACE_MAX
  const { functionName, url, line, column }: Partial<ProfileFrame> = frame ?? {}
  if (typeof functionName === 'string' && typeof url === 'string' && isPlace(line) && isPlace(column)) return frame
  const what = `frames of two texts, functionName and url, and two integers from 0 to ${PLACE_MAX}, line and column`
  throw new ArgumentError('stack', frame, what)
}

function frameOf(site: NodeJS.CallSite, url: string): ProfileFrame {
  return {
    functionName: site.getFunctionName() ?? NO_NAME,
    url,
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  }
}

function siteText(site: NodeJS.CallSite): string {
  return `${site.getFunctionName()} ${site.getEvalOrigin()} ${site.getLineNumber()} ${site.getColumnNumber()}`
}

// ---- asking the engine ----------------------------------------------------------------------------------------------

interface CapturedStack {
  readonly sites?: readonly NodeJS.CallSite[]
  readonly text: string
}

/** The stack above `CallStacks.capture`; as text where the engine has no call sites to give. */
function capturedStack(limit: number): CapturedStack {
  let sites: readonly NodeJS.CallSite[] | undefined
  const prepare = (_: unknown, given: readonly NodeJS.CallSite[]) => {
    sites = given
    return ''
  }
  const text = withErrorSettings({ stackTraceLimit: limit, prepareStackTrace: prepare }, () => {
    if (!V8.captureStackTrace) return new Error('stack').stack
    const holder: { stack?: string } = {}
    V8.captureStackTrace(holder, CallStacks.prototype.capture)
    return holder.stack
  })
  return { ...(sites && { sites }), text: text ?? '' }
}

/** What `use` gives while `Error` has these fields; they are as before afterwards, absent ones too. */
function withErrorSettings<T>(settings: Pick<V8Error, 'prepareStackTrace' | 'stackTraceLimit'>, use: () => T): T {
  const before = (['prepareStackTrace', 'stackTraceLimit'] as const).map(
    (name) => [name, Object.getOwnPropertyDescriptor(V8, name)] as const,
  )
  try {
    for (const [name] of before) redefine(name, { value: settings[name], writable: true, configurable: true })
    return use()
  } finally {
    for (const [name, descriptor] of before) redefine(name, descriptor)
  }
}

/** Where a program has frozen `Error` nothing changes: stacks are what they are there. */
function redefine(name: string, descriptor: PropertyDescriptor | undefined): void {
  if (descriptor) Reflect.defineProperty(V8, name, descriptor)
  else Reflect.deleteProperty(V8, name)
}

/** `name@url:line:column` of Firefox and Safari, `at name (url:line:column)` of a V8 whose `Error` is frozen. */
export function parseStackLine(line: string): ProfileFrame {
  const found = /^\s*at (?:(.*?) \()?(.*?):(\d+):(\d+)\)?$/.exec(line) ?? /^(?:(.*?)@)?(.*?):(\d+):(\d+)$/.exec(line)
  if (!found) return { functionName: line.trim(), url: '', line: 0, column: 0 }
  const [, name, url = '', row, column] = found
  return { functionName: name || NO_NAME, url, line: Number(row), column: Number(column) }
}

// ---- whose frame it is ----------------------------------------------------------------------------------------------

/** The folder of the library's files; none when this one does not stand where it does in the package. */
function libraryFolder(): string | undefined {
  const { url } = import.meta
  return /\/profile\/call-stack\.[jt]s$/.test(pathOf(url)) ? new URL('..', url).href : undefined
}

/** Files are called by URL in modules and by path in scripts. */
function pathOf(url: string): string {
  return url.replace(/^file:\/\//, '').replace(/[?#].*$/, '')
}

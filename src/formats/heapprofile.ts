/**
 * Writes allocation profiles as `.heapprofile`, which Chrome DevTools opens (Memory, Load): the `SamplingHeapProfile` of
 * the Chrome DevTools Protocol, a tree of calls with the outermost on top.
 * (https://chromedevtools.github.io/devtools-protocol/tot/HeapProfiler)
 *
 * A node is a place in the program reached by the calls above it; its `selfSize` is the sum of its samples' sizes.
 */
import { type AllocationProfile, frameKey, type ProfileFrame } from './allocation-profile.js'

/** A place as the protocol has it: lines and columns from 0, -1 for none. */
export interface HeapProfileFrame {
  readonly functionName: string
  /** One for each source, from `'1'`; `'0'` for none. */
  readonly scriptId: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

export interface HeapProfileNode {
  readonly callFrame: HeapProfileFrame
  /** Bytes allocated at this very place. */
  readonly selfSize: number
  readonly id: number
  readonly children: readonly HeapProfileNode[]
}

export interface HeapProfileSample {
  readonly size: number
  readonly nodeId: number
  /** Ascending with time: here the order in which places and sizes were first seen. */
  readonly ordinal: number
}

/** `JSON.stringify` of it is a `.heapprofile`. */
export interface HeapProfile {
  readonly head: HeapProfileNode
  readonly samples: readonly HeapProfileSample[]
}

/** What sizes are of: blocks and objects in use, or all that were allocated. */
export type HeapProfileKind = 'inuse' | 'alloc'

/** A node while it is made. */
interface Node extends HeapProfileNode {
  selfSize: number
  readonly children: Node[]
  readonly byKey: Map<string, Node>
}

const ROOT_FRAME: HeapProfileFrame = {
  functionName: '(root)',
  scriptId: '0',
  url: '',
  lineNumber: -1,
  columnNumber: -1,
}

export function makeHeapProfile(profile: AllocationProfile, kind: HeapProfileKind = 'inuse'): HeapProfile {
  const scripts = new Map<string, string>([['', '0']])
  let nodes = 0
  const make = (callFrame: HeapProfileFrame): Node => ({
    callFrame,
    selfSize: 0,
    id: ++nodes,
    children: [],
    byKey: new Map(),
  })
  const head = make(ROOT_FRAME)
  const samples: HeapProfileSample[] = []
  profile.samples.forEach(({ frames, inuseBytes, allocBytes }, ordinal) => {
    const size = Math.round(kind === 'inuse' ? inuseBytes : allocBytes)
    // What is freed has no place in a profile of what is in use.
    if (size === 0) return
    let node = head
    for (let i = frames.length - 1; i >= 0; i--) node = childOf(node, frames[i] as ProfileFrame, scripts, make)
    node.selfSize += size
    samples.push({ size, nodeId: node.id, ordinal: ordinal + 1 })
  })
  return { head: finished(head), samples }
}

function childOf(
  parent: Node,
  frame: ProfileFrame,
  scripts: Map<string, string>,
  make: (frame: HeapProfileFrame) => Node,
): Node {
  const { functionName, url, line, column } = frame
  const key = frameKey(frame)
  const known = parent.byKey.get(key)
  if (known) return known
  const scriptId = scripts.get(url) ?? String(scripts.size)
  scripts.set(url, scriptId)
  const name = functionName === '(anonymous)' ? '' : functionName
  const child = make({ functionName: name, scriptId, url, lineNumber: line - 1, columnNumber: column - 1 })
  parent.byKey.set(key, child)
  parent.children.push(child)
  return child
}

/** The same tree without what only making it needed. Stacks are short, so that it is no deep one. */
function finished({ callFrame, selfSize, id, children }: Node): HeapProfileNode {
  return { callFrame, selfSize, id, children: children.map(finished) }
}

/**
 * What a snapshot of a million objects costs, in ms: taken, written, and asked. Each object has two references, in two
 * trees below one root. `node bench/experiments/snapshots.mjs [mode ...]`, on the built package.
 */
import { Heap, i32, ref, struct } from '../../dist/src/index.js'

const Node = struct('Node', { value: i32, left: ref('Node'), right: ref('Node') })
const DEPTH = 18
const modes = process.argv.length > 2 ? process.argv.slice(2) : ['manual', 'vm', 'runtime', 'server', 'embedded']

/** A tree of 2 ^ (depth + 1) - 1 nodes in the innermost scope. */
function tree(heap, depth) {
  const node = heap.new(Node, { value: depth })
  if (depth > 0) {
    node.left = tree(heap, depth - 1)
    node.right = tree(heap, depth - 1)
  }
  return node
}

function timed(name, run) {
  const start = performance.now()
  const result = run()
  console.log(`  ${name.padEnd(20)} ${(performance.now() - start).toFixed(0).padStart(6)} ms`)
  return result
}

for (const mode of modes) {
  const heap = Heap.create({ mode, limit: mode === 'embedded' ? '60MiB' : '512MiB' })
  const outer = heap.scope()
  const top = heap.root(heap.new(Node))
  for (const side of ['left', 'right']) {
    const scope = heap.scope()
    top.value[side] = tree(heap, DEPTH)
    scope[Symbol.dispose]()
  }
  outer[Symbol.dispose]()
  heap.collect()
  console.log(`mode ${mode}`)
  const snapshot = timed('take', () => heap.snapshot({ collect: false }))
  let characters = 0
  timed('write', () => {
    for (const piece of snapshot.write()) characters += piece.length
  })
  timed('retained sizes', () => snapshot.graph.retainedSizes())
  timed('histogram', () => snapshot.graph.histogram())
  timed('path to the root', () => snapshot.graph.pathToRoot(snapshot.nodeCount - 1))
  const { nodeCount, edgeCount } = snapshot
  console.log(`  ${nodeCount} nodes, ${edgeCount} edges, ${(characters / 1e6).toFixed(0)} MB of text`)
  heap.close()
}

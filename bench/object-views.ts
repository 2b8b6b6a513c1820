/** The public interface as a contestant: heaps in mode `vm`, structs, scopes. */
import { Heap } from '../src/heap.js'
import { i32, ref } from '../src/objects/kinds.js'
import { struct } from '../src/objects/struct.js'
import type { View } from '../src/objects/types.js'
import type { Trees } from './object-loops.js'

export const HEAP_NEW = "heap.new, mode 'vm'"

export const Item = struct('Item', { value: i32, next: ref('Item') })
export const TreeNode = struct('TreeNode', { left: ref('TreeNode'), right: ref('TreeNode') })
type NodeView = View<typeof TreeNode>

export function viewHeap(): Heap {
  return Heap.create({ mode: 'vm', limit: '1GiB' })
}

/** Objects that die with their scope. */
export function createViewAllocations(heap: Heap, type: typeof TreeNode) {
  return function allocations(count: number): void {
    const scope = heap.scope()
    for (let i = 0; i < count; i++) heap.new(type)
    scope.close()
  }
}

/** Binary trees as a program writes them: a scope for each tree. */
export function createViewTrees(heap: Heap, type: typeof TreeNode): Trees {
  function build(depth: number): NodeView {
    const node = heap.new(type)
    if (depth === 0) return node
    node.left = build(depth - 1)
    node.right = build(depth - 1)
    return node
  }

  function checkFrom(node: NodeView, sum: number): number {
    const { left } = node
    return left === null ? sum + 1 : checkFrom(node.right as NodeView, checkFrom(left as NodeView, sum + 1))
  }

  function buildAndCheck(depth: number): number {
    const scope = heap.scope()
    const sum = checkFrom(build(depth), 0)
    scope.close()
    return sum
  }

  function buildRoot(depth: number) {
    const scope = heap.scope()
    const root = heap.root(build(depth))
    scope.close()
    return root
  }

  return function trees(depth: number): number {
    let sum = buildAndCheck(depth + 1)
    const kept = buildRoot(depth)
    for (let d = 4; d <= depth; d += 2) {
      const times = 1 << (depth - d + 4)
      for (let i = 0; i < times; i++) sum += buildAndCheck(d)
    }
    const scope = heap.scope()
    sum += checkFrom(kept.value, 0)
    scope.close()
    kept.dispose()
    return sum
  }
}

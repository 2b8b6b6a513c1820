/** The public interface as a contestant: heaps in the collecting modes, structs, scopes. */
import { Heap } from '../src/heap.js'
import { array, i32, ref } from '../src/objects/kinds.js'
import { struct } from '../src/objects/struct.js'
import type { View } from '../src/objects/types.js'
import type { ObjectMode } from './object-contestants.js'
import type { Trees } from './object-loops.js'

export const viewsName = (mode: ObjectMode) => `heap.new, mode '${mode}'`
export const HEAP_NEW = viewsName('vm')

export const Item = struct('Item', { value: i32, next: ref('Item') })
export const TreeNode = struct('TreeNode', { left: ref('TreeNode'), right: ref('TreeNode') })
type NodeView = View<typeof TreeNode>

export const Holder = struct('Holder', { items: array(ref(Item)) })

export function viewHeap(mode: ObjectMode = 'vm'): Heap {
  return Heap.create({ mode, limit: '1GiB' })
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

/** Items of which every tenth is stored at a random place of an array of old ones, or into the item there. */
export function createViewStores(heap: Heap, type: typeof Item, holder: View<typeof Holder>) {
  const { items } = holder
  const mask = items.length - 1
  let x = 12345

  function array(count: number): void {
    const scope = heap.scope()
    for (let i = 0; i < count; i++) {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const item = heap.new(type)
      if (((x >>> 2) & 1023) < 102) items.set((x >>> 12) & mask, item)
    }
    scope.close()
  }

  function objects(count: number): void {
    const scope = heap.scope()
    for (let i = 0; i < count; i++) {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const item = heap.new(type)
      if (((x >>> 2) & 1023) >= 102) continue
      const old = items.get((x >>> 12) & mask) as View<typeof Item>
      old.next = item
    }
    scope.close()
  }

  return { array, objects }
}

/**
 * Programs over objects that allocate from TypeScript, by calls into a module. As in loops.ts each contestant gets a
 * copy of its own, so nothing here may refer to anything outside of its function.
 */

/** References of the array into which, or into whose cells, the store programs store. */
export const STORE_SLOTS = 1 << 20

/** The allocating call, behind one name: `objectNew(type, bytes)` or `__new(bytes, id)`. */
export interface AllocateCall {
  allocate(first: number, second: number): number
}

export function createAllocations(target: AllocateCall) {
  /** Objects that nothing refers to; the last one, so that the loop has a result. */
  return function allocations(count: number, first: number, second: number): number {
    let last = 0
    for (let i = 0; i < count; i++) last = target.allocate(first, second)
    return last
  }
}

/** What binary trees need of a heap, roots included. */
export interface TreeTarget {
  readonly memory: WebAssembly.Memory
  allocate(first: number, second: number): number
  /** Keeps an object while others are allocated. */
  pin(reference: number): unknown
  unpin(reference: number): unknown
  /** Between trees, for a runtime that must be told to collect: with the number of objects made and of those kept. */
  rest(made: number, kept: number): void
}

export type Trees = (depth: number) => number

/** Binary trees by calls, where an object that is pinned stays where it is. */
export function createPinnedTrees(target: TreeTarget, first: number, second: number): Trees {
  let words = new Int32Array(target.memory.buffer)

  function build(depth: number): number {
    let left = 0
    let right = 0
    if (depth > 0) {
      left = build(depth - 1)
      target.pin(left)
      right = build(depth - 1)
      target.pin(right)
    }
    const node = target.allocate(first, second)
    if (words.length === 0) words = new Int32Array(target.memory.buffer)
    words[node >>> 2] = left
    words[(node >>> 2) + 1] = right
    if (depth > 0) {
      target.unpin(left)
      target.unpin(right)
    }
    return node
  }

  function checkFrom(node: number, sum: number): number {
    const left = words[node >>> 2] as number
    return left === 0 ? sum + 1 : checkFrom(words[(node >>> 2) + 1] as number, checkFrom(left, sum + 1))
  }

  return function trees(depth: number): number {
    let sum = checkFrom(build(depth + 1), 0)
    target.rest(4 << depth, 0)
    const kept = build(depth)
    target.pin(kept)
    for (let d = 4; d <= depth; d += 2) {
      const times = 1 << (depth - d + 4)
      for (let i = 0; i < times; i++) {
        sum += checkFrom(build(d), 0)
        target.rest(2 << d, 2 << depth)
      }
    }
    sum += checkFrom(kept, 0)
    target.unpin(kept)
    return sum
  }
}

/** Binary trees by calls, with the shadow stack for roots: what lies there may move and is read again. */
export function createStackTrees(
  target: AllocateCall,
  memory: WebAssembly.Memory,
  topAt: number,
  type: number,
  bytes: number,
): Trees {
  const top = topAt >>> 2
  let words = new Int32Array(memory.buffer)

  function allocate(): number {
    const reference = target.allocate(type, bytes)
    if (words.length === 0) words = new Int32Array(memory.buffer)
    if (reference === 0) throw new Error('the heap is full')
    return reference
  }

  function push(reference: number): void {
    const at = words[top] as number
    words[at >>> 2] = reference
    words[top] = at + 4
  }

  function build(depth: number): number {
    if (depth === 0) return allocate()
    push(build(depth - 1))
    push(build(depth - 1))
    const node = allocate()
    const frame = (words[top] as number) - 8
    words[top] = frame
    words[node >>> 2] = words[frame >>> 2] as number
    words[(node >>> 2) + 1] = words[(frame >>> 2) + 1] as number
    return node
  }

  function checkFrom(node: number, sum: number): number {
    const left = words[node >>> 2] as number
    return left === 0 ? sum + 1 : checkFrom(words[(node >>> 2) + 1] as number, checkFrom(left, sum + 1))
  }

  return function trees(depth: number): number {
    let sum = checkFrom(build(depth + 1), 0)
    const frame = words[top] as number
    push(build(depth))
    for (let d = 4; d <= depth; d += 2) {
      const times = 1 << (depth - d + 4)
      for (let i = 0; i < times; i++) sum += checkFrom(build(d), 0)
    }
    sum += checkFrom(words[frame >>> 2] as number, 0)
    words[top] = frame
    return sum
  }
}

/** What stores need of a runtime: the place is taken modulo the number of slots. */
export interface StoreTarget extends AllocateCall {
  store(place: number, reference: number): void
}

/** Objects of which every tenth is stored at a random place of old ones. */
export function createCallStores(target: StoreTarget, first: number, second: number) {
  let x = 12345
  return function stores(count: number): void {
    for (let i = 0; i < count; i++) {
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      const reference = target.allocate(first, second)
      if (((x >>> 2) & 1023) < 102) target.store(x >>> 12, reference)
    }
  }
}

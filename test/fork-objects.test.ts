/**
 * Goal: objects of a heap are in its fork, behind roots of the fork's own, and each heap collects, moves and frees its
 * own; arenas, pools and values likewise.
 * Method: graphs that are built, forked, changed and collected on both sides in every mode with objects, against plain
 * JavaScript; what cannot be adopted, one by one.
 * A failure means: an object of one heap that another one freed, moved or changed; or a root that names another object.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { Heap, i32, type ModeName, type Root, ref, struct, type View } from '../src/index.js'
import { random } from './support/random.js'
import { thrownBy } from './support/refusal.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
console.info(`HEAPWRIGHT_SEED=${SEED}`)

const Node = struct('Node', { value: i32, left: ref('Node'), right: ref('Node') })
const Late = struct('Late', { epoch: i32 })

const heaps: Heap[] = []
afterEach(() => {
  for (const heap of heaps.splice(0)) heap.close()
})

function make(mode: ModeName): Heap {
  const heap = Heap.create({ mode, limit: mode === 'embedded' ? '512KiB' : '32MiB' })
  heaps.push(heap)
  return heap
}

function forkOf(heap: Heap): Heap {
  const child = heap.fork()
  heaps.push(child)
  return child
}

const TRACED = ['vm', 'runtime', 'server', 'embedded'] as const
const MODES = ['manual', ...TRACED] as const

type NodeRoot = Root<View<typeof Node>>

/** A random tree, and its values in order. */
function buildTree(heap: Heap, below: (n: number) => number): { root: NodeRoot; values: number[] } {
  using _scope = heap.scope()
  const build = (level: number): { node: View<typeof Node>; values: number[] } => {
    const value = below(1000)
    const left = level > 0 ? build(level - 1) : undefined
    const right = level > 0 && below(4) > 0 ? build(level - 1) : undefined
    const node = heap.new(Node, { value, left: left?.node ?? null, right: right?.node ?? null })
    return { node, values: [...(left?.values ?? []), value, ...(right?.values ?? [])] }
  }
  const { node, values } = build(5)
  return { root: heap.root(node), values }
}

/** The values of a tree in order. */
function valuesOf(heap: Heap, { value: top }: NodeRoot): number[] {
  using _scope = heap.scope()
  const walk = (node: View<typeof Node> | null): number[] =>
    node
      ? [...walk(node.left as View<typeof Node> | null), node.value, ...walk(node.right as View<typeof Node> | null)]
      : []
  return walk(top)
}

describe.each(MODES)('objects of mode %s', (mode) => {
  it(`are in a fork behind roots of its own (seed ${SEED})`, () => {
    const below = random(SEED)
    const heap = make(mode)
    const trees = Array.from({ length: 5 }, () => buildTree(heap, below))
    const child = forkOf(heap)
    const theirs = trees.map(({ root }) => child.adopt(root))
    expect(child.adopt(trees[0]?.root as NodeRoot)).toBe(theirs[0])
    expect(theirs.map((root) => valuesOf(child, root))).toEqual(trees.map(({ values }) => values))
    // Each goes on for itself: changes, garbage, collections, new objects.
    ;(theirs[1] as NodeRoot).value.value = -1
    ;(theirs[2] as NodeRoot).value.left = null
    theirs[3]?.dispose()
    trees[4]?.root.dispose()
    heap.collect()
    child.collect()
    const more = [buildTree(heap, below), buildTree(child, below)] as const
    if (mode !== 'manual') {
      heap.compact()
      child.compact()
    }
    for (const i of [0, 1, 2, 3]) expect(valuesOf(heap, trees[i]?.root as NodeRoot)).toEqual(trees[i]?.values)
    expect(valuesOf(child, theirs[0] as NodeRoot)).toEqual(trees[0]?.values)
    expect((theirs[1] as NodeRoot).value.value).toBe(-1)
    expect((theirs[2] as NodeRoot).value.left).toBeNull()
    expect(valuesOf(child, theirs[4] as NodeRoot)).toEqual(trees[4]?.values)
    expect([valuesOf(heap, more[0].root), valuesOf(child, more[1].root)]).toEqual([more[0].values, more[1].values])
    expect([heap.verify(), child.verify()]).toEqual([{ ok: true }, { ok: true }])
  })

  it('go when a fork disposes of its root, and no sooner', () => {
    const heap = make(mode)
    const { root } = (() => {
      using _scope = heap.scope()
      return { root: heap.root(heap.new(Node, { value: 7 })) }
    })()
    const child = forkOf(heap)
    const live = () => {
      child.collect()
      return child.stats().liveObjects
    }
    const before = live()
    expect(before).toBeGreaterThan(0)
    const own = child.adopt(root)
    root.dispose()
    expect(live()).toBe(before)
    expect(own.value.value).toBe(7)
    own.dispose()
    expect(live()).toBe(before - 1)
  })

  it('have the types of both, also structs that come later', () => {
    const heap = make(mode)
    const child = forkOf(heap)
    using _one = heap.scope()
    using _other = child.scope()
    expect(child.new(Late, { epoch: 1 }).epoch).toBe(1)
    expect(heap.new(Node, { value: 2 }).value).toBe(2)
    const root = child.root(child.new(Late, { epoch: 5 }))
    const grandchild = forkOf(child)
    // A field of this name is no sign of anything.
    expect(grandchild.adopt(root).value.epoch).toBe(5)
    expect(grandchild.root(grandchild.adopt(root).value).value.epoch).toBe(5)
  })

  it('may be alive in scopes that are open at the fork', () => {
    const heap = make(mode)
    using _scope = heap.scope()
    const view = heap.new(Node, { value: 3 })
    const root = heap.root(view)
    const child = forkOf(heap)
    expect(child.adopt(root).value.value).toBe(3)
    using _own = child.scope()
    child.new(Node)
    expect(child.verify()).toEqual({ ok: true })
    expect(view.value).toBe(3)
  })
})

describe.each(TRACED)('roots of mode %s', (mode) => {
  it('that pin, watch, or are words of the memory', () => {
    const heap = make(mode)
    const [pin, weak] = (() => {
      using _scope = heap.scope()
      const node = heap.new(Node, { value: 11 })
      return [heap.pin(node), heap.weak(node)] as const
    })()
    const child = forkOf(heap)
    const own = { pin: child.adopt(pin), weak: child.adopt(weak) }
    expect(own.pin.address).toBe(pin.address)
    child.collect()
    const value = () => {
      using _scope = child.scope()
      return own.weak.deref()?.value ?? null
    }
    expect(value()).toBe(11)
    own.pin.dispose()
    child.collect()
    expect(value()).toBeNull()
    using _scope = heap.scope()
    expect(weak.deref()?.value).toBe(11)
  })

  it('leave finalizers with the parent', () => {
    const heap = make(mode)
    const dead: string[] = []
    const finalizers = heap.finalizer((held: string) => dead.push(held))
    const root = (() => {
      using _scope = heap.scope()
      const node = heap.new(Node)
      finalizers.register(node, 'it')
      return heap.root(node)
    })()
    const child = forkOf(heap)
    child.adopt(root).dispose()
    child.collect()
    expect(dead).toEqual([])
    root.dispose()
    heap.collect()
    expect(dead).toEqual(['it'])
  })
})

describe('of a heap, a fork also has', () => {
  it('arenas and pools', () => {
    const heap = make('manual')
    const arena = heap.arena()
    const pool = heap.pool({ size: 100, count: 10 })
    const range = heap.alloc(1000)
    const fixed = heap.fixedArena({ base: range, limit: range + 1000 })
    const [a, b] = [arena.alloc(50), pool.acquire()]
    heap.fill(a, 50, 1)
    const child = forkOf(heap)
    const own = { arena: child.adopt(arena), pool: child.adopt(pool), fixed: child.adopt(fixed) }
    expect(own.arena.usedBytes).toBe(arena.usedBytes)
    expect(own.pool.stats()).toMatchObject({ used: 1, free: 9, size: 100 })
    const c = own.arena.alloc(50)
    expect(arena.alloc(50)).toBe(c)
    own.pool.release(b)
    expect([own.pool.stats().used, pool.stats().used]).toEqual([0, 1])
    expect(own.fixed.alloc(100)).toBe(fixed.alloc(100))
    own.arena.dispose()
    own.pool.dispose()
    expect(heap.readU8(a)).toBe(1)
    expect([heap.verify(), child.verify()]).toEqual([{ ok: true }, { ok: true }])
  })

  it('values', () => {
    const heap = make('vm')
    const root = (() => {
      using _scope = heap.scope()
      return heap.root(heap.values.string('forty-two'))
    })()
    const child = forkOf(heap)
    using _scope = child.scope()
    expect(String(child.adopt(root).value)).toBe('forty-two')
    expect(String(child.values.string('more'))).toBe('more')
    expect(child.verify()).toEqual({ ok: true })
  })

  it('nothing of these', () => {
    const heap = make('vm')
    const early = heap.arena()
    early.dispose()
    const [gone, root, pool, view] = (() => {
      const scope = heap.scope()
      const node = heap.new(Node)
      const result = [heap.root(node), heap.root(node), heap.pool({ size: 10, count: 1 }), node] as const
      result[0].dispose()
      void scope
      return result
    })()
    const child = forkOf(heap)
    using _scope = heap.scope()
    const late = heap.root(heap.new(Node))
    const refused = (thing: object) => {
      const error = thrownBy(() => child.adopt(thing as typeof root))
      expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument: 'thing' })
    }
    for (const thing of [
      early,
      gone,
      late,
      heap.arena(),
      heap.pool({ size: 10, count: 1 }),
      view,
      root.value,
      {},
      heap,
    ]) {
      refused(thing)
    }
    const other = forkOf(child)
    expect(thrownBy(() => other.adopt(root))).toMatchObject({ code: 'HW_ARGUMENT' })
    expect(thrownBy(() => heap.adopt(root))).toMatchObject({ code: 'HW_ARGUMENT' })
    child.reset()
    refused(root)
    refused(pool)
    child.close()
    expect(thrownBy(() => child.adopt(root))).toMatchObject({ code: 'HW_CLOSED' })
  })
})

/**
 * Goal: what a scope or a root holds lives, wherever it goes; what nothing holds dies; what is gone says so.
 * Method: the census of the heap after collections is the oracle; every way in which a handle can go stale is walked.
 * A failure means: an object that is lost or never freed, or a view that reads somebody else's bytes.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { array, Heap, i32, type ObjectView, ref, StaleHandleError, struct, type View } from '../src/index.js'
import { expectSound, thrownBy } from './support/refusal.js'

const Node = struct('Node', { value: i32, next: ref('Node'), any: ref() })

const vm = (options = {}) => Heap.create({ mode: 'vm', limit: '64MiB', debug: true, ...options })

/** How many nodes a collection leaves. */
function liveNodes(heap: Heap): number {
  heap.collect()
  return heap.census().find(({ type }) => type === 'Node')?.live ?? 0
}

function expectStale(view: View<typeof Node>, reason: string): void {
  const uses = [
    () => view.value,
    () => view.next,
    () => view.reference,
    () => Object.assign(view, { value: 1 }),
    () => Object.assign(view, { next: null }),
    () => view.is(Node),
    () => view.toJSON(),
  ]
  for (const use of uses) {
    const error = thrownBy(use)
    expect(error).toBeInstanceOf(StaleHandleError)
    expect(error).toMatchObject({ code: 'HW_STALE_HANDLE', reason })
  }
}

describe('scopes', () => {
  it('are needed for every object', () => {
    const heap = vm()
    expect(thrownBy(() => heap.new(Node))).toMatchObject({ code: 'HW_SCOPE' })
    let scope = heap.scope()
    const root = heap.root(heap.new(Node, { value: 1 }))
    root.value.next = root.value
    scope.close()
    expect(root.value.value).toBe(1)
    expect(thrownBy(() => root.value.next)).toMatchObject({ code: 'HW_SCOPE' })
    scope = heap.scope()
    expect(root.value.next?.value).toBe(1)
    scope.close()
    root.dispose()
    expect(liveNodes(heap)).toBe(0)
  })

  it('drop what they hold, all at once, and their views are stale', () => {
    const heap = vm()
    using _ = heap.scope()
    const kept = heap.new(Node, { value: 5 })
    const dropped: View<typeof Node>[] = []
    for (const count of [1, 10, 5000]) {
      const scope = heap.scope()
      for (let i = 0; i < count; i++) dropped.push(heap.new(Node, { value: i }))
      expect(liveNodes(heap)).toBe(count + 1)
      scope.close()
      expect(scope.isOpen).toBe(false)
      scope.close()
      expect(liveNodes(heap)).toBe(1)
    }
    for (const view of [dropped[0], dropped.at(-1)]) expectStale(view as View<typeof Node>, 'scope-closed')
    expect(kept.value).toBe(5)
    expectSound(heap)
  })

  it('that are closed close those inside them', () => {
    const heap = vm()
    const outer = heap.scope()
    const inner = heap.scope()
    const view = heap.new(Node)
    outer.close()
    expect([outer.isOpen, inner.isOpen]).toEqual([false, false])
    expectStale(view, 'scope-closed')
    inner.close()
    expect(thrownBy(() => heap.new(Node))).toMatchObject({ code: 'HW_SCOPE' })
  })

  it('let views escape to the scope around them', () => {
    const heap = vm()
    const outer = heap.scope()
    const make = (value: number) => {
      using scope = heap.scope()
      heap.new(Node, { value: 100 })
      const one = heap.new(Node, { value })
      return scope.escape(scope.escape(one))
    }
    const views = Array.from({ length: 50 }, (_, i) => make(i))
    heap.compact()
    expect(views.map(({ value }) => value)).toEqual([...views.keys()])
    expect(liveNodes(heap)).toBe(50)

    const middle = heap.scope()
    const inner = heap.scope()
    const far = heap.new(Node, { value: 7 })
    expect(middle.escape(far)).toBe(far)
    expect(inner.escape(views[0] as View<typeof Node>).value).toBe(0)
    expect(inner.escape(null)).toBeNull()
    inner.close()
    expect(far.value).toBe(7)
    middle.close()
    expect(far.value).toBe(7)
    expect(thrownBy(() => outer.escape(far))).toMatchObject({ code: 'HW_SCOPE' })
    outer.close()
    expectStale(far, 'scope-closed')
    expect(thrownBy(() => outer.escape(far))).toMatchObject({ code: 'HW_STALE_HANDLE' })
    expectSound(heap)
  })

  it('and their views are stale after a reset, and after the heap was closed', () => {
    const heap = vm()
    const scope = heap.scope()
    const [view, root] = [heap.new(Node), heap.root(heap.new(Node))]
    const rooted = root.value
    heap.reset()
    expectStale(view, 'heap-reset')
    expectStale(rooted, 'heap-reset')
    expect(thrownBy(() => root.value)).toMatchObject({ reason: 'heap-reset' })
    scope.close()
    root.dispose()
    const fresh = heap.scope()
    const next = heap.new(Node, { value: 3 })
    expect(next.value).toBe(3)
    expectSound(heap)
    heap.close()
    expectStale(next, 'heap-closed')
    fresh.close()
    expect(thrownBy(() => heap.new(Node))).toMatchObject({ code: 'HW_CLOSED' })
  })
})

describe('roots', () => {
  it('keep objects until they are disposed of, in any order', () => {
    const heap = vm()
    const roots = Array.from({ length: 1000 }, (_, value) => {
      using _scope = heap.scope()
      return heap.root(heap.new(Node, { value }))
    })
    heap.compact()
    expect(roots.every((root, i) => root.value.value === i)).toBe(true)
    for (const [i, root] of roots.entries()) if (i % 3 !== 0) root.dispose()
    expect(liveNodes(heap)).toBe(334)
    const gone = roots[1]
    expect(gone?.isDisposed).toBe(true)
    gone?.dispose()
    expect(thrownBy(() => gone?.value)).toMatchObject({ reason: 'root-disposed' })
    expect(roots.every((root, i) => i % 3 !== 0 || root.value.value === i)).toBe(true)
    for (const root of roots) root.dispose()
    expect(liveNodes(heap)).toBe(0)
    expect(heap.rootsCaught).toBe(0)
    expectSound(heap)
  })

  it('are not made of what is no object of the heap', () => {
    const [heap, other] = [vm(), vm()]
    using _scope = other.scope()
    const foreign = other.new(Node)
    for (const wrong of [null, undefined, 5, {}, foreign] as never[]) {
      const uses = [
        () => heap.root(wrong),
        () => heap.pin(wrong),
        () => heap.weak(wrong),
        () => heap.weakRef(wrong),
        () => heap.identityHash(wrong),
        () => heap.describe(wrong),
        () => heap.finalizer(() => {}).register(wrong, 0),
      ]
      for (const use of uses) expect(thrownBy(use)).toMatchObject({ argument: 'object' })
    }
  })

  it('that are forgotten are found by JavaScript’s collector, and counted', async () => {
    setFlagsFromString('--expose-gc')
    const gc: () => void = runInNewContext('gc')
    const heap = vm()
    const forget = () => {
      using _scope = heap.scope()
      heap.root(heap.new(Node))
      heap.weak(heap.new(Node))
      // The view alone is enough to keep it.
      return heap.root(heap.new(Node, { value: 5 })).value
    }
    const kept = forget()
    for (let i = 0; i < 50 && heap.rootsCaught < 2; i++) {
      gc()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(heap.rootsCaught).toBe(2)
    expect(heap.stats().rootsCaught).toBe(2)
    expect(liveNodes(heap)).toBe(1)
    expect(kept.value).toBe(5)
    expectSound(heap)
  })

  it('pins keep objects where they are', () => {
    const heap = vm({ stress: { move: true } })
    using _ = heap.scope()
    const [free, held] = [heap.new(Node, { value: 1 }), heap.new(Node, { value: 2 })]
    const pin = heap.pin(held)
    const { address } = pin
    const before = free.reference
    for (let i = 0; i < 5; i++) {
      heap.new(Node)
      heap.compact()
      heap.collect()
      expect(pin.address).toBe(address)
      expect(pin.reference).toBe(address)
      expect(heap.readI32(address + (Node.field('value')?.offset ?? 0))).toBe(2)
    }
    pin.dispose()
    expect(held.value + free.value).toBe(3)
    expect(before).not.toBe(0)
    expectSound(heap)
  })

  it('weak ones see their object die', () => {
    const heap = vm()
    using _ = heap.scope()
    const kept = heap.new(Node, { value: 1 })
    const inner = heap.scope()
    const lost = heap.new(Node, { value: 2 })
    const weak = [heap.weak(kept), heap.weak(lost)] as const
    const inHeap = [heap.root(heap.weakRef(kept)), heap.root(heap.weakRef(lost))] as const
    heap.compact()
    for (const one of [...weak, ...inHeap.map(({ value }) => value)]) expect(one.deref()?.value).toBeGreaterThan(0)
    inner.close()
    heap.collect()
    expect(weak.map((one) => one.deref()?.value)).toEqual([1, undefined])
    expect(inHeap.map(({ value }) => value.deref()?.value)).toEqual([1, undefined])
    for (const one of weak) one.dispose()
    expect(thrownBy(() => weak[0].deref())).toMatchObject({ reason: 'root-disposed' })
    kept.any = inHeap[0].value
    expect(heap.same(kept.any, inHeap[0].value)).toBe(true)
    expectSound(heap)
  })

  it('the global object, the pending exception and slots of guests are roots', () => {
    const heap = vm()
    const word = heap.calloc(1, 16)
    {
      using _ = heap.scope()
      expect([heap.globalObject, heap.pendingException]).toEqual([null, null])
      heap.globalObject = heap.new(Node, { value: 1 })
      heap.pendingException = heap.new(Node, { value: 2 })
      heap.rootSlot(word + 4).value = heap.new(Node, { value: 3 })
      for (const wrong of [0, 2, word + 1, 2 ** 32, '8']) {
        expect(thrownBy(() => heap.rootSlot(wrong as never))).toMatchObject({ argument: 'address' })
      }
      heap.writeU32(word, 12)
      expect(thrownBy(() => heap.rootSlot(word))).toMatchObject({ argument: 'address' })
    }
    heap.compact()
    using _ = heap.scope()
    const values = [heap.globalObject, heap.pendingException].map((one) => one?.is(Node) && one.value)
    expect(values).toEqual([1, 2])
    expect(heap.view(Node, heap.readU32(word + 4)).value).toBe(3)
    heap.globalObject = null
    heap.pendingException = null
    using slot = heap.rootSlot(word + 4)
    slot.value = null
  })

  it('a shadow stack holds what is pushed', () => {
    for (const pinning of [false, true]) {
      const heap = vm({ shadowStack: 8 })
      const stack = heap.shadowStack(pinning ? { slots: 8, pinning } : {})
      const scope = heap.scope()
      for (let i = 0; i < 7; i++) stack.push(heap.new(Node, { value: i }))
      stack.push(null)
      expect([stack.length, stack.slots]).toEqual([8, 8])
      expect(heap.readU32(stack.topWord) - heap.readU32(stack.baseWord)).toBe(32)
      expect(thrownBy(() => stack.push(null))).toMatchObject({ code: 'HW_OUT_OF_MEMORY' })
      scope.close()
      heap.compact()
      expect(liveNodes(heap)).toBe(7)
      using _ = heap.scope()
      expect(stack.pop()).toBeNull()
      for (let i = 6; i >= 0; i--) expect((stack.pop() as View<typeof Node>).value).toBe(i)
      expect(thrownBy(() => stack.pop())).toMatchObject({ code: 'HW_SCOPE' })
      expect(thrownBy(() => heap.shadowStack({ slots: 9, pinning }))).toMatchObject({ argument: 'slots' })
      expectSound(heap)
    }
  })
})

describe('weak maps', () => {
  it('keep a value while its key lives, chains and cycles too', () => {
    const heap = vm()
    using _ = heap.scope()
    const map = heap.weakMap<View<typeof Node>, View<typeof Node>>()
    const key = heap.new(Node, { value: 0 })
    {
      using _inner = heap.scope()
      let last = key
      for (let i = 1; i <= 100; i++) {
        const value = heap.new(Node, { value: i })
        expect(map.has(last)).toBe(false)
        map.set(last, value)
        last = value
      }
      const self = heap.new(Node)
      map.set(self, self)
    }
    expect(liveNodes(heap)).toBe(101)
    heap.compact()
    {
      using _inner = heap.scope()
      let at: View<typeof Node> = key
      for (let i = 1; i <= 100; i++) at = map.get(at) as View<typeof Node>
      expect(at.value).toBe(100)
      expect(map.get(at)).toBeNull()
      const second = map.get(key) as View<typeof Node>
      expect(map.delete(second)).toBe(true)
      expect(map.delete(second)).toBe(false)
    }
    expect(liveNodes(heap)).toBe(2)
    expect(thrownBy(() => map.set(key, null as never))).toMatchObject({ argument: 'value' })
    expectSound(heap)
  })
})

describe('finalizers', () => {
  it('run once each, in the order of registration, with the held value', () => {
    const heap = vm()
    const told: string[] = []
    const [first, second] = [
      heap.finalizer((held: string) => told.push(`first ${held}`)),
      heap.finalizer((held: string) => told.push(`second ${held}`)),
    ]
    using _ = heap.scope()
    const kept = heap.new(Node)
    const inner = heap.scope()
    const objects = ['a', 'b', 'c', 'd'].map((name) => {
      const one = heap.new(Node)
      first.register(one, name)
      return one
    })
    second.register(objects[1] as ObjectView, 'b again')
    second.register(kept, 'kept')
    const token = first.register(objects[2] as ObjectView, 'unregistered')
    expect([second.unregister(token), first.unregister(token), first.unregister(token)]).toEqual([false, true, false])
    heap.collect()
    expect(told).toEqual([])
    inner.close()
    heap.compact()
    expect(told).toEqual(['first a', 'first b', 'first c', 'first d', 'second b again'])
    heap.collect()
    expect(told.length).toBe(5)
    expectSound(heap)
  })

  it('may use the heap, and what one throws keeps no other from running', async () => {
    const heap = vm()
    const thrown = vi.fn()
    const own = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', thrown)
    const told: number[] = []
    const finalizers = heap.finalizer((held: number) => {
      using _ = heap.scope()
      told.push(heap.new(Node, { value: held }).value)
      heap.collect()
      if (held === 1) throw new Error('from a finalizer')
    })
    {
      using _ = heap.scope()
      for (let i = 0; i < 4; i++) finalizers.register(heap.new(Node), i)
    }
    heap.collect()
    // Some may have died in a collection before.
    expect(told.slice().sort()).toEqual([0, 1, 2, 3])
    await new Promise(setImmediate)
    process.removeAllListeners('uncaughtException')
    for (const listener of own) process.on('uncaughtException', listener)
    expect(thrown).toHaveBeenCalledTimes(1)
    expectSound(heap)
  })

  it('run after an allocation that collected, and from a microtask after a guest’s', async () => {
    const heap = vm()
    const told: number[] = []
    const finalizers = heap.finalizer((held: number) => told.push(held))
    const lose = (held: number) => {
      using _ = heap.scope()
      finalizers.register(heap.new(Node), held)
    }
    lose(1)
    using _ = heap.scope()
    for (let i = 0; i < 10_000_000 && told.length === 0; i++) {
      using _inner = heap.scope()
      for (let j = 0; j < 1000; j++) heap.new(Node)
    }
    expect(told).toEqual([1])
    lose(2)
    heap.raw.collect(0)
    expect(told).toEqual([1])
    await Promise.resolve()
    expect(told).toEqual([1, 2])
  })
})

describe('a reset while room is made', () => {
  const Big = struct('Big', { list: array(i32) })

  it.each(['weak', 'root', 'weakRef', 'register', 'new'] as const)('is told by %s', (call) => {
    const heap = vm({ limit: '256KiB' })
    const finalizers = heap.finalizer(() => {})
    let isArmed = true
    heap.addReclaimer(() => {
      if (isArmed) heap.reset()
      isArmed = false
    })
    heap.scope()
    const node = heap.new(Node)
    const calls = {
      weak: () => heap.weak(node),
      root: () => heap.root(node),
      weakRef: () => heap.weakRef(node),
      register: () => finalizers.register(node, 1),
      new: () => heap.new(Big, { list: [1] }, 1000),
    }
    const error = thrownBy(() => {
      for (;;) calls[call]()
    })
    expect(isArmed).toBe(false)
    expect(error).toMatchObject({ code: 'HW_STALE_HANDLE', reason: 'heap-reset' })
    expectSound(heap)
  })
})

/**
 * Goal: each thing that can keep or watch an object, and each kind of value, is in a snapshot under the name that
 * `docs/snapshots.md` gives it; taking a snapshot changes nothing, at whatever moment it is taken.
 * Method: one object for each kind of root, one value of each kind with keys that are known, and heaps stopped in the
 * middle of a cycle. A failure means that somebody who asks what keeps an object gets no answer, or a wrong one.
 */
import { describe, expect, it } from 'vitest'
import { HEAP_COMMITTED_AT } from '../kernel/layout.js'
import { PHASE_DUE, PHASE_IDLE, PHASE_MARK, PHASE_SWEEP } from '../kernel/object-layout.js'
import {
  ArgumentError,
  array,
  ClosedError,
  CorruptionError,
  Heap,
  type HeapOptions,
  i32,
  type ObjectView,
  ref,
  type Snapshot,
  type SnapshotOptions,
  struct,
  value,
} from '../src/index.js'
import { random } from './support/random.js'

const Node = struct('Node', { value: i32, next: ref('Node'), any: value })

const TRACED: Readonly<Record<string, HeapOptions>> = {
  runtime: { mode: 'runtime' },
  vm: { mode: 'vm' },
  server: { mode: 'server' },
  embedded: { mode: 'embedded', limit: '1MiB' },
}
const ALL: Readonly<Record<string, HeapOptions>> = { manual: { mode: 'manual' }, ...TRACED }

/** Who refers to the object at a reference: `(handles) element [0]`. */
function keepersOf({ graph }: Snapshot, reference: number): string[] {
  const node = graph.nodeById(reference + 1)
  if (node === undefined) return ['nobody: it is not there']
  return graph.retainers(node).map(({ type, label, node: from }) => `${graph.node(from).name} ${type} ${label}`)
}

/** What the object at a reference refers to, by edge: `property x` → name of the target. */
function edgesOf({ graph }: Snapshot, reference: number): Record<string, string> {
  const edges = graph.edges(graph.nodeById(reference + 1) as number)
  return Object.fromEntries(edges.map(({ type, label, node }) => [`${type} ${label}`, graph.node(node).name]))
}

/** Follow the edges of the names from the object at a reference: that of the object at the end. */
function follow({ graph }: Snapshot, reference: number, ...names: string[]): number {
  let node = graph.nodeById(reference + 1) as number
  for (const name of names) {
    const edge = graph.edges(node).find(({ type, label }) => `${type} ${label}` === name)
    expect(`${graph.describe(node)} ${edge ? name : 'has no such edge'}`).toBe(`${graph.describe(node)} ${name}`)
    node = edge?.node as number
  }
  return Number(graph.node(node).id) - 1
}

describe('roots', () => {
  it.each(Object.entries(TRACED))('of mode %s: each kind is a group', (_, options) => {
    const heap = Heap.create(options)
    const word = heap.alloc(16)
    heap.scope()
    const make = () => heap.new(Node)
    const [handle, strong, pinned, weak, slotted] = [make(), make(), make(), make(), make()]
    const [global, pending, shadow, pinning, finalized] = [make(), make(), make(), make(), make()]
    heap.root(strong)
    heap.pin(pinned)
    heap.weak(weak)
    heap.writeU32(word, 0)
    heap.rootSlot(word)
    heap.writeU32(word, slotted.reference)
    heap.globalObject = global
    heap.pendingException = pending
    heap.shadowStack().push(shadow)
    heap.shadowStack({ pinning: true }).push(pinning)
    heap.finalizer(() => {}).register(finalized, 1)
    const { roots } = heap.loadImage(heap.freeze({ node: make() }), { node: Node })
    const snapshot = heap.snapshot()
    const keepers = (view: ObjectView | undefined) => keepersOf(snapshot, view?.reference ?? 0)
    const handles = (view: ObjectView | undefined) =>
      keepers(view).filter((keeper) => !keeper.startsWith('(handles) element'))
    expect(keepers(handle)).toEqual(['(handles) element [0]'])
    expect(handles(strong)).toEqual(['(strong roots) element [0]'])
    expect(handles(pinned)).toEqual(['(pinned) element [0]'])
    expect(handles(weak)).toEqual(['(weak roots) weak weak'])
    expect(handles(slotted)).toEqual(['(slots) element [0]'])
    expect(handles(global)).toEqual(['(roots) property global object'])
    expect(handles(pending)).toEqual(['(roots) property pending exception'])
    expect(handles(shadow)).toEqual(['(shadow stack) element [0]'])
    expect(handles(pinning)).toEqual(['(pinning shadow stack) element [0]'])
    expect(handles(finalized)).toEqual(['(finalizers) weak weak'])
    expect(handles(roots.node)).toEqual(['(strong roots) element [1]', '(images) element [0]'])
    expect(snapshot.bytes).toBe(heap.stats().committedBytes)
    heap.close()
  })

  it('of mode manual: counts that nobody else explains are a group, stacks keep nothing', () => {
    const heap = Heap.create({ mode: 'manual' })
    const scope = heap.scope()
    const make = () => heap.new(Node)
    const [counted, rooted, pushed, both] = [make(), make(), make(), make()]
    heap.incref(counted)
    heap.root(rooted)
    heap.root(pushed)
    heap.shadowStack().push(pushed)
    heap.root(both)
    heap.incref(both)
    const bytes = heap.allocRefcounted(100)
    const references = [counted, rooted, pushed, both].map(({ reference }) => reference)
    scope[Symbol.dispose]()
    const snapshot = heap.snapshot()
    expect(references.map((reference) => keepersOf(snapshot, reference))).toEqual([
      ['(counts) element [0]'],
      ['(strong roots) element [0]'],
      ['(strong roots) element [1]', '(shadow stack) weak weak'],
      ['(strong roots) element [2]', '(counts) element [1]'],
    ])
    expect(keepersOf(snapshot, bytes)).toEqual(['(counts) element [2]'])
    expect(snapshot.bytes).toBe(heap.stats().committedBytes)
    heap.close()
  })

  it('of mode manual: a cycle that only its own counts keep is told apart until it is collected', () => {
    const heap = Heap.create({ mode: 'manual' })
    const scope = heap.scope()
    const first = heap.new(Node)
    first.next = heap.new(Node, { next: first })
    const { reference } = first
    scope[Symbol.dispose]()
    expect(keepersOf(heap.snapshot({ collect: false }), reference)).toContain('(unreachable) element [0]')
    expect(keepersOf(heap.snapshot(), reference)).toEqual(['nobody: it is not there'])
    heap.close()
  })
})

describe('weak things', () => {
  it.each(Object.entries(TRACED))('of mode %s keep nothing, but a value by its key', (_, options) => {
    const heap = Heap.create(options)
    const scope = heap.scope()
    const [key, held, target] = [heap.new(Node), heap.new(Node), heap.new(Node)]
    const map = heap.weakMap()
    map.set(key, held)
    const weak = heap.weakRef(target)
    const kept = [key, target, map, weak].map((view) => heap.root(view as ObjectView))
    held.next = key
    scope[Symbol.dispose]()
    const snapshot = heap.snapshot()
    const { graph } = snapshot
    const [keyAt, targetAt, mapAt, weakAt] = kept.map((root) => root.value.reference) as [
      number,
      number,
      number,
      number,
    ]
    expect(edgesOf(snapshot, weakAt)).toEqual({ 'weak target': 'Node' })
    const table = follow(snapshot, mapAt, 'property table')
    const entry = Object.keys(edgesOf(snapshot, keyAt))
    expect(entry).toHaveLength(1)
    expect(entry[0]).toMatch(/^internal \d+ \/ part of key \(Node @\d+\) -> value \(Node @\d+\) pair in WeakMap/)
    const valueAt = follow(snapshot, keyAt, entry[0] as string)
    expect(Object.keys(edgesOf(snapshot, table)).map((name) => name.split(' ')[0])).toEqual(['weak', 'internal'])
    const node = (reference: number) => graph.nodeById(reference + 1) as number
    expect(graph.dominators()[node(valueAt)]).toBe(node(keyAt))
    expect(graph.retainers(node(targetAt)).filter(({ isKeeping }) => isKeeping)).toHaveLength(1)
    for (const root of kept) root.dispose()
    expect(
      heap
        .snapshot()
        .graph.histogram()
        .filter(({ className }) => className === 'Node'),
    ).toEqual([])
    heap.close()
  })
})

describe('values', () => {
  it.each(Object.entries(ALL))('of mode %s have the names of their keys', (_, options) => {
    const heap = Heap.create(options)
    heap.scope()
    const object = heap.values.object()
    const target = heap.new(Node)
    // Inline slots, and further ones.
    for (let i = 0; i < 40; i++) object.set(`key ${i}`, target)
    const many = heap.values.object()
    for (let i = 0; i < 300; i++) many.set(`own ${i}`, i % 2 === 0 ? target : i)
    many.set(7, target)
    const dictionary = heap.values.dictionary()
    for (let i = 0; i < 1500; i++) dictionary.set(i % 2 === 0 ? `name ${i}` : i, target)
    dictionary.set(target, 'by object')
    const list = heap.values.array('value', [1, target, 'text', null, 2.5])
    const wide = heap.values.array('wide', [1.5, target])
    target.any = 'any value'
    const snapshot = heap.snapshot()

    const own = edgesOf(snapshot, object.reference)
    const more = edgesOf(snapshot, follow(snapshot, object.reference, 'internal more'))
    for (let i = 0; i < 40; i++) expect([i, { ...own, ...more }[`property key ${i}`]]).toEqual([i, 'Node'])
    expect(edgesOf(snapshot, follow(snapshot, object.reference, 'internal shape'))).toHaveProperty('internal keys')

    const inside = follow(snapshot, many.reference, 'internal dictionary')
    expect(entriesOf(snapshot, inside).filter((name) => name.startsWith('property own'))).toHaveLength(150)
    expect(entriesOf(snapshot, inside)).toContain('element [7]')
    const entries = entriesOf(snapshot, dictionary.reference)
    const numbers = Array.from({ length: 1500 }, (_, i) => i)
    expect(numbers.filter((i) => !entries.includes(i % 2 === 0 ? `property name ${i}` : `element [${i}]`))).toEqual([])
    expect(entries).toContain(`property [Node @${target.reference + 1}]`)

    expect(edgesOf(snapshot, follow(snapshot, list.reference, 'internal store'))).toEqual({
      'element [1]': 'Node',
      'element [2]': 'text',
      'element [4]': '2.5',
    })
    expect(edgesOf(snapshot, follow(snapshot, wide.reference, 'internal store'))).toEqual({ 'element [1]': 'Node' })
    expect(edgesOf(snapshot, target.reference)).toEqual({ 'property any': 'any value' })
    expect(snapshot.bytes).toBe(heap.stats().committedBytes)
    expect(heap.verify()).toEqual({ ok: true })
    heap.close()
  })

  it('texts are cut between characters, or left out with all keys', () => {
    const heap = Heap.create({ mode: 'vm' })
    heap.scope()
    const long = heap.values.string('ä'.repeat(1000))
    const short = heap.values.string('short')
    const object = heap.values.object()
    object.set('secret', short)
    const dictionary = heap.values.dictionary()
    dictionary.set('password', short)
    const nameOf = (snapshot: Snapshot, view: ObjectView) =>
      snapshot.graph.node(snapshot.graph.nodeById(view.reference + 1) as number).name
    expect(nameOf(heap.snapshot(), long)).toBe(`${'ä'.repeat(512)}…`)
    expect(nameOf(heap.snapshot({ textMaxBytes: 5 }), long)).toBe('ää…')
    expect(nameOf(heap.snapshot({ textMaxBytes: 5 }), short)).toBe('short')
    expect(nameOf(heap.snapshot({ textMaxBytes: 0 }), short)).toBe('…')
    const silent = heap.snapshot({ texts: false })
    expect(nameOf(silent, short)).toBe('#string')
    const all = Array.from({ length: silent.strings.count }, (_, i) => silent.strings.at(i)).join('\n')
    for (const text of ['short', 'secret', 'password', 'ä']) expect(all).not.toContain(text)
    expect(edgesOf(silent, object.reference)).toMatchObject({ 'element [0]': '#string' })
    heap.close()
  })
})

/** Names of the edges to the values of a dictionary. */
function entriesOf(snapshot: Snapshot, dictionary: number): string[] {
  const { graph } = snapshot
  const isSegment = ({ label }: { readonly label: string }) => label === 'segment'
  const parts = graph.edges(graph.nodeById(dictionary + 1) as number)
  const directories = parts.filter(({ label }) => label === 'directory').flatMap(({ node }) => graph.edges(node))
  const segments = [...parts, ...directories].filter(isSegment)
  const entries = segments.flatMap(({ node }) => graph.edges(node))
  return entries.filter(({ label }) => label !== 'key').map(({ type, label }) => `${type} ${label}`)
}

describe('at any moment', () => {
  it.each(Object.entries(ALL))('of mode %s: a snapshot changes no byte, and gives no identity hash', (_, options) => {
    const heap = Heap.create({ limit: '16MiB', ...options })
    heap.scope()
    const nodes = Array.from({ length: 200 }, (_, i) => heap.new(Node, { value: i, any: `text ${i}` }))
    const before = heap.snapshot()
    const bytes = new Uint8Array(heap.memory.buffer).slice()
    const again = heap.snapshot({ collect: false })
    expect(Buffer.compare(new Uint8Array(heap.memory.buffer), bytes)).toBe(0)
    expect([...again.write()]).toEqual([...before.write()])
    expect(nodes.some((node) => heap.describe(node).hash !== undefined)).toBe(false)
    heap.close()
  })

  it('while a cycle of mode server is marking or sweeping, and it ends as it would have', () => {
    const heap = Heap.create({ mode: 'server', limit: '32MiB', old: '1MiB', debug: true })
    const List = struct('List', { items: array(ref()) })
    heap.scope()
    const list = heap.root(heap.new(List, {}, 1000))
    const phases = new Set<number>()
    const next = random(1)
    for (let round = 0; round < 250; round++) {
      const scope = heap.scope()
      for (let i = 0; i < 1000; i++) {
        const node = heap.new(Node, { value: round })
        if (i % 3 === 0) list.value.items.set(i, node)
      }
      scope[Symbol.dispose]()
      heap.collect({ kind: 'minor' })
      const phase = heap.raw.step(next(600) + 1)
      if (phase === PHASE_IDLE || phase === PHASE_DUE) continue
      phases.add(phase)
      const snapshot = heap.snapshot({ collect: false })
      expect(snapshot.bytes).toBe(heap.stats().committedBytes)
      const held = edgesOf(snapshot, list.value.reference)
      expect(Object.keys(held)).toHaveLength(334)
      expect(heap.verify()).toEqual({ ok: true })
    }
    expect([...phases]).toEqual(expect.arrayContaining([PHASE_MARK, PHASE_SWEEP]))
    const nodes = heap
      .snapshot()
      .graph.histogram()
      .find(({ className }) => className === 'Node')
    expect(nodes?.count).toBe(334)
    heap.close()
  })

  it('while blocks of objects are still to be swept: what died is not in it', () => {
    const heap = Heap.create({ mode: 'vm' })
    heap.scope()
    const kept = Array.from({ length: 20 }, () => {
      const root = heap.root(heap.new(Node))
      const scope = heap.scope()
      for (let i = 0; i < 5000; i++) heap.new(Node)
      scope[Symbol.dispose]()
      return root
    })
    const reached = () => kept.filter((root) => !root.isDisposed).length
    heap.collect()
    const snapshot = heap.snapshot({ collect: false })
    const handles = heap
      .snapshot()
      .graph.histogram()
      .find(({ className }) => className === 'Node')?.count
    expect(snapshot.graph.histogram().find(({ className }) => className === 'Node')?.count).toBe(handles)
    expect(handles).toBe(reached())
    heap.close()
  })
})

describe('a heap that somebody else made', () => {
  it.each(Object.entries(ALL))('in mode %s has the same in it', (_, options) => {
    const heap = Heap.create({ limit: '16MiB', ...options })
    heap.scope()
    heap.root(heap.new(Node, { value: 1, any: 'text', next: heap.new(Node) }))
    heap.alloc(100)
    const own = heap.snapshot({ collect: false })
    const attached = Heap.attach(heap.memory, heap.base).snapshot({ collect: false })
    expect([...attached.write()]).toEqual([...own.write()])
    heap.close()
  })
})

describe('what cannot be', () => {
  it.each([
    ['an option that is not there', { deep: true }],
    ['collect', { collect: 1 }],
    ['texts', { texts: 'no' }],
    ['textMaxBytes', { textMaxBytes: -1 }],
    ['textMaxBytes', { textMaxBytes: 2 ** 20 + 1 }],
    ['blocks', { blocks: 'all' }],
  ])('%s is refused, and nothing is collected', (_, options) => {
    const heap = Heap.create({ mode: 'vm' })
    expect(() => heap.snapshot(options as SnapshotOptions)).toThrow(ArgumentError)
    expect(heap.stats().collections).toBe(0)
    heap.close()
    expect(() => heap.snapshot()).toThrow(ClosedError)
  })

  it('a heap whose structures were overwritten says where', () => {
    const heap = Heap.create()
    heap.alloc(3000)
    const [block] = heap.blocks()
    const { memory, base } = heap
    const committed = new DataView(memory.buffer).getUint32(base + HEAP_COMMITTED_AT, true)
    // The byte maps and descriptors of the first chunk, but for its header.
    const chunk = Math.ceil((base + 24_000) / 4096) * 4096
    new Uint8Array(memory.buffer).fill(0x07, chunk + 64, chunk + 4000)
    expect(committed).toBeGreaterThan(0)
    expect(block).toBeDefined()
    expect(() => heap.snapshot()).toThrow(CorruptionError)
  })

  it('an object whose length was overwritten is named', () => {
    const heap = Heap.create({ mode: 'vm' })
    heap.scope()
    const node = heap.new(Node)
    heap.collect()
    heap.writeU32(node.reference - 4, 0x7fffff00)
    expect(() => heap.snapshot({ collect: false })).toThrow(CorruptionError)
  })

  it('a listener that closes the heap during the collection ends it', () => {
    const heap = Heap.create({ mode: 'vm' })
    heap.on('collectEnd', () => heap.close())
    expect(() => heap.snapshot()).toThrow(ClosedError)
  })
})
